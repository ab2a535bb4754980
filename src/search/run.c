#include "search/run.h"

#include "base/mem.h"
#include "store/message.h"

/* Runs closer together than this are read as one. */
#define GAP 256

struct search {
	struct account *account;
	uint32_t mailbox;
	const struct query *query;
	const struct uid_run *run; /* still to be asked: run[at] on */
	size_t n, at;
	uint32_t next; /* first UID not yet asked */
	struct matcher *matcher;
	struct uid_run *found;
	size_t n_found, cap;
	struct message_row row[SEARCH_ROWS];
	bool yes[SEARCH_ROWS], later[SEARCH_ROWS];
};

struct search *
search_open(struct account *a, uint32_t mailbox, const struct query *q,
    const struct uid_run *runs, size_t n)
{
	struct search *s = xcalloc(1, sizeof(*s));

	s->account = a;
	s->mailbox = mailbox;
	s->query = q;
	s->run = runs;
	s->n = n;
	s->matcher = matcher_new();
	return s;
}

void
search_close(struct search **s)
{
	if (*s == NULL)
		return;
	matcher_free(&(*s)->matcher);
	mem_free(&(*s)->found);
	mem_free(s);
}

const struct uid_run *
search_found(const struct search *s, size_t *n)
{
	*n = s->n_found;
	return s->found;
}

/* uid is above all found so far. */
static void
add_found(struct search *s, uint32_t uid)
{
	if (s->n_found > 0 && s->found[s->n_found - 1].hi == uid - 1) {
		s->found[s->n_found - 1].hi = uid;
		return;
	}
	if (s->n_found == s->cap) {
		s->cap = s->cap == 0 ? 64 : s->cap * 2;
		s->found = xrealloc(s->found, s->cap, sizeof(*s->found));
	}
	s->found[s->n_found++] = (struct uid_run){ uid, uid };
}

/* Is uid to be asked? Called with ascending UIDs. */
static bool
is_wanted(struct search *s, uint32_t uid)
{
	while (s->at < s->n && s->run[s->at].hi < uid)
		s->at++;
	return s->at < s->n && s->run[s->at].lo <= uid;
}

/* The next UIDs to read; false at the end. */
static bool
next_span(struct search *s, uint32_t *lo, uint32_t *hi)
{
	while (s->at < s->n && s->run[s->at].hi < s->next)
		s->at++;
	if (s->at == s->n)
		return false;
	*lo = s->run[s->at].lo > s->next ? s->run[s->at].lo : s->next;
	*hi = s->run[s->at].hi;
	for (size_t i = s->at + 1; i < s->n && s->run[i].lo - *hi <= GAP; i++)
		*hi = s->run[i].hi;
	return true;
}

/* The answer with the octets at hand. */
static bool
ask_message(struct search *s, const struct message_row *row,
    const struct message_body *b)
{
	enum query_answer r = QUERY_LATER;
	struct match_message m;

	if (b->octets.p == NULL)
		return false;
	match_message_init(&m, b->octets, b->summary);
	for (unsigned cost = QUERY_SUMMARY;
	     r == QUERY_LATER && cost <= QUERY_BODY; cost++)
		r = query_ask(
		    s->query, (enum query_cost)cost, row, &m, s->matcher);
	return r == QUERY_YES;
}

/* Rows at[0..n) need their octets. */
static int
ask_bodies(struct search *s, const size_t *at, size_t n)
{
	uint64_t number[SEARCH_BODIES] = { 0 };
	struct message_body body[SEARCH_BODIES];
	int r;

	for (size_t i = 0; i < n; i++)
		number[i] = s->row[at[i]].body;
	if ((r = message_bodies(s->account, number, n, body)) == 0)
		for (size_t i = 0; i < n; i++)
			s->yes[at[i]] =
			    ask_message(s, &s->row[at[i]], &body[i]);
	message_release(s->account);
	return r;
}

static int
ask_later(struct search *s, size_t n)
{
	size_t at[SEARCH_BODIES], k = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (s->later[i])
			at[k++] = i;
		if (k == SEARCH_BODIES) {
			r = ask_bodies(s, at, k);
			k = 0;
		}
	}
	if (r == 0 && k > 0)
		r = ask_bodies(s, at, k);
	return r;
}

int
search_step(struct search *s, bool *done)
{
	uint32_t lo, hi;
	size_t n;
	int r;

	*done = !next_span(s, &lo, &hi);
	if (*done)
		return 0;
	r = message_rows(
	    s->account, s->mailbox, lo, hi, s->row, SEARCH_ROWS, &n);
	if (r != 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		enum query_answer a = QUERY_NO;

		if (is_wanted(s, s->row[i].uid))
			a = query_ask(
			    s->query, QUERY_ROW, &s->row[i], NULL, NULL);
		s->yes[i] = a == QUERY_YES;
		s->later[i] = a == QUERY_LATER;
	}
	if ((r = ask_later(s, n)) != 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (s->yes[i])
			add_found(s, s->row[i].uid);
	if (n == SEARCH_ROWS)
		hi = s->row[n - 1].uid;
	*done = hi == UINT32_MAX;
	s->next = hi + 1;
	return 0;
}
