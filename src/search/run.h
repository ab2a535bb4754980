#ifndef SEARCH_RUN_H
#define SEARCH_RUN_H

#include "search/query.h"

/*
 * A query asked of all messages of a mailbox, some at a time: rows are read in
 * bulk, and the octets only of messages the rows cannot answer for. Between two
 * steps nothing of the store is held.
 */
struct search;

#define SEARCH_ROWS 512   /* rows read at once */
#define SEARCH_BODIES 128 /* messages whose octets are held at once */

/*
 * runs  the messages to ask, sorted; messages that are gone do not match
 * All arguments must outlive the search. Never NULL.
 */
struct search *search_open(struct account *a, uint32_t mailbox,
    const struct query *q, const struct uid_run *runs, size_t n);
/* Some more messages, a few milliseconds as a rule. 0, with *done when there
 * are no more; STORE_NOT_FOUND when the mailbox is gone; negative errno. */
int search_step(struct search *s, bool *done) A_MUST_USE;
/* What matched so far, sorted runs; owned by the search. */
const struct uid_run *search_found(const struct search *s, size_t *n);
void search_close(struct search **s);

#endif
