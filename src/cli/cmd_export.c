#include "cli/cmd_export.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "cli/cli.h"
#include "session/uidl.h"
#include "store/export.h"
#include "store/verify.h"

#define INBOX 1 /* id of that mailbox */
#define USAGE "export -u ACCOUNT [--format mbox|maildir|eml] DIRECTORY"

struct export_state {
	const char *user;
	enum export_format format;
	uint64_t done, failed;
	int dir;           /* of the account */
	struct uidl *uidl; /* NULL: not asked for yet */
};

static int
on_message(void *ctx, struct view mailbox, uint32_t uid, const char *text)
{
	struct export_state *e = ctx;

	e->done++;
	if (text != NULL) {
		e->failed++;
		(void)cli_fail(EX_DATAERR, "export", "%.*s, UID %u: %s",
		    (int)mailbox.n, (const char *)mailbox.p, uid, text);
	}
	cli_progress("export", e->done, 0, false);
	return 0;
}

/* Always, though it may be the default one: an import gives other UIDs. */
static void
on_id(void *ctx, const struct mailbox_row *box, uint32_t uid, struct buf *out)
{
	struct export_state *e = ctx;

	if (box->id != INBOX)
		return;
	if (e->uidl == NULL)
		e->uidl = uidl_load(e->dir, box->uidvalidity);
	uidl_put(e->uidl, box->uidvalidity, uid, out);
}

static bool
format(const char *s, enum export_format *out)
{
	if (strcmp(s, "mbox") == 0)
		*out = EXPORT_MBOX;
	else if (strcmp(s, "maildir") == 0)
		*out = EXPORT_MAILDIR;
	else if (strcmp(s, "eml") == 0)
		*out = EXPORT_EML;
	else
		return false;
	return true;
}

static bool
options(struct export_state *e, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "user", required_argument, NULL, 'u' },
		{ "format", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*e = (struct export_state){ .format = EXPORT_MAILDIR };
	while ((c = getopt_long(argc, argv, "u:f:", longs, NULL)) != -1) {
		if (c == 'u')
			e->user = optarg;
		else if (c != 'f' || !format(optarg, &e->format))
			return false;
	}
	return e->user != NULL && optind + 1 == argc;
}

/* What a damaged log has lost has no name any more that could be told. */
static void
tell_damage(struct export_state *e, struct account *a)
{
	struct verify_totals t = { 0 };

	if (verify_run(a, false, NULL, NULL, &t) == 0 && t.findings == 0)
		return;
	e->failed++;
	(void)cli_fail(EX_DATAERR, "export",
	    "%s is damaged: mail may be missing here; fumi verify says where",
	    e->user);
}

int
cmd_export(const struct conf *conf, int argc, char **argv)
{
	const struct account_options o = { .read_only = true };
	AUTO_CLOSE int target = -1;
	AUTO_CLOSE int dir = -1;
	struct account *a = NULL;
	struct export_state e;
	struct why damage;
	const char *path;
	bool made;
	int r;

	if (!options(&e, argc, argv))
		return cli_usage(USAGE);
	path = argv[optind];
	made = mkdir(path, 0700) == 0;
	if (!made && errno != EEXIST)
		return cli_fail(
		    EX_CANTCREAT, "export", "%s: %s", path, strerror(errno));
	/* opened before root gives up its rights */
	target = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target == -1)
		return cli_fail(
		    EX_CANTCREAT, "export", "%s: %s", path, strerror(errno));
	r = cli_account_open(
	    conf, "export", e.user, CLI_WRITE_ALL, &o, &dir, &a);
	if (r != EX_OK) {
		if (made)
			(void)rmdir(path);
		return r;
	}
	if (account_notice(a, &damage)) {
		e.failed++;
		(void)cli_fail(
		    EX_DATAERR, "export", "%s: %s", e.user, damage.text);
	}
	e.dir = dir;
	r = export_run(a, target, e.format, on_message, on_id, &e);
	uidl_free(&e.uidl);
	cli_progress("export", e.done, 0, true);
	if (r != 0)
		(void)cli_fail(cli_store_status(r), "export", "%s: %s", path,
		    cli_store_text(a, r));
	if (r == 0)
		tell_damage(&e, a);
	account_close(&a);
	if (r != 0)
		return r == -EEXIST ? EX_CANTCREAT : cli_store_status(r);
	return e.failed > 0 ? EX_DATAERR : EX_OK;
}
