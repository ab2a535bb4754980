#include "session/filter.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/wire.h"
#include "scratch.h"
#include "session/scripts.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "tap.h"

#define NOW 1767225600

static int dir;
static struct account *account;
static struct filter *filter;
static struct buf globals = { .max = 1 << 20 };

static struct view
v(const char *s)
{
	return view_str(s);
}

static void
activate(const char *text)
{
	struct scripts *s = scripts_new(dir, NULL);

	if (scripts_put(s, v("main"), v(text)) != SCRIPTS_OK ||
	    scripts_activate(s, v("main")) != SCRIPTS_OK)
		abort();
	scripts_free(&s);
}

/* Past ManageSieve, which takes no broken one. */
static void
by_hand(const char *text)
{
	AUTO_CLOSE int fd =
	    openat(dir, "sieve/hand", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || fd_write(fd, v(text)) != 0 ||
	    renameat(dir, "sieve/hand", dir, "sieve/main.sieve") != 0)
		abort();
}

static struct filter *
open_filter(void)
{
	struct filter_env e = { .dir = dir,
		.account = account,
		.user = VIEW_LIT("bob@example.org"),
		.host = VIEW_LIT("mail.example.org"),
		.globals = buf_view(&globals),
		.delimiters = "-+" };

	return filter_new(&e);
}

static const char message[] = "Received: from x by y; Thu, 1 Jan 2026\r\n"
			      "From: alice@example.net\r\n"
			      "To: bob@example.org\r\n"
			      "Subject: hello\r\n"
			      "Message-ID: <1@example.net>\r\n\r\nBody\r\n";

static struct filter_message
message_of(const char *octets)
{
	return (struct filter_message){ .octets = v(octets),
		.sender = VIEW_LIT("alice@example.net"),
		.recipient = VIEW_LIT("bob@example.org"),
		.now = NOW,
		.can_refuse = true };
}

/* "INBOX Work:redirect vacation" of a plan. */
static const char *
plan_text(const struct filter_plan *p)
{
	static const char *const kinds[] = { "", "redirect", "", "vacation",
		"reject", "notify" };
	static char out[1024];
	size_t at = 0;

	out[0] = '\0';
	if (p->fate == FILTER_REFUSE)
		return "refuse";
	if (p->fate == FILTER_LATER)
		return "later";
	for (size_t i = 0; i < p->n_places; i++)
		at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%.*s",
		    i > 0 ? " " : "", (int)p->places[i].mailbox.n,
		    (const char *)p->places[i].mailbox.p);
	for (size_t i = 0; i < p->n_outs; i++)
		at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%s",
		    i > 0 ? " " : ":", kinds[p->outs[i].kind]);
	return out;
}

static void
want_plan(const char *script, const char *want)
{
	struct filter_message m = message_of(message);
	struct filter_plan p;

	activate(script);
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), want) == 0,
	    "%.28s: got \"%s\", want \"%s\"", script, plan_text(&p), want);
	filter_done(filter, &p);
	filter_plan_fini(&p);
}

/* Mail to another name of the user's. */
static void
test_alias(void)
{
	struct filter_message m = message_of(message);
	struct filter_plan p;

	m.recipient = VIEW_LIT("robert@example.org");
	activate("redirect \"Robert@example.org\";");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "INBOX") == 0,
	    "a redirect to where it came to: %s", plan_text(&p));
	filter_plan_fini(&p);
}

static void
want_now(const char *want, const char *what)
{
	struct filter_message m = message_of(message);
	struct filter_plan p;

	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), want) == 0, "%s: got \"%s\", want \"%s\"",
	    what, plan_text(&p), want);
	filter_done(filter, &p);
	filter_plan_fini(&p);
}

