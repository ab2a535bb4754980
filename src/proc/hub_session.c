#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "proc/hub.h"
#include "proc/msg_out.h"

/*
 * A session is in the table from FORK until the forker says that the process
 * has exited, so that one which closes its socket and lives on still counts,
 * and is killed. The client's connection has its own state (proc/conn.h); both
 * end at different times.
 */

static struct view
number_key(const struct hub_session *s)
{
	return (struct view){ (const void *)&s->number, sizeof(s->number) };
}

static struct view
name_key(const struct hub_account *a)
{
	return (struct view){ a->name, a->name_n };
}

/* ---- accounts ---- */

struct hub_account *
hub_account_find(struct hub *h, struct view name)
{
	return hash_get(h->accounts, name);
}

/* NULL when there are too many. */
static struct hub_account *
account_get(struct hub *h, struct view name)
{
	struct hub_account *a = hub_account_find(h, name);

	if (a != NULL)
		return a;
	a = xcalloc(1, sizeof(*a));
	memcpy(a->name, name.p, name.n);
	a->name_n = name.n;
	a->watch = -1;
	TAILQ_INIT(&a->sessions);
	if (!hash_put(h->accounts, name_key(a), a)) {
		free(a);
		return NULL;
	}
	return a;
}

/* The newest modseq is kept only while there is somebody to be told. */
static void
account_put(struct hub *h, struct hub_account *a)
{
	if (!TAILQ_EMPTY(&a->sessions))
		return;
	(void)hash_del(h->accounts, name_key(a));
	fd_close(&a->watch);
	free(a);
}

/* How a watched file looks now; false: not at all. */
static bool
watch_stat(int fd, uint64_t *size, uint64_t *time)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return false;
	*size = (uint64_t)st.st_size;
	*time = (uint64_t)st.st_mtim.tv_sec * 1000000000u +
	    (uint64_t)st.st_mtim.tv_nsec;
	return true;
}

static void
watch_note(struct hub_account *a)
{
	if (!watch_stat(a->watch, &a->watch_size, &a->watch_time))
		fd_close(&a->watch);
}

/* ---- notification ---- */

/* Never waits: what cannot be told now is told when there is room, and only the
 * newest of it. */
static void
tell(struct hub_session *s, uint64_t modseq)
{
	AUTO_BUF struct buf b = peer_msg();

	if (!s->ready || s->gone)
		return;
	if (!peer_sent(&s->peer)) {
		s->dirty = true;
		return;
	}
	s->dirty = false;
	s->told = modseq;
	msg_session_changed_put(&b, modseq);
	(void)!peer_send(&s->peer, &b, -1);
}

static void
on_drained(void *ctx)
{
	struct hub_session *s = ctx;

	if (s->dirty)
		tell(s, s->account->modseq);
}

void
hub_account_changed(
    struct hub_account *a, uint64_t modseq, const struct hub_session *by)
{
	struct hub_session *s;

	if (modseq > a->modseq)
		a->modseq = modseq;
	TAILQ_FOREACH (s, &a->sessions, link) {
		if (s != by && s->told < a->modseq)
			tell(s, a->modseq);
	}
}

void
hub_account_look(struct hub *h)
{
	struct hub_account *a;
	struct hub_session *s;
	size_t at = 0;

	while ((a = hash_next(h->accounts, &at)) != NULL) {
		uint64_t size = a->watch_size, time = a->watch_time;

		if (!watch_stat(a->watch, &size, &time) ||
		    (size == a->watch_size && time == a->watch_time))
			continue;
		a->watch_size = size;
		a->watch_time = time;
		/* somebody has written and died before telling: the sessions
		 * look for themselves */
		TAILQ_FOREACH (s, &a->sessions, link)
			tell(s, a->modseq);
	}
}

/* ---- beginning and end ---- */

static void
no_longer_counted(struct hub_session *s)
{
	s->account->count -= s->counted;
	s->counted = false;
}

static void
no_longer_resting(struct hub_session *s)
{
	s->hub->resting -= s->resting;
	s->resting = false;
}

