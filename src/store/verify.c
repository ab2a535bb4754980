#include "store/verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/mem.h"
#include "store/inside.h"
#include "store/metadata_inside.h"
#include "store/vdb.h"
#include "store/vdb_live.h"

/*
 * All of it by plain reads, so that a bad disk is a finding. A copy of the view
 * is compared with one that is built beside it from the log alone, up to the
 * position at which the copy stands: so others may go on writing meanwhile, and
 * the lock is taken only to make good what was found. Only when a compaction
 * removed a segment in that time, all is done once more with the lock held.
 * What is found is therefore told at the end.
 */

#define PIECE 65536
#define ROWS 512

struct findings {
	struct verify_finding *p;
	size_t n, cap;
};

struct verify {
	struct account *a;
	struct findings found;
	bool repair;
	bool keeps_index; /* of a damaged segment */
	bool is_damaged; /* the log: what it does not say may have been in it */
	verify_fn *fn;
	void *ctx;
	struct verify_totals totals;
	struct vdb_txn *seen;  /* the view as it is */
	struct vdb_txn *fresh; /* as the log says */
	bool differs;
	uint8_t piece[PIECE];
	struct message_row got[ROWS], want[ROWS];
};

static int finding(struct verify *v, enum verify_kind kind, bool repaired,
    const char *fmt, ...) A_PRINTF(4, 5);

static int
finding(struct verify *v, enum verify_kind kind, bool repaired, const char *fmt,
    ...)
{
	struct verify_finding f = { .kind = kind, .is_repaired = repaired };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.text, sizeof f.text, fmt, ap);
	va_end(ap);
	v->totals.findings++;
	v->totals.repaired += repaired;
	if (v->found.n == VERIFY_TOLD_MAX)
		return 0;
	if (v->found.n == v->found.cap) {
		v->found.cap = v->found.cap == 0 ? 16 : v->found.cap * 2;
		v->found.p =
		    xrealloc(v->found.p, v->found.cap, sizeof *v->found.p);
	}
	v->found.p[v->found.n++] = f;
	return 0;
}

static int
log_damage(void *ctx, const struct log_damage *d)
{
	struct verify *v = ctx;

	v->is_damaged = true;
	if (d->to == 0)
		return finding(v, VERIFY_LOG, false, "log/%016llx.seg: %s",
		    (unsigned long long)d->segment, d->text);
	return finding(v, VERIFY_LOG, false,
	    "log/%016llx.seg: bytes %llu to %llu: %s",
	    (unsigned long long)d->segment, (unsigned long long)d->from,
	    (unsigned long long)d->to, d->text);
}

/* A view built anew has what a kept index says and its segment no longer. */
static bool
can_mend(const struct verify *v)
{
	return v->repair && !v->keeps_index;
}

/* --- bodies --- */

static int
read_piece(struct verify *v, uint64_t body, const struct vdb_body *b,
    uint64_t at, size_t n)
{
	struct log_position p = { b->segment,
		b->offset + RECORD_BODY_HEAD + b->summary + at };

	if (b->in_file)
		return log_read_body(
		    v->a->log, body, at, v->piece, n, &v->a->why);
	return log_read(v->a->log, p, v->piece, n, &v->a->why);
}

static int
check_body(void *ctx, uint64_t body, const struct vdb_body *b)
{
	struct verify *v = ctx;
	struct log_position p = { b->segment, b->offset + 8 };
	uint8_t want[DIGEST_SHA256_SIZE], got[DIGEST_SHA256_SIZE];
	struct digest_sha256 sum;
	int r = log_read(v->a->log, p, want, sizeof want, &v->a->why);

	v->totals.bodies++;
	v->totals.octets += b->size;
	digest_sha256_init(&sum);
	for (uint64_t at = 0; at < b->size && r == 0; at += PIECE) {
		size_t n = b->size - at < PIECE ? b->size - at : PIECE;

		if ((r = read_piece(v, body, b, at, n)) == 0)
			digest_sha256_add(&sum, (struct view){ v->piece, n });
	}
	digest_sha256_end(&sum, got);
	if (r == 0 && memcmp(got, want, sizeof got) == 0)
		return 0;
	return finding(v, VERIFY_BODY, false, "body %llu (%s%u, byte %llu): %s",
	    (unsigned long long)body,
	    b->in_file ? "log/body, segment " : "segment ", b->segment,
	    (unsigned long long)b->offset,
	    r == 0 ? "its digest is another" : v->a->why.text);
}

