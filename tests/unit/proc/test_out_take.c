#include "proc/out_take.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../store/scratch.h"
#include "base/clock.h"
#include "base/fd.h"
#include "proc/settings.h"
#include "tap.h"

#define NOW 1767225600 /* 2026-01-01 */

static int dir;

static struct conf *
settings(const char *text)
{
	struct conf *c = conf_new(&settings_schema);

	if (!conf_read(c, view_str(text), "test"))
		abort();
	return c;
}

static const char plain[] = "[out]\n"
			    "smtp = smtp://localhost\n"
			    "redirects-per-day = 2\n"
			    "replies-per-hour = 1\n"
			    "queue = 6\n";

static struct out_queue *
open_queue(int64_t now)
{
	struct out_queue *q = NULL;
	struct why w = { "" };
	size_t bad;

	if (out_queue_open(dir, now, &q, &bad, &w) != 0)
		abort();
	return q;
}

static struct out_take_answer
take(struct out_take *t, const struct conf *c, const char *account,
    uint8_t kind, uint8_t key, int64_t now)
{
	AUTO_CLOSE int fd = memfd_create("message", MFD_CLOEXEC);
	const struct view to = VIEW_LIT("b@example.com");
	const struct msg_out_submit m = { .account = view_str(account),
		.kind = kind,
		.key = { key },
		.sender = VIEW_LIT("a@example.net"),
		.to = &to,
		.n = 1 };
	struct out_take_answer a;
	struct why w = { "" };

	if (fd_write(fd, VIEW_LIT("Subject: x\r\n\r\n")) != 0)
		abort();
	out_take(t, c, &m, fd, now, &a, &w);
	return a;
}

static void
test_rates(void)
{
	AUTO_CONF struct conf *c = settings(plain);
	struct out_queue *q = open_queue(NOW);
	struct out_take *t = out_take_new(q);
	struct out_take_answer a;

	a = take(t, c, "a", MSG_OUT_REDIRECT, 0, NOW);
	tap_ok(a.result == MSG_OUT_QUEUED && a.item != NULL &&
		out_queue_count(q) == 1,
	    "one is taken");
	a = take(t, c, "a", MSG_OUT_SUBMISSION, 0, NOW);
	tap_ok(a.result == MSG_OUT_QUEUED, "two in a day");
	a = take(t, c, "a", MSG_OUT_FORWARD, 0, NOW + 86399);
	tap_ok(a.result == MSG_OUT_REFUSED && a.item == NULL, "not three");
	a = take(t, c, "a", MSG_OUT_VACATION, 0, NOW + 1);
	tap_ok(a.result == MSG_OUT_QUEUED, "replies count for themselves");
	a = take(t, c, "a", MSG_OUT_NOTIFY, 0, NOW + 3600);
	tap_ok(a.result == MSG_OUT_REFUSED, "one in an hour");
	a = take(t, c, "b", MSG_OUT_REDIRECT, 0, NOW);
	tap_ok(a.result == MSG_OUT_QUEUED, "and each account");
	out_take_free(&t);
	out_queue_free(&q);

	q = open_queue(NOW + 100);
	t = out_take_new(q);
	tap_ok(take(t, c, "a", MSG_OUT_REDIRECT, 0, NOW + 100).result ==
		MSG_OUT_REFUSED,
	    "what waits has counted, after a new start");
	tap_ok(take(t, c, "b", MSG_OUT_REDIRECT, 0, NOW + 100).result ==
		MSG_OUT_QUEUED,
	    "no more than it was");
	tap_ok(take(t, c, "a", MSG_OUT_REDIRECT, 0, NOW + 86400).result ==
		MSG_OUT_QUEUED,
	    "a day later it may again");
	a = take(t, c, "c", MSG_OUT_REDIRECT, 0, NOW + 86400);
	tap_ok(a.result == MSG_OUT_LATER && a.failed == 0 &&
		out_queue_count(q) == 6,
	    "the queue is full");
	out_take_free(&t);
	out_queue_free(&q);
	scratch_empty(dir);
}

static void
test_answers(void)
{
	AUTO_CONF struct conf *c = settings(plain), *none = settings("");
	const int64_t now = clock_wall_s();
	struct out_queue *q = open_queue(now);
	struct out_take *t = out_take_new(q);
	struct out_take_answer a;

	a = take(t, none, "a", MSG_OUT_REDIRECT, 1, now);
	tap_ok(a.result == MSG_OUT_REFUSED && *a.text != '\0' &&
		out_queue_count(q) == 0,
	    "no way out: %s", a.text);
	a = take(t, c, "a", MSG_OUT_REDIRECT, 1, now);
	tap_ok(a.result == MSG_OUT_QUEUED && a.item != NULL, "there is one");
	a = take(t, c, "a", MSG_OUT_REDIRECT, 1, now);
	tap_ok(a.result == MSG_OUT_QUEUED && a.item == NULL &&
		out_queue_count(q) == 1,
	    "the same again is the same");
	out_take_free(&t);
	out_queue_free(&q);
	scratch_empty(dir);
}

/* Another process has the queue open for a moment. */
static void
test_lock(void)
{
	struct out_queue *q;
	int pipe_fd[2];
	pid_t pid;
	char byte;
	bool held;

	if (pipe(pipe_fd) != 0 || (pid = fork()) == -1)
		abort();
	if (pid == 0) {
		q = open_queue(NOW);
		if (write(pipe_fd[1], "x", 1) != 1)
			_exit(1);
		(void)poll(NULL, 0, 100);
		out_queue_free(&q);
		_exit(0);
	}
	if (read(pipe_fd[0], &byte, 1) != 1)
		abort();
	held = flock(dir, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	q = open_queue(NOW);
	tap_ok(q != NULL, "it is waited for%s", held ? ", locked" : "");
	tap_ok(flock(dir, LOCK_EX | LOCK_NB) != 0, "it is ours now");
	out_queue_free(&q);
	tap_ok(flock(dir, LOCK_EX | LOCK_NB) == 0, "and free again");
	(void)flock(dir, LOCK_UN);
	(void)waitpid(pid, NULL, 0);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

int
main(void)
{
	char *path;

	dir = scratch_make(&path);
	test_rates();
	test_answers();
	test_lock();
	scratch_end(&dir, &path);
	return tap_done();
}
