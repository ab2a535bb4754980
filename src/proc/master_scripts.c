#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/mem.h"
#include "proc/master.h"
#include "proc/start.h"

/*
 * The administrator's scripts, read as bytes into one sealed file in memory:
 * who runs them may read no path but the account's.
 */
#define SUFFIX ".sieve"
#define SCRIPT_MAX ((size_t)1 << 20) /* bytes of one */

/* A name as in a directory: "NAME.sieve", not hidden; 0: none, else the bytes of
 * NAME. */
static size_t
script_name(const char *file)
{
	size_t n = strlen(file), end = strlen(SUFFIX);

	if (file[0] == '.' || n <= end ||
	    n - end > MSG_MASTER_SCRIPT_NAME_MAX ||
	    strcmp(file + n - end, SUFFIX) != 0)
		return 0;
	return n - end;
}

static int
is_script(const struct dirent *d)
{
	return script_name(d->d_name) > 0;
}

static int
add_one(int dir, const char *path, const char *file, uint8_t where,
    struct buf *out, struct why *w)
{
	AUTO_CLOSE int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	AUTO_BUF struct buf text = BUF_INIT(SCRIPT_MAX);
	int r = fd == -1 ? -errno : start_read(fd, SCRIPT_MAX, &text);

	if (r != 0)
		return why(w, r, "read %s/%s", path, file);
	msg_master_script_put(out, where,
	    (struct view){ (const uint8_t *)file, script_name(file) },
	    buf_view(&text));
	if (out->failed)
		return why(w, -EFBIG, "too many scripts in %s", path);
	return 0;
}

static int
add_directory(const char *path, uint8_t where, struct buf *out, struct why *w)
{
	struct dirent **names;
	AUTO_CLOSE int dir = -1;
	int n, r = 0;

	if (*path == '\0')
		return 0;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return why(w, -errno, "open %s", path);
	if ((n = scandirat(dir, ".", &names, is_script, alphasort)) < 0)
		return why(w, -errno, "read %s", path);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = add_one(dir, path, names[i]->d_name, where, out, w);
		free(names[i]);
	}
	free(names);
	return r;
}

int
master_open_scripts(struct master *m, struct why *w)
{
	static const char *const keys[] = { "before", "after", "global" };
	AUTO_BUF struct buf b = BUF_INIT(MSG_MASTER_SCRIPTS_MAX);
	AUTO_CLOSE int fd = -1;
	int r;

	for (uint8_t i = 0; i < 3; i++)
		if ((r = add_directory(
			 conf_str(m->conf, "sieve", NULL, keys[i]),
			 (uint8_t)(i + 1), &b, w)) != 0)
			return r;
	fd = memfd_create("scripts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return why(w, -errno, "memfd_create");
	if ((r = fd_write(fd, buf_view(&b))) != 0)
		return why(w, r, "keep the scripts");
	if (fcntl(fd, F_ADD_SEALS,
		F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) != 0)
		return why(w, -errno, "seal the scripts");
	fd_close(&m->scripts_fd);
	m->scripts_fd = fd_take(&fd);
	return 0;
}
