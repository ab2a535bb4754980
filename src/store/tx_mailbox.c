#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/mailbox.h"
#include "store/metadata_inside.h"
#include "store/tx_inside.h"

/* Changes of mailboxes: making, deleting, renaming, subscribing. */

struct record_mailbox
tx_mailbox_record(const struct tx *t, const struct vdb_mailbox *m)
{
	return (struct record_mailbox){
		.version = t->version,
		.id = m->row.id,
		.parent = m->row.parent,
		.uidvalidity = m->row.uidvalidity,
		.uses = m->row.uses,
		.state = (enum record_mailbox_state)m->state,
		.format = m->format,
		.quota_root = m->quota_root,
		.alias = m->alias,
		.name = { m->name, m->name_n },
	};
}

static int
put(struct tx *t, const struct record_mailbox *m)
{
	tx_touch(t, m->id)->is_changed = true;
	return tx_failed(t, vdb_mailbox_put(t->t, m));
}

/* From the clock, but always more than any before in this account. */
static uint32_t
new_uidvalidity(struct tx *t)
{
	struct vdb_state *s = vdb_state(t->t);
	uint32_t now = (uint32_t)t->now;

	s->uidvalidity = now > s->uidvalidity ? now : s->uidvalidity + 1;
	return s->uidvalidity;
}

static int
make(
    struct tx *t, uint32_t id, uint32_t parent, struct view name, uint32_t uses)
{
	if (vdb_state(t->t)->mailboxes >= STORE_MAILBOXES_MAX)
		return STORE_LIMIT;
	return put(t,
	    &(struct record_mailbox){
		.version = t->version,
		.id = id,
		.parent = parent,
		.uidvalidity = new_uidvalidity(t),
		.uses = uses,
		.name = name,
	    });
}

int
tx_inbox(struct tx *t)
{
	const struct vdb_mailbox *m;
	int r = vdb_mailbox(t->t, 1, &m);

	if (r != STORE_NOT_FOUND) /* another process was first */
		return r;
	return make(t, 1, 0, VIEW_LIT("INBOX"), 0);
}

/* The mailbox of that level, made when missing; *made says which. */
static int
reach(struct tx *t, uint32_t parent, struct view level, uint32_t uses,
    uint32_t *id, bool *made)
{
	int r = vdb_child(t->t, parent, level, id);

	*made = r == STORE_NOT_FOUND;
	if (r != STORE_NOT_FOUND)
		return tx_failed(t, r);
	*id = vdb_state(t->t)->next_mailbox;
	return make(t, *id, parent, level, uses);
}

/* A \Noselect one comes to life again. */
static int
revive(struct tx *t, uint32_t id, uint32_t uses)
{
	const struct vdb_mailbox *m;
	struct record_mailbox rec;
	int r = vdb_mailbox(t->t, id, &m);

	if (r != 0)
		return tx_failed(t, r);
	if (!m->row.noselect)
		return STORE_EXISTS;
	rec = tx_mailbox_record(t, m);
	rec.state = RECORD_MAILBOX_LIVE;
	rec.uidvalidity = new_uidvalidity(t);
	rec.uses = uses;
	return put(t, &rec);
}

/* How many mailboxes making it would add, so that nothing is half made. */
static int
fits(struct tx *t, struct view name)
{
	uint32_t parent = 0, id;
	unsigned missing = 0;
	bool first = true;
	int r;

	for (; name.n > 0; first = false) {
		struct view level = mailbox_level(&name, first);

		if (missing == 0) {
			r = vdb_child(t->t, parent, level, &id);
			if (r < 0)
				return tx_failed(t, r);
			if (r == 0) {
				parent = id;
				continue;
			}
		}
		missing++;
	}
	return vdb_state(t->t)->mailboxes + missing > STORE_MAILBOXES_MAX
	    ? STORE_LIMIT
	    : 0;
}

int
tx_mailbox_create(struct tx *t, struct view name, uint32_t uses, uint32_t *id)
{
	uint32_t parent = 0;
	bool made = false;
	int r;

	*id = 0;
	if (t->failed != 0)
		return t->failed;
	if ((r = mailbox_name_check(name)) != 0 || (r = fits(t, name)) != 0)
		return r;
	for (bool first = true; name.n > 0; first = false) {
		struct view level = mailbox_level(&name, first);

		r = reach(t, parent, level, name.n == 0 ? uses : 0, id, &made);
		if (r != 0)
			return r;
		parent = *id;
	}
	return made ? 0 : revive(t, *id, uses);
}

static int
remove_all(struct tx *t, uint32_t id)
{
	struct uidruns all = { 0 };
	int r = tx_failed(t, vdb_uids(t->t, id, &all));

	if (r == 0)
		r = tx_remove(t, id, &all);
	uidruns_fini(&all);
	return r;
}

static int
find(struct tx *t, struct view name, uint32_t *id)
{
	if (t->failed != 0)
		return t->failed;
	if (mailbox_name_check(name) != 0)
		return STORE_NOT_FOUND;
	return tx_failed(t, mailbox_walk(t->t, name, id));
}

int
tx_mailbox_delete(struct tx *t, struct view name)
{
	const struct vdb_mailbox *m;
	struct record_mailbox rec;
	bool has_children;
	uint32_t id;
	int r;

	if ((r = find(t, name, &id)) != 0)
		return r;
	if (id == 1)
		return STORE_PERM;
	if ((r = vdb_has_children(t->t, id, &has_children)) != 0 ||
	    (r = vdb_mailbox(t->t, id, &m)) != 0)
		return tx_failed(t, r);
	if (m->row.noselect && has_children)
		return STORE_HAS_CHILDREN;
	if ((r = remove_all(t, id)) != 0 ||
	    (r = tx_metadata_drop(t, id)) != 0 ||
	    (r = vdb_mailbox(t->t, id, &m)) != 0)
		return tx_failed(t, r);
	rec = tx_mailbox_record(t, m);
	rec.uses = 0;
	rec.state =
	    has_children ? RECORD_MAILBOX_NOSELECT : RECORD_MAILBOX_DELETED;
	return put(t, &rec);
}

