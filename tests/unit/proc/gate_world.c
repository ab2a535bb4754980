#include "gate_world.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "proc/settings.h"

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

void
world_turn(struct world *w)
{
	for (int i = 0; i < 8; i++)
		must(loop_turn(w->start.loop, 0) == 0, "loop");
}

/* ---- master ---- */

static int
connect_peer(struct world *w, enum msg_process p)
{
	struct msg_master_peer m = { .process = (uint8_t)p };
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == 0,
	    "socketpair");
	must(gate_ops.peer(&w->gate, &m, &fd[1]) == 0, "peer");
	fd_close(&fd[1]);
	must(fd_nonblock(fd[0], true) == 0, "nonblock");
	return fd[0];
}

static void
send_msg(int to, const struct buf *b)
{
	must(fd_send(to, buf_view(b), -1) == 0, "send");
}

void
world_auth(struct world *w, bool offer)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_offer m = { .tls = VIEW_LIT(
					"SCRAM-SHA-256-PLUS SCRAM-SHA-256 "
					"PLAIN"),
		.plain = VIEW_LIT("SCRAM-SHA-256"),
		.loopback = VIEW_LIT("SCRAM-SHA-256 PLAIN"),
		.login_loopback = true };

	fd_close(&w->auth);
	w->auth = connect_peer(w, MSG_PROCESS_AUTH);
	if (offer) {
		msg_auth_offer_put(&b, &m);
		send_msg(w->auth, &b);
	}
	world_turn(w);
}

void
world_hub(struct world *w)
{
	fd_close(&w->hub);
	w->hub = connect_peer(w, MSG_PROCESS_HUB);
}

void
world_open(struct world *w, const char *conf)
{
	memset(w, 0, sizeof(*w));
	w->auth = w->hub = -1;
	w->start.process = MSG_PROCESS_GATE;
	w->start.ops = &gate_ops;
	w->start.ctx = &w->gate;
	w->start.conf = conf_new(&settings_schema);
	must(conf_read(w->start.conf, view_str(conf), "test"), "conf");
	log_init(&w->start.log, -1, LOG_STYLE_PLAIN, LOG_ALL, "GATE", 1);
	must(loop_new(&w->start.loop) == 0, "loop");
	peer_init(&w->start.master, "master", NULL, 0, w, NULL);
	must(gate_ops.init(&w->gate, &w->start) == 0, "init");
	w->gate.going = true;
	world_hub(w);
	world_auth(w, true);
}

void
world_close(struct world *w)
{
	struct gate_conn *c;

	fd_close(&w->auth);
	fd_close(&w->hub);
	while ((c = TAILQ_FIRST(&w->gate.conns)) != NULL)
		gate_conn_free(c);
	peer_close(&w->gate.auth);
	peer_close(&w->gate.hub);
	gate_accept_close(&w->gate);
	tls_set_free(&w->gate.tls);
	tls_env_fini(&w->gate.tls_env);
	hash_free(&w->gate.by_id);
	limit_free(&w->gate.addresses);
	free(w->gate.scratch);
	loop_free(&w->start.loop);
	conf_free(&w->start.conf);
}

static X509 *
make_cert(EVP_PKEY *key, const char *name)
{
	X509 *x = X509_new();
	X509_EXTENSION *e;
	char san[300];

	(void)snprintf(san, sizeof(san), "DNS:%s", name);
	must(x != NULL && X509_set_version(x, 2) == 1 &&
		ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
		X509_gmtime_adj(X509_getm_notAfter(x), 3600) != NULL &&
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
		    MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0) == 1 &&
		X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
		X509_set_pubkey(x, key) == 1,
	    "certificate");
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
	must(e != NULL && X509_add_ext(x, e, -1) == 1 &&
		X509_sign(x, key, EVP_sha256()) > 0,
	    "certificate");
	X509_EXTENSION_free(e);
	return x;
}

void
world_pem(const char *name, struct buf *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make_cert(key, name);
	BIO *b = BIO_new(BIO_s_mem());
	char *p;
	long n;

	must(PEM_write_bio_X509(b, x) == 1 &&
		PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) ==
		    1,
	    "PEM");
	n = BIO_get_mem_data(b, &p);
	buf_put(out, (struct view){ (const uint8_t *)p, (size_t)n });
	BIO_free(b);
	X509_free(x);
	EVP_PKEY_free(key);
}

