#include "search/each.h"

#include "mail/date.h"
#include "mail/header.h"

#define ROWS 128

struct each {
	struct account *account;
	bool bodies;
	each_fn *fn;
	void *ctx;
};

static int
each_body(const struct each *e, const struct message_row *row, size_t n)
{
	struct message_body body[ROWS];
	uint64_t number[ROWS] = { 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		number[i] = row[i].body;
	r = message_bodies(e->account, number, n, body);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct match_message m;

		match_message_init(&m,
		    body[i].octets.p != NULL ? body[i].octets : VIEW_LIT(""),
		    body[i].summary);
		r = e->fn(e->ctx, &row[i], &m);
	}
	message_release(e->account);
	return r;
}

static int
each_row(const struct each *e, const struct message_row *row, size_t n)
{
	int r = 0;

	if (e->bodies && n > 0)
		return each_body(e, row, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = e->fn(e->ctx, &row[i], NULL);
	return r;
}

int
each_message(struct account *a, uint32_t mailbox, const struct uid_run *runs,
    size_t n, bool bodies, each_fn *fn, void *ctx)
{
	struct each e = { a, bodies, fn, ctx };
	struct message_row row[ROWS];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		uint32_t lo = runs[i].lo;
		size_t got = ROWS;

		while (r == 0 && got == ROWS && lo <= runs[i].hi) {
			r = message_rows(
			    a, mailbox, lo, runs[i].hi, row, ROWS, &got);
			if (r != 0)
				break;
			r = each_row(&e, row, got);
			if (got > 0 && row[got - 1].uid == UINT32_MAX)
				break;
			if (got > 0)
				lo = row[got - 1].uid + 1;
		}
	}
	return r == STORE_NOT_FOUND ? 0 : r;
}

bool
each_field(const struct match_message *m, struct view name, struct view *value)
{
	struct header_field f;
	struct view header = view_sub(m->octets, 0, m->header_n);

	if (m->has_summary && header_is_common(name) &&
	    (m->summary.flags & SUMMARY_PARTIAL) == 0)
		header = m->summary.common;
	if (!header_find(header, name, &f))
		return false;
	*value = f.value;
	return true;
}

int64_t
each_sent(const struct message_row *row, const struct match_message *m)
{
	struct view value;
	struct date d;

	if (m->has_summary)
		return (m->summary.flags & SUMMARY_HAS_DATE) != 0
		    ? m->summary.sent.seconds
		    : row->date;
	if (each_field(m, VIEW_LIT("date"), &value) && date_parse(value, &d))
		return d.seconds;
	return row->date;
}
