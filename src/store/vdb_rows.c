#include "store/vdb_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"

/*
 * Mailboxes, messages and their counters.
 *
 * 64 rows stand in one value and 4096 presence bits in another, so that what is
 * done to a hundred thousand messages touches some sixteen hundred values. A
 * value being worked on stays decoded in the transaction's cache until another
 * needs the place; blocks carry the sums from which the mailbox's first unseen
 * and oldest message are found again without looking at every row.
 */

/* --- mailboxes --- */

#define MAILBOX_HEAD offsetof(struct vdb_mailbox, name)

static bool
mailbox_load(struct vdb_mailbox *m, struct view v)
{
	if (v.n < MAILBOX_HEAD || v.n > sizeof *m)
		return false;
	memcpy(m, v.p, v.n);
	return v.n == MAILBOX_HEAD + m->name_n;
}

int
vdb_mailbox_flush(struct vdb_txn *t, struct vdb_cached_mailbox *c)
{
	struct vdb_key k = vdb_key(VDB_MAILBOX);
	int r;

	if (!c->is_valid || !c->is_dirty)
		return 0;
	if ((r = vdb_mailbox_settle(t, &c->m)) != 0)
		return r;
	/* It stays dirty: whoever got it to change may not be done yet. */
	vdb_key_u32(&k, c->m.row.id);
	return vdb_put(t, &k,
	    (struct view){ (uint8_t *)&c->m, MAILBOX_HEAD + c->m.name_n });
}

static int
mailbox_cached(
    struct vdb_txn *t, uint32_t id, bool make, struct vdb_cached_mailbox **out)
{
	struct vdb_cached_mailbox *c;
	struct vdb_key k;
	struct view v;
	int r;

	for (unsigned i = 0; i < VDB_CACHE_MAILBOXES; i++) {
		*out = &t->mailbox[i];
		if ((*out)->is_valid && (*out)->m.row.id == id)
			return 0;
	}
	c = &t->mailbox[t->next_mailbox++ % VDB_CACHE_MAILBOXES];
	if (t->is_write && (r = vdb_mailbox_flush(t, c)) != 0)
		return r;
	c->is_valid = false;
	k = vdb_key(VDB_MAILBOX);
	vdb_key_u32(&k, id);
	r = vdb_get(t, &k, &v);
	if (r == 0 && !mailbox_load(&c->m, v))
		return why(&t->why, -ESTALE, "view: mailbox %u", id);
	if (r == STORE_NOT_FOUND && make) {
		memset(&c->m, 0, sizeof c->m);
		c->m.row.id = id;
		c->m.row.uidnext = 1;
		c->m.row.highestmodseq = 1;
		c->m.row.recent_floor = 1;
		c->m.row.oldest = INT64_MAX;
		r = 0;
	}
	if (r != 0)
		return r;
	c->is_valid = true;
	c->is_dirty = false;
	*out = c;
	return 0;
}

int
vdb_mailbox(struct vdb_txn *t, uint32_t id, const struct vdb_mailbox **out)
{
	struct vdb_cached_mailbox *c;
	int r = mailbox_cached(t, id, false, &c);

	if (r != 0)
		return r;
	if (c->m.version == 0 || c->m.state == RECORD_MAILBOX_DELETED)
		return STORE_NOT_FOUND;
	*out = &c->m;
	return vdb_mailbox_settle(t, &c->m);
}

int
vdb_mailbox_change(struct vdb_txn *t, uint32_t id, struct vdb_mailbox **out)
{
	struct vdb_cached_mailbox *c;
	int r = mailbox_cached(t, id, true, &c);

	assert(t->is_write);
	if (r != 0)
		return r;
	/* its own record may be lost */
	if (id >= t->state.next_mailbox && id < UINT32_MAX)
		t->state.next_mailbox = id + 1;
	c->is_dirty = true;
	*out = &c->m;
	return 0;
}

struct each_mailbox {
	vdb_mailbox_fn *fn;
	void *ctx;
};

static int
each_mailbox(void *ctx, struct view key A_UNUSED, struct view value)
{
	const struct each_mailbox *e = ctx;
	struct vdb_mailbox m;

	return mailbox_load(&m, value) ? e->fn(e->ctx, &m) : -ESTALE;
}

int
vdb_mailboxes(struct vdb_txn *t, vdb_mailbox_fn *fn, void *ctx)
{
	struct vdb_key k = vdb_key(VDB_MAILBOX);
	struct each_mailbox e = { fn, ctx };

	return vdb_walk(t, &k, 1, each_mailbox, &e);
}

/* --- names --- */

/* The id stands in the key too: while records are replayed in some odd order
 * two mailboxes may for a time have one name. */
