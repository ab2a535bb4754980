/* RFC 5490 sections 3.3 to 4: mboxmetadata and servermetadata. (Its mailbox
 * extension is in ext_mailbox.c.) */
#include "base/utf8.h"
#include "sieve/compare.h"
#include "sieve/ext.h"
#include "sieve/interp.h"

/* An entry-name of RFC 5464 section 3.2: "/private/..." or "/shared/...". */
static bool
is_entry(struct view v)
{
	if (!view_starts_ci(v, VIEW_LIT("/private/")) &&
	    !view_starts_ci(v, VIEW_LIT("/shared/")))
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= 0x19 || v.p[i] >= 0x7f || v.p[i] == '*' ||
		    v.p[i] == '%' ||
		    (v.p[i] == '/' && (i + 1 == v.n || v.p[i + 1] == '/')))
			return false;
	return true;
}

static bool
get(struct interp *in, struct view mailbox, struct view entry, struct view *out)
{
	return in->calls->metadata != NULL && is_entry(entry) &&
	    interp_cost(in, 1) &&
	    in->calls->metadata(in->env.ctx, mailbox, entry, in->arena, out);
}

static bool
compare_entry(struct interp *in, const struct script_node *n,
    struct view mailbox, struct view entry)
{
	struct compare c;
	struct view value;

	compare_begin(&c, in, n);
	if (get(in, mailbox, entry, &value))
		(void)!compare_value(&c, value);
	return compare_end(&c);
}

static bool
all_exist(
    struct interp *in, struct view mailbox, const struct script_arg *names)
{
	struct view value;

	for (size_t i = 0; i < names->n; i++)
		if (!get(
			in, mailbox, interp_text(in, &names->texts[i]), &value))
			return false;
	return true;
}

/* A mailbox's name, or false for none that can exist. */
static bool
mailbox_name(struct interp *in, const struct script_arg *arg, struct view *out)
{
	*out = interp_string(in, arg);
	return out->n > 0 && utf8_valid(*out);
}

static bool
test_metadata(struct interp *in, const struct script_node *n)
{
	struct view mailbox;

	return mailbox_name(in, n->arg[0], &mailbox) &&
	    compare_entry(in, n, mailbox, interp_string(in, n->arg[1]));
}

static bool
test_metadataexists(struct interp *in, const struct script_node *n)
{
	struct view mailbox;

	return mailbox_name(in, n->arg[0], &mailbox) &&
	    all_exist(in, mailbox, n->arg[1]);
}

static bool
test_servermetadata(struct interp *in, const struct script_node *n)
{
	return compare_entry(
	    in, n, (struct view){ NULL, 0 }, interp_string(in, n->arg[0]));
}

static bool
test_servermetadataexists(struct interp *in, const struct script_node *n)
{
	return all_exist(in, (struct view){ NULL, 0 }, n->arg[0]);
}

static const struct ext_command mailbox_tests[] = {
	{ .name = "metadata",
	    .args = "ssl",
	    .flags = EXT_MATCH,
	    .test = test_metadata },
	{ .name = "metadataexists", .args = "sl", .test = test_metadataexists },
};

static const struct ext_command server_tests[] = {
	{ .name = "servermetadata",
	    .args = "sl",
	    .flags = EXT_MATCH,
	    .test = test_servermetadata },
	{ .name = "servermetadataexists",
	    .args = "l",
	    .test = test_servermetadataexists },
};

const struct ext ext_mboxmetadata = {
	.name = "mboxmetadata",
	.tests = mailbox_tests,
	.n_tests = EXT_COUNT(mailbox_tests),
};

const struct ext ext_servermetadata = {
	.name = "servermetadata",
	.tests = server_tests,
	.n_tests = EXT_COUNT(server_tests),
};
