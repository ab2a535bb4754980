#ifndef MAIL_TRANSFER_H
#define MAIL_TRANSFER_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/* Content-Transfer-Encoding (RFC 2045 section 6). */
enum transfer {
	TRANSFER_7BIT = 0, /* also what is absent */
	TRANSFER_8BIT,
	TRANSFER_BINARY,
	TRANSFER_QP,
	TRANSFER_BASE64,
	TRANSFER_UUENCODE, /* x-uuencode and its spellings */
	TRANSFER_UNKNOWN,  /* BINARY answers NO [UNKNOWN-CTE] */
};

/* The mechanism a field value names; comments and case do not matter. */
enum transfer transfer_parse(struct view value) A_MUST_USE;
/* The name as BODYSTRUCTURE has it ("7bit", "base64"); UNKNOWN: "binary". */
const char *transfer_name(enum transfer t) A_MUST_USE;

/*
 * A decoder in the middle of a body. Tolerant: what cannot be decoded is
 * skipped (base64, uuencode) or kept as it is (quoted-printable), and errors
 * counts such places, so a caller that must be strict (BINARY, RFC 3516
 * section 4.3) looks at errors after the end. 7bit, 8bit, binary and unknown
 * pass everything through.
 */
struct transfer_decoder {
	enum transfer kind;
	uint64_t errors; /* places that are not what the encoding allows */
	/* private */
	uint32_t bits;
	uint8_t have, state, held_n;
	uint8_t held[80];
};

/* d is the caller's storage; nothing to free. */
void transfer_init(struct transfer_decoder *d, enum transfer kind);
/* Decode the next piece of any size; the result does not depend on where the
 * pieces are cut. Adds at most in.n + 80 bytes. */
void transfer_put(struct transfer_decoder *d, struct view in, struct buf *out);
/* The body is over. Adds at most 80 bytes. */
void transfer_end(struct transfer_decoder *d, struct buf *out);

/* All at once; false when there were errors (out has the tolerant result). */
bool transfer_decode(enum transfer kind, struct view in, struct buf *out)
    A_MUST_USE;
/* Exact number of bytes transfer_decode() would add (BINARY.SIZE, RFC 3516
 * section 4.2). ok: out; as transfer_decode()'s result; may be NULL. Constant
 * memory, O(in.n). */
uint64_t transfer_size(enum transfer kind, struct view in, bool *ok) A_MUST_USE;

/* base64 in lines of 76 and CRLF after each (RFC 2045 section 6.8). */
void transfer_put_base64(struct view in, struct buf *out);
/* base64 in one piece without line ends. */
void transfer_put_base64_plain(struct view in, struct buf *out);
/* Quoted-printable, lines of at most 76 (RFC 2045 section 6.7). CRLF in in is
 * a line end when text, else encoded like every other control. */
void transfer_put_qp(struct view in, bool text, struct buf *out);

#endif
