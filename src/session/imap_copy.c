#include <stdlib.h>

#include "imap/response.h"
#include "session/imap_event.h"
#include "session/internal.h"

/* COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8), all or nothing. */

struct copied {
	struct uid_run *from;
	size_t n;
	uint32_t first;       /* UID of the first copy */
	uint32_t uidvalidity; /* of the target */
	bool some_gone;       /* fewer were there than the client named by
	                       * number: nothing was done */
};

/* "COPYUID 38505 304,319:320 3956:3958" */
static void
put_copyuid(struct buf *b, const struct copied *c)
{
	uint64_t n = uid_runs_count(c->from, c->n);

	buf_put_str(b, "COPYUID ");
	buf_put_dec(b, c->uidvalidity);
	for (size_t i = 0; i < c->n; i++) {
		struct seqset_range r = { c->from[i].lo, c->from[i].hi };

		buf_put_byte(b, i == 0 ? ' ' : ',');
		response_ranges(b, &r, 1);
	}
	buf_put_byte(b, ' ');
	response_ranges(b,
	    &(struct seqset_range){ c->first, c->first + (uint32_t)(n - 1) },
	    1);
}

static int
copy(struct session *s, const struct uidset *set, uint32_t target, bool move,
    struct copied *out)
{
	struct tx *t;
	int r;

	if ((r = tx_begin(s->c.account, &t)) != 0)
		return r;
	r = tx_copy(t, s->st.mailbox, set->run, set->n, target, move,
	    &out->from, &out->n, &out->first);
	if (r == 0 && !s->by_uid &&
	    uid_runs_count(out->from, out->n) < uidset_count(set))
		out->some_gone = true;
	if (r != 0 || out->some_gone) {
		tx_abort(&t);
		return r;
	}
	return session_commit(s, &t, NULL);
}

static void
answer_copied(struct session *s, const struct copied *c, bool move)
{
	AUTO_BUF struct buf code = BUF_INIT(OUTPUT_MAX);

	if (c->n == 0) {
		session_ok(s, "No matching messages");
		return;
	}
	put_copyuid(&code, c);
	if (!move) {
		session_ok_code(s, buf_view(&code), NULL);
		return;
	}
	/* before the EXPUNGEs (RFC 6851 section 4.3) */
	buf_put_str(&s->c.out.b, "* OK [");
	buf_put(&s->c.out.b, buf_view(&code));
	buf_put_str(&s->c.out.b, "] Moved\r\n");
	session_ok(s, NULL);
}

static void
copy_to(struct session *s, const struct uidset *set,
    const struct mailbox_row *target, bool move)
{
	struct copied c = { .uidvalidity = target->uidvalidity };
	int r = copy(s, set, target->id, move, &c);

	if (c.some_gone)
		session_no(s, "[EXPUNGEISSUED] Some messages are gone");
	else if (r == STORE_NOT_FOUND)
		session_no(s, SESSION_TRYCREATE);
	else if (r != 0)
		session_store_result(s, r);
	else
		answer_copied(s, &c, move);
	if (r == 0 && !c.some_gone)
		event_copied(
		    s, target->id, c.first, uid_runs_count(c.from, c.n));
	free(c.from);
}

void
imap_copy(struct session *s, const struct command *c)
{
	bool move = c->kind == COMMAND_MOVE;
	struct uidset set = { 0 };
	struct mailbox_row target;
	int r;

	if (!session_set(s, &c->u.copy.set, c->uid, &set))
		return;
	r = mailbox_find(s->c.account, c->u.copy.mailbox.name, &target);
	if (move && s->st.read_only)
		session_no(s, "[READ-ONLY] The mailbox is open read-only");
	else if (r == STORE_NOT_FOUND || (r == 0 && target.noselect))
		session_no(s, SESSION_TRYCREATE);
	else if (r != 0)
		session_store_result(s, r);
	else if (set.n == 0)
		session_ok(s, "No matching messages");
	else
		copy_to(s, &set, &target, move);
	uidset_fini(&set);
}
