#include "proc/users.h"

#include <pwd.h>
#include <string.h>

#include "base/num.h"

static const struct {
	const char *name;
	uint32_t id;
} stand_ins[] = {
	{ "fumi-auth", 64801 },
	{ "fumi-gate", 64802 },
	{ "fumi-hub", 64803 },
	{ "fumi-forker", 64804 },
	{ "fumi-lmtp", 64805 },
	{ "fumi-out", 64806 },
};

enum users_result
users_find(const char *text, uint32_t *uid, uint32_t *gid)
{
	const struct passwd *pw;
	uint64_t n;

	if (num_parse(view_str(text), UINT32_MAX - 1, &n)) {
		*uid = *gid = (uint32_t)n;
		return USERS_OK;
	}
	if ((pw = getpwnam(text)) != NULL) {
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		return USERS_OK;
	}
	for (size_t i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++)
		if (strcmp(text, stand_ins[i].name) == 0) {
			*uid = *gid = stand_ins[i].id;
			return USERS_STAND_IN;
		}
	return USERS_NONE;
}
