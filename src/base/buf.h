#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * Owned bytes that grow up to a hard maximum. The error is sticky: the first
 * put that would pass max sets failed, and from then on nothing is added, so
 * a writer puts straight down and asks once at the end.
 */
struct buf {
	uint8_t *p;
	size_t n;   /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* bytes it may ever hold; 0 is not allowed */
	bool failed;
};

/* b is the caller's storage; nothing is allocated until the first put. */
void buf_init(struct buf *b, size_t max);
/* Frees the bytes; b may be used again as after buf_init(). */
void buf_fini(struct buf *b);
/* Empty it, keep the memory, clear failed. */
void buf_clear(struct buf *b);
/* Drop the first n bytes (n <= b->n); the rest moves to the front. */
void buf_consume(struct buf *b, size_t n);
/* Room for n more bytes at b->p + b->n, to be claimed by adding to b->n; NULL
 * (and failed set) when max would be passed. */
uint8_t *buf_reserve(struct buf *b, size_t n) A_MUST_USE;

void buf_put(struct buf *b, struct view v);
void buf_put_byte(struct buf *b, uint8_t c);
void buf_put_str(struct buf *b, const char *s);
void buf_put_dec(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) A_PRINTF(2, 3);

/* What is in it; valid until the next change. */
static inline struct view
buf_view(const struct buf *b)
{
	return (struct view){ b->p, b->n };
}

/* The same as an initialiser. */
#define BUF_INIT(limit) ((struct buf){ .max = (limit) })
/* AUTO_BUF struct buf b = BUF_INIT(n); is freed when b goes out of scope. */
#define AUTO_BUF __attribute__((cleanup(buf_fini)))

#endif
