#include "session/xmit.h"

#include <stdio.h>
#include <string.h>

#include "tap.h"

static const struct xmit_env env = { .host = VIEW_LIT("mail.example.org"),
	.user = VIEW_LIT("demo@example.org"),
	.remote = VIEW_LIT("192.0.2.1"),
	.now = 1767225600, /* 2026-01-01 */
	.zone = 540,
	.unique = 0xabc };

#define RECEIVED                                                               \
	"Received: from [192.0.2.1] by mail.example.org (POP3 XTND XMIT);"     \
	"\r\n\tThu, 01 Jan 2026 09:00:00 +0900\r\n"
#define NAMED "From: a@b\r\nDate: x\r\nMessage-ID: <1@b>\r\n"

static const struct {
	const char *name, *header;
	enum xmit_result want;
	const char *to;     /* with a blank between */
	const char *octets; /* NULL: not looked at */
} cases[] = {
	{ "as it is", NAMED "To: c@d\r\n\r\n", XMIT_OK, "c@d",
	    RECEIVED NAMED "To: c@d\r\n\r\n" },
	{ "Bcc is heard and not sent",
	    NAMED "To: c@d\r\nBcc: e@f,\r\n g@h\r\ncc: i@j\r\n\r\n", XMIT_OK,
	    "c@d e@f g@h i@j", RECEIVED NAMED "To: c@d\r\ncc: i@j\r\n\r\n" },
	{ "Bcc alone", NAMED "Bcc: e@f\r\n\r\n", XMIT_OK, "e@f",
	    RECEIVED NAMED "\r\n" },
	{ "each once", NAMED "To: c@d, X <c@d>\r\nCc: \"c\"@d\r\n\r\n", XMIT_OK,
	    "c@d", NULL },
	{ "names, groups, comments",
	    NAMED "To: \"A, B\" <c@d>, friends: e@f, G <g@h>;, (x) i@j\r\n\r\n",
	    XMIT_OK, "c@d e@f g@h i@j", NULL },
	{ "an address of this place", NAMED "To: c, <e@f>\r\n\r\n", XMIT_OK,
	    "c@example.org e@f", NULL },
	{ "sent again",
	    NAMED "To: c@d\r\nResent-To: e@f\r\n"
		  "Resent-Bcc: g@h\r\n\r\n",
	    XMIT_OK, "e@f g@h",
	    RECEIVED NAMED "To: c@d\r\nResent-To: e@f\r\n\r\n" },
	{ "sent again once more",
	    "Received: x\r\nResent-From: a@b\r\nResent-To: c@d\r\n"
	    "Resent-Date: x\r\nResent-From: e@f\r\nResent-To: g@h\r\n"
	    "Resent-Cc: i@j\r\n" NAMED "To: k@l\r\n\r\n",
	    XMIT_OK, "c@d", NULL },
	{ "blocks with a trace field between",
	    "Resent-To: c@d\r\nX-Other: x\r\nResent-Cc: e@f\r\n"
	    "Received: x\r\nResent-Bcc: g@h\r\n" NAMED "\r\n",
	    XMIT_OK, "c@d e@f", NULL },
	{ "the newest block names nobody",
	    "Resent-From: a@b\r\nResent-From: e@f\r\nResent-To: g@h\r\n" NAMED
	    "To: c@d\r\n\r\n",
	    XMIT_NOBODY, "", NULL },
	{ "what is missing", "To: c@d\r\n\r\n", XMIT_OK, "c@d",
	    RECEIVED "Date: Thu, 01 Jan 2026 09:00:00 +0900\r\n"
		     "From: <demo@example.org>\r\n"
		     "Message-ID: <6955b900.abc@mail.example.org>\r\n"
		     "To: c@d\r\n\r\n" },
	{ "no empty line", NAMED "To: c@d", XMIT_OK, "c@d",
	    RECEIVED NAMED "To: c@d\r\n\r\n" },
	{ "no field", NAMED "To: c@d\r\nno field\r\nCc: e@f\r\n\r\n", XMIT_OK,
	    "c@d", RECEIVED NAMED "To: c@d\r\n\r\n" },
	{ "nobody", NAMED "Subject: x\r\n\r\n", XMIT_NOBODY, "", NULL },
	{ "an empty group", NAMED "To: undisclosed recipients:;\r\n\r\n",
	    XMIT_NOBODY, "", NULL },
	{ "nothing at all", "", XMIT_NOBODY, "", NULL },
	{ "no address for an envelope", NAMED "To: \"c d\"@e\r\n\r\n",
	    XMIT_ADDRESS, NULL, NULL },
};

