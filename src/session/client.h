#ifndef SESSION_CLIENT_H
#define SESSION_CLIENT_H

#include "base/attrs.h"
#include "base/log.h"
#include "session/hub.h"
#include "session/output.h"
#include "store/account.h"

/*
 * What the sessions of all protocols (IMAP, POP3, ManageSieve) have in common:
 * one client, its input, its time-outs, the hub, and the end. They are written
 * straight down and block when they must.
 */
#define CLIENT_WRITE_MS (10 * 60 * 1000) /* a client that does not read */
#define CLIENT_CPU_S 120       /* CPU seconds between two client_limit_cpu() */
#define CLIENT_UNREAD_MAX 8192 /* bytes that come with a hand-over */
#define CLIENT_INPUT 32768     /* bytes read at once */

enum client_first {
	CLIENT_PREAUTH,  /* a greeting: fumi session --stdio */
	CLIENT_LOGGED_IN /* the answer to the command that logged in */
};

/* What a session is given; stays as it is, and the caller's. */
struct client_env {
	/* the client; may be the same descriptor. With a hub it is
	 * non-blocking, so that a stop is heard in the middle of a write */
	int in, out;
	int hub;     /* SOCK_SEQPACKET to the hub (session/hub.h), or -1 */
	int dir;     /* the account's directory */
	bool create; /* make the account if there is none */
	/* of the account; NULL: the defaults. Borrowed */
	const struct account_options *options;
	/* NULL: opened and closed here. Else *kept, when not NULL, is the
	 * account, open already; it is left open there for the next session */
	struct account **kept;
	enum client_first first;
	struct view unread; /* at most CLIENT_UNREAD_MAX bytes read already */
	struct view user;   /* for the log, scripts and ManageSieve's OWNER */
	struct view remote; /* address of the client, for the log */
	unsigned idle_ms; /* how long it may be silent; 0: the protocol's own */
	unsigned write_ms; /* 0: CLIENT_WRITE_MS */
	unsigned cpu_s;    /* 0: CLIENT_CPU_S */
	struct log *log;   /* never NULL; has the session id */
};

enum client_end {
	CLIENT_LOGOUT = 0, /* QUIT or LOGOUT was said and answered */
	CLIENT_GONE,       /* the client closed, or does not read */
	CLIENT_IDLE,       /* it was silent for too long */
	CLIENT_SHUTDOWN,   /* the hub said so */
	/* too many errors, a stream beyond repair, or a login that may not be */
	CLIENT_REFUSED,
	CLIENT_FAILED, /* the account cannot be opened or used */
};

struct client {
	const struct client_env *env;
	struct log *log;
	struct output out;
	struct view input; /* read and not yet taken; into input_bytes */
	uint8_t *input_bytes;
	struct account *account; /* after client_account(), else NULL */
	unsigned idle_ms;
	int64_t cpu_seen; /* CPU second at the last look at it */
	enum client_end end;
	bool stop;    /* the hub wants it to end soon */
	bool changed; /* the account may have; whoever looks clears it */
	bool ending;  /* leave the loop */
	/* of CLIENT_SHUTDOWN, for people: the hub's words, if they came between
	 * two commands */
	char stop_text[HUB_TEXT_MAX + 1];
};

/* idle_ms: the protocol's own limit, where env has none. */
void client_begin(
    struct client *c, const struct client_env *env, unsigned idle_ms);
/* Open the account (or take the one that is open). 0, or as account_open(),
 * which is logged. */
int client_account(struct client *c) A_MUST_USE;
/* End for that reason, unless it ends already. */
void client_end(struct client *c, enum client_end end);
/*
 * Send everything, then wait until c->input has bytes: true. False: c->ending
 * is set. What is said to a client that has been silent or that is sent away is
 * the caller's to put afterwards.
 * between  the client is not in the middle of a command: a stop by the hub ends
 *          it
 * news     return for c->changed, too
 */
bool client_wait(struct client *c, bool between, bool news) A_MUST_USE;
/* Let the limit of CPU time begin anew, as each command does. */
void client_limit_cpu(struct client *c);
/* Has the client stopped reading? Then the session ends. */
void client_check(struct client *c);
/* Flush, log the end, close. Returns c->end. */
enum client_end client_finish(struct client *c);

#endif
