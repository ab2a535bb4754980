#ifndef MAIL_MBOX_H
#define MAIL_MBOX_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * Reading mbox files (RFC 4155 appendix A and its older relatives). A message
 * begins with a "From " line, at the start of the file or behind an empty line.
 * The date in it may have any form, but there must be a time of day ("07:08")
 * in the line: so a sentence that begins with "From " divides nothing.
 */
enum mbox_quoting {
	MBOX_RD, /* ">*From " was quoted by one ">" more: taken away again */
	MBOX_O,  /* ">From " may or may not be quoting: left as it is */
	/* Content-Length says how long the body is, if it fits; where it does
	 * not, as MBOX_O. A ">From " is left as it is, so that it reads mboxcl2,
	 * where nothing is quoted, too */
	MBOX_CL,
};

/* Flags from Status and X-Status; bits. */
enum mbox_flag {
	MBOX_SEEN = 1 << 0,     /* Status: R */
	MBOX_OLD = 1 << 1,      /* Status: O */
	MBOX_ANSWERED = 1 << 2, /* X-Status: A */
	MBOX_FLAGGED = 1 << 3,  /* X-Status: F */
	MBOX_DELETED = 1 << 4,  /* X-Status: D (Berkeley: deleted) */
	MBOX_DRAFT = 1 << 5,    /* X-Status: T */
};

struct mbox_message {
	struct view from; /* the "From " line without its end */
	struct view text; /* header and body, without the empty line that ends
	                   * them, quoted still */
	unsigned flags;   /* enum mbox_flag bits */
	bool has_date;    /* in the From_ line */
	int64_t date;     /* seconds since 1970, UTC */
};

/* Does it begin as an mbox does? */
bool mbox_is(struct view v) A_MUST_USE;

/*
 * Take the next message off the start of *in. O(message).
 * False at the end, or when *in does not begin with a "From " line (then it is
 * left alone).
 */
bool mbox_next(struct view *in, enum mbox_quoting q, struct mbox_message *out)
    A_MUST_USE;

/*
 * The message as it was before it was put into the mbox: quoting undone, the
 * lines that only an mbox has (Status, X-Status, X-UIDL where it is the first and
 * Status follows; with MBOX_CL Content-Length) left out, line ends as they are. Appended to out, which must have room for
 * m->text.n bytes.
 */
void mbox_text(
    const struct mbox_message *m, enum mbox_quoting q, struct buf *out);

#endif
