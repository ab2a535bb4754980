#include "proc/settings.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/netaddr.h"
#include "base/num.h"

/*
 * The one table of settings, in the order in which a person sets up a server.
 */
static const char *const sandbox_names[] = { "require", "best-effort", NULL };
static const char *const style_names[] = { "plain", "systemd", NULL };
static const char *const level_names[] = { "crashes", "failures", "major",
	"problems", "low-level", "all", NULL };
static const char *const protocol_names[] = { "imap", "pop3", "sieve", "lmtp",
	NULL };
static const char *const tls_names[] = { "none", "starttls", "implicit", NULL };
static const char *const version_names[] = { "1.2", "1.3", NULL };
static const char *const cleartext_names[] = { "never", "loopback", "always",
	NULL };
static const char *const disabled_names[] = { "reject", "later", NULL };
static const char *const out_tls_names[] = { "require", "try", "never", NULL };
static const char *const uid_names[] = { "local", "range", "vmail", "server",
	NULL };

static const char *const quoting_names[] = { "rd", "o", "cl", "cl2", NULL };

static const struct conf_section sections[] = {
	{ "server", false, "The server as a whole." },
	{ "listener", true,
	    "An address to listen on. Without any such section, IMAP listens "
	    "on port 143 with STARTTLS and on port 993 with TLS." },
	{ "tls", false, "The default certificate and the rules of TLS." },
	{ "certificate", true,
	    "A further certificate, chosen by the name a client asks for." },
	{ "gate", false, "Limits before login." },
	{ "auth", false, "Accounts and how they log in." },
	{ "store", false, "Where and how mail is kept." },
	{ "session", false, "Limits after login." },
	{ "pop3", false, "POP3." },
	{ "sieve", false, "Sieve scripts." },
	{ "imapsieve", false,
	    "Sieve scripts that run when a client changes mail by IMAP." },
	{ "lmtp", false, "Limits of clients that bring mail by LMTP." },
	{ "delivery", false, "Mail that comes in." },
	{ "out", false,
	    "Mail that leaves: what users' scripts redirect and answer. "
	    "Without smtp and sendmail none does." },
};

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND 1000ull
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* The meaning comes last: " RESTART" behind it says that a reload is not enough.
 * A process that is started anew by itself may have such a setting before that.
 */
#define SETTING(sec, k, t, d, lo, hi, list, ...)                               \
	{                                                                      \
		.section = sec, .key = k, .type = t, .def = d, .min = lo,      \
		.max = hi, .names = list, .meaning = __VA_ARGS__               \
	}
#define RESTART , .flags = CONF_RESTART
#define STRING(sec, key, def, min, max, meaning)                               \
	SETTING(sec, key, CONF_STRING, def, min, max, NULL, meaning)
#define PATH(sec, key, def, meaning)                                           \
	SETTING(sec, key, CONF_PATH, def, 0, 0, NULL, meaning)
#define NUMBER(sec, key, type, def, min, max, meaning)                         \
	SETTING(sec, key, type, def, min, max, NULL, meaning)
#define CHOICE(sec, key, def, names, meaning)                                  \
	SETTING(sec, key, CONF_ENUM, def, 0, 0, names, meaning)
#define LIST(sec, key, def, max, meaning)                                      \
	SETTING(sec, key, CONF_LIST, def, 0, max, NULL, meaning)

