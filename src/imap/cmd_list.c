/* LIST with all its options (RFC 9051 section 6.3.9, RFC 9590), LSUB. */

#include "imap/cmd.h"
#include "imap/limits.h"

struct option {
	struct view name;
	enum command_list_option bit;
};

static const struct option selects[] = {
	{ VIEW_LIT("SUBSCRIBED"), COMMAND_LIST_SUBSCRIBED },
	{ VIEW_LIT("REMOTE"), COMMAND_LIST_REMOTE },
	{ VIEW_LIT("RECURSIVEMATCH"), COMMAND_LIST_RECURSIVEMATCH },
	{ VIEW_LIT("SPECIAL-USE"), COMMAND_LIST_SPECIAL_USE },
};

static const struct option returns[] = {
	{ VIEW_LIT("SUBSCRIBED"), COMMAND_LIST_SUBSCRIBED },
	{ VIEW_LIT("CHILDREN"), COMMAND_LIST_CHILDREN },
	{ VIEW_LIT("SPECIAL-USE"), COMMAND_LIST_SPECIAL_USE },
	{ VIEW_LIT("STATUS"), COMMAND_LIST_STATUS },
	{ VIEW_LIT("METADATA"), COMMAND_LIST_METADATA },
};

static bool
take_option(
    struct lexer *lx, const struct option *table, size_t n, unsigned *bit)
{
	struct view name;

	if (!lexer_atom(lx, "a LIST option", &name))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!view_eq_ci(name, table[i].name))
			continue;
		*bit = table[i].bit;
		return true;
	}
	return lexer_fail(lx, COMMAND_BAD, "unknown LIST option");
}

/* list-select-opts = "(" [...] ")" ; RECURSIVEMATCH needs a base option
 * beside it, and REMOTE is none */
static bool
take_selects(struct lexer *lx, unsigned *out)
{
	const unsigned base =
	    COMMAND_LIST_SUBSCRIBED | COMMAND_LIST_SPECIAL_USE;
	unsigned bit;

	if (!lexer_char(lx, '('))
		return false;
	if (lexer_try(lx, ')'))
		return true;
	do {
		if (!take_option(lx, selects,
			sizeof(selects) / sizeof(selects[0]), &bit))
			return false;
		*out |= bit;
	} while (lexer_try(lx, ' '));
	if ((*out & COMMAND_LIST_RECURSIVEMATCH) != 0 && (*out & base) == 0)
		return lexer_fail(lx, COMMAND_BAD,
		    "RECURSIVEMATCH without an option it applies to");
	return lexer_char(lx, ')');
}

/* list-return-opts = "RETURN" SP "(" [return-option *(SP ...)] ")"
 * status-option = "STATUS" SP "(" status-att *(SP status-att) ")"
 * return-option =/ "METADATA" SP entries (RFC 9590) */
static bool
take_returns(struct lexer *lx, struct command_list *u)
{
	unsigned bit;

	if (!lexer_try_word(lx, VIEW_LIT("RETURN")))
		return lexer_fail(lx, COMMAND_BAD, "expected RETURN");
	if (!lexer_sp(lx) || !lexer_char(lx, '('))
		return false;
	if (lexer_try(lx, ')'))
		return true;
	do {
		if (!take_option(lx, returns,
			sizeof(returns) / sizeof(returns[0]), &bit))
			return false;
		u->returns |= bit;
		if (bit == COMMAND_LIST_STATUS &&
		    (!lexer_sp(lx) || !lexer_status_items(lx, &u->status)))
			return false;
		if (bit == COMMAND_LIST_METADATA &&
		    (!lexer_sp(lx) ||
			!cmd_entries(lx, &u->entries, &u->n_entries)))
			return false;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')');
}

/* mbox-or-pat = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")" */
static bool
take_patterns(struct lexer *lx, struct command_list *u)
{
	struct command_mailbox *m = NULL;
	size_t cap = 0;
	bool list = lexer_try(lx, '(');

	do {
		m = lexer_grow(
		    lx, m, u->n, &cap, sizeof(*m), LIMITS_PATTERNS, "patterns");
		if (m == NULL || !lexer_list_mailbox(lx, true, &m[u->n]))
			return false;
		u->n++;
		u->patterns = m;
	} while (list && lexer_try(lx, ' '));
	u->extended = u->extended || list;
	return !list || lexer_char(lx, ')');
}

/* list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat
 *        [SP list-return-opts] */
bool
cmd_list(struct lexer *lx, struct command *out)
{
	struct command_list *u = &out->u.list;

	if (!lexer_sp(lx))
		return false;
	if (lexer_peek(lx) == '(') {
		u->extended = true;
		if (!take_selects(lx, &u->selects) || !lexer_sp(lx))
			return false;
	}
	if (!lexer_list_mailbox(lx, false, &u->reference) || !lexer_sp(lx) ||
	    !take_patterns(lx, u))
		return false;
	if (lx->in.n < 2 || lx->in.p[1] == ' ' || !lexer_try(lx, ' '))
		return true;
	u->extended = true;
	return take_returns(lx, u);
}

/* lsub = "LSUB" SP mailbox SP list-mailbox (RFC 3501) */
bool
cmd_lsub(struct lexer *lx, struct command *out)
{
	struct command_list *u = &out->u.list;
	struct command_mailbox *m = lexer_alloc(lx, sizeof(*m));

	if (m == NULL || !lexer_sp(lx) ||
	    !lexer_list_mailbox(lx, false, &u->reference) || !lexer_sp(lx) ||
	    !lexer_list_mailbox(lx, true, m))
		return false;
	u->patterns = m;
	u->n = 1;
	return true;
}
