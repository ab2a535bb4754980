#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "crash.h"
#include "scratch.h"
#include "store/account.h"
#include "store/compact.h"
#include "store/engine.h"
#include "store/inside.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "store/metadata.h"
#include "store/spool.h"
#include "store/tx.h"
#include "store/vdb.h"
#include "store/verify.h"

/*
 * Whole accounts. A script is a list of steps, each one transaction. A model of
 * an account, a few arrays, does the same steps; what the store acknowledged the
 * model has done, what the store reported as failed it has not, and of a step
 * that nobody heard the end of both are right. The account must be one of the
 * models that remain: names, UIDs, flags, octets and digests.
 */

#define SEGMENT_BOUND 20000
#define NOW 1800000000

/* --- steps --- */

enum op {
	APPEND,   /* message a into box */
	MULTI,    /* messages a..b into box, one transaction */
	COPY,     /* UIDs a..b from box into to */
	MOVE,     /* likewise */
	EXPUNGE,  /* UIDs a..b */
	FLAGS,    /* UIDs a..b get exactly these flags */
	CREATE,   /* box */
	RENAME,   /* box into to */
	DELETE,   /* box */
	ANNOTATE, /* box gets annotation a, 0: loses it */
	COMPACT,
	SETTLE, /* an orderly stop: the view is to outlive a power cut */
};
struct step {
	enum op op;
	const char *box, *to;
	uint32_t a, b;
	uint16_t flags;
};
#define STEPS_MAX 12
#define BIG 1000 /* messages from this number on have files of their own */

struct script {
	struct step steps[2][STEPS_MAX]; /* by round; ends with box NULL */
};

/* --- the model --- */

#define BOXES_MAX 12
#define MESSAGES_MAX 64

struct model_message {
	uint32_t uid, number;
	uint16_t flags;
};
struct model_box {
	const char *name;
	uint32_t uidnext, n, annotation;
	struct model_message m[MESSAGES_MAX];
};
struct model {
	size_t n;
	struct model_box box[BOXES_MAX];
};

static struct model_box *
model_find(struct model *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->box[i].name, name) == 0)
			return &m->box[i];
	return NULL;
}

static void
model_put(struct model_box *b, uint32_t number, uint16_t flags)
{
	if (b->n == MESSAGES_MAX)
		abort();
	b->m[b->n++] = (struct model_message){ b->uidnext++, number, flags };
}

static void
model_expunge(struct model_box *b, uint32_t lo, uint32_t hi)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < b->n; i++)
		if (b->m[i].uid < lo || b->m[i].uid > hi)
			b->m[k++] = b->m[i];
	b->n = k;
}

static void
model_copy(struct model_box *from, struct model_box *to, const struct step *s)
{
	uint32_t n = from->n;

	for (uint32_t i = 0; i < n; i++)
		if (from->m[i].uid >= s->a && from->m[i].uid <= s->b)
			model_put(to, from->m[i].number, from->m[i].flags);
	if (s->op == MOVE)
		model_expunge(from, s->a, s->b);
}

/* False when it cannot be done. */
static bool
model_do(struct model *m, const struct step *s)
{
	struct model_box *b = model_find(m, s->box),
			 *to = s->to == NULL ? NULL : model_find(m, s->to);

	if (s->op == CREATE) {
		if (b != NULL)
			return false;
		m->box[m->n++] =
		    (struct model_box){ .name = s->box, .uidnext = 1 };
		return true;
	}
	if (s->op == SETTLE)
		return true;
	if (b == NULL)
		return false;
	switch (s->op) {
	case APPEND:
		model_put(b, s->a, s->flags);
		break;
	case MULTI:
		for (uint32_t i = s->a; i <= s->b; i++)
			model_put(b, i, s->flags);
		break;
	case COPY:
	case MOVE:
		if (to == NULL)
			return false;
		model_copy(b, to, s);
		break;
	case EXPUNGE:
		model_expunge(b, s->a, s->b);
		break;
	case FLAGS:
		for (uint32_t i = 0; i < b->n; i++)
			if (b->m[i].uid >= s->a && b->m[i].uid <= s->b)
				b->m[i].flags = s->flags;
		break;
	case RENAME:
		if (to != NULL)
			return false;
		b->name = s->to;
		break;
	case DELETE:
		*b = m->box[--m->n];
		break;
	case ANNOTATE:
		b->annotation = s->a;
		break;
	case CREATE:
	case COMPACT:
	case SETTLE:
		break;
	}
	return true;
}

