#ifndef STORE_LOG_H
#define STORE_LOG_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/why.h"
#include "store/types.h"

/*
 * The log of one account: append-only segments, the only truth (docs/format.md
 * has every byte, docs/design.md section 5.1 the reasons). This module frames,
 * checks, appends, syncs and recovers; what the records mean is record.h's and
 * the view's business.
 */
struct log;

/* Where something is: in which segment, at which byte. Orders by segment, then
 * offset. Segments count from 1. */
struct log_position {
	uint64_t segment;
	uint64_t offset;
};

/* The END of a commit: what the next one builds on. */
struct log_tail {
	struct log_position at; /* first byte after the END record */
	uint32_t crc;           /* of that END */
	uint64_t modseq;        /* of that commit */
};

/* dirfd: the account's directory, borrowed; "log/" is made with create.
 * STORE_NOT_FOUND, negative errno. */
int log_open(int dirfd, bool create, struct log **out, struct why *w)
    A_MUST_USE;
void log_close(struct log **l);

/* The account lock. STORE_LOCKED after timeout_ms. Released by the kernel when
 * the process dies. Not recursive. */
int log_lock(struct log *l, unsigned timeout_ms, struct why *w) A_MUST_USE;
void log_unlock(struct log *l);

/*
 * Under the lock: find the end of the log, cutting a torn commit behind the
 * last whole END and syncing the cut; seals a segment that may not be written
 * any more. known: a position known to be a whole END (where the view stands)
 * so that only what is behind it is read; NULL to check everything.
 * STORE_DAMAGED only when not even a new segment can carry on. -ESTALE when
 * there is no END with that CRC at known: the view is not of this log; call
 * again with NULL.
 */
int log_recover(struct log *l, const struct log_tail *known,
    struct log_tail *tail, struct why *w) A_MUST_USE;

/* Without the lock, cheap (one fstat): false when surely nothing was appended
 * behind tail. */
bool log_may_have_grown(struct log *l, const struct log_tail *tail);

/*
 * Under the lock, append one commit behind *tail and make it durable by one
 * fdatasync. records: whole records as record.h writes them. Moves *tail on
 * success. A failed or short write is cut away again; after a failed sync the
 * segment is sealed and a successor made (docs/design.md section 5.1). Then
 * STORE_FULL or negative errno and nothing of the commit will ever appear.
 */
int log_append(struct log *l, struct log_tail *tail, struct view records,
    uint32_t count, uint64_t modseq, const uint8_t commit_id[16],
    struct log_position *first, struct why *w) A_MUST_USE;

/*
 * Read the commits behind *from up to the end that *to says, record by record.
 * Returns what fn returns if that is not 0 (and stops).
 */
struct log_record {
	uint8_t type;           /* enum record_type of record.h */
	struct view payload;    /* valid during the call */
	struct log_position at; /* of the payload's first byte */
	uint64_t modseq;        /* of its commit */
};
typedef int log_fn(void *ctx, const struct log_record *r);
int log_replay(struct log *l, const struct log_tail *from,
    const struct log_tail *to, log_fn *fn, void *ctx, struct why *w) A_MUST_USE;

/* The segments there are, ascending, malloc'd; dropped ones that are still to
 * be unlinked are left out. */
struct log_segment {
	uint64_t segment;
	uint64_t size; /* bytes */
};
int log_segments(struct log *l, struct log_segment **out, size_t *n,
    struct why *w) A_MUST_USE;
/* Under the lock: unlink a segment whose DROP is committed. Maps that were
 * given out stay valid. */
int log_unlink(struct log *l, uint64_t segment, struct why *w) A_MUST_USE;

/*
 * A stretch of a segment, mapped or read. log_map() gives a view that is valid
 * until log_release(); -ENOENT when the segment was dropped by compaction (look
 * the body up again).
 */
int log_map(struct log *l, struct log_position at, size_t n, struct view *out,
    int *fd, struct why *w) A_MUST_USE;
void log_release(struct log *l);

#endif
