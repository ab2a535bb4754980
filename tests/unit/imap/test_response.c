#include "dump.h"
#include "imap/frame.h"
#include "imap/limits.h"
#include "imap/reply.h"
#include "imap/response.h"
#include "tap.h"

static struct buf b;

static void
check(const char *name, const char *want)
{
	tap_ok(!b.failed && view_eq(buf_view(&b), view_str(want)), "%s: got %s",
	    name, dump_safe(buf_view(&b)));
	buf_clear(&b);
}

static void
test_strings(void)
{
	static const struct {
		const char *in, *string, *astring, *utf8;
	} all[] = {
		{ "", "\"\"", "\"\"", "\"\"" },
		{ "abc", "\"abc\"", "abc", "abc" },
		{ "a]b", "\"a]b\"", "a]b", "a]b" },
		{ "nil", "\"nil\"", "\"nil\"", "\"nil\"" },
		{ "a b", "\"a b\"", "\"a b\"", "\"a b\"" },
		{ "a\tb", "\"a\tb\"", "\"a\tb\"", "\"a\tb\"" },
		{ "a\"\\", "\"a\\\"\\\\\"", "\"a\\\"\\\\\"", "\"a\\\"\\\\\"" },
		{ "\"", "\"\\\"\"", "\"\\\"\"", "\"\\\"\"" },
		{ "a*", "\"a*\"", "\"a*\"", "\"a*\"" },
		{ "a\r\n", "{3}\r\na\r\n", "{3}\r\na\r\n", "{3}\r\na\r\n" },
		{ "\303\244", "{2}\r\n\303\244", "{2}\r\n\303\244",
		    "\"\303\244\"" },
		{ "\303", "{1}\r\n\303", "{1}\r\n\303", "{1}\r\n\303" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct view v = view_str(all[i].in);

		response_string(&b, v, false);
		check("string", all[i].string);
		response_astring(&b, v, false);
		check("astring", all[i].astring);
		response_astring(&b, v, true);
		check("astring with UTF-8", all[i].utf8);
	}
	response_nstring(&b, (struct view){ NULL, 0 }, false);
	check("nstring", "NIL");
	response_nstring(&b, VIEW_LIT(""), false);
	check("empty nstring", "\"\"");
	response_literal8_head(&b, 12);
	check("literal8", "~{12}\r\n");
	response_literal(&b, (struct view){ (const uint8_t *)"a", 2 });
	tap_ok(b.n == 8 && b.p[0] == '~', "NUL makes a literal8");
	buf_clear(&b);
}

static void
test_long_string(void)
{
	uint8_t text[1001];
	struct view v = { text, 1000 };

	memset(text, 'x', sizeof(text));
	response_string(&b, v, false);
	tap_ok(b.n == 1002 && b.p[0] == '"', "1000 octets are quoted");
	buf_clear(&b);
	v.n++;
	response_string(&b, v, false);
	tap_ok(b.n == 8 + 1001 && b.p[0] == '{', "1001 are a literal");
	buf_clear(&b);
}

static void
test_sets(void)
{
	static const uint32_t nums[] = { 1, 2, 3, 5, 7, 8, UINT32_MAX };
	static const struct seqset_range r[] = { { 1, 1 }, { 3, 9 } };

	response_numbers(&b, nums, 7);
	check("numbers", "1:3,5,7:8,4294967295");
	response_numbers(&b, nums, 1);
	check("one number", "1");
	response_ranges(&b, r, 2);
	check("ranges", "1,3:9");
	response_number(&b, UINT64_MAX);
	check("largest number", "18446744073709551615");
	response_appenduid(&b, 7, nums, 3);
	check("APPENDUID", "[APPENDUID 7 1:3] ");
	response_copyuid(&b, 7, nums, nums + 1, 3);
	check("COPYUID", "[COPYUID 7 1:3 2:3,5] ");
	response_search(&b, nums, 2);
	check("SEARCH", "* SEARCH 1 2\r\n");
	response_search(&b, nums, 0);
	check("SEARCH without result", "* SEARCH\r\n");
	response_esearch(&b, VIEW_LIT("a"), true,
	    COMMAND_SEARCH_MIN | COMMAND_SEARCH_MAX | COMMAND_SEARCH_COUNT |
		COMMAND_SEARCH_ALL,
	    nums, 3);
	check("ESEARCH",
	    "* ESEARCH (TAG \"a\") UID MIN 1 MAX 3 COUNT 3 ALL 1:3\r\n");
	response_esearch(&b, VIEW_LIT("a"), false,
	    COMMAND_SEARCH_MIN | COMMAND_SEARCH_COUNT | COMMAND_SEARCH_ALL,
	    nums, 0);
	check("ESEARCH without result", "* ESEARCH (TAG \"a\") COUNT 0\r\n");
	response_esearch_ranges(&b, VIEW_LIT(""), false,
	    COMMAND_SEARCH_MAX | COMMAND_SEARCH_COUNT | COMMAND_SEARCH_ALL, r,
	    2);
	check("ESEARCH of ranges", "* ESEARCH MAX 9 COUNT 8 ALL 1,3:9\r\n");
}

static void
test_status(void)
{
	static const char *const caps[] = { "IMAP4rev1", "IDLE" };
	struct view tag = VIEW_LIT("a1"), none = { NULL, 0 };

	response_status(&b, tag, RESPONSE_OK, "READ-WRITE", "done");
	check("tagged", "a1 OK [READ-WRITE] done\r\n");
	response_status(&b, none, RESPONSE_BYE, NULL, "");
	check("no text", "* BYE BYE\r\n");
	response_status(&b, none, RESPONSE_NO, NULL, "[x] a\r\nb\377");
	check("text made safe", "* NO ?x] a??b?\r\n");
	response_statusf(&b, none, RESPONSE_OK, "[UIDNEXT %u] next", 7u);
	check("printf", "* OK [UIDNEXT 7] next\r\n");
	response_begin(&b, tag, RESPONSE_PREAUTH);
	check("begin", "a1 PREAUTH ");
	response_continue(&b, VIEW_LIT("idling"));
	check("continue", "+ idling\r\n");
	response_capability(&b, caps, 2);
	check("capability", "* CAPABILITY IMAP4rev1 IDLE\r\n");
	response_capability_code(&b, caps, 2);
	check("capability code", "[CAPABILITY IMAP4rev1 IDLE] ");
	response_enabled(&b, caps, 0);
	check("enabled", "* ENABLED\r\n");
	response_count(&b, 0, "EXISTS");
	check("count", "* 0 EXISTS\r\n");
	response_fetch_begin(&b, 9);
	check("fetch", "* 9 FETCH (");
	response_namespace(&b, '/');
	check("namespace", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	response_id(&b, NULL, 0);
	check("id", "* ID NIL\r\n");
	response_id(&b,
	    (const struct command_id_field[]){
		{ VIEW_LIT("name"), VIEW_LIT("fumi") },
		{ VIEW_LIT("os"), { NULL, 0 } } },
	    2);
	check("id fields", "* ID (\"name\" \"fumi\" \"os\" NIL)\r\n");
}

static void
test_metadata(void)
{
	static const uint8_t nul[] = { 'a', 0 };
	static const char want[] = "/shared/a ~{2}\r\na\0";

	response_metadata_begin(&b, VIEW_LIT(""), false);
	check("server", "* METADATA \"\" (");
	response_metadata_begin(&b, VIEW_LIT("\303\244 b"), false);
	check("name", "* METADATA \"&AOQ- b\" (");
	response_metadata_begin(&b, VIEW_LIT("\303\244"), true);
	check("name in UTF-8", "* METADATA \"\303\244\" (");
	response_metadata_changed(
	    &b, VIEW_LIT(""), &VIEW_LIT("/shared/a"), 1, false);
	check("changed", "* METADATA \"\" /shared/a\r\n");
	response_metadata_changed(&b, VIEW_LIT("\303\244"),
	    (const struct view[]){
		VIEW_LIT("/shared/a"), VIEW_LIT("/shared/b c") },
	    2, false);
	check("two", "* METADATA &AOQ- /shared/a \"/shared/b c\"\r\n");
	response_metadata_entry(
	    &b, true, VIEW_LIT("/shared/a"), VIEW_LIT("\303\244"), true);
	response_metadata_entry(
	    &b, false, VIEW_LIT("/private/b c"), VIEW_LIT(""), false);
	check("values", "/shared/a \"\303\244\" \"/private/b c\" \"\"");
	response_metadata_entry(
	    &b, true, VIEW_LIT("/shared/a"), (struct view){ NULL, 0 }, false);
	response_metadata_entry(
	    &b, false, VIEW_LIT("/shared/b"), VIEW_LIT("x\r\n"), false);
	check("no value, and lines", "/shared/a NIL /shared/b {3}\r\nx\r\n");
	response_metadata_entry(&b, true, VIEW_LIT("/shared/a"),
	    (struct view){ nul, sizeof(nul) }, false);
	tap_ok(view_eq(buf_view(&b),
		   (struct view){ (const uint8_t *)want, sizeof(want) - 1 }),
	    "NUL");
	buf_clear(&b);
}

static void
test_mailboxes(void)
{
	static const struct view keywords[] = { VIEW_LIT("$a"), VIEW_LIT("b") };
	struct response_list l = { .delimiter = '/',
		.name = VIEW_LIT("\303\244&b") };
	struct response_mailbox_status s = { .items = COMMAND_STATUS_MESSAGES |
		    COMMAND_STATUS_SIZE | COMMAND_STATUS_UIDNEXT,
		.messages = 1,
		.size = UINT64_MAX,
		.uidnext = 2 };

	response_list(&b, &l, false, false);
	check("list", "* LIST () \"/\" &AOQ-&-b\r\n");
	l.attrs = LISTATTR_NOSELECT | LISTATTR_IMPORTANT | LISTATTR_NONEXISTENT;
	l.childinfo = COMMAND_LIST_SUBSCRIBED;
	l.delimiter = '\0';
	response_list(&b, &l, false, true);
	check("extended list",
	    "* LIST (\\NonExistent \\Noselect \\Important) NIL "
	    "\"\303\244&b\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n");
	l.oldname = VIEW_LIT("old");
	response_list(&b, &l, false, true);
	check("old name",
	    "* LIST (\\NonExistent \\Noselect \\Important) NIL "
	    "\"\303\244&b\" (\"CHILDINFO\" (\"SUBSCRIBED\") "
	    "\"OLDNAME\" (old))\r\n");
	l.attrs = 0;
	response_list(&b, &l, true, true);
	check("lsub", "* LSUB () NIL \"\303\244&b\"\r\n");
	response_mailbox(&b, VIEW_LIT("a b"), false);
	check("plain name", "\"a b\"");
	response_mailbox(&b, VIEW_LIT(""), false);
	check("empty name", "\"\"");
	response_mailbox(&b, VIEW_LIT("a\tb"), false);
	check("tab in a name", "a&AAk-b");
	response_mailbox(&b, VIEW_LIT("\303\244a\303\244a\303\244"), false);
	check("many runs", "&AOQ-a&AOQ-a&AOQ-");
	response_mailbox_status(&b, VIEW_LIT("x"), &s, false);
	check("status",
	    "* STATUS x (MESSAGES 1 UIDNEXT 2 SIZE 18446744073709551615)\r\n");
	response_flags(&b, 0, NULL, 0);
	check("no flags", "()");
	response_flags(&b, FLAGS_SEEN | FLAGS_RECENT, keywords, 2);
	check("flags", "(\\Seen \\Recent $a b)");
}

/* Every octet, written as a string, is read back as it was. */
static void
test_round_trip(void)
{
	uint8_t text[3] = { 'a', 0, 'b' };
	struct view v = { text, 3 }, got;
	bool same = true;

	for (unsigned c = 0; c < 512; c++) {
		AUTO_ARENA struct arena *a = arena_new(65536);
		struct reply r;
		struct why w;
		struct frame f;
		struct view in;

		text[1] = (uint8_t)c;
		buf_clear(&b);
		buf_put_str(&b, "* X ");
		if (c < 256)
			response_astring(&b, v, false);
		else
			response_string(&b, v, true);
		buf_put_str(&b, "\r\n");
		in = buf_view(&b);
		frame_init(&f, FRAME_REPLY, 100, 100);
		same = same &&
		    (frame_feed(&f, &in) == FRAME_DONE ||
			(frame_inline(&f) &&
			    frame_feed(&f, &in) == FRAME_DONE)) &&
		    reply_parse(frame_text(&f), a, &r, &w) == REPLY_PARSED &&
		    value_astring(value_item(&r.args, 0), &got) &&
		    view_eq(got, v);
		frame_fini(&f);
	}
	buf_clear(&b);
	tap_ok(same, "all octets come back");
}

static void
test_names(void)
{
	bool same = true;

	for (unsigned bit = 1; bit <= FLAGS_RECENT; bit <<= 1)
		same = same &&
		    flags_system(view_str(flags_name((enum flags_bit)bit))) ==
			bit;
	tap_ok(same && flags_system(VIEW_LIT("\\SEEN")) == FLAGS_SEEN &&
		flags_system(VIEW_LIT("Seen")) == 0,
	    "names of flags");
	same = true;
	for (unsigned bit = 1; bit <= LISTATTR_IMPORTANT; bit <<= 1)
		same = same &&
		    listattr_bit(view_str(listattr_name((enum listattr)bit))) ==
			bit;
	tap_ok(same && listattr_bit(VIEW_LIT("\\foo")) == 0,
	    "names of attributes");
}

static void
test_full(void)
{
	struct buf small;

	buf_init(&small, 8);
	response_number(&small, 1234567);
	tap_ok(!small.failed && small.n == 7, "a number that just fits");
	response_string(&small, VIEW_LIT("abc"), false);
	tap_ok(small.failed && small.n <= 8, "a full buffer stays full");
	buf_fini(&small);
}

int
main(void)
{
	buf_init(&b, 1 << 20);
	test_strings();
	test_long_string();
	test_sets();
	test_status();
	test_mailboxes();
	test_metadata();
	test_round_trip();
	test_names();
	test_full();
	buf_fini(&b);
	return tap_done();
}
