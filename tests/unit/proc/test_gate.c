#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "gate_world.h"
#include "tap.h"

/*
 * Connections in plain: login, hand-over, and every limit, at it and one past.
 */
static struct world w;

static void
greeting(void)
{
	struct visitor c;

	world_open(&w, "[server]\nhostname = mail.example.org\n");
	client_open(&w, &c, FROM_LOOPBACK, false);
	tap_ok(client_gets(&c,
		   "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 ID LITERAL+ SASL-IR "
		   "AUTH=SCRAM-SHA-256 AUTH=PLAIN] mail.example.org ready\r\n"),
	    "greeting on loopback, without a certificate");
	client_say(&c, "a noop\r\nb logout\r\n");
	tap_ok(client_gets(&c, "a OK ") && client_gets(&c, "* BYE ") &&
		client_gets(&c, "b OK ") && client_ends(&c),
	    "NOOP and LOGOUT in one packet");
	client_close(&c);
	world_turn(&w);
	tap_ok(w.gate.count == 0, "nothing is left");
	client_open(&w, &c, FROM_4, false);
	tap_ok(client_gets(&c, "LOGINDISABLED AUTH=SCRAM-SHA-256] "),
	    "LOGINDISABLED from elsewhere");
	client_say(&c, "a login demo demo\r\n");
	tap_ok(client_gets(&c, "a NO [PRIVACYREQUIRED]"), "and it is");
	client_say(&c, "a authenticate plain\r\n");
	tap_ok(client_gets(&c, "a NO [PRIVACYREQUIRED]"), "PLAIN likewise");
	client_say(&c, "a authenticate gssapi\r\n");
	tap_ok(client_gets(&c, "a NO [CANNOT]"), "nobody's mechanism");
	tap_ok(world_quiet(&w, w.auth), "auth has heard nothing of it");
	client_close(&c);
	world_close(&w);
}

/* LOGIN up to the session, with what was pipelined behind it. */
static void
login(void)
{
	struct msg_hand_over h;
	struct msg_auth_start s;
	struct message m;
	struct visitor c;
	char text[8] = "";

	world_open(&w, "");
	client_open(&w, &c, FROM_LOOPBACK, false);
	client_say(&c, "a login {4}\r\n");
	tap_ok(client_gets(&c, "+ OK\r\n"), "literal may come");
	client_say(&c, "demo \"de mo\"\r\nb select inbox\r\n");
	tap_ok(world_start(&w, &m, &s) && s.login_command && s.has_initial &&
		view_eq(s.mech, VIEW_LIT("PLAIN")) &&
		view_eq(s.initial, VIEW_LIT("demo\0demo\0de mo")) &&
		!s.client.tls && s.service == MSG_SERVICE_IMAP,
	    "START of LOGIN");
	tap_ok(world_quiet(&w, w.hub), "no hand-over before OK");
	world_ok(&w, &s.id);
	tap_ok(world_handover(&w, &m, &h) && h.direct &&
		view_eq(h.login.tag, VIEW_LIT("a")) &&
		view_eq(h.login.command, VIEW_LIT("LOGIN")) &&
		view_eq(h.unread, VIEW_LIT("b select inbox\r\n")) &&
		h.grant[0] == 1 && h.grant[2] == 3,
	    "HANDOVER with tag, grant and unread bytes");
	client_say(&c, "c noop\r\n");
	world_started(&w, &h);
	tap_ok(c.conn->fd == -1 && c.conn->login == NULL,
	    "the gate lets go of the socket");
	tap_ok(recv(m.fd, text, sizeof(text), MSG_DONTWAIT) == 8 &&
		memcmp(text, "c noop\r\n", 8) == 0,
	    "what came later is the session's to read");
	tap_ok(send(m.fd, "a OK in\r\n", 9, 0) == 9 &&
		client_gets(&c, "a OK in\r\n"),
	    "the session answers the client itself");
	close(m.fd);
	world_ended(&w, &h);
	tap_ok(w.gate.count == 0, "ENDED: it counts no more");
	client_close(&c);
	world_close(&w);
}

