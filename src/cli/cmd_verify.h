#ifndef CLI_CMD_VERIFY_H
#define CLI_CMD_VERIFY_H

#include "base/conf.h"

/*
 * fumi verify -u ACCOUNT [--repair] [--json]
 *
 * Checks every octet of the account's mail against its digests, and the view
 * against the log; says what is wrong, and where. --repair mends what can be.
 * Other writers wait meanwhile. Quiet when all is well.
 *
 * EX_OK: nothing is wrong, or all of it was repaired; EX_DATAERR: something is;
 * EX_NOUSER, EX_NOPERM, EX_TEMPFAIL, EX_IOERR. conf by proc/settings.h.
 */
int cmd_verify(const struct conf *conf, int argc, char **argv);

#endif
