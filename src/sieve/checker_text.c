/*
 * What is in strings: encoded characters (RFC 5228 section 2.4.2.4), then
 * references to variables (RFC 5229 section 3). What is not well-formed stays
 * as it is.
 */

#include "base/num.h"
#include "base/utf8.h"
#include "sieve/checker_impl.h"
#include "sieve/ext_list.h"
#include "sieve/letter.h"
#include "sieve/token.h"

#define NAME_SHOWN 40
#define SHOW(v)                                                                \
	(int)((v).n < NAME_SHOWN ? (v).n : NAME_SHOWN), (const char *)(v).p

const struct ext ext_encoded_character = {
	.name = "encoded-character",
	.flags = EXT_SYNTAX,
};

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* 1*max HEXDIG; more digits are no number */
static bool
take_hex(struct view *in, size_t max, uint32_t *out)
{
	size_t n = 0;

	for (*out = 0; n < in->n && num_hex(in->p[n]) >= 0; n++) {
		if (n == max)
			return false;
		/* Past Unicode it only has to stay there. */
		if (*out < UINT32_C(1) << 24)
			*out = *out << 4 | (uint32_t)num_hex(in->p[n]);
	}
	view_skip(in, n);
	return n > 0;
}

/* What follows "${hex:" or "${unicode:", up to the brace; the numbers are put
 * to out, n bytes. False: not well-formed. *range: a number is none of Unicode's. */
static bool
take_sequence(
    struct view *in, bool unicode, uint8_t *out, size_t *n, bool *range)
{
	bool any = false;

	for (*n = 0, *range = false;;) {
		size_t blanks = 0, size;
		uint32_t v;

		while (blanks < in->n && is_blank(in->p[blanks]))
			blanks++;
		view_skip(in, blanks);
		if (in->n > 0 && in->p[0] == '}')
			break;
		if ((any && blanks == 0) ||
		    !take_hex(in, unicode ? SIZE_MAX : 2, &v))
			return false;
		any = true;
		if (unicode) {
			size = utf8_put(v, out + *n);
			*range |= size == 0;
			*n += size;
		} else {
			out[(*n)++] = (uint8_t)v;
		}
	}
	view_skip(in, 1);
	return any;
}

/* The text after "${" at the start of in. */
static bool
take_encoded(struct view *in, uint8_t *out, size_t *n, bool *range)
{
	struct view v = view_sub(*in, 2, SIZE_MAX);
	bool unicode;

	if (view_starts_ci(v, VIEW_LIT("hex:")))
		unicode = false;
	else if (view_starts_ci(v, VIEW_LIT("unicode:")))
		unicode = true;
	else
		return false;
	view_skip(&v, unicode ? 8 : 4);
	if (!take_sequence(&v, unicode, out, n, range))
		return false;
	*in = v;
	return true;
}

/* Offset of the next "${" in v; v.n: none. */
static size_t
find_dollar(struct view v)
{
	const uint8_t *p = v.n > 0 ? memmem(v.p, v.n, "${", 2) : NULL;

	return p == NULL ? v.n : (size_t)(p - v.p);
}

static bool
decode(struct checker *c, const struct script_arg *at, struct view *text)
{
	struct view in = *text;
	uint8_t *out;
	size_t used = 0;

	if (find_dollar(in) == in.n)
		return true;
	/* The UTF-8 of a number is never longer than its digits. */
	if ((out = checker_alloc(c, in.n + UTF8_MAX)) == NULL)
		return false;
	while (in.n > 0) {
		size_t n = find_dollar(in);
		bool range = false;

		memcpy(out + used, in.p, n);
		used += n;
		view_skip(&in, n);
		if (in.n == 0)
			break;
		if (take_encoded(&in, out + used, &n, &range)) {
			used += n;
			if (range)
				return checker_error_arg(c, at,
				    "\"${unicode:\" is followed by a number "
				    "that "
				    "is no character");
			continue;
		}
		out[used++] = in.p[0];
		view_skip(&in, 1);
	}
	*text = (struct view){ out, used };
	return true;
}

/* ---- variables ---- */

/* Bytes of an identifier or (num) a number at the start of v; 0: none. */
static size_t
name_size(struct view v, bool *num)
{
	size_t n = 0;

	*num = v.n > 0 && token_is_digit(v.p[0]);
	if (*num) {
		while (n < v.n && token_is_digit(v.p[n]))
			n++;
		return n;
	}
	if (v.n == 0 || !token_is_name_start(v.p[0]))
		return 0;
	while (
	    n < v.n && (token_is_name_start(v.p[n]) || token_is_digit(v.p[n])))
		n++;
	return n;
}

/*
 * [namespace] variable-name, all of v up to end; num: it is a number alone;
 * dots: it has a namespace. False: it is none.
 */
static bool
take_name(struct view v, size_t *size, bool *num, bool *dots)
{
	size_t at = 0, n;
	bool first_num = false;

	for (*dots = false;; at++) {
		if ((n = name_size(view_sub(v, at, SIZE_MAX), num)) == 0)
			return false;
		if (at == 0)
			first_num = *num;
		at += n;
		if (at == v.n || v.p[at] != '.')
			break;
		if (first_num)
			return false;
		*dots = true;
	}
	*num = first_num;
	*size = at;
	return true;
}

bool
checker_variable(struct checker *c, const struct script_arg *at,
    struct view name, unsigned *slot)
{
	bool num;

