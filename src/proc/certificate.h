#ifndef PROC_CERTIFICATE_H
#define PROC_CERTIFICATE_H

#include "base/buf.h"
#include "base/conf.h"
#include "base/why.h"

/* The files of the server's certificates, read as bytes. What is in them only
 * proc/tls.h knows. */

struct certificate_files {
	const char *certificate;
	const char *key; /* empty: it is in the file of the certificate */
};
/* The i-th: that of [tls], if there is one, then the sections [certificate] in
 * their order. False: there are no more. Strings live as long as c. */
bool certificate_files(
    const struct conf *c, size_t i, struct certificate_files *out) A_MUST_USE;

/*
 * The text of one: of its certificates, then of its key.
 *
 * out  initialised for at least CERTIFICATE_TEXT_MAX bytes; it is the caller's
 *      to wipe, also after an error
 * 0, or a negative errno with *w naming the file: -EFBIG, those of open().
 */
#define CERTIFICATE_TEXT_MAX (1024 * 1024) /* bytes */
int certificate_read(const struct certificate_files *f, struct buf *out,
    struct why *w) A_MUST_USE;

#endif
