#ifndef PROC_LMTP_H
#define PROC_LMTP_H

#include <sys/queue.h>

#include "base/hash.h"
#include "proc/lmtp_command.h"
#include "proc/msg_deliver.h"
#include "proc/msg_lmtp.h"
#include "proc/start.h"

/*
 * What the files of the LMTP front end share. It has no account and no file: a
 * message is taken into memory (or a sealed memfd), given to the delivery
 * process of each recipient's account over a channel, and answered as that one
 * says. lmtp.c holds the life of the process and the listeners, lmtp_conn.c one
 * client, lmtp_transaction.c what its commands do, lmtp_find.c whose an address
 * is, lmtp_channel.c the way to the deliveries. Nobody outside includes this.
 *
 * What a message may hold: any octets but NUL (554 5.6.0). A lone CR stays, a
 * lone LF becomes CR LF when it is stored, and neither ever ends the data or a
 * line of it.
 */
#define LMTP_RECIPIENTS_MAX 5000   /* of one transaction */
#define LMTP_RECIPIENTS_ALL 500000 /* of all transactions */
#define LMTP_READ (64 * 1024)      /* octets read ahead of one client */
#define LMTP_OUT_MAX (2 << 20)     /* octets of answers that wait */
#define LMTP_CHANNELS_MAX 2048     /* delivery processes at once */
#define LMTP_ANSWER_MS 300000      /* a delivery must have answered by then */
#define LMTP_SWEEP_MS 5000   /* between two looks for those that have not */
#define LMTP_FOUND_MAX 16384 /* addresses remembered */
#define LMTP_FOUND_MS 3000   /* for so long */
#define LMTP_ERRORS_MAX 50   /* bad commands between two messages stored */
#define LMTP_TURNS 64        /* commands before others get a turn */
#define LMTP_STOP_MS 15000   /* for deliveries to be answered at the end */

struct lmtp_conn;

/*
 * What one client (an address, or a user at a socket file) has of [lmtp] memory,
 * over all its connections; as long as there is one, or a message of one. A
 * connection has one message at a time. The first message of a client may have
 * all that is free; further ones are taken as long as the client has no more
 * than is left for others, so nobody can keep everybody else out.
 */
struct lmtp_share {
	unsigned refs;
	uint64_t bytes; /* of messages in files */
	size_t key_n;
	uint8_t key[];
};
#define LMTP_SHARE_KEY_MAX 64

/* The octets of one message; as long as anybody needs them. */
struct lmtp_body {
	struct lmtp *lmtp;
	struct lmtp_share *share;
	unsigned refs;
	struct buf mem; /* all of them, or those that are not in the file yet */
	int fd;         /* memfd, sealed when the message is complete; -1 */
	uint64_t size;  /* octets so far */
	uint64_t charged; /* of them in the file */
	bool nul;         /* there is one */
	bool too_large;   /* over the limit: octets are dropped */
	bool no_room;     /* memory is short: octets are dropped */
};

struct lmtp_found {
	uint64_t until_ms;
	TAILQ_ENTRY(lmtp_found) link; /* oldest first */
	uint8_t answer;               /* enum msg_lmtp_answer */
	bool has_detail;
	uint32_t detail;
	char account[MSG_ACCOUNT_MAX];
	size_t account_n;
	size_t key_n;
	uint8_t key[]; /* local part, NUL, domain */
};

/* An accepted recipient; texts are malloc'd. */
struct lmtp_rcpt {
	char *account, *text, *detail, *orcpt;
	size_t account_n, text_n, detail_n, orcpt_n;
	bool has_detail;
	uint8_t notify;
	char *answer; /* all its lines; NULL: not known yet */
};

/* A message on its way to one recipient's account. */
struct lmtp_delivery {
	uint64_t number;
	struct lmtp_conn *conn; /* NULL: it has hung up */
	size_t rcpt;            /* index there */
	struct lmtp_body *body;
	struct buf packet; /* DELIVER but for its octets */
	uint64_t sent_ms;
	bool again; /* it was given back once */
	TAILQ_ENTRY(lmtp_delivery) link;
};
TAILQ_HEAD(lmtp_deliveries, lmtp_delivery);