/* --- the messages --- */

static size_t
size_of(uint32_t number)
{
	return number >= BIG ? SPOOL_MEMORY + number
			     : 100 + number * 337 % 3000;
}

static struct view
octets_of(uint32_t number)
{
	static uint8_t b[SPOOL_MEMORY + 2 * BIG];
	size_t n = size_of(number), k;

	k = (size_t)sprintf((char *)b, "Subject: %u\r\n\r\n", number);
	for (; k < n; k++)
		b[k] = (uint8_t)('a' + (number + k / 61) % 26);
	return (struct view){ b, n };
}

/* --- doing a step --- */

static struct why w;

static struct view
str(const char *s)
{
	return view_str(s);
}

static int
do_append(struct account *a, struct tx *t, const struct step *s,
    struct spool **spools)
{
	struct store_flags flags = { .system = s->flags };
	uint32_t hi = s->op == MULTI ? s->b : s->a, uid;
	struct mailbox_row row;
	int r = mailbox_find(a, str(s->box), &row);

	for (uint32_t i = s->a; i <= hi && r == 0; i++) {
		uint64_t body;

		r = tx_body(t, spools[i - s->a], &body);
		if (r == 0)
			r = tx_message(
			    t, row.id, body, &flags, NOW + i, 60, &uid);
	}
	return r;
}

static int
do_runs(struct account *a, struct tx *t, const struct step *s)
{
	struct uid_run run = { s->a, s->b }, *out = NULL, *more = NULL;
	struct store_flags flags = { .system = s->flags };
	struct mailbox_row row, to = { 0 };
	size_t n, n_more;
	uint32_t first;
	int r = mailbox_find(a, str(s->box), &row);

	if (r == 0 && s->to != NULL)
		r = mailbox_find(a, str(s->to), &to);
	if (r != 0)
		return r;
	if (s->op == EXPUNGE)
		r = tx_expunge(t, row.id, &run, 1, false, &out, &n);
	else if (s->op == FLAGS)
		r = tx_flags(t, row.id, &run, 1, TX_FLAGS_SET, &flags, 0, &out,
		    &n, &more, &n_more);
	else
		r = tx_copy(
		    t, row.id, &run, 1, to.id, s->op == MOVE, &out, &n, &first);
	free(out);
	free(more);
	return r;
}

static int
do_annotate(struct account *a, struct tx *t, const struct step *s)
{
	char text[20];
	struct view value;
	struct mailbox_row row;
	int r = mailbox_find(a, str(s->box), &row);

	snprintf(text, sizeof(text), "%u", s->a);
	value = str(text);
	return r != 0 ? r
		      : tx_metadata(t, row.id, str("/shared/crash"),
			    s->a != 0 ? &value : NULL);
}

static int
do_in_tx(struct account *a, struct tx *t, const struct step *s,
    struct spool **spools)
{
	uint32_t id;

	switch (s->op) {
	case APPEND:
	case MULTI:
		return do_append(a, t, s, spools);
	case COPY:
	case MOVE:
	case EXPUNGE:
	case FLAGS:
		return do_runs(a, t, s);
	case CREATE:
		return tx_mailbox_create(t, str(s->box), 0, &id);
	case RENAME:
		return tx_mailbox_rename(t, str(s->box), str(s->to));
	case DELETE:
		return tx_mailbox_delete(t, str(s->box));
	case ANNOTATE:
		return do_annotate(a, t, s);
	case COMPACT:
	case SETTLE:
		break;
	}
	return 0;
}

static int
spool_all(struct account *a, const struct step *s, struct spool **out)
{
	uint32_t hi = s->op == MULTI ? s->b : s->a;
	int r = 0;

	if (s->op != APPEND && s->op != MULTI)
		return 0;
	for (uint32_t i = s->a; i <= hi && r == 0; i++) {
		struct spool **p = &out[i - s->a];

		if ((r = spool_open(a, size_of(i), p)) == 0 &&
		    (r = spool_write(*p, octets_of(i))) == 0)
			r = spool_finish(*p);
	}
	return r;
}

