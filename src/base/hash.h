#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * A map from bytes to pointers that an outsider who chooses the keys cannot
 * make slow: SipHash-2-4 with a random key. Open addressing; grows, never
 * shrinks, holds at most max entries.
 */
struct hash;

/* max: most entries, 1..2^30. Never NULL. */
struct hash *hash_new(size_t max);
void hash_free(struct hash **h);
size_t hash_count(const struct hash *h);
/* NULL when it is not there. */
void *hash_get(const struct hash *h, struct view key) A_MUST_USE;
/*
 * key    borrowed: must stay where it is, unchanged, until it is removed or h
 *        is freed (keep it inside the value); any length
 * value  not NULL
 * False when the key is there already, or max is reached; nothing changes then.
 */
bool hash_put(struct hash *h, struct view key, void *value) A_MUST_USE;
/* Remove it; its value, or NULL when it was not there. */
void *hash_del(struct hash *h, struct view key);
/* Walk: *at is 0 at first; the next value, or NULL at the end. No put or del
 * in between. */
void *hash_next(const struct hash *h, size_t *at);

/* SipHash-2-4 (Aumasson and Bernstein, 2012) with a 16-byte key. */
uint64_t hash_sip(const uint8_t key[16], struct view v);

#endif
