#include "account_help.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/compact.h"
#include "store/inside.h"
#include "store/log.h"
#include "store/uidruns.h"
#include "store/vdb.h"

/*
 * The store against a naive model of it: thousands of random changes, in
 * between closed and opened again, rebuilt and compacted; rows, counters, runs,
 * changes and octets must be the same. In the end the log is replayed in random
 * order, each record twice.
 */

#define BOXES 5
#define BOX_MAX 400
#define DAY (24 * 3600)

struct message {
	uint32_t uid, text;
	uint16_t system;
	uint64_t keywords, modseq;
	int64_t date;
};

struct box {
	bool exists;
	uint32_t id, uidnext;
	struct message m[BOX_MAX];
	size_t n;
};

/* What a client knew at some time. */
struct memory {
	uint64_t modseq;
	uint32_t uidnext, id;
	uint32_t uid[BOX_MAX];
	size_t n;
};

static struct box box[BOXES];
static struct memory memory[BOXES];
static struct account *a;
static struct account_options options;
static int account_fd;
static uint32_t next_text = 1;
static uint64_t seed = 12345;
static unsigned boots, differences, segments;
static const struct uid_run all = { 1, UINT32_MAX };

static uint32_t
chance(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

static size_t
text_make(uint32_t text, char out[600])
{
	return (size_t)snprintf(out, 600, "Subject: %u\r\n\r\n%0*u\r\n", text,
	    1 + (int)(text % 500), text);
}

static void
differs(const char *what, uint32_t x, uint64_t got, uint64_t want)
{
	if (differences++ < 20)
		printf("# %s %u: got %llu, want %llu\n", what, x,
		    (unsigned long long)got, (unsigned long long)want);
}

#define SAME(what, x, got, want)                                               \
	do {                                                                   \
		uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);     \
		if (got_ != want_)                                             \
			differs(what, x, got_, want_);                         \
	} while (0)

/* --- comparing --- */

static void
compare_row(const struct box *b)
{
	struct mailbox_row row;
	uint32_t unseen = 0, deleted = 0, first = 0;
	int64_t oldest = INT64_MAX;
	char text[600];
	uint64_t size = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct message *m = &b->m[i];

		if ((m->system & STORE_SEEN) == 0) {
			unseen++;
			if (first == 0)
				first = m->uid;
		}
		deleted += (m->system & STORE_DELETED) != 0;
		size += text_make(m->text, text);
		if (m->date < oldest)
			oldest = m->date;
	}
	MUST(mailbox_get(a, b->id, &row));
	SAME("messages of", b->id, row.messages, b->n);
	SAME("unseen of", b->id, row.unseen, unseen);
	SAME("first unseen of", b->id, row.first_unseen, first);
	SAME("deleted of", b->id, row.deleted, deleted);
	SAME("size of", b->id, row.size, size);
	SAME("uidnext of", b->id, row.uidnext, b->uidnext);
	if (b->n > 0)
		SAME("oldest of", b->id, row.oldest, oldest);
}

static void
compare_runs(const struct box *b)
{
	struct mailbox_row row;
	struct uid_run *runs;
	size_t n, k = 0;

	MUST(mailbox_open(a, b->id, &row, &runs, &n));
	for (size_t i = 0; i < n; i++)
		for (uint32_t uid = runs[i].lo; uid <= runs[i].hi; uid++, k++)
			SAME("run of", b->id, uid, k < b->n ? b->m[k].uid : 0);
	SAME("runs of", b->id, k, b->n);
	for (size_t i = 1; i < n; i++)
		SAME("gap of", b->id, runs[i].lo > runs[i - 1].hi + 1, 1);
	free(runs);
}

static void
compare_text(const struct message *m, const struct message_body *got)
{
	char text[600];
	struct view want = { (uint8_t *)text, text_make(m->text, text) };

	SAME("octets of UID", m->uid,
	    got->octets.p != NULL && view_eq(got->octets, want), 1);
}

