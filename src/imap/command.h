#ifndef IMAP_COMMAND_H
#define IMAP_COMMAND_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"
#include "base/why.h"
#include "imap/fetchitem.h"
#include "imap/flags.h"
#include "imap/limits.h"
#include "imap/listattr.h"
#include "imap/searchkey.h"
#include "imap/seqset.h"
#include "imap/value.h"

/*
 * One client command as a value: RFC 9051 section 6 with what RFC 3501 has
 * more, and RFC 2971 (ID), 3502 (MULTIAPPEND), 3516 (BINARY), 4731 and 5182
 * (ESEARCH, SEARCHRES), 4959 (SASL-IR), 5258 and 5819 (LIST-EXTENDED,
 * LIST-STATUS), 5464 (METADATA), 6154 (SPECIAL-USE), 6851 (MOVE), 8438
 * (STATUS=SIZE), 9590 (LIST-METADATA).
 *
 * A new command is one row of the table in command.c, one kind, one member of
 * the union and one function in a file cmd_*.c.
 */
enum command_kind {
	COMMAND_CAPABILITY, /* no arguments */
	COMMAND_NOOP,       /* no arguments */
	COMMAND_LOGOUT,     /* no arguments */
	COMMAND_ID,         /* u.id */

	COMMAND_STARTTLS,     /* no arguments */
	COMMAND_AUTHENTICATE, /* u.authenticate */
	COMMAND_LOGIN,        /* u.login */

	COMMAND_ENABLE,      /* u.enable */
	COMMAND_SELECT,      /* u.select */
	COMMAND_EXAMINE,     /* u.select */
	COMMAND_CREATE,      /* u.create */
	COMMAND_DELETE,      /* u.mailbox */
	COMMAND_RENAME,      /* u.rename */
	COMMAND_SUBSCRIBE,   /* u.mailbox */
	COMMAND_UNSUBSCRIBE, /* u.mailbox */
	COMMAND_LIST,        /* u.list */
	COMMAND_LSUB,        /* u.list: reference and one pattern only */
	COMMAND_NAMESPACE,   /* no arguments */
	COMMAND_STATUS,      /* u.status */
	COMMAND_APPEND,      /* u.append */
	COMMAND_IDLE,        /* no arguments; DONE comes by frame_line() */
	COMMAND_GETMETADATA, /* u.getmetadata */
	COMMAND_SETMETADATA, /* u.setmetadata */

	COMMAND_CHECK,    /* no arguments */
	COMMAND_CLOSE,    /* no arguments */
	COMMAND_UNSELECT, /* no arguments */
	COMMAND_EXPUNGE,  /* u.set with uid, else no arguments */
	COMMAND_SEARCH,   /* u.search */
	COMMAND_SORT,     /* u.sort */
	COMMAND_THREAD,   /* u.thread */
	COMMAND_FETCH,    /* u.fetch */
	COMMAND_STORE,    /* u.store */
	COMMAND_COPY,     /* u.copy */
	COMMAND_MOVE,     /* u.copy */

	COMMAND_KINDS, /* how many there are; no command */
};

/* States of a connection (RFC 9051 section 3), as bits. */
enum command_state {
	COMMAND_STATE_NONE = 1,     /* not authenticated */
	COMMAND_STATE_AUTH = 2,     /* authenticated, nothing selected */
	COMMAND_STATE_SELECTED = 4, /* authenticated and selected */
};

/*
 * A mailbox name, reference or pattern.
 *
 * raw   as it came, without quotes
 * name  UTF-8: modified UTF-7 decoded (see imap/utf7.h) unless
 *       command_opts.utf8; always valid UTF-8 and free of NUL, 0..LIMITS_MAILBOX
 *       bytes, in Unicode's form NFC. A first level equal to INBOX in any case
 *       is spelt "INBOX".
 *       Control characters, empty levels and the like are the caller's matter.
 *       A pattern or reference of LIST that is no modified UTF-7 stays as is;
 *       another name that is none comes as empty, which no mailbox is called.
 * inbox name is exactly "INBOX"
 * normalised  the client spelt it otherwise than the name is told: in another
 *       form than NFC, or in UTF-8 where modified UTF-7 was due
 * given what the client wrote, in UTF-8; only when normalised
 */
struct command_mailbox {
	struct view raw;
	struct view name;
	bool inbox;
	bool normalised;
	struct view given;
};

/* ID (RFC 2971). */
struct command_id_field {
	struct view name;  /* 0..LIMITS_ID_FIELD bytes */
	struct view value; /* p NULL for NIL, else 0..LIMITS_ID_VALUE bytes */
};

struct command_id {
	const struct command_id_field *fields;
	size_t n; /* 0 for NIL and () */
};

