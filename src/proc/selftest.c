#include "proc/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

/*
 * One child an act, since some acts end the child. A child reports by its exit
 * status; to be killed by SIGSYS is as good as an error.
 */
#define MEMORY (256u << 20) /* bytes, as a session may have */

enum verdict {
	FAILED_AS_IT_MUST = 0,
	SUCCEEDED = 1,
	NO_WALLS = 2,
};

struct act {
	const char *name;
	bool (*succeeds)(void);
};

static bool
open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool
open_proc(void)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool
write_tmp(void)
{
	return open("/tmp/fumi-selftest", O_WRONLY | O_CREAT | O_CLOEXEC,
		   0600) >= 0;
}

static bool
make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool
make_process(void)
{
	return fork() >= 0;
}

static bool
run_program(void)
{
	char name[] = "true";
	char *argv[] = { name, NULL };

	return execv("/bin/true", argv) == 0;
}

static bool
signal_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool
trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool
make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static const struct act acts[] = {
	{ "open /etc/passwd", open_passwd },
	{ "open /proc/self", open_proc },
	{ "write in /tmp", write_tmp },
	{ "socket", make_socket },
	{ "fork", make_process },
	{ "execve", run_program },
	{ "kill", signal_parent },
	{ "ptrace", trace_parent },
	{ "executable memory", make_code },
};

/* In the child. */
static bool
walls(const struct sandbox_filter *filter, enum sandbox_mode mode, int dir,
    unsigned *up)
{
	struct sandbox_session s = {
		.filter = filter, .mode = mode, .dir = dir, .memory = MEMORY
	};
	struct why w;

	return sandbox_session(&s, up, &w) == 0;
}

static int
status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return status;
}

static bool
act_fails(const struct act *a, const struct sandbox_filter *filter,
    enum sandbox_mode mode, int dir)
{
	pid_t pid = fork();
	unsigned up;
	int status;

	if (pid == -1)
		return false;
	if (pid == 0) {
		if (!walls(filter, mode, dir, &up))
			_exit(NO_WALLS);
		_exit(a->succeeds() ? SUCCEEDED : FAILED_AS_IT_MUST);
	}
	status = status_of(pid);
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == FAILED_AS_IT_MUST);
}

/* All parts in one child, whose exit status says which does not work, or which
 * walls stand (eight bits get through). */
#define WALLS 0x1f
#define PARTS_WORK 0x20
#define PART_FAILS 0x40

static int
parts_work(const struct sandbox_filter *filter, enum sandbox_mode mode, int dir,
    const struct preload *p)
{
	pid_t pid = fork();
	unsigned up = 0;

	if (pid == -1)
		return -1;
	if (pid == 0) {
		if (!walls(filter, mode, dir, &up))
			_exit(NO_WALLS);
		for (size_t i = 0; i < preload_part_count; i++)
			if (!preload_parts[i].use(p))
				_exit(PART_FAILS + (int)i);
		_exit(PARTS_WORK | (int)(up & WALLS));
	}
	return status_of(pid);
}

static unsigned
check_parts(int status, struct log *log, unsigned *up)
{
	const char *what = "a session";
	int code;

	if (!WIFEXITED(status)) {
		log_say(log, LOG_FAILURES, "self-test",
		    "a session's libraries end it behind the walls (signal %d)",
		    WIFSIGNALED(status) ? WTERMSIG(status) : 0);
		return 1;
	}
	code = WEXITSTATUS(status);
	if ((code & ~WALLS) == PARTS_WORK) {
		*up = (unsigned)(code & WALLS) |
		    SANDBOX_ABI_PUT(sandbox_landlock_abi());
		return 0;
	}
	if (code >= PART_FAILS &&
	    (size_t)(code - PART_FAILS) < preload_part_count)
		what = preload_parts[code - PART_FAILS].name;
	log_say(log, LOG_FAILURES, "self-test",
	    "%s does not work behind the walls (status %d)", what, code);
	return 1;
}

unsigned
selftest(const struct sandbox_filter *filter, enum sandbox_mode mode, int dir,
    const struct preload *p, struct log *log, unsigned *up)
{
	unsigned failed;

	*up = 0;
	failed = check_parts(parts_work(filter, mode, dir, p), log, up);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (act_fails(&acts[i], filter, mode, dir))
			continue;
		log_say(log, LOG_FAILURES, "self-test",
		    "behind the walls, %s is possible", acts[i].name);
		failed++;
	}
	return failed;
}
