#include "cli/cmd_import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/importer.h"
#include "cli/maildir_name.h"
#include "cli/uidl_source.h"
#include "imap/utf7.h"
#include "mail/header.h"
#include "mail/mbox.h"

#define USAGE                                                                  \
	"import -u ACCOUNT [-m MAILBOX] [-n] [--no-uidl] maildir PATH\n"       \
	"       fumi import -u ACCOUNT [-m MAILBOX] [-n] [--no-uidl] "         \
	"[-q rd|o|cl|cl2] mbox "                                               \
	"PATH"
#define NAMES_MAX (64u << 20) /* bytes of names of one folder */
#define KEYWORD_LETTERS 26

struct import {
	struct importer *to;
	struct account *account;
	const char *user, *mailbox, *kind, *path;
	bool dry_run;
	enum mbox_quoting quoting;
	uint64_t done, total, refused;
	bool no_uidl;             /* leave POP3's unique ids alone */
	struct uidl_source *uidl; /* of the folder in hand; NULL: none */
};

/* 0 when the import can go on: what is wrong with this one message was said. */
static int
add(struct import *im, const struct importer_message *m, const char *what)
{
	int r = importer_add(im->to, m);

	im->done++;
	cli_progress(im->kind, im->done, im->total, false);
	if (r == STORE_LIMIT) {
		im->refused++;
		(void)cli_fail(EX_DATAERR, "import", "%s: %s", what,
		    cli_store_text(im->account, r));
		return 0;
	}
	return r;
}

static int
fail(struct import *im, int r, const char *what)
{
	return cli_fail(cli_store_status(r), "import", "%s: %s", what,
	    cli_store_text(im->account, r));
}

