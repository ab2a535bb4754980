#ifndef PROC_MSG_H
#define PROC_MSG_H

#include "base/netaddr.h"
#include "base/wire.h"

/*
 * What all messages between our processes have in common. One message is one
 * packet of an AF_UNIX SOCK_SEQPACKET socket:
 *
 *   u32 type, then the fields of that type by base/wire, nothing behind them
 *
 * and at most one descriptor, only with the types that say so. The headers
 * msg_*.h have one pair of processes each: who may send what, when, how long.
 * For each message there is a struct, a _put that writes type and fields, and a
 * _get that reads the fields behind the type and is true only when the message
 * is complete, within its limits, and has nothing left over. Views that a _get
 * yields are borrowed from the message. A _put of values beyond the limits of
 * the header is our own mistake and asserted.
 *
 * Type numbers are unique over all pairs, so that a message on the wrong socket
 * is never taken for another.
 */

#define MSG_MAX (64 * 1024) /* bytes of a whole message */
#define MSG_TYPE_SIZE 4     /* bytes of the type in front */

#define MSG_ACCOUNT_MAX 320 /* bytes of an account's name, local@domain */
#define MSG_GRANT_SIZE 16   /* bytes of the random id of a grant */
#define MSG_TAG_MAX 256     /* bytes of an IMAP tag */
#define MSG_COMMAND_MAX 16  /* bytes of the name of a login command */
#define MSG_FINAL_MAX 256   /* bytes that SASL has to say with success */
#define MSG_OFFER_MAX 512   /* bytes of one list of SASL mechanisms */
#define MSG_UNREAD_MAX 8192 /* bytes behind the login command */
#define MSG_TEXT_MAX 200    /* bytes of a reason for people, ASCII */

/* What a login or a grant is for; the numbers are on the wire. */
enum msg_service {
	MSG_SERVICE_IMAP = 1,
	MSG_SERVICE_POP3 = 2,
	MSG_SERVICE_SIEVE = 3,
	MSG_SERVICE_LMTP = 4,
	MSG_SERVICE_DELIVERY = 5, /* never from a gate */
};
/* "imap" …; NULL when it is none of them. */
const char *msg_service_name(uint8_t service);

/* The two ends of a client's connection as a gate sees them. */
struct msg_client {
	struct netaddr remote, local;
	uint16_t remote_port, local_port;
	bool tls; /* TLS is up between client and gate */
};
void msg_client_put(struct buf *b, const struct msg_client *c);
/* Sticky like every get of base/wire. */
struct msg_client msg_client_get(struct wire *w);

/*
 * How a client has logged in, and what it may see of that afterwards: said by
 * the gate, told to the session by the hub.
 */
struct msg_login {
	struct view tag;     /* IMAP: of the login command; else empty */
	struct view command; /* "LOGIN", "AUTHENTICATE", "PASS", "AUTH", … */
	/* ManageSieve: what SASL has to say with success, not yet base64 (RFC
	 * 5804 section 2.1); empty when it has nothing to say */
	struct view final;
	/* POP3 and ManageSieve: what their lists of capabilities say of this
	 * connection, and go on to say: mechanisms, one space between */
	struct view mechanisms;
	bool password;    /* POP3: USER is offered */
	bool starttls;    /* TLS could be begun (before login only) */
	bool utf8;        /* POP3: UTF8 was said (RFC 6856 section 2.1) */
	uint8_t language; /* POP3: of LANG, enum pop3_language */
};
#define MSG_LOGIN_MAX                                                          \
	(4 + MSG_TAG_MAX + 4 + MSG_COMMAND_MAX + 4 + MSG_FINAL_MAX + 4 +       \
	    MSG_OFFER_MAX + 4)
void msg_login_put(struct buf *b, const struct msg_login *l);
/* Tag and command are printable ASCII without spaces; mechanisms with them. */
struct msg_login msg_login_get(struct wire *w);

/* A text for people: cut to MSG_TEXT_MAX, everything but printable ASCII
 * replaced by "?". get: true only if it is one. */
void msg_text_put(struct buf *b, const char *text);
struct view msg_text_get(struct wire *w);

/* A byte that is 0 or 1, nothing else. */
void msg_bool_put(struct buf *b, bool v);
bool msg_bool_get(struct wire *w);
/* MSG_GRANT_SIZE bytes. */
void msg_id_put(struct buf *b, const uint8_t id[MSG_GRANT_SIZE]);
void msg_id_get(struct wire *w, uint8_t id[MSG_GRANT_SIZE]);
/* As wire_bytes(), and every byte is printable ASCII but no space, and there
 * is at least one. */
struct view msg_word_get(struct wire *w, size_t max);
/* As wire_bytes(), and no byte is a control character. */
struct view msg_line_get(struct wire *w, size_t max);

/* An account's name: 1..MSG_ACCOUNT_MAX bytes, no control characters, no
 * space; otherwise the reader goes bad. */
struct view msg_account_get(struct wire *w);

#endif
