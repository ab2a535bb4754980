#ifndef SIEVE_MAILTO_H
#define SIEVE_MAILTO_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"

/* Most fields a mailto: URI may have; one with more is refused. */
#define MAILTO_FIELDS_MAX 32

struct mailto_field {
	struct view name;  /* a field name */
	struct view value; /* UTF-8, one line */
};

/* What a mailto: URI asks for (RFC 6068), percent-encoding undone. */
struct mailto {
	struct view to, cc, bcc; /* address lists of RFC 5322; n 0: none */
	struct view subject;     /* UTF-8, one line; p NULL: none */
	struct view body;        /* UTF-8; p NULL: none */
	/* The others but those a sender may not set: From, Date, Received,
	 * Message-ID, Auto-Submitted and the like (RFC 5436 section 2.7). */
	struct mailto_field field[MAILTO_FIELDS_MAX];
	size_t n;
};

/*
 * uri  as in the script; what it points to is borrowed by *out where nothing
 *      was encoded
 * a    owner of the rest
 * why  out; a constant that says what is wrong with it
 *
 * False: not a valid mailto: URI with at least one recipient whose addresses
 * are all valid; or the arena is full.
 */
bool mailto_parse(struct view uri, struct arena *a, struct mailto *out,
    const char **why) A_MUST_USE;

#endif
