#include "store/vdb_live.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/vdb_inside.h"

/* There are no counts of references: whoever wants to know looks at all rows,
 * 50 million a second, and cannot be wrong after a crash. */

bool
vdb_live_has(const struct vdb_live *l, uint64_t body)
{
	return body >= l->n || (l->bits[body / 64] >> body % 64 & 1) != 0;
}

static void
set(struct vdb_live *l, uint64_t body)
{
	if (body < l->n)
		l->bits[body / 64] |= 1ull << body % 64;
}

static int
live_rows(void *ctx, struct view key A_UNUSED, struct view value)
{
	uint64_t body;

	for (size_t i = 0; i + sizeof(struct vdb_row) <= value.n;
	     i += sizeof(struct vdb_row)) {
		memcpy(&body, value.p + i + offsetof(struct vdb_row, body), 8);
		set(ctx, body);
	}
	return 0;
}

struct live_graves {
	struct vdb_live *l;
	int64_t young_since;
};

static int
live_gone(void *ctx, uint32_t mailbox A_UNUSED, uint64_t version A_UNUSED,
    int64_t time, const struct vdb_gone *g, size_t n)
{
	const struct live_graves *x = ctx;

	if (time < x->young_since)
		return 0;
	for (size_t i = 0; i < n; i++)
		for (uint64_t k = 0; g[i].body != 0 && k <= g[i].hi - g[i].lo;
		     k++)
			set(x->l, g[i].body + k);
	return 0;
}

int
vdb_live_find(struct vdb_txn *t, int64_t young_since, struct vdb_live *out)
{
	struct vdb_key k = vdb_key(VDB_ROWS);
	struct live_graves x = { out, young_since };
	int r;

	out->n = vdb_state(t)->next_body;
	out->bits = xcalloc(out->n / 64 + 1, sizeof *out->bits);
	if ((r = vdb_walk(t, &k, 1, live_rows, out)) == 0)
		r = vdb_gone_all(t, live_gone, &x);
	return r;
}

void
vdb_live_fini(struct vdb_live *l)
{
	free(l->bits);
	*l = (struct vdb_live){ 0 };
}

static int
grave(void *ctx, uint32_t mailbox, uint64_t version, int64_t time,
    const struct vdb_gone *g, size_t n)
{
	struct vdb_graves *x = ctx;

	if (time < x->young_since)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (x->n == x->cap) {
			x->cap = x->cap == 0 ? 64 : x->cap * 2;
			x->p = xrealloc(x->p, x->cap, sizeof *x->p);
		}
		x->p[x->n++] = (struct vdb_grave){ mailbox, g[i].lo, g[i].hi,
			version, time };
	}
	return 0;
}

static int
by_uid(const void *a, const void *b)
{
	const struct vdb_grave *x = a, *y = b;

	if (x->mailbox != y->mailbox)
		return x->mailbox < y->mailbox ? -1 : 1;
	return (x->lo > y->lo) - (x->lo < y->lo);
}

int
vdb_graves_find(struct vdb_txn *t, int64_t young_since, struct vdb_graves *out)
{
	int r;

	out->young_since = young_since;
	r = vdb_gone_all(t, grave, out);
	if (out->n > 1)
		qsort(out->p, out->n, sizeof *out->p, by_uid);
	return r;
}

const struct vdb_grave *
vdb_grave_of(const struct vdb_graves *g, uint32_t mailbox, uint32_t uid)
{
	size_t lo = 0, hi = g->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct vdb_grave *x = &g->p[mid];

		if (x->mailbox < mailbox ||
		    (x->mailbox == mailbox && x->hi < uid))
			lo = mid + 1;
		else if (x->mailbox > mailbox || x->lo > uid)
			hi = mid;
		else
			return x;
	}
	return NULL;
}

void
vdb_graves_fini(struct vdb_graves *g)
{
	free(g->p);
	*g = (struct vdb_graves){ 0 };
}
