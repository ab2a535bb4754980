#ifndef MAIL_ENCODED_H
#define MAIL_ENCODED_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * Decode an unstructured or display-name text to UTF-8 (RFC 2047 section 6).
 * Blanks between adjacent encoded-words vanish; adjacent words of one charset
 * are decoded as one text, so characters (and ISO-2022-JP states) cut between
 * them survive. A word that is broken or of an unknown charset stays as it is.
 * Line ends are dropped as in header_unfold(). 8-bit text outside the words is
 * taken by charset_put_guess().
 *
 * out  valid UTF-8 without NUL is added
 */
void encoded_decode(struct view text, struct buf *out);

/* Bytes of the encoded-word that v begins with, as encoded_decode() takes it; 0:
 * it does not begin with one. */
size_t encoded_word(struct view v) A_MUST_USE;

/* One parameter of a Content-Type or Content-Disposition value. */
struct encoded_param {
	struct view name;  /* as written, "filename*0*" included */
	struct view value; /* raw: quotes and escapes still there */
	bool quoted;       /* value stood in quotes (they are not in value) */
};

/* Most parameters that are looked at in one value; more are ignored. */
#define ENCODED_PARAMS_MAX 64

/*
 * Take the next "; name=value" of a field value (RFC 2045 section 5.1,
 * comments, stray semicolons, blanks around "=" and unquoted special
 * characters accepted).
 *
 * rest  in/out; what follows the type or the parameter before
 * False at the end.
 */
bool encoded_next_param(struct view *rest, struct encoded_param *out)
    A_MUST_USE;

/*
 * The value of parameter name, decoded to UTF-8: RFC 2231 continuations and
 * charset'language'%XX (sections 3 and 4), quoted-pairs, and, as mailers do it
 * against RFC 2047 section 5, encoded-words in quotes. The extended form wins
 * over the plain one.
 *
 * params  a field value from the first ';' on
 * False, and nothing added, when there is no such parameter.
 */
bool encoded_param_decode(struct view params, struct view name, struct buf *out)
    A_MUST_USE;

#endif
