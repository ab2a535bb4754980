#ifndef PROC_OUT_SEEN_H
#define PROC_OUT_SEEN_H

#include "proc/msg_out.h"

/*
 * What was taken into the queue lately: the file "seen" in its directory, one
 * record for each message that was taken and for each that was brought again.
 * By it the same submission is known when it comes again, and the rates of
 * accounts go on where they were, whichever process asks.
 *
 *   "fumiots1", then records of u64 seconds, u8 kind (0: brought again; with
 *   0x80: it was taken then, and is done), 16 bytes key, 16 bytes account, u32
 *   CRC-32C; key and account are digests
 *
 * A message whose delivery is done is not brought again: what has its key then
 * is another one. That is synced, since it would not be sent otherwise. Other
 * records are not: what a power cut takes may be sent twice, and is counted
 * less. One that is broken is left out. The file is written anew when most of it
 * is of no use any more.
 */
#define OUT_SEEN_S (24 * 3600) /* how long a key is known after it came */
#define OUT_SEEN_MAX 65536     /* keys; the oldest make room */
#define OUT_SEEN_ACCOUNT 16    /* bytes */

struct out_seen;

/* dir: the queue's, whose lock the caller holds; must stay open as long. Never
 * NULL: without its file, what was taken is known to this process alone. */
struct out_seen *out_seen_open(int dir, int64_t now);
void out_seen_free(struct out_seen **s);

/* Was that key of the account taken, less than OUT_SEEN_S after it last came, and
 * is it not done? It is known for as long again then: whoever brings a message
 * may go on for days. The key that is all zero never was. */
bool out_seen_again(struct out_seen *s, struct view account,
    const uint8_t key[MSG_OUT_KEY_SIZE], int64_t now);
/* Is it known, be it done or not? Changes nothing. */
bool out_seen_has(const struct out_seen *s, struct view account,
    const uint8_t key[MSG_OUT_KEY_SIZE], int64_t now) A_MUST_USE;
/* It was taken at at_s. */
void out_seen_add(struct out_seen *s, struct view account,
    const uint8_t key[MSG_OUT_KEY_SIZE], uint8_t kind, int64_t at_s,
    int64_t now);

/* These of the account are done; those that are not known do not matter. keys:
 * MSG_OUT_KEY_SIZE bytes each, MSG_OUT_KEYS_MAX at most. 0, and it is on the
 * disk, or negative errno: then nothing has changed. */
int out_seen_done(struct out_seen *s, struct view account, struct view keys)
    A_MUST_USE;

struct out_seen_taken {
	const uint8_t *account; /* OUT_SEEN_ACCOUNT bytes; lives as long as s */
	uint8_t kind;           /* enum msg_out_kind */
	int64_t at_s;
};
/* What was taken, in the order in which it came; *at is NULL at first. False
 * after the last. Nothing may be added in between. */
bool out_seen_next(
    const struct out_seen *s, const void **at, struct out_seen_taken *out);
/* How an account is called there. */
void out_seen_account(struct view account, uint8_t out[OUT_SEEN_ACCOUNT]);

#endif
