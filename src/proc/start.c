#include "proc/start.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/num.h"
#include "proc/settings.h"

/*
 * Everything that the long-lived processes do alike. What master sends is
 * trusted in so far as master could do anything anyway; it is checked all the
 * same, since a broken message is better refused than half understood.
 */
enum start_state {
	WAITING = 1, /* GO has not come */
	RUNNING = 2,
};

enum sandbox_mode
start_sandbox_mode(const struct conf *conf)
{
	return conf_enum(conf, "server", NULL, "sandbox") ==
		SETTINGS_SANDBOX_REQUIRE
	    ? SANDBOX_REQUIRE
	    : SANDBOX_BEST_EFFORT;
}

/* The configuration in fd; NULL when it is not one (master has checked it). */
static struct conf *
read_conf(struct start *s, int fd)
{
	AUTO_BUF struct buf text;
	struct conf *c;
	int r;

	buf_init(&text, CONF_FILE_MAX);
	if ((r = fd_read_whole(fd, CONF_FILE_MAX, &text)) != 0) {
		log_say(
		    &s->log, LOG_FAILURES, "config", "read: %s", strerror(-r));
		return NULL;
	}
	c = conf_new(&settings_schema);
	if (!conf_read(c, buf_view(&text), "config") || !conf_check(c)) {
		log_say(&s->log, LOG_FAILURES, "config", "does not parse");
		conf_free(&c);
	}
	return c;
}

static void
log_settings(struct start *s)
{
	s->log.style =
	    (enum log_style)conf_enum(s->conf, "server", NULL, "log-style");
	log_set_level(&s->log,
	    (enum log_level)conf_enum(s->conf, "server", NULL, "log-level"));
}

static bool
check(struct start *s, int r, const char *what)
{
	if (r < 0) {
		log_say(&s->log, LOG_FAILURES, "start", "%s: %s", what,
		    strerror(-r));
		start_fail(s);
	}
	return true;
}

static bool
on_peer(void *ctx, struct wire *w, int *fd)
{
	struct start *s = ctx;
	struct msg_master_peer m;

	if (!msg_master_peer_get(w, &m))
		return false;
	return s->ops->peer == NULL ||
	    check(s, s->ops->peer(s->ctx, &m, fd), "peer");
}

static bool
on_listener(void *ctx, struct wire *w, int *fd)
{
	struct start *s = ctx;
	struct msg_master_listener m;

	if (!msg_master_listener_get(w, &m))
		return false;
	return s->ops->listener == NULL ||
	    check(s, s->ops->listener(s->ctx, &m, fd), "listener");
}

static bool
on_directory(void *ctx, struct wire *w, int *fd)
{
	struct start *s = ctx;

	if (!wire_end(w))
		return false;
	return s->ops->directory == NULL ||
	    check(s, s->ops->directory(s->ctx, fd), "directory");
}

static bool
on_scripts(void *ctx, struct wire *w, int *fd)
{
	struct start *s = ctx;

	if (!wire_end(w))
		return false;
	return s->ops->scripts == NULL ||
	    check(s, s->ops->scripts(s->ctx, fd), "scripts");
}

static bool
on_certificate(void *ctx, struct wire *w, int *fd)
{
	struct start *s = ctx;
	struct msg_master_certificate m;

	if (!msg_master_certificate_get(w, &m))
		return false;
	return s->ops->certificate == NULL ||
	    check(s, s->ops->certificate(s->ctx, &m, fd), "certificate");
}

static bool
on_go(void *ctx, struct wire *w, int *fd)
{
	struct start *s = ctx;
	AUTO_BUF struct buf b = peer_msg();
	int r;

	(void)fd;
	if (!wire_end(w))
		return false;
	if (s->status != 0)
		return true; /* something failed: it ends after this turn */
	s->master.state = RUNNING;
	if (s->ops->go != NULL && (r = s->ops->go(s->ctx)) < 0)
		return check(s, r, "go");
	msg_master_plain_put(&b, MSG_MASTER_READY);
	return check(s, peer_send(&s->master, &b, -1), "ready");
}

