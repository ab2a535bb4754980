#include "session/managesieve_command.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tap.h"

static struct view
v(const char *s)
{
	return view_str(s);
}

/* The commands of text, fed in pieces of n bytes, in brackets; "L" and "S" for
 * those that were too long or too large, "F" for a flood. */
static const char *
cut(struct view text, size_t n)
{
	static char out[8192];
	struct managesieve_frame f;
	size_t at = 0;

	managesieve_frame_init(&f);
	out[0] = '\0';
	while (text.n > 0) {
		struct view piece = view_sub(text, 0, n), c;
		enum managesieve_cut r;

		view_skip(&text, piece.n);
		while ((r = managesieve_feed(&f, &piece)) != MANAGESIEVE_MORE) {
			static const char marks[] = "..LSF";

			c = managesieve_text(&f);
			at += (size_t)(r == MANAGESIEVE_DONE
				? snprintf(out + at, sizeof(out) - at, "[%.*s]",
				      (int)c.n, (const char *)c.p)
				: snprintf(out + at, sizeof(out) - at, "%c",
				      marks[r]));
			if (r == MANAGESIEVE_FLOOD)
				piece.n = text.n = 0;
		}
	}
	if (!managesieve_idle(&f) && strchr(out, 'F') == NULL)
		snprintf(out + at, sizeof(out) - at, "…");
	managesieve_frame_fini(&f);
	return out;
}

