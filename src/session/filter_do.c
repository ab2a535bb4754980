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
	r = l->create ? make(f, t, l, id) : STORE_NOT_FOUND;
	return r <= 0 ? r : STORE_NOT_FOUND;
}

/* 0, or a negative errno; what cannot be had is INBOX. */
static int
find_mailbox(
    struct filter *f, struct tx *t, const struct filter_place *l, uint32_t *id)
{
	int r = filter_place_mailbox(f, t, l, id);

	if (r != 0)
		*id = FILTER_INBOX;
	return r < 0 ? r : 0;
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

static int
store_one(struct filter *f, struct filter_place *l, struct tx *t, uint64_t body,
    int64_t date, int16_t zone)
{
	struct store_flags flags;
	int r;

	if ((r = find_mailbox(f, t, l, &l->id)) != 0 ||
	    (r = filter_place_flags(t, l, &flags)) != 0)
		return r;
	if (!l->original && (r = tx_body(t, l->spool, &body)) != 0)
		return r;
	r = tx_message(t, l->id, body, &flags, date, zone, &l->uid);
	if (r <= 0 || l->id == FILTER_INBOX)
		return r;
	/* it went away a moment ago, or takes no more */
	l->id = FILTER_INBOX;
	return tx_message(t, l->id, body, &flags, date, zone, &l->uid);
}

int
filter_store(struct filter *f, struct filter_plan *p, struct tx *t,
    uint64_t body, int64_t date, int16_t zone)
{
	size_t stored = 0;

	filter_made_begin(f, t);
	for (size_t i = 0; i < p->n_places; i++) {
		int r = store_one(f, &p->places[i], t, body, date, zone);

		if (r != 0 && r != STORE_LIMIT)
			return r;
		stored += r == 0;
	}
	return stored > 0 || p->n_places == 0 ? 0 : STORE_LIMIT;
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