	if (name_size(name, &num) != name.n || num || name.n == 0)
		return checker_error_arg(
		    c, at, "\"%.*s\" is no name of a variable", SHOW(name));
	if (name.n > SIEVE_NAME_MAX)
		return checker_error_arg(
		    c, at, "the name of a variable is too long");
	for (*slot = 0; *slot < c->p->n_variables; ++*slot)
		if (view_eq_ci(c->names[*slot], name))
			return true;
	if (*slot == SIEVE_VARIABLES_MAX)
		return checker_error_arg(c, at, "there are too many variables");
	c->names[*slot] = name;
	c->p->n_variables++;
	return true;
}

bool
checker_global(struct checker *c, const struct script_arg *at, struct view name,
    unsigned *slot)
{
	if (!checker_variable(c, at, name, slot))
		return false;
	if (c->was_set[*slot] && !c->is_global[*slot])
		return checker_error_arg(c, at,
		    "the variable \"%.*s\" has been set before, so it cannot "
		    "become a global one",
		    SHOW(name));
	c->is_global[*slot] = true;
	return true;
}

/* A name with a namespace. */
static bool
space_part(struct checker *c, const struct script_arg *at, struct view name,
    bool write, struct script_part *out)
{
	for (size_t i = 0; ext_all[i] != NULL; i++) {
		const struct ext *e = ext_all[i];
		size_t n;

		if (e->space == NULL || !checker_enabled(c, e))
			continue;
		n = strlen(e->space);
		if (name.n <= n || name.p[n] != '.' ||
		    !view_eq_ci(view_sub(name, 0, n), view_str(e->space)))
			continue;
		out->kind = SCRIPT_PART_OTHER;
		out->ext = e;
		out->text = view_sub(name, n + 1, SIZE_MAX);
		c->uses |= ext_bit(e);
		if (e->space_check == NULL ||
		    e->space_check(c, out->text, write))
			return true;
		return checker_error_arg(c, at, "\"%.*s\" cannot be %s",
		    SHOW(name), write ? "set" : "read");
	}
	return checker_missing(c, c->node, at->line, at->column,
	    "nothing that was required has a variable \"%.*s\"", SHOW(name));
}

bool
checker_target(struct checker *c, const struct script_arg *at, struct view name,
    struct script_part *out)
{
	bool num, dots;
	size_t n;

	*out = (struct script_part){ .kind = SCRIPT_PART_VARIABLE };
	if (take_name(name, &n, &num, &dots) && n == name.n && dots)
		return space_part(c, at, name, true, out);
	if (!checker_variable(c, at, name, &out->index))
		return false;
	c->was_set[out->index] = true;
	return true;
}

/* A match variable. */
static bool
match_part(struct checker *c, const struct script_arg *at, struct view digits,
    struct script_part *out)
{
	unsigned v = 0;

	for (size_t i = 0; i < digits.n && v < SIEVE_MATCHES_MAX; i++)
		v = v * 10 + (digits.p[i] - '0');
	if (v >= SIEVE_MATCHES_MAX)
		return checker_error_arg(c, at, "match variables end at ${%d}",
		    SIEVE_MATCHES_MAX - 1);
	out->kind = SCRIPT_PART_MATCH;
	out->index = v;
	return true;
}

/* References in v, well-formed or not, and the texts around them at most. */
static size_t
count_parts(struct view v)
{
	size_t n = 1;

	for (; v.n > 0; n += 2) {
		view_skip(&v, find_dollar(v));
		view_skip(&v, v.n < 2 ? v.n : 2);
	}
	return n;
}

/* The reference at the start of *in, which is at "${". *is: there is one. */
static bool
take_reference(struct checker *c, const struct script_arg *at, struct view *in,
    struct script_part *out, bool *is)
{
	struct view v = view_sub(*in, 2, SIZE_MAX);
	bool num, dots;
	size_t n;

	*out = (struct script_part){ .kind = SCRIPT_PART_VARIABLE };
	*is = take_name(v, &n, &num, &dots) && n < v.n && v.p[n] == '}';
	if (!*is)
		return true;
	v.n = n;
	view_skip(in, n + 3);
	if (dots)
		return space_part(c, at, v, false, out);
	if (num)
		return match_part(c, at, v, out);
	return checker_variable(c, at, v, &out->index);
}

static bool
split(struct checker *c, const struct script_arg *at, struct script_text *t)
{
	struct view in = t->v, text = { in.p, 0 };
	struct script_part *parts;
	size_t n = 0;
	bool any = false;

	if (find_dollar(in) == in.n)
		return true;
	parts = checker_alloc(c, count_parts(in) * sizeof(*parts));
	if (parts == NULL)
		return false;
	while (in.n > 0) {
		struct script_part part;
		bool is;

		text.n += find_dollar(in);
		view_skip(&in, find_dollar(in));
		if (in.n == 0)
			break;
		if (!take_reference(c, at, &in, &part, &is))
			return false;
		if (!is) {
			text.n += 2;
			view_skip(&in, 2);
			continue;
		}
		any = true;
		if (text.n > 0)
			parts[n++] = (struct script_part){ .text = text };
		parts[n++] = part;
		text = (struct view){ in.p, 0 };
	}
	if (!any)
		return true;
	if (text.n > 0)
		parts[n++] = (struct script_part){ .text = text };
	t->parts = parts;
	t->n_parts = n;
	return true;
}

bool
checker_texts(struct checker *c, struct script_arg *arg)
{
	bool encoded = checker_enabled(c, &ext_encoded_character);
	bool variables = checker_enabled(c, &ext_variables);

	for (size_t i = 0; i < arg->n; i++) {
		if (encoded && !decode(c, arg, &arg->texts[i].v))
			return false;
		if (variables && !split(c, arg, &arg->texts[i]))
			return false;
		arg->texts[i].hash = letter_hash(arg->texts[i].v);
	}
	return true;
}
