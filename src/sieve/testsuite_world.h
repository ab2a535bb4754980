#ifndef SIEVE_TESTSUITE_WORLD_H
#define SIEVE_TESTSUITE_WORLD_H

#include "sieve/interp.h"
#include "sieve/testsuite.h"

/* The made-up mail system of a test file. All of it in its arena. */

struct world_mail {
	struct world_mail *next;
	struct view octets;
	struct view sender, recipient;
	struct sieve_flags flags; /* of one in a mailbox */
};

struct world_mailbox {
	struct world_mailbox *next;
	struct view name;
	struct world_mail *first, **last;
};

struct world_pair {
	struct world_pair *next;
	struct view mailbox, key, value; /* mailbox p NULL: the server, or a
	                                    setting */
};

struct world_script {
	struct world_script *next;
	struct view path;
	struct sieve_program *program;
};

struct world_result {
	struct world_result *next;
	struct sieve_result r;
	bool pending; /* what it wants remembered is not yet */
};

struct world {
	struct arena *arena;
	const struct testsuite_host *host;
	struct world_mailbox *mailboxes;
	struct world_mail *sent, **sent_last;
	struct world_pair *metadata, *settings;
	struct world_script *scripts; /* each compiled once, for include */
	struct world_result *results; /* of scripts: their memory is in use */
	struct world_pair
	    *seen; /* the handle as its mailbox, the id as its key */
	const struct sieve_program *script; /* compiled last */
	struct sieve_errors errors;
	bool more_errors;      /* as others count: one for the failure itself */
	const char *fail_text; /* test_fail, in the arena */
	uint32_t fail_line;
	bool failing;
	size_t executed; /* actions of the run carried out already */
	size_t mails;
	struct view user;    /* the setting sieve_user_email; n 0: none */
	struct view message; /* what is looked at now */
	struct view orig_to; /* envelope.orig_to */
};

/* calls of runs in the world; ctx is the struct world. */
extern const struct sieve_calls world_calls;

void world_init(struct world *w, const struct testsuite_host *host);
void world_fini(struct world *w);

/* The mailbox, made when it is missing if create; NULL: there is none. */
struct world_mailbox *world_mailbox(
    struct world *w, struct view name, bool create);
/* Compile a file of the test's folder; NULL: w->errors has why. */
const struct sieve_program *world_compile(struct world *w, struct view path);
/* Can what p includes be included? False: w->errors has why. */
bool world_check_includes(struct world *w, const struct sieve_program *p)
    A_MUST_USE;
void world_error(struct world *w, const char *fmt, ...) A_PRINTF(2, 3);
struct view world_setting(const struct world *w, const char *key);
void world_set(struct world *w, struct world_pair **list, struct view mailbox,
    struct view key, struct view value);
/* Carry out one action; false, and an error told, when that failed. */
bool world_act(
    struct world *w, const struct sieve_env *env, const struct sieve_action *a);
/* What the scripts run so far want remembered (RFC 7352) is remembered, or else
 * forgotten. */
void world_remember(struct world *w, bool done);
void world_send(
    struct world *w, const struct sieve_env *env, const struct sieve_action *a);
/* An SMTP path, with or without <> and source route, as an address. Not a valid
 * one: p == NULL; the null path: n 0. */
struct view world_path(struct world *w, struct view path);
/* The sender and recipient a message says itself. */
void world_envelope(
    struct world *w, struct view message, struct sieve_env *env);

#endif
