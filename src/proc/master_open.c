#include "proc/master.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/netaddr.h"
#include "proc/certificate.h"
#include "proc/settings.h"
#include "proc/start.h"
#include "proc/users.h"

/*
 * What must be opened with root's rights. Files are read as bytes and passed on;
 * nothing in them is parsed here but our own configuration.
 */

/* ---- configuration and log ---- */

int
master_open_conf(const char *path, struct conf **out, struct buf *errors)
{
	AUTO_CONF struct conf *c = conf_new(&settings_schema);
	bool good = path == NULL || conf_read_file(c, path);

	*out = NULL;
	good = conf_check(c) && good;
	good = settings_check(c) && good;
	if (!good) {
		conf_errors_put(c, errors);
		return -EINVAL;
	}
	*out = c;
	c = NULL;
	return 0;
}

int
master_open_log(struct master *m, struct why *w)
{
	const char *path = conf_str(m->conf, "server", NULL, "log");
	int fd;

	if (*path == '\0')
		fd = fcntl(2, F_DUPFD_CLOEXEC, 10);
	else
		fd = log_file_open(AT_FDCWD, path);
	if (fd < 0)
		return why(w, fd == -1 ? -errno : fd, "open log %s", path);
	fd_close(&m->log_fd);
	m->log_fd = fd;
	log_init(&m->log, fd,
	    (enum log_style)conf_enum(m->conf, "server", NULL, "log-style"),
	    (enum log_level)conf_enum(m->conf, "server", NULL, "log-level"),
	    "MASTER", 0);
	return 0;
}

/* ---- users ---- */

/* A setting, and the only name in it for which another user may stand in. */
static const struct role {
	const char *key, *name;
} roles[] = {
	{ "auth-user", "fumi-auth" },
	{ "gate-user", "fumi-gate" },
	{ "hub-user", "fumi-hub" },
	{ "forker-user", "fumi-forker" },
	{ "lmtp-user", "fumi-lmtp" },
	{ "out-user", "fumi-out" },
};

static int
user_of(struct master *m, const struct role *role, struct master_user *out,
    struct why *w)
{
	const char *name = conf_str(m->conf, "server", NULL, role->key);
	enum users_result r;

	if (!m->root) {
		*out = (struct master_user){ geteuid(), getegid() };
		return 0;
	}
	r = users_find(name, &out->uid, &out->gid);
	if (r == USERS_NONE ||
	    (r == USERS_STAND_IN && strcmp(name, role->name) != 0))
		return why(
		    w, -ENOENT, "there is no user %s (%s)", name, role->key);
	if (r == USERS_STAND_IN)
		log_say(&m->log, LOG_MAJOR, "user",
		    "there is no user %s; uid %u stands for it", name,
		    out->uid);
	if (out->uid == 0)
		return why(w, -EPERM, "%s must not be root", role->key);
	return 0;
}

int
master_open_users(struct master *m, struct why *w)
{
	struct master_user *users[] = { &m->auth_user, &m->gate_user,
		&m->hub_user, &m->forker_user, &m->lmtp_user, &m->out_user };
	int r;

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if ((r = user_of(m, &roles[i], users[i], w)) != 0)
			return r;
	return 0;
}

/* ---- directories ---- */

/* Make path, and those above it, if missing. */
static int
make_path(const char *path, mode_t mode, struct why *w)
{
	AUTO_FREE char *copy = xcalloc(1, strlen(path) + 1);

	memcpy(copy, path, strlen(path));
	for (char *p = copy + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) != 0 && errno != EEXIST)
			return why(w, -errno, "mkdir %s", copy);
		*p = '/';
	}
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return why(w, -errno, "mkdir %s", path);
	return 0;
}

/* Open it, and see that owner and mode are as they must be. */
static int
open_dir(const struct master *m, int at, const char *path,
    const struct master_user *owner, mode_t mode, int *out, struct why *w)
{
	AUTO_CLOSE int fd =
	    openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) != 0)
		return why(w, -errno, "open %s", path);
	if (m->root && owner != NULL &&
	    (st.st_uid != owner->uid || st.st_gid != owner->gid) &&
	    fchown(fd, owner->uid, owner->gid) != 0)
		return why(w, -errno, "chown %s", path);
	if (owner != NULL && (st.st_mode & 07777) != mode &&
	    fchmod(fd, mode) != 0)
		return why(w, -errno, "chmod %s", path);
	fd_close(out);
	*out = fd_take(&fd);
	return 0;
}

static int
make_below(const struct master *m, int at, const char *name,
    const struct master_user *owner, mode_t mode, int *out, struct why *w)
{
	if (mkdirat(at, name, mode) != 0 && errno != EEXIST)
		return why(w, -errno, "mkdir %s", name);
	return open_dir(m, at, name, owner, mode, out, w);
}