/* The way to the delivery process of an account. */
struct lmtp_channel {
	struct lmtp *lmtp;
	enum {
		LMTP_CHANNEL_ASKING = 1, /* auth: may we? */
		LMTP_CHANNEL_OPENING,    /* hub: give it */
		LMTP_CHANNEL_OPEN,
	} state;
	uint64_t request;
	struct peer peer;
	bool taken; /* the process has read something of it */
	struct lmtp_deliveries waiting, sent;
	size_t in_flight; /* of sent */
	struct loop_task free;
	bool dead;
	size_t name_n;
	uint8_t name[MSG_ACCOUNT_MAX];
};

struct lmtp_conn {
	struct lmtp *lmtp;
	uint64_t id;
	int fd;
	struct loop_fd watch;
	struct loop_timer timer;
	struct loop_task task;
	TAILQ_ENTRY(lmtp_conn) link;
	char remote[NETADDR_TEXT_SIZE]; /* "" over a socket file */
	struct lmtp_share *share;
	uint64_t active_ms; /* the client did something last */
	struct buf in, out;
	size_t in_at; /* octets of in that are done with */
	bool eof, closing;
	unsigned errors;
	enum {
		LMTP_AT_COMMAND = 0,
		LMTP_AT_SKIP, /* a line that is too long */
		LMTP_AT_FIND, /* auth is asked about a recipient */
		LMTP_AT_DATA,
		LMTP_AT_CHUNK,
		LMTP_AT_ANSWERS, /* deliveries are not all answered */
	} at;
	/* the session */
	char name[LMTP_DOMAIN_MAX + 1]; /* of LHLO; "": none yet */
	bool dsn;                       /* was offered then */
	/* the transaction */
	bool mail;
	char sender[LMTP_PATH_MAX + 1];
	bool smtputf8;
	uint8_t ret;
	char envid[LMTP_ENVID_MAX + 1], auth[LMTP_XTEXT_MAX + 1];
	struct lmtp_rcpt *rcpt;
	size_t rcpts, rcpts_cap;
	struct lmtp_command pending;         /* RCPT that waits for auth */
	uint8_t pending_line[LMTP_LINE_MAX]; /* what its views are in */
	uint64_t find_request;
	struct lmtp_data data;
	struct lmtp_body *body;
	uint64_t chunk; /* octets of the chunk to come */
	bool chunk_last, chunk_dropped;
	char message_id[32];
	size_t answered, delivering; /* answers sent; deliveries without one */
};

struct lmtp_listener {
	struct lmtp *lmtp;
	int fd;
	bool local; /* a socket file */
	struct loop_fd watch;
};
#define LMTP_LISTENERS_MAX 16

struct lmtp {
	struct start *s;
	struct peer auth, hub;
	struct lmtp_listener listener[LMTP_LISTENERS_MAX];
	size_t listeners;
	bool open;
	char host[256];
	uint32_t deliver_uid[32]; /* who may use the socket files */
	size_t deliver_uids;
	TAILQ_HEAD(, lmtp_conn) conns;
	size_t count;
	struct hash *conn_by_request; /* those that wait for auth */
	uint64_t next_id, next_request, next_delivery;
	uint32_t life; /* random, for ids of messages */
	/* found */
	struct hash *found;
	TAILQ_HEAD(, lmtp_found) founds;
	/* channels */
	struct hash *channel_by_name, *channel_by_request;
	struct hash *shares;
	uint64_t memfd_bytes; /* of all shares */
	size_t recipients;
	uint64_t max_message, memory, timeout_ms;
	bool
	    dsn; /* mail can leave, and so what RFC 3461 asks for can be done */
	size_t connections_max;
	struct loop_timer sweep, pause, stop_timer;
	/* the date of Received, made once a second */
	int64_t date_at;
	char date[64];
};

/* ---- lmtp.c ---- */