static struct vdb_key
child_key(uint32_t parent, struct view name)
{
	struct vdb_key k = vdb_key(VDB_CHILD);

	vdb_key_u32(&k, parent);
	memcpy(k.p + k.n, name.p, name.n);
	k.n += name.n;
	k.p[k.n++] = 0;
	return k;
}

static int
take_id(void *ctx, struct view key, struct view value A_UNUSED)
{
	if (key.n < 4)
		return -ESTALE;
	*(uint32_t *)ctx = bytes_get32(key.p + key.n - 4);
	return 1;
}

int
vdb_child(struct vdb_txn *t, uint32_t parent, struct view name, uint32_t *id)
{
	struct vdb_key k;
	int r;

	if (name.n > STORE_LEAF_MAX)
		return STORE_NOT_FOUND;
	k = child_key(parent, name);
	r = vdb_walk(t, &k, k.n, take_id, id);
	return r == 0 ? STORE_NOT_FOUND : r == 1 ? 0 : r;
}

int
vdb_has_children(struct vdb_txn *t, uint32_t id, bool *out)
{
	struct vdb_key k = vdb_key(VDB_CHILD);
	uint32_t child;
	int r;

	vdb_key_u32(&k, id);
	r = vdb_walk(t, &k, k.n, take_id, &child);
	*out = r == 1;
	return r < 0 ? r : 0;
}

struct children {
	uint32_t *id;
	size_t n, cap;
};

static int
gather_child(void *ctx, struct view key, struct view value A_UNUSED)
{
	struct children *x = ctx;

	if (x->n == x->cap) {
		x->cap = x->cap == 0 ? 16 : x->cap * 2;
		x->id = xrealloc(x->id, x->cap, sizeof *x->id);
	}
	x->id[x->n++] = bytes_get32(key.p + key.n - 4);
	return 0;
}

int
vdb_children(struct vdb_txn *t, uint32_t id, uint32_t **out, size_t *n)
{
	struct vdb_key k = vdb_key(VDB_CHILD);
	struct children x = { 0 };
	int r;

	vdb_key_u32(&k, id);
	r = vdb_walk(t, &k, k.n, gather_child, &x);
	*out = x.id;
	*n = x.n;
	return r;
}

int
vdb_child_put(struct vdb_txn *t, const struct vdb_mailbox *m)
{
	struct vdb_key k =
	    child_key(m->row.parent, (struct view){ m->name, m->name_n });

	vdb_key_u32(&k, m->row.id);
	return vdb_put(t, &k, (struct view){ 0 });
}

int
vdb_child_del(struct vdb_txn *t, const struct vdb_mailbox *m)
{
	struct vdb_key k =
	    child_key(m->row.parent, (struct view){ m->name, m->name_n });

	vdb_key_u32(&k, m->row.id);
	return vdb_del(t, &k);
}

/* --- chunks and blocks --- */

static int
chunk_flush(struct vdb_txn *t, struct vdb_chunk *c)
{
	struct vdb_key k;

	if (!c->is_valid || !c->is_dirty)
		return 0;
	c->is_dirty = false;
	k = vdb_key_in(VDB_ROWS, c->mailbox, c->chunk);
	if (c->n == 0)
		return vdb_del(t, &k);
	return vdb_put(
	    t, &k, (struct view){ (uint8_t *)c->row, c->n * sizeof c->row[0] });
}

int
vdb_chunk(
    struct vdb_txn *t, uint32_t mailbox, uint32_t chunk, struct vdb_chunk **out)
{
	struct vdb_key k;
	struct vdb_chunk *c;
	struct view v;
	int r;

	for (unsigned i = 0; i < 2; i++) {
		c = *out = &t->chunk[i];
		if (c->is_valid && c->chunk == chunk && c->mailbox == mailbox) {
			t->next_chunk = i + 1;
			return 0;
		}
	}
	c = &t->chunk[t->next_chunk++ % 2];
	if (t->is_write && (r = chunk_flush(t, c)) != 0)
		return r;
	c->is_valid = false;
	k = vdb_key_in(VDB_ROWS, mailbox, chunk);
	r = vdb_get(t, &k, &v);
	if (r == STORE_NOT_FOUND)
		v.n = 0;
	else if (r != 0)
		return r;
	if (v.n > sizeof c->row || v.n % sizeof c->row[0] != 0)
		return why(&t->why, -ESTALE, "view: chunk %u", chunk);
	if (v.n > 0)
		memcpy(c->row, v.p, v.n);
	c->n = (uint32_t)(v.n / sizeof c->row[0]);
	c->mailbox = mailbox;
	c->chunk = chunk;
	c->is_valid = true;
	c->is_dirty = false;
	*out = c;
	return 0;
}

