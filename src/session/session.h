#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "base/arena.h"
#include "base/attrs.h"
#include "imap/command.h"
#include "imap/frame.h"
#include "session/client.h"
#include "session/state.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "store/tx.h"

/* Limits of an IMAP session; those of any session are in session/client.h, those
 * of the language in imap/limits.h. */
#define SESSION_AUTOLOGOUT_MS (30 * 60 * 1000) /* RFC 9051 section 5.4 */
#define SESSION_BADS_MAX 200                   /* BADs in a row before BYE */
#define SESSION_REFUSED_MAX (64u << 20)        /* bytes swallowed before BYE */

struct filter_out; /* session/filter.h */

/* What scripts for IMAP events need (RFC 6785); borrowed like the rest. */
struct session_events {
	struct view host, globals; /* as in struct filter_env */
	bool users; /* the scripts that annotations name run, too */
	const char *const *disabled;
	size_t n_disabled;
	const char *delimiters;
	/*
	 * Hand a message to the hub, which answers with its number
	 * (session/hub.h). False: it can never leave, or the hub has taken
	 * nothing until clock_mono_ms() says until. NULL: nothing can leave.
	 */
	bool (*submit)(int hub, uint64_t number, const struct filter_out *o,
	    uint64_t until);
	/* "IMAPSIEVE=sieve://host"; NULL: it is not offered */
	const char *capability;
};

/* What an IMAP session is given; stays as it is, and the caller's. */
struct session_env {
	struct client_env client; /* idle_ms 0: SESSION_AUTOLOGOUT_MS */
	struct view tag;   /* of the login command, for CLIENT_LOGGED_IN */
	struct view state; /* encoded state to go on with; n 0: a new session.
	                    * Then nothing is said at first. */
	uint64_t max_message; /* octets; 0: STORE_MESSAGE_MAX */
	bool round_trip;      /* encode and decode the state after every
	                       * command: for tests of it */
	const struct session_events *events; /* NULL: no scripts run */
};

/* Serve the client until it is over; BYE has then been said, unless it is gone,
 * or the account of a login cannot be opened. Blocks; one per process (the CPU
 * limit is the process's). */
enum client_end session_imap_run(const struct session_env *env) A_MUST_USE;

/* ---- what the commands are written with ---- */

/* How an answer may tell of changes in the mailbox (RFC 9051 section 7.5.1). */
enum session_tell {
	SESSION_TELL_ALL,
	SESSION_TELL_NO_EXPUNGE, /* FETCH, STORE, SEARCH with numbers */
	SESSION_TELL_NOTHING,    /* no news: SELECT and the like */
};

struct session {
	struct client c;               /* what any session has */
	const struct session_env *env; /* its client is c.env */
	struct session_state st;
	struct frame frame;
	struct arena *arena;       /* of the present command */
	const struct command *cmd; /* the present command */
	enum session_tell tell;    /* of the present command */
	bool answered;             /* it has its tagged response */
	bool by_uid;               /* its set is of UIDs, or "$" */
	bool vanished;             /* it met a message that was expunged but
	                              * not yet told: [EXPUNGEISSUED] */
	bool mailbox_gone;         /* the selected mailbox was deleted */
	uint64_t own;              /* modseq of the last commit whose flags
	                              * the client need not be told; 0: none */
	uint64_t polled;           /* account's modseq at the last look */
	struct spool **spool;      /* messages of an APPEND coming in */
	size_t spools, spools_cap;
	const char *spool_refused; /* why the APPEND will be refused; NULL */
	struct view *keyword; /* names of the account's keywords, or NULL */
	struct flag_text *flag_text; /* how flags are written, or NULL */
	struct event_queue *events;  /* imap_event.c; NULL: none yet */
};

/* A command's function: does it and gives exactly one tagged answer, by the
 * functions below. */
typedef void session_fn(struct session *s, const struct command *c);

/*
 * The tagged answer. text may begin with a code in brackets ("[CANNOT] …") and
 * is for people. Before it the client is told what happened in its mailbox, as
 * s->tell allows. NULL text: "<COMMAND> completed".
 */
void session_ok(struct session *s, const char *text);
void session_no(struct session *s, const char *text);
void session_bad(struct session *s, const char *text);
/* session_ok() with a code made at run time, given without brackets. */
void session_ok_code(struct session *s, struct view code, const char *text);
/* The answer for a result of the store that is not STORE_OK, an outcome or a
 * negative errno (logged), in one place; NO with its RFC 5530 code. */
void session_store_result(struct session *s, int r);

/* tx_commit() and tell the hub. 0 or as tx_commit(). modseq may be NULL. */
int session_commit(struct session *s, struct tx **t, uint64_t *modseq)
    A_MUST_USE;
/* Is IMAP4rev2 in force, so that names and quoted strings are UTF-8? */
static inline bool
session_utf8(const struct session *s)
{
	return (s->st.enabled & STATE_REV2) != 0;
}

/*
 * The messages of a sequence-set of the present command that the client knows,
 * as sorted UID runs. With uid false a number beyond the last message is an
 * error: false, and the command is answered BAD. "$" is the saved result.
 *
 * out  initialised or zero; emptied first; the caller's to free
 */
bool session_set(struct session *s, const struct seqset *set, bool uid,
    struct uidset *out) A_MUST_USE;
/* The same for parts of a command that answers itself: false and nothing said. */
bool session_set_quiet(struct session *s, const struct seqset *set, bool uid,
    struct uidset *out) A_MUST_USE;

/* Number of a keyword of the account by name: false when nobody ever used it.
 * Keeps a copy of the table, which grows when others add to it. */
bool session_keyword(struct session *s, struct view name, unsigned *number)
    A_MUST_USE;
/* Name of keyword number; n 0 when there is none. Valid until the next call of
 * a session_keyword function. */
struct view session_keyword_name(struct session *s, unsigned number);
/* The flags of a command as the store wants them: keywords that nobody used yet
 * are made within t, or left out when t is NULL. 0, STORE_LIMIT, negative
 * errno. */
int session_flags(struct session *s, struct tx *t, const struct flags *f,
    struct store_flags *out) A_MUST_USE;
/* "(\Seen Work)" of a row; uid tells whether \Recent belongs to it. */
void session_put_flags(
    struct session *s, const struct store_flags *f, uint32_t uid);

/* End the selection silently, as when the selected mailbox is deleted by this
 * very session. */
void session_unselect(struct session *s);

/* ---- the commands, by file ---- */

/* imap_any.c */
session_fn imap_capability, imap_noop, imap_logout, imap_id, imap_namespace,
    imap_enable;
/* imap_select.c; SELECT and EXAMINE */
session_fn imap_select, imap_close, imap_unselect;
/* imap_idle.c */
session_fn imap_idle;
/* imap_store.c */
session_fn imap_store, imap_expunge;
/* imap_copy.c; COPY and MOVE */
session_fn imap_copy;
/* imap_append.c */
session_fn imap_append;
/* imap_fetch.c */
session_fn imap_fetch;
/* imap_mailbox.c; imap_subscribe does UNSUBSCRIBE too (c->kind) */
session_fn imap_create, imap_delete, imap_rename, imap_subscribe, imap_status;
/* imap_list.c; LIST and LSUB */
session_fn imap_list;
/* imap_metadata.c */
session_fn imap_getmetadata, imap_setmetadata;
/* imap_search.c */
session_fn imap_search;
/* imap_sort.c */
session_fn imap_sort, imap_thread;

#endif
