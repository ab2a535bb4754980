#include "store/account.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/compact_inside.h"
#include "store/inside.h"
#include "store/spool.h"
#include "store/tx.h"
#include "store/vdb.h"

/*
 * Bringing log and view together.
 *
 * A reader takes no lock: it looks at the view as it stands. Only when the log
 * is longer than what the view has applied does it try for the lock. If it gets
 * it, whoever wrote that died before applying it, and the reader does so now;
 * if not, somebody is in the middle of a commit that nobody was told about yet,
 * and the view as it stands is right.
 */

/* Records applied between two commits of a view that is being built. */
#define BUILD_STEP 20000

struct build {
	struct vdb_txn *t;
	struct why *w;
	unsigned left; /* until the next checkpoint; 0: never */
	struct store_log *log;
	uint64_t lost; /* log_lost() when last looked at */
};

struct ids {
	uint32_t *id;
	size_t n, cap;
};

static int
gather_id(void *ctx, const struct vdb_mailbox *m)
{
	struct ids *x = ctx;

	if (x->n == x->cap) {
		x->cap = x->cap == 0 ? 64 : x->cap * 2;
		x->id = xrealloc(x->id, x->cap, sizeof *x->id);
	}
	x->id[x->n++] = m->row.id;
	return 0;
}

/* At least as many numbers on; never so far that none are left. */
static uint32_t
leave_out(uint32_t next, uint64_t n)
{
	uint64_t room = (UINT32_MAX - next) / 2;

	return next + (uint32_t)(n < room ? n : room);
}

/* change() for each mailbox's row. */
static int
change_rows(struct vdb_txn *t,
    void (*change)(struct vdb_mailbox *m, uint64_t n), uint64_t n)
{
	struct ids x = { 0 };
	struct vdb_mailbox *m;
	int r = vdb_mailboxes(t, gather_id, &x);

	for (size_t i = 0; i < x.n && r == 0; i++) {
		r = vdb_mailbox_change(t, x.id[i], &m);
		if (r == 0)
			change(m, n);
	}
	free(x.id);
	return r;
}

static void
leave_out_uids(struct vdb_mailbox *m, uint64_t n)
{
	m->row.uidnext = leave_out(m->row.uidnext, n);
}

/* Which messages were recent is not in the log; after a rebuild none is. */
static void
none_recent(struct vdb_mailbox *m, uint64_t n)
{
	(void)n;
	m->row.recent_floor = m->row.uidnext;
}

/*
 * Part of the log could not be read: what stood there may have used numbers
 * that clients have seen, one for every LOSS bytes at most. They are left out,
 * at the place of the loss, so that each rebuild comes to the same; and the
 * next commit carries all counters, so that they need not be guessed again.
 */
#define LOSS RECORD_ENTRY
static int
heed_loss(struct build *b)
{
	struct vdb_state *s = vdb_state(b->t);
	uint64_t n, lost = log_lost(b->log);

	if (lost == b->lost)
		return 0;
	n = (lost - b->lost) / LOSS + 1;
	b->lost = lost;
	s->counted_in = 0;
	s->next_body += n;
	s->modseq += n;
	s->next_mailbox = leave_out(s->next_mailbox, n);
	return change_rows(b->t, leave_out_uids, n);
}

static int
build_record(void *ctx, const struct log_record *r)
{
	struct build *b = ctx;
	int err = heed_loss(b);

	if (err == 0)
		err = vdb_apply(b->t, r);
	if (err != 0)
		return why(b->w, err, "%s", vdb_error(b->t));
	if (b->left > 0 && --b->left == 0) {
		b->left = BUILD_STEP;
		return vdb_checkpoint(b->t, b->w);
	}
	return 0;
}

static void
heed_facts(struct account *a, struct vdb_state *s)
{
	struct log_facts f;

	log_get_facts(a->log, &f);
	if (f.modseq > s->modseq)
		s->modseq = f.modseq;
	if (f.mailbox > s->next_mailbox)
		s->next_mailbox = f.mailbox;
	if (f.uidvalidity > s->uidvalidity)
		s->uidvalidity = f.uidvalidity;
}

static int
note_damage(void *ctx, const struct log_damage *d)
{
	struct account *a = ctx;

	why(&a->notice, 0, "log/%016llx.seg: bytes %llu to %llu: %s",
	    (unsigned long long)d->segment, (unsigned long long)d->from,
	    (unsigned long long)d->to, d->text);
	return 1; /* one is enough, verify says all */
}