/* Words of zeros at the end of a block are not kept: where nothing was ever
 * expunged that is half of it, and a SELECT reads them all. */
#define BITS_HEAD offsetof(struct vdb_bits, present)

static struct view
bits_view(const struct vdb_bits *b)
{
	const uint8_t *p = (const uint8_t *)b;
	size_t n = sizeof *b;
	uint64_t word;

	for (; n > BITS_HEAD; n -= sizeof word) {
		memcpy(&word, p + n - sizeof word, sizeof word);
		if (word != 0)
			break;
	}
	return (struct view){ p, n };
}

static bool
bits_load(struct vdb_bits *b, struct view v)
{
	if (v.n < BITS_HEAD || v.n > sizeof *b || v.n % sizeof(uint64_t) != 0)
		return false;
	memcpy(b, v.p, v.n);
	memset((uint8_t *)b + v.n, 0, sizeof *b - v.n);
	return true;
}

static int
block_flush(struct vdb_txn *t, struct vdb_block *b)
{
	struct vdb_key k;

	if (!b->is_valid || !b->is_dirty)
		return 0;
	b->is_dirty = false;
	k = vdb_key_in(VDB_BLOCK_, b->mailbox, b->block);
	return vdb_put(t, &k, bits_view(&b->bits));
}

static struct vdb_block *
block_cached(struct vdb_txn *t, uint32_t mailbox, uint32_t block)
{
	for (unsigned i = 0; i < 2; i++) {
		struct vdb_block *b = &t->block[i];

		if (b->is_valid && b->block == block && b->mailbox == mailbox) {
			t->next_block = i + 1;
			return b;
		}
	}
	return NULL;
}

int
vdb_block(
    struct vdb_txn *t, uint32_t mailbox, uint32_t block, struct vdb_block **out)
{
	struct vdb_key k;
	struct vdb_block *b;
	struct view v;
	int r;

	if ((*out = block_cached(t, mailbox, block)) != NULL)
		return 0;
	b = &t->block[t->next_block++ % 2];
	if (t->is_write && (r = block_flush(t, b)) != 0)
		return r;
	b->is_valid = false;
	k = vdb_key_in(VDB_BLOCK_, mailbox, block);
	r = vdb_get(t, &k, &v);
	if (r == STORE_NOT_FOUND) {
		memset(&b->bits, 0, sizeof b->bits);
		b->bits.oldest = INT64_MAX;
	} else if (r != 0) {
		return r;
	} else if (!bits_load(&b->bits, v)) {
		(void)why(&t->why, -ESTALE, "view: block %u", block);
		return -ESTALE;
	}
	b->mailbox = mailbox;
	b->block = block;
	b->is_valid = true;
	b->is_dirty = false;
	*out = b;
	return 0;
}

int
vdb_rows_flush(struct vdb_txn *t)
{
	int r;

	for (unsigned i = 0; i < 2; i++)
		if ((r = chunk_flush(t, &t->chunk[i])) != 0 ||
		    (r = block_flush(t, &t->block[i])) != 0)
			return r;
	return 0;
}

struct find_block {
	uint32_t block;
};

static int
find_block(void *ctx, struct view key, struct view value)
{
	struct find_block *f = ctx;
	uint32_t count;

	if (value.n < BITS_HEAD)
		return -ESTALE;
	memcpy(&count, value.p + offsetof(struct vdb_bits, count), 4);
	f->block = bytes_get32(key.p + 5);
	return count > 0;
}

/* As vdb_walk() over blocks, but writes back only what it must see. */
int
vdb_block_next(struct vdb_txn *t, uint32_t mailbox, uint32_t *block)
{
	struct vdb_block *b = block_cached(t, mailbox, *block);
	MDB_cursor *c;
	MDB_val key, val;
	struct vdb_key k = vdb_key_in(VDB_BLOCK_, mailbox, *block);
	struct find_block f = { 0 };
	int r = 0, rc;

	if (b != NULL && b->bits.count > 0)
		return 0;
	for (unsigned i = 0; t->is_write && i < 2; i++)
		if ((r = block_flush(t, &t->block[i])) != 0)
			return r;
	key = (MDB_val){ k.n, k.p };
	if ((rc = mdb_cursor_open(t->txn, t->v->dbi, &c)) != 0)
		return vdb_fail(t, rc, "cursor");
	for (rc = mdb_cursor_get(c, &key, &val, MDB_SET_RANGE); rc == 0;
	     rc = mdb_cursor_get(c, &key, &val, MDB_NEXT)) {
		if (key.mv_size != k.n || memcmp(key.mv_data, k.p, 5) != 0)
			break;
		r = find_block(&f, (struct view){ key.mv_data, key.mv_size },
		    (struct view){ val.mv_data, val.mv_size });
		if (r != 0)
			break;
	}
	mdb_cursor_close(c);
	if (r == 1) {
		*block = f.block;
		return 0;
	}
	if (r == 0 && rc != 0 && rc != MDB_NOTFOUND)
		r = vdb_fail(t, rc, "walk");
	return r == 0 ? STORE_NOT_FOUND : r;
}

