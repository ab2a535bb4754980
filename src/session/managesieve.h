#ifndef SESSION_MANAGESIEVE_H
#define SESSION_MANAGESIEVE_H

#include "session/client.h"

/*
 * A ManageSieve session after login (RFC 5804): the scripts of one account.
 * What is stored has been compiled without an error.
 */
#define MANAGESIEVE_IDLE_MS (30 * 60 * 1000) /* RFC 5804 section 1.2 */
#define MANAGESIEVE_ERRORS_MAX 20 /* bad commands in a row before BYE */
#define MANAGESIEVE_VERSION "1.0"

struct managesieve_settings {
	/* [sieve] */
	uint64_t max_script;         /* bytes; 0: SCRIPTS_SIZE_MAX */
	uint32_t max_scripts;        /* 0: SCRIPTS_COUNT_MAX */
	const struct view *disabled; /* extensions not to be had here */
	size_t n_disabled;
	/* of this connection, as the gate says (proc/msg.h) */
	struct view mechanisms; /* of SASL, a blank between */
	struct view final; /* SASL's last word, not yet base64; may be empty */
};

/*
 * Put the lines of capabilities (RFC 5804 section 1.7), each with CRLF, without
 * the OK: for the session and the gate.
 * set       what is disabled, and mechanisms, count
 * starttls  TLS can be begun (never after login)
 * owner     n 0: before login
 */
void managesieve_capabilities_put(struct buf *b,
    const struct managesieve_settings *set, bool starttls, struct view owner);

/* Serve the client until it is over; writes the OK of the login, or the
 * greeting for CLIENT_PREAUTH. */
enum client_end managesieve_run(const struct client_env *env,
    const struct managesieve_settings *set) A_MUST_USE;

#endif