static const struct conf_setting settings[] = {
	/* server */
	PATH("server", "state-dir", "/var/lib/fumi",
	    "Directory of accounts and mail." RESTART),
	PATH("server", "run-dir", "/run/fumi",
	    "Directory of sockets and the process id." RESTART),
	STRING("server", "hostname", NULL, 0, 253,
	    "Name of this server in greetings and logs; empty: the system's."),
	CHOICE("server", "sandbox", "require", sandbox_names,
	    "Whether to refuse to start when the kernel lacks a wall of the "
	    "sandbox, or to go on without it." RESTART),
	NUMBER("server", "gates", CONF_INT, "0", 0, 64,
	    "Processes that hold connections; 0: one for each processor, at "
	    "most 4." RESTART),
	STRING("server", "auth-user", "fumi-auth", 1, 64,
	    "System user, or number, of the process that knows the accounts. "
	    "The users matter only when the server is started by "
	    "root." RESTART),
	STRING("server", "gate-user", "fumi-gate", 1, 64,
	    "System user, or number, of the processes that hold "
	    "connections." RESTART),
	STRING("server", "hub-user", "fumi-hub", 1, 64,
	    "System user, or number, of the process that knows the "
	    "sessions." RESTART),
	STRING("server", "forker-user", "fumi-forker", 1, 64,
	    "System user, or number, of the process that starts the "
	    "sessions; owner of the directory of accounts." RESTART),
	STRING("server", "lmtp-user", "fumi-lmtp", 1, 64,
	    "System user, or number, of the process that takes mail by LMTP; "
	    "it runs only when there is such a listener." RESTART),
	STRING("server", "out-user", "fumi-out", 1, 64,
	    "System user, or number, of the process that sends mail; owner of "
	    "the queue. Must be able to read [out] login." RESTART),
	PATH("server", "log", NULL, "File of the log; empty: standard error."),
	CHOICE("server", "log-style", "plain", style_names,
	    "Records with time, or for the journal of systemd."),
	CHOICE("server", "log-level", "major", level_names,
	    "How much is logged; each level includes those before it."),
	NUMBER("server", "stop-timeout", CONF_DURATION, "20s", SECOND,
	    10 * MINUTE,
	    "How long sessions may take to end when the server is stopped."),
	/* listener */
	CHOICE("listener", "protocol", "imap", protocol_names,
	    "What is spoken there." RESTART),
	LIST("listener", "address", "*", 16,
	    "Addresses to listen on; \"*\" for all of IPv4 and IPv6. With LMTP "
	    "they must be given: whoever can connect may deliver." RESTART),
	PATH("listener", "path", NULL,
	    "With LMTP: the socket file to listen on, instead of addresses. "
	    "Only root, the server and deliver-users may use it." RESTART),
	NUMBER("listener", "port", CONF_INT, NULL, 0, 65535,
	    "TCP port; 0: any that is free. Unless it is given: IMAP 143, or "
	    "993 with TLS from the first byte; POP3 110, or 995; ManageSieve "
	    "4190; LMTP 24." RESTART),
	CHOICE("listener", "tls", "starttls", tls_names,
	    "No TLS at all, TLS when the client asks for it, or TLS from the "
	    "first byte." RESTART),
	/* tls */
	PATH("tls", "certificate", NULL,
	    "File with the certificate and its chain, PEM; empty: no TLS."),
	PATH("tls", "key", NULL,
	    "File with the key, PEM; empty: it is in the file of the "
	    "certificate."),
	CHOICE("tls", "min-version", "1.2", version_names,
	    "Oldest version of TLS that is spoken."),
	/* certificate */
	PATH("certificate", "certificate", NULL,
	    "File with the certificate and its chain, PEM."),
	PATH("certificate", "key", NULL,
	    "File with the key, PEM; empty: it is in the file of the "
	    "certificate."),
	/* gate */
	NUMBER("gate", "connections", CONF_INT, "20000", 1, 1000000,
	    "Connections of one process."),
	NUMBER("gate", "connections-per-address", CONF_INT, "100", 1, 100000,
	    "Connections of one IPv4 address or IPv6 /64 to one process, "
	    "those with a session included."),
	NUMBER("gate", "login-timeout", CONF_DURATION, "3m", SECOND, HOUR,
	    "How long a connection may take to log in."),
	NUMBER("gate", "login-attempts", CONF_INT, "5", 1, 100,
	    "Failed logins of one connection before it is closed."),
	NUMBER("gate", "login-bytes", CONF_SIZE, "64K", 4 * KIB, 16 * MIB,
	    "Bytes a client may send before it has logged in."),
	/* auth */
	PATH("auth", "directory", NULL,
	    "Directory of the database of accounts; empty: auth in the "
	    "server's state directory." RESTART),
	CHOICE("auth", "cleartext", "never", cleartext_names,
	    "Where passwords may be sent without TLS."),
	NUMBER("auth", "cram-md5", CONF_BOOL, "no", 0, 0,
	    "Whether IMAP, POP3 and ManageSieve offer CRAM-MD5 (RFC 2195), for "
	    "old clients that know nothing better and have no TLS. It costs: "
	    "only accounts whose password is stored as it is (fumi account "
	    "add --scheme plain) can log in by it, so whoever reads the "
	    "directory has their passwords; whoever hears a login without TLS "
	    "can try passwords on it as fast as MD5 allows; and a client that "
	    "prefers it to PLAIN cannot log in to any other account."),
	NUMBER("auth", "workers", CONF_INT, "0", 0, 64,
	    "Processes that check passwords; 0: one for each processor, at "
	    "most 4." RESTART),
	/* store */
	CHOICE("store", "uid", "local", uid_names,
	    "Whose uid an account's files and sessions have: that of the "
	    "local user of the same name where there is one, else one of the "
	    "range; always one of the range; one for all; the server's own "
	    "(always so when root has not started it)." RESTART),
	STRING("store", "uid-range", "200000-299999", 3, 21,
	    "First and last uid, and gid, for accounts without a local "
	    "user." RESTART),
	STRING("store", "vmail-user", "vmail", 1, 64,
	    "System user, or number, of all accounts with uid = "
	    "vmail." RESTART),
	NUMBER("store", "keep-expunged", CONF_DURATION, "14d", 0, 3650 * DAY,
	    "How long expunged messages can be brought back."),
	NUMBER("store", "max-message", CONF_SIZE, "100M", 64 * KIB, GIB,
	    "Largest message taken."),
	/* session */
	NUMBER("session", "per-account", CONF_INT, "100", 1, 10000,
	    "Sessions of one account at once."),
	NUMBER("session", "total", CONF_INT, "20000", 1, 1000000,
	    "Sessions of all accounts at once."),
	NUMBER("session", "memory", CONF_SIZE, "512M", 64 * MIB, 64 * GIB,
	    "Memory of one session."),
	NUMBER("session", "cpu", CONF_DURATION, "2m", SECOND, HOUR,
	    "Processor time of one command."),
	NUMBER("session", "idle", CONF_DURATION, "30m", MINUTE, DAY,
	    "How long a client may be silent (RFC 9051 asks for 30 minutes "
	    "at least)."),
	/* pop3 */
	NUMBER("pop3", "apop", CONF_BOOL, "no", 0, 0,
	    "Whether clients may log in by APOP. It uses MD5, needs accounts "
	    "whose password is stored as it is, and is for old clients only."),
	NUMBER("pop3", "mark-seen", CONF_BOOL, "no", 0, 0,
	    "Whether a message that was retrieved becomes one that was read; "
	    "with hide-seen only if the client ends by QUIT."),
	NUMBER("pop3", "hide-seen", CONF_BOOL, "no", 0, 0,
	    "Whether messages that were read are left out."),
	NUMBER("pop3", "exclusive", CONF_BOOL, "yes", 0, 0,
	    "Whether an account has one session at a time, as RFC 1939 has "
	    "it."),
	NUMBER("pop3", "expire", CONF_INT, "0", 0, 10000,
	    "Days after which mail may be removed at this site, as clients "
	    "are told; 0: never."),
	NUMBER("pop3", "xtnd-xmit", CONF_BOOL, "no", 0, 0,
	    "Whether clients may send mail by XTND XMIT, as some old ones do. "
	    "It leaves by [out], and counts as redirected."),
	NUMBER("pop3", "login-delay", CONF_DURATION, "0", 0, DAY,
	    "How long an account must wait between two logins."),
	/* sieve */
	NUMBER("sieve", "max-script", CONF_SIZE, "1M", 4 * KIB, MIB,
	    "Largest script that ManageSieve takes."),
	NUMBER("sieve", "max-scripts", CONF_INT, "100", 1, 1000,
	    "Scripts of one account."),
	PATH("sieve", "before", NULL,
	    "Directory of scripts (*.sieve) that are run before each user's "
	    "own, in the order of their names."),
	PATH("sieve", "after", NULL,
	    "Directory of scripts that are run behind the user's own, when the "
	    "message is still to be kept."),
	PATH("sieve", "global", NULL,
	    "Directory of scripts that users may include by :global."),
	LIST("sieve", "disabled", "extlists, spamtest, spamtestplus, virustest",
	    64,
	    "Extensions that users' scripts may not require. The usual ones "
	    "have nothing behind them yet: no lists or checkers."),
	/* imapsieve */
	STRING("imapsieve", "url", NULL, 0, 300,
	    "Where clients can put scripts for their mailboxes, "
	    "sieve://HOST[:PORT], as IMAP tells them; empty: the first "
	    "ManageSieve listener of this server, if there is one."),
	PATH("imapsieve", "before", NULL,
	    "Directory of scripts (*.sieve) that run for each message that a "
	    "client appends, copies, moves or flags, in any mailbox: before "
	    "the one that the mailbox's annotation names."),
	PATH("imapsieve", "after", NULL,
	    "Directory of scripts that run behind it, when the message is "
	    "still to be kept."),
	/* lmtp */
	NUMBER("lmtp", "connections", CONF_INT, "1000", 1, 100000,
	    "Connections at once."),
	NUMBER("lmtp", "memory", CONF_SIZE, "1G", MIB, 64 * GIB,
	    "Memory for messages of more than 48 KiB until they are stored. "
	    "Who has more than one at once may have no more than is left for "
	    "all others."),
	NUMBER("lmtp", "timeout", CONF_DURATION, "5m", SECOND, HOUR,
	    "How long a client may be silent, in a message too (RFC 5321 "
	    "asks for 5 minutes at least)."),
	/* delivery */
	STRING("delivery", "recipient-delimiter", "+", 0, 8,
	    "Characters of which the first in a local part ends the account's "
	    "name: mail for user+detail goes to user, unless there is an "
	    "account or alias of the whole name, and Sieve parts :user "
	    "from :detail there. Empty: there is no detail."),
	NUMBER("delivery", "detail-mailbox", CONF_BOOL, "no", 0, 0,
	    "Whether mail for user+detail that no script files goes to the "
	    "mailbox named detail where there is one, instead of INBOX."),
	LIST("delivery", "local-domains", NULL, 64,
	    "Domains whose addresses belong to accounts without a domain, "
	    "besides the server's hostname."),
	STRING("delivery", "postmaster", NULL, 0, 320,
	    "Account that gets mail for postmaster where there is no account "
	    "or alias of that name; empty: none does."),
	CHOICE("delivery", "disabled", "reject", disabled_names,
	    "Whether mail for a disabled account is refused, or put off until "
	    "it is enabled again."),
	LIST("delivery", "deliver-users", NULL, 32,
	    "System users, or numbers, that may deliver to any account, "
	    "besides root and the server itself. Everybody may deliver to "
	    "the own account." RESTART),
	STRING("delivery", "mailbox", "fumi:INBOX", 1, 512,
	    "Where fumi deliver puts mail: \"fumi:INBOX\", into the account; "
	    "or "
	    "a file of the local user, \"./Maildir/\" (maildir), "
	    "\"./Mailbox\" (mbox) below the home directory, or "
	    "\"/var/mail/%u\" (%u: the user)."),
	LIST("delivery", "mbox-locks", "fcntl, dotlock", 4,
	    "Locks on an mbox, in the order in which they are taken: dotlock, "
	    "fcntl, flock, lockf. All programs that touch it must use the "
	    "same."),
	CHOICE("delivery", "mbox-quoting", "rd", quoting_names,
	    "What is done to lines of a message that begin with \"From \" in "
	    "an mbox: one \">\" more, which can be undone (rd); \">\" only "
	    "before \"From \" (o); the same, and Content-Length (cl); "
	    "Content-Length alone (cl2)."),
	NUMBER("delivery", "lock-timeout", CONF_DURATION, "30s", 0, 10 * MINUTE,
	    "How long to wait for the locks on an mbox."),
	NUMBER("delivery", "program-time", CONF_DURATION, "10m", SECOND, DAY,
	    "How long a program of a .qmail file may run."),
	NUMBER("delivery", "program-cpu", CONF_DURATION, "2m", 0, DAY,
	    "Processor time of each of its processes; 0: any."),
	NUMBER("delivery", "program-memory", CONF_SIZE, "1G", 0, 1024 * GIB,
	    "Memory of each of its processes; 0: any."),
	NUMBER("delivery", "program-file", CONF_SIZE, "0", 0, 1024 * GIB,
	    "Largest file it may write; 0: any."),
	NUMBER("delivery", "program-processes", CONF_INT, "1000", 0, 1000000,
	    "Processes its user may have in all while it runs; 0: any."),
	/* out */
	STRING("out", "smtp", NULL, 0, 300,
	    "The server that mail is sent to: smtp://HOST[:PORT] or, with TLS "
	    "from the first byte, smtps://HOST[:PORT]."),
	CHOICE("out", "smtp-tls", "require", out_tls_names,
	    "With smtp://: whether TLS must be begun, is begun when the server "
	    "can, or never is. With login, try means require. A certificate is "
	    "always checked."),
	PATH("out", "login", NULL,
	    "File with the name for that server on its first line and the "
	    "password on its second; empty: none is needed."),
	STRING("out", "sendmail", NULL, 0, 300,
	    "Instead of smtp: a program with the calling form of sendmail, and "
	    "its arguments, such as \"/usr/sbin/sendmail -i\"; \"-f SENDER -- "
	    "RECIPIENT ...\" is added, and the message is its input."),
	NUMBER("out", "sendmail-dsn", CONF_BOOL, "no", 0, 0,
	    "Whether that program takes what a sender wants to be told, as "
	    "-N, -R and -V. Those of Postfix, sendmail and OpenSMTPD do; to "
	    "Exim they mean something else, and mail is lost."),
	PATH("out", "ca", NULL,
	    "File with the certificates that the server's is checked by, PEM; "
	    "empty: those the system trusts."),
	NUMBER("out", "senders", CONF_INT, "2", 1, 16,
	    "Processes that send, so many messages at once."),
	NUMBER("out", "timeout", CONF_DURATION, "5m", SECOND, HOUR,
	    "How long sending one message to one recipient may take, and a "
	    "second more for each 16 KB of it."),
	NUMBER("out", "retry", CONF_DURATION, "2m", SECOND, DAY,
	    "How long to wait after the first attempt that failed; doubled "
	    "after each further one."),
	NUMBER("out", "retry-max", CONF_DURATION, "4h", SECOND, 7 * DAY,
	    "The longest wait between two attempts."),
	NUMBER("out", "max-age", CONF_DURATION, "4d", SECOND, 60 * DAY,
	    "After so long the sender is told that it could not be sent."),
	NUMBER("out", "queue", CONF_INT, "10000", 1, 1000000,
	    "Messages that may wait; more are refused for the time being."),
	NUMBER("out", "redirects-per-day", CONF_INT, "1000", 0, 1000000,
	    "Messages one account may redirect or forward in a day."),
	NUMBER("out", "replies-per-hour", CONF_INT, "60", 0, 1000000,
	    "Automatic replies and notifications of one account in an "
	    "hour."),
};

