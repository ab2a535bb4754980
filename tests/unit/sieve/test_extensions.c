/* The extensions around the core: the examples of their RFCs, and more. */

#include "show.h"

#define IF(test) "if " test " { discard; }"
#define YES "discard"
#define NO "implicit keep"
#define M "Subject: hello\r\n\r\nbody\r\n"

/* Show a value by filing into it. */
#define VAR "require [\"variables\", \"fileinto\"]; "

static const struct show_case variables[] = {
	/* RFC 5229 section 3 */
	{ "empty name", VAR "fileinto \"&%${}!\";", M, "fileinto &%${}!" },
	{ "illegal name", VAR "fileinto \"${doh!}\";", M, "fileinto ${doh!}" },
	{ "unknown", VAR "fileinto \"<${full}>\";", M, "fileinto <>" },
	{ "known", VAR "set \"company\" \"ACME\"; fileinto \"${company}\";", M,
	    "fileinto ACME" },
	{ "BAD", VAR "set \"company\" \"ACME\"; fileinto \"${BAD${Company}\";",
	    M, "fileinto ${BADACME" },
	{ "President",
	    VAR "set \"company\" \"ACME\"; fileinto \"${President, ${Company} "
		"Inc.}\";",
	    M, "fileinto ${President, ACME Inc.}" },
	/* 3.1 */
	{ "fo\\o", VAR "set \"foo\" \"x\"; fileinto \"${fo\\o}\";", M,
	    "fileinto x" },
	{ "fo\\\\o", VAR "set \"foo\" \"x\"; fileinto \"${fo\\\\o}\";", M,
	    "fileinto ${fo\\o}" },
	{ "\\$", VAR "set \"foo\" \"x\"; fileinto \"\\${foo}\";", M,
	    "fileinto x" },
	{ "\\\\$", VAR "set \"foo\" \"x\"; fileinto \"\\\\${foo}\";", M,
	    "fileinto \\x" },
	{ "dollar",
	    VAR "set \"dollar\" \"$\"; set \"text\" \"regarding "
		"${dollar}{beep}\"; fileinto \"${text}\";",
	    M, "fileinto regarding ${beep}" },
	{ "encoded-character first",
	    "require [\"encoded-character\", \"variables\"];\n"
	    "set \"name\" \"Ethelbert\";\n"
	    "if header :contains \"Subject\" \"dear${hex:20 24 7b 4e}ame}\" { "
	    "discard; }",
	    "Subject: My dear Ethelbert\r\n\r\n", YES },
	/* 3.2 */
	{ "List-ID",
	    VAR "if header :matches \"List-ID\" \"*<*@*\" { fileinto "
		"\"INBOX.lists.${2}\"; stop; }",
	    "List-ID: Acme <users@lists.example>\r\n\r\n",
	    "fileinto INBOX.lists.users" },
	{ "[*] *",
	    VAR "if header :matches \"Subject\" \"[*] *\" { fileinto "
		"\"${1}|${2}|${0}|${3}\"; stop; }",
	    "Subject: [acme-users] [fwd] version 1.0 is out\r\n\r\n",
	    "fileinto acme-users|[fwd] version 1.0 is out|[acme-users] [fwd] "
	    "version 1.0 is out|" },
	{ "coyote@**.com",
	    VAR "if address :matches [\"To\", \"Cc\"] [\"coyote@**.com\", "
		"\"wile@**.com\"] { fileinto \"${0}|${1}|${2}\"; stop; }",
	    "To: coyote@ACME.Example.COM\r\n\r\n",
	    "fileinto coyote@ACME.Example.COM||ACME.Example" },
	{ "short circuit",
	    VAR "if anyof (true, address :domain :matches \"To\" \"*.com\") { "
		"fileinto \"<${1}>\"; }",
	    "To: a@b.com\r\n\r\n", "fileinto <>" },
	{ "a failed match keeps them",
	    VAR "if header :matches \"subject\" \"h*o\" { } if header :matches "
		"\"subject\" \"x*\" { } fileinto \"${1}\";",
	    M, "fileinto ell" },
	{ "leading zeros",
	    VAR "if header :matches \"subject\" \"h*o\" { fileinto \"${001}\"; "
		"}",
	    M, "fileinto ell" },
	{ "?",
	    VAR "if header :matches \"subject\" \"?e?l*\" { fileinto "
		"\"${1}-${2}-${3}\"; }",
	    M, "fileinto h-l-o" },
	{ "the value keeps its case",
	    VAR "if header :matches \"subject\" \"A*D\" { fileinto \"${1}\"; }",
	    "Subject: aBcD\r\n\r\n", "fileinto Bc" },
	/* 4 */
	{ "vacation text",
	    VAR "set \"honorific\"  \"Mr\";\nset \"first_name\" \"Wile\";\n"
		"set \"last_name\"  \"Coyote\";\nset \"vacation\" text:\n"
		"Dear ${HONORIFIC} ${last_name},\nI'm out, please leave a "
		"message after the meep.\n.\n;\nfileinto \"${vacation}\";",
	    M,
	    "fileinto Dear Mr Coyote,\r\nI'm out, please leave a message after "
	    "the meep.\r\n" },
	/* 4.1 */
	{ "plain", VAR "set \"a\" \"juMBlEd lETteRS\"; fileinto \"${a}\";", M,
	    "fileinto juMBlEd lETteRS" },
	{ ":length",
	    VAR "set :length \"b\" \"juMBlEd lETteRS\"; fileinto \"${b}\";", M,
	    "fileinto 15" },
	{ ":length of characters",
	    VAR "set :length \"b\" \"日本\"; fileinto \"${b}\";", M,
	    "fileinto 2" },
	{ ":lower",
	    VAR "set :lower \"b\" \"juMBlEd lETteRS\"; fileinto \"${b}\";", M,
	    "fileinto jumbled letters" },
	{ ":upper", VAR "set :UPPER \"b\" \"juMBÉ\"; fileinto \"${b}\";", M,
	    "fileinto JUMBÉ" },
	{ ":upperfirst",
	    VAR "set :upperfirst \"b\" \"juMBlEd lETteRS\"; fileinto \"${b}\";",
	    M, "fileinto JuMBlEd lETteRS" },
	{ ":upperfirst :lower",
	    VAR "set :upperfirst :lower \"b\" \"juMBlEd lETteRS\"; fileinto "
		"\"${b}\";",
	    M, "fileinto Jumbled letters" },
	{ ":lowerfirst :upper",
	    VAR "set :lowerfirst :upper \"b\" \"abc\"; fileinto \"${b}\";", M,
	    "fileinto aBC" },
	{ ":quotewildcard",
	    VAR "set :quotewildcard \"b\" \"Rock*?\\\\\"; fileinto \"${b}\";",
	    M, "fileinto Rock\\*\\?\\\\" },
	{ ":length :quotewildcard",
	    VAR "set :length :quotewildcard \"b\" \"Rock*\"; fileinto "
		"\"${b}\";",
	    M, "fileinto 6" },
	{ "two of one precedence", VAR "set :lower :upper \"b\" \"x\";", M,
	    "1:47 \":upper\" cannot stand beside \":lower\"" },
	{ "unknown modifier", VAR "set :middle \"b\" \"x\";", M,
	    "1:40 \"set\" has no tag \":middle\"" },
	/* 5 */
	{ "string",
	    VAR "set \"state\" \"very\"; set \"state\" \"${state} pending\"; "
		"if string :matches \" ${state} \" \"* pending *\" { discard; "
		"}",
	    M, YES },
	{ "string keeps blanks",
	    "require \"variables\";" IF("string \" a\" \"a\""), M, NO },
	{ "count of strings",
	    "require [\"variables\", \"relational\", "
	    "\"comparator-i;ascii-numeric\"];" IF(
		"string :count \"eq\" :comparator \"i;ascii-numeric\" [\"a\", "
		"\"\", \"b\"] \"2\""),
	    M, YES },
	{ "name with a number", VAR "set \"1\" \"x\";", M,
	    "1:40 \"1\" is no name of a variable" },
	{ "name that is not constant",
	    VAR "set \"a\" \"b\"; set \"${a}\" \"x\";", M,
	    "1:53 the name of a variable must be constant" },
	{ "bad name", VAR "set \"a b\" \"x\";", M,
	    "1:40 \"a b\" is no name of a variable" },
	{ "namespace", VAR "fileinto \"${nothing.x}\";", M,
	    "1:45 nothing that was required has a variable \"nothing.x\"" },
	{ "match variable too high", VAR "fileinto \"${32}\";", M,
	    "1:45 match variables end at ${31}" },
	{ "highest match variable", VAR "fileinto \"<${31}>\";", M,
	    "fileinto <>" },
	{ "without require", "require \"fileinto\"; fileinto \"${a}\";", M,
	    "fileinto ${a}" },
	{ "in a redirect",
	    "require \"variables\"; set \"d\" \"b.example\"; redirect "
	    "\"a@${d}\";",
	    M, "redirect a@b.example" },
	{ "no address at run time",
	    "require \"variables\"; set \"d\" \"b\";\nredirect \"${d}\";", M,
	    "failed 2: \"b\" is no address to redirect to; implicit keep" },
	{ "empty mailbox at run time", VAR "fileinto \"a\"; fileinto \"${x}\";",
	    M, "failed 1: the name of a mailbox is empty; implicit keep" },
};

