#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"

#define FIRST_SIZE 256

void
buf_init(struct buf *b, size_t max)
{
	assert(max > 0);
	*b = (struct buf){ .max = max };
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->n);
	b->n -= n;
	if (b->n > 0 && n > 0)
		memmove(b->p, b->p + n, b->n);
}

uint8_t *
buf_reserve(struct buf *b, size_t n)
{
	size_t cap = b->cap;

	if (b->failed || n > b->max - b->n) {
		b->failed = true;
		return NULL;
	}
	if (b->p == NULL || n > cap - b->n) {
		if (cap < FIRST_SIZE)
			cap = FIRST_SIZE;
		while (cap - b->n < n)
			cap = cap > b->max / 2 ? b->max : cap * 2;
		if (cap > b->max)
			cap = b->max;
		b->p = xrealloc(b->p, cap, 1);
		b->cap = cap;
	}
	return b->p + b->n;
}

void
buf_put(struct buf *b, struct view v)
{
	uint8_t *p;

	if (v.n == 0 || (p = buf_reserve(b, v.n)) == NULL)
		return;
	memcpy(p, v.p, v.n);
	b->n += v.n;
}

void
buf_put_byte(struct buf *b, uint8_t c)
{
	uint8_t *p = buf_reserve(b, 1);

	if (p == NULL)
		return;
	*p = c;
	b->n++;
}

void
buf_put_str(struct buf *b, const char *s)
{
	buf_put(b, view_str(s));
}

void
buf_put_dec(struct buf *b, uint64_t v)
{
	uint8_t d[NUM_DEC_MAX];

	buf_put(b, (struct view){ d, num_dec(v, d) });
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char small[256], *p = small;
	AUTO_FREE char *large = NULL;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0 || b->failed || (size_t)n > b->max - b->n) {
		b->failed = true;
		return;
	}
	if ((size_t)n >= sizeof(small)) {
		p = large = xmalloc((size_t)n + 1);
		va_start(ap, fmt);
		(void)vsnprintf(large, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	buf_put(b, (struct view){ (const uint8_t *)p, (size_t)n });
}
