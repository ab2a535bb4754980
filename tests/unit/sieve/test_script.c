/* Tokens, grammar, limits, and every prefix of a script. */

#include <stdlib.h>

#include "base/mem.h"
#include "show.h"

#define M "Subject: hello\r\n\r\nbody\r\n"

static const struct show_case syntax[] = {
	{ "no semicolon", "keep", M,
	    "1:5 the script ends in the middle of a command" },
	{ "no semicolon, more", "keep\nkeep;", M,
	    "2:1 \"keep\" takes no test; perhaps ';' is missing before "
	    "this" },
	{ "open block", "if true { keep;", M,
	    "1:16 the script ends in the middle of a command" },
	{ "closed too often", "if true { } }", M,
	    "1:13 a command must stand here" },
	{ "open string", "redirect \"abc;\nkeep;", M,
	    "1:10 this string has no end; '\"' is missing" },
	{ "open comment", "keep;\n  /* abc", M,
	    "2:3 this comment has no end; \"*/\" is missing" },
	{ "open text", "redirect text:\nabc\n", M,
	    "1:10 this text has no end; a line with only a dot is missing" },
	{ "text on its line", "redirect text: abc\n.\n;", M,
	    "1:10 a new line must follow \"text:\"" },
	{ "open list", "redirect [\"a\" \"b\"];", M,
	    "1:15 ',' or ']' must follow a string of a list" },
	{ "empty list", "redirect [];", M, "1:11 a string must stand here" },
	{ "list of numbers", "redirect [1];", M,
	    "1:11 a string must stand here" },
	{ "open tests", "if anyof (true true) { }", M,
	    "1:16 \"true\" takes no test; perhaps ';' is missing before "
	    "this" },
	{ "open tests at a tag", "if anyof (true] true) { }", M,
	    "1:15 ',' or ')' must follow a test of a list" },
	{ "stray character", "keep; $", M,
	    "1:7 this character cannot stand here" },
	{ "tag without name", "keep :;", M, "1:6 a name must follow ':'" },
	{ "number and letters", "if size :over 10KB { }", M,
	    "1:15 only K, M or G may follow the digits of a number" },
	{ "number too large", "if size :over 9223372036854775808 { }", M,
	    "1:15 this number is too large" },
	{ "K too large", "if size :over 9007199254740992K { }", M,
	    "1:15 this number is too large" },
	{ "largest number", "if size :under 9223372036854775807 { discard; }",
	    M, "discard" },
	{ "largest G", "if size :under 8589934591G { discard; }", M,
	    "discard" },
	{ "CR alone", "redirect \"a\rb\";", M,
	    "1:10 a CR without LF is not allowed in a string" },
	{ "columns are characters", "redirect \"日本\" $", M,
	    "1:15 this character cannot stand here" },
	{ "a name of two lines", "require \"a\nb\\\"c\";", M,
	    "1:9 the extension \"a  b\"c\" is not known here" },
	{ "a name that is no UTF-8", "require \"a\xff\xc3\";", M,
	    "1:9 the extension \"a??\" is not known here" },
	{ "a name that is cut in a character",
	    "require "
	    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "é\";",
	    M,
	    "1:9 the extension \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxx?\" is not known here" },
	{ "comment between", "keep/**//*x***/;#y\r\ndiscard;", M,
	    "keep; discard" },
};

static void
test_nul(void)
{
	static const struct view scripts[] = {
		VIEW_LIT("redirect \"a\0b\";"),
		VIEW_LIT("# a\0b\nkeep;"),
		VIEW_LIT("/* a\0b */keep;"),
		VIEW_LIT("redirect text:\na\0b\n.\n;"),
		VIEW_LIT("keep\0;"),
	};
	static struct sieve_errors errors;
	struct sieve_program *p;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		tap_ok(!sieve_compile(scripts[i], NULL, &p, &errors) &&
			p == NULL && errors.n == 1,
		    "NUL %zu", i);
}

/* ---- limits ---- */

static void
repeat(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_put_str(b, s);
}

/* The script compiles and does something, or says why not. */
static void
want(const char *name, const struct buf *script, const char *text)
{
	struct sieve_env env = show_env(view_str(M));
	AUTO_BUF struct buf got = BUF_INIT(SHOW_MAX);
	bool ok;

	show_run(buf_view(script), &env, &got);
	ok = got.n > 0 && strstr((const char *)got.p, text) != NULL;
	tap_ok(ok && !script->failed, "%s", name);
	if (!ok)
		printf("# got %.*s\n", (int)got.n, (const char *)got.p);
}

/* before, s n times, after */
static void
try(const char *name, const char *before, const char *s, size_t n,
    const char *after, const char *text)
{
	AUTO_BUF struct buf b = BUF_INIT(SIEVE_SCRIPT_MAX * 2);

	buf_put_str(&b, before);
	repeat(&b, s, n);
	buf_put_str(&b, after);
	want(name, &b, text);
}

