#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auth/directory.h"
#include "auth/name.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/why.h"
#include "proc/auth_conf.h"
#include "proc/delivery.h"
#include "proc/users.h"

#define PROGRESS_MS 100
#define BAR_WIDTH 30
#define PATH_BYTES 4096

int
cli_fail(int status, const char *command, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "fumi %s: ", command);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return status;
}

int
cli_usage(const char *text)
{
	(void)fprintf(stderr, "usage: fumi %s\n", text);
	return EX_USAGE;
}

/* ---- results of the store ---- */

const char *
cli_store_text(const struct account *a, int r)
{
	switch (r) {
	case STORE_OK:
		return "done";
	case STORE_NOT_FOUND:
		return "it is not there";
	case STORE_EXISTS:
		return "it is there already";
	case STORE_BAD_NAME:
		return "that is no name for a mailbox";
	case STORE_NOSELECT:
		return "it is only a place in the hierarchy";
	case STORE_HAS_CHILDREN:
		return "other mailboxes are below it";
	case STORE_LIMIT:
		return "it is too large, or there are too many";
	case STORE_LOCKED:
		return "the account is locked by another process";
	case STORE_FULL:
		return "the disk or the quota is full";
	case STORE_DAMAGED:
		return "the account's log is damaged; see fumi verify";
	case STORE_PERM:
		return "that cannot be done with this mailbox";
	}
	return a != NULL && *account_why(a) != '\0' ? account_why(a)
						    : strerror(-r);
}

int
cli_store_status(int r)
{
	switch (r) {
	case STORE_OK:
		return EX_OK;
	case STORE_LOCKED:
	case STORE_FULL:
		return EX_TEMPFAIL;
	case STORE_NOT_FOUND:
	case STORE_EXISTS:
	case STORE_BAD_NAME:
	case STORE_NOSELECT:
	case STORE_HAS_CHILDREN:
	case STORE_LIMIT:
	case STORE_DAMAGED:
	case STORE_PERM:
		return EX_DATAERR;
	}
	return r == -EACCES || r == -EPERM ? EX_NOPERM : EX_IOERR;
}

/* ---- the account's directory ---- */

