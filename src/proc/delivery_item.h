#ifndef PROC_DELIVERY_ITEM_H
#define PROC_DELIVERY_ITEM_H

#include <sys/queue.h>

#include "proc/delivery.h"
#include "proc/msg_deliver.h"
#include "proc/msg_out.h"
#include "session/filter.h"
#include "store/account.h"
#include "store/spool.h"

/*
 * What the files of a delivery process share: delivery.c takes messages and
 * answers, delivery_filter.c asks the rules and hands over what leaves,
 * delivery_store.c stores, delivery_done.c says to out what is done with,
 * delivery_notice.c tells senders who want to know.
 * Nobody outside includes this.
 */
struct delivery_item {
	size_t from; /* index of the source that brought it */
	struct msg_deliver m;
	uint8_t *packet; /* MSG_MAX bytes that m's views are in; kept for the
			  * next one in this place */
	int fd;          /* of the octets, or -1 */
	struct spool *spool;
	struct filter_message message; /* borrowed by plan */
	struct filter_plan plan;
	bool planned;
	size_t own_n; /* octets in front of the spooled message that are ours */
	bool alone;   /* all that happens to it is one redirect */
	enum {
		DELIVERY_NOTICE_NONE = 0,
		DELIVERY_NOTICE_WAITS,
		DELIVERY_NOTICE_DONE,
	} notice;                             /* of success, to the sender */
	uint8_t notice_key[MSG_OUT_KEY_SIZE]; /* all zero: none is wanted */
	uint32_t uid; /* it got in INBOX; 0: none yet, or it is elsewhere */
	const char *failed; /* NULL: good so far */
	const char *status; /* enhanced status code; NULL: the usual one */
	bool for_good;      /* trying again will not help */
	bool left; /* something was handed to out: it can fail, but not for
		    * good, since it cannot be called back */
};

/* A message of the hub that came while another was awaited. */
struct delivery_stash {
	TAILQ_ENTRY(delivery_stash) link;
	int fd; /* or -1 */
	size_t n;
	uint8_t p[];
};

struct delivery_source {
	int fd; /* -1: none */
};

struct delivery {
	const struct delivery_env *env;
	struct account *account;
	struct filter *filter; /* NULL: none was needed yet */
	TAILQ_HEAD(, delivery_stash) stash;
	uint16_t turns; /* counts them, for numbers of what is submitted */
	uint64_t submit_end_ms; /* clock_mono_ms() until which out may take for
				 * this turn */
	/* 0 is the hub, the others are channels */
	struct delivery_source source[1 + DELIVERY_CHANNELS_MAX];
	struct delivery_item item[DELIVERY_BATCH];
	size_t n;
	size_t rest;  /* items behind them, for the next turn */
	bool stop;    /* no more is to come */
	bool leaving; /* sources are shut; what is in them is taken */
	bool deaf;    /* answers of out can no longer be heard */
	bool known;   /* out may know some keys of this turn for ever */
};

/* The rules' plan for a spooled item; it may fail by that. False: there is none
 * before those of this turn have ended. */
bool delivery_filter_plan(struct delivery *d, struct delivery_item *it,
    int64_t now, int16_t zone) A_MUST_USE;
/* Hand what leaves to out, and wait until it is on the disk; items may fail. */
void delivery_filter_submit(struct delivery *d);
/* The same for one message at a time: m->number gets the turn's. The fd may be
 * shared. False: out or the hub is not there. */
bool delivery_submit(struct delivery *d, struct msg_out_submit *m, size_t item,
    size_t at, int fd) A_MUST_USE;
/* The answers to so many; false: they do not come. */
bool delivery_hear(struct delivery *d, size_t asked) A_MUST_USE;
/* A new count of answers begins, which must be there after so long. */
void delivery_submit_begin(struct delivery *d, uint64_t ms);
/* The plan is done with. */
void delivery_filter_end(struct delivery_item *it);

/* What has left keeps its key until it is known that nobody brings the message
 * again, that is, until it is stored, just before the answer: out forgets the
 * keys then. When it does not for so long, what was stored is answered as stored;
 * what has only left is to be brought again, or the next message of the same
 * octets would not leave. */
#define DELIVERY_DONE_MS 10000
#define DELIVERY_DONE_AT 0xfffe /* number of one, in place of an out's */
void delivery_done(struct delivery *d);
/* The same for notices, before who is told of them is answered. When out does not
 * forget their keys that is logged: the next such notice may not leave. */
void delivery_done_notices(struct delivery *d);
/* Out has answered that. */
void delivery_done_taken(struct delivery *d, const struct msg_out_taken *m);
/* Has an item of the turn before it a key of its plan, or its notice's? Then it
 * waits for the turn in which that key is free again: what has a key alone is
 * known by it however often it is brought, and none stays behind that nobody
 * releases. */
bool delivery_done_waits(
    const struct delivery *d, const struct delivery_item *it) A_MUST_USE;

/* Store all items that have not failed, in one commit; from the first that must
 * wait on they are the rest, which keeps their order. modseq: its version, or 0
 * when there was none. */
void delivery_store(struct delivery *d, uint64_t *modseq);
/* Those that have not failed by now are remembered: nothing fails behind it, or
 * what is brought again would be its own duplicate (RFC 7352 section 3). */
void delivery_store_remember(struct delivery *d);
/* They are answered: forget what was made of them. */
void delivery_store_end(struct delivery *d);

/*
 * Notices of success (RFC 3461 section 5.2.3). They go to out when the commit is
 * durable and before the answer, so that nobody hears of what may still be lost,
 * and whoever dies in between is asked again, under the same key. When out does
 * not take one for so long, the message is answered as stored all the same, since
 * it is, and the loss is logged.
 */
#define DELIVERY_NOTICE_MS 10000
#define DELIVERY_NOTICE_AGAIN_MS 200 /* between two attempts */
#define DELIVERY_NOTICE_AT 0xffff    /* number of one, in place of an out's */
/* Does the sender want to know when it is stored? */
bool delivery_notice_wanted(const struct delivery_item *it) A_MUST_USE;
/* Give the item, which has its plan, the key of its notice, if one is wanted. */
void delivery_notice_name(struct delivery_item *it);
/* Those of which there is something to say, now that they are stored, WAIT. */
void delivery_notice_mark(struct delivery *d);
/* Send them, and wait until they are on the disk. */
void delivery_notice_send(struct delivery *d);
/* Out has answered that for item it. */
void delivery_notice_taken(struct delivery *d, struct delivery_item *it,
    const struct msg_out_taken *m);

#endif
