#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "session/scripts_inside.h"
#include "store/lock.h"

/*
 * Every change is one rename(): a text is written beside its place, synced, and
 * renamed into it, and the directory is synced. The one change that needs two
 * renames, giving the active script another name, says so first in "active".
 */
#define ACTIVE_MAX (2 * (SCRIPTS_NAME_MAX + 1)) /* bytes of "active" */

struct scripts *
scripts_new(int dir, const struct scripts_limits *limits)
{
	struct scripts *s = xcalloc(1, sizeof(*s));

	s->dir = dir;
	s->sieve = -1;
	if (limits != NULL)
		s->limits = *limits;
	if (s->limits.size == 0 || s->limits.size > SCRIPTS_SIZE_MAX)
		s->limits.size = SCRIPTS_SIZE_MAX;
	if (s->limits.count == 0)
		s->limits.count = SCRIPTS_COUNT_MAX;
	buf_init(&s->name, SCRIPTS_NAME_MAX);
	return s;
}

void
scripts_free(struct scripts **s)
{
	if (*s == NULL)
		return;
	fd_close(&(*s)->sieve);
	buf_fini(&(*s)->name);
	free(*s);
	*s = NULL;
}

const char *
scripts_why(const struct scripts *s)
{
	return s->why.text;
}

/* ---- which one is active ---- */

/* The first line of "active" whose script is there, into name. */
static int
first_of(struct scripts *s, struct view text, struct buf *name, unsigned *lines)
{
	bool found = false;

	*lines = 0;
	while (text.n > 0) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end != NULL ? (size_t)(end - text.p) : text.n;
		struct view line = { text.p, n };
		char file[SCRIPTS_FILE_SIZE];

		view_skip(&text, end != NULL ? n + 1 : n);
		if (!scripts_name_ok(line))
			continue;
		++*lines;
		scripts_file_of(line, SCRIPTS_SUFFIX, file);
		if (found || !scripts_has_file(s, file))
			continue;
		buf_clear(name);
		buf_put(name, line);
		found = true;
	}
	return found ? SCRIPTS_OK : SCRIPTS_NOT_FOUND;
}

/* The name of the active script, into s->name. */
static int
active_name(struct scripts *s, struct stat *st, unsigned *lines)
{
	AUTO_BUF struct buf text = BUF_INIT(ACTIVE_MAX + 4096);
	int r = scripts_read_file(s, "active", ACTIVE_MAX, &text, st);

	*lines = 0;
	if (r == SCRIPTS_TOO_LARGE) /* not ours */
		return SCRIPTS_NOT_FOUND;
	if (r != SCRIPTS_OK)
		return r;
	return first_of(s, buf_view(&text), &s->name, lines);
}

static bool
is_active(struct scripts *s, struct view name)
{
	unsigned lines;

	return active_name(s, NULL, &lines) == SCRIPTS_OK &&
	    view_eq(buf_view(&s->name), name);
}

static int
write_active(struct scripts *s, struct view name, struct view or_name)
{
	AUTO_BUF struct buf b = BUF_INIT(ACTIVE_MAX);

	memset(&s->seen, 0, sizeof(s->seen));
	buf_put(&b, name);
	buf_put_byte(&b, '\n');
	if (or_name.n > 0) {
		buf_put(&b, or_name);
		buf_put_byte(&b, '\n');
	}
	return scripts_write_file(
	    s, "active.new", "active", buf_view(&b), true);
}

/* Finish what a crash has left of a renaming. The lock is held. */
static int
settle(struct scripts *s)
{
	AUTO_BUF struct buf name = BUF_INIT(SCRIPTS_NAME_MAX);
	unsigned lines;
	int r = active_name(s, NULL, &lines);

	if (lines < 2)
		return r == SCRIPTS_NOT_FOUND ? (int)SCRIPTS_OK : r;
	if (r == SCRIPTS_NOT_FOUND)
		return scripts_remove_file(s, "active");
	buf_put(&name, buf_view(&s->name));
	return r == SCRIPTS_OK
	    ? write_active(s, buf_view(&name), (struct view){ 0 })
	    : r;
}

/* Before every change. The descriptor holds the lock. */
static int
take_lock(struct scripts *s, int *out)
{
	AUTO_CLOSE int fd = -1;
	int r;

	if ((r = scripts_open_dir(s, true)) != SCRIPTS_OK)
		return r;
	if ((fd = io_create(s->sieve, "lock", O_RDWR)) < 0)
		return scripts_fail(s, fd, "lock");
	if ((r = lock_take(fd, SCRIPTS_LOCK_MS)) != 0)
		return r == -ETIMEDOUT ? (int)SCRIPTS_LOCKED
				       : scripts_fail(s, r, "lock");
	if ((r = settle(s)) != SCRIPTS_OK)
		return r;
	*out = fd_take(&fd);
	return SCRIPTS_OK;
}

