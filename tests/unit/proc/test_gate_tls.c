#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "gate_world.h"
#include "tap.h"

/*
 * TLS: implicit and STARTTLS, names, reload, channel bindings, and the relay.
 */
static struct world w;
static const char *const one[] = { "mail.example.org" };
static const char *const three[] = { "mail.example.org", "imap.example.net",
	"*.example.com" };

static void
open_tls(const char *conf)
{
	world_open(&w, conf);
	if (!world_certificates(&w, three, 3))
		tap_ok(0, "certificates");
}

/* Which certificate did we get? */
static bool
has_name(const struct visitor *c, const char *name)
{
	X509 *x = SSL_get1_peer_certificate(c->ssl);
	bool is = x != NULL && X509_check_host(x, name, 0, 0, NULL) == 1;

	X509_free(x);
	return is;
}

static void
implicit(int version, const char *text)
{
	struct visitor c;

	open_tls("");
	client_open(&w, &c, FROM_4, true);
	tap_ok(client_tls(&c, NULL, version) &&
		strcmp(SSL_get_version(c.ssl), text) == 0,
	    "%s from the first byte", text);
	tap_ok(client_gets(&c,
		   "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 ID LITERAL+ SASL-IR "
		   "AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN] "),
	    "its greeting");
	client_say(&c, "a starttls\r\n");
	tap_ok(client_gets(&c, "a BAD "), "no second TLS");
	client_say(&c, "b logout\r\n");
	tap_ok(client_gets(&c, "b OK") && client_ends(&c) &&
		(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN) != 0,
	    "LOGOUT and close_notify");
	client_close(&c);
	world_close(&w);
}

static void
names(void)
{
	static const struct {
		const char *asked, *has;
	} cases[] = { { NULL, "mail.example.org" },
		{ "mail.example.org", "mail.example.org" },
		{ "imap.example.net", "imap.example.net" },
		{ "IMAP.Example.NET", "imap.example.net" },
		{ "x.example.com", "y.example.com" },
		{ "nobody.example", "mail.example.org" } };
	struct visitor c;

	open_tls("");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		client_open(&w, &c, FROM_4, true);
		tap_ok(client_tls(&c, cases[i].asked, 0) &&
			has_name(&c, cases[i].has),
		    "SNI %s", cases[i].asked ? cases[i].asked : "(none)");
		client_close(&c);
	}
	world_close(&w);
}

static void
reload(void)
{
	static const char *const other[] = { "new.example.org" };
	static const char *const broken[] = { "a.example", NULL };
	struct visitor c, d;

	open_tls("");
	client_open(&w, &c, FROM_4, true);
	(void)!client_tls(&c, NULL, 0);
	client_open(&w, &d, FROM_4, true); /* its handshake is under way */
	tap_ok(world_certificates(&w, other, 1), "a new set");
	tap_ok(client_tls(&d, "imap.example.net", 0) &&
		has_name(&d, "imap.example.net"),
	    "a handshake goes on with the old one");
	client_say(&c, "a noop\r\n");
	tap_ok(client_gets(&c, "a OK"), "an old connection lives");
	client_close(&d);
	client_open(&w, &d, FROM_4, true);
	tap_ok(client_tls(&d, "imap.example.net", 0) &&
		has_name(&d, "new.example.org"),
	    "a new one has the new certificate");
	client_close(&d);
	tap_ok(world_certificates(&w, broken, 2), "a broken set is no end");
	client_open(&w, &d, FROM_4, true);
	tap_ok(client_tls(&d, NULL, 0) && has_name(&d, "new.example.org"),
	    "the old one stays in force");
	client_close(&c);
	client_close(&d);
	world_close(&w);

	world_open(&w, "");
	tap_ok(world_certificates(&w, broken, 2) && w.gate.tls == NULL,
	    "nor where there was none");
	w.gate.going = false;
	tap_ok(
	    !world_certificates(&w, broken, 2), "at the start it is an error");
	w.gate.going = true;
	client_open(&w, &c, FROM_4, true);
	tap_ok(c.conn == NULL && client_ends(&c), "no TLS without certificate");
	client_close(&c);
	client_open(&w, &c, FROM_4, false);
	client_say(&c, "a starttls\r\n");
	tap_ok(client_gets(&c, "a BAD "), "nor STARTTLS");
	client_close(&c);
	world_close(&w);
}

