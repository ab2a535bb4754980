/* The rules at an IMAP event (RFC 6785): what may stand in a script, what it is
 * told, and what becomes of a message that is in its mailbox. */
#include <stdio.h>

#include "base/wire.h"
#include "scratch.h"
#include "session/filter.h"
#include "session/scripts.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "tap.h"

#define NOW 1767225600
#define REQUIRE                                                                \
	"require [\"imapsieve\", \"environment\", \"fileinto\", \"copy\", "    \
	"\"imap4flags\", \"mailbox\", \"editheader\", \"enotify\", "           \
	"\"variables\", \"ihave\", \"include\"];\n"

static int dir;
static struct account *account;
static struct filter *filter;
static struct buf globals = { .max = 1 << 20 };

static const char octets[] = "Return-Path: <alice@example.net>\r\n"
			     "Delivered-To: bob@example.org\r\n"
			     "From: alice@example.net\r\n"
			     "Subject: hello\r\n\r\nBody\r\n";

static struct view
v(const char *s)
{
	return view_str(s);
}

static void
put(const char *name, const char *text)
{
	struct scripts *s = scripts_new(dir, NULL);

	if (scripts_put(s, v(name), v(text)) != SCRIPTS_OK)
		abort();
	scripts_free(&s);
}

static void
open_filter(void)
{
	struct filter_env e = { .dir = dir,
		.account = account,
		.user = VIEW_LIT("bob@example.org"),
		.host = VIEW_LIT("mail.example.org"),
		.globals = buf_view(&globals) };

	filter_free(&filter);
	filter = filter_new(&e);
}

static struct filter_message
message_of(enum filter_cause cause, const char *mailbox)
{
	return (struct filter_message){ .octets = v(octets),
		.now = NOW,
		.cause = cause,
		.mailbox = v(mailbox),
		.imap_user = VIEW_LIT("bob@example.org") };
}

/* "INBOX Work:redirect deleted" of a plan; the message's own place is "-". */
static const char *
plan_text(const struct filter_plan *p)
{
	static char out[1024];
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->n_places; i++)
		at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%.*s",
		    i > 0 ? " " : "",
		    p->places[i].keep ? 1 : (int)p->places[i].mailbox.n,
		    p->places[i].keep ? "-"
				      : (const char *)p->places[i].mailbox.p);
	for (size_t i = 0; i < p->n_outs; i++)
		at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%d",
		    i > 0 ? " " : ":", (int)p->outs[i].kind);
	snprintf(
	    out + at, sizeof(out) - at, "%s", p->cancel_keep ? " deleted" : "");
	return out;
}

static void
want_of(const struct filter_message *m, const char *script, const char *want)
{
	struct filter_plan p;

	put("event", script);
	if (!filter_event_script(filter, v("event")) && want[0] != '!')
		abort();
	filter_plan(filter, m, &p);
	tap_ok(strcmp(plan_text(&p), want) == 0,
	    "%.40s: got \"%s\", want \"%s\" (%s)",
	    strncmp(script, REQUIRE, sizeof(REQUIRE) - 1) == 0
		? script + sizeof(REQUIRE) - 1
		: script,
	    plan_text(&p), want, p.error.text);
	filter_done(filter, &p);
	filter_plan_fini(&p);
}

static void
want(const char *script, const char *want)
{
	struct filter_message m = message_of(FILTER_COPY, "Spam");

	want_of(&m, script, want);
}

static void
test_actions(void)
{
	want("", "-");
	want("keep;", "-");
	want("discard;", " deleted");
	want(REQUIRE "discard; keep;", "-");
	want(REQUIRE "fileinto \"Work\";", "Work deleted");
	want(REQUIRE "fileinto :copy \"Work\";", "Work -");
	/* another message, even where the own name is said */
	want(REQUIRE "fileinto \"Spam\";", "Spam deleted");
	want(REQUIRE "fileinto :copy \"INBOX\";", "INBOX -");
	want(REQUIRE "keep; fileinto \"INBOX\";", "- INBOX");
	want(REQUIRE "redirect \"x@example.com\";", ":1 deleted");
	want(REQUIRE "redirect :copy \"x@example.com\";", "-:1");
	want(REQUIRE "redirect \"bob@example.org\";", "-");
	want(REQUIRE "notify \"mailto:x@example.com\";", "-:5");
	want(REQUIRE "addflag \"\\\\Seen\";", "-");
	want(REQUIRE "addheader \"X-A\" \"b\"; fileinto :copy \"Work\";",
	    "Work -");
}

