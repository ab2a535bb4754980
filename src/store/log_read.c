#include "store/log_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/record.h"

/*
 * Reading: replay, look-up, segments and their removal, and the check of all of
 * it. A segment that is dropped but not yet unlinked is found by the DROP
 * records in later segments; commits that hold one are marked in their BEGIN,
 * so that finding them does not read the others.
 */

/* --- maps, files --- */

int
log_map(struct store_log *l, struct log_position at, size_t n, struct view *out,
    int *fd, struct why *w)
{
	return log_result(l->e->ops->map(
	    l->e, ENGINE_SEGMENT, at.segment, at.offset, n, out, fd, w));
}

int
log_map_body(struct store_log *l, uint64_t body, size_t n, struct view *out,
    int *fd, struct why *w)
{
	return log_result(
	    l->e->ops->map(l->e, ENGINE_BODY, body, 0, n, out, fd, w));
}

void
log_release(struct store_log *l)
{
	l->e->ops->release(l->e, false);
}

void
log_trim(struct store_log *l)
{
	l->e->ops->release(l->e, true);
}

int
log_read(struct store_log *l, struct log_position at, void *out, size_t n,
    struct why *w)
{
	return log_result(l->e->ops->read(
	    l->e, ENGINE_SEGMENT, at.segment, at.offset, out, n, w));
}

int
log_read_body(struct store_log *l, uint64_t body, uint64_t at, void *out,
    size_t n, struct why *w)
{
	return log_result(
	    l->e->ops->read(l->e, ENGINE_BODY, body, at, out, n, w));
}

int
log_body_dir(const struct store_log *l)
{
	return l->e->ops->body_dir(l->e);
}

int
log_bodies(struct store_log *l, uint64_t **out, size_t *n, struct why *w)
{
	AUTO_FREE struct engine_info *list = NULL;
	int r = l->e->ops->list(l->e, ENGINE_BODY, &list, n, w);

	if (r != 0)
		return log_result(r);
	*out = xcalloc(*n + 1, sizeof(**out));
	for (size_t i = 0; i < *n; i++)
		(*out)[i] = list[i].number;
	return 0;
}

/* --- dropped segments --- */

struct numbers {
	uint64_t *v;
	size_t n, cap;
};

static void
numbers_fini(struct numbers *s)
{
	free(s->v);
}

static void
numbers_add(struct numbers *s, uint64_t v)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : s->cap * 2;
		s->v = xrealloc(s->v, s->cap, sizeof(*s->v));
	}
	s->v[s->n++] = v;
}

static bool
numbers_has(const struct numbers *s, uint64_t v)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == v)
			return true;
	return false;
}

static void
drops_of(const struct log_commit *c, struct numbers *out)
{
	struct view in = c->records, payload;
	uint64_t segment;
	uint8_t type;

	while (in.n > 0 && record_take(&in, &type, &payload))
		if (type == RECORD_DROP && record_drop_read(payload, &segment))
			numbers_add(out, segment);
}

/* Leave out what is behind *to; NULL: nothing is. */
static void
chain_end(struct log_chain *c, const struct log_tail *to)
{
	while (to != NULL && c->n > 0 && c->s[c->n - 1].number > to->at.segment)
		c->n--;
	if (to == NULL || c->n == 0 || c->s[c->n - 1].number != to->at.segment)
		return;
	c->s[c->n - 1].room = UINT64_MAX; /* up to *to it is full */
	if (to->at.offset < c->s[c->n - 1].end) {
		c->s[c->n - 1].end = to->at.offset;
		c->s[c->n - 1].missing = 0;
	}
}

/* The DROPs of one segment, which is read. */
static int
drops_find(struct store_log *l, const struct log_chain_segment *s,
    struct numbers *out, struct why *w)
{
	enum log_walk_result r;
	struct log_commit c;
	struct log_walk walk;
	bool fresh;
	int err = log_chain_walk(l, s, NULL, &walk, &fresh, w);

