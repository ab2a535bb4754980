#ifndef PROC_TLS_H
#define PROC_TLS_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/why.h"

/*
 * TLS for the gate, server side, by OpenSSL: 1.2 and 1.3, never blocking. What
 * is to be sent is collected as one run of ciphertext and leaves by few large
 * writes; an idle connection holds no buffer at all.
 *
 * After tls_env_init() nothing here opens a file: it works in a sandbox.
 */

#define TLS_EXPORTER_SIZE 32      /* RFC 9266 section 2 */
#define TLS_ENDPOINT_MAX 64       /* RFC 5929 section 4.1: a digest */
#define TLS_WRITE_MAX (64 * 1024) /* bytes of plaintext that may wait */
/* Ciphertext that may wait: TLS_WRITE_MAX with its records' overhead, and as
 * much again for answers of the protocol itself. */
#define TLS_WAIT_MAX (144 * 1024)

/* What all connections of a process share; the caller's storage, one a process.
 * Only tls.c looks inside. */
struct tls_env {
	void *method;     /* BIO_METHOD */
	struct buf spare; /* ciphertext goes here while it is in a hurry */
};
/* Loads all of OpenSSL that loads late. 0 or a negative errno. */
int tls_env_init(struct tls_env *e, struct why *w) A_MUST_USE;
void tls_env_fini(struct tls_env *e);

/* The certificates in force. New connections take the newest set, older ones
 * keep what they have. */
struct tls_set;

enum tls_version { TLS_1_2, TLS_1_3 };

struct tls_pem {
	struct view text; /* a chain of certificates, leaf first, and its key */
	const char *name; /* for messages: where it comes from */
};
/*
 * pem  n of them. The first is the default; the others are chosen by the names
 *      in their leaf (SNI, RFC 6066 section 3).
 * 0, or a negative errno with *w saying which is wrong (-EINVAL) and how.
 */
int tls_set_new(const struct tls_pem *pem, size_t n, enum tls_version min,
    struct tls_set **out, struct why *w) A_MUST_USE;
/* Connections that began with it keep it alive as long as they need. */
void tls_set_free(struct tls_set **s);

enum tls_result {
	TLS_OK,
	TLS_MORE, /* wait until the socket can be read */
	TLS_FULL, /* wait until the socket can be written */
	TLS_END,  /* the peer has said that no more will come, or closed */
	TLS_FAIL, /* broken, as a socket or as TLS: close it */
};

struct tls;

/*
 * Over a non-blocking stream socket, which stays the caller's. Never NULL.
 * alpn  what is spoken there (RFC 7301 and IANA's list: "imap", "pop3",
 *       "managesieve"); must outlive it
 */
struct tls *tls_new(
    struct tls_env *e, struct tls_set *s, int fd, const char *alpn);
void tls_free(struct tls **t);

/* The socket may have something to read (the loop says so). Without it a read
 * that found the socket empty is not tried again. */
void tls_ready(struct tls *t);
/* One step of the handshake: OK when it is done, else MORE or FAIL. What it has
 * to say waits for tls_flush(), also after FAIL (the alert). */
enum tls_result tls_handshake(struct tls *t) A_MUST_USE;
/* At most max bytes into p: OK with *n > 0, MORE, END or FAIL. */
enum tls_result tls_read(struct tls *t, void *p, size_t max, size_t *n)
    A_MUST_USE;
/* Encrypt all of v, at most TLS_WRITE_MAX bytes, and only when nothing waits
 * (asserted); tls_flush() sends it. OK or FAIL. */
enum tls_result tls_write(struct tls *t, struct view v) A_MUST_USE;
/* Send what waits: OK when all has left, FULL, FAIL. */
enum tls_result tls_flush(struct tls *t) A_MUST_USE;
bool tls_waiting(const struct tls *t);
/* Say that no more will come (close_notify); it waits for tls_flush(). */
void tls_end(struct tls *t);

/* Bytes that have come over the socket. */
uint64_t tls_received(const struct tls *t);
/* "TLSv1.3"; "TLS_AES_128_GCM_SHA256". After the handshake. */
const char *tls_version_name(const struct tls *t);
const char *tls_cipher_name(const struct tls *t);
/* Why it failed, for the log: a text of OpenSSL or "". */
const char *tls_why(const struct tls *t);
/* Channel bindings. tls-exporter: false unless it is TLS 1.3. */
bool tls_exporter(struct tls *t, uint8_t out[TLS_EXPORTER_SIZE]) A_MUST_USE;
/* tls-server-end-point: bytes written, 0 when the certificate has none. */
size_t tls_endpoint(struct tls *t, uint8_t out[TLS_ENDPOINT_MAX]) A_MUST_USE;

#endif