/* ---- for the filter ---- */

static int64_t
nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool
scripts_same(const struct scripts_stamp *a, const struct scripts_stamp *b)
{
	return a->inode == b->inode && a->size == b->size &&
	    a->changed_ns == b->changed_ns && a->name_inode == b->name_inode &&
	    a->name_changed_ns == b->name_changed_ns;
}

static void
stamp_name(const struct stat *st, struct scripts_stamp *out)
{
	out->name_inode = st->st_ino;
	out->name_changed_ns = nanoseconds(st->st_ctim);
}

static void
stamp_text(const struct stat *st, struct scripts_stamp *out)
{
	out->inode = st->st_ino;
	out->size = (uint64_t)st->st_size;
	out->changed_ns = nanoseconds(st->st_ctim);
}

/* Have s->name be the active one, without reading "active" again if it is the
 * same. *out: the stamp so far. */
static int
look(struct scripts *s, struct scripts_stamp *out)
{
	unsigned lines = 0;
	struct stat st;
	int r;

	*out = (struct scripts_stamp){ 0 };
	if ((r = scripts_open_dir(s, false)) != SCRIPTS_OK)
		return r;
	if (fstatat(s->sieve, "active", &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? (int)SCRIPTS_NOT_FOUND
				       : scripts_fail(s, -errno, "active");
	stamp_name(&st, out);
	if (s->seen.name_inode == out->name_inode &&
	    s->seen.name_changed_ns == out->name_changed_ns)
		return SCRIPTS_OK;
	if ((r = active_name(s, &st, &lines)) == SCRIPTS_OK)
		stamp_name(&st, out);
	s->seen = (struct scripts_stamp){ 0 };
	if (r == SCRIPTS_OK && lines == 1)
		s->seen = *out;
	return r;
}

int
scripts_stamp(struct scripts *s, struct scripts_stamp *out)
{
	char file[SCRIPTS_FILE_SIZE];
	struct stat st;
	int r = look(s, out);

	if (r == SCRIPTS_OK) {
		scripts_file_of(buf_view(&s->name), SCRIPTS_SUFFIX, file);
		if (fstatat(s->sieve, file, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			stamp_text(&st, out);
			return SCRIPTS_OK;
		}
		r = errno == ENOENT ? (int)SCRIPTS_NOT_FOUND
				    : scripts_fail(s, -errno, file);
	}
	*out = (struct scripts_stamp){ 0 };
	return r == SCRIPTS_NOT_FOUND ? (int)SCRIPTS_OK : r;
}

/* Between "active" and the script somebody may have renamed it. */
#define TRIES 4

int
scripts_active(struct scripts *s, struct buf *text, struct buf *name,
    struct scripts_stamp *stamp)
{
	struct scripts_stamp mine;
	char file[SCRIPTS_FILE_SIZE];
	struct stat st;
	int r = SCRIPTS_NOT_FOUND;

	stamp = stamp != NULL ? stamp : &mine;
	buf_clear(text);
	for (int i = 0; i < TRIES && r == SCRIPTS_NOT_FOUND; i++) {
		if ((r = look(s, stamp)) != SCRIPTS_OK)
			break;
		scripts_file_of(buf_view(&s->name), SCRIPTS_SUFFIX, file);
		r = scripts_read_file(s, file, SCRIPTS_SIZE_MAX, text, &st);
	}
	if (r != SCRIPTS_OK) {
		*stamp = (struct scripts_stamp){ 0 };
		return r;
	}
	stamp_text(&st, stamp);
	if (name != NULL) {
		buf_clear(name);
		buf_put(name, buf_view(&s->name));
	}
	return SCRIPTS_OK;
}

int
scripts_good(struct scripts *s, struct buf *text)
{
	int r = scripts_open_dir(s, false);

	buf_clear(text);
	if (r != SCRIPTS_OK)
		return r;
	return scripts_read_file(
	    s, "active.good", SCRIPTS_SIZE_MAX, text, NULL);
}

int
scripts_keep_good(struct scripts *s, struct view text)
{
	AUTO_BUF struct buf kept = BUF_INIT(SCRIPTS_SIZE_MAX + 4096);
	AUTO_CLOSE int lock = -1;
	int r;

	if (scripts_good(s, &kept) == SCRIPTS_OK &&
	    view_eq(buf_view(&kept), text))
		return SCRIPTS_OK;
	if ((r = take_lock(s, &lock)) != SCRIPTS_OK)
		return r;
	return scripts_write_file(s, "good.new", "active.good", text, false);
}

/* ---- listing ---- */

struct listing {
	struct scripts_entry *entry;
	size_t n;
	struct arena *arena;
	struct buf name;
};

static int
list_one(struct scripts *s, struct listing *l, const char *file)
{
	struct stat st;
	char *name;

	if (!scripts_name_of(s, file, &l->name) ||
	    fstatat(s->sieve, file, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	if ((name = arena_strdup(l->arena, buf_view(&l->name))) == NULL)
		return -ENOMEM;
	l->entry[l->n++] = (struct scripts_entry){
		.name = { (const uint8_t *)name, l->name.n },
		.size = (uint64_t)st.st_size,
	};
	return 0;
}

static int
list_all(struct scripts *s, struct listing *l)
{
	int fd = openat(s->sieve, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int r = 0;

	if (d == NULL) {
		r = scripts_fail(s, -errno, "");
		fd_close(&fd);
		return r;
	}
	while (r == 0 && l->n < SCRIPTS_LIST_MAX && (e = readdir(d)) != NULL)
		r = list_one(s, l, e->d_name);
	closedir(d);
	return r;
}

static int
by_name(const void *a, const void *b)
{
	struct view x = ((const struct scripts_entry *)a)->name;
	struct view y = ((const struct scripts_entry *)b)->name;
	int r = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

	if (r != 0)
		return r;
	return x.n < y.n ? -1 : x.n > y.n;
}

int
scripts_list(
    struct scripts *s, struct arena *a, struct scripts_entry **out, size_t *n)
{
	struct listing l = { .arena = a };
	unsigned lines;
	int r = scripts_open_dir(s, false);

	*n = 0;
	*out = NULL;
	if (r != SCRIPTS_OK)
		return r == SCRIPTS_NOT_FOUND ? (int)SCRIPTS_OK : r;
	l.entry = arena_alloc(a, SCRIPTS_LIST_MAX * sizeof(*l.entry));
	if (l.entry == NULL)
		return -ENOMEM;
	/* room for a read of "*.name" */
	buf_init(&l.name, SCRIPTS_NAME_MAX + 4096);
	r = list_all(s, &l);
	buf_fini(&l.name);
	if (r != 0)
		return r;
	qsort(l.entry, l.n, sizeof(*l.entry), by_name);
	if (active_name(s, NULL, &lines) == SCRIPTS_OK)
		for (size_t i = 0; i < l.n; i++)
			l.entry[i].active =
			    view_eq(l.entry[i].name, buf_view(&s->name));
	*out = l.entry;
	*n = l.n;
	return SCRIPTS_OK;
}

/* ---- one script ---- */

int
scripts_get(struct scripts *s, struct view name, struct buf *text)
{
	char file[SCRIPTS_FILE_SIZE];
	int r;

	buf_clear(text);
	if (!scripts_name_ok(name))
		return SCRIPTS_BAD_NAME;
	if ((r = scripts_open_dir(s, false)) != SCRIPTS_OK)
		return r;
	scripts_file_of(name, SCRIPTS_SUFFIX, file);
	return scripts_read_file(s, file, SCRIPTS_SIZE_MAX, text, NULL);
}

/* Scripts that there are but for name. */
static int
count_others(struct scripts *s, struct view name, size_t *out)
{
	AUTO_ARENA struct arena *a =
	    arena_new(SCRIPTS_LIST_MAX * (SCRIPTS_NAME_MAX + 256));
	struct scripts_entry *e;
	size_t n;
	int r = scripts_list(s, a, &e, &n);

	*out = 0;
	for (size_t i = 0; r == SCRIPTS_OK && i < n; i++)
		*out += !view_eq(e[i].name, name);
	return r;
}

int
scripts_space(struct scripts *s, struct view name, uint64_t size)
{
	size_t others;
	int r;

	if (!scripts_name_ok(name))
		return SCRIPTS_BAD_NAME;
	if (size > s->limits.size)
		return SCRIPTS_TOO_LARGE;
	if ((r = count_others(s, name, &others)) != SCRIPTS_OK)
		return r;
	return others < s->limits.count ? SCRIPTS_OK : SCRIPTS_TOO_MANY;
}

/* Where a long name stands, before a file has its digest for a name. */
static int
put_name(struct scripts *s, struct view name)
{
	char file[SCRIPTS_FILE_SIZE];

	if (!scripts_is_long(name))
		return SCRIPTS_OK;
	scripts_file_of(name, ".name", file);
	return scripts_write_file(s, "name.new", file, name, true);
}

/* Its script is gone, durably. One that stays lies idle. */
static void
forget_name(struct scripts *s, struct view name)
{
	char file[SCRIPTS_FILE_SIZE];

	if (!scripts_is_long(name))
		return;
	scripts_file_of(name, ".name", file);
	(void)!io_unlink(s->sieve, file);
}

int
scripts_put(struct scripts *s, struct view name, struct view text)
{
	AUTO_CLOSE int lock = -1;
	char file[SCRIPTS_FILE_SIZE];
	int r;

	if (!scripts_name_ok(name))
		return SCRIPTS_BAD_NAME;
	if ((r = take_lock(s, &lock)) != SCRIPTS_OK ||
	    (r = scripts_space(s, name, text.n)) != SCRIPTS_OK ||
	    (r = put_name(s, name)) != SCRIPTS_OK)
		return r;
	scripts_file_of(name, SCRIPTS_SUFFIX, file);
	r = scripts_write_file(s, "script.new", file, text, true);
	if (r == SCRIPTS_OK && is_active(s, name))
		/* the filter does it too */
		(void)!scripts_write_file(
		    s, "good.new", "active.good", text, false);
	return r;
}

int
scripts_delete(struct scripts *s, struct view name)
{
	AUTO_CLOSE int lock = -1;
	char file[SCRIPTS_FILE_SIZE];
	int r;

	if (!scripts_name_ok(name))
		return SCRIPTS_BAD_NAME;
	if ((r = take_lock(s, &lock)) != SCRIPTS_OK)
		return r;
	scripts_file_of(name, SCRIPTS_SUFFIX, file);
	if (!scripts_has_file(s, file))
		return SCRIPTS_NOT_FOUND;
	if (is_active(s, name))
		return SCRIPTS_ACTIVE;
	if ((r = scripts_remove_file(s, file)) == SCRIPTS_OK)
		forget_name(s, name);
	return r;
}

static int
move_file(struct scripts *s, const char *from, const char *to)
{
	int r = io_rename(s->sieve, from, to);

	if (r == 0)
		r = io_sync_dir(s->sieve, IO_SYNC_SCRIPT_DIR);
	return r == 0 ? (int)SCRIPTS_OK : scripts_fail(s, r, to);
}

int
scripts_rename(struct scripts *s, struct view from, struct view to)
{
	char old[SCRIPTS_FILE_SIZE], new[SCRIPTS_FILE_SIZE];
	AUTO_CLOSE int lock = -1;
	bool active;
	int r;

	if (!scripts_name_ok(from) || !scripts_name_ok(to))
		return SCRIPTS_BAD_NAME;
	if ((r = take_lock(s, &lock)) != SCRIPTS_OK)
		return r;
	scripts_file_of(from, SCRIPTS_SUFFIX, old);
	scripts_file_of(to, SCRIPTS_SUFFIX, new);
	if (!scripts_has_file(s, old))
		return SCRIPTS_NOT_FOUND;
	if (scripts_has_file(s, new))
		return SCRIPTS_EXISTS;
	active = is_active(s, from);
	if ((r = put_name(s, to)) != SCRIPTS_OK ||
	    (active && (r = write_active(s, to, from)) != SCRIPTS_OK) ||
	    (r = move_file(s, old, new)) != SCRIPTS_OK)
		return r;
	forget_name(s, from);
	/* the change is made: who comes next settles what is left */
	if (active)
		(void)!write_active(s, to, (struct view){ 0 });
	return SCRIPTS_OK;
}

int
scripts_activate(struct scripts *s, struct view name)
{
	AUTO_CLOSE int lock = -1;
	char file[SCRIPTS_FILE_SIZE];
	int r;

	if (name.n > 0 && !scripts_name_ok(name))
		return SCRIPTS_BAD_NAME;
	if ((r = take_lock(s, &lock)) != SCRIPTS_OK)
		return r;
	memset(&s->seen, 0, sizeof(s->seen));
	if (name.n == 0) {
		if ((r = scripts_remove_file(s, "active")) == SCRIPTS_OK)
			(void)!io_unlink(s->sieve, "active.good");
		return r;
	}
	scripts_file_of(name, SCRIPTS_SUFFIX, file);
	if (!scripts_has_file(s, file))
		return SCRIPTS_NOT_FOUND;
	return write_active(s, name, (struct view){ 0 });
}
