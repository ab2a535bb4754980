#ifndef TESTS_ACCOUNT_HELP_H
#define TESTS_ACCOUNT_HELP_H

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/account.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "store/spool.h"
#include "store/tx.h"
#include "tap.h"

/* A fresh account directory, removed by account_dir_remove(); in memory where
 * that can be had, since nobody pulls the plug here. */
static A_UNUSED int
account_dir_make(char path[64])
{
	snprintf(path, 64, "%s/fumi-test.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(path) == NULL)
		abort();
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static A_UNUSED void
account_dir_remove(const char *path)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", path);
	if (system(command) != 0)
		abort();
}

/* Open it or end the test. */
static A_UNUSED struct account *
account_must(int dirfd, bool create, const struct account_options *o)
{
	struct account *a;
	struct why w = { "" };
	int r = account_open(dirfd, create, o, &a, &w);

	if (r != 0) {
		printf("Bail out! account_open: %d %s\n", r, w.text);
		exit(1);
	}
	return a;
}

#define MUST(call)                                                             \
	do {                                                                   \
		int must_r = (call);                                           \
		if (must_r != 0) {                                             \
			printf("Bail out! line %d: %s: %d\n", __LINE__, #call, \
			    must_r);                                           \
			exit(1);                                               \
		}                                                              \
	} while (0)

static A_UNUSED struct spool *
spool_text(struct account *a, struct view v)
{
	struct spool *s;

	MUST(spool_open(a, v.n, &s));
	MUST(spool_write(s, v));
	MUST(spool_finish(s));
	return s;
}

/* One message in a commit of its own; its UID. */
static A_UNUSED uint32_t
append_text(struct account *a, uint32_t mailbox, struct view v,
    const struct store_flags *flags)
{
	struct spool *s = spool_text(a, v);
	struct tx *t;
	uint64_t body, modseq;
	uint32_t uid;

	MUST(tx_begin(a, &t));
	MUST(tx_body(t, s, &body));
	MUST(tx_message(t, mailbox, body, flags, 1700000000, 540, &uid));
	MUST(tx_commit(&t, &modseq));
	spool_free(&s);
	return uid;
}

#endif
