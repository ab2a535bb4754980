#ifndef IMAP_PATTERN_H
#define IMAP_PATTERN_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * Does name match a LIST pattern (RFC 9051 section 6.3.9)? "*" is any run of
 * octets, "%" any run without '/'. Octets compare exactly, but those of a first
 * level INBOX of the name match in any case. A pattern of more than
 * LIMITS_MAILBOX bytes matches nothing.
 *
 * Time O(pattern.n * name.n) at worst and no recursion, no allocation: there
 * are no exponential patterns.
 */
bool pattern_match(struct view pattern, struct view name) A_MUST_USE;

/*
 * Can a name that begins with parent + "/" match? For walking a tree without
 * descending where nothing can match, and for "%" finding parents of names
 * (RFC 9051 section 6.3.9.7). Same cost.
 */
bool pattern_below(struct view pattern, struct view parent) A_MUST_USE;

#endif
