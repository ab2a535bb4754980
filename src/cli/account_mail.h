#ifndef CLI_ACCOUNT_MAIL_H
#define CLI_ACCOUNT_MAIL_H

#include "base/conf.h"
#include "base/view.h"
#include "base/why.h"

/*
 * What becomes of an account's mail when its name goes and comes again. The
 * next one of that name is somebody else: he must not find the mail of the
 * first, and where accounts have uids of their own could not open it.
 */

/* Is there mail of an earlier account of that name? path: out, where (at most
 * size bytes), below state-dir. False also when nobody lets us look. */
bool account_mail_is_there(
    const struct conf *c, struct view name, char *path, size_t size);
/*
 * Move the mail of an account that is no more from accounts/ to
 * removed/<domain>/<user>.<seconds since 1970>, durably; path: out, where it is
 * now, "" when there was none. Sessions that still have it open go on there.
 * 0 or a negative errno, *w says why.
 */
int account_mail_set_aside(const struct conf *c, struct view name, char *path,
    size_t size, struct why *w) A_MUST_USE;

#endif
