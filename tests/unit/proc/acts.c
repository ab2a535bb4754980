#include "acts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* --- files --- */

static bool
read_file(const struct acts_target *t)
{
	return open(t->file, O_RDONLY | O_CLOEXEC) >= 0;
}

static bool
write_file(const struct acts_target *t)
{
	return open(t->file, O_WRONLY | O_CLOEXEC) >= 0;
}

static bool
truncate_file(const struct acts_target *t)
{
	return truncate(t->file, 0) == 0;
}

static bool
create_file(const struct acts_target *t)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/made", t->folder);
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static bool
list_folder(const struct acts_target *t)
{
	return open(t->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0;
}

static bool
remove_file(const struct acts_target *t)
{
	return unlink(t->file) == 0;
}

static bool
make_folder(const struct acts_target *t)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/folder", t->folder);
	return mkdir(path, 0700) == 0;
}

static bool
make_link(const struct acts_target *t)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/link", t->folder);
	return link(t->file, path) == 0;
}

static bool
make_symlink(const struct acts_target *t)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/symlink", t->folder);
	return symlink(t->file, path) == 0;
}

static bool
rename_file(const struct acts_target *t)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/renamed", t->folder);
	return rename(t->file, path) == 0;
}

static bool
make_fifo(const struct acts_target *t)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/fifo", t->folder);
	return mknod(path, S_IFIFO | 0600, 0) == 0;
}

static bool
change_mode(const struct acts_target *t)
{
	return chmod(t->file, 0777) == 0;
}

static bool
read_passwd(const struct acts_target *t)
{
	(void)t;
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool
read_proc_self(const struct acts_target *t)
{
	(void)t;
	return open("/proc/self/maps", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool
read_proc_other(const struct acts_target *t)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", t->pid);
	return open(path, O_RDWR | O_CLOEXEC) >= 0;
}

static bool
climb(const struct acts_target *t)
{
	(void)t;
	return open("..", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool
climb_from_fd(const struct acts_target *t)
{
	for (int fd = 0; fd <= t->known; fd++)
		if (openat(fd, "..", O_RDONLY | O_CLOEXEC) >= 0)
			return true;
	return false;
}

static bool
watch_file(const struct acts_target *t)
{
	int fd = inotify_init1(IN_CLOEXEC);

	return fd >= 0 && inotify_add_watch(fd, t->folder, IN_ALL_EVENTS) >= 0;
}

static bool
open_by_handle(const struct acts_target *t)
{
	struct {
		struct file_handle h;
		unsigned char bytes[128];
	} f = { .h = { .handle_bytes = 128 } };
	int id;

	return name_to_handle_at(AT_FDCWD, t->file, &f.h, &id, 0) == 0 &&
	    open_by_handle_at(AT_FDCWD, &f.h, O_RDONLY) >= 0;
}

/* --- net --- */

static bool
make_socket(const struct acts_target *t)
{
	(void)t;
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool
make_raw_socket(const struct acts_target *t)
{
	(void)t;
	return socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ||
	    socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool
connect_tcp(const struct acts_target *t)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)t->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
}

static bool
connect_unix(const struct acts_target *t)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	memcpy(sa.sun_path, t->sock, sizeof(sa.sun_path));
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
}

/* A descriptor it has, made to be another: what needs no socket(). */
static bool
connect_own(const struct acts_target *t)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)t->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };

	for (int fd = 0; fd <= t->known; fd++)
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			return true;
	return false;
}

static bool
listen_tcp(const struct acts_target *t)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)t;
	return listen(fd, 1) == 0;
}

/* --- processes --- */

static bool
make_process(const struct acts_target *t)
{
	pid_t pid = fork();

	(void)t;
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool
make_thread(const struct acts_target *t)
{
	(void)t;
	return syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, NULL,
		   NULL, NULL, NULL) > 0;
}

static bool
execute(const struct acts_target *t)
{
	char name[] = "true";
	char *argv[] = { name, NULL };

	(void)t;
	return execv("/bin/true", argv) == 0;
}

static bool
kill_other(const struct acts_target *t)
{
	return kill(t->pid, 0) == 0;
}

static bool
kill_by_thread(const struct acts_target *t)
{
	return syscall(SYS_tkill, t->pid, 0) == 0;
}

static bool
kill_group(const struct acts_target *t)
{
	(void)t;
	return kill(-1, 0) == 0;
}

