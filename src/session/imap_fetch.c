#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "imap/datetime.h"
#include "imap/limits.h"
#include "imap/response.h"
#include "mail/envelope.h"
#include "mail/structure.h"
#include "session/fetch.h"
#include "session/imap_event.h"

/*
 * FETCH (RFC 9051 section 6.4.5) in constant memory: rows are read some
 * hundreds at a time, their bodies looked up together, and the forms that were
 * made at delivery copied to the output. Nothing is allocated per message.
 *
 * Messages that get \Seen by being read get it before they are shown, one
 * commit for the rows of one turn, so that the flags that go out are true.
 */
#define LOOKUP 64 /* bodies looked up together */

/* ---- the plan ---- */

static bool
is_common(const struct fetchitem *it)
{
	if (it->text != FETCHITEM_TEXT_HEADER_FIELDS || it->n_parts > 0)
		return false;
	for (size_t i = 0; i < it->n_fields; i++)
		if (!header_is_common(it->fields[i]))
			return false;
	return true;
}

static bool
sets_seen(const struct fetch *f, const struct fetchitem *it)
{
	return (it->kind == FETCHITEM_SECTION ||
		   it->kind == FETCHITEM_BINARY) &&
	    !it->peek && !f->s->st.read_only;
}

static bool
plan(struct fetch *f)
{
	f->plan = arena_alloc(f->s->arena, f->c->n * sizeof(*f->plan));
	if (f->plan == NULL)
		return false;
	for (size_t i = 0; i < f->c->n; i++) {
		const struct fetchitem *it = &f->c->items[i];

		f->plan[i] =
		    (struct fetch_plan){ .item = it, .common = is_common(it) };
		switch (it->kind) {
		case FETCHITEM_FLAGS:
			f->has_flags = true;
			break;
		case FETCHITEM_UID:
			f->has_uid = true;
			break;
		case FETCHITEM_INTERNALDATE:
		case FETCHITEM_RFC822_SIZE:
			break;
		case FETCHITEM_SECTION:
		case FETCHITEM_BINARY:
			f->sets_seen |= sets_seen(f, it);
			f->has_binary |= it->kind == FETCHITEM_BINARY;
			f->needs_body = true;
			break;
		case FETCHITEM_ENVELOPE:
		case FETCHITEM_BODY:
		case FETCHITEM_BODYSTRUCTURE:
			f->needs_body = true;
			break;
		case FETCHITEM_BINARY_SIZE:
			f->has_binary = f->needs_body = true;
			break;
		}
	}
	return true;
}

/* ---- one message ---- */

/* The cached forms, made anew when they are of an older format. */
static void
read_summary(struct fetch *f, struct fetch_message *m)
{
	if (summary_read(m->body->summary, &m->sum))
		return;
	buf_clear(&f->made);
	summary_write(m->body->octets, &f->made);
	if (!summary_read(buf_view(&f->made), &m->sum))
		m->sum = (struct summary){ .flags = SUMMARY_PARTIAL };
}

/* What was made in scratch, or, when even that does not hold it, a form that
 * says nothing. */
#define MADE_MAX (OUTPUT_MAX / 2)
static void
put_made(struct fetch *f, const char *instead)
{
	(void)output_flush(&f->s->c.out);
	if (f->scratch.failed || f->scratch.n > MADE_MAX)
		buf_put_str(&f->s->c.out.b, instead);
	else
		buf_put(&f->s->c.out.b, buf_view(&f->scratch));
	(void)output_flush(&f->s->c.out);
}

