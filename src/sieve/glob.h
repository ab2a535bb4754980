#ifndef SIEVE_GLOB_H
#define SIEVE_GLOB_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"

/* The wildcards of :matches (RFC 5228 section 2.7.1). */
struct glob;

/* Bytes of a value that is matched by characters; a longer one costs more than
 * there is, since it would take a hundred times its size in memory. */
#define GLOB_CHARS_MAX (4 << 20)

/* Folds a text, in a; false: the arena is full. NULL: nothing is folded. */
typedef bool glob_fold_fn(struct view text, struct arena *a, struct view *out);

/* A pattern made ready. chars: "?" is a character of UTF-8, else an octet; fold
 * must then fold each character for itself, an ASCII one to one byte. NULL: the arena is full. */
struct glob *glob_new(struct view pattern, glob_fold_fn *fold, bool chars,
    struct arena *a) A_MUST_USE;

/*
 * Does the whole value match? Every wildcard matches as little as it can, from
 * the left (RFC 5229 section 3.2).
 *
 * value, folded  the value, and the same folded; of the same length unless the
 *                pattern goes by chars (folded is then not looked at)
 * steps          added to: bytes looked at, about
 * max            give up (false) past so many steps
 * parts, n       out; the value, then what each wildcard stands for, n in all,
 *                at most max_parts; parts may be NULL
 */
bool glob_match(const struct glob *g, struct view value, struct view folded,
    uint64_t *steps, uint64_t max, struct view *parts, size_t max_parts,
    size_t *n) A_MUST_USE;

#endif
