/*
 * SEARCH. A search key is a row of a table: its name, what comes out of it, and
 * the function that takes its arguments. Keys hold keys, so the recursion is
 * counted, and so are the keys of one command.
 */

#include "imap/cmd.h"
#include "imap/datetime.h"
#include "imap/limits.h"

struct key_row;
typedef bool key_fn(
    struct lexer *lx, const struct key_row *row, struct searchkey *out);

static key_fn key_all, key_flags, key_keyword, key_field, key_header, key_text,
    key_number, key_date, key_uid, key_not, key_or;

static const struct key_row {
	struct view name;
	key_fn *take;
	enum searchkey_kind kind;
	unsigned a; /* flags set; date: enum searchkey_when; keyword: absent */
	unsigned b; /* flags clear; date: sent */
} key_rows[] = {
	{ VIEW_LIT("ALL"), key_all, SEARCHKEY_ALL, 0, 0 },
	{ VIEW_LIT("ANSWERED"), key_flags, SEARCHKEY_FLAGS, FLAGS_ANSWERED, 0 },
	{ VIEW_LIT("BCC"), key_field, SEARCHKEY_HEADER, 0, 0 },
	{ VIEW_LIT("BEFORE"), key_date, SEARCHKEY_DATE, SEARCHKEY_BEFORE, 0 },
	{ VIEW_LIT("BODY"), key_text, SEARCHKEY_BODY, 0, 0 },
	{ VIEW_LIT("CC"), key_field, SEARCHKEY_HEADER, 0, 0 },
	{ VIEW_LIT("DELETED"), key_flags, SEARCHKEY_FLAGS, FLAGS_DELETED, 0 },
	{ VIEW_LIT("DRAFT"), key_flags, SEARCHKEY_FLAGS, FLAGS_DRAFT, 0 },
	{ VIEW_LIT("FLAGGED"), key_flags, SEARCHKEY_FLAGS, FLAGS_FLAGGED, 0 },
	{ VIEW_LIT("FROM"), key_field, SEARCHKEY_HEADER, 0, 0 },
	{ VIEW_LIT("HEADER"), key_header, SEARCHKEY_HEADER, 0, 0 },
	{ VIEW_LIT("KEYWORD"), key_keyword, SEARCHKEY_KEYWORD, 0, 0 },
	{ VIEW_LIT("LARGER"), key_number, SEARCHKEY_LARGER, 0, 0 },
	{ VIEW_LIT("NEW"), key_flags, SEARCHKEY_FLAGS, FLAGS_RECENT,
	    FLAGS_SEEN },
	{ VIEW_LIT("NOT"), key_not, SEARCHKEY_NOT, 0, 0 },
	{ VIEW_LIT("OLD"), key_flags, SEARCHKEY_FLAGS, 0, FLAGS_RECENT },
	{ VIEW_LIT("OLDER"), key_number, SEARCHKEY_OLDER, 1, 0 },
	{ VIEW_LIT("ON"), key_date, SEARCHKEY_DATE, SEARCHKEY_ON, 0 },
	{ VIEW_LIT("OR"), key_or, SEARCHKEY_OR, 0, 0 },
	{ VIEW_LIT("RECENT"), key_flags, SEARCHKEY_FLAGS, FLAGS_RECENT, 0 },
	{ VIEW_LIT("SEEN"), key_flags, SEARCHKEY_FLAGS, FLAGS_SEEN, 0 },
	{ VIEW_LIT("SENTBEFORE"), key_date, SEARCHKEY_DATE, SEARCHKEY_BEFORE,
	    1 },
	{ VIEW_LIT("SENTON"), key_date, SEARCHKEY_DATE, SEARCHKEY_ON, 1 },
	{ VIEW_LIT("SENTSINCE"), key_date, SEARCHKEY_DATE, SEARCHKEY_SINCE, 1 },
	{ VIEW_LIT("SINCE"), key_date, SEARCHKEY_DATE, SEARCHKEY_SINCE, 0 },
	{ VIEW_LIT("SMALLER"), key_number, SEARCHKEY_SMALLER, 0, 0 },
	{ VIEW_LIT("SUBJECT"), key_field, SEARCHKEY_HEADER, 0, 0 },
	{ VIEW_LIT("TEXT"), key_text, SEARCHKEY_TEXT, 0, 0 },
	{ VIEW_LIT("TO"), key_field, SEARCHKEY_HEADER, 0, 0 },
	{ VIEW_LIT("UID"), key_uid, SEARCHKEY_UID, 0, 0 },
	{ VIEW_LIT("UNANSWERED"), key_flags, SEARCHKEY_FLAGS, 0,
	    FLAGS_ANSWERED },
	{ VIEW_LIT("UNDELETED"), key_flags, SEARCHKEY_FLAGS, 0, FLAGS_DELETED },
	{ VIEW_LIT("UNDRAFT"), key_flags, SEARCHKEY_FLAGS, 0, FLAGS_DRAFT },
	{ VIEW_LIT("UNFLAGGED"), key_flags, SEARCHKEY_FLAGS, 0, FLAGS_FLAGGED },
	{ VIEW_LIT("UNKEYWORD"), key_keyword, SEARCHKEY_KEYWORD, 1, 0 },
	{ VIEW_LIT("UNSEEN"), key_flags, SEARCHKEY_FLAGS, 0, FLAGS_SEEN },
	{ VIEW_LIT("YOUNGER"), key_number, SEARCHKEY_YOUNGER, 1, 0 },
};

