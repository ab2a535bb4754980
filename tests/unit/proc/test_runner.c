#include "proc/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tap.h"

static const char *const no_env[] = { NULL };

/* A file with this text. */
static int
file_of(const char *text)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd == -1 || fd_write(fd, view_str(text)) != 0)
		return -1;
	return fd;
}

/* sh -c command, in p's surroundings. */
static struct runner_result
run(struct runner_program p, const char *command, struct buf *b)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	struct runner_result r;
	struct why w = { "" };

	p.argv = argv;
	if (p.env == NULL)
		p.env = no_env;
	if (p.dir == 0)
		p.dir = -1;
	if (runner_run(&p, &r, b, &w) != 0)
		tap_ok(0, "%s: %s", command, w.text);
	return r;
}

static bool
is(const struct buf *b, const char *want)
{
	bool good = view_eq(buf_view(b), view_str(want));

	if (!good)
		printf("# got \"%.*s\", want \"%s\"\n", (int)b->n,
		    b->n > 0 ? (char *)b->p : "", want);
	return good;
}

#define OUT BUF_INIT(RUNNER_OUTPUT_MAX)
#define PLAIN                                                                  \
	((struct runner_program){                                              \
	    .input = -1, .output_max = RUNNER_OUTPUT_MAX })

static void
test_ends(void)
{
	AUTO_BUF struct buf b = OUT;
	struct runner_result r =
	    run(PLAIN, "echo out; echo err >&2; exit 3", &b);
	struct runner_program none = PLAIN;
	const char *const argv[] = { "there-is-no-such-program", NULL };
	const char *const dir[] = { "/tmp", NULL };
	char text[64];

	tap_ok(r.end == RUNNER_EXITED && r.status == 3 && !r.cut, "status");
	tap_ok(is(&b, "out\nerr\n"), "output and errors");
	runner_text(&r, text);
	tap_ok(strcmp(text, "exit status 3") == 0, "text of a status");
	r = run(PLAIN, "kill -USR1 $$", &b);
	tap_ok(r.end == RUNNER_SIGNAL && r.status == SIGUSR1, "signal");
	none.env = no_env;
	none.dir = -1;
	none.argv = argv;
	tap_ok(runner_run(&none, &r, NULL, NULL) == 0 &&
		r.end == RUNNER_NOT_RUN && r.status == ENOENT,
	    "no such program");
	none.argv = dir;
	tap_ok(runner_run(&none, &r, NULL, NULL) == 0 &&
		r.end == RUNNER_NOT_RUN && r.status == EACCES,
	    "a directory");
	runner_text(&r, text);
	tap_ok(strcmp(text, "not run: Permission denied") == 0,
	    "text of what was not run");
}

static void
test_input(void)
{
	AUTO_BUF struct buf b = OUT;
	struct runner_program p = PLAIN;
	AUTO_CLOSE int fd = file_of("the message\n");

	p.input = fd;
	(void)run(p, "cat", &b);
	tap_ok(is(&b, "the message\n"), "the message");
	buf_clear(&b);
	(void)run(p, "cat", &b);
	tap_ok(is(&b, "the message\n"), "the message again");
	buf_clear(&b);
	(void)run(PLAIN, "cat; echo end", &b);
	tap_ok(is(&b, "end\n"), "no input");
}

static void
test_surroundings(void)
{
	AUTO_BUF struct buf b = OUT;
	struct runner_program p = PLAIN;
	const char *const env[] = { "A=b c", "PATH=/bin:/usr/bin", NULL };
	AUTO_CLOSE int dir = open("/usr", O_PATH | O_CLOEXEC);
	/* one that is not close-on-exec on purpose */
	AUTO_CLOSE int leak = open("/dev/null", O_RDONLY);

	p.env = env;
	p.dir = dir;
	(void)run(p, "env | grep -v ^_= | grep -v ^SHLVL= | sort; pwd", &b);
	tap_ok(is(&b, "A=b c\nPATH=/bin:/usr/bin\nPWD=/usr\n/usr\n"),
	    "environment and directory");
	buf_clear(&b);
	p.dir = -1;
	(void)run(p, "ls /proc/$$/fd; :", &b);
	tap_ok(leak > 2 && is(&b, "0\n1\n2\n"), "descriptors");
	buf_clear(&b);
	p.no_new_privs = true;
	(void)run(p, "grep NoNewPrivs /proc/self/status | tr -d '\\t'", &b);
	tap_ok(is(&b, "NoNewPrivs:1\n"), "no new privileges");
	buf_clear(&b);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)run(p, "grep SigIgn /proc/self/status | tr -d '\\t'", &b);
	(void)signal(SIGPIPE, SIG_DFL);
	tap_ok(is(&b, "SigIgn:0000000000000000\n"), "signals");
}

