/*
 * Writes the tables of charset_table.h: charset_gen CODE... > charset_table.c
 * A program of the build, not of fumi. A code that has no such table (it keeps
 * a state, or its characters are longer than three bytes) ends it with an
 * error.
 */
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/charset_table.h"

#define DEPTH_MAX 3
#define ROWS_MAX (CHARSET_CHILDREN * 256u)

static uint16_t rows[ROWS_MAX];
static struct charset_node nodes[CHARSET_CHILDREN];
static size_t row_count, node_count;
static const char *code;

static void
fail(const char *what)
{
	fprintf(stderr, "charset_gen: %s: %s\n", code, what);
	exit(1);
}

/* What these bytes mean: 0 nothing, a code point, or CHARSET_CHILD: a
 * beginning. */
static uint16_t
meaning(iconv_t cd, const uint8_t *p, size_t n)
{
	char in[DEPTH_MAX], *i = in;
	uint32_t out[4];
	char *o = (char *)out;
	size_t left = n, room = sizeof(out), r;

	memcpy(in, p, n);
	(void)iconv(cd, NULL, NULL, NULL, NULL);
	r = iconv(cd, &i, &left, &o, &room);
	if (r == (size_t)-1 && errno == EINVAL)
		return CHARSET_CHILD;
	if (r == (size_t)-1)
		return 0;
	if (room != sizeof(out) - sizeof(out[0]))
		fail("a character that is not one code point");
	if (out[0] > 0xffff || out[0] - CHARSET_CHILD < CHARSET_CHILDREN)
		fail("a code point that has no place");
	return (uint16_t)out[0];
}

/* The node for what may follow the n bytes at p. */
static uint16_t
build(iconv_t cd, uint8_t *p, size_t n)
{
	uint16_t row[256] = { 0 };
	size_t self = node_count++, lo = 0, hi = 256;

	if (n == DEPTH_MAX || node_count > CHARSET_CHILDREN)
		fail("too many bytes");
	for (size_t b = 0; b < 256; b++) {
		p[n] = (uint8_t)b;
		row[b] = meaning(cd, p, n + 1);
		if (row[b] == CHARSET_CHILD)
			row[b] =
			    (uint16_t)(CHARSET_CHILD + build(cd, p, n + 1));
	}
	while (lo < 255 && row[lo] == 0)
		lo++;
	while (hi > lo && row[hi - 1] == 0)
		hi--;
	nodes[self] = (struct charset_node){ (uint8_t)lo, (uint16_t)(hi - lo),
		(uint32_t)row_count };
	memcpy(rows + row_count, row + lo, (hi - lo) * sizeof(row[0]));
	row_count += hi - lo;
	return (uint16_t)self;
}

static void
print_rows(void)
{
	printf("const uint16_t charset_rows[] = {");
	for (size_t i = 0; i < row_count; i++)
		printf("%s%u,", i % 12 == 0 ? "\n" : "", rows[i]);
	printf("\n};\n\nconst struct charset_node charset_nodes[] = {\n");
	for (size_t i = 0; i < node_count; i++)
		printf("{ %u, %u, %u },\n", nodes[i].lo, nodes[i].n,
		    (unsigned)nodes[i].at);
	printf("};\n\n");
}

int
main(int argc, char **argv)
{
	uint16_t *roots = calloc((size_t)argc, sizeof(*roots));

	if (roots == NULL)
		return 1;
	for (int i = 1; i < argc; i++) {
		uint8_t p[DEPTH_MAX];
		iconv_t cd = iconv_open("UCS-4LE", code = argv[i]);

		if (cd == (iconv_t)-1)
			fail("not known here");
		roots[i] = build(cd, p, 0);
		iconv_close(cd);
	}
	printf("#include \"mail/charset_table.h\"\n\n");
	print_rows();
	printf("const struct charset_table charset_tables[] = {\n");
	for (int i = 1; i < argc; i++)
		printf("{ \"%s\", %u },\n", argv[i], roots[i]);
	printf("};\nconst size_t charset_table_count = %d;\n", argc - 1);
	free(roots);
	return ferror(stdout) || fflush(stdout) != 0;
}
