#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/* Addresses one field may give; more are dropped. */
#define ADDRESS_MAX 10000

/*
 * One address in the four parts of an IMAP ENVELOPE (RFC 9051 section 7.5.2).
 * A part with p == NULL is absent (NIL). Groups stand as IMAP wants them:
 * a start {NULL, NULL, group name, NULL}, the members, an end {all NULL}.
 * Text is unquoted and unfolded but not decoded (RFC 2047 words stay).
 */
struct address {
	struct address *next;
	struct view name;    /* display-name, or a trailing comment's text */
	struct view adl;     /* source route, "@a,@b" */
	struct view mailbox; /* local part, unquoted */
	struct view host;    /* domain; NULL p in the starts and ends of groups;
	                        empty where a text has no domain */
};

/*
 * Read an address list (RFC 5322 section 3.4 with the obsolete forms of 4.4).
 * Broken text never fails: what has no domain becomes an address with an empty
 * host, what cannot be an address is skipped.
 *
 * value  field value, folding included
 * a      owner of the result and of text that had to be rewritten
 *
 * NULL when there is no address, or the arena is full at the first one; a list
 * cut short when it becomes full later. O(value.n).
 */
struct address *address_parse(struct view value, struct arena *a) A_MUST_USE;

/* Add the addr-spec of an address that has both of its parts, as it is written
 * in fields and in SMTP (RFC 5322 section 3.4.1): the local part stands in quotes
 * where it must. Control characters become blanks, or in a domain nothing. */
void address_put_spec(const struct address *d, struct buf *out);

/*
 * Add the address of an envelope as it stands between "<" and ">" (RFC 5321
 * section 4.1.2), from the form in which a program has handed it over: the local
 * part, up to the last "@", as text or in quotes already. One that is no dot-atom
 * is put into quotes; without an "@" all of it is one. Control characters as
 * above; nothing becomes nothing.
 */
void address_put_path(struct view text, struct buf *out);

static inline bool
address_is_group_start(const struct address *d)
{
	return d->host.p == NULL && d->mailbox.p != NULL;
}

static inline bool
address_is_group_end(const struct address *d)
{
	return d->host.p == NULL && d->mailbox.p == NULL;
}

#endif
