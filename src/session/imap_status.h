#ifndef SESSION_IMAP_STATUS_H
#define SESSION_IMAP_STATUS_H

#include "session/session.h"

/* Put "* STATUS name (...)" for a mailbox that can be selected (RFC 9051
 * section 7.3.3). items: COMMAND_STATUS_*; name: UTF-8. 0 or as the store says;
 * then nothing was put. */
int imap_status_put(struct session *s, const struct mailbox_row *row,
    struct view name, unsigned items) A_MUST_USE;

#endif
