#ifndef PROC_MASTER_H
#define PROC_MASTER_H

#include "base/conf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/sdnotify.h"
#include "proc/msg_master.h"
#include "proc/peer.h"

/*
 * What the files of the master share. master.c holds main and the life of the
 * server, master_open.c what only root can open, master_child.c the processes.
 */
#define MASTER_CHILDREN_MAX (MSG_GATES_MAX + 5)
#define MASTER_LISTENERS_MAX SDNOTIFY_FDS_MAX
#define MASTER_BACKOFF_MS 100       /* before a process is started again */
#define MASTER_BACKOFF_MAX_MS 10000 /* after doubling each time */
#define MASTER_LINGER_MS 2000       /* from the end of its socket to its exit */
#define MASTER_STEADY_MS 60000      /* so long alive, and all is forgiven */
#define MASTER_RELOAD_MS 10000      /* a gate must have answered by then */

struct master_user {
	uint32_t uid, gid;
};

struct master_child {
	struct master *m;
	enum msg_process process;
	uint32_t number; /* of the gate */
	struct master_user user;
	pid_t pid; /* 0: not running */
	struct peer peer;
	bool ready, stopped; /* READY has come; STOP was sent */
	unsigned lives;
	uint32_t generation; /* of what it was told last, as in struct master */
	uint64_t began_ms, backoff_ms;
	struct loop_timer timer;
};

struct master_listener {
	int fd;
	uint8_t kind; /* enum msg_listener */
	bool implicit;
	char name[MSG_LISTENER_NAME_MAX + 1];
};

struct master_certificates {
	int fd[MSG_CERTIFICATES_MAX]; /* memfds */
	size_t n;
};

struct master {
	const char *conf_path; /* NULL: none, all defaults */
	struct conf *conf;
	struct conf *first; /* that of the start, some of which stays */
	uint32_t
	    generation; /* of conf and what belongs to it: 0 at the start */
	struct log log;
	struct loop *loop;
	bool root; /* each process gets a uid of its own */
	bool running, stopping;
	bool reload_due;  /* asked for before all were ready */
	bool reloading;   /* under way: it has not been said how it went */
	bool reloaded;    /* so far without a mistake */
	int status;       /* to exit with */
	struct why unfit; /* what a gate said of certificates at the start */
	int log_fd, null_fd;
	int scripts_fd; /* of the administrator; see master_scripts.c */
	int run_dir, accounts_dir, auth_dir, out_dir;
	int told_fd;   /* --daemon: the parent waits for a byte here; or -1 */
	char *libexec; /* directory of our programs */
	struct master_user auth_user, gate_user, hub_user, forker_user,
	    lmtp_user, out_user;
	struct master_listener listener[MASTER_LISTENERS_MAX];
	size_t listeners;
	/* A gate that starts gets those in force, which gates have used. Those of
	 * a reload wait for the first gate's word on them. */
	struct master_certificates certificates, offered;
	struct master_child child[MASTER_CHILDREN_MAX];
	size_t children;
	struct loop_timer stop_timer, reload_timer, watchdog;
};

/* --- master_open.c: 0, or a negative errno with *w set --- */

/* path: NULL for the defaults alone. errors: what -EINVAL is about, a line an
 * error. */
int master_open_conf(const char *path, struct conf **out, struct buf *errors)
    A_MUST_USE;
/* The log file, or standard error. */
int master_open_log(struct master *m, struct why *w) A_MUST_USE;
/* Who the processes will be. */
int master_open_users(struct master *m, struct why *w) A_MUST_USE;
/* Make and open the directories of state and sockets. */
int master_open_dirs(struct master *m, struct why *w) A_MUST_USE;
/* Take the process id file; -EALREADY: a server runs there. */
int master_open_pid(struct master *m, struct why *w) A_MUST_USE;
/* All listening sockets, those of systemd first. */
int master_open_listeners(struct master *m, struct why *w) A_MUST_USE;
/* Read all certificates into memfds, in place of what is in *out; none on
 * failure. */
int master_open_certificates(const struct master *m,
    struct master_certificates *out, struct why *w) A_MUST_USE;
void master_certificates_free(struct master_certificates *c);
/* Read the administrator's scripts; on failure the old ones stay. In
 * master_scripts.c. */
int master_open_scripts(struct master *m, struct why *w) A_MUST_USE;
/* "imap=127.0.0.1:1143" for each address, with blanks between. */
void master_put_listeners(const struct master *m, struct buf *out);

/* --- master_child.c --- */

/* Fill the table: auth, hub, forker, gates. */
void master_child_table(struct master *m);
/* Start all, connect them, say GO. */
int master_child_start_all(struct master *m, struct why *w) A_MUST_USE;
/* SIGCHLD. */
void master_child_reap(struct master *m);
/* RELOAD with the configuration, then the log, certificates and scripts, to all
 * that are ready; the others get it when they are. */
void master_child_reload(struct master *m);
void master_child_stop(struct master_child *c);
void master_child_kill(struct master *m);
/* A descriptor with the text of the configuration in force; -1 with errno. */
int master_conf_memfd(const struct master *m);

/* --- master_orphans.c --- */

/* Kill all children of this process, also those that once were somebody else's.
 * They are not waited for. */
void master_orphans_kill(void);

/* --- master.c --- */

/* A child has said READY, or c has ended. */
void master_child_ready(struct master *m);
void master_child_ended(
    struct master *m, const struct master_child *c, int status);
/* A gate has said whether it can use a set. */
void master_certified(struct master *m, const struct msg_master_certified *msg);

#endif
