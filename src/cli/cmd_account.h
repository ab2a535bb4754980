#ifndef CLI_CMD_ACCOUNT_H
#define CLI_CMD_ACCOUNT_H

#include "base/conf.h"

/*
 * fumi account add [--scheme yescrypt|plain] NAME...
 * fumi account passwd [--scheme yescrypt|plain] NAME...
 * fumi account remove|disable|enable NAME...
 * fumi account list [--json]
 *
 * What an account has goes with it: remove moves its mail aside
 * (cli/account_mail.h), and add refuses a name whose mail is still there.
 *
 * argv[0] is "account". A password is asked for twice on the terminal, or is
 * the one line of standard input; several names share it. All names are done,
 * or none.
 *
 * A running server is asked to do it over run/auth.sock; without one the
 * command opens the directory itself, as auth's user (root becomes that) or as
 * whoever owns it.
 *
 * conf  by proc/settings.h
 * Returns the exit status, of sysexits(3): 0, EX_USAGE, EX_DATAERR (a name or
 * password that is none, or is taken), EX_NOUSER, EX_UNAVAILABLE, EX_NOPERM,
 * EX_IOERR, EX_CONFIG, EX_OSERR, EX_CANTCREAT (mail of an earlier account).
 */
int cmd_account(const struct conf *conf, int argc, char **argv);

#endif
