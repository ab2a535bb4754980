#include "session/uidl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "store/io.h"

#define MAGIC "fumi-uidl 1 "
#define TEMP UIDL_FILE ".new"

struct uidl {
	struct view map;  /* of the whole file, or empty */
	struct view all;  /* the lines behind the first */
	struct view rest; /* of these, what is not taken yet */
	struct uidl_entry at;
	bool has_at;    /* the line taken last */
	uint32_t asked; /* UID asked last */
};

bool
uidl_ok(struct view id)
{
	if (id.n == 0 || id.n > UIDL_MAX)
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] < 0x21 || id.p[i] > 0x7e)
			return false;
	return true;
}

static bool
take_line(struct view *in, struct view *line)
{
	const uint8_t *end = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;

	if (end == NULL)
		return false;
	*line = view_sub(*in, 0, (size_t)(end - in->p));
	view_skip(in, line->n + 1);
	return true;
}

static bool
take_entry(struct view *in, struct uidl_entry *e)
{
	struct view line;
	uint64_t uid;

	if (!take_line(in, &line) || !num_take(&line, UINT32_MAX, &uid) ||
	    uid == 0 || line.n == 0 || line.p[0] != ' ')
		return false;
	view_skip(&line, 1);
	*e = (struct uidl_entry){ (uint32_t)uid, line };
	return uidl_ok(line);
}

/* Is it about that INBOX? *in is moved to the entries. */
static bool
take_head(struct view *in, uint32_t uidvalidity)
{
	struct view line;
	uint64_t v;

	if (!take_line(in, &line) || !view_starts(line, VIEW_LIT(MAGIC)))
		return false;
	view_skip(&line, sizeof(MAGIC) - 1);
	return num_parse(line, UINT32_MAX, &v) && v == uidvalidity;
}

static struct view
map_file(int dir)
{
	AUTO_CLOSE int fd =
	    openat(dir, UIDL_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd == -1 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size <= 0 || (uint64_t)st.st_size > UIDL_FILE_MAX)
		return (struct view){ 0 };
	/* it is never written in place, so it does not shrink */
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return (struct view){ 0 };
	return (struct view){ p, (size_t)st.st_size };
}

struct uidl *
uidl_load(int dir, uint32_t uidvalidity)
{
	struct uidl *u = xcalloc(1, sizeof(*u));

	u->map = u->all = map_file(dir);
	if (!take_head(&u->all, uidvalidity))
		u->all = (struct view){ 0 };
	u->rest = u->all;
	return u;
}

void
uidl_free(struct uidl **u)
{
	if (*u == NULL)
		return;
	if ((*u)->map.n > 0)
		(void)munmap((void *)(uintptr_t)(*u)->map.p, (*u)->map.n);
	free(*u);
	*u = NULL;
}

struct view
uidl_get(struct uidl *u, uint32_t uid)
{
	if (uid < u->asked) { /* from the start again */
		u->rest = u->all;
		u->has_at = false;
	}
	u->asked = uid;
	while (!u->has_at || u->at.uid < uid)
		if (!(u->has_at = take_entry(&u->rest, &u->at)))
			return (struct view){ 0 };
	return u->at.uid == uid ? u->at.id : (struct view){ 0 };
}

void
uidl_put(struct uidl *u, uint32_t uidvalidity, uint32_t uid, struct buf *out)
{
	struct view id = uidl_get(u, uid);

	buf_put(out, id);
	if (id.n > 0)
		return;
	buf_put_dec(out, uidvalidity);
	buf_put_byte(out, '.');
	buf_put_dec(out, uid);
}

/* ---- writing ---- */

/* What will be in the file. */
struct entries {
	struct uidl_entry *e;
	size_t n;
	struct hash *by_id; /* the same entries */
};

/* Walks INBOX's UIDs upwards. */
static bool
is_live(const struct uidl_inbox *box, uint32_t uid, size_t *at)
{
	while (*at < box->n && box->live[*at].hi < uid)
		(*at)++;
	return *at < box->n && box->live[*at].lo <= uid;
}

/* Is or will be there a message of that UID? One below UIDNEXT that is not there
 * never comes again. */
