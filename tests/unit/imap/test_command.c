#include "dump.h"
#include "imap/command.h"
#include "imap/frame.h"
#include "imap/limits.h"
#include "tap.h"

#define NONE COMMAND_STATE_NONE
#define AUTH COMMAND_STATE_AUTH
#define SEL COMMAND_STATE_SELECTED

/* Good commands, without the last line end, and what they are. */
static const struct {
	enum command_state state;
	const char *in, *want;
} good[] = {
	{ NONE, "a1 CAPABILITY", "a1 CAPABILITY" },
	{ AUTH, "a1 noop", "a1 NOOP" },
	{ SEL, "1]x nOOp  ", "1]x NOOP" },
	{ NONE, "a LOGOUT", "a LOGOUT" },
	{ NONE, "a STARTTLS", "a STARTTLS" },
	{ NONE, "a ID NIL", "a ID" },
	{ NONE, "a ID ()", "a ID" },
	{ NONE, "a ID (\"name\" \"x\\\"y\" \"os\" NIL)",
	    "a ID \"name\"=\"x\\\"y\" \"os\"=NIL" },
	{ NONE, "a ID (name x)", "a ID \"name\"=\"x\"" },
	{ NONE, "a AUTHENTICATE PLAIN", "a AUTHENTICATE<PLAIN>" },
	{ NONE, "a AUTHENTICATE PLAIN =", "a AUTHENTICATE<PLAIN><>" },
	{ NONE, "a authenticate SCRAM-SHA-256 biws+/==",
	    "a AUTHENTICATE<SCRAM-SHA-256><biws+/==>" },
	{ NONE, "a LOGIN u p]w", "a LOGIN<u><p]w>" },
	{ NONE, "a LOGIN \"u s\" \"p\\\\\\\"w\"", "a LOGIN<u s><p\\\"w>" },
	{ NONE, "a LOGIN {3}\r\nu\r\n {2+}\r\n\"(", "a LOGIN<u\r\n><\"(>" },
	{ NONE, "a LOGIN NIL \"\303\244\"", "a LOGIN<NIL><\303\244>" },
	{ AUTH, "a ENABLE IMAP4rev2 CONDSTORE",
	    "a ENABLE<IMAP4rev2><CONDSTORE>" },
	{ AUTH, "a SELECT iNbox", "a SELECT !<INBOX>" },
	{ SEL, "a SELECT \"inbox/a b\"", "a SELECT <INBOX/a b>" },
	{ AUTH, "a SELECT inboxes", "a SELECT <inboxes>" },
	{ AUTH, "a EXAMINE &AOQ-x", "a EXAMINE <\303\244x>" },
	{ AUTH, "a SELECT &-b", "a SELECT <&b>" },
	{ AUTH, "a SELECT e&AwE-", "a SELECT <\303\251>" },
	{ AUTH, "a SELECT \"e\314\201\"", "a SELECT <\303\251>" },
	{ AUTH, "a SELECT b (CONDSTORE QRESYNC (67 20 1:5 (3 4)) X 5)",
	    "a SELECT <b> CONDSTORE QRESYNC=(67 20 1:5 (3 4)) X=5" },
	{ AUTH, "a CREATE x/", "a CREATE <x/> u0" },
	{ AUTH, "a CREATE x (USE (\\Sent \\archive))", "a CREATE <x> u17408" },
	{ AUTH, "a CREATE x (USE ())", "a CREATE <x> u0" },
	{ AUTH, "a CREATE x (USE (\\Foo))", "a CREATE <x> u0?" },
	{ AUTH, "a CREATE x (USE (\\Noselect))", "a CREATE <x> u0?" },
	{ AUTH, "a DELETE \"\"", "a DELETE <>" },
	{ AUTH, "a RENAME a {3}\r\nb c", "a RENAME <a> <b c>" },
	{ AUTH, "a SUBSCRIBE a", "a SUBSCRIBE <a>" },
	{ AUTH, "a UNSUBSCRIBE a", "a UNSUBSCRIBE <a>" },
	{ AUTH, "a GETMETADATA \"\" /shared/comment",
	    "a GETMETADATA server d0</shared/comment>" },
	{ SEL, "a getmetadata inbox (/shared/a \"/private/b c\")",
	    "a GETMETADATA !<INBOX> d0</shared/a></private/b c>" },
	{ AUTH, "a GETMETADATA x (MAXSIZE 1024 DEPTH infinity) (/shared)",
	    "a GETMETADATA <x> d2 m1024</shared>" },
	{ AUTH, "a GETMETADATA (depth 1 maxsize 0) x /shared",
	    "a GETMETADATA <x> d1 m0</shared>" },
	{ AUTH, "a GETMETADATA (DEPTH 0) {0}\r\n ({2}\r\n/a)",
	    "a GETMETADATA server d0</a>" },
	{ AUTH, "a GETMETADATA x /private/a /shared/b ",
	    "a GETMETADATA <x> d0</private/a></shared/b>" },
	{ AUTH, "a GETMETADATA &AO /shared/a",
	    "a GETMETADATA <> d0</shared/a>" },
	{ AUTH, "a SETMETADATA inbox (/shared/a \"\")",
	    "a SETMETADATA !<INBOX> /shared/a=<>" },
	{ SEL, "a SETMETADATA \"\" (/a {3}\r\nb\r\n /c nil /d ~{2+}\r\n())",
	    "a SETMETADATA server /a=<b\r\n> /c=NIL /d=<()>" },
	{ AUTH, "a SETMETADATA {1}\r\nx ({2+}\r\n/a {0}\r\n)",
	    "a SETMETADATA <x> /a=<>" },
	{ AUTH, "a LIST \"\" *", "a LIST s0 r0 i0 <> <*>" },
	{ AUTH, "a LIST \"\" \"\"", "a LIST s0 r0 i0 <> <>" },
	{ AUTH, "a LIST ~/ \"&AOQ-%\"", "a LIST s0 r0 i0 <~/> <\303\244%>" },
	{ AUTH, "a LIST \"\" &AO%", "a LIST s0 r0 i0 <> <&AO%>" },
	{ AUTH, "a LIST () \"\" %", "a LIST ext s0 r0 i0 <> <%>" },
	{ AUTH, "a LIST (SUBSCRIBED recursivematch REMOTE) \"\" (a% \"b*\")",
	    "a LIST ext s7 r0 i0 <> <a%> <b*>" },
	{ AUTH, "a LIST \"\" % RETURN ()", "a LIST ext s0 r0 i0 <> <%>" },
	{ AUTH,
	    "a LIST (SPECIAL-USE) \"\" % RETURN (CHILDREN STATUS (MESSAGES "
	    "SIZE) SUBSCRIBED SPECIAL-USE)",
	    "a LIST ext s8 r57 i65 <> <%>" },
	{ AUTH,
	    "a LIST \"\" % RETURN (METADATA (/shared/a \"/b\") STATUS "
	    "(SIZE))",
	    "a LIST ext s0 r96 i64 <> <%> m</shared/a> m</b>" },
	{ AUTH, "a LIST \"\" % RETURN (METADATA /shared/a CHILDREN)",
	    "a LIST ext s0 r80 i0 <> <%> m</shared/a>" },
	{ AUTH, "a LSUB \"\" inbox", "a LSUB s0 r0 i0 <> !<INBOX>" },
	{ AUTH, "a NAMESPACE", "a NAMESPACE" },
	{ AUTH, "a STATUS x (MESSAGES unseen SIZE DELETED)",
	    "a STATUS <x> i113" },
	{ AUTH, "a STATUS INBOX (UIDNEXT UIDVALIDITY RECENT)",
	    "a STATUS !<INBOX> i14" },
	{ AUTH, "a APPEND x {3}\r\nabc", "a APPEND <x> () 3<abc>" },
	{ AUTH,
	    "a APPEND {1}\r\nx (\\seen kw) \" 1-Feb-1994 21:52:25 -0800\" "
	    "{3+}\r\n\r\n\n",
	    "a APPEND <x> (\\Seen kw) 760168345-480 3<\r\n\n>" },
	{ AUTH, "a APPEND x (\\Draft) ~{2}\r\nhi {0}\r\n",
	    "a APPEND <x> (\\Draft) ~2<hi> () 0<>" },
	{ AUTH, "a APPEND x UTF8 (~{2}\r\nhi)", "a APPEND <x> () utf8~2<hi>" },
	{ AUTH, "a IDLE", "a IDLE" },
	{ SEL, "a CHECK", "a CHECK" },
	{ SEL, "a CLOSE", "a CLOSE" },
	{ SEL, "a UNSELECT", "a UNSELECT" },
	{ SEL, "a EXPUNGE", "a EXPUNGE" },
	{ SEL, "a UID EXPUNGE 1,3:*", "a UID EXPUNGE 1-1,3-0" },
	{ SEL, "a SEARCH ALL", "a SEARCH and(all)" },
	{ SEL, "a UID SEARCH RETURN () 1:3 $",
	    "a UID SEARCH r4 and(seq 1-3 seq $)" },
	{ SEL, "a SEARCH RETURN (MIN MAX COUNT SAVE) CHARSET utf-8 UID 5:2",
	    "a SEARCH r27<utf-8> and(uid 5-2)" },
	{ SEL, "a SEARCH OR NOT SEEN (NEW OLD) UNKEYWORD $Junk KEYWORD x",
	    "a SEARCH and(or(not(flags:8/0) and(flags:32/8 flags:0/32)) "
	    "keyword-$Junk keyword+x)" },
	{ SEL,
	    "a SEARCH BEFORE 1-Jan-1970 SENTON \"31-dec-1969\" SINCE "
	    "01-Mar-2000 LARGER 9223372036854775807 SMALLER 0",
	    "a SEARCH and(date<0 date-sent=-1 date>11017 "
	    "larger:9223372036854775807 smaller:0)" },
	{ SEL,
	    "a SEARCH HEADER X-y \"\" FROM a SUBJECT {2}\r\n)( TEXT b BODY "
	    "\"c d\" YOUNGER 60 OLDER 4294967295",
	    "a SEARCH and(header<X-y><> header<FROM><a> header<SUBJECT><)(> "
	    "text<b> body<c d> younger:60 older:4294967295)" },
	{ SEL,
	    "a SEARCH UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN "
	    "ANSWERED DELETED DRAFT FLAGGED RECENT",
	    "a SEARCH and(flags:0/1 flags:0/4 flags:0/16 flags:0/2 flags:0/8 "
	    "flags:1/0 flags:4/0 flags:16/0 flags:2/0 flags:32/0)" },
	{ SEL, "a SEARCH ((((ALL)))) ",
	    "a SEARCH and(and(and(and(and(all)))))" },
	{ SEL, "a FETCH 1 FAST",
	    "a FETCH 1-1 0:FLAGS 2:INTERNALDATE 3:RFC822.SIZE" },
	{ SEL, "a FETCH 1 full",
	    "a FETCH 1-1 0:FLAGS 2:INTERNALDATE 3:RFC822.SIZE 4:ENVELOPE "
	    "5:BODY" },
	{ SEL, "a UID FETCH 1:* (UID FLAGS BODYSTRUCTURE) (CHANGEDSINCE 5)",
	    "a UID FETCH 1-0 1:UID 0:FLAGS 6:BODYSTRUCTURE CHANGEDSINCE=5" },
	{ SEL, "a FETCH $ body[]", "a FETCH $ 7:BODY[]" },
	{ SEL,
	    "a FETCH 1 (BODY.PEEK[1.2.text]<0.100> BODY[3.MIME] BODY "
	    "BODY[HEADER])",
	    "a FETCH 1-1 7p:BODY[1.2.TEXT]<0>/4/2/0@0+100 7:BODY[3.MIME]/5/1/0 "
	    "5:BODY 7:BODY[HEADER]/1/0/0" },
	{ SEL, "a FETCH 1 BODY.PEEK[HEADER.FIELDS (From \"a b\" {2}\r\nTo)]",
	    "a FETCH 1-1 7p:BODY[HEADER.FIELDS (From \"a b\" To)]/2/0/3" },
	{ SEL, "a FETCH 1 BODY[2.HEADER.FIELDS.NOT (X)]<5.6>",
	    "a FETCH 1-1 7:BODY[2.HEADER.FIELDS.NOT (X)]<5>/3/1/1@5+6" },
	{ SEL, "a FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)",
	    "a FETCH 1-1 7:RFC822 7p:RFC822.HEADER/1/0/0 7:RFC822.TEXT/4/0/0 "
	    "3:RFC822.SIZE" },
	{ SEL, "a FETCH 1 (BINARY[1.MIME] BODY[]<7>)",
	    "a FETCH 1-1 8:BINARY[1.MIME]/5/1/0 "
	    "7:BODY[]<7>@7+9223372036854775807" },
	{ SEL, "a FETCH 1 (BINARY[1]<2.3> BINARY.PEEK[] BINARY.SIZE[1.1])",
	    "a FETCH 1-1 8:BINARY[1]<2>/0/1/0@2+3 8p:BINARY[] "
	    "9p:BINARY.SIZE[1.1]/0/2/0" },
	{ SEL, "a STORE 1 FLAGS ()", "a STORE 1-1 = ()" },
	{ SEL, "a UID STORE 1 (UNCHANGEDSINCE 12) +flags.silent \\Seen x ",
	    "a UID STORE 1-1 UNCHANGEDSINCE=12 +s (\\Seen x)" },
	{ SEL, "a STORE 1:2 -FLAGS (\\Deleted $MDNSent)",
	    "a STORE 1-2 - (\\Deleted $MDNSent)" },
	{ SEL, "a UID SORT (REVERSE DATE subject) UTF-8 UNSEEN ALL",
	    "a UID SORT -2 5<UTF-8>and(flags:0/8 all)" },
	{ SEL, "a THREAD references {5}\r\nUTF-8 1",
	    "a THREAD 1<UTF-8>and(seq 1-1)" },
	{ SEL, "a COPY 1:2 x", "a COPY 1-2 <x>" },
	{ SEL, "a UID MOVE $ inbox", "a UID MOVE $ !<INBOX>" },
};