#define REL                                                                    \
	"require [\"relational\", \"comparator-i;ascii-numeric\", "            \
	"\"fileinto\", \"envelope\"]; "
#define NUM ":comparator \"i;ascii-numeric\" "
#define COUNTED                                                                \
	"received: ...\r\nreceived: ...\r\nsubject: example\r\n"               \
	"to: foo@example.com, baz@example.com\r\ncc: qux@example.com\r\n\r\n"

#define REL_EXTENDED                                                           \
	REL "if header :value \"lt\" " NUM "[\"x-priority\"] [\"3\"]\n{\n"     \
	    "   fileinto \"Priority\";\n}\n"                                   \
	    "elsif address :count \"gt\" " NUM "[\"to\"] [\"5\"]\n{\n"         \
	    "   fileinto \"SPAM\";\n}\n"                                       \
	    "elsif address :value \"gt\" :all :comparator "                    \
	    "\"i;ascii-casemap\"\n[\"from\"] [\"M\"]\n{\n"                     \
	    "   fileinto \"From N-Z\";\n} else {\n   fileinto \"From "         \
	    "A-M\";\n}\n"                                                      \
	    "if allof ( address :count \"eq\" " NUM "[\"to\", \"cc\"] "        \
	    "[\"1\"] ,\n address :all :comparator \"i;ascii-casemap\"\n"       \
	    "[\"to\", \"cc\"] [\"me@foo.example.com\"] )\n{\n"                 \
	    "   fileinto \"Only me\";\n}\n"

