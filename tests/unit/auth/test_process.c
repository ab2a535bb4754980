#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/fd.h"
#include "proc/auth.h"
#include "proc/settings.h"
#include "tap.h"

/*
 * auth between a gate, a hub and a forker that are only sockets, with a clock
 * that stands still unless it is moved.
 */
struct world {
	char dir[32], *text;
	struct conf *conf;
	struct loop *loop;
	struct log log;
	struct auth *auth;
	int gate, hub, forker;
	/* the last message */
	uint8_t in[MSG_MAX];
	ssize_t n;
	uint32_t type;
	struct wire w;
	bool dead;
	bool again; /* the last message is to be looked at yet */
};

static void
on_dead(void *ctx)
{
	((struct world *)ctx)->dead = true;
}

/* Let auth do what there is to do now. */
static void
turn(struct world *t)
{
	for (int i = 0; i < 20; i++)
		if (loop_turn(t->loop, 0) != 0)
			abort();
}

/* The next message at that end within about a second of work by workers; its
 * type, or 0. */
static uint32_t
next(struct world *t, int fd, int patience)
{
	int passed = -1;

	t->type = 0;
	for (int i = 0; i <= patience; i++) {
		turn(t);
		t->n = fd_recv(fd, t->in, sizeof(t->in), &passed);
		if (t->n > 0) {
			t->w = wire_read((struct view){ t->in, (size_t)t->n });
			t->type = wire_u32(&t->w);
			break;
		}
		if (t->n == 0)
			break;
		if (i < patience)
			usleep(2000);
	}
	return t->type;
}
#define NOW 0
#define SOON 1000

static void
say(int fd, struct buf *b)
{
	if (fd_send(fd, buf_view(b), -1) != 0)
		abort();
	buf_fini(b);
}

static int
pair(int *theirs)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, fd) != 0)
		abort();
	*theirs = fd[1];
	return fd[0];
}

static void
add(struct directory *d, const char *name, const char *password,
    enum password_scheme scheme)
{
	static const struct directory_uids uids = { 3000, 3999 };
	struct directory_secret secret;
	struct directory_new n = { .name = view_str(name),
		.services = DIRECTORY_SERVICES_ALL,
		.secret = &secret };
	struct why w;

	if (directory_secret_make(scheme, password, &secret, &w) != 0 ||
	    directory_add(d, &n, &uids, &w) != DIRECTORY_OK)
		abort();
}

static void
set_up(struct world *t, const char *cleartext)
{
	AUTO_BUF struct buf text = BUF_INIT(4096);
	struct directory *d;
	struct why w;
	int theirs;

	memset(t, 0, sizeof(*t));
	memcpy(t->dir, "/tmp/fumi-auth-XXXXXX", 22);
	if (mkdtemp(t->dir) == NULL || directory_open(&d, t->dir, &w) != 0)
		abort();
	add(d, "demo@x.org", "demo", PASSWORD_PLAIN);
	add(d, "slow@x.org", "slow", PASSWORD_YESCRYPT);
	add(d, "sengoku@x.org", "secret_password", PASSWORD_PLAIN);
	directory_close(&d);
	buf_printf(&text,
	    "[server]\nsandbox = best-effort\n[auth]\ndirectory = %s\n"
	    "workers = 2\ncleartext = %s\n[session]\nper-account = 7\n"
	    "cpu = 5s\n[pop3]\napop = yes\n",
	    t->dir, cleartext);
	t->conf = conf_new(&settings_schema);
	if (!conf_read(t->conf, buf_view(&text), "test") ||
	    loop_new(&t->loop) != 0)
		abort();
	log_init(&t->log, -1, LOG_STYLE_PLAIN, LOG_FAILURES, "AUTH", 0);
	clock_fake_set(1700000000000000, 1000000000);
	t->auth = auth_new(t->loop, &t->log, t->conf, on_dead, t);
	t->gate = pair(&theirs);
	if (auth_peer(t->auth, MSG_PROCESS_GATE, 3, theirs) != 0)
		abort();
	t->hub = pair(&theirs);
	if (auth_peer(t->auth, MSG_PROCESS_HUB, 0, theirs) != 0)
		abort();
	t->forker = pair(&theirs);
	if (auth_peer(t->auth, MSG_PROCESS_FORKER, 0, theirs) != 0 ||
	    auth_go(t->auth, false) != 0)
		abort();
}

