#ifndef PROC_OUT_DUE_H
#define PROC_OUT_DUE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Messages of the queue by when they are due, those of one second by their ids:
 * a binary heap. So a long queue costs no more than its logarithm.
 */
struct out_item;

struct out_due {
	struct out_item **v; /* zeroed at first */
	size_t n, room;
};

void out_due_fini(struct out_due *d);
/* It is due then: put it in, or where it belongs now. Sets i->next_s. */
void out_due_set(struct out_due *d, struct out_item *i, int64_t next_s);
/* Take it out; fine when it is not in there. */
void out_due_del(struct out_due *d, struct out_item *i);
/* The one that is due first; NULL: there is none. */
struct out_item *out_due_first(const struct out_due *d);

#endif
