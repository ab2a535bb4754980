#include "proc/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

/*
 * The child gets two pipes: one for what it writes, one that execve() closes and
 * that else carries its errno. The parent waits for output, for the end of the
 * process (a pidfd) and for the clock at once. A process that the program leaves
 * behind may hold the pipe open: what counts is the end of the program itself,
 * and its group is killed then.
 */
#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"
#define PATH_BYTES 4096
#define PIECE 4096
#define NOT_RUN 127

/* What is behind argv[0], in path. False when no such program is there. */
static bool
find(const struct runner_program *p, char path[PATH_BYTES])
{
	const char *d = p->path != NULL ? p->path : PATH_DEFAULT;

	if (strchr(p->argv[0], '/') != NULL)
		return snprintf(path, PATH_BYTES, "%s", p->argv[0]) <
		    PATH_BYTES;
	for (;;) {
		size_t n = strcspn(d, ":");

		if (n > 0 &&
		    snprintf(path, PATH_BYTES, "%.*s/%s", (int)n, d,
			p->argv[0]) < PATH_BYTES &&
		    access(path, X_OK) == 0)
			return true;
		if (d[n] == '\0')
			return false;
		d += n + 1;
	}
}

/* ---- the child ---- */

static bool
set_limit(int which, uint64_t soft, uint64_t hard)
{
	struct rlimit now;

	if (soft == 0)
		return true;
	if (getrlimit((__rlimit_resource_t)which, &now) != 0)
		return false;
	if (now.rlim_max != RLIM_INFINITY && hard > now.rlim_max)
		hard = now.rlim_max;
	now.rlim_max = hard;
	now.rlim_cur = soft < hard ? soft : hard;
	return setrlimit((__rlimit_resource_t)which, &now) == 0;
}

/* Processor time: SIGXCPU first, SIGKILL a second later. */
static bool
set_limits(const struct runner_limits *l)
{
	const struct rlimit no_core = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &no_core) == 0 &&
	    set_limit(RLIMIT_CPU, l->cpu_s, l->cpu_s + 1) &&
	    set_limit(RLIMIT_AS, l->memory, l->memory) &&
	    set_limit(RLIMIT_FSIZE, l->file, l->file) &&
	    set_limit(RLIMIT_NPROC, l->processes, l->processes) &&
	    set_limit(RLIMIT_NOFILE, l->files, l->files);
}

static void
reset_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL); /* fails for those that cannot */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The descriptors come in numbered above 2, so that no dup2() hits another. */
static bool
arrange(const struct runner_program *p, int input, int output)
{
	if (p->dir != -1 && fchdir(p->dir) != 0)
		return false;
	return dup2(input, 0) == 0 && dup2(output, 1) == 1 &&
	    dup2(output, 2) == 2;
}

static A_NORETURN void
child(const struct runner_program *p, const char *path, int input, int output,
    int error)
{
	/* execve() wants them so, but changes nothing */
	char *const *argv = (char *const *)(uintptr_t)p->argv;
	char *const *env = (char *const *)(uintptr_t)p->env;
	int e;

	(void)setsid();
	reset_signals();
	if (arrange(p, input, output) &&
	    syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == 0 &&
	    (!p->no_new_privs || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) &&
	    set_limits(&p->limits))
		(void)execve(path, argv, env);
	e = errno;
	while (write(error, &e, sizeof(e)) == -1 && errno == EINTR)
		;
	_exit(NOT_RUN);
}

/* ---- the parent ---- */

struct running {
	pid_t pid;
	int pidfd, output;
	uint64_t deadline_ms; /* clock_mono_ms(); 0: none */
	bool terminated;      /* the group got its SIGTERM */
	bool timeout;
};

/* False at its end. */
static bool
take_output(struct running *r, struct buf *output, size_t max, bool *cut)
{
	uint8_t p[PIECE];
	ssize_t n = read(r->output, p, sizeof(p));

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return errno == EINTR;
	if (n <= 0)
		return false;
	if (output != NULL) {
		size_t room = max > output->n ? max - output->n : 0;
		size_t take = (size_t)n < room ? (size_t)n : room;

		buf_put(output, (struct view){ p, take });
		*cut = *cut || take < (size_t)n;
	}
	return true;
}

/* How long to wait; what is due is done. -1: for ever. */
static int
until_deadline(struct running *r)
{
	uint64_t now = clock_mono_ms();

	if (r->deadline_ms == 0)
		return -1;
	if (now >= r->deadline_ms) {
		r->timeout = true;
		(void)kill(-r->pid, r->terminated ? SIGKILL : SIGTERM);
		r->terminated = true;
		r->deadline_ms = now + RUNNER_GRACE_MS;
	}
	return (
	    int)(r->deadline_ms - now < 60000 ? r->deadline_ms - now : 60000);
}

/* Until the program has ended. */
static int
watch(struct running *r, struct buf *output, size_t max, bool *cut)
{
	struct pollfd fds[2] = { { .fd = r->pidfd, .events = POLLIN },
		{ .fd = r->output, .events = POLLIN } };

	for (;;) {
		int wait_ms = until_deadline(r);

		if (poll(fds, 2, wait_ms) == -1 && errno != EINTR)
			return -errno;
		if (fds[1].revents != 0 && !take_output(r, output, max, cut))
			fds[1].fd = -1;
		if ((fds[0].revents & POLLIN) != 0)
			break;
	}
	/* what it wrote last; no more than a pipe holds */
	for (unsigned i = 0; i < 1024 && fds[1].fd != -1; i++) {
		struct pollfd one = fds[1];

		if (poll(&one, 1, 0) != 1 || !take_output(r, output, max, cut))
			break;
	}
	return 0;
}

