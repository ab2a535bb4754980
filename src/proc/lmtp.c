#include "proc/lmtp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/random.h"
#include "mail/date.h"
#include "proc/sandbox.h"
#include "proc/settings.h"
#include "proc/users.h"

/*
 * The life of the front end. Whoever can connect to a TCP listener may deliver;
 * at a socket file the kernel says who it is, and only root, the server itself
 * and [delivery] deliver-users may.
 */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ACCEPT_TURN 16      /* connections taken at once */
#define ACCEPT_PAUSE_MS 100 /* when there is no descriptor left */

const char *
lmtp_date(struct lmtp *l)
{
	int64_t now = clock_wall_s();
	time_t at = (time_t)now;
	struct tm tm = { 0 };
	AUTO_BUF struct buf b = BUF_INIT(sizeof(l->date) - 1);

	if (now == l->date_at)
		return l->date;
	(void)localtime_r(&at, &tm);
	date_format((struct date){ now, (int)(tm.tm_gmtoff / 60) }, &b);
	memcpy(l->date, b.p, b.n);
	l->date[b.n] = '\0';
	l->date_at = now;
	return l->date;
}

/* ---- configuration ---- */

static void
read_conf(struct lmtp *l)
{
	const struct conf *c = l->s->conf;
	char room[SETTINGS_HOST_SIZE];
	struct view host;

	l->max_message = conf_num(c, "store", NULL, "max-message");
	l->memory = conf_num(c, "lmtp", NULL, "memory");
	l->timeout_ms = conf_num(c, "lmtp", NULL, "timeout");
	l->dsn = settings_can_send(c);
	l->connections_max = (size_t)conf_num(c, "lmtp", NULL, "connections");
	host = settings_host(c, room);
	(void)snprintf(l->host, sizeof(l->host), "%.*s", (int)host.n,
	    (const char *)host.p);
}

/* Names of users can be looked up before the sandbox only. */
static void
read_users(struct lmtp *l)
{
	size_t n;
	const char *const *names =
	    conf_list(l->s->conf, "delivery", NULL, "deliver-users", &n);
	uint32_t gid;

	for (size_t i = 0; i < n && l->deliver_uids < COUNT(l->deliver_uid);
	     i++)
		if (users_find(names[i], &l->deliver_uid[l->deliver_uids],
			&gid) != USERS_NONE)
			l->deliver_uids++;
}

/* ---- listeners ---- */

static bool
may_use(const struct lmtp *l, int fd, char who[LMTP_SHARE_KEY_MAX + 1])
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
		return false;
	(void)snprintf(who, LMTP_SHARE_KEY_MAX + 1, "uid %u", cred.uid);
	if (cred.uid == 0 || cred.uid == geteuid())
		return true;
	for (size_t i = 0; i < l->deliver_uids; i++)
		if (cred.uid == l->deliver_uid[i])
			return true;
	log_say(&l->s->log, LOG_PROBLEMS, "refused", "uid %u may not deliver",
	    cred.uid);
	return false;
}

static void
watch(struct lmtp *l, bool on)
{
	for (size_t i = 0; i < l->listeners; i++)
		if (l->listener[i].watch.loop != NULL)
			(void)!loop_fd_set(
			    &l->listener[i].watch, on ? LOOP_READ : 0);
}

static void
on_pause_over(void *ctx)
{
	watch(ctx, true);
}

static void
pause_accept(struct lmtp *l)
{
	log_say(&l->s->log, LOG_FAILURES, "accept", "out of descriptors");
	watch(l, false);
	loop_timer_set(
	    l->s->loop, &l->pause, ACCEPT_PAUSE_MS, on_pause_over, l);
}

