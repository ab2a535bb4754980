#include "proc/hub.h"

#include "base/clock.h"
#include "base/fd.h"
#include "proc/sandbox.h"
#include "proc/settings.h"

/*
 * The hub: who has a session, who shall hear of what, and the meeting place of
 * gates, auth, forker and sessions. It parses no mail and opens no file.
 */
#define COUNT(rules) (sizeof(rules) / sizeof((rules)[0]))

/* ---- gates ---- */

static bool
on_handover(void *ctx, struct wire *w, int *fd)
{
	struct hub_gate *g = ctx;
	struct msg_hand_over m;

	if (!msg_hand_over_get(w, &m))
		return false;
	hub_session_handover(g->hub, g, &m, fd);
	return true;
}

static bool
on_gone(void *ctx, struct wire *w, int *fd)
{
	struct hub_gate *g = ctx;
	struct msg_hand_id id;

	(void)fd;
	if (!msg_hand_id_get(w, &id))
		return false;
	hub_session_client_gone(g->hub, g->number, &id);
	return true;
}

static const struct peer_rule gate_rules[] = {
	{ MSG_HAND_HANDOVER, 1, MSG_HAND_OVER_MAX, PEER_FD, on_handover },
	{ MSG_HAND_GONE, 1, MSG_HAND_ID_SIZE, PEER_NO_FD, on_gone },
};

static void
log_lost(struct hub *h, const char *who, const char *why)
{
	struct log_line l;

	if (h->s->stopping)
		return;
	log_begin(&l, &h->s->log, LOG_PROBLEMS, "peer-lost");
	log_str(&l, "peer", who);
	log_str(&l, "why", why);
	log_end(&l);
}

static void
gate_lost(void *ctx, const char *why)
{
	struct hub_gate *g = ctx;

	log_lost(g->hub, "gate", why);
	hub_session_gate_lost(g->hub, g->number);
}

/* ---- auth ---- */

static bool
on_grant(void *ctx, struct wire *w, int *fd)
{
	struct hub *h = ctx;
	struct msg_grant m;

	(void)fd;
	if (!msg_grant_get(w, &m))
		return false;
	if (!grants_add(h->grants, &m, clock_mono_ms()))
		log_say(&h->s->log, LOG_PROBLEMS, "grant", "not kept");
	return true;
}

static bool
on_disconnect(void *ctx, struct wire *w, int *fd)
{
	struct hub *h = ctx;
	struct msg_grant_disconnect m;
	struct hub_account *a;
	char text[MSG_TEXT_MAX + 1];

	(void)fd;
	if (!msg_grant_disconnect_get(w, &m))
		return false;
	memcpy(text, m.text.p, m.text.n);
	text[m.text.n] = '\0';
	grants_drop(h->grants, m.account);
	if ((a = hub_account_find(h, m.account)) != NULL)
		hub_session_shutdown(h, a, text);
	return true;
}

static bool
on_looked(void *ctx, struct wire *w, int *fd)
{
	struct hub *h = ctx;
	struct msg_grant_looked m;

	(void)fd;
	if (!msg_grant_looked_get(w, &m))
		return false;
	hub_deliver_looked(h, &m);
	return true;
}

static const struct peer_rule auth_rules[] = {
	{ MSG_GRANT_GRANT, 1, MSG_GRANT_GRANT_MAX, PEER_NO_FD, on_grant },
	{ MSG_GRANT_DISCONNECT, 1, MSG_GRANT_DISCONNECT_MAX, PEER_NO_FD,
	    on_disconnect },
	{ MSG_GRANT_LOOKED, 1, MSG_GRANT_LOOKED_MAX, PEER_NO_FD, on_looked },
};

static void
auth_lost(void *ctx, const char *why)
{
	struct hub *h = ctx;

	log_lost(h, "auth", why);
	hub_deliver_auth_lost(h);
}

/* ---- forker ---- */

static bool
on_forked(void *ctx, struct wire *w, int *fd)
{
	struct hub *h = ctx;
	struct msg_forked m;
	struct hub_session *s;

	if (!msg_forked_get(w, &m))
		return false;
	if ((s = hub_session_find(h, m.session)) != NULL && s->pid == 0)
		hub_session_forked(h, s, m.pid, fd);
	return true;
}

static bool
on_failed(void *ctx, struct wire *w, int *fd)
{
	struct hub *h = ctx;
	struct msg_fork_failed m;
	struct hub_session *s;

	(void)fd;
	if (!msg_fork_failed_get(w, &m))
		return false;
	if ((s = hub_session_find(h, m.session)) != NULL && s->pid == 0)
		hub_session_failed(h, s, m.why);
	return true;
}

static bool
on_exited(void *ctx, struct wire *w, int *fd)
{
	struct hub *h = ctx;
	struct msg_fork_exited m;
	struct hub_session *s;

	(void)fd;
	if (!msg_fork_exited_get(w, &m))
		return false;
	if ((s = hub_session_find(h, m.session)) != NULL && s->pid == m.pid)
		hub_session_exited(s, m.status);
	return true;
}

static const struct peer_rule forker_rules[] = {
	{ MSG_FORK_FORKED, 1, MSG_FORKED_SIZE, PEER_FD, on_forked },
	{ MSG_FORK_FAILED, 1, MSG_FORK_FAILED_SIZE, PEER_NO_FD, on_failed },
	{ MSG_FORK_EXITED, 1, MSG_FORK_EXITED_SIZE, PEER_NO_FD, on_exited },
};