static bool
may_be(const struct uidl_inbox *box, uint64_t uid)
{
	size_t lo = 0, hi = box->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (box->live[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return uid >= box->uidnext || (lo < box->n && box->live[lo].lo <= uid);
}

/* "<UIDVALIDITY>.<UID>" of a message of this INBOX, also of one to come. */
static bool
is_default(const struct uidl_inbox *box, struct view id)
{
	uint64_t v;

	if (!num_take(&id, UINT32_MAX, &v) || v != box->uidvalidity ||
	    id.n == 0 || id.p[0] != '.')
		return false;
	view_skip(&id, 1);
	return num_parse(id, UINT32_MAX, &v) && may_be(box, v);
}

static void
append(struct entries *s, struct uidl_entry e)
{
	s->e[s->n] = e;
	if (hash_put(s->by_id, e.id, &s->e[s->n]))
		s->n++;
}

/* The entries of the file before, with room for n more. */
static void
take_old(
    struct entries *s, struct view old, const struct uidl_inbox *box, size_t n)
{
	struct view rest = old;
	struct uidl_entry e;
	size_t at = 0, max = n;

	while (take_entry(&rest, &e))
		max++;
	s->e = xcalloc(max > 0 ? max : 1, sizeof(*s->e));
	s->by_id = hash_new(1u << 30);
	while (take_entry(&old, &e))
		if (is_live(box, e.uid, &at))
			append(s, e);
}

/* *old: the one of the same UID, or NULL. */
static void
add_one(struct entries *s, struct uidl_entry *old, struct uidl_entry e)
{
	if (hash_get(s->by_id, e.id) != NULL)
		return;
	if (old == NULL) {
		append(s, e);
		return;
	}
	(void)hash_del(s->by_id, old->id);
	old->id = e.id;
	(void)!hash_put(s->by_id, old->id, old);
}

static void
add_new(struct entries *s, const struct uidl_inbox *box,
    const struct uidl_entry *e, size_t n)
{
	size_t n_old = s->n, k = 0;

	for (size_t i = 0; i < n; i++) {
		while (k < n_old && s->e[k].uid < e[i].uid)
			k++;
		if (!is_default(box, e[i].id))
			add_one(s,
			    k < n_old && s->e[k].uid == e[i].uid ? &s->e[k]
								 : NULL,
			    e[i]);
	}
}

static int
by_uid(const void *a, const void *b)
{
	uint32_t x = ((const struct uidl_entry *)a)->uid;
	uint32_t y = ((const struct uidl_entry *)b)->uid;

	return x < y ? -1 : x > y;
}

static void
put_entries(struct entries *s, struct buf *b)
{
	hash_free(&s->by_id);
	qsort(s->e, s->n, sizeof(*s->e), by_uid);
	for (size_t i = 0; i < s->n; i++) {
		buf_put_dec(b, s->e[i].uid);
		buf_put_byte(b, ' ');
		buf_put(b, s->e[i].id);
		buf_put_byte(b, '\n');
	}
	free(s->e);
}

static int
write_file(int dir, struct view text, struct why *w)
{
	AUTO_CLOSE int fd = io_create(dir, TEMP, O_WRONLY | O_TRUNC);
	int r;

	if (fd < 0)
		return why(w, fd, "create %s", TEMP);
	if ((r = io_write_all(fd, text, 0)) != 0 ||
	    (r = io_sync(fd, IO_SYNC_UIDL)) != 0 ||
	    (r = io_rename(dir, TEMP, UIDL_FILE)) != 0) {
		(void)!io_unlink(dir, TEMP);
		return why(w, r, "write %s", UIDL_FILE);
	}
	if ((r = io_sync_dir(dir, IO_SYNC_UIDL_DIR)) != 0)
		return why(w, r, "sync the name of %s", UIDL_FILE);
	return 0;
}

int
uidl_add(int dir, const struct uidl_inbox *box, const struct uidl_entry *e,
    size_t n, struct why *w)
{
	AUTO_BUF struct buf b = BUF_INIT(UIDL_FILE_MAX);
	struct uidl *u = uidl_load(dir, box->uidvalidity);
	struct entries s = { .n = 0 };

	buf_put_str(&b, MAGIC);
	buf_put_dec(&b, box->uidvalidity);
	buf_put_byte(&b, '\n');
	take_old(&s, u->all, box, n);
	add_new(&s, box, e, n);
	put_entries(&s, &b);
	uidl_free(&u);
	if (b.failed)
		return why(w, -EFBIG, "%s", UIDL_FILE);
	return write_file(dir, buf_view(&b), w);
}
