#ifndef PROC_DELIVERY_ITEM_H
#define PROC_DELIVERY_ITEM_H

#include "proc/delivery.h"
#include "proc/msg_deliver.h"
#include "store/account.h"
#include "store/spool.h"

/*
 * What the two files of a delivery process share: delivery.c takes messages and
 * answers, delivery_store.c stores them. Nobody outside includes this.
 */
struct delivery_item {
	size_t from; /* index of the source that brought it */
	struct msg_deliver m;
	uint8_t *packet; /* MSG_MAX bytes that m's views are in; kept for the
			  * next one in this place */
	int fd;          /* of the octets, or -1 */
	struct spool *spool;
	uint32_t mailbox;   /* it goes to */
	uint32_t uid;       /* it got there; 0: none yet */
	const char *failed; /* NULL: good so far */
	const char *status; /* enhanced status code; NULL: the usual one */
	bool for_good;      /* trying again will not help */
};

struct delivery_source {
	int fd; /* -1: none */
};

struct delivery {
	const struct delivery_env *env;
	struct account *account;
	/* 0 is the hub, the others are channels */
	struct delivery_source source[1 + DELIVERY_CHANNELS_MAX];
	struct delivery_item item[DELIVERY_BATCH];
	size_t n;
	bool stop;    /* no more is to come */
	bool leaving; /* all sources are shut; what is in them is taken */
};

/* Store all items that have not failed, in one commit. modseq: its version, or
 * 0 when there was none. */
void delivery_store(struct delivery *d, uint64_t *modseq);

#endif
