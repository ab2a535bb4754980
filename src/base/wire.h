#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * Reader for one message from another process, or for one record of the log.
 * The writer is not trusted: every get checks bounds, the first failure sticks
 * (ok goes false and all later gets yield zero), so a handler decodes all
 * fields straight down and tests once, with wire_end().
 */
struct wire {
	struct view in;
	bool ok;
};

static inline struct wire
wire_read(struct view in)
{
	return (struct wire){ in, true };
}

/* Big-endian numbers of 1, 2, 4 and 8 bytes. */
uint8_t wire_u8(struct wire *w);
uint16_t wire_u16(struct wire *w);
uint32_t wire_u32(struct wire *w);
uint64_t wire_u64(struct wire *w);
/* Exactly n bytes, no length in front; empty on failure. */
struct view wire_raw(struct wire *w, size_t n);
/* u32 length, then that many bytes; borrowed from the message, at most max. */
struct view wire_bytes(struct wire *w, size_t max);
/* True when every get worked and not a byte is left over. */
bool wire_end(const struct wire *w) A_MUST_USE;

/* The same towards the other side. Errors stick in the buf. */
void wire_put_u8(struct buf *b, uint8_t v);
void wire_put_u16(struct buf *b, uint16_t v);
void wire_put_u32(struct buf *b, uint32_t v);
void wire_put_u64(struct buf *b, uint64_t v);
/* u32 length and the bytes. */
void wire_put_bytes(struct buf *b, struct view v);

#endif
