#ifndef SESSION_POP3_INSIDE_H
#define SESSION_POP3_INSIDE_H

#include "base/digest.h"
#include "mail/summary.h"
#include "search/scan.h"
#include "session/client.h"
#include "session/line.h"
#include "session/pop3.h"
#include "session/pop3_command.h"
#include "session/pop3_words.h"
#include "session/uidl.h"
#include "session/xmit.h"
#include "store/message.h"

/* What the files of the POP3 session share. */

#define POP3_INBOX 1 /* id of that mailbox */
/* Bodies looked up together while more commands wait. */
#define POP3_WINDOW 32

struct pop3_message {
	uint64_t body;
	uint32_t uid;
	uint32_t size;
	bool deleted; /* marked by DELE */
	bool gone;    /* expunged by somebody else since the login */
	bool fetched; /* and so gets \Seen in the end */
};

/* A message that is being given to us. */
struct pop3_xmitting {
	int fd;                      /* memfd of what is sent */
	uint64_t size;               /* bytes of it */
	unsigned at;                 /* pop3_xmit.c's place in a line */
	bool in_body;                /* the header is whole */
	struct buf header;           /* until then */
	size_t line;                 /* where the last line of it begins */
	struct buf piece;            /* of the body, not in fd yet */
	struct digest_sha256 digest; /* of the octets as they came */
	struct arena *arena;
	struct xmit x;
	bool failed; /* the rest is swallowed, the answer is text */
	enum pop3_text text;
};

struct pop3 {
	struct client c;
	const struct pop3_settings *set;
	enum pop3_language language;
	struct line line;
	unsigned errors;                /* in a row */
	struct pop3_xmitting *xmitting; /* NULL: no message is coming */
	uint64_t submitted;             /* number of the last one */

	/* the maildrop as it was at login */
	struct pop3_message *m;
	size_t n;
	uint32_t left;   /* messages without mark */
	uint64_t octets; /* their sizes together */
	bool any_fetched;
	uint32_t uidvalidity, uidnext;
	uint64_t position; /* modseq up to which gone is known */
	struct uidl *uidl; /* NULL: not asked for yet */

	/* bodies of messages first, first + 1 …, until pop3_forget() */
	struct message_body body[POP3_WINDOW];
	size_t first, have;
	struct scan dot; /* finds LF "." */
};

/* ---- pop3_body.c ---- */

/* Give the bodies back; sends everything first. */
void pop3_forget(struct pop3 *p);
/* RETR and TOP of message i (from 0), which is there and has no mark. lines:
 * of the body; UINT64_MAX: all of it. False: answered -ERR. */
bool pop3_send(struct pop3 *p, size_t i, uint64_t lines);

/* ---- pop3_xmit.c ---- */

/* XTND XMIT: answers, and sets p->xmitting when a message is to follow. */
void pop3_xmit_begin(struct pop3 *p);
/* Take of p->c.input what belongs to the message; at its end it is submitted and
 * answered, and p->xmitting is NULL. */
void pop3_xmit_take(struct pop3 *p);
void pop3_xmit_fini(struct pop3 *p);

/* ---- pop3.c ---- */

/* "+OK text". */
void pop3_ok(struct pop3 *p, enum pop3_text text);

/* "-ERR text". */
void pop3_err(struct pop3 *p, enum pop3_text text);

/* ---- pop3_surrogate.c ---- */

/*
 * A header with UTF-8 in it as a client that did not say UTF8 may get it (RFC
 * 6856 section 2.1, RFC 6858): ASCII only. In unstructured fields and in names
 * of persons words become encoded-words, elsewhere "?" stands for what cannot
 * be said. out: header is added in its new form, the empty line included.
 */
void pop3_surrogate(struct view header, struct buf *out);

#endif