/* --- mailboxes --- */

static int
differ(struct verify *v, uint32_t mailbox, const char *what, uint64_t got,
    uint64_t want)
{
	if (got == want)
		return 0;
	v->differs = true;
	return finding(v, VERIFY_VIEW, can_mend(v),
	    "mailbox %u: the view says %s %llu, the log %llu", mailbox, what,
	    (unsigned long long)got, (unsigned long long)want);
}

static int
compare_mailbox(
    struct verify *v, const struct vdb_mailbox *x, const struct vdb_mailbox *y)
{
	const struct mailbox_row *g = &x->row, *w = &y->row;
	uint32_t id = g->id;
	int r;

	if ((r = differ(v, id, "MESSAGES", g->messages, w->messages)) != 0 ||
	    (r = differ(v, id, "UIDNEXT", g->uidnext, w->uidnext)) != 0 ||
	    (r = differ(
		 v, id, "UIDVALIDITY", g->uidvalidity, w->uidvalidity)) != 0 ||
	    (r = differ(v, id, "UNSEEN", g->unseen, w->unseen)) != 0 ||
	    (r = differ(v, id, "DELETED", g->deleted, w->deleted)) != 0 ||
	    (r = differ(v, id, "SIZE", g->size, w->size)) != 0 ||
	    (r = differ(v, id, "first unseen", g->first_unseen,
		 w->first_unseen)) != 0 ||
	    (r = differ(v, id, "HIGHESTMODSEQ", g->highestmodseq,
		 w->highestmodseq)) != 0 ||
	    (r = differ(v, id, "parent", g->parent, w->parent)) != 0)
		return r;
	return differ(v, id, "state", x->state, y->state);
}

static int
check_message(struct verify *v, uint32_t mailbox, const struct message_row *m)
{
	struct vdb_body b;
	int r = vdb_bodies(v->fresh, &m->body, 1, &b);

	v->totals.messages++;
	if (r != 0 || (b.segment != 0 && b.size == m->size))
		return r;
	return finding(v, VERIFY_MESSAGE, false,
	    "mailbox %u UID %u: body %llu %s", mailbox, m->uid,
	    (unsigned long long)m->body,
	    b.segment == 0 ? "is not there" : "has another size");
}

static int
compare_rows(struct verify *v, uint32_t id)
{
	struct message_row *got = v->got, *want = v->want;
	uint32_t next = 1;
	size_t n, m;
	int r;

	do {
		if ((r = vdb_rows(
			 v->seen, id, next, UINT32_MAX, got, ROWS, &n)) != 0 ||
		    (r = vdb_rows(
			 v->fresh, id, next, UINT32_MAX, want, ROWS, &m)) != 0)
			return r;
		for (size_t i = 0; i < m && r == 0; i++)
			r = check_message(v, id, &want[i]);
		if (r == 0 &&
		    (n != m || memcmp(got, want, n * sizeof *got) != 0))
			return differ(
			    v, id, "other messages from UID", next, 0);
		next = m > 0 ? want[m - 1].uid + 1 : 0;
	} while (r == 0 && m == ROWS && next != 0);
	return r;
}

static int
check_mailbox(void *ctx, const struct vdb_mailbox *want)
{
	struct verify *v = ctx;
	const struct vdb_mailbox *got;
	uint32_t id = want->row.id;
	int r;

	if (want->version == 0 || want->state == RECORD_MAILBOX_DELETED)
		return 0;
	v->totals.mailboxes++;
	r = vdb_mailbox(v->seen, id, &got);
	if (r == STORE_NOT_FOUND)
		return differ(v, id, "existing", 0, 1);
	if (r != 0 || (r = compare_mailbox(v, got, want)) != 0)
		return r;
	return compare_rows(v, id);
}

