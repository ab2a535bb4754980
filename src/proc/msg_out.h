#ifndef PROC_MSG_OUT_H
#define PROC_MSG_OUT_H

#include "proc/msg_deliver.h"

/*
 * Mail that leaves: session or delivery -> hub -> out, and the questions of
 * "fumi out": command -> hub -> out. The hub opens neither message nor queue; it
 * puts in the account, which it knows from the grant of the process that asks,
 * and numbers of its own in place of the asker's.
 *
 *   session -> hub  SUBMIT     with the message: a memfd sealed against
 *                              writing, growing and shrinking
 *                              (msg_control.h), lines ending in CRLF
 *   hub -> out      TAKE       the same with the account
 *   out -> hub      TAKEN      it is on the disk, or refused. One for each
 *                              TAKE, in any order; none after out's death
 *   hub -> session  SUBMITTED  the same
 *   delivery -> hub DONE       keys of what it has submitted: the delivery has
 *                              succeeded, and nobody brings that message again
 *   hub -> out      FORGET     the same with the account; answered by TAKEN as
 *                              a TAKE is, QUEUED: what comes with such a key
 *                              from now on is another message
 *   command -> hub  ASK        list, retry, remove; allowed to root and to the
 *                              server's own uids (else DENIED)
 *   hub -> out      ASK        the same with a number of the hub
 *   out -> hub      ROW        of a list, then
 *   out -> hub      END
 *   hub -> command  ROW, END   the same
 *
 * Once TAKEN says MSG_OUT_QUEUED the message is sent, or its sender is told that
 * it could not be: no crash and no power cut changes that. Whether a message
 * was taken nobody knows who did not hear the answer, so it is submitted again
 * then; `key` keeps that from sending it twice. It does so until DONE: two
 * messages may well be the same octet by octet, so only what was never finished
 * is taken for a repetition.
 */

enum msg_out_type {
	MSG_OUT_SUBMIT = 0x0a01,
	MSG_OUT_ASK = 0x0a02,
	MSG_OUT_TAKE = 0x0a03,
	MSG_OUT_DONE = 0x0a04,
	MSG_OUT_FORGET = 0x0a05,
	MSG_OUT_TAKEN = 0x0a81,
	MSG_OUT_SUBMITTED = 0x0a82,
	MSG_OUT_ROW = 0x0a83,
	MSG_OUT_END = 0x0a84,
};

#define MSG_OUT_ADDRESS_MAX 512   /* bytes of one address */
#define MSG_OUT_RECIPIENTS_MAX 64 /* of one message */
#define MSG_OUT_KEY_SIZE 16       /* bytes of the key against repeats */
#define MSG_OUT_PENDING_MAX 128   /* SUBMIT of one session without answer */

/* What a message is; the numbers are on the wire and on the disk. */
enum msg_out_kind {
	MSG_OUT_REDIRECT = 1,   /* Sieve redirect; counts as one */
	MSG_OUT_FORWARD = 2,    /* a user's order: .qmail, sieve run */
	MSG_OUT_VACATION = 3,   /* these three are replies: */
	MSG_OUT_REJECT = 4,     /* RFC 5429 */
	MSG_OUT_NOTIFY = 5,     /* RFC 5436 */
	MSG_OUT_BOUNCE = 6,     /* RFC 3464; made by out alone */
	MSG_OUT_SUBMISSION = 7, /* what a client sends (XTND XMIT) */
	/* "delivered" (RFC 3461 section 5.2.3): a report that the sender has
	 * asked for; as many as redirects, but counted apart */
	MSG_OUT_NOTICE = 8,
};
/* "redirect" …; NULL when it is none of them. */
const char *msg_out_kind_name(uint8_t kind);

/*
 * An address of an envelope as it may stand between "<" and ">": local@domain
 * in UTF-8, at most MSG_OUT_ADDRESS_MAX bytes, no control character, and neither
 * part empty. A blank, "<" or ">" may be in a local part that is a quoted string
 * (RFC 5321 section 4.1.2) alone.
 */
bool msg_out_address_ok(struct view v) A_MUST_USE;
/* Is it a local part without a domain, as in <root>? Not the empty one. */
bool msg_out_address_local(struct view v) A_MUST_USE;

/* SUBMIT and TAKE. Need the descriptor. */
struct msg_out_submit {
	uint64_t number;     /* the asker's, comes back */
	struct view account; /* TAKE only; empty in SUBMIT */
	uint8_t kind;        /* enum msg_out_kind, not BOUNCE */
	/* equal to that of an earlier submission of the account that is not
	 * DONE: it is the same one again, and was taken then. All zero: never
	 * the same. */
	uint8_t key[MSG_OUT_KEY_SIZE];
	struct view sender; /* of the envelope; may be empty */
	/* for all recipients: passed on to a server that knows it, and done
	 * here where none does (RFC 3461 section 5.2) */
	struct msg_deliver_dsn dsn;
	/* it came with SMTPUTF8: with UTF-8 in its header it goes on only so
	 * (RFC 6531 section 3.2) */
	bool utf8;
	/* to != NULL only for a put; n of both: 1..MSG_OUT_RECIPIENTS_MAX */
	const struct view *to;
	uint32_t n;
	struct view packed; /* of a get: read it by msg_out_next() */
};
#define MSG_OUT_SUBMIT_MAX                                                     \
	(8 + 4 + MSG_ACCOUNT_MAX + 1 + MSG_OUT_KEY_SIZE + 4 +                  \
	    MSG_OUT_ADDRESS_MAX + MSG_DELIVER_DSN_MAX + 1 + 4 +                \
	    MSG_OUT_RECIPIENTS_MAX * (4 + MSG_OUT_ADDRESS_MAX))
