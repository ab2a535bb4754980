#ifndef TESTS_STORE_SCRATCH_H
#define TESTS_STORE_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attrs.h"

/* A directory of its own for a test, below $TMPDIR, in memory when there is
 * such a place. The descriptor; path is the caller's to free. */
static A_UNUSED int
scratch_make(char **path)
{
	const char *base = getenv("TMPDIR");
	int fd;

	if (base == NULL)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	if (asprintf(path, "%s/fumi-test-XXXXXX", base) == -1 ||
	    mkdtemp(*path) == NULL)
		abort();
	fd = open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		abort();
	return fd;
}

/* Remove everything below the directory. */
static A_UNUSED void
scratch_empty(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	struct dirent *de;

	if (d == NULL)
		abort();
	while ((de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, de->d_name, 0) == 0)
			continue;
		int sub = openat(fd, de->d_name, O_RDONLY | O_DIRECTORY);

		if (sub != -1) {
			scratch_empty(sub);
			close(sub);
		}
		unlinkat(fd, de->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

static A_UNUSED void
scratch_end(int *dirfd, char **path)
{
	scratch_empty(*dirfd);
	close(*dirfd);
	rmdir(*path);
	free(*path);
}

#endif