/* Something the log does not know. */
static int
check_surplus(void *ctx, const struct vdb_mailbox *got)
{
	struct verify *v = ctx;
	const struct vdb_mailbox *want;
	int r;

	if (got->version == 0 || got->state == RECORD_MAILBOX_DELETED)
		return 0;
	r = vdb_mailbox(v->fresh, got->row.id, &want);
	return r == STORE_NOT_FOUND ? differ(v, got->row.id, "existing", 1, 0)
				    : r;
}

/* --- keywords, entries under a key --- */

static const char *
entry_name(enum record_type type)
{
	static const char *const names[] = {
		[RECORD_ACL] = "right",
		[RECORD_METADATA] = "annotation",
		[RECORD_SUBSCRIPTION] = "subscription",
		[RECORD_SEEN] = "other's \\Seen",
	};

	return names[type];
}

struct entries {
	struct verify *v;
	enum record_type type;
	struct vdb_txn *other; /* has the entry too, or not */
	const char *text;      /* when not */
};

/* The key as people can read it. */
#define KEY_TEXT 240
static void
key_text(enum record_type type, struct view key, char out[KEY_TEXT])
{
	struct metadata_name name;
	char where[40] = "";

	if (type == RECORD_METADATA && metadata_key_read(key, &name)) {
		key = name.entry;
		if (name.mailbox != 0)
			snprintf(where, sizeof where, " of mailbox %u",
			    name.mailbox);
	}
	snprintf(out, KEY_TEXT, "%.*s%s", key.n < 190 ? (int)key.n : 190,
	    (const char *)key.p, where);
}

static int
check_entry(void *ctx, const struct record_entry_kv *e)
{
	struct entries *x = ctx;
	struct record_entry_kv other;
	int r = vdb_entry(x->other, x->type, e->key, &other);
	char key[KEY_TEXT];

	if (r < 0 || (r == 0 && other.set && view_eq(other.value, e->value)))
		return r;
	x->v->differs = true;
	key_text(x->type, e->key, key);
	return finding(x->v, VERIFY_VIEW, can_mend(x->v), "%s %s: %s",
	    entry_name(x->type), key, x->text);
}

static int
check_entries(struct verify *v)
{
	static const enum record_type types[] = { RECORD_ACL, RECORD_METADATA,
		RECORD_SUBSCRIPTION, RECORD_SEEN };
	int r = 0;

	for (size_t i = 0; i < sizeof types / sizeof types[0] && r == 0; i++) {
		struct entries want = { v, types[i], v->seen,
			"the view has another than the log, or none" };
		struct entries got = { v, types[i], v->fresh,
			"the log has another than the view, or none" };

		r = vdb_entries(v->fresh, types[i], check_entry, &want);
		if (r == 0)
			r = vdb_entries(v->seen, types[i], check_entry, &got);
	}
	return r;
}

static int
check_keywords(struct verify *v)
{
	unsigned n = vdb_state(v->fresh)->keywords;
	int r = 0;

	if (vdb_state(v->seen)->keywords > n)
		n = vdb_state(v->seen)->keywords;
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct view got = { NULL, 0 }, want = { NULL, 0 };
		int have = vdb_keyword(v->seen, i, &got);
		int log = vdb_keyword(v->fresh, i, &want);

		if (have < 0 || log < 0)
			return have < 0 ? have : log;
		if (have == log && view_eq(got, want))
			continue;
		v->differs = true;
		r = finding(v, VERIFY_VIEW, can_mend(v),
		    "keyword %u: the view says \"%.*s\", the log \"%.*s\"", i,
		    (int)got.n, (const char *)got.p, (int)want.n,
		    (const char *)want.p);
	}
	return r;
}

/* --- leftovers --- */

