#include "store/message.h"

#include <errno.h>

#include "store/inside.h"
#include "store/vdb.h"

int
message_rows(struct account *a, uint32_t mailbox, uint32_t lo, uint32_t hi,
    struct message_row *out, size_t max, size_t *n)
{
	const struct vdb_mailbox *m;
	struct vdb_txn *t;
	int r;

	*n = 0;
	if ((r = account_read(a, &t)) != 0)
		return r;
	if ((r = vdb_mailbox(t, mailbox, &m)) == 0 && lo <= hi)
		r = vdb_rows(t, mailbox, lo, hi, out, max, n);
	account_read_end(a, t);
	return r;
}

/* --- bodies --- */

static struct log_position
place(const struct vdb_body *b, uint64_t skip)
{
	return (struct log_position){ b->segment, b->offset + skip };
}

/* -ENOENT when it has moved, or is nowhere. */
static int
map_body(struct account *a, uint64_t number, const struct vdb_body *b,
    struct message_body *out)
{
	size_t n = (size_t)b->summary + (b->in_file ? 0 : b->size);
	struct view v = { 0 };
	int r = 0;

	*out = (struct message_body){ .fd = -1 };
	if (b->segment == 0)
		return -ENOENT;
	if (n > 0)
		r = log_map(a->log, place(b, RECORD_BODY_HEAD), n, &v, &out->fd,
		    &a->why);
	if (r != 0)
		return r;
	out->summary = view_sub(v, 0, b->summary);
	out->octets = view_sub(v, b->summary, b->size);
	out->offset = b->offset + RECORD_BODY_HEAD + b->summary;
	if (b->in_file) {
		out->offset = 0;
		r = log_map_body(
		    a->log, number, b->size, &out->octets, &out->fd, &a->why);
	}
	if (r == 0 && out->octets.p == NULL)
		out->octets.p = (const uint8_t *)""; /* a body of no octets */
	return r;
}

/* Look n of them up in one snapshot. */
static int
look_up(struct account *a, const uint64_t *body, size_t n, struct vdb_body *b)
{
	struct vdb_txn *t;
	int r;

	if ((r = account_read(a, &t)) != 0)
		return r;
	r = vdb_bodies(t, body, n, b);
	account_read_end(a, t);
	return r;
}

/* Compaction may move a body between looking it up and mapping it, and again
 * in between; so often in a row that it looks lost it does not. */
#define MOVES_MAX 4

static int
one_body(struct account *a, uint64_t number, struct vdb_body *b,
    struct message_body *out)
{
	int r = map_body(a, number, b, out);

	for (int i = 0; i < MOVES_MAX && r == -ENOENT && b->segment != 0; i++) {
		if ((r = look_up(a, &number, 1, b)) == 0)
			r = map_body(a, number, b, out);
	}
	if (r != -ENOENT && r != -ENODATA)
		return r;
	*out = (struct message_body){ .fd = -1, .lost = b->segment != 0 };
	return 0; /* the engine has said which file */
}

#define BODIES_STEP 256

int
message_bodies(
    struct account *a, const uint64_t *body, size_t n, struct message_body *out)
{
	struct vdb_body b[BODIES_STEP];
	int r;

	for (size_t at = 0; at < n; at += BODIES_STEP) {
		size_t step = n - at < BODIES_STEP ? n - at : BODIES_STEP;

		if ((r = look_up(a, body + at, step, b)) != 0)
			return r;
		for (size_t i = 0; i < step; i++) {
			r = one_body(a, body[at + i], &b[i], &out[at + i]);
			if (r != 0)
				return r;
		}
	}
	return 0;
}

void
message_release(struct account *a)
{
	log_release(a->log);
}

int
message_read(struct account *a, uint64_t body, uint64_t at, void *out, size_t n)
{
	struct vdb_body b;
	int r;

	if ((r = look_up(a, &body, 1, &b)) != 0)
		return r;
	if (b.segment == 0 || at > b.size || n > b.size - at)
		return STORE_NOT_FOUND;
	if (b.in_file)
		return log_read_body(a->log, body, at, out, n, &a->why);
	return log_read(a->log, place(&b, RECORD_BODY_HEAD + b.summary + at),
	    out, n, &a->why);
}

int
message_digest(struct account *a, uint64_t body, uint8_t out[32])
{
	struct vdb_body b;
	int r;

	if ((r = look_up(a, &body, 1, &b)) != 0)
		return r;
	if (b.segment == 0)
		return STORE_NOT_FOUND;
	return log_read(a->log, place(&b, 8), out, 32, &a->why);
}
