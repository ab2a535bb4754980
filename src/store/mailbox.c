#include "store/mailbox.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "store/inside.h"
#include "store/vdb.h"

/* --- names --- */

static bool
is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 ||
	    cp == 0x2029;
}

static int
check_level(struct view v)
{
	uint32_t cp;

	if (v.n == 0)
		return STORE_BAD_NAME;
	if (v.n > STORE_LEAF_MAX)
		return STORE_LIMIT;
	while (v.n > 0)
		if (!utf8_take(&v, &cp) || is_control(cp))
			return STORE_BAD_NAME;
	return STORE_OK;
}

struct view
mailbox_level(struct view *name, bool first)
{
	const uint8_t *end =
	    name->n > 0 ? memchr(name->p, STORE_DELIMITER, name->n) : NULL;
	size_t n = end != NULL ? (size_t)(end - name->p) : name->n;
	struct view v = view_sub(*name, 0, n);

	view_skip(name, end != NULL ? n + 1 : n);
	if (first && view_eq_ci(v, VIEW_LIT("INBOX")))
		return VIEW_LIT("INBOX");
	return v;
}

int
mailbox_name_check(struct view name)
{
	struct view rest = name;
	int r;

	if (name.n == 0)
		return STORE_BAD_NAME;
	if (name.n > STORE_NAME_MAX)
		return STORE_LIMIT;
	if (name.p[name.n - 1] == STORE_DELIMITER)
		return STORE_BAD_NAME;
	for (unsigned levels = 0; rest.n > 0; levels++) {
		if (levels == STORE_LEVELS_MAX)
			return STORE_LIMIT;
		if ((r = check_level(mailbox_level(&rest, false))) != 0)
			return r;
	}
	return STORE_OK;
}

int
mailbox_walk(struct vdb_txn *t, struct view name, uint32_t *id)
{
	uint32_t parent = 0;
	bool first = true;
	int r;

	for (; name.n > 0; first = false) {
		r = vdb_child(t, parent, mailbox_level(&name, first), id);
		if (r != 0)
			return r;
		parent = *id;
	}
	return 0;
}

static int
get(struct vdb_txn *t, uint32_t id, struct mailbox_row *out)
{
	const struct vdb_mailbox *m;
	int r = vdb_mailbox(t, id, &m);

	if (r == 0)
		*out = m->row;
	return r;
}

int
mailbox_find(struct account *a, struct view name, struct mailbox_row *out)
{
	struct vdb_txn *t;
	uint32_t id = 0;
	int r;

	if (mailbox_name_check(name) != 0)
		return STORE_BAD_NAME;
	if ((r = account_read(a, &t)) != 0)
		return r;
	if ((r = mailbox_walk(t, name, &id)) == 0)
		r = get(t, id, out);
	account_read_end(a, t);
	return r;
}

int
mailbox_get(struct account *a, uint32_t id, struct mailbox_row *out)
{
	struct vdb_txn *t;
	int r;

	if ((r = account_read(a, &t)) != 0)
		return r;
	r = get(t, id, out);
	account_read_end(a, t);
	return r;
}

int
mailbox_has_children(struct account *a, uint32_t id, bool *out)
{
	struct vdb_txn *t;
	int r;

	*out = false;
	if ((r = account_read(a, &t)) != 0)
		return r;
	r = vdb_has_children(t, id, out);
	account_read_end(a, t);
	return r;
}

/* --- lists --- */

struct listing {
	struct arena *arena;
	struct mailbox_entry *e;
	struct view *own;
	size_t n, cap;
};

static int
list_one(void *ctx, const struct vdb_mailbox *m)
{
	struct listing *l = ctx;
	struct view own;

	if (m->version == 0 || m->state == RECORD_MAILBOX_DELETED)
		return 0;
	if (l->n == l->cap) /* came between counting and reading: cannot be */
		return -ESTALE;
	own.n = m->name_n;
	own.p = (uint8_t *)arena_strdup(
	    l->arena, (struct view){ m->name, m->name_n });
	if (own.p == NULL)
		return -ENOMEM;
	l->own[l->n] = own;
	l->e[l->n++].row = m->row;
	return 0;
}