const struct conf_schema settings_schema = {
	sections,
	sizeof(sections) / sizeof(sections[0]),
	settings,
	sizeof(settings) / sizeof(settings[0]),
};

uint16_t
settings_port(const struct conf *c, const char *name)
{
	static const uint16_t usual[][2] = { [SETTINGS_IMAP] = { 143, 993 },
		[SETTINGS_POP3] = { 110, 995 },
		[SETTINGS_SIEVE] = { 4190, 4190 },
		[SETTINGS_LMTP] = { 24, 24 } };

	if (conf_given(c, "listener", name, "port"))
		return (uint16_t)conf_num(c, "listener", name, "port");
	return usual[conf_enum(c, "listener", name, "protocol")]
		    [conf_enum(c, "listener", name, "tls") ==
			SETTINGS_TLS_IMPLICIT];
}

struct view
settings_host(const struct conf *c, char host[SETTINGS_HOST_SIZE])
{
	const char *name = conf_str(c, "server", NULL, "hostname");

	if (*name != '\0')
		return view_str(name);
	host[SETTINGS_HOST_SIZE - 1] = '\0';
	if (gethostname(host, SETTINGS_HOST_SIZE - 1) != 0 || host[0] == '\0')
		return VIEW_LIT("localhost");
	return view_str(host);
}

