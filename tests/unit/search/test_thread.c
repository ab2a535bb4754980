#include "search/thread.h"
#include "tap.h"

static const struct {
	const char *name, *in, *want[3];
} cases[] = {
	{ "one", "<a@b>", { "a@b" } },
	{ "several", "<a@b> <c@d>\r\n <e@f>", { "a@b", "c@d", "e@f" } },
	{ "quotes mean nothing", "<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>",
	    { "01KF8JCEOCBS0045PS@xxx.yyy.com" } },
	{ "quoted pairs", "<\"a\\\"b\\\\\"@c>", { "a\"b\\@c" } },
	{ "a bracket in quotes", "<\"a>b\"@c>", { "a>b@c" } },
	{ "blanks", "< a @ b >", { "a@b" } },
	{ "no at sign", "<ab> <c@d>", { "c@d" } },
	{ "words between", "Your message <a@b> of today", { "a@b" } },
	{ "no end", "<a@b", { NULL } },
	{ "an open quote", "<\"a@b> <c@d>", { "a@b", "c@d" } },
	{ "empty", "", { NULL } },
	{ "only brackets", "<><>", { NULL } },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_ARENA struct arena *a = arena_new(1 << 16);
		struct view rest = view_str(cases[i].in), id;
		size_t n = 0, want = 0;
		bool ok = true;

		while (want < 3 && cases[i].want[want] != NULL)
			want++;
		while (thread_next_id(&rest, a, &id)) {
			ok &=
			    n < want && view_eq(id, view_str(cases[i].want[n]));
			n++;
		}
		tap_ok(ok && n == want, "%s: %zu msg-ids, want %zu",
		    cases[i].name, n, want);
	}
	return tap_done();
}
