#include "cli/qmail_local.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/qmail_local_inside.h"
#include "mail/address.h"
#include "mail/header.h"
#include "store/format_mbox_deliver.h"

/*
 * The checks come before anything is done, the grammar of the whole file
 * included: what fails in the middle is tried again from the start, and each
 * delivery before the failure comes twice then. Texts begin as qmail's do, since
 * people search logs and bounces for them.
 */
#define LINE_MAX_BYTES 4096
#define STRICT_MODE 022 /* others that may write a file of instructions */

/* ---- who and where ---- */

/* Root's rights end here: everything else is the user's doing. */
static int
become_owner(const struct stat *home)
{
	if (geteuid() != 0)
		return home->st_uid == geteuid() || home->st_uid == 0
		    ? 0
		    : qmail_fail(QMAIL_LOCAL_SOFT,
			  "Uh-oh: home directory is another's. (#4.7.0)", NULL);
	if (home->st_uid == 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: home directory is root's, and root gets no "
		    "deliveries. (#4.7.0)",
		    NULL);
	if (setgroups(0, NULL) != 0 ||
	    setresgid(home->st_gid, home->st_gid, home->st_gid) != 0 ||
	    setresuid(home->st_uid, home->st_uid, home->st_uid) != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Unable to become the owner of the home directory "
		    "(#4.3.0)",
		    strerror(errno));
	return 0;
}

