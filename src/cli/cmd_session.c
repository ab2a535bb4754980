#include "cli/cmd_session.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "session/session.h"

#define EXIT_USAGE 64

static int
usage(void)
{
	fputs("usage: fumi session --stdio --dir DIR [--create] "
	      "[--round-trip] [--log LEVEL]\n",
	    stderr);
	return EXIT_USAGE;
}

struct options {
	bool stdio, create, round_trip;
	const char *dir;
	enum log_level level;
};

static bool
read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "stdio", no_argument, NULL, 's' },
		{ "dir", required_argument, NULL, 'd' },
		{ "create", no_argument, NULL, 'c' },
		{ "round-trip", no_argument, NULL, 'r' },
		{ "log", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .level = LOG_FAILURES };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's')
			o->stdio = true;
		else if (c == 'd')
			o->dir = optarg;
		else if (c == 'c')
			o->create = true;
		else if (c == 'r')
			o->round_trip = true;
		else if (c != 'l' ||
		    !log_level_parse(view_str(optarg), &o->level))
			return false;
	}
	return o->stdio && o->dir != NULL && optind == argc;
}

int
cmd_session(int argc, char **argv)
{
	struct session_env env = { .in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.hub = -1,
		.first = SESSION_PREAUTH };
	AUTO_CLOSE int dir = -1;
	struct options o;
	struct log log;

	if (!read_options(argc, argv, &o))
		return usage();
	log_init(&log, STDERR_FILENO, LOG_STYLE_PLAIN, o.level, "IMAP", 0);
	signal(SIGPIPE, SIG_IGN);
	dir = open(o.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1) {
		fprintf(
		    stderr, "fumi session: %s: %s\n", o.dir, strerror(errno));
		return EXIT_FAILURE;
	}
	env.dir = dir;
	env.create = o.create;
	env.round_trip = o.round_trip || getenv("FUMI_ROUNDTRIP") != NULL;
	env.log = &log;
	return session_imap_run(&env) == SESSION_FAILED ? EXIT_FAILURE
							: EXIT_SUCCESS;
}
