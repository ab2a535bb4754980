#ifndef PROC_MSG_FORK_H
#define PROC_MSG_FORK_H

#include "proc/msg.h"

/*
 * hub <-> forker. The forker parses only these fixed sizes.
 *
 *   hub -> forker  FORK    with the client's descriptor (for a delivery the
 *                          message file). Uses up the forker's own copy of the
 *                          grant, which says account, uid and directory.
 *   forker -> hub  FORKED  with the hub's end of a SOCK_SEQPACKET pair whose
 *                          other end the child holds (msg_session.h)
 *   forker -> hub  FAILED  no child
 *   forker -> hub  EXITED  that child is gone
 *   hub -> forker  KILL    end a child that does not end by itself
 *   hub -> forker  FORGET  a child that is there serves this grant: it is used
 */

enum msg_fork_type {
	MSG_FORK_FORK = 0x0401,
	MSG_FORK_KILL = 0x0402,
	MSG_FORK_FORGET = 0x0403,
	MSG_FORK_FORKED = 0x0481,
	MSG_FORK_FAILED = 0x0482,
	MSG_FORK_EXITED = 0x0483,
};

/* Needs the descriptor. */
struct msg_fork {
	uint8_t grant[MSG_GRANT_SIZE];
	uint8_t service; /* enum msg_service; must be the grant's */
	uint64_t session;
};
#define MSG_FORK_SIZE (MSG_GRANT_SIZE + 1 + 8)
void msg_fork_put(struct buf *b, const struct msg_fork *m);
bool msg_fork_get(struct wire *w, struct msg_fork *m) A_MUST_USE;

#define MSG_FORK_KILL_SIZE 8
void msg_fork_kill_put(struct buf *b, uint64_t session);
bool msg_fork_kill_get(struct wire *w, uint64_t *session) A_MUST_USE;

#define MSG_FORK_FORGET_SIZE MSG_GRANT_SIZE
void msg_fork_forget_put(struct buf *b, const uint8_t grant[MSG_GRANT_SIZE]);
bool msg_fork_forget_get(struct wire *w, uint8_t grant[MSG_GRANT_SIZE])
    A_MUST_USE;

/* Needs the descriptor. */
struct msg_forked {
	uint64_t session;
	uint32_t pid;
};
#define MSG_FORKED_SIZE 12
void msg_forked_put(struct buf *b, const struct msg_forked *m);
bool msg_forked_get(struct wire *w, struct msg_forked *m) A_MUST_USE;

enum msg_fork_why {
	MSG_FORK_NO_GRANT = 1, /* unknown, used, expired */
	MSG_FORK_SYSTEM = 2,   /* fork or a socket failed */
	MSG_FORK_LIMIT = 3,    /* too many children */
};
struct msg_fork_failed {
	uint64_t session;
	uint8_t why;  /* enum msg_fork_why */
	uint32_t err; /* errno, positive; 0: none */
};
#define MSG_FORK_FAILED_SIZE 13
void msg_fork_failed_put(struct buf *b, const struct msg_fork_failed *m);
bool msg_fork_failed_get(struct wire *w, struct msg_fork_failed *m) A_MUST_USE;

struct msg_fork_exited {
	uint64_t session;
	uint32_t pid;
	uint32_t status; /* as waitpid(2) gives it */
};
#define MSG_FORK_EXITED_SIZE 16
void msg_fork_exited_put(struct buf *b, const struct msg_fork_exited *m);
bool msg_fork_exited_get(struct wire *w, struct msg_fork_exited *m) A_MUST_USE;

#endif
