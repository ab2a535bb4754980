#include "proc/auth_pool.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/wire.h"

/*
 * A worker is written straight down: it reads a job, computes, answers, until
 * its socket ends. It is told what is stored and what was typed, nothing about
 * whose it is. A cancelled job's answer is dropped.
 */
#define JOB_MAX (8 + PASSWORD_STORED_MAX + 512)
#define WORKER_FD 3

struct auth_worker {
	struct auth_pool *pool;
	int fd; /* -1: dead */
	struct loop_fd watch;
	struct auth_job *job; /* NULL: idle, or the job was cancelled */
	bool busy;
	struct netaddr client; /* of what it is busy with */
};

struct auth_pool {
	struct loop *loop;
	struct log *log;
	void (*dead)(void *ctx);
	void *ctx;
	TAILQ_HEAD(, auth_job) waiting;
	size_t jobs, n, alive;
	struct auth_worker worker[AUTH_POOL_WORKERS_MAX];
};

/* ---- the worker ---- */

static bool
take_string(struct wire *w, char *out, size_t max)
{
	struct view v = wire_bytes(w, max);

	if (v.n > 0)
		memcpy(out, v.p, v.n);
	out[v.n] = '\0';
	return w->ok;
}

static enum password_result
work(struct view in)
{
	char stored[PASSWORD_STORED_MAX + 1], password[512];
	struct wire w = wire_read(in);
	enum password_result r = PASSWORD_FAILED;

	if (take_string(&w, stored, PASSWORD_STORED_MAX) &&
	    take_string(&w, password, sizeof(password) - 1) && wire_end(&w))
		r = password_check(stored, password);
	explicit_bzero(password, sizeof(password));
	explicit_bzero(stored, sizeof(stored));
	return r;
}

static void A_NORETURN
worker_run(int fd, enum sandbox_mode mode)
{
	uint8_t in[JOB_MAX], out;
	struct why w;
	unsigned up;
	int none = -1;
	ssize_t n;

	(void)prctl(PR_SET_NAME, "fumi-auth-work", 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (dup2(fd, WORKER_FD) != WORKER_FD ||
	    close_range(WORKER_FD + 1, ~0U, 0) != 0)
		_exit(1);
	if (sandbox_worker(mode, &up, &w) != 0)
		_exit(2);
	while ((n = fd_recv(WORKER_FD, in, sizeof(in), &none)) > 0) {
		out = (uint8_t)work((struct view){ in, (size_t)n });
		explicit_bzero(in, sizeof(in));
		if (fd_send(WORKER_FD, (struct view){ &out, 1 }, -1) != 0)
			break;
	}
	_exit(0);
}

/* ---- the pool ---- */

static bool
is_free(const struct auth_worker *w)
{
	return w->fd >= 0 && !w->busy;
}

static bool
client_is_served(const struct auth_pool *p, const struct netaddr *client)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->worker[i].busy &&
		    memcmp(&p->worker[i].client, client, sizeof(*client)) == 0)
			return true;
	return false;
}

static struct auth_job *
next_job(const struct auth_pool *p)
{
	struct auth_job *j;

	TAILQ_FOREACH (j, &p->waiting, link)
		if (!client_is_served(p, &j->client))
			return j;
	return TAILQ_FIRST(&p->waiting);
}

static void
release(struct auth_pool *p, struct auth_job *j)
{
	if (j->queued)
		TAILQ_REMOVE(&p->waiting, j, link);
	if (j->worker != NULL)
		j->worker->job = NULL;
	j->queued = false;
	j->worker = NULL;
	p->jobs--;
	explicit_bzero(j->stored, sizeof(j->stored));
	explicit_bzero(j->password, sizeof(j->password));
}

static void
finish(struct auth_pool *p, struct auth_job *j, enum password_result r)
{
	release(p, j);
	j->done(j->ctx, r);
}

static int
send_job(struct auth_worker *w, struct auth_job *j)
{
	AUTO_BUF struct buf b = BUF_INIT(JOB_MAX);
	int r;

	wire_put_bytes(&b, view_str(j->stored));
	wire_put_bytes(&b, view_str(j->password));
	r = b.failed ? -EMSGSIZE : fd_send(w->fd, buf_view(&b), -1);
	explicit_bzero(b.p, b.n);
	return r;
}

