#include "cli/cmd_config.h"

#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cmd_serve.h"
#include "proc/certificate.h"
#include "proc/settings.h"

#define TEXT_MAX (4 * 1024 * 1024)

static int
print(const struct buf *b)
{
	if (b->failed || fwrite(b->p, 1, b->n, stdout) != b->n ||
	    fflush(stdout) != 0)
		return cli_fail(EX_IOERR, "config", "cannot write it all");
	return EX_OK;
}

/* fumi.conf(5), generated so that it cannot differ from the program. */
static int
manual(void)
{
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);

	buf_put_str(&b,
	    ".Dd $Mdocdate$\n.Dt FUMI.CONF 5\n.Os\n.Sh NAME\n"
	    ".Nm fumi.conf\n.Nd configuration of the fumi mail server\n"
	    ".Sh DESCRIPTION\n"
	    "The file has sections and settings, one on a line:\n"
	    ".Bd -literal -offset indent\n"
	    "[server]\nstate-dir = /var/lib/fumi\n\n"
	    "[listener imaps]\nport = 993\ntls = implicit\n.Ed\n.Pp\n"
	    "A\n.Ql #\nbegins a comment.\n"
	    "Values with blanks at an end, or with a\n.Ql # ,\n"
	    "stand in double quotes.\n"
	    "Lines are never continued, and an unknown name is an error:\n"
	    ".Ql fumi config check\nsays all of them,\n"
	    ".Ql fumi config show\nprints what is in force.\n"
	    ".Sh SETTINGS\n");
	conf_man(&settings_schema, &b);
	buf_put_str(&b,
	    ".Sh FILES\n.Bl -tag -width Ds\n.It Pa " SETTINGS_FILE "\n"
	    "Read when no other file is named by\n.Fl c .\n.El\n"
	    ".Sh SEE ALSO\n.Xr fumi 1\n");
	return print(&b);
}

/* They are tried by the program that serves them. */
static int
check_certificates(const char *path)
{
	char program[PATH_MAX], name[] = "fumi-gate", check[] = "--check",
				file[PATH_MAX];
	char *argv[] = { name, check, file, NULL };
	int status, r;
	pid_t pid;

	cmd_serve_program(program, sizeof(program), name);
	if (snprintf(file, sizeof(file), "%s", path) >= (int)sizeof(file))
		return cli_fail(EX_USAGE, "config", "-c: too long");
	if ((r = posix_spawn(&pid, program, NULL, NULL, argv, environ)) != 0)
		return cli_fail(
		    EX_UNAVAILABLE, "config", "%s: %s", program, strerror(r));
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return cli_fail(EX_SOFTWARE, "config", "%s has died", program);
	return WEXITSTATUS(status);
}

static int
check(const struct conf *conf, const char *path)
{
	struct certificate_files f;

	return path != NULL && certificate_files(conf, 0, &f)
	    ? check_certificates(path)
	    : EX_OK;
}

int
cmd_config(const char *path, int argc, char **argv)
{
	AUTO_CONF struct conf *conf = conf_new(&settings_schema);
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);
	const char *what = argc == 2 ? argv[1] : "";
	bool good;

	if (strcmp(what, "man") == 0)
		return manual();
	if (strcmp(what, "check") != 0 && strcmp(what, "show") != 0)
		return cli_usage("config check|show|man");
	good = path == NULL || conf_read_file(conf, path);
	good = conf_check(conf) && good;
	good = settings_check(conf) && good;
	if (!good) {
		conf_errors_put(conf, &b);
		(void)fwrite(b.p, 1, b.n, stderr);
		return EX_CONFIG;
	}
	if (strcmp(what, "check") == 0)
		return check(conf, path);
	conf_show(conf, &b);
	return print(&b);
}
