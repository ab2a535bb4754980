#include "account_help.h"

/* Names and the hierarchy. */

static struct account *a;

enum op { CREATE, DELETE, RENAME, SUBSCRIBE };

static int
run(enum op op, const char *name, const char *to)
{
	struct tx *t;
	uint64_t modseq;
	uint32_t id;
	int r = 0;

	MUST(tx_begin(a, &t));
	switch (op) {
	case CREATE:
		r = tx_mailbox_create(t, view_str(name), 0, &id);
		break;
	case DELETE:
		r = tx_mailbox_delete(t, view_str(name));
		break;
	case RENAME:
		r = tx_mailbox_rename(t, view_str(name), view_str(to));
		break;
	case SUBSCRIBE:
		r = tx_subscribe(t, view_str(name), to != NULL);
		break;
	}
	MUST(tx_commit(&t, &modseq));
	return r;
}

static const struct {
	const char *name;
	int want;
} names[] = {
	{ "INBOX", STORE_OK },
	{ "a/b/c", STORE_OK },
	{ "\xe5\x8f\x97\xe4\xbf\xa1", STORE_OK },
	{ "", STORE_BAD_NAME },
	{ "/a", STORE_BAD_NAME },
	{ "a/", STORE_BAD_NAME },
	{ "a//b", STORE_BAD_NAME },
	{ "a\nb", STORE_BAD_NAME },
	{ "a\x7f", STORE_BAD_NAME },
	{ "a\xc2\x85", STORE_BAD_NAME },
	{ "a\xff", STORE_BAD_NAME },
};

static void
test_names(void)
{
	char text[STORE_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		tap_ok(mailbox_name_check(view_str(names[i].name)) ==
			names[i].want,
		    "name %zu", i);
	memset(text, 'x', sizeof text);
	tap_ok(mailbox_name_check(
		   (struct view){ (uint8_t *)text, STORE_LEAF_MAX }) == 0,
	    "a level at its limit");
	tap_ok(mailbox_name_check((struct view){
		   (uint8_t *)text, STORE_LEAF_MAX + 1 }) == STORE_LIMIT,
	    "and past it");
	for (size_t i = 1; i < sizeof text; i += 2)
		text[i] = '/';
	tap_ok(mailbox_name_check((struct view){
		   (uint8_t *)text, 2 * STORE_LEVELS_MAX - 1 }) == 0,
	    "as many levels as may be");
	tap_ok(mailbox_name_check((struct view){
		   (uint8_t *)text, 2 * STORE_LEVELS_MAX + 1 }) == STORE_LIMIT,
	    "and one more");
	memset(text, 'x', sizeof text);
	text[300] = text[700] = '/';
	tap_ok(mailbox_name_check(
		   (struct view){ (uint8_t *)text, STORE_NAME_MAX }) == 0,
	    "a name at its limit");
	tap_ok(mailbox_name_check((struct view){
		   (uint8_t *)text, STORE_NAME_MAX + 1 }) == STORE_LIMIT,
	    "and past it");
}

static void
test_list(const char *want)
{
	AUTO_ARENA struct arena *arena = arena_new(1 << 20);
	struct mailbox_entry *e;
	char got[400] = "";
	size_t n;

	MUST(mailbox_list(a, arena, &e, &n));
	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof got - strlen(got),
		    "%.*s%s%s%s ", (int)e[i].name.n, (const char *)e[i].name.p,
		    e[i].has_children ? "+" : "", e[i].row.noselect ? "!" : "",
		    e[i].subscribed ? "*" : "");
	tap_ok(strcmp(got, want) == 0, "list: got %s, want %s", got, want);
}

