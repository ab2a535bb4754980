#include "dump.h"
#include "imap/frame.h"
#include "imap/limits.h"
#include "tap.h"

/* What to do with literals: inline, refuse, or keep outside. */
enum act { ACT_INLINE, ACT_REFUSE };

/*
 * A conversation in one stream, and what the framer says of it: each command's
 * text as "text|", L for a literal decided, T too long, N NUL. Line limit 40,
 * literals 10.
 */
static const struct {
	const char *name, *in, *want;
	enum frame_role role;
	enum act act;
} cases[] = {
	{ "two lines", "a b\r\nc\r\n", "a b|c|", FRAME_COMMAND, ACT_INLINE },
	{ "bare LF", "a b\nc\n", "a b|c|", FRAME_COMMAND, ACT_INLINE },
	{ "empty lines", "\r\n\n", "||", FRAME_COMMAND, ACT_INLINE },
	{ "CR in the middle", "a\rb\r\n", "a\rb|", FRAME_COMMAND, ACT_INLINE },
	{ "only one CR goes", "a\r\r\n", "a\r|", FRAME_COMMAND, ACT_INLINE },
	{ "literal", "a {3}\r\nx\r\n y\r\n", "La {3}\r\nx\r\n y|",
	    FRAME_COMMAND, ACT_INLINE },
	{ "literal after LF", "a {3}\nxyz\n", "La {3}\r\nxyz|", FRAME_COMMAND,
	    ACT_INLINE },
	{ "non-sync, literal8", "a ~{2+}\r\nxy\r\n", "La ~{2}\r\nxy|",
	    FRAME_COMMAND, ACT_INLINE },
	{ "empty literal", "a {0}\r\n b\r\n", "La {0}\r\n b|", FRAME_COMMAND,
	    ACT_INLINE },
	{ "content looks like one", "a {3}\r\n{1}\r\nb\r\n", "La {3}\r\n{1}|b|",
	    FRAME_COMMAND, ACT_INLINE },
	{ "content and line make one", "a {2}\r\n{1}\r\nb\r\n",
	    "La {2}\r\n{1}|b|", FRAME_COMMAND, ACT_INLINE },
	{ "content ends in CR", "a {1}\r\n\r\nb\n", "La {1}\r\n\r|b|",
	    FRAME_COMMAND, ACT_INLINE },
	{ "content ends in tilde", "a {1}\r\n~{1}\r\nx\r\n",
	    "LLa {1}\r\n~{1}\r\nx|", FRAME_COMMAND, ACT_INLINE },
	{ "no digits", "a {}\r\n", "a {}|", FRAME_COMMAND, ACT_INLINE },
	{ "only a plus", "a {+}\r\n", "a {+}|", FRAME_COMMAND, ACT_INLINE },
	{ "not a number", "a {1x}\r\n", "a {1x}|", FRAME_COMMAND, ACT_INLINE },
	{ "space behind", "a {1} \r\n", "a {1} |", FRAME_COMMAND, ACT_INLINE },
	{ "NUL", "a \1b {1+}\r\nx\r\nc\r\n", "Nc|", FRAME_COMMAND, ACT_INLINE },
	{ "NUL in a literal", "a {1}\r\n\1\r\n", "La {1}\r\n\1|", FRAME_COMMAND,
	    ACT_INLINE },
	{ "refused sync", "a {3}\r\nb\r\n", "Lb|", FRAME_COMMAND, ACT_REFUSE },
	{ "refused non-sync", "a {3+}\r\nx\ny {1+}\r\nz\r\nb\r\n", "Lb|",
	    FRAME_COMMAND, ACT_REFUSE },
	{ "refused empty", "a {0+}\r\n rest\r\nb\r\n", "Lb|", FRAME_COMMAND,
	    ACT_REFUSE },
	{ "line too long", "a 345678901234567890123456789012345678901\r\nb\r\n",
	    "Tb|", FRAME_COMMAND, ACT_INLINE },
	{ "line at the limit",
	    "a 34567890123456789012345678901234567890\nb\r\n", "Tb|",
	    FRAME_COMMAND, ACT_INLINE },
	{ "line below", "a 3456789012345678901234567890123456789\nb\r\n",
	    "a 3456789012345678901234567890123456789|b|", FRAME_COMMAND,
	    ACT_INLINE },
	{ "too long with non-sync",
	    "a 34567890123456789012345678901234567890123 {3+}\r\n\n\n\n "
	    "rest\r\n"
	    "b\r\n",
	    "Tb|", FRAME_COMMAND, ACT_INLINE },
	{ "too long with sync",
	    "a 34567890123456789012345678901234567890123 {3}\r\nb\r\n", "Tb|",
	    FRAME_COMMAND, ACT_INLINE },
	{ "announcement over the limit",
	    "a 345678901234567890123456789012345 {12+}\r\n123456789\n12\r\n"
	    "b\r\n",
	    "Tb|", FRAME_COMMAND, ACT_INLINE },
	{ "lines together too long",
	    "a 3456789012345678 {1}\r\nx 0123456789012345\r\nb\r\n", "LTb|",
	    FRAME_COMMAND, ACT_INLINE },
	{ "reply literal", "* 1 FETCH (X {2}\r\nab)\r\n",
	    "L* 1 FETCH (X {2}\r\nab)|", FRAME_REPLY, ACT_INLINE },
	{ "text for people", "* OK hello {5}\r\n+ {5}\r\na1 NO {1}\r\n",
	    "* OK hello {5}|+ {5}|a1 NO {1}|", FRAME_REPLY, ACT_INLINE },
	{ "literal in a code", "a NO [BADCHARSET ({3}\r\nfoo)] x\r\n",
	    "La NO [BADCHARSET ({3}\r\nfoo)] x|", FRAME_REPLY, ACT_INLINE },
	{ "refused reply", "* 1 FETCH (X {2}\r\nab)\r\n* 2 X\r\n", "L* 2 X|",
	    FRAME_REPLY, ACT_REFUSE },
};

