#include "account_help.h"

#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/compact.h"
#include "store/inside.h"
#include "store/metadata_inside.h"
#include "store/tx_inside.h"
#include "store/vdb.h"
#include "store/verify.h"

/* Annotations: names, values, limits, and what becomes of them. */

static int where;
static struct account *a;
static unsigned boots;

static struct view
str(const char *s)
{
	return view_str(s);
}

/* Another boot: the view is built anew of the log. */
static void
reopen(bool anew)
{
	char id[40];
	struct account_options o = { .boot_id = id, .keep_expunged = 1 };

	boots += anew;
	snprintf(id, sizeof id, "boot-%u", boots);
	account_close(&a);
	a = account_must(where, true, &o);
}

/* One change; the result of the call. */
static int
set_view(uint32_t mailbox, struct view entry, const struct view *value)
{
	struct tx *t;
	uint64_t modseq;
	int r;

	MUST(tx_begin(a, &t));
	r = tx_metadata(t, mailbox, entry, value);
	MUST(tx_commit(&t, &modseq));
	return r;
}

static int
set(uint32_t mailbox, const char *entry, const char *value)
{
	struct view v = value != NULL ? str(value) : (struct view){ NULL, 0 };

	return set_view(mailbox, str(entry), value != NULL ? &v : NULL);
}

static bool
is(uint32_t mailbox, const char *entry, const char *want)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 20);
	struct view v;
	int r = metadata_get(a, mailbox, str(entry), arena, &v);

	if (want == NULL)
		return r == STORE_NOT_FOUND;
	return r == 0 && v.p != NULL && view_eq(v, str(want));
}

/* "/shared/a:3 /shared/b:0 " */
static const char *
list(uint32_t mailbox)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 20);
	static char out[1000];
	struct metadata_entry *e;
	size_t n, at = 0;

	out[0] = '\0';
	MUST(metadata_list(a, mailbox, arena, &e, &n));
	for (size_t i = 0; i < n && at < sizeof out; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%.*s:%zu ",
		    (int)e[i].name.n, (const char *)e[i].name.p, e[i].size);
	return out;
}

static uint32_t
id_of(const char *name)
{
	struct mailbox_row row;

	MUST(mailbox_find(a, str(name), &row));
	return row.id;
}

enum op { CREATE, DELETE, RENAME };

static int
run(enum op op, const char *name, const char *to)
{
	struct tx *t;
	uint64_t modseq;
	uint32_t id;
	int r = 0;

	MUST(tx_begin(a, &t));
	if (op == CREATE)
		r = tx_mailbox_create(t, str(name), 0, &id);
	else if (op == DELETE)
		r = tx_mailbox_delete(t, str(name));
	else
		r = tx_mailbox_rename(t, str(name), str(to));
	MUST(tx_commit(&t, &modseq));
	return r;
}

/* --- names --- */

static void
test_names(void)
{
	static const struct {
		const char *name;
		int want;
		bool level;
	} names[] = {
		{ "/shared/comment", STORE_OK, true },
		{ "/PRIVATE/Comment", STORE_OK, true },
		{ "/shared/a b/c", STORE_OK, true },
		{ "/shared/imapsieve/script", STORE_OK, true },
		{ "/private/vendor/v/x", STORE_OK, true },
		{ "/private/vendors", STORE_OK, true },
		{ "/private/vendor/v", STORE_BAD_NAME, true },
		{ "/shared/Vendor", STORE_BAD_NAME, true },
		{ "/shared", STORE_BAD_NAME, true },
		{ "", STORE_BAD_NAME, false },
		{ "/", STORE_BAD_NAME, false },
		{ "comment", STORE_BAD_NAME, false },
		{ "shared/comment", STORE_BAD_NAME, false },
		{ "/sharedx/comment", STORE_BAD_NAME, false },
		{ "/other/comment", STORE_BAD_NAME, false },
		{ "/shared/", STORE_BAD_NAME, false },
		{ "/shared//x", STORE_BAD_NAME, false },
		{ "//shared/x", STORE_BAD_NAME, false },
		{ "/shared/x/", STORE_BAD_NAME, false },
		{ "/shared/a*", STORE_BAD_NAME, false },
		{ "/shared/a%", STORE_BAD_NAME, false },
		{ "/shared/a\x19", STORE_BAD_NAME, false },
		{ "/shared/a\x7f", STORE_BAD_NAME, false },
		{ "/shared/\xc3\xa4", STORE_BAD_NAME, false },
	};
	char text[METADATA_NAME_MAX + 1];
	struct view v = { (uint8_t *)text, METADATA_NAME_MAX };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		tap_ok(
		    metadata_name_check(str(names[i].name)) == names[i].want &&
			metadata_is_level(str(names[i].name)) == names[i].level,
		    "name %s", names[i].name);
	memset(text, 'x', sizeof text);
	memcpy(text, "/shared/", 8);
	tap_ok(metadata_name_check(v) == 0 && metadata_is_level(v) &&
		set_view(0, v, &v) == 0 && set_view(0, v, NULL) == 0,
	    "a name at its limit");
	v.n++;
	tap_ok(metadata_name_check(v) == STORE_LIMIT && !metadata_is_level(v) &&
		set_view(0, v, &v) == STORE_LIMIT,
	    "and past it");
}

