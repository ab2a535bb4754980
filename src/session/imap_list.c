/*
 * LIST with all of RFC 5258, LIST-STATUS (RFC 5819), LIST-METADATA (RFC 9590) and
 * SPECIAL-USE (RFC 6154), and LSUB of RFC 3501.
 *
 * All names there are, those that exist and those that are only subscribed, are
 * put into one table. A name satisfies the selection or not, and matches the
 * patterns or not; names that satisfy it tell the names above them, which is
 * all that RECURSIVEMATCH and LSUB's "%" ask for.
 */

#include "base/hash.h"
#include "imap/pattern.h"
#include "imap/response.h"
#include "session/imap_metadata.h"
#include "session/imap_status.h"
#include "session/internal.h"

/* Names, their parents, and room for what is told of each. */
#define LIST_ARENA ((size_t)512 << 20)
#define LIST_NAMES_MAX                                                         \
	(STORE_MAILBOXES_MAX + STORE_SUBSCRIPTIONS_MAX * STORE_LEVELS_MAX)

struct name {
	struct view name;
	struct name *next;
	const struct mailbox_entry *entry; /* NULL: does not exist */
	bool subscribed;
	bool selected;       /* satisfies the selection options */
	bool matches;        /* one of the patterns */
	bool below;          /* a selected name is below it */
	bool below_unlisted; /* and one of them does not match */
};

struct list {
	struct session *s;
	const struct command_list *c;
	struct view *pattern; /* n of them, with the reference before each */
	size_t n;
	bool lsub;
	struct arena *arena;
	struct hash *table;
	struct name *first, **last;
};

/* --- the table --- */

static bool
any_pattern(const struct list *l, struct view name)
{
	for (size_t i = 0; i < l->n; i++)
		if (pattern_match(l->pattern[i], name))
			return true;
	return false;
}

/* The entry of that name, made if new. NULL: no more room. name must stay. */
static struct name *
name_get(struct list *l, struct view name)
{
	struct name *e = hash_get(l->table, name);

	if (e != NULL || (e = arena_alloc(l->arena, sizeof(*e))) == NULL)
		return e;
	e->name = name;
	e->matches = any_pattern(l, name);
	if (!hash_put(l->table, name, e))
		return NULL;
	*l->last = e;
	l->last = &e->next;
	return e;
}

static bool
is_selected(const struct list *l, const struct name *e)
{
	unsigned selects = l->lsub ? COMMAND_LIST_SUBSCRIBED : l->c->selects;

	if ((selects & COMMAND_LIST_SUBSCRIBED) != 0 && !e->subscribed)
		return false;
	if ((selects & COMMAND_LIST_SPECIAL_USE) != 0 &&
	    (e->entry == NULL || e->entry->row.uses == 0))
		return false;
	return e->entry != NULL || (selects & COMMAND_LIST_SUBSCRIBED) != 0;
}

/* e is selected: tell the names above it. */
static bool
tell_above(struct list *l, const struct name *e)
{
	struct view v = e->name;

	for (size_t n = v.n; n-- > 1;) {
		struct name *above;

		if (v.p[n] != STORE_DELIMITER)
			continue;
		if ((above = name_get(l, view_sub(v, 0, n))) == NULL)
			return false;
		above->below = true;
		above->below_unlisted |= !e->matches;
	}
	return true;
}

static int
collect_entries(struct list *l)
{
	struct mailbox_entry *entry;
	size_t n;
	int r = mailbox_list(l->s->c.account, l->arena, &entry, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct name *e = name_get(l, entry[i].name);

		if (e == NULL)
			return STORE_LIMIT;
		e->entry = &entry[i];
		e->subscribed = entry[i].subscribed;
	}
	return r;
}

