#ifndef SEARCH_MATCH_H
#define SEARCH_MATCH_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"
#include "mail/summary.h"
#include "search/scan.h"

/*
 * Does one message hold a text? Substrings, case-insensitive, in decoded text
 * of any charset (RFC 9051 section 6.4.4): header fields with their
 * encoded-words (RFC 2047) decoded, text parts with their transfer encoding and
 * charset decoded, both sides in the form of mail/fold.h. What is plain ASCII
 * in place, as most mail is, is searched in place.
 */

/* One text to look for, prepared once. */
struct match_needle {
	struct view folded; /* in the arena; n 0: an empty text, always there */
	bool ascii;         /* folded is ASCII; then scan is set */
	bool blank;         /* it has a space or tab, or a line end */
	struct scan scan;
};

/* text: UTF-8. False when the arena is full. */
bool match_needle_init(
    struct match_needle *n, struct view text, struct arena *a) A_MUST_USE;

/* The name of a header field, prepared once. */
struct match_field {
	struct view name; /* lower case, in the arena; n 0: cannot be a field */
	bool common;      /* header_is_common() */
	bool address;     /* its value is an address list */
	struct scan scan; /* line end and name */
};

/* name: any case, any octets. False when the arena is full. */
bool match_field_init(struct match_field *f, struct view name, struct arena *a)
    A_MUST_USE;

/* A message that is being asked about; plain values, nothing to free. */
struct match_message {
	struct view octets;
	struct summary summary;
	bool has_summary;
	size_t header_n; /* bytes of its header */
};

/* summary: as summary_write() made it, or empty; both views are borrowed. */
void match_message_init(
    struct match_message *m, struct view octets, struct view summary);

/* Buffers and charset converters that are kept from message to message; heap.
 * At most some MATCH_TEXT_MAX bytes, whatever the messages are. */
struct matcher;
#define MATCH_TEXT_MAX ((size_t)64 << 20)
/* Bytes of one header field that are looked at when it must be decoded. */
#define MATCH_FIELD_MAX ((size_t)1 << 20)
/* Larger encoded parts are decoded and compared piece by piece. */
#define MATCH_WHOLE_MAX ((size_t)1 << 20)

struct matcher *matcher_new(void);
void matcher_free(struct matcher **m);

/*
 * HEADER f needle: is it in the value of any field of that name? In an address
 * field also in the addresses as ENVELOPE gives them, "name <mailbox@host>",
 * without comments and quoting.
 */
bool match_header(struct matcher *x, const struct match_message *m,
    const struct match_field *f, const struct match_needle *n) A_MUST_USE;

/*
 * BODY needle: is it in a text part (text/... and message/...), also of a
 * message inside the message? No header fields count (RFC 9051 section 6.4.4),
 * those of inner messages neither, nor what stands before and behind the parts of
 * a multipart, which mail programs write and do not show: so do Dovecot, Cyrus
 * and James. With headers, TEXT: also in the header of the message or of any
 * part; "name: value" of each field is one text.
 */
bool match_text(struct matcher *x, const struct match_message *m, bool headers,
    const struct match_needle *n) A_MUST_USE;

/* The day the Date field was written on (RFC 9051 section 6.4.4: disregarding
 * time and time zone), days since 1970-01-01. False when there is none. */
bool match_sent_day(const struct match_message *m, int64_t *day) A_MUST_USE;

#endif
