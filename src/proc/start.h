#ifndef PROC_START_H
#define PROC_START_H

#include "base/conf.h"
#include "base/log.h"
#include "base/loop.h"
#include "proc/msg_master.h"
#include "proc/peer.h"
#include "proc/sandbox.h"

/*
 * How a long-lived process begins. master executes it with
 *
 *   argv   "fumi-gate" "3"                   its kind, and its number
 *   fds    START_FD_MASTER, START_FD_CONFIG, START_FD_LOG, the log as 2 and
 *          /dev/null as 0 and 1; everything else comes by messages (msg_master.h)
 *   uid    already its own, all other rights gone (the forker keeps some)
 *
 * start_run() reads the configuration, opens the log, collects what master
 * sends, and at GO calls go(), which ends in the sandbox; then it runs the loop
 * until STOP is done or master is gone.
 */
#define START_FD_MASTER 3 /* SOCK_SEQPACKET, struct msg_master_* */
#define START_FD_CONFIG 4 /* memfd with the text of the configuration */
#define START_FD_LOG 5    /* for log records; opened for appending */

struct start {
	enum msg_process process;
	uint32_t number; /* of the gate; 0 for the others */
	struct loop *loop;
	struct conf *conf; /* proc/settings.h; replaced before reload() */
	struct log log;
	struct peer master;
	const struct start_ops *ops;
	void *ctx; /* handed to every op */
	bool gone, stopping;
	int status; /* of exit */
};

/* What a kind of process does; ctx is that of start_run(). NULL: nothing. All
 * run inside the loop. A negative errno ends the process. */
struct start_ops {
	enum msg_process process;
	const char *module; /* tag in the log: "GATE" */
	/* before the first message; struct start is complete */
	int (*init)(void *ctx, struct start *s);
	/* a socket to another process, at first or in place of an older one;
	 * *fd is closed afterwards unless taken */
	int (*peer)(void *ctx, const struct msg_master_peer *m, int *fd);
	int (*listener)(
	    void *ctx, const struct msg_master_listener *m, int *fd);
	int (*directory)(void *ctx, int *fd);
	/* the forker's; at first and behind each reload() */
	int (*scripts)(void *ctx, int *fd);
	/* *fd is read from its start */
	int (*certificate)(
	    void *ctx, const struct msg_master_certificate *m, int *fd);
	/* open the rest, close the sandbox (sandbox.h); READY is sent after it
	 * has returned 0 */
	int (*go)(void *ctx);
	/* s->conf is new; never fails, what cannot change stays */
	void (*reload)(void *ctx);
	/* end in order: call start_done() when finished, at once or later */
	void (*stop)(void *ctx);
};

/* The whole life; returns the status for exit(). argc and argv of main(). */
int start_run(int argc, char **argv, const struct start_ops *ops, void *ctx);
/* How strict the walls are to be, by [server] sandbox. */
enum sandbox_mode start_sandbox_mode(const struct conf *conf) A_MUST_USE;
/* The orderly end is reached: leave the loop, exit 0. */
void start_done(struct start *s);
/* Leave the loop with an error that is logged already. */
void start_fail(struct start *s);

#endif
