#include "proc/auth.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/random.h"
#include "proc/settings.h"
#include "proc/users.h"

/*
 * Peers and life of auth. Whatever comes before GO waits unread in its socket,
 * since there is no directory yet to answer from.
 */

/* ---- configuration ---- */

static void
read_uids(struct auth *a)
{
	const char *range = conf_str(a->conf, "store", NULL, "uid-range");
	const char *user;

	if (!directory_uids_parse(view_str(range), &a->uids)) {
		log_say(a->log, LOG_FAILURES, "config",
		    "[store] uid-range is not a range");
		a->uids = (struct directory_uids){ 200000, 299999 };
	}
	a->uid_rule = conf_enum(a->conf, "store", NULL, "uid");
	a->fixed_uid = geteuid();
	a->fixed_gid = getegid();
	if (!auth_conf_one_owner(
		a->conf, &a->fixed_uid, &a->fixed_gid, &user) &&
	    user != NULL)
		log_say(a->log, LOG_FAILURES, "config", "there is no user %s",
		    user);
}

/* Names of users can be looked up before the sandbox only. */
static void
read_deliver_users(struct auth *a)
{
	size_t n, max = sizeof(a->deliver_uid) / sizeof(a->deliver_uid[0]);
	const char *const *names =
	    conf_list(a->conf, "delivery", NULL, "deliver-users", &n);
	uint32_t gid;

	a->deliver_uids = 0;
	for (size_t i = 0; i < n && a->deliver_uids < max; i++) {
		if (users_find(names[i], &a->deliver_uid[a->deliver_uids],
			&gid) != USERS_NONE)
			a->deliver_uids++;
		else
			log_say(a->log, LOG_FAILURES, "config",
			    "there is no user %s", names[i]);
	}
}

static void
read_conf(struct auth *a)
{
	char room[SETTINGS_HOST_SIZE];
	struct view host;

	a->cleartext = conf_enum(a->conf, "auth", NULL, "cleartext");
	a->apop = conf_bool(a->conf, "pop3", NULL, "apop");
	a->cram = conf_bool(a->conf, "auth", NULL, "cram-md5");
	host = settings_host(a->conf, room);
	(void)snprintf(a->host, sizeof(a->host), "%.*s", (int)host.n,
	    (const char *)host.p);
	a->sessions_max =
	    (uint32_t)conf_num(a->conf, "session", NULL, "per-account");
	a->memory_max = conf_num(a->conf, "session", NULL, "memory");
	a->cpu_max_s =
	    (uint32_t)(conf_num(a->conf, "session", NULL, "cpu") / 1000);
}

static size_t
workers(const struct auth *a)
{
	size_t n = (size_t)conf_num(a->conf, "auth", NULL, "workers");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (n > 0)
		return n;
	return cpus < 1 ? 1 : cpus > 4 ? 4 : (size_t)cpus;
}

/* ---- peers ---- */

static void
hub_lost(void *ctx, const char *why)
{
	struct auth *a = ctx;

	auth_disconnect_forget(a);
	log_say(a->log, LOG_PROBLEMS, "hub-lost", "%s", why);
}

static void
forker_lost(void *ctx, const char *why)
{
	struct auth *a = ctx;

	log_say(a->log, LOG_PROBLEMS, "forker-lost", "%s", why);
}

static void
lmtp_lost(void *ctx, const char *why)
{
	struct auth *a = ctx;

	log_say(a->log, LOG_PROBLEMS, "lmtp-lost", "%s", why);
}

static void
gate_lost(void *ctx, const char *why)
{
	struct auth_gate *g = ctx;
	struct auth *a = g->auth;

	log_say(
	    a->log, LOG_PROBLEMS, "gate-lost", "gate %u: %s", g->number, why);
	a->gate[g->number] = NULL;
	auth_gate_free(g);
}

static int
open_gate(struct auth *a, uint32_t number, int *fd)
{
	struct auth_gate *g;
	int r;

	if (number == 0 || number > MSG_GATES_MAX)
		return -EINVAL;
	if (a->gate[number] != NULL)
		auth_gate_free(a->gate[number]);
	a->gate[number] = NULL;
	g = xcalloc(1, sizeof(*g));
	g->auth = a;
	g->number = number;
	g->by_conn = hash_new(AUTH_EXCHANGES_MAX + 1);
	TAILQ_INIT(&g->all);
	peer_init(
	    &g->peer, "gate", auth_gate_rules, auth_gate_rules_n, g, gate_lost);
	if ((r = peer_open(&g->peer, a->loop, fd_take(fd), 1)) != 0) {
		auth_gate_free(g);
		return r;
	}
	a->gate[number] = g;
	auth_gate_offer(g);
	return 0;
}

static int
open_peer(struct auth *a, enum msg_process process, uint32_t number, int *fd)
{
	switch (process) {
	case MSG_PROCESS_HUB:
		auth_disconnect_forget(a);
		return peer_open(&a->hub, a->loop, fd_take(fd), 1);
	case MSG_PROCESS_FORKER:
		return peer_open(&a->forker, a->loop, fd_take(fd), 1);
	case MSG_PROCESS_GATE:
		return open_gate(a, number, fd);
	case MSG_PROCESS_LMTP:
		return peer_open(&a->lmtp, a->loop, fd_take(fd), 1);
	case MSG_PROCESS_OUT:
	case MSG_PROCESS_MASTER:
	case MSG_PROCESS_AUTH:
		break;
	}
	return -EINVAL;
}

struct auth_early {
	struct auth_early *next;
	enum msg_process process;
	uint32_t number;
	int fd;
};