	if (err != 0)
		return err;
	walk.shallow = true;
	while ((r = log_walk_next(&walk, &c)) != LOG_WALK_END) {
		if (r == LOG_WALK_BREAK) {
			if (!log_walk_skip(&walk))
				break;
		} else if ((c.flags & LOG_HAS_DROP) != 0) {
			/* once more, and this time check it */
			struct log_walk one = walk;

			one.at = c.at;
			one.chained = one.shallow = false;
			if (log_walk_next(&one, &c) == LOG_WALK_COMMIT)
				drops_of(&c, out);
		}
	}
	if (fresh)
		l->e->ops->unmap(l->e, ENGINE_SEGMENT, s->number);
	return 0;
}

#define AUTO_NUMBERS __attribute__((cleanup(numbers_fini)))

/*
 * Segments that are missing before segment i of the chain although no DROP is
 * known: *lo to *hi. The one with the DROP may have been dropped itself, but
 * only by a DROP in a later one: so below a missing segment whose DROP is known
 * all may be missing.
 */
static bool
has_gap(const struct log_chain *c, size_t i, const struct numbers *drops,
    uint64_t *lo, uint64_t *hi)
{
	uint64_t dropped = 0;

	*lo = i == 0 ? 1 : c->s[i - 1].number + 1;
	*hi = c->s[i].number - 1;
	if (*lo > *hi)
		return false;
	for (size_t k = 0; k < drops->n; k++) {
		size_t j = 0;

		while (j < c->n && c->s[j].number != drops->v[k])
			j++;
		if (j == c->n && drops->v[k] > dropped)
			dropped = drops->v[k];
	}
	if (*lo <= dropped)
		*lo = dropped + 1;
	return *lo <= *hi;
}

/* All DROPs of the chain. brief: believe indexes. */
static int
drops_load(struct store_log *l, const struct log_chain *c, bool brief,
    struct numbers *out, struct why *w)
{
	int r = 0;

	for (size_t i = 0; i < c->n && r == 0; i++)
		if (!brief || !log_index_no_drop(l, c, i))
			r = drops_find(l, &c->s[i], out, w);
	return r;
}

int
log_segments(
    struct store_log *l, struct log_segment **out, size_t *n, struct why *w)
{
	AUTO_CHAIN struct log_chain c = { 0 };
	AUTO_NUMBERS struct numbers drops = { 0 };
	int r;

	*out = NULL;
	*n = 0;
	if ((r = log_chain_load(l, 1, &c, w)) != 0 ||
	    (r = drops_load(l, &c, true, &drops, w)) != 0)
		return r;
	*out = xcalloc(c.n + 1, sizeof(**out));
	for (size_t i = 0; i < c.n; i++)
		if (!numbers_has(&drops, c.s[i].number))
			(*out)[(*n)++] =
			    (struct log_segment){ c.s[i].number, c.s[i].end };
	return 0;
}

/* Unlink segment i of the chain. What its header says about the end of the one
 * before would be lost, so that one is cut there first. */
static int
chain_unlink(
    struct store_log *l, const struct log_chain *c, size_t i, struct why *w)
{
	const struct log_chain_segment *s = &c->s[i], *p = s - 1;
	int r;

	if (i + 1 == c->n)
		return why(w, -EBUSY, "log/%016llx.seg: is being written",
		    (unsigned long long)s->number);
	if (i > 0 && p->end < p->size &&
	    (r = l->e->ops->cut(l->e, p->number, p->end, w)) != 0)
		return log_result(r);
	/* the index first: so no process that dies leaves one behind */
	if ((r = l->e->ops->remove(l->e, ENGINE_INDEX, s->number, w)) != 0)
		return log_result(r);
	return log_result(
	    l->e->ops->remove(l->e, ENGINE_SEGMENT, s->number, w));
}

int
log_unlink(struct store_log *l, uint64_t segment, struct why *w)
{
	AUTO_CHAIN struct log_chain c = { 0 };
	int r;

	if ((r = log_chain_load(l, 1, &c, w)) != 0)
		return r;
	for (size_t i = 0; i < c.n; i++)
		if (c.s[i].number == segment)
			return chain_unlink(l, &c, i, w);
	return 0;
}

int
log_unlink_body(struct store_log *l, uint64_t body, struct why *w)
{
	return log_result(l->e->ops->remove(l->e, ENGINE_BODY, body, w));
}

