#include "store/tx.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/tx_inside.h"

/*
 * A change gathers its records and applies them to a writing transaction of the
 * view at once, so that later calls see earlier ones; the log is written at the
 * end, and only when that is durable does the view commit. Should the view fail
 * then, the change has taken place all the same: whoever looks next finds the
 * log beyond the view and applies it again.
 */

int
tx_failed(struct tx *t, int r)
{
	if (r == -ESTALE)
		t->a->is_suspect = true;
	if (r < 0 && t->failed == 0) {
		t->failed = r == -ESTALE ? -EIO : r;
		if (vdb_error(t->t)[0] != '\0')
			why(&t->a->why, r, "%s", vdb_error(t->t));
	}
	return r == -ESTALE ? -EIO : r;
}

struct vdb_txn *
tx_view(struct tx *t)
{
	return t->t;
}

int
tx_begin(struct account *a, struct tx **out)
{
	struct vdb_txn *v;
	struct tx *t;
	int r;

	assert(a->tx == NULL);
	*out = NULL;
	if ((r = account_write(a, ACCOUNT_LOCK_MS, &v)) != 0)
		return r;
	t = xcalloc(1, sizeof *t);
	t->a = a;
	t->t = v;
	t->version = vdb_state(v)->modseq + 1;
	t->now = clock_wall_s();
	buf_init(&t->records, TX_RECORDS_MAX);
	buf_init(&t->entries, TX_RECORDS_MAX);
	a->tx = t;
	*out = t;
	return 0;
}

static void
tx_free(struct tx **t)
{
	for (size_t i = 0; i < (*t)->n_mailboxes; i++)
		uidruns_fini(&(*t)->mailbox[i].flagged);
	free((*t)->mailbox);
	free((*t)->splice);
	free((*t)->body);
	buf_fini(&(*t)->records);
	buf_fini(&(*t)->entries);
	(*t)->a->tx = NULL;
	free(*t);
	*t = NULL;
}

void
tx_abort(struct tx **t)
{
	if (*t == NULL)
		return;
	struct account *a = (*t)->a;
	struct vdb_txn *v = (*t)->t;

	tx_free(t);
	if (account_write_end(a, v, false) != 0)
		return; /* it cannot: nothing is written */
}

struct tx_mailbox *
tx_touch(struct tx *t, uint32_t id)
{
	struct tx_mailbox *m;

	for (size_t i = t->n_mailboxes; i-- > 0;)
		if (t->mailbox[i].id == id)
			return &t->mailbox[i];
	t->mailbox =
	    xrealloc(t->mailbox, t->n_mailboxes + 1, sizeof *t->mailbox);
	m = &t->mailbox[t->n_mailboxes++];
	*m = (struct tx_mailbox){ .id = id };
	return m;
}

void
tx_counted(struct tx *t)
{
	t->count++;
}

/* --- what is written at the end --- */

/* Rows of a mailbox by their state. A bounded number of groups at a time: the
 * records speak of different UIDs, so their order does not matter. */
#define GROUPS_MAX 64

struct group {
	struct store_flags flags;
	struct uidruns runs;
};

struct grouping {
	struct tx *t;
	uint32_t mailbox;
	struct group group[GROUPS_MAX];
	size_t n, last;
};

static void
put_groups(struct grouping *g)
{
	struct buf *b = &g->t->records;
	size_t at;

	if (g->n == 0)
		return;
	at = record_state_open(b, g->t->version, g->mailbox);
	for (size_t i = 0; i < g->n; i++) {
		record_group_put(b, &g->group[i].flags, g->group[i].runs.p,
		    g->group[i].runs.n);
		uidruns_fini(&g->group[i].runs);
	}
	record_close(b, at);
	tx_counted(g->t);
	g->n = 0;
}

static bool
has_flags(const struct group *g, const struct vdb_row *row)
{
	return g->flags.system == row->system &&
	    g->flags.keywords[0] == row->keywords[0] &&
	    g->flags.keywords[1] == row->keywords[1];
}

static struct group *
group_of(struct grouping *g, const struct vdb_row *row)
{
	struct group *x;

	if (g->last < g->n && has_flags(&g->group[g->last], row))
		return &g->group[g->last];
	for (size_t i = 0; i < g->n; i++) {
		if (has_flags(&g->group[i], row)) {
			g->last = i;
			return &g->group[i];
		}
	}
	if (g->n == GROUPS_MAX)
		put_groups(g);
	g->last = g->n;
	x = &g->group[g->n++];
	memset(x, 0, sizeof *x);
	x->flags.system = row->system;
	memcpy(x->flags.keywords, row->keywords, sizeof row->keywords);
	return x;
}