int
auth_peer(struct auth *a, enum msg_process process, uint32_t number, int fd)
{
	AUTO_CLOSE int mine = fd;
	struct auth_early *e;

	if (a->going)
		return open_peer(a, process, number, &mine);
	e = xcalloc(1, sizeof(*e));
	*e = (struct auth_early){ a->early, process, number, fd_take(&mine) };
	a->early = e;
	return 0;
}

/* Open all that waited, or only forget them; the newest of one kind is the
 * last to stay. */
static int
open_early(struct auth *a, bool open)
{
	struct auth_early *in_order = NULL, *e;
	int r = 0;

	while ((e = a->early) != NULL) {
		a->early = e->next;
		e->next = in_order;
		in_order = e;
	}
	while ((e = in_order) != NULL) {
		in_order = e->next;
		if (open && r == 0)
			r = open_peer(a, e->process, e->number, &e->fd);
		fd_close(&e->fd);
		free(e);
	}
	return r;
}

/* ---- life ---- */

struct auth *
auth_new(struct loop *loop, struct log *log, const struct conf *conf,
    void (*dead)(void *ctx), void *ctx)
{
	struct auth *a = xcalloc(1, sizeof(*a));

	a->loop = loop;
	a->log = log;
	a->conf = conf;
	a->dead = dead;
	a->dead_ctx = ctx;
	a->dirfd = a->listener = -1;
	a->gone_last = &a->gone;
	a->mode = start_sandbox_mode(conf);
	peer_init(
	    &a->hub, "hub", auth_hub_rules, auth_hub_rules_n, a, hub_lost);
	peer_init(&a->forker, "forker", NULL, 0, a, forker_lost);
	peer_init(
	    &a->lmtp, "lmtp", auth_lmtp_rules, auth_lmtp_rules_n, a, lmtp_lost);
	a->hub.drained = auth_disconnect_more;
	a->delay = auth_delay_new();
	a->cache = xcalloc(1, sizeof(*a->cache));
	random_bytes(a->cache->key, sizeof(a->cache->key));
	return a;
}

void
auth_free(struct auth **ap)
{
	struct auth *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	(void)open_early(a, false);
	for (size_t i = 0; i <= MSG_GATES_MAX; i++)
		if (a->gate[i] != NULL)
			auth_gate_free(a->gate[i]);
	for (size_t i = 0; i < MSG_ADMIN_CALLERS_MAX; i++)
		if (a->admin[i] != NULL)
			auth_admin_free(a->admin[i]);
	peer_close(&a->hub);
	peer_close(&a->forker);
	peer_close(&a->lmtp);
	auth_disconnect_forget(a);
	auth_pool_free(&a->pool);
	auth_delay_free(&a->delay);
	directory_close(&a->dir);
	loop_fd_del(&a->listening);
	fd_close(&a->listener);
	fd_close(&a->dirfd);
	explicit_bzero(a->cache, sizeof(*a->cache));
	free(a->cache);
	free(a);
}

static void
on_knock(void *ctx, unsigned events)
{
	(void)events;
	auth_admin_accept(ctx);
}

static void
pool_dead(void *ctx)
{
	struct auth *a = ctx;

	log_say(a->log, LOG_CRASHES, "workers", "all have died");
	a->dead(a->dead_ctx);
}

/* Once through everything that libraries set up late, while they still can. */
static void
warm_up(void)
{
	struct scram_keys k;
	char password[NAME_PASSWORD_MAX + 1];

	for (int hash = SCRAM_SHA_1; hash <= SCRAM_SHA_256; hash++)
		scram_keys_make((enum scram_hash)hash, "warm",
		    VIEW_LIT("salt of nobody"), 1, &k);
	(void)!name_password(VIEW_LIT("w\303\244rm"), password);
}

static int
close_in(struct auth *a, struct why *w)
{
	unsigned up = 0;
	struct log_line l;
	char text[64];
	int r = sandbox_auth(a->mode, a->dirfd, false, &up, w);

	if (r != 0)
		return r;
	sandbox_walls(up, text);
	log_begin(&l, a->log, LOG_MAJOR, "walls");
	log_str(&l, "auth", text);
	log_end(&l);
	return 0;
}

static int
go(struct auth *a, bool sandbox, struct why *w)
{
	AUTO_BUF struct buf path = BUF_INIT(CONF_LINE_MAX);
	int r;

	(void)umask(077);
	r = auth_pool_new(
	    &a->pool, a->loop, a->log, workers(a), a->mode, pool_dead, a);
	if (r != 0)
		return why(w, r, "workers");
	read_uids(a);
	read_deliver_users(a);
	read_conf(a);
	warm_up();
	r = a->dirfd >= 0
	    ? directory_open_at(&a->dir, a->dirfd, w)
	    : directory_open(&a->dir, auth_conf_dir(a->conf, &path), w);
	if (r != 0)
		return r;
	if (sandbox && (r = close_in(a, w)) != 0)
		return r;
	if (a->listener >= 0) {
		r = loop_fd_add(a->loop, &a->listening, a->listener, LOOP_READ,
		    on_knock, a);
		if (r != 0)
			return why(w, r, "listen");
	}
	a->going = true;
	if ((r = open_early(a, true)) != 0)
		return why(w, r, "peers");
	return 0;
}

int
auth_go(struct auth *a, bool sandbox)
{
	struct why w = { "" };
	int r = go(a, sandbox, &w);

	if (r != 0)
		log_why(a->log, LOG_FAILURES, "start", &w);
	return r;
}

void
auth_reload(struct auth *a, const struct conf *conf)
{
	a->conf = conf;
	read_conf(a);
	auth_lmtp_changed(a);
	for (size_t i = 1; i <= MSG_GATES_MAX; i++)
		if (a->gate[i] != NULL)
			auth_gate_offer(a->gate[i]);
}