static void
test_hierarchy(void)
{
	struct mailbox_row before, after;
	struct mailbox_row row;

	tap_ok(run(CREATE, "a/b/c", NULL) == 0, "superior levels are made");
	tap_ok(run(CREATE, "a/b", NULL) == STORE_EXISTS, "and exist then");
	tap_ok(
	    run(CREATE, "a-b", NULL) == 0 && run(CREATE, "inbox/x", NULL) == 0,
	    "more");
	tap_ok(run(CREATE, "inbox", NULL) == STORE_EXISTS, "INBOX exists");
	tap_ok(run(SUBSCRIBE, "a/b/c", "") == 0, "subscribe");
	test_list("INBOX+ INBOX/x a+ a-b a/b+ a/b/c* ");
	MUST(mailbox_find(a, VIEW_LIT("a/b"), &before));
	tap_ok(run(DELETE, "a/b", NULL) == 0, "delete one with children");
	test_list("INBOX+ INBOX/x a+ a-b a/b+! a/b/c* ");
	tap_ok(run(DELETE, "a/b", NULL) == STORE_HAS_CHILDREN, "but once");
	tap_ok(run(CREATE, "a/b", NULL) == 0, "it comes to life again");
	MUST(mailbox_find(a, VIEW_LIT("a/b"), &after));
	tap_ok(after.uidvalidity > before.uidvalidity && !after.noselect,
	    "with another UIDVALIDITY");
	tap_ok(run(RENAME, "a/b", "a/b/c/d") == STORE_PERM, "not into itself");
	tap_ok(run(RENAME, "a", "a-b") == STORE_EXISTS, "not over another");
	tap_ok(run(RENAME, "nix", "b") == STORE_NOT_FOUND, "only what exists");
	tap_ok(run(RENAME, "a/b", "z/y") == 0, "children move along");
	test_list("INBOX+ INBOX/x a a-b z+ z/y+ z/y/c ");
	append_text(a, 1, VIEW_LIT("S: x\r\n\r\n"), NULL);
	tap_ok(run(RENAME, "INBOX", "old") == 0, "INBOX gives its mail away");
	MUST(mailbox_find(a, VIEW_LIT("INBOX"), &row));
	MUST(mailbox_find(a, VIEW_LIT("old"), &after));
	tap_ok(row.messages == 0 && row.uidnext == 2 && after.messages == 1,
	    "and stays");
	tap_ok(run(DELETE, "INBOX", NULL) == STORE_PERM, "it cannot go");
	tap_ok(run(DELETE, "old", NULL) == 0 &&
		mailbox_find(a, VIEW_LIT("old"), &row) == STORE_NOT_FOUND &&
		mailbox_get(a, after.id, &row) == STORE_NOT_FOUND,
	    "deleted is gone");
}

static void
test_recent(void)
{
	uint32_t floor;

	MUST(mailbox_take_recent(a, 1, &floor));
	append_text(a, 1, VIEW_LIT("S: x\r\n\r\n"), NULL);
	MUST(mailbox_take_recent(a, 1, &floor));
	tap_ok(floor == 2, "a new message is recent to one");
	MUST(mailbox_take_recent(a, 1, &floor));
	tap_ok(floor == 3, "and not to the next");
}

static void
test_keywords(void)
{
	char text[20];
	struct tx *t;
	uint64_t modseq;
	unsigned k = 0;

	MUST(tx_begin(a, &t));
	for (unsigned i = 0; i < STORE_KEYWORDS_MAX; i++) {
		snprintf(text, sizeof text, "K%u", i);
		MUST(tx_keyword(t, view_str(text), &k));
	}
	tap_ok(k == STORE_KEYWORDS_MAX - 1, "as many keywords as may be");
	tap_ok(tx_keyword(t, VIEW_LIT("more"), &k) == STORE_LIMIT,
	    "and not one more");
	tap_ok(tx_keyword(t, VIEW_LIT("k17"), &k) == 0 && k == 17,
	    "their case does not matter");
	MUST(tx_commit(&t, &modseq));
	tap_ok(account_keyword_find(a, VIEW_LIT("K5"), &k) == 0 && k == 5 &&
		account_keyword_find(a, VIEW_LIT("x"), &k) == STORE_NOT_FOUND,
	    "found by name");
}

int
main(void)
{
	char path[64];
	int dirfd = account_dir_make(path);

	a = account_must(dirfd, true, NULL);
	test_names();
	test_hierarchy();
	test_recent();
	test_keywords();
	account_close(&a);
	account_dir_remove(path);
	return tap_done();
}
