#ifndef STORE_LOG_H
#define STORE_LOG_H

#include "base/attrs.h"
#include "base/view.h"
#include "base/why.h"
#include "store/types.h"

/*
 * The log of one account: append-only segments, the only truth (docs/format.md
 * has every byte, docs/design.md section 5.1 the reasons). This module frames,
 * checks, appends, syncs and recovers; what the records mean is record.h's and
 * the view's business. It stands on an engine (engine.h): files by default.
 */
struct store_log;
struct engine;

/* A segment is ended before a commit that would make it longer than this,
 * unless the commit is the only one in it. */
#define LOG_SEGMENT_BOUND ((uint64_t)64 << 20)
/* Room kept on the disk behind the tail for LOG_EMERGENCY. */
#define LOG_RESERVE ((uint64_t)256 << 10)
/* Offset of the first commit of every segment. */
#define LOG_DATA 8192

/* Where something is: in which segment, at which byte. Orders by segment, then
 * offset. Segments count from 1. */
struct log_position {
	uint64_t segment;
	uint64_t offset;
};

/* The END of a commit: what the next one builds on. A segment without commits
 * ends at LOG_DATA with the CRC and modseq of what came before it. */
struct log_tail {
	struct log_position at; /* first byte after the END record */
	uint32_t crc;           /* of that END */
	uint64_t modseq;        /* of that commit */
};

enum log_open_flag {
	LOG_CREATE = 1 << 0,    /* make log/ and log/body/ when missing */
	LOG_READ_ONLY = 1 << 1, /* recover neither cuts nor makes segments */
};

/* dirfd: the account's directory, borrowed, must stay open as long.
 * flags: enum log_open_flag. STORE_NOT_FOUND (no log/), negative errno. */
int log_open(int dirfd, unsigned flags, struct store_log **out, struct why *w)
    A_MUST_USE;
/* The same on another engine, which it then owns (also on failure). */
int log_open_engine(struct engine *e, unsigned flags, struct store_log **out,
    struct why *w) A_MUST_USE;
/* NULL is fine. Views that log_map() gave end here. */
void log_close(struct store_log **l);
/* For tests: another bound than LOG_SEGMENT_BOUND for segments of this handle.
 */
void log_set_bound(struct store_log *l, uint64_t bytes);

/* The account lock. STORE_LOCKED after timeout_ms. Released by the kernel when
 * the process dies. Not recursive. Waiters are served about in turn. */
int log_lock(struct store_log *l, unsigned timeout_ms, struct why *w)
    A_MUST_USE;
void log_unlock(struct store_log *l);

/*
 * Under the lock: find the end of the log, cutting a torn commit behind the
 * last whole END and syncing the cut; seals a segment that may not be written
 * any more (damaged below a synced position). Everything up to *tail is durable
 * when it returns. Makes the first segment when there is none.
 *
 * known  a position known to be a whole END and durable (where the view
 *        stands), so that only what is behind it is looked at, and nothing is
 *        read at all when nothing is behind it; NULL to look at everything
 *
 * -ESTALE when there is no END with that CRC at known: the view is not of this
 * log; call again with NULL. (Not noticed when nothing is behind known: use
 * log_is_end() once when a view is opened.) STORE_DAMAGED only when not even a
 * new segment can carry on; STORE_FULL, negative errno.
 */
int log_recover(struct store_log *l, const struct log_tail *known,
    struct log_tail *tail, struct why *w) A_MUST_USE;
/*
 * As log_recover() with NULL, when was is known to have been the end of a whole
 * commit, durable (the tail of a view). Should the log end before it, that is
 * damage (log_is_lost()): nothing is cut, the last segment is sealed, and its
 * successor says that it went on to was, so that log_check() goes on saying
 * what is missing.
 */
int log_recover_after(struct store_log *l, const struct log_tail *was,
    struct log_tail *tail, struct why *w) A_MUST_USE;
/* Has a log that ends at tail lost a commit that ended at was? Position and
 * modseq must both say so: one of them alone may be a fault of the view. */
bool log_is_lost(const struct log_tail *was, const struct log_tail *tail);
/* Is there an END with that CRC and modseq at known? Reads one END. */
bool log_is_end(struct store_log *l, const struct log_tail *known);

/* Without the lock, cheap (one fstat): false when surely nothing was appended
 * behind tail. */
bool log_may_have_grown(struct store_log *l, const struct log_tail *tail);