/* Refused ones; text is a piece of the reason. */
static const struct {
	enum command_state state;
	const char *in;
	enum command_result want;
	const char *text;
	size_t tag_n;
} bad[] = {
	{ NONE, "", COMMAND_BAD, "tag", 0 },
	{ NONE, " a NOOP", COMMAND_BAD, "tag", 0 },
	{ NONE, "+ NOOP", COMMAND_BAD, "tag", 0 },
	{ NONE, "a+ NOOP", COMMAND_BAD, "tag", 0 },
	{ NONE, "a", COMMAND_BAD, "missing", 1 },
	{ NONE, "a ", COMMAND_UNKNOWN, "unknown command", 1 },
	{ NONE, "a FOO", COMMAND_UNKNOWN, "unknown command at byte 3", 1 },
	{ NONE, "a NOOPX", COMMAND_UNKNOWN, "unknown", 1 },
	{ NONE, "a NOOP x", COMMAND_BAD, "more arguments", 1 },
	{ NONE, "a NOOP\r", COMMAND_BAD, "more arguments", 1 },
	{ NONE, "a UID NOOP", COMMAND_UNKNOWN, "unknown", 1 },
	{ NONE, "a UID", COMMAND_BAD, "missing", 1 },
	{ NONE, "a SELECT x", COMMAND_STATE, "log in first", 1 },
	{ NONE, "a SELECT {", COMMAND_STATE, "log in first", 1 },
	{ AUTH, "a LOGIN a b", COMMAND_STATE, "already", 1 },
	{ SEL, "a STARTTLS", COMMAND_STATE, "already", 1 },
	{ AUTH, "a FETCH 1 ALL", COMMAND_STATE, "select a mailbox", 1 },
	{ NONE, "a LOGIN a", COMMAND_BAD, "missing", 1 },
	{ NONE, "a LOGIN  a b", COMMAND_BAD, "string", 1 },
	{ NONE, "a LOGIN a \"b", COMMAND_BAD, "without its end", 1 },
	{ NONE, "a LOGIN a \"b\\c\"", COMMAND_BAD, "not allowed", 1 },
	{ NONE, "a LOGIN a \"b\\", COMMAND_BAD, "not allowed", 1 },
	{ NONE, "a LOGIN a {3}\r\nxx", COMMAND_BAD, "cut short", 1 },
	{ NONE, "a LOGIN a {x}\r\nxx", COMMAND_BAD, "malformed", 1 },
	{ NONE, "a LOGIN a {99999999999999999999}\r\n", COMMAND_BAD, "literal",
	    1 },
	{ NONE, "a LOGIN a {1} x", COMMAND_BAD, "end of its line", 1 },
	{ NONE, "a LOGIN a ~{1}\r\nx", COMMAND_BAD, "", 1 },
	{ NONE, "a LOGIN a \303\244", COMMAND_BAD, "string", 1 },
	{ NONE, "a AUTHENTICATE PLAIN a-b", COMMAND_BAD, "base64", 1 },
	{ NONE, "a ID (\"x\")", COMMAND_BAD, "space", 1 },
	{ NONE, "a ID x", COMMAND_BAD, "'('", 1 },
	{ AUTH, "a ENABLE", COMMAND_BAD, "missing", 1 },
	{ AUTH, "a SELECT \"\377\"", COMMAND_BAD, "UTF-8", 1 },
	{ AUTH, "a SELECT x ()", COMMAND_BAD, "parameter", 1 },
	{ AUTH, "a SELECT x (A", COMMAND_BAD, "')'", 1 },
	{ AUTH, "a SELECT x (A ((1)", COMMAND_BAD, "", 1 },
	{ AUTH, "a CREATE x (FOO)", COMMAND_BAD, "CREATE parameter", 1 },
	{ AUTH, "a LIST (RECURSIVEMATCH) \"\" %", COMMAND_BAD, "RECURSIVE", 1 },
	{ AUTH, "a LIST (RECURSIVEMATCH REMOTE) \"\" %", COMMAND_BAD, "", 1 },
	{ AUTH, "a LIST (CHILDREN) \"\" %", COMMAND_BAD, "unknown LIST", 1 },
	{ AUTH, "a LIST \"\" ()", COMMAND_BAD, "pattern", 1 },
	{ AUTH, "a LIST \"\" % RETURN (STATUS ())", COMMAND_BAD, "status", 1 },
	{ AUTH, "a LIST \"\" % FOO", COMMAND_BAD, "RETURN", 1 },
	{ AUTH, "a LIST \"\" % RETURN (METADATA ())", COMMAND_BAD, "string",
	    1 },
	{ AUTH, "a LIST (METADATA /a) \"\" %", COMMAND_BAD, "unknown LIST", 1 },
	{ NONE, "a GETMETADATA \"\" /a", COMMAND_STATE, "log in first", 1 },
	{ AUTH, "a GETMETADATA \"\"", COMMAND_BAD, "missing", 1 },
	{ AUTH, "a GETMETADATA x ()", COMMAND_BAD, "string", 1 },
	{ AUTH, "a GETMETADATA x (FOO) /a", COMMAND_BAD, "GETMETADATA option",
	    1 },
	{ AUTH, "a GETMETADATA x (MAXSIZE) /a", COMMAND_BAD, "space", 1 },
	{ AUTH, "a GETMETADATA x (MAXSIZE 4294967296) /a", COMMAND_BAD,
	    "number", 1 },
	{ AUTH, "a GETMETADATA x (DEPTH 2) /a", COMMAND_BAD, "infinity", 1 },
	{ AUTH, "a GETMETADATA x (DEPTH 10) /a", COMMAND_BAD, "infinity", 1 },
	{ AUTH, "a GETMETADATA x (/a", COMMAND_BAD, "')'", 1 },
	{ AUTH, "a GETMETADATA (DEPTH 1) x (DEPTH 1) /a", COMMAND_BAD, "", 1 },
	{ AUTH, "a SETMETADATA x ()", COMMAND_BAD, "string", 1 },
	{ AUTH, "a SETMETADATA x (/a)", COMMAND_BAD, "space", 1 },
	{ AUTH, "a SETMETADATA x /a NIL", COMMAND_BAD, "'('", 1 },
	{ AUTH, "a SETMETADATA x (/a b)", COMMAND_BAD, "NIL", 1 },
	{ AUTH, "a SETMETADATA x (/a NILS)", COMMAND_BAD, "NIL", 1 },
	{ AUTH, "a SETMETADATA x (/a ~b)", COMMAND_BAD, "literal", 1 },
	{ AUTH, "a SETMETADATA x (/a NIL", COMMAND_BAD, "')'", 1 },
	{ AUTH, "a SETMETADATA x (/a NIL) y", COMMAND_BAD, "more", 1 },
	{ AUTH, "a STATUS x ()", COMMAND_BAD, "status item", 1 },
	{ AUTH, "a STATUS x (FOO)", COMMAND_BAD, "unknown status", 1 },
	{ AUTH, "a APPEND x", COMMAND_BAD, "missing", 1 },
	{ AUTH, "a APPEND x \"hi\"", COMMAND_BAD, "date", 1 },
	{ AUTH, "a APPEND x (\\Recent) {1}\r\nx", COMMAND_BAD, "flag", 1 },
	{ AUTH, "a APPEND x (\\Foo) {1}\r\nx", COMMAND_BAD, "flag", 1 },
	{ AUTH, "a APPEND x UTF8 ({1}\r\nx)", COMMAND_BAD, "literal8", 1 },
	{ AUTH, "a APPEND x \"31-Feb-1994 21:52:25 -0800\" {1}\r\nx",
	    COMMAND_BAD, "date-time", 1 },
	{ SEL, "a EXPUNGE 1", COMMAND_BAD, "more", 1 },
	{ SEL, "a UID EXPUNGE", COMMAND_BAD, "missing", 1 },
	{ SEL, "a SEARCH", COMMAND_BAD, "missing", 1 },
	{ SEL, "a SEARCH ()", COMMAND_BAD, "search key", 1 },
	{ SEL, "a SEARCH FOO", COMMAND_BAD, "search key at byte 10", 1 },
	{ SEL, "a SEARCH OR ALL", COMMAND_BAD, "missing", 1 },
	{ SEL, "a SEARCH (ALL", COMMAND_BAD, "')'", 1 },
	{ SEL, "a SEARCH ON 30-Feb-2000", COMMAND_BAD, "date", 1 },
	{ SEL, "a SEARCH YOUNGER 0", COMMAND_BAD, "number", 1 },
	{ SEL, "a SEARCH RETURN (FOO) ALL", COMMAND_BAD, "return", 1 },
	{ SEL, "a FETCH 0 ALL", COMMAND_BAD, "set", 1 },
	{ SEL, "a FETCH 1 ()", COMMAND_BAD, "FETCH item", 1 },
	{ SEL, "a FETCH 1 (FAST)", COMMAND_BAD, "FETCH item", 1 },
	{ SEL, "a FETCH 1 BODY.PEEK", COMMAND_BAD, "FETCH item", 1 },
	{ SEL, "a FETCH 1 FLAGS[]", COMMAND_BAD, "FETCH item", 1 },
	{ SEL, "a FETCH 1 BODY[MIME]", COMMAND_BAD, "MIME", 1 },
	{ SEL, "a FETCH 1 BODY[0]", COMMAND_BAD, "number", 1 },
	{ SEL, "a FETCH 1 BODY[1.]", COMMAND_BAD, "section", 1 },
	{ SEL, "a FETCH 1 BODY[HEADER.FIELDS ()]", COMMAND_BAD, "", 1 },
	{ SEL, "a FETCH 1 BODY[HEADER.FIELDS (a:)]", COMMAND_BAD, "field", 1 },
	{ SEL, "a FETCH 1 BODY[]<0.0>", COMMAND_BAD, "number", 1 },
	{ SEL, "a FETCH 1 BODY[]<0.>", COMMAND_BAD, "number", 1 },
	{ SEL, "a FETCH 1 BODY[]<0.0>", COMMAND_BAD, "number", 1 },
	{ SEL, "a FETCH 1 BINARY[NOSUCH]", COMMAND_BAD, "section", 1 },
	{ SEL, "a FETCH 1 BINARY.SIZE[1]<1.2>", COMMAND_BAD, "more", 1 },
	{ SEL, "a STORE 1 FLAGS", COMMAND_BAD, "missing", 1 },
	{ SEL, "a STORE 1 FLAG ()", COMMAND_BAD, "FLAGS", 1 },
	{ SEL, "a STORE 1 FLAGS (\\Recent)", COMMAND_BAD, "flag", 1 },
	{ SEL, "a COPY 1", COMMAND_BAD, "missing", 1 },
	{ SEL, "a SORT () UTF-8 ALL", COMMAND_BAD, "sort key", 1 },
	{ SEL, "a SORT (DATE) UTF-8", COMMAND_BAD, "missing", 1 },
	{ SEL, "a THREAD X UTF-8 ALL", COMMAND_BAD, "algorithm", 1 },
};

