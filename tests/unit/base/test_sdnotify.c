#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sdnotify.h"
#include "tap.h"

static void
test_notify(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char name[80], got[256] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int n = snprintf(name, sizeof(name), "@fumi-test-%d", (int)getpid());
	socklen_t len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n);

	unsetenv("NOTIFY_SOCKET");
	tap_ok(sdnotify_ready() == 0, "nobody listens");
	memcpy(a.sun_path, name, (size_t)n);
	a.sun_path[0] = '\0';
	if (bind(fd, (struct sockaddr *)&a, len) != 0)
		abort();
	setenv("NOTIFY_SOCKET", name, 1);
	tap_ok(sdnotify_ready() == 1 && recv(fd, got, sizeof(got), 0) == 7 &&
		memcmp(got, "READY=1", 7) == 0,
	    "ready");
	tap_ok(sdnotify_stopping() == 1 && recv(fd, got, sizeof(got), 0) == 10,
	    "stopping");
	clock_fake_set(0, 1234567);
	tap_ok(sdnotify_reloading() == 1 && recv(fd, got, sizeof(got), 0) > 0 &&
		strncmp(got, "RELOADING=1\nMONOTONIC_USEC=1234567", 34) == 0,
	    "reloading");
	setenv("NOTIFY_SOCKET", "relative", 1);
	tap_ok(sdnotify_ready() < 0, "not a socket's name");
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	tap_ok(sdnotify_ready() < 0, "not there");
	close(fd);
}

static void
listen_env(const char *pid, const char *fds, const char *names)
{
	char own[32];

	(void)snprintf(own, sizeof(own), "%d", (int)getpid());
	setenv("LISTEN_PID", pid != NULL ? pid : own, 1);
	setenv("LISTEN_FDS", fds, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static void
test_listen(void)
{
	struct sdnotify_fd out[SDNOTIFY_FDS_MAX];
	int p[2], n;

	tap_ok(sdnotify_listen_fds(out, SDNOTIFY_FDS_MAX) == 0, "none");
	/* make sure that 3 and 4 are open */
	if (pipe(p) != 0 || (p[0] != 3 && dup2(p[0], 3) != 3) ||
	    (p[1] != 4 && dup2(p[1], 4) != 4))
		abort();
	listen_env(NULL, "2", "imap:imaps");
	n = sdnotify_listen_fds(out, SDNOTIFY_FDS_MAX);
	tap_ok(n == 2 && out[0].fd == 3 && out[1].fd == 4, "two");
	tap_ok(n == 2 && strcmp(out[0].name, "imap") == 0 &&
		strcmp(out[1].name, "imaps") == 0,
	    "their names");
	tap_ok((fcntl(3, F_GETFD) & FD_CLOEXEC) != 0, "close-on-exec");
	tap_ok(getenv("LISTEN_FDS") == NULL, "the environment is cleared");
	listen_env("1", "2", "");
	tap_ok(sdnotify_listen_fds(out, 2) == 0, "of another process");
	listen_env(NULL, "2", "imap");
	tap_ok(sdnotify_listen_fds(out, 2) == 2 && out[1].name[0] == '\0',
	    "at the limit, a name missing");
	listen_env(NULL, "2", "");
	tap_ok(sdnotify_listen_fds(out, 1) < 0, "one past it");
	listen_env(NULL, "x", "");
	tap_ok(sdnotify_listen_fds(out, 2) < 0, "not a number");
	listen_env(NULL, "60", "");
	tap_ok(sdnotify_listen_fds(out, SDNOTIFY_FDS_MAX) < 0, "not open");
	setenv("WATCHDOG_USEC", "30000000", 1);
	tap_ok(sdnotify_watchdog_ms() == 30000, "watchdog");
	setenv("WATCHDOG_PID", "1", 1);
	tap_ok(sdnotify_watchdog_ms() == 0, "of another process");
}

int
main(void)
{
	test_notify();
	test_listen();
	return tap_done();
}
