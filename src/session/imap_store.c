#include <stdlib.h>

#include "imap/response.h"
#include "session/imap_event.h"
#include "session/internal.h"

/* STORE and EXPUNGE with their UID forms (RFC 9051 sections 6.4.3, 6.4.6,
 * 6.4.9). */

static const enum tx_flags_how how[] = {
	[COMMAND_STORE_REPLACE] = TX_FLAGS_SET,
	[COMMAND_STORE_ADD] = TX_FLAGS_ADD,
	[COMMAND_STORE_REMOVE] = TX_FLAGS_REMOVE,
};

/* The change itself. changed: how many messages look different now. */
static int
store_flags(struct session *s, const struct command_store *c,
    const struct uidset *set, uint64_t *changed, uint64_t *modseq)
{
	struct uid_run *runs = NULL, *modified = NULL;
	size_t n = 0, n_modified = 0;
	struct store_flags f;
	struct tx *t;
	int r;

	if ((r = tx_begin(s->c.account, &t)) != 0)
		return r;
	/* what is only taken away need not be made first */
	if ((r = session_flags(s, c->mode == COMMAND_STORE_REMOVE ? NULL : t,
		 &c->flags, &f)) == 0) {
		event_flagging(s, set, how[c->mode], &f);
		r = tx_flags(t, s->st.mailbox, set->run, set->n, how[c->mode],
		    &f, 0, &runs, &n, &modified, &n_modified);
	}
	*changed = uid_runs_count(runs, n);
	if (r != 0)
		tx_abort(&t);
	else if ((r = session_commit(s, &t, modseq)) == 0)
		event_flagged(s, runs, n);
	free(runs);
	free(modified);
	return r;
}

/* The flags of the messages as they are now. */
static int
show_flags(struct session *s, const struct uidset *set, uint64_t *shown)
{
	struct uidmap_walk w = { &s->st.map, 0 };
	struct session_rows rows;
	int r;

	rows_init(&rows, s, set);
	while ((r = rows_next(&rows)) == 0 && rows.n > 0)
		for (size_t i = 0; i < rows.n; i++) {
			session_put_flags_fetch(
			    s, &w, &rows.row[i], s->cmd->uid);
			output_turn(&s->c.out);
		}
	*shown = rows.seen;
	rows_fini(&rows);
	return r;
}

static void
store_set(
    struct session *s, const struct command_store *c, const struct uidset *set)
{
	uint64_t changed = 0, modseq = 0, shown = uidset_count(set), before;
	int r;

	updates_tell(s, SESSION_TELL_NO_EXPUNGE);
	before = s->polled;
	if ((r = store_flags(s, c, set, &changed, &modseq)) != 0) {
		session_store_result(s, r);
		return;
	}
	if (changed > 0)
		updates_own(s, before, modseq, !c->silent);
	updates_keywords(s);
	if (!c->silent && (r = show_flags(s, set, &shown)) != 0)
		session_store_result(s, r);
	else
		session_done(s, shown < uidset_count(set));
}

void
imap_store(struct session *s, const struct command *c)
{
	struct uidset set = { 0 };

	if (c->u.store.modifiers.n > 0)
		session_bad(s, "Unknown STORE modifier");
	else if (!session_set(s, &c->u.store.set, c->uid, &set))
		;
	else if (s->st.read_only)
		session_no(s, "[READ-ONLY] The mailbox is open read-only");
	else if (set.n == 0)
		session_ok(s, NULL);
	else
		store_set(s, &c->u.store, &set);
	uidset_fini(&set);
}

int
session_expunge(struct session *s, const struct uid_run *runs, size_t n)
{
	struct uid_run *gone = NULL;
	size_t n_gone = 0;
	struct tx *t;
	int r;

	if ((r = tx_begin(s->c.account, &t)) != 0)
		return r;
	r = tx_expunge(t, s->st.mailbox, runs, n, true, &gone, &n_gone);
	free(gone);
	if (r != 0) {
		tx_abort(&t);
		return r;
	}
	return session_commit(s, &t, NULL);
}

/* The EXPUNGE responses are news like others: they come with the answer. */
void
imap_expunge(struct session *s, const struct command *c)
{
	const struct uid_run all = { 1, UINT32_MAX };
	struct uidset set = { 0 };
	int r = 0;

	if (s->st.read_only) {
		session_no(s, "[READ-ONLY] The mailbox is open read-only");
		return;
	}
	if (!c->uid)
		r = session_expunge(s, &all, 1);
	else if (!session_set(s, &c->u.set, true, &set))
		return;
	else if (set.n > 0)
		r = session_expunge(s, set.run, set.n);
	uidset_fini(&set);
	if (r != 0)
		session_store_result(s, r);
	else
		session_ok(s, NULL);
}
