#include "cli/control.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/fd.h"
#include "cli/cli.h"

#define CONTROL_SOCKET "fumi.sock"

/* By way of the directory, since a path to a socket may be only 107 bytes long.
 */
int
control_connect(const struct conf *conf)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = CONTROL_ANSWER_S };
	AUTO_CLOSE int dir = open(conf_str(conf, "server", NULL, "run-dir"),
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = -1;

	if (dir == -1)
		return -errno;
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path),
	    "/proc/self/fd/%d/" CONTROL_SOCKET, dir);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
	    connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
		return -errno;
	return fd_take(&fd);
}

int
control_connect_for(const struct conf *conf, const char *command, int *fd)
{
	*fd = control_connect(conf);
	if (*fd >= 0)
		return EX_OK;
	if (control_is_absent(*fd))
		return cli_fail(
		    EX_UNAVAILABLE, command, "no server is running");
	return cli_fail(*fd == -EACCES ? EX_NOPERM : EX_UNAVAILABLE, command,
	    "%s/" CONTROL_SOCKET ": %s",
	    conf_str(conf, "server", NULL, "run-dir"), strerror(-*fd));
}
