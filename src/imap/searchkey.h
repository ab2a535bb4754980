#ifndef IMAP_SEARCHKEY_H
#define IMAP_SEARCHKEY_H

#include "base/attrs.h"
#include "base/view.h"
#include "imap/seqset.h"

/*
 * A SEARCH as a tree (RFC 9051 section 6.4.4, RFC 3501, RFC 5032). Several
 * words of the language that mean the same come as one kind:
 *
 *   SEEN, UNSEEN, NEW, OLD, RECENT ...  FLAGS {set, clear}
 *   BCC CC FROM TO SUBJECT              HEADER with that field
 *   a list of keys, the whole SEARCH    AND
 *   SENTBEFORE, BEFORE ...              DATE
 */
enum searchkey_kind {
	SEARCHKEY_ALL,
	SEARCHKEY_AND,     /* n >= 1 keys */
	SEARCHKEY_OR,      /* n == 2 */
	SEARCHKEY_NOT,     /* n == 1 */
	SEARCHKEY_FLAGS,   /* all of set are set and none of clear is */
	SEARCHKEY_KEYWORD, /* u.keyword; is set, or not set when absent is true */
	SEARCHKEY_SEQ,     /* u.set: message sequence numbers, or "$" */
	SEARCHKEY_UID,     /* u.set: UIDs, or "$" */
	SEARCHKEY_LARGER,  /* u.number octets; strictly */
	SEARCHKEY_SMALLER, /* likewise */
	SEARCHKEY_DATE,    /* u.date */
	SEARCHKEY_OLDER, /* u.number seconds before now, internal date (5032) */
	SEARCHKEY_YOUNGER, /* likewise */
	SEARCHKEY_HEADER,  /* u.header; an empty string means: field is there */
	SEARCHKEY_BODY,    /* u.string */
	SEARCHKEY_TEXT,    /* u.string */
};

enum searchkey_when { SEARCHKEY_BEFORE, SEARCHKEY_ON, SEARCHKEY_SINCE };

struct searchkey {
	enum searchkey_kind kind;
	const struct searchkey *keys; /* AND, OR, NOT: an array of n */
	size_t n;
	union {
		struct {
			unsigned set, clear; /* FLAGS_*, see imap/flags.h */
		} flags;
		struct {
			struct view name;
			bool absent;
		} keyword;
		struct seqset set;
		uint64_t number;
		struct {
			enum searchkey_when when;
			bool sent;    /* Date: field, else internal date */
			int32_t days; /* that calendar day, since 1970-01-01 */
		} date;
		struct {
			struct view field; /* any case, without ":" */
			struct view string;
		} header;
		/* Octets in the charset of the command, not converted. */
		struct view string;
	} u;
};

#endif
