#include "store/format_maildir_deliver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "scratch.h"
#include "store/io.h"
#include "tap.h"

/* One directory, emptied; a descriptor of the caller's. */
static int scratch = -1;
static char *scratch_path;

static int
scratch_dir(void)
{
	if (scratch == -1)
		scratch = scratch_make(&scratch_path);
	scratch_empty(scratch);
	return openat(scratch, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static const struct view message[] = {
	{ (const uint8_t *)"Return-Path: <a@b>\n", 19 },
	{ NULL, 0 },
	{ (const uint8_t *)"Subject: x\n\nHello\n", 18 },
};
#define PARTS 3

static void
test_names(void)
{
	char out[FORMAT_MAILDIR_NAME_MAX + 1], host[500];
	struct format_maildir_id id = { .seconds = 1010300921,
		.us = 42,
		.pid = 28546,
		.serial = 7,
		.host = "asao.gcd.org" };

	format_maildir_name(&id, 459, out);
	tap_ok(strcmp(out, "1010300921.M42P28546Q7.asao.gcd.org,S=459") == 0,
	    "name: %s", out);
	id.host = "a/b:c";
	format_maildir_name(&id, 1, out);
	tap_ok(strcmp(out, "1010300921.M42P28546Q7.a\\057b\\072c,S=1") == 0,
	    "slash and colon in the host: %s", out);
	memset(host, ':', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	id.host = host;
	format_maildir_name(&id, UINT64_MAX, out);
	tap_ok(strstr(out, ",S=18446744073709551615") != NULL &&
		strlen(out) <= FORMAT_MAILDIR_NAME_MAX - 40,
	    "a long host leaves room for size and flags");
}

/* Entries of dir/name; the name of the last in last. */
static unsigned
count(int dir, const char *name, char last[256])
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	unsigned n = 0;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			n++;
			(void)snprintf(last, 256, "%s", e->d_name);
		}
	(void)closedir(d);
	return n;
}

static bool
is_mode(int dir, const char *name, mode_t mode)
{
	struct stat st;

	return fstatat(dir, name, &st, 0) == 0 && (st.st_mode & 07777) == mode;
}

/* Is the one message in new/ whole? */
static bool
is_whole(int dir)
{
	char name[256] = "", path[300], text[256];
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	if (count(dir, "m/new", name) != 1)
		return false;
	(void)snprintf(path, sizeof(path), "m/new/%s", name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text));
	return n == 37 && memcmp(text, message[0].p, 19) == 0 &&
	    memcmp(text + 19, message[2].p, 18) == 0 &&
	    strstr(name, ",S=37") != NULL && is_mode(dir, path, 0600);
}

static void
test_delivery(void)
{
	char last[256];
	struct why w = { "" };
	int dir = scratch_dir();

	tap_ok(format_maildir_deliver(dir, "m/", message, PARTS, &w) == 0,
	    "first delivery %s", w.text);
	tap_ok(is_mode(dir, "m", 0700) && is_mode(dir, "m/tmp", 0700) &&
		is_mode(dir, "m/new", 0700) && is_mode(dir, "m/cur", 0700),
	    "directories and their modes");
	tap_ok(is_whole(dir), "the message");
	tap_ok(count(dir, "m/tmp", last) == 0, "nothing in tmp");
	for (unsigned i = 0; i < 50; i++)
		if (format_maildir_deliver(dir, "m", message, PARTS, NULL) != 0)
			tap_ok(0, "delivery %u", i);
	tap_ok(count(dir, "m/new", last) == 51, "many names");
	fd_close(&dir);
}