/* ENVELOPE, also of a message whose summary has none. */
static void
put_envelope(struct fetch *f, const struct fetch_message *m)
{
	AUTO_ARENA struct arena *texts = NULL;
	struct envelope e;

	if (m->sum.envelope.n > 0) {
		buf_put(&f->s->c.out.b, m->sum.envelope);
		return;
	}
	texts = arena_new(MIME_ARENA_MAX);
	buf_clear(&f->scratch);
	envelope_read(view_sub(m->body->octets, 0, m->sum.header_n), texts, &e);
	envelope_write(&e, texts, &f->scratch);
	put_made(f, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
}

/* BODY and BODYSTRUCTURE, also of a message whose summary has none, or has
 * parameters as they are written ("name*0") for a client of IMAP4rev2. */
static void
put_structure(
    struct fetch *f, const struct fetch_message *m, enum structure_form form)
{
	struct view v =
	    form == STRUCTURE_BODY ? m->sum.body : m->sum.bodystructure;
	AUTO_ARENA struct arena *tree = NULL;
	AUTO_ARENA struct arena *texts = NULL;
	const struct mime_part *root;
	const bool rev2 = session_utf8(f->s);

	if (v.n > 0 && (!rev2 || memchr(v.p, '*', v.n) == NULL)) {
		buf_put(&f->s->c.out.b, v);
		return;
	}
	tree = arena_new(MIME_ARENA_MAX);
	texts = arena_new(MIME_ARENA_MAX);
	root = mime_parse(m->body->octets, tree);
	buf_clear(&f->scratch);
	(rev2 ? structure_write_joined : structure_write)(
	    m->body->octets, root, form, texts, &f->scratch);
	put_made(
	    f, "(\"application\" \"octet-stream\" NIL NIL NIL \"8bit\" 0)");
}

/* INTERNALDATE: messages of one day follow one another, and of those only the
 * time of day is new. */
static void
put_date(struct fetch *f, int64_t date, int16_t zone)
{
	int64_t local = date + zone * 60;
	int64_t day = local / 86400 - (local % 86400 < 0);
	unsigned s = (unsigned)(local - day * 86400);
	struct buf *b = &f->s->c.out.b;
	uint8_t *p;

	if (f->date.n == 0 || day != f->day || zone != f->zone) {
		f->day = day;
		f->zone = zone;
		buf_clear(&f->date);
		datetime_put(&f->date, date, zone);
	}
	if ((p = buf_reserve(b, f->date.n)) == NULL || f->date.n != 28)
		return;
	memcpy(p, f->date.p, 28);
	for (int i = 0; i < 3; i++, s /= 60) {
		unsigned v = i < 2 ? s % 60 : s; /* "dd-mmm-yyyy hh:mm:ss */

		p[19 - 3 * i] = (uint8_t)('0' + v / 10);
		p[20 - 3 * i] = (uint8_t)('0' + v % 10);
	}
	b->n += 28;
}

static void
put_value(
    struct fetch *f, const struct fetch_plan *p, const struct fetch_message *m)
{
	struct buf *b = &f->s->c.out.b;

	switch (p->item->kind) {
	case FETCHITEM_FLAGS:
		session_put_flags(f->s, &m->row->flags, m->row->uid);
		break;
	case FETCHITEM_UID:
		buf_put_dec(b, m->row->uid);
		break;
	case FETCHITEM_INTERNALDATE:
		put_date(f, m->row->date, m->row->zone);
		break;
	case FETCHITEM_RFC822_SIZE:
		buf_put_dec(b, m->row->size);
		break;
	case FETCHITEM_ENVELOPE:
		put_envelope(f, m);
		break;
	case FETCHITEM_BODY:
		put_structure(f, m, STRUCTURE_BODY);
		break;
	case FETCHITEM_BODYSTRUCTURE:
		put_structure(f, m, STRUCTURE_BODYSTRUCTURE);
		break;
	case FETCHITEM_SECTION:
		fetch_section(f, p, m);
		break;
	case FETCHITEM_BINARY:
	case FETCHITEM_BINARY_SIZE:
		fetch_binary(f, p, m);
		break;
	}
}

/* show_flags: they were changed by this very command. */
static void
put_message(struct fetch *f, uint32_t seq, const struct fetch_message *m,
    bool show_flags)
{
	struct buf *b = &f->s->c.out.b;
	const size_t before = b->n;
	bool first = true;

	response_fetch_begin(b, seq);
	if (f->s->cmd->uid && !f->has_uid) {
		buf_put(b, VIEW_LIT("UID "));
		buf_put_dec(b, m->row->uid);
		first = false;
	}
	if (show_flags && !f->has_flags) {
		buf_put_str(b, first ? "FLAGS " : " FLAGS ");
		session_put_flags(f->s, &m->row->flags, m->row->uid);
		first = false;
	}
	for (size_t i = 0; i < f->c->n; i++) {
		const struct fetch_plan *p = &f->plan[i];

		if (f->has_binary && fetch_is_unknown(f, p->item, m)) {
			f->unknown_cte = true;
			continue;
		}
		if (!first)
			buf_put_byte(b, ' ');
		first = false;
		buf_put(b, p->item->label);
		buf_put_byte(b, ' ');
		put_value(f, p, m);
	}
	if (first)
		b->n = before; /* nothing was put: "()" is no response */
	else
		buf_put(b, VIEW_LIT(")\r\n"));
	output_turn(&f->s->c.out);
}

/* ---- \Seen ---- */

/* Does an item show something that is worth a \Seen? One that cannot be decoded
 * does not. */
static bool
shows_text(struct fetch *f, const struct message_row *row)
{
	struct message_body body = { 0 };
	struct fetch_message m = { .row = row, .body = &body };
	bool shows = false;

	if (!f->has_binary)
		return true;
	if (message_bodies(f->s->c.account, &row->body, 1, &body) != 0 ||
	    body.octets.p == NULL)
		return false;
	read_summary(f, &m);
	for (size_t i = 0; i < f->c->n && !shows; i++)
		shows = sets_seen(f, f->plan[i].item) &&
		    !fetch_is_unknown(f, f->plan[i].item, &m);
	return shows;
}

/* The messages among the rows that have no \Seen yet and get it. */
static void
unseen_of(struct fetch *f, const struct session_rows *rows, struct uidset *out)
{
	for (size_t i = 0; i < rows->n; i++)
		if ((rows->row[i].flags.system & STORE_SEEN) == 0 &&
		    shows_text(f, &rows->row[i]))
			uidset_add(out, rows->row[i].uid, rows->row[i].uid);
}

static int
add_seen(struct session *s, const struct uidset *set, struct uid_run **changed,
    size_t *n)
{
	const struct store_flags seen = { .system = STORE_SEEN };
	struct uid_run *modified = NULL;
	size_t n_modified = 0;
	uint64_t before, m;
	struct tx *t;
	int r;

	updates_tell(s, SESSION_TELL_NO_EXPUNGE);
	before = s->polled;
	if ((r = tx_begin(s->c.account, &t)) != 0)
		return r;
	r = tx_flags(t, s->st.mailbox, set->run, set->n, TX_FLAGS_ADD, &seen, 0,
	    changed, n, &modified, &n_modified);
	free(modified);
	if (r != 0) {
		tx_abort(&t);
		return r;
	}
	if ((r = session_commit(s, &t, &m)) == 0 && *n > 0) {
		updates_own(s, before, m, true);
		event_seen(s, *changed, *n);
	}
	return r;
}

/* Set \Seen on the rows and read them again; which of them changed. */
static int
see(struct fetch *f, struct session_rows *rows, struct uidset *changed)
{
	struct uidset unseen = { 0 };
	struct uid_run *runs = NULL;
	size_t n = 0;
	int r = 0;

	uidset_clear(changed);
	unseen_of(f, rows, &unseen);
	if (f->has_binary)
		message_release(f->s->c.account); /* what was looked at */
	if (unseen.n > 0 && (r = add_seen(rows->s, &unseen, &runs, &n)) == 0) {
		uidset_add_runs(changed, runs, n);
		r = rows_again(rows);
	}
	free(runs);
	uidset_fini(&unseen);
	return r;
}

/* ---- all messages ---- */

/*
 * The cached forms of messages lie in the log some kilobytes apart, each a walk
 * to memory. Touched together the walks overlap, one after the other they do
 * not.
 */
#define TOUCH 704 /* bytes of each summary */
#define CACHE_LINE 64

static void
touch(const struct message_body *body, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t at = 0; at < body[i].summary.n && at < TOUCH;
		     at += CACHE_LINE)
			sum += body[i].summary.p[at];
	__asm__ volatile("" : : "r"(sum));
}

