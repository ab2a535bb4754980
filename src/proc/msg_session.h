#ifndef PROC_MSG_SESSION_H
#define PROC_MSG_SESSION_H

#include "proc/msg.h"

/*
 * hub <-> session (and delivery): the socket pair made by the forker. The child
 * knows its account, uid and limits from the forker; the hub tells the rest.
 *
 *   hub -> session  START      first message, once; a delivery gets one of
 *                              msg_deliver.h
 *   session -> hub  READY      the account is open; from here on the client's
 *                              descriptor is the session's. Before the tagged
 *                              OK. Once.
 *   session -> hub  COMMITTED  {modseq} after each commit
 *   hub -> session  CHANGED    another has committed; only the newest counts
 *   session -> hub  WATCH      with a descriptor: O_PATH of the segment it
 *                              appends to or last read; replaces the one of
 *                              before. The hub fstats it every 5 s: a writer
 *                              may die between commit and telling
 *   session -> hub  STATE      what it does, for "fumi top"
 *   hub -> session  SHUTDOWN   finish the command, BYE, exit
 *   session -> hub  REST       the client has logged out and nothing is left
 *                              of it. The hub answers, sooner or later, with
 *                              another START, this time with a descriptor: the
 *                              client of a further login to the same account,
 *                              by a grant that says the same; or with SHUTDOWN
 *
 * A session that stops reading loses no notification: the hub keeps the newest
 * modseq and sends it when there is room again.
 */

enum msg_session_type {
	MSG_SESSION_READY = 0x0501,
	MSG_SESSION_COMMITTED = 0x0502,
	MSG_SESSION_WATCH = 0x0503,
	MSG_SESSION_STATE = 0x0504,
	MSG_SESSION_REST = 0x0506,
	MSG_SESSION_START = 0x0581,
	MSG_SESSION_CHANGED = 0x0582,
	MSG_SESSION_SHUTDOWN = 0x0583,
};

struct msg_session_start {
	uint64_t session;
	struct msg_login login;
	struct view unread; /* as in msg_hand.h */
	struct msg_client client;
	bool direct;     /* the descriptor is the client's own TCP socket */
	uint64_t modseq; /* newest the hub knows of the account, 0: none */
};
#define MSG_SESSION_START_MAX                                                  \
	(8 + MSG_LOGIN_MAX + 4 + MSG_UNREAD_MAX + 37 + 1 + 8)
void msg_session_start_put(struct buf *b, const struct msg_session_start *m);
bool msg_session_start_get(struct wire *w, struct msg_session_start *m)
    A_MUST_USE;

void msg_session_ready_put(struct buf *b); /* no fields */
void msg_session_rest_put(struct buf *b);  /* no fields */
void msg_session_watch_put(struct buf *b); /* no fields, needs the descriptor */

/* COMMITTED and CHANGED. */
#define MSG_SESSION_MODSEQ_SIZE 8
void msg_session_committed_put(struct buf *b, uint64_t modseq);
void msg_session_changed_put(struct buf *b, uint64_t modseq);
bool msg_session_modseq_get(struct wire *w, uint64_t *modseq) A_MUST_USE;

enum msg_session_state {
	MSG_SESSION_BUSY = 1,
	MSG_SESSION_QUIET = 2, /* between commands */
	MSG_SESSION_IDLE = 3,  /* in IDLE */
};
#define MSG_SESSION_STATE_SIZE 1
void msg_session_state_put(struct buf *b, uint8_t state);
bool msg_session_state_get(struct wire *w, uint8_t *state) A_MUST_USE;

/* text goes behind "* BYE ". */
#define MSG_SESSION_SHUTDOWN_MAX (4 + MSG_TEXT_MAX)
void msg_session_shutdown_put(struct buf *b, const char *text);
bool msg_session_shutdown_get(struct wire *w, struct view *text) A_MUST_USE;

#endif
