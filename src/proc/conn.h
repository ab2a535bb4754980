#ifndef PROC_CONN_H
#define PROC_CONN_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The life of a client's connection, the same table in gate and hub.
 *
 *   state      who reads from the client    leaves it by
 *   prelogin   gate                         handover, gone
 *   starting   nobody                       started, refused, gone
 *   live       session                      park, ended, gone
 *   parking    session (it has asked)       parked, busy, ended, gone
 *   parked     gate                         wake (only the hub), gone
 *   waking     nobody                       awake, refused, gone
 *   closing    nobody                       -
 *
 * The generation says which turn of it a message is about. It counts up with
 * every login exchange and whenever the client's end changes hands (parked,
 * wake), so that what was sent before is recognised and dropped.
 */
enum conn_state {
	CONN_PRELOGIN,
	CONN_STARTING,
	CONN_LIVE,
	CONN_PARKING,
	CONN_PARKED,
	CONN_WAKING,
	CONN_CLOSING,
};
#define CONN_STATES 7

enum conn_event {
	CONN_ON_LOGIN,    /* gate: an exchange with auth begins */
	CONN_ON_HANDOVER, /* gate: the descriptor goes to the hub */
	CONN_ON_STARTED,  /* hub: a session has it */
	CONN_ON_REFUSED,  /* hub: no session; back to prelogin (or closing) */
	CONN_ON_PARK,     /* session: would like to go away */
	CONN_ON_BUSY,     /* gate: not now */
	CONN_ON_PARKED,   /* gate: holds it */
	CONN_ON_WAKE,     /* hub: there is something to do */
	CONN_ON_AWAKE,    /* hub: a session has it again */
	CONN_ON_ENDED,    /* hub: the session has ended */
	CONN_ON_GONE,     /* gate: the client is gone */
};
#define CONN_EVENTS 11

struct conn {
	enum conn_state state;
	uint32_t generation; /* not 0; wraps past 0 */
};

enum conn_result {
	CONN_MOVED, /* state is the new one, maybe the same */
	CONN_STALE, /* of another generation: drop it, it is no offence */
	CONN_WRONG, /* does not happen in this state: the sender is broken */
};

/* A new connection: prelogin, generation 1. */
void conn_init(struct conn *c);
/*
 * generation  what the message says; the caller's own events pass c->generation
 * On STALE and WRONG *c is unchanged. After an event whose message was sent
 * without knowing of a hand-over that crossed it (ENDED, GONE against PARKED,
 * WAKE) the older one is STALE.
 */
enum conn_result conn_event(
    struct conn *c, enum conn_event event, uint32_t generation) A_MUST_USE;

/* Words for the log; never NULL. */
const char *conn_state_name(enum conn_state state);
const char *conn_event_name(enum conn_event event);

#endif
