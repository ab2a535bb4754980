#include "proc/master.h"

#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "proc/settings.h"

/*
 * The server's first process. It opens what needs root, starts the others each
 * under its own uid, and from then on only watches them: no byte from outside
 * is parsed here.
 *
 *   fumi-master [-c FILE] [--daemon]
 *
 * Exit status: 0 stopped in order, otherwise one of sysexits(3).
 */
static void stop(struct master *m);
static void on_hup(void *ctx, int signo);

/* ---- being ready ---- */

/* --daemon: with what status it ends. */
static void
tell_parent(struct master *m, int status)
{
	const uint8_t byte = (uint8_t)status;

	if (m->told_fd >= 0)
		(void)!write(m->told_fd, &byte, 1);
	fd_close(&m->told_fd);
}

/* Nothing may hold the terminal, or whatever it is, open any longer. */
static void
let_go(struct master *m)
{
	(void)dup2(m->null_fd, 0);
	(void)dup2(m->null_fd, 1);
	if (*conf_str(m->conf, "server", NULL, "log") != '\0')
		(void)dup2(m->null_fd, 2);
}

static void
tell_ready(struct master *m)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 65536);
	master_put_listeners(m, &b);
	(void)sdnotify_ready();
	log_say(
	    &m->log, LOG_MAJOR, "ready", "%.*s", (int)b.n, (const char *)b.p);
	if (m->told_fd >= 0) {
		let_go(m);
		tell_parent(m, 0);
		return;
	}
	(void)fprintf(stderr, "fumi: ready pid=%ld %.*s\n", (long)getpid(),
	    (int)b.n, (const char *)b.p);
}

void
master_child_ready(struct master *m)
{
	if (m->running)
		return;
	for (size_t i = 0; i < m->children; i++)
		if (!m->child[i].ready)
			return;
	m->running = true;
	tell_ready(m);
	if (m->reload_due)
		on_hup(m, SIGHUP);
}

/* On standard error too: whoever starts a server looks there first. */
static void
cannot_start(struct master *m, const char *reason)
{
	const char *log =
	    m->log_fd >= 0 ? conf_str(m->conf, "server", NULL, "log") : "";

	if (m->log_fd >= 0)
		log_say(&m->log, LOG_FAILURES, "start",
		    "the server cannot start: %s", reason);
	(void)fprintf(stderr, "fumi: the server cannot start: %s%s%s\n", reason,
	    *log != '\0' ? "; see " : "", log);
}

/* A process that ends before all were ready would end again. */
static void
child_cannot_start(struct master *m, const struct master_child *c, int status)
{
	struct why w = m->unfit;

	m->status = w.text[0] != '\0' ? EX_CONFIG : EX_UNAVAILABLE;
	if (w.text[0] == '\0')
		(void)why(&w, 0, "%s has ended with %s %d",
		    msg_process_name(c->process),
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status));
	cannot_start(m, w.text);
	stop(m);
}

/* Go on with stopping. */
static void
go_on_stopping(struct master *m)
{
	size_t alive = 0, others = 0;

	for (size_t i = 0; i < m->children; i++) {
		alive += m->child[i].pid != 0;
		others += m->child[i].pid != 0 &&
		    m->child[i].process != MSG_PROCESS_FORKER;
	}
	/* the forker buries the sessions, so it goes last */
	for (size_t i = 0; others == 0 && i < m->children; i++)
		master_child_stop(&m->child[i]);
	if (alive == 0)
		loop_stop(m->loop);
}

void
master_child_ended(struct master *m, const struct master_child *c, int status)
{
	if (!m->running && !m->stopping)
		child_cannot_start(m, c, status);
	if (m->stopping)
		go_on_stopping(m);
}

/* ---- signals ---- */

static void
too_late(void *ctx)
{
	struct master *m = ctx;

	/* no failure of ours: a client that does not read can keep its session
	 * as long as that */
	log_say(&m->log, LOG_PROBLEMS, "stop",
	    "not all ended in time, the rest is killed");
	master_child_kill(m);
	loop_stop(m->loop);
}

static void
stop(struct master *m)
{
	if (m->stopping)
		return;
	m->stopping = true;
	(void)sdnotify_stopping();
	loop_timer_set(m->loop, &m->stop_timer,
	    conf_num(m->conf, "server", NULL, "stop-timeout"), too_late, m);
	for (size_t i = 0; i < m->children; i++)
		if (m->child[i].process != MSG_PROCESS_FORKER)
			master_child_stop(&m->child[i]);
	go_on_stopping(m);
}

static void
on_stop(void *ctx, int signo)
{
	struct master *m = ctx;

	log_say(&m->log, LOG_MAJOR, "stop", "signal %d", signo);
	stop(m);
}

static void
log_errors(struct master *m, const struct buf *errors)
{
	struct view rest = buf_view(errors);

	while (rest.n > 0) {
		const uint8_t *nl = memchr(rest.p, '\n', rest.n);
		size_t n = nl == NULL ? rest.n : (size_t)(nl - rest.p);

		log_say(&m->log, LOG_FAILURES, "config", "%.*s", (int)n,
		    (const char *)rest.p);
		view_skip(&rest, nl == NULL ? n : n + 1);
	}
}

