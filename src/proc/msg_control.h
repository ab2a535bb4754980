#ifndef PROC_MSG_CONTROL_H
#define PROC_MSG_CONTROL_H

#include "proc/msg.h"

/*
 * command <-> hub over the socket run/fumi.sock (SOCK_SEQPACKET). Anybody may
 * connect; who it is the kernel says (SO_PEERCRED).
 *
 *   command -> hub  DELIVER  with the message: a memfd sealed against writing,
 *                            growing and shrinking, so that nobody can change
 *                            it, or keep its reader waiting
 *   hub -> command  RESULT   one for each DELIVER, in any order
 *   command -> hub  LIST     allowed to root and to the server's own uids
 *   hub -> command  ROW      one for each session
 *   hub -> command  END      of the list
 *   hub -> command  DENIED   the caller may not ask that
 */

enum msg_control_type {
	MSG_CONTROL_DELIVER = 0x0601,
	MSG_CONTROL_LIST = 0x0602,
	MSG_CONTROL_RESULT = 0x0681,
	MSG_CONTROL_ROW = 0x0682,
	MSG_CONTROL_END = 0x0683,
	MSG_CONTROL_DENIED = 0x0684,
};

#define MSG_CONTROL_PENDING_MAX 16 /* DELIVER of one caller without RESULT */
#define MSG_CONTROL_CALLERS_MAX 256
#define MSG_CONTROL_SENDER_MAX 512 /* and of a recipient */
#define MSG_CONTROL_DETAIL_MAX 256

#define MSG_CONTROL_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

/* Needs the descriptor. Line ends may be LF or CRLF. */
struct msg_control_deliver {
	uint32_t request;    /* the caller's, comes back in RESULT */
	struct view account; /* name or alias */
	struct view sender;  /* of the envelope; may be empty */
	/* as in struct msg_deliver; empty: nobody said one */
	struct view recipient, detail;
	bool has_detail; /* it may be empty and yet there */
};
#define MSG_CONTROL_DELIVER_MAX                                                \
	(4 + 4 + MSG_ACCOUNT_MAX + 2 * (4 + MSG_CONTROL_SENDER_MAX) + 4 +      \
	    MSG_CONTROL_DETAIL_MAX + 1)
void msg_control_deliver_put(
    struct buf *b, const struct msg_control_deliver *m);
bool msg_control_deliver_get(struct wire *w, struct msg_control_deliver *m)
    A_MUST_USE;

struct msg_control_result {
	uint32_t request;
	uint8_t result; /* enum msg_deliver_result */
	uint32_t uid;   /* in INBOX */
	struct view text;
};
#define MSG_CONTROL_RESULT_MAX (4 + 1 + 4 + 4 + MSG_TEXT_MAX)
void msg_control_result_put(struct buf *b, const struct msg_control_result *m);
bool msg_control_result_get(struct wire *w, struct msg_control_result *m)
    A_MUST_USE;

struct msg_control_row {
	uint64_t session;
	uint32_t pid;
	uint8_t service; /* enum msg_service */
	uint8_t state;   /* enum msg_session_state */
	uint64_t age_ms;
	struct view account;
	struct netaddr remote;
	uint16_t remote_port;
	bool tls;
};
#define MSG_CONTROL_ROW_MAX                                                    \
	(8 + 4 + 1 + 1 + 8 + 4 + MSG_ACCOUNT_MAX + 16 + 2 + 1)
void msg_control_row_put(struct buf *b, const struct msg_control_row *m);
bool msg_control_row_get(struct wire *w, struct msg_control_row *m) A_MUST_USE;

/* LIST, END, DENIED: no fields. */
void msg_control_plain_put(struct buf *b, enum msg_control_type type);

#endif