/* 0: it took place; else it did not, except for -ENOTRECOVERABLE. */
static int
do_step(struct account *a, const struct step *s)
{
	struct spool *spools[STEPS_MAX] = { 0 };
	struct tx *t = NULL;
	uint64_t modseq;
	int r;

	if (s->op == COMPACT)
		return compact_run(a, 1000, true, NULL) < 0 ? -EIO : 0;
	if (s->op == SETTLE)
		return account_settle(a);
	r = spool_all(a, s, spools);
	if (r == 0 && (r = tx_begin(a, &t)) == 0) {
		if ((r = do_in_tx(a, t, s, spools)) == 0)
			r = tx_commit(&t, &modseq);
		else
			tx_abort(&t);
	}
	for (size_t i = 0; i < STEPS_MAX; i++)
		spool_free(&spools[i]);
	return r;
}

/* --- the account as a model --- */

static const char *
name_kept(struct view v)
{
	static char *kept[64];
	static size_t n;

	for (size_t i = 0; i < n; i++)
		if (view_eq(v, view_str(kept[i])))
			return kept[i];
	if (n == sizeof(kept) / sizeof(kept[0]))
		abort();
	return kept[n++] = strndup((const char *)v.p, v.n);
}

static const char *
load_message(
    struct account *a, const struct message_row *row, struct model_message *out)
{
	struct message_body body;
	uint8_t want[32], got[32];
	unsigned number;

	if (message_bodies(a, &row->body, 1, &body) != 0 ||
	    body.octets.p == NULL)
		return "a message has no octets";
	if (sscanf((const char *)body.octets.p, "Subject: %u", &number) != 1 ||
	    number >= 2 * BIG || !view_eq(body.octets, octets_of(number)) ||
	    row->size != body.octets.n)
		return "a message has other octets";
	digest_sha256(body.octets, want);
	if (message_digest(a, row->body, got) != 0 ||
	    memcmp(want, got, sizeof(got)) != 0)
		return "a message has another digest";
	*out = (struct model_message){ row->uid, number, row->flags.system };
	return NULL;
}

static const char *
load_annotation(struct account *a, uint32_t mailbox, uint32_t *out)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 10);
	struct view v;
	int r = metadata_get(a, mailbox, str("/shared/crash"), arena, &v);

	*out = 0;
	if (r != STORE_NOT_FOUND &&
	    (r != 0 || sscanf((const char *)v.p, "%u", out) != 1 || *out == 0))
		return "an annotation cannot be read";
	return NULL;
}

static const char *
load_box(
    struct account *a, const struct mailbox_entry *e, struct model_box *out)
{
	struct message_row rows[MESSAGES_MAX];
	uint32_t unseen = 0;
	size_t n;

	if (message_rows(a, e->row.id, 1, UINT32_MAX, rows, MESSAGES_MAX, &n) !=
	    0)
		return "a mailbox cannot be read";
	*out = (struct model_box){ .name = name_kept(e->name),
		.uidnext = e->row.uidnext,
		.n = (uint32_t)n };
	for (size_t i = 0; i < n; i++) {
		const char *text = load_message(a, &rows[i], &out->m[i]);

		if (text != NULL)
			return text;
		unseen += (rows[i].flags.system & STORE_SEEN) == 0;
	}
	if (e->row.messages != n || e->row.unseen != unseen)
		return "the counters of a mailbox are wrong";
	return load_annotation(a, e->row.id, &out->annotation);
}

static const char *
load(struct account *a, struct model *out)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 20);
	struct mailbox_entry *e;
	size_t n;

	out->n = 0;
	if (mailbox_list(a, arena, &e, &n) != 0 || n > BOXES_MAX)
		return "the mailboxes cannot be listed";
	for (size_t i = 0; i < n; i++) {
		const char *text = load_box(a, &e[i], &out->box[out->n++]);

		if (text != NULL)
			return text;
	}
	message_release(a);
	return NULL;
}

static bool
box_eq(const struct model_box *a, const struct model_box *b)
{
	if (a->n != b->n || a->uidnext != b->uidnext ||
	    a->annotation != b->annotation)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->m[i].uid != b->m[i].uid ||
		    a->m[i].number != b->m[i].number ||
		    a->m[i].flags != b->m[i].flags)
			return false;
	return true;
}