static bool
signal_by_owner(const struct acts_target *t)
{
	return fcntl(t->known, F_SETOWN, t->pid) == 0;
}

static bool
kill_by_pidfd(const struct acts_target *t)
{
	long fd = syscall(SYS_pidfd_open, t->pid, 0);

	return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0;
}

static bool
trace_other(const struct acts_target *t)
{
	return ptrace(PTRACE_ATTACH, t->pid, NULL, NULL) == 0;
}

static bool
read_memory(const struct acts_target *t)
{
	char c;
	struct iovec v = { &c, 1 };

	return process_vm_readv(t->pid, &v, 1, &v, 1, 0) >= 0;
}

static bool
slow_other(const struct acts_target *t)
{
	return setpriority(PRIO_PROCESS, (id_t)t->pid, 19) == 0;
}

static bool
limit_other(const struct acts_target *t)
{
	struct rlimit l = { 0, 0 };

	return prlimit(t->pid, RLIMIT_NOFILE, &l, NULL) == 0;
}

/* --- kernel --- */

static bool
become_root(const struct acts_target *t)
{
	(void)t;
	return geteuid() != 0 && setuid(0) == 0;
}

static bool
make_namespace(const struct acts_target *t)
{
	(void)t;
	return unshare(CLONE_NEWUSER) == 0;
}

static bool
mount_something(const struct acts_target *t)
{
	return mount("none", t->folder, "tmpfs", 0, NULL) == 0;
}

static bool
change_root(const struct acts_target *t)
{
	return chroot(t->folder) == 0;
}

static bool
load_bpf(const struct acts_target *t)
{
	char attr[128] = { 1 };

	(void)t;
	return syscall(SYS_bpf, 0, attr, sizeof(attr)) >= 0;
}

static bool
make_ring(const struct acts_target *t)
{
	char params[256] = { 0 };

	(void)t;
	return syscall(SYS_io_uring_setup, 1, params) >= 0;
}

static bool
count_events(const struct acts_target *t)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
		.size = sizeof(a) };

	(void)t;
	return syscall(SYS_perf_event_open, &a, 0, -1, -1, 0) >= 0;
}

static bool
handle_faults(const struct acts_target *t)
{
	(void)t;
	return syscall(SYS_userfaultfd, O_CLOEXEC | 1) >= 0;
}

static bool
use_keys(const struct acts_target *t)
{
	(void)t;
	return syscall(SYS_keyctl, 0, -3, 1) >= 0;
}

static bool
load_module(const struct acts_target *t)
{
	(void)t;
	return syscall(SYS_init_module, "", 0, "") == 0;
}

static bool
make_executable_memory(const struct acts_target *t)
{
	(void)t;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool
make_memory_executable(const struct acts_target *t)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)t;
	return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

/* --- the log --- */

static bool
cut_log(const struct acts_target *t)
{
	return ftruncate(t->log, 0) == 0;
}

static bool
overwrite_log(const struct acts_target *t)
{
	return pwrite(t->log, "x", 1, 0) == 1;
}

static bool
copy_log(const struct acts_target *t)
{
	return dup(t->log) >= 0 || dup2(t->log, 9) >= 0 ||
	    fcntl(t->log, F_DUPFD, 0) >= 0 ||
	    fcntl(t->log, F_DUPFD_CLOEXEC, 0) >= 0;
}

/* The kernel cuts a descriptor to 32 bits; a filter that looks at 64 would let
 * this through. */
static bool
cut_log_by_high_bits(const struct acts_target *t)
{
	return syscall(SYS_ftruncate, (1ull << 32) | (unsigned)t->log, 0) == 0;
}

static bool
unappend_log(const struct acts_target *t)
{
	return fcntl(t->log, F_SETFL, 0) == 0;
}

static bool
reserve_in_log(const struct acts_target *t)
{
	return fallocate(t->log, 0, 0, 1 << 20) == 0;
}

/* --- more --- */

static bool
use_wrong_fd(const struct acts_target *t)
{
	for (int fd = t->known + 1; fd < 4096; fd++)
		if (fd != t->log &&
		    (fcntl(fd, F_GETFD) != -1 || write(fd, "", 0) == 0))
			return true;
	return false;
}

static bool
raise_files(const struct acts_target *t)
{
	struct rlimit l = { 4096, 4096 };

	(void)t;
	return setrlimit(RLIMIT_NOFILE, &l) == 0;
}

