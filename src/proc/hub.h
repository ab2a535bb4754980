#ifndef PROC_HUB_H
#define PROC_HUB_H

#include <sys/queue.h>

#include "base/hash.h"
#include "proc/conn.h"
#include "proc/grants.h"
#include "proc/msg_control.h"
#include "proc/msg_deliver.h"
#include "proc/msg_fork.h"
#include "proc/msg_hand.h"
#include "proc/msg_lmtp.h"
#include "proc/msg_session.h"
#include "proc/start.h"

/*
 * What the files of the hub share. hub.c holds the peers and the life of the
 * process, hub_session.c the table of sessions and notification, hub_deliver.c
 * deliveries and the control socket. Nobody outside includes this.
 */
#define HUB_START_MS MSG_HAND_START_MS /* from FORK to READY */
#define HUB_EXIT_MS 10000       /* from the end of its socket to its exit */
#define HUB_REST_MS 3000        /* a session waits so long for another login */
#define HUB_RESTING_MAX 128     /* of all accounts, at once */
#define HUB_LOGINS_MAX 1000     /* of one process, then it ends */
#define HUB_LOOK_MS 5000        /* between two looks at the watched files */
#define HUB_NUMBERS 1000000     /* session numbers of one life of the hub */
#define HUB_DELIVERIES_MAX 4096 /* delivery processes at once */

/* An account with sessions or deliveries. */
struct hub_account {
	uint8_t name[MSG_ACCOUNT_MAX];
	size_t name_n;
	uint64_t modseq; /* newest known; 0: none */
	TAILQ_HEAD(hub_sessions, hub_session) sessions;
	size_t count;                 /* of sessions, deliveries not counted */
	struct hub_session *delivery; /* takes more messages; NULL: none */
	/* newest WATCH of any of its sessions, and how it looked last */
	int watch;
	uint64_t watch_size, watch_time;
};

/* What a process was forked with and cannot change. */
struct hub_rights {
	uint32_t uid, gid;
	uint64_t memory_max;
	uint32_t cpu_max_s;
	uint8_t service;
};

/* A session or delivery process, from FORK to its exit. It has one session
 * after the other, all of one account: see REST of msg_session.h. */
struct hub_session {
	uint64_t number;          /* of the process, and of its first session */
	uint64_t session;         /* number of the present or last session */
	unsigned logins;          /* it has had */
	struct hub_rights rights; /* a further login must have the same */
	struct hub *hub;
	struct hub_account *account;
	TAILQ_ENTRY(hub_session) link;
	uint8_t service;
	struct conn conn; /* not for a delivery */
	uint32_t gate;
	uint64_t conn_id;
	struct msg_client client;
	struct peer peer;  /* its end of the pair, once FORKED has come */
	struct buf *first; /* START or DELIVER, until it is sent */
	char *farewell;    /* a SHUTDOWN it could not be told yet; or NULL */
	uint32_t pid;      /* 0: FORKED has not come */
	uint8_t state;     /* enum msg_session_state */
	bool ready, gone;  /* READY has come; its socket has ended */
	bool counted;      /* it has a session: one of account->count */
	bool resting;      /* it has none, and may get one */
	size_t submitting; /* SUBMIT that out has not answered */
	bool orphan;       /* its forker is gone: nobody will tell its exit */
	bool dirty;        /* there is news it could not be told */
	uint64_t told;     /* newest modseq it was told, or told us */
	uint64_t began_ms;
	struct loop_timer timer;
	struct hub_deliveries *deliveries; /* those it has; a delivery only */
	size_t delivering;
};

/* One message to be delivered, from DELIVER to RESULT. */
struct hub_delivery {
	uint64_t number;
	struct hub *hub;
	struct hub_caller *caller; /* NULL: it has hung up */
	uint32_t request;
	uint8_t account[MSG_ACCOUNT_MAX]; /* as the caller wrote it */
	size_t account_n;
	uint8_t sender[MSG_DELIVER_ADDRESS_MAX];
	size_t sender_n;
	uint8_t recipient[MSG_DELIVER_ADDRESS_MAX];
	size_t recipient_n;
	uint8_t detail[MSG_DELIVER_DETAIL_MAX];
	size_t detail_n;
	bool has_detail;
	int fd;
	bool again;                     /* it was tried once before */
	struct hub_session *by;         /* who has it; NULL: auth is asked */
	TAILQ_ENTRY(hub_delivery) link; /* of by->deliveries, or hub->asked */
};
TAILQ_HEAD(hub_deliveries, hub_delivery);