static void
test_inapplicable(void)
{
	want("require \"vacation\"; discard;", "-");
	want("require \"vacation-seconds\"; discard;", "-");
	want("require \"reject\"; discard;", "-");
	want("require \"ereject\"; discard;", "-");
	want(REQUIRE "if ihave \"vacation\" { discard; }", "-");
	want(REQUIRE "if not ihave \"reject\" { discard; }", " deleted");
	want("require \"envelope\"; discard;", " deleted");
	want("require \"envelope\";"
	     "if not envelope \"to\" \"x\" { discard; }",
	    "-");
	put("part", "require \"reject\"; discard;");
	want(REQUIRE "include :personal \"part\";", "-");
	put("part", "require \"imapsieve\"; discard;");
	want(REQUIRE "include :personal \"part\";", " deleted");
	/* errors keep, and undo */
	want(REQUIRE "fileinto \"Work\"; include :personal \"none\";", "-");
	want(REQUIRE "discard; error \"no\";", "-");
}

#define ITEM(name, value)                                                      \
	REQUIRE "if environment :is \"" name "\" \"" value "\" { discard; }"

static void
test_environment(void)
{
	static const struct view flags[] = { VIEW_LIT("\\Flagged"),
		VIEW_LIT("work") };
	static const struct view changed[] = { VIEW_LIT("\\Flagged"),
		VIEW_LIT("home") };
	struct filter_message m = message_of(FILTER_FLAG, "Home/\xc3\xa4");

	want(ITEM("imap.cause", "COPY"), " deleted");
	want(ITEM("imap.mailbox", "Spam"), " deleted");
	want(ITEM("imap.user", "bob@example.org"), " deleted");
	want(ITEM("imap.email", "bob@example.org"), " deleted");
	want(ITEM("imap.changedflags", ""), " deleted");
	want(ITEM("location", "MS"), " deleted");
	want(ITEM("phase", "post"), " deleted");
	m.flags = flags;
	m.n_flags = 2;
	m.changed = changed;
	m.n_changed = 2;
	want_of(&m, ITEM("imap.cause", "FLAG"), " deleted");
	want_of(&m, ITEM("imap.mailbox", "Home/\xc3\xa4"), " deleted");
	want_of(&m, ITEM("imap.changedflags", "\\\\Flagged home"), " deleted");
	want_of(&m,
	    REQUIRE "if allof (hasflag \"\\\\Flagged\", not hasflag \"home\","
		    "environment :contains \"imap.changedflags\" \"home\")"
		    "{ discard; }",
	    " deleted");
	m = message_of(FILTER_APPEND, "INBOX");
	want_of(&m, ITEM("imap.cause", "APPEND"), " deleted");
	/* at delivery they are empty (section 4.2) */
	m.cause = FILTER_BY_HAND;
	m.script = v(REQUIRE
	    "if allof (environment :is \"imap.user\" \"\", environment :is "
	    "\"imap.email\" \"\", not environment \"imap.cause\" \"\")"
	    "{ discard; }");
	want_of(&m, "", " deleted");
}