static void
free_session(struct hub_session *s)
{
	struct hub *h = s->hub;
	struct hub_account *a = s->account;

	peer_close(&s->peer);
	loop_timer_del(h->s->loop, &s->timer);
	(void)hash_del(h->sessions, number_key(s));
	TAILQ_REMOVE(&a->sessions, s, link);
	no_longer_counted(s);
	no_longer_resting(s);
	if (a->delivery == s)
		a->delivery = NULL;
	h->deliveries -= s->service == MSG_SERVICE_DELIVERY;
	if (s->first != NULL)
		buf_fini(s->first);
	free(s->first);
	free(s->farewell);
	free(s->deliveries);
	free(s);
	account_put(h, a);
	if (h->s->stopping && hash_count(h->sessions) == 0)
		start_done(h->s);
}

static void
refuse(struct hub *h, struct hub_gate *g, const struct msg_hand_id *id,
    uint8_t why, const char *text)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_hand_refused m = { *id, why, view_str(text) };
	struct log_line l;

	log_begin(&l, &h->s->log, LOG_PROBLEMS, "refused");
	log_u64(&l, "gate", g->number);
	log_u64(&l, "connection", id->conn);
	log_str(&l, "why", text);
	log_end(&l);
	msg_hand_refused_put(&b, &m);
	(void)!peer_send(&g->peer, &b, -1);
}

/* Tell the gate how it stands, if the connection is still that of the
 * session. */
static void
gate_ended(struct hub_session *s, const char *text)
{
	struct hub_gate *g = &s->hub->gate[s->gate];
	struct msg_hand_id id = { s->conn_id, s->conn.generation };
	AUTO_BUF struct buf b = peer_msg();

	if (s->service == MSG_SERVICE_DELIVERY)
		return;
	if (s->conn.state == CONN_STARTING) {
		if (conn_event(&s->conn, CONN_ON_REFUSED, id.generation) ==
		    CONN_MOVED)
			refuse(s->hub, g, &id, MSG_HAND_UNAVAILABLE, text);
	} else if (s->conn.state == CONN_LIVE) {
		if (conn_event(&s->conn, CONN_ON_ENDED, id.generation) ==
		    CONN_MOVED) {
			msg_hand_ended_put(&b, &id);
			(void)!peer_send(&g->peer, &b, -1);
		}
	}
}

static void
kill_session(void *ctx)
{
	struct hub_session *s = ctx;
	AUTO_BUF struct buf b = peer_msg();

	log_say(&s->hub->s->log, LOG_FAILURES, "kill",
	    "session %llu %s in time", (unsigned long long)s->number,
	    s->ready ? "has not exited" : "was not ready");
	msg_fork_kill_put(&b, s->number);
	(void)!peer_send(&s->hub->forker, &b, -1);
	gate_ended(s, "The session could not be started");
}

/* It is about to exit, or must. */
static void
await_exit(struct hub_session *s)
{
	loop_timer_set(
	    s->hub->s->loop, &s->timer, HUB_EXIT_MS, kill_session, s);
}

/* Its socket is closed: it has ended, or will now. */
static void
session_gone(struct hub_session *s)
{
	if (s->gone)
		return;
	s->gone = true;
	no_longer_resting(s);
	if (s->account->delivery == s)
		s->account->delivery = NULL;
	gate_ended(s, "The account cannot be opened");
	if (s->orphan) {
		hub_deliver_ended(s, false);
		free_session(s);
		return;
	}
	await_exit(s);
}

static void
session_lost(void *ctx, const char *why)
{
	struct hub_session *s = ctx;

	if (strcmp(why, "closed") != 0) {
		struct log_line l;

		log_begin(&l, &s->hub->s->log, LOG_FAILURES, "session-lost");
		log_u64(&l, "session", s->number);
		log_str(&l, "why", why);
		log_end(&l);
	}
	session_gone(s);
}

