#include <stdio.h>

#include "crash.h"
#include "session/uidl.h"

/*
 * POP3's unique ids: entries are added to a file in steps, each of which has
 * been made or not.
 */

enum { TRIED, ACKED }; /* value: number of the step */

#define VALIDITY 7
#define STEPS 6
#define EACH 100 /* entries of a step */

/* Step k gives the UIDs k * 50 + 1 … the id "k-UID": half of them anew. */
static int
step(int dirfd, unsigned k)
{
	struct uidl_entry e[EACH];
	char text[EACH][16];

	for (unsigned i = 0; i < EACH; i++) {
		e[i].uid = k * 50 + i + 1;
		(void)snprintf(text[i], sizeof(text[i]), "%u-%u", k, e[i].uid);
		e[i].id = view_str(text[i]);
	}
	return uidl_add(dirfd,
	    &(struct uidl_inbox){
		VALIDITY, 10001, &(struct uid_run){ 1, 10000 }, 1 },
	    e, EACH, NULL);
}

static void
run(int dirfd, int round)
{
	for (unsigned k = 0; round == 0 && k < STEPS; k++) {
		crash_mark(TRIED, k + 1);
		if (step(dirfd, k) != 0)
			return;
		crash_mark(ACKED, k + 1);
	}
}

/* Is the file as after so many steps? */
static bool
is_like(int dirfd, size_t steps)
{
	struct uidl *u = uidl_load(dirfd, VALIDITY);
	bool good = true;

	for (unsigned uid = 1; uid <= STEPS * 50 + EACH; uid++) {
		char want[16] = "";

		/* the last step that gave it one */
		for (unsigned k = 0; k < steps; k++)
			if (uid > k * 50 && uid <= k * 50 + EACH)
				(void)snprintf(
				    want, sizeof(want), "%u-%u", k, uid);
		good &= view_eq(uidl_get(u, uid), view_str(want));
	}
	uidl_free(&u);
	return good;
}

static const char *
check(int dirfd, const struct crash_mark *m, size_t n, bool power)
{
	size_t tried = 0, acked = 0;

	(void)power;
	for (size_t i = 0; i < n; i++) {
		if (m[i].kind == TRIED)
			tried = (size_t)m[i].value;
		else
			acked = (size_t)m[i].value;
	}
	return is_like(dirfd, acked) || is_like(dirfd, tried)
	    ? NULL
	    : "neither the old ids nor the new";
}

static void
setup(int dirfd)
{
	(void)dirfd;
}

int
main(int argc, char **argv)
{
	static const enum io_site sites[] = { IO_SYNC_UIDL, IO_SYNC_UIDL_DIR };
	const struct crash_case c = {
		.name = "uidl", .setup = setup, .run = run, .check = check
	};

	crash_init(argc, argv);
	crash_run(&c);
	crash_sites(sites, sizeof(sites) / sizeof(sites[0]));
	return crash_done();
}
