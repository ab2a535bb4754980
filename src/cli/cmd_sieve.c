#include "cli/cmd_sieve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/sieve_mail.h"
#include "cli/sieve_run.h"
#include "sieve/sieve.h"
#include "sieve/testsuite.h"

#define USAGE                                                                  \
	"sieve compile FILE... | sieve extensions | sieve test FILE... | "     \
	"sieve run -u ACCOUNT ..."

/* What remains of fd into out; 0 or negative errno, -EFBIG past its maximum. */
static int
read_all(int fd, struct buf *out)
{
	for (;;) {
		uint8_t *p = buf_reserve(out, 1);
		ssize_t n;

		if (p == NULL)
			return -EFBIG;
		n = read(fd, p, out->cap - out->n);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? 0 : -errno;
		out->n += (size_t)n;
	}
}

/* 0 or negative errno. dir: for relative names; out is cleared first. */
static int
read_file(int dir, const char *name, struct buf *out)
{
	AUTO_CLOSE int fd = -1;

	buf_clear(out);
	if (strcmp(name, "-") == 0)
		return read_all(STDIN_FILENO, out);
	if ((fd = openat(dir, name, O_RDONLY | O_CLOEXEC)) == -1)
		return -errno;
	return read_all(fd, out);
}

static int
compile_file(const char *name)
{
	AUTO_BUF struct buf text = BUF_INIT(CMD_SIEVE_FILE_MAX + 1);
	struct sieve_program *p = NULL;
	struct sieve_errors errors;
	int r = read_file(AT_FDCWD, name, &text);

	if (r != 0)
		return cli_fail(
		    EX_NOINPUT, "sieve", "%s: %s", name, strerror(-r));
	if (sieve_compile(buf_view(&text), NULL, &p, &errors)) {
		sieve_free(&p);
		return EX_OK;
	}
	for (size_t i = 0; i < errors.n; i++)
		(void)fprintf(stderr, "%s:%u:%u: %s\n", name, errors.e[i].line,
		    errors.e[i].column, errors.e[i].text);
	return EX_DATAERR;
}

static int
run_compile(int argc, char **argv)
{
	int status = EX_OK;

	for (int i = 0; i < argc; i++) {
		int r = compile_file(argv[i]);

		if (status == EX_OK)
			status = r;
	}
	return status;
}

static int
run_extensions(void)
{
	AUTO_BUF struct buf b = BUF_INIT(64 * 1024);

	sieve_extensions(NULL, &b);
	for (size_t i = 0; i < b.n; i++)
		(void)putchar(b.p[i] == ' ' ? '\n' : b.p[i]);
	(void)putchar('\n');
	return EX_OK;
}

struct tests {
	const char *file;
	int dir;
	size_t passed, failed;
};

static bool
on_read(void *ctx, struct view path, struct arena *a, struct view *out)
{
	AUTO_BUF struct buf b = BUF_INIT(CMD_SIEVE_FILE_MAX + 1);
	const struct tests *t = ctx;
	char *name, *copy;

	if (memchr(path.p, 0, path.n) != NULL ||
	    (name = arena_strdup(a, path)) == NULL ||
	    read_file(t->dir, name, &b) != 0 ||
	    (copy = arena_strdup(a, buf_view(&b))) == NULL)
		return false;
	*out = (struct view){ (const uint8_t *)copy, b.n };
	return true;
}

static void
on_report(void *ctx, struct view name, uint32_t line, const char *reason)
{
	struct tests *t = ctx;

	if (reason == NULL) {
		t->passed++;
		(void)printf("ok %.*s\n", (int)name.n, (const char *)name.p);
		return;
	}
	t->failed++;
	(void)printf("not ok %.*s: ", (int)name.n, (const char *)name.p);
	for (; *reason != '\0'; reason++)
		(void)putchar((uint8_t)*reason < ' ' ? ' ' : *reason);
	(void)printf(" (%s:%u)\n", t->file, line);
}

static void
on_note(void *ctx, uint32_t line, struct view text)
{
	(void)ctx;
	(void)printf("# line %u: ", line);
	for (size_t i = 0; i < text.n; i++)
		(void)putchar(text.p[i] < ' ' ? ' ' : text.p[i]);
	(void)putchar('\n');
}

/* The folder a file is in. */
static struct view
folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	if (slash == NULL)
		return VIEW_LIT(".");
	if (slash == file)
		return VIEW_LIT("/");
	return (struct view){ (const uint8_t *)file, (size_t)(slash - file) };
}

static int
test_file(const char *file, struct tests *t)
{
	AUTO_BUF struct buf text = BUF_INIT(CMD_SIEVE_FILE_MAX + 1);
	AUTO_ARENA struct arena *a = arena_new(CMD_SIEVE_FILE_MAX);
	AUTO_CLOSE int dir = -1;
	struct testsuite_host host = {
		.ctx = t,
		.read = on_read,
		.send = sieve_mail,
		.report = on_report,
		.note = on_note,
		.path = folder_of(file),
		.now = time(NULL),
	};
	const char *path = arena_strdup(a, host.path);
	int r;

	dir = path == NULL ? -1 : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = dir == -1 ? -errno : read_file(AT_FDCWD, file, &text);
	if (r != 0)
		return cli_fail(
		    EX_NOINPUT, "sieve", "%s: %s", file, strerror(-r));
	t->file = file;
	t->dir = dir;
	testsuite_run(buf_view(&text), &host);
	return EX_OK;
}

static int
run_test(int argc, char **argv)
{
	struct tests t = { .passed = 0 };
	int status = EX_OK;

	for (int i = 0; i < argc; i++) {
		int r = test_file(argv[i], &t);

		if (status == EX_OK)
			status = r;
	}
	(void)printf("%zu passed, %zu failed\n", t.passed, t.failed);
	return status == EX_OK && t.failed > 0 ? 1 : status;
}

int
cmd_sieve(const struct conf *conf, int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "run") == 0)
		return sieve_run_command(conf, argc - 1, argv + 1);
	if (argc >= 3 && strcmp(argv[1], "compile") == 0)
		return run_compile(argc - 2, argv + 2);
	if (argc == 2 && strcmp(argv[1], "extensions") == 0)
		return run_extensions();
	if (argc >= 3 && strcmp(argv[1], "test") == 0)
		return run_test(argc - 2, argv + 2);
	return cli_usage(USAGE);
}
