#include "store/vdb_inside.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "store/io.h"

/*
 * Files and transactions of the view.
 *
 * LMDB runs without syncs: that survives the death of any process, but a power
 * cut may leave garbage that must not even be opened. So what decides whether a
 * file may be trusted stands outside of it: view.current names the boot it was
 * written in, and view.clean (synced, and withdrawn with a sync by the first
 * writer) lifts that condition.
 *
 * LMDB wants paths; the account is known by a descriptor. Changing into the
 * directory for the moment of opening works without /proc and in a sandbox.
 */

#define CURRENT "view.current"
#define CLEAN "view.clean"
#define TEXT_MAX 100

static int
error_of(int rc)
{
	if (rc > 0)
		return -rc;
	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return STORE_NOT_FOUND;
	case MDB_MAP_FULL:
		return -ENOSPC;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_PANIC:
	case MDB_BAD_TXN:
		return -ESTALE;
	}
	return -EIO;
}

static int
env_fail(struct why *w, int rc, const char *what)
{
	int r = error_of(rc);

	if (r == STORE_NOT_FOUND)
		r = -ESTALE;
	assert(r != 0); /* not for what went well */
	(void)why(w, r, "view: %s: %s", what, mdb_strerror(rc));
	return r;
}

int
vdb_fail(struct vdb_txn *t, int rc, const char *what)
{
	int r = error_of(rc);

	return r >= 0 ? r : env_fail(&t->why, rc, what);
}

/* --- names --- */

static void
name_of(uint64_t n, char out[48])
{
	snprintf(out, 48, "view.%llu.mdb", (unsigned long long)n);
}

/* The n of "view.<n>.mdb" or its lock file; 0 for any other name. */
static uint64_t
number_of(const char *name)
{
	struct view v = view_str(name);
	uint64_t n;

	if (!view_starts(v, VIEW_LIT("view.")))
		return 0;
	view_skip(&v, 5);
	if (!num_take(&v, UINT64_MAX - 1, &n))
		return 0;
	if (!view_eq(v, VIEW_LIT(".mdb")) && !view_eq(v, VIEW_LIT(".mdb-lock")))
		return 0;
	return n;
}

typedef void name_fn(int dirfd, const char *name, uint64_t n, void *ctx);

static int
each_view(int dirfd, name_fn *fn, void *ctx)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d;
	struct dirent *e;

	if (fd == -1)
		return -errno;
	if ((d = fdopendir(fd)) == NULL) {
		fd_close(&fd);
		return -errno;
	}
	while ((e = readdir(d)) != NULL)
		if (number_of(e->d_name) != 0)
			fn(dirfd, e->d_name, number_of(e->d_name), ctx);
	closedir(d);
	return 0;
}

static void
note_highest(
    int dirfd A_UNUSED, const char *name A_UNUSED, uint64_t n, void *ctx)
{
	uint64_t *highest = ctx;

	if (n > *highest)
		*highest = n;
}

static void
remove_other(int dirfd, const char *name, uint64_t n, void *ctx)
{
	if (n != *(uint64_t *)ctx)
		(void)!io_unlink(dirfd, name);
}

/* --- the two small files --- */

static int
write_text(int dirfd, const char *name, const char *text, bool sync)
{
	char tmp[32];
	int r;
	AUTO_CLOSE int fd = -1;

	snprintf(tmp, sizeof tmp, "%s.new", name);
	if ((fd = io_create(dirfd, tmp, O_WRONLY | O_TRUNC)) < 0)
		return fd;
	if ((r = io_write_all(fd, view_str(text), 0)) != 0)
		return r;
	if (sync && (r = io_sync(fd, IO_SYNC_CLEAN)) != 0)
		return r;
	return io_rename(dirfd, tmp, name);
}

static bool
read_text(int dirfd, const char *name, char text[TEXT_MAX], uint64_t *inode)
{
	AUTO_CLOSE int fd =
	    openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd == -1 || fstat(fd, &st) != 0)
		return false;
	n = read(fd, text, TEXT_MAX - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	*inode = st.st_ino;
	return true;
}

struct current {
	uint64_t n, inode;
	char boot_id[CLOCK_BOOT_ID_SIZE];
};

