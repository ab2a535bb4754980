#ifndef CLI_MAILDIR_NAME_H
#define CLI_MAILDIR_NAME_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * What the name of a file in a maildir's cur/ says
 * (https://cr.yp.to/proto/maildir.html): "unique:2,FLAGS".
 */

/* enum store_flag bits of D F R S T; other letters are skipped. The letters
 * a..z, Dovecot's keywords, are bits of *keywords. */
unsigned maildir_name_flags(struct view name, uint32_t *keywords);

/* Directory of a Maildir++ folder, ".A.B", as a mailbox name with '/': "A/B" in
 * modified UTF-7 as it is written. False when it is none. out: name.n bytes. */
bool maildir_name_folder(struct view name, uint8_t *out, size_t *n) A_MUST_USE;

#endif
