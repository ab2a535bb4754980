#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "proc/child.h"
#include "proc/grants.h"
#include "proc/msg_fork.h"
#include "proc/selftest.h"
#include "proc/settings.h"
#include "proc/spare.h"
#include "proc/start.h"

/*
 * The forker: one fixed-size message in, one confined child out. It parses
 * nothing else than those and auth's grants, keeps its heap small (a fork costs
 * by the pages there are), and has loaded before its sandbox closes what its
 * children may not load.
 */
#define CHILDREN_MAX 65536
#define HOLE_MAX 65536 /* bytes */
#define HOLE_MIN 64
#define SPARE_MS 1 /* until one that was used is replaced */

struct running {
	uint32_t pid;
	uint64_t session;
};

struct forker {
	struct start *s;
	struct peer auth, hub;
	struct grants *grants;
	struct hash *by_pid, *by_session;
	struct sandbox_filter *filter;
	struct preload *preload;
	enum sandbox_mode mode;
	bool setid;
	int accounts;
	struct view globals; /* mapped scripts of the administrator */
	struct spares spares;
	struct loop_timer refill;
};

/* ---- auth ---- */

static bool
on_grant(void *ctx, struct wire *w, int *fd)
{
	struct forker *f = ctx;
	struct msg_grant m;

	(void)fd;
	if (!msg_grant_get(w, &m))
		return false;
	if (!grants_add(f->grants, &m, clock_mono_ms()))
		log_say(&f->s->log, LOG_PROBLEMS, "grant", "not kept");
	return true;
}

static const struct peer_rule auth_rules[] = {
	{ MSG_GRANT_GRANT, 1, MSG_GRANT_GRANT_MAX, PEER_NO_FD, on_grant },
};

static void
auth_lost(void *ctx, const char *why)
{
	struct forker *f = ctx;

	if (!f->s->stopping)
		log_say(&f->s->log, LOG_PROBLEMS, "auth-lost", "%s", why);
}

/* ---- children ---- */

static void
answer_failed(struct forker *f, uint64_t session, uint8_t why, int err)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_fork_failed m = { session, why, (uint32_t)-err };

	msg_fork_failed_put(&b, &m);
	(void)!peer_send(&f->hub, &b, -1);
}

static struct view
key(const void *p, size_t n)
{
	return (struct view){ p, n };
}

static void
remember(struct forker *f, pid_t pid, uint64_t session)
{
	struct running *r = xmalloc(sizeof(*r));

	*r = (struct running){ (uint32_t)pid, session };
	if (!hash_put(f->by_pid, key(&r->pid, sizeof(r->pid)), r)) {
		free(r);
		return;
	}
	/* two of one number (after a hub's restart): the first keeps it */
	(void)!hash_put(f->by_session, key(&r->session, sizeof(r->session)), r);
}

static void
forget(struct forker *f, struct running *r)
{
	struct view k = key(&r->session, sizeof(r->session));

	(void)hash_del(f->by_pid, key(&r->pid, sizeof(r->pid)));
	if (hash_get(f->by_session, k) == r)
		(void)hash_del(f->by_session, k);
	free(r);
}

static void
tell_exit(struct forker *f, const struct running *r, int status)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_fork_exited m = { r->session, r->pid, (uint32_t)status };

	msg_fork_exited_put(&b, &m);
	(void)!peer_send(&f->hub, &b, -1);
	if (WIFSIGNALED(status)) {
		struct log_line l;

		log_begin(&l, &f->s->log, LOG_CRASHES, "session-died");
		log_u64(&l, "session", r->session);
		log_u64(&l, "pid", r->pid);
		log_u64(&l, "signal", (uint64_t)WTERMSIG(status));
		log_end(&l);
	}
}

static void
on_sigchld(void *ctx, int signo)
{
	struct forker *f = ctx;
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		uint32_t n = (uint32_t)pid;
		struct running *r = hash_get(f->by_pid, key(&n, sizeof(n)));

		if (r == NULL)
			continue;
		tell_exit(f, r, status);
		forget(f, r);
	}
	if (f->s->stopping && hash_count(f->by_pid) == 0)
		start_done(f->s);
}

static struct child
any_child(const struct forker *f)
{
	return (struct child){ .conf = f->s->conf,
		.filter = f->filter,
		.mode = f->mode,
		.setid = f->setid,
		.accounts = f->accounts,
		.globals = f->globals,
		.log = f->s->log.fd,
		.client = -1,
		.hub = -1 };
}

/* One at a time, so that nobody waits for more than one fork. */
static void
on_refill(void *ctx)
{
	struct forker *f = ctx;
	struct child c = any_child(f);

	if (f->s->stopping || f->spares.n == SPARE_MAX)
		return;
	if (spare_add(&f->spares, &c) == 0) /* else with the next session */
		loop_timer_set(f->s->loop, &f->refill, SPARE_MS, on_refill, f);
}

/* A spare child, or a new one; *hub is the hub's end of the pair. The pid or a
 * negative errno. */