static bool
model_eq(struct model *a, struct model *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		struct model_box *other = model_find(b, a->box[i].name);

		if (other == NULL || !box_eq(&a->box[i], other))
			return false;
	}
	return true;
}

/* --- what it may be --- */

enum {
	TRIED, /* value: round * STEPS_MAX + step */
	ACKED,
	FAILED,
	WRONG,   /* the process itself saw something that cannot be */
	SETTLED, /* value: number of the view */
};

#define MODELS_MAX 16
struct models {
	struct model *m; /* MODELS_MAX of them */
	size_t n;
	bool is_open; /* the last step tried may have taken place or not */
	struct step open;
};

static const struct script *script; /* of the case that runs */
static const struct step base_steps[];

static void
models_base(struct models *all)
{
	all->m = xcalloc(MODELS_MAX, sizeof(*all->m));
	all->n = 1;
	all->is_open = false;
	all->m[0].box[0] = (struct model_box){ .name = "INBOX", .uidnext = 1 };
	all->m[0].n = 1;
	for (const struct step *s = base_steps; s->box != NULL; s++)
		if (!model_do(&all->m[0], s))
			abort();
}

/* Nobody heard the end of a step: both are right. */
static void
models_fork(struct models *all)
{
	size_t n = all->n;

	for (size_t i = 0; i < n && all->is_open; i++) {
		if (all->n == MODELS_MAX)
			abort();
		all->m[all->n] = all->m[i];
		all->n += model_do(&all->m[all->n], &all->open);
	}
	all->is_open = false;
}

static const char *
models_load(struct models *all, const struct crash_mark *m, size_t n)
{
	models_base(all);
	for (size_t i = 0; i < n; i++) {
		uint64_t v = m[i].value;

		switch (m[i].kind) {
		case TRIED:
			models_fork(all);
			all->open = script->steps[v / STEPS_MAX][v % STEPS_MAX];
			all->is_open = true;
			break;
		case ACKED:
			for (size_t k = 0; k < all->n; k++)
				if (!model_do(&all->m[k], &all->open))
					return "an impossible step passed";
			A_FALLTHROUGH;
		case FAILED:
			all->is_open = false;
			break;
		case SETTLED:
			break;
		default:
			return "a process found something impossible";
		}
	}
	return NULL;
}

/* --- scripts --- */

static const struct step base_steps[] = {
	{ CREATE, "A", NULL, 0, 0, 0 },
	{ CREATE, "B", NULL, 0, 0, 0 },
	{ MULTI, "INBOX", NULL, 1, 6, 0 },
	{ APPEND, "A", NULL, 7, 0, STORE_SEEN },
	{ APPEND, "A", NULL, 8, 0, STORE_FLAGGED },
	{ MULTI, "B", NULL, 9, 12, STORE_DELETED },
	{ FLAGS, "INBOX", NULL, 2, 3, STORE_SEEN | STORE_ANSWERED },
	{ EXPUNGE, "B", NULL, 2, 3, 0 },
	{ COPY, "INBOX", "B", 5, 6, 0 },
	{ ANNOTATE, "B", NULL, 5, 0, 0 },
	{ 0 },
};

static struct account *
open_account(int dirfd)
{
	struct account_options o = { .keep_expunged = 1 };
	struct account *a;

	if (account_open(dirfd, true, &o, &a, &w) != 0)
		return NULL;
	log_set_bound(a->log, SEGMENT_BOUND);
	return a;
}

static void
setup(int dirfd)
{
	struct account *a;

	clock_fake_set((int64_t)NOW * 1000000, 1000000);
	if ((a = open_account(dirfd)) == NULL)
		abort();
	for (const struct step *s = base_steps; s->box != NULL; s++)
		if (do_step(a, s) != 0)
			abort();
	account_close(&a);
}

/* The view that is named, 0: none. boot: unless NULL, it was named in another
 * boot than this. */
