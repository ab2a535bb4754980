#include "imap/limits.h"
#include "imap/pattern.h"
#include "tap.h"

static const struct {
	const char *pattern, *name;
	bool want, below;
} cases[] = {
	{ "", "", true, false },
	{ "", "a", false, false },
	{ "a", "a", true, false },
	{ "a", "A", false, false },
	{ "a", "ab", false, false },
	{ "*", "", true, true },
	{ "*", "a/b/c", true, true },
	{ "%", "a", true, false },
	{ "%", "a/b", false, false },
	{ "%/%", "a", false, true },
	{ "%/%", "a/b", true, false },
	{ "%/b", "a/b", true, false },
	{ "%*", "a/b", true, true },
	{ "*%", "a/b", true, true },
	{ "a*c", "a/b/c", true, true },
	{ "a*c", "a/b/d", false, true },
	{ "a%c", "a/c", false, false },
	{ "a%c", "abbc", true, false },
	{ "*/x", "a/b/x", true, true },
	{ "*x%", "a/x/x", true, true },
	{ "%a%b", "xaab", true, false },
	{ "a/%", "a", false, true },
	{ "a/%", "ab", false, false },
	{ "a/%/c", "a/b", false, true },
	{ "inbox", "INBOX", true, false },
	{ "inbox", "inbox", true, false },
	{ "InBoX/%", "INBOX/a", true, false },
	{ "inbox/A", "INBOX/a", false, false },
	{ "inb%", "INBOX", true, false },
	{ "inboxes", "INBOXes", false, false },
	{ "x/inbox", "x/INBOX", false, false },
	{ "*\303\244", "x\303\244", true, true },
};

static void
test_hard(void)
{
	char pattern[LIMITS_MAILBOX + 2] = "", name[LIMITS_MAILBOX + 1] = "";

	for (size_t i = 0; i + 1 < LIMITS_MAILBOX; i += 2)
		memcpy(pattern + i, i % 4 == 0 ? "*a" : "%a", 2);
	memset(name, 'a', LIMITS_MAILBOX);
	tap_ok(
	    pattern_match(view_str(pattern), view_str(name)), "many wildcards");
	name[LIMITS_MAILBOX - 1] = 'b';
	tap_ok(!pattern_match(view_str(pattern), view_str(name)),
	    "many wildcards and no match");
	memset(pattern, '*', LIMITS_MAILBOX);
	tap_ok(pattern_match(view_str(pattern), view_str(name)),
	    "longest pattern");
	pattern[LIMITS_MAILBOX] = '*';
	tap_ok(!pattern_match(view_str(pattern), view_str(name)) &&
		!pattern_below(view_str(pattern), view_str(name)),
	    "pattern too long");
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view p = view_str(cases[i].pattern);
		struct view n = view_str(cases[i].name);

		tap_ok(pattern_match(p, n) == cases[i].want, "%s and %s",
		    cases[i].pattern, cases[i].name);
		tap_ok(pattern_below(p, n) == cases[i].below, "%s below %s",
		    cases[i].pattern, cases[i].name);
	}
	test_hard();
	return tap_done();
}