static int
collect_subscriptions(struct list *l)
{
	struct view *sub;
	size_t n;
	int r = mailbox_subscriptions(l->s->c.account, l->arena, &sub, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct name *e = name_get(l, sub[i]);

		if (e == NULL)
			return STORE_LIMIT;
		e->subscribed = true;
	}
	return r;
}

static int
collect(struct list *l)
{
	bool up = l->lsub || (l->c->selects & COMMAND_LIST_RECURSIVEMATCH) != 0;
	bool subscribed =
	    l->lsub || (l->c->selects & COMMAND_LIST_SUBSCRIBED) != 0;
	int r = collect_entries(l);

	if (r == 0 && subscribed)
		r = collect_subscriptions(l);
	for (struct name *e = l->first; r == 0 && e != NULL; e = e->next) {
		e->selected = is_selected(l, e);
		if (e->selected && up && !tell_above(l, e))
			r = STORE_LIMIT;
	}
	return r;
}

/* --- the answers --- */

static unsigned
use_attrs(unsigned uses)
{
	_Static_assert(LISTATTR_ALL == STORE_USE_ALL << 9 &&
		LISTATTR_IMPORTANT == STORE_USE_IMPORTANT << 9,
	    "special uses come in one order");
	return (uses << 9) & LISTATTR_SPECIAL_USE;
}

static unsigned
mailbox_attrs(const struct mailbox_row *row, bool has_children)
{
	return (row->noselect ? LISTATTR_NOSELECT : 0u) |
	    (has_children ? LISTATTR_HASCHILDREN : LISTATTR_HASNOCHILDREN) |
	    use_attrs(row->uses);
}

static unsigned
list_attrs(const struct list *l, const struct name *e)
{
	unsigned returns = l->c->returns | l->c->selects;
	unsigned attrs = 0;

	if (e->subscribed && (returns & COMMAND_LIST_SUBSCRIBED) != 0)
		attrs |= LISTATTR_SUBSCRIBED;
	if (e->entry == NULL)
		return attrs | LISTATTR_NONEXISTENT |
		    ((returns & COMMAND_LIST_CHILDREN) != 0
			    ? LISTATTR_HASNOCHILDREN
			    : 0);
	return attrs | mailbox_attrs(&e->entry->row, e->entry->has_children);
}

static int
put_list(struct list *l, const struct name *e)
{
	bool recursive = (l->c->selects & COMMAND_LIST_RECURSIVEMATCH) != 0;
	struct response_list answer = { .attrs = list_attrs(l, e),
		.delimiter = STORE_DELIMITER,
		.name = e->name };
	struct mailbox_row row;
	bool status;
	int r = 0;

	if (!e->selected && !(recursive && e->below_unlisted))
		return 0;
	if (recursive && e->below)
		answer.childinfo = l->c->selects &
		    (COMMAND_LIST_SUBSCRIBED | COMMAND_LIST_SPECIAL_USE);
	status = e->selected && (l->c->returns & COMMAND_LIST_STATUS) != 0 &&
	    e->entry != NULL && !e->entry->row.noselect;
	response_list(&l->s->c.out.b, &answer, false, session_utf8(l->s));
	if (status)
		r = mailbox_get(l->s->c.account, e->entry->row.id, &row);
	if (status && r == 0)
		r = imap_status_put(l->s, &row, e->name, l->c->status);
	if (e->selected && e->entry != NULL && l->c->n_entries > 0 && r == 0)
		r = imap_metadata_put(l->s, e->entry->row.id, e->name,
		    l->c->entries, l->c->n_entries);
	return r == STORE_NOT_FOUND ? 0 : r; /* deleted meanwhile */
}

static bool
has_percent(const struct list *l)
{
	struct view p = l->pattern[0];

	return p.n > 0 && memchr(p.p, '%', p.n) != NULL;
}

/* LSUB: a name that "%" matches and that has only subscribed names below it,
 * which do not match, is told as \Noselect (RFC 3501 section 6.3.9). */