static enum command_result
parse(struct view text, enum command_state state, bool utf8, struct buf *dump,
    struct why *w, struct view *tag)
{
	AUTO_ARENA struct arena *a = arena_new(LIMITS_ARENA);
	const struct command_opts opts = { state, utf8 };
	struct command c;
	enum command_result r;

	w->text[0] = '\0';
	r = command_parse(text, &opts, a, &c, w);
	*tag = c.tag;
	if (dump != NULL)
		buf_clear(dump);
	if (dump != NULL && r == COMMAND_OK)
		dump_command(dump, &c);
	return r;
}

/* Feed text and a line end to f in pieces; all literals inline. */
static enum frame_result
feed(struct frame *f, struct view text, size_t piece)
{
	AUTO_BUF struct buf all;
	enum frame_result r = FRAME_MORE;

	buf_init(&all, 1 << 20);
	buf_put(&all, text);
	buf_put_str(&all, "\r\n");
	for (size_t at = 0; at < all.n; at += piece) {
		struct view in = view_sub(buf_view(&all), at, piece);

		do {
			r = frame_feed(f, &in);
			if (r == FRAME_LITERAL && !frame_inline(f))
				return FRAME_TOO_LONG;
		} while (r == FRAME_LITERAL || (r == FRAME_MORE && in.n > 0));
	}
	return r;
}

