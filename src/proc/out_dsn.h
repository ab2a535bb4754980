#ifndef PROC_OUT_DSN_H
#define PROC_OUT_DSN_H

#include "proc/dsn.h"
#include "proc/out_queue.h"

/*
 * The report to the sender of a message about recipients of whom there is
 * something to tell: they failed, and the sender did not forbid to be told, or
 * the message was passed on to where no report comes from, and the sender wants
 * to know (RFC 3461 sections 5.2.2 and 5.2.6).
 */
#define OUT_DSN_MAX DSN_MAX(MSG_OUT_RECIPIENTS_MAX)

struct out_dsn {
	const struct out_item *item;
	struct view original; /* the message, as much of it as is wanted */
	struct view host;     /* of this server */
	struct view remote;   /* the server it is sent to; empty: a program */
	int64_t now;
	int zone; /* minutes east of UTC */
};
/* out must be able to hold OUT_DSN_MAX bytes. Lines end in CRLF. */
void out_dsn(const struct out_dsn *d, struct buf *out);

/* Is there somebody to be told, and something to tell? Not for what has the
 * null sender, and not for a report. */
bool out_dsn_wanted(const struct out_item *i);
/* Bytes of the original that the report may quote, 0..i->size. */
size_t out_dsn_quotes(const struct out_item *i);

#endif
