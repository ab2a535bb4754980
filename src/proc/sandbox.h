#ifndef PROC_SANDBOX_H
#define PROC_SANDBOX_H

#include "base/attrs.h"
#include "base/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The walls of each kind of process: no_new_privs, Landlock with the rights
 * that the kernel's ABI knows, a seccomp filter (calls not listed: ENOSYS,
 * dangerous ones: the process is killed), rlimits. Nothing can be undone.
 */
enum sandbox_mode {
	SANDBOX_REQUIRE,     /* a wall that cannot be put up is an error */
	SANDBOX_BEST_EFFORT, /* it is left out; sandbox_walls() says so */
};

/* Walls found to work, as bits. */
enum sandbox_wall {
	SANDBOX_UID = 1,
	SANDBOX_LANDLOCK = 2,
	SANDBOX_SECCOMP = 4,
	SANDBOX_NET = 8,    /* Landlock: no TCP bind or connect, ABI 4 */
	SANDBOX_SCOPE = 16, /* Landlock: no signals or abstract sockets outside,
	                     * ABI 6 */
};

/* With SANDBOX_LANDLOCK, its ABI stands beside the bits. */
#define SANDBOX_ABI_PUT(abi) ((unsigned)(abi) << 8)
#define SANDBOX_ABI(up) (((up) >> 8) & 0xffu)

/* The kernel's Landlock ABI; 0: none. Ask before the walls are up. */
int sandbox_landlock_abi(void);

/*
 * For the long-lived processes: call it in go(), when everything is open.
 * 0 or negative errno, *w says which wall is missing. up: walls now standing.
 *
 * gate: no path at all, no socket but accept4 on what it has, no fork.
 */
int sandbox_gate(enum sandbox_mode mode, unsigned *up, struct why *w)
    A_MUST_USE;
/* lmtp: no path, no socket but accept4 on what it has; memfds. */
int sandbox_lmtp(enum sandbox_mode mode, unsigned *up, struct why *w)
    A_MUST_USE;
/*
 * auth: files below one directory (the SQLite directory), no network, no exec.
 * dirfd    that directory
 * workers  it may fork (its workers are forked before: normally false)
 */
int sandbox_auth(enum sandbox_mode mode, int dirfd, bool workers, unsigned *up,
    struct why *w) A_MUST_USE;
/* auth's worker: computes; no path, no new descriptor. */
int sandbox_worker(enum sandbox_mode mode, unsigned *up, struct why *w)
    A_MUST_USE;
/* out: as auth, files below the queue's directory; no network. */
int sandbox_out(enum sandbox_mode mode, int dirfd, unsigned *up, struct why *w)
    A_MUST_USE;
/* out's senders by libcurl: TCP and UDP to anywhere, and what the names of
 * hosts are looked up in (files below /etc that everybody may read). Nothing can
 * be listened on, written, started. */
int sandbox_sender(enum sandbox_mode mode, unsigned *up, struct why *w)
    A_MUST_USE;
/* hub: no path, accept4 on its control socket, pairs of sockets. */
int sandbox_hub(enum sandbox_mode mode, unsigned *up, struct why *w) A_MUST_USE;
/* forker: files below accounts/, fork, set*id; no exec. The filter allows what
 * a session's filter needs too, since filters only add up. */
int sandbox_forker(enum sandbox_mode mode, int accounts, unsigned *up,
    struct why *w) A_MUST_USE;

/* The filter of sessions and deliveries, compiled once. */
struct sandbox_filter;
int sandbox_filter_new(struct sandbox_filter **out, struct why *w) A_MUST_USE;
void sandbox_filter_free(struct sandbox_filter **f);

/* Descriptors a session may have; the log is the one above them, which the
 * filter tells from the others by that bit: it can be written to, no more. */
#define SANDBOX_FILES 256
#define SANDBOX_LOG_FD 256

struct sandbox_session {
	const struct sandbox_filter *filter;
	enum sandbox_mode mode;
	int dir;         /* the account's directory, all it may reach */
	uint64_t memory; /* RLIMIT_DATA, bytes */
};
/* In the child, in one go: rlimits, Landlock, no_new_privs, seccomp. The uid was
 * changed before (sandbox_setid()), so that the directory is opened by it. */
int sandbox_session(
    const struct sandbox_session *s, unsigned *up, struct why *w) A_MUST_USE;
/* All groups, gid and uid, for good; checked afterwards. */
int sandbox_setid(uint32_t uid, uint32_t gid, struct why *w) A_MUST_USE;

/* "uid landlock(7) seccomp net scope", out at least 64 bytes. */
void sandbox_walls(unsigned up, char out[64]);

#endif