static void
test_good(void)
{
	AUTO_BUF struct buf dump;
	struct why w;
	struct view tag;

	buf_init(&dump, 1 << 20);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		enum command_result r = parse(view_str(good[i].in),
		    good[i].state, false, &dump, &w, &tag);

		tap_ok(r == COMMAND_OK &&
			view_eq(buf_view(&dump), view_str(good[i].want)),
		    "good %zu: result %d (%s), got %s", i, r, w.text,
		    dump_safe(buf_view(&dump)));
	}
}

static void
test_bad(void)
{
	struct why w;
	struct view tag;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum command_result r = parse(
		    view_str(bad[i].in), bad[i].state, false, NULL, &w, &tag);

		tap_ok(r == bad[i].want && tag.n == bad[i].tag_n &&
			strstr(w.text, bad[i].text) != NULL,
		    "bad %zu: result %d, want %d, tag of %zu, %s", i, r,
		    bad[i].want, tag.n, w.text);
	}
}

/* Cut short a command is more to come; in pieces it is the same command. */
static void
test_prefix(void)
{
	AUTO_BUF struct buf dump;
	struct why w;
	struct view tag;

	buf_init(&dump, 1 << 20);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct view text = view_str(good[i].in);
		bool more = true, same = true;
		struct frame f;

		for (size_t n = 0; n <= text.n; n++) {
			struct view in = view_sub(text, 0, n);

			frame_init(
			    &f, FRAME_COMMAND, LIMITS_LINE, LIMITS_LITERAL);
			while (in.n > 0) {
				enum frame_result r = frame_feed(&f, &in);

				more = more &&
				    (r == FRAME_MORE ||
					(r == FRAME_LITERAL &&
					    frame_inline(&f)));
			}
			frame_fini(&f);
			(void)parse(view_sub(text, 0, n), good[i].state, false,
			    NULL, &w, &tag);
		}
		for (size_t piece = 1; piece < 5; piece++) {
			frame_init(
			    &f, FRAME_COMMAND, LIMITS_LINE, LIMITS_LITERAL);
			same = same && feed(&f, text, piece) == FRAME_DONE &&
			    parse(frame_text(&f), good[i].state, false, &dump,
				&w, &tag) == COMMAND_OK &&
			    view_eq(buf_view(&dump), view_str(good[i].want));
			frame_fini(&f);
		}
		tap_ok(more, "prefixes of good %zu are more", i);
		tap_ok(same, "good %zu in pieces is the same", i);
	}
}

