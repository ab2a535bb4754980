/*
 * Extensions of Dovecot that scripts from there have in them.
 *
 * vnd.dovecot.environment: items of environment, and all of them as variables,
 * "${env.NAME}" with "_" for "-".
 * vnd.dovecot.debug: debug_log, only where scripts are tested.
 */
#include "sieve/checker.h"
#include "sieve/environment.h"
#include "sieve/ext_list.h"
#include "sieve/interp.h"
#include "sieve/testsuite_world.h"

static bool
space_check(struct checker *c, struct view name, bool write)
{
	(void)c;
	(void)name;
	return !write;
}

static struct view
space_get(struct interp *in, struct view name)
{
	uint8_t *item = interp_alloc(in, name.n + 1);
	struct view out = { NULL, 0 };

	if (item == NULL)
		return out;
	for (size_t i = 0; i < name.n; i++)
		item[i] = name.p[i] == '_' ? (uint8_t)'-' : name.p[i];
	if (!environment_item(in, (struct view){ item, name.n }, &out))
		return (struct view){ NULL, 0 };
	return out;
}

const struct ext ext_dovecot_environment = {
	.name = "vnd.dovecot.environment",
	.needs = "environment",
	.space = "env",
	.space_check = space_check,
	.space_get = space_get,
};

static enum ext_flow
run_debug_log(struct interp *in, const struct script_node *n)
{
	struct world *w = in->env.testsuite;

	if (w != NULL && w->host->note != NULL)
		w->host->note(
		    w->host->ctx, n->line, interp_string(in, n->arg[0]));
	return EXT_NEXT;
}

static const struct ext_command debug[] = {
	{ .name = "debug_log", .args = "s", .run = run_debug_log },
};

const struct ext ext_dovecot_debug = {
	.name = "vnd.dovecot.debug",
	.flags = EXT_TEST | EXT_UNLISTED,
	.commands = debug,
	.n_commands = EXT_COUNT(debug),
};
