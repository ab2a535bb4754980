#include "store/log_inside.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/log_index.h"
#include "store/record.h"

/*
 * Reading the log for a rebuild: finished segments by their indexes, and the
 * making, comparing and removing of those. Why an index may be believed stands
 * in log_index.h.
 */

/* Does the successor say that segment i of the chain ends where it is known to
 * end, and is that much there? Not so of the last one. */
static bool
is_finished(const struct log_chain *c, size_t i)
{
	const struct log_chain_segment *s = &c->s[i], *next = s + 1;

	return i + 1 < c->n && s->state == LOG_HEAD_OK &&
	    next->state == LOG_HEAD_OK && next->head.pred == s->number &&
	    next->head.pred_end == s->end;
}

static bool
is_of(struct store_log *l, const struct log_chain *c, size_t i,
    const struct log_index *x)
{
	const struct log_chain_segment *s = &c->s[i], *next = s + 1;

	return is_finished(c, i) && x->end.at.segment == s->number &&
	    x->salt == s->head.salt && x->end.at.offset == s->end &&
	    x->end.crc == next->head.pred_crc && log_is_end(l, &x->end);
}

bool
log_index_no_drop(struct store_log *l, const struct log_chain *c, size_t i)
{
	uint8_t head[LOG_INDEX_HEAD];
	struct log_index x;

	return is_finished(c, i) &&
	    l->e->ops->read(l->e, ENGINE_INDEX, c->s[i].number, 0, head,
		sizeof head, NULL) == 0 &&
	    log_index_head((struct view){ head, sizeof head }, &x) &&
	    !x.has_drop && is_of(l, c, i, &x);
}

/* The whole file into *p, malloc'd; empty when it cannot be an index. */
static struct view
file_load(struct store_log *l, uint64_t number, uint8_t **p)
{
	struct view none = { NULL, 0 };
	struct engine_info info;

	if (l->e->ops->stat(l->e, ENGINE_INDEX, number, &info, NULL) != 0 ||
	    info.size < LOG_INDEX_HEAD || info.size > LOG_INDEX_MAX)
		return none;
	*p = xmalloc((size_t)info.size);
	if (l->e->ops->read(l->e, ENGINE_INDEX, number, 0, *p,
		(size_t)info.size, NULL) != 0)
		return none;
	return (struct view){ *p, (size_t)info.size };
}

/* --- making --- */

struct making {
	struct buf b;
	struct log_index i;
	log_fn *fn; /* gets each record too; may be NULL */
	void *ctx;
};

static void
making_fini(struct making *m)
{
	buf_fini(&m->b);
}
#define AUTO_MAKING __attribute__((cleanup(making_fini)))

static int
make_record(void *ctx, const struct log_record *r)
{
	struct making *m = ctx;

	log_index_add(&m->b, r);
	m->i.end = r->end;
	if (r->type == RECORD_DROP)
		m->i.has_drop = true;
	return m->fn != NULL ? m->fn(m->ctx, r) : 0;
}

/* Read segment i whole. is_made: out, all of it was right and m->b is its
 * index. */
static int
make(struct store_log *l, const struct log_chain *c, size_t i, struct making *m,
    size_t *damaged, bool *is_made, struct why *w)
{
	const struct log_chain_segment *s = &c->s[i];
	size_t here = 0;
	int r;

	m->b = BUF_INIT(LOG_INDEX_MAX);
	m->i = (struct log_index){ .salt = s->head.salt,
		.end = { .at = { s->number, LOG_DATA },
		    .crc = s->head.pred_crc,
		    .modseq = s->head.facts.modseq } };
	log_index_start(&m->b);
	r = log_replay_one(l, s, make_record, m, &here, w);
	*damaged += here;
	*is_made = r == 0 && here == 0 && is_of(l, c, i, &m->i) &&
	    log_index_finish(&m->b, &m->i);
	return r;
}

/* In the place of what has that name. Whether it works shows at the next
 * rebuild. */
static void
put(struct store_log *l, uint64_t number, const struct making *m)
{
	const struct engine_ops *ops = l->e->ops;

	if (ops->remove(l->e, ENGINE_INDEX, number, NULL) != 0 ||
	    ops->put(l->e, number, buf_view(&m->b), NULL) != 0)
		return;
}

