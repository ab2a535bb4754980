#include "proc/grants.h"
#include "tap.h"

static struct msg_grant
make(unsigned n, uint64_t expires_ms)
{
	struct msg_grant m = { .gate = 1,
		.conn = n,
		.generation = 1,
		.service = MSG_SERVICE_IMAP,
		.account = VIEW_LIT("ann@example.org"),
		.path = VIEW_LIT("example.org/ann"),
		.sessions_max = 1,
		.memory_max = 1,
		.cpu_max_s = 1,
		.expires_ms = expires_ms };

	memcpy(m.id, &n, sizeof(n));
	return m;
}

static void
once(void)
{
	struct grants *g = grants_new();
	struct msg_grant m = make(1, 2000);
	struct grant out;

	tap_ok(grants_add(g, &m, 1000), "a grant is kept");
	tap_ok(!grants_add(g, &m, 1000), "the same id is not kept twice");
	tap_ok(grants_held(g) == 1, "one is held");
	tap_ok(grants_take(g, m.id, 1999, &out), "it is taken in time");
	tap_ok(view_eq(out.m.account, m.account) &&
		out.m.account.p == out.account && view_eq(out.m.path, m.path) &&
		out.m.conn == 1,
	    "with its own bytes");
	tap_ok(!grants_take(g, m.id, 1999, &out), "once");
	grants_free(&g);
	tap_ok(g == NULL, "freed");
}

static void
dropped(void)
{
	struct grants *g = grants_new();
	struct msg_grant login = make(1, 2000), mail = make(2, 2000),
			 other = make(3, 2000);
	struct grant out;

	mail.service = MSG_SERVICE_DELIVERY;
	other.account = VIEW_LIT("other");
	tap_ok(grants_add(g, &login, 1000) && grants_add(g, &mail, 1000) &&
		grants_add(g, &other, 1000),
	    "three are kept");
	grants_drop(g, login.account);
	tap_ok(!grants_take(g, login.id, 1000, &out), "a login's is dropped");
	tap_ok(grants_take(g, mail.id, 1000, &out), "a delivery's is not");
	tap_ok(grants_take(g, other.id, 1000, &out), "nor that of another");
	grants_free(&g);
}

static void
in_time(void)
{
	struct grants *g = grants_new();
	struct msg_grant m = make(1, 2000), late = make(2, UINT64_MAX),
			 gone = make(3, 1000);
	struct grant out;

	tap_ok(!grants_add(g, &gone, 1000), "an expired one is not kept");
	tap_ok(grants_add(g, &m, 1000), "kept");
	tap_ok(!grants_take(g, m.id, 2000, &out), "at its time it is too late");
	tap_ok(grants_held(g) == 0, "and it is gone");
	tap_ok(grants_add(g, &late, 1000), "one for ever is kept");
	tap_ok(!grants_take(g, late.id, 1000 + MSG_GRANT_LIFE_MS, &out),
	    "but not longer than the others");
	grants_free(&g);
}

static void
bounded(void)
{
	struct grants *g = grants_new();
	struct msg_grant m;
	unsigned kept = 0;

	for (unsigned i = 0; i < MSG_GRANT_HELD_MAX; i++) {
		m = make(i, 5000);
		kept += grants_add(g, &m, 1000);
	}
	tap_ok(kept == MSG_GRANT_HELD_MAX, "%u are kept", kept);
	m = make(MSG_GRANT_HELD_MAX, 5000);
	tap_ok(!grants_add(g, &m, 1000), "one more is not");
	m = make(MSG_GRANT_HELD_MAX, 9000);
	tap_ok(grants_add(g, &m, 5000), "unless the old have expired");
	tap_ok(grants_held(g) == 1, "which are forgotten then");
	grants_free(&g);
}

int
main(void)
{
	once();
	dropped();
	in_time();
	bounded();
	return tap_done();
}
