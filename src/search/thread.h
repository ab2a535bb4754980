#ifndef SEARCH_THREAD_H
#define SEARCH_THREAD_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"
#include "imap/command.h"
#include "store/account.h"

/* Message IDs of one References field that are looked at: the last ones. */
#define THREAD_REFERENCES_MAX 1000
/* Bytes that messages, their IDs and subjects may need in one THREAD. */
#define THREAD_ARENA ((size_t)1 << 30)

#define THREAD_NONE UINT32_MAX

/* A message in its place; the numbers are indices into the array of threads. */
struct thread_node {
	uint32_t uid; /* 0: only holds its children together; a root with two
	               * children at least */
	uint32_t parent, child, next; /* first child, next sibling */
};

struct threads {
	struct thread_node *node; /* malloc'd */
	size_t n;
	uint32_t first; /* root; the others are its siblings */
};

/*
 * Thread messages (RFC 5256 section 3, THREAD).
 *
 * runs  n sorted runs of UIDs
 * out   free it by threads_fini(), whatever is returned
 *
 * 0, STORE_LIMIT, or as the store says.
 */
int thread_messages(struct account *a, uint32_t mailbox,
    const struct uid_run *runs, size_t n,
    enum command_thread_algorithm algorithm, struct threads *out) A_MUST_USE;
void threads_fini(struct threads *t);

/*
 * Take the next msg-id from a References, In-Reply-To or Message-ID value, in
 * the normal form of RFC 5256 section 3: without angle brackets, quotes,
 * quoted-pairs, blanks. False at the end.
 *
 * rest  in/out
 * out   in a, which must have room for rest->n bytes (false when not)
 */
bool thread_next_id(struct view *rest, struct arena *a, struct view *out)
    A_MUST_USE;

#endif
