#include "account_help.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/fd.h"
#include "base/mem.h"
#include "store/compact.h"
#include "store/inside.h"
#include "store/log_frame.h"
#include "store/log_index.h"
#include "store/metadata.h"
#include "store/record.h"
#include "store/verify.h"

/* The indexes of finished segments: a view that is built anew from them is the
 * one that is built from the log, and nothing that may happen to an index file
 * shows anywhere but in the time it takes. */

#define BOUND ((uint64_t)20 << 10)
#define MESSAGES 60
#define FILE_MAX ((size_t)1 << 20)

static int where;
static char path[64];
static unsigned boots;

/* The account in another boot, so that its view is built anew. */
static struct account *
another_boot(void)
{
	char id[40];
	struct account_options o = { .boot_id = id, .keep_expunged = 1 };
	struct account *a;

	snprintf(id, sizeof id, "boot-%u", boots++);
	a = account_must(where, true, &o);
	log_set_bound(a->log, BOUND);
	return a;
}

static void
name_of(uint64_t segment, const char *suffix, char out[40])
{
	snprintf(
	    out, 40, "log/%016llx.%s", (unsigned long long)segment, suffix);
}

static bool
has(uint64_t segment, const char *suffix)
{
	char name[40];

	name_of(segment, suffix, name);
	return faccessat(where, name, F_OK, 0) == 0;
}

static void
load(uint64_t segment, const char *suffix, struct buf *out)
{
	char name[40];
	ssize_t n;

	name_of(segment, suffix, name);
	AUTO_CLOSE int fd = openat(where, name, O_RDONLY | O_CLOEXEC);
	uint8_t *p = buf_reserve(out, FILE_MAX);

	if (fd == -1 || p == NULL || (n = read(fd, p, FILE_MAX)) < 0)
		abort();
	out->n += (size_t)n;
}

static void
save(uint64_t segment, const char *suffix, struct view v)
{
	char name[40];

	name_of(segment, suffix, name);
	/* a segment that is sealed may not be written by its owner */
	(void)unlinkat(where, name, 0);
	AUTO_CLOSE int fd =
	    openat(where, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1 || fd_write(fd, v) != 0)
		abort();
}

static void
fill(struct account *a, int n)
{
	struct store_flags f = { .system = STORE_FLAGGED };
	char text[2000];

	memset(text, 'x', sizeof text);
	memcpy(text, "Subject: x\r\n\r\nMARK", 18);
	for (int i = 0; i < n; i++)
		append_text(a, 1,
		    (struct view){ (uint8_t *)text, 1000 + (size_t)i * 7 },
		    i % 3 == 0 ? &f : NULL);
}

static void
make(void)
{
	struct uid_run some = { 3, 9 }, *runs, *modified;
	struct store_flags f = { .system = STORE_SEEN };
	struct account *a = another_boot();
	struct tx *t;
	uint64_t modseq;
	uint32_t id, first;
	unsigned number;
	size_t n, m;

	fill(a, MESSAGES / 2);
	MUST(tx_begin(a, &t));
	MUST(tx_mailbox_create(t, VIEW_LIT("other"), 0, &id));
	MUST(tx_subscribe(t, VIEW_LIT("other"), true));
	MUST(tx_metadata(t, id, VIEW_LIT("/shared/x"), &VIEW_LIT("value")));
	MUST(tx_keyword(t, VIEW_LIT("$Work"), &number));
	f.keywords[0] = 1ull << number;
	MUST(tx_copy(t, 1, &some, 1, id, false, &runs, &n, &first));
	free(runs);
	MUST(tx_flags(
	    t, 1, &some, 1, TX_FLAGS_SET, &f, 0, &runs, &n, &modified, &m));
	free(runs);
	free(modified);
	MUST(tx_commit(&t, &modseq));
	MUST(tx_begin(a, &t));
	some.hi = 5;
	MUST(tx_expunge(t, 1, &some, 1, false, &runs, &n));
	free(runs);
	MUST(tx_commit(&t, &modseq));
	fill(a, MESSAGES / 2);
	account_close(&a);
}

static void
dump_mailbox(struct account *a, uint32_t id, struct buf *out)
{
	struct message_row row[2 * MESSAGES];
	struct message_body body;
	size_t n;

	MUST(message_rows(a, id, 1, UINT32_MAX, row, 2 * MESSAGES, &n));
	for (size_t i = 0; i < n; i++) {
		MUST(message_bodies(a, &row[i].body, 1, &body));
		buf_printf(out, " %u %u %ju %ju %jd %d %u %jx %x\n", row[i].uid,
		    row[i].size, (uintmax_t)row[i].modseq,
		    (uintmax_t)row[i].body, (intmax_t)row[i].date, row[i].zone,
		    row[i].flags.system, (uintmax_t)row[i].flags.keywords[0],
		    crc32c(crc32c(0, body.summary), body.octets));
	}
	message_release(a);
}