bool
settings_can_send(const struct conf *c)
{
	return *conf_str(c, "out", NULL, "smtp") != '\0' ||
	    *conf_str(c, "out", NULL, "sendmail") != '\0';
}

/* LMTP has no login, so it is never open to everybody by mistake. */
static void
check_lmtp(struct conf *c, const char *name)
{
	const char *path = conf_str(c, "listener", name, "path");
	bool lmtp = conf_enum(c, "listener", name, "protocol") == SETTINGS_LMTP;

	if (!lmtp && *path != '\0')
		conf_fail(c, "listener", name, "path", "only LMTP has a path");
	if (lmtp && *path == '\0' &&
	    !conf_given(c, "listener", name, "address"))
		conf_fail(c, "listener", name, "address",
		    "LMTP needs an address or a path");
	if (lmtp &&
	    conf_enum(c, "listener", name, "tls") == SETTINGS_TLS_IMPLICIT)
		conf_fail(c, "listener", name, "tls", "LMTP has no TLS");
}

static void
check_listener(struct conf *c, const char *name)
{
	const char *const *a;
	size_t n;

	a = conf_list(c, "listener", name, "address", &n);
	for (size_t i = 0; i < n; i++) {
		struct netaddr addr;

		if (view_eq(view_str(a[i]), VIEW_LIT("*")) ||
		    netaddr_parse(view_str(a[i]), &addr))
			continue;
		conf_fail(c, "listener", name, "address",
		    "\"%s\" is not an address", a[i]);
	}
	if (conf_enum(c, "listener", name, "tls") == SETTINGS_TLS_IMPLICIT &&
	    *conf_str(c, "tls", NULL, "certificate") == '\0')
		conf_fail(c, "listener", name, "tls",
		    "there is no certificate in [tls]");
}

