#include "session/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "tap.h"

/* A child that reads slowly and ends with 0 when it got what it should. */
static pid_t
reader(const int fd[2], struct view want)
{
	pid_t pid = fork();
	size_t at = 0;

	if (pid != 0)
		return pid;
	close(fd[1]);
	for (;;) {
		uint8_t in[5000];
		ssize_t n = read(fd[0], in, sizeof(in));

		if (n <= 0)
			_exit(at == want.n ? 0 : 1);
		if ((size_t)n > want.n - at ||
		    memcmp(in, want.p + at, (size_t)n) != 0)
			_exit(2);
		at += (size_t)n;
	}
}

static void
fill(struct output *o, struct buf *want, int file, struct view big)
{
	for (int i = 0; i < 3000; i++) {
		size_t n = (size_t)i * 7 % 4000;

		buf_printf(&o->b, "small %d ", i);
		buf_printf(want, "small %d ", i);
		output_lend(o, view_sub(big, (size_t)i, n));
		buf_put(want, view_sub(big, (size_t)i, n));
		output_turn(o);
	}
	output_file(o, file, 10, big.n - 20);
	buf_put(want, view_sub(big, 10, big.n - 20));
	buf_put_str(&o->b, "end");
	buf_put_str(want, "end");
}

/* The same bytes in the same order, however they are sent. */
static void
test_order(const char *name, bool socket, bool nonblock)
{
	size_t n = 300000;
	AUTO_FREE uint8_t *bytes = xmalloc(n);
	struct buf want = BUF_INIT(64 << 20), sent = BUF_INIT(64 << 20);
	int fd[2], file = memfd_create("test", MFD_CLOEXEC), status = -1;
	struct output o;
	pid_t pid;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
	tap_ok(fd_write(file, (struct view){ bytes, n }) == 0, "file");
	/* what is wanted, first into nothing */
	output_init(&o, open("/dev/null", O_WRONLY), 1000);
	fill(&o, &want, file, (struct view){ bytes, n });
	tap_ok(output_flush(&o) == 0, "%s: to nowhere", name);
	tap_ok(o.sent == want.n, "%s: counted", name);
	close(o.fd);
	output_fini(&o);
	tap_ok((socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd)
		       : pipe2(fd, 0)) == 0,
	    "%s: channel", name);
	if (nonblock)
		tap_ok(fd_nonblock(fd[1], true) == 0, "non-blocking");
	pid = reader(fd, buf_view(&want));
	close(fd[0]);
	output_init(&o, fd[1], 10000);
	fill(&o, &sent, file, (struct view){ bytes, n });
	tap_ok(output_rest(&o) == 0, "%s: sent", name);
	tap_ok(o.b.p == NULL && o.piece == NULL, "%s: memory is back", name);
	close(fd[1]);
	tap_ok(waitpid(pid, &status, 0) == pid && status == 0,
	    "%s: received as put", name);
	output_fini(&o);
	buf_fini(&want);
	buf_fini(&sent);
	close(file);
}

static void
test_gone(void)
{
	struct output o;
	int fd[2];

	tap_ok(pipe2(fd, O_CLOEXEC) == 0, "pipe");
	close(fd[0]);
	output_init(&o, fd[1], 1000);
	buf_put_str(&o.b, "x");
	tap_ok(output_flush(&o) == -EPIPE, "nobody reads");
	buf_put_str(&o.b, "x");
	tap_ok(output_flush(&o) == -EPIPE && o.b.n == 0, "the error stays");
	close(fd[1]);
	output_fini(&o);
}

static void
test_stalled(void)
{
	AUTO_FREE uint8_t *p = xcalloc(1, 1 << 20);
	struct output o;
	int fd[2];

	tap_ok(pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0, "pipe");
	output_init(&o, fd[1], 20);
	output_lend(&o, (struct view){ p, 1 << 20 });
	tap_ok(output_flush(&o) == -ETIMEDOUT, "a client that does not read");
	close(fd[0]);
	close(fd[1]);
	output_fini(&o);
}

static bool
take_stop(void *ctx)
{
	char c = 0;

	if (read(*(int *)ctx, &c, 1) != 1)
		abort();
	return c == 's';
}

static void
test_stop(void)
{
	AUTO_FREE uint8_t *p = xcalloc(1, 1 << 20);
	struct output o;
	int fd[2], hub[2];
	uint64_t start = clock_mono_ms();

	tap_ok(pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0 &&
		pipe2(hub, O_CLOEXEC) == 0 && write(hub[1], "ns", 2) == 2,
	    "pipes");
	output_init(&o, fd[1], 600000);
	o.watch = hub[0];
	o.heard = take_stop;
	o.heard_ctx = &hub[0];
	output_lend(&o, (struct view){ p, 1 << 20 });
	tap_ok(output_flush(&o) == -ETIMEDOUT && o.watch == -1 &&
		clock_mono_ms() - start >= OUTPUT_STOP_MS,
	    "a client that does not read has a little time after a stop");
	for (int i = 0; i < 2; i++) {
		close(fd[i]);
		close(hub[i]);
	}
	output_fini(&o);
}

static void
test_short_file(void)
{
	int file = memfd_create("test", MFD_CLOEXEC);
	struct output o;
	int fd[2];

	tap_ok(
	    pipe2(fd, O_CLOEXEC) == 0 && fd_write(file, VIEW_LIT("short")) == 0,
	    "pipe");
	output_init(&o, fd[1], 1000);
	output_file(&o, file, 0, 6);
	tap_ok(o.error == -ENODATA, "a file that ends early is an error");
	close(fd[0]);
	close(fd[1]);
	close(file);
	output_fini(&o);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_order("pipe", false, false);
	test_order("socket", true, false);
	test_order("non-blocking socket", true, true);
	test_gone();
	test_stalled();
	test_stop();
	test_short_file();
	return tap_done();
}
