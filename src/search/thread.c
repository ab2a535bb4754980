/*
 * Both algorithms work on one array of messages with the index of each one's
 * parent; lists of children are made once, at the end, by sorting that array.
 *
 * REFERENCES follows the steps of RFC 5256 section 3. Dummy messages stand in
 * the same array with uid 0. Pruning (step 3) needs no traversal: a message's
 * parent becomes its nearest ancestor that is real, or the topmost dummy, and a
 * topmost dummy with one child gives way to it.
 */

#include "search/thread.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "search/each.h"
#include "search/subject.h"

struct message {
	uint32_t uid;    /* 0: dummy */
	uint32_t parent; /* THREAD_NONE: a root */
	uint32_t index;
	uint32_t order;    /* position in the mailbox, for equal dates */
	uint32_t children; /* of a dummy */
	bool reply;
	bool dropped;
	int64_t date;
	struct view subject; /* base subject; of a dummy its first child's */
};

struct threader {
	struct arena *arena;
	struct message **m; /* in the arena */
	size_t n, cap;
	bool references;
	struct hash *ids; /* message IDs, or base subjects */
};

static struct message *
message_new(struct threader *t, uint32_t uid)
{
	struct message *m = arena_alloc(t->arena, sizeof(*m));

	if (m == NULL)
		return NULL;
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 256 : t->cap * 2;
		t->m = xrealloc(t->m, t->cap, sizeof(struct message *));
	}
	m->uid = uid;
	m->parent = THREAD_NONE;
	m->index = (uint32_t)t->n;
	m->order = UINT32_MAX;
	t->m[t->n++] = m;
	return m;
}

static bool
copy(struct threader *t, struct view v, struct view *out)
{
	char *p = arena_strdup(t->arena, v);

	*out = (struct view){ (const uint8_t *)p, v.n };
	return p != NULL;
}

/* --- message IDs --- */

/* What stands between '<' and '>' at v.p; false when it is no msg-id. */
static bool
normal_id(struct view v, struct arena *a, struct view *out)
{
	uint8_t *p = arena_alloc(a, v.n + 1);
	bool quoted = false, at = false;
	size_t n = 0;

	if (p == NULL)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c == '\\' && quoted && i + 1 < v.n)
			c = v.p[++i];
		else if (!quoted &&
		    (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
			continue;
		at |= c == '@';
		p[n++] = c;
	}
	*out = (struct view){ p, n };
	return at && n > 1;
}

/* The '>' of the msg-id whose '<' stands before v: not one in quotes. */
static const uint8_t *
id_end(struct view v)
{
	bool quoted = false;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			quoted = !quoted;
		else if (v.p[i] == '\\' && quoted)
			i++;
		else if (v.p[i] == '>' && !quoted)
			return v.p + i;
	}
	return memchr(v.p, '>', v.n);
}

bool
thread_next_id(struct view *rest, struct arena *a, struct view *out)
{
	const uint8_t *b, *e;

	while (rest->n > 0 && (b = memchr(rest->p, '<', rest->n)) != NULL) {
		view_skip(rest, (size_t)(b - rest->p) + 1);
		if (rest->n == 0 || (e = id_end(*rest)) == NULL)
			break;
		b = rest->p;
		view_skip(rest, (size_t)(e - b) + 1);
		if (normal_id((struct view){ b, (size_t)(e - b) }, a, out))
			return true;
	}
	rest->n = 0;
	return false;
}

/* --- step 1: links --- */

/* The message with that ID, a dummy if there is none yet. */
static struct message *
message_of(struct threader *t, struct view id)
{
	struct message *m = hash_get(t->ids, id);

	if (m != NULL)
		return m;
	m = message_new(t, 0);
	if (m == NULL || !hash_put(t->ids, id, m))
		return NULL;
	return m;
}

/* Is a among b and the messages above it? */
static bool
is_above(
    const struct threader *t, const struct message *a, const struct message *b)
{
	for (uint32_t i = b->index; i != THREAD_NONE; i = t->m[i]->parent)
		if (i == a->index)
			return true;
	return false;
}

static void
link_to(const struct threader *t, struct message *child,
    const struct message *parent)
{
	if (!is_above(t, child, parent))
		child->parent = parent->index;
}

/* The references of a message, oldest first; the last THREAD_REFERENCES_MAX. */
static size_t
references(struct threader *t, const struct match_message *m,
    struct view id[THREAD_REFERENCES_MAX])
{
	struct view value, one;
	size_t n = 0;

	if (each_field(m, VIEW_LIT("references"), &value)) {
		while (thread_next_id(&value, t->arena, &one)) {
			if (n == THREAD_REFERENCES_MAX)
				memmove(id, id + 1, --n * sizeof(*id));
			id[n++] = one;
		}
	}
	if (n == 0 && each_field(m, VIEW_LIT("in-reply-to"), &value) &&
	    thread_next_id(&value, t->arena, &one))
		id[n++] = one;
	return n;
}

