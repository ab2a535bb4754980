/*
 * Tokens. Strict for commands; the deviations let in are in
 * docs/violations.md. Content of strings is not copied unless it must be.
 */

#include "imap/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <uninorm.h>

#include "base/num.h"
#include "base/utf8.h"
#include "imap/limits.h"
#include "imap/utf7.h"

/* clang-format off */
const uint8_t lexer_class[256] = {
	[0x00] = LEXER_UNQUOTED, ['\n'] = LEXER_UNQUOTED,
	['\r'] = LEXER_UNQUOTED,
	['!'] = LEXER_ATOM, ['"'] = LEXER_ESCAPE, ['#' ... '$'] = LEXER_ATOM,
	['%'] = LEXER_WILD, ['&' ... '\''] = LEXER_ATOM, ['*'] = LEXER_WILD,
	['+' ... '['] = LEXER_ATOM, ['\\'] = LEXER_ESCAPE, [']'] = LEXER_RESP,
	['^' ... 'z'] = LEXER_ATOM, ['|' ... '~'] = LEXER_ATOM,
	[0x80 ... 0xff] = LEXER_HIGH,
};
/* clang-format on */

bool
lexer_fail(struct lexer *lx, enum command_result r, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	if (lx->result != COMMAND_OK)
		return false;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lx->result = r;
	(void)why(lx->why, 0, "%s at byte %zu", text,
	    (size_t)(lx->in.p - lx->start) + 1);
	return false;
}

bool
lexer_too_many(struct lexer *lx, size_t max, const char *what)
{
	return lexer_fail(lx, COMMAND_LIMIT, "more than %zu %s", max, what);
}

void *
lexer_alloc(struct lexer *lx, size_t size)
{
	void *p = arena_alloc(lx->arena, size);

	if (p == NULL)
		(void)lexer_fail(lx, COMMAND_LIMIT, "command too large");
	return p;
}

void *
lexer_grow(struct lexer *lx, void *p, size_t n, size_t *cap, size_t size,
    size_t max, const char *what)
{
	size_t more = *cap == 0 ? 4 : *cap * 2;
	void *q;

	if (n >= max) {
		(void)lexer_too_many(lx, max, what);
		return NULL;
	}
	if (n < *cap)
		return p;
	if (more > max)
		more = max;
	if ((q = lexer_alloc(lx, more * size)) == NULL)
		return NULL;
	if (p != NULL)
		memcpy(q, p, n * size);
	*cap = more;
	return q;
}

bool
lexer_try_word(struct lexer *lx, struct view word)
{
	if (!view_starts_ci(lx->in, word))
		return false;
	if (lx->in.n > word.n &&
	    (lexer_class[lx->in.p[word.n]] & LEXER_ASTRING) != 0)
		return false;
	view_skip(&lx->in, word.n);
	return true;
}

bool
lexer_char(struct lexer *lx, char c)
{
	if (lexer_try(lx, c))
		return true;
	if (lx->in.n == 0)
		return lexer_fail(
		    lx, COMMAND_BAD, "expected '%c', but the command ends", c);
	return lexer_fail(lx, COMMAND_BAD, "expected '%c'", c);
}

bool
lexer_sp(struct lexer *lx)
{
	if (lexer_try(lx, ' '))
		return true;
	if (lx->in.n == 0)
		return lexer_fail(lx, COMMAND_BAD, "argument missing");
	return lexer_fail(lx, COMMAND_BAD, "expected a space");
}

struct view
lexer_run(struct lexer *lx, unsigned classes)
{
	struct view v = { lx->in.p, 0 };

	while (v.n < lx->in.n && (lexer_class[lx->in.p[v.n]] & classes) != 0)
		v.n++;
	view_skip(&lx->in, v.n);
	return v;
}

bool
lexer_atom(struct lexer *lx, const char *what, struct view *out)
{
	*out = lexer_run(lx, LEXER_ATOM);
	if (out->n == 0)
		return lexer_fail(lx, COMMAND_BAD, "expected %s", what);
	return true;
}

