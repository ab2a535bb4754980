/* The gate as a whole against auth and hub that say anything, in any order,
 * while clients say what clients say. Its tables must stay whole. */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "gate_world.h"

#define CLIENTS 3
#define STEPS_MAX 400

static struct world w;
static int client[CLIENTS];

static uint8_t
byte(struct view *v)
{
	uint8_t b = 0;

	if (v->n > 0) {
		b = v->p[0];
		view_skip(v, 1);
	}
	return b;
}

static void
drop(int fd)
{
	static uint8_t in[MSG_MAX];
	int passed = -1;

	while (fd >= 0 && fd_recv(fd, in, sizeof(in), &passed) > 0)
		fd_close(&passed);
}

static void
turn(void)
{
	char c[4096];

	for (int i = 0; i < 2; i++)
		if (loop_turn(w.start.loop, 0) != 0)
			abort();
	drop(w.auth);
	drop(w.hub);
	for (size_t i = 0; i < CLIENTS; i++)
		while (client[i] >= 0 &&
		    recv(client[i], c, sizeof(c), MSG_DONTWAIT) > 0)
			;
}

static void
open_client(size_t i)
{
	static const struct gate_protocol *const protocols[] = { &gate_imap,
		&gate_pop3, &gate_sieve };
	struct msg_client m = { .remote_port = 1 };
	int fd[2];

	fd_close(&client[i]);
	if (!netaddr_parse(VIEW_LIT("127.0.0.1"), &m.remote) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		fd) != 0)
		abort();
	m.local = m.remote;
	client[i] = fd[0];
	(void)gate_accept_one(&w.gate, fd[1], &m,
	    &(struct gate_door){ protocols[i % 3], false, true });
}

static void
say(size_t i, uint8_t what)
{
	static const char *const texts[] = { "a login u p\r\n",
		"a login u p\r\nb noop\r\nc id nil\r\n",
		"a authenticate plain\r\n", "AHUAcA==\r\n", "*\r\n", "\r\n",
		"a authenticate scram-sha-256 biwsbj0=\r\n", "a logout\r\n",
		"what\r\n", "a capability\r\nb starttls\r\n",
		"USER u\r\nPASS p\r\n", "AUTH PLAIN AHUAcA==\r\nSTAT\r\n",
		"AUTH PLAIN\r\n", "CAPA\r\nUTF8\r\nQUIT\r\n",
		"AUTHENTICATE \"PLAIN\" \"AHUAcA==\"\r\nNOOP\r\n",
		"AUTHENTICATE \"PLAIN\"\r\n", "\"AHUAcA==\"\r\n",
		"NOOP {3+}\r\nabc\r\nLOGOUT\r\n" };
	const char *t = texts[what % (sizeof(texts) / sizeof(texts[0]))];

	if (client[i] >= 0)
		(void)!send(client[i], t, strlen(t), MSG_NOSIGNAL);
}

/* As the loop does with what comes from a peer. */
static void
arrive(struct peer *p, struct view msg)
{
	unsigned closes = p->closes;
	const char *why;
	int fd = -1;

	if (!peer_is_open(p) || peer_dispatch(p, msg, &fd, &why) ||
	    p->closes != closes)
		return;
	peer_close(p);
	p->lost(p->ctx, why);
}

static void
from_auth(struct view *v)
{
	AUTO_BUF struct buf b = peer_msg();
	uint8_t type = byte(v);
	struct msg_auth_id id = { byte(v) % 6, 1u + byte(v) % 6 };
	struct msg_auth_challenge challenge = { id, VIEW_LIT("r=1") };
	struct msg_auth_fail fail = { id, (uint8_t)(1 + byte(v) % 7),
		VIEW_LIT("no") };
	struct msg_auth_ok ok = {
		.id = id, .grant = { 7 }, .account = VIEW_LIT("a@b")
	};

	if (type % 3 == 0)
		msg_auth_challenge_put(&b, &challenge);
	else if (type % 3 == 1)
		msg_auth_fail_put(&b, &fail);
	else
		msg_auth_ok_put(&b, &ok);
	arrive(&w.gate.auth, buf_view(&b));
}

static void
from_hub(struct view *v)
{
	AUTO_BUF struct buf b = peer_msg();
	uint8_t type = byte(v);
	struct msg_hand_id id = { byte(v) % 6, 1u + byte(v) % 6 };
	struct msg_hand_started started = { id, 3 };
	struct msg_hand_refused refused = { id, (uint8_t)(1 + byte(v) % 3),
		VIEW_LIT("no") };

	if (type % 3 == 0)
		msg_hand_started_put(&b, &started);
	else if (type % 3 == 1)
		msg_hand_refused_put(&b, &refused);
	else
		msg_hand_ended_put(&b, &id);
	arrive(&w.gate.hub, buf_view(&b));
}

static void
raw(struct peer *p, struct view *v)
{
	static const uint32_t types[] = { MSG_AUTH_OFFER, MSG_AUTH_CHALLENGE,
		MSG_AUTH_FAIL, MSG_AUTH_OK, MSG_HAND_STARTED, MSG_HAND_REFUSED,
		MSG_HAND_ENDED, 0 };
	AUTO_BUF struct buf b = peer_msg();
	struct view body;

	wire_put_u32(&b, types[byte(v) % 8]);
	body = view_sub(*v, 0, byte(v));
	body = view_sub(*v, 0, body.n);
	buf_put(&b, body);
	view_skip(v, body.n);
	arrive(p, buf_view(&b));
}

static void
check(void)
{
	struct gate_conn *c;
	size_t n = 0;

	TAILQ_FOREACH (c, &w.gate.conns, link) {
		bool live = c->conn.state == CONN_LIVE;

		n++;
		if (gate_conn_find(&w.gate, c->id) != c ||
		    c->in.n > GATE_UNREAD_MAX || c->out.failed ||
		    (c->login == NULL) != live || (c->fd < 0) != live ||
		    c->pair >= 0 || (c->exchange && live))
			abort();
	}
	if (n != w.gate.count || n > CLIENTS * STEPS_MAX)
		abort();
}

static void
step(struct view *v)
{
	uint8_t op = byte(v);
	size_t i = (op >> 4) % CLIENTS;

	switch (op % 12) {
	case 0:
	case 1:
	case 2:
		say(i, byte(v));
		break;
	case 3:
	case 4:
		from_auth(v);
		break;
	case 5:
	case 6:
		from_hub(v);
		break;
	case 7:
		raw((op & 16) != 0 ? &w.gate.auth : &w.gate.hub, v);
		break;
	case 8:
		world_auth(&w, true);
		break;
	case 9:
		world_hub(&w);
		break;
	case 10:
		open_client(i);
		break;
	default:
		fd_close(&client[i]);
		break;
	}
	turn();
	check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool open;
	struct view v = { data, size };
	struct gate_conn *c;

	if (!open)
		world_open(&w, "[gate]\nconnections-per-address = 1000\n");
	open = true;
	world_auth(&w, true);
	world_hub(&w);
	w.gate.next_id = 1;
	for (size_t i = 0; i < CLIENTS; i++) {
		client[i] = -1;
		open_client(i);
	}
	for (int i = 0; i < STEPS_MAX && v.n > 0; i++)
		step(&v);
	for (size_t i = 0; i < CLIENTS; i++)
		fd_close(&client[i]);
	while ((c = TAILQ_FIRST(&w.gate.conns)) != NULL)
		gate_conn_free(c);
	check();
	return 0;
}
