/* RFC 5429: reject and ereject. */
#include "sieve/ext.h"
#include "sieve/interp.h"
#include "sieve/tidy.h"

static enum ext_flow
refuse(struct interp *in, const struct script_node *n, bool ereject)
{
	struct sieve_action a = { .kind = SIEVE_REJECT };

	a.u.reject.ereject = ereject;
	if (!tidy_lines(
		interp_string(in, n->arg[0]), in->arena, &a.u.reject.reason)) {
		interp_fail(in, n, "the run needs too much memory");
		return EXT_STOP;
	}
	interp_act(in, n, &a);
	return EXT_NEXT;
}

static enum ext_flow
run_reject(struct interp *in, const struct script_node *n)
{
	return refuse(in, n, false);
}

static enum ext_flow
run_ereject(struct interp *in, const struct script_node *n)
{
	return refuse(in, n, true);
}

static const struct ext_command reject[] = {
	{ .name = "reject", .args = "s", .run = run_reject },
};

static const struct ext_command ereject[] = {
	{ .name = "ereject", .args = "s", .run = run_ereject },
};

const struct ext ext_reject = {
	.name = "reject",
	.flags = EXT_DELIVERY,
	.commands = reject,
	.n_commands = EXT_COUNT(reject),
};

const struct ext ext_ereject = {
	.name = "ereject",
	.flags = EXT_DELIVERY,
	.commands = ereject,
	.n_commands = EXT_COUNT(ereject),
};
