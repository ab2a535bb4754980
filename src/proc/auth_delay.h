#ifndef PROC_AUTH_DELAY_H
#define PROC_AUTH_DELAY_H

#include "base/netaddr.h"

/*
 * What failed logins cost. Each failure raises two levels, that of the pair
 * (address, account) and that of the address; they drain by themselves, and a
 * login that worked clears the pair's. The answer to a failure waits as long as
 * the levels say, growing from FIRST to MAX.
 *
 * After FREE failures of a pair even a right password is answered late, because
 * otherwise whoever guesses would simply not wait for the no; and only AT_ONCE
 * attempts of that pair may be under way. Nothing depends on the account alone,
 * so nobody can lock out somebody else at another address.
 *
 * All times are clock_mono_ms().
 */
#define AUTH_DELAY_FIRST_MS 500
#define AUTH_DELAY_MAX_MS 15000
#define AUTH_DELAY_PAIR_DRAIN_MS 60000    /* a failure is forgotten in */
#define AUTH_DELAY_ADDRESS_DRAIN_MS 10000 /* the same of an address */
#define AUTH_DELAY_ADDRESS_GRACE 5 /* failures of an address without cost */
#define AUTH_DELAY_FREE 3
#define AUTH_DELAY_AT_ONCE 4
#define AUTH_DELAY_CLIENTS 65536 /* of each kind that are remembered */
#define AUTH_DELAY_NAME_MAX 320  /* bytes of a name that count */

struct auth_delay;

/* Nothing is remembered yet. Never NULL; *d may be NULL. */
struct auth_delay *auth_delay_new(void);
void auth_delay_free(struct auth_delay **d);

/* One attempt from begin to end; the caller's storage. */
struct auth_delay_try {
	uint8_t key[16 + AUTH_DELAY_NAME_MAX];
	size_t key_n; /* 0: not begun */
};

/* False: too many of this pair at once; do not check, say that it is not
 * possible now. name: as directory and client agree to write it. */
bool auth_delay_begin(struct auth_delay *d, const struct netaddr *client,
    struct view name, uint64_t now_ms, struct auth_delay_try *t) A_MUST_USE;
/* It failed: how long the answer has to wait. */
uint64_t auth_delay_failed(
    struct auth_delay *d, const struct auth_delay_try *t, uint64_t now_ms);
/* It worked: the same, mostly 0. */
uint64_t auth_delay_worked(
    struct auth_delay *d, const struct auth_delay_try *t, uint64_t now_ms);
/* It is answered, or was given up after having been answered in time. Does
 * nothing when it was not begun. */
void auth_delay_end(struct auth_delay *d, struct auth_delay_try *t);

#endif
