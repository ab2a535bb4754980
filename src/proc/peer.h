#ifndef PROC_PEER_H
#define PROC_PEER_H

#include "base/loop.h"
#include "proc/msg.h"

/*
 * The other end of one of our sockets, taken as hostile. A table says which
 * message may come in which state, how long, and with or without a descriptor;
 * whatever is not in the table, or what a handler refuses, closes this peer and
 * nothing else.
 *
 *	static const struct peer_rule rules[] = {
 *		{ MSG_AUTH_START, READY, MSG_AUTH_START_MAX, false, on_start },
 *		...
 */
enum peer_fd {
	PEER_NO_FD = 0, /* one that comes is an offence */
	PEER_FD = 1,    /* exactly one must come */
};

struct peer_rule {
	uint32_t type;
	unsigned states; /* bits in which it is allowed */
	size_t max;      /* bytes of the body, behind the type */
	enum peer_fd fd;
	/*
	 * body  the fields
	 * fd    the descriptor that came (or -1); take it by fd_take(), it is
	 *       closed otherwise
	 * False: the message breaks the rules, the peer is closed. It may call
	 * peer_close() itself and return true, but must leave the object.
	 */
	bool (*handle)(void *ctx, struct wire *body, int *fd);
};

#define PEER_QUEUE_MAX 512         /* messages that wait to be sent */
#define PEER_QUEUE_BYTES (1 << 20) /* bytes of them */
#define PEER_TURN 32               /* messages read before others get a turn */

struct peer_waiting;

/* The caller's storage; fields are read-only to it except state. */
struct peer {
	const char *name; /* for the log, ours */
	const struct peer_rule *rules;
	size_t n_rules;
	unsigned state; /* one bit; the owner changes it as it likes */
	void *ctx;      /* for handlers and lost */
	/* it was closed by a fault of the peer or its end (not by peer_close());
	 * why is ours. The object may be reused or freed in here. */
	void (*lost)(void *ctx, const char *why);
	/* may be set after peer_init(): what had to wait has all been sent */
	void (*drained)(void *ctx);
	struct loop *loop;
	struct loop_fd watch;
	int fd; /* -1: closed */
	struct peer_waiting *first, **last;
	size_t waiting, waiting_bytes;
	unsigned
	    closes; /* counts closings, so that a loop over input sees one */
};

/* Names must live as long as p. Not connected yet. */
void peer_init(struct peer *p, const char *name, const struct peer_rule *rules,
    size_t n_rules, void *ctx, void (*lost)(void *ctx, const char *why));
/*
 * Talk over fd (taken, also on failure), which replaces the socket of before:
 * what waited for that one is dropped. state is the first state. 0 or negative
 * errno.
 */
int peer_open(struct peer *p, struct loop *loop, int fd, unsigned state)
    A_MUST_USE;
/* Close it without a word; fine when it is closed. lost is not called. */
void peer_close(struct peer *p);
static inline bool
peer_is_open(const struct peer *p)
{
	return p->fd >= 0;
}

/*
 * Send msg (type and fields, from a _put), now or when there is room, in order,
 * never blocking.
 * pass  descriptor to go along or -1; stays the caller's
 * Returns 0, -ENOTCONN when closed, -ENOBUFS when too much waits (nothing is
 * queued then), or another negative errno. A peer that is gone is found by the
 * loop and told by lost, never inside this call.
 */
int peer_send(struct peer *p, const struct buf *msg, int pass) A_MUST_USE;
/* The same for what another can have as well: -EPIPE or -ECONNRESET when the
 * peer hears no more, where that is known at once. */
int peer_try(struct peer *p, const struct buf *msg, int pass) A_MUST_USE;
/* Has all that was given to peer_send() left this process? */
static inline bool
peer_sent(const struct peer *p)
{
	return p->waiting == 0;
}

/* Read and handle all that has come by now, without waiting for the loop; lost
 * may be called. */
void peer_pump(struct peer *p);

/*
 * Check one message against the rules and handle it, as the loop does: for
 * tests and fuzzing, it needs no socket. *fd as in peer_rule. False: refused;
 * *why then is ours.
 */
bool peer_dispatch(struct peer *p, struct view msg, int *fd, const char **why)
    A_MUST_USE;

/* A bounded buffer for one message: AUTO_BUF struct buf b = peer_msg(); */
struct buf peer_msg(void);

#endif