/* A body that is not there: expunged meanwhile, or lost, which is logged. */
static void
missing(struct fetch *f, const struct message_body *body)
{
	if (body->lost)
		f->lost = session_failed(f->s, "FETCH", -EIO);
	else
		f->s->vanished = true;
}

/* n rows, whose bodies are looked up together. */
static int
put_rows(struct fetch *f, struct uidmap_walk *w, const struct message_row *row,
    size_t n, const struct uidset *changed)
{
	struct message_body body[LOOKUP];
	uint64_t number[LOOKUP];
	const bool needs_body = f->needs_body;
	int r;

	for (size_t i = 0; i < n; i++)
		number[i] = row[i].body;
	if (needs_body &&
	    (r = message_bodies(f->s->c.account, number, n, body)) != 0)
		return r;
	if (needs_body)
		touch(body, n);
	for (size_t i = 0; i < n && f->s->c.out.error == 0; i++) {
		struct fetch_message m = { .row = &row[i] };
		uint32_t seq = uidmap_walk_seq(w, row[i].uid);

		if (needs_body) {
			m.body = &body[i];
			if (m.body->octets.p == NULL) {
				missing(f, m.body);
				continue;
			}
			read_summary(f, &m);
		}
		if (seq != 0)
			put_message(f, seq, &m,
			    changed->n > 0 && uidset_has(changed, row[i].uid));
	}
	return 0;
}

