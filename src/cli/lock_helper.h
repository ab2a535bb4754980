#ifndef CLI_LOCK_HELPER_H
#define CLI_LOCK_HELPER_H

#include <stdbool.h>

#include "base/attrs.h"

/*
 * Dot locks in a spool directory that users may not write (/var/mail): made by
 * fumi-dotlock, which is installed set-group-id "mail" and does nothing else.
 * For struct format_mbox_locking: 0; -EAGAIN: it is locked; -EACCES: the helper
 * is not there or may not either.
 */
int lock_helper(void *ctx, const char *path, bool lock) A_MUST_USE;

#endif