/* Map a whole file; an empty one is an empty view. */
static int
map_fd(int fd, struct view *out, struct stat *st)
{
	void *p;

	*out = (struct view){ NULL, 0 };
	if (fstat(fd, st) != 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	if (st->st_size == 0)
		return 0;
	p = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = (struct view){ p, (size_t)st->st_size };
	return 0;
}

/* A file of a maildir; a link in it might lead anywhere, so none is followed. */
static int
map_file(int at, const char *name, struct view *out, struct stat *st)
{
	AUTO_CLOSE int fd =
	    openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	*out = (struct view){ NULL, 0 };
	return fd != -1 ? map_fd(fd, out, st) : -errno;
}

static void
unmap(struct view v)
{
	if (v.n > 0)
		(void)munmap((void *)(uintptr_t)v.p, v.n);
}

/* ---- mbox ---- */

static unsigned
system_flags(unsigned mbox)
{
	return ((mbox & MBOX_SEEN) != 0 ? STORE_SEEN : 0u) |
	    ((mbox & MBOX_ANSWERED) != 0 ? STORE_ANSWERED : 0u) |
	    ((mbox & MBOX_FLAGGED) != 0 ? STORE_FLAGGED : 0u) |
	    ((mbox & MBOX_DELETED) != 0 ? STORE_DELETED : 0u) |
	    ((mbox & MBOX_DRAFT) != 0 ? STORE_DRAFT : 0u);
}

static int
add_mbox_message(struct import *im, const struct mbox_message *m, int64_t date)
{
	AUTO_BUF struct buf b = BUF_INIT(m->text.n + 1);
	struct header_field uidl = { .value = { NULL, 0 } };
	char what[64];

	mbox_text(m, im->quoting, &b);
	/* as POP3 servers on mboxes keep it; m: that of an export is not part
	 * of the message */
	if (!im->no_uidl && header_find(m->text, VIEW_LIT("X-UIDL"), &uidl))
		uidl.value = header_trim(uidl.value);
	(void)snprintf(what, sizeof(what), "message %llu of the mbox",
	    (unsigned long long)im->done + 1);
	return add(im,
	    &(struct importer_message){ .octets = buf_view(&b),
		.system = system_flags(m->flags),
		.date = m->has_date ? m->date : date,
		.uidl = uidl.value },
	    what);
}

static int
import_mbox(struct import *im, int fd)
{
	struct mbox_message m;
	struct view v, all;
	struct stat st;
	int r = map_fd(fd, &all, &st);

	if (r != 0)
		return cli_fail(
		    EX_NOINPUT, "import", "%s: %s", im->path, strerror(-r));
	if (all.n > 0 && !mbox_is(all)) {
		unmap(all);
		return cli_fail(EX_DATAERR, "import",
		    "%s: that is no mbox (its first line is no \"From \" line)",
		    im->path);
	}
	for (v = all; mbox_next(&v, im->quoting, &m);)
		im->total++;
	r = importer_mailbox(im->to, view_str(im->mailbox));
	for (v = all; r == 0 && mbox_next(&v, im->quoting, &m);)
		r = add_mbox_message(im, &m, st.st_mtime);
	if (r == 0)
		r = importer_flush(im->to);
	unmap(all);
	return r == 0 ? EX_OK : fail(im, r, im->path);
}

/* ---- maildir ---- */

/* Names of the files of a directory, in order, in the arena. */
struct names {
	char **v;
	size_t n, cap;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
list(int at, const char *path, struct arena *arena, struct names *out)
{
	int fd =
	    openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int r = 0;

	*out = (struct names){ .n = 0 };
	if (d == NULL) {
		r = -errno;
		if (fd != -1)
			close(fd);
		return r;
	}
	while ((e = readdir(d)) != NULL) {
		if (out->n == out->cap) {
			out->cap = out->cap == 0 ? 64 : out->cap * 2;
			out->v = xrealloc(out->v, out->cap, sizeof(out->v[0]));
		}
		out->v[out->n] = arena_strdup(arena, view_str(e->d_name));
		if (out->v[out->n] == NULL) {
			r = -E2BIG;
			break;
		}
		out->n++;
	}
	closedir(d);
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(out->v[0]), by_name);
	return r;
}

/* Dovecot's file that gives the letters a..z names: "0 $Forwarded". */
struct keywords {
	struct view file;
	struct view name[KEYWORD_LETTERS];
};

static void
read_keywords(int dir, struct keywords *k)
{
	struct stat st;
	struct view v;

	*k = (struct keywords){ .file = { NULL, 0 } };
	if (map_file(dir, "dovecot-keywords", &k->file, &st) != 0)
		return;
	for (v = k->file; v.n > 0;) {
		const uint8_t *lf = memchr(v.p, '\n', v.n);
		struct view line =
		    view_sub(v, 0, lf != NULL ? (size_t)(lf - v.p) : v.n);
		uint64_t i;

		view_skip(&v, lf != NULL ? line.n + 1 : line.n);
		if (num_take(&line, KEYWORD_LETTERS - 1, &i) && line.n > 1 &&
		    line.p[0] == ' ')
			k->name[i] = view_sub(line, 1, line.n);
	}
}

static int
add_file(struct import *im, int dir, const char *sub, const char *name,
    const struct keywords *k)
{
	struct importer_message m = { .octets = { NULL, 0 } };
	struct view keywords[KEYWORD_LETTERS];
	char path[NAME_MAX + 8];
	struct stat st;
	uint32_t letters;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", sub, name);
	m.system = maildir_name_flags(view_str(name), &letters);
	for (unsigned i = 0; i < KEYWORD_LETTERS; i++)
		if ((letters & 1u << i) != 0 && k->name[i].n > 0)
			keywords[m.n_keywords++] = k->name[i];
	m.keywords = keywords;
	r = map_file(dir, path, &m.octets, &st);
	if (r == -ENOENT || r == -EINVAL)
		return 0; /* moved meanwhile, or not a message */
	if (r != 0) {
		im->refused++;
		(void)cli_fail(
		    EX_NOINPUT, "import", "%s: %s", path, strerror(-r));
		return 0;
	}
	m.date = st.st_mtime;
	m.uidl = uidl_source_get(im->uidl, view_str(name));
	r = add(im, &m, path);
	unmap(m.octets);
	return r;
}

static int
import_files(
    struct import *im, int dir, const char *sub, const struct keywords *k)
{
	AUTO_ARENA struct arena *arena = arena_new(NAMES_MAX);
	struct names names;
	int r = list(dir, sub, arena, &names);

	if (r == -ENOENT)
		r = 0;
	im->total += names.n;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		if (names.v[i][0] == '.')
			im->total--;
		else
			r = add_file(im, dir, sub, names.v[i], k);
	}
	free(names.v);
	return r;
}

/* One folder: cur first, so that older mail gets the smaller UIDs. */
static int
import_folder(struct import *im, int at, const char *path, struct view mailbox)
{
	AUTO_CLOSE int dir =
	    openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct keywords k;
	int r;

	if (dir == -1)
		return -errno;
	if ((r = importer_mailbox(im->to, mailbox)) != 0)
		return r;
	read_keywords(dir, &k);
	if (!im->no_uidl)
		im->uidl = uidl_source_open(dir);
	r = import_files(im, dir, "cur", &k);
	if (r == 0)
		r = import_files(im, dir, "new", &k);
	if (r == 0)
		r = importer_flush(im->to);
	uidl_source_free(&im->uidl);
	unmap(k.file);
	return r;
}

/* The mailbox of a Maildir++ folder: its own name, below -m if that is given. */
static bool
folder_name(
    const struct import *im, const char *dir, struct arena *a, struct buf *out)
{
	uint8_t raw[NAME_MAX];
	struct view v = { raw, 0 };

	if (!maildir_name_folder(view_str(dir), raw, &v.n))
		return false;
	if (!utf7_decode(v, a, &v))
		v = (struct view){ raw, v.n }; /* as it is written */
	buf_clear(out);
	if (strcmp(im->mailbox, "INBOX") != 0) {
		buf_put_str(out, im->mailbox);
		buf_put_byte(out, '/');
	}
	buf_put(out, v);
	return !out->failed;
}

