#include "account_help.h"

#include <errno.h>

#include "base/mem.h"
#include "store/io.h"
#include "store/uidruns.h"

#define MESSAGE VIEW_LIT("From: a@example.org\r\nSubject: x\r\n\r\nHello\r\n")

static const struct uid_run all = { 1, UINT32_MAX };

static void
test_fresh(struct account *a)
{
	struct mailbox_row row;
	struct uid_run *runs;
	size_t n;

	tap_ok(mailbox_find(a, VIEW_LIT("inbox"), &row) == 0 && row.id == 1,
	    "a new account has INBOX as mailbox 1");
	tap_ok(row.uidnext == 1 && row.messages == 0 && row.uidvalidity > 0 &&
		row.highestmodseq >= 1,
	    "it is empty");
	tap_ok(
	    mailbox_open(a, 1, &row, &runs, &n) == 0 && n == 0 && runs == NULL,
	    "it has no UIDs");
	tap_ok(mailbox_find(a, VIEW_LIT("x"), &row) == STORE_NOT_FOUND,
	    "nothing else is there");
}

static void
test_append(struct account *a)
{
	struct store_flags seen = { .system = STORE_SEEN };
	struct mailbox_row row;
	struct message_row m[3];
	struct message_body b[2];
	uint64_t body[2];
	size_t n;

	tap_ok(append_text(a, 1, MESSAGE, NULL) == 1 &&
		append_text(a, 1, MESSAGE, &seen) == 2,
	    "UIDs count from 1");
	MUST(mailbox_get(a, 1, &row));
	tap_ok(row.messages == 2 && row.unseen == 1 && row.first_unseen == 1 &&
		row.uidnext == 3 && row.size == 2 * MESSAGE.n,
	    "counters");
	MUST(message_rows(a, 1, 1, UINT32_MAX, m, 3, &n));
	tap_ok(n == 2 && m[0].uid == 1 && m[1].uid == 2 &&
		m[1].flags.system == STORE_SEEN && m[0].zone == 540 &&
		m[0].date == 1700000000 && m[0].size == MESSAGE.n &&
		m[0].modseq < m[1].modseq,
	    "rows");
	body[0] = m[0].body;
	body[1] = 99;
	MUST(message_bodies(a, body, 2, b));
	tap_ok(view_eq(b[0].octets, MESSAGE) && b[0].summary.n > 0 &&
		b[1].octets.p == NULL,
	    "bodies");
	message_release(a);
}

static void
test_flags(struct account *a)
{
	struct store_flags f = { .system = STORE_FLAGGED };
	struct uid_run *changed, *modified;
	size_t n_changed, n_modified, n;
	struct message_row m;
	struct mailbox_changes c;
	struct tx *t;
	uint64_t before, modseq;
	unsigned k;

	MUST(account_modseq(a, &before));
	MUST(tx_begin(a, &t));
	MUST(tx_keyword(t, VIEW_LIT("$Junk"), &k));
	f.keywords[0] = 1ull << k;
	MUST(tx_flags(t, 1, &all, 1, TX_FLAGS_ADD, &f, 0, &changed, &n_changed,
	    &modified, &n_modified));
	MUST(tx_commit(&t, &modseq));
	tap_ok(n_changed == 1 && changed[0].lo == 1 && changed[0].hi == 2 &&
		n_modified == 0 && modseq == before + 1,
	    "flags change in one commit");
	free(changed);
	MUST(message_rows(a, 1, 2, 2, &m, 1, &n));
	tap_ok(m.flags.system == (STORE_SEEN | STORE_FLAGGED) &&
		m.flags.keywords[0] == 1 && m.modseq == modseq,
	    "to what was asked for");
	MUST(mailbox_changes(a, 1, before, 3, &c));
	tap_ok(c.n_flags == 1 && c.flags[0].lo == 1 && c.flags[0].hi == 2 &&
		c.n_expunged == 0 && c.n_arrived == 0 && !c.incomplete,
	    "the change is told");
	mailbox_changes_fini(&c);
	MUST(tx_begin(a, &t));
	f = (struct store_flags){ .system = STORE_SEEN };
	MUST(tx_flags(t, 1, &all, 1, TX_FLAGS_SET, &f, before, &changed,
	    &n_changed, &modified, &n_modified));
	MUST(tx_commit(&t, &modseq));
	tap_ok(n_changed == 0 && n_modified == 1 && modified[0].hi == 2 &&
		modseq == before + 1,
	    "UNCHANGEDSINCE leaves newer ones alone, nothing is written");
	free(modified);
}

