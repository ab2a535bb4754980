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
static bool
have_key_together(const struct delivery_item *a, const struct delivery_item *b)
{
	if (!is_zero(a->notice_key) &&
	    memcmp(a->notice_key, b->notice_key, MSG_OUT_KEY_SIZE) == 0)
		return true;
	for (size_t k = 0; k < a->plan.n_outs; k++)
		if (!is_zero(a->plan.outs[k].key) &&
		    has_key(&b->plan, a->plan.outs[k].key))
			return true;
	return false;
}

bool
delivery_done_waits(const struct delivery *d, const struct delivery_item *it)
{
	for (const struct delivery_item *b = d->item; b < it; b++)
		if (b->planned && have_key_together(it, b))
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

/* One more to be said; those that fill a message are. */
static bool
add(struct delivery *d, const uint8_t key[MSG_OUT_KEY_SIZE], struct buf *keys,
    size_t *asked)
{
	if (is_zero(key))
		return true;
	buf_put(keys, (struct view){ key, MSG_OUT_KEY_SIZE });
	if (keys->n < KEYS_BYTES)
		return true;
	if (!say(d, keys, asked))
		return false;
	buf_clear(keys);
	return true;
}

static bool
add_item(struct delivery *d, const struct delivery_item *it, struct buf *keys,
    size_t *asked)
{
	for (size_t k = 0; k < it->plan.n_outs; k++)
		if (!add(d, it->plan.outs[k].key, keys, asked))
			return false;
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
		    !add_item(d, &d->item[i], &keys, asked))
			return false;
	return keys.n == 0 || say(d, &keys, asked);
}

/* What out has not taken it does not know; that is no harm. */
static bool
say_notices(struct delivery *d, size_t *asked)
{
	AUTO_BUF struct buf keys = BUF_INIT(KEYS_BYTES);

	for (size_t i = 0; i < d->n; i++)
		if (d->item[i].notice != DELIVERY_NOTICE_NONE &&
		    !add(d, d->item[i].notice_key, &keys, asked))
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

/* False: it may not be known to out. */
static bool
tell(struct delivery *d, bool (*say_what)(struct delivery *, size_t *))
{
	size_t asked = 0;

	d->known = false;
	delivery_submit_begin(d, DELIVERY_DONE_MS);
	if (!say_what(d, &asked) || !delivery_hear(d, asked))
		d->known = d->stop = d->deaf = true;
	if (d->known)
		log_say(d->env->log, LOG_FAILURES, "submit",
		    "what was sent on could not be told to be done: the next "
		    "of the same octets may not leave");
	return !d->known;
}

void
delivery_done(struct delivery *d)
{
	if (!tell(d, say_all))
		fail_what_only_left(d);
}

void
delivery_done_notices(struct delivery *d)
{
	(void)tell(d, say_notices);
}