/* The directory of accounts, which is its owner's; negative errno. */
static int
open_auth(const struct conf *conf, struct why *w)
{
	const char *path = conf_str(conf, "auth", NULL, "directory");
	char own[PATH_BYTES];
	int fd;

	if (*path == '\0') {
		(void)snprintf(own, sizeof(own), "%s/auth",
		    conf_str(conf, "server", NULL, "state-dir"));
		path = own;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd == -1 ? why(w, -errno, "%s", path) : fd;
}

/* Look the account up as that owner, since what SQLite leaves beside the
 * database must be its too. */
static enum directory_result
look_up(int fd, const char *name, struct directory_account *out, struct why *w)
{
	enum directory_result r = DIRECTORY_FAILED;
	struct directory *d = NULL;
	struct stat st;
	const uid_t was = geteuid();
	const gid_t was_gid = getegid();

	if (fstat(fd, &st) != 0 ||
	    (was == 0 &&
		(setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0))) {
		(void)why(w, -errno, "become the owner of the accounts");
		return r;
	}
	if (directory_open_at(&d, fd, w) == 0)
		r = directory_find(d, view_str(name), out, w);
	explicit_bzero(&out->secret, sizeof(out->secret));
	directory_close(&d);
	if (was == 0 && (seteuid(was) != 0 || setegid(was_gid) != 0)) {
		(void)why(w, -errno, "become root again");
		r = DIRECTORY_FAILED;
	}
	return r;
}

static int
find(const struct conf *conf, const char *command, const char *name,
    struct directory_account *out)
{
	struct why w = { "" };
	AUTO_CLOSE int fd = open_auth(conf, &w);
	enum directory_result r;

	if (fd < 0)
		return cli_fail(fd == -ENOENT ? EX_NOUSER : EX_NOPERM, command,
		    "%s", w.text);
	if ((r = look_up(fd, name, out, &w)) == DIRECTORY_OK)
		return EX_OK;
	return cli_fail(r == DIRECTORY_FAILED ? EX_IOERR : EX_NOUSER, command,
	    "%s: %s", name, r == DIRECTORY_FAILED ? w.text : directory_text(r));
}

/* What is known of an account whose mail is there. Where the directory of
 * accounts may not be read, or has no such account, that is nothing. */
static void
find_quietly(
    const struct conf *conf, const char *name, struct directory_account *out)
{
	struct why w = { "" };
	AUTO_CLOSE int fd = open_auth(conf, &w);

	if (fd < 0 || faccessat(fd, DIRECTORY_FILE, F_OK, 0) != 0 ||
	    look_up(fd, name, out, &w) != DIRECTORY_OK)
		*out = (struct directory_account){ 0 };
}

static int
make_one(const char *command, int at, const char *name, mode_t mode, uid_t uid,
    gid_t gid, int *out)
{
	AUTO_CLOSE int fd = -1;
	const bool made = mkdirat(at, name, mode) == 0;

	if (!made && errno != EEXIST)
		return cli_fail(EX_CANTCREAT, command, "mkdir %s: %s", name,
		    strerror(errno));
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return cli_fail(
		    EX_NOPERM, command, "open %s: %s", name, strerror(errno));
	if (made && fchmod(fd, mode) != 0)
		return cli_fail(EX_CANTCREAT, command, "chmod %s: %s", name,
		    strerror(errno));
	if (made && geteuid() == 0 && fchown(fd, uid, gid) != 0)
		return cli_fail(EX_CANTCREAT, command, "chown %s: %s", name,
		    strerror(errno));
	if (made && at != AT_FDCWD && fsync(at) != 0)
		return cli_fail(EX_IOERR, command, "sync above %s: %s", name,
		    strerror(errno));
	*out = fd_take(&fd);
	return EX_OK;
}

/* accounts/<domain>/<user> with the owners that the server would give them. */
static int
make_directory(const char *command, int accounts, const char *path,
    const struct directory_account *who, int *out)
{
	AUTO_CLOSE int domain = -1;
	const char *slash = strchr(path, '/');
	char first[NAME_PATH_MAX + 1];
	struct stat st;
	int r;

	if (fstat(accounts, &st) != 0)
		return cli_fail(
		    EX_IOERR, command, "stat accounts: %s", strerror(errno));
	if (slash == NULL)
		return make_one(
		    command, accounts, path, 0700, who->uid, who->gid, out);
	(void)snprintf(first, sizeof(first), "%.*s", (int)(slash - path), path);
	r = make_one(
	    command, accounts, first, 0711, st.st_uid, st.st_gid, &domain);
	if (r != EX_OK)
		return r;
	return make_one(
	    command, domain, slash + 1, 0700, who->uid, who->gid, out);
}

/* The directory of all accounts, the forker's, as the server would make it. */
static int
make_accounts(const struct conf *conf, const char *command, const char *path)
{
	const char *user = conf_str(conf, "server", NULL, "forker-user");
	uint32_t uid, gid;
	int fd = -1;

	if (users_find(user, &uid, &gid) == USERS_NONE)
		return cli_fail(
		    EX_CONFIG, command, "there is no user %s", user);
	if (make_one(command, AT_FDCWD, path, 0711, uid, gid, &fd) != EX_OK)
		return EX_CANTCREAT;
	fd_close(&fd);
	return EX_OK;
}

static int
open_accounts(
    const struct conf *conf, const char *command, bool create, int *out)
{
	char path[PATH_BYTES];
	int r;

	(void)snprintf(path, sizeof(path), "%s/accounts",
	    conf_str(conf, "server", NULL, "state-dir"));
	*out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*out == -1 && errno == ENOENT && create) {
		if ((r = make_accounts(conf, command, path)) != EX_OK)
			return r;
		*out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	/* users may pass through it to their own, not list it */
	if (*out == -1 && errno == EACCES)
		*out = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*out == -1)
		return cli_fail(errno == EACCES ? EX_NOPERM : EX_NOINPUT,
		    command, "%s: %s", path, strerror(errno));
	return EX_OK;
}

/* The directory of the mail; *missing when there is none yet. */
static int
open_directory(const char *command, int accounts, const char *path, int *out)
{
	*out = openat(
	    accounts, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*out != -1)
		return EX_OK;
	if (errno == ENOENT)
		return EX_NOUSER;
	return cli_fail(
	    EX_NOPERM, command, "accounts/%s: %s", path, strerror(errno));
}

/* Of all capabilities just this one, in force. */
static int
keep_capability(unsigned cap)
{
	struct __user_cap_header_struct h = { .version =
						  _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { .effective = 1u << cap,
	    .permitted = 1u << cap } };

	return syscall(SYS_capset, &h, d) == 0 ? 0 : -errno;
}

int
cli_become_owner(const char *command, int dir, unsigned how)
{
	const bool keep = (how & (CLI_READ_ALL | CLI_WRITE_ALL)) != 0;
	struct stat st;

	if (fstat(dir, &st) != 0)
		return cli_fail(EX_IOERR, command, "stat: %s", strerror(errno));
	if (geteuid() == st.st_uid)
		return EX_OK;
	if (geteuid() != 0)
		return cli_fail(EX_NOPERM, command,
		    "the mail belongs to uid %u; only that user or root may "
		    "touch it",
		    (unsigned)st.st_uid);
	if ((keep && prctl(PR_SET_KEEPCAPS, 1) != 0) ||
	    setgroups(0, NULL) != 0 ||
	    setresgid(st.st_gid, st.st_gid, st.st_gid) != 0 ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid) != 0 ||
	    (keep &&
		keep_capability((how & CLI_WRITE_ALL) != 0
			? CAP_DAC_OVERRIDE
			: CAP_DAC_READ_SEARCH) != 0))
		return cli_fail(EX_OSERR, command, "cannot become uid %u: %s",
		    (unsigned)st.st_uid, strerror(errno));
	return EX_OK;
}

