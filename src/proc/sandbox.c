#include "proc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

/*
 * Landlock first (it needs a call the filter does not list), then the filter.
 * What a kernel's Landlock does not know is masked out, newest rights first.
 * The filters are built from groups of calls by libseccomp, which knows the
 * numbers of every architecture; the sessions' filter is kept as a program, so
 * that a child only hands it to the kernel.
 */

/* Not in the headers of Debian 12. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#define NET_BIND_TCP (1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)

/* struct landlock_ruleset_attr as of ABI 6. */
struct ruleset {
	uint64_t fs, net, scoped;
};

#define FS_ABI_1 ((1ULL << 13) - 1)
/* What a store does in its directory. */
#define FS_STORE                                                               \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
	    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |      \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |     \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER |           \
	    LANDLOCK_ACCESS_FS_TRUNCATE)

int
sandbox_landlock_abi(void)
{
	long r = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return r > 0 ? (int)r : 0;
}

static struct ruleset
ruleset_of(int abi)
{
	struct ruleset r = { .fs = FS_ABI_1 };

	if (abi >= 2)
		r.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		r.fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		r.fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	return r;
}

static size_t
ruleset_size(int abi)
{
	if (abi >= 6)
		return sizeof(struct ruleset);
	return abi >= 4 ? offsetof(struct ruleset, scoped)
			: offsetof(struct ruleset, net);
}

static int
allow_below(int rules, int dir, uint64_t fs)
{
	struct landlock_path_beneath_attr a = { .allowed_access = fs,
		.parent_fd = dir };

	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
		&a, 0) != 0)
		return -errno;
	return 0;
}

/* What a resolver reads. */
static int
allow_names(int rules)
{
	static const char *const paths[] = { "/etc", "/run/systemd/resolve",
		"/usr/lib/ssl" };
	int r = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && r == 0;
	     i++) {
		AUTO_CLOSE int fd = open(paths[i], O_PATH | O_CLOEXEC);

		if (fd != -1)
			r = allow_below(
			    rules, fd, LANDLOCK_ACCESS_FS_READ_FILE);
	}
	return r;
}

/* Nothing but connections to others, and their names. */
static int
landlock_sender(unsigned *up, struct why *w)
{
	int abi = sandbox_landlock_abi(), r;
	struct ruleset a = ruleset_of(abi);
	AUTO_CLOSE int rules = -1;

	if (abi == 0)
		return why(w, -ENOSYS, "this kernel has no Landlock");
	a.net &= ~NET_CONNECT_TCP;
	rules =
	    (int)syscall(SYS_landlock_create_ruleset, &a, ruleset_size(abi), 0);
	if (rules == -1)
		return why(w, -errno, "Landlock: create a ruleset");
	if ((r = allow_names(rules)) != 0)
		return why(w, r, "Landlock: allow the names of hosts");
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return why(w, -errno, "Landlock: restrict");
	*up |= SANDBOX_ABI_PUT(abi) | SANDBOX_LANDLOCK;
	return 0;
}

/* Nothing but the store's rights below dir; -1: nothing at all. */
static int
landlock(int dir, unsigned *up, struct why *w)
{
	int abi = sandbox_landlock_abi(), r;
	struct ruleset a = ruleset_of(abi);
	AUTO_CLOSE int rules = -1;

	if (abi == 0)
		return why(w, -ENOSYS, "this kernel has no Landlock");
	rules =
	    (int)syscall(SYS_landlock_create_ruleset, &a, ruleset_size(abi), 0);
	if (rules == -1)
		return why(w, -errno, "Landlock: create a ruleset");
	if (dir >= 0 && (r = allow_below(rules, dir, FS_STORE & a.fs)) != 0)
		return why(w, r, "Landlock: allow a directory");
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return why(w, -errno, "Landlock: restrict");
	/* behind the walls nobody can ask any more */
	*up |= SANDBOX_ABI_PUT(abi) | SANDBOX_LANDLOCK |
	    (a.net != 0 ? SANDBOX_NET : 0u) |
	    (a.scoped != 0 ? SANDBOX_SCOPE : 0u);
	return 0;
}

/* ---- filters ---- */

#define CALL(name) SCMP_SYS(name)
#define END (-10000) /* of a list; no call has that number */

