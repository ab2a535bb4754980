#ifndef SESSION_CAPABILITY_H
#define SESSION_CAPABILITY_H

#include <stddef.h>

/* What a logged-in client is told it may use: only what wholly works. */
extern const char *const capability_names[];
extern const size_t capability_count;

#endif