static void
versions(void)
{
	struct visitor c;

	open_tls("[tls]\nmin-version = 1.3\n");
	client_open(&w, &c, FROM_4, true);
	tap_ok(!client_tls(&c, NULL, TLS1_2_VERSION), "1.2 is too old there");
	client_close(&c);
	client_open(&w, &c, FROM_4, true);
	tap_ok(client_tls(&c, NULL, 0), "1.3 is not");
	client_close(&c);
	world_close(&w);
	open_tls("");
	client_open(&w, &c, FROM_4, true);
	tap_ok(!client_tls(&c, NULL, TLS1_1_VERSION), "1.1 is always");
	client_close(&c);
	world_turn(&w);
	tap_ok(w.gate.count == 0, "failed handshakes leave nothing");
	world_close(&w);
}

static void
starttls(void)
{
	struct msg_auth_start s;
	struct message m;
	struct visitor c;

	open_tls("");
	client_open(&w, &c, FROM_4, false);
	tap_ok(client_gets(&c, " STARTTLS LOGINDISABLED "), "offered");
	client_say(&c, "a starttls\r\n");
	tap_ok(client_gets(&c, "a OK Begin TLS now\r\n") &&
		client_tls(&c, NULL, 0),
	    "STARTTLS");
	tap_ok(c.got.n == 0, "no second greeting");
	client_say(&c, "b capability\r\n");
	tap_ok(client_gets(&c, "SASL-IR AUTH=SCRAM-SHA-256-PLUS"),
	    "other capabilities");
	client_say(&c, "c login u p\r\n");
	tap_ok(world_start(&w, &m, &s) && s.client.tls, "LOGIN is allowed");
	client_close(&c);

	/* CVE-2011-0411 and its like: what stands behind STARTTLS in plain is
	 * never run */
	client_open(&w, &c, FROM_4, false);
	client_say(&c, "a starttls\r\nb id (\"name\" \"evil\")\r\nc login");
	tap_ok(client_gets(&c, "a OK Begin TLS now\r\n") &&
		client_tls(&c, NULL, 0),
	    "injected commands: TLS comes up");
	client_say(&c, "d noop\r\n");
	tap_ok(client_gets(&c, "d OK NOOP completed\r\n") && c.got.n == 0,
	    "and nothing of them was run");
	client_close(&c);

	client_open(&w, &c, FROM_4, false);
	client_say(&c, "a starttls\r\n");
	(void)!client_gets(&c, "a OK Begin TLS now\r\n");
	client_say(&c, "b noop\r\n");
	tap_ok(client_ends(&c) &&
		(c.got.n == 0 || memmem(c.got.p, c.got.n, "b OK", 4) == NULL),
	    "plain text instead of a handshake ends it");
	client_close(&c);
	world_fail(&w, &s.id, MSG_AUTH_AUTHENTICATIONFAILED);
	tap_ok(w.gate.count == 0, "nothing is left");
	world_close(&w);
}

static void
bindings(int version, bool has_exporter)
{
	uint8_t exporter[TLS_EXPORTER_SIZE], endpoint[EVP_MAX_MD_SIZE];
	struct msg_auth_start s;
	struct message m;
	struct visitor c;
	unsigned n = 0;
	X509 *x;

	open_tls("");
	client_open(&w, &c, FROM_4, true);
	(void)!client_tls(&c, "imap.example.net", version);
	client_say(&c, "a authenticate scram-sha-256-plus biwsbj0=\r\n");
	tap_ok(world_start(&w, &m, &s), "START over TLS");
	x = SSL_get1_peer_certificate(c.ssl);
	(void)X509_digest(x, EVP_sha256(), endpoint, &n);
	X509_free(x);
	tap_ok(view_eq(s.endpoint, (struct view){ endpoint, n }),
	    "tls-server-end-point of the chosen certificate");
	(void)SSL_export_keying_material(c.ssl, exporter, sizeof(exporter),
	    "EXPORTER-Channel-Binding", 24, NULL, 0, 0);
	tap_ok(has_exporter ? view_eq(s.exporter,
				  (struct view){ exporter, sizeof(exporter) })
			    : s.exporter.n == 0,
	    "tls-exporter (RFC 9266): %s", has_exporter ? "the same" : "none");
	client_close(&c);
	world_close(&w);
}

/* ---- relay ---- */

