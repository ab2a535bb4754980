#ifndef STORE_FORMAT_MBOX_DELIVER_H
#define STORE_FORMAT_MBOX_DELIVER_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"
#include "base/why.h"

/*
 * One message to the end of an mbox file (RFC 4155 appendix A), under locks that
 * other programs of the machine use too.
 */
enum format_mbox_lock {
	FORMAT_MBOX_DOTLOCK, /* <file>.lock made by link(2), good on NFS too */
	FORMAT_MBOX_FCNTL,   /* fcntl(2), the whole file */
	FORMAT_MBOX_FLOCK,   /* flock(2) */
	FORMAT_MBOX_LOCKF,   /* lockf(3): on Linux the same as fcntl */
};
#define FORMAT_MBOX_LOCKS_MAX 4
/* "dotlock", "fcntl", "flock", "lockf". */
bool format_mbox_lock_parse(struct view v, enum format_mbox_lock *out)
    A_MUST_USE;

#define FORMAT_MBOX_STALE_S 300 /* an older dot lock is nobody's */

enum format_mbox_quoting {
	FORMAT_MBOX_RD, /* ">*From " gets one ">" more: can be undone exactly */
	FORMAT_MBOX_O,  /* only "From " gets a ">" */
	FORMAT_MBOX_CL, /* as O, and Content-Length */
	FORMAT_MBOX_CL2, /* Content-Length, nothing is quoted */
};

struct format_mbox_message {
	const char *sender;      /* of the envelope; "" becomes MAILER-DAEMON */
	int64_t date;            /* of the delivery, seconds since 1970 */
	const struct view *part; /* the message: n_part views in a row, LF */
	size_t n_part;
	enum format_mbox_quoting quoting;
};

struct format_mbox_locking {
	enum format_mbox_lock lock[FORMAT_MBOX_LOCKS_MAX]; /* taken in order */
	size_t n;
	unsigned timeout_ms; /* for all of them together */
	/* Makes or removes the dot lock of path where the directory is not ours
	 * to write; NULL: nobody does. 0, -EAGAIN (it is locked), negative
	 * errno. */
	int (*helper)(void *ctx, const char *path, bool lock);
	void *ctx;
};

#define FORMAT_MBOX_SENDER_MAX 512 /* bytes of it that are written */
/* "From sender Sun Jan  6 07:08:41 2002" and LF, in UTC; octets that would break
 * the line in two, or into more words, become "-". */
void format_mbox_from(const char *sender, int64_t date, struct buf *out);
/* The message as it is to lie in the file, from its "From " line to the empty
 * line behind it. */
void format_mbox_put(const struct format_mbox_message *m, struct buf *out);

/*
 * Deliver.
 *
 * at    directory that path is relative to
 * path  of the file; made with mode 0600 when it is not there. A link is only
 *       followed where nobody else can write the directory. /dev/null takes
 *       everything
 *
 * A file that does not end with an empty line gets one first. The file is as it
 * was when anything fails, full disks included. 0: the message is durable; else
 * negative errno with the text in *w. -EAGAIN: the locks were not to be had in
 * time; -EISDIR, -EINVAL: that is no file for mail; -ELOOP, -EPERM: a link, or
 * somebody else's file, in a directory others can write.
 */
int format_mbox_deliver(int at, const char *path,
    const struct format_mbox_message *m, const struct format_mbox_locking *l,
    struct why *w) A_MUST_USE;

/*
 * The locks alone, for whoever reads and rewrites the file. fd is open for
 * writing; at and path name it.
 */
struct format_mbox_held {
	int fd, dir; /* dir: of the file, for the dot lock; -1: no dot lock */
	char name[256];                       /* of the dot lock in dir */
	const struct format_mbox_locking *by; /* with a helper's lock */
	const char *path;
};
/* 0, -EAGAIN, negative errno; nothing is held then. path and *l must live until
 * the unlock. */
int format_mbox_lock(int at, const char *path, int fd,
    const struct format_mbox_locking *l, struct format_mbox_held *out,
    struct why *w) A_MUST_USE;
void format_mbox_unlock(struct format_mbox_held *held);

/* Open the directory of path; name: where in path the last name begins. -EISDIR
 * when there is none. */
int format_mbox_above(int at, const char *path, const char **name, int *out)
    A_MUST_USE;

/* The dot lock alone, one try: <name>.lock in dir. A lock older than
 * FORMAT_MBOX_STALE_S, by the clock of the file system, is taken away first.
 * 0, -EAGAIN (it is locked), negative errno. */
int format_mbox_dotlock(int dir, const char *name) A_MUST_USE;
int format_mbox_dotunlock(int dir, const char *name);

#endif