static uint64_t
view_number(int dirfd, const char *boot)
{
	int fd = openat(dirfd, "view.current", O_RDWR | O_CLOEXEC);
	char text[128] = "", id[64];
	unsigned long long n;
	unsigned format;
	ssize_t got;

	if (fd == -1)
		return 0;
	got = read(fd, text, sizeof(text) - 1);
	if (got <= 0 || sscanf(text, "%u %llu %60s", &format, &n, id) != 3)
		n = 0;
	else if (boot != NULL && strlen(id) == strlen(boot) &&
	    pwrite(fd, boot, strlen(boot), got - 1 - (ssize_t)strlen(boot)) ==
		-1)
		abort();
	close(fd);
	return n;
}

/* What became of the step in which the process before died? */
static void
settle_open(struct account *a)
{
	AUTO_FREE struct crash_mark *m = NULL;
	size_t n = crash_marks(&m);
	struct models all;
	static struct model now;
	const char *text = models_load(&all, m, n);

	if (text == NULL && all.is_open && (text = load(a, &now)) == NULL) {
		size_t before = all.n, i = 0;

		models_fork(&all);
		while (i < all.n && !model_eq(&all.m[i], &now))
			i++;
		if (i == all.n)
			text = "neither done nor not done";
		crash_mark(i < before ? FAILED : ACKED, 0);
	}
	if (text != NULL)
		crash_mark(WRONG, 0);
	free(all.m);
}

static void
run(int dirfd, int round)
{
	struct account *a;

	clock_fake_set((int64_t)(NOW + 100000) * 1000000, 1000000);
	if ((a = open_account(dirfd)) == NULL)
		return;
	if (round == 1)
		settle_open(a);
	for (unsigned i = 0; script->steps[round][i].box != NULL; i++) {
		int r;

		crash_mark(TRIED, (unsigned)round * STEPS_MAX + i);
		r = do_step(a, &script->steps[round][i]);
		if (r == 0 && script->steps[round][i].op == SETTLE)
			crash_mark(SETTLED, view_number(dirfd, NULL));
		if (r != -ENOTRECOVERABLE)
			crash_mark(r == 0 ? ACKED : FAILED, 0);
	}
	account_close(&a);
}

/* --- the check --- */

/* A body that was put into place for a commit that did not happen is no
 * mistake; all else is. */
static int
on_finding(void *ctx, const struct verify_finding *f)
{
	static char text[sizeof(f->text)];

	if (f->kind != VERIFY_LEFTOVER) {
		memcpy(text, f->text, sizeof(text));
		*(const char **)ctx = text;
	}
	return 0;
}

static const char *
check_models(struct account *a, struct models *all)
{
	static struct model now;
	const char *text = load(a, &now), *damage = NULL;

	if (text != NULL)
		return text;
	for (size_t i = 0; i < all->n; i++)
		if (model_eq(&all->m[i], &now)) {
			all->m[0] = all->m[i];
			all->n = 1;
			if (verify_run(a, false, on_finding, &damage, NULL) !=
			    0)
				return "it cannot be verified";
			return damage;
		}
	return "it is not what was acknowledged";
}

static const char *
check_twice(int dirfd, struct models *all)
{
	static const struct step more = { APPEND, "INBOX", NULL, 50, 0,
		STORE_DRAFT };
	struct account *a = open_account(dirfd);
	const char *text;

	if (a == NULL)
		return "it does not open";
	text = check_models(a, all);
	if (text == NULL &&
	    (do_step(a, &more) != 0 || !model_do(&all->m[0], &more)))
		text = "nothing can be added";
	account_close(&a);
	if (text != NULL)
		return text;
	if ((a = open_account(dirfd)) == NULL)
		return "it does not open again";
	text = check_models(a, all);
	account_close(&a);
	return text;
}

static const char *
check(int dirfd, const struct crash_mark *m, size_t n, bool power)
{
	struct models all;
	const char *text;

	uint64_t view = 0;

	clock_fake_set((int64_t)(NOW + 200000) * 1000000, 1000000);
	if (power)
		view =
		    view_number(dirfd, "00000000-0000-0000-0000-000000000000");
	text = models_load(&all, m, n);
	models_fork(&all);
	if (text == NULL)
		text = check_twice(dirfd, &all);
	if (text == NULL && power && n > 1 && m[n - 1].kind == ACKED &&
	    m[n - 2].kind == SETTLED &&
	    (view != m[n - 2].value || view != view_number(dirfd, NULL)))
		text = "a settled view had to be built anew";
	free(all.m);
	return text;
}