static int
open_auth_dir(struct master *m, int state, struct why *w)
{
	const char *path = conf_str(m->conf, "auth", NULL, "directory");
	int r;

	if (*path == '\0')
		return make_below(
		    m, state, "auth", &m->auth_user, 0700, &m->auth_dir, w);
	if ((r = make_path(path, 0700, w)) != 0)
		return r;
	return open_dir(
	    m, AT_FDCWD, path, &m->auth_user, 0700, &m->auth_dir, w);
}

int
master_open_dirs(struct master *m, struct why *w)
{
	const char *state = conf_str(m->conf, "server", NULL, "state-dir");
	const char *run = conf_str(m->conf, "server", NULL, "run-dir");
	AUTO_CLOSE int fd = -1;
	int r;

	if ((r = make_path(state, 0755, w)) != 0 ||
	    (r = make_path(run, 0755, w)) != 0 ||
	    (r = open_dir(m, AT_FDCWD, state, NULL, 0, &fd, w)) != 0 ||
	    (r = open_dir(m, AT_FDCWD, run, NULL, 0, &m->run_dir, w)) != 0 ||
	    (r = make_below(m, fd, "accounts", &m->forker_user, 0711,
		 &m->accounts_dir, w)) != 0 ||
	    (r = make_below(
		 m, fd, "out", &m->out_user, 0700, &m->out_dir, w)) != 0)
		return r;
	return open_auth_dir(m, fd, w);
}

int
master_open_pid(struct master *m, struct why *w)
{
	char text[32];
	/* never closed: the lock says that we are alive */
	int fd =
	    openat(m->run_dir, "fumi.pid", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (fd == -1)
		return why(w, -errno, "open fumi.pid");
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int e = errno == EWOULDBLOCK ? -EALREADY : -errno;

		close(fd);
		return why(w, e, "another server runs there (fumi.pid)");
	}
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return why(w, -errno, "write fumi.pid");
	return 0;
}

/* ---- listeners ---- */

static int
add_listener(struct master *m, int *fd, uint8_t kind, bool implicit,
    const char *name, struct why *w)
{
	struct master_listener *l = &m->listener[m->listeners];

	if (m->listeners == MASTER_LISTENERS_MAX)
		return why(w, -E2BIG, "too many listeners");
	*l = (struct master_listener){ .kind = kind, .implicit = implicit };
	(void)snprintf(l->name, sizeof(l->name), "%s", name);
	l->fd = fd_take(fd);
	m->listeners++;
	return 0;
}

static int
bind_tcp(const struct netaddr *a, uint16_t port, int *out, struct why *w)
{
	struct sockaddr_storage sa;
	socklen_t n = netaddr_to_sockaddr(a, port, &sa);
	AUTO_CLOSE int fd =
	    socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[NETADDR_TEXT_SIZE];
	int on = 1;

	netaddr_text(a, text);
	if (fd == -1)
		return why(w, -errno, "socket for %s", text);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa.ss_family == AF_INET6)
		(void)setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	/* inherited by what is accepted: answers are whole, do not wait */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, n) != 0)
		return why(w, -errno, "listen on %s port %u", text, port);
	if (listen(fd, SOMAXCONN) != 0)
		return why(w, -errno, "listen on %s port %u", text, port);
	*out = fd_take(&fd);
	return 0;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	struct netaddr a;
	uint16_t port = 0;

	if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0 ||
	    !netaddr_from_sockaddr((struct sockaddr *)&sa, n, &a, &port))
		return 0;
	return port;
}

/* One address of a section; *port 0 becomes the one that was free. */
static int
listen_on(struct master *m, const char *name, const char *address,
    uint16_t *port, uint8_t kind, bool implicit, struct why *w)
{
	AUTO_CLOSE int fd = -1;
	struct netaddr a;
	int r;

	if (!netaddr_parse(view_str(address), &a))
		return why(w, -EINVAL, "%s is no address", address);
	if ((r = bind_tcp(&a, *port, &fd, w)) != 0)
		return r;
	*port = port_of(fd);
	return add_listener(m, &fd, kind, implicit, name, w);
}

/* "*": IPv6 may be missing, IPv4 too, but not both. */
static int
listen_all(struct master *m, const char *name, uint16_t *port, uint8_t kind,
    bool implicit, struct why *w)
{
	int r4 = listen_on(m, name, "0.0.0.0", port, kind, implicit, w);
	int r6 = listen_on(m, name, "::", port, kind, implicit, w);

	if (r6 == 0)
		return 0;
	return r4 == 0 && (r6 == -EAFNOSUPPORT || r6 == -EADDRNOTAVAIL) ? 0
									: r6;
}

static bool
is_given(const struct master *m, const char *name)
{
	for (size_t i = 0; i < m->listeners; i++)
		if (strcmp(m->listener[i].name, name) == 0)
			return true;
	return false;
}

