#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sysexits.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/qmail_local_inside.h"
#include "proc/runner.h"

/*
 * What an instruction does. A program gets the message as it came and the
 * envelope in its environment, all of which a stranger may have chosen: nothing
 * of it is ever put into a command line but the addresses behind "--".
 */
#define ENV_MAX 24
#define ENV_BYTES (128 * 1024)
#define ARGS_MAX 32
#define SAYING_MAX 512 /* bytes of a program's output that are passed on */

int
qmail_fail(int status, const char *text, const char *cause)
{
	(void)printf("%s%s%s\n", text, cause != NULL ? ": " : "",
	    cause != NULL ? cause : "");
	return status;
}

/* ---- the environment ---- */

struct environment {
	struct buf text;
	size_t at[ENV_MAX]; /* where each begins in text */
	size_t n;
	const char *list[ENV_MAX + 1];
};

static void
set(struct environment *e, const char *name, struct view value)
{
	e->at[e->n++] = e->text.n;
	buf_printf(&e->text, "%s=", name);
	for (size_t i = 0; i < value.n && value.p[i] != '\0'; i++)
		buf_put_byte(&e->text, value.p[i]);
	buf_put_byte(&e->text, '\0');
}

/* EXT2 to EXT4: behind the first, second, third dash. */
static void
set_exts(struct environment *e, const char *ext)
{
	static const char *const names[] = { "EXT", "EXT2", "EXT3", "EXT4" };

	for (unsigned i = 0; i < 4; i++) {
		const char *dash = strchr(ext, '-');

		set(e, names[i], view_str(ext));
		ext = dash != NULL ? dash + 1 : "";
	}
}

/* HOST2 to HOST4: before the last dot, the one before, the one before that. */
static void
set_hosts(struct environment *e, const char *host)
{
	static const char *const names[] = { "HOST", "HOST2", "HOST3",
		"HOST4" };
	struct view v = view_str(host);

	for (unsigned i = 0; i < 4; i++) {
		set(e, names[i], v);
		while (v.n > 0 && v.p[v.n - 1] != '.')
			v.n--;
		v.n -= v.n > 0;
	}
}

static void
environment(const struct qmail *q, struct environment *e)
{
	AUTO_BUF struct buf recipient = BUF_INIT(ENV_BYTES);

	buf_printf(&recipient, "%s@%s", q->local, q->host);
	set(e, "PATH", VIEW_LIT("/usr/local/bin:/usr/bin:/bin"));
	set(e, "SHELL", VIEW_LIT("/bin/sh"));
	set(e, "USER", view_str(q->user));
	set(e, "LOGNAME", view_str(q->user));
	set(e, "HOME", view_str(q->home));
	set(e, "SENDER", view_str(q->sender));
	set(e, "NEWSENDER", view_str((const char *)q->newsender.p));
	set(e, "RECIPIENT", buf_view(&recipient));
	set(e, "LOCAL", view_str(q->local));
	set_hosts(e, q->host);
	set_exts(e, q->ext);
	if (q->matched != NULL)
		set(e, "DEFAULT", view_str(q->matched));
	set(e, "DTLINE", buf_view(&q->dtline));
	set(e, "RPLINE", buf_view(&q->rpline));
	set(e, "UFLINE", buf_view(&q->ufline));
	for (size_t i = 0; i < e->n; i++)
		e->list[i] = (const char *)e->text.p + e->at[i];
	e->list[e->n] = NULL;
}

/* ---- programs ---- */

static void
read_limits(const struct conf *conf, struct runner_limits *l)
{
	*l = (struct runner_limits){
		.wall_ms = conf_num(conf, "delivery", NULL, "program-time"),
		.cpu_s = conf_num(conf, "delivery", NULL, "program-cpu") / 1000,
		.memory = conf_num(conf, "delivery", NULL, "program-memory"),
		.file = conf_num(conf, "delivery", NULL, "program-file"),
		.processes =
		    conf_num(conf, "delivery", NULL, "program-processes"),
	};
}

/* The end of what a program wrote, on lines of our own output. */
static void
pass_on(const struct buf *b)
{
	if (b->n == 0)
		return;
	(void)fwrite(b->p, 1, b->n, stdout);
	if (b->p[b->n - 1] != '\n')
		(void)putchar('\n');
}

/* qmail-command(8) */
static int
program_status(int status)
{
	switch (status) {
	case 0:
	case QMAIL_LOCAL_STOP:
		return status;
	case QMAIL_LOCAL_HARD:
	case EX_USAGE:
	case EX_DATAERR:
	case EX_SOFTWARE:
	case EX_PROTOCOL:
	case EX_NOPERM:
	case EX_CONFIG:
	case 112:
		return QMAIL_LOCAL_HARD;
	default:
		return QMAIL_LOCAL_SOFT;
	}
}

