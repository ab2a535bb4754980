#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "proc/gate.h"

/*
 * The listening sockets are shared by all gates: whoever is first has the
 * connection. A refusal is one send that nobody waits for.
 */

static void
set_keepalive(int fd)
{
	int on = 1, idle = GATE_KEEPALIVE_S, every = 60, times = 5;

	/* inherited by what is accepted; not on sockets of a test */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* What stays on this machine needs no pacing, which a kernel whose default is
 * BBR would do here as well, to a half of what else goes through. */
static void
send_at_once(int fd, const struct msg_client *client)
{
	static const char reno[] = "reno"; /* every kernel has it */

	if (netaddr_is_loopback(&client->remote))
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_CONGESTION, reno, sizeof(reno) - 1);
}

/* Over implicit TLS a plain word would not be understood. */
static void
refuse(struct gate *g, int fd, const struct msg_client *client,
    const struct gate_door *door, const char *text)
{
	char remote[NETADDR_TEXT_SIZE];
	AUTO_BUF struct buf b = BUF_INIT(256);
	struct log_line l;

	gate_login_bye(door->protocol, true, GATE_LOGIN_UNAVAILABLE, text, &b);
	if (!door->implicit)
		(void)!send(fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	netaddr_text(&client->remote, remote);
	log_begin(&l, &g->s->log, LOG_PROBLEMS, "refused");
	log_str(&l, "remote", remote);
	log_str(&l, "why", text);
	log_end(&l);
}

static struct gate_conn *
new_conn(struct gate *g, int fd, const struct msg_client *client)
{
	struct gate_conn *c = xcalloc(1, sizeof(*c));

	c->gate = g;
	c->id = g->next_id++;
	conn_init(&c->conn);
	c->client = *client;
	c->fd = fd;
	c->pair = -1;
	c->began_ms = loop_now_ms(g->s->loop);
	buf_init(&c->in, GATE_UNREAD_MAX);
	buf_init(&c->out, GATE_LOGIN_OUT_MAX);
	buf_init(&c->up, GATE_CHUNK);
	TAILQ_INSERT_TAIL(&g->conns, c, link);
	g->count++;
	return c;
}

static void
on_client(void *ctx, unsigned events)
{
	struct gate_conn *c = ctx;

	if ((events & (LOOP_READ | LOOP_HUP)) != 0) {
		c->readable = true;
		if (c->tls != NULL)
			tls_ready(c->tls);
	}
	gate_conn_go(c);
}

static const char *
too_many(struct gate *g, struct view group)
{
	if (g->count >= g->connections_max)
		return "Too many connections";
	if (!limit_hold(g->addresses, group, (uint32_t)g->address_max))
		return "Too many connections from your address";
	return NULL;
}

static struct gate_login *
new_login(struct gate *g, const struct gate_door *door, bool loopback)
{
	struct gate_login *l = xcalloc(1, sizeof(*l));
	struct gate_login_opts o = { .protocol = door->protocol,
		.offer = &g->offer,
		.name = g->name,
		.pop3 = &g->pop3,
		.apop = g->apop,
		.sieve_disabled = g->sieve_disabled,
		.n_sieve_disabled = g->n_sieve_disabled,
		.tls = door->implicit,
		.starttls = door->may_starttls && g->tls != NULL,
		.loopback = loopback };

	gate_login_init(l, &o);
	return l;
}

struct gate_conn *
gate_accept_one(struct gate *g, int fd, const struct msg_client *client,
    const struct gate_door *door)
{
	AUTO_CLOSE int mine = fd;
	struct netaddr group = netaddr_group(&client->remote);
	struct view key = { group.b, sizeof(group.b) };
	bool loopback = netaddr_is_loopback(&client->remote) &&
	    netaddr_is_loopback(&client->local);
	const char *many = too_many(g, key);
	struct gate_conn *c;

	if (many != NULL || (door->implicit && g->tls == NULL)) {
		if (many != NULL)
			refuse(g, mine, client, door, many);
		else
			limit_drop(g->addresses, key);
		return NULL;
	}
	c = new_conn(g, fd_take(&mine), client);
	c->protocol = door->protocol;
	c->login = new_login(g, door, loopback);
	c->step = door->implicit ? gate_step_handshake : gate_step_greet;
	if (door->implicit)
		c->tls = tls_new(&g->tls_env, g->tls, c->fd,
		    gate_protocol_alpn(c->protocol));
	if (!hash_put(g->by_id,
		(struct view){ (const void *)&c->id, sizeof(c->id) }, c) ||
	    loop_fd_add(
		g->s->loop, &c->watch, c->fd, LOOP_READ, on_client, c) != 0) {
		gate_conn_free(c);
		return NULL;
	}
	gate_conn_login_timer(c);
	gate_conn_run(c);
	return gate_conn_find(g, g->next_id - 1);
}

/* ---- listening ---- */

static void
watch(struct gate *g, bool on)
{
	for (size_t i = 0; i < g->listeners; i++)
		if (g->listener[i].watch.loop != NULL)
			(void)!loop_fd_set(
			    &g->listener[i].watch, on ? LOOP_READ : 0);
}

static void
on_pause_over(void *ctx)
{
	watch(ctx, true);
}

/* No descriptor is left: those that wait keep waiting. */
static void
pause_accept(struct gate *g)
{
	log_say(&g->s->log, LOG_FAILURES, "accept", "out of descriptors");
	watch(g, false);
	loop_timer_set(
	    g->s->loop, &g->pause, GATE_ACCEPT_PAUSE_MS, on_pause_over, g);
}

static bool
describe(int fd, const struct sockaddr_storage *remote, socklen_t n,
    struct msg_client *out)
{
	struct sockaddr_storage local;
	socklen_t local_n = sizeof(local);

	*out = (struct msg_client){ 0 };
	return getsockname(fd, (struct sockaddr *)&local, &local_n) == 0 &&
	    netaddr_from_sockaddr((struct sockaddr *)&local, local_n,
		&out->local, &out->local_port) &&
	    netaddr_from_sockaddr((const struct sockaddr *)remote, n,
		&out->remote, &out->remote_port);
}

/* One more: false when there is none. */
static bool
accept_next(struct gate_listener *l)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);
	struct msg_client client;
	int fd = accept4(
	    l->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			pause_accept(l->gate);
		/* the others are of the connection that has gone again */
		return errno == ECONNABORTED || errno == EINTR;
	}
	if (!describe(fd, &sa, n, &client)) {
		close(fd);
		return true;
	}
	send_at_once(fd, &client);
	(void)gate_accept_one(l->gate, fd, &client,
	    &(struct gate_door){ l->protocol, l->implicit, l->may_starttls });
	return true;
}

static void
on_listener(void *ctx, unsigned events)
{
	struct gate_listener *l = ctx;

	(void)events;
	for (int i = 0; i < GATE_ACCEPT_TURN && l->fd >= 0; i++)
		if (!accept_next(l))
			return;
}

void
gate_accept_open(struct gate *g)
{
	if (g->open || !g->going || !g->offer.known || g->s->stopping)
		return;
	g->open = true;
	for (size_t i = 0; i < g->listeners; i++) {
		struct gate_listener *l = &g->listener[i];

		set_keepalive(l->fd);
		if (loop_fd_add(g->s->loop, &l->watch, l->fd, LOOP_READ,
			on_listener, l) != 0)
			start_fail(g->s);
	}
}

void
gate_accept_close(struct gate *g)
{
	loop_timer_del(g->s->loop, &g->pause);
	for (size_t i = 0; i < g->listeners; i++) {
		loop_fd_del(&g->listener[i].watch);
		fd_close(&g->listener[i].fd);
	}
}
