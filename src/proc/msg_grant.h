#ifndef PROC_MSG_GRANT_H
#define PROC_MSG_GRANT_H

#include "proc/msg.h"

/*
 * auth -> hub and auth -> forker: who may do what, once. Hub and forker each
 * get their own copy from auth and each check it: a gate that was taken over
 * can use only grants of its own connections, and a hub that was taken over can
 * start nothing for an account nobody has logged into.
 *
 *   auth -> hub, forker  GRANT       at any time
 *   auth -> hub          DISCONNECT  end the sessions of an account (disabled,
 *                                    removed, password changed)
 *   hub -> auth          LOOKUP      may the program at the other end of this
 *                                    socket deliver to the account? With the
 *                                    socket as descriptor, so that auth asks
 *                                    the kernel (SO_PEERCRED), not the hub
 *   auth -> hub          LOOKED      the answer, after GRANT if it is yes
 *
 * A GRANT must have left for both (peer_sent()) before OK or LOOKED is sent;
 * hub and forker read what has come from auth before they say that they do not
 * know a grant. If it cannot leave at once, the login fails as unavailable.
 */

enum msg_grant_type {
	MSG_GRANT_GRANT = 0x0201,
	MSG_GRANT_DISCONNECT = 0x0202,
	MSG_GRANT_LOOKED = 0x0203,
	MSG_GRANT_LOOKUP = 0x0281,
};

#define MSG_GRANT_LIFE_MS 10000 /* it is used within this time, or never */
#define MSG_GRANT_HELD_MAX 4096 /* unused ones a receiver keeps */
#define MSG_GRANT_PATH_MAX 600  /* bytes */

struct msg_grant {
	uint8_t id[MSG_GRANT_SIZE]; /* random */
	/* for one login: connection and generation of that gate; all 0 with
	 * MSG_SERVICE_DELIVERY */
	uint32_t gate;
	uint64_t conn;
	uint32_t generation;
	uint8_t service;     /* enum msg_service; good for this one only */
	struct view account; /* unique name, 1..MSG_ACCOUNT_MAX bytes */
	uint32_t uid, gid;   /* of its sessions */
	/* the account's directory below accounts/: one or two names with "/"
	 * between, none of them "." or ".." or starting with "." */
	struct view path;
	uint32_t sessions_max; /* live at once, from any address; not 0 */
	uint64_t memory_max;   /* bytes of data a session may have; not 0 */
	uint32_t cpu_max_s;    /* CPU seconds of one command; not 0 */
	uint64_t expires_ms;   /* clock_mono_ms(), at most LIFE from now */
};
#define MSG_GRANT_GRANT_MAX                                                    \
	(MSG_GRANT_SIZE + 4 + 8 + 4 + 1 + 4 + MSG_ACCOUNT_MAX + 8 + 4 +        \
	    MSG_GRANT_PATH_MAX + 4 + 8 + 4 + 8)
void msg_grant_put(struct buf *b, const struct msg_grant *m);
/* False also for a path or a limit that breaks the rules above. The expiry is
 * the receiver's to check. */
bool msg_grant_get(struct wire *w, struct msg_grant *m) A_MUST_USE;
/* Is it a path as above? */
bool msg_grant_path_ok(struct view path) A_MUST_USE;

struct msg_grant_disconnect {
	struct view account;
	struct view text; /* for BYE */
};
#define MSG_GRANT_DISCONNECT_MAX (4 + MSG_ACCOUNT_MAX + 4 + MSG_TEXT_MAX)
void msg_grant_disconnect_put(
    struct buf *b, const struct msg_grant_disconnect *m);
bool msg_grant_disconnect_get(struct wire *w, struct msg_grant_disconnect *m)
    A_MUST_USE;

/* Needs the descriptor. */
struct msg_grant_lookup {
	uint64_t request;    /* the hub's, comes back in LOOKED */
	struct view account; /* as the caller wrote it */
};
#define MSG_GRANT_LOOKUP_MAX (8 + 4 + MSG_ACCOUNT_MAX)
void msg_grant_lookup_put(struct buf *b, const struct msg_grant_lookup *m);
bool msg_grant_lookup_get(struct wire *w, struct msg_grant_lookup *m)
    A_MUST_USE;

enum msg_grant_answer {
	MSG_GRANT_YES = 0,
	MSG_GRANT_UNKNOWN = 1, /* no such account */
	MSG_GRANT_DENIED = 2,  /* not this caller, or the account is disabled */
	MSG_GRANT_TRY_LATER = 3,
};
struct msg_grant_looked {
	uint64_t request;
	uint8_t answer;                /* enum msg_grant_answer */
	uint8_t grant[MSG_GRANT_SIZE]; /* zero unless YES */
	struct view text;
};
#define MSG_GRANT_LOOKED_MAX (8 + 1 + MSG_GRANT_SIZE + 4 + MSG_TEXT_MAX)
void msg_grant_looked_put(struct buf *b, const struct msg_grant_looked *m);
bool msg_grant_looked_get(struct wire *w, struct msg_grant_looked *m)
    A_MUST_USE;

#endif
