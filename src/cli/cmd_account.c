#include "cli/cmd_account.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "auth/directory.h"
#include "base/clock.h"
#include "base/fd.h"
#include "cli/account_mail.h"
#include "proc/auth_conf.h"
#include "proc/msg_admin.h"
#include "proc/users.h"

/*
 * All changes of one call are one transaction, made by the running auth or
 * here. What is stored of a password is computed here in both cases, so that
 * neither a password goes over a socket nor auth has to wait for its hash.
 */
#define PATH_BYTES 8192

enum verb { ADD, PASSWD, REMOVE, DISABLE, ENABLE, SERVICES, LIST, VERBS };

static const char *const verbs[VERBS] = { "add", "passwd", "remove", "disable",
	"enable", "services", "list" };

struct account {
	const struct conf *conf;
	enum verb verb;
	enum password_scheme scheme;
	bool json;
	uint32_t services; /* of SERVICES */
	char **names;
	size_t n_names;
	char password[NAME_PASSWORD_MAX + 1];
	/* where it is done: one of them */
	int sock;
	struct directory *dir;
	struct directory_uids uids;
};

static int A_PRINTF(2, 3) complain(int status, const char *fmt, ...)
{
	__builtin_va_list ap;

	fputs("fumi account: ", stderr);
	__builtin_va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	__builtin_va_end(ap);
	fputc('\n', stderr);
	return status;
}

/* ---- arguments ---- */

static int
usage(void)
{
	fputs("usage: fumi account add [--scheme yescrypt|plain] NAME...\n"
	      "       fumi account passwd [--scheme yescrypt|plain] NAME...\n"
	      "       fumi account remove|disable|enable NAME...\n"
	      "       fumi account services all|none|imap,pop3,sieve NAME...\n"
	      "       fumi account list [--json]\n"
	      "A password is asked for, or is one line of standard input.\n",
	    stderr);
	return EX_USAGE;
}

static bool
parse_verb(const char *s, enum verb *out)
{
	for (int i = 0; i < VERBS; i++)
		if (strcmp(s, verbs[i]) == 0) {
			*out = (enum verb)i;
			return true;
		}
	return false;
}

static bool
needs_password(const struct account *a)
{
	return a->verb == ADD || a->verb == PASSWD;
}

/* "all", "none", or names with commas between. */
static bool
parse_services(const char *s, uint32_t *out)
{
	struct view v = view_str(s);

	*out = 0;
	if (view_eq(v, VIEW_LIT("none")))
		return true;
	if (view_eq(v, VIEW_LIT("all"))) {
		*out = DIRECTORY_SERVICES_ALL;
		return true;
	}
	for (bool more = true; more;) {
		struct view one = { v.p, 0 };
		uint32_t was = *out;

		while (one.n < v.n && v.p[one.n] != ',')
			one.n++;
		for (uint8_t i = MSG_SERVICE_IMAP; i <= MSG_SERVICE_SIEVE; i++)
			if (view_eq(one, view_str(msg_service_name(i))))
				*out |= 1u << i;
		if (*out == was)
			return false;
		more = one.n < v.n;
		view_skip(&v, more ? one.n + 1 : one.n);
	}
	return true;
}

static bool
parse_options(struct account *a, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "scheme", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0; /* the dispatcher has used getopt() before */
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j' && a->verb == LIST)
			a->json = true;
		else if (c != 's' || !needs_password(a) ||
		    !password_scheme_parse(view_str(optarg), &a->scheme))
			return false;
	}
	if (a->verb == SERVICES &&
	    (optind == argc || !parse_services(argv[optind++], &a->services)))
		return false;
	a->names = argv + optind;
	a->n_names = (size_t)(argc - optind);
	return (a->n_names == 0) == (a->verb == LIST);
}

static int
check_names(const struct account *a)
{
	struct name name;
	int status = EX_OK;

	for (size_t i = 0; i < a->n_names; i++)
		if (!name_parse(view_str(a->names[i]), &name))
			status = complain(EX_DATAERR,
			    "%s: that is not a name for an account",
			    a->names[i]);
	return status;
}

/* ---- the password ---- */

