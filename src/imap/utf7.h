#ifndef IMAP_UTF7_H
#define IMAP_UTF7_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * Modified UTF-7 (RFC 3501 section 5.1.3) to UTF-8.
 *
 * False, with *out untouched, when in is not *the* modified UTF-7 of a name:
 * octets outside 0x20..0x7e, an "&" without its "-", surrogates alone, NUL,
 * printable ASCII in base64, superfluous shifts, bits left over. So two
 * different spellings never give one name. Also false when the arena is full
 * (it needs at most 1.5 * in.n bytes).
 *
 * out  UTF-8; in itself when in has no "&", else in the arena
 */
bool utf7_decode(struct view in, struct arena *a, struct view *out) A_MUST_USE;

/* UTF-8 to modified UTF-7, appended to b. in that is not UTF-8 is copied with
 * each bad octet as U+FFFD. */
void utf7_encode(struct view in, struct buf *b);

#endif