static void
test_expunge(struct account *a)
{
	struct store_flags deleted = { .system = STORE_DELETED };
	uint32_t uid = append_text(a, 1, MESSAGE, &deleted);
	struct uid_run *gone;
	struct mailbox_row row;
	struct mailbox_changes c;
	struct tx *t;
	uint64_t before, modseq;
	size_t n;

	MUST(account_modseq(a, &before));
	MUST(tx_begin(a, &t));
	MUST(tx_expunge(t, 1, &all, 1, true, &gone, &n));
	MUST(tx_commit(&t, &modseq));
	tap_ok(n == 1 && gone[0].lo == uid && gone[0].hi == uid,
	    "only what has \\Deleted is expunged");
	free(gone);
	MUST(mailbox_changes(a, 1, before, uid + 1, &c));
	tap_ok(c.n_expunged == 1 && c.expunged[0].lo == uid && c.n_flags == 0,
	    "and told");
	mailbox_changes_fini(&c);
	MUST(mailbox_get(a, 1, &row));
	tap_ok(row.messages == 2 && row.deleted == 0 && row.uidnext == uid + 1,
	    "its UID is not used again");
}

static void
test_copy(struct account *a)
{
	struct uid_run *from;
	struct mailbox_row row;
	struct message_row m[2];
	struct tx *t;
	uint64_t modseq;
	uint32_t id, first;
	size_t n;

	MUST(tx_begin(a, &t));
	MUST(tx_mailbox_create(t, VIEW_LIT("a/b"), STORE_USE_SENT, &id));
	MUST(tx_copy(t, 1, &all, 1, id, false, &from, &n, &first));
	MUST(tx_commit(&t, &modseq));
	tap_ok(n == 1 && from[0].lo == 1 && from[0].hi == 2 && first == 1,
	    "copy names what was copied");
	free(from);
	MUST(message_rows(a, id, 1, 9, m, 2, &n));
	tap_ok(n == 2 && m[1].flags.system == (STORE_SEEN | STORE_FLAGGED) &&
		m[1].flags.keywords[0] == 1 && m[0].modseq == modseq,
	    "flags are kept");
	MUST(tx_begin(a, &t));
	MUST(tx_copy(t, id, &all, 1, 1, true, &from, &n, &first));
	MUST(tx_commit(&t, &modseq));
	free(from);
	MUST(mailbox_get(a, id, &row));
	tap_ok(row.messages == 0 && row.uidnext == 3 && row.size == 0 &&
		row.first_unseen == 0,
	    "move empties the source");
	MUST(mailbox_get(a, 1, &row));
	tap_ok(row.messages == 4 && first == 4, "and fills the target");
}

static void
test_abort(struct account *a)
{
	struct mailbox_row before, after;
	struct spool *s = spool_text(a, MESSAGE);
	struct tx *t;
	uint64_t body;
	uint32_t uid;

	MUST(mailbox_get(a, 1, &before));
	MUST(tx_begin(a, &t));
	MUST(tx_body(t, s, &body));
	MUST(tx_message(t, 1, body, NULL, 0, 0, &uid));
	MUST(mailbox_get(a, 1, &after));
	tap_ok(after.messages == before.messages + 1, "a change sees itself");
	tx_abort(&t);
	spool_free(&s);
	MUST(mailbox_get(a, 1, &after));
	tap_ok(after.messages == before.messages &&
		after.uidnext == before.uidnext,
	    "and leaves nothing when aborted");
}

static void
test_reopen(int dirfd, struct account **a)
{
	struct account_options other = {
		.boot_id = "00000000-0000-0000-0000-000000000001"
	};
	struct mailbox_row before, after, again;

	MUST(mailbox_get(*a, 1, &before));
	account_close(a);
	*a = account_must(dirfd, false, NULL);
	MUST(mailbox_get(*a, 1, &after));
	tap_ok(memcmp(&before, &after, sizeof before) == 0, "opened again");
	account_close(a);
	*a = account_must(dirfd, false, &other);
	MUST(mailbox_get(*a, 1, &again));
	before.recent_floor = again.recent_floor;
	tap_ok(memcmp(&before, &again, sizeof before) == 0,
	    "the view built anew in another boot is the same");
	MUST(account_settle(*a));
	account_close(a);
	tap_ok(faccessat(dirfd, "view.clean", F_OK, 0) == 0,
	    "an orderly stop leaves the clean mark");
	*a = account_must(dirfd, false, NULL);
	tap_ok(faccessat(dirfd, "view.2.mdb", F_OK, 0) == 0,
	    "which spares building it");
	append_text(*a, 1, MESSAGE, NULL);
	tap_ok(faccessat(dirfd, "view.clean", F_OK, 0) != 0,
	    "and is withdrawn by the first writer");
	account_close(a);
	*a = account_must(dirfd, false, &other);
	tap_ok(faccessat(dirfd, "view.3.mdb", F_OK, 0) == 0,
	    "after which another boot builds again");
}

