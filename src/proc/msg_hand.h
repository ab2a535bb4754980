#ifndef PROC_MSG_HAND_H
#define PROC_MSG_HAND_H

#include "proc/msg.h"

/*
 * gate <-> hub: a connection that has logged in becomes a session.
 *
 *   gate -> hub  HANDOVER  with a descriptor: the client's socket itself
 *                          (plain), or one end of a SOCK_STREAM socket pair
 *                          that the gate relays (TLS)
 *   hub -> gate  STARTED   the session lives and will answer the login command
 *                          (OK with the tag, +OK, OK); the gate closes its own
 *                          copy of a plain socket, or begins to relay
 *   hub -> gate  REFUSED   there is no session: the gate answers the login
 *                          command NO [UNAVAILABLE] (or [LIMIT]; -ERR
 *                          [SYS/TEMP]; NO (TRYLATER)), puts the unread bytes
 *                          back and goes on before login
 *   gate -> hub  GONE      the client is gone while it was starting, or its
 *                          relay has ended
 *   hub -> gate  ENDED     the session has ended; a plain connection no longer
 *                          counts for its address
 *   hub -> gate  SHUTDOWN  reserved for parked connections
 *
 * A session's descriptor is set to block, which the gate's copy shares: after
 * REFUSED the gate sets a plain socket non-blocking again.
 *
 * From HANDOVER until STARTED or REFUSED the gate neither reads from the client
 * nor writes to it. The hub knows the gate by its socket, and takes a HANDOVER
 * only with a grant that auth made for that gate, connection and generation.
 * The states are those of proc/conn.h.
 */

enum msg_hand_type {
	MSG_HAND_HANDOVER = 0x0301,
	MSG_HAND_GONE = 0x0302,
	MSG_HAND_STARTED = 0x0381,
	MSG_HAND_REFUSED = 0x0382,
	MSG_HAND_ENDED = 0x0383,
};

/* So long a hub waits for a session that is starting: a view may have to be
 * rebuilt. A gate waits longer, so that it hears what has become of it. */
#define MSG_HAND_START_MS 120000

/* Needs the descriptor. */
struct msg_hand_over {
	uint64_t conn;
	uint32_t generation;
	uint8_t service; /* IMAP, POP3 or SIEVE of enum msg_service */
	uint8_t grant[MSG_GRANT_SIZE];
	struct msg_login login; /* with a tag if it is IMAP, else without */
	struct view unread; /* read behind the login command, not yet used */
	struct msg_client client;
	/* the descriptor is the client's own socket (no TLS) */
	bool direct;
};
#define MSG_HAND_OVER_MAX                                                      \
	(8 + 4 + 1 + MSG_GRANT_SIZE + MSG_LOGIN_MAX + 4 + MSG_UNREAD_MAX +     \
	    37 + 1)
void msg_hand_over_put(struct buf *b, const struct msg_hand_over *m);
bool msg_hand_over_get(struct wire *w, struct msg_hand_over *m) A_MUST_USE;

/* A connection in one of its turns (conn.h). */
struct msg_hand_id {
	uint64_t conn;
	uint32_t generation;
};
#define MSG_HAND_ID_SIZE 12
void msg_hand_gone_put(struct buf *b, const struct msg_hand_id *m);
void msg_hand_ended_put(struct buf *b, const struct msg_hand_id *m);
/* Of GONE and ENDED. */
bool msg_hand_id_get(struct wire *w, struct msg_hand_id *m) A_MUST_USE;

struct msg_hand_started {
	struct msg_hand_id id;
	uint64_t session; /* its number, for the log: IMAP-00042 */
};
#define MSG_HAND_STARTED_SIZE 20
void msg_hand_started_put(struct buf *b, const struct msg_hand_started *m);
bool msg_hand_started_get(struct wire *w, struct msg_hand_started *m)
    A_MUST_USE;

enum msg_hand_why {
	MSG_HAND_UNAVAILABLE = 1, /* no process, account locked, stopping */
	MSG_HAND_LIMIT = 2,       /* too many sessions of that account */
	MSG_HAND_NO_GRANT = 3,    /* unknown, used, expired, of another */
};
struct msg_hand_refused {
	struct msg_hand_id id;
	uint8_t why; /* enum msg_hand_why */
	struct view text;
};
#define MSG_HAND_REFUSED_MAX (12 + 1 + 4 + MSG_TEXT_MAX)
void msg_hand_refused_put(struct buf *b, const struct msg_hand_refused *m);
bool msg_hand_refused_get(struct wire *w, struct msg_hand_refused *m)
    A_MUST_USE;

#endif
