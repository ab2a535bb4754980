#ifndef PROC_SPARE_H
#define PROC_SPARE_H

#include <sys/types.h>

#include "base/attrs.h"
#include "proc/child.h"

/*
 * Children that are forked before anybody needs them, so that a login does not
 * wait for a fork. One waits, with the forker's rights and without any of its
 * sockets, for the only thing it will ever be told: whose session it is. It
 * ends when the forker does, or lets go of it.
 */
#define SPARE_MAX 6

struct spares {
	size_t n;
	struct {
		pid_t pid;
		int fd; /* our end of its socket */
	} one[SPARE_MAX];
};

/* Fork one more; c is what all children have in common, without grant,
 * session, client and hub. In the child this does not return. 0 or negative
 * errno. */
int spare_add(struct spares *s, const struct child *c) A_MUST_USE;
/* Let one of them run c: its pid, or 0 when there is none. The descriptors stay
 * the caller's. */
pid_t spare_use(struct spares *s, const struct child *c) A_MUST_USE;
/* All of them end. */
void spare_drop(struct spares *s);

#endif