static void
tear_down(struct world *t)
{
	char file[64];

	auth_free(&t->auth);
	loop_free(&t->loop);
	conf_free(&t->conf);
	close(t->gate);
	close(t->hub);
	close(t->forker);
	(void)snprintf(file, sizeof(file), "%s/%s", t->dir, DIRECTORY_FILE);
	unlink(file);
	rmdir(t->dir);
	clock_fake_off();
}

/* ---- what a gate says ---- */

static struct netaddr
addr(const char *text)
{
	struct netaddr a;

	if (!netaddr_parse(view_str(text), &a))
		abort();
	return a;
}

/* What start() says besides. */
static uint8_t service = MSG_SERVICE_IMAP;
static bool final_in_ok;

static void
start(struct world *t, uint64_t conn, uint32_t generation, const char *mech,
    const struct view *initial, const char *from, bool tls)
{
	static const uint8_t data[32] = "channel";
	struct buf b = peer_msg();
	struct msg_auth_start m = { .id = { conn, generation },
		.service = service,
		.final_in_ok = final_in_ok,
		.mech = view_str(mech),
		.has_initial = initial != NULL,
		.client = { addr(from), addr("127.0.0.1"), 1, 143, tls } };

	if (initial != NULL)
		m.initial = *initial;
	if (tls)
		m.endpoint = (struct view){ data, 32 };
	msg_auth_start_put(&b, &m);
	say(t->gate, &b);
}

static void
plain(struct world *t, uint64_t conn, const char *user, const char *password,
    const char *from)
{
	AUTO_BUF struct buf b = BUF_INIT(2048);
	struct view v;

	buf_put_byte(&b, '\0');
	buf_put_str(&b, user);
	buf_put_byte(&b, '\0');
	buf_put_str(&b, password);
	v = buf_view(&b);
	start(t, conn, 1, "PLAIN", &v, from, true);
}

static void
answer(struct world *t, uint64_t conn, uint32_t generation, struct view text)
{
	struct buf b = peer_msg();
	struct msg_auth_continue m = { { conn, generation }, text };

	msg_auth_continue_put(&b, &m);
	say(t->gate, &b);
}

static bool
is_fail(struct world *t, uint64_t conn, uint8_t code)
{
	struct msg_auth_fail m;

	return t->type == MSG_AUTH_FAIL && msg_auth_fail_get(&t->w, &m) &&
	    m.id.conn == conn && m.code == code;
}

static bool
is_challenge(struct world *t, struct view *text)
{
	struct msg_auth_challenge m;

	if (t->type != MSG_AUTH_CHALLENGE || !msg_auth_challenge_get(&t->w, &m))
		return false;
	*text = m.challenge;
	return true;
}

static void
wait_ms(struct world *t, uint64_t ms)
{
	clock_fake_advance(ms * 1000);
	turn(t);
}

/* A wrong password whose answer takes at least ms (and not much longer). */
static void
wrong(struct world *t, uint64_t conn, const char *user, const char *from,
    uint64_t ms)
{
	plain(t, conn, user, "wrong", from);
	wait_ms(t, 0);
	wait_ms(t, ms - 1);
	tap_ok(
	    next(t, t->gate, NOW) == 0, "no answer before %u ms", (unsigned)ms);
	wait_ms(t, 1);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, conn, MSG_AUTH_AUTHENTICATIONFAILED),
	    "but then it is no");
}

/* ---- tests ---- */

static void
test_offer(struct world *t)
{
	struct msg_auth_offer m;

	(void)next(t, t->gate, NOW);
	tap_ok(t->type == MSG_AUTH_OFFER && msg_auth_offer_get(&t->w, &m) &&
		!m.login_plain && m.login_loopback &&
		view_eq(m.plain, VIEW_LIT("SCRAM-SHA-256 SCRAM-SHA-1")) &&
		view_eq(m.loopback,
		    VIEW_LIT("SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN")),
	    "a gate is offered the mechanisms");
}

