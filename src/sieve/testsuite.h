#ifndef SIEVE_TESTSUITE_H
#define SIEVE_TESTSUITE_H

#include "sieve/sieve.h"

/*
 * The test dialect vnd.dovecot.testsuite: a script of tests about scripts. Its
 * commands change the message and envelope that the file's own Sieve commands
 * see, compile and run other scripts, carry out actions in a mail store and a
 * mail system made up in memory, and look at what came of it. Written from the
 * way third-party test files use it.
 */
#define TESTSUITE_MAILBOXES_MAX 1000 /* mailboxes of a test file */
#define TESTSUITE_MAILS_MAX 10000    /* messages in them, or sent */
#define TESTSUITE_SCRIPTS_MAX 1000   /* scripts compiled, or included */
#define TESTSUITE_SETTINGS_MAX 256   /* settings made */

/* Settings of our own, the name before a blank: the mailbox that has a special
 * use ("special-use \\Junk", RFC 8579), and the members of an external list, a
 * blank between ("list :addrbook:default", RFC 6134). */
#define TESTSUITE_USE "special-use"
#define TESTSUITE_LIST "list"

/* A message that carrying out an action sends. */
struct testsuite_mail {
	struct testsuite_mail *next;
	struct view sender; /* of the envelope; n 0: null */
	struct view recipient;
	struct view octets;
};

/* What a test file needs of the world. */
struct testsuite_host {
	void *ctx;
	/* The text of the file of that name, relative to the test file's
	 * folder, in a. False: there is none. */
	bool (*read)(
	    void *ctx, struct view path, struct arena *a, struct view *out);
	/* The messages to be sent for an action (redirect, reject, vacation,
	 * notify), in the order they leave; NULL: none. May be NULL. */
	struct testsuite_mail *(*send)(void *ctx, const struct sieve_env *env,
	    const struct sieve_action *action, struct arena *a);
	/* A test has ended. name: of the test; reason: NULL, or why it is not
	 * ok, and line where that was found. */
	void (*report)(
	    void *ctx, struct view name, uint32_t line, const char *reason);
	/* debug_log of a script; may be NULL. */
	void (*note)(void *ctx, uint32_t line, struct view text);
	struct view path; /* the test file's folder: ${tst.path} */
	int64_t now;      /* of currentdate; seconds since 1970 */
};

/*
 * Run a test file. Each test in it is reported in its order; a file that does
 * not compile, or an error outside of a test, is one too, by the name "".
 */
void testsuite_run(struct view script, const struct testsuite_host *host);

#endif
