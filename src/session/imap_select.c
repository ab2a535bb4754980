#include <stdlib.h>

#include "imap/response.h"
#include "session/internal.h"

/* SELECT, EXAMINE, CLOSE and UNSELECT (RFC 9051 sections 6.3.2, 6.3.3, 6.4.1,
 * 6.4.2). */

/* What only IMAP4rev1 has. */
static void
put_rev1(struct session *s, const struct mailbox_row *row)
{
	struct buf *b = &s->c.out.b;
	uint32_t unseen;

	if (session_utf8(s))
		return;
	response_count(b, s->st.told_recent, "RECENT");
	unseen = row->first_unseen != 0
	    ? uidmap_seq(&s->st.map, row->first_unseen)
	    : 0;
	if (unseen != 0)
		response_statusf(b, VIEW_LIT(""), RESPONSE_OK,
		    "[UNSEEN %u] First unseen message", unseen);
}

static void
put_mailbox(struct session *s, const struct mailbox_row *row,
    const struct command_mailbox *m)
{
	struct buf *b = &s->c.out.b;

	updates_put_flag_names(s);
	response_count(b, uidmap_count(&s->st.map), "EXISTS");
	put_rev1(s, row);
	response_statusf(b, VIEW_LIT(""), RESPONSE_OK,
	    "[UIDVALIDITY %u] UIDs are valid", row->uidvalidity);
	response_statusf(b, VIEW_LIT(""), RESPONSE_OK,
	    "[UIDNEXT %u] Predicted next UID", row->uidnext);
	session_put_list(s, m->name,
	    view_eq(m->raw, m->name) ? VIEW_LIT("") : m->raw); /* "inbox" */
}

void
imap_select(struct session *s, const struct command *c)
{
	const struct command_select *sel = &c->u.select;
	bool examine = c->kind == COMMAND_EXAMINE;
	struct mailbox_row row;
	int r;

	if (sel->params.n > 0) {
		session_bad(s, "Unknown SELECT parameter");
		return;
	}
	if (s->st.mailbox != 0) {
		session_unselect(s);
		response_status(&s->c.out.b, VIEW_LIT(""), RESPONSE_OK,
		    "CLOSED", "Previous mailbox is closed");
	}
	if ((r = mailbox_find(s->c.account, sel->mailbox.name, &row)) != 0 ||
	    (r = updates_select(s, row.id, examine, &row)) != 0) {
		session_unselect(s);
		session_store_result(s, r);
		return;
	}
	put_mailbox(s, &row, &sel->mailbox);
	session_ok(s,
	    examine ? "[READ-ONLY] EXAMINE completed"
		    : "[READ-WRITE] SELECT completed");
}

void
imap_close(struct session *s, const struct command *c)
{
	const struct uid_run all = { 1, UINT32_MAX };
	int r = 0;

	(void)c;
	if (!s->st.read_only)
		r = session_expunge(s, &all, 1);
	session_unselect(s);
	if (r != 0 && r != STORE_NOT_FOUND)
		session_store_result(s, r);
	else
		session_ok(s, NULL);
}

void
imap_unselect(struct session *s, const struct command *c)
{
	(void)c;
	session_unselect(s);
	session_ok(s, NULL);
}
