#include "store/vdb_inside.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

/*
 * Records into the view. Replay and a running change go the same way, so what
 * is rebuilt cannot differ from what was there. Every function here gives the
 * same result for its records in any order and any number of times.
 */

static int
apply_body(struct vdb_txn *t, const struct log_record *r)
{
	struct record_body b;
	struct vdb_body slot;

	if (r->is_brief ? !record_body_head_read(r->payload, &b)
			: !record_body_read(r->payload, &b))
		return 0;
	slot = (struct vdb_body){
		.offset = r->at.offset,
		.segment = (uint32_t)r->at.segment,
		.summary = (uint32_t)b.summary.n,
		.size = (uint32_t)b.size,
		.in_file = b.in_file,
	};
	return vdb_body_place(t, b.number, &slot);
}

static int
apply_message(struct vdb_txn *t, struct view payload)
{
	struct record_message m;
	struct vdb_mailbox *box;
	int r;

	if (!record_message_read(payload, &m))
		return 0;
	if ((r = vdb_mailbox_change(t, m.mailbox, &box)) != 0)
		return r;
	for (uint32_t i = 0; i < m.n && r == 0; i++) {
		struct record_entry e = record_entry(&m, i);
		struct vdb_row row = {
			.uid = m.first + i,
			.size = e.size,
			.modseq = m.version,
			.body = e.body,
			.date = e.date,
			.saved = m.saved,
			.zone = e.zone,
		};

		/* its own record may be lost, another body must not pass for
		 * it */
		if (e.body >= t->state.next_body && e.body < UINT64_MAX)
			t->state.next_body = e.body + 1;
		r = vdb_row_add(t, box, &row, m.version);
	}
	return r;
}

struct state {
	struct vdb_mailbox *box;
	const struct store_flags *flags;
	uint64_t version;
};

static int
set_states(void *ctx, struct vdb_block *b, struct vdb_chunk *c, uint64_t mask)
{
	const struct state *s = ctx;
	uint64_t present = b->bits.present[c->chunk % 64];

	for (uint32_t i = 0; i < c->n; i++, present &= present - 1) {
		if ((mask & present & -present) == 0 ||
		    c->row[i].modseq > s->version)
			continue;
		vdb_row_set(s->box, b, &c->row[i], s->flags, s->version);
		c->is_dirty = true;
	}
	return 0;
}

/* The message is not there: gone, or still to come. */
static int
state_waits(struct vdb_txn *t, const struct state *s, uint32_t uid)
{
	struct vdb_pending p = { .version = s->version, .flags = *s->flags };
	struct vdb_key k = vdb_key_in(VDB_PENDING, s->box->row.id, uid);
	struct view old;
	int r;

	if ((r = vdb_get(t, &k, &old)) < 0)
		return r;
	if (r == STORE_NOT_FOUND) {
		t->state.pending++;
	} else {
		struct vdb_pending was;

		if (old.n != sizeof was)
			return -ESTALE;
		memcpy(&was, old.p, sizeof was);
		if (was.version > p.version)
			return 0;
	}
	return vdb_put(t, &k, (struct view){ (uint8_t *)&p, sizeof p });
}

static int
states_wait(struct vdb_txn *t, const struct state *s, struct uid_run run)
{
	struct vdb_block *b;
	int r;

	for (uint32_t uid = run.lo;; uid++) {
		uint64_t bit = 1ull << uid % 64;
		uint32_t w = uid / 64 % 64;

		if ((r = vdb_block(t, s->box->row.id, uid / VDB_BLOCK, &b)) !=
		    0)
			return r;
		if (((b->bits.present[w] | b->bits.gone[w]) & bit) == 0 &&
		    (r = state_waits(t, s, uid)) != 0)
			return r;
		if (uid == run.hi)
			return 0;
	}
}

static int
apply_state(struct vdb_txn *t, struct view payload)
{
	struct record_state rs;
	struct record_group g;
	struct uidruns changed = { 0 };
	struct state s;
	int r;

	if (!record_state_read(payload, &rs))
		return 0;
	if ((r = vdb_mailbox_change(t, rs.mailbox, &s.box)) != 0)
		return r;
	s.version = rs.version;
	while (r == 0 && record_state_next(&rs, &g)) {
		s.flags = &g.flags;
		for (uint32_t i = 0; i < g.n && r == 0; i++) {
			struct uid_run run = record_run(g.runs, i);

			uidruns_add(&changed, run.lo, run.hi);
			r = vdb_scan(t, rs.mailbox, &run, 1, set_states, &s);
			if (r == 0)
				r = states_wait(t, &s, run);
		}
	}
	uidruns_normalise(&changed);
	if (rs.version > s.box->row.highestmodseq)
		s.box->row.highestmodseq = rs.version;
	if (r == 0)
		r = vdb_changes_add(t, s.box, rs.version, changed.p, changed.n);
	uidruns_fini(&changed);
	return r;
}

