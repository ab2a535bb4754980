#include "base/wire.h"

static const uint8_t *
take(struct wire *w, size_t n)
{
	const uint8_t *p = w->in.p;

	if (!w->ok || w->in.n < n) {
		w->ok = false;
		return NULL;
	}
	view_skip(&w->in, n);
	return p;
}

static uint64_t
take_be(struct wire *w, size_t n)
{
	const uint8_t *p = take(w, n);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
wire_u8(struct wire *w)
{
	return (uint8_t)take_be(w, 1);
}

uint16_t
wire_u16(struct wire *w)
{
	return (uint16_t)take_be(w, 2);
}

uint32_t
wire_u32(struct wire *w)
{
	return (uint32_t)take_be(w, 4);
}

uint64_t
wire_u64(struct wire *w)
{
	return take_be(w, 8);
}

struct view
wire_raw(struct wire *w, size_t n)
{
	const uint8_t *p = take(w, n);

	return (struct view){ p, p != NULL ? n : 0 };
}

struct view
wire_bytes(struct wire *w, size_t max)
{
	uint32_t n = wire_u32(w);

	if (n > max)
		w->ok = false;
	return wire_raw(w, n);
}

bool
wire_end(const struct wire *w)
{
	return w->ok && w->in.n == 0;
}

static void
put_be(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *p = buf_reserve(b, n);

	if (p == NULL)
		return;
	for (size_t i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
	b->n += n;
}

void
wire_put_u8(struct buf *b, uint8_t v)
{
	put_be(b, v, 1);
}

void
wire_put_u16(struct buf *b, uint16_t v)
{
	put_be(b, v, 2);
}

void
wire_put_u32(struct buf *b, uint32_t v)
{
	put_be(b, v, 4);
}

void
wire_put_u64(struct buf *b, uint64_t v)
{
	put_be(b, v, 8);
}

void
wire_put_bytes(struct buf *b, struct view v)
{
	if (v.n > UINT32_MAX) {
		b->failed = true;
		return;
	}
	wire_put_u32(b, (uint32_t)v.n);
	buf_put(b, v);
}
