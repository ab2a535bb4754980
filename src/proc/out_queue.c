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
#include "base/digest.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

/*
 * The order of a directory's entries is what makes this safe: a name appears
 * only when what it stands for is synced, and the message's own name goes first
 * when it is removed, so that a state without message is garbage.
 */
#define MAGIC VIEW_LIT("fumiout1")
#define MAGIC_STATE VIEW_LIT("fumiost1")
#define PIECE (64 * 1024)
#define LOCK_AGAIN_MS 20
#define SEEN_RECORD (8 + MSG_OUT_KEY_SIZE)
#define NAME_MAX_ (MSG_OUT_ID_MAX + 8)

struct seen {
	uint8_t key[MSG_OUT_KEY_SIZE]; /* of account and key together */
	int64_t at_s;
};

struct out_queue {
	int dir;
	struct out_items items;
	size_t count;
	struct hash *seen;
	int seen_fd;
	int lock; /* the directory once more, locked */
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

void
out_recipient_text(struct out_recipient *r, struct view text)
{
	size_t n = text.n < OUT_QUEUE_TEXT_MAX ? text.n : OUT_QUEUE_TEXT_MAX;

	for (size_t i = 0; i < n; i++)
		r->text[i] =
		    text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
	r->text_n = (uint8_t)n;
}
_Static_assert(OUT_QUEUE_TEXT_MAX <= UINT8_MAX, "its length is a byte");

/* Write all of b into a new file and rename it, both for good. */
static int
replace(const struct out_queue *q, const char *id, const char *ext,
    const struct buf *b, struct why *w)
{
	char tmp[NAME_MAX_], name[NAME_MAX_];
	AUTO_CLOSE int fd = -1;
	int r;

	name_of(id, "snew", tmp);
	name_of(id, ext, name);
	fd = openat(q->dir, tmp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return why(w, -errno, "open %s", tmp);
	if ((r = fd_write(fd, buf_view(b))) != 0)
		return why(w, r, "write %s", tmp);
	if (fsync(fd) != 0)
		return why(w, -errno, "sync %s", tmp);
	if (renameat(q->dir, tmp, q->dir, name) != 0)
		return why(w, -errno, "rename %s", name);
	return fsync(q->dir) == 0 ? 0 : why(w, -errno, "sync the queue");
}

/* ---- keys ---- */

static bool
no_key(const uint8_t key[MSG_OUT_KEY_SIZE])
{
	static const uint8_t zero[MSG_OUT_KEY_SIZE];

	return memcmp(key, zero, sizeof(zero)) == 0;
}

static void
whole_key(struct view account, const uint8_t key[MSG_OUT_KEY_SIZE],
    uint8_t out[MSG_OUT_KEY_SIZE])
{
	uint8_t sum[DIGEST_SHA256_SIZE];
	struct digest_sha256 d;

	digest_sha256_init(&d);
	digest_sha256_add(&d, (struct view){ key, MSG_OUT_KEY_SIZE });
	digest_sha256_add(&d, account);
	digest_sha256_end(&d, sum);
	memcpy(out, sum, MSG_OUT_KEY_SIZE);
}

static struct view
seen_key(const struct seen *s)
{
	return (struct view){ s->key, sizeof(s->key) };
}

/* Those that are too old make room. */
static void
forget_old(struct out_queue *q, int64_t now)
{
	struct seen *s, *old[256];
	size_t at = 0, n = 0;

	while (n < sizeof(old) / sizeof(old[0]) &&
	    (s = hash_next(q->seen, &at)) != NULL)
		if (s->at_s + OUT_QUEUE_SEEN_S <= now)
			old[n++] = s;
	for (size_t i = 0; i < n; i++) {
		(void)hash_del(q->seen, seen_key(old[i]));
		free(old[i]);
	}
}

/* False: it is not news, or there is no room. */
static bool
keep_seen(struct out_queue *q, const uint8_t key[MSG_OUT_KEY_SIZE],
    int64_t at_s, int64_t now)
{
	struct seen *s =
	    hash_get(q->seen, (struct view){ key, MSG_OUT_KEY_SIZE });

	if (s != NULL) { /* perhaps from long ago */
		if (s->at_s >= at_s)
			return false;
		s->at_s = at_s;
		return true;
	}
	s = xcalloc(1, sizeof(*s));
	memcpy(s->key, key, sizeof(s->key));
	s->at_s = at_s;
	if (hash_count(q->seen) >= OUT_QUEUE_SEEN_MAX)
		forget_old(q, now);
	if (hash_put(q->seen, seen_key(s), s))
		return true;
	free(s);
	return false;
}

static void
put_seen(struct buf *b, const struct seen *s)
{
	wire_put_u64(b, (uint64_t)s->at_s);
	buf_put(b, seen_key(s));
}

bool
out_queue_seen(struct out_queue *q, struct view account,
    const uint8_t key[MSG_OUT_KEY_SIZE])
{
	uint8_t whole[MSG_OUT_KEY_SIZE];
	const struct seen *s;

	if (no_key(key))
		return false;
	whole_key(account, key, whole);
	s = hash_get(q->seen, (struct view){ whole, sizeof(whole) });
	return s != NULL && s->at_s + OUT_QUEUE_SEEN_S > clock_wall_s();
}

static void
note_seen(struct out_queue *q, const struct out_item *i, int64_t now)
{
	AUTO_BUF struct buf b = BUF_INIT(SEEN_RECORD);
	uint8_t whole[MSG_OUT_KEY_SIZE];
	const struct seen *s;

	if (no_key(i->key))
		return;
	whole_key(i->account, i->key, whole);
	if (!keep_seen(q, whole, i->created_s, now) || q->seen_fd == -1)
		return;
	s = hash_get(q->seen, (struct view){ whole, sizeof(whole) });
	put_seen(&b, s);
	if (fd_write(q->seen_fd, buf_view(&b)) != 0)
		fd_close(&q->seen_fd); /* nothing behind half a record */
}

/* False: there is something in the file that is not wanted any more. */
static bool
read_seen(struct out_queue *q, int64_t now)
{
	AUTO_CLOSE int fd =
	    openat(q->dir, "seen", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_FREE uint8_t *p = xmalloc(SEEN_RECORD * 1024);
	bool all = fd != -1;
	ssize_t n;

	/* a torn record at the end belongs to nothing any more */
	while (fd != -1 && (n = read(fd, p, SEEN_RECORD * 1024)) > 0) {
		struct wire w = wire_read((struct view){ p, (size_t)n });

		while (w.in.n >= SEEN_RECORD) {
			int64_t at = (int64_t)wire_u64(&w);
			struct view key = wire_raw(&w, MSG_OUT_KEY_SIZE);

			all = at + OUT_QUEUE_SEEN_S > now &&
			    keep_seen(q, key.p, at, now) && all;
		}
		all = all && w.in.n == 0;
	}
	return all;
}

/* Synced before it gets its name, or a power cut would forget all of a day; -1:
 * it cannot be written. */
static int
rewrite_seen(const struct out_queue *q)
{
	AUTO_BUF struct buf b = BUF_INIT(SEEN_RECORD * OUT_QUEUE_SEEN_MAX);
	AUTO_CLOSE int fd = openat(q->dir, "seen.new",
	    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	const struct seen *s;
	size_t at = 0;

	while ((s = hash_next(q->seen, &at)) != NULL)
		put_seen(&b, s);
	if (fd == -1 || fd_write(fd, buf_view(&b)) != 0 || fsync(fd) != 0 ||
	    renameat(q->dir, "seen.new", q->dir, "seen") != 0)
		return -1;
	return fd_take(&fd);
}

/* Records are appended; those that are too old go when it is opened. A queue
 * without the file is new, and its own name may not be on the disk yet. */
static int
open_seen(struct out_queue *q, int64_t now, struct why *w)
{
	if (faccessat(q->dir, "seen", F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
	    syncfs(q->lock) != 0)
		return why(w, -errno, "sync the queue's name");
	if (read_seen(q, now))
		q->seen_fd = openat(q->dir, "seen",
		    O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	else
		q->seen_fd = rewrite_seen(q);
	return 0;
}

/* ---- heads ---- */

static void
put_head(
    struct buf *b, const struct msg_out_submit *m, int64_t now, uint64_t size)
{
	struct view rest = m->packed, v;

	wire_put_u64(b, (uint64_t)now);
	wire_put_u64(b, size);
	wire_put_u8(b, m->kind);
	wire_put_bytes(b, m->account);
	wire_put_bytes(b, m->sender);
	buf_put(b, (struct view){ m->key, sizeof(m->key) });
	wire_put_u32(b, m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		if (m->to != NULL)
			v = m->to[i];
		else if (!msg_out_next(&rest, &v))
			break;
		wire_put_bytes(b, v);
	}
}

static bool
get_recipients(struct wire *w, struct out_item *i)
{
	i->n = wire_u32(w);
	if (!w->ok || i->n < 1 || i->n > MSG_OUT_RECIPIENTS_MAX)
		return false;
	i->to = xcalloc(i->n, sizeof(*i->to));
	for (uint32_t k = 0; k < i->n; k++) {
		i->to[k].address = wire_bytes(w, MSG_OUT_ADDRESS_MAX);
		if (!w->ok || !msg_out_address_ok(i->to[k].address))
			return false;
	}
	return wire_end(w);
}

static void
free_item(struct out_item *i)
{
	free(i->to);
	free(i);
}

/* NULL: it is no head. */
static struct out_item *
get_head(const char *id, struct view head)
{
	struct out_item *i = xcalloc(1, sizeof(*i) + head.n);
	struct wire w;
	struct view key;

	memcpy(i->head, head.p, head.n);
	(void)snprintf(i->id, sizeof(i->id), "%s", id);
	w = wire_read((struct view){ i->head, head.n });
	i->created_s = i->next_s = (int64_t)wire_u64(&w);
	i->size = wire_u64(&w);
	i->kind = wire_u8(&w);
	i->account = wire_bytes(&w, MSG_ACCOUNT_MAX);
	i->sender = wire_bytes(&w, MSG_OUT_ADDRESS_MAX);
	key = wire_raw(&w, MSG_OUT_KEY_SIZE);
	if (key.n == MSG_OUT_KEY_SIZE)
		memcpy(i->key, key.p, key.n);
	if (!get_recipients(&w, i) || msg_out_kind_name(i->kind) == NULL) {
		free_item(i);
		return NULL;
	}
	return i;
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
	q->count++;
}

/* ---- state ---- */

static void
put_state(struct buf *b, const struct out_item *i)
{
	buf_put(b, MAGIC_STATE);
	wire_put_u32(b, i->attempts);
	wire_put_u64(b, (uint64_t)i->next_s);
	wire_put_u32(b, i->n);
	for (uint32_t k = 0; k < i->n; k++) {
		const struct out_recipient *r = &i->to[k];

		wire_put_u8(b, r->state);
		wire_put_u16(b, r->code);
		wire_put_bytes(b, (struct view){ r->text, r->text_n });
	}
	wire_put_u32(b, crc32c(0, buf_view(b)));
}

static bool
get_states(struct wire *w, struct out_item *i)
{
	uint32_t attempts = wire_u32(w);
	int64_t next = (int64_t)wire_u64(w);

	if (wire_u32(w) != i->n)
		return false;
	for (uint32_t k = 0; k < i->n && w->ok; k++) {
		i->to[k].state = wire_u8(w);
		i->to[k].code = wire_u16(w);
		out_recipient_text(
		    &i->to[k], wire_bytes(w, OUT_QUEUE_TEXT_MAX));
		if (i->to[k].state > OUT_TOLD)
			return false;
	}
	if (!wire_end(w))
		return false;
	i->attempts = attempts;
	i->next_s = next;
	return true;
}

static void
forget_states(struct out_item *i)
{
	for (uint32_t k = 0; k < i->n; k++) {
		i->to[k].state = OUT_WAITING;
		i->to[k].code = 0;
		i->to[k].text_n = 0;
	}
}

#define STATE_MAX                                                              \
	(64 + MSG_OUT_RECIPIENTS_MAX * (8 + OUT_QUEUE_TEXT_MAX)) /* bytes */

static void
read_state(const struct out_queue *q, struct out_item *i)
{
	char name[NAME_MAX_];
	uint8_t p[STATE_MAX];
	AUTO_CLOSE int fd = -1;
	struct view v;
	struct wire w, sum;
	ssize_t n;

	name_of(i->id, "s", name);
	fd = openat(q->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 || (n = read(fd, p, sizeof(p))) < 12)
		return;
	v = (struct view){ p, (size_t)n - 4 };
	sum = wire_read((struct view){ p + v.n, 4 });
	if (wire_u32(&sum) != crc32c(0, v) || !view_starts(v, MAGIC_STATE))
		return;
	view_skip(&v, MAGIC_STATE.n);
	w = wire_read(v);
	if (!get_states(&w, i))
		forget_states(i);
}

int
out_queue_note(struct out_queue *q, struct out_item *i, struct why *w)
{
	AUTO_BUF struct buf b = BUF_INIT(STATE_MAX);

	put_state(&b, i);
	assert(!b.failed);
	return replace(q, i->id, "s", &b, w);
}

/* ---- opening ---- */

static bool
right_size(int fd, const struct out_item *i)
{
	struct stat st;

	return fstat(fd, &st) == 0 && i->size <= INT64_MAX &&
	    (uint64_t)st.st_size == i->offset + i->size;
}

/* NULL: it cannot be read. */
static struct out_item *
read_item(const struct out_queue *q, const char *id, const char *name)
{
	AUTO_CLOSE int fd =
	    openat(q->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_FREE uint8_t *p = xmalloc(OUT_QUEUE_HEAD_MAX + 16);
	struct view v = { p, 0 };
	struct out_item *i;
	struct wire w;
	uint32_t n, sum;
	ssize_t got;

	if (fd == -1 || (got = pread(fd, p, OUT_QUEUE_HEAD_MAX + 16, 0)) < 12)
		return NULL;
	v.n = (size_t)got;
	if (!view_starts(v, MAGIC))
		return NULL;
	view_skip(&v, MAGIC.n);
	w = wire_read(v);
	n = wire_u32(&w);
	v = n <= OUT_QUEUE_HEAD_MAX ? wire_raw(&w, n) : (struct view){ p, 0 };
	sum = wire_u32(&w);
	if (!w.ok || v.n == 0 || sum != crc32c(0, v) ||
	    (i = get_head(id, v)) == NULL)
		return NULL;
	i->offset = MAGIC.n + 4 + v.n + 4;
	if (right_size(fd, i))
		return i;
	free_item(i);
	return NULL;
}

static void
set_aside(struct out_queue *q, const char *id, const char *name, size_t *bad)
{
	char to[NAME_MAX_];

	name_of(id, "bad", to);
	(void)renameat(q->dir, name, q->dir, to);
	++*bad;
}

/* One entry of the directory; the states are read with their messages. */
static void
look_at(struct out_queue *q, const char *name, size_t *bad)
{
	const char *dot = strchr(name, '.');
	char id[MSG_OUT_ID_MAX + 1];
	struct out_item *i;
	size_t n;

	if (dot == NULL || (n = (size_t)(dot - name)) > MSG_OUT_ID_MAX ||
	    !is_id((struct view){ (const uint8_t *)name, n }))
		return;
	if (strcmp(dot, ".new") == 0 || strcmp(dot, ".snew") == 0) {
		(void)unlinkat(q->dir, name, 0);
		return;
	}
	if (strcmp(dot, ".m") != 0)
		return;
	memcpy(id, name, n);
	id[n] = '\0';
	if ((i = read_item(q, id, name)) == NULL) {
		set_aside(q, id, name, bad);
		return;
	}
	read_state(q, i);
	insert(q, i);
}

/* A state whose message is gone. */
static void
sweep_one(struct out_queue *q, const char *name)
{
	size_t n = strlen(name);

	if (n > 2 && strcmp(name + n - 2, ".s") == 0 &&
	    out_queue_find(q, (struct view){ (const uint8_t *)name, n - 2 }) ==
		NULL)
		(void)unlinkat(q->dir, name, 0);
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

int
out_queue_open(
    int dir, int64_t now, struct out_queue **out, size_t *bad, struct why *w)
{
	struct out_queue *q = xcalloc(1, sizeof(*q));
	const struct out_item *i;
	int r;

	q->dir = dir;
	q->seen_fd = -1;
	q->lock = -1;
	q->seen = hash_new(OUT_QUEUE_SEEN_MAX);
	TAILQ_INIT(&q->items);
	*bad = 0;
	if ((r = lock(q, w)) != 0 || (r = each_name(q, false, bad, w)) != 0 ||
	    (r = each_name(q, true, bad, w)) != 0) {
		out_queue_free(&q);
		return r;
	}
	if ((r = open_seen(q, now, w)) != 0) {
		out_queue_free(&q);
		return r;
	}
	TAILQ_FOREACH (i, &q->items, link)
		note_seen(q, i, now);
	*out = q;
	return 0;
}

void
out_queue_free(struct out_queue **q)
{
	struct out_item *i;
	struct seen *s;
	size_t at = 0;

	if (*q == NULL)
		return;
	while ((i = TAILQ_FIRST(&(*q)->items)) != NULL) {
		TAILQ_REMOVE(&(*q)->items, i, link);
		free_item(i);
	}
	while ((s = hash_next((*q)->seen, &at)) != NULL)
		free(s);
	hash_free(&(*q)->seen);
	fd_close(&(*q)->seen_fd);
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
	struct out_item *i;

	TAILQ_FOREACH (i, &q->items, link)
		if (view_eq(view_str(i->id), id))
			return i;
	return NULL;
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

static int
copy(int from, int to, uint64_t size)
{
	AUTO_FREE uint8_t *p = xmalloc(PIECE);

	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
		int r = fd_pread(from, p, n, at);

		if (r == 0)
			r = fd_write(to, (struct view){ p, n });
		if (r != 0)
			return r;
		at += n;
	}
	return 0;
}

static int
write_new(struct out_queue *q, const char *tmp, const struct buf *head, int fd,
    uint64_t size, struct why *w)
{
	AUTO_CLOSE int to = openat(q->dir, tmp,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (to == -1)
		return why(w, -errno, "open %s", tmp);
	if ((r = fd_write(to, buf_view(head))) != 0 ||
	    (r = copy(fd, to, size)) != 0)
		return why(w, r, "write %s", tmp);
	return fsync(to) == 0 ? 0 : why(w, -errno, "sync %s", tmp);
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
	if (r == 0 && renameat(q->dir, tmp, q->dir, name) != 0)
		r = why(w, -errno, "rename %s", name);
	if (r != 0) {
		(void)unlinkat(q->dir, tmp, 0);
		return r;
	}
	if (fsync(q->dir) == 0)
		return 0;
	r = why(w, -errno, "sync the queue");
	(void)unlinkat(q->dir, name, 0);
	return r;
}

int
out_queue_add(struct out_queue *q, const char *id,
    const struct msg_out_submit *m, int fd, uint64_t max, int64_t now,
    struct out_item **out, struct why *w)
{
	AUTO_BUF struct buf head = BUF_INIT(OUT_QUEUE_HEAD_MAX);
	AUTO_BUF struct buf file = BUF_INIT(OUT_QUEUE_HEAD_MAX + 16);
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
	put_head(&head, m, now, (uint64_t)st.st_size);
	buf_put(&file, MAGIC);
	wire_put_bytes(&file, buf_view(&head));
	wire_put_u32(&file, crc32c(0, buf_view(&head)));
	assert(!file.failed && is_id(view_str(id)));
	if ((r = put_in_place(q, id, &file, fd, (uint64_t)st.st_size, w)) != 0)
		return r;
	*out = get_head(id, buf_view(&head));
	assert(*out != NULL);
	(*out)->offset = file.n;
	insert(q, *out);
	note_seen(q, *out, now);
	return 0;
}

int
out_queue_remove(struct out_queue *q, struct out_item **i, struct why *w)
{
	char name[NAME_MAX_];
	int r = 0;

	name_of((*i)->id, "m", name);
	if (unlinkat(q->dir, name, 0) != 0 && errno != ENOENT)
		r = why(w, -errno, "remove %s", name);
	else if (fsync(q->dir) != 0)
		r = why(w, -errno, "sync the queue");
	name_of((*i)->id, "s", name);
	if (r == 0)
		(void)unlinkat(q->dir, name, 0);
	TAILQ_REMOVE(&q->items, *i, link);
	q->count--;
	free_item(*i);
	*i = NULL;
	return r;
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
