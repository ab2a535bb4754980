#ifndef SIEVE_HTML_H
#define SIEVE_HTML_H

#include "base/arena.h"
#include "base/view.h"

/*
 * What a person reads of an HTML text: no tags, comments, scripts and styles;
 * character references as the characters they stand for; runs of blanks as one;
 * CRLF where a block ends. Broken HTML never fails.
 *
 * html  UTF-8
 *
 * Valid UTF-8 in a, never longer than html; an empty view when a is full.
 * O(html.n).
 */
struct view html_text(struct view html, struct arena *a) A_MUST_USE;

#endif
