#ifndef STORE_VDB_H
#define STORE_VDB_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/why.h"
#include "store/log.h"
#include "store/record.h"
#include "store/types.h"
#include "store/uidruns.h"

/*
 * The view's data base: LMDB beside the log, a cache of what the log says
 * (docs/design.md section 5.2; docs/format.md has the keys). Everything is in
 * the bytes of this machine and this boot; a file of another format, another
 * boot without its clean mark, or another log is not read but built anew.
 *
 *   view.<n>.mdb   the data base; view.<n>.mdb-lock is LMDB's
 *   view.current   names n, the format and the boot; changed by rename
 *   view.clean     names n: synced, nothing written since
 *
 * Functions here return 0, STORE_NOT_FOUND where said, or a negative errno:
 * -ESTALE  the data base is not usable: vdb_discard() and build it anew
 * -ENOSPC  no room on the disk or in the map
 */
struct vdb;
struct vdb_txn;

#define VDB_FORMAT 3
#define VDB_MAP_SIZE ((size_t)64 << 30) /* address space, not memory */
#define VDB_READERS 4096
#define VDB_CHUNK 64   /* UIDs whose rows stand in one value */
#define VDB_BLOCK 4096 /* UIDs whose bits stand in one value */
/* Rows of flag changes kept per mailbox; beyond that changes are found by
 * scanning the messages. */
#define VDB_CHANGES_MAX 2048

/* --- the files --- */

/* The newest view, opened. -ESTALE: there is none that may be used. */
int vdb_open(int dirfd, const char *boot_id, struct vdb **out, struct why *w)
    A_MUST_USE;
/* Under the lock: an empty one with the next number, not named yet. */
int vdb_create(int dirfd, const char *boot_id, struct vdb **out, struct why *w)
    A_MUST_USE;
/* Under the lock: name it, so that every process changes over to it; removes
 * older ones. */
int vdb_publish(struct vdb *v, struct why *w) A_MUST_USE;
/* A private one without a name, for reading an account that may not be
 * written. */
int vdb_create_private(struct vdb **out, struct why *w) A_MUST_USE;
/* A private one as v is now, whoever else may be changing v. */
int vdb_copy(struct vdb *v, struct vdb **out, struct why *w) A_MUST_USE;
void vdb_close(struct vdb **v);
/* Under the lock: is it still the one that is named? One stat. */
bool vdb_is_current(struct vdb *v);
/* Tell those who have it open that another one is named. */
void vdb_supersede(struct vdb *v);
/* Under the lock: sync and set the clean mark. */
int vdb_settle(struct vdb *v, struct why *w) A_MUST_USE;

/* --- transactions: one of each kind at a time per process --- */

/* What the view knows of the whole account. */
struct vdb_state {
	struct log_tail tail; /* applied up to here */
	uint64_t modseq;      /* of the account */
	uint64_t next_body;
	uint64_t body_bytes; /* of bodies that have a place */
	uint64_t row_bytes;  /* sum of the sizes of all messages */
	uint64_t rows;       /* messages */
	uint32_t next_mailbox;
	uint32_t uidvalidity; /* last one given */
	uint32_t mailboxes;   /* that have a name */
	uint32_t keywords;
	uint64_t pending;       /* states that wait for their message */
	uint64_t examined;      /* body_bytes when compaction last looked */
	uint64_t counted_in;    /* segment in which COUNTERS last stood */
	uint32_t is_clean;      /* the clean mark is set */
	uint32_t is_superseded; /* change over */
};

/* Write back what is cached, so that a full map shows before the log is
 * written. */
int vdb_flush(struct vdb_txn *t) A_MUST_USE;
/* In a writing one, before the log is written: see that room for this and later
 * changes stays allocated on the disk behind the view, as much as it is large,
 * within VDB_RESERVE_MIN and _MAX. What makes the account grow must not go on
 * without, lest the view could not follow the log on a full disk. -ENOSPC,
 * -EDQUOT; a file system that does not know how goes without. */
#define VDB_RESERVE_MIN ((uint64_t)128 << 10)
#define VDB_RESERVE_MAX ((uint64_t)1 << 20)
int vdb_reserve(struct vdb_txn *t, struct why *w) A_MUST_USE;
int vdb_begin(struct vdb *v, bool write, struct vdb_txn **out, struct why *w)
    A_MUST_USE;
/* Ends it. -ENOSPC also when LMDB only says that it could not write all.
 * A reading one can only be aborted; NULL is fine. */
int vdb_commit(struct vdb_txn *t, struct why *w) A_MUST_USE;
void vdb_abort(struct vdb_txn *t);
/* Write what has gathered, and go on: for building only. */
int vdb_checkpoint(struct vdb_txn *t, struct why *w) A_MUST_USE;
/* To be read, and in a writing one to be changed, until its end. */
struct vdb_state *vdb_state(struct vdb_txn *t);
/* What was said about the last failure in it. */
const char *vdb_error(struct vdb_txn *t);

/* --- applying records --- */