static void
shutdown_one(struct hub_session *s, const char *text)
{
	size_t n = strlen(text) + 1;
	AUTO_BUF struct buf b = peer_msg();

	if (s->gone)
		return;
	if (!peer_is_open(&s->peer)) { /* it hears as soon as it is there */
		free(s->farewell);
		s->farewell = memcpy(xmalloc(n), text, n);
		return;
	}
	no_longer_resting(s);
	msg_session_shutdown_put(&b, text);
	(void)!peer_send(&s->peer, &b, -1);
}

/* ---- what sessions say ---- */

enum session_peer_state {
	STARTING = 1,
	READY = 2,
	RESTING = 4,
};

static bool
on_ready(void *ctx, struct wire *w, int *fd)
{
	struct hub_session *s = ctx;
	AUTO_BUF struct buf b = peer_msg();
	struct msg_hand_started m = { { s->conn_id, s->conn.generation },
		s->session };

	(void)fd;
	if (!wire_end(w))
		return false;
	s->ready = true;
	s->peer.state = READY;
	loop_timer_del(s->hub->s->loop, &s->timer);
	if (s->service == MSG_SERVICE_DELIVERY)
		return true;
	if (conn_event(&s->conn, CONN_ON_STARTED, m.id.generation) ==
	    CONN_MOVED) {
		msg_hand_started_put(&b, &m);
		(void)!peer_send(&s->hub->gate[s->gate].peer, &b, -1);
	}
	if (s->account->modseq > s->told)
		tell(s, s->account->modseq);
	return true;
}

static bool
on_committed(void *ctx, struct wire *w, int *fd)
{
	struct hub_session *s = ctx;
	uint64_t modseq;

	(void)fd;
	if (!msg_session_modseq_get(w, &modseq))
		return false;
	if (modseq > s->told)
		s->told = modseq;
	watch_note(s->account);
	hub_account_changed(s->account, modseq, s);
	return true;
}

static bool
on_watch(void *ctx, struct wire *w, int *fd)
{
	struct hub_session *s = ctx;

	if (!wire_end(w))
		return false;
	fd_close(&s->account->watch);
	s->account->watch = fd_take(fd);
	watch_note(s->account);
	return true;
}

static bool
on_state(void *ctx, struct wire *w, int *fd)
{
	struct hub_session *s = ctx;

	(void)fd;
	return msg_session_state_get(w, &s->state);
}

static bool
on_delivered(void *ctx, struct wire *w, int *fd)
{
	struct hub_session *s = ctx;
	struct msg_delivered m;

	(void)fd;
	return s->service == MSG_SERVICE_DELIVERY && msg_delivered_get(w, &m) &&
	    hub_deliver_done(s, &m);
}

static void
log_end_session(const struct hub_session *s, int status)
{
	struct log_line l;

	log_begin(&l, &s->hub->s->log, LOG_MAJOR, "session-end");
	log_u64(&l, "session", s->session);
	if (WIFSIGNALED(status))
		log_i64(&l, "signal", WTERMSIG(status));
	else
		log_i64(&l, "status", WEXITSTATUS(status));
	log_u64(&l, "ms", clock_mono_ms() - s->began_ms);
	log_end(&l);
}

static void
rest_over(void *ctx)
{
	struct hub_session *s = ctx;

	shutdown_one(s, "Nobody has come");
	await_exit(s);
}

/* Its client has logged out: it may have the next one of the account. */
static bool
on_rest(void *ctx, struct wire *w, int *fd)
{
	struct hub_session *s = ctx;
	struct hub *h = s->hub;

	(void)fd;
	if (!wire_end(w) || s->service == MSG_SERVICE_DELIVERY)
		return false;
	gate_ended(s, "");
	log_end_session(s, 0);
	no_longer_counted(s);
	s->ready = s->dirty = false;
	s->peer.state = RESTING;
	if (h->s->stopping || s->orphan || h->resting >= HUB_RESTING_MAX ||
	    s->logins >= HUB_LOGINS_MAX) {
		rest_over(s);
		return true;
	}
	s->resting = true;
	h->resting++;
	loop_timer_set(h->s->loop, &s->timer, HUB_REST_MS, rest_over, s);
	return true;
}

