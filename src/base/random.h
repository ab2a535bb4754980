#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Random bytes from the kernel, fit for keys. Ends the process when the kernel
 * has none to give (which it does not do once booted). */
void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
/* Evenly in 0..n-1; n is not 0. */
uint64_t random_below(uint64_t n);

#endif
