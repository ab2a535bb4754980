#include "cli/dotqmail.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tap.h"

static const char *const kinds[] = { "program", "forward", "mbox", "maildir",
	"fumi", "list" };

/* All instructions as "kind:text kind:text ... END". */
static void
walk(struct view file, struct buf *out)
{
	static const char *const ends[] = { "ok", "END", "BLANK", "UNKNOWN",
		"LIMIT" };
	struct dotqmail q = { .file = file };
	struct dotqmail_line l;
	enum dotqmail_result r;

	while ((r = dotqmail_next(&q, &l)) == DOTQMAIL_OK) {
		buf_printf(out, "%s:", kinds[l.kind]);
		buf_put(out, l.text);
		buf_put_byte(out, ' ');
	}
	buf_printf(out, "%s %u", ends[r], q.line);
}

static void
test_lines(void)
{
	static const struct {
		const char *name, *file, *want;
	} cases[] = {
		{ "figure 5",
		    "./Maildir/\n|/home/sengoku/bin/cmail-filter "
		    "090xxxxxxxx@cmail.ido.ne.jp\n",
		    "maildir:./Maildir/ program:/home/sengoku/bin/cmail-filter "
		    "090xxxxxxxx@cmail.ido.ne.jp END 2" },
		{ "empty file", "", "END 0" },
		{ "first line blank", "\n./Mailbox\n", "BLANK 1" },
		{ "first line of spaces", " \t \n./Mailbox\n", "BLANK 1" },
		{ "first line a comment", "#\n\n./Mailbox\n",
		    "mbox:./Mailbox END 3" },
		{ "no LF at the end", "./Mailbox", "mbox:./Mailbox END 1" },
		{ "spaces at the end", "./Mailbox \t \n",
		    "mbox:./Mailbox END 1" },
		{ "absolute paths", "/m/box\n/m/dir/\n",
		    "mbox:/m/box maildir:/m/dir/ END 2" },
		{ "the root is a maildir's path", "/\n", "maildir:/ END 1" },
		{ "forwards", "&a@b.c\nme@x.y\n9@x.y\n",
		    "forward:a@b.c forward:me@x.y forward:9@x.y END 3" },
		{ "nothing behind the bar", "|\n", "UNKNOWN 1" },
		{ "nothing behind the ampersand", "#\n& \n", "UNKNOWN 2" },
		{ "fumi", "fumi:INBOX\nfumi:A/B c\n",
		    "fumi:INBOX fumi:A/B c END 2" },
		{ "fumi without a mailbox", "fumi:\n", "UNKNOWN 1" },
		{ "list", "+list\n&a@b.c\n", "list: forward:a@b.c END 2" },
		{ "unknown plus", "+lost\n", "UNKNOWN 1" },
		{ "leading space", "#\n ./Mailbox\n", "UNKNOWN 2" },
		{ "other octets", "!x\n", "UNKNOWN 1" },
		{ "CR is part of a line", "./Mailbox\r\n",
		    "mbox:./Mailbox\r END 1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT(4096);

		walk(view_str(cases[i].file), &b);
		tap_ok(view_eq(buf_view(&b), view_str(cases[i].want)),
		    "%s: got \"%.*s\", want \"%s\"", cases[i].name, (int)b.n,
		    (char *)b.p, cases[i].want);
	}
}

static enum dotqmail_result
end_of(struct view file, unsigned *taken)
{
	struct dotqmail q = { .file = file };
	struct dotqmail_line l;
	enum dotqmail_result r;

	while ((r = dotqmail_next(&q, &l)) == DOTQMAIL_OK)
		;
	*taken = q.taken;
	return r;
}

static void
test_limits(void)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * DOTQMAIL_FILE_MAX);
	unsigned taken;

	for (size_t i = 0; i < DOTQMAIL_LINE_MAX; i++)
		buf_put_byte(&b, 'a');
	tap_ok(end_of(buf_view(&b), &taken) == DOTQMAIL_END && taken == 1,
	    "the longest line");
	buf_put_byte(&b, 'a');
	tap_ok(end_of(buf_view(&b), &taken) == DOTQMAIL_LIMIT && taken == 0,
	    "one octet longer");
	buf_clear(&b);
	for (size_t i = 0; i < DOTQMAIL_LINES_MAX; i++)
		buf_put_str(&b, "a\n");
	tap_ok(end_of(buf_view(&b), &taken) == DOTQMAIL_END &&
		taken == DOTQMAIL_LINES_MAX,
	    "the most lines");
	buf_put_str(&b, "a\n");
	tap_ok(end_of(buf_view(&b), &taken) == DOTQMAIL_LIMIT, "one line more");
	buf_clear(&b);
	buf_put_str(&b, "#");
	while (b.n < DOTQMAIL_FILE_MAX)
		buf_put_byte(&b, '\n');
	tap_ok(
	    end_of(buf_view(&b), &taken) == DOTQMAIL_END, "the longest file");
	buf_put_byte(&b, '\n');
	tap_ok(
	    end_of(buf_view(&b), &taken) == DOTQMAIL_LIMIT, "one octet longer");
	tap_ok(end_of((struct view){ (const uint8_t *)"|a\0b", 4 }, &taken) ==
		DOTQMAIL_UNKNOWN,
	    "NUL");
}