static bool
on_submit(void *ctx, struct wire *w, int *fd)
{
	return hub_out_submit(ctx, w, *fd);
}

static bool
on_done(void *ctx, struct wire *w, int *fd)
{
	struct hub_session *s = ctx;

	(void)fd;
	return s->service == MSG_SERVICE_DELIVERY && hub_out_done(s, w);
}

static const struct peer_rule session_rules[] = {
	{ MSG_SESSION_READY, STARTING, 0, PEER_NO_FD, on_ready },
	{ MSG_SESSION_COMMITTED, READY, MSG_SESSION_MODSEQ_SIZE, PEER_NO_FD,
	    on_committed },
	{ MSG_SESSION_WATCH, STARTING | READY, 0, PEER_FD, on_watch },
	{ MSG_SESSION_STATE, READY, MSG_SESSION_STATE_SIZE, PEER_NO_FD,
	    on_state },
	{ MSG_OUT_SUBMIT, READY, MSG_OUT_SUBMIT_MAX, PEER_FD, on_submit },
	{ MSG_OUT_DONE, READY, MSG_OUT_DONE_MAX, PEER_NO_FD, on_done },
	{ MSG_SESSION_REST, READY, 0, PEER_NO_FD, on_rest },
	{ MSG_DELIVER_DELIVERED, READY, MSG_DELIVERED_MAX, PEER_NO_FD,
	    on_delivered },
};

/* ---- starting ---- */

struct hub_session *
hub_session_find(struct hub *h, uint64_t number)
{
	return hash_get(h->sessions,
	    (struct view){ (const void *)&number, sizeof(number) });
}

static struct hub_session *
new_session(struct hub *h, struct hub_account *a, uint8_t service)
{
	struct hub_session *s = xcalloc(1, sizeof(*s));

	s->number = s->session = h->next_session++;
	s->logins = 1;
	s->hub = h;
	s->account = a;
	s->service = service;
	s->state = MSG_SESSION_BUSY;
	s->began_ms = clock_mono_ms();
	peer_init(&s->peer, "session", session_rules,
	    sizeof(session_rules) / sizeof(session_rules[0]), s, session_lost);
	s->peer.drained = on_drained;
	TAILQ_INSERT_TAIL(&a->sessions, s, link);
	s->counted = service != MSG_SERVICE_DELIVERY;
	a->count += s->counted;
	h->deliveries += !s->counted;
	return s;
}

static struct hub_rights
rights_of(const struct msg_grant *g)
{
	return (struct hub_rights){ .uid = g->uid,
		.gid = g->gid,
		.memory_max = g->memory_max,
		.cpu_max_s = g->cpu_max_s,
		.service = g->service };
}

struct hub_session *
hub_session_fork(struct hub *h, const struct grant *g, uint8_t service,
    struct buf *first, int fd)
{
	struct hub_account *a = account_get(h, g->m.account);
	AUTO_BUF struct buf b = peer_msg();
	struct msg_fork m = { .service = service };
	struct hub_session *s;

	if (a == NULL) {
		buf_fini(first);
		free(first);
		return NULL;
	}
	s = new_session(h, a, service);
	s->first = first;
	s->rights = rights_of(&g->m);
	m.session = s->number;
	memcpy(m.grant, g->m.id, sizeof(m.grant));
	msg_fork_put(&b, &m);
	if (!hash_put(h->sessions, number_key(s), s) ||
	    peer_send(&h->forker, &b, fd) != 0) {
		free_session(s);
		return NULL;
	}
	loop_timer_set(h->s->loop, &s->timer, HUB_START_MS, kill_session, s);
	return s;
}

/* May this login have a session? The grant is used up either way. */
static bool
grant_fits(struct hub *h, const struct hub_gate *gate,
    const struct msg_hand_over *m, struct grant *g)
{
	uint64_t now = clock_mono_ms();

	/* auth has sent it before it told the gate, but perhaps we have not
	 * read it yet */
	peer_pump(&h->auth);
	return grants_take(h->grants, m->grant, now, g) &&
	    g->m.gate == gate->number && g->m.conn == m->conn &&
	    g->m.generation == m->generation && g->m.service == m->service;
}

