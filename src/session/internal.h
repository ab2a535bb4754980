#ifndef SESSION_INTERNAL_H
#define SESSION_INTERNAL_H

#include "session/session.h"

/*
 * What the files of the session share among themselves; commands of other
 * people use session.h alone.
 */

/* ---- wait.c: input and what else may happen ---- */

enum session_event {
	SESSION_EVENT_INPUT, /* s->c.input has bytes */
	SESSION_EVENT_NEWS,  /* the account may have changed; only if asked */
	SESSION_EVENT_END,   /* s->c.end says why; s->c.ending is set */
};
/* client_wait(), to a client that is to hear why it is over: BYE has been said at
 * a shutdown by the hub and at an autologout. Only while s->c.ending is not
 * set. */
enum session_event session_wait(struct session *s, bool between, bool news);
/* Say "* BYE [code] text" and end for that reason. code may be NULL. */
void session_bye(
    struct session *s, enum client_end end, const char *code, const char *text);

/* ---- updates.c: what the client is told of its mailbox ---- */

/* Tell what happened since the last time, as far as how allows. Answers are
 * put out, not flushed. */
void updates_tell(struct session *s, enum session_tell how);
/* Begin the selection of mailbox id: state and map as of now, nothing said.
 * STORE_NOT_FOUND, STORE_NOSELECT, negative errno; then nothing is selected. */
int updates_select(struct session *s, uint32_t id, bool read_only,
    struct mailbox_row *row) A_MUST_USE;
/*
 * Commit m, which did change something, is this session's own: its flags need
 * not be told again. Call it right after the commit.
 * before  s->polled just before the transaction began
 * shown   the client is shown the flags as they are after the commit
 */
void updates_own(struct session *s, uint64_t before, uint64_t m, bool shown);
/* If the account has keywords the client has not been told of, tell them. */
void updates_keywords(struct session *s);
/* Messages known to the client that are \Recent to it. */
uint32_t updates_recent(const struct session *s);
/* "* FLAGS (...)" and PERMANENTFLAGS with the account's keywords. */
void updates_put_flag_names(struct session *s);

/* ---- imap_append.c ---- */

/* A literal of an APPEND has been announced: take it in, or refuse it with the
 * tagged answer. */
void append_literal(struct session *s);
/* Throw away what has been taken in. */
void append_forget(struct session *s);

/* ---- rows.c ---- */

/* The rows of a set of UIDs, some at a time, in order. */
#define SESSION_ROWS 512
struct session_rows {
	struct session *s;
	const struct uidset *set;
	size_t i;      /* run that comes next */
	uint32_t next; /* UID in it to go on from */
	struct message_row *row;
	size_t n;      /* rows got */
	uint64_t seen; /* rows got in all */
};
/* set must not change until rows_fini(). */
void rows_init(
    struct session_rows *r, struct session *s, const struct uidset *set);
void rows_fini(struct session_rows *r);
/* The next up to SESSION_ROWS rows; r->n is 0 at the end. 0 or as
 * message_rows(). */
int rows_next(struct session_rows *r) A_MUST_USE;
/* Read the same rows again (those that still exist). */
int rows_again(struct session_rows *r) A_MUST_USE;

/* ---- small things ---- */

/* Expunge what is \Deleted of n runs of UIDs in the selected mailbox. Negative
 * errno. */
int session_expunge(struct session *s, const struct uid_run *runs, size_t n)
    A_MUST_USE;
/* Tell a client of IMAP4rev2 of the mailbox called name, with the attributes that
 * LIST has, \NonExistent when there is none (RFC 9051 section 6.3.2). oldname:
 * what the client calls it (section 6.3.9.7); n 0: the same. */
void session_put_list(struct session *s, struct view name, struct view oldname);
/* The name in responses for what the client has named: IMAP4rev2 is told how it
 * is kept, IMAP4rev1 would take that for another mailbox. UTF-8. */
static inline struct view
session_told_name(const struct session *s, const struct command_mailbox *m)
{
	return m->normalised && !session_utf8(s) ? m->given : m->name;
}
/* The answer for a target that CREATE would make, a \Noselect one too. */
#define SESSION_TRYCREATE "[TRYCREATE] No such mailbox"
/* What session_store_result() says (and logs) for r: code and text. */
const char *session_store_text(struct session *s, int r);

/* "* n FETCH (FLAGS (...))" CRLF for each row whose UID the client knows. */
void session_put_flags_fetch(struct session *s, struct uidmap_walk *w,
    const struct message_row *row, bool with_uid);
/* Did a store call fail? Then it is logged. */
bool session_failed(struct session *s, const char *what, int r);
/* The tagged answer of a command for which some messages of its set were gone,
 * though the client does not know yet (RFC 2180 sections 4.1, 4.2): NO
 * [EXPUNGEISSUED], or OK with it for UIDs and "$". */
void session_done(struct session *s, bool some_gone);
/* Free the cached names. */
void session_forget_keywords(struct session *s);

#endif