/* What the headers of new segments carry, so that it outlives damage: numbers
 * never to be given again. */
struct log_facts {
	uint64_t modseq;      /* highest */
	uint32_t mailbox;     /* next id */
	uint32_t uidvalidity; /* last */
};
/* Raise what the next header will say; never lowers. */
void log_set_facts(struct store_log *l, const struct log_facts *f);
/* The highest that all headers say and log_set_facts() said; complete after
 * log_recover() with NULL. */
void log_get_facts(const struct store_log *l, struct log_facts *f);

enum log_append_flag {
	LOG_EMERGENCY = 1 << 0, /* may use the reserve: EXPUNGE, compaction */
	LOG_HAS_DROP = 1 << 1,  /* one of the records is a RECORD_DROP */
};

/*
 * Under the lock, append one commit behind *tail and make it durable by one
 * fdatasync.
 *
 * parts      whole records as record.h writes them, one behind the other; they
 *            may be cut into parts anywhere; not empty
 * count      records in them
 * modseq     of the commit, >= that of *tail and of log_get_facts()
 * flags      enum log_append_flag
 * first      out; position of the first byte of the records
 *
 * Moves *tail on success. A failed or short write is cut away again; after a
 * failed sync the segment is sealed and a successor made (docs/design.md
 * section 5.1). Then STORE_FULL or negative errno, and nothing of the commit
 * will ever appear; *tail is as before, the next log_recover() moves it on.
 * -ENOTRECOVERABLE: even that failed; the commit may or may not be there after
 * the next log_recover(), which log_find() tells.
 */
int log_append(struct store_log *l, struct log_tail *tail,
    const struct view *parts, size_t n_parts, uint32_t count, uint64_t modseq,
    const uint8_t commit_id[16], unsigned flags, struct log_position *first,
    struct why *w) A_MUST_USE;

/*
 * Read the commits behind *from (NULL: from the first) up to *to, record by
 * record; every commit's CRC is checked before its first record is given out.
 * Segments dropped by a RECORD_DROP up to *to are left out when from is NULL.
 * Damaged commits are stepped over and counted in *damaged (may be NULL): it is
 * log_check() that says where. RECORD_BEGIN and RECORD_END are not given out.
 * Returns what fn returns if that is not 0 (and stops); -ENOENT when the
 * segment of *from is gone (read all, then).
 */
struct log_record {
	uint8_t type;              /* enum record_type of record.h */
	struct view payload;       /* valid during the call */
	struct log_position at;    /* of the payload's first byte */
	uint64_t modseq;           /* of its commit */
	const uint8_t *commit_id;  /* 16 bytes, likewise */
	struct log_position begin; /* of its commit */
	/* Where the commit ends: with the last record of a commit this is a
	 * tail to go on from. */
	struct log_tail end;
	bool is_last; /* record of its commit */
	/* From an index (log_replay_brief()): of a RECORD_BODY the payload is
	 * only its first RECORD_BODY_HEAD bytes, modseq is that of the
	 * segment's last commit, and what is said of the commit is not set. */
	bool is_brief;
};
typedef int log_fn(void *ctx, const struct log_record *r);
int log_replay(struct store_log *l, const struct log_tail *from,
    const struct log_tail *to, log_fn *fn, void *ctx, size_t *damaged,
    struct why *w) A_MUST_USE;
/* Bytes that log_replay() or log_replay_brief() stepped over so far since it
 * began: what stood there may have used numbers that nothing else tells of. May
 * be asked within fn too. */
uint64_t log_lost(const struct store_log *l);
/*
 * What a view is built from: as log_replay() with from NULL, but finished
 * segments are read from their index (log_index.h) where they have one, and
 * their commits' CRCs are not looked at. Those without one get one on the way,
 * unless they are damaged or the log is read only.
 */
int log_replay_brief(struct store_log *l, const struct log_tail *to, log_fn *fn,
    void *ctx, size_t *damaged, struct why *w) A_MUST_USE;
/*
 * Without the lock: make the index of the segment that this handle's last
 * log_append() ended, if it did. Reads that segment, 20 ms for 64 MiB; a
 * failure costs only time at the next rebuild.
 */
