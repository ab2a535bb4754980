/* RFC 5228: its examples, and what they leave out. */

#include "show.h"

/* The messages of section 1.1. */
#define A                                                                      \
	"Date: Tue, 1 Apr 1997 09:06:31 -0800 (PST)\r\n"                       \
	"From: coyote@desert.example.org\r\n"                                  \
	"To: roadrunner@acme.example.com\r\n"                                  \
	"Subject: I have a present for you\r\n\r\n"                            \
	"Look, I'm sorry about the whole anvil thing, and I really\r\n"        \
	"didn't mean to try and drop it on you from the top of the\r\n"        \
	"cliff.\r\n"
#define B                                                                      \
	"From: youcouldberich!@reply-by-postal-mail.invalid\r\n"               \
	"Sender: b1ff@de.res.example.com\r\n"                                  \
	"To: rube@landru.example.com\r\n"                                      \
	"Date:  Mon, 31 Mar 1997 18:26:10 -0800\r\n"                           \
	"Subject: $$$ YOU, TOO, CAN BE A MILLIONAIRE! $$$\r\n\r\n"             \
	"YOU MAY HAVE ALREADY WON TEN MILLION DOLLARS\r\n"

/* A test as a script: discard says true. */
#define IF(test) "if " test " { discard; }"
#define YES "discard"
#define NO "implicit keep"

static const struct show_case examples[] = {
	{ "3.1 if, A",
	    "require \"fileinto\";\n"
	    "if header :contains \"from\" \"coyote\" {\n   discard;\n"
	    "} elsif header :contains [\"subject\"] [\"$$$\"] {\n"
	    "   discard;\n} else {\n   fileinto \"INBOX\";\n}\n",
	    A, "discard" },
	{ "3.1 if, B",
	    "require \"fileinto\";\n"
	    "if header :contains \"from\" \"coyote\" {\n   discard;\n"
	    "} elsif header :contains [\"subject\"] [\"$$$\"] {\n"
	    "   discard;\n} else {\n   fileinto \"INBOX\";\n}\n",
	    B, "discard" },
	{ "3.1 redirect, A",
	    "if header :contains [\"From\"] [\"coyote\"] {\n"
	    "   redirect \"acm@example.com\";\n"
	    "} elsif header :contains \"Subject\" \"$$$\" {\n"
	    "   redirect \"postmaster@example.com\";\n} else {\n"
	    "   redirect \"field@example.com\";\n}",
	    A, "redirect acm@example.com" },
	{ "3.1 redirect, B",
	    "if header :contains [\"From\"] [\"coyote\"] {\n"
	    "   redirect \"acm@example.com\";\n"
	    "} elsif header :contains \"Subject\" \"$$$\" {\n"
	    "   redirect \"postmaster@example.com\";\n} else {\n"
	    "   redirect \"field@example.com\";\n}",
	    B, "redirect postmaster@example.com" },
	{ "3.1 redirect, other",
	    "if header :contains [\"From\"] [\"coyote\"] {\n"
	    "   redirect \"acm@example.com\";\n"
	    "} elsif header :contains \"Subject\" \"$$$\" {\n"
	    "   redirect \"postmaster@example.com\";\n} else {\n"
	    "   redirect \"field@example.com\";\n}",
	    "Subject: x\r\n\r\n", "redirect field@example.com" },
	{ "2.3 hash comment",
	    "if size :over 100k { # this is a comment\n discard;\n}\n", A, NO },
	{ "2.3 bracket comment",
	    "if size :over 100K { /* this is a comment\n this is still a "
	    "comment */ discard /* this is a comment\n */ ;\n }\n",
	    A, NO },
	{ "2.5.1 test list",
	    "if anyof (not exists [\"From\", \"Date\"],\n header :contains "
	    "\"from\" \"fool@example.com\") {\n discard;\n}\n",
	    A, NO },
	{ "2.7.3 comparator",
	    IF("header :contains :comparator \"i;octet\" \"Subject\"\n"
	       "\"MAKE MONEY FAST\""),
	    "Subject: You can MAKE MONEY FAST\r\n\r\n", YES },
	{ "2.7.3 comparator, other case",
	    IF("header :contains :comparator \"i;octet\" \"Subject\"\n"
	       "\"MAKE MONEY FAST\""),
	    "Subject: You can Make Money Fast\r\n\r\n", NO },
	{ "2.10.2 no action", "if size :over 500K { discard; }", A, NO },
	{ "3.2 require", "require [\"fileinto\", \"envelope\"];\n", A, NO },
	{ "4.1 fileinto",
	    "require \"fileinto\";\nif header :contains [\"from\"] \"coyote\" "
	    "{\n fileinto \"INBOX.harassment\";\n}\n",
	    A, "fileinto INBOX.harassment" },
	{ "4.2 redirect", "redirect \"bart@example.com\";", A,
	    "redirect bart@example.com" },
	{ "4.3 keep", "if size :under 1M { keep; } else { discard; }", A,
	    "keep" },
	{ "4.3 the same", "if not size :under 1M { discard; }", A, NO },
	{ "4.4 discard",
	    "if header :contains [\"from\"] [\"idiot@example.com\"] {\n "
	    "discard;\n}\n",
	    "From: idiot@example.com\r\n\r\n", YES },
	{ "5.1 address", IF("address :is :all \"from\" \"tim@example.com\""),
	    "From: Tim <tim@example.com>\r\n\r\n", YES },
	{ "5.2 allof false false", IF("allof (false, false)"), A, NO },
	{ "5.2 allof false true", IF("allof (false, true)"), A, NO },
	{ "5.2 allof true true", IF("allof (true, true)"), A, YES },
	{ "5.3 anyof false false", IF("anyof (false, false)"), A, NO },
	{ "5.3 anyof false true", IF("anyof (false, true)"), A, YES },
	{ "5.3 anyof true true", IF("anyof (true, true)"), A, YES },
	{ "5.4 envelope",
	    "require \"envelope\";\nif envelope :all :is \"from\" "
	    "\"sender@example.com\" {\n discard;\n}\n",
	    A, YES },
	{ "5.5 exists", IF("not exists [\"From\",\"Date\"]"), "To: a\r\n\r\n",
	    YES },
	{ "5.7 is empty", IF("header :is [\"X-Caffeine\"] [\"\"]"),
	    "X-Caffeine: C8H10N4O2\r\n\r\n", NO },
	{ "5.7 contains empty", IF("header :contains [\"X-Caffeine\"] [\"\"]"),
	    "X-Caffeine: C8H10N4O2\r\n\r\n", YES },
	{ "5.7 absent", IF("header :contains [\"X-Caffeine\"] [\"\"]"), A, NO },
	{ "5.7 absent or blank", IF("not header :matches \"Cc\" \"?*\""), A,
	    YES },
	{ "5.7 blank", IF("not header :matches \"Cc\" \"?*\""),
	    "Cc:   \r\n\r\n", YES },
};

