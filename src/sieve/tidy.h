#ifndef SIEVE_TIDY_H
#define SIEVE_TIDY_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"

/* Texts of scripts on their way into messages. */

/* v with every line end (CRLF, or LF or CR alone) as CRLF. False: the arena is
 * full. O(v.n). */
bool tidy_lines(struct view v, struct arena *a, struct view *out) A_MUST_USE;
/* v as one line: each run of line ends and blanks around them becomes one
 * blank, those at either end go; so does NUL. False: the arena is full. */
bool tidy_line(struct view v, struct arena *a, struct view *out) A_MUST_USE;

/* Is v a field-name (RFC 5322 section 3.6.8)? */
bool tidy_is_field_name(struct view v) A_MUST_USE;
/* Is v exactly one mailbox, "Name <local@domain>" or "local@domain", as Sieve
 * wants an address (RFC 5228 section 2.4.2.3)? spec: out, "local@domain" in a, as
 * SMTP wants it: the local part in quotes where it must be, and only there; may be
 * NULL. UTF-8 is allowed in all of it. */
bool tidy_is_address(struct view v, struct arena *a, struct view *spec)
    A_MUST_USE;
/* The same for a list of one or more. */
bool tidy_is_address_list(struct view v, struct arena *a) A_MUST_USE;

/* Bytes of one line of a field, without its line end, as far as it has blanks
 * to be folded at (RFC 5322 section 2.1.1). */
#define TIDY_LINE_MAX 78
/*
 * A whole header field, "Name: value" CRLF. Line ends in value become folding;
 * what is not ASCII becomes encoded-words of RFC 2047; long lines are folded.
 * NUL must not be in it. False: the arena is full.
 */
bool tidy_field(struct view name, struct view value, struct arena *a,
    struct view *out) A_MUST_USE;
/* Most bytes tidy_field() makes of a name and a value. */
#define TIDY_FIELD_SIZE(name_n, value_n) ((name_n) + 12 * (value_n) + 64)

#endif
