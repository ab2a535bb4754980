#ifndef MAIL_STRUCTURE_H
#define MAIL_STRUCTURE_H

#include "base/buf.h"
#include "mail/mime.h"

enum structure_form {
	STRUCTURE_BODY,          /* BODY: no extension data */
	STRUCTURE_BODYSTRUCTURE, /* with all extension fields */
};

/*
 * Add the BODY or BODYSTRUCTURE of a part in the form of IMAP, "(...)" (RFC
 * 9051 section 7.5.2), strings as envelope_put_nstring() writes them.
 *
 * msg   the message root was parsed from
 * root  any part of it
 * a     scratch for the envelopes of message/rfc822 parts
 */
void structure_write(struct view msg, const struct mime_part *root,
    enum structure_form form, struct arena *a, struct buf *out);
/*
 * The same for IMAP4rev2: the pieces of one parameter (RFC 2231) are decoded and
 * joined, "baz*0" and "baz*1" to "baz", "foo*0*" or "foo*" to "foo*" in UTF-8.
 * Pieces without the first stay as they are.
 */
void structure_write_joined(struct view msg, const struct mime_part *root,
    enum structure_form form, struct arena *a, struct buf *out);

#endif