/* Of [tls] certificate a reload takes over what is in the file, but not that it
 * is there no more, nor the port that is opened for it without listeners. */
static bool
is_tls_other(const struct master *m)
{
	bool was = *conf_str(m->first, "tls", NULL, "certificate") != '\0';
	bool is = *conf_str(m->conf, "tls", NULL, "certificate") != '\0';

	if (m->certificates.n > 0 && m->offered.n == 0)
		return true;
	return was != is && conf_name(m->conf, "listener", 0) == NULL;
}

static void
say_restart(struct master *m)
{
	AUTO_BUF struct buf b = BUF_INIT(65536);

	conf_restart_put(m->first, m->conf, &b);
	if (is_tls_other(m))
		buf_printf(&b, "%s[tls] certificate", b.n > 0 ? ", " : "");
	if (b.n > 0)
		log_say(&m->log, LOG_FAILURES, "reload",
		    "changed, but needs a restart: %.*s", (int)b.n,
		    (const char *)b.p);
}

/* How a reload went; reason NULL: nothing more was against it. */
static void
reload_end(struct master *m, const char *reason)
{
	bool good = reason == NULL && m->reloaded;

	loop_timer_del(m->loop, &m->reload_timer);
	if (good)
		log_say(&m->log, LOG_MAJOR, "reload", "done");
	else
		log_say(&m->log, LOG_FAILURES, "reload", "failed: %s",
		    reason != NULL ? reason : "not all of it was done");
	if (m->reloading)
		(void)sdnotify_send(good
			? VIEW_LIT("READY=1\nSTATUS=")
			: VIEW_LIT("READY=1\nSTATUS=The last reload failed, "
				   "see the log"));
	m->reloading = false;
}

static void
on_reload_late(void *ctx)
{
	reload_end(ctx, "no process that holds connections has answered");
}

/* A broken file changes nothing at all. */
static bool
take_conf(struct master *m, struct why *w)
{
	AUTO_BUF struct buf errors = BUF_INIT(65536);
	struct master_certificates read = { .n = 0 };
	struct conf *c, *old = m->conf;

	if (master_open_conf(m->conf_path, &c, &errors) != 0) {
		log_errors(m, &errors);
		(void)why(w, 0, "the configuration of before stays in force");
		return false;
	}
	m->conf = c;
	if (master_open_certificates(m, &read, w) != 0) {
		m->conf = old;
		conf_free(&c);
		return false;
	}
	if (old != m->first)
		conf_free(&old);
	master_certificates_free(&m->offered);
	m->offered = read;
	m->generation++;
	return true;
}

/* Certificates are in force when a gate has said that it can use them. */
static void
reload(struct master *m)
{
	struct why w = { "" };

	m->reloading = m->reloaded = true;
	(void)sdnotify_reloading();
	if (!take_conf(m, &w)) {
		reload_end(m, w.text);
		return;
	}
	if (master_open_scripts(m, &w) != 0) {
		m->reloaded = false;
		log_why(&m->log, LOG_FAILURES, "reload", &w);
	}
	if (master_open_log(m, &w) != 0) {
		m->reloaded = false;
		log_why(&m->log, LOG_FAILURES, "reload", &w);
	}
	say_restart(m);
	master_child_reload(m);
	if (m->offered.n == 0)
		reload_end(m, NULL);
	else
		loop_timer_set(m->loop, &m->reload_timer, MASTER_RELOAD_MS,
		    on_reload_late, m);
}

void
master_certified(struct master *m, const struct msg_master_certified *msg)
{
	struct why w;

	(void)why(&w, 0, "%.*s", (int)msg->text.n, (const char *)msg->text.p);
	if (!m->running && !msg->good)
		m->unfit = w;
	if (m->offered.n == 0 || msg->generation != m->generation)
		return; /* of an older set, or another gate has said it */
	if (msg->good) {
		master_certificates_free(&m->certificates);
		m->certificates = m->offered;
		m->offered.n = 0;
		reload_end(m, NULL);
		return;
	}
	master_certificates_free(&m->offered);
	reload_end(m, w.text);
}

static void
on_hup(void *ctx, int signo)
{
	struct master *m = ctx;

	(void)signo;
	/* a process that ends to begin anew would end the start */
	m->reload_due = !m->running;
	if (!m->stopping && !m->reload_due)
		reload(m);
}

static void
on_child(void *ctx, int signo)
{
	(void)signo;
	master_child_reap(ctx);
}

static void
on_watchdog(void *ctx)
{
	struct master *m = ctx;

	(void)sdnotify_send(VIEW_LIT("WATCHDOG=1"));
	loop_timer_set(m->loop, &m->watchdog, sdnotify_watchdog_ms() / 2 + 1,
	    on_watchdog, m);
}

