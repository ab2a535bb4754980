#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "proc/master.h"
#include "proc/start.h"

/*
 * Starting, connecting, restarting and ending the processes. A new process gets
 * a fresh socket to each partner that runs; the partner gets the other end and
 * lets go of the old one.
 */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Who talks to whom. */
static const struct {
	enum msg_process a, b;
} pairs[] = {
	{ MSG_PROCESS_GATE, MSG_PROCESS_AUTH },
	{ MSG_PROCESS_GATE, MSG_PROCESS_HUB },
	{ MSG_PROCESS_AUTH, MSG_PROCESS_HUB },
	{ MSG_PROCESS_AUTH, MSG_PROCESS_FORKER },
	{ MSG_PROCESS_HUB, MSG_PROCESS_FORKER },
	{ MSG_PROCESS_LMTP, MSG_PROCESS_AUTH },
	{ MSG_PROCESS_LMTP, MSG_PROCESS_HUB },
	{ MSG_PROCESS_OUT, MSG_PROCESS_HUB },
};

/* ---- what children say ---- */

static void reload_late(struct master_child *c);

static bool
on_ready(void *ctx, struct wire *w, int *fd)
{
	struct master_child *c = ctx;

	(void)fd;
	if (!wire_end(w) || c->ready)
		return false;
	c->ready = true;
	if (c->generation != c->m->generation)
		reload_late(c);
	master_child_ready(c->m);
	return true;
}

static bool
on_certified(void *ctx, struct wire *w, int *fd)
{
	struct master_child *c = ctx;
	struct msg_master_certified m;

	(void)fd;
	if (!msg_master_certified_get(w, &m) || c->process != MSG_PROCESS_GATE)
		return false;
	master_certified(c->m, &m);
	return true;
}

static bool
on_settled(void *ctx, struct wire *w, int *fd)
{
	(void)ctx;
	(void)fd;
	return wire_end(w);
}

static const struct peer_rule rules[] = {
	{ MSG_MASTER_READY, 1, 0, PEER_NO_FD, on_ready },
	{ MSG_MASTER_SETTLED, 1, 0, PEER_NO_FD, on_settled },
	{ MSG_MASTER_CERTIFIED, 1, MSG_MASTER_CERTIFIED_MAX, PEER_NO_FD,
	    on_certified },
};

static void
kill_child(void *ctx)
{
	struct master_child *c = ctx;

	if (c->pid > 0)
		(void)kill(c->pid, SIGKILL);
}

/* It is ending, or will be made to. */
static void
child_lost(void *ctx, const char *why)
{
	struct master_child *c = ctx;

	if (strcmp(why, "closed") != 0)
		log_say(&c->m->log, LOG_FAILURES, "child", "%s: %s",
		    msg_process_name(c->process), why);
	loop_timer_set(c->m->loop, &c->timer, MASTER_LINGER_MS, kill_child, c);
}

/* ---- in the child, before exec ---- */

static int
raise_ambient(const int *caps, size_t n)
{
	struct __user_cap_header_struct h = { .version =
						  _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	for (size_t i = 0; i < n; i++)
		d[0].effective |= 1u << caps[i];
	d[0].permitted = d[0].inheritable = d[0].effective;
	if (syscall(SYS_capset, &h, d) != 0)
		return -errno;
	for (size_t i = 0; i < n; i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, caps[i], 0,
			0) != 0)
			return -errno;
	return 0;
}

/* Everything else is gone for good, also over exec. */
static void
drop_bounds(const int *caps, size_t n)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		bool keep = false;

		for (size_t i = 0; i < n; i++)
			keep |= caps[i] == cap;
		if (!keep)
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	}
}