static void
dump_annotations(struct account *a, uint32_t id, struct buf *out)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 16);
	struct metadata_entry *e;
	struct view v;
	size_t n;

	MUST(metadata_list(a, id, arena, &e, &n));
	for (size_t i = 0; i < n; i++) {
		MUST(metadata_get(a, id, e[i].name, arena, &v));
		buf_put(out, e[i].name);
		buf_put(out, v);
	}
}

/* All that a client can see. */
static void
dump(struct account *a, struct buf *out)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 20);
	struct mailbox_entry *e;
	struct view keyword = { NULL, 0 };
	uint64_t modseq;
	size_t n;

	buf_clear(out);
	MUST(mailbox_list(a, arena, &e, &n));
	MUST(account_modseq(a, &modseq));
	(void)!account_keyword_name(a, 0, &keyword);
	buf_printf(out, "%ju %.*s\n", (uintmax_t)modseq, (int)keyword.n,
	    (const char *)keyword.p);
	for (size_t i = 0; i < n; i++) {
		const struct mailbox_row *r = &e[i].row;

		buf_put(out, e[i].name);
		buf_printf(out, " %u %u %u %ju %u %u %u %ju %jd\n", r->id,
		    r->uidvalidity, r->uidnext, (uintmax_t)r->highestmodseq,
		    r->messages, r->unseen, r->first_unseen, (uintmax_t)r->size,
		    (intmax_t)r->oldest);
		dump_mailbox(a, r->id, out);
		dump_annotations(a, r->id, out);
	}
}

/* Does a rebuild give what it should? */
static bool
rebuilds(struct view want)
{
	AUTO_BUF struct buf got = BUF_INIT(1 << 20);
	struct account *a = another_boot();
	struct why w;
	bool damaged = account_notice(a, &w);

	dump(a, &got);
	account_close(&a);
	return !damaged && view_eq(buf_view(&got), want);
}

/* How many segments there are, and is there an index of all but the last? */
static bool
all_indexed(uint64_t *last)
{
	bool all = true;

	for (*last = 1; has(*last + 1, "seg"); ++*last)
		all = all && has(*last, "idx");
	return all && !has(*last, "idx");
}

/* --- files --- */

/* Segment 2 with that index in the place of its own. */
static bool
survives(struct view want, struct view own, struct view bad)
{
	AUTO_BUF struct buf now = BUF_INIT(FILE_MAX * 2);
	bool ok;

	save(2, "idx", bad);
	ok = rebuilds(want);
	load(2, "idx", &now);
	return ok && view_eq(buf_view(&now), own);
}

static void
test_files(struct view want)
{
	AUTO_BUF struct buf own = BUF_INIT(FILE_MAX * 2),
			    other = BUF_INIT(FILE_MAX * 2);
	unsigned wrong = 0;
	uint8_t *p;
	char name[40];

	load(2, "idx", &own);
	load(3, "idx", &other);
	name_of(2, "idx", name);
	unlinkat(where, name, 0);
	tap_ok(rebuilds(want) && has(2, "idx"), "a missing one is made again");
	tap_ok(survives(want, buf_view(&own), buf_view(&other)),
	    "that of another segment is replaced");
	for (size_t n = 0; n < own.n; n += n < 80 ? 1 : own.n / 20)
		wrong += !survives(
		    want, buf_view(&own), view_sub(buf_view(&own), 0, n));
	tap_ok(wrong == 0, "and one that is cut off anywhere");
	p = xmalloc(own.n + 1);
	for (size_t i = 0; i < own.n; i += i < 64 ? 1 : own.n / 50) {
		memcpy(p, own.p, own.n);
		p[i] ^= (uint8_t)(1u << i % 8);
		wrong +=
		    !survives(want, buf_view(&own), (struct view){ p, own.n });
	}
	tap_ok(wrong == 0, "and one with a wrong bit anywhere");
	memcpy(p, own.p, own.n);
	p[own.n] = 0;
	wrong = !survives(want, buf_view(&own), (struct view){ p, own.n + 1 });
	memset(p, 0, own.n);
	wrong += !survives(want, buf_view(&own), (struct view){ p, own.n });
	tap_ok(wrong == 0, "and one that is too long, or zeros");
	memcpy(p, own.p, own.n);
	bytes_put32(p + 8, 2);
	bytes_put32(p + 60,
	    crc32c(log_crc_start(bytes_get32(p + 44)), (struct view){ p, 60 }));
	tap_ok(survives(want, buf_view(&own), (struct view){ p, own.n }),
	    "and one of another format");
	free(p);
}

