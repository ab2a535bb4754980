#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "base/digest.h"
#include "base/fd.h"
#include "base/mem.h"
#include "mail/summary.h"
#include "scratch.h"
#include "store/io.h"
#include "store/log.h"
#include "store/spool.h"
#include "tap.h"

static int dir;
static char *path;
static struct store_log *l;
static struct why w;

static void
begin(void)
{
	dir = scratch_make(&path);
	if (log_open(dir, LOG_CREATE, &l, &w) != 0)
		abort();
}

static void
end(void)
{
	log_close(&l);
	scratch_end(&dir, &path);
}

static uint8_t *
message(size_t n)
{
	static const char head[] = "Subject: hello\r\n\r\n";
	uint8_t *p = xmalloc(n + sizeof(head));

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)('a' + i % 23);
	memcpy(p, head, n < sizeof(head) - 1 ? n : sizeof(head) - 1);
	return p;
}

/* Files in log/body/. */
static int
n_files(void)
{
	int n = 0, fd = openat(dir, "log/body", O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	struct dirent *de;

	if (d == NULL)
		abort();
	while ((de = readdir(d)) != NULL)
		n += de->d_name[0] != '.';
	closedir(d);
	return n;
}

/* A message of n octets in pieces of piece: everything the header says. */
static void
check(size_t n, size_t piece, uint64_t announced, bool in_file)
{
	AUTO_FREE uint8_t *octets = message(n);
	struct view all = { octets, n };
	uint8_t want[DIGEST_SHA256_SIZE];
	struct summary sum;
	struct spool *s;
	bool ok = spool_open_log(l, announced, &s) == 0;

	for (size_t at = 0; at < n && ok; at += piece)
		ok = spool_write(s, view_sub(all, at, piece)) == 0;
	ok = ok && spool_finish(s) == 0;
	tap_ok(ok, "%zu octets by %zu", n, piece);
	tap_ok(spool_in_file(s) == in_file, "%s", in_file ? "file" : "memory");
	tap_ok(spool_size(s) == n && view_eq(spool_view(s), all),
	    "all octets as they were");
	digest_sha256(all, want);
	tap_ok(memcmp(want, spool_digest(s), sizeof(want)) == 0, "digest");
	tap_ok(
	    summary_read(spool_summary(s), &sum) && sum.size == n, "summary");
	tap_ok(n_files() == (in_file ? 1 : 0), "files");
	tap_ok(spool_write(s, all) != 0, "nothing after the end");
	spool_free(&s);
	tap_ok(s == NULL && n_files() == 0, "nothing stays behind");
}

static void
test_sizes(void)
{
	begin();
	check(0, 1, 0, false);
	check(5000, 100, 0, false);
	check(5000, 5000, 5000, false);
	check(SPOOL_MEMORY, 4096, 0, false);
	check(SPOOL_MEMORY + 1, 4096, 0, true);
	check(SPOOL_MEMORY + 1, SPOOL_MEMORY + 1, 0, true);
	check(SPOOL_MEMORY + 1, 65536, SPOOL_MEMORY + 1, true);
	check(7 * SPOOL_MEMORY + 11, 300000, 0, true);
	/* announced as large */
	check(100, 50, SPOOL_MEMORY + 1, false);
	end();
}

static void
test_place(void)
{
	AUTO_FREE uint8_t *octets = message(SPOOL_MEMORY + 77);
	struct view all = { octets, SPOOL_MEMORY + 77 }, got;
	struct spool *s;

	begin();
	for (int kept = 0; kept < 2; kept++) {
		tap_ok(spool_open_log(l, 0, &s) == 0 &&
			spool_write(s, all) == 0 && spool_finish(s) == 0 &&
			spool_place(s, 9, &w) == 0,
		    "placed: %s", w.text);
		tap_ok(view_eq(spool_view(s), all), "the view is still good");
		tap_ok(log_map_body(l, 9, all.n, &got, NULL, &w) == 0 &&
			view_eq(got, all),
		    "and it is where it belongs");
		log_trim(l);
		if (!kept) {
			spool_unplace(s);
			tap_ok(n_files() == 1 &&
				log_map_body(l, 9, all.n, &got, NULL, &w) ==
				    -ENOENT &&
				view_eq(spool_view(s), all),
			    "taken back: there still, but not by its number");
			spool_unplace(s);
		}
		spool_free(&s);
		tap_ok(n_files() == kept, "it stays unless it is taken back");
	}
	tap_ok(log_unlink_body(l, 9, &w) == 0 && n_files() == 0, "removed");
	tap_ok(log_map_body(l, 9, 1, &got, NULL, &w) == -ENOENT, "gone");
	end();
}

static void
test_limit(void)
{
	static uint8_t piece[1 << 20];
	struct view v = { piece, sizeof(piece) };
	struct spool *s;

	begin();
	tap_ok(spool_open_log(l, STORE_MESSAGE_MAX + 1, &s) == STORE_LIMIT,
	    "one octet too many announced");
	tap_ok(spool_open_log(l, STORE_MESSAGE_MAX, &s) == 0, "as many as go");
	spool_free(&s);
	tap_ok(spool_open_log(l, 0, &s) == 0, "not announced");
	spool_free(&s);
	/* without filling the disk: a view of that size is refused unread */
	tap_ok(spool_open_log(l, 0, &s) == 0 && spool_write(s, v) == 0 &&
		spool_write(s,
		    (struct view){ piece,
			STORE_MESSAGE_MAX - (1 << 20) + 1 }) == STORE_LIMIT,
	    "one past the limit");
	tap_ok(
	    spool_write(s, v) != 0 && spool_finish(s) != 0, "then it is over");
	spool_free(&s);
	end();
}

static int fail_op, fail_with;

static int
before(void *ctx, const struct io_event *e, uint64_t *size)
{
	(void)ctx;
	(void)size;
	return (int)e->op == fail_op ? fail_with : IO_GO;
}

static void
test_failures(void)
{
	static const struct {
		const char *name;
		int op, with, want;
	} t[] = {
		{ "create", IO_CREATE, -ENOSPC, STORE_FULL },
		{ "write", IO_WRITE, -ENOSPC, STORE_FULL },
		{ "quota", IO_WRITE, -EDQUOT, STORE_FULL },
		{ "disk", IO_WRITE, -EIO, -EIO },
		{ "sync", IO_SYNC, -EIO, -EIO },
		{ "rename", IO_RENAME, -EACCES, -EACCES },
	};
	static const struct io_hooks hooks = { .before = before };
	AUTO_FREE uint8_t *octets = message(SPOOL_MEMORY + 77);
	struct view all = { octets, SPOOL_MEMORY + 77 };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct spool *s = NULL;
		int r;

		begin();
		fail_op = t[i].op;
		fail_with = t[i].with;
		io_hooks = &hooks;
		r = spool_open_log(l, 0, &s);
		if (r == 0)
			r = spool_write(s, all);
		if (r == 0)
			r = spool_finish(s);
		if (r == 0)
			r = spool_place(s, 1, &w);
		io_hooks = NULL;
		tap_ok(r == t[i].want, "%s: got %d, want %d", t[i].name, r,
		    t[i].want);
		spool_free(&s);
		tap_ok(n_files() == 0, "%s: nothing stays", t[i].name);
		end();
	}
}

