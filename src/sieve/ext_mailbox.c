/* RFC 5490 section 3: mailboxexists and ":create". */

#include "sieve/ext_list.h"
#include "sieve/interp.h"

static void
apply_create(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct sieve_action *a)
{
	(void)in;
	(void)n;
	(void)t;
	if (a->kind == SIEVE_FILEINTO)
		a->u.fileinto.mailbox.create = true;
}

static bool
exists(const struct interp *in, struct view mailbox)
{
	if (in->calls->mailbox_exists == NULL)
		return view_eq_ci(mailbox, VIEW_LIT("INBOX"));
	return in->calls->mailbox_exists(in->env.ctx, mailbox);
}

/* mailboxexists <mailbox-names: string-list> */
static bool
test_mailboxexists(struct interp *in, const struct script_node *n)
{
	for (size_t i = 0; i < n->arg[0]->n; i++)
		if (!interp_cost(in, 1) ||
		    !exists(in, interp_text(in, &n->arg[0]->texts[i])))
			return false;
	return true;
}

static const struct ext_tag tags[] = {
	{
	    .name = "create",
	    .commands = "fileinto",
	    .apply = apply_create,
	},
};

static const struct ext_command tests[] = {
	{ .name = "mailboxexists", .args = "l", .test = test_mailboxexists },
};

const struct ext ext_mailbox = {
	.name = "mailbox",
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