/* The escaped rest of a quoted string of n octets on the wire, unescaped. */
static bool
unescape(struct lexer *lx, struct view wire, struct view *out)
{
	uint8_t *p = lexer_alloc(lx, wire.n);

	if (p == NULL)
		return false;
	*out = (struct view){ p, 0 };
	for (size_t i = 0; i < wire.n; i++) {
		if (wire.p[i] == '\\')
			i++;
		p[out->n++] = wire.p[i];
	}
	return true;
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE
 * QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> /
 *               "\" quoted-specials / UTF8-2 / UTF8-3 / UTF8-4 */
static bool
take_quoted(struct lexer *lx, struct view *out)
{
	struct view v;
	bool escaped = false;
	size_t i;

	view_skip(&lx->in, 1);
	v = lx->in;
	for (i = 0; i < v.n && v.p[i] != '"'; i++) {
		if ((lexer_class[v.p[i]] & LEXER_UNQUOTED) != 0)
			break;
		if (v.p[i] != '\\')
			continue;
		escaped = true;
		if (i + 1 == v.n ||
		    (lexer_class[v.p[i + 1]] & LEXER_ESCAPE) == 0) {
			if (!lx->lenient || i + 1 == v.n)
				break;
			continue;
		}
		i++;
	}
	view_skip(&lx->in, i);
	if (lexer_peek(lx) != '"')
		return lexer_fail(lx, COMMAND_BAD,
		    lx->in.n == 0 ? "quoted string without its end"
				  : "octet not allowed in a quoted string");
	view_skip(&lx->in, 1);
	*out = view_sub(v, 0, i);
	return !escaped || unescape(lx, *out, out);
}

/* "{" number64 ["+"] "}" CRLF, at the "{" */
static bool
take_literal_head(struct lexer *lx, uint64_t *n)
{
	struct view v = lx->in;

	view_skip(&v, 1);
	if (!num_take(&v, INT64_MAX, n))
		return lexer_fail(lx, COMMAND_BAD, "malformed literal");
	if (v.n > 0 && v.p[0] == '+')
		view_skip(&v, 1);
	if (v.n == 0 || v.p[0] != '}')
		return lexer_fail(lx, COMMAND_BAD, "malformed literal");
	view_skip(&v, 1);
	if (v.n > 0 && v.p[0] == '\r')
		view_skip(&v, 1);
	if (v.n == 0 || v.p[0] != '\n')
		return lexer_fail(
		    lx, COMMAND_BAD, "literal not at the end of its line");
	view_skip(&v, 1);
	if (*n > v.n)
		return lexer_fail(lx, COMMAND_BAD, "literal cut short");
	lx->in = v;
	return true;
}

bool
lexer_literal(struct lexer *lx, struct view *out)
{
	uint64_t n;

	if (lexer_peek(lx) != '{')
		return lexer_fail(lx, COMMAND_BAD, "expected a literal");
	if (!take_literal_head(lx, &n))
		return false;
	*out = view_sub(lx->in, 0, (size_t)n);
	view_skip(&lx->in, (size_t)n);
	return true;
}

/* string = quoted / literal ; a literal holds no NUL */
bool
lexer_string(struct lexer *lx, struct view *out)
{
	switch (lexer_peek(lx)) {
	case '"':
		return take_quoted(lx, out);
	case '{':
		if (!lexer_literal(lx, out))
			return false;
		if (out->n > 0 && memchr(out->p, 0, out->n) != NULL)
			return lexer_fail(lx, COMMAND_BAD, "NUL in a literal");
		return true;
	default:
		return lexer_fail(lx, COMMAND_BAD, "expected a string");
	}
}

/* astring = 1*ASTRING-CHAR / string */
bool
lexer_astring(struct lexer *lx, struct view *out)
{
	int c = lexer_peek(lx);

	if (c == '"' || c == '{')
		return lexer_string(lx, out);
	*out = lexer_run(lx, LEXER_ASTRING);
	if (out->n == 0)
		return lexer_fail(lx, COMMAND_BAD,
		    c == -1 ? "argument missing" : "expected a string");
	return true;
}

bool
lexer_number(struct lexer *lx, uint64_t min, uint64_t max, uint64_t *out)
{
	struct view v = lx->in;

	if (!num_take(&v, max, out) || *out < min)
		return lexer_fail(lx, COMMAND_BAD,
		    "expected a number from %ju to %ju", (uintmax_t)min,
		    (uintmax_t)max);
	lx->in = v;
	return true;
}

bool
lexer_seqset(struct lexer *lx, struct seqset *out)
{
	struct seqset_range *r;
	size_t n = 1;

	*out = (struct seqset){ .saved = lexer_try(lx, '$') };
	if (out->saved)
		return true;
	for (size_t i = 0; i < lx->in.n && n <= LIMITS_SEQSET; i++) {
		uint8_t c = lx->in.p[i];

		if (c == ',')
			n++;
		else if (c != ':' && c != '*' && (c < '0' || c > '9'))
			break;
	}
	if (n > LIMITS_SEQSET)
		return lexer_too_many(lx, LIMITS_SEQSET, "ranges in a set");
	if ((r = lexer_alloc(lx, n * sizeof(*r))) == NULL)
		return false;
	switch (seqset_parse(&lx->in, r, n, &out->n)) {
	case SEQSET_OK:
		out->ranges = r;
		return true;
	case SEQSET_LIMIT:
	case SEQSET_BAD:
		break;
	}
	return lexer_fail(lx, COMMAND_BAD, "malformed sequence set");
}

/* Spell a first level INBOX in capitals. */
static bool
name_inbox(struct lexer *lx, struct command_mailbox *m)
{
	struct view inbox = VIEW_LIT("INBOX");
	uint8_t *p;

	if (!view_starts_ci(m->name, inbox) ||
	    (m->name.n > inbox.n && m->name.p[inbox.n] != '/'))
		return true;
	m->inbox = m->name.n == inbox.n;
	if (view_starts(m->name, inbox))
		return true;
	if ((p = lexer_alloc(lx, m->name.n)) == NULL)
		return false;
	memcpy(p, m->name.p, m->name.n);
	memcpy(p, inbox.p, inbox.n);
	m->name.p = p;
	return true;
}

static bool
is_eight_bit(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] >= 0x80)
			return true;
	return false;
}

