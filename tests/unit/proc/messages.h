#ifndef TESTS_MESSAGES_H
#define TESTS_MESSAGES_H

#include "base/wire.h"

/* Every message of every pair of processes, for the tests and fuzz targets. */
struct message {
	const char *pair, *name;
	uint32_t type;
	size_t max; /* bytes of body its header promises */
	/* a good one, as long as may be when most is true */
	void (*sample)(struct buf *out, bool most);
	/* read the fields; when they are good, put them again */
	bool (*again)(struct wire *w, struct buf *out);
};

extern const struct message messages[];
extern const size_t messages_count;

#endif
