#include "store/compact.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/compact_inside.h"
#include "store/tx_inside.h"
#include "store/vdb_live.h"

/*
 * One segment at a time. It is sealed, so its records are listed without the
 * lock; under it each is judged by the view as it stands then, and copied when
 * it still says how something is. The copies keep their versions and the commit
 * takes no modseq, so nobody notices.
 *
 * Why nothing comes back to life: of a UID that is gone, at every moment the
 * last record in the order of the log is an EXPUNGE. Messages are copied only
 * while they are there, or, for those expunged of late, together with an
 * EXPUNGE behind them. So when the oldest segment of all goes, an EXPUNGE in it
 * has nothing left to outrank but what goes with it, or what has another
 * EXPUNGE behind it.
 */

struct item {
	uint64_t offset; /* of the payload */
	uint32_t n;      /* bytes of it */
	uint8_t type;
};

struct tombstone {
	uint32_t mailbox;
	uint64_t version;
};

struct compact {
	struct account *a;
	uint64_t segment;
	uint64_t size;   /* of it */
	uint64_t copied; /* bytes so far */
	bool is_oldest;
	struct item *item;
	size_t n, cap, at;
	struct vdb_live live; /* bodies that were wanted when it was chosen */
	int64_t young_since;
	struct tombstone *old; /* to be forgotten in the end */
	size_t n_old;
	uint64_t *file; /* bodies with files that nobody wants */
	size_t n_files;
};

void
compact_free(struct compact **c)
{
	if (*c == NULL)
		return;
	free((*c)->item);
	free((*c)->old);
	free((*c)->file);
	vdb_live_fini(&(*c)->live);
	free(*c);
	*c = NULL;
}

/* --- choosing --- */

struct weight {
	struct log_segment s;
	uint64_t wanted; /* bytes of wanted bodies in it */
	bool refused;
};

struct weighing {
	struct weight *w;
	size_t n;
	const struct vdb_live *live;
};

static int
weigh(void *ctx, uint64_t body, const struct vdb_body *b)
{
	struct weighing *x = ctx;

	if (!vdb_live_has(x->live, body))
		return 0;
	for (size_t i = x->n; i-- > 0;) {
		if (x->w[i].s.segment != b->segment)
			continue;
		x->w[i].wanted += RECORD_FRAME + RECORD_BODY_HEAD + b->summary +
		    (b->in_file ? 0 : b->size);
		break;
	}
	return 0;
}

static int
note(void *ctx, const struct log_record *r)
{
	struct compact *c = ctx;

	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 1024 : c->cap * 2;
		c->item = xrealloc(c->item, c->cap, sizeof *c->item);
	}
	c->item[c->n++] =
	    (struct item){ r->at.offset, (uint32_t)r->payload.n, r->type };
	return 0;
}

/* What would be copied of it, taking all but bodies and states as wanted. */
static uint64_t
cost(const struct compact *c, const struct weight *w)
{
	uint64_t sum = w->wanted;

	for (size_t i = 0; i < c->n; i++)
		if (c->item[i].type != RECORD_BODY &&
		    c->item[i].type != RECORD_STATE &&
		    c->item[i].type != RECORD_COUNTERS)
			sum += RECORD_FRAME + c->item[i].n;
	return sum;
}

static struct weight *
emptiest(struct weighing *x, uint64_t limit, bool force)
{
	struct weight *best = NULL;

	for (size_t i = 0; i + 1 < x->n; i++) {
		struct weight *w = &x->w[i];

		if (w->refused || w->s.segment >= limit ||
		    (!force &&
			w->wanted * 100 > w->s.size * COMPACT_FULL_PERCENT))
			continue;
		if (best == NULL ||
		    w->s.size - w->wanted > best->s.size - best->wanted)
			best = w;
	}
	return best;
}