/* --- setting --- */

static void
test_set(void)
{
	AUTO_ARENA struct arena *small = arena_new(64);
	const struct view nul = { (const uint8_t *)"a\0b", 3 };
	AUTO_ARENA struct arena *arena = arena_new(1 << 10);
	uint64_t before, after;
	struct view v;

	tap_ok(is(1, "/shared/comment", NULL) && is(0, "/shared/x", NULL) &&
		is(77, "/shared/x", NULL) && is(1, "comment", NULL),
	    "nothing at first");
	tap_ok(set(1, "/Shared/COMMENT", "one") == 0 &&
		is(1, "/shared/comment", "one") &&
		is(1, "/SHARED/comment", "one"),
	    "names in any case");
	tap_ok(is(0, "/shared/comment", NULL), "the account has another");
	tap_ok(set(0, "/shared/comment", "server") == 0 &&
		is(0, "/shared/comment", "server") &&
		is(1, "/shared/comment", "one"),
	    "of its own");
	tap_ok(set(1, "/private/comment", "") == 0 &&
		is(1, "/private/comment", ""),
	    "no octets are a value");
	tap_ok(set_view(1, str("/shared/nul"), &nul) == 0 &&
		metadata_get(a, 1, str("/shared/nul"), arena, &v) == 0 &&
		view_eq(v, nul),
	    "any octets are");
	tap_ok(strcmp(list(1),
		   "/private/comment:0 /shared/comment:3 /shared/nul:3 ") == 0,
	    "list: %s", list(1));
	tap_ok(strcmp(list(0), "/shared/comment:6 ") == 0, "list: %s", list(0));
	MUST(account_modseq(a, &before));
	tap_ok(set(1, "/shared/comment", "one") == 0 &&
		set(1, "/shared/none", NULL) == 0 &&
		account_modseq(a, &after) == 0 && before == after,
	    "nothing new is not written");
	tap_ok(set(1, "/shared/comment", "two") == 0 &&
		account_modseq(a, &after) == 0 && after == before + 1 &&
		is(1, "/shared/comment", "two"),
	    "another value takes its place");
	tap_ok(set(1, "/SHARED/nul", NULL) == 0 && is(1, "/shared/nul", NULL),
	    "and may be removed");
	tap_ok(set(99, "/shared/x", "x") == STORE_NOT_FOUND &&
		set(99, "/shared/x", NULL) == STORE_NOT_FOUND,
	    "of a mailbox that there is");
	tap_ok(set(1, "/x/y", "x") == STORE_BAD_NAME, "with a name");
	tap_ok(metadata_get(a, 1, str("/shared/comment"), small, &v) == 0 &&
		set(1, "/shared/long",
		    "0123456789012345678901234567890123456789"
		    "0123456789012345678901234567890123456789") == 0 &&
		metadata_get(a, 1, str("/shared/long"), small, &v) == -ENOMEM &&
		set(1, "/shared/long", NULL) == 0,
	    "a small arena is an error");
}