static void
new_client(struct lmtp_listener *at, int *fd, const struct sockaddr_storage *sa,
    socklen_t n)
{
	static const char refusal[] = "421 4.7.0 You may not deliver here\r\n";
	char remote[NETADDR_TEXT_SIZE] = "", who[LMTP_SHARE_KEY_MAX + 1];
	struct netaddr a;
	uint16_t port;
	int on = 1;

	if (at->local) {
		if (!may_use(at->lmtp, *fd, who)) {
			(void)!send(*fd, refusal, sizeof(refusal) - 1,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
			return;
		}
	} else {
		if (!netaddr_from_sockaddr(
			(const struct sockaddr *)sa, n, &a, &port))
			return;
		netaddr_text(&a, remote);
		(void)snprintf(who, sizeof(who), "%s", remote);
		(void)setsockopt(
		    *fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	lmtp_conn_new(at->lmtp, fd_take(fd), remote, who);
}

static void
on_listener(void *ctx, unsigned events)
{
	struct lmtp_listener *at = ctx;

	(void)events;
	for (int i = 0; i < ACCEPT_TURN && at->fd >= 0; i++) {
		struct sockaddr_storage sa = { 0 };
		socklen_t n = sizeof(sa);
		AUTO_CLOSE int fd = accept4(at->fd, (struct sockaddr *)&sa, &n,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			new_client(at, &fd, &sa, n);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			pause_accept(at->lmtp);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static int
lmtp_listener(void *ctx, const struct msg_master_listener *m, int *fd)
{
	struct lmtp *l = ctx;
	struct lmtp_listener *at = &l->listener[l->listeners];
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	int r;

	if (m->kind != MSG_LISTENER_LMTP || m->implicit)
		return -EINVAL;
	if (l->listeners == LMTP_LISTENERS_MAX)
		return -E2BIG;
	if (getsockname(*fd, (struct sockaddr *)&sa, &n) != 0)
		return -errno;
	if ((r = fd_nonblock(*fd, true)) != 0)
		return r;
	*at = (struct lmtp_listener){
		.lmtp = l, .fd = fd_take(fd), .local = sa.ss_family == AF_UNIX
	};
	l->listeners++;
	return 0;
}

/* ---- peers ---- */

static const struct peer_rule auth_rules[] = {
	{ MSG_LMTP_FOUND, 1, MSG_LMTP_FOUND_MAX, PEER_NO_FD,
	    lmtp_find_on_found },
	{ MSG_LMTP_CHANGED, 1, 0, PEER_NO_FD, lmtp_find_on_changed },
	{ MSG_LMTP_ASKED, 1, MSG_LMTP_ASKED_SIZE, PEER_NO_FD,
	    lmtp_channel_on_asked },
};

static const struct peer_rule hub_rules[] = {
	{ MSG_LMTP_OPENED, 1, MSG_LMTP_REQUEST_SIZE, PEER_FD,
	    lmtp_channel_on_opened },
	{ MSG_LMTP_REFUSED, 1, MSG_LMTP_REQUEST_SIZE, PEER_NO_FD,
	    lmtp_channel_on_refused },
};

static void
auth_lost(void *ctx, const char *why)
{
	struct lmtp *l = ctx;

	if (!l->s->stopping)
		log_say(&l->s->log, LOG_PROBLEMS, "auth-lost", "%s", why);
	lmtp_find_lost(l);
	lmtp_channel_lost(l);
}

static void
hub_lost(void *ctx, const char *why)
{
	struct lmtp *l = ctx;

	if (!l->s->stopping)
		log_say(&l->s->log, LOG_PROBLEMS, "hub-lost", "%s", why);
	lmtp_channel_lost(l);
}

static int
lmtp_peer(void *ctx, const struct msg_master_peer *m, int *fd)
{
	struct lmtp *l = ctx;

	switch ((enum msg_process)m->process) {
	case MSG_PROCESS_AUTH:
		if (peer_is_open(&l->auth))
			auth_lost(l, "replaced");
		return peer_open(&l->auth, l->s->loop, fd_take(fd), 1);
	case MSG_PROCESS_HUB:
		if (peer_is_open(&l->hub))
			hub_lost(l, "replaced");
		return peer_open(&l->hub, l->s->loop, fd_take(fd), 1);
	case MSG_PROCESS_MASTER:
	case MSG_PROCESS_FORKER:
	case MSG_PROCESS_GATE:
	case MSG_PROCESS_LMTP:
	case MSG_PROCESS_OUT:
		break;
	}
	return -EINVAL;
}

/* ---- life ---- */

static void
on_sweep(void *ctx)
{
	struct lmtp *l = ctx;

	lmtp_channel_sweep(l);
	loop_timer_set(l->s->loop, &l->sweep, LMTP_SWEEP_MS, on_sweep, l);
}

static int
lmtp_init(void *ctx, struct start *s)
{
	struct lmtp *l = ctx;

	l->s = s;
	TAILQ_INIT(&l->conns);
	TAILQ_INIT(&l->founds);
	read_conf(l);
	l->found = hash_new(LMTP_FOUND_MAX + 1);
	l->shares = hash_new(100000 + LMTP_RECIPIENTS_MAX);
	/* 100000 is the most that can be configured */
	l->conn_by_request = hash_new(100000);
	l->channel_by_name = hash_new(LMTP_CHANNELS_MAX + 1);
	l->channel_by_request = hash_new(LMTP_CHANNELS_MAX + 1);
	l->next_id = l->next_request = l->next_delivery = 1;
	random_bytes(&l->life, sizeof(l->life));
	peer_init(
	    &l->auth, "auth", auth_rules, COUNT(auth_rules), l, auth_lost);
	peer_init(&l->hub, "hub", hub_rules, COUNT(hub_rules), l, hub_lost);
	return 0;
}

static int
lmtp_go(void *ctx)
{
	struct lmtp *l = ctx;
	struct why w = { "" };
	unsigned up;
	int r;

	read_users(l);
	tzset(); /* reads a file */
	(void)lmtp_date(l);
	r = sandbox_lmtp(start_sandbox_mode(l->s->conf), &up, &w);
	if (r != 0) {
		log_why(&l->s->log, LOG_FAILURES, "walls", &w);
		return r;
	}
	for (size_t i = 0; i < l->listeners; i++) {
		struct lmtp_listener *at = &l->listener[i];

		r = loop_fd_add(
		    l->s->loop, &at->watch, at->fd, LOOP_READ, on_listener, at);
		if (r != 0)
			return r;
	}
	loop_timer_set(l->s->loop, &l->sweep, LMTP_SWEEP_MS, on_sweep, l);
	return 0;
}

static void
lmtp_reload(void *ctx)
{
	read_conf(ctx);
}

void
lmtp_settle(struct lmtp *l)
{
	if (l->s->stopping && l->count == 0)
		start_done(l->s);
}

static void
on_stop_late(void *ctx)
{
	struct lmtp *l = ctx;

	start_done(l->s);
}

static void
lmtp_stop(void *ctx)
{
	struct lmtp *l = ctx;

	for (size_t i = 0; i < l->listeners; i++) {
		loop_fd_del(&l->listener[i].watch);
		fd_close(&l->listener[i].fd);
	}
	lmtp_conn_stop_all(l);
	loop_timer_set(
	    l->s->loop, &l->stop_timer, LMTP_STOP_MS, on_stop_late, l);
	lmtp_settle(l);
}

int
main(int argc, char **argv)
{
	static const struct start_ops ops = {
		.process = MSG_PROCESS_LMTP,
		.module = "LMTP",
		.init = lmtp_init,
		.peer = lmtp_peer,
		.listener = lmtp_listener,
		.go = lmtp_go,
		.reload = lmtp_reload,
		.stop = lmtp_stop,
	};
	static struct lmtp l; /* large, and lives as long as the process */

	return start_run(argc, argv, &ops, &l);
}
