#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * The server's side of SCRAM (RFC 5802, RFC 7677) as a pure state machine:
 * messages in, messages out. It knows only stored keys, never a password.
 *
 *   scram_first()      client-first-message: who is it?
 *   scram_challenge()  server-first-message, from that account's keys
 *   scram_final()      client-final-message: proof and channel binding;
 *                      server-final-message
 *
 * GNU SASL has a server too, but does not know tls-server-end-point, which is
 * the binding of clients with TLS 1.2; the tests use its client against ours.
 */
enum scram_hash {
	SCRAM_SHA_1,
	SCRAM_SHA_256,
};

#define SCRAM_KEY_MAX 32       /* bytes of a key; 20 with SHA-1 */
#define SCRAM_SALT_SIZE 16     /* bytes of the salts we make */
#define SCRAM_SALT_MAX 64      /* bytes of an imported one */
#define SCRAM_ITERATIONS 10000 /* of the keys we make */
#define SCRAM_ITERATIONS_MIN 4096
#define SCRAM_ITERATIONS_MAX 10000000
#define SCRAM_NONCE_SIZE 24    /* bytes of our part of the nonce, as text */
#define SCRAM_NONCE_MAX 256    /* bytes of the client's part */
#define SCRAM_NAME_MAX 1024    /* bytes of a name before it is checked */
#define SCRAM_MESSAGE_MAX 4096 /* bytes of one message of the client */
#define SCRAM_BINDING_MAX 64   /* bytes of channel binding data */
#define SCRAM_TEXT_MAX 256     /* bytes of keys as text */

size_t scram_key_size(enum scram_hash hash);

/* What is stored of a password (RFC 5802 section 3). */
struct scram_keys {
	enum scram_hash hash;
	uint32_t iterations;
	uint8_t salt[SCRAM_SALT_MAX];
	size_t salt_n;
	uint8_t stored[SCRAM_KEY_MAX], server[SCRAM_KEY_MAX];
};

/* password as name_password() yields it. Some milliseconds. */
void scram_keys_make(enum scram_hash hash, const char *password,
    struct view salt, uint32_t iterations, struct scram_keys *out);
/*
 * Keys for a name that does not exist, so that it looks like one that does:
 * always the same for the same name and secret, and no proof fits them.
 */
void scram_keys_fake(enum scram_hash hash, struct view name, struct view secret,
    struct scram_keys *out);
/* "iterations,salt,stored,server", the last three in base 64; NUL at the end.
 */
void scram_keys_text(const struct scram_keys *k, char out[SCRAM_TEXT_MAX + 1]);
/* Exactly such a text, for that hash. */
bool scram_keys_parse(
    enum scram_hash hash, struct view text, struct scram_keys *out) A_MUST_USE;

/* Channel bindings of the client's TLS connection; empty: there is none. */
struct scram_binding {
	struct view exporter; /* tls-exporter, RFC 9266 */
	struct view endpoint; /* tls-server-end-point, RFC 5929 */
};

enum scram_result {
	SCRAM_OK = 0,
	SCRAM_BAD,      /* it breaks the grammar: answer BAD */
	SCRAM_MISMATCH, /* channel binding missing, wrong, or downgraded */
	SCRAM_WRONG,    /* the proof does not fit the keys */
};

struct scram {
	enum scram_hash hash;
	bool plus;
	/* owned copies */
	char name[SCRAM_NAME_MAX + 1], authzid[SCRAM_NAME_MAX + 1];
	uint8_t binding[SCRAM_BINDING_MAX];
	size_t binding_n;
	struct buf header;  /* gs2-header as it came */
	struct buf message; /* AuthMessage as far as it is known */
	struct buf nonce;   /* both parts */
	struct scram_keys keys;
};

/* s is the caller's storage; plus: the mechanism's name ends in -PLUS. */
void scram_init(struct scram *s, enum scram_hash hash, bool plus);
/* Wipes it. */
void scram_fini(struct scram *s);

/*
 * Read the client-first-message.
 * binding  what the connection has; with any of it we have offered -PLUS, so a
 *          client that says it could but we could not ("y") is being deceived
 * On SCRAM_OK name and authzid (empty: not given) are in s, unescaped, any
 * UTF-8 without NUL; check both. Errors: BAD, MISMATCH.
 */
enum scram_result scram_first(struct scram *s, struct view in,
    const struct scram_binding *binding) A_MUST_USE;
/*
 * keys   copied; of s->hash
 * nonce  our part: SCRAM_NONCE_SIZE printable bytes without ",", fresh
 * out    server-first-message is put there
 */
void scram_challenge(struct scram *s, const struct scram_keys *keys,
    const char nonce[SCRAM_NONCE_SIZE], struct buf *out);
/* A fresh nonce. */
void scram_nonce(char out[SCRAM_NONCE_SIZE]);
/* Read the client-final-message; on SCRAM_OK the server-final-message is put
 * into out, otherwise nothing is. */
enum scram_result scram_final(struct scram *s, struct view in, struct buf *out)
    A_MUST_USE;

#endif