/* AUTHENTICATE (RFC 9051 section 6.2.2). */
struct command_authenticate {
	struct view mechanism; /* 1..LIMITS_MECHANISM bytes, any case */
	bool has_initial;      /* an initial response was given */
	struct view initial;   /* base64, not decoded; empty for "=" */
};

struct command_login {
	struct view user;
	struct view password;
};

struct command_enable {
	const struct view *capabilities; /* atoms, any case, known or not */
	size_t n;                        /* 1..LIMITS_ENABLE */
};

struct command_select {
	struct command_mailbox mailbox;
	struct value_params params; /* "(CONDSTORE)"; BAD when none is known */
};

struct command_create {
	struct command_mailbox mailbox;
	unsigned use; /* LISTATTR_SPECIAL_USE bits of "(USE (\Sent))" */
	/* A use that is no LISTATTR: answer NO [USEATTR] (RFC 6154). */
	bool unknown_use;
};

struct command_rename {
	struct command_mailbox from;
	struct command_mailbox to;
};

/* STATUS items as bits; LIST has them too. */
enum command_status_item {
	COMMAND_STATUS_MESSAGES = 1,
	COMMAND_STATUS_RECENT = 2,
	COMMAND_STATUS_UIDNEXT = 4,
	COMMAND_STATUS_UIDVALIDITY = 8,
	COMMAND_STATUS_UNSEEN = 16,
	COMMAND_STATUS_DELETED = 32,
	COMMAND_STATUS_SIZE = 64,
};

struct command_status {
	struct command_mailbox mailbox;
	unsigned items; /* COMMAND_STATUS_*, at least one */
};

/* LIST selection and return options as bits (RFC 5258, 6154, 9590). */
enum command_list_option {
	COMMAND_LIST_SUBSCRIBED = 1,
	COMMAND_LIST_REMOTE = 2,
	COMMAND_LIST_RECURSIVEMATCH = 4, /* never alone */
	COMMAND_LIST_SPECIAL_USE = 8,
	COMMAND_LIST_CHILDREN = 16, /* only in returns */
	COMMAND_LIST_STATUS = 32,   /* only in returns; status says which */
	COMMAND_LIST_METADATA = 64, /* only in returns; entries says which */
};

struct command_list {
	struct command_mailbox reference;
	const struct command_mailbox *patterns;
	size_t n; /* 1..LIMITS_PATTERNS */
	/* Any of the options or the pattern list was written: the extended
	 * form, where for example LIST (SUBSCRIBED) "" "" has no magic. */
	bool extended;
	unsigned selects;           /* COMMAND_LIST_*: which names */
	unsigned returns;           /* COMMAND_LIST_*: what to tell of them */
	unsigned status;            /* COMMAND_STATUS_* */
	const struct view *entries; /* as in command_getmetadata */
	size_t n_entries;           /* 0..LIMITS_METADATA */
};

/* One message of APPEND. Its octets are either in the command's text (p) or
 * with the caller, who gave frame_external() the handle. */
struct command_message {
	struct flags flags;
	bool has_date;
	int64_t date; /* seconds since 1970-01-01 00:00 UTC */
	int16_t zone; /* minutes east of UTC, as written */
	bool external;
	uint32_t handle;  /* when external */
	uint64_t size;    /* octets, in both cases; 0 is possible */
	struct view text; /* when not external */
	bool literal8;    /* "~{...}": may hold NUL (RFC 3516 section 4.4) */
	bool utf8;        /* "UTF8 (~{...})" (RFC 6855 section 4) */
};

struct command_append {
	struct command_mailbox mailbox;
	const struct command_message *messages;
	size_t n; /* 1..LIMITS_APPEND */
};

/* SEARCH return options as bits (RFC 9051 section 6.4.4). */
enum command_search_return {
	COMMAND_SEARCH_MIN = 1,
	COMMAND_SEARCH_MAX = 2,
	COMMAND_SEARCH_ALL = 4,
	COMMAND_SEARCH_COUNT = 8,
	COMMAND_SEARCH_SAVE = 16,
};

struct command_search {
	bool has_return;      /* RETURN was written: answer with ESEARCH */
	unsigned returns;     /* COMMAND_SEARCH_*; "RETURN ()" is ALL */
	struct view charset;  /* as written, n 0 when not given */
	struct searchkey key; /* always SEARCHKEY_AND of what was written */
};

/* SORT and THREAD (RFC 5256). */
enum command_sort_key {
	COMMAND_SORT_ARRIVAL,
	COMMAND_SORT_CC,
	COMMAND_SORT_DATE,
	COMMAND_SORT_FROM,
	COMMAND_SORT_SIZE,
	COMMAND_SORT_SUBJECT,
	COMMAND_SORT_TO,
};

struct command_sort_criterion {
	enum command_sort_key key;
	bool reverse;
};

struct command_sort {
	struct command_sort_criterion by[LIMITS_SORT];
	size_t n; /* 1..LIMITS_SORT */
	struct view charset;
	struct searchkey key; /* as in command_search */
};

