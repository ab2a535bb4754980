#include "cli/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/alone.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/lock_helper.h"
#include "cli/message_file.h"
#include "mail/address.h"
#include "proc/msg_control.h"
#include "proc/msg_deliver.h"
#include "store/format_maildir_deliver.h"
#include "store/format_mbox_deliver.h"

/*
 * The message is read to its end before anything is done with it, into memory
 * that nobody can change: so each of several deliveries gets the same octets,
 * and an MTA that dies in the middle has delivered nothing.
 */
#define PIECE (64 * 1024)

static int
fail(struct why *w, int status, const char *text, int error)
{
	(void)why(w, 0, "%s%s%s", text, error != 0 ? ": " : "",
	    error != 0 ? strerror(error) : "");
	return status;
}

/* ---- the message ---- */

/* All of standard input to fd. */
static int
copy_input(int fd, uint64_t max, uint64_t *size, struct why *w)
{
	AUTO_FREE uint8_t *p = xmalloc(PIECE);

	for (*size = 0;;) {
		ssize_t n = read(STDIN_FILENO, p, PIECE);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return fail(w, EX_TEMPFAIL, "read the message", errno);
		if (n == 0)
			return EX_OK;
		if ((*size += (uint64_t)n) > max) {
			(void)why(w, 0, "the message is larger than %llu bytes",
			    (unsigned long long)max);
			return EX_DATAERR;
		}
		if (fd_write(fd, (struct view){ p, (size_t)n }) != 0)
			return fail(w, EX_TEMPFAIL,
			    "no room in memory for the message", 0);
	}
}

/* The second word of a "From " line at the start. */
static void
read_from(struct view v, struct local_address *out)
{
	const struct view from = VIEW_LIT("From ");
	char word[MSG_CONTROL_SENDER_MAX + 1];
	size_t n = 0;

	out->text[0] = '\0';
	if (!view_starts(v, from))
		return;
	view_skip(&v, from.n);
	while (n < v.n && v.p[n] > ' ')
		n++;
	if (n >= sizeof(word) || n == v.n || v.p[n] != ' ')
		return;
	memcpy(word, v.p, n);
	word[n] = '\0';
	if (strcmp(word, "MAILER-DAEMON") != 0 && !local_address(word, out))
		out->text[0] = '\0';
}

/* Move what is behind the "From " line to the start of the file. */
static int
drop_line(struct local_message *m, uint64_t size, struct why *w)
{
	struct view whole = { NULL, (size_t)size }, rest;
	AUTO_CLOSE int fd =
	    memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *map;
	int r = 0;

	if (size == 0)
		return EX_OK;
	map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, m->fd, 0);
	if (fd == -1 || map == MAP_FAILED)
		return fail(w, EX_TEMPFAIL, "memory", errno);
	whole.p = map;
	rest = message_file_body(whole);
	read_from(whole, &m->from);
	if (rest.n < whole.n) {
		r = fd_write(fd, rest);
		fd_close(&m->fd);
		m->fd = fd_take(&fd);
	}
	(void)munmap(map, (size_t)size);
	m->octets.n = rest.n;
	return r == 0 ? EX_OK : fail(w, EX_TEMPFAIL, "memory", -r);
}

