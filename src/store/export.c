#include "store/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/fd.h"
#include "base/mem.h"
#include "mail/header.h"
#include "store/format_mbox_deliver.h"
#include "store/mailbox.h"
#include "store/message.h"

/*
 * Octets are read by pread in pieces, never through a map: a bad disk gives an
 * error for one message there, not the end of the process.
 */

#define UIDLIST "dovecot-uidlist"
#define ID_MAX 128 /* bytes of a POP3 id, far more than one has */
#define PIECE 65536
#define ROWS 256
#define LEVEL_MAX 255 /* bytes of a file name */

struct export
{
	struct account *a;
	int dirfd;
	enum export_format format;
	export_fn *fn;
	export_id_fn *id;
	void *ctx;
	struct view mailbox; /* its name */
	const struct mailbox_row *box;
	int dir;             /* of the mailbox; for mbox the file */
	uint64_t serial;     /* for names in a maildir */
	int ids;             /* a maildir's list of ids; -1: none yet */
	struct buf id_lines; /* of it, not written yet */
	struct buf one_id;
	struct buf out;
	uint8_t piece[PIECE];
};

static int
tell(struct export *x, uint32_t uid, const char *text)
{
	return x->fn != NULL ? x->fn(x->ctx, x->mailbox, uid, text) : 0;
}

/* --- names --- */

static void
put_file_name(struct buf *b, struct view level)
{
	for (size_t i = 0; i < level.n; i++) {
		uint8_t c = level.p[i];

		if (c < 0x20 || c == 0x7f || c == '/' || c == '%' ||
		    (c == '.' && i == 0))
			buf_printf(b, "%%%02X", c);
		else
			buf_put_byte(b, c);
	}
}

/* What we call files and directories of our own is no level's name. */
static bool
ends_as_ours(struct view v)
{
	return view_ends(v, VIEW_LIT(".mbox")) ||
	    view_ends(v, VIEW_LIT(".eml")) || view_eq(v, VIEW_LIT("cur")) ||
	    view_eq(v, VIEW_LIT("new")) || view_eq(v, VIEW_LIT("tmp")) ||
	    view_eq(v, VIEW_LIT(UIDLIST));
}

/* The name of a level's file or directory, NUL at the end: other levels have
 * others, also when they do not fit a file name. */
static void
put_level(struct buf *b, struct view level, const char *suffix)
{
	uint32_t crc = crc32c(0, level);

	put_file_name(b, level);
	if (ends_as_ours(level))
		buf_put_byte(b, '%');
	buf_put_str(b, suffix);
	if (b->n > LEVEL_MAX) {
		b->n = LEVEL_MAX - 24;
		buf_printf(b, "%%%08x%s", crc, suffix);
	}
	buf_put_byte(b, 0);
}

