#ifndef PROC_GRANTS_H
#define PROC_GRANTS_H

#include "proc/msg_grant.h"

/*
 * The grants that auth has made and nobody has used yet: each is taken once, in
 * time, or forgotten. At most MSG_GRANT_HELD_MAX.
 */
struct grants;

/* One grant with its own bytes: the views of m point into it. */
struct grant {
	struct msg_grant m;
	uint8_t account[MSG_ACCOUNT_MAX];
	uint8_t path[MSG_GRANT_PATH_MAX];
};

struct grants *grants_new(void);
void grants_free(struct grants **g);
/*
 * Keep a copy of m. now_ms is clock_mono_ms(). An expiry later than
 * MSG_GRANT_LIFE_MS from now is brought down to that.
 * False when its id is there already, it has expired, or too many are held.
 */
bool grants_add(struct grants *g, const struct msg_grant *m, uint64_t now_ms)
    A_MUST_USE;
/* Take the grant of that id out, for good: false when there is none, or it has
 * expired. */
bool grants_take(struct grants *g, const uint8_t id[MSG_GRANT_SIZE],
    uint64_t now_ms, struct grant *out) A_MUST_USE;
/* Forget those of an account that let somebody log in. */
void grants_drop(struct grants *g, struct view account);
size_t grants_held(const struct grants *g);

#endif
