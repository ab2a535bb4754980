#ifndef SEARCH_EACH_H
#define SEARCH_EACH_H

#include "base/attrs.h"
#include "search/match.h"
#include "store/message.h"

/* What is done with one message; m is NULL when no octets were asked for, and
 * lives until the return. 0, or what each_message() shall return. */
typedef int each_fn(
    void *ctx, const struct message_row *row, const struct match_message *m);

/*
 * Call fn for every message of the sorted runs that is still there, in UID
 * order. bodies: its octets and summary are wanted. Returns 0, what fn returned,
 * or what the store did; a mailbox that is gone has no messages.
 */
int each_message(struct account *a, uint32_t mailbox,
    const struct uid_run *runs, size_t n, bool bodies, each_fn *fn, void *ctx)
    A_MUST_USE;

/* The first field called name of a message, from its summary where that has
 * it. False when there is none. */
bool each_field(const struct match_message *m, struct view name,
    struct view *value) A_MUST_USE;
/* The moment of the Date field, or INTERNALDATE when it has none that can be
 * read (RFC 5256 section 2.2); seconds since the epoch. */
int64_t each_sent(const struct message_row *row, const struct match_message *m);

#endif
