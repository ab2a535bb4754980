#ifndef PROC_GATE_H
#define PROC_GATE_H

#include <sys/queue.h>

#include "base/hash.h"
#include "base/limit.h"
#include "proc/conn.h"
#include "proc/gate_login.h"
#include "proc/msg_hand.h"
#include "proc/sieve_conf.h"
#include "proc/start.h"
#include "proc/tls.h"

/*
 * What the files of the gate share. gate.c is the process: settings, peers,
 * listeners, certificates. gate_accept.c takes connections, gate_conn.c runs
 * them as chains of steps, gate_auth.c and gate_hand.c talk to auth and hub,
 * gate_relay.c carries the bytes of TLS sessions.
 *
 * A connection is a struct gate_conn from accept() until its session has ended;
 * what only the login needs is freed when the session has it. One that has been
 * handed over in plain is no more than its struct, for the limit of its
 * address.
 */
#define GATE_LISTENERS_MAX 64
#define GATE_ACCEPT_TURN 8             /* connections accepted at once */
#define GATE_ACCEPT_PAUSE_MS 100       /* when descriptors have run out */
#define GATE_TURNS_MAX 32              /* steps before others get a turn */
#define GATE_UNREAD_MAX 8192           /* bytes read ahead before login */
#define GATE_CHUNK (64 * 1024)         /* bytes a relay moves at once */
#define GATE_RELAY_TURN 4              /* chunks before others get a turn */
#define GATE_HANDSHAKE_MS 30000        /* for TLS to come up */
#define GATE_HANDSHAKE_MAX (64 * 1024) /* bytes it may take */
#define GATE_START_MS 150000           /* hub must have answered by then */
#define GATE_LINGER_MS 2000          /* for the client to read our last word */
#define GATE_LINGER_MAX (256 * 1024) /* bytes thrown away meanwhile */
#define GATE_DRAIN_MS 60000     /* for a client to take what a session left */
#define GATE_STOP_DRAIN_MS 3000 /* the same when the server is stopping */
#define GATE_KEEPALIVE_S 300    /* silence before the kernel asks */

_Static_assert(GATE_UNREAD_MAX <= MSG_UNREAD_MAX, "unread fits a hand-over");
_Static_assert(GATE_START_MS > MSG_HAND_START_MS, "the hub gives up first");
_Static_assert(GATE_CHUNK <= TLS_WRITE_MAX, "a chunk is one write of TLS");

struct gate;
struct gate_conn;

enum gate_step {
	GATE_AGAIN,  /* go on with c->step at once */
	GATE_INPUT,  /* when the client has sent something */
	GATE_OUTPUT, /* when it can be written to */
	GATE_WAIT,   /* when somebody else says so */
	GATE_CLOSE,  /* free it */
};
typedef enum gate_step gate_step_fn(struct gate_conn *c);

struct gate_listener {
	struct gate *gate;
	int fd; /* -1: closed */
	bool implicit, may_starttls;
	const struct gate_protocol *protocol;
	struct loop_fd watch;
};

struct gate_conn {
	struct gate *gate;
	TAILQ_ENTRY(gate_conn) link;
	uint64_t id;
	struct conn conn;
	struct msg_client client;
	int fd; /* the client's socket; -1 after a plain hand-over */
	struct loop_fd watch;
	struct loop_timer timer;
	struct loop_task task; /* goes on in the next turn */
	gate_step_fn *step;
	struct tls *tls;   /* NULL: plain */
	bool readable;     /* the socket may have something for us */
	bool eof;          /* nothing more will come from the client */
	bool exchange;     /* auth has a START that has not ended */
	bool relaying;     /* between the client and c->pair */
	unsigned failures; /* of logins */
	uint64_t bytes;    /* fed to the login, or lingered over */
	uint64_t began_ms; /* of the connection */
	const struct gate_protocol *protocol;
	struct gate_login *login; /* until there is a session */
	struct buf in;            /* read and not yet fed */
	struct buf out;           /* plain text to be sent */
	uint8_t grant[MSG_GRANT_SIZE];
	uint8_t final[MSG_FINAL_MAX]; /* what SASL says with success */
	size_t final_n;
	/* relay (and TLS while the session is starting) */
	int pair; /* our end of the session's socket; -1 */
	struct loop_fd pair_watch;
	struct buf up;    /* from the client, not yet taken by the session */
	bool over;        /* its session has ended; the rest has c->timer */
	bool pair_eof;    /* the session has said all, and it was read */
	bool pair_closed; /* it has been told that no more will come */
	uint64_t up_bytes, down_bytes;
};

TAILQ_HEAD(gate_conns, gate_conn);

