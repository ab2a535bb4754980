/* IMAP events in a session: which commands make them, for which mailboxes a
 * script runs, and that nothing a script does harms a command. */
#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/wire.h"
#include "scratch.h"
#include "session/filter.h"
#include "session/hub.h"
#include "session/imap_event.h"
#include "session/scripts.h"
#include "session/session.h"
#include "store/metadata.h"
#include "tap.h"

#define MAIL "{37+}\r\nSubject: x\r\nFrom: a@example.com\r\n\r\n\r\n"
#define REQUIRE                                                                \
	"require [\"imapsieve\", \"environment\", \"fileinto\", \"copy\", "    \
	"\"imap4flags\", \"variables\", \"mailbox\"];\n"
/* Copies go to a mailbox that says what happened: COPY-Spam-. */
#define TELL                                                                   \
	REQUIRE                                                                \
	"if environment :matches \"imap.cause\" \"*\" { set \"c\" \"${1}\"; }" \
	"if environment :matches \"imap.mailbox\" \"*\""                       \
	"{ set \"m\" \"${1}\"; }"                                              \
	"if environment :matches \"imap.changedflags\" \"*\""                  \
	"{ set \"f\" \"${1}\"; }"                                              \
	"fileinto :create :copy \"${c}-${m}-${f}\";"

static int dir;
static char *path;
static struct buf globals = { .max = 1 << 20 };
static bool users = true;

/* What became of what was to leave, in order. */
enum fate { TAKEN, REFUSED, UNHEARD, HUB_GONE };
static enum fate fate;
static int hub_end;
static size_t submitted;
static char last_to[100];

static bool
submit(int hub, uint64_t number, const struct filter_out *o, uint64_t until)
{
	AUTO_BUF struct buf b = BUF_INIT(1000);

	(void)hub;
	(void)until;
	submitted++;
	snprintf(last_to, sizeof(last_to), "%.*s", (int)o->to[0].n,
	    (const char *)o->to[0].p);
	if (fate == UNHEARD)
		return false;
	if (fate == HUB_GONE) {
		fd_close(&hub_end);
		return true;
	}
	wire_put_u32(&b, HUB_CHANGED);
	wire_put_u64(&b, 1);
	if (fd_send(hub_end, buf_view(&b), -1) != 0)
		abort();
	buf_clear(&b);
	wire_put_u32(&b, HUB_SUBMITTED);
	wire_put_u64(&b, number + 1000); /* another's */
	wire_put_u8(&b, 2);
	wire_put_bytes(&b, VIEW_LIT("no"));
	if (fd_send(hub_end, buf_view(&b), -1) != 0)
		abort();
	buf_clear(&b);
	wire_put_u32(&b, HUB_SUBMITTED);
	wire_put_u64(&b, number);
	wire_put_u8(&b, fate == TAKEN ? 0 : 2);
	wire_put_bytes(&b, VIEW_LIT("why"));
	if (fd_send(hub_end, buf_view(&b), -1) != 0)
		abort();
	return true;
}

/* A session that is sent all of that; what it answers. */
static const char *
session(const char *commands)
{
	static char out[65536];
	struct session_events events = { .host = VIEW_LIT("mail.example.org"),
		.globals = buf_view(&globals),
		.users = users,
		.submit = submit,
		.capability = "IMAPSIEVE=sieve://mail.example.org" };
	struct session_env env = { .events = &events };
	struct log log;
	int client[2], hub[2];
	size_t n = 0;
	ssize_t r;

	log_init(&log, -1, LOG_STYLE_PLAIN, LOG_CRASHES, "IMAP", 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hub) != 0 ||
	    fd_write(client[0], view_str(commands)) != 0 ||
	    fd_nonblock(client[1], true) != 0)
		abort();
	hub_end = hub[0];
	env.client = (struct client_env){ .in = client[1],
		.out = client[1],
		.hub = hub[1],
		.dir = dir,
		.create = true,
		.first = CLIENT_PREAUTH,
		.user = VIEW_LIT("bob@example.org"),
		.log = &log };
	(void)!session_imap_run(&env);
	close(client[1]);
	close(hub[1]);
	while (n < sizeof(out) - 1 &&
	    (r = read(client[0], out + n, sizeof(out) - 1 - n)) > 0)
		n += (size_t)r;
	out[n] = '\0';
	close(client[0]);
	fd_close(&hub_end);
	return out;
}

