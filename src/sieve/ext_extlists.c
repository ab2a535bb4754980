/* RFC 6134: lists kept outside of the script. */
#include "sieve/compare.h"
#include "sieve/ext.h"
#include "sieve/interp.h"

static void *
prepare(const struct compare_how *how, struct view key, struct view folded,
    struct arena *a, const char **why)
{
	struct view *k = arena_alloc(a, sizeof(*k));

	(void)how;
	(void)folded;
	(void)why;
	if (k != NULL)
		*k = key;
	return k;
}

/* The key is the list's name (RFC 6134 section 2.2). */
static bool
match(struct compare *c, const void *key, struct view value, struct view folded)
{
	const struct view *list = key;

	(void)folded;
	if (c->in->calls->in_list == NULL || !interp_cost(c->in, 1) ||
	    !c->in->calls->in_list(c->in->env.ctx, *list, value))
		return false;
	if (c->how->captures)
		compare_capture(c, &value, 1);
	return true;
}

static const struct ext_match matches[] = {
	{ .name = "list", .prepare = prepare, .match = match },
};

static bool
test_valid(struct interp *in, const struct script_node *n)
{
	for (size_t i = 0; i < n->arg[0]->n; i++)
		if (in->calls->has_list == NULL || !interp_cost(in, 1) ||
		    !in->calls->has_list(
			in->env.ctx, interp_text(in, &n->arg[0]->texts[i])))
			return false;
	return true;
}

static const struct ext_command tests[] = {
	{ .name = "valid_ext_list", .args = "l", .test = test_valid },
};

static void
apply_list(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct sieve_action *a)
{
	(void)t;
	if (a->kind != SIEVE_REDIRECT)
		return;
	if (in->calls->has_list == NULL ||
	    !in->calls->has_list(in->env.ctx, a->u.redirect.address))
		interp_fail(in, n, "there is no such list of addresses");
	a->u.redirect.list = true;
}

static const struct ext_tag tags[] = {
	{ .name = "list", .commands = "redirect", .apply = apply_list },
};

const struct ext ext_extlists = {
	.name = "extlists",
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
	.matches = matches,
	.n_matches = EXT_COUNT(matches),
};