/* Names are kept in NFC, so that each has one spelling (RFC 9051 section 5.1,
 * Net-Unicode). */
static bool
name_normalise(struct lexer *lx, struct command_mailbox *m)
{
	uint8_t *nfc, *p = NULL;
	size_t n;

	if (!is_eight_bit(m->name))
		return true;
	nfc = u8_normalize(UNINORM_NFC, m->name.p, m->name.n, NULL, &n);
	if (nfc != NULL && view_eq((struct view){ nfc, n }, m->name)) {
		free(nfc);
		return true;
	}
	if (nfc == NULL)
		return lexer_fail(lx, COMMAND_LIMIT, "command too large");
	if ((p = lexer_alloc(lx, n)) != NULL)
		memcpy(p, nfc, n);
	free(nfc);
	m->given = m->name;
	m->name = (struct view){ p, n };
	m->normalised = true;
	return p != NULL;
}

/* raw to name. UTF-8 where modified UTF-7 is due is let in, to find mailboxes:
 * it cannot be mistaken, and clients do it. */
static bool
name_decode(struct lexer *lx, bool keep, struct command_mailbox *m)
{
	if (m->raw.n > LIMITS_MAILBOX)
		return lexer_fail(lx, COMMAND_LIMIT,
		    "mailbox name longer than %d bytes", LIMITS_MAILBOX);
	m->name = m->raw;
	if (lx->utf8 || is_eight_bit(m->raw)) {
		if (!utf8_valid(m->raw))
			return lexer_fail(
			    lx, COMMAND_BAD, "mailbox name is not UTF-8");
		m->normalised = !lx->utf8;
		m->given = m->raw;
	} else if (!utf7_decode(m->raw, lx->arena, &m->name) && !keep) {
		m->name = VIEW_LIT(""); /* no mailbox: NO, not BAD */
	}
	if (!name_normalise(lx, m))
		return false;
	return m->name.n <= LIMITS_MAILBOX
	    ? name_inbox(lx, m)
	    : lexer_fail(lx, COMMAND_LIMIT, "mailbox name longer than %d bytes",
		  LIMITS_MAILBOX);
}

