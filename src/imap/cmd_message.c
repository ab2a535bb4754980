/* Commands on messages, but for SEARCH and FETCH. */

#include "imap/cmd.h"

/* "EXPUNGE" / "UID" SP "EXPUNGE" SP sequence-set (RFC 9051 6.4.9) */
bool
cmd_expunge(struct lexer *lx, struct command *out)
{
	if (!out->uid)
		return true;
	return lexer_sp(lx) && lexer_seqset(lx, &out->u.set);
}

static const struct {
	struct view name;
	enum command_store_mode mode;
	bool silent;
} store_items[] = {
	{ VIEW_LIT("FLAGS"), COMMAND_STORE_REPLACE, false },
	{ VIEW_LIT("FLAGS.SILENT"), COMMAND_STORE_REPLACE, true },
	{ VIEW_LIT("+FLAGS"), COMMAND_STORE_ADD, false },
	{ VIEW_LIT("+FLAGS.SILENT"), COMMAND_STORE_ADD, true },
	{ VIEW_LIT("-FLAGS"), COMMAND_STORE_REMOVE, false },
	{ VIEW_LIT("-FLAGS.SILENT"), COMMAND_STORE_REMOVE, true },
};

/* (["+" / "-"] "FLAGS" [".SILENT"]) */
static bool
take_store_item(struct lexer *lx, struct command_store *u)
{
	for (size_t i = 0; i < sizeof(store_items) / sizeof(store_items[0]);
	     i++) {
		if (!lexer_try_word(lx, store_items[i].name))
			continue;
		u->mode = store_items[i].mode;
		u->silent = store_items[i].silent;
		return true;
	}
	return lexer_fail(lx, COMMAND_BAD, "expected FLAGS, +FLAGS or -FLAGS");
}

/* store = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags
 * store-att-flags = item SP (flag-list / (flag *(SP flag))) */
bool
cmd_store(struct lexer *lx, struct command *out)
{
	struct command_store *u = &out->u.store;

	if (!lexer_sp(lx) || !lexer_seqset(lx, &u->set) || !lexer_sp(lx))
		return false;
	while (lexer_try(lx, ' ')) /* servers take more (docs/violations.md) */
		continue;
	if (lexer_peek(lx) == '(' &&
	    (!lexer_params(lx, &u->modifiers) || !lexer_sp(lx)))
		return false;
	return take_store_item(lx, u) && lexer_sp(lx) &&
	    lexer_flags(lx, true, &u->flags);
}

/* copy = "COPY" SP sequence-set SP mailbox, and MOVE */
bool
cmd_copy(struct lexer *lx, struct command *out)
{
	return lexer_sp(lx) && lexer_seqset(lx, &out->u.copy.set) &&
	    lexer_sp(lx) && lexer_mailbox(lx, &out->u.copy.mailbox);
}
