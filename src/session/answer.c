#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "imap/response.h"
#include "session/hub.h"
#include "session/internal.h"

/*
 * How commands answer, what they say for the store's results, and how flags
 * look on the wire.
 */

/* ---- tagged answers ---- */

static void
answer(struct session *s, enum response_condition c, struct view code,
    const char *text)
{
	struct buf *b = &s->c.out.b;

	if (s->answered)
		return;
	s->answered = true;
	if (c != RESPONSE_BAD)
		updates_tell(s, s->tell);
	if (s->mailbox_gone && s->c.ending)
		return; /* BYE has been said instead */
	response_begin(b, s->cmd->tag, c);
	if (code.n > 0) {
		buf_put_byte(b, '[');
		buf_put(b, code);
		buf_put_str(b, "] ");
	}
	if (text != NULL) {
		buf_put_str(b, text);
	} else {
		buf_put_str(b, s->cmd->uid ? "UID " : "");
		buf_put_str(b, command_name(s->cmd->kind));
		buf_put_str(b, " completed");
	}
	buf_put_str(b, "\r\n");
}

void
session_ok(struct session *s, const char *text)
{
	answer(s, RESPONSE_OK, VIEW_LIT(""), text);
}

void
session_no(struct session *s, const char *text)
{
	answer(s, RESPONSE_NO, VIEW_LIT(""), text);
}

void
session_bad(struct session *s, const char *text)
{
	s->st.bads++;
	answer(s, RESPONSE_BAD, VIEW_LIT(""), text);
}

void
session_ok_code(struct session *s, struct view code, const char *text)
{
	answer(s, RESPONSE_OK, code, text);
}

void
session_done(struct session *s, bool some_gone)
{
	if (!some_gone)
		session_ok(s, NULL);
	else if (s->by_uid)
		session_ok(s, "[EXPUNGEISSUED] Some messages are gone");
	else
		session_no(s, "[EXPUNGEISSUED] Some messages are gone");
}

/* ---- results of the store ---- */

/* RFC 5530 codes and words for each outcome, the only place. */
static const char *const outcome[] = {
	[STORE_NOT_FOUND] = "[NONEXISTENT] No such mailbox",
	[STORE_EXISTS] = "[ALREADYEXISTS] A mailbox of that name exists",
	[STORE_BAD_NAME] = "[CANNOT] Not an acceptable mailbox name",
	[STORE_NOSELECT] = "[NONEXISTENT] This name holds no messages",
	[STORE_HAS_CHILDREN] = "[HASCHILDREN] There are mailboxes below it",
	[STORE_LIMIT] = "[LIMIT] Too many, or too large",
	[STORE_LOCKED] = "[INUSE] The account is busy, try again",
	[STORE_FULL] = "[UNAVAILABLE] The disk is full",
	[STORE_DAMAGED] = "[SERVERBUG] The account is damaged",
	[STORE_PERM] = "[CANNOT] That cannot be done to this mailbox",
};

/* Text for a system failure by what it means to the client. */
static const char *
failure(int r)
{
	switch (-r) {
	case ENOSPC:
	case EDQUOT:
		return outcome[STORE_FULL];
	case EROFS:
	case EACCES:
	case EPERM:
	case EIO:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return "[UNAVAILABLE] The mail store cannot do that now";
	}
	return "[SERVERBUG] Internal error";
}

bool
session_failed(struct session *s, const char *what, int r)
{
	struct log_line l;

	if (r == 0)
		return false;
	if (r > 0 && r != STORE_DAMAGED && r != STORE_FULL)
		return true;
	log_begin(&l, s->c.log, LOG_FAILURES, "store");
	log_str(&l, "call", what);
	if (r < 0)
		log_errno(&l, "error", r);
	log_str(&l, "why", account_why(s->c.account));
	log_end(&l);
	return true;
}

const char *
session_store_text(struct session *s, int r)
{
	const size_t n = sizeof(outcome) / sizeof(outcome[0]);

	(void)session_failed(
	    s, s->cmd != NULL ? command_name(s->cmd->kind) : "-", r);
	if (r > 0 && (size_t)r < n && outcome[r] != NULL)
		return outcome[r];
	return failure(r);
}