static pid_t
make_child(struct forker *f, const struct msg_fork *m, const struct grant *g,
    int client, int *hub)
{
	struct child c = any_child(f);
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	*hub = pair[0];
	c.grant = g;
	c.session = m->session;
	c.client = client;
	c.hub = pair[1];
	if ((pid = spare_use(&f->spares, &c)) == 0 && (pid = fork()) == 0)
		_exit(child_run(&c));
	if (pid == -1) {
		pid = -errno;
		fd_close(hub);
	}
	fd_close(&pair[1]);
	return pid;
}

static void
start_child(struct forker *f, const struct msg_fork *m, const struct grant *g,
    int client)
{
	AUTO_BUF struct buf b = peer_msg();
	AUTO_CLOSE int hub = -1;
	pid_t pid;
	int r;

	if ((pid = make_child(f, m, g, client, &hub)) < 0) {
		log_say(&f->s->log, LOG_FAILURES, "fork", "%s", strerror(-pid));
		answer_failed(f, m->session, MSG_FORK_SYSTEM, pid);
		return;
	}
	remember(f, pid, m->session);
	msg_forked_put(&b, &(struct msg_forked){ m->session, (uint32_t)pid });
	/* without its end the hub is told nothing and the child ends by itself,
	 * since nobody holds the other end */
	if ((r = peer_send(&f->hub, &b, hub)) != 0)
		log_say(&f->s->log, LOG_FAILURES, "fork", "tell the hub: %s",
		    strerror(-r));
	if (!loop_timer_is_set(&f->refill))
		loop_timer_set(f->s->loop, &f->refill, SPARE_MS, on_refill, f);
}

static bool
on_fork(void *ctx, struct wire *w, int *fd)
{
	struct forker *f = ctx;
	struct msg_fork m;
	struct grant g;
	uint64_t now = clock_mono_ms();

	if (!msg_fork_get(w, &m))
		return false;
	/* what auth has sent before the login may not be read yet */
	peer_pump(&f->auth);
	if (!grants_take(f->grants, m.grant, now, &g) ||
	    g.m.service != m.service)
		answer_failed(f, m.session, MSG_FORK_NO_GRANT, 0);
	else if (hash_count(f->by_pid) >= CHILDREN_MAX || f->s->stopping)
		answer_failed(f, m.session, MSG_FORK_LIMIT, 0);
	else
		start_child(f, &m, &g, *fd);
	explicit_bzero(&g, sizeof(g));
	return true;
}

static bool
on_forget(void *ctx, struct wire *w, int *fd)
{
	struct forker *f = ctx;
	uint8_t id[MSG_GRANT_SIZE];
	struct grant g;

	(void)fd;
	if (!msg_fork_forget_get(w, id))
		return false;
	peer_pump(&f->auth);
	(void)!grants_take(f->grants, id, clock_mono_ms(), &g);
	explicit_bzero(&g, sizeof(g));
	return true;
}

static bool
on_kill(void *ctx, struct wire *w, int *fd)
{
	struct forker *f = ctx;
	struct running *r;
	uint64_t session;

	(void)fd;
	if (!msg_fork_kill_get(w, &session))
		return false;
	r = hash_get(f->by_session, key(&session, sizeof(session)));
	if (r != NULL)
		(void)kill((pid_t)r->pid, SIGKILL);
	return true;
}

static const struct peer_rule hub_rules[] = {
	{ MSG_FORK_FORK, 1, MSG_FORK_SIZE, PEER_FD, on_fork },
	{ MSG_FORK_KILL, 1, MSG_FORK_KILL_SIZE, PEER_NO_FD, on_kill },
	{ MSG_FORK_FORGET, 1, MSG_FORK_FORGET_SIZE, PEER_NO_FD, on_forget },
};

static void
hub_lost(void *ctx, const char *why)
{
	struct forker *f = ctx;

	if (!f->s->stopping)
		log_say(&f->s->log, LOG_PROBLEMS, "hub-lost", "%s", why);
}

/* ---- life ---- */

#define COUNT(rules) (sizeof(rules) / sizeof((rules)[0]))

static int
forker_init(void *ctx, struct start *s)
{
	struct forker *f = ctx;

	f->s = s;
	f->grants = grants_new();
	f->by_pid = hash_new(CHILDREN_MAX + 1);
	f->by_session = hash_new(CHILDREN_MAX + 1);
	f->mode = start_sandbox_mode(s->conf);
	peer_init(
	    &f->auth, "auth", auth_rules, COUNT(auth_rules), f, auth_lost);
	peer_init(&f->hub, "hub", hub_rules, COUNT(hub_rules), f, hub_lost);
	return loop_signal(s->loop, SIGCHLD, on_sigchld, f);
}

