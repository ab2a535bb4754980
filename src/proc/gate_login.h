#ifndef PROC_GATE_LOGIN_H
#define PROC_GATE_LOGIN_H

#include "base/buf.h"
#include "imap/frame.h"
#include "imap/limits.h"
#include "proc/msg_auth.h"
#include "session/pop3.h"

/*
 * A protocol before login: bytes in, bytes out, and now and then something that
 * the gate must do. No I/O, no clock, no log. One struct for all of them, and a
 * table of functions for each:
 *
 *   gate_imap   RFC 9051 sections 6.1 and 6.2, RFC 2971, RFC 4959
 *   gate_pop3   RFC 1939 section 4, RFC 2449, 2595, 5034, 6856
 *   gate_sieve  ManageSieve: RFC 5804 section 2
 *
 *     gate_login_init(&l, &opts);
 *     gate_login_greet(&l, &out);
 *     for (;;)
 *         switch (gate_login_feed(&l, &in, &out)) { ... }
 */
/* Bad commands, in IMAP in a row, else in all; one more: BYE. */
#define GATE_LOGIN_BADS_MAX 50
#define GATE_LOGIN_ARENA (64 * 1024)   /* bytes of one parsed command */
#define GATE_LOGIN_NOTE_MAX 300        /* bytes of an ID worth logging */
#define GATE_LOGIN_ID_VALUE_MAX 100    /* bytes of one value in it */
#define GATE_LOGIN_OUT_MAX (32 * 1024) /* bytes of answers that may wait */
/* Stop feeding when so much waits: any one answer fits behind it. */
#define GATE_LOGIN_OUT_FULL (8 * 1024)

/* What auth offers (struct msg_auth_offer), kept. */
struct gate_offer {
	bool known; /* auth has said something */
	char tls[MSG_AUTH_OFFER_MAX + 1], plain[MSG_AUTH_OFFER_MAX + 1],
	    loopback[MSG_AUTH_OFFER_MAX + 1];
	bool login_plain, login_loopback;
};
/* False: a list is not one of SASL mechanisms with one space between. */
bool gate_offer_set(struct gate_offer *o, const struct msg_auth_offer *m)
    A_MUST_USE;

enum gate_login_result {
	GATE_LOGIN_MORE,     /* all of in was taken, and more is needed */
	GATE_LOGIN_AGAIN,    /* a command was answered; feed on */
	GATE_LOGIN_STARTTLS, /* begin TLS when out has been sent; forget all
	                      * other input; then gate_login_secured() */
	GATE_LOGIN_START,    /* begin an exchange: mech, secret */
	GATE_LOGIN_CONTINUE, /* the answer to a challenge: secret */
	GATE_LOGIN_CANCEL,   /* the client has given the exchange up */
	GATE_LOGIN_NOTE,     /* the client has said who it is: note */
	GATE_LOGIN_BYE,      /* send out and close */
};

enum gate_login_phase {
	GATE_LOGIN_COMMANDS,
	GATE_LOGIN_WAITS,      /* for auth: must not be fed */
	GATE_LOGIN_CHALLENGED, /* for one line of the client */
};

struct gate_protocol;
extern const struct gate_protocol gate_imap, gate_pop3, gate_sieve;
enum msg_service gate_protocol_service(const struct gate_protocol *p);
/* Its name in TLS (RFC 7301). */
const char *gate_protocol_alpn(const struct gate_protocol *p);
/* Is what SASL says with success said with the last answer? */
bool gate_protocol_final_in_ok(const struct gate_protocol *p);

/* What a login begins with; the pointers must outlive it. */
struct gate_login_opts {
	const struct gate_protocol *protocol;
	const struct gate_offer *offer;
	const char *name; /* of the server */
	/* POP3: as configured; what is of the connection is not looked at */
	const struct pop3_settings *pop3;
	bool apop; /* POP3: the greeting has a challenge */
	/* ManageSieve: extensions not to be had here */
	const struct view *sieve_disabled;
	size_t n_sieve_disabled;
	bool tls;      /* TLS is up already */
	bool starttls; /* it may be begun */
	bool loopback; /* client and server are on this machine */
};

#define GATE_LOGIN_APOP_MAX 128 /* bytes of the challenge, with its "<>" */

/* Read-only to others. */
struct gate_login {
	struct gate_login_opts o;
	struct frame frame;
	enum gate_login_phase phase;
	unsigned bads;
	const char *command; /* that logs in: "LOGIN", "AUTH", … */
	char mech[MSG_AUTH_MECH_MAX + 1];
	bool by_password; /* mech is PLAIN, made from a name and a password */
	bool has_initial;
	struct buf secret; /* what goes to auth, until gate_login_wipe() */
	struct buf note;
	bool noted;
	/* IMAP: of the command that waits for auth or for its session */
	uint8_t tag[LIMITS_TAG];
	size_t tag_n;
	/* POP3 */
	struct buf user; /* of USER; n 0: none */
	bool utf8;
	enum pop3_language language;
	char apop[GATE_LOGIN_APOP_MAX + 1]; /* "": none */
};

void gate_login_init(struct gate_login *l, const struct gate_login_opts *o);
void gate_login_fini(struct gate_login *l);

/* The first word of the server. */
void gate_login_greet(struct gate_login *l, struct buf *out);
/* Take from *in until something is to be done. Not in phase WAITS. */
enum gate_login_result gate_login_feed(
    struct gate_login *l, struct view *in, struct buf *out) A_MUST_USE;
/* After STARTTLS: as at the beginning, but with TLS, and at most with what
 * ManageSieve says again. */
void gate_login_secured(struct gate_login *l, struct buf *out);
/* Overwrite secret; after START and CONTINUE. */
void gate_login_wipe(struct gate_login *l);
/* What the session needs of it; borrowed. Not the final. */
struct msg_login gate_login_msg(const struct gate_login *l);

/* What auth says, in phase WAITS (asserted). */
void gate_login_challenge(
    struct gate_login *l, struct view challenge, struct buf *out);
void gate_login_fail(struct gate_login *l, enum msg_auth_code code,
    struct view text, struct buf *out);

enum gate_login_why {
	GATE_LOGIN_ENDS,        /* the client's doing, or the server stops */
	GATE_LOGIN_UNAVAILABLE, /* may be better later */
	GATE_LOGIN_LIMIT,       /* of the account: likewise */
};
/* No session: the same as a failure; not ENDS. */
void gate_login_refused(struct gate_login *l, enum gate_login_why why,
    struct view text, struct buf *out);
/*
 * The last word. asked: the client waits for an answer, or for the greeting;
 * POP3 says nothing unasked (RFC 1939 section 3).
 */
void gate_login_bye(const struct gate_protocol *p, bool asked,
    enum gate_login_why why, const char *text, struct buf *out);

#endif
