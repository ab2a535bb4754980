#ifndef SESSION_IMAP_SEARCH_H
#define SESSION_IMAP_SEARCH_H

#include "session/session.h"

/* Bytes that one search may use for its query and its candidates. */
#define IMAP_SEARCH_ARENA ((size_t)256 << 20)

/*
 * Search the selected mailbox as the client knows it; SORT and THREAD begin
 * with it too.
 *
 * found  zeroed; UIDs that match and that the client knows
 * False: the command has been answered NO.
 */
bool imap_search_run(struct session *s, const struct searchkey *key,
    struct view charset, struct uidset *found) A_MUST_USE;

#endif
