#ifndef BASE_XTEXT_H
#define BASE_XTEXT_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * xtext (RFC 3461 section 4), in which the parameters of MAIL and RCPT say what
 * they could not otherwise: "+" and two upper case hexadecimal digits stand for
 * one octet. What they say goes on into header fields, so it must be printable
 * ASCII and blanks (sections 4.2 and 4.4).
 */

/* Is v that? Empty is. utf8: code points above 127 may stand in it as they are
 * (RFC 6533 section 3). O(v.n). */
bool xtext_ok(struct view v, bool utf8) A_MUST_USE;

/*
 * original-recipient-address = addr-type ";" xtext (RFC 3461 section 4.2), with
 * no blank and an address that is not empty.
 *
 * type     out; an atom, in its own case
 * address  out; xtext. In one of type "utf-8" there may be code points above
 *          127
 *
 * False: it is none, and the outs are undefined.
 */
bool xtext_orcpt(struct view v, struct view *type, struct view *address)
    A_MUST_USE;

/* Put v, which is xtext_ok(), into out with what is encoded undone: at most v.n
 * bytes. */
void xtext_undo(struct view v, struct buf *out);

/* Put the line "Original-Recipient: type; address" of an ORCPT (RFC 3464 section
 * 2.3.1, RFC 8098 section 2.3): at most v.n + 24 bytes; nothing when it is none. */
void xtext_put_recipient(struct view orcpt, struct buf *out);

#endif