static const struct show_case relational[] = {
	{ "to and cc",
	    REL IF("address :count \"ge\" " NUM "[\"to\", \"cc\"] [\"3\"]"),
	    COUNTED, YES },
	{ "to or cc",
	    REL IF("anyof (address :count \"ge\" " NUM
		   "[\"to\"] [\"3\"], address :count \"ge\" " NUM
		   "[\"cc\"] [\"3\"])"),
	    COUNTED, NO },
	{ "received",
	    REL IF("header :count \"ge\" " NUM "[\"received\"] [\"3\"]"),
	    COUNTED, NO },
	{ "received and subject",
	    REL IF("header :count \"ge\" " NUM
		   "[\"received\", \"subject\"] [\"3\"]"),
	    COUNTED, YES },
	{ "header counts fields",
	    REL IF("header :count \"ge\" " NUM "[\"to\", \"cc\"] [\"3\"]"),
	    COUNTED, NO },
	{ "extended, priority", REL_EXTENDED,
	    "X-Priority: 1\r\nFrom: a@b\r\n\r\n", "fileinto Priority" },
	{ "extended, spam", REL_EXTENDED,
	    "To: a@b.c, b@b.c, c@b.c, d@b.c, e@b.c, f@b.c\r\n\r\n",
	    "fileinto SPAM" },
	{ "extended, N-Z", REL_EXTENDED, "From: n@b.c\r\n\r\n",
	    "fileinto From N-Z" },
	{ "extended, only me", REL_EXTENDED,
	    "From: a@b.c\r\nTo: me@foo.example.com\r\n\r\n",
	    "fileinto From A-M; fileinto Only me" },
	{ "ne", REL IF("header :value \"ne\" \"subject\" \"x\""), M, YES },
	{ "eq", REL IF("header :value \"eq\" \"subject\" \"HELLO\""), M, YES },
	{ "le", REL IF("header :value \"le\" \"subject\" \"hello\""), M, YES },
	{ "lt", REL IF("header :value \"lt\" \"subject\" \"hello\""), M, NO },
	{ "casemap orders as upper case",
	    REL IF("header :value \"lt\" \"subject\" \"_\""), M, YES },
	{ "infinity",
	    REL IF("header :value \"gt\" " NUM
		   "\"subject\" \"99999999999999999999999\""),
	    M, YES },
	{ "leading zeros", REL IF("header :is " NUM "\"x\" \"4294967298b\""),
	    "X: 04294967298\r\n\r\n", YES },
	{ "envelope to counts one",
	    REL IF("envelope :count \"eq\" " NUM "[\"to\", \"from\"] \"2\""), M,
	    YES },
	{ "no relation", REL IF("header :value \"x\" \"a\" \"b\""), M,
	    "1:89 \"gt\", \"ge\", \"lt\", \"le\", \"eq\" or \"ne\" must follow "
	    "\":value\"" },
};

/* RFC 4790 section 9: the value is what the field x has, the key is a string. */
#define ORDER(relation, comparator, key)                                       \
	REL IF("header :value \"" relation "\" :comparator \"" comparator      \
	       "\" \"x\" \"" key "\"")
#define X(value) "X: " value "\r\n\r\n"

