#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "store/account.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "store/spool.h"
#include "store/tx.h"

/*
 * What the store does in how many milliseconds, without any protocol.
 *
 *     store_bench DIR [MESSAGES]
 *
 * DIR must be an empty directory on the disk to be measured.
 */

static const struct uid_run all = { 1, UINT32_MAX };
static uint64_t started;

static void
check(int r, struct account *a, const char *what)
{
	if (r == 0)
		return;
	fprintf(
	    stderr, "%s: %d %s\n", what, r, a != NULL ? account_why(a) : "");
	exit(1);
}

static void
begin(void)
{
	started = clock_mono_us();
}

static void
end(const char *what)
{
	printf("%-28s %10.3f ms\n", what,
	    (double)(clock_mono_us() - started) / 1000);
	fflush(stdout);
}

static struct account *
open_it(int dirfd, bool create, const char *boot)
{
	struct account_options o = { .boot_id = boot };
	struct account *a;
	struct why w = { "" };
	int r = account_open(dirfd, create, &o, &a, &w);

	if (r != 0) {
		fprintf(stderr, "open: %d %s\n", r, w.text);
		exit(1);
	}
	return a;
}

static struct spool *
spool(struct account *a, struct view v)
{
	struct spool *s;

	check(spool_open(a, v.n, &s), a, "spool");
	check(spool_write(s, v), a, "spool");
	check(spool_finish(s), a, "spool");
	return s;
}

static void
append(struct account *a, struct view text, size_t n, size_t batch)
{
	for (size_t i = 0; i < n; i += batch) {
		struct spool **s = xcalloc(batch, sizeof *s);
		struct tx *t;
		uint64_t body, modseq;
		uint32_t uid;

		for (size_t k = 0; k < batch; k++)
			s[k] = spool(a, text);
		check(tx_begin(a, &t), a, "begin");
		for (size_t k = 0; k < batch; k++) {
			check(tx_body(t, s[k], &body), a, "body");
			check(tx_message(t, 1, body, NULL,
				  1700000000 + (int64_t)i, 0, &uid),
			    a, "message");
		}
		check(tx_commit(&t, &modseq), a, "commit");
		for (size_t k = 0; k < batch; k++)
			spool_free(&s[k]);
		free(s);
	}
}

static void
store(struct account *a, uint16_t flag)
{
	struct store_flags f = { .system = flag };
	struct uid_run *changed, *modified;
	size_t n, m;
	struct tx *t;
	uint64_t modseq;

	check(tx_begin(a, &t), a, "begin");
	check(tx_flags(t, 1, &all, 1, TX_FLAGS_ADD, &f, 0, &changed, &n,
		  &modified, &m),
	    a, "flags");
	check(tx_commit(&t, &modseq), a, "commit");
	free(changed);
	free(modified);
}

static void
copy(struct account *a, uint32_t from, uint32_t to, bool move)
{
	struct uid_run *runs;
	size_t n;
	struct tx *t;
	uint64_t modseq;
	uint32_t first;

	check(tx_begin(a, &t), a, "begin");
	check(
	    tx_copy(t, from, &all, 1, to, move, &runs, &n, &first), a, "copy");
	check(tx_commit(&t, &modseq), a, "commit");
	free(runs);
}

static void
expunge(struct account *a, uint32_t id)
{
	struct uid_run *runs;
	size_t n;
	struct tx *t;
	uint64_t modseq;

	check(tx_begin(a, &t), a, "begin");
	check(tx_expunge(t, id, &all, 1, false, &runs, &n), a, "expunge");
	check(tx_commit(&t, &modseq), a, "commit");
	free(runs);
}

static uint32_t
create(struct account *a, const char *name)
{
	struct tx *t;
	uint64_t modseq;
	uint32_t id;

	check(tx_begin(a, &t), a, "begin");
	check(tx_mailbox_create(t, view_str(name), 0, &id), a, "create");
	check(tx_commit(&t, &modseq), a, "commit");
	return id;
}

