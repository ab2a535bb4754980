#include "proc/out_queue.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "proc/out_due.h"
#include "proc/out_item.h"
#include "store/io.h"

/*
 * The order of a directory's entries is what makes this safe: a name appears
 * only when what it stands for is synced, and the message's own name goes first
 * when it is removed, so that a state without message is garbage. All changes go
 * through store/io.h: tests/crash has them fail, and the process die, at each.
 */
#define PIECE (64 * 1024)
#define MAGIC_SIZE 8    /* bytes, in front of the length of the head */
#define FIRST_READ 4096 /* bytes; most heads are shorter */
#define IDS_MAX (1u << 22)
#define LOCK_AGAIN_MS 20
#define NAME_MAX_ (MSG_OUT_ID_MAX + 8)
#define SUM_SIZE 4 /* bytes, behind the octets */

struct out_queue {
	int dir;
	struct out_items items;
	size_t count;
	struct hash *ids;
	struct out_due due;
	struct out_seen *seen;
	int lock;    /* the directory once more, locked */
	bool synced; /* its entries are, as they were when it was opened */
};

/* ---- small things ---- */

static void
name_of(const char *id, const char *ext, char out[NAME_MAX_])
{
	(void)snprintf(out, NAME_MAX_, "%s.%s", id, ext);
}

static bool
is_id(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') ||
			(v.p[i] >= 'a' && v.p[i] <= 'z')))
			return false;
	return v.n > 0 && v.n <= MSG_OUT_ID_MAX;
}

static int
write_state(const struct out_queue *q, const char *tmp, const struct buf *b,
    struct why *w)
{
	AUTO_CLOSE int fd = io_create(q->dir, tmp, O_WRONLY | O_TRUNC);
	int r;

	if (fd < 0)
		return why(w, fd, "open %s", tmp);
	if ((r = io_write_all(fd, buf_view(b), 0)) != 0)
		return why(w, r, "write %s", tmp);
	r = io_sync(fd, IO_SYNC_OUT_AT);
	return r == 0 ? 0 : why(w, r, "sync %s", tmp);
}

/* All of b becomes ID.s, for good. */
static int
replace_state(const struct out_queue *q, const char *id, const struct buf *b,
    struct why *w)
{
	char tmp[NAME_MAX_], name[NAME_MAX_];
	int r;

	name_of(id, "snew", tmp);
	name_of(id, "s", name);
	r = write_state(q, tmp, b, w);
	if (r == 0 && (r = io_rename(q->dir, tmp, name)) != 0)
		(void)why(w, r, "rename %s", name);
	if (r != 0) {
		(void)!io_unlink(q->dir, tmp);
		return r;
	}
	r = io_sync_dir(q->dir, IO_SYNC_OUT_AT_DIR);
	return r == 0 ? 0 : why(w, r, "sync the queue");
}

static bool
is_zero(const uint8_t key[MSG_OUT_KEY_SIZE])
{
	static const uint8_t zero[MSG_OUT_KEY_SIZE];

	return memcmp(key, zero, sizeof(zero)) == 0;
}

/* ---- what was taken ---- */

bool
out_queue_seen(struct out_queue *q, struct view account,
    const uint8_t key[MSG_OUT_KEY_SIZE])
{
	return out_seen_again(q->seen, account, key, clock_wall_s());
}

int
out_queue_done(
    struct out_queue *q, struct view account, struct view keys, struct why *w)
{
	int r = out_seen_done(q->seen, account, keys);

	return r == 0 ? 0 : why(w, r, "write down what is done");
}

const struct out_seen *
out_queue_taken(const struct out_queue *q)
{
	return q->seen;
}

/* A queue without the file is new, and its own name may not be on the disk yet.
 */
