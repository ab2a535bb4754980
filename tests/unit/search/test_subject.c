#include "search/subject.h"
#include "tap.h"

static const struct {
	const char *in, *want;
	bool reply;
} cases[] = {
	{ "Hello", "HELLO", false },
	{ "Re: Hello", "HELLO", true },
	{ "RE: re: FWD: Fw: hello", "HELLO", true },
	{ "Re [4]: hello", "HELLO", true },
	{ "Re[4] : hello", "HELLO", true },
	{ "[list] Re: hello", "HELLO", true },
	{ "[list] [other] re [x] : hello", "HELLO", true },
	{ "[list] hello", "HELLO", false },
	{ "[list]", "[LIST]", false },
	{ "[one] [two]", "[TWO]", false },
	{ "Re: [list]", "[LIST]", true },
	{ "hello (fwd)", "HELLO", true },
	{ "hello (fwd) (FWD) ", "HELLO", true },
	{ "[Fwd: hello]", "HELLO", true },
	{ "[fwd: Re: hello (fwd)] ", "HELLO", true },
	{ "[fwd: [fwd: hello]]", "HELLO", true },
	{ "a\tb   c", "A B C", false },
	{ "a\r\n b", "A B", false },
	{ "", "", false },
	{ "Re:", "", true },
	{ "(fwd)", "", true },
	{ "Regarding: x", "REGARDING: X", false },
	{ "[open", "[OPEN", false },
	{ "Re [open: x", "RE [OPEN: X", false },
	{ "=?utf-8?Q?Re:_caf=C3=89?=", "CAFE\xcc\x81", true },
	{ "[fwd:]", "", true },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf b;
		bool reply;

		buf_init(&b, 10000);
		subject_base(view_str(cases[i].in), &b, &reply);
		tap_ok(view_eq(buf_view(&b), view_str(cases[i].want)),
		    "'%s': got '%.*s', want '%s'", cases[i].in, (int)b.n,
		    (const char *)b.p, cases[i].want);
		tap_ok(reply == cases[i].reply, "'%s': reply %d", cases[i].in,
		    reply);
	}
	return tap_done();
}
