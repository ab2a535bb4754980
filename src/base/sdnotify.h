#ifndef BASE_SDNOTIFY_H
#define BASE_SDNOTIFY_H

#include "base/attrs.h"
#include "base/view.h"

/* What sd_notify(3) and sd_listen_fds(3) do, without libsystemd. */

/*
 * Tell the service manager: lines such as "READY=1", "STATUS=…", "STOPPING=1",
 * "MAINPID=12" with newlines between. 1: told, 0: nobody wants it (no
 * NOTIFY_SOCKET), or a negative errno.
 */
int sdnotify_send(struct view lines);
int sdnotify_ready(void);
int sdnotify_stopping(void);
/* "RELOADING=1" with the MONOTONIC_USEC it needs; sdnotify_ready() ends it. */
int sdnotify_reloading(void);
/* Milliseconds after which a "WATCHDOG=1" is missed; 0: none wanted. */
uint64_t sdnotify_watchdog_ms(void);

#define SDNOTIFY_FDS_MAX 64
#define SDNOTIFY_NAME_MAX 64 /* bytes, with the NUL; longer ones are cut */
struct sdnotify_fd {
	int fd;
	char name[SDNOTIFY_NAME_MAX]; /* FileDescriptorName=, or "" */
};
/*
 * The sockets handed over at start (close-on-exec set), at most max of them;
 * the caller owns them. Removes LISTEN_* from the environment, so that children
 * do not take them for theirs. The number, 0 for none, or a negative errno
 * (-EINVAL: the variables make no sense, -EBADF, -E2BIG: more than max).
 */
int sdnotify_listen_fds(struct sdnotify_fd *out, size_t max) A_MUST_USE;

#endif
