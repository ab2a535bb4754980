#define PAIR "out"
#define LLVMFuzzerTestOneInput fuzz_pair
#include "fuzz_proc.h"
#undef LLVMFuzzerTestOneInput

#include "proc/msg_out.h"

/* And what the header says of each field. */

static bool
is_id(struct view v)
{
	bool good = v.n <= MSG_OUT_ID_MAX;

	for (size_t i = 0; i < v.n; i++)
		good = good &&
		    ((v.p[i] >= '0' && v.p[i] <= '9') ||
			(v.p[i] >= 'a' && v.p[i] <= 'z'));
	return good;
}

static bool
is_address_or_none(struct view v)
{
	return v.n == 0 || msg_out_address_ok(v);
}

static void
check_submit(enum msg_out_type type, struct view body)
{
	struct wire w = wire_read(body);
	struct msg_out_submit m;
	struct view to;
	uint32_t n = 0;

	if (!msg_out_submit_get(&w, type, &m))
		return;
	if (m.to != NULL || m.n < 1 || m.n > MSG_OUT_RECIPIENTS_MAX ||
	    !is_address_or_none(m.sender) || m.kind == MSG_OUT_BOUNCE ||
	    msg_out_kind_name(m.kind) == NULL ||
	    m.account.n > MSG_ACCOUNT_MAX ||
	    (type == MSG_OUT_SUBMIT && m.account.n != 0))
		abort();
	while (n < m.n && msg_out_next(&m.packed, &to)) {
		if (!msg_out_address_ok(to) ||
		    memchr(to.p, '\r', to.n) != NULL ||
		    memchr(to.p, '\n', to.n) != NULL)
			abort();
		n++;
	}
	if (n != m.n)
		abort();
}

static void
check_done(enum msg_out_type type, struct view body)
{
	struct wire w = wire_read(body);
	struct msg_out_done m;

	if (!msg_out_done_get(&w, type, &m))
		return;
	if (m.keys.n == 0 || m.keys.n % MSG_OUT_KEY_SIZE != 0 ||
	    m.keys.n / MSG_OUT_KEY_SIZE > MSG_OUT_KEYS_MAX ||
	    m.account.n > MSG_ACCOUNT_MAX ||
	    (type == MSG_OUT_DONE && m.account.n != 0))
		abort();
}

static void
check_row(struct view body)
{
	struct wire w = wire_read(body);
	struct msg_out_row m;

	if (!msg_out_row_get(&w, &m))
		return;
	if (m.id.n == 0 || !is_id(m.id) || msg_out_kind_name(m.kind) == NULL ||
	    !is_address_or_none(m.sender) || !is_address_or_none(m.recipient) ||
	    m.account.n > MSG_ACCOUNT_MAX || m.text.n > MSG_TEXT_MAX)
		abort();
}

static void
check_question(struct view body)
{
	struct wire w = wire_read(body);
	struct msg_out_question m;

	if (!msg_out_question_get(&w, &m))
		return;
	if (!is_id(m.id) || m.ask < MSG_OUT_LIST || m.ask > MSG_OUT_REMOVE ||
	    (m.ask == MSG_OUT_REMOVE && m.id.n == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = { data, size };

	(void)fuzz_pair(data, size);
	if (size < 1)
		return 0;
	view_skip(&v, 1);
	check_submit(MSG_OUT_SUBMIT, v);
	check_submit(MSG_OUT_TAKE, v);
	check_done(MSG_OUT_DONE, v);
	check_done(MSG_OUT_FORGET, v);
	check_row(v);
	check_question(v);
	return 0;
}
