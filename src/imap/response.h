#ifndef IMAP_RESPONSE_H
#define IMAP_RESPONSE_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"
#include "imap/command.h"

/*
 * Writes what a server says (RFC 9051 section 7), and the pieces a client
 * needs for its commands, into a buf. Nothing here fails: the buf's error is
 * sticky. All numbers go through num_dec().
 *
 * utf8 everywhere: IMAP4rev2 or UTF8=ACCEPT is enabled, so that quoted strings
 * and mailbox names may be UTF-8.
 */

/* number */
void response_number(struct buf *b, uint64_t n);
/* A quoted string when v can be one (no NUL, CR, LF; eight-bit only as valid
 * UTF-8 with utf8; at most 1000 bytes), else a literal. v must have no NUL. */
void response_string(struct buf *b, struct view v, bool utf8);
/* The same, as an atom where possible and not NIL. */
void response_astring(struct buf *b, struct view v, bool utf8);
/* NIL when v.p is NULL, else as response_string(). */
void response_nstring(struct buf *b, struct view v, bool utf8);
/* "{n}" CRLF and "~{n}" CRLF; the caller sends the n octets after it. */
void response_literal_head(struct buf *b, uint64_t n);
void response_literal8_head(struct buf *b, uint64_t n);
/* The whole literal. With a NUL in v it is a literal8. */
void response_literal(struct buf *b, struct view v);
/* A mailbox name given in UTF-8: as UTF-8, or as modified UTF-7. */
void response_mailbox(struct buf *b, struct view name, bool utf8);
/* "(\Seen $Forwarded)": system flags in the order of their bits, then the
 * keywords, which must be atoms. */
void response_flags(
    struct buf *b, unsigned system, const struct view *keywords, size_t n);
/* sequence-set of ascending numbers without repetition, as short as possible:
 * "1:3,5". n >= 1. */
void response_numbers(struct buf *b, const uint32_t *nums, size_t n);
/* sequence-set of normalised ranges (imap/seqset.h), n >= 1. */
void response_ranges(struct buf *b, const struct seqset_range *r, size_t n);

enum response_condition {
	RESPONSE_OK,
	RESPONSE_NO,
	RESPONSE_BAD,
	RESPONSE_BYE,
	RESPONSE_PREAUTH,
};

/*
 * A status reply, "tag OK [code] text" CRLF.
 *
 * tag   n 0 for an untagged one
 * code  what stands in the brackets, or NULL: "READ-WRITE", "UIDNEXT 4392"
 * text  for people; octets a resp-text may not have become "?"; empty becomes
 *       the condition's name (resp-text needs something there)
 */
void response_status(struct buf *b, struct view tag, enum response_condition c,
    const char *code, const char *text);
/* The same with code and text as one printf format ("[UIDNEXT %u] hello"); at
 * most 1000 bytes, cut beyond. */
void response_statusf(struct buf *b, struct view tag, enum response_condition c,
    const char *fmt, ...) A_PRINTF(4, 5);
/* "tag OK " alone, for codes with much in them; the caller goes on with
 * "[...] text" and CRLF. */
void response_begin(struct buf *b, struct view tag, enum response_condition c);
/* "+ text" CRLF; text may be empty. */
void response_continue(struct buf *b, struct view text);

/* "[APPENDUID validity uids] " and "[COPYUID validity from to] " (RFC 9051
 * section 7.1), to stand after response_begin(). APPENDUID: ascending UIDs.
 * COPYUID: from[i] became to[i]; both ascending; n >= 1. */
void response_appenduid(
    struct buf *b, uint32_t uidvalidity, const uint32_t *uids, size_t n);
void response_copyuid(struct buf *b, uint32_t uidvalidity, const uint32_t *from,
    const uint32_t *to, size_t n);

/* "* CAPABILITY names" CRLF and "[CAPABILITY names] " alone; n names. */
void response_capability(struct buf *b, const char *const *names, size_t n);
void response_capability_code(
    struct buf *b, const char *const *names, size_t n);
/* "* ENABLED names" CRLF; n may be 0. */
void response_enabled(struct buf *b, const char *const *names, size_t n);
/* "* 23 EXISTS" CRLF: EXISTS, RECENT, EXPUNGE. */
void response_count(struct buf *b, uint32_t n, const char *what);
/* "* 23 FETCH (": the caller writes items with spaces between and ")" CRLF. */
void response_fetch_begin(struct buf *b, uint32_t seq);

/* One LIST or LSUB reply with the extended data of RFC 9051 section 7.3.1. */
struct response_list {
	unsigned attrs;      /* LISTATTR_* */
	char delimiter;      /* '\0' for NIL */
	struct view name;    /* UTF-8 */
	unsigned childinfo;  /* COMMAND_LIST_SUBSCRIBED, _SPECIAL_USE */
	struct view oldname; /* UTF-8; n 0 for none */
};
/* lsub: write "LSUB" and no extended data. */
void response_list(
    struct buf *b, const struct response_list *l, bool lsub, bool utf8);

/* One STATUS reply; only the values of items are written. */
struct response_mailbox_status {
	unsigned items; /* COMMAND_STATUS_* */
	uint32_t messages;
	uint32_t recent;
	uint32_t uidnext;
	uint32_t uidvalidity;
	uint32_t unseen;
	uint32_t deleted;
	uint64_t size;
};
void response_mailbox_status(struct buf *b, struct view name,
    const struct response_mailbox_status *s, bool utf8);

/* "* SEARCH 2 84" CRLF; n may be 0. */
void response_search(struct buf *b, const uint32_t *nums, size_t n);
/* "* ESEARCH (TAG "x") UID ALL 2:5" CRLF of ascending numbers. returns says
 * which of MIN MAX ALL COUNT to tell (SAVE tells nothing); without numbers
 * only COUNT is told. With tag.n 0 there is no "(TAG ...)". */
void response_esearch(struct buf *b, struct view tag, bool uid,
    unsigned returns, const uint32_t *nums, size_t n);
/* The same of normalised ranges. */
void response_esearch_ranges(struct buf *b, struct view tag, bool uid,
    unsigned returns, const struct seqset_range *r, size_t n);

/* "* METADATA name (": entries with their values follow, then ")" CRLF. name in
 * UTF-8, empty for the server (RFC 5464 section 4.4.1). */
void response_metadata_begin(struct buf *b, struct view name, bool utf8);
/* "* METADATA name entry entry" CRLF: these have changed (section 4.4.2); n >= 1.
 */
void response_metadata_changed(struct buf *b, struct view name,
    const struct view *entries, size_t n, bool utf8);
/* entry SP value, with a space before it unless it is the first. value: any
 * octets, p NULL for NIL. */
void response_metadata_entry(
    struct buf *b, bool first, struct view entry, struct view value, bool utf8);

/* "* ID (...)" CRLF, "* ID NIL" with n 0. */
void response_id(
    struct buf *b, const struct command_id_field *fields, size_t n);
/* "* NAMESPACE (("" "/")) NIL NIL" CRLF with one personal namespace. */
void response_namespace(struct buf *b, char delimiter);

#endif
