#include "proc/tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"

/*
 * OpenSSL talks to a BIO of our own. Its read is recv(); its write only appends
 * to the connection's ciphertext, so that four records leave by one send(). The
 * memory for that is lent by tls_env while a connection is being written to,
 * and goes back when all has left: only one that waits for a slow reader keeps
 * some.
 */
#define HUGE_N (16u << 20) /* no read or write of ours is longer */

struct tls_set {
	unsigned refs; /* of the gate, and of each handshake under way */
	size_t n;
	SSL_CTX *ctx[];
};

struct tls {
	struct tls_env *env;
	struct tls_set *set; /* until the handshake is done */
	SSL *ssl;
	int fd;
	bool dry;   /* the socket had nothing more to read */
	bool eof;   /* the peer has closed it */
	bool ended; /* close_notify was said */
	const char *alpn;
	const char *why;
	uint64_t received;
	struct buf out;
	size_t sent; /* bytes of out that have left */
};

/* ---- the BIO ---- */

static int
bio_read(BIO *b, char *p, size_t max, size_t *n)
{
	struct tls *t = BIO_get_data(b);
	ssize_t r;

	BIO_clear_retry_flags(b);
	*n = 0;
	if (t->eof)
		return 0;
	if (t->dry) {
		BIO_set_retry_read(b);
		return -1;
	}
	do
		r = recv(t->fd, p, max < HUGE_N ? max : HUGE_N, 0);
	while (r == -1 && errno == EINTR);
	if (r <= 0) {
		if (r == -1 && errno == EAGAIN) {
			t->dry = true;
			BIO_set_retry_read(b);
			return -1;
		}
		t->eof = true;
		return 0;
	}
	t->dry = (size_t)r < max;
	t->received += (uint64_t)r;
	*n = (size_t)r;
	return 1;
}

static void
borrow(struct tls *t)
{
	if (t->out.p != NULL)
		return;
	t->out = t->env->spare;
	buf_init(&t->env->spare, TLS_WAIT_MAX);
	buf_clear(&t->out);
}

static void
give_back(struct tls *t)
{
	t->sent = 0;
	if (t->env->spare.p != NULL) {
		buf_fini(&t->out);
		return;
	}
	t->env->spare = t->out;
	buf_init(&t->out, TLS_WAIT_MAX);
}

static int
bio_write(BIO *b, const char *p, size_t n, size_t *taken)
{
	struct tls *t = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	*taken = 0;
	borrow(t);
	if (n > TLS_WAIT_MAX - t->out.n) {
		BIO_set_retry_write(b);
		return -1;
	}
	buf_put(&t->out, (struct view){ (const uint8_t *)p, n });
	*taken = n;
	return 1;
}

static long
bio_ctrl(BIO *b, int cmd, long num, void *p)
{
	const struct tls *t = BIO_get_data(b);

	(void)num;
	(void)p;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return t->eof;
	default: /* the list of commands is OpenSSL's and grows */
		return 0;
	}
}

/* ---- what is shared ---- */

/* A handshake fetches everything late that it needs; nothing of it is in a
 * file once the library is initialised and the random generator seeded. */
int
tls_env_init(struct tls_env *e, struct why *w)
{
	uint8_t seed[16];
	BIO_METHOD *m;

	*e = (struct tls_env){ 0 };
	buf_init(&e->spare, TLS_WAIT_MAX);
	if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS |
		    OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
		NULL) != 1 ||
	    RAND_bytes(seed, sizeof(seed)) != 1 ||
	    RAND_priv_bytes(seed, sizeof(seed)) != 1)
		return why(w, -EIO, "OpenSSL cannot be initialised");
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gate");
	if (m == NULL || BIO_meth_set_read_ex(m, bio_read) != 1 ||
	    BIO_meth_set_write_ex(m, bio_write) != 1 ||
	    BIO_meth_set_ctrl(m, bio_ctrl) != 1) {
		BIO_meth_free(m);
		return why(w, -ENOMEM, "OpenSSL cannot be initialised");
	}
	e->method = m;
	return 0;
}

void
tls_env_fini(struct tls_env *e)
{
	BIO_meth_free(e->method);
	e->method = NULL;
	buf_fini(&e->spare);
}

/* ---- certificates ---- */

/* A key behind a pass phrase: never ask a terminal. */
static int
no_passphrase(char *p, int max, int writing, void *ctx)
{
	(void)p;
	(void)max;
	(void)writing;
	(void)ctx;
	return -1;
}

