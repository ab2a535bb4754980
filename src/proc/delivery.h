#ifndef PROC_DELIVERY_H
#define PROC_DELIVERY_H

#include "base/conf.h"
#include "base/log.h"
#include "base/view.h"
#include "proc/settings.h"
#include "store/account.h"

/*
 * The process that stores messages into one account: as the account's uid,
 * behind a session's walls. They come from the hub (fumi deliver) and over the
 * channels of LMTP front ends: proc/msg_deliver.h.
 */
struct delivery_env {
	int hub;   /* SOCK_SEQPACKET to the hub, proc/msg_session.h */
	int first; /* the first message's octets, or the first channel */
	int dir;   /* the account's directory */
	struct view account;                   /* its name */
	const struct account_options *options; /* of opening it */
	uint64_t max_message;                  /* bytes of one message */
	/* user+detail@… goes to the mailbox named detail, if there is one */
	bool detail_mailbox;
	/* where goes what nobody files; n 0: INBOX */
	struct view mailbox;
	/* for the rules, see session/filter.h */
	struct view host, globals;
	const char *const *disabled;
	size_t n_disabled;
	const char *delimiters;
	struct log *log;
};

#define DELIVERY_LINGER_MS 2000 /* it waits so long for more before it ends */
#define DELIVERY_BATCH 64       /* messages of one commit */
#define DELIVERY_CHANNELS_MAX 8 /* front ends it talks to at once */

/* How the settings have accounts opened. */
struct account_options delivery_options(const struct conf *conf);
/* What the settings say of it, into *env; conf and host must live as long. */
void delivery_settings(struct delivery_env *env, const struct conf *conf,
    char host[SETTINGS_HOST_SIZE]);

/*
 * Take what `first_message` brings (a DELIVER whose octets are env->first, or a
 * CHANNEL that is env->first), and all that follows; whatever waits when one
 * commit begins goes into it: one flush for all. Each gets its answer after the
 * flush. In front of each come "Return-Path: <sender>" (RFC 5321 section 4.4),
 * "Original-Recipient: type; address" of ORCPT (RFC 8098 section 2.3),
 * "Delivered-To: recipient" and the trace lines that came with it. Line ends
 * become CRLF, a lone CR stays. Returns, with an exit status, when the hub is
 * gone or says so, when its last channel has been closed, or when nothing has
 * come for DELIVERY_LINGER_MS.
 *
 * first_message  body and type, borrowed during the call
 */
int delivery_run(const struct delivery_env *env, struct view first_message)
    A_MUST_USE;

#endif
