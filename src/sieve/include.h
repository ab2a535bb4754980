#ifndef SIEVE_INCLUDE_H
#define SIEVE_INCLUDE_H

/* Limits of RFC 6609's include; the depth is SIEVE_INCLUDE_MAX. */
#define INCLUDE_NAME_MAX 512    /* bytes of a script's name (RFC 5804) */
#define INCLUDE_SCRIPTS_MAX 255 /* includes of a run that took place */
#define INCLUDE_GLOBALS_MAX 256 /* global variables of a run */

#endif
