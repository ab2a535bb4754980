#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/why.h"
#include "tap.h"

static int
open_count(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
pair(int s[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) != 0)
		abort();
}

static void
test_messages(void)
{
	int s[2], passed = 5, p[2];
	char in[4];
	ssize_t n;
	int before = open_count();

	pair(s);
	if (pipe2(p, O_CLOEXEC) != 0)
		abort();
	tap_ok(fd_send(s[0], VIEW_LIT("abcd"), -1) == 0, "send without");
	n = fd_recv(s[1], in, 4, &passed);
	tap_ok(n == 4 && passed == -1 && memcmp(in, "abcd", 4) == 0,
	    "a message as long as the room");
	tap_ok(fd_send(s[0], VIEW_LIT("x"), p[1]) == 0, "send with one");
	n = fd_recv(s[1], in, 4, &passed);
	tap_ok(n == 1 && passed >= 0, "and receive it");
	tap_ok((fcntl(passed, F_GETFD) & FD_CLOEXEC) != 0, "close-on-exec");
	tap_ok(write(passed, "!", 1) == 1 && read(p[0], in, 4) == 1 &&
		in[0] == '!',
	    "it is the pipe");
	fd_close(&passed);
	tap_ok(fd_send(s[0], VIEW_LIT("12345"), p[1]) == 0, "one too long");
	n = fd_recv(s[1], in, 4, &passed);
	tap_ok(n == -EMSGSIZE && passed == -1, "is refused, descriptor closed");
	if (fd_nonblock(s[1], true) != 0 || fd_nonblock(s[0], true) != 0)
		abort();
	tap_ok(fd_recv(s[1], in, 4, &passed) == -EAGAIN, "nothing there");
	while ((n = fd_send(s[0], VIEW_LIT("x"), -1)) == 0)
		;
	tap_ok(n == -EAGAIN, "full");
	fd_close(&s[0]);
	while ((n = fd_recv(s[1], in, 4, &passed)) > 0)
		;
	tap_ok(n == 0, "closed by the peer");
	tap_ok(fd_send(s[1], VIEW_LIT("x"), -1) == -EPIPE, "and no signal");
	fd_close(&s[1]);
	fd_close(&p[0]);
	fd_close(&p[1]);
	tap_ok(open_count() == before, "no descriptor is left over");
}

/* A hostile peer sends count descriptors in one message. */
static void
test_many(int count)
{
	char room[CMSG_SPACE(sizeof(int) * 64)] = { 0 };
	struct iovec iov = { (char[]){ "x" }, 1 };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&h);
	int s[2], passed, before, after;
	char in[4];
	ssize_t n;

	pair(s);
	if (cm == NULL)
		abort();
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
	for (int i = 0; i < count; i++)
		memcpy(CMSG_DATA(cm) + (size_t)i * sizeof(int), &s[0],
		    sizeof(int));
	if (sendmsg(s[0], &h, 0) != 1)
		abort();
	before = open_count();
	n = fd_recv(s[1], in, sizeof(in), &passed);
	after = open_count();
	tap_ok(n == 1 && passed >= 0 && after == before + 1,
	    "of %d descriptors one is kept", count);
	fd_close(&passed);
	fd_close(&s[0]);
	fd_close(&s[1]);
}

static void
test_files(void)
{
	AUTO_CLOSE int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char in[4];
	int taken, r;
	struct why w;

	if (fd == -1)
		fd = memfd_create("test", MFD_CLOEXEC);
	tap_ok(fd_write(fd, VIEW_LIT("abcdef")) == 0, "write");
	tap_ok(
	    fd_pread(fd, in, 4, 2) == 0 && memcmp(in, "cdef", 4) == 0, "pread");
	tap_ok(fd_pread(fd, in, 4, 3) == -ENODATA, "pread past the end");
	tap_ok(fd_write(-1, VIEW_LIT("x")) == -EBADF, "write to nothing");
	errno = ENOENT;
	taken = -1;
	fd_close(&taken);
	tap_ok(errno == ENOENT, "close keeps errno");
	taken = fd_take(&fd);
	tap_ok(fd == -1 && taken >= 0, "take");
	fd_close(&taken);
	r = why(&w, -ENOENT, "open %s", "x");
	tap_ok(r == -ENOENT &&
		strcmp(w.text, "open x: No such file or directory") == 0,
	    "why");
	r = why(&w, -EIO, "%0400d", 1);
	tap_ok(r == -EIO && strlen(w.text) == sizeof(w.text) - 1, "why is cut");
	tap_ok(why(NULL, -EIO, "x") == -EIO, "why to nobody");
}

/* Both ends of a TCP connection. */
static void
tcp_pair(int s[2])
{
	AUTO_CLOSE int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	s[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(l, (struct sockaddr *)&a, n) != 0 || listen(l, 1) != 0 ||
	    getsockname(l, (struct sockaddr *)&a, &n) != 0 ||
	    connect(s[0], (struct sockaddr *)&a, n) != 0 ||
	    (s[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC)) == -1)
		abort();
}

/* The peer of s[0] closes s[1] with n bytes from us unread. Is its end in
 * order? */
static bool
ends_well(size_t n, size_t max)
{
	static const uint8_t zeros[20000];
	int s[2], error = 0;
	socklen_t len = sizeof(error);
	char in[8];
	bool good;

	tcp_pair(s);
	good = fd_write(s[0], (struct view){ zeros, n }) == 0 &&
	    fd_write(s[1], VIEW_LIT("bye")) == 0;
	fd_linger(s[1], 50, max, -1);
	fd_close(&s[1]);
	good &= read(s[0], in, 8) == 3 && read(s[0], in, 8) == 0 &&
	    getsockopt(s[0], SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error == 0;
	fd_close(&s[0]);
	return good;
}

static int
something_to_read(void)
{
	int s[2];

	pair(s);
	if (fd_send(s[0], VIEW_LIT("x"), -1) != 0)
		abort();
	return s[1];
}

static void
test_linger(void)
{
	uint64_t began = clock_mono_ms();
	int s[2];

	tap_ok(ends_well(20000, 20000), "what is unread is read away");
	tap_ok(clock_mono_ms() - began >= 50, "until the time is over");
	tap_ok(!ends_well(20000, 9999), "not more than it may be");
	tcp_pair(s);
	began = clock_mono_ms();
	fd_close(&s[0]);
	fd_linger(s[1], 10000, 1, -1);
	tap_ok(clock_mono_ms() - began < 5000, "a peer that has closed");
	fd_close(&s[1]);
	tcp_pair(s);
	began = clock_mono_ms();
	fd_linger(s[1], 10000, 1, something_to_read());
	tap_ok(clock_mono_ms() - began < 5000, "there is something else to do");
	fd_close(&s[0]);
	fd_close(&s[1]);
	pair(s);
	began = clock_mono_ms();
	fd_linger(s[1], 10000, 1, -1);
	tap_ok(clock_mono_ms() - began < 5000 &&
		fd_send(s[1], VIEW_LIT("x"), -1) == 0,
	    "no TCP: nothing is done");
	fd_close(&s[0]);
	fd_close(&s[1]);
}

int
main(void)
{
	test_messages();
	test_many(1);
	test_many(2);
	test_many(8);
	test_many(9);
	test_many(64);
	test_files();
	test_linger();
	return tap_done();
}
