#ifndef STORE_LOG_FRAME_H
#define STORE_LOG_FRAME_H

#include "base/attrs.h"
#include "store/log.h"

/*
 * The bytes of segments that are the log's own: headers and the frames of
 * commits (docs/format.md). No I/O, nothing is trusted.
 */

/* What a segment's header says. */
struct log_head {
	uint64_t number; /* of the segment */
	uint32_t salt;   /* in every CRC of its commits */
	/* the segment before it, 0: none; where that ends, and its last END */
	uint64_t pred, pred_end;
	uint32_t pred_crc;
	struct log_facts facts;
};
enum log_head_result {
	LOG_HEAD_OK = 0,
	LOG_HEAD_BAD,   /* neither copy checks */
	LOG_HEAD_NEWER, /* of a format that this program does not know */
};
/* Both copies, the whole space before the first commit. */
void log_head_put(const struct log_head *h, uint8_t out[LOG_DATA]);
/* in: the first LOG_DATA bytes of a segment (fewer are bad). copies: out, bit 0
 * and 1: that copy checks. */
enum log_head_result log_head_read(
    struct view in, struct log_head *h, unsigned *copies) A_MUST_USE;

#define LOG_BEGIN_SIZE 32 /* bytes of the BEGIN record with its frame */
#define LOG_END_SIZE 56   /* of the END record */

/* A commit in a segment. */
struct log_commit {
	uint64_t at;       /* offset of its BEGIN */
	uint64_t bytes;    /* from BEGIN to END, both included */
	uint32_t prev_crc; /* of the END before */
	uint32_t flags;    /* enum log_append_flag, what is kept of it */
	uint32_t count;    /* records between the two */
	uint32_t crc;      /* of its END */
	uint64_t modseq;
	struct log_position synced; /* everything before it was durable */
	const uint8_t *id;          /* 16 bytes, in the segment */
	struct view records;        /* likewise */
};
void log_begin_put(
    const struct log_commit *c, uint32_t salt, uint8_t out[LOG_BEGIN_SIZE]);
/* All but the CRC, which is over everything before it in the commit. */
void log_end_put(const struct log_commit *c, uint8_t out[LOG_END_SIZE]);
void log_end_put_crc(uint32_t crc, uint8_t out[LOG_END_SIZE]);
/* The CRC of a commit over what was added before (0 at the start). */
uint32_t log_crc_start(uint32_t salt);

/* The whole END at the start of in: its CRC and modseq; not checked. */
bool log_end_read(struct view in, uint32_t *crc, uint64_t *modseq) A_MUST_USE;

/*
 * A walk over the commits of a segment. Set it up by log_walk_init().
 */
struct log_walk {
	struct view segment; /* from its first byte to where it ends */
	uint32_t salt;
	uint64_t at;  /* offset of the next BEGIN */
	uint32_t crc; /* of the END before, when chained */
	bool chained; /* the next BEGIN must name crc */
	bool shallow; /* do not check the CRC over the whole commit */
	/* from here on there are but zeros, as is known: a commit that ends there
	 * is the last one. UINT64_MAX: it is not known */
	uint64_t room;
};
void log_walk_init(struct log_walk *w, struct view segment, uint32_t salt,
    uint64_t at, uint32_t crc);
enum log_walk_result {
	LOG_WALK_COMMIT,
	LOG_WALK_END,   /* nothing behind the last commit, or room */
	LOG_WALK_BREAK, /* what stands at w->at is no whole commit */
};
enum log_walk_result log_walk_next(struct log_walk *w, struct log_commit *c)
    A_MUST_USE;
/* After a break: move on to the next whole commit that checks; false, and at
 * the end, when there is none. O(rest). */
bool log_walk_skip(struct log_walk *w) A_MUST_USE;

#endif
