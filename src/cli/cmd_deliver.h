#ifndef CLI_CMD_DELIVER_H
#define CLI_CMD_DELIVER_H

#include "base/conf.h"

/*
 * fumi deliver [-det] [-a DETAIL] [-f SENDER] [-m MAILBOX] ACCOUNT ... < MESSAGE
 * mail.local, mail: the same by the name of the program
 *
 * Puts the message on standard input where [delivery] mailbox says: into each
 * account's INBOX, through the running server, which knows its caller from the
 * kernel, or without a server by itself (cli/alone.h); or into a file
 * of the local user of that name, as that user. Line ends may be LF or CRLF; an
 * mbox "From " line at the start is dropped. Without an ACCOUNT it is the
 * caller's own (not for root).
 *
 *   -d          what follows are accounts (mail.local, procmail: -d ACCOUNT)
 *   -f -r ADDR  sender of the envelope; else that of a "From " line
 *   -a DETAIL   of user+detail (procmail), or, with an "@" in it, the address as
 *               the sender wrote it (dovecot-lda): for the user's script
 *   -m MAILBOX  another place than [delivery] mailbox, in its language
 *   -t          every failure is EX_TEMPFAIL (procmail), but not what is
 *               refused: that is no failure
 *   -e          what is refused is EX_NOPERM, for MTAs that then write the
 *               bounce from standard error (dovecot-lda)
 *   -7 -b -o -s -Y  have no meaning here, and are taken for the sake of
 *               configurations written for mail.local and procmail (-b: a full
 *               quota is for good; it is not told from a full disk)
 *
 * Other options of mail.local (-D -h -H -l) are refused, and what does the same is
 * said.
 *
 * EX_OK only when it is on disk for all; EX_TEMPFAIL with the reason when it may
 * be better another time for one of them; else the first of EX_NOUSER,
 * EX_DATAERR (it can never be stored), EX_UNAVAILABLE (refused), EX_CANTCREAT,
 * EX_NOPERM, EX_CONFIG; EX_USAGE. conf by proc/settings.h.
 */
int cmd_deliver(const struct conf *conf, int argc, char **argv);

/*
 * procmail [-optY] [-a DETAIL] [-f SENDER] [-d ACCOUNT ...] < MESSAGE
 *
 * The same in the place of procmail, as MTAs call it; -f - leaves the sender to
 * the message's "From " line, -p has no meaning. Recipes are not read: names of
 * their files, assignments and the other ways to run procmail (-m -z) are refused.
 */
int cmd_procmail(const struct conf *conf, int argc, char **argv);

#define CMD_DELIVER_ACCOUNTS_MAX 1000 /* of one call */

#endif
