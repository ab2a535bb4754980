/* Scripts as programs and people write them, and the caller's side of a run. */

#include "show.h"

#define SPAM                                                                   \
	"From: Bob <bob@example.net>\r\nTo: alice@example.com\r\n"             \
	"Subject: [list] offer\r\nX-Spam-Flag: YES\r\n"                        \
	"List-Id: Things <things.lists.example>\r\n"                           \
	"Date: Wed, 28 Jun 2006 23:30:05 +0200\r\n\r\nbody\r\n"
#define HAM                                                                    \
	"From: Carol <carol@example.org>\r\nTo: alice@example.com\r\n"         \
	"Subject: lunch\r\n\r\nbody\r\n"

/* As a web client writes its rules: comments with names, CRLF, a rule that was
 * switched off, blocks on lines of their own. */
#define WEB                                                                    \
	"require [\"body\",\"copy\",\"date\",\"envelope\",\"fileinto\","       \
	"\"imap4flags\",\"mailbox\",\"relational\",\"vacation\"];\r\n"         \
	"# rule:[Spam]\r\n"                                                    \
	"if allof (header :is \"X-Spam-Flag\" \"YES\")\r\n{\r\n"               \
	"\taddflag \"\\\\Seen\";\r\n\tfileinto :create \"Junk\";\r\n"          \
	"\tstop;\r\n}\r\n"                                                     \
	"# rule:[Off]\r\n"                                                     \
	"if false # anyof (header :contains \"subject\" \"lunch\")\r\n{\r\n"   \
	"\tdiscard;\r\n}\r\n"                                                  \
	"# rule:[Lunch]\r\n"                                                   \
	"if anyof (header :contains \"subject\" \"lunch\",body :text "         \
	":contains \"food\")\r\n{\r\n\tfileinto :copy \"Food &amp; "           \
	"Drink\";\r\n\tredirect :copy \"alice@phone.example\";\r\n}\r\n"       \
	"# rule:[Away]\r\n"                                                    \
	"if allof (currentdate :zone \"+0200\" :value \"ge\" \"date\" "        \
	"\"2006-06-01\",currentdate :value \"le\" \"date\" \"2006-06-30\","    \
	"not header :matches \"list-id\" \"*\")\r\n{\r\n"                      \
	"\tvacation :days 7 :addresses [\"alice@example.com\","                \
	"\"ken+mta-filters@example.com\"] :subject \"Away\" text:\r\n"         \
	"I am away.\r\n..\r\n-- \r\nAlice\r\n.\r\n;\r\n}\r\n"

/* By hand: LF, tabs, everything on odd lines, UTF-8. */
#define HAND                                                                   \
	"/* my filter */ REQUIRE [ \"fileinto\" ,\n\t\"variables\"] ;\n"       \
	"\n\nif address :localpart :is [ \"from\" ] [\n  \"carol\"\n, "        \
	"\"dave\" ]{fileinto\"家族\";}elsif header :matches\n"               \
	"\"List-Id\" \"*<*.lists.example>*\" { set :lower :upperfirst "        \
	"\"list\" \"${2}\"; fileinto \"Lists/${list}\"; } # end\n"             \
	"else\n{\nkeep\n;\n}"

static const struct show_case scripts[] = {
	{ "web client, spam", WEB, SPAM, "fileinto Junk :create +\\Seen" },
	{ "web client, lunch", WEB, HAM,
	    "fileinto Food &amp; Drink :copy; redirect alice@phone.example "
	    ":copy; vacation I am away.\r\n.\r\n-- \r\nAlice\r\n; implicit "
	    "keep" },
	{ "by hand, list", HAND, SPAM, "fileinto Lists/Things" },
	{ "by hand, family", HAND, HAM, "fileinto 家族" },
	{ "by hand, other", HAND, "From: x@y.example\r\n\r\n", "keep" },
};

static const struct show_case conflicts[] = {
	{ "reject and keep", "require \"reject\"; keep; reject \"no\";", HAM,
	    "failed 1: a message cannot be both rejected and delivered; "
	    "implicit keep" },
	{ "keep and reject", "require \"reject\"; reject \"no\"; keep;", HAM,
	    "failed 1: a message cannot be both rejected and delivered; "
	    "implicit keep" },
	{ "reject twice",
	    "require \"reject\"; reject \"no\"; reject \"never\";", HAM,
	    "failed 1: a message can be rejected only once; implicit keep" },
	{ "reject and discard", "require \"reject\"; reject \"no\"; discard;",
	    HAM, "reject no; discard" },
	{ "vacation twice",
	    "require \"vacation\"; vacation :addresses \"alice@example.com\" "
	    "\"a\"; vacation :addresses \"alice@example.com\" \"b\";",
	    HAM, "failed 1: vacation can be used only once; implicit keep" },
	{ "vacation and reject",
	    "require [\"vacation\", \"reject\"]; vacation :addresses "
	    "\"alice@example.com\" \"a\"; reject \"no\";",
	    HAM,
	    "failed 1: a message cannot be both rejected and answered by "
	    "vacation; implicit keep" },
};