static void
forker_lost(void *ctx, const char *why)
{
	struct hub *h = ctx;

	log_lost(h, "forker", why);
	hub_session_forker_lost(h);
}

/* ---- lmtp ---- */

static bool
on_open(void *ctx, struct wire *w, int *fd)
{
	struct msg_lmtp_open m;

	(void)fd;
	if (!msg_lmtp_open_get(w, &m))
		return false;
	hub_deliver_open(ctx, &m);
	return true;
}

static const struct peer_rule lmtp_rules[] = {
	{ MSG_LMTP_OPEN, 1, MSG_LMTP_OPEN_SIZE, PEER_NO_FD, on_open },
};

/* Its channels end by themselves. */
static void
lmtp_lost(void *ctx, const char *why)
{
	log_lost(ctx, "lmtp", why);
}

/* ---- life ---- */

static void
on_look(void *ctx)
{
	struct hub *h = ctx;

	hub_account_look(h);
	loop_timer_set(h->s->loop, &h->look, HUB_LOOK_MS, on_look, h);
}

/* The most that [session] total can be set to, the same again that end or rest,
 * and deliveries. */
#define ENTRIES_MAX (2 * 1000000 + MSG_CONTROL_CALLERS_MAX)

static int
hub_init(void *ctx, struct start *s)
{
	struct hub *h = ctx;

	h->s = s;
	h->control = -1;
	h->grants = grants_new();
	h->sessions = hash_new(ENTRIES_MAX);
	h->accounts = hash_new(ENTRIES_MAX);
	/* a later life counts on, so that numbers in the log stay unique */
	h->next_session = (uint64_t)s->number * HUB_NUMBERS + 1;
	h->next_delivery = 1;
	TAILQ_INIT(&h->callers);
	TAILQ_INIT(&h->asked);
	hub_out_init(h);
	for (uint32_t i = 1; i <= MSG_GATES_MAX; i++) {
		h->gate[i].hub = h;
		h->gate[i].number = i;
		peer_init(&h->gate[i].peer, "gate", gate_rules,
		    COUNT(gate_rules), &h->gate[i], gate_lost);
	}
	peer_init(
	    &h->auth, "auth", auth_rules, COUNT(auth_rules), h, auth_lost);
	peer_init(&h->forker, "forker", forker_rules, COUNT(forker_rules), h,
	    forker_lost);
	peer_init(
	    &h->lmtp, "lmtp", lmtp_rules, COUNT(lmtp_rules), h, lmtp_lost);
	return 0;
}

/* A new socket means that the old process is gone. */
static int
hub_peer(void *ctx, const struct msg_master_peer *m, int *fd)
{
	struct hub *h = ctx;
	struct loop *loop = h->s->loop;

	switch ((enum msg_process)m->process) {
	case MSG_PROCESS_AUTH:
		if (peer_is_open(&h->auth))
			auth_lost(h, "replaced");
		return peer_open(&h->auth, loop, fd_take(fd), 1);
	case MSG_PROCESS_FORKER:
		if (peer_is_open(&h->forker))
			forker_lost(h, "replaced");
		return peer_open(&h->forker, loop, fd_take(fd), 1);
	case MSG_PROCESS_GATE:
		if (peer_is_open(&h->gate[m->number].peer))
			gate_lost(&h->gate[m->number], "replaced");
		return peer_open(
		    &h->gate[m->number].peer, loop, fd_take(fd), 1);
	case MSG_PROCESS_LMTP:
		return peer_open(&h->lmtp, loop, fd_take(fd), 1);
	case MSG_PROCESS_OUT:
		return hub_out_open(h, fd_take(fd));
	case MSG_PROCESS_MASTER:
	case MSG_PROCESS_HUB:
		break;
	}
	return -EINVAL;
}

static int
hub_listener(void *ctx, const struct msg_master_listener *m, int *fd)
{
	struct hub *h = ctx;

	if (m->kind != MSG_LISTENER_CONTROL)
		return -EINVAL;
	return hub_deliver_listen(h, fd);
}

static int
hub_go(void *ctx)
{
	struct hub *h = ctx;
	enum sandbox_mode mode = start_sandbox_mode(h->s->conf);
	struct why w = { "" };
	unsigned up;
	int r;

	if ((r = sandbox_hub(mode, &up, &w)) != 0) {
		log_why(&h->s->log, LOG_FAILURES, "walls", &w);
		return r;
	}
	loop_timer_set(h->s->loop, &h->look, HUB_LOOK_MS, on_look, h);
	return 0;
}

static void
hub_reload(void *ctx)
{
	hub_session_reload(ctx);
}

static void
hub_stop(void *ctx)
{
	struct hub *h = ctx;

	hub_deliver_close(h);
	hub_session_shutdown(h, NULL, "Server is going down");
	if (hash_count(h->sessions) == 0)
		start_done(h->s);
}

int
main(int argc, char **argv)
{
	static const struct start_ops ops = {
		.process = MSG_PROCESS_HUB,
		.module = "HUB",
		.init = hub_init,
		.peer = hub_peer,
		.listener = hub_listener,
		.go = hub_go,
		.reload = hub_reload,
		.stop = hub_stop,
	};
	static struct hub h; /* large, and lives as long as the process */

	return start_run(argc, argv, &ops, &h);
}