/* The grant at both, then OK; all of one id. */
static void
good(struct world *t, uint64_t conn, const char *account, const char *what)
{
	struct msg_grant a = { 0 }, b = { 0 };
	uint8_t id[MSG_GRANT_SIZE] = { 0 };
	struct msg_auth_ok ok;
	bool right;

	if (!t->again) /* else it has come already */
		(void)next(t, t->gate, SOON);
	t->again = false;
	right = t->type == MSG_AUTH_OK && msg_auth_ok_get(&t->w, &ok) &&
	    ok.id.conn == conn && view_eq(ok.account, view_str(account));
	if (right)
		memcpy(id, ok.grant, sizeof(id));
	tap_ok(!right || view_starts(ok.final, VIEW_LIT("v=")) == final_in_ok,
	    "%s: SCRAM's last word", what);
	tap_ok(right, "%s: OK", what);
	(void)next(t, t->hub, NOW);
	tap_ok(t->type == MSG_GRANT_GRANT && msg_grant_get(&t->w, &a) &&
		memcmp(a.id, id, sizeof(id)) == 0 && a.gate == 3 &&
		a.conn == conn && a.service == service &&
		view_eq(a.account, view_str(account)) && a.uid >= 3000 &&
		a.sessions_max == 7 && a.cpu_max_s == 5,
	    "%s: the hub has the grant", what);
	(void)next(t, t->forker, NOW);
	tap_ok(t->type == MSG_GRANT_GRANT && msg_grant_get(&t->w, &b) &&
		memcmp(b.id, id, sizeof(id)) == 0 && b.path.n > 6 &&
		memcmp(b.path.p, "x.org/", 6) == 0,
	    "%s: the forker has it too", what);
}

static void
test_clear(struct world *t)
{
	struct view text = { NULL, 0 };

	plain(t, 1, "Demo@x.org", "demo", "192.0.2.1");
	good(t, 1, "demo@x.org", "PLAIN");
	plain(t, 2, "slow@x.org", "slow", "192.0.2.1");
	good(t, 2, "slow@x.org", "yescrypt");
	plain(t, 2, "slow@x.org", "slow", "192.0.2.1");
	turn(t);
	good(t, 2, "slow@x.org", "yescrypt, remembered");
	start(t, 4, 1, "LOGIN", NULL, "192.0.2.1", true);
	(void)next(t, t->gate, NOW);
	tap_ok(is_challenge(t, &text) && view_eq(text, VIEW_LIT("Username:")),
	    "LOGIN asks for the name");
	answer(t, 4, 1, VIEW_LIT("demo@x.org"));
	(void)next(t, t->gate, NOW);
	tap_ok(is_challenge(t, &text) && view_eq(text, VIEW_LIT("Password:")),
	    "LOGIN asks for the password");
	answer(t, 4, 1, VIEW_LIT("demo"));
	good(t, 4, "demo@x.org", "LOGIN");
	start(t, 5, 1, "PLAIN", NULL, "127.0.0.1", false);
	(void)next(t, t->gate, NOW);
	tap_ok(is_challenge(t, &text) && text.n == 0,
	    "PLAIN asks, and is allowed on loopback");
	answer(t, 5, 1,
	    (struct view){ (const uint8_t *)"\0demo@x.org\0demo", 16 });
	good(t, 5, "demo@x.org", "loopback");
}

static void
test_refused(struct world *t)
{
	struct view v = { (const uint8_t *)"\0demo@x.org\0demo", 16 };
	struct view other = { (const uint8_t *)"a@x.org\0demo@x.org\0demo",
		23 };
	struct view half = { (const uint8_t *)"\0demo@x.org", 11 };

	start(t, 1, 1, "PLAIN", &v, "192.0.2.1", false);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 1, MSG_AUTH_PRIVACYREQUIRED), "no TLS, no password");
	start(t, 1, 1, "CRAM-MD5", NULL, "192.0.2.1", true);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 1, MSG_AUTH_BAD), "unknown mechanism");
	start(t, 1, 1, "SCRAM-SHA-256-PLUS", NULL, "127.0.0.1", false);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 1, MSG_AUTH_BAD), "nothing to bind to");
	start(t, 1, 1, "PLAIN", &other, "192.0.2.1", true);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 1, MSG_AUTH_AUTHORIZATIONFAILED), "for another");
	start(t, 1, 1, "PLAIN", &half, "192.0.2.1", true);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 1, MSG_AUTH_BAD), "half a message");
}