/* One line without its end; 0, or an exit status. */
static int
read_line(int fd, char *out, size_t max)
{
	size_t n = 0;
	ssize_t r;
	char c;

	while ((r = read(fd, &c, 1)) == 1 && c != '\n') {
		if (n == max || c == '\0')
			return complain(EX_DATAERR,
			    "that password is too long "
			    "or has a NUL");
		out[n++] = c;
	}
	if (r < 0)
		return complain(EX_IOERR, "password: %s", strerror(errno));
	if (n > 0 && out[n - 1] == '\r')
		n--;
	out[n] = '\0';
	return EX_OK;
}

static int
ask(int tty, const char *prompt, char *out, size_t max)
{
	struct termios was, quiet;
	int status;

	if (fd_write(tty, view_str(prompt)) != 0 || tcgetattr(tty, &was) != 0)
		return complain(EX_IOERR, "terminal: %s", strerror(errno));
	quiet = was;
	quiet.c_lflag &= (tcflag_t) ~(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0)
		return complain(EX_IOERR, "terminal: %s", strerror(errno));
	status = read_line(tty, out, max);
	(void)tcsetattr(tty, TCSAFLUSH, &was);
	(void)!fd_write(tty, VIEW_LIT("\n"));
	return status;
}

/* A signal in the middle must not leave a terminal without echo. */
static int
ask_twice(char out[NAME_PASSWORD_MAX + 1])
{
	AUTO_CLOSE int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	char again[NAME_PASSWORD_MAX + 1];
	sigset_t block, was;
	int status;

	if (tty == -1)
		return complain(EX_IOERR, "/dev/tty: %s", strerror(errno));
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTSTP);
	sigaddset(&block, SIGQUIT);
	sigprocmask(SIG_BLOCK, &block, &was);
	status = ask(tty, "Password: ", out, NAME_PASSWORD_MAX);
	if (status == EX_OK)
		status = ask(tty, "Again: ", again, NAME_PASSWORD_MAX);
	sigprocmask(SIG_SETMASK, &was, NULL);
	if (status == EX_OK && strcmp(out, again) != 0)
		status = complain(EX_DATAERR, "the two are not the same");
	explicit_bzero(again, sizeof(again));
	return status;
}

static int
get_password(struct account *a)
{
	char typed[NAME_PASSWORD_MAX + 1];
	int status = isatty(STDIN_FILENO)
	    ? ask_twice(typed)
	    : read_line(STDIN_FILENO, typed, NAME_PASSWORD_MAX);

	if (status == EX_OK && !name_password(view_str(typed), a->password))
		status = complain(EX_DATAERR, "there is no password");
	explicit_bzero(typed, sizeof(typed));
	return status;
}

/* ---- where ---- */

/* Root becomes auth's user, as whom nothing else can be broken. */
static int
become_auth(const struct account *a)
{
	const char *user = conf_str(a->conf, "server", NULL, "auth-user");
	uint32_t uid, gid;

	if (geteuid() != 0)
		return EX_OK;
	if (users_find(user, &uid, &gid) == USERS_NONE)
		return complain(EX_CONFIG,
		    "there is no user %s ([server] auth-user)", user);
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return complain(
		    EX_OSERR, "become %s: %s", user, strerror(errno));
	return EX_OK;
}

static int
open_directory(struct account *a)
{
	AUTO_BUF struct buf path = BUF_INIT(CONF_LINE_MAX);
	const char *dir = auth_conf_dir(a->conf, &path);
	AUTO_CLOSE int fd = -1;
	struct why w = { "" };
	int status, r;

	if ((r = auth_conf_make_dir(a->conf, &w)) != 0)
		return complain(
		    r == -EACCES || r == -EPERM ? EX_NOPERM : EX_CANTCREAT,
		    "%s: %s", w.text, strerror(-r));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if ((status = become_auth(a)) != EX_OK)
		return status;
	if (fd == -1 || faccessat(fd, ".", R_OK | W_OK | X_OK, 0) != 0)
		return complain(EX_NOPERM,
		    "%s: %s (the server does not run, so its files must be "
		    "opened; try as root)",
		    dir, strerror(errno));
	if (directory_open_at(&a->dir, fd, &w) != 0)
		return complain(EX_IOERR, "%s", w.text);
	return EX_OK;
}