static int
run_program(struct qmail *q, const char *command)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	struct environment e = { .text = BUF_INIT(ENV_BYTES) };
	struct runner_program p = { .argv = argv,
		.env = e.list,
		.dir = q->dir,
		.input = q->message.fd,
		.output_max = SAYING_MAX };
	AUTO_BUF struct buf output = BUF_INIT(SAYING_MAX);
	struct runner_result r;
	struct why w = { "" };
	char text[64];
	int failed, status;

	environment(q, &e);
	read_limits(q->conf, &p.limits);
	failed = e.text.failed ? -E2BIG : runner_run(&p, &r, &output, &w);
	buf_fini(&e.text);
	if (failed != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Unable to run a program (#4.3.0)", w.text);
	pass_on(&output);
	status = r.end == RUNNER_EXITED ? program_status(r.status)
					: QMAIL_LOCAL_SOFT;
	runner_text(&r, text);
	if (status == 0 || status == QMAIL_LOCAL_STOP) {
		q->n_programs++;
		return status;
	}
	return qmail_fail(status,
	    status == QMAIL_LOCAL_HARD ? "A program refused it (#5.3.0)"
				       : "A program failed (#4.3.0)",
	    text);
}

/* ---- files and accounts ---- */

static int
to_file(struct qmail *q, const char *path)
{
	AUTO_BUF struct buf head = BUF_INIT(ENV_BYTES);
	struct why w = { "" };

	buf_put(&head, buf_view(&q->rpline));
	buf_put(&head, buf_view(&q->dtline));
	if (local_to_file(q->conf, q->dir, path, q->sender, buf_view(&head),
		&q->message, &w) != EX_OK)
		return qmail_fail(
		    QMAIL_LOCAL_SOFT, "Unable to write (#4.2.1)", w.text);
	q->n_files++;
	return 0;
}

/* The account is called as the user is, or as the recipient's address. */
static int
to_account(struct qmail *q, const char *mailbox)
{
	AUTO_BUF struct buf address = BUF_INIT(ENV_BYTES);
	struct local_address sender, to;
	struct why w = { "" };
	AUTO_BUF struct buf recipient = BUF_INIT(ENV_BYTES);
	struct local_envelope e = { .account = q->user,
		.mailbox = mailbox,
		.sender = local_address(q->sender, &sender) ? sender.text : "",
		.detail = q->ext[0] != '\0' ? q->ext : NULL };
	int r;

	buf_printf(&recipient, "%s@%s", q->local, q->host);
	buf_put_byte(&recipient, '\0');
	if (local_address((const char *)recipient.p, &to))
		e.recipient = to.text;
	r = local_to_account(q->conf, &e, &q->message, &w);

	if (r == EX_NOUSER && q->host[0] != '\0') {
		buf_printf(&address, "%s@%s", q->user, q->host);
		buf_put_byte(&address, '\0');
		e.account = (const char *)address.p;
		r = local_to_account(q->conf, &e, &q->message, &w);
	}
	if (r == EX_OK) {
		q->n_files++;
		return 0;
	}
	if (r == EX_DATAERR || r == EX_UNAVAILABLE)
		return qmail_fail(QMAIL_LOCAL_HARD, "Refused (#5.2.0)", w.text);
	return qmail_fail(
	    QMAIL_LOCAL_SOFT, "Unable to deliver (#4.2.0)", w.text);
}

static int
remember(struct qmail *q, const char *address)
{
	if (q->n_forwards == QMAIL_LOCAL_FORWARDS_MAX)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: .qmail forwards to too many addresses. (#4.2.1)",
		    NULL);
	q->n_forwards++;
	buf_put_str(&q->forwards, address);
	buf_put_byte(&q->forwards, '\0');
	return 0;
}

static const char *const kind_names[] = { "program", "forward", "mbox",
	"maildir", "fumi", "list" };

int
qmail_act(struct qmail *q, const struct dotqmail_line *l)
{
	AUTO_FREE char *text = xcalloc(1, l->text.n + 1);

	memcpy(text, l->text.p, l->text.n);
	if (q->dry) {
		(void)printf("%s %s\n", kind_names[l->kind], text);
		q->n_programs += l->kind == DOTQMAIL_PROGRAM;
		q->n_forwards += l->kind == DOTQMAIL_FORWARD;
		q->n_files += l->kind == DOTQMAIL_MBOX ||
		    l->kind == DOTQMAIL_MAILDIR || l->kind == DOTQMAIL_FUMI;
		return 0;
	}
	switch (l->kind) {
	case DOTQMAIL_PROGRAM:
		return run_program(q, text);
	case DOTQMAIL_FORWARD:
		return remember(q, text);
	case DOTQMAIL_MBOX:
	case DOTQMAIL_MAILDIR:
		return to_file(q, text);
	case DOTQMAIL_FUMI:
		return to_account(q, text);
	case DOTQMAIL_LIST:
		break;
	}
	return 0;
}

/* ---- forwards ---- */

/* Delivered-To and the message; Return-Path is the next server's to write. */
static int
forwarded_message(const struct qmail *q, int *out)
{
	AUTO_CLOSE int fd = memfd_create("forward", MFD_CLOEXEC);
	int r;

	if (fd == -1)
		return -errno;
	if ((r = fd_write(fd, buf_view(&q->dtline))) != 0 ||
	    (r = fd_write(fd, q->message.octets)) != 0)
		return r;
	*out = fd_take(&fd);
	return 0;
}

/* The words of [out] sendmail, then -f, sender, --. The number of them. */
static size_t
sendmail_args(char *words, const char *sender, const char **argv)
{
	size_t n = 0;

	for (char *p = strtok(words, " \t"); p != NULL && n < ARGS_MAX;
	     p = strtok(NULL, " \t"))
		argv[n++] = p;
	argv[n++] = "-f";
	argv[n++] = *sender != '\0' ? sender : "<>";
	argv[n++] = "--";
	return n;
}

/* A program that takes mail says only by these that it never will. */
static int
sendmail_status(int status)
{
	if (status == 0)
		return 0;
	return status == EX_DATAERR || status == EX_NOUSER ||
		status == EX_NOHOST || status == QMAIL_LOCAL_HARD
	    ? QMAIL_LOCAL_HARD
	    : QMAIL_LOCAL_SOFT;
}

/* One message to n addresses, each behind the other's NUL. */
static int
submit(struct qmail *q, int fd, const char *sender, const char *address,
    unsigned n)
{
	const char *program = conf_str(q->conf, "out", NULL, "sendmail");
	AUTO_FREE char *words = xmalloc(4096);
	AUTO_FREE const char **argv = xcalloc(ARGS_MAX + 4 + n, sizeof(*argv));
	struct environment e = { .text = BUF_INIT(ENV_BYTES) };
	AUTO_BUF struct buf output = BUF_INIT(SAYING_MAX);
	struct runner_program p = { .argv = argv,
		.env = e.list,
		.dir = q->dir,
		.input = fd,
		.output_max = SAYING_MAX };
	struct runner_result r;
	struct why w = { "" };
	char text[64];
	int failed;
	size_t k;

	(void)snprintf(words, 4096, "%s",
	    *program != '\0' ? program : "/usr/sbin/sendmail -i");
	k = sendmail_args(words, sender, argv);
	for (unsigned i = 0; i < n; i++, address += strlen(address) + 1)
		argv[k++] = address;
	set(&e, "PATH", VIEW_LIT("/usr/sbin:/usr/bin:/sbin:/bin"));
	set(&e, "USER", view_str(q->user));
	set(&e, "HOME", view_str(q->home));
	for (size_t i = 0; i < e.n; i++)
		e.list[i] = (const char *)e.text.p + e.at[i];
	p.path = "/usr/sbin:/usr/lib:/usr/bin";
	p.limits.wall_ms = conf_num(q->conf, "delivery", NULL, "program-time");
	failed = runner_run(&p, &r, &output, &w);
	buf_fini(&e.text);
	if (failed == 0 && r.end == RUNNER_EXITED && r.status == 0)
		return 0;
	pass_on(&output);
	if (failed != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Unable to forward message (#4.3.0)", w.text);
	runner_text(&r, text);
	return qmail_fail(r.end == RUNNER_EXITED ? sendmail_status(r.status)
						 : QMAIL_LOCAL_SOFT,
	    "Unable to forward message", text);
}

/* local-owner-@host-@[] for recip@reciphost: local-owner-recip=reciphost@host.
 */
static void
verp_sender(const struct qmail *q, const char *address, struct buf *out)
{
	const char *at = strrchr(address, '@');

	buf_printf(out, "%s-owner-", q->local);
	if (at == NULL)
		buf_put_str(out, address);
	else
		buf_printf(
		    out, "%.*s=%s", (int)(at - address), address, at + 1);
	buf_printf(out, "@%s", q->host);
	buf_put_byte(out, '\0');
}

static int
submit_verps(struct qmail *q, int fd)
{
	const char *address = (const char *)q->forwards.p;
	int r = 0;

	for (unsigned i = 0; i < q->n_forwards && r == 0; i++) {
		AUTO_BUF struct buf sender = BUF_INIT(ENV_BYTES);

		verp_sender(q, address, &sender);
		r = submit(q, fd, (const char *)sender.p, address, 1);
		address += strlen(address) + 1;
	}
	return r;
}

int
qmail_forward(struct qmail *q)
{
	AUTO_CLOSE int fd = -1;
	int r;

	if (q->n_forwards == 0 || q->dry)
		return 0;
	if ((r = forwarded_message(q, &fd)) != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Unable to forward message (#4.3.0)", strerror(-r));
	if (q->verp)
		return submit_verps(q, fd);
	return submit(q, fd, (const char *)q->newsender.p,
	    (const char *)q->forwards.p, q->n_forwards);
}
