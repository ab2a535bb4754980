#include <stdlib.h>

#include "base/mem.h"
#include "session/internal.h"

/*
 * A set is often full of small holes, and each call of message_rows() has its
 * price: runs that are near each other are asked for together and what was not
 * wanted is dropped.
 */
#define GAP 64 /* UIDs that are rather read than skipped */

void
rows_init(struct session_rows *r, struct session *s, const struct uidset *set)
{
	*r = (struct session_rows){ .s = s, .set = set };
	r->row = xcalloc(SESSION_ROWS, sizeof(*r->row));
	if (set->n > 0)
		r->next = set->run[0].lo;
}

void
rows_fini(struct session_rows *r)
{
	free(r->row);
	r->row = NULL;
}

/* Drop the rows that are not in the set, which is looked at from run from on. */
static size_t
keep_wanted(const struct session_rows *r, size_t from, size_t n)
{
	const struct uidset *set = r->set;
	size_t kept = 0;

	for (size_t k = 0; k < n; k++) {
		while (from < set->n && set->run[from].hi < r->row[k].uid)
			from++;
		if (from < set->n && set->run[from].lo <= r->row[k].uid)
			r->row[kept++] = r->row[k];
	}
	return kept;
}

/* Go on behind uid, the last that has been looked at. */
static void
move_on(struct session_rows *r, uint32_t uid)
{
	while (r->i < r->set->n && r->set->run[r->i].hi <= uid)
		r->i++;
	if (r->i == r->set->n)
		return;
	r->next = r->set->run[r->i].lo;
	if (r->next <= uid)
		r->next = uid + 1;
}

int
rows_next(struct session_rows *r)
{
	const struct uid_run *run = r->set->run;

	r->n = 0;
	while (r->i < r->set->n && r->n == 0) {
		size_t from = r->i, to = r->i, got = 0;
		int e;

		while (to + 1 < r->set->n && run[to + 1].lo - run[to].hi <= GAP)
			to++;
		e = message_rows(r->s->c.account, r->s->st.mailbox, r->next,
		    run[to].hi, r->row, SESSION_ROWS, &got);
		if (e != 0)
			return e;
		move_on(
		    r, got < SESSION_ROWS ? run[to].hi : r->row[got - 1].uid);
		r->n = keep_wanted(r, from, got);
	}
	r->seen += r->n;
	return 0;
}

int
rows_again(struct session_rows *r)
{
	struct uidset set = { 0 };
	struct session_rows again = { .s = r->s, .set = &set, .row = r->row };
	size_t had = r->n;
	int e;

	for (size_t k = 0; k < r->n; k++)
		uidset_add(&set, r->row[k].uid, r->row[k].uid);
	again.next = r->n > 0 ? r->row[0].uid : 0;
	e = rows_next(&again);
	r->n = again.n;
	r->seen -= had - r->n;
	uidset_fini(&set);
	return e;
}
