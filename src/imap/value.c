/*
 * The generic tree: reading one, and asking it. Reading is lenient for
 * replies: real servers put into atoms nearly anything.
 */

#include "imap/value.h"

#include "base/num.h"
#include "imap/lexer.h"
#include "imap/limits.h"

/* Is c inside an atom of the generic language? */
static bool
is_value_char(const struct lexer *lx, uint8_t c)
{
	switch (c) {
	case ' ':
	case '(':
	case ')':
	case '"':
	case '\r':
	case '\n':
	case '\0':
		return false;
	case '{':
		return lx->lenient;
	case ']':
		return !lx->in_code;
	default:
		return lx->lenient || (c > 0x20 && c < 0x7f);
	}
}

/* Octets of the quoted string or literal v begins with, 0 if it is cut. */
static size_t
string_size(struct view v)
{
	struct view lit = v;
	uint64_t n;

	if (v.p[0] == '"') {
		for (size_t i = 1; i < v.n; i++) {
			if (v.p[i] == '"')
				return i + 1;
			if (v.p[i] == '\\')
				i++;
		}
		return 0;
	}
	view_skip(&lit, 1);
	if (!num_take(&lit, lit.n, &n) || !view_starts(lit, VIEW_LIT("}\r\n")))
		return 1;
	view_skip(&lit, 3);
	return lit.n < n ? 0 : (size_t)(lit.p - v.p) + (size_t)n;
}

/*
 * The octets from a "[" to its "]", as in BODY[HEADER.FIELDS ("To")], or 1
 * when there is no such: then it is an octet like any other. A list that ends
 * first says so early; a text that ends first is noted, so that many "[" cost
 * one scan.
 */
static size_t
bracket_size(struct lexer *lx, struct view v)
{
	size_t open = 0, n;

	if (lx->no_brackets)
		return 1;
	for (size_t i = 1; i < v.n; i += n) {
		n = 1;
		switch (v.p[i]) {
		case ']':
			return i + 1;
		case '(':
			open++;
			break;
		case ')':
			if (open-- == 0)
				return 1;
			break;
		case '"':
		case '{':
			if ((n = string_size(view_sub(v, i, v.n))) == 0)
				i = n = v.n;
			break;
		default:
			break;
		}
	}
	lx->no_brackets = true;
	return 1;
}

static bool
value_atom(struct lexer *lx, struct value *out)
{
	struct view v = lx->in;
	size_t i = 0;

	while (i < v.n && is_value_char(lx, v.p[i]))
		i += v.p[i] == '[' && lx->lenient && !lx->in_code
		    ? bracket_size(lx, view_sub(v, i, v.n))
		    : 1;
	if (i == 0)
		return lexer_fail(lx, COMMAND_BAD, "expected a value");
	out->text = view_sub(v, 0, i);
	out->kind =
	    view_eq_ci(out->text, VIEW_LIT("NIL")) ? VALUE_NIL : VALUE_ATOM;
	view_skip(&lx->in, i);
	return true;
}

/* Does v begin like a literal, "{" digit? (An atom may hold a brace.) */
static bool
is_literal(const struct lexer *lx, struct view v)
{
	return v.n > 1 && v.p[0] == '{' &&
	    (!lx->lenient || (v.p[1] >= '0' && v.p[1] <= '9'));
}

static bool
value_list(struct lexer *lx, struct value *out)
{
	if (lx->depth == lx->depth_max)
		return lexer_too_many(lx, lx->depth_max, "lists in each other");
	lx->depth++;
	view_skip(&lx->in, 1);
	if (!lexer_values(lx, ')', out) || !lexer_char(lx, ')'))
		return false;
	lx->depth--;
	return true;
}

