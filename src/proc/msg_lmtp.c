#include "proc/msg_lmtp.h"

#include <assert.h>

void
msg_lmtp_find_put(struct buf *b, const struct msg_lmtp_find *m)
{
	assert(m->request != 0 && m->local.n <= MSG_LMTP_LOCAL_MAX &&
	    m->domain.n <= MSG_LMTP_DOMAIN_MAX);
	wire_put_u32(b, MSG_LMTP_FIND);
	wire_put_u64(b, m->request);
	wire_put_bytes(b, m->local);
	wire_put_bytes(b, m->domain);
}

bool
msg_lmtp_find_get(struct wire *w, struct msg_lmtp_find *m)
{
	m->request = wire_u64(w);
	m->local = wire_bytes(w, MSG_LMTP_LOCAL_MAX);
	m->domain = wire_bytes(w, MSG_LMTP_DOMAIN_MAX);
	return wire_end(w) && m->request != 0;
}

void
msg_lmtp_found_put(struct buf *b, const struct msg_lmtp_found *m)
{
	assert(m->account.n <= MSG_ACCOUNT_MAX);
	wire_put_u32(b, MSG_LMTP_FOUND);
	wire_put_u64(b, m->request);
	wire_put_u8(b, m->answer);
	wire_put_bytes(b, m->account);
	msg_bool_put(b, m->has_detail);
	wire_put_u32(b, m->detail);
}

bool
msg_lmtp_found_get(struct wire *w, struct msg_lmtp_found *m)
{
	m->request = wire_u64(w);
	m->answer = wire_u8(w);
	if (m->answer == MSG_LMTP_YES)
		m->account = msg_account_get(w);
	else
		m->account = wire_bytes(w, 0);
	m->has_detail = msg_bool_get(w);
	m->detail = wire_u32(w);
	return wire_end(w) && m->request != 0 &&
	    m->answer <= MSG_LMTP_TRY_LATER &&
	    m->detail <= MSG_LMTP_LOCAL_MAX &&
	    (m->has_detail || m->detail == 0);
}

void
msg_lmtp_ask_put(struct buf *b, const struct msg_lmtp_ask *m)
{
	assert(m->request != 0 && m->account.n > 0 &&
	    m->account.n <= MSG_ACCOUNT_MAX);
	wire_put_u32(b, MSG_LMTP_ASK);
	wire_put_u64(b, m->request);
	wire_put_bytes(b, m->account);
}

bool
msg_lmtp_ask_get(struct wire *w, struct msg_lmtp_ask *m)
{
	m->request = wire_u64(w);
	m->account = msg_account_get(w);
	return wire_end(w) && m->request != 0;
}

void
msg_lmtp_asked_put(struct buf *b, const struct msg_lmtp_asked *m)
{
	wire_put_u32(b, MSG_LMTP_ASKED);
	wire_put_u64(b, m->request);
	wire_put_u8(b, m->answer);
	msg_id_put(b, m->grant);
}

bool
msg_lmtp_asked_get(struct wire *w, struct msg_lmtp_asked *m)
{
	m->request = wire_u64(w);
	m->answer = wire_u8(w);
	msg_id_get(w, m->grant);
	return wire_end(w) && m->request != 0 &&
	    m->answer <= MSG_LMTP_TRY_LATER;
}

void
msg_lmtp_open_put(struct buf *b, const struct msg_lmtp_open *m)
{
	wire_put_u32(b, MSG_LMTP_OPEN);
	wire_put_u64(b, m->request);
	msg_id_put(b, m->grant);
}

bool
msg_lmtp_open_get(struct wire *w, struct msg_lmtp_open *m)
{
	m->request = wire_u64(w);
	msg_id_get(w, m->grant);
	return wire_end(w) && m->request != 0;
}

void
msg_lmtp_opened_put(struct buf *b, uint64_t request)
{
	wire_put_u32(b, MSG_LMTP_OPENED);
	wire_put_u64(b, request);
}

void
msg_lmtp_refused_put(struct buf *b, uint64_t request)
{
	wire_put_u32(b, MSG_LMTP_REFUSED);
	wire_put_u64(b, request);
}

bool
msg_lmtp_request_get(struct wire *w, uint64_t *request)
{
	*request = wire_u64(w);
	return wire_end(w) && *request != 0;
}

void
msg_lmtp_changed_put(struct buf *b)
{
	wire_put_u32(b, MSG_LMTP_CHANGED);
}
