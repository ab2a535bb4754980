#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acts.h"
#include "base/fd.h"
#include "proc/sandbox.h"
#include "tap.h"

/* Each kind of process tries each act; as root too when the test is. */
#define NOBODY 65534

enum verdict {
	FAILED = 0,
	SUCCEEDED = 1,
	NO_WALLS = 2,
	NO_UID = 3,
};

static int own_dir; /* of auth */

static int
gate(unsigned *up, struct why *w)
{
	return sandbox_gate(SANDBOX_REQUIRE, up, w);
}

static int
hub(unsigned *up, struct why *w)
{
	return sandbox_hub(SANDBOX_REQUIRE, up, w);
}

static int
lmtp(unsigned *up, struct why *w)
{
	return sandbox_lmtp(SANDBOX_REQUIRE, up, w);
}

static int
auth(unsigned *up, struct why *w)
{
	return sandbox_auth(SANDBOX_REQUIRE, own_dir, false, up, w);
}

static int
worker(unsigned *up, struct why *w)
{
	return sandbox_worker(SANDBOX_REQUIRE, up, w);
}

static int
session(unsigned *up, struct why *w)
{
	struct sandbox_session s = {
		.mode = SANDBOX_REQUIRE, .dir = own_dir, .memory = 256 << 20
	};
	struct sandbox_filter *f;
	int r = sandbox_filter_new(&f, w);

	s.filter = f;
	return r != 0 ? r : sandbox_session(&s, up, w);
}

static int
out(unsigned *up, struct why *w)
{
	return sandbox_out(SANDBOX_REQUIRE, own_dir, up, w);
}

static int
sender(unsigned *up, struct why *w)
{
	return sandbox_sender(SANDBOX_REQUIRE, up, w);
}

static const struct kind {
	const char *name;
	int (*walls)(unsigned *up, struct why *w);
	unsigned sets;
} kinds[] = {
	{ "gate", gate, ACTS_FILES | ACTS_NET | ACTS_PROCESS | ACTS_KERNEL },
	{ "hub", hub, ACTS_FILES | ACTS_NET | ACTS_PROCESS | ACTS_KERNEL },
	{ "lmtp", lmtp, ACTS_FILES | ACTS_NET | ACTS_PROCESS | ACTS_KERNEL },
	{ "auth", auth, ACTS_FILES | ACTS_NET | ACTS_PROCESS | ACTS_KERNEL },
	{ "worker", worker,
	    ACTS_FILES | ACTS_NET | ACTS_PROCESS | ACTS_KERNEL },
	{ "session", session,
	    ACTS_FILES | ACTS_NET | ACTS_PROCESS | ACTS_KERNEL | ACTS_LOG |
		ACTS_MORE },
	{ "out", out, ACTS_FILES | ACTS_NET | ACTS_PROCESS | ACTS_KERNEL },
	/* it may connect, and read below /etc what everybody may */
	{ "sender", sender, ACTS_PROCESS | ACTS_KERNEL },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int
in_child(const struct kind *k, unsigned uid, const struct act *a,
    const struct acts_target *t)
{
	struct why w = { "" };
	unsigned up;

	if (uid != 0 && geteuid() == 0 && sandbox_setid(uid, uid, &w) != 0)
		return NO_UID;
	if (k->walls(&up, &w) != 0)
		return NO_WALLS;
	return a->succeeds(t) ? SUCCEEDED : FAILED;
}

static void
check(const struct kind *k, unsigned uid, const struct act *a,
    const struct acts_target *t)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0)
		_exit(in_child(k, uid, a, t));
	(void)waitpid(pid, &status, 0);
	tap_ok(WIFSIGNALED(status)
		? WTERMSIG(status) == SIGSYS
		: WIFEXITED(status) && WEXITSTATUS(status) == FAILED,
	    "%s as uid %u: %s fails (got %s %d)", k->name, uid, a->name,
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* What is a process's own still works. */
static void
check_own(const struct kind *k, bool files)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		struct why w = { "" };
		unsigned up;
		int fd;

		if (k->walls(&up, &w) != 0)
			_exit(NO_WALLS);
		fd = openat(own_dir, "own", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		_exit(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 &&
		    renameat(own_dir, "own", own_dir, "own2") == 0 &&
		    unlinkat(own_dir, "own2", 0) == 0);
	}
	(void)waitpid(pid, &status, 0);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == files,
	    "%s %s write below its directory (got %#x)", k->name,
	    files ? "can" : "cannot", status);
}

