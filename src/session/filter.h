#ifndef SESSION_FILTER_H
#define SESSION_FILTER_H

#include "base/arena.h"
#include "base/log.h"
#include "sieve/sieve.h"
#include "store/tx.h"

/*
 * The rules of one account, carried out: which scripts run over a message, and
 * what is to be done then. The filter runs behind an account's walls, in a
 * delivery process, in an IMAP session (RFC 6785) and by hand; it stores nothing
 * and sends nothing itself. What it answers is a plan, which its caller carries
 * out in this order:
 *
 *   filter_plan()     scripts run; edited versions and replies are made
 *   filter_spool()    outside any lock
 *   each plan->out    is submitted; when one is refused, filter_refused()
 *   filter_store()    in the transaction, with those of other messages
 *   commit
 *   filter_done()     what must be remembered is
 *   answer            to whoever brought the message
 *
 * So what leaves is durable before the commit: a redirect that is refused can
 * still be kept, and nobody hears that a message was taken before all of it was.
 * A crash or a full disk between the two makes the bringer try again, and then
 * the same is submitted again: under the same key, by which out knows it. So a
 * message of which something was submitted must not be refused for good: what
 * can be wrong with it for good (its size, what the rules say) is found before,
 * and whatever fails afterwards is answered as to be tried again. What
 * must not happen twice but may be lost (that a reply was sent) is remembered
 * last, and not synced.
 *
 * Nothing in here fails: a script that does not compile, an error when it runs,
 * a global script that is missing all end in a message that is kept.
 */
struct filter;

/* Scripts of the administrator, as one text that master has made, in the order
 * in which they run; of each (base/wire): u8 where, name and text with their
 * lengths. */
enum filter_where {
	FILTER_BEFORE = 1, /* run before the user's own */
	FILTER_AFTER = 2,  /* run behind it */
	FILTER_GLOBAL = 3, /* to be included by :global */
	/* the same as the first two, for IMAP events */
	FILTER_EVENT_BEFORE = 4,
	FILTER_EVENT_AFTER = 5,
};
#define FILTER_GLOBALS_MAX 256        /* scripts */
#define FILTER_GLOBALS_SIZE (8 << 20) /* bytes of all of them */
#define FILTER_GLOBAL_NAME_MAX 200    /* bytes of a name, without ".sieve" */

struct filter_env {
	int dir;                 /* the account's directory */
	struct account *account; /* open; borrowed */
	struct view user;        /* account's name; the user's own address */
	struct view host;        /* name of this server, for Message-ID */
	struct view globals;     /* as above; n 0: none. Must live as long */
	/* extensions users' scripts may not require */
	const char *const *disabled;
	size_t n_disabled;
	/* bytes of which any stands between user and detail; NULL: "+" */
	const char *delimiters;
	struct log *log;
};

/* Costs nothing until the first plan. Never NULL. */
struct filter *filter_new(const struct filter_env *env);
void filter_free(struct filter **f);
#define AUTO_FILTER __attribute__((cleanup(filter_free)))

/* Why a filter runs. */
enum filter_cause {
	FILTER_DELIVERY = 0,
	FILTER_BY_HAND, /* fumi sieve run: only the one script given */
	FILTER_APPEND,  /* RFC 6785 section 4.3 */
	FILTER_COPY,
	FILTER_FLAG,
};

struct filter_message {
	struct view octets; /* as it will be stored: CRLF, trace lines */
	bool delivered_to;  /* one of them is Delivered-To */
	struct view sender; /* of the envelope; n 0: the null sender; BY_HAND,
	                        * p NULL: not known */
	struct view recipient; /* as in RCPT TO; n 0: the account */
	struct view orcpt;     /* ORCPT= as written and checked; n 0: none */
	struct view auth;      /* who gave it to us; p NULL: nobody */
	struct view remote_host, remote_ip; /* p NULL: not known */
	int64_t now;                        /* seconds since 1970 */
	int zone;                           /* minutes east of UTC */
	/* who brought it tells the sender of a refusal for this recipient: by a
	 * 5xx answer of LMTP, by an exit status */
	bool can_refuse;
	enum filter_cause cause;
	/* BY_HAND: the script to run, instead of the account's; text, n 0:
	 * none. The IMAP causes: the same, or n 0: that of
	 * filter_event_script() and the administrator's */
	struct view script;
	/* where the message is; n 0: nowhere yet, keep is INBOX then */
	struct view mailbox;
	/* the IMAP causes, BY_HAND: flags it has, see filter_name_flags(). The
	 * IMAP causes: flags that were changed (FLAG), and who is logged in */
	const struct view *flags;
	size_t n_flags;
	const struct view *changed;
	size_t n_changed;
	struct view imap_user;
};