/* What is spoken there. */
static uint8_t
kind_of(const struct master *m, const char *name)
{
	static const uint8_t kinds[] = { [SETTINGS_IMAP] = MSG_LISTENER_IMAP,
		[SETTINGS_POP3] = MSG_LISTENER_POP3,
		[SETTINGS_SIEVE] = MSG_LISTENER_SIEVE,
		[SETTINGS_LMTP] = MSG_LISTENER_LMTP };

	return kinds[conf_enum(m->conf, "listener", name, "protocol")];
}

/* A socket file, in place of an older one. Who may use it is asked when somebody
 * does. */
static int
listen_file(struct master *m, const char *name, uint8_t kind, struct why *w)
{
	const char *path = conf_str(m->conf, "listener", name, "path");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd == -1)
		return why(w, -errno, "socket %s", path);
	if (strlen(path) >= sizeof(sa.sun_path))
		return why(w, -ENAMETOOLONG, "listen on %s", path);
	memcpy(sa.sun_path, path, strlen(path));
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    chmod(path, 0666) != 0 || listen(fd, SOMAXCONN) != 0)
		return why(w, -errno, "listen on %s", path);
	return add_listener(m, &fd, kind, false, name, w);
}

static int
listen_section(struct master *m, const char *name, struct why *w)
{
	bool implicit = conf_enum(m->conf, "listener", name, "tls") ==
	    SETTINGS_TLS_IMPLICIT;
	uint16_t port = settings_port(m->conf, name);
	uint8_t kind = kind_of(m, name);
	const char *const *a;
	size_t n;
	int r = 0;

	if (is_given(m, name)) /* by systemd */
		return 0;
	if (*conf_str(m->conf, "listener", name, "path") != '\0')
		return listen_file(m, name, kind, w);
	a = conf_list(m->conf, "listener", name, "address", &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = strcmp(a[i], "*") == 0
		    ? listen_all(m, name, &port, kind, implicit, w)
		    : listen_on(m, name, a[i], &port, kind, implicit, w);
	return r;
}

static int
listen_default(struct master *m, struct why *w)
{
	uint16_t imap = 143, imaps = 993;
	int r;

	if (is_given(m, "imap") || is_given(m, "imaps"))
		return 0;
	if ((r = listen_all(m, "imap", &imap, MSG_LISTENER_IMAP, false, w)) !=
	    0)
		return r;
	return *conf_str(m->conf, "tls", NULL, "certificate") == '\0'
	    ? 0
	    : listen_all(m, "imaps", &imaps, MSG_LISTENER_IMAP, true, w);
}

/* What a socket of systemd is for, when there is no section of its name. */
static const struct usual {
	const char *name;
	uint8_t kind;
	bool implicit;
} usuals[] = {
	{ "imap", MSG_LISTENER_IMAP, false },
	{ "imaps", MSG_LISTENER_IMAP, true },
	{ "pop3", MSG_LISTENER_POP3, false },
	{ "pop3s", MSG_LISTENER_POP3, true },
	{ "sieve", MSG_LISTENER_SIEVE, false },
	{ "lmtp", MSG_LISTENER_LMTP, false },
};

static struct usual
usual_of(const struct master *m, const char *name)
{
	struct usual u = usuals[0];

	for (size_t i = 0; i < sizeof(usuals) / sizeof(usuals[0]); i++)
		if (strcmp(usuals[i].name, name) == 0)
			u = usuals[i];
	for (size_t i = 0; conf_name(m->conf, "listener", i) != NULL; i++)
		if (strcmp(conf_name(m->conf, "listener", i), name) == 0) {
			u.kind = kind_of(m, name);
			u.implicit = conf_enum(m->conf, "listener", name,
					 "tls") == SETTINGS_TLS_IMPLICIT;
		}
	return u;
}

/* Sockets of systemd are named after the section they stand for. */
static int
listen_systemd(struct master *m, struct why *w)
{
	struct sdnotify_fd given[SDNOTIFY_FDS_MAX];
	int n = sdnotify_listen_fds(given, SDNOTIFY_FDS_MAX), r;

	if (n < 0)
		return why(w, n, "sockets of the service manager");
	for (int i = 0; i < n; i++) {
		const char *name =
		    given[i].name[0] != '\0' ? given[i].name : "imap";
		struct usual u = usual_of(m, name);

		if ((r = fd_nonblock(given[i].fd, true)) != 0 ||
		    (r = add_listener(
			 m, &given[i].fd, u.kind, u.implicit, name, w)) != 0)
			return r;
	}
	return 0;
}

/* A socket in the run directory, in place of an older one. */
static int
listen_unix(struct master *m, const char *name, uint8_t kind, mode_t mode,
    const struct master_user *owner, struct why *w)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return why(w, -errno, "socket %s", name);
	/* by the descriptor, since the path may be longer than sun_path */
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s",
	    m->run_dir, name);
	(void)unlinkat(m->run_dir, name, 0);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    fchmodat(m->run_dir, name, mode, 0) != 0 ||
	    (m->root &&
		fchownat(m->run_dir, name, owner->uid, owner->gid, 0) != 0) ||
	    listen(fd, 128) != 0)
		return why(w, -errno, "listen on %s", name);
	return add_listener(m, &fd, kind, false, name, w);
}