static bool
on_reload(void *ctx, struct wire *w, int *fd)
{
	struct start *s = ctx;
	struct conf *c;

	if (!wire_end(w))
		return false;
	if ((c = read_conf(s, *fd)) == NULL)
		return true; /* the old one stays in force */
	conf_free(&s->conf);
	s->conf = c;
	log_settings(s);
	if (s->ops->reload != NULL)
		s->ops->reload(s->ctx);
	return true;
}

static bool
on_log(void *ctx, struct wire *w, int *fd)
{
	(void)ctx;
	if (!wire_end(w))
		return false;
	(void)dup3(*fd, START_FD_LOG, O_CLOEXEC);
	return true;
}

static bool
on_stop(void *ctx, struct wire *w, int *fd)
{
	struct start *s = ctx;

	(void)fd;
	if (!wire_end(w))
		return false;
	s->stopping = true;
	if (s->ops->stop != NULL)
		s->ops->stop(s->ctx);
	else
		start_done(s);
	return true;
}

static const struct peer_rule rules[] = {
	{ MSG_MASTER_PEER, WAITING | RUNNING, MSG_MASTER_PEER_SIZE, PEER_FD,
	    on_peer },
	{ MSG_MASTER_LISTENER, WAITING, MSG_MASTER_LISTENER_MAX, PEER_FD,
	    on_listener },
	{ MSG_MASTER_DIRECTORY, WAITING, 0, PEER_FD, on_directory },
	{ MSG_MASTER_SCRIPTS, WAITING | RUNNING, 0, PEER_FD, on_scripts },
	{ MSG_MASTER_CERTIFICATE, WAITING | RUNNING,
	    MSG_MASTER_CERTIFICATE_SIZE, PEER_FD, on_certificate },
	{ MSG_MASTER_GO, WAITING, 0, PEER_NO_FD, on_go },
	{ MSG_MASTER_RELOAD, RUNNING, 0, PEER_FD, on_reload },
	{ MSG_MASTER_LOG, RUNNING, 0, PEER_FD, on_log },
	{ MSG_MASTER_STOP, WAITING | RUNNING, 0, PEER_NO_FD, on_stop },
};

/* Without master there is nobody to start what died: all ends. */
static void
master_lost(void *ctx, const char *why)
{
	struct start *s = ctx;

	s->gone = true;
	if (!s->stopping)
		log_say(&s->log, LOG_FAILURES, "master-lost", "%s", why);
	start_fail(s);
}

void
start_done(struct start *s)
{
	s->status = 0;
	loop_stop(s->loop);
}

void
start_fail(struct start *s)
{
	s->status = 1;
	loop_stop(s->loop);
}

static int
set_up(struct start *s, int argc, char **argv)
{
	uint64_t number = 0;
	int r;

	if (argc != 2 || !num_parse(view_str(argv[1]), UINT32_MAX, &number))
		return -EINVAL;
	s->number = (uint32_t)number;
	(void)prctl(PR_SET_NAME, argv[0], 0, 0, 0);
	/* master is gone before it can be missed: the socket tells then */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* a terminal's; master stops us in order */
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (int fd = START_FD_MASTER; fd <= START_FD_LOG; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
			return -errno;
	log_init(&s->log, START_FD_LOG, LOG_STYLE_PLAIN, LOG_MAJOR,
	    s->ops->module, s->number);
	if ((s->conf = read_conf(s, START_FD_CONFIG)) == NULL)
		return -EINVAL;
	close(START_FD_CONFIG);
	log_settings(s);
	if ((r = loop_new(&s->loop)) != 0)
		return r;
	peer_init(&s->master, "master", rules, sizeof(rules) / sizeof(rules[0]),
	    s, master_lost);
	return peer_open(&s->master, s->loop, START_FD_MASTER, WAITING);
}

int
start_run(int argc, char **argv, const struct start_ops *ops, void *ctx)
{
	struct start s = { .process = ops->process, .ops = ops, .ctx = ctx };
	int r = set_up(&s, argc, argv);

	if (r == 0 && ops->init != NULL)
		r = ops->init(ctx, &s);
	if (r == 0)
		r = loop_run(s.loop);
	if (r != 0) {
		log_say(&s.log, LOG_FAILURES, "start", "%s", strerror(-r));
		return 1;
	}
	return s.status;
}