static void
exchange(void)
{
	struct msg_auth_continue cont;
	struct msg_auth_start s;
	struct msg_auth_id id;
	struct message m;
	struct visitor c;

	world_open(&w, "");
	client_open(&w, &c, FROM_LOOPBACK, false);
	client_say(&c, "a authenticate scram-sha-256 biwsbj0=\r\n");
	tap_ok(world_start(&w, &m, &s) && !s.login_command && s.has_initial &&
		view_eq(s.mech, VIEW_LIT("SCRAM-SHA-256")) &&
		view_eq(s.initial, VIEW_LIT("n,,n=")),
	    "initial response");
	world_challenge(&w, &s.id, "r=abc");
	tap_ok(client_gets(&c, "+ cj1hYmM=\r\n"), "challenge in base64");
	client_say(&c, "cD14\r\n");
	tap_ok(world_recv(&w, w.auth, &m) && m.type == MSG_AUTH_CONTINUE &&
		msg_auth_continue_get(&m.w, &cont) &&
		cont.id.generation == s.id.generation &&
		view_eq(cont.response, VIEW_LIT("p=x")),
	    "CONTINUE");
	world_challenge(&w, &s.id, "v=y");
	tap_ok(client_gets(&c, "+ dj15\r\n"), "the server's last word");
	client_say(&c, "\r\n");
	tap_ok(world_recv(&w, w.auth, &m) && m.type == MSG_AUTH_CONTINUE &&
		msg_auth_continue_get(&m.w, &cont) && cont.response.n == 0,
	    "an empty response");
	world_fail(&w, &s.id, MSG_AUTH_AUTHENTICATIONFAILED);
	tap_ok(client_gets(&c, "a NO [AUTHENTICATIONFAILED] Not so\r\n"),
	    "failed");
	client_say(&c, "b authenticate plain =\r\n");
	tap_ok(world_start(&w, &m, &s) && s.has_initial && s.initial.n == 0,
	    "\"=\" is an empty initial response");
	world_fail(&w, &s.id, MSG_AUTH_BAD);
	tap_ok(client_gets(&c, "b BAD Not so\r\n"), "BAD of auth");
	client_say(&c, "c authenticate plain\r\n");
	tap_ok(world_start(&w, &m, &s) && !s.has_initial, "none at all");
	id = s.id;
	world_challenge(&w, &id, "");
	tap_ok(client_gets(&c, "+ \r\n"), "empty challenge");
	client_say(&c, "*\r\n");
	tap_ok(client_gets(&c, "c BAD "), "cancelled");
	tap_ok(world_recv(&w, w.auth, &m) && m.type == MSG_AUTH_CANCEL,
	    "auth is told");
	world_fail(&w, &id, MSG_AUTH_AUTHENTICATIONFAILED);
	world_ok(&w, &id);
	tap_ok(world_quiet(&w, w.hub), "a late OK opens nothing");
	client_say(&c, "d authenticate plain\r\n");
	tap_ok(world_start(&w, &m, &s) && s.id.generation != id.generation,
	    "a new exchange has a new generation");
	world_ok(&w, &id);
	tap_ok(world_quiet(&w, w.hub), "nor in a new exchange");
	world_challenge(&w, &s.id, "");
	client_say(&c, "!!!\r\n");
	tap_ok(client_gets(&c, "d BAD ") && world_recv(&w, w.auth, &m) &&
		m.type == MSG_AUTH_CANCEL,
	    "no base64");
	client_close(&c);
	world_close(&w);
}

static void
refused(void)
{
	struct msg_hand_over h;
	struct msg_auth_start s;
	struct message m;
	struct visitor c;

	world_open(&w, "");
	client_open(&w, &c, FROM_LOOPBACK, false);
	client_say(&c, "a login u p\r\nb noop\r\n");
	(void)!world_start(&w, &m, &s);
	world_ok(&w, &s.id);
	tap_ok(world_handover(&w, &m, &h), "handed over");
	/* the forker's child makes it blocking, for both */
	(void)!fd_nonblock(m.fd, false);
	close(m.fd);
	world_refused(&w, &h, MSG_HAND_LIMIT);
	tap_ok(client_gets(&c, "a NO [LIMIT] Not now\r\n"), "NO [LIMIT]");
	tap_ok(client_gets(&c, "b OK "), "the unread command is run");
	client_say(&c, "c noop\r\n");
	tap_ok(client_gets(&c, "c OK "), "and the connection lives");
	world_started(&w, &h);
	tap_ok(!peer_is_open(&w.gate.hub),
	    "a hub that says STARTED after REFUSED is put off");
	client_say(&c, "d login u p\r\n");
	(void)!world_start(&w, &m, &s);
	world_ok(&w, &s.id);
	tap_ok(client_gets(&c, "d NO [UNAVAILABLE]"), "no hub, no session");
	world_hub(&w);
	client_say(&c, "e login u p\r\n");
	(void)!world_start(&w, &m, &s);
	world_ok(&w, &s.id);
	tap_ok(world_handover(&w, &m, &h), "a new hub");
	world_hub(&w);
	tap_ok(client_gets(&c, "* BYE [UNAVAILABLE]") && client_ends(&c),
	    "it dies while the session starts: BYE, for both ends");
	tap_ok(recv(m.fd, &s, 1, MSG_DONTWAIT) == 0 && w.gate.count == 0,
	    "what session there may be sees the end");
	close(m.fd);
	client_close(&c);
	world_close(&w);
}

