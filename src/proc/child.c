#include "proc/child.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "proc/delivery.h"
#include "proc/msg_out.h"
#include "proc/msg_session.h"
#include "proc/peer.h"
#include "proc/pop3_conf.h"
#include "proc/settings.h"
#include "proc/sieve_conf.h"
#include "proc/submit.h"
#include "session/managesieve.h"
#include "session/session.h"
#include "store/account.h"

/*
 * The order matters. The directory is made by the forker's uid, opened by the
 * account's: so the kernel checks that it is the account's. All parsing of what
 * the hub says comes after the walls.
 */

/* An assertion that fails in a child would be written to a standard error that
 * leads nowhere. */
void
__assert_fail(const char *what, const char *file, unsigned line, const char *fn)
{
	struct log log;

	log_init(&log,
	    fcntl(SANDBOX_LOG_FD, F_GETFD) == -1 ? 2 : SANDBOX_LOG_FD,
	    LOG_STYLE_PLAIN, LOG_CRASHES, "ASSERT", 0);
	log_say(
	    &log, LOG_CRASHES, "assert", "%s:%u: %s: %s", file, line, fn, what);
	abort();
}

static const char *
module_of(uint8_t service)
{
	switch (service) {
	case MSG_SERVICE_POP3:
		return "POP3";
	case MSG_SERVICE_SIEVE:
		return "SIEVE";
	case MSG_SERVICE_DELIVERY:
		return "DELIVER";
	default:
		return "IMAP";
	}
}

static void
reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static int
make_one(int at, const char *name, mode_t mode, struct why *w)
{
	const mode_t mask = umask(0); /* the domain's is for others too */
	const bool made = mkdirat(at, name, mode) == 0;
	const int e = errno;

	(void)umask(mask);
	return made || e == EEXIST ? 0 : why(w, -e, "mkdir %s", name);
}

/* One that was made and then not given away (a crash) is still ours. */
static int
give_away(int at, const char *name, const struct msg_grant *g, struct why *w)
{
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return why(w, -errno, "stat %s", name);
	if (st.st_uid != geteuid() || g->uid == geteuid())
		return 0;
	if (fchownat(at, name, g->uid, g->gid, AT_SYMLINK_NOFOLLOW) != 0)
		return why(w, -errno, "chown %s", name);
	return 0;
}

/* accounts/<domain>/<user>, or accounts/<user>. *domain: open, or -1. */
static int
make_directory(const struct child *c, int *domain, struct why *w)
{
	const struct msg_grant *g = &c->grant->m;
	char path[MSG_GRANT_PATH_MAX + 1];
	char *slash;
	int r;

	memcpy(path, g->path.p, g->path.n);
	path[g->path.n] = '\0';
	if ((slash = strchr(path, '/')) == NULL) {
		if ((r = make_one(c->accounts, path, 0700, w)) != 0)
			return r;
		return c->setid ? give_away(c->accounts, path, g, w) : 0;
	}
	*slash = '\0';
	if ((r = make_one(c->accounts, path, 0711, w)) != 0)
		return r;
	*domain = openat(
	    c->accounts, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*domain == -1)
		return why(w, -errno, "open %s", path);
	if ((r = make_one(*domain, slash + 1, 0700, w)) != 0)
		return r;
	return c->setid ? give_away(*domain, slash + 1, g, w) : 0;
}

/* What will be acknowledged in a new account needs its names on the disk, also
 * when whoever made them died before this. */
