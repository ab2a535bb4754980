#ifndef STORE_IO_H
#define STORE_IO_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/view.h"

/*
 * Every system call of the store that changes files goes through here, so that
 * tests can record them, make them fail, cut them short, or die before or after
 * any of them. Without hooks each is the bare call and one test of a pointer.
 * All return what the call returns, or negative errno; EINTR is retried.
 */

/* Every sync in the code, by name: a test drops each one in turn and must then
 * find mail lost. */
enum io_site {
	IO_SITE_NONE,
	IO_SYNC_COMMIT,      /* the commit itself */
	IO_SYNC_CUT,         /* a cut behind the last END */
	IO_SYNC_RECOVER,     /* a tail that somebody else wrote */
	IO_SYNC_RECOVER_DIR, /* and the directories it is in */
	IO_SYNC_SEGMENT,     /* the header of a new segment */
	IO_SYNC_SEGMENT_DIR, /* and its name */
	IO_SYNC_BODY,        /* a body in its own file */
	IO_SYNC_BODY_DIR,    /* and its name */
	IO_SYNC_UNLINK,      /* that a segment or body is gone */
	IO_SYNC_VIEW,        /* an orderly stop's view (by LMDB) */
	IO_SYNC_CURRENT,     /* the file that names it */
	IO_SYNC_CLEAN,       /* the mark that it is whole */
	IO_SYNC_CLEAN_DIR,   /* and the names of the three */
	IO_SYNC_WITHDRAW,    /* that the mark is gone, before a write */
	IO_SYNC_SCRIPT,      /* a Sieve script (session/scripts.h) */
	IO_SYNC_SCRIPT_DIR,  /* and its name */
	IO_SYNC_SCRIPT_HOME, /* and the name of their directory */
	IO_SYNC_UIDL,        /* POP3's unique ids (session/uidl.h) */
	IO_SYNC_UIDL_DIR,    /* and their file's name */
	IO_SYNC_OUT,         /* a message to be sent (proc/out_queue.h) */
	IO_SYNC_OUT_DIR,     /* and its name */
	IO_SYNC_OUT_AT,      /* how far it is */
	IO_SYNC_OUT_AT_DIR,  /* and that file's name */
	IO_SYNC_OUT_GONE,    /* that it is gone */
	IO_SITES,
};
/* "commit", "cut" …; never NULL. */
const char *io_site_name(enum io_site site);

enum io_op {
	IO_CREATE, /* a name appears: open with O_CREAT */
	IO_MKDIR,
	IO_WRITE,
	IO_TRUNCATE,
	IO_ALLOCATE, /* fallocate() behind the end, the size stays */
	IO_SYNC,     /* fdatasync(), or fsync() of a directory */
	IO_RENAME,   /* within a directory */
	IO_UNLINK,
	IO_CHMOD,
};

/* One call, for hooks. Only the fields that its op has are set. */
struct io_event {
	enum io_op op;
	enum io_site site;       /* IO_SYNC */
	int fd;                  /* of the file, or of the directory */
	const char *name, *to;   /* in the directory */
	int flags;               /* IO_CREATE: of open() */
	uint64_t offset;         /* IO_WRITE */
	const struct iovec *iov; /* IO_WRITE */
	int n_iov;
	uint64_t size; /* bytes to write; length of IO_TRUNCATE */
};

enum io_verdict {
	IO_GO = 0,   /* do it */
	IO_SKIP = 1, /* do nothing and report success */
		     /* negative errno: do nothing and report that */
};

/* Set by tests; NULL otherwise. One for the process. */
struct io_hooks {
	/* Before the call. A hook may lower *size of an IO_WRITE: so many bytes
	 * are then written and reported. */
	int (*before)(void *ctx, const struct io_event *e, uint64_t *size);
	/* After it, with its result; returns the result to report. */
	int64_t (*after)(void *ctx, const struct io_event *e, int64_t r);
	void *ctx;
};
extern const struct io_hooks *io_hooks;

/* The descriptor; created with mode 0600, close-on-exec. flags: O_RDWR … */
int io_create(int dirfd, const char *name, int flags) A_MUST_USE;
int io_mkdir(int dirfd, const char *name) A_MUST_USE;
/* Bytes written, at least 1, perhaps fewer than asked for; n <= IOV_MAX. */
int64_t io_write(int fd, const struct iovec *iov, int n, uint64_t offset)
    A_MUST_USE;
int io_truncate(int fd, uint64_t length) A_MUST_USE;
int io_allocate(int fd, uint64_t offset, uint64_t n) A_MUST_USE;
int io_sync(int fd, enum io_site site) A_MUST_USE;
/* Of a directory: its names. */
int io_sync_dir(int fd, enum io_site site) A_MUST_USE;
/* Within one directory; replaces what has that name. */
int io_rename(int dirfd, const char *from, const char *to) A_MUST_USE;
int io_unlink(int dirfd, const char *name) A_MUST_USE;
int io_chmod(int fd, mode_t mode) A_MUST_USE;
/* Write all of v; negative errno, -ENOSPC also for a write of nothing. */
int io_write_all(int fd, struct view v, uint64_t offset) A_MUST_USE;

#endif
