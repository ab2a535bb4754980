#ifndef TESTS_CRASH_H
#define TESTS_CRASH_H

#include "store/io.h"

/*
 * What happens to an account when the program dies, a call fails, or the power
 * goes, at any moment.
 *
 * A case is a script that a process runs over an account and a check of what an
 * account must then hold. The harness runs the script once as it is, and then
 * again for each call that changes files and each way in which that call can go
 * wrong (killed before or after it, failed, cut short, done but reported as
 * failed); then a second process goes on where the first one ended, and the
 * check is made. All calls are recorded. From the record, images of the disk are
 * made as a power cut at a random moment could leave it: of what was not synced
 * by then, each write (by pages or sectors), new size, name and removal is there
 * or not, over all files together at random. Each image is checked. At last, for
 * every sync in the code, images are made as if that sync were not there: the
 * check must fail for one of them, or the sync would be for nothing.
 */

/* What a script tells the harness: the order in time counts. */
struct crash_mark {
	unsigned kind; /* of the case's own */
	uint64_t value;
};

struct crash_case {
	const char *name;
	/* Make the account that the script starts from. */
	void (*setup)(int dirfd);
	/* The script; round 0 is the process that something happens to, round 1
	 * the one after it. */
	void (*run)(int dirfd, int round);
	/* Is the account in dirfd right when so much was said before the end?
	 * NULL, or what is wrong. power: the power was cut; otherwise only the
	 * process died. May repair the account. */
	const char *(*check)(
	    int dirfd, const struct crash_mark *m, size_t n, bool power);
	/* Files at the top that are only a cache: not in images. */
	const char *cache_prefix;
	/* at least so many images, in all; 0: 1000 */
	unsigned images;
	/* with how many calls of the script is there to be trouble; 0: all */
	unsigned calls;
	/* Sites, as bits, that this case has to find: it goes on for a while
	 * until it has. Without some syncs something is lost but rarely. */
	uint64_t must;
};

/* For scripts: something worth checking has happened. */
void crash_mark(unsigned kind, uint64_t value);
/* All that the script, also of the round before, has said so far; malloc'd. */
size_t crash_marks(struct crash_mark **out) A_MUST_USE;

/* argv: --long, --seed N, --only CASE TROUBLE CALL (and show the calls). */
void crash_init(int argc, char **argv);
/* Run a case; one TAP line. */
void crash_run(const struct crash_case *c);
/* One TAP line for each: was a case without it found to be wrong? */
void crash_sites(const enum io_site *sites, size_t n);
/* A TAP line of one's own. */
void crash_say(bool ok, const char *fmt, ...) A_PRINTF(2, 3);
/* The TAP plan, and what main() returns. */
int crash_done(void) A_MUST_USE;

#endif