/* What stands between user and detail is the site's. */
static void
test_delimiters(void)
{
	struct filter_message m = message_of(message);
	struct filter_plan p;

	m.recipient = VIEW_LIT("bob-work+x@example.org");
	activate("require [\"subaddress\", \"envelope\", \"fileinto\"];"
		 "if allof (envelope :user \"to\" \"bob\","
		 "    envelope :detail \"to\" \"work+x\") {"
		 "fileinto \"Work\"; }");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "Work") == 0, "delimiters: %s",
	    plan_text(&p));
	filter_plan_fini(&p);
}

static void
test_plans(void)
{
	want_plan("", "INBOX");
	want_plan("keep;", "INBOX");
	want_plan("discard;", "");
	want_plan("require \"fileinto\"; fileinto \"Work\";", "Work");
	want_plan("require [\"fileinto\", \"copy\"]; fileinto :copy \"Work\";",
	    "Work INBOX");
	want_plan("redirect \"x@example.com\";", ":redirect");
	want_plan("redirect \"bob@example.org\";", "INBOX");
	want_plan("require \"ereject\"; ereject \"No.\";", "refuse");
	want_plan("require \"reject\"; reject \"Nein, \xc3\xa4.\";", ":reject");
	want_plan("require \"reject\"; reject text:\none\ntwo\n.\n;", "refuse");
	want_plan("require \"vacation\"; vacation \"away\";", "INBOX:vacation");
	want_plan("require \"vacation\"; vacation \"away\";", "INBOX");
	want_plan("require \"enotify\"; notify \"mailto:x@example.com\";",
	    "INBOX:notify");
	want_plan("require \"include\"; include :personal \"no\";", "INBOX");
}

/* Who is notified does not forbid to refuse, in whatever order. */
static void
test_notify_and_reject(void)
{
	static const char *const scripts[] = {
		"require [\"enotify\", \"ereject\"];"
		"notify \"mailto:x@example.com\"; ereject \"No.\";",
		"require [\"enotify\", \"ereject\"];"
		"ereject \"No.\"; notify \"mailto:x@example.com\";",
		"require [\"enotify\", \"reject\"];"
		"notify \"mailto:x@example.com\";"
		"reject \"No.\";",
	};
	struct filter_message m = message_of(message);
	struct filter_plan p;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		activate(scripts[i]);
		filter_plan(filter, &m, &p);
		tap_ok(
		    p.fate == FILTER_REFUSE && p.n_outs == 1 && p.n_places == 0,
		    "notify and reject %zu: %s", i, plan_text(&p));
		filter_plan_fini(&p);
	}
}

static const char *
repeat(const char *what, size_t n)
{
	static char out[16384];

	out[0] = '\0';
	for (char *p = out; n > 0; n--)
		p = stpcpy(p, what);
	return out;
}

/* What a refusal says; "" when it is none. */
static void
want_refusal(const char *action, const char *reason, const char *want)
{
	static char script[20000], got[FILTER_TEXT_MAX + 1];
	struct filter_message m = message_of(message);
	struct filter_plan p;

	snprintf(script, sizeof(script), "require \"%s\"; %s text:\n%s\n.\n;",
	    action, action, reason);
	activate(script);
	filter_plan(filter, &m, &p);
	snprintf(got, sizeof(got), "%s", p.fate == FILTER_REFUSE ? p.text : "");
	tap_ok(strcmp(got, want) == 0, "%s \"%.40s\": \"%.60s\"", action,
	    reason, got);
	filter_plan_fini(&p);
}

