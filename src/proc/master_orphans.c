#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/num.h"
#include "proc/master.h"

#define PART 4096           /* bytes: the kernel gives no more at once */
#define LIST_MAX (4u << 20) /* bytes: more than there can be processes */

static void
read_children(struct buf *out)
{
	char path[64];
	AUTO_CLOSE int fd = -1;

	(void)snprintf(
	    path, sizeof(path), "/proc/self/task/%ld/children", (long)getpid());
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	for (;;) {
		uint8_t *p = buf_reserve(out, PART);
		ssize_t n = p == NULL ? 0 : read(fd, p, PART);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		out->n += (size_t)n;
	}
}

/* The whole list first: it changes while they die. */
void
master_orphans_kill(void)
{
	AUTO_BUF struct buf list = BUF_INIT(LIST_MAX);
	struct view v;
	uint64_t pid;

	read_children(&list);
	v = buf_view(&list);
	while (num_take(&v, INT32_MAX, &pid)) {
		if (pid > 1)
			(void)kill((pid_t)pid, SIGKILL);
		if (v.n > 0)
			view_skip(&v, 1); /* the blank behind it */
	}
}
