#include "proc/msg_session.h"

#include <assert.h>

void
msg_session_start_put(struct buf *b, const struct msg_session_start *m)
{
	assert(m->unread.n <= MSG_UNREAD_MAX);
	wire_put_u32(b, MSG_SESSION_START);
	wire_put_u64(b, m->session);
	msg_login_put(b, &m->login);
	wire_put_bytes(b, m->unread);
	msg_client_put(b, &m->client);
	msg_bool_put(b, m->direct);
	wire_put_u64(b, m->modseq);
}

bool
msg_session_start_get(struct wire *w, struct msg_session_start *m)
{
	m->session = wire_u64(w);
	m->login = msg_login_get(w);
	m->unread = wire_bytes(w, MSG_UNREAD_MAX);
	m->client = msg_client_get(w);
	m->direct = msg_bool_get(w);
	m->modseq = wire_u64(w);
	return wire_end(w) && m->session != 0;
}

void
msg_session_ready_put(struct buf *b)
{
	wire_put_u32(b, MSG_SESSION_READY);
}

void
msg_session_rest_put(struct buf *b)
{
	wire_put_u32(b, MSG_SESSION_REST);
}

void
msg_session_watch_put(struct buf *b)
{
	wire_put_u32(b, MSG_SESSION_WATCH);
}

void
msg_session_committed_put(struct buf *b, uint64_t modseq)
{
	wire_put_u32(b, MSG_SESSION_COMMITTED);
	wire_put_u64(b, modseq);
}

void
msg_session_changed_put(struct buf *b, uint64_t modseq)
{
	wire_put_u32(b, MSG_SESSION_CHANGED);
	wire_put_u64(b, modseq);
}

bool
msg_session_modseq_get(struct wire *w, uint64_t *modseq)
{
	*modseq = wire_u64(w);
	return wire_end(w);
}

void
msg_session_state_put(struct buf *b, uint8_t state)
{
	wire_put_u32(b, MSG_SESSION_STATE);
	wire_put_u8(b, state);
}

bool
msg_session_state_get(struct wire *w, uint8_t *state)
{
	*state = wire_u8(w);
	return wire_end(w) && *state >= MSG_SESSION_BUSY &&
	    *state <= MSG_SESSION_IDLE;
}

void
msg_session_shutdown_put(struct buf *b, const char *text)
{
	wire_put_u32(b, MSG_SESSION_SHUTDOWN);
	msg_text_put(b, text);
}

bool
msg_session_shutdown_get(struct wire *w, struct view *text)
{
	*text = msg_text_get(w);
	return wire_end(w);
}