static const struct show_case comparators[] = {
	{ "0 < 1", ORDER("lt", "i;ascii-numeric", "1"), X("0"), YES },
	{ "1 < 4294967298", ORDER("lt", "i;ascii-numeric", "4294967298"),
	    X("1"), YES },
	{ "zeros before", ORDER("eq", "i;ascii-numeric", "04294967298"),
	    X("4294967298"), YES },
	{ "text behind", ORDER("eq", "i;ascii-numeric", "4294967298b"),
	    X("4294967298"), YES },
	{ "less than nothing", ORDER("lt", "i;ascii-numeric", ""),
	    X("04294967298"), YES },
	{ "x and y are equal", ORDER("eq", "i;ascii-numeric", "y"), X("x"),
	    YES },
	{ "nothing and x are equal", ORDER("eq", "i;ascii-numeric", "x"), X(""),
	    YES },
	{ "9 < 10", ORDER("lt", "i;ascii-numeric", "10"), X("9"), YES },
	{ "octet: Z < a", ORDER("lt", "i;octet", "a"), X("Z"), YES },
	{ "octet: a prefix is less", ORDER("lt", "i;octet", "ab"), X("a"),
	    YES },
	{ "octet: unsigned", ORDER("gt", "i;octet", "z"), X("é"), YES },
	{ "casemap: a < Z", ORDER("lt", "i;ascii-casemap", "Z"), X("a"), YES },
};

#define SUB "require [\"envelope\", \"subaddress\", \"fileinto\"]; "

static const struct show_case subaddress[] = {
	{ ":detail", SUB IF("envelope :detail \"to\" \"mta-filters\""), M,
	    YES },
	{ ":user", SUB IF("envelope :user \"to\" \"ken\""), M, YES },
	{ "no detail", SUB IF("address :detail :contains \"to\" \"\""),
	    "To: ken@example.com\r\n\r\n", NO },
	{ "empty detail", SUB IF("address :detail \"to\" \"\""),
	    "To: ken+@example.com\r\n\r\n", YES },
	{ "user without detail", SUB IF("address :user \"to\" \"ken\""),
	    "To: ken@example.com\r\n\r\n", YES },
	{ "example",
	    SUB "if envelope :user \"to\" \"postmaster\" {\n fileinto "
		"\"inbox.postmaster\"; stop; }\n"
		"if envelope :detail \"to\" \"mta-filters\" { fileinto "
		"\"inbox.ietf-mta-filters\"; }\n"
		"if envelope :detail \"to\" \"foo\" { redirect "
		"\"ken@example.net\"; }",
	    M, "fileinto inbox.ietf-mta-filters" },
};

#define BODY "require \"body\";"
/* The message of RFC 5173 section 5.2. */
#define NESTED                                                                 \
	"From: Whomever\r\nTo: Someone\r\nDate: Whenever\r\n"                  \
	"Subject: whatever\r\n"                                                \
	"Content-Type: multipart/mixed; boundary=outer\r\n\r\n"                \
	"This is a multi-part message in MIME format.\r\n\r\n"                 \
	"--outer\r\nContent-Type: multipart/alternative; "                     \
	"boundary=inner\r\n\r\n"                                               \
	"This is a nested multi-part message in MIME format.\r\n\r\n"          \
	"--inner\r\nContent-Type: text/plain; charset=\"us-ascii\"\r\n\r\n"    \
	"Hello\r\n\r\n--inner\r\n"                                             \
	"Content-Type: text/html; charset=\"us-ascii\"\r\n\r\n"                \
	"<html><body>Hello</body></html>\r\n\r\n--inner--\r\n\r\n"             \
	"This is the end of the inner MIME multipart.\r\n\r\n"                 \
	"--outer\r\nContent-Type: message/rfc822\r\n\r\n"                      \
	"From: Someone Else\r\nSubject: hello request\r\n\r\n"                 \
	"Please say Hello\r\n\r\n--outer--\r\n\r\n"                            \
	"This is the end of the outer MIME multipart.\r\n"