/* --- settling --- */

static int
settle_unseen(struct vdb_txn *t, struct vdb_mailbox *m)
{
	uint32_t block = m->row.first_unseen / VDB_BLOCK;
	struct vdb_block *b;
	struct vdb_chunk *c;
	int r;

	m->unseen_moved = false;
	m->row.first_unseen = 0;
	for (; m->row.unseen > 0; block++) {
		if (vdb_block_next(t, m->row.id, &block) != 0)
			break;
		if ((r = vdb_block(t, m->row.id, block, &b)) != 0)
			return r;
		if (b->bits.unseen == 0)
			continue;
		for (uint32_t i = 0; i < VDB_BLOCK / VDB_CHUNK; i++) {
			if (b->bits.present[i] == 0)
				continue;
			r = vdb_chunk(t, m->row.id, block * 64 + i, &c);
			if (r != 0)
				return r;
			for (uint32_t k = 0; k < c->n; k++) {
				if (c->row[k].system & STORE_SEEN)
					continue;
				m->row.first_unseen = c->row[k].uid;
				return 0;
			}
		}
	}
	return m->row.unseen == 0
	    ? 0
	    : why(&t->why, -ESTALE, "view: unseen of mailbox %u", m->row.id);
}

static int
settle_block(struct vdb_txn *t, struct vdb_block *b)
{
	struct vdb_chunk *c;
	int64_t oldest = INT64_MAX;
	int r;

	for (uint32_t i = 0; i < VDB_BLOCK / VDB_CHUNK; i++) {
		if (b->bits.present[i] == 0)
			continue;
		if ((r = vdb_chunk(t, b->mailbox, b->block * 64 + i, &c)) != 0)
			return r;
		for (uint32_t k = 0; k < c->n; k++)
			if (c->row[k].date < oldest)
				oldest = c->row[k].date;
	}
	b->bits.oldest = oldest;
	b->bits.oldest_moved = 0;
	b->is_dirty = true;
	return 0;
}

static int
settle_oldest(struct vdb_txn *t, struct vdb_mailbox *m)
{
	struct vdb_block *b;
	int r;

	m->oldest_moved = false;
	m->row.oldest = INT64_MAX;
	if (m->row.messages == 0)
		return 0;
	for (uint32_t block = 0;; block++) {
		r = vdb_block_next(t, m->row.id, &block);
		if (r == STORE_NOT_FOUND)
			return 0;
		if (r != 0 || (r = vdb_block(t, m->row.id, block, &b)) != 0)
			return r;
		if (b->bits.oldest_moved && (r = settle_block(t, b)) != 0)
			return r;
		if (b->bits.oldest < m->row.oldest)
			m->row.oldest = b->bits.oldest;
	}
}

int
vdb_mailbox_settle(struct vdb_txn *t, struct vdb_mailbox *m)
{
	int r = 0;

	if (m->unseen_moved)
		r = settle_unseen(t, m);
	if (r == 0 && m->oldest_moved)
		r = settle_oldest(t, m);
	return r;
}

/* --- changing messages --- */

/* Count a row in (sign 1) or out (sign -1); wraps around harmlessly. */
static void
count_flags(
    struct vdb_mailbox *m, struct vdb_block *b, uint16_t system, uint32_t sign)
{
	if ((system & STORE_SEEN) == 0) {
		m->row.unseen += sign;
		b->bits.unseen += sign;
	}
	if (system & STORE_DELETED) {
		m->row.deleted += sign;
		b->bits.deleted += sign;
	}
}

static void
unseen_comes(struct vdb_mailbox *m, uint32_t uid)
{
	if (m->row.first_unseen == 0 || uid < m->row.first_unseen) {
		m->row.first_unseen = uid;
		m->unseen_moved = false;
	}
}

static void
unseen_goes(struct vdb_mailbox *m, uint32_t uid)
{
	if (m->row.first_unseen == uid)
		m->unseen_moved = true;
}

static void
raise_modseq(struct vdb_mailbox *m, uint64_t version)
{
	if (version > m->row.highestmodseq)
		m->row.highestmodseq = version;
}

