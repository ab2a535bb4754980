#include "account_help.h"

#include <sys/wait.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/mbox.h"
#include "store/compact.h"
#include "store/export.h"
#include "store/inside.h"
#include "store/vdb.h"
#include "store/verify.h"

/* Verify and export, on a good account and on damaged ones. */

#define QUOTED                                                                 \
	"Subject: q\r\n\r\nFrom here\r\n>From there\r\n>>Fro\r\nlone \r "      \
	"cr\r\n"                                                               \
	"no end"

struct tally {
	unsigned n[VERIFY_LEFTOVER + 1];
	char last[300];
};

static int
tally(void *ctx, const struct verify_finding *f)
{
	struct tally *t = ctx;

	t->n[f->kind]++;
	snprintf(t->last, sizeof t->last, "%s", f->text);
	return 0;
}

static void
fill(struct account *a)
{
	struct store_flags f = { .system = STORE_SEEN | STORE_FLAGGED };
	struct tx *t;
	uint64_t modseq;
	uint32_t id;

	MUST(tx_begin(a, &t));
	MUST(tx_mailbox_create(t, VIEW_LIT("a/.b%"), 0, &id));
	MUST(tx_commit(&t, &modseq));
	append_text(a, id, VIEW_LIT(QUOTED), &f);
	append_text(a, id, VIEW_LIT("Subject: two\r\n\r\nMARK two\r\n"), NULL);
	append_text(a, 1, VIEW_LIT("Subject: three\r\n\r\nthree\r\n"), NULL);
}

static void
test_good(struct account *a)
{
	struct verify_totals s;
	struct tally t = { .last = "" };

	MUST(verify_run(a, false, tally, &t, &s));
	tap_ok(s.findings == 0, "a good account verifies (%s)", t.last);
	tap_ok(s.mailboxes == 3 && s.messages == 3 && s.bodies == 3,
	    "all of it was looked at");
}

static void
test_view(struct account *a)
{
	struct vdb_mailbox *m;
	struct vdb_txn *t;
	struct verify_totals s;
	struct tally y = { .last = "" };
	struct mailbox_row row;

	MUST(account_write(a, 0, &t));
	MUST(vdb_mailbox_change(t, 1, &m));
	m->row.messages = 77;
	MUST(account_write_end(a, t, true));
	MUST(verify_run(a, false, tally, &y, &s));
	tap_ok(y.n[VERIFY_VIEW] == 1 && s.repaired == 0,
	    "a wrong count in the view is found: %s", y.last);
	MUST(verify_run(a, true, tally, &y, &s));
	tap_ok(s.repaired == 1, "and repaired");
	MUST(mailbox_get(a, 1, &row));
	tap_ok(row.messages == 1, "by building the view anew");
	MUST(verify_run(a, false, tally, &y, &s));
	tap_ok(s.findings == 0, "after which there is nothing to find");
}

/* What no mailbox holds is compared too, either way round. */
static void
test_names(struct account *a)
{
	struct record_entry_kv e = {
		.version = 1, .key = VIEW_LIT("ghost"), .set = true
	};
	struct verify_totals s;
	struct tally y = { .last = "" };
	struct vdb_txn *t;
	struct tx *x;
	uint64_t modseq;
	unsigned number;

	MUST(tx_begin(a, &x));
	MUST(tx_keyword(x, VIEW_LIT("$Work"), &number));
	MUST(tx_subscribe(x, VIEW_LIT("a"), true));
	MUST(tx_commit(&x, &modseq));
	MUST(verify_run(a, false, tally, &y, &s));
	tap_ok(s.findings == 0, "a keyword and a subscription verify (%s)",
	    y.last);
	MUST(account_write(a, 0, &t));
	MUST(vdb_keyword_put(t, number, VIEW_LIT("$Play")));
	MUST(account_write_end(a, t, true));
	MUST(verify_run(a, false, tally, &y, &s));
	tap_ok(y.n[VERIFY_VIEW] == 1, "another keyword is found: %s", y.last);
	MUST(account_write(a, 0, &t));
	MUST(vdb_entry_put(t, RECORD_SUBSCRIPTION, &e));
	e = (struct record_entry_kv){ .version = modseq + 1,
		.key = VIEW_LIT("a") };
	MUST(vdb_entry_put(t, RECORD_SUBSCRIPTION, &e));
	MUST(account_write_end(a, t, true));
	MUST(verify_run(a, true, tally, &y, &s));
	tap_ok(s.findings == 3 && s.repaired == 3,
	    "one subscription too many, one too few: %s", y.last);
	MUST(verify_run(a, false, tally, &y, &s));
	tap_ok(s.findings == 0, "repaired");
}

