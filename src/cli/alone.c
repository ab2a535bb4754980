#include "cli/alone.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "proc/child.h"
#include "proc/delivery.h"
#include "proc/msg_control.h"
#include "proc/msg_deliver.h"
#include "proc/msg_master.h"
#include "proc/msg_session.h"
#include "proc/out_take.h"
#include "proc/sieve_conf.h"
#include "proc/users.h"
#include "store/account.h"
#include "store/mailbox.h"

/*
 * The child parses, and owns nothing but the account; this process owns the
 * queue, and reads of the child only messages of a few fields. All that needs
 * root is opened before the two part. Neither can kill the other then: when one
 * is gone the other hears it by the socket.
 */
#define PATH_BYTES 4096
#define NUMBER 1 /* of the one message */

struct alone {
	const struct conf *conf;
	const struct local_envelope *envelope;
	int message;
	struct cli_account account;
	struct buf globals; /* the administrator's scripts */
	int sock;           /* to the child */
	pid_t child;
	/* of out */
	int queue_dir; /* or negative errno */
	struct out_queue *queue;
	struct out_take *take;
	struct why not_sent; /* the last that was put off */
	/* of the child */
	bool answered;
	uint8_t result; /* enum msg_deliver_result */
	struct why text;
	bool too_large;
};

static int
fail(struct why *w, int status, const char *who, const char *text)
{
	(void)why(w, 0, "%s: %s", who, text);
	return status;
}

/* ---- the child ---- */

static struct view
or_empty(const char *s)
{
	return s != NULL ? view_str(s) : (struct view){ NULL, 0 };
}

static bool
is_inbox(const struct alone *a)
{
	return view_eq_ci(view_str(a->envelope->mailbox), VIEW_LIT("INBOX"));
}

/* -m MAILBOX: there must be one. */
static int
check_mailbox(const struct alone *a)
{
	struct account *account = NULL;
	struct mailbox_row row;
	struct why w = { "" };
	int r;

	if (is_inbox(a))
		return EX_OK;
	if (account_open(a->account.dir, true, NULL, &account, &w) != 0)
		return EX_TEMPFAIL;
	r = mailbox_find(account, view_str(a->envelope->mailbox), &row);
	account_close(&account);
	if (r < 0)
		return EX_TEMPFAIL;
	return r != 0 || row.noselect ? EX_CANTCREAT : EX_OK;
}

/* Never returns to the caller's code: what it gives is for _exit(). */
static int
run_child(const struct alone *a, int hub)
{
	AUTO_BUF struct buf first = BUF_INIT(MSG_MAX);
	const struct local_envelope *e = a->envelope;
	const struct account_options options = delivery_options(a->conf);
	char host[SETTINGS_HOST_SIZE];
	struct log log;
	const struct msg_deliver m = { .delivery = NUMBER,
		.sender = view_str(e->sender),
		.recipient = or_empty(e->recipient),
		.detail = or_empty(e->detail),
		.has_detail = e->detail != NULL };
	struct delivery_env env = { .hub = hub,
		.first = a->message,
		.dir = a->account.dir,
		.account = view_str(a->account.name),
		.options = &options,
		.globals = buf_view(&a->globals),
		.log = &log };
	int r;

	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	log_init(
	    &log, STDERR_FILENO, LOG_STYLE_PLAIN, LOG_FAILURES, "DELIVER", 0);
	if ((r = cli_become_owner("deliver", a->account.dir, 0)) != EX_OK ||
	    (r = check_mailbox(a)) != EX_OK)
		return r;
	delivery_settings(&env, a->conf, host);
	if (!is_inbox(a))
		env.mailbox = view_str(e->mailbox);
	msg_deliver_put(&first, &m);
	return delivery_run(&env, buf_view(&first));
}

static int
start_child(struct alone *a, struct why *w)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	AUTO_CLOSE int theirs = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		(void)why(w, 0, "start a delivery: %s", strerror(errno));
		return EX_TEMPFAIL;
	}
	a->sock = pair[0];
	theirs = pair[1];
	/* nothing comes behind the one message */
	msg_session_shutdown_put(&b, "");
	if (fd_send(a->sock, buf_view(&b), -1) != 0 ||
	    (a->child = fork()) == -1) {
		(void)why(w, 0, "start a delivery: %s", strerror(errno));
		return EX_TEMPFAIL;
	}
	if (a->child == 0) {
		fd_close(&a->sock);
		fd_close(&a->queue_dir);
		_exit(run_child(a, theirs));
	}
	return EX_OK;
}

