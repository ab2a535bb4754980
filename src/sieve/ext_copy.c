/* RFC 3894: ":copy" at fileinto and redirect. */

#include "sieve/ext_list.h"

static void
apply_copy(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct sieve_action *a)
{
	(void)in;
	(void)n;
	(void)t;
	if (a->kind == SIEVE_FILEINTO)
		a->u.fileinto.copy = true;
	else if (a->kind == SIEVE_REDIRECT)
		a->u.redirect.copy = true;
}

static const struct ext_tag tags[] = {
	{
	    .name = "copy",
	    .commands = "fileinto redirect",
	    .apply = apply_copy,
	},
};

const struct ext ext_copy = {
	.name = "copy",
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
