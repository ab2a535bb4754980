#include "cli/sieve_run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/cmd_sieve.h"
#include "mail/header.h"
#include "session/filter.h"
#include "session/scripts.h"
#include "store/mailbox.h"
#include "store/message.h"

#define USAGE                                                                  \
	"sieve run -u ACCOUNT [--dry-run] [--since TIME] [--mailbox NAME] "    \
	"[--script FILE]"
#define ROWS 64
#define SINCE_MAX (1000ull * 366 * 86400)

struct run {
	const char *user, *script_file;
	struct view mailbox;
	bool dry_run;
	int64_t since; /* seconds since 1970 */
	struct account *account;
	struct filter *filter;
	struct mailbox_row box;
	struct view script;
	int64_t now;
	uint64_t seen, changed, failed;
};

/* "30d" */
static bool
parse_since(const char *text, int64_t now, int64_t *out)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', 7 * 86400 } };
	struct view v = view_str(text);
	uint64_t n;

	if (!num_take(&v, SINCE_MAX, &n) || v.n != 1)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (v.p[0] == (uint8_t)units[i].unit) {
			if (n > SINCE_MAX / units[i].seconds)
				return false;
			*out = now - (int64_t)(n * units[i].seconds);
			return true;
		}
	return false;
}

static bool
options(struct run *r, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "user", required_argument, NULL, 'u' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "since", required_argument, NULL, 's' },
		{ "mailbox", required_argument, NULL, 'm' },
		{ "script", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "u:ns:m:f:", longs, NULL)) != -1) {
		if (c == 'u')
			r->user = optarg;
		else if (c == 'n')
			r->dry_run = true;
		else if (c == 'm')
			r->mailbox = view_str(optarg);
		else if (c == 'f')
			r->script_file = optarg;
		else if (c != 's' || !parse_since(optarg, r->now, &r->since))
			return false;
	}
	return r->user != NULL && optind == argc;
}

/* ---- what is to be done ---- */

static void
say(const struct message_row *row, const char *what, struct view name)
{
	(void)printf("%u: %s", row->uid, what);
	if (name.n > 0)
		(void)printf(" %.*s", (int)name.n, (const char *)name.p);
	(void)putchar('\n');
}

static const char *
kind_text(enum filter_kind k)
{
	switch (k) {
	case FILTER_REDIRECT:
		return "not sent: a redirected message to";
	case FILTER_VACATION:
		return "not sent: a vacation reply to";
	case FILTER_REJECT:
		return "not sent: a rejection to";
	case FILTER_NOTIFY:
		return "not sent: a notification to";
	case FILTER_SUBMISSION:
		break;
	}
	return "";
}

/* Is there no such mailbox, nor to be one? */
static bool
is_missing(const struct run *r, const struct filter_place *l)
{
	struct mailbox_row row;

	return !l->keep && !l->create &&
	    !view_eq_ci(l->mailbox, VIEW_LIT("INBOX")) &&
	    (mailbox_find(r->account, l->mailbox, &row) != 0 || row.noselect);
}

/* A delivery puts what cannot be filed into INBOX; what is there already stays
 * where it is. */
static bool
is_here(const struct run *r, const struct filter_place *l)
{
	if (l->keep || is_missing(r, l))
		return true;
	return view_eq_ci(l->mailbox, VIEW_LIT("INBOX"))
	    ? view_eq_ci(r->mailbox, VIEW_LIT("INBOX"))
	    : view_eq(l->mailbox, r->mailbox);
}

/* The place that cannot be one, as no mailbox has such a name; NULL: none. */
static const struct filter_place *
misnamed(const struct filter_plan *p)
{
	for (size_t i = 0; i < p->n_places; i++)
		if (p->places[i].create &&
		    mailbox_name_check(p->places[i].mailbox) != 0)
			return &p->places[i];
	return NULL;
}

static void
describe_places(const struct run *r, const struct message_row *row,
    const struct filter_plan *p)
{
	for (size_t i = 0; i < p->n_places; i++) {
		const struct filter_place *l = &p->places[i];

		if (!is_here(r, l))
			say(row, "file into", l->mailbox);
		else if (is_missing(r, l))
			say(row, "stay, as there is no mailbox", l->mailbox);
		else if (!l->original)
			say(row, "replace by its edited form", VIEW_LIT(""));
		else if (l->flags_known)
			say(row, "keep, with new flags", VIEW_LIT(""));
	}
}

static void
describe(const struct run *r, const struct message_row *row,
    const struct filter_plan *p)
{
	const struct filter_place *bad = misnamed(p);

	if (bad != NULL)
		say(row, "stay, as no mailbox can have the name", bad->mailbox);
	else
		describe_places(r, row, p);
	for (size_t i = 0; i < p->n_outs; i++)
		say(row, kind_text(p->outs[i].kind), p->outs[i].to[0]);
	if (p->n_places == 0)
		say(row, "left alone, though it is to be discarded or rejected",
		    VIEW_LIT(""));
}