static const struct show_case body[] = {
	{ ":raw", BODY IF("body :raw :contains \"MAKE MONEY FAST\""),
	    "a: b\r\n\r\nMake money fast!\r\n", YES },
	{ ":raw has boundaries", BODY IF("body :raw :contains \"--inner--\""),
	    NESTED, YES },
	{ ":raw is all of it", BODY IF("body :raw :is \"body\r\n\""), M, YES },
	{ ":raw not the header", BODY IF("body :raw :contains \"hello\""), M,
	    NO },
	{ "no empty line", BODY IF("body :raw :contains \"\""), "a: b\r\n",
	    NO },
	{ "empty body", BODY IF("body :raw :is \"\""), "a: b\r\n\r\n", YES },
	{ "multipart",
	    BODY IF("body :content \"multipart\" :contains \"MIME\""), NESTED,
	    YES },
	{ "prologue",
	    BODY IF("body :content \"multipart/alternative\" :contains \"a "
		    "nested\""),
	    NESTED, YES },
	{ "epilogue",
	    BODY IF("body :content \"multipart/mixed\" :contains \"end of the "
		    "outer\""),
	    NESTED, YES },
	{ "not between",
	    BODY IF("body :content \"multipart\" :contains "
		    "\"Hello\""),
	    NESTED, NO },
	{ "no delimiters",
	    BODY IF("body :content \"multipart\" :contains \"--\""), NESTED,
	    NO },
	{ "no headers of parts",
	    BODY IF("body :content [\"multipart\", \"text\"] :contains "
		    "\"Content\""),
	    NESTED, NO },
	{ "text/plain",
	    BODY IF("body :content \"text/plain\" :contains \"Please say\""),
	    NESTED, YES },
	{ "text/html",
	    BODY IF("body :content \"text/html\" :contains \"<body>\""), NESTED,
	    YES },
	{ "text/html is not plain",
	    BODY IF("body :content \"text/plain\" :contains \"<body>\""),
	    NESTED, NO },
	{ "text", BODY IF("body :content \"text\" :contains \"Hello\""), NESTED,
	    YES },
	{ "message/rfc822",
	    BODY IF("body :content \"message/rfc822\" :contains \"Hello\""),
	    NESTED, YES },
	{ "message/rfc822, header only",
	    BODY IF("body :content \"message/rfc822\" :contains \"Please\""),
	    NESTED, NO },
	{ "slash at the end", BODY IF("body :content \"text/\" :contains \"\""),
	    NESTED, NO },
	{ "two slashes",
	    BODY IF("body :content \"text/plain/x\" :contains \"\""), NESTED,
	    NO },
	{ "no such type", BODY IF("body :content \"audio/mp3\" :contains \"\""),
	    NESTED, NO },
	{ "all types", BODY IF("body :content \"\" :contains \"Please\""),
	    NESTED, YES },
	{ ":text", BODY IF("body :text :contains \"project schedule\""),
	    "a: b\r\n\r\nThe Project Schedule is\r\n", YES },
	{ "default is :text", BODY IF("body :contains \"日本\""),
	    "Content-Type: text/plain; charset=iso-2022-jp\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n"
	    "GyRCRnxLXBsoQg==\r\n",
	    YES },
	{ "quoted-printable", BODY IF("body :contains \"a=b\""),
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\na=\r\n=3Db\r\n",
	    YES },
	{ "body and content tags", BODY IF("body :raw :text \"x\""), M,
	    "1:29 \":text\" cannot stand beside \":raw\"" },
	{ "no match variables",
	    "require [\"body\", \"variables\", \"fileinto\"]; if body :raw "
	    ":matches \"*\" { fileinto \"<${1}>\"; }",
	    M, "fileinto <>" },
};

#define FLAGS                                                                  \
	"require [\"imap4flags\", \"fileinto\", \"variables\", "               \
	"\"relational\", \"comparator-i;ascii-numeric\"]; "
#define GNUS                                                                   \
	FLAGS "set \"MyVar\" \"NonJunk Junk gnus-forward $Forwarded NotJunk "  \
	      "JunkRecorded $Junk $NotJunk\"; "

