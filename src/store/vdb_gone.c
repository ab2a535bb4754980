#include "store/vdb_inside.h"

#include <stdlib.h>

#include "base/mem.h"

/*
 * Bodies of messages that came after their EXPUNGE, as compaction copies those
 * expunged of late. They are gathered, since each tombstone may have any number
 * of UIDs and each mailbox any number of tombstones: so all of them are told in
 * one pass when somebody wants to read them.
 */

struct vdb_told {
	uint32_t mailbox, uid;
	uint64_t body;
	size_t turn; /* the first to come is heeded */
};

struct tombstone {
	uint64_t version;
	int64_t time;
	struct vdb_gone *g;
	size_t n;
};

struct telling {
	const struct vdb_told *told; /* of one mailbox, by UID */
	size_t n;
	struct tombstone *out; /* those that say something else now */
	size_t n_out, cap_out;
};

static int
by_uid(const void *a, const void *b)
{
	const struct vdb_told *x = a, *y = b;

	if (x->mailbox != y->mailbox)
		return x->mailbox < y->mailbox ? -1 : 1;
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->turn < y->turn ? -1 : x->turn > y->turn;
}

int
vdb_gone_body(struct vdb_txn *t, uint32_t mailbox, uint32_t uid, uint64_t body)
{
	int r = 0;

	if (t->n_told == VDB_TOLD_MAX && (r = vdb_gone_flush(t)) != 0)
		return r;
	if (t->n_told == t->cap_told) {
		t->cap_told = t->cap_told == 0 ? 256 : t->cap_told * 2;
		t->told = xrealloc(t->told, t->cap_told, sizeof *t->told);
	}
	t->told[t->n_told] = (struct vdb_told){ mailbox, uid, body, t->n_told };
	t->n_told++;
	return r;
}

/* The first that is told of uid or of one behind it. */
static size_t
seek(const struct telling *x, uint32_t uid)
{
	size_t lo = 0, hi = x->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->told[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
join(struct tombstone *s, uint32_t lo, uint32_t hi, uint64_t body)
{
	struct vdb_gone *g = s->n > 0 ? &s->g[s->n - 1] : NULL;

	if (g != NULL && g->hi + 1 == lo &&
	    (body == 0 ? g->body == 0
		       : g->body != 0 && g->body + (lo - g->lo) == body))
		g->hi = hi;
	else
		s->g[s->n++] = (struct vdb_gone){ lo, hi, body };
}

/* g has no bodies: from the first told on. */
static void
split(const struct telling *x, size_t at, const struct vdb_gone *g,
    struct tombstone *s)
{
	uint32_t next = g->lo;

	for (; at < x->n && x->told[at].uid <= g->hi; at++) {
		const struct vdb_told *y = &x->told[at];

		if (y->uid > next)
			join(s, next, y->uid - 1, 0);
		join(s, y->uid, y->uid, y->body);
		next = y->uid + 1;
		if (y->uid == g->hi)
			return;
	}
	join(s, next, g->hi, 0);
}

/* How many of the told are in g; at: the first. */
static size_t
count(const struct telling *x, const struct vdb_gone *g, size_t *at)
{
	if (g->body != 0) /* known already */
		return 0;
	*at = seek(x, g->lo);
	return (g->hi == UINT32_MAX ? x->n : seek(x, g->hi + 1)) - *at;
}

static int
tell(void *ctx, uint32_t mailbox A_UNUSED, uint64_t version, int64_t time,
    const struct vdb_gone *g, size_t n)
{
	struct telling *x = ctx;
	struct tombstone *s;
	size_t at, sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += count(x, &g[i], &at);
	if (sum == 0)
		return 0;
	if (x->n_out == x->cap_out) {
		x->cap_out = x->cap_out == 0 ? 16 : x->cap_out * 2;
		x->out = xrealloc(x->out, x->cap_out, sizeof *x->out);
	}
	s = &x->out[x->n_out++];
	*s = (struct tombstone){ version, time,
		xcalloc(n + 2 * sum, sizeof *s->g), 0 };
	for (size_t i = 0; i < n; i++) {
		if (count(x, &g[i], &at) > 0)
			split(x, at, &g[i], s);
		else
			join(s, g[i].lo, g[i].hi, g[i].body);
	}
	return 0;
}

static int
put(struct vdb_txn *t, uint32_t mailbox, const struct tombstone *s)
{
	struct vdb_key k = vdb_key_of(VDB_GONE, mailbox, s->version);
	size_t n = sizeof s->time + s->n * sizeof *s->g;
	AUTO_FREE uint8_t *p = xmalloc(n);

	memcpy(p, &s->time, sizeof s->time);
	memcpy(p + sizeof s->time, s->g, s->n * sizeof *s->g);
	return vdb_put(t, &k, (struct view){ p, n });
}

static int
tell_mailbox(struct vdb_txn *t, const struct vdb_told *told, size_t n)
{
	struct telling x = { .told = told, .n = n };
	int r = vdb_gone(t, told->mailbox, 0, tell, &x);

	for (size_t i = 0; i < x.n_out; i++) {
		if (r == 0)
			r = put(t, told->mailbox, &x.out[i]);
		free(x.out[i].g);
	}
	free(x.out);
	return r;
}

int
vdb_gone_flush(struct vdb_txn *t)
{
	struct vdb_told *told = t->told;
	size_t n = 0, all = t->n_told, from = 0;
	int r = 0;

	if (all == 0)
		return 0;
	/* what is called below flushes, too */
	t->told = NULL;
	t->n_told = t->cap_told = 0;
	qsort(told, all, sizeof *told, by_uid);
	for (size_t i = 0; i < all; i++)
		if (n == 0 || told[n - 1].mailbox != told[i].mailbox ||
		    told[n - 1].uid != told[i].uid)
			told[n++] = told[i];
	for (size_t i = 1; i <= n && r == 0; i++) {
		if (i < n && told[i].mailbox == told[from].mailbox)
			continue;
		r = tell_mailbox(t, told + from, i - from);
		from = i;
	}
	free(told);
	return r;
}
