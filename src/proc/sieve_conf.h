#ifndef PROC_SIEVE_CONF_H
#define PROC_SIEVE_CONF_H

#include "base/conf.h"
#include "base/view.h"

#define SIEVE_CONF_DISABLED_MAX 64 /* the setting's own bound */

/* Names of [sieve] disabled, for the gate and for sessions; they live as long
 * as c. Returns their number. */
size_t sieve_conf_disabled(
    const struct conf *c, struct view out[SIEVE_CONF_DISABLED_MAX]);

#endif
