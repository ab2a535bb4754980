#include "proc/out_seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "base/crc32c.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

/*
 * Entries in the order in which they came last, and by key. A record is written
 * where the last whole one ends, so what a full disk has cut is overwritten by
 * the next.
 */
#define MAGIC VIEW_LIT("fumiots1")
#define RECORD (8 + 1 + MSG_OUT_KEY_SIZE + OUT_SEEN_ACCOUNT + 4)
#define READ_RECORDS 1024
#define DONE 0x80  /* in a record's kind */
#define SLACK 1024 /* records of no use that are no reason to write anew */

struct seen {
	/* of account and key together; zero: it is done, and another has come
	 * by that key: it counts for the rates alone */
	uint8_t key[MSG_OUT_KEY_SIZE];
	uint8_t account[OUT_SEEN_ACCOUNT];
	uint8_t kind;
	int64_t taken_s; /* 0: only that it came again is known */
	int64_t last_s;
	bool done;
	TAILQ_ENTRY(seen) link;
};
TAILQ_HEAD(seens, seen);

struct out_seen {
	int dir, fd;      /* fd -1: not written */
	uint64_t records; /* in the file */
	struct hash *by_key;
	struct seens seens;
	size_t n; /* of them */
};

/* ---- names ---- */

static bool
is_zero(const uint8_t key[MSG_OUT_KEY_SIZE])
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

void
out_seen_account(struct view account, uint8_t out[OUT_SEEN_ACCOUNT])
{
	uint8_t sum[DIGEST_SHA256_SIZE];
	struct digest_sha256 d;

	digest_sha256_init(&d);
	digest_sha256_add(&d, account);
	digest_sha256_end(&d, sum);
	memcpy(out, sum, OUT_SEEN_ACCOUNT);
}

/* ---- entries ---- */

static struct view
key_of(const struct seen *e)
{
	return (struct view){ e->key, sizeof(e->key) };
}

static struct seen *
find(const struct out_seen *s, const uint8_t key[MSG_OUT_KEY_SIZE])
{
	return hash_get(s->by_key, (struct view){ key, MSG_OUT_KEY_SIZE });
}

static void
drop(struct out_seen *s, struct seen *e)
{
	(void)hash_del(s->by_key, key_of(e));
	TAILQ_REMOVE(&s->seens, e, link);
	s->n--;
	free(e);
}

/* Another has come by its key. */
static void
unname(struct out_seen *s, struct seen *e)
{
	(void)hash_del(s->by_key, key_of(e));
	memset(e->key, 0, sizeof(e->key));
}

/* Whatever the clock did: neither in the future nor too long ago. */
static bool
is_fresh(const struct seen *e, int64_t now)
{
	return e->last_s > now - OUT_SEEN_S && e->last_s <= now + OUT_SEEN_S;
}

static void
make_room(struct out_seen *s, int64_t now)
{
	struct seen *e;

	while ((e = TAILQ_FIRST(&s->seens)) != NULL &&
	    (!is_fresh(e, now) || s->n >= OUT_SEEN_MAX))
		drop(s, e);
}

static struct seen *
keep(struct out_seen *s, const struct seen *new, int64_t now)
{
	struct seen *e = find(s, new->key);

	if (e != NULL && e->done)
		unname(s, e);
	else if (e != NULL)
		drop(s, e);
	make_room(s, now);
	e = xcalloc(1, sizeof(*e));
	*e = *new;
	TAILQ_INSERT_TAIL(&s->seens, e, link);
	s->n++;
	if (is_zero(e->key) || hash_put(s->by_key, key_of(e), e))
		return e;
	TAILQ_REMOVE(&s->seens, e, link); /* there was room */
	s->n--;
	free(e);
	return NULL;
}

/* ---- records ---- */

static void
put_record(struct buf *b, const struct seen *e, int64_t at_s, uint8_t kind)
{
	size_t from = b->n;

	wire_put_u64(b, (uint64_t)at_s);
	wire_put_u8(b, kind);
	buf_put(b, key_of(e));
	buf_put(b, (struct view){ e->account, sizeof(e->account) });
	if (!b->failed)
		wire_put_u32(b, crc32c(0, view_sub(buf_view(b), from, RECORD)));
}