static int
forker_peer(void *ctx, const struct msg_master_peer *m, int *fd)
{
	struct forker *f = ctx;

	switch ((enum msg_process)m->process) {
	case MSG_PROCESS_AUTH:
		return peer_open(&f->auth, f->s->loop, fd_take(fd), 1);
	case MSG_PROCESS_HUB:
		return peer_open(&f->hub, f->s->loop, fd_take(fd), 1);
	case MSG_PROCESS_OUT:
	case MSG_PROCESS_MASTER:
	case MSG_PROCESS_FORKER:
	case MSG_PROCESS_GATE:
	case MSG_PROCESS_LMTP:
		break;
	}
	return -EINVAL;
}

static int
forker_directory(void *ctx, int *fd)
{
	struct forker *f = ctx;

	f->accounts = fd_take(fd);
	return 0;
}

/* Mapped here, so that the children have them without a descriptor. Those that
 * wait to become one have the old ones. */
static int
forker_scripts(void *ctx, int *fd)
{
	struct forker *f = ctx;
	struct stat st;
	uint8_t *p = NULL;

	if (fstat(*fd, &st) != 0)
		return -errno;
	if (st.st_size > 0 &&
	    (p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, *fd,
		 0)) == MAP_FAILED)
		return -errno;
	if (f->globals.n > 0)
		(void)munmap((void *)(uintptr_t)f->globals.p, f->globals.n);
	f->globals = (struct view){ p, (size_t)st.st_size };
	spare_drop(&f->spares);
	if (f->filter != NULL && !loop_timer_is_set(&f->refill))
		loop_timer_set(f->s->loop, &f->refill, SPARE_MS, on_refill, f);
	return 0;
}

/* A line in the log that says what stands between sessions. */
static void
log_walls(struct forker *f, unsigned up)
{
	struct log_line l;
	char text[64];

	sandbox_walls(up | (f->setid ? SANDBOX_UID : 0u), text);
	log_begin(&l, &f->s->log, LOG_MAJOR, "walls");
	log_str(&l, "sessions", text);
	log_i64(&l, "landlock", sandbox_landlock_abi());
	log_end(&l);
}

/* May we become others? Asked of the kernel, by its capability. */
static bool
can_setid(void)
{
	uid_t r, e, s;

	if (getresuid(&r, &e, &s) != 0 || e == 0)
		return e == 0;
	/* to itself is always allowed; to another only with the capability */
	return setresuid(r == 1 ? 2 : 1, (uid_t)-1, (uid_t)-1) == 0 &&
	    setresuid(r, e, s) == 0;
}

/*
 * Use up what is free between what is used. A child that found its memory there
 * would copy a page for each piece; behind it all pages are new. They hold
 * nothing, so they cost nothing.
 */
static void
close_holes(void)
{
	void *volatile kept = NULL; /* or the compiler leaves them out */

	malloc_trim(0);
	for (size_t size = HOLE_MAX; size >= HOLE_MIN; size /= 2) {
		struct mallinfo2 m = mallinfo2();
		size_t free_inside = m.fordblks - m.keepcost;

		for (size_t n = free_inside / size; n > 0; n--)
			kept = malloc(size);
	}
	(void)kept;
}

static int
forker_go(void *ctx)
{
	struct forker *f = ctx;
	struct why w = { "" };
	unsigned up, sessions;
	int r;

	if (f->accounts < 0)
		return -ENOTDIR;
	f->setid = can_setid();
	/* children inherit the environment of whoever has started the server */
	if (!clock_fake_allow())
		return -EINVAL;
	f->preload = preload_all();
	r = sandbox_filter_new(&f->filter, &w);
	if (r == 0)
		r = sandbox_forker(f->mode, f->accounts, &up, &w);
	if (r != 0) {
		log_why(&f->s->log, LOG_FAILURES, "walls", &w);
		return f->mode == SANDBOX_REQUIRE ? r : 0;
	}
	if (selftest(f->filter, f->mode, f->accounts, f->preload, &f->s->log,
		&sessions) > 0 &&
	    f->mode == SANDBOX_REQUIRE)
		return -EPERM;
	log_walls(f, sessions);
	close_holes();
	loop_timer_set(f->s->loop, &f->refill, SPARE_MS, on_refill, f);
	return 0;
}

/* Spare children have the old configuration. */
static void
forker_reload(void *ctx)
{
	struct forker *f = ctx;

	spare_drop(&f->spares);
	loop_timer_set(f->s->loop, &f->refill, SPARE_MS, on_refill, f);
}

static void
forker_stop(void *ctx)
{
	struct forker *f = ctx;

	spare_drop(&f->spares);
	if (hash_count(f->by_pid) == 0)
		start_done(f->s);
}

int
main(int argc, char **argv)
{
	static const struct start_ops ops = {
		.process = MSG_PROCESS_FORKER,
		.module = "FORKER",
		.init = forker_init,
		.peer = forker_peer,
		.directory = forker_directory,
		.scripts = forker_scripts,
		.go = forker_go,
		.reload = forker_reload,
		.stop = forker_stop,
	};
	struct forker f = { .accounts = -1 };

	return start_run(argc, argv, &ops, &f);
}