static int
sync_names(const struct child *c, int domain, int dir, struct why *w)
{
	struct stat st;

	if (fstatat(dir, "log", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if ((domain != -1 && fsync(domain) != 0) || fsync(c->accounts) != 0)
		return why(w, -errno, "sync the names of a new account");
	return 0;
}

static int
open_directory(const struct child *c, int *out, struct why *w)
{
	const struct msg_grant *g = &c->grant->m;
	char path[MSG_GRANT_PATH_MAX + 1];

	memcpy(path, g->path.p, g->path.n);
	path[g->path.n] = '\0';
	*out = openat(
	    c->accounts, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *out >= 0 ? 0 : why(w, -errno, "open accounts/%s", path);
}

/* Exactly our descriptors, at their places: 0 to 2 are /dev/null. */
static int
arrange(const struct child *c, int dir, struct why *w)
{
	int from[] = { c->client, c->hub, dir, c->log };
	static const int to[] = { CHILD_FD_CLIENT, CHILD_FD_HUB, CHILD_FD_DIR,
		SANDBOX_LOG_FD };

	/* out of each other's way first */
	for (int i = 0; i < 4; i++)
		if ((from[i] = fcntl(from[i], F_DUPFD, 16)) == -1)
			return why(w, -errno, "descriptor");
	for (int i = 0; i < 4; i++)
		if (dup3(from[i], to[i], O_CLOEXEC) == -1)
			return why(w, -errno, "descriptor");
	if (dup2(0, 2) == -1 ||
	    syscall(SYS_close_range, CHILD_FD_DIR + 1, SANDBOX_LOG_FD - 1, 0) !=
		0 ||
	    syscall(SYS_close_range, SANDBOX_LOG_FD + 1, ~0u, 0) != 0)
		return why(w, -errno, "close_range");
	return fd_nonblock(CHILD_FD_CLIENT, true);
}

static int
put_up_walls(const struct child *c, struct why *w)
{
	struct sandbox_session s = { .filter = c->filter,
		.mode = c->mode,
		.dir = CHILD_FD_DIR,
		.memory = c->grant->m.memory_max };
	unsigned up;

	return sandbox_session(&s, &up, w);
}

/* Names of segments sort by age. True when name is a later one. */
static bool
is_later(const char *name, const char *than)
{
	size_t n = strlen(name);

	return n > 4 && n < 64 && strcmp(name + n - 4, ".seg") == 0 &&
	    strcmp(name, than) > 0;
}

static void
find_tail(int log, char tail[64])
{
	union {
		char bytes[4096];
		struct dirent64 align;
	} u;
	ssize_t n;

	tail[0] = '\0';
	while ((n = getdents64(log, u.bytes, sizeof(u.bytes))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(u.bytes + at);

			if (is_later(d->d_name, tail))
				memcpy(tail, d->d_name, strlen(d->d_name) + 1);
			at += d->d_reclen;
		}
}

/* Leave the hub a way to see that the log has grown, should a writer die
 * before it says so: a descriptor that can do nothing but fstat. */
static void
leave_watch(void)
{
	AUTO_CLOSE int log = openat(CHILD_FD_DIR, "log",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_CLOSE int tail = -1;
	AUTO_BUF struct buf b = BUF_INIT(MSG_TYPE_SIZE);
	char name[64];

	if (log == -1)
		return;
	find_tail(log, name);
	if (name[0] == '\0' ||
	    (tail = openat(log, name, O_PATH | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return;
	msg_session_watch_put(&b);
	(void)!fd_send(CHILD_FD_HUB, buf_view(&b), tail);
}

/* A message of the hub within ms, into p (MSG_MAX bytes); its length, or 0. *fd
 * is what came along, or -1. */
static size_t
message(uint8_t *p, int ms, int *fd)
{
	struct pollfd hub = { .fd = CHILD_FD_HUB, .events = POLLIN };
	ssize_t n;

	*fd = -1;
	if (poll(&hub, 1, ms) != 1)
		return 0;
	n = fd_recv(CHILD_FD_HUB, p, MSG_MAX, fd);
	return n > 0 ? (size_t)n : 0;
}

/* One client after the other, all of this account and service. */
struct runs {
	struct account_options options;
	struct account *account; /* open from the first one on */
	uint64_t session;        /* 0: any */
	int client;
};

/* host, capability: room for what comes of the settings. */
static struct session_events
events_of(const struct child *c, char host[SETTINGS_HOST_SIZE],
    char capability[SIEVE_CONF_CAPABILITY_SIZE])
{
	struct session_events e = { .host = settings_host(c->conf, host),
		.globals = c->globals,
		.users = sieve_conf_imapsieve(c->conf),
		.submit = submit_out };

	e.disabled =
	    conf_list(c->conf, "sieve", NULL, "disabled", &e.n_disabled);
	e.delimiters =
	    conf_str(c->conf, "delivery", NULL, "recipient-delimiter");
	if (sieve_conf_capability(c->conf, capability))
		e.capability = capability;
	return e;
}

static struct client_env
env_of(const struct child *c, struct log *log,
    const struct msg_session_start *m, struct view remote, struct runs *runs)
{
	return (struct client_env){ .in = runs->client,
		.out = runs->client,
		.hub = CHILD_FD_HUB,
		.dir = CHILD_FD_DIR,
		.create = true,
		.options = &runs->options,
		.kept = &runs->account,
		.first = CLIENT_LOGGED_IN,
		.unread = m->unread,
		.user = c->grant->m.account,
		.remote = remote,
		.cpu_s = c->grant->m.cpu_max_s,
		.log = log };
}

static int
run_imap(const struct child *c, struct log *log,
    const struct msg_session_start *m, struct view remote, struct runs *runs)
{
	char host[SETTINGS_HOST_SIZE], capability[SIEVE_CONF_CAPABILITY_SIZE];
	const struct session_events events = events_of(c, host, capability);
	struct session_env env = { .client = env_of(c, log, m, remote, runs),
		.tag = m->login.tag,
		.max_message = conf_num(c->conf, "store", NULL, "max-message"),
		.events = &events };

	env.client.idle_ms =
	    (unsigned)conf_num(c->conf, "session", NULL, "idle");
	return m->login.tag.n > 0 ? child_serve_imap(&env) : CHILD_NO_START;
}

static int
run_pop3(const struct child *c, struct log *log,
    const struct msg_session_start *m, struct view remote, struct runs *runs)
{
	struct client_env env = env_of(c, log, m, remote, runs);
	struct pop3_settings set = pop3_conf(c->conf);
	char host[SETTINGS_HOST_SIZE];
	const struct pop3_xmit xmit = { .host = settings_host(c->conf, host),
		.max_message = conf_num(c->conf, "store", NULL, "max-message"),
		.submit = settings_can_send(c->conf) ? submit_out : NULL };

	if (conf_bool(c->conf, "pop3", NULL, "xtnd-xmit"))
		set.xmit = &xmit;
	set.mechanisms = m->login.mechanisms;
	set.password = m->login.password;
	set.starttls = m->login.starttls;
	set.utf8 = m->login.utf8;
	if (m->login.language < POP3_LANGUAGES)
		set.language = (enum pop3_language)m->login.language;
	return child_serve_pop3(&env, &set);
}

static int
run_managesieve(const struct child *c, struct log *log,
    const struct msg_session_start *m, struct view remote, struct runs *runs)
{
	struct client_env env = env_of(c, log, m, remote, runs);
	struct view disabled[SIEVE_CONF_DISABLED_MAX];
	struct managesieve_settings set = {
		.max_script = conf_num(c->conf, "sieve", NULL, "max-script"),
		.max_scripts =
		    (uint32_t)conf_num(c->conf, "sieve", NULL, "max-scripts"),
		.disabled = disabled,
		.n_disabled = sieve_conf_disabled(c->conf, disabled),
		.mechanisms = m->login.mechanisms,
		.final = m->login.final,
	};

	env.idle_ms = (unsigned)conf_num(c->conf, "session", NULL, "idle");
	return child_serve_managesieve(&env, &set);
}

static int
run_session(
    const struct child *c, struct log *log, struct wire *in, struct runs *runs)
{
	struct msg_session_start m;
	char remote[NETADDR_TEXT_SIZE];

	if (wire_u32(in) != MSG_SESSION_START ||
	    !msg_session_start_get(in, &m) ||
	    (runs->session != 0 && m.session != runs->session))
		return CHILD_NO_START;
	log->session = m.session;
	netaddr_text(&m.client.remote, remote);
	switch (c->grant->m.service) {
	case MSG_SERVICE_IMAP:
		return run_imap(c, log, &m, view_str(remote), runs);
	case MSG_SERVICE_POP3:
		return run_pop3(c, log, &m, view_str(remote), runs);
	case MSG_SERVICE_SIEVE:
		return run_managesieve(c, log, &m, view_str(remote), runs);
	default:
		return CHILD_NO_START;
	}
}

/*
 * The session is over, nothing of it is left but the open account and the last
 * words on their way: say so, and wait for the next one. False: there will be
 * none.
 */
static bool
rest(uint8_t *p, struct wire *in, struct runs *runs)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_TYPE_SIZE);
	struct wire w;
	uint32_t type;

	msg_session_rest_put(&b);
	if (fd_send(CHILD_FD_HUB, buf_view(&b), -1) != 0)
		return false;
	fd_linger(
	    runs->client, CHILD_LINGER_MS, CHILD_LINGER_MAX, CHILD_FD_HUB);
	do {
		fd_close(&runs->client);
		*in = wire_read((struct view){
		    p, message(p, CHILD_REST_MS, &runs->client) });
		w = *in;
		type = wire_u32(&w);
		/* crossed our REST */
	} while (type == MSG_SESSION_CHANGED || type == MSG_OUT_SUBMITTED);
	if (type == MSG_SESSION_SHUTDOWN && runs->account != NULL)
		(void)!account_settle(runs->account);
	runs->session = 0;
	return type == MSG_SESSION_START && runs->client != -1 &&
	    fd_nonblock(runs->client, true) == 0;
}

static int
run_delivery(const struct child *c, struct log *log, struct wire *in)
{
	char host[SETTINGS_HOST_SIZE];
	struct account_options options = delivery_options(c->conf);
	struct delivery_env env = { .hub = CHILD_FD_HUB,
		.first = CHILD_FD_CLIENT,
		.dir = CHILD_FD_DIR,
		.account = c->grant->m.account,
		.options = &options,
		.globals = c->globals,
		.log = log };

	delivery_settings(&env, c->conf, host);
	return delivery_run(&env, in->in);
}

static int
serve_client(
    const struct child *c, struct log *log, uint8_t *p, struct wire *in)
{
	struct runs runs = { .session = c->session,
		.client = CHILD_FD_CLIENT,
		.options = delivery_options(c->conf) };
	int r;

	do
		r = run_session(c, log, in, &runs);
	while (r == CHILD_REST && rest(p, in, &runs));
	/* in any other case the gate has the client, and answers */
	if (r == CHILD_OK)
		fd_linger(runs.client, CHILD_LINGER_MS, CHILD_LINGER_MAX, -1);
	return r == CHILD_REST ? CHILD_OK : r;
}

static int
serve(const struct child *c, struct log *log)
{
	uint8_t p[MSG_MAX];
	AUTO_CLOSE int fd = -1;
	struct wire in =
	    wire_read((struct view){ p, message(p, CHILD_START_MS, &fd) });

	if (in.in.n == 0 || fd != -1)
		return CHILD_NO_START;
	leave_watch();
	if (c->grant->m.service == MSG_SERVICE_DELIVERY)
		return run_delivery(c, log, &in);
	return serve_client(c, log, p, &in);
}

static int
confine(const struct child *c, struct why *w)
{
	AUTO_CLOSE int domain = -1, dir = -1;

	if (make_directory(c, &domain, w) != 0)
		return CHILD_NO_ACCOUNT;
	if (c->setid && sandbox_setid(c->grant->m.uid, c->grant->m.gid, w) != 0)
		return CHILD_NO_WALLS;
	if (open_directory(c, &dir, w) != 0 ||
	    sync_names(c, domain, dir, w) != 0)
		return CHILD_NO_ACCOUNT;
	if (arrange(c, dir, w) != 0)
		return CHILD_NO_WALLS;
	domain = dir = -1; /* closed by arrange() */
	return put_up_walls(c, w) == 0 ? CHILD_OK : CHILD_NO_WALLS;
}

int
child_run(const struct child *c)
{
	struct log log;
	struct why w = { "" };
	int r;

	reset_signals();
	umask(077);
	(void)prctl(PR_SET_NAME,
	    c->grant->m.service == MSG_SERVICE_DELIVERY ? "fumi-delivery"
							: "fumi-session",
	    0, 0, 0);
	log_init(&log, c->log,
	    (enum log_style)conf_enum(c->conf, "server", NULL, "log-style"),
	    (enum log_level)conf_enum(c->conf, "server", NULL, "log-level"),
	    module_of(c->grant->m.service), c->session);
	if ((r = confine(c, &w)) != CHILD_OK) {
		log_why(&log, LOG_FAILURES, "confine", &w);
		return r;
	}
	log.fd = SANDBOX_LOG_FD;
	r = serve(c, &log);
	if (r == CHILD_NO_START)
		log_say(&log, LOG_FAILURES, "start", "the hub said nothing");
	return r;
}
