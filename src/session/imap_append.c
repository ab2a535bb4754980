#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "imap/limits.h"
#include "imap/response.h"
#include "session/binary.h"
#include "session/imap_event.h"
#include "session/internal.h"

/*
 * APPEND of one or many messages (RFC 9051 section 6.3.12, RFC 3502, RFC 3516).
 * The octets of a message go to a spool while the client sends them, with no
 * lock held; when the command is complete all of them become one commit.
 */

/* ---- octets coming in ---- */

void
append_forget(struct session *s)
{
	for (size_t i = 0; i < s->spools; i++)
		spool_free(&s->spool[i]);
	s->spools = 0;
	s->spool_refused = NULL;
}

/* Answer the command now and drop what follows of it. */
static void
refuse(struct session *s, const char *text)
{
	response_begin(
	    &s->c.out.b, frame_tag(frame_text(&s->frame)), RESPONSE_NO);
	buf_put_str(&s->c.out.b, text);
	buf_put_str(&s->c.out.b, "\r\n");
	frame_refuse(&s->frame);
	append_forget(s);
}

/* Room for one more spool. */
static struct spool **
next_spool(struct session *s)
{
	if (s->spools == s->spools_cap) {
		s->spools_cap = s->spools_cap == 0 ? 8 : 2 * s->spools_cap;
		s->spool =
		    xrealloc(s->spool, s->spools_cap, sizeof(struct spool *));
	}
	s->spool[s->spools] = NULL;
	return &s->spool[s->spools];
}

/* Why a literal of that size is not taken, or NULL. */
static const char *
unwanted(const struct session *s, uint64_t size)
{
	uint64_t most =
	    s->env->max_message != 0 ? s->env->max_message : STORE_MESSAGE_MAX;

	if (s->spool_refused != NULL)
		return s->spool_refused;
	if (size > most)
		return "[TOOBIG] Message too large";
	if (size == 0)
		return "[CANNOT] A message cannot be empty";
	if (s->spools == LIMITS_APPEND)
		return "[LIMIT] Too many messages at once";
	return NULL;
}

/* Take n octets of the stream into the spool; what goes wrong is remembered
 * and the rest still read. */
static void
take_octets(struct session *s, struct spool *spool, uint64_t n, bool nul)
{
	while (n > 0) {
		struct view v;
		int r;

		if (session_wait(s, false, false) != SESSION_EVENT_INPUT)
			return;
		v = view_sub(
		    s->c.input, 0, n < s->c.input.n ? (size_t)n : s->c.input.n);
		view_skip(&s->c.input, v.n);
		n -= v.n;
		if (s->spool_refused != NULL)
			continue;
		if (!nul && memchr(v.p, '\0', v.n) != NULL)
			s->spool_refused =
			    "[CANNOT] NUL in a message needs a literal8";
		else if ((r = spool_write(spool, v)) != 0)
			s->spool_refused = session_store_text(s, r);
	}
	if (s->spool_refused == NULL) {
		int r = spool_finish(spool);

		if (r != 0)
			s->spool_refused = session_store_text(s, r);
	}
}

void
append_literal(struct session *s)
{
	struct frame_literal l = s->frame.literal;
	const char *no = unwanted(s, l.size);
	struct spool **spool = next_spool(s);
	int r;

	if (no == NULL && (r = spool_open(s->c.account, l.size, spool)) != 0)
		no = session_store_text(s, r);
	if (no == NULL && !frame_external(&s->frame, (uint32_t)s->spools)) {
		spool_free(spool);
		no = "[LIMIT] Command too long";
	}
	if (no != NULL) {
		refuse(s, no);
		if (l.size == UINT64_MAX && !l.sync)
			session_bye(
			    s, CLIENT_REFUSED, NULL, "Literal too large");
		return;
	}
	s->spools++;
	if (l.sync)
		response_continue(&s->c.out.b, VIEW_LIT("OK"));
	take_octets(s, *spool, l.size, l.literal8);
}

/* ---- the command ---- */

/* A message that stands in the command's own text. */
static int
spool_text(struct session *s, struct view text, struct spool **out)
{
	int r = spool_open(s->c.account, text.n, out);

	if (r == 0)
		r = spool_write(*out, text);
	return r == 0 ? spool_finish(*out) : r;
}

