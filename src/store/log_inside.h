#ifndef STORE_LOG_INSIDE_H
#define STORE_LOG_INSIDE_H

#include "store/engine.h"
#include "store/log_frame.h"

/* What log.c and log_read.c share. Nobody else includes this. */
struct store_log {
	struct engine *e;
	bool read_only;
	uint64_t bound; /* of segments, bytes */
	struct log_facts facts;
	/* the segment being written, and its salt */
	uint64_t tail_number; /* 0: not known */
	uint32_t tail_salt;
	/* log_may_have_grown() saw that this one had no successor */
	uint64_t looked_at;
	/* the segment that log_append() ended, for log_index_ended(); 0: none */
	uint64_t ended;
	uint64_t lost; /* log_lost() */
	/* what log_recover() checked and log_replay() need not check again */
	uint64_t checked_segment, checked_from, checked_to;
};

/* A segment as it was found. */
struct log_chain_segment {
	struct log_head head;
	enum log_head_result state;
	unsigned copies; /* of the header that check, as bits */
	uint64_t number;
	uint64_t size; /* of the file */
	uint64_t end;  /* where it counts to: what its successor says */
	/* bytes that the file is shorter than its successor says */
	uint64_t missing;
	bool sealed;
	/* of the last one: from here on the file has but zeros, its own CRC's
	 * perhaps too; of others UINT64_MAX */
	uint64_t room;
};
struct log_chain {
	struct log_chain_segment *s; /* ascending */
	size_t n;
};
/* The segments from number from on. */
int log_chain_load(struct store_log *l, uint64_t from, struct log_chain *c,
    struct why *w) A_MUST_USE;
void log_chain_fini(struct log_chain *c);
#define AUTO_CHAIN __attribute__((cleanup(log_chain_fini)))

/* Set up a walk over a segment up to its end, mapped. Behind known (NULL: from
 * the first commit). fresh: out, it was not mapped before. */
int log_chain_walk(struct store_log *l, const struct log_chain_segment *s,
    const struct log_tail *known, struct log_walk *out, bool *fresh,
    struct why *w) A_MUST_USE;

/* Give out the records of one segment, as log_replay() does. Adds to *damaged. */
int log_replay_one(struct store_log *l, const struct log_chain_segment *s,
    log_fn *fn, void *ctx, size_t *damaged, struct why *w) A_MUST_USE;
/* The same of segment i of the chain, by its index when there is one that is
 * right, else making one. */
int log_replay_index(struct store_log *l, const struct log_chain *c, size_t i,
    log_fn *fn, void *ctx, size_t *damaged, struct why *w) A_MUST_USE;
/* Is there an index that says that no DROP stands in segment i? */
bool log_index_no_drop(struct store_log *l, const struct log_chain *c, size_t i)
    A_MUST_USE;

/* An engine's result as the store's. */
int log_result(int engine_result) A_MUST_USE;

#endif