static void
test_delays(struct world *t)
{
	uint64_t ms = AUTH_DELAY_FIRST_MS;

	for (uint64_t i = 0; i < 3; i++, ms *= 2)
		wrong(t, 10 + i, "demo@x.org", "192.0.2.9", ms);
	plain(t, 20, "demo@x.org", "demo", "192.0.2.8");
	good(t, 20, "demo@x.org", "another address, at once");
	plain(t, 21, "slow@x.org", "slow", "192.0.2.9");
	good(t, 21, "slow@x.org", "another account, at once");
	wrong(t, 13, "demo@x.org", "192.0.2.9", ms);
	/* now the right one is late too */
	plain(t, 22, "demo@x.org", "demo", "192.0.2.9");
	turn(t);
	tap_ok(next(t, t->gate, NOW) == 0, "after four, even yes has to wait");
	wait_ms(t, AUTH_DELAY_FIRST_MS);
	good(t, 22, "demo@x.org", "then it comes");
	plain(t, 23, "demo@x.org", "demo", "192.0.2.9");
	good(t, 23, "demo@x.org", "and all is forgiven");
}

static void
test_unknown(struct world *t)
{
	/* an unknown name costs the same; a worker takes its time first */
	plain(t, 30, "nobody@x.org", "x", "198.51.100.1");
	for (int i = 0; i < 100; i++) {
		turn(t);
		usleep(2000);
	}
	tap_ok(next(t, t->gate, NOW) == 0, "unknown name: no answer at once");
	wait_ms(t, AUTH_DELAY_FIRST_MS);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 30, MSG_AUTH_AUTHENTICATIONFAILED),
	    "unknown name: the same no");
}

/* Giving up does not get round the wait, and many at once are refused. */
static void
test_at_once(struct world *t)
{
	unsigned refused = 0, held = 0;

	for (uint64_t i = 0; i < 4; i++) {
		plain(t, 40 + i, "demo@x.org", "wrong", "203.0.113.1");
		turn(t);
		wait_ms(t, AUTH_DELAY_MAX_MS);
		(void)next(t, t->gate, NOW);
	}
	for (uint64_t i = 0; i < 10; i++) {
		struct buf b = peer_msg();
		struct msg_auth_id id = { 50 + i, 1 };

		plain(t, 50 + i, "demo@x.org", "wrong", "203.0.113.1");
		turn(t);
		if (next(t, t->gate, NOW) == 0) {
			held++;
			msg_auth_cancel_put(&b, &id);
			say(t->gate, &b);
		} else {
			refused += is_fail(t, 50 + i, MSG_AUTH_UNAVAILABLE);
		}
		buf_fini(&b);
	}
	tap_ok(held == AUTH_DELAY_AT_ONCE && refused == 10 - held,
	    "%u at once are held, given up or not, and %u refused", held,
	    refused);
	wait_ms(t, AUTH_DELAY_MAX_MS);
	tap_ok(next(t, t->gate, NOW) == 0, "nothing is said to who gave up");
	tap_ok(t->auth->gate[3] != NULL && t->auth->gate[3]->exchanges == 0,
	    "no exchange is left");
}

/* ---- SCRAM ---- */

static void
hmac(const uint8_t *key, struct view v, uint8_t out[32])
{
	digest_hmac_sha256((struct view){ key, 32 }, v, out);
}

/* client-final-message for a password, from what has been said. */
static void
prove(const char *password, const char *bare, struct view challenge,
    struct view salt, const char *cbind, struct view nonce, struct buf *out)
{
	AUTO_BUF struct buf message = BUF_INIT(4096), without = BUF_INIT(4096);
	uint8_t salted[32], key[32], stored[32], sig[32];

