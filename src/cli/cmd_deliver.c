#include "cli/cmd_deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "auth/name.h"
#include "base/buf.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/local.h"
#include "proc/msg_control.h"

/*
 * Each account is served by a child: whoever delivers gives up root for good, and
 * the next account has another owner.
 */
#define USAGE                                                                  \
	"fumi deliver [-det] [-a DETAIL] [-f SENDER] [-m MAILBOX] ACCOUNT "    \
	"... < "                                                               \
	"MESSAGE"
#define PROCMAIL_USAGE                                                         \
	"procmail [-optY] [-a DETAIL] [-f SENDER] [-d ACCOUNT ...] < MESSAGE"
#define PATH_BYTES 4096

struct request {
	const struct conf *conf;
	const char *from; /* -f, or NULL */
	const char *to;   /* -a, or NULL: detail, or an address with "@" */
	/* the same two, the latter only where it has an "@"; or NULL */
	const struct local_address *sender, *recipient;
	const char *mailbox;         /* in the language of [delivery] mailbox */
	bool soft, refuse, delivery; /* -t, -e, -d */
	struct local_message message;
};

static int
fail(struct why *w, int status, const char *who, const char *text)
{
	(void)why(w, 0, "%s: %s", who, text);
	return status;
}

/* ---- into a file ---- */

/* "%u" is the user, "%%" a percent sign. */
static bool
expand(const char *text, const char *user, char out[PATH_BYTES])
{
	AUTO_BUF struct buf b = BUF_INIT(PATH_BYTES - 1);

	for (; *text != '\0'; text++) {
		if (*text != '%') {
			buf_put_byte(&b, (uint8_t)*text);
			continue;
		}
		if (*++text == 'u')
			buf_put_str(&b, user);
		else if (*text == '%')
			buf_put_byte(&b, '%');
		else
			return false;
	}
	if (b.failed || b.n == 0)
		return false;
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
	return true;
}

/* The group of a spool directory that belongs to root, where new mailboxes are
 * made by that group; else the user's own. */
static gid_t
group_for(const char *path, gid_t own)
{
	char dir[PATH_BYTES];
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (path[0] != '/' || slash == path)
		return own;
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	if (stat(dir, &st) != 0 || st.st_uid != 0 || (st.st_mode & 020) == 0)
		return own;
	return st.st_gid;
}

