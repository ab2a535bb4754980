#include "store/metadata.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "store/metadata_inside.h"
#include "store/vdb.h"

/* --- names --- */

/* Components of v; 0: it is no name, whatever its scope. */
static unsigned
components(struct view v)
{
	unsigned n = 0;

	if (v.n == 0 || v.p[0] != '/')
		return 0;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (c < 0x1a || c > 0x7e || c == '*' || c == '%')
			return 0;
		if (c != '/')
			continue;
		if (i + 1 == v.n || v.p[i + 1] == '/')
			return 0;
		n++;
	}
	return n;
}

/* Does *v begin with that component, or is it that? Then it is taken. */
static bool
take_component(struct view *v, struct view name)
{
	if (!view_starts_ci(*v, name) || (v->n > name.n && v->p[name.n] != '/'))
		return false;
	view_skip(v, name.n);
	return true;
}

static bool
take_scope(struct view *v)
{
	return take_component(v, VIEW_LIT("/private")) ||
	    take_component(v, VIEW_LIT("/shared"));
}

int
metadata_name_check(struct view entry)
{
	unsigned n;

	if (entry.n > METADATA_NAME_MAX)
		return STORE_LIMIT;
	n = components(entry);
	if (n < 2 || !take_scope(&entry))
		return STORE_BAD_NAME;
	return n < 4 && take_component(&entry, VIEW_LIT("/vendor"))
	    ? STORE_BAD_NAME
	    : STORE_OK;
}

bool
metadata_is_level(struct view name)
{
	return name.n <= METADATA_NAME_MAX && components(name) > 0 &&
	    take_scope(&name);
}

/* --- keys --- */

#define KEY_USER_MAX 1000 /* bytes of the name of a user */

struct view
metadata_key(uint32_t mailbox, struct view entry, uint8_t buf[METADATA_KEY_MAX])
{
	bytes_put32(buf, mailbox);
	bytes_put32(buf + 4, 0); /* the owner */
	for (size_t i = 0; i < entry.n; i++) {
		uint8_t c = entry.p[i];

		buf[8 + i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	return (struct view){ buf, 8 + entry.n };
}

bool
metadata_key_read(struct view key, struct metadata_name *out)
{
	struct wire w = wire_read(key);

	out->mailbox = wire_u32(&w);
	out->user = wire_bytes(&w, KEY_USER_MAX);
	out->entry = w.in;
	return w.ok && out->entry.n > 0;
}

/* --- reading --- */

int
metadata_get(struct account *a, uint32_t mailbox, struct view entry,
    struct arena *arena, struct view *out)
{
	uint8_t buf[METADATA_KEY_MAX];
	struct record_entry_kv e;
	struct vdb_txn *t;
	int r;

	if (metadata_name_check(entry) != 0)
		return STORE_NOT_FOUND;
	if ((r = account_read(a, &t)) != 0)
		return r;
	r = vdb_entry(
	    t, RECORD_METADATA, metadata_key(mailbox, entry, buf), &e);
	if (r == 0 && !e.set)
		r = STORE_NOT_FOUND;
	if (r == 0) {
		out->n = e.value.n;
		out->p = (uint8_t *)arena_strdup(arena, e.value);
		if (out->p == NULL)
			r = -ENOMEM;
	}
	account_read_end(a, t);
	return r == -ESTALE ? -EIO : r;
}

struct listing {
	struct arena *arena;
	struct metadata_entry *e;
	size_t n, cap;
};

static int
list_one(void *ctx, const struct record_entry_kv *kv)
{
	struct listing *l = ctx;
	struct metadata_name name;
	struct metadata_entry *e;

	if (!metadata_key_read(kv->key, &name) || name.user.n > 0)
		return 0;
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : l->cap * 2;
		l->e = xrealloc(l->e, l->cap, sizeof *l->e);
	}
	e = &l->e[l->n++];
	e->size = kv->value.n;
	e->name.n = name.entry.n;
	e->name.p = (uint8_t *)arena_strdup(l->arena, name.entry);
	return e->name.p != NULL ? 0 : -ENOMEM;
}

static int
compare(struct view a, struct view b)
{
	int r = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return r != 0 ? r : (a.n > b.n) - (a.n < b.n);
}

static int
by_name(const void *x, const void *y)
{
	const struct metadata_entry *a = x, *b = y;

	return compare(a->name, b->name);
}

int
metadata_list(struct account *a, uint32_t mailbox, struct arena *arena,
    struct metadata_entry **out, size_t *n)
{
	struct listing l = { .arena = arena };
	struct vdb_txn *t;
	int r;

	*out = NULL;
	*n = 0;
	if ((r = account_read(a, &t)) != 0)
		return r;
	r = vdb_metadata(t, mailbox, list_one, &l);
	account_read_end(a, t);
	if (r == 0 && l.n > 1)
		qsort(l.e, l.n, sizeof *l.e, by_name);
	if (r == 0) {
		*out = arena_alloc(arena, (l.n + 1) * sizeof *l.e);
		if (*out == NULL)
			r = -ENOMEM;
		else if (l.n > 0)
			memcpy(*out, l.e, l.n * sizeof *l.e);
		*n = r == 0 ? l.n : 0;
	}
	free(l.e);
	return r == -ESTALE ? -EIO : r;
}

/* --- what has changed --- */

struct changes {
	struct arena *arena;
	struct metadata_change *c;
	size_t n, cap;
};

static int
change_one(void *ctx, const struct record_entry_kv *kv)
{
	struct changes *l = ctx;
	struct metadata_name name;
	struct metadata_change *c;

	if (!metadata_key_read(kv->key, &name) || name.user.n > 0)
		return 0;
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : l->cap * 2;
		l->c = xrealloc(l->c, l->cap, sizeof *l->c);
	}
	c = &l->c[l->n++];
	c->mailbox = name.mailbox;
	c->version = kv->version;
	c->name.n = name.entry.n;
	c->name.p = (uint8_t *)arena_strdup(l->arena, name.entry);
	return c->name.p != NULL ? 0 : -ENOMEM;
}

static int
by_place(const void *x, const void *y)
{
	const struct metadata_change *a = x, *b = y;

	if (a->mailbox != b->mailbox)
		return a->mailbox < b->mailbox ? -1 : 1;
	return compare(a->name, b->name);
}

int
metadata_changes(struct account *a, uint64_t since, struct arena *arena,
    struct metadata_change **out, size_t *n)
{
	struct changes l = { .arena = arena };
	struct vdb_txn *t;
	int r;

	*out = NULL;
	*n = 0;
	if ((r = account_read(a, &t)) != 0)
		return r;
	r = vdb_entries_since(t, RECORD_METADATA, since, change_one, &l);
	account_read_end(a, t);
	if (r == 0 && l.n > 1)
		qsort(l.c, l.n, sizeof *l.c, by_place);
	if (r == 0) {
		*out = arena_alloc(arena, (l.n + 1) * sizeof *l.c);
		if (*out == NULL)
			r = -ENOMEM;
		else if (l.n > 0)
			memcpy(*out, l.c, l.n * sizeof *l.c);
		*n = r == 0 ? l.n : 0;
	}
	free(l.c);
	return r == -ESTALE ? -EIO : r;
}