/* RFC 5429 section 2.5; a text that starts a line with "." would need care. */
static void
test_refusals(void)
{
	char want[FILTER_TEXT_MAX + 1];

	want_refusal("reject", "one", "one");
	want_refusal("reject", "one\ntwo  2\n\nthree", "one\ntwo  2\n\nthree");
	want_refusal("reject", "a\tb\001c  \nd", "a b c\nd");
	want_refusal("reject", "\303\251", "");
	want_refusal(
	    "ereject", "\303\251", "The recipient's rules refuse this message");
	/* lines: the longest, one octet more, and with a blank to break at */
	want_refusal("reject", repeat("x", FILTER_TEXT_LINE_MAX),
	    repeat("x", FILTER_TEXT_LINE_MAX));
	snprintf(
	    want, sizeof(want), "%s\nx", repeat("x", FILTER_TEXT_LINE_MAX));
	want_refusal("reject", repeat("x", FILTER_TEXT_LINE_MAX + 1), want);
	snprintf(want, sizeof(want), "%.*s\n12345678",
	    FILTER_TEXT_LINE_MAX / 9 * 9 - 1,
	    repeat("12345678 ", FILTER_TEXT_LINE_MAX / 9));
	want_refusal(
	    "reject", repeat("12345678 ", FILTER_TEXT_LINE_MAX / 9 + 1), want);
	/* as many lines as there may be, and one more */
	snprintf(
	    want, sizeof(want), "%s", repeat("x\n", FILTER_TEXT_LINES_MAX));
	want[strlen(want) - 1] = '\0';
	want_refusal("reject", want, want);
	want_refusal("reject", repeat("x\n", FILTER_TEXT_LINES_MAX + 1), "");
	want_refusal("ereject", repeat("x\n", FILTER_TEXT_LINES_MAX + 1), want);
	/* as many octets, and one more */
	want[0] = '\0';
	for (size_t i = 0; i < FILTER_TEXT_MAX; i += FILTER_TEXT_LINE_MAX + 1)
		snprintf(want + i, sizeof(want) - i, "%s%s",
		    repeat("y", FILTER_TEXT_LINE_MAX),
		    i + FILTER_TEXT_LINE_MAX < FILTER_TEXT_MAX ? "\n" : "");
	want_refusal("reject", repeat("y", 17 * FILTER_TEXT_LINE_MAX), want);
	want_refusal("reject", repeat("y", 17 * FILTER_TEXT_LINE_MAX + 1), "");
}

/* The same script and message give the same key, however it was brought. */
static void
test_keys(void)
{
	static const char again[] =
	    "Return-Path: <alice@example.net>\r\n"
	    "Delivered-To: bob@example.org\r\n"
	    "Received: from elsewhere by y; Thu, 2 Jan 2026\r\n"
	    "From: alice@example.net\r\nTo: bob@example.org\r\n"
	    "Subject: hello\r\nMessage-ID: <1@example.net>\r\n\r\nBody\r\n";
	struct filter_message m = message_of(message), n = message_of(again);
	struct filter_message o = message_of(message);
	struct filter_plan p, q, r;

	activate("redirect \"x@example.com\"; redirect \"y@example.com\";");
	n.delivered_to = true;
	o.sender = VIEW_LIT("carol@example.net");
	filter_plan(filter, &m, &p);
	filter_plan(filter, &n, &q);
	filter_plan(filter, &o, &r);
	tap_ok(p.n_outs == 2 && q.n_outs == 2 && r.n_outs == 2 &&
		memcmp(p.outs[0].key, q.outs[0].key, FILTER_KEY_SIZE) == 0 &&
		memcmp(p.outs[0].key, p.outs[1].key, FILTER_KEY_SIZE) != 0 &&
		memcmp(p.outs[0].key, r.outs[0].key, FILTER_KEY_SIZE) != 0,
	    "keys: the same for the same act alone");
	tap_ok(p.outs[0].octets.p == p.outs[1].octets.p &&
		p.outs[0].keep_if_refused,
	    "one text for both");
	filter_refused(filter, &p, 0);
	filter_refused(filter, &p, 1);
	tap_ok(p.n_places == 1 && p.places[0].original, "refused: kept, once");
	filter_plan_fini(&p);
	filter_plan_fini(&q);
	filter_plan_fini(&r);
}

