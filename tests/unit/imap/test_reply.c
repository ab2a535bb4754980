#include "imap/reply.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump.h"
#include "imap/frame.h"
#include "imap/limits.h"
#include "tap.h"

static void
dump_reply(struct buf *b, const struct reply *r)
{
	static const char *const conditions[] = { "OK", "NO", "BAD", "BYE",
		"PREAUTH" };

	buf_clear(b);
	switch (r->kind) {
	case REPLY_CONTINUE:
		buf_put_str(b, "+");
		break;
	case REPLY_STATUS:
		buf_put(b, r->tag.n > 0 ? r->tag : VIEW_LIT("*"));
		buf_printf(b, " %s", conditions[r->condition]);
		if (r->code.n > 0) {
			buf_put_byte(b, '[');
			buf_put(b, r->code);
			dump_value(b, &r->code_args);
			buf_put_byte(b, ']');
		}
		break;
	case REPLY_DATA:
		if (r->has_number)
			buf_printf(b, "%u ", r->number);
		buf_put(b, r->name);
		for (size_t i = 0; i < r->n_numbers; i++)
			buf_printf(
			    b, "%c%u", i == 0 ? ' ' : ',', r->numbers[i]);
		dump_value(b, &r->args);
		return;
	}
	dump_text(b, r->text);
}

static const struct {
	const char *in, *want;
} good[] = {
	{ "* OK [UIDNEXT 4392] Predicted", "* OK[UIDNEXT(4392)]<Predicted>" },
	{ "* ok", "* OK<>" },
	{ "* OK  [ALERT]", "* OK[ALERT()]<>" },
	{ "* OK [no code", "* OK<[no code>" },
	{ "* OK [] x", "* OK<[] x>" },
	{ "* OK [PERMANENTFLAGS (\\Answered \\*)] Limited",
	    "* OK[PERMANENTFLAGS((\\Answered \\*))]<Limited>" },
	{ "* OK [CAPABILITY IMAP4rev1 X[] ] hi",
	    "* OK[CAPABILITY(IMAP4rev1 X[)]<] hi>" },
	{ "a1 NO [BADCHARSET (\"x\" {3}\r\na]b)] no",
	    "a1 NO[BADCHARSET((<x> <a]b>))]<no>" },
	{ "a1 BAD what {5}", "a1 BAD<what {5}>" },
	{ "* BYE", "* BYE<>" },
	{ "* PREAUTH hello", "* PREAUTH<hello>" },
	{ "+ idling", "+<idling>" },
	{ "+", "+<>" },
	{ "+idling", "+<idling>" },
	{ "* 23 EXISTS", "23 EXISTS()" },
	{ "* 23  exists ", "23 exists()" },
	{ "* SEARCH", "SEARCH()" },
	{ "* SEARCH 2 3  6 ", "SEARCH 2,3,6()" },
	{ "* SEARCH 2 5 (MODSEQ 917)", "SEARCH 2,5((MODSEQ 917))" },
	{ "* ESEARCH (TAG \"x\") UID ALL 1:2,5",
	    "ESEARCH((TAG <x>) UID ALL 1:2,5)" },
	{ "* LIST (\\Noselect) \"/\" ~/Mail/foo",
	    "LIST((\\Noselect) </> ~/Mail/foo)" },
	{ "* LIST () NIL \"a\\\\\\\"b\"", "LIST(() NIL <a\\\"b>)" },
	{ "* LIST () \"/\" {3}\r\nx\"y (\"CHILDINFO\" (\"SUBSCRIBED\"))",
	    "LIST(() </> <x\"y> (<CHILDINFO> (<SUBSCRIBED>)))" },
	{ "* LIST () \"/\" [Gmail]/All{x}", "LIST(() </> [Gmail]/All{x})" },
	{ "* LIST () \"/\" a[b", "LIST(() </> a[b)" },
	{ "* LIST () \"/\" \303\244", "LIST(() </> \303\244)" },
	{ "* LIST (\\Marked)\"/\"INBOX", "LIST((\\Marked) </> INBOX)" },
	{ "* 12 FETCH (BODY[HEADER.FIELDS (DATE \"a]\")]<0> {4}\r\na\r\n) "
	  "UID 4)",
	    "12 FETCH((BODY[HEADER.FIELDS (DATE \"a]\")]<0> <a\r\n)> UID 4))" },
	{ "* 1 FETCH (BINARY[1] ~{2}\r\n\1x FLAGS())",
	    "1 FETCH((BINARY[1] ~<\1x> FLAGS ()))" },
	{ "* 1 FETCH (BODY (\"text\" NIL)(\"a\" 1))",
	    "1 FETCH((BODY (<text> NIL) (<a> 1)))" },
	{ "* THREAD (2)(3 6 (4 23)(44 7 96))",
	    "THREAD((2) (3 6 (4 23) (44 7 96)))" },
	{ "* LIST () \"\\/\" a*%\\b]", "LIST(() </> a*%\\b])" },
	{ "* FLAGS (\\Answered $x)", "FLAGS((\\Answered $x))" },
	{ "* METADATA \"\" (/shared/a \"b\" /private/c {3}\r\nd\r\n)",
	    "METADATA(<> (/shared/a <b> /private/c <d\r\n>))" },
	{ "* METADATA INBOX (/shared/a NIL /b ~{1}\r\nx)",
	    "METADATA(INBOX (/shared/a NIL /b ~<x>))" },
	{ "* METADATA \"INBOX\" /shared/comment /private/comment",
	    "METADATA(<INBOX> /shared/comment /private/comment)" },
	{ "a OK [METADATA LONGENTRIES 2199] done",
	    "a OK[METADATA(LONGENTRIES 2199)]<done>" },
	{ "a NO [METADATA TOOMANY] no", "a NO[METADATA(TOOMANY)]<no>" },
	{ "* NAMESPACE ((\"\" \"/\")) NIL NIL",
	    "NAMESPACE(((<> </>)) NIL NIL)" },
};

