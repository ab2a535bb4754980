#ifndef PROC_LMTP_COMMAND_H
#define PROC_LMTP_COMMAND_H

#include <stdint.h>

#include "base/attrs.h"
#include "base/view.h"

/*
 * The commands of LMTP (RFC 2033, whose grammar is RFC 5321's) as values. Bytes
 * in, values out, no I/O, no memory of its own.
 */
#define LMTP_LINE_MAX 4096 /* octets with CR LF; RFC 5321 4.5.3.1.4 asks 512 */
#define LMTP_LOCAL_MAX 256 /* octets of a local part, quoting undone */
#define LMTP_DOMAIN_MAX 255
#define LMTP_PATH_MAX 512 /* octets of an address as written */
#define LMTP_XTEXT_MAX 500
#define LMTP_ENVID_MAX 100 /* RFC 3461 section 4.4 */

enum lmtp_verb {
	LMTP_LHLO,
	LMTP_MAIL,
	LMTP_RCPT,
	LMTP_DATA,
	LMTP_BDAT,
	LMTP_RSET,
	LMTP_NOOP,
	LMTP_QUIT,
	LMTP_VRFY,
	LMTP_HELP,
	LMTP_HELO, /* or EHLO: not spoken here (RFC 2033 section 4.1) */
};

/*
 * What stands in "<" ">" of MAIL and RCPT. A source route is read and left out
 * (RFC 5321 section 4.1.1.3); a domain may be missing, as in <postmaster>.
 */
struct lmtp_path {
	struct view text;   /* as written, without route; empty: <> */
	struct view domain; /* in its own case; empty: none */
	uint8_t local[LMTP_LOCAL_MAX]; /* quoting undone */
	size_t local_n;
	bool utf8; /* it has octets above 127 (RFC 6531) */
};

enum lmtp_ret { LMTP_RET_NONE, LMTP_RET_FULL, LMTP_RET_HDRS };

struct lmtp_command {
	enum lmtp_verb verb;
	struct view text; /* LHLO: the name; VRFY: what was asked */
	struct lmtp_path path;
	/* MAIL */
	uint64_t size; /* SIZE= (RFC 1870); 0: not said; UINT64_MAX: or more */
	bool eight;    /* BODY=8BITMIME (RFC 6152) */
	bool smtputf8; /* SMTPUTF8 (RFC 6531) */
	enum lmtp_ret ret;
	struct view envid, auth; /* RFC 3461 (checked), RFC 4954; as written */
	/* RCPT */
	uint8_t notify;    /* enum msg_deliver_notify, bits */
	struct view orcpt; /* checked: xtext_orcpt() */
	/* BDAT: also when its arguments are right and the rest is not */
	uint64_t chunk;
	bool last;
};

enum lmtp_parsed {
	LMTP_OK = 0,
	LMTP_UNKNOWN,   /* no such command */
	LMTP_SYNTAX,    /* its arguments are not as they must be */
	LMTP_ADDRESS,   /* that is no address */
	LMTP_PARAMETER, /* one is not known, or has a value that is not; but
			 * LMTP_SYNTAX for those of RFC 3461 (section 5.1) */
};

/*
 * Read one line without its CR LF.
 *
 * line  1..LMTP_LINE_MAX octets; views of *out are cut from it
 * out   the verb is set unless LMTP_UNKNOWN; the rest only on LMTP_OK
 *
 * O(line.n).
 */
enum lmtp_parsed lmtp_command_parse(struct view line, struct lmtp_command *out)
    A_MUST_USE;

/*
 * Whom AUTH= says (RFC 4954 section 5), with its xtext undone, digits of either
 * case; "" when it says nobody, or has what is no xtext, a control character, or
 * octets that are not UTF-8: half an identity would be another.
 *
 * v    as in struct lmtp_command
 * out  at most v.n bytes and the NUL
 */
void lmtp_command_auth(struct view v, char out[LMTP_XTEXT_MAX + 1]);

/*
 * The octets behind DATA (RFC 5321 section 4.5.2), as they come: only CR LF "."
 * CR LF ends them, and only behind CR LF is a dot taken away, so that no lone CR
 * or LF can pass for a line's end. Zero is the state after DATA.
 */
struct lmtp_data {
	enum {
		LMTP_DATA_START = 0,
		LMTP_DATA_LINE,
		LMTP_DATA_CR,
		LMTP_DATA_DOT,
		LMTP_DATA_DOT_CR,
	} state;
};
enum lmtp_data_result {
	LMTP_DATA_PIECE = 0, /* there is more to ask for */
	LMTP_DATA_MORE,      /* in is used up */
	LMTP_DATA_END,       /* in starts behind the end */
};
/* The next octets of the message, taken from the front of *in: a view into it,
 * or into static memory. Empty unless PIECE. */
enum lmtp_data_result lmtp_data_next(
    struct lmtp_data *d, struct view *in, struct view *piece) A_MUST_USE;

#endif
