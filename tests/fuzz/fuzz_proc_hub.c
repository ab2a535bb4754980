/* The hub as a whole against all its peers at once: a script of messages, good
 * ones with small numbers so that they meet, and raw ones. Whatever they say,
 * in whatever order, its tables stay whole. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

int hub_main(int argc, char **argv);
#define main hub_main
#include "proc/hub.c"
#undef main
#include "proc/hub_deliver.c"
#include "proc/hub_out.c"
#include "proc/hub_session.c"

#include <sys/mman.h>

#define SOCKETS_MAX 32

struct script {
	struct view v;
	struct hub hub;
	struct start start;
	int far_end[SOCKETS_MAX]; /* of what the hub has open */
	size_t far_ends;
	int message; /* a sealed memfd */
};

static uint8_t
byte(struct script *s)
{
	uint8_t b;

	if (s->v.n == 0)
		return 0;
	b = s->v.p[0];
	view_skip(&s->v, 1);
	return b;
}

static void
lose_it(struct peer *p, const char *why)
{
	void (*lost)(void *, const char *) = p->lost;
	void *ctx = p->ctx;

	peer_close(p);
	lost(ctx, why);
}

/* As the loop does with what comes from a peer. */
static void
arrive(struct peer *p, const struct buf *b, int fd)
{
	AUTO_CLOSE int mine = fd >= 0 ? dup(fd) : -1;
	const char *why;
	unsigned closes = p->closes;

	if (peer_is_open(p) && !peer_dispatch(p, buf_view(b), &mine, &why) &&
	    p->closes == closes)
		lose_it(p, why);
}