void
log_index_ended(struct store_log *l)
{
	AUTO_CHAIN struct log_chain c = { 0 };
	AUTO_MAKING struct making m = { 0 };
	uint64_t number = l->ended;
	struct engine_info info;
	size_t damaged = 0;
	bool is_made;

	l->ended = 0;
	if (number == 0 ||
	    l->e->ops->stat(l->e, ENGINE_INDEX, number, &info, NULL) !=
		ENGINE_NOT_FOUND ||
	    log_chain_load(l, number, &c, NULL) != 0 || c.n == 0 ||
	    c.s[0].number != number || !is_finished(&c, 0))
		return;
	if (make(l, &c, 0, &m, &damaged, &is_made, NULL) == 0 && is_made)
		put(l, number, &m);
}

/* --- replay --- */

/* From the index; STORE_NOT_FOUND when there is none to be believed. */
static int
replay_index(struct store_log *l, const struct log_chain *c, size_t i,
    log_fn *fn, void *ctx)
{
	AUTO_FREE uint8_t *p = NULL;
	struct view entries;
	struct log_record r;
	struct log_index x;
	int err = 0;

	if (!is_finished(c, i) ||
	    !log_index_read(file_load(l, c->s[i].number, &p), &x, &entries) ||
	    !is_of(l, c, i, &x))
		return STORE_NOT_FOUND;
	while (err == 0 && log_index_take(&entries, &x, &r))
		err = fn(ctx, &r);
	return err;
}

int
log_replay_index(struct store_log *l, const struct log_chain *c, size_t i,
    log_fn *fn, void *ctx, size_t *damaged, struct why *w)
{
	AUTO_MAKING struct making m = { .fn = fn, .ctx = ctx };
	bool is_made;
	int r = replay_index(l, c, i, fn, ctx);

	if (r != STORE_NOT_FOUND)
		return r;
	if (l->read_only || !is_finished(c, i))
		return log_replay_one(l, &c->s[i], fn, ctx, damaged, w);
	r = make(l, c, i, &m, damaged, &is_made, w);
	if (is_made)
		put(l, c->s[i].number, &m);
	return r;
}

/* --- check --- */

enum {
	RIGHT = LOG_INDEX_OF_DAMAGED + 1,
	RUBBISH,
};

/* One of these or of enum log_index_fault, or a negative errno. */
static int
compare(struct store_log *l, const struct log_chain *c, uint64_t number,
    struct why *w)
{
	AUTO_MAKING struct making m = { 0 };
	AUTO_FREE uint8_t *p = NULL;
	struct view file = file_load(l, number, &p), entries;
	struct engine_info info;
	struct log_index x;
	size_t i = 0, damaged = 0;
	bool is_made;
	int r;

	while (i < c->n && c->s[i].number != number)
		i++;
	if (i == c->n) /* or has it gone with its segment just now? */
		return l->e->ops->stat(
			   l->e, ENGINE_INDEX, number, &info, NULL) == 0
		    ? LOG_INDEX_ORPHAN
		    : RIGHT;
	if (!log_index_read(file, &x, &entries) || !is_of(l, c, i, &x))
		return RUBBISH;
	if ((r = make(l, c, i, &m, &damaged, &is_made, w)) != 0)
		return r;
	if (damaged > 0)
		return LOG_INDEX_OF_DAMAGED;
	return is_made && view_eq(buf_view(&m.b), file) ? RIGHT
							: LOG_INDEX_WRONG;
}

int
log_index_check(struct store_log *l, bool remove, log_index_fn *fn, void *ctx,
    struct why *w)
{
	AUTO_CHAIN struct log_chain c = { 0 };
	AUTO_FREE struct engine_info *list = NULL;
	size_t n;
	int r = l->e->ops->list(l->e, ENGINE_INDEX, &list, &n, w);

	if (r != 0 || (r = log_chain_load(l, 1, &c, w)) != 0)
		return log_result(r);
	for (size_t i = 0; i < n && r == 0; i++) {
		int found = compare(l, &c, list[i].number, w);

		if (found < 0)
			return found;
		if (remove && found != RIGHT && found != LOG_INDEX_OF_DAMAGED)
			r = log_result(l->e->ops->remove(
			    l->e, ENGINE_INDEX, list[i].number, w));
		if (r == 0 && found != RIGHT && found != RUBBISH)
			r = fn(
			    ctx, list[i].number, (enum log_index_fault)found);
	}
	return r;
}
