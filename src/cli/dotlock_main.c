/*
 * fumi-dotlock lock|unlock FILE
 *
 * Makes or removes FILE.lock in a spool directory that only the group "mail" may
 * write, for whoever owns FILE. Installed set-group-id mail; FILE must be an
 * absolute path right below the spool directory, a regular file, and the
 * caller's own. Nothing of the environment is used, and nothing is read.
 *
 * EX_OK, EX_TEMPFAIL (it is locked), EX_NOPERM, EX_USAGE.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "store/format_mbox_deliver.h"

/* The one directory that this is for. */
#ifndef FUMI_SPOOL
#define FUMI_SPOOL "/var/mail"
#endif

/* The name behind FUMI_SPOOL "/"; NULL when there is none. */
static const char *
spool_name(const char *path)
{
	const size_t n = strlen(FUMI_SPOOL);

	if (strncmp(path, FUMI_SPOOL, n) != 0 || path[n] != '/')
		return NULL;
	path += n + 1;
	if (*path == '\0' || *path == '.' || strchr(path, '/') != NULL ||
	    strlen(path) > 64)
		return NULL;
	return path;
}

static int
status_of(int r)
{
	if (r == 0)
		return EX_OK;
	return r == -EAGAIN ? EX_TEMPFAIL : EX_NOPERM;
}

int
main(int argc, char **argv)
{
	const char *name = argc == 3 ? spool_name(argv[2]) : NULL;
	struct stat st;
	int dir;

	if (name == NULL)
		return EX_USAGE;
	(void)umask(022);
	dir = open(FUMI_SPOOL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode) || st.st_uid != getuid())
		return EX_NOPERM;
	if (strcmp(argv[1], "lock") == 0)
		return status_of(format_mbox_dotlock(dir, name));
	if (strcmp(argv[1], "unlock") != 0)
		return EX_USAGE;
	/* only a lock that this user has made */
	char lock[80] = "";

	(void)strcat(strcpy(lock, name), ".lock");
	if (fstatat(dir, lock, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    st.st_uid != getuid())
		return EX_NOPERM;
	return status_of(format_mbox_dotunlock(dir, name));
}
