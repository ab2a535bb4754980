#ifndef CLI_QMAIL_LOCAL_INSIDE_H
#define CLI_QMAIL_LOCAL_INSIDE_H

#include "cli/dotqmail.h"
#include "cli/local.h"
#include "cli/qmail_local.h"

/*
 * Inside qmail-local: one delivery, between the reading of .qmail
 * (qmail_local.c) and what is done for each line (qmail_act.c).
 */
struct qmail {
	const struct conf *conf;
	bool dry; /* -n: only say */
	const char *user, *home, *local, *dash, *ext, *host, *sender, *fallback;
	int dir; /* the home directory */
	struct local_message message;
	struct buf rpline, dtline, ufline; /* with their LF */
	struct buf newsender;              /* NUL at the end */
	bool verp; /* newsender is one for each recipient: see dot-qmail(5) */
	const char
	    *matched; /* what "default" stands for; NULL: none was used */
	struct buf forwards; /* addresses, each with its NUL */
	unsigned n_forwards, n_files, n_programs;
};

/* "text: cause" is printed; returns status. cause may be NULL. */
int qmail_fail(int status, const char *text, const char *cause);

/*
 * Carry one instruction out; a forward is only remembered. 0,
 * QMAIL_LOCAL_STOP, or QMAIL_LOCAL_HARD and QMAIL_LOCAL_SOFT, said already.
 */
int qmail_act(struct qmail *q, const struct dotqmail_line *l) A_MUST_USE;
/* Send to all addresses that were remembered. 0, HARD, SOFT. */
int qmail_forward(struct qmail *q) A_MUST_USE;

#endif