/* Replace the spool of a literal8 by one without NUL. NULL or why not. */
static const char *
without_nul(struct session *s, struct spool **spool)
{
	struct spool *clean = NULL;
	int r = spool_open(s->c.account, 0, &clean);

	if (r != 0)
		return session_store_text(s, r);
	switch (binary_rewrite(spool_view(*spool), clean, &r)) {
	case BINARY_AS_IS:
		spool_free(&clean);
		return NULL;
	case BINARY_IMPOSSIBLE:
		spool_free(&clean);
		return "[UNKNOWN-CTE] NUL outside a binary part";
	case BINARY_OK:
		r = spool_finish(clean);
		break;
	case BINARY_STORE:
		break;
	}
	if (r != 0) {
		spool_free(&clean);
		return session_store_text(s, r);
	}
	spool_free(spool);
	*spool = clean;
	return NULL;
}

/* The spool of message m, ready for the store. NULL or why not. */
static const char *
prepare(struct session *s, const struct command_message *m, struct spool ***out)
{
	int r;

	if (m->external) {
		*out = &s->spool[m->handle];
	} else {
		if (m->size == 0)
			return "[CANNOT] A message cannot be empty";
		*out = next_spool(s);
		s->spools++;
		if ((r = spool_text(s, m->text, *out)) != 0)
			return session_store_text(s, r);
	}
	return m->literal8 ? without_nul(s, *out) : NULL;
}

static int
add_message(struct session *s, struct tx *t, uint32_t mailbox,
    const struct command_message *m, struct spool *spool, uint32_t *uid)
{
	int64_t date = m->has_date ? m->date : clock_wall_s();
	struct store_flags flags;
	uint64_t body;
	int r;

	if ((r = session_flags(s, t, &m->flags, &flags)) != 0 ||
	    (r = tx_body(t, spool, &body)) != 0)
		return r;
	return tx_message(
	    t, mailbox, body, &flags, date, m->has_date ? m->zone : 0, uid);
}

static int
add_all(struct session *s, uint32_t mailbox, const struct command_append *a,
    struct spool *const *spool, uint32_t *uid)
{
	struct tx *t;
	int r;

	if ((r = tx_begin(s->c.account, &t)) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < a->n; i++)
		r = add_message(
		    s, t, mailbox, &a->messages[i], spool[i], &uid[i]);
	if (r != 0) {
		tx_abort(&t);
		return r;
	}
	return session_commit(s, &t, NULL);
}

static void
append_to(struct session *s, const struct mailbox_row *row,
    const struct command_append *a)
{
	AUTO_FREE struct spool **spool = xcalloc(a->n, sizeof(*spool));
	AUTO_FREE uint32_t *uid = xcalloc(a->n, sizeof(*uid));
	AUTO_BUF struct buf code = BUF_INIT(LIMITS_LINE);
	int r;

	for (size_t i = 0; i < a->n; i++) {
		struct spool **at;
		const char *no = prepare(s, &a->messages[i], &at);

		if (no != NULL) {
			session_no(s, no);
			return;
		}
		spool[i] = *at;
	}
	r = add_all(s, row->id, a, spool, uid);
	if (r == STORE_NOT_FOUND) {
		session_no(s, SESSION_TRYCREATE);
	} else if (r != 0) {
		session_store_result(s, r);
	} else {
		event_appended(s, row->id, uid, a->n);
		buf_put_str(&code, "APPENDUID ");
		buf_put_dec(&code, row->uidvalidity);
		buf_put_byte(&code, ' ');
		response_numbers(&code, uid, a->n);
		if (a->mailbox.normalised)
			session_put_list(s, a->mailbox.name, a->mailbox.raw);
		session_ok_code(s, buf_view(&code), NULL);
	}
}

void
imap_append(struct session *s, const struct command *c)
{
	const struct command_append *a = &c->u.append;
	struct mailbox_row row;
	int r;

	for (size_t i = 0; i < a->n; i++)
		if (a->messages[i].utf8) {
			session_bad(s, "UTF8 was not enabled");
			return;
		}
	if (s->spool_refused != NULL) {
		session_no(s, s->spool_refused);
		return;
	}
	r = mailbox_find(s->c.account, a->mailbox.name, &row);
	if (r == STORE_NOT_FOUND || (r == 0 && row.noselect))
		session_no(s, SESSION_TRYCREATE);
	else if (r != 0)
		session_store_result(s, r);
	else
		append_to(s, &row, a);
}
