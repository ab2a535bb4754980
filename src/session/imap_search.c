/*
 * SEARCH and UID SEARCH (RFC 9051 section 6.4.4), with the answers of RFC 3501
 * for clients of IMAP4rev1 that do not ask for ESEARCH (RFC 4731).
 */

#include "session/imap_search.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "imap/response.h"
#include "search/run.h"

/* --- what is asked --- */

/* Sequence numbers beyond the last message match nothing in a SEARCH. */
static void
seq_runs(struct session *s, const struct seqset *set, struct arena *a,
    struct uidset *out)
{
	uint32_t count = uidmap_count(&s->st.map);
	struct seqset_range *r = arena_alloc(a, set->n * sizeof(*r) + 1);
	size_t n;

	if (r == NULL)
		return;
	if (set->n > 0)
		memcpy(r, set->ranges, set->n * sizeof(*r));
	n = seqset_normalise(r, set->n, count);
	for (size_t i = 0; i < n && r[i].lo <= count; i++)
		uidmap_between_seq(&s->st.map, r[i].lo,
		    r[i].hi < count ? r[i].hi : count, out);
}

struct set_env {
	struct session *s;
	struct arena *arena;
};

static bool
resolve_set(void *ctx, const struct seqset *set, bool uid,
    const struct uid_run **runs, size_t *n)
{
	struct set_env *e = ctx;
	struct uidset u = { 0 };
	struct uid_run *copy;
	bool ok = true;

	if (uid || set->saved)
		ok = session_set_quiet(e->s, set, true, &u);
	else
		seq_runs(e->s, set, e->arena, &u);
	copy = arena_alloc(e->arena, u.n * sizeof(*copy) + 1);
	if (ok && copy != NULL && u.n > 0)
		memcpy(copy, u.run, u.n * sizeof(*copy));
	*runs = copy;
	*n = u.n;
	uidset_fini(&u);
	return ok && copy != NULL;
}

static void
refuse(struct session *s, int r)
{
	switch (r) {
	case QUERY_CHARSET:
		session_no(s,
		    "[BADCHARSET (UTF-8 US-ASCII ISO-8859-1 ISO-2022-JP "
		    "SHIFT_JIS EUC-JP GB18030 BIG5 EUC-KR KOI8-R)] "
		    "Charset not known here");
		break;
	case QUERY_SET:
	case QUERY_LIMIT:
		session_no(s, "[LIMIT] Search is too large");
		break;
	default:
		session_store_result(s, r);
	}
}

static int
run_query(struct session *s, const struct query *q, struct arena *a,
    struct uidset *found)
{
	struct uidset known = { 0 };
	struct search *search;
	const struct uid_run *run;
	struct uid_run *asked;
	size_t n;
	uint32_t count = uidmap_count(&s->st.map);
	bool done = count == 0;
	int r = 0;

	if (count > 0)
		uidmap_between_seq(&s->st.map, 1, count, &known);
	if (!query_candidates(q, known.run, known.n, a, &asked, &n)) {
		uidset_fini(&known);
		return STORE_LIMIT;
	}
	uidset_fini(&known);
	search = search_open(s->c.account, s->st.mailbox, q, asked, n);
	while (!done && r == 0)
		r = search_step(search, &done);
	run = search_found(search, &n);
	if (r == 0)
		uidset_add_runs(found, run, n);
	search_close(&search);
	return r == STORE_NOT_FOUND ? 0 : r; /* the mailbox was deleted */
}

bool
imap_search_run(struct session *s, const struct searchkey *key,
    struct view charset, struct uidset *found)
{
	AUTO_ARENA struct arena *a = arena_new(IMAP_SEARCH_ARENA);
	struct set_env env = { s, a };
	struct query_env qe = { .account = s->c.account,
		.charset = charset,
		.now = clock_wall_s(),
		.recent = s->st.recent.run,
		.n_recent = s->st.recent.n,
		.set = resolve_set,
		.ctx = &env };
	struct query *q;
	int r;

	if ((r = query_compile(key, &qe, a, &q)) != 0) {
		refuse(s, r);
		return false;
	}
	if ((r = run_query(s, q, a, found)) != 0) {
		session_store_result(s, r);
		return false;
	}
	return true;
}

/* --- what is answered --- */

/* UID runs of known messages as ranges of the numbers the client wants; returns
 * a malloc'd array of *n. */
static struct seqset_range *
ranges_of(const struct session *s, const struct uidset *u, bool uid, size_t *n)
{
	struct seqset_range *r = xcalloc(u->n + 1, sizeof(*r));
	size_t k = 0;

	for (size_t i = 0; i < u->n; i++) {
		uint32_t lo = u->run[i].lo, hi = u->run[i].hi;

		if (!uid) {
			lo = uidmap_seq(&s->st.map, lo);
			hi = uidmap_seq(&s->st.map, hi);
		}
		if (k > 0 && r[k - 1].hi + 1 == lo)
			r[k - 1].hi = hi;
		else
			r[k++] = (struct seqset_range){ lo, hi };
	}
	*n = k;
	return r;
}

/* "* SEARCH 2 84" of RFC 3501, sent as it grows. */
static void
put_search(struct session *s, const struct seqset_range *r, size_t n)
{
	struct seqset_iter it = { r, n, 0, 0 };
	uint32_t num;

	buf_put_str(&s->c.out.b, "* SEARCH");
	while (seqset_next(&it, &num)) {
		buf_put_byte(&s->c.out.b, ' ');
		buf_put_dec(&s->c.out.b, num);
		output_turn(&s->c.out);
	}
	buf_put_str(&s->c.out.b, "\r\n");
}

/* What SAVE keeps: with MIN or MAX alone only those (RFC 9051 section
 * 6.4.4.1). */
static void
save(struct session *s, unsigned returns, const struct uidset *found)
{
	unsigned all = COMMAND_SEARCH_ALL | COMMAND_SEARCH_COUNT;
	unsigned ends = COMMAND_SEARCH_MIN | COMMAND_SEARCH_MAX;

	uidset_clear(&s->st.saved);
	if (found->n == 0)
		return;
	if ((returns & all) != 0 || (returns & ends) == 0) {
		uidset_add_runs(&s->st.saved, found->run, found->n);
		return;
	}
	if ((returns & COMMAND_SEARCH_MIN) != 0)
		uidset_add(&s->st.saved, found->run[0].lo, found->run[0].lo);
	if ((returns & COMMAND_SEARCH_MAX) != 0) {
		uint32_t last = found->run[found->n - 1].hi;

		uidset_add(&s->st.saved, last, last);
	}
}

void
imap_search(struct session *s, const struct command *c)
{
	const struct command_search *q = &c->u.search;
	bool extended = q->has_return || session_utf8(s);
	unsigned returns = q->returns != 0 ? q->returns : COMMAND_SEARCH_ALL;
	bool saves = (returns & COMMAND_SEARCH_SAVE) != 0;
	struct uidset found = { 0 };
	struct seqset_range *r;
	size_t n;

	if (!imap_search_run(s, &q->key, q->charset, &found)) {
		if (saves)
			uidset_clear(&s->st.saved);
		uidset_fini(&found);
		return;
	}
	r = ranges_of(s, &found, c->uid, &n);
	if (saves)
		save(s, returns, &found);
	if (!extended)
		put_search(s, r, n);
	else if (returns != COMMAND_SEARCH_SAVE)
		response_esearch_ranges(
		    &s->c.out.b, c->tag, c->uid, returns, r, n);
	mem_free(&r);
	uidset_fini(&found);
	session_ok(s, NULL);
}