static int
put_all(struct fetch *f, const struct uidset *set)
{
	struct uidmap_walk w = { &f->s->st.map, 0 };
	struct uidset changed = { 0 };
	struct session_rows rows;
	int r;

	rows_init(&rows, f->s, set);
	while ((r = rows_next(&rows)) == 0 && rows.n > 0 &&
	    f->s->c.out.error == 0) {
		if (f->sets_seen && (r = see(f, &rows, &changed)) != 0)
			break;
		for (size_t i = 0; r == 0 && i < rows.n; i += LOOKUP)
			r = put_rows(f, &w, rows.row + i,
			    rows.n - i < LOOKUP ? rows.n - i : LOOKUP,
			    &changed);
		if (r != 0)
			break;
		if (f->needs_body) {
			(void)output_flush(&f->s->c.out);
			message_release(f->s->c.account);
		}
	}
	if (r == 0 && rows.seen < uidset_count(set))
		f->s->vanished = true;
	rows_fini(&rows);
	uidset_fini(&changed);
	return r;
}

static void
fetch_set(
    struct session *s, const struct command_fetch *c, const struct uidset *set)
{
	struct fetch f = { .s = s, .c = c };
	int r;

	if (!plan(&f)) {
		session_no(s, "[LIMIT] Too many items");
		return;
	}
	if (f.has_flags || f.sets_seen)
		updates_keywords(s);
	buf_init(&f.scratch, OUTPUT_MAX);
	buf_init(&f.made, SUMMARY_MAX);
	buf_init(&f.date, 64);
	r = put_all(&f, set);
	(void)output_flush(&s->c.out); /* nothing lent stays behind */
	buf_fini(&f.scratch);
	buf_fini(&f.made);
	buf_fini(&f.date);
	arena_free(&f.tree);
	if (r != 0)
		session_store_result(s, r);
	else if (f.lost)
		session_no(s, "[SERVERBUG] A message cannot be read");
	else if (f.unknown_cte)
		session_no(s, "[UNKNOWN-CTE] A part cannot be decoded");
	else
		session_done(s, s->vanished);
}

void
imap_fetch(struct session *s, const struct command *c)
{
	struct uidset set = { 0 };

	if (c->u.fetch.modifiers.n > 0)
		session_bad(s, "Unknown FETCH modifier");
	else if (session_set(s, &c->u.fetch.set, c->uid, &set))
		fetch_set(s, &c->u.fetch, &set);
	uidset_fini(&set);
}
