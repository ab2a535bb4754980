#include "cli/control.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/fd.h"
#include "cli/cli.h"

#define CONTROL_SOCKET "fumi.sock"

int
control_connect(const struct conf *conf)
{
	struct timeval wait = { .tv_sec = CONTROL_ANSWER_S };
	AUTO_CLOSE int fd = fd_connect(
	    conf_str(conf, "server", NULL, "run-dir"), CONTROL_SOCKET);

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0)
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