void
session_store_result(struct session *s, int r)
{
	session_no(s, session_store_text(s, r));
}

int
session_commit(struct session *s, struct tx **t, uint64_t *modseq)
{
	uint64_t m = 0;
	int r = tx_commit(t, &m);

	if (modseq != NULL)
		*modseq = m;
	if (r == 0)
		hub_committed(s->c.env->hub, m);
	return r;
}

void
session_unselect(struct session *s)
{
	state_unselect(&s->st);
	s->own = 0;
}

/* ---- sets ---- */

static bool
resolve_numbers(const struct uidmap *m, const struct seqset_range *r, size_t n,
    struct uidset *out)
{
	/* the last number of an empty mailbox is none, so "*" is an error, too */
	if (n == 0 || r[n - 1].hi > uidmap_count(m))
		return false;
	for (size_t i = 0; i < n; i++)
		uidmap_between_seq(m, r[i].lo, r[i].hi, out);
	return true;
}

bool
session_set_quiet(
    struct session *s, const struct seqset *set, bool uid, struct uidset *out)
{
	const struct uidmap *m = &s->st.map;
	struct seqset_range *r;
	size_t n;

	uidset_clear(out);
	s->by_uid = uid || set->saved;
	if (set->saved) {
		uidmap_cut(m, s->st.saved.run, s->st.saved.n, out);
		return true;
	}
	/* strictly "*" is an error in an empty mailbox, but "all there are" is
	 * what clients ask without looking whether there is one */
	if (set->n == 1 && set->ranges[0].lo == 1 &&
	    set->ranges[0].hi == SEQSET_STAR && uidmap_count(m) == 0)
		return true;
	r = arena_alloc(s->arena, set->n * sizeof(*r));
	if (r == NULL)
		return false;
	memcpy(r, set->ranges, set->n * sizeof(*r));
	n = seqset_normalise(r, set->n, uid ? uidmap_last(m) : uidmap_count(m));
	if (!uid)
		return resolve_numbers(m, r, n, out);
	for (size_t i = 0; i < n; i++)
		uidmap_between(m, r[i].lo, r[i].hi, out);
	return true;
}

bool
session_set(
    struct session *s, const struct seqset *set, bool uid, struct uidset *out)
{
	if (session_set_quiet(s, set, uid, out))
		return true;
	session_bad(s, "There is no message of that number");
	return false;
}

/* ---- flags ---- */

bool
session_keyword(struct session *s, struct view name, unsigned *number)
{
	return account_keyword_find(s->c.account, name, number) == 0;
}

/* A name never changes once it is given, so a copy is good for ever. */
struct view
session_keyword_name(struct session *s, unsigned number)
{
	struct view v;

	if (number >= STORE_KEYWORDS_MAX)
		return (struct view){ 0 };
	if (s->keyword == NULL)
		s->keyword = xcalloc(STORE_KEYWORDS_MAX, sizeof(*s->keyword));
	if (s->keyword[number].n == 0 &&
	    account_keyword_name(s->c.account, number, &v) == 0 && v.n > 0) {
		uint8_t *copy = xmalloc(v.n);

		memcpy(copy, v.p, v.n);
		s->keyword[number] = (struct view){ copy, v.n };
	}
	return s->keyword[number];
}

void
session_forget_keywords(struct session *s)
{
	for (unsigned i = 0; s->keyword != NULL && i < STORE_KEYWORDS_MAX;
	     i++) {
		void *p;

		memcpy(&p, &s->keyword[i].p, sizeof(p));
		free(p);
	}
	free(s->keyword);
	s->keyword = NULL;
}

static const struct {
	unsigned wire, store;
} flag_bits[] = {
	{ FLAGS_ANSWERED, STORE_ANSWERED },
	{ FLAGS_FLAGGED, STORE_FLAGGED },
	{ FLAGS_DELETED, STORE_DELETED },
	{ FLAGS_SEEN, STORE_SEEN },
	{ FLAGS_DRAFT, STORE_DRAFT },
};
#define FLAG_BITS (sizeof(flag_bits) / sizeof(flag_bits[0]))

