#ifndef PROC_USERS_H
#define PROC_USERS_H

#include <stdint.h>

#include "base/attrs.h"

enum users_result {
	USERS_OK = 0,
	USERS_STAND_IN, /* one of the package's users, and not on this system */
	USERS_NONE,     /* no such user */
};

/*
 * Who a setting such as [server] auth-user names.
 *
 * text      a number, 0..4294967294, which stands for the user and the group,
 *           or the name of a user of the system
 * uid, gid  out; untouched with USERS_NONE
 *
 * Where the package's own users (fumi-auth, fumi-gate, fumi-hub, fumi-forker,
 * fumi-lmtp, fumi-out) do not exist, as in a test or at a first try, numbers that Debian gives to
 * nobody stand in for them: 64801 to 64806. Asks the system's user database,
 * so it may block and is not for processes behind their walls.
 */
enum users_result users_find(const char *text, uint32_t *uid, uint32_t *gid)
    A_MUST_USE;

#endif
