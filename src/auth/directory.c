#include "auth/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"

/*
 * Statements are prepared once. Text of people never gets into SQL but as a
 * bound value. A uid that was given away is not given again while the range
 * lasts, since files of a removed account may still lie about with it.
 */
#define BUSY_MS 5000 /* a command and auth wait for each other */

enum statement {
	FIND,
	ADD,
	ADD_SECRET,
	REMOVE,
	SET_SECRET,
	SET_DISABLED,
	SET_SERVICES,
	ADD_ALIAS,
	IS_ALIAS,
	LIST,
	GET,
	PUT,
	PUT_SECRET,
	UID_TAKEN,
	BEGIN,
	COMMIT,
	ROLLBACK,
	STATEMENTS,
};

#define COLUMNS                                                                \
	"account.id, name, path, uid, gid, disabled, services, created, "      \
	"sessions_max, memory_max, cpu_max_s"

static const char *const sql[STATEMENTS] = {
	[FIND] = "SELECT " COLUMNS ", password, sha256, sha1 "
		 "FROM account LEFT JOIN secret ON secret.account = account.id "
		 "WHERE account.id = coalesce("
		 "(SELECT id FROM account WHERE name = ?1), "
		 "(SELECT account FROM alias WHERE name = ?1))",
	[ADD] = "INSERT INTO account (name, path, uid, gid, disabled, "
		"services, created) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)",
	[ADD_SECRET] = "INSERT INTO secret VALUES (last_insert_rowid(), ?1, "
		       "?2, ?3)",
	[REMOVE] = "DELETE FROM account WHERE name = ?1",
	[SET_SECRET] = "UPDATE secret SET password = ?2, sha256 = ?3, "
		       "sha1 = ?4 WHERE account = "
		       "(SELECT id FROM account WHERE name = ?1)",
	[SET_DISABLED] = "UPDATE account SET disabled = ?2 WHERE name = ?1",
	[SET_SERVICES] = "UPDATE account SET services = ?2 WHERE name = ?1",
	[ADD_ALIAS] = "INSERT INTO alias SELECT ?1, id FROM account WHERE "
		      "name = ?2",
	[IS_ALIAS] = "SELECT 1 FROM alias WHERE name = ?1",
	[LIST] = "SELECT " COLUMNS " FROM account WHERE name > ?1 "
		 "ORDER BY name LIMIT ?2",
	[GET] = "SELECT value FROM setting WHERE key = ?1",
	[PUT] = "INSERT OR REPLACE INTO setting VALUES (?1, ?2)",
	/* not randomblob(): in a sandbox SQLite finds no random numbers */
	[PUT_SECRET] = "INSERT OR IGNORE INTO setting VALUES ('secret', ?1)",
	[UID_TAKEN] = "SELECT 1 FROM account WHERE uid = ?1",
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
};

/* AUTOINCREMENT: ids are not used again. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE, path TEXT NOT NULL UNIQUE,"
    " uid INTEGER NOT NULL, gid INTEGER NOT NULL,"
    " disabled INTEGER NOT NULL, services INTEGER NOT NULL,"
    " created INTEGER NOT NULL, sessions_max INTEGER, memory_max INTEGER,"
    " cpu_max_s INTEGER);"
    "CREATE INDEX account_uid ON account (uid);"
    "CREATE TABLE secret (account INTEGER PRIMARY KEY"
    " REFERENCES account ON DELETE CASCADE,"
    " password TEXT NOT NULL, sha256 TEXT, sha1 TEXT);"
    "CREATE TABLE alias (name TEXT PRIMARY KEY, account INTEGER NOT NULL"
    " REFERENCES account ON DELETE CASCADE) WITHOUT ROWID;"
    "CREATE INDEX alias_account ON alias (account);"
    "CREATE TABLE setting (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

struct directory {
	int dir; /* kept open: the database's names go through it */
	sqlite3 *db;
	sqlite3_stmt *st[STATEMENTS];
	uint8_t secret[DIRECTORY_SECRET_SIZE];
};