static const struct show_case flags[] = {
	{ "setflag", FLAGS "setflag \"\\\\Deleted\";", M,
	    "implicit keep +\\Deleted" },
	{ "3.1 variable",
	    FLAGS "setflag \"flagvar\" \"\\\\Flagged\"; fileinto :flags "
		  "\"${flagvar}\" \"INBOX.From Boss\";",
	    M, "fileinto INBOX.From Boss +\\Flagged" },
	{ "addflag twice",
	    FLAGS "addflag \"f\" \"\\\\Deleted\"; addflag \"f\" "
		  "\"\\\\Answered\"; keep :flags \"${f}\";",
	    M, "keep +\\Deleted,\\Answered" },
	{ "addflag of a list",
	    FLAGS "addflag \"f\" [\"\\\\Deleted\", \"\\\\Answered\"]; keep "
		  ":flags \"${f}\";",
	    M, "keep +\\Deleted,\\Answered" },
	{ "addflag of words",
	    FLAGS "addflag \"f\" \"  \\\\Deleted  \\\\Answered \"; keep :flags "
		  "\"${f}\";",
	    M, "keep +\\Deleted,\\Answered" },
	{ "no duplicates",
	    FLAGS "addflag [\"a\", \"A\", \"\", \"b\"]; addflag \"B\"; keep;",
	    M, "keep +a,b" },
	{ "removeflag",
	    FLAGS "setflag [\"a\", \"b\", \"c\"]; removeflag \"B x\"; keep;", M,
	    "keep +a,c" },
	{ "removeflag example",
	    FLAGS "addflag \"flagvar\" \"$MDNRequired\"; removeflag "
		  "\"flagvar\" \"$MDNRequired\"; fileinto :flags "
		  "\"${flagvar}\" \"INBOX.imap-list\";",
	    M, "fileinto INBOX.imap-list" },
	{ "not flags",
	    FLAGS "setflag [\"\\\\Recent\", \"a(b\", \"é\", \"ok\", "
		  "\"\\\\*\"];",
	    M, "implicit keep +ok" },
	{ ":flags outranks the variable",
	    FLAGS "setflag \"a\"; keep :flags \"b\"; fileinto \"x\";", M,
	    "keep +b; fileinto x +a" },
	{ "the last flags win",
	    FLAGS "fileinto :flags \"a\" \"x\"; fileinto :flags \"b\" \"x\";",
	    M, "fileinto x +b" },
	{ "hasflag", FLAGS "setflag \"A B\"; " IF("hasflag :is \"b A\""), M,
	    YES },
	{ "hasflag list", FLAGS "setflag \"A B\"; " IF("hasflag [\"b\",\"A\"]"),
	    M, YES },
	{ "hasflag none", FLAGS "setflag \"A B\"; " IF("hasflag \"c\""), M,
	    NO " +A,B" },
	{ "contains Junk", GNUS IF("hasflag :contains \"MyVar\" \"Junk\""), M,
	    YES },
	{ "contains forward",
	    GNUS IF("hasflag :contains \"MyVar\" \"forward\""), M, YES },
	{ "contains label, forward",
	    GNUS IF("hasflag :contains \"MyVar\" [\"label\", \"forward\"]"), M,
	    YES },
	{ "contains junk forward",
	    GNUS IF("hasflag :contains \"MyVar\" \"junk forward\""), M, YES },
	{ "contains label", GNUS IF("hasflag :contains \"MyVar\" \"label\""), M,
	    NO },
	{ "contains labels",
	    GNUS IF("hasflag :contains \"MyVar\" [\"label1\", \"label2\"]"), M,
	    NO },
	{ "count",
	    FLAGS "set \"MyFlags\" \"A B\"; " IF(
		"hasflag :count \"ge\" " NUM "\"MyFlags\" \"2\""),
	    M, YES },
	{ "count of two variables",
	    FLAGS "set \"a\" \"A B\"; set \"b\" \"A\"; " IF(
		"hasflag :count \"eq\" " NUM "[\"a\", \"b\"] \"3\""),
	    M, YES },
	{ "hasflag of a variable key",
	    FLAGS "set \"k\" \"x b\"; setflag \"A B\"; " IF("hasflag \"${k}\""),
	    M, YES },
	{ "variable without variables",
	    "require \"imap4flags\"; setflag \"a\" \"b\";", M,
	    "1:31 the name of a variable can only be given after require "
	    "\"variables\"" },
	{ "example 9",
	    FLAGS "if size :over 1 { addflag \"MyFlags\" \"Big\"; if header "
		  ":is \"Subject\" \"hello\" { addflag \"MyFlags\" "
		  "\"\\\\Flagged\"; } fileinto :flags \"${MyFlags}\" \"Big "
		  "messages\"; } addflag \"MyFlags\" [\"\\\\Answered\", "
		  "\"$MDNSent\"]; fileinto :flags \"${MyFlags}\" \"GrandMa\";",
	    M,
	    "fileinto Big messages +Big,\\Flagged; fileinto GrandMa "
	    "+Big,\\Flagged,\\Answered,$MDNSent" },
};

#define DATE                                                                   \
	"require [\"date\", \"relational\", \"fileinto\", \"index\", "         \
	"\"variables\", \"comparator-i;ascii-numeric\"]; "
#define DATED                                                                  \
	"Received: from a by b; Sun, 25 Jun 2006 10:00:00 +0000\r\n"           \
	"Received: from c by d; Mon, 26 Feb 2007 13:59:59 +0000\r\n"           \
	"Date: Wed, 28 Jun 2006 23:30:05 -0700\r\n"                            \
	"X-Bad: Mon, 30 Feb 2006 10:00:00 +0000\r\n"                           \
	"X-Not: yesterday\r\nFrom: boss@example.com\r\n\r\n"
#define ORIGINAL(part, want)                                                   \
	DATE IF("date :originalzone \"date\" \"" part "\" \"" want "\"")