int
account_fill(
    struct account *a, struct vdb *v, const struct log_tail *to, bool whole)
{
	struct build b = { .w = &a->why, .left = BUILD_STEP, .log = a->log };
	struct vdb_state *s;
	size_t damaged = 0;
	int r;

	if ((r = vdb_begin(v, true, &b.t, &a->why)) != 0)
		return r;
	r = whole
	    ? log_replay(a->log, NULL, to, build_record, &b, &damaged, &a->why)
	    : log_replay_brief(a->log, to, build_record, &b, &damaged, &a->why);
	if (r == 0)
		r = heed_loss(&b);
	if (r == 0)
		r = change_rows(b.t, none_recent, 0);
	if (r == 0 && damaged > 0)
		(void)!log_check(a->log, to, note_damage, a, NULL);
	if (r != 0) {
		vdb_abort(b.t);
		return r;
	}
	s = vdb_state(b.t);
	s->tail = *to;
	if (to->modseq > s->modseq)
		s->modseq = to->modseq;
	heed_facts(a, s);
	return vdb_commit(b.t, &a->why);
}

/* Under the lock (or for oneself): everything the log says into an empty view.
 */
static int
build(struct account *a, struct vdb *v, const struct log_tail *was, bool whole)
{
	struct log_tail tail;
	int r = log_recover_after(a->log, was, &tail, &a->why);

	return r != 0 ? r : account_fill(a, v, &tail, whole);
}

/* Where a view stood: that much of the log was durable. *was is all 0 when it
 * does not say. */
static void
stood(struct vdb *v, struct log_tail *was)
{
	struct vdb_txn *t;
	struct why w;

	*was = (struct log_tail){ 0 };
	if (v == NULL || vdb_begin(v, false, &t, &w) != 0)
		return;
	*was = vdb_state(t)->tail;
	vdb_abort(t);
}

int
account_rebuild(struct account *a)
{
	struct log_tail was;
	struct vdb *v;
	int r;

	stood(a->vdb, &was);
	if ((r = vdb_create(a->dirfd, a->boot_id, &v, &a->why)) != 0)
		return r;
	if ((r = build(a, v, &was, false)) != 0 ||
	    (r = vdb_publish(v, &a->why)) != 0) {
		vdb_close(&v);
		return r;
	}
	if (a->vdb != NULL)
		vdb_supersede(a->vdb);
	vdb_close(&a->vdb);
	a->vdb = v;
	return 0;
}

/* In the same boot a log loses nothing by itself: somebody changed its files. */
static int
not_its_log(struct account *a, const struct log_tail *tail)
{
	why(&a->notice, 0,
	    "log/%016llx.seg: nothing ends at byte %llu any more",
	    (unsigned long long)tail->at.segment,
	    (unsigned long long)tail->at.offset);
	return why(&a->why, -ESTALE, "the view is of another log");
}

/* Open the named view if it may be used and is of this log. */
static int
open_view(struct account *a)
{
	struct vdb_txn *t;
	struct log_tail tail;
	int r;

	vdb_close(&a->vdb);
	if ((r = vdb_open(a->dirfd, a->boot_id, &a->vdb, &a->why)) != 0)
		return r;
	if ((r = vdb_begin(a->vdb, false, &t, &a->why)) == 0) {
		tail = vdb_state(t)->tail;
		vdb_abort(t);
		if (!log_is_end(a->log, &tail))
			r = not_its_log(a, &tail);
	}
	return r;
}

/* Under the lock: what the log has behind the view. */
static int
catch_up(struct account *a, struct vdb_txn *t)
{
	struct vdb_state *s = vdb_state(t);
	struct build b = { .t = t, .w = &a->why, .log = a->log };
	struct log_tail tail;
	int r;

	if ((r = log_recover(a->log, &s->tail, &tail, &a->why)) != 0)
		return r;
	if (tail.at.segment == s->tail.at.segment &&
	    tail.at.offset == s->tail.at.offset)
		return 0;
	r = log_replay(
	    a->log, &s->tail, &tail, build_record, &b, NULL, &a->why);
	if (r == -ENOENT)
		return -ESTALE;
	if (r == 0)
		r = heed_loss(&b);
	if (r != 0)
		return r;
	s->tail = tail;
	if (tail.modseq > s->modseq)
		s->modseq = tail.modseq;
	heed_facts(a, s);
	return 0;
}