/* What any process of ours does with what it has. */
static const int group_base[] = { CALL(read), CALL(write), CALL(readv),
	CALL(writev), CALL(close), CALL(fstat), CALL(newfstatat), CALL(lseek),
	CALL(pread64), CALL(poll), CALL(ppoll), CALL(recvmsg), CALL(recvfrom),
	CALL(sendmsg), CALL(sendto), CALL(shutdown), CALL(getsockopt),
	CALL(getsockname), CALL(getpeername), CALL(brk), CALL(munmap),
	CALL(mremap), CALL(madvise), CALL(futex), CALL(clock_gettime),
	CALL(clock_nanosleep), CALL(nanosleep), CALL(gettimeofday), CALL(time),
	CALL(getpid), CALL(getppid), CALL(gettid), CALL(getuid), CALL(geteuid),
	CALL(getgid), CALL(getegid), CALL(rt_sigaction), CALL(rt_sigprocmask),
	CALL(rt_sigreturn), CALL(sigaltstack), CALL(exit), CALL(exit_group),
	CALL(restart_syscall), CALL(getrandom), CALL(sched_yield),
	CALL(sched_getaffinity), CALL(getrusage), CALL(set_robust_list),
	CALL(rseq), CALL(sysinfo), CALL(uname), CALL(membarrier), END };

/* An event loop. */
static const int group_loop[] = { CALL(epoll_create1), CALL(epoll_ctl),
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2),
	CALL(timerfd_create), CALL(timerfd_settime), CALL(signalfd4),
	CALL(eventfd2), CALL(dup3), CALL(memfd_create), END };

/* Files of a store or a database. */
static const int group_files[] = { CALL(openat), CALL(open), CALL(stat),
	CALL(lstat), CALL(statx), CALL(fstatfs), CALL(statfs), CALL(access),
	CALL(faccessat), CALL(faccessat2), CALL(readlink), CALL(readlinkat),
	CALL(getcwd), CALL(fchdir), CALL(getdents64), CALL(preadv),
	CALL(pwritev), CALL(fdatasync), CALL(fsync), CALL(syncfs),
	CALL(sync_file_range), CALL(msync), CALL(unlink), CALL(unlinkat),
	CALL(rename), CALL(renameat), CALL(renameat2), CALL(link), CALL(linkat),
	CALL(mkdir), CALL(mkdirat), CALL(rmdir), CALL(flock), CALL(fadvise64),
	CALL(readahead), CALL(mincore), CALL(umask), END };

/* A session's timers. */
static const int group_timers[] = { CALL(setitimer), CALL(getitimer),
	CALL(alarm), CALL(timer_create), CALL(timer_settime),
	CALL(timer_delete), CALL(sendfile), CALL(memfd_create), END };

/* What the forker does before a child is one. */
static const int group_fork[] = { CALL(clone), CALL(clone3), CALL(fork),
	CALL(vfork), CALL(wait4), CALL(waitid), CALL(kill), CALL(setresuid),
	CALL(setresgid), CALL(setgroups), CALL(getresuid), CALL(getresgid),
	CALL(getgroups), CALL(close_range), CALL(prlimit64), CALL(setrlimit),
	CALL(getrlimit), CALL(fchown), CALL(fchownat), CALL(chdir),
	CALL(fchdir), CALL(socketpair), CALL(prctl), CALL(seccomp),
	CALL(landlock_create_ruleset), CALL(landlock_add_rule),
	CALL(landlock_restrict_self), CALL(dup2), CALL(setpriority),
	CALL(sched_setscheduler), END };

/* Calls no process of ours has an innocent reason for: the process dies. A call
 * that a group above allows is left out by the builder. */
static const int group_kill[] = { CALL(socket), CALL(socketpair), CALL(connect),
	CALL(bind), CALL(listen), CALL(execve), CALL(execveat), CALL(fork),
	CALL(vfork), CALL(clone), CALL(clone3), CALL(ptrace),
	CALL(process_vm_readv), CALL(process_vm_writev), CALL(kill),
	CALL(tkill), CALL(tgkill), CALL(rt_sigqueueinfo),
	CALL(rt_tgsigqueueinfo), CALL(pidfd_open), CALL(pidfd_getfd),
	CALL(pidfd_send_signal), CALL(setuid), CALL(setgid), CALL(setreuid),
	CALL(setregid), CALL(setresuid), CALL(setresgid), CALL(setfsuid),
	CALL(setfsgid), CALL(setgroups), CALL(capset), CALL(mount),
	CALL(umount2), CALL(pivot_root), CALL(chroot), CALL(unshare),
	CALL(setns), CALL(open_tree), CALL(move_mount), CALL(fsopen),
	CALL(fsmount), CALL(bpf), CALL(perf_event_open), CALL(userfaultfd),
	CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register),
	CALL(keyctl), CALL(add_key), CALL(request_key), CALL(init_module),
	CALL(finit_module), CALL(delete_module), CALL(kexec_load),
	CALL(kexec_file_load), CALL(reboot), CALL(swapon), CALL(swapoff),
	CALL(iopl), CALL(ioperm), CALL(modify_ldt), CALL(personality),
	CALL(open_by_handle_at), CALL(name_to_handle_at), CALL(mknod),
	CALL(mknodat), CALL(vmsplice), CALL(process_madvise),
	CALL(fanotify_init), CALL(acct), CALL(quotactl), CALL(settimeofday),
	CALL(clock_settime), CALL(adjtimex), CALL(clock_adjtime),
	CALL(sethostname), CALL(setdomainname), CALL(syslog), END };

