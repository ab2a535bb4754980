#include "session/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/wire.h"

/*
 * Appending is one write at the end of the file (O_APPEND), so records of
 * several processes do not mix, and none needs the lock. The lock is for the
 * one who writes the file anew; a record that another appends to the old file
 * meanwhile is lost, which is as if the power had gone.
 */
#define DIR_NAME "sieve"
#define FILE_NAME "memory"
#define RECORD (8 + 16 + 4)
#define READ_AT_ONCE (RECORD * 512)
#define TIDY_BYTES (RECORD * 1024) /* a smaller file is left alone */

struct known {
	struct memory_key key;
	int64_t expires;
	unsigned pending;
};

struct memory {
	int dir;
	int fd;        /* -1: not open */
	uint64_t read; /* bytes of it that are known */
	uint64_t inode;
	uint64_t tidy; /* bytes at which a look is due whether it is small */
	struct hash *known;
};

struct memory_key
memory_key(enum memory_kind kind, struct view handle, struct view id)
{
	uint8_t head[9] = { (uint8_t)kind }, sum[DIGEST_SHA256_SIZE];
	struct digest_sha256 d;
	struct memory_key k;

	for (size_t i = 0; i < 8; i++)
		head[1 + i] = (uint8_t)(handle.n >> (8 * i));
	digest_sha256_init(&d);
	digest_sha256_add(&d, (struct view){ head, sizeof(head) });
	digest_sha256_add(&d, handle);
	digest_sha256_add(&d, id);
	digest_sha256_end(&d, sum);
	memcpy(k.hash, sum, sizeof(k.hash));
	return k;
}

struct memory *
memory_new(int dir)
{
	struct memory *m = xcalloc(1, sizeof(*m));

	m->dir = dir;
	m->fd = -1;
	m->known = hash_new(4 * MEMORY_MAX);
	return m;
}

void
memory_free(struct memory **m)
{
	struct known *k;
	size_t at = 0;

	if (*m == NULL)
		return;
	while ((k = hash_next((*m)->known, &at)) != NULL)
		free(k);
	hash_free(&(*m)->known);
	fd_close(&(*m)->fd);
	free(*m);
	*m = NULL;
}

static struct view
key_view(const struct memory_key *k)
{
	return (struct view){ k->hash, sizeof(k->hash) };
}

/* NULL: there are too many. */
static struct known *
known_get(struct memory *m, const struct memory_key *k)
{
	struct known *n = hash_get(m->known, key_view(k));

	if (n != NULL)
		return n;
	n = xcalloc(1, sizeof(*n));
	n->key = *k;
	if (hash_put(m->known, key_view(&n->key), n))
		return n;
	free(n);
	return NULL;
}

/* ---- reading ---- */

static void
take_record(struct memory *m, const uint8_t *p)
{
	struct wire w = wire_read((struct view){ p, RECORD });
	int64_t expires = (int64_t)wire_u64(&w);
	struct view hash = wire_raw(&w, 16);
	struct memory_key k;
	struct known *n;

	if (wire_u32(&w) != crc32c(0, (struct view){ p, RECORD - 4 }))
		return;
	memcpy(k.hash, hash.p, sizeof(k.hash));
	if ((n = known_get(m, &k)) != NULL && expires > n->expires)
		n->expires = expires;
}

static void
read_on(struct memory *m)
{
	AUTO_FREE uint8_t *p = xmalloc(READ_AT_ONCE);
	ssize_t n;

	while ((n = pread(m->fd, p, READ_AT_ONCE, (off_t)m->read)) >= RECORD) {
		size_t whole = (size_t)n / RECORD;

		for (size_t i = 0; i < whole; i++)
			take_record(m, p + i * RECORD);
		m->read += whole * RECORD;
	}
}

/* The file as it is now: another process may have written it anew. */
static void
look(struct memory *m, bool create)
{
	struct stat st;

	if (fstatat(m->dir, DIR_NAME "/" FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) !=
	    0)
		st.st_ino = 0;
	if (m->fd != -1 && st.st_ino == m->inode) {
		if ((uint64_t)st.st_size > m->read)
			read_on(m);
		return;
	}
	if (st.st_ino == 0 && !create)
		return;
	fd_close(&m->fd);
	if (create && mkdirat(m->dir, DIR_NAME, 0700) != 0 && errno != EEXIST)
		return;
	m->fd = openat(m->dir, DIR_NAME "/" FILE_NAME,
	    O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0),
	    0600);
	if (m->fd == -1 || fstat(m->fd, &st) != 0) {
		fd_close(&m->fd);
		return;
	}
	m->inode = st.st_ino;
	m->read = 0;
	read_on(m);
}

/* ---- writing anew ---- */

static void
put_record(struct buf *b, const struct memory_key *k, int64_t expires)
{
	size_t at = b->n;

	wire_put_u64(b, (uint64_t)expires);
	buf_put(b, key_view(k));
	wire_put_u32(b, crc32c(0, view_sub(buf_view(b), at, RECORD - 4)));
}