/* Deliver, expunge and compact until told to stop. */
static void
disturb(int dirfd, int stop)
{
	struct account_options o = { .keep_expunged = 1 };
	struct account *a = account_must(dirfd, false, &o);
	struct uid_run run = { 1, 1 }, *gone;
	char c;

	log_set_bound(a->log, 30000);
	for (unsigned i = 1; read(stop, &c, 1) == -1; i++) {
		struct tx *t;
		uint64_t modseq;
		size_t n;

		append_text(
		    a, 1, VIEW_LIT("Subject: n\r\n\r\nnoise\r\n"), NULL);
		if (i % 50 != 0)
			continue;
		run.hi += 40;
		MUST(tx_begin(a, &t));
		MUST(tx_expunge(t, 1, &run, 1, false, &gone, &n));
		MUST(tx_commit(&t, &modseq));
		free(gone);
		run.lo = run.hi;
		clock_fake_set(
		    ((int64_t)2000000000 + i) * 1000000, 1000000 * i);
		MUST(compact_run(a, 1000, true, NULL));
	}
	account_close(&a);
	_exit(0);
}

/* Others may go on writing, and even compact, while it works. */
static void
test_busy(void)
{
	char path[64];
	int dirfd = account_dir_make(path), stop[2], status;
	struct account *a = account_must(dirfd, true, NULL);
	uint64_t before = 0, after, wrote = 0;
	struct tally y = { .last = "" };
	unsigned wrong = 0;
	pid_t pid;

	for (int i = 0; i < 300; i++)
		append_text(a, 1, VIEW_LIT("Subject: x\r\n\r\nx\r\n"), NULL);
	account_close(&a);
	if (pipe2(stop, O_CLOEXEC | O_NONBLOCK) != 0 || (pid = fork()) == -1)
		abort();
	if (pid == 0)
		disturb(dirfd, stop[0]);
	a = account_must(dirfd, false, NULL);
	for (int i = 0; i < 20 || (wrote < 200 && i < 2000); i++) {
		struct verify_totals s;
		int r;

		MUST(account_modseq(a, &before));
		r = verify_run(a, i % 2 == 0, tally, &y, &s);
		if (r != 0)
			snprintf(
			    y.last, sizeof y.last, "%d %s", r, account_why(a));
		wrong += r != 0 || s.findings > 0;
		MUST(account_modseq(a, &after));
		wrote += after - before;
	}
	if (write(stop[1], "x", 1) != 1 || waitpid(pid, &status, 0) != pid)
		abort();
	tap_ok(wrong == 0 && status == 0 && wrote > 0,
	    "while others write it works and finds nothing (%u wrong: %s)",
	    wrong, y.last);
	account_close(&a);
	account_dir_remove(path);
	close(dirfd);
	close(stop[0]);
	close(stop[1]);
}

/* A view that contradicts itself is noticed by the reader who meets it. */
static void
test_suspect(struct account *a)
{
	struct message_row row;
	struct mailbox_row box;
	struct vdb_chunk *c;
	struct vdb_txn *t;
	struct uid_run run = { 1, 1 }, *out;
	struct tx *x;
	uint32_t first;
	size_t n;
	int r;

	MUST(account_write(a, 0, &t));
	MUST(vdb_chunk(t, 1, 0, &c));
	c->n = 0;
	c->is_dirty = true;
	MUST(account_write_end(a, t, true));
	MUST(tx_begin(a, &x));
	r = tx_copy(x, 1, &run, 1, 1, false, &out, &n, &first);
	tap_ok(r < 0, "a contradiction fails the change");
	tx_abort(&x);
	MUST(mailbox_get(a, 1, &box));
	MUST(message_rows(a, 1, 1, 9, &row, 1, &n));
	tap_ok(n == 1 && box.messages == 1, "and the view is built anew");
}

static struct view
read_file(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY);
	ssize_t n = fd == -1 ? 0 : read(fd, buf, size);

	if (fd != -1)
		close(fd);
	return (struct view){ (uint8_t *)buf, n > 0 ? (size_t)n : 0 };
}

