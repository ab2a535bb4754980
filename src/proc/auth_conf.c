#include "proc/auth_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "proc/settings.h"
#include "proc/users.h"

const char *
auth_conf_dir(const struct conf *c, struct buf *out)
{
	const char *dir = conf_str(c, "auth", NULL, "directory");

	buf_clear(out);
	if (*dir != '\0') {
		buf_put_str(out, dir);
	} else {
		buf_put_str(out, conf_str(c, "server", NULL, "state-dir"));
		buf_put_str(out, "/auth");
	}
	buf_put_byte(out, '\0');
	return out->failed ? "" : (const char *)out->p;
}

bool
auth_conf_local(
    const struct conf *c, const struct name *name, uint32_t *uid, uint32_t *gid)
{
	const struct passwd *pw;

	if (conf_enum(c, "store", NULL, "uid") != SETTINGS_UID_LOCAL ||
	    name->domain || (pw = getpwnam(name->text)) == NULL)
		return false;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return true;
}

bool
auth_conf_one_owner(
    const struct conf *c, uint32_t *uid, uint32_t *gid, const char **why)
{
	size_t rule = conf_enum(c, "store", NULL, "uid");
	const char *user = NULL;

	*why = NULL;
	if (rule == SETTINGS_UID_VMAIL)
		user = conf_str(c, "store", NULL, "vmail-user");
	else if (rule == SETTINGS_UID_SERVER)
		user = conf_str(c, "server", NULL, "forker-user");
	if (user == NULL)
		return false;
	if (users_find(user, uid, gid) != USERS_NONE)
		return true;
	*why = user;
	return false;
}

static int
make(const char *path, mode_t mode, bool *made, struct why *w)
{
	*made = mkdir(path, mode) == 0;
	if (!*made && errno != EEXIST)
		return why(w, -errno, "make %s", path);
	/* whatever the umask has left */
	if (*made && chmod(path, mode) != 0)
		return why(w, -errno, "mode of %s", path);
	return 0;
}

int
auth_conf_make_dir(const struct conf *c, struct why *w)
{
	const char *user = conf_str(c, "server", NULL, "auth-user");
	AUTO_BUF struct buf b = BUF_INIT(CONF_LINE_MAX);
	const char *dir = auth_conf_dir(c, &b);
	uint32_t uid, gid;
	bool made;
	int r;

	r = make(conf_str(c, "server", NULL, "state-dir"), 0755, &made, w);
	if (r != 0 || (r = make(dir, 0700, &made, w)) != 0)
		return r;
	if (!made || geteuid() != 0)
		return 0;
	if (users_find(user, &uid, &gid) == USERS_NONE)
		return why(w, -ENOENT, "there is no user %s", user);
	if (chown(dir, uid, gid) != 0)
		return why(w, -errno, "owner of %s", dir);
	return 0;
}