bool
lexer_value(struct lexer *lx, struct value *out)
{
	struct frame_mark m;

	*out = (struct value){ .kind = VALUE_NIL };
	if (lx->values++ == lx->values_max)
		return lexer_too_many(lx, lx->values_max, "values");
	if (frame_take_mark(&lx->in, &m)) {
		out->kind = VALUE_EXTERNAL;
		out->handle = m.handle;
		out->size = m.size;
		out->literal8 = m.literal8;
		return true;
	}
	if (lexer_peek(lx) == '(')
		return value_list(lx, out);
	if (lexer_peek(lx) == '~' &&
	    is_literal(lx, view_sub(lx->in, 1, lx->in.n))) {
		view_skip(&lx->in, 1);
		out->literal8 = true;
	}
	out->kind = VALUE_STRING;
	if (is_literal(lx, lx->in)) /* with NUL too */
		return lexer_literal(lx, &out->text);
	if (lexer_peek(lx) == '"')
		return lexer_string(lx, &out->text);
	return value_atom(lx, out);
}

bool
lexer_values(struct lexer *lx, int close, struct value *out)
{
	size_t cap = 0;
	struct value v;

	*out = (struct value){ .kind = VALUE_LIST };
	for (;;) {
		while (lx->lenient && lexer_try(lx, ' '))
			continue;
		if (lexer_peek(lx) == close || lx->in.n == 0)
			return true;
		if (!lexer_value(lx, &v))
			return false;
		out->items = lexer_grow(lx, out->items, out->n, &cap, sizeof(v),
		    lx->values_max, "values");
		if (out->items == NULL)
			return false;
		out->items[out->n++] = v;
		if (!lx->lenient && lexer_peek(lx) != close && !lexer_sp(lx))
			return false;
	}
}

/* Does a value follow? Names begin with a letter, values never do (RFC 4466
 * section 6: tagged-ext-label, tagged-ext-simple). */
static bool
is_param_value(struct view v)
{
	return v.n > 1 && v.p[0] == ' ' &&
	    (v.p[1] == '(' || v.p[1] == '*' || v.p[1] == '"' ||
		(v.p[1] >= '0' && v.p[1] <= '9'));
}

bool
lexer_params(struct lexer *lx, struct value_params *out)
{
	struct value_param *p = NULL;
	struct value *v;
	size_t cap = 0;

	*out = (struct value_params){ .n = 0 };
	if (!lexer_char(lx, '('))
		return false;
	do {
		p = lexer_grow(lx, p, out->n, &cap, sizeof(*p), LIMITS_VALUES,
		    "parameters");
		if (p == NULL ||
		    !lexer_atom(lx, "a parameter", &p[out->n].name))
			return false;
		if (is_param_value(lx->in)) {
			view_skip(&lx->in, 1);
			if ((v = lexer_alloc(lx, sizeof(*v))) == NULL ||
			    !lexer_value(lx, v))
				return false;
			p[out->n].value = v;
		}
		out->n++;
		out->p = p;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')');
}

bool
value_astring(const struct value *v, struct view *out)
{
	switch (v->kind) {
	case VALUE_NIL:
	case VALUE_ATOM:
	case VALUE_STRING:
		*out = v->text;
		return true;
	case VALUE_EXTERNAL:
	case VALUE_LIST:
		break;
	}
	return false;
}

bool
value_nstring(const struct value *v, struct view *out)
{
	if (v->kind == VALUE_NIL) {
		*out = (struct view){ NULL, 0 };
		return true;
	}
	return value_astring(v, out);
}

bool
value_number(const struct value *v, uint64_t max, uint64_t *out)
{
	return v->kind == VALUE_ATOM && num_parse(v->text, max, out);
}

bool
value_is_atom(const struct value *v, struct view name)
{
	return (v->kind == VALUE_ATOM || v->kind == VALUE_NIL) &&
	    view_eq_ci(v->text, name);
}

const struct value *
value_item(const struct value *v, size_t i)
{
	return v->kind == VALUE_LIST && i < v->n ? &v->items[i] : NULL;
}