static int
open_target(struct account *a)
{
	const char *range = conf_str(a->conf, "store", NULL, "uid-range");
	const char *run = conf_str(a->conf, "server", NULL, "run-dir");

	if (!directory_uids_parse(view_str(range), &a->uids))
		return complain(
		    EX_CONFIG, "[store] uid-range is not a range: %s", range);
	a->sock = fd_connect(run, AUTH_SOCKET);
	if (a->sock >= 0)
		return EX_OK;
	if (a->sock == -ENOENT || a->sock == -ECONNREFUSED)
		return open_directory(a);
	return complain(a->sock == -EACCES ? EX_NOPERM : EX_UNAVAILABLE,
	    "%s/" AUTH_SOCKET ": %s", run, strerror(-a->sock));
}

/* ---- changes ---- */

struct outcome {
	uint8_t code; /* enum msg_admin_code */
	size_t index;
	char text[sizeof(struct why) + 1];
};

static int
status_of(const struct account *a, const struct outcome *o)
{
	const char *name =
	    o->index < a->n_names ? a->names[o->index] : verbs[a->verb];

	switch ((enum msg_admin_code)o->code) {
	case MSG_ADMIN_OK:
		return EX_OK;
	case MSG_ADMIN_UNKNOWN:
		return complain(EX_NOUSER, "%s: %s", name, o->text);
	case MSG_ADMIN_EXISTS:
	case MSG_ADMIN_NAME:
		return complain(EX_DATAERR, "%s: %s", name, o->text);
	case MSG_ADMIN_FAILED:
		break;
	}
	return complain(EX_UNAVAILABLE, "%s: %s", name, o->text);
}

/* With the cheap scheme the password is there to be read anyway, so one salt
 * does for all and a thousand accounts are made at once. */
static int
make_secret(const struct account *a, size_t i, struct directory_secret *s)
{
	struct why w = { "" };

	if (!needs_password(a) || (i > 0 && a->scheme == PASSWORD_PLAIN))
		return EX_OK;
	if (directory_secret_make(a->scheme, a->password, s, &w) != 0)
		return complain(EX_OSERR, "%s", w.text);
	return EX_OK;
}

static enum directory_result
change_here(const struct account *a, size_t i,
    const struct directory_secret *secret, struct why *w)
{
	struct view name = view_str(a->names[i]);
	struct directory_new n = { .name = name,
		.services = DIRECTORY_SERVICES_ALL,
		.secret = secret };
	struct name parsed;

	switch (a->verb) {
	case ADD:
		n.has_uid = name_parse(name, &parsed) &&
		    auth_conf_local(a->conf, &parsed, &n.uid, &n.gid);
		return directory_add(a->dir, &n, &a->uids, w);
	case PASSWD:
		return directory_set_secret(a->dir, name, secret, w);
	case REMOVE:
		return directory_remove(a->dir, name, w);
	case DISABLE:
	case ENABLE:
		return directory_set_disabled(
		    a->dir, name, a->verb == DISABLE, w);
	case SERVICES:
		return directory_set_services(a->dir, name, a->services, w);
	case LIST:
	case VERBS:
		break;
	}
	abort();
}

static void
fail_here(
    struct outcome *o, size_t i, enum directory_result r, const struct why *w)
{
	static const uint8_t codes[] = {
		[DIRECTORY_OK] = MSG_ADMIN_OK,
		[DIRECTORY_UNKNOWN] = MSG_ADMIN_UNKNOWN,
		[DIRECTORY_EXISTS] = MSG_ADMIN_EXISTS,
		[DIRECTORY_NAME] = MSG_ADMIN_NAME,
		[DIRECTORY_FULL] = MSG_ADMIN_FAILED,
		[DIRECTORY_ROOT] = MSG_ADMIN_NAME,
		[DIRECTORY_FAILED] = MSG_ADMIN_FAILED,
	};

	o->index = i;
	o->code = codes[r];
	(void)snprintf(o->text, sizeof(o->text), "%s",
	    r == DIRECTORY_FAILED ? w->text : directory_text(r));
}