static enum xmit_result
run(const char *header, struct arena *a, struct xmit *x, struct buf *octets)
{
	return xmit_header(&env, view_str(header), a, x, octets);
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_ARENA struct arena *a = arena_new(1 << 20);
		AUTO_BUF struct buf octets = BUF_INIT(1 << 20);
		AUTO_BUF struct buf to = BUF_INIT(1 << 20);
		struct xmit x;
		enum xmit_result r = run(cases[i].header, a, &x, &octets);

		for (size_t k = 0; k < x.n; k++) {
			if (k > 0)
				buf_put_byte(&to, ' ');
			buf_put(&to, x.to[k]);
		}
		tap_ok(r == cases[i].want &&
			(cases[i].to == NULL ||
			    view_eq(buf_view(&to), view_str(cases[i].to))) &&
			(cases[i].octets == NULL ||
			    view_eq(
				buf_view(&octets), view_str(cases[i].octets))),
		    "%s: %d, to %.*s", cases[i].name, (int)r, (int)to.n,
		    to.n > 0 ? (const char *)to.p : "");
	}
}

static void
test_lines(void)
{
	tap_ok(xmit_is_header(view_str("A: b\r\n"), true) &&
		xmit_is_header(view_str("A :\r\n"), false) &&
		xmit_is_header(view_str("\tx\r\n"), false),
	    "fields and what continues them");
	tap_ok(!xmit_is_header(view_str(" x\r\n"), true) &&
		!xmit_is_header(view_str("no field\r\n"), false) &&
		!xmit_is_header(view_str("no field: x\r\n"), false) &&
		!xmit_is_header(view_str(": x\r\n"), false),
	    "other lines");
}

static void
test_limits(void)
{
	for (unsigned n = XMIT_TO_MAX; n <= XMIT_TO_MAX + 1; n++) {
		AUTO_ARENA struct arena *a = arena_new(1 << 20);
		AUTO_BUF struct buf octets = BUF_INIT(1 << 20);
		AUTO_BUF struct buf h = BUF_INIT(1 << 20);
		struct xmit x;

		for (unsigned i = 0; i < n; i++)
			buf_printf(&h, "To: a%u@b\r\n", i);
		buf_put_byte(&h, '\0');
		tap_ok(run((const char *)h.p, a, &x, &octets) ==
			(n > XMIT_TO_MAX ? XMIT_MANY : XMIT_OK),
		    "%u recipients", n);
	}
	for (unsigned n = XMIT_ADDRESS_MAX; n <= XMIT_ADDRESS_MAX + 1; n++) {
		AUTO_ARENA struct arena *a = arena_new(1 << 20);
		AUTO_BUF struct buf octets = BUF_INIT(1 << 20);
		AUTO_BUF struct buf h = BUF_INIT(1 << 20);
		struct xmit x;

		buf_put_str(&h, "To: ");
		for (unsigned i = 0; i < n - 2; i++)
			buf_put_byte(&h, 'x');
		buf_put_str(&h, "@y\r\n");
		buf_put_byte(&h, '\0');
		tap_ok(run((const char *)h.p, a, &x, &octets) ==
			(n > XMIT_ADDRESS_MAX ? XMIT_ADDRESS : XMIT_OK),
		    "an address of %u bytes", n);
	}
}

static void
test_named(void)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	AUTO_BUF struct buf octets = BUF_INIT(1 << 20);
	struct xmit x;

	tap_ok(
	    run(NAMED "To: c@d\r\n", a, &x, &octets) == XMIT_OK && x.is_named,
	    "date and id make it the same");
	tap_ok(run("Date: x\r\nTo: c@d\r\n", a, &x, &octets) == XMIT_OK &&
		!x.is_named,
	    "the date alone does not");
	buf_fini(&octets);
	octets = BUF_INIT(20);
	tap_ok(run("To: c@d\r\n", a, &x, &octets) == XMIT_TOO_LARGE,
	    "no room for it");
}

int
main(void)
{
	test_cases();
	test_lines();
	test_limits();
	test_named();
	return tap_done();
}
