#include "proc/out_due.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proc/out_queue.h"

/* Places count from 1 in the items, so that 0 is none; from 0 in v. */

static bool
is_before(const struct out_item *a, const struct out_item *b)
{
	return a->next_s != b->next_s ? a->next_s < b->next_s
				      : strcmp(a->id, b->id) < 0;
}

static void
put(struct out_due *d, size_t at, struct out_item *i)
{
	d->v[at] = i;
	i->due = at + 1;
}

static void
up(struct out_due *d, size_t at, struct out_item *i)
{
	while (at > 0 && is_before(i, d->v[(at - 1) / 2])) {
		put(d, at, d->v[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(d, at, i);
}

static void
down(struct out_due *d, size_t at, struct out_item *i)
{
	for (size_t child; (child = 2 * at + 1) < d->n; at = child) {
		if (child + 1 < d->n && is_before(d->v[child + 1], d->v[child]))
			child++;
		if (!is_before(d->v[child], i))
			break;
		put(d, at, d->v[child]);
	}
	put(d, at, i);
}

void
out_due_del(struct out_due *d, struct out_item *i)
{
	size_t at = i->due - 1;
	struct out_item *last;

	if (i->due == 0)
		return;
	i->due = 0;
	last = d->v[--d->n];
	if (last == i)
		return;
	up(d, at, last);
	down(d, last->due - 1, last);
}

void
out_due_set(struct out_due *d, struct out_item *i, int64_t next_s)
{
	out_due_del(d, i);
	i->next_s = next_s;
	if (d->n == d->room) {
		d->room = d->room == 0 ? 64 : 2 * d->room;
		d->v = xrealloc(d->v, d->room, sizeof(*d->v));
	}
	up(d, d->n++, i);
}

struct out_item *
out_due_first(const struct out_due *d)
{
	return d->n > 0 ? d->v[0] : NULL;
}

void
out_due_fini(struct out_due *d)
{
	free(d->v);
	*d = (struct out_due){ 0 };
}