/* Names that are not on the disk yet are synced, whoever made them: what is
 * stored below shall not be without its directory. */
static int
sync_names(const char *command, int dir)
{
	struct stat st;

	if (fstatat(dir, "log", &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    syncfs(dir) == 0)
		return EX_OK;
	return cli_fail(EX_IOERR, command, "sync: %s", strerror(errno));
}

/* One that has no mail yet, or an alias of one that may have. */
static int
find_new(const struct conf *conf, const char *command, const char *name,
    int accounts, struct directory_account *who, int *dir)
{
	const char *missing;
	int r = find(conf, command, name, who);

	if (r != EX_OK)
		return r;
	if (!auth_conf_one_owner(conf, &who->uid, &who->gid, &missing) &&
	    missing != NULL)
		return cli_fail(
		    EX_CONFIG, command, "there is no user %s", missing);
	r = open_directory(command, accounts, who->path, dir);
	return r == EX_NOUSER
	    ? make_directory(command, accounts, who->path, who, dir)
	    : r;
}

int
cli_account_find(const struct conf *conf, const char *command, const char *name,
    unsigned how, struct cli_account *out)
{
	const bool create = (how & CLI_CREATE) != 0;
	AUTO_CLOSE int accounts = -1;
	struct directory_account who = { 0 };
	char path[NAME_PATH_MAX + 1];
	struct name n;
	int r;

	*out = (struct cli_account){ .dir = -1 };
	if (!name_parse(view_str(name), &n))
		return cli_fail(
		    EX_NOUSER, command, "%s: that is no account's name", name);
	name_path(&n, path);
	if ((r = open_accounts(conf, command, create, &accounts)) != EX_OK)
		return r;
	r = open_directory(command, accounts, path, &out->dir);
	if (r == EX_NOUSER && create)
		r = find_new(conf, command, name, accounts, &who, &out->dir);
	else if (r == EX_NOUSER && (how & CLI_LOOK) != 0)
		r = find(conf, command, name, &who);
	else if (r == EX_NOUSER)
		(void)cli_fail(r, command, "%s has no mail here", name);
	else if (r == EX_OK && create)
		find_quietly(conf, n.text, &who);
	if (r == EX_OK && create)
		r = sync_names(command, out->dir);
	(void)snprintf(out->name, sizeof(out->name), "%s",
	    who.id != 0 ? who.name : n.text);
	out->disabled = who.disabled;
	if (r != EX_OK)
		fd_close(&out->dir);
	return r;
}

int
cli_account_open(const struct conf *conf, const char *command, const char *name,
    unsigned how, const struct account_options *o, int *dir,
    struct account **out)
{
	const struct account_options usual = delivery_options(conf);
	struct cli_account found;
	struct why w = { "" };
	int r = cli_account_find(conf, command, name, how, &found);

	*dir = found.dir;
	*out = NULL;
	if (r == EX_OK && found.dir == -1)
		return r; /* CLI_LOOK */
	if (r != EX_OK || (r = cli_become_owner(command, *dir, how)) != EX_OK)
		return r;
	r = account_open(
	    *dir, (how & CLI_CREATE) != 0, o != NULL ? o : &usual, out, &w);
	if (r == 0)
		return EX_OK;
	return cli_fail(cli_store_status(r), command, "%s: %s%s%s", name,
	    cli_store_text(NULL, r), w.text[0] != '\0' ? ": " : "", w.text);
}

/* ---- progress ---- */

void
cli_progress(const char *what, uint64_t done, uint64_t total, bool end)
{
	static uint64_t last;
	uint64_t now = clock_mono_ms();
	int filled;

	if (!isatty(STDERR_FILENO) || (!end && now - last < PROGRESS_MS))
		return;
	last = now;
	if (total == 0) {
		(void)fprintf(
		    stderr, "\r%s: %llu", what, (unsigned long long)done);
	} else {
		filled = (int)(done * BAR_WIDTH / total);
		(void)fprintf(stderr, "\r%s: [%.*s%.*s] %llu of %llu", what,
		    filled, "##############################",
		    BAR_WIDTH - filled, "..............................",
		    (unsigned long long)done, (unsigned long long)total);
	}
	if (end)
		(void)fputc('\n', stderr);
}
