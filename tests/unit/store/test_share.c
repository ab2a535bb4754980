#include "account_help.h"

#include <sys/wait.h>

/*
 * Several processes with one account open: each appends and flags, some are
 * killed in the middle, and nobody sees anything but whole changes.
 */

#define WRITERS 4
#define EACH 60

static int
write_some(int dirfd, int n)
{
	struct account *a = account_must(dirfd, false, NULL);
	struct store_flags f = { .system = STORE_FLAGGED };
	char text[64];

	for (int i = 0; i < EACH; i++) {
		struct uid_run run, *changed, *modified;
		size_t n_changed, n_modified;
		struct tx *t;
		uint64_t modseq;

		snprintf(
		    text, sizeof text, "Subject: %d %d\r\n\r\nx\r\n", n, i);
		run.lo = run.hi = append_text(a, 1, view_str(text), NULL);
		MUST(tx_begin(a, &t));
		MUST(tx_flags(t, 1, &run, 1, TX_FLAGS_ADD, &f, 0, &changed,
		    &n_changed, &modified, &n_modified));
		MUST(tx_commit(&t, &modseq));
		free(changed);
		free(modified);
	}
	account_close(&a);
	return 0;
}

/* Follows by changes alone; in the end it must know what is there. */
static int
follow(int dirfd, unsigned want)
{
	struct account *a = account_must(dirfd, false, NULL);
	struct mailbox_row row;
	struct mailbox_changes c;
	uint64_t since = 1;
	uint32_t uidnext = 1;
	unsigned seen = 0;

	for (int i = 0; seen < want && i < 100000; i++) {
		MUST(mailbox_changes(a, 1, since, uidnext, &c));
		for (size_t k = 0; k < c.n_arrived; k++)
			seen += c.arrived[k].hi - c.arrived[k].lo + 1;
		since = c.row.highestmodseq;
		uidnext = c.row.uidnext;
		mailbox_changes_fini(&c);
		usleep(200);
	}
	MUST(mailbox_get(a, 1, &row));
	account_close(&a);
	return seen == want && row.messages == want ? 0 : 1;
}

/* Dies between commit and commit, again and again. */
static int
be_killed(int dirfd)
{
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			struct account *a = account_must(dirfd, false, NULL);
			struct store_flags f = { .system = STORE_SEEN };
			struct uid_run run = { 1, 1 }, *changed, *modified;
			size_t n, m;
			struct tx *t;

			MUST(tx_begin(a, &t));
			MUST(tx_flags(t, 1, &run, 1, TX_FLAGS_ADD, &f, 0,
			    &changed, &n, &modified, &m));
			_exit(0); /* with the lock and a transaction */
		}
		if (waitpid(child, &status, 0) != child || status != 0)
			return 1;
		usleep(1000);
	}
	return 0;
}

int
main(void)
{
	char path[64];
	int dirfd = account_dir_make(path), status, bad = 0;
	struct account *a = account_must(dirfd, true, NULL);
	struct message_row row[WRITERS * EACH + 1];
	size_t n, flagged = 0;

	account_close(&a);
	for (int i = 0; i < WRITERS + 2; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(i < WRITERS      ? write_some(dirfd, i)
				: i == WRITERS ? follow(dirfd, WRITERS * EACH)
					       : be_killed(dirfd));
	}
	while (wait(&status) > 0)
		bad += status != 0;
	tap_ok(bad == 0, "all processes ended well");
	a = account_must(dirfd, false, NULL);
	MUST(message_rows(a, 1, 1, UINT32_MAX, row, WRITERS * EACH + 1, &n));
	for (size_t i = 0; i < n; i++)
		flagged += row[i].flags.system == STORE_FLAGGED;
	tap_ok(n == WRITERS * EACH && flagged == n,
	    "every message is there, with its flag and none of the dead's");
	account_close(&a);
	account_dir_remove(path);
	return tap_done();
}
