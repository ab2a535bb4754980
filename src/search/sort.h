#ifndef SEARCH_SORT_H
#define SEARCH_SORT_H

#include "base/attrs.h"
#include "imap/command.h"
#include "store/account.h"

/* Bytes of all texts that are compared in one SORT or THREAD. */
#define SORT_TEXT_MAX ((size_t)1 << 30)

/*
 * Put messages in order (RFC 5256 section 3, SORT).
 *
 * runs  n sorted runs of UIDs
 * by    n_by >= 1 criteria; what they leave equal stays in UID order
 * out   malloc'd array of *n_out UIDs, those that still exist
 *
 * 0, STORE_LIMIT, or as the store says. Texts compare as i;unicode-casemap
 * does, empty ones first.
 */
int sort_messages(struct account *a, uint32_t mailbox,
    const struct uid_run *runs, size_t n,
    const struct command_sort_criterion *by, size_t n_by, uint32_t **out,
    size_t *n_out) A_MUST_USE;

#endif
