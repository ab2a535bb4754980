#include "cli/importer.h"

#include <stdlib.h>
#include <uninorm.h>

#include "base/digest.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/message_file.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "store/tx.h"

/*
 * Before the first message of a mailbox the digests of all that is in it are
 * read; each one found in the source again uses one up. Messages are spooled
 * without the account's lock and committed in batches.
 */
#define ROWS 256

struct known {
	uint8_t digest[DIGEST_SHA256_SIZE];
	uint64_t count; /* copies in the mailbox that are not yet matched */
};

struct waiting {
	struct spool *spool;
	unsigned system;
	uint64_t keywords[STORE_KEYWORDS_MAX / 64];
	int64_t date;
	int16_t zone;
};

struct importer {
	struct account *account;
	bool dry_run;
	uint32_t mailbox; /* 0: dry run, and it is not there */
	struct hash *known;
	struct waiting batch[IMPORTER_BATCH];
	size_t n;
	uint64_t bytes;
	struct importer_counts counts;
};

struct importer *
importer_new(struct account *a, bool dry_run)
{
	struct importer *im = xcalloc(1, sizeof(*im));

	im->account = a;
	im->dry_run = dry_run;
	return im;
}

/* ---- what is there already ---- */

static void
forget(struct importer *im)
{
	size_t at = 0;
	void *p;

	while (im->known != NULL && (p = hash_next(im->known, &at)) != NULL)
		free(p);
	hash_free(&im->known);
}

static void
remember(struct importer *im, const uint8_t digest[DIGEST_SHA256_SIZE])
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
	k->count++;
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
				remember(im, digest);
			else if (r != STORE_NOT_FOUND)
				return r;
		}
		if (n == 0 || rows[n - 1].uid == UINT32_MAX)
			break;
		next = rows[n - 1].uid + 1;
	}
	return 0;
}

static bool
is_known(struct importer *im, const uint8_t digest[DIGEST_SHA256_SIZE])
{
	struct known *k =
	    hash_get(im->known, (struct view){ digest, DIGEST_SHA256_SIZE });

	if (k == NULL || k->count == 0)
		return false;
	k->count--;
	return true;
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
	r = mailbox_find(im->account, name, &row);
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

int
importer_add(struct importer *im, const struct importer_message *m)
{
	struct waiting w = {
		.system = m->system, .date = m->date, .zone = m->zone
	};
	int r = spool_open(im->account, m->octets.n, &w.spool);

	if (r == 0)
		r = message_file_spool(w.spool, m->octets);
	if (r == 0)
		r = spool_finish(w.spool);
	if (r != 0 || is_known(im, spool_digest(w.spool))) {
		im->counts.skipped += r == 0;
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
	    ? importer_flush(im)
	    : 0;
}

static int
put_batch(struct importer *im, struct tx *t)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < im->n; i++) {
		const struct waiting *w = &im->batch[i];
		struct store_flags flags = { .system = (uint16_t)w->system };
		uint64_t body;
		uint32_t uid;

		memcpy(flags.keywords, w->keywords, sizeof(flags.keywords));
		if ((r = tx_body(t, w->spool, &body)) == 0)
			r = tx_message(t, im->mailbox, body, &flags, w->date,
			    w->zone, &uid);
	}
	return r;
}

int
importer_flush(struct importer *im)
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
	for (size_t i = 0; i < im->n; i++)
		spool_free(&im->batch[i].spool);
	im->n = 0;
	im->bytes = 0;
	message_release(im->account);
	return r;
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
	free(*im);
	*im = NULL;
}