static void
age(const char *name, time_t seconds)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) - seconds },
		{ .tv_sec = time(NULL) - seconds } };
	AUTO_CLOSE int fd = openat(dir, name, O_RDWR | O_CREAT, 0600);

	if (fd == -1 || futimens(fd, t) == -1)
		abort();
}

static void
test_sweep(void)
{
	AUTO_FREE uint8_t *octets = message(SPOOL_MEMORY + 77);
	struct view all = { octets, SPOOL_MEMORY + 77 };
	struct spool *s;

	begin();
	tap_ok(spool_open_log(l, 0, &s) == 0 && spool_write(s, all) == 0,
	    "one in use");
	int fd = openat(dir, "log/body", O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	struct dirent *de;
	while ((de = readdir(d)) != NULL) {
		char name[300];

		snprintf(name, sizeof(name), "log/body/%s", de->d_name);
		if (strncmp(de->d_name, "tmp-", 4) == 0)
			age(name, SPOOL_STALE * 2);
	}
	closedir(d);
	age("log/body/tmp-old", SPOOL_STALE + 10);
	age("log/body/tmp-new", SPOOL_STALE - 100);
	age("log/body/0000000000000001", SPOOL_STALE + 10);
	spool_sweep(l);
	tap_ok(faccessat(dir, "log/body/tmp-old", F_OK, 0) == -1,
	    "what a crash left goes");
	tap_ok(n_files() == 3, "what is new, in use or a body stays");
	spool_free(&s);
	end();
}

int
main(void)
{
	test_sizes();
	test_place();
	test_limit();
	test_failures();
	test_sweep();
	return tap_done();
}
