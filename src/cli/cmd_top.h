#ifndef CLI_CMD_TOP_H
#define CLI_CMD_TOP_H

#include "base/conf.h"

/*
 * fumi top [--json]
 *
 * The sessions of the running server: id as in the log, process, account,
 * address, time since login. For root and the server's own user. EX_NOPERM,
 * EX_UNAVAILABLE when no server runs.
 */
int cmd_top(const struct conf *conf, int argc, char **argv);

#endif
