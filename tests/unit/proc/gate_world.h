#ifndef TESTS_GATE_WORLD_H
#define TESTS_GATE_WORLD_H

#include <openssl/ssl.h>

#include "proc/gate.h"

/*
 * The gate's real code in one process with a test that plays master, auth, hub
 * and clients. Nothing blocks: every wait turns the gate's loop.
 */
#define WORLD_WAIT_MS 5000

struct world {
	struct gate gate;
	struct start start;
	int auth, hub; /* our ends; -1: closed */
};

/* conf: settings as in a file, or "". Offers SCRAM and PLAIN, LOGIN on
 * loopback. */
void world_open(struct world *w, const char *conf);
void world_close(struct world *w);
/* New sockets to auth and hub, as after their death. */
void world_auth(struct world *w, bool offer);
void world_hub(struct world *w);
/* Certificates, each for one name; the first is the default. */
bool world_certificates(struct world *w, const char *const *names, size_t n)
    A_MUST_USE;
/* PEM of a fresh self-signed one. */
void world_pem(const char *name, struct buf *out);
/* Turn the loop a few times. */
void world_turn(struct world *w);

struct visitor {
	struct world *w;
	int fd; /* -1: closed */
	SSL *ssl;
	SSL_CTX *ctx;
	struct gate_conn *conn; /* only to look at; NULL: refused */
	struct buf got;         /* all that has come and was not expected yet */
	bool eof;
};

enum client_from {
	FROM_LOOPBACK,
	FROM_4,
	FROM_6,
	FROM_6_NEIGHBOUR,
	FROM_6_FAR
};

/* To IMAP. */
void client_open(
    struct world *w, struct visitor *c, enum client_from from, bool implicit);
void client_open_at(struct world *w, struct visitor *c,
    const struct gate_protocol *protocol, enum client_from from, bool implicit);
void client_close(struct visitor *c);
/* Begin TLS as a client, with a name or NULL; true when it is up. */
bool client_tls(struct visitor *c, const char *name, int max_version);
/* Write all of it. */
void client_send(struct visitor *c, struct view v);
void client_say(struct visitor *c, const char *text);
/* Wait until text has come; drop everything up to its end. False: it did not
 * come, what did is in got. */
bool client_gets(struct visitor *c, const char *text);
/* Has it been closed? Waits. */
bool client_ends(struct visitor *c);
/* Take what is there, without waiting. */
void client_pump(struct visitor *c);

/* One message to us; false: none came. fd may be NULL when none is expected. */
struct message {
	uint32_t type;
	uint8_t bytes[MSG_MAX];
	struct wire w;
	int fd;
};
bool world_recv(struct world *w, int from, struct message *m);
/* Nothing has come. */
bool world_quiet(struct world *w, int from);
/* The next START of the gate: id is for the answer. */
bool world_start(
    struct world *w, struct message *m, struct msg_auth_start *out);
void world_challenge(
    struct world *w, const struct msg_auth_id *id, const char *text);
void world_fail(struct world *w, const struct msg_auth_id *id, uint8_t code);
void world_ok(struct world *w, const struct msg_auth_id *id);
/* The next HANDOVER. */
bool world_handover(
    struct world *w, struct message *m, struct msg_hand_over *out);
void world_started(struct world *w, const struct msg_hand_over *m);
void world_refused(struct world *w, const struct msg_hand_over *m, uint8_t why);
void world_ended(struct world *w, const struct msg_hand_over *m);

#endif
