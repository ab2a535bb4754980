#ifndef STORE_COMPACT_INSIDE_H
#define STORE_COMPACT_INSIDE_H

struct compact;

/* For account_close(): what a compaction in the middle of a segment holds. The
 * log needs nothing of it: the copies made so far are good. */
void compact_free(struct compact **c);

#endif
