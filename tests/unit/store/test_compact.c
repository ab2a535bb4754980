#include "account_help.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/compact.h"
#include "store/inside.h"
#include "store/vdb.h"
#include "store/verify.h"

/* When compaction sets in, what it keeps, and that files of bodies go too. */

#define BODY ((size_t)512 * 1024)
#define MESSAGES 80
#define DAY_US (24ull * 3600 * 1000000)

static void
append_big(struct account *a, size_t size, char fill)
{
	char *p = xmalloc(size);

	memset(p, fill, size);
	memcpy(p, "S: x\r\n\r\n", 8);
	append_text(a, 1, (struct view){ (uint8_t *)p, size }, NULL);
	free(p);
}

static void
expunge(struct account *a, uint32_t lo, uint32_t hi)
{
	struct uid_run run = { lo, hi }, *gone;
	struct tx *t;
	uint64_t modseq;
	size_t n;

	MUST(tx_begin(a, &t));
	MUST(tx_expunge(t, 1, &run, 1, false, &gone, &n));
	MUST(tx_commit(&t, &modseq));
	free(gone);
}

static uint64_t
log_bytes(struct account *a, size_t *n)
{
	AUTO_FREE struct log_segment *s = NULL;
	uint64_t sum = 0;

	MUST(log_segments(a->log, &s, n, NULL));
	for (size_t i = 0; i < *n; i++)
		sum += s[i].size;
	return sum;
}

static bool
all_readable(struct account *a, size_t want)
{
	struct message_row row[MESSAGES + 2];
	struct message_body b;
	size_t n;
	bool ok;

	MUST(message_rows(a, 1, 1, UINT32_MAX, row, MESSAGES + 2, &n));
	ok = n == want;
	for (size_t i = 0; i < n; i++) {
		MUST(message_bodies(a, &row[i].body, 1, &b));
		ok = ok && b.octets.n == row[i].size &&
		    b.octets.p[b.octets.n - 1] ==
			(uint8_t)('a' + row[i].uid % 26);
	}
	message_release(a);
	return ok;
}

/* Who keeps nothing gets the room of the expunged at once. */
static void
test_keep_nothing(void)
{
	struct account_options o = { .keep_expunged = ACCOUNT_KEEP_NOTHING };
	struct compact_done d;
	char path[64];
	int dirfd = account_dir_make(path);
	struct account *a = account_must(dirfd, true, &o);

	log_set_bound(a->log, 4 << 20);
	for (uint32_t i = 1; i <= 40; i++)
		append_big(a, BODY, (char)('a' + i % 26));
	expunge(a, 1, 39);
	clock_fake_advance(COMPACT_PAUSE_MS * 1000ull + 1);
	MUST(compact_run(a, 1000, false, &d));
	tap_ok(
	    d.segments > 0, "what was expunged is not kept when none is to be");
	account_close(&a);
	account_dir_remove(path);
}

#define LATE 20000

static int
count_late(void *ctx, uint32_t mailbox A_UNUSED, uint64_t version A_UNUSED,
    int64_t time A_UNUSED, const struct vdb_gone *g, size_t n)
{
	uint32_t *sum = ctx;

	for (size_t i = 0; i < n; i++)
		if (g[i].body == g[i].lo + 100)
			*sum += g[i].hi - g[i].lo + 1;
	return 0;
}

/* Messages behind their EXPUNGEs, as compaction leaves those of late: of many
 * tombstones, and then of one. */
static void
test_late(void)
{
	struct vdb_mailbox *m;
	struct vdb_txn *t;
	struct vdb *v;
	struct uid_run run;
	uint32_t sum = 0;

	MUST(vdb_create_private(&v, NULL));
	MUST(vdb_begin(v, true, &t, NULL));
	MUST(vdb_mailbox_change(t, 1, &m));
	for (uint32_t i = 1; i <= LATE; i++) {
		run = (struct uid_run){ i, i };
		MUST(vdb_rows_remove(t, m, &run, 1, 1 + i, 0, NULL));
	}
	run = (struct uid_run){ LATE + 1, 2 * LATE };
	MUST(vdb_rows_remove(t, m, &run, 1, LATE + 2, 0, NULL));
	for (uint32_t i = 1; i <= 2 * LATE; i++) {
		struct vdb_row row = { .uid = i, .body = i + 100 };

		if (i % 1000 != 7) /* some never come */
			MUST(vdb_row_add(t, m, &row, 1));
		row.body = 5;
		if (i % 10 == 0) /* the first is heeded */
			MUST(vdb_row_add(t, m, &row, 1));
	}
	MUST(vdb_gone_all(t, count_late, &sum));
	tap_ok(sum == 2 * LATE - 2 * LATE / 1000 && m->row.messages == 0,
	    "tombstones learn the bodies of %u that came late", sum);
	vdb_abort(t);
	vdb_close(&v);
}

int
main(void)
{
	struct account_options o = { .boot_id = "one" };
	struct compact_done d;
	struct verify_totals v;
	char path[64];
	int dirfd = account_dir_make(path);
	struct account *a;
	uint64_t before, after;
	size_t n, m;

	clock_fake_set(1700000000ll * 1000000, 1);
	a = account_must(dirfd, true, &o);
	log_set_bound(a->log, 4 << 20);
	for (uint32_t i = 1; i <= MESSAGES; i++)
		append_big(
		    a, i == 3 ? SPOOL_MEMORY + 5 : BODY, (char)('a' + i % 26));
	MUST(compact_run(a, 1000, false, &d));
	tap_ok(d.segments == 0 && !d.more, "nothing to do without garbage");
	expunge(a, 1, 60);
	clock_fake_advance(COMPACT_PAUSE_MS * 1000ull + 1);
	MUST(compact_run(a, 1000, false, &d));
	tap_ok(d.segments == 0, "what was expunged of late is kept");
	clock_fake_advance(15 * DAY_US);
	before = log_bytes(a, &n);
	MUST(compact_run(a, 1000, false, &d));
	after = log_bytes(a, &m);
	tap_ok(d.segments >= 6 && after < before / 2 && m < n,
	    "after 15 days its room is given back: %zu to %zu segments", n, m);
	tap_ok(faccessat(dirfd, "log/body/0000000000000003", F_OK, 0) != 0,
	    "the file of a big one too");
	tap_ok(all_readable(a, 20), "what is there can be read");
	MUST(verify_run(a, false, NULL, NULL, &v));
	tap_ok(v.findings == 0, "and verifies");
	MUST(compact_run(a, 1000, false, &d));
	tap_ok(d.segments == 0, "once done there is nothing to do");
	account_close(&a);
	o.boot_id = "two";
	a = account_must(dirfd, false, &o);
	tap_ok(all_readable(a, 20), "the same in another boot");
	struct mailbox_changes c;

	MUST(mailbox_changes(a, 1, 2, 1, &c));
	tap_ok(c.incomplete ||
		(c.n_expunged == 1 && c.expunged[0].lo == 1 &&
		    c.expunged[0].hi == 60),
	    "tombstones are there or have left a floor");
	mailbox_changes_fini(&c);
	account_close(&a);
	account_dir_remove(path);
	test_keep_nothing();
	test_late();
	return tap_done();
}