/* ---- the caller's answers ---- */

static bool
mailbox_exists(void *ctx, struct view mailbox)
{
	(void)ctx;
	return view_starts(mailbox, VIEW_LIT("Here"));
}

static bool
environment(void *ctx, struct view name, struct arena *a, struct view *out)
{
	(void)ctx;
	(void)a;
	*out = VIEW_LIT("42");
	return view_eq(name, VIEW_LIT("vnd.fumi.answer"));
}

/* Summer time from 1 January 2006 on. */
static int
zone(void *ctx, int64_t seconds)
{
	(void)ctx;
	return seconds >= 1136073600 ? 120 : 60;
}

static enum sieve_script_result
script(
    void *ctx, struct view name, bool global, const struct sieve_program **out)
{
	(void)global;
	*out = ctx;
	if (view_eq(name, VIEW_LIT("later")))
		return SIEVE_SCRIPT_FAILED;
	return view_eq(name, VIEW_LIT("there")) ? SIEVE_SCRIPT_OK
						: SIEVE_SCRIPT_MISSING;
}

static void
test_calls(void)
{
	static const struct show_case cases[] = {
		{ "mailbox_exists",
		    "require \"mailbox\"; if mailboxexists [\"Here\", "
		    "\"Here/too\"] { discard; }",
		    HAM, "discard" },
		{ "mailbox_exists not",
		    "require \"mailbox\"; if mailboxexists [\"Here\", \"x\"] { "
		    "discard; }",
		    HAM, "implicit keep +\\Flagged" },
		{ "environment",
		    "require \"environment\"; if environment "
		    "\"vnd.fumi.answer\" \"42\" { discard; }",
		    HAM, "discard" },
		{ "zone",
		    "require \"date\"; if date \"date\" \"zone\" "
		    "\"+0100\" { discard; }",
		    "Date: Sat, 31 Dec 2005 10:00:00 +0000\r\n\r\n",
		    "discard" },
		{ "zone, later",
		    "require \"date\"; if currentdate \"zone\" \"+0200\" { "
		    "discard; }",
		    HAM, "discard" },
		{ "flags it has", "require \"fileinto\"; fileinto \"a\";", HAM,
		    "fileinto a +\\Flagged" },
		{ "flags changed",
		    "require \"imap4flags\"; addflag \"\\\\Seen\";", HAM,
		    "implicit keep +\\Flagged,\\Seen" },
		{ "include", "require \"include\"; include \"there\"; keep;",
		    HAM, "fileinto included +\\Flagged; keep +\\Flagged" },
		{ "include, not there",
		    "require \"include\"; keep; include \"other\";", HAM,
		    "failed 1: the script \"other\" does not exist; implicit "
		    "keep +\\Flagged" },
		{ "include, not now",
		    "require \"include\"; keep; include \"later\";", HAM,
		    "temporary 1: the script \"later\" cannot be had at the "
		    "moment; implicit keep +\\Flagged" },
	};
	static struct sieve_errors errors;
	struct sieve_calls calls = {
		.mailbox_exists = mailbox_exists,
		.environment = environment,
		.zone = zone,
		.script = script,
	};
	struct view flags[] = { VIEW_LIT("\\Flagged") };
	struct sieve_program *included;

	tap_ok(sieve_compile(
		   VIEW_LIT("require \"fileinto\"; fileinto \"included\";"),
		   NULL, &included, &errors),
	    "included script");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sieve_env env = show_env(view_str(cases[i].message));

		env.calls = &calls;
		env.ctx = included;
		env.flags = flags;
		env.n_flags = 1;
		show_try_env(&cases[i], &env);
	}
	sieve_free(&included);
}

/* ---- what stands in a result ---- */

static void
test_result(void)
{
	static struct sieve_errors errors;
	struct sieve_env env = show_env(view_str(HAM));
	struct sieve_program *p;
	struct sieve_result r;

	if (!sieve_compile(VIEW_LIT("require [\"fileinto\", \"copy\"];\n"
				    "fileinto :copy \"a\";\n"),
		NULL, &p, &errors))
		return;
	sieve_run(p, &env, &r);
	tap_ok(r.end == SIEVE_DONE && r.n_actions == 2 && r.implicit_keep &&
		r.error.line == 0 && r.cost > 0,
	    "a result");
	tap_ok(r.actions[0].line == 2 && r.actions[1].line == 0, "lines");
	tap_ok(r.actions[0].message.p == env.message.p &&
		r.actions[0].message.n == env.message.n && !r.actions[0].edited,
	    "the message as it came");
	tap_ok(!r.actions[1].u.keep.flags_known, "nothing said of flags");
	sieve_result_fini(&r);
	tap_ok(r.n_actions == 0 && r.actions == NULL, "finished with");
	sieve_free(&p);
	tap_ok(p == NULL, "freed");
	sieve_free(&p);
}

