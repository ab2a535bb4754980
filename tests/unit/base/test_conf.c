#include <stdlib.h>
#include <unistd.h>

#include "base/conf.h"
#include "tap.h"

static const char *const engines[] = { "file", "rados", NULL };

static const struct conf_section sections[] = {
	{ "server", false, "The server as a whole." },
	{ "listener", true, "One address to listen on." },
	{ "agent", true, "One account that is looked after." },
};

static const struct conf_setting settings[] = {
	{ "server", "hostname", CONF_STRING, "localhost", 1, 20, NULL, 0,
	    "The name in greetings." },
	{ "server", "directory", CONF_PATH, "/var/lib/fumi", 0, 0, NULL, 0,
	    "Where everything is kept." },
	{ "server", "sandbox", CONF_BOOL, "yes", 0, 0, NULL, 0,
	    "Whether processes are confined." },
	{ "server", "workers", CONF_INT, "2", 1, 64, NULL, 0,
	    "Processes of a kind." },
	{ "server", "literal-max", CONF_SIZE, "50M", 1024, UINT64_C(4) << 30,
	    NULL, 0, "The largest message." },
	{ "server", "idle", CONF_DURATION, "30m", 1000, 86400000, NULL, 0,
	    "Time until a silent client is sent away." },
	{ "server", "trusted", CONF_LIST, "127.0.0.1, ::1", 0, 4, NULL, 0,
	    "Networks that are believed." },
	{ "server", "engine", CONF_ENUM, "file", 0, 0, engines, 0,
	    "Where the log is." },
	{ "listener", "port", CONF_INT, NULL, 1, 65535, NULL, CONF_REQUIRED,
	    "The port." },
	{ "listener", "address", CONF_STRING, NULL, 0, 0, NULL, 0,
	    "The address." },
	{ "agent", "password", CONF_STRING, NULL, 0, 0, NULL, CONF_SECRET,
	    "The password." },
	{ "agent", "off", CONF_BOOL, NULL, 0, 0, NULL, 0, "Leave it alone." },
	{ "agent", "number", CONF_INT, NULL, 0, 0, NULL, 0, "Any number." },
};

static const struct conf_schema schema = { sections, 3, settings,
	sizeof(settings) / sizeof(settings[0]) };

static const char good[] = "# a comment\n"
			   "\n"
			   "[server] # the server\n"
			   "hostname = mail.example.org   # its name\n"
			   "directory=\"/srv/mail box\"\n"
			   "sandbox = off\r\n"
			   "workers = 64\n"
			   "literal-max = 1G\n"
			   "idle = 90s\n"
			   "trusted = 10.0.0.0/8, \"a, \\\"b\\\"\",::1\n"
			   "engine = rados\n"
			   "  # an indented comment\n"
			   "[listener imap]\n"
			   "port = 143\n"
			   "[listener imaps]\n"
			   "port = 993\n"
			   "address = a#b \\ c\n"
			   "[agent me@example.org]\n"
			   "password = \"s#cret\\n\"";

static void
is_good(const struct conf *c)
{
	size_t n;
	const char *const *list = conf_list(c, "server", NULL, "trusted", &n);

	tap_ok(strcmp(conf_str(c, "server", NULL, "hostname"),
		   "mail.example.org") == 0,
	    "string");
	tap_ok(strcmp(conf_str(c, "server", NULL, "directory"),
		   "/srv/mail box") == 0,
	    "path in quotes");
	tap_ok(!conf_bool(c, "server", NULL, "sandbox"), "bool");
	tap_ok(conf_num(c, "server", NULL, "workers") == 64, "int at limit");
	tap_ok(conf_num(c, "server", NULL, "literal-max") == 1 << 30, "size");
	tap_ok(conf_num(c, "server", NULL, "idle") == 90000, "duration");
	tap_ok(n == 3 && strcmp(list[0], "10.0.0.0/8") == 0 &&
		strcmp(list[1], "a, \"b\"") == 0 && strcmp(list[2], "::1") == 0,
	    "list");
	tap_ok(conf_enum(c, "server", NULL, "engine") == 1 &&
		strcmp(conf_str(c, "server", NULL, "engine"), "rados") == 0,
	    "enum");
	tap_ok(strcmp(conf_name(c, "listener", 0), "imap") == 0 &&
		strcmp(conf_name(c, "listener", 1), "imaps") == 0 &&
		conf_name(c, "listener", 2) == NULL,
	    "names in their order");
	tap_ok(conf_num(c, "listener", "imaps", "port") == 993, "named");
	tap_ok(strcmp(conf_str(c, "listener", "imaps", "address"),
		   "a#b \\ c") == 0,
	    "a # within a word");
	tap_ok(
	    conf_str(c, "listener", "imap", "address")[0] == '\0', "not given");
}

