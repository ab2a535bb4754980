#ifndef PROC_MSG_DELIVER_H
#define PROC_MSG_DELIVER_H

#include "proc/msg.h"

/*
 * Whoever brings messages (the LMTP front end, the hub) <-> the delivery process
 * of one account. The hub's deliveries come over the socket pair made by the
 * forker (msg_session.h); a front end has a socket pair of its own with the
 * process, its *channel*, which the hub gives to both.
 *
 *   hub -> delivery      CHANNEL    with the delivery's end of a new channel; as
 *                                   the first message without: the channel is
 *                                   the descriptor that came with FORK then
 *   delivery -> bringer  TAKEN      first message over a channel: it is read
 *   bringer -> delivery  DELIVER    a message to be stored, with the descriptor
 *                                   of its octets or with the octets
 *   delivery -> bringer  DELIVERED  one for each, in any order, after the flush
 *   delivery -> bringer  LEFT       last message over a channel: it was shut
 *                                   before, and what is not answered by now was
 *                                   never taken
 *
 * A channel that closes without TAKEN was never read; one that closes without
 * LEFT leaves it open what became of the messages that are not answered.
 */
enum msg_deliver_type {
	MSG_DELIVER_CHANNEL = 0x0901,
	MSG_DELIVER_DELIVER = 0x0902,
	MSG_DELIVER_TAKEN = 0x0981,
	MSG_DELIVER_DELIVERED = 0x0982,
	MSG_DELIVER_LEFT = 0x0983,
};

#define MSG_DELIVER_ADDRESS_MAX 512 /* bytes of a sender or recipient */
#define MSG_DELIVER_DETAIL_MAX 256  /* bytes */
#define MSG_DELIVER_XTEXT_MAX 500   /* bytes of ORCPT, AUTH; as written */
#define MSG_DELIVER_ENVID_MAX 100   /* RFC 3461 section 4.4 */
#define MSG_DELIVER_TRACE_MAX 2048  /* bytes of header lines */
#define MSG_DELIVER_INLINE_MAX (48 * 1024) /* octets without a descriptor */
#define MSG_DELIVER_QUEUE_MAX 64           /* of one bringer without answer */

/* RET and NOTIFY of RFC 3461 sections 4.1 and 4.3. */
enum msg_deliver_ret {
	MSG_DELIVER_RET_NONE = 0,
	MSG_DELIVER_RET_FULL = 1,
	MSG_DELIVER_RET_HDRS = 2,
};
enum msg_deliver_notify { /* bits; 0: nothing was said */
	MSG_DELIVER_NEVER = 1,
	MSG_DELIVER_SUCCESS = 2,
	MSG_DELIVER_FAILURE = 4,
	MSG_DELIVER_DELAY = 8,
};

/* What the sender wants to be told, and how; zero: nothing was said. */
struct msg_deliver_dsn {
	uint8_t ret;       /* enum msg_deliver_ret */
	uint8_t notify;    /* enum msg_deliver_notify, bits */
	struct view envid; /* xtext (base/xtext.h) as written */
	struct view orcpt; /* "rfc822;user+40example.org", as written */
};
#define MSG_DELIVER_DSN_MAX                                                    \
	(1 + 1 + 4 + MSG_DELIVER_ENVID_MAX + 4 + MSG_DELIVER_XTEXT_MAX)
void msg_deliver_dsn_put(struct buf *b, const struct msg_deliver_dsn *m);
/* As wire gets: texts are xtext of the right kind and size, NEVER stands alone;
 * else the reader goes bad. */
struct msg_deliver_dsn msg_deliver_dsn_get(struct wire *w);
/* Is a failure told? Yes when nothing was said (RFC 3461 section 5.2.6). */
static inline bool
msg_deliver_dsn_failure(const struct msg_deliver_dsn *m)
{
	return m->notify == 0 || (m->notify & MSG_DELIVER_FAILURE) != 0;
}
/* Was anything said? */
static inline bool
msg_deliver_dsn_any(const struct msg_deliver_dsn *m)
{
	return m->ret != 0 || m->notify != 0 || m->envid.n > 0 ||
	    m->orcpt.n > 0;
}

/*
 * One message for one recipient. Texts are views into the message and have no
 * control characters. The octets are in `octets`, or (large) in the descriptor
 * that comes along: a regular file or sealed memfd, read from start to end.
 */
struct msg_deliver {
	uint64_t delivery;     /* the bringer's number for it, not 0 */
	struct view sender;    /* envelope sender; empty: a bounce */
	struct view recipient; /* as in RCPT TO, in its own case, without
				* brackets and route; empty: nobody said one */
	struct view detail;    /* what stands behind the delimiter, own case */
	bool has_detail;       /* it may be empty and yet there ("user+@…") */
	bool utf8;             /* the envelope was SMTPUTF8 (RFC 6531) */
	bool lmtp;             /* the octets are as LMTP had them: no From_ */
	struct msg_deliver_dsn dsn;
	struct view auth; /* AUTH= of RFC 4954 section 5, xtext undone; empty:
			   * nobody */
	/* header lines to put in front, each ending in CR LF, behind
	 * Return-Path and Delivered-To: that is, Received */
	struct view trace;
	struct view octets; /* 0..MSG_DELIVER_INLINE_MAX; none with a file */
};
#define MSG_DELIVER_MAX                                                        \
	(8 + 2 * (4 + MSG_DELIVER_ADDRESS_MAX) + 4 + MSG_DELIVER_DETAIL_MAX +  \
	    3 + MSG_DELIVER_DSN_MAX + 4 + MSG_DELIVER_XTEXT_MAX + 4 +          \
	    MSG_DELIVER_TRACE_MAX + 4 + MSG_DELIVER_INLINE_MAX)
void msg_deliver_put(struct buf *b, const struct msg_deliver *m);
bool msg_deliver_get(struct wire *w, struct msg_deliver *m) A_MUST_USE;

enum msg_deliver_result {
	MSG_DELIVER_OK = 0,
	MSG_DELIVER_TEMPORARY = 1, /* nothing was stored, try again */
	MSG_DELIVER_PERMANENT = 2,
};
struct msg_delivered {
	uint64_t delivery;
	uint8_t result; /* enum msg_deliver_result */
	uint32_t uid;   /* it has in INBOX; 0: not OK, or stored elsewhere, or
			 * nowhere (a script's wish) */
	uint64_t modseq;
	/* enhanced status code (RFC 3463), "5.7.1"; empty: the usual one of the
	 * result. Its first digit fits the result. */
	struct view status;
	/* for people: printable ASCII, lines with LF between them (what else
	 * there is becomes "?"), at most LINES of LINE bytes each; cut to that */
	struct view text;
};
#define MSG_DELIVER_STATUS_MAX 9
#define MSG_DELIVER_LINES_MAX 32 /* of an answer (RFC 5429 section 2.5) */
#define MSG_DELIVER_LINE_MAX 240 /* bytes without LF */
#define MSG_DELIVER_TEXT_MAX 4096
#define MSG_DELIVERED_MAX                                                      \
	(8 + 1 + 4 + 8 + 4 + MSG_DELIVER_STATUS_MAX + 4 + MSG_DELIVER_TEXT_MAX)
void msg_delivered_put(struct buf *b, const struct msg_delivered *m);
bool msg_delivered_get(struct wire *w, struct msg_delivered *m) A_MUST_USE;

/* CHANNEL, TAKEN, LEFT: no fields. */
void msg_deliver_plain_put(struct buf *b, enum msg_deliver_type type);

#endif