#define EXTENDED                                                               \
	"#\r\n# Example Sieve Filter\r\n# Declare any optional features or "   \
	"extension used by the script\r\n#\r\nrequire [\"fileinto\"];\r\n\r\n" \
	"#\r\n# Handle messages from known mailing lists\r\n"                  \
	"# Move messages from IETF filter discussion list to filter "          \
	"mailbox\r\n#\r\n"                                                     \
	"if header :is \"Sender\" \"owner-ietf-mta-filters@imc.org\"\r\n"      \
	"        {\r\n        fileinto \"filter\";  # move to \"filter\" "     \
	"mailbox\r\n        }\r\n#\r\n"                                        \
	"# Keep all messages to or from people in my company\r\n#\r\n"         \
	"elsif address :DOMAIN :is [\"From\", \"To\"] \"example.com\"\r\n"     \
	"        {\r\n        keep;               # keep in \"In\" "           \
	"mailbox\r\n"                                                          \
	"        }\r\n\r\n#\r\n"                                               \
	"# Try and catch unsolicited email.  If a message is not to me,\r\n"   \
	"# or it contains a subject known to be spam, file it away.\r\n#\r\n"  \
	"elsif anyof (NOT address :all :contains\r\n"                          \
	"               [\"To\", \"Cc\", \"Bcc\"] \"me@example.com\",\r\n"     \
	"             header :matches \"subject\"\r\n"                         \
	"               [\"*make*money*fast*\", "                              \
	"\"*university*dipl*mas*\"])\r\n"                                      \
	"        {\r\n        fileinto \"spam\";   # move to \"spam\" "        \
	"mailbox\r\n        }\r\nelse\r\n        {\r\n"                        \
	"        # Move all other (non-company) mail to \"personal\"\r\n"      \
	"        # mailbox.\r\n        fileinto \"personal\";\r\n        "     \
	"}\r\n"

