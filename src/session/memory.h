#ifndef SESSION_MEMORY_H
#define SESSION_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/view.h"

/*
 * What an account's scripts must remember: to whom a vacation reply went, which
 * messages came before (RFC 7352), of which broken script the user was told.
 * One file, <account>/sieve/memory: records of equal length with a checksum,
 * appended in one write each, read on by every process that asks. A record that
 * is torn or broken is no record. When more than half of it is old, or there is
 * too much, it is written anew and renamed. Nothing is synced: a power cut may
 * forget the last seconds, and then one more reply is sent.
 */
#define MEMORY_MAX 16384 /* records kept; those that expire first give way */

enum memory_kind {
	MEMORY_VACATION = 1,
	MEMORY_DUPLICATE = 2,
	MEMORY_NOTE = 3,
};

/* What a record stands for. */
struct memory_key {
	uint8_t hash[16];
};
struct memory_key memory_key(
    enum memory_kind kind, struct view handle, struct view id);

struct memory;

/* dir: the account's directory; borrowed. Never NULL; costs nothing. */
struct memory *memory_new(int dir);
void memory_free(struct memory **m);

/* Was it added, and has it not expired? Also when it is only pending. */
bool memory_has(struct memory *m, const struct memory_key *k, int64_t now)
    A_MUST_USE;
/* Does it only because it is pending? */
bool memory_only_pending(
    struct memory *m, const struct memory_key *k, int64_t now) A_MUST_USE;
/* It will be added, or not: memory_has() knows it from now on. */
void memory_pending(struct memory *m, const struct memory_key *k);
void memory_forget_pending(struct memory *m, const struct memory_key *k);
/* Until expires (seconds since 1970); a later one replaces an earlier one. False:
 * it could not be written, and is known to this process alone. */
bool memory_add(
    struct memory *m, const struct memory_key *k, int64_t expires, int64_t now);

#endif
