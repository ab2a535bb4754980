#include "session/binary.h"

#include "base/arena.h"
#include "base/buf.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/transfer.h"

/* Octets encoded at a time: whole lines of base64. */
#define PIECE ((size_t)57 * 4096)

struct rewrite {
	struct view msg;
	struct spool *out;
	size_t done; /* octets of msg that are written or replaced */
	int store;   /* of the spool; the first failure stays */
	bool impossible;
};

static bool
has_nul(struct view v)
{
	return v.n > 0 && memchr(v.p, '\0', v.n) != NULL;
}

static void
put(struct rewrite *r, struct view v)
{
	if (r->store == 0 && v.n > 0)
		r->store = spool_write(r->out, v);
}

/* Copy up to offset at; what lies there must be free of NUL. */
static void
copy_to(struct rewrite *r, size_t at)
{
	struct view v = view_sub(r->msg, r->done, at - r->done);

	if (has_nul(v))
		r->impossible = true;
	put(r, v);
	r->done = at;
}

/* The header of a part with another Content-Transfer-Encoding. */
static void
put_header(struct rewrite *r, const struct mime_part *p)
{
	struct header_field f = { 0 };

	if (!header_find(mime_header(r->msg, p),
		VIEW_LIT("Content-Transfer-Encoding"), &f)) {
		r->impossible = true; /* not binary, then */
		return;
	}
	copy_to(r, (size_t)(f.raw.p - r->msg.p));
	put(r, VIEW_LIT("Content-Transfer-Encoding: base64\r\n"));
	r->done += f.raw.n;
}

static void
put_body(struct rewrite *r, const struct mime_part *p)
{
	struct view body = mime_body(r->msg, p);

	copy_to(r, p->body);
	while (body.n > 0 && r->store == 0) {
		struct view v = view_sub(body, 0, PIECE);
		AUTO_BUF struct buf b = BUF_INIT(2 * PIECE);

		transfer_put_base64(v, &b);
		put(r, buf_view(&b));
		view_skip(&body, v.n);
	}
	r->done = p->body + p->body_n;
}

/* Parts come in the order of their octets, so one pass is enough. The depth of
 * the tree is bounded by MIME_DEPTH_MAX. */
static void
rewrite_part(struct rewrite *r, const struct mime_part *p)
{
	if (p->kind != MIME_LEAF) {
		for (const struct mime_part *c = p->child; c != NULL;
		     c = c->next)
			rewrite_part(r, c);
		return;
	}
	if (!has_nul(mime_body(r->msg, p)))
		return;
	if (p->encoding != TRANSFER_BINARY) {
		r->impossible = true;
		return;
	}
	put_header(r, p);
	put_body(r, p);
}

enum binary_result
binary_rewrite(struct view msg, struct spool *out, int *store)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	struct rewrite r = { .msg = msg, .out = out };
	const struct mime_part *root;

	if (!has_nul(msg))
		return BINARY_AS_IS;
	root = mime_parse(msg, a);
	if (root == NULL)
		return BINARY_IMPOSSIBLE;
	rewrite_part(&r, root);
	if (!r.impossible)
		copy_to(&r, msg.n);
	if (r.impossible)
		return BINARY_IMPOSSIBLE;
	*store = r.store;
	return r.store == 0 ? BINARY_OK : BINARY_STORE;
}