/* Two of a kind to the same differ, and each is the same when it comes again. */
static void
test_keys_of_two(const char *script, size_t count)
{
	struct filter_message m = message_of(message);
	struct filter_plan p, q;
	bool good;

	activate(script);
	filter_plan(filter, &m, &p);
	filter_plan(filter, &m, &q);
	good = p.n_outs == count && q.n_outs == count;
	for (size_t i = 0; good && i < count; i++)
		for (size_t k = 0; k < count; k++)
			good = good &&
			    (memcmp(p.outs[i].key, q.outs[k].key,
				 FILTER_KEY_SIZE) == 0) == (i == k);
	tap_ok(good, "%zu outs of %.20s: keys of their own", p.n_outs, script);
	filter_plan_fini(&p);
	filter_plan_fini(&q);
}

/* Plans of one turn know of each other; one that ends undone leaves nothing. */
static void
test_memory(void)
{
	struct filter_message m = message_of(message);
	struct filter_plan p, q, r;

	m.sender = VIEW_LIT("dave@example.net");
	activate("require \"vacation\"; vacation \"gone\";");
	filter_plan(filter, &m, &p);
	filter_plan(filter, &m, &q);
	tap_ok(p.n_outs == 1 && q.n_outs == 0, "one reply in a turn");
	filter_plan_fini(&q);
	filter_plan_fini(&p);
	filter_plan(filter, &m, &r);
	tap_ok(r.n_outs == 1, "what was not done is not remembered");
	filter_refused(filter, &r, 0);
	filter_done(filter, &r);
	filter_plan_fini(&r);
	filter_plan(filter, &m, &r);
	tap_ok(r.n_outs == 1, "nor is what could not be sent");
	filter_done(filter, &r);
	filter_plan_fini(&r);
	filter_free(&filter);
	filter = open_filter();
	filter_plan(filter, &m, &r);
	tap_ok(r.n_outs == 0, "what was done is, by the next process too");
	filter_plan_fini(&r);
	m.now += 8 * 86400;
	filter_plan(filter, &m, &r);
	tap_ok(r.n_outs == 1, "until it is time again");
	filter_plan_fini(&r);
}

static void
store(struct filter_plan *p, const char *octets)
{
	struct spool *s = NULL;
	struct tx *t = NULL;
	uint64_t body = 0, modseq;

	if (filter_spool(filter, p) != 0 || spool_open(account, 0, &s) != 0 ||
	    spool_write(s, v(octets)) != 0 || spool_finish(s) != 0 ||
	    tx_begin(account, &t) != 0 ||
	    (filter_needs_original(p) && tx_body(t, s, &body) != 0) ||
	    filter_store(filter, p, t, body, NOW, 0) != 0 ||
	    tx_commit(&t, &modseq) != 0)
		abort();
	spool_free(&s);
}

static uint32_t
messages_in(const char *name)
{
	struct mailbox_row row;

	return mailbox_find(account, v(name), &row) == 0 ? row.messages : 999;
}

/* RFC 8579 section 4.1: a mailbox that is made for a special use has it, and is
 * found by it then. */
static void
test_special_use(void)
{
	struct filter_message m = message_of(message);
	struct mailbox_row box;
	struct filter_plan p;

	activate("require [\"fileinto\", \"mailbox\", \"special-use\"];\n"
		 "fileinto :specialuse \"\\\\Junk\" :create \"Spam\";");
	filter_plan(filter, &m, &p);
	store(&p, message);
	filter_done(filter, &p);
	filter_plan_fini(&p);
	tap_ok(mailbox_find(account, v("Spam"), &box) == 0 &&
		box.uses == STORE_USE_JUNK,
	    "made for a special use");
	activate("require [\"fileinto\", \"special-use\"];\n"
		 "if specialuse_exists \"\\\\Junk\" {\n"
		 "fileinto :specialuse \"\\\\Junk\" \"Other\"; }");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "Spam") == 0, "and found by it: %s",
	    plan_text(&p));
	filter_plan_fini(&p);
}