static int
watch_signals(struct master *m)
{
	int r;

	if ((r = loop_signal(m->loop, SIGTERM, on_stop, m)) != 0 ||
	    (r = loop_signal(m->loop, SIGINT, on_stop, m)) != 0 ||
	    (r = loop_signal(m->loop, SIGHUP, on_hup, m)) != 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	return loop_signal(m->loop, SIGCHLD, on_child, m);
}

/* ---- the beginning ---- */

static char *
own_directory(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const char *dir;
	char *out;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	dir = dirname(path);
	out = xcalloc(1, strlen(dir) + 1);
	memcpy(out, dir, strlen(dir));
	return out;
}

static int
open_programs(struct master *m, struct why *w)
{
	m->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (m->null_fd == -1)
		return why(w, -errno, "open /dev/null");
	if ((m->libexec = own_directory()) == NULL)
		return why(w, -errno, "find our programs");
	return 0;
}

static int
open_certificates(struct master *m, struct why *w)
{
	return master_open_certificates(m, &m->certificates, w);
}

/* What the server stands on, and what it means when something is missing. */
static int
open_all(struct master *m, struct why *w)
{
	static const struct {
		int (*open)(struct master *m, struct why *w);
		int status;
	} steps[] = {
		{ open_programs, EX_OSERR },
		{ master_open_log, EX_CANTCREAT },
		{ master_open_users, EX_CONFIG },
		{ master_open_dirs, EX_CANTCREAT },
		{ master_open_pid, EX_UNAVAILABLE },
		{ open_certificates, EX_CONFIG },
		{ master_open_scripts, EX_CONFIG },
		{ master_open_listeners, EX_UNAVAILABLE },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		if ((r = steps[i].open(m, w)) != 0)
			m->status = r == -EACCES || r == -EPERM
			    ? EX_NOPERM
			    : steps[i].status;
	return r;
}

static int
start_all(struct master *m, struct why *w)
{
	int r;

	m->first = m->conf;
	if ((r = loop_new(&m->loop)) != 0 || (r = watch_signals(m)) != 0)
		return why(w, r, "event loop");
	/* sessions that outlive their forker become ours */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	master_child_table(m);
	if ((r = master_child_start_all(m, w)) != 0)
		return r;
	if (sdnotify_watchdog_ms() > 0)
		on_watchdog(m);
	m->status = 0;
	return 0;
}

/* Go into the background once all is ready: the parent waits for a byte. */
static int
detach(struct master *m, struct why *w)
{
	int fd[2];
	uint8_t byte;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) != 0 || (pid = fork()) == -1)
		return why(w, -errno, "detach");
	if (pid > 0) {
		close(fd[1]);
		if (read(fd[0], &byte, 1) == 1)
			_exit(byte);
		(void)fprintf(stderr,
		    "fumi: the server has died while it was starting\n");
		_exit(EX_SOFTWARE);
	}
	close(fd[0]);
	m->told_fd = fd[1];
	(void)setsid();
	return 0;
}

static int
usage(void)
{
	(void)fprintf(stderr, "usage: fumi-master [-c FILE] [--daemon]\n");
	return EX_USAGE;
}

/* 0, or the status to exit with. */
static int
options(struct master *m, int argc, char **argv, bool *daemon)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "daemon", no_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "c:d", longs, NULL)) != -1) {
		if (o == 'c')
			m->conf_path = optarg;
		else if (o == 'd')
			*daemon = true;
		else
			return usage();
	}
	if (m->conf_path == NULL && access(SETTINGS_FILE, F_OK) == 0)
		m->conf_path = SETTINGS_FILE;
	return optind == argc ? 0 : usage();
}

static int
fail(struct master *m, const struct why *w, int err)
{
	cannot_start(m, w->text[0] != '\0' ? w->text : strerror(-err));
	if (m->loop != NULL)
		master_child_kill(m);
	tell_parent(m, m->status);
	return m->status;
}

static int
serve(struct master *m, bool daemon)
{
	struct why w = { "" };
	int r = 0;

	m->status = EX_OSERR;
	if (daemon)
		r = detach(m, &w);
	if (r == 0)
		r = open_all(m, &w);
	if (r == 0)
		r = start_all(m, &w);
	if (r != 0)
		return fail(m, &w, r);
	if ((r = loop_run(m->loop)) != 0) {
		m->status = EX_OSERR;
		return fail(m, &w, r);
	}
	(void)unlinkat(m->run_dir, "fumi.pid", 0);
	log_say(&m->log, LOG_MAJOR, "stopped", "status %d", m->status);
	tell_parent(m, m->status);
	return m->status;
}

int
main(int argc, char **argv)
{
	/* large, and lives as long as the process */
	static struct master m = { .log_fd = -1,
		.null_fd = -1,
		.scripts_fd = -1,
		.run_dir = -1,
		.accounts_dir = -1,
		.auth_dir = -1,
		.out_dir = -1,
		.told_fd = -1 };
	AUTO_BUF struct buf errors = { 0 };
	bool daemon = false;
	int r;

	umask(022);
	m.root = geteuid() == 0;
	if ((r = options(&m, argc, argv, &daemon)) != 0)
		return r;
	buf_init(&errors, 65536);
	if (master_open_conf(m.conf_path, &m.conf, &errors) != 0) {
		(void)fprintf(
		    stderr, "%.*s", (int)errors.n, (const char *)errors.p);
		return EX_CONFIG;
	}
	return serve(&m, daemon);
}
