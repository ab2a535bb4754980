#include "dump.h"
#include "imap/utf7.h"
#include "tap.h"

static const struct {
	const char *wire, *name; /* name NULL: no modified UTF-7 */
} cases[] = {
	{ "", "" },
	{ "INBOX", "INBOX" },
	{ "a&-b", "a&b" },
	{ "&-&-", "&&" },
	{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
	    "~peter/mail/\345\217\260\345\214\227/"
	    "\346\227\245\346\234\254\350\252\236" },
	{ "&AOQ-", "\303\244" },
	{ "&AOQA9gD8-", "\303\244\303\266\303\274" },
	{ "&2D3eAA-", "\360\237\230\200" },
	{ "a&AAk-b", "a\tb" },
	{ "&", NULL },
	{ "&AOQ", NULL },       /* no end */
	{ "&AOQ/", NULL },      /* not of the alphabet */
	{ "&AGE-", NULL },      /* printable */
	{ "&AOQ-&APY-", NULL }, /* superfluous shift */
	{ "&AOQAJg-", NULL },   /* "&" in base64 */
	{ "&AOR-", NULL },      /* bits left over */
	{ "&A-", NULL },
	{ "&AOQA-", NULL },
	{ "&2D0-", NULL }, /* half a pair */
	{ "&3gA-", NULL },
	{ "&2D0AYQ-", NULL },
	{ "&AAA-", NULL },    /* NUL */
	{ "\303\244", NULL }, /* eight-bit */
	{ "a\tb", NULL },
};

static void
test_cases(void)
{
	AUTO_ARENA struct arena *a = arena_new(65536);
	AUTO_BUF struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view in = view_str(cases[i].wire), out = { NULL, 7 };
		bool ok = utf7_decode(in, a, &out);

		tap_ok(ok == (cases[i].name != NULL) &&
			(ok ? view_eq(out, view_str(cases[i].name))
			    : out.n == 7),
		    "decode %s", dump_safe(in));
		if (cases[i].name == NULL)
			continue;
		buf_clear(&b);
		utf7_encode(view_str(cases[i].name), &b);
		tap_ok(view_eq(buf_view(&b), in), "encode %s", dump_safe(in));
		for (size_t n = 0; n < in.n; n++)
			(void)!utf7_decode(view_sub(in, 0, n), a, &out);
	}
	buf_clear(&b);
	utf7_encode(VIEW_LIT("\377a"), &b);
	tap_ok(view_eq(buf_view(&b), VIEW_LIT("&,,0-a")), "not UTF-8: %s",
	    dump_safe(buf_view(&b)));
}

/* Every character there is goes out and comes back. */
static void
test_all(void)
{
	AUTO_BUF struct buf b;
	bool same = true;

	buf_init(&b, 64);
	for (uint32_t u = 0x80; u < 0x110000; u += u < 0x3000 ? 1 : 97) {
		AUTO_ARENA struct arena *a = arena_new(64);
		uint8_t p[4];
		size_t n = u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
		struct view v = { p, n }, out;

		if (u >= 0xd800 && u < 0xe000)
			continue;
		for (size_t i = n - 1; i > 0; i--)
			p[i] = (uint8_t)(0x80 | (u >> 6 * (n - 1 - i) & 0x3f));
		p[0] = (uint8_t)((0xf00u >> n & 0xff) | u >> 6 * (n - 1));
		buf_clear(&b);
		utf7_encode(v, &b);
		same = same && utf7_decode(buf_view(&b), a, &out) &&
		    view_eq(out, v);
	}
	tap_ok(same, "all characters come back");
}

static void
test_full(void)
{
	AUTO_ARENA struct arena *a = arena_new(4);
	struct view out;

	tap_ok(!utf7_decode(VIEW_LIT("&AOQ-"), a, &out), "full arena");
}

int
main(void)
{
	test_cases();
	test_all();
	test_full();
	return tap_done();
}
