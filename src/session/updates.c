#include <stdlib.h>

#include "base/mem.h"
#include "imap/response.h"
#include "session/imap_metadata.h"
#include "session/internal.h"

/*
 * What the client is told of its mailbox without asking.
 *
 * The client's picture is the map of UIDs and two positions: flags are told up
 * to one, expunges up to the other. They part when a command forbids EXPUNGE
 * (RFC 9051 section 7.5.1) and meet again at the next that allows it. Arrivals
 * may be told at any time and are known by the UID alone.
 */

/* ---- selecting ---- */

/* Take the \Recent flags there are for this session, or look at them only. */
static void
take_recent(struct session *s)
{
	struct mailbox_row row;
	uint32_t floor;

	if (session_utf8(s) || s->st.mailbox == 0)
		return; /* IMAP4rev2 has no \Recent */
	if (s->st.read_only) {
		if (mailbox_get(s->c.account, s->st.mailbox, &row) == 0 &&
		    row.recent_floor < row.uidnext)
			uidset_add(
			    &s->st.recent, row.recent_floor, row.uidnext - 1);
		return;
	}
	if (mailbox_take_recent(s->c.account, s->st.mailbox, &floor) != 0 ||
	    mailbox_get(s->c.account, s->st.mailbox, &row) != 0)
		return;
	if (floor < row.recent_floor)
		uidset_add(&s->st.recent, floor, row.recent_floor - 1);
}

uint32_t
updates_recent(const struct session *s)
{
	struct uidset cut = { 0 };
	uint64_t n;

	uidmap_cut(&s->st.map, s->st.recent.run, s->st.recent.n, &cut);
	n = uidset_count(&cut);
	uidset_fini(&cut);
	return (uint32_t)n;
}

int
updates_select(
    struct session *s, uint32_t id, bool read_only, struct mailbox_row *row)
{
	struct uid_run *runs = NULL;
	uint64_t polled;
	size_t n = 0;
	int r;

	if ((r = account_modseq(s->c.account, &polled)) != 0 ||
	    (r = mailbox_open(s->c.account, id, row, &runs, &n)) != 0)
		return r;
	if (row->noselect) {
		free(runs);
		return STORE_NOSELECT;
	}
	state_unselect(&s->st);
	s->polled = polled;
	s->own = 0;
	s->mailbox_gone = false;
	s->st.mailbox = id;
	s->st.uidvalidity = row->uidvalidity;
	s->st.read_only = read_only;
	s->st.told_flags = s->st.told_expunges = row->highestmodseq;
	s->st.told_uidnext = row->uidnext;
	uidmap_set(&s->st.map, runs, n);
	free(runs);
	take_recent(s);
	s->st.told_recent = updates_recent(s);
	return 0;
}

void
updates_own(struct session *s, uint64_t before, uint64_t m, bool shown)
{
	bool even = s->st.told_flags == s->st.told_expunges;

	if (m != before + 1) {
		/* others came between: tell theirs, and ours again where the
		 * client has not seen what came of both */
		s->own = shown ? m : 0;
		return;
	}
	s->st.told_flags = m;
	if (even)
		s->st.told_expunges = m;
	s->polled = m;
}

/* ---- telling ---- */

/* "* n EXPUNGE" for each UID that is gone, and forget them. Within a run the
 * number is the same each time, since the rest moves up. */
static void
tell_expunges(struct session *s, const struct uid_run *runs, size_t n)
{
	struct buf *b = &s->c.out.b;
	struct uidset gone = { 0 };
	uint32_t removed = 0;

	uidmap_cut(&s->st.map, runs, n, &gone);
	for (size_t i = 0; i < gone.n; i++) {
		const struct uid_run *r = &gone.run[i];
		uint32_t seq = uidmap_seq(&s->st.map, r->lo) - removed;

		for (uint64_t k = r->lo; k <= r->hi; k++) {
			response_count(b, seq, "EXPUNGE");
			output_turn(&s->c.out);
		}
		removed += r->hi - r->lo + 1;
	}
	(void)uidmap_remove(&s->st.map, gone.run, gone.n, NULL);
	uidset_remove_runs(&s->st.recent, gone.run, gone.n);
	uidset_remove_runs(&s->st.saved, gone.run, gone.n);
	uidset_fini(&gone);
}

/* When what happened since is no longer remembered: compare. */
static int
tell_lost_expunges(struct session *s)
{
	struct mailbox_row row;
	struct uid_run *runs = NULL;
	struct uidset gone = { 0 };
	size_t n = 0;
	int r = mailbox_open(s->c.account, s->st.mailbox, &row, &runs, &n);

	if (r != 0)
		return r;
	if (s->st.map.n > 0)
		uidmap_between(&s->st.map, 1, uidmap_last(&s->st.map), &gone);
	uidset_remove_runs(&gone, runs, n);
	free(runs);
	tell_expunges(s, gone.run, gone.n);
	uidset_fini(&gone);
	return 0;
}

