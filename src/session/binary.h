#ifndef SESSION_BINARY_H
#define SESSION_BINARY_H

#include "base/attrs.h"
#include "base/view.h"
#include "store/spool.h"

enum binary_result {
	BINARY_OK = 0,     /* written, not yet finished */
	BINARY_AS_IS,      /* nothing to do: no NUL in it */
	BINARY_IMPOSSIBLE, /* a NUL where no encoding can hide it */
	BINARY_STORE,      /* the spool refused; *store says why */
};

/*
 * A message appended as literal8 may hold NUL, which no literal can show again
 * (RFC 3516 section 4.4): leaf parts in "binary" that have one are rewritten in
 * base64, everything else stays octet for octet.
 *
 * msg    the message
 * out    an open spool to write to
 * store  out; result of the spool for BINARY_STORE
 */
enum binary_result binary_rewrite(
    struct view msg, struct spool *out, int *store) A_MUST_USE;

#endif
