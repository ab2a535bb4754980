#include "session/uidl.h"

#include "base/fd.h"
#include "scratch.h"
#include "tap.h"

static int dir;
static char *path;

static struct view
v(const char *s)
{
	return view_str(s);
}

static void
put_by_hand(const char *text)
{
	AUTO_CLOSE int fd =
	    openat(dir, UIDL_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || fd_write(fd, v(text)) != 0)
		abort();
}

static bool
is(struct uidl *u, uint32_t uid, const char *want)
{
	return view_eq(uidl_get(u, uid), v(want));
}

static void
test_ids(void)
{
	char longest[UIDL_MAX + 1];

	memset(longest, 'x', sizeof(longest));
	tap_ok(uidl_ok((struct view){ (uint8_t *)longest, UIDL_MAX }) &&
		!uidl_ok((struct view){ (uint8_t *)longest, UIDL_MAX + 1 }),
	    "the limit of its length");
	tap_ok(uidl_ok(v("!~")) && !uidl_ok(v("")) && !uidl_ok(v("a b")) &&
		!uidl_ok(v("\x7f")) && !uidl_ok(v("\xc3\xa9")),
	    "its characters");
}

/* To an INBOX of the UIDs 1 to 100 without 61. */
static bool
add(uint32_t uidvalidity, const struct uidl_entry *e, size_t n)
{
	const struct uid_run live[] = { { 1, 60 }, { 62, 100 } };

	return uidl_add(dir, &(struct uidl_inbox){ uidvalidity, 101, live, 2 },
		   e, n, NULL) == 0;
}

static void
test_add(void)
{
	const struct uidl_entry first[] = { { 2, v("two") }, { 5, v("five") } };
	const struct uidl_entry more[] = { { 1, v("one") }, { 5, v("FIVE") },
		{ 9, v("nine") } };
	struct uidl *u = uidl_load(dir, 7);

	tap_ok(is(u, 2, ""), "no file");
	uidl_free(&u);
	tap_ok(add(7, first, 2), "add two");
	u = uidl_load(dir, 7);
	tap_ok(is(u, 1, "") && is(u, 2, "two") && is(u, 3, "") &&
		is(u, 5, "five") && is(u, 6, "") && is(u, 2, "two") &&
		is(u, 2, "two") && is(u, 1, ""),
	    "forwards and backwards");
	uidl_free(&u);
	tap_ok(add(7, more, 3), "add more");
	u = uidl_load(dir, 7);
	tap_ok(is(u, 9, "nine") && is(u, 5, "FIVE") && is(u, 2, "two") &&
		is(u, 1, "one") && is(u, 10, ""),
	    "both are there");
	uidl_free(&u);
	u = uidl_load(dir, 8);
	tap_ok(is(u, 2, ""), "not for another INBOX");
	uidl_free(&u);
	tap_ok(add(8, first, 1), "a new INBOX");
	u = uidl_load(dir, 8);
	tap_ok(is(u, 2, "two") && is(u, 5, ""), "has its own alone");
	uidl_free(&u);
}

/* Ids come from headers that anybody can write. */
static void
test_unique(void)
{
	const struct uidl_entry first[] = { { 2, v("a") }, { 3, v("b") },
		{ 70, v("c") }, { 101, v("gone") } };
	const struct uidl_entry more[] = { { 1, v("a") }, { 3, v("a") },
		{ 4, v("b") }, { 5, v("9.70") }, { 6, v("8.70") },
		{ 7, v("9.") }, { 8, v("gone") }, { 9, v("new") },
		{ 10, v("new") }, { 70, v("c") } };
	const struct uidl_entry shift[] = { { 2, v("free") }, { 4, v("a") } };
	const struct uid_run live = { 1, 4 };
	struct uidl *u;

	tap_ok(add(9, first, 4) && add(9, more, 10), "add what is taken");
	u = uidl_load(dir, 9);
	tap_ok(is(u, 1, "") && is(u, 2, "a") && is(u, 3, "b") && is(u, 4, ""),
	    "an id in the file is not given again");
	tap_ok(is(u, 5, "") && is(u, 6, "8.70") && is(u, 7, "9."),
	    "nor one that a message without an entry has");
	tap_ok(is(u, 8, "gone"), "that of a message that is gone may be");
	tap_ok(is(u, 9, "new") && is(u, 10, "") && is(u, 70, "c"),
	    "two of one write");
	uidl_free(&u);
	tap_ok(add(9, shift, 2), "an id that another gives up");
	u = uidl_load(dir, 9);
	tap_ok(is(u, 2, "free") && is(u, 4, "a"), "it is free");
	uidl_free(&u);
	tap_ok(add(9, &(struct uidl_entry){ 3, v("9.61") }, 1) &&
		add(9, &(struct uidl_entry){ 11, v("9.101") }, 1),
	    "default ids");
	u = uidl_load(dir, 9);
	tap_ok(is(u, 3, "9.61"), "that of a message that is gone may be given");
	tap_ok(is(u, 11, ""), "that of one to come may not");
	uidl_free(&u);
	tap_ok(uidl_add(dir, &(struct uidl_inbox){ 9, 101, &live, 1 }, NULL, 0,
		   NULL) == 0,
	    "nothing more");
	u = uidl_load(dir, 9);
	tap_ok(is(u, 4, "a") && is(u, 6, "") && is(u, 70, ""),
	    "what is not in INBOX goes");
	uidl_free(&u);
}

/* Every start of a file is read, or ignored, without harm. */
static void
test_damaged(void)
{
	static const char text[] = "fumi-uidl 1 7\n1 one\n2 two\n";
	bool good = true;

	for (size_t n = 0; n < sizeof(text); n++) {
		char part[sizeof(text)] = "";
		struct uidl *u;

		memcpy(part, text, n);
		put_by_hand(part);
		u = uidl_load(dir, 7);
		good &= is(u, 1, n >= 20 ? "one" : "") &&
		    is(u, 2, n >= 26 ? "two" : "");
		uidl_free(&u);
	}
	tap_ok(good, "every start of a file");
	put_by_hand("fumi-uidl 2 7\n1 one\n");
	struct uidl *u = uidl_load(dir, 7);

	tap_ok(is(u, 1, ""), "another format");
	uidl_free(&u);
}

int
main(void)
{
	dir = scratch_make(&path);
	test_ids();
	test_add();
	test_unique();
	test_damaged();
	scratch_end(&dir, &path);
	return tap_done();
}