/* type: MSG_OUT_SUBMIT or MSG_OUT_TAKE. With to NULL the recipients are those
 * of packed: that is how the hub passes them on. */
void msg_out_submit_put(
    struct buf *b, enum msg_out_type type, const struct msg_out_submit *m);
bool msg_out_submit_get(struct wire *w, enum msg_out_type type,
    struct msg_out_submit *m) A_MUST_USE;
/* The next recipient of packed; false after the last. */
bool msg_out_next(struct view *packed, struct view *out) A_MUST_USE;

enum msg_out_result {
	MSG_OUT_QUEUED = 0,
	MSG_OUT_LATER = 1,   /* the queue is full, or nobody is there */
	MSG_OUT_REFUSED = 2, /* no way out is configured, too large, too many of
	                      * the account */
};
/* TAKEN and SUBMITTED. */
struct msg_out_taken {
	uint64_t number;
	uint8_t result; /* enum msg_out_result */
	struct view text;
};
#define MSG_OUT_TAKEN_MAX (8 + 1 + 4 + MSG_TEXT_MAX)
void msg_out_taken_put(
    struct buf *b, enum msg_out_type type, const struct msg_out_taken *m);
bool msg_out_taken_get(struct wire *w, struct msg_out_taken *m) A_MUST_USE;

#define MSG_OUT_KEYS_MAX 64 /* of one DONE */
/* DONE and FORGET. */
struct msg_out_done {
	uint64_t number;     /* the asker's, comes back */
	struct view account; /* FORGET only; empty in DONE */
	struct view keys;    /* 1..MSG_OUT_KEYS_MAX of MSG_OUT_KEY_SIZE each */
};
#define MSG_OUT_DONE_MAX                                                       \
	(8 + 4 + MSG_ACCOUNT_MAX + 4 + MSG_OUT_KEYS_MAX * MSG_OUT_KEY_SIZE)
void msg_out_done_put(
    struct buf *b, enum msg_out_type type, const struct msg_out_done *m);
bool msg_out_done_get(
    struct wire *w, enum msg_out_type type, struct msg_out_done *m) A_MUST_USE;

#define MSG_OUT_ID_MAX 24 /* bytes of the name of a message in the queue */
enum msg_out_ask {
	MSG_OUT_LIST = 1,   /* those after id, in the order of their names */
	MSG_OUT_RETRY = 2,  /* send id now; id empty: all */
	MSG_OUT_REMOVE = 3, /* forget id, nobody is told */
};
struct msg_out_question {
	uint64_t number;
	uint8_t ask;    /* enum msg_out_ask */
	struct view id; /* letters and digits */
};
#define MSG_OUT_ASK_MAX (8 + 1 + 4 + MSG_OUT_ID_MAX)
void msg_out_question_put(struct buf *b, const struct msg_out_question *m);
bool msg_out_question_get(struct wire *w, struct msg_out_question *m)
    A_MUST_USE;

#define MSG_OUT_ROWS_MAX 200 /* of one LIST; ask again behind the last */
struct msg_out_row {
	uint64_t number;
	struct view id;
	uint8_t kind;
	struct view account;   /* empty: a bounce */
	struct view sender;    /* may be empty */
	struct view recipient; /* the first that is still waiting */
	uint32_t recipients;   /* that are */
	uint64_t size;         /* bytes of the message */
	uint64_t created_s,
	    next_s; /* seconds since 1970: taken, next attempt */
	uint32_t attempts;
	struct view text; /* why the last one failed */
};
#define MSG_OUT_ROW_MAX                                                        \
	(8 + 4 + MSG_OUT_ID_MAX + 1 + 4 + MSG_ACCOUNT_MAX +                    \
	    2 * (4 + MSG_OUT_ADDRESS_MAX) + 4 + 8 + 8 + 8 + 4 + 4 +            \
	    MSG_TEXT_MAX)
void msg_out_row_put(struct buf *b, const struct msg_out_row *m);
bool msg_out_row_get(struct wire *w, struct msg_out_row *m) A_MUST_USE;

struct msg_out_end {
	uint64_t number;
	uint32_t count; /* rows, or messages that were meant */
	bool more;      /* of a list: there are more behind */
};
#define MSG_OUT_END_SIZE (8 + 4 + 1)
void msg_out_end_put(struct buf *b, const struct msg_out_end *m);
bool msg_out_end_get(struct wire *w, struct msg_out_end *m) A_MUST_USE;

#endif
