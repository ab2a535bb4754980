/* RFC 5231: ":count" and ":value". */

#include "sieve/compare.h"
#include "sieve/ext_list.h"

static bool
match_relation(
    struct compare *c, const void *key, struct view value, struct view folded)
{
	(void)value;
	return compare_holds(c, folded, *(const struct view *)key);
}

static const struct ext_match matches[] = {
	{ .name = "value", .flags = EXT_RELATION, .match = match_relation },
	{
	    .name = "count",
	    .flags = EXT_RELATION | EXT_COUNTS,
	    .match = match_relation,
	},
};

const struct ext ext_relational = {
	.name = "relational",
	.matches = matches,
	.n_matches = EXT_COUNT(matches),
};
