#include "session/imap_metadata.h"

#include <errno.h>
#include <stdio.h>

#include "imap/response.h"
#include "session/internal.h"
#include "store/metadata.h"

/*
 * GETMETADATA and SETMETADATA (RFC 5464). What is listed is looked up one after
 * the other, so that no more than one value is in memory; what has gone between
 * counts as not there. Once METADATA is enabled, changes by other sessions are
 * told with the next answer, or in IDLE, by the versions that the store keeps of
 * each entry; what this session has done is left out.
 */
#define LIST_ARENA ((size_t)1 << 20)
#define TELL_ARENA ((size_t)128 << 20) /* with the names of all mailboxes */
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
	if ((r = mailbox_find(s->c.account, mailbox->name, &row)) == 0)
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
		response_metadata_begin(&s->c.out.b,
		    g->c->server ? VIEW_LIT("")
				 : session_told_name(s, &g->c->mailbox),
		    session_utf8(s));
	response_metadata_entry(
	    &s->c.out.b, !g->begun, entry, value, session_utf8(s));
	g->begun = true;
	output_turn(&s->c.out);
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
	r = metadata_get(g->s->c.account, g->mailbox, e->name, a, &value);
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
	int r = metadata_list(g->s->c.account, g->mailbox, a, &all, &g->n);

	if (r != 0)
		return r;
	g->all = all;
	r = g->c->depth == COMMAND_DEPTH_0 ? get_named(g) : get_below(g);
	if (g->begun)
		buf_put_str(&g->s->c.out.b, ")\r\n");
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

/* Nobody wrote between modseq before and this commit. */
static int
commit_own(struct session *s, struct tx **t, uint64_t before)
{
	uint64_t own;
	int r = session_commit(s, t, &own);

	if (r == 0 && own > before && (s->st.enabled & STATE_METADATA) != 0) {
		imap_metadata_tell(s, before);
		s->st.told_metadata = own;
	}
	return r;
}

static int
set_all(struct session *s, const struct command_setmetadata *c)
{
	struct tx *t = NULL;
	uint64_t before = 0;
	uint32_t id;
	int r = find(s, &c->mailbox, c->server, &id);

	if (r == 0)
		r = tx_begin(s->c.account, &t);
	if (r != 0)
		return r;
	r = account_modseq(s->c.account, &before);
	for (size_t i = 0; i < c->n && r == 0; i++) {
		const struct command_annotation *e = &c->annotations[i];

		r = tx_metadata(
		    t, id, e->entry, e->value.p != NULL ? &e->value : NULL);
	}
	if (r == 0)
		return commit_own(s, &t, before);
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

/* --- what others have changed --- */

bool
imap_metadata_enable(struct session *s)
{
	if ((s->st.enabled & STATE_METADATA) == 0 &&
	    session_failed(s, "modseq",
		account_modseq(s->c.account, &s->st.told_metadata)))
		return false;
	s->st.enabled |= STATE_METADATA;
	return true;
}

struct tell {
	struct session *s;
	struct arena *arena;
	struct mailbox_entry *box; /* all there are, when first needed */
	size_t n_boxes;
	bool has_boxes;
};

/* The name of a mailbox, n 0 and p NULL: there is none any more. */
static int
name_of(struct tell *l, uint32_t id, struct view *out)
{
	int r = 0;

	*out = VIEW_LIT("");
	if (id == 0)
		return 0;
	if (!l->has_boxes)
		r = mailbox_list(
		    l->s->c.account, l->arena, &l->box, &l->n_boxes);
	l->has_boxes = r == 0;
	*out = (struct view){ NULL, 0 };
	for (size_t i = 0; r == 0 && i < l->n_boxes; i++)
		if (l->box[i].row.id == id)
			*out = l->box[i].name;
	return r;
}

/* Changes of one mailbox. */
static int
tell_one(struct tell *l, const struct metadata_change *c, size_t n)
{
	struct view *entries = arena_alloc(l->arena, n * sizeof(*entries));
	struct view name;
	int r = entries != NULL ? name_of(l, c->mailbox, &name) : -ENOMEM;

	if (r != 0 || name.p == NULL)
		return r;
	for (size_t i = 0; i < n; i++)
		entries[i] = c[i].name;
	response_metadata_changed(
	    &l->s->c.out.b, name, entries, n, session_utf8(l->s));
	return 0;
}

static int
tell_since(struct session *s, uint64_t upto)
{
	AUTO_ARENA struct arena *a = arena_new(TELL_ARENA);
	struct tell l = { .s = s, .arena = a };
	struct metadata_change *all;
	size_t n, k = 0;
	int r =
	    metadata_changes(s->c.account, s->st.told_metadata, a, &all, &n);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (all[i].version <= upto)
			all[k++] = all[i];
	n = k;
	for (size_t i = 0; r == 0 && i < n; i += k) {
		for (k = 1; i + k < n; k++)
			if (all[i + k].mailbox != all[i].mailbox)
				break;
		r = tell_one(&l, &all[i], k);
	}
	return r;
}

void
imap_metadata_tell(struct session *s, uint64_t upto)
{
	uint64_t now;

	if ((s->st.enabled & STATE_METADATA) == 0 ||
	    session_failed(s, "modseq", account_modseq(s->c.account, &now)))
		return;
	if (upto > now)
		upto = now;
	if (upto <= s->st.told_metadata)
		return;
	(void)session_failed(s, "annotations", tell_since(s, upto));
	s->st.told_metadata = upto;
}
