#include "cli/uidl_source.h"

#include "tap.h"

static const struct {
	const char *what, *text, *file, *want; /* want NULL: no list at all */
} tests[] = {
	{ "Dovecot's own", "3 V1275660208 N25022 G3085f01b\n17 :a.b,S=1:2,S\n",
	    "a.b,S=1:2,RS", "000000114c0907b0" },
	{ "Dovecot, stored", "3 V1 N5\n1 PUID7-9 W5 :a\n2 W7 Px :b\n", "b",
	    "x" },
	{ "Dovecot, another field", "3 V1 N5\n1 W5 :a\n", "a",
	    "0000000100000001" },
	{ "Dovecot, not in the list", "3 V1 N5\n1 :a\n", "b", "" },
	{ "Dovecot 1.0", "1 255 9\n8 a:2,S\n", "a", "00000008000000ff" },
	{ "Dovecot, an id that cannot be", "3 V1 N5\n1 P\x7f :a\n", "a", "" },
	{ "Courier", "/2 8 1700\nx y 100 7:1700\n", "x y:2,S", "UID7-1700" },
	{ "Courier 3", "/3 8 1700\na 100 7:1700:1\n", "a", "UID7-1700" },
	{ "Courier, without validity", "/2 8 1\na 100 7:0\n", "a", "UID7" },
	{ "Courier, without number", "/2 8 1\na 100 0:0\n", "a", "" },
	{ "Courier, broken lines", "/2 8 1\na\nb 7:1\n\n 1 7:1\nc 1 9:1\n", "c",
	    "UID9-1" },
	{ "without a line end", "/2 8 1\nc 1 9:1", "c", "UID9-1" },
	{ "nothing", "", "a", NULL },
	{ "something else", "hello\n", "a", NULL },
	{ "a version to come", "4 V1 N5\n1 :a\n", "a", NULL },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		struct uidl_source *s =
		    uidl_source_read(view_str(tests[i].text));
		struct view id = uidl_source_get(s, view_str(tests[i].file));
		const char *want = tests[i].want;

		tap_ok((s == NULL) == (want == NULL) &&
			view_eq(id, view_str(want == NULL ? "" : want)),
		    "%s: got \"%.*s\"", tests[i].what, (int)id.n,
		    (const char *)id.p);
		uidl_source_free(&s);
	}
	/* every start of a file reads without harm */
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		for (size_t n = 0; n < strlen(tests[i].text); n++) {
			struct uidl_source *s = uidl_source_read(
			    (struct view){ (const uint8_t *)tests[i].text, n });

			(void)uidl_source_get(s, view_str(tests[i].file));
			uidl_source_free(&s);
		}
	return tap_done();
}
