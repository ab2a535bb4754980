/*
 * For vectors.py: read messages from the files named, print what IMAP would
 * say of them:
 *
 *   size <octets>
 *   env <octets>\n<ENVELOPE>
 *   bs <octets>\n<BODYSTRUCTURE>
 *   part <section> <body offset> <body octets> <header octets>
 *   end
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "mail/envelope.h"
#include "mail/mime.h"
#include "mail/structure.h"

#define MESSAGE_MAX (8 << 20)
#define PATH_SIZE 1024

static void show_parts(const struct mime_part *p, const char *prefix);

static void
show_children(const struct mime_part *p, const char *prefix)
{
	char path[PATH_SIZE];
	int n = 0;

	for (const struct mime_part *c = p->child; c != NULL; c = c->next) {
		(void)snprintf(path, sizeof(path), "%s%s%d", prefix,
		    *prefix != '\0' ? "." : "", ++n);
		show_parts(c, path);
	}
}

static void
show_parts(const struct mime_part *p, const char *prefix)
{
	const char *path = *prefix != '\0' ? prefix : "1";

	if (p->kind == MIME_MULTIPART) {
		show_children(p, prefix);
		return;
	}
	printf("part %s %zu %zu %zu\n", path, p->body, p->body_n, p->header_n);
	if (p->kind != MIME_MESSAGE)
		return;
	if (p->child->kind == MIME_MULTIPART)
		show_children(p->child, path);
	else
		show_children(p, path);
}

static void
show_blob(const char *name, const struct buf *b)
{
	printf("%s %zu\n", name, b->n);
	(void)fwrite(b->p, 1, b->n, stdout);
	putchar('\n');
}

static void
show(struct view msg)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	const struct mime_part *root = mime_parse(msg, a);
	AUTO_BUF struct buf b;
	struct envelope e;

	buf_init(&b, MESSAGE_MAX);
	printf("size %zu\n", msg.n);
	envelope_read(mime_header(msg, root), a, &e);
	envelope_write(&e, a, &b);
	show_blob("env", &b);
	buf_clear(&b);
	structure_write(msg, root, STRUCTURE_BODYSTRUCTURE, a, &b);
	show_blob("bs", &b);
	show_parts(root, "");
	puts("end");
}

/* Line ends become CRLF, as APPEND would have sent them. */
static struct view
to_crlf(const uint8_t *p, size_t n, uint8_t *out)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			out[k++] = '\r';
		out[k++] = p[i];
	}
	return (struct view){ out, k };
}

int
main(int argc, char **argv)
{
	AUTO_FREE uint8_t *raw = xmalloc(MESSAGE_MAX);
	AUTO_FREE uint8_t *msg = xmalloc(2 * MESSAGE_MAX);

	for (int i = 1; i < argc; i++) {
		AUTO_CLOSE int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, raw, MESSAGE_MAX) : -1;

		if (n < 0) {
			perror(argv[i]);
			return 1;
		}
		show(to_crlf(raw, (size_t)n, msg));
	}
	return 0;
}
