#include "base/bytes.h"
#include "base/wire.h"
#include "store/metadata_inside.h"
#include "store/tx_inside.h"

/* Changes of annotations. */

static int
add_one(void *ctx, const struct record_entry_kv *e)
{
	struct tx_metadata_sum *s = ctx;

	s->n++;
	s->bytes += e->value.n;
	return 0;
}

static int
sum_of(struct tx *t, uint32_t mailbox, struct tx_metadata_sum *out)
{
	*out = (struct tx_metadata_sum){ 0 };
	return vdb_metadata(t->t, mailbox, add_one, out);
}

/* Those of the whole account, counted once in a change. */
static int
sum_all(struct tx *t)
{
	struct tx_metadata_sum *s = &t->metadata;
	int r;

	if (s->known)
		return 0;
	*s = (struct tx_metadata_sum){ 0 };
	r = vdb_entries(t->t, RECORD_METADATA, add_one, s);
	s->known = r == 0;
	return r;
}

/* May a value of now octets take the place of one of was octets, or stand anew?
 * Then it is counted. */
static int
may_set(struct tx *t, uint32_t mailbox, bool is_new, size_t was, size_t now)
{
	struct tx_metadata_sum own, *all = &t->metadata;
	int r;

	if ((r = sum_all(t)) != 0)
		return r;
	if (is_new && (r = sum_of(t, mailbox, &own)) != 0)
		return r;
	if (is_new && (own.n >= METADATA_MAILBOX_MAX || all->n >= METADATA_MAX))
		return STORE_LIMIT;
	if (now > was && all->bytes - was + now > METADATA_BYTES_MAX)
		return STORE_LIMIT;
	t->grows = true;
	all->n += is_new;
	all->bytes += now;
	all->bytes -= was;
	return 0;
}

/* A mailbox, \Noselect or not, or the account. */
static int
is_there(struct tx *t, uint32_t mailbox)
{
	const struct vdb_mailbox *m;

	return mailbox == 0 ? 0 : vdb_mailbox(t->t, mailbox, &m);
}

int
tx_metadata(
    struct tx *t, uint32_t mailbox, struct view entry, const struct view *value)
{
	struct record_entry_kv old, e = { .version = t->version };
	uint8_t buf[METADATA_KEY_MAX];
	bool was_set;
	size_t was;
	int r;

	if (t->failed != 0)
		return t->failed;
	if ((r = metadata_name_check(entry)) != 0)
		return r;
	if (value != NULL && value->n > METADATA_VALUE_MAX)
		return STORE_LIMIT;
	if ((r = is_there(t, mailbox)) != 0)
		return tx_failed(t, r);
	e.key = metadata_key(mailbox, entry, buf);
	e.set = value != NULL;
	if (value != NULL)
		e.value = *value;
	if ((r = vdb_entry(t->t, RECORD_METADATA, e.key, &old)) < 0)
		return tx_failed(t, r);
	was_set = r == 0 && old.set;
	was = was_set ? old.value.n : 0;
	if (was_set == e.set && (!was_set || view_eq(old.value, e.value)))
		return 0;
	if (e.set && (r = may_set(t, mailbox, !was_set, was, e.value.n)) != 0)
		return tx_failed(t, r);
	if (!e.set && t->metadata.known) {
		t->metadata.n--;
		t->metadata.bytes -= was;
	}
	return tx_put_entry(t, RECORD_METADATA, &e);
}

/* --- all of a mailbox --- */

/* Keys and values, since a walk may not write. */
static int
gather(void *ctx, const struct record_entry_kv *e)
{
	wire_put_bytes(ctx, e->key);
	wire_put_bytes(ctx, e->value);
	return 0;
}

/* Write them all anew: unset, or with to as their mailbox. */
static int
put_all(struct tx *t, uint32_t from, uint32_t to, bool set)
{
	AUTO_BUF struct buf all = BUF_INIT(TX_RECORDS_MAX);
	uint8_t key[RECORD_KEY_MAX];
	struct wire w;
	int r = tx_failed(t, vdb_metadata(t->t, from, gather, &all));

	w = wire_read(buf_view(&all));
	while (r == 0 && w.ok && w.in.n > 0) {
		struct view k = wire_bytes(&w, RECORD_KEY_MAX);
		struct view value = wire_bytes(&w, RECORD_VALUE_MAX);
		struct record_entry_kv e = {
			.version = t->version, .key = { key, k.n }, .set = set
		};

		memcpy(key, k.p, k.n);
		bytes_put32(key, to);
		if (set)
			e.value = value;
		r = tx_put_entry(t, RECORD_METADATA, &e);
	}
	t->metadata.known = false;
	t->grows = t->grows || set;
	return r;
}

int
tx_metadata_drop(struct tx *t, uint32_t mailbox)
{
	return put_all(t, mailbox, mailbox, false);
}

int
tx_metadata_fits(struct tx *t, uint32_t from)
{
	struct tx_metadata_sum own;
	int r = sum_all(t);

	if (r == 0)
		r = sum_of(t, from, &own);
	if (r != 0)
		return r;
	return t->metadata.n + own.n > METADATA_MAX ||
		t->metadata.bytes + own.bytes > METADATA_BYTES_MAX
	    ? STORE_LIMIT
	    : 0;
}

int
tx_metadata_copy(struct tx *t, uint32_t from, uint32_t to)
{
	return put_all(t, from, to, true);
}