static void
raise_uidnext(struct vdb_mailbox *m, uint32_t uid)
{
	if (uid >= m->row.uidnext)
		m->row.uidnext = uid == UINT32_MAX ? uid : uid + 1;
}

/* The state that came before its message. */
static int
take_pending(
    struct vdb_txn *t, uint32_t mailbox, uint32_t uid, struct vdb_pending *out)
{
	struct vdb_key k;
	struct view v;
	int r;

	if (t->state.pending == 0)
		return STORE_NOT_FOUND;
	k = vdb_key_in(VDB_PENDING, mailbox, uid);
	if ((r = vdb_get(t, &k, &v)) != 0)
		return r;
	if (v.n != sizeof *out)
		return why(&t->why, -ESTALE, "view: pending");
	memcpy(out, v.p, v.n);
	t->state.pending--;
	return vdb_del(t, &k);
}

static void
insert_row(struct vdb_chunk *c, struct vdb_block *b, const struct vdb_row *row)
{
	uint64_t *word = &b->bits.present[row->uid / 64 % 64];
	uint64_t bit = 1ull << row->uid % 64;
	unsigned at = (unsigned)__builtin_popcountll(*word & (bit - 1));

	memmove(&c->row[at + 1], &c->row[at], (c->n - at) * sizeof c->row[0]);
	c->row[at] = *row;
	c->n++;
	c->is_dirty = true;
	*word |= bit;
	b->bits.count++;
	if (row->date < b->bits.oldest)
		b->bits.oldest = row->date;
	b->is_dirty = true;
}

int
vdb_row_add(struct vdb_txn *t, struct vdb_mailbox *m, const struct vdb_row *row,
    uint64_t version)
{
	uint64_t bit = 1ull << row->uid % 64;
	uint32_t word = row->uid / 64 % 64;
	struct vdb_row full = *row;
	struct vdb_pending p = { 0 };
	struct vdb_block *b;
	struct vdb_chunk *c;
	int r;

	if ((r = vdb_block(t, m->row.id, row->uid / VDB_BLOCK, &b)) != 0)
		return r;
	if (b->bits.present[word] & bit)
		return 0;
	raise_modseq(m, version);
	raise_uidnext(m, row->uid);
	if (b->bits.gone[word] & bit)
		return vdb_gone_body(t, m->row.id, row->uid, row->body);
	if ((r = vdb_chunk(t, m->row.id, row->uid / VDB_CHUNK, &c)) != 0)
		return r;
	if (c->n != (unsigned)__builtin_popcountll(b->bits.present[word]))
		return why(&t->why, -ESTALE, "view: chunk and block differ");
	r = take_pending(t, m->row.id, row->uid, &p);
	if (r == 0 && p.version >= full.modseq) {
		full.modseq = p.version;
		full.system = p.flags.system;
		memcpy(full.keywords, p.flags.keywords, sizeof full.keywords);
	} else if (r < 0) {
		return r;
	}
	insert_row(c, b, &full);
	count_flags(m, b, full.system, 1);
	if ((full.system & STORE_SEEN) == 0)
		unseen_comes(m, full.uid);
	m->row.messages++;
	m->row.size += full.size;
	if (full.date < m->row.oldest)
		m->row.oldest = full.date;
	t->state.rows++;
	t->state.row_bytes += full.size;
	return 0;
}

void
vdb_row_set(struct vdb_mailbox *m, struct vdb_block *b, struct vdb_row *row,
    const struct store_flags *flags, uint64_t version)
{
	bool was = (row->system & STORE_SEEN) != 0;
	bool is = (flags->system & STORE_SEEN) != 0;

	if (((row->system ^ flags->system) & (STORE_SEEN | STORE_DELETED)) !=
	    0) {
		count_flags(m, b, row->system, (uint32_t)-1);
		count_flags(m, b, flags->system, 1);
		b->is_dirty = true;
	}
	if (is && !was)
		unseen_goes(m, row->uid);
	if (was && !is)
		unseen_comes(m, row->uid);
	row->system = flags->system;
	memcpy(row->keywords, flags->keywords, sizeof row->keywords);
	row->modseq = version;
	raise_modseq(m, version);
}

/* --- removing --- */

struct removal {
	struct vdb_txn *t;
	struct vdb_mailbox *m;
	struct vdb_gone *gone; /* for the tombstone */
	size_t n, cap;
	struct uidruns *present;
};