static int
become(const struct passwd *pw, const char *path, struct why *w)
{
	gid_t groups[2] = { pw->pw_gid, group_for(path, pw->pw_gid) };

	if (geteuid() == pw->pw_uid)
		return EX_OK;
	if (geteuid() != 0)
		return fail(w, EX_NOPERM, pw->pw_name,
		    "only that user or root may deliver there");
	if (setgroups(2, groups) != 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return fail(
		    w, EX_OSERR, pw->pw_name, "cannot become that user");
	return EX_OK;
}

static int
to_file(const struct request *q, const char *user, const char *sender,
    struct why *w)
{
	AUTO_BUF struct buf head = BUF_INIT(2048);
	AUTO_CLOSE int home = -1;
	char path[PATH_BYTES];
	const struct passwd *pw;
	int r;

	errno = 0;
	if ((pw = getpwnam(user)) == NULL)
		return errno == 0 || errno == ENOENT
		    ? fail(w, EX_NOUSER, user, "no such user")
		    : fail(w, EX_TEMPFAIL, user, strerror(errno));
	if (!expand(q->mailbox, pw->pw_name, path))
		return fail(w, EX_CONFIG, q->mailbox,
		    "%u and %% are all that may stand there");
	if ((r = become(pw, path, w)) != EX_OK)
		return r;
	(void)umask(077);
	home = open(path[0] == '/' ? "/" : pw->pw_dir,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home == -1)
		return fail(w, EX_TEMPFAIL, pw->pw_dir, strerror(errno));
	buf_printf(&head, "Return-Path: <%s>\n", sender);
	return local_to_file(
	    q->conf, home, path, sender, buf_view(&head), &q->message, w);
}

/* ---- one account ---- */

static int
deliver(const struct request *q, const char *account, struct why *w)
{
	static const char fumi[] = "fumi:";
	const char *sender =
	    q->sender != NULL ? q->sender->text : q->message.from.text;
	struct local_envelope e = { .account = account,
		.mailbox = q->mailbox + sizeof(fumi) - 1,
		.sender = sender };
	struct name name;

	if (strncmp(q->mailbox, fumi, sizeof(fumi) - 1) != 0)
		return to_file(q, account, sender, w);
	if (!name_parse(view_str(account), &name))
		return fail(w, EX_NOUSER, account, "that is no account's name");
	if (q->recipient != NULL)
		e.recipient = q->recipient->text;
	else if (q->to != NULL && q->to[0] != '\0')
		e.detail = q->to;
	return local_to_account(q->conf, &e, &q->message, w);
}

static int
run_one(const struct request *q, const char *account)
{
	struct why w = { "" };
	int r = deliver(q, account, &w);

	if (r == EX_OK)
		return r;
	if (q->soft && r != EX_UNAVAILABLE)
		r = EX_TEMPFAIL;
	else if (q->refuse && r == EX_UNAVAILABLE)
		r = EX_NOPERM;
	return cli_fail(r, "deliver", "%s", w.text);
}

static int
run_in_child(const struct request *q, const char *account)
{
	pid_t pid;
	int status;

	if ((pid = fork()) == -1)
		return cli_fail(
		    EX_TEMPFAIL, "deliver", "fork: %s", strerror(errno));
	if (pid == 0)
		_exit(run_one(q, account));
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return EX_TEMPFAIL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_TEMPFAIL;
}

static int
run_all(const struct request *q, int n, char **account)
{
	int status = EX_OK;

	if (n == 1)
		return run_one(q, account[0]);
	for (int i = 0; i < n; i++) {
		int r = run_in_child(q, account[i]);

		if (r == EX_TEMPFAIL || status == EX_OK)
			status = r;
	}
	return status;
}

/* ---- the command line ---- */

static bool
take_option(struct request *q, int c)
{
	switch (c) {
	case 'f':
	case 'r':
		q->from = optarg;
		return true;
	case 'a':
		q->to = optarg;
		return true;
	case 'm':
		q->mailbox = optarg;
		return true;
	case 't':
		q->soft = true;
		return true;
	case 'e':
		q->refuse = true;
		return true;
	case 'd':
		q->delivery = true;
		return true;
	case '7':
	case 'b':
	case 'o':
	case 'p':
	case 's':
	case 'Y':
		return true;
	default:
		return false;
	}
}

/* The programs in whose place this one runs, and what it does not do for them. */
struct guise {
	const char *name, *options, *usage;
	struct {
		int option;
		const char *instead;
	} refused[4];
};

static const struct guise deliver_guise = { .name = "deliver",
	.options = "7a:bdD:ef:h:Hlm:or:stY",
	.usage = USAGE,
	.refused = {
	    { 'l', "LMTP is spoken by a [listener] of fumi.conf" },
	    { 'h', "[delivery] mailbox says where mail goes: ./FILE" },
	    { 'H', "[delivery] mailbox says where mail goes" },
	    { 'D', "users are those of the system" },
	} };

static const struct guise procmail_guise = { .name = "procmail",
	.options = "a:df:moptYz",
	.usage = PROCMAIL_USAGE,
	.refused = {
	    { 'm', "recipes are not read; the account's Sieve scripts are" },
	    { 'z', "LMTP is spoken by a [listener] of fumi.conf" },
	} };

static int
usage(const struct guise *g)
{
	(void)fprintf(stderr, "usage: %s\n", g->usage);
	return EX_USAGE;
}

static int
take_options(struct request *q, const struct guise *g, int argc, char **argv)
{
	const size_t n = sizeof(g->refused) / sizeof(g->refused[0]);
	int c;

	while ((c = getopt(argc, argv, g->options)) != -1) {
		for (size_t i = 0; i < n; i++)
			if (c == g->refused[i].option)
				return cli_fail(EX_USAGE, g->name,
				    "-%c cannot be done: %s", c,
				    g->refused[i].instead);
		if (!take_option(q, c))
			return usage(g);
	}
	return EX_OK;
}

/* MTAs write <> for the empty sender, and some put brackets around others. */
static bool
take_sender(struct request *q, struct local_address *out)
{
	AUTO_BUF struct buf b = BUF_INIT(PATH_BYTES);
	struct view v = view_str(q->from);

	if (v.n >= 2 && v.p[0] == '<' && v.p[v.n - 1] == '>')
		v = view_sub(v, 1, v.n - 2);
	buf_put(&b, v);
	buf_put_byte(&b, '\0');
	q->sender = out;
	return !b.failed && local_address((const char *)b.p, out);
}

static bool
take_recipient(struct request *q, struct local_address *out)
{
	if (!local_address(q->to, out))
		return false;
	if (strchr(q->to, '@') != NULL)
		q->recipient = out;
	return q->recipient != NULL || strlen(q->to) <= MSG_CONTROL_DETAIL_MAX;
}

/* The place where -m is a mailbox's name and not a path. */
static const char *
place(const char *text, struct buf *b)
{
	if (strchr("./", text[0]) != NULL || strncmp(text, "fumi:", 5) == 0)
		return text;
	buf_printf(b, "fumi:%s", text);
	buf_put_byte(b, '\0');
	return b->failed ? "" : (const char *)b->p;
}

static struct request
request_for(const struct conf *conf)
{
	return (struct request){ .conf = conf,
		.mailbox = conf_str(conf, "delivery", NULL, "mailbox"),
		.message = LOCAL_MESSAGE_INIT };
}

/* With the options taken; argv: the accounts. */
static int
run_request(struct request *q, const struct guise *g, int argc, char **argv)
{
	AUTO_BUF struct buf mailbox = BUF_INIT(PATH_BYTES);
	struct local_address sender, recipient;
	const struct passwd *pw;
	struct why w = { "" };
	char *own[1];
	int r;

	q->mailbox = place(q->mailbox, &mailbox);
	if (q->from != NULL && !take_sender(q, &sender))
		return cli_fail(EX_USAGE, g->name,
		    "-f: that is no address for an envelope");
	if (q->to != NULL && !take_recipient(q, &recipient))
		return cli_fail(
		    EX_USAGE, g->name, "-a: that is no part of an address");
	if (argc == 0 && getuid() != 0 && (pw = getpwuid(getuid())) != NULL) {
		own[0] = pw->pw_name;
		argv = own;
		argc = 1;
	}
	if (argc == 0 || argc > CMD_DELIVER_ACCOUNTS_MAX || *q->mailbox == '\0')
		return usage(g);
	if ((r = local_input(q->conf, &q->message, &w)) == EX_OK)
		r = run_all(q, argc, argv);
	else
		r = cli_fail(r, "deliver", "%s", w.text);
	local_message_fini(&q->message);
	return r;
}

int
cmd_deliver(const struct conf *conf, int argc, char **argv)
{
	struct request q = request_for(conf);
	int r = take_options(&q, &deliver_guise, argc, argv);

	return r != EX_OK
	    ? r
	    : run_request(&q, &deliver_guise, argc - optind, argv + optind);
}

int
cmd_procmail(const struct conf *conf, int argc, char **argv)
{
	struct request q = request_for(conf);
	int r = take_options(&q, &procmail_guise, argc, argv);

	if (r != EX_OK)
		return r;
	if (!q.delivery && optind < argc)
		return cli_fail(EX_USAGE, "procmail",
		    "%s: neither recipes nor assignments are read; give -d "
		    "ACCOUNT, or no argument",
		    argv[optind]);
	if (q.from != NULL && strcmp(q.from, "-") == 0)
		q.from = NULL;
	return run_request(&q, &procmail_guise, argc - optind, argv + optind);
}
