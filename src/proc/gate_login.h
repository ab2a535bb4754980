#ifndef PROC_GATE_LOGIN_H
#define PROC_GATE_LOGIN_H

#include "base/buf.h"
#include "imap/command.h"
#include "imap/frame.h"
#include "proc/msg_auth.h"

/*
 * IMAP before login (RFC 9051 sections 6.1 and 6.2, RFC 2971, RFC 4959): bytes
 * in, bytes out, and now and then something that the gate must do. No I/O, no
 * clock, no log.
 *
 *     gate_login_greet(&l, &out);
 *     for (;;)
 *         switch (gate_login_feed(&l, &in, &out)) { ... }
 */
#define GATE_LOGIN_BADS_MAX 10         /* bad commands; one more: BYE */
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

/* Read-only to others. */
struct gate_login {
	struct frame frame;
	const struct gate_offer *offer;
	const char *name; /* of the server */
	bool tls, starttls, loopback;
	enum gate_login_phase phase;
	unsigned bads;
	bool noted;
	uint8_t tag[LIMITS_TAG];
	size_t tag_n;
	bool login_command; /* LOGIN, not AUTHENTICATE */
	char mech[MSG_AUTH_MECH_MAX + 1];
	bool has_initial;
	struct buf secret; /* what goes to auth, until gate_login_wipe() */
	struct buf note;
};

/*
 * offer, name  must outlive l
 * tls          TLS is up already
 * starttls     it may be begun
 * loopback     client and server are on this machine
 */
void gate_login_init(struct gate_login *l, const struct gate_offer *offer,
    const char *name, bool tls, bool starttls, bool loopback);
void gate_login_fini(struct gate_login *l);

/* "* OK [CAPABILITY …]". */
void gate_login_greet(const struct gate_login *l, struct buf *out);
/* Take from *in until something is to be done. Not in phase WAITS. */
enum gate_login_result gate_login_feed(
    struct gate_login *l, struct view *in, struct buf *out) A_MUST_USE;
/* After STARTTLS: as at the beginning, but with TLS. */
void gate_login_secured(struct gate_login *l);
/* Overwrite secret; after START and CONTINUE. */
void gate_login_wipe(struct gate_login *l);

/* What auth says, in phase WAITS (asserted). */
void gate_login_challenge(
    struct gate_login *l, struct view challenge, struct buf *out);
void gate_login_fail(struct gate_login *l, enum msg_auth_code code,
    struct view text, struct buf *out);
/* No session: the same as a failure, with code "UNAVAILABLE" or "LIMIT". */
void gate_login_refused(
    struct gate_login *l, const char *code, struct view text, struct buf *out);
/* "* BYE text"; text may begin with a code in brackets. */
void gate_login_bye(struct buf *out, const char *text);

/* Tag of the command that waits for auth or for its session. */
static inline struct view
gate_login_tag(const struct gate_login *l)
{
	return (struct view){ l->tag, l->tag_n };
}

#endif
