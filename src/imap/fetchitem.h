#ifndef IMAP_FETCHITEM_H
#define IMAP_FETCHITEM_H

#include "base/attrs.h"
#include "base/view.h"

/* What one FETCH data item asks for (RFC 9051 section 6.4.5, RFC 3501, RFC
 * 3516). Macros arrive expanded. */
enum fetchitem_kind {
	FETCHITEM_FLAGS,
	FETCHITEM_UID,
	FETCHITEM_INTERNALDATE,
	FETCHITEM_RFC822_SIZE,
	FETCHITEM_ENVELOPE,
	FETCHITEM_BODY,          /* structure without extension data */
	FETCHITEM_BODYSTRUCTURE, /* structure with extension data */
	FETCHITEM_SECTION, /* BODY[...], RFC822, RFC822.HEADER, RFC822.TEXT */
	FETCHITEM_BINARY,  /* BINARY[...] */
	FETCHITEM_BINARY_SIZE, /* likewise */
};

/* The word at the end of a section. */
enum fetchitem_text {
	FETCHITEM_TEXT_NONE, /* the whole part; no parts: whole message */
	FETCHITEM_TEXT_HEADER,
	FETCHITEM_TEXT_HEADER_FIELDS,
	FETCHITEM_TEXT_HEADER_FIELDS_NOT,
	FETCHITEM_TEXT_TEXT,
	FETCHITEM_TEXT_MIME, /* only with n_parts > 0 */
};

struct fetchitem {
	enum fetchitem_kind kind;
	/* The rest is for SECTION, BINARY and BINARY_SIZE only. */
	bool peek; /* do not set \Seen; true for RFC822.HEADER */
	enum fetchitem_text text;
	const uint32_t *parts; /* "1.2" is {1, 2}; each >= 1 */
	size_t n_parts;        /* 0..LIMITS_SECTION_PARTS */
	const struct view
	    *fields;     /* of HEADER_FIELDS(_NOT): printable, no ":" */
	size_t n_fields; /* 1..LIMITS_HEADER_FIELDS there, else 0 */
	bool partial;    /* "<offset.length>" was given */
	uint64_t offset; /* octets, up to 2^63-1 (RFC 9051 number64) */
	uint64_t length; /* octets, 1..2^63-1 */
	/* What to write before the data in the FETCH response, complete: the
	 * item without ".PEEK", "<offset>" instead of "<offset.length>". For
	 * every kind ("FLAGS", "BODY[HEADER.FIELDS (From \"a b\")]<0>"). */
	struct view label;
};

#endif