static void
auth_dies(void)
{
	struct msg_auth_start s;
	struct message m;
	struct visitor c, d;

	world_open(&w, "");
	client_open(&w, &c, FROM_LOOPBACK, false);
	client_open(&w, &d, FROM_LOOPBACK, false);
	client_say(&c, "a login u p\r\n");
	client_say(&d, "a authenticate plain\r\n");
	(void)!world_start(&w, &m, &s);
	(void)!world_start(&w, &m, &s);
	world_challenge(&w, &s.id, "");
	fd_close(&w.auth);
	tap_ok(client_gets(&c, "a NO [UNAVAILABLE]"), "auth is gone: NO");
	client_say(&c, "b login u p\r\n");
	tap_ok(client_gets(&c, "b NO [UNAVAILABLE]"), "still gone");
	tap_ok(client_gets(&d, "+ \r\n"), "a challenge was open");
	client_say(&d, "AHUAcA==\r\n");
	tap_ok(client_gets(&d, "a NO [UNAVAILABLE]"), "its answer: NO");
	world_auth(&w, true);
	client_say(&c, "c login u p\r\n");
	tap_ok(world_start(&w, &m, &s), "back again");
	fd_close(&w.auth);
	client_close(&c);
	client_close(&d);
	world_turn(&w);
	world_auth(&w, true);
	tap_ok(w.gate.count == 0, "a client that goes meanwhile");
	world_close(&w);
}

static void
hostile_auth(void)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_offer o = { .tls = VIEW_LIT("PLAIN  LOGIN") };
	struct msg_auth_start s;
	struct message m;
	struct visitor c;

	world_open(&w, "");
	client_open(&w, &c, FROM_LOOPBACK, false);
	client_say(&c, "a authenticate plain\r\n");
	(void)!world_start(&w, &m, &s);
	world_challenge(&w, &s.id, "");
	world_challenge(&w, &s.id, "");
	tap_ok(!peer_is_open(&w.gate.auth), "two challenges without an answer");
	world_auth(&w, true);
	msg_auth_offer_put(&b, &o);
	(void)!fd_send(w.auth, buf_view(&b), -1);
	world_turn(&w);
	tap_ok(!peer_is_open(&w.gate.auth) && *w.gate.offer.tls == 'S',
	    "an offer that is no list");
	client_close(&c);
	world_close(&w);
}

/* ---- limits ---- */

static void
addresses(void)
{
	struct visitor a, b, c, d;

	world_open(&w, "[gate]\nconnections-per-address = 2\n");
	client_open(&w, &a, FROM_6, false);
	client_open(&w, &b, FROM_6_NEIGHBOUR, false);
	client_open(&w, &c, FROM_6, false);
	client_open(&w, &d, FROM_6_FAR, false);
	tap_ok(
	    client_gets(&a, "* OK") && client_gets(&b, "* OK"), "two of a /64");
	tap_ok(c.conn == NULL &&
		client_gets(&c, "* BYE [UNAVAILABLE] Too many") &&
		client_ends(&c),
	    "the third is refused");
	tap_ok(client_gets(&d, "* OK"), "another /64 is another client");
	client_close(&a);
	client_close(&c);
	world_turn(&w);
	client_open(&w, &c, FROM_6, false);
	tap_ok(client_gets(&c, "* OK"), "a place is free again");
	client_close(&b);
	client_close(&c);
	client_close(&d);
	world_close(&w);

	world_open(&w, "[gate]\nconnections = 2\n");
	client_open(&w, &a, FROM_4, false);
	client_open(&w, &b, FROM_6, false);
	client_open(&w, &c, FROM_6_FAR, false);
	tap_ok(client_gets(&b, "* OK") && c.conn == NULL &&
		client_gets(&c, "* BYE [UNAVAILABLE]"),
	    "connections in all");
	client_close(&a);
	client_close(&b);
	client_close(&c);
	world_close(&w);
}

