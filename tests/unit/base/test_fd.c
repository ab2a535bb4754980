#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

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
	return tap_done();
}