static void
step(struct frame *f, enum frame_result r, enum act act, struct buf *got)
{
	switch (r) {
	case FRAME_MORE:
		break;
	case FRAME_DONE:
		buf_put(got, frame_text(f));
		buf_put_byte(got, '|');
		break;
	case FRAME_LITERAL:
		buf_put_byte(got, 'L');
		if (act == ACT_REFUSE || !frame_inline(f))
			frame_refuse(f);
		break;
	case FRAME_TOO_LONG:
		buf_put_byte(got, 'T');
		break;
	case FRAME_NUL:
		buf_put_byte(got, 'N');
		break;
	}
}

static void
run(struct frame *f, struct view wire, size_t piece, enum act act,
    struct buf *got)
{
	for (size_t at = 0; at < wire.n; at += piece) {
		struct view in = view_sub(wire, at, piece);

		while (in.n > 0)
			step(f, frame_feed(f, &in), act, got);
	}
}

static void
test_cases(void)
{
	AUTO_BUF struct buf got, wire;

	buf_init(&got, 4096);
	buf_init(&wire, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool nul = strncmp(cases[i].name, "NUL", 3) == 0;
		struct view want = view_str(cases[i].want);

		buf_clear(&wire);
		buf_put_str(&wire, cases[i].in);
		for (size_t j = 0; nul && j < wire.n; j++)
			if (wire.p[j] == 1)
				wire.p[j] = 0;
		for (size_t piece = 1; piece <= wire.n; piece++) {
			struct frame f;

			frame_init(&f, cases[i].role, 40, 10);
			buf_clear(&got);
			run(&f, buf_view(&wire), piece, cases[i].act, &got);
			for (size_t j = 0; nul && j < got.n; j++)
				if (got.p[j] == 0)
					got.p[j] = 1;
			if (piece == 1 || !view_eq(buf_view(&got), want))
				tap_ok(view_eq(buf_view(&got), want),
				    "%s, pieces of %zu: got %s", cases[i].name,
				    piece, dump_safe(buf_view(&got)));
			frame_fini(&f);
		}
	}
}