static void
test_store(void)
{
	struct filter_message m = message_of(message);
	struct message_row row;
	struct mailbox_row box;
	struct filter_plan p;
	size_t n = 0;

	activate("require [\"fileinto\", \"mailbox\", \"imap4flags\", "
		 "\"editheader\", \"copy\"];\n"
		 "fileinto :create :copy :flags [\"\\\\Seen\", \"todo\"] "
		 "\"A/B\"; fileinto :copy \"Nowhere\";\n"
		 "addheader \"X-New\" \"1\"; keep;");
	filter_plan(filter, &m, &p);
	store(&p, message);
	tap_ok(messages_in("A/B") == 1 && messages_in("INBOX") == 1 &&
		messages_in("Nowhere") == 999,
	    "made where that was asked, else INBOX");
	tap_ok(filter_inbox_uid(&p) != 0 && !p.cancel_keep, "uid in INBOX");
	filter_done(filter, &p);
	filter_plan_fini(&p);
	tap_ok(mailbox_find(account, v("A/B"), &box) == 0 &&
		message_rows(account, box.id, 1, UINT32_MAX, &row, 1, &n) ==
		    0 &&
		n == 1 && row.flags.system == STORE_SEEN &&
		row.flags.keywords[0] != 0,
	    "flags and keywords");
}

/* Copies of it that the mailbox gets when the script runs over a message. */
static uint32_t
copies(const char *script, const char *mailbox, uint16_t *flags)
{
	struct filter_message m = message_of(message);
	struct message_row row = { .uid = 0 };
	struct mailbox_row box;
	struct filter_plan p;
	uint32_t before = messages_in(mailbox);
	size_t n;

	activate(script);
	filter_plan(filter, &m, &p);
	store(&p, message);
	filter_done(filter, &p);
	filter_plan_fini(&p);
	if (mailbox_find(account, v(mailbox), &box) == 0 &&
	    message_rows(
		account, box.id, box.uidnext - 1, UINT32_MAX, &row, 1, &n) == 0)
		*flags = row.flags.system;
	return messages_in(mailbox) - (before == 999 ? 0 : before);
}

/* One mailbox gets one copy, by whatever ways it is reached (RFC 5228 section
 * 2.10.3). */
static void
test_one_copy(void)
{
	static const struct {
		const char *text, *script, *mailbox;
		uint32_t want;
		uint16_t flags;
	} cases[] = {
		{ "a missing one and the implicit keep",
		    "require [\"fileinto\", \"copy\"];"
		    "fileinto :copy \"Missing\";",
		    "INBOX", 1, 0 },
		{ "two missing ones, with their flags",
		    "require [\"fileinto\", \"imap4flags\"];"
		    "fileinto :flags \"\\\\Seen\" \"Missing\";"
		    "fileinto :flags \"\\\\Flagged\" \"Missing2\";",
		    "INBOX", 1, STORE_SEEN | STORE_FLAGGED },
		{ "a special use that is made",
		    "require [\"fileinto\", \"mailbox\", \"special-use\"];"
		    "fileinto :specialuse \"\\\\Trash\" :create \"J2\";"
		    "fileinto :create \"J2\";",
		    "J2", 1, 0 },
		{ "a redirect to oneself, and keep",
		    "redirect \"bob@example.org\"; keep;", "INBOX", 1, 0 },
		{ "two redirects to oneself",
		    "redirect \"bob@example.org\"; redirect "
		    "\"Bob@example.org\";",
		    "INBOX", 1, 0 },
		{ "edited in between",
		    "require [\"fileinto\", \"copy\", \"editheader\"];"
		    "fileinto :copy \"Missing\"; addheader \"X-New\" \"1\";",
		    "INBOX", 1, 0 },
		{ "but another body is another",
		    "require [\"fileinto\", \"copy\", \"replace\","
		    "\"foreverypart\"]; fileinto :copy \"Missing\";"
		    "foreverypart { replace \"gone\"; }",
		    "INBOX", 2, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t flags = 0xffff;
		uint32_t got =
		    copies(cases[i].script, cases[i].mailbox, &flags);

		tap_ok(got == cases[i].want && flags == cases[i].flags,
		    "%s: %u copies, flags %#x", cases[i].text, got, flags);
	}
}

/* The user hears once of each broken text; the last good one goes on. */
static void
test_broken(void)
{
	struct filter_message m = message_of(message);
	struct filter_plan p;

	want_plan("require \"fileinto\"; fileinto \"Good\";", "Good");
	by_hand("require \"fileinto\"; fileinto");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "Good INBOX") == 0 && p.n_places == 2 &&
		!p.places[1].original,
	    "a note: %s", plan_text(&p));
	filter_done(filter, &p);
	filter_plan_fini(&p);
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "Good") == 0, "no second one");
	filter_plan_fini(&p);
	by_hand("stop");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "Good INBOX") == 0,
	    "another note for another text");
	filter_plan_fini(&p);
	want_plan("require \"variables\"; set \"x\" \"\";", "INBOX");
}

