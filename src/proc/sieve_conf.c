#include "proc/sieve_conf.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "proc/msg_master.h"
#include "proc/settings.h"

size_t
sieve_conf_disabled(
    const struct conf *c, struct view out[SIEVE_CONF_DISABLED_MAX])
{
	size_t n, i;
	const char *const *name = conf_list(c, "sieve", NULL, "disabled", &n);

	for (i = 0; i < n && i < SIEVE_CONF_DISABLED_MAX; i++)
		out[i] = view_str(name[i]);
	return i;
}

/* ---- IMAP events ---- */

bool
sieve_conf_imapsieve(const struct conf *c)
{
	struct view disabled[SIEVE_CONF_DISABLED_MAX];
	size_t n = sieve_conf_disabled(c, disabled);

	for (size_t i = 0; i < n; i++)
		if (view_eq(disabled[i], VIEW_LIT("imapsieve")))
			return false;
	return true;
}

/* The first ManageSieve listener; NULL: there is none. */
static const char *
sieve_listener(const struct conf *c)
{
	const char *name;

	for (size_t i = 0; (name = conf_name(c, "listener", i)) != NULL; i++)
		if (conf_enum(c, "listener", name, "protocol") ==
		    SETTINGS_SIEVE)
			return name;
	return NULL;
}

bool
sieve_conf_capability(
    const struct conf *c, char out[SIEVE_CONF_CAPABILITY_SIZE])
{
	const char *url = conf_str(c, "imapsieve", NULL, "url");
	const char *name = sieve_listener(c);
	char room[SETTINGS_HOST_SIZE];
	struct view host = settings_host(c, room);
	int n;

	if (!sieve_conf_imapsieve(c))
		return false;
	if (*url != '\0')
		n = snprintf(
		    out, SIEVE_CONF_CAPABILITY_SIZE, "IMAPSIEVE=%s", url);
	else if (name == NULL || settings_port(c, name) == 0)
		return false;
	else
		n = snprintf(out, SIEVE_CONF_CAPABILITY_SIZE,
		    "IMAPSIEVE=sieve://%.*s:%u", (int)host.n,
		    (const char *)host.p, settings_port(c, name));
	return n > 0 && n < SIEVE_CONF_CAPABILITY_SIZE;
}

/* ---- the administrator's scripts ---- */

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
	int r = fd == -1 ? -errno : fd_read_whole(fd, SCRIPT_MAX, &text);

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
sieve_conf_scripts(const struct conf *c, struct buf *out, struct why *w)
{
	static const struct {
		const char *section, *key;
	} of[] = { { "sieve", "before" }, { "sieve", "after" },
		{ "sieve", "global" }, { "imapsieve", "before" },
		{ "imapsieve", "after" } };
	int r = 0;

	for (uint8_t i = 0; i < sizeof(of) / sizeof(of[0]) && r == 0; i++)
		r = add_directory(conf_str(c, of[i].section, NULL, of[i].key),
		    (uint8_t)(i + 1), out, w);
	return r;
}