	if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt.p,
		(int)salt.n, SCRAM_ITERATIONS, EVP_sha256(), 32, salted) != 1)
		abort();
	hmac(salted, VIEW_LIT("Client Key"), key);
	digest_sha256((struct view){ key, 32 }, stored);
	buf_printf(&without, "c=%s,r=%.*s", cbind, (int)nonce.n, nonce.p);
	buf_printf(&message, "%s,%.*s,%.*s", bare, (int)challenge.n,
	    challenge.p, (int)without.n, without.p);
	hmac(stored, buf_view(&message), sig);
	for (size_t i = 0; i < 32; i++)
		sig[i] ^= key[i];
	buf_put(out, buf_view(&without));
	buf_put_str(out, ",p=");
	base64_encode((struct view){ sig, 32 }, out);
}

/* Up to the server's last message; what came then is in t. */
static void
scram(struct world *t, uint64_t conn, const char *user, const char *password,
    const char *from)
{
	AUTO_BUF struct buf first = BUF_INIT(512), said = BUF_INIT(4096);
	AUTO_BUF struct buf salt = BUF_INIT(64), final = BUF_INIT(4096);
	AUTO_BUF struct buf cbind = BUF_INIT(256), raw = BUF_INIT(256);
	struct view text = { NULL, 0 }, v, nonce;
	const uint8_t *s, *i;
	uint8_t data[32] = "channel";

	buf_printf(&first, "p=tls-server-end-point,,n=%s,r=nonce", user);
	v = buf_view(&first);
	start(t, conn, 1, "SCRAM-SHA-256-PLUS", &v, from, true);
	(void)next(t, t->gate, NOW);
	if (!is_challenge(t, &text))
		return;
	buf_put(&said, text);
	v = buf_view(&said);
	s = memmem(v.p, v.n, ",s=", 3);
	i = memmem(v.p, v.n, ",i=", 3);
	if (s == NULL || i == NULL)
		return;
	nonce = (struct view){ v.p + 2, (size_t)(s - v.p) - 2 };
	if (!base64_decode((struct view){ s + 3, (size_t)(i - s) - 3 }, &salt))
		return;
	buf_put_str(&raw, "p=tls-server-end-point,,");
	buf_put(&raw, (struct view){ data, 32 });
	base64_encode(buf_view(&raw), &cbind);
	buf_put_byte(&cbind, '\0');
	buf_put_byte(&first, '\0');
	prove(password, (const char *)first.p + 24, v, buf_view(&salt),
	    (const char *)cbind.p, nonce, &final);
	answer(t, conn, 1, buf_view(&final));
	(void)next(t, t->gate, NOW);
}

static void
test_scram(struct world *t)
{
	struct view text = { NULL, 0 };

	scram(t, 60, "slow@x.org", "slow", "192.0.2.60");
	tap_ok(is_challenge(t, &text) && view_starts(text, VIEW_LIT("v=")),
	    "SCRAM: the server proves itself");
	answer(t, 60, 1, (struct view){ NULL, 0 });
	good(t, 60, "slow@x.org", "SCRAM-SHA-256-PLUS, end point");
	scram(t, 61, "slow@x.org", "fast", "192.0.2.60");
	tap_ok(t->type == 0, "SCRAM: a wrong proof has to wait");
	wait_ms(t, AUTH_DELAY_FIRST_MS);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 61, MSG_AUTH_AUTHENTICATIONFAILED), "then it is no");
	scram(t, 62, "nobody@x.org", "slow", "192.0.2.61");
	tap_ok(t->type == 0, "SCRAM: an unknown name looks like a known one");
	wait_ms(t, AUTH_DELAY_FIRST_MS);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 62, MSG_AUTH_AUTHENTICATIONFAILED), "the same no");
}

/* Where the protocol has room for it, the last word comes with the OK. */
static void
test_final(struct world *t)
{
	final_in_ok = true;
	service = MSG_SERVICE_SIEVE;
	scram(t, 65, "slow@x.org", "slow", "192.0.2.65");
	t->again = true;
	good(t, 65, "slow@x.org", "SCRAM of ManageSieve");
	final_in_ok = false;
	service = MSG_SERVICE_IMAP;
}

