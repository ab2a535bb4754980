#ifndef STORE_MESSAGE_H
#define STORE_MESSAGE_H

#include "store/account.h"

/*
 * Rows of messages with lo <= uid <= hi in UID order, at most max of them, of
 * one snapshot. Call again from the last uid + 1. Made for bulk: 64 rows cost
 * about as much as one.
 * n  out; rows written, fewer than max only when there are no more
 * STORE_NOT_FOUND when the mailbox is gone.
 */
int message_rows(struct account *a, uint32_t mailbox, uint32_t lo, uint32_t hi,
    struct message_row *out, size_t max, size_t *n) A_MUST_USE;

/*
 * The octets of a body, as they go over the wire, and the cached forms that
 * were made at delivery (mail/summary.h). Both views point into maps of the
 * log: they stay valid until message_release(), whatever is expunged or
 * compacted meanwhile. A read error of the disk inside a map ends the process
 * by SIGBUS; verify and export use message_read() instead.
 */
struct message_body {
	struct view octets;
	struct view summary; /* empty: made by an older version, parse again */
	int fd; /* file that holds the octets, for sendfile; borrowed */
	uint64_t offset; /* of the octets in it */
	/* octets.p is NULL, but the body is known: the file that had it is gone
	 * or too short, account_why() names it */
	bool lost;
};

/* n bodies at once; out[i].octets.p is NULL for a body that is not there.
 * Ascending body numbers are the cheap case. */
int message_bodies(struct account *a, const uint64_t *body, size_t n,
    struct message_body *out) A_MUST_USE;
/* All views given out since the last call become invalid; maps stay cached
 * within a bound. Call it after each command. */
void message_release(struct account *a);
/* Read n octets from offset at by pread and check nothing: for salvage. */
int message_read(struct account *a, uint64_t body, uint64_t at, void *out,
    size_t n) A_MUST_USE;
/* SHA-256 of the octets, as stored at delivery. */
int message_digest(struct account *a, uint64_t body, uint8_t out[32])
    A_MUST_USE;

#endif
