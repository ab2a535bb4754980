#ifndef SESSION_IMAP_METADATA_H
#define SESSION_IMAP_METADATA_H

#include "session/session.h"

/* The answer to a value that is longer than METADATA_VALUE_MAX. */
#define IMAP_METADATA_MAXSIZE "[METADATA MAXSIZE 65536] Value too large"

/* Are all of these names of entries, or of levels above some? */
bool imap_metadata_check(const struct view *entries, size_t n) A_MUST_USE;
/* "* METADATA name (...)" CRLF with the entries of that mailbox, NIL for those
 * that are not there. 0 or as other calls of the store. */
int imap_metadata_put(struct session *s, uint32_t mailbox, struct view name,
    const struct view *entries, size_t n) A_MUST_USE;

/* Tell changes from now on. False: it cannot be known what now is. */
bool imap_metadata_enable(struct session *s) A_MUST_USE;
/* If that is enabled, tell whose annotations have changed since the last time,
 * by others, up to the commit of that modseq. Put out, not flushed. */
void imap_metadata_tell(struct session *s, uint64_t upto);

#endif