/* head, then n times unit with sep between, then tail */
static enum command_result
repeat(const char *head, const char *unit, const char *sep, size_t n,
    const char *tail, enum command_state state)
{
	AUTO_BUF struct buf b;
	struct why w;
	struct view tag;

	buf_init(&b, 8 << 20);
	buf_put_str(&b, head);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_put_str(&b, sep);
		buf_put_str(&b, unit);
	}
	buf_put_str(&b, tail);
	return parse(buf_view(&b), state, false, NULL, &w, &tag);
}

static const struct {
	const char *name, *head, *unit, *sep, *tail;
	size_t max;
	enum command_state state;
	enum command_result past;
} limits[] = {
	{ "tag", "", "t", "", " NOOP", LIMITS_TAG, NONE, COMMAND_BAD },
	{ "depth of keys", "a SEARCH ", "NOT ", "", "ALL", LIMITS_DEPTH - 1,
	    SEL, COMMAND_LIMIT },
	{ "depth of lists", "a SELECT x (A ", "(", "", "", LIMITS_DEPTH, AUTH,
	    COMMAND_LIMIT },
	{ "values", "a SELECT x (A (", "1", " ", "))", LIMITS_VALUES - 1, AUTH,
	    COMMAND_LIMIT },
	{ "ranges", "a FETCH ", "1", ",", " ALL", LIMITS_SEQSET, SEL,
	    COMMAND_LIMIT },
	{ "search keys", "a SEARCH ", "ALL", " ", "", LIMITS_SEARCH_KEYS, SEL,
	    COMMAND_LIMIT },
	{ "sort keys", "a SORT (", "DATE", " ", ") x ALL", LIMITS_SORT, SEL,
	    COMMAND_LIMIT },
	{ "fetch items", "a FETCH 1 (", "UID", " ", ")", LIMITS_FETCH_ITEMS,
	    SEL, COMMAND_LIMIT },
	{ "header fields", "a FETCH 1 BODY[HEADER.FIELDS (", "a", " ", ")]",
	    LIMITS_HEADER_FIELDS, SEL, COMMAND_LIMIT },
	{ "section parts", "a FETCH 1 BODY[", "1", ".", "]",
	    LIMITS_SECTION_PARTS, SEL, COMMAND_LIMIT },
	{ "keywords", "a STORE 1 FLAGS (", "k", " ", ")", LIMITS_FLAGS, SEL,
	    COMMAND_LIMIT },
	{ "keyword", "a STORE 1 FLAGS (", "k", "", ")", LIMITS_KEYWORD, SEL,
	    COMMAND_LIMIT },
	{ "mailbox", "a SELECT ", "m", "", "", LIMITS_MAILBOX, AUTH,
	    COMMAND_LIMIT },
	{ "patterns", "a LIST \"\" (", "p", " ", ")", LIMITS_PATTERNS, AUTH,
	    COMMAND_LIMIT },
	{ "ID fields", "a ID (", "\"a\" NIL", " ", ")", LIMITS_ID_FIELDS, NONE,
	    COMMAND_LIMIT },
	{ "ID field", "a ID (\"", "a", "", "\" NIL)", LIMITS_ID_FIELD, NONE,
	    COMMAND_LIMIT },
	{ "ID value", "a ID (\"a\" \"", "v", "", "\")", LIMITS_ID_VALUE, NONE,
	    COMMAND_LIMIT },
	{ "capabilities", "a ENABLE ", "X", " ", "", LIMITS_ENABLE, AUTH,
	    COMMAND_LIMIT },
	{ "messages", "a APPEND x ", "{1}\r\nm", " ", "", LIMITS_APPEND, AUTH,
	    COMMAND_LIMIT },
	{ "entries to get", "a GETMETADATA x (", "/a", " ", ")",
	    LIMITS_METADATA, AUTH, COMMAND_LIMIT },
	{ "entries to list", "a LIST \"\" % RETURN (METADATA (", "/a", " ",
	    "))", LIMITS_METADATA, AUTH, COMMAND_LIMIT },
	{ "entries to set", "a SETMETADATA x (", "/a NIL", " ", ")",
	    LIMITS_METADATA, AUTH, COMMAND_LIMIT },
	{ "user", "a LOGIN ", "u", "", " p", LIMITS_USER, NONE, COMMAND_LIMIT },
	{ "password", "a LOGIN u ", "p", "", "", LIMITS_PASSWORD, NONE,
	    COMMAND_LIMIT },
	{ "mechanism", "a AUTHENTICATE ", "M", "", "", LIMITS_MECHANISM, NONE,
	    COMMAND_LIMIT },
};

