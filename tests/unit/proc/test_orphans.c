#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/master.h"
#include "tap.h"

/*
 * The list of children is longer than the kernel gives at once (4 KiB, some 600
 * of them).
 */
#define MANY 1500

int
main(void)
{
	int born = 0, killed = 0, status;
	pid_t pid = 1;

	for (; born < MANY && (pid = fork()) > 0; born++)
		;
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		(void)alarm(60); /* one that is forgotten ends by itself */
		for (;;)
			(void)pause();
	}
	master_orphans_kill();
	for (int i = 0; i < born && wait(&status) > 0; i++)
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	tap_ok(born > 1000, "%d children", born);
	tap_ok(killed == born, "all are killed, got %d", killed);
	return tap_done();
}