static int
pair(struct script *s)
{
	int fd[2];

	if (s->far_ends == SOCKETS_MAX ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
		return -1;
	s->far_end[s->far_ends++] = fd[1];
	return fd[0];
}

static struct peer *
some_peer(struct script *s, uint8_t b)
{
	struct hub_session *one;
	size_t at = 0, n = b >> 3;

	switch (b & 7) {
	case 0:
	case 1:
		return &s->hub.gate[1 + (b & 1)].peer;
	case 2:
		return &s->hub.auth;
	case 3:
		return &s->hub.forker;
	case 4:
		return TAILQ_EMPTY(&s->hub.callers)
		    ? NULL
		    : &TAILQ_FIRST(&s->hub.callers)->peer;
	}
	while ((one = hash_next(s->hub.sessions, &at)) != NULL)
		if (n-- == 0)
			return &one->peer;
	return NULL;
}

static void
raw(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	struct peer *p = some_peer(s, byte(s));
	struct view v = view_sub(s->v, 0, byte(s));
	bool fd = (byte(s) & 1) != 0;

	v = view_sub(s->v, 0, v.n);
	buf_put(&b, v);
	view_skip(&s->v, v.n);
	if (p != NULL && b.n > 0)
		arrive(p, &b, fd ? s->message : -1);
}

static void
id_of(uint8_t n, uint8_t id[MSG_GRANT_SIZE])
{
	memset(id, 0, MSG_GRANT_SIZE);
	id[0] = n & 3;
}

static const char *const names[] = { "ann", "bob" };

static void
say_grant(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	uint8_t x = byte(s), y = byte(s);
	bool delivery = (y & 8) != 0;
	struct msg_grant m = { .gate = delivery ? 0 : 1,
		.conn = delivery ? 0 : y & 3,
		.generation = !delivery,
		.service = delivery ? MSG_SERVICE_DELIVERY : MSG_SERVICE_IMAP,
		.account = view_str(names[(y >> 2) & 1]),
		.path = VIEW_LIT("x"),
		.sessions_max = 3,
		.memory_max = 1,
		.cpu_max_s = 1,
		.expires_ms = clock_mono_ms() + 5000 };

	id_of(x, m.id);
	msg_grant_put(&b, &m);
	arrive(&s->hub.auth, &b, -1);
}

static void
say_handover(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	uint8_t x = byte(s), y = byte(s);
	struct msg_hand_over m = { .conn = y & 3,
		.generation = 1,
		.service = MSG_SERVICE_IMAP,
		.login = {
		    .tag = VIEW_LIT("a"), .command = VIEW_LIT("LOGIN") } };

	id_of(x, m.grant);
	msg_hand_over_put(&b, &m);
	arrive(&s->hub.gate[1].peer, &b, s->message);
}

static void
say_forked(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	uint8_t x = byte(s);
	int fd;

	msg_forked_put(&b, &(struct msg_forked){ 1 + (x & 7), 100 });
	if ((fd = pair(s)) == -1)
		return;
	arrive(&s->hub.forker, &b, fd);
	close(fd);
}

static void
say_exited(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	uint8_t x = byte(s);
	struct msg_fork_exited m = { 1 + (x & 7), 100, x & 8 ? 9 : 0 };

	msg_fork_exited_put(&b, &m);
	arrive(&s->hub.forker, &b, -1);
}

static void
say_failed(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_fork_failed m = { 1 + (byte(s) & 7), MSG_FORK_SYSTEM, 11 };

	msg_fork_failed_put(&b, &m);
	arrive(&s->hub.forker, &b, -1);
}

static void
say_gone(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();

	msg_hand_gone_put(&b, &(struct msg_hand_id){ byte(s) & 3, 1 });
	arrive(&s->hub.gate[1].peer, &b, -1);
}

/* What becomes of a message that was to leave. */
static void
out_says(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_out_taken m = { 1 + (byte(s) & 7), byte(s) & 1,
		VIEW_LIT("x") };

	msg_out_taken_put(&b, MSG_OUT_TAKEN, &m);
	arrive(&s->hub.out, &b, -1);
}

static void
put_submission(struct script *s, struct buf *b)
{
	static const struct view to = VIEW_LIT("x@example.com");
	struct msg_out_submit m = { .number = byte(s),
		.kind = MSG_OUT_REDIRECT,
		.sender = VIEW_LIT("ann@example.com"),
		.to = &to,
		.n = 1 };

	msg_out_submit_put(b, MSG_OUT_SUBMIT, &m);
}

static void
put_done(struct script *s, struct buf *b)
{
	static const struct view key = VIEW_LIT("0123456789abcdef");
	struct msg_out_done m = { .number = byte(s), .keys = key };

	msg_out_done_put(b, MSG_OUT_DONE, &m);
}

static void
session_says(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	uint8_t x = byte(s);
	struct hub_session *one = hub_session_find(&s->hub, 1 + (x & 7));
	struct msg_delivered d = {
		.delivery = 1 + (byte(s) & 7), .uid = 1, .modseq = 1
	};
	int fd = -1;

	if (one == NULL)
		return;
	switch (x >> 3) {
	case 0:
		msg_session_ready_put(&b);
		break;
	case 1:
		msg_session_committed_put(&b, byte(s));
		break;
	case 2:
		msg_session_watch_put(&b);
		fd = s->message;
		break;
	case 3:
		msg_delivered_put(&b, &d);
		break;
	case 4:
		put_submission(s, &b);
		fd = s->message;
		break;
	case 5:
		out_says(s);
		return;
	case 6:
		put_done(s, &b);
		break;
	default:
		session_lost(one, "closed");
		return;
	}
	arrive(&one->peer, &b, fd);
}

static void
new_one_calls(struct script *s)
{
	int fd = pair(s);

	if (fd >= 0)
		new_caller(&s->hub, &fd);
	if (fd >= 0)
		close(fd);
}

static void
caller_says(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	struct hub_caller *c = TAILQ_FIRST(&s->hub.callers);
	uint8_t x = byte(s);
	struct msg_control_deliver m = { .request = x,
		.account = view_str(names[x & 1]),
		.recipient = view_str((x & 2) != 0 ? "Ann+x@a" : ""),
		.detail = view_str((x & 4) != 0 ? "x" : ""),
		.has_detail = (x & 4) != 0 };

	if (c == NULL)
		return;
	if ((x & 0xf0) == 0xf0) {
		caller_lost(c, "closed");
		return;
	}
	if ((x & 0xf0) == 0xe0)
		msg_control_plain_put(&b, MSG_CONTROL_LIST);
	else
		msg_control_deliver_put(&b, &m);
	arrive(&c->peer, &b, (x & 0xf0) == 0xe0 ? -1 : s->message);
}

static void
say_looked(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_grant_looked m = { .request = 1 + (byte(s) & 7),
		.answer = byte(s) & 3 };

	id_of(byte(s), m.grant);
	msg_grant_looked_put(&b, &m);
	arrive(&s->hub.auth, &b, -1);
}

/* Run ops on bytes of our own, so that what needs many steps is one. */
static void
steps(struct script *s, const uint8_t *p, size_t n,
    void (*const *fn)(struct script *))
{
	struct view rest = s->v;

	s->v = (struct view){ p, n };
	for (; *fn != NULL; fn++)
		(*fn)(s);
	s->v = rest;
}

/* A login as it should be; the session's number is the next. */
static void
whole_session(struct script *s)
{
	static void (*const fn[])(struct script *) = { say_grant, say_handover,
		say_forked, session_says, NULL };
	uint8_t x = byte(s), n = (uint8_t)(s->hub.next_session - 1) & 7;
	const uint8_t p[] = { x, x & 7, x, x & 3, n, n };

	steps(s, p, sizeof(p), fn);
}

static void
whole_delivery(struct script *s)
{
	static void (*const fn[])(struct script *) = { new_one_calls,
		caller_says, say_grant, say_looked, say_forked, session_says,
		NULL };
	uint8_t x = byte(s), n = (uint8_t)(s->hub.next_session - 1) & 7,
		d = (uint8_t)(s->hub.next_delivery - 1) & 7;
	const uint8_t p[] = { x & 1, x, 8 | (x & 4), d, 0, x, n, n };

	steps(s, p, sizeof(p), fn);
}

static void
look(struct script *s)
{
	if ((byte(s) & 1) != 0)
		(void)!loop_turn(s->start.loop, 0);
	hub_account_look(&s->hub);
}

static void
disconnect(struct script *s)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_grant_disconnect m = { view_str(names[byte(s) & 1]),
		VIEW_LIT("x") };

	msg_grant_disconnect_put(&b, &m);
	arrive(&s->hub.auth, &b, -1);
}