static void
attempts(void)
{
	struct msg_auth_start s;
	struct message m;
	struct visitor c;

	world_open(&w, "[gate]\nlogin-attempts = 2\n");
	client_open(&w, &c, FROM_LOOPBACK, false);
	client_say(&c, "a login u p\r\n");
	(void)!world_start(&w, &m, &s);
	world_fail(&w, &s.id, MSG_AUTH_UNAVAILABLE);
	client_say(&c, "b login u p\r\n");
	(void)!world_start(&w, &m, &s);
	world_fail(&w, &s.id, MSG_AUTH_AUTHENTICATIONFAILED);
	tap_ok(client_gets(&c, "b NO [AUTHENTICATIONFAILED]"), "one");
	client_say(&c, "c login u p\r\n");
	(void)!world_start(&w, &m, &s);
	world_fail(&w, &s.id, MSG_AUTH_AUTHENTICATIONFAILED);
	tap_ok(client_gets(&c, "c NO [AUTHENTICATIONFAILED]") &&
		client_gets(&c, "* BYE ") && client_ends(&c),
	    "the second of two ends it; UNAVAILABLE does not count");
	client_close(&c);
	world_close(&w);
}

static void
bads(void)
{
	struct visitor c;
	bool ok = true;

	world_open(&w, "");
	client_open(&w, &c, FROM_LOOPBACK, false);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < GATE_LOGIN_BADS_MAX; i++) {
			client_say(
			    &c, i % 2 == 0 ? "a select inbox\r\n" : "\r\n");
			ok = ok && client_gets(&c, " BAD ");
		}
		if (round == 0) {
			client_say(&c, "b noop\r\n");
			ok = ok && client_gets(&c, "b OK ");
		}
	}
	tap_ok(ok, "bad commands, and as many after a good one");
	client_say(&c, "c what\r\n");
	tap_ok(client_gets(&c, "c BAD") && client_gets(&c, "* BYE") &&
		client_ends(&c),
	    "one too many");
	client_close(&c);
	world_close(&w);
}

static void
bytes(void)
{
	AUTO_BUF struct buf b = BUF_INIT(1 << 20);
	struct visitor c;

	world_open(&w, "[gate]\nlogin-bytes = 16K\n");
	client_open(&w, &c, FROM_LOOPBACK, false);
	while (b.n < LIMITS_LINE_PRELOGIN)
		buf_put_str(&b, "x");
	client_send(&c, buf_view(&b));
	client_say(&c, "\r\na noop\r\n");
	tap_ok(client_gets(&c, "* BAD Command line too long") &&
		client_gets(&c, "a OK"),
	    "a line that is too long");
	while (b.n < 20000)
		buf_put_str(&b, "x");
	client_send(&c, buf_view(&b));
	tap_ok(client_gets(&c, "* BYE Too much was sent") && client_ends(&c),
	    "too much in all, without an end of line");
	client_close(&c);

	client_open(&w, &c, FROM_LOOPBACK, false);
	client_say(&c, "a login {8193}\r\n");
	tap_ok(client_gets(&c, "a NO [LIMIT]"), "a literal one too long");
	client_say(&c, "b login {8193+}\r\n");
	tap_ok(client_gets(&c, "b NO [LIMIT]"), "non-synchronising");
	client_send(&c, view_sub(buf_view(&b), 0, 8193));
	client_say(&c, " x\r\nc noop\r\n");
	tap_ok(client_gets(&c, "c OK"), "is swallowed");
	client_say(&c, "d login {99999999999999999999+}\r\n");
	tap_ok(client_gets(&c, "* BYE") && client_ends(&c),
	    "one without end ends it");
	client_close(&c);
	client_open(&w, &c, FROM_LOOPBACK, false);
	client_send(&c, VIEW_LIT("a login {3+}\r\nu\0v p\r\nb n\0op\r\n"));
	tap_ok(client_gets(&c, "a BAD NUL") && client_gets(&c, " BAD NUL"),
	    "NUL in a name, NUL in a line");
	client_close(&c);
	world_close(&w);
}