/* --- cases --- */

#define NEXT                                                                   \
	{                                                                      \
		{ APPEND, "INBOX", NULL, 40, 0, 0 },                           \
		    { COPY, "INBOX", "A", 1, 1, 0 }, { 0 },                    \
	}

static const struct {
	const char *name;
	unsigned images;
	struct script s;
} scripts[] = {
	{ "append", 1000,
	    { { { { APPEND, "INBOX", NULL, 20, 0, 0 },
		    { APPEND, "A", NULL, 21, 0, STORE_SEEN },
		    { APPEND, "INBOX", NULL, 22, 0, 0 } },
		NEXT } } },
	{ "append-big", 1000,
	    { { { { APPEND, "INBOX", NULL, 1001, 0, 0 },
		    { MULTI, "A", NULL, 1002, 1003, 0 } },
		{ { APPEND, "INBOX", NULL, 1004, 0, 0 }, { 0 } } } } },
	{ "multiappend", 1000,
	    { { { { MULTI, "INBOX", NULL, 20, 29, 0 },
		    { MULTI, "A", NULL, 30, 34, STORE_SEEN } },
		NEXT } } },
	{ "copy", 1000,
	    { { { { COPY, "INBOX", "A", 1, 6, 0 }, { COPY, "A", "A", 1, 3, 0 },
		    { COPY, "B", "INBOX", 1, 9, 0 } },
		NEXT } } },
	{ "move", 1000,
	    { { { { MOVE, "INBOX", "A", 2, 4, 0 }, { MOVE, "A", "B", 1, 3, 0 },
		    { MOVE, "B", "INBOX", 1, 9, 0 } },
		NEXT } } },
	{ "expunge", 1000,
	    { { { { EXPUNGE, "INBOX", NULL, 2, 4, 0 },
		    { EXPUNGE, "A", NULL, 1, 9, 0 },
		    { EXPUNGE, "B", NULL, 1, 1, 0 } },
		NEXT } } },
	{ "store", 1000,
	    { { { { FLAGS, "INBOX", NULL, 1, 6, STORE_SEEN },
		    { FLAGS, "A", NULL, 1, 1, STORE_FLAGGED },
		    { FLAGS, "INBOX", NULL, 2, 3, 0 } },
		NEXT } } },
	{ "mailboxes", 1000,
	    { { { { CREATE, "New", NULL, 0, 0, 0 },
		    { RENAME, "A", "Old", 0, 0, 0 },
		    { ANNOTATE, "New", NULL, 7, 0, 0 },
		    { ANNOTATE, "Old", NULL, 8, 0, 0 },
		    { APPEND, "Old", NULL, 20, 0, 0 },
		    { ANNOTATE, "New", NULL, 0, 0, 0 },
		    { DELETE, "B", NULL, 0, 0, 0 },
		    { RENAME, "Old", "A", 0, 0, 0 } },
		NEXT } } },
	{ "compact", 1500,
	    { { { { EXPUNGE, "INBOX", NULL, 1, 4, 0 },
		    { COMPACT, "INBOX", NULL, 0, 0, 0 },
		    { APPEND, "A", NULL, 20, 0, 0 },
		    { MOVE, "A", "B", 1, 9, 0 },
		    { COMPACT, "INBOX", NULL, 0, 0, 0 } },
		{ { APPEND, "INBOX", NULL, 40, 0, 0 },
		    { COMPACT, "INBOX", NULL, 0, 0, 0 },
		    { APPEND, "INBOX", NULL, 41, 0, 0 }, { 0 } } } } },
};

/* With the files of the view. Pages that a settled view needs are written over
 * by the third change after it at the soonest. */
static const struct script settle = {
	{ { { APPEND, "INBOX", NULL, 20, 0, 0 }, { SETTLE, "", NULL, 0, 0, 0 },
	      { FLAGS, "INBOX", NULL, 1, 20, STORE_SEEN },
	      { FLAGS, "INBOX", NULL, 1, 4, STORE_FLAGGED },
	      { FLAGS, "A", NULL, 1, 9, STORE_SEEN },
	      { FLAGS, "INBOX", NULL, 3, 9, 0 },
	      { EXPUNGE, "INBOX", NULL, 2, 3, 0 },
	      { SETTLE, "", NULL, 0, 0, 0 } },
	    { { COPY, "INBOX", "A", 1, 9, 0 }, { SETTLE, "", NULL, 0, 0, 0 },
		{ 0 } } }
};