static const struct show_case extended[] = {
	{ "9 list", EXTENDED, "Sender: owner-ietf-mta-filters@imc.org\r\n\r\n",
	    "fileinto filter" },
	{ "9 company", EXTENDED, "From: A <a@Example.COM>\r\n\r\n", "keep" },
	{ "9 not to me", EXTENDED, "From: a@b.example\r\n\r\n",
	    "fileinto spam" },
	{ "9 subject", EXTENDED,
	    "Cc: me@example.com.invalid\r\n"
	    "Subject: Make lots of money fast now\r\n\r\n",
	    "fileinto spam" },
	{ "9 personal", EXTENDED,
	    "Cc: me@example.com.invalid\r\nSubject: Hello\r\n\r\n",
	    "fileinto personal" },
};

/* Section 2.4.2.4: each is filed into what it becomes. */
#define HEX(text)                                                              \
	"require [\"encoded-character\", \"fileinto\"]; fileinto \"" text "\"" \
	";"

static const struct show_case encoded[] = {
	{ "$$", HEX("$${hex:40}"), A, "fileinto $@" },
	{ "blanks", HEX("${hex: 40 }"), A, "fileinto @" },
	{ "upper case", HEX("${HEX: 40}"), A, "fileinto @" },
	{ "no brace", HEX("${hex:40"), A, "fileinto ${hex:40" },
	{ "three digits", HEX("${hex:400}"), A, "fileinto ${hex:400}" },
	{ "inner", HEX("${hex:4${hex:30}}"), A, "fileinto ${hex:40}" },
	{ "unicode", HEX("${unicode:40}"), A, "fileinto @" },
	{ "a blank before", HEX("${ unicode:40}"), A,
	    "fileinto ${ unicode:40}" },
	{ "UNICODE", HEX("${UNICODE:40}"), A, "fileinto @" },
	{ "zeros", HEX("${UnICoDE:0000040}"), A, "fileinto @" },
	{ "Unicode", HEX("${Unicode:40}"), A, "fileinto @" },
	{ "not hex", HEX("${Unicode:Cool}"), A, "fileinto ${Unicode:Cool}" },
	{ "out of range", HEX("${unicode:200000}"), A,
	    "1:53 \"${unicode:\" is followed by a number that is no "
	    "character" },
	{ "surrogate", HEX("${Unicode:DF01}"), A,
	    "1:53 \"${unicode:\" is followed by a number that is no "
	    "character" },
	{ "out of range, not well-formed", HEX("${unicode:200000 x}"), A,
	    "fileinto ${unicode:200000 x}" },
	{ "several", HEX("${unicode:65E5 672C}${hex:41\r\n 42}"), A,
	    "fileinto 日本AB" },
	{ "message B",
	    "require \"encoded-character\";\nif header :contains \"Subject\" "
	    "\"$${hex:24 24}\" {\n discard;\n}\n",
	    B, YES },
	{ "without require", "redirect \"a${hex:40}b\";", A,
	    "1:10 \"redirect\" needs one address, \"user@example.org\"" },
};

static const struct show_case strings[] = {
	{ "undefined escape",
	    "require \"fileinto\"; fileinto \"\\a\\\"\\\\b\";", A,
	    "fileinto a\"\\b" },
	{ "multi-line",
	    "require \"fileinto\"; fileinto text: # a comment\r\nab\r\n"
	    "..c\r\n.d\r\n.\r\n;",
	    A, "fileinto ab\r\n.c\r\n.d\r\n" },
	{ "multi-line with LF",
	    "require \"fileinto\"; fileinto TEXT:\nab\n..c\n...\n.\n;", A,
	    "fileinto ab\r\n.c\r\n..\r\n" },
	{ "quoted over lines", "require \"fileinto\"; fileinto \"a\nb\r\nc\";",
	    A, "fileinto a\r\nb\r\nc" },
	{ "UTF-8", "require \"fileinto\"; fileinto \"受信箱\";", A,
	    "fileinto 受信箱" },
	{ "8-bit that is no UTF-8", IF("header :is \"subject\" \"\xff\xfe\""),
	    A, NO },
	{ "upper case", "IF TRUE { KEEP; } ELSE { DISCARD; }", A, "keep" },
	{ "byte order mark", "\xef\xbb\xbfkeep;", A, "keep" },
	{ "empty script", "", A, NO },
	{ "only a comment", "# nothing", A, NO },
	{ "1K", IF("size :over 1K"), A, NO },
	{ "0G", IF("size :over 0G"), A, YES },
	{ "exact size over", IF("size :over 8"), "a: b\r\n\r\n", NO },
	{ "exact size under", IF("size :under 8"), "a: b\r\n\r\n", NO },
	{ "one more", IF("size :under 9"), "a: b\r\n\r\n", YES },
};