static const struct show_case dates[] = {
	{ "year", ORIGINAL("year", "2006"), DATED, YES },
	{ "month", ORIGINAL("month", "06"), DATED, YES },
	{ "day", ORIGINAL("day", "28"), DATED, YES },
	{ "date", ORIGINAL("date", "2006-06-28"), DATED, YES },
	{ "julian", ORIGINAL("julian", "53914"), DATED, YES },
	{ "hour", ORIGINAL("hour", "23"), DATED, YES },
	{ "minute", ORIGINAL("minute", "30"), DATED, YES },
	{ "second", ORIGINAL("second", "05"), DATED, YES },
	{ "time", ORIGINAL("time", "23:30:05"), DATED, YES },
	{ "iso8601", ORIGINAL("iso8601", "2006-06-28T23:30:05-07:00"), DATED,
	    YES },
	{ "std11", ORIGINAL("std11", "Wed, 28 Jun 2006 23:30:05 -0700"), DATED,
	    YES },
	{ "zone", ORIGINAL("zone", "-0700"), DATED, YES },
	{ "weekday", ORIGINAL("weekday", "3"), DATED, YES },
	{ "PART", ORIGINAL("WeekDay", "3"), DATED, YES },
	{ "local zone",
	    DATE IF("date \"date\" \"iso8601\" "
		    "\"2006-06-29T08:30:05+02:00\""),
	    DATED, YES },
	{ ":zone",
	    DATE IF("date :zone \"+0000\" \"date\" \"iso8601\" "
		    "\"2006-06-29T06:30:05Z\""),
	    DATED, YES },
	{ "zone of :zone",
	    DATE IF("date :zone \"-0130\" \"date\" \"zone\" \"-0130\""), DATED,
	    YES },
	{ "office hours",
	    DATE "if allof(header :is \"from\" \"boss@example.com\",\n date "
		 ":value \"ge\" :originalzone \"date\" \"hour\" \"09\",\n date "
		 ":value \"lt\" :originalzone \"date\" \"hour\" \"24\")\n{ "
		 "fileinto \"urgent\"; }",
	    DATED, "fileinto urgent" },
	{ "weekend",
	    DATE "if anyof(date :is \"received\" \"weekday\" \"0\", date :is "
		 "\"received\" \"weekday\" \"6\") { fileinto \"weekend\"; }",
	    DATED, "fileinto weekend" },
	{ "February 30th", DATE IF("date :contains \"x-bad\" \"year\" \"\""),
	    DATED, NO },
	{ "no date", DATE IF("date :contains \"x-not\" \"year\" \"\""), DATED,
	    NO },
	{ "no field", DATE IF("date :contains \"x-none\" \"year\" \"\""), DATED,
	    NO },
	{ "count", DATE IF("date :count \"eq\" " NUM "\"date\" \"year\" \"1\""),
	    DATED, YES },
	{ "count of no date",
	    DATE IF("date :count \"eq\" " NUM "\"x-not\" \"year\" \"0\""),
	    DATED, YES },
	{ "index",
	    DATE IF("date :value \"gt\" :index 2 :zone \"-0500\" \"received\" "
		    "\"iso8601\" \"2007-02-26T08:00:00-05:00\""),
	    DATED, YES },
	{ "index :last",
	    DATE IF("date :index 2 :last \"received\" \"year\" \"2006\""),
	    DATED, YES },
	{ "index of header",
	    DATE IF("header :contains :index 2 \"received\" \"from c\""), DATED,
	    YES },
	{ "index of header, other",
	    DATE IF("header :contains :index 1 \"received\" \"from c\""), DATED,
	    NO },
	{ "index over several names",
	    DATE IF("header :contains :index 3 [\"received\", \"from\"] "
		    "\"boss\""),
	    DATED, YES },
	{ "index of address",
	    DATE IF("address :index 1 :last \"from\" \"boss@example.com\""),
	    DATED, YES },
	{ "index past the end",
	    DATE IF("header :contains :index 3 \"received\" \"\""), DATED, NO },
	{ ":last alone", DATE IF("header :last \"a\" \"b\""), DATED,
	    "1:107 \":last\" can only stand beside \":index\"" },
	{ "index 0", DATE IF("header :index 0 \"a\" \"b\""), DATED,
	    "1:114 \":index\" counts from 1" },
	{ "bad zone", DATE IF("date :zone \"CET\" \"date\" \"hour\" \"1\""),
	    DATED,
	    "1:111 a time zone is \"+\" or \"-\" and four digits, as in "
	    "\"+0900\"" },
	{ "two zones",
	    DATE IF("date :zone \"+0000\" :originalzone \"date\" \"hour\" "
		    "\"1\""),
	    DATED, "1:119 \":originalzone\" cannot stand beside \":zone\"" },
	{ "bad part", DATE IF("date \"date\" \"century\" \"1\""), DATED,
	    "1:112 a date has no part \"century\"" },
	{ "currentdate", DATE IF("currentdate \"date\" \"2006-06-28\""), DATED,
	    YES },
	{ "currentdate in its zone",
	    DATE IF("currentdate :zone \"+0300\" \"date\" \"2006-06-29\""),
	    DATED, YES },
	{ "currentdate, local time",
	    DATE IF("currentdate \"time\" \"23:05:07\""), DATED, YES },
	{ "folder of the month",
	    DATE "if currentdate :matches \"month\" \"*\" { set \"month\" "
		 "\"${1}\"; }\nif currentdate :matches \"year\"  \"*\" { set "
		 "\"year\"  \"${1}\"; }\nfileinto \"${month}-${year}\";",
	    DATED, "fileinto 06-2006" },
	{ "pager",
	    DATE
	    "if anyof(currentdate :is \"weekday\" \"0\", currentdate :is "
	    "\"weekday\" \"6\", currentdate :value \"lt\" \"hour\" "
	    "\"09\", currentdate :value \"ge\" \"hour\" \"17\") { redirect "
	    "\"pager@example.com\"; }",
	    DATED, "redirect pager@example.com" },
	{ "count of currentdate",
	    DATE IF("currentdate :count \"eq\" " NUM "\"date\" \"1\""), DATED,
	    YES },
};

