#ifndef PROC_GATE_PROTOCOL_H
#define PROC_GATE_PROTOCOL_H

#include "proc/gate_login.h"

/*
 * What a protocol is to gate_login.c, and what that has for all of them. Every
 * function appends whole answers to out; all but bye get a login that was
 * initialised.
 */
struct gate_protocol {
	enum msg_service service;
	const char *alpn;
	bool final_in_ok; /* see msg_auth.h */
	void (*greet)(struct gate_login *l, struct buf *out);
	/* of phase COMMANDS, and of phase CHALLENGED */
	enum gate_login_result (*command)(
	    struct gate_login *l, struct view *in, struct buf *out);
	enum gate_login_result (*response)(
	    struct gate_login *l, struct view *in, struct buf *out);
	void (*secured)(struct gate_login *l, struct buf *out);
	/* base64: of the challenge; may be empty */
	void (*challenge)(struct view base64, struct buf *out);
	/* text has no NUL and ends with one */
	void (*fail)(struct gate_login *l, enum msg_auth_code code,
	    const char *text, struct buf *out);
	void (*refused)(struct gate_login *l, enum gate_login_why why,
	    const char *text, struct buf *out);
	void (*bye)(bool asked, enum gate_login_why why, const char *text,
	    struct buf *out);
};

/* ---- gate_login.c, for the protocols ---- */

/* What may be used on this connection, one space between. */
struct view gate_login_mechanisms(const struct gate_login *l);
/* May a password be sent without SASL? */
bool gate_login_may_password(const struct gate_login *l);
/* The next word of such a list, taken from it; n 0 at its end. */
struct view gate_login_next_word(struct view *list);

enum gate_login_offered {
	GATE_LOGIN_OFFERED,
	GATE_LOGIN_WITH_TLS, /* when TLS has been begun */
	GATE_LOGIN_UNKNOWN,
};
/* Is it a mechanism for this connection? In any case of letters. */
enum gate_login_offered gate_login_offered(
    const struct gate_login *l, struct view mech) A_MUST_USE;

/* True: too many bad commands, say the last word. */
bool gate_login_bad(struct gate_login *l) A_MUST_USE;

/*
 * Begin an exchange: phase WAITS. l->secret is set to the initial response
 * (NULL: there is none) undone from base64; false, and nothing has begun, when
 * it is none.
 */
bool gate_login_start(struct gate_login *l, const char *command,
    struct view mech, const struct view *initial) A_MUST_USE;
/* As SASL PLAIN (RFC 4616), authorised as whom one logs in: user and password
 * have at most LIMITS_USER and LIMITS_PASSWORD bytes. False, and nothing has
 * begun: there is a NUL in them. */
bool gate_login_password(struct gate_login *l, const char *command,
    struct view user, struct view password) A_MUST_USE;
/* A mechanism that is not SASL's, with what auth needs for it. */
void gate_login_start_raw(struct gate_login *l, const char *command,
    struct view mech, struct view initial);
/* The same for what base64 has in one answer: phase WAITS; false when it is
 * none. */
bool gate_login_answer(struct gate_login *l, struct view base64) A_MUST_USE;

/* Passwords do not stay in memory: overwrite the frame's text. */
void gate_login_wipe_text(struct gate_login *l);

#endif