/* Give what waits to those that are free. */
static void
serve(struct auth_pool *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct auth_worker *w = &p->worker[i];
		struct auth_job *j;

		if (!is_free(w) || (j = next_job(p)) == NULL)
			continue;
		/* a worker whose end is gone is found by the loop */
		if (send_job(w, j) != 0)
			continue;
		TAILQ_REMOVE(&p->waiting, j, link);
		j->queued = false;
		j->worker = w;
		w->job = j;
		w->busy = true;
		w->client = j->client;
	}
}

static void
worker_died(struct auth_worker *w)
{
	struct auth_pool *p = w->pool;
	struct auth_job *j = w->job;

	log_say(
	    p->log, LOG_CRASHES, "worker-died", "%zu are left", p->alive - 1);
	loop_fd_del(&w->watch);
	fd_close(&w->fd);
	w->busy = false;
	w->job = NULL;
	p->alive--;
	if (j != NULL && (j->tried || p->alive == 0)) {
		finish(p, j, PASSWORD_FAILED);
	} else if (j != NULL) {
		j->tried = j->queued = true;
		j->worker = NULL;
		TAILQ_INSERT_HEAD(&p->waiting, j, link);
		serve(p);
	}
	if (p->alive == 0)
		p->dead(p->ctx);
}

static void
on_answer(void *ctx, unsigned events)
{
	struct auth_worker *w = ctx;
	struct auth_pool *p = w->pool;
	struct auth_job *j = w->job;
	uint8_t r = 0;
	int none = -1;
	ssize_t n = fd_recv(w->fd, &r, 1, &none);

	(void)events;
	fd_close(&none);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n != 1 || !w->busy || r > PASSWORD_FAILED) {
		worker_died(w);
		return;
	}
	w->busy = false;
	w->job = NULL;
	if (j != NULL)
		finish(p, j, (enum password_result)r);
	serve(p);
}

static int
start_worker(struct auth_pool *p, struct auth_worker *w, enum sandbox_mode mode)
{
	int fd[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
		return -errno;
	if ((pid = fork()) == 0)
		worker_run(fd[1], mode);
	close(fd[1]);
	w->pool = p;
	w->fd = fd[0];
	if (pid < 0 || (r = fd_nonblock(w->fd, true)) != 0)
		return pid < 0 ? -EAGAIN : r;
	r = loop_fd_add(p->loop, &w->watch, w->fd, LOOP_READ, on_answer, w);
	p->alive += r == 0;
	return r;
}

int
auth_pool_new(struct auth_pool **out, struct loop *loop, struct log *log,
    size_t n, enum sandbox_mode mode, void (*dead)(void *ctx), void *ctx)
{
	struct auth_pool *p = xcalloc(1, sizeof(*p));
	int r = 0;

	*p = (struct auth_pool){
		.loop = loop, .log = log, .dead = dead, .ctx = ctx
	};
	TAILQ_INIT(&p->waiting);
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	for (p->n = 0; p->n < n && r == 0; p->n++) {
		p->worker[p->n].fd = -1;
		r = start_worker(p, &p->worker[p->n], mode);
	}
	if (r != 0)
		auth_pool_free(&p);
	*out = p;
	return r;
}

void
auth_pool_free(struct auth_pool **pp)
{
	struct auth_pool *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++) {
		loop_fd_del(&p->worker[i].watch);
		fd_close(&p->worker[i].fd);
	}
	free(p);
}

bool
auth_pool_add(struct auth_pool *p, struct auth_job *j)
{
	if (p->jobs >= AUTH_POOL_JOBS_MAX || p->alive == 0)
		return false;
	p->jobs++;
	j->queued = true;
	j->tried = false;
	j->worker = NULL;
	TAILQ_INSERT_TAIL(&p->waiting, j, link);
	serve(p);
	return true;
}

void
auth_pool_cancel(struct auth_pool *p, struct auth_job *j)
{
	if (j->queued || j->worker != NULL)
		release(p, j);
}
