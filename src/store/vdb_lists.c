#include "store/vdb_inside.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"

/* The lists of the view: changes of flags, bodies, keywords, other entries. */

/* --- changes of flags --- */

static void
runs_parse(struct view v, struct uidruns *out)
{
	struct uid_run r;

	for (size_t i = 0; i + sizeof r <= v.n; i += sizeof r) {
		memcpy(&r, v.p + i, sizeof r);
		uidruns_add(out, r.lo, r.hi);
	}
}

struct oldest_changes {
	uint64_t version[VDB_CHANGES_MAX / 4];
	size_t n;
};

static int
gather_oldest(void *ctx, struct view key, struct view value A_UNUSED)
{
	struct oldest_changes *x = ctx;

	x->version[x->n++] = bytes_get64(key.p + 5);
	return x->n == sizeof x->version / sizeof x->version[0];
}

/* Forget the oldest quarter; who needs them scans the rows. */
static int
prune(struct vdb_txn *t, struct vdb_mailbox *m)
{
	struct vdb_key k = vdb_key_of(VDB_CHANGES, m->row.id, 0);
	struct oldest_changes x = { .n = 0 };
	int r = vdb_walk(t, &k, 5, gather_oldest, &x);

	if (r < 0)
		return r;
	for (size_t i = 0; i < x.n; i++) {
		k = vdb_key_of(VDB_CHANGES, m->row.id, x.version[i]);
		if ((r = vdb_del(t, &k)) != 0)
			return r;
		m->changes--;
		if (x.version[i] > m->changes_floor)
			m->changes_floor = x.version[i];
	}
	return 0;
}

int
vdb_changes_add(struct vdb_txn *t, struct vdb_mailbox *m, uint64_t version,
    const struct uid_run *runs, size_t n)
{
	struct vdb_key k = vdb_key_of(VDB_CHANGES, m->row.id, version);
	struct uidruns all = { 0 };
	struct view old;
	int r;

	if (version <= m->changes_floor)
		return 0;
	if ((r = vdb_get(t, &k, &old)) < 0)
		return r;
	if (r == STORE_NOT_FOUND) {
		r = vdb_put(t, &k,
		    (struct view){ (const uint8_t *)runs, n * sizeof *runs });
		if (r == 0 && ++m->changes > VDB_CHANGES_MAX)
			r = prune(t, m);
		return r;
	}
	runs_parse(old, &all);
	for (size_t i = 0; i < n; i++)
		uidruns_add(&all, runs[i].lo, runs[i].hi);
	uidruns_normalise(&all);
	r = vdb_put(
	    t, &k, (struct view){ (uint8_t *)all.p, all.n * sizeof *all.p });
	uidruns_fini(&all);
	return r;
}

static int
changes_out(void *ctx, struct view key A_UNUSED, struct view value)
{
	runs_parse(value, ctx);
	return 0;
}

int
vdb_changes(
    struct vdb_txn *t, uint32_t mailbox, uint64_t since, struct uidruns *out)
{
	struct vdb_key k = vdb_key_of(VDB_CHANGES, mailbox, since + 1);
	int r = vdb_walk(t, &k, 5, changes_out, out);

	uidruns_normalise(out);
	return r;
}

/* --- bodies --- */

static struct vdb_key
body_key(uint64_t chunk)
{
	struct vdb_key k = vdb_key(VDB_BODY);

	vdb_key_u64(&k, chunk);
	return k;
}

int
vdb_bodies_flush(struct vdb_txn *t)
{
	struct vdb_slots *s = &t->slots;
	struct vdb_key k = body_key(s->chunk);
	size_t n = VDB_SLOTS;

	if (!s->is_valid || !s->is_dirty)
		return 0;
	s->is_dirty = false;
	while (n > 0 && s->slot[n - 1].segment == 0)
		n--;
	if (n == 0)
		return vdb_del(t, &k);
	return vdb_put(
	    t, &k, (struct view){ (uint8_t *)s->slot, n * sizeof s->slot[0] });
}