static void
tell_arrivals(struct session *s, const struct mailbox_changes *c)
{
	uint32_t added = uidmap_append(&s->st.map, c->arrived, c->n_arrived);

	s->st.told_uidnext = c->row.uidnext;
	if (added == 0)
		return;
	response_count(&s->c.out.b, uidmap_count(&s->st.map), "EXISTS");
	if (session_utf8(s))
		return;
	take_recent(s);
	s->st.told_recent = updates_recent(s);
	response_count(&s->c.out.b, s->st.told_recent, "RECENT");
}

void
updates_put_flag_names(struct session *s)
{
	struct view name[STORE_KEYWORDS_MAX];
	struct buf *b = &s->c.out.b;
	unsigned n = 0;

	while (n < STORE_KEYWORDS_MAX &&
	    (name[n] = session_keyword_name(s, n)).n > 0)
		n++;
	buf_put_str(b, "* FLAGS ");
	response_flags(b, FLAGS_STORABLE, name, n);
	buf_put_str(b, "\r\n* OK [PERMANENTFLAGS ");
	if (s->st.read_only) {
		buf_put_str(b, "()] Read-only mailbox\r\n");
	} else {
		response_flags(b, FLAGS_STORABLE, name, n);
		if (n < STORE_KEYWORDS_MAX) {
			b->n--; /* the ")" */
			buf_put_str(b, " \\*)");
		}
		buf_put_str(b, "] Flags permitted\r\n");
	}
	s->st.told_keywords = n;
}

/* New keywords are told before a message that has them. */
void
updates_keywords(struct session *s)
{
	if (s->st.told_keywords < STORE_KEYWORDS_MAX &&
	    session_keyword_name(s, s->st.told_keywords).n > 0)
		updates_put_flag_names(s);
}

static void
tell_flags_run(
    struct session *s, const struct uid_run *run, struct uidmap_walk *w)
{
	/* RFC 9051 section 7.5.2; RFC 3501 section 6.4.8 during UID commands */
	const bool with_uid =
	    session_utf8(s) || (s->cmd != NULL && s->cmd->uid);
	struct message_row row[64];
	uint32_t lo = run->lo;
	size_t n;

	do {
		if (message_rows(s->c.account, s->st.mailbox, lo, run->hi, row,
			64, &n) != 0)
			return;
		for (size_t i = 0; i < n; i++)
			if (row[i].modseq > s->st.told_flags &&
			    row[i].modseq != s->own)
				session_put_flags_fetch(
				    s, w, &row[i], with_uid);
		if (n > 0)
			lo = row[n - 1].uid + 1;
		output_turn(&s->c.out);
	} while (n == 64 && lo != 0 && lo <= run->hi);
}

static void
tell_flags(struct session *s, const struct mailbox_changes *c)
{
	struct uidmap_walk w = { &s->st.map, 0 };
	struct uidset known = { 0 };

	uidmap_cut(&s->st.map, c->flags, c->n_flags, &known);
	if (known.n > 0)
		updates_keywords(s);
	for (size_t i = 0; i < known.n; i++)
		tell_flags_run(s, &known.run[i], &w);
	uidset_fini(&known);
}

/* The mailbox was deleted by somebody else. There is nothing left that this
 * client could be shown truthfully (RFC 2180 section 3.3). */
static void
tell_gone(struct session *s)
{
	s->mailbox_gone = true;
	session_bye(
	    s, CLIENT_GONE, "UNAVAILABLE", "The selected mailbox was deleted");
}

static void
tell_changes(struct session *s, const struct mailbox_changes *c, bool expunges)
{
	if (expunges && c->incomplete) {
		if (tell_lost_expunges(s) != 0)
			return;
	} else if (expunges) {
		tell_expunges(s, c->expunged, c->n_expunged);
	}
	tell_flags(s, c); /* of what was known before the arrivals */
	tell_arrivals(s, c);
	s->st.told_flags = c->row.highestmodseq;
	if (expunges)
		s->st.told_expunges = c->row.highestmodseq;
}

void
updates_tell(struct session *s, enum session_tell how)
{
	struct session_state *st = &s->st;
	bool expunges = how == SESSION_TELL_ALL;
	struct mailbox_changes c;
	uint64_t now;
	int r;

	if (how == SESSION_TELL_NOTHING || s->c.ending)
		return;
	imap_metadata_tell(s, UINT64_MAX);
	if (st->mailbox == 0)
		return;
	if (session_failed(s, "modseq", account_modseq(s->c.account, &now)))
		return;
	if (now == s->polled &&
	    (!expunges || st->told_flags == st->told_expunges))
		return;
	r = mailbox_changes(s->c.account, st->mailbox,
	    expunges ? st->told_expunges : st->told_flags, st->told_uidnext,
	    &c);
	if (r == STORE_NOT_FOUND) {
		tell_gone(s);
		return;
	}
	if (session_failed(s, "changes", r))
		return;
	tell_changes(s, &c, expunges);
	s->polled = now;
	mailbox_changes_fini(&c);
}