static void
test_good(void)
{
	AUTO_CONF struct conf *c = conf_new(&schema);
	AUTO_CONF struct conf *again = conf_new(&schema);
	AUTO_BUF struct buf out, errors;

	buf_init(&out, 100000);
	buf_init(&errors, 100000);
	tap_ok(conf_read(c, view_str(good), "good.conf"), "a good file");
	conf_errors_put(c, &errors);
	tap_ok(errors.n == 0, "no errors: %.*s", (int)errors.n, errors.p);
	tap_ok(conf_check(c), "all there");
	is_good(c);
	tap_ok(!conf_given(c, "listener", "imap", "address") &&
		conf_given(c, "listener", "imaps", "address"),
	    "given");
	tap_ok(strcmp(conf_str(c, "agent", "me@example.org", "password"),
		   "s#cret\n") == 0,
	    "escapes");
	conf_show(c, &out);
	tap_ok(memmem(out.p, out.n, "cret", 4) == NULL, "secrets are hidden");
	tap_ok(memmem(out.p, out.n, "good.conf:4", 11) != NULL,
	    "where it was set");
	tap_ok(
	    conf_read(again, buf_view(&out), "shown"), "what is shown reads");
	is_good(again);
}

static void
test_defaults(void)
{
	AUTO_CONF struct conf *c = conf_new(&schema);
	AUTO_BUF struct buf out = BUF_INIT(100000);
	size_t n;

	(void)conf_list(c, "server", NULL, "trusted", &n);
	tap_ok(n == 2 && conf_bool(c, "server", NULL, "sandbox") &&
		conf_num(c, "server", NULL, "idle") == 1800000,
	    "defaults");
	tap_ok(conf_num(c, "agent", "x", "number") == 0 &&
		!conf_bool(c, "agent", "x", "off"),
	    "no default is nothing");
	tap_ok(conf_check(c), "a section that is not there needs nothing");
	conf_show(c, &out);
	tap_ok(conf_read(c, buf_view(&out), "shown") &&
		conf_name(c, "listener", 0) == NULL,
	    "shown defaults read, too");
	tap_ok(conf_set(c, "listener", "x", "address", VIEW_LIT("::1"), "-o"),
	    "set");
	tap_ok(
	    !conf_check(c) && conf_error_count(c) == 1, "the port is missing");
	tap_ok(conf_set(c, "listener", "x", "port", VIEW_LIT("99"), "-o") &&
		conf_num(c, "listener", "x", "port") == 99,
	    "now it is there");
}

/* One file after the other. */
static void
test_override(void)
{
	AUTO_CONF struct conf *c = conf_new(&schema);

	tap_ok(conf_read(
		   c, VIEW_LIT("[server]\nworkers = 3\nidle = 1s\n"), "one") &&
		conf_read(c, VIEW_LIT("[server]\nworkers = 4\n"), "two") &&
		conf_num(c, "server", NULL, "workers") == 4 &&
		conf_num(c, "server", NULL, "idle") == 1000,
	    "the later file has its way");
	tap_ok(conf_set(c, "server", NULL, "workers", VIEW_LIT("5"), "-o") &&
		conf_num(c, "server", NULL, "workers") == 5,
	    "and an option over both");
	tap_ok(!conf_set(c, "server", NULL, "workers", VIEW_LIT("x"), "-o") &&
		!conf_set(c, "server", "x", "workers", VIEW_LIT("1"), "-o") &&
		!conf_set(c, "listener", NULL, "port", VIEW_LIT("1"), "-o") &&
		!conf_set(c, "sever", NULL, "workers", VIEW_LIT("1"), "-o") &&
		!conf_set(c, "server", NULL, "worker", VIEW_LIT("1"), "-o") &&
		conf_error_count(c) == 5 &&
		conf_num(c, "server", NULL, "workers") == 5,
	    "a wrong option has no effect");
	conf_fail(c, "server", NULL, "idle", "too %s", "short");
}

