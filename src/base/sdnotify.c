#include "base/sdnotify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

int
sdnotify_send(struct view lines)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = -1;
	size_t n;
	socklen_t len;

	if (path == NULL || path[0] == '\0')
		return 0;
	n = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || n >= sizeof(to.sun_path))
		return -EINVAL;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return -errno;
	if (sendto(fd, lines.p, lines.n, MSG_NOSIGNAL,
		(const struct sockaddr *)&to, len) == -1)
		return -errno;
	return 1;
}

int
sdnotify_ready(void)
{
	return sdnotify_send(VIEW_LIT("READY=1"));
}

int
sdnotify_stopping(void)
{
	return sdnotify_send(VIEW_LIT("STOPPING=1"));
}

int
sdnotify_reloading(void)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)clock_mono_us());
	return sdnotify_send(view_str(text));
}

/* A number in the environment; false when it is absent or no such number. */
static bool
env_num(const char *name, uint64_t max, uint64_t *out)
{
	const char *s = getenv(name);

	return s != NULL && num_parse(view_str(s), max, out);
}

uint64_t
sdnotify_watchdog_ms(void)
{
	uint64_t us, pid;

	if (!env_num("WATCHDOG_USEC", UINT64_MAX, &us))
		return 0;
	if (getenv("WATCHDOG_PID") != NULL &&
	    (!env_num("WATCHDOG_PID", INT32_MAX, &pid) ||
		pid != (uint64_t)getpid()))
		return 0;
	return us / 1000;
}

/* The next of the names, which have colons between them. */
static void
take_name(struct view *names, char out[SDNOTIFY_NAME_MAX])
{
	const uint8_t *colon =
	    names->n > 0 ? memchr(names->p, ':', names->n) : NULL;
	size_t n = colon != NULL ? (size_t)(colon - names->p) : names->n;
	struct view one = view_sub(*names, 0, n);

	one = view_sub(one, 0, SDNOTIFY_NAME_MAX - 1);
	memset(out, 0, SDNOTIFY_NAME_MAX);
	if (one.n > 0)
		memcpy(out, one.p, one.n);
	view_skip(names, n + (colon != NULL));
}

/* As sdnotify_listen_fds(), before the environment is cleared. */
static int
listen_fds(struct sdnotify_fd *out, size_t max)
{
	const char *names = getenv("LISTEN_FDNAMES");
	struct view v = view_str(names != NULL ? names : "");
	uint64_t n, pid;

	if (getenv("LISTEN_FDS") == NULL || getenv("LISTEN_PID") == NULL)
		return 0;
	if (!env_num("LISTEN_PID", INT32_MAX, &pid) ||
	    !env_num("LISTEN_FDS", INT32_MAX - FIRST_FD, &n))
		return -EINVAL;
	if (pid != (uint64_t)getpid())
		return 0; /* meant for somebody else */
	if (n > max)
		return -E2BIG;
	for (uint64_t i = 0; i < n; i++) {
		int fd = (int)(FIRST_FD + i);
		int flags = fcntl(fd, F_GETFD);

		if (flags == -1 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) != 0)
			return -errno;
		out[i].fd = fd;
		take_name(&v, out[i].name);
	}
	return (int)n;
}

int
sdnotify_listen_fds(struct sdnotify_fd *out, size_t max)
{
	int r = listen_fds(out, max);

	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDNAMES");
	return r;
}