static void
test_limits(void)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		enum command_result at =
		    repeat(limits[i].head, limits[i].unit, limits[i].sep,
			limits[i].max, limits[i].tail, limits[i].state);
		enum command_result past =
		    repeat(limits[i].head, limits[i].unit, limits[i].sep,
			limits[i].max + 1, limits[i].tail, limits[i].state);
		bool open = strcmp(limits[i].name, "depth of lists") == 0;

		tap_ok(at == (open ? COMMAND_BAD : COMMAND_OK),
		    "%s at the limit: %d", limits[i].name, at);
		tap_ok(past == limits[i].past, "%s past the limit: %d",
		    limits[i].name, past);
	}
}

/* NUL is a literal8's alone. */
static void
test_nul(void)
{
	static const char good8[] = "a SETMETADATA x (/a ~{3}\r\n\0b\0)";
	static const char want[] = "a SETMETADATA <x> /a=<\0b\0>";
	static const char bad8[] = "a SETMETADATA x (/a {3}\r\n\0b\0)";
	AUTO_BUF struct buf dump;
	struct why w;
	struct view tag;

	buf_init(&dump, 1 << 10);
	tap_ok(parse((struct view){ (const uint8_t *)good8, sizeof(good8) - 1 },
		   AUTH, false, &dump, &w, &tag) == COMMAND_OK &&
		view_eq(buf_view(&dump),
		    (struct view){ (const uint8_t *)want, sizeof(want) - 1 }),
	    "NUL in a literal8");
	tap_ok(parse((struct view){ (const uint8_t *)bad8, sizeof(bad8) - 1 },
		   AUTH, false, NULL, &w, &tag) == COMMAND_BAD,
	    "NUL in a literal");
}

