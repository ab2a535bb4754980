#ifndef MAIL_ENVELOPE_H
#define MAIL_ENVELOPE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/view.h"

/* The fields of an ENVELOPE, values as in the message (folding included);
 * p == NULL: not there. Of a field that is there twice the first is taken, of
 * addresses all are (see docs/violations.md). */
enum envelope_field {
	ENVELOPE_DATE,
	ENVELOPE_SUBJECT,
	ENVELOPE_FROM,
	ENVELOPE_SENDER,
	ENVELOPE_REPLY_TO,
	ENVELOPE_TO,
	ENVELOPE_CC,
	ENVELOPE_BCC,
	ENVELOPE_IN_REPLY_TO,
	ENVELOPE_MESSAGE_ID,
	ENVELOPE_FIELDS,
};

struct envelope {
	struct view value[ENVELOPE_FIELDS];
};

/* Address fields that are joined to others of their name; more are dropped. */
#define ENVELOPE_JOIN_MAX 20

/* Collect the fields of a header section. Joined values come from a. */
void envelope_read(struct view header, struct arena *a, struct envelope *out);

/*
 * Add the ENVELOPE in the form of IMAP, "(...)" (RFC 9051 section 7.5.2):
 * Sender and Reply-To default to From.
 *
 * a  scratch for the addresses; what it cannot hold is left out
 */
void envelope_write(const struct envelope *e, struct arena *a, struct buf *out);

/*
 * Add an nstring (RFC 9051 section 9): NIL for p == NULL, a quoted string where
 * that can hold the text, else a literal {n}. Quoted strings are 7-bit and of
 * at most ENVELOPE_QUOTED_MAX bytes; line ends are removed; NUL becomes "?".
 */
void envelope_put_nstring(struct view text, struct buf *out);
#define ENVELOPE_QUOTED_MAX 1000

#endif
