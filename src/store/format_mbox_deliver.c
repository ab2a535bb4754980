#include "store/format_mbox_deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "mail/header.h"
#include "store/io.h"

/*
 * The message is made in memory first, so that under the locks there is only one
 * append and one sync. The file that was locked must still be the file of that
 * name: whoever rewrites an mbox by renaming a new one into place does so under
 * the same locks, between our open and our lock.
 */
#define TRIES 10

/* ---- the message ---- */

void
format_mbox_from(const char *sender, int64_t date, struct buf *out)
{
	time_t t = (time_t)date;
	struct tm tm;
	char text[64];

	buf_put_str(out, "From ");
	if (*sender == '\0')
		buf_put_str(out, "MAILER-DAEMON");
	for (size_t i = 0; sender[i] != '\0' && i < FORMAT_MBOX_SENDER_MAX; i++)
		buf_put_byte(out,
		    (uint8_t)sender[i] <= ' ' || sender[i] == 0x7f
			? '-'
			: (uint8_t)sender[i]);
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), " %a %b %e %H:%M:%S %Y\n", &tm) == 0)
		(void)memcpy(text, " Thu Jan  1 00:00:00 1970\n", 27);
	buf_put_str(out, text);
}

/* ">*From " when rd, else "From ". */
static bool
must_quote(struct view line, bool rd)
{
	while (rd && line.n > 0 && line.p[0] == '>')
		view_skip(&line, 1);
	return view_starts(line, VIEW_LIT("From "));
}

/* With its LF; the last line of all may have none. */
static struct view
take_line(struct view *in)
{
	const uint8_t *end = memchr(in->p, '\n', in->n);
	struct view v =
	    view_sub(*in, 0, end != NULL ? (size_t)(end - in->p) + 1 : in->n);

	view_skip(in, v.n);
	return v;
}

static void
put_quoted(struct view v, enum format_mbox_quoting q, struct buf *out)
{
	while (v.n > 0) {
		struct view line = take_line(&v);

		if (q != FORMAT_MBOX_CL2 &&
		    must_quote(line, q == FORMAT_MBOX_RD))
			buf_put_byte(out, '>');
		buf_put(out, line);
	}
	if (out->n > 0 && out->p[out->n - 1] != '\n')
		buf_put_byte(out, '\n');
}

/* The start of the field, as readers see it, blanks before the colon included:
 * a stranger's must not be believed before ours. */
static bool
is_length(struct view line)
{
	struct header_field f;

	return header_next(&line, &f) &&
	    view_eq_ci(f.name, VIEW_LIT("Content-Length"));
}

/* The lines of the header without any Content-Length, to the empty line, which
 * is not copied. What is behind it. */
static struct view
put_header(struct view v, struct buf *out)
{
	bool drop = false;

	while (v.n > 0) {
		struct view line = take_line(&v);

		if (line.p[0] == '\n' || view_eq(line, VIEW_LIT("\r\n")))
			return v;
		if (line.p[0] != ' ' && line.p[0] != '\t')
			drop = is_length(line);
		if (!drop)
			put_quoted(line, FORMAT_MBOX_O, out);
	}
	return v;
}

/* Content-Length counts the body as it lies in the file. */
static void
put_with_length(struct view v, enum format_mbox_quoting q, struct buf *out)
{
	AUTO_BUF struct buf body = BUF_INIT(out->max);
	struct view rest = put_header(v, out);

	put_quoted(rest, q == FORMAT_MBOX_CL ? FORMAT_MBOX_O : q, &body);
	buf_printf(out, "Content-Length: %zu\n\n", body.n);
	buf_put(out, buf_view(&body));
	out->failed = out->failed || body.failed;
}

void
format_mbox_put(const struct format_mbox_message *m, struct buf *out)
{
	AUTO_BUF struct buf whole = BUF_INIT(out->max);

	for (size_t i = 0; i < m->n_part; i++)
		buf_put(&whole, m->part[i]);
	out->failed = out->failed || whole.failed;
	format_mbox_from(m->sender, m->date, out);
	if (m->quoting == FORMAT_MBOX_CL || m->quoting == FORMAT_MBOX_CL2)
		put_with_length(buf_view(&whole), m->quoting, out);
	else
		put_quoted(buf_view(&whole), m->quoting, out);
	buf_put_byte(out, '\n');
}

/* ---- the file ---- */

/* Can anybody but the owner and root put names into it? */
static bool
is_shared(const struct stat *dir)
{
	return (dir->st_mode & 022) != 0;
}

