#ifndef PROC_OUT_QUEUE_H
#define PROC_OUT_QUEUE_H

#include <sys/queue.h>

#include "base/why.h"
#include "proc/msg_out.h"
#include "proc/out_seen.h"

/*
 * Messages that wait to be sent, one directory. Of each there are
 *
 *   ID.m    "fumiout2", u32 length of the head, the head, u32 CRC-32C of it,
 *           the octets of the message, u32 CRC-32C of them ("fumiout1":
 *           without that). Written as ID.new, synced, renamed, and the
 *           directory synced: from then on it is queued, and never changed.
 *   ID.s    how far it is: attempts, next one, state of each recipient, CRC.
 *           Replaced by renaming; without it nothing has been tried. When it is
 *           broken everything is tried again.
 *
 * and for all of them
 *
 *   seen    what was taken lately (out_seen.h)
 *
 * Who has the queue open holds a lock on the directory (flock): out, as long as
 * it lives, and "fumi deliver" for a moment where no server runs.
 *
 * A crash at any step leaves a message queued or not, and a recipient done or
 * waiting. What is neither, such as *.new, is removed at the next start.
 */
#define OUT_QUEUE_HEAD_MAX (64 * 1024) /* bytes */
#define OUT_QUEUE_TEXT_MAX MSG_TEXT_MAX
#define OUT_QUEUE_LOCK_MS 10000 /* who has it open has so long to close it */

enum out_state {
	OUT_WAITING = 0,
	OUT_SENT = 1,
	OUT_FAILED = 2, /* for good */
	OUT_TOLD = 3,   /* the same, and the sender knows, or need not */
	/* to a server that tells nobody of success; the sender wants to know,
	 * and does not yet (RFC 3461 section 5.2.2) */
	OUT_RELAYED = 4,
};

struct out_recipient {
	struct view address; /* in the item's memory */
	uint8_t state;       /* enum out_state */
	uint16_t code;       /* of the last reply; 0: none came */
	uint8_t text_n;
	uint8_t text[OUT_QUEUE_TEXT_MAX]; /* printable ASCII */
};

struct out_item {
	char id[MSG_OUT_ID_MAX + 1];
	uint8_t kind;        /* enum msg_out_kind */
	struct view account; /* empty: a bounce */
	struct view sender;
	struct msg_deliver_dsn dsn;
	bool utf8; /* it came with SMTPUTF8 */
	uint8_t key[MSG_OUT_KEY_SIZE];
	/* seconds since 1970; next_s is changed by out_queue_schedule() */
	int64_t created_s, next_s;
	uint32_t attempts;
	uint64_t offset, size; /* of the octets in ID.m */
	struct out_recipient *to;
	uint32_t n;
	bool summed; /* the CRC-32C of the octets stands behind them */
	bool busy;   /* it is held: out_queue_hold() */
	size_t due;  /* of out_due.c */
	TAILQ_ENTRY(out_item) link;
	uint8_t head[]; /* memory of the views */
};
TAILQ_HEAD(out_items, out_item);

struct out_queue;

/*
 * Read what is there.
 * dir   borrowed; must stay open as long
 * now   seconds since 1970
 * 0 or negative errno with *w (-EBUSY: another has it open); a message that
 * cannot be read is renamed to ID.bad, counted in *bad, and left alone.
 */
int out_queue_open(int dir, int64_t now, struct out_queue **out, size_t *bad,
    struct why *w) A_MUST_USE;
void out_queue_free(struct out_queue **q);

/* All, in the order of their ids, which is that of time. */
struct out_items *out_queue_items(struct out_queue *q);
size_t out_queue_count(const struct out_queue *q);
/* NULL: none of that id. */
struct out_item *out_queue_find(struct out_queue *q, struct view id);
/* Was that key of the account taken before? As out_seen_again(). */
bool out_queue_seen(struct out_queue *q, struct view account,
    const uint8_t key[MSG_OUT_KEY_SIZE]);
/* Those keys of the account are done: as out_seen_done(). */
int out_queue_done(struct out_queue *q, struct view account, struct view keys,
    struct why *w) A_MUST_USE;

/*
 * Take one: all of fd from its start. It is on the disk when 0 is returned.
 * id   NULL: a new one; else that, 1..MSG_OUT_ID_MAX letters and digits; if
 *      there is one already, that is *out
 * m    a TAKE; for a bounce made here account is empty and kind BOUNCE
 * max  bytes; more is -EFBIG
 * 0 or negative errno (-ENOSPC: no room), *w says at what.
 */
int out_queue_add(struct out_queue *q, const char *id,
    const struct msg_out_submit *m, int fd, uint64_t max, int64_t now,
    struct out_item **out, struct why *w) A_MUST_USE;
/* Write down how far it is. 0 or negative errno: then it may be as it was, and a
 * crash would have done again what was done. */
int out_queue_note(struct out_queue *q, struct out_item *i, struct why *w)
    A_MUST_USE;
/* It is done with: 0, it is gone for good, *i is freed and NULL. A negative
 * errno: its files may be there or not, and it is still one of the queue; remove
 * it again. */
int out_queue_remove(struct out_queue *q, struct out_item **i, struct why *w)
    A_MUST_USE;
/* It is damaged: rename it to ID.bad, and have it no more. Frees *i. */
void out_queue_set_aside(struct out_queue *q, struct out_item **i);
/* ID.m for reading, or negative errno. */
int out_queue_message(const struct out_queue *q, const struct out_item *i)
    A_MUST_USE;
/* Are its octets as they were taken? fd: ID.m. 0, -EBADMSG: they are not, or
 * another negative errno. Reads all of them. */
int out_queue_check(const struct out_item *i, int fd) A_MUST_USE;

/* --- when --- */

/* The one that is due first, of those that are not held; NULL: there is none. */
struct out_item *out_queue_first(const struct out_queue *q);
/* It is due then, and held no more. Not written down. */
void out_queue_schedule(
    struct out_queue *q, struct out_item *i, int64_t next_s);
/* It is being worked on: due at no time. */
void out_queue_hold(struct out_queue *q, struct out_item *i);

/* --- what was taken --- */

const struct out_seen *out_queue_taken(const struct out_queue *q);

/* Set the text of a recipient: cut, and "?" for what is not printable ASCII. */
void out_recipient_text(struct out_recipient *r, struct view text);

#endif
