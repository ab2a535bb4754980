#ifndef SESSION_POP3_H
#define SESSION_POP3_H

#include "session/client.h"

/*
 * A POP3 session after login (RFC 1939, 2449, 6856). The maildrop is INBOX as
 * it is at login: numbers, sizes and UIDLs stay the same while others work on
 * it. A message that is expunged meanwhile keeps its number; RETR and TOP then
 * answer "-ERR [SYS/TEMP]". QUIT removes exactly the messages marked, by UID,
 * in one commit, when all answers before it could be sent; every other end
 * removes nothing.
 *
 * With settings for it, XTND XMIT (a command of MH's and qpopper's servers, in no
 * RFC) sends a message: "+OK", the message as in RETR, "+OK" when it is on the
 * disk to be sent, to those of To, Cc and Bcc (session/xmit.h), from the
 * account's own address.
 */
#define POP3_IDLE_MS (10 * 60 * 1000) /* RFC 1939 section 3: at least 10 min */
#define POP3_LINE 512 /* bytes of a command with its line end (2449: 255) */
#define POP3_ERRORS_MAX 50 /* -ERR for bad commands in a row before the end */
#define POP3_MESSAGES_MAX 8000000 /* of one maildrop */
#define POP3_LOCK_MS 3000 /* wait for another session to end; then IN-USE */

/* Files in the account's directory. */
#define POP3_LOCK_FILE "pop3-lock"   /* held while a session lasts */
#define POP3_LOGIN_FILE "pop3-login" /* its time is that of the last login */

enum pop3_language { POP3_ENGLISH, POP3_JAPANESE, POP3_LANGUAGES };
/* "en", "ja": the tag as it is written (RFC 5646). */
const char *pop3_language_tag(enum pop3_language language);
/* What a language calls itself, UTF-8. */
const char *pop3_language_name(enum pop3_language language);
/* The best one for a basic language range of RFC 4647 ("*", "en", "ja-JP");
 * false, *language left alone: there is none. "*" and "i-default" are English.
 */
bool pop3_language_find(struct view range, enum pop3_language *language)
    A_MUST_USE;

/* How an EXPIRE capability reads (RFC 2449 section 6.7). */
#define POP3_EXPIRE_NEVER UINT32_MAX

struct filter_out; /* session/filter.h */

/* How a message that a client gives us by XTND XMIT is sent. */
struct pop3_xmit {
	struct view host;     /* name of this server */
	uint64_t max_message; /* bytes */
	/* as in struct session_events (session/session.h); NULL: there is no
	 * way out, each is refused */
	bool (*submit)(int hub, uint64_t number, const struct filter_out *o,
	    uint64_t until);
};
#define POP3_XMIT_MS 60000 /* out may take so long to answer */

struct pop3_settings {
	const struct pop3_xmit *xmit; /* NULL: XTND XMIT is no command */
	/* [pop3] */
	bool mark_seen; /* RETR sets \Seen, at the end of the session */
	/* the maildrop is what has no \Seen; RETR then sets it after QUIT only */
	bool hide_seen;
	bool exclusive;       /* one session at a time, the others: [IN-USE] */
	uint32_t expire_days; /* POP3_EXPIRE_NEVER */
	uint32_t login_delay_s; /* 0: none */
	bool xtnd_xmit;         /* CAPA has X-XTND-XMIT */
	/* of this connection, as the gate says (proc/msg.h) */
	struct view mechanisms; /* of SASL, a blank between; may be empty */
	bool password;          /* CAPA has USER */
	bool starttls;          /* CAPA has STLS */
	bool utf8;              /* UTF8 was said before login */
	enum pop3_language language; /* chosen by LANG before login */
};

/*
 * Put the lines of CAPA, each with CRLF, without "+OK" and ".": for the session
 * and for the gate, whose list before login must say the same (RFC 2449
 * section 5: what may differ is marked there).
 * before  it is before login: LOGIN-DELAY and EXPIRE have " USER" only if they
 *         may differ from user to user, which they do not
 */
void pop3_capabilities_put(
    struct buf *b, const struct pop3_settings *set, bool before);

/* Serve the client until it is over; writes the last "+OK" of the login (or
 * "-ERR [IN-USE]", "-ERR [LOGIN-DELAY]", and ends). */
enum client_end pop3_run(
    const struct client_env *env, const struct pop3_settings *set) A_MUST_USE;

#endif
