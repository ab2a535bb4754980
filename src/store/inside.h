#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include <errno.h>

#include "base/clock.h"
#include "store/account.h"
#include "store/log.h"

/*
 * What the files of store/ share about an open account. Nobody outside includes
 * this.
 */
struct vdb;
struct vdb_txn;
struct tx;
struct compact;

struct account {
	int dirfd; /* borrowed */
	struct account_options options;
	char boot_id[CLOCK_BOOT_ID_SIZE];
	struct store_log *log;
	struct vdb *vdb;
	struct tx *tx;   /* the open change, or NULL */
	bool is_suspect; /* the view contradicted itself: build it anew */
	struct compact *compact; /* in the middle of a segment, or NULL */
	uint64_t compact_limit;  /* segments from here on are too new for it */
	uint64_t compact_after;  /* clock_mono_ms() before which not to look */
	struct why why;          /* about the last failure */
	struct why notice;       /* account_notice(); empty: none */
	uint8_t keyword_name[STORE_KEYWORD_MAX]; /* account_keyword_name() */
};

#define ACCOUNT_LOCK_MS 10000
#define ACCOUNT_KEEP_EXPUNGED (14 * 24 * 3600) /* seconds */

/* What callers are told of a result: no room is STORE_FULL. */
static inline int
store_outcome(int r)
{
	return r == -ENOSPC || r == -EDQUOT ? STORE_FULL : r;
}

/*
 * Begin reading one snapshot; when the log is beyond the view and nobody is
 * just writing it, applies that first, or goes without when the disk has no
 * room for it. Within a change it reads that change.
 */
int account_read(struct account *a, struct vdb_txn **t) A_MUST_USE;
/* The end of it. NULL is fine. */
void account_read_end(struct account *a, struct vdb_txn *t);

/*
 * Take the lock, bring the view up to the log, begin writing the view.
 * account_write_end(commit) ends it: with commit the view's changes stay.
 * Releases the lock in any case.
 */
int account_write(struct account *a, unsigned timeout_ms, struct vdb_txn **t)
    A_MUST_USE;
int account_write_end(struct account *a, struct vdb_txn *t, bool commit)
    A_MUST_USE;

/* What the log says up to *to, the end of a commit, into an empty view. whole:
 * by reading all of it, no index of a segment is believed. */
int account_fill(struct account *a, struct vdb *v, const struct log_tail *to,
    bool whole) A_MUST_USE;
/* Under the lock: another view in the place of the one there is. */
int account_rebuild(struct account *a) A_MUST_USE;

/* The view as an open change sees it. */
struct vdb_txn *tx_view(struct tx *t);
/* Make mailbox 1. */
int tx_inbox(struct tx *t) A_MUST_USE;

/* As account_keyword_find(). */
int keyword_find(struct vdb_txn *t, struct view name, unsigned *number)
    A_MUST_USE;
/* mailbox_find() without the row. name is checked. */
int mailbox_walk(struct vdb_txn *t, struct view name, uint32_t *id) A_MUST_USE;
/* The next level of *name, which moves behind it and its delimiter; the first
 * level INBOX in any case becomes "INBOX" (first is true then). */
struct view mailbox_level(struct view *name, bool first);

#endif