/* The uid of its own; the forker keeps what it starts children with. */
static int
become(const struct master_child *c)
{
	static const int forker[] = { CAP_SETUID, CAP_SETGID, CAP_CHOWN,
		CAP_KILL };
	size_t n = c->process == MSG_PROCESS_FORKER ? COUNT(forker) : 0;

	if (!c->m->root)
		return 0;
	drop_bounds(forker, n);
	if (n > 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return -errno;
	if (setgroups(0, NULL) != 0 ||
	    setresgid(c->user.gid, c->user.gid, c->user.gid) != 0 ||
	    setresuid(c->user.uid, c->user.uid, c->user.uid) != 0)
		return -errno;
	return n > 0 ? raise_ambient(forker, n) : 0;
}

static void
raise_files(void)
{
	struct rlimit l = { 1 << 20, 1 << 20 };

	if (setrlimit(RLIMIT_NOFILE, &l) == 0 ||
	    getrlimit(RLIMIT_NOFILE, &l) != 0)
		return;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

/* Nothing of the caller's environment but what is known to be harmless. */
static size_t
environment(char **out, size_t max)
{
	static const char *const kept[] = { "TZ=", "FUMI_BOOT_ID=",
		"FUMI_CLOCK=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
		"LSAN_OPTIONS=" };
	size_t n = 0;

	for (char **e = environ; *e != NULL; e++)
		for (size_t i = 0; i < COUNT(kept) && n + 1 < max; i++)
			if (strncmp(*e, kept[i], strlen(kept[i])) == 0)
				out[n++] = *e;
	out[n] = NULL;
	return n;
}

#define PROGRAM_FD (START_FD_LOG + 1) /* until it runs */

static int
place(int *from, const int *to, size_t n)
{
	for (size_t i = 0; i < n; i++) /* out of each other's way */
		if ((from[i] = fcntl(from[i], F_DUPFD, 100)) == -1)
			return -errno;
	for (size_t i = 0; i < n; i++)
		if (dup2(from[i], to[i]) == -1)
			return -errno;
	if (syscall(SYS_close_range, PROGRAM_FD + 1, ~0u, 0) != 0)
		return -errno;
	return 0;
}

static A_NORETURN void
run(const struct master_child *c, int sock, int conf)
{
	/* words of libraries go to the log: whoever started a daemon may wait
	 * for the end of what it writes */
	int from[] = { c->m->null_fd, c->m->null_fd, c->m->log_fd, sock, conf,
		c->m->log_fd, -1 };
	static const int to[] = { 0, 1, 2, START_FD_MASTER, START_FD_CONFIG,
		START_FD_LOG, PROGRAM_FD };
	char path[4096], name[32], number[16], *env[16];
	char *argv[] = { name, number, NULL };
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)snprintf(
	    name, sizeof(name), "fumi-%s", msg_process_name(c->process));
	/* the hub counts its lives, so that session numbers go on */
	(void)snprintf(number, sizeof(number), "%u",
	    c->process == MSG_PROCESS_HUB ? c->lives - 1 : c->number);
	(void)snprintf(path, sizeof(path), "%s/%s", c->m->libexec, name);
	(void)environment(env, COUNT(env));
	raise_files();
	umask(077);
	/* its user need not be able to get there: it may be in root's home */
	if ((from[COUNT(to) - 1] = open(path, O_PATH | O_CLOEXEC)) == -1)
		_exit(127);
	if (place(from, to, COUNT(to)) != 0 ||
	    fcntl(PROGRAM_FD, F_SETFD, FD_CLOEXEC) == -1 || become(c) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		_exit(126);
	(void)syscall(SYS_execveat, PROGRAM_FD, "", argv, env, AT_EMPTY_PATH);
	_exit(127);
}

/* ---- starting ---- */

static struct master_user
user_of(const struct master *m, enum msg_process p)
{
	switch (p) {
	case MSG_PROCESS_AUTH:
		return m->auth_user;
	case MSG_PROCESS_HUB:
		return m->hub_user;
	case MSG_PROCESS_FORKER:
		return m->forker_user;
	case MSG_PROCESS_GATE:
		return m->gate_user;
	case MSG_PROCESS_OUT:
		return m->out_user;
	case MSG_PROCESS_LMTP:
		return m->lmtp_user;
	case MSG_PROCESS_MASTER:
		break;
	}
	abort();
}

static void
add_child(struct master *m, enum msg_process p, uint32_t number)
{
	struct master_child *c = &m->child[m->children++];

	*c = (struct master_child){ .m = m,
		.process = p,
		.number = number,
		.user = user_of(m, p),
		.backoff_ms = MASTER_BACKOFF_MS };
	peer_init(
	    &c->peer, msg_process_name(p), rules, COUNT(rules), c, child_lost);
}

static bool
has_listener(const struct master *m, enum msg_listener kind)
{
	for (size_t i = 0; i < m->listeners; i++)
		if (m->listener[i].kind == kind)
			return true;
	return false;
}

void
master_child_table(struct master *m)
{
	uint64_t gates = conf_num(m->conf, "server", NULL, "gates");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (gates == 0)
		gates = cpus < 1 ? 1 : cpus > 4 ? 4 : (uint64_t)cpus;
	add_child(m, MSG_PROCESS_AUTH, 0);
	add_child(m, MSG_PROCESS_HUB, 0);
	add_child(m, MSG_PROCESS_FORKER, 0);
	add_child(m, MSG_PROCESS_OUT, 0);
	for (uint32_t i = 1; i <= gates; i++)
		add_child(m, MSG_PROCESS_GATE, i);
	if (has_listener(m, MSG_LISTENER_LMTP))
		add_child(m, MSG_PROCESS_LMTP, 0);
}

int
master_conf_memfd(const struct master *m)
{
	int fd = memfd_create("config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct buf b;
	int r;

	if (fd == -1)
		return -1;
	buf_init(&b, CONF_FILE_MAX);
	conf_show(m->conf, &b);
	r = b.failed ? -EFBIG : fd_write(fd, buf_view(&b));
	buf_fini(&b);
	if (r == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) != 0)
		r = -errno;
	if (r != 0) {
		close(fd);
		errno = -r;
		return -1;
	}
	return fd;
}

static int
send_peer(struct master_child *to, const struct master_child *who, int fd)
{
	AUTO_BUF struct buf b = peer_msg();

	msg_master_peer_put(&b,
	    &(struct msg_master_peer){ (uint8_t)who->process, who->number });
	return peer_send(&to->peer, &b, fd);
}

static bool
is_pair(const struct master_child *x, const struct master_child *y)
{
	for (size_t i = 0; i < COUNT(pairs); i++)
		if ((pairs[i].a == x->process && pairs[i].b == y->process) ||
		    (pairs[i].b == x->process && pairs[i].a == y->process))
			return true;
	return false;
}

static int
connect_two(struct master_child *x, struct master_child *y)
{
	int fd[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
		return -errno;
	r = send_peer(x, y, fd[0]);
	if (r == 0)
		r = send_peer(y, x, fd[1]);
	close(fd[0]);
	close(fd[1]);
	return r;
}

/* With all those that run and stand before it in the table, or with all. */
static int
connect_all(struct master_child *c, bool before)
{
	for (size_t i = 0; i < c->m->children; i++) {
		struct master_child *other = &c->m->child[i];
		int r;

		if (before && other == c)
			break;
		if (!is_pair(c, other) || !peer_is_open(&other->peer))
			continue;
		if ((r = connect_two(c, other)) != 0)
			return r;
	}
	return 0;
}

/* Whose listener it is. */
static bool
wants(const struct master_child *c, const struct master_listener *l)
{
	switch ((enum msg_listener)l->kind) {
	case MSG_LISTENER_IMAP:
	case MSG_LISTENER_POP3:
	case MSG_LISTENER_SIEVE:
		return c->process == MSG_PROCESS_GATE;
	case MSG_LISTENER_LMTP:
		return c->process == MSG_PROCESS_LMTP;
	case MSG_LISTENER_CONTROL:
		return c->process == MSG_PROCESS_HUB;
	case MSG_LISTENER_ADMIN:
		return c->process == MSG_PROCESS_AUTH;
	}
	return false;
}

static int
send_listeners(struct master_child *c)
{
	for (size_t i = 0; i < c->m->listeners; i++) {
		const struct master_listener *l = &c->m->listener[i];
		struct msg_master_listener m = { .kind = l->kind,
			.implicit = l->implicit,
			.name = view_str(l->name) };
		AUTO_BUF struct buf b = peer_msg();
		int r;

		if (!wants(c, l))
			continue;
		msg_master_listener_put(&b, &m);
		if ((r = peer_send(&c->peer, &b, l->fd)) != 0)
			return r;
	}
	return 0;
}

static int
send_certificates(struct master_child *c, const struct master_certificates *set,
    uint32_t generation)
{
	if (c->process != MSG_PROCESS_GATE)
		return 0;
	for (size_t i = 0; i < set->n; i++) {
		struct msg_master_certificate msg = { (uint32_t)i,
			(uint32_t)set->n, generation };
		AUTO_BUF struct buf b = peer_msg();
		int r;

		msg_master_certificate_put(&b, &msg);
		if ((r = peer_send(&c->peer, &b, set->fd[i])) != 0)
			return r;
	}
	return 0;
}

static int
send_plain(struct master_child *c, enum msg_master_type type, int fd)
{
	AUTO_BUF struct buf b = peer_msg();

	msg_master_plain_put(&b, type);
	return peer_send(&c->peer, &b, fd);
}

static int
send_directory(struct master_child *c)
{
	switch (c->process) {
	case MSG_PROCESS_AUTH:
		return send_plain(c, MSG_MASTER_DIRECTORY, c->m->auth_dir);
	case MSG_PROCESS_FORKER:
		return send_plain(c, MSG_MASTER_DIRECTORY, c->m->accounts_dir);
	case MSG_PROCESS_OUT:
		return send_plain(c, MSG_MASTER_DIRECTORY, c->m->out_dir);
	case MSG_PROCESS_MASTER:
	case MSG_PROCESS_HUB:
	case MSG_PROCESS_GATE:
	case MSG_PROCESS_LMTP:
		break;
	}
	return 0;
}

static int
send_scripts(struct master_child *c)
{
	return c->process == MSG_PROCESS_FORKER
	    ? send_plain(c, MSG_MASTER_SCRIPTS, c->m->scripts_fd)
	    : 0;
}

static int
set_going(struct master_child *c)
{
	int r;

	if ((r = send_listeners(c)) != 0 || (r = send_directory(c)) != 0 ||
	    (r = send_certificates(c, &c->m->certificates, 0)) != 0 ||
	    (r = send_scripts(c)) != 0)
		return r;
	return send_plain(c, MSG_MASTER_GO, -1);
}

static int
spawn(struct master_child *c)
{
	int fd[2];
	AUTO_CLOSE int conf = master_conf_memfd(c->m);

	if (conf == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
		return -errno;
	c->ready = c->stopped = false;
	c->began_ms = clock_mono_ms();
	c->lives++;
	/* it is to hear of certificates that no gate has used yet */
	c->generation = c->m->generation - (c->m->offered.n > 0);
	if ((c->pid = fork()) == 0)
		run(c, fd[1], conf);
	close(fd[1]);
	if (c->pid > 0)
		return peer_open(&c->peer, c->m->loop, fd[0], 1);
	c->pid = 0;
	close(fd[0]);
	return -EAGAIN;
}

/* All are there before the first hears of another. */
int
master_child_start_all(struct master *m, struct why *w)
{
	int r = 0;

	for (size_t i = 0; i < m->children && r == 0; i++)
		r = spawn(&m->child[i]);
	for (size_t i = 0; i < m->children && r == 0; i++)
		r = connect_all(&m->child[i], true);
	for (size_t i = 0; i < m->children && r == 0; i++)
		r = set_going(&m->child[i]);
	return r == 0 ? 0 : why(w, r, "start the processes");
}

static int
start_one(struct master_child *c)
{
	int r;

	if ((r = spawn(c)) != 0 || (r = connect_all(c, false)) != 0)
		return r;
	return set_going(c);
}

/* ---- ending ---- */

static void start_again(void *ctx);

static void
schedule(struct master_child *c)
{
	if (clock_mono_ms() - c->began_ms >= MASTER_STEADY_MS)
		c->backoff_ms = MASTER_BACKOFF_MS;
	loop_timer_set(c->m->loop, &c->timer, c->backoff_ms, start_again, c);
	c->backoff_ms *= 2;
	if (c->backoff_ms > MASTER_BACKOFF_MAX_MS)
		c->backoff_ms = MASTER_BACKOFF_MAX_MS;
}

static void
start_again(void *ctx)
{
	struct master_child *c = ctx;
	int r;

	if (c->m->stopping || c->pid != 0 || (r = start_one(c)) == 0)
		return;
	log_say(&c->m->log, LOG_FAILURES, "start", "%s: %s",
	    msg_process_name(c->process), strerror(-r));
	if (c->pid > 0)
		kill_child(c); /* comes back by SIGCHLD */
	else
		schedule(c);
}

/* It ends in order so that a new one takes its place, as fumi-out does after a
 * RELOAD: no failure, and nothing to wait for. */
static bool
is_worn(const struct master_child *c, int status)
{
	return c->ready && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	    c->m->running && !c->m->stopping;
}

static void
replace(struct master_child *c)
{
	uint64_t lived = clock_mono_ms() - c->began_ms;

	loop_timer_set(c->m->loop, &c->timer,
	    lived < MASTER_BACKOFF_MS ? MASTER_BACKOFF_MS : 0, start_again, c);
}

static void
log_end_of(struct master_child *c, int status)
{
	struct log_line l;
	bool bad = WIFSIGNALED(status) || WEXITSTATUS(status) != 0 ||
	    (!c->m->stopping && !is_worn(c, status));

	log_begin(&l, &c->m->log,
	    WIFSIGNALED(status) ? LOG_CRASHES
		: bad           ? LOG_FAILURES
				: LOG_ALL,
	    "process-ended");
	log_str(&l, "process", msg_process_name(c->process));
	log_u64(&l, "number", c->number);
	log_i64(&l, "pid", c->pid);
	if (WIFSIGNALED(status))
		log_i64(&l, "signal", WTERMSIG(status));
	else
		log_i64(&l, "status", WEXITSTATUS(status));
	log_end(&l);
}

static void
ended(struct master_child *c, int status)
{
	bool worn;

	peer_pump(&c->peer); /* its last words */
	worn = is_worn(c, status);
	log_end_of(c, status);
	c->pid = 0;
	c->ready = false;
	peer_close(&c->peer);
	loop_timer_del(c->m->loop, &c->timer);
	if (worn)
		replace(c);
	else if (c->m->running && !c->m->stopping)
		schedule(c);
	master_child_ended(c->m, c, status);
}

void
master_child_reap(struct master *m)
{
	int status;
	pid_t pid;

	/* sessions whose forker died are ours to bury, too */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < m->children; i++)
			if (m->child[i].pid == pid) {
				ended(&m->child[i], status);
				break;
			}
}

static void
reload_one(struct master_child *c, int conf)
{
	struct master *m = c->m;
	bool offered = m->offered.n > 0;
	int r;

	c->generation = m->generation;
	if ((r = send_plain(c, MSG_MASTER_RELOAD, conf)) != 0 ||
	    (r = send_plain(c, MSG_MASTER_LOG, m->log_fd)) != 0 ||
	    (r = send_certificates(c, offered ? &m->offered : &m->certificates,
		 offered ? m->generation : 0)) != 0 ||
	    (r = send_scripts(c)) != 0) {
		m->reloaded = false;
		log_say(&m->log, LOG_FAILURES, "reload", "%s: %s",
		    msg_process_name(c->process), strerror(-r));
	}
}

void
master_child_reload(struct master *m)
{
	AUTO_CLOSE int conf = master_conf_memfd(m);

	if (conf == -1) {
		m->reloaded = false;
		log_say(&m->log, LOG_FAILURES, "reload", "memfd_create: %s",
		    strerror(errno));
	}
	for (size_t i = 0; i < m->children && conf >= 0; i++)
		if (m->child[i].ready)
			reload_one(&m->child[i], conf);
}

/* It was started before the last reload. */
static void
reload_late(struct master_child *c)
{
	AUTO_CLOSE int conf = master_conf_memfd(c->m);

	if (conf >= 0)
		reload_one(c, conf);
}

void
master_child_stop(struct master_child *c)
{
	if (c->pid == 0 || c->stopped)
		return;
	c->stopped = true;
	if (send_plain(c, MSG_MASTER_STOP, -1) != 0)
		(void)kill(c->pid, SIGKILL);
}

void
master_child_kill(struct master *m)
{
	for (size_t i = 0; i < m->children; i++)
		if (m->child[i].pid > 0)
			(void)kill(m->child[i].pid, SIGKILL);
	/* sessions become ours only when the forker is really gone */
	for (size_t i = 0; i < m->children; i++)
		if (m->child[i].pid > 0)
			(void)waitpid(m->child[i].pid, NULL, 0);
	master_orphans_kill();
}