static void
test_literal_limit(void)
{
	struct view in = VIEW_LIT("a {10}\r\n0123456789 {1}\r\n");
	struct frame f;

	frame_init(&f, FRAME_COMMAND, 100, 10);
	tap_ok(frame_feed(&f, &in) == FRAME_LITERAL && f.literal.size == 10 &&
		f.literal.sync && !f.literal.literal8 && frame_inline(&f),
	    "literals at the limit");
	tap_ok(frame_feed(&f, &in) == FRAME_LITERAL && !frame_inline(&f),
	    "one octet more is refused");
	frame_refuse(&f);
	tap_ok(frame_idle(&f), "then a command may begin");
	frame_fini(&f);
}

static void
test_huge(void)
{
	struct view in = VIEW_LIT(
	    "a {18446744073709551615}\r\na {99999999999999999999999+}\r\nabc");
	struct frame f;

	frame_init(&f, FRAME_COMMAND, 100, 10);
	tap_ok(frame_feed(&f, &in) == FRAME_LITERAL &&
		f.literal.size == UINT64_MAX,
	    "largest size");
	frame_refuse(&f);
	tap_ok(frame_feed(&f, &in) == FRAME_LITERAL &&
		f.literal.size == UINT64_MAX && !f.literal.sync,
	    "size beyond any number");
	frame_refuse(&f);
	tap_ok(frame_feed(&f, &in) == FRAME_MORE && frame_dropped(&f) == 3,
	    "what follows is swallowed");
	frame_fini(&f);
}

/* Swallowing needs no memory, however much it is. */
static void
test_constant_memory(void)
{
	static const uint8_t junk[4096] = { [0 ... 4095] = 'x' };
	struct view end = VIEW_LIT("\r\n");
	struct frame f;
	size_t cap = 0;

	frame_init(&f, FRAME_COMMAND, LIMITS_LINE_PRELOGIN, 10);
	for (size_t i = 0; i < 1000; i++) {
		struct view in = { junk, sizeof(junk) };

		(void)!frame_feed(&f, &in);
		if (f.text.cap > cap)
			cap = f.text.cap;
	}
	tap_ok(cap <= 2 * LIMITS_LINE_PRELOGIN, "at most %zu bytes held", cap);
	tap_ok(frame_dropped(&f) == 1000 * sizeof(junk) - LIMITS_LINE_PRELOGIN,
	    "the rest is counted");
	tap_ok(frame_feed(&f, &end) == FRAME_TOO_LONG, "too long");
	tap_ok(
	    frame_text(&f).n == LIMITS_LINE_PRELOGIN, "its beginning is kept");
	frame_fini(&f);
}

static void
test_line(void)
{
	struct view in = VIEW_LIT("a IDLE\r\nDONE {3}\r\nb NOOP\r\n");
	struct frame f;

	frame_init(&f, FRAME_COMMAND, 20, 10);
	tap_ok(frame_feed(&f, &in) == FRAME_DONE, "command before");
	tap_ok(frame_line(&f, &in) == FRAME_DONE &&
		view_eq(frame_text(&f), VIEW_LIT("DONE {3}")),
	    "a line has no literals");
	tap_ok(frame_feed(&f, &in) == FRAME_DONE && in.n == 0, "command after");
	in = VIEW_LIT("0123456789012345678901234567890 {3+}\r\nb NOOP\r\n");
	tap_ok(frame_line(&f, &in) == FRAME_TOO_LONG, "a line too long");
	tap_ok(frame_feed(&f, &in) == FRAME_DONE && in.n == 0, "and after it");
	frame_fini(&f);
}

