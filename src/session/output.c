#include "session/output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/*
 * One buf takes the small pieces; a list of pieces, in order, says what of it
 * and what of other people's memory makes the next write. The buf's memory may
 * move while it grows, so its pieces are lengths, made into addresses only
 * when they are written.
 */

void
output_init(struct output *o, int fd, unsigned timeout_ms)
{
	*o = (struct output){ .fd = fd, .timeout_ms = timeout_ms, .watch = -1 };
	buf_init(&o->b, OUTPUT_MAX);
}

void
output_fini(struct output *o)
{
	buf_fini(&o->b);
	free(o->piece);
	o->piece = NULL;
}

/* Wait until the client takes more. 0 or negative errno. */
static int
wait_writable(struct output *o)
{
	uint64_t until = clock_mono_ms() + o->timeout_ms;
	struct pollfd p[2] = { { .fd = o->fd, .events = POLLOUT },
		{ .fd = o->watch, .events = POLLIN } };

	for (;;) {
		uint64_t now = clock_mono_ms();
		int r = poll(p, 2, until > now ? (int)(until - now) : 0);

		if (r == -1 && errno != EINTR)
			return -errno;
		if (r > 0 && p[0].revents != 0)
			return 0;
		if (r > 0 && o->heard(o->heard_ctx)) {
			o->watch = p[1].fd = -1;
			if (until > now + OUTPUT_STOP_MS)
				until = now + OUTPUT_STOP_MS;
		}
		if (r == 0)
			return -ETIMEDOUT;
	}
}

/* Write n vectors whole; they are used up. */
static int
write_all(struct output *o, struct iovec *v, int n)
{
	while (n > 0) {
		ssize_t r = writev(o->fd, v, n < IOV_MAX ? n : IOV_MAX);

		if (r == -1 && errno == EAGAIN) {
			int e = wait_writable(o);

			if (e != 0)
				return e;
			continue;
		}
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return -errno;
		o->sent += (uint64_t)r;
		while (n > 0 && (size_t)r >= v->iov_len) {
			r -= (ssize_t)v->iov_len;
			v++, n--;
		}
		if (n > 0) {
			v->iov_base = (uint8_t *)v->iov_base + r;
			v->iov_len -= (size_t)r;
		}
	}
	return 0;
}

/* What was put into b since the last piece becomes one. */
static void
close_piece(struct output *o)
{
	if (o->b.n > o->cut) {
		o->piece[o->pieces++] =
		    (struct output_piece){ NULL, o->b.n - o->cut };
		o->cut = o->b.n;
	}
}

static int
write_pieces(struct output *o)
{
	struct iovec v[OUTPUT_PIECES];
	uint8_t *own = o->b.p;

	for (size_t i = 0; i < o->pieces; i++) {
		const struct output_piece *pc = &o->piece[i];

		v[i].iov_len = pc->n;
		if (pc->p != NULL) {
			/* writev() does not write to it */
			memcpy(&v[i].iov_base, &pc->p, sizeof(pc->p));
			continue;
		}
		v[i].iov_base = own;
		own += pc->n;
	}
	return write_all(o, v, (int)o->pieces);
}

int
output_flush(struct output *o)
{
	if (o->error == 0 && o->b.failed)
		o->error = -ENOBUFS;
	if (o->error == 0 && o->pieces == 0 && o->b.n > 0) {
		struct iovec v = { o->b.p, o->b.n };

		o->error = write_all(o, &v, 1);
	} else if (o->error == 0 && o->pieces > 0) {
		close_piece(o);
		o->error = write_pieces(o);
	}
	buf_clear(&o->b);
	o->pieces = o->cut = o->lent = 0;
	if (o->b.cap > 16 * OUTPUT_GATHER)
		buf_fini(&o->b);
	return o->error;
}

int
output_rest(struct output *o)
{
	int r = output_flush(o);

	buf_fini(&o->b);
	free(o->piece);
	o->piece = NULL;
	return r;
}

void
output_lend(struct output *o, struct view v)
{
	if (v.n < OUTPUT_LEND) {
		buf_put(&o->b, v);
		return;
	}
	if (o->piece == NULL)
		o->piece = xcalloc(OUTPUT_PIECES, sizeof(*o->piece));
	if (o->pieces + 3 > OUTPUT_PIECES)
		(void)output_flush(o);
	close_piece(o);
	o->piece[o->pieces++] = (struct output_piece){ v.p, v.n };
	o->lent += v.n;
}

/* The way for descriptors sendfile() cannot write to. */
static int
copy_file(struct output *o, int fd, uint64_t at, uint64_t n)
{
	AUTO_FREE uint8_t *p = xmalloc(OUTPUT_GATHER);

	while (n > 0) {
		size_t want = n < OUTPUT_GATHER ? (size_t)n : OUTPUT_GATHER;
		ssize_t r = pread(fd, p, want, (off_t)at);
		struct iovec v = { p, r > 0 ? (size_t)r : 0 };
		int e;

		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			return r == 0 ? -ENODATA : -errno;
		if ((e = write_all(o, &v, 1)) != 0)
			return e;
		at += (uint64_t)r;
		n -= (uint64_t)r;
	}
	return 0;
}

static int
send_file(struct output *o, int fd, uint64_t offset, uint64_t n)
{
	off_t at = (off_t)offset;

	while (n > 0) {
		ssize_t r = sendfile(
		    o->fd, fd, &at, n < (1u << 30) ? (size_t)n : 1u << 30);
		int e;

		if (r == -1 && errno == EAGAIN) {
			if ((e = wait_writable(o)) != 0)
				return e;
			continue;
		}
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1 && (errno == EINVAL || errno == ENOSYS))
			return copy_file(o, fd, (uint64_t)at, n);
		if (r <= 0)
			return r == 0 ? -ENODATA : -errno;
		o->sent += (uint64_t)r;
		n -= (uint64_t)r;
	}
	return 0;
}

void
output_file(struct output *o, int fd, uint64_t offset, uint64_t n)
{
	if (output_flush(o) == 0)
		o->error = send_file(o, fd, offset, n);
}