int
log_sweep(struct store_log *l, const struct log_tail *to, struct why *w)
{
	AUTO_CHAIN struct log_chain c = { 0 };
	AUTO_NUMBERS struct numbers drops = { 0 };
	int r;

	if ((r = log_chain_load(l, 1, &c, w)) != 0)
		return r;
	chain_end(&c, to);
	r = drops_load(l, &c, true, &drops, w);
	for (size_t i = 0; i + 1 < c.n && r == 0; i++)
		if (numbers_has(&drops, c.s[i].number))
			r = log_unlink(l, c.s[i].number, w);
	return r;
}

/* --- replay --- */

struct replay {
	struct store_log *l;
	log_fn *fn;
	void *ctx;
	size_t damaged;
	bool brief; /* by indexes; only with from NULL */
	/* of log_find(): look at commits, not at records */
	const uint8_t *want;
	struct log_tail *found;
};

uint64_t
log_lost(const struct store_log *l)
{
	return l->lost;
}

static void
step_over(struct replay *p, uint64_t bytes)
{
	p->damaged++;
	p->l->lost += bytes;
}

static bool
is_checked(const struct store_log *l, uint64_t segment, uint64_t at)
{
	return segment == l->checked_segment && at >= l->checked_from &&
	    at < l->checked_to;
}

/* Give out the records of a commit. */
static int
replay_commit(struct replay *p, uint64_t segment, const struct log_commit *c,
    uint64_t end)
{
	struct log_record r = { .modseq = c->modseq,
		.commit_id = c->id,
		.begin = { segment, c->at },
		.end = { .at = { segment, end },
		    .crc = c->crc,
		    .modseq = c->modseq } };
	struct view in = c->records;
	uint64_t base = c->at + LOG_BEGIN_SIZE;
	int err = 0;

	while (in.n > 0 && err == 0) {
		if (!record_take(&in, &r.type, &r.payload)) {
			step_over(p, in.n); /* frames that do not fill it */
			return 0;
		}
		r.at = (struct log_position){ segment,
			base + (uint64_t)(r.payload.p - c->records.p) };
		r.is_last = in.n == 0;
		assert(p->fn != NULL);
		err = p->fn(p->ctx, &r);
	}
	return err;
}

static int
replay_one(struct replay *p, uint64_t segment, const struct log_commit *c,
    uint64_t end)
{
	if (p->want == NULL)
		return replay_commit(p, segment, c, end);
	if (memcmp(c->id, p->want, 16) != 0)
		return 0;
	*p->found = (struct log_tail){
		.at = { segment, end }, .crc = c->crc, .modseq = c->modseq
	};
	return STORE_EXISTS;
}

static int
replay_segment(struct replay *p, const struct log_chain_segment *s,
    const struct log_tail *from, struct why *w)
{
	struct log_commit c;
	struct log_walk walk;
	bool fresh;
	int err = log_chain_walk(p->l, s, from, &walk, &fresh, w);

	if (err != 0)
		return err;
	if (s->state != LOG_HEAD_OK && s->end > LOG_DATA)
		step_over(p, s->end - LOG_DATA);
	if (s->missing > 0)
		step_over(p, s->missing);
	while (err == 0) {
		enum log_walk_result r;
		uint64_t at = walk.at;
		bool more;

		walk.shallow =
		    p->want != NULL || is_checked(p->l, s->number, walk.at);
		r = log_walk_next(&walk, &c);
		if (r == LOG_WALK_END)
			break;
		if (r == LOG_WALK_COMMIT) {
			err = replay_one(p, s->number, &c, walk.at);
			continue;
		}
		more = log_walk_skip(&walk);
		step_over(p, walk.at - at);
		if (!more)
			break;
	}
	if (fresh && p->want == NULL)
		p->l->e->ops->unmap(p->l->e, ENGINE_SEGMENT, s->number);
	return err;
}

/* Segments that should be there. */
static void
replay_gap(struct replay *p, const struct log_chain *c, size_t i,
    const struct numbers *drops)
{
	uint64_t lo, hi;

	if (has_gap(c, i, drops, &lo, &hi))
		step_over(p, (hi - lo + 1) * LOG_SEGMENT_BOUND);
}

static int
replay(struct replay *p, const struct log_tail *from, const struct log_tail *to,
    struct why *w)
{
	AUTO_CHAIN struct log_chain c = { 0 };
	AUTO_NUMBERS struct numbers drops = { 0 };
	int r;

