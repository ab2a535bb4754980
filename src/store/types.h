#ifndef STORE_TYPES_H
#define STORE_TYPES_H

#include "base/view.h"

/*
 * The plain values that cross the store's boundary. They hold no pointers into
 * the store and no host state, so that the same calls can one day be answered
 * by another process (a share process, docs/design.md section 4).
 */

/*
 * What a store call returns: 0, one of these outcomes, or a negative errno when
 * the system failed (the account is as before, nothing was acknowledged).
 */
enum store_result {
	STORE_OK = 0,
	STORE_NOT_FOUND = 1, /* no such mailbox, message or body */
	STORE_EXISTS,        /* the name is taken */
	STORE_BAD_NAME,      /* not a mailbox name we allow (mailbox.h) */
	STORE_NOSELECT,      /* only a place in the hierarchy, holds no mail */
	STORE_HAS_CHILDREN,  /* cannot go: other mailboxes are below it */
	STORE_LIMIT,         /* a limit of this header would be passed */
	STORE_LOCKED,        /* no lock within ten seconds: [INUSE], 451, 75 */
	STORE_FULL,          /* the disk is full: [UNAVAILABLE] */
	STORE_DAMAGED, /* the log does not check: [SERVERBUG], see verify */
	STORE_PERM,    /* INBOX cannot be deleted and the like: [CANNOT] */
};

#define STORE_NAME_MAX 1000 /* bytes of a full mailbox name, UTF-8 */
#define STORE_LEAF_MAX 480  /* bytes of one level of it */
#define STORE_LEVELS_MAX 32 /* levels of hierarchy */
#define STORE_MAILBOXES_MAX 100000
#define STORE_SUBSCRIPTIONS_MAX 10000
#define STORE_KEYWORDS_MAX 128         /* distinct keywords of an account */
#define STORE_KEYWORD_MAX 255          /* bytes of one keyword */
#define STORE_MESSAGE_MAX (1ull << 30) /* bytes of one message */
#define STORE_DELIMITER '/'

/* System flags (RFC 9051 section 2.3.2); \Recent is not one, see mailbox.h. */
enum store_flag {
	STORE_SEEN = 1 << 0,
	STORE_ANSWERED = 1 << 1,
	STORE_FLAGGED = 1 << 2,
	STORE_DELETED = 1 << 3,
	STORE_DRAFT = 1 << 4,
};

/* The flags of a message: system flags and a set of keyword numbers. */
struct store_flags {
	uint64_t keywords[STORE_KEYWORDS_MAX / 64]; /* bit k: keyword k */
	uint16_t system;                            /* enum store_flag bits */
};

/* Special uses (RFC 6154 section 2) as a set. */
enum store_use {
	STORE_USE_ALL = 1 << 0,
	STORE_USE_ARCHIVE = 1 << 1,
	STORE_USE_DRAFTS = 1 << 2,
	STORE_USE_FLAGGED = 1 << 3,
	STORE_USE_JUNK = 1 << 4,
	STORE_USE_SENT = 1 << 5,
	STORE_USE_TRASH = 1 << 6,
	STORE_USE_IMPORTANT = 1 << 7, /* RFC 8457 */
};

/* An inclusive range of UIDs, 1 <= lo <= hi. Arrays of them are sorted,
 * disjoint and not adjacent unless a function says otherwise. */
struct uid_run {
	uint32_t lo, hi;
};

/* One message of a mailbox, all but its octets. */
struct message_row {
	uint32_t uid;
	uint32_t size;   /* octets, CRLF form (RFC822.SIZE) */
	uint64_t modseq; /* of the last change of flags, or of arrival */
	uint64_t body;   /* number of the body within the account */
	int64_t date;    /* INTERNALDATE, seconds since the epoch */
	uint32_t
	    saved;    /* when it came into this mailbox, likewise (RFC 8514) */
	int16_t zone; /* of INTERNALDATE, minutes east of UTC */
	struct store_flags flags;
};

/* One mailbox as a row; names and listings are in mailbox.h. */
struct mailbox_row {
	uint32_t id;     /* never reused within the account; INBOX is 1 */
	uint32_t parent; /* id of the mailbox above, 0 at the top */
	uint32_t uidvalidity;
	uint32_t uidnext;
	uint64_t highestmodseq; /* >= 1 */
	uint32_t messages;
	uint32_t unseen;       /* without \Seen */
	uint32_t deleted;      /* with \Deleted */
	uint32_t first_unseen; /* UID, 0 when there is none */
	uint32_t
	    recent_floor; /* UIDs from here on are \Recent to the next session */
	uint32_t uses;    /* enum store_use bits */
	uint64_t size;    /* sum of RFC822.SIZE */
	int64_t oldest;   /* smallest INTERNALDATE; undefined when empty */
	bool noselect;    /* a place in the hierarchy only */
};

#endif
