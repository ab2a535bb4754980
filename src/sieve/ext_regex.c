/* draft-murchison-sieve-regex: the match type :regex. */
#include "sieve/compare.h"
#include "sieve/ere.h"
#include "sieve/ext.h"
#include "sieve/interp.h"

static enum ere_case
fold_of(const struct compare_how *how)
{
	if (how->casemap)
		return ERE_ASCII;
	return how->comparator->fold != NULL ? ERE_UNICODE : ERE_EXACT;
}

static void *
prepare(const struct compare_how *how, struct view key, struct view folded,
    struct arena *a, const char **why)
{
	struct ere *e;

	(void)folded;
	return ere_compile(key, fold_of(how), a, &e, why) == ERE_OK ? e : NULL;
}

static bool
match(struct compare *c, const void *key, struct view value, struct view folded)
{
	const struct ere *e = key;
	struct view group[ERE_GROUPS_MAX];
	size_t n = 0;

	(void)folded;
	if (!interp_cost(c->in, ere_cost(e) * (value.n / 64 + 1)) ||
	    !ere_match(e, value, group))
		return false;
	for (size_t i = 0; i < ERE_GROUPS_MAX; i++)
		if (group[i].p != NULL)
			n = i + 1;
	if (c->how->captures)
		compare_capture(c, group, n);
	return true;
}

static const struct ext_match matches[] = {
	{ .name = "regex",
	    .flags = EXT_SUBSTRING,
	    .prepare = prepare,
	    .match = match },
};

const struct ext ext_regex = {
	.name = "regex",
	.matches = matches,
	.n_matches = EXT_COUNT(matches),
};
