#ifndef SIEVE_EDITHEADER_H
#define SIEVE_EDITHEADER_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"

/*
 * Header edits on octets (RFC 5293). Every state of the message stays where it
 * is, since actions already taken refer to it; adding in front, the usual case,
 * is done in spare room before the message, so it copies only the new field.
 */
#define EDITHEADER_VALUE_MAX 65536 /* bytes of an added value */
#define EDITHEADER_ROOM 8192       /* spare bytes kept in front of a copy */

struct editheader {
	struct view message; /* the state this was last left with */
	size_t room;         /* bytes in front of it that are ours */
};

/*
 * message  as it is now; *out as it is then, in a or where message is
 * field    a whole field with its CRLF
 * False: the arena is full.
 */
bool editheader_add(struct editheader *e, struct view message,
    struct view field, bool last, struct arena *a, struct view *out) A_MUST_USE;
/* Take away the fields gone[0..n), raw pieces of message's header in the order
 * of the message, n > 0. */
bool editheader_delete(struct editheader *e, struct view message,
    const struct view *gone, size_t n, struct arena *a, struct view *out)
    A_MUST_USE;
/* Put text in the place of the n bytes at offset at. */
bool editheader_splice(struct editheader *e, struct view message, size_t at,
    size_t n, struct view text, struct arena *a, struct view *out) A_MUST_USE;

#endif
