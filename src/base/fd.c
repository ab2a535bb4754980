#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/clock.h"

int
fd_write(int fd, struct view v)
{
	while (v.n > 0) {
		ssize_t n = write(fd, v.p, v.n);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		view_skip(&v, (size_t)n);
	}
	return 0;
}

int
fd_pread(int fd, void *p, size_t n, uint64_t offset)
{
	uint8_t *at = p;

	while (n > 0) {
		ssize_t r = pread(fd, at, n, (off_t)offset);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return -errno;
		if (r == 0)
			return -ENODATA;
		at += r;
		n -= (size_t)r;
		offset += (size_t)r;
	}
	return 0;
}

int
fd_nonblock(int fd, bool on)
{
	int f = fcntl(fd, F_GETFL);

	if (f == -1)
		return -errno;
	f = on ? f | O_NONBLOCK : f & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, f) == 0 ? 0 : -errno;
}

static bool
is_tcp(int fd)
{
	int domain;
	socklen_t n = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
	    (domain == AF_INET || domain == AF_INET6);
}

void
fd_linger(int fd, unsigned ms, size_t max, int other)
{
	uint64_t until = clock_mono_ms() + ms, now;
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
		{ .fd = other, .events = POLLIN } };
	uint8_t waste[4096];

	if (!is_tcp(fd) || shutdown(fd, SHUT_WR) != 0)
		return;
	while ((now = clock_mono_ms()) < until) {
		int r = poll(p, 2, (int)(until - now));
		ssize_t n = 0;

		if (r > 0 && p[1].revents != 0)
			return;
		if (r > 0)
			n = recv(fd, waste, sizeof(waste), MSG_DONTWAIT);
		if ((r == -1 || n == -1) && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0 || (size_t)n > max)
			return;
		max -= (size_t)n;
	}
}

/* Room for the control message of the one descriptor a message may carry. */
union control {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int
fd_send(int sock, struct view msg, int pass)
{
	union control c = { 0 };
	struct iovec iov = { (void *)(uintptr_t)msg.p, msg.n };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (pass != -1) {
		struct cmsghdr *cm;

		h.msg_control = c.room;
		h.msg_controllen = sizeof(c.room);
		cm = CMSG_FIRSTHDR(&h);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &pass, sizeof(int));
	}
	do
		n = sendmsg(sock, &h, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -errno : 0;
}

ssize_t
fd_recv(int sock, void *p, size_t max, int *passed)
{
	/* room for some too many, so that they can be closed, not leaked */
	union {
		char room[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} c = { 0 };
	struct iovec iov = { p, max };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c.room,
		.msg_controllen = sizeof(c.room) };
	ssize_t n;

	*passed = -1;
	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&h); cm != NULL;
	     cm = CMSG_NXTHDR(&h, cm)) {
		size_t fds;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		fds = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < fds; i++) {
			int fd;

			memcpy(
			    &fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
			if (*passed == -1)
				*passed = fd;
			else
				close(fd);
		}
	}
	if ((h.msg_flags & MSG_TRUNC) != 0) {
		fd_close(passed);
		return -EMSGSIZE;
	}
	return n;
}

int
fd_read_whole(int fd, size_t max, struct buf *out)
{
	struct stat st;
	uint8_t *p;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return -EFBIG;
	if (st.st_size == 0)
		return 0;
	if ((p = buf_reserve(out, (size_t)st.st_size)) == NULL)
		return -EFBIG;
	out->n += (size_t)st.st_size;
	return fd_pread(fd, p, (size_t)st.st_size, 0);
}

int
fd_connect(const char *dir, const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	AUTO_CLOSE int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = -1;
	int n;

	if (at == -1)
		return -errno;
	n = snprintf(
	    sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s", at, name);
	if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
		return -errno;
	return fd_take(&fd);
}
