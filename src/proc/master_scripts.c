#include <fcntl.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "proc/master.h"
#include "proc/sieve_conf.h"

/*
 * The administrator's scripts, read as bytes into one sealed file in memory:
 * who runs them may read no path but the account's.
 */
int
master_open_scripts(struct master *m, struct why *w)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MASTER_SCRIPTS_MAX);
	AUTO_CLOSE int fd = -1;
	int r;

	if ((r = sieve_conf_scripts(m->conf, &b, w)) != 0)
		return r;
	fd = memfd_create("scripts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return why(w, -errno, "memfd_create");
	if ((r = fd_write(fd, buf_view(&b))) != 0)
		return why(w, r, "keep the scripts");
	if (fcntl(fd, F_ADD_SEALS,
		F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) != 0)
		return why(w, -errno, "seal the scripts");
	fd_close(&m->scripts_fd);
	m->scripts_fd = fd_take(&fd);
	return 0;
}