/* No file of the name can be opened, but not because there is none. */
static void
test_unreadable(void)
{
	want_plan("require \"fileinto\"; fileinto \"Good\";", "Good");
	if (unlinkat(dir, "sieve/main.sieve", 0) != 0 ||
	    symlinkat("main.sieve", dir, "sieve/main.sieve") != 0)
		abort();
	want_now("Good", "what was good goes on");
	if (unlinkat(dir, "sieve/active.good", 0) != 0)
		abort();
	want_now("later", "without it nothing is decided");
	by_hand("discard;");
	want_now("", "until it can be read");
}

/* A script of the largest size is run. */
static void
test_largest(void)
{
	static char text[SCRIPTS_SIZE_MAX + 1];

	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, "discard;", 8);
	want_plan(text, "");
	filter_free(&filter);
	filter = open_filter();
	by_hand("oh no");
	want_now("INBOX", "and it is good when the next one is not");
	want_plan("keep;", "INBOX");
}

static void
add_global(uint8_t where, const char *name, const char *text)
{
	wire_put_u8(&globals, where);
	wire_put_bytes(&globals, v(name));
	wire_put_bytes(&globals, v(text));
}

static void
test_globals(void)
{
	add_global(FILTER_BEFORE, "a",
	    "if header :is \"subject\" \"spam\" { discard; }");
	add_global(FILTER_BEFORE, "broken", "oh no");
	add_global(
	    FILTER_AFTER, "z", "require \"fileinto\"; fileinto \"Rest\";");
	add_global(
	    FILTER_GLOBAL, "lib", "require \"fileinto\"; fileinto \"Lib\";");
	filter_free(&filter);
	filter = open_filter();
	want_plan("", "Rest");
	want_plan("keep;", "INBOX");
	want_plan("require \"include\"; include :global \"lib\";", "Lib");
	want_plan("require \"include\"; include :global \"a\";", "INBOX");
	for (size_t n = 0; n < globals.n; n++) {
		struct filter_env e = { .dir = dir,
			.account = account,
			.user = VIEW_LIT("bob"),
			.host = VIEW_LIT("h"),
			.globals = { globals.p, n } };
		struct filter_message m = message_of(message);
		struct filter *f = filter_new(&e);
		struct filter_plan p;

		filter_plan(f, &m, &p);
		if (p.n_places == 0)
			abort();
		filter_plan_fini(&p);
		filter_free(&f);
	}
	tap_ok(true, "the administrator's scripts, cut at every length");
}

/* The administrator's script that runs before the user's; NULL: none. */
static void
set_before(const char *text)
{
	globals.n = 0;
	if (text != NULL)
		add_global(FILTER_BEFORE, "a", text);
	filter_free(&filter);
	filter = open_filter();
}

/* RFC 7352 section 3: what the administrator's script asked is no duplicate to
 * the user's in the same delivery; it is in the next. */
