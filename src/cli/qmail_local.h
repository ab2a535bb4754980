#ifndef CLI_QMAIL_LOCAL_H
#define CLI_QMAIL_LOCAL_H

#include "base/conf.h"

/*
 * qmail-local [-nN] USER HOMEDIR LOCAL DASH EXT DOMAIN SENDER DEFAULT < MESSAGE
 *
 * Delivers the message on standard input as HOMEDIR/.qmail<DASH><EXT> says
 * (dot-qmail(5)); DEFAULT when DASH is empty and there is no such file, or the
 * file is empty. Programs and files come first, in order; then all forwards go
 * out in one piece through [out] sendmail. Root becomes HOMEDIR's owner first.
 *
 * -n  only say what would be done, a line an instruction
 *
 * Returns 0; 100: it can never be delivered; 111: another time. The reason is
 * on standard output, as qmail-lspawn expects, one line.
 */
int cmd_qmail_local(const struct conf *conf, int argc, char **argv);

#define QMAIL_LOCAL_HARD 100
#define QMAIL_LOCAL_SOFT 111
#define QMAIL_LOCAL_STOP 99 /* of a program: done, and nothing further */
#define QMAIL_LOCAL_FORWARDS_MAX 1000 /* addresses one message may go to */

#endif
