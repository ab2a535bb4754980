#ifndef STORE_METADATA_H
#define STORE_METADATA_H

#include "base/arena.h"
#include "store/tx.h"

/*
 * Annotations (RFC 5464): values under entry names, of a mailbox or of the
 * account, which is what the RFC calls the server's.
 *
 * mailbox  everywhere: the mailbox's id; 0 stands for the account
 * entry    "/shared/comment", "/private/vendor/x/y": a name as
 *          metadata_name_check() wants it, in any case; names are kept and given
 *          back in lower case
 *
 * A value is any octets, NUL too, also none at all. All annotations belong to the
 * owner of the account, the /private ones too, since nobody else sees the
 * account yet; in the log the key of each has room for the user whose /private
 * entry it is, and the owner's is empty (docs/format.md).
 *
 * A mailbox that is deleted loses its annotations, also when it stays as
 * \Noselect; a renamed one keeps them; what INBOX gives its messages to when it
 * is renamed gets copies (RFC 5464 section 4.1).
 */

#define METADATA_NAME_MAX 1000                /* bytes of an entry name */
#define METADATA_VALUE_MAX ((size_t)65536)    /* octets of a value */
#define METADATA_MAILBOX_MAX 100              /* of one mailbox, or with id 0 */
#define METADATA_MAX 10000                    /* in all of an account */
#define METADATA_BYTES_MAX ((size_t)16 << 20) /* octets of all the values */

/*
 * 0 for an entry name (RFC 5464 section 3.2), STORE_BAD_NAME, STORE_LIMIT when
 * it is too long. It begins with "/private/" or "/shared/" in any case, no
 * component is empty, and octets are 0x1a..0x7e without "*" and "%". Below
 * "vendor" a name has four components or more.
 */
int metadata_name_check(struct view entry) A_MUST_USE;
/* Is it such a name, or one of a level above some ("/shared", "/private/vendor",
 * "/private/vendor/x"), below which one may look? */
bool metadata_is_level(struct view name) A_MUST_USE;

/*
 * The value of an annotation, copied into the arena; out->p is never NULL then.
 *
 * STORE_NOT_FOUND: there is none, or no such mailbox, or no entry can have that
 * name. -ENOMEM: the arena is too small. Else as other calls of the store. Reads
 * an open change.
 */
int metadata_get(struct account *a, uint32_t mailbox, struct view entry,
    struct arena *arena, struct view *out) A_MUST_USE;

struct metadata_entry {
	struct view name; /* lower case */
	size_t size;      /* octets of the value */
};
/* All annotations of the mailbox, sorted bytewise by name, in the arena
 * (-ENOMEM when its limit is too small). None of a mailbox that is not there. */
int metadata_list(struct account *a, uint32_t mailbox, struct arena *arena,
    struct metadata_entry **out, size_t *n) A_MUST_USE;

struct metadata_change {
	uint32_t mailbox;
	struct view name;
	uint64_t version; /* modseq of the commit that did it */
};
/* What was set or removed after modseq since, by whomever, each entry once;
 * sorted by mailbox and name, in the arena (-ENOMEM when its limit is too
 * small). Of mailboxes that were deleted, too. Looks at all annotations. */
int metadata_changes(struct account *a, uint64_t since, struct arena *arena,
    struct metadata_change **out, size_t *n) A_MUST_USE;

/*
 * Set an annotation to *value, or remove it (value NULL; one that is not there
 * may be removed too). \Noselect mailboxes may have annotations.
 *
 * STORE_NOT_FOUND   there is no such mailbox
 * STORE_BAD_NAME    as metadata_name_check()
 * STORE_LIMIT       the name or the value is too long (METADATA_VALUE_MAX), or
 *                   there are too many, or they are too large together
 */
int tx_metadata(struct tx *t, uint32_t mailbox, struct view entry,
    const struct view *value) A_MUST_USE;

#endif
