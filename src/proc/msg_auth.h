#ifndef PROC_MSG_AUTH_H
#define PROC_MSG_AUTH_H

#include "proc/msg.h"

/*
 * gate <-> auth: logging in. Many exchanges run over one socket, each named by
 * {connection, generation}; the connection number is the gate's own, and auth
 * knows which gate it talks to by the socket. A gate counts the generation up
 * with every START, so that a late answer is never taken for a new exchange.
 *
 *   auth -> gate  OFFER      at first, and again when it changes
 *   gate -> auth  START      begins an exchange
 *   auth -> gate  CHALLENGE  answered by CONTINUE or CANCEL
 *   gate -> auth  CONTINUE   only after a CHALLENGE, one each
 *   gate -> auth  CANCEL     at any time after START (the client gave up or is
 *                            gone); nothing is answered, and an answer that
 *                            crosses it is dropped by the gate
 *   auth -> gate  FAIL, OK   ends the exchange
 *
 * auth takes its time on purpose after failures: the gate waits, and sends no
 * second START for a connection whose exchange has not ended. auth sends OK
 * only after the grant has left for hub and for forker (msg_grant.h).
 */

enum msg_auth_type {
	MSG_AUTH_START = 0x0101,
	MSG_AUTH_CONTINUE = 0x0102,
	MSG_AUTH_CANCEL = 0x0103,
	MSG_AUTH_CHALLENGE = 0x0181,
	MSG_AUTH_FAIL = 0x0182,
	MSG_AUTH_OK = 0x0183,
	MSG_AUTH_OFFER = 0x0184,
};

#define MSG_AUTH_MECH_MAX 20       /* RFC 4422 section 3.1 */
#define MSG_AUTH_RESPONSE_MAX 8192 /* bytes from the client, base64 undone */
#define MSG_AUTH_CHALLENGE_MAX 4096
#define MSG_AUTH_EXPORTER_SIZE 32 /* RFC 9266 section 2 */
#define MSG_AUTH_ENDPOINT_MAX 64  /* RFC 5929 section 4.1: a digest */
#define MSG_AUTH_OFFER_MAX MSG_OFFER_MAX

/* Exchange, as every message here begins. */
struct msg_auth_id {
	uint64_t conn;
	uint32_t generation; /* not 0 */
};

struct msg_auth_start {
	struct msg_auth_id id;
	uint8_t service; /* IMAP, POP3 or SIEVE of enum msg_service */
	/* it came as a LOGIN command (RFC 9051 section 6.2.3); mech is PLAIN
	 * then and initial is NUL user NUL password */
	bool login_command;
	/* what is to be said with success goes with it (RFC 4422 section 3.6),
	 * not as a challenge before it */
	bool final_in_ok;
	struct view mech; /* 1..MAX bytes: A-Z 0-9 - _ */
	bool has_initial; /* initial may be empty and yet there (RFC 4959) */
	struct view initial;
	struct msg_client client;
	/* channel bindings, empty when there is none: tls-exporter (RFC 9266;
	 * TLS 1.3 only) and tls-server-end-point (RFC 5929) */
	struct view exporter, endpoint;
};
#define MSG_AUTH_START_MAX                                                     \
	(12 + 3 + 4 + MSG_AUTH_MECH_MAX + 1 + 4 + MSG_AUTH_RESPONSE_MAX + 37 + \
	    4 + MSG_AUTH_EXPORTER_SIZE + 4 + MSG_AUTH_ENDPOINT_MAX)
void msg_auth_start_put(struct buf *b, const struct msg_auth_start *m);
bool msg_auth_start_get(struct wire *w, struct msg_auth_start *m) A_MUST_USE;

struct msg_auth_continue {
	struct msg_auth_id id;
	struct view response; /* may be empty */
};
#define MSG_AUTH_CONTINUE_MAX (12 + 4 + MSG_AUTH_RESPONSE_MAX)
void msg_auth_continue_put(struct buf *b, const struct msg_auth_continue *m);
bool msg_auth_continue_get(struct wire *w, struct msg_auth_continue *m)
    A_MUST_USE;

#define MSG_AUTH_CANCEL_SIZE 12
void msg_auth_cancel_put(struct buf *b, const struct msg_auth_id *m);
bool msg_auth_cancel_get(struct wire *w, struct msg_auth_id *m) A_MUST_USE;

struct msg_auth_challenge {
	struct msg_auth_id id;
	struct view challenge; /* not yet base64; may be empty */
};
#define MSG_AUTH_CHALLENGE_SIZE_MAX (12 + 4 + MSG_AUTH_CHALLENGE_MAX)
void msg_auth_challenge_put(struct buf *b, const struct msg_auth_challenge *m);
bool msg_auth_challenge_get(struct wire *w, struct msg_auth_challenge *m)
    A_MUST_USE;

/* Response codes of RFC 5530 section 3; BAD is not one: the mechanism is
 * unknown, or the client broke its rules. */
enum msg_auth_code {
	MSG_AUTH_AUTHENTICATIONFAILED = 1,
	MSG_AUTH_PRIVACYREQUIRED = 2,
	MSG_AUTH_UNAVAILABLE = 3,
	MSG_AUTH_EXPIRED = 4,
	MSG_AUTH_CONTACTADMIN = 5,
	MSG_AUTH_BAD = 6,
	MSG_AUTH_AUTHORIZATIONFAILED = 7,
};
struct msg_auth_fail {
	struct msg_auth_id id;
	uint8_t code;     /* enum msg_auth_code */
	struct view text; /* for the client; put by msg_text_put() */
};
#define MSG_AUTH_FAIL_MAX (12 + 1 + 4 + MSG_TEXT_MAX)
void msg_auth_fail_put(struct buf *b, const struct msg_auth_fail *m);
bool msg_auth_fail_get(struct wire *w, struct msg_auth_fail *m) A_MUST_USE;

struct msg_auth_ok {
	struct msg_auth_id id;
	uint8_t grant[MSG_GRANT_SIZE]; /* what hub and forker expect */
	struct view account;           /* its name in the directory; to log */
	struct view final;             /* with final_in_ok: see there; or n 0 */
};
#define MSG_AUTH_OK_MAX                                                        \
	(12 + MSG_GRANT_SIZE + 4 + MSG_ACCOUNT_MAX + 4 + MSG_FINAL_MAX)
void msg_auth_ok_put(struct buf *b, const struct msg_auth_ok *m);
bool msg_auth_ok_get(struct wire *w, struct msg_auth_ok *m) A_MUST_USE;

/* Mechanisms to offer, names with one space between, best first; empty: none,
 * which for the plain list means LOGINDISABLED. */
struct msg_auth_offer {
	struct view tls;      /* over TLS */
	struct view plain;    /* without TLS */
	struct view loopback; /* without TLS, client and server on loopback */
	/* may the LOGIN command be used there? (LOGINDISABLED if not) */
	bool login_plain, login_loopback;
};
#define MSG_AUTH_OFFER_SIZE_MAX (3 * (4 + MSG_AUTH_OFFER_MAX) + 2)
void msg_auth_offer_put(struct buf *b, const struct msg_auth_offer *m);
bool msg_auth_offer_get(struct wire *w, struct msg_auth_offer *m) A_MUST_USE;

#endif
