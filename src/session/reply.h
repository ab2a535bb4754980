#ifndef SESSION_REPLY_H
#define SESSION_REPLY_H

#include "base/buf.h"
#include "sieve/sieve.h"

/*
 * Messages that we write ourselves: answers of vacation (RFC 5230, RFC 3834),
 * rejections (RFC 5429, RFC 8098), notifications by mail (RFC 5436), notes to
 * the user, and what a redirected message becomes. Octets in, octets out; lines
 * end in CRLF. A text that needs more than ASCII is written in
 * quoted-printable or base64, header fields in encoded-words (RFC 2047); no
 * value can add a line or a field.
 */
#define REPLY_MAX                                                              \
	((size_t)1 << 20) /* bytes of a message, without what it
                                     * quotes */
#define REPLY_QUOTED_MAX                                                       \
	((size_t)64 << 10) /* bytes of a header that is
                                             * quoted */

struct reply_env {
	struct view host;     /* of this server, for Message-ID */
	struct view user;     /* the user's address */
	struct view original; /* the message that is answered */
	int64_t now;
	int zone;
	uint64_t unique; /* for Message-ID and boundaries: the same number makes
	                    the same message */
};

/*
 * The answer of vacation (RFC 5230 section 5, RFC 3834 section 3): to v->to,
 * Subject "Auto: " and the original's unless v says one, In-Reply-To and
 * References by RFC 5322, Auto-Submitted: auto-replied.
 */
void reply_vacation(
    const struct reply_env *e, const struct sieve_vacation *v, struct buf *out);

/* A failed MDN (RFC 5429 section 2.2.1, RFC 8098) for "reject", or a DSN
 * (section 2.1.2, RFC 3464) for "ereject". to: the envelope sender. recipient:
 * whom the message was for. orcpt: ORCPT= as written and checked (xtext_orcpt()),
 * n 0: none; nothing else is an Original-Recipient (RFC 8098 section 3.2.3). The
 * original's header goes along. */
void reply_reject(const struct reply_env *e, const struct sieve_reject *r,
    struct view to, struct view recipient, struct view orcpt, struct buf *out);

/*
 * A mailto: notification (RFC 5436 section 2). to gets the addresses of the
 * URI in the arena, each once and at most max; those that a notification before
 * it goes to, bcc of the URI, and header fields that are not allowed are left
 * out. False: the URI is none of ours, or has no address, or none that is left.
 */
bool reply_notify(const struct reply_env *e, const struct sieve_notify *n,
    struct arena *a, struct view *to, size_t max, size_t *n_to, struct buf *out)
    A_MUST_USE;
/* May the message be told of (RFC 5436 section 2.1: not one that is itself
 * automatic)? */
bool reply_may_notify(struct view original) A_MUST_USE;

/* A note to the user that the script does not compile. */
void reply_broken(const struct reply_env *e, struct view script,
    const struct sieve_error *error, struct buf *out);

/*
 * The message as it is sent on: what only the last hop adds (Return-Path) is
 * gone, "Delivered-To: user" is in front.
 */
void reply_redirect(const struct reply_env *e, struct buf *out);

/* Would sending it on go round in a circle (RFC 5228 section 10)? It has been
 * delivered to the user before this time (a Delivered-To of theirs; with ours
 * the one in front is of this time), or has more than REPLY_HOPS_MAX Received. */
#define REPLY_HOPS_MAX 100
bool reply_is_loop(struct view original, struct view user, bool ours)
    A_MUST_USE;

#endif