static void
check_locks(struct conf *c)
{
	static const char *const known[] = { "dotlock", "fcntl", "flock",
		"lockf" };
	const char *const *name;
	size_t n;

	name = conf_list(c, "delivery", NULL, "mbox-locks", &n);
	for (size_t i = 0; i < n; i++) {
		bool good = false;

		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			good = good ||
			    view_eq(view_str(name[i]), view_str(known[k]));
		if (!good)
			conf_fail(c, "delivery", NULL, "mbox-locks",
			    "\"%s\" is no lock", name[i]);
	}
}

/* RFC 5804 section 3, but for an IPv6 address: its brackets cannot stand in a
 * capability. */
static void
check_url(struct conf *c)
{
	struct view url = view_str(conf_str(c, "imapsieve", NULL, "url"));
	const struct view scheme = VIEW_LIT("sieve://");
	bool good = url.n > scheme.n && view_starts(url, scheme);

	for (size_t i = scheme.n; good && i < url.n; i++)
		good = isalnum(url.p[i]) || strchr("-.:_", url.p[i]) != NULL;
	if (url.n > 0 && !good)
		conf_fail(c, "imapsieve", NULL, "url",
		    "it must be sieve://HOST or sieve://HOST:PORT");
}

/* HOST, HOST:PORT, [IPV6] or [IPV6]:PORT */
static bool
is_server(struct view v)
{
	const uint8_t *bracket =
	    v.n > 0 && v.p[0] == '[' ? memchr(v.p, ']', v.n) : NULL;
	size_t n = bracket != NULL ? (size_t)(bracket - v.p) + 1 : 0;
	uint64_t port;

	if (bracket != NULL)
		for (size_t i = 1; i + 1 < n; i++)
			if (!isxdigit(v.p[i]) && v.p[i] != ':' && v.p[i] != '.')
				return false;
	while (bracket == NULL && n < v.n &&
	    (isalnum(v.p[n]) || v.p[n] > 0x7f || strchr("-._", v.p[n]) != NULL))
		n++;
	if (n < (bracket != NULL ? 3 : 1))
		return false;
	view_skip(&v, n);
	if (v.n == 0)
		return true;
	return v.p[0] == ':' && num_parse(view_sub(v, 1, v.n), 65535, &port) &&
	    port > 0;
}

