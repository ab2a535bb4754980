#ifndef PROC_MSG_MASTER_H
#define PROC_MSG_MASTER_H

#include "proc/msg.h"

/*
 * master <-> each long-lived process, over the socket START_FD_MASTER.
 *
 *   master -> child  PEER         with a SOCK_SEQPACKET socket to another
 *                                 process; comes again when that one was
 *                                 started anew: the new socket replaces the old
 *   master -> child  LISTENER     with a listening socket
 *   master -> child  DIRECTORY    with a descriptor of a directory (O_PATH):
 *                                 "accounts" to the forker, its own to auth
 *   master -> gate   CERTIFICATE  with a memfd: PEM of a chain, leaf first,
 *                                 followed by PEM of its key
 *   master -> forker SCRIPTS      with a memfd, sealed: the administrator's
 *                                 scripts, msg_master_script_put() for each;
 *                                 comes again behind RELOAD
 *   master -> child  GO           all that was promised has come: close the
 *                                 sandbox and begin. Once.
 *   child -> master  READY        it has begun. Once, after GO.
 *   master -> child  RELOAD       with a memfd: the new configuration's text,
 *                                 checked by master; CERTIFICATEs follow
 *   master -> child  LOG          with a descriptor: log into it from now on
 *   master -> child  STOP         end in order, then exit 0
 *   child -> master  SETTLED      hub only: all sessions have ended
 *   gate -> master   CERTIFIED    after the last of a set: is it in force now?
 *
 * Before GO and after it the same handlers run; a child takes a PEER at any
 * time. Everything else a child says ends it.
 */

enum msg_master_type {
	MSG_MASTER_READY = 0x0001,
	MSG_MASTER_SETTLED = 0x0002,
	MSG_MASTER_CERTIFIED = 0x0003,
	MSG_MASTER_PEER = 0x0081,
	MSG_MASTER_LISTENER = 0x0082,
	MSG_MASTER_CERTIFICATE = 0x0083,
	MSG_MASTER_GO = 0x0084,
	MSG_MASTER_RELOAD = 0x0085,
	MSG_MASTER_STOP = 0x0086,
	MSG_MASTER_LOG = 0x0087,
	MSG_MASTER_DIRECTORY = 0x0088,
	MSG_MASTER_SCRIPTS = 0x0089,
};

/* Kinds of process; the numbers are on the wire. */
enum msg_process {
	MSG_PROCESS_MASTER = 0,
	MSG_PROCESS_AUTH = 1,
	MSG_PROCESS_HUB = 2,
	MSG_PROCESS_FORKER = 3,
	MSG_PROCESS_GATE = 4,
	MSG_PROCESS_LMTP = 5,
	MSG_PROCESS_OUT = 6,
};
#define MSG_PROCESS_KINDS 7
/* "master" …; NULL when it is none. */
const char *msg_process_name(uint32_t process);

#define MSG_GATES_MAX 64 /* gates have the numbers 1..MSG_GATES_MAX */

struct msg_master_peer {
	uint8_t process; /* enum msg_process, who is at the other end */
	uint32_t number; /* of the gate; 0 for the others */
};
#define MSG_MASTER_PEER_SIZE 5
void msg_master_peer_put(struct buf *b, const struct msg_master_peer *m);
bool msg_master_peer_get(struct wire *w, struct msg_master_peer *m) A_MUST_USE;

enum msg_listener {
	MSG_LISTENER_IMAP = 1,
	MSG_LISTENER_POP3 = 2,
	MSG_LISTENER_SIEVE = 3,
	MSG_LISTENER_LMTP = 4,
	MSG_LISTENER_CONTROL = 64, /* run/fumi.sock, to the hub */
	MSG_LISTENER_ADMIN = 65,   /* run/auth.sock, to auth */
};
#define MSG_LISTENER_NAME_MAX 64
struct msg_master_listener {
	uint8_t kind;     /* enum msg_listener */
	bool implicit;    /* TLS from the first byte (imaps) */
	bool proxied;     /* reserved, false */
	struct view name; /* section of the configuration, "imaps" */
};
#define MSG_MASTER_LISTENER_MAX (3 + 4 + MSG_LISTENER_NAME_MAX)
void msg_master_listener_put(
    struct buf *b, const struct msg_master_listener *m);
bool msg_master_listener_get(struct wire *w, struct msg_master_listener *m)
    A_MUST_USE;

/* A whole set is index 0..count-1 in order; it is in force, and the older set
 * gone, when the last has come, unless it cannot be used. The first is the
 * default; the others are chosen by the names in their leaf (SNI, RFC 6066
 * section 3). */
#define MSG_CERTIFICATES_MAX 256
#define MSG_CERTIFICATE_SIZE_MAX (1024 * 1024) /* bytes of the memfd */
struct msg_master_certificate {
	uint32_t index, count; /* index < count <= MSG_CERTIFICATES_MAX */
	uint32_t generation;   /* of the set; 0: gates have used it already */
};
#define MSG_MASTER_CERTIFICATE_SIZE 12
void msg_master_certificate_put(
    struct buf *b, const struct msg_master_certificate *m);
bool msg_master_certificate_get(
    struct wire *w, struct msg_master_certificate *m) A_MUST_USE;

struct msg_master_certified {
	uint32_t generation; /* of the set, as it came */
	bool good;        /* false: the set of before stays, if there is one */
	struct view text; /* which file cannot be used, and why; or empty */
};
#define MSG_MASTER_CERTIFIED_MAX (4 + 1 + 4 + MSG_TEXT_MAX)
/* text: NULL when it is good. */
void msg_master_certified_put(
    struct buf *b, uint32_t generation, const char *text);
bool msg_master_certified_get(struct wire *w, struct msg_master_certified *m)
    A_MUST_USE;

/* One script in the file of SCRIPTS: u8 where (enum filter_where of
 * session/filter.h), name and text with their lengths. */
#define MSG_MASTER_SCRIPTS_MAX (8u << 20) /* bytes of the file */
#define MSG_MASTER_SCRIPT_NAME_MAX 200
void msg_master_script_put(
    struct buf *b, uint8_t where, struct view name, struct view text);

/* SCRIPTS, DIRECTORY, GO, READY, RELOAD, LOG, STOP, SETTLED: no fields. */
void msg_master_plain_put(struct buf *b, enum msg_master_type type);

#endif
