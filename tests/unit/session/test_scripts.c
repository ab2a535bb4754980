#include "session/scripts.h"

#include <sys/stat.h>

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
put_by_hand(const char *file, const char *text)
{
	AUTO_CLOSE int sub = openat(dir, "sieve", O_RDONLY | O_DIRECTORY);
	AUTO_CLOSE int fd =
	    openat(sub, file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || fd_write(fd, v(text)) != 0)
		abort();
}

/* "name(size)*" of all, with blanks between. */
static const char *
listed(struct scripts *s)
{
	static char out[4096];
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	struct scripts_entry *e;
	size_t n, at = 0;

	out[0] = '\0';
	if (scripts_list(s, a, &e, &n) != SCRIPTS_OK)
		return "?";
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, sizeof(out) - at,
		    "%s%.*s(%d)%s", i > 0 ? " " : "", (int)e[i].name.n,
		    (const char *)e[i].name.p, (int)e[i].size,
		    e[i].active ? "*" : "");
	return out;
}

static void
want_list(struct scripts *s, const char *want, const char *what)
{
	const char *got = listed(s);

	tap_ok(strcmp(got, want) == 0, "%s: list is \"%s\", want \"%s\"", what,
	    got, want);
}

static bool
has(int (*get)(struct scripts *, struct buf *), struct scripts *s,
    const char *want)
{
	AUTO_BUF struct buf b = BUF_INIT(SCRIPTS_SIZE_MAX + 8192);

	return get(s, &b) == SCRIPTS_OK && view_eq(buf_view(&b), v(want));
}

static int
get_active(struct scripts *s, struct buf *b)
{
	return scripts_active(s, b, NULL, NULL);
}

