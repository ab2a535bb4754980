#ifndef SESSION_FETCH_H
#define SESSION_FETCH_H

#include "mail/summary.h"
#include "session/internal.h"

/* What the two files of FETCH share. */

/* One message in hand. */
struct fetch_message {
	const struct message_row *row;
	const struct message_body *body; /* NULL: no item needs it */
	bool has_summary;                /* sum is filled in */
	struct summary sum;
};

/* An item of the command with what can be known before the first message. */
struct fetch_plan {
	const struct fetchitem *item;
	bool common; /* answered from the fields of the summary */
};

struct fetch {
	struct session *s;
	const struct command_fetch *c;
	struct fetch_plan *plan; /* c->n of them */
	bool needs_body;         /* some item is not in the row */
	bool sets_seen;   /* some item sets \Seen, and the mailbox allows it */
	bool has_binary;  /* BINARY or BINARY.SIZE was asked for */
	bool has_flags;   /* FLAGS was asked for */
	bool has_uid;     /* UID was asked for */
	bool unknown_cte; /* a BINARY item could not be decoded */
	bool lost;        /* a body that should be there is not */
	struct buf scratch; /* for one item */
	struct buf date;    /* the last INTERNALDATE, of that day and zone */
	int64_t day;
	int16_t zone;
	struct buf made;    /* a summary made anew */
	struct arena *tree; /* of a message parsed anew, or NULL */
};

/* The item's value for a SECTION, BINARY or BINARY_SIZE, after the label and a
 * blank. m->body and m->sum are there. BINARY gives the lines of text/... with
 * CRLF, and BINARY.SIZE and partials count so (RFC 9051 section 7.5.2); text with
 * a NUL or a CR alone has no lines, and text in a charset whose line ends are not
 * ASCII's (UTF-16), or that nobody knows, stays as it is, too. */
void fetch_section(
    struct fetch *f, const struct fetch_plan *p, const struct fetch_message *m);
void fetch_binary(
    struct fetch *f, const struct fetch_plan *p, const struct fetch_message *m);
/* Is it a BINARY or BINARY.SIZE of a part whose encoding nobody knows? Then it
 * has no value (RFC 9051 section 7.5.2). */
bool fetch_is_unknown(
    struct fetch *f, const struct fetchitem *it, const struct fetch_message *m);

#endif