static void
tell_end(
    const struct running *r, int status, int error, struct runner_result *out)
{
	if (error != 0) {
		out->end = RUNNER_NOT_RUN;
		out->status = error;
	} else if (r->timeout) {
		out->end = RUNNER_TIMEOUT;
	} else if (WIFSIGNALED(status)) {
		out->end = RUNNER_SIGNAL;
		out->status = WTERMSIG(status);
	} else {
		out->end = RUNNER_EXITED;
		out->status = WEXITSTATUS(status);
	}
}

/* The errno of a child that could not become the program, else 0. */
static int
exec_error(int fd)
{
	int e = 0;
	ssize_t n;

	while ((n = read(fd, &e, sizeof(e))) == -1 && errno == EINTR)
		;
	return n == (ssize_t)sizeof(e) ? e : 0;
}

static int
finish(struct running *r, struct buf *output, size_t max,
    struct runner_result *out, int error)
{
	int status = 0, failed;

	failed = error != 0 ? 0 : watch(r, output, max, &out->cut);
	if (failed != 0)
		(void)kill(-r->pid, SIGKILL);
	/* not yet waited for, so its number is still that of the group */
	if (error == 0)
		(void)kill(-r->pid, SIGKILL);
	while (waitpid(r->pid, &status, 0) == -1 && errno == EINTR)
		;
	tell_end(r, status, error, out);
	return failed;
}

/* A copy numbered above 2, of the program's input or of nothing. */
static int
open_input(const struct runner_program *p)
{
	int fd, r;

	if (p->input != -1) {
		(void)lseek(p->input, 0, SEEK_SET); /* a pipe stays as it is */
		fd = fcntl(p->input, F_DUPFD_CLOEXEC, 3);
		return fd == -1 ? -errno : fd;
	}
	if ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1)
		return -errno;
	r = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	r = r == -1 ? -errno : r;
	fd_close(&fd);
	return r;
}

/* Both ends above 2. */
static int
make_pipe(int *in, int *out)
{
	int fd[2], low[2];

	if (pipe2(low, O_CLOEXEC) != 0)
		return -errno;
	fd[0] = fcntl(low[0], F_DUPFD_CLOEXEC, 3);
	fd[1] = fcntl(low[1], F_DUPFD_CLOEXEC, 3);
	fd_close(&low[0]);
	fd_close(&low[1]);
	*in = fd[0];
	*out = fd[1];
	return fd[0] == -1 || fd[1] == -1 ? -EMFILE : 0;
}

int
runner_run(const struct runner_program *p, struct runner_result *out,
    struct buf *output, struct why *w)
{
	AUTO_CLOSE int input = -1;
	AUTO_CLOSE int out_r = -1;
	AUTO_CLOSE int out_w = -1;
	AUTO_CLOSE int err_r = -1;
	AUTO_CLOSE int err_w = -1;
	AUTO_CLOSE int pidfd = -1;
	struct running run = { .pid = -1 };
	char path[PATH_BYTES];
	int r;

	*out =
	    (struct runner_result){ .end = RUNNER_NOT_RUN, .status = ENOENT };
	if (!find(p, path))
		return 0;
	if ((input = open_input(p)) < 0)
		return why(w, input, "input for %s", p->argv[0]);
	if ((r = make_pipe(&out_r, &out_w)) != 0 ||
	    (r = make_pipe(&err_r, &err_w)) != 0)
		return why(w, r, "pipe for %s", p->argv[0]);
	if ((run.pid = fork()) == -1)
		return why(w, -errno, "start %s", p->argv[0]);
	if (run.pid == 0)
		child(p, path, input, out_w, err_w);
	fd_close(&out_w);
	fd_close(&err_w);
	pidfd = (int)syscall(SYS_pidfd_open, run.pid, 0u);
	r = exec_error(err_r);
	if (pidfd == -1 || fd_nonblock(out_r, true) != 0) {
		(void)kill(run.pid, SIGKILL);
		(void)waitpid(run.pid, NULL, 0);
		return why(w, -EAGAIN, "watch %s", p->argv[0]);
	}
	run.pidfd = pidfd;
	run.output = out_r;
	if (p->limits.wall_ms != 0)
		run.deadline_ms = clock_mono_ms() + p->limits.wall_ms;
	r = finish(&run, output, p->output_max, out, r);
	return r != 0 ? why(w, r, "wait for %s", p->argv[0]) : 0;
}

void
runner_text(const struct runner_result *r, char out[64])
{
	switch (r->end) {
	case RUNNER_EXITED:
		(void)snprintf(out, 64, "exit status %d", r->status);
		break;
	case RUNNER_SIGNAL:
		(void)snprintf(out, 64, "signal %d", r->status);
		break;
	case RUNNER_TIMEOUT:
		(void)snprintf(out, 64, "it took too long");
		break;
	case RUNNER_NOT_RUN:
		(void)snprintf(out, 64, "not run: %s", strerror(r->status));
		break;
	}
}
