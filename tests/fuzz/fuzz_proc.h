/* One pair of processes: PAIR is defined before. What a _get accepts is within
 * its header's limits, and put again it is the very same message. */
#include <stdlib.h>

#include "messages.h"
#include "proc/msg.h"

static void
try_message(const struct message *m, struct view body)
{
	struct wire w = wire_read(body);
	struct buf out;

	buf_init(&out, MSG_MAX);
	if (m->again(&w, &out)) {
		struct wire t = wire_read(buf_view(&out));

		if (body.n > m->max || out.failed || wire_u32(&t) != m->type ||
		    !view_eq(
			body, view_sub(buf_view(&out), MSG_TYPE_SIZE, out.n)))
			abort();
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = { data, size };
	size_t n = 0;

	if (size < 1)
		return 0;
	for (size_t i = 0; i < messages_count; i++)
		if (strcmp(messages[i].pair, PAIR) == 0)
			n++;
	view_skip(&v, 1);
	n = data[0] % n;
	for (size_t i = 0; i < messages_count; i++)
		if (strcmp(messages[i].pair, PAIR) == 0 && n-- == 0)
			try_message(&messages[i], v);
	return 0;
}
