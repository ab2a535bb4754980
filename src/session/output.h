#ifndef SESSION_OUTPUT_H
#define SESSION_OUTPUT_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * What a session sends. Answers are put into the buf b (by buf_put_* and the
 * functions of imap/response.h); output_turn() between them sends what has
 * gathered. Long pieces can be lent instead of copied. A client that does not
 * read blocks the session inside output_turn() and output_flush(), so never
 * call these while a transaction of the store is open. The error is sticky:
 * after it everything is dropped, and whoever runs the session looks at it.
 */
#define OUTPUT_GATHER 65536 /* bytes that make a write worth while */
#define OUTPUT_LEND 1024    /* from this size on pieces are not copied */
#define OUTPUT_PIECES 512   /* of one write */
#define OUTPUT_MAX ((size_t)64 << 20) /* bytes between two turns */
#define OUTPUT_STOP_MS 1000 /* may the client still read nothing at a stop */

struct output_piece {
	const uint8_t *p; /* NULL: the next n bytes of b */
	size_t n;
};

struct output {
	struct buf b;
	int fd;
	int error;           /* 0, or a negative errno */
	unsigned timeout_ms; /* how long the client may read nothing */
	/* Set both, or neither, after output_init(): while a write waits and
	 * there is something to read from watch, heard() takes it; when it says
	 * true the client has OUTPUT_STOP_MS left. */
	int watch;
	bool (*heard)(void *ctx);
	void *heard_ctx;
	struct output_piece *piece;
	size_t pieces;
	size_t cut;    /* bytes of b that are in pieces */
	size_t lent;   /* bytes in pieces that are not in b */
	uint64_t sent; /* bytes written in all */
};

/* fd: non-blocking, stays the caller's. output_fini() sends nothing. */
void output_init(struct output *o, int fd, unsigned timeout_ms);
void output_fini(struct output *o);
/* Send everything; lent bytes are given back. 0 or negative errno. */
int output_flush(struct output *o);
/* The same if enough has gathered. Call it after each answer. */
static inline void
output_turn(struct output *o)
{
	if (o->b.n + o->lent >= OUTPUT_GATHER || o->pieces > OUTPUT_PIECES - 8)
		(void)output_flush(o);
}
/* As output_flush(), and give the memory back: the session will be idle. */
int output_rest(struct output *o);

/* Long ones are not copied: v must stay valid until output_flush(). */
void output_lend(struct output *o, struct view v);
/* n bytes of a file after what has been put so far: by sendfile where that
 * works, else by reading. A file that ends early is an error, since a literal
 * has been announced. */
void output_file(struct output *o, int fd, uint64_t offset, uint64_t n);

#endif