static bool
use_chain(SSL_CTX *ctx, BIO *in)
{
	X509 *x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
	bool ok = x != NULL && SSL_CTX_use_certificate(ctx, x) == 1;

	X509_free(x);
	while (ok &&
	    (x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(ctx, x) != 1) {
			X509_free(x);
			ok = false;
		}
	ERR_clear_error(); /* the end of the text counts as one */
	return ok;
}

static bool
use_key(SSL_CTX *ctx, BIO *in)
{
	EVP_PKEY *k = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	bool ok = k != NULL && SSL_CTX_use_PrivateKey(ctx, k) == 1;

	EVP_PKEY_free(k);
	return ok;
}

static bool
with_bio(SSL_CTX *ctx, struct view pem, bool (*use)(SSL_CTX *, BIO *))
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	bool ok = in != NULL && use(ctx, in);

	BIO_free(in);
	return ok;
}

/* The text alone says it: no errno behind it. */
static int
refuse(struct why *w, const char *name, const char *how)
{
	(void)why(w, 0, "%s: %s", name, how);
	return -EINVAL;
}

static int
load(SSL_CTX *ctx, const struct tls_pem *pem, struct why *w)
{
	if (pem->text.n == 0 || pem->text.n > INT32_MAX)
		return refuse(w, pem->name, "no PEM text");
	if (!with_bio(ctx, pem->text, use_chain))
		return refuse(w, pem->name, "no certificate");
	if (!with_bio(ctx, pem->text, use_key))
		return refuse(w, pem->name,
		    "no key that fits it, or one behind a pass phrase");
	if (SSL_CTX_check_private_key(ctx) != 1)
		return refuse(w, pem->name, "the key is not its own");
	return 0;
}

/* The first whose leaf has the name; the default one without a name. */
static int
on_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_set *s = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (name == NULL || s->n < 2)
		return SSL_TLSEXT_ERR_NOACK;
	for (size_t i = 0; i < s->n; i++) {
		X509 *leaf = SSL_CTX_get0_certificate(s->ctx[i]);

		if (X509_check_host(leaf, name, 0, 0, NULL) != 1)
			continue;
		return SSL_set_SSL_CTX(ssl, s->ctx[i]) != NULL
		    ? SSL_TLSEXT_ERR_OK
		    : SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* The protocol of the listener is agreed to; anything else is let be. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *n,
    const unsigned char *in, unsigned in_n, void *arg)
{
	const struct tls *t = SSL_get_app_data(ssl);
	struct view v = { in, in_n };

	(void)arg;
	while (v.n > 0 && v.p[0] < v.n) {
		struct view one = view_sub(v, 1, v.p[0]);

		if (view_eq(one, view_str(t->alpn))) {
			*out = one.p;
			*n = (unsigned char)one.n;
			return SSL_TLSEXT_ERR_OK;
		}
		view_skip(&v, 1 + one.n);
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static int
set_rules(SSL_CTX *ctx, struct tls_set *s, enum tls_version min)
{
	static const uint8_t id[] = "fumi-gate";
	int groups[] = { NID_X25519, NID_X9_62_prime256v1, NID_secp384r1 };

	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
		SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	/* resumption by tickets alone: no table that clients can fill */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, s);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	if (SSL_CTX_set_min_proto_version(
		ctx, min == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx,
		"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
		"TLS_CHACHA20_POLY1305_SHA256") != 1 ||
	    SSL_CTX_set_cipher_list(ctx,
		"ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20:"
		"!aNULL:!PSK") != 1 ||
	    SSL_CTX_set1_groups(ctx, groups, 3) != 1)
		return -EIO;
	return 0;
}

static void
unref(struct tls_set *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	for (size_t i = 0; i < s->n; i++)
		SSL_CTX_free(s->ctx[i]);
	free(s);
}

int
tls_set_new(const struct tls_pem *pem, size_t n, enum tls_version min,
    struct tls_set **out, struct why *w)
{
	struct tls_set *s = xcalloc(1, sizeof(*s) + n * sizeof(s->ctx[0]));
	int r = n == 0 ? why(w, -EINVAL, "no certificate") : 0;

	s->refs = 1;
	for (; s->n < n && r == 0; s->n++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

		s->ctx[s->n] = ctx;
		if (ctx == NULL || set_rules(ctx, s, min) != 0)
			r = why(w, -EIO, "TLS cannot be set up");
		else
			r = load(ctx, &pem[s->n], w);
	}
	ERR_clear_error();
	if (r != 0)
		tls_set_free(&s);
	*out = s;
	return r;
}

void
tls_set_free(struct tls_set **s)
{
	unref(*s);
	*s = NULL;
}

/* ---- a connection ---- */

struct tls *
tls_new(struct tls_env *e, struct tls_set *s, int fd, const char *alpn)
{
	struct tls *t = xcalloc(1, sizeof(*t));
	BIO *b = BIO_new(e->method);

	t->env = e;
	t->set = s;
	s->refs++;
	t->fd = fd;
	t->why = "";
	t->alpn = alpn;
	buf_init(&t->out, TLS_WAIT_MAX);
	t->ssl = SSL_new(s->ctx[0]);
	if (b == NULL || t->ssl == NULL)
		abort(); /* out of memory, as xmalloc() */
	BIO_set_data(b, t);
	BIO_set_init(b, 1);
	SSL_set_bio(t->ssl, b, b);
	SSL_set_app_data(t->ssl, t);
	SSL_set_accept_state(t->ssl);
	return t;
}

void
tls_free(struct tls **tp)
{
	struct tls *t = *tp;

	if (t == NULL)
		return;
	SSL_free(t->ssl);
	unref(t->set);
	buf_fini(&t->out);
	free(t);
	*tp = NULL;
}

void
tls_ready(struct tls *t)
{
	t->dry = false;
}

static enum tls_result
result(struct tls *t, int r)
{
	unsigned long e;

	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return TLS_MORE;
	case SSL_ERROR_WANT_WRITE:
		return TLS_FULL;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_END;
	default: /* the list is OpenSSL's and grows */
		break;
	}
	if ((e = ERR_peek_error()) != 0)
		t->why = ERR_reason_error_string(e);
	if (t->why == NULL)
		t->why = "";
	ERR_clear_error();
	return TLS_FAIL;
}