static void
read_all(struct account *a, size_t n)
{
	struct message_row *rows = xcalloc(n, sizeof *rows);
	struct message_body *b = xcalloc(n, sizeof *b);
	uint64_t *body = xcalloc(n, sizeof *body);
	size_t got;

	for (int turn = 0; turn < 2; turn++) {
		begin();
		check(message_rows(a, 1, 1, UINT32_MAX, rows, n, &got), a,
		    "rows");
		end("rows, all at once");
	}
	begin();
	for (uint32_t uid = 1; got > 0; uid = rows[got - 1].uid + 1) {
		check(message_rows(a, 1, uid, UINT32_MAX, rows, 256, &got), a,
		    "rows");
	}
	end("rows, 256 at a time");
	check(message_rows(a, 1, 1, UINT32_MAX, rows, n, &got), a, "rows");
	for (size_t i = 0; i < got; i++)
		body[i] = rows[i].body;
	for (int turn = 0; turn < 2; turn++) {
		begin();
		check(message_bodies(a, body, got, b), a, "bodies");
		end("bodies, all at once");
		message_release(a);
	}
	free(rows);
	free(b);
	free(body);
}

static void
open_mailbox(struct account *a, uint32_t id)
{
	struct mailbox_row row;
	struct uid_run *runs;
	size_t n;
	uint64_t modseq;

	begin();
	for (int i = 0; i < 1000; i++) {
		check(mailbox_open(a, id, &row, &runs, &n), a, "open");
		free(runs);
	}
	end("mailbox_open x 1000");
	begin();
	for (int i = 0; i < 1000; i++)
		check(account_modseq(a, &modseq), a, "modseq");
	end("account_modseq x 1000");
}

int
main(int argc, char **argv)
{
	uint64_t n = 100000;
	int dirfd;
	struct account *a;
	char text[4096];
	uint32_t other, third;

	if (argc < 2 || (dirfd = open(argv[1], O_RDONLY | O_DIRECTORY)) == -1 ||
	    (argc > 2 && !num_parse(view_str(argv[2]), 100000000, &n))) {
		fprintf(stderr, "usage: store_bench DIR [MESSAGES]\n");
		return 2;
	}
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < sizeof text; i += 78)
		memcpy(text + (i + 2 < sizeof text ? i : 0), "\r\n", 2);
	memcpy(text,
	    "From: Alice <alice@example.org>\r\n"
	    "To: Bob <bob@example.org>\r\nSubject: Figures\r\n"
	    "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
	    "Message-ID: <1@example.org>\r\n\r\n",
	    sizeof "From: Alice <alice@example.org>\r\n"
		   "To: Bob <bob@example.org>\r\nSubject: Figures\r\n"
		   "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
		   "Message-ID: <1@example.org>\r\n\r\n" -
		1);
	begin();
	a = open_it(dirfd, true, "bench-boot-1");
	end("create account");
	begin();
	append(a, (struct view){ (uint8_t *)text, sizeof text }, n / 50, 1);
	end("append 1/50, a flush each");
	begin();
	append(a, (struct view){ (uint8_t *)text, sizeof text }, n - n / 50 * 1,
	    100);
	end("append the rest by 100");
	open_mailbox(a, 1);
	read_all(a, n);
	begin();
	store(a, STORE_FLAGGED);
	end("store");
	begin();
	store(a, STORE_SEEN);
	end("store \\Seen");
	other = create(a, "other");
	third = create(a, "third");
	begin();
	copy(a, 1, other, false);
	end("copy");
	begin();
	copy(a, other, third, true);
	end("move");
	begin();
	expunge(a, third);
	end("expunge");
	begin();
	account_close(&a);
	a = open_it(dirfd, false, "bench-boot-1");
	end("open again");
	account_close(&a);
	begin();
	a = open_it(dirfd, false, "bench-boot-2");
	end("open, view built anew");
	begin();
	check(account_settle(a), a, "settle");
	end("settle");
	account_close(&a);
	begin();
	a = open_it(dirfd, false, "bench-boot-3");
	end("open after a clean stop");
	account_close(&a);
	return 0;
}
