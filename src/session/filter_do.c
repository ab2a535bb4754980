#include <stdlib.h>

#include "base/mem.h"
#include "session/filter_inside.h"
#include "store/mailbox.h"

/*
 * Carrying a plan out. A mailbox that was made in the transaction at hand is
 * known to nobody else, so its number is kept here until the next one.
 */

int
filter_spool(struct filter *f, struct filter_plan *p)
{
	for (size_t i = 0; i < p->n_places; i++) {
		struct filter_place *l = &p->places[i];
		int r;

		if (l->original || l->spool != NULL)
			continue;
		r = spool_open(f->env.account, l->octets.n, &l->spool);
		if (r == 0)
			r = spool_write(l->spool, l->octets);
		if (r == 0)
			r = spool_finish(l->spool);
		if (r != 0)
			return r;
	}
	return 0;
}

void
filter_refused(struct filter *f, struct filter_plan *p, size_t i)
{
	struct filter_place *l;

	(void)f;
	p->outs[i].refused = true;
	if (!p->outs[i].keep_if_refused)
		return;
	for (size_t k = 0; k < p->n_places; k++)
		if (p->places[k].keep)
			return;
	l = filter_add_place(p);
	l->mailbox = VIEW_LIT("INBOX");
	l->octets = p->inside->m->octets;
	l->original = true;
	l->same = 1;
	l->keep = l->implicit = true;
	p->cancel_keep = false;
}

bool
filter_needs_original(const struct filter_plan *p)
{
	for (size_t i = 0; i < p->n_places; i++)
		if (p->places[i].original)
			return true;
	return false;
}

/* ---- mailboxes ---- */

void
filter_made_forget(struct filter *f)
{
	struct filter_made *m;

	while ((m = f->made) != NULL) {
		f->made = m->next;
		free(m);
	}
	f->tx = NULL;
}

void
filter_made_begin(struct filter *f, const struct tx *t)
{
	if (f->tx == t)
		return;
	filter_made_forget(f);
	f->tx = t;
}

static uint32_t
made_find(const struct filter *f, struct view name)
{
	for (const struct filter_made *m = f->made; m != NULL; m = m->next)
		if (view_eq((struct view){ m->name, m->n }, name))
			return m->id;
	return 0;
}

static void
made_add(struct filter *f, struct view name, uint32_t id)
{
	struct filter_made *m = xcalloc(1, sizeof(*m) + name.n);

	m->id = id;
	m->n = name.n;
	memcpy(m->name, name.p, name.n);
	m->next = f->made;
	f->made = m;
}

static int
make(struct filter *f, struct tx *t, const struct filter_place *l, uint32_t *id)
{
	int r = tx_mailbox_create(t, l->mailbox, l->uses, id);

	if (r != 0)
		return r;
	made_add(f, l->mailbox, *id);
	r = tx_subscribe(t, l->mailbox, true);
	return r < 0 ? r : 0;
}

int
filter_place_mailbox(
    struct filter *f, struct tx *t, const struct filter_place *l, uint32_t *id)
{
	struct mailbox_row row;
	int r;

	*id = FILTER_INBOX;
	if (view_eq_ci(l->mailbox, VIEW_LIT("INBOX")))
		return 0;
	if ((*id = made_find(f, l->mailbox)) != 0)
		return 0;
	r = mailbox_find(f->env.account, l->mailbox, &row);
	if (r == 0 && !row.noselect) {
		*id = row.id;
		return 0;
	}
	if (r < 0)
		return r;
	return l->create ? make(f, t, l, id) : STORE_NOT_FOUND;
}

/* What cannot be had is INBOX, for what has no place yet. */
static bool
is_moved(const struct filter_plan *p, int r)
{
	return r > 0 && p->inside->m->cause != FILTER_BY_HAND;
}

/* ---- places that are one ---- */

static bool
is_same_place(const struct filter_place *a, const struct filter_place *b)
{
	return a->same != 0 && a->same == b->same && a->id != 0 &&
	    a->id == b->id;
}

static bool
has_keyword(const struct filter_place *l, struct view word)
{
	for (size_t i = 0; i < l->n_keywords; i++)
		if (view_eq_ci(l->keywords[i], word))
			return true;
	return false;
}

static void
add_flags(struct filter_plan *p, struct filter_place *to,
    const struct filter_place *from)
{
	struct view *words =
	    arena_alloc(p->arena, SIEVE_FLAGS_MAX * sizeof(*words));
	size_t n = to->n_keywords;

	to->flags |= from->flags;
	if (from->n_keywords == 0 || words == NULL)
		return;
	if (n > 0)
		memcpy(words, to->keywords, n * sizeof(*words));
	for (size_t i = 0; i < from->n_keywords && n < SIEVE_FLAGS_MAX; i++)
		if (!has_keyword(to, from->keywords[i]))
			words[n++] = from->keywords[i];
	to->keywords = words;
	to->n_keywords = n;
}

