#include "proc/msg_hand.h"

#include <assert.h>

static void
put_id(struct buf *b, enum msg_hand_type type, const struct msg_hand_id *id)
{
	assert(id->generation != 0);
	wire_put_u32(b, type);
	wire_put_u64(b, id->conn);
	wire_put_u32(b, id->generation);
}

static void
take_id(struct wire *w, struct msg_hand_id *id)
{
	id->conn = wire_u64(w);
	id->generation = wire_u32(w);
	if (id->generation == 0)
		w->ok = false;
}

void
msg_hand_over_put(struct buf *b, const struct msg_hand_over *m)
{
	assert((m->login.tag.n > 0) == (m->service == MSG_SERVICE_IMAP));
	assert(m->unread.n <= MSG_UNREAD_MAX);
	put_id(b, MSG_HAND_HANDOVER,
	    &(struct msg_hand_id){ m->conn, m->generation });
	wire_put_u8(b, m->service);
	msg_id_put(b, m->grant);
	msg_login_put(b, &m->login);
	wire_put_bytes(b, m->unread);
	msg_client_put(b, &m->client);
	msg_bool_put(b, m->direct);
}

bool
msg_hand_over_get(struct wire *w, struct msg_hand_over *m)
{
	struct msg_hand_id id;

	take_id(w, &id);
	m->conn = id.conn;
	m->generation = id.generation;
	m->service = wire_u8(w);
	msg_id_get(w, m->grant);
	m->login = msg_login_get(w);
	m->unread = wire_bytes(w, MSG_UNREAD_MAX);
	m->client = msg_client_get(w);
	m->direct = msg_bool_get(w);
	return wire_end(w) && m->service >= MSG_SERVICE_IMAP &&
	    m->service <= MSG_SERVICE_SIEVE &&
	    (m->login.tag.n > 0) == (m->service == MSG_SERVICE_IMAP) &&
	    !(m->direct && m->client.tls);
}

void
msg_hand_gone_put(struct buf *b, const struct msg_hand_id *m)
{
	put_id(b, MSG_HAND_GONE, m);
}

void
msg_hand_ended_put(struct buf *b, const struct msg_hand_id *m)
{
	put_id(b, MSG_HAND_ENDED, m);
}

bool
msg_hand_id_get(struct wire *w, struct msg_hand_id *m)
{
	take_id(w, m);
	return wire_end(w);
}

void
msg_hand_started_put(struct buf *b, const struct msg_hand_started *m)
{
	put_id(b, MSG_HAND_STARTED, &m->id);
	wire_put_u64(b, m->session);
}

bool
msg_hand_started_get(struct wire *w, struct msg_hand_started *m)
{
	take_id(w, &m->id);
	m->session = wire_u64(w);
	return wire_end(w);
}

void
msg_hand_refused_put(struct buf *b, const struct msg_hand_refused *m)
{
	assert(m->text.n <= MSG_TEXT_MAX);
	put_id(b, MSG_HAND_REFUSED, &m->id);
	wire_put_u8(b, m->why);
	wire_put_bytes(b, m->text);
}

bool
msg_hand_refused_get(struct wire *w, struct msg_hand_refused *m)
{
	take_id(w, &m->id);
	m->why = wire_u8(w);
	m->text = msg_text_get(w);
	return wire_end(w) && m->why >= MSG_HAND_UNAVAILABLE &&
	    m->why <= MSG_HAND_NO_GRANT;
}
