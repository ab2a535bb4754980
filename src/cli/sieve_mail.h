#ifndef CLI_SIEVE_MAIL_H
#define CLI_SIEVE_MAIL_H

#include "sieve/testsuite.h"

/* Most addresses one notification goes to. */
#define SIEVE_MAIL_TO_MAX 32

/* The messages that leave for an action, made by session/reply.h as at
 * delivery: struct testsuite_host's send. NULL: none; ctx is not looked at. */
struct testsuite_mail *sieve_mail(void *ctx, const struct sieve_env *env,
    const struct sieve_action *action, struct arena *a) A_MUST_USE;

#endif