int
local_input(const struct conf *conf, struct local_message *out, struct why *w)
{
	uint64_t size;
	void *map;
	int r;

	out->fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (out->fd == -1)
		return fail(w, EX_TEMPFAIL, "memory", errno);
	r = copy_input(
	    out->fd, conf_num(conf, "store", NULL, "max-message"), &size, w);
	if (r != EX_OK || (r = drop_line(out, size, w)) != EX_OK)
		return r;
	if (fcntl(out->fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		return fail(w, EX_TEMPFAIL, "seal", errno);
	if (out->octets.n == 0)
		return EX_OK;
	map = mmap(NULL, out->octets.n, PROT_READ, MAP_PRIVATE, out->fd, 0);
	if (map == MAP_FAILED)
		return fail(w, EX_TEMPFAIL, "memory", errno);
	out->octets.p = map;
	return EX_OK;
}

void
local_message_fini(struct local_message *m)
{
	if (m->octets.p != NULL)
		(void)munmap((void *)(uintptr_t)m->octets.p, m->octets.n);
	m->octets = (struct view){ NULL, 0 };
	fd_close(&m->fd);
}

_Static_assert(
    sizeof(((struct local_address *)NULL)->text) == MSG_CONTROL_SENDER_MAX + 1,
    "an address is what the server takes");

bool
local_address(const char *s, struct local_address *out)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_CONTROL_SENDER_MAX);

	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	address_put_path(view_str(s), &b);
	if (b.failed)
		return false;
	if (b.n > 0)
		memcpy(out->text, b.p, b.n);
	out->text[b.n] = '\0';
	return true;
}

/* ---- into an account, through the server ---- */

/* What auth says, as it says it (proc/auth_grant.c); the rest is of the delivery
 * itself. */
static int
refusal(struct view text)
{
	if (view_starts(text, VIEW_LIT("no such account")))
		return EX_NOUSER;
	if (view_starts(text, VIEW_LIT("not allowed")) ||
	    view_starts(text, VIEW_LIT("the account is disabled")))
		return EX_NOPERM;
	return EX_UNAVAILABLE;
}

static int
answer(const char *account, struct view msg, struct why *w)
{
	struct wire wire = wire_read(msg);
	struct msg_control_result m;
	uint32_t type = wire_u32(&wire);
	int status = EX_TEMPFAIL;

	if (type == MSG_CONTROL_DENIED) {
		(void)why(
		    w, 0, "the server does not let you deliver to %s", account);
		return EX_NOPERM;
	}
	if (type != MSG_CONTROL_RESULT || !msg_control_result_get(&wire, &m))
		return fail(
		    w, EX_TEMPFAIL, "the server's answer is not understood", 0);
	if (m.result == MSG_DELIVER_OK)
		return EX_OK;
	if (m.result == MSG_DELIVER_PERMANENT)
		status = refusal(m.text);
	(void)why(
	    w, 0, "%s: %.*s", account, (int)m.text.n, (const char *)m.text.p);
	return status;
}

static struct view
or_empty(const char *s)
{
	return s != NULL ? view_str(s) : (struct view){ NULL, 0 };
}

static int
by_server(int sock, const struct local_envelope *e, int message, struct why *w)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	AUTO_FREE uint8_t *p = xmalloc(MSG_MAX);
	const struct msg_control_deliver m = { .request = 1,
		.account = view_str(e->account),
		.sender = view_str(e->sender),
		.recipient = or_empty(e->recipient),
		.detail = or_empty(e->detail),
		.has_detail = e->detail != NULL };
	AUTO_CLOSE int passed = -1;
	ssize_t n;
	int r;

	msg_control_deliver_put(&b, &m);
	if ((r = fd_send(sock, buf_view(&b), message)) != 0)
		return fail(w, EX_TEMPFAIL, "tell the server", -r);
	n = fd_recv(sock, p, MSG_MAX, &passed);
	if (n == 0)
		return fail(
		    w, EX_TEMPFAIL, "the server ended before it answered", 0);
	if (n == -EAGAIN)
		return fail(w, EX_TEMPFAIL, "the server does not answer", 0);
	if (n < 0)
		return fail(w, EX_TEMPFAIL, "the server", (int)-n);
	return answer(e->account, (struct view){ p, (size_t)n }, w);
}