static void
test_output_limit(void)
{
	AUTO_BUF struct buf b = OUT;
	struct runner_program p = PLAIN;
	struct runner_result r;

	p.output_max = 10;
	r = run(p, "printf 0123456789", &b);
	tap_ok(!r.cut && is(&b, "0123456789"), "as much output as is kept");
	buf_clear(&b);
	r = run(p, "printf 0123456789a", &b);
	tap_ok(r.cut && is(&b, "0123456789"), "one octet more");
	buf_clear(&b);
	r = run(p, "head -c 3000000 /dev/zero; exit 5", &b);
	tap_ok(r.cut && r.status == 5 && b.n == 10,
	    "much more does not hold it up");
}

static void
test_limits(void)
{
	struct runner_program p = PLAIN;
	struct runner_result r;
	uint64_t t = clock_mono_ms();
	char text[64];

	p.limits.wall_ms = 200;
	r = run(p, "sleep 60", NULL);
	runner_text(&r, text);
	tap_ok(r.end == RUNNER_TIMEOUT && clock_mono_ms() - t < 20000 &&
		strcmp(text, "it took too long") == 0,
	    "wall time");
	r = run(p, "trap '' TERM; sleep 60; sleep 60", NULL);
	tap_ok(r.end == RUNNER_TIMEOUT && clock_mono_ms() - t < 40000,
	    "wall time, of one that does not listen");
	p = PLAIN;
	p.limits.cpu_s = 1;
	r = run(p, "while :; do :; done", NULL);
	tap_ok(r.end == RUNNER_SIGNAL &&
		(r.status == SIGXCPU || r.status == SIGKILL),
	    "processor time");
	p = PLAIN;
	p.limits.file = 4096;
	r = run(p,
	    "f=$(mktemp); trap '' XFSZ; head -c 5000 /dev/zero >$f; s=$?; "
	    "n=$(wc -c <$f); rm $f; [ $s != 0 ] && [ $n = 4096 ]",
	    NULL);
	tap_ok(r.end == RUNNER_EXITED && r.status == 0, "size of files");
	p = PLAIN;
	p.limits.files = 8;
	r = run(p, "[ $(ulimit -n) = 8 ]", NULL);
	tap_ok(r.status == 0, "descriptors");
	p.limits.memory = 64u << 20;
	r = run(p, "[ $(ulimit -v) = 65536 ]", NULL);
	tap_ok(r.status == 0, "memory");
	p.limits.processes = 1234;
	r = run(p, "grep -q 'processes *1234 *1234' /proc/$$/limits", NULL);
	tap_ok(r.status == 0, "processes");
}

static void
test_group(void)
{
	AUTO_BUF struct buf b = OUT;
	uint64_t t = clock_mono_ms();
	struct runner_result r = run(PLAIN, "sleep 61 & echo $!; exit 0", &b);
	pid_t pid = 0;

	for (size_t i = 0; i < b.n && b.p[i] >= '0'; i++)
		pid = pid * 10 + (b.p[i] - '0');
	tap_ok(r.end == RUNNER_EXITED && clock_mono_ms() - t < 20000,
	    "it does not wait for what is left behind");
	for (unsigned i = 0; i < 500 && kill(pid, 0) == 0; i++) {
		char path[64];
		AUTO_CLOSE int fd = -1;
		char s[512] = "";

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1 || read(fd, s, sizeof(s) - 1) <= 0 ||
		    strstr(s, ") Z") != NULL)
			break; /* a zombie whom nobody here waits for */
		(void)usleep(10000);
		if (i == 499)
			pid = -1;
	}
	tap_ok(pid > 0, "and kills it");
}

int
main(void)
{
	test_ends();
	test_input();
	test_surroundings();
	test_output_limit();
	test_limits();
	test_group();
	return tap_done();
}