static void
test_errors(void)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "[server]\nworker = 1\n",
		    "f:2: unknown key worker, did you mean \"workers\"?\n" },
		{ "[server]\nxyzzy = 1\n", "f:2: unknown key xyzzy\n" },
		{ "[server]\npassword = 1\n",
		    "f:2: \"password\" belongs into [agent], not into "
		    "[server]\n" },
		{ "[sevrer]\nx = 1\n[server]\n",
		    "f:1: unknown section sevrer, did you mean \"server\"?\n" },
		{ "[server]\nworkers = 0\n",
		    "f:2: workers: 0 is out of range, allowed is from 1 to "
		    "64\n" },
		{ "[server]\nworkers = 65\n",
		    "f:2: workers: 65 is out of range, allowed is from 1 to "
		    "64\n" },
		{ "[server]\nworkers = 1x\n",
		    "f:2: workers: 1x is not a number\n" },
		{ "[server]\nworkers =\n",
		    "f:2: workers: \"\" is not a number\n" },
		{ "[server]\nidle = 30\n",
		    "f:2: idle: 30 is not a time, such as 500ms, 10s, 5m, 2h, "
		    "14d or 1w\n" },
		{ "[server]\nidle = 25h\n",
		    "f:2: idle: 25h is out of range, allowed is from 1s to "
		    "1d\n" },
		{ "[server]\nidle = 18446744073709551615w\n",
		    "f:2: idle: 18446744073709551615w is not a time, such as "
		    "500ms, 10s, 5m, 2h, 14d or 1w\n" },
		{ "[server]\nliteral-max = 1MB\n",
		    "f:2: literal-max: 1MB is not a size, such as 512, 64K, "
		    "10M, 2G or 1T\n" },
		{ "[server]\nsandbox = maybe\n",
		    "f:2: sandbox: maybe is not yes or no\n" },
		{ "[server]\ndirectory = mail\n",
		    "f:2: directory: mail is not a path that begins with /\n" },
		{ "[server]\nengine = radso\n",
		    "f:2: unknown value of engine radso, did you mean "
		    "\"rados\"?\n" },
		{ "[server]\ntrusted = a, b, c, d, e\n",
		    "f:2: trusted: a is out of range, allowed is up to 4 "
		    "items\n" },
		{ "[server]\ntrusted = a, , b\n",
		    "f:2: trusted: an item of the list is empty\n" },
		{ "[server]\ntrusted = a,\n",
		    "f:2: trusted: an item of the list is empty\n" },
		{ "[server]\nhostname = a \\\n",
		    "f:2: hostname: lines are not continued; a value that ends "
		    "with \\ is written in quotes\n" },
		{ "[server]\nhostname = a\n more\n",
		    "f:3: begins with a blank; lines are not continued\n" },
		{ "[server]\nhostname = \"a\n",
		    "f:2: hostname: the closing quote is missing\n" },
		{ "[server]\nhostname = \"a\\\"\n",
		    "f:2: hostname: the closing quote is missing\n" },
		{ "[server]\nhostname = \"a\" b\n",
		    "f:2: hostname: something stands behind the closing "
		    "quote\n" },
		{ "[server]\nhostname = a\"b\n",
		    "f:2: hostname: a quote may stand only at the start of a "
		    "value\n" },
		{ "[server]\nhostname = \"\\x\"\n",
		    "f:2: hostname: only \\\" \\\\ \\n and \\t are understood "
		    "after a \\\n" },
		{ "[server]\nhostname = 123456789012345678901\n",
		    "f:2: hostname: 123456789012345678901 is out of range, "
		    "allowed is from 1 to 20 bytes\n" },
		{ "[server]\nidle = 1s\nidle = 2s\n",
		    "f:3: \"idle\" is set already in line 2\n" },
		{ "[server]\n[server]\n",
		    "f:2: this section began already in line 1\n" },
		{ "[listener a]\n[listener a]\n",
		    "f:2: this section began already in line 1\n" },
		{ "[server x]\n", "f:1: [server] takes no name\n" },
		{ "[listener]\n",
		    "f:1: [listener] needs a name of 1 to 64 letters, digits "
		    "and ._@-, not \"\"\n" },
		{ "[listener a b]\n",
		    "f:1: [listener] needs a name of 1 to 64 letters, digits "
		    "and ._@-, not \"a b\"\n" },
		{ "[server\n",
		    "f:1: a section is written [section] or [section name]\n" },
		{ "[server] x\n",
		    "f:1: a section is written [section] or [section name]\n" },
		{ "idle = 1s\n", "f:1: a setting before the first section\n" },
		{ "[server]\n; old comment\n",
		    "f:2: neither [section], key = value nor # comment\n" },
		{ "[server]\nhostname mail\n",
		    "f:2: neither [section], key = value nor # comment\n" },
		{ "[server]\nhostname = \xff\n", "f:2: not valid UTF-8\n" },
		{ "[server]\nhostname = a\x1b[m\n",
		    "f:2: a control character (0x1b)\n" },
		{ "[server]\nx = 1\nidle = 2\nworkers = 99\n",
		    "f:2: unknown key x\n"
		    "f:3: idle: 2 is not a time, such as 500ms, 10s, 5m, 2h, "
		    "14d or 1w\n"
		    "f:4: workers: 99 is out of range, allowed is from 1 to "
		    "64\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_CONF struct conf *c = conf_new(&schema);
		AUTO_BUF struct buf out = BUF_INIT(10000);
		bool ok = conf_read(c, view_str(cases[i].in), "f");

		conf_errors_put(c, &out);
		tap_ok(!ok && view_eq(buf_view(&out), view_str(cases[i].want)),
		    "errors %zu: got %.*s", i, (int)(out.n - (out.n > 0)),
		    out.n > 0 ? (const char *)out.p : "");
	}
}