/* A body that is arriving has a number that the view had not given yet; what is
 * made of a damaged log leaves some out. */
static bool
is_leftover(struct verify *v, uint64_t file, const struct vdb_body *b)
{
	return file < vdb_state(v->fresh)->next_body &&
	    file < vdb_state(v->seen)->next_body &&
	    (b->segment == 0 || !b->in_file);
}

static int
leftover(struct verify *v, uint64_t file)
{
	if (v->is_damaged)
		return finding(v, VERIFY_LEFTOVER, false,
		    "log/body: nothing that can be read refers to body %llu; "
		    "it is kept, since the log is damaged",
		    (unsigned long long)file);
	return finding(v, VERIFY_LEFTOVER, v->repair,
	    "log/body: nothing refers to body %llu", (unsigned long long)file);
}

/* remove: under the lock, what check_files() without it told of. */
static int
check_files(struct verify *v, bool remove)
{
	AUTO_FREE uint64_t *file = NULL;
	struct vdb_body b;
	size_t n;
	int r = log_bodies(v->a->log, &file, &n, &v->a->why);

	for (size_t i = 0; i < n && r == 0; i++) {
		if ((r = vdb_bodies(v->fresh, &file[i], 1, &b)) != 0)
			break;
		if (!is_leftover(v, file[i], &b))
			continue;
		r = remove ? log_unlink_body(v->a->log, file[i], &v->a->why)
			   : leftover(v, file[i]);
	}
	return r;
}

static int
index_fault(void *ctx, uint64_t segment, enum log_index_fault fault)
{
	struct verify *v = ctx;
	unsigned long long n = segment;

	if (fault == LOG_INDEX_OF_DAMAGED) {
		v->keeps_index = true;
		return finding(v, VERIFY_LEFTOVER, false,
		    "log/%016llx.idx: is kept, since its segment is damaged",
		    n);
	}
	if (fault == LOG_INDEX_ORPHAN)
		return finding(v, VERIFY_LEFTOVER, v->repair,
		    "log/%016llx.idx: there is no such segment", n);
	v->differs = true; /* the view may have been made from it */
	return finding(v, VERIFY_VIEW, can_mend(v),
	    "log/%016llx.idx: says something else than the segment", n);
}

static int
index_removed(void *ctx A_UNUSED, uint64_t segment A_UNUSED,
    enum log_index_fault fault A_UNUSED)
{
	return 0;
}

/* --- all of it --- */

static int
check_all(struct verify *v, const struct log_tail *to)
{
	struct store_log *l = v->a->log;
	int r;

	if ((r = log_check(l, to, log_damage, v, &v->a->why)) != 0 ||
	    (r = log_index_check(l, false, index_fault, v, &v->a->why)) != 0 ||
	    (r = vdb_bodies_all(v->fresh, check_body, v)) != 0 ||
	    (r = vdb_mailboxes(v->fresh, check_mailbox, v)) != 0 ||
	    (r = vdb_mailboxes(v->seen, check_surplus, v)) != 0 ||
	    (r = check_keywords(v)) != 0 || (r = check_entries(v)) != 0)
		return r;
	return check_files(v, false);
}

static int
repair(struct verify *v, bool locked)
{
	struct account *a = v->a;
	int r = locked ? 0 : log_lock(a->log, ACCOUNT_LOCK_MS, &a->why);

	if (r != 0)
		return r;
	if (v->is_damaged || (r = check_files(v, true)) == 0)
		r = log_index_check(a->log, true, index_removed, NULL, &a->why);
	if (r == 0 && v->differs)
		r = account_rebuild(a);
	if (!locked)
		log_unlock(a->log);
	return r;
}

struct segments {
	struct log_segment *s;
	size_t n;
};

