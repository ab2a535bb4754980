#ifndef PROC_AUTH_CONF_H
#define PROC_AUTH_CONF_H

#include "auth/directory.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/why.h"

/* What auth and the account command both read from the configuration. */

#define AUTH_SOCKET "auth.sock" /* in [server] run-dir */

/* Path of the directory's directory, NUL at the end; valid until the buffer
 * changes. */
const char *auth_conf_dir(const struct conf *c, struct buf *out);
/* The uid an account of that name brings along: that of the local user, when
 * [store] uid says so and the name has no domain. */
bool auth_conf_local(const struct conf *c, const struct name *name,
    uint32_t *uid, uint32_t *gid) A_MUST_USE;
/* The one owner of all accounts, where [store] uid is vmail or server; false:
 * each has its own, or there is no such user (then *why names him, else it is
 * NULL). */
bool auth_conf_one_owner(const struct conf *c, uint32_t *uid, uint32_t *gid,
    const char **why) A_MUST_USE;
/*
 * Make the state directory (0755) and in it auth's (0700) unless they are
 * there; started by root, auth's is given to [server] auth-user.
 * 0 or negative errno, *w says why.
 */
int auth_conf_make_dir(const struct conf *c, struct why *w) A_MUST_USE;

#endif
