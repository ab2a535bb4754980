/* Writes the tables of crc32c.c: run by the build, not part of the program. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define POLY 0x82f63b78U /* reflected */
#define BLOCK 512        /* bytes of one of three interleaved streams */

static uint32_t
zeros(uint32_t crc, unsigned bytes)
{
	for (unsigned i = 0; i < bytes * 8; i++)
		crc = crc >> 1 ^ (POLY & -(crc & 1));
	return crc;
}

static void
row(FILE *f, const uint32_t t[256])
{
	fprintf(f, "\t{");
	for (unsigned i = 0; i < 256; i++)
		fprintf(f, "%s0x%08x,", i % 6 == 0 ? "\n\t" : " ", t[i]);
	fprintf(f, " },\n");
}

int
main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "w") : NULL;
	uint32_t t[256];

	if (f == NULL)
		return 1;
	fprintf(f, "#define CRC32C_BLOCK %d\n", BLOCK);
	fprintf(f,
	    "/* [k][b]: the CRC of byte b with k zero bytes after it */\n"
	    "static const uint32_t slice[8][256] = {\n");
	for (unsigned k = 0; k < 8; k++) {
		for (unsigned b = 0; b < 256; b++)
			t[b] = zeros(b, 1 + k);
		row(f, t);
	}
	fprintf(f,
	    "};\n/* [k][b]: a CRC whose byte k is b, after BLOCK zeros */\n"
	    "static const uint32_t shift[4][256] = {\n");
	for (unsigned k = 0; k < 4; k++) {
		for (unsigned b = 0; b < 256; b++)
			t[b] = zeros(b << (8 * k), BLOCK);
		row(f, t);
	}
	fprintf(f, "};\n");
	return fclose(f) == 0 ? 0 : 1;
}
