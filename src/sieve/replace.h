#ifndef SIEVE_REPLACE_H
#define SIEVE_REPLACE_H

#include "base/buf.h"
#include "base/view.h"
#include "sieve/sieve.h"

/* For replace and enclose (RFC 5703 sections 5 and 6). */
#define REPLACE_MAX SIEVE_RUN_MAX /* bytes of a message they make */
#define REPLACE_LINE_MAX 990      /* bytes of a line that stays 7bit */

/* Add a text/plain part: its fields, an empty line, text in the encoding it
 * needs. text: UTF-8, CRLF lines. */
void replace_put_text(struct view text, struct buf *out);

#endif
