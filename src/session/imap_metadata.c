#include "session/imap_metadata.h"

#include <stdio.h>

#include "imap/response.h"
#include "session/internal.h"
#include "store/metadata.h"

/*
 * GETMETADATA and SETMETADATA (RFC 5464). What is listed is looked up one after
 * the other, so that no more than one value is in memory; what has gone between
 * counts as not there. A changed annotation is not told to other sessions
 * (section 4.1 leaves that to the server), so METADATA cannot be enabled.
 */
#define LIST_ARENA ((size_t)1 << 20)
_Static_assert(METADATA_VALUE_MAX == 65536, "IMAP_METADATA_MAXSIZE says so");
_Static_assert(LIST_ARENA > 2 * METADATA_MAILBOX_MAX *
	    (METADATA_NAME_MAX + sizeof(struct metadata_entry)),
    "all names of a mailbox fit");

/* The id that the store has annotations under. */
static int
find(struct session *s, const struct command_mailbox *mailbox, bool server,
    uint32_t *id)
{
	struct mailbox_row row;
	int r;

	*id = 0;
	if (server)
		return 0;
	if ((r = mailbox_find(s->account, mailbox->name, &row)) == 0)
		*id = row.id;
	return r;
}

/* --- GETMETADATA --- */

struct get {
	struct session *s;
	const struct command_getmetadata *c;
	uint32_t mailbox;
	const struct metadata_entry *all;
	size_t n;
	size_t longest; /* value that passes MAXSIZE; 0: none does */
	bool begun;     /* a response */
};

static void
put(struct get *g, struct view entry, struct view value)
{
	struct session *s = g->s;

	if (!g->begun)
		response_metadata_begin(&s->out.b,
		    g->c->server ? VIEW_LIT("")
				 : session_told_name(s, &g->c->mailbox),
		    session_utf8(s));
	response_metadata_entry(
	    &s->out.b, !g->begun, entry, value, session_utf8(s));
	g->begun = true;
	output_turn(&s->out);
}

/* One that was found, unless it is too long, or gone by now (*gone). */
static int
put_found(struct get *g, const struct metadata_entry *e, bool *gone)
{
	AUTO_ARENA struct arena *a = arena_new(2 * METADATA_VALUE_MAX);
	struct view value;
	int r;

	*gone = false;
	if (g->c->has_maxsize && e->size > g->c->maxsize) {
		if (e->size > g->longest)
			g->longest = e->size;
		return 0;
	}
	r = metadata_get(g->s->account, g->mailbox, e->name, a, &value);
	if (r == 0)
		put(g, e->name, value);
	*gone = r == STORE_NOT_FOUND;
	return *gone ? 0 : r;
}

/* The name as it is kept, in lower case. */
static const struct metadata_entry *
lookup(const struct get *g, struct view name)
{
	for (size_t i = 0; i < g->n; i++)
		if (view_eq_ci(g->all[i].name, name))
			return &g->all[i];
	return NULL;
}

/* What was asked for by name: NIL when it is not there. */
static int
get_named(struct get *g)
{
	bool gone;
	int r = 0;

	for (size_t i = 0; i < g->c->n && r == 0; i++) {
		const struct metadata_entry *e = lookup(g, g->c->entries[i]);

		gone = e == NULL;
		if (e != NULL)
			r = put_found(g, e, &gone);
		if (r == 0 && gone)
			put(g, g->c->entries[i], (struct view){ NULL, 0 });
	}
	return r;
}

static bool
is_below(struct view name, struct view top, bool deep)
{
	if (!view_starts_ci(name, top))
		return false;
	view_skip(&name, top.n);
	if (name.n == 0)
		return true;
	if (name.p[0] != '/')
		return false;
	view_skip(&name, 1);
	return deep || memchr(name.p, '/', name.n) == NULL;
}

static bool
is_wanted(const struct get *g, struct view name)
{
	for (size_t i = 0; i < g->c->n; i++)
		if (is_below(name, g->c->entries[i],
			g->c->depth == COMMAND_DEPTH_INFINITY))
			return true;
	return false;
}