/* What has no scheme would be found out only when mail waits for ever. */
static void
check_smtp(struct conf *c)
{
	const char *text = conf_str(c, "out", NULL, "smtp");
	struct view v = view_str(text);

	if (v.n == 0)
		return;
	if (view_starts_ci(v, VIEW_LIT("smtp://")))
		view_skip(&v, 7);
	else if (view_starts_ci(v, VIEW_LIT("smtps://")))
		view_skip(&v, 8);
	else
		v.n = 0;
	if (v.n > 0 && v.p[v.n - 1] == '/')
		v.n--;
	if (!is_server(v))
		conf_fail(c, "out", NULL, "smtp",
		    "\"%s\" is no server: write smtp://HOST, smtp://HOST:PORT "
		    "or smtps://HOST",
		    text);
}

bool
settings_check(struct conf *c)
{
	size_t before = conf_error_count(c);
	const char *name;

	for (size_t i = 0; (name = conf_name(c, "listener", i)) != NULL; i++) {
		check_listener(c, name);
		check_lmtp(c, name);
	}
	for (size_t i = 0; (name = conf_name(c, "certificate", i)) != NULL; i++)
		if (*conf_str(c, "certificate", name, "certificate") == '\0')
			conf_fail(c, "certificate", name, "certificate",
			    "no file is named");
	check_locks(c);
	check_url(c);
	check_smtp(c);
	return conf_error_count(c) == before;
}
