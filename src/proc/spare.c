#include "proc/spare.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/fd.h"

/* The heap that a session needs soon: pages it need not copy any more. */
#define WARM (96 * 1024)

/* From a process to its own fork, so it goes as it stands in memory. */
struct job {
	uint64_t session;
	struct grant grant;
};

/* Only these three of the forker's descriptors, and 0 to 2. */
static int
close_others(int a, int b, int c)
{
	int keep[3] = { a, b, c }, from = 3;

	for (int i = 0; i < 3; i++)
		for (int k = i + 1; k < 3; k++)
			if (keep[k] < keep[i]) {
				int t = keep[i];

				keep[i] = keep[k];
				keep[k] = t;
			}
	for (int i = 0; i < 3; i++) {
		if (keep[i] > from &&
		    syscall(SYS_close_range, from, keep[i] - 1, 0) != 0)
			return -errno;
		if (keep[i] >= from)
			from = keep[i] + 1;
	}
	return syscall(SYS_close_range, from, ~0u, 0) == 0 ? 0 : -errno;
}

static void
warm(void)
{
	volatile char *p = malloc(WARM);

	for (size_t i = 0; p != NULL && i < WARM; i += 4096)
		p[i] = 0;
	free((void *)(uintptr_t)p);
}

static ssize_t
receive(int fd, void *p, size_t n, int *passed)
{
	ssize_t r;

	do
		r = fd_recv(fd, p, n, passed);
	while (r == -EINTR);
	return r;
}

/* Two messages, each with its descriptor: the job and the client's, then one
 * byte and the hub's. */
static bool
take_job(int fd, struct job *j, int *client, int *hub)
{
	uint8_t byte;

	if (receive(fd, j, sizeof(*j), client) != sizeof(*j) ||
	    receive(fd, &byte, 1, hub) != 1)
		return false;
	j->grant.m.account.p = j->grant.account;
	j->grant.m.path.p = j->grant.path;
	return *client >= 0 && *hub >= 0;
}

static int
spare_run(struct child c, int fd)
{
	struct job j;

	(void)prctl(PR_SET_NAME, "fumi-spare", 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	if (close_others(c.log, c.accounts, fd) != 0)
		return CHILD_NO_WALLS;
	warm();
	c.client = c.hub = -1;
	if (!take_job(fd, &j, &c.client, &c.hub))
		return CHILD_OK; /* not wanted any more */
	c.grant = &j.grant;
	c.session = j.session;
	return child_run(&c);
}

int
spare_add(struct spares *s, const struct child *c)
{
	int pair[2];
	pid_t pid;

	if (s->n == SPARE_MAX)
		return -ENOSPC;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	if ((pid = fork()) == 0)
		_exit(spare_run(*c, pair[1]));
	if (pid == -1) {
		pid = -errno;
		close(pair[0]);
	}
	close(pair[1]);
	if (pid < 0)
		return pid;
	s->one[s->n].pid = pid;
	s->one[s->n++].fd = pair[0];
	return 0;
}

static bool
give_job(int fd, const struct child *c)
{
	struct job j = { .session = c->session, .grant = *c->grant };
	bool done = fd_send(fd, (struct view){ (uint8_t *)&j, sizeof(j) },
			c->client) == 0 &&
	    fd_send(fd, VIEW_LIT("h"), c->hub) == 0;

	explicit_bzero(&j, sizeof(j));
	return done;
}

pid_t
spare_use(struct spares *s, const struct child *c)
{
	while (s->n > 0) {
		int fd = s->one[--s->n].fd;
		bool given = give_job(fd, c);

		close(fd);
		if (given)
			return s->one[s->n].pid;
	}
	return 0;
}

void
spare_drop(struct spares *s)
{
	while (s->n > 0)
		close(s->one[--s->n].fd);
}
