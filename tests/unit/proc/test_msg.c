#include "messages.h"
#include "proc/msg_auth.h"
#include "proc/msg_fork.h"
#include "proc/msg_grant.h"
#include "proc/msg_master.h"
#include "proc/msg_out.h"
#include "tap.h"

static bool
read_again(const struct message *m, struct view body, struct buf *out)
{
	struct wire w = wire_read(body);

	buf_init(out, MSG_MAX);
	return m->again(&w, out);
}

static void
round_trip(const struct message *m, bool most)
{
	AUTO_BUF struct buf b, again;
	struct view body;

	buf_init(&b, MSG_MAX);
	m->sample(&b, most);
	tap_ok(
	    !b.failed && b.n >= MSG_TYPE_SIZE && b.n - MSG_TYPE_SIZE <= m->max,
	    "%s %s: %zu bytes, at most %zu", m->pair, m->name,
	    b.n - MSG_TYPE_SIZE, m->max);
	body = view_sub(buf_view(&b), MSG_TYPE_SIZE, b.n);
	tap_ok(read_again(m, body, &again) &&
		view_eq(buf_view(&b), buf_view(&again)),
	    "%s %s: read and put again is the same", m->pair, m->name);
}

/* No message is another's beginning. */
static void
prefixes(const struct message *m)
{
	AUTO_BUF struct buf b;
	unsigned bad = 0;

	buf_init(&b, MSG_MAX);
	m->sample(&b, false);
	for (size_t n = 0; n + MSG_TYPE_SIZE < b.n; n++) {
		AUTO_BUF struct buf out;

		bad += read_again(
		    m, view_sub(buf_view(&b), MSG_TYPE_SIZE, n), &out);
	}
	buf_put_byte(&b, 0);
	{
		AUTO_BUF struct buf out;

		bad += read_again(
		    m, view_sub(buf_view(&b), MSG_TYPE_SIZE, b.n), &out);
	}
	tap_ok(
	    bad == 0, "%s %s: cut or longer it is refused", m->pair, m->name);
}

/* A byte more in any of its strings is refused. */
static void
one_past(const struct message *m)
{
	AUTO_BUF struct buf b;
	unsigned bad = 0;

	buf_init(&b, MSG_MAX);
	m->sample(&b, true);
	/* wherever a length could stand, make it one more and add a byte */
	for (size_t at = MSG_TYPE_SIZE; at + 4 <= b.n; at++) {
		struct wire w = wire_read(view_sub(buf_view(&b), at, 4));
		uint32_t n = wire_u32(&w);
		AUTO_BUF struct buf longer = BUF_INIT(MSG_MAX);
		AUTO_BUF struct buf out = BUF_INIT(MSG_MAX);

		/* strings of the samples at their limits repeat one letter */
		if (n < 16 || n > b.n - at - 4 || b.p[at + 4] < 'A' ||
		    b.p[at + 4] != b.p[at + 3 + n])
			continue;
		buf_put(&longer, view_sub(buf_view(&b), 0, at));
		wire_put_u32(&longer, n + 1);
		buf_put(&longer, view_sub(buf_view(&b), at + 4, n));
		buf_put_byte(&longer, b.p[at + 4]);
		buf_put(&longer, view_sub(buf_view(&b), at + 4 + n, b.n));
		bad += read_again(m,
		    view_sub(buf_view(&longer), MSG_TYPE_SIZE, longer.n), &out);
	}
	tap_ok(
	    bad == 0, "%s %s: past its limits it is refused", m->pair, m->name);
}

static void
types_differ(void)
{
	unsigned same = 0;

	for (size_t i = 0; i < messages_count; i++)
		for (size_t j = 0; j < i; j++)
			same += messages[i].type == messages[j].type;
	tap_ok(same == 0, "no two messages have one type");
}

