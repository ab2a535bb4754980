#ifndef SIEVE_DUPLICATE_H
#define SIEVE_DUPLICATE_H

/* Limits of the duplicate test (RFC 7352). */
#define DUPLICATE_TESTS_MAX 64           /* different ones in a run */
#define DUPLICATE_SECONDS_DEFAULT 604800 /* seven days */
#define DUPLICATE_SECONDS_MAX (366 * 86400)

#endif