static void
apop(struct world *t, uint64_t conn, const char *user, const char *digest)
{
	AUTO_BUF struct buf b = BUF_INIT(512);
	struct view v;

	buf_put(&b, VIEW_LIT("<22663.1010986863@asao.gcd.org>\0"));
	buf_put_str(&b, user);
	buf_put_byte(&b, '\0');
	buf_put_str(&b, digest);
	v = buf_view(&b);
	start(t, conn, 1, "APOP", &v, "192.0.2.66", false);
	(void)next(t, t->gate, NOW);
}

static void
test_apop(struct world *t)
{
	const char *digest = "c147fa2c29a69d8b730b3dcb52eccfda";

	service = MSG_SERVICE_POP3;
	apop(t, 66, "sengoku@x.org", digest);
	t->again = true;
	good(t, 66, "sengoku@x.org", "APOP");
	apop(t, 67, "slow@x.org", digest);
	wait_ms(t, AUTH_DELAY_FIRST_MS);
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 67, MSG_AUTH_AUTHENTICATIONFAILED),
	    "APOP needs a password stored as it is");
	apop(t, 68, "sengoku@x.org", "c147");
	tap_ok(is_fail(t, 68, MSG_AUTH_BAD), "and a whole digest");
	service = MSG_SERVICE_IMAP;
	apop(t, 69, "sengoku@x.org", digest);
	tap_ok(is_fail(t, 69, MSG_AUTH_BAD), "IMAP has no APOP");
}

/* ---- hub and administrators ---- */

static void
lookup(struct world *t, const char *account, uint8_t want)
{
	struct buf b = peer_msg();
	struct msg_grant_lookup m = { 9, view_str(account) };
	struct msg_grant_looked looked;
	struct msg_grant g;
	int fd, theirs;

	fd = pair(&theirs);
	msg_grant_lookup_put(&b, &m);
	if (fd_send(t->hub, buf_view(&b), fd) != 0)
		abort();
	buf_fini(&b);
	(void)next(t, t->hub, NOW);
	if (want == MSG_GRANT_YES) {
		tap_ok(t->type == MSG_GRANT_GRANT && msg_grant_get(&t->w, &g) &&
			g.service == MSG_SERVICE_DELIVERY && g.gate == 0,
		    "a grant for a delivery");
		(void)next(t, t->forker, NOW);
		(void)next(t, t->hub, NOW);
	}
	tap_ok(t->type == MSG_GRANT_LOOKED &&
		msg_grant_looked_get(&t->w, &looked) && looked.request == 9 &&
		looked.answer == want,
	    "lookup of %s: %u", account, want);
	close(fd);
	close(theirs);
}

static uint8_t
commit(struct world *t, int admin)
{
	struct buf b = peer_msg();
	struct msg_admin_result m;

	msg_admin_plain_put(&b, MSG_ADMIN_COMMIT);
	say(admin, &b);
	(void)next(t, admin, NOW);
	return t->type == MSG_ADMIN_RESULT && msg_admin_result_get(&t->w, &m)
	    ? m.code
	    : 255;
}

static bool
disconnected(struct world *t, const char *account)
{
	struct msg_grant_disconnect m;

	(void)next(t, t->hub, NOW);
	return t->type == MSG_GRANT_DISCONNECT &&
	    msg_grant_disconnect_get(&t->w, &m) &&
	    view_eq(m.account, view_str(account));
}

static void
add_over(int admin, const char *name)
{
	struct buf b = peer_msg();
	struct msg_admin_add m = { .name = view_str(name),
		.secret = {
		    VIEW_LIT("{PLAIN}new"), { NULL, 0 }, { NULL, 0 } } };

	msg_admin_add_put(&b, &m);
	say(admin, &b);
}