/* Everything in one transaction; 0 or an exit status, and *o. */
static int
apply_here(
    const struct account *a, struct directory_secret *secret, struct outcome *o)
{
	struct why w = { "" };
	enum directory_result r = directory_begin(a->dir, &w);
	int status = EX_OK;
	size_t i;

	for (i = 0; i < a->n_names && r == DIRECTORY_OK; i++) {
		if ((status = make_secret(a, i, secret)) != EX_OK)
			break;
		if ((r = change_here(a, i, secret, &w)) != DIRECTORY_OK)
			fail_here(o, i, r, &w);
	}
	if (status == EX_OK && r == DIRECTORY_OK &&
	    (r = directory_commit(a->dir, &w)) != DIRECTORY_OK)
		fail_here(o, i, r, &w);
	directory_rollback(a->dir);
	return status;
}

struct texts {
	char sha256[SCRAM_TEXT_MAX + 1], sha1[SCRAM_TEXT_MAX + 1];
};

static void
put_change(const struct account *a, size_t i,
    const struct directory_secret *secret, struct texts *t, struct buf *b)
{
	struct view name = view_str(a->names[i]);
	struct msg_admin_add add = { .name = name };
	struct msg_admin_set_secret set = { .name = name };
	struct msg_admin_secret s = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	struct name parsed;

	if (needs_password(a)) {
		scram_keys_text(&secret->sha256, t->sha256);
		scram_keys_text(&secret->sha1, t->sha1);
		s = (struct msg_admin_secret){ view_str(secret->password),
			view_str(t->sha256), view_str(t->sha1) };
	}
	add.secret = set.secret = s;
	switch (a->verb) {
	case ADD:
		add.has_uid = name_parse(name, &parsed) &&
		    auth_conf_local(a->conf, &parsed, &add.uid, &add.gid);
		msg_admin_add_put(b, &add);
		return;
	case PASSWD:
		msg_admin_set_secret_put(b, &set);
		return;
	case REMOVE:
		msg_admin_remove_put(b, name);
		return;
	case DISABLE:
	case ENABLE:
		msg_admin_disable_put(
		    b, &(struct msg_admin_disable){ name, a->verb == DISABLE });
		return;
	case SERVICES:
		msg_admin_services_put(
		    b, &(struct msg_admin_services){ name, a->services });
		return;
	case LIST:
	case VERBS:
		break;
	}
	abort();
}

static int
lost(int err)
{
	if (err == 0 || err == -EPIPE || err == -ECONNRESET)
		return complain(EX_NOPERM,
		    "the server has closed the connection: only root and its "
		    "own user may change accounts");
	return complain(EX_UNAVAILABLE, "server: %s", strerror(-err));
}

/* One message from auth: its type, or 0 and *status. */
static uint32_t
receive(const struct account *a, uint8_t *in, struct wire *w, int *status)
{
	AUTO_CLOSE int fd = -1;
	ssize_t n = fd_recv(a->sock, in, MSG_MAX, &fd);

	if (n <= 0) {
		*status = lost((int)n);
		return 0;
	}
	*w = wire_read((struct view){ in, (size_t)n });
	return wire_u32(w);
}

static int
garbage(void)
{
	return complain(EX_PROTOCOL, "the server does not talk as expected");
}

static int
get_result(const struct account *a, struct outcome *o)
{
	uint8_t in[MSG_MAX];
	struct msg_admin_result m;
	struct wire w;
	int status = EX_OK;
	uint32_t type = receive(a, in, &w, &status);

	if (type == 0)
		return status;
	if (type != MSG_ADMIN_RESULT || !msg_admin_result_get(&w, &m))
		return garbage();
	o->code = m.code;
	o->index = m.index;
	(void)snprintf(
	    o->text, sizeof(o->text), "%.*s", (int)m.text.n, m.text.p);
	return EX_OK;
}