/* text, count times the line, text */
static bool
read_many(struct conf *c, const char *head, const char *line, size_t count,
    const char *tail)
{
	AUTO_BUF struct buf b = BUF_INIT(4 * CONF_FILE_MAX);

	buf_put_str(&b, head);
	for (size_t i = 0; i < count; i++)
		buf_put_str(&b, line);
	buf_put_str(&b, tail);
	return conf_read(c, buf_view(&b), "many");
}

static bool
read_named(size_t count)
{
	AUTO_CONF struct conf *c = conf_new(&schema);
	AUTO_BUF struct buf b = BUF_INIT(CONF_FILE_MAX);

	for (size_t i = 0; i < count; i++)
		buf_printf(&b, "[agent a%zu]\noff = yes\n", i);
	return conf_read(c, buf_view(&b), "many");
}

static void
test_limits(void)
{
	AUTO_CONF struct conf *c = conf_new(&schema);
	size_t n;

	tap_ok(read_many(c, "", "#", CONF_LINE_MAX, ""), "line at the limit");
	tap_ok(!read_many(c, "", "#", CONF_LINE_MAX + 1, ""), "one past it");
	tap_ok(read_many(c, "", "\n", CONF_FILE_MAX, ""), "file at the limit");
	tap_ok(!read_many(c, "", "\n", CONF_FILE_MAX + 1, ""), "one past it");
	tap_ok(read_many(c, "[agent ", "x", CONF_NAME_MAX, "]"),
	    "name at the limit");
	tap_ok(!read_many(c, "[agent ", "x", CONF_NAME_MAX + 1, "]"),
	    "one past it");
	tap_ok(read_named(CONF_NAMED_MAX), "sections at the limit");
	tap_ok(!read_named(CONF_NAMED_MAX + 1), "one past it");
	conf_free(&c);
	c = conf_new(&schema);
	tap_ok(!read_many(c, "[server]\n", "x = 1\n", CONF_ERRORS_MAX, "") &&
		conf_errors(c, &n) != NULL && n == CONF_ERRORS_MAX,
	    "errors at the limit");
	tap_ok(!read_many(c, "[server]\n", "x = 1\n", 1, "") &&
		conf_errors(c, &n) != NULL && n == CONF_ERRORS_MAX &&
		conf_error_count(c) == CONF_ERRORS_MAX + 1,
	    "one past it is only counted");
}

static void
test_list_limit(void)
{
	static const struct conf_setting one[] = { { "server", "l", CONF_LIST,
	    NULL, 0, 0, NULL, 0, "A list." } };
	static const struct conf_schema small = { sections, 1, one, 1 };
	AUTO_CONF struct conf *c = conf_new(&small);
	size_t n;

	tap_ok(read_many(c, "[server]\nl = x", ",x", CONF_LIST_MAX - 1, ""),
	    "list at the limit");
	(void)conf_list(c, "server", NULL, "l", &n);
	tap_ok(n == CONF_LIST_MAX, "all of it");
	tap_ok(!read_many(c, "[server]\nl = x", ",x", CONF_LIST_MAX, ""),
	    "one past it");
	tap_ok(conf_read(c, VIEW_LIT("[server]\nl =\n"), "f"), "empty list");
	(void)conf_list(c, "server", NULL, "l", &n);
	tap_ok(n == 0, "is empty");
}

/* Cut anywhere it is read or refused, and says something about its last line
 * only. */
