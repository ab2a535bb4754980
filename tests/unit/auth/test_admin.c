#include <stdlib.h>

#include "base/clock.h"
#include "proc/auth_delay.h"
#include "proc/msg_admin.h"
#include "proc/peer.h"
#include "tap.h"

/* Messages of the account command, and what failures cost. */

static struct msg_admin_secret secret = { VIEW_LIT("$y$hash"),
	VIEW_LIT("4096,a,b,c"), VIEW_LIT("4096,d,e,f") };

static bool
get(struct view msg)
{
	struct wire w = wire_read(msg);
	struct msg_admin_add add;
	struct msg_admin_set_secret set;
	struct msg_admin_disable disable;
	struct msg_admin_services services;
	struct msg_admin_result result;
	struct msg_admin_row row;
	struct view name;

	switch (wire_u32(&w)) {
	case MSG_ADMIN_ADD:
		return msg_admin_add_get(&w, &add) &&
		    view_eq(add.name, VIEW_LIT("a@x")) && add.has_uid &&
		    add.uid == 1000 && add.gid == 100 &&
		    view_eq(add.secret.sha1, secret.sha1);
	case MSG_ADMIN_REMOVE:
		return msg_admin_remove_get(&w, &name) &&
		    view_eq(name, VIEW_LIT("a@x"));
	case MSG_ADMIN_SECRET:
		return msg_admin_set_secret_get(&w, &set) &&
		    view_eq(set.secret.password, secret.password) &&
		    view_eq(set.secret.sha256, secret.sha256);
	case MSG_ADMIN_DISABLE:
		return msg_admin_disable_get(&w, &disable) && disable.disabled;
	case MSG_ADMIN_SERVICES:
		return msg_admin_services_get(&w, &services) &&
		    services.services == 6;
	case MSG_ADMIN_RESULT:
		return msg_admin_result_get(&w, &result) && result.index == 7 &&
		    result.code == MSG_ADMIN_EXISTS;
	case MSG_ADMIN_LIST:
		return msg_admin_list_get(&w, &name) &&
		    view_eq(name, VIEW_LIT("a@x"));
	case MSG_ADMIN_ROW:
		return msg_admin_row_get(&w, &row) && row.uid == 5 &&
		    row.created == 99 && !row.disabled &&
		    view_eq(row.path, VIEW_LIT("x/a"));
	default:
		return false;
	}
}

static void
check(const char *name, struct buf *b, size_t max)
{
	unsigned taken = 0;

	tap_ok(!b->failed && get(buf_view(b)) && b->n - MSG_TYPE_SIZE <= max,
	    "%s reads back", name);
	for (size_t i = 0; i < b->n; i++)
		taken += get(view_sub(buf_view(b), 0, i));
	tap_ok(taken == 0, "%s: no prefix does", name);
	buf_put_byte(b, 0);
	tap_ok(!get(buf_view(b)), "%s: nothing may follow", name);
	buf_fini(b);
}

static void
test_messages(void)
{
	struct msg_admin_add add = { VIEW_LIT("a@x"), true, 1000, 100, secret };
	struct msg_admin_set_secret set = { VIEW_LIT("a@x"), secret };
	struct msg_admin_disable disable = { VIEW_LIT("a@x"), true };
	struct msg_admin_services services = { VIEW_LIT("a@x"), 6 };
	struct msg_admin_result result = { 7, MSG_ADMIN_EXISTS,
		VIEW_LIT("why") };
	struct msg_admin_row row = { VIEW_LIT("a@x"), 5, 6, VIEW_LIT("x/a"),
		false, 6, 99 };
	struct buf b = peer_msg();

	msg_admin_add_put(&b, &add);
	check("ADD", &b, MSG_ADMIN_ADD_MAX);
	msg_admin_remove_put(&b, VIEW_LIT("a@x"));
	check("REMOVE", &b, MSG_ADMIN_REMOVE_MAX);
	msg_admin_set_secret_put(&b, &set);
	check("SECRET", &b, MSG_ADMIN_SET_SECRET_MAX);
	msg_admin_disable_put(&b, &disable);
	check("DISABLE", &b, MSG_ADMIN_DISABLE_MAX);
	msg_admin_services_put(&b, &services);
	check("SERVICES", &b, MSG_ADMIN_SERVICES_MAX);
	msg_admin_result_put(&b, &result);
	check("RESULT", &b, MSG_ADMIN_RESULT_MAX);
	msg_admin_list_put(&b, VIEW_LIT("a@x"));
	check("LIST", &b, MSG_ADMIN_LIST_MAX);
	msg_admin_row_put(&b, &row);
	check("ROW", &b, MSG_ADMIN_ROW_MAX);
}