static int
by_expiry(const void *x, const void *y)
{
	const struct known *const *a = x, *const *b = y;

	return (*a)->expires > (*b)->expires ? -1
					     : (*a)->expires < (*b)->expires;
}

/* All that live, those that do longest first. */
static struct known **
living(struct memory *m, int64_t now, size_t *n)
{
	struct known **all = xcalloc(
			 hash_count(m->known) + 1, sizeof(struct known *)),
		     *k;
	size_t at = 0;

	*n = 0;
	while ((k = hash_next(m->known, &at)) != NULL)
		if (k->expires > now)
			all[(*n)++] = k;
	qsort(all, *n, sizeof(struct known *), by_expiry);
	return all;
}

static void
forget_all_but(struct memory *m, struct known **kept, size_t n)
{
	struct hash *fresh = hash_new(4 * MEMORY_MAX);
	struct known *k;
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		(void)!hash_put(fresh, key_view(&kept[i]->key), kept[i]);
	while ((k = hash_next(m->known, &at)) != NULL) {
		if (hash_get(fresh, key_view(&k->key)) != NULL)
			continue;
		if (k->pending == 0 || !hash_put(fresh, key_view(&k->key), k))
			free(k);
	}
	hash_free(&m->known);
	m->known = fresh;
}

static int
write_anew(struct memory *m, struct known **kept, size_t n)
{
	AUTO_BUF struct buf b = BUF_INIT((MEMORY_MAX + 1) * RECORD);
	AUTO_CLOSE int fd = openat(m->dir, DIR_NAME "/" FILE_NAME ".new",
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	for (size_t i = 0; i < n; i++)
		put_record(&b, &kept[i]->key, kept[i]->expires);
	if (fd == -1)
		return -errno;
	if ((r = fd_write(fd, buf_view(&b))) != 0)
		return r;
	/* the name must not be there before the records are */
	if (fsync(fd) != 0 ||
	    renameat(m->dir, DIR_NAME "/" FILE_NAME ".new", m->dir,
		DIR_NAME "/" FILE_NAME) != 0)
		return -errno;
	return 0;
}

/* The file has doubled: how much of it lives? */
static void
tidy(struct memory *m, int64_t now)
{
	AUTO_FREE struct known **all = NULL;
	size_t n;

	if (m->tidy < TIDY_BYTES)
		m->tidy = TIDY_BYTES;
	if (m->read < m->tidy)
		return;
	m->tidy = 2 * m->read;
	all = living(m, now, &n);
	if (n * 2 * RECORD > m->read && n <= MEMORY_MAX)
		return;
	if (n > MEMORY_MAX)
		n = MEMORY_MAX / 4 * 3;
	if (flock(m->fd, LOCK_EX | LOCK_NB) != 0)
		return;
	if (write_anew(m, all, n) == 0) {
		forget_all_but(m, all, n);
		fd_close(&m->fd);
		look(m, false);
		m->tidy = 2 * m->read;
	} else {
		(void)flock(m->fd, LOCK_UN);
	}
}

/* ---- use ---- */

bool
memory_has(struct memory *m, const struct memory_key *k, int64_t now)
{
	const struct known *n;

	look(m, false);
	n = hash_get(m->known, key_view(k));
	return n != NULL && (n->expires > now || n->pending > 0);
}

bool
memory_only_pending(struct memory *m, const struct memory_key *k, int64_t now)
{
	const struct known *n;

	look(m, false);
	n = hash_get(m->known, key_view(k));
	return n != NULL && n->expires <= now && n->pending > 0;
}

void
memory_pending(struct memory *m, const struct memory_key *k)
{
	struct known *n = known_get(m, k);

	if (n != NULL)
		n->pending++;
}

void
memory_forget_pending(struct memory *m, const struct memory_key *k)
{
	struct known *n = hash_get(m->known, key_view(k));

	if (n != NULL && n->pending > 0)
		n->pending--;
}

/* Half a record at the end is filled up, so that the next is seen. */
static void
put_rest(const struct memory *m, struct buf *b)
{
	struct stat st;

	if (fstat(m->fd, &st) != 0)
		return;
	for (off_t n = st.st_size; n % RECORD != 0; n++)
		buf_put_byte(b, 0);
}

bool
memory_add(
    struct memory *m, const struct memory_key *k, int64_t expires, int64_t now)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * RECORD);
	struct known *n;

	look(m, true);
	if (m->fd != -1)
		tidy(m, now);
	if ((n = known_get(m, k)) != NULL && expires > n->expires)
		n->expires = expires;
	if (m->fd == -1)
		return false;
	put_rest(m, &b);
	put_record(&b, k, expires);
	return write(m->fd, b.p, b.n) == (ssize_t)b.n;
}
