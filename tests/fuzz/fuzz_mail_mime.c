/* MIME trees: every part lies inside its parent's body, numbers find parts,
 * and what is written is balanced. */

#include <stdlib.h>

#include "mail/envelope.h"
#include "mail/mime.h"
#include "mail/structure.h"

static size_t
check(const struct mime_part *p, const struct mime_part *root, size_t n,
    uint32_t *path, size_t depth)
{
	size_t parts = 1;
	uint32_t k = 0;

	if (p->header > n || p->header_n > n - p->header ||
	    p->body != p->header + p->header_n || p->body_n > n - p->body ||
	    p->lines > p->body_n)
		abort();
	if (p->type.p == NULL || p->subtype.p == NULL)
		abort();
	if ((p->kind == MIME_LEAF) != (p->child == NULL))
		abort();
	for (const struct mime_part *c = p->child; c != NULL; c = c->next) {
		if (c->parent != p || c->header < p->body)
			abort();
		k++;
		if (p->kind == MIME_MULTIPART) {
			path[depth] = k;
			if (mime_find(root, path, depth + 1) != c)
				abort();
			parts += check(c, root, n, path, depth + 1);
		} else {
			uint32_t inner[MIME_DEPTH_MAX + 2];

			parts += check(c, c, n, inner, 0);
		}
	}
	if (k != p->n_children || (p->kind == MIME_MESSAGE && k != 1))
		abort();
	return parts;
}

/* One balanced list, strings skipped over. */
static void
check_list(const struct buf *b)
{
	size_t open = 0;

	for (size_t i = 0; i < b->n; i++) {
		uint8_t c = b->p[i];

		if (c == '(')
			open++;
		else if (c == ')' &&
		    (open == 0 || (--open == 0 && i + 1 != b->n)))
			abort();
		else if (c == '"') {
			for (i++; i < b->n && b->p[i] != '"'; i++) {
				i += b->p[i] == '\\';
				if (b->p[i] >= 0x80 || b->p[i] == 0 ||
				    b->p[i] == '\r' || b->p[i] == '\n')
					abort();
			}
		} else if (c == '{') {
			size_t n = 0;

			for (i++; b->p[i] != '}'; i++)
				n = n * 10 + (size_t)(b->p[i] - '0');
			if (n > b->n || memchr(b->p + i + 3, 0, n) != NULL)
				abort();
			i += 2 + n;
		} else if (c < ' ')
			abort();
	}
	if (open != 0 || b->n < 2)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Small arenas too, so that running full is tried. */
	size_t limit =
	    size > 0 && data[size - 1] == '!' ? 2000 : MIME_ARENA_MAX;
	AUTO_ARENA struct arena *a = arena_new(limit);
	AUTO_BUF struct buf b;
	struct view msg = { data, size };
	const struct mime_part *root = mime_parse(msg, a);
	uint32_t path[MIME_DEPTH_MAX + 2];
	struct envelope e;

	if (root->header_n + root->body_n != size)
		abort();
	if (check(root, root, size, path, 0) > MIME_PARTS_MAX)
		abort();
	buf_init(&b, 64 << 20);
	envelope_read(mime_header(msg, root), a, &e);
	envelope_write(&e, a, &b);
	check_list(&b);
	for (int form = 0; form < 2; form++) {
		buf_clear(&b);
		structure_write(msg, root, (enum structure_form)form, a, &b);
		check_list(&b);
		buf_clear(&b);
		structure_write_joined(
		    msg, root, (enum structure_form)form, a, &b);
		check_list(&b);
	}
	return 0;
}