enum command_thread_algorithm {
	COMMAND_THREAD_ORDEREDSUBJECT,
	COMMAND_THREAD_REFERENCES,
};

struct command_thread {
	enum command_thread_algorithm algorithm;
	struct view charset;
	struct searchkey key;
};

struct command_fetch {
	struct seqset set;
	const struct fetchitem *items;
	size_t n;                      /* 1..LIMITS_FETCH_ITEMS */
	struct value_params modifiers; /* "(CHANGEDSINCE 5)"; BAD if unknown */
};

enum command_store_mode {
	COMMAND_STORE_REPLACE, /* FLAGS */
	COMMAND_STORE_ADD,     /* +FLAGS */
	COMMAND_STORE_REMOVE,  /* -FLAGS */
};

struct command_store {
	struct seqset set;
	enum command_store_mode mode;
	bool silent;
	struct flags flags;
	struct value_params modifiers; /* "(UNCHANGEDSINCE 5)" */
};

struct command_copy {
	struct seqset set;
	struct command_mailbox mailbox;
};

/*
 * GETMETADATA and SETMETADATA (RFC 5464). With server the mailbox was written as
 * the empty string; an empty mailbox.name alone does not say so. Whether entries
 * have names that entries may have is not looked at here.
 */
enum command_depth {
	COMMAND_DEPTH_0, /* also when DEPTH was not given */
	COMMAND_DEPTH_1,
	COMMAND_DEPTH_INFINITY,
};

struct command_getmetadata {
	struct command_mailbox mailbox;
	bool server;
	const struct view *entries; /* as written, 0.. bytes each */
	size_t n;                   /* 1..LIMITS_METADATA */
	bool has_maxsize;
	uint32_t maxsize; /* octets */
	enum command_depth depth;
};

struct command_annotation {
	struct view entry; /* as written */
	struct view value; /* p NULL for NIL; any octets when of a literal8 */
};

struct command_setmetadata {
	struct command_mailbox mailbox;
	bool server;
	const struct command_annotation *annotations;
	size_t n; /* 1..LIMITS_METADATA */
};

struct command {
	struct view tag; /* 1..LIMITS_TAG bytes */
	enum command_kind kind;
	bool uid; /* the UID form; sets are UIDs */
	union {
		struct command_id id;
		struct command_authenticate authenticate;
		struct command_login login;
		struct command_enable enable;
		struct command_select select;
		struct command_create create;
		struct command_mailbox mailbox;
		struct command_rename rename;
		struct command_list list;
		struct command_status status;
		struct command_append append;
		struct seqset set;
		struct command_search search;
		struct command_sort sort;
		struct command_thread thread;
		struct command_fetch fetch;
		struct command_store store;
		struct command_copy copy;
		struct command_getmetadata getmetadata;
		struct command_setmetadata setmetadata;
	} u;
};

enum command_result {
	COMMAND_OK = 0,
	COMMAND_BAD,     /* syntax: answer BAD with the text of why */
	COMMAND_UNKNOWN, /* no command of this name: BAD with the text of why */
	COMMAND_STATE,   /* not in this state: BAD with the text of why */
	COMMAND_LIMIT, /* passes a LIMITS_ or the arena: NO [LIMIT], the text */
};

struct command_opts {
	/* The connection's state, one COMMAND_STATE_* bit. A command not allowed
	 * in it is found out by its name alone: none of its grammar is reached.
	 * That makes the commands before login a small language. */
	enum command_state state;
	/* IMAP4rev2 or UTF8=ACCEPT was enabled: names are UTF-8 (RFC 9051
	 * section 5.1, RFC 6855), "&" is a character like others. */
	bool utf8;
};

/*
 * Parse one whole command.
 *
 * text  what the framer gave at FRAME_DONE (no line end), or the same with
 *       literals written out as on the wire; must outlive out
 * a     everything out points to is in it or in text
 * out   complete on COMMAND_OK; otherwise only tag counts: its n is 0 when the
 *       text has no usable tag (answer untagged BAD then)
 * w     on failure what is wrong and where, for people; printable ASCII
 *       without line ends, fit for resp-text; never NULL
 *
 * Eight-bit octets in quoted strings are accepted whatever opts->utf8 says, and
 * spaces at the end of the line are ignored (docs/violations.md).
 * O(text.n); depth is bounded by LIMITS_DEPTH.
 */
enum command_result command_parse(struct view text,
    const struct command_opts *opts, struct arena *a, struct command *out,
    struct why *w) A_MUST_USE;

/* The command's name in capitals without UID, for logs. */
const char *command_name(enum command_kind kind) A_MUST_USE;
/* States in which it is allowed, COMMAND_STATE_* bits. */
unsigned command_states(enum command_kind kind) A_MUST_USE;

#endif