static struct buf *
start_message(const struct hub *h, const struct msg_hand_over *m)
{
	struct buf *b = xcalloc(1, sizeof(*b));
	struct msg_session_start start = { .session = h->next_session,
		.login = m->login,
		.unread = m->unread,
		.client = m->client,
		.direct = m->direct };

	*b = peer_msg();
	msg_session_start_put(b, &start);
	return b;
}

static const char *
too_many(struct hub *h, const struct grant *g)
{
	const struct hub_account *a = hub_account_find(h, g->m.account);

	if (a != NULL && a->count >= g->m.sessions_max)
		return "Too many sessions of this account";
	if (hash_count(h->sessions) - h->resting >=
	    conf_num(h->s->conf, "session", NULL, "total"))
		return "Too many sessions";
	return NULL;
}

static void
log_begin_session(struct hub *h, const struct hub_session *s)
{
	struct log_line l;
	char remote[NETADDR_TEXT_SIZE];

	netaddr_text(&s->client.remote, remote);
	log_begin(&l, &h->s->log, LOG_MAJOR, "session");
	log_u64(&l, "session", s->session);
	log_view(&l, "user", name_key(s->account));
	log_str(&l, "remote", remote);
	log_u64(&l, "gate", s->gate);
	log_u64(&l, "connection", s->conn_id);
	log_str(&l, "tls", s->client.tls ? "yes" : "no");
	log_end(&l);
}

static bool
same_rights(const struct hub_rights *a, const struct hub_rights *b)
{
	return a->uid == b->uid && a->gid == b->gid &&
	    a->service == b->service && a->memory_max == b->memory_max &&
	    a->cpu_max_s == b->cpu_max_s;
}

static struct hub_session *
find_resting(struct hub *h, const struct grant *g)
{
	struct hub_account *a = hub_account_find(h, g->m.account);
	const struct hub_rights want = rights_of(&g->m);
	struct hub_session *s;

	if (a == NULL)
		return NULL;
	TAILQ_FOREACH (s, &a->sessions, link)
		if (s->resting && same_rights(&s->rights, &want))
			return s;
	return NULL;
}

/* Give the login to a process of the account that rests; NULL: there is none.
 * first is taken over then. */
static struct hub_session *
wake(struct hub *h, const struct grant *g, struct buf *first, int fd)
{
	struct hub_session *s = find_resting(h, g);
	AUTO_BUF struct buf b = peer_msg();

	if (s == NULL || !peer_sent(&s->peer) ||
	    peer_send(&s->peer, first, fd) != 0)
		return NULL;
	buf_fini(first);
	free(first);
	msg_fork_forget_put(&b, g->m.id);
	(void)!peer_send(&h->forker, &b, -1);
	no_longer_resting(s);
	s->session = h->next_session++;
	s->logins++;
	s->counted = true;
	s->account->count++;
	s->state = MSG_SESSION_BUSY;
	s->began_ms = clock_mono_ms();
	s->peer.state = STARTING;
	loop_timer_set(h->s->loop, &s->timer, HUB_START_MS, kill_session, s);
	return s;
}

void
hub_session_handover(struct hub *h, struct hub_gate *gate,
    const struct msg_hand_over *m, int *fd)
{
	struct msg_hand_id id = { m->conn, m->generation };
	struct hub_session *s;
	const char *many;
	struct buf *first;
	struct grant g;

	if (!grant_fits(h, gate, m, &g)) {
		refuse(h, gate, &id, MSG_HAND_NO_GRANT, "No such login");
		return;
	}
	if (h->s->stopping) {
		refuse(
		    h, gate, &id, MSG_HAND_UNAVAILABLE, "Server is going down");
		return;
	}
	if ((many = too_many(h, &g)) != NULL) {
		refuse(h, gate, &id, MSG_HAND_LIMIT, many);
		return;
	}
	first = start_message(h, m);
	if ((s = wake(h, &g, first, *fd)) == NULL)
		s = hub_session_fork(h, &g, m->service, first, *fd);
	if (s == NULL) {
		refuse(h, gate, &id, MSG_HAND_UNAVAILABLE,
		    "The session could not be started");
		return;
	}
	s->gate = gate->number;
	s->conn_id = m->conn;
	s->client = m->client;
	s->conn = (struct conn){ CONN_STARTING, m->generation };
	log_begin_session(h, s);
}