static void
test_size(void)
{
	try("script at its limit", "", " ", SIEVE_SCRIPT_MAX - 5, "keep;",
	    "keep");
	try("script past it", "", " ", SIEVE_SCRIPT_MAX - 4, "keep;",
	    "the script has more than");
	try("string at its limit", "if header \"a\" \"", "x", SIEVE_STRING_MAX,
	    "\" {}", "implicit keep");
	try("string past it", "if header \"a\" \"", "x", SIEVE_STRING_MAX + 1,
	    "\" {}", "1:15 this string is too long");
	try("list at its limit", "if header \"a\" [\"a\"", ",\"x\"",
	    SIEVE_LIST_MAX - 1, "] {}", "implicit keep");
	try("list past it", "if header \"a\" [\"a\"", ",\"x\"", SIEVE_LIST_MAX,
	    "] {}", "this list has too many strings");
	try("requires at their limit", "require [\"envelope\"", ",\"fileinto\"",
	    SIEVE_REQUIRE_MAX - 1, "];", "implicit keep");
	try("requires past it", "require [\"envelope\"", ",\"fileinto\"",
	    SIEVE_REQUIRE_MAX, "];", "too many extensions are required");
	try("require commands at the limit", "", "require \"fileinto\";",
	    SIEVE_REQUIRE_MAX, "", "implicit keep");
	try("require commands past it", "", "require \"fileinto\";",
	    SIEVE_REQUIRE_MAX + 1, "", "too many extensions are required");
}

static void
test_errors(void)
{
	AUTO_BUF struct buf b = BUF_INIT(SHOW_MAX);
	static struct sieve_errors errors;
	struct sieve_program *p;

	repeat(&b, "nothing;\n", SIEVE_ERRORS_MAX);
	tap_ok(!sieve_compile(buf_view(&b), NULL, &p, &errors) &&
		errors.n == SIEVE_ERRORS_MAX &&
		errors.e[SIEVE_ERRORS_MAX - 1].line == SIEVE_ERRORS_MAX,
	    "errors at their limit");
	repeat(&b, "nothing;\n", 1);
	tap_ok(!sieve_compile(buf_view(&b), NULL, &p, &errors) &&
		errors.n == SIEVE_ERRORS_MAX,
	    "errors past it");
	try("a script of many commands", "", "stop;",
	    (SIEVE_SCRIPT_MAX - 5) / 5, "", "implicit keep");
	try("a script of many tests", "", "if not true{}",
	    (SIEVE_SCRIPT_MAX - 13) / 13, "", "implicit keep");
	try("a program that is too large", "", "a;", SIEVE_SCRIPT_MAX / 2, "",
	    "the script is too large");
}

static void
test_nesting(void)
{
	AUTO_BUF struct buf b = BUF_INIT(SHOW_MAX);
	char name[64];

	for (size_t extra = 0; extra < 2; extra++) {
		size_t n = SIEVE_NESTING_MAX + extra;

		buf_clear(&b);
		repeat(&b, "if true {", n);
		buf_put_str(&b, "discard;");
		repeat(&b, "}", n);
		(void)snprintf(name, sizeof(name), "%zu blocks", n);
		want(name, &b,
		    extra == 0 ? "discard" : "blocks are nested too deep");
		buf_clear(&b);
		buf_put_str(&b, "if ");
		repeat(&b, "anyof (", n - 1);
		buf_put_str(&b, "true");
		repeat(&b, ")", n - 1);
		buf_put_str(&b, "{ discard; }");
		(void)snprintf(name, sizeof(name), "%zu tests", n);
		want(name, &b,
		    extra == 0 ? "discard" : "tests are nested too deep");
	}
	/* Past any limit: no stack is used up. */
	try("a hundred thousand blocks", "", "if true {", 100000, "",
	    "blocks are nested too deep");
	try("a hundred thousand tests", "if ", "not ", 100000, "true {}",
	    "tests are nested too deep");
}

static void
test_many_variables(void)
{
	AUTO_BUF struct buf b = BUF_INIT(SHOW_MAX);

	for (size_t extra = 0; extra < 2; extra++) {
		buf_clear(&b);
		buf_put_str(&b, "require \"variables\";");
		for (size_t i = 0; i < SIEVE_VARIABLES_MAX + extra; i++)
			buf_printf(&b, "set \"v%zu\" \"x\";", i);
		want("variables", &b,
		    extra == 0 ? "implicit keep"
			       : "there are too many variables");
	}
	try("name at its limit", "require \"variables\"; set \"", "n",
	    SIEVE_NAME_MAX, "\" \"x\";", "implicit keep");
	try("name past it", "require \"variables\"; set \"", "n",
	    SIEVE_NAME_MAX + 1, "\" \"x\";",
	    "the name of a variable is too long");
}