static void
test_change(void)
{
	const struct view x = VIEW_LIT("x"), y = VIEW_LIT("y");
	struct tx *t;
	uint64_t modseq, before;

	MUST(account_modseq(a, &before));
	MUST(tx_begin(a, &t));
	MUST(tx_metadata(t, 1, str("/shared/t"), &x));
	tap_ok(is(1, "/shared/t", "x"), "a change sees itself");
	MUST(tx_metadata(t, 1, str("/shared/t"), NULL));
	MUST(tx_metadata(t, 1, str("/shared/T"), &y));
	tap_ok(
	    is(1, "/shared/t", "y") && t->count == 0, "its last word counts");
	MUST(tx_commit(&t, &modseq));
	tap_ok(modseq == before + 1 && is(1, "/shared/t", "y"), "committed");
	MUST(tx_begin(a, &t));
	MUST(tx_metadata(t, 1, str("/shared/t"), &x));
	tx_abort(&t);
	tap_ok(is(1, "/shared/t", "y"), "nothing of it after an abort");
	MUST(set(1, "/shared/t", NULL));
}

static void
test_changes(void)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 16);
	struct metadata_change *c;
	uint64_t since, end;
	size_t n;

	MUST(account_modseq(a, &since));
	MUST(metadata_changes(a, since, arena, &c, &n));
	tap_ok(n == 0, "no changes");
	MUST(set(1, "/shared/b", "1"));
	MUST(set(1, "/shared/a", "1"));
	MUST(set(0, "/shared/b", "1"));
	MUST(set(1, "/shared/b", NULL));
	MUST(account_modseq(a, &end));
	MUST(metadata_changes(a, since, arena, &c, &n));
	tap_ok(n == 3 && c[0].mailbox == 0 && c[1].mailbox == 1 &&
		view_eq(c[1].name, str("/shared/a")) && c[2].mailbox == 1 &&
		view_eq(c[2].name, str("/shared/b")) && c[2].version == end,
	    "what was set and what was removed, once each: %zu", n);
	MUST(metadata_changes(a, end - 1, arena, &c, &n));
	tap_ok(n == 1 && view_eq(c[0].name, str("/shared/b")),
	    "after a later one only what is newer");
	MUST(set(1, "/shared/a", NULL));
	MUST(set(0, "/shared/b", NULL));
}

static int
worst(void *ctx, const struct verify_finding *f)
{
	snprintf(ctx, 200, "%.190s", f->text);
	return 0;
}

static void
test_reopen(void)
{
	struct verify_totals s;
	char text[200] = "";

	for (int anew = 0; anew < 2; anew++) {
		reopen(anew);
		tap_ok(is(1, "/shared/comment", "two") &&
			is(1, "/private/comment", "") &&
			is(1, "/shared/nul", NULL) &&
			is(0, "/shared/comment", "server"),
		    "opened again%s", anew ? ", the view built anew" : "");
	}
	MUST(verify_run(a, false, worst, text, &s));
	tap_ok(s.findings == 0, "verifies: %s", text);
}

/* --- what becomes of them --- */

static void
test_mailboxes(void)
{
	uint32_t id;

	MUST(run(CREATE, "a/b", NULL));
	MUST(set(id_of("a"), "/shared/x", "of a"));
	MUST(set(id_of("a/b"), "/shared/x", "of b"));
	MUST(run(RENAME, "a", "z"));
	tap_ok(is(id_of("z"), "/shared/x", "of a") &&
		is(id_of("z/b"), "/shared/x", "of b"),
	    "they move along");
	id = id_of("z");
	MUST(run(DELETE, "z", NULL));
	tap_ok(is(id, "/shared/x", NULL), "and go with the mailbox");
	tap_ok(id_of("z") == id && set(id, "/shared/x", "again") == 0 &&
		is(id, "/shared/x", "again"),
	    "\\Noselect has some too");
	MUST(run(DELETE, "z/b", NULL));
	MUST(run(DELETE, "z", NULL));
	tap_ok(is(id, "/shared/x", NULL) &&
		set(id, "/shared/x", "x") == STORE_NOT_FOUND,
	    "until it goes as well");
	MUST(run(RENAME, "INBOX", "old"));
	tap_ok(is(1, "/shared/comment", "two") &&
		is(id_of("old"), "/shared/comment", "two") &&
		is(id_of("old"), "/private/comment", ""),
	    "INBOX keeps its own, its new name has copies");
	reopen(true);
	tap_ok(is(id, "/shared/x", NULL) &&
		is(id_of("old"), "/shared/comment", "two") &&
		strcmp(list(0), "/shared/comment:6 ") == 0,
	    "so says the log");
	MUST(run(DELETE, "old", NULL));
}

