#ifndef STORE_FORMAT_MAILDIR_DELIVER_H
#define STORE_FORMAT_MAILDIR_DELIVER_H

#include <sys/types.h>

#include "base/attrs.h"
#include "base/view.h"
#include "base/why.h"

/*
 * One message into a maildir (https://cr.yp.to/proto/maildir.html): written to
 * tmp/, synced, renamed to new/, and that name synced. No lock is needed: any
 * number of programs may deliver and read at once.
 */
#define FORMAT_MAILDIR_NAME_MAX 255        /* bytes of a file's name */
#define FORMAT_MAILDIR_STALE_S (36 * 3600) /* older files in tmp/ are garbage */
#define FORMAT_MAILDIR_SWEEP_MAX 4096      /* entries of tmp/ looked at */

/* What makes a name unique. */
struct format_maildir_id {
	int64_t seconds; /* since 1970 */
	uint32_t us;     /* 0..999999 */
	pid_t pid;
	uint64_t serial;  /* of this process's deliveries */
	const char *host; /* cut when too long; "/" and ":" become \057, \072 */
};

/* The name, seconds.M<us>P<pid>Q<serial>.host,S=<size>, in out, NUL at the end.
 * size: bytes of the file. */
void format_maildir_name(const struct format_maildir_id *id, uint64_t size,
    char out[FORMAT_MAILDIR_NAME_MAX + 1]);

/*
 * Deliver.
 *
 * at    directory that path is relative to
 * path  of the maildir, with or without a slash at its end. It, and tmp, new and
 *       cur in it, are made (mode 0700) when they are not there
 * part  the message is these n views in a row, line ends LF
 *
 * The name is from the clock, this process, and the host's name. Returns 0 only when the message is durable; else negative errno with the
 * text in *w, and no trace of it in new/. -EXDEV: tmp, new and cur are not on
 * one file system.
 */
int format_maildir_deliver(int at, const char *path, const struct view *part,
    size_t n, struct why *w) A_MUST_USE;

/*
 * Remove regular files from tmp/ of the maildir open at dir that have been
 * neither read nor written for more than FORMAT_MAILDIR_STALE_S, never younger
 * ones. now: seconds since 1970. The number removed, or negative errno.
 */
int format_maildir_sweep(int dir, int64_t now);

#endif