static int
open_home(struct qmail *q)
{
	struct stat st;
	int r;

	q->dir = open(q->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (q->dir == -1 || fstat(q->dir, &st) != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Unable to switch to the home directory (#4.3.0)",
		    strerror(errno));
	if ((r = become_owner(&st)) != 0)
		return r;
	if ((st.st_mode & STRICT_MODE) != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: home directory is writable. (#4.7.0)", NULL);
	if ((st.st_mode & S_ISVTX) == 0)
		return 0;
	if (!q->dry)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Home directory is sticky: user is editing his .qmail "
		    "file. (#4.2.1)",
		    NULL);
	(void)printf("Warning: home directory is sticky.\n");
	return 0;
}

/* ---- the file of instructions ---- */

struct instructions {
	struct view text; /* mapped; or the fallback */
	void *map;
	bool forward_only; /* it has the x bit */
};

static int
check_file(const char *name, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: .qmail is not a regular file. (#4.7.0)", name);
	if ((st->st_mode & STRICT_MODE) != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: .qmail file is writable. (#4.7.0)", name);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: .qmail file is another's. (#4.7.0)", name);
	if (st->st_size > DOTQMAIL_FILE_MAX)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: .qmail file is too large. (#4.2.1)", name);
	return 0;
}

static int
read_file(int fd, const char *name, struct instructions *out)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Unable to read .qmail (#4.3.0)", strerror(errno));
	if ((r = check_file(name, &st)) != 0)
		return r;
	out->forward_only = (st.st_mode & 0100) != 0;
	out->text.n = (size_t)st.st_size;
	if (st.st_size == 0)
		return 0;
	out->map = xmalloc(out->text.n);
	out->text.p = out->map;
	if ((r = fd_pread(fd, out->map, out->text.n, 0)) != 0)
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Unable to read .qmail (#4.3.0)", strerror(-r));
	return 0;
}

/* The first that is there of the names for this recipient. */
static int
find_file(struct qmail *q, struct instructions *out)
{
	char name[DOTQMAIL_NAME_MAX + 1];
	struct view dash = view_str(q->dash), ext = view_str(q->ext);
	size_t at;

	for (unsigned i = 0; dotqmail_name(dash, ext, i, name, &at); i++) {
		AUTO_CLOSE int fd =
		    openat(q->dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd == -1 && (name[0] == '\0' || errno == ENOENT))
			continue;
		if (fd == -1)
			return qmail_fail(QMAIL_LOCAL_SOFT,
			    "Unable to open .qmail (#4.3.0)", strerror(errno));
		if (i > 0)
			q->matched = q->ext + at;
		return read_file(fd, name, out);
	}
	if (dash.n > 0)
		return qmail_fail(QMAIL_LOCAL_HARD,
		    "Sorry, no mailbox here by that name. (#5.1.1)", NULL);
	return 0;
}

static int
check_lines(const struct instructions *in)
{
	struct dotqmail d = { .file = in->text };
	struct dotqmail_line l;
	bool only = in->forward_only;
	enum dotqmail_result r;
	char line[32];

	while ((r = dotqmail_next(&d, &l)) == DOTQMAIL_OK) {
		if (l.kind == DOTQMAIL_LIST)
			only = true;
		else if (only && l.kind != DOTQMAIL_FORWARD)
			return qmail_fail(QMAIL_LOCAL_SOFT,
			    "Uh-oh: .qmail has a program or file delivery but "
			    "is only for forwarding. (#4.7.0)",
			    NULL);
	}
	(void)snprintf(line, sizeof(line), "line %u", d.line);
	switch (r) {
	case DOTQMAIL_OK:
	case DOTQMAIL_END:
		return 0;
	case DOTQMAIL_BLANK:
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: first line of .qmail file is blank. (#4.2.1)",
		    NULL);
	case DOTQMAIL_UNKNOWN:
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: .qmail has a line that is no instruction. (#4.2.1)",
		    line);
	case DOTQMAIL_LIMIT:
		return qmail_fail(QMAIL_LOCAL_SOFT,
		    "Uh-oh: .qmail is too large. (#4.2.1)", line);
	}
	return 0;
}

/* ---- the envelope ---- */

static bool
is_there(const struct qmail *q, const char *suffix)
{
	AUTO_BUF struct buf ext = BUF_INIT(LINE_MAX_BYTES);
	char name[DOTQMAIL_NAME_MAX + 1];
	size_t at;

	buf_printf(&ext, "%s%s", q->ext, suffix);
	return dotqmail_name(view_str(q->dash), buf_view(&ext), 0, name, &at) &&
	    name[0] != '\0' && faccessat(q->dir, name, F_OK, 0) == 0;
}

/* The sender of what is forwarded: dot-qmail(5), of lists. */
static void
make_newsender(struct qmail *q)
{
	const bool bounce =
	    q->sender[0] == '\0' || strcmp(q->sender, "#@[]") == 0;

	if (bounce || !is_there(q, "-owner")) {
		buf_put_str(&q->newsender, q->sender);
	} else if (is_there(q, "-owner-default")) {
		q->verp = true;
		buf_printf(
		    &q->newsender, "%s-owner-@%s-@[]", q->local, q->host);
	} else {
		buf_printf(&q->newsender, "%s-owner@%s", q->local, q->host);
	}
	buf_put_byte(&q->newsender, '\0');
}

/* What goes between < and > of a line of the header. */
static void
make_lines(struct qmail *q)
{
	AUTO_BUF struct buf sender = BUF_INIT(LINE_MAX_BYTES);

	dotqmail_put_clean(&sender, view_str(q->sender));
	buf_put_str(&q->rpline, "Return-Path: <");
	address_put_path(buf_view(&sender), &q->rpline);
	buf_put_str(&q->rpline, ">\n");
	buf_put_str(&q->dtline, "Delivered-To: ");
	dotqmail_put_clean(&q->dtline, view_str(q->local));
	buf_put_byte(&q->dtline, '@');
	dotqmail_put_clean(&q->dtline, view_str(q->host));
	buf_put_byte(&q->dtline, '\n');
	format_mbox_from(q->sender, clock_wall_s(), &q->ufline);
}

static struct view
trim(struct view v)
{
	while (v.n > 0 && (v.p[0] == ' ' || v.p[0] == '\t'))
		view_skip(&v, 1);
	while (v.n > 0 && v.p[v.n - 1] <= ' ')
		v.n--;
	return v;
}

/* Has it been here before? */
static bool
is_loop(const struct qmail *q)
{
	struct view rest = q->message.octets, own = buf_view(&q->dtline);
	const struct view name = VIEW_LIT("Delivered-To");
	struct header_field f;

	view_skip(&own, name.n + 1);
	own = trim(own);
	while (header_next(&rest, &f))
		if (view_eq_ci(f.name, name) && view_eq(trim(f.value), own))
			return true;
	return false;
}

/* ---- all of it ---- */

static int
follow(struct qmail *q, struct view text)
{
	struct dotqmail d = { .file = text };
	struct dotqmail_line l;
	int r = 0;

	while (r == 0 && dotqmail_next(&d, &l) == DOTQMAIL_OK)
		r = qmail_act(q, &l);
	if (r != 0 && r != QMAIL_LOCAL_STOP)
		return r;
	if ((r = qmail_forward(q)) != 0)
		return r;
	(void)printf(
	    "did %u+%u+%u\n", q->n_files, q->n_forwards, q->n_programs);
	return 0;
}

static int
take_message(struct qmail *q)
{
	struct why w = { "" };
	int r;

	if (q->dry)
		return 0;
	r = local_input(q->conf, &q->message, &w);
	if (r != EX_OK)
		return qmail_fail(
		    r == EX_DATAERR ? QMAIL_LOCAL_HARD : QMAIL_LOCAL_SOFT,
		    "Unable to read message", w.text);
	if (is_loop(q))
		return qmail_fail(QMAIL_LOCAL_HARD,
		    "This message is looping: it already has my Delivered-To "
		    "line. (#5.4.6)",
		    NULL);
	return 0;
}

static int
run(struct qmail *q)
{
	struct instructions in = { .map = NULL };
	int r;

	(void)umask(077);
	if ((r = open_home(q)) != 0)
		return r;
	make_lines(q);
	if ((r = take_message(q)) != 0)
		return r;
	if ((r = find_file(q, &in)) == 0) {
		if (in.text.n == 0) { /* qmail-local: the bit is the file's */
			in.text = view_str(q->fallback);
			in.forward_only = false;
		}
		make_newsender(q);
		if ((r = check_lines(&in)) == 0)
			r = follow(q, in.text);
	}
	free(in.map);
	return r;
}

static int
usage(void)
{
	return qmail_fail(QMAIL_LOCAL_HARD,
	    "qmail-local: usage: qmail-local [ -nN ] user homedir local dash "
	    "ext domain sender defaultdelivery",
	    NULL);
}

int
cmd_qmail_local(const struct conf *conf, int argc, char **argv)
{
	struct qmail q = { .conf = conf,
		.dir = -1,
		.message = LOCAL_MESSAGE_INIT,
		.rpline = BUF_INIT(LINE_MAX_BYTES),
		.dtline = BUF_INIT(LINE_MAX_BYTES),
		.ufline = BUF_INIT(LINE_MAX_BYTES),
		.newsender = BUF_INIT(LINE_MAX_BYTES),
		.forwards = BUF_INIT((size_t)DOTQMAIL_FILE_MAX * 2) };
	int c, r;

	while ((c = getopt(argc, argv, "+nN")) != -1) {
		if (c != 'n' && c != 'N')
			return usage();
		q.dry = c == 'n';
	}
	argv += optind;
	if (argc - optind != 8 || argv[1][0] != '/')
		return usage();
	for (int i = 0; i < 7; i++) /* the last may be a whole file */
		if (strlen(argv[i]) > LINE_MAX_BYTES / 4)
			return usage();
	q.user = argv[0];
	q.home = argv[1];
	q.local = argv[2];
	q.dash = argv[3];
	q.ext = argv[4];
	q.host = argv[5];
	q.sender = argv[6];
	q.fallback = argv[7];
	r = run(&q);
	local_message_fini(&q.message);
	buf_fini(&q.rpline);
	buf_fini(&q.dtline);
	buf_fini(&q.ufline);
	buf_fini(&q.newsender);
	buf_fini(&q.forwards);
	fd_close(&q.dir);
	(void)fflush(stdout);
	return r;
}
