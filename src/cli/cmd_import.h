#ifndef CLI_CMD_IMPORT_H
#define CLI_CMD_IMPORT_H

#include "base/conf.h"

/*
 * fumi import -u ACCOUNT [-m MAILBOX] [-n] maildir PATH
 * fumi import -u ACCOUNT [-m MAILBOX] [-n] [-q rd|o|cl|cl2] mbox PATH
 *
 * A maildir with its Maildir++ folders, or one mbox file, into the account, for
 * as long as it takes with a progress bar. -m: into this mailbox (and, for
 * folders, below it) in the place of INBOX. -q: how the mbox quotes lines that
 * begin with "From " (default rd). Flags, keywords and dates are kept. Nothing is
 * put in twice: break it off and start again as you like. -n, --dry-run: say
 * what would be done. The source is only read. A message that cannot be taken is
 * named, and the rest goes on.
 *
 * Prints "N added, N skipped". EX_NOINPUT, EX_DATAERR (some could not be taken),
 * EX_NOUSER, EX_NOPERM, EX_TEMPFAIL. conf by proc/settings.h.
 */
int cmd_import(const struct conf *conf, int argc, char **argv);

#endif
