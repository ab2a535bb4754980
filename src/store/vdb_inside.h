#ifndef STORE_VDB_INSIDE_H
#define STORE_VDB_INSIDE_H

#include <lmdb.h>

#include "base/clock.h"
#include "store/vdb.h"

/*
 * What the vdb_*.c files share. One unnamed LMDB data base; the first byte of a
 * key says what it is, numbers in keys are big-endian, values are structs of
 * this machine.
 */
enum vdb_kind {
	VDB_STATE = 1,
	VDB_MAILBOX = 2,  /* id */
	VDB_CHILD = 3,    /* parent, name, 0, id: empty value */
	VDB_BLOCK_ = 4,   /* mailbox, block */
	VDB_ROWS = 5,     /* mailbox, chunk: rows */
	VDB_CHANGES = 6,  /* mailbox, modseq: runs */
	VDB_GONE = 7,     /* mailbox, modseq: i64 time, struct vdb_gone ... */
	VDB_BODY = 8,     /* number / 64: slots */
	VDB_PENDING = 9,  /* mailbox, uid: struct vdb_pending */
	VDB_KEYWORD = 10, /* number: name */
	VDB_ENTRY =
	    11, /* type, u32 mailbox (METADATA only), SHA-256 of the key: as in
	         * the record */
};

#define VDB_KEY_MAX 500
struct vdb_key {
	size_t n;
	uint8_t p[VDB_KEY_MAX];
};
/* Numbers of 1, 4 and 8 bytes behind the kind. */
struct vdb_key vdb_key(enum vdb_kind kind);
void vdb_key_u32(struct vdb_key *k, uint32_t v);
void vdb_key_u64(struct vdb_key *k, uint64_t v);
/* Of something in a mailbox: n is a UID, a chunk or a block. */
struct vdb_key vdb_key_in(enum vdb_kind kind, uint32_t mailbox, uint32_t n);
/* Of what a commit did in it. */
struct vdb_key vdb_key_of(
    enum vdb_kind kind, uint32_t mailbox, uint64_t version);

struct vdb_pending {
	uint64_t version;
	struct store_flags flags;
};

#define VDB_SLOTS 64
struct vdb_slots {
	uint64_t chunk;
	bool is_valid, is_dirty;
	struct vdb_body slot[VDB_SLOTS];
};

struct vdb_cached_mailbox {
	bool is_valid, is_dirty;
	struct vdb_mailbox m;
};

#define VDB_CACHE_MAILBOXES 4
struct vdb_txn {
	struct vdb *v;
	MDB_txn *txn; /* NULL: not begun */
	bool is_write, is_written;
	struct vdb_state state, state_read;
	/* Values being changed, or looked at again and again; written back when
	 * another takes the place, and at the end. */
	unsigned next_mailbox, next_chunk, next_block;
	struct vdb_cached_mailbox mailbox[VDB_CACHE_MAILBOXES];
	struct vdb_chunk chunk[2];
	struct vdb_block block[2];
	struct vdb_slots slots;
	struct vdb_told *told; /* for tombstones, vdb_gone.c */
	size_t n_told, cap_told;
	struct why why;
};

#define VDB_MANY 64 /* values that make a reader of many */
#define VDB_READ_AHEAD ((off_t)256 << 20)

struct vdb {
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *reader; /* kept reset between readings */
	unsigned read_n; /* values, up to VDB_MANY */
	int dirfd;       /* -1: private */
	uint64_t n;
	uint64_t allocated;     /* bytes of the file, by vdb_reserve() */
	uint64_t current_inode; /* of view.current when n was read from it */
	char boot_id[CLOCK_BOOT_ID_SIZE];
	struct vdb_txn read, write;
};

/* An LMDB result as the header says; STORE_NOT_FOUND for MDB_NOTFOUND. */
int vdb_fail(struct vdb_txn *t, int rc, const char *what);
/* 0 or STORE_NOT_FOUND or negative. */
int vdb_get(struct vdb_txn *t, const struct vdb_key *k, struct view *out)
    A_MUST_USE;
int vdb_put(struct vdb_txn *t, const struct vdb_key *k, struct view v)
    A_MUST_USE;
int vdb_del(struct vdb_txn *t, const struct vdb_key *k) A_MUST_USE;
int vdb_mailbox_flush(struct vdb_txn *t, struct vdb_cached_mailbox *c)
    A_MUST_USE;
int vdb_rows_flush(struct vdb_txn *t) A_MUST_USE;
int vdb_bodies_flush(struct vdb_txn *t) A_MUST_USE;
/* Make first_unseen and oldest exact. */
int vdb_mailbox_settle(struct vdb_txn *t, struct vdb_mailbox *m) A_MUST_USE;

/*
 * Walk the keys that begin with prefix from the key "from" on: fn gets each key
 * and value; stops at fn's first nonzero. Flushes first.
 */
typedef int vdb_walk_fn(void *ctx, struct view key, struct view value);
int vdb_walk(struct vdb_txn *t, const struct vdb_key *from, size_t prefix,
    vdb_walk_fn *fn, void *ctx) A_MUST_USE;

/* Records that are only of the data base: vdb_apply.c's helpers. */
/* A message came after its EXPUNGE: the tombstone that has the UID learns the
 * body, unless it knows one; nothing when it is forgotten. Done for all at once
 * by vdb_gone_flush(), as every vdb_flush() does; O(all tombstones of those
 * mailboxes). */
#define VDB_TOLD_MAX ((size_t)1 << 18)
int vdb_gone_body(struct vdb_txn *t, uint32_t mailbox, uint32_t uid,
    uint64_t body) A_MUST_USE;
int vdb_gone_flush(struct vdb_txn *t) A_MUST_USE;
int vdb_child_put(struct vdb_txn *t, const struct vdb_mailbox *m) A_MUST_USE;
int vdb_child_del(struct vdb_txn *t, const struct vdb_mailbox *m) A_MUST_USE;

#endif
