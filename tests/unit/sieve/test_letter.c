/* Letters with other headers over one body, and runs that meet the limit of
 * memory. */
#include <stdlib.h>

#include "base/mem.h"
#include "show.h"
#include "sieve/letter.h"

#define BODY "\r\n--B\r\nContent-Type: text/plain\r\n\r\nHello\r\n--B--\r\n"
#define TOP "Content-Type: multipart/mixed; boundary=B\r\n"

/* A header at the end of room, so that it can grow in front. */
static struct view
at_end(uint8_t *room, size_t size, const char *text)
{
	struct view v = view_str(text);

	memcpy(room + size - v.n, v.p, v.n);
	return (struct view){ room + size - v.n, v.n };
}

static void
test_shared(struct arena *a)
{
	uint8_t room[200];
	struct letter *l = letter_new(VIEW_LIT("A: 1\r\n" TOP BODY), a);
	const struct mime_part *root = letter_mime(l);
	struct view first, second;
	struct letter *one, *two, *other;

	one = letter_with_header(
	    l, at_end(room, sizeof(room), "A: 2\r\n" TOP "\r\n"), a);
	tap_ok(letter_body(one).p == letter_body(l).p, "one body");
	tap_ok(letter_size(one) == letter_size(l), "size");
	tap_ok(letter_fields(one, VIEW_LIT("a")).n == 1 &&
		view_eq(
		    letter_text(one, letter_fields(one, VIEW_LIT("a")).v[0]),
		    VIEW_LIT("2")),
	    "its own fields");
	tap_ok(letter_mime(one) == root, "one MIME tree");
	tap_ok(view_eq(letter_part_header(one, root), letter_header(one)) &&
		view_eq(letter_part_header(one, root->child),
		    VIEW_LIT("Content-Type: text/plain\r\n\r\n")) &&
		view_eq(letter_part_text(one, root->child), VIEW_LIT("Hello")),
	    "what stands in the parts");
	first = letter_octets(one);
	tap_ok(view_eq(first, VIEW_LIT("A: 2\r\n" TOP BODY)), "in one piece");
	tap_ok(letter_octets(one).p == first.p, "only once");

	two = letter_with_header(
	    one, at_end(room, sizeof(room), "B: 3\r\nA: 2\r\n" TOP "\r\n"), a);
	second = letter_octets(two);
	tap_ok(second.p + 6 == first.p && second.n == first.n + 6 &&
		view_eq(view_sub(second, 0, 6), VIEW_LIT("B: 3\r\n")),
	    "with more in front it takes no copy");
	other =
	    letter_with_header(two, VIEW_LIT("B: 3\r\nA: 4\r\n" TOP "\r\n"), a);
	tap_ok(view_eq(letter_octets(other),
		   VIEW_LIT("B: 3\r\nA: 4\r\n" TOP BODY)) &&
		view_eq(second, VIEW_LIT("B: 3\r\nA: 2\r\n" TOP BODY)),
	    "another gets a copy of its own");
	tap_ok(letter_octets(l).n == letter_size(l) &&
		view_eq(letter_octets(l), VIEW_LIT("A: 1\r\n" TOP BODY)),
	    "the first is as it was");
}

static void
test_content(struct arena *a)
{
	struct letter *l = letter_new(VIEW_LIT("A: 1\r\n" TOP BODY), a), *plain;

	tap_ok(letter_mime(l)->kind == MIME_MULTIPART, "a multipart");
	plain = letter_with_header(l, VIEW_LIT("A: 1\r\n\r\n"), a);
	tap_ok(letter_mime(plain)->kind == MIME_LEAF &&
		view_eq(letter_part_body(plain, letter_mime(plain)),
		    letter_body(l)),
	    "without its Content-Type it is none");
	tap_ok(letter_mime(l)->kind == MIME_MULTIPART, "the first still is");
}

/* ---- runs ---- */

#define BIG ((size_t)50 << 20)

static void
fill(uint8_t *p)
{
	const struct view head = VIEW_LIT("Subject: big\r\nX: 1\r\n\r\n");

	memset(p, 'a', BIG);
	for (size_t i = 78; i < BIG; i += 80)
		memcpy(p + i, "\r\n", i + 2 <= BIG ? 2 : 1);
	memcpy(p, head.p, head.n);
}

static void
run(const char *name, const char *script, struct view message, const char *want)
{
	AUTO_BUF struct buf got = BUF_INIT(SHOW_MAX);
	struct sieve_env env = show_env(message);

	show_run(view_str(script), &env, &got);
	tap_ok(view_eq(buf_view(&got), view_str(want)), "%s", name);
	if (!view_eq(buf_view(&got), view_str(want)))
		printf("# got %.*s\n", (int)got.n,
		    got.n > 0 ? (const char *)got.p : "");
}

static void
test_big(void)
{
	uint8_t *p = xcalloc(1, BIG);
	struct view message = { p, BIG };

	fill(p);
	run("edits of a header cost no copy of the body",
	    "require \"editheader\";\n"
	    "addheader :last \"X\" \"2\"; deleteheader \"X\";\n"
	    "addheader :last \"X\" \"3\"; deleteheader \"X\";\n"
	    "addheader :last \"X\" \"4\"; deleteheader \"X\";\n"
	    "addheader :last \"X\" \"5\"; deleteheader \"X\";\n"
	    "addheader \"X\" \"6\"; keep;\n",
	    message, "keep (edited)");
	run("nor does what is filed between fields in front",
	    "require [\"editheader\", \"fileinto\", \"copy\"];\n"
	    "addheader \"X\" \"2\"; fileinto :copy \"a\";\n"
	    "addheader \"X\" \"3\"; fileinto :copy \"b\";\n"
	    "addheader \"X\" \"4\"; fileinto :copy \"c\";\n"
	    "addheader \"X\" \"5\"; fileinto \"d\";\n",
	    message,
	    "fileinto a :copy (edited); fileinto b :copy (edited); "
	    "fileinto c :copy (edited); fileinto d (edited)");
	run("without memory the run ends, and the message is kept",
	    "require [\"fileinto\", \"copy\", \"body\"];\n"
	    "fileinto :copy \"a\";\n"
	    "if body :raw :contains \"nothing\" { stop; }\n"
	    "if body :text :contains \"nothing\" { stop; }\n"
	    "fileinto \"b\";\n",
	    message, "failed 4: the run needs too much memory; implicit keep");
	free(p);
}

int
main(void)
{
	AUTO_ARENA struct arena *a = arena_new((size_t)1 << 20);

	test_shared(a);
	test_content(a);
	test_big();
	return tap_done();
}