static void
compare_messages(const struct box *b, bool octets)
{
	static struct message_row rows[BOX_MAX + 1];
	static struct message_body bodies[BOX_MAX];
	static uint64_t number[BOX_MAX];
	size_t n;

	MUST(message_rows(a, b->id, 1, UINT32_MAX, rows, BOX_MAX + 1, &n));
	SAME("rows of", b->id, n, b->n);
	for (size_t i = 0; i < n && i < b->n; i++) {
		const struct message *m = &b->m[i];

		SAME("uid in", b->id, rows[i].uid, m->uid);
		SAME("flags of", m->uid, rows[i].flags.system, m->system);
		SAME("keywords of", m->uid, rows[i].flags.keywords[0],
		    m->keywords);
		SAME("modseq of", m->uid, rows[i].modseq, m->modseq);
		SAME("date of", m->uid, rows[i].date, m->date);
		number[i] = rows[i].body;
	}
	if (!octets || n != b->n)
		return;
	MUST(message_bodies(a, number, n, bodies));
	for (size_t i = 0; i < n; i++)
		compare_text(&b->m[i], &bodies[i]);
	message_release(a);
}

static void
compare_all(bool octets)
{
	for (unsigned i = 0; i < BOXES; i++) {
		if (!box[i].exists)
			continue;
		compare_row(&box[i]);
		compare_runs(&box[i]);
		compare_messages(&box[i], octets);
	}
}

static bool
in_runs(const struct uid_run *r, size_t n, uint32_t uid)
{
	for (size_t i = 0; i < n; i++)
		if (uid >= r[i].lo && uid <= r[i].hi)
			return true;
	return false;
}

/* A client that knew memory[i] resynchronises. */
static void
compare_changes(unsigned i)
{
	struct memory *k = &memory[i];
	const struct box *b = &box[i];
	struct mailbox_changes c;

	if (!b->exists || k->id != b->id)
		return;
	MUST(mailbox_changes(a, b->id, k->modseq, k->uidnext, &c));
	for (size_t j = 0; j < k->n && !c.incomplete; j++) {
		bool there = false;

		for (size_t x = 0; x < b->n; x++)
			there |= b->m[x].uid == k->uid[j];
		SAME("expunged", k->uid[j],
		    in_runs(c.expunged, c.n_expunged, k->uid[j]), !there);
	}
	for (size_t x = 0; x < b->n; x++) {
		const struct message *m = &b->m[x];

		if (m->uid >= k->uidnext)
			SAME("arrived", m->uid,
			    in_runs(c.arrived, c.n_arrived, m->uid), 1);
		else if (m->modseq > k->modseq)
			SAME("changed", m->uid,
			    in_runs(c.flags, c.n_flags, m->uid), 1);
	}
	for (size_t x = 0; x < c.n_flags; x++)
		for (uint32_t u = c.flags[x].lo; u <= c.flags[x].hi; u++) {
			bool there = false;

			for (size_t y = 0; y < b->n; y++)
				there |= b->m[y].uid == u;
			SAME("changed one exists", u, there, 1);
		}
	mailbox_changes_fini(&c);
}

static void
remember(unsigned i)
{
	struct memory *k = &memory[i];

	if (!box[i].exists)
		return;
	k->id = box[i].id;
	k->uidnext = box[i].uidnext;
	MUST(account_modseq(a, &k->modseq));
	k->n = box[i].n;
	for (size_t j = 0; j < k->n; j++)
		k->uid[j] = box[i].m[j].uid;
}

/* --- changes --- */

static struct tx *
begin(void)
{
	struct tx *t;

	MUST(tx_begin(a, &t));
	return t;
}

static uint64_t
commit(struct tx *t)
{
	uint64_t modseq;

	MUST(tx_commit(&t, &modseq));
	return modseq;
}

static uint32_t
pick_box(void)
{
	uint32_t i;

	do
		i = chance(BOXES);
	while (!box[i].exists);
	return i;
}

