#include "cli/cmd_session.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"
#include "session/managesieve.h"
#include "session/pop3.h"
#include "session/session.h"

#define EXIT_USAGE 64

static int
usage(void)
{
	fputs("usage: fumi session --stdio --dir DIR [--create] "
	      "[--round-trip] [--log LEVEL]\n"
	      "           [--protocol imap|sieve]\n"
	      "       … --protocol pop3 [--utf8] [--mark-seen] [--hide-seen] "
	      "[--shared] [--login-delay S]\n",
	    stderr);
	return EXIT_USAGE;
}

enum protocol { PROTOCOL_IMAP, PROTOCOL_POP3, PROTOCOL_SIEVE };
static const char *const protocols[] = { "imap", "pop3", "sieve" };

struct options {
	bool stdio, create, round_trip;
	const char *dir;
	enum log_level level;
	enum protocol protocol;
	struct pop3_settings pop3;
};

static bool
read_protocol(const char *name, enum protocol *out)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcmp(name, protocols[i]) == 0) {
			*out = (enum protocol)i;
			return true;
		}
	return false;
}

/* An option with a value; false: it is no good one. */
static bool
read_value(int c, const char *value, struct options *o)
{
	uint64_t n;

	switch (c) {
	case 'd':
		o->dir = value;
		return true;
	case 'l':
		return log_level_parse(view_str(value), &o->level);
	case 'p':
		return read_protocol(value, &o->protocol);
	case 'L':
		if (!num_parse(view_str(value), UINT32_MAX, &n))
			return false;
		o->pop3.login_delay_s = (uint32_t)n;
		return true;
	}
	return false;
}

/* An option that is a word alone. */
static bool *
flag_of(int c, struct options *o)
{
	switch (c) {
	case 's':
		return &o->stdio;
	case 'c':
		return &o->create;
	case 'r':
		return &o->round_trip;
	case 'u':
		return &o->pop3.utf8;
	case 'm':
		return &o->pop3.mark_seen;
	case 'h':
		return &o->pop3.hide_seen;
	}
	return NULL;
}

static bool
read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "stdio", no_argument, NULL, 's' },
		{ "dir", required_argument, NULL, 'd' },
		{ "create", no_argument, NULL, 'c' },
		{ "round-trip", no_argument, NULL, 'r' },
		{ "log", required_argument, NULL, 'l' },
		{ "protocol", required_argument, NULL, 'p' },
		{ "utf8", no_argument, NULL, 'u' },
		{ "mark-seen", no_argument, NULL, 'm' },
		{ "hide-seen", no_argument, NULL, 'h' },
		{ "shared", no_argument, NULL, 'x' },
		{ "login-delay", required_argument, NULL, 'L' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .level = LOG_FAILURES };
	o->pop3.exclusive = true;
	o->pop3.expire_days = POP3_EXPIRE_NEVER;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		bool *flag = flag_of(c, o);

		if (flag != NULL)
			*flag = true;
		else if (c == 'x')
			o->pop3.exclusive = false;
		else if (!read_value(c, optarg, o))
			return false;
	}
	return o->stdio && o->dir != NULL && optind == argc;
}

/* Who is at the other end of the ssh. */
static struct view
own_user(void)
{
	const struct passwd *pw = getpwuid(getuid());

	return view_str(pw != NULL ? pw->pw_name : "user");
}

/* Scripts for IMAP events run here too, but nothing leaves. */
static int
run_imap(const struct options *o, const struct client_env *client)
{
	char host[256] = "";
	struct session_events events = { .users = true };
	struct session_env env = { .client = *client,
		.round_trip = o->round_trip || getenv("FUMI_ROUNDTRIP") != NULL,
		.events = &events };

	env.client.user = own_user();
	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		memcpy(host, "localhost", sizeof("localhost"));
	events.host = view_str(host);
	return session_imap_run(&env) == CLIENT_FAILED ? EXIT_FAILURE
						       : EXIT_SUCCESS;
}

static int
run_pop3(const struct options *o, const struct client_env *env)
{
	return pop3_run(env, &o->pop3) == CLIENT_FAILED ? EXIT_FAILURE
							: EXIT_SUCCESS;
}

static int
run_sieve(const struct client_env *env)
{
	const struct managesieve_settings set = { .max_script = 0 };

	return managesieve_run(env, &set) == CLIENT_FAILED ? EXIT_FAILURE
							   : EXIT_SUCCESS;
}

static int
run(const struct options *o, int dir, struct log *log)
{
	struct client_env env = { .in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.hub = -1,
		.dir = dir,
		.create = o->create,
		.first = CLIENT_PREAUTH,
		.log = log };

	switch (o->protocol) {
	case PROTOCOL_IMAP:
		break;
	case PROTOCOL_POP3:
		return run_pop3(o, &env);
	case PROTOCOL_SIEVE:
		return run_sieve(&env);
	}
	return run_imap(o, &env);
}

int
cmd_session(int argc, char **argv)
{
	static const char *const modules[] = { "IMAP", "POP3", "SIEVE" };
	AUTO_CLOSE int dir = -1;
	struct options o;
	struct log log;

	if (!read_options(argc, argv, &o))
		return usage();
	log_init(&log, STDERR_FILENO, LOG_STYLE_PLAIN, o.level,
	    modules[o.protocol], 0);
	signal(SIGPIPE, SIG_IGN);
	dir = open(o.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1) {
		fprintf(
		    stderr, "fumi session: %s: %s\n", o.dir, strerror(errno));
		return EXIT_FAILURE;
	}
	return run(&o, dir, &log);
}
