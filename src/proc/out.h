#ifndef PROC_OUT_H
#define PROC_OUT_H

#include "proc/out_queue.h"
#include "proc/out_send.h"
#include "proc/out_take.h"
#include "proc/peer.h"
#include "proc/start.h"

/*
 * The process that sends mail: a queue on the disk, and senders that do nothing
 * else (out_send.h). It reads no message but the header that goes into a report
 * of failure, and sees no network.
 *
 * A message is tried at once, then after [out] retry, doubled each time up to
 * retry-max, and up to an eighth longer. What the server refuses for good is
 * told to the sender at once, what is not sent after max-age then, in either
 * case once; a message from the null sender is forgotten instead.
 */
#define OUT_SENDERS_MAX 16
#define OUT_STOP_MS 5000  /* a sender may take so long to finish */
#define OUT_WORN_MS 10000 /* from the death of a sender to a new start */
/* Nothing else is tried for so long (or [out] retry, if that is less) when the
 * server did not answer at all */
#define OUT_AWAY_S 30

struct out_sender {
	struct out *out;
	struct peer peer;
	struct out_item *item; /* it has; NULL: none */
	uint64_t job;
};

struct out {
	struct start *s;
	int dir;
	struct out_queue *queue;
	struct out_take *take;
	struct peer hub;
	struct out_sender sender[OUT_SENDERS_MAX];
	size_t senders;
	uint64_t next_job;
	int64_t away_until_s; /* the server did not answer; 0: it did */
	bool worn; /* to be started anew when nothing is being sent */
	struct loop_timer wake, end;
};

extern const struct start_ops out_ops; /* ctx is struct out */

#endif
