/*
 * CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE and STATUS (RFC 9051 section
 * 6.3). Each change is one transaction; what can go wrong is the store's to
 * say and session_store_result()'s to put in words.
 */

#include <stdlib.h>

#include "imap/response.h"
#include "session/imap_status.h"
#include "session/internal.h"

/* A trailing delimiter says that the client will create names below it (RFC
 * 9051 section 6.3.4); the name is without it. */
static struct view
without_delimiter(struct view name)
{
	if (name.n > 1 && name.p[name.n - 1] == STORE_DELIMITER)
		name.n--;
	return name;
}

/* r is the result of the last step of t: commit or give up, and answer. given is
 * what the client called the mailbox that now is name, or NULL when it knows. */
static void
finish(struct session *s, struct tx **t, int r,
    const struct command_mailbox *given, struct view name)
{
	if (r != 0)
		tx_abort(t);
	else
		r = session_commit(s, t, NULL);
	if (r != 0) {
		session_store_result(s, r);
		return;
	}
	if (given != NULL)
		session_put_list(s, name, given->raw);
	session_ok(s, NULL);
}

/* Would the name be kept in a spelling that the client cannot be told of (OLDNAME
 * is IMAP4rev2's)? It would never find what it made. Then it is answered. */
static bool
is_kept_otherwise(struct session *s, const struct command_mailbox *m)
{
	if (!m->normalised || session_utf8(s))
		return false;
	session_no(s,
	    "[CANNOT] Names must be in Unicode's form NFC and in modified "
	    "UTF-7");
	return true;
}

static unsigned
store_uses(unsigned attrs)
{
	static const struct {
		unsigned attr, use;
	} map[] = {
		{ LISTATTR_ALL, STORE_USE_ALL },
		{ LISTATTR_ARCHIVE, STORE_USE_ARCHIVE },
		{ LISTATTR_DRAFTS, STORE_USE_DRAFTS },
		{ LISTATTR_FLAGGED, STORE_USE_FLAGGED },
		{ LISTATTR_JUNK, STORE_USE_JUNK },
		{ LISTATTR_SENT, STORE_USE_SENT },
		{ LISTATTR_TRASH, STORE_USE_TRASH },
		{ LISTATTR_IMPORTANT, STORE_USE_IMPORTANT },
	};
	unsigned uses = 0;

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if ((attrs & map[i].attr) != 0)
			uses |= map[i].use;
	return uses;
}

void
imap_create(struct session *s, const struct command *c)
{
	struct view name = without_delimiter(c->u.create.mailbox.name);
	struct tx *t = NULL;
	uint32_t id;
	int r;

	if (c->u.create.unknown_use) {
		session_no(s, "[USEATTR] Special use not known here");
		return;
	}
	if (c->u.create.mailbox.inbox) {
		session_no(s, "[ALREADYEXISTS] INBOX is always there");
		return;
	}
	if (is_kept_otherwise(s, &c->u.create.mailbox))
		return;
	if ((r = tx_begin(s->c.account, &t)) != 0) {
		session_store_result(s, r);
		return;
	}
	r = tx_mailbox_create(t, name, store_uses(c->u.create.use), &id);
	finish(s, &t, r,
	    c->u.create.mailbox.normalised ? &c->u.create.mailbox : NULL, name);
}

void
imap_delete(struct session *s, const struct command *c)
{
	struct mailbox_row row;
	struct tx *t = NULL;
	int r;

	if ((r = mailbox_find(s->c.account, c->u.mailbox.name, &row)) != 0 ||
	    (r = tx_begin(s->c.account, &t)) != 0) {
		session_store_result(s, r);
		return;
	}
	r = tx_mailbox_delete(t, c->u.mailbox.name);
	if (r == 0)
		r = session_commit(s, &t, NULL);
	else
		tx_abort(&t);
	if (r != 0) {
		session_store_result(s, r);
		return;
	}
	if (row.id == s->st.mailbox)
		session_unselect(s);
	if (c->u.mailbox.normalised)
		session_put_list(s, c->u.mailbox.name, c->u.mailbox.raw);
	session_ok(s, NULL);
}

void
imap_rename(struct session *s, const struct command *c)
{
	const struct command_rename *rename = &c->u.rename;
	struct view to = without_delimiter(rename->to.name);
	bool tell = rename->from.normalised || rename->to.normalised;
	struct tx *t = NULL;
	int r;

	if (is_kept_otherwise(s, &rename->to))
		return;
	if ((r = tx_begin(s->c.account, &t)) != 0) {
		session_store_result(s, r);
		return;
	}
	r = tx_mailbox_rename(t, rename->from.name, to);
	finish(s, &t, r, tell ? &rename->from : NULL, to);
}

/* SUBSCRIBE only takes names that exist (RFC 9051 section 6.3.7 allows to ask
 * for that); UNSUBSCRIBE takes any. */
void
imap_subscribe(struct session *s, const struct command *c)
{
	struct view name = without_delimiter(c->u.mailbox.name);
	bool on = c->kind == COMMAND_SUBSCRIBE;
	struct mailbox_row row;
	struct tx *t = NULL;
	int r = 0;

	if (on && is_kept_otherwise(s, &c->u.mailbox))
		return;
	if (on)
		r = mailbox_find(s->c.account, name, &row);
	if (r != 0 || (r = tx_begin(s->c.account, &t)) != 0) {
		session_store_result(s, r);
		return;
	}
	r = tx_subscribe(t, name, on);
	if (!on && r == STORE_NOT_FOUND)
		r = 0;
	finish(s, &t, r, NULL, name);
}

/* --- STATUS --- */

/* Messages from UID floor on. */
static int
count_from(struct session *s, const struct mailbox_row *row, uint32_t *out)
{
	struct mailbox_row now;
	struct uid_run *runs;
	size_t n;
	int r;

	*out = 0;
	if (row->recent_floor >= row->uidnext)
		return 0;
	if ((r = mailbox_open(s->c.account, row->id, &now, &runs, &n)) != 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (runs[i].hi >= row->recent_floor)
			*out += runs[i].hi + 1 -
			    (runs[i].lo > row->recent_floor
				    ? runs[i].lo
				    : row->recent_floor);
	free(runs);
	return 0;
}

int
imap_status_put(struct session *s, const struct mailbox_row *row,
    struct view name, unsigned items)
{
	struct response_mailbox_status st = {
		.items = items,
		.messages = row->messages,
		.uidnext = row->uidnext,
		.uidvalidity = row->uidvalidity,
		.unseen = row->unseen,
		.deleted = row->deleted,
		.size = row->size,
	};
	int r;

	if ((items & COMMAND_STATUS_RECENT) != 0 &&
	    (r = count_from(s, row, &st.recent)) != 0)
		return r;
	response_mailbox_status(&s->c.out.b, name, &st, session_utf8(s));
	return 0;
}

void
imap_status(struct session *s, const struct command *c)
{
	const struct command_mailbox *m = &c->u.status.mailbox;
	struct mailbox_row row;
	int r = mailbox_find(s->c.account, m->name, &row);

	if (r == 0 && row.noselect)
		r = STORE_NOSELECT;
	if (r == 0)
		r = imap_status_put(
		    s, &row, session_told_name(s, m), c->u.status.items);
	if (r != 0) {
		session_store_result(s, r);
		return;
	}
	session_ok(s, NULL);
}