static void
test_limits(void)
{
	char text[MSG_ADMIN_PASSWORD_MAX + 1];
	struct msg_admin_set_secret m;
	struct buf b = peer_msg();
	struct wire w;

	memset(text, 'x', sizeof(text));
	for (size_t over = 0; over <= 1; over++) {
		buf_clear(&b);
		wire_put_bytes(&b, VIEW_LIT("a@x"));
		wire_put_bytes(&b,
		    (struct view){
			(uint8_t *)text, MSG_ADMIN_PASSWORD_MAX + over });
		wire_put_bytes(&b, (struct view){ NULL, 0 });
		wire_put_bytes(&b, (struct view){ NULL, 0 });
		w = wire_read(buf_view(&b));
		tap_ok(msg_admin_set_secret_get(&w, &m) == (over == 0),
		    "stored password of %zu bytes",
		    MSG_ADMIN_PASSWORD_MAX + over);
	}
	text[3] = '\0';
	buf_clear(&b);
	wire_put_bytes(&b, VIEW_LIT("a@x"));
	wire_put_bytes(&b, (struct view){ (uint8_t *)text, 10 });
	wire_put_bytes(&b, (struct view){ NULL, 0 });
	wire_put_bytes(&b, (struct view){ NULL, 0 });
	w = wire_read(buf_view(&b));
	tap_ok(!msg_admin_set_secret_get(&w, &m), "NUL in a stored password");
	buf_fini(&b);
}

/* One failure of that name; the delay it earns. */
static uint64_t
miss(struct auth_delay *d, const struct netaddr *a, unsigned name, uint64_t now)
{
	struct auth_delay_try t;
	char text[32];
	uint64_t ms;

	(void)snprintf(text, sizeof(text), "u%u@x", name);
	if (!auth_delay_begin(d, a, view_str(text), now, &t))
		return UINT64_MAX;
	ms = auth_delay_failed(d, &t, now);
	auth_delay_end(d, &t);
	return ms;
}

static void
test_delays(void)
{
	struct auth_delay *d = auth_delay_new();
	struct netaddr a, b, far;
	uint64_t now = 1000, ms = 0;
	unsigned i;

	tap_ok(netaddr_parse(VIEW_LIT("2001:db8::1"), &a) &&
		netaddr_parse(VIEW_LIT("2001:db8::2"), &b) &&
		netaddr_parse(VIEW_LIT("2001:db8:1::1"), &far),
	    "addresses");
	for (i = 0; i < 12; i++) /* past the maximum */
		ms = miss(d, &a, 0, now);
	tap_ok(ms == AUTH_DELAY_MAX_MS, "the longest wait");
	tap_ok(miss(d, &b, 0, now) == AUTH_DELAY_MAX_MS,
	    "the same network is the same client");
	tap_ok(miss(d, &far, 0, now) == AUTH_DELAY_FIRST_MS,
	    "another network waits for its own failures only");
	/* one password for many names */
	auth_delay_free(&d);
	d = auth_delay_new();
	for (i = 0; i < AUTH_DELAY_ADDRESS_GRACE; i++)
		ms = miss(d, &a, i, now);
	tap_ok(ms == AUTH_DELAY_FIRST_MS, "many names: a while without cost");
	for (; i < AUTH_DELAY_ADDRESS_GRACE + 8; i++)
		ms = miss(d, &a, i, now);
	tap_ok(ms == AUTH_DELAY_MAX_MS, "many names: then it costs too");
	now += 24 * AUTH_DELAY_PAIR_DRAIN_MS;
	tap_ok(miss(d, &a, 0, now) == AUTH_DELAY_FIRST_MS,
	    "time heals everything");
	auth_delay_free(&d);
}

int
main(void)
{
	test_messages();
	test_limits();
	test_delays();
	return tap_done();
}
