#ifndef SEARCH_MAY_H
#define SEARCH_MAY_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * Folding a text that is not ASCII costs a hundred times as much as reading it,
 * and is needed only where a character folds to some part of what is looked
 * for: "ＡＢＣ" may hold "abc", "日本語" cannot. Which characters those are is
 * worked out once for a needle, in some milliseconds.
 */
struct may;

/*
 * needle  folded, not empty; copied
 * ascii   it is ASCII; then may_hold() speaks only of texts in which it does
 *         not stand as it is
 * Never NULL.
 */
struct may *may_new(struct view needle, bool ascii);
void may_free(struct may **m);
/* False: the text, valid UTF-8, once folded, certainly does not hold the needle.
 * About a nanosecond a byte, ASCII less. */
bool may_hold(const struct may *m, struct view text) A_MUST_USE;

#endif
