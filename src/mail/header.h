#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * Header sections as they come (RFC 5322 section 2.2), never refused. A line
 * ends with CRLF or a bare LF; a header ends after the first empty line or at
 * the end of the bytes. Any octet is allowed, NUL and 8-bit included. What is
 * not a field is handed out too, with an empty name, so that the raw pieces
 * put together are always the whole header.
 */
struct header_field {
	struct view name;  /* without ':' and without blanks before it; empty:
	                      a line that is no field (no colon, From_ line) */
	struct view value; /* after ':', folding and blanks included, without
	                      the last line end */
	struct view raw;   /* the whole field with all its line ends */
};

/* Bytes of the header of msg, the empty line that ends it included; msg.n when
 * there is no such line. O(header). */
size_t header_size(struct view msg) A_MUST_USE;

/*
 * Take the next field of a header.
 *
 * rest  in/out; a header section (what follows an empty line is not read);
 *       moved past the field
 * out   views into the same bytes
 *
 * False at the empty line or at the end; *rest then starts there.
 */
bool header_next(struct view *rest, struct header_field *out) A_MUST_USE;

/* The first field called name (ASCII case ignored), in the order of the bytes.
 * False when there is none; *out is then undefined. */
bool header_find(struct view header, struct view name, struct header_field *out)
    A_MUST_USE;

/* Add the value without its line ends (RFC 5322 section 2.2.3: the blank after
 * each stays) and without blanks at either end. */
void header_unfold(struct view value, struct buf *out);
/* The value without blanks and line ends at either end; inner folding stays. */
struct view header_trim(struct view value) A_MUST_USE;

/*
 * BODY[HEADER.FIELDS (...)] (RFC 9051 section 6.4.5): all fields whose name is
 * one of names, in the order of the message, each as often as it is there, and
 * an empty line.
 *
 * header  a header section
 * names   n names, ASCII case ignored; borrowed for the call
 * not     HEADER.FIELDS.NOT: all other fields instead; lines that are no
 *         field are then included
 *
 * The empty line is added even where the header has none.
 */
void header_filter(struct view header, const struct view *names, size_t n,
    bool not, struct buf *out);

#endif
