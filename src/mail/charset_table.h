#ifndef MAIL_CHARSET_TABLE_H
#define MAIL_CHARSET_TABLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Charsets as constant data, made at build time from the C library's own
 * converters by charset_gen.c. A converter that is not loaded costs a forked
 * session nothing, and these are faster too.
 *
 * A node says what a byte means, lo <= byte < lo + n: charset_rows[at + byte -
 * lo] is 0 (no such character), a code point (in the BMP), or, in the range of
 * the surrogates, CHARSET_CHILD + the node for the next byte.
 */
#define CHARSET_CHILD 0xd800u
#define CHARSET_CHILDREN 2048u

struct charset_node {
	uint8_t lo;
	uint16_t n;
	uint32_t at;
};

struct charset_table {
	const char *code; /* iconv's name */
	uint16_t root;    /* its node for the first byte */
};

extern const uint16_t charset_rows[];
extern const struct charset_node charset_nodes[];
extern const struct charset_table charset_tables[];
extern const size_t charset_table_count;

#endif
