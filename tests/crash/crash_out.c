#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "crash.h"
#include "proc/out_queue.h"

/*
 * The queue of mail that leaves: what was acknowledged is there and whole until
 * it is removed, who has got it does not get it again once that was written
 * down, and what was removed does not come back.
 */

enum { TAKING, TAKEN, NOTED, REMOVING, REMOVED }; /* value: which message */

#define MESSAGES 5
#define LATER 9 /* the one that the second process takes */
#define NOW 1767225600

static void
octets_of(unsigned k, struct buf *out)
{
	buf_printf(out, "Subject: %u\r\n\r\n", k);
	for (unsigned i = 0; i < 40 * k; i++)
		buf_printf(out, "line %u of %u\r\n", i, k);
}

static int
memfd_of(unsigned k)
{
	AUTO_BUF struct buf b = BUF_INIT(1 << 20);
	int fd = memfd_create("message", MFD_CLOEXEC);

	octets_of(k, &b);
	if (fd == -1 || fd_write(fd, buf_view(&b)) != 0)
		abort();
	return fd;
}

/* Two recipients; which message it is says its key. */
static struct out_item *
take(struct out_queue *q, unsigned k)
{
	const struct view to[] = { VIEW_LIT("a@example.com"),
		VIEW_LIT("b@example.com") };
	struct msg_out_submit m = { .account = VIEW_LIT("demo@example.org"),
		.kind = MSG_OUT_REDIRECT,
		.key = { (uint8_t)(k + 1) },
		.sender = VIEW_LIT("alice@example.net"),
		.to = to,
		.n = 2 };
	AUTO_CLOSE int fd = memfd_of(k);
	struct out_item *i = NULL;
	struct why w = { "" };

	crash_mark(TAKING, k);
	if (out_queue_add(q, NULL, &m, fd, 1 << 20, NOW, &i, &w) != 0)
		return NULL;
	crash_mark(TAKEN, k);
	return i;
}

/* The first recipient has it. */
static void
one_has_it(struct out_queue *q, struct out_item *i, unsigned k)
{
	struct why w = { "" };

	i->to[0].state = OUT_SENT;
	i->to[0].code = 250;
	i->attempts++;
	out_queue_schedule(q, i, NOW + 60 * (int64_t)k);
	if (out_queue_note(q, i, &w) == 0)
		crash_mark(NOTED, k);
}

/* A failure is tried again, as out does. */
static void
is_done(struct out_queue *q, struct out_item *i, unsigned k)
{
	struct why w = { "" };

	crash_mark(REMOVING, k);
	if (out_queue_remove(q, &i, &w) == 0 ||
	    out_queue_remove(q, &i, &w) == 0)
		crash_mark(REMOVED, k);
}

static struct out_item *
find(struct out_queue *q, unsigned k)
{
	struct out_item *i;

	TAILQ_FOREACH (i, out_queue_items(q), link)
		if (i->key[0] == k + 1)
			return i;
	return NULL;
}

static void
run(int dirfd, int round)
{
	struct out_queue *q;
	struct out_item *i;
	struct why w = { "" };
	size_t bad;

	if (out_queue_open(dirfd, NOW, &q, &bad, &w) != 0)
		return;
	for (unsigned k = 0; round == 0 && k < MESSAGES; k++) {
		if ((i = take(q, k)) == NULL)
			continue;
		if (k % 2 == 0)
			one_has_it(q, i, k);
		if (k < 2)
			is_done(q, i, k);
	}
	if (round == 0 && (i = find(q, 2)) != NULL) {
		one_has_it(q, i, 2);
		is_done(q, i, 2);
	}
	if (round == 1) {
		(void)take(q, LATER);
		if ((i = find(q, 3)) != NULL)
			is_done(q, i, 3);
	}
	out_queue_free(&q);
}

/* ---- what must be there ---- */

static bool
has(const struct crash_mark *m, size_t n, unsigned kind, unsigned k)
{
	for (size_t i = 0; i < n; i++)
		if (m[i].kind == kind && m[i].value == k)
			return true;
	return false;
}

static bool
is_whole(struct out_queue *q, const struct out_item *i, unsigned k)
{
	AUTO_BUF struct buf want = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);
	AUTO_CLOSE int fd = out_queue_message(q, i);
	uint8_t *p;

	octets_of(k, &want);
	p = buf_reserve(&got, want.n);
	return fd >= 0 && out_queue_check(i, fd) == 0 && i->size == want.n &&
	    i->n == 2 && p != NULL && fd_pread(fd, p, want.n, i->offset) == 0 &&
	    memcmp(p, want.p, want.n) == 0;
}

static const char *
check_one(struct out_queue *q, const struct crash_mark *m, size_t n, unsigned k)
{
	const struct out_item *i = find(q, k);

	if (i == NULL)
		return has(m, n, TAKEN, k) && !has(m, n, REMOVING, k)
		    ? "one that was acknowledged is gone"
		    : NULL;
	if (!has(m, n, TAKING, k))
		return "one is there that nobody brought";
	if (has(m, n, REMOVED, k))
		return "one that was done with is back";
	if (!is_whole(q, i, k))
		return "one is not whole";
	if (has(m, n, NOTED, k) && i->to[0].state != OUT_SENT)
		return "who has it would get it again";
	return i->to[1].state == OUT_WAITING ? NULL : "a state is wrong";
}

static const char *
check(int dirfd, const struct crash_mark *m, size_t n, bool power)
{
	const char *text = NULL;
	struct out_queue *q;
	struct why w = { "" };
	size_t bad;

	(void)power;
	if (out_queue_open(dirfd, NOW, &q, &bad, &w) != 0)
		return "it cannot be opened";
	if (bad > 0)
		text = "a file is damaged";
	for (unsigned k = 0; text == NULL && k <= LATER; k++)
		text = check_one(q, m, n, k);
	out_queue_free(&q);
	return text;
}

static void
setup(int dirfd)
{
	(void)dirfd;
}

int
main(int argc, char **argv)
{
	static const enum io_site sites[] = { IO_SYNC_OUT, IO_SYNC_OUT_DIR,
		IO_SYNC_OUT_AT, IO_SYNC_OUT_AT_DIR, IO_SYNC_OUT_GONE };
	const struct crash_case c = { .name = "out",
		.setup = setup,
		.run = run,
		.check = check,
		.cache_prefix = "seen",
		.must = 1ull << IO_SYNC_OUT | 1ull << IO_SYNC_OUT_DIR |
		    1ull << IO_SYNC_OUT_AT | 1ull << IO_SYNC_OUT_AT_DIR |
		    1ull << IO_SYNC_OUT_GONE };

	crash_init(argc, argv);
	crash_run(&c);
	crash_sites(sites, sizeof(sites) / sizeof(sites[0]));
	return crash_done();
}
