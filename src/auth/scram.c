#include "auth/scram.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/num.h"
#include "base/random.h"
#include "base/utf8.h"

/*
 * RFC 5802 section 3:
 *
 *   SaltedPassword  := Hi(Normalize(password), salt, i)
 *   ClientKey       := HMAC(SaltedPassword, "Client Key")
 *   StoredKey       := H(ClientKey)
 *   AuthMessage     := client-first-message-bare + "," +
 *                      server-first-message + "," +
 *                      client-final-message-without-proof
 *   ClientSignature := HMAC(StoredKey, AuthMessage)
 *   ClientProof     := ClientKey XOR ClientSignature
 *   ServerKey       := HMAC(SaltedPassword, "Server Key")
 *   ServerSignature := HMAC(ServerKey, AuthMessage)
 */

static const EVP_MD *
md_of(enum scram_hash hash)
{
	return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

size_t
scram_key_size(enum scram_hash hash)
{
	return hash == SCRAM_SHA_1 ? 20 : 32;
}

static void
hmac(enum scram_hash hash, const uint8_t *key, struct view v, uint8_t *out)
{
	unsigned n = 0;

	if (HMAC(md_of(hash), key, (int)scram_key_size(hash), v.p, v.n, out,
		&n) == NULL)
		n = 0;
	assert(n == scram_key_size(hash)); /* the library itself is broken */
}

static void
digest(enum scram_hash hash, const uint8_t *in, uint8_t *out)
{
	unsigned n = 0;
	int ok =
	    EVP_Digest(in, scram_key_size(hash), out, &n, md_of(hash), NULL);

	assert(ok == 1 && n == scram_key_size(hash));
}

/* ---- keys ---- */

void
scram_keys_make(enum scram_hash hash, const char *password, struct view salt,
    uint32_t iterations, struct scram_keys *out)
{
	uint8_t salted[SCRAM_KEY_MAX], client[SCRAM_KEY_MAX];
	int ok;

	assert(salt.n > 0 && salt.n <= SCRAM_SALT_MAX);
	memset(out, 0, sizeof(*out));
	out->hash = hash;
	out->iterations = iterations;
	memcpy(out->salt, salt.p, salt.n);
	out->salt_n = salt.n;
	ok = PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt.p,
	    (int)salt.n, (int)iterations, md_of(hash),
	    (int)scram_key_size(hash), salted);
	assert(ok == 1);
	hmac(hash, salted, VIEW_LIT("Client Key"), client);
	digest(hash, client, out->stored);
	hmac(hash, salted, VIEW_LIT("Server Key"), out->server);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
}

void
scram_keys_fake(enum scram_hash hash, struct view name, struct view secret,
    struct scram_keys *out)
{
	uint8_t d[DIGEST_SHA256_SIZE];

	memset(out, 0, sizeof(*out));
	out->hash = hash;
	out->iterations = SCRAM_ITERATIONS;
	/* each account has a salt of its own for each hash */
	digest_hmac_sha256(secret, name, d);
	d[0] ^= (uint8_t)(hash + 1);
	digest_hmac_sha256(secret, (struct view){ d, sizeof(d) }, d);
	memcpy(out->salt, d, SCRAM_SALT_SIZE);
	out->salt_n = SCRAM_SALT_SIZE;
	/* nobody knows what these are the keys of */
	random_bytes(out->stored, scram_key_size(hash));
	random_bytes(out->server, scram_key_size(hash));
}

void
scram_keys_text(const struct scram_keys *k, char out[SCRAM_TEXT_MAX + 1])
{
	AUTO_BUF struct buf b = BUF_INIT(SCRAM_TEXT_MAX);
	size_t n = scram_key_size(k->hash);

	buf_put_dec(&b, k->iterations);
	buf_put_byte(&b, ',');
	base64_encode((struct view){ k->salt, k->salt_n }, &b);
	buf_put_byte(&b, ',');
	base64_encode((struct view){ k->stored, n }, &b);
	buf_put_byte(&b, ',');
	base64_encode((struct view){ k->server, n }, &b);
	assert(!b.failed);
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
	explicit_bzero(b.p, b.n);
}

