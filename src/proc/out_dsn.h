#ifndef PROC_OUT_DSN_H
#define PROC_OUT_DSN_H

#include "base/buf.h"
#include "proc/out_queue.h"

/*
 * The report that a message could not be sent: multipart/report with
 * message/delivery-status (RFC 3464, RFC 6522), to the sender of its envelope,
 * from the null sender.
 */
#define OUT_DSN_HEADER_MAX (64 * 1024) /* bytes of the original's header */
#define OUT_DSN_MAX                                                            \
	(OUT_DSN_HEADER_MAX + 8192 +                                           \
	    MSG_OUT_RECIPIENTS_MAX *                                           \
		(3 * MSG_OUT_ADDRESS_MAX + 3 * OUT_QUEUE_TEXT_MAX + 512))

struct out_dsn {
	const struct out_item *item; /* those of state OUT_FAILED are told */
	struct view header; /* the original's, as far as it is wanted */
	struct view host;   /* of this server */
	int64_t now;
	int zone; /* minutes east of UTC */
};
/* out must be able to hold OUT_DSN_MAX bytes. Lines end in CRLF. */
void out_dsn(const struct out_dsn *d, struct buf *out);

/* Is there somebody to be told? Not for what has the null sender. */
bool out_dsn_wanted(const struct out_item *i);

#endif