static const char *const malformed[] = { "", " ", "*", "* ", "* 12", "a1",
	"a1 FOO", "* LIST (", "* LIST )", "* LIST \"x", "* LIST {5}\r\nabc",
	"* 1 FETCH (A {3)" };

static enum reply_result
parse(struct view text, struct buf *dump)
{
	AUTO_ARENA struct arena *a = arena_new(64 << 20);
	struct reply out;
	struct why w;
	enum reply_result r = reply_parse(text, a, &out, &w);

	if (r == REPLY_PARSED)
		dump_reply(dump, &out);
	return r;
}

static void
test_tables(void)
{
	AUTO_BUF struct buf dump;

	buf_init(&dump, 1 << 20);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct view in = view_str(good[i].in);
		enum reply_result r = parse(in, &dump);

		tap_ok(r == REPLY_PARSED &&
			view_eq(buf_view(&dump), view_str(good[i].want)),
		    "%zu: result %d, got %s", i, r, dump_safe(buf_view(&dump)));
		for (size_t n = 0; n < in.n; n++)
			(void)parse(view_sub(in, 0, n), &dump);
	}
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		tap_ok(parse(view_str(malformed[i]), &dump) == REPLY_MALFORMED,
		    "malformed: %s", dump_safe(view_str(malformed[i])));
}

