/* GETMETADATA and SETMETADATA (RFC 5464 section 5). */

#include "imap/cmd.h"
#include "imap/limits.h"

/* mailbox, where the empty string is the server */
static bool
take_place(struct lexer *lx, struct command_mailbox *out, bool *server)
{
	if (!lexer_mailbox(lx, out))
		return false;
	*server = out->raw.n == 0;
	return true;
}

/* --- GETMETADATA --- */

/* scope-opt = "DEPTH" SP ("0" / "1" / "infinity") */
static bool
take_depth(struct lexer *lx, enum command_depth *out)
{
	if (lexer_try_word(lx, VIEW_LIT("0")))
		*out = COMMAND_DEPTH_0;
	else if (lexer_try_word(lx, VIEW_LIT("1")))
		*out = COMMAND_DEPTH_1;
	else if (lexer_try_word(lx, VIEW_LIT("infinity")))
		*out = COMMAND_DEPTH_INFINITY;
	else
		return lexer_fail(lx, COMMAND_BAD, "DEPTH is 0, 1 or infinity");
	return true;
}

/* maxsize-opt = "MAXSIZE" SP number ; scope-opt */
static bool
take_option(struct lexer *lx, struct command_getmetadata *u)
{
	uint64_t n;

	if (lexer_try_word(lx, VIEW_LIT("DEPTH")))
		return lexer_sp(lx) && take_depth(lx, &u->depth);
	if (!lexer_try_word(lx, VIEW_LIT("MAXSIZE")))
		return lexer_fail(
		    lx, COMMAND_BAD, "unknown GETMETADATA option");
	if (!lexer_sp(lx) || !lexer_number(lx, 0, UINT32_MAX, &n))
		return false;
	u->has_maxsize = true;
	u->maxsize = (uint32_t)n;
	return true;
}

/* getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")" SP
 */
static bool
take_options(struct lexer *lx, struct command_getmetadata *u)
{
	if (!lexer_char(lx, '('))
		return false;
	do {
		if (!take_option(lx, u))
			return false;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')') && lexer_sp(lx);
}

/* A list of options, not of entries? Those begin with a slash. */
static bool
is_options(struct view v)
{
	return v.n > 1 && v.p[0] == '(' &&
	    ((v.p[1] | 0x20) >= 'a' && (v.p[1] | 0x20) <= 'z');
}

static bool
take_entry(struct lexer *lx, struct view **e, size_t *n, size_t *cap)
{
	*e = lexer_grow(
	    lx, *e, *n, cap, sizeof(**e), LIMITS_METADATA, "entries");
	if (*e == NULL || !lexer_astring(lx, &(*e)[*n]))
		return false;
	++*n;
	return true;
}

/* entries = entry / "(" entry *(SP entry) ")" */
bool
cmd_entries(struct lexer *lx, const struct view **out, size_t *n)
{
	struct view *e = NULL;
	size_t cap = 0;
	bool list = lexer_try(lx, '(');

	*n = 0;
	do {
		if (!take_entry(lx, &e, n, &cap))
			return false;
	} while (list && lexer_try(lx, ' '));
	*out = e;
	return !list || lexer_char(lx, ')');
}

/* Several without parentheses too, as an example of RFC 5464 section 4.4.1 has
 * them. */
static bool
take_entries(struct lexer *lx, struct command_getmetadata *u)
{
	struct view *e = NULL;
	size_t cap = 0;

	if (lexer_peek(lx) == '(')
		return cmd_entries(lx, &u->entries, &u->n);
	do {
		if (!take_entry(lx, &e, &u->n, &cap))
			return false;
	} while (lx->in.n > 1 && lx->in.p[1] != ' ' && lexer_try(lx, ' '));
	u->entries = e;
	return true;
}

/* getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries ;
 * the examples have the options behind the mailbox */
bool
cmd_getmetadata(struct lexer *lx, struct command *out)
{
	struct command_getmetadata *u = &out->u.getmetadata;
	bool before;

	if (!lexer_sp(lx))
		return false;
	before = lexer_peek(lx) == '(';
	if ((before && !take_options(lx, u)) ||
	    !take_place(lx, &u->mailbox, &u->server) || !lexer_sp(lx))
		return false;
	if (!before && is_options(lx->in) && !take_options(lx, u))
		return false;
	return take_entries(lx, u);
}

/* --- SETMETADATA --- */

/* value = nstring / literal8 */
static bool
take_value(struct lexer *lx, struct view *out)
{
	switch (lexer_peek(lx)) {
	case '"':
	case '{':
		return lexer_string(lx, out);
	case '~':
		return lexer_char(lx, '~') && lexer_literal(lx, out);
	default:
		break;
	}
	*out = (struct view){ NULL, 0 };
	return lexer_try_word(lx, VIEW_LIT("NIL")) ||
	    lexer_fail(lx, COMMAND_BAD, "expected a string or NIL");
}

/* setmetadata = "SETMETADATA" SP mailbox SP
 *               "(" entry SP value *(SP entry SP value) ")" */
bool
cmd_setmetadata(struct lexer *lx, struct command *out)
{
	struct command_setmetadata *u = &out->u.setmetadata;
	struct command_annotation *e = NULL;
	size_t cap = 0;

	if (!lexer_sp(lx) || !take_place(lx, &u->mailbox, &u->server) ||
	    !lexer_sp(lx) || !lexer_char(lx, '('))
		return false;
	do {
		e = lexer_grow(
		    lx, e, u->n, &cap, sizeof(*e), LIMITS_METADATA, "entries");
		if (e == NULL || !lexer_astring(lx, &e[u->n].entry) ||
		    !lexer_sp(lx) || !take_value(lx, &e[u->n].value))
			return false;
		u->n++;
		u->annotations = e;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')');
}