#define LENGTH "set :length \"n\" \"${b}\"; redirect \"a@${n}.example\";"

static void
test_variable_size(void)
{
	AUTO_BUF struct buf b = BUF_INIT(SHOW_MAX * 4);

	buf_put_str(&b, "require \"variables\"; set \"a\" \"");
	repeat(&b, "x", SIEVE_VARIABLE_MAX);
	buf_put_str(&b, "\"; set \"b\" \"${a}\";" LENGTH);
	want("variable at its limit", &b, "redirect a@65536.example");
	buf_clear(&b);
	buf_put_str(&b, "require \"variables\"; set \"a\" \"");
	repeat(&b, "x", SIEVE_VARIABLE_MAX);
	buf_put_str(&b, "\"; set \"b\" \"${a}y\";" LENGTH);
	want("a longer one is cut", &b, "redirect a@65536.example");
	buf_clear(&b);
	buf_put_str(&b, "require \"variables\"; set \"a\" \"");
	repeat(&b, "x", SIEVE_VARIABLE_MAX - 1);
	buf_put_str(&b, "\"; set \"b\" \"${a}é\";" LENGTH);
	want("and not in a character", &b, "redirect a@65535.example");
	try("a constant one is an error", "require \"variables\"; set \"a\" \"",
	    "x", SIEVE_VARIABLE_MAX + 1, "\";",
	    "this is too long for a variable");
}

static void
test_actions(void)
{
	AUTO_BUF struct buf b = BUF_INIT(SHOW_MAX);

	for (size_t extra = 0; extra < 2; extra++) {
		buf_clear(&b);
		buf_put_str(&b, "require \"fileinto\";");
		for (size_t i = 0; i < SIEVE_ACTIONS_MAX + extra; i++)
			buf_printf(&b, "fileinto \"m%zu\";", i);
		want("actions", &b,
		    extra == 0 ? "fileinto m31"
			       : "failed 1: the total number of actions "
				 "exceeds policy limit; "
				 "implicit keep");
		buf_clear(&b);
		for (size_t i = 0; i < SIEVE_REDIRECTS_MAX + extra; i++)
			buf_printf(&b, "redirect \"a%zu@b.example\";", i);
		want("redirects", &b,
		    extra == 0 ? "redirect a3@b.example"
			       : "failed 1: the number of redirect actions "
				 "exceeds policy limit; "
				 "implicit keep");
	}
}

static void
test_flags(void)
{
	AUTO_BUF struct buf b = BUF_INIT(SHOW_MAX);

	buf_put_str(&b,
	    "require [\"imap4flags\", \"relational\", "
	    "\"comparator-i;ascii-numeric\"]; addflag \"");
	for (size_t i = 0; i < SIEVE_FLAGS_MAX + 1; i++)
		buf_printf(&b, "f%zu ", i);
	buf_put_str(&b,
	    "\"; if hasflag :count \"eq\" :comparator \"i;ascii-numeric\" "
	    "\"128\" { setflag \"full\"; }");
	want("flags past their limit are left out", &b, "implicit keep +full");
}

/* What costs more than a run may ends it. */
static void
test_cost(void)
{
	AUTO_BUF struct buf b = BUF_INIT(SIEVE_SCRIPT_MAX);
	AUTO_BUF struct buf m = BUF_INIT(1 << 22);
	static struct sieve_errors errors;
	struct sieve_program *p;
	struct sieve_result r;
	struct sieve_env env;

	buf_put_str(&m, "Subject: x\r\n\r\n");
	repeat(&m, "aaaaaaaaaaaaaaa\n", 100000);
	buf_put_str(&b, "require \"body\"; if body :raw :matches [\"x\"");
	for (size_t i = 0; i < 1000; i++)
		buf_printf(
		    &b, ",\"*a?aaaaaaaaaaaaaaa?aaaaaaaaaaaaaaaab%zu*\"", i);
	buf_put_str(&b, "] { discard; }");
	if (!sieve_compile(buf_view(&b), NULL, &p, &errors)) {
		tap_ok(false, "%s", errors.e[0].text);
		return;
	}
	env = show_env(buf_view(&m));
	sieve_run(p, &env, &r);
	tap_ok(r.end == SIEVE_FAILED && r.n_actions == 1 && r.implicit_keep &&
		strcmp(r.error.text, "the script takes too long") == 0,
	    "a run that takes too long: %s", r.error.text);
	sieve_result_fini(&r);
	sieve_free(&p);
}