/* "<format> <n> <boot>\n" */
static bool
current_read(int dirfd, struct current *c)
{
	char text[TEXT_MAX];
	struct view v;
	uint64_t format;

	if (!read_text(dirfd, CURRENT, text, &c->inode))
		return false;
	v = view_str(text);
	if (!num_take(&v, UINT32_MAX, &format) || format != VDB_FORMAT ||
	    !view_starts(v, VIEW_LIT(" ")))
		return false;
	view_skip(&v, 1);
	if (!num_take(&v, UINT64_MAX - 1, &c->n) ||
	    !view_starts(v, VIEW_LIT(" ")))
		return false;
	view_skip(&v, 1);
	if (v.n < 2 || v.n > sizeof c->boot_id || v.p[v.n - 1] != '\n')
		return false;
	memcpy(c->boot_id, v.p, v.n - 1);
	c->boot_id[v.n - 1] = '\0';
	return true;
}

static int
current_write(struct vdb *v)
{
	char text[TEXT_MAX];
	struct current c;
	int r;

	snprintf(text, sizeof text, "%d %llu %s\n", VDB_FORMAT,
	    (unsigned long long)v->n, v->boot_id);
	if ((r = write_text(v->dirfd, CURRENT, text, false)) != 0)
		return r;
	if (!current_read(v->dirfd, &c))
		return -EIO;
	v->current_inode = c.inode;
	return 0;
}

static bool
clean_is(int dirfd, uint64_t n)
{
	char text[TEXT_MAX], want[TEXT_MAX];
	uint64_t inode;

	snprintf(
	    want, sizeof want, "%d %llu\n", VDB_FORMAT, (unsigned long long)n);
	return read_text(dirfd, CLEAN, text, &inode) && strcmp(text, want) == 0;
}

