#ifndef STORE_METADATA_INSIDE_H
#define STORE_METADATA_INSIDE_H

#include "store/inside.h"
#include "store/metadata.h"
#include "store/record.h"

/*
 * Annotations as entries under a key: u32 mailbox, u32 length and name of the
 * user whose /private entry it is (empty: the owner's, or a /shared one), entry
 * name in lower case.
 */
#define METADATA_KEY_MAX (8 + METADATA_NAME_MAX) /* bytes of an owner's */
_Static_assert(METADATA_KEY_MAX <= RECORD_KEY_MAX, "a record has room for it");
_Static_assert(METADATA_VALUE_MAX <= RECORD_VALUE_MAX, "and for the value");

/* The owner's key in buf. entry is checked. */
struct view metadata_key(
    uint32_t mailbox, struct view entry, uint8_t buf[METADATA_KEY_MAX]);

struct metadata_name {
	uint32_t mailbox;
	struct view user, entry; /* in the key */
};
/* False: not a key of an annotation. */
bool metadata_key_read(struct view key, struct metadata_name *out) A_MUST_USE;

/* Remove all annotations of a mailbox that goes. */
int tx_metadata_drop(struct tx *t, uint32_t mailbox) A_MUST_USE;
/* Would copies of all of from's fit? STORE_LIMIT. */
int tx_metadata_fits(struct tx *t, uint32_t from) A_MUST_USE;
/* Copy all of from's to a new mailbox that has none. */
int tx_metadata_copy(struct tx *t, uint32_t from, uint32_t to) A_MUST_USE;

#endif