static bool
key_all(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	(void)lx;
	(void)row;
	(void)out;
	return true;
}

static bool
key_flags(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	(void)lx;
	out->u.flags.set = row->a;
	out->u.flags.clear = row->b;
	return true;
}

/* SP flag-keyword */
static bool
key_keyword(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	out->u.keyword.absent = row->a != 0;
	return lexer_sp(lx) &&
	    lexer_atom(lx, "a keyword", &out->u.keyword.name);
}

/* SP astring; the row's name is the field's */
static bool
key_field(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	out->u.header.field = row->name;
	return lexer_sp(lx) && lexer_astring(lx, &out->u.header.string);
}

/* SP header-fld-name SP astring */
static bool
key_header(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	(void)row;
	return lexer_sp(lx) && lexer_astring(lx, &out->u.header.field) &&
	    lexer_sp(lx) && lexer_astring(lx, &out->u.header.string);
}

/* SP astring */
static bool
key_text(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	(void)row;
	return lexer_sp(lx) && lexer_astring(lx, &out->u.string);
}

/* SP number64, or SP nz-number */
static bool
key_number(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	return lexer_sp(lx) &&
	    lexer_number(lx, row->a, row->a != 0 ? UINT32_MAX : INT64_MAX,
		&out->u.number);
}

/* SP date ; date = date-text / DQUOTE date-text DQUOTE */
static bool
key_date(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	bool quoted;

	if (!lexer_sp(lx))
		return false;
	out->u.date.when = (enum searchkey_when)row->a;
	out->u.date.sent = row->b != 0;
	quoted = lexer_try(lx, '"');
	if (!datetime_take_date(&lx->in, &out->u.date.days))
		return lexer_fail(lx, COMMAND_BAD, "malformed date");
	return !quoted || lexer_char(lx, '"');
}

/* SP sequence-set */
static bool
key_uid(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	(void)row;
	return lexer_sp(lx) && lexer_seqset(lx, &out->u.set);
}

static bool take_key(struct lexer *lx, struct searchkey *out);

/* n keys, each with a space before it */
static bool
take_below(struct lexer *lx, size_t n, struct searchkey *out)
{
	struct searchkey *k = lexer_alloc(lx, n * sizeof(*k));

	if (k == NULL)
		return false;
	out->keys = k;
	out->n = n;
	for (size_t i = 0; i < n; i++)
		if (!lexer_sp(lx) || !take_key(lx, &k[i]))
			return false;
	return true;
}

static bool
key_not(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	(void)row;
	return take_below(lx, 1, out);
}

static bool
key_or(struct lexer *lx, const struct key_row *row, struct searchkey *out)
{
	(void)row;
	return take_below(lx, 2, out);
}

/* search-key *(SP search-key), up to a ")" or the end */
static bool
take_keys(struct lexer *lx, struct searchkey *out)
{
	struct searchkey *k = NULL;
	size_t cap = 0;

	out->kind = SEARCHKEY_AND;
	do {
		k = lexer_grow(lx, k, out->n, &cap, sizeof(*k),
		    LIMITS_SEARCH_KEYS, "search keys");
		if (k == NULL || !take_key(lx, &k[out->n]))
			return false;
		out->n++;
		out->keys = k;
	} while (lx->in.n > 1 && lx->in.p[1] != ' ' && lx->in.p[1] != ')' &&
	    lexer_try(lx, ' '));
	return true;
}