static void
do_append(void)
{
	struct box *b = &box[pick_box()];
	size_t n = 1 + chance(4), first = b->n;
	struct spool *s[4];
	struct tx *t;

	if (b->n + n > BOX_MAX)
		return;
	for (size_t i = 0; i < n; i++) {
		char text[600];

		s[i] = spool_text(a,
		    (struct view){ (uint8_t *)text,
			text_make(next_text + (uint32_t)i, text) });
	}
	t = begin();
	for (size_t i = 0; i < n; i++) {
		struct message *m = &b->m[b->n++];
		struct store_flags f = { 0 };
		uint64_t body;

		*m = (struct message){ .text = next_text++,
			.date = 1000 + chance(1000000),
			.system = chance(2) ? STORE_SEEN : 0,
			.keywords = chance(3) ? 0 : 2 };
		f.system = m->system;
		f.keywords[0] = m->keywords;
		MUST(tx_body(t, s[i], &body));
		MUST(tx_message(t, b->id, body, &f, m->date, 0, &m->uid));
		SAME("UID given", m->uid, m->uid, b->uidnext);
		b->uidnext = m->uid + 1;
	}
	uint64_t modseq = commit(t);

	for (size_t i = first; i < b->n; i++)
		b->m[i].modseq = modseq;
	for (size_t i = 0; i < n; i++)
		spool_free(&s[i]);
}

static struct uid_run
some_run(const struct box *b)
{
	uint32_t lo = 1 + chance(b->uidnext), len = chance(30);

	return (struct uid_run){ lo, lo + len };
}

static void
do_flags(void)
{
	struct box *b = &box[pick_box()];
	struct uid_run run = some_run(b), *changed, *modified;
	struct store_flags f = { .system = (uint16_t)chance(32) };
	enum tx_flags_how how = (enum tx_flags_how)chance(3);
	uint64_t since = 0, modseq;
	size_t n, m;
	struct tx *t;

	f.keywords[0] = chance(8);
	if (chance(4) == 0) {
		MUST(account_modseq(a, &since));
		since -= chance((uint32_t)since);
	}
	t = begin();
	MUST(tx_flags(
	    t, b->id, &run, 1, how, &f, since, &changed, &n, &modified, &m));
	modseq = commit(t);
	for (size_t i = 0; i < b->n; i++) {
		struct message *x = &b->m[i], was = *x;

		if (x->uid < run.lo || x->uid > run.hi)
			continue;
		if (since != 0 && x->modseq > since) {
			SAME("modified", x->uid, in_runs(modified, m, x->uid),
			    1);
			continue;
		}
		if (how == TX_FLAGS_SET) {
			x->system = f.system;
			x->keywords = f.keywords[0];
		} else if (how == TX_FLAGS_ADD) {
			x->system |= f.system;
			x->keywords |= f.keywords[0];
		} else {
			x->system &= (uint16_t)~f.system;
			x->keywords &= ~f.keywords[0];
		}
		bool other =
		    x->system != was.system || x->keywords != was.keywords;

		SAME("told as changed", x->uid, in_runs(changed, n, x->uid),
		    other);
		if (other)
			x->modseq = modseq;
	}
	free(changed);
	free(modified);
}

static void
drop_messages(struct box *b, const struct uid_run *gone, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < b->n; i++)
		if (!in_runs(gone, n, b->m[i].uid))
			b->m[k++] = b->m[i];
	b->n = k;
}

static void
do_expunge(void)
{
	struct box *b = &box[pick_box()];
	struct uid_run run = chance(8) == 0 ? all : some_run(b), *gone;
	bool only = chance(2);
	size_t n, want = 0;
	struct tx *t = begin();

	for (size_t i = 0; i < b->n; i++)
		want += b->m[i].uid >= run.lo && b->m[i].uid <= run.hi &&
		    (!only || (b->m[i].system & STORE_DELETED) != 0);
	MUST(tx_expunge(t, b->id, &run, 1, only, &gone, &n));
	commit(t);
	SAME("expunged from", b->id, uidruns_count(gone, n), want);
	drop_messages(b, gone, n);
	free(gone);
}