static int
count_export(void *ctx, struct view mailbox A_UNUSED, uint32_t uid A_UNUSED,
    const char *text)
{
	unsigned *n = ctx;

	n[text != NULL]++;
	return 0;
}

static void
test_export(int dirfd)
{
	struct account_options o = { .read_only = true };
	struct account *a = account_must(dirfd, false, &o);
	char path[64], buf[2000];
	int out = account_dir_make(path);
	unsigned n[2] = { 0 };
	struct view v;

	MUST(export_run(a, out, EXPORT_MBOX, count_export, NULL, n));
	tap_ok(n[0] == 3 && n[1] == 0, "export to mbox");
	v = read_file(out, "a/%2Eb%25.mbox", buf, sizeof buf);
	tap_ok(view_eq(v,
		   VIEW_LIT("From MAILER-DAEMON Tue Nov 14 22:13:20 2023\n"
			    "Status: RO\nX-Status: F\n"
			    "Subject: q\n\n>From here\n>>From there\n>>Fro\n"
			    "lone \r cr\nno end\n\n"
			    "From MAILER-DAEMON Tue Nov 14 22:13:20 2023\n"
			    "Status: O\nSubject: two\n\nMARK two\n\n")),
	    "quoted as mboxrd");
	MUST(export_run(a, out, EXPORT_EML, count_export, NULL, n));
	v = read_file(out, "a/%2Eb%25/1.eml", buf, sizeof buf);
	tap_ok(view_eq(v, VIEW_LIT(QUOTED)), "export to eml keeps every octet");
	account_dir_remove(path);
	close(out);
	out = account_dir_make(path);
	MUST(export_run(a, out, EXPORT_MAILDIR, count_export, NULL, n));
	snprintf(buf, sizeof buf,
	    "a/%%2Eb%%25/cur/1700000000.M000001P%d_1.fumi,W=%zu:2,FS",
	    (int)getpid(), sizeof QUOTED - 1);
	tap_ok(faccessat(out, buf, F_OK, 0) == 0,
	    "export to maildir has flags in names");
	account_dir_remove(path);
	close(out);
	account_close(&a);
}

static void
make_mailbox(struct account *a, const char *name)
{
	struct tx *t;
	uint64_t modseq;
	uint32_t id;

	MUST(tx_begin(a, &t));
	MUST(tx_mailbox_create(t, view_str(name), 0, &id));
	MUST(tx_commit(&t, &modseq));
	append_text(a, id, VIEW_LIT("S: x\r\n\r\nx\r\n"), NULL);
}

/* Names of mailboxes never meet those of files, nor each other. */
static void
test_export_names(void)
{
	char path[64], to[64], name[2][600];
	int where = account_dir_make(path);
	struct account *a = account_must(where, true, NULL);

	make_mailbox(a, "a");
	make_mailbox(a, "a.mbox/x");
	make_mailbox(a, "b");
	make_mailbox(a, "b/1.eml");
	make_mailbox(a, "c");
	make_mailbox(a, "c/cur");
	for (unsigned i = 0; i < 2; i++) {
		memset(name[i], 'l', 250);
		snprintf(name[i] + 250, 350, "%s%u", "and so on", i);
		make_mailbox(a, name[i]);
	}
	for (unsigned f = EXPORT_EML; f <= EXPORT_MBOX; f++) {
		unsigned n[2] = { 0 };
		int out = account_dir_make(to);

		MUST(export_run(
		    a, out, (enum export_format)f, count_export, NULL, n));
		tap_ok(n[0] == 8 && n[1] == 0, "form %u: %u messages", f, n[0]);
		account_dir_remove(to);
		close(out);
	}
	account_close(&a);
	account_dir_remove(path);
	close(where);
}