static void
paths(void)
{
	static const struct {
		const char *path;
		bool want;
	} cases[] = {
		{ "example.org/ann", true },
		{ "ann", true },
		{ "a b/c", true },
		{ "example.org/ann.x", true },
		{ "", false },
		{ "/", false },
		{ "/ann", false },
		{ "ann/", false },
		{ "a//b", false },
		{ "a/b/c", false },
		{ ".", false },
		{ "..", false },
		{ "../x", false },
		{ "x/..", false },
		{ ".x", false },
		{ "x/.y", false },
		{ "a\nb", false },
	};
	static uint8_t longest[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(
		    msg_grant_path_ok(view_str(cases[i].path)) == cases[i].want,
		    "path \"%s\" is %s", cases[i].path,
		    cases[i].want ? "good" : "refused");
	tap_ok(!msg_grant_path_ok(VIEW_LIT("a\0b")), "NUL is refused");
	memset(longest, 'x', sizeof(longest));
	tap_ok(msg_grant_path_ok((struct view){ longest, 255 }),
	    "a name of 255 bytes is good");
	tap_ok(!msg_grant_path_ok((struct view){ longest, 256 }),
	    "one of 256 is not");
}

/* Texts for people are made fit, whatever is in them. */
static void
texts(void)
{
	AUTO_BUF struct buf b;
	char text[MSG_TEXT_MAX + 10];
	struct wire w;
	struct view v;

	memset(text, 'x', sizeof(text));
	text[0] = '\r';
	text[1] = '\x80';
	text[sizeof(text) - 1] = '\0';
	buf_init(&b, MSG_MAX);
	msg_text_put(&b, text);
	w = wire_read(buf_view(&b));
	v = msg_text_get(&w);
	tap_ok(
	    wire_end(&w) && v.n == MSG_TEXT_MAX && memcmp(v.p, "??x", 3) == 0,
	    "a text is cut and cleaned");
}

/* What two fields may not say together. */
static void
together(void)
{
	struct msg_grant m = { .gate = 1,
		.generation = 1,
		.service = MSG_SERVICE_DELIVERY,
		.account = VIEW_LIT("a"),
		.path = VIEW_LIT("a"),
		.sessions_max = 1,
		.memory_max = 1,
		.cpu_max_s = 1 };
	AUTO_BUF struct buf b;
	struct wire w;

	buf_init(&b, MSG_MAX);
	msg_grant_put(&b, &m);
	w = wire_read(view_sub(buf_view(&b), MSG_TYPE_SIZE, b.n));
	tap_ok(!msg_grant_get(&w, &m), "a delivery has no connection");
	buf_clear(&b);
	m.service = MSG_SERVICE_IMAP;
	m.gate = 0;
	msg_grant_put(&b, &m);
	w = wire_read(view_sub(buf_view(&b), MSG_TYPE_SIZE, b.n));
	tap_ok(!msg_grant_get(&w, &m), "a login has one");
}

static void
addresses(void)
{
	static const struct {
		const char *text;
		bool good;
	} t[] = { { "a@b", true }, { "a.b+c@[127.0.0.1]", true },
		{ "\xc3\xbc@b", true }, { "a@b@c", true }, { "", false },
		{ "a", false }, { "@b", false }, { "a@", false },
		{ "a b@c", false }, { "a<b@c", false }, { "a@b>", false },
		{ "a@b c", false }, { "\"a b\"@c", true },
		{ "\"a<>\\\"@b\"@c", true }, { "\"a b@c", false },
		{ "\"a\" b@c", false }, { "\"a\"<@c", false },
		{ "\"a\"@b@c", false }, { "\"a\"@b c", false },
		{ "\"a\r\nb\"@c", false }, { "\"a b\"", false },
		{ "\"a b\"@", false }, { "\"a\\\"@b", true } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		tap_ok(msg_out_address_ok(view_str(t[i].text)) == t[i].good,
		    "address %zu", i);
	tap_ok(msg_out_address_local(VIEW_LIT("root")) &&
		msg_out_address_local(VIEW_LIT("\"a@b\"")) &&
		!msg_out_address_local(VIEW_LIT("a@b")) &&
		!msg_out_address_local(VIEW_LIT("")),
	    "a local part alone");
}

int
main(void)
{
	for (size_t i = 0; i < messages_count; i++) {
		round_trip(&messages[i], false);
		round_trip(&messages[i], true);
		prefixes(&messages[i]);
		one_past(&messages[i]);
	}
	types_differ();
	paths();
	texts();
	together();
	addresses();
	tap_ok(msg_service_name(0) == NULL && msg_service_name(6) == NULL &&
		msg_process_name(MSG_PROCESS_KINDS) == NULL,
	    "names have their bounds");
	return tap_done();
}