static void
test_cut(void)
{
	static const struct {
		const char *name, *text, *want;
	} t[] = {
		{ "lines", "a\r\nb\n\r\n", "[a][b][]" },
		{ "a literal", "a {3+}\r\nx\ny b\r\nc\r\n",
		    "[a {3+}\r\nx\ny b][c]" },
		{ "two", "a {1+}\r\nx {0+}\r\n\r\nc\r\n",
		    "[a {1+}\r\nx {0+}\r\n][c]" },
		{ "one that announces another", "a {4+}\r\n{1+}\r\nb\r\n",
		    "[a {4+}\r\n{1+}][b]" },
		{ "without plus", "a {3}\r\nx\r\n", "[a {3}][x]" },
		{ "no number", "a {+}\r\nx\r\n", "[a {+}][x]" },
		{ "in quotes", "a \"{3+}\"\r\nx\r\n", "[a \"{3+}\"][x]" },
		{ "past 32 bits", "a {4294967296+}\r\nx\r\n",
		    "[a {4294967296+}][x]" },
		{ "a flood", "a {4294967295+}\r\nx\r\n", "F" },
		{ "not whole", "a {3+}\r\nx", "…" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		bool same = true;

		for (size_t n = 1; n <= 40; n++)
			same &= strcmp(cut(v(t[i].text), n), t[i].want) == 0;
		tap_ok(same, "cut: %s", t[i].name);
		if (!same)
			fprintf(stderr, "got %s, want %s\n",
			    cut(v(t[i].text), 40), t[i].want);
	}
}

/* A command with a literal of n octets, or a line of n bytes. */
static char
cut_large(const char *before, size_t n, const char *after)
{
	struct managesieve_frame f;
	AUTO_FREE uint8_t *fill = xmalloc(n);
	struct view in = v(before), more = v("next\r\n");
	enum managesieve_cut r;
	char mark = '?';

	memset(fill, 'x', n);
	managesieve_frame_init(&f);
	r = managesieve_feed(&f, &in);
	in = (struct view){ fill, n };
	if (r == MANAGESIEVE_MORE)
		r = managesieve_feed(&f, &in);
	in = v(after);
	if (r == MANAGESIEVE_MORE)
		r = managesieve_feed(&f, &in);
	mark = "mdlsf"[r];
	/* what comes behind is a command again */
	if (managesieve_feed(&f, &more) != MANAGESIEVE_DONE ||
	    !view_eq(managesieve_text(&f), v("next")))
		mark = '!';
	managesieve_frame_fini(&f);
	return mark;
}

static void
test_limits(void)
{
	char announced[64];

	tap_ok(cut_large("", MANAGESIEVE_LINE - 2, "\r\n") == 'd' &&
		cut_large("", MANAGESIEVE_LINE - 1, "\r\n") == 'l' &&
		cut_large("", 100000, " {5+}\r\nabcde\r\n") == 'l',
	    "limit: a line");
	snprintf(
	    announced, sizeof(announced), "a {%d+}\r\n", MANAGESIEVE_LITERALS);
	tap_ok(cut_large(announced, MANAGESIEVE_LITERALS, "\r\n") == 'd',
	    "limit: a literal");
	snprintf(announced, sizeof(announced), "a {%d+}\r\n",
	    MANAGESIEVE_LITERALS + 1);
	tap_ok(cut_large(announced, MANAGESIEVE_LITERALS + 1, "\r\n") == 's',
	    "limit: one past");
}

static void
test_parse(void)
{
	static const struct {
		const char *text;
		enum managesieve_result want;
		enum managesieve_verb verb;
		const char *one, *two;
	} t[] = {
		{ "NOOP", MANAGESIEVE_OK, MANAGESIEVE_NOOP, NULL, NULL },
		{ "noop \"x\"", MANAGESIEVE_OK, MANAGESIEVE_NOOP, "x", NULL },
		{ "NOOP  ", MANAGESIEVE_OK, MANAGESIEVE_NOOP, NULL, NULL },
		{ "GETSCRIPT \"\"", MANAGESIEVE_OK, MANAGESIEVE_GETSCRIPT, "",
		    NULL },
		{ "PUTSCRIPT \"a\\\"\\\\b\" {3+}\r\nx\"y", MANAGESIEVE_OK,
		    MANAGESIEVE_PUTSCRIPT, "a\"\\b", "x\"y" },
		{ "PUTSCRIPT {1+}\nx {0+}\r\n", MANAGESIEVE_OK,
		    MANAGESIEVE_PUTSCRIPT, "x", "" },
		{ "HAVESPACE \"a\" 0", MANAGESIEVE_OK, MANAGESIEVE_HAVESPACE,
		    "a", NULL },
		{ "RENAMESCRIPT \"a\" \"b\"", MANAGESIEVE_OK,
		    MANAGESIEVE_RENAMESCRIPT, "a", "b" },
		{ "AUTHENTICATE anything at all", MANAGESIEVE_OK,
		    MANAGESIEVE_AUTHENTICATE, NULL, NULL },
		{ "HAVESPACE \"a\" 00", MANAGESIEVE_ARGUMENTS,
		    MANAGESIEVE_HAVESPACE, NULL, NULL },
		{ "HAVESPACE \"a\" \"1\"", MANAGESIEVE_ARGUMENTS,
		    MANAGESIEVE_HAVESPACE, NULL, NULL },
		{ "GETSCRIPT", MANAGESIEVE_ARGUMENTS, MANAGESIEVE_GETSCRIPT,
		    NULL, NULL },
		{ "GETSCRIPT \"a", MANAGESIEVE_ARGUMENTS, MANAGESIEVE_GETSCRIPT,
		    NULL, NULL },
		{ "GETSCRIPT \"a\\", MANAGESIEVE_ARGUMENTS,
		    MANAGESIEVE_GETSCRIPT, NULL, NULL },
		{ "GETSCRIPT \"a\"b", MANAGESIEVE_ARGUMENTS,
		    MANAGESIEVE_GETSCRIPT, NULL, NULL },
		{ "GETSCRIPT {2+}\r\na", MANAGESIEVE_ARGUMENTS,
		    MANAGESIEVE_GETSCRIPT, NULL, NULL },
		{ "FOO", MANAGESIEVE_UNKNOWN, MANAGESIEVE_NOOP, NULL, NULL },
		{ "", MANAGESIEVE_UNKNOWN, MANAGESIEVE_NOOP, NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		AUTO_ARENA struct arena *a = arena_new(8192);
		struct managesieve_command c;
		enum managesieve_result r =
		    managesieve_parse(v(t[i].text), a, &c);
		bool good = r == t[i].want && c.verb == t[i].verb;

		if (r == MANAGESIEVE_OK && t[i].one != NULL)
			good &=
			    c.strings >= 1 && view_eq(c.string[0], v(t[i].one));
		if (r == MANAGESIEVE_OK && t[i].two != NULL)
			good &=
			    c.strings == 2 && view_eq(c.string[1], v(t[i].two));
		tap_ok(good, "parse: %zu", i);
	}
}

static void
test_put(void)
{
	static const struct {
		const char *in, *want;
	} t[] = {
		{ "", "\"\"" },
		{ "a b", "\"a b\"" },
		{ "a\"b\\", "\"a\\\"b\\\\\"" },
		{ "a\r\nb", "{4}\r\na\r\nb" },
		{ "\xff", "{1}\r\n\xff" },
		{ "é", "\"é\"" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT(100);

		managesieve_put_string(&b, v(t[i].in));
		tap_ok(view_eq(buf_view(&b), v(t[i].want)), "put: %zu", i);
	}
}

int
main(void)
{
	test_cut();
	test_limits();
	test_parse();
	test_put();
	return tap_done();
}
