#ifndef SESSION_CAPABILITY_H
#define SESSION_CAPABILITY_H

#include <stddef.h>

/* What a logged-in client is told it may use: only what wholly works. */
extern const char *const capability_names[];
extern const size_t capability_count;

/* These, and one more that depends on settings (NULL: none), into out; their
 * number. */
#define CAPABILITY_MAX 64
size_t capability_list(const char *more, const char *out[CAPABILITY_MAX]);

#endif
