/*
 * Each message becomes a row of keys, one number a criterion: dates and sizes
 * themselves, texts as a place in one buffer. What is moved about by the sort is
 * small: the first key as a number that orders as it does (of a text its first
 * eight bytes) and the index of the row; only when those are equal is the row
 * looked at.
 */

#include "search/sort.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/encoded.h"
#include "search/each.h"
#include "search/subject.h"

struct sorter {
	const struct command_sort_criterion *by;
	size_t n_by;
	uint32_t *uid;
	int64_t *key; /* n_by of each message */
	size_t n, cap;
	struct buf texts; /* each: u32 length, bytes */
};

struct item {
	uint64_t first;
	uint32_t at;
};

/* --- keys --- */

static bool
is_text(enum command_sort_key k)
{
	switch (k) {
	case COMMAND_SORT_ARRIVAL:
	case COMMAND_SORT_DATE:
	case COMMAND_SORT_SIZE:
		return false;
	case COMMAND_SORT_CC:
	case COMMAND_SORT_FROM:
	case COMMAND_SORT_SUBJECT:
	case COMMAND_SORT_TO:
		break;
	}
	return true;
}

/* [IMAP] addr-mailbox of the first address; of a group its name. */
static void
put_address(const struct match_message *m, const char *field, struct buf *out)
{
	AUTO_ARENA struct arena *a = NULL;
	const struct address *d;
	struct view value;
	AUTO_BUF struct buf b;

	buf_init(&b, SUBJECT_MAX * 8);
	if (!each_field(m, view_str(field), &value))
		return;
	a = arena_new(SUBJECT_MAX * 8);
	d = address_parse(view_sub(value, 0, SUBJECT_MAX), a);
	if (d == NULL)
		return;
	encoded_decode(d->mailbox, &b);
	subject_fold(buf_view(&b), out);
}

static void
put_text(
    enum command_sort_key k, const struct match_message *m, struct buf *out)
{
	struct view value;

	switch (k) {
	case COMMAND_SORT_SUBJECT:
		if (each_field(m, VIEW_LIT("subject"), &value))
			subject_base(value, out, NULL);
		break;
	case COMMAND_SORT_FROM:
		put_address(m, "from", out);
		break;
	case COMMAND_SORT_TO:
		put_address(m, "to", out);
		break;
	case COMMAND_SORT_CC:
		put_address(m, "cc", out);
		break;
	case COMMAND_SORT_ARRIVAL:
	case COMMAND_SORT_DATE:
	case COMMAND_SORT_SIZE:
		break;
	}
}

static int64_t
text_key(
    struct sorter *s, enum command_sort_key k, const struct match_message *m)
{
	size_t at = s->texts.n;
	uint32_t n = 0;

	buf_put(&s->texts, (struct view){ (uint8_t *)&n, sizeof(n) });
	put_text(k, m, &s->texts);
	if (s->texts.failed)
		return 0;
	n = (uint32_t)(s->texts.n - at - sizeof(n));
	memcpy(s->texts.p + at, &n, sizeof(n));
	return (int64_t)at;
}

static int64_t
number_key(enum command_sort_key k, const struct message_row *row,
    const struct match_message *m)
{
	if (k == COMMAND_SORT_ARRIVAL)
		return row->date;
	if (k == COMMAND_SORT_SIZE)
		return row->size;
	return each_sent(row, m);
}

static int
take_message(
    void *ctx, const struct message_row *row, const struct match_message *m)
{
	struct sorter *s = ctx;

	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 256 : s->cap * 2;
		s->uid = xrealloc(s->uid, s->cap, sizeof(*s->uid));
		s->key = xrealloc(s->key, s->cap, s->n_by * sizeof(*s->key));
	}
	s->uid[s->n] = row->uid;
	for (size_t i = 0; i < s->n_by; i++) {
		enum command_sort_key k = s->by[i].key;

		s->key[s->n * s->n_by + i] =
		    is_text(k) ? text_key(s, k, m) : number_key(k, row, m);
	}
	s->n++;
	return s->texts.failed ? STORE_LIMIT : 0;
}

/* --- order --- */

static struct view
text_at(const struct sorter *s, int64_t at)
{
	uint32_t n;

	memcpy(&n, s->texts.p + at, sizeof(n));
	return (struct view){ s->texts.p + at + sizeof(n), n };
}

static int
compare_views(struct view a, struct view b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return r != 0 ? r : (a.n > b.n) - (a.n < b.n);
}

static uint64_t
first_number(const struct sorter *s, size_t row)
{
	int64_t key = s->key[row * s->n_by];
	uint64_t v = 0;

	if (is_text(s->by[0].key)) {
		struct view text = text_at(s, key);

		for (size_t i = 0; i < sizeof(v); i++)
			v = v << 8 | (i < text.n ? text.p[i] : 0);
	} else {
		v = (uint64_t)key ^ (uint64_t)1 << 63;
	}
	return s->by[0].reverse ? ~v : v;
}

static int
compare_items(const void *pa, const void *pb, void *ctx)
{
	const struct item *a = pa, *b = pb;
	const struct sorter *s = ctx;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	for (size_t i = 0; i < s->n_by; i++) {
		int64_t x = s->key[a->at * s->n_by + i];
		int64_t y = s->key[b->at * s->n_by + i];
		int r = is_text(s->by[i].key)
		    ? compare_views(text_at(s, x), text_at(s, y))
		    : (x > y) - (x < y);

		if (r != 0)
			return s->by[i].reverse ? -r : r;
	}
	return (a->at > b->at) - (a->at < b->at);
}

static uint32_t *
order(struct sorter *s)
{
	struct item *item = xcalloc(s->n + 1, sizeof(*item));
	uint32_t *out = xcalloc(s->n + 1, sizeof(*out));
	bool sorted = true;

	for (size_t i = 0; i < s->n; i++) {
		item[i] = (struct item){ first_number(s, i), (uint32_t)i };
		if (i > 0)
			sorted &= item[i - 1].first < item[i].first;
	}
	if (!sorted)
		qsort_r(item, s->n, sizeof(*item), compare_items, s);
	for (size_t i = 0; i < s->n; i++)
		out[i] = s->uid[item[i].at];
	mem_free(&item);
	return out;
}

int
sort_messages(struct account *a, uint32_t mailbox, const struct uid_run *runs,
    size_t n, const struct command_sort_criterion *by, size_t n_by,
    uint32_t **out, size_t *n_out)
{
	struct sorter s = { .by = by, .n_by = n_by };
	bool bodies = false;
	int r;

	for (size_t i = 0; i < n_by; i++)
		bodies |= by[i].key != COMMAND_SORT_ARRIVAL &&
		    by[i].key != COMMAND_SORT_SIZE;
	buf_init(&s.texts, SORT_TEXT_MAX);
	r = each_message(a, mailbox, runs, n, bodies, take_message, &s);
	*out = r == 0 ? order(&s) : NULL;
	*n_out = r == 0 ? s.n : 0;
	buf_fini(&s.texts);
	mem_free(&s.uid);
	mem_free(&s.key);
	return r;
}