static const enum io_site sites[] = { IO_SYNC_COMMIT, IO_SYNC_BODY,
	IO_SYNC_BODY_DIR, IO_SYNC_SEGMENT, IO_SYNC_SEGMENT_DIR, IO_SYNC_VIEW,
	IO_SYNC_CURRENT, IO_SYNC_CLEAN, IO_SYNC_CLEAN_DIR, IO_SYNC_WITHDRAW };

/* --- replay in any order --- */

/* All records of a log, to be applied as often and in what order one likes. */
struct records {
	struct log_record *r;
	uint8_t (*id)[16];
	size_t n, cap;
};

static int
on_record(void *ctx, const struct log_record *r)
{
	struct records *all = ctx;
	uint8_t *p = xmalloc(r->payload.n + 16);

	if (all->n == all->cap) {
		all->cap = all->cap == 0 ? 64 : all->cap * 2;
		all->r = xrealloc(all->r, all->cap, sizeof(*all->r));
	}
	memcpy(p, r->commit_id, 16);
	if (r->payload.n > 0)
		memcpy(p + 16, r->payload.p, r->payload.n);
	all->r[all->n] = *r;
	all->r[all->n].commit_id = p;
	all->r[all->n++].payload = (struct view){ p + 16, r->payload.n };
	return 0;
}

static void
records_fini(struct records *all)
{
	for (size_t i = 0; i < all->n; i++)
		free((void *)(uintptr_t)all->r[i].commit_id);
	free(all->r);
}

static void
shuffle(struct records *all, uint64_t *rng)
{
	for (size_t i = all->n; i > 1; i--) {
		struct log_record was = all->r[i - 1];
		size_t k;

		*rng = *rng * 6364136223846793005u + 1442695040888963407u;
		k = (size_t)((*rng >> 33) % i);
		all->r[i - 1] = all->r[k];
		all->r[k] = was;
	}
}

static void
dump_rows(struct account *a, uint32_t id, struct buf *out)
{
	struct message_row row[MESSAGES_MAX];
	size_t n;

	if (message_rows(a, id, 1, UINT32_MAX, row, MESSAGES_MAX, &n) != 0)
		abort();
	for (size_t i = 0; i < n; i++)
		buf_printf(out, " %u %u %ju %ju %jd %u %d %u %jx %jx\n",
		    row[i].uid, row[i].size, (uintmax_t)row[i].modseq,
		    (uintmax_t)row[i].body, (intmax_t)row[i].date, row[i].saved,
		    row[i].zone, row[i].flags.system,
		    (uintmax_t)row[i].flags.keywords[0],
		    (uintmax_t)row[i].flags.keywords[1]);
}

static void
dump_runs(const char *what, const struct uid_run *r, size_t n, struct buf *out)
{
	buf_put_str(out, what);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, " %u:%u", r[i].lo, r[i].hi);
	buf_put_byte(out, '\n');
}

static void
dump_annotations(struct account *a, uint32_t id, struct buf *out)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 16);
	struct metadata_entry *e;
	struct view v;
	size_t n;

	if (metadata_list(a, id, arena, &e, &n) != 0)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (metadata_get(a, id, e[i].name, arena, &v) != 0)
			abort();
		buf_put(out, e[i].name);
		buf_put_byte(out, '=');
		buf_put(out, v);
		buf_put_byte(out, '\n');
	}
}

/* All that a client could ever see of an account, \Recent left out. */
static void
dump(struct account *a, struct buf *out)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 20);
	struct mailbox_entry *e;
	uint64_t modseq;
	size_t n;

	if (mailbox_list(a, arena, &e, &n) != 0 ||
	    account_modseq(a, &modseq) != 0)
		abort();
	buf_printf(out, "%ju\n", (uintmax_t)modseq);
	for (size_t i = 0; i < n; i++) {
		const struct mailbox_row *r = &e[i].row;
		struct mailbox_changes c;

		buf_put(out, e[i].name);
		buf_printf(out, " %u %u %u %u %ju %u %u %u %u %u %ju %d\n",
		    r->id, r->parent, r->uidvalidity, r->uidnext,
		    (uintmax_t)r->highestmodseq, r->messages, r->unseen,
		    r->deleted, r->first_unseen, r->uses, (uintmax_t)r->size,
		    r->noselect);
		dump_rows(a, r->id, out);
		dump_annotations(a, r->id, out);
		if (mailbox_changes(a, r->id, r->highestmodseq / 2, 1, &c) != 0)
			abort();
		dump_runs("expunged", c.expunged, c.n_expunged, out);
		mailbox_changes_fini(&c);
	}
}