/* ---- in the place of out ---- */

/* state-dir/out, which is made as master would make it; or a negative errno. */
static int
open_queue_dir(const struct conf *conf)
{
	char path[PATH_BYTES];
	uint32_t uid = geteuid(), gid = getegid();
	int fd;

	(void)snprintf(path, sizeof(path), "%s/out",
	    conf_str(conf, "server", NULL, "state-dir"));
	if (geteuid() == 0 &&
	    users_find(conf_str(conf, "server", NULL, "out-user"), &uid,
		&gid) == USERS_NONE)
		return -ENOENT;
	if (mkdir(path, 0700) == 0 && chown(path, uid, gid) != 0)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd == -1 ? -errno : fd;
}

/* 0 or negative errno. */
static int
open_queue(struct alone *a, struct why *w)
{
	size_t bad;
	int r;

	if (a->queue != NULL)
		return 0;
	if (a->queue_dir < 0)
		return why(w, a->queue_dir, "open out's queue");
	r = out_queue_open(a->queue_dir, clock_wall_s(), &a->queue, &bad, w);
	if (r == 0)
		a->take = out_take_new(a->queue);
	return r;
}

/* Others may want it while the child waits for the account. */
static void
close_queue(struct alone *a)
{
	out_take_free(&a->take);
	out_queue_free(&a->queue);
}

static void
take(struct alone *a, const struct msg_out_submit *m, int fd,
    struct out_take_answer *out)
{
	struct why w = { "" };

	*out = (struct out_take_answer){ .result = MSG_OUT_LATER,
		.text = "The queue cannot be opened" };
	if (!settings_can_send(a->conf)) /* the queue matters to nobody */
		*out = (struct out_take_answer){ .result = MSG_OUT_REFUSED,
			.text = "No way to send mail is configured" };
	else if (open_queue(a, &w) == 0)
		out_take(a->take, a->conf, m, fd, clock_wall_s(), out, &w);
	if (out->result == MSG_OUT_LATER)
		(void)why(&a->not_sent, 0, "%s",
		    w.text[0] != '\0' ? w.text : out->text);
}

/* False: it breaks the rules. */
static bool
on_submit(struct alone *a, struct wire *wire, int fd)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	struct pollfd more = { .fd = a->sock, .events = POLLIN };
	struct msg_out_submit m;
	struct msg_out_taken taken;
	struct out_take_answer answer;

	if (fd == -1 || !msg_out_submit_get(wire, MSG_OUT_SUBMIT, &m))
		return false;
	m.account = view_str(a->account.name);
	take(a, &m, fd, &answer);
	if (poll(&more, 1, 0) == 0)
		close_queue(a);
	taken = (struct msg_out_taken){ m.number, (uint8_t)answer.result,
		view_str(answer.text) };
	msg_out_taken_put(&b, MSG_OUT_SUBMITTED, &taken);
	return fd_send(a->sock, buf_view(&b), -1) == 0;
}

static bool
on_done(struct alone *a, struct wire *wire)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	struct msg_out_done m;
	struct why w = { "" };
	int r;

	if (!msg_out_done_get(wire, MSG_OUT_DONE, &m))
		return false;
	r = open_queue(a, &w);
	if (r == 0)
		r = out_queue_done(
		    a->queue, view_str(a->account.name), m.keys, &w);
	close_queue(a);
	if (r != 0)
		a->not_sent = w;
	msg_out_taken_put(&b, MSG_OUT_SUBMITTED,
	    &(struct msg_out_taken){ .number = m.number,
		.result = r == 0 ? MSG_OUT_QUEUED : MSG_OUT_LATER });
	return fd_send(a->sock, buf_view(&b), -1) == 0;
}

/* ---- in the place of the hub ---- */

static bool
on_delivered(struct alone *a, struct wire *wire)
{
	struct msg_delivered m;

	if (a->answered || !msg_delivered_get(wire, &m))
		return false;
	a->answered = true;
	a->result = m.result;
	a->too_large = view_eq(m.status, VIEW_LIT("5.3.4"));
	(void)why(&a->text, 0, "%.*s", (int)m.text.n, (const char *)m.text.p);
	return true;
}

