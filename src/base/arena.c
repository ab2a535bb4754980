#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_SIZE 4096

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) uint8_t data[];
};

struct arena {
	struct block *head;
	size_t left; /* bytes still allowed */
	bool refused;
};

struct arena *
arena_new(size_t limit)
{
	struct arena *a = xcalloc(1, sizeof(*a));

	a->left = limit;
	return a;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	const size_t al = alignof(max_align_t);
	struct block *b = a->head;

	if (size > a->left || size > SIZE_MAX - sizeof(*b) - al) {
		a->refused = true;
		return NULL;
	}
	a->left -= size;
	size = (size + al - 1) / al * al;
	if (b == NULL || b->size - b->used < size) {
		size_t n = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		b = xcalloc(1, sizeof(*b) + n);
		b->size = n;
		b->next = a->head;
		a->head = b;
	}
	b->used += size;
	return b->data + b->used - size;
}

char *
arena_strdup(struct arena *a, struct view v)
{
	char *s;

	if (v.n == SIZE_MAX || (s = arena_alloc(a, v.n + 1)) == NULL)
		return NULL;
	if (v.n > 0)
		memcpy(s, v.p, v.n);
	return s;
}

bool
arena_refused(const struct arena *a)
{
	return a->refused;
}

void
arena_free(struct arena **a)
{
	if (*a == NULL)
		return;
	for (struct block *b = (*a)->head, *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(*a);
	*a = NULL;
}