static int
slots(struct vdb_txn *t, uint64_t chunk, struct vdb_slots **out)
{
	struct vdb_slots *s = *out = &t->slots;
	struct view v = { 0 };
	struct vdb_key k;
	int r;

	if (s->is_valid && s->chunk == chunk)
		return 0;
	if (t->is_write && (r = vdb_bodies_flush(t)) != 0)
		return r;
	s->is_valid = false;
	k = body_key(chunk);
	if ((r = vdb_get(t, &k, &v)) < 0)
		return r;
	if (v.n > sizeof s->slot)
		return why(&t->why, -ESTALE, "view: bodies");
	memset(s->slot, 0, sizeof s->slot);
	if (v.n > 0)
		memcpy(s->slot, v.p, v.n);
	s->chunk = chunk;
	s->is_valid = true;
	s->is_dirty = false;
	return 0;
}

int
vdb_body_place(struct vdb_txn *t, uint64_t number, const struct vdb_body *b)
{
	struct vdb_slots *s;
	struct vdb_body *old;
	int r;

	if ((r = slots(t, number / VDB_SLOTS, &s)) != 0)
		return r;
	if (number >= t->state.next_body)
		t->state.next_body = number + 1;
	old = &s->slot[number % VDB_SLOTS];
	if (old->segment > b->segment ||
	    (old->segment == b->segment && old->offset >= b->offset))
		return 0; /* a copy that compaction made later */
	if (old->segment == 0)
		t->state.body_bytes += b->size;
	*old = *b;
	s->is_dirty = true;
	return 0;
}

int
vdb_bodies(
    struct vdb_txn *t, const uint64_t *body, size_t n, struct vdb_body *out)
{
	struct vdb_slots *s;
	int r;

	for (size_t i = 0; i < n; i++) {
		if ((r = slots(t, body[i] / VDB_SLOTS, &s)) != 0)
			return r;
		out[i] = s->slot[body[i] % VDB_SLOTS];
	}
	return 0;
}

struct each_body {
	vdb_body_fn *fn;
	void *ctx;
};

static int
each_body(void *ctx, struct view key, struct view value)
{
	const struct each_body *e = ctx;
	uint64_t first = bytes_get64(key.p + 1) * VDB_SLOTS;
	struct vdb_body b;
	int r;

	for (size_t i = 0; i < value.n / sizeof b; i++) {
		memcpy(&b, value.p + i * sizeof b, sizeof b);
		if (b.segment != 0 && (r = e->fn(e->ctx, first + i, &b)) != 0)
			return r;
	}
	return 0;
}

int
vdb_bodies_all(struct vdb_txn *t, vdb_body_fn *fn, void *ctx)
{
	struct vdb_key k = body_key(0);
	struct each_body e = { fn, ctx };

	return vdb_walk(t, &k, 1, each_body, &e);
}

struct dropped {
	uint64_t segment;
	uint64_t *body;
	size_t n, cap;
};

static int
gather_dropped(void *ctx, uint64_t body, const struct vdb_body *b)
{
	struct dropped *d = ctx;

	if (b->segment != d->segment)
		return 0;
	if (d->n == d->cap) {
		d->cap = d->cap == 0 ? 64 : d->cap * 2;
		d->body = xrealloc(d->body, d->cap, sizeof *d->body);
	}
	d->body[d->n++] = body;
	return 0;
}

/* What is still placed there was not worth copying. */
int
vdb_drop_segment(struct vdb_txn *t, uint64_t segment)
{
	struct dropped d = { .segment = segment };
	struct vdb_slots *s;
	int r = vdb_bodies_all(t, gather_dropped, &d);

	for (size_t i = 0; i < d.n && r == 0; i++) {
		struct vdb_body *b;

		if ((r = slots(t, d.body[i] / VDB_SLOTS, &s)) != 0)
			break;
		b = &s->slot[d.body[i] % VDB_SLOTS];
		t->state.body_bytes -= b->size;
		*b = (struct vdb_body){ 0 };
		s->is_dirty = true;
	}
	free(d.body);
	return r;
}

/* --- keywords --- */

static struct vdb_key
keyword_key(unsigned number)
{
	struct vdb_key k = vdb_key(VDB_KEYWORD);

	vdb_key_u32(&k, number);
	return k;
}

