/* RFC 5228: control, the tests that combine tests, size, and the match types
 * and address parts of the core. */

#include "sieve/checker_impl.h"
#include "sieve/compare.h"
#include "sieve/ext_list.h"
#include "sieve/glob.h"
#include "sieve/interp_impl.h"

/* ---- require ---- */

/* require <capabilities: string-list> */
static bool
check_require(struct checker *c, struct script_node *n)
{
	const struct script_arg *arg = n->arg[0];
	bool ok = true;

	if (c->n_parents > 0 ||
	    (c->previous != NULL &&
		!view_eq_ci(c->previous->name, VIEW_LIT("require"))))
		return checker_error_node(
		    c, n, "\"require\" must stand at the start of the script");
	if (arg->n > SIEVE_REQUIRE_MAX - c->n_required)
		return checker_error_arg(
		    c, arg, "too many extensions are required");
	c->n_required += arg->n;
	for (size_t i = 0; i < arg->n; i++) {
		struct view name = arg->texts[i].v;

		if (!checker_require(c, name))
			ok = checker_error_arg(c, arg,
			    "the extension \"%.*s\" is not known here",
			    (int)(name.n < 60 ? name.n : 60),
			    (const char *)name.p);
	}
	c->p->required = c->enabled;
	c->ihave = checker_has(c, "ihave");
	return ok;
}

/* ---- if, elsif, else, stop ---- */

static bool
check_elsif(struct checker *c, struct script_node *n)
{
	if (c->previous == NULL ||
	    (!view_eq_ci(c->previous->name, VIEW_LIT("if")) &&
		!view_eq_ci(c->previous->name, VIEW_LIT("elsif"))))
		return checker_error_node(c, n,
		    "\"%s\" can only follow an \"if\" or \"elsif\"",
		    n->def->name);
	return true;
}

/* Which block of the row is taken stands in the frame: while a block runs the
 * inner rows change it, so it is said again after that. */
static enum ext_flow
take_block(struct interp *in, const struct script_node *n)
{
	enum ext_flow flow = interp_block(in, n->block);

	in->frame->taken = true;
	return flow;
}

static enum ext_flow
run_if(struct interp *in, const struct script_node *n)
{
	in->frame->taken = interp_test(in, n->tests);
	return in->frame->taken ? take_block(in, n) : EXT_NEXT;
}

static enum ext_flow
run_elsif(struct interp *in, const struct script_node *n)
{
	return in->frame->taken ? EXT_NEXT : run_if(in, n);
}

static enum ext_flow
run_else(struct interp *in, const struct script_node *n)
{
	return in->frame->taken ? EXT_NEXT : take_block(in, n);
}

static enum ext_flow
run_stop(struct interp *in, const struct script_node *n)
{
	(void)in;
	(void)n;
	return EXT_STOP;
}

static const struct ext_command commands[] = {
	{
	    .name = "require",
	    .args = "l",
	    .flags = EXT_REQUIRE,
	    .check = check_require,
	},
	{
	    .name = "if",
	    .tests = EXT_ONE_TEST,
	    .block = true,
	    .run = run_if,
	},
	{
	    .name = "elsif",
	    .tests = EXT_ONE_TEST,
	    .block = true,
	    .check = check_elsif,
	    .run = run_elsif,
	},
	{
	    .name = "else",
	    .block = true,
	    .check = check_elsif,
	    .run = run_else,
	},
	{ .name = "stop", .run = run_stop },
};

/* ---- tests ---- */

static bool
test_true(struct interp *in, const struct script_node *n)
{
	(void)in;
	(void)n;
	return true;
}

static bool
test_false(struct interp *in, const struct script_node *n)
{
	(void)in;
	(void)n;
	return false;
}

static bool
test_not(struct interp *in, const struct script_node *n)
{
	return !interp_test(in, n->tests);
}

static bool
test_allof(struct interp *in, const struct script_node *n)
{
	for (const struct script_node *t = n->tests; t != NULL; t = t->next)
		if (!interp_test(in, t))
			return false;
	return true;
}

static bool
test_anyof(struct interp *in, const struct script_node *n)
{
	for (const struct script_node *t = n->tests; t != NULL; t = t->next)
		if (interp_test(in, t) || in->failed)
			return true;
	return false;
}

