#ifndef CLI_CMD_OUT_H
#define CLI_CMD_OUT_H

#include "base/conf.h"

/*
 * fumi out list [--json] | retry [ID ...] | remove ID ...
 *
 * The mail that waits to be sent by the running server (proc/msg_out.h): show
 * it; send it now, all of it or what is named; forget what is named without
 * telling anybody. For root and the server's own user.
 *
 * EX_OK; EX_NOPERM; EX_UNAVAILABLE, no server or nothing that sends; EX_DATAERR,
 * no such message, or it is being sent at the moment.
 */
int cmd_out(const struct conf *conf, int argc, char **argv);

#endif
