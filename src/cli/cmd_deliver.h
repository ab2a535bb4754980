#ifndef CLI_CMD_DELIVER_H
#define CLI_CMD_DELIVER_H

#include "base/conf.h"

/*
 * fumi deliver -d ACCOUNT [-f SENDER] < MESSAGE
 *
 * Puts the message on standard input into the account's INBOX: through the
 * running server, which knows its caller from the kernel, or without a server by
 * becoming the owner of the mail. Line ends may be LF or CRLF; an mbox "From "
 * line at the start is dropped.
 *
 * EX_OK only when the message is on disk; EX_NOUSER, EX_DATAERR (it can never
 * be stored), EX_NOPERM, EX_USAGE, and EX_TEMPFAIL with the reason for all that
 * may be better another time. conf by proc/settings.h.
 */
int cmd_deliver(const struct conf *conf, int argc, char **argv);

#endif
