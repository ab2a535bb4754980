#ifndef MAIL_FOLD_H
#define MAIL_FOLD_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * The form in which SEARCH compares text (RFC 9051 section 6.4.4 asks for a
 * case-insensitive comparison; this follows i;unicode-casemap, RFC 5051):
 * compatibility decomposition, then full case folding, then decomposition
 * again. So half-width and full-width kana, circled digits and "ß"/"SS" meet.
 *
 * text  UTF-8; invalid bytes become U+FFFD
 * out   the folded text is added; at most FOLD_GROWTH times text.n bytes
 *
 * Folding is the same in pieces if every piece but the first starts with an
 * ASCII byte. O(text.n); ASCII costs about a byte a cycle.
 */
void fold_text(struct view text, struct buf *out);
#define FOLD_GROWTH 12

/* Where to cut a text of several pieces: the largest cut <= text.n at which an
 * ASCII byte starts; 0 when there is none. */
size_t fold_cut(struct view text) A_MUST_USE;

/* Offset of needle in hay, both folded; hay.n + 1 when it is not in it. An
 * empty needle is found at 0. */
size_t fold_find(struct view hay, struct view needle) A_MUST_USE;

#endif