/* What leaves comes from the user, and the same twice is not the same one. */
static void
test_leaving(void)
{
	static const uint8_t none[FILTER_KEY_SIZE];
	struct filter_message m = message_of(FILTER_COPY, "Spam");
	struct filter_plan p;

	put("event",
	    REQUIRE "redirect \"x@example.com\"; notify "
		    "\"mailto:y@example.com\";");
	(void)!filter_event_script(filter, v("event"));
	filter_plan(filter, &m, &p);
	tap_ok(p.n_outs == 2 &&
		view_eq(p.outs[0].sender, v("bob@example.org")) &&
		view_eq(p.outs[1].sender, v("bob@example.org")),
	    "redirect and notification: the sender is the owner");
	tap_ok(memcmp(p.outs[0].key, none, sizeof(none)) == 0, "no key");
	filter_refused(filter, &p, 0);
	tap_ok(strcmp(plan_text(&p), "-:1 5") == 0 && !filter_event_stores(&p),
	    "a redirect that is refused: kept (%s)", plan_text(&p));
	filter_plan_fini(&p);
}

/* ---- what is stored ---- */

static uint32_t
mailbox(const char *name)
{
	struct mailbox_row row;

	return mailbox_find(account, v(name), &row) == 0 ? row.id : 0;
}

static size_t
rows_of(const char *name, struct message_row row[8])
{
	size_t n = 0;

	return message_rows(
		   account, mailbox(name), 1, UINT32_MAX, row, 8, &n) == 0
	    ? n
	    : 0;
}

/* A message in the mailbox with \Flagged; its UID. */
static uint32_t
append(const char *name)
{
	struct store_flags flags = { .system = STORE_FLAGGED };
	struct spool *s = NULL;
	uint64_t body, modseq;
	uint32_t uid = 0, id = mailbox(name);
	struct tx *t;

	if (spool_open(account, 0, &s) != 0 || spool_write(s, v(octets)) != 0 ||
	    spool_finish(s) != 0 || tx_begin(account, &t) != 0 ||
	    (id == 0 && tx_mailbox_create(t, v(name), 0, &id) != 0) ||
	    tx_body(t, s, &body) != 0 ||
	    tx_message(t, id, body, &flags, NOW, 60, &uid) != 0 ||
	    tx_commit(&t, &modseq) != 0)
		abort();
	spool_free(&s);
	return uid;
}

/* Run it for a new message of Spam, of which another session meanwhile takes
 * what `meanwhile` says. */
static void
run(const char *script, enum tx_flags_how how, uint16_t meanwhile)
{
	static const struct view flags[] = { VIEW_LIT("\\Flagged") };
	struct filter_message m = message_of(FILTER_COPY, "Spam");
	struct store_flags f = { .system = meanwhile };
	struct uid_run *changed = NULL, *modified = NULL, run;
	struct filter_plan p;
	size_t n_changed, n_modified;
	uint64_t modseq;
	struct tx *t;

	run.lo = run.hi = append("Spam");
	m.flags = flags;
	m.n_flags = 1;
	put("event", script);
	(void)!filter_event_script(filter, v("event"));
	filter_plan(filter, &m, &p);
	if (filter_spool(filter, &p) != 0 || tx_begin(account, &t) != 0 ||
	    (meanwhile != 0 &&
		tx_flags(t, mailbox("Spam"), &run, 1, how, &f, 0, &changed,
		    &n_changed, &modified, &n_modified) != 0) ||
	    filter_event_store(filter, &p, t, mailbox("Spam"), run.lo) != 0 ||
	    tx_commit(&t, &modseq) != 0)
		abort();
	free(changed);
	free(modified);
	filter_done(filter, &p);
	filter_plan_fini(&p);
}

static void
want_last(const char *box, unsigned system, const char *what)
{
	struct message_row row[8] = { 0 };
	size_t n = rows_of(box, row);

	tap_ok(n > 0 && row[n - 1].flags.system == system, "%s: %u", what,
	    n > 0 ? row[n - 1].flags.system : 999u);
}

static void
empty(const char *name)
{
	struct uid_run all = { 1, UINT32_MAX }, *gone;
	uint64_t modseq;
	size_t n;
	struct tx *t;

	if (tx_begin(account, &t) != 0 ||
	    tx_expunge(t, mailbox(name), &all, 1, false, &gone, &n) != 0 ||
	    tx_commit(&t, &modseq) != 0)
		abort();
	free(gone);
}