/* A client has gone: is that all we waited for? */
void lmtp_settle(struct lmtp *l);
/* "Fri, 21 Nov 2026 23:00:00 +0900" of now; valid until the next call. */
const char *lmtp_date(struct lmtp *l);

/* ---- lmtp_conn.c ---- */

/* A client at fd (taken). remote: "" when it came by a socket file. who: the
 * key of its share, 1..LMTP_SHARE_KEY_MAX bytes. */
void lmtp_conn_new(struct lmtp *l, int fd, const char *remote, const char *who);
/* Something it waited for has happened: it goes on at the end of this turn. */
void lmtp_conn_go(struct lmtp_conn *c);
/* One answer; code and enhanced code as in "250 2.1.0", text without line end.
 */
void lmtp_conn_say(struct lmtp_conn *c, const char *code, const char *fmt, ...)
    A_PRINTF(3, 4);
/* Say so, and close when it is written. */
void lmtp_conn_bye(struct lmtp_conn *c, const char *code, const char *text);
void lmtp_conn_stop_all(struct lmtp *l);

/* ---- lmtp_transaction.c ---- */

/* Do one command; c->at says what comes next. */
void lmtp_transaction_line(struct lmtp_conn *c, struct view line);
/* The answer of auth about c->pending. */
void lmtp_transaction_found(
    struct lmtp_conn *c, const struct msg_lmtp_found *m);
/* The message is complete: give it to all. */
void lmtp_transaction_deliver(struct lmtp_conn *c);
/* All of a chunk has come. */
void lmtp_transaction_chunk(struct lmtp_conn *c);
/* A recipient has its answer; status and text (lines with LF between them) are
 * the delivery's. */
void lmtp_transaction_answer(struct lmtp_conn *c, size_t rcpt, uint8_t result,
    struct view status, struct view text);
void lmtp_transaction_reset(struct lmtp_conn *c);

/* ---- lmtp_body.c ---- */

/* That of who; made when it is new. */
struct lmtp_share *lmtp_share_ref(struct lmtp *l, const char *who);
void lmtp_share_unref(struct lmtp *l, struct lmtp_share **s);

struct lmtp_body *lmtp_body_new(struct lmtp_conn *c);
void lmtp_body_unref(struct lmtp_body **b);
void lmtp_body_put(struct lmtp_body *b, struct view v);
/* No more comes. False: it cannot be used (no_room). */
bool lmtp_body_finish(struct lmtp_body *b) A_MUST_USE;

/* ---- lmtp_find.c ---- */

/* Whose is it? True: *out is the answer, its account valid until the next call.
 * False: it comes by lmtp_transaction_found(). */
bool lmtp_find(struct lmtp_conn *c, const struct lmtp_path *p,
    struct msg_lmtp_found *out) A_MUST_USE;
/* c no longer waits. */
void lmtp_find_cancel(struct lmtp_conn *c);
void lmtp_find_lost(struct lmtp *l);
void lmtp_find_forget(struct lmtp *l);
bool lmtp_find_on_found(void *lmtp, struct wire *w, int *fd);
bool lmtp_find_on_changed(void *lmtp, struct wire *w, int *fd);

/* ---- lmtp_channel.c ---- */

/* Bring d (taken) to the account; its end is lmtp_transaction_answer(), perhaps
 * at once. */
void lmtp_channel_give(
    struct lmtp *l, struct view account, struct lmtp_delivery *d);
/* c has gone: what is under way goes on without it. */
void lmtp_channel_forget(struct lmtp *l, const struct lmtp_conn *c);
void lmtp_channel_sweep(struct lmtp *l);
/* Those that wait for auth, or for the hub. */
void lmtp_channel_lost(struct lmtp *l);
bool lmtp_channel_on_asked(void *lmtp, struct wire *w, int *fd);
bool lmtp_channel_on_opened(void *lmtp, struct wire *w, int *fd);
bool lmtp_channel_on_refused(void *lmtp, struct wire *w, int *fd);

#endif