/* The records of the best segment; STORE_NOT_FOUND when none is worth it. */
static int
choose_segment(struct compact *c, struct weighing *x, bool force)
{
	struct weight *w;
	size_t damaged;
	int r;

	while ((w = emptiest(x, c->a->compact_limit, force)) != NULL) {
		w->refused = true;
		c->n = 0;
		r = log_replay_segment(
		    c->a->log, w->s.segment, note, c, &damaged, &c->a->why);
		if (r != 0)
			return r;
		if (damaged > 0) /* what cannot be read is not thrown away */
			continue;
		if (cost(c, w) * 100 >
		    w->s.size * (force ? 100 : COMPACT_FULL_PERCENT))
			continue;
		c->segment = w->s.segment;
		c->size = w->s.size;
		c->is_oldest = w == x->w;
		return 0;
	}
	return STORE_NOT_FOUND;
}

static int
choose_among(struct compact *c, const struct log_segment *s, size_t n,
    struct vdb_txn *t, bool force)
{
	AUTO_FREE struct weight *w = xcalloc(n + 1, sizeof *w);
	struct weighing x = { .w = w, .n = n, .live = &c->live };
	int r;

	for (size_t i = 0; i < n; i++)
		w[i].s = s[i];
	if ((r = vdb_live_find(t, c->young_since, &c->live)) != 0)
		return r;
	r = vdb_bodies_all(t, weigh, &x);
	account_read_end(c->a, t);
	return r != 0 ? r : choose_segment(c, &x, force);
}

static bool
is_worth(const struct vdb_state *s)
{
	uint64_t garbage =
	    s->body_bytes > s->row_bytes ? s->body_bytes - s->row_bytes : 0;

	return garbage >= COMPACT_WORTH && garbage >= s->body_bytes / 4;
}

/* What an earlier crash left is swept first: then DROP records themselves need
 * not be kept. */
static int
sweep(struct account *a)
{
	struct vdb_txn *t;
	int r;

	if ((r = account_write(a, ACCOUNT_LOCK_MS, &t)) != 0)
		return r;
	r = log_sweep(a->log, &vdb_state(t)->tail, &a->why);
	spool_sweep(a->log);
	return account_write_end(a, t, true) != 0 || r != 0 ? -EIO : 0;
}

static int
choose(struct compact *c, bool force)
{
	AUTO_FREE struct log_segment *s = NULL;
	struct vdb_txn *t;
	size_t n;
	int r;

	if ((r = account_read(c->a, &t)) != 0)
		return r;
	/* once begun, down to the last segment that is worth it */
	r = force || c->a->compact_limit != 0 || is_worth(vdb_state(t))
	    ? 0
	    : STORE_NOT_FOUND;
	account_read_end(c->a, t);
	if (r != 0 || (r = sweep(c->a)) != 0)
		return r;
	if ((r = log_segments(c->a->log, &s, &n, &c->a->why)) != 0)
		return r;
	if (n < 2)
		return STORE_NOT_FOUND;
	if (c->a->compact_limit == 0)
		c->a->compact_limit = s[n - 1].segment;
	if ((r = account_read(c->a, &t)) != 0)
		return r;
	r = choose_among(c, s, n, t, force);
	account_read_end(c->a, t);
	return r;
}

/* --- copying, under the lock --- */

struct copying {
	struct compact *c;
	struct tx *t;
	struct vdb_graves young; /* filled when first needed */
	bool has_young;
};

static void
put_raw(struct tx *t, uint8_t type, struct view payload)
{
	size_t at = record_open(&t->records, (enum record_type)type);

	buf_put(&t->records, payload);
	record_close(&t->records, at);
	tx_counted(t);
}

static int
copy_body(struct copying *x, const struct item *i, struct view payload)
{
	struct record_body b;
	struct vdb_body slot;
	int r;

	if (!record_body_read(payload, &b))
		return 0;
	if ((r = vdb_bodies(x->t->t, &b.number, 1, &slot)) != 0)
		return r;
	if (slot.segment != x->c->segment || slot.offset != i->offset)
		return 0;
	if (vdb_live_has(&x->c->live, b.number)) {
		tx_put_body(x->t, &b, NULL);
	} else if (b.in_file) {
		x->c->file =
		    xrealloc(x->c->file, x->c->n_files + 1, sizeof *x->c->file);
		x->c->file[x->c->n_files++] = b.number;
	}
	return 0;
}

