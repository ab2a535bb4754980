#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "proc/peer.h"
#include "tap.h"

enum { FIRST = 1, LATER = 2 };

struct seen {
	struct peer peer;
	unsigned handled, lost, drained;
	const char *why;
	int kept;
	bool close, refuse;
};

static bool
on_plain(void *ctx, struct wire *w, int *fd)
{
	struct seen *s = ctx;

	(void)fd;
	(void)wire_u8(w);
	s->handled++;
	if (s->close)
		peer_close(&s->peer);
	return wire_end(w) && !s->refuse;
}

static bool
on_fd(void *ctx, struct wire *w, int *fd)
{
	struct seen *s = ctx;

	s->handled++;
	s->kept = fd_take(fd);
	return wire_end(w);
}

static bool
on_next(void *ctx, struct wire *w, int *fd)
{
	struct seen *s = ctx;

	(void)fd;
	s->handled++;
	s->peer.state = LATER;
	return wire_end(w);
}

static const struct peer_rule rules[] = {
	{ 1, FIRST | LATER, 1, PEER_NO_FD, on_plain },
	{ 2, FIRST, 0, PEER_FD, on_fd },
	{ 3, FIRST, 0, PEER_NO_FD, on_next },
};

static void
on_lost(void *ctx, const char *why)
{
	struct seen *s = ctx;

	s->lost++;
	s->why = why;
}

static void
on_drained(void *ctx)
{
	struct seen *s = ctx;

	s->drained++;
}

/* *other is the far end. */
static struct loop *
open_one(struct seen *s, int *other)
{
	struct loop *loop;
	int fd[2];

	*s = (struct seen){ .kept = -1 };
	peer_init(&s->peer, "test", rules, sizeof(rules) / sizeof(rules[0]), s,
	    on_lost);
	s->peer.drained = on_drained;
	if (loop_new(&loop) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0 ||
	    peer_open(&s->peer, loop, fd[0], FIRST) != 0)
		abort();
	*other = fd[1];
	return loop;
}

static void
close_one(struct seen *s, struct loop *loop, int other)
{
	peer_close(&s->peer);
	fd_close(&s->kept);
	close(other);
	loop_free(&loop);
}

static void
say(int fd, uint32_t type, size_t n, int pass)
{
	struct buf b;

	buf_init(&b, 2 * MSG_MAX);
	wire_put_u32(&b, type);
	while (n-- > 0)
		buf_put_byte(&b, 7);
	(void)!fd_send(fd, buf_view(&b), pass);
	buf_fini(&b);
}

static const struct {
	const char *name;
	uint32_t type;
	unsigned state;
	size_t n;
	bool fd;
	const char *why; /* NULL: it is good */
} cases[] = {
	{ "good", 1, FIRST, 1, false, NULL },
	{ "good with a descriptor", 2, FIRST, 0, true, NULL },
	{ "unknown", 9, FIRST, 0, false, "unknown message" },
	{ "out of turn", 2, LATER, 0, true, "message out of turn" },
	{ "too long", 1, FIRST, 2, false, "message too long" },
	{ "far too long", 1, FIRST, MSG_MAX, false, "message too long" },
	{ "too short", 1, FIRST, 0, false, "bad message" },
	{ "without its descriptor", 2, FIRST, 0, false, "descriptor missing" },
	{ "with one it must not have", 1, FIRST, 1, true,
	    "unexpected descriptor" },
};

static void
one_case(size_t i)
{
	struct seen s;
	int other, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct loop *loop = open_one(&s, &other);
	bool good = cases[i].why == NULL;

	s.peer.state = cases[i].state;
	say(other, cases[i].type, cases[i].n, cases[i].fd ? null : -1);
	(void)!loop_turn(loop, 1000);
	tap_ok(s.lost == !good && peer_is_open(&s.peer) == good &&
		(good || (s.why != NULL && strcmp(s.why, cases[i].why) == 0)),
	    "%s: %s", cases[i].name, s.lost > 0 ? s.why : "accepted");
	close_one(&s, loop, other);
	close(null);
}

/* Less than a type is no message. */
static void
crumbs(void)
{
	for (size_t n = 1; n < MSG_TYPE_SIZE; n++) {
		struct seen s;
		int other;
		struct loop *loop = open_one(&s, &other);

		(void)!send(other, "\0\0\0\1", n, 0);
		(void)!loop_turn(loop, 1000);
		tap_ok(s.lost == 1, "%zu bytes are refused", n);
		close_one(&s, loop, other);
	}
}

static void
order(void)
{
	struct seen s;
	int other;
	struct loop *loop = open_one(&s, &other);

	say(other, 3, 0, -1);
	say(other, 1, 1, -1);
	say(other, 3, 0, -1);
	(void)!loop_turn(loop, 1000);
	tap_ok(s.handled == 2 && s.lost == 1,
	    "the state counts between two messages of one turn");
	close_one(&s, loop, other);
}

