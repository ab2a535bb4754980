#include "cli/importer.h"

#include <stdlib.h>
#include <uninorm.h>

#include "base/digest.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/message_file.h"
#include "session/uidl.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "store/tx.h"

/*
 * Before the first message of a mailbox the digests of all that is in it are
 * read; each one found in the source again uses one up. Messages are spooled
 * without the account's lock and committed in batches. Unique ids are written
 * behind the messages they are of; if that does not happen, the same import
 * does it when it is started again.
 */
#define ROWS 256
#define INBOX 1 /* id of that mailbox */

/* Copies of a message in the mailbox that are not yet matched. */
struct known {
	uint8_t digest[DIGEST_SHA256_SIZE];
	uint32_t *uid; /* n of them, the last one is used next */
	size_t n, cap;
};

struct waiting {
	struct spool *spool;
	unsigned system;
	uint64_t keywords[STORE_KEYWORDS_MAX / 64];
	int64_t date;
	int16_t zone;
	uint32_t uid;
	char uidl[UIDL_MAX + 1]; /* "": none */
};

struct id {
	uint32_t uid;
	char text[UIDL_MAX + 1];
};

struct importer {
	struct account *account;
	int dir;
	bool dry_run;
	struct id *id; /* to be written; n_ids of them */
	size_t n_ids, ids_cap;
	uint32_t mailbox; /* 0: dry run, and it is not there */
	struct hash *known;
	struct waiting batch[IMPORTER_BATCH];
	size_t n;
	uint64_t bytes;
	struct importer_counts counts;
};

struct importer *
importer_new(struct account *a, int dir, bool dry_run)
{
	struct importer *im = xcalloc(1, sizeof(*im));

	im->account = a;
	im->dir = dir;
	im->dry_run = dry_run;
	return im;
}

/* ---- what is there already ---- */

static void
forget(struct importer *im)
{
	size_t at = 0;
	struct known *k;

	while (im->known != NULL && (k = hash_next(im->known, &at)) != NULL) {
		free(k->uid);
		free(k);
	}
	hash_free(&im->known);
}

static void
remember(
    struct importer *im, const uint8_t digest[DIGEST_SHA256_SIZE], uint32_t uid)
{
	struct view key = { digest, DIGEST_SHA256_SIZE };
	struct known *k = hash_get(im->known, key);

	if (k == NULL) {
		k = xcalloc(1, sizeof(*k));
		memcpy(k->digest, digest, DIGEST_SHA256_SIZE);
		key.p = k->digest;
		if (!hash_put(im->known, key, k)) {
			free(
			    k); /* more than 2^30: what is left counts as new */
			return;
		}
	}
	if (k->n == k->cap) {
		k->cap = k->cap == 0 ? 1 : k->cap * 2;
		k->uid = xrealloc(k->uid, k->cap, sizeof(k->uid[0]));
	}
	k->uid[k->n++] = uid;
}

/* The lowest UID is to be used first. */
static void
turn_known(struct importer *im)
{
	size_t at = 0;
	struct known *k;

	while ((k = hash_next(im->known, &at)) != NULL)
		for (size_t i = 0; i < k->n / 2; i++) {
			uint32_t uid = k->uid[i];

			k->uid[i] = k->uid[k->n - 1 - i];
			k->uid[k->n - 1 - i] = uid;
		}
}

static int
read_known(struct importer *im)
{
	struct message_row rows[ROWS];
	uint8_t digest[DIGEST_SHA256_SIZE];
	uint32_t next = 1;
	size_t n = ROWS;
	int r;

	forget(im);
	im->known = hash_new(1u << 30);
	while (n == ROWS && im->mailbox != 0) {
		r = message_rows(
		    im->account, im->mailbox, next, UINT32_MAX, rows, ROWS, &n);
		if (r != 0)
			return r;
		for (size_t i = 0; i < n; i++) {
			r = message_digest(im->account, rows[i].body, digest);
			if (r == 0)
				remember(im, digest, rows[i].uid);
			else if (r != STORE_NOT_FOUND)
				return r;
		}
		if (n == 0 || rows[n - 1].uid == UINT32_MAX)
			break;
		next = rows[n - 1].uid + 1;
	}
	turn_known(im);
	return 0;
}

