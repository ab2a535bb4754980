/* RFC 5183: environment. */

#include "sieve/compare.h"
#include "sieve/environment.h"
#include "sieve/ext_list.h"
#include "sieve/interp.h"

/* A value the run knows itself; p NULL: it does not. */
static struct view
own_item(const struct interp *in, struct view name)
{
	const struct sieve_env *e = &in->env;
	const struct {
		const char *name;
		struct view value;
	} items[] = {
		{ "name", VIEW_LIT("fumi") },
		{ "version", VIEW_LIT(FUMI_VERSION) },
		{ "location",
		    e->location.p != NULL ? e->location : VIEW_LIT("MS") },
		{ "phase", e->phase.p != NULL ? e->phase : VIEW_LIT("during") },
		{ "host", e->host },
		{ "domain", e->domain },
		{ "remote-host", e->remote_host },
		{ "remote-ip", e->remote_ip },
	};

	for (size_t i = 0; i < EXT_COUNT(items); i++)
		if (view_eq_ci(name, view_str(items[i].name)))
			return items[i].value;
	return (struct view){ NULL, 0 };
}

bool
environment_item(struct interp *in, struct view name, struct view *out)
{
	*out = own_item(in, name);
	if (out->p != NULL)
		return true;
	return in->calls->environment != NULL &&
	    in->calls->environment(in->env.ctx, name, in->arena, out);
}

/* environment [COMPARATOR] [MATCH-TYPE] <name: string> <key-list> */
static bool
test_environment(struct interp *in, const struct script_node *n)
{
	struct compare c;
	struct view v;

	if (!environment_item(in, interp_string(in, n->arg[0]), &v))
		return false;
	compare_begin(&c, in, n);
	if ((n->how->match->flags & EXT_COUNTS) == 0 || v.n > 0)
		(void)!compare_value(&c, v);
	return compare_end(&c);
}

static const struct ext_command tests[] = {
	{
	    .name = "environment",
	    .args = "sl",
	    .flags = EXT_MATCH,
	    .test = test_environment,
	},
};

const struct ext ext_environment = {
	.name = "environment",
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
};
