#ifndef SEARCH_SUBJECT_H
#define SEARCH_SUBJECT_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/* Bytes of a Subject that are looked at. */
#define SUBJECT_MAX ((size_t)64 << 10)

/*
 * The base subject (RFC 5256 section 2.1) of a Subject field, in the form in
 * which it is compared: folded by mail/fold.h, ASCII letters as capitals (so
 * that it orders as i;unicode-casemap does).
 *
 * value  of the field, folding and encoded-words included
 * out    the base subject is added; nothing when it is empty
 * reply  out; a subj-refwd, a "(fwd)" or a "[fwd: ...]" was removed: the message
 *        is a reply or a forward (RFC 5256 section 3, REFERENCES); may be NULL
 */
void subject_base(struct view value, struct buf *out, bool *reply);

/* text, UTF-8, in that same form. */
void subject_fold(struct view text, struct buf *out);

#endif