/* What is built, with its first error. */
struct build {
	scmp_filter_ctx ctx;
	int err;
};

static void
keep(struct build *b, int r)
{
	/* a call this architecture does not have needs no rule */
	if (r != 0 && r != -EDOM && b->err == 0)
		b->err = r;
}

static void
allow(struct build *b, const int *group)
{
	for (size_t i = 0; group[i] != END; i++)
		keep(b, seccomp_rule_add(b->ctx, SCMP_ACT_ALLOW, group[i], 0));
}

static bool
listed(const int *group, int call)
{
	for (size_t i = 0; group != NULL && group[i] != END; i++)
		if (group[i] == call)
			return true;
	return false;
}

static void
forbid(struct build *b, const int *but, const int *but2)
{
	for (size_t i = 0; group_kill[i] != END; i++)
		if (!listed(but, group_kill[i]) && !listed(but2, group_kill[i]))
			keep(b,
			    seccomp_rule_add(b->ctx, SCMP_ACT_KILL_PROCESS,
				group_kill[i], 0));
}

static void
allow_if(struct build *b, int call, struct scmp_arg_cmp a)
{
	keep(b, seccomp_rule_add_array(b->ctx, SCMP_ACT_ALLOW, call, 1, &a));
}

/* The kernel looks at the low half of int arguments only; so do we. */
static struct scmp_arg_cmp
arg_is(unsigned arg, uint32_t v)
{
	return SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, UINT32_MAX, v);
}

/* All 64 bits: of a pointer, or a pid. */
static struct scmp_arg_cmp
arg_zero(unsigned arg)
{
	return SCMP_CMP64(arg, SCMP_CMP_EQ, 0, 0);
}

static struct scmp_arg_cmp
arg_without(unsigned arg, uint32_t bits)
{
	return SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, bits, 0);
}

/* Rules with arguments, for every process. */
static void
allow_memory(struct build *b)
{
	allow_if(b, CALL(mmap), arg_without(2, PROT_EXEC));
	allow_if(b, CALL(mprotect), arg_without(2, PROT_EXEC));
	allow_if(b, CALL(ioctl), arg_is(1, FIONREAD));
	allow_if(b, CALL(ioctl), arg_is(1, FIONBIO));
	allow_if(b, CALL(setsockopt), arg_is(1, SOL_SOCKET));
	allow_if(b, CALL(setsockopt), arg_is(1, IPPROTO_TCP));
}

/* A look at the own limits. */
static void
allow_own_limits(struct build *b)
{
	struct scmp_arg_cmp a[] = { arg_zero(0), arg_zero(2) };

	keep(b,
	    seccomp_rule_add_array(
		b->ctx, SCMP_ACT_ALLOW, CALL(prlimit64), 2, a));
}

/* A session gives each of its commands a share of processor time. */
static void
allow_own_cpu(struct build *b)
{
	struct scmp_arg_cmp a[] = { arg_zero(0), arg_is(1, RLIMIT_CPU) };

	keep(b,
	    seccomp_rule_add_array(
		b->ctx, SCMP_ACT_ALLOW, CALL(prlimit64), 2, a));
}

/* What fcntl() is good for; not F_SETOWN, which sends signals. */
static const int fcntl_commands[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL,
	F_DUPFD_CLOEXEC, F_DUPFD, F_SETLK, F_SETLKW, F_GETLK, F_OFD_SETLK,
	F_OFD_SETLKW, F_OFD_GETLK, F_ADD_SEALS, F_GET_SEALS };
#define FCNTL_COMMANDS (sizeof(fcntl_commands) / sizeof(fcntl_commands[0]))