static int
to_account(const struct conf *conf, const struct local_envelope *e,
    const struct local_message *m, struct why *w)
{
	AUTO_CLOSE int sock = control_connect(conf);

	if (control_is_absent(sock))
		return alone_deliver(conf, e, m, w);
	if (sock < 0) {
		(void)why(w, sock, "%s/fumi.sock",
		    conf_str(conf, "server", NULL, "run-dir"));
		return EX_TEMPFAIL;
	}
	if (!view_eq_ci(view_str(e->mailbox), VIEW_LIT("INBOX"))) {
		(void)why(w, 0,
		    "%s: the server puts mail into INBOX, or where the user's "
		    "script says, not into %s",
		    e->account, e->mailbox);
		return EX_CONFIG;
	}
	return by_server(sock, e, m->fd, w);
}

/* user+detail@domain as user@domain and detail. text holds both. False when
 * there is no detail. */
static bool
split_detail(const struct conf *conf, const char *address, struct buf *text,
    struct local_envelope *e)
{
	const char *at = strrchr(address, '@');
	const size_t local =
	    at != NULL ? (size_t)(at - address) : strlen(address);
	const size_t n = strcspn(
	    address, conf_str(conf, "delivery", NULL, "recipient-delimiter"));
	size_t detail;

	if (n == 0 || n >= local || local - n - 1 > MSG_CONTROL_DETAIL_MAX)
		return false;
	buf_printf(text, "%.*s%s", (int)n, address, at != NULL ? at : "");
	buf_put_byte(text, '\0');
	detail = text->n;
	buf_put(text,
	    (struct view){ (const uint8_t *)address + n + 1, local - n - 1 });
	buf_put_byte(text, '\0');
	e->account = (const char *)text->p;
	e->detail = (const char *)text->p + detail;
	return !text->failed;
}

int
local_to_account(const struct conf *conf, const struct local_envelope *e,
    const struct local_message *m, struct why *w)
{
	AUTO_BUF struct buf text = BUF_INIT(2 * MSG_CONTROL_SENDER_MAX);
	struct local_envelope base = *e;
	int r = to_account(conf, e, m, w);

	if (r != EX_NOUSER || e->detail != NULL ||
	    !split_detail(conf, e->account, &text, &base))
		return r;
	if (base.recipient == NULL)
		base.recipient = e->account;
	return to_account(conf, &base, m, w);
}

/* ---- into a file ---- */

static void
read_locking(const struct conf *conf, struct format_mbox_locking *l)
{
	size_t n;
	const char *const *name =
	    conf_list(conf, "delivery", NULL, "mbox-locks", &n);

	*l = (struct format_mbox_locking){ .helper = lock_helper,
		.timeout_ms = (unsigned)conf_num(
		    conf, "delivery", NULL, "lock-timeout") };
	for (size_t i = 0; i < n && l->n < FORMAT_MBOX_LOCKS_MAX; i++)
		if (format_mbox_lock_parse(view_str(name[i]), &l->lock[l->n]))
			l->n++;
}

/* What the reader of the program's status may take for final is only what no
 * second try can change. */
static int
file_status(int r)
{
	switch (r) {
	case 0:
		return EX_OK;
	case -EISDIR:
	case -ENOTDIR:
	case -EINVAL:
	case -ELOOP:
	case -EPERM:
	case -EXDEV:
	case -ENAMETOOLONG:
		return EX_CANTCREAT;
	case -EACCES:
		return EX_NOPERM;
	default:
		return EX_TEMPFAIL;
	}
}

int
local_to_file(const struct conf *conf, int dir, const char *path,
    const char *sender, struct view head, const struct local_message *m,
    struct why *w)
{
	const struct view part[] = { head, m->octets };
	const size_t n = strlen(path);
	struct format_mbox_locking l;
	const struct format_mbox_message message = { .sender = sender,
		.date = clock_wall_s(),
		.part = part,
		.n_part = 2,
		.quoting = (enum format_mbox_quoting)conf_enum(
		    conf, "delivery", NULL, "mbox-quoting") };
	int r;

	if (n > 0 && path[n - 1] == '/')
		r = format_maildir_deliver(dir, path, part, 2, w);
	else {
		read_locking(conf, &l);
		r = format_mbox_deliver(dir, path, &message, &l, w);
	}
	return file_status(r);
}