/* ---- doing it ---- */

static int
expunge(struct run *r, struct tx *t, uint32_t uid)
{
	struct uid_run one = { .lo = uid, .hi = uid }, *gone = NULL;
	size_t n;
	int result = tx_expunge(t, r->box.id, &one, 1, false, &gone, &n);

	free(gone);
	return result;
}

/* Places that are the message as it is now go to the end; how many others. The
 * one among them that gives it flags: out, or NULL. */
static size_t
split(struct run *r, struct filter_plan *p, bool *stays,
    const struct filter_place **flags)
{
	size_t n = p->n_places;

	*stays = false;
	*flags = NULL;
	for (size_t i = 0; i < n;) {
		struct filter_place *l = &p->places[i], swap;

		if (!is_here(r, l) || !l->original) {
			if (is_here(r, l))
				l->mailbox = r->mailbox;
			i++;
			continue;
		}
		*stays = true;
		swap = *l;
		*l = p->places[--n];
		p->places[n] = swap;
		if (swap.flags_known || !swap.keep)
			*flags = &p->places[n];
	}
	return n;
}

static int
change(struct run *r, const struct message_row *row, struct filter_plan *p,
    struct tx *t)
{
	const struct filter_place *flags;
	size_t all = p->n_places;
	bool stays;
	int result;

	p->n_places = split(r, p, &stays, &flags);
	if (p->n_places == 0 && flags == NULL) {
		p->n_places = all;
		return 0;
	}
	result = filter_store(r->filter, p, t, row->body, row->date, row->zone);
	if (result == 0 && flags != NULL)
		result = filter_change_flags(p, flags, t, r->box.id, row->uid);
	if (result == 0 && !stays && p->n_places > 0)
		result = expunge(r, t, row->uid);
	p->n_places = all;
	r->changed += result == 0;
	return result;
}

static int
carry_out(struct run *r, const struct message_row *row, struct filter_plan *p)
{
	struct tx *t = NULL;
	uint64_t modseq;
	int result = filter_spool(r->filter, p);

	if (result != 0 || (result = tx_begin(r->account, &t)) != 0)
		return result;
	result = change(r, row, p, t);
	if (result != 0) {
		tx_abort(&t);
		return result;
	}
	return tx_commit(&t, &modseq);
}

/* A place cannot be had: all stays as it is, and the others go on. Anything else
 * is everyone's. */
static int
not_filed(struct run *r, const struct message_row *row, int result)
{
	if (result != STORE_NOT_FOUND && result != STORE_BAD_NAME &&
	    result != STORE_LIMIT)
		return result;
	r->failed++;
	(void)cli_fail(EX_DATAERR, "sieve",
	    "message %u: it stays, as its new place cannot be had: %s",
	    row->uid, cli_store_text(r->account, result));
	return 0;
}

/* The envelope's sender, which delivery writes in front (RFC 5321 section 4.4);
 * p NULL: nothing says so. */
static struct view
sender_of(struct view octets)
{
	struct header_field f;

	while (header_next(&octets, &f)) {
		struct view v = header_trim(f.value);

		if (!view_eq_ci(f.name, VIEW_LIT("Return-Path")))
			continue;
		if (v.n < 2 || v.p[0] != '<' || v.p[v.n - 1] != '>')
			break;
		return view_sub(v, 1, v.n - 2);
	}
	return (struct view){ NULL, 0 };
}

static int
run_message(struct run *r, const struct message_row *row, struct view octets)
{
	AUTO_ARENA struct arena *a = arena_new((size_t)1 << 20);
	struct filter_message m = {
		.octets = octets,
		.sender = sender_of(octets),
		.now = r->now,
		.cause = FILTER_BY_HAND,
		.script = r->script,
	};
	struct filter_plan p;
	int result =
	    filter_name_flags(r->account, &row->flags, a, &m.flags, &m.n_flags);

	if (result != 0)
		return result;
	r->seen++;
	filter_plan(r->filter, &m, &p);
	if (p.error.line != 0 || p.fate == FILTER_LATER) {
		r->failed++;
		(void)cli_fail(EX_DATAERR, "sieve", "message %u: line %u: %s",
		    row->uid, p.error.line, p.error.text);
	} else if (r->dry_run) {
		describe(r, row, &p);
	} else if (p.fate == FILTER_ACCEPT) {
		result = not_filed(r, row, carry_out(r, row, &p));
	}
	filter_plan_fini(&p);
	return result;
}

/* ---- all of them ---- */

static int
run_rows(struct run *r, const struct message_row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct message_body body;
		int result;

		if (row[i].date < r->since)
			continue;
		result = message_bodies(r->account, &row[i].body, 1, &body);
		if (result == 0 && body.octets.p != NULL)
			result = run_message(r, &row[i], body.octets);
		message_release(r->account);
		if (result != 0)
			return result;
	}
	return 0;
}