static void
allow_fcntl(struct build *b)
{
	for (size_t i = 0; i < FCNTL_COMMANDS; i++)
		allow_if(
		    b, CALL(fcntl), arg_is(1, (uint32_t)fcntl_commands[i]));
}

/* The same calls on all descriptors but the log's. */
static void
allow_not_log(struct build *b)
{
	static const int calls[] = { CALL(ftruncate), CALL(fallocate),
		CALL(pwrite64), CALL(dup) };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		allow_if(b, calls[i], arg_without(0, SANDBOX_LOG_FD));
	for (size_t i = 0; i < FCNTL_COMMANDS; i++) {
		struct scmp_arg_cmp a[] = { arg_without(0, SANDBOX_LOG_FD),
			arg_is(1, (uint32_t)fcntl_commands[i]) };

		keep(b,
		    seccomp_rule_add_array(
			b->ctx, SCMP_ACT_ALLOW, CALL(fcntl), 2, a));
	}
}

static int
build_new(struct build *b)
{
	b->err = 0;
	b->ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (b->ctx == NULL)
		return -ENOMEM;
	keep(b,
	    seccomp_attr_set(
		b->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
	/* a binary tree of calls instead of a chain */
	keep(b, seccomp_attr_set(b->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	allow(b, group_base);
	allow_memory(b);
	return b->err;
}

/* Load what was built, or say why not; frees it. */
static int
build_load(struct build *b, unsigned *up, struct why *w)
{
	int r = b->err;

	if (r == 0)
		r = seccomp_load(b->ctx);
	seccomp_release(b->ctx);
	malloc_trim(0);
	if (r != 0)
		return why(w, r, "seccomp filter");
	*up |= SANDBOX_SECCOMP;
	return 0;
}

static int
no_new_privs(struct why *w)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return why(w, -errno, "no_new_privs");
	return 0;
}

static void
no_core(void)
{
	struct rlimit zero = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &zero);
}

/* The common begin: nothing may be inherited, Landlock with at most dir. */
static int
close_paths(enum sandbox_mode mode, int dir, unsigned *up, struct why *w)
{
	int r;

	*up = 0;
	no_core();
	if ((r = no_new_privs(w)) != 0)
		return r;
	r = landlock(dir, up, w);
	return mode == SANDBOX_BEST_EFFORT ? 0 : r;
}

static int
finish(struct build *b, enum sandbox_mode mode, unsigned *up, struct why *w)
{
	int r = build_load(b, up, w);

	return mode == SANDBOX_BEST_EFFORT ? 0 : r;
}

/* AF_UNIX pairs, for relays. */
static void
allow_pairs(struct build *b)
{
	allow_if(b, CALL(socketpair), arg_is(0, AF_UNIX));
}

/* Paths are closed, but for what is under dirfd (-1: all); the filter of calls
 * is to be filled. */
static int
begin(struct build *b, enum sandbox_mode mode, int dirfd, unsigned *up,
    struct why *w)
{
	int r = close_paths(mode, dirfd, up, w);

	if (r == 0 && (r = build_new(b)) != 0)
		return why(w, r, "seccomp filter");
	return r;
}

int
sandbox_gate(enum sandbox_mode mode, unsigned *up, struct why *w)
{
	static const int more[] = { CALL(accept4), CALL(socketpair), END };
	struct build b;
	int r;

	if ((r = begin(&b, mode, -1, up, w)) != 0)
		return r;
	allow(&b, group_loop);
	allow_fcntl(&b);
	keep(&b, seccomp_rule_add(b.ctx, SCMP_ACT_ALLOW, CALL(accept4), 0));
	allow_pairs(&b);
	forbid(&b, more, NULL);
	return finish(&b, mode, up, w);
}

int
sandbox_lmtp(enum sandbox_mode mode, unsigned *up, struct why *w)
{
	/* messages go into memfds */
	static const int more[] = { CALL(accept4), CALL(ftruncate), END };
	struct build b;
	int r;

	if ((r = begin(&b, mode, -1, up, w)) != 0)
		return r;
	allow(&b, group_loop);
	allow_fcntl(&b);
	allow(&b, more);
	forbid(&b, NULL, NULL);
	return finish(&b, mode, up, w);
}

int
sandbox_auth(enum sandbox_mode mode, int dirfd, bool workers, unsigned *up,
    struct why *w)
{
	static const int more[] = { CALL(accept4), CALL(pwrite64),
		CALL(ftruncate), CALL(fallocate), CALL(fchmod), END };
	static const int fork[] = { CALL(clone), CALL(clone3), CALL(wait4),
		CALL(waitid), CALL(prctl), CALL(seccomp), CALL(close_range),
		CALL(landlock_create_ruleset), CALL(landlock_add_rule),
		CALL(landlock_restrict_self), CALL(prlimit64), CALL(kill),
		CALL(socketpair), END };
	struct build b;
	int r;

	if ((r = begin(&b, mode, dirfd, up, w)) != 0)
		return r;
	allow(&b, group_loop);
	allow_fcntl(&b);
	allow(&b, group_files);
	allow(&b, more);
	if (workers)
		allow(&b, fork);
	else
		allow_own_limits(&b);
	forbid(&b, workers ? fork : NULL, NULL);
	return finish(&b, mode, up, w);
}

int
sandbox_out(enum sandbox_mode mode, int dirfd, unsigned *up, struct why *w)
{
	return sandbox_auth(mode, dirfd, false, up, w);
}

/* Sockets to others; netlink, by which a resolver learns which addresses there
 * are to start from. */
static void
allow_sockets(struct build *b)
{
	static const int families[] = { AF_INET, AF_INET6, AF_NETLINK };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		allow_if(b, CALL(socket), arg_is(0, (uint32_t)families[i]));
	allow_pairs(b);
}

int
sandbox_sender(enum sandbox_mode mode, unsigned *up, struct why *w)
{
	static const int more[] = { CALL(connect), CALL(bind), CALL(sendmmsg),
		CALL(recvmmsg), CALL(setsockopt), CALL(socket),
		CALL(socketpair), END };
	static const int allowed[] = { CALL(connect), CALL(bind),
		CALL(sendmmsg), CALL(recvmmsg), CALL(setsockopt), CALL(openat),
		CALL(open), CALL(stat), CALL(lstat), CALL(statx), CALL(access),
		CALL(faccessat), CALL(readlink), CALL(readlinkat),
		CALL(fadvise64), CALL(pipe2), CALL(eventfd2), END };
	struct build b;
	int r;

	*up = 0;
	no_core();
	if ((r = no_new_privs(w)) != 0)
		return r;
	r = landlock_sender(up, w);
	if (r != 0 && mode == SANDBOX_REQUIRE)
		return r;
	if ((r = build_new(&b)) != 0)
		return why(w, r, "seccomp filter");
	allow_fcntl(&b);
	allow(&b, allowed);
	allow_sockets(&b);
	allow_own_limits(&b);
	forbid(&b, more, NULL);
	return finish(&b, mode, up, w);
}

int
sandbox_worker(enum sandbox_mode mode, unsigned *up, struct why *w)
{
	struct build b;
	int r;

	if ((r = begin(&b, mode, -1, up, w)) != 0)
		return r;
	forbid(&b, NULL, NULL);
	return finish(&b, mode, up, w);
}

int
sandbox_hub(enum sandbox_mode mode, unsigned *up, struct why *w)
{
	static const int more[] = { CALL(accept4), END };
	static const int pairs[] = { CALL(socketpair), END };
	struct build b;
	int r;

	if ((r = begin(&b, mode, -1, up, w)) != 0)
		return r;
	allow(&b, group_loop);
	allow_fcntl(&b);
	allow(&b, more);
	allow_pairs(&b);
	forbid(&b, pairs, NULL);
	return finish(&b, mode, up, w);
}

int
sandbox_forker(
    enum sandbox_mode mode, int accounts, unsigned *up, struct why *w)
{
	static const int more[] = { CALL(pwrite64), CALL(ftruncate),
		CALL(fallocate), CALL(dup), END };
	struct build b;
	int r;

	if ((r = begin(&b, mode, accounts, up, w)) != 0)
		return r;
	allow(&b, group_loop);
	allow_fcntl(&b);
	allow(&b, group_files);
	allow(&b, group_timers);
	allow(&b, group_fork);
	allow(&b, more);
	forbid(&b, group_fork, NULL);
	return finish(&b, mode, up, w);
}

/* ---- sessions ---- */

struct sandbox_filter {
	struct sock_filter *ops;
	unsigned short n;
};

static int
read_program(int fd, struct sandbox_filter *f)
{
	struct stat st;
	size_t size;

	if (fstat(fd, &st) != 0)
		return -errno;
	size = (size_t)st.st_size;
	if (st.st_size <= 0 || size % sizeof(*f->ops) != 0 ||
	    size / sizeof(*f->ops) > BPF_MAXINSNS)
		return -EINVAL;
	f->n = (unsigned short)(size / sizeof(*f->ops));
	f->ops = xmalloc(size);
	return fd_pread(fd, f->ops, size, 0);
}

static int
build_session(struct build *b)
{
	int r;

	if ((r = build_new(b)) != 0)
		return r;
	allow(b, group_files);
	allow(b, group_timers);
	allow_own_limits(b);
	allow_own_cpu(b);
	allow_not_log(b);
	forbid(b, NULL, NULL);
	return b->err;
}

int
sandbox_filter_new(struct sandbox_filter **out, struct why *w)
{
	AUTO_CLOSE int fd = memfd_create("filter", MFD_CLOEXEC);
	struct sandbox_filter *f;
	struct build b;
	int r;

	*out = NULL;
	if (fd == -1)
		return why(w, -errno, "memfd_create");
	r = build_session(&b);
	if (r == 0)
		r = seccomp_export_bpf(b.ctx, fd);
	seccomp_release(b.ctx);
	malloc_trim(0);
	if (r != 0)
		return why(w, r, "seccomp filter");
	f = xcalloc(1, sizeof(*f));
	if ((r = read_program(fd, f)) != 0) {
		sandbox_filter_free(&f);
		return why(w, r, "seccomp filter");
	}
	*out = f;
	return 0;
}

void
sandbox_filter_free(struct sandbox_filter **f)
{
	if (*f != NULL)
		free((*f)->ops);
	free(*f);
	*f = NULL;
}

static int
limit(int what, uint64_t v, const char *name, struct why *w)
{
	struct rlimit l = { v, v };

	if (setrlimit((__rlimit_resource_t)what, &l) != 0)
		return why(w, -errno, "limit of %s", name);
	return 0;
}

/* The sanitizer's own tables are larger than any limit. */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_LIMIT false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_LIMIT false
#endif
#endif
#ifndef MEMORY_LIMIT
#define MEMORY_LIMIT true
#endif

static int
limits(const struct sandbox_session *s, struct why *w)
{
	int r;

	if (MEMORY_LIMIT &&
	    (r = limit(RLIMIT_DATA, s->memory, "memory", w)) != 0)
		return r;
	if ((r = limit(RLIMIT_NOFILE, SANDBOX_FILES, "files", w)) != 0 ||
	    (r = limit(RLIMIT_NPROC, 0, "processes", w)) != 0)
		return r;
	return limit(RLIMIT_CORE, 0, "core", w);
}

static int
load_filter(const struct sandbox_filter *f, unsigned *up, struct why *w)
{
	struct sock_fprog p = { f->n, f->ops };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) != 0)
		return why(w, -errno, "seccomp filter");
	*up |= SANDBOX_SECCOMP;
	return 0;
}