void
hub_session_forked(struct hub *h, struct hub_session *s, uint32_t pid, int *fd)
{
	bool sent;

	s->pid = pid;
	sent = peer_open(&s->peer, h->s->loop, fd_take(fd), STARTING) == 0 &&
	    peer_send(&s->peer, s->first, -1) == 0;
	buf_fini(s->first);
	free(s->first);
	s->first = NULL;
	if (!sent)
		session_lost(s, "no socket"); /* s may be gone now */
	else if (h->s->stopping)
		shutdown_one(s, "Server is going down");
	else if (s->farewell != NULL)
		shutdown_one(s, s->farewell);
}

void
hub_session_failed(struct hub *h, struct hub_session *s, uint8_t why)
{
	(void)h;
	(void)why;
	gate_ended(s, "The session could not be started");
	hub_deliver_ended(s, false);
	free_session(s);
}

void
hub_session_exited(struct hub_session *s, uint32_t status)
{
	int st = (int)status;

	/* what it had written before is still in the socket */
	peer_pump(&s->peer);
	if (s->counted || WIFSIGNALED(st))
		log_end_session(s, st);
	gate_ended(s, "The account cannot be opened");
	hub_deliver_ended(s, WIFEXITED(st) && WEXITSTATUS(st) == 0);
	free_session(s);
}

void
hub_session_client_gone(
    struct hub *h, uint32_t gate, const struct msg_hand_id *id)
{
	struct hub_session *s;
	size_t at = 0;

	/* a session finds out by itself, by the end of its descriptor; here
	 * only the state is noted, so a walk is cheap enough */
	while ((s = hash_next(h->sessions, &at)) != NULL)
		if (s->service != MSG_SERVICE_DELIVERY && s->gate == gate &&
		    s->conn_id == id->conn)
			(void)!conn_event(
			    &s->conn, CONN_ON_GONE, id->generation);
}

void
hub_session_forker_lost(struct hub *h)
{
	struct hub_session *s;
	size_t at = 0;

	/* live sessions finish their command; of the others there is nobody
	 * to tell when they have ended */
	hub_session_shutdown(h, NULL, "Server is restarting");
	while ((s = hash_next(h->sessions, &at)) != NULL) {
		s->orphan = true;
		if (s->pid != 0 && !s->gone)
			continue;
		gate_ended(s, "The session could not be started");
		hub_deliver_ended(s, false);
		free_session(s);
		at = 0;
	}
}

void
hub_session_gate_lost(struct hub *h, uint32_t gate)
{
	struct hub_session *s;
	size_t at = 0;

	while ((s = hash_next(h->sessions, &at)) != NULL)
		if (s->service != MSG_SERVICE_DELIVERY && s->gate == gate)
			(void)!conn_event(
			    &s->conn, CONN_ON_GONE, s->conn.generation);
}

void
hub_session_shutdown(struct hub *h, struct hub_account *a, const char *text)
{
	struct hub_session *s;
	size_t at = 0;

	if (a != NULL) {
		TAILQ_FOREACH (s, &a->sessions, link)
			if (s->service != MSG_SERVICE_DELIVERY)
				shutdown_one(s, text);
		return;
	}
	while ((s = hash_next(h->sessions, &at)) != NULL)
		shutdown_one(s, text);
}

void
hub_session_reload(struct hub *h)
{
	struct hub_session *s;
	size_t at = 0;

	while ((s = hash_next(h->sessions, &at)) != NULL)
		if (s->resting)
			rest_over(s);
}