const char *
directory_text(enum directory_result r)
{
	switch (r) {
	case DIRECTORY_OK:
		return "done";
	case DIRECTORY_UNKNOWN:
		return "there is no such account";
	case DIRECTORY_EXISTS:
		return "there is such an account already";
	case DIRECTORY_NAME:
		return "that is not a name for an account";
	case DIRECTORY_FULL:
		return "no uid is left in the range of [store] uid-range";
	case DIRECTORY_ROOT:
		return "no account may have uid 0";
	case DIRECTORY_FAILED:
		break;
	}
	return "the directory cannot be used";
}

bool
directory_uids_parse(struct view v, struct directory_uids *out)
{
	const uint8_t *dash = v.n > 0 ? memchr(v.p, '-', v.n) : NULL;
	uint64_t first, last;

	if (dash == NULL)
		return false;
	if (!num_parse(
		view_sub(v, 0, (size_t)(dash - v.p)), UINT32_MAX - 1, &first) ||
	    !num_parse(view_sub(v, (size_t)(dash - v.p) + 1, v.n),
		UINT32_MAX - 1, &last))
		return false;
	*out = (struct directory_uids){ (uint32_t)first, (uint32_t)last };
	return first > 0 && first <= last;
}

int
directory_secret_make(enum password_scheme scheme, const char *password,
    struct directory_secret *out, struct why *w)
{
	uint8_t salt[2][SCRAM_SALT_SIZE];

	memset(out, 0, sizeof(*out));
	random_bytes(salt, sizeof(salt));
	scram_keys_make(SCRAM_SHA_256, password,
	    (struct view){ salt[0], SCRAM_SALT_SIZE }, SCRAM_ITERATIONS,
	    &out->sha256);
	scram_keys_make(SCRAM_SHA_1, password,
	    (struct view){ salt[1], SCRAM_SALT_SIZE }, SCRAM_ITERATIONS,
	    &out->sha1);
	out->has_sha256 = out->has_sha1 = true;
	return password_make(scheme, password, out->password, w);
}

/* ---- statements ---- */

static enum directory_result
failed(const struct directory *d, struct why *w)
{
	why(w, -EIO, "%s: %s", DIRECTORY_FILE, sqlite3_errmsg(d->db));
	return DIRECTORY_FAILED;
}

static void
bind_text(sqlite3_stmt *st, int at, const char *s)
{
	/* fails only when memory is out; the statement then fails too */
	(void)sqlite3_bind_text(st, at, s, -1, SQLITE_TRANSIENT);
}

/* Run one that yields no rows; *changed may be NULL. */
static enum directory_result
run(struct directory *d, enum statement i, int *changed, struct why *w)
{
	int r = sqlite3_step(d->st[i]);
	enum directory_result result = DIRECTORY_OK;

	if (r == SQLITE_CONSTRAINT)
		result = DIRECTORY_EXISTS;
	else if (r != SQLITE_DONE)
		result = failed(d, w);
	if (changed != NULL)
		*changed = sqlite3_changes(d->db);
	sqlite3_reset(d->st[i]);
	sqlite3_clear_bindings(d->st[i]);
	return result;
}

/* Is there a row? 1, 0, or -1 when it failed. */
static int
has_row(struct directory *d, enum statement i)
{
	int r = sqlite3_step(d->st[i]);

	sqlite3_reset(d->st[i]);
	return r == SQLITE_ROW ? 1 : r == SQLITE_DONE ? 0 : -1;
}

/* ---- opening ---- */