/* --- renaming --- */

static int
rename_inbox(struct tx *t, struct view to)
{
	const struct uid_run all = { 1, UINT32_MAX };
	struct uid_run *from;
	size_t n;
	uint32_t id, first;
	int r = tx_failed(t, tx_metadata_fits(t, 1));

	if (r != 0 || (r = tx_mailbox_create(t, to, 0, &id)) != 0 ||
	    (r = tx_metadata_copy(t, 1, id)) != 0)
		return r;
	r = tx_copy(t, 1, &all, 1, id, true, &from, &n, &first);
	free(from);
	return r;
}

/* Would everything below it still have names we allow? */
static int
subtree_fits(struct tx *t, uint32_t id, size_t length, unsigned level)
{
	const struct vdb_mailbox *m;
	AUTO_FREE uint32_t *child = NULL;
	size_t n;
	int r;

	if (length > STORE_NAME_MAX || level > STORE_LEVELS_MAX)
		return STORE_LIMIT;
	if ((r = vdb_children(t->t, id, &child, &n)) != 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if ((r = vdb_mailbox(t->t, child[i], &m)) != 0 ||
		    (r = subtree_fits(
			 t, child[i], length + 1 + m->name_n, level + 1)) != 0)
			return r;
	}
	return 0;
}

/* The mailbox above the new name; those missing are made. */
static int
new_parent(struct tx *t, uint32_t moved, struct view to, uint32_t *parent,
    struct view *level)
{
	bool made;
	int r;

	*parent = 0;
	for (bool first = true;; first = false) {
		*level = mailbox_level(&to, first);
		if (to.n == 0)
			return 0;
		r = reach(t, *parent, *level, 0, parent, &made);
		if (r != 0)
			return r;
		if (*parent == moved)
			return STORE_PERM;
	}
}

static unsigned
levels_of(struct view name)
{
	unsigned n = 0;

	for (; name.n > 0; n++)
		mailbox_level(&name, false);
	return n;
}

/* Is moved one of the existing levels of that name? */
static int
is_below(struct tx *t, uint32_t moved, struct view name)
{
	uint32_t id = 0;
	bool first = true;
	int r;

	for (; name.n > 0; first = false) {
		r = vdb_child(t->t, id, mailbox_level(&name, first), &id);
		if (r != 0)
			return r == STORE_NOT_FOUND ? 0 : r;
		if (id == moved)
			return STORE_PERM;
	}
	return 0;
}

int
tx_mailbox_rename(struct tx *t, struct view from, struct view to)
{
	const struct vdb_mailbox *m;
	struct record_mailbox rec;
	struct view level;
	uint32_t id, other;
	int r;

	if ((r = find(t, from, &id)) != 0)
		return r;
	if ((r = mailbox_name_check(to)) != 0)
		return r;
	if ((r = mailbox_walk(t->t, to, &other)) != STORE_NOT_FOUND)
		return r == 0 ? STORE_EXISTS : tx_failed(t, r);
	if (id == 1)
		return rename_inbox(t, to);
	if ((r = is_below(t, id, to)) != 0 || (r = fits(t, to)) != 0 ||
	    (r = subtree_fits(t, id, to.n, levels_of(to))) != 0)
		return tx_failed(t, r);
	if ((r = new_parent(t, id, to, &rec.parent, &level)) != 0 ||
	    (r = vdb_mailbox(t->t, id, &m)) != 0)
		return tx_failed(t, r);
	other = rec.parent;
	rec = tx_mailbox_record(t, m);
	rec.parent = other;
	rec.name = level;
	return put(t, &rec);
}

/* --- subscriptions --- */

static int
count_one(void *ctx, const struct record_entry_kv *e A_UNUSED)
{
	++*(unsigned *)ctx;
	return 0;
}

/* "inbox" is subscribed as INBOX, like every name that leads to it. */
static struct view
canonical(struct view name, uint8_t buf[STORE_NAME_MAX])
{
	struct view rest = name;
	struct view first = mailbox_level(&rest, true);

	memcpy(buf, name.p, name.n);
	memcpy(buf, first.p, first.n);
	return (struct view){ buf, name.n };
}

int
tx_subscribe(struct tx *t, struct view name, bool on)
{
	uint8_t buf[STORE_NAME_MAX];
	struct record_entry_kv old, e = { .version = t->version, .set = on };
	unsigned n = 0;
	int r;

	if (t->failed != 0)
		return t->failed;
	if ((r = mailbox_name_check(name)) != 0)
		return r;
	e.key = canonical(name, buf);
	r = vdb_entry(t->t, RECORD_SUBSCRIPTION, e.key, &old);
	if (r < 0)
		return tx_failed(t, r);
	if ((r == 0 && old.set) == on)
		return 0;
	if (on &&
	    (r = vdb_entries(t->t, RECORD_SUBSCRIPTION, count_one, &n)) != 0)
		return tx_failed(t, r);
	if (n >= STORE_SUBSCRIPTIONS_MAX)
		return STORE_LIMIT;
	return tx_put_entry(t, RECORD_SUBSCRIPTION, &e);
}