static void
do_copy(void)
{
	unsigned i = pick_box(), j = pick_box();
	struct box *s = &box[i], *d = &box[j];
	struct uid_run run = some_run(s), *from;
	bool move = chance(2);
	size_t n, had = d->n, end = s->n;
	uint32_t first;
	struct tx *t;

	if (d->n + 31 > BOX_MAX)
		return;
	t = begin();
	MUST(tx_copy(t, s->id, &run, 1, d->id, move, &from, &n, &first));
	uint64_t modseq = commit(t);

	for (size_t k = 0; k < end; k++) {
		if (s->m[k].uid < run.lo || s->m[k].uid > run.hi)
			continue;
		struct message m = s->m[k];

		SAME("copied", m.uid, in_runs(from, n, m.uid), 1);
		m.uid = d->uidnext++;
		m.modseq = modseq;
		d->m[d->n++] = m;
	}
	if (d->n > had)
		SAME("first copy", first, first, d->m[had].uid);
	if (move)
		drop_messages(s, from, n);
	free(from);
}

static void
name_of(unsigned i, char out[20])
{
	snprintf(out, 20, "box%u/%u", i, i);
}

static void
do_mailbox(void)
{
	unsigned i = 1 + chance(BOXES - 1);
	struct box *b = &box[i];
	char name[20];
	struct tx *t = begin();

	name_of(i, name);
	if (!b->exists) {
		MUST(tx_mailbox_create(t, view_str(name), 0, &b->id));
		b->exists = true;
		b->n = 0;
		b->uidnext = 1;
	} else if (chance(4) == 0) {
		MUST(tx_mailbox_delete(t, view_str(name)));
		b->exists = false;
	} else {
		MUST(tx_mailbox_rename(
		    t, view_str(name), VIEW_LIT("for/a/while")));
		MUST(tx_mailbox_rename(
		    t, VIEW_LIT("for/a/while"), view_str(name)));
	}
	commit(t);
}

static void
reopen(bool other_boot)
{
	static char boot[CLOCK_BOOT_ID_SIZE] = "boot-0";

	if (other_boot)
		snprintf(boot, sizeof boot, "boot-%u", ++boots);
	else if (chance(3) == 0)
		MUST(account_settle(a));
	account_close(&a);
	options.boot_id = boot;
	a = account_must(account_fd, false, &options);
	log_set_bound(a->log, 40000);
}

static void
do_compact(void)
{
	struct compact_done d;

	MUST(compact_run(a, chance(2), true, &d));
	segments += d.segments;
}

static void
change(void)
{
	switch (chance(20)) {
	case 0:
		reopen(false);
		break;
	case 1:
		if (chance(4) == 0)
			reopen(true);
		break;
	case 2:
		do_compact();
		break;
	case 3:
		do_mailbox();
		break;
	case 4:
		clock_fake_advance((uint64_t)chance(3) * DAY * 1000000);
		break;
	case 5:
	case 6:
	case 7:
		do_copy();
		break;
	case 8:
	case 9:
	case 10:
		do_expunge();
		break;
	case 11:
	case 12:
	case 13:
	case 14:
		do_flags();
		break;
	default:
		do_append();
		break;
	}
}

/* --- replay --- */

struct kept {
	struct log_record *r;
	size_t n, cap;
};

static int
keep(void *ctx, const struct log_record *r)
{
	struct kept *k = ctx;
	uint8_t *p = xmalloc(r->payload.n + 1);

	if (k->n == k->cap) {
		k->cap = k->cap == 0 ? 1024 : k->cap * 2;
		k->r = xrealloc(k->r, k->cap, sizeof *k->r);
	}
	memcpy(p, r->payload.p, r->payload.n);
	k->r[k->n] = *r;
	k->r[k->n++].payload.p = p;
	return 0;
}

static void
shuffle(struct kept *k)
{
	for (size_t i = k->n; i > 1; i--) {
		size_t j = chance((uint32_t)i);
		struct log_record r = k->r[i - 1];

		k->r[i - 1] = k->r[j];
		k->r[j] = r;
	}
}