/* The name of the view, too, must be there after a power cut. */
static int
current_sync(struct vdb *v)
{
	AUTO_CLOSE int fd = openat(
	    v->dirfd, CURRENT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd == -1 ? -errno : io_sync(fd, IO_SYNC_CURRENT);
}

static int
clean_set(struct vdb *v)
{
	char text[TEXT_MAX];
	int r;

	if ((r = current_sync(v)) != 0)
		return r;

	snprintf(text, sizeof text, "%d %llu\n", VDB_FORMAT,
	    (unsigned long long)v->n);
	if ((r = write_text(v->dirfd, CLEAN, text, true)) != 0)
		return r;
	return io_sync_dir(v->dirfd, IO_SYNC_CLEAN_DIR);
}

/* From now on the file is of this boot and no other. The order matters to
 * those who look without the lock: at no moment is a file of another boot
 * trusted that was written in this one. */
static int
clean_withdraw(struct vdb *v)
{
	int r = current_write(v);

	if (r != 0)
		return r;
	if ((r = io_unlink(v->dirfd, CLEAN)) != 0 && r != -ENOENT)
		return r;
	return io_sync_dir(v->dirfd, IO_SYNC_WITHDRAW);
}

/* --- opening --- */

static int
env_open(struct vdb *v, const char *path, unsigned flags, struct why *w)
{
	int dead, rc;

	if ((rc = mdb_env_create(&v->env)) != 0)
		return env_fail(w, rc, "create");
	if ((rc = mdb_env_set_mapsize(v->env, VDB_MAP_SIZE)) != 0 ||
	    (rc = mdb_env_set_maxreaders(v->env, VDB_READERS)) != 0)
		return env_fail(w, rc, "set up");
	/* a SELECT needs a dozen pages here and there, not megabytes round
	 * each; who reads on gets them by read_ahead() */
	rc = mdb_env_open(v->env, path,
	    MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS | MDB_NOMEMINIT |
		MDB_NORDAHEAD | flags,
	    0600);
	if (rc != 0)
		return env_fail(w, rc, path);
	if ((flags & MDB_NOLOCK) == 0)
		mdb_reader_check(v->env, &dead);
	return 0;
}

/* Open by name inside the directory. */
static int
env_open_at(struct vdb *v, struct why *w)
{
	AUTO_CLOSE int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[48];
	int r;

	name_of(v->n, name);
	if (fchdir(v->dirfd) != 0)
		return why(w, -errno, "change into the account's directory");
	r = env_open(v, name, 0, w);
	if (back != -1 && fchdir(back) != 0 && r == 0)
		return why(w, -errno, "change back");
	return r;
}

static struct vdb *
vdb_new(int dirfd, const char *boot_id)
{
	struct vdb *v = xcalloc(1, sizeof *v);

	v->dirfd = dirfd;
	snprintf(v->boot_id, sizeof v->boot_id, "%s", boot_id);
	return v;
}

/* The handle of the one data base; with an empty one, its state. */
static int
dbi_open(struct vdb *v, bool create, struct why *w)
{
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(v->env, NULL, create ? 0 : MDB_RDONLY, &txn);
	if (rc != 0)
		return env_fail(w, rc, "begin");
	if ((rc = mdb_dbi_open(txn, NULL, 0, &v->dbi)) != 0) {
		mdb_txn_abort(txn);
		return env_fail(w, rc, "open");
	}
	if (create) {
		struct vdb_key k = vdb_key(VDB_STATE);
		struct vdb_state s = {
			.modseq = 1, .next_body = 1, .next_mailbox = 2
		};
		MDB_val key = { k.n, k.p }, val = { sizeof s, &s };

		rc = mdb_put(txn, v->dbi, &key, &val, 0);
	}
	if (rc != 0) {
		mdb_txn_abort(txn);
		return env_fail(w, rc, "put");
	}
	if ((rc = mdb_txn_commit(txn)) != 0)
		return env_fail(w, rc, "commit");
	return 0;
}

/* Not cut off by anybody: a page that the file has no longer would end the
 * process. (LMDB need not write a last page that was freed again at once: then
 * the view is made anew for nothing, and that is all.) */
static bool
is_whole(struct vdb *v, const char *name)
{
	MDB_envinfo info;
	MDB_stat pages;
	struct stat st;

	return mdb_env_info(v->env, &info) == 0 &&
	    mdb_env_stat(v->env, &pages) == 0 &&
	    fstatat(v->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (uint64_t)st.st_size / pages.ms_psize > info.me_last_pgno;
}

static int
open_current(struct vdb *v, const char *boot_id, struct why *w)
{
	struct current c;
	struct vdb_txn *t;
	struct stat st;
	char name[48];
	bool trusted_clean;
	int r;

	if (!current_read(v->dirfd, &c))
		return why(w, -ESTALE, "no " CURRENT " of this format");
	trusted_clean = strcmp(c.boot_id, boot_id) != 0;
	if (trusted_clean && !clean_is(v->dirfd, c.n))
		return why(w, -ESTALE, "the view is of another boot");
	v->n = c.n;
	v->current_inode = c.inode;
	name_of(v->n, name);
	if (fstatat(v->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    st.st_size == 0)
		return why(w, -ESTALE, "no %s", name);
	if ((r = env_open_at(v, w)) != 0)
		return r;
	if (!is_whole(v, name))
		return why(w, -ESTALE, "%s is cut off", name);
	if ((r = dbi_open(v, false, w)) != 0)
		return r;
	if ((r = vdb_begin(v, false, &t, w)) != 0)
		return r;
	r = t->state.is_superseded || (trusted_clean && !t->state.is_clean);
	vdb_abort(t);
	return r != 0 ? why(w, -ESTALE, "%s is not valid", name) : 0;
}

int
vdb_open(int dirfd, const char *boot_id, struct vdb **out, struct why *w)
{
	struct vdb *v = vdb_new(dirfd, boot_id);
	int r = open_current(v, boot_id, w);

	if (r != 0)
		vdb_close(&v);
	*out = v;
	return r;
}

int
vdb_create(int dirfd, const char *boot_id, struct vdb **out, struct why *w)
{
	struct vdb *v = vdb_new(dirfd, boot_id);
	int r;

	if ((r = each_view(dirfd, note_highest, &v->n)) == 0) {
		v->n++;
		if ((r = env_open_at(v, w)) == 0)
			r = dbi_open(v, true, w);
	}
	if (r != 0)
		vdb_close(&v);
	*out = v;
	return r;
}

int
vdb_publish(struct vdb *v, struct why *w)
{
	int r = current_write(v);

	if (r != 0)
		return why(w, r, "write " CURRENT);
	return each_view(v->dirfd, remove_other, &v->n);
}

/* from: what it is a copy of; NULL: empty. */
static int
private_make(struct vdb *from, struct vdb **out, struct why *w)
{
	const char *dir = getenv("TMPDIR");
	struct vdb *v = vdb_new(-1, "private");
	char path[300];
	AUTO_CLOSE int fd = -1;
	int r = 0, rc;

	snprintf(path, sizeof path, "%s/fumi-view.XXXXXX",
	    dir != NULL && strlen(dir) < 200 ? dir : "/tmp");
	if ((fd = mkostemp(path, O_CLOEXEC)) == -1)
		r = why(w, -errno, "make %s", path);
	if (r == 0 && from != NULL && (rc = mdb_env_copyfd(from->env, fd)) != 0)
		r = env_fail(w, rc, "copy");
	if (r == 0 && (r = env_open(v, path, MDB_NOLOCK, w)) == 0)
		r = dbi_open(v, from == NULL, w);
	if (fd != -1)
		unlink(path);
	if (r != 0)
		vdb_close(&v);
	*out = v;
	return r;
}

int
vdb_create_private(struct vdb **out, struct why *w)
{
	return private_make(NULL, out, w);
}

int
vdb_copy(struct vdb *v, struct vdb **out, struct why *w)
{
	return private_make(v, out, w);
}

void
vdb_close(struct vdb **v)
{
	if (*v == NULL)
		return;
	vdb_abort(&(*v)->write);
	vdb_abort(&(*v)->read);
	if ((*v)->reader != NULL)
		mdb_txn_abort((*v)->reader);
	if ((*v)->env != NULL)
		mdb_env_close((*v)->env);
	free((*v)->write.told);
	free(*v);
	*v = NULL;
}

bool
vdb_is_current(struct vdb *v)
{
	struct stat st;
	struct current c;

	if (v->dirfd == -1)
		return true;
	if (fstatat(v->dirfd, CURRENT, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	if (st.st_ino == v->current_inode)
		return true;
	if (!current_read(v->dirfd, &c) || c.n != v->n)
		return false;
	v->current_inode = c.inode; /* another boot was written into it */
	return true;
}

void
vdb_supersede(struct vdb *v)
{
	struct vdb_txn *t;

	if (vdb_begin(v, true, &t, NULL) != 0)
		return;
	vdb_state(t)->is_superseded = 1;
	t->state_read.is_clean = 0; /* view.current names its successor now */
	if (vdb_commit(t, NULL) != 0)
		return; /* then they notice when the log grows */
}

int
vdb_settle(struct vdb *v, struct why *w)
{
	struct vdb_txn *t;
	int r, rc;

	if (v->dirfd == -1)
		return 0;
	if ((r = vdb_begin(v, true, &t, w)) != 0)
		return r;
	if (t->state.is_clean) {
		vdb_abort(t);
		return 0;
	}
	t->state.is_clean = 1;
	if ((r = vdb_commit(t, w)) != 0)
		return r;
	if ((rc = mdb_env_sync(v->env, 1)) != 0)
		return env_fail(w, rc, "sync");
	if ((r = clean_set(v)) != 0)
		return why(w, r, "write " CLEAN);
	return 0;
}

/* --- transactions --- */

static void
forget(struct vdb_txn *t)
{
	for (unsigned i = 0; i < VDB_CACHE_MAILBOXES; i++)
		t->mailbox[i].is_valid = t->mailbox[i].is_dirty = false;
	for (unsigned i = 0; i < 2; i++) {
		t->chunk[i].is_valid = t->chunk[i].is_dirty = false;
		t->block[i].is_valid = t->block[i].is_dirty = false;
	}
	t->slots.is_valid = t->slots.is_dirty = false;
	t->n_told = 0;
	t->is_written = false;
	t->why.text[0] = '\0';
}

static int
txn_open(struct vdb *v, struct vdb_txn *t, bool write)
{
	int rc;

	if (write)
		return mdb_txn_begin(v->env, NULL, 0, &t->txn);
	if (v->reader == NULL)
		rc = mdb_txn_begin(v->env, NULL, MDB_RDONLY, &v->reader);
	else
		rc = mdb_txn_renew(v->reader);
	t->txn = rc == 0 ? v->reader : NULL;
	return rc;
}

int
vdb_begin(struct vdb *v, bool write, struct vdb_txn **out, struct why *w)
{
	struct vdb_txn *t = write ? &v->write : &v->read;
	struct vdb_key k = vdb_key(VDB_STATE);
	struct view state = { 0 };
	int r, rc;

	assert(t->txn == NULL);
	*out = NULL;
	t->v = v;
	t->is_write = write;
	forget(t);
	if ((rc = txn_open(v, t, write)) != 0)
		return env_fail(w, rc, "begin");
	r = vdb_get(t, &k, &state);
	if (r == STORE_NOT_FOUND || (r == 0 && state.n != sizeof t->state)) {
		(void)why(&t->why, -ESTALE, "view: no state");
		r = -ESTALE;
	}
	if (r != 0) {
		if (w != NULL)
			*w = t->why;
		vdb_abort(t);
		return r;
	}
	memcpy(&t->state, state.p, sizeof t->state);
	t->state_read = t->state;
	*out = t;
	return 0;
}

void
vdb_abort(struct vdb_txn *t)
{
	if (t == NULL || t->txn == NULL)
		return;
	if (t->is_write)
		mdb_txn_abort(t->txn);
	else
		mdb_txn_reset(t->txn);
	t->txn = NULL;
}

int
vdb_flush(struct vdb_txn *t)
{
	int r;

	if (!t->is_write)
		return 0;
	if ((r = vdb_gone_flush(t)) != 0)
		return r;
	for (unsigned i = 0; i < VDB_CACHE_MAILBOXES; i++)
		if ((r = vdb_mailbox_flush(t, &t->mailbox[i])) != 0)
			return r;
	if ((r = vdb_rows_flush(t)) != 0)
		return r;
	return vdb_bodies_flush(t);
}

static uint64_t
pages_of(const MDB_stat *s)
{
	return s->ms_branch_pages + s->ms_leaf_pages + s->ms_overflow_pages;
}

/* Where the file may end after this change. */
static int
end_of(struct vdb_txn *t, uint64_t *end)
{
	MDB_stat before, now;
	MDB_envinfo info;
	int rc;

	if ((rc = mdb_env_info(t->v->env, &info)) != 0 ||
	    (rc = mdb_env_stat(t->v->env, &before)) != 0 ||
	    (rc = mdb_stat(t->txn, t->v->dbi, &now)) != 0)
		return vdb_fail(t, rc, "measure");
	*end = info.me_last_pgno + 1;
	if (pages_of(&now) > pages_of(&before))
		*end += pages_of(&now) - pages_of(&before);
	*end *= now.ms_psize;
	return 0;
}

int
vdb_reserve(struct vdb_txn *t, struct why *w)
{
	struct vdb *v = t->v;
	uint64_t end = 0, more;
	int r, fd;

	if (v->dirfd == -1)
		return 0;
	if ((r = end_of(t, &end)) != 0)
		return r;
	more = end < VDB_RESERVE_MIN ? VDB_RESERVE_MIN
	    : end > VDB_RESERVE_MAX  ? VDB_RESERVE_MAX
				     : end;
	if (v->allocated >= end + more)
		return 0;
	if (mdb_env_get_fd(v->env, &fd) != 0)
		return -EIO;
	/* a little more, so that not every change asks */
	r = io_allocate(fd, 0, end + more + more / 4);
	if (r == 0) {
		v->allocated = end + more + more / 4;
		return 0;
	}
	if (r == -ENOSPC || r == -EDQUOT)
		r = io_allocate(fd, 0, end + more);
	if (r != 0 && r != -EOPNOTSUPP && r != -ENOSYS)
		return why(w, r, "view: reserve");
	v->allocated = end + more;
	return 0;
}

/* LMDB knows no better of a write that was cut short. */
static int
heed_room(struct vdb *v, int rc)
{
	struct statvfs st;
	int fd;

	if (rc == EIO && mdb_env_get_fd(v->env, &fd) == 0 &&
	    fstatvfs(fd, &st) == 0 && st.f_bavail == 0)
		return ENOSPC;
	return rc;
}

static int
write_all(struct vdb_txn *t)
{
	struct vdb_key k = vdb_key(VDB_STATE);
	int r;

	if ((r = vdb_flush(t)) != 0)
		return r;
	if (memcmp(&t->state, &t->state_read, sizeof t->state) != 0 &&
	    (r = vdb_put(t, &k,
		 (struct view){ (uint8_t *)&t->state, sizeof t->state })) != 0)
		return r;
	return 0;
}

int
vdb_commit(struct vdb_txn *t, struct why *w)
{
	struct vdb *v = t->v;
	int r;

	assert(t->is_write && t->txn != NULL);
	r = write_all(t);
	if (r == 0 && !t->is_written) {
		vdb_abort(t);
		return 0;
	}
	if (r == 0 && t->state_read.is_clean) {
		struct vdb_key k = vdb_key(VDB_STATE);

		t->state.is_clean = 0;
		if ((r = clean_withdraw(v)) != 0)
			why(&t->why, r, "withdraw " CLEAN);
		if (r == 0)
			r = vdb_put(t, &k,
			    (struct view){
				(uint8_t *)&t->state, sizeof t->state });
	}
	if (r == 0) {
		r = vdb_fail(t, heed_room(v, mdb_txn_commit(t->txn)), "commit");
		t->txn = NULL;
	}
	if (r != 0 && w != NULL)
		*w = t->why;
	vdb_abort(t);
	return r;
}

int
vdb_checkpoint(struct vdb_txn *t, struct why *w)
{
	struct vdb *v = t->v;
	struct vdb_txn *again;
	int r = vdb_commit(t, w);

	return r != 0 ? r : vdb_begin(v, true, &again, w);
}

struct vdb_state *
vdb_state(struct vdb_txn *t)
{
	return &t->state;
}

const char *
vdb_error(struct vdb_txn *t)
{
	return t->why.text;
}

/* --- keys and values --- */

struct vdb_key
vdb_key(enum vdb_kind kind)
{
	struct vdb_key k;

	k.n = 1;
	k.p[0] = (uint8_t)kind;
	return k;
}

void
vdb_key_u32(struct vdb_key *k, uint32_t v)
{
	bytes_put32(k->p + k->n, v);
	k->n += 4;
}

void
vdb_key_u64(struct vdb_key *k, uint64_t v)
{
	bytes_put64(k->p + k->n, v);
	k->n += 8;
}

struct vdb_key
vdb_key_in(enum vdb_kind kind, uint32_t mailbox, uint32_t n)
{
	struct vdb_key k = vdb_key(kind);

	vdb_key_u32(&k, mailbox);
	vdb_key_u32(&k, n);
	return k;
}

struct vdb_key
vdb_key_of(enum vdb_kind kind, uint32_t mailbox, uint64_t version)
{
	struct vdb_key k = vdb_key(kind);

	vdb_key_u32(&k, mailbox);
	vdb_key_u64(&k, version);
	return k;
}

static MDB_val
key_val(const struct vdb_key *k)
{
	return (MDB_val){ k->n, (void *)(uintptr_t)k->p };
}

/* Somebody reads much: let the kernel fetch the whole, without waiting. */
static void
read_ahead(struct vdb *v)
{
	int fd;

	if (mdb_env_get_fd(v->env, &fd) == 0)
		(void)posix_fadvise(fd, 0, VDB_READ_AHEAD, POSIX_FADV_WILLNEED);
}

int
vdb_get(struct vdb_txn *t, const struct vdb_key *k, struct view *out)
{
	MDB_val key = key_val(k), val;
	int rc = mdb_get(t->txn, t->v->dbi, &key, &val);

	if (t->v->read_n < VDB_MANY && ++t->v->read_n == VDB_MANY)
		read_ahead(t->v);
	if (rc != 0)
		return vdb_fail(t, rc, "get");
	*out = (struct view){ val.mv_data, val.mv_size };
	return 0;
}

int
vdb_put(struct vdb_txn *t, const struct vdb_key *k, struct view v)
{
	MDB_val key = key_val(k);
	MDB_val val = { v.n, (void *)(uintptr_t)v.p };

	t->is_written = true;
	return vdb_fail(t, mdb_put(t->txn, t->v->dbi, &key, &val, 0), "put");
}

int
vdb_del(struct vdb_txn *t, const struct vdb_key *k)
{
	MDB_val key = key_val(k);
	int rc = mdb_del(t->txn, t->v->dbi, &key, NULL);

	t->is_written = true;
	return rc == MDB_NOTFOUND ? 0 : vdb_fail(t, rc, "delete");
}

int
vdb_walk(struct vdb_txn *t, const struct vdb_key *from, size_t prefix,
    vdb_walk_fn *fn, void *ctx)
{
	MDB_cursor *c;
	MDB_val key = key_val(from), val;
	int r, rc;

	if ((r = vdb_flush(t)) != 0)
		return r;
	if ((rc = mdb_cursor_open(t->txn, t->v->dbi, &c)) != 0)
		return vdb_fail(t, rc, "cursor");
	for (rc = mdb_cursor_get(c, &key, &val, MDB_SET_RANGE); rc == 0;
	     rc = mdb_cursor_get(c, &key, &val, MDB_NEXT)) {
		if (key.mv_size < prefix ||
		    memcmp(key.mv_data, from->p, prefix) != 0)
			break;
		r = fn(ctx, (struct view){ key.mv_data, key.mv_size },
		    (struct view){ val.mv_data, val.mv_size });
		if (r != 0)
			break;
	}
	mdb_cursor_close(c);
	if (r == 0 && rc != 0 && rc != MDB_NOTFOUND)
		r = vdb_fail(t, rc, "walk");
	return r;
}
