#include "store/format_maildir_deliver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "store/io.h"

/*
 * Two syncs are owed before a delivery may be reported: the file's, before it
 * gets its name in new/, and that name's. A directory that was made on the way
 * owes its own name to the one above. So that this is not forgotten when its
 * maker dies, cur/ is made last, when all else is on the disk: a maildir that has
 * it owes nothing.
 */
#define HOST_BYTES 256
#define TRIES 100 /* names, before giving up */

static const char *const parts[] = { "tmp", "new", "cur" };
#define LAST_PART 2

/* ---- names ---- */

void
format_maildir_name(const struct format_maildir_id *id, uint64_t size,
    char out[FORMAT_MAILDIR_NAME_MAX + 1])
{
	/* room behind the host for ",S=<size>" and the flags that readers add
	 */
	AUTO_BUF struct buf b = BUF_INIT(FORMAT_MAILDIR_NAME_MAX);
	const size_t room = FORMAT_MAILDIR_NAME_MAX - 64;

	buf_printf(&b, "%lld.M%uP%dQ%llu.", (long long)id->seconds,
	    (unsigned)id->us, (int)id->pid, (unsigned long long)id->serial);
	for (const char *h = id->host; *h != '\0' && b.n + 4 <= room; h++) {
		if (*h == '/' || *h == ':')
			buf_put_str(&b, *h == '/' ? "\\057" : "\\072");
		else
			buf_put_byte(&b, (uint8_t)*h);
	}
	buf_printf(&b, ",S=%llu", (unsigned long long)size);
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
}

static void
new_name(uint64_t size, char out[FORMAT_MAILDIR_NAME_MAX + 1])
{
	static uint64_t serial;
	char host[HOST_BYTES] = "localhost";
	int64_t us = clock_wall_us();
	struct format_maildir_id id = {
		.seconds = us / 1000000,
		.us = (uint32_t)(us % 1000000),
		.pid = getpid(),
		.serial = serial++,
		.host = host,
	};

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		(void)snprintf(host, sizeof(host), "localhost");
	format_maildir_name(&id, size, out);
}

/* ---- directories ---- */

/* Open dir/name; make it when it is not there. */
static int
open_or_make(int at, const char *name, int *out)
{
	int r = 0;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 && errno == ENOENT) {
		r = io_mkdir(at, name);
		if (r != 0 && r != -EEXIST)
			return r;
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd == -1)
		return -errno;
	*out = fd;
	return 0;
}