static int
group_rows(void *ctx, struct vdb_block *b, struct vdb_chunk *c, uint64_t mask)
{
	struct grouping *g = ctx;
	uint64_t present = b->bits.present[c->chunk % 64];

	for (uint32_t i = 0; i < c->n; i++, present &= present - 1) {
		const struct vdb_row *row = &c->row[i];

		if (mask & present & -present)
			uidruns_add(
			    &group_of(g, row)->runs, row->uid, row->uid);
	}
	return 0;
}

static int
put_states(struct tx *t, struct tx_mailbox *m)
{
	struct grouping g = { .t = t, .mailbox = m->id };
	struct vdb_mailbox *box;
	int r;

	if (m->flagged.n == 0)
		return 0;
	uidruns_normalise(&m->flagged);
	r = vdb_scan(t->t, m->id, m->flagged.p, m->flagged.n, group_rows, &g);
	if (r != 0) {
		for (size_t i = 0; i < g.n; i++)
			uidruns_fini(&g.group[i].runs);
		return r;
	}
	put_groups(&g);
	if ((r = vdb_mailbox_change(t->t, m->id, &box)) != 0)
		return r;
	return vdb_changes_add(
	    t->t, box, t->version, m->flagged.p, m->flagged.n);
}

static int
put_mailbox(struct tx *t, uint32_t id)
{
	struct record_mailbox rec;
	struct vdb_mailbox *m;
	int r;

	if ((r = vdb_mailbox_change(t->t, id, &m)) != 0)
		return r;
	rec = tx_mailbox_record(t, m);
	record_mailbox_put(&t->records, &rec);
	tx_counted(t);
	return 0;
}

/* Its version tells whether it was touched before: none is written twice. */
int
tx_put_entry(
    struct tx *t, enum record_type type, const struct record_entry_kv *e)
{
	struct record_entry_kv old;
	int r = vdb_entry(t->t, type, e->key, &old);

	if (r < 0)
		return tx_failed(t, r);
	if (r == STORE_NOT_FOUND || old.version != t->version) {
		wire_put_u8(&t->entries, (uint8_t)type);
		wire_put_bytes(&t->entries, e->key);
	}
	return tx_failed(t, vdb_entry_put(t->t, type, e));
}

static int
put_entries(struct tx *t)
{
	struct wire w = wire_read(buf_view(&t->entries));
	struct record_entry_kv e;
	int r;

	while (w.ok && w.in.n > 0) {
		enum record_type type = (enum record_type)wire_u8(&w);
		struct view key = wire_bytes(&w, RECORD_KEY_MAX);

		r = vdb_entry(t->t, type, key, &e);
		if (r != 0)
			return r < 0 ? r : -EIO;
		record_kv_put(&t->records, type, &e);
		tx_counted(t);
	}
	return 0;
}

static int
put_counters(void *ctx, const struct vdb_mailbox *m)
{
	struct tx *t = ctx;

	record_counters_put(&t->records,
	    &(struct record_counters){
		.version = t->version,
		.mailbox = m->row.id,
		.uidnext = m->row.uidnext,
		.highestmodseq = m->row.highestmodseq,
		.floor = m->floor,
	    });
	tx_counted(t);
	return 0;
}

/* Once a segment, all numbers that must never be given twice: should a segment
 * be damaged, those behind it still know. */
static int
put_checkpoint(struct tx *t)
{
	struct vdb_state *s = vdb_state(t->t);
	int r;

	if (s->counted_in == s->tail.at.segment)
		return 0;
	s->counted_in = s->tail.at.segment;
	record_counters_put(&t->records,
	    &(struct record_counters){
		.version = t->version,
		.uidnext = s->next_mailbox,
		.highestmodseq = s->next_body,
		.floor = s->uidvalidity,
	    });
	tx_counted(t);
	r = vdb_mailboxes(t->t, put_counters, t);
	return r;
}

static int
put_rest(struct tx *t)
{
	int r;

	for (size_t i = 0; i < t->n_mailboxes; i++) {
		if (t->mailbox[i].is_changed &&
		    (r = put_mailbox(t, t->mailbox[i].id)) != 0)
			return r;
		if ((r = put_states(t, &t->mailbox[i])) != 0)
			return r;
	}
	if ((r = put_entries(t)) != 0)
		return r;
	if (t->count > 0 && (r = put_checkpoint(t)) != 0)
		return r;
	return t->records.failed || t->entries.failed ? -EFBIG : 0;
}

