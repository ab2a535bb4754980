#ifndef SESSION_POP3_COMMAND_H
#define SESSION_POP3_COMMAND_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * The commands of POP3 after login (RFC 1939 sections 5 to 7, 2449, 6856, and
 * XTND XMIT), one line each. Does no I/O.
 */
enum pop3_verb {
	POP3_CAPA,
	POP3_DELE,
	POP3_LANG,
	POP3_LIST,
	POP3_NOOP,
	POP3_QUIT,
	POP3_RETR,
	POP3_RSET,
	POP3_STAT,
	POP3_TOP,
	POP3_UIDL,
	POP3_XMIT,   /* "XTND XMIT"; other words behind XTND are unknown */
	POP3_BEFORE, /* one that belongs before login: USER, STLS, UTF8 … */
};

struct pop3_command {
	enum pop3_verb verb;
	bool has_number;
	uint32_t number;   /* of a message, as it came: 0 too */
	uint64_t lines;    /* of TOP */
	struct view range; /* of LANG; n 0: none. Borrowed from the line. */
};

enum pop3_result {
	POP3_OK = 0,
	POP3_UNKNOWN,   /* no such command */
	POP3_ARGUMENTS, /* too few, too many, or not numbers */
};

/*
 * Read one line without its end. Words stand one blank apart; more blanks, and
 * some at the end, are borne (docs/violations.md). Case is ignored.
 *
 * c  out; verb is set for POP3_ARGUMENTS too
 */
enum pop3_result pop3_command_parse(struct view line, struct pop3_command *c)
    A_MUST_USE;

#endif
