#include "proc/sieve_conf.h"

size_t
sieve_conf_disabled(
    const struct conf *c, struct view out[SIEVE_CONF_DISABLED_MAX])
{
	size_t n, i;
	const char *const *name = conf_list(c, "sieve", NULL, "disabled", &n);

	for (i = 0; i < n && i < SIEVE_CONF_DISABLED_MAX; i++)
		out[i] = view_str(name[i]);
	return i;
}
