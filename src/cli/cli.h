#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <sysexits.h>

#include "auth/name.h"
#include "base/attrs.h"
#include "base/conf.h"
#include "base/view.h"
#include "store/account.h"

/*
 * What the commands share. Each is a function in a file of its own,
 *
 *	int cmd_verify(const struct conf *conf, int argc, char **argv);
 *
 * with argv[0] the command's name, and returns the exit status, of sysexits(3).
 * Commands are quiet when they succeed.
 */

/* "fumi COMMAND: text" on standard error; returns status. */
int cli_fail(int status, const char *command, const char *fmt, ...)
    A_PRINTF(3, 4);
/* A wrong argument: the usage line on standard error, EX_USAGE. */
int cli_usage(const char *text);

enum cli_how {
	CLI_CREATE = 1,
	CLI_READ_ALL = 2,
	CLI_WRITE_ALL = 4,
	CLI_LOOK = 8
};
/*
 * Open the account called name and become whoever owns its mail: root gives up
 * its rights for good (call it after opening everything else); anybody else
 * must be the owner already.
 *
 * how     CLI_LOOK: an account that has no mail yet is fine, *out is NULL then
 *         and *dir -1;
 *         CLI_CREATE: make the account's directory and store when there is none
 *         yet; the name must be an account of the directory then. CLI_READ_ALL,
 *         CLI_WRITE_ALL: keep, of root's rights, that of reading any file (an
 *         import), or of writing any (an export)
 * dir     out; the account's directory, to be closed after the account
 *
 * 0; EX_NOUSER, EX_NOPERM, EX_TEMPFAIL (locked), EX_DATAERR (damaged), EX_IOERR,
 * said on standard error.
 */
int cli_account_open(const struct conf *conf, const char *command,
    const char *name, unsigned how, const struct account_options *o, int *dir,
    struct account **out) A_MUST_USE;

/* The same in two steps, for who does something in between. */
struct cli_account {
	int dir;                       /* its directory; -1: none was found */
	char name[NAME_MAX_BYTES + 1]; /* also when it was found by an alias */
	/* as the directory of accounts says, if that may be read */
	bool disabled;
};
int cli_account_find(const struct conf *conf, const char *command,
    const char *name, unsigned how, struct cli_account *out) A_MUST_USE;
/* For good. EX_NOPERM and others are said on standard error. */
int cli_become_owner(const char *command, int dir, unsigned how) A_MUST_USE;

/* What a result of the store is to people, for messages: "the disk is full".
 * a may be NULL. */
const char *cli_store_text(const struct account *a, int r);
/* Its exit status. */
int cli_store_status(int r);

/* A bar on standard error when that is a terminal, else nothing. done of total
 * things (total 0: unknown); call it as often as you like, and once with end. */
void cli_progress(const char *what, uint64_t done, uint64_t total, bool end);

#endif