static int
write_begin(struct account *a, struct vdb_txn **t)
{
	int r = -ESTALE;

	if (a->vdb == NULL || !vdb_is_current(a->vdb))
		r = open_view(a);
	else
		r = a->is_suspect ? -ESTALE : 0;
	a->is_suspect = false;
	for (int turn = 0; turn < 2; turn++) {
		if (r == -ESTALE && (r = account_rebuild(a)) != 0)
			return r;
		if (r != 0)
			return r;
		if ((r = vdb_begin(a->vdb, true, t, &a->why)) == 0) {
			if ((r = catch_up(a, *t)) == 0)
				return 0;
			vdb_abort(*t);
		}
		if (r != -ESTALE)
			return r;
	}
	return r;
}

int
account_write(struct account *a, unsigned timeout_ms, struct vdb_txn **t)
{
	int r;

	*t = NULL;
	if (a->options.read_only)
		return why(&a->why, -EROFS, "opened for reading only");
	if ((r = log_lock(a->log, timeout_ms, &a->why)) != 0)
		return r;
	if ((r = write_begin(a, t)) != 0) {
		*t = NULL;
		log_unlock(a->log);
	}
	return r == -ESTALE ? -EIO : store_outcome(r);
}

int
account_write_end(struct account *a, struct vdb_txn *t, bool commit)
{
	int r = 0;

	if (commit)
		r = vdb_commit(t, &a->why);
	else
		vdb_abort(t);
	log_unlock(a->log);
	log_index_ended(a->log);
	return store_outcome(r);
}

/* The view is behind the log or not usable. must: there is nothing else to
 * read. */
static int
refresh(struct account *a, bool must)
{
	struct vdb_txn *t;
	int r = account_write(a, must ? ACCOUNT_LOCK_MS : 0, &t);

	if (r == STORE_LOCKED && !must)
		return 0;
	if (r != 0)
		return r;
	return account_write_end(a, t, true);
}

int
account_read(struct account *a, struct vdb_txn **t)
{
	const struct vdb_state *s;
	int r = -ESTALE;
	bool late;

	*t = NULL;
	if (a->tx != NULL) {
		*t = tx_view(a->tx);
		return 0;
	}
	if (a->vdb != NULL)
		r = vdb_begin(a->vdb, false, t, &a->why);
	if (r == 0) {
		s = vdb_state(*t);
		if (s->is_superseded || a->is_suspect)
			r = -ESTALE;
		late = !a->options.read_only &&
		    log_may_have_grown(a->log, &s->tail);
		if (r == 0 && !late)
			return 0;
		vdb_abort(*t);
	}
	if (r != 0 && (r != -ESTALE || a->options.read_only))
		return r;
	late = r == 0;
	r = refresh(a, !late);
	/* No room to bring it up: better what it says than nothing. */
	if (r != 0 && !(r == STORE_FULL && late && a->vdb != NULL))
		return r;
	r = vdb_begin(a->vdb, false, t, &a->why);
	return r == -ESTALE ? -EIO : r;
}

void
account_read_end(struct account *a, struct vdb_txn *t)
{
	if (t == NULL || a->tx != NULL)
		return;
	/* A reading fails only on a view that contradicts itself. */
	if (vdb_error(t)[0] != '\0') {
		why(&a->why, -EIO, "%s", vdb_error(t));
		a->is_suspect = true;
	}
	vdb_abort(t);
}

/* --- opening --- */

/* For export: nothing but the log itself; the view only tells of losses. */
static int
open_private(struct account *a)
{
	struct log_tail was, tail;
	struct vdb *v;
	int r;

	/* what was seen before looking at the log cannot be ahead of it */
	if (vdb_open(a->dirfd, a->boot_id, &v, NULL) != 0)
		v = NULL;
	stood(v, &was);
	vdb_close(&v);
	if ((r = vdb_create_private(&a->vdb, &a->why)) != 0 ||
	    (r = build(a, a->vdb, NULL, true)) != 0)
		return r;
	stood(a->vdb, &tail);
	if (log_is_lost(&was, &tail))
		(void)!not_its_log(a, &was);
	return 0;
}

static int
open_shared(struct account *a)
{
	struct vdb_txn *t;
	int r = open_view(a);

	if (r != -ESTALE)
		return r;
	if ((r = account_write(a, ACCOUNT_LOCK_MS, &t)) != 0)
		return r;
	return account_write_end(a, t, true);
}