/* Log in; the session's end of the pair. */
static int
session(struct visitor *c, struct msg_hand_over *h, struct message *m)
{
	struct msg_auth_start s;

	client_open(&w, c, FROM_4, true);
	if (!client_tls(c, NULL, 0))
		return -1;
	client_say(c, "a login u p\r\nb idle\r\n");
	if (!world_start(&w, m, &s))
		return -1;
	world_ok(&w, &s.id);
	if (!world_handover(&w, m, h))
		return -1;
	return m->fd;
}

static bool
session_gets(int fd, const char *text)
{
	char got[256];
	ssize_t n;

	world_turn(&w);
	n = recv(fd, got, sizeof(got), MSG_DONTWAIT);
	return n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0;
}

static void
relay(void)
{
	struct msg_hand_over h;
	struct message m;
	struct visitor c;
	int fd;

	open_tls("");
	fd = session(&c, &h, &m);
	tap_ok(!h.direct && h.client.tls &&
		view_eq(h.unread, VIEW_LIT("b idle\r\n")),
	    "a pair and the unread bytes are handed over");
	client_say(&c, "done\r\n");
	tap_ok(send(fd, "a OK in\r\n", 9, 0) == 9 &&
		!memmem(c.got.p, c.got.n, "a OK in", 7),
	    "nothing moves while it starts");
	world_started(&w, &h);
	tap_ok(client_gets(&c, "a OK in\r\n"), "the session's first word");
	tap_ok(session_gets(fd, "done\r\n"), "what was sent meanwhile");
	client_say(&c, "c noop\r\n");
	tap_ok(session_gets(fd, "c noop\r\n"), "up");
	(void)!send(fd, "c OK\r\n", 6, 0);
	tap_ok(client_gets(&c, "c OK\r\n"), "down");
	tap_ok(c.conn->login == NULL && c.conn->in.p == NULL &&
		c.conn->out.p == NULL && c.conn->up.p == NULL,
	    "at rest it holds no buffers");
	(void)!send(fd, "* BYE\r\n", 7, 0);
	close(fd);
	tap_ok(client_gets(&c, "* BYE\r\n") && client_ends(&c) &&
		(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN) != 0,
	    "the session's last word and close_notify");
	tap_ok(world_recv(&w, w.hub, &m) && m.type == MSG_HAND_GONE, "GONE");
	world_ended(&w, &h);
	tap_ok(peer_is_open(&w.gate.hub), "ENDED may cross it");
	client_close(&c);
	world_turn(&w);
	tap_ok(w.gate.count == 0, "nothing is left");

	fd = session(&c, &h, &m);
	world_started(&w, &h);
	SSL_shutdown(c.ssl);
	tap_ok(session_gets(fd, ""), "the client's close_notify is passed on");
	(void)!send(fd, "late\r\n", 6, 0);
	tap_ok(client_gets(&c, "late\r\n"), "the other half lives");
	world_ended(&w, &h);
	tap_ok(w.gate.count == 1, "ENDED does not cut it");
	close(fd);
	tap_ok(client_ends(&c), "until the session closes");
	client_close(&c);

	fd = session(&c, &h, &m);
	world_started(&w, &h);
	fd_close(&c.fd);
	tap_ok(session_gets(fd, ""), "a client that is gone: end of input");
	close(fd);
	world_turn(&w);
	client_close(&c);
	tap_ok(w.gate.count == 0, "and of the connection");
	world_close(&w);
}

static void
relay_refused(void)
{
	struct msg_hand_over h;
	struct message m;
	struct visitor c;
	int fd;

	open_tls("");
	fd = session(&c, &h, &m);
	close(fd);
	world_refused(&w, &h, MSG_HAND_UNAVAILABLE);
	tap_ok(client_gets(&c, "a NO [UNAVAILABLE] Not now\r\n") &&
		client_gets(&c, "b BAD "),
	    "REFUSED: unread bytes are read again");
	client_close(&c);
	fd = session(&c, &h, &m);
	(void)!send(fd, "a OK in\r\n", 9, 0);
	world_hub(&w);
	tap_ok(client_gets(&c, "a NO [UNAVAILABLE]") &&
		client_gets(&c, "b BAD ") && !session_gets(fd, "x"),
	    "the hub dies while it starts: NO, and the connection lives");
	close(fd);
	client_say(&c, "c noop\r\n");
	tap_ok(client_gets(&c, "c OK"), "it does");
	client_close(&c);
	fd = session(&c, &h, &m);
	world_started(&w, &h);
	world_hub(&w);
	(void)!send(fd, "x\r\n", 3, 0);
	tap_ok(client_gets(&c, "x\r\n"), "a relay outlives the hub");
	w.start.stopping = true;
	gate_ops.stop(&w.gate);
	(void)!send(fd, "y\r\n", 3, 0);
	tap_ok(client_gets(&c, "y\r\n"), "and the order to stop");
	close(fd);
	tap_ok(client_ends(&c), "until its session ends");
	client_close(&c);
	world_close(&w);
}