static void
closing(void)
{
	struct seen s;
	int other;
	struct loop *loop = open_one(&s, &other);

	s.close = true;
	say(other, 1, 1, -1);
	say(other, 1, 1, -1);
	(void)!loop_turn(loop, 1000);
	tap_ok(s.handled == 1 && s.lost == 0 && !peer_is_open(&s.peer),
	    "a handler may close its peer, nothing follows");
	close_one(&s, loop, other);
	loop = open_one(&s, &other);
	close(other);
	(void)!loop_turn(loop, 1000);
	tap_ok(s.lost == 1 && strcmp(s.why, "closed") == 0,
	    "the end of the other side is told");
	close_one(&s, loop, dup(0));
}

static void
pumping(void)
{
	struct seen s;
	int other;
	struct loop *loop = open_one(&s, &other);

	for (int i = 0; i < 3 * PEER_TURN; i++)
		say(other, 1, 1, -1);
	(void)!loop_turn(loop, 1000);
	tap_ok(s.handled == PEER_TURN, "a turn reads %u messages", s.handled);
	peer_pump(&s.peer);
	tap_ok(s.handled == 3 * PEER_TURN, "a pump reads the rest");
	close_one(&s, loop, other);
}

static int
put_one(struct peer *p, size_t n, int pass)
{
	struct buf b = peer_msg();
	int r;

	wire_put_u32(&b, 1);
	while (n-- > 0)
		buf_put_byte(&b, 7);
	r = peer_send(p, &b, pass);
	buf_fini(&b);
	return r;
}

static void
queueing(void)
{
	struct seen s;
	int other, r = 0, sent = 0, got = 0, null, passed;
	struct loop *loop = open_one(&s, &other);
	uint8_t in[MSG_MAX];

	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while ((r = put_one(&s.peer, 1000, sent % 7 == 0 ? null : -1)) == 0)
		sent++;
	tap_ok(r == -ENOBUFS && s.peer.waiting == PEER_QUEUE_MAX,
	    "the queue holds %zu messages, then %s", s.peer.waiting,
	    strerror(-r));
	tap_ok(!peer_sent(&s.peer) && s.drained == 0, "it waits");
	while (got < sent) {
		ssize_t n = fd_recv(other, in, sizeof(in), &passed);

		if (n != MSG_TYPE_SIZE + 1000 ||
		    (passed >= 0) != (got % 7 == 0))
			break;
		fd_close(&passed);
		got++;
		(void)!loop_turn(loop, 0);
	}
	tap_ok(got == sent, "all of them come, in order (%d of %d)", got, sent);
	tap_ok(peer_sent(&s.peer) && s.drained == 1, "it is told once");
	close(null);
	close_one(&s, loop, other);
}

static void
bytes_bounded(void)
{
	struct seen s;
	int other, r = 0;
	struct loop *loop = open_one(&s, &other);

	while ((r = put_one(&s.peer, MSG_MAX - MSG_TYPE_SIZE, -1)) == 0)
		;
	tap_ok(r == -ENOBUFS && s.peer.waiting_bytes <= PEER_QUEUE_BYTES &&
		s.peer.waiting_bytes > PEER_QUEUE_BYTES - MSG_MAX,
	    "it holds %zu bytes at most", s.peer.waiting_bytes);
	peer_close(&s.peer);
	tap_ok(put_one(&s.peer, 1, -1) == -ENOTCONN && s.peer.waiting == 0,
	    "closed, it holds nothing");
	close_one(&s, loop, other);
}

static void
gone_while_sending(void)
{
	struct seen s;
	int other;
	struct loop *loop = open_one(&s, &other);

	close(other);
	tap_ok(put_one(&s.peer, 1, -1) == 0 && s.lost == 0,
	    "sending to one that is gone tells nothing");
	(void)!loop_turn(loop, 1000);
	tap_ok(s.lost == 1, "the loop does");
	close_one(&s, loop, dup(0));
}

/* It still speaks, but hears no more. */
static void
deaf(void)
{
	AUTO_BUF struct buf b = peer_msg();
	struct seen s;
	int other;
	struct loop *loop = open_one(&s, &other);

	wire_put_u32(&b, 3);
	if (shutdown(other, SHUT_RD) != 0)
		abort();
	tap_ok(peer_send(&s.peer, &b, -1) == 0, "nothing is said of it");
	tap_ok(peer_try(&s.peer, &b, -1) == -EPIPE && s.lost == 0,
	    "but to who wants to know");
	say(other, 3, 0, -1);
	(void)!loop_turn(loop, 1000);
	tap_ok(s.handled == 1, "and it is heard");
	close_one(&s, loop, other);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		one_case(i);
	crumbs();
	order();
	closing();
	pumping();
	queueing();
	bytes_bounded();
	gone_while_sending();
	deaf();
	return tap_done();
}
