#ifndef TESTS_MAIL_CHECK_H
#define TESTS_MAIL_CHECK_H

#include <stdlib.h>

#include "base/buf.h"
#include "tap.h"

/* Bytes on one line: controls as \xNN, the rest as it is. */
static A_UNUSED void
diagnose(const char *what, struct view v)
{
	printf("#   %s \"", what);
	for (size_t i = 0; i < v.n && i < 1000; i++)
		if (v.p[i] < ' ')
			printf("\\x%02x", v.p[i]);
		else
			putchar(v.p[i]);
	puts("\"");
}

/* Compare bytes and say what came when they differ. */
static A_UNUSED void
check_bytes(const char *name, struct view got, struct view want)
{
	char text[80];
	size_t n = 0;

	for (; name[n] != '\0' && n < sizeof(text) - 1; n++)
		text[n] = name[n] >= ' ' && name[n] != '#' ? name[n] : '_';
	text[n] = '\0';
	tap_ok(view_eq(got, want), "%s", text);
	if (view_eq(got, want))
		return;
	diagnose("got ", got);
	diagnose("want", want);
}

static A_UNUSED void
check_str(const char *name, struct view got, const char *want)
{
	check_bytes(name, got, view_str(want));
}

static A_UNUSED void
check_num(const char *name, uint64_t got, uint64_t want)
{
	char g[32], w[32];

	(void)snprintf(g, sizeof(g), "%llu", (unsigned long long)got);
	(void)snprintf(w, sizeof(w), "%llu", (unsigned long long)want);
	check_bytes(name, view_str(g), view_str(w));
}

/* A copy that ends exactly where its memory ends, so that the address
 * sanitizer sees a read past the end; free() it. */
static A_UNUSED uint8_t *
exact(struct view v)
{
	uint8_t *p = malloc(v.n > 0 ? v.n : 1);

	if (p != NULL && v.n > 0)
		memcpy(p, v.p, v.n);
	return p;
}

#endif
