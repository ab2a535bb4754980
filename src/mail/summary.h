#ifndef MAIL_SUMMARY_H
#define MAIL_SUMMARY_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"
#include "mail/date.h"
#include "mail/transfer.h"

/*
 * What is computed once for a message, at delivery, so that FETCH and SEARCH
 * need not read it again. Bytes in the format below; a summary of another
 * format number is not read but made anew from the message.
 */
#define SUMMARY_FORMAT 1
/* Largest summary; a message whose own would be larger gets a short one with
 * SUMMARY_PARTIAL. */
#define SUMMARY_MAX ((size_t)16 << 20)

enum summary_flag {
	SUMMARY_HAS_DATE = 1 << 0, /* the Date field could be read */
	SUMMARY_HAS_ATTACHMENT = 1
	    << 1,                   /* a part that a person would call so */
	SUMMARY_HAS_MEDIA = 1 << 2, /* audio, image or video part */
	SUMMARY_IS_MIME = 1 << 3,   /* MIME-Version is there */
	SUMMARY_HAS_8BIT = 1 << 4,  /* an octet above 127 in the header */
	SUMMARY_HAS_NUL = 1 << 5,   /* a NUL anywhere */
	SUMMARY_IS_LIST = 1 << 6,   /* List-Id or List-Post is there */
	SUMMARY_PARTIAL = 1 << 7,   /* too large: envelope, structures,
	                                    common and index are empty; parse
	                                    the message instead */
};

/* Views into the bytes of the summary. */
struct summary {
	uint32_t flags;       /* enum summary_flag, ored */
	struct date sent;     /* of the Date field; zeros without HAS_DATE */
	uint64_t size;        /* of the message */
	uint64_t header_n;    /* bytes of its header, empty line included */
	uint64_t body_lines;  /* line ends after the header */
	struct view envelope; /* "(...)", IMAP ENVELOPE */
	struct view bodystructure; /* "(...)" */
	struct view body;          /* "(...)" */
	struct view common;        /* raw lines of the common fields in their
	                              order, and an empty line */
	struct view index;         /* for summary_part() */
};

/*
 * Make the summary of a message.
 *
 * msg  as it goes over the wire
 * out  the summary is added (at most SUMMARY_MAX bytes); cut off as every buf
 *      is when its own maximum is smaller
 *
 * Nothing is refused. Below 15 us for a common message of 4 KB.
 */
void summary_write(struct view msg, struct buf *out);

/*
 * Read one. Allocates nothing and checks that every view lies inside in.
 * False for another format or for bytes that are no summary.
 */
bool summary_read(struct view in, struct summary *out) A_MUST_USE;

/* True when every field of this name is in summary.common, so that
 * HEADER.FIELDS of such names is answered by header_filter() from there:
 *   Date From To Cc Bcc Subject Message-ID In-Reply-To References Reply-To
 *   Sender Content-Type MIME-Version List-Id Importance X-Priority */
bool header_is_common(struct view name) A_MUST_USE;

/* Where a part stands in the message. */
struct summary_part {
	uint64_t header, header_n; /* MIME header, empty line included */
	uint64_t body, body_n;
	uint32_t lines;
	enum transfer encoding;
	bool is_multipart;
	bool is_message; /* message/rfc822: the four below are set */
	uint64_t message_header, message_header_n;
	uint64_t message_body, message_body_n;
};

/*
 * Find a part by its section numbers as mime_find() does, without the message.
 * path n 0 is the message itself. False: no such part (or SUMMARY_PARTIAL:
 * then parse). O(parts).
 */
bool summary_part(const struct summary *s, const uint32_t *path, size_t n,
    struct summary_part *out) A_MUST_USE;

#endif
