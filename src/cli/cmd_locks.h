#ifndef CLI_CMD_LOCKS_H
#define CLI_CMD_LOCKS_H

#include "base/conf.h"

/*
 * fumi check-locks
 *
 * Asks the programs of this machine that touch mboxes (Postfix, Dovecot,
 * procmail, Mutt) how they lock, and says of each whether that goes together
 * with [delivery] mbox-locks: it does when they have a lock in common (lockf
 * and fcntl are one on Linux), since both must get it then.
 *
 * EX_OK; EX_CONFIG when one of them has none in common. conf by
 * proc/settings.h.
 */
int cmd_locks(const struct conf *conf, int argc, char **argv);

/* What a program said, as bits 1 << enum format_mbox_lock: words such as
 * "fcntl, dotlock", "+USE_FCNTL -USE_FLOCK", "dotlocking, fcntl()". */
unsigned cmd_locks_read(struct view text);

#endif