static int
is_present(struct vdb_txn *t, uint32_t mailbox, uint32_t uid, bool *out)
{
	struct vdb_block *b;
	int r = vdb_block(t, mailbox, uid / VDB_BLOCK, &b);

	if (r == 0)
		*out = b->bits.present[uid / 64 % 64] >> uid % 64 & 1;
	return r;
}

/* An EXPUNGE behind copies of messages that are gone. */
struct burial {
	uint64_t version;
	int64_t time;
	struct uidruns uids;
};

static void
bury(struct tx *t, uint32_t mailbox, struct burial *b)
{
	if (b->uids.n > 0) {
		record_expunge_put(&t->records,
		    &(struct record_expunge){ .version = b->version,
			.time = b->time,
			.mailbox = mailbox },
		    b->uids.p, b->uids.n);
		tx_counted(t);
	}
	uidruns_fini(&b->uids);
}

struct run_out {
	size_t at; /* of the open record */
	struct record_message r;
};

static void
run_close(struct tx *t, struct run_out *o)
{
	size_t at = o->at + RECORD_FRAME + 20;

	if (o->r.n == 0 || t->records.failed)
		return;
	for (unsigned i = 0; i < 4; i++)
		t->records.p[at + i] = (uint8_t)(o->r.n >> (24 - 8 * i));
	record_close(&t->records, o->at);
	tx_counted(t);
	o->r.n = 0;
}

static void
run_add(
    struct tx *t, struct run_out *o, const struct record_message *m, uint32_t i)
{
	struct record_entry e = record_entry(m, i);

	if (o->r.n > 0 && o->r.first + o->r.n != m->first + i)
		run_close(t, o);
	if (o->r.n == 0) {
		o->r = *m;
		o->r.first = m->first + i;
		o->r.n = 0;
		o->at = record_message_open(&t->records, &o->r);
	}
	o->r.n++;
	record_entry_put(&t->records, &e);
}

static int
find_grave(struct copying *x, uint32_t mailbox, uint32_t uid,
    const struct vdb_grave **g)
{
	int r;

	if (!x->has_young) {
		r = vdb_graves_find(x->t->t, x->c->young_since, &x->young);
		if (r != 0)
			return r;
		x->has_young = true;
	}
	*g = vdb_grave_of(&x->young, mailbox, uid);
	return 0;
}

static int
copy_message(struct copying *x, struct view payload)
{
	struct record_message m;
	struct run_out o = { .r = { .n = 0 } };
	struct burial b = { 0 };
	const struct vdb_grave *g;
	bool present;
	int r = 0;

	if (!record_message_read(payload, &m))
		return 0;
	for (uint32_t i = 0; i < m.n && r == 0; i++) {
		uint32_t uid = m.first + i;

		r = is_present(x->t->t, m.mailbox, uid, &present);
		if (r != 0)
			break;
		if (present) {
			run_add(x->t, &o, &m, i);
			continue;
		}
		if ((r = find_grave(x, m.mailbox, uid, &g)) != 0 || g == NULL)
			continue;
		run_add(x->t, &o, &m, i);
		if (g->version != b.version) {
			run_close(x->t, &o);
			bury(x->t, m.mailbox, &b);
			b.version = g->version;
			b.time = g->time;
		}
		uidruns_add(&b.uids, uid, uid);
	}
	run_close(x->t, &o);
	bury(x->t, m.mailbox, &b);
	return r;
}

static int
still_so(struct vdb_txn *t, uint32_t mailbox, uint32_t uid, uint64_t version,
    bool *out)
{
	struct vdb_chunk *c;
	int r = is_present(t, mailbox, uid, out);

	if (r != 0 || !*out)
		return r;
	*out = false;
	if ((r = vdb_chunk(t, mailbox, uid / VDB_CHUNK, &c)) != 0)
		return r;
	for (uint32_t i = 0; i < c->n; i++)
		if (c->row[i].uid == uid)
			*out = c->row[i].modseq == version;
	return 0;
}