	p->l->lost = 0;
	r = log_chain_load(p->l, from == NULL ? 1 : from->at.segment, &c, w);
	if (r != 0)
		return r;
	if (from != NULL && (c.n == 0 || c.s[0].number != from->at.segment))
		return why(w, -ENOENT, "log/%016llx.seg",
		    (unsigned long long)from->at.segment);
	chain_end(&c, to);
	if (from == NULL)
		r = drops_load(p->l, &c, p->brief, &drops, w);
	for (size_t i = 0; i < c.n && r == 0; i++) {
		if (from == NULL)
			replay_gap(p, &c, i, &drops);
		if (numbers_has(&drops, c.s[i].number))
			continue;
		r = p->brief ? log_replay_index(
				   p->l, &c, i, p->fn, p->ctx, &p->damaged, w)
			     : replay_segment(p, &c.s[i], from, w);
	}
	return r;
}

int
log_replay(struct store_log *l, const struct log_tail *from,
    const struct log_tail *to, log_fn *fn, void *ctx, size_t *damaged,
    struct why *w)
{
	struct replay p = { .l = l, .fn = fn, .ctx = ctx };
	int r = replay(&p, from, to, w);

	if (damaged != NULL)
		*damaged = p.damaged;
	return r;
}

int
log_replay_brief(struct store_log *l, const struct log_tail *to, log_fn *fn,
    void *ctx, size_t *damaged, struct why *w)
{
	struct replay p = { .l = l, .fn = fn, .ctx = ctx, .brief = true };
	int r = replay(&p, NULL, to, w);

	if (damaged != NULL)
		*damaged = p.damaged;
	return r;
}

int
log_replay_one(struct store_log *l, const struct log_chain_segment *s,
    log_fn *fn, void *ctx, size_t *damaged, struct why *w)
{
	struct replay p = { .l = l, .fn = fn, .ctx = ctx };
	int r = replay_segment(&p, s, NULL, w);

	*damaged += p.damaged;
	return r;
}

int
log_replay_segment(struct store_log *l, uint64_t segment, log_fn *fn, void *ctx,
    size_t *damaged, struct why *w)
{
	AUTO_CHAIN struct log_chain c = { 0 };
	struct replay p = { .l = l, .fn = fn, .ctx = ctx };
	int r = log_chain_load(l, segment, &c, w);

	if (r == 0 && (c.n == 0 || c.s[0].number != segment))
		r = why(
		    w, -ENOENT, "log/%016llx.seg", (unsigned long long)segment);
	if (r == 0)
		r = replay_segment(&p, &c.s[0], NULL, w);
	if (damaged != NULL)
		*damaged = p.damaged;
	return r;
}

int
log_find(struct store_log *l, const struct log_tail *from,
    const struct log_tail *to, const uint8_t commit_id[16],
    struct log_tail *out, struct why *w)
{
	struct replay p = { .l = l, .want = commit_id, .found = out };
	int r = replay(&p, from, to, w);

	if (r == STORE_EXISTS)
		return 0;
	return r == 0 ? STORE_NOT_FOUND : r;
}

/* --- check --- */

struct check {
	struct store_log *l;
	log_damage_fn *fn;
	void *ctx;
	struct why *w;
	uint8_t *bytes; /* the segment */
	uint64_t cap;
};

static void
check_fini(struct check *k)
{
	free(k->bytes);
}

static int
report(struct check *k, const struct log_chain_segment *s, uint64_t from,
    uint64_t to, const char *text)
{
	struct log_damage d = {
		.segment = s->number, .from = from, .to = to, .text = text
	};

	return k->fn(k->ctx, &d);
}

#define PIECE ((uint64_t)64 << 10)

/* Read the whole segment; what the disk will not give is zeros. */
static int
check_load(struct check *k, const struct log_chain_segment *s)
{
	int r = 0;

	if (s->end > k->cap) {
		free(k->bytes);
		k->bytes = xmalloc((size_t)s->end);
		k->cap = s->end;
	}
	for (uint64_t at = 0; at < s->end && r == 0; at += PIECE) {
		uint64_t n = s->end - at < PIECE ? s->end - at : PIECE;

		r = k->l->e->ops->read(k->l->e, ENGINE_SEGMENT, s->number, at,
		    k->bytes + at, (size_t)n, k->w);
		if (r == -EIO || r == -ENODATA) {
			memset(k->bytes + at, 0, (size_t)n);
			r = report(k, s, at, at + n, "cannot be read");
		} else {
			r = log_result(r);
		}
	}
	return r;
}