static int
import_folders(struct import *im, int dir)
{
	AUTO_ARENA struct arena *arena = arena_new(NAMES_MAX);
	AUTO_BUF struct buf name = BUF_INIT(STORE_NAME_MAX + NAME_MAX);
	struct names names;
	struct stat st;
	char cur[NAME_MAX + 8];
	int r = list(dir, ".", arena, &names);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		(void)snprintf(cur, sizeof(cur), "%s/cur", names.v[i]);
		if (!folder_name(im, names.v[i], arena, &name) ||
		    fstatat(dir, cur, &st, 0) != 0 || !S_ISDIR(st.st_mode))
			continue;
		r = import_folder(im, dir, names.v[i], buf_view(&name));
		if (r == STORE_BAD_NAME || r == STORE_PERM) {
			im->refused++;
			(void)fail(im, r, names.v[i]);
			r = 0;
		}
	}
	free(names.v);
	return r;
}

static int
import_maildir(struct import *im, int dir)
{
	struct stat st;
	int r;

	if (fstatat(dir, "cur", &st, 0) != 0 || !S_ISDIR(st.st_mode))
		return cli_fail(EX_NOINPUT, "import",
		    "%s: that is no maildir (there is no cur in it)", im->path);
	r = import_folder(im, dir, ".", view_str(im->mailbox));
	if (r == 0)
		r = import_folders(im, dir);
	return r == 0 ? EX_OK : fail(im, r, im->path);
}

/* ---- the command ---- */

static bool
quoting(const char *s, enum mbox_quoting *out)
{
	if (strcmp(s, "rd") == 0)
		*out = MBOX_RD;
	else if (strcmp(s, "o") == 0)
		*out = MBOX_O;
	else if (strcmp(s, "cl") == 0 || strcmp(s, "cl2") == 0)
		*out = MBOX_CL;
	else
		return false;
	return true;
}

static bool
options(struct import *im, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "user", required_argument, NULL, 'u' },
		{ "mailbox", required_argument, NULL, 'm' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "quoting", required_argument, NULL, 'q' },
		{ "no-uidl", no_argument, NULL, 'U' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "u:m:nq:", longs, NULL)) != -1) {
		if (c == 'u')
			im->user = optarg;
		else if (c == 'm')
			im->mailbox = optarg;
		else if (c == 'n')
			im->dry_run = true;
		else if (c == 'U')
			im->no_uidl = true;
		else if (c != 'q' || !quoting(optarg, &im->quoting))
			return false;
	}
	if (argc - optind != 2 || im->user == NULL)
		return false;
	im->kind = argv[optind];
	im->path = argv[optind + 1];
	return strcmp(im->kind, "maildir") == 0 ||
	    strcmp(im->kind, "mbox") == 0;
}

int
cmd_import(const struct conf *conf, int argc, char **argv)
{
	struct import im = { .mailbox = "INBOX" };
	AUTO_CLOSE int dir = -1;
	AUTO_CLOSE int source = -1;
	const bool mbox = options(&im, argc, argv) && im.kind[1] == 'b';
	struct importer_counts n;
	struct stat st;
	int r;

	if (im.kind == NULL || im.path == NULL || im.user == NULL)
		return cli_usage(USAGE);
	/* opened before root gives up its rights */
	source = open(im.path,
	    mbox ? O_RDONLY | O_CLOEXEC : O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source == -1)
		return cli_fail(
		    EX_NOINPUT, "import", "%s: %s", im.path, strerror(errno));
	if (mbox && (fstat(source, &st) != 0 || !S_ISREG(st.st_mode)))
		return cli_fail(EX_NOINPUT, "import",
		    "%s is no file; a maildir is imported by: import maildir",
		    im.path);
	r = cli_account_open(conf, "import", im.user,
	    (im.dry_run ? CLI_LOOK : CLI_CREATE) | CLI_READ_ALL, NULL, &dir,
	    &im.account);
	if (r != EX_OK)
		return r;
	im.to = importer_new(im.account, dir, im.dry_run);
	r = mbox ? import_mbox(&im, source) : import_maildir(&im, source);
	cli_progress(im.kind, im.done, im.total, true);
	n = importer_counts(im.to);
	(void)printf("%llu added, %llu skipped%s\n",
	    (unsigned long long)n.added, (unsigned long long)n.skipped,
	    im.dry_run ? " (dry run)" : "");
	importer_free(&im.to);
	account_close(&im.account);
	return r == EX_OK && im.refused > 0 ? EX_DATAERR : r;
}