/* --- a commit that fails when its bodies are in place --- */

static const struct io_event *failing; /* fail what is like this */
static int fail_with;

static int
before(void *ctx A_UNUSED, const struct io_event *e, uint64_t *size A_UNUSED)
{
	return e->op == failing->op && e->site == failing->site ? fail_with
								: IO_GO;
}

#define LARGE (SPOOL_MEMORY + 100)

static struct spool *
spool_large(struct account *a, uint8_t with)
{
	AUTO_FREE uint8_t *octets = xmalloc(LARGE);

	memset(octets, with, LARGE);
	return spool_text(a, (struct view){ octets, LARGE });
}

/* Two spools in one commit, the hooks for its end only. */
static int
append_two(struct account *a, struct spool *const s[2],
    const struct io_hooks *hooks, uint64_t body[2])
{
	struct tx *t;
	uint64_t modseq;
	uint32_t uid;
	int r;

	MUST(tx_begin(a, &t));
	for (int i = 0; i < 2; i++) {
		MUST(tx_body(t, s[i], &body[i]));
		MUST(tx_message(t, 1, body[i], NULL, 0, 0, &uid));
	}
	io_hooks = hooks;
	r = tx_commit(&t, &modseq);
	io_hooks = NULL;
	return r;
}

static bool
is_all(struct account *a, uint64_t body, uint8_t octet)
{
	uint8_t got[2];

	return message_read(a, body, 0, got, 1) == 0 &&
	    message_read(a, body, LARGE - 1, got + 1, 1) == 0 &&
	    got[0] == octet && got[1] == octet;
}

/* Another takes the numbers of the failed one before that one cleans up. */
static void
test_failed_commit(int dirfd, struct account *a)
{
	static const struct io_event fail[] = {
		{ .op = IO_WRITE }, /* the commit itself */
		{ .op = IO_SYNC, .site = IO_SYNC_BODY_DIR },
	};
	static const struct io_hooks hooks = { .before = before };
	struct account *b = account_must(dirfd, false, NULL);

	for (size_t i = 0; i < sizeof fail / sizeof fail[0]; i++) {
		uint8_t x = (uint8_t)('k' + 4 * i);
		struct spool *one[2] = { spool_large(a, x),
			spool_large(a, x + 1) };
		struct spool *two[2] = { spool_large(b, x + 2),
			spool_large(b, x + 3) };
		uint64_t lost[2], body[2];

		failing = &fail[i];
		fail_with = -ENOSPC;
		tap_ok(append_two(a, one, &hooks, lost) == STORE_FULL,
		    "no room: %s", account_why(a));
		MUST(append_two(b, two, NULL, body));
		tap_ok(body[0] == lost[0] && body[1] == lost[1],
		    "another takes the same numbers");
		tap_ok(spool_view(one[0]).p[LARGE - 1] == x,
		    "the failed one has its octets still");
		for (int k = 0; k < 2; k++)
			spool_free(&one[k]);
		tap_ok(is_all(b, body[0], x + 2) && is_all(a, body[1], x + 3),
		    "it cleans up, and what the other stored is there");
		for (int k = 0; k < 2; k++)
			spool_free(&two[k]);
	}
	account_close(&b);
}

int
main(void)
{
	char path[64];
	int dirfd = account_dir_make(path);
	struct account *a;
	struct why w;

	tap_ok(account_open(dirfd, false, NULL, &a, &w) == STORE_NOT_FOUND &&
		a == NULL,
	    "no account without create");
	a = account_must(dirfd, true, NULL);
	test_fresh(a);
	test_append(a);
	test_flags(a);
	test_expunge(a);
	test_copy(a);
	test_abort(a);
	test_reopen(dirfd, &a);
	test_failed_commit(dirfd, a);
	account_close(&a);
	close(dirfd);
	account_dir_remove(path);
	return tap_done();
}