/* What was bound, for those who asked for any free port: run/listeners. */
static int
write_listeners(struct master *m, struct why *w)
{
	AUTO_CLOSE int fd = openat(m->run_dir, "listeners.new",
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	AUTO_BUF struct buf b;
	int r;

	buf_init(&b, 65536);
	master_put_listeners(m, &b);
	buf_put_byte(&b, '\n');
	if (fd == -1)
		return why(w, -errno, "open listeners.new");
	if ((r = fd_write(fd, buf_view(&b))) != 0)
		return why(w, r, "write listeners.new");
	if (renameat(m->run_dir, "listeners.new", m->run_dir, "listeners") != 0)
		return why(w, -errno, "rename listeners");
	return 0;
}

int
master_open_listeners(struct master *m, struct why *w)
{
	static const struct master_user root = { 0, 0 };
	const char *name;
	int r;

	if ((r = listen_systemd(m, w)) != 0)
		return r;
	for (size_t i = 0; (name = conf_name(m->conf, "listener", i)) != NULL;
	     i++)
		if ((r = listen_section(m, name, w)) != 0)
			return r;
	if (conf_name(m->conf, "listener", 0) == NULL &&
	    (r = listen_default(m, w)) != 0)
		return r;
	if ((r = listen_unix(m, "fumi.sock", MSG_LISTENER_CONTROL, 0666,
		 &m->hub_user, w)) != 0 ||
	    (r = listen_unix(
		 m, "auth.sock", MSG_LISTENER_ADMIN, 0600, &root, w)) != 0)
		return r;
	return write_listeners(m, w);
}

static void
put_listener(const struct master_listener *l, struct buf *out)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	char text[NETADDR_TEXT_SIZE];
	struct netaddr a;
	uint16_t port;

	if (getsockname(l->fd, (struct sockaddr *)&sa, &n) != 0 ||
	    !netaddr_from_sockaddr((struct sockaddr *)&sa, n, &a, &port))
		return;
	netaddr_text(&a, text);
	if (out->n > 0)
		buf_put_byte(out, ' ');
	buf_printf(out, netaddr_is_4(&a) ? "%s=%s:%u" : "%s=[%s]:%u", l->name,
	    text, port);
}

void
master_put_listeners(const struct master *m, struct buf *out)
{
	for (size_t i = 0; i < m->listeners; i++)
		if (m->listener[i].kind < MSG_LISTENER_CONTROL)
			put_listener(&m->listener[i], out);
}

/* ---- certificates ---- */

_Static_assert(CERTIFICATE_TEXT_MAX <= MSG_CERTIFICATE_SIZE_MAX,
    "a certificate's text fits what gates take");

/* One text in a sealed file in memory. */
static int
keep_certificate(struct view text, int *out, struct why *w)
{
	AUTO_CLOSE int fd =
	    memfd_create("certificate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd == -1)
		return why(w, -errno, "memfd_create");
	if ((r = fd_write(fd, text)) != 0)
		return why(w, r, "keep a certificate");
	if (fcntl(fd, F_ADD_SEALS,
		F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) != 0)
		return why(w, -errno, "seal a certificate");
	*out = fd_take(&fd);
	return 0;
}

static int
read_certificate(const struct certificate_files *f, int *out, struct why *w)
{
	AUTO_BUF struct buf text = BUF_INIT(CERTIFICATE_TEXT_MAX);
	int r = certificate_read(f, &text, w);

	if (r == 0)
		r = keep_certificate(buf_view(&text), out, w);
	if (text.p != NULL)
		explicit_bzero(text.p, text.n);
	return r;
}

void
master_certificates_free(struct master_certificates *c)
{
	while (c->n > 0)
		fd_close(&c->fd[--c->n]);
}

int
master_open_certificates(
    const struct master *m, struct master_certificates *out, struct why *w)
{
	struct certificate_files f;

	master_certificates_free(out);
	while (certificate_files(m->conf, out->n, &f)) {
		int r = out->n == MSG_CERTIFICATES_MAX
		    ? why(w, -E2BIG, "too many certificates")
		    : read_certificate(&f, &out->fd[out->n], w);

		if (r != 0) {
			master_certificates_free(out);
			return r;
		}
		out->n++;
	}
	return 0;
}