/* *made: it was not there, and its name is not synced. */
static int
open_file(int dir, const char *name, bool *made, int *out)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK;
	struct stat above, st;
	int fd;

	if (fstat(dir, &above) != 0)
		return -errno;
	fd = openat(dir, name, flags | (is_shared(&above) ? O_NOFOLLOW : 0));
	*made = fd == -1 && errno == ENOENT;
	if (*made &&
	    (fd = io_create(dir, name, O_RDWR | O_APPEND | O_EXCL)) < 0)
		return fd;
	if (fd == -1)
		return -errno;
	*out = fd;
	if (fstat(fd, &st) != 0)
		return -errno;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return 0;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (is_shared(&above) && (st.st_uid != geteuid() || st.st_nlink != 1))
		return -EPERM;
	return 0;
}

/* Is what is open still what has the name? */
static int
is_current(int dir, const char *name, int fd, bool *yes)
{
	struct stat a, b;

	if (fstat(fd, &a) != 0)
		return -errno;
	if (fstatat(dir, name, &b, 0) != 0) {
		*yes = false;
		return errno == ENOENT ? 0 : -errno;
	}
	*yes = a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	return 0;
}

/* Line feeds that are missing before the next "From " line. */
static int
separator(int fd, uint64_t size, struct view *out)
{
	uint8_t end[2] = { '\n', '\n' };
	const size_t n = size < 2 ? (size_t)size : 2;
	int r = n > 0 ? fd_pread(fd, end + 2 - n, n, size - n) : 0;

	*out = VIEW_LIT("\n\n");
	if (end[1] == '\n')
		view_skip(out, end[0] == '\n' ? 2 : 1);
	return r;
}

/* Back to its old length. Where even that fails, the next delivery begins on a
 * line of its own, and nothing of before is touched. */
static void
cut(int fd, uint64_t size)
{
	if (io_truncate(fd, size) != 0 || io_sync(fd, IO_SITE_NONE) != 0)
		return;
}

static int
append(int fd, struct view text)
{
	struct stat st;
	struct view sep;
	int r;

	if (fstat(fd, &st) != 0)
		return -errno;
	if ((r = separator(fd, (uint64_t)st.st_size, &sep)) != 0)
		return r;
	if (sep.n > 0)
		r = io_write_all(fd, sep, (uint64_t)st.st_size);
	if (r == 0)
		r = io_write_all(fd, text, (uint64_t)st.st_size + sep.n);
	if (r == 0)
		r = io_sync(fd, IO_SITE_NONE);
	if (r != 0)
		cut(fd, (uint64_t)st.st_size);
	return r;
}

/* Under the locks. *again: the file was replaced meanwhile. */
static int
append_if_current(
    int dir, const char *name, int fd, bool made, struct view text, bool *again)
{
	bool current = false;
	int r = is_current(dir, name, fd, &current);

	*again = r == 0 && !current;
	if (r != 0 || *again)
		return r;
	r = append(fd, text);
	if (r == 0 && made)
		r = io_sync_dir(dir, IO_SITE_NONE);
	if (r != 0 && made && io_unlink(dir, name) != 0)
		return r; /* an empty file is left */
	return r;
}

/* dir/name is at/path. */
static int
deliver(int at, const char *path, int dir, const char *name, struct view text,
    const struct format_mbox_locking *l, bool *again, struct why *w)
{
	struct format_mbox_held held;
	AUTO_CLOSE int fd = -1;
	struct stat st;
	bool made = false;
	int r = open_file(dir, name, &made, &fd);

	*again = r == -EEXIST;
	if (r != 0)
		return why(w, r, "mbox %s%s", path,
		    r == -EPERM ? ": another's, or linked, in a directory that "
				  "others write"
				: "");
	if (fstat(fd, &st) == 0 && S_ISCHR(st.st_mode))
		return 0; /* /dev/null */
	if ((r = format_mbox_lock(at, path, fd, l, &held, w)) != 0)
		return r;
	r = append_if_current(dir, name, fd, made, text, again);
	format_mbox_unlock(&held);
	return r != 0 ? why(w, r, "append to mbox %s", path) : 0;
}

int
format_mbox_deliver(int at, const char *path,
    const struct format_mbox_message *m, const struct format_mbox_locking *l,
    struct why *w)
{
	AUTO_BUF struct buf text = BUF_INIT((size_t)1 << 40);
	AUTO_CLOSE int dir = -1;
	const char *name;
	bool again = true;
	int r = format_mbox_above(at, path, &name, &dir);

	if (r != 0)
		return why(w, r, "mbox %s", path);
	format_mbox_put(m, &text);
	for (unsigned i = 0; i < TRIES && again; i++)
		r = deliver(at, path, dir, name, buf_view(&text), l, &again, w);
	return r == 0 && again
	    ? why(w, -EAGAIN, "mbox %s is replaced again and again", path)
	    : r;
}
