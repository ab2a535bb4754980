#ifndef CLI_IMPORTER_H
#define CLI_IMPORTER_H

#include "base/attrs.h"
#include "base/view.h"
#include "store/account.h"

/*
 * Puts messages into mailboxes of an account, many to a commit, none twice: a
 * message whose octets are already in the mailbox is skipped, as many times as
 * they are there. So an import that was broken off is simply started again.
 */
#define IMPORTER_BATCH 128           /* messages of one commit */
#define IMPORTER_BYTES (32ull << 20) /* or so many octets */

struct importer;

struct importer_counts {
	uint64_t added, skipped;
};

/* a is borrowed, and so is dir, the account's directory (-1: unique ids are not
 * kept). dry_run: only count what would be done; then a may be NULL, there is no
 * mail yet. Never NULL. */
struct importer *importer_new(struct account *a, int dir, bool dry_run);
void importer_free(struct importer **im);

/*
 * What follows goes into this mailbox, made and subscribed to when it is not
 * there. name: UTF-8; its NFC is taken, as is that of names from clients.
 * Commits what is left for the one before. 0, an outcome of the store, or
 * negative errno.
 */
int importer_mailbox(struct importer *im, struct view name) A_MUST_USE;

/* A message to add: octets with LF or CRLF line ends. */
struct importer_message {
	struct view octets;
	unsigned system; /* enum store_flag bits */
	const struct view *keywords;
	size_t n_keywords; /* those that do not fit the account are left out */
	int64_t date;      /* INTERNALDATE */
	int16_t zone;
	/* in INBOX: what POP3 clients know it by (session/uidl.h), whether it
	 * is added or there already; n 0: nothing */
	struct view uidl;
};
int importer_add(struct importer *im, const struct importer_message *m)
    A_MUST_USE;
/* Commit what is left, and write the unique ids. */
int importer_flush(struct importer *im) A_MUST_USE;
struct importer_counts importer_counts(const struct importer *im);

#endif