#define ENVIRONMENT                                                            \
	"require [\"environment\", \"relational\", "                           \
	"\"comparator-i;ascii-numeric\"]; "

static const struct show_case environment[] = {
	{ "name", ENVIRONMENT IF("environment \"name\" \"fumi\""), M, YES },
	{ "version", ENVIRONMENT IF("environment :matches \"version\" \"?*\""),
	    M, YES },
	{ "location", ENVIRONMENT IF("environment \"location\" \"MS\""), M,
	    YES },
	{ "phase", ENVIRONMENT IF("environment \"phase\" \"during\""), M, YES },
	{ "host",
	    ENVIRONMENT IF("environment :is \"HOST\" "
			   "\"mail.example.com\""),
	    M, YES },
	{ "remote-ip",
	    ENVIRONMENT IF("environment \"remote-ip\" "
			   "\"192.0.2.1\""),
	    M, YES },
	{ "no such item", ENVIRONMENT IF("environment :contains \"item\" \"\""),
	    M, NO },
	{ "not known", ENVIRONMENT IF("environment :contains \"domain\" \"\""),
	    M, NO },
	{ "count",
	    ENVIRONMENT IF("environment :count \"eq\" " NUM "\"name\" \"1\""),
	    M, YES },
};

#define IHAVE "require \"ihave\"; "

static const struct show_case ihave[] = {
	{ "there",
	    IHAVE "if ihave \"fileinto\" { fileinto \"a\"; } else { discard; }",
	    M, "fileinto a" },
	{ "not there",
	    IHAVE "if ihave \"nonsense\" { nonsense :fast \"a\"; } else { "
		  "discard; }",
	    M, YES },
	{ "one of two is not there",
	    IHAVE IF("ihave [\"fileinto\", \"nonsense\"]"), M, NO },
	{ "to the end of the script",
	    IHAVE "if not ihave \"fileinto\" { stop; } fileinto \"a\";", M,
	    "fileinto a" },
	{ "before the test", IHAVE "fileinto \"a\"; if ihave \"fileinto\" { }",
	    M,
	    "failed 1: \"fileinto\" can only be used after require "
	    "\"fileinto\"; implicit keep" },
	{ "test never reached",
	    IHAVE "if false { if ihave \"fileinto\" { } }\nfileinto \"a\";", M,
	    "failed 2: \"fileinto\" is used, or one of its tags, before ihave "
	    "has said that it is there; implicit keep" },
	{ "tag never reached",
	    "require [\"ihave\", \"fileinto\"]; if false { if ihave \"copy\" { "
	    "} } fileinto :copy \"a\";",
	    M,
	    "failed 1: \"fileinto\" is used, or one of its tags, before ihave "
	    "has said that it is there; implicit keep" },
	{ "unknown command that is not reached",
	    IHAVE "if false { nonsense; } keep;", M, "keep" },
	{ "unknown command that is reached", IHAVE "keep; nonsense;", M,
	    "failed 1: there is no command \"nonsense\"; implicit keep" },
	{ "unknown test", IHAVE "if nonsense { keep; }", M,
	    "failed 1: there is no test \"nonsense\"; implicit keep" },
	{ "unknown tag", IHAVE "if true { keep :fast; }", M,
	    "failed 1: \"keep\" has no tag \":fast\"; implicit keep" },
	{ "short circuit in allof",
	    IHAVE IF("allof (ihave \"nonsense\", nonsense \"x\")"), M, NO },
	{ "comparator",
	    IHAVE "if allof (ihave \"comparator-i;ascii-numeric\", header "
		  ":comparator \"i;ascii-numeric\" \"x\" \"1\") { discard; }",
	    "X: 01\r\n\r\n", YES },
	{ "variables cannot be had", IHAVE IF("ihave \"variables\""), M, NO },
	{ "encoded-character cannot be had",
	    IHAVE IF("ihave \"encoded-character\""), M, NO },
	{ "required and asked for",
	    "require [\"ihave\", \"variables\"]; " IF("ihave \"variables\""), M,
	    YES },
	{ "not constant",
	    "require [\"ihave\", \"variables\"]; " IF("ihave \"${a}\""), M,
	    "1:42 the names \"ihave\" asks for must be constant" },
	{ "error", IHAVE "keep; error \"It is\r\nbroken é\";", M,
	    "failed 1: It is  broken é; implicit keep" },
	{ "other errors stay", IHAVE "keep 1;", M,
	    "1:23 \"keep\" takes 0 arguments, not 1" },
};

int
main(void)
{
	SHOW_ALL(variables);
	SHOW_ALL(relational);
	SHOW_ALL(comparators);
	SHOW_ALL(subaddress);
	SHOW_ALL(body);
	SHOW_ALL(flags);
	SHOW_ALL(dates);
	SHOW_ALL(environment);
	SHOW_ALL(ihave);
	return tap_done();
}