static int
link_references(
    struct threader *t, struct message *self, const struct match_message *m)
{
	struct view id[THREAD_REFERENCES_MAX];
	struct message *last = NULL;
	size_t n = references(t, m, id);

	for (size_t i = 0; i < n; i++) {
		struct message *r = message_of(t, id[i]);

		if (r == NULL)
			return STORE_LIMIT;
		if (last != NULL && r->parent == THREAD_NONE)
			link_to(t, r, last);
		last = r;
	}
	self->parent = THREAD_NONE;
	if (last != NULL)
		link_to(t, self, last);
	return 0;
}

/* The place of a message: a dummy with its ID, or a new one. */
static struct message *
claim(struct threader *t, const struct message_row *row,
    const struct match_message *m)
{
	struct view value, id;
	struct message *self;

	if (!t->references || !each_field(m, VIEW_LIT("message-id"), &value) ||
	    !thread_next_id(&value, t->arena, &id))
		return message_new(t, row->uid);
	if ((self = message_of(t, id)) == NULL)
		return NULL;
	if (self->uid != 0)
		return message_new(t, row->uid);
	self->uid = row->uid;
	return self;
}

static int
take_message(
    void *ctx, const struct message_row *row, const struct match_message *m)
{
	struct threader *t = ctx;
	struct message *self = claim(t, row, m);
	AUTO_BUF struct buf b;
	struct view value;

	buf_init(&b, SUBJECT_MAX * 16);
	if (self == NULL)
		return STORE_LIMIT;
	self->date = each_sent(row, m);
	self->order = row->uid;
	if (each_field(m, VIEW_LIT("subject"), &value))
		subject_base(value, &b, &self->reply);
	if (!copy(t, buf_view(&b), &self->subject))
		return STORE_LIMIT;
	return t->references ? link_references(t, self, m) : 0;
}

/* --- steps 2 to 4 --- */

static bool
is_before(const struct message *a, const struct message *b)
{
	if (a->date != b->date)
		return a->date < b->date;
	return a->order < b->order;
}

/* A dummy stands where its first child does. */
static void
take_first(struct message *dummy, const struct message *child)
{
	dummy->children++;
	if (dummy->children > 1 && !is_before(child, dummy))
		return;
	dummy->date = child->date;
	dummy->order = child->order;
	dummy->subject = child->subject;
}

/* The nearest real ancestor, or the topmost one. */
static uint32_t
real_parent(const struct threader *t, const struct message *m)
{
	uint32_t p = m->parent;

	while (p != THREAD_NONE && t->m[p]->uid == 0 &&
	    t->m[p]->parent != THREAD_NONE)
		p = t->m[p]->parent;
	return p;
}

static void
prune(struct threader *t)
{
	uint32_t *parent = xcalloc(t->n + 1, sizeof(*parent));

	for (size_t i = 0; i < t->n; i++)
		parent[i] = real_parent(t, t->m[i]);
	for (size_t i = 0; i < t->n; i++) {
		struct message *m = t->m[i];

		m->parent = parent[i];
		if (m->uid != 0 && m->parent != THREAD_NONE &&
		    t->m[m->parent]->uid == 0)
			take_first(t->m[m->parent], m);
	}
	for (size_t i = 0; i < t->n; i++) {
		struct message *m = t->m[i];

		if (m->uid == 0)
			m->dropped =
			    m->parent != THREAD_NONE || m->children < 2;
		else if (m->parent != THREAD_NONE &&
		    t->m[m->parent]->uid == 0 && t->m[m->parent]->children < 2)
			m->parent = THREAD_NONE;
	}
	mem_free(&parent);
}

static int
compare_roots(const void *pa, const void *pb)
{
	const struct message *a = *(struct message *const *)pa;
	const struct message *b = *(struct message *const *)pb;

	return is_before(a, b) ? -1 : is_before(b, a);
}

/* The messages without parent by date, malloc'd. */
static struct message **
roots(const struct threader *t, size_t *n)
{
	struct message **root = xcalloc(t->n + 1, sizeof(struct message *));

	*n = 0;
	for (size_t i = 0; i < t->n; i++)
		if (t->m[i]->parent == THREAD_NONE && !t->m[i]->dropped)
			root[(*n)++] = t->m[i];
	qsort(root, *n, sizeof(struct message *), compare_roots);
	return root;
}

/* --- step 5: one subject, one thread --- */

static bool
replaces(const struct message *m, const struct message *in_table)
{
	return in_table->uid != 0 &&
	    (m->uid == 0 || (in_table->reply && !m->reply));
}

static bool
fill_table(struct threader *t, struct message *const *root, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct message *in_table;

		if (root[i]->subject.n == 0)
			continue;
		in_table = hash_get(t->ids, root[i]->subject);
		if (in_table != NULL && !replaces(root[i], in_table))
			continue;
		if (in_table != NULL)
			hash_del(t->ids, in_table->subject);
		if (!hash_put(t->ids, root[i]->subject, root[i]))
			return false;
	}
	return true;
}

