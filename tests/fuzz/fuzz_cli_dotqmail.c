#include <stdlib.h>

#include "cli/dotqmail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The header's promises of an instruction. */
static void
check(const struct dotqmail_line *l, const uint8_t *data, size_t size)
{
	if (l->kind == DOTQMAIL_LIST ? l->text.n != 0 : l->text.n == 0)
		abort();
	if (l->text.n == 0)
		return;
	if (l->text.p < data || l->text.p + l->text.n > data + size ||
	    l->text.n > DOTQMAIL_LINE_MAX ||
	    memchr(l->text.p, '\0', l->text.n) != NULL ||
	    memchr(l->text.p, '\n', l->text.n) != NULL ||
	    l->text.p[l->text.n - 1] == ' ' || l->text.p[l->text.n - 1] == '\t')
		abort();
	if ((l->kind == DOTQMAIL_MBOX || l->kind == DOTQMAIL_MAILDIR) &&
	    (l->text.p[l->text.n - 1] == '/') != (l->kind == DOTQMAIL_MAILDIR))
		abort();
}

static void
names(struct view ext)
{
	char name[DOTQMAIL_NAME_MAX + 1];
	size_t at, last = SIZE_MAX;

	for (unsigned i = 0; dotqmail_name(VIEW_LIT("-"), ext, i, name, &at);
	     i++) {
		if (strchr(name, '/') != NULL ||
		    (name[0] != '\0' && strncmp(name, ".qmail-", 7) != 0) ||
		    strlen(name) > DOTQMAIL_NAME_MAX || at > ext.n ||
		    (i > 1 && at >= last))
			abort();
		last = at;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dotqmail q = { .file = { data, size } };
	struct dotqmail_line l;
	unsigned last = 0;

	while (dotqmail_next(&q, &l) == DOTQMAIL_OK) {
		check(&l, data, size);
		if (l.line <= last || q.taken > DOTQMAIL_LINES_MAX)
			abort();
		last = l.line;
	}
	names((struct view){ data, size });
	return 0;
}
