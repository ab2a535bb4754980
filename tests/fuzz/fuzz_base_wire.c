#include <stdlib.h>

#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each input byte says what to get next; the message is the rest of the input
 * behind the first 16. What was got is put again: it must be the same bytes. */
static void
get(struct wire *w, struct buf *again, uint8_t how)
{
	struct view v;

	switch (how % 6) {
	case 0:
		wire_put_u8(again, wire_u8(w));
		break;
	case 1:
		wire_put_u16(again, wire_u16(w));
		break;
	case 2:
		wire_put_u32(again, wire_u32(w));
		break;
	case 3:
		wire_put_u64(again, wire_u64(w));
		break;
	case 4:
		v = wire_bytes(w, how);
		if (v.n > how)
			abort();
		wire_put_bytes(again, v);
		break;
	case 5:
		v = wire_raw(w, how);
		if (v.n != how && (v.n != 0 || w->ok))
			abort();
		buf_put(again, v);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view in = { data, size };
	struct view message = view_sub(in, 16, SIZE_MAX);
	struct wire w = wire_read(message);
	AUTO_BUF struct buf again = BUF_INIT(1 << 16);
	bool failed = false;
	size_t good = 0;

	if (size < 16)
		return 0;
	for (size_t i = 0; i < 16; i++) {
		get(&w, &again, data[i]);
		if (failed && w.ok)
			abort(); /* the failure sticks */
		failed = !w.ok;
		if (w.ok)
			good = again.n;
	}
	if (again.failed || w.in.n > message.n)
		abort();
	if (!view_eq(view_sub(buf_view(&again), 0, good),
		view_sub(message, 0, good)))
		abort();
	if (wire_end(&w) != (w.ok && good == message.n))
		abort();
	return 0;
}