static int
apply_there(
    const struct account *a, struct directory_secret *secret, struct outcome *o)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	struct texts t;
	int status = EX_OK, r = 0;

	for (size_t i = 0; i < a->n_names && r == 0; i++) {
		if ((status = make_secret(a, i, secret)) != EX_OK)
			return status;
		buf_clear(&b);
		put_change(a, i, secret, &t, &b);
		r = fd_send(a->sock, buf_view(&b), -1);
	}
	explicit_bzero(&t, sizeof(t));
	buf_clear(&b);
	msg_admin_plain_put(&b, MSG_ADMIN_COMMIT);
	if (r == 0)
		r = fd_send(a->sock, buf_view(&b), -1);
	return r != 0 ? lost(r) : get_result(a, o);
}

static int
apply(struct account *a)
{
	struct directory_secret secret;
	struct outcome o = { 0 };
	int status;

	if (a->n_names > MSG_ADMIN_CHANGES_MAX)
		return complain(EX_USAGE, "at most %d names at once",
		    MSG_ADMIN_CHANGES_MAX);
	status = a->sock >= 0 ? apply_there(a, &secret, &o)
			      : apply_here(a, &secret, &o);
	explicit_bzero(&secret, sizeof(secret));
	return status != EX_OK ? status : status_of(a, &o);
}

/* ---- their mail ---- */

/* Nobody gets what another had. */
static int
refuse_old_mail(const struct account *a)
{
	char path[PATH_BYTES];

	for (size_t i = 0; i < a->n_names; i++)
		if (account_mail_is_there(
			a->conf, view_str(a->names[i]), path, sizeof(path)))
			return complain(EX_CANTCREAT,
			    "%s: mail of an earlier account of that name is in "
			    "%s; move it away first",
			    a->names[i], path);
	return EX_OK;
}

/* The accounts are gone, whatever happens here. */
static int
set_mail_aside(const struct account *a)
{
	char path[PATH_BYTES];
	struct why w = { "" };
	int status = EX_OK;

	for (size_t i = 0; i < a->n_names; i++) {
		int r = account_mail_set_aside(
		    a->conf, view_str(a->names[i]), path, sizeof(path), &w);

		if (r != 0)
			status = complain(r == -EACCES ? EX_NOPERM : EX_IOERR,
			    "%s is removed, but its mail stays: %s: %s",
			    a->names[i], w.text, strerror(-r));
		else if (path[0] != '\0')
			printf("The mail of %s is in %s now.\n", a->names[i],
			    path);
	}
	return status;
}

/* ---- the list ---- */