/* --- the commit --- */

static struct view *
make_parts(struct tx *t, size_t *n)
{
	struct view *parts = xcalloc(2 * t->n_splices + 1, sizeof *parts);
	struct view all = buf_view(&t->records);
	size_t at = 0;

	*n = 0;
	for (size_t i = 0; i < t->n_splices; i++) {
		const struct tx_splice *s = &t->splice[i];

		parts[(*n)++] = view_sub(all, at, s->at - at);
		parts[(*n)++] = s->octets;
		at = s->at;
	}
	if (at < all.n)
		parts[(*n)++] = view_sub(all, at, all.n - at);
	return parts;
}

static int
place_files(struct tx *t)
{
	int r;

	for (size_t i = 0; i < t->n_bodies; i++) {
		struct tx_new_body *b = &t->body[i];

		if (b->spool != NULL && b->slot.in_file &&
		    (r = spool_place(b->spool, b->number, &t->a->why)) != 0)
			return r;
	}
	return 0;
}

/* The numbers are free again as soon as the lock is: nothing of ours may bear
 * them then. */
static void
take_back_files(struct tx *t)
{
	for (size_t i = 0; i < t->n_bodies; i++)
		if (t->body[i].spool != NULL)
			spool_unplace(t->body[i].spool);
}

/* Nobody could say whether it took place: look. */
static int
find_out(struct tx *t, struct log_tail *tail, const uint8_t id[16], int err)
{
	struct log_tail now, found;
	int r = log_recover(t->a->log, tail, &now, &t->a->why);

	if (r == 0)
		r = log_find(t->a->log, tail, &now, id, &found, &t->a->why);
	return r == 0 ? 0 : err;
}

/* 0, and is_found when the view must be brought up by replay. */
static int
append(struct tx *t, struct log_position *first, bool *is_found)
{
	struct vdb_state *s = vdb_state(t->t);
	struct log_facts facts = { t->version, s->next_mailbox,
		s->uidvalidity };
	struct log_tail tail = s->tail;
	AUTO_FREE struct view *parts = NULL;
	uint8_t id[16];
	size_t n;
	int r;

	random_bytes(id, sizeof id);
	log_set_facts(t->a->log, &facts);
	parts = make_parts(t, &n);
	if (!t->grows)
		t->flags |= LOG_EMERGENCY;
	r = log_append(t->a->log, &tail, parts, n, t->count, t->version, id,
	    t->flags, first, &t->a->why);
	if (r == -ENOTRECOVERABLE) {
		*is_found = true;
		return find_out(t, &tail, id, r);
	}
	if (r == 0)
		s->tail = tail;
	return r;
}

static int
place_bodies(struct tx *t, struct log_position first)
{
	int r = 0;

	for (size_t i = 0; i < t->n_bodies && r == 0; i++) {
		struct tx_new_body *b = &t->body[i];

		b->slot.segment = (uint32_t)first.segment;
		b->slot.offset = first.offset + b->at;
		r = vdb_body_place(t->t, b->number, &b->slot);
	}
	return r;
}

static int
commit(struct tx *t, bool *keep)
{
	struct vdb_state *s = vdb_state(t->t);
	struct log_position first;
	bool is_found = false;
	int r;

	*keep = false;
	if ((r = put_rest(t)) != 0)
		return tx_failed(t, r);
	if (t->count == 0) {
		t->version = s->modseq;
		*keep = true;
		return 0;
	}
	s->modseq = t->version;
	if ((r = vdb_flush(t->t)) != 0)
		return tx_failed(t, r);
	if (t->grows && (r = vdb_reserve(t->t, &t->a->why)) != 0)
		return store_outcome(r);
	if ((r = place_files(t)) == 0)
		r = append(t, &first, &is_found);
	/* -ENOTRECOVERABLE: it may be in the log, so they stay */
	if (r != 0 && r != -ENOTRECOVERABLE)
		take_back_files(t);
	if (r != 0)
		return r;
	*keep = !is_found && place_bodies(t, first) == 0;
	return 0;
}

int
tx_commit(struct tx **tp, uint64_t *modseq)
{
	struct tx *t = *tp;
	struct account *a = t->a;
	struct vdb_txn *v = t->t;
	int r = t->failed;
	bool keep = false;

	if (r == 0)
		r = commit(t, &keep);
	*modseq = t->version;
	tx_free(tp);
	/* From here on a failure of the view is no failure of the change. */
	if (account_write_end(a, v, keep) != 0)
		return r;
	return r;
}