static const struct show_case headers[] = {
	{ "blanks before the colon", IF("header :is \"subject\" \"x\""),
	    "Subject  :  x \r\n\r\n", YES },
	{ "a name with colon", IF("exists \"Subject:\""), A, NO },
	{ "folded", IF("header :is \"subject\" \"a b\""),
	    "Subject: a\r\n b\r\n\r\n", YES },
	{ "encoded", IF("header :is \"subject\" \"日本\""),
	    "Subject: =?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=\r\n\r\n", YES },
	{ "second field", IF("header :is \"received\" \"b\""),
	    "Received: a\r\nReceived: b\r\n\r\n", YES },
	{ "any name, any key", IF("header [\"a\", \"b\"] [\"x\", \"y\"]"),
	    "B: Y\r\n\r\n", YES },
	{ "not in the body", IF("exists \"b\""), "a: b\r\n\r\nb: c\r\n", NO },
	{ "LF only", IF("header \"subject\" \"x\""), "Subject: x\n\nbody\n",
	    YES },
	{ "? is an octet", IF("header :matches \"s\" \"??\""),
	    "S: =?utf-8?q?=C3=A9?=\r\n\r\n", YES },
	{ "escaped wildcard", IF("header :matches \"s\" \"a\\\\*b\""),
	    "S: a*b\r\n\r\n", YES },
	{ "escaped wildcard, other", IF("header :matches \"s\" \"a\\\\*b\""),
	    "S: axb\r\n\r\n", NO },
	{ "casemap", IF("header :is \"s\" \"ABC\""), "S: abc\r\n\r\n", YES },
	{ "casemap, ASCII only", IF("header :is \"s\" \"É\""), "S: é\r\n\r\n",
	    NO },
	{ "unicode-casemap",
	    "require \"comparator-i;unicode-casemap\";" IF(
		"header :comparator \"i;unicode-casemap\" \"s\" \"É\""),
	    "S: é\r\n\r\n", YES },
	{ "unicode-casemap, ? is a character",
	    "require \"comparator-i;unicode-casemap\";" IF(
		"header :matches :comparator \"i;unicode-casemap\" \"s\" "
		"\"É?\""),
	    "S: éん\r\n\r\n", YES },
	{ "octet, required", "require \"comparator-i;octet\";", A, NO },
};

#define WHO                                                                    \
	"From: =?utf-8?q?J?= <\"john doe\"@Example.COM>\r\n"                   \
	"To: friends: a@one.example, B <b@two.example>;\r\n"                   \
	"Cc: broken address, c@three.example (Comment)\r\n\r\n"

static const struct show_case addresses[] = {
	{ "localpart unquoted", IF("address :localpart \"from\" \"john doe\""),
	    WHO, YES },
	{ "domain", IF("address :domain \"from\" \"example.com\""), WHO, YES },
	{ "group", IF("address :all \"to\" \"b@two.example\""), WHO, YES },
	{ "group name", IF("address :contains \"to\" \"friends\""), WHO, NO },
	{ "phrase", IF("address :contains \"cc\" \"Comment\""), WHO, NO },
	{ "after a broken one", IF("address :domain \"cc\" \"three.example\""),
	    WHO, YES },
	{ "no domain has no localpart",
	    IF("address :localpart :contains \"cc\" \"broken\""), WHO, NO },
	{ "no address field", IF("address \"subject\" \"x\""), A,
	    "1:12 \"subject\" is no header field with addresses; use the "
	    "test \"header\"" },
};

