#ifndef CLI_UIDL_SOURCE_H
#define CLI_UIDL_SOURCE_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * What the POP3 server that kept a maildir before told its clients as unique
 * ids, from the file it left there:
 *
 *   dovecot-uidlist       of Dovecot 1.x and 2.x: ids stored (field P), else
 *                         its default, UID and UIDVALIDITY in eight hex digits
 *                         each
 *   courierpop3dsizelist  of Courier, versions 2 and 3: "UIDn-validity"
 */
struct uidl_source;

/* dir: the maildir; only read here. NULL: it has no such file. */
struct uidl_source *uidl_source_open(int dir) A_MUST_USE;
/* The same of the text of a file, which is copied as far as needed. NULL: it is
 * not one of these. */
struct uidl_source *uidl_source_read(struct view text) A_MUST_USE;
void uidl_source_free(struct uidl_source **s);
/* The id of the message in the file of that name (what follows ':' in it does
 * not count); n 0: none that can be used. Lives as long as s, which may be
 * NULL. */
struct view uidl_source_get(const struct uidl_source *s, struct view name);

#endif