int
sandbox_session(const struct sandbox_session *s, unsigned *up, struct why *w)
{
	int r;

	*up = 0;
	if ((r = limits(s, w)) != 0 || (r = no_new_privs(w)) != 0)
		return r;
	r = landlock(s->dir, up, w);
	if (r != 0 && s->mode == SANDBOX_REQUIRE)
		return r;
	r = load_filter(s->filter, up, w);
	return s->mode == SANDBOX_REQUIRE ? r : 0;
}

int
sandbox_setid(uint32_t uid, uint32_t gid, struct why *w)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return why(w, -errno, "change to uid %u, gid %u", uid, gid);
	if (getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0 ||
	    r != uid || e != uid || s != uid || rg != gid || eg != gid ||
	    sg != gid || getgroups(0, NULL) != 0)
		return why(w, -EPERM, "uid %u did not take", uid);
	return 0;
}

void
sandbox_walls(unsigned up, char out[64])
{
	char abi[16];

	(void)snprintf(abi, sizeof(abi), " landlock(%u)", SANDBOX_ABI(up));
	(void)snprintf(out, 64, "%s%s%s%s%s",
	    (up & SANDBOX_UID) != 0 ? " uid" : "",
	    (up & SANDBOX_LANDLOCK) != 0 ? abi : "",
	    (up & SANDBOX_SECCOMP) != 0 ? " seccomp" : "",
	    (up & SANDBOX_NET) != 0 ? " net" : "",
	    (up & SANDBOX_SCOPE) != 0 ? " scope" : "");
	if (out[0] == ' ')
		memmove(out, out + 1, strlen(out));
	else
		memcpy(out, "none", 5);
}