/* What so many tests of a body cost. */
static uint64_t
cost_of(const char *head, size_t tests, struct view message)
{
	AUTO_BUF struct buf b = BUF_INIT(SIEVE_SCRIPT_MAX);
	static struct sieve_errors errors;
	struct sieve_program *p;
	struct sieve_result r;
	struct sieve_env env = show_env(message);
	uint64_t cost;

	buf_put_str(&b,
	    "require [\"body\", \"variables\","
	    "\"comparator-i;unicode-casemap\"];");
	for (size_t i = 0; i < tests; i++)
		buf_printf(&b, "%s \"x%zu\" { discard; }", head, i);
	if (!sieve_compile(buf_view(&b), NULL, &p, &errors)) {
		tap_ok(false, "%s", errors.e[0].text);
		return 0;
	}
	sieve_run(p, &env, &r);
	tap_ok(r.end == SIEVE_DONE, "%zu tests run", tests);
	cost = r.cost;
	sieve_result_fini(&r);
	sieve_free(&p);
	return cost;
}

/* i;unicode-casemap folds each character: that is charged, and done once. */
static void
test_cost_of_folding(void)
{
	static const char head[] =
	    "if body :raw :contains :comparator \"i;unicode-casemap\"";
	AUTO_BUF struct buf m = BUF_INIT(1 << 22);
	uint64_t one, many;

	buf_put_str(&m, "Subject: x\r\n\r\n");
	repeat(&m, "\xc3\xa9\xc3\xa9\xc3\xa9\n", 100000);
	one = cost_of(head, 1, buf_view(&m));
	many = cost_of(head, 21, buf_view(&m));
	tap_ok(one > m.n && many - one < m.n,
	    "folded once: %llu for one, %llu for 21", (unsigned long long)one,
	    (unsigned long long)many);
}

static void
test_memory(void)
{
	AUTO_BUF struct buf b = BUF_INIT(SIEVE_SCRIPT_MAX);

	buf_put_str(&b, "require \"variables\"; set \"a\" \"");
	repeat(&b, "x", SIEVE_VARIABLE_MAX);
	buf_put_str(&b, "\"; set \"b\" \"");
	repeat(&b, "${a}", 10000);
	buf_put_str(&b, "\";");
	want("a run that needs too much memory", &b,
	    "failed 1: the run needs too much memory; implicit keep");
}

/* ---- every prefix ---- */

static const char *const whole[] = {
	"require [\"fileinto\", \"variables\", \"encoded-character\"];\r\n"
	"# comment\r\n/* another */\r\n"
	"if anyof (header :contains [\"a\", \"b\"] \"${hex:40}\",\r\n"
	"    not size :over 10K) {\r\n"
	"  set :lower \"x\" text:\r\n..a\r\n.\r\n;\r\n"
	"  fileinto \"${x}\\\"\";\r\n} elsif true { stop; } else { keep; }\r\n",
};

static void
test_prefixes(void)
{
	static struct sieve_errors errors;
	struct view v = view_str(whole[0]);
	bool ok = true;
	size_t good = 0;

	for (size_t n = 0; n <= v.n; n++) {
		AUTO_FREE uint8_t *copy = xmalloc(n + 1);
		struct sieve_program *p;

		memcpy(copy, v.p, n);
		if (sieve_compile(
			(struct view){ copy, n }, NULL, &p, &errors)) {
			good++;
			ok &= errors.n == 0 && p != NULL;
			sieve_free(&p);
		} else {
			ok &= errors.n > 0 && p == NULL &&
			    errors.e[0].line > 0 && errors.e[0].column > 0 &&
			    errors.e[0].text[0] != '\0';
		}
	}
	tap_ok(ok && good > 20, "every prefix compiles or says why (%zu do)",
	    good);
}

static void
test_extensions(void)
{
	AUTO_BUF struct buf all = BUF_INIT(10000), fewer = BUF_INIT(10000);
	struct view off[] = { VIEW_LIT("fileinto"), VIEW_LIT("envelope") };
	struct sieve_options options = { .disabled = off, .n_disabled = 2 };
	static struct sieve_errors errors;
	struct sieve_program *p;

	sieve_extensions(NULL, &all);
	buf_put_byte(&all, '\0');
	tap_ok(strncmp((char *)all.p, "fileinto envelope ", 18) == 0,
	    "extensions: %s", (char *)all.p);
	sieve_extensions(&options, &fewer);
	tap_ok(fewer.n + 18 + 1 == all.n, "without the disabled ones");
	tap_ok(!sieve_compile(
		   VIEW_LIT("require \"fileinto\";"), &options, &p, &errors),
	    "which cannot be required");
}

int
main(void)
{
	SHOW_ALL(syntax);
	test_nul();
	test_size();
	test_errors();
	test_nesting();
	test_many_variables();
	test_variable_size();
	test_actions();
	test_flags();
	test_cost();
	test_cost_of_folding();
	test_memory();
	test_prefixes();
	test_extensions();
	return tap_done();
}
