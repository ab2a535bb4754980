#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <errno.h>

#include "base/conf.h"
#include "base/view.h"

/*
 * Talking to the hub of a running server over run/fumi.sock
 * (proc/msg_control.h).
 */
#define CONTROL_ANSWER_S 60 /* so long the server may take to answer */

/* A connected socket, or a negative errno. The path may be of any length. */
int control_connect(const struct conf *conf) A_MUST_USE;
/* Does that errno say that no server runs? Any other may hide one. */
static inline bool
control_is_absent(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}
/* Connect for a command; what is wrong is said on standard error. 0 with *fd, or
 * an exit status. */
int control_connect_for(const struct conf *conf, const char *command, int *fd)
    A_MUST_USE;

#endif
