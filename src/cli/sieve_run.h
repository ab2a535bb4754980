#ifndef CLI_SIEVE_RUN_H
#define CLI_SIEVE_RUN_H

#include "base/conf.h"

/*
 * fumi sieve run -u ACCOUNT [--dry-run] [--since TIME] [--mailbox NAME]
 *                [--script FILE]
 *
 * Runs a script over mail that is there already: the account's active one, or
 * the one in FILE ("-": standard input), over the messages of INBOX or NAME
 * that arrived in the last TIME ("30d"; s, m, h, d or w; default: all). What is
 * filed moves, and keeps its flags where the script says nothing about them;
 * what is kept, or to be filed where there is no mailbox, stays, with the flags
 * the script gives it; edited messages are replaced. Nothing is ever sent or
 * thrown away: messages that the script discards, rejects or redirects stay
 * where they are, and that is said.
 *
 * A script is told the flags each message has; the envelope's sender is that in
 * Return-Path, or not known. No message is a duplicate (RFC 7352), and what is
 * done here is not remembered for later deliveries.
 *
 * --dry-run  only say what would be done, a line for each action
 *
 * argv[0] is "run". EX_OK; EX_DATAERR: the script has errors, or ended with one
 * for some message; EX_NOINPUT, EX_NOUSER, EX_NOPERM, EX_TEMPFAIL, EX_IOERR.
 */
int sieve_run_command(const struct conf *conf, int argc, char **argv);

#endif