static void
restart(struct script *s)
{
	uint8_t x = byte(s);
	struct msg_master_peer m = { MSG_PROCESS_AUTH, 0 };
	int fd = pair(s);

	if (fd == -1)
		return;
	if ((x & 3) == 1)
		m.process = MSG_PROCESS_FORKER;
	else if ((x & 3) == 2)
		m = (struct msg_master_peer){ MSG_PROCESS_GATE, 1 };
	else if ((x & 3) == 3)
		m.process = MSG_PROCESS_OUT;
	(void)!hub_peer(&s->hub, &m, &fd);
	if (fd >= 0)
		close(fd);
}

/* Each session has as many submissions as it is counted for. */
static void
check_submissions(const struct script *s, const struct hub_session *one)
{
	const struct hub_out_asked *a;
	unsigned n = 0;

	TAILQ_FOREACH (a, &s->hub.out_asked, link)
		n += a->session == one->number;
	if (n != one->submitting || n > MSG_OUT_PENDING_MAX)
		abort();
}

/* What must hold whenever nobody is in the middle of something. */
static void
check(const struct script *s)
{
	const struct hub_session *one;
	const struct hub_account *a;
	size_t at = 0, in_accounts = 0;

	while ((a = hash_next(s->hub.accounts, &at)) != NULL) {
		size_t n = 0;

		TAILQ_FOREACH (one, &a->sessions, link) {
			in_accounts++;
			n += one->service != MSG_SERVICE_DELIVERY;
			if (one->account != a ||
			    hub_session_find(one->hub, one->number) != one)
				abort();
			check_submissions(s, one);
		}
		if (n != a->count || TAILQ_EMPTY(&a->sessions))
			abort();
		if (a->delivery != NULL &&
		    (a->delivery->gone || a->delivery->deliveries == NULL))
			abort();
	}
	if (in_accounts != hash_count(s->hub.sessions))
		abort();
}

static void
set_up(struct script *s)
{
	int fd;

	s->message = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->message == -1 ||
	    fcntl(s->message, F_ADD_SEALS, MSG_CONTROL_SEALS) != 0 ||
	    loop_new(&s->start.loop) != 0)
		abort();
	s->start.conf = conf_new(&settings_schema);
	log_init(&s->start.log, -1, LOG_STYLE_PLAIN, LOG_ALL, "HUB", 0);
	if (hub_init(&s->hub, &s->start) != 0)
		abort();
	for (uint8_t p = MSG_PROCESS_AUTH; p <= MSG_PROCESS_OUT; p++) {
		struct msg_master_peer m = { p, p == MSG_PROCESS_GATE };

		if (p == MSG_PROCESS_HUB)
			continue;
		if ((fd = pair(s)) == -1 || hub_peer(&s->hub, &m, &fd) != 0)
			abort();
	}
}

static void
tear_down(struct script *s)
{
	struct hub_session *one;
	struct hub_caller *c;
	size_t at;

	forker_lost(&s->hub, "end");
	while (at = 0, (one = hash_next(s->hub.sessions, &at)) != NULL)
		session_lost(one, "end");
	hub_deliver_auth_lost(&s->hub);
	while ((c = TAILQ_FIRST(&s->hub.callers)) != NULL)
		caller_lost(c, "end");
	if (hash_count(s->hub.accounts) != 0)
		abort();
	peer_close(&s->hub.auth);
	peer_close(&s->hub.forker);
	peer_close(&s->hub.lmtp);
	give_up(&s->hub);
	peer_close(&s->hub.out);
	for (unsigned i = 1; i <= MSG_GATES_MAX; i++)
		peer_close(&s->hub.gate[i].peer);
	loop_timer_del(s->start.loop, &s->hub.look);
	hash_free(&s->hub.sessions);
	hash_free(&s->hub.accounts);
	grants_free(&s->hub.grants);
	conf_free(&s->start.conf);
	loop_free(&s->start.loop);
	while (s->far_ends > 0)
		close(s->far_end[--s->far_ends]);
	close(s->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[])(struct script *) = { raw, say_grant,
		say_handover, say_forked, say_exited, say_failed, say_gone,
		session_says, new_one_calls, caller_says, say_looked, restart,
		whole_session, whole_delivery, look, disconnect };
	static struct script s;

	memset(&s, 0, sizeof(s));
	s.v = (struct view){ data, size };
	set_up(&s);
	while (s.v.n > 0) {
		ops[byte(&s) % (sizeof(ops) / sizeof(ops[0]))](&s);
		check(&s);
	}
	tear_down(&s);
	return 0;
}