/* One copy to be stored. Views live as long as the plan. */
struct filter_place {
	struct view mailbox; /* name in UTF-8, "INBOX" when it is that */
	bool create;         /* make it, and subscribe to it, if missing */
	uint32_t uses;       /* enum store_use bits it gets when it is made */
	bool original;       /* the octets are the message's own */
	/* Places of one number are about the same message, be its fields edited
	 * or not (struct sieve_action's version, from 1); 0: it is another one,
	 * a reply or a note. */
	unsigned same;
	struct view octets;
	uint16_t flags;              /* enum store_flag bits */
	const struct view *keywords; /* at most SIEVE_FLAGS_MAX */
	size_t n_keywords;
	/* by keep, not fileinto; implicit, flags_known as in sieve_keep */
	bool keep, implicit, flags_known;
	bool reply; /* it is a copy of what was sent (RFC 8580), not the
		     * message */
	struct spool *spool; /* of octets that are not the original */
	uint32_t uid;        /* filter_store(): it got, or the place that
			      * stands for it */
	uint32_t id;         /* of its mailbox */
};

#define FILTER_KEY_SIZE 16
/* Numbers of enum msg_out_kind (proc/msg_out.h), which this layer may not
 * include. */
enum filter_kind {
	FILTER_REDIRECT = 1,
	FILTER_VACATION = 3,
	FILTER_REJECT = 4,
	FILTER_NOTIFY = 5,
	FILTER_SUBMISSION = 7, /* what a client sends; in no plan */
};

/* One message that is to leave. */
struct filter_out {
	enum filter_kind kind;
	struct view sender;    /* of the envelope; n 0: null */
	const struct view *to; /* 1.. of them */
	size_t n;
	struct view octets; /* whole, CRLF */
	/* the same for the same act on the same message, see msg_out.h */
	uint8_t key[FILTER_KEY_SIZE];
	/* a DSN (RFC 3461): not for who does not want to hear of failure */
	bool dsn;
	/* refused: the message is kept instead */
	bool keep_if_refused;
	bool refused;
};

#define FILTER_TEXT_LINES_MAX 32
#define FILTER_TEXT_LINE_MAX 240 /* bytes without LF */
#define FILTER_TEXT_MAX 4096     /* bytes of all lines */
enum filter_fate {
	FILTER_ACCEPT = 0, /* carry it out; places may be none (discard) */
	FILTER_REFUSE,     /* 550 with text; no places, and only notifications
	                    * leave */
	FILTER_LATER,      /* 451 with text: not now; there are no places */
};

struct filter_plan {
	enum filter_fate fate;
	/* with LATER: a script asks whether this is the duplicate of a message
	 * whose plan is not done yet. Plan again when that has ended */
	bool waits;
	/* for the answer, ours or the script's reason: NULL with ACCEPT, else
	 * lines of printable ASCII with LF between them, within the limits
	 * above; lives as long as the plan */
	const char *text;
	struct filter_place *places;
	size_t n_places;
	struct filter_out *outs;
	size_t n_outs;
	/* an IMAP cause: there was no keep, and nothing failed: the message is
	 * to be marked \Deleted (RFC 6785 section 3.4) */
	bool cancel_keep;
	/* line and column of an error; line 0: none */
	struct sieve_error error;
	uint64_t cost;       /* of all runs, as SIEVE_COST_MAX counts */
	struct arena *arena; /* owner of all that is here */
	struct filter_inside *inside;
};

