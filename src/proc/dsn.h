#ifndef PROC_DSN_H
#define PROC_DSN_H

#include "base/buf.h"

/*
 * Reports of what became of a message (RFC 3464, RFC 6522; with addresses in
 * UTF-8 RFC 6533), as the mail system writes them: for out, when it could not
 * send or has passed on, and for deliveries. Values in, octets out.
 *
 * Whoever takes one puts the null sender on its envelope (RFC 3461 section 6.1).
 */
#define DSN_HEADER_MAX (64 * 1024) /* bytes of the original's header */
#define DSN_FULL_MAX (1 << 20)     /* bytes of an original that comes back */
#define DSN_FIELDS_MAX 8192 /* bytes of all that is there once, at most */
/* bytes of what is said of one recipient, with addresses of at most 512 and a
 * text of at most 255 bytes */
#define DSN_RECIPIENT_MAX 4096

enum dsn_action {
	DSN_FAILED = 1,
	DSN_DELIVERED, /* into a mailbox */
	DSN_RELAYED,   /* to where no report comes from */
	DSN_EXPANDED,  /* to several other addresses (section 5.2.7.3) */
};

struct dsn_recipient {
	struct view address; /* of the envelope: no control characters */
	struct view orcpt;   /* ORCPT= as written and checked; empty: none */
	enum dsn_action action;
	struct view status; /* RFC 3463: "5.1.1" */
	struct view text;   /* why: one line of printable ASCII, or empty */
	bool smtp;          /* the text is a server's reply */
	struct view remote; /* name of that server; empty: there was none */
};

struct dsn {
	struct view id;    /* letters and digits: for Message-ID and boundary */
	struct view host;  /* of this server */
	struct view to;    /* sender of the original's envelope, not empty */
	struct view envid; /* ENVID= as written and checked; empty: none */
	int64_t now, arrived; /* seconds since 1970 */
	int zone;             /* minutes east of UTC */
	const struct dsn_recipient *recipient;
	size_t n; /* 1.. */
	/* the original, of which the header is returned; all of it when
	 * somebody failed, full is set, and DSN_FULL_MAX allows */
	struct view original;
	bool full;
};
#define DSN_MAX(recipients)                                                    \
	(DSN_FULL_MAX + DSN_FIELDS_MAX + (recipients)*DSN_RECIPIENT_MAX)

/* Lines end in CRLF. out must be able to hold DSN_MAX(d->n) bytes more. */
void dsn_put(const struct dsn *d, struct buf *out);

#endif
