/* importer: many to a commit, none twice */
#include "cli/importer.h"

#include "store/account_help.h"

static struct account *account;

static struct view
text_of(unsigned i, char buf[64])
{
	int n = snprintf(buf, 64, "Subject: %u\n\nText\n", i);

	return (struct view){ (const uint8_t *)buf, (size_t)n };
}

static void
add(struct importer *im, unsigned i)
{
	const struct view keywords[] = { VIEW_LIT("$Forwarded"),
		VIEW_LIT("red") };
	char buf[64];

	MUST(importer_add(im,
	    &(struct importer_message){ .octets = text_of(i, buf),
		.system = STORE_SEEN | STORE_FLAGGED,
		.keywords = keywords,
		.n_keywords = i == 1 ? 2 : 0,
		.date = 1700000000 + i,
		.zone = 540 }));
}

static uint32_t
messages(const char *name)
{
	struct mailbox_row row;

	return mailbox_find(account, view_str(name), &row) == 0 ? row.messages
								: UINT32_MAX;
}

static bool
counted(const struct importer *im, uint64_t added, uint64_t skipped)
{
	struct importer_counts c = importer_counts(im);

	return c.added == added && c.skipped == skipped;
}

static void
import(bool dry_run, unsigned n, uint64_t added, uint64_t skipped,
    const char *what)
{
	struct importer *im = importer_new(account, -1, dry_run);

	MUST(importer_mailbox(im, VIEW_LIT("Old/Mail")));
	for (unsigned i = 0; i < n; i++)
		add(im, i);
	MUST(importer_flush(im));
	tap_ok(counted(im, added, skipped), "%s: %llu added, %llu skipped",
	    what, (unsigned long long)importer_counts(im).added,
	    (unsigned long long)importer_counts(im).skipped);
	importer_free(&im);
	tap_ok(im == NULL, "%s: freed", what);
}

/* A second copy in the source is skipped only if a second one is there. */
static void
test_copies(void)
{
	struct importer *im = importer_new(account, -1, false);

	MUST(importer_mailbox(im, VIEW_LIT("Copies")));
	add(im, 7);
	add(im, 7);
	MUST(importer_flush(im));
	tap_ok(counted(im, 2, 0), "two copies are two messages");
	importer_free(&im);
	im = importer_new(account, -1, false);
	MUST(importer_mailbox(im, VIEW_LIT("Copies")));
	for (int i = 0; i < 3; i++)
		add(im, 7);
	/* what is left for the one before is committed now */
	MUST(importer_mailbox(im, VIEW_LIT("Other")));
	tap_ok(counted(im, 1, 2), "of three one is new");
	add(im, 7);
	MUST(importer_flush(im));
	tap_ok(counted(im, 2, 2), "another mailbox has none of them");
	importer_free(&im);
	tap_ok(messages("Copies") == 3 && messages("Other") == 1,
	    "messages of both");
}

static void
test_rows(void)
{
	AUTO_ARENA struct arena *a = arena_new(100000);
	struct mailbox_row box;
	struct message_row row[2];
	struct view *names;
	size_t n = 0;

	MUST(mailbox_find(account, VIEW_LIT("Old/Mail"), &box));
	MUST(message_rows(account, box.id, 1, 2, row, 2, &n));
	tap_ok(n == 2 && row[0].date == 1700000000 && row[0].zone == 540 &&
		row[0].flags.system == (STORE_SEEN | STORE_FLAGGED),
	    "date, zone and flags");
	tap_ok(n == 2 && row[0].flags.keywords[0] == 0 &&
		__builtin_popcountll(row[1].flags.keywords[0]) == 2,
	    "keywords");
	MUST(mailbox_subscriptions(account, a, &names, &n));
	tap_ok(n == 1 && view_eq(names[0], VIEW_LIT("Old/Mail")),
	    "the mailbox is subscribed to");
}

/* Not flushed: nothing of it is there. */
static void
test_broken_off(void)
{
	struct importer *im = importer_new(account, -1, false);

	MUST(importer_mailbox(im, VIEW_LIT("Broken")));
	add(im, 1);
	importer_free(&im);
	tap_ok(messages("Broken") == 0, "what is not flushed is not there");
	importer_free(&im);
}

int
main(void)
{
	char path[64];
	int dir = account_dir_make(path);

	account = account_must(dir, true, NULL);
	import(true, 5, 5, 0, "dry run");
	tap_ok(messages("Old/Mail") == UINT32_MAX, "it has made no mailbox");
	import(false, IMPORTER_BATCH + 1, IMPORTER_BATCH + 1, 0, "new");
	tap_ok(messages("Old/Mail") == IMPORTER_BATCH + 1, "all are there");
	import(false, IMPORTER_BATCH + 3, 2, IMPORTER_BATCH + 1, "again");
	import(true, IMPORTER_BATCH + 4, 1, IMPORTER_BATCH + 3, "dry again");
	tap_ok(messages("Old/Mail") == IMPORTER_BATCH + 3, "none is twice");
	test_rows();
	test_copies();
	test_broken_off();
	account_close(&account);
	close(dir);
	account_dir_remove(path);
	return tap_done();
}