static bool
says(const char *answer, const char *what)
{
	return strstr(answer, what) != NULL;
}

/* How many messages the mailbox has; -1: there is none. */
static int
count(const char *name)
{
	char command[200], want[200];
	const char *got;
	int n;

	snprintf(command, sizeof(command),
	    "a STATUS \"%s\" (MESSAGES)\r\n"
	    "z LOGOUT\r\n",
	    name);
	snprintf(want, sizeof(want), "(MESSAGES ");
	got = strstr(session(command), want);
	return got != NULL && sscanf(got + strlen(want), "%d", &n) == 1 ? n
									: -1;
}

static void
put(const char *name, const char *text)
{
	struct scripts *s = scripts_new(dir, NULL);

	if (scripts_put(s, view_str(name), view_str(text)) != SCRIPTS_OK)
		abort();
	scripts_free(&s);
}

/* Annotations: of a mailbox, or ("") of the server. NULL: removed. */
static void
annotate(const char *name, const char *value)
{
	struct account *a;
	struct mailbox_row row = { .id = 0 };
	struct view v = view_str(value != NULL ? value : "");
	struct why w;
	uint64_t modseq;
	struct tx *t;

	if (account_open(dir, true, NULL, &a, &w) != 0 ||
	    (*name != '\0' && mailbox_find(a, view_str(name), &row) != 0) ||
	    tx_begin(a, &t) != 0 ||
	    tx_metadata(t, row.id, VIEW_LIT(EVENT_ENTRY),
		value != NULL ? &v : NULL) != 0 ||
	    tx_commit(&t, &modseq) != 0)
		abort();
	account_close(&a);
}

/* An empty account with INBOX, Spam and Work, and a message in INBOX. */
static void
begin(void)
{
	scratch_empty(dir);
	users = true;
	fate = TAKEN;
	submitted = 0;
	buf_clear(&globals);
	if (!says(
		session("a CREATE Spam\r\nb CREATE Work\r\nc APPEND INBOX " MAIL
			"\r\nz LOGOUT\r\n"),
		"c OK"))
		abort();
	put("tell", TELL);
}

/* ---- which commands ---- */

static void
test_commands(void)
{
	const char *got;

	begin();
	annotate("", "tell");
	got = session("a APPEND Work " MAIL " " MAIL "\r\n"
		      "b SELECT INBOX\r\nc COPY 1 Spam\r\n"
		      "d STORE 1 +FLAGS (\\Flagged)\r\n"
		      "e FETCH 1 BODY[]\r\nz LOGOUT\r\n");
	tap_ok(says(got, "a OK [APPENDUID") && says(got, "c OK [COPYUID") &&
		says(got, "d OK") && says(got, "e OK"),
	    "all succeed");
	tap_ok(count("APPEND-Work-") == 2, "APPEND: one for each message");
	tap_ok(count("COPY-Spam-") == 1, "COPY: of the target");
	tap_ok(count("FLAG-INBOX-\\\\Flagged") == 1, "STORE");
	tap_ok(count("FLAG-INBOX-\\\\Seen") == 1, "FETCH that sets \\Seen");
	got = session("b SELECT INBOX\r\nd STORE 1 +FLAGS (\\Flagged)\r\n"
		      "d STORE 1 -FLAGS (\\Draft)\r\nd STORE 1 FLAGS "
		      "(\\Flagged \\Seen)\r\ne FETCH 1 BODY[]\r\n"
		      "f EXPUNGE\r\nz LOGOUT\r\n");
	tap_ok(count("FLAG-INBOX-\\\\Flagged") == 1 &&
		count("FLAG-INBOX-\\\\Seen") == 1,
	    "what changes nothing is no event");
	got = session("b SELECT INBOX\r\nd STORE 1 FLAGS (\\Answered Work)\r\n"
		      "z LOGOUT\r\n");
	tap_ok(count("FLAG-INBOX-\\\\Answered \\\\Flagged \\\\Seen Work") == 1,
	    "all that changed is told");
	got = session("b SELECT INBOX\r\nd MOVE 1 Spam\r\nz LOGOUT\r\n");
	tap_ok(says(got, "d OK") && count("COPY-Spam-") == 2 &&
		count("INBOX") == 0,
	    "MOVE is a COPY");
	/* copies that scripts made are no events */
	tap_ok(count("APPEND-Work-") == 2 &&
		!says(session("a LIST \"\" *\r\nz LOGOUT\r\n"), "COPY-COPY"),
	    "a script's own doing is none");
}

