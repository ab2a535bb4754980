#include "account_help.h"

#include "base/clock.h"
#include "store/export.h"
#include "store/verify.h"

/*
 * An account written by an earlier fumi, kept in tests/golden/, is read by this
 * one. "test_store_golden --make DIR" writes one anew, for a new format: the
 * old ones stay.
 */

#define TEXT(n)                                                                \
	"From: a@example.org\r\nSubject: golden " n                            \
	"\r\n\r\nGr\xc3\xbc\xc3\x9f"                                           \
	"e " n "\r\n"

static void
make(int dirfd)
{
	struct account_options o = { .boot_id = "golden" };
	struct store_flags f = { .system = STORE_SEEN | STORE_ANSWERED };
	struct uid_run run = { 1, 2 }, *out, *modified;
	struct account *a;
	struct tx *t;
	uint64_t modseq;
	uint32_t id, first;
	unsigned k;
	size_t n, m;

	clock_fake_set(1700000000ll * 1000000, 1);
	a = account_must(dirfd, true, &o);
	append_text(a, 1, VIEW_LIT(TEXT("1")), &f);
	append_text(a, 1, VIEW_LIT(TEXT("2")), NULL);
	append_text(a, 1, VIEW_LIT(TEXT("3")), NULL);
	MUST(tx_begin(a, &t));
	MUST(tx_keyword(t, VIEW_LIT("$Forwarded"), &k));
	f = (struct store_flags){ .keywords = { 1ull << k } };
	MUST(tx_flags(
	    t, 1, &run, 1, TX_FLAGS_ADD, &f, 0, &out, &n, &modified, &m));
	free(out);
	MUST(
	    tx_mailbox_create(t, VIEW_LIT("a/b\xc3\xbc"), STORE_USE_SENT, &id));
	MUST(tx_subscribe(t, VIEW_LIT("a/b\xc3\xbc"), true));
	MUST(tx_copy(t, 1, &run, 1, id, false, &out, &n, &first));
	free(out);
	MUST(tx_commit(&t, &modseq));
	run = (struct uid_run){ 3, 3 };
	MUST(tx_begin(a, &t));
	MUST(tx_expunge(t, 1, &run, 1, false, &out, &n));
	MUST(tx_commit(&t, &modseq));
	free(out);
	account_close(&a);
}

static void
check_inbox(struct account *a)
{
	struct mailbox_row row;
	struct message_row m[3];
	struct message_body b;
	struct mailbox_changes c;
	struct view name;
	size_t n;

	MUST(mailbox_find(a, VIEW_LIT("INBOX"), &row));
	tap_ok(row.uidvalidity == 1700000000 && row.uidnext == 4 &&
		row.messages == 2 && row.unseen == 1 && row.first_unseen == 2,
	    "INBOX");
	MUST(message_rows(a, 1, 1, 9, m, 3, &n));
	tap_ok(n == 2 && m[0].flags.system == (STORE_SEEN | STORE_ANSWERED) &&
		m[0].flags.keywords[0] == 1 && m[0].zone == 540 &&
		m[0].date == 1700000000,
	    "messages");
	MUST(account_keyword_name(a, 0, &name));
	tap_ok(view_eq(name, VIEW_LIT("$Forwarded")), "keyword");
	MUST(message_bodies(a, &m[1].body, 1, &b));
	tap_ok(view_eq(b.octets, VIEW_LIT(TEXT("2"))), "octets");
	message_release(a);
	MUST(mailbox_changes(a, 1, 1, 1, &c));
	tap_ok(c.n_expunged == 1 && c.expunged[0].lo == 3 && !c.incomplete,
	    "tombstone");
	mailbox_changes_fini(&c);
}

static void
check_other(struct account *a)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 20);
	struct mailbox_entry *e;
	struct view *subscribed;
	size_t n, s;

	MUST(mailbox_list(a, arena, &e, &n));
	MUST(mailbox_subscriptions(a, arena, &subscribed, &s));
	tap_ok(n == 3 && view_eq(e[2].name, VIEW_LIT("a/b\xc3\xbc")) &&
		e[2].row.uses == STORE_USE_SENT && e[2].row.messages == 2 &&
		e[2].subscribed && e[1].has_children,
	    "mailboxes");
	tap_ok(s == 1 && view_eq(subscribed[0], e[2].name), "subscription");
}

static void
check(int dirfd, bool read_only)
{
	struct account_options o = { .read_only = read_only };
	struct account *a = account_must(dirfd, false, &o);
	struct verify_totals v;

	check_inbox(a);
	check_other(a);
	MUST(verify_run(a, false, NULL, NULL, &v));
	tap_ok(v.findings == 0 && v.messages == 4, "verifies");
	if (!read_only)
		tap_ok(append_text(a, 1, VIEW_LIT(TEXT("4")), NULL) == 4,
		    "and can be written on");
	account_close(&a);
}

int
main(int argc, char **argv)
{
	char path[64], command[600];
	int dirfd;

	if (argc == 3 && strcmp(argv[1], "--make") == 0) {
		if ((dirfd = open(argv[2], O_RDONLY | O_DIRECTORY)) == -1)
			return 1;
		make(dirfd);
		return 0;
	}
	if (argc != 2)
		return 2;
	dirfd = account_dir_make(path);
	snprintf(
	    command, sizeof command, "cp -r '%s/log' '%s/'", argv[1], path);
	if (system(command) != 0)
		abort();
	check(dirfd, true);
	check(dirfd, false);
	close(dirfd);
	account_dir_remove(path);
	return tap_done();
}