static void
test_names(void)
{
	char longest[SCRIPTS_NAME_MAX + 2];
	static const struct {
		const char *name, *text;
		size_t n;
		bool ok;
	} t[] = {
		{ "plain", "a", 1, true },
		{ "blanks", " a b ", 5, true },
		{ "Japanese", "\xe4\xbc\x91\xe6\x9a\x87", 6, true },
		{ "a path", "../../etc/passwd", 16, true },
		{ "empty", "", 0, false },
		{ "NUL", "a\0b", 3, false },
		{ "line end", "a\nb", 3, false },
		{ "DEL", "\x7f", 1, false },
		{ "C1", "\xc2\x80", 2, false },
		{ "U+A0", "\xc2\xa0", 2, true },
		{ "line separator", "\xe2\x80\xa8", 3, false },
		{ "paragraph separator", "\xe2\x80\xa9", 3, false },
		{ "not UTF-8", "\xff", 1, false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		tap_ok(scripts_name_ok((struct view){
			   (const uint8_t *)t[i].text, t[i].n }) == t[i].ok,
		    "name: %s", t[i].name);
	memset(longest, 'x', sizeof(longest));
	tap_ok(scripts_name_ok(
		   (struct view){ (uint8_t *)longest, SCRIPTS_NAME_MAX }) &&
		!scripts_name_ok(
		    (struct view){ (uint8_t *)longest, SCRIPTS_NAME_MAX + 1 }),
	    "name: the limit of its length");
}

static void
test_life(void)
{
	AUTO_SCRIPTS struct scripts *s = scripts_new(dir, NULL);
	AUTO_BUF struct buf b = BUF_INIT(SCRIPTS_SIZE_MAX + 8192);
	struct scripts_stamp none = { 0 }, x, y;

	want_list(s, "", "no directory");
	tap_ok(scripts_stamp(s, &x) == 0 && scripts_same(&x, &none) &&
		get_active(s, &b) == SCRIPTS_NOT_FOUND &&
		scripts_get(s, v("a"), &b) == SCRIPTS_NOT_FOUND,
	    "without a directory nothing is active");
	tap_ok(scripts_put(s, v("a"), v("keep;")) == 0 &&
		scripts_put(s, v("b"), v("stop;")) == 0 &&
		scripts_put(s, v("a"), v("discard;")) == 0,
	    "put, put, put again");
	want_list(s, "a(8) b(5)", "two");
	tap_ok(scripts_activate(s, v("c")) == SCRIPTS_NOT_FOUND &&
		scripts_activate(s, v("a")) == 0,
	    "activate");
	tap_ok(scripts_stamp(s, &x) == 0 && !scripts_same(&x, &none) &&
		scripts_stamp(s, &y) == 0 && scripts_same(&x, &y),
	    "the stamp stays");
	want_list(s, "a(8)* b(5)", "active");
	tap_ok(scripts_delete(s, v("a")) == SCRIPTS_ACTIVE &&
		scripts_delete(s, v("c")) == SCRIPTS_NOT_FOUND,
	    "what cannot be deleted");
	tap_ok(scripts_rename(s, v("a"), v("b")) == SCRIPTS_EXISTS &&
		scripts_rename(s, v("c"), v("d")) == SCRIPTS_NOT_FOUND &&
		scripts_rename(s, v("a"), v("x\n")) == SCRIPTS_BAD_NAME,
	    "what cannot be renamed");
	tap_ok(scripts_rename(s, v("a"), v("new")) == 0 &&
		scripts_rename(s, v("b"), v("other")) == 0,
	    "rename");
	want_list(s, "new(8)* other(5)", "renamed");
	tap_ok(has(get_active, s, "discard;"), "the active one is the same");
	tap_ok(scripts_put(s, v("new"), v("keep; ")) == 0 &&
		scripts_stamp(s, &y) == 0 && !scripts_same(&x, &y) &&
		has(scripts_good, s, "keep; "),
	    "the active one changes");
	tap_ok(scripts_activate(s, v("")) == 0 &&
		scripts_activate(s, v("")) == 0 && scripts_stamp(s, &y) == 0 &&
		scripts_same(&y, &none) &&
		scripts_good(s, &b) == SCRIPTS_NOT_FOUND &&
		scripts_delete(s, v("new")) == 0 &&
		scripts_delete(s, v("other")) == 0,
	    "nothing is active");
	want_list(s, "", "deleted");
}

/* Each of these and its file, for the names that files cannot have. */
static void
test_files(void)
{
	AUTO_SCRIPTS struct scripts *s = scripts_new(dir, NULL);
	static const char *const names[] = { "..", ".", "/", "../../x", "%",
		"%2F", "active", "lock", "a.sieve", ".hidden",
		"\xe4\xbc\x91\xe6\x9a\x87", "a b" };
	AUTO_BUF struct buf b = BUF_INIT(SCRIPTS_SIZE_MAX + 8192);
	char longest[SCRIPTS_NAME_MAX + 1] = "", other[SCRIPTS_NAME_MAX + 1];
	bool good = true;
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		good &= scripts_put(s, v(names[i]), v(names[i])) == 0 &&
		    scripts_get(s, v(names[i]), &b) == 0 &&
		    view_eq(buf_view(&b), v(names[i]));
	}
	tap_ok(good, "names that no file has");
	want_list(s,
	    "%(1) %2F(3) .(1) ..(2) ../../x(7) .hidden(7) /(1) a b(3) "
	    "a.sieve(7) active(6) lock(4) \xe4\xbc\x91\xe6\x9a\x87(6)",
	    "they are listed");
	tap_ok(fstatat(dir, "sieve/%2E./..%2Fx.sieve", &st, 0) != 0 &&
		fstatat(dir, "sieve/%2E.%2F..%2Fx.sieve", &st, 0) == 0,
	    "a path is a file name");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		good &= scripts_delete(s, v(names[i])) == 0;
	tap_ok(good, "and deleted");

	memset(longest, '/', SCRIPTS_NAME_MAX);
	longest[SCRIPTS_NAME_MAX] = '\0';
	memcpy(other, longest, sizeof(other));
	other[SCRIPTS_NAME_MAX - 1] = 'x';
	tap_ok(scripts_put(s, v(longest), v("keep;")) == 0 &&
		scripts_activate(s, v(longest)) == 0 &&
		scripts_rename(s, v(longest), v(other)) == 0 &&
		has(get_active, s, "keep;"),
	    "the longest name");
	tap_ok(strlen(listed(s)) == SCRIPTS_NAME_MAX + 4 &&
		memcmp(listed(s), other, SCRIPTS_NAME_MAX) == 0,
	    "it is listed");
	tap_ok(
	    scripts_activate(s, v("")) == 0 && scripts_delete(s, v(other)) == 0,
	    "and deleted");
	want_list(s, "", "none is left");
}

static void
test_by_hand(void)
{
	AUTO_SCRIPTS struct scripts *s = scripts_new(dir, NULL);
	AUTO_BUF struct buf b = BUF_INIT(SCRIPTS_SIZE_MAX + 8192);
	AUTO_BUF struct buf name = BUF_INIT(SCRIPTS_NAME_MAX);
	struct scripts_stamp x, y;

	put_by_hand("mine.sieve", "keep;");
	put_by_hand("active", "mine");
	want_list(s, "mine(5)*", "by hand");
	tap_ok(scripts_active(s, &b, &name, &x) == 0 &&
		view_eq(buf_view(&name), v("mine")) &&
		scripts_stamp(s, &y) == 0 && scripts_same(&x, &y),
	    "by hand: active");
	tap_ok(scripts_keep_good(s, v("keep;")) == 0, "keep the good one");
	put_by_hand("mine.sieve", "kep;;");
	tap_ok(scripts_stamp(s, &y) == 0 && !scripts_same(&x, &y) &&
		has(get_active, s, "kep;;") && has(scripts_good, s, "keep;"),
	    "by hand: broken, and the good one is still there");
	put_by_hand("active", "nobody\n");
	tap_ok(scripts_stamp(s, &y) == 0 && y.inode == 0 &&
		get_active(s, &b) == SCRIPTS_NOT_FOUND,
	    "by hand: one that is not there is active");
	/* as a crash leaves it in the midst of RENAMESCRIPT */
	put_by_hand("active", "other\nmine\n");
	tap_ok(has(get_active, s, "kep;;"), "renaming: before");
	tap_ok(scripts_put(s, v("other"), v("stop;")) == 0 &&
		has(get_active, s, "kep;;"),
	    "renaming: settled before the new name is another's");
	want_list(s, "mine(5)* other(5)", "settled");
	put_by_hand("%zz.sieve", "");
	put_by_hand("%41.sieve", "");
	put_by_hand("%~00.sieve", "");
	put_by_hand(".x.sieve", "");
	want_list(s, "mine(5)* other(5)", "names that are not ours");
	scratch_empty(dir);
}

static void
test_limits(void)
{
	const struct scripts_limits l = { 100, 2 };
	AUTO_SCRIPTS struct scripts *s = scripts_new(dir, &l);
	AUTO_SCRIPTS struct scripts *big = scripts_new(dir, NULL);
	AUTO_BUF struct buf b = BUF_INIT(SCRIPTS_SIZE_MAX + 8192);
	static uint8_t text[SCRIPTS_SIZE_MAX + 1];

	memset(text, '\n', sizeof(text));
	tap_ok(scripts_put(s, v("a"), (struct view){ text, 100 }) == 0 &&
		scripts_put(s, v("a"), (struct view){ text, 101 }) ==
		    SCRIPTS_TOO_LARGE &&
		scripts_get(s, v("a"), &b) == 0 && b.n == 100,
	    "limit of size: the old one stays");
	tap_ok(scripts_put(s, v("b"), v("keep;")) == 0 &&
		scripts_put(s, v("c"), v("keep;")) == SCRIPTS_TOO_MANY &&
		scripts_space(s, v("c"), 1) == SCRIPTS_TOO_MANY &&
		scripts_space(s, v("b"), 100) == 0 &&
		scripts_space(s, v("b"), 101) == SCRIPTS_TOO_LARGE &&
		scripts_put(s, v("b"), v("stop;")) == 0,
	    "limit of number");
	tap_ok(scripts_put(big, v("big"),
		   (struct view){ text, SCRIPTS_SIZE_MAX }) == 0 &&
		scripts_get(big, v("big"), &b) == 0 &&
		b.n == SCRIPTS_SIZE_MAX &&
		scripts_put(big, v("big"),
		    (struct view){ text, SCRIPTS_SIZE_MAX + 1 }) ==
		    SCRIPTS_TOO_LARGE,
	    "the largest script");
	scratch_empty(dir);
}

int
main(void)
{
	dir = scratch_make(&path);
	test_names();
	test_life();
	test_files();
	test_by_hand();
	test_limits();
	scratch_end(&dir, &path);
	return tap_done();
}