/* Several messages at once, with different changes. */
static void
test_many(void)
{
	static char commands[20000];
	size_t at = 0;

	begin();
	annotate("INBOX", "tell");
	for (int i = 0; i < 149; i++)
		at += (size_t)snprintf(commands + at, sizeof(commands) - at,
		    "c APPEND INBOX (\\Seen) " MAIL "\r\n");
	snprintf(commands + at, sizeof(commands) - at, "z LOGOUT\r\n");
	(void)session(commands);
	tap_ok(count("APPEND-INBOX-") == 149, "appended");
	(void)session("b SELECT INBOX\r\nc STORE 1:* FLAGS (\\Seen \\Draft)\r\n"
		      "z LOGOUT\r\n");
	tap_ok(count("FLAG-INBOX-\\\\Draft") == 149 &&
		count("FLAG-INBOX-\\\\Seen \\\\Draft") == 1,
	    "each by its own change");
	(void)session("b SELECT INBOX\r\nc COPY 1:* INBOX\r\nz LOGOUT\r\n");
	tap_ok(count("COPY-INBOX-") == 150, "a copy of all");
}

/* ---- which script ---- */

static void
test_annotations(void)
{
	static const char copy[] =
	    "b SELECT INBOX\r\nc COPY 1 Spam\r\nd COPY 1 Work\r\nz LOGOUT\r\n";

	begin();
	(void)session(copy);
	tap_ok(count("COPY-Spam-") == -1, "no annotation, no script");
	annotate("Spam", "tell");
	(void)session(copy);
	tap_ok(count("COPY-Spam-") == 1 && count("COPY-Work-") == -1,
	    "that of the mailbox");
	annotate("", "tell");
	(void)session(copy);
	tap_ok(count("COPY-Spam-") == 2 && count("COPY-Work-") == 1,
	    "that of the server for the others");
	annotate("Spam", "");
	annotate("Work", "no such script");
	tap_ok(says(session(copy), "d OK [COPYUID"), "a missing one harms not");
	tap_ok(count("COPY-Spam-") == 2 && count("COPY-Work-") == 1,
	    "empty or unusable: the server's is not taken instead");
	put("broken", "fileinto");
	annotate("Work", "broken");
	tap_ok(says(session(copy), "d OK [COPYUID") && count("COPY-Work-") == 1,
	    "nor does a broken one");
	annotate("Spam", "tell");
	users = false;
	(void)session(copy);
	tap_ok(count("COPY-Spam-") == 2, "none of users where they may not");
	wire_put_u8(&globals, FILTER_EVENT_BEFORE);
	wire_put_bytes(&globals, VIEW_LIT("x"));
	wire_put_bytes(&globals, VIEW_LIT(TELL));
	(void)session(copy);
	tap_ok(count("COPY-Spam-") == 3, "the administrator's runs");
}

/* ---- what scripts do ---- */