static const struct ext_tag tags[] = {
	{
	    .name = "over",
	    .commands = "size",
	    .param = EXT_NUMBER,
	    .group = "size",
	},
	{
	    .name = "under",
	    .commands = "size",
	    .param = EXT_NUMBER,
	    .group = "size",
	},
};

static bool
check_size(struct checker *c, struct script_node *n)
{
	if (n->n_tags == 0)
		return checker_error_node(c, n,
		    "\"size\" needs \":over\" or \":under\" and a number");
	return true;
}

/* size <":over" / ":under"> <limit: number> */
static bool
test_size(struct interp *in, const struct script_node *n)
{
	uint64_t size = letter_size(in->letter);
	uint64_t limit = n->tags[0].param->number;

	return n->tags[0].def == &tags[0] ? size > limit : size < limit;
}

static const struct ext_command tests[] = {
	{ .name = "true", .test = test_true },
	{ .name = "false", .test = test_false },
	{ .name = "not", .tests = EXT_ONE_TEST, .test = test_not },
	{ .name = "allof", .tests = EXT_TEST_LIST, .test = test_allof },
	{ .name = "anyof", .tests = EXT_TEST_LIST, .test = test_anyof },
	{ .name = "size", .check = check_size, .test = test_size },
};

/* ---- match types ---- */

#define GLOB_STEPS 4 /* that cost as much as 64 bytes elsewhere */

static bool
match_is(
    struct compare *c, const void *key, struct view value, struct view folded)
{
	const struct view *k = key;

	(void)value;
	if (c->how->comparator->order != NULL)
		return c->how->comparator->order(folded, *k) == 0;
	return view_eq(folded, *k);
}

static bool
match_contains(
    struct compare *c, const void *key, struct view value, struct view folded)
{
	const struct view *k = key;

	(void)c;
	(void)value;
	if (k->n == 0)
		return true;
	return k->n <= folded.n &&
	    memmem(folded.p, folded.n, k->p, k->n) != NULL;
}

static void *
prepare_matches(const struct compare_how *how, struct view key,
    struct view folded, struct arena *a, const char **why)
{
	(void)folded;
	(void)why;
	return glob_new(key, how->comparator->fold, how->comparator->chars, a);
}

static bool
match_matches(
    struct compare *c, const void *key, struct view value, struct view folded)
{
	struct view parts[SIEVE_MATCHES_MAX];
	uint64_t left = SIEVE_COST_MAX - c->in->cost, steps = 0;
	size_t n;
	bool ok = glob_match(key, value, folded, &steps, left * GLOB_STEPS,
	    parts, SIEVE_MATCHES_MAX, &n);

	if (!interp_cost(c->in, 1 + steps / GLOB_STEPS) || !ok)
		return false;
	if (c->how->captures)
		compare_capture(c, parts, n);
	return true;
}

static const struct ext_match matches[] = {
	{ .name = "is", .match = match_is },
	{ .name = "contains", .flags = EXT_SUBSTRING, .match = match_contains },
	{
	    .name = "matches",
	    .flags = EXT_SUBSTRING,
	    .prepare = prepare_matches,
	    .match = match_matches,
	},
};

/* ---- address parts ---- */

static bool
part_all(struct interp *in, const struct letter_address *a, struct view *out)
{
	(void)in;
	*out = a->all;
	return true;
}

static bool
part_local(struct interp *in, const struct letter_address *a, struct view *out)
{
	(void)in;
	*out = a->local;
	return !a->broken;
}

static bool
part_domain(struct interp *in, const struct letter_address *a, struct view *out)
{
	(void)in;
	*out = a->domain;
	return !a->broken;
}

static const struct ext_part parts[] = {
	{ .name = "all", .get = part_all },
	{ .name = "localpart", .get = part_local },
	{ .name = "domain", .get = part_domain },
};

const struct ext ext_core = {
	.flags = EXT_CORE | EXT_UNLISTED,
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
	.matches = matches,
	.n_matches = EXT_COUNT(matches),
	.parts = parts,
	.n_parts = EXT_COUNT(parts),
};