void
filter_places_join(struct filter_plan *p, size_t *into)
{
	for (size_t i = 0; i < p->n_places; i++) {
		size_t k = i + 1;

		while (k < p->n_places &&
		    (into[k] != k ||
			!is_same_place(&p->places[i], &p->places[k])))
			k++;
		if (into[i] != i || k == p->n_places)
			continue;
		add_flags(p, &p->places[k], &p->places[i]);
		into[i] = k;
	}
}

/* ---- messages ---- */

int
filter_place_flags(
    struct tx *t, const struct filter_place *l, struct store_flags *flags)
{
	*flags = (struct store_flags){ .system = l->flags };
	for (size_t i = 0; i < l->n_keywords; i++) {
		unsigned number;
		int r = l->keywords[i].n <= STORE_KEYWORD_MAX
		    ? tx_keyword(t, l->keywords[i], &number)
		    : STORE_LIMIT;

		if (r < 0)
			return r;
		if (r == 0)
			flags->keywords[number / 64] |= 1ull << (number % 64);
	}
	return 0;
}

/* What a plan is stored from. */
struct storing {
	struct filter_plan *p;
	struct tx *t;
	uint64_t body;
	int64_t date;
	int16_t zone;
	size_t *into; /* of filter_places_join() */
	size_t stored;
};

static int
store_one(const struct storing *s, struct filter_place *l)
{
	struct store_flags flags;
	uint64_t body = s->body;
	int r;

	if ((r = filter_place_flags(s->t, l, &flags)) != 0)
		return r;
	if (!l->original && (r = tx_body(s->t, l->spool, &body)) != 0)
		return r;
	return tx_message(s->t, l->id, body, &flags, s->date, s->zone, &l->uid);
}

static int
store_elsewhere(struct storing *s)
{
	filter_places_join(s->p, s->into);
	for (size_t i = 0; i < s->p->n_places; i++) {
		struct filter_place *l = &s->p->places[i];
		int r;

		if (s->into[i] != i || l->id == FILTER_INBOX)
			continue;
		r = store_one(s, l);
		if (is_moved(s->p, r)) /* it is gone, or takes no more */
			l->id = FILTER_INBOX;
		else if (r != 0)
			return r;
		s->stored += r == 0;
	}
	return 0;
}

/* Last, when all is known that ends up there. */
static int
store_inbox(struct storing *s)
{
	filter_places_join(s->p, s->into);
	for (size_t i = 0; i < s->p->n_places; i++) {
		int r;

		if (s->into[i] != i || s->p->places[i].id != FILTER_INBOX)
			continue;
		r = store_one(s, &s->p->places[i]);
		if (r != 0 && !(r == STORE_LIMIT && is_moved(s->p, r)))
			return r;
		s->stored += r == 0;
	}
	return 0;
}

int
filter_store(struct filter *f, struct filter_plan *p, struct tx *t,
    uint64_t body, int64_t date, int16_t zone)
{
	AUTO_FREE size_t *into = xcalloc(p->n_places + 1, sizeof(*into));
	struct storing s = { p, t, body, date, zone, into, 0 };
	int r;

	filter_made_begin(f, t);
	for (size_t i = 0; i < p->n_places; i++) {
		struct filter_place *l = &p->places[i];

		into[i] = i;
		r = filter_place_mailbox(f, t, l, &l->id);
		if (is_moved(p, r))
			l->id = FILTER_INBOX;
		else if (r != 0)
			return r;
	}
	if ((r = store_elsewhere(&s)) != 0 || (r = store_inbox(&s)) != 0)
		return r;
	for (size_t i = p->n_places; i-- > 0;) {
		p->places[i].id = p->places[into[i]].id;
		p->places[i].uid = p->places[into[i]].uid;
	}
	return s.stored > 0 || p->n_places == 0 ? 0 : STORE_LIMIT;
}

uint32_t
filter_inbox_uid(const struct filter_plan *p)
{
	for (size_t i = 0; i < p->n_places; i++)
		if (p->places[i].id == FILTER_INBOX && p->places[i].uid != 0 &&
		    p->places[i].octets.p == p->inside->m->octets.p)
			return p->places[i].uid;
	for (size_t i = 0; i < p->n_places; i++)
		if (p->places[i].id == FILTER_INBOX)
			return p->places[i].uid;
	return 0;
}
