#ifndef PROC_DELIVERY_ITEM_H
#define PROC_DELIVERY_ITEM_H

#include <sys/queue.h>

#include "proc/delivery.h"
#include "proc/msg_deliver.h"
#include "session/filter.h"
#include "store/account.h"
#include "store/spool.h"

/*
 * What the files of a delivery process share: delivery.c takes messages and
 * answers, delivery_filter.c asks the rules, delivery_store.c stores. Nobody
 * outside includes this.
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
	char text[200]; /* what failed may point here */
	uint32_t uid;   /* it got in INBOX; 0: none yet, or it is elsewhere */
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
	bool stop;    /* no more is to come */
	bool leaving; /* sources are shut; what is in them is taken */
	bool deaf;    /* answers of out can no longer be heard */
};

/* The rules' plan for a spooled item; it may fail by that. */
void delivery_filter_plan(
    struct delivery *d, struct delivery_item *it, int64_t now, int16_t zone);
/* Hand what leaves to out, and wait until it is on the disk; items may fail. */
void delivery_filter_submit(struct delivery *d);
/* The plan is done with. */
void delivery_filter_end(struct delivery_item *it);

/* Store all items that have not failed, in one commit. modseq: its version, or
 * 0 when there was none. */
void delivery_store(struct delivery *d, uint64_t *modseq);

#endif
