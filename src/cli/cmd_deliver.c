#include "cli/cmd_deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/mman.h>

#include "auth/name.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/message_file.h"
#include "proc/msg_control.h"
#include "proc/msg_deliver.h"
#include "store/tx.h"

#define USAGE "deliver -d ACCOUNT [-f SENDER] < MESSAGE"
#define PIECE (64 * 1024)
#define INBOX 1 /* its id in every account */

/* Standard input in an unlinked file in memory, sealed: nobody changes it while
 * it is stored. */
static int
take_input(uint64_t max, int *out)
{
	AUTO_CLOSE int fd =
	    memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	AUTO_FREE uint8_t *p = xmalloc(PIECE);
	uint64_t size = 0;

	if (fd == -1)
		return cli_fail(
		    EX_TEMPFAIL, "deliver", "memory: %s", strerror(errno));
	for (;;) {
		ssize_t n = read(STDIN_FILENO, p, PIECE);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return cli_fail(EX_TEMPFAIL, "deliver",
			    "read the message: %s", strerror(errno));
		if (n == 0)
			break;
		if ((size += (uint64_t)n) > max)
			return cli_fail(EX_DATAERR, "deliver",
			    "the message is larger than %llu bytes",
			    (unsigned long long)max);
		if (fd_write(fd, (struct view){ p, (size_t)n }) != 0)
			return cli_fail(EX_TEMPFAIL, "deliver",
			    "no room in memory for the message");
	}
	if (fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		return cli_fail(
		    EX_TEMPFAIL, "deliver", "seal: %s", strerror(errno));
	*out = fd_take(&fd);
	return EX_OK;
}

/* ---- through the server ---- */

static int
answer(const char *account, struct view msg)
{
	struct wire w = wire_read(msg);
	struct msg_control_result m;
	uint32_t type = wire_u32(&w);

	if (type == MSG_CONTROL_DENIED)
		return cli_fail(EX_NOPERM, "deliver",
		    "the server does not let you deliver to %s", account);
	if (type != MSG_CONTROL_RESULT || !msg_control_result_get(&w, &m))
		return cli_fail(EX_TEMPFAIL, "deliver",
		    "the server's answer is not understood");
	switch (m.result) {
	case MSG_DELIVER_OK:
		return EX_OK;
	case MSG_DELIVER_PERMANENT:
		return cli_fail(EX_NOUSER, "deliver", "%s: %.*s", account,
		    (int)m.text.n, (const char *)m.text.p);
	default:
		return cli_fail(EX_TEMPFAIL, "deliver", "%s: %.*s", account,
		    (int)m.text.n, (const char *)m.text.p);
	}
}

static int
deliver_by_server(
    int sock, const char *account, const char *sender, int message)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	AUTO_FREE uint8_t *p = xmalloc(MSG_MAX);
	const struct msg_control_deliver m = { .request = 1,
		.account = view_str(account),
		.sender = view_str(sender) };
	AUTO_CLOSE int passed = -1;
	ssize_t n;
	int r;

	msg_control_deliver_put(&b, &m);
	if ((r = fd_send(sock, buf_view(&b), message)) != 0)
		return cli_fail(EX_TEMPFAIL, "deliver", "tell the server: %s",
		    strerror(-r));
	n = fd_recv(sock, p, MSG_MAX, &passed);
	if (n <= 0)
		return cli_fail(EX_TEMPFAIL, "deliver", "%s",
		    n == 0             ? "the server ended before it answered"
			: n == -EAGAIN ? "the server does not answer"
				       : strerror((int)-n));
	return answer(account, (struct view){ p, (size_t)n });
}

/* ---- without one ---- */

static int
spool_message(
    struct account *a, const char *sender, struct view v, struct spool **out)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * MSG_CONTROL_SENDER_MAX);
	int r = spool_open(a, v.n, out);

	buf_printf(&b, "Return-Path: <%s>\r\n", sender);
	if (r == 0)
		r = spool_write(*out, buf_view(&b));
	if (r == 0)
		r = message_file_spool(*out, message_file_body(v));
	return r == 0 ? spool_finish(*out) : r;
}

static int
store_message(struct account *a, const char *sender, struct view v)
{
	const struct store_flags none = { .system = 0 };
	struct spool *s = NULL;
	struct tx *t = NULL;
	uint64_t body, modseq;
	uint32_t uid;
	int r = spool_message(a, sender, v, &s);

	if (r == 0)
		r = tx_begin(a, &t);
	if (r == 0)
		r = tx_body(t, s, &body);
	if (r == 0)
		r = tx_message(t, INBOX, body, &none, clock_wall_s(), 0, &uid);
	if (r == 0)
		r = tx_commit(&t, &modseq);
	tx_abort(&t);
	spool_free(&s);
	return r;
}

static int
deliver_by_hand(const struct conf *conf, const char *account,
    const char *sender, int message)
{
	AUTO_CLOSE int dir = -1;
	struct account *a = NULL;
	struct view v = { NULL, 0 };
	off_t size = lseek(message, 0, SEEK_END);
	void *map = MAP_FAILED;
	int r = cli_account_open(
	    conf, "deliver", account, CLI_CREATE, NULL, &dir, &a);

	if (r != EX_OK)
		return r == EX_NOUSER || r == EX_DATAERR ? r : EX_TEMPFAIL;
	if (size > 0) {
		map = mmap(
		    NULL, (size_t)size, PROT_READ, MAP_PRIVATE, message, 0);
		if (map == MAP_FAILED) {
			account_close(&a);
			return cli_fail(EX_TEMPFAIL, "deliver", "memory: %s",
			    strerror(errno));
		}
		v = (struct view){ map, (size_t)size };
	}
	r = store_message(a, sender, v);
	if (r != 0)
		(void)cli_fail(EX_TEMPFAIL, "deliver", "%s: %s", account,
		    cli_store_text(a, r));
	if (map != MAP_FAILED)
		(void)munmap(map, (size_t)size);
	account_close(&a);
	return r == 0 ? EX_OK : r == STORE_LIMIT ? EX_DATAERR : EX_TEMPFAIL;
}

/* What may stand between < and > of Return-Path. */
static bool
sender_ok(const char *s)
{
	if (strlen(s) > MSG_CONTROL_SENDER_MAX)
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == '<' || *s == '>' ||
		    *s == 0x7f)
			return false;
	return true;
}

int
cmd_deliver(const struct conf *conf, int argc, char **argv)
{
	const char *account = NULL, *sender = "";
	AUTO_CLOSE int message = -1;
	AUTO_CLOSE int sock = -1;
	struct name name;
	int c, r;

	while ((c = getopt(argc, argv, "d:f:")) != -1) {
		if (c == 'd')
			account = optarg;
		else if (c == 'f')
			sender = optarg;
		else
			return cli_usage(USAGE);
	}
	if (account == NULL || optind != argc)
		return cli_usage(USAGE);
	if (!sender_ok(sender))
		return cli_fail(EX_USAGE, "deliver",
		    "-f: that is no address for an envelope");
	if (!name_parse(view_str(account), &name))
		return cli_fail(EX_NOUSER, "deliver",
		    "%s: that is no account's name", account);
	r = take_input(conf_num(conf, "store", NULL, "max-message"), &message);
	if (r != EX_OK)
		return r;
	if ((sock = control_connect(conf)) != -1)
		return deliver_by_server(sock, account, sender, message);
	return deliver_by_hand(conf, account, sender, message);
}
