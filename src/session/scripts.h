#ifndef SESSION_SCRIPTS_H
#define SESSION_SCRIPTS_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/why.h"

/*
 * The Sieve scripts of an account: files in <account>/sieve/. Each change is
 * there as a whole or not at all whenever the program dies or the power goes,
 * and is on the disk when the call returns.
 *
 *   NAME.sieve    a script; in the file name the bytes that a file name cannot
 *                 have, "%", control characters and a "." in front are %XX
 *   %~HASH.sieve  one whose file name would be longer than SCRIPTS_FILE_MAX;
 *                 HASH is SHA-256 of the name, %~HASH.name has the name
 *   active        the name of the active script and a line end; while that one
 *                 is being renamed two lines, and the first that exists counts
 *   active.good   the last text of the active script that compiled
 *   lock          held by whoever changes something
 *   *.new         being written
 *
 * So scripts may also be put there by hand. A name is UTF-8 as RFC 5804 section
 * 1.6 has it, compared byte by byte.
 */
#define SCRIPTS_DIR "sieve"
#define SCRIPTS_NAME_MAX 512 /* bytes of a name */
#define SCRIPTS_FILE_MAX 200 /* bytes of a file name without ".sieve" */
#define SCRIPTS_SIZE_MAX (1024 * 1024) /* bytes of a script */
#define SCRIPTS_COUNT_MAX 100          /* scripts of an account */
#define SCRIPTS_LIST_MAX 1000 /* files looked at: more by hand are ignored */
#define SCRIPTS_LOCK_MS 10000

enum scripts_result {
	SCRIPTS_OK = 0,
	SCRIPTS_NOT_FOUND, /* no such script; no active one */
	SCRIPTS_EXISTS,    /* the new name is taken */
	SCRIPTS_BAD_NAME,  /* not a name as above, or longer */
	SCRIPTS_ACTIVE,    /* not with the active script */
	SCRIPTS_TOO_LARGE, /* the limit of a script's size */
	SCRIPTS_TOO_MANY,  /* the limit of their number */
	SCRIPTS_LOCKED,    /* somebody else is changing them; try later */
	SCRIPTS_FULL,      /* the disk is full */
};                         /* or negative errno */

struct scripts_limits {
	uint64_t size;  /* bytes of a script, <= SCRIPTS_SIZE_MAX; 0: that */
	uint32_t count; /* <= SCRIPTS_LIST_MAX; 0: SCRIPTS_COUNT_MAX */
};

struct scripts;

/*
 * dir     the account's directory; borrowed, must stay open as long
 * limits  copied; NULL for the defaults
 * Costs nothing: the directory is looked for when it is needed, and made by the
 * first script. Never NULL.
 */
struct scripts *scripts_new(int dir, const struct scripts_limits *limits);
void scripts_free(struct scripts **s);
#define AUTO_SCRIPTS __attribute__((cleanup(scripts_free)))
/* Which file, about the last negative result; never NULL. */
const char *scripts_why(const struct scripts *s);

/* Is it a name for a script? Not empty. */
bool scripts_name_ok(struct view name) A_MUST_USE;

/* --- for the filter at delivery --- */

/*
 * Which text is active, as a value to compare by scripts_same(): two or three
 * fstatat() and no reading when nothing has changed. All zero: no script is
 * active (so it is also good as "not looked yet").
 */
struct scripts_stamp {
	uint64_t inode, size;
	int64_t changed_ns; /* ctime, which nobody can set */
	uint64_t name_inode;
	int64_t name_changed_ns;
};
int scripts_stamp(struct scripts *s, struct scripts_stamp *out) A_MUST_USE;
bool scripts_same(const struct scripts_stamp *a, const struct scripts_stamp *b)
    A_MUST_USE;

/*
 * The active script. text is cleared first and must be able to hold
 * SCRIPTS_SIZE_MAX + 4096 bytes. name (may be NULL) gets its name.
 * SCRIPTS_NOT_FOUND: none is active; SCRIPTS_TOO_LARGE: it was put there by
 * hand. stamp (may be NULL) belongs to the text read.
 */
int scripts_active(struct scripts *s, struct buf *text, struct buf *name,
    struct scripts_stamp *stamp) A_MUST_USE;
/* The last text of an active script that compiled: for when the present one
 * does not. SCRIPTS_NOT_FOUND when there is none. */
int scripts_good(struct scripts *s, struct buf *text) A_MUST_USE;
/* This text of the active script has compiled: keep it, if it is another one
 * than is kept already. Its name is not synced: it is a convenience. */
int scripts_keep_good(struct scripts *s, struct view text) A_MUST_USE;

/* --- for ManageSieve, include, and the command line --- */

struct scripts_entry {
	struct view name;
	uint64_t size; /* bytes */
	bool active;
};
/* All, sorted by name, in the arena (-ENOMEM when that is too small). */
int scripts_list(struct scripts *s, struct arena *a, struct scripts_entry **out,
    size_t *n) A_MUST_USE;
/* The text of one, as in scripts_active(). */
int scripts_get(struct scripts *s, struct view name, struct buf *text)
    A_MUST_USE;
/* Would a script of that name and size be taken? SCRIPTS_OK, _TOO_LARGE,
 * _TOO_MANY, _BAD_NAME. */
int scripts_space(struct scripts *s, struct view name, uint64_t size)
    A_MUST_USE;
/* Store a script, in the place of the one that has the name. The caller has
 * compiled it. */
int scripts_put(struct scripts *s, struct view name, struct view text)
    A_MUST_USE;
/* SCRIPTS_ACTIVE: it is the active one. */
int scripts_delete(struct scripts *s, struct view name) A_MUST_USE;
/* The active one stays active. */
int scripts_rename(struct scripts *s, struct view from, struct view to)
    A_MUST_USE;
/* Make it the active one; an empty name: none (SCRIPTS_OK also when there was
 * none). */
int scripts_activate(struct scripts *s, struct view name) A_MUST_USE;

#endif
