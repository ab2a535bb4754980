#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attrs.h"

/*
 * malloc() that ends the process when memory is out. Use it only for sizes a
 * peer cannot choose, or that a limit in a header has already bounded.
 */
void *xmalloc(size_t size) A_MUST_USE;
/* Zeroed; ends the process too when n * size overflows. */
void *xcalloc(size_t n, size_t size) A_MUST_USE;
/* As realloc(), for an array of n elements of size bytes. */
void *xrealloc(void *p, size_t n, size_t size) A_MUST_USE;

/* AUTO_FREE char *p = ...; is freed when p goes out of scope. */
void mem_free(void *pp);
#define AUTO_FREE __attribute__((cleanup(mem_free)))

#endif