static int
exec(struct directory *d, const char *text, struct why *w)
{
	if (sqlite3_exec(d->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return why(
		    w, -EIO, "%s: %s", DIRECTORY_FILE, sqlite3_errmsg(d->db));
	return 0;
}

/* The version of the schema; -1 when it cannot be read. */
static int
version(struct directory *d)
{
	sqlite3_stmt *st = NULL;
	int v = -1;

	if (sqlite3_prepare_v2(d->db, "PRAGMA user_version", -1, &st, NULL) ==
		SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return v;
}

static int
make_schema(struct directory *d, struct why *w)
{
	int v = version(d), r;

	if (v < 0)
		return why(
		    w, -EIO, "%s: %s", DIRECTORY_FILE, sqlite3_errmsg(d->db));
	if (v > DIRECTORY_VERSION)
		return why(w, -EPROTO, "%s is of a newer fumi (version %d)",
		    DIRECTORY_FILE, v);
	if (v == DIRECTORY_VERSION)
		return 0;
	r = exec(d, schema, w);
	if (r != 0 && version(d) == DIRECTORY_VERSION) {
		/* another process was first */
		(void)sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
		return 0;
	}
	return r;
}

static int
prepare(struct directory *d, struct why *w)
{
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(d->db, sql[i], -1,
			SQLITE_PREPARE_PERSISTENT, &d->st[i],
			NULL) != SQLITE_OK)
			return why(w, -EIO, "%s: %s", DIRECTORY_FILE,
			    sqlite3_errmsg(d->db));
	return 0;
}

static int
read_secret(struct directory *d, struct why *w)
{
	sqlite3_stmt *st = d->st[GET];
	uint8_t fresh[DIRECTORY_SECRET_SIZE];
	int r = -EIO;

	bind_text(st, 1, "secret");
	if (has_row(d, GET) == 0) {
		random_bytes(fresh, sizeof(fresh));
		(void)sqlite3_bind_blob(d->st[PUT_SECRET], 1, fresh,
		    sizeof(fresh), SQLITE_TRANSIENT);
		if (run(d, PUT_SECRET, NULL, w) != DIRECTORY_OK)
			return r;
	}
	if (sqlite3_step(st) == SQLITE_ROW &&
	    sqlite3_column_bytes(st, 0) == DIRECTORY_SECRET_SIZE) {
		memcpy(d->secret, sqlite3_column_blob(st, 0),
		    DIRECTORY_SECRET_SIZE);
		r = 0;
	}
	sqlite3_reset(st);
	return r == 0 ? 0 : why(w, r, "%s: no secret", DIRECTORY_FILE);
}

static int
set_up(struct directory *d, struct why *w)
{
	int r;

	(void)sqlite3_busy_timeout(d->db, BUSY_MS);
	(void)sqlite3_db_config(d->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	(void)sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* EXTRA syncs the directory too when the journal is gone */
	r = exec(d,
	    "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;"
	    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
	    "PRAGMA secure_delete = ON",
	    w);
	if (r != 0 || (r = make_schema(d, w)) != 0 || (r = prepare(d, w)) != 0)
		return r;
	return read_secret(d, w);
}

/*
 * SQLite's own file system, but for names: it would resolve them to one that
 * begins at the root, where the owner of the directory may not be let through.
 */
static int
keep_name(sqlite3_vfs *vfs, const char *name, int max, char *out)
{
	(void)vfs;
	return snprintf(out, (size_t)max, "%s", name) < max ? SQLITE_OK
							    : SQLITE_CANTOPEN;
}

static const char *
file_system(void)
{
	static sqlite3_vfs vfs; /* SQLite keeps it */

	if (vfs.zName == NULL) {
		vfs = *sqlite3_vfs_find(NULL);
		vfs.zName = "fumi";
		vfs.xFullPathname = keep_name;
		(void)sqlite3_vfs_register(&vfs, 0);
	}
	return vfs.zName;
}

int
directory_open_at(struct directory **out, int dir, struct why *w)
{
	struct directory *d = xcalloc(1, sizeof(*d));
	char path[64];
	int r;

	*out = NULL;
	d->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	(void)snprintf(
	    path, sizeof(path), "/proc/self/fd/%d/" DIRECTORY_FILE, d->dir);
	if (d->dir == -1)
		r = why(w, -errno, "descriptor of " DIRECTORY_FILE);
	else if (sqlite3_open_v2(path, &d->db,
		     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			 SQLITE_OPEN_NOMUTEX,
		     file_system()) != SQLITE_OK)
		r = why(w, -EIO, DIRECTORY_FILE ": %s",
		    d->db != NULL ? sqlite3_errmsg(d->db) : "no memory");
	else
		r = set_up(d, w);
	if (r != 0)
		directory_close(&d);
	*out = d;
	return r;
}

int
directory_open(struct directory **out, const char *dir, struct why *w)
{
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*out = NULL;
	if (fd == -1)
		return why(w, -errno, "open %s", dir);
	return directory_open_at(out, fd, w);
}

void
directory_close(struct directory **dp)
{
	struct directory *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(d->st[i]);
	sqlite3_close(d->db);
	fd_close(&d->dir);
	explicit_bzero(d, sizeof(*d));
	free(d);
}

const uint8_t *
directory_secret(const struct directory *d)
{
	return d->secret;
}

/* ---- reading ---- */

static bool
copy_text(sqlite3_stmt *st, int column, char *out, size_t max)
{
	const unsigned char *s = sqlite3_column_text(st, column);
	size_t n = s != NULL ? (size_t)sqlite3_column_bytes(st, column) : 0;

	if (n > max)
		return false;
	if (n > 0)
		memcpy(out, s, n);
	out[n] = '\0';
	return true;
}

static bool
read_account(sqlite3_stmt *st, struct directory_account *a)
{
	memset(a, 0, sizeof(*a));
	a->id = sqlite3_column_int64(st, 0);
	a->uid = (uint32_t)sqlite3_column_int64(st, 3);
	a->gid = (uint32_t)sqlite3_column_int64(st, 4);
	a->disabled = sqlite3_column_int(st, 5) != 0;
	a->services = (uint32_t)sqlite3_column_int64(st, 6);
	a->created = sqlite3_column_int64(st, 7);
	a->sessions_max = (uint32_t)sqlite3_column_int64(st, 8);
	a->memory_max = (uint64_t)sqlite3_column_int64(st, 9);
	a->cpu_max_s = (uint32_t)sqlite3_column_int64(st, 10);
	return copy_text(st, 1, a->name, NAME_MAX_BYTES) &&
	    copy_text(st, 2, a->path, NAME_PATH_MAX) && a->uid != 0 &&
	    a->gid != 0;
}

static bool
read_keys(
    sqlite3_stmt *st, int column, enum scram_hash hash, struct scram_keys *out)
{
	char text[SCRAM_TEXT_MAX + 1];
	bool ok = copy_text(st, column, text, SCRAM_TEXT_MAX) &&
	    scram_keys_parse(hash, view_str(text), out);

	explicit_bzero(text, sizeof(text));
	return ok;
}

enum directory_result
directory_find(struct directory *d, struct view name,
    struct directory_account *out, struct why *w)
{
	sqlite3_stmt *st = d->st[FIND];
	enum directory_result result = DIRECTORY_OK;
	struct directory_secret *s = &out->secret;
	struct name n;
	int r;

	if (!name_parse(name, &n))
		return DIRECTORY_UNKNOWN;
	bind_text(st, 1, n.text);
	r = sqlite3_step(st);
	if (r == SQLITE_DONE) {
		result = DIRECTORY_UNKNOWN;
	} else if (r != SQLITE_ROW) {
		result = failed(d, w);
	} else if (!read_account(st, out) ||
	    !copy_text(st, 11, s->password, PASSWORD_STORED_MAX)) {
		why(w, -EIO, "%s: bad row", DIRECTORY_FILE);
		result = DIRECTORY_FAILED;
	} else {
		s->has_sha256 = read_keys(st, 12, SCRAM_SHA_256, &s->sha256);
		s->has_sha1 = read_keys(st, 13, SCRAM_SHA_1, &s->sha1);
	}
	sqlite3_reset(st);
	return result;
}

enum directory_result
directory_list(struct directory *d, const char *after,
    struct directory_account *out, size_t max, size_t *n, struct why *w)
{
	sqlite3_stmt *st = d->st[LIST];
	enum directory_result result = DIRECTORY_OK;
	int r;

	*n = 0;
	bind_text(st, 1, after);
	(void)sqlite3_bind_int64(st, 2, (int64_t)max);
	while ((r = sqlite3_step(st)) == SQLITE_ROW && *n < max)
		if (read_account(st, &out[*n]))
			(*n)++;
	if (r != SQLITE_DONE && r != SQLITE_ROW)
		result = failed(d, w);
	sqlite3_reset(st);
	return result;
}

/* ---- changing ---- */

enum directory_result
directory_begin(struct directory *d, struct why *w)
{
	return run(d, BEGIN, NULL, w);
}

enum directory_result
directory_commit(struct directory *d, struct why *w)
{
	return run(d, COMMIT, NULL, w);
}

void
directory_rollback(struct directory *d)
{
	if (sqlite3_get_autocommit(d->db) == 0)
		(void)run(d, ROLLBACK, NULL, NULL);
}

static uint64_t
next_uid(struct directory *d, const struct directory_uids *u)
{
	sqlite3_stmt *st = d->st[GET];
	uint64_t next = u->first;

	bind_text(st, 1, "next-uid");
	if (sqlite3_step(st) == SQLITE_ROW)
		next = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return next < u->first || next > u->last ? u->first : next;
}

/* The next uid of the range that no account has; from its end it goes on at its
 * start. */
static enum directory_result
take_uid(struct directory *d, const struct directory_uids *u, uint32_t *out,
    struct why *w)
{
	uint64_t next = next_uid(d, u), n = (uint64_t)u->last - u->first + 1;
	int taken = 1;

	for (uint64_t i = 0; i < n; i++) {
		(void)sqlite3_bind_int64(d->st[UID_TAKEN], 1, (int64_t)next);
		if ((taken = has_row(d, UID_TAKEN)) < 0)
			return failed(d, w);
		*out = (uint32_t)next;
		next = next == u->last ? u->first : next + 1;
		if (taken == 0)
			break;
	}
	if (taken != 0)
		return DIRECTORY_FULL;
	bind_text(d->st[PUT], 1, "next-uid");
	(void)sqlite3_bind_int64(d->st[PUT], 2, (int64_t)next);
	return run(d, PUT, NULL, w);
}

static void
bind_keys(sqlite3_stmt *st, int at, bool has, const struct scram_keys *k)
{
	char text[SCRAM_TEXT_MAX + 1];

	if (!has)
		return; /* NULL */
	scram_keys_text(k, text);
	bind_text(st, at, text);
	explicit_bzero(text, sizeof(text));
}

static void
bind_secret(sqlite3_stmt *st, int at, const struct directory_secret *s)
{
	bind_text(st, at, s->password);
	bind_keys(st, at + 1, s->has_sha256, &s->sha256);
	bind_keys(st, at + 2, s->has_sha1, &s->sha1);
}

static enum directory_result
insert(struct directory *d, const struct directory_new *a,
    const struct name *name, uint32_t uid, uint32_t gid, struct why *w)
{
	sqlite3_stmt *st = d->st[ADD];
	char path[NAME_PATH_MAX + 1];
	enum directory_result r;

	name_path(name, path);
	bind_text(st, 1, name->text);
	bind_text(st, 2, path);
	(void)sqlite3_bind_int64(st, 3, uid);
	(void)sqlite3_bind_int64(st, 4, gid);
	(void)sqlite3_bind_int64(st, 5, a->services);
	(void)sqlite3_bind_int64(st, 6, clock_wall_s());
	if ((r = run(d, ADD, NULL, w)) != DIRECTORY_OK)
		return r;
	bind_secret(d->st[ADD_SECRET], 1, a->secret);
	return run(d, ADD_SECRET, NULL, w);
}

static enum directory_result
add(struct directory *d, const struct directory_new *a,
    const struct directory_uids *uids, struct why *w)
{
	uint32_t uid = a->uid, gid = a->gid;
	enum directory_result r;
	struct name name;
	int alias;

	if (!name_parse(a->name, &name))
		return DIRECTORY_NAME;
	bind_text(d->st[IS_ALIAS], 1, name.text);
	if ((alias = has_row(d, IS_ALIAS)) != 0)
		return alias > 0 ? DIRECTORY_EXISTS : failed(d, w);
	if (!a->has_uid) {
		if ((r = take_uid(d, uids, &uid, w)) != DIRECTORY_OK)
			return r;
		gid = uid;
	}
	if (uid == 0 || gid == 0)
		return DIRECTORY_ROOT;
	return insert(d, a, &name, uid, gid, w);
}

enum directory_result
directory_add(struct directory *d, const struct directory_new *a,
    const struct directory_uids *uids, struct why *w)
{
	bool alone = sqlite3_get_autocommit(d->db) != 0;
	enum directory_result r;

	if (!alone)
		return add(d, a, uids, w);
	/* it is several statements */
	if ((r = directory_begin(d, w)) != DIRECTORY_OK)
		return r;
	if ((r = add(d, a, uids, w)) == DIRECTORY_OK)
		r = directory_commit(d, w);
	directory_rollback(d);
	return r;
}

/* Run one that changes a single account. */
static enum directory_result
change(struct directory *d, enum statement i, struct view name, struct why *w)
{
	enum directory_result r;
	struct name n;
	int changed;

	if (!name_parse(name, &n)) {
		sqlite3_clear_bindings(d->st[i]);
		return DIRECTORY_UNKNOWN;
	}
	bind_text(d->st[i], 1, n.text);
	r = run(d, i, &changed, w);
	return r == DIRECTORY_OK && changed == 0 ? DIRECTORY_UNKNOWN : r;
}

enum directory_result
directory_remove(struct directory *d, struct view name, struct why *w)
{
	return change(d, REMOVE, name, w);
}

enum directory_result
directory_set_secret(struct directory *d, struct view name,
    const struct directory_secret *secret, struct why *w)
{
	bind_secret(d->st[SET_SECRET], 2, secret);
	return change(d, SET_SECRET, name, w);
}

enum directory_result
directory_set_disabled(
    struct directory *d, struct view name, bool disabled, struct why *w)
{
	(void)sqlite3_bind_int(d->st[SET_DISABLED], 2, disabled);
	return change(d, SET_DISABLED, name, w);
}

enum directory_result
directory_set_services(
    struct directory *d, struct view name, uint32_t services, struct why *w)
{
	(void)sqlite3_bind_int64(d->st[SET_SERVICES], 2, services);
	return change(d, SET_SERVICES, name, w);
}

enum directory_result
directory_add_alias(
    struct directory *d, struct view alias, struct view account, struct why *w)
{
	sqlite3_stmt *st = d->st[ADD_ALIAS];
	struct name a, n;
	struct directory_account found;
	enum directory_result r;
	int changed;

	if (!name_parse(alias, &a))
		return DIRECTORY_NAME;
	if (!name_parse(account, &n))
		return DIRECTORY_UNKNOWN;
	r = directory_find(d, view_str(a.text), &found, w);
	explicit_bzero(&found.secret, sizeof(found.secret));
	if (r != DIRECTORY_UNKNOWN)
		return r == DIRECTORY_OK ? DIRECTORY_EXISTS : r;
	bind_text(st, 1, a.text);
	bind_text(st, 2, n.text);
	r = run(d, ADD_ALIAS, &changed, w);
	return r == DIRECTORY_OK && changed == 0 ? DIRECTORY_UNKNOWN : r;
}
