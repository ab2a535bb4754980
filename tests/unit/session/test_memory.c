#include "session/memory.h"

#include <sys/stat.h>

#include "base/fd.h"
#include "scratch.h"
#include "tap.h"

#define NOW 1000000

static int dir;

static struct memory_key
key(enum memory_kind kind, const char *handle, const char *id)
{
	return memory_key(kind, view_str(handle), view_str(id));
}

static bool
has(struct memory *m, const char *id, int64_t now)
{
	struct memory_key k = key(MEMORY_VACATION, "h", id);

	return memory_has(m, &k, now);
}

static bool
add(struct memory *m, const char *id, int64_t expires)
{
	struct memory_key k = key(MEMORY_VACATION, "h", id);

	return memory_add(m, &k, expires, NOW);
}

static void
test_keys(void)
{
	struct memory_key k[] = { key(MEMORY_VACATION, "ab", "c"),
		key(MEMORY_VACATION, "a", "bc"),
		key(MEMORY_DUPLICATE, "ab", "c"),
		key(MEMORY_VACATION, "", "abc") };
	bool differ = true;

	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			differ =
			    differ && memcmp(&k[i], &k[j], sizeof(k[0])) != 0;
	tap_ok(differ, "keys of different things differ");
}

static void
test_remember(void)
{
	struct memory *m = memory_new(dir), *other = memory_new(dir);

	tap_ok(!has(m, "x", NOW), "nothing is known at first");
	tap_ok(add(m, "x", NOW + 10), "one is added");
	tap_ok(has(m, "x", NOW + 9) && !has(m, "x", NOW + 10),
	    "it is known until it expires");
	tap_ok(has(other, "x", NOW), "another process knows it");
	tap_ok(add(other, "y", NOW + 10) && has(m, "y", NOW),
	    "and the other way round");
	tap_ok(add(m, "x", NOW + 20) && add(m, "x", NOW + 5) &&
		has(m, "x", NOW + 19),
	    "the later expiry counts");
	memory_free(&m);
	m = memory_new(dir);
	tap_ok(has(m, "x", NOW) && has(m, "y", NOW) && !has(m, "z", NOW),
	    "a later process knows the same");
	memory_free(&m);
	memory_free(&other);
	memory_free(&m);
}

static void
test_pending(void)
{
	struct memory *m = memory_new(dir);
	struct memory_key k = key(MEMORY_VACATION, "h", "pending");

	memory_pending(m, &k);
	memory_pending(m, &k);
	tap_ok(memory_has(m, &k, NOW) && memory_only_pending(m, &k, NOW),
	    "what is pending is known");
	memory_forget_pending(m, &k);
	tap_ok(memory_has(m, &k, NOW), "as long as one is");
	memory_forget_pending(m, &k);
	tap_ok(!memory_has(m, &k, NOW) && !memory_only_pending(m, &k, NOW),
	    "and no longer");
	memory_pending(m, &k);
	tap_ok(add(m, "pending", NOW + 10) &&
		!memory_only_pending(m, &k, NOW + 9) &&
		memory_only_pending(m, &k, NOW + 10),
	    "what is added is not only that until it expires");
	memory_free(&m);
}

static void
write_tail(const char *bytes, size_t n)
{
	AUTO_CLOSE int fd = openat(dir, "sieve/memory", O_WRONLY | O_APPEND);

	if (fd == -1 ||
	    fd_write(fd, (struct view){ (const uint8_t *)bytes, n }) != 0)
		abort();
}

/* Cut anywhere, with anything behind: what is whole counts. */
static void
test_torn(void)
{
	static const char rubbish[100] = "rubbish";

	for (size_t n = 1; n < 60; n += 7) {
		struct memory *m;
		char id[16];

		write_tail(rubbish, n);
		m = memory_new(dir);
		(void)snprintf(id, sizeof(id), "torn%zu", n);
		tap_ok(add(m, id, NOW + 100), "added behind %zu bytes", n);
		memory_free(&m);
		m = memory_new(dir);
		tap_ok(has(m, id, NOW) && has(m, "x", NOW),
		    "what is behind %zu bytes of rubbish is read", n);
		memory_free(&m);
	}
}

static off_t
file_size(void)
{
	struct stat st;

	return fstatat(dir, "sieve/memory", &st, 0) == 0 ? st.st_size : -1;
}

static void
test_bounded(void)
{
	struct memory *m = memory_new(dir), *other = memory_new(dir);
	char id[32];
	off_t most = 0;

	tap_ok(has(other, "x", NOW), "another process has it open");
	for (int i = 0; i < 3 * MEMORY_MAX; i++) {
		(void)snprintf(id, sizeof(id), "many%d", i);
		(void)add(m, id, NOW + 1000 + i);
		if (file_size() > most)
			most = file_size();
	}
	tap_ok(most <= (MEMORY_MAX * 2 + 2048) * 28,
	    "the file stays small: %ld", (long)most);
	tap_ok(has(m, id, NOW) && has(other, id, NOW),
	    "the latest is known, also to another process");
	tap_ok(!has(m, "many0", NOW), "the first to expire made room");
	for (int i = 0; i < 2 * MEMORY_MAX; i++) { /* old ones only */
		(void)snprintf(id, sizeof(id), "old%d", i);
		(void)add(m, id, NOW - 1);
	}
	tap_ok(has(m, "many49151", NOW) && !has(m, id, NOW),
	    "what is old does not push out what lives");
	memory_free(&m);
	memory_free(&other);
}

int
main(void)
{
	char *path;

	dir = scratch_make(&path);

	test_keys();
	test_remember();
	test_pending();
	test_torn();
	test_bounded();
	scratch_end(&dir, &path);
	return tap_done();
}