/* Those that are there at the start: a script may file into the mailbox. */
static int
run_all(struct run *r)
{
	static struct message_row row[ROWS];
	uint32_t lo = 1;
	size_t n;
	int result;

	while (lo < r->box.uidnext) {
		result = message_rows(r->account, r->box.id, lo,
		    r->box.uidnext - 1, row, ROWS, &n);
		if (result != 0 || n == 0)
			return result;
		if ((result = run_rows(r, row, n)) != 0)
			return result;
		if (row[n - 1].uid == UINT32_MAX)
			break;
		lo = row[n - 1].uid + 1;
	}
	return 0;
}

/* The text of FILE, before the rights of root are gone. */
static int
read_script(const struct run *r, struct buf *text)
{
	AUTO_CLOSE int fd = -1;
	int from = STDIN_FILENO;
	ssize_t n;

	if (strcmp(r->script_file, "-") != 0) {
		fd = open(r->script_file, O_RDONLY | O_CLOEXEC);
		if (fd == -1)
			return cli_fail(EX_NOINPUT, "sieve", "%s: %s",
			    r->script_file, strerror(errno));
		from = fd;
	}
	do {
		uint8_t *p = buf_reserve(text, 4096);

		if (p == NULL)
			return cli_fail(EX_DATAERR, "sieve", "%s: too large",
			    r->script_file);
		n = read(from, p, 4096);
		if (n > 0)
			text->n += (size_t)n;
	} while (n > 0 || (n == -1 && errno == EINTR));
	return n == 0 ? EX_OK
		      : cli_fail(EX_NOINPUT, "sieve", "%s: %s", r->script_file,
			    strerror(errno));
}

/* The account's own script. */
static int
active_script(const struct run *r, int dir, struct buf *text)
{
	AUTO_SCRIPTS struct scripts *s = scripts_new(dir, NULL);
	int result = scripts_active(s, text, NULL, NULL);

	if (result == SCRIPTS_OK)
		return EX_OK;
	if (result == SCRIPTS_NOT_FOUND)
		return cli_fail(EX_NOINPUT, "sieve",
		    "%s has no active script; name one by --script", r->user);
	return cli_fail(EX_IOERR, "sieve", "%s: %s", r->user, scripts_why(s));
}

static int
check_script(const struct run *r)
{
	struct sieve_program *p = NULL;
	struct sieve_errors errors;

	if (sieve_compile(r->script, NULL, &p, &errors)) {
		sieve_free(&p);
		return EX_OK;
	}
	for (size_t i = 0; i < errors.n; i++)
		(void)fprintf(stderr, "%s:%u:%u: %s\n",
		    r->script_file != NULL ? r->script_file : "active script",
		    errors.e[i].line, errors.e[i].column, errors.e[i].text);
	return EX_DATAERR;
}

static int
fail(const struct run *r, int result)
{
	return cli_fail(cli_store_status(result), "sieve", "%s: %s", r->user,
	    cli_store_text(r->account, result));
}

static int
run_open(struct run *r, const struct conf *conf, int dir)
{
	AUTO_FILTER struct filter *f = NULL;
	struct filter_env env = {
		.dir = dir,
		.account = r->account,
		.user = view_str(r->user),
		.host = view_str(conf_str(conf, "server", NULL, "hostname")),
		.delimiters =
		    conf_str(conf, "delivery", NULL, "recipient-delimiter"),
	};
	int result = mailbox_find(r->account, r->mailbox, &r->box);

	if (env.host.n == 0)
		env.host = VIEW_LIT("localhost");
	if (result != 0)
		return fail(r, result);
	r->filter = f = filter_new(&env);
	if ((result = run_all(r)) != 0)
		return fail(r, result);
	(void)printf("%llu messages, %llu %s, %llu errors\n",
	    (unsigned long long)r->seen, (unsigned long long)r->changed,
	    "changed", (unsigned long long)r->failed);
	return r->failed > 0 ? EX_DATAERR : EX_OK;
}

int
sieve_run_command(const struct conf *conf, int argc, char **argv)
{
	AUTO_BUF struct buf text = BUF_INIT(CMD_SIEVE_FILE_MAX + 4096);
	struct run r = { .mailbox = VIEW_LIT("INBOX"),
		.since = INT64_MIN,
		.now = clock_wall_s() };
	AUTO_CLOSE int dir = -1;
	int status = EX_OK;

	if (!options(&r, argc, argv))
		return cli_usage(USAGE);
	if (r.script_file != NULL) {
		status = read_script(&r, &text);
		r.script = buf_view(&text);
		if (status == EX_OK)
			status = check_script(&r);
		if (status != EX_OK)
			return status;
	}
	status =
	    cli_account_open(conf, "sieve", r.user, 0, NULL, &dir, &r.account);
	if (status != EX_OK)
		return status;
	if (r.script_file == NULL) {
		status = active_script(&r, dir, &text);
		r.script = buf_view(&text);
		if (status == EX_OK)
			status = check_script(&r);
	}
	if (status == EX_OK)
		status = run_open(&r, conf, dir);
	account_close(&r.account);
	return status;
}
