#ifndef PROC_PRELOAD_H
#define PROC_PRELOAD_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Libraries load parts of themselves when they are first needed, which no
 * process can do behind its sandbox. The forker loads them before; the children
 * inherit them.
 */
struct preload;

/* Load all: charset converters, the time zone, libcrypto's digests, the id of
 * this boot. It stays until the process ends. Never NULL. */
struct preload *preload_all(void);

/* One part that loads late, and a use of it that works only when it is there.
 */
struct preload_part {
	const char *name;
	bool (*use)(const struct preload *p);
};
extern const struct preload_part preload_parts[];
extern const size_t preload_part_count;

#endif
