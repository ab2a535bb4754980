#ifndef SIEVE_EDITHEADER_H
#define SIEVE_EDITHEADER_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"

/*
 * Edits of a header (RFC 5293), which is given and comes out with the empty line
 * that ends it, as far as there is one. Every state of it stays where it is,
 * since there are letters and texts that refer to it; adding in front, the usual
 * case, is done in spare room before it, so it copies only the new field.
 */
#define EDITHEADER_VALUE_MAX 65536 /* bytes of an added value */
#define EDITHEADER_ROOM 8192       /* spare bytes kept in front of a copy */

struct editheader {
	struct view header; /* the state this was last left with */
	size_t room;        /* bytes in front of it that are ours */
};

/*
 * header  as it is now; *out as it is then, in a or where header is
 * field   a whole field with its CRLF
 * False: the arena is full.
 */
bool editheader_add(struct editheader *e, struct view header, struct view field,
    bool last, struct arena *a, struct view *out) A_MUST_USE;
/* Take away the fields gone[0..n), raw pieces of the header in its order. */
bool editheader_delete(struct editheader *e, struct view header,
    const struct view *gone, size_t n, struct arena *a, struct view *out)
    A_MUST_USE;

#endif
