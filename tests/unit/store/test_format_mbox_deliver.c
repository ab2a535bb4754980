#include "store/format_mbox_deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "mail/mbox.h"
#include "scratch.h"
#include "store/io.h"
#include "tap.h"

#define DATE 1010300921 /* Sun, 06 Jan 2002 07:08:41 UTC */
#define FROM "From sengoku@gcd.org Sun Jan  6 07:08:41 2002\n"
#define TEXT "Subject: x\n\nFrom here\n>From there\n>>From far\nFromage\n"

static int scratch = -1;
static char *scratch_path;

static int
scratch_dir(void)
{
	if (scratch == -1)
		scratch = scratch_make(&scratch_path);
	scratch_empty(scratch);
	return openat(scratch, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static struct format_mbox_locking
locking(void)
{
	return (struct format_mbox_locking){
		.lock = { FORMAT_MBOX_DOTLOCK, FORMAT_MBOX_FCNTL,
		    FORMAT_MBOX_FLOCK, FORMAT_MBOX_LOCKF },
		.n = 4,
		.timeout_ms = 10,
	};
}

static int
deliver_as(int dir, const char *path, const char *text,
    enum format_mbox_quoting q, struct why *w)
{
	struct view part = view_str(text);
	struct format_mbox_locking l = locking();
	struct format_mbox_message m = { .sender = "sengoku@gcd.org",
		.date = DATE,
		.part = &part,
		.n_part = 1,
		.quoting = q };

	return format_mbox_deliver(dir, path, &m, &l, w);
}

static int
deliver(int dir, const char *path, const char *text)
{
	return deliver_as(dir, path, text, FORMAT_MBOX_RD, NULL);
}

static void
put_file(int dir, const char *name, const char *text)
{
	AUTO_CLOSE int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd_write(fd, view_str(text)) != 0)
		abort();
}

static bool
is_file(int dir, const char *name, const char *want)
{
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	static char got[65536];
	ssize_t n = fd == -1 ? -1 : read(fd, got, sizeof(got));

	if (n == (ssize_t)strlen(want) && memcmp(got, want, (size_t)n) == 0)
		return true;
	printf("# %s: got \"%.*s\"\n# want \"%s\"\n", name, n > 0 ? (int)n : 0,
	    got, want);
	return false;
}

/* ---- the message ---- */

static void
test_quoting(void)
{
	static const struct {
		const char *name;
		enum format_mbox_quoting q;
		const char *in, *want;
	} cases[] = {
		{ "mboxrd", FORMAT_MBOX_RD, TEXT,
		    FROM "Subject: x\n\n>From here\n>>From there\n>>>From "
			 "far\nFromage\n\n" },
		{ "mboxo", FORMAT_MBOX_O, TEXT,
		    FROM "Subject: x\n\n>From here\n>From there\n>>From far\n"
			 "Fromage\n\n" },
		{ "mboxcl", FORMAT_MBOX_CL, TEXT,
		    FROM "Subject: x\nContent-Length: 42\n\n>From here\n>From "
			 "there\n>>From far\nFromage\n\n" },
		{ "mboxcl2", FORMAT_MBOX_CL2, TEXT,
		    FROM "Subject: x\nContent-Length: 41\n\nFrom here\n>From "
			 "there\n>>From far\nFromage\n\n" },
		{ "figure 4", FORMAT_MBOX_CL2,
		    "To: sengoku@gcd.org\n\nFrom \x1b$B$N%F%9%H\x1b(B\n",
		    FROM "To: sengoku@gcd.org\nContent-Length: 20\n\nFrom "
			 "\x1b$B$N%F%9%H\x1b(B\n\n" },
		{ "an old length goes", FORMAT_MBOX_CL,
		    "A: b\ncontent-length: 5\n 6\nC: d\n\nx\n",
		    FROM "A: b\nC: d\nContent-Length: 2\n\nx\n\n" },
		{ "a stranger's goes, too", FORMAT_MBOX_CL2,
		    "A: b\nContent-Length\t :\n 5\nC: d\n\nx\n",
		    FROM "A: b\nC: d\nContent-Length: 2\n\nx\n\n" },
		{ "no body", FORMAT_MBOX_CL, "A: b\n",
		    FROM "A: b\nContent-Length: 0\n\n\n" },
		{ "no line end", FORMAT_MBOX_RD, "A: b\n\nx",
		    FROM "A: b\n\nx\n\n" },
		{ "nothing at all", FORMAT_MBOX_RD, "", FROM "\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int dir = scratch_dir();

		tap_ok(deliver_as(dir, "box", cases[i].in, cases[i].q, NULL) ==
			    0 &&
			is_file(dir, "box", cases[i].want),
		    "%s", cases[i].name);
		fd_close(&dir);
	}
}

static void
test_from_line(void)
{
	static const struct {
		const char *sender, *want;
	} cases[] = {
		{ "", "From MAILER-DAEMON Sun Jan  6 07:08:41 2002\n" },
		{ "a b\n\tc@d", "From a-b--c@d Sun Jan  6 07:08:41 2002\n" },
		{ "\xe4\xbb\x99@x",
		    "From \xe4\xbb\x99@x Sun Jan  6 07:08:41 2002\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT(1024);

		format_mbox_from(cases[i].sender, DATE, &b);
		tap_ok(view_eq(buf_view(&b), view_str(cases[i].want)), "%.*s",
		    (int)b.n - 1, (char *)b.p);
	}
}

/* What mboxo and mboxcl make of a text, which nobody can undo. */
static void
quote_o(const char *text, struct buf *out)
{
	for (const char *p = text; *p != '\0'; p++) {
		if ((p == text || p[-1] == '\n') && strncmp(p, "From ", 5) == 0)
			buf_put_byte(out, '>');
		buf_put_byte(out, (uint8_t)*p);
	}
}

/* What was put in comes out again, whatever it is: to the octet with mboxrd and
 * mboxcl2, with the others but for the ">" before "From ". */
static void
test_round_trip(enum format_mbox_quoting q, enum mbox_quoting reader)
{
	static const char *const texts[] = { TEXT, "A: b\n\n\n\nFrom \n\n\n",
		"A: b\n\nx\n\nFrom x Sun Jan  6 07:08:41 2002\nSubject: y\n",
		"A: b\n\n>\n>>\n>From \n> From \n",
		"A: b\nno field\n folded\n\nx\n\n\nFrom y 07:08\n\n",
		"A: b\n\n" };
	const size_t n = sizeof(texts) / sizeof(texts[0]);
	AUTO_FREE char *file = xcalloc(1, 65536);
	int dir = scratch_dir();
	AUTO_CLOSE int fd = -1;
	struct mbox_message m;
	struct view in;
	size_t i;

	for (i = 0; i < n; i++)
		if (deliver_as(dir, "box", texts[i], q, NULL) != 0)
			abort();
	fd = openat(dir, "box", O_RDONLY | O_CLOEXEC);
	in = (struct view){ (uint8_t *)file, (size_t)read(fd, file, 65535) };
	for (i = 0; mbox_next(&in, reader, &m) && i < n; i++) {
		AUTO_BUF struct buf b = BUF_INIT(65536);
		AUTO_BUF struct buf want = BUF_INIT(65536);

		mbox_text(&m, reader, &b);
		if (q == FORMAT_MBOX_O || q == FORMAT_MBOX_CL)
			quote_o(texts[i], &want);
		else
			buf_put_str(&want, texts[i]);
		tap_ok(view_eq(buf_view(&b), buf_view(&want)) && m.has_date &&
			m.date == DATE,
		    "quoting %d, round trip %zu", (int)q, i);
	}
	tap_ok(i == n && in.n == 0, "quoting %d: all messages", (int)q);
	fd_close(&dir);
}

/* ---- the file ---- */

static void
test_separator(void)
{
	static const char *const before[] = { "", "x", "x\n", "x\n\n", "\n" };
	static const char *const want[] = { "" FROM "a\n\n",
		"x\n\n" FROM "a\n\n", "x\n\n" FROM "a\n\n",
		"x\n\n" FROM "a\n\n", "\n" FROM "a\n\n" };

	for (size_t i = 0; i < 5; i++) {
		int dir = scratch_dir();

		put_file(dir, "box", before[i]);
		tap_ok(deliver(dir, "box", "a\n") == 0 &&
			is_file(dir, "box", want[i]),
		    "behind %zu octets", strlen(before[i]));
		fd_close(&dir);
	}
}

static void
test_places(void)
{
	int dir = scratch_dir();
	struct why w = { "" };
	struct stat st;

	tap_ok(deliver(dir, "./box", "a\n") == 0 &&
		fstatat(dir, "box", &st, 0) == 0 &&
		(st.st_mode & 07777) == 0600,
	    "made with mode 0600");
	tap_ok(faccessat(dir, "box.lock", F_OK, 0) != 0, "no lock is left");
	(void)mkdirat(dir, "d", 0755);
	tap_ok(deliver_as(dir, "d", "a\n", FORMAT_MBOX_RD, &w) == -EISDIR,
	    "a directory: %s", w.text);
	tap_ok(deliver(dir, "d/", "a\n") == -EISDIR, "no name");
	tap_ok(deliver(dir, "no/box", "a\n") == -ENOENT, "no directory");
	tap_ok(deliver(dir, "/dev/null", "a\n") == 0, "/dev/null");
	tap_ok(mkfifoat(dir, "fifo", 0600) == 0 &&
		deliver(dir, "fifo", "a\n") == -EINVAL,
	    "a fifo");
	tap_ok(symlinkat("box", dir, "link") == 0 &&
		deliver(dir, "link", "b\n") == 0 &&
		is_file(dir, "box", FROM "a\n\n" FROM "b\n\n"),
	    "a link in a directory of our own");
	tap_ok(fchmodat(dir, "d", 01777, 0) == 0 &&
		symlinkat("../box", dir, "d/link") == 0 &&
		deliver(dir, "d/link", "c\n") == -ELOOP,
	    "a link where others write");
	tap_ok(linkat(dir, "box", dir, "d/hard", 0) == 0 &&
		deliver_as(dir, "d/hard", "c\n", FORMAT_MBOX_RD, &w) == -EPERM,
	    "a second name where others write: %s", w.text);
	tap_ok(deliver(dir, "d/box", "c\n") == 0, "a file where others write");
	tap_ok(is_file(dir, "box", FROM "a\n\n" FROM "b\n\n"),
	    "what was refused has changed nothing");
	fd_close(&dir);
}

/* ---- locks ---- */

static void
age(int dir, const char *name, int64_t seconds)
{
	struct timespec t[2];

	(void)clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= seconds;
	t[1] = t[0];
	(void)utimensat(dir, name, t, 0);
}

static void
test_dotlock(void)
{
	int dir = scratch_dir();
	struct why w = { "" };

	put_file(dir, "box.lock", "1\n");
	tap_ok(deliver_as(dir, "box", "a\n", FORMAT_MBOX_RD, &w) == -EAGAIN,
	    "a lock of another's: %s", w.text);
	age(dir, "box.lock", FORMAT_MBOX_STALE_S - 60);
	tap_ok(deliver(dir, "box", "a\n") == -EAGAIN, "an older one");
	age(dir, "box.lock", FORMAT_MBOX_STALE_S + 60);
	tap_ok(deliver(dir, "box", "a\n") == 0, "a stale one");
	tap_ok(is_file(dir, "box", FROM "a\n\n") &&
		faccessat(dir, "box.lock", F_OK, 0) != 0,
	    "and no lock is left");
	tap_ok(format_mbox_dotlock(dir, "box") == 0 &&
		format_mbox_dotlock(dir, "box") == -EAGAIN &&
		format_mbox_dotunlock(dir, "box") == 0 &&
		format_mbox_dotunlock(dir, "box") == -ENOENT,
	    "by itself");
	fd_close(&dir);
}

/* A child holds one kind of lock; is the delivery kept out, and only by the
 * kinds that know each other? */
static int
hold(int dir, enum format_mbox_lock kind)
{
	int fd = openat(dir, "box", O_RDWR | O_CLOEXEC);
	struct flock f = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (kind == FORMAT_MBOX_FLOCK)
		return flock(fd, LOCK_EX);
	if (kind == FORMAT_MBOX_LOCKF)
		return lockf(fd, F_LOCK, 0);
	return fcntl(fd, F_SETLKW, &f);
}

static int
while_held(int dir, enum format_mbox_lock kind, enum format_mbox_lock used)
{
	struct format_mbox_locking l = {
		.lock = { used }, .n = 1, .timeout_ms = 10
	};
	struct view part = VIEW_LIT("a\n");
	struct format_mbox_message m = {
		.sender = "", .part = &part, .n_part = 1
	};
	int up[2], down[2], status, r;
	char c;
	pid_t pid;

	if (pipe(up) != 0 || pipe(down) != 0)
		abort();
	if ((pid = fork()) == 0) {
		(void)close(down[1]);
		if (hold(dir, kind) != 0 || write(up[1], "x", 1) != 1)
			_exit(1);
		_exit(read(down[0], &c, 1) == 0 ? 0 : 1);
	}
	if (read(up[0], &c, 1) != 1)
		abort();
	r = format_mbox_deliver(dir, "box", &m, &l, NULL);
	(void)close(down[1]);
	(void)close(down[0]);
	(void)close(up[0]);
	(void)close(up[1]);
	(void)waitpid(pid, &status, 0);
	return r;
}

static void
test_kinds(void)
{
	static const char *const names[] = { "dotlock", "fcntl", "flock",
		"lockf" };
	int dir = scratch_dir();
	enum format_mbox_lock k;

	put_file(dir, "box", "");
	for (unsigned i = 0; i < FORMAT_MBOX_LOCKS_MAX; i++)
		tap_ok(format_mbox_lock_parse(view_str(names[i]), &k) &&
			k == (enum format_mbox_lock)i,
		    "%s", names[i]);
	tap_ok(!format_mbox_lock_parse(VIEW_LIT("dot"), &k), "no such lock");
	tap_ok(while_held(dir, FORMAT_MBOX_FCNTL, FORMAT_MBOX_FCNTL) == -EAGAIN,
	    "fcntl against fcntl");
	tap_ok(while_held(dir, FORMAT_MBOX_FCNTL, FORMAT_MBOX_LOCKF) == -EAGAIN,
	    "lockf against fcntl");
	tap_ok(while_held(dir, FORMAT_MBOX_LOCKF, FORMAT_MBOX_FCNTL) == -EAGAIN,
	    "fcntl against lockf");
	tap_ok(while_held(dir, FORMAT_MBOX_FLOCK, FORMAT_MBOX_FLOCK) == -EAGAIN,
	    "flock against flock");
	tap_ok(while_held(dir, FORMAT_MBOX_FLOCK, FORMAT_MBOX_DOTLOCK) == 0,
	    "dotlock knows nothing of flock");
	fd_close(&dir);
}

static unsigned helped;

static int
helper(void *ctx, const char *path, bool lock)
{
	(void)ctx;
	helped += lock ? 1 : 100;
	return strcmp(path, "spool/box") == 0 ? 0 : -EINVAL;
}

/* As a user who may not write the spool directory. */
static void
test_helper(void)
{
	int dir = scratch_dir();
	struct view part = VIEW_LIT("a\n");
	struct format_mbox_message m = {
		.sender = "", .part = &part, .n_part = 1
	};
	struct format_mbox_locking l = locking();
	int status = -1;
	pid_t pid;

	(void)mkdirat(dir, "spool", 0755);
	put_file(dir, "spool/box", "");
	if (fchmod(dir, 0755) != 0 ||
	    (geteuid() == 0 &&
		fchownat(dir, "spool/box", 65534, 65534, 0) != 0))
		abort();
	if ((pid = fork()) == 0) {
		if (geteuid() == 0 &&
		    (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(1);
		if (format_mbox_deliver(dir, "spool/box", &m, &l, NULL) !=
		    -EACCES)
			_exit(2);
		l.helper = helper;
		if (format_mbox_deliver(dir, "spool/box", &m, &l, NULL) != 0)
			_exit(3);
		_exit(helped == 101 ? 0 : 4);
	}
	(void)waitpid(pid, &status, 0);
	if (geteuid() == 0)
		tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		    "locks by a helper: %d", WEXITSTATUS(status));
	else
		tap_ok(1, "locks by a helper # SKIP needs root");
	fd_close(&dir);
}

/* ---- faults ---- */

static struct fault {
	unsigned n, at; /* calls so far; the one to fail, from 1 */
	int error;      /* 0: cut a write short; 1: die */
} fault;

static int
before(void *ctx, const struct io_event *e, uint64_t *size)
{
	(void)ctx;
	if (++fault.n != fault.at)
		return IO_GO;
	if (fault.error == 1)
		_exit(0);
	if (fault.error == 0) {
		if (e->op == IO_WRITE)
			*size = 1;
		return IO_GO;
	}
	return fault.error;
}

static const struct io_hooks hooks = { .before = before };

static int
deliver_with(int dir, unsigned at, int error)
{
	int r;

	fault = (struct fault){ .at = at, .error = error };
	io_hooks = &hooks;
	r = deliver(dir, "box", "a\n");
	io_hooks = NULL;
	return r;
}

/* Old: 0 no file, 1 one without a line end. */
static void
test_faults(int old)
{
	const char *was = old ? "old" : "";
	const char *is = old ? "old\n\n" FROM "a\n\n" : FROM "a\n\n";
	bool good = true;
	unsigned calls = 0;

	for (unsigned at = 1; at < 50; at++) {
		int dir = scratch_dir();
		int r;

		if (old)
			put_file(dir, "box", was);
		r = deliver_with(dir, at, -ENOSPC);
		calls = fault.n;
		if (r == 0)
			good = good && is_file(dir, "box", is);
		else if (old)
			good = good && r == -ENOSPC && is_file(dir, "box", was);
		else
			good = good && faccessat(dir, "box", F_OK, 0) != 0;
		good = good && faccessat(dir, "box.lock", F_OK, 0) != 0;
		fd_close(&dir);
		if (at > calls)
			break;
	}
	tap_ok(good && calls >= 3, "full disk at each of %u calls", calls);
	for (unsigned at = 1; at <= calls; at++) {
		int dir = scratch_dir();

		if (old)
			put_file(dir, "box", was);
		good = good && deliver_with(dir, at, 0) == 0 &&
		    is_file(dir, "box", is);
		fd_close(&dir);
	}
	tap_ok(good, "short writes");
}

/* After a death in the middle: the lock goes stale, the old octets are there,
 * and the next message begins on a line of its own. */
static void
test_killed(void)
{
	bool good = true;
	unsigned at;

	for (at = 1; at < 50; at++) {
		int dir = scratch_dir(), status = 0;
		char text[4096] = "";
		AUTO_CLOSE int fd = -1;
		pid_t pid;

		put_file(dir, "box", FROM "old");
		if ((pid = fork()) == 0)
			_exit(deliver_with(dir, at, 1) == 0 ? 9 : 8);
		(void)waitpid(pid, &status, 0);
		age(dir, "box.lock", FORMAT_MBOX_STALE_S + 1);
		good = good && deliver(dir, "box", "next\n") == 0;
		fd = openat(dir, "box", O_RDONLY | O_CLOEXEC);
		good = good && read(fd, text, sizeof(text) - 1) > 0 &&
		    strncmp(text, FROM "old\n\n", strlen(FROM) + 5) == 0 &&
		    strstr(text, "\n\n" FROM "next\n\n") != NULL;
		fd_close(&dir);
		if (WEXITSTATUS(status) != 0)
			break;
	}
	tap_ok(good && at >= 3 && at < 50, "killed before each of %u calls",
	    at - 1);
}

/* ---- many at once ---- */

#define WRITERS 50

static void
test_concurrent(void)
{
	int dir = scratch_dir(), failed = 0, status;
	AUTO_FREE uint8_t *p = xcalloc(1, 65536);
	bool seen[WRITERS] = { false };
	AUTO_CLOSE int fd = -1;
	struct mbox_message m;
	struct view in;
	unsigned n = 0;

	for (unsigned i = 0; i < WRITERS; i++)
		if (fork() == 0) {
			struct format_mbox_locking l = locking();
			char text[64];
			struct view part;
			struct format_mbox_message one = {
				.sender = "", .part = &part, .n_part = 1
			};

			l.timeout_ms = 60000;
			(void)snprintf(text, sizeof(text), "n: %c%c\n\nFrom \n",
			    (char)('A' + i / 26), (char)('A' + i % 26));
			part = view_str(text);
			_exit(format_mbox_deliver(dir, "box", &one, &l, NULL) !=
			    0);
		}
	while (wait(&status) > 0)
		failed += status != 0;
	tap_ok(failed == 0, "%d writers at once", WRITERS);
	fd = openat(dir, "box", O_RDONLY | O_CLOEXEC);
	in = (struct view){ p, (size_t)read(fd, p, 65536) };
	while (mbox_next(&in, MBOX_RD, &m)) {
		unsigned i = m.text.n < 5 ? WRITERS
					  : (unsigned)(m.text.p[3] - 'A') * 26 +
			(unsigned)(m.text.p[4] - 'A');

		if (i < WRITERS && !seen[i] && m.text.n == 14)
			n++;
		if (i < WRITERS)
			seen[i] = true;
	}
	tap_ok(n == WRITERS && in.n == 0, "each message once: %u", n);
	fd_close(&dir);
}

int
main(void)
{
	test_quoting();
	test_from_line();
	test_round_trip(FORMAT_MBOX_RD, MBOX_RD);
	test_round_trip(FORMAT_MBOX_O, MBOX_O);
	test_round_trip(FORMAT_MBOX_CL, MBOX_CL);
	test_round_trip(FORMAT_MBOX_CL2, MBOX_CL);
	test_separator();
	test_places();
	test_dotlock();
	test_kinds();
	test_helper();
	test_faults(0);
	test_faults(1);
	test_killed();
	test_concurrent();
	scratch_end(&scratch, &scratch_path);
	return tap_done();
}
