#ifndef AUTH_DIRECTORY_H
#define AUTH_DIRECTORY_H

#include "auth/name.h"
#include "auth/password.h"
#include "auth/scram.h"
#include "base/why.h"

/*
 * The directory of accounts: one SQLite database, DIRECTORY_FILE, in a
 * directory of its own that only auth's user may enter. Every change is one
 * synchronous transaction with a rollback journal (no WAL, so no shared memory
 * and nothing that a sandbox would have to allow). Auth and a command may have
 * it open at once.
 */
#define DIRECTORY_FILE "directory.db"
#define DIRECTORY_VERSION 1      /* of the schema; a newer one is refused */
#define DIRECTORY_SECRET_SIZE 32 /* bytes */
#define DIRECTORY_ACCOUNTS_MAX 10000000

/* Bits of services an account may use; bit n is service n of proc/msg.h. */
#define DIRECTORY_SERVICES_ALL 0xffffffffu

/* What is stored of one password. */
struct directory_secret {
	char password[PASSWORD_STORED_MAX + 1]; /* "": none */
	bool has_sha256, has_sha1;
	struct scram_keys sha256, sha1;
};
/* Everything from one password (as name_password() yields it). Costly. */
int directory_secret_make(enum password_scheme scheme, const char *password,
    struct directory_secret *out, struct why *w) A_MUST_USE;

struct directory_account {
	int64_t id; /* never used again after it was removed */
	char name[NAME_MAX_BYTES + 1];
	char path[NAME_PATH_MAX + 1]; /* below accounts/ */
	uint32_t uid, gid;            /* never 0 */
	bool disabled;
	uint32_t services;              /* bits */
	int64_t created;                /* seconds since 1970 */
	uint32_t sessions_max;          /* 0: as configured */
	uint64_t memory_max;            /* 0: as configured */
	uint32_t cpu_max_s;             /* 0: as configured */
	struct directory_secret secret; /* directory_find() only */
};

enum directory_result {
	DIRECTORY_OK = 0,
	DIRECTORY_UNKNOWN, /* no such account */
	DIRECTORY_EXISTS,  /* the name is an account or alias already */
	DIRECTORY_NAME,    /* that is no name for an account */
	DIRECTORY_FULL,    /* no uid is left in the range */
	DIRECTORY_ROOT,    /* no account may have uid 0 */
	DIRECTORY_FAILED,  /* the system or the database; *w says more */
};
/* For people; never NULL. */
const char *directory_text(enum directory_result r);

struct directory;

/*
 * Open the database in dir, make it when it is not there, bring an older schema
 * up. The descriptor (copied) needs /proc, and nothing of the path that leads to
 * it: a caller opens it before it gives up the right to.
 * 0 or negative errno; *w says why.
 */
int directory_open_at(struct directory **out, int dir, struct why *w)
    A_MUST_USE;
int directory_open(struct directory **out, const char *dir, struct why *w)
    A_MUST_USE;
void directory_close(struct directory **d);
/* A secret of this directory, made with it: for scram_keys_fake(). */
const uint8_t *directory_secret(const struct directory *d);

/* By name or alias, as written by somebody. OK, UNKNOWN (also when it is no
 * name), FAILED. Wipe out->secret after use. */
enum directory_result directory_find(struct directory *d, struct view name,
    struct directory_account *out, struct why *w) A_MUST_USE;

/* Uids for accounts that do not bring their own; each is used once only. */
struct directory_uids {
	uint32_t first, last; /* 0 < first <= last */
};
/* "200000-299999" of [store] uid-range. */
bool directory_uids_parse(struct view v, struct directory_uids *out) A_MUST_USE;

struct directory_new {
	struct view name; /* as written by somebody */
	bool has_uid;     /* of a local user, otherwise the next of uids */
	uint32_t uid, gid;
	uint32_t services;
	const struct directory_secret *secret;
};

/*
 * Changes: between begin and commit, or each for itself. After a failed one
 * roll back. OK or FAILED, and what is said.
 */
enum directory_result directory_begin(struct directory *d, struct why *w)
    A_MUST_USE;
enum directory_result directory_commit(struct directory *d, struct why *w)
    A_MUST_USE;
void directory_rollback(struct directory *d);

/* EXISTS, NAME, FULL, ROOT. */
enum directory_result directory_add(struct directory *d,
    const struct directory_new *a, const struct directory_uids *uids,
    struct why *w) A_MUST_USE;
/* UNKNOWN; only accounts, not aliases. The mail stays where it is. */
enum directory_result directory_remove(
    struct directory *d, struct view name, struct why *w) A_MUST_USE;
enum directory_result directory_set_secret(struct directory *d,
    struct view name, const struct directory_secret *secret, struct why *w)
    A_MUST_USE;
enum directory_result directory_set_disabled(struct directory *d,
    struct view name, bool disabled, struct why *w) A_MUST_USE;
/* Which services it may use; UNKNOWN. */
enum directory_result directory_set_services(struct directory *d,
    struct view name, uint32_t services, struct why *w) A_MUST_USE;
/* UNKNOWN: the account; EXISTS, NAME: the alias. */
enum directory_result directory_add_alias(struct directory *d,
    struct view alias, struct view account, struct why *w) A_MUST_USE;

/*
 * The accounts in order of their names, at most max, the first one after the
 * name in after ("": from the start). Secrets are not read.
 * n  out; how many; fewer than max: there are no more
 * OK or FAILED.
 */
enum directory_result directory_list(struct directory *d, const char *after,
    struct directory_account *out, size_t max, size_t *n, struct why *w)
    A_MUST_USE;

#endif