struct hub_caller {
	struct hub *hub;
	struct peer peer;
	uint32_t uid;
	size_t pending;
	size_t asking; /* ASK without END: 0 or 1 */
	/* numbers of the sessions still to be listed; NULL: no LIST */
	uint64_t *list;
	size_t list_n, list_at;
	TAILQ_ENTRY(hub_caller) link;
};

struct hub_gate {
	struct hub *hub;
	uint32_t number;
	struct peer peer;
};

struct hub {
	struct start *s;
	struct hub_gate gate[MSG_GATES_MAX + 1];
	struct peer auth, forker, lmtp, out;
	TAILQ_HEAD(, hub_out_asked) out_asked; /* out is to answer */
	uint64_t next_out;
	struct grants *grants;
	struct hash *sessions; /* by number */
	struct hash *accounts; /* by name */
	uint64_t next_session, next_delivery;
	size_t resting;    /* sessions that are */
	size_t deliveries; /* delivery processes */
	int control;       /* listening */
	struct loop_fd control_watch;
	TAILQ_HEAD(, hub_caller) callers;
	size_t caller_count;
	struct hub_deliveries asked;
	struct loop_timer look;
};

/* --- hub_session.c --- */

/* The rules of messages from sessions and deliveries; ctx is hub_session. */
void hub_session_handover(
    struct hub *h, struct hub_gate *g, const struct msg_hand_over *m, int *fd);
/* A new process for the account of g, with fd; NULL: it could not be asked for.
 * first is taken over. */
struct hub_session *hub_session_fork(struct hub *h, const struct grant *g,
    uint8_t service, struct buf *first, int fd) A_MUST_USE;
struct hub_session *hub_session_find(struct hub *h, uint64_t number);
void hub_session_forked(
    struct hub *h, struct hub_session *s, uint32_t pid, int *fd);
void hub_session_failed(struct hub *h, struct hub_session *s, uint8_t why);
void hub_session_exited(struct hub_session *s, uint32_t status);
/* The gate says that the client is gone. */
void hub_session_client_gone(
    struct hub *h, uint32_t gate, const struct msg_hand_id *id);
/* Nobody is left who could start or end its processes. */
void hub_session_forker_lost(struct hub *h);
void hub_session_gate_lost(struct hub *h, uint32_t gate);
/* Say BYE and end: all of an account, or with NULL all there are. */
void hub_session_shutdown(
    struct hub *h, struct hub_account *a, const char *text);
/* Let none rest: what they know is old. */
void hub_session_reload(struct hub *h);
struct hub_account *hub_account_find(struct hub *h, struct view name);
/* The newest modseq of a; its sessions but `by` are told. */
void hub_account_changed(
    struct hub_account *a, uint64_t modseq, const struct hub_session *by);
/* Look at the watched files of all accounts. */
void hub_account_look(struct hub *h);

/* --- hub_out.c --- */

void hub_out_init(struct hub *h);
/* The socket to out; taken. */
int hub_out_open(struct hub *h, int fd) A_MUST_USE;
/* SUBMIT of a session, DONE of a delivery, ASK of a command; false: it breaks
 * the rules. */
bool hub_out_submit(struct hub_session *s, struct wire *w, int fd) A_MUST_USE;
bool hub_out_done(struct hub_session *s, struct wire *w) A_MUST_USE;
bool hub_out_question(struct hub_caller *c, struct wire *w) A_MUST_USE;
void hub_out_caller_gone(struct hub_caller *c);

/* --- hub_deliver.c --- */

/* Accept commands and deliveries there; the listener is taken. 0 or negative
 * errno. */
int hub_deliver_listen(struct hub *h, int *fd) A_MUST_USE;
/* The answer of auth. */
void hub_deliver_looked(struct hub *h, const struct msg_grant_looked *m);
/* Nobody will answer. */
void hub_deliver_auth_lost(struct hub *h);
/* The process has answered one of its deliveries; false: it has no such. */
bool hub_deliver_done(struct hub_session *s, const struct msg_delivered *m)
    A_MUST_USE;
/* The process of these has ended; orderly: it took none that it did not
 * answer, so they can be tried again. */
void hub_deliver_ended(struct hub_session *s, bool orderly);
void hub_deliver_close(struct hub *h);
/* Nobody can change the message, nor make its reader wait. */
bool hub_is_sealed(int fd) A_MUST_USE;
/* The LMTP front end wants a channel to the process of an account. */
void hub_deliver_open(struct hub *h, const struct msg_lmtp_open *m);

#endif