/* A record of the log; those that do not parse are counted and left out. */
int vdb_apply(struct vdb_txn *t, const struct log_record *r) A_MUST_USE;

/* --- mailboxes --- */

struct vdb_mailbox {
	struct mailbox_row row;
	uint64_t version;       /* of its MAILBOX record; 0: not seen yet */
	uint64_t floor;         /* QRESYNC knows what was expunged after this */
	uint64_t changes_floor; /* changes of flags are listed after this */
	uint32_t changes;       /* how many are */
	uint32_t state;         /* enum record_mailbox_state */
	uint32_t quota_root, alias;
	uint8_t format;
	bool unseen_moved; /* row.first_unseen is only a lower bound */
	bool oldest_moved; /* row.oldest likewise */
	bool is_new;       /* never written */
	uint32_t name_n;
	uint8_t name[STORE_LEAF_MAX];
};
/* Its row, with all counters right. Valid until the next call that names a
 * mailbox or the end. STORE_NOT_FOUND also when deleted. */
int vdb_mailbox(struct vdb_txn *t, uint32_t id, const struct vdb_mailbox **out)
    A_MUST_USE;
/* The same to be changed; made when missing; deleted ones too. */
int vdb_mailbox_change(struct vdb_txn *t, uint32_t id, struct vdb_mailbox **out)
    A_MUST_USE;
/* By parent and own name. */
int vdb_child(struct vdb_txn *t, uint32_t parent, struct view name,
    uint32_t *id) A_MUST_USE;
int vdb_has_children(struct vdb_txn *t, uint32_t id, bool *out) A_MUST_USE;
/* Ids of those straight below it, malloc'd. */
int vdb_children(struct vdb_txn *t, uint32_t id, uint32_t **out, size_t *n)
    A_MUST_USE;
/* What a MAILBOX record says. */
int vdb_mailbox_put(struct vdb_txn *t, const struct record_mailbox *m)
    A_MUST_USE;
/* Every mailbox by ascending id, deleted ones too; stops at fn's first nonzero
 * and returns it. */
typedef int vdb_mailbox_fn(void *ctx, const struct vdb_mailbox *m);
int vdb_mailboxes(struct vdb_txn *t, vdb_mailbox_fn *fn, void *ctx) A_MUST_USE;

/* --- messages --- */

struct vdb_row {
	uint32_t uid;
	uint32_t size;
	uint64_t modseq;
	uint64_t body;
	int64_t date;
	uint64_t keywords[2];
	uint32_t saved;
	int16_t zone;
	uint16_t system;
};
_Static_assert(sizeof(struct vdb_row) == 56, "64 rows and a header fit a page");

/* The rows of the chunk (uid / VDB_CHUNK) of mailbox, in UID order. */
struct vdb_chunk {
	uint32_t mailbox, chunk;
	uint32_t n;
	bool is_valid, is_dirty;
	struct vdb_row row[VDB_CHUNK];
};
/* Never fails for a chunk without messages. Valid until two other chunks have
 * been asked for. Set is_dirty after changing it, and keep the block right: use
 * the functions below instead where they do. */
int vdb_chunk(struct vdb_txn *t, uint32_t mailbox, uint32_t chunk,
    struct vdb_chunk **out) A_MUST_USE;

/* Which UIDs of a block (uid / VDB_BLOCK) are there, and which were. */
struct vdb_bits {
	uint32_t count, unseen, deleted;
	uint32_t oldest_moved; /* oldest is only a lower bound */
	int64_t oldest;        /* smallest date; undefined when count is 0 */
	uint64_t present[VDB_BLOCK / 64];
	uint64_t gone[VDB_BLOCK / 64];
};
struct vdb_block {
	uint32_t mailbox, block;
	bool is_valid, is_dirty;
	struct vdb_bits bits;
};
/* As vdb_chunk(). */
int vdb_block(struct vdb_txn *t, uint32_t mailbox, uint32_t block,
    struct vdb_block **out) A_MUST_USE;
/* The first block >= *block that has a message; STORE_NOT_FOUND. */
int vdb_block_next(struct vdb_txn *t, uint32_t mailbox, uint32_t *block)
    A_MUST_USE;

/* Rows in UID order as message_rows() wants them. */
int vdb_rows(struct vdb_txn *t, uint32_t mailbox, uint32_t lo, uint32_t hi,
    struct message_row *out, size_t max, size_t *n) A_MUST_USE;
/* All UIDs, or those whose row changed after since (0: all), as runs. */
int vdb_uids(struct vdb_txn *t, uint32_t mailbox, struct uidruns *out)
    A_MUST_USE;
int vdb_uids_changed(struct vdb_txn *t, uint32_t mailbox, uint64_t since,
    struct uidruns *out) A_MUST_USE;

/* A message that comes; the mailbox must be one that vdb_mailbox_change() gave
 * last. Nothing happens when the UID is or was there. */
int vdb_row_add(struct vdb_txn *t, struct vdb_mailbox *m,
    const struct vdb_row *row, uint64_t version) A_MUST_USE;
