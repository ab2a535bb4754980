#include "session/hub.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/wire.h"
#include "proc/msg_out.h"
#include "proc/msg_session.h"
#include "tap.h"

_Static_assert(HUB_READY == MSG_SESSION_READY, "one number a message");
_Static_assert(HUB_COMMITTED == MSG_SESSION_COMMITTED, "likewise");
_Static_assert(HUB_CHANGED == MSG_SESSION_CHANGED, "likewise");
_Static_assert(HUB_SHUTDOWN == MSG_SESSION_SHUTDOWN, "likewise");
_Static_assert(HUB_SUBMITTED == (int)MSG_OUT_SUBMITTED, "likewise");
_Static_assert(HUB_TEXT_MAX == MSG_TEXT_MAX, "likewise");

struct pair {
	int hub, session;
};

static struct pair
connected(void)
{
	int fd[2] = { -1, -1 };

	tap_ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == 0,
	    "socket pair");
	return (struct pair){ fd[0], fd[1] };
}

static void
send_u64(int fd, uint32_t type, uint64_t v)
{
	AUTO_BUF struct buf b = BUF_INIT(100);

	wire_put_u32(&b, type);
	wire_put_u64(&b, v);
	tap_ok(fd_send(fd, buf_view(&b), -1) == 0, "sent %x", type);
}

static void
send_stop(int fd, const char *text)
{
	AUTO_BUF struct buf b = BUF_INIT(1000);

	wire_put_u32(&b, HUB_SHUTDOWN);
	wire_put_bytes(&b, view_str(text));
	tap_ok(fd_send(fd, buf_view(&b), -1) == 0, "sent shutdown");
}

static void
test_hear(void)
{
	struct pair p = connected();
	char text[HUB_TEXT_MAX + 1];

	tap_ok(hub_take(-1, text) == HUB_NOTHING, "no hub");
	tap_ok(hub_take(p.session, text) == HUB_NOTHING, "nothing said");
	send_u64(p.hub, HUB_CHANGED, 7);
	send_u64(p.hub, HUB_CHANGED, 8);
	tap_ok(hub_take(p.session, text) == HUB_NEWS, "news");
	tap_ok(hub_take(p.session, text) == HUB_NOTHING, "all were taken");
	send_u64(p.hub, 0x9999, 1);
	tap_ok(hub_take(p.session, text) == HUB_NOTHING, "not understood");
	send_u64(p.hub, HUB_CHANGED, 9);
	send_stop(p.hub, "so\nlong");
	tap_ok(hub_take(p.session, text) == HUB_STOP &&
		strcmp(text, "so?long") == 0,
	    "stop outweighs news, its text is printable: %s", text);
	fd_close(&p.hub);
	tap_ok(hub_take(p.session, text) == HUB_STOP && text[0] != '\0',
	    "a hub that is gone");
	fd_close(&p.session);
}

static void
send_taken(int fd, uint64_t number, const char *text, size_t cut)
{
	AUTO_BUF struct buf b = BUF_INIT(1000);

	wire_put_u32(&b, HUB_SUBMITTED);
	wire_put_u64(&b, number);
	wire_put_u8(&b, 2);
	wire_put_bytes(&b, view_str(text));
	tap_ok(fd_send(fd, (struct view){ b.p, b.n - cut }, -1) == 0,
	    "sent an answer");
}

/* One at a time, and what is no answer is not lost. */
static void
test_wait(void)
{
	struct pair p = connected();
	uint64_t soon = clock_mono_ms() + 10000;
	char text[HUB_TEXT_MAX + 1];
	struct hub_answer a;

	send_u64(p.hub, HUB_CHANGED, 7);
	send_taken(p.hub, 9, "full\r\nof it", 0);
	tap_ok(
	    hub_wait(p.session, soon, text, &a) == HUB_NEWS && !a.said, "news");
	tap_ok(hub_wait(p.session, soon, text, &a) == HUB_NOTHING && a.said &&
		a.number == 9 && a.result == 2 &&
		strcmp(a.text, "full??of it") == 0,
	    "an answer: %s", a.text);
	for (size_t cut = 1; cut < 4 + 8 + 1 + 4 + 3; cut++) {
		send_taken(p.hub, 9, "why", cut);
		if (hub_wait(p.session, soon, text, &a) != HUB_NOTHING ||
		    a.said)
			tap_ok(0, "cut by %zu", cut);
	}
	tap_ok(
	    hub_wait(p.session, clock_mono_ms() + 1, text, &a) == HUB_NOTHING &&
		!a.said,
	    "it waits no longer than it is told");
	send_taken(p.hub, 9, "why", 0);
	tap_ok(hub_take(p.session, text) == HUB_NOTHING, "one that is late");
	send_stop(p.hub, "bye");
	tap_ok(hub_wait(p.session, soon, text, &a) == HUB_STOP &&
		strcmp(text, "bye") == 0,
	    "stop");
	fd_close(&p.hub);
	tap_ok(hub_wait(p.session, soon, text, &a) == HUB_STOP, "gone");
	tap_ok(hub_wait(-1, soon, text, &a) == HUB_NOTHING, "no hub");
	fd_close(&p.session);
}

static void
test_say(void)
{
	struct pair p = connected();
	uint8_t in[100];
	struct wire w;

	hub_ready(-1);
	hub_committed(-1, 1);
	hub_ready(p.session);
	w = wire_read((struct view){ in, (size_t)read(p.hub, in, 100) });
	tap_ok(wire_u32(&w) == HUB_READY && wire_end(&w), "ready");
	hub_committed(p.session, 1ull << 40);
	w = wire_read((struct view){ in, (size_t)read(p.hub, in, 100) });
	tap_ok(wire_u32(&w) == HUB_COMMITTED && wire_u64(&w) == 1ull << 40 &&
		wire_end(&w),
	    "committed");
	for (int i = 0; i < 100000; i++)
		hub_committed(p.session, 1);
	tap_ok(1, "a hub that does not read blocks nobody");
	fd_close(&p.hub);
	hub_committed(p.session, 1);
	tap_ok(1, "nor does one that is gone");
	fd_close(&p.session);
}

int
main(void)
{
	test_hear();
	test_wait();
	test_say();
	return tap_done();
}
