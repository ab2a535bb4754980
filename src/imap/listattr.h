#ifndef IMAP_LISTATTR_H
#define IMAP_LISTATTR_H

#include "base/attrs.h"
#include "base/view.h"

/* Mailbox attributes of LIST (RFC 9051 section 7.3.1, RFC 6154, RFC 8457). */
enum listattr {
	LISTATTR_NONEXISTENT = 1 << 0,
	LISTATTR_NOINFERIORS = 1 << 1,
	LISTATTR_NOSELECT = 1 << 2,
	LISTATTR_HASCHILDREN = 1 << 3,
	LISTATTR_HASNOCHILDREN = 1 << 4,
	LISTATTR_MARKED = 1 << 5,
	LISTATTR_UNMARKED = 1 << 6,
	LISTATTR_SUBSCRIBED = 1 << 7,
	LISTATTR_REMOTE = 1 << 8,
	LISTATTR_ALL = 1 << 9, /* special uses from here on */
	LISTATTR_ARCHIVE = 1 << 10,
	LISTATTR_DRAFTS = 1 << 11,
	LISTATTR_FLAGGED = 1 << 12,
	LISTATTR_JUNK = 1 << 13,
	LISTATTR_SENT = 1 << 14,
	LISTATTR_TRASH = 1 << 15,
	LISTATTR_IMPORTANT = 1 << 16,
};

#define LISTATTR_SPECIAL_USE                                                   \
	(LISTATTR_ALL | LISTATTR_ARCHIVE | LISTATTR_DRAFTS |                   \
	    LISTATTR_FLAGGED | LISTATTR_JUNK | LISTATTR_SENT |                 \
	    LISTATTR_TRASH | LISTATTR_IMPORTANT)

/* The bit of an attribute given with its backslash, any case; 0 if unknown. */
unsigned listattr_bit(struct view name) A_MUST_USE;
/* The name of one bit with its backslash, as the RFCs spell it. */
const char *listattr_name(enum listattr bit) A_MUST_USE;

#endif