/* UID of a copy that is there already; 0: none. */
static uint32_t
take_known(struct importer *im, const uint8_t digest[DIGEST_SHA256_SIZE])
{
	struct known *k =
	    hash_get(im->known, (struct view){ digest, DIGEST_SHA256_SIZE });

	return k == NULL || k->n == 0 ? 0 : k->uid[--k->n];
}

/* ---- unique ids ---- */

static void
keep_id(struct importer *im, uint32_t uid, const char *text)
{
	struct id *id;

	if (*text == '\0' || im->dry_run || im->dir == -1 ||
	    im->mailbox != INBOX)
		return;
	if (im->n_ids == im->ids_cap) {
		im->ids_cap = im->ids_cap == 0 ? 256 : im->ids_cap * 2;
		im->id = xrealloc(im->id, im->ids_cap, sizeof(*im->id));
	}
	id = &im->id[im->n_ids++];
	id->uid = uid;
	memcpy(id->text, text, strlen(text) + 1);
}

static int
by_uid(const void *a, const void *b)
{
	uint32_t x = ((const struct id *)a)->uid;
	uint32_t y = ((const struct id *)b)->uid;

	return x < y ? -1 : x > y;
}

static int
write_ids(struct importer *im)
{
	AUTO_FREE struct uidl_entry *e = NULL;
	AUTO_FREE struct uid_run *live = NULL;
	struct mailbox_row row;
	size_t n_live;
	int r;

	if (im->n_ids == 0)
		return 0;
	r = mailbox_open(im->account, INBOX, &row, &live, &n_live);
	if (r != 0)
		return r;
	qsort(im->id, im->n_ids, sizeof(*im->id), by_uid);
	e = xcalloc(im->n_ids, sizeof(*e));
	for (size_t i = 0; i < im->n_ids; i++)
		e[i] = (struct uidl_entry){ im->id[i].uid,
			view_str(im->id[i].text) };
	r = uidl_add(im->dir,
	    &(struct uidl_inbox){ row.uidvalidity, row.uidnext, live, n_live },
	    e, im->n_ids, NULL);
	im->n_ids = 0;
	return r;
}

/* ---- the mailbox ---- */

static int
make_mailbox(struct importer *im, struct view name)
{
	struct tx *t = NULL;
	uint64_t modseq;
	int r = tx_begin(im->account, &t);

	if (r == 0)
		r = tx_mailbox_create(t, name, 0, &im->mailbox);
	if (r == 0)
		r = tx_subscribe(t, name, true);
	if (r == 0)
		r = tx_commit(&t, &modseq);
	tx_abort(&t);
	return r;
}

/* The mailbox called name, as NFC. */
static int
find_mailbox(struct importer *im, struct view name)
{
	struct mailbox_row row;
	int r;

	im->mailbox = 0;
	r = im->account != NULL ? mailbox_find(im->account, name, &row)
				: STORE_NOT_FOUND;
	if (r == 0 && !row.noselect)
		im->mailbox = row.id;
	else if ((r == 0 || r == STORE_NOT_FOUND) && im->dry_run)
		r = 0;
	else if (r == 0 || r == STORE_NOT_FOUND)
		r = make_mailbox(im, name);
	return r;
}

int
importer_mailbox(struct importer *im, struct view name)
{
	size_t n = 0;
	AUTO_FREE uint8_t *nfc =
	    u8_normalize(UNINORM_NFC, name.p, name.n, NULL, &n);
	int r = importer_flush(im);

	if (nfc == NULL)
		return STORE_BAD_NAME; /* not UTF-8 */
	if (r == 0)
		r = find_mailbox(im, (struct view){ nfc, n });
	return r == 0 ? read_known(im) : r;
}

