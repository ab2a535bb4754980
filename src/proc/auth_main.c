#include "base/fd.h"
#include "proc/auth.h"

/* The process: start_run()'s ops around struct auth. */
struct process {
	struct start *s;
	struct auth *auth;
};

static void
dead(void *ctx)
{
	struct process *p = ctx;

	start_fail(p->s);
}

static int
on_init(void *ctx, struct start *s)
{
	struct process *p = ctx;

	p->s = s;
	p->auth = auth_new(s->loop, &s->log, s->conf, dead, p);
	return 0;
}

static int
on_peer(void *ctx, const struct msg_master_peer *m, int *fd)
{
	struct process *p = ctx;

	return auth_peer(
	    p->auth, (enum msg_process)m->process, m->number, fd_take(fd));
}

static int
on_listener(void *ctx, const struct msg_master_listener *m, int *fd)
{
	struct process *p = ctx;

	if (m->kind != MSG_LISTENER_ADMIN)
		return -EINVAL;
	fd_close(&p->auth->listener);
	p->auth->listener = fd_take(fd);
	return fd_nonblock(p->auth->listener, true);
}

static int
on_directory(void *ctx, int *fd)
{
	struct process *p = ctx;

	fd_close(&p->auth->dirfd);
	p->auth->dirfd = fd_take(fd);
	return 0;
}

static int
on_go(void *ctx)
{
	struct process *p = ctx;

	return p->auth->dirfd < 0 ? -ENOTDIR : auth_go(p->auth, true);
}

static void
on_reload(void *ctx)
{
	struct process *p = ctx;

	auth_reload(p->auth, p->s->conf);
}

static void
on_stop(void *ctx)
{
	struct process *p = ctx;

	start_done(p->s);
}

int
main(int argc, char **argv)
{
	static const struct start_ops ops = {
		.process = MSG_PROCESS_AUTH,
		.module = "AUTH",
		.init = on_init,
		.peer = on_peer,
		.listener = on_listener,
		.directory = on_directory,
		.go = on_go,
		.reload = on_reload,
		.stop = on_stop,
	};
	struct process p = { NULL, NULL };
	int status = start_run(argc, argv, &ops, &p);

	auth_free(&p.auth);
	return status;
}
