#ifndef SIEVE_LETTER_H
#define SIEVE_LETTER_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"
#include "mail/header.h"
#include "mail/mime.h"

/*
 * A message as tests see it: its fields in a hashed table made at the first
 * question, each decoded at the first question for it, its MIME tree likewise.
 * All in the arena of the run; where that is full, what would need more is
 * empty, and arena_refused() tells the run.
 *
 * Letters made from one another by changing the header share the body, and what
 * is known of it.
 */
struct letter;

struct letter_address {
	const struct letter_address *next;
	struct view all;    /* local@domain; without "@" when there is none */
	struct view local;  /* without quotes; all of a broken address */
	struct view domain; /* n 0: none */
	bool broken;        /* no address: only "all" is of use */
};

/* A header field, or a value made from one. */
struct letter_value {
	struct view name;
	struct view raw; /* after ':', with folding */
	/* private: decoded when asked for */
	struct view text, folded;
	struct view by_chars; /* compare_field()'s; p NULL: none yet */
	const struct letter_address *addresses;
	unsigned have;
};

/* Values in the order of the message; the array belongs to the letter or to the
 * run. */
struct letter_values {
	struct letter_value *const *v;
	size_t n;
};

/* Fields of a message that are looked at; later ones are not there. */
#define LETTER_FIELDS_MAX 65536

/* Spare bytes kept in front of a copy that letter_octets() makes. */
#define LETTER_ROOM 8192

/* octets: borrowed as long as the letter. NULL: the arena is full. */
struct letter *letter_new(struct view octets, struct arena *a) A_MUST_USE;
/* The same letter with another header, which has the empty line that ends it as
 * far as there is one; borrowed like octets. O(header.n); NULL: the arena is
 * full. */
struct letter *letter_with_header(
    struct letter *l, struct view header, struct arena *a) A_MUST_USE;
/* The whole message in one piece. Of a letter with another header it is made at
 * the first question: O(size), but where nothing more than fields in front were
 * added to what was copied last, O(these). p == NULL: the arena is full. */
struct view letter_octets(struct letter *l) A_MUST_USE;
size_t letter_size(const struct letter *l) A_MUST_USE;
struct view letter_header(const struct letter *l) A_MUST_USE;
struct view letter_body(const struct letter *l) A_MUST_USE;
/* The fields called name (ASCII case ignored). */
struct letter_values letter_fields(struct letter *l, struct view name)
    A_MUST_USE;
/* The same, with letter_hash() of the name known already. */
struct letter_values letter_fields_hashed(
    struct letter *l, struct view name, uint32_t hash) A_MUST_USE;
uint32_t letter_hash(struct view name) A_MUST_USE;
/* A value like a field, of any text (":mime :param" and the like): text is what
 * tests see, UTF-8. NULL: the arena is full. */
struct letter_value *letter_made(struct letter *l, struct view text) A_MUST_USE;

/* The same, but made once for each thing and number (0 or 1) that is asked for
 * again and again: thing is a part of letter_mime(), or the letter for its body
 * as it stands. text: what it is the first time. */
struct letter_value *letter_kept(struct letter *l, const void *thing,
    unsigned number, struct view text) A_MUST_USE;

/* Unfolded, RFC 2047 decoded, without blanks at either end: valid UTF-8. */
struct view letter_text(struct letter *l, struct letter_value *v) A_MUST_USE;
/* The same in ASCII upper case, for i;ascii-casemap. */
struct view letter_folded(struct letter *l, struct letter_value *v) A_MUST_USE;
/* The addresses in it; groups' names left out (RFC 5228 section 5.1). */
const struct letter_address *letter_addresses(
    struct letter *l, struct letter_value *v) A_MUST_USE;
/* The MIME tree; NULL: the arena is full. It stays the same one, root and all,
 * while no Content- field of the header changes, so its offsets and the texts in
 * its root are of no use: see the next two. */
const struct mime_part *letter_mime(struct letter *l) A_MUST_USE;
/* What stands in a part of letter_mime(). */
struct view letter_part_header(
    const struct letter *l, const struct mime_part *p) A_MUST_USE;
struct view letter_part_body(const struct letter *l, const struct mime_part *p)
    A_MUST_USE;
/* The two as they follow each other; not of the root. */
struct view letter_part_octets(
    const struct letter *l, const struct mime_part *p) A_MUST_USE;
/* The decoded text of a text/ part in UTF-8, or the octets of any other after
 * its transfer encoding. */
struct view letter_part_text(struct letter *l, const struct mime_part *p)
    A_MUST_USE;

#endif
