#include "store/io.h"

#include <errno.h>

const struct io_hooks *io_hooks;

const char *
io_site_name(enum io_site site)
{
	static const char *const names[IO_SITES] = { "none", "commit", "cut",
		"recover", "recover-dir", "segment", "segment-dir", "body",
		"body-dir", "unlink", "view", "current", "clean", "clean-dir",
		"withdraw", "script", "script-dir", "script-home", "uidl",
		"uidl-dir", "out", "out-dir", "out-at", "out-at-dir",
		"out-gone" };

	return site < IO_SITES ? names[site] : "?";
}

/* What the hook says; IO_GO without one. */
static int
ask(const struct io_event *e, uint64_t *size)
{
	if (__builtin_expect(io_hooks == NULL, 1) || io_hooks->before == NULL)
		return IO_GO;
	return io_hooks->before(io_hooks->ctx, e, size);
}

static int64_t
tell(const struct io_event *e, int64_t r)
{
	if (__builtin_expect(io_hooks != NULL, 0) && io_hooks->after != NULL)
		return io_hooks->after(io_hooks->ctx, e, r);
	return r;
}

/* The result of a call as this module returns it; again says whether it was
 * only interrupted. */
static int64_t
result(int64_t r, bool *again)
{
	*again = r == -1 && errno == EINTR;
	return r == -1 ? -errno : r;
}

#define CALL(event, expr)                                                      \
	({                                                                     \
		const struct io_event *e_ = (event);                           \
		uint64_t size_ = e_->size;                                     \
		int64_t r_ = ask(e_, &size_);                                  \
		bool again_ = r_ == IO_GO;                                     \
		if (r_ == IO_SKIP)                                             \
			r_ = 0;                                                \
		while (again_)                                                 \
			r_ = result((expr), &again_);                          \
		tell(e_, r_);                                                  \
	})

int
io_create(int dirfd, const char *name, int flags)
{
	struct io_event e = {
		.op = IO_CREATE, .fd = dirfd, .name = name, .flags = flags
	};

	return (int)CALL(&e,
	    openat(
		dirfd, name, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
}

int
io_mkdir(int dirfd, const char *name)
{
	struct io_event e = { .op = IO_MKDIR, .fd = dirfd, .name = name };

	return (int)CALL(&e, mkdirat(dirfd, name, 0700));
}

/* As pwritev(), but no more than n bytes: what a hook has cut short. */
static int64_t
write_some(int fd, const struct iovec *iov, int n_iov, uint64_t offset,
    uint64_t size, uint64_t whole)
{
	uint64_t done = 0;

	if (size >= whole)
		return pwritev(fd, iov, n_iov, (off_t)offset);
	for (int i = 0; i < n_iov && done < size; i++) {
		size_t n = iov[i].iov_len;
		ssize_t r;

		if (n > size - done)
			n = (size_t)(size - done);
		r = pwrite(fd, iov[i].iov_base, n, (off_t)(offset + done));
		if (r == -1)
			return -1;
		done += (uint64_t)r;
	}
	return (int64_t)done;
}

int64_t
io_write(int fd, const struct iovec *iov, int n, uint64_t offset)
{
	struct io_event e = { .op = IO_WRITE,
		.fd = fd,
		.iov = iov,
		.n_iov = n,
		.offset = offset };

	for (int i = 0; i < n; i++)
		e.size += iov[i].iov_len;
	return CALL(&e, write_some(fd, iov, n, offset, size_, e_->size));
}

int
io_truncate(int fd, uint64_t length)
{
	struct io_event e = { .op = IO_TRUNCATE, .fd = fd, .size = length };

	return (int)CALL(&e, ftruncate(fd, (off_t)length));
}

int
io_allocate(int fd, uint64_t offset, uint64_t n)
{
	struct io_event e = {
		.op = IO_ALLOCATE, .fd = fd, .offset = offset, .size = n
	};

	return (int)CALL(
	    &e, fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n));
}

int
io_sync(int fd, enum io_site site)
{
	struct io_event e = { .op = IO_SYNC, .fd = fd, .site = site };

	return (int)CALL(&e, fdatasync(fd));
}

int
io_sync_dir(int fd, enum io_site site)
{
	struct io_event e = { .op = IO_SYNC, .fd = fd, .site = site };

	return (int)CALL(&e, fsync(fd));
}

int
io_rename(int dirfd, const char *from, const char *to)
{
	struct io_event e = {
		.op = IO_RENAME, .fd = dirfd, .name = from, .to = to
	};

	return (int)CALL(&e, renameat(dirfd, from, dirfd, to));
}

int
io_unlink(int dirfd, const char *name)
{
	struct io_event e = { .op = IO_UNLINK, .fd = dirfd, .name = name };

	return (int)CALL(&e, unlinkat(dirfd, name, 0));
}

int
io_chmod(int fd, mode_t mode)
{
	struct io_event e = { .op = IO_CHMOD, .fd = fd, .size = mode };

	return (int)CALL(&e, fchmod(fd, mode));
}

int
io_write_all(int fd, struct view v, uint64_t offset)
{
	while (v.n > 0) {
		struct iovec iov = { (void *)(uintptr_t)v.p, v.n };
		int64_t r = io_write(fd, &iov, 1, offset);

		if (r <= 0)
			return r == 0 ? -ENOSPC : (int)r;
		view_skip(&v, (size_t)r);
		offset += (uint64_t)r;
	}
	return 0;
}