int
vdb_keyword(struct vdb_txn *t, unsigned number, struct view *out)
{
	struct vdb_key k = keyword_key(number);

	return vdb_get(t, &k, out);
}

int
vdb_keyword_put(struct vdb_txn *t, unsigned number, struct view name)
{
	struct vdb_key k = keyword_key(number);

	if (number >= t->state.keywords)
		t->state.keywords = number + 1;
	return vdb_put(t, &k, name);
}

/* --- entries under a key: the value is u64 version, u32 length of the key, u8
 * set, key, value, in the bytes of a record --- */

/* Annotations of a mailbox stand together: their keys begin with its id. */
static struct vdb_key
entry_key(enum record_type type, struct view key)
{
	struct vdb_key k = vdb_key(VDB_ENTRY);

	k.p[k.n++] = (uint8_t)type;
	if (type == RECORD_METADATA)
		vdb_key_u32(&k, key.n < 4 ? 0 : bytes_get32(key.p));
	digest_sha256(key, k.p + k.n);
	k.n += DIGEST_SHA256_SIZE;
	return k;
}

int
vdb_entry(struct vdb_txn *t, enum record_type type, struct view key,
    struct record_entry_kv *out)
{
	struct vdb_key k = entry_key(type, key);
	struct view v;
	int r = vdb_get(t, &k, &v);

	if (r == 0 && !record_kv_read(v, out))
		r = why(&t->why, -ESTALE, "view: entry");
	return r;
}

int
vdb_entry_put(
    struct vdb_txn *t, enum record_type type, const struct record_entry_kv *e)
{
	struct vdb_key k = entry_key(type, e->key);
	struct record_entry_kv old;
	struct view v, frame;
	AUTO_BUF struct buf b;
	uint8_t kind;
	int r;

	buf_init(&b, RECORD_FRAME + 32 + RECORD_KEY_MAX + RECORD_VALUE_MAX);
	r = vdb_entry(t, type, e->key, &old);
	if (r < 0 || (r == 0 && old.version > e->version))
		return r;
	record_kv_put(&b, type, e);
	frame = buf_view(&b);
	if (!record_take(&frame, &kind, &v))
		return -E2BIG;
	return vdb_put(t, &k, v);
}

struct each_entry {
	vdb_entry_fn *fn;
	void *ctx;
	bool removed;   /* those that are not set any more, too */
	uint64_t since; /* version above which they count */
};

static int
each_entry(void *ctx, struct view key A_UNUSED, struct view value)
{
	const struct each_entry *e = ctx;
	struct record_entry_kv kv;

	if (!record_kv_read(value, &kv))
		return -ESTALE;
	if ((!kv.set && !e->removed) || kv.version <= e->since)
		return 0;
	return e->fn(e->ctx, &kv);
}

static int
walk_entries(struct vdb_txn *t, enum record_type type, struct each_entry e)
{
	struct vdb_key k = vdb_key(VDB_ENTRY);

	k.p[k.n++] = (uint8_t)type;
	return vdb_walk(t, &k, k.n, each_entry, &e);
}

int
vdb_entries(
    struct vdb_txn *t, enum record_type type, vdb_entry_fn *fn, void *ctx)
{
	return walk_entries(
	    t, type, (struct each_entry){ .fn = fn, .ctx = ctx });
}

int
vdb_entries_since(struct vdb_txn *t, enum record_type type, uint64_t since,
    vdb_entry_fn *fn, void *ctx)
{
	return walk_entries(t, type,
	    (struct each_entry){
		.fn = fn, .ctx = ctx, .removed = true, .since = since });
}

int
vdb_metadata(struct vdb_txn *t, uint32_t mailbox, vdb_entry_fn *fn, void *ctx)
{
	struct vdb_key k = vdb_key(VDB_ENTRY);
	struct each_entry e = { .fn = fn, .ctx = ctx };

	k.p[k.n++] = RECORD_METADATA;
	vdb_key_u32(&k, mailbox);
	return vdb_walk(t, &k, k.n, each_entry, &e);
}
