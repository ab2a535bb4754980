#include <gsasl.h>
#include <stdlib.h>

#include "auth/scram.h"
#include "base/base64.h"
#include "tap.h"

/* The examples of RFC 5802 section 5 and RFC 7677 section 3. */
struct example {
	const char *name;
	enum scram_hash hash;
	const char *salt, *client_nonce, *server_nonce, *proof, *signature;
};
static const struct example examples[] = {
	{ "RFC 5802 section 5", SCRAM_SHA_1, "QSXCR+Q6sek8bf92",
	    "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
	    "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	{ "RFC 7677 section 3", SCRAM_SHA_256, "W22ZaJ0SNY7soEsUEjb6gQ==",
	    "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	    "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	    "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
};

static const struct scram_binding none;

static struct view
v(const struct buf *b)
{
	return buf_view(b);
}

static void
make_keys(enum scram_hash hash, const char *password, const char *salt64,
    uint32_t iterations, struct scram_keys *out)
{
	AUTO_BUF struct buf salt = BUF_INIT(64);

	tap_ok(base64_decode(view_str(salt64), &salt), "the salt is base 64");
	scram_keys_make(hash, password, v(&salt), iterations, out);
}

/* Start an exchange whose whole nonce is that of the example. The servers' parts
 * there have other lengths than ours, so the client says all but the last
 * SCRAM_NONCE_SIZE bytes of it. */
static void
start(struct scram *s, const struct example *x, const struct scram_keys *k,
    char nonce[128], struct buf *challenge)
{
	AUTO_BUF struct buf first = BUF_INIT(256);
	size_t n;

	(void)snprintf(nonce, 128, "%s%s", x->client_nonce, x->server_nonce);
	n = strlen(nonce) - SCRAM_NONCE_SIZE;
	buf_printf(&first, "n,,n=user,r=%.*s", (int)n, nonce);
	scram_init(s, x->hash, false);
	tap_ok(scram_first(s, v(&first), &none) == SCRAM_OK &&
		strcmp(s->name, "user") == 0,
	    "%s: first", x->name);
	scram_challenge(s, k, nonce + n, challenge);
}

/* The proof covers the client's first message, so that of the example is put in
 * place of the one with the other cut. */
static void
test_example(const struct example *x)
{
	AUTO_BUF struct buf challenge = BUF_INIT(4096), final = BUF_INIT(4096);
	AUTO_BUF struct buf out = BUF_INIT(4096), want = BUF_INIT(4096);
	struct scram_keys k;
	struct scram s;
	char nonce[128];

	make_keys(x->hash, "pencil", x->salt, 4096, &k);
	start(&s, x, &k, nonce, &challenge);
	buf_printf(&want, "r=%s,s=%s,i=4096", nonce, x->salt);
	tap_ok(view_eq(v(&challenge), v(&want)), "%s: challenge", x->name);
	/* the example's own cut */
	buf_clear(&s.message);
	buf_printf(&s.message, "n=user,r=%s,%.*s", x->client_nonce,
	    (int)challenge.n, challenge.p);
	buf_printf(&final, "c=biws,r=%s,p=%s", nonce, x->proof);
	tap_ok(
	    scram_final(&s, v(&final), &out) == SCRAM_OK, "%s: proof", x->name);
	buf_clear(&want);
	buf_printf(&want, "v=%s", x->signature);
	tap_ok(view_eq(v(&out), v(&want)), "%s: signature", x->name);
	scram_fini(&s);
}

/* Every shorter form of the final message is refused, and so is a proof with
 * any one bit wrong. */
static void
test_final_prefixes(const struct example *x)
{
	AUTO_BUF struct buf final = BUF_INIT(4096), out = BUF_INIT(4096);
	struct scram_keys k;
	char nonce[128];
	unsigned good = 0, bits = 0;

	make_keys(x->hash, "pencil", x->salt, 4096, &k);
	(void)snprintf(
	    nonce, sizeof(nonce), "%s%s", x->client_nonce, x->server_nonce);
	buf_printf(&final, "c=biws,r=%s,p=%s", nonce, x->proof);
	for (size_t i = 0; i <= final.n; i++) {
		struct scram s;

		scram_init(&s, x->hash, false);
		buf_put_str(&s.header, "n,,");
		buf_put_str(&s.nonce, nonce);
		s.keys = k;
		buf_printf(&s.message, "n=user,r=%s,r=%s,s=%s,i=4096",
		    x->client_nonce, nonce, x->salt);
		good += scram_final(&s, view_sub(v(&final), 0, i), &out) ==
		    SCRAM_OK;
		scram_fini(&s);
	}
	tap_ok(good == 1, "%s: only the whole message is taken, got %u",
	    x->name, good);
	{
		struct scram s;

		scram_init(&s, x->hash, false);
		buf_put_str(&s.header, "n,,");
		buf_put_str(&s.nonce, "of another exchange");
		s.keys = k;
		tap_ok(scram_final(&s, v(&final), &out) == SCRAM_WRONG,
		    "%s: another nonce is wrong", x->name);
		scram_fini(&s);
	}
	for (size_t i = 0; i < 8 * scram_key_size(x->hash); i++) {
		struct scram_keys wrong = k;
		struct scram s;

		wrong.stored[i / 8] ^= (uint8_t)(1u << (i % 8));
		scram_init(&s, x->hash, false);
		buf_put_str(&s.header, "n,,");
		buf_put_str(&s.nonce, nonce);
		s.keys = wrong;
		buf_printf(&s.message, "n=user,r=%s,r=%s,s=%s,i=4096",
		    x->client_nonce, nonce, x->salt);
		bits += scram_final(&s, v(&final), &out) == SCRAM_WRONG;
		scram_fini(&s);
	}
	tap_ok(bits == 8 * scram_key_size(x->hash),
	    "%s: a key with one wrong bit fits nothing", x->name);
}

static void
test_first(void)
{
	static const struct {
		const char *name, *in;
		bool plus;
		enum scram_result want;
		const char *user, *authzid;
	} cases[] = {
		{ "plain", "n,,n=user,r=abc", false, SCRAM_OK, "user", "" },
		{ "authzid", "n,a=me,n=user,r=abc", false, SCRAM_OK, "user",
		    "me" },
		{ "escapes", "n,,n=a=2Cb=3Dc,r=abc", false, SCRAM_OK, "a,b=c",
		    "" },
		{ "extension", "n,,n=u,r=abc,x=y", false, SCRAM_OK, "u", "" },
		{ "UTF-8", "n,,n=\303\244,r=a", false, SCRAM_OK, "\303\244",
		    "" },
		{ "no message", "", false, SCRAM_BAD, NULL, NULL },
		{ "no header", "n=user,r=abc", false, SCRAM_BAD, NULL, NULL },
		{ "one comma", "n,n=user,r=abc", false, SCRAM_BAD, NULL, NULL },
		{ "no name", "n,,n=,r=abc", false, SCRAM_BAD, NULL, NULL },
		{ "no nonce", "n,,n=user,r=", false, SCRAM_BAD, NULL, NULL },
		{ "bad escape", "n,,n=a=2cb,r=abc", false, SCRAM_BAD, NULL,
		    NULL },
		{ "mandatory extension", "n,,m=x,n=user,r=abc", false,
		    SCRAM_BAD, NULL, NULL },
		{ "comma at the end", "n,,n=user,r=abc,", false, SCRAM_BAD,
		    NULL, NULL },
		{ "bad extension", "n,,n=user,r=abc,1=x", false, SCRAM_BAD,
		    NULL, NULL },
		{ "blank in nonce", "n,,n=user,r=a c", false, SCRAM_BAD, NULL,
		    NULL },
		{ "bad flag", "x,,n=user,r=abc", false, SCRAM_BAD, NULL, NULL },
		{ "bad UTF-8", "n,,n=\344,r=abc", false, SCRAM_BAD, NULL,
		    NULL },
		{ "PLUS without binding", "n,,n=user,r=abc", true,
		    SCRAM_MISMATCH, NULL, NULL },
		{ "binding without PLUS", "p=tls-exporter,,n=user,r=abc", false,
		    SCRAM_MISMATCH, NULL, NULL },
		{ "no TLS to bind to", "p=tls-exporter,,n=user,r=abc", true,
		    SCRAM_MISMATCH, NULL, NULL },
		{ "client could, server could not", "y,,n=user,r=abc", false,
		    SCRAM_OK, "user", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scram s;
		enum scram_result r;

		scram_init(&s, SCRAM_SHA_256, cases[i].plus);
		r = scram_first(&s, view_str(cases[i].in), &none);
		tap_ok(r == cases[i].want &&
			(r != SCRAM_OK ||
			    (strcmp(s.name, cases[i].user) == 0 &&
				strcmp(s.authzid, cases[i].authzid) == 0)),
		    "first message, %s: got %d, want %d", cases[i].name, r,
		    cases[i].want);
		scram_fini(&s);
	}
}

static void
test_bindings(void)
{
	static const uint8_t exporter[32] = "exporter", endpoint[32] = "end";
	static const struct {
		const char *name, *flag;
		bool plus;
		enum scram_result want;
	} cases[] = {
		{ "exporter", "p=tls-exporter", true, SCRAM_OK },
		{ "end point", "p=tls-server-end-point", true, SCRAM_OK },
		{ "unknown", "p=tls-unique", true, SCRAM_MISMATCH },
		{ "downgraded", "y", false, SCRAM_MISMATCH },
		{ "client cannot", "n", false, SCRAM_OK },
		{ "client cannot, yet PLUS", "n", true, SCRAM_MISMATCH },
	};
	struct scram_binding b = { { exporter, 32 }, { endpoint, 32 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf in = BUF_INIT(256);
		enum scram_result r;
		struct scram s;

		buf_printf(&in, "%s,,n=user,r=abc", cases[i].flag);
		scram_init(&s, SCRAM_SHA_256, cases[i].plus);
		r = scram_first(&s, v(&in), &b);
		tap_ok(r == cases[i].want, "binding %s: got %d, want %d",
		    cases[i].name, r, cases[i].want);
		scram_fini(&s);
	}
}

static void
test_limits(void)
{
	AUTO_BUF struct buf in = BUF_INIT(8192);

	for (size_t over = 0; over <= 1; over++) {
		struct scram s;
		enum scram_result r;

		buf_clear(&in);
		buf_put_str(&in, "n,,n=u,r=");
		for (size_t i = 0; i < SCRAM_NONCE_MAX + over; i++)
			buf_put_byte(&in, 'x');
		scram_init(&s, SCRAM_SHA_1, false);
		r = scram_first(&s, v(&in), &none);
		tap_ok((r == SCRAM_OK) == (over == 0), "nonce of %zu bytes",
		    SCRAM_NONCE_MAX + over);
		scram_fini(&s);

		buf_clear(&in);
		buf_put_str(&in, "n,,n=");
		for (size_t i = 0; i < SCRAM_NAME_MAX + over; i++)
			buf_put_byte(&in, 'x');
		buf_put_str(&in, ",r=abc");
		scram_init(&s, SCRAM_SHA_1, false);
		r = scram_first(&s, v(&in), &none);
		tap_ok((r == SCRAM_OK) == (over == 0), "name of %zu bytes",
		    SCRAM_NAME_MAX + over);
		scram_fini(&s);

		buf_clear(&in);
		buf_put_str(&in, "n,,n=u,r=abc,x=");
		while (in.n < SCRAM_MESSAGE_MAX + over)
			buf_put_byte(&in, 'x');
		scram_init(&s, SCRAM_SHA_1, false);
		r = scram_first(&s, v(&in), &none);
		tap_ok((r == SCRAM_OK) == (over == 0), "message of %zu bytes",
		    SCRAM_MESSAGE_MAX + over);
		scram_fini(&s);
	}
}

static void
test_keys(void)
{
	char text[SCRAM_TEXT_MAX + 1], cut[SCRAM_TEXT_MAX + 1];
	struct scram_keys k, back;
	unsigned taken = 0;

	scram_keys_make(SCRAM_SHA_256, "pencil", VIEW_LIT("0123456789abcdef"),
	    SCRAM_ITERATIONS, &k);
	scram_keys_text(&k, text);
	tap_ok(scram_keys_parse(SCRAM_SHA_256, view_str(text), &back) &&
		memcmp(&k, &back, sizeof(k)) == 0,
	    "keys read back");
	tap_ok(!scram_keys_parse(SCRAM_SHA_1, view_str(text), &back),
	    "keys of another hash are refused");
	for (size_t i = 0; i < strlen(text); i++)
		taken += scram_keys_parse(
		    SCRAM_SHA_256, view_sub(view_str(text), 0, i), &back);
	tap_ok(taken == 0, "no prefix of keys is taken");
	(void)snprintf(cut, sizeof(cut), "4095%s", strchr(text, ','));
	tap_ok(!scram_keys_parse(SCRAM_SHA_256, view_str(cut), &back),
	    "too few iterations are refused");
	(void)snprintf(cut, sizeof(cut), "4096%s", strchr(text, ','));
	tap_ok(scram_keys_parse(SCRAM_SHA_256, view_str(cut), &back),
	    "the fewest iterations are taken");
}

static void
test_fake(void)
{
	struct view secret = VIEW_LIT("0123456789abcdef0123456789abcdef");
	struct scram_keys a, b, c, d;

	scram_keys_fake(SCRAM_SHA_256, VIEW_LIT("nobody@x"), secret, &a);
	scram_keys_fake(SCRAM_SHA_256, VIEW_LIT("nobody@x"), secret, &b);
	scram_keys_fake(SCRAM_SHA_256, VIEW_LIT("anybody@x"), secret, &c);
	scram_keys_fake(SCRAM_SHA_1, VIEW_LIT("nobody@x"), secret, &d);
	tap_ok(a.salt_n == SCRAM_SALT_SIZE && a.iterations == SCRAM_ITERATIONS,
	    "fake keys look like ours");
	tap_ok(memcmp(a.salt, b.salt, a.salt_n) == 0,
	    "a name has the same fake salt each time");
	tap_ok(memcmp(a.salt, c.salt, a.salt_n) != 0 &&
		memcmp(a.salt, d.salt, a.salt_n) != 0,
	    "another name or hash has another");
	tap_ok(memcmp(a.stored, b.stored, 32) != 0, "nobody knows the keys");
}

/* ---- GNU SASL's client against our server ---- */

struct peer {
	const char *password, *binding;
};

static int
callback(Gsasl *ctx, Gsasl_session *sctx, Gsasl_property prop)
{
	const struct peer *p = gsasl_callback_hook_get(ctx);

	switch ((int)prop) {
	case GSASL_AUTHID:
		return gsasl_property_set(sctx, prop, "us,er=x");
	case GSASL_PASSWORD:
		return gsasl_property_set(sctx, prop, p->password);
	case GSASL_CB_TLS_EXPORTER:
		if (p->binding != NULL)
			return gsasl_property_set(sctx, prop, p->binding);
		break;
	default:
		break;
	}
	return GSASL_NO_CALLBACK;
}

/* One exchange; SCRAM_OK also means that the client was content. */
static enum scram_result
interop(const char *mech, enum scram_hash hash, bool plus, struct peer *p,
    const struct scram_binding *b)
{
	AUTO_BUF struct buf out = BUF_INIT(4096), last = BUF_INIT(4096);
	enum scram_result r = SCRAM_BAD;
	struct scram_keys keys;
	char nonce[SCRAM_NONCE_SIZE], *text = NULL;
	Gsasl_session *c = NULL;
	Gsasl *ctx = NULL;
	struct scram s;
	size_t n = 0;

	scram_init(&s, hash, plus);
	scram_keys_make(
	    hash, "pencil", VIEW_LIT("0123456789abcdef"), 4096, &keys);
	if (gsasl_init(&ctx) != GSASL_OK)
		return SCRAM_BAD;
	gsasl_callback_set(ctx, callback);
	gsasl_callback_hook_set(ctx, p);
	if (gsasl_client_start(ctx, mech, &c) != GSASL_OK ||
	    gsasl_step(c, "", 0, &text, &n) != GSASL_NEEDS_MORE)
		goto out;
	r = scram_first(&s, (struct view){ (uint8_t *)text, n }, b);
	gsasl_free(text);
	text = NULL;
	if (r != SCRAM_OK)
		goto out;
	scram_nonce(nonce);
	scram_challenge(&s, &keys, nonce, &out);
	r = SCRAM_BAD;
	if (gsasl_step(c, (const char *)out.p, out.n, &text, &n) !=
	    GSASL_NEEDS_MORE)
		goto out;
	r = scram_final(&s, (struct view){ (uint8_t *)text, n }, &last);
	gsasl_free(text);
	text = NULL;
	if (r == SCRAM_OK &&
	    (strcmp(s.name, "us,er=x") != 0 ||
		gsasl_step(c, (const char *)last.p, last.n, &text, &n) !=
		    GSASL_OK))
		r = SCRAM_BAD;
out:
	gsasl_free(text);
	if (c != NULL)
		gsasl_finish(c);
	gsasl_done(ctx);
	scram_fini(&s);
	return r;
}

static void
test_interop(void)
{
	static const uint8_t data[32] = "exporter data of 32 bytes, yes!";
	AUTO_BUF struct buf good = BUF_INIT(64), bad = BUF_INIT(64);
	struct scram_binding b = { { data, 32 }, { NULL, 0 } };
	struct peer p = { "pencil", NULL };
	enum scram_result r;

	base64_encode((struct view){ data, 32 }, &good);
	buf_put_byte(&good, '\0');
	base64_encode((struct view){ (const uint8_t *)"x", 1 }, &bad);
	buf_put_byte(&bad, '\0');
	r = interop("SCRAM-SHA-1", SCRAM_SHA_1, false, &p, &none);
	tap_ok(r == SCRAM_OK, "SHA-1 with GNU SASL: %d", r);
	r = interop("SCRAM-SHA-256", SCRAM_SHA_256, false, &p, &none);
	tap_ok(r == SCRAM_OK, "SHA-256 with GNU SASL: %d", r);
	p.binding = (const char *)good.p;
	r = interop("SCRAM-SHA-256-PLUS", SCRAM_SHA_256, true, &p, &b);
	tap_ok(r == SCRAM_OK, "PLUS with GNU SASL: %d", r);
	p.binding = (const char *)bad.p;
	r = interop("SCRAM-SHA-256-PLUS", SCRAM_SHA_256, true, &p, &b);
	tap_ok(r == SCRAM_MISMATCH, "another channel is found: %d", r);
	p = (struct peer){ "pencils", NULL };
	r = interop("SCRAM-SHA-256", SCRAM_SHA_256, false, &p, &none);
	tap_ok(r == SCRAM_WRONG, "a wrong password is found: %d", r);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		test_example(&examples[i]);
		test_final_prefixes(&examples[i]);
	}
	test_first();
	test_bindings();
	test_limits();
	test_keys();
	test_fake();
	test_interop();
	return tap_done();
}
