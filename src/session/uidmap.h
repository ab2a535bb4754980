#ifndef SESSION_UIDMAP_H
#define SESSION_UIDMAP_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/wire.h"
#include "store/types.h"

/*
 * A set of UIDs as sorted, disjoint runs; heap, owned by whoever holds the
 * struct; all zero is the empty set.
 */
struct uidset {
	struct uid_run *run;
	size_t n, cap; /* runs */
};

void uidset_fini(struct uidset *s);
/* Empty it, keep the memory. */
void uidset_clear(struct uidset *s);
/* Add lo..hi. Cheap at the end, O(runs) in the middle. */
void uidset_add(struct uidset *s, uint32_t lo, uint32_t hi);
/* Add all of n sorted runs; O(both). */
void uidset_add_runs(struct uidset *s, const struct uid_run *runs, size_t n);
/* Take all of n sorted runs out; O(both). */
void uidset_remove_runs(struct uidset *s, const struct uid_run *runs, size_t n);
bool uidset_has(const struct uidset *s, uint32_t uid);
/* UIDs in it. */
uint64_t uidset_count(const struct uidset *s);
/* The same of any array of runs. */
uint64_t uid_runs_count(const struct uid_run *runs, size_t n);

/*
 * The picture a session has given its client of a mailbox: which UIDs there are
 * and so which UID has which sequence number (RFC 9051 section 2.3.1). Runs of
 * consecutive UIDs with the number of messages before each; all zero is the
 * empty mailbox.
 */
struct uidmap {
	struct uidmap_run {
		uint32_t lo, hi;
		uint32_t before; /* messages below lo */
	} * run;
	size_t n, cap;
};

void uidmap_fini(struct uidmap *m);
/* Replace everything by n sorted runs. */
void uidmap_set(struct uidmap *m, const struct uid_run *runs, size_t n);
/* Messages in it. */
uint32_t uidmap_count(const struct uidmap *m);
/* UID of sequence number seq, 1..count (asserted). O(log runs). */
uint32_t uidmap_uid(const struct uidmap *m, uint32_t seq);
/* Sequence number of uid, 0 when it is not in it. O(log runs). */
uint32_t uidmap_seq(const struct uidmap *m, uint32_t uid);
/* UIDs <= uid in it: the sequence number of the last of them, or 0. */
uint32_t uidmap_rank(const struct uidmap *m, uint32_t uid);
/* The largest UID, 0 when empty. */
uint32_t uidmap_last(const struct uidmap *m);
/* Append runs; what is not above uidmap_last() is left out. Returns how many
 * messages were added. */
uint32_t uidmap_append(struct uidmap *m, const struct uid_run *runs, size_t n);
/* Take the runs out; *gone (may be NULL) gets those that were in it. Returns
 * how many messages were removed. O(both). */
uint32_t uidmap_remove(struct uidmap *m, const struct uid_run *runs, size_t n,
    struct uidset *gone);
/* Those of the UIDs lo..hi that are in it are added to out, which must hold
 * nothing above lo. */
void uidmap_between(
    const struct uidmap *m, uint32_t lo, uint32_t hi, struct uidset *out);
/* The UIDs of sequence numbers lo..hi (1 <= lo <= hi <= count). */
void uidmap_between_seq(
    const struct uidmap *m, uint32_t lo, uint32_t hi, struct uidset *out);
/* Those of n runs that are in it, added to out. */
void uidmap_cut(const struct uidmap *m, const struct uid_run *runs, size_t n,
    struct uidset *out);

/* A walk over sequence numbers in step with ascending UIDs: O(1) each. */
struct uidmap_walk {
	const struct uidmap *m;
	size_t i;
};
/* Sequence number of uid, which must not be less than in the call before; 0
 * when it is not in the map. */
uint32_t uidmap_walk_seq(struct uidmap_walk *w, uint32_t uid);

/* Runs in wire form: u32 count, then u32 lo and u32 length each. */
void uidset_encode(const struct uidset *s, struct buf *out);
/* False, and *s empty, unless they are sorted, disjoint, not adjacent and at
 * most UIDMAP_RUNS_MAX. */
bool uidset_decode(struct wire *w, struct uidset *s) A_MUST_USE;
void uidmap_encode(const struct uidmap *m, struct buf *out);
bool uidmap_decode(struct wire *w, struct uidmap *m) A_MUST_USE;
#define UIDMAP_RUNS_MAX 8000000

#endif
