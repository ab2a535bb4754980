#include "cli/control.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/fd.h"

int
control_connect(const struct conf *conf)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *dir = conf_str(conf, "server", NULL, "run-dir");
	struct timeval wait = { .tv_sec = CONTROL_ANSWER_S };
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd == -1 ||
	    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/fumi.sock", dir) >=
		(int)sizeof(sa.sun_path) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
	    connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
		return -1;
	return fd_take(&fd);
}
