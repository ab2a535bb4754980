#include "proc/msg_deliver.h"

#include <assert.h>

#include "base/xtext.h"

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
msg_deliver_dsn_put(struct buf *b, const struct msg_deliver_dsn *m)
{
	assert(m->envid.n <= MSG_DELIVER_ENVID_MAX &&
	    m->orcpt.n <= MSG_DELIVER_XTEXT_MAX);
	wire_put_u8(b, m->ret);
	wire_put_u8(b, m->notify);
	wire_put_bytes(b, m->envid);
	wire_put_bytes(b, m->orcpt);
}

static bool
dsn_ok(const struct msg_deliver_dsn *m)
{
	struct view type, address;

	return m->ret <= MSG_DELIVER_RET_HDRS && m->notify < 16 &&
	    ((m->notify & MSG_DELIVER_NEVER) == 0 ||
		m->notify == MSG_DELIVER_NEVER) &&
	    xtext_ok(m->envid, false) &&
	    (m->orcpt.n == 0 || xtext_orcpt(m->orcpt, &type, &address));
}

struct msg_deliver_dsn
msg_deliver_dsn_get(struct wire *w)
{
	struct msg_deliver_dsn m;

	m.ret = wire_u8(w);
	m.notify = wire_u8(w);
	m.envid = wire_bytes(w, MSG_DELIVER_ENVID_MAX);
	m.orcpt = wire_bytes(w, MSG_DELIVER_XTEXT_MAX);
	if (w->ok && !dsn_ok(&m))
		w->ok = false;
	return w->ok ? m : (struct msg_deliver_dsn){ 0 };
}

void
msg_deliver_put(struct buf *b, const struct msg_deliver *m)
{
	assert(m->sender.n <= MSG_DELIVER_ADDRESS_MAX &&
	    m->recipient.n <= MSG_DELIVER_ADDRESS_MAX &&
	    m->detail.n <= MSG_DELIVER_DETAIL_MAX &&
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
	msg_deliver_dsn_put(b, &m->dsn);
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
	m->dsn = msg_deliver_dsn_get(w);
	m->auth = msg_line_get(w, MSG_DELIVER_XTEXT_MAX);
	m->trace = take_lines(w, MSG_DELIVER_TRACE_MAX);
	m->octets = wire_bytes(w, MSG_DELIVER_INLINE_MAX);
	return wire_end(w) && m->delivery != 0 &&
	    (m->has_detail || m->detail.n == 0);
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

static bool
is_printable(uint8_t c)
{
	return c >= ' ' && c <= '~';
}

/* Bytes at the start of v that are so many lines and no more. */
static size_t
text_fits(struct view v)
{
	size_t lines = 1, line = 0, n = 0;

	for (; n < v.n && n < MSG_DELIVER_TEXT_MAX; n++) {
		if (v.p[n] == '\n') {
			if (++lines > MSG_DELIVER_LINES_MAX)
				break;
			line = 0;
		} else if (++line > MSG_DELIVER_LINE_MAX) {
			break;
		}
	}
	return n;
}

static void
put_text(struct buf *b, struct view v)
{
	v.n = text_fits(v);
	wire_put_u32(b, (uint32_t)v.n);
	for (size_t i = 0; i < v.n; i++)
		buf_put_byte(
		    b, is_printable(v.p[i]) || v.p[i] == '\n' ? v.p[i] : '?');
}

static struct view
take_text(struct wire *w)
{
	struct view v = wire_bytes(w, MSG_DELIVER_TEXT_MAX);

	if (text_fits(v) != v.n)
		w->ok = false;
	for (size_t i = 0; i < v.n; i++)
		if (!is_printable(v.p[i]) && v.p[i] != '\n')
			w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}

void
msg_delivered_put(struct buf *b, const struct msg_delivered *m)
{
	assert(m->result <= MSG_DELIVER_PERMANENT &&
	    m->status.n <= MSG_DELIVER_STATUS_MAX &&
	    is_status(m->status, m->result));
	wire_put_u32(b, MSG_DELIVER_DELIVERED);
	wire_put_u64(b, m->delivery);
	wire_put_u8(b, m->result);
	wire_put_u32(b, m->uid);
	wire_put_u64(b, m->modseq);
	wire_put_bytes(b, m->status);
	put_text(b, m->text);
}

bool
msg_delivered_get(struct wire *w, struct msg_delivered *m)
{
	m->delivery = wire_u64(w);
	m->result = wire_u8(w);
	m->uid = wire_u32(w);
	m->modseq = wire_u64(w);
	m->status = wire_bytes(w, MSG_DELIVER_STATUS_MAX);
	m->text = take_text(w);
	return wire_end(w) && m->delivery != 0 &&
	    m->result <= MSG_DELIVER_PERMANENT &&
	    is_status(m->status, m->result) &&
	    (m->result == MSG_DELIVER_OK || m->uid == 0);
}
