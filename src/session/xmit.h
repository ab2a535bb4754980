#ifndef SESSION_XMIT_H
#define SESSION_XMIT_H

#include "base/arena.h"
#include "base/buf.h"

/*
 * The header of a message that a client gives us to be sent: whom it is for, and
 * what is sent of it. Octets in, octets out.
 */
#define XMIT_HEADER_MAX (256 * 1024) /* bytes */
#define XMIT_TO_MAX 64               /* recipients, MSG_OUT_RECIPIENTS_MAX */
#define XMIT_ADDRESS_MAX 512         /* bytes of one, MSG_OUT_ADDRESS_MAX */

struct xmit_env {
	struct view host;   /* of this server */
	struct view user;   /* the sender's address, local@domain */
	struct view remote; /* address of the client; n 0: not known */
	int64_t now;        /* seconds since 1970 */
	int zone;           /* minutes east of UTC */
	uint64_t unique;    /* for Message-ID */
};

enum xmit_result {
	XMIT_OK = 0,
	XMIT_NOBODY,   /* no recipient */
	XMIT_MANY,     /* more than XMIT_TO_MAX */
	XMIT_ADDRESS,  /* one that cannot stand in an envelope */
	XMIT_TOO_LARGE /* the arena or the buffer is full */
};

struct xmit {
	struct view to[XMIT_TO_MAX]; /* in the arena; each once */
	size_t n;
	/* it has Date and Message-ID: the same octets are the same message */
	bool is_named;
};

/*
 * Is this line (first: of the message), which is not empty, one of a header: a
 * field, or the continuation of one? Otherwise it is the first of the body, of a
 * message that has no empty line before it.
 */
bool xmit_is_header(struct view line, bool first) A_MUST_USE;

/*
 * header  of the message, with the empty line that ends it if there is one;
 *         lines end in CRLF; nothing counts from one on that is no header line
 * out     recipients: those of To, Cc and Bcc, or where there are such fields of
 *         Resent-To, Resent-Cc and Resent-Bcc in the newest block of these (RFC
 *         5322 section 3.6.6); an address without domain is in the user's
 * octets  out, added: the header as it is sent, with an empty line: Received in
 *         front, without Bcc, Resent-Bcc and Return-Path, with Date, From and
 *         Message-ID where they were missing (RFC 6409 section 8)
 */
enum xmit_result xmit_header(const struct xmit_env *e, struct view header,
    struct arena *a, struct xmit *out, struct buf *octets) A_MUST_USE;

#endif