static bool
raise_memory(const struct acts_target *t)
{
	struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };

	(void)t;
	return setrlimit(RLIMIT_DATA, &l) == 0;
}

static bool
use_memory(const struct acts_target *t)
{
	(void)t;
	if (SANITIZED) /* there is no limit then, see proc/sandbox.c */
		return false;
	return mmap(NULL, (size_t)8 << 30, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		   0) != MAP_FAILED;
}

static bool
make_pair(const struct acts_target *t)
{
	int fd[2];

	(void)t;
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0;
}

const struct act acts[] = {
	{ "read-file", ACTS_FILES, read_file },
	{ "write-file", ACTS_FILES, write_file },
	{ "truncate-file", ACTS_FILES, truncate_file },
	{ "create-file", ACTS_FILES, create_file },
	{ "list-folder", ACTS_FILES, list_folder },
	{ "remove-file", ACTS_FILES, remove_file },
	{ "make-folder", ACTS_FILES, make_folder },
	{ "make-link", ACTS_FILES, make_link },
	{ "make-symlink", ACTS_FILES, make_symlink },
	{ "rename-file", ACTS_FILES, rename_file },
	{ "make-fifo", ACTS_FILES, make_fifo },
	{ "change-mode", ACTS_FILES, change_mode },
	{ "read-passwd", ACTS_FILES, read_passwd },
	{ "read-proc-self", ACTS_FILES, read_proc_self },
	{ "read-proc-other", ACTS_FILES, read_proc_other },
	{ "climb", ACTS_FILES, climb },
	{ "climb-from-fd", ACTS_FILES, climb_from_fd },
	{ "watch-file", ACTS_FILES, watch_file },
	{ "open-by-handle", ACTS_FILES, open_by_handle },
	{ "socket", ACTS_NET, make_socket },
	{ "raw-socket", ACTS_NET, make_raw_socket },
	{ "connect-tcp", ACTS_NET, connect_tcp },
	{ "connect-unix", ACTS_NET, connect_unix },
	{ "connect-own", ACTS_NET, connect_own },
	{ "listen", ACTS_NET, listen_tcp },
	{ "fork", ACTS_PROCESS, make_process },
	{ "thread", ACTS_PROCESS, make_thread },
	{ "execve", ACTS_PROCESS, execute },
	{ "kill", ACTS_PROCESS, kill_other },
	{ "tkill", ACTS_PROCESS, kill_by_thread },
	{ "kill-all", ACTS_PROCESS, kill_group },
	{ "set-owner", ACTS_PROCESS, signal_by_owner },
	{ "pidfd", ACTS_PROCESS, kill_by_pidfd },
	{ "ptrace", ACTS_PROCESS, trace_other },
	{ "read-memory", ACTS_PROCESS, read_memory },
	{ "set-priority", ACTS_PROCESS, slow_other },
	{ "limit-other", ACTS_PROCESS, limit_other },
	{ "setuid", ACTS_KERNEL, become_root },
	{ "unshare", ACTS_KERNEL, make_namespace },
	{ "mount", ACTS_KERNEL, mount_something },
	{ "chroot", ACTS_KERNEL, change_root },
	{ "bpf", ACTS_KERNEL, load_bpf },
	{ "io-uring", ACTS_KERNEL, make_ring },
	{ "perf", ACTS_KERNEL, count_events },
	{ "userfaultfd", ACTS_KERNEL, handle_faults },
	{ "keyctl", ACTS_KERNEL, use_keys },
	{ "module", ACTS_KERNEL, load_module },
	{ "executable-mmap", ACTS_KERNEL, make_executable_memory },
	{ "executable-mprotect", ACTS_KERNEL, make_memory_executable },
	{ "cut-log", ACTS_LOG, cut_log },
	{ "cut-log-high-bits", ACTS_LOG, cut_log_by_high_bits },
	{ "overwrite-log", ACTS_LOG, overwrite_log },
	{ "copy-log", ACTS_LOG, copy_log },
	{ "unappend-log", ACTS_LOG, unappend_log },
	{ "reserve-in-log", ACTS_LOG, reserve_in_log },
	{ "wrong-fd", ACTS_MORE, use_wrong_fd },
	{ "raise-files", ACTS_MORE, raise_files },
	{ "raise-memory", ACTS_MORE, raise_memory },
	{ "use-memory", ACTS_MORE, use_memory },
	{ "socketpair", ACTS_MORE, make_pair },
};
const size_t acts_count = sizeof(acts) / sizeof(acts[0]);
