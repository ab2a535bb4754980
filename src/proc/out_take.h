#ifndef PROC_OUT_TAKE_H
#define PROC_OUT_TAKE_H

#include "base/conf.h"
#include "proc/out_queue.h"

/*
 * What is taken into the queue, and how much of it from one account. By out
 * while a server runs, and by "fumi deliver" without one, so that both keep the
 * same rules.
 */
#define OUT_TAKE_ACCOUNTS_MAX 65536 /* whose rates are remembered */

struct out_take;

/* What was taken lately counts already, by whichever process. q must live as
 * long. Never NULL. */
struct out_take *out_take_new(struct out_queue *q);
void out_take_free(struct out_take **t);
#define AUTO_OUT_TAKE __attribute__((cleanup(out_take_free)))

struct out_take_answer {
	enum msg_out_result result;
	const char *text; /* ours; "" with MSG_OUT_QUEUED */
	/* new in the queue; NULL: none is, or the same was taken before */
	struct out_item *item;
	int failed; /* the queue: negative errno, *w says at what; or 0 */
};

/*
 * Take a message, or say why not. With MSG_OUT_QUEUED it is on the disk.
 *
 * conf  settings of [out] and [store] max-message
 * m     a TAKE, with its account; fd is all of the message
 * now   seconds since 1970
 */
void out_take(struct out_take *t, const struct conf *conf,
    const struct msg_out_submit *m, int fd, int64_t now,
    struct out_take_answer *out, struct why *w);

#endif
