#include <stdlib.h>

#include "store/record.h"

/* What a record's reader accepts keeps the promises of record.h. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_runs(struct view runs, uint32_t n)
{
	uint32_t last = 0;

	if (n == 0 || runs.n != (size_t)n * 8)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		struct uid_run r = record_run(runs, i);

		if (r.lo <= last || r.hi < r.lo)
			abort();
		last = r.hi;
	}
}

static void
check_state(struct view v)
{
	struct record_state s;
	struct record_group g;
	unsigned n = 0;

	if (!record_state_read(v, &s))
		return;
	for (; record_state_next(&s, &g); n++)
		check_runs(g.runs, g.n);
	if (n == 0 || s.rest.in.n != 0)
		abort();
}

static void
check_message(struct view v)
{
	struct record_message m;
	uint64_t sum = 0;

	if (!record_message_read(v, &m))
		return;
	if (m.n == 0 || (uint64_t)m.first + m.n - 1 > UINT32_MAX)
		abort();
	for (uint32_t i = 0; i < m.n; i++)
		sum += record_entry(&m, i).size; /* all lie inside */
	if (sum > (uint64_t)m.n * UINT32_MAX)
		abort();
}

static void
check_body(struct view v)
{
	struct record_body b;
	AUTO_BUF struct buf out;

	buf_init(&out, v.n + RECORD_FRAME + 1);
	if (!record_body_read(v, &b))
		return;
	record_body_put(&out, &b);
	if (!view_eq(view_sub(buf_view(&out), RECORD_FRAME, out.n), v))
		abort();
}

static void
check_small(struct view v)
{
	struct record_expunge e;
	struct record_mailbox m;
	struct record_keyword k;
	struct record_entry_kv kv;
	struct record_counters c;
	uint64_t segment;

	if (record_expunge_read(v, &e))
		check_runs(e.runs, e.n);
	if (record_mailbox_read(v, &m) &&
	    (m.id == 0 || m.name.n < 1 || m.name.n > STORE_LEAF_MAX))
		abort();
	if (record_keyword_read(v, &k) &&
	    (k.number >= STORE_KEYWORDS_MAX || k.name.n > STORE_KEYWORD_MAX))
		abort();
	if (record_kv_read(v, &kv) &&
	    (kv.key.n < 1 || kv.key.n > RECORD_KEY_MAX))
		abort();
	if (record_counters_read(v, &c) && v.n != 32)
		abort();
	if (record_drop_read(v, &segment) && segment == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size }, payload;
	uint8_t type;

	while (record_take(&in, &type, &payload)) {
		if (payload.p < data || payload.p + payload.n > data + size)
			abort();
		check_body(payload);
		check_message(payload);
		check_state(payload);
		check_small(payload);
	}
	return 0;
}