static int
make_dir(int *at, const char *name)
{
	int fd;

	if (mkdirat(*at, name, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = openat(*at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return -errno;
	fd_close(at);
	*at = fd;
	return 0;
}

/* The last level gets the suffix; its directory, or the mbox file, in x->dir.
 */
static int
open_levels(struct export *x, struct view name, const char *suffix)
{
	int r = 0;

	x->dir = openat(x->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->dir == -1)
		return -errno;
	while (r == 0) {
		const uint8_t *end = memchr(name.p, STORE_DELIMITER, name.n);
		size_t n = end != NULL ? (size_t)(end - name.p) : name.n;
		AUTO_BUF struct buf b;
		int fd;

		buf_init(&b, 4 * STORE_NAME_MAX);
		put_level(&b, view_sub(name, 0, n), end == NULL ? suffix : "");
		if (end != NULL || x->format != EXPORT_MBOX) {
			r = make_dir(&x->dir, (const char *)b.p);
			if (end == NULL)
				return r;
			view_skip(&name, n + 1);
			continue;
		}
		fd = openat(x->dir, (const char *)b.p,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		r = fd == -1 ? -errno : 0;
		fd_close(&x->dir);
		x->dir = fd;
		return r;
	}
	return r;
}

static int
open_mailbox(struct export *x)
{
	static const char *const part[] = { "cur", "new", "tmp" };
	int r =
	    open_levels(x, x->mailbox, x->format == EXPORT_MBOX ? ".mbox" : "");

	for (unsigned i = 0; r == 0 && x->format == EXPORT_MAILDIR && i < 3;
	     i++)
		if (mkdirat(x->dir, part[i], 0700) != 0 && errno != EEXIST)
			r = -errno;
	return r;
}

/* Letters in ASCII order, as the maildir specification wants. */
static void
maildir_name(struct export *x, const struct message_row *row, char out[128])
{
	uint16_t f = row->flags.system;

	snprintf(out, 128, "cur/%lld.M%06uP%d_%llu.fumi,W=%u:2,%s%s%s%s%s",
	    (long long)row->date, (unsigned)(x->serial % 1000000),
	    (int)getpid(), (unsigned long long)x->serial, row->size,
	    f & STORE_DRAFT ? "D" : "", f & STORE_FLAGGED ? "F" : "",
	    f & STORE_ANSWERED ? "R" : "", f & STORE_SEEN ? "S" : "",
	    f & STORE_DELETED ? "T" : "");
	x->serial++;
}

/* --- POP3 ids --- */

/* As long as the next one is not asked for. */
static struct view
id_of(struct export *x, uint32_t uid)
{
	buf_clear(&x->one_id);
	if (x->id != NULL)
		x->id(x->ctx, x->box, uid, &x->one_id);
	return buf_view(&x->one_id);
}

static int
write_ids(struct export *x)
{
	int r = x->ids == -1 ? 0 : fd_write(x->ids, buf_view(&x->id_lines));

	buf_clear(&x->id_lines);
	return r;
}

/* "3 V1275660208 N25", then "17 Pid :name", the form of Dovecot 2. */
static int
list_id(struct export *x, uint32_t uid, struct view name)
{
	struct view id = id_of(x, uid);

	if (id.n == 0)
		return 0;
	if (x->ids == -1) {
		x->ids = openat(x->dir, UIDLIST,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (x->ids == -1)
			return -errno;
		buf_printf(&x->id_lines, "3 V%u N%u\n", x->box->uidvalidity,
		    x->box->uidnext);
	}
	buf_printf(&x->id_lines, "%u P", uid);
	buf_put(&x->id_lines, id);
	buf_put_str(&x->id_lines, " :");
	buf_put(&x->id_lines, name);
	buf_put_byte(&x->id_lines, '\n');
	return x->id_lines.n >= PIECE ? write_ids(x) : 0;
}

/* --- octets --- */

/* What a line needs to know of the piece before. */
struct lines {
	bool had_cr;
	bool at_start; /* of a line */
	size_t gt;     /* '>' seen since the start of the line */
	size_t from;   /* how much of "From " came behind them */
	bool open;     /* still in '>'s or "From " */
};

static const char from_[] = "From ";

/* A line that begins so far like ">>From ": put what was held back. */
static void
put_held(struct lines *l, struct buf *out)
{
	for (size_t i = 0; i < l->gt; i++)
		buf_put_byte(out, '>');
	buf_put(out, (struct view){ (const uint8_t *)from_, l->from });
	l->open = false;
}

static void
put_octet(struct lines *l, struct buf *out, uint8_t c, bool quote)
{
	if (l->at_start) {
		l->at_start = false;
		l->open = quote;
		l->gt = l->from = 0;
	}
	if (l->open) {
		if (l->from == 0 && c == '>') {
			l->gt++;
			return;
		}
		if (c == (uint8_t)from_[l->from]) {
			if (++l->from < sizeof from_ - 1)
				return;
			buf_put_byte(out, '>');
			put_held(l, out);
			return;
		}
		put_held(l, out);
	}
	buf_put_byte(out, c);
	l->at_start = c == '\n';
}

/* CRLF becomes LF; a CR that stands alone stays. */
static void
put_lines(struct lines *l, struct buf *out, struct view v, bool quote)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (l->had_cr && c != '\n')
			put_octet(l, out, '\r', quote);
		l->had_cr = c == '\r';
		if (!l->had_cr)
			put_octet(l, out, c, quote);
	}
}

static void
end_lines(struct lines *l, struct buf *out, bool quote)
{
	if (l->had_cr)
		put_octet(l, out, '\r', quote);
	if (l->open)
		put_held(l, out);
}

static int
flush(struct export *x, int fd)
{
	int r = fd_write(fd, buf_view(&x->out));

	buf_clear(&x->out);
	return r;
}

/*
 * The flags, in the lines that programs with mboxes keep them in: "Status: RO",
 * R seen, O that it is not new; "X-Status: AFTD", answered, flagged, draft,
 * deleted; and X-UIDL. Before the header, where they need not be looked for; not where they
 * would become part of the message (it begins with the rest of a folded line).
 */
static void
put_status(struct buf *out, uint16_t f, struct view id, struct view message)
{
	if (message.n > 0 && (message.p[0] == ' ' || message.p[0] == '\t'))
		return;
	if (id.n > 0) {
		buf_put_str(out, "X-UIDL: ");
		buf_put(out, id);
		buf_put_byte(out, '\n');
	}
	buf_put_str(out, f & STORE_SEEN ? "Status: RO\n" : "Status: O\n");
	if (f & (STORE_ANSWERED | STORE_FLAGGED | STORE_DRAFT | STORE_DELETED))
		buf_printf(out, "X-Status: %s%s%s%s\n",
		    f & STORE_ANSWERED ? "A" : "", f & STORE_FLAGGED ? "F" : "",
		    f & STORE_DRAFT ? "T" : "", f & STORE_DELETED ? "D" : "");
}

/* Octets of the envelope's sender, which is not kept, as the first Return-Path of
 * a header names it (RFC 5321 section 4.4); none where there is none. */
static struct view
sender_of(struct view message)
{
	struct view header = view_sub(message, 0, header_size(message)), v;
	struct header_field f;
	const uint8_t *p;

	if (!header_find(header, VIEW_LIT("Return-Path"), &f))
		return (struct view){ NULL, 0 };
	v = header_trim(f.value);
	if (v.n > 0 && (p = memchr(v.p, '<', v.n)) != NULL)
		view_skip(&v, (size_t)(p - v.p) + 1);
	if (v.n > 0 && (p = memrchr(v.p, '>', v.n)) != NULL)
		v.n = (size_t)(p - v.p);
	return v;
}

/* What is in front of a message in an mbox. start: its first octets */
static void
put_mbox_lines(
    struct export *x, const struct message_row *row, struct view start)
{
	const struct view sender = sender_of(start);
	char text[FORMAT_MBOX_SENDER_MAX + 1];
	size_t n = 0;

	for (; n < sender.n && n < FORMAT_MBOX_SENDER_MAX; n++)
		text[n] = sender.p[n] == '\0' ? ' ' : (char)sender.p[n];
	text[n] = '\0';
	format_mbox_from(text, row->date, &x->out);
	if (start.n > 0)
		put_status(
		    &x->out, row->flags.system, id_of(x, row->uid), start);
}

/* The octets of a message into fd. *text says why they could not be read. */
static int
write_octets(
    struct export *x, int fd, const struct message_row *row, const char **text)
{
	bool quote = x->format == EXPORT_MBOX;
	struct lines l = { .at_start = true };
	int r = 0;

	if (quote && row->size == 0)
		put_mbox_lines(x, row, (struct view){ NULL, 0 });
	for (uint64_t at = 0; at < row->size && r == 0; at += PIECE) {
		size_t n = row->size - at < PIECE ? row->size - at : PIECE;
		struct view v = { x->piece, n };

		r = message_read(x->a, row->body, at, x->piece, n);
		if (r != 0) {
			*text = r == STORE_NOT_FOUND ? "its body is not there"
						     : account_why(x->a);
			return 0;
		}
		if (quote && at == 0)
			put_mbox_lines(x, row, v);
		if (x->format == EXPORT_EML)
			buf_put(&x->out, v);
		else
			put_lines(&l, &x->out, v, quote);
		r = flush(x, fd);
	}
	if (r == 0 && x->format != EXPORT_EML) {
		end_lines(&l, &x->out, quote);
		if (quote) /* the last line ends, and an empty one follows */
			buf_put_str(&x->out, l.at_start ? "\n" : "\n\n");
		r = flush(x, fd);
	}
	return r;
}

/* Of a file in cur, without its flags. */
static struct view
base_name(const char *path)
{
	struct view v = view_str(path);

	view_skip(&v, sizeof("cur/") - 1);
	v.n = (size_t)((const uint8_t *)memrchr(v.p, ':', v.n) - v.p);
	return v;
}

static int
write_file(struct export *x, const struct message_row *row, const char **text)
{
	char name[128];
	AUTO_CLOSE int fd = -1;
	int r;

	if (x->format == EXPORT_MAILDIR)
		maildir_name(x, row, name);
	else
		snprintf(name, sizeof name, "%u.eml", row->uid);
	fd = openat(x->dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	r = write_octets(x, fd, row, text);
	if (r == 0 && *text != NULL && unlinkat(x->dir, name, 0) != 0)
		r = -errno;
	if (r == 0 && *text == NULL && x->format == EXPORT_MAILDIR)
		r = list_id(x, row->uid, base_name(name));
	if (r == 0 && *text == NULL) {
		struct timespec t[2] = { { .tv_sec = row->date },
			{ .tv_sec = row->date } };

		if (futimens(fd, t) != 0)
			return 0; /* only a nicety */
	}
	return r;
}

static int
write_mbox(struct export *x, const struct message_row *row, const char **text)
{
	off_t start = lseek(x->dir, 0, SEEK_CUR);
	int r;

	if (start == -1)
		return -EIO;
	r = write_octets(x, x->dir, row, text);
	if (r == 0 && *text != NULL &&
	    (ftruncate(x->dir, start) != 0 ||
		lseek(x->dir, start, SEEK_SET) == -1))
		r = -errno;
	return r;
}

static int
export_message(struct export *x, const struct message_row *row)
{
	const char *text = NULL;
	int r;

	if (x->format == EXPORT_MBOX)
		r = write_mbox(x, row, &text);
	else
		r = write_file(x, row, &text);
	return r != 0 ? r : tell(x, row->uid, text);
}

static int
export_mailbox(struct export *x, const struct mailbox_entry *e)
{
	struct message_row row[ROWS];
	uint32_t next = 1;
	size_t n;
	int r;

	x->mailbox = e->name;
	x->box = &e->row;
	if (e->row.noselect)
		return 0;
	if ((r = open_mailbox(x)) != 0)
		return r;
	do {
		r = message_rows(
		    x->a, e->row.id, next, UINT32_MAX, row, ROWS, &n);
		for (size_t i = 0; i < n && r == 0; i++)
			r = export_message(x, &row[i]);
		if (n > 0)
			next = row[n - 1].uid + 1;
	} while (r == 0 && n == ROWS && next != 0);
	if (r == 0)
		r = write_ids(x);
	if (r == 0 && fsync(x->dir) != 0)
		r = -errno;
	fd_close(&x->ids);
	fd_close(&x->dir);
	return r;
}

int
export_run(struct account *a, int dirfd, enum export_format format,
    export_fn *fn, export_id_fn *id, void *ctx)
{
	struct export *x = xcalloc(1, sizeof *x);
	AUTO_ARENA struct arena *arena = arena_new((size_t)1 << 30);
	struct mailbox_entry *e;
	size_t n;
	int r;

	x->a = a;
	x->dirfd = dirfd;
	x->format = format;
	x->fn = fn;
	x->id = id;
	x->ctx = ctx;
	x->dir = x->ids = -1;
	buf_init(&x->out, (size_t)4 * PIECE);
	buf_init(&x->id_lines, (size_t)2 * PIECE);
	buf_init(&x->one_id, ID_MAX);
	r = mailbox_list(a, arena, &e, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = export_mailbox(x, &e[i]);
	fd_close(&x->dir);
	fd_close(&x->ids);
	buf_fini(&x->id_lines);
	buf_fini(&x->one_id);
	buf_fini(&x->out);
	free(x);
	return r;
}