static void
put_lsub(struct list *l, const struct name *e)
{
	struct response_list answer = { .delimiter = STORE_DELIMITER,
		.name = e->name };

	if (!e->selected && (!e->below_unlisted || !has_percent(l)))
		return;
	if (!e->selected || (e->entry != NULL && e->entry->row.noselect))
		answer.attrs = LISTATTR_NOSELECT;
	response_list(&l->s->c.out.b, &answer, true, session_utf8(l->s));
}

static int
put_names(struct list *l)
{
	int r = 0;

	for (const struct name *e = l->first; r == 0 && e != NULL;
	     e = e->next) {
		if (!e->matches)
			continue;
		if (l->lsub)
			put_lsub(l, e);
		else
			r = put_list(l, e);
		output_turn(&l->s->c.out);
	}
	return r;
}

/* --- the command --- */

/* LIST "" "": the delimiter and the root of the reference (RFC 9051 section
 * 6.3.9), which for us is always "". */
static void
put_root(struct session *s)
{
	struct response_list root = { .attrs = LISTATTR_NOSELECT,
		.delimiter = STORE_DELIMITER,
		.name = VIEW_LIT("") };

	response_list(&s->c.out.b, &root, false, session_utf8(s));
}

void
session_put_list(struct session *s, struct view name, struct view oldname)
{
	struct response_list l = {
		.delimiter = STORE_DELIMITER, .name = name, .oldname = oldname
	};
	struct mailbox_row row;
	bool has_children = false;
	int r;

	if (!session_utf8(s))
		return;
	r = mailbox_find(s->c.account, name, &row);
	if (r == 0)
		r = mailbox_has_children(s->c.account, row.id, &has_children);
	if (r == 0)
		l.attrs = mailbox_attrs(&row, has_children);
	else if (r == STORE_NOT_FOUND)
		l.attrs = LISTATTR_NONEXISTENT;
	response_list(&s->c.out.b, &l, false, true);
}

/* Reference and pattern make one text, as RFC 9051 section 6.3.9 has it; in the
 * extended form an empty pattern is none. */
static bool
join_patterns(struct list *l)
{
	struct view ref = l->c->reference.name;

	l->pattern = arena_alloc(l->arena, l->c->n * sizeof(*l->pattern));
	for (size_t i = 0; l->pattern != NULL && i < l->c->n; i++) {
		struct view p = l->c->patterns[i].name;
		uint8_t *out;

		if (l->c->extended && p.n == 0)
			continue;
		if ((out = arena_alloc(l->arena, ref.n + p.n + 1)) == NULL)
			return false;
		if (ref.n > 0)
			memcpy(out, ref.p, ref.n);
		if (p.n > 0)
			memcpy(out + ref.n, p.p, p.n);
		l->pattern[l->n++] = (struct view){ out, ref.n + p.n };
	}
	return l->pattern != NULL;
}

static int
list_names(struct list *l)
{
	int r = join_patterns(l) ? collect(l) : STORE_LIMIT;

	return r == 0 ? put_names(l) : r;
}

void
imap_list(struct session *s, const struct command *c)
{
	AUTO_ARENA struct arena *arena = arena_new(LIST_ARENA);
	struct list l = { .s = s,
		.c = &c->u.list,
		.lsub = c->kind == COMMAND_LSUB,
		.arena = arena };
	int r;

	if (!l.lsub && !l.c->extended && l.c->n == 1 &&
	    l.c->patterns[0].name.n == 0) {
		put_root(s);
		session_ok(s, NULL);
		return;
	}
	if (!imap_metadata_check(l.c->entries, l.c->n_entries)) {
		session_bad(s, "Not the name of an entry");
		return;
	}
	l.last = &l.first;
	l.table = hash_new(LIST_NAMES_MAX);
	r = list_names(&l);
	hash_free(&l.table);
	if (r != 0)
		session_store_result(s, r);
	else
		session_ok(s, NULL);
}
