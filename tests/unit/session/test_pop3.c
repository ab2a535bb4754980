/* The parts of POP3 that do no I/O: lines, commands, words, surrogates. */
#include "base/utf8.h"
#include "mail/encoded.h"
#include "session/line.h"
#include "session/pop3_inside.h"

#include <sys/socket.h>

#include "account_help.h"

static struct view
v(const char *s)
{
	return view_str(s);
}

/* ---- lines ---- */

/* What comes of text, fed in pieces of n bytes: lines in brackets, "!" for one
 * that was too long. */
static const char *
lines_of(struct view text, size_t n)
{
	static char out[8192];
	struct line l;
	size_t at = 0;

	line_init(&l, 10);
	out[0] = '\0';
	while (text.n > 0) {
		struct view piece = view_sub(text, 0, n), line;
		enum line_result r;

		view_skip(&text, piece.n);
		while ((r = line_take(&l, &piece, &line)) != LINE_MORE)
			at += (size_t)snprintf(out + at, sizeof(out) - at,
			    r == LINE_DONE ? "[%.*s]" : "!", (int)line.n,
			    (const char *)line.p);
	}
	if (!line_idle(&l))
		snprintf(out + at, sizeof(out) - at, "…");
	line_fini(&l);
	return out;
}

static void
test_lines(void)
{
	static const struct {
		const char *name, *text, *want;
	} t[] = {
		{ "two", "a\r\nb\r\n", "[a][b]" },
		{ "LF alone", "a\nb\n", "[a][b]" },
		{ "empty", "\r\n\n", "[][]" },
		{ "a CR inside", "a\rb\r\n", "[a\rb]" },
		{ "not whole", "a\r\nb", "[a]…" },
		{ "at the limit", "12345678\r\n", "[12345678]" },
		{ "past the limit", "123456789\r\nb\n", "![b]" },
		{ "far past it", "1234567890123456789012345\nb\n", "![b]" },
		{ "too long and not whole", "1234567890123", "…" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		bool same = true;

		for (size_t n = 1; n <= 30; n++)
			same &=
			    strcmp(lines_of(v(t[i].text), n), t[i].want) == 0;
		tap_ok(same, "line: %s: got %s, want %s", t[i].name,
		    lines_of(v(t[i].text), 30), t[i].want);
	}
}

/* ---- commands ---- */

static void
test_commands(void)
{
	static const struct {
		const char *text;
		enum pop3_result want;
		enum pop3_verb verb;
		uint32_t number;
		uint64_t lines;
	} t[] = {
		{ "RETR 7", POP3_OK, POP3_RETR, 7, 0 },
		{ "retr 4294967295", POP3_OK, POP3_RETR, UINT32_MAX, 0 },
		{ "RETR 4294967296", POP3_ARGUMENTS, POP3_RETR, 0, 0 },
		{ "RETR  7 ", POP3_OK, POP3_RETR, 7, 0 },
		{ "RETR 7x", POP3_ARGUMENTS, POP3_RETR, 0, 0 },
		{ "RETR", POP3_ARGUMENTS, POP3_RETR, 0, 0 },
		{ "RETR7", POP3_UNKNOWN, POP3_BEFORE, 0, 0 },
		{ " RETR 7", POP3_UNKNOWN, POP3_BEFORE, 0, 0 },
		{ "", POP3_UNKNOWN, POP3_BEFORE, 0, 0 },
		{ "LIST", POP3_OK, POP3_LIST, 0, 0 },
		{ "LIST 1", POP3_OK, POP3_LIST, 1, 0 },
		{ "UIDL 1 2", POP3_ARGUMENTS, POP3_UIDL, 1, 0 },
		{ "TOP 1 0", POP3_OK, POP3_TOP, 1, 0 },
		{ "TOP 1 18446744073709551615", POP3_OK, POP3_TOP, 1,
		    UINT64_MAX },
		{ "TOP 1 18446744073709551616", POP3_ARGUMENTS, POP3_TOP, 1,
		    0 },
		{ "TOP 1", POP3_ARGUMENTS, POP3_TOP, 1, 0 },
		{ "TOP 1 2 3", POP3_ARGUMENTS, POP3_TOP, 1, 2 },
		{ "QUIT", POP3_OK, POP3_QUIT, 0, 0 },
		{ "QUIT now", POP3_ARGUMENTS, POP3_QUIT, 0, 0 },
		{ "LANG", POP3_OK, POP3_LANG, 0, 0 },
		{ "LANG en", POP3_OK, POP3_LANG, 0, 0 },
		{ "LANG en ja", POP3_ARGUMENTS, POP3_LANG, 0, 0 },
		{ "XTND XMIT", POP3_OK, POP3_XMIT, 0, 0 },
		{ "xtnd  xmit ", POP3_OK, POP3_XMIT, 0, 0 },
		{ "XTND", POP3_UNKNOWN, POP3_XMIT, 0, 0 },
		{ "XTND XMIT x", POP3_UNKNOWN, POP3_XMIT, 0, 0 },
		{ "XTND SCAN 1", POP3_UNKNOWN, POP3_XMIT, 0, 0 },
		{ "APOP a b c d", POP3_OK, POP3_BEFORE, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pop3_command c;
		enum pop3_result r = pop3_command_parse(v(t[i].text), &c);

		tap_ok(r == t[i].want && c.verb == t[i].verb &&
			(r != POP3_OK ||
			    (c.number == t[i].number && c.lines == t[i].lines)),
		    "command: \"%s\": result %d, want %d", t[i].text, (int)r,
		    (int)t[i].want);
	}
}

/* ---- words ---- */

static void
test_words(void)
{
	AUTO_BUF struct buf b = BUF_INIT(4096);
	const struct pop3_settings all = { .password = true,
		.mechanisms = VIEW_LIT("PLAIN SCRAM-SHA-256"),
		.starttls = true,
		.expire_days = 60,
		.xtnd_xmit = true,
		.login_delay_s = 900 };
	enum pop3_language l;
	bool whole = true;

	for (int i = 0; i < POP3_TEXTS; i++)
		for (int k = 0; k < POP3_LANGUAGES; k++)
			whole &= pop3_text((enum pop3_text)i,
				     (enum pop3_language)k) != NULL;
	tap_ok(whole, "words: every text in every language");
	tap_ok(pop3_language_find(v("JA"), &l) && l == POP3_JAPANESE &&
		pop3_language_find(v("*"), &l) && l == POP3_ENGLISH &&
		pop3_language_find(v("ja-Latn"), &l) && l == POP3_JAPANESE &&
		!pop3_language_find(v("j"), &l) && l == POP3_JAPANESE &&
		!pop3_language_find(v("jax"), &l) &&
		!pop3_language_find(v(""), &l),
	    "words: languages");
	pop3_capabilities_put(&b, &all, true);
	tap_ok(view_eq(buf_view(&b),
		   v("TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
		     "PIPELINING\r\nUSER\r\nSASL PLAIN SCRAM-SHA-256\r\n"
		     "STLS\r\nEXPIRE 60\r\nLOGIN-DELAY 900\r\nUTF8 USER\r\n"
		     "LANG\r\nX-XTND-XMIT\r\nIMPLEMENTATION fumi\r\n")),
	    "words: all capabilities");
}

/* ---- surrogates ---- */

static void
test_surrogates(void)
{
	static const struct {
		const char *name, *in, *want;
	} t[] = {
		{ "ASCII", "A: b\r\n\r\n", "A: b\r\n\r\n" },
		{ "a subject", "Subject: Zoë\r\n\r\n",
		    "Subject: =?UTF-8?B?Wm/Dqw==?=\r\n\r\n" },
		{ "words between", "Subject: a é b é é c\r\n",
		    "Subject: a =?UTF-8?B?w6k=?= b =?UTF-8?B?w6kgw6k=?= "
		    "c\r\n" },
		{ "folded", "Subject: é\r\n é\r\n",
		    "Subject: =?UTF-8?B?w6kgw6k=?=\r\n" },
		{ "two names", "From: é é <a@b>, é x é@b\r\n",
		    "From: =?UTF-8?B?w6kgw6k=?= <a@b>, =?UTF-8?B?w6k=?= x "
		    "?@b\r\n" },
		{ "a name", "From: é <a@b>\r\n",
		    "From: =?UTF-8?B?w6k=?= <a@b>\r\n" },
		{ "a quoted name", "From: \"é, \\\"x\\\"\" <a@b>\r\n",
		    "From: =?UTF-8?B?w6ksICJ4Ig==?= <a@b>\r\n" },
		{ "addresses", "To: é@b, <a@é>, \"ok\" <c@d>\r\n",
		    "To: ?@b, <a@?>, \"ok\" <c@d>\r\n" },
		{ "a group", "To: é: a@b;\r\n",
		    "To: =?UTF-8?B?w6k=?= : a@b;\r\n" },
		{ "a comment", "To: a@b (é)\r\n", "To: a@b (?)\r\n" },
		{ "a parameter", "Content-Type: x/y; name=\"é\"\r\n",
		    "Content-Type: x/y; name=\"?\"\r\n" },
		{ "a name of a field", "Ü: x\r\n", "?: x\r\n" },
		{ "no field", "é\r\n", "?\r\n" },
		{ "open quotes", "From: \"é\r\n",
		    "From: =?UTF-8?B?w6k=?=\r\n" },
		{ "without a line end", "Subject: é",
		    "Subject: =?UTF-8?B?w6k=?=" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT(4096);

		bool good;

		pop3_surrogate(v(t[i].in), &b);
		good = view_eq(buf_view(&b), v(t[i].want));
		tap_ok(good, "surrogate: %s", t[i].name);
		if (!good)
			fprintf(stderr, "got \"%.*s\", want \"%s\"\n", (int)b.n,
			    (const char *)b.p, t[i].want);
	}
}

/* What a reader sees is what was there: blanks between encoded-words are not
 * (RFC 2047 section 6.2). */
static void
test_shown(void)
{
	static const struct {
		const char *in;
		const char *want; /* NULL: the same */
	} t[] = {
		{ "Subject: a é b é é c é", NULL },
		{ "Subject: é =?UTF-8?Q?=C3=A4?= é", "Subject: é ä é" },
		{ "Subject: a =?UTF-8?Q?=C3=A4?=  é b", "Subject: a ä  é b" },
		{ "Subject: =?UTF-8?Q?=C3=A4?= a é", "Subject: ä a é" },
		{ "Subject: é\r\n =?UTF-8?Q?=C3=A4?=", "Subject: é ä" },
		{ "Subject: é =?UTF-8?X?none?= é", NULL },
		{ "Subject: é =?x?=", NULL },
		{ "From: \"Jörg\" Müller <a@b>", "From: Jörg Müller <a@b>" },
		{ "From: Jörg \"Müller\" <a@b>", "From: Jörg Müller <a@b>" },
		{ "From: Jörg \"M.\" Müller <a@b>", NULL },
		{ "From: \"Jörg\" \"Müller\" <a@b>",
		    "From: Jörg Müller <a@b>" },
		{ "From: =?UTF-8?Q?J=C3=B6rg?= Müller <a@b>",
		    "From: Jörg Müller <a@b>" },
		{ "From: Jörg =?UTF-8?Q?M=C3=BCller?= <a@b>",
		    "From: Jörg Müller <a@b>" },
		{ "From: \"Jörg\" =?UTF-8?Q?M=C3=BCller?= <a@b>",
		    "From: Jörg Müller <a@b>" },
		{ "From: \"Jörg\"Müller<a@b>", "From: JörgMüller <a@b>" },
		{ "To: x,Jörg<a@b>", "To: x, Jörg <a@b>" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT(4096);
		AUTO_BUF struct buf shown = BUF_INIT(4096);

		pop3_surrogate(v(t[i].in), &b);
		encoded_decode(buf_view(&b), &shown);
		tap_ok(utf8_ascii(buf_view(&b)) &&
			view_eq(buf_view(&shown),
			    v(t[i].want != NULL ? t[i].want : t[i].in)),
		    "shown: %zu: got \"%.*s\"", i + 1, (int)shown.n,
		    (const char *)shown.p);
	}
}

/* ---- silence ---- */

#define IDLE_MS 1000 /* for the tests; a client is held up for less than half */

/* A session that marks its one message, and says two commands more. *out: all
 * that it was answered. */
static enum client_end
silent_session(int dir, struct buf *out)
{
	const struct pop3_settings set = { .mark_seen = true };
	struct client_env env = { .hub = -1,
		.dir = dir,
		.first = CLIENT_PREAUTH,
		.idle_ms = IDLE_MS };
	enum client_end end;
	struct log log;
	int s[2];
	char in[4096];
	ssize_t n;

	log_init(&log, -1, LOG_STYLE_PLAIN, LOG_CRASHES, "TEST", 0);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		abort();
	env.in = env.out = s[1];
	env.log = &log;
	if (fork() == 0) {
		for (int i = 0; i < 3; i++) {
			usleep(IDLE_MS / 2 * 1000);
			if (write(s[0], i == 0 ? "DELE 1\r\n" : "STAT\r\n",
				i == 0 ? 8 : 6) < 0)
				break;
		}
		_exit(0);
	}
	end = pop3_run(&env, &set);
	close(s[1]);
	while ((n = read(s[0], in, sizeof(in))) > 0)
		buf_put(out, (struct view){ (uint8_t *)in, (size_t)n });
	close(s[0]);
	return end;
}

static void
test_silence(void)
{
	AUTO_BUF struct buf out = BUF_INIT(4096);
	struct account *a;
	struct mailbox_row row;
	char path[64];
	int dir = account_dir_make(path);

	tap_ok(POP3_IDLE_MS >= 10 * 60 * 1000, "the timer is long enough");
	a = account_must(dir, true, NULL);
	append_text(a, POP3_INBOX, VIEW_LIT("A: b\r\n\r\nc\r\n"),
	    &(struct store_flags){ .system = 0 });
	account_close(&a);
	tap_ok(silent_session(dir, &out) == CLIENT_IDLE, "silence ends it");
	tap_ok(view_eq(buf_view(&out),
		   v("+OK 1 messages\r\n+OK Marked for deletion\r\n"
		     "+OK 0 0\r\n+OK 0 0\r\n")),
	    "each command begins the time anew, and at its end nothing is "
	    "said");
	a = account_must(dir, false, NULL);
	tap_ok(mailbox_get(a, POP3_INBOX, &row) == 0 && row.messages == 1,
	    "and nothing is removed");
	account_close(&a);
	account_dir_remove(path);
	close(dir);
}

int
main(void)
{
	test_lines();
	test_commands();
	test_words();
	test_surrogates();
	test_shown();
	test_silence();
	return tap_done();
}
