#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/tx_inside.h"

/* Changes of messages. */

static int
find_body(struct tx *t, uint64_t number, uint32_t *size)
{
	struct vdb_body slot;
	int r;

	for (size_t i = t->n_bodies; i-- > 0;) {
		if (t->body[i].number == number) {
			*size = t->body[i].slot.size;
			return 0;
		}
	}
	if ((r = vdb_bodies(t->t, &number, 1, &slot)) != 0)
		return r;
	*size = slot.size;
	return slot.segment != 0 ? 0 : STORE_NOT_FOUND;
}

static void
splice(struct tx *t, struct view octets)
{
	t->splice = xrealloc(t->splice, t->n_splices + 1, sizeof *t->splice);
	t->splice[t->n_splices++] = (struct tx_splice){ t->records.n, octets };
	t->spliced += octets.n;
}

void
tx_put_body(struct tx *t, const struct record_body *r, struct spool *s)
{
	t->body = xrealloc(t->body, t->n_bodies + 1, sizeof *t->body);
	t->body[t->n_bodies++] = (struct tx_new_body){
		.number = r->number,
		.at = t->records.n + t->spliced + RECORD_FRAME,
		.spool = s,
		.slot = { .summary = (uint32_t)r->summary.n,
		    .size = (uint32_t)r->size,
		    .in_file = r->in_file },
	};
	record_body_head_put(&t->records, r);
	tx_counted(t);
	if (r->octets.n > 0)
		splice(t, r->octets);
}

int
tx_body(struct tx *t, struct spool *s, uint64_t *body)
{
	struct vdb_state *state = vdb_state(t->t);
	struct record_body r = {
		.number = state->next_body,
		.size = spool_size(s),
		.summary = spool_summary(s),
		.in_file = spool_in_file(s),
	};

	if (t->failed != 0)
		return t->failed;
	memcpy(r.digest, spool_digest(s), sizeof r.digest);
	if (!r.in_file)
		r.octets = spool_view(s);
	tx_put_body(t, &r, s);
	t->grows = true;
	*body = state->next_body++;
	return t->records.failed ? tx_failed(t, -EFBIG) : 0;
}

int
tx_selectable(struct tx *t, uint32_t id, struct vdb_mailbox **out)
{
	const struct vdb_mailbox *m;
	int r;

	if (t->failed != 0)
		return t->failed;
	if ((r = vdb_mailbox(t->t, id, &m)) != 0) {
		r = tx_failed(t, r);
		assert(r != 0);
		return r;
	}
	if (m->row.noselect)
		return STORE_NOSELECT;
	return tx_failed(t, vdb_mailbox_change(t->t, id, out));
}

/* Make room for one more entry in the batch, or begin another. */
static void
batch_for(struct tx *t, uint32_t mailbox, uint32_t uid)
{
	struct tx_batch *b = &t->batch;

	if (b->r.n > 0 && b->r.mailbox == mailbox &&
	    b->r.first + b->r.n == uid && b->end == t->records.n) {
		b->r.n++;
		return;
	}
	b->r = (struct record_message){
		.version = t->version,
		.mailbox = mailbox,
		.first = uid,
		.saved = (uint32_t)t->now,
		.n = 1,
	};
	b->at = record_message_open(&t->records, &b->r);
	tx_counted(t);
}

/* The number of entries stands before them. */
static void
batch_close(struct tx *t)
{
	struct tx_batch *b = &t->batch;
	size_t at = b->at + RECORD_FRAME + 20;

	if (t->records.failed)
		return;
	for (unsigned i = 0; i < 4; i++)
		t->records.p[at + i] = (uint8_t)(b->r.n >> (24 - 8 * i));
	record_close(&t->records, b->at);
	b->end = t->records.n;
}

static bool
has_state(const struct vdb_row *row)
{
	return row->system != 0 || row->keywords[0] != 0 ||
	    row->keywords[1] != 0;
}

int
tx_add_row(struct tx *t, struct vdb_mailbox *m, const struct vdb_row *row)
{
	batch_for(t, m->row.id, row->uid);
	record_entry_put(&t->records,
	    &(struct record_entry){
		.body = row->body,
		.date = row->date,
		.size = row->size,
		.zone = row->zone,
	    });
	batch_close(t);
	if (has_state(row))
		uidruns_add(
		    &tx_touch(t, m->row.id)->flagged, row->uid, row->uid);
	if (t->records.failed)
		return tx_failed(t, -EFBIG);
	return tx_failed(t, vdb_row_add(t->t, m, row, t->version));
}