static void
test_duplicate_twice(void)
{
	static const char script[] =
	    "require [\"duplicate\", \"fileinto\"];"
	    "if duplicate { fileinto \"Again\"; } else { fileinto \"First\"; }";

	set_before("require \"duplicate\"; if duplicate { keep; }");
	want_plan(script, "First");
	want_plan(script, "INBOX");
	set_before("require \"duplicate\"; if duplicate :last { stop; }");
	want_plan(script, "Again");
	set_before(NULL);
}

/* RFC 7352 section 3: nothing is a duplicate by mistake. While it is not known
 * what becomes of the first message, the second has no answer. */
static void
want_waits(const char *script, bool done, const char *want)
{
	struct filter_message m = message_of(message);
	struct filter_plan first, second;

	activate(script);
	filter_plan(filter, &m, &first);
	filter_plan(filter, &m, &second);
	tap_ok(!first.waits && strcmp(plan_text(&first), "First") == 0 &&
		second.waits && strcmp(plan_text(&second), "later") == 0,
	    "the second waits: %s", plan_text(&second));
	filter_plan_fini(&second);
	if (done)
		filter_done(filter, &first);
	filter_plan_fini(&first);
	filter_plan(filter, &m, &second);
	tap_ok(!second.waits && strcmp(plan_text(&second), want) == 0,
	    "the first is %s: %s", done ? "done" : "not done",
	    plan_text(&second));
	filter_plan_fini(&second);
}

static void
test_duplicate_waits(void)
{
	want_waits("require [\"duplicate\", \"fileinto\"]; if duplicate "
		   ":handle \"w\" { discard; } else { fileinto \"First\"; }",
	    false, "First");
	want_waits("require [\"duplicate\", \"fileinto\"]; if duplicate :last "
		   ":handle \"w\" { fileinto \"Again\"; } else { fileinto "
		   "\"First\"; }",
	    false, "First");
	want_waits("require [\"duplicate\", \"fileinto\"]; if duplicate :last "
		   ":handle \"w\" { fileinto \"Again\"; } else { fileinto "
		   "\"First\"; }",
	    true, "Again");
}

static void
want_behind(const char *before, const char *script, const char *want)
{
	set_before(before);
	want_plan(script, want);
	set_before(NULL);
}

/* Scripts of a chain may both answer; the sender hears one of them. */
static void
test_chain_answers(void)
{
	static const char away[] =
	    "require \"vacation\"; vacation :handle \"a\" \"gone\";";

	want_behind(away,
	    "require \"vacation\"; vacation :handle \"b\" \"away\";",
	    "INBOX:vacation");
	want_behind("require \"vacation\"; vacation :handle \"c\" \"gone\";",
	    "require \"ereject\"; ereject \"No.\";", "refuse");
	want_behind("require [\"vacation\", \"fileinto\", \"copy\"];"
		    "vacation :handle \"d\" \"gone\"; fileinto :copy \"All\";",
	    "require \"ereject\"; ereject \"No.\";", "All:reject");
}

/* A script that runs before cannot make it mail that is answered. */
static void
test_chain_vetoes(void)
{
	struct filter_message m =
	    message_of("Precedence: bulk\r\nFrom: alice@example.net\r\n"
		       "To: bob@example.org\r\n\r\nBody\r\n");
	struct filter_plan p;

	set_before("require \"editheader\"; deleteheader \"Precedence\";");
	activate("require \"vacation\"; vacation :handle \"e\" \"gone\";");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "INBOX") == 0, "a veto taken out: %s",
	    plan_text(&p));
	filter_plan_fini(&p);
	set_before(NULL);
}

