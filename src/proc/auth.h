#ifndef PROC_AUTH_H
#define PROC_AUTH_H

#include <sys/queue.h>

#include "auth/directory.h"
#include "auth/mechanism.h"
#include "base/digest.h"
#include "base/hash.h"
#include "proc/auth_conf.h"
#include "proc/auth_delay.h"
#include "proc/auth_pool.h"
#include "proc/msg_admin.h"
#include "proc/msg_auth.h"
#include "proc/msg_grant.h"
#include "proc/settings.h"
#include "proc/start.h"

/*
 * What the files of auth share. auth.c holds the peers and the life of the
 * process, auth_login.c the exchanges, auth_grant.c what a success gives,
 * auth_admin.c changes of the directory. Nobody outside includes this.
 */
#define AUTH_EXCHANGES_MAX 32768 /* of one gate, answered late ones included */
#define AUTH_EXCHANGE_MS 180000  /* for a client to answer a challenge */
#define AUTH_CACHE_SLOTS 4096    /* accounts whose password is remembered */
#define AUTH_CACHE_MS 300000     /* for so long */

struct auth;

/*
 * Passwords that were right lately, as HMACs under a key of this process that
 * cover the stored form too: when that changes, no old password fits.
 */
struct auth_cache {
	uint8_t key[DIGEST_SHA256_SIZE];
	struct {
		uint8_t mac[DIGEST_SHA256_SIZE];
		uint64_t expires_ms; /* 0: empty */
	} slot[AUTH_CACHE_SLOTS];
};

struct auth_gate {
	struct auth *auth;
	uint32_t number;
	struct peer peer;
	struct hash *by_conn; /* exchanges that are not cancelled */
	size_t exchanges;     /* all */
	TAILQ_HEAD(, auth_exchange) all;
};

struct auth_admin {
	struct auth *auth;
	struct peer peer;
	struct auth_change *first, **last; /* wait for COMMIT */
	size_t changes, bytes;
	struct loop_task free;
};

/* Names whose sessions the hub has to end, when it had no room for all. */
struct auth_gone {
	struct auth_gone *next;
	const char *text;
	char name[NAME_MAX_BYTES + 1];
};

struct auth {
	struct loop *loop;
	struct log *log;
	const struct conf *conf;
	enum sandbox_mode mode;
	bool going;               /* GO has come */
	struct auth_early *early; /* peers that came before it, newest first */
	int dirfd;                /* the directory's directory; -1 */
	int listener;             /* admin socket; -1 */
	struct loop_fd listening;
	struct directory *dir;
	uint64_t changes; /* of the directory, counted */
	/* from the configuration */
	struct directory_uids uids;
	size_t uid_rule;               /* enum settings_uid */
	size_t cleartext;              /* enum settings_cleartext */
	bool apop, cram;               /* may be used */
	char host[SETTINGS_HOST_SIZE]; /* in challenges */
	uint32_t fixed_uid, fixed_gid; /* of all accounts, by vmail or server */
	uint32_t deliver_uid[32];      /* who may deliver to anybody */
	size_t deliver_uids;
	uint32_t sessions_max, cpu_max_s;
	uint64_t memory_max;
	struct peer hub, forker, lmtp;
	struct auth_gate *gate[MSG_GATES_MAX + 1];
	struct auth_delay *delay;
	struct auth_pool *pool;
	struct auth_cache *cache;
	struct auth_admin *admin[MSG_ADMIN_CALLERS_MAX];
	struct auth_gone *gone, **gone_last;
	void (*dead)(void *ctx); /* auth cannot go on */
	void *dead_ctx;
};

/* ---- auth.c: the ops of start_run(), which tests call too ---- */

/* conf and log stay the caller's. Never NULL. */
struct auth *auth_new(struct loop *loop, struct log *log,
    const struct conf *conf, void (*dead)(void *ctx), void *ctx);
void auth_free(struct auth **a);
/* fd is taken. 0 or negative errno. */
int auth_peer(struct auth *a, enum msg_process process, uint32_t number, int fd)
    A_MUST_USE;
/* Workers, directory and sandbox; offers go out. sandbox false: for tests, the
 * workers alone are confined. 0 or negative errno, logged. */
int auth_go(struct auth *a, bool sandbox) A_MUST_USE;
/* conf is new. */
void auth_reload(struct auth *a, const struct conf *conf);

/* ---- auth_login.c ---- */

extern const struct peer_rule auth_gate_rules[];
extern const size_t auth_gate_rules_n;
/* Tell it which mechanisms there are. */
void auth_gate_offer(struct auth_gate *g);
/* It is gone, with all its exchanges; frees g. */
void auth_gate_free(struct auth_gate *g);

/* ---- auth_grant.c ---- */

extern const struct peer_rule auth_hub_rules[];
extern const size_t auth_hub_rules_n;
/*
 * Give hub and forker a grant for a. m->id, account, uid, path and limits are
 * filled in here, the rest is the caller's. False: it could not leave at once.
 */
bool auth_grant(struct auth *a, const struct directory_account *account,
    struct msg_grant *m) A_MUST_USE;
/* Let the hub end an account's sessions, now or when it has room. */
void auth_disconnect(struct auth *a, const char *name, const char *text);
/* The hub is new: nothing is owed to it. */
void auth_disconnect_forget(struct auth *a);
void auth_disconnect_more(void *auth);

/* ---- auth_lmtp.c ---- */

extern const struct peer_rule auth_lmtp_rules[];
extern const size_t auth_lmtp_rules_n;
/* What was found for the front end may be wrong now: tell it. */
void auth_lmtp_changed(struct auth *a);

/* ---- auth_admin.c ---- */

extern const struct peer_rule auth_admin_rules[];
extern const size_t auth_admin_rules_n;
/* Somebody knocks at the admin socket. */
void auth_admin_accept(struct auth *a);
/* fd is taken; the caller's rights were checked. 0 or negative errno. */
int auth_admin_open(struct auth *a, int fd) A_MUST_USE;
void auth_admin_free(struct auth_admin *c);

#endif
