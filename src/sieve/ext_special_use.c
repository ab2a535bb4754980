/* RFC 8579: special-use. */
#include "base/utf8.h"
#include "sieve/checker.h"
#include "sieve/ext.h"
#include "sieve/interp.h"

/* use-attr = "\" atom (RFC 6154 section 6). */
static bool
is_use(struct view v)
{
	if (v.n < 2 || v.p[0] != '\\')
		return false;
	for (size_t i = 1; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f ||
		    memchr("(){%*\"\\]", v.p[i], 8) != NULL)
			return false;
	return true;
}

static bool
check_use(struct checker *c, struct script_node *n, struct script_tag *t)
{
	(void)n;
	if (checker_is_constant(t->param) && !is_use(t->param->texts[0].v))
		return checker_error_arg(
		    c, t->param, "that is no special use of a mailbox");
	return true;
}

static void
apply_use(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct sieve_action *a)
{
	struct view use = interp_string(in, t->param);

	if (!is_use(use)) {
		interp_fail(in, n, "that is no special use of a mailbox");
		return;
	}
	if (a->kind == SIEVE_FILEINTO)
		a->u.fileinto.mailbox.special_use = use;
}

static const struct ext_tag tags[] = {
	{ .name = "specialuse",
	    .commands = "fileinto",
	    .param = EXT_STRING,
	    .check = check_use,
	    .apply = apply_use },
};

static bool
check_exists(struct checker *c, struct script_node *n)
{
	const struct script_arg *uses = n->arg[1];

	for (size_t i = 0; i < uses->n; i++)
		if (uses->texts[i].parts == NULL && !is_use(uses->texts[i].v))
			return checker_error_arg(c, uses,
			    "\"%.*s\" is no special use of a mailbox",
			    (int)(uses->texts[i].v.n < 80 ? uses->texts[i].v.n
							  : 80),
			    (const char *)uses->texts[i].v.p);
	return true;
}

static bool
test_exists(struct interp *in, const struct script_node *n)
{
	struct view mailbox = { NULL, 0 };

	if (in->calls->special_use == NULL)
		return false;
	if (n->arg[0] != NULL) {
		mailbox = interp_string(in, n->arg[0]);
		if (mailbox.n == 0 || !utf8_valid(mailbox))
			return false;
	}
	for (size_t i = 0; i < n->arg[1]->n; i++) {
		struct view use = interp_text(in, &n->arg[1]->texts[i]);

		if (!interp_cost(in, 1) || !is_use(use) ||
		    !in->calls->special_use(in->env.ctx, mailbox, use))
			return false;
	}
	return true;
}

static const struct ext_command tests[] = {
	{ .name = "specialuse_exists",
	    .args = "?sl",
	    .check = check_exists,
	    .test = test_exists },
};

const struct ext ext_special_use = {
	.name = "special-use",
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
