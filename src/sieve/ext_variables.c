/* RFC 5229: set and string. References are found by the checker. */

#include "base/num.h"
#include "base/utf8.h"
#include "sieve/checker.h"
#include "sieve/compare.h"
#include "sieve/ext_list.h"
#include "sieve/interp.h"
#include "sieve/modify.h"

/* ---- modifiers ---- */

/* A copy of v that may be changed; NULL: the run has failed. */
static uint8_t *
copy(struct interp *in, struct view v)
{
	uint8_t *p = interp_alloc(in, v.n + 1);

	if (p != NULL && v.n > 0)
		memcpy(p, v.p, v.n);
	return p;
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 0x20) : c;
}

static uint8_t
upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 0x20) : c;
}

/* The first n bytes mapped. */
static struct view
map(struct interp *in, struct view v, size_t n, uint8_t (*f)(uint8_t))
{
	uint8_t *p = copy(in, v);

	if (p == NULL)
		return v;
	for (size_t i = 0; i < n && i < v.n; i++)
		p[i] = f(p[i]);
	return (struct view){ p, v.n };
}

static struct view
modify_lower(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct view v)
{
	(void)n;
	(void)t;
	return map(in, v, v.n, lower);
}

static struct view
modify_upper(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct view v)
{
	(void)n;
	(void)t;
	return map(in, v, v.n, upper);
}

static struct view
modify_lowerfirst(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct view v)
{
	(void)n;
	(void)t;
	return map(in, v, 1, lower);
}

static struct view
modify_upperfirst(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct view v)
{
	(void)n;
	(void)t;
	return map(in, v, 1, upper);
}

static struct view
modify_quotewildcard(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct view v)
{
	uint8_t *p = interp_alloc(in, v.n * 2 + 1);
	size_t used = 0, max = interp_variable_max(in);

	(void)n;
	(void)t;
	if (p == NULL)
		return v;
	for (size_t i = 0; i < v.n; i++) {
		bool quoted = v.p[i] == '*' || v.p[i] == '?' || v.p[i] == '\\';

		if (used + 1 + quoted > max) /* no half of a quoted one */
			break;
		if (quoted)
			p[used++] = '\\';
		p[used++] = v.p[i];
	}
	return (struct view){ p, used };
}

/* Characters of UTF-8; a byte that is none counts as one. */
static struct view
modify_length(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct view v)
{
	uint8_t *p = interp_alloc(in, NUM_DEC_MAX);
	uint64_t count = 0;
	uint32_t c;

	(void)n;
	(void)t;
	for (; v.n > 0; count++)
		if (!utf8_take(&v, &c))
			view_skip(&v, 1);
	if (p == NULL)
		return v;
	return (struct view){ p, num_dec(count, p) };
}

#define MODIFIER(tag, level, function)                                         \
	{                                                                      \
		.name = tag, .commands = "set extracttext",                    \
		.group = "precedence " #level, .precedence = level,            \
		.modify = function                                             \
	}

static const struct ext_tag tags[] = {
	MODIFIER("lower", 40, modify_lower),
	MODIFIER("upper", 40, modify_upper),
	MODIFIER("lowerfirst", 30, modify_lowerfirst),
	MODIFIER("upperfirst", 30, modify_upperfirst),
	MODIFIER("quotewildcard", 20, modify_quotewildcard),
	MODIFIER("length", 10, modify_length),
};

/* ---- set ---- */

static bool
check_set(struct checker *c, struct script_node *n)
{
	struct script_part *target = checker_alloc(c, sizeof(*target));

	if (target == NULL)
		return false;
	if (!checker_is_constant(n->arg[0]))
		return checker_error_arg(
		    c, n->arg[0], "the name of a variable must be constant");
	if (checker_is_constant(n->arg[1]) &&
	    n->arg[1]->texts[0].v.n > SIEVE_VARIABLE_MAX)
		return checker_error_arg(
		    c, n->arg[1], "this is too long for a variable");
	n->data = target;
	return checker_target(c, n->arg[0], n->arg[0]->texts[0].v, target);
}

struct view
modify_text(struct interp *in, const struct script_node *n, struct view v)
{
	unsigned below = UINT32_MAX, next;

	do {
		next = 0;
		for (size_t i = 0; i < n->n_tags; i++)
			if (n->tags[i].def->precedence < below &&
			    n->tags[i].def->precedence > next)
				next = n->tags[i].def->precedence;
		for (size_t i = 0; i < n->n_tags; i++)
			if (n->tags[i].def->precedence == next &&
			    n->tags[i].def->modify != NULL && !in->failed)
				v = n->tags[i].def->modify(
				    in, n, &n->tags[i], v);
		below = next;
	} while (next > 0);
	return v;
}

/* set [MODIFIER] <name: string> <value: string> */
static enum ext_flow
run_set(struct interp *in, const struct script_node *n)
{
	struct view v = interp_string(in, n->arg[1]);

	if (n->n_tags > 0)
		v = modify_text(in, n, v);
	if (interp_cost(in, v.n / 64))
		interp_set(in, n->data, v);
	return EXT_NEXT;
}

/* string [MATCH-TYPE] [COMPARATOR] <source: string-list> <key-list> */
static bool
test_string(struct interp *in, const struct script_node *n)
{
	bool counts = (n->how->match->flags & EXT_COUNTS) != 0;
	struct compare c;

	compare_begin(&c, in, n);
	for (size_t i = 0; i < n->arg[0]->n && !in->failed; i++) {
		struct view v = interp_text(in, &n->arg[0]->texts[i]);

		if (counts && v.n == 0)
			continue;
		if (compare_value(&c, v))
			break;
	}
	return compare_end(&c);
}

static const struct ext_command commands[] = {
	{ .name = "set", .args = "ss", .check = check_set, .run = run_set },
};

static const struct ext_command tests[] = {
	{
	    .name = "string",
	    .args = "ll",
	    .flags = EXT_MATCH,
	    .test = test_string,
	},
};

const struct ext ext_variables = {
	.name = "variables",
	.flags = EXT_SYNTAX,
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
