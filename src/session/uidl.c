#include "session/uidl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"
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

/* ---- writing ---- */

static void
put_entry(struct buf *b, const struct uidl_entry *e)
{
	buf_put_dec(b, e->uid);
	buf_put_byte(b, ' ');
	buf_put(b, e->id);
	buf_put_byte(b, '\n');
}

/* What is there and what comes, by UID; what comes wins. */
static void
merge(struct view old, const struct uidl_entry *e, size_t n, struct buf *b)
{
	struct uidl_entry have;
	bool more = take_entry(&old, &have);

	while (more || n > 0) {
		if (n > 0 && (!more || e->uid <= have.uid)) {
			if (more && e->uid == have.uid)
				more = take_entry(&old, &have);
			put_entry(b, e);
			e++, n--;
			continue;
		}
		put_entry(b, &have);
		more = take_entry(&old, &have);
	}
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
uidl_add(int dir, uint32_t uidvalidity, const struct uidl_entry *e, size_t n,
    struct why *w)
{
	AUTO_BUF struct buf b = BUF_INIT(UIDL_FILE_MAX);
	struct uidl *u = uidl_load(dir, uidvalidity);

	buf_put_str(&b, MAGIC);
	buf_put_dec(&b, uidvalidity);
	buf_put_byte(&b, '\n');
	merge(u->all, e, n, &b);
	uidl_free(&u);
	if (b.failed)
		return why(w, -EFBIG, "%s", UIDL_FILE);
	return write_file(dir, buf_view(&b), w);
}