/* One program, two messages, and the first result still whole. */
static void
test_program_is_constant(void)
{
	static struct sieve_errors errors;
	struct sieve_env a = show_env(view_str(SPAM)),
			 b = show_env(view_str(HAM));
	AUTO_BUF struct buf out = BUF_INIT(SHOW_MAX);
	struct sieve_result ra, rb;
	struct sieve_program *p;

	if (!sieve_compile(VIEW_LIT(HAND), NULL, &p, &errors))
		return;
	sieve_run(p, &a, &ra);
	sieve_run(p, &b, &rb);
	show_result(&ra, &out);
	buf_put_byte(&out, '|');
	show_result(&rb, &out);
	tap_ok(view_eq(buf_view(&out),
		   VIEW_LIT("fileinto Lists/Things|fileinto 家族")),
	    "two runs of one program");
	sieve_result_fini(&ra);
	sieve_result_fini(&rb);
	sieve_free(&p);
}

/* The handle of the reply that a script wants sent. */
static void
put_handle(const struct sieve_program *p, const char *message, struct buf *out)
{
	struct sieve_env env = show_env(view_str(message));
	struct sieve_result r;

	sieve_run(p, &env, &r);
	for (size_t i = 0; i < r.n_actions; i++)
		if (r.actions[i].kind == SIEVE_VACATION)
			buf_put(out, r.actions[i].u.vacation.handle);
	sieve_result_fini(&r);
}

/* RFC 5230 section 4.2: replies are told apart by what the script says, not by
 * what its variables stand for. */
static void
test_handles(void)
{
	static const char *const script =
	    "require [\"vacation\", \"variables\"];\n"
	    "if header :matches \"subject\" \"B*\" { vacation \"Gone.\"; }\n"
	    "elsif header :matches \"subject\" \"*\" {\n"
	    "vacation :subject \"Re: ${1}\" \"Gone: ${1}\"; }\n";
	static const char *const messages[] = {
		"To: ken+mta-filters@example.com\r\nSubject: A1\r\n\r\n",
		"To: ken+mta-filters@example.com\r\nSubject: A2\r\n\r\n",
		"To: ken+mta-filters@example.com\r\nSubject: B\r\n\r\n",
	};
	AUTO_BUF struct buf one = BUF_INIT(SHOW_MAX);
	AUTO_BUF struct buf two = BUF_INIT(SHOW_MAX);
	AUTO_BUF struct buf other = BUF_INIT(SHOW_MAX);
	static struct sieve_errors errors;
	struct sieve_program *p;

	if (!sieve_compile(view_str(script), NULL, &p, &errors)) {
		tap_ok(false, "vacation compiles");
		return;
	}
	put_handle(p, messages[0], &one);
	put_handle(p, messages[1], &two);
	put_handle(p, messages[2], &other);
	tap_ok(one.n > 0 && view_eq(buf_view(&one), buf_view(&two)),
	    "variables make no other reply");
	tap_ok(other.n > 0 && !view_eq(buf_view(&one), buf_view(&other)),
	    "other words do");
	sieve_free(&p);
}

/* ---- include ---- */

static enum sieve_script_result
numbered(
    void *ctx, struct view name, bool global, const struct sieve_program **out)
{
	struct sieve_program **all = ctx;

	(void)global;
	*out = all[name.n];
	return SIEVE_SCRIPT_OK;
}

/* Each script includes the one whose name is longer by one. */
static void
test_depth(void)
{
	struct sieve_program *all[SIEVE_INCLUDE_MAX + 2] = { NULL };
	struct sieve_calls calls = { .script = numbered };
	static struct sieve_errors errors;
	struct sieve_env env = show_env(view_str(HAM));
	struct sieve_result r;

	env.calls = &calls;
	env.ctx = all;
	for (size_t i = 1; i < SIEVE_INCLUDE_MAX + 2; i++) {
		char text[100] = "keep;";

		if (i <= SIEVE_INCLUDE_MAX)
			snprintf(text, sizeof(text),
			    "require \"include\"; include \"%.*s\";",
			    (int)i + 1, "xxxxxxxxxxxxxxxxxxxx");
		if (!sieve_compile(view_str(text), NULL, &all[i], &errors))
			tap_ok(false, "script %zu", i);
	}
	sieve_run(all[1], &env, &r);
	tap_ok(r.end == SIEVE_DONE && r.n_actions == 1 &&
		!r.actions[0].u.keep.implicit,
	    "%d scripts within one another", SIEVE_INCLUDE_MAX);
	sieve_result_fini(&r);
	if (sieve_compile(VIEW_LIT("require \"include\"; include \"x\";"), NULL,
		&all[0], &errors)) {
		sieve_run(all[0], &env, &r);
		tap_ok(r.end == SIEVE_FAILED, "and not one more");
		sieve_result_fini(&r);
	}
	for (size_t i = 0; i < SIEVE_INCLUDE_MAX + 2; i++)
		sieve_free(&all[i]);
}

int
main(void)
{
	test_handles();
	test_depth();

	SHOW_ALL(scripts);
	SHOW_ALL(conflicts);
	test_calls();
	test_result();
	test_program_is_constant();
	return tap_done();
}