static void
print_json_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			putchar('\\');
		if ((unsigned char)*s < ' ')
			printf("\\u%04x", (unsigned)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

struct row {
	const char *name, *path;
	uint32_t uid, gid;
	bool disabled;
	uint32_t services;
	int64_t created;
};

static void
print_services(uint32_t services)
{
	const char *between = "";

	printf("[");
	for (uint8_t i = MSG_SERVICE_IMAP; i <= MSG_SERVICE_SIEVE; i++)
		if ((services & 1u << i) != 0) {
			printf("%s\"%s\"", between, msg_service_name(i));
			between = ", ";
		}
	printf("]");
}

static void
print_row(const struct account *a, const struct row *r, bool first)
{
	char when[CLOCK_TEXT_SIZE];

	clock_text(r->created * 1000000, when);
	if (!a->json) {
		when[10] = '\0'; /* the day */
		printf("%-40s %6u %-8s %s\n", r->name, r->uid,
		    r->disabled ? "disabled" : "enabled", when);
		return;
	}
	printf("%s\n  {\"name\": ", first ? "" : ",");
	print_json_string(r->name);
	printf(", \"uid\": %u, \"gid\": %u, \"path\": ", r->uid, r->gid);
	print_json_string(r->path);
	printf(", \"disabled\": %s, \"services\": ",
	    r->disabled ? "true" : "false");
	print_services(r->services);
	printf(", \"created\": \"%.19sZ\"}", when);
}

#define PAGE MSG_ADMIN_ROWS_MAX

static int
list_here(const struct account *a)
{
	struct directory_account rows[PAGE];
	char after[NAME_MAX_BYTES + 1] = "";
	struct why w = { "" };
	bool first = true;
	size_t n;

	do {
		if (directory_list(a->dir, after, rows, PAGE, &n, &w) !=
		    DIRECTORY_OK)
			return complain(EX_IOERR, "%s", w.text);
		for (size_t i = 0; i < n; i++, first = false)
			print_row(a,
			    &(struct row){ rows[i].name, rows[i].path,
				rows[i].uid, rows[i].gid, rows[i].disabled,
				rows[i].services, rows[i].created },
			    first);
		if (n > 0)
			memcpy(after, rows[n - 1].name, sizeof(after));
	} while (n == PAGE);
	return EX_OK;
}

/* Rows up to END; *n counts them, the last name is left in after. */
static int
get_rows(const struct account *a, char after[MSG_ACCOUNT_MAX + 1], bool first,
    size_t *n)
{
	char path[MSG_ADMIN_PATH_MAX + 1];
	uint8_t in[MSG_MAX];
	struct msg_admin_row m;
	struct wire w;
	int status = EX_OK;
	uint32_t type;

	for (*n = 0; (type = receive(a, in, &w, &status)) == MSG_ADMIN_ROW;
	     (*n)++) {
		if (!msg_admin_row_get(&w, &m))
			return garbage();
		(void)snprintf(after, MSG_ACCOUNT_MAX + 1, "%.*s",
		    (int)m.name.n, m.name.p);
		(void)snprintf(
		    path, sizeof(path), "%.*s", (int)m.path.n, m.path.p);
		print_row(a,
		    &(struct row){ after, path, m.uid, m.gid, m.disabled,
			m.services, (int64_t)m.created },
		    first && *n == 0);
	}
	if (type == 0)
		return status;
	return type == MSG_ADMIN_END && wire_end(&w) ? EX_OK : garbage();
}

static int
list_there(const struct account *a)
{
	char after[MSG_ACCOUNT_MAX + 1] = "";
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	bool first = true;
	size_t n;
	int status, r;

	do {
		buf_clear(&b);
		msg_admin_list_put(&b, view_str(after));
		if ((r = fd_send(a->sock, buf_view(&b), -1)) != 0)
			return lost(r);
		if ((status = get_rows(a, after, first, &n)) != EX_OK)
			return status;
		first = false;
	} while (n == PAGE);
	return EX_OK;
}

static int
list(const struct account *a)
{
	int status;

	if (a->json)
		printf("[");
	status = a->sock >= 0 ? list_there(a) : list_here(a);
	if (a->json)
		printf("\n]\n");
	if (fflush(stdout) != 0 && status == EX_OK)
		return complain(EX_IOERR, "output: %s", strerror(errno));
	return status;
}

static int
change(struct account *a)
{
	int status = open_target(a);

	if (status == EX_OK)
		status = a->verb == LIST ? list(a) : apply(a);
	directory_close(&a->dir);
	fd_close(&a->sock);
	return status;
}

/* By a child, since it may become auth's user, and the mail is not his. */
static int
remove_accounts(struct account *a)
{
	pid_t pid = fork();
	int status;

	if (pid == -1)
		return complain(EX_OSERR, "fork: %s", strerror(errno));
	if (pid == 0)
		_exit(change(a));
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return complain(EX_OSERR, "wait: %s", strerror(errno));
	if (!WIFEXITED(status))
		return EX_SOFTWARE;
	return WEXITSTATUS(status) != EX_OK ? WEXITSTATUS(status)
					    : set_mail_aside(a);
}

static int
run(struct account *a)
{
	int status = check_names(a);

	if (status == EX_OK && needs_password(a))
		status = get_password(a);
	if (status == EX_OK && a->verb == ADD)
		status = refuse_old_mail(a);
	if (status == EX_OK)
		status = a->verb == REMOVE ? remove_accounts(a) : change(a);
	explicit_bzero(a->password, sizeof(a->password));
	return status;
}

int
cmd_account(const struct conf *conf, int argc, char **argv)
{
	struct account a = {
		.conf = conf, .scheme = PASSWORD_YESCRYPT, .sock = -1
	};

	if (argc < 2 || !parse_verb(argv[1], &a.verb) ||
	    !parse_options(&a, argc - 1, argv + 1))
		return usage();
	signal(SIGPIPE, SIG_IGN);
	return run(&a);
}