/* What stands in an mbox is read again with the same flags and octets. */
static void
test_mbox_flags(void)
{
	static const struct view first[] = { VIEW_LIT("S: x\n\nx\n"),
		VIEW_LIT("\nno header\n"), VIEW_LIT(" folded\n\nx\n") };
	char path[64], to[64], buf[8000];
	int where = account_dir_make(path), out = account_dir_make(to);
	struct account *a = account_must(where, true, NULL);
	struct mbox_message m;
	unsigned wrong = 0, n = 0;
	struct view v;

	for (unsigned i = 0; i < 32 * 2 + 1; i++) {
		struct store_flags f = { .system = i % 32 };

		append_text(a, 1, first[i / 32], &f);
	}
	MUST(export_run(a, out, EXPORT_MBOX, NULL, NULL, NULL));
	v = read_file(out, "INBOX.mbox", buf, sizeof buf);
	for (; mbox_next(&v, MBOX_RD, &m); n++) {
		AUTO_BUF struct buf text = BUF_INIT(sizeof buf);
		unsigned f = n % 32, want = n == 64 ? 0 : MBOX_OLD;

		want |= (f & STORE_SEEN ? MBOX_SEEN : 0u) |
		    (f & STORE_ANSWERED ? MBOX_ANSWERED : 0u) |
		    (f & STORE_FLAGGED ? MBOX_FLAGGED : 0u) |
		    (f & STORE_DRAFT ? MBOX_DRAFT : 0u) |
		    (f & STORE_DELETED ? MBOX_DELETED : 0u);
		mbox_text(&m, MBOX_RD, &text);
		wrong +=
		    m.flags != want || !view_eq(buf_view(&text), first[n / 32]);
	}
	tap_ok(n == 65 && wrong == 0, "flags and octets survive an mbox");
	account_close(&a);
	account_dir_remove(path);
	account_dir_remove(to);
	close(where);
	close(out);
}

/* Change one byte of the message that says MARK. */
static void
damage(const char *path)
{
	char command[200];

	snprintf(command, sizeof command,
	    "cd '%s/log' && for f in *.seg; do sed -i 's/MARK/mARK/' $f; done",
	    path);
	if (system(command) != 0)
		abort();
}

static void
test_damage(int dirfd, const char *path)
{
	struct account_options o = { .read_only = true };
	struct account *a;
	struct verify_totals s;
	struct tally t = { .last = "" };
	char dir[64];
	unsigned n[2] = { 0 };
	int out = account_dir_make(dir);

	damage(path);
	a = account_must(dirfd, false, &o);
	MUST(verify_run(a, false, tally, &t, &s));
	tap_ok(t.n[VERIFY_LOG] > 0, "a changed byte is found: %s", t.last);
	MUST(export_run(a, out, EXPORT_EML, count_export, NULL, n));
	tap_ok(n[0] >= 2, "and the rest can still be exported");
	account_dir_remove(dir);
	close(out);
	account_close(&a);
}

static void
add_large(int dirfd)
{
	struct account *a = account_must(dirfd, false, NULL);
	AUTO_BUF struct buf b = BUF_INIT(2 << 20);

	buf_put(&b, VIEW_LIT("Subject: MARK large\r\n\r\n"));
	while (b.n < 1500000)
		buf_put(&b, VIEW_LIT("y\r\n"));
	append_text(a, 1, buf_view(&b), NULL);
	append_text(a, 1, VIEW_LIT("Subject: after\r\n\r\nx\r\n"), NULL);
	account_close(&a);
}

/* What a damaged log does not refer to may be all that is left of it. */
static void
test_kept(void)
{
	char path[64];
	int dirfd = account_dir_make(path);
	struct account *a = account_must(dirfd, true, NULL);
	struct verify_totals s;
	struct tally t = { .last = "" };

	account_close(&a);
	add_large(dirfd);
	damage(path);
	a = account_must(dirfd, false, NULL);
	MUST(verify_run(a, true, tally, &t, &s));
	tap_ok(t.n[VERIFY_LOG] > 0 && t.n[VERIFY_LEFTOVER] == 1,
	    "a large message whose commit is damaged (%s)", t.last);
	tap_ok(faccessat(dirfd, "log/body/0000000000000001", F_OK, 0) == 0,
	    "its file is kept");
	account_close(&a);
	close(dirfd);
	account_dir_remove(path);
}

int
main(void)
{
	char path[64];
	int dirfd = account_dir_make(path);
	struct account *a = account_must(dirfd, true, NULL);

	fill(a);
	test_good(a);
	test_view(a);
	test_names(a);
	test_suspect(a);
	account_close(&a);
	test_export(dirfd);
	test_export_names();
	test_mbox_flags();
	test_busy();
	test_damage(dirfd, path);
	test_kept();
	close(dirfd);
	account_dir_remove(path);
	return tap_done();
}
