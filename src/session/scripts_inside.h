#ifndef SESSION_SCRIPTS_INSIDE_H
#define SESSION_SCRIPTS_INSIDE_H

#include "session/scripts.h"
#include "store/io.h"

/* What the two files of the scripts share. Results are those of scripts.h. */

#define SCRIPTS_SUFFIX ".sieve"
#define SCRIPTS_FILE_SIZE (SCRIPTS_FILE_MAX + 8) /* a file name with its NUL */

struct scripts {
	int dir, sieve;
	bool synced; /* the name of the directory is on the disk */
	struct scripts_limits limits;
	struct why why;
	/* what "active" said when it was like that; n 0: not looked yet */
	struct scripts_stamp seen;
	struct buf name;
};

/* A call has failed: what that is for our caller. */
int scripts_fail(struct scripts *s, int err, const char *what);

/* Is the name too long for a file of that name? It has a ".name" then. */
bool scripts_is_long(struct view name);
/* The file of a script, or, with another suffix, what belongs to it. name is a
 * good one. */
void scripts_file_of(
    struct view name, const char *suffix, char out[SCRIPTS_FILE_SIZE]);
/* The name of the script in file; false: it is none of ours. */
bool scripts_name_of(struct scripts *s, const char *file, struct buf *name)
    A_MUST_USE;

/* Look for the directory; make it. SCRIPTS_NOT_FOUND without make. */
int scripts_open_dir(struct scripts *s, bool make) A_MUST_USE;
bool scripts_has_file(struct scripts *s, const char *file);
/* The whole of a file into out, which is cleared. st may be NULL. */
int scripts_read_file(struct scripts *s, const char *file, uint64_t max,
    struct buf *out, struct stat *st) A_MUST_USE;
/* Write text to temp, synced, and give it the name file; that name is on the
 * disk too if sync_name. */
int scripts_write_file(struct scripts *s, const char *temp, const char *file,
    struct view text, bool sync_name) A_MUST_USE;
/* Remove a file; that it is gone is on the disk. */
int scripts_remove_file(struct scripts *s, const char *file) A_MUST_USE;

#endif