/* STARTTLS: what was sent behind it is not taken. */
static void
test_reset(void)
{
	struct view in = VIEW_LIT("a STARTTLS\r\nb LOGIN x y\r\n");
	struct frame f;

	frame_init(&f, FRAME_COMMAND, 20, 10);
	tap_ok(frame_feed(&f, &in) == FRAME_DONE &&
		view_eq(in, VIEW_LIT("b LOGIN x y\r\n")),
	    "stops behind the command");
	in.n = 5;
	(void)!frame_feed(&f, &in);
	tap_ok(!frame_idle(&f), "half a command");
	frame_reset(&f);
	tap_ok(frame_idle(&f) && frame_text(&f).n == 0, "forgotten");
	frame_fini(&f);
}

static void
test_is_message(void)
{
	static const struct {
		const char *text;
		bool want;
	} all[] = {
		{ "a APPEND ", false },
		{ "a APPEND x ", true },
		{ "a append \"x \\\" y\" (\\Seen) ", true },
		{ "a APPEND \"x ", false },
		{ "a APPEND {3}\r\nx y ", true },
		{ "a APPEND {3}\r\nx y", false },
		{ "a APPEND {3}\r\nx ", false },
		{ "a APPEND x CATENATE (URL ", false },
		{ "a APPEND x CATENATE (TEXT ", true },
		{ "a APPEND x UTF8 (", true },
		{ "a REPLACE 4 ", false },
		{ "a UID REPLACE 4 x ", true },
		{ "a SEARCH x ", false },
		{ "a", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		tap_ok(frame_is_message(view_str(all[i].text)) == all[i].want,
		    "message at %s", dump_safe(view_str(all[i].text)));
}

static void
test_tag(void)
{
	static const struct {
		const char *text, *want;
	} all[] = {
		{ "a1 NOOP", "a1" },
		{ "a1 ", "a1" },
		{ "a1", "" },
		{ "", "" },
		{ " NOOP", "" },
		{ "A.b-7] x", "A.b-7]" },
		{ "a+ NOOP", "" },
		{ "a( NOOP", "" },
		{ "a\"b NOOP", "" },
		{ "a\\b NOOP", "" },
		{ "a* NOOP", "" },
		{ "a%b NOOP", "" },
		{ "a\x01 NOOP", "" },
		{ "a\xe4 NOOP", "" },
		{ "a\tNOOP", "" },
	};
	uint8_t longest[LIMITS_TAG + 2];
	struct view v = { longest, LIMITS_TAG + 1 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		tap_ok(view_eq(frame_tag(view_str(all[i].text)),
			   view_str(all[i].want)),
		    "tag of %s", dump_safe(view_str(all[i].text)));
	memset(longest, 'a', sizeof(longest));
	longest[LIMITS_TAG] = ' ';
	tap_ok(frame_tag(v).n == LIMITS_TAG, "the longest tag");
	longest[LIMITS_TAG] = 'a';
	longest[LIMITS_TAG + 1] = ' ';
	v.n++;
	tap_ok(frame_tag(v).n == 0, "one byte longer is none");
}

static void
test_mark(void)
{
	struct view in = VIEW_LIT("a {4294967296}\r\n");
	struct frame_mark m;
	struct frame f;
	struct view text;

	frame_init(&f, FRAME_COMMAND, 20, 10);
	tap_ok(frame_feed(&f, &in) == FRAME_LITERAL &&
		frame_external(&f, UINT32_MAX),
	    "external");
	text = frame_text(&f);
	view_skip(&text, 2);
	tap_ok(text.n == FRAME_MARK && frame_take_mark(&text, &m) &&
		text.n == 0 && m.handle == UINT32_MAX &&
		m.size == 4294967296u && !m.literal8,
	    "mark comes back");
	frame_refuse(&f);
	tap_ok(frame_idle(&f), "refused after a look at it");
	frame_fini(&f);
}

int
main(void)
{
	test_cases();
	test_literal_limit();
	test_huge();
	test_constant_memory();
	test_line();
	test_reset();
	test_is_message();
	test_tag();
	test_mark();
	return tap_done();
}