static int
apply_expunge(struct vdb_txn *t, struct view payload)
{
	struct record_expunge e;
	struct vdb_mailbox *box;
	struct uidruns runs = { 0 };
	int r;

	if (!record_expunge_read(payload, &e))
		return 0;
	if ((r = vdb_mailbox_change(t, e.mailbox, &box)) != 0)
		return r;
	for (uint32_t i = 0; i < e.n; i++) {
		struct uid_run run = record_run(e.runs, i);

		uidruns_add(&runs, run.lo, run.hi);
	}
	if (e.version > box->row.highestmodseq)
		box->row.highestmodseq = e.version;
	r = vdb_rows_remove(t, box, runs.p, runs.n, e.version, e.time, NULL);
	uidruns_fini(&runs);
	return r;
}

static bool
has_name(const struct vdb_mailbox *m)
{
	return m->version != 0 && m->state != RECORD_MAILBOX_DELETED;
}

int
vdb_mailbox_put(struct vdb_txn *t, const struct record_mailbox *m)
{
	struct vdb_mailbox *box;
	int r;

	if (m->id >= t->state.next_mailbox)
		t->state.next_mailbox = m->id + 1;
	if (m->uidvalidity > t->state.uidvalidity)
		t->state.uidvalidity = m->uidvalidity;
	if ((r = vdb_mailbox_change(t, m->id, &box)) != 0)
		return r;
	if (m->version < box->version)
		return 0;
	if (has_name(box)) {
		t->state.mailboxes--;
		if ((r = vdb_child_del(t, box)) != 0)
			return r;
	}
	box->version = m->version;
	box->state = m->state;
	box->format = m->format;
	box->quota_root = m->quota_root;
	box->alias = m->alias;
	box->row.parent = m->parent;
	box->row.uidvalidity = m->uidvalidity;
	box->row.uses = m->uses;
	box->row.noselect = m->state == RECORD_MAILBOX_NOSELECT;
	box->name_n = (uint32_t)m->name.n;
	memmove(box->name, m->name.p, m->name.n); /* may be its own */
	if (!has_name(box))
		return 0;
	t->state.mailboxes++;
	return vdb_child_put(t, box);
}

static int
apply_mailbox(struct vdb_txn *t, struct view payload)
{
	struct record_mailbox m;

	return record_mailbox_read(payload, &m) ? vdb_mailbox_put(t, &m) : 0;
}

static int
apply_counters(struct vdb_txn *t, struct view payload)
{
	struct record_counters c;
	struct vdb_mailbox *box;
	int r;

	if (!record_counters_read(payload, &c))
		return 0;
	if (c.mailbox == 0) {
		if (c.uidnext > t->state.next_mailbox)
			t->state.next_mailbox = c.uidnext;
		if (c.highestmodseq > t->state.next_body)
			t->state.next_body = c.highestmodseq;
		if (c.floor > t->state.uidvalidity && c.floor <= UINT32_MAX)
			t->state.uidvalidity = (uint32_t)c.floor;
		return 0;
	}
	if ((r = vdb_mailbox_change(t, c.mailbox, &box)) != 0)
		return r;
	if (c.uidnext > box->row.uidnext)
		box->row.uidnext = c.uidnext;
	if (c.highestmodseq > box->row.highestmodseq)
		box->row.highestmodseq = c.highestmodseq;
	if (c.floor > box->floor)
		box->floor = c.floor;
	return 0;
}

static int
apply_keyword(struct vdb_txn *t, struct view payload)
{
	struct record_keyword k;

	if (!record_keyword_read(payload, &k))
		return 0;
	return vdb_keyword_put(t, k.number, k.name);
}

static int
apply_entry(struct vdb_txn *t, enum record_type type, struct view payload)
{
	struct record_entry_kv e;

	return record_kv_read(payload, &e) ? vdb_entry_put(t, type, &e) : 0;
}

static int
apply_drop(struct vdb_txn *t, struct view payload)
{
	uint64_t segment;

	return record_drop_read(payload, &segment)
	    ? vdb_drop_segment(t, segment)
	    : 0;
}

int
vdb_apply(struct vdb_txn *t, const struct log_record *r)
{
	if (r->modseq > t->state.modseq)
		t->state.modseq = r->modseq;
	switch ((enum record_type)r->type) {
	case RECORD_BODY:
		return apply_body(t, r);
	case RECORD_MESSAGE:
		return apply_message(t, r->payload);
	case RECORD_STATE:
		return apply_state(t, r->payload);
	case RECORD_EXPUNGE:
		return apply_expunge(t, r->payload);
	case RECORD_MAILBOX:
		return apply_mailbox(t, r->payload);
	case RECORD_ACL:
	case RECORD_METADATA:
	case RECORD_SUBSCRIPTION:
	case RECORD_SEEN:
		return apply_entry(t, (enum record_type)r->type, r->payload);
	case RECORD_KEYWORD:
		return apply_keyword(t, r->payload);
	case RECORD_COUNTERS:
		return apply_counters(t, r->payload);
	case RECORD_DROP:
		return apply_drop(t, r->payload);
	case RECORD_BEGIN:
	case RECORD_END:
	case RECORD_INTENT:
		break;
	}
	return 0; /* of a newer fumi, or nothing to the view */
}
