#include "store/verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/mem.h"
#include "store/inside.h"
#include "store/vdb.h"
#include "store/vdb_live.h"

/*
 * All of it by plain reads, so that a bad disk is a finding. The view is
 * compared with one that is built beside it from the log alone.
 */

#define PIECE 65536
#define ROWS 512

struct verify {
	struct account *a;
	bool repair;
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
	return v->fn != NULL ? v->fn(v->ctx, &f) : 0;
}

static int
log_damage(void *ctx, const struct log_damage *d)
{
	return finding(ctx, VERIFY_LOG, false,
	    "log/%016llx.seg: bytes %llu to %llu: %s",
	    (unsigned long long)d->segment, (unsigned long long)d->from,
	    (unsigned long long)d->to, d->text);
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
	return finding(v, VERIFY_VIEW, v->repair,
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

/* --- leftovers --- */

static int
check_files(struct verify *v)
{
	AUTO_FREE uint64_t *file = NULL;
	struct vdb_body b;
	size_t n;
	int r = log_bodies(v->a->log, &file, &n, &v->a->why);

	for (size_t i = 0; i < n && r == 0; i++) {
		if ((r = vdb_bodies(v->fresh, &file[i], 1, &b)) != 0)
			break;
		if (b.segment != 0 && b.in_file)
			continue;
		if (v->repair)
			r = log_unlink_body(v->a->log, file[i], &v->a->why);
		if (r == 0)
			r = finding(v, VERIFY_LEFTOVER, v->repair,
			    "log/body: nothing refers to body %llu",
			    (unsigned long long)file[i]);
	}
	return r;
}

static int
index_fault(void *ctx, uint64_t segment, enum log_index_fault fault)
{
	struct verify *v = ctx;
	unsigned long long n = segment;

	if (fault == LOG_INDEX_UNUSED)
		return finding(v, VERIFY_LEFTOVER, v->repair,
		    "log/%016llx.idx: cannot be used", n);
	v->differs = true; /* the view may have been made from it */
	return finding(v, VERIFY_VIEW, v->repair,
	    "log/%016llx.idx: says something else than the segment", n);
}

/* --- all of it --- */

static int
check_all(struct verify *v)
{
	int r;

	if ((r = log_check(v->a->log, log_damage, v, &v->a->why)) != 0 ||
	    (r = vdb_bodies_all(v->fresh, check_body, v)) != 0 ||
	    (r = vdb_mailboxes(v->fresh, check_mailbox, v)) != 0 ||
	    (r = vdb_mailboxes(v->seen, check_surplus, v)) != 0)
		return r;
	if ((r = check_files(v)) != 0)
		return r;
	return log_index_check(
	    v->a->log, v->repair, index_fault, v, &v->a->why);
}

static int
with_fresh(struct verify *v)
{
	struct vdb *fresh;
	int r;

	if ((r = vdb_create_private(&fresh, &v->a->why)) != 0)
		return r;
	if ((r = account_build(v->a, fresh, true)) == 0 &&
	    (r = vdb_begin(fresh, false, &v->fresh, &v->a->why)) == 0) {
		r = check_all(v);
		vdb_abort(v->fresh);
	}
	vdb_close(&fresh);
	return r;
}

static int
run_private(struct verify *v)
{
	int r = account_read(v->a, &v->seen);

	if (r != 0)
		return r;
	r = with_fresh(v);
	account_read_end(v->a, v->seen);
	return r;
}

static int
run_locked(struct verify *v)
{
	int r = account_write(v->a, ACCOUNT_LOCK_MS, &v->seen);

	if (r != 0)
		return r;
	r = with_fresh(v);
	if (r != 0 || !v->differs || !v->repair) {
		int end = account_write_end(v->a, v->seen, r == 0);

		return r != 0 ? r : end;
	}
	vdb_abort(v->seen);
	r = account_rebuild(v->a);
	log_unlock(v->a->log);
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
	r = a->options.read_only ? run_private(v) : run_locked(v);
	if (totals != NULL)
		*totals = v->totals;
	free(v);
	return r;
}