static void
put_entry(struct buf *b, const struct seen *e)
{
	if (e->taken_s != 0)
		put_record(b, e, e->taken_s,
		    e->done ? (uint8_t)(e->kind | DONE) : e->kind);
	if (e->taken_s != e->last_s && !e->done)
		put_record(b, e, e->last_s, 0);
}

static void
take_record(struct out_seen *s, struct view v, int64_t now)
{
	struct wire w = wire_read(v);
	struct seen new = { .last_s = (int64_t)wire_u64(&w) }, *old;

	new.kind = wire_u8(&w);
	memcpy(new.key, wire_raw(&w, sizeof(new.key)).p, sizeof(new.key));
	memcpy(new.account, wire_raw(&w, sizeof(new.account)).p,
	    sizeof(new.account));
	if (wire_u32(&w) != crc32c(0, view_sub(v, 0, RECORD - 4)))
		return;
	new.done = (new.kind &DONE) != 0;
	new.kind &= (uint8_t)~DONE;
	/* its time is that of the first attempt: what came again may be known
	 * for longer */
	if (new.done && (old = find(s, new.key)) != NULL) {
		old->done = true;
		return;
	}
	if (!is_fresh(&new, now))
		return;
	if (new.kind != 0) {
		new.taken_s = new.last_s;
	} else if ((old = find(s, new.key)) != NULL) {
		new.kind = old->kind;
		new.taken_s = old->taken_s;
	}
	(void)keep(s, &new, now);
}

/* False: it is not there, or is something else. */
static bool
read_all(struct out_seen *s, int64_t now)
{
	AUTO_FREE uint8_t *p = xmalloc(READ_RECORDS * RECORD);
	ssize_t n = pread(s->fd, p, MAGIC.n, 0);

	if (n != (ssize_t)MAGIC.n ||
	    !view_eq((struct view){ p, MAGIC.n }, MAGIC))
		return false;
	for (;;) {
		n = pread(s->fd, p, READ_RECORDS * RECORD,
		    (off_t)(MAGIC.n + s->records * RECORD));
		if (n < RECORD)
			return n >= 0;
		for (size_t i = 0; (i + 1) * RECORD <= (size_t)n; i++)
			take_record(
			    s, (struct view){ p + i * RECORD, RECORD }, now);
		s->records += (size_t)n / RECORD;
	}
}

