#include "cli/uidl_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "session/uidl.h"

/*
 * A map from names of files, without what follows ':', to ids. Lines that do
 * not read, and ids that POP3 cannot have, are left out.
 */
#define MESSAGES_MAX (1u << 24)
#define ARENA_MAX ((size_t)4 << 30)

struct item {
	struct view name, id;
};

struct uidl_source {
	struct hash *items;
	struct arena *arena;
	uint64_t validity;
};

void
uidl_source_free(struct uidl_source **s)
{
	if (*s == NULL)
		return;
	hash_free(&(*s)->items);
	arena_free(&(*s)->arena);
	free(*s);
	*s = NULL;
}

static struct view
base_of(struct view name)
{
	const uint8_t *end = name.n > 0 ? memchr(name.p, ':', name.n) : NULL;

	if (end != NULL)
		name.n = (size_t)(end - name.p);
	return name;
}

static void
add(struct uidl_source *s, struct view name, struct view id)
{
	struct item *it = arena_alloc(s->arena, sizeof(*it));
	char *a = arena_strdup(s->arena, base_of(name));
	char *b = arena_strdup(s->arena, id);

	if (it == NULL || a == NULL || b == NULL || !uidl_ok(id))
		return;
	*it = (struct item){ { (uint8_t *)a, base_of(name).n },
		{ (uint8_t *)b, id.n } };
	(void)!hash_put(s->items, it->name, it);
}

struct view
uidl_source_get(const struct uidl_source *s, struct view name)
{
	const struct item *it =
	    s != NULL ? hash_get(s->items, base_of(name)) : NULL;

	return it != NULL ? it->id : (struct view){ NULL, 0 };
}

/* ---- lines and words ---- */

static bool
take_line(struct view *in, struct view *line)
{
	const uint8_t *end;

	if (in->n == 0)
		return false;
	end = memchr(in->p, '\n', in->n);
	*line = view_sub(*in, 0, end != NULL ? (size_t)(end - in->p) : in->n);
	view_skip(in, end != NULL ? line->n + 1 : line->n);
	return true;
}

static struct view
take_word(struct view *in)
{
	struct view w = { in->p, 0 };

	while (w.n < in->n && in->p[w.n] != ' ')
		w.n++;
	view_skip(in, w.n < in->n ? w.n + 1 : w.n);
	return w;
}

/* The last word, taken away from the end. */
static struct view
cut_word(struct view *in)
{
	size_t at = in->n;
	struct view w;

	while (at > 0 && in->p[at - 1] != ' ')
		at--;
	w = view_sub(*in, at, in->n - at);
	in->n = at > 0 ? at - 1 : 0;
	return w;
}

/* ---- Dovecot ---- */

static void
add_dovecot(
    struct uidl_source *s, uint64_t uid, struct view id, struct view name)
{
	char text[17];

	if (id.n == 0) {
		(void)snprintf(text, sizeof(text), "%08x%08x", (unsigned)uid,
		    (unsigned)s->validity);
		id = view_str(text);
	}
	add(s, name, id);
}

/* "3 V1275660208 N25 G…", then "UID [Pid] […] :NAME". */
static void
read_dovecot_3(struct uidl_source *s, struct view head, struct view text)
{
	struct view line;

	while (head.n > 0) {
		struct view w = take_word(&head);

		if (w.n > 1 && w.p[0] == 'V')
			(void)!num_parse(
			    view_sub(w, 1, w.n), UINT32_MAX, &s->validity);
	}
	while (take_line(&text, &line)) {
		struct view id = { NULL, 0 }, w;
		uint64_t uid;

		if (!num_parse(take_word(&line), UINT32_MAX, &uid))
			continue;
		while (line.n > 0 && line.p[0] != ':') {
			w = take_word(&line);
			if (w.n > 1 && w.p[0] == 'P')
				id = view_sub(w, 1, w.n);
		}
		if (line.n > 1)
			add_dovecot(s, uid, id, view_sub(line, 1, line.n));
	}
}

/* "1 validity next", then "UID NAME". */
static void
read_dovecot_1(struct uidl_source *s, struct view head, struct view text)
{
	struct view line;

	(void)!num_parse(take_word(&head), UINT32_MAX, &s->validity);
	while (take_line(&text, &line)) {
		uint64_t uid;

		if (num_parse(take_word(&line), UINT32_MAX, &uid) && line.n > 0)
			add_dovecot(s, uid, (struct view){ NULL, 0 }, line);
	}
}

/* ---- Courier ---- */

/* "NAME SIZE n:validity[:utf8]"; blanks may be in the name. */
static void
read_courier(struct uidl_source *s, struct view text)
{
	struct view line;

	while (take_line(&text, &line)) {
		struct view ids = cut_word(&line);
		uint64_t n, validity;
		char id[48];

		(void)cut_word(&line);
		if (line.n == 0 || !num_take(&ids, UINT64_MAX, &n) || n == 0 ||
		    ids.n == 0 || ids.p[0] != ':')
			continue;
		view_skip(&ids, 1);
		if (!num_take(&ids, UINT64_MAX, &validity))
			continue;
		if (validity != 0)
			(void)snprintf(id, sizeof(id), "UID%llu-%llu",
			    (unsigned long long)n,
			    (unsigned long long)validity);
		else
			(void)snprintf(
			    id, sizeof(id), "UID%llu", (unsigned long long)n);
		add(s, line, view_str(id));
	}
}

/* ---- files ---- */

struct uidl_source *
uidl_source_read(struct view text)
{
	struct uidl_source *s = xcalloc(1, sizeof(*s));
	struct view head, first;

	s->items = hash_new(MESSAGES_MAX);
	s->arena = arena_new(ARENA_MAX);
	head = first = (struct view){ NULL, 0 };
	if (take_line(&text, &head))
		first = take_word(&head);
	if (view_eq(first, VIEW_LIT("3")))
		read_dovecot_3(s, head, text);
	else if (view_eq(first, VIEW_LIT("1")))
		read_dovecot_1(s, head, text);
	else if (view_eq(first, VIEW_LIT("/2")) ||
	    view_eq(first, VIEW_LIT("/3")))
		read_courier(s, text);
	else
		uidl_source_free(&s);
	return s;
}

static struct uidl_source *
read_file(int dir, const char *name)
{
	AUTO_CLOSE int fd =
	    openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct uidl_source *s;
	struct stat st;
	void *p;

	if (fd == -1 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size == 0)
		return NULL;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return NULL;
	s = uidl_source_read((struct view){ p, (size_t)st.st_size });
	(void)munmap(p, (size_t)st.st_size);
	return s;
}

struct uidl_source *
uidl_source_open(int dir)
{
	struct uidl_source *s = read_file(dir, "dovecot-uidlist");

	return s != NULL ? s : read_file(dir, "courierpop3dsizelist");
}
