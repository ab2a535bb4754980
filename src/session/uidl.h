#ifndef SESSION_UIDL_H
#define SESSION_UIDL_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/why.h"
#include "store/types.h"

/*
 * Unique ids that messages had for POP3 clients on another server, so that
 * nothing is fetched twice after a move. Messages without one have
 * "<UIDVALIDITY>.<UID>" (RFC 1939 section 7: the same for ever).
 *
 * They stand in one file of the account's directory, written anew as a whole:
 *
 *   "fumi-uidl 1 " UIDVALIDITY LF *( UID " " unique-id LF )    UIDs ascending
 *
 * It is about the INBOX of that UIDVALIDITY; for another one it does not count.
 */
#define UIDL_FILE "pop3-uidl"
#define UIDL_MAX 70 /* bytes of a unique id (RFC 1939 section 7) */
#define UIDL_FILE_MAX ((size_t)256 << 20)

struct uidl;

/* 1 to UIDL_MAX bytes of 0x21 to 0x7e? */
bool uidl_ok(struct view id) A_MUST_USE;

/* Load the file of an account. One that is not there, or is not such a file, is
 * as if it were empty. Never NULL. */
struct uidl *uidl_load(int dir, uint32_t uidvalidity);
void uidl_free(struct uidl **u);
/* The id of that message, or n 0. UIDs asked in ascending order cost O(1) each.
 * Lives as long as u. */
struct view uidl_get(struct uidl *u, uint32_t uid);

/* Add what POP3 clients know the message by: the id of it, or the default one. */
void uidl_put(
    struct uidl *u, uint32_t uidvalidity, uint32_t uid, struct buf *out);

struct uidl_entry {
	uint32_t uid;
	struct view id; /* uidl_ok() */
};

/* INBOX as it is: mailbox_open(). */
struct uidl_inbox {
	uint32_t uidvalidity, uidnext;
	const struct uid_run *live; /* n runs of the UIDs that are there */
	size_t n;
};
/*
 * Add n entries, sorted by UID, to the file of an account: those of the same
 * UID are replaced, those of messages that are no more go. No two messages may
 * have one id (RFC 1939 section 7), and what says which they have may be
 * forged: an entry is left out when its id is that of another message by then,
 * or could be one of those that messages without an entry have.
 *
 * Old or new whatever happens, and on the disk afterwards. 0 or negative errno,
 * *w then says which file; -EFBIG past UIDL_FILE_MAX.
 */
int uidl_add(int dir, const struct uidl_inbox *box, const struct uidl_entry *e,
    size_t n, struct why *w) A_MUST_USE;

#endif