#define MUCH (8u << 20)

static uint8_t
byte_at(size_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

static void
much_down(void)
{
	AUTO_FREE uint8_t *p = xmalloc(MUCH);
	struct msg_hand_over h;
	struct message m;
	struct visitor c;
	size_t sent = 0, n = 0;
	int fd, stuck = 0;

	open_tls("");
	fd = session(&c, &h, &m);
	world_started(&w, &h);
	client_pump(&c);
	buf_clear(&c.got); /* the greeting */
	for (size_t i = 0; i < MUCH; i++)
		p[i] = byte_at(i);
	/* a client that does not read: all must come to rest */
	while (stuck < 50 && sent < MUCH) {
		ssize_t r = send(fd, p + sent, MUCH - sent, MSG_DONTWAIT);

		stuck = r > 0 ? 0 : stuck + 1;
		sent += r > 0 ? (size_t)r : 0;
		world_turn(&w);
	}
	tap_ok(sent < 2u << 20, "a client that does not read stops it at %zu",
	    sent);
	tap_ok(tls_waiting(c.conn->tls) && c.conn->down_bytes < sent,
	    "a chunk waits in the gate, the rest before it");
	while (n < MUCH) {
		ssize_t r = sent == MUCH
		    ? 0
		    : send(fd, p + sent, MUCH - sent, MSG_DONTWAIT);

		sent += r > 0 ? (size_t)r : 0;
		world_turn(&w);
		client_pump(&c);
		n = c.got.n;
		if (c.eof)
			break;
	}
	tap_ok(
	    n == MUCH && memcmp(c.got.p, p, MUCH) == 0, "8 MiB down, unharmed");
	close(fd);
	client_close(&c);
	world_close(&w);
}

static void
much_up(void)
{
	AUTO_FREE uint8_t *p = xmalloc(MUCH), *q = xmalloc(MUCH);
	struct msg_hand_over h;
	struct message m;
	struct visitor c;
	size_t sent = 0, got = 0, n;
	int fd, stuck = 0;

	open_tls("");
	fd = session(&c, &h, &m);
	world_started(&w, &h);
	for (size_t i = 0; i < MUCH; i++)
		p[i] = byte_at(i);
	while (stuck < 50 && sent < MUCH) {
		n = 0;
		stuck = SSL_write_ex(c.ssl, p + sent, MUCH - sent, &n) == 1
		    ? 0
		    : stuck + 1;
		ERR_clear_error();
		sent += n;
		world_turn(&w);
	}
	tap_ok(sent < 2u << 20, "a session that does not read stops it at %zu",
	    sent);
	tap_ok(c.conn->up.n > 0 && c.conn->up.n <= GATE_CHUNK,
	    "at most a chunk waits in the gate (%zu)", c.conn->up.n);
	for (int i = 0; got < MUCH && i < 1000000; i++) {
		ssize_t r = recv(fd, q + got, MUCH - got, MSG_DONTWAIT);

		got += r > 0 ? (size_t)r : 0;
		n = 0;
		if (sent < MUCH)
			(void)!SSL_write_ex(c.ssl, p + sent, MUCH - sent, &n);
		ERR_clear_error();
		sent += n;
		world_turn(&w);
	}
	tap_ok(got == MUCH && memcmp(p, q, MUCH) == 0, "8 MiB up, unharmed");
	close(fd);
	client_close(&c);
	world_close(&w);
}

/* Key updates that ask for answers nobody reads. */
static void
key_updates(void)
{
	struct msg_hand_over h;
	struct message m;
	struct visitor c;
	int fd;

	open_tls("");
	fd = session(&c, &h, &m);
	world_started(&w, &h);
	for (int i = 0; i < 20000 && w.gate.count == 1; i++) {
		size_t n;

		if (SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED) != 1 ||
		    SSL_write_ex(c.ssl, "x", 1, &n) != 1)
			ERR_clear_error();
		if (i % 16 == 0)
			(void)!loop_turn(w.start.loop, 0);
		if (i % 64 == 0) {
			char drop[4096];

			(void)!recv(fd, drop, sizeof(drop), MSG_DONTWAIT);
		}
	}
	tap_ok(w.gate.count <= 1, "key updates without end are borne");
	close(fd);
	client_close(&c);
	world_turn(&w);
	tap_ok(w.gate.count == 0, "and end");
	world_close(&w);
}