/* Do the frames of a commit that checks fill it, and is their number right? */
static bool
records_fit(const struct log_commit *c)
{
	struct view in = c->records, payload;
	uint32_t n = 0;
	uint8_t type;

	while (in.n > 0 && record_take(&in, &type, &payload))
		n++;
	return in.n == 0 && n == c->count;
}

static int
check_commits(struct check *k, const struct log_chain_segment *s,
    struct log_walk *walk, uint32_t *crc)
{
	struct log_commit c;
	uint64_t modseq = 0, from;
	int r = 0;

	while (r == 0) {
		enum log_walk_result got = log_walk_next(walk, &c);

		if (got == LOG_WALK_END)
			break;
		if (got == LOG_WALK_BREAK) {
			from = walk->at;
			if (!log_walk_skip(walk))
				*crc = 0;
			r = report(k, s, from, walk->at, "no whole commit");
			continue;
		}
		*crc = c.crc;
		if (!records_fit(&c))
			r = report(k, s, c.at, walk->at, "records do not fit");
		else if (c.modseq < modseq)
			r = report(k, s, c.at, walk->at, "modseq goes back");
		modseq = c.modseq;
	}
	return r;
}

static int
check_head(struct check *k, const struct log_chain_segment *s)
{
	if (s->state != LOG_HEAD_OK)
		return report(k, s, 0, s->end, "no header that checks");
	if (s->copies == 1)
		return report(k, s, LOG_DATA / 2, LOG_DATA, "header copy");
	if (s->copies == 2)
		return report(k, s, 0, LOG_DATA / 2, "header");
	return 0;
}

static int
check_segment(struct check *k, const struct log_chain *c, size_t i)
{
	const struct log_chain_segment *s = &c->s[i],
				       *next = i + 1 < c->n ? s + 1 : NULL;
	uint32_t crc = s->head.pred_crc;
	struct log_walk walk;
	int r;

	if ((r = check_head(k, s)) != 0 || s->state != LOG_HEAD_OK)
		return r;
	if ((r = check_load(k, s)) != 0)
		return r;
	log_walk_init(&walk, (struct view){ k->bytes, (size_t)s->end },
	    s->head.salt, LOG_DATA, s->head.pred_crc);
	walk.room = s->room;
	if ((r = check_commits(k, s, &walk, &crc)) != 0)
		return r;
	if (next == NULL || next->state != LOG_HEAD_OK ||
	    next->head.pred != s->number)
		return 0;
	if (s->size < next->head.pred_end)
		return report(
		    k, s, s->size, next->head.pred_end, "the end is missing");
	if (crc != next->head.pred_crc)
		return report(
		    k, s, s->end, s->end, "not the END its successor names");
	return 0;
}

/* DROPs are looked for only when something is missing. */
static int
check_gaps(struct check *k, const struct log_chain *c)
{
	AUTO_NUMBERS struct numbers drops = { 0 };
	uint64_t lo, hi;
	int r = 0;

	if (c->n == 0 || c->s[c->n - 1].number == c->n)
		return 0;
	r = drops_load(k->l, c, false, &drops, k->w);
	for (size_t i = 0; i < c->n && r == 0; i++) {
		if (!has_gap(c, i, &drops, &lo, &hi))
			continue;
		for (uint64_t n = lo; n <= hi && r == 0; n++) {
			struct log_chain_segment s = { .number = n };

			r = report(k, &s, 0, 0, "is missing");
		}
	}
	return r;
}

int
log_check(struct store_log *l, const struct log_tail *to, log_damage_fn *fn,
    void *ctx, struct why *w)
{
	__attribute__((cleanup(check_fini))) struct check k = {
		.l = l, .fn = fn, .ctx = ctx, .w = w
	};
	AUTO_CHAIN struct log_chain c = { 0 };
	int r;

	if ((r = log_chain_load(l, 1, &c, w)) != 0)
		return r;
	chain_end(&c, to);
	r = check_gaps(&k, &c);
	for (size_t i = 0; i < c.n && r == 0; i++)
		r = check_segment(&k, &c, i);
	return r;
}
