#ifndef STORE_MAILBOX_H
#define STORE_MAILBOX_H

#include "base/arena.h"
#include "store/account.h"

/*
 * Mailboxes by name and the state of one mailbox.
 *
 * Names are UTF-8 without NUL and control characters, levels divided by '/',
 * no level empty; "INBOX" in any case, also as first level, is the mailbox INBOX.
 */

/* A mailbox in a listing. */
struct mailbox_entry {
	struct mailbox_row row;
	struct view name; /* full name, UTF-8, in the arena */
	bool has_children;
	bool subscribed;
};

/* STORE_OK or STORE_BAD_NAME or STORE_LIMIT. */
int mailbox_name_check(struct view name) A_MUST_USE;

/* The mailbox of that full name. STORE_NOT_FOUND, STORE_BAD_NAME. A \Noselect
 * one is found too: look at row.noselect. */
int mailbox_find(struct account *a, struct view name, struct mailbox_row *out)
    A_MUST_USE;
/* The present row of mailbox id; STORE_NOT_FOUND once it is deleted. */
int mailbox_get(struct account *a, uint32_t id, struct mailbox_row *out)
    A_MUST_USE;
/* Are there mailboxes below mailbox id? No, when it is not there. 0 or negative
 * errno. */
int mailbox_has_children(struct account *a, uint32_t id, bool *out) A_MUST_USE;
/* All mailboxes of one snapshot, sorted bytewise by full name with INBOX first;
 * in the arena (-ENOMEM when its limit is too small). */
int mailbox_list(struct account *a, struct arena *arena,
    struct mailbox_entry **out, size_t *n) A_MUST_USE;
/* Subscribed names, whether they exist or not (RFC 9051 section 6.3.7). */
int mailbox_subscriptions(struct account *a, struct arena *arena,
    struct view **out, size_t *n) A_MUST_USE;

/*
 * What one snapshot says of a mailbox: the row, and all its UIDs as runs.
 * runs   out; malloc'd, the caller frees; NULL when the mailbox is empty
 * Cost is by runs and by 4096 UIDs, not by messages.
 */
int mailbox_open(struct account *a, uint32_t id, struct mailbox_row *row,
    struct uid_run **runs, size_t *n) A_MUST_USE;

/*
 * Everything that happened to a mailbox after modseq since, in one snapshot.
 * flags      UIDs whose flags changed and that still exist (may include newly
 *            arrived ones)
 * expunged   UIDs gone since then (may include UIDs the caller never knew)
 * arrived    UIDs >= uidnext_since that exist now
 * Arrays are malloc'd; free them by mailbox_changes_fini().
 */
struct mailbox_changes {
	struct mailbox_row row; /* row.highestmodseq is the new position */
	struct uid_run *flags, *expunged, *arrived;
	size_t n_flags, n_expunged, n_arrived;
	/* since lies before what is remembered: expunged is not complete then,
	 * compare with mailbox_open() (RFC 7162 section 3.2.5.2) */
	bool incomplete;
};
int mailbox_changes(struct account *a, uint32_t id, uint64_t since,
    uint32_t uidnext_since, struct mailbox_changes *out) A_MUST_USE;
void mailbox_changes_fini(struct mailbox_changes *c);

/*
 * Take the \Recent messages for this session (RFC 3501 section 2.3.2): *floor
 * is the first UID that is \Recent to it and the floor moves to UIDNEXT, so
 * that no other session gets them. Kept in the view only, no commit.
 */
int mailbox_take_recent(struct account *a, uint32_t id, uint32_t *floor)
    A_MUST_USE;

#endif