static void
bury(struct removal *x, uint32_t uid, uint64_t body)
{
	struct vdb_gone *g = x->n > 0 ? &x->gone[x->n - 1] : NULL;

	if (g != NULL && g->hi + 1 == uid &&
	    (body == 0 ? g->body == 0
		       : g->body != 0 && g->body + (uid - g->lo) == body)) {
		g->hi = uid;
		return;
	}
	if (x->n == x->cap) {
		x->cap = x->cap == 0 ? 16 : x->cap * 2;
		x->gone = xrealloc(x->gone, x->cap, sizeof *x->gone);
	}
	x->gone[x->n++] = (struct vdb_gone){ uid, uid, body };
}

static void
remove_row(struct removal *x, struct vdb_block *b, const struct vdb_row *row)
{
	struct vdb_mailbox *m = x->m;

	bury(x, row->uid, row->body);
	if (x->present != NULL)
		uidruns_add(x->present, row->uid, row->uid);
	count_flags(m, b, row->system, (uint32_t)-1);
	if ((row->system & STORE_SEEN) == 0)
		unseen_goes(m, row->uid);
	m->row.messages--;
	m->row.size -= row->size;
	b->bits.count--;
	x->t->state.rows--;
	x->t->state.row_bytes -= row->size;
	if (row->date <= m->row.oldest)
		m->oldest_moved = true;
	if (row->date <= b->bits.oldest)
		b->bits.oldest_moved = 1;
}

/* UIDs that were never seen: whatever comes for them is too late. */
static int
remove_unknown(struct removal *x, uint32_t uid)
{
	struct vdb_pending p = { 0 };
	int r = take_pending(x->t, x->m->row.id, uid, &p);

	bury(x, uid, 0);
	return r < 0 ? r : 0;
}

/* mask: the bits of one word that go now. */
static int
remove_word(
    struct removal *x, struct vdb_block *b, uint32_t word, uint64_t mask)
{
	uint64_t present = b->bits.present[word];
	uint32_t first = b->block * VDB_BLOCK + word * 64;
	struct vdb_chunk *c = NULL;
	unsigned from = 0, to = 0;
	int r;

	if ((present & mask) != 0) {
		r = vdb_chunk(x->t, x->m->row.id, first / VDB_CHUNK, &c);
		if (r != 0)
			return r;
		if (c->n != (unsigned)__builtin_popcountll(present))
			return why(&x->t->why, -ESTALE, "view: chunk");
		c->is_dirty = true;
	}
	for (uint64_t left = mask | (c != NULL ? present : 0); left != 0;
	     left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		uint64_t bit = 1ull << i;

		if ((present & bit) == 0) {
			if ((r = remove_unknown(x, first + i)) != 0)
				return r;
			continue;
		}
		assert(c != NULL); /* loaded when one of mask is present */
		if (mask & bit)
			remove_row(x, b, &c->row[from++]);
		else
			c->row[to++] = c->row[from++];
	}
	if (c != NULL)
		c->n = to;
	b->bits.present[word] &= ~mask;
	b->bits.gone[word] |= mask;
	b->is_dirty = true;
	return 0;
}

/* The bits of a word whose UIDs lie in lo..hi; first is the word's first. */
static uint64_t
range_mask(uint32_t first, uint32_t lo, uint32_t hi)
{
	uint64_t mask = ~0ull;

	if (lo > first)
		mask &= ~0ull << (lo - first);
	if (hi - first < 63)
		mask &= ~0ull >> (63 - (hi - first));
	return mask;
}

static int
remove_run(struct removal *x, uint32_t lo, uint32_t hi)
{
	uint32_t last = hi / 64;
	struct vdb_block *b;
	uint64_t mask;
	int r;

	for (uint32_t w = lo / 64; w <= last; w++) {
		if ((r = vdb_block(x->t, x->m->row.id, w / 64, &b)) != 0)
			return r;
		mask = range_mask(w * 64, lo, hi) & ~b->bits.gone[w % 64];
		if (mask != 0 && (r = remove_word(x, b, w % 64, mask)) != 0)
			return r;
		if (b->bits.count == 0) {
			b->bits.oldest = INT64_MAX;
			b->bits.oldest_moved = 0;
		}
	}
	raise_uidnext(x->m, hi);
	return 0;
}

/* Add to the tombstone of that commit. */
static int
gone_append(struct vdb_txn *t, uint32_t mailbox, uint64_t version, int64_t time,
    const struct vdb_gone *g, size_t n)
{
	struct vdb_key k = vdb_key_of(VDB_GONE, mailbox, version);
	struct view old = { 0 };
	AUTO_FREE uint8_t *p = NULL;
	int r = vdb_get(t, &k, &old);

	if (r == STORE_NOT_FOUND)
		old = (struct view){ (uint8_t *)&time, sizeof time };
	else if (r != 0)
		return r;
	p = xmalloc(old.n + n * sizeof *g);
	memcpy(p, old.p, old.n);
	memcpy(p + old.n, g, n * sizeof *g);
	return vdb_put(t, &k, (struct view){ p, old.n + n * sizeof *g });
}