/* Names that are no files of ours. */
static void
test_not_a_file(struct view want)
{
	char name[40];
	bool ok;

	name_of(2, "idx", name);
	unlinkat(where, name, 0);
	if (mkdirat(where, name, 0700) != 0)
		abort();
	ok = rebuilds(want);
	unlinkat(where, name, AT_REMOVEDIR);
	if (symlinkat("/dev/zero", where, name) != 0)
		abort();
	ok = rebuilds(want) && ok;
	unlinkat(where, name, 0);
	tap_ok(ok && rebuilds(want), "a directory or link of that name");
}

/* --- verify --- */

struct tally {
	unsigned n[VERIFY_LEFTOVER + 1];
	unsigned repaired;
};

static int
tally(void *ctx, const struct verify_finding *f)
{
	struct tally *t = ctx;

	t->n[f->kind]++;
	t->repaired += f->is_repaired;
	return 0;
}

static struct tally
verify(bool repair)
{
	struct account *a = another_boot();
	struct tally t = { .repaired = 0 };

	MUST(verify_run(a, repair, tally, &t, NULL));
	account_close(&a);
	return t;
}

/* An index with right CRCs that leaves the last record out. */
static void
lie(void)
{
	AUTO_BUF struct buf own = BUF_INIT(FILE_MAX * 2),
			    b = BUF_INIT(FILE_MAX * 2);
	struct log_record r, before;
	struct log_index i;
	struct view entries;
	bool any = false;

	load(2, "idx", &own);
	if (!log_index_read(buf_view(&own), &i, &entries))
		abort();
	log_index_start(&b);
	for (; log_index_take(&entries, &i, &r); before = r, any = true)
		if (any && before.type != RECORD_BODY)
			log_index_add(&b, &before);
	if (!log_index_finish(&b, &i))
		abort();
	save(2, "idx", buf_view(&b));
}

static void
test_verify(struct view want)
{
	struct tally t = verify(false);

	tap_ok(t.n[VERIFY_VIEW] == 0 && t.n[VERIFY_LEFTOVER] == 0,
	    "verify has nothing against the indexes");
	lie();
	tap_ok(!rebuilds(want), "one that lies is believed");
	t = verify(false);
	tap_ok(t.n[VERIFY_VIEW] > 0 && t.repaired == 0, "verify finds it");
	t = verify(true);
	tap_ok(t.repaired > 0, "and mends it");
	t = verify(false);
	tap_ok(
	    t.n[VERIFY_VIEW] == 0 && t.n[VERIFY_MESSAGE] == 0 && rebuilds(want),
	    "for good");
	save(77, "idx", VIEW_LIT("rubbish"));
	t = verify(true);
	tap_ok(t.n[VERIFY_LEFTOVER] == 1 && t.repaired == 1 && !has(77, "idx"),
	    "one of no segment is a leftover");
}

/* A body goes bad below the end: a rebuild does not read it, verify does. */
static void
test_damage(struct view want)
{
	AUTO_BUF struct buf own = BUF_INIT(FILE_MAX * 2),
			    got = BUF_INIT(1 << 20);
	struct account *a;
	struct tally t;
	struct why w;
	uint8_t *p;

	load(2, "seg", &own);
	if ((p = memmem(own.p, own.n, "MARK", 4)) == NULL)
		abort();
	*p = 'm';
	char name[40];

	name_of(2, "seg", name);
	unlinkat(where, name, 0);
	save(2, "seg", buf_view(&own));
	a = another_boot();
	dump(a, &got);
	tap_ok(!account_notice(a, &w) && got.n == want.n,
	    "a changed octet below the end is not seen by a rebuild");
	account_close(&a);
	t = verify(false);
	tap_ok(t.n[VERIFY_LOG] == 1 && t.n[VERIFY_VIEW] > 0,
	    "but by verify, which reads all");
	(void)verify(true);
	tap_ok(has(2, "idx"), "the index of what is damaged stays");
	unlinkat(where, "log/0000000000000002.idx", 0);
	t = verify(false); /* which opens it in another boot */
	tap_ok(t.n[VERIFY_LOG] == 1 && t.n[VERIFY_VIEW] == 0 && !has(2, "idx"),
	    "and none is made again");
	*p = 'M';
	save(2, "seg", buf_view(&own));
	tap_ok(rebuilds(want), "the octet as it was");
}

