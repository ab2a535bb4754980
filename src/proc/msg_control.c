#include "proc/msg_control.h"

#include <assert.h>

#include "proc/msg_deliver.h"

void
msg_control_deliver_put(struct buf *b, const struct msg_control_deliver *m)
{
	assert(m->account.n > 0 && m->account.n <= MSG_ACCOUNT_MAX);
	assert(m->sender.n <= MSG_CONTROL_SENDER_MAX);
	assert(m->recipient.n <= MSG_CONTROL_SENDER_MAX);
	assert(m->detail.n <= MSG_CONTROL_DETAIL_MAX);
	wire_put_u32(b, MSG_CONTROL_DELIVER);
	wire_put_u32(b, m->request);
	wire_put_bytes(b, m->account);
	wire_put_bytes(b, m->sender);
	wire_put_bytes(b, m->recipient);
	wire_put_bytes(b, m->detail);
	wire_put_u8(b, m->has_detail);
}

bool
msg_control_deliver_get(struct wire *w, struct msg_control_deliver *m)
{
	uint8_t flag;

	m->request = wire_u32(w);
	m->account = msg_account_get(w);
	m->sender = msg_line_get(w, MSG_CONTROL_SENDER_MAX);
	m->recipient = msg_line_get(w, MSG_CONTROL_SENDER_MAX);
	m->detail = msg_line_get(w, MSG_CONTROL_DETAIL_MAX);
	flag = wire_u8(w);
	m->has_detail = flag != 0;
	return wire_end(w) && flag <= 1 && (m->has_detail || m->detail.n == 0);
}

void
msg_control_result_put(struct buf *b, const struct msg_control_result *m)
{
	assert(m->text.n <= MSG_TEXT_MAX);
	wire_put_u32(b, MSG_CONTROL_RESULT);
	wire_put_u32(b, m->request);
	wire_put_u8(b, m->result);
	wire_put_u32(b, m->uid);
	wire_put_bytes(b, m->text);
}

bool
msg_control_result_get(struct wire *w, struct msg_control_result *m)
{
	m->request = wire_u32(w);
	m->result = wire_u8(w);
	m->uid = wire_u32(w);
	m->text = msg_text_get(w);
	return wire_end(w) && m->result <= MSG_DELIVER_PERMANENT;
}

void
msg_control_row_put(struct buf *b, const struct msg_control_row *m)
{
	assert(m->account.n > 0 && m->account.n <= MSG_ACCOUNT_MAX);
	wire_put_u32(b, MSG_CONTROL_ROW);
	wire_put_u64(b, m->session);
	wire_put_u32(b, m->pid);
	wire_put_u8(b, m->service);
	wire_put_u8(b, m->state);
	wire_put_u64(b, m->age_ms);
	wire_put_bytes(b, m->account);
	buf_put(b, (struct view){ m->remote.b, sizeof(m->remote.b) });
	wire_put_u16(b, m->remote_port);
	msg_bool_put(b, m->tls);
}

bool
msg_control_row_get(struct wire *w, struct msg_control_row *m)
{
	struct view a;

	m->session = wire_u64(w);
	m->pid = wire_u32(w);
	m->service = wire_u8(w);
	m->state = wire_u8(w);
	m->age_ms = wire_u64(w);
	m->account = msg_account_get(w);
	a = wire_raw(w, sizeof(m->remote.b));
	m->remote_port = wire_u16(w);
	m->tls = msg_bool_get(w);
	if (!wire_end(w) || msg_service_name(m->service) == NULL)
		return false;
	memcpy(m->remote.b, a.p, sizeof(m->remote.b));
	return true;
}

void
msg_control_plain_put(struct buf *b, enum msg_control_type type)
{
	wire_put_u32(b, type);
}