static void
test_admin(struct world *t)
{
	struct msg_admin_disable off = { VIEW_LIT("slow@x.org"), true };
	struct msg_admin_set_secret set = { VIEW_LIT("demo@x.org"),
		{ VIEW_LIT("{PLAIN}changed"), { NULL, 0 }, { NULL, 0 } } };
	struct buf b = peer_msg();
	int theirs, admin = pair(&theirs);
	unsigned rows = 0;

	tap_ok(auth_admin_open(t->auth, theirs) == 0, "an administrator");
	add_over(admin, "new@x.org");
	add_over(admin, "demo@x.org");
	tap_ok(commit(t, admin) == MSG_ADMIN_EXISTS, "one is there already");
	lookup(t, "new@x.org", MSG_GRANT_UNKNOWN); /* so none was made */
	add_over(admin, "new@x.org");
	tap_ok(commit(t, admin) == MSG_ADMIN_OK, "add");
	lookup(t, "new@x.org", MSG_GRANT_YES);
	plain(t, 70, "new@x.org", "new", "192.0.2.70");
	good(t, 70, "new@x.org", "the new one");
	msg_admin_set_secret_put(&b, &set);
	say(admin, &b);
	tap_ok(
	    commit(t, admin) == MSG_ADMIN_OK && disconnected(t, "demo@x.org"),
	    "a changed password ends the sessions");
	plain(t, 71, "demo@x.org", "changed", "192.0.2.70");
	good(t, 71, "demo@x.org", "the new password");
	b = peer_msg();
	msg_admin_disable_put(&b, &off);
	say(admin, &b);
	tap_ok(
	    commit(t, admin) == MSG_ADMIN_OK && disconnected(t, "slow@x.org"),
	    "so does disabling");
	lookup(t, "slow@x.org", MSG_GRANT_DENIED);
	plain(t, 72, "slow@x.org", "slow", "192.0.2.70");
	turn(t);
	wait_ms(t, AUTH_DELAY_FIRST_MS);
	(void)next(t, t->gate, SOON);
	tap_ok(is_fail(t, 72, MSG_AUTH_CONTACTADMIN),
	    "who knows the password of a disabled account is told so");
	b = peer_msg();
	msg_admin_remove_put(&b, VIEW_LIT("new@x.org"));
	say(admin, &b);
	tap_ok(commit(t, admin) == MSG_ADMIN_OK && disconnected(t, "new@x.org"),
	    "and removal");
	b = peer_msg();
	msg_admin_list_put(&b, (struct view){ NULL, 0 });
	say(admin, &b);
	while (next(t, admin, NOW) == MSG_ADMIN_ROW)
		rows++;
	tap_ok(t->type == MSG_ADMIN_END && rows == 3, "list: %u rows", rows);
	b = peer_msg();
	wire_put_u32(&b, MSG_ADMIN_RESULT);
	say(admin, &b);
	tap_ok(next(t, admin, NOW) == 0 && t->n == 0,
	    "nonsense closes the administrator");
	close(admin);
}

/* ---- bad gates ---- */

static void
test_bad_gate(struct world *t)
{
	struct view v = { NULL, 0 };
	int theirs;

	start(t, 80, 1, "LOGIN", NULL, "192.0.2.80", true);
	(void)next(t, t->gate, NOW);
	answer(t, 80, 2, v);
	tap_ok(next(t, t->gate, NOW) == 0 && t->n < 0,
	    "an answer to another generation is nothing");
	start(t, 80, 2, "LOGIN", NULL, "192.0.2.80", true);
	tap_ok(next(t, t->gate, NOW) == 0 && t->n == 0,
	    "a second START closes the gate");
	close(t->gate);
	t->gate = pair(&theirs);
	tap_ok(auth_peer(t->auth, MSG_PROCESS_GATE, 3, theirs) == 0 &&
		next(t, t->gate, NOW) == MSG_AUTH_OFFER,
	    "its successor is offered again");
}

static void
test_no_forker(struct world *t)
{
	close(t->forker);
	turn(t);
	plain(t, 90, "demo@x.org", "changed", "192.0.2.90");
	(void)next(t, t->gate, NOW);
	tap_ok(is_fail(t, 90, MSG_AUTH_UNAVAILABLE),
	    "without a forker nobody gets in");
	t->forker = dup(t->hub);
}

int
main(void)
{
	struct world t;

	set_up(&t, "loopback");
	test_offer(&t);
	test_clear(&t);
	test_refused(&t);
	test_delays(&t);
	test_unknown(&t);
	test_at_once(&t);
	test_scram(&t);
	test_final(&t);
	test_apop(&t);
	test_admin(&t);
	test_bad_gate(&t);
	test_no_forker(&t);
	tap_ok(!t.dead, "the workers live");
	tear_down(&t);
	return tap_done();
}