/* Each prefix gives instructions that the whole begins with, or ends early. */
static void
test_prefixes(void)
{
	static const char file[] = "#c\n./Maildir/\n|prog x\n&a@b.c\nfumi:A\n";
	bool good = true;

	for (size_t n = 0; n < sizeof(file); n++) {
		unsigned taken;
		enum dotqmail_result r =
		    end_of((struct view){ (const uint8_t *)file, n }, &taken);

		good = good && taken <= 4 &&
		    (r == DOTQMAIL_END || r == DOTQMAIL_UNKNOWN);
	}
	tap_ok(good, "every prefix");
}

static void
test_names(void)
{
	static const struct {
		const char *dash, *ext, *want;
	} cases[] = {
		{ "", "", ".qmail/0" },
		{ "", "x", ".qmailx/1" },
		{ "-", "", ".qmail-/0 .qmail-default/0" },
		{ "-", "list-foo",
		    ".qmail-list-foo/8 .qmail-list-default/5 "
		    ".qmail-default/0" },
		{ "-", "A.b/../C", ".qmail-a:b::::c/8 .qmail-default/0" },
		{ "-", "a-",
		    ".qmail-a-/2 .qmail-a-default/2 .qmail-default/0" },
		{ "-", "-", ".qmail--/1 .qmail--default/1 .qmail-default/0" },
		{ "/", "x", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT(4096);
		char name[DOTQMAIL_NAME_MAX + 1];
		size_t at;

		for (unsigned k = 0; dotqmail_name(view_str(cases[i].dash),
			 view_str(cases[i].ext), k, name, &at);
		     k++)
			buf_printf(&b, "%s%s/%zu", k > 0 ? " " : "", name, at);
		tap_ok(view_eq(buf_view(&b), view_str(cases[i].want)),
		    "names of \"%s\" \"%s\": got %.*s, want %s", cases[i].dash,
		    cases[i].ext, (int)b.n, b.n > 0 ? (char *)b.p : "",
		    cases[i].want);
	}
}

/* A name that fits no file is passed over, and the shorter ones are not. */
static void
test_name_limit(void)
{
	enum { LONGEST = DOTQMAIL_NAME_MAX - sizeof(".qmail-") + 1 };
	uint8_t ext[LONGEST + 1];
	char name[DOTQMAIL_NAME_MAX + 1];
	size_t at;

	memset(ext, 'x', sizeof(ext));
	ext[4] = '-';
	tap_ok(dotqmail_name(VIEW_LIT("-"), (struct view){ ext, LONGEST }, 0,
		   name, &at) &&
		strlen(name) == DOTQMAIL_NAME_MAX,
	    "the longest extension");
	tap_ok(dotqmail_name(VIEW_LIT("-"), (struct view){ ext, sizeof(ext) },
		   0, name, &at) &&
		name[0] == '\0',
	    "one octet longer");
	tap_ok(dotqmail_name(VIEW_LIT("-"), (struct view){ ext, sizeof(ext) },
		   1, name, &at) &&
		strcmp(name, ".qmail-xxxx-default") == 0 && at == 5,
	    "its default");
	ext[1] = '\0';
	tap_ok(!dotqmail_name(
		   VIEW_LIT("-"), (struct view){ ext, 3 }, 0, name, &at),
	    "NUL in an extension");
}

int
main(void)
{
	test_lines();
	test_limits();
	test_prefixes();
	test_names();
	test_name_limit();
	return tap_done();
}