static void
handshakes(void)
{
	AUTO_BUF struct buf b = BUF_INIT(1 << 20);
	struct visitor c;

	open_tls("[gate]\nlogin-timeout = 1s\n");
	client_open(&w, &c, FROM_4, true);
	tap_ok(client_ends(&c) && w.gate.count == 0, "silence is ended");
	client_close(&c);
	client_open(&w, &c, FROM_4, true);
	client_say(&c, "GET / HTTP/1.0\r\n\r\n");
	tap_ok(client_ends(&c), "another protocol");
	client_close(&c);
	client_open(&w, &c, FROM_4, true);
	/* a ClientHello of 16 MB, a record at a time */
	for (int i = 0; i < 40 && !c.eof; i++) {
		buf_put(&b,
		    i == 0 ? VIEW_LIT("\x16\x03\x01\x40\x00\x01\xff\xff\xf0")
			   : VIEW_LIT("\x16\x03\x01\x40\x00zzzz"));
		for (int k = 4; k < 16384; k++)
			buf_put_byte(&b, 'z');
		client_send(&c, buf_view(&b));
		buf_clear(&b);
	}
	tap_ok(client_ends(&c), "a handshake without end");
	client_close(&c);
	world_turn(&w);
	tap_ok(w.gate.count == 0, "nothing is left");
	world_close(&w);
}

static void
resumption(void)
{
	struct visitor c, d;
	SSL_SESSION *s;

	world_open(&w, "");
	(void)!world_certificates(&w, one, 1);
	client_open(&w, &c, FROM_4, true);
	(void)!client_tls(&c, NULL, 0);
	(void)!client_gets(&c, "ready\r\n");
	s = SSL_get1_session(c.ssl);
	client_open(&w, &d, FROM_4, true);
	d.ctx = SSL_CTX_new(TLS_client_method());
	d.ssl = SSL_new(d.ctx);
	SSL_set_fd(d.ssl, d.fd);
	SSL_set_session(d.ssl, s);
	for (int i = 0; i < 50 && SSL_connect(d.ssl) != 1; i++)
		world_turn(&w);
	tap_ok(SSL_session_reused(d.ssl) == 1 && client_gets(&d, "* OK"),
	    "a session is resumed");
	SSL_SESSION_free(s);
	client_close(&c);
	client_close(&d);
	world_close(&w);
}

static void
alpn(void)
{
	static const struct {
		const struct gate_protocol *protocol;
		const char *ask, *want, *greeting;
	} cases[] = {
		{ &gate_imap, "\x02h2\x04imap", "imap", "* OK" },
		{ &gate_imap, "\x02h2", "", "* OK" },
		{ &gate_pop3, "\x04imap\x04pop3", "pop3", "+OK" },
		{ &gate_pop3, "\x04imap", "", "+OK" },
		{ &gate_sieve, "\x0bmanagesieve", "managesieve", "OK" },
	};
	const uint8_t *p = NULL;
	struct visitor c;
	unsigned n = 0;

	open_tls("");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view ask = view_str(cases[i].ask);

		client_open_at(&w, &c, cases[i].protocol, FROM_4, true);
		c.ctx = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_alpn_protos(c.ctx, ask.p, (unsigned)ask.n);
		c.ssl = SSL_new(c.ctx);
		SSL_set_fd(c.ssl, c.fd);
		for (int k = 0; k < 50 && SSL_connect(c.ssl) != 1; k++)
			world_turn(&w);
		SSL_get0_alpn_selected(c.ssl, &p, &n);
		tap_ok(client_gets(&c, cases[i].greeting) &&
			view_eq((struct view){ p, n }, view_str(cases[i].want)),
		    "ALPN %zu", i);
		client_close(&c);
	}
	world_close(&w);
}

int
main(void)
{
	implicit(TLS1_2_VERSION, "TLSv1.2");
	implicit(0, "TLSv1.3");
	names();
	reload();
	versions();
	starttls();
	bindings(TLS1_2_VERSION, false);
	bindings(0, true);
	relay();
	relay_refused();
	much_down();
	much_up();
	key_updates();
	handshakes();
	resumption();
	alpn();
	return tap_done();
}
