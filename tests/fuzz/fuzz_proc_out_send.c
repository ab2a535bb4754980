/* Between out and its senders: what a _get accepts is within its header's limits,
 * and what a sender says, put again, is the very same message. */
#include <stdlib.h>

#include "proc/out_send.h"

static void
try_job(struct view body)
{
	struct wire w = wire_read(body);
	struct out_send_job m;
	struct view to;
	uint32_t n = 0;

	if (!out_send_job_get(&w, &m))
		return;
	if (body.n > OUT_SEND_JOB_MAX || m.n < 1 ||
	    m.n > MSG_OUT_RECIPIENTS_MAX || m.item != NULL ||
	    m.sender.n > MSG_OUT_ADDRESS_MAX)
		abort();
	while (n < m.n && msg_out_next(&m.packed, &to)) {
		if (!msg_out_address_ok(to))
			abort();
		n++;
	}
	if (n != m.n)
		abort();
}

static void
try_sent(struct view body)
{
	struct wire w = wire_read(body), t;
	AUTO_BUF struct buf out = BUF_INIT(MSG_MAX);
	struct out_send_sent m;

	if (!out_send_sent_get(&w, &m))
		return;
	if (body.n > OUT_SEND_SENT_MAX || m.n < 1 ||
	    m.n > MSG_OUT_RECIPIENTS_MAX)
		abort();
	for (uint32_t i = 0; i < m.n; i++)
		if (m.fate[i].state > OUT_FAILED || m.fate[i].code > 599 ||
		    m.fate[i].text.n > MSG_TEXT_MAX)
			abort();
	out_send_sent_put(&out, &m);
	t = wire_read(buf_view(&out));
	if (out.failed || wire_u32(&t) != OUT_SEND_SENT || !view_eq(t.in, body))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = { data, size };

	if (size < 1)
		return 0;
	view_skip(&v, 1);
	if ((data[0] & 1) != 0)
		try_job(v);
	else
		try_sent(v);
	return 0;
}