static void
adopt(struct message *parent, struct message *child)
{
	child->parent = parent->index;
	if (parent->uid == 0)
		take_first(parent, child);
}

/* The children of dummy from become children of dummy to. */
static void
adopt_children(struct threader *t, struct message *to, struct message *from)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->m[i]->parent == from->index)
			adopt(to, t->m[i]);
	from->dropped = true;
}

static bool
merge(struct threader *t, struct message *in_table, struct message *m)
{
	struct message *dummy;

	if (in_table->uid == 0 && m->uid == 0) {
		adopt_children(t, in_table, m);
	} else if (in_table->uid == 0 || (m->reply && !in_table->reply)) {
		adopt(in_table, m);
	} else {
		if ((dummy = message_new(t, 0)) == NULL)
			return false;
		hash_del(t->ids, in_table->subject);
		adopt(dummy, in_table);
		adopt(dummy, m);
		return hash_put(t->ids, dummy->subject, dummy);
	}
	return true;
}

static bool
merge_subjects(struct threader *t)
{
	size_t n;
	struct message **root = roots(t, &n);
	bool ok;

	hash_free(&t->ids);
	t->ids = hash_new((size_t)1 << 30);
	ok = fill_table(t, root, n);
	for (size_t i = 0; ok && i < n; i++) {
		struct message *in_table;

		if (root[i]->subject.n == 0)
			continue;
		in_table = hash_get(t->ids, root[i]->subject);
		if (in_table != NULL && in_table != root[i] &&
		    root[i]->parent != in_table->index)
			ok = merge(t, in_table, root[i]);
	}
	mem_free(&root);
	return ok;
}

/* --- ORDEREDSUBJECT --- */

static int
compare_subjects(const void *pa, const void *pb)
{
	const struct message *a = *(struct message *const *)pa;
	const struct message *b = *(struct message *const *)pb;
	size_t n = a->subject.n < b->subject.n ? a->subject.n : b->subject.n;
	int r = n > 0 ? memcmp(a->subject.p, b->subject.p, n) : 0;

	if (r == 0)
		r = (a->subject.n > b->subject.n) -
		    (a->subject.n < b->subject.n);
	return r != 0 ? r : compare_roots(pa, pb);
}

/* Each message's parent is the first one of its subject. */
static void
group_subjects(struct threader *t)
{
	struct message **m = xcalloc(t->n + 1, sizeof(struct message *));
	const struct message *first = NULL;

	if (t->n > 0)
		memcpy(m, t->m, t->n * sizeof(struct message *));
	qsort(m, t->n, sizeof(struct message *), compare_subjects);
	for (size_t i = 0; i < t->n; i++) {
		if (first == NULL || !view_eq(first->subject, m[i]->subject))
			first = m[i];
		else
			m[i]->parent = first->index;
	}
	mem_free(&m);
}

/* --- step 6 --- */

static int
compare_siblings(const void *pa, const void *pb)
{
	const struct message *a = *(struct message *const *)pa;
	const struct message *b = *(struct message *const *)pb;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	return compare_roots(pa, pb);
}

static void
lay_out(struct threader *t, struct threads *out)
{
	struct message **m = xcalloc(t->n + 1, sizeof(struct message *));
	size_t n = 0;

	out->node = xcalloc(t->n + 1, sizeof(*out->node));
	out->n = t->n;
	out->first = THREAD_NONE;
	for (size_t i = 0; i < t->n; i++) {
		out->node[i] = (struct thread_node){ t->m[i]->uid,
			t->m[i]->parent, THREAD_NONE, THREAD_NONE };
		if (!t->m[i]->dropped)
			m[n++] = t->m[i];
	}
	qsort(m, n, sizeof(struct message *), compare_siblings);
	for (size_t i = 0; i < n; i++) {
		uint32_t parent = m[i]->parent, self = m[i]->index;

		if (i > 0 && m[i - 1]->parent == parent)
			out->node[m[i - 1]->index].next = self;
		else if (parent == THREAD_NONE)
			out->first = self;
		else
			out->node[parent].child = self;
	}
	mem_free(&m);
}

int
thread_messages(struct account *a, uint32_t mailbox, const struct uid_run *runs,
    size_t n, enum command_thread_algorithm algorithm, struct threads *out)
{
	AUTO_ARENA struct arena *arena = arena_new(THREAD_ARENA);
	struct threader t = { .arena = arena,
		.references = algorithm == COMMAND_THREAD_REFERENCES,
		.ids = hash_new((size_t)1 << 30) };
	int r;

	*out = (struct threads){ .first = THREAD_NONE };
	r = each_message(a, mailbox, runs, n, true, take_message, &t);
	if (r == 0 && t.references) {
		prune(&t);
		if (!merge_subjects(&t))
			r = STORE_LIMIT;
	} else if (r == 0) {
		group_subjects(&t);
	}
	if (r == 0)
		lay_out(&t, out);
	hash_free(&t.ids);
	mem_free(&t.m);
	return r;
}

void
threads_fini(struct threads *t)
{
	mem_free(&t->node);
	t->n = 0;
}