/* Another state of a message that is there. */
void vdb_row_set(struct vdb_mailbox *m, struct vdb_block *b,
    struct vdb_row *row, const struct store_flags *flags, uint64_t version);
/* UIDs that go; those that are there stand in *gone (may be NULL) then. */
int vdb_rows_remove(struct vdb_txn *t, struct vdb_mailbox *m,
    const struct uid_run *runs, size_t n, uint64_t version, int64_t time,
    struct uidruns *gone) A_MUST_USE;

/*
 * Call fn for the present messages in the runs, a chunk at a time, UIDs
 * ascending. mask: bit i for the row of UID c->chunk * 64 + i. It stops at
 * fn's first nonzero and returns it. fn may change rows and set is_dirty, but
 * not add or remove any of this mailbox.
 */
typedef int vdb_chunk_fn(
    void *ctx, struct vdb_block *b, struct vdb_chunk *c, uint64_t mask);
int vdb_scan(struct vdb_txn *t, uint32_t mailbox, const struct uid_run *runs,
    size_t n, vdb_chunk_fn *fn, void *ctx) A_MUST_USE;

/* --- changes --- */

/* Flags of these UIDs were changed by the commit of that version. */
int vdb_changes_add(struct vdb_txn *t, struct vdb_mailbox *m, uint64_t version,
    const struct uid_run *runs, size_t n) A_MUST_USE;
/* UIDs with changed flags after since, those still to be found in the list. */
int vdb_changes(struct vdb_txn *t, uint32_t mailbox, uint64_t since,
    struct uidruns *out) A_MUST_USE;

/* A tombstone: UIDs lo..hi with the bodies from body on (0: not known). */
struct vdb_gone {
	uint32_t lo, hi;
	uint64_t body;
};
/* Tombstones after since in the order of their commits. */
typedef int vdb_gone_fn(void *ctx, uint32_t mailbox, uint64_t version,
    int64_t time, const struct vdb_gone *g, size_t n);
int vdb_gone(struct vdb_txn *t, uint32_t mailbox, uint64_t since,
    vdb_gone_fn *fn, void *ctx) A_MUST_USE;
/* Those of all mailboxes. */
int vdb_gone_all(struct vdb_txn *t, vdb_gone_fn *fn, void *ctx) A_MUST_USE;
/* Drop the tombstone and raise the floor of its mailbox. */
int vdb_gone_forget(struct vdb_txn *t, uint32_t mailbox, uint64_t version)
    A_MUST_USE;

/* --- bodies --- */

struct vdb_body {
	uint64_t offset;  /* of the payload in its segment */
	uint32_t segment; /* 0: no such body */
	uint32_t summary; /* bytes */
	uint32_t size;    /* octets */
	uint32_t in_file; /* log/body/<number> */
};
_Static_assert(sizeof(struct vdb_body) == 24, "64 of them fit half a page");

/* Where it is now; an earlier place than the one known is left out. */
int vdb_body_place(struct vdb_txn *t, uint64_t number, const struct vdb_body *b)
    A_MUST_USE;
/* Forget the places of bodies in a segment that is dropped. */
int vdb_drop_segment(struct vdb_txn *t, uint64_t segment) A_MUST_USE;
/* n bodies at once; segment 0 for those that are not there. */
int vdb_bodies(struct vdb_txn *t, const uint64_t *body, size_t n,
    struct vdb_body *out) A_MUST_USE;
/* All of them by ascending number. */
typedef int vdb_body_fn(void *ctx, uint64_t body, const struct vdb_body *b);
int vdb_bodies_all(struct vdb_txn *t, vdb_body_fn *fn, void *ctx) A_MUST_USE;

/* --- keywords and other entries under a key --- */

/* Keyword number, below STORE_KEYWORDS_MAX, is called name from now on. */
int vdb_keyword_put(struct vdb_txn *t, unsigned number, struct view name)
    A_MUST_USE;
/* The name of a keyword, valid as long as the transaction is not written to. */
int vdb_keyword(struct vdb_txn *t, unsigned number, struct view *out)
    A_MUST_USE;
/* The value of an entry of that type, valid likewise. */
int vdb_entry(struct vdb_txn *t, enum record_type type, struct view key,
    struct record_entry_kv *out) A_MUST_USE;
int vdb_entry_put(struct vdb_txn *t, enum record_type type,
    const struct record_entry_kv *e) A_MUST_USE;
/* All that are set, in no order. */
typedef int vdb_entry_fn(void *ctx, const struct record_entry_kv *e);
int vdb_entries(struct vdb_txn *t, enum record_type type, vdb_entry_fn *fn,
    void *ctx) A_MUST_USE;
/* The annotations of a mailbox (0: of the account) that are set, likewise. */
int vdb_metadata(struct vdb_txn *t, uint32_t mailbox, vdb_entry_fn *fn,
    void *ctx) A_MUST_USE;
/* Those of that type that were set or removed after since. */
int vdb_entries_since(struct vdb_txn *t, enum record_type type, uint64_t since,
    vdb_entry_fn *fn, void *ctx) A_MUST_USE;

#endif