/* Other servers take spaces inside the parentheses (docs/violations.md). */
static void
skip_spaces(struct lexer *lx)
{
	while (lexer_try(lx, ' '))
		continue;
}

static bool
take_named(struct lexer *lx, struct searchkey *out)
{
	struct view at = lx->in, name;

	if (!lexer_atom(lx, "a search key", &name))
		return false;
	for (size_t i = 0; i < sizeof(key_rows) / sizeof(key_rows[0]); i++) {
		if (!view_eq_ci(name, key_rows[i].name))
			continue;
		out->kind = key_rows[i].kind;
		return key_rows[i].take(lx, &key_rows[i], out);
	}
	lx->in = at; /* for the position */
	return lexer_fail(lx, COMMAND_BAD, "unknown search key");
}

/* search-key = ... / sequence-set / "(" search-key *(SP search-key) ")" */
static bool
take_key(struct lexer *lx, struct searchkey *out)
{
	int c = lexer_peek(lx);
	bool ok;

	if (lx->keys++ == LIMITS_SEARCH_KEYS)
		return lexer_too_many(lx, LIMITS_SEARCH_KEYS, "search keys");
	if (c == '$' || c == '*' || (c >= '0' && c <= '9')) {
		out->kind = SEARCHKEY_SEQ;
		return lexer_seqset(lx, &out->u.set);
	}
	if (lx->depth == LIMITS_DEPTH)
		return lexer_too_many(
		    lx, LIMITS_DEPTH, "search keys in each other");
	lx->depth++;
	if (lexer_try(lx, '(')) {
		skip_spaces(lx);
		ok = take_keys(lx, out);
		skip_spaces(lx);
		ok = ok && lexer_char(lx, ')');
	} else
		ok = take_named(lx, out);
	lx->depth--;
	return ok;
}

static const struct {
	struct view name;
	enum command_search_return bit;
} options[] = {
	{ VIEW_LIT("MIN"), COMMAND_SEARCH_MIN },
	{ VIEW_LIT("MAX"), COMMAND_SEARCH_MAX },
	{ VIEW_LIT("ALL"), COMMAND_SEARCH_ALL },
	{ VIEW_LIT("COUNT"), COMMAND_SEARCH_COUNT },
	{ VIEW_LIT("SAVE"), COMMAND_SEARCH_SAVE },
};

static bool
take_option(struct lexer *lx, unsigned *out)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!lexer_try_word(lx, options[i].name))
			continue;
		*out |= options[i].bit;
		return true;
	}
	return lexer_fail(lx, COMMAND_BAD, "unknown SEARCH return option");
}

/* search-return-opts = SP "RETURN" SP "(" [option *(SP option)] ")"
 * "()" means ALL */
static bool
take_options(struct lexer *lx, struct command_search *u)
{
	u->has_return = true;
	if (!lexer_sp(lx) || !lexer_char(lx, '('))
		return false;
	if (lexer_try(lx, ')')) {
		u->returns = COMMAND_SEARCH_ALL;
		return true;
	}
	do {
		if (!take_option(lx, &u->returns))
			return false;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')');
}

/* search = "SEARCH" [search-return-opts] SP search-program
 * search-program = ["CHARSET" SP charset SP] search-key *(SP search-key) */
bool
cmd_search(struct lexer *lx, struct command *out)
{
	struct command_search *u = &out->u.search;

	if (!lexer_sp(lx))
		return false;
	if (lexer_try_word(lx, VIEW_LIT("RETURN")) &&
	    (!take_options(lx, u) || !lexer_sp(lx)))
		return false;
	if (lexer_try_word(lx, VIEW_LIT("CHARSET")) &&
	    (!lexer_sp(lx) || !lexer_astring(lx, &u->charset) || !lexer_sp(lx)))
		return false;
	return take_keys(lx, &u->key);
}

bool
cmd_search_keys(struct lexer *lx, struct searchkey *out)
{
	return take_keys(lx, out);
}
