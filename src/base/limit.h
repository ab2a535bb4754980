#ifndef BASE_LIMIT_H
#define BASE_LIMIT_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * Who has had how much: a bounded table of clients (an address group, an
 * account, both together: any key bytes). Each has a level that is charged and
 * drains away by itself, and a number of things held now. Keys are kept as a
 * keyed 64-bit hash; a full table forgets the lowest of some entries that hold
 * nothing, so memory is fixed and a flood of addresses cannot grow it.
 *
 * All times are clock_mono_ms() and never go back.
 */
struct limit;

/* max: most clients, 1..2^24. drain_ms: time in which the level falls by one,
 * > 0. Never NULL. */
struct limit *limit_new(size_t max, uint64_t drain_ms);
void limit_free(struct limit **l);

#define LIMIT_LEVEL_MAX 1000000 /* it never rises above this */
/* Add n to the level; the level now (rounded up: a charge of 1 shows as 1 until
 * it is drained whole). */
uint32_t limit_charge(
    struct limit *l, struct view key, uint32_t n, uint64_t now_ms);
uint32_t limit_level(struct limit *l, struct view key, uint64_t now_ms);
/* Token bucket: charge n unless the level would pass burst; false then, and
 * nothing is charged. */
bool limit_take(struct limit *l, struct view key, uint32_t n, uint32_t burst,
    uint64_t now_ms) A_MUST_USE;
/* Back to level 0 (a login that worked). What is held stays held. */
void limit_forgive(struct limit *l, struct view key);

/* Hold one thing (a connection): false when most are held already, or the table
 * is full of holders. Each success needs one limit_drop() of the same key. */
bool limit_hold(struct limit *l, struct view key, uint32_t most) A_MUST_USE;
void limit_drop(struct limit *l, struct view key);
uint32_t limit_held(const struct limit *l, struct view key);
/* Clients in the table. */
size_t limit_count(const struct limit *l);

/* The wait a level earns: 0 up to level grace, then first_ms, doubled with each
 * further level, at most max_ms. */
uint64_t limit_delay_ms(
    uint32_t level_now, uint32_t grace, uint64_t first_ms, uint64_t max_ms);

#endif
