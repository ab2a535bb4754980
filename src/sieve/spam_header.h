#ifndef SIEVE_SPAM_HEADER_H
#define SIEVE_SPAM_HEADER_H

#include <stdbool.h>

#include "base/attrs.h"

struct world;

/*
 * The verdicts of outside spam and virus checkers for the test dialect, read
 * from a header field of the message as the settings say: sieve_spamtest_
 * status_header ("Name" or "Name: regular expression"), _status_type (score,
 * strlen, text), _max_value, _max_header, _text_value0 to 10; the same for
 * sieve_virustest_ with 5 at most.
 */
bool spam_header_percent(struct world *w, unsigned *percent) A_MUST_USE;
bool spam_header_virus(struct world *w, unsigned *value) A_MUST_USE;

#endif
