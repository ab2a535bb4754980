#include "proc/gate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "proc/certificate.h"
#include "proc/pop3_conf.h"
#include "proc/sandbox.h"
#include "proc/settings.h"

/*
 * The process that holds the connections: what master sends it, and its end.
 * Clients are let in when the sandbox is closed and auth has said what it
 * offers, so that nobody is ever told of a login that is not there.
 */
#define CONNECTIONS_MOST 1000000 /* the setting's own bound */
#define ADDRESSES_MAX (1u << 16) /* clients counted at once */
#define ADDRESS_DRAIN_MS 1000    /* levels are not used */

static uint64_t
setting(const struct gate *g, const char *key)
{
	return conf_num(g->s->conf, "gate", NULL, key);
}

void
gate_settings(struct gate *g)
{
	char room[SETTINGS_HOST_SIZE];
	struct view name = settings_host(g->s->conf, room);

	g->connections_max = setting(g, "connections");
	g->address_max = setting(g, "connections-per-address");
	g->login_ms = setting(g, "login-timeout");
	g->attempts_max = setting(g, "login-attempts");
	g->login_bytes = setting(g, "login-bytes");
	g->pop3 = pop3_conf(g->s->conf);
	g->apop = conf_bool(g->s->conf, "pop3", NULL, "apop");
	g->n_sieve_disabled =
	    sieve_conf_disabled(g->s->conf, g->sieve_disabled);
	/* resp-text may not begin with what looks like a code */
	if (view_starts(name, VIEW_LIT("[")))
		name = VIEW_LIT("localhost");
	(void)snprintf(g->name, sizeof(g->name), "%.*s", (int)name.n,
	    (const char *)name.p);
}

static int
gate_init(void *ctx, struct start *s)
{
	struct gate *g = ctx;
	struct why w = { "" };
	int r;

	g->s = s;
	g->next_id = 1;
	TAILQ_INIT(&g->conns);
	g->by_id = hash_new(CONNECTIONS_MOST);
	g->addresses = limit_new(ADDRESSES_MAX, ADDRESS_DRAIN_MS);
	g->scratch = xmalloc(GATE_CHUNK);
	gate_settings(g);
	gate_auth_init(g);
	gate_hand_init(g);
	if ((r = tls_env_init(&g->tls_env, &w)) != 0)
		log_why(&s->log, LOG_FAILURES, "tls", &w);
	return r;
}

/* A new socket means that the old process is gone. */
static int
gate_peer(void *ctx, const struct msg_master_peer *m, int *fd)
{
	struct gate *g = ctx;

	switch ((enum msg_process)m->process) {
	case MSG_PROCESS_AUTH:
		if (peer_is_open(&g->auth))
			gate_auth_lost(g, "replaced");
		return peer_open(&g->auth, g->s->loop, fd_take(fd), 1);
	case MSG_PROCESS_HUB:
		if (peer_is_open(&g->hub))
			gate_hand_lost(g, "replaced");
		return peer_open(&g->hub, g->s->loop, fd_take(fd), 1);
	case MSG_PROCESS_OUT:
	case MSG_PROCESS_MASTER:
	case MSG_PROCESS_FORKER:
	case MSG_PROCESS_GATE:
	case MSG_PROCESS_LMTP:
		break;
	}
	return -EINVAL;
}

static const struct gate_protocol *
protocol_of(uint8_t kind)
{
	switch (kind) {
	case MSG_LISTENER_IMAP:
		return &gate_imap;
	case MSG_LISTENER_POP3:
		return &gate_pop3;
	case MSG_LISTENER_SIEVE:
		return &gate_sieve;
	default:
		return NULL;
	}
}

static bool
has_tls(const struct gate *g, struct view listener)
{
	char name[MSG_LISTENER_NAME_MAX + 1] = "";

	memcpy(name, listener.p, listener.n);
	return conf_enum(g->s->conf, "listener", name, "tls") !=
	    SETTINGS_TLS_NONE;
}

static int
gate_listener(void *ctx, const struct msg_master_listener *m, int *fd)
{
	struct gate *g = ctx;
	struct gate_listener *l = &g->listener[g->listeners];
	const struct gate_protocol *protocol = protocol_of(m->kind);

	if (protocol == NULL || m->name.n > MSG_LISTENER_NAME_MAX)
		return -EINVAL;
	if (g->listeners == GATE_LISTENERS_MAX)
		return -E2BIG;
	*l = (struct gate_listener){ .gate = g,
		.implicit = m->implicit,
		.may_starttls = !m->implicit && has_tls(g, m->name),
		.protocol = protocol };
	l->fd = fd_take(fd);
	g->listeners++;
	return 0;
}