int
vdb_rows_remove(struct vdb_txn *t, struct vdb_mailbox *m,
    const struct uid_run *runs, size_t n, uint64_t version, int64_t time,
    struct uidruns *gone)
{
	struct removal x = { .t = t, .m = m, .present = gone };
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = remove_run(&x, runs[i].lo, runs[i].hi);
	if (r == 0 && x.n > 0) {
		raise_modseq(m, version);
		r = gone_append(t, m->row.id, version, time, x.gone, x.n);
	}
	if (m->row.unseen == 0) {
		m->row.first_unseen = 0;
		m->unseen_moved = false;
	}
	free(x.gone);
	return r;
}

/* --- tombstones --- */

struct each_gone {
	vdb_gone_fn *fn;
	void *ctx;
};

static bool
gone_parse(struct view value, int64_t *time, struct vdb_gone **g, size_t *n)
{
	if (value.n < 8 || (value.n - 8) % sizeof **g != 0)
		return false;
	memcpy(time, value.p, 8);
	*n = (value.n - 8) / sizeof **g;
	*g = xmalloc(value.n - 8 + 1); /* aligned */
	memcpy(*g, value.p + 8, value.n - 8);
	return true;
}

static int
each_gone(void *ctx, struct view key, struct view value)
{
	const struct each_gone *e = ctx;
	AUTO_FREE struct vdb_gone *g = NULL;
	size_t n;
	int64_t time;

	if (key.n != 13 || !gone_parse(value, &time, &g, &n))
		return -ESTALE;
	return e->fn(
	    e->ctx, bytes_get32(key.p + 1), bytes_get64(key.p + 5), time, g, n);
}

int
vdb_gone(struct vdb_txn *t, uint32_t mailbox, uint64_t since, vdb_gone_fn *fn,
    void *ctx)
{
	struct vdb_key k = vdb_key_of(VDB_GONE, mailbox, since + 1);
	struct each_gone e = { .fn = fn, .ctx = ctx };

	return vdb_walk(t, &k, 5, each_gone, &e);
}

int
vdb_gone_all(struct vdb_txn *t, vdb_gone_fn *fn, void *ctx)
{
	struct vdb_key k = vdb_key(VDB_GONE);
	struct each_gone e = { .fn = fn, .ctx = ctx };

	return vdb_walk(t, &k, 1, each_gone, &e);
}

int
vdb_gone_forget(struct vdb_txn *t, uint32_t mailbox, uint64_t version)
{
	struct vdb_key k = vdb_key_of(VDB_GONE, mailbox, version);
	struct vdb_mailbox *m;
	struct vdb_block *b;
	AUTO_FREE struct vdb_gone *g = NULL;
	struct view v;
	size_t n;
	int64_t time;
	int r;

	if ((r = vdb_gone_flush(t)) != 0 || (r = vdb_get(t, &k, &v)) != 0)
		return r;
	if (!gone_parse(v, &time, &g, &n))
		return -ESTALE;
	for (size_t i = 0; i < n; i++) {
		for (uint32_t w = g[i].lo / 64; w <= g[i].hi / 64; w++) {
			if ((r = vdb_block(t, mailbox, w / 64, &b)) != 0)
				return r;
			b->bits.gone[w % 64] &=
			    ~range_mask(w * 64, g[i].lo, g[i].hi);
			b->is_dirty = true;
		}
	}
	if ((r = vdb_mailbox_change(t, mailbox, &m)) != 0)
		return r;
	if (version > m->floor)
		m->floor = version;
	return vdb_del(t, &k);
}

/* --- scanning --- */

static int
scan_block(struct vdb_txn *t, struct vdb_block *b, struct uid_run run,
    vdb_chunk_fn *fn, void *ctx)
{
	uint32_t base = b->block * VDB_BLOCK;
	uint32_t w = run.lo > base ? (run.lo - base) / 64 : 0;
	uint32_t end = run.hi - base < VDB_BLOCK ? (run.hi - base) / 64 : 63;
	struct vdb_chunk *c;
	uint64_t mask;
	int r;

	for (; w <= end; w++) {
		mask = b->bits.present[w];
		if (mask == 0)
			continue;
		mask &= range_mask(base + w * 64, run.lo, run.hi);
		if (mask == 0)
			continue;
		if ((r = vdb_chunk(t, b->mailbox, base / 64 + w, &c)) != 0)
			return r;
		if (c->n != (unsigned)__builtin_popcountll(b->bits.present[w]))
			return why(&t->why, -ESTALE, "view: chunk");
		if ((r = fn(ctx, b, c, mask)) != 0)
			return r;
	}
	return 0;
}