static int
listener(struct sockaddr *sa, socklen_t n, int type)
{
	int fd = socket(sa->sa_family, type | SOCK_CLOEXEC, 0);

	if (bind(fd, sa, n) != 0 || listen(fd, 16) != 0)
		abort();
	return fd;
}

static void
set_up(struct acts_target *t, char *base)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t n = sizeof(in);
	char own[512];
	int fd;

	if (mkdtemp(base) == NULL || chmod(base, 0755) != 0)
		abort();
	(void)snprintf(t->folder, sizeof(t->folder), "%s/folder", base);
	(void)snprintf(own, sizeof(own), "%s/own", base);
	(void)snprintf(t->file, sizeof(t->file), "%s/folder/file", base);
	(void)snprintf(t->sock, sizeof(t->sock), "%s/sock", base);
	if (mkdir(t->folder, 0777) != 0 || chmod(t->folder, 0777) != 0 ||
	    mkdir(own, 0777) != 0 || chmod(own, 0777) != 0)
		abort();
	fd = open(t->file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd == -1 || fchmod(fd, 0666) != 0)
		abort();
	close(fd);
	memcpy(un.sun_path, t->sock, sizeof(un.sun_path));
	(void)listener((struct sockaddr *)&un, sizeof(un), SOCK_SEQPACKET);
	(void)chmod(t->sock, 0666);
	fd = listener((struct sockaddr *)&in, sizeof(in), SOCK_STREAM);
	if (getsockname(fd, (struct sockaddr *)&in, &n) != 0)
		abort();
	t->port = ntohs(in.sin_port);
	own_dir = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->log = SANDBOX_LOG_FD;
	fd = open(t->file, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (own_dir == -1 || fd == -1 || dup2(fd, t->log) != t->log)
		abort();
	t->known = 15; /* whatever the test itself has */
}

/* Somebody of the same uid, to be harmed. */
static pid_t
sibling(unsigned uid)
{
	pid_t pid = fork();
	struct why w;

	if (pid == 0) {
		if (uid != 0 && geteuid() == 0 &&
		    sandbox_setid(uid, uid, &w) != 0)
			_exit(1);
		for (;;)
			pause();
	}
	return pid;
}

static void
check_all(const struct acts_target *base, unsigned uid)
{
	struct acts_target t = *base;
	pid_t pid = sibling(uid);

	t.pid = pid;
	for (size_t k = 0; k < KINDS; k++)
		for (size_t a = 0; a < acts_count; a++)
			if ((acts[a].set & kinds[k].sets) != 0)
				check(&kinds[k], uid, &acts[a], &t);
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* A test of the test: without walls most of this works. */
static void
check_without(const struct acts_target *t)
{
	static const char *const names[] = { "read-file", "create-file",
		"list-folder", "read-passwd", "read-proc-self", "climb",
		"socket", "connect-tcp", "connect-unix", "fork", "kill",
		"cut-log", "copy-log", "socketpair", "executable-mmap" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t a = 0; a < acts_count; a++) {
			if (strcmp(acts[a].name, names[i]) != 0)
				continue;
			tap_ok(acts[a].succeeds(t),
			    "without walls: %s succeeds", names[i]);
		}
}

int
main(void)
{
	struct acts_target t = { .pid = getpid() };
	char base[] = "/tmp/fumi-sandbox-XXXXXX";
	char text[64], command[64];

	closefrom(3); /* of whoever runs the test */
	printf("# Landlock ABI %d\n", sandbox_landlock_abi());
	set_up(&t, base);
	signal(SIGCHLD, SIG_DFL);
	check_all(&t, NOBODY);
	if (geteuid() == 0)
		check_all(&t, 0);
	check_own(&kinds[0], false);
	check_own(&kinds[1], false);
	check_own(&kinds[2], false);
	check_own(&kinds[3], true);
	check_own(&kinds[4], false);
	check_own(&kinds[5], true);
	check_own(&kinds[6], true);
	check_own(&kinds[7], false);
	check_without(&t);
	sandbox_walls(SANDBOX_UID | SANDBOX_SECCOMP, text);
	tap_ok(strcmp(text, "uid seccomp") == 0, "walls: \"%s\"", text);
	sandbox_walls(0, text);
	tap_ok(strcmp(text, "none") == 0, "walls: \"%s\"", text);
	(void)snprintf(command, sizeof(command), "rm -rf %s", base);
	return tap_done() | (system(command) != 0);
}
