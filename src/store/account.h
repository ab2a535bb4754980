#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include "base/attrs.h"
#include "base/why.h"
#include "store/types.h"

/*
 * One account's store, opened by one process (open it after fork, never carry
 * it across). Every call stands alone: no transaction, lock or map of the
 * account is held between two calls of this library, except between tx_begin()
 * and tx_commit()/tx_abort() (tx.h) and by bodies that were opened and not yet
 * released (message.h). Any number of processes may have the account open, but
 * no process may have it open twice at a time (LMDB's rule).
 */
struct account;

#define ACCOUNT_KEEP_NOTHING UINT32_MAX

struct account_options {
	bool read_only; /* verify and export of a damaged account */
	/* seconds that expunged messages are kept; 0 stands for 14 days,
	 * ACCOUNT_KEEP_NOTHING for none */
	uint32_t keep_expunged;
	/* this boot (clock_boot_id(), which reads /proc: ask before a sandbox
	 * closes); NULL: ask now. Borrowed during account_open(). */
	const char *boot_id;
};

/*
 * Open the account in the directory dirfd; with create, make what is missing
 * (log, view, INBOX). Recovers the log and builds the view when needed.
 *
 * dirfd  the account's own directory; borrowed, must stay open as long
 * o      NULL for the defaults
 *
 * Returns 0, STORE_LOCKED, STORE_DAMAGED, STORE_NOT_FOUND (no account here and
 * no create), or negative errno; *w then says which file.
 */
int account_open(int dirfd, bool create, const struct account_options *o,
    struct account **out, struct why *w) A_MUST_USE;
/* Syncs nothing, waits for nothing. NULL and half-open are fine. */
void account_close(struct account **a);

/*
 * The account's newest modseq: one commit, one number, over all mailboxes. This
 * is the position that is told to the hub. Costs well under a microsecond when
 * nothing changed; applies what other processes have committed otherwise.
 */
int account_modseq(struct account *a, uint64_t *out) A_MUST_USE;
/* Text about the last negative or STORE_DAMAGED result, for the log. */
const char *account_why(const struct account *a);
/* Damage that was found and got round when the view was made anew: true, once,
 * with a text for the log that names the file. */
bool account_notice(struct account *a, struct why *out);

/* Mark the view clean and synced, so that the next start need not rebuild it.
 * For the orderly stop; never needed for safety. */
int account_settle(struct account *a) A_MUST_USE;

/* Keywords of the account. Numbers are 0..STORE_KEYWORDS_MAX-1, given once and
 * never reused; names compare ASCII case-insensitively and keep the spelling
 * of first use. The view lives until the next call of the store. */
int account_keyword_name(struct account *a, unsigned number, struct view *out)
    A_MUST_USE;
/* STORE_NOT_FOUND when no message ever had it. Creating is tx_keyword(). */
int account_keyword_find(struct account *a, struct view name, unsigned *number)
    A_MUST_USE;

#endif
