#ifndef PROC_SIEVE_CONF_H
#define PROC_SIEVE_CONF_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/view.h"
#include "base/why.h"

#define SIEVE_CONF_DISABLED_MAX 64 /* the setting's own bound */

/* Names of [sieve] disabled, for the gate and for sessions; they live as long
 * as c. Returns their number. */
size_t sieve_conf_disabled(
    const struct conf *c, struct view out[SIEVE_CONF_DISABLED_MAX]);

/* May users' scripts run for IMAP events (RFC 6785)? */
bool sieve_conf_imapsieve(const struct conf *c) A_MUST_USE;
/* "IMAPSIEVE=sieve://HOST[:PORT]", what clients of IMAP are told; false: nothing,
 * there is no place for users' scripts that they could be told of. */
#define SIEVE_CONF_URL_MAX 300
#define SIEVE_CONF_CAPABILITY_SIZE (SIEVE_CONF_URL_MAX + 16)
bool sieve_conf_capability(
    const struct conf *c, char out[SIEVE_CONF_CAPABILITY_SIZE]) A_MUST_USE;

/* Read the administrator's scripts ([sieve] before, after, global; [imapsieve]
 * before, after), each as
 * msg_master_script_put() has it, in the order in which they run.
 * out  initialised, for MSG_MASTER_SCRIPTS_MAX bytes
 * 0, or a negative errno (-EFBIG: there are too many, or one is too large), *w
 * says at what. */
int sieve_conf_scripts(const struct conf *c, struct buf *out, struct why *w)
    A_MUST_USE;

#endif
