#include "cli/lock_helper.h"

#include <errno.h>
#include <stddef.h>
#include <sysexits.h>

#include "proc/runner.h"

#define WAIT_MS 60000

int
lock_helper(void *ctx, const char *path, bool lock)
{
	const char *const argv[] = { FUMI_LIBEXEC "/fumi-dotlock",
		lock ? "lock" : "unlock", path, NULL };
	const char *const env[] = { NULL };
	const struct runner_program p = { .argv = argv,
		.env = env,
		.dir = -1,
		.input = -1,
		.limits.wall_ms = WAIT_MS };
	struct runner_result r;

	(void)ctx;
	if (runner_run(&p, &r, NULL, NULL) != 0 || r.end != RUNNER_EXITED)
		return -EACCES;
	if (r.status == EX_OK)
		return 0;
	return r.status == EX_TEMPFAIL ? -EAGAIN : -EACCES;
}