static void
test_arena_full(void)
{
	AUTO_ARENA struct arena *a = arena_new(16);
	const struct command_opts opts = { SEL, false };
	struct command c;
	struct why w;

	tap_ok(command_parse(VIEW_LIT("a FETCH 1,2,3,4 ALL"), &opts, a, &c,
		   &w) == COMMAND_LIMIT &&
		view_eq(c.tag, VIEW_LIT("a")),
	    "full arena is a limit");
}

static void
test_utf8(void)
{
	static const struct {
		const char *in, *want;
	} names[] = {
		{ "a SELECT &AOQ-", "a SELECT <&AOQ->" },
		{ "a SELECT \"\303\244/b\"", "a SELECT <\303\244/b>" },
		{ "a LIST \"\" \"\303\244*\"",
		    "a LIST s0 r0 i0 <> <\303\244*>" },
	};
	AUTO_BUF struct buf dump;
	struct why w;
	struct view tag;

	buf_init(&dump, 4096);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		enum command_result r =
		    parse(view_str(names[i].in), AUTH, true, &dump, &w, &tag);

		tap_ok(r == COMMAND_OK &&
			view_eq(buf_view(&dump), view_str(names[i].want)),
		    "utf8 %zu: result %d, got %s", i, r,
		    dump_safe(buf_view(&dump)));
	}
	tap_ok(parse(VIEW_LIT("a SELECT \"\300\200\""), AUTH, true, NULL, &w,
		   &tag) == COMMAND_BAD,
	    "overlong UTF-8 is refused");
}

