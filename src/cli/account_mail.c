#include "cli/account_mail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/name.h"
#include "base/fd.h"

#define PATH_SIZE 8192

/* state-dir/top/<path of the account>; "" when it is no name. */
static void
place(const struct conf *c, const char *top, struct view name, char *out,
    size_t size)
{
	char path[NAME_PATH_MAX + 1];
	struct name n;
	int len;

	out[0] = '\0';
	if (!name_parse(name, &n))
		return;
	name_path(&n, path);
	len = snprintf(out, size, "%s/%s/%s",
	    conf_str(c, "server", NULL, "state-dir"), top, path);
	if (len < 0 || (size_t)len >= size)
		out[0] = '\0';
}

bool
account_mail_is_there(
    const struct conf *c, struct view name, char *path, size_t size)
{
	struct stat st;

	place(c, "accounts", name, path, size);
	return path[0] != '\0' && lstat(path, &st) == 0;
}

static int
make(char *path, mode_t mode, struct why *w)
{
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return why(w, -errno, "mkdir %s", path);
	return 0;
}

static int
sync_dir(const char *path, struct why *w)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 || fsync(fd) != 0 ? why(w, -errno, "sync %s", path) : 0;
}

/* Make the directories above path, which is below state-dir/removed, and sync
 * the one it will be in. */
static int
make_above(char *path, struct why *w)
{
	char *last = strrchr(path, '/'), *before;
	int r;

	*last = '\0';
	before = strrchr(path, '/');
	*before = '\0';
	r = make(path, 0700, w); /* removed */
	*before = '/';
	if (r == 0)
		r = make(path, 0700, w);
	*last = '/';
	return r;
}

static int
sync_above(char *path, struct why *w)
{
	char *last = strrchr(path, '/');
	int r;

	*last = '\0';
	r = sync_dir(path, w);
	*last = '/';
	return r;
}

int
account_mail_set_aside(const struct conf *c, struct view name, char *path,
    size_t size, struct why *w)
{
	char from[PATH_SIZE];
	size_t n;
	int r;

	if (!account_mail_is_there(c, name, from, sizeof(from))) {
		path[0] = '\0';
		return 0;
	}
	place(c, "removed", name, path, size);
	n = strlen(path);
	if (n == 0 || n + 24 > size)
		return why(w, -ENAMETOOLONG, "%s", from);
	(void)snprintf(path + n, size - n, ".%lld", (long long)time(NULL));
	if ((r = make_above(path, w)) != 0)
		return r;
	if (rename(from, path) != 0)
		return why(w, -errno, "move %s", from);
	if ((r = sync_above(path, w)) == 0)
		r = sync_above(from, w);
	return r;
}