static enum reply_result
repeat(const char *head, const char *unit, size_t n)
{
	AUTO_BUF struct buf b, dump;

	buf_init(&b, 8 << 20);
	buf_init(&dump, 8 << 20);
	buf_put_str(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_put_str(&b, unit);
	return parse(buf_view(&b), &dump);
}

static void
test_limits(void)
{
	tap_ok(repeat("* X ", "(", LIMITS_REPLY_DEPTH) == REPLY_MALFORMED,
	    "lists at the limit are only not closed");
	tap_ok(repeat("* X ", "(", LIMITS_REPLY_DEPTH + 1) == REPLY_LIMIT,
	    "one more is the limit");
	tap_ok(repeat("* X", " a", LIMITS_REPLY_VALUES) == REPLY_PARSED,
	    "values at the limit");
	tap_ok(repeat("* X", " a", LIMITS_REPLY_VALUES + 1) == REPLY_LIMIT,
	    "one value more");
	tap_ok(repeat("* SEARCH", " 7", 1000000) == REPLY_PARSED,
	    "a million numbers are no values");
	tap_ok(repeat("* X ", "[", 1000000) == REPLY_PARSED,
	    "a million brackets take one scan");
	tap_ok(repeat("* X", " a[", LIMITS_REPLY_VALUES) == REPLY_PARSED,
	    "so do those of many atoms");
}

static void
test_getters(void)
{
	AUTO_ARENA struct arena *a = arena_new(65536);
	const struct value *v;
	struct reply r;
	struct view text;
	struct why w;
	uint64_t n;

	tap_ok(reply_parse(VIEW_LIT("* 1 FETCH (uid 7 BODY[] NIL X (1))"), a,
		   &r, &w) == REPLY_PARSED,
	    "parse");
	v = reply_find(value_item(&r.args, 0), VIEW_LIT("UID"));
	tap_ok(v != NULL && value_number(v, UINT32_MAX, &n) && n == 7, "UID");
	tap_ok(!value_number(v, 6, &n), "number too large");
	v = reply_find(value_item(&r.args, 0), VIEW_LIT("body[]"));
	tap_ok(v != NULL && value_nstring(v, &text) && text.p == NULL, "NIL");
	v = reply_find(value_item(&r.args, 0), VIEW_LIT("X"));
	tap_ok(v != NULL && v->n == 1 && !value_astring(v, &text) &&
		!value_nstring(v, &text) && value_item(v, 1) == NULL,
	    "list");
	tap_ok(value_is_atom(value_item(v, 0), VIEW_LIT("1")), "atom");
	tap_ok(reply_find(value_item(&r.args, 0), VIEW_LIT("Y")) == NULL,
	    "not there");
}

/* A file of what a server said. Replies that came out, -1 if one could not be
 * read. */
static int
swallow(struct view all, size_t piece)
{
	AUTO_BUF struct buf dump;
	struct frame f;
	int n = 0;

	buf_init(&dump, 1 << 24);
	frame_init(&f, FRAME_REPLY, LIMITS_REPLY_LINE, LIMITS_REPLY_LITERAL);
	for (size_t at = 0; n >= 0 && at < all.n; at += piece) {
		struct view in = view_sub(all, at, piece);

		while (n >= 0 && in.n > 0) {
			switch (frame_feed(&f, &in)) {
			case FRAME_MORE:
				break;
			case FRAME_LITERAL:
				if (!frame_inline(&f))
					n = -1;
				break;
			case FRAME_DONE:
				n = parse(frame_text(&f), &dump) == REPLY_PARSED
				    ? n + 1
				    : -1;
				break;
			case FRAME_TOO_LONG:
			case FRAME_NUL:
				n = -1;
				break;
			}
		}
	}
	if (n > 0 && !frame_idle(&f))
		n = -2;
	frame_fini(&f);
	return n;
}

/* The files are kept with LF; their literals are counted with CRLF. */
static void
put_crlf(struct buf *b, struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\n' && (i == 0 || v.p[i - 1] != '\r'))
			buf_put_byte(b, '\r');
		buf_put_byte(b, v.p[i]);
	}
}

static void
test_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	struct buf b, wire;
	int once, bytes;

	buf_init(&b, 1 << 24);
	buf_init(&wire, 1 << 24);
	if (fd == -1 || fstat(fd, &st) == -1 ||
	    buf_reserve(&b, (size_t)st.st_size) == NULL ||
	    read(fd, b.p, (size_t)st.st_size) != st.st_size) {
		tap_ok(0, "read %s", name);
	} else {
		b.n = (size_t)st.st_size;
		put_crlf(&wire, buf_view(&b));
		once = swallow(buf_view(&wire), wire.n);
		bytes = swallow(buf_view(&wire), 1);
		tap_ok(once > 0 && bytes == once, "%s: %d replies", name, once);
	}
	buf_fini(&b);
	buf_fini(&wire);
	if (fd != -1)
		(void)close(fd);
}

/* All *.txt below the folder. */
static void
test_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	tap_ok(d != NULL, "open folder %s", name);
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		size_t n = strlen(e->d_name);

		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			test_folder(fd, e->d_name);
		else if (n > 4 && strcmp(e->d_name + n - 4, ".txt") == 0)
			test_file(fd, e->d_name);
	}
	if (d != NULL)
		(void)closedir(d);
}

int
main(int argc, char **argv)
{
	test_tables();
	test_limits();
	test_getters();
	if (argc > 1)
		test_folder(AT_FDCWD, argv[1]);
	return tap_done();
}