/* The scripts of a chain are one: a mailbox gets one copy of all of them. */
static void
test_chain_copies(void)
{
	static const char work[] =
	    "require [\"fileinto\", \"mailbox\", \"imap4flags\"];"
	    "fileinto :flags \"\\\\Seen\" :create \"Chain\";";
	uint16_t flags = 0;

	set_before(
	    "require [\"fileinto\", \"mailbox\", \"copy\", \"editheader\"];"
	    "fileinto :copy :create \"Chain\"; addheader \"X-New\" \"1\";");
	tap_ok(copies(work, "Chain", &flags) == 1 && flags == STORE_SEEN,
	    "one copy of a chain");
	set_before("require [\"fileinto\", \"copy\", \"replace\","
		   "\"foreverypart\"]; fileinto :copy \"Chain\";"
		   "foreverypart { replace \"gone\"; }");
	tap_ok(copies(work, "Chain", &flags) == 2,
	    "but two where one has replaced the body");
	set_before(NULL);
}

/* Flags that one script gives are there for the next, as RFC 5232 section 2 has it
 * for one. */
static void
test_chain_flags(void)
{
	static const char own[] =
	    "require \"imap4flags\"; addflag \"\\\\Seen\";";
	uint16_t flags = 0;

	set_before("require \"imap4flags\"; addflag \"\\\\Flagged\";");
	(void)copies("", "INBOX", &flags);
	tap_ok(flags == STORE_FLAGGED, "a flag stays: %#x", flags);
	(void)copies(own, "INBOX", &flags);
	tap_ok(flags == (STORE_FLAGGED | STORE_SEEN), "others are added: %#x",
	    flags);
	(void)copies(
	    "require \"imap4flags\"; setflag \"\\\\Seen\";", "INBOX", &flags);
	tap_ok(flags == STORE_SEEN, "or put in its place: %#x", flags);
	set_before(NULL);
}

static void
test_by_hand(void)
{
	static const struct view seen[] = { VIEW_LIT("\\Seen") };
	struct filter_message m = message_of(message);
	struct filter_plan p;

	m.cause = FILTER_BY_HAND;
	m.mailbox = VIEW_LIT("Old");
	m.script = VIEW_LIT("require \"fileinto\"; if header :is \"subject\" "
			    "\"hello\" { fileinto \"New\"; }");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "New") == 0 && p.cancel_keep,
	    "by hand: %s", plan_text(&p));
	filter_plan_fini(&p);
	m.script = VIEW_LIT("keep");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "Old") == 0 && p.error.line == 1 &&
		!p.cancel_keep,
	    "a broken one keeps");
	filter_plan_fini(&p);
	m.cause = FILTER_FLAG;
	m.changed = seen;
	m.n_changed = 1;
	m.script = VIEW_LIT(
	    "require [\"imapsieve\", \"environment\", \"fileinto\"];\n"
	    "if allof (environment :is \"imap.cause\" \"FLAG\", environment "
	    ":is \"imap.changedflags\" \"\\\\Seen\", environment :is "
	    "\"imap.mailbox\" \"Old\") { fileinto \"Read\"; }");
	filter_plan(filter, &m, &p);
	tap_ok(strcmp(plan_text(&p), "Read") == 0, "imapsieve: %s %s",
	    plan_text(&p), p.error.text);
	filter_plan_fini(&p);
}

int
main(void)
{
	struct why w = { "" };
	char *path;

	dir = scratch_make(&path);
	if (account_open(dir, true, NULL, &account, &w) != 0)
		abort();
	filter = open_filter();
	test_plans();
	test_delimiters();
	test_alias();
	test_notify_and_reject();
	test_refusals();
	test_keys();
	test_keys_of_two("require \"enotify\";"
			 "notify :message \"one\" \"mailto:x@example.com\";"
			 "notify :message \"two\" \"mailto:x@example.com\";"
			 "notify :message \"one\" \"mailto:y@example.com\";",
	    3);
	test_memory();
	test_store();
	test_one_copy();
	test_special_use();
	test_broken();
	test_unreadable();
	test_largest();
	test_globals();
	test_duplicate_twice();
	test_duplicate_waits();
	test_chain_copies();
	test_chain_answers();
	test_chain_vetoes();
	test_chain_flags();
	test_by_hand();
	filter_free(&filter);
	buf_fini(&globals);
	account_close(&account);
	scratch_end(&dir, &path);
	return tap_done();
}
