#ifndef BASE_FD_H
#define BASE_FD_H

#include <errno.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/view.h"

/* Close *fd unless it is -1, set it to -1, keep errno. */
static inline void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

/* Give the descriptor away: returns it and leaves -1 behind. */
static inline int
fd_take(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

/* Write all of v; 0 or negative errno. Continues after EINTR and short writes;
 * on a non-blocking descriptor that is full, -EAGAIN (some may be written). */
int fd_write(int fd, struct view v) A_MUST_USE;
/* Read exactly n bytes at an offset; -ENODATA when the file ends before. */
int fd_pread(int fd, void *p, size_t n, uint64_t offset) A_MUST_USE;
/* The whole of a small file or memfd from its start, at most max bytes, into out
 * (initialised). 0, -EFBIG, or another negative errno. */
struct buf;
int fd_read_whole(int fd, size_t max, struct buf *out) A_MUST_USE;
int fd_nonblock(int fd, bool on) A_MUST_USE;

/*
 * Before a TCP socket is closed whose peer may still be sending: say that no
 * more will come, and throw away what is there until the peer closes too, for
 * at most ms and max bytes. Closing with unread input would send a reset, which
 * may overtake our last words. Does nothing to any other descriptor: the pairs
 * of AF_UNIX deliver what was written in any case.
 * other  something to read from it ends the wait, too; -1: there is none
 */
void fd_linger(int fd, unsigned ms, size_t max, int other);

/*
 * One message over a SOCK_SEQPACKET socket with at most one descriptor.
 * pass  descriptor to send along, or -1; stays the caller's
 * Returns 0 or negative errno (-EAGAIN: full; -EPIPE: the peer is gone).
 */
int fd_send(int sock, struct view msg, int pass) A_MUST_USE;
/*
 * Receive one into p (at most max bytes).
 * passed  out; the descriptor that came along (close-on-exec) or -1; the
 *         caller owns it. Further descriptors are closed here.
 * Returns the length, 0 when the peer has closed, or a negative errno:
 * -EAGAIN: nothing there, -EMSGSIZE: the message was longer than max.
 */
ssize_t fd_recv(int sock, void *p, size_t max, int *passed) A_MUST_USE;

/*
 * Connect to the SOCK_SEQPACKET socket called name in a directory, whose path
 * may be longer than the 107 bytes that a socket's may have.
 * Returns a close-on-exec descriptor, the caller's, or negative errno.
 */
int fd_connect(const char *dir, const char *name) A_MUST_USE;

/* AUTO_CLOSE int fd = ...; is closed when fd goes out of scope. */
#define AUTO_CLOSE __attribute__((cleanup(fd_close)))

#endif