/* Up to the next comma, which is dropped, or all. */
static struct view
take_item(struct view *in)
{
	const uint8_t *comma = in->n > 0 ? memchr(in->p, ',', in->n) : NULL;
	struct view item =
	    comma != NULL ? view_sub(*in, 0, (size_t)(comma - in->p)) : *in;

	view_skip(in, item.n + (comma != NULL ? 1 : 0));
	return item;
}

/* Base 64 of 1..max bytes. */
static bool
decode(struct view v, uint8_t *out, size_t max, size_t *n)
{
	AUTO_BUF struct buf b;
	bool ok;

	buf_init(&b, max);
	ok = base64_decode(v, &b) && b.n > 0;
	if (ok) {
		memcpy(out, b.p, b.n);
		*n = b.n;
		explicit_bzero(b.p, b.n);
	}
	return ok;
}

bool
scram_keys_parse(enum scram_hash hash, struct view text, struct scram_keys *out)
{
	size_t size = scram_key_size(hash), stored = 0, server = 0;
	struct view v = text;
	uint64_t i;

	memset(out, 0, sizeof(*out));
	out->hash = hash;
	if (!num_parse(take_item(&v), SCRAM_ITERATIONS_MAX, &i) ||
	    i < SCRAM_ITERATIONS_MIN)
		return false;
	out->iterations = (uint32_t)i;
	return decode(take_item(&v), out->salt, SCRAM_SALT_MAX, &out->salt_n) &&
	    decode(take_item(&v), out->stored, size, &stored) &&
	    stored == size && decode(v, out->server, size, &server) &&
	    server == size;
}

/* ---- the exchange ---- */

void
scram_init(struct scram *s, enum scram_hash hash, bool plus)
{
	memset(s, 0, sizeof(*s));
	s->hash = hash;
	s->plus = plus;
	buf_init(&s->header, SCRAM_MESSAGE_MAX);
	buf_init(&s->message, 4 * SCRAM_MESSAGE_MAX);
	buf_init(&s->nonce, SCRAM_NONCE_MAX + SCRAM_NONCE_SIZE);
}

void
scram_fini(struct scram *s)
{
	buf_fini(&s->header);
	buf_fini(&s->message);
	buf_fini(&s->nonce);
	explicit_bzero(s, sizeof(*s));
}

