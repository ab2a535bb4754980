/*
 * fumi: the one command a person types. Each subcommand is a function in
 * cmd_<name>.c; this file finds it and reads the configuration for it.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "cli/cli.h"
#include "cli/cmd_account.h"
#include "cli/cmd_config.h"
#include "cli/cmd_deliver.h"
#include "cli/cmd_export.h"
#include "cli/cmd_import.h"
#include "cli/cmd_locks.h"
#include "cli/cmd_out.h"
#include "cli/cmd_serve.h"
#include "cli/cmd_session.h"
#include "cli/cmd_sieve.h"
#include "cli/cmd_top.h"
#include "cli/cmd_verify.h"
#include "cli/qmail_local.h"
#include "proc/settings.h"

#define ERRORS_MAX (64 * 1024)

static int
run_session(const struct conf *conf, int argc, char **argv)
{
	(void)conf;
	return cmd_session(argc, argv);
}

static const struct command_entry {
	const char *name;
	int (*run)(const struct conf *conf, int argc, char **argv);
	const char *what;
} commands[] = {
	{ "serve", NULL, "run the server" },
	{ "account", cmd_account, "add, remove, list and change accounts" },
	{ "deliver", cmd_deliver, "put a message into somebody's INBOX" },
	{ "qmail-local", cmd_qmail_local, "do what a .qmail file says" },
	{ "check-locks", cmd_locks,
	    "compare locks on mboxes with other programs" },
	{ "import", cmd_import, "put a maildir or an mbox into an account" },
	{ "export", cmd_export, "write an account's mail into files" },
	{ "verify", cmd_verify, "check an account, and mend what can be" },
	{ "top", cmd_top, "show the sessions of the running server" },
	{ "sieve", cmd_sieve, "check, try and test Sieve scripts" },
	{ "out", cmd_out, "show and manage the mail that waits to be sent" },
	{ "session", run_session, "serve IMAP on standard input and output" },
	{ "config", NULL, "check, show and explain the settings" },
};

static int
help(FILE *to, int status)
{
	(void)fprintf(to, "usage: fumi [-c FILE] COMMAND [ARGUMENT ...]\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		(void)fprintf(
		    to, "  %-11s  %s\n", commands[i].name, commands[i].what);
	(void)fprintf(to,
	    "\n  -c FILE    the configuration (default: %s)\n"
	    "  --version  say which fumi this is\n",
	    SETTINGS_FILE);
	return status;
}

static const struct command_entry *
find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int
run(const struct command_entry *e, const char *path, int argc, char **argv)
{
	AUTO_CONF struct conf *conf = conf_new(&settings_schema);
	AUTO_BUF struct buf errors = BUF_INIT(ERRORS_MAX);
	bool good = path == NULL || conf_read_file(conf, path);

	good = conf_check(conf) && good;
	good = settings_check(conf) && good;
	if (!good) {
		conf_errors_put(conf, &errors);
		(void)fwrite(errors.p, 1, errors.n, stderr);
		return EX_CONFIG;
	}
	return e->run(conf, argc, argv);
}

/* The program by its other names, as an MTA calls it. */
static const struct {
	const char *name;
	struct command_entry command;
	int broken; /* the status when the configuration is */
} guises[] = {
	{ "mail", { "mail", cmd_deliver, NULL }, EX_CONFIG },
	{ "mail.local", { "mail.local", cmd_deliver, NULL }, EX_CONFIG },
	{ "procmail", { "procmail", cmd_procmail, NULL }, EX_CONFIG },
	{ "qmail-local", { "qmail-local", cmd_qmail_local, NULL },
	    QMAIL_LOCAL_SOFT },
};

/* Its exit status; -1 when the name is fumi's own. */
static int
run_guise(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	int r;

	name = name != NULL ? name + 1 : argc > 0 ? argv[0] : "";
	for (size_t i = 0; i < sizeof(guises) / sizeof(guises[0]); i++) {
		if (strcmp(name, guises[i].name) != 0)
			continue;
		r = run(&guises[i].command,
		    access(SETTINGS_FILE, F_OK) == 0 ? SETTINGS_FILE : NULL,
		    argc, argv);
		return r == EX_CONFIG ? guises[i].broken : r;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const struct command_entry *e;
	const char *path = NULL;
	int c, guise = run_guise(argc, argv);

	if (guise != -1)
		return guise;
	/* "+": what follows the command is the command's */
	while ((c = getopt_long(argc, argv, "+c:hV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'h':
			return help(stdout, EX_OK);
		case 'V':
			(void)printf("fumi %s\n", FUMI_VERSION);
			return EX_OK;
		default:
			return help(stderr, EX_USAGE);
		}
	}
	if (optind == argc)
		return help(stderr, EX_USAGE);
	if ((e = find(argv[optind])) == NULL) {
		(void)fprintf(
		    stderr, "fumi: there is no command %s\n", argv[optind]);
		return help(stderr, EX_USAGE);
	}
	if (path == NULL && access(SETTINGS_FILE, F_OK) == 0)
		path = SETTINGS_FILE;
	argc -= optind;
	argv += optind;
	optind = 0; /* getopt begins anew */
	if (strcmp(e->name, "serve") == 0)
		return cmd_serve(path, argc, argv);
	if (strcmp(e->name, "config") == 0)
		return cmd_config(path, argc, argv);
	return run(e, path, argc, argv);
}
