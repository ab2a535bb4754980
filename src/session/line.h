#ifndef SESSION_LINE_H
#define SESSION_LINE_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/* Cuts a stream into lines of a bounded length. Does no I/O. */
struct line {
	struct buf held; /* the beginning of a line whose end has not come */
	bool dropping;   /* the line was too long: swallow its rest */
};

enum line_result {
	LINE_MORE,     /* all of in was taken, and more is needed */
	LINE_DONE,     /* *out is a line without its end */
	LINE_TOO_LONG, /* it was swallowed whole */
};

/* max: bytes of a line with its end. */
void line_init(struct line *l, size_t max);
void line_fini(struct line *l);
/*
 * Take a line from *in, which is moved past its end (CRLF, or LF alone:
 * docs/violations.md). A line that is wholly in *in is not copied: *out is good
 * until the next call or until the bytes of in go away.
 */
enum line_result line_take(struct line *l, struct view *in, struct view *out)
    A_MUST_USE;
/* Is nothing held, so that the next byte begins a line? */
bool line_idle(const struct line *l) A_MUST_USE;

#endif