/*
 * Run the scripts over a message: those of before, the user's active one, those
 * of after while an implicit keep is in force. Never fails.
 *
 * m    borrowed until filter_plan_fini()
 * out  filled always
 *
 * A plan sees what the plans before it want remembered, even when they are not
 * done yet; that is forgotten when they end without filter_done(). Only a
 * DELIVERY's test for duplicates, which may throw away, waits until it is known
 * what becomes of them (RFC 7352 section 3). BY_HAND neither sees that nor is to
 * be remembered: the message was there already, and is no duplicate of itself;
 * nor is anything sent, or a copy of that filed.
 */
void filter_plan(
    struct filter *f, const struct filter_message *m, struct filter_plan *out);
/* Frees spools, too. */
void filter_plan_fini(struct filter_plan *p);

/* Spool what is not the original. 0, or what spool_open() and spool_write()
 * return. */
int filter_spool(struct filter *f, struct filter_plan *p) A_MUST_USE;
/* Out i cannot be sent: if need be the message is kept. Before filter_store().
 */
void filter_refused(struct filter *f, struct filter_plan *p, size_t i);
/*
 * Put all places into the transaction, making mailboxes and keywords. A mailbox
 * that cannot be made or delivered into becomes INBOX, but not BY_HAND, where the
 * message is at a place of its user's choice already. Where several places turn
 * out to be one mailbox, whichever scripts they are of, it gets the message once
 * (RFC 5228 section 2.10.3): as the last of them has it, with the flags of all.
 *
 * body      of the original, from tx_body(); not looked at when no place needs
 *           it (filter_needs_original())
 *
 * 0 when at least one copy is stored (or none was to be), STORE_LIMIT when no
 * mailbox takes one, or a negative errno (only tx_abort() is left). BY_HAND: 0
 * when all are, or the outcome of tx_mailbox_create() or tx_message() of the
 * first that cannot be, STORE_NOT_FOUND (only tx_abort() is left).
 */
int filter_store(struct filter *f, struct filter_plan *p, struct tx *t,
    uint64_t body, int64_t date, int16_t zone) A_MUST_USE;
bool filter_needs_original(const struct filter_plan *p) A_MUST_USE;
/* The UID it got in INBOX; 0: it is not there. After filter_store(). */
uint32_t filter_inbox_uid(const struct filter_plan *p) A_MUST_USE;
/* All of it has been done: remember. The file is not synced. */
void filter_done(struct filter *f, struct filter_plan *p);

/*
 * IMAP events (RFC 6785). The message is in its mailbox already and stays there,
 * whatever happens: a plan's place with keep stands for it, and says at most
 * which flags it is to have. Redirects and notifications come from the user.
 */

/* Is there a script of the administrator that runs for events? */
bool filter_has_event_scripts(struct filter *f) A_MUST_USE;
/*
 * The script that the plans to come run for events: the one of the user's that
 * is stored as name, any bytes (n 0, or none of that name that compiles: none).
 * It is read now and compiled if it is not the one of the last time. False: no
 * script at all would run, the administrator's looked at too.
 */
bool filter_event_script(struct filter *f, struct view name) A_MUST_USE;
/* The names of a message's flags, n of them, in the arena. 0, or a negative
 * errno. */
int filter_name_flags(struct account *account, const struct store_flags *flags,
    struct arena *a, const struct view **out, size_t *n) A_MUST_USE;
/* Message uid of the mailbox gets the flags of the place, as far as they are
 * others than those the script was shown. 0, an outcome of tx_flags(), or a
 * negative errno. */
int filter_change_flags(struct filter_plan *p, const struct filter_place *l,
    struct tx *t, uint32_t mailbox, uint32_t uid) A_MUST_USE;
/* Is there anything in the plan for filter_event_store()? */
bool filter_event_stores(const struct filter_plan *p) A_MUST_USE;
/*
 * In the place of filter_store(): file copies of message uid of the mailbox,
 * change its flags, mark it \Deleted when nothing keeps it. What cannot be
 * filed (there is no such mailbox) is logged, and then the message is not marked.
 * Nothing is done for a message that is not there any more. 0, or a negative
 * errno (only tx_abort() is left).
 */
int filter_event_store(struct filter *f, struct filter_plan *p, struct tx *t,
    uint32_t mailbox, uint32_t uid) A_MUST_USE;

#endif
