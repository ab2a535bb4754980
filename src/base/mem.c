#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static A_NORETURN void
out_of_memory(void)
{
	(void)fputs("out of memory\n", stderr);
	abort();
}

void *
xmalloc(size_t size)
{
	void *p = malloc(size > 0 ? size : 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
xrealloc(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		out_of_memory();
	if ((p = realloc(p, total > 0 ? total : 1)) == NULL)
		out_of_memory();
	return p;
}

void
mem_free(void *pp)
{
	free(*(void **)pp);
	*(void **)pp = NULL;
}
