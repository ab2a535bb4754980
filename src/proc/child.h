#ifndef PROC_CHILD_H
#define PROC_CHILD_H

#include "base/conf.h"
#include "base/log.h"
#include "proc/grants.h"
#include "proc/sandbox.h"

/*
 * What runs between the forker's fork() and a session or delivery: give up
 * everything that is not this account's, then serve. Runs in the child alone.
 */
struct child {
	const struct conf *conf;
	const struct sandbox_filter *filter;
	enum sandbox_mode mode;
	bool setid;   /* take the uid of the grant (root has started us) */
	int accounts; /* the directory of all accounts */
	struct view globals; /* scripts of the administrator, mapped */
	int log;             /* the forker's log descriptor */
	const struct grant *grant;
	uint64_t session;
	int client; /* the client's socket; for a delivery the first message */
	int hub;    /* this end of the pair */
};

/* Descriptors of a child after child_run() has put them in order. */
#define CHILD_FD_CLIENT 3
#define CHILD_FD_HUB 4
#define CHILD_FD_DIR 5
#define CHILD_START_MS 10000 /* the hub must have told us what for by then */
#define CHILD_REST_MS 60000  /* the hub must have said more by then */
/* For the client to read our last word, and what is thrown away meanwhile. */
#define CHILD_LINGER_MS 1000
#define CHILD_LINGER_MAX (256 * 1024)

/* Exit status of a child. */
enum child_status {
	CHILD_OK = 0,
	CHILD_REST = 1, /* not an exit: its client has logged out in order */
	CHILD_NO_ACCOUNT = 70, /* its directory cannot be made or opened */
	CHILD_NO_WALLS = 71,   /* the sandbox could not be put up */
	CHILD_NO_START = 72,   /* the hub said nothing, or nonsense */
};

/* Never returns to the forker's code: the result is the status to _exit() with.
 */
int child_run(const struct child *c);

/* What the walls are for; the test build of the forker has others. The
 * arguments are those of session_imap_run(), pop3_run() and managesieve_run().
 * An exit status, or CHILD_REST. */
struct session_env;
struct client_env;
struct pop3_settings;
struct managesieve_settings;
int child_serve_imap(const struct session_env *env);
int child_serve_pop3(
    const struct client_env *env, const struct pop3_settings *set);
int child_serve_managesieve(
    const struct client_env *env, const struct managesieve_settings *set);

#endif
