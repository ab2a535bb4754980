#include "cli/cmd_serve.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* Beside this one in src/proc of a build directory, otherwise where they were
 * installed. */
void
cmd_serve_program(char *out, size_t n, const char *name)
{
	char self[PATH_MAX / 2];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (len > 0) {
		self[len] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		if (snprintf(out, n, "%s/src/proc/%s", self, name) < (int)n &&
		    access(out, X_OK) == 0)
			return;
	}
	(void)snprintf(out, n, "%s/%s", FUMI_LIBEXEC, name);
}

int
cmd_serve(const char *conf, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "daemon", no_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	char name[] = "fumi-master", c[] = "-c", d[] = "--daemon";
	char path[PATH_MAX], file[PATH_MAX];
	char *args[5] = { name };
	int n = 1, o;
	bool daemon = false;

	while ((o = getopt_long(argc, argv, "d", longs, NULL)) != -1) {
		if (o != 'd')
			return cli_usage("serve [--daemon]");
		daemon = true;
	}
	if (optind != argc)
		return cli_usage("serve [--daemon]");
	if (conf != NULL) {
		if (snprintf(file, sizeof(file), "%s", conf) >=
		    (int)sizeof(file))
			return cli_fail(EX_USAGE, "serve", "-c: too long");
		args[n++] = c;
		args[n++] = file;
	}
	if (daemon)
		args[n++] = d;
	cmd_serve_program(path, sizeof(path), name);
	(void)execv(path, args);
	return cli_fail(
	    EX_UNAVAILABLE, "serve", "%s: %s", path, strerror(errno));
}