static int
copy_state(struct copying *x, struct view payload)
{
	struct record_state s;
	struct record_group g;
	size_t at = 0;
	bool open = false;
	int r = 0;

	if (!record_state_read(payload, &s))
		return 0;
	while (r == 0 && record_state_next(&s, &g)) {
		struct uidruns keep = { 0 };

		for (uint32_t i = 0; i < g.n && r == 0; i++) {
			struct uid_run run = record_run(g.runs, i);

			for (uint64_t u = run.lo; u <= run.hi && r == 0; u++) {
				bool so;

				r = still_so(x->t->t, s.mailbox, (uint32_t)u,
				    s.version, &so);
				if (r == 0 && so)
					uidruns_add(
					    &keep, (uint32_t)u, (uint32_t)u);
			}
		}
		if (keep.n > 0 && !open) {
			at = record_state_open(
			    &x->t->records, s.version, s.mailbox);
			open = true;
		}
		if (keep.n > 0)
			record_group_put(
			    &x->t->records, &g.flags, keep.p, keep.n);
		uidruns_fini(&keep);
	}
	if (open) {
		record_close(&x->t->records, at);
		tx_counted(x->t);
	}
	return r;
}

static int
copy_expunge(struct copying *x, struct view payload)
{
	struct compact *c = x->c;
	struct record_expunge e;

	if (!record_expunge_read(payload, &e))
		return 0;
	if (e.time >= c->young_since || !c->is_oldest) {
		put_raw(x->t, RECORD_EXPUNGE, payload);
		return 0;
	}
	c->old = xrealloc(c->old, c->n_old + 1, sizeof *c->old);
	c->old[c->n_old++] = (struct tombstone){ e.mailbox, e.version };
	return 0;
}

static int
copy_mailbox(struct copying *x, struct view payload)
{
	struct record_mailbox m;
	struct vdb_mailbox *box;
	int r;

	if (!record_mailbox_read(payload, &m))
		return 0;
	if ((r = vdb_mailbox_change(x->t->t, m.id, &box)) != 0)
		return r;
	if (box->version == m.version)
		put_raw(x->t, RECORD_MAILBOX, payload);
	return 0;
}

static int
copy_entry(struct copying *x, uint8_t type, struct view payload)
{
	struct record_entry_kv e, now;
	int r;

	if (!record_kv_read(payload, &e))
		return 0;
	r = vdb_entry(x->t->t, (enum record_type)type, e.key, &now);
	if (r < 0)
		return r;
	if (r == 0 && now.version == e.version && (e.set || !x->c->is_oldest))
		put_raw(x->t, type, payload);
	return 0;
}

static int
copy_item(struct copying *x, const struct item *i)
{
	struct log_position at = { x->c->segment, i->offset };
	struct view payload;
	int r = log_map(x->c->a->log, at, i->n, &payload, NULL, &x->c->a->why);

	if (r != 0)
		return r;
	switch ((enum record_type)i->type) {
	case RECORD_BODY:
		return copy_body(x, i, payload);
	case RECORD_MESSAGE:
		return copy_message(x, payload);
	case RECORD_STATE:
		return copy_state(x, payload);
	case RECORD_EXPUNGE:
		return copy_expunge(x, payload);
	case RECORD_MAILBOX:
		return copy_mailbox(x, payload);
	case RECORD_ACL:
	case RECORD_METADATA:
	case RECORD_SUBSCRIPTION:
	case RECORD_SEEN:
		return copy_entry(x, i->type, payload);
	case RECORD_COUNTERS: /* written anew in the end */
	case RECORD_DROP:     /* swept */
	case RECORD_BEGIN:
	case RECORD_END:
		return 0;
	case RECORD_KEYWORD:
	case RECORD_INTENT:
		break;
	}
	put_raw(x->t, i->type, payload); /* of a newer fumi too */
	return 0;
}

/* A change that takes no modseq. */
static int
begin_quiet(struct account *a, struct tx **t)
{
	int r = tx_begin(a, t);

	if (r == 0)
		(*t)->version = vdb_state((*t)->t)->modseq;
	return r;
}

