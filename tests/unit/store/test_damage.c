#include "account_help.h"

#include "base/fd.h"
#include "base/mem.h"
#include "store/export.h"
#include "store/inside.h"
#include "store/log.h"
#include "store/vdb.h"
#include "store/verify.h"

/* What a damaged log must not lead to: numbers that are given again, and losses
 * that nobody is told of. */

static unsigned boots;

/* same: the view that is there may be used. */
static struct account *
open_it(int dirfd, bool same)
{
	char id[40];
	struct account_options o = { .boot_id = id };

	boots += !same;
	snprintf(id, sizeof id, "boot-%u", boots);
	return account_must(dirfd, true, &o);
}

struct tally {
	unsigned n[VERIFY_LEFTOVER + 1];
	char text[VERIFY_LEFTOVER + 1][300];
};

static int
tally(void *ctx, const struct verify_finding *f)
{
	struct tally *t = ctx;

	t->n[f->kind]++;
	snprintf(t->text[f->kind], 300, "%s", f->text);
	return 0;
}

static struct tally
verify(struct account *a)
{
	struct tally t = { .n = { 0 } };

	MUST(verify_run(a, false, tally, &t, NULL));
	return t;
}

static void
name_of(unsigned segment, char out[40])
{
	snprintf(out, 40, "log/%016x.seg", segment);
}

static off_t
size_of(int dirfd, unsigned segment)
{
	char name[40];
	struct stat st;

	name_of(segment, name);
	return fstatat(dirfd, name, &st, 0) == 0 ? st.st_size : 0;
}

static void
shorten(int dirfd, unsigned segment, off_t by)
{
	char name[40];
	AUTO_CLOSE int fd = -1;

	name_of(segment, name);
	fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);
	if (fd == -1 || ftruncate(fd, size_of(dirfd, segment) - by) != 0)
		abort();
}

static void
flip(int dirfd, unsigned segment, off_t at)
{
	char name[40];
	AUTO_CLOSE int fd = -1;
	uint8_t c;

	name_of(segment, name);
	fd = openat(dirfd, name, O_RDWR | O_CLOEXEC);
	if (fd == -1 || pread(fd, &c, 1, at) != 1)
		abort();
	c ^= 1;
	if (pwrite(fd, &c, 1, at) != 1)
		abort();
}

static uint32_t
uidnext(struct account *a, uint32_t mailbox)
{
	struct mailbox_row row;

	MUST(mailbox_get(a, mailbox, &row));
	return row.uidnext;
}

static uint32_t
make_mailbox(struct account *a, struct view name)
{
	struct tx *t;
	uint64_t modseq;
	uint32_t id;

	MUST(tx_begin(a, &t));
	MUST(tx_mailbox_create(t, name, 0, &id));
	MUST(tx_commit(&t, &modseq));
	return id;
}

static uint32_t
append(struct account *a, uint32_t mailbox)
{
	return append_text(
	    a, mailbox, VIEW_LIT("Subject: a\r\n\r\nsome text\r\n"), NULL);
}

/* The commit with a body is damaged; one behind it names that body too. */
static void
test_body(void)
{
	char path[64];
	int dirfd = account_dir_make(path);
	struct account *a = open_it(dirfd, false);
	struct uid_run one = { 1, 1 }, *runs;
	struct message_row row[2];
	uint32_t id, other, first;
	uint64_t modseq;
	struct tx *t;
	size_t n;
	off_t at;

	id = make_mailbox(a, VIEW_LIT("copies"));
	at = size_of(dirfd, 1);
	append(a, 1);
	at = (at + size_of(dirfd, 1)) / 2;
	MUST(tx_begin(a, &t));
	MUST(tx_copy(t, 1, &one, 1, id, false, &runs, &n, &first));
	free(runs);
	MUST(tx_commit(&t, &modseq));
	account_close(&a);
	flip(dirfd, 1, at);
	a = open_it(dirfd, false);
	tap_ok(uidnext(a, 1) > 1, "a UID that was lost is left out: %u",
	    uidnext(a, 1));
	append(a, 1);
	MUST(message_rows(a, 1, 1, UINT32_MAX, &row[0], 1, &n));
	tap_ok(n == 1 && row[0].uid > 1, "not given again");
	MUST(message_rows(a, id, 1, UINT32_MAX, &row[1], 1, &n));
	tap_ok(n == 1 && row[0].body > row[1].body,
	    "a new body does not take the place of the lost one");
	other = make_mailbox(a, VIEW_LIT("new"));
	tap_ok(other > id, "nor a mailbox that of another");
	account_close(&a);
	close(dirfd);
	account_dir_remove(path);
}

/* Each rebuild comes to the same numbers. */
static void
test_again(void)
{
	char path[64];
	int dirfd = account_dir_make(path);
	struct account *a = open_it(dirfd, false);
	struct tally t;
	uint32_t id = make_mailbox(a, VIEW_LIT("work")), uid, next;
	off_t at;

	at = size_of(dirfd, 1);
	for (unsigned i = 0; i < 5; i++)
		uid = append(a, id);
	at = size_of(dirfd, 1) - (size_of(dirfd, 1) - at) / 10;
	append(a, 1);
	account_close(&a);
	flip(dirfd, 1, at);
	a = open_it(dirfd, false);
	next = uidnext(a, id);
	tap_ok(next > uid, "the last UID is left out: %u", next);
	t = verify(a);
	tap_ok(t.n[VERIFY_LOG] == 1 && t.n[VERIFY_VIEW] == 0,
	    "the view is what the log says: %s", t.text[VERIFY_VIEW]);
	account_close(&a);
	a = open_it(dirfd, false);
	tap_ok(uidnext(a, id) == next, "another rebuild leaves out no more");
	tap_ok(append(a, id) == next, "that UID is given");
	account_close(&a);
	a = open_it(dirfd, false);
	tap_ok(uidnext(a, id) == next + 1, "and counted on from");
	t = verify(a);
	tap_ok(t.n[VERIFY_VIEW] == 0, "the view still fits: %s",
	    t.text[VERIFY_VIEW]);
	account_close(&a);
	close(dirfd);
	account_dir_remove(path);
}

