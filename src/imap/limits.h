#ifndef IMAP_LIMITS_H
#define IMAP_LIMITS_H

/*
 * Every limit of the IMAP language in one place. What passes one is an
 * outcome (COMMAND_LIMIT, FRAME_TOO_LONG, ...) before memory is spent on it.
 */

/* Octets of one command without its literals; RFC 2683 3.2.1.5 asks for 8000
 * at least, RFC 7162 section 4 for 8192. */
#define LIMITS_LINE_PRELOGIN (8 * 1024)
#define LIMITS_LINE (64 * 1024)
/* Octets of all literals of one command that go into its text, that is of
 * all but message literals, which the caller spools. */
#define LIMITS_LITERAL_PRELOGIN (8 * 1024)
#define LIMITS_LITERAL (1024 * 1024)
/* Largest non-synchronising literal a LITERAL- server takes (RFC 7888
 * section 5); the framer only tells, the caller decides. */
#define LIMITS_LITERAL_MINUS 4096

/* What a client takes from a server: a reply without its literals, and the
 * literals it lets into the reply's text. */
#define LIMITS_REPLY_LINE (16 * 1024 * 1024)
#define LIMITS_REPLY_LITERAL (16 * 1024 * 1024)

#define LIMITS_TAG 64             /* bytes of a tag */
#define LIMITS_DEPTH 32           /* lists in lists, keys in search keys */
#define LIMITS_VALUES 4096        /* values of generic lists in one command */
#define LIMITS_REPLY_VALUES 65536 /* the same in one reply */
#define LIMITS_REPLY_DEPTH 256    /* lists in lists in one reply */
#define LIMITS_SEQSET 8192        /* ranges of one sequence-set */
#define LIMITS_SEARCH_KEYS 1024   /* nodes of one SEARCH */
#define LIMITS_SORT 16            /* keys of one SORT */
#define LIMITS_FETCH_ITEMS 128    /* items of one FETCH */
#define LIMITS_HEADER_FIELDS 256  /* names in one HEADER.FIELDS */
#define LIMITS_SECTION_PARTS 64   /* numbers in one section ("1.2.3" has 3) */
#define LIMITS_FLAGS 256          /* keywords in one flag list */
#define LIMITS_KEYWORD 255        /* bytes of one keyword */
#define LIMITS_MAILBOX 1024       /* bytes of a name, raw and decoded */
#define LIMITS_PATTERNS 64        /* patterns of one LIST */
#define LIMITS_ID_FIELDS 30       /* RFC 2971 section 3.3 */
#define LIMITS_ID_FIELD 30        /* bytes of a field name, likewise */
#define LIMITS_ID_VALUE 1024      /* bytes of a value, likewise */
#define LIMITS_ENABLE 32          /* capabilities in one ENABLE */
#define LIMITS_APPEND 1000        /* messages in one MULTIAPPEND */
#define LIMITS_METADATA 256       /* entries in one GET- or SETMETADATA */
#define LIMITS_USER 1024          /* bytes of a user name in LOGIN */
#define LIMITS_PASSWORD 1024      /* bytes of a password in LOGIN */
#define LIMITS_MECHANISM 20       /* bytes of a SASL mechanism, RFC 4422 3.1 */
/* A good size for the arena of one command: everything above fits. */
#define LIMITS_ARENA (4 * 1024 * 1024)

#endif