/* ---- certificates ---- */

static void
free_pems(struct gate *g)
{
	for (uint32_t i = 0; i < g->pems; i++) {
		if (g->pem[i].p != NULL)
			explicit_bzero(g->pem[i].p, g->pem[i].n);
		buf_fini(&g->pem[i]);
	}
	free(g->pem);
	g->pem = NULL;
	g->pems = g->pems_due = 0;
}

enum tls_version
gate_tls_version(const struct conf *conf)
{
	return conf_enum(conf, "tls", NULL, "min-version") == 1 ? TLS_1_3
								: TLS_1_2;
}

static int
new_set(struct gate *g, struct tls_set **out, struct why *w)
{
	AUTO_FREE struct tls_pem *pem = xcalloc(g->pems, sizeof(*pem));
	struct certificate_files files;

	for (uint32_t i = 0; i < g->pems; i++) {
		pem[i].text = buf_view(&g->pem[i]);
		pem[i].name = certificate_files(g->s->conf, i, &files)
		    ? files.certificate
		    : "a certificate";
	}
	return tls_set_new(pem, g->pems, gate_tls_version(g->s->conf), out, w);
}

/* All have come. A set that cannot be used leaves the one of before in force; at
 * the start there is none, and the server would not be what was asked for. */
static int
use_pems(struct gate *g, uint32_t generation)
{
	AUTO_BUF struct buf b = peer_msg();
	struct tls_set *set = NULL;
	struct why w = { "" };
	int r = new_set(g, &set, &w);

	free_pems(g);
	msg_master_certified_put(&b, generation, r == 0 ? NULL : w.text);
	(void)!peer_send(&g->s->master, &b, -1);
	if (r != 0)
		return g->going ? 0 : r;
	tls_set_free(&g->tls);
	g->tls = set;
	return 0;
}

static int
gate_certificate(void *ctx, const struct msg_master_certificate *m, int *fd)
{
	struct gate *g = ctx;
	int r;

	if (m->index == 0) {
		free_pems(g);
		g->pem = xcalloc(m->count, sizeof(*g->pem));
		g->pems_due = m->count;
	}
	if (m->index != g->pems || m->count != g->pems_due)
		return -EPROTO;
	buf_init(&g->pem[g->pems], MSG_CERTIFICATE_SIZE_MAX);
	r = fd_read_whole(*fd, MSG_CERTIFICATE_SIZE_MAX, &g->pem[g->pems]);
	g->pems++;
	if (r != 0)
		return r;
	return g->pems == g->pems_due ? use_pems(g, m->generation) : 0;
}

/* ---- life ---- */

static int
gate_go(void *ctx)
{
	struct gate *g = ctx;
	enum sandbox_mode mode = start_sandbox_mode(g->s->conf);
	struct why w = { "" };
	unsigned up;
	int r;

	if ((r = sandbox_gate(mode, &up, &w)) != 0) {
		log_why(&g->s->log, LOG_FAILURES, "walls", &w);
		return r;
	}
	g->going = true;
	gate_accept_open(g);
	return 0;
}

static void
gate_reload(void *ctx)
{
	gate_settings(ctx);
}

void
gate_settled(struct gate *g)
{
	if (g->s->stopping && g->count == 0)
		start_done(g->s);
}

/* Those before login are told; what is starting or live is the hub's to end,
 * and relays go on until its sessions have said their last. */
static void
gate_stop(void *ctx)
{
	struct gate *g = ctx;
	struct gate_conn *c, *next;

	gate_accept_close(g);
	for (c = TAILQ_FIRST(&g->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->conn.state == CONN_LIVE && c->tls == NULL)
			gate_conn_free(c);
		else if (c->conn.state == CONN_PRELOGIN &&
		    c->step != gate_step_bye)
			gate_conn_bye(
			    c, GATE_LOGIN_ENDS, "Server is going down");
		else
			gate_relay_stop(c);
	}
	gate_settled(g);
}

const struct start_ops gate_ops = {
	.process = MSG_PROCESS_GATE,
	.module = "GATE",
	.init = gate_init,
	.peer = gate_peer,
	.listener = gate_listener,
	.certificate = gate_certificate,
	.go = gate_go,
	.reload = gate_reload,
	.stop = gate_stop,
};