/* Is a segment gone that was there before, dropped by a compaction? */
static bool
is_gone(struct verify *v, const struct segments *was)
{
	AUTO_FREE struct log_segment *now = NULL;
	size_t n, k = 0;

	if (log_segments(v->a->log, &now, &n, NULL) != 0)
		return true;
	for (size_t i = 0; i < was->n; i++) {
		while (k < n && now[k].segment < was->s[i].segment)
			k++;
		if (k == n || now[k].segment != was->s[i].segment)
			return true;
	}
	return false;
}

/* Compare the copy of the view with one that is made of the log. was: NULL with
 * the lock held. -EAGAIN: it means nothing, since a segment is gone. */
static int
check_copy(struct verify *v, struct vdb *copy, struct vdb *fresh,
    const struct segments *was)
{
	struct account *a = v->a;
	struct log_tail to;
	int r = vdb_begin(copy, false, &v->seen, &a->why);

	if (r != 0)
		return r;
	to = vdb_state(v->seen)->tail;
	if ((r = account_fill(a, fresh, &to, true)) == 0 &&
	    (r = vdb_begin(fresh, false, &v->fresh, &a->why)) == 0) {
		r = check_all(v, &to);
		if (was != NULL && is_gone(v, was))
			r = -EAGAIN;
		if (r == 0 && v->repair && v->found.n > 0)
			r = repair(v, was == NULL);
		vdb_abort(v->fresh);
	} else if (was != NULL && is_gone(v, was)) {
		r = -EAGAIN;
	}
	vdb_abort(v->seen);
	return r;
}

/* The view brought up to the log, copied; locked: the lock is held from then
 * on, if it succeeds. */
static int
copy_view(struct account *a, bool locked, struct vdb **out)
{
	struct vdb_txn *t;
	int r;

	if (!locked) {
		if ((r = account_read(a, &t)) != 0)
			return r;
		account_read_end(a, t);
		return vdb_copy(a->vdb, out, &a->why);
	}
	if ((r = account_write(a, ACCOUNT_LOCK_MS, &t)) != 0)
		return r;
	if ((r = vdb_commit(t, &a->why)) != 0 ||
	    (r = vdb_copy(a->vdb, out, &a->why)) != 0)
		log_unlock(a->log);
	return r;
}

static int
look(struct verify *v, bool locked)
{
	AUTO_FREE struct log_segment *list = NULL;
	struct vdb *copy = NULL, *fresh = NULL;
	struct segments was = { NULL, 0 };
	int r;

	v->differs = false;
	v->is_damaged = v->keeps_index = false;
	v->found.n = 0;
	v->totals = (struct verify_totals){ 0 };
	if (!locked &&
	    (r = log_segments(v->a->log, &list, &was.n, &v->a->why)) != 0)
		return r;
	if ((r = copy_view(v->a, locked, &copy)) != 0)
		return r;
	was.s = list;
	if ((r = vdb_create_private(&fresh, &v->a->why)) == 0)
		r = check_copy(v, copy, fresh, locked ? NULL : &was);
	if (locked)
		log_unlock(v->a->log);
	vdb_close(&copy);
	vdb_close(&fresh);
	return r;
}

static int
run_once(struct verify *v, bool locked)
{
	int r = look(v, locked);

	/* a segment that was compacted away while we looked */
	return r == -ENOENT && !locked && !v->a->options.read_only ? -EAGAIN
								   : r;
}

static int
tell(struct verify *v)
{
	int r = 0;

	for (size_t i = 0; i < v->found.n && r == 0 && v->fn != NULL; i++)
		r = v->fn(v->ctx, &v->found.p[i]);
	return r;
}

int
verify_run(struct account *a, bool repair, verify_fn *fn, void *ctx,
    struct verify_totals *totals)
{
	struct verify *v = xcalloc(1, sizeof *v);
	int r;

	v->a = a;
	v->repair = repair && !a->options.read_only;
	v->fn = fn;
	v->ctx = ctx;
	r = run_once(v, false);
	if (r == -EAGAIN && !a->options.read_only)
		r = run_once(v, true);
	if (r == 0)
		r = tell(v);
	if (totals != NULL)
		*totals = v->totals;
	free(v->found.p);
	free(v);
	return r;
}