static struct mailbox_entry *
entry_of(const struct listing *l, uint32_t id)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->e[mid].row.id == id)
			return &l->e[mid];
		if (l->e[mid].row.id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* Names are made from the top down, so that every parent's is there first. */
static int
list_name(struct listing *l, struct mailbox_entry *e, unsigned level)
{
	struct view own = l->own[e - l->e];
	struct mailbox_entry *up;
	uint8_t *p;
	int r;

	if (e->name.p != NULL)
		return 0;
	if (e->row.parent == 0) {
		e->name = own;
		return 0;
	}
	if ((up = entry_of(l, e->row.parent)) == NULL ||
	    level > STORE_LEVELS_MAX)
		return -ESTALE;
	up->has_children = true;
	if ((r = list_name(l, up, level + 1)) != 0)
		return r;
	e->name.n = up->name.n + 1 + own.n;
	if ((p = arena_alloc(l->arena, e->name.n)) == NULL)
		return -ENOMEM;
	memcpy(p, up->name.p, up->name.n);
	p[up->name.n] = STORE_DELIMITER;
	memcpy(p + up->name.n + 1, own.p, own.n);
	e->name.p = p;
	return 0;
}

static int
view_compare(struct view a, struct view b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return r != 0 ? r : (a.n > b.n) - (a.n < b.n);
}

static int
by_name(const void *x, const void *y)
{
	const struct mailbox_entry *a = x, *b = y;

	if (a->row.id == 1 || b->row.id == 1)
		return (a->row.id != 1) - (b->row.id != 1);
	return view_compare(a->name, b->name);
}

static int
list(struct vdb_txn *t, struct listing *l)
{
	int r;

	l->cap = vdb_state(t)->mailboxes;
	l->e = arena_alloc(l->arena, (l->cap + 1) * sizeof *l->e);
	if (l->e == NULL)
		return -ENOMEM;
	l->own = xcalloc(l->cap + 1, sizeof *l->own);
	r = vdb_mailboxes(t, list_one, l);
	for (size_t i = 0; i < l->n && r == 0; i++)
		r = list_name(l, &l->e[i], 0);
	for (size_t i = 0; i < l->n && r == 0; i++) {
		struct record_entry_kv kv;
		int s = vdb_entry(t, RECORD_SUBSCRIPTION, l->e[i].name, &kv);

		if (s < 0)
			r = s;
		l->e[i].subscribed = s == 0 && kv.set;
	}
	free(l->own);
	if (r == 0 && l->n > 1)
		qsort(l->e, l->n, sizeof *l->e, by_name);
	return r;
}

int
mailbox_list(struct account *a, struct arena *arena, struct mailbox_entry **out,
    size_t *n)
{
	struct listing l = { .arena = arena };
	struct vdb_txn *t;
	int r;

	if ((r = account_read(a, &t)) != 0)
		return r;
	r = list(t, &l);
	account_read_end(a, t);
	*out = l.e;
	*n = l.n;
	return r == -ESTALE ? -EIO : r;
}

struct subscriptions {
	struct arena *arena;
	struct view *v;
	size_t n;
};

static int
subscription(void *ctx, const struct record_entry_kv *e)
{
	struct subscriptions *s = ctx;

	if (s->n == STORE_SUBSCRIPTIONS_MAX)
		return 0;
	s->v[s->n].n = e->key.n;
	s->v[s->n].p = (uint8_t *)arena_strdup(s->arena, e->key);
	return s->v[s->n++].p != NULL ? 0 : -ENOMEM;
}

static int
by_view(const void *x, const void *y)
{
	const struct view *a = x, *b = y;

	return view_compare(*a, *b);
}

int
mailbox_subscriptions(
    struct account *a, struct arena *arena, struct view **out, size_t *n)
{
	struct subscriptions s = { .arena = arena };
	struct vdb_txn *t;
	int r;

	*out = NULL;
	*n = 0;
	if ((r = account_read(a, &t)) != 0)
		return r;
	s.v = xcalloc(STORE_SUBSCRIPTIONS_MAX, sizeof *s.v);
	r = vdb_entries(t, RECORD_SUBSCRIPTION, subscription, &s);
	account_read_end(a, t);
	if (r == 0 && s.n > 1)
		qsort(s.v, s.n, sizeof *s.v, by_view);
	if (r == 0) {
		*out = arena_alloc(arena, (s.n + 1) * sizeof *s.v);
		if (*out == NULL)
			r = -ENOMEM;
		else
			memcpy(*out, s.v, s.n * sizeof *s.v);
		*n = s.n;
	}
	free(s.v);
	return r;
}

/* --- the state of one --- */

int
mailbox_open(struct account *a, uint32_t id, struct mailbox_row *row,
    struct uid_run **runs, size_t *n)
{
	struct uidruns all = { 0 };
	struct vdb_txn *t;
	int r;

	*runs = NULL;
	*n = 0;
	if ((r = account_read(a, &t)) != 0)
		return r;
	if ((r = get(t, id, row)) == 0)
		r = vdb_uids(t, id, &all);
	account_read_end(a, t);
	if (r == 0)
		*runs = uidruns_take(&all, n);
	uidruns_fini(&all);
	return r;
}

static int
add_gone(void *ctx, uint32_t mailbox A_UNUSED, uint64_t version A_UNUSED,
    int64_t time A_UNUSED, const struct vdb_gone *g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		uidruns_add(ctx, g[i].lo, g[i].hi);
	return 0;
}

/* The flags' changes that are still of interest. */
static int
changed_flags(struct vdb_txn *t, const struct vdb_mailbox *m, uint64_t since,
    const struct uidruns *present, struct uidruns *out)
{
	struct uidruns all = { 0 };
	int r;

	if (since < m->changes_floor)
		return vdb_uids_changed(t, m->row.id, since, out);
	if ((r = vdb_changes(t, m->row.id, since, &all)) == 0)
		uidruns_intersect(all.p, all.n, present->p, present->n, out);
	uidruns_fini(&all);
	return r;
}

static int
changes(struct vdb_txn *t, uint32_t id, uint64_t since, uint32_t uidnext,
    struct mailbox_changes *out)
{
	struct uidruns flags = { 0 }, gone = { 0 }, arrived = { 0 },
		       present = { 0 };
	struct uid_run newer = { uidnext != 0 ? uidnext : 1, UINT32_MAX };
	const struct vdb_mailbox *m;
	int r = vdb_mailbox(t, id, &m);

	if (r != 0)
		return r;
	out->row = m->row;
	out->incomplete = since < m->floor;
	if (m->row.highestmodseq <= since && m->row.uidnext <= newer.lo)
		return 0;
	if ((r = vdb_uids(t, id, &present)) == 0 &&
	    (r = changed_flags(t, m, since, &present, &flags)) == 0 &&
	    (r = vdb_gone(t, id, since, add_gone, &gone)) == 0) {
		uidruns_normalise(&gone);
		uidruns_intersect(present.p, present.n, &newer, 1, &arrived);
		out->flags = uidruns_take(&flags, &out->n_flags);
		out->expunged = uidruns_take(&gone, &out->n_expunged);
		out->arrived = uidruns_take(&arrived, &out->n_arrived);
	}
	uidruns_fini(&flags);
	uidruns_fini(&gone);
	uidruns_fini(&arrived);
	uidruns_fini(&present);
	return r;
}

int
mailbox_changes(struct account *a, uint32_t id, uint64_t since,
    uint32_t uidnext_since, struct mailbox_changes *out)
{
	struct vdb_txn *t;
	int r;

	memset(out, 0, sizeof *out);
	if ((r = account_read(a, &t)) != 0)
		return r;
	r = changes(t, id, since, uidnext_since, out);
	account_read_end(a, t);
	return r;
}

void
mailbox_changes_fini(struct mailbox_changes *c)
{
	free(c->flags);
	free(c->expunged);
	free(c->arrived);
	memset(c, 0, sizeof *c);
}

int
mailbox_take_recent(struct account *a, uint32_t id, uint32_t *floor)
{
	struct mailbox_row row;
	struct vdb_mailbox *m;
	struct vdb_txn *t;
	int r;

	if ((r = mailbox_get(a, id, &row)) != 0)
		return r;
	*floor = row.recent_floor;
	if (row.recent_floor >= row.uidnext || a->options.read_only)
		return 0;
	if ((r = account_write(a, ACCOUNT_LOCK_MS, &t)) != 0)
		return r;
	if ((r = vdb_mailbox_change(t, id, &m)) == 0) {
		*floor = m->row.recent_floor;
		m->row.recent_floor = m->row.uidnext;
	}
	return account_write_end(a, t, r == 0) != 0 ? -EIO : r;
}
