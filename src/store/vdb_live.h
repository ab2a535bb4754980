#ifndef STORE_VDB_LIVE_H
#define STORE_VDB_LIVE_H

#include "store/vdb.h"

/* Which bodies somebody still wants: messages that are there, and tombstones
 * not older than young_since (seconds since the epoch). */
struct vdb_live {
	uint64_t *bits;
	uint64_t n; /* bodies below it are known */
};
int vdb_live_find(struct vdb_txn *t, int64_t young_since, struct vdb_live *out)
    A_MUST_USE;
/* Bodies that came later count as wanted. */
bool vdb_live_has(const struct vdb_live *l, uint64_t body);
void vdb_live_fini(struct vdb_live *l);

/* The tombstones not older than young_since, sorted by mailbox and UID. */
struct vdb_grave {
	uint32_t mailbox, lo, hi;
	uint64_t version;
	int64_t time;
};
struct vdb_graves {
	struct vdb_grave *p;
	size_t n, cap;
	int64_t young_since;
};
int vdb_graves_find(
    struct vdb_txn *t, int64_t young_since, struct vdb_graves *out) A_MUST_USE;
/* NULL: none. */
const struct vdb_grave *vdb_grave_of(
    const struct vdb_graves *g, uint32_t mailbox, uint32_t uid);
void vdb_graves_fini(struct vdb_graves *g);

#endif