static void
loris(void)
{
	struct visitor c, d;

	world_open(&w, "[gate]\nlogin-timeout = 1s\n");
	client_open(&w, &c, FROM_LOOPBACK, false);
	client_open(&w, &d, FROM_LOOPBACK, false);
	(void)!client_gets(&c, "* OK");
	for (int i = 0; i < 6 && !c.eof; i++) {
		client_say(&c, "a");
		for (int k = 0; k < 20; k++)
			(void)!loop_turn(w.start.loop, 10);
		client_pump(&c);
	}
	tap_ok(client_gets(&c, "* BYE Login took too long") && client_ends(&c),
	    "slowly typing does not help");
	tap_ok(client_gets(&d, "* BYE ") && client_ends(&d), "nor silence");
	client_close(&c);
	client_close(&d);
	world_turn(&w);
	tap_ok(w.gate.count == 0, "all gone");
	world_close(&w);
}

/* One that never reads its answers cannot make them pile up. */
static void
deaf(void)
{
	AUTO_BUF struct buf b = BUF_INIT(8 << 20);
	struct visitor c;

	world_open(&w, "[gate]\nlogin-bytes = 16M\n");
	client_open(&w, &c, FROM_LOOPBACK, false);
	for (int i = 0; i < 100000; i++)
		buf_put_str(&b, "a capability\r\n");
	for (int i = 0; i < 20; i++) {
		ssize_t n = send(c.fd, b.p, b.n, MSG_NOSIGNAL);

		if (n > 0) /* to a whole command */
			(void)n;
		world_turn(&w);
	}
	tap_ok(c.conn->out.n < GATE_LOGIN_OUT_MAX && !c.conn->out.failed &&
		c.conn->in.n <= GATE_UNREAD_MAX && c.conn->bytes < 2u << 20,
	    "little waits for a client that does not read (%zu)",
	    c.conn->out.n);
	client_close(&c);
	world_turn(&w);
	tap_ok(w.gate.count == 0, "and it goes");
	world_close(&w);
}

static void
half_closed(void)
{
	struct visitor c;

	world_open(&w, "");
	client_open(&w, &c, FROM_LOOPBACK, false);
	(void)!send(c.fd, "a noop\r\nb id nil\r\n", 18, 0);
	(void)shutdown(c.fd, SHUT_WR);
	tap_ok(client_gets(&c, "a OK") && client_gets(&c, "* ID (") &&
		client_gets(&c, "b OK") && client_ends(&c),
	    "answers after the client's half is closed");
	client_close(&c);
	world_close(&w);
}

static void
stopping(void)
{
	struct msg_auth_start s;
	struct msg_hand_over h;
	struct message m;
	struct visitor c, d, e;

	world_open(&w, "");
	client_open(&w, &c, FROM_LOOPBACK, false);
	client_open(&w, &d, FROM_LOOPBACK, false);
	client_open(&w, &e, FROM_LOOPBACK, false);
	client_say(&d, "a login u p\r\n");
	(void)!world_start(&w, &m, &s);
	client_say(&e, "a login u p\r\n");
	(void)!world_start(&w, &m, &s);
	world_ok(&w, &s.id);
	(void)!world_handover(&w, &m, &h);
	w.start.stopping = true;
	gate_ops.stop(&w.gate);
	tap_ok(client_gets(&c, "* BYE Server is going down") &&
		client_ends(&c) && client_gets(&d, "* BYE ") && client_ends(&d),
	    "stop: BYE before login");
	close(m.fd);
	world_refused(&w, &h, MSG_HAND_UNAVAILABLE);
	tap_ok(client_gets(&e, "a NO [UNAVAILABLE]") &&
		client_gets(&e, "* BYE") && client_ends(&e),
	    "what was starting ends as soon as it is refused");
	client_close(&c);
	client_close(&d);
	client_close(&e);
	world_turn(&w);
	tap_ok(w.gate.count == 0, "nothing is left");
	world_close(&w);
}

int
main(void)
{
	greeting();
	login();
	exchange();
	refused();
	auth_dies();
	hostile_auth();
	addresses();
	attempts();
	bads();
	bytes();
	loris();
	deaf();
	half_closed();
	stopping();
	return tap_done();
}