static int
open_seen(struct out_queue *q, int64_t now, struct why *w)
{
	const struct out_item *i;

	if (faccessat(q->dir, "seen", F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
	    syncfs(q->lock) != 0)
		return why(w, -errno, "sync the queue's name");
	q->seen = out_seen_open(q->dir, now);
	TAILQ_FOREACH (i, &q->items, link)
		if (!is_zero(i->key) &&
		    !out_seen_has(q->seen, i->account, i->key, now))
			out_seen_add(q->seen, i->account, i->key, i->kind,
			    i->created_s, now);
	return 0;
}

/* Everything but its place among the others. */
static void
count_in(struct out_queue *q, struct out_item *i)
{
	bool new = hash_put(q->ids, view_str(i->id), i);

	assert(new);
	out_due_set(&q->due, i, i->next_s);
	q->count++;
}

static void
insert(struct out_queue *q, struct out_item *i)
{
	struct out_item *at = TAILQ_LAST(&q->items, out_items);

	while (at != NULL && strcmp(at->id, i->id) > 0)
		at = TAILQ_PREV(at, out_items, link);
	if (at == NULL)
		TAILQ_INSERT_HEAD(&q->items, i, link);
	else
		TAILQ_INSERT_AFTER(&q->items, at, i, link);
	count_in(q, i);
}

/* ---- state ---- */

/* Without it, or when it is broken, nothing has been tried. */
static void
read_state(const struct out_queue *q, struct out_item *i)
{
	char name[NAME_MAX_];
	uint8_t p[OUT_ITEM_STATE_MAX];
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	name_of(i->id, "s", name);
	fd = openat(q->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd != -1 && (n = read(fd, p, sizeof(p))) > 0)
		(void)!out_item_get_state(i, (struct view){ p, (size_t)n });
}

int
out_queue_note(struct out_queue *q, struct out_item *i, struct why *w)
{
	AUTO_BUF struct buf b = BUF_INIT(OUT_ITEM_STATE_MAX);

	out_item_put_state(&b, i);
	assert(!b.failed);
	return replace_state(q, i->id, &b, w);
}

/* ---- opening ---- */

static bool
right_size(int fd, const struct out_item *i)
{
	struct stat st;

	return fstat(fd, &st) == 0 && i->size <= INT64_MAX &&
	    (uint64_t)st.st_size ==
	    i->offset + i->size + (i->summed ? SUM_SIZE : 0);
}

/* As much of the file as the head needs; its length, or negative errno. */
static ssize_t
read_start(int fd, uint8_t p[OUT_ITEM_START_MAX])
{
	ssize_t n = pread(fd, p, FIRST_READ, 0);
	struct wire w;

	if (n == FIRST_READ) {
		w = wire_read((struct view){ p + MAGIC_SIZE, 4 });
		if (wire_u32(&w) + 16 > FIRST_READ)
			n = pread(fd, p, OUT_ITEM_START_MAX, 0);
	}
	return n == -1 ? -errno : n;
}

/* 0, -EBADMSG: it is damaged, or another negative errno. */
static int
read_item(const struct out_queue *q, const char *id, const char *name,
    struct out_item **out)
{
	AUTO_CLOSE int fd =
	    openat(q->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_FREE uint8_t *p = xmalloc(OUT_ITEM_START_MAX);
	ssize_t n = fd == -1 ? -errno : read_start(fd, p);

	if (n == -EIO || n == -ELOOP)
		return -EBADMSG;
	if (n < 0)
		return (int)n;
	*out = out_item_get(id, (struct view){ p, (size_t)n });
	if (*out == NULL)
		return -EBADMSG;
	if (right_size(fd, *out))
		return 0;
	out_item_free(out);
	return -EBADMSG;
}

static int
set_aside(const struct out_queue *q, const char *id)
{
	char name[NAME_MAX_], to[NAME_MAX_];

	name_of(id, "m", name);
	name_of(id, "bad", to);
	return io_rename(q->dir, name, to);
}

/* One entry of the directory; the states are read with their messages. */
static void
look_at(struct out_queue *q, const char *name, size_t *bad)
{
	const char *dot = strchr(name, '.');
	char id[MSG_OUT_ID_MAX + 1];
	struct out_item *i;
	size_t n;
	int r;

	if (dot == NULL || (n = (size_t)(dot - name)) > MSG_OUT_ID_MAX ||
	    !is_id((struct view){ (const uint8_t *)name, n }))
		return;
	if (strcmp(dot, ".new") == 0 || strcmp(dot, ".snew") == 0) {
		(void)!io_unlink(q->dir, name);
		return;
	}
	if (strcmp(dot, ".m") != 0)
		return;
	memcpy(id, name, n);
	id[n] = '\0';
	if ((r = read_item(q, id, name, &i)) == 0) {
		read_state(q, i);
		TAILQ_INSERT_TAIL(&q->items, i, link);
		count_in(q, i);
		return;
	}
	/* what cannot be read just now is left for the next start */
	if (r == -EBADMSG)
		(void)!set_aside(q, id);
	++*bad;
}

static int
by_id(const void *a, const void *b)
{
	const struct out_item *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* A directory has no order. */
static void
sort_items(struct out_queue *q)
{
	AUTO_FREE struct out_item **v = xcalloc(q->count + 1, sizeof(*v));
	size_t n = 0;
	struct out_item *i;

	while ((i = TAILQ_FIRST(&q->items)) != NULL) {
		TAILQ_REMOVE(&q->items, i, link);
		v[n++] = i;
	}
	qsort(v, n, sizeof(*v), by_id);
	for (size_t k = 0; k < n; k++)
		TAILQ_INSERT_TAIL(&q->items, v[k], link);
}

/* Is it sure that the messages of before are gone? One that came back after its
 * state went would be sent again to who has it. */
static bool
gone_for_good(struct out_queue *q)
{
	if (!q->synced)
		q->synced = io_sync_dir(q->dir, IO_SYNC_OUT_GONE) == 0;
	return q->synced;
}

/* A state whose message is gone. */
static void
sweep_one(struct out_queue *q, const char *name)
{
	size_t n = strlen(name);

	if (n > 2 && strcmp(name + n - 2, ".s") == 0 &&
	    out_queue_find(q, (struct view){ (const uint8_t *)name, n - 2 }) ==
		NULL &&
	    gone_for_good(q))
		(void)!io_unlink(q->dir, name);
}

static int
each_name(struct out_queue *q, bool sweep, size_t *bad, struct why *w)
{
	int fd = openat(q->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (d == NULL) {
		fd_close(&fd);
		return why(w, -errno, "open the queue");
	}
	while ((e = readdir(d)) != NULL) {
		if (sweep)
			sweep_one(q, e->d_name);
		else
			look_at(q, e->d_name, bad);
	}
	(void)closedir(d);
	return 0;
}

/* Nobody else may have the queue. A descriptor of our own: one that was
 * inherited by others would keep the lock as long as they live. */
static int
lock(struct out_queue *q, struct why *w)
{
	uint64_t end = clock_mono_ms() + OUT_QUEUE_LOCK_MS;

	q->lock = openat(q->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (q->lock == -1)
		return why(w, -errno, "open the queue");
	while (flock(q->lock, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return why(w, -errno, "lock the queue");
		if (clock_mono_ms() >= end)
			return why(w, -EBUSY, "another has the queue");
		(void)poll(NULL, 0, LOCK_AGAIN_MS);
	}
	return 0;
}

static int
open_all(struct out_queue *q, int64_t now, size_t *bad, struct why *w)
{
	int r;

	if ((r = lock(q, w)) != 0 || (r = each_name(q, false, bad, w)) != 0 ||
	    (r = each_name(q, true, bad, w)) != 0)
		return r;
	sort_items(q);
	return open_seen(q, now, w);
}

int
out_queue_open(
    int dir, int64_t now, struct out_queue **out, size_t *bad, struct why *w)
{
	struct out_queue *q = xcalloc(1, sizeof(*q));
	int r;

	q->dir = dir;
	q->lock = -1;
	q->ids = hash_new(IDS_MAX);
	TAILQ_INIT(&q->items);
	*bad = 0;
	if ((r = open_all(q, now, bad, w)) != 0) {
		out_queue_free(&q);
		return r;
	}
	*out = q;
	return 0;
}

void
out_queue_free(struct out_queue **q)
{
	struct out_item *i;

	if (*q == NULL)
		return;
	while ((i = TAILQ_FIRST(&(*q)->items)) != NULL) {
		TAILQ_REMOVE(&(*q)->items, i, link);
		out_item_free(&i);
	}
	out_seen_free(&(*q)->seen);
	out_due_fini(&(*q)->due);
	hash_free(&(*q)->ids);
	fd_close(&(*q)->lock);
	free(*q);
	*q = NULL;
}

/* ---- use ---- */

struct out_items *
out_queue_items(struct out_queue *q)
{
	return &q->items;
}

size_t
out_queue_count(const struct out_queue *q)
{
	return q->count;
}

struct out_item *
out_queue_find(struct out_queue *q, struct view id)
{
	return hash_get(q->ids, id);
}

struct out_item *
out_queue_first(const struct out_queue *q)
{
	return out_due_first(&q->due);
}

void
out_queue_schedule(struct out_queue *q, struct out_item *i, int64_t next_s)
{
	i->busy = false;
	out_due_set(&q->due, i, next_s);
}

void
out_queue_hold(struct out_queue *q, struct out_item *i)
{
	i->busy = true;
	out_due_del(&q->due, i);
}

/* Sorts by time; two of one microsecond differ by chance. */
static void
new_id(struct out_queue *q, char out[MSG_OUT_ID_MAX + 1])
{
	do {
		uint64_t us = (uint64_t)clock_wall_us() & 0xfffffffffffffull;

		(void)snprintf(out, MSG_OUT_ID_MAX + 1, "%013llx%04x",
		    (unsigned long long)us, (unsigned)random_below(65536));
	} while (out_queue_find(q, view_str(out)) != NULL);
}

/* With the sum of them behind. */
static int
copy(int from, int to, uint64_t offset, uint64_t size)
{
	AUTO_FREE uint8_t *p = xmalloc(PIECE);
	uint8_t sum[SUM_SIZE];
	uint32_t crc = 0;

	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
		struct view v = { p, n };
		int r = fd_pread(from, p, n, at);

		if (r == 0)
			r = io_write_all(to, v, offset + at);
		if (r != 0)
			return r;
		crc = crc32c(crc, v);
		at += n;
	}
	for (unsigned k = 0; k < SUM_SIZE; k++)
		sum[k] = (uint8_t)(crc >> (24 - 8 * k));
	return io_write_all(to, (struct view){ sum, SUM_SIZE }, offset + size);
}

static int
write_new(struct out_queue *q, const char *tmp, const struct buf *head, int fd,
    uint64_t size, struct why *w)
{
	AUTO_CLOSE int to = io_create(q->dir, tmp, O_WRONLY | O_TRUNC);
	int r;

	if (to < 0)
		return why(w, to, "open %s", tmp);
	if ((r = io_write_all(to, buf_view(head), 0)) != 0 ||
	    (r = copy(fd, to, head->n, size)) != 0)
		return why(w, r, "write %s", tmp);
	r = io_sync(to, IO_SYNC_OUT);
	return r == 0 ? 0 : why(w, r, "sync %s", tmp);
}

static int
put_in_place(struct out_queue *q, const char *id, const struct buf *head,
    int fd, uint64_t size, struct why *w)
{
	char tmp[NAME_MAX_], name[NAME_MAX_];
	int r;

	name_of(id, "new", tmp);
	name_of(id, "m", name);
	r = write_new(q, tmp, head, fd, size, w);
	if (r == 0 && (r = io_rename(q->dir, tmp, name)) != 0)
		(void)why(w, r, "rename %s", name);
	if (r != 0) {
		(void)!io_unlink(q->dir, tmp);
		return r;
	}
	if ((r = io_sync_dir(q->dir, IO_SYNC_OUT_DIR)) == 0)
		return 0;
	(void)!io_unlink(q->dir, name);
	return why(w, r, "sync the queue");
}

int
out_queue_add(struct out_queue *q, const char *id,
    const struct msg_out_submit *m, int fd, uint64_t max, int64_t now,
    struct out_item **out, struct why *w)
{
	AUTO_BUF struct buf head = BUF_INIT(OUT_ITEM_START_MAX);
	char fresh[MSG_OUT_ID_MAX + 1];
	struct stat st;
	int r;

	if (id != NULL && (*out = out_queue_find(q, view_str(id))) != NULL)
		return 0;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0)
		return why(w, -EINVAL, "the message is no file");
	if ((uint64_t)st.st_size > max)
		return why(w, -EFBIG, "the message is too large");
	if (id == NULL) {
		new_id(q, fresh);
		id = fresh;
	}
	assert(is_id(view_str(id)));
	out_item_put(&head, m, now, (uint64_t)st.st_size);
	if ((r = put_in_place(q, id, &head, fd, (uint64_t)st.st_size, w)) != 0)
		return r;
	*out = out_item_get(id, buf_view(&head));
	assert(*out != NULL);
	insert(q, *out);
	if (m->account.n > 0)
		out_seen_add(q->seen, m->account, m->key, m->kind, now, now);
	return 0;
}

static void
forget(struct out_queue *q, struct out_item **i)
{
	(void)hash_del(q->ids, view_str((*i)->id));
	out_due_del(&q->due, *i);
	TAILQ_REMOVE(&q->items, *i, link);
	q->count--;
	out_item_free(i);
}

int
out_queue_remove(struct out_queue *q, struct out_item **i, struct why *w)
{
	char name[NAME_MAX_];
	int r;

	name_of((*i)->id, "m", name);
	r = io_unlink(q->dir, name);
	if (r != 0 && r != -ENOENT)
		return why(w, r, "remove %s", name);
	if ((r = io_sync_dir(q->dir, IO_SYNC_OUT_GONE)) != 0)
		return why(w, r, "sync the queue");
	name_of((*i)->id, "s", name);
	(void)!io_unlink(q->dir, name);
	forget(q, i);
	return 0;
}

void
out_queue_set_aside(struct out_queue *q, struct out_item **i)
{
	char name[NAME_MAX_];

	(void)!set_aside(q, (*i)->id);
	name_of((*i)->id, "s", name);
	(void)!io_unlink(q->dir, name);
	forget(q, i);
}

int
out_queue_message(const struct out_queue *q, const struct out_item *i)
{
	char name[NAME_MAX_];
	int fd;

	name_of(i->id, "m", name);
	fd = openat(q->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd == -1 ? -errno : fd;
}

int
out_queue_check(const struct out_item *i, int fd)
{
	AUTO_FREE uint8_t *p = xmalloc(PIECE);
	uint8_t sum[SUM_SIZE];
	uint32_t crc = 0;
	struct wire w;
	int r;

	if (!i->summed)
		return 0;
	for (uint64_t at = 0; at < i->size;) {
		size_t n =
		    i->size - at < PIECE ? (size_t)(i->size - at) : PIECE;

		if ((r = fd_pread(fd, p, n, i->offset + at)) != 0)
			return r == -ENODATA ? -EBADMSG : r;
		crc = crc32c(crc, (struct view){ p, n });
		at += n;
	}
	if ((r = fd_pread(fd, sum, SUM_SIZE, i->offset + i->size)) != 0)
		return r == -ENODATA ? -EBADMSG : r;
	w = wire_read((struct view){ sum, SUM_SIZE });
	return wire_u32(&w) == crc ? 0 : -EBADMSG;
}