static int
finish(struct tx **t, int r)
{
	uint64_t modseq;

	if (r == 0)
		return tx_commit(t, &modseq);
	r = tx_failed(*t, r);
	tx_abort(t);
	return r;
}

static int
copy_some(struct compact *c)
{
	struct copying x = { .c = c };
	uint64_t until, before = 0;
	int r = begin_quiet(c->a, &x.t);

	if (r != 0)
		return r;
	until = clock_mono_ms() + COMPACT_STEP_MS;
	for (; r == 0 && c->at < c->n; c->at++) {
		before = x.t->records.n + x.t->spliced;
		if (before >= COMPACT_STEP_BYTES || clock_mono_ms() >= until)
			break;
		r = copy_item(&x, &c->item[c->at]);
	}
	if (r == 0)
		c->copied += x.t->records.n + x.t->spliced;
	vdb_graves_fini(&x.young);
	r = finish(&x.t, r);
	log_release(c->a->log);
	return r;
}

/* --- dropping --- */

/* Not one wanted body may stand there any more. */
static int
check_empty(void *ctx, uint64_t body, const struct vdb_body *b)
{
	const struct compact *c = ctx;

	return b->segment == c->segment && vdb_live_has(&c->live, body) ? -EBUSY
									: 0;
}

static int
put_drop(struct compact *c, struct tx *t)
{
	int r;

	if ((r = vdb_bodies_all(t->t, check_empty, c)) != 0)
		return r;
	for (size_t i = 0; i < c->n_old; i++) {
		r = vdb_gone_forget(t->t, c->old[i].mailbox, c->old[i].version);
		if (r < 0)
			return r;
	}
	vdb_state(t->t)->counted_in = 0; /* COUNTERS go along */
	t->flags |= LOG_HAS_DROP;
	record_drop_put(&t->records, c->segment);
	tx_counted(t);
	return vdb_drop_segment(t->t, c->segment);
}

static int
drop(struct compact *c)
{
	struct account *a = c->a;
	struct tx *t;
	int r = begin_quiet(a, &t);

	if (r != 0)
		return r;
	if ((r = finish(&t, put_drop(c, t))) != 0)
		return r;
	if ((r = log_lock(a->log, ACCOUNT_LOCK_MS, &a->why)) != 0)
		return r;
	r = log_unlink(a->log, c->segment, &a->why);
	for (size_t i = 0; i < c->n_files && r == 0; i++)
		r = log_unlink_body(a->log, c->file[i], &a->why);
	log_unlock(a->log);
	return r;
}

/* --- running --- */

static int
start(struct account *a, bool force)
{
	struct compact *c = xcalloc(1, sizeof *c);
	int r;

	c->a = a;
	c->young_since = clock_wall_s() - (int64_t)a->options.keep_expunged;
	if ((r = choose(c, force)) != 0) {
		compact_free(&c);
		a->compact_limit = 0;
		a->compact_after = clock_mono_ms() + COMPACT_PAUSE_MS;
	}
	a->compact = c;
	return r;
}

static int
go_on(struct account *a, struct compact_done *d)
{
	struct compact *c = a->compact;
	int r;

	if (c->at < c->n) {
		r = copy_some(c);
	} else if ((r = drop(c)) == 0) {
		d->segments++;
		d->bytes += c->size;
		d->copied += c->copied;
		compact_free(&a->compact);
	}
	if (r != 0)
		compact_free(&a->compact);
	return r;
}

int
compact_run(struct account *a, unsigned budget_ms, bool force,
    struct compact_done *done)
{
	struct compact_done d = { 0 };
	uint64_t until = clock_mono_ms() + budget_ms;
	int r = 0;

	do {
		if (a->compact == NULL) {
			if (!force && clock_mono_ms() < a->compact_after)
				break;
			if ((r = start(a, force)) != 0)
				break;
		}
		r = go_on(a, &d);
	} while (r == 0 && clock_mono_ms() < until);
	d.more = r == 0 && a->compact_limit != 0;
	if (done != NULL)
		*done = d;
	return r == STORE_NOT_FOUND ? 0 : r;
}