struct gate {
	struct start *s;
	struct peer auth, hub;
	struct gate_offer offer;
	struct tls_env tls_env;
	struct tls_set *tls; /* NULL: there is no certificate */
	struct buf *pem;     /* certificates coming in */
	uint32_t pems, pems_due;
	struct gate_listener listener[GATE_LISTENERS_MAX];
	size_t listeners;
	bool going, open; /* GO has come; listeners are watched */
	struct loop_timer pause;
	struct gate_conns conns;
	struct hash *by_id;
	size_t count;
	struct limit *addresses;
	uint64_t next_id;
	uint8_t *scratch; /* GATE_CHUNK bytes, for one call at a time */
	char name[256];   /* in the greeting */
	struct pop3_settings pop3;
	bool apop;
	struct view sieve_disabled[SIEVE_CONF_DISABLED_MAX];
	size_t n_sieve_disabled;
	/* settings */
	uint64_t connections_max, address_max, login_ms, attempts_max,
	    login_bytes;
};

/* --- gate.c --- */

extern const struct start_ops gate_ops; /* ctx: struct gate, zeroed */
/* Read the settings anew. */
void gate_settings(struct gate *g);
/* A connection is gone: is it time to end? */
void gate_settled(struct gate *g);

/* The oldest that the settings allow. */
enum tls_version gate_tls_version(const struct conf *conf);

/* --- gate_check.c --- */

/* Can the certificates of the configuration in the file path be used? What is
 * wrong goes to standard error; EX_OK, EX_CONFIG or EX_SOFTWARE. */
int gate_check(const char *path) A_MUST_USE;

/* --- gate_accept.c --- */

/* Watch the listeners, when GO and the first OFFER have come. */
void gate_accept_open(struct gate *g);
/* Close them for good. */
void gate_accept_close(struct gate *g);
/* Where a connection has come in. */
struct gate_door {
	const struct gate_protocol *protocol;
	bool implicit, may_starttls;
};
/* A new connection over fd (taken), whose limits are checked. remote and local
 * are known. NULL: refused. */
struct gate_conn *gate_accept_one(struct gate *g, int fd,
    const struct msg_client *client, const struct gate_door *door);

/* --- gate_conn.c --- */

/* Go on with its steps; it may be freed. Not while it is relaying. */
void gate_conn_run(struct gate_conn *c);
/* With its steps or its relay, whichever it is at. */
void gate_conn_go(struct gate_conn *c);
/* Free it, without a word to the client. */
void gate_conn_free(struct gate_conn *c);
/* Say BYE and close; it may be freed. */
void gate_conn_bye(
    struct gate_conn *c, enum gate_login_why why, const char *text);
/* Free what only the login needed. */
void gate_conn_logged_in(struct gate_conn *c);
struct gate_conn *gate_conn_find(struct gate *g, uint64_t id);
/* Wait for the end of the login's time. */
void gate_conn_login_timer(struct gate_conn *c);
/* Send what waits: true when all has left. Otherwise *r is OUTPUT or CLOSE. */
bool gate_conn_flush(struct gate_conn *c, enum gate_step *r);
/* All has been said: tell the client's kernel, wait for it to hang up. */
void gate_conn_linger(struct gate_conn *c);
gate_step_fn gate_step_greet, gate_step_handshake, gate_step_login,
    gate_step_auth, gate_step_hand, gate_step_starting, gate_step_bye;
/* A record about it: begin; fields and log_end() follow. */
void gate_conn_log(struct gate_conn *c, struct log_line *l,
    enum log_level level, const char *event);

/* --- gate_auth.c --- */

/* The peer is made; master brings its socket. */
void gate_auth_init(struct gate *g);
/* Begin the exchange that its login asks for. False: it has failed already, and
 * the login has been told. */
bool gate_auth_start(struct gate_conn *c) A_MUST_USE;
/* What the client answered goes on to auth. False as above. */
bool gate_auth_continue(struct gate_conn *c) A_MUST_USE;
/* If there is an exchange. */
void gate_auth_cancel(struct gate_conn *c);
/* All exchanges fail; why is for the log. */
void gate_auth_lost(struct gate *g, const char *why);

/* --- gate_hand.c --- */

/* The peer is made; master brings its socket. */
void gate_hand_init(struct gate *g);
/* Hand it over with c->grant. False: it could not be, and the login has been
 * told. */
bool gate_hand_over(struct gate_conn *c) A_MUST_USE;
/* Its client or relay is gone. */
void gate_hand_gone(struct gate_conn *c);
void gate_hand_lost(struct gate *g, const char *why);
/* The hub does not answer. */
void gate_hand_late(struct gate_conn *c);

/* --- gate_relay.c --- */

/* The session has the other end of c->pair; it may be freed. */
void gate_relay_start(struct gate_conn *c);
/* Move what can be moved; it may be freed. */
void gate_relay_run(struct gate_conn *c);
/* Its session has ended; what it has left may be more than the client takes. The
 * rest of a relay has GATE_DRAIN_MS from then, GATE_STOP_DRAIN_MS when the
 * server is stopping. */
void gate_relay_over(struct gate_conn *c);
/* The server is stopping. */
void gate_relay_stop(struct gate_conn *c);

#endif