int
vdb_scan(struct vdb_txn *t, uint32_t mailbox, const struct uid_run *runs,
    size_t n, vdb_chunk_fn *fn, void *ctx)
{
	struct vdb_block *b;
	int r;

	for (size_t i = 0; i < n; i++) {
		uint32_t block = runs[i].lo / VDB_BLOCK;
		uint32_t end = runs[i].hi / VDB_BLOCK;

		for (; block <= end; block++) {
			r = vdb_block_next(t, mailbox, &block);
			if (r == STORE_NOT_FOUND)
				return 0;
			if (r != 0)
				return r;
			if (block > end)
				break;
			if ((r = vdb_block(t, mailbox, block, &b)) != 0 ||
			    (r = scan_block(t, b, runs[i], fn, ctx)) != 0)
				return r;
		}
	}
	return 0;
}

struct rows_out {
	uint32_t lo, hi;
	struct message_row *out;
	size_t max, n;
};

static void
row_out(const uint8_t *p, struct message_row *out)
{
	struct vdb_row row;

	memcpy(&row, p, sizeof row);
	/* One by one: a struct's padding stays as the caller has it. */
	out->uid = row.uid;
	out->size = row.size;
	out->modseq = row.modseq;
	out->body = row.body;
	out->date = row.date;
	out->saved = row.saved;
	out->zone = row.zone;
	out->flags.keywords[0] = row.keywords[0];
	out->flags.keywords[1] = row.keywords[1];
	out->flags.system = row.system;
}

static int
rows_out(void *ctx, struct view key A_UNUSED, struct view value)
{
	struct rows_out *x = ctx;

	for (size_t i = 0; i + sizeof(struct vdb_row) <= value.n;
	     i += sizeof(struct vdb_row)) {
		uint32_t uid;

		memcpy(&uid, value.p + i, 4);
		if (uid < x->lo)
			continue;
		if (uid > x->hi || x->n == x->max)
			return 1;
		row_out(value.p + i, &x->out[x->n++]);
	}
	return x->n == x->max;
}

int
vdb_rows(struct vdb_txn *t, uint32_t mailbox, uint32_t lo, uint32_t hi,
    struct message_row *out, size_t max, size_t *n)
{
	struct vdb_key k = vdb_key_in(VDB_ROWS, mailbox, lo / VDB_CHUNK);
	struct rows_out x = { lo, hi, out, max, 0 };
	int r = 0;

	if (max > 0)
		r = vdb_walk(t, &k, 5, rows_out, &x);
	*n = x.n;
	return r < 0 ? r : 0;
}

static int
uids_out(void *ctx, struct view key, struct view value)
{
	uint32_t base = bytes_get32(key.p + 5) * VDB_BLOCK;
	struct vdb_bits bits;

	if (!bits_load(&bits, value))
		return -ESTALE;
	if (bits.count == 0)
		return 0;
	for (uint32_t w = 0; w < VDB_BLOCK / 64; w++, base += 64) {
		uint64_t left = bits.present[w];

		while (left != 0) {
			unsigned i = (unsigned)__builtin_ctzll(left);
			uint64_t rest = ~(left >> i);
			unsigned len =
			    rest == 0 ? 64 : (unsigned)__builtin_ctzll(rest);

			uidruns_add(ctx, base + i, base + i + len - 1);
			if (i + len >= 64)
				break;
			left &= ~0ull << (i + len);
		}
	}
	return 0;
}

int
vdb_uids(struct vdb_txn *t, uint32_t mailbox, struct uidruns *out)
{
	struct vdb_key k = vdb_key_in(VDB_BLOCK_, mailbox, 0);

	return vdb_walk(t, &k, 5, uids_out, out);
}

struct changed_out {
	uint64_t since;
	struct uidruns *out;
};

static int
changed_out(void *ctx, struct view key A_UNUSED, struct view value)
{
	const struct changed_out *x = ctx;

	for (size_t i = 0; i + sizeof(struct vdb_row) <= value.n;
	     i += sizeof(struct vdb_row)) {
		struct vdb_row row;

		memcpy(&row, value.p + i, sizeof row);
		if (row.modseq > x->since)
			uidruns_add(x->out, row.uid, row.uid);
	}
	return 0;
}

int
vdb_uids_changed(
    struct vdb_txn *t, uint32_t mailbox, uint64_t since, struct uidruns *out)
{
	struct vdb_key k = vdb_key_in(VDB_ROWS, mailbox, 0);
	struct changed_out x = { since, out };

	return vdb_walk(t, &k, 5, changed_out, &x);
}