#define SYSTEM_FLAGS                                                           \
	(STORE_SEEN | STORE_ANSWERED | STORE_FLAGGED | STORE_DELETED |         \
	    STORE_DRAFT)

int
tx_message(struct tx *t, uint32_t mailbox, uint64_t body,
    const struct store_flags *flags, int64_t date, int16_t zone, uint32_t *uid)
{
	struct vdb_mailbox *m;
	struct vdb_row row = {
		.modseq = t->version,
		.body = body,
		.date = date,
		.zone = zone,
		.saved = (uint32_t)t->now,
	};
	int r;

	if ((r = tx_selectable(t, mailbox, &m)) != 0)
		return r;
	if (m->row.uidnext == UINT32_MAX)
		return STORE_LIMIT;
	if ((r = find_body(t, body, &row.size)) != 0)
		return tx_failed(t, r);
	if (flags != NULL) {
		row.system = flags->system & SYSTEM_FLAGS;
		memcpy(row.keywords, flags->keywords, sizeof row.keywords);
	}
	*uid = row.uid = m->row.uidnext;
	t->grows = true;
	return tx_add_row(t, m, &row);
}

/* --- flags --- */

struct flagging {
	struct tx *t;
	struct vdb_mailbox *m;
	enum tx_flags_how how;
	struct store_flags flags;
	uint64_t unchanged_since;
	struct uidruns changed, modified;
};

static struct store_flags
combine(const struct flagging *f, const struct vdb_row *row)
{
	struct store_flags out = f->flags;

	switch (f->how) {
	case TX_FLAGS_SET:
		break;
	case TX_FLAGS_ADD:
		out.system |= row->system;
		out.keywords[0] |= row->keywords[0];
		out.keywords[1] |= row->keywords[1];
		break;
	case TX_FLAGS_REMOVE:
		out.system = row->system & ~f->flags.system;
		out.keywords[0] = row->keywords[0] & ~f->flags.keywords[0];
		out.keywords[1] = row->keywords[1] & ~f->flags.keywords[1];
		break;
	}
	return out;
}

static void
flag_row(
    struct flagging *f, struct vdb_block *b, struct vdb_chunk *c, uint32_t i)
{
	struct vdb_row *row = &c->row[i];
	struct store_flags now;

	if (f->unchanged_since != 0 && row->modseq > f->unchanged_since) {
		uidruns_add(&f->modified, row->uid, row->uid);
		return;
	}
	now = combine(f, row);
	if (now.system == row->system && now.keywords[0] == row->keywords[0] &&
	    now.keywords[1] == row->keywords[1])
		return;
	vdb_row_set(f->m, b, row, &now, f->t->version);
	c->is_dirty = true;
	uidruns_add(&f->changed, row->uid, row->uid);
}

static int
flag_chunk(void *ctx, struct vdb_block *b, struct vdb_chunk *c, uint64_t mask)
{
	uint64_t present = b->bits.present[c->chunk % 64];

	for (uint32_t i = 0; i < c->n; i++, present &= present - 1)
		if (mask & present & -present)
			flag_row(ctx, b, c, i);
	return 0;
}

int
tx_flags(struct tx *t, uint32_t mailbox, const struct uid_run *runs, size_t n,
    enum tx_flags_how how, const struct store_flags *flags,
    uint64_t unchanged_since, struct uid_run **changed, size_t *n_changed,
    struct uid_run **modified, size_t *n_modified)
{
	struct flagging f = { .t = t,
		.how = how,
		.flags = *flags,
		.unchanged_since = unchanged_since };
	struct uidruns *flagged;
	int r;

	*changed = *modified = NULL;
	*n_changed = *n_modified = 0;
	if ((r = tx_selectable(t, mailbox, &f.m)) != 0)
		return r;
	f.flags.system &= SYSTEM_FLAGS;
	r = vdb_scan(t->t, mailbox, runs, n, flag_chunk, &f);
	if (r == 0) {
		flagged = &tx_touch(t, mailbox)->flagged;
		for (size_t i = 0; i < f.changed.n; i++)
			uidruns_add(
			    flagged, f.changed.p[i].lo, f.changed.p[i].hi);
		*changed = uidruns_take(&f.changed, n_changed);
		*modified = uidruns_take(&f.modified, n_modified);
	}
	uidruns_fini(&f.changed);
	uidruns_fini(&f.modified);
	return tx_failed(t, r);
}

/* --- expunge and copy --- */

struct picking {
	bool only_deleted;
	struct vdb_row *row; /* NULL: only UIDs are wanted */
	size_t n, cap;
	struct uidruns uids;
};