int
session_flags(struct session *s, struct tx *t, const struct flags *f,
    struct store_flags *out)
{
	*out = (struct store_flags){ 0 };
	for (size_t i = 0; i < FLAG_BITS; i++)
		if ((f->system & flag_bits[i].wire) != 0)
			out->system |= (uint16_t)flag_bits[i].store;
	for (size_t i = 0; i < f->n; i++) {
		unsigned k;
		int r = 0;

		if (t == NULL && !session_keyword(s, f->keywords[i], &k))
			continue;
		if (t != NULL && (r = tx_keyword(t, f->keywords[i], &k)) != 0)
			return r;
		out->keywords[k / 64] |= 1ull << (k % 64);
	}
	return 0;
}

/* "\Answered \Seen" for each set of system flags; made once. */
struct flag_text {
	uint8_t n;
	char text[63];
};

static const struct flag_text *
flag_text(struct session *s, unsigned bits)
{
	struct flag_text *t;
	const char *name[6];
	size_t names = 0;

	if (s->flag_text == NULL)
		s->flag_text = xcalloc(64, sizeof(*s->flag_text));
	t = &s->flag_text[bits];
	if (t->n > 0 || bits == 0)
		return t;
	for (size_t i = 0; i < FLAG_BITS; i++)
		if ((bits & flag_bits[i].store) != 0)
			name[names++] = flags_name(flag_bits[i].wire);
	if ((bits & 32) != 0)
		name[names++] = flags_name(FLAGS_RECENT);
	for (size_t i = 0; i < names; i++) {
		size_t n = strlen(name[i]);

		if (i > 0)
			t->text[t->n++] = ' ';
		memcpy(t->text + t->n, name[i], n);
		t->n = (uint8_t)(t->n + n);
	}
	return t;
}

static void
put_keywords(struct session *s, const struct store_flags *f, bool first)
{
	struct buf *b = &s->c.out.b;

	for (unsigned w = 0; w < STORE_KEYWORDS_MAX / 64; w++)
		for (uint64_t m = f->keywords[w]; m != 0; m &= m - 1) {
			unsigned k = w * 64 + (unsigned)__builtin_ctzll(m);
			struct view name = session_keyword_name(s, k);

			if (name.n == 0)
				continue;
			if (!first)
				buf_put_byte(b, ' ');
			buf_put(b, name);
			first = false;
		}
}

void
session_put_flags(struct session *s, const struct store_flags *f, uint32_t uid)
{
	bool recent = s->st.recent.n > 0 && uidset_has(&s->st.recent, uid) &&
	    !session_utf8(s);
	const struct flag_text *t =
	    flag_text(s, (f->system & 31u) | (recent ? 32u : 0u));
	struct buf *b = &s->c.out.b;
	uint8_t *p = buf_reserve(b, sizeof(t->text) + 2);

	if (p == NULL)
		return;
	p[0] = '(';
	memcpy(p + 1, t->text, sizeof(t->text));
	b->n += 1u + t->n;
	if ((f->keywords[0] | f->keywords[1]) != 0)
		put_keywords(s, f, t->n == 0);
	buf_put_byte(b, ')');
}

void
session_put_flags_fetch(struct session *s, struct uidmap_walk *w,
    const struct message_row *row, bool with_uid)
{
	uint32_t seq = uidmap_walk_seq(w, row->uid);
	struct buf *b = &s->c.out.b;

	if (seq == 0)
		return;
	response_fetch_begin(b, seq);
	if (with_uid) {
		buf_put_str(b, "UID ");
		buf_put_dec(b, row->uid);
		buf_put_byte(b, ' ');
	}
	buf_put_str(b, "FLAGS ");
	session_put_flags(s, &row->flags, row->uid);
	buf_put_str(b, ")\r\n");
}
