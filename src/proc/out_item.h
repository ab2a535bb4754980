#ifndef PROC_OUT_ITEM_H
#define PROC_OUT_ITEM_H

#include "proc/out_queue.h"

/*
 * The bytes of one message of the queue, ID.m up to the octets and ID.s, to and
 * from an item. No I/O.
 */
#define OUT_ITEM_START_MAX (OUT_QUEUE_HEAD_MAX + 16) /* bytes of ID.m */
#define OUT_ITEM_STATE_MAX                                                     \
	(64 + MSG_OUT_RECIPIENTS_MAX * (8 + OUT_QUEUE_TEXT_MAX)) /* of ID.s */

/* What stands in front of `size` octets; b: room for OUT_ITEM_START_MAX. */
void out_item_put(
    struct buf *b, const struct msg_out_submit *m, int64_t now, uint64_t size);
/*
 * v  the start of ID.m, at least OUT_ITEM_START_MAX bytes if there are so many
 * The item, of which nothing has been tried, with all its sums checked but that
 * of the octets, which may be missing; NULL: it is none, or damaged. Free it by
 * out_item_free().
 */
struct out_item *out_item_get(const char *id, struct view v) A_MUST_USE;
/* Fine with NULL; sets *i to NULL. */
void out_item_free(struct out_item **i);

/* All of ID.s; b: room for OUT_ITEM_STATE_MAX. */
void out_item_put_state(struct buf *b, const struct out_item *i);
/* v: all of ID.s. False: it is damaged, or another's: then i is as if nothing
 * had been tried. */
bool out_item_get_state(struct out_item *i, struct view v) A_MUST_USE;

#endif