static void
expunge_all(void)
{
	struct uid_run run = { 1, UINT32_MAX }, *gone;
	struct tx *t;
	uint64_t modseq;
	size_t n;

	MUST(tx_begin(a, &t));
	MUST(tx_expunge(t, 1, &run, 1, false, &gone, &n));
	MUST(tx_commit(&t, &modseq));
	free(gone);
}

static void
fill(unsigned n)
{
	char text[4000];

	memset(text, 'x', sizeof text);
	memcpy(text, "S: x\r\n\r\n", 8);
	for (unsigned i = 0; i < n; i++)
		append_text(
		    a, 1, (struct view){ (uint8_t *)text, sizeof text }, NULL);
}

/* Segments go; what was set in them stays, and what was removed does not come
 * back. */
static void
test_compact(void)
{
	AUTO_FREE struct log_segment *s = NULL;
	struct verify_totals v;
	struct compact_done d = { .segments = 0 };
	uint64_t gone = 0;
	size_t n;

	reopen(true);
	log_set_bound(a->log, 20000);
	MUST(set(1, "/shared/kept", "kept"));
	MUST(set(1, "/shared/gone", "gone"));
	fill(10);
	MUST(set(1, "/shared/gone", NULL));
	fill(10);
	expunge_all();
	clock_fake_advance(2 * 1000000); /* keep_expunged is a second */
	for (int i = 0; i < 20; i++) {
		MUST(compact_run(a, 1000, true, &d));
		gone += d.segments;
	}
	MUST(log_segments(a->log, &s, &n, NULL));
	tap_ok(gone >= 3, "%ju segments are gone", (uintmax_t)gone);
	tap_ok(is(1, "/shared/kept", "kept") && is(1, "/shared/gone", NULL),
	    "compaction carries what is set");
	MUST(verify_run(a, false, NULL, NULL, &v));
	tap_ok(v.findings == 0, "and it verifies");
	reopen(true);
	tap_ok(is(1, "/shared/kept", "kept") && is(1, "/shared/gone", NULL) &&
		is(0, "/shared/comment", "server"),
	    "so it is when built anew");
	MUST(set(1, "/shared/kept", NULL));
}

static void
test_verify(void)
{
	struct record_entry_kv e = { .version = 1, .set = true };
	uint8_t buf[METADATA_KEY_MAX];
	struct verify_totals s;
	struct vdb_txn *t;
	char text[200] = "";

	e.key = metadata_key(1, str("/shared/ghost"), buf);
	MUST(account_write(a, 0, &t));
	MUST(vdb_entry_put(t, RECORD_METADATA, &e));
	MUST(account_write_end(a, t, true));
	MUST(verify_run(a, true, worst, text, &s));
	tap_ok(s.findings == 1 && s.repaired == 1 &&
		strstr(text, "annotation /shared/ghost of mailbox 1: ") != NULL,
	    "one too many is found: %s", text);
	MUST(verify_run(a, false, NULL, NULL, &s));
	tap_ok(s.findings == 0 && is(1, "/shared/ghost", NULL), "repaired");
}

/* --- limits --- */

/* n more with values of that size, as far as they fit; how many did. */
static unsigned
set_many(uint32_t mailbox, unsigned n, size_t size, const char *prefix)
{
	AUTO_FREE uint8_t *p = xcalloc(size + 1, 1);
	const struct view value = { p, size };
	unsigned done = 0;
	uint64_t modseq;
	struct tx *t;

	MUST(tx_begin(a, &t));
	for (unsigned i = 0; i < n; i++) {
		char name[60];

		snprintf(name, sizeof name, "/private/%s-%u", prefix, i);
		if (tx_metadata(t, mailbox, str(name), &value) == STORE_LIMIT)
			break;
		done++;
	}
	MUST(tx_commit(&t, &modseq));
	return done;
}

static void
remove_all(uint32_t mailbox)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 20);
	struct metadata_entry *e;
	uint64_t modseq;
	struct tx *t;
	size_t n;

	MUST(metadata_list(a, mailbox, arena, &e, &n));
	MUST(tx_begin(a, &t));
	for (size_t i = 0; i < n; i++)
		MUST(tx_metadata(t, mailbox, e[i].name, NULL));
	MUST(tx_commit(&t, &modseq));
}