static void
test_prefixes(void)
{
	bool ok = true;

	for (size_t i = 0; i < sizeof(good); i++) {
		AUTO_CONF struct conf *c = conf_new(&schema);
		struct view v = view_sub(view_str(good), 0, i);
		unsigned line = 1;
		size_t n;
		const struct conf_error *e;
		bool r = conf_read(c, v, "prefix");

		for (size_t k = 0; k < v.n; k++)
			line += v.p[k] == '\n';
		e = conf_errors(c, &n);
		ok = ok && n <= 1 && r == (n == 0) &&
		    (n == 0 || e[0].line == line);
	}
	tap_ok(ok, "every prefix");
}

static void
test_man(void)
{
	AUTO_BUF struct buf b = BUF_INIT(100000);

	conf_man(&schema, &b);
	tap_ok(!b.failed &&
		memmem(b.p, b.n, ".Ss Section [listener NAME]\n", 28) != NULL,
	    "a section in the manual page");
	tap_ok(memmem(b.p, b.n, ".It Ic \\&literal\\-max\n", 22) != NULL,
	    "a setting");
	tap_ok(memmem(b.p, b.n, "Size from 1K to 4G; default\n.Ql \\&50M .\n",
		   40) != NULL,
	    "its facts");
}

static void
test_file(void)
{
	AUTO_CONF struct conf *c = conf_new(&schema);
	char path[] = "/tmp/fumi-conf-XXXXXX";
	int fd = mkstemp(path);
	size_t n;

	if (fd == -1 || write(fd, good, sizeof(good) - 1) == -1)
		abort();
	close(fd);
	tap_ok(conf_read_file(c, path), "from a file");
	is_good(c);
	unlink(path);
	tap_ok(!conf_read_file(c, path) &&
		strcmp(conf_errors(c, &n)[0].text,
		    "No such file or directory") == 0,
	    "no such file");
}

/* Which changes a program cannot take over while it runs. */
static void
test_restart(void)
{
	static const struct conf_setting some[] = {
		{ "server", "path", CONF_PATH, "/x", 0, 0, NULL, CONF_RESTART,
		    "A path." },
		{ "server", "list", CONF_LIST, "a, b", 0, 0, NULL, CONF_RESTART,
		    "A list." },
		{ "server", "time", CONF_DURATION, "60s", 0, 0, NULL,
		    CONF_RESTART, "A time." },
		{ "server", "live", CONF_INT, "1", 0, 0, NULL, 0, "Live." },
		{ "listener", "port", CONF_INT, NULL, 0, 0, NULL, CONF_RESTART,
		    "A port." },
		{ "agent", "off", CONF_BOOL, NULL, 0, 0, NULL, 0, "Off." },
	};
	static const struct conf_schema small = { sections, 3, some, 6 };
	static const struct {
		const char *first, *now, *want;
	} cases[] = {
		{ "", "", "" },
		{ "", "[server]\nlive = 2\n[agent a]\noff = yes\n", "" },
		{ "", "[server]\npath = /y\ntime = 61s\n",
		    "[server] path, [server] time" },
		{ "", "[server]\npath = /x\ntime = 1m\nlist = a,b\n", "" },
		{ "", "[server]\nlist = a\n", "[server] list" },
		{ "[server]\nlist = b, a\n", "", "[server] list" },
		{ "[listener a]\nport = 1\n[listener b]\nport = 2\n",
		    "[listener b]\nport = 2\n[listener c]\n",
		    "[listener a], [listener c]" },
		{ "[listener a]\nport = 1\n", "[listener a]\nport = 2\n",
		    "[listener a] port" },
		{ "[listener a]\nport = 0\n", "[listener a]\n",
		    "[listener a] port" },
	};
	AUTO_BUF struct buf man = BUF_INIT(65536);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_CONF struct conf *first = conf_new(&small);
		AUTO_CONF struct conf *now = conf_new(&small);
		AUTO_BUF struct buf b = BUF_INIT(4096);

		if (!conf_read(first, view_str(cases[i].first), "f") ||
		    !conf_read(now, view_str(cases[i].now), "f"))
			abort();
		conf_restart_put(first, now, &b);
		tap_ok(view_eq(buf_view(&b), view_str(cases[i].want)),
		    "restart %zu: got %.*s, want %s", i, (int)b.n,
		    (const char *)b.p, cases[i].want);
	}
	conf_man(&small, &man);
	buf_put_byte(&man, '\0');
	tap_ok(strstr((const char *)man.p,
		   "A path.\nPath; default\n.Ql \\&/x .\nNeeds a restart.\n") !=
		NULL,
	    "the manual says which");
}

int
main(void)
{
	test_good();
	test_defaults();
	test_override();
	test_errors();
	test_limits();
	test_list_limit();
	test_prefixes();
	test_man();
	test_file();
	test_restart();
	return tap_done();
}