bool
lexer_mailbox(struct lexer *lx, struct command_mailbox *out)
{
	*out = (struct command_mailbox){ .inbox = false };
	return lexer_astring(lx, &out->raw) && name_decode(lx, false, out);
}

/* list-mailbox = 1*list-char / string */
bool
lexer_list_mailbox(struct lexer *lx, bool wild, struct command_mailbox *out)
{
	int c = lexer_peek(lx);

	*out = (struct command_mailbox){ .inbox = false };
	if (!wild || c == '"' || c == '{') {
		if (!lexer_astring(lx, &out->raw))
			return false;
	} else {
		out->raw = lexer_run(lx, LEXER_ASTRING | LEXER_WILD);
		if (out->raw.n == 0)
			return lexer_fail(
			    lx, COMMAND_BAD, "expected a mailbox pattern");
	}
	return name_decode(lx, true, out);
}

/* flag = "\" atom / atom */
static bool
take_flag(struct lexer *lx, struct flags *out, struct view **kw, size_t *cap)
{
	struct view at = lx->in, name;
	bool system = lexer_try(lx, '\\');
	unsigned bit;

	if (!lexer_atom(lx, "a flag", &name))
		return false;
	if (system) {
		bit = flags_system(view_sub(at, 0, name.n + 1));
		if ((bit & FLAGS_STORABLE) == 0)
			return lexer_fail(lx, COMMAND_BAD,
			    "not a system flag that can be set");
		out->system |= bit;
		return true;
	}
	if (name.n > LIMITS_KEYWORD)
		return lexer_fail(lx, COMMAND_LIMIT,
		    "keyword longer than %d bytes", LIMITS_KEYWORD);
	*kw = lexer_grow(
	    lx, *kw, out->n, cap, sizeof(**kw), LIMITS_FLAGS, "keywords");
	if (*kw == NULL)
		return false;
	(*kw)[out->n++] = name;
	out->keywords = *kw;
	return true;
}

/* flag-list = "(" [flag *(SP flag)] ")" */
bool
lexer_flags(struct lexer *lx, bool bare, struct flags *out)
{
	struct view *kw = NULL;
	size_t cap = 0;
	bool list = lexer_try(lx, '(');

	*out = (struct flags){ .system = 0 };
	if (!list && !bare)
		return lexer_fail(lx, COMMAND_BAD, "expected a flag list");
	if (list && lexer_try(lx, ')'))
		return true;
	do {
		if (!take_flag(lx, out, &kw, &cap))
			return false;
		if (!list && lx->in.n > 0 && lx->in.p[0] == ' ' &&
		    (lx->in.n == 1 || lx->in.p[1] == ' '))
			break; /* only spaces at the end */
	} while (lexer_try(lx, ' '));
	return !list || lexer_char(lx, ')');
}

static const struct {
	struct view name;
	enum command_status_item bit;
} status_items[] = {
	{ VIEW_LIT("MESSAGES"), COMMAND_STATUS_MESSAGES },
	{ VIEW_LIT("RECENT"), COMMAND_STATUS_RECENT },
	{ VIEW_LIT("UIDNEXT"), COMMAND_STATUS_UIDNEXT },
	{ VIEW_LIT("UIDVALIDITY"), COMMAND_STATUS_UIDVALIDITY },
	{ VIEW_LIT("UNSEEN"), COMMAND_STATUS_UNSEEN },
	{ VIEW_LIT("DELETED"), COMMAND_STATUS_DELETED },
	{ VIEW_LIT("SIZE"), COMMAND_STATUS_SIZE },
};

static unsigned
status_item(struct view name)
{
	for (size_t i = 0; i < sizeof(status_items) / sizeof(*status_items);
	     i++)
		if (view_eq_ci(name, status_items[i].name))
			return status_items[i].bit;
	return 0;
}

/* "(" status-att *(SP status-att) ")" */
bool
lexer_status_items(struct lexer *lx, unsigned *out)
{
	struct view name;
	unsigned bit;

	*out = 0;
	if (!lexer_char(lx, '('))
		return false;
	do {
		if (!lexer_atom(lx, "a status item", &name))
			return false;
		if ((bit = status_item(name)) == 0)
			return lexer_fail(
			    lx, COMMAND_BAD, "unknown status item");
		*out |= bit;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')');
}
