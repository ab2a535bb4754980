#ifndef STORE_TX_INSIDE_H
#define STORE_TX_INSIDE_H

#include "base/buf.h"
#include "store/inside.h"
#include "store/record.h"
#include "store/tx.h"
#include "store/uidruns.h"
#include "store/vdb.h"

/* What the tx*.c files share. */

/* Most bytes of one commit without its bodies' octets. */
#define TX_RECORDS_MAX ((size_t)512 << 20)

/* A mailbox this change touches. Its record and the states of its messages are
 * written once, at the end, as they are then: so no two records of one commit
 * speak of the same thing, and replay may take them in any order. */
struct tx_mailbox {
	uint32_t id;
	bool is_changed;        /* its MAILBOX record */
	struct uidruns flagged; /* UIDs whose state is to be written */
};

/* Octets of a body that stand behind byte at of the records. */
struct tx_splice {
	size_t at;
	struct view octets;
};

struct tx_new_body {
	uint64_t number;
	size_t at; /* of its record in the commit */
	struct vdb_body slot;
	struct spool *spool;
};

/* The MESSAGE record at the end of the records, which can still grow. */
struct tx_batch {
	struct record_message r; /* r.n 0: none */
	size_t at, end;
};

/* All annotations as this change has them. */
struct tx_metadata_sum {
	bool known; /* they were counted */
	size_t n;
	uint64_t bytes; /* of their values */
};

struct tx {
	struct account *a;
	struct vdb_txn *t;
	struct buf records;
	uint32_t count;
	uint64_t version; /* modseq of this commit */
	int64_t now;      /* seconds since the epoch */
	int failed;       /* negative errno: only abort is left */
	unsigned flags;   /* enum log_append_flag */
	bool grows;       /* adds mail or values: not an emergency */
	struct tx_batch batch;
	struct tx_mailbox *mailbox;
	size_t n_mailboxes;
	struct tx_splice *splice;
	size_t n_splices;
	uint64_t spliced; /* octets in them */
	struct tx_new_body *body;
	size_t n_bodies;
	/* entries under a key that were touched: u8 type, key with its length */
	struct buf entries;
	struct tx_metadata_sum metadata;
};

/* Notes a negative result; returns it. */
int tx_failed(struct tx *t, int r);
/* The entry of that mailbox, made when missing. */
struct tx_mailbox *tx_touch(struct tx *t, uint32_t id);
/* Put a BODY record; s: where its file comes from, or NULL. The octets must
 * stay until the end. */
void tx_put_body(struct tx *t, const struct record_body *r, struct spool *s);
/* An entry under a key has this state; its record is written at the end. */
int tx_put_entry(struct tx *t, enum record_type type,
    const struct record_entry_kv *e) A_MUST_USE;
/* A record was put into t->records. */
void tx_counted(struct tx *t);
/* The mailbox as it is, as a record of this commit. The name is m's. */
struct record_mailbox tx_mailbox_record(
    const struct tx *t, const struct vdb_mailbox *m);
/* One more message of a batch; row->uid must be the next UID. */
int tx_add_row(struct tx *t, struct vdb_mailbox *m, const struct vdb_row *row)
    A_MUST_USE;
/* A mailbox that holds mail, to be changed. STORE_NOT_FOUND, STORE_NOSELECT. */
int tx_selectable(struct tx *t, uint32_t id, struct vdb_mailbox **out)
    A_MUST_USE;
/* Expunge UIDs that are there; also writes the record. */
int tx_remove(struct tx *t, uint32_t mailbox, const struct uidruns *uids)
    A_MUST_USE;

#endif