bool
world_certificates(struct world *w, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct msg_master_certificate m = { .index = (uint32_t)i,
			.count = (uint32_t)n };
		AUTO_CLOSE int fd = memfd_create("pem", MFD_CLOEXEC);
		AUTO_BUF struct buf b = BUF_INIT(65536);

		if (names[i] != NULL)
			world_pem(names[i], &b);
		else
			buf_put_str(&b, "this is no PEM");
		must(fd_write(fd, buf_view(&b)) == 0, "memfd");
		if (gate_ops.certificate(&w->gate, &m, &fd) != 0)
			return false;
	}
	return true;
}

/* ---- clients ---- */

static const char *const addresses[] = {
	[FROM_LOOPBACK] = "127.0.0.1",
	[FROM_4] = "192.0.2.1",
	[FROM_6] = "2001:db8::1",
	[FROM_6_NEIGHBOUR] = "2001:db8::ffff:2",
	[FROM_6_FAR] = "2001:db8:0:1::1",
};

void
client_open(
    struct world *w, struct visitor *c, enum client_from from, bool implicit)
{
	client_open_at(w, c, &gate_imap, from, implicit);
}

void
client_open_at(struct world *w, struct visitor *c,
    const struct gate_protocol *protocol, enum client_from from, bool implicit)
{
	struct msg_client m = { .remote_port = 40000, .local_port = 143 };
	int fd[2];

	*c = (struct visitor){ .w = w, .got = BUF_INIT(64 << 20) };
	must(netaddr_parse(view_str(addresses[from]), &m.remote) &&
		netaddr_parse(view_str("127.0.0.1"), &m.local),
	    "address");
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		 fd) == 0,
	    "socketpair");
	c->fd = fd[0];
	c->conn = gate_accept_one(&w->gate, fd[1], &m,
	    &(struct gate_door){ protocol, implicit, true });
	world_turn(w);
}

void
client_close(struct visitor *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	c->ssl = NULL;
	c->ctx = NULL;
	fd_close(&c->fd);
	buf_fini(&c->got);
}

bool
client_tls(struct visitor *c, const char *name, int max_version)
{
	uint64_t end = clock_mono_ms() + WORLD_WAIT_MS;
	int r = 0;

	c->ctx = SSL_CTX_new(TLS_client_method());
	if (max_version != 0)
		SSL_CTX_set_max_proto_version(c->ctx, max_version);
	c->ssl = SSL_new(c->ctx);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_mode(c->ssl,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (name != NULL)
		SSL_ctrl(c->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
		    TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name);
	while ((r = SSL_connect(c->ssl)) != 1 && clock_mono_ms() < end) {
		int e = SSL_get_error(c->ssl, r);

		if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
			break;
		world_turn(c->w);
	}
	ERR_clear_error();
	return r == 1;
}

static ssize_t
write_some(struct visitor *c, struct view v)
{
	size_t n = 0;

	if (c->ssl == NULL)
		return send(c->fd, v.p, v.n, MSG_NOSIGNAL);
	if (SSL_write_ex(c->ssl, v.p, v.n, &n) == 1)
		return (ssize_t)n;
	ERR_clear_error();
	return -1;
}

void
client_send(struct visitor *c, struct view v)
{
	uint64_t end = clock_mono_ms() + WORLD_WAIT_MS;

	while (v.n > 0 && clock_mono_ms() < end) {
		ssize_t n = write_some(c, v);

		if (n > 0)
			view_skip(&v, (size_t)n);
		world_turn(c->w);
		client_pump(c);
	}
}

void
client_say(struct visitor *c, const char *text)
{
	client_send(c, view_str(text));
}

static void
pump_tls(struct visitor *c)
{
	size_t n;
	uint8_t *p;

	while (!c->eof && (p = buf_reserve(&c->got, 16384)) != NULL) {
		if (SSL_read_ex(c->ssl, p, 16384, &n) == 1) {
			c->got.n += n;
			continue;
		}
		switch (SSL_get_error(c->ssl, 0)) {
		case SSL_ERROR_WANT_READ:
		case SSL_ERROR_WANT_WRITE:
			return;
		default:
			c->eof = true;
		}
		ERR_clear_error();
	}
}

void
client_pump(struct visitor *c)
{
	ssize_t n;
	uint8_t *p;

	if (c->ssl != NULL) {
		pump_tls(c);
		return;
	}
	while (!c->eof && (p = buf_reserve(&c->got, 65536)) != NULL) {
		n = recv(c->fd, p, 65536, 0);
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0)
			c->eof = true;
		else
			c->got.n += (size_t)n;
	}
}