/* Synced before it gets its name, or a power cut would forget all of a day. */
static void
write_anew(struct out_seen *s)
{
	AUTO_BUF struct buf b =
	    BUF_INIT(MAGIC.n + 2 * OUT_SEEN_MAX * (size_t)RECORD);
	AUTO_CLOSE int fd = openat(s->dir, "seen.new",
	    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	const struct seen *e;

	buf_put(&b, MAGIC);
	TAILQ_FOREACH (e, &s->seens, link)
		put_entry(&b, e);
	fd_close(&s->fd);
	if (fd == -1 || b.failed || fd_write(fd, buf_view(&b)) != 0 ||
	    fsync(fd) != 0 || renameat(s->dir, "seen.new", s->dir, "seen") != 0)
		return;
	s->fd = fd_take(&fd);
	s->records = (b.n - MAGIC.n) / RECORD;
}

static bool
is_wasteful(const struct out_seen *s)
{
	return s->records > 2 * s->n + SLACK;
}

static void
append(struct out_seen *s, const struct seen *e, int64_t at_s, uint8_t kind)
{
	AUTO_BUF struct buf b = BUF_INIT(RECORD);

	put_record(&b, e, at_s, kind);
	if (s->fd == -1)
		return;
	if (pwrite(s->fd, b.p, b.n, (off_t)(MAGIC.n + s->records * RECORD)) ==
	    (ssize_t)b.n)
		s->records++;
	if (is_wasteful(s))
		write_anew(s);
}

/* ---- use ---- */

bool
out_seen_has(const struct out_seen *s, struct view account,
    const uint8_t key[MSG_OUT_KEY_SIZE], int64_t now)
{
	uint8_t whole[MSG_OUT_KEY_SIZE];
	const struct seen *e;

	if (is_zero(key))
		return false;
	whole_key(account, key, whole);
	return (e = find(s, whole)) != NULL && is_fresh(e, now);
}

bool
out_seen_again(struct out_seen *s, struct view account,
    const uint8_t key[MSG_OUT_KEY_SIZE], int64_t now)
{
	uint8_t whole[MSG_OUT_KEY_SIZE];
	struct seen *e, again;

	if (!out_seen_has(s, account, key, now))
		return false;
	whole_key(account, key, whole);
	again = *find(s, whole);
	if (again.done)
		return false;
	again.last_s = now;
	if ((e = keep(s, &again, now)) != NULL)
		append(s, e, now, 0);
	return true;
}

void
out_seen_add(struct out_seen *s, struct view account,
    const uint8_t key[MSG_OUT_KEY_SIZE], uint8_t kind, int64_t at_s,
    int64_t now)
{
	struct seen new = { .kind = kind, .taken_s = at_s, .last_s = at_s }, *e;

	if (is_zero(key))
		random_bytes(new.key, sizeof(new.key));
	else
		whole_key(account, key, new.key);
	out_seen_account(account, new.account);
	if (is_fresh(&new, now) && (e = keep(s, &new, now)) != NULL)
		append(s, e, at_s, kind);
}

/* Those of the keys that are known and not done yet, in the order of keys. */
static size_t
to_be_done(const struct out_seen *s, struct view account, struct view keys,
    struct seen *out[MSG_OUT_KEYS_MAX])
{
	size_t n = 0;

	for (; keys.n >= MSG_OUT_KEY_SIZE && n < MSG_OUT_KEYS_MAX;
	     view_skip(&keys, MSG_OUT_KEY_SIZE)) {
		uint8_t whole[MSG_OUT_KEY_SIZE];

		whole_key(account, keys.p, whole);
		if ((out[n] = find(s, whole)) != NULL && !out[n]->done)
			n++;
	}
	return n;
}

int
out_seen_done(struct out_seen *s, struct view account, struct view keys)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_OUT_KEYS_MAX * (size_t)RECORD);
	struct seen *e[MSG_OUT_KEYS_MAX];
	size_t n = to_be_done(s, account, keys, e);

	for (size_t i = 0; i < n; i++)
		put_record(&b, e[i],
		    e[i]->taken_s != 0 ? e[i]->taken_s : e[i]->last_s,
		    (uint8_t)(e[i]->kind | DONE));
	/* without the file it is forgotten with this process */
	if (n > 0 && s->fd != -1) {
		off_t at = (off_t)(MAGIC.n + s->records * RECORD);

		errno = ENOSPC; /* when it takes a part */
		if (pwrite(s->fd, b.p, b.n, at) != (ssize_t)b.n ||
		    fdatasync(s->fd) != 0)
			return -errno;
		s->records += n;
	}
	for (size_t i = 0; i < n; i++)
		e[i]->done = true;
	return 0;
}

bool
out_seen_next(
    const struct out_seen *s, const void **at, struct out_seen_taken *out)
{
	const struct seen *e = *at;

	do {
		e = e == NULL ? TAILQ_FIRST(&s->seens) : TAILQ_NEXT(e, link);
	} while (e != NULL && e->taken_s == 0);
	*at = e;
	if (e == NULL)
		return false;
	*out = (struct out_seen_taken){ e->account, e->kind, e->taken_s };
	return true;
}

/* ---- life ---- */

struct out_seen *
out_seen_open(int dir, int64_t now)
{
	struct out_seen *s = xcalloc(1, sizeof(*s));

	s->dir = dir;
	s->by_key = hash_new(OUT_SEEN_MAX);
	TAILQ_INIT(&s->seens);
	s->fd = openat(dir, "seen", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->fd == -1 || !read_all(s, now) || is_wasteful(s))
		write_anew(s);
	return s;
}

void
out_seen_free(struct out_seen **s)
{
	struct seen *e;

	if (*s == NULL)
		return;
	while ((e = TAILQ_FIRST(&(*s)->seens)) != NULL) {
		TAILQ_REMOVE(&(*s)->seens, e, link);
		free(e);
	}
	hash_free(&(*s)->by_key);
	fd_close(&(*s)->fd);
	free(*s);
	*s = NULL;
}