static void
test_limits(void)
{
	AUTO_FREE uint8_t *p = xcalloc(METADATA_VALUE_MAX + 1, 1);
	struct view value = { p, METADATA_VALUE_MAX };

	remove_all(0);
	remove_all(1);
	tap_ok(
	    set_view(0, str("/shared/x"), &value) == 0, "a value at its limit");
	value.n++;
	tap_ok(set_view(0, str("/shared/x"), &value) == STORE_LIMIT,
	    "and past it");
	tap_ok(strcmp(list(0), "/shared/x:65536 ") == 0, "the old one stays");
	remove_all(0);
	tap_ok(set_many(1, METADATA_MAILBOX_MAX + 1, 1, "n") ==
		METADATA_MAILBOX_MAX,
	    "as many as a mailbox may have");
	tap_ok(set(1, "/shared/more", "x") == STORE_LIMIT &&
		set(1, "/private/n-0", "another") == 0,
	    "no more, but another value");
	tap_ok(set(1, "/private/n-0", NULL) == 0 &&
		set(1, "/shared/more", "x") == 0,
	    "nor after one is removed");
	remove_all(1);
}

/* All of an account. */
static void
test_limits_all(void)
{
	unsigned sum = 0, full = METADATA_MAX / METADATA_MAILBOX_MAX;
	uint32_t first = 0;
	char name[20];

	for (unsigned i = 0; i < full; i++) {
		snprintf(name, sizeof name, "m%u", i);
		MUST(run(CREATE, name, NULL));
		if (i == 0)
			first = id_of(name);
		sum += set_many(id_of(name), METADATA_MAILBOX_MAX, 1, "n");
	}
	tap_ok(sum == METADATA_MAX, "as many as an account may have");
	tap_ok(set(1, "/shared/x", "x") == STORE_LIMIT &&
		set(0, "/shared/x", "x") == STORE_LIMIT,
	    "and no more");
	MUST(set(first, "/private/n-0", NULL));
	MUST(set(1, "/shared/x", "x"));
	tap_ok(run(RENAME, "INBOX", "copy") == STORE_LIMIT,
	    "INBOX's cannot be copied then");
	tap_ok(run(DELETE, "m1", NULL) == 0 &&
		run(RENAME, "INBOX", "copy") == 0 &&
		is(id_of("copy"), "/shared/x", "x"),
	    "until others have gone");
	MUST(run(DELETE, "copy", NULL));
	remove_all(1);
	for (unsigned i = 0; i < full; i++) {
		snprintf(name, sizeof name, "m%u", i);
		if (i != 1)
			MUST(run(DELETE, name, NULL));
	}
}

static void
test_limits_bytes(void)
{
	unsigned n = METADATA_BYTES_MAX / METADATA_VALUE_MAX, sum;

	MUST(run(CREATE, "p", NULL));
	MUST(run(CREATE, "q", NULL));
	sum = set_many(1, METADATA_MAILBOX_MAX, METADATA_VALUE_MAX, "n");
	sum +=
	    set_many(id_of("p"), METADATA_MAILBOX_MAX, METADATA_VALUE_MAX, "n");
	sum +=
	    set_many(id_of("q"), METADATA_MAILBOX_MAX, METADATA_VALUE_MAX, "n");
	tap_ok(sum == n && set(0, "/shared/x", "x") == STORE_LIMIT &&
		set(0, "/shared/x", "") == 0,
	    "as large as all together may be: %u", sum);
	tap_ok(set(1, "/private/n-0", "small") == 0 &&
		set(0, "/shared/x", "x") == 0,
	    "a smaller one makes room");
	MUST(run(DELETE, "p", NULL));
	MUST(run(DELETE, "q", NULL));
	remove_all(0);
	remove_all(1);
}

int
main(void)
{
	struct account_options o = { .boot_id = "boot-0", .keep_expunged = 1 };
	char path[64];

	clock_fake_set(1700000000ll * 1000000, 1);
	where = account_dir_make(path);
	a = account_must(where, true, &o);
	test_names();
	test_set();
	test_change();
	test_changes();
	test_reopen();
	test_mailboxes();
	test_compact();
	test_verify();
	test_limits();
	test_limits_all();
	test_limits_bytes();
	account_close(&a);
	close(where);
	account_dir_remove(path);
	return tap_done();
}
