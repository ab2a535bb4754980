#include "base/clock.h"
#include "proc/delivery_item.h"
#include "proc/submit.h"

/*
 * Two messages may be the same octet by octet (a job without a mail program's
 * header fields says the same every night), and each is to be sent on. So a key
 * says "the same again" only until the message is stored. Between that and the
 * answer is the one moment at which whoever brings it again has it sent twice.
 * Two that come together are not in one turn.
 */

#define KEYS_BYTES (MSG_OUT_KEYS_MAX * MSG_OUT_KEY_SIZE)

static bool
has_key(const struct filter_plan *p, const uint8_t key[MSG_OUT_KEY_SIZE])
{
	for (size_t i = 0; i < p->n_outs; i++)
		if (memcmp(p->outs[i].key, key, MSG_OUT_KEY_SIZE) == 0)
			return true;
	return false;
}

static bool
is_zero(const uint8_t key[MSG_OUT_KEY_SIZE])
{
	static const uint8_t zero[MSG_OUT_KEY_SIZE];

	return memcmp(key, zero, sizeof(zero)) == 0;
}

/* Two outs of one item may be the same act; that is no reason to wait. */
bool
delivery_done_waits(const struct delivery *d, const struct delivery_item *it)
{
	for (const struct delivery_item *b = d->item; b < it; b++)
		for (size_t k = 0; b->planned && k < it->plan.n_outs; k++)
			if (!is_zero(it->plan.outs[k].key) &&
			    has_key(&b->plan, it->plan.outs[k].key))
				return true;
	return false;
}

/* In portions, since the hub takes so many at once. */
static bool
say(struct delivery *d, const struct buf *keys, size_t *asked)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);
	const struct msg_out_done m = { .number = (uint64_t)d->turns << 32 |
		    DELIVERY_DONE_AT,
		.keys = buf_view(keys) };
	bool good;

	msg_out_done_put(&b, MSG_OUT_DONE, &m);
	++*asked;
	good = !d->deaf && submit_put(d->env->hub, &b, -1, d->submit_end_ms);
	if (good && *asked == MSG_OUT_PENDING_MAX) {
		good = delivery_hear(d, *asked);
		*asked = 0;
	}
	return good;
}

/* The keys of one item; those that fill a message are said. */
static bool
say_item(struct delivery *d, const struct delivery_item *it, struct buf *keys,
    size_t *asked)
{
	for (size_t k = 0; k < it->plan.n_outs; k++) {
		const uint8_t *key = it->plan.outs[k].key;

		if (is_zero(key))
			continue;
		buf_put(keys, (struct view){ key, MSG_OUT_KEY_SIZE });
		if (keys->n < KEYS_BYTES)
			continue;
		if (!say(d, keys, asked))
			return false;
		buf_clear(keys);
	}
	return true;
}

/* One that the rules refuse is not brought again; what has left is what they had
 * to say of it. */
static bool
is_done(const struct delivery_item *it)
{
	return it->planned && it->left &&
	    (it->failed == NULL || it->plan.fate == FILTER_REFUSE);
}

/* False: the hub is not there. */
static bool
say_all(struct delivery *d, size_t *asked)
{
	AUTO_BUF struct buf keys = BUF_INIT(KEYS_BYTES);

	for (size_t i = 0; i < d->n; i++)
		if (is_done(&d->item[i]) &&
		    !say_item(d, &d->item[i], &keys, asked))
			return false;
	return keys.n == 0 || say(d, &keys, asked);
}

void
delivery_done_taken(struct delivery *d, const struct msg_out_taken *m)
{
	d->known |= m->result != MSG_OUT_QUEUED;
}

static bool
is_stored(const struct delivery_item *it)
{
	for (size_t i = 0; i < it->plan.n_places; i++)
		if (!it->plan.places[i].reply)
			return true;
	return false;
}

/* Nothing of them is here: should the next of its kind not leave either, nobody
 * would ever know that there was one. */
static void
fail_what_only_left(struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct delivery_item *it = &d->item[i];

		if (!is_done(it) || is_stored(it))
			continue;
		it->failed = "Mail that the rules send on cannot be sent now";
		it->status = "4.3.0";
		it->for_good = false;
	}
}

void
delivery_done(struct delivery *d)
{
	size_t asked = 0;

	d->known = false;
	delivery_submit_begin(d, DELIVERY_DONE_MS);
	if (!say_all(d, &asked) || !delivery_hear(d, asked))
		d->known = d->stop = d->deaf = true;
	if (!d->known)
		return;
	log_say(d->env->log, LOG_FAILURES, "submit",
	    "what was sent on could not be told to be done: the next of the "
	    "same octets may not leave");
	fail_what_only_left(d);
}