static void
pick_row(struct picking *p, const struct vdb_row *row)
{
	if (p->only_deleted && (row->system & STORE_DELETED) == 0)
		return;
	uidruns_add(&p->uids, row->uid, row->uid);
	if (p->cap == 0)
		return;
	if (p->n == p->cap) {
		p->cap *= 2;
		p->row = xrealloc(p->row, p->cap, sizeof *p->row);
	}
	p->row[p->n++] = *row;
}

static int
pick(void *ctx, struct vdb_block *b, struct vdb_chunk *c, uint64_t mask)
{
	uint64_t present = b->bits.present[c->chunk % 64];

	for (uint32_t i = 0; i < c->n; i++, present &= present - 1)
		if (mask & present & -present)
			pick_row(ctx, &c->row[i]);
	return 0;
}

int
tx_remove(struct tx *t, uint32_t mailbox, const struct uidruns *uids)
{
	struct vdb_mailbox *m;
	int r;

	if (uids->n == 0)
		return 0;
	record_expunge_put(&t->records,
	    &(struct record_expunge){
		.version = t->version, .time = t->now, .mailbox = mailbox },
	    uids->p, uids->n);
	tx_counted(t);
	if ((r = vdb_mailbox_change(t->t, mailbox, &m)) == 0)
		r = vdb_rows_remove(
		    t->t, m, uids->p, uids->n, t->version, t->now, NULL);
	return tx_failed(t, r);
}

int
tx_expunge(struct tx *t, uint32_t mailbox, const struct uid_run *runs, size_t n,
    bool only_deleted, struct uid_run **gone, size_t *n_gone)
{
	struct picking p = { .only_deleted = only_deleted };
	struct vdb_mailbox *m;
	int r;

	*gone = NULL;
	*n_gone = 0;
	if ((r = tx_selectable(t, mailbox, &m)) != 0)
		return r;
	if (only_deleted && m->row.deleted == 0)
		return 0;
	r = vdb_scan(t->t, mailbox, runs, n, pick, &p);
	uidruns_normalise(&p.uids);
	if (r == 0)
		r = tx_remove(t, mailbox, &p.uids);
	if (r == 0)
		*gone = uidruns_take(&p.uids, n_gone);
	uidruns_fini(&p.uids);
	return tx_failed(t, r);
}

static int
copy_rows(struct tx *t, uint32_t target, struct picking *p, uint32_t *first)
{
	struct vdb_mailbox *m;
	int r = tx_selectable(t, target, &m);

	if (r != 0)
		return r;
	*first = m->row.uidnext;
	if (UINT32_MAX - m->row.uidnext < p->n)
		return STORE_LIMIT;
	for (size_t i = 0; i < p->n && r == 0; i++) {
		struct vdb_row *row = &p->row[i];

		row->uid = *first + (uint32_t)i;
		row->modseq = t->version;
		row->saved = (uint32_t)t->now;
		r = tx_add_row(t, m, row);
	}
	return r;
}

int
tx_copy(struct tx *t, uint32_t source, const struct uid_run *runs, size_t n,
    uint32_t target, bool move, struct uid_run **from, size_t *n_from,
    uint32_t *first)
{
	struct picking p = { .cap = 64 };
	struct vdb_mailbox *m;
	int r;

	*from = NULL;
	*n_from = 0;
	*first = 0;
	if ((r = tx_selectable(t, source, &m)) != 0)
		return r;
	p.row = xcalloc(p.cap, sizeof *p.row);
	r = vdb_scan(t->t, source, runs, n, pick, &p);
	if (r == 0)
		r = copy_rows(t, target, &p, first);
	uidruns_normalise(&p.uids);
	if (r == 0 && move)
		r = tx_remove(t, source, &p.uids);
	if (!move)
		t->grows = true;
	if (r == 0)
		*from = uidruns_take(&p.uids, n_from);
	uidruns_fini(&p.uids);
	free(p.row);
	return tx_failed(t, r);
}

int
tx_keyword(struct tx *t, struct view name, unsigned *number)
{
	struct vdb_state *s = vdb_state(t->t);
	int r;

	if (t->failed != 0)
		return t->failed;
	if (name.n == 0 || name.n > STORE_KEYWORD_MAX)
		return STORE_LIMIT;
	if ((r = keyword_find(t->t, name, number)) != STORE_NOT_FOUND)
		return tx_failed(t, r);
	if (s->keywords >= STORE_KEYWORDS_MAX)
		return STORE_LIMIT;
	*number = s->keywords;
	record_keyword_put(&t->records,
	    &(struct record_keyword){
		.version = t->version, .number = *number, .name = name });
	tx_counted(t);
	return tx_failed(t, vdb_keyword_put(t->t, *number, name));
}