/* A literal kept outside comes back as what the framer was told. */
static void
test_external(void)
{
	AUTO_BUF struct buf dump;
	struct view in = VIEW_LIT("a APPEND x (\\Seen) ~{5000000000}\r\n"),
		    end = VIEW_LIT(" {3}\r\n"), tag;
	struct frame f;
	struct why w;
	bool ok;

	buf_init(&dump, 4096);
	frame_init(&f, FRAME_COMMAND, LIMITS_LINE, LIMITS_LITERAL);
	ok = frame_feed(&f, &in) == FRAME_LITERAL &&
	    frame_is_message(frame_text(&f)) && frame_external(&f, 7) &&
	    parse(frame_text(&f), AUTH, false, &dump, &w, &tag) == COMMAND_OK &&
	    view_eq(buf_view(&dump),
		VIEW_LIT("a APPEND <x> (\\Seen) ~5000000000#7"));
	tap_ok(
	    ok, "external, before its octets: %s", dump_safe(buf_view(&dump)));
	ok = frame_feed(&f, &end) == FRAME_LITERAL &&
	    frame_is_message(frame_text(&f)) && frame_external(&f, 8);
	end = VIEW_LIT("\r\n");
	ok = ok && frame_feed(&f, &end) == FRAME_DONE &&
	    parse(frame_text(&f), AUTH, false, &dump, &w, &tag) == COMMAND_OK &&
	    view_eq(buf_view(&dump),
		VIEW_LIT("a APPEND <x> (\\Seen) ~5000000000#7 () 3#8"));
	tap_ok(ok, "two external: %s", dump_safe(buf_view(&dump)));
	frame_fini(&f);
}

static void
test_table(void)
{
	for (unsigned k = 0; k < COMMAND_KINDS; k++)
		tap_ok(command_states((enum command_kind)k) != 0 &&
			strlen(command_name((enum command_kind)k)) > 1,
		    "row of %s", command_name((enum command_kind)k));
}

int
main(void)
{
	test_good();
	test_bad();
	test_prefix();
	test_limits();
	test_nul();
	test_arena_full();
	test_utf8();
	test_external();
	test_table();
	return tap_done();
}