enum tls_result
tls_handshake(struct tls *t)
{
	enum tls_result res;
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r == 1) {
		unref(t->set);
		t->set = NULL;
		return TLS_OK;
	}
	res = result(t, r);
	return res == TLS_MORE ? TLS_MORE : TLS_FAIL;
}

enum tls_result
tls_read(struct tls *t, void *p, size_t max, size_t *n)
{
	ERR_clear_error();
	*n = 0;
	if (SSL_read_ex(t->ssl, p, max, n) == 1)
		return TLS_OK;
	return result(t, 0);
}

enum tls_result
tls_write(struct tls *t, struct view v)
{
	assert(!tls_waiting(t) && v.n <= TLS_WRITE_MAX);
	ERR_clear_error();
	while (v.n > 0) {
		size_t n = 0;

		if (SSL_write_ex(t->ssl, v.p, v.n, &n) != 1)
			return TLS_FAIL;
		view_skip(&v, n);
	}
	return TLS_OK;
}

enum tls_result
tls_flush(struct tls *t)
{
	while (t->sent < t->out.n) {
		ssize_t n = send(t->fd, t->out.p + t->sent, t->out.n - t->sent,
		    MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return TLS_FULL;
		if (n <= 0)
			return TLS_FAIL;
		t->sent += (size_t)n;
	}
	if (t->out.p != NULL)
		give_back(t);
	return TLS_OK;
}

bool
tls_waiting(const struct tls *t)
{
	return t->sent < t->out.n;
}

void
tls_end(struct tls *t)
{
	if (t->ended)
		return;
	t->ended = true;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

uint64_t
tls_received(const struct tls *t)
{
	return t->received;
}

const char *
tls_version_name(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *
tls_cipher_name(const struct tls *t)
{
	return SSL_get_cipher_name(t->ssl);
}

const char *
tls_why(const struct tls *t)
{
	return t->why;
}

bool
tls_exporter(struct tls *t, uint8_t out[TLS_EXPORTER_SIZE])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	return SSL_version(t->ssl) == TLS1_3_VERSION &&
	    SSL_export_keying_material(t->ssl, out, TLS_EXPORTER_SIZE, label,
		sizeof(label) - 1, (const uint8_t *)"", 0, 1) == 1;
}

/* The hash of the signature's algorithm, SHA-256 in place of MD5 and SHA-1; a
 * signature without a hash (Ed25519) leaves it undefined. */
size_t
tls_endpoint(struct tls *t, uint8_t out[TLS_ENDPOINT_MAX])
{
	const X509 *leaf = SSL_get_certificate(t->ssl);
	const EVP_MD *md;
	unsigned n = 0;
	int hash;

	_Static_assert(TLS_ENDPOINT_MAX >= EVP_MAX_MD_SIZE, "any digest fits");
	if (leaf == NULL || /* X509_get_signature_info() is not const there */
	    X509_get_signature_info(
		(X509 *)(uintptr_t)leaf, &hash, NULL, NULL, NULL) != 1 ||
	    hash == NID_undef)
		return 0;
	if (hash == NID_md5 || hash == NID_sha1)
		hash = NID_sha256;
	md = EVP_get_digestbynid(hash);
	return md != NULL && X509_digest(leaf, md, out, &n) == 1 ? n : 0;
}
