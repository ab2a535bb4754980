#include "base/crc32c.h"

#include "crc32c_table.h" /* made by crc32c_gen.c */

/*
 * The processor's instruction takes three cycles to answer but can start one
 * each cycle: so three streams of a block each are worked on at once, and
 * their results joined. A CRC is linear, so the first stream's result is moved
 * past the second one's bytes by a table ("shift") and added to it.
 */

static uint32_t
bytes(uint32_t c, struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		c = c >> 8 ^ slice[0][(c ^ v.p[i]) & 255];
	return c;
}

uint32_t
crc32c_portable(uint32_t crc, struct view v)
{
	uint32_t c = ~crc;

	for (; v.n >= 8; view_skip(&v, 8)) {
		const uint8_t *p = v.p;
		uint32_t d = c ^
		    (p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
			(uint32_t)p[3] << 24);

		c = slice[7][d & 255] ^ slice[6][d >> 8 & 255] ^
		    slice[5][d >> 16 & 255] ^ slice[4][d >> 24] ^
		    slice[3][p[4]] ^ slice[2][p[5]] ^ slice[1][p[6]] ^
		    slice[0][p[7]];
	}
	return ~bytes(c, v);
}

#if defined(__x86_64__)
#include <nmmintrin.h>

static uint64_t
load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t
move_on(uint64_t c)
{
	return shift[0][c & 255] ^ shift[1][c >> 8 & 255] ^
	    shift[2][c >> 16 & 255] ^ shift[3][c >> 24 & 255];
}

static __attribute__((target("sse4.2"))) uint32_t
by_instruction(uint32_t crc, struct view v)
{
	uint64_t c = ~crc;

	for (; v.n >= (size_t)3 * CRC32C_BLOCK;
	     view_skip(&v, (size_t)3 * CRC32C_BLOCK)) {
		const uint8_t *p = v.p;
		uint64_t d = 0, e = 0;

		for (size_t i = 0; i < CRC32C_BLOCK; i += 8) {
			c = _mm_crc32_u64(c, load64(p + i));
			d = _mm_crc32_u64(d, load64(p + CRC32C_BLOCK + i));
			e = _mm_crc32_u64(
			    e, load64(p + (size_t)2 * CRC32C_BLOCK + i));
		}
		c = move_on(move_on(c) ^ d) ^ e;
	}
	for (; v.n >= 8; view_skip(&v, 8))
		c = _mm_crc32_u64(c, load64(v.p));
	return ~bytes((uint32_t)c, v);
}

uint32_t
crc32c(uint32_t crc, struct view v)
{
	return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, v)
						: crc32c_portable(crc, v);
}
#else
uint32_t
crc32c(uint32_t crc, struct view v)
{
	return crc32c_portable(crc, v);
}
#endif