bool
client_gets(struct visitor *c, const char *text)
{
	uint64_t end = clock_mono_ms() + WORLD_WAIT_MS;

	for (;;) {
		const uint8_t *at;

		client_pump(c);
		at = c->got.n == 0
		    ? NULL
		    : memmem(c->got.p, c->got.n, text, strlen(text));
		if (at != NULL) {
			buf_consume(
			    &c->got, (size_t)(at - c->got.p) + strlen(text));
			return true;
		}
		if (c->eof || clock_mono_ms() > end)
			return false;
		must(loop_turn(c->w->start.loop, 1) == 0, "loop");
	}
}

bool
client_ends(struct visitor *c)
{
	uint64_t end = clock_mono_ms() + WORLD_WAIT_MS;

	while (!c->eof && clock_mono_ms() < end) {
		client_pump(c);
		must(loop_turn(c->w->start.loop, 1) == 0, "loop");
	}
	return c->eof;
}

/* ---- auth and hub ---- */

static bool
take(int from, struct message *m)
{
	ssize_t n;

	m->fd = -1;
	n = fd_recv(from, m->bytes, sizeof(m->bytes), &m->fd);
	if (n <= 0)
		return false;
	m->w = wire_read((struct view){ m->bytes, (size_t)n });
	m->type = wire_u32(&m->w);
	return true;
}

bool
world_recv(struct world *w, int from, struct message *m)
{
	uint64_t end = clock_mono_ms() + WORLD_WAIT_MS;

	do {
		if (take(from, m))
			return true;
		must(loop_turn(w->start.loop, 1) == 0, "loop");
	} while (clock_mono_ms() < end);
	return false;
}

bool
world_quiet(struct world *w, int from)
{
	struct message m;

	world_turn(w);
	return !take(from, &m);
}

bool
world_start(struct world *w, struct message *m, struct msg_auth_start *out)
{
	return world_recv(w, w->auth, m) && m->type == MSG_AUTH_START &&
	    msg_auth_start_get(&m->w, out);
}

void
world_challenge(struct world *w, const struct msg_auth_id *id, const char *text)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_challenge m = { *id, view_str(text) };

	msg_auth_challenge_put(&b, &m);
	send_msg(w->auth, &b);
	world_turn(w);
}

void
world_fail(struct world *w, const struct msg_auth_id *id, uint8_t code)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_fail m = { *id, code, VIEW_LIT("Not so") };

	msg_auth_fail_put(&b, &m);
	send_msg(w->auth, &b);
	world_turn(w);
}

void
world_ok(struct world *w, const struct msg_auth_id *id)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_ok m = { *id, { 1, 2, 3 }, VIEW_LIT("demo@example.org"),
		{ NULL, 0 } };

	msg_auth_ok_put(&b, &m);
	send_msg(w->auth, &b);
	world_turn(w);
}

bool
world_handover(struct world *w, struct message *m, struct msg_hand_over *out)
{
	return world_recv(w, w->hub, m) && m->type == MSG_HAND_HANDOVER &&
	    msg_hand_over_get(&m->w, out) && m->fd >= 0;
}

void
world_started(struct world *w, const struct msg_hand_over *m)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_hand_started s = { { m->conn, m->generation }, 42 };

	msg_hand_started_put(&b, &s);
	send_msg(w->hub, &b);
	world_turn(w);
}

void
world_refused(struct world *w, const struct msg_hand_over *m, uint8_t why)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_hand_refused r = { { m->conn, m->generation }, why,
		VIEW_LIT("Not now") };

	msg_hand_refused_put(&b, &r);
	send_msg(w->hub, &b);
	world_turn(w);
}

void
world_ended(struct world *w, const struct msg_hand_over *m)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_hand_id id = { m->conn, m->generation };

	msg_hand_ended_put(&b, &id);
	send_msg(w->hub, &b);
	world_turn(w);
}