/* With DEPTH: what there is, each once. */
static int
get_below(struct get *g)
{
	bool gone;
	int r = 0;

	for (size_t i = 0; i < g->n && r == 0; i++)
		if (is_wanted(g, g->all[i].name))
			r = put_found(g, &g->all[i], &gone);
	return r;
}

static int
get_all(struct get *g)
{
	AUTO_ARENA struct arena *a = arena_new(LIST_ARENA);
	struct metadata_entry *all;
	int r = metadata_list(g->s->account, g->mailbox, a, &all, &g->n);

	if (r != 0)
		return r;
	g->all = all;
	r = g->c->depth == COMMAND_DEPTH_0 ? get_named(g) : get_below(g);
	if (g->begun)
		buf_put_str(&g->s->out.b, ")\r\n");
	return r;
}

int
imap_metadata_put(struct session *s, uint32_t mailbox, struct view name,
    const struct view *entries, size_t n)
{
	const struct command_getmetadata c = {
		.mailbox = { .name = name }, .entries = entries, .n = n
	};
	struct get g = { .s = s, .c = &c, .mailbox = mailbox };

	return get_all(&g);
}

bool
imap_metadata_check(const struct view *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!metadata_is_level(entries[i]))
			return false;
	return true;
}

void
imap_getmetadata(struct session *s, const struct command *c)
{
	struct get g = { .s = s, .c = &c->u.getmetadata };
	char code[60];
	int r;

	if (!imap_metadata_check(g.c->entries, g.c->n)) {
		session_bad(s, "Not the name of an entry");
		return;
	}
	r = find(s, &g.c->mailbox, g.c->server, &g.mailbox);
	if (r == 0)
		r = get_all(&g);
	if (r != 0) {
		session_store_result(s, r);
		return;
	}
	(void)snprintf(
	    code, sizeof(code), "METADATA LONGENTRIES %zu", g.longest);
	if (g.longest > 0)
		session_ok_code(s, view_str(code), NULL);
	else
		session_ok(s, NULL);
}

/* --- SETMETADATA --- */

/* Is it one that clients cannot change (section 6.2.2)? */
static bool
is_fixed(const struct command_setmetadata *c, struct view entry)
{
	return c->server && view_eq_ci(entry, VIEW_LIT("/shared/admin"));
}

/* False: it is answered. */
static bool
check(struct session *s, const struct command_setmetadata *c)
{
	for (size_t i = 0; i < c->n; i++)
		switch (metadata_name_check(c->annotations[i].entry)) {
		case STORE_OK:
			break;
		case STORE_LIMIT:
			session_no(s, "[LIMIT] Name of an entry too long");
			return false;
		default:
			session_bad(s, "Not the name of an entry");
			return false;
		}
	for (size_t i = 0; i < c->n; i++) {
		if (c->annotations[i].value.n > METADATA_VALUE_MAX) {
			session_no(s, IMAP_METADATA_MAXSIZE);
			return false;
		}
		if (is_fixed(c, c->annotations[i].entry)) {
			session_no(s, "[CANNOT] That entry is the server's");
			return false;
		}
	}
	return true;
}

static int
set_all(struct session *s, const struct command_setmetadata *c)
{
	struct tx *t = NULL;
	uint32_t id;
	int r = find(s, &c->mailbox, c->server, &id);

	if (r == 0)
		r = tx_begin(s->account, &t);
	if (r != 0)
		return r;
	for (size_t i = 0; i < c->n && r == 0; i++) {
		const struct command_annotation *e = &c->annotations[i];

		r = tx_metadata(
		    t, id, e->entry, e->value.p != NULL ? &e->value : NULL);
	}
	if (r == 0)
		return session_commit(s, &t, NULL);
	tx_abort(&t);
	return r;
}

void
imap_setmetadata(struct session *s, const struct command *c)
{
	int r;

	if (!check(s, &c->u.setmetadata))
		return;
	r = set_all(s, &c->u.setmetadata);
	if (r == 0)
		session_ok(s, NULL);
	else if (r == STORE_LIMIT)
		session_no(s, "[METADATA TOOMANY] Too many annotations");
	else
		session_store_result(s, r);
}
