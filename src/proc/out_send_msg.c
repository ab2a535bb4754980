#include "proc/out_send.h"

/* What goes between out and its senders. */

void
out_send_job_put(struct buf *b, const struct out_send_job *m)
{
	wire_put_u32(b, OUT_SEND_JOB);
	wire_put_u64(b, m->number);
	wire_put_u64(b, m->offset);
	wire_put_u64(b, m->size);
	wire_put_bytes(b, m->sender);
	msg_deliver_dsn_put(b, &m->dsn);
	msg_bool_put(b, m->utf8);
	wire_put_u32(b, m->n);
	for (uint32_t i = 0; i < m->item->n; i++)
		if (m->item->to[i].state == OUT_WAITING)
			wire_put_bytes(b, m->item->to[i].address);
}

bool
out_send_job_get(struct wire *w, struct out_send_job *m)
{
	m->number = wire_u64(w);
	m->offset = wire_u64(w);
	m->size = wire_u64(w);
	m->sender = wire_bytes(w, MSG_OUT_ADDRESS_MAX);
	m->dsn = msg_deliver_dsn_get(w);
	m->utf8 = msg_bool_get(w);
	m->n = wire_u32(w);
	m->item = NULL;
	m->packed = w->in;
	if (m->n < 1 || m->n > MSG_OUT_RECIPIENTS_MAX)
		return false;
	for (uint32_t i = 0; i < m->n; i++)
		if (!msg_out_address_ok(wire_bytes(w, MSG_OUT_ADDRESS_MAX)))
			return false;
	return wire_end(w);
}

void
out_send_sent_put(struct buf *b, const struct out_send_sent *m)
{
	wire_put_u32(b, OUT_SEND_SENT);
	wire_put_u64(b, m->number);
	wire_put_u32(b, m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		wire_put_u8(b, m->fate[i].state);
		wire_put_u16(b, m->fate[i].code);
		msg_bool_put(b, m->fate[i].dsn);
		wire_put_bytes(b, m->fate[i].text);
	}
}

bool
out_send_sent_get(struct wire *w, struct out_send_sent *m)
{
	m->number = wire_u64(w);
	m->n = wire_u32(w);
	if (m->n < 1 || m->n > MSG_OUT_RECIPIENTS_MAX)
		return false;
	for (uint32_t i = 0; i < m->n; i++) {
		m->fate[i].state = wire_u8(w);
		m->fate[i].code = wire_u16(w);
		m->fate[i].dsn = msg_bool_get(w);
		m->fate[i].text = msg_text_get(w);
		if (!w->ok || m->fate[i].state > OUT_FAILED ||
		    m->fate[i].code > 599)
			return false;
	}
	return wire_end(w);
}