/* saslname = 1*(value-safe-char / "=2C" / "=3D"), unescaped into out. */
static bool
unescape(struct view v, char out[SCRAM_NAME_MAX + 1])
{
	size_t n = 0;

	if (v.n == 0 || !utf8_valid(v))
		return false;
	while (v.n > 0) {
		uint8_t c = v.p[0];

		if (c == '\0' || n == SCRAM_NAME_MAX)
			return false;
		if (view_starts(v, VIEW_LIT("=2C")))
			c = ',';
		else if (c == '=' && !view_starts(v, VIEW_LIT("=3D")))
			return false;
		view_skip(&v, v.p[0] == '=' ? 3 : 1);
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

/* The value of the attribute "x=" that the item must be. */
static bool
attribute(struct view item, char name, struct view *value)
{
	if (item.n < 2 || item.p[0] != (uint8_t)name || item.p[1] != '=')
		return false;
	*value = view_sub(item, 2, item.n);
	return true;
}

/* gs2-cbind-flag = ("p=" cb-name) / "n" / "y" */
static enum scram_result
read_flag(struct scram *s, struct view flag, const struct scram_binding *b)
{
	struct view data = { NULL, 0 }, name;
	bool have = b->exporter.n > 0 || b->endpoint.n > 0;

	if (view_eq(flag, VIEW_LIT("n")))
		return s->plus ? SCRAM_MISMATCH : SCRAM_OK;
	if (view_eq(flag, VIEW_LIT("y"))) /* RFC 5802 section 6: downgraded */
		return s->plus || have ? SCRAM_MISMATCH : SCRAM_OK;
	if (!attribute(flag, 'p', &name) || name.n == 0)
		return SCRAM_BAD;
	if (!s->plus)
		return SCRAM_MISMATCH;
	if (view_eq(name, VIEW_LIT("tls-exporter")))
		data = b->exporter;
	else if (view_eq(name, VIEW_LIT("tls-server-end-point")))
		data = b->endpoint;
	if (data.n == 0 || data.n > SCRAM_BINDING_MAX)
		return SCRAM_MISMATCH;
	memcpy(s->binding, data.p, data.n);
	s->binding_n = data.n;
	return SCRAM_OK;
}

/* gs2-header = gs2-cbind-flag "," [ "a=" saslname ] "," */
static enum scram_result
read_header(struct scram *s, struct view *in, const struct scram_binding *b)
{
	struct view rest = *in, flag = take_item(&rest);
	struct view authzid = take_item(&rest), value;
	enum scram_result r;

	/* both commas must be there */
	if (rest.n == 0)
		return SCRAM_BAD;
	if ((r = read_flag(s, flag, b)) != SCRAM_OK)
		return r;
	if (authzid.n > 0 &&
	    (!attribute(authzid, 'a', &value) || !unescape(value, s->authzid)))
		return SCRAM_BAD;
	buf_put(&s->header, view_sub(*in, 0, in->n - rest.n));
	*in = rest;
	return SCRAM_OK;
}

/* printable = %x21-2B / %x2D-7E */
static bool
nonce_ok(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x21 || v.p[i] > 0x7e || v.p[i] == ',')
			return false;
	return v.n > 0 && v.n <= SCRAM_NONCE_MAX;
}

/* Extensions are ignored, but must look like some: attr-val with a letter. */
static bool
extensions_ok(struct view v)
{
	while (v.n > 0) {
		bool more = memchr(v.p, ',', v.n) != NULL;
		struct view item = take_item(&v);
		uint8_t c = item.n > 0 ? (uint8_t)(item.p[0] | 0x20) : 0;

		if (item.n < 3 || c < 'a' || c > 'z' || item.p[1] != '=' ||
		    memchr(item.p, '\0', item.n) != NULL || (more && v.n == 0))
			return false;
	}
	return true;
}

enum scram_result
scram_first(
    struct scram *s, struct view in, const struct scram_binding *binding)
{
	struct view v = in, bare, user, nonce;
	enum scram_result r;
	bool more;

	if (in.n == 0 || in.n > SCRAM_MESSAGE_MAX)
		return SCRAM_BAD;
	if ((r = read_header(s, &v, binding)) != SCRAM_OK)
		return r;
	/* client-first-message-bare = [reserved-mext ","] username "," nonce
	 *                             ["," extensions]; mext is always an error */
	bare = v;
	if (!attribute(take_item(&v), 'n', &user) || !unescape(user, s->name))
		return SCRAM_BAD;
	more = v.n > 0 && memchr(v.p, ',', v.n) != NULL;
	if (!attribute(take_item(&v), 'r', &nonce) || !nonce_ok(nonce) ||
	    (more && v.n == 0) || !extensions_ok(v))
		return SCRAM_BAD;
	buf_put(&s->message, bare);
	buf_put(&s->nonce, nonce);
	return SCRAM_OK;
}

void
scram_nonce(char out[SCRAM_NONCE_SIZE])
{
	AUTO_BUF struct buf b = BUF_INIT(SCRAM_NONCE_SIZE);
	uint8_t raw[SCRAM_NONCE_SIZE / 4 * 3];

	random_bytes(raw, sizeof(raw));
	base64_encode((struct view){ raw, sizeof(raw) }, &b);
	memcpy(out, b.p, SCRAM_NONCE_SIZE);
}

void
scram_challenge(struct scram *s, const struct scram_keys *keys,
    const char nonce[SCRAM_NONCE_SIZE], struct buf *out)
{
	size_t start = out->n;

	assert(keys->hash == s->hash);
	s->keys = *keys;
	buf_put(&s->nonce,
	    (struct view){ (const uint8_t *)nonce, SCRAM_NONCE_SIZE });
	buf_put_str(out, "r=");
	buf_put(out, buf_view(&s->nonce));
	buf_put_str(out, ",s=");
	base64_encode((struct view){ keys->salt, keys->salt_n }, out);
	buf_put_str(out, ",i=");
	buf_put_dec(out, keys->iterations);
	buf_put_byte(&s->message, ',');
	if (!out->failed)
		buf_put(&s->message, view_sub(buf_view(out), start, out->n));
}

/* c=: the gs2-header of before and the data of the channel, in base 64 */
static bool
binding_fits(const struct scram *s, struct view value)
{
	AUTO_BUF struct buf got, want;

	buf_init(&got, SCRAM_MESSAGE_MAX + SCRAM_BINDING_MAX);
	buf_init(&want, SCRAM_MESSAGE_MAX + SCRAM_BINDING_MAX);
	buf_put(&want, buf_view(&s->header));
	buf_put(&want, (struct view){ s->binding, s->binding_n });
	return base64_decode(value, &got) &&
	    digest_equal(buf_view(&got), buf_view(&want));
}

static bool
proof_fits(const struct scram *s, const uint8_t *proof)
{
	size_t n = scram_key_size(s->hash);
	uint8_t key[SCRAM_KEY_MAX], stored[SCRAM_KEY_MAX];
	bool ok;

	hmac(s->hash, s->keys.stored, buf_view(&s->message), key);
	for (size_t i = 0; i < n; i++)
		key[i] ^= proof[i];
	digest(s->hash, key, stored);
	ok = digest_equal(
	    (struct view){ stored, n }, (struct view){ s->keys.stored, n });
	explicit_bzero(key, sizeof(key));
	return ok;
}

/* The proof is the last attribute: in up to it, and its bytes. */
static bool
split_proof(const struct scram *s, struct view in, struct view *without,
    uint8_t proof[SCRAM_KEY_MAX])
{
	size_t size = scram_key_size(s->hash), n = 0;
	const uint8_t *comma = in.n > 0 ? memrchr(in.p, ',', in.n) : NULL;
	struct view item, value;

	if (comma == NULL)
		return false;
	*without = view_sub(in, 0, (size_t)(comma - in.p));
	item = view_sub(in, without->n + 1, in.n);
	return attribute(item, 'p', &value) && decode(value, proof, size, &n) &&
	    n == size;
}

static void
put_signature(const struct scram *s, struct buf *out)
{
	uint8_t sig[SCRAM_KEY_MAX];

	hmac(s->hash, s->keys.server, buf_view(&s->message), sig);
	buf_put_str(out, "v=");
	base64_encode((struct view){ sig, scram_key_size(s->hash) }, out);
}

enum scram_result
scram_final(struct scram *s, struct view in, struct buf *out)
{
	uint8_t proof[SCRAM_KEY_MAX];
	struct view without, v, binding, nonce;
	bool more;

	if (in.n > SCRAM_MESSAGE_MAX || !split_proof(s, in, &without, proof))
		return SCRAM_BAD;
	v = without;
	if (!attribute(take_item(&v), 'c', &binding))
		return SCRAM_BAD;
	more = v.n > 0 && memchr(v.p, ',', v.n) != NULL;
	if (!attribute(take_item(&v), 'r', &nonce) || (more && v.n == 0) ||
	    !extensions_ok(v))
		return SCRAM_BAD;
	if (!binding_fits(s, binding))
		return SCRAM_MISMATCH;
	/* well-formed, but of another exchange: as a wrong proof is */
	if (!view_eq(nonce, buf_view(&s->nonce)))
		return SCRAM_WRONG;
	buf_put_byte(&s->message, ',');
	buf_put(&s->message, without);
	if (s->message.failed || !proof_fits(s, proof))
		return SCRAM_WRONG;
	put_signature(s, out);
	return SCRAM_OK;
}
