#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/utf8.h"
#include "tap.h"

static int out[2];

/* What was written since the last call. */
static const char *
written(void)
{
	static char text[LOG_RECORD_MAX * 4];
	ssize_t n = read(out[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
is(const char *want)
{
	const char *got = written();

	tap_ok(strcmp(got, want) == 0, "got %s, want %.*s", got,
	    (int)strcspn(want, "\n"), want);
}

static void
test_escape(void)
{
	static const struct {
		struct view in;
		const char *want;
	} cases[] = {
		{ VIEW_LIT("plain.text-1_@/:+,%"), "plain.text-1_@/:+,%" },
		{ VIEW_LIT(""), "\"\"" },
		{ VIEW_LIT("a b"), "\"a b\"" },
		{ VIEW_LIT("a=b"), "\"a=b\"" },
		{ VIEW_LIT("\"\\\n\r\t"), "\"\\\"\\\\\\n\\r\\t\"" },
		{ VIEW_LIT("\0\x1b[31m\x7f"), "\"\\x00\\x1b[31m\\x7f\"" },
		{ VIEW_LIT("\xe5\x8f\x97"), "\"\xe5\x8f\x97\"" },
		{ VIEW_LIT("\xff\xe5\x8f"), "\"\\xff\\xe5\\x8f\"" },
		{ VIEW_LIT("\xc2\x85"), "\"\\xc2\\x85\"" },
		{ VIEW_LIT("\xe2\x80\xae"), "\"\\xe2\\x80\\xae\"" },
		{ VIEW_LIT("\xe2\x80\xa8"), "\"\\xe2\\x80\\xa8\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[LOG_VALUE_MAX];
		struct view v = { (uint8_t *)got,
			log_escape(cases[i].in, got) };

		tap_ok(view_eq(v, view_str(cases[i].want)), "escape %zu: %.*s",
		    i, (int)v.n, got);
	}
}

static void
test_value_limit(void)
{
	uint8_t in[LOG_VALUE_MAX + 1];
	char got[LOG_VALUE_MAX];

	memset(in, 'x', sizeof(in));
	tap_ok(log_escape((struct view){ in, LOG_VALUE_MAX }, got) ==
		    LOG_VALUE_MAX &&
		got[0] == 'x',
	    "a value at the limit is whole");
	tap_ok(log_escape((struct view){ in, LOG_VALUE_MAX + 1 }, got) <=
		    LOG_VALUE_MAX &&
		got[0] == '"' && got[LOG_VALUE_MAX - 1] == '.',
	    "one past it is cut and says so");
}

static void
test_records(struct log *log)
{
	struct log_line l;
	struct why w = { "open x: gone" };

	log_begin(&l, log, LOG_MAJOR, "login");
	log_str(&l, "user", "demo");
	log_u64(&l, "ms", 12);
	log_i64(&l, "low", INT64_MIN);
	log_errno(&l, "why", -ENOENT);
	log_hidden(&l, "password");
	log_end(&l);
	is("1970-01-01T00:00:01.000000Z major IMAP-00042 login user=demo ms=12"
	   " low=-9223372036854775808 why=\"No such file or directory\""
	   " password=[hidden]\n");
	log_say(log, LOG_PROBLEMS, "x", "level %d", 3);
	is("");
	log_why(log, LOG_CRASHES, "store", &w);
	is("1970-01-01T00:00:01.000000Z crashes IMAP-00042 store"
	   " why=\"open x: gone\"\n");
	log_begin_as(&l, log, "POP3", 123456, LOG_MAJOR, "quit");
	log_end(&l);
	is("1970-01-01T00:00:01.000000Z major POP3-123456 quit\n");
	log->style = LOG_STYLE_SYSTEMD;
	log_begin_as(&l, log, "GATE", 0, LOG_FAILURES, "bind");
	log_end(&l);
	is("<3>failures GATE bind\n");
	log->style = LOG_STYLE_PLAIN;
}

static void
test_record_limit(struct log *log)
{
	uint8_t in[LOG_VALUE_MAX];
	struct log_line l;
	const char *got;

	memset(in, '\n', sizeof(in));
	log_begin(&l, log, LOG_MAJOR, "flood");
	for (int i = 0; i < 100; i++)
		log_view(&l, "v", (struct view){ in, sizeof(in) });
	log_u64(&l, "n", 1);
	log_end(&l);
	got = written();
	tap_ok(strlen(got) <= LOG_RECORD_MAX, "a record is bounded");
	tap_ok(strstr(got, " n=1 cut=yes\n") != NULL, "and says it was cut");
	tap_ok(strchr(got, '\n') == got + strlen(got) - 1, "one newline");
}

static void
test_levels(struct log *log)
{
	enum log_level level;

	for (int i = LOG_CRASHES; i <= LOG_ALL; i++)
		tap_ok(
		    log_level_parse(
			view_str(log_level_name((enum log_level)i)), &level) &&
			(int)level == i,
		    "level %s", log_level_name((enum log_level)i));
	tap_ok(!log_level_parse(VIEW_LIT("Major"), &level), "exactly that");
	tap_ok(!log_level_parse(VIEW_LIT("debug"), &level), "and no other");
	log_set_level(log, LOG_FAILURES);
	tap_ok(log_on(log, LOG_FAILURES) && !log_on(log, LOG_MAJOR), "set");
	log_raise(log, LOG_ALL, 1000, 1000);
	tap_ok(log_on(log, LOG_ALL), "raised");
	clock_fake_advance(999 * 1000);
	tap_ok(log_on(log, LOG_ALL), "until its time");
	clock_fake_advance(1000);
	tap_ok(!log_on(log, LOG_MAJOR) && log_on(log, LOG_FAILURES), "is over");
	log_raise(log, LOG_ALL, 1000, 100);
	log_say(log, LOG_ALL, "bytes", "first");
	tap_ok(log_on(log, LOG_ALL), "raised for some bytes");
	log_say(log, LOG_ALL, "bytes", "second");
	tap_ok(!log_on(log, LOG_ALL), "until they are used up");
	(void)written();
	log_set_level(log, LOG_ALL);
}

static void
test_lost(struct log *log)
{
	const char *got;
	uint64_t lost;

	while (log->lost < 3)
		log_say(log, LOG_ALL, "fill", "%01000d", 0);
	lost = log->lost;
	for (got = written(); *got != '\0'; got = written())
		;
	log_say(log, LOG_ALL, "again", "x");
	got = written();
	tap_ok(lost == 3 && strstr(got, " lost-records=3\n") != NULL,
	    "lost records are told: %s", got);
	log_say(log, LOG_ALL, "again", "x");
	tap_ok(strstr(written(), "lost") == NULL, "once");
}

int
main(void)
{
	struct log log;

	if (pipe2(out, O_CLOEXEC | O_NONBLOCK) != 0)
		abort();
	clock_fake_set(1000000, 1000000);
	log_init(&log, out[1], LOG_STYLE_PLAIN, LOG_MAJOR, "IMAP", 42);
	test_escape();
	test_value_limit();
	test_records(&log);
	test_record_limit(&log);
	test_levels(&log);
	test_lost(&log);
	return tap_done();
}
