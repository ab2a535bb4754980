#ifndef STORE_TX_H
#define STORE_TX_H

#include "store/account.h"
#include "store/spool.h"

/*
 * A change of an account: the lock is taken by tx_begin(), everything asked for
 * in between becomes one commit with one flush, or nothing of it (tx_abort(),
 * or a failure). Never wait for a client or another process while one is open.
 *
 * Each tx_* call sees what the calls before it did. When one returns an outcome
 * (> 0) that call did nothing and the change may go on; after a negative errno
 * only tx_abort() is left.
 */
struct tx;

/* Take the lock, waiting ten seconds for it at most; one change at a time of an
 * account. *out is ended by tx_commit() or tx_abort(). */
int tx_begin(struct account *a, struct tx **out) A_MUST_USE;
/*
 * Write, flush, apply, release the lock. modseq: the version of the commit, to
 * be told to the hub; the newest one when there was nothing to do (then nothing
 * is written). On failure (negative errno, STORE_FULL) the account is as it was
 * before tx_begin(). Sets *t to NULL in any case.
 */
int tx_commit(struct tx **t, uint64_t *modseq) A_MUST_USE;
/* Nothing of it was ever there; *t may be NULL, and is afterwards. */
void tx_abort(struct tx **t);

/* --- messages --- */

/* Put the spooled message into the account; finished, not yet used. The spool
 * must live until the end of the transaction. */
int tx_body(struct tx *t, struct spool *s, uint64_t *body) A_MUST_USE;
/* Put body into the mailbox with the next UID. */
int tx_message(struct tx *t, uint32_t mailbox, uint64_t body,
    const struct store_flags *flags, int64_t date, int16_t zone, uint32_t *uid)
    A_MUST_USE;

enum tx_flags_how { TX_FLAGS_SET, TX_FLAGS_ADD, TX_FLAGS_REMOVE };
/*
 * Change the flags of every existing message in the runs. With unchanged_since
 * != 0 messages with a greater modseq are left alone and their UIDs are put
 * into *modified (malloc'd, may be NULL when none; RFC 7162 section 3.1.3).
 * changed: out; UIDs that have another state now, malloc'd.
 */
int tx_flags(struct tx *t, uint32_t mailbox, const struct uid_run *runs,
    size_t n, enum tx_flags_how how, const struct store_flags *flags,
    uint64_t unchanged_since, struct uid_run **changed, size_t *n_changed,
    struct uid_run **modified, size_t *n_modified) A_MUST_USE;
/* Expunge the existing messages in the runs; with only_deleted just those that
 * have \Deleted. gone: out; UIDs expunged, malloc'd. */
int tx_expunge(struct tx *t, uint32_t mailbox, const struct uid_run *runs,
    size_t n, bool only_deleted, struct uid_run **gone, size_t *n_gone)
    A_MUST_USE;
/*
 * Copy the existing messages in the runs, flags, keywords and INTERNALDATE
 * kept (RFC 9051 section 6.4.7); with move they are expunged from the source
 * (RFC 6851).
 * from   out; UIDs that were copied, malloc'd runs
 * first  out; the copies have UIDs from first on, in the same order
 */
int tx_copy(struct tx *t, uint32_t source, const struct uid_run *runs, size_t n,
    uint32_t target, bool move, struct uid_run **from, size_t *n_from,
    uint32_t *first) A_MUST_USE;
/* The number of a keyword, made if new. STORE_LIMIT when there are too many. */
int tx_keyword(struct tx *t, struct view name, unsigned *number) A_MUST_USE;

/* --- mailboxes --- */

/* Superior levels that are missing are made too (RFC 9051 section 6.3.4). A
 * \Noselect one of that name becomes a mailbox (with a new UIDVALIDITY).
 * STORE_EXISTS, STORE_BAD_NAME, STORE_LIMIT. */
int tx_mailbox_create(
    struct tx *t, struct view name, uint32_t uses, uint32_t *id) A_MUST_USE;
/* Its messages and annotations go too. With children it stays as \Noselect (RFC 9051 section
 * 6.3.5). STORE_NOT_FOUND, STORE_PERM (INBOX), STORE_HAS_CHILDREN (already
 * \Noselect and has children). */
int tx_mailbox_delete(struct tx *t, struct view name) A_MUST_USE;
/* Children and annotations move along; INBOX gives its messages away and stays,
 * its annotations are copied (RFC 9051 section 6.3.6, RFC 5464 section 4.1). STORE_NOT_FOUND, STORE_EXISTS, STORE_BAD_NAME, STORE_PERM
 * (into itself), STORE_LIMIT. */
int tx_mailbox_rename(struct tx *t, struct view from, struct view to)
    A_MUST_USE;
/* By name, whether or not the mailbox exists. */
int tx_subscribe(struct tx *t, struct view name, bool on) A_MUST_USE;

#endif
