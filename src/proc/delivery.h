#ifndef PROC_DELIVERY_H
#define PROC_DELIVERY_H

#include "base/log.h"
#include "base/view.h"

/*
 * The process that stores messages into one account: as the account's uid,
 * behind a session's walls.
 */
struct delivery_env {
	int hub;   /* SOCK_SEQPACKET to the hub, proc/msg_session.h */
	int first; /* the first message: a regular file or memfd */
	int dir;   /* the account's directory */
	uint64_t max_message; /* bytes of one message */
	struct log *log;
};

#define DELIVERY_LINGER_MS 2000 /* it waits so long for more before it ends */
#define DELIVERY_BATCH 64       /* messages of one commit */

/*
 * Store the first message, whose DELIVER is `deliver` (number and sender), and
 * those that follow; whatever waits when one commit begins goes into it: one
 * flush for all. Each gets its answer after the flush. Line ends become CRLF;
 * "Return-Path: <sender>" is put in front (RFC 5321 section 4.4). Returns when
 * the hub is gone or says so, or nothing has come for DELIVERY_LINGER_MS.
 */
struct msg_session_deliver;
int delivery_run(
    const struct delivery_env *env, const struct msg_session_deliver *deliver);

#endif