/* The MAILBOX record is damaged: its number is not given to another, which
 * would show its messages. */
static void
test_mailbox(void)
{
	char path[64];
	int dirfd = account_dir_make(path);
	struct account *a = open_it(dirfd, false);
	struct mailbox_row row;
	uint32_t id, other;
	off_t at = size_of(dirfd, 1);

	id = make_mailbox(a, VIEW_LIT("work"));
	at = (at + size_of(dirfd, 1)) / 2;
	append(a, id);
	account_close(&a);
	flip(dirfd, 1, at);
	a = open_it(dirfd, false);
	other = make_mailbox(a, VIEW_LIT("work"));
	MUST(mailbox_get(a, other, &row));
	tap_ok(other > id && row.messages == 0,
	    "a mailbox that was lost lends its number to no other");
	account_close(&a);
	close(dirfd);
	account_dir_remove(path);
}

static int
count_export(void *ctx, struct view mailbox A_UNUSED, uint32_t uid A_UNUSED,
    const char *text A_UNUSED)
{
	(*(unsigned *)ctx)++;
	return 0;
}

/* Does a reader who changes nothing say so, and export the rest? */
static void
exports(int dirfd, unsigned want)
{
	char id[40], to[64];
	struct account_options o = { .read_only = true, .boot_id = id };
	struct account *a;
	struct why w = { "" };
	unsigned n = 0;
	int out = account_dir_make(to);

	snprintf(id, sizeof id, "boot-%u", boots);
	a = account_must(dirfd, false, &o);
	tap_ok(account_notice(a, &w), "export says: %s", w.text);
	MUST(export_run(a, out, EXPORT_EML, count_export, NULL, &n));
	tap_ok(n == want, "%u messages are exported", n);
	account_close(&a);
	account_dir_remove(to);
	close(out);
}

/* It is said now, goes on being said, and nothing is given again. */
static void
is_told(int dirfd, uint32_t uid, const char *what, const char *name)
{
	struct account *a = open_it(dirfd, true);
	struct tally t = verify(a);
	struct why w;

	tap_ok(account_notice(a, &w) && t.n[VERIFY_LOG] > 0 &&
		strstr(t.text[VERIFY_LOG], name) != NULL,
	    "%s is told: %s", what, t.text[VERIFY_LOG]);
	tap_ok(append(a, 1) > uid, "no UID is given again");
	account_close(&a);
	a = open_it(dirfd, true);
	t = verify(a);
	tap_ok(t.n[VERIFY_LOG] > 0, "it is told again");
	account_close(&a);
	a = open_it(dirfd, false);
	t = verify(a);
	tap_ok(t.n[VERIFY_LOG] > 0 && t.n[VERIFY_VIEW] == 0,
	    "and in another boot: %s", t.text[VERIFY_LOG]);
	account_close(&a);
}

/* The end of the log goes while a view knows that it was there. */
static void
test_end(off_t by)
{
	char path[64], what[40];
	int dirfd = account_dir_make(path);
	struct account *a = open_it(dirfd, false);
	uint32_t uid = 0;

	for (unsigned i = 0; i < 5; i++)
		uid = append(a, 1);
	account_close(&a);
	if (by == 0)
		flip(dirfd, 1, size_of(dirfd, 1) - 3);
	else
		shorten(dirfd, 1, by);
	snprintf(what, sizeof what, "a loss of %d bytes", (int)by);
	exports(dirfd, by > 600 ? 3 : 4);
	is_told(dirfd, uid, what, "log/0000000000000001.seg");
	exports(dirfd, by > 600 ? 4 : 5);
	close(dirfd);
	account_dir_remove(path);
}

/* One of three segments is not there, or all of them. */
static void
test_segment(unsigned which)
{
	char path[64], name[40];
	int dirfd = account_dir_make(path);
	struct account *a = open_it(dirfd, false);
	uint32_t uid = 0;

	log_set_bound(a->log, LOG_DATA + 1);
	while (size_of(dirfd, 3) == 0)
		uid = append(a, 1);
	account_close(&a);
	for (unsigned i = 1; i <= 3; i++) {
		name_of(i, name);
		if (i == which || which == 0)
			unlinkat(dirfd, name, 0);
	}
	name_of(which == 0 ? 3 : which, name);
	/* with nothing left, INBOX is another mailbox */
	is_told(dirfd, which == 0 ? 0 : uid, "a missing segment", name);
	close(dirfd);
	account_dir_remove(path);
}

int
main(void)
{
	test_body();
	test_again();
	test_mailbox();
	test_end(1);
	test_end(0);
	test_end(700);
	for (unsigned i = 0; i <= 3; i++)
		test_segment(i);
	return tap_done();
}
