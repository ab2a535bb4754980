#ifndef MAIL_CFWS_H
#define MAIL_CFWS_H

#include "base/view.h"

/* Blanks and comments between the words of a structured field, for the parsers
 * of this folder (RFC 5322 section 3.2.2). */

/* A blank or a line end, folded or bare. */
static inline bool
cfws_is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Move *in past blanks, line ends and comments, nested at any depth and with
 * quoted-pairs in them. A comment without an end reaches to the end of *in; a
 * ')' outside of comments is not skipped. O(in->n). */
void cfws_skip(struct view *in);

#endif
