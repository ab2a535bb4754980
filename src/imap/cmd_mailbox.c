/* Commands that name mailboxes. */

#include "imap/cmd.h"

/* select = "SELECT" SP mailbox [select-params]
 * select-params = SP "(" select-param *(SP select-param) ")" (RFC 4466) */
bool
cmd_select(struct lexer *lx, struct command *out)
{
	struct command_select *u = &out->u.select;

	if (!lexer_sp(lx) || !lexer_mailbox(lx, &u->mailbox))
		return false;
	if (!view_starts(lx->in, VIEW_LIT(" (")))
		return true;
	return lexer_sp(lx) && lexer_params(lx, &u->params);
}

/* "USE" SP "(" [use-attr *(SP use-attr)] ")" (RFC 6154) */
static bool
take_use(struct lexer *lx, struct command_create *u)
{
	if (!lexer_try_word(lx, VIEW_LIT("USE")))
		return lexer_fail(lx, COMMAND_BAD, "unknown CREATE parameter");
	if (!lexer_sp(lx) || !lexer_char(lx, '('))
		return false;
	if (lexer_try(lx, ')'))
		return true;
	do {
		struct view at = lx->in, name;
		unsigned bit;

		if (!lexer_char(lx, '\\') ||
		    !lexer_atom(lx, "a special use", &name))
			return false;
		bit = listattr_bit(view_sub(at, 0, name.n + 1)) &
		    LISTATTR_SPECIAL_USE;
		u->use |= bit;
		u->unknown_use = u->unknown_use || bit == 0;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')');
}

/* create = "CREATE" SP mailbox [SP "(" create-param ")"] */
bool
cmd_create(struct lexer *lx, struct command *out)
{
	struct command_create *u = &out->u.create;

	if (!lexer_sp(lx) || !lexer_mailbox(lx, &u->mailbox))
		return false;
	if (!view_starts(lx->in, VIEW_LIT(" (")))
		return true;
	view_skip(&lx->in, 2);
	return take_use(lx, u) && lexer_char(lx, ')');
}

/* "DELETE" SP mailbox, and others */
bool
cmd_mailbox(struct lexer *lx, struct command *out)
{
	return lexer_sp(lx) && lexer_mailbox(lx, &out->u.mailbox);
}

/* rename = "RENAME" SP mailbox SP mailbox */
bool
cmd_rename(struct lexer *lx, struct command *out)
{
	return lexer_sp(lx) && lexer_mailbox(lx, &out->u.rename.from) &&
	    lexer_sp(lx) && lexer_mailbox(lx, &out->u.rename.to);
}

/* status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
bool
cmd_status(struct lexer *lx, struct command *out)
{
	return lexer_sp(lx) && lexer_mailbox(lx, &out->u.status.mailbox) &&
	    lexer_sp(lx) && lexer_status_items(lx, &out->u.status.items);
}