static void
test_store(void)
{
	struct message_row row[8];

	(void)append("Work");
	empty("Work");
	run(REQUIRE "fileinto \"Work\";", TX_FLAGS_ADD, 0);
	want_last(
	    "Spam", STORE_FLAGGED | STORE_DELETED, "filed away: \\Deleted");
	want_last("Work", STORE_FLAGGED, "the copy has its flags");
	tap_ok(rows_of("Work", row) == 1 && row[0].date == NOW &&
		row[0].zone == 60,
	    "and its date");
	run(REQUIRE "fileinto :copy :flags \"\\\\Seen\" \"Work\";",
	    TX_FLAGS_ADD, 0);
	want_last("Spam", STORE_FLAGGED, "a copy leaves it as it is");
	want_last("Work", STORE_SEEN, "the copy has those it was given");
	run(REQUIRE "addflag \"\\\\Seen\"; removeflag \"\\\\Flagged\";",
	    TX_FLAGS_ADD, STORE_ANSWERED);
	want_last("Spam", STORE_SEEN | STORE_ANSWERED,
	    "flags are changed, and those of others stay");
	run(REQUIRE "setflag \"\\\\Flagged\";", TX_FLAGS_REMOVE, STORE_FLAGGED);
	want_last("Spam", 0, "what the script did not change stays taken away");
	run(REQUIRE "addflag \"Learnt\";", TX_FLAGS_ADD, 0);
	tap_ok(rows_of("Spam", row) >= 5 && row[4].flags.keywords[0] != 0,
	    "a keyword is made");
	run("discard;", TX_FLAGS_ADD, 0);
	want_last("Spam", STORE_FLAGGED | STORE_DELETED, "discard: \\Deleted");
	empty("Spam");
	run(REQUIRE "fileinto \"Nowhere\";", TX_FLAGS_ADD, 0);
	want_last("Spam", STORE_FLAGGED, "not filed: not \\Deleted");
	tap_ok(mailbox("Nowhere") == 0 && rows_of("INBOX", row) == 0,
	    "and not in INBOX either");
	run(REQUIRE "fileinto :create \"New/One\";", TX_FLAGS_ADD, 0);
	want_last("New/One", STORE_FLAGGED, "made when that is asked");
	run(REQUIRE "fileinto :copy \"Spam\";", TX_FLAGS_ADD, 0);
	tap_ok(rows_of("Spam", row) == 4 && row[2].body == row[3].body,
	    "another one beside it, of the same octets");
}

/* Two names of one mailbox: one copy, with the flags of both. */
static void
test_one_copy(void)
{
	struct message_row row[8];

	run("require [\"imapsieve\", \"fileinto\", \"copy\", \"mailbox\","
	    "\"imap4flags\", \"special-use\"];"
	    "fileinto :copy :create :specialuse \"\\\\Junk\""
	    "    :flags \"\\\\Seen\" \"Junk\";"
	    "fileinto :copy :flags \"\\\\Draft\" \"Junk\";",
	    TX_FLAGS_ADD, 0);
	tap_ok(rows_of("Junk", row) == 1, "one copy for two names");
	want_last("Junk", STORE_SEEN | STORE_DRAFT, "with the flags of both");
}

/* An edited copy is another message; the one that is kept is as it was. */
static void
test_edited(void)
{
	struct message_row spam[8], work[8];
	size_t n, k;

	empty("Spam");
	empty("Work");
	run(REQUIRE "addheader \"X-A\" \"b\"; fileinto :copy \"Work\";",
	    TX_FLAGS_ADD, 0);
	n = rows_of("Spam", spam);
	k = rows_of("Work", work);
	tap_ok(n == 1 && k == 1 && spam[0].body != work[0].body &&
		spam[0].size + 8 == work[0].size,
	    "edited: %u, %u", spam[0].size, work[0].size);
}