static void
envelope_cases(void)
{
	static const struct show_case cases[] = {
		{ "null sender",
		    "require \"envelope\";" IF(
			"envelope :domain \"from\" \"\""),
		    A, YES },
		{ "null sender contains nothing",
		    "require \"envelope\";" IF(
			"envelope :contains \"from\" \"a\""),
		    A, NO },
		{ "to",
		    "require \"envelope\";" IF(
			"envelope :domain \"TO\" \"example.com\""),
		    A, YES },
		{ "source route",
		    "require \"envelope\";" IF(
			"envelope :localpart \"to\" \"user\""),
		    A, YES },
		{ "auth",
		    "require \"envelope\";" IF("envelope \"auth\" \"someone\""),
		    A, YES },
		{ "unknown part",
		    "require \"envelope\";" IF("envelope \"size\" \"x\""), A,
		    "1:32 the envelope has no part \"size\"" },
	};
	struct sieve_env env = show_env(VIEW_LIT(A));

	env.from = VIEW_LIT("");
	env.to = VIEW_LIT("@a.example,@b.example:user@example.com");
	env.auth = VIEW_LIT("someone");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		show_try_env(&cases[i], &env);
	env.from = env.to = env.auth = (struct view){ NULL, 0 };
	show_try_env(&(struct show_case){ "unknown envelope",
			 "require \"envelope\";" IF(
			     "envelope :contains [\"from\", \"to\"] \"\""),
			 A, NO },
	    &env);
}

static const struct show_case actions[] = {
	{ "stop", "keep; stop; discard;", A, "keep" },
	{ "stop without action", "stop; discard;", A, NO },
	{ "fileinto and discard",
	    "require \"fileinto\"; discard; fileinto \"a\";", A,
	    "discard; fileinto a" },
	{ "the same mailbox twice",
	    "require \"fileinto\"; fileinto \"a\"; fileinto \"a\";", A,
	    "fileinto a" },
	{ "INBOX has no case",
	    "require \"fileinto\"; keep; fileinto \"inbox\";", A, "keep" },
	{ "two mailboxes",
	    "require \"fileinto\"; fileinto \"a\"; fileinto \"A\";", A,
	    "fileinto a; fileinto A" },
	{ "the same address twice",
	    "redirect \"a@b.example\"; redirect \"a@B.example\"; redirect "
	    "\"A@b.example\";",
	    A, "redirect a@b.example; redirect A@b.example" },
	{ "redirect to a name and address", "redirect \"A <a@b.example>\";", A,
	    "redirect a@b.example" },
	{ "copy",
	    "require [\"copy\", \"fileinto\"]; fileinto :copy \"incoming\"; "
	    "redirect :copy \"a@b.example\";",
	    A,
	    "fileinto incoming :copy; redirect a@b.example :copy; implicit "
	    "keep" },
	{ "copy and not",
	    "require [\"copy\", \"fileinto\"]; fileinto :copy \"a\"; fileinto "
	    "\"a\";",
	    A, "fileinto a" },
	{ "implicit keep into INBOX",
	    "require [\"copy\", \"fileinto\"]; fileinto :copy \"INBOX\";", A,
	    "fileinto INBOX :copy" },
	{ "create",
	    "require [\"mailbox\", \"fileinto\"]; fileinto :create \"new\";", A,
	    "fileinto new :create" },
	{ "mailboxexists",
	    "require \"mailbox\";" IF("mailboxexists [\"INBOX\", \"x\"]"), A,
	    NO },
	{ "mailboxexists INBOX",
	    "require \"mailbox\";" IF("mailboxexists \"Inbox\""), A, YES },
};