void log_index_ended(struct store_log *l);
/*
 * Compare every index with its segment; fn is told of those that would be
 * believed but say something else, of those of no segment, and of those that
 * say more than a damaged segment does. One that is not whole is no fault: it
 * may be in the making, and nobody heeds it.
 * remove: all that are not right go, but for those of damaged segments, which
 * may be all that is left of them. Returns what fn returns if that is not 0
 * (and stops), or a negative errno.
 */
enum log_index_fault {
	LOG_INDEX_WRONG,
	LOG_INDEX_ORPHAN,
	LOG_INDEX_OF_DAMAGED,
};
typedef int log_index_fn(
    void *ctx, uint64_t segment, enum log_index_fault fault);
int log_index_check(struct store_log *l, bool remove, log_index_fn *fn,
    void *ctx, struct why *w) A_MUST_USE;
/* The same of one whole segment, for compaction. -ENOENT when it is gone. */
int log_replay_segment(struct store_log *l, uint64_t segment, log_fn *fn,
    void *ctx, size_t *damaged, struct why *w) A_MUST_USE;
/* Behind *from (NULL: from the first) up to *to, is there a commit with that
 * id? Then where it ends. STORE_NOT_FOUND; O(commits). */
int log_find(struct store_log *l, const struct log_tail *from,
    const struct log_tail *to, const uint8_t commit_id[16],
    struct log_tail *out, struct why *w) A_MUST_USE;

/* The segments there are, ascending, malloc'd; dropped ones that are still to
 * be unlinked are left out. The last one is being written. */
struct log_segment {
	uint64_t segment;
	uint64_t size; /* bytes of it that count */
};
int log_segments(struct store_log *l, struct log_segment **out, size_t *n,
    struct why *w) A_MUST_USE;
/* Under the lock: unlink, durably, a segment whose DROP is committed; not the
 * last one. Maps that were given out stay valid. 0 when it is gone already. */
int log_unlink(struct store_log *l, uint64_t segment, struct why *w) A_MUST_USE;
/* The same for a body of its own file that nothing refers to. */
int log_unlink_body(struct store_log *l, uint64_t body, struct why *w)
    A_MUST_USE;
/* Under the lock: unlink what the DROPs up to *to name and is still there after
 * a crash. */
int log_sweep(struct store_log *l, const struct log_tail *to, struct why *w)
    A_MUST_USE;

/*
 * A stretch of a segment, or the first n bytes of log/body/<body>, mapped: valid
 * until log_release(). fd: the file it is in (NULL if not wanted), borrowed
 * until then too. -ENOENT when it was dropped by compaction (look the body up
 * again), -ENODATA when the file ends before.
 */
int log_map(struct store_log *l, struct log_position at, size_t n,
    struct view *out, int *fd, struct why *w) A_MUST_USE;
int log_map_body(struct store_log *l, uint64_t body, size_t n, struct view *out,
    int *fd, struct why *w) A_MUST_USE;
/* Views end; maps stay cached, LOG_MAPS_MAX of them at most. */
#define LOG_MAPS_MAX 32
void log_release(struct store_log *l);
/* Like log_release(), but nothing stays mapped: before a long wait. */
void log_trim(struct store_log *l);
/* The same octets by pread, for salvage and verify. */
int log_read(struct store_log *l, struct log_position at, void *out, size_t n,
    struct why *w) A_MUST_USE;
int log_read_body(struct store_log *l, uint64_t body, uint64_t at, void *out,
    size_t n, struct why *w) A_MUST_USE;
/* Numbers of the files in log/body/, ascending, malloc'd. */
int log_bodies(struct store_log *l, uint64_t **out, size_t *n, struct why *w)
    A_MUST_USE;
/* The directory log/body/ for spool.c; -1 when the engine has none. */
int log_body_dir(const struct store_log *l);

/*
 * Check every header, frame and CRC of all segments by plain reads (a disk
 * error is a damage too, not a SIGBUS), up to *to; with NULL all, but then best
 * under the lock: a commit in the making looks torn. Returns what fn returns if that is not 0 (and stops), or a
 * negative errno; damages are no errors of log_check() itself.
 */
struct log_damage {
	uint64_t segment;
	uint64_t from, to; /* offsets: nothing in between could be read; to
			    * is 0 when there is no such segment */
	const char *text;  /* what is wrong */
};
typedef int log_damage_fn(void *ctx, const struct log_damage *d);
int log_check(struct store_log *l, const struct log_tail *to, log_damage_fn *fn,
    void *ctx, struct why *w) A_MUST_USE;

#endif