static void
test_gone(void)
{
	struct filter_message m = message_of(FILTER_FLAG, "Spam");
	struct message_row row[8];
	uint64_t modseq;
	struct filter_plan p;
	struct tx *t;

	put("event", REQUIRE "fileinto \"Work\";");
	(void)!filter_event_script(filter, v("event"));
	filter_plan(filter, &m, &p);
	tap_ok(filter_event_stores(&p), "something is to be done");
	empty("Work");
	if (tx_begin(account, &t) != 0 ||
	    filter_event_store(filter, &p, t, mailbox("Spam"), 9999) != 0 ||
	    filter_event_store(filter, &p, t, 9999, 1) != 0 ||
	    tx_commit(&t, &modseq) != 0)
		abort();
	tap_ok(
	    rows_of("Work", row) == 0, "but not with a message that is gone");
	filter_plan_fini(&p);
}

/* ---- which script ---- */

static void
add_global(uint8_t where, const char *name, const char *text)
{
	wire_put_u8(&globals, where);
	wire_put_bytes(&globals, v(name));
	wire_put_bytes(&globals, v(text));
}

static void
test_scripts(void)
{
	static const char nul[] = { 'a', '\0', 'b' };
	struct filter_message m = message_of(FILTER_COPY, "Spam");
	struct filter_plan p;

	tap_ok(!filter_event_script(filter, v("")) &&
		!filter_event_script(filter, v("no such")) &&
		!filter_event_script(filter, v("../active")) &&
		!filter_event_script(
		    filter, (struct view){ (const uint8_t *)nul, 3 }),
	    "no script, no such, no name");
	put("broken", "oh no");
	tap_ok(!filter_event_script(filter, v("broken")), "broken");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "-") == 0 && !filter_event_stores(&p),
	    "then nothing is done");
	filter_plan_fini(&p);
	/* one that is replaced while a plan of it is open */
	put("event", "discard;");
	(void)!filter_event_script(filter, v("event"));
	filter_plan(filter, &m, &p);
	put("event", "keep;");
	tap_ok(filter_event_script(filter, v("event")), "replaced");
	tap_ok(strcmp(plan_text(&p), " deleted") == 0, "the plan stands");
	filter_plan_fini(&p);
	want("keep;", "-");

	tap_ok(!filter_has_event_scripts(filter), "no administrator's");
	add_global(FILTER_BEFORE, "delivery", "discard;");
	add_global(FILTER_EVENT_BEFORE, "a",
	    REQUIRE "if environment \"imap.mailbox\" \"Ham\" { discard; }"
		    "if environment \"imap.mailbox\" \"Seen\""
		    "{ addflag \"\\\\Seen\"; }");
	add_global(FILTER_EVENT_AFTER, "z", REQUIRE "fileinto \"Rest\";");
	open_filter();
	tap_ok(filter_has_event_scripts(filter) &&
		filter_event_script(filter, v("")),
	    "the administrator's run without one of the user's");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "Rest deleted") == 0, "so: %s",
	    plan_text(&p));
	filter_plan_fini(&p);
	want("keep;", "-");
	want("stop;", "Rest deleted");
	/* flags of one are shown to the next, and stay */
	m.mailbox = v("Seen");
	want_of(&m, "keep;", "-");
	filter_plan(filter, &m, &p);
	tap_ok(p.n_places == 1 && p.places[0].flags_known &&
		p.places[0].flags == STORE_SEEN,
	    "flags of the script before");
	filter_plan_fini(&p);
	want_of(&m, REQUIRE "if hasflag \"\\\\Seen\" { fileinto \"Read\"; }",
	    "Read deleted");
	m.mailbox = v("Ham");
	want_of(&m, "keep;", " deleted");
	m.cause = FILTER_DELIVERY;
	want_of(&m, "keep;", " deleted");
}

int
main(void)
{
	struct why w = { "" };
	char *path;

	dir = scratch_make(&path);
	if (account_open(dir, true, NULL, &account, &w) != 0)
		abort();
	open_filter();
	test_actions();
	test_inapplicable();
	test_environment();
	test_leaving();
	test_store();
	test_one_copy();
	test_edited();
	test_gone();
	test_scripts();
	filter_free(&filter);
	buf_fini(&globals);
	account_close(&account);
	scratch_end(&dir, &path);
	return tap_done();
}
