#include "proc/msg_deliver.h"

#include <assert.h>

void
msg_deliver_plain_put(struct buf *b, enum msg_deliver_type type)
{
	wire_put_u32(b, type);
}

/* Nothing, or lines that end in CR LF, without NUL, CR and LF inside. */
static struct view
take_lines(struct wire *w, size_t max)
{
	struct view v = wire_bytes(w, max);

	for (size_t i = 0; i < v.n; i++) {
		bool end = v.p[i] == '\r' && i + 1 < v.n && v.p[i + 1] == '\n';

		if (end)
			i++;
		if (v.p[i] == '\0' ||
		    (!end && (v.p[i] == '\r' || v.p[i] == '\n')) ||
		    (!end && i + 1 == v.n))
			w->ok = false;
	}
	return w->ok ? v : (struct view){ NULL, 0 };
}

void
msg_deliver_put(struct buf *b, const struct msg_deliver *m)
{
	assert(m->sender.n <= MSG_DELIVER_ADDRESS_MAX &&
	    m->recipient.n <= MSG_DELIVER_ADDRESS_MAX &&
	    m->detail.n <= MSG_DELIVER_DETAIL_MAX &&
	    m->envid.n <= MSG_DELIVER_ENVID_MAX &&
	    m->orcpt.n <= MSG_DELIVER_XTEXT_MAX &&
	    m->auth.n <= MSG_DELIVER_XTEXT_MAX &&
	    m->trace.n <= MSG_DELIVER_TRACE_MAX &&
	    m->octets.n <= MSG_DELIVER_INLINE_MAX);
	wire_put_u32(b, MSG_DELIVER_DELIVER);
	wire_put_u64(b, m->delivery);
	wire_put_bytes(b, m->sender);
	wire_put_bytes(b, m->recipient);
	wire_put_bytes(b, m->detail);
	msg_bool_put(b, m->has_detail);
	msg_bool_put(b, m->utf8);
	msg_bool_put(b, m->lmtp);
	wire_put_u8(b, m->ret);
	wire_put_u8(b, m->notify);
	wire_put_bytes(b, m->envid);
	wire_put_bytes(b, m->orcpt);
	wire_put_bytes(b, m->auth);
	wire_put_bytes(b, m->trace);
	wire_put_bytes(b, m->octets);
}

bool
msg_deliver_get(struct wire *w, struct msg_deliver *m)
{
	m->delivery = wire_u64(w);
	m->sender = msg_line_get(w, MSG_DELIVER_ADDRESS_MAX);
	m->recipient = msg_line_get(w, MSG_DELIVER_ADDRESS_MAX);
	m->detail = msg_line_get(w, MSG_DELIVER_DETAIL_MAX);
	m->has_detail = msg_bool_get(w);
	m->utf8 = msg_bool_get(w);
	m->lmtp = msg_bool_get(w);
	m->ret = wire_u8(w);
	m->notify = wire_u8(w);
	m->envid = msg_line_get(w, MSG_DELIVER_ENVID_MAX);
	m->orcpt = msg_line_get(w, MSG_DELIVER_XTEXT_MAX);
	m->auth = msg_line_get(w, MSG_DELIVER_XTEXT_MAX);
	m->trace = take_lines(w, MSG_DELIVER_TRACE_MAX);
	m->octets = wire_bytes(w, MSG_DELIVER_INLINE_MAX);
	return wire_end(w) && m->delivery != 0 &&
	    (m->has_detail || m->detail.n == 0) &&
	    m->ret <= MSG_DELIVER_RET_HDRS && m->notify < 16 &&
	    ((m->notify & MSG_DELIVER_NEVER) == 0 ||
		m->notify == MSG_DELIVER_NEVER);
}

/* Nothing, or class "." subject "." detail (RFC 3463 section 2), the class that
 * of the result. */
static bool
is_status(struct view v, uint8_t result)
{
	static const uint8_t classes[] = { '2', '4', '5' };
	size_t dots = 0, digits = 0;

	if (v.n == 0)
		return true;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '.' && digits > 0) {
			dots++;
			digits = 0;
		} else if (v.p[i] >= '0' && v.p[i] <= '9' && digits < 3) {
			digits++;
		} else {
			return false;
		}
	}
	return dots == 2 && digits > 0 && v.p[0] == classes[result] &&
	    v.p[1] == '.';
}

void
msg_delivered_put(struct buf *b, const struct msg_delivered *m)
{
	char text[MSG_TEXT_MAX + 1];
	size_t n = m->text.n < MSG_TEXT_MAX ? m->text.n : MSG_TEXT_MAX;

	assert(m->result <= MSG_DELIVER_PERMANENT &&
	    m->status.n <= MSG_DELIVER_STATUS_MAX &&
	    is_status(m->status, m->result));
	if (n > 0)
		memcpy(text, m->text.p, n);
	text[n] = '\0';
	wire_put_u32(b, MSG_DELIVER_DELIVERED);
	wire_put_u64(b, m->delivery);
	wire_put_u8(b, m->result);
	wire_put_u32(b, m->uid);
	wire_put_u64(b, m->modseq);
	wire_put_bytes(b, m->status);
	msg_text_put(b, text);
}

bool
msg_delivered_get(struct wire *w, struct msg_delivered *m)
{
	m->delivery = wire_u64(w);
	m->result = wire_u8(w);
	m->uid = wire_u32(w);
	m->modseq = wire_u64(w);
	m->status = wire_bytes(w, MSG_DELIVER_STATUS_MAX);
	m->text = msg_text_get(w);
	return wire_end(w) && m->delivery != 0 &&
	    m->result <= MSG_DELIVER_PERMANENT &&
	    is_status(m->status, m->result) &&
	    (m->result == MSG_DELIVER_OK || m->uid == 0);
}