/* --- DROP --- */

static void
test_drop(void)
{
	AUTO_BUF struct buf want = BUF_INIT(1 << 20),
			    first = BUF_INIT(FILE_MAX * 2);
	struct uid_run run = { 1, 30 }, *runs;
	struct account *a = another_boot();
	struct compact_done d;
	struct tx *t;
	uint64_t modseq, last;
	size_t n;

	load(1, "seg", &first);
	clock_fake_set((int64_t)4000000000 * 1000000, 1000000);
	MUST(tx_begin(a, &t));
	MUST(tx_expunge(t, 1, &run, 1, false, &runs, &n));
	free(runs);
	MUST(tx_commit(&t, &modseq));
	clock_fake_set((int64_t)4000100000 * 1000000, 1000000);
	MUST(compact_run(a, 10000, true, &d));
	tap_ok(d.segments > 0 && !has(1, "seg") && !has(1, "idx"),
	    "an index goes with its segment");
	fill(a, MESSAGES);
	dump(a, &want);
	account_close(&a);
	tap_ok(rebuilds(buf_view(&want)), "what is left rebuilds");
	save(1, "seg", buf_view(&first));
	for (last = 2; has(last + 1, "seg") || !has(last, "seg");)
		last++;
	tap_ok(
	    rebuilds(buf_view(&want)) && !has(1, "idx") && has(last - 1, "idx"),
	    "a DROP stands in an index too: a segment that came back is "
	    "ignored");
}

/* --- bytes --- */

static void
test_bytes(void)
{
	AUTO_BUF struct buf b = BUF_INIT(4096), small = BUF_INIT(100);
	struct log_index in = { .end = { .at = { 7, 9000 },
				    .crc = 5,
				    .modseq = 3 },
		.salt = 11,
		.has_drop = true },
			 out;
	struct log_record r = { .type = RECORD_KEYWORD,
		.payload = VIEW_LIT("payload"),
		.at = { 7, 8300 } },
			  got;
	struct view entries;
	unsigned wrong = 0;

	log_index_start(&b);
	log_index_add(&b, &r);
	r.type = RECORD_BODY;
	log_index_add(&b, &r); /* not the payload of one */
	tap_ok(log_index_finish(&b, &in) &&
		b.n == LOG_INDEX_HEAD + LOG_INDEX_ENTRY + r.payload.n,
	    "head and entry; what is no body is left out");
	tap_ok(log_index_read(buf_view(&b), &out, &entries) &&
		out.end.at.segment == 7 && out.end.at.offset == 9000 &&
		out.end.crc == 5 && out.end.modseq == 3 && out.salt == 11 &&
		out.has_drop,
	    "the head as it was put");
	tap_ok(log_index_take(&entries, &out, &got) && got.is_brief &&
		got.type == RECORD_KEYWORD && got.at.segment == 7 &&
		got.at.offset == 8300 && got.modseq == 3 &&
		view_eq(got.payload, r.payload) && entries.n == 0 &&
		!log_index_take(&entries, &out, &got),
	    "and the entry");
	for (size_t n = 0; n < b.n; n++)
		wrong += log_index_read(
		    view_sub(buf_view(&b), 0, n), &out, &entries);
	tap_ok(wrong == 0, "no part of it is one");
	log_index_start(&small);
	r.type = RECORD_KEYWORD;
	for (int i = 0; i < 3; i++)
		log_index_add(&small, &r);
	tap_ok(!log_index_finish(&small, &in), "one that is too long is none");
}

int
main(void)
{
	AUTO_BUF struct buf want = BUF_INIT(1 << 20);
	struct account *a;
	uint64_t last;
	bool ok;

	test_bytes();
	where = account_dir_make(path);
	make();
	ok = all_indexed(&last);
	tap_ok(ok && last > 3, "each of %u finished segments got an index",
	    (unsigned)last - 1);
	/* \Recent is not in the log: from here on nothing is */
	for (uint64_t i = 1; i < last; i++) {
		char name[40];

		name_of(i, "idx", name);
		unlinkat(where, name, 0);
	}
	a = another_boot();
	dump(a, &want);
	account_close(&a);
	tap_ok(all_indexed(&last), "a rebuild makes those that are missing");
	tap_ok(rebuilds(buf_view(&want)), "from them comes the same account");
	test_files(buf_view(&want));
	test_not_a_file(buf_view(&want));
	test_verify(buf_view(&want));
	test_damage(buf_view(&want));
	test_drop();
	close(where);
	account_dir_remove(path);
	return tap_done();
}
