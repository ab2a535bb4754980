#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/random.h"
#include "store/format_mbox_deliver.h"

/*
 * Every lock is tried without waiting; when one is not to be had, those already
 * taken are given back before the next round. So two programs that take the same
 * locks in different orders hold each other up for a moment, not for ever.
 *
 * A dot lock is a second name, made by link(2), of a file of our own: link() is
 * atomic on NFS too, and where its answer gets lost, the number of names tells.
 * These calls do not go through io.h: a lock need not outlive a power cut.
 */
#define WAIT_MS 50 /* between rounds at first; it doubles to WAIT_MAX_MS */
#define WAIT_MAX_MS 1000

static const char *const lock_names[] = { "dotlock", "fcntl", "flock",
	"lockf" };

bool
format_mbox_lock_parse(struct view v, enum format_mbox_lock *out)
{
	for (unsigned i = 0; i < FORMAT_MBOX_LOCKS_MAX; i++)
		if (view_eq(v, view_str(lock_names[i]))) {
			*out = (enum format_mbox_lock)i;
			return true;
		}
	return false;
}

int
format_mbox_above(int at, const char *path, const char **name, int *out)
{
	const char *slash = strrchr(path, '/');
	char above[PATH_MAX];
	int fd;

	*name = slash != NULL ? slash + 1 : path;
	if (**name == '\0' || strlen(*name) > NAME_MAX)
		return -EISDIR;
	if (slash == NULL)
		(void)memcpy(above, ".", 2);
	else if (slash == path)
		(void)memcpy(above, "/", 2);
	else if ((size_t)(slash - path) >= sizeof(above))
		return -ENAMETOOLONG;
	else {
		memcpy(above, path, (size_t)(slash - path));
		above[slash - path] = '\0';
	}
	fd = openat(at, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	*out = fd;
	return 0;
}

/* ---- dot locks ---- */

/* name.suffix in out, NAME_MAX + 1 bytes. */
static int
with_suffix(const char *name, const char *suffix, char out[NAME_MAX + 1])
{
	int n = snprintf(out, NAME_MAX + 1, "%s%s", name, suffix);

	return n < 0 || n > NAME_MAX ? -ENAMETOOLONG : 0;
}

/* A file of our own, with our process in it, as others write it too. */
static int
make_own(int dir, char name[NAME_MAX + 1], int *out)
{
	char pid[32];
	int fd, r;

	(void)snprintf(name, NAME_MAX + 1, ".lk%016llx.%d",
	    (unsigned long long)random_u64(), (int)getpid());
	fd = openat(dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		return -errno;
	(void)snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if ((r = fd_write(fd, view_str(pid))) != 0) {
		(void)unlinkat(dir, name, 0);
		fd_close(&fd);
		return r;
	}
	*out = fd;
	return 0;
}

/*
 * Take a stale lock away. It is renamed first, and looked at again: somebody
 * else may have done the same and locked already, and that lock is put back.
 * now is the file system's clock.
 */
static void
break_stale(int dir, const char *lock, const char *own, time_t now)
{
	char away[NAME_MAX + 1];
	struct stat before, after;

	if (fstatat(dir, lock, &before, AT_SYMLINK_NOFOLLOW) != 0 ||
	    now - before.st_mtime <= FORMAT_MBOX_STALE_S ||
	    with_suffix(own, ".stale", away) != 0 ||
	    renameat(dir, lock, dir, away) != 0)
		return;
	if (fstatat(dir, away, &after, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (after.st_ino != before.st_ino || after.st_dev != before.st_dev ||
		after.st_mtime != before.st_mtime) &&
	    linkat(dir, away, dir, lock, 0) != 0)
		return; /* a third one has it: leave what was moved to be seen */
	(void)unlinkat(dir, away, 0);
}

/* own gets the name lock, unless that is taken. */
static int
link_own(int dir, const char *own, const char *lock, int fd)
{
	struct stat st;
	int r = linkat(dir, own, dir, lock, 0) == 0 ? 0 : -errno;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (st.st_nlink == 2)
		return 0;
	if (r == -EEXIST) {
		break_stale(dir, lock, own, st.st_mtime);
		if (linkat(dir, own, dir, lock, 0) == 0)
			return 0;
		r = -errno;
	}
	return r == -EEXIST || r == 0 ? -EAGAIN : r;
}

int
format_mbox_dotlock(int dir, const char *name)
{
	char lock[NAME_MAX + 1], own[NAME_MAX + 1];
	AUTO_CLOSE int fd = -1;
	int r = with_suffix(name, ".lock", lock);

	if (r == 0)
		r = make_own(dir, own, &fd);
	if (r != 0)
		return r;
	r = link_own(dir, own, lock, fd);
	(void)unlinkat(dir, own, 0);
	return r;
}

int
format_mbox_dotunlock(int dir, const char *name)
{
	char lock[NAME_MAX + 1];
	int r = with_suffix(name, ".lock", lock);

	if (r != 0)
		return r;
	return unlinkat(dir, lock, 0) == 0 ? 0 : -errno;
}

/* ---- all of them ---- */

static int
take_dotlock(int at, const char *path, const struct format_mbox_locking *l,
    struct format_mbox_held *out)
{
	AUTO_CLOSE int dir = -1;
	const char *name;
	int r = format_mbox_above(at, path, &name, &dir);

	if (r != 0)
		return r;
	r = format_mbox_dotlock(dir, name);
	if ((r == -EACCES || r == -EPERM) && l->helper != NULL) {
		r = l->helper(l->ctx, path, true);
		if (r == 0)
			out->by = l;
		return r;
	}
	if (r == 0) {
		(void)snprintf(out->name, sizeof(out->name), "%s", name);
		out->dir = fd_take(&dir);
	}
	return r;
}

static int
take_fcntl(int fd, short type)
{
	struct flock f = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &f) == 0 ? 0 : -errno;
}

static int
take_lockf(int fd)
{
	if (lseek(fd, 0, SEEK_SET) == -1)
		return -errno;
	return lockf(fd, F_TLOCK, 0) == 0 ? 0 : -errno;
}

static int
take(int at, const char *path, const struct format_mbox_locking *l,
    enum format_mbox_lock lock, struct format_mbox_held *out)
{
	int r = 0;

	switch (lock) {
	case FORMAT_MBOX_DOTLOCK:
		return take_dotlock(at, path, l, out);
	case FORMAT_MBOX_FCNTL:
		r = take_fcntl(out->fd, F_WRLCK);
		break;
	case FORMAT_MBOX_FLOCK:
		r = flock(out->fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
		break;
	case FORMAT_MBOX_LOCKF:
		r = take_lockf(out->fd);
		break;
	}
	return r == -EACCES || r == -EWOULDBLOCK || r == -EDEADLK ? -EAGAIN : r;
}

static void
pause_ms(unsigned ms)
{
	const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

int
format_mbox_lock(int at, const char *path, int fd,
    const struct format_mbox_locking *l, struct format_mbox_held *out,
    struct why *w)
{
	const uint64_t end = clock_mono_ms() + l->timeout_ms;
	unsigned ms = WAIT_MS;

	for (;;) {
		enum format_mbox_lock lock = FORMAT_MBOX_DOTLOCK;
		int r = 0;

		*out = (struct format_mbox_held){
			.fd = fd, .dir = -1, .path = path
		};
		for (size_t i = 0; i < l->n && r == 0; i++) {
			lock = l->lock[i];
			r = take(at, path, l, lock, out);
		}
		if (r == 0)
			return 0;
		format_mbox_unlock(out);
		if (r != -EAGAIN || clock_mono_ms() >= end)
			return why(
			    w, r, "lock %s (%s)", path, lock_names[lock]);
		pause_ms(ms);
		ms = 2 * ms < WAIT_MAX_MS ? 2 * ms : WAIT_MAX_MS;
	}
}

void
format_mbox_unlock(struct format_mbox_held *held)
{
	(void)flock(held->fd, LOCK_UN);
	(void)take_fcntl(held->fd, F_UNLCK);
	if (held->dir != -1)
		(void)format_mbox_dotunlock(held->dir, held->name);
	if (held->by != NULL)
		(void)held->by->helper(held->by->ctx, held->path, false);
	fd_close(&held->dir);
	held->by = NULL;
}