static void
test_refused(void)
{
	struct why w = { "" };
	int dir = scratch_dir();
	int fd = openat(dir, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	fd_close(&fd);
	tap_ok(format_maildir_deliver(dir, "file/", message, PARTS, &w) ==
		-ENOTDIR,
	    "a file: %s", w.text);
	tap_ok(format_maildir_deliver(
		   dir, "no/such/dir/", message, PARTS, &w) == -ENOENT,
	    "no directory above: %s", w.text);
	if (mkdirat(dir, "x", 0700) == 0 &&
	    symlinkat("/proc", dir, "x/tmp") == 0)
		tap_ok(format_maildir_deliver(dir, "x/", message, PARTS, &w) ==
			    -EXDEV &&
			strstr(w.text, "different file systems") != NULL,
		    "two file systems: %s", w.text);
	fd_close(&dir);
}

/* ---- faults ---- */

static struct fault {
	unsigned n, at; /* calls so far; the one to fail, from 1 */
	int error;      /* 0: cut a write short; 1: die */
	bool file_synced, renamed, name_synced, file_dirty;
	ino_t new_ino;
	/* a maildir and what is above it: synced before the rename? */
	ino_t maildir, above;
	bool maildir_synced, above_synced;
} fault;

static void
watch_order(const struct io_event *e)
{
	struct stat st;

	if (e->op == IO_WRITE)
		fault.file_dirty = true;
	if (e->op == IO_RENAME) {
		fault.file_synced = !fault.file_dirty;
		fault.renamed = true;
	}
	if (e->op != IO_SYNC || fstat(e->fd, &st) != 0)
		return;
	fault.maildir_synced |= !fault.renamed && st.st_ino == fault.maildir;
	fault.above_synced |= !fault.renamed && st.st_ino == fault.above;
	if (S_ISREG(st.st_mode))
		fault.file_dirty = false;
	else if (fault.renamed && st.st_ino == fault.new_ino)
		fault.name_synced = true;
}

static int
before(void *ctx, const struct io_event *e, uint64_t *size)
{
	(void)ctx;
	watch_order(e);
	if (++fault.n != fault.at)
		return IO_GO;
	if (fault.error == 1)
		_exit(0);
	if (fault.error == 0) {
		if (e->op == IO_WRITE)
			*size = 1;
		return IO_GO;
	}
	return fault.error;
}

static const struct io_hooks hooks = { .before = before };

static int
deliver_with(int dir, unsigned at, int error)
{
	int r;

	memset(&fault, 0, sizeof(fault));
	fault.at = at;
	fault.error = error;
	io_hooks = &hooks;
	r = format_maildir_deliver(dir, "m/", message, PARTS, NULL);
	io_hooks = NULL;
	return r;
}

static void
test_order(void)
{
	struct stat st;
	int dir = scratch_dir();
	int r;

	if (format_maildir_deliver(dir, "m/", message, PARTS, NULL) != 0)
		abort();
	(void)fstatat(dir, "m/new", &st, 0);
	memset(&fault, 0, sizeof(fault));
	fault.new_ino = st.st_ino;
	io_hooks = &hooks;
	r = format_maildir_deliver(dir, "m/", message, PARTS, NULL);
	io_hooks = NULL;
	tap_ok(r == 0 && fault.file_synced, "file synced before the rename");
	tap_ok(fault.name_synced, "name synced after it");
	fd_close(&dir);
}

/* Somebody made the first n of a maildir's directories and died. */
static void
test_half_made(void)
{
	static const char *const made[] = { "m", "m/tmp", "m/new", "m/cur" };

	for (unsigned n = 1; n <= 4; n++) {
		struct stat st;
		int dir = scratch_dir();
		int r;

		memset(&fault, 0, sizeof(fault));
		for (unsigned i = 0; i < n; i++)
			(void)mkdirat(dir, made[i], 0700);
		(void)fstatat(dir, "m", &st, 0);
		fault.maildir = st.st_ino;
		(void)fstat(dir, &st);
		fault.above = st.st_ino;
		io_hooks = &hooks;
		r = format_maildir_deliver(dir, "m/", message, PARTS, NULL);
		io_hooks = NULL;
		tap_ok(r == 0 && is_whole(dir) &&
			fault.maildir_synced == (n < 4) &&
			fault.above_synced == (n < 4),
		    "%u of its directories are there: %s synced", n,
		    n < 4 ? "all is" : "nothing more is");
		fd_close(&dir);
	}
}

/* Each call fails once; and is cut short once. */
static void
test_faults(void)
{
	const int errors[] = { -ENOSPC, -EIO, -EDQUOT };
	bool clean = true, whole = true;
	unsigned calls = 0;

	for (unsigned k = 0; k < 3; k++)
		for (unsigned at = 1; at < 100; at++) {
			char last[256];
			int dir = scratch_dir();
			int r = deliver_with(dir, at, errors[k]);

			if (r == 0)
				whole = whole && is_whole(dir);
			else
				clean = clean && r == errors[k] &&
				    count(dir, "m/new", last) == 0;
			calls = fault.n;
			fd_close(&dir);
			if (at > calls)
				break;
		}
	tap_ok(clean, "a failed call leaves nothing in new");
	tap_ok(whole && calls > 8, "%u calls", calls);
	for (unsigned at = 1; at <= calls; at++) {
		int dir = scratch_dir();

		whole = whole && deliver_with(dir, at, 0) == 0 && is_whole(dir);
		fd_close(&dir);
	}
	tap_ok(whole, "short writes");
}

static void
test_killed(void)
{
	bool good = true;
	unsigned at;

	for (at = 1; at < 100; at++) {
		char last[256];
		int dir = scratch_dir();
		pid_t pid = fork();
		int status = 0;

		if (pid == 0)
			_exit(deliver_with(dir, at, 1) == 0 ? 9 : 8);
		(void)waitpid(pid, &status, 0);
		good =
		    good && (count(dir, "m/new", last) == 0 || is_whole(dir));
		fd_close(&dir);
		if (WEXITSTATUS(status) != 0)
			break;
	}
	tap_ok(good && at > 8 && at < 100,
	    "killed before each of %u calls: all or nothing", at - 1);
}

static void
test_sweep(void)
{
	static const struct {
		const char *name;
		int64_t age;
	} files[] = { { "m/tmp/young", FORMAT_MAILDIR_STALE_S },
		{ "m/tmp/old", FORMAT_MAILDIR_STALE_S + 1 },
		{ "m/new/old", FORMAT_MAILDIR_STALE_S + 1 } };
	const int64_t now = 1700000000;
	int dir = scratch_dir();
	AUTO_CLOSE int m = -1;
	char last[256] = "";

	(void)mkdirat(dir, "m", 0700);
	(void)mkdirat(dir, "m/tmp", 0700);
	(void)mkdirat(dir, "m/new", 0700);
	for (unsigned i = 0; i < 3; i++) {
		AUTO_CLOSE int fd = openat(
		    dir, files[i].name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		const struct timespec t[2] = { { .tv_sec = now - files[i].age },
			{ .tv_sec = now - files[i].age } };

		(void)futimens(fd, t);
	}
	m = openat(dir, "m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tap_ok(format_maildir_sweep(m, now) == 1, "one is garbage");
	tap_ok(count(m, "tmp", last) == 1 && strcmp(last, "young") == 0,
	    "36 hours old is kept");
	tap_ok(count(m, "new", last) == 1, "new is left alone");
	fd_close(&dir);
}

int
main(void)
{
	test_names();
	test_delivery();
	test_refused();
	test_order();
	test_half_made();
	test_faults();
	test_killed();
	test_sweep();
	scratch_end(&scratch, &scratch_path);
	return tap_done();
}