/* Build the view of all the records, in that order and then in another. */
static int
replay_shuffled(int dirfd, struct records *all, uint64_t *rng)
{
	struct account *a = open_account(dirfd);
	struct vdb_state was;
	struct vdb_txn *t;
	struct vdb *v;
	int r;

	if (a == NULL || account_write(a, 0, &t) != 0)
		return -1;
	was = *vdb_state(t);
	vdb_abort(t);
	if (vdb_create(dirfd, a->boot_id, &v, &w) != 0 ||
	    vdb_begin(v, true, &t, &w) != 0)
		return -1;
	for (int turn = 0; turn < 2; turn++) {
		shuffle(all, rng);
		for (size_t i = 0; i < all->n; i++)
			if ((r = vdb_apply(t, &all->r[i])) != 0)
				return r;
	}
	vdb_state(t)->tail = was.tail;
	if (vdb_commit(t, &w) != 0 || vdb_publish(v, &w) != 0)
		return -1;
	vdb_close(&v);
	log_unlock(a->log);
	account_close(&a);
	return 0;
}

#define SHUFFLES 60

static void
test_any_order(const char *name)
{
	struct records all = { 0 };
	struct buf want, got;
	struct log_tail tail;
	struct account *a;
	char *path;
	int dir = scratch_make(&path);
	unsigned wrong = 0;
	uint64_t rng = 1;

	setup(dir);
	buf_init(&want, 1 << 20);
	buf_init(&got, 1 << 20);
	a = open_account(dir);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; script->steps[round][i].box != NULL; i++)
			if (do_step(a, &script->steps[round][i]) < 0)
				wrong++;
	dump(a, &want);
	if (log_lock(a->log, 0, &w) != 0 ||
	    log_recover(a->log, NULL, &tail, &w) != 0 ||
	    log_replay(a->log, NULL, &tail, on_record, &all, NULL, &w) != 0)
		abort();
	account_close(&a);
	for (int i = 0; i < SHUFFLES; i++) {
		if (replay_shuffled(dir, &all, &rng) != 0)
			abort();
		a = open_account(dir);
		buf_clear(&got);
		dump(a, &got);
		account_close(&a);
		if (!view_eq(buf_view(&want), buf_view(&got)) && wrong++ == 0)
			printf("# want\n%.*s# got\n%.*s", (int)want.n,
			    (const char *)want.p, (int)got.n,
			    (const char *)got.p);
	}
	crash_say(wrong == 0, "%s: %zu records in any order, twice: %u wrong",
	    name, all.n, wrong);
	records_fini(&all);
	buf_fini(&want);
	buf_fini(&got);
	scratch_end(&dir, &path);
}

static const struct crash_case settle_case = { .name = "settle",
	.setup = setup,
	.run = run,
	.check = check,
	.must = 1ull << IO_SYNC_VIEW | 1ull << IO_SYNC_CURRENT |
	    1ull << IO_SYNC_CLEAN | 1ull << IO_SYNC_CLEAN_DIR |
	    1ull << IO_SYNC_WITHDRAW };

int
main(int argc, char **argv)
{
	crash_init(argc, argv);
	/* the log without it is crash_log's */
	engine_file_roomy = true;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct crash_case c = { .name = scripts[i].name,
			.setup = setup,
			.run = run,
			.check = check,
			.cache_prefix = "view",
			.images = scripts[i].images };

		script = &scripts[i].s;
		crash_run(&c);
		test_any_order(scripts[i].name);
	}
	script = &settle;
	crash_run(&settle_case);
	crash_sites(sites, sizeof(sites) / sizeof(sites[0]));
	return crash_done();
}
