/* users: whom a setting names */
#include "proc/users.h"

#include <pwd.h>

#include "tap.h"

static const struct {
	const char *text;
	enum users_result want;
	uint32_t id;
} cases[] = {
	{ "0", USERS_OK, 0 },
	{ "64801", USERS_OK, 64801 },
	{ "4294967294", USERS_OK, 4294967294 },
	{ "4294967295", USERS_NONE, 0 },
	{ "18446744073709551616", USERS_NONE, 0 },
	{ "-1", USERS_NONE, 0 },
	{ "root", USERS_OK, 0 },
	{ "", USERS_NONE, 0 },
	{ "no such user", USERS_NONE, 0 },
	{ "fumi-gateway", USERS_NONE, 0 },
};

/* Whether the package is installed here or not. */
static void
test_own(void)
{
	static const char *const names[] = { "fumi-auth", "fumi-gate",
		"fumi-hub", "fumi-forker", "fumi-lmtp", "fumi-out" };

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct passwd *pw = getpwnam(names[i]);
		uint32_t want = pw != NULL ? pw->pw_uid : 64801 + i;
		uint32_t uid = 7, gid = 7;
		enum users_result r = users_find(names[i], &uid, &gid);

		tap_ok(r == (pw != NULL ? USERS_OK : USERS_STAND_IN) &&
			uid == want,
		    "%s: got %u, want %u", names[i], uid, want);
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t want = cases[i].want == USERS_NONE ? 7 : cases[i].id;
		uint32_t uid = 7, gid = 7;
		enum users_result r = users_find(cases[i].text, &uid, &gid);

		tap_ok(r == cases[i].want && uid == want && gid == want,
		    "\"%s\": got %d, %u, %u", cases[i].text, (int)r, uid, gid);
	}
	test_own();
	return tap_done();
}