/* One message of the child; false: it makes no sense. *end: there will be none.
 */
static bool
hear(struct alone *a, uint8_t *p, bool *end)
{
	AUTO_CLOSE int fd = -1;
	ssize_t n = fd_recv(a->sock, p, MSG_MAX, &fd);
	struct wire w = wire_read((struct view){ p, n > 0 ? (size_t)n : 0 });

	/* reset: it has not read that it is to end */
	*end = n == 0 || n == -ECONNRESET;
	if (n <= 0)
		return *end;
	switch (wire_u32(&w)) {
	case MSG_OUT_SUBMIT:
		return on_submit(a, &w, fd);
	case MSG_OUT_DONE:
		return on_done(a, &w);
	case MSG_DELIVER_DELIVERED:
		return on_delivered(a, &w);
	case MSG_SESSION_READY:
	case MSG_SESSION_COMMITTED: /* there is nobody to be told */
		return true;
	}
	return false;
}

/* The child's exit status, in the end. */
static int
hear_all(struct alone *a)
{
	AUTO_FREE uint8_t *p = xmalloc(MSG_MAX);
	bool end = false, good = true;
	int status;

	while (good && !end)
		good = hear(a, p, &end);
	close_queue(a);
	fd_close(&a->sock);
	if (!good)
		return EX_TEMPFAIL; /* who knows whether it will end */
	while (waitpid(a->child, &status, 0) == -1)
		if (errno != EINTR)
			return EX_TEMPFAIL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_TEMPFAIL;
}

static int
status_of(const struct alone *a, int ended, struct why *w)
{
	const char *who = a->envelope->account;

	if (!a->answered) {
		if (ended == EX_CANTCREAT)
			return fail(w, ended, who, "there is no such mailbox");
		if (ended == CHILD_NO_ACCOUNT || ended == EX_NOPERM)
			return fail(
			    w, EX_TEMPFAIL, who, "its mail cannot be opened");
		return fail(
		    w, EX_TEMPFAIL, who, "the delivery was interrupted");
	}
	if (a->result == MSG_DELIVER_OK)
		return EX_OK;
	(void)why(w, 0, "%s: %s%s%s%s", who, a->text.text,
	    a->not_sent.text[0] != '\0' ? " (" : "", a->not_sent.text,
	    a->not_sent.text[0] != '\0' ? ")" : "");
	if (a->result != MSG_DELIVER_PERMANENT)
		return EX_TEMPFAIL;
	return a->too_large ? EX_DATAERR : EX_UNAVAILABLE;
}

/* What is left to be done has no need of root. */
static int
become_out(const struct alone *a)
{
	if (geteuid() != 0)
		return EX_OK;
	return cli_become_owner(
	    "deliver", a->queue_dir >= 0 ? a->queue_dir : a->account.dir, 0);
}

static int
deliver(struct alone *a, struct why *w)
{
	const char *who = a->envelope->account;
	int r;

	if (sieve_conf_scripts(a->conf, &a->globals, w) != 0)
		return EX_TEMPFAIL;
	r = cli_account_find(a->conf, "deliver", who, CLI_CREATE, &a->account);
	if (r != EX_OK)
		return fail(w, r == EX_NOUSER ? r : EX_TEMPFAIL, who,
		    "its mail cannot be opened");
	if (a->account.disabled)
		return fail(w, EX_NOPERM, who, "the account is disabled");
	a->queue_dir = open_queue_dir(a->conf);
	if ((r = start_child(a, w)) != EX_OK)
		return r;
	if (become_out(a) != EX_OK) {
		(void)kill(a->child, SIGKILL);
		return fail(
		    w, EX_TEMPFAIL, who, "the delivery was interrupted");
	}
	return status_of(a, hear_all(a), w);
}

int
alone_deliver(const struct conf *conf, const struct local_envelope *e,
    const struct local_message *m, struct why *w)
{
	struct alone a = { .conf = conf,
		.envelope = e,
		.message = m->fd,
		.account = { .dir = -1 },
		.globals = BUF_INIT(MSG_MASTER_SCRIPTS_MAX),
		.sock = -1,
		.queue_dir = -1 };
	int r = deliver(&a, w);

	close_queue(&a);
	fd_close(&a.sock);
	fd_close(&a.queue_dir);
	fd_close(&a.account.dir);
	buf_fini(&a.globals);
	return r;
}
