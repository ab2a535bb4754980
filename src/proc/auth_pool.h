#ifndef PROC_AUTH_POOL_H
#define PROC_AUTH_POOL_H

#include <sys/queue.h>

#include "auth/password.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/netaddr.h"
#include "proc/sandbox.h"

/*
 * auth's workers: processes that do nothing but compare passwords with costly
 * hashes, forked at start and confined, so that auth itself never waits. One job
 * each at a time; among those that wait, one of an address that keeps no worker
 * busy goes first, so that a flood from one address delays only itself.
 */
#define AUTH_POOL_WORKERS_MAX 64
#define AUTH_POOL_JOBS_MAX 4096 /* waiting and running */

struct auth_pool;

/* The caller's storage; must stay until done, or auth_pool_cancel(). */
struct auth_job {
	/* set by the caller */
	char stored[PASSWORD_STORED_MAX + 1];
	char password[512];
	struct netaddr client; /* group of its address */
	/* the password's fate; PASSWORD_FAILED when two workers died of it, or
	 * the last one */
	void (*done)(void *ctx, enum password_result result);
	void *ctx;
	/* the pool's */
	TAILQ_ENTRY(auth_job) link;
	struct auth_worker *worker;
	bool queued;
	bool tried; /* a worker has died with it */
};

/*
 * Fork n (1..MAX) workers. Call it while this process is small and has nothing
 * open that they should not inherit.
 * mode  of their sandbox
 * dead  called when the last of them is gone
 * 0 or negative errno.
 */
int auth_pool_new(struct auth_pool **out, struct loop *loop, struct log *log,
    size_t n, enum sandbox_mode mode, void (*dead)(void *ctx), void *ctx)
    A_MUST_USE;
/* No job may be there. The workers end. */
void auth_pool_free(struct auth_pool **p);
/* False: too many wait. */
bool auth_pool_add(struct auth_pool *p, struct auth_job *j) A_MUST_USE;
/* done is not called any more; j is free and wiped. */
void auth_pool_cancel(struct auth_pool *p, struct auth_job *j);

#endif