/* Every account has its INBOX; who finds it missing makes it. */
static int
make_inbox(struct account *a)
{
	const struct vdb_mailbox *m;
	struct vdb_txn *t;
	struct tx *tx;
	uint64_t modseq;
	int r;

	if ((r = account_read(a, &t)) != 0)
		return r;
	r = vdb_mailbox(t, 1, &m);
	account_read_end(a, t);
	if (r != STORE_NOT_FOUND || a->options.read_only)
		return r < 0 ? r : 0;
	if ((r = tx_begin(a, &tx)) != 0)
		return r;
	if ((r = tx_inbox(tx)) != 0) {
		tx_abort(&tx);
		return r;
	}
	return tx_commit(&tx, &modseq);
}

static int
open_all(struct account *a, bool create)
{
	unsigned flags = a->options.read_only ? LOG_READ_ONLY
	    : create                          ? LOG_CREATE
					      : 0;
	int r;

	if (a->options.boot_id != NULL)
		memcpy(a->boot_id, a->options.boot_id,
		    strnlen(a->options.boot_id, sizeof a->boot_id - 1));
	else if ((r = clock_boot_id(a->boot_id)) != 0)
		return why(&a->why, r, "read the boot id");
	if ((r = log_open(a->dirfd, flags, &a->log, &a->why)) != 0)
		return r;
	r = a->options.read_only ? open_private(a) : open_shared(a);
	return r != 0 ? r : make_inbox(a);
}

int
account_open(int dirfd, bool create, const struct account_options *o,
    struct account **out, struct why *w)
{
	struct account *a = xcalloc(1, sizeof *a);
	int r;

	a->dirfd = dirfd;
	if (o != NULL)
		a->options = *o;
	if (a->options.keep_expunged == 0)
		a->options.keep_expunged = ACCOUNT_KEEP_EXPUNGED;
	else if (a->options.keep_expunged == ACCOUNT_KEEP_NOTHING)
		a->options.keep_expunged = 0;
	if ((r = open_all(a, create)) != 0) {
		if (w != NULL)
			*w = a->why;
		account_close(&a);
	} else {
		a->options.boot_id = a->boot_id;
	}
	*out = a;
	return r;
}

void
account_close(struct account **a)
{
	if (*a == NULL)
		return;
	tx_abort(&(*a)->tx);
	compact_free(&(*a)->compact);
	vdb_close(&(*a)->vdb);
	log_close(&(*a)->log);
	free(*a);
	*a = NULL;
}

int
account_modseq(struct account *a, uint64_t *out)
{
	struct vdb_txn *t;
	int r;

	if ((r = account_read(a, &t)) != 0)
		return r;
	*out = vdb_state(t)->modseq;
	account_read_end(a, t);
	return 0;
}

bool
account_notice(struct account *a, struct why *out)
{
	if (a->notice.text[0] == '\0')
		return false;
	*out = a->notice;
	a->notice.text[0] = '\0';
	return true;
}

const char *
account_why(const struct account *a)
{
	return a->why.text;
}

int
account_settle(struct account *a)
{
	struct vdb_txn *t;
	int r;

	assert(a->tx == NULL);
	if ((r = account_write(a, ACCOUNT_LOCK_MS, &t)) != 0)
		return r;
	if ((r = vdb_commit(t, &a->why)) == 0)
		r = vdb_settle(a->vdb, &a->why);
	log_unlock(a->log);
	return r;
}

/* For spool.h, which knows only logs. */
int
spool_open(struct account *a, uint64_t size, struct spool **out)
{
	return spool_open_log(a->log, size, out);
}

/* --- keywords --- */

int
account_keyword_name(struct account *a, unsigned number, struct view *out)
{
	struct vdb_txn *t;
	struct view v;
	int r;

	if ((r = account_read(a, &t)) != 0)
		return r;
	r = vdb_keyword(t, number, &v);
	if (r == 0 && v.n <= sizeof a->keyword_name) {
		memcpy(a->keyword_name, v.p, v.n);
		*out = (struct view){ a->keyword_name, v.n };
	}
	account_read_end(a, t);
	return r;
}

int
keyword_find(struct vdb_txn *t, struct view name, unsigned *number)
{
	struct view v;
	int r;

	for (unsigned i = 0; i < vdb_state(t)->keywords; i++) {
		if ((r = vdb_keyword(t, i, &v)) < 0)
			return r;
		if (r == 0 && view_eq_ci(v, name)) {
			*number = i;
			return 0;
		}
	}
	return STORE_NOT_FOUND;
}

int
account_keyword_find(struct account *a, struct view name, unsigned *number)
{
	struct vdb_txn *t;
	int r;

	if ((r = account_read(a, &t)) != 0)
		return r;
	r = keyword_find(t, name, number);
	account_read_end(a, t);
	return r;
}