static const struct show_case control[] = {
	{ "elsif after a taken block",
	    "if true { if false { } } elsif true { discard; } else { discard; "
	    "}",
	    A, NO },
	{ "else after a nested if",
	    "if false { discard; } else { if true { keep; } }", A, "keep" },
	{ "elsif, elsif, else",
	    "if false { } elsif false { } elsif true { keep; } else { discard; "
	    "}",
	    A, "keep" },
	{ "else alone", "else { }", A,
	    "1:1 \"else\" can only follow an \"if\" or \"elsif\"" },
	{ "elsif after else", "if true { } else { } elsif true { }", A,
	    "1:22 \"elsif\" can only follow an \"if\" or \"elsif\"" },
	{ "require late", "keep; require \"fileinto\";", A,
	    "1:7 \"require\" must stand at the start of the script" },
	{ "require in a block", "if true { require \"fileinto\"; }", A,
	    "1:11 \"require\" must stand at the start of the script" },
	{ "unknown extension", "require [\"fileinto\", \"nonsense\"];", A,
	    "1:9 the extension \"nonsense\" is not known here" },
	{ "extensions have a case", "require \"FileInto\";", A,
	    "1:9 the extension \"FileInto\" is not known here" },
	{ "not required", "fileinto \"a\";", A,
	    "1:1 \"fileinto\" can only be used after require \"fileinto\"" },
	{ "tag not required", "require \"fileinto\"; fileinto :copy \"a\";", A,
	    "1:30 \":copy\" can only be used after require \"copy\"" },
	{ "match type not required", IF("header :value \"gt\" \"a\" \"b\""), A,
	    "1:11 \":value\" can only be used after require \"relational\"" },
	{ "comparator not required",
	    IF("header :comparator \"i;ascii-numeric\" \"a\" \"b\""), A,
	    "1:23 this comparator can only be used after require "
	    "\"comparator-i;ascii-numeric\"" },
	{ "comparator without substrings",
	    "require \"comparator-i;ascii-numeric\";" IF(
		"header :contains :comparator \"i;ascii-numeric\" \"a\" "
		"\"b\""),
	    A,
	    "1:41 comparator \"i;ascii-numeric\" cannot be used with "
	    "\":contains\"" },
	{ "unknown command", "file \"a\";", A,
	    "1:1 there is no command \"file\"" },
	{ "a test as a command", "true;", A,
	    "1:1 \"true\" is a test, not a command" },
	{ "a command as a test", IF("keep"), A,
	    "1:4 \"keep\" is a command, not a test" },
	{ "unknown tag", "keep :fast;", A,
	    "1:6 \"keep\" has no tag \":fast\"" },
	{ "tag twice",
	    "require [\"copy\", \"fileinto\"]; fileinto :copy :copy \"a\";", A,
	    "1:46 \":copy\" is given twice" },
	{ "two match types", IF("header :is :contains \"a\" \"b\""), A,
	    "1:15 only one match type can be given" },
	{ "over and under", IF("size :over 1 :under 2"), A,
	    "1:17 \":under\" cannot stand beside \":over\"" },
	{ "size alone", IF("size"), A,
	    "1:4 \"size\" needs \":over\" or \":under\" and a number" },
	{ "too few arguments", "redirect;", A,
	    "1:1 \"redirect\" needs 1 argument, not 0" },
	{ "too many arguments", "keep \"a\";", A,
	    "1:6 \"keep\" takes 0 arguments, not 1" },
	{ "a list for a string", "redirect [\"a@b.example\"];", A,
	    "1:10 a string must stand here, as argument 1 of \"redirect\"" },
	{ "a number for a string", "redirect 1;", A,
	    "1:10 a string must stand here, as argument 1 of \"redirect\"" },
	{ "not without test", "if not { }", A,
	    "1:4 \"not\" needs one test, without parentheses" },
	{ "if without block", "if true;", A,
	    "1:1 \"if\" needs a block of commands in braces" },
	{ "keep with block", "keep { }", A,
	    "1:1 \"keep\" takes no block; it ends with ';'" },
	{ "keep with test", "keep true;", A,
	    "1:6 \"keep\" takes no test; perhaps ';' is missing before this" },
	{ "no address", "redirect \"nobody\";", A,
	    "1:10 \"redirect\" needs one address, \"user@example.org\"" },
	{ "empty mailbox", "require \"fileinto\"; fileinto \"\";", A,
	    "1:30 the name of a mailbox is empty" },
	{ "several errors", "if true {\n nothing;\n}\nkeep 1;\nfoo;", A,
	    "2:2 there is no command \"nothing\"; 4:6 \"keep\" takes 0 "
	    "arguments, not 1; 5:1 there is no command \"foo\"" },
};

int
main(void)
{
	SHOW_ALL(examples);
	SHOW_ALL(extended);
	SHOW_ALL(encoded);
	SHOW_ALL(strings);
	SHOW_ALL(headers);
	SHOW_ALL(addresses);
	envelope_cases();
	SHOW_ALL(actions);
	SHOW_ALL(control);
	return tap_done();
}
