#ifndef PROC_MSG_LMTP_H
#define PROC_MSG_LMTP_H

#include "proc/msg_grant.h"

/*
 * lmtp <-> auth, lmtp <-> hub. The front end learns whether an address is an
 * account, and gets a channel (msg_deliver.h) to the account's delivery process
 * as a gate gets a session: by a grant that auth gives to hub and forker.
 *
 *   lmtp -> auth  FIND     is this address an account?
 *   auth -> lmtp  FOUND    the answer
 *   auth -> lmtp  CHANGED  all answers of before may be wrong now
 *   lmtp -> auth  ASK      may we deliver to the account?
 *   auth -> lmtp  ASKED    the answer; a GRANT for service DELIVERY and of no
 *                          connection has left for hub and forker before
 *   lmtp -> hub   OPEN     by that grant, which is used up
 *   hub -> lmtp   OPENED   with the front end's end of the channel
 *   hub -> lmtp   REFUSED  there is none
 */
enum msg_lmtp_type {
	MSG_LMTP_FIND = 0x0801,
	MSG_LMTP_ASK = 0x0802,
	MSG_LMTP_OPEN = 0x0803,
	MSG_LMTP_FOUND = 0x0881,
	MSG_LMTP_CHANGED = 0x0882,
	MSG_LMTP_ASKED = 0x0883,
	MSG_LMTP_OPENED = 0x0884,
	MSG_LMTP_REFUSED = 0x0885,
};

#define MSG_LMTP_LOCAL_MAX 256  /* bytes of a local part, quoting undone */
#define MSG_LMTP_DOMAIN_MAX 255 /* bytes */

struct msg_lmtp_find {
	uint64_t request; /* the front end's, comes back; not 0 */
	struct view local;
	struct view domain; /* empty: none was said ("postmaster") */
};
#define MSG_LMTP_FIND_MAX (8 + 4 + MSG_LMTP_LOCAL_MAX + 4 + MSG_LMTP_DOMAIN_MAX)
void msg_lmtp_find_put(struct buf *b, const struct msg_lmtp_find *m);
bool msg_lmtp_find_get(struct wire *w, struct msg_lmtp_find *m) A_MUST_USE;

enum msg_lmtp_answer {
	MSG_LMTP_YES = 0,
	MSG_LMTP_UNKNOWN = 1,  /* no such account */
	MSG_LMTP_DISABLED = 2, /* it is, or may not get mail */
	MSG_LMTP_TRY_LATER = 3,
};
struct msg_lmtp_found {
	uint64_t request;
	uint8_t answer;      /* enum msg_lmtp_answer */
	struct view account; /* unique name; empty unless YES */
	/* bytes at the end of the local part that are the detail, without the
	 * delimiter before it; has_detail false: there is no delimiter */
	bool has_detail;
	uint32_t detail;
};
#define MSG_LMTP_FOUND_MAX (8 + 1 + 4 + MSG_ACCOUNT_MAX + 1 + 4)
void msg_lmtp_found_put(struct buf *b, const struct msg_lmtp_found *m);
bool msg_lmtp_found_get(struct wire *w, struct msg_lmtp_found *m) A_MUST_USE;

struct msg_lmtp_ask {
	uint64_t request;
	struct view account; /* as FOUND has given it */
};
#define MSG_LMTP_ASK_MAX (8 + 4 + MSG_ACCOUNT_MAX)
void msg_lmtp_ask_put(struct buf *b, const struct msg_lmtp_ask *m);
bool msg_lmtp_ask_get(struct wire *w, struct msg_lmtp_ask *m) A_MUST_USE;

struct msg_lmtp_asked {
	uint64_t request;
	uint8_t answer;                /* enum msg_lmtp_answer */
	uint8_t grant[MSG_GRANT_SIZE]; /* zero unless YES */
};
#define MSG_LMTP_ASKED_SIZE (8 + 1 + MSG_GRANT_SIZE)
void msg_lmtp_asked_put(struct buf *b, const struct msg_lmtp_asked *m);
bool msg_lmtp_asked_get(struct wire *w, struct msg_lmtp_asked *m) A_MUST_USE;

struct msg_lmtp_open {
	uint64_t request;
	uint8_t grant[MSG_GRANT_SIZE];
};
#define MSG_LMTP_OPEN_SIZE (8 + MSG_GRANT_SIZE)
void msg_lmtp_open_put(struct buf *b, const struct msg_lmtp_open *m);
bool msg_lmtp_open_get(struct wire *w, struct msg_lmtp_open *m) A_MUST_USE;

/* OPENED (needs the descriptor) and REFUSED. */
#define MSG_LMTP_REQUEST_SIZE 8
void msg_lmtp_opened_put(struct buf *b, uint64_t request);
void msg_lmtp_refused_put(struct buf *b, uint64_t request);
bool msg_lmtp_request_get(struct wire *w, uint64_t *request) A_MUST_USE;

void msg_lmtp_changed_put(struct buf *b); /* no fields */

#endif
