/* RFC 5228 section 4: keep, discard, redirect, fileinto. */

#include "base/utf8.h"
#include "sieve/checker.h"
#include "sieve/ext_list.h"
#include "sieve/interp.h"
#include "sieve/tidy.h"

#define MAILBOX_NAME_MAX 1024 /* bytes of a mailbox's name */

static enum ext_flow
run_keep(struct interp *in, const struct script_node *n)
{
	struct sieve_action a = { .kind = SIEVE_KEEP };

	interp_act(in, n, &a);
	return EXT_NEXT;
}

static enum ext_flow
run_discard(struct interp *in, const struct script_node *n)
{
	struct sieve_action a = { .kind = SIEVE_DISCARD };

	interp_act(in, n, &a);
	return EXT_NEXT;
}

/* Is the argument of a redirect something else than an address, as its tag
 * (":list") says? */
static bool
is_list(const struct script_node *n)
{
	for (size_t i = 0; i < n->n_tags; i++)
		if (view_eq(view_str(n->tags[i].def->name), VIEW_LIT("list")))
			return true;
	return false;
}

static bool
check_redirect(struct checker *c, struct script_node *n)
{
	if (is_list(n) || !checker_is_constant(n->arg[0]) ||
	    tidy_is_address(n->arg[0]->texts[0].v, checker_arena(c), NULL))
		return true;
	return checker_error_arg(c, n->arg[0],
	    "\"redirect\" needs one address, \"user@example.org\"");
}

/* redirect <address: string> */
static enum ext_flow
run_redirect(struct interp *in, const struct script_node *n)
{
	struct sieve_action a = { .kind = SIEVE_REDIRECT };
	struct view text = interp_string(in, n->arg[0]);

	a.u.redirect.address = text;
	if (!is_list(n) &&
	    !tidy_is_address(text, in->arena, &a.u.redirect.address))
		interp_fail(in, n, "\"%.*s\" is no address to redirect to",
		    (int)(text.n < 60 ? text.n : 60), (const char *)text.p);
	else
		interp_act(in, n, &a);
	return EXT_NEXT;
}

static const char *
mailbox_wrong(struct view name)
{
	if (name.n == 0)
		return "the name of a mailbox is empty";
	if (name.n > MAILBOX_NAME_MAX)
		return "the name of a mailbox is too long";
	if (!utf8_valid(name) || memchr(name.p, '\0', name.n) != NULL)
		return "the name of a mailbox must be valid UTF-8";
	return NULL;
}

static bool
check_fileinto(struct checker *c, struct script_node *n)
{
	const char *wrong = NULL;

	if (checker_is_constant(n->arg[0]))
		wrong = mailbox_wrong(n->arg[0]->texts[0].v);
	return wrong == NULL || checker_error_arg(c, n->arg[0], "%s", wrong);
}

/* fileinto <mailbox: string> */
static enum ext_flow
run_fileinto(struct interp *in, const struct script_node *n)
{
	struct sieve_action a = { .kind = SIEVE_FILEINTO };
	const char *wrong;

	a.u.fileinto.mailbox.name = interp_string(in, n->arg[0]);
	if ((wrong = mailbox_wrong(a.u.fileinto.mailbox.name)) != NULL)
		interp_fail(in, n, "%s", wrong);
	else
		interp_act(in, n, &a);
	return EXT_NEXT;
}

static const struct ext_command commands[] = {
	{ .name = "keep", .run = run_keep },
	{ .name = "discard", .run = run_discard },
	{
	    .name = "redirect",
	    .args = "s",
	    .check = check_redirect,
	    .run = run_redirect,
	},
};

static const struct ext_command fileinto[] = {
	{
	    .name = "fileinto",
	    .args = "s",
	    .check = check_fileinto,
	    .run = run_fileinto,
	},
};

const struct ext ext_core_action = {
	.flags = EXT_CORE | EXT_UNLISTED,
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
};

const struct ext ext_fileinto = {
	.name = "fileinto",
	.commands = fileinto,
	.n_commands = EXT_COUNT(fileinto),
};