/* Counters of what is there must not depend on the order. */
static void
compare_replayed(struct vdb_txn *t, const struct box *b)
{
	static struct message_row got[BOX_MAX + 1], want[BOX_MAX + 1];
	const struct vdb_mailbox *m;
	struct mailbox_row row;
	size_t n, w;
	int r = vdb_mailbox(t, b->id, &m);

	SAME("replayed mailbox", b->id, r, 0);
	if (r != 0)
		return;
	MUST(mailbox_get(a, b->id, &row));
	SAME("replayed messages", b->id, m->row.messages, row.messages);
	SAME("replayed unseen", b->id, m->row.unseen, row.unseen);
	SAME("replayed first", b->id, m->row.first_unseen, row.first_unseen);
	SAME("replayed size", b->id, m->row.size, row.size);
	SAME("replayed uidnext", b->id, m->row.uidnext, row.uidnext);
	SAME("replayed modseq", b->id, m->row.highestmodseq, row.highestmodseq);
	SAME("replayed validity", b->id, m->row.uidvalidity, row.uidvalidity);
	MUST(vdb_rows(t, b->id, 1, UINT32_MAX, got, BOX_MAX + 1, &n));
	MUST(message_rows(a, b->id, 1, UINT32_MAX, want, BOX_MAX + 1, &w));
	SAME("replayed rows", b->id, n, w);
	for (size_t i = 0; i < n && i < w; i++)
		SAME("replayed row", want[i].uid,
		    memcmp(&got[i], &want[i], sizeof got[i]), 0);
}

static void
replay_randomly(struct kept *k, unsigned times)
{
	struct vdb *v;
	struct vdb_txn *t;

	MUST(vdb_create_private(&v, NULL));
	MUST(vdb_begin(v, true, &t, NULL));
	for (unsigned i = 0; i < times; i++) {
		shuffle(k);
		for (size_t j = 0; j < k->n; j++)
			if (vdb_apply(t, &k->r[j]) != 0)
				differs(vdb_error(t), k->r[j].type, 1, 0);
	}
	for (unsigned i = 0; i < BOXES; i++)
		if (box[i].exists)
			compare_replayed(t, &box[i]);
	vdb_abort(t);
	vdb_close(&v);
}

static void
test_replay(void)
{
	struct kept k = { 0 };
	struct log_tail tail;

	MUST(log_lock(a->log, 0, NULL));
	MUST(log_recover(a->log, NULL, &tail, NULL));
	MUST(log_replay(a->log, NULL, &tail, keep, &k, NULL, NULL));
	log_unlock(a->log);
	for (unsigned i = 0; i < 20; i++)
		replay_randomly(&k, 1 + i % 2);
	for (size_t i = 0; i < k.n; i++)
		free((void *)(uintptr_t)k.r[i].payload.p);
	free(k.r);
	tap_ok(differences == 0, "replay in random order, once and twice");
}

int
main(int argc, char **argv)
{
	unsigned turns = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1500;
	char path[64];
	struct tx *t;
	unsigned k;

	if (argc > 2)
		seed = strtoul(argv[2], NULL, 10);
	account_fd = account_dir_make(path);
	clock_fake_set(1700000000ll * 1000000, 1000000);
	options.boot_id = "boot-0";
	a = account_must(account_fd, true, &options);
	log_set_bound(a->log, 40000);
	box[0] = (struct box){ .exists = true, .id = 1, .uidnext = 1 };
	t = begin();
	MUST(tx_keyword(t, VIEW_LIT("one"), &k));
	MUST(tx_keyword(t, VIEW_LIT("two"), &k));
	MUST(tx_keyword(t, VIEW_LIT("three"), &k));
	commit(t);
	for (unsigned i = 0; i < turns && differences == 0; i++) {
		change();
		compare_changes(i % BOXES);
		if (chance(6) == 0)
			remember(i % BOXES);
		if (i % 10 == 0)
			compare_all(i % 50 == 0);
		if (differences > 0)
			printf("# at turn %u\n", i);
	}
	compare_all(true);
	tap_ok(differences == 0, "%u random changes", turns);
	tap_ok(segments > 0, "%u segments were compacted", segments);
	reopen(true);
	compare_all(true);
	tap_ok(differences == 0, "and all is there in another boot");
	test_replay();
	account_close(&a);
	account_dir_remove(path);
	return tap_done();
}
