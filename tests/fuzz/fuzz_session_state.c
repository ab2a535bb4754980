#include <stdlib.h>

#include "session/state.h"

/* A parked session's state is hostile input: what is accepted must be sane and
 * the one encoding of itself; what is refused must leave nothing behind. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct session_state *st, const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf b = BUF_INIT(STATE_MAX);

	for (uint32_t i = 1; i <= uidmap_count(&st->map) && i < 100; i++)
		if (uidmap_seq(&st->map, uidmap_uid(&st->map, i)) != i)
			abort();
	if (st->mailbox != 0 && uidmap_last(&st->map) >= st->told_uidnext)
		abort();
	state_encode(st, &b);
	if (b.n != size || memcmp(b.p, data, size) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session_state st = { 0 };

	if (state_decode((struct view){ data, size }, &st)) {
		check(&st, data, size);
		state_fini(&st);
	} else if (st.mailbox != 0 || st.map.run != NULL ||
	    st.recent.run != NULL || st.saved.run != NULL) {
		abort();
	}
	return 0;
}