static void
test_doing(void)
{
	const char *got;

	begin();
	annotate("", "do");
	put("do",
	    REQUIRE "if environment \"imap.cause\" \"FLAG\" "
		    "{ addflag \"\\\\Answered\"; } else { addflag [\"$Junk\", "
		    "\"\\\\Seen\"]; }");
	got = session("a SELECT Spam\r\nb APPEND Spam " MAIL "\r\n"
		      "c NOOP\r\nd FETCH 1 FLAGS\r\n"
		      "e STORE 1 +FLAGS.SILENT (\\Draft)\r\nf NOOP\r\n"
		      "z LOGOUT\r\n");
	tap_ok(says(got, "* 1 FETCH (FLAGS (\\Seen \\Recent $Junk))"),
	    "flags of a message that was appended");
	tap_ok(says(strstr(got, "e OK"),
		   "* 1 FETCH (FLAGS (\\Answered \\Seen \\Draft \\Recent "
		   "$Junk))"),
	    "flags of one that was flagged are told at the next command");
	tap_ok(strstr(got, "f OK") != NULL, "and no event follows");
	put("do", "require \"vacation\"; discard;");
	got = session("a SELECT Spam\r\nb APPEND Spam " MAIL "\r\nc NOOP\r\n"
		      "d SEARCH DELETED\r\nz LOGOUT\r\n");
	tap_ok(says(got, "b OK") && says(got, "* SEARCH\r\n"),
	    "what may not be required does nothing");
	put("do", "discard;");
	got = session("a SELECT Spam\r\nb APPEND Spam " MAIL "\r\nc NOOP\r\n"
		      "d SEARCH DELETED\r\nz LOGOUT\r\n");
	tap_ok(says(got, "* SEARCH 3\r\n"), "discard marks \\Deleted");
}

static void
test_leaving(void)
{
	static const char append[] = "a SELECT Spam\r\nb APPEND Spam " MAIL
				     "\r\nc NOOP\r\nd SEARCH DELETED\r\n"
				     "e APPEND Spam " MAIL "\r\nz LOGOUT\r\n";
	const char *got;

	begin();
	annotate("Spam", "send");
	put("send", "redirect \"x@example.com\";");
	got = session(append);
	tap_ok(submitted == 2 && strcmp(last_to, "x@example.com") == 0 &&
		says(got, "* SEARCH 1\r\n"),
	    "taken: %zu, \\Deleted", submitted);
	fate = REFUSED;
	got = session(append);
	tap_ok(submitted == 4 && says(got, "b OK") && says(got, "e OK") &&
		says(got, "* SEARCH 1 2\r\n"),
	    "refused: the message is kept");
	fate = UNHEARD;
	got = session(append);
	tap_ok(submitted == 6 && says(got, "b OK") &&
		says(got, "* SEARCH 1 2\r\n"),
	    "not taken: kept");
	fate = HUB_GONE;
	got = session(append);
	tap_ok(submitted == 7 && says(got, "b OK [APPENDUID"),
	    "the hub is gone: the command is answered, and nothing asked "
	    "again");
	fate = TAKEN;
	put("send",
	    "require \"copy\"; redirect :copy \"a@example.com\"; redirect "
	    ":copy \"b@example.com\"; redirect :copy \"c@example.com\";");
	(void)session("b SELECT Spam\r\nc COPY 1:8 Spam\r\nd COPY 1:16 "
		      "Spam\r\nz LOGOUT\r\n");
	tap_ok(
	    submitted == 7 + 24 + 48 && strcmp(last_to, "c@example.com") == 0,
	    "many: %zu", submitted);
}

static void
test_capability(void)
{
	tap_ok(says(session("a CAPABILITY\r\nz LOGOUT\r\n"),
		   " IMAPSIEVE=sieve://mail.example.org\r\na OK"),
	    "told what the settings say");
}

int
main(void)
{
	dir = scratch_make(&path);
	test_commands();
	test_many();
	test_annotations();
	test_doing();
	test_leaving();
	test_capability();
	buf_fini(&globals);
	scratch_end(&dir, &path);
	return tap_done();
}