/* ---- messages ---- */

static int
number_keywords(struct importer *im, const struct importer_message *m,
    uint64_t out[STORE_KEYWORDS_MAX / 64])
{
	struct tx *t = NULL;
	uint64_t modseq;
	unsigned k;
	int r;

	if (m->n_keywords == 0)
		return 0;
	if ((r = tx_begin(im->account, &t)) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < m->n_keywords; i++) {
		if ((r = tx_keyword(t, m->keywords[i], &k)) == 0)
			out[k / 64] |= 1ull << k % 64;
		else if (r > 0)
			r = 0;
	}
	if (r == 0)
		r = tx_commit(&t, &modseq);
	tx_abort(&t);
	return r;
}

static int
put_batch(struct importer *im, struct tx *t)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < im->n; i++) {
		struct waiting *w = &im->batch[i];
		struct store_flags flags = { .system = (uint16_t)w->system };
		uint64_t body;

		memcpy(flags.keywords, w->keywords, sizeof(flags.keywords));
		if ((r = tx_body(t, w->spool, &body)) == 0)
			r = tx_message(t, im->mailbox, body, &flags, w->date,
			    w->zone, &w->uid);
	}
	return r;
}

static int
flush_batch(struct importer *im)
{
	struct tx *t = NULL;
	uint64_t modseq;
	int r;

	if (im->n == 0)
		return 0;
	if ((r = tx_begin(im->account, &t)) == 0)
		r = put_batch(im, t);
	if (r == 0)
		r = tx_commit(&t, &modseq);
	tx_abort(&t);
	if (r == 0)
		im->counts.added += im->n;
	for (size_t i = 0; i < im->n; i++) {
		if (r == 0)
			keep_id(im, im->batch[i].uid, im->batch[i].uidl);
		spool_free(&im->batch[i].spool);
	}
	im->n = 0;
	im->bytes = 0;
	message_release(im->account);
	return r;
}

int
importer_flush(struct importer *im)
{
	int r = flush_batch(im);

	return r == 0 ? write_ids(im) : r;
}

int
importer_add(struct importer *im, const struct importer_message *m)
{
	struct waiting w = {
		.system = m->system, .date = m->date, .zone = m->zone
	};
	uint32_t uid;
	int r;

	if (im->account == NULL) { /* a dry run where all is new */
		im->counts.added++;
		return 0;
	}
	r = spool_open(im->account, m->octets.n, &w.spool);
	if (uidl_ok(m->uidl))
		memcpy(w.uidl, m->uidl.p, m->uidl.n);
	if (r == 0)
		r = message_file_spool(w.spool, m->octets);
	if (r == 0)
		r = spool_finish(w.spool);
	if (r != 0 || (uid = take_known(im, spool_digest(w.spool))) != 0) {
		if (r == 0) {
			im->counts.skipped++;
			keep_id(im, uid, w.uidl);
		}
		spool_free(&w.spool);
		return r;
	}
	if (im->dry_run) {
		im->counts.added++;
		spool_free(&w.spool);
		return 0;
	}
	if ((r = number_keywords(im, m, w.keywords)) != 0) {
		spool_free(&w.spool);
		return r;
	}
	im->bytes += spool_size(w.spool);
	im->batch[im->n++] = w;
	return im->n == IMPORTER_BATCH || im->bytes >= IMPORTER_BYTES
	    ? flush_batch(im)
	    : 0;
}

struct importer_counts
importer_counts(const struct importer *im)
{
	return im->counts;
}

void
importer_free(struct importer **im)
{
	if (*im == NULL)
		return;
	for (size_t i = 0; i < (*im)->n; i++)
		spool_free(&(*im)->batch[i].spool);
	forget(*im);
	free((*im)->id);
	free(*im);
	*im = NULL;
}
