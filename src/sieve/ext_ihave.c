/*
 * RFC 5463: ihave and error. What is there is known when a script is compiled;
 * from the test on, the checker takes what it names as required, and the run
 * makes sure that the test was reached before.
 */

#include "sieve/checker_impl.h"
#include "sieve/ext_list.h"
#include "sieve/interp_impl.h"

/* May ihave give it? Something that was required it only confirms. */
static bool
can_have(const struct checker *c, struct view name)
{
	const struct ext *e = ext_find(name);

	if (e == NULL || !ext_usable(e, c->options))
		return false;
	return (e->flags & EXT_SYNTAX) == 0 ||
	    (c->p->required & ext_bit(e)) != 0;
}

/* Everything the argument names, and what that needs. */
static uint64_t
bits_of(const struct script_arg *arg)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < arg->n; i++)
		for (const struct ext *e = ext_find(arg->texts[i].v); e != NULL;
		     e = e->needs == NULL ? NULL : ext_find(view_str(e->needs)))
			bits |= ext_bit(e);
	return bits;
}

static bool
check_ihave(struct checker *c, struct script_node *n)
{
	const struct script_arg *arg = n->arg[0];
	bool all = true;

	for (size_t i = 0; i < arg->n; i++) {
		if (arg->texts[i].parts != NULL)
			return checker_error_arg(c, arg,
			    "the names \"ihave\" asks for must be constant");
		all &= can_have(c, arg->texts[i].v);
	}
	if (!all)
		return true; /* n->data stays NULL: it is always false */
	for (size_t i = 0; i < arg->n; i++)
		(void)!checker_require(c, arg->texts[i].v);
	if ((n->data = checker_alloc(c, sizeof(uint64_t))) == NULL)
		return false;
	*(uint64_t *)n->data = bits_of(arg);
	return true;
}

/* ihave <capabilities: string-list> */
static bool
test_ihave(struct interp *in, const struct script_node *n)
{
	const uint64_t *bits = n->data;

	if (bits == NULL ||
	    (in->env.imap_event && ext_for_delivery(*bits) != NULL))
		return false;
	in->frame->enabled |= *bits;
	return true;
}

/* error <message: string> */
static enum ext_flow
run_error(struct interp *in, const struct script_node *n)
{
	struct view v = interp_string(in, n->arg[0]);

	interp_fail(in, n, "%.*s", (int)(v.n < 1000 ? v.n : 1000),
	    v.n > 0 ? (const char *)v.p : "");
	return EXT_STOP;
}

static const struct ext_command commands[] = {
	{ .name = "error", .args = "s", .run = run_error },
};

static const struct ext_command tests[] = {
	{
	    .name = "ihave",
	    .args = "l",
	    .check = check_ihave,
	    .test = test_ihave,
	},
};

const struct ext ext_ihave = {
	.name = "ihave",
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
};
