#ifndef STORE_EXPORT_H
#define STORE_EXPORT_H

#include "base/buf.h"
#include "store/account.h"

/*
 * Get every readable message out of an account, damaged or not: what cannot be
 * read is told and passed over. Open the account with read_only.
 */
enum export_format {
	EXPORT_EML, /* <mailbox>/<uid>.eml, as they went over the wire */
	/* <mailbox>/{cur,new,tmp}, line ends LF, flags in names; POP3 ids in
	 * <mailbox>/dovecot-uidlist, as cli/uidl_source.h reads them */
	EXPORT_MAILDIR,
	/* <mailbox>.mbox, RFC 4155, mboxrd quoting, LF; flags, but no keywords,
	 * in Status and X-Status lines, and POP3 ids in X-UIDL, as mail/mbox.h
	 * reads them; the sender is that of the first Return-Path */
	EXPORT_MBOX,
};

/* Called for each message; text NULL: written, else why it was not. Nonzero
 * stops. */
typedef int export_fn(
    void *ctx, struct view mailbox, uint32_t uid, const char *text);

/* Adds what POP3 clients know a message by, visible ASCII; nothing: they do not
 * know it. Asked with UIDs in ascending order. */
typedef void export_id_fn(void *ctx, const struct mailbox_row *mailbox,
    uint32_t uid, struct buf *out);

/*
 * dirfd  an empty or new directory to write in; borrowed
 * fn     may be NULL
 * id     may be NULL: ids are not written
 *
 * Levels of a mailbox become directories; octets a file name cannot have, and a
 * leading dot, are written as %XX. A level that is called like files of the
 * export (cur, new, tmp, dovecot-uidlist, *.mbox, *.eml) has a % behind it, one that is too long
 * ends with % and eight digits. Existing files are not overwritten: -EEXIST.
 * Returns 0, what fn returned, or a negative errno about writing.
 */
int export_run(struct account *a, int dirfd, enum export_format format,
    export_fn *fn, export_id_fn *id, void *ctx) A_MUST_USE;

#endif