/* Its name, in the directory above. path has no slash at its end. */
static int
sync_above(int at, const char *path)
{
	char above[PATH_MAX];
	const char *slash = strrchr(path, '/');
	AUTO_CLOSE int fd = -1;

	if (slash == NULL)
		(void)snprintf(above, sizeof(above), ".");
	else
		(void)snprintf(above, sizeof(above), "%.*s",
		    slash == path ? 1 : (int)(slash - path), path);
	fd = openat(at, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd == -1 ? -errno : io_sync_dir(fd, IO_SITE_NONE);
}

/* All that is there of a maildir, whoever made it, on the disk. */
static int
sync_made(int at, const char *path, int dir)
{
	int r = io_sync_dir(dir, IO_SITE_NONE);

	return r != 0 ? r : sync_above(at, path);
}

/* The maildir open, complete and on one file system. */
static int
open_maildir(int at, const char *path, int *out, struct why *w)
{
	AUTO_CLOSE int dir = -1;
	struct stat first, st;
	int r = open_or_make(at, path, &dir);

	if (r != 0)
		return why(w, r, "maildir %s", path);
	for (unsigned i = 0; i < 3; i++) {
		AUTO_CLOSE int part = -1;

		if (i == LAST_PART &&
		    faccessat(dir, parts[i], F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
		    (r = sync_made(at, path, dir)) != 0)
			return why(w, r, "sync maildir %s", path);
		r = open_or_make(dir, parts[i], &part);
		if (r != 0 || fstat(part, &st) != 0)
			return why(w, r != 0 ? r : -errno, "maildir %s%s%s",
			    path, "/", parts[i]);
		if (i == 0)
			first = st;
		else if (st.st_dev != first.st_dev)
			return why(w, -EXDEV,
			    "maildir %s: tmp and %s are on different file "
			    "systems",
			    path, parts[i]);
	}
	*out = fd_take(&dir);
	return 0;
}

/* ---- the message ---- */

/* What cannot be removed from tmp/ is swept later. */
static void
drop(int dir, const char *name)
{
	if (io_unlink(dir, name) != 0)
		return;
}

static int
write_parts(int fd, const struct view *part, size_t n)
{
	uint64_t at = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (part[i].n == 0)
			continue;
		r = io_write_all(fd, part[i], at);
		at += part[i].n;
	}
	return r != 0 ? r : io_sync(fd, IO_SITE_NONE);
}

/* tmp/name, complete and synced. */
static int
write_tmp(int dir, const struct view *part, size_t n, uint64_t size,
    char name[FORMAT_MAILDIR_NAME_MAX + 1])
{
	char tmp[FORMAT_MAILDIR_NAME_MAX + 8];
	AUTO_CLOSE int fd = -EEXIST;
	int r;

	for (unsigned i = 0; i < TRIES && fd == -EEXIST; i++) {
		new_name(size, name);
		(void)snprintf(tmp, sizeof(tmp), "new/%s", name);
		if (faccessat(dir, tmp, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		(void)snprintf(tmp, sizeof(tmp), "tmp/%s", name);
		fd = io_create(dir, tmp, O_WRONLY | O_EXCL);
	}
	if (fd < 0)
		return fd;
	if ((r = write_parts(fd, part, n)) != 0)
		drop(dir, tmp);
	return r;
}

/* tmp/name to new/name. After a sync that failed nobody knows whether the name
 * is on disk: it is taken away again, so that what is reported as failed does
 * not come back. */
static int
move_to_new(int dir, const char *name)
{
	char from[FORMAT_MAILDIR_NAME_MAX + 8], to[sizeof(from)];
	AUTO_CLOSE int fd =
	    openat(dir, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	(void)snprintf(from, sizeof(from), "tmp/%s", name);
	(void)snprintf(to, sizeof(to), "new/%s", name);
	if (fd == -1) {
		r = -errno;
		drop(dir, from);
		return r;
	}
	if ((r = io_rename(dir, from, to)) != 0) {
		drop(dir, from);
		return r;
	}
	if ((r = io_sync_dir(fd, IO_SITE_NONE)) != 0)
		drop(dir, to);
	return r;
}

int
format_maildir_deliver(
    int at, const char *path, const struct view *part, size_t n, struct why *w)
{
	char plain[PATH_MAX], name[FORMAT_MAILDIR_NAME_MAX + 1];
	AUTO_CLOSE int dir = -1;
	uint64_t size = 0;
	size_t len = strlen(path);
	int r;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(plain))
		return why(w, -ENAMETOOLONG, "maildir %s", path);
	(void)snprintf(plain, sizeof(plain), "%.*s", (int)len, path);
	for (size_t i = 0; i < n; i++)
		size += part[i].n;
	if ((r = open_maildir(at, plain, &dir, w)) != 0)
		return r;
	if ((r = write_tmp(dir, part, n, size, name)) != 0)
		return why(w, r, "write to maildir %s", plain);
	if ((r = move_to_new(dir, name)) != 0)
		return why(w, r, "deliver to maildir %s", plain);
	(void)format_maildir_sweep(dir, clock_wall_s());
	return 0;
}

/* ---- garbage ---- */

static bool
is_stale(int tmp, const char *name, int64_t now)
{
	struct stat st;

	return fstatat(tmp, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && now - st.st_mtime > FORMAT_MAILDIR_STALE_S &&
	    now - st.st_atime > FORMAT_MAILDIR_STALE_S;
}

int
format_maildir_sweep(int dir, int64_t now)
{
	int fd = openat(dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int removed = 0;

	if (d == NULL) {
		int r = -errno;

		fd_close(&fd);
		return r;
	}
	for (unsigned i = 0;
	     i < FORMAT_MAILDIR_SWEEP_MAX && (e = readdir(d)) != NULL; i++)
		if (is_stale(dirfd(d), e->d_name, now) &&
		    io_unlink(dirfd(d), e->d_name) == 0)
			removed++;
	(void)closedir(d);
	return removed;
}
