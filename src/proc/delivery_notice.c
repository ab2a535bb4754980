#include <poll.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/random.h"
#include "proc/delivery_item.h"
#include "proc/dsn.h"
#include "proc/submit.h"

/*
 * What becomes of a message is known when it is committed, so that is when its
 * sender is told. A message with one redirect and nothing else is not delivered
 * here: what its sender wants to know went along with it (RFC 3461 section
 * 5.2.7.2). One that was refused by a report of its own has been told of.
 */
#define ID_BYTES 16 /* of a report */

bool
delivery_notice_wanted(const struct delivery_item *it)
{
	return (it->m.dsn.notify & MSG_DELIVER_SUCCESS) != 0 &&
	    it->m.sender.n > 0;
}

static bool
has_left(const struct delivery_item *it, enum filter_kind kind)
{
	for (size_t i = 0; i < it->plan.n_outs; i++)
		if (it->plan.outs[i].kind == kind && !it->plan.outs[i].refused)
			return true;
	return false;
}

static bool
has_something_to_say(const struct delivery_item *it)
{
	return it->planned && it->failed == NULL &&
	    delivery_notice_wanted(it) && !has_left(it, FILTER_REJECT) &&
	    !(it->alone && has_left(it, FILTER_REDIRECT));
}

static bool
can_be_told(const struct delivery *d, const struct delivery_item *it)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_OUT_ADDRESS_MAX);

	if (msg_out_address_ok(submit_address(it->m.sender, d->env->host, &b)))
		return true;
	log_say(d->env->log, LOG_PROBLEMS, "notice",
	    "the sender cannot stand in an envelope");
	return false;
}

void
delivery_notice_mark(struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct delivery_item *it = &d->item[i];

		it->notice = has_something_to_say(it) && can_be_told(d, it)
		    ? DELIVERY_NOTICE_WAITS
		    : DELIVERY_NOTICE_NONE;
	}
}

/* ---- what it says ---- */

/* One that was discarded was delivered, too: what happens in a mailbox is its
 * owner's alone to know. */
static enum dsn_action
action_of(const struct delivery_item *it)
{
	for (size_t i = 0; i < it->plan.n_places; i++)
		if (!it->plan.places[i].reply)
			return DSN_DELIVERED;
	return has_left(it, FILTER_REDIRECT) ? DSN_EXPANDED : DSN_DELIVERED;
}

/* The same when the same message is brought again: all but what we have put in
 * front. */
void
delivery_notice_name(struct delivery_item *it)
{
	const struct view parts[] = { it->m.sender, it->m.recipient,
		it->m.dsn.envid };
	uint8_t sum[DIGEST_SHA256_SIZE];
	struct digest_sha256 s;

	if (!delivery_notice_wanted(it))
		return;
	digest_sha256_init(&s);
	digest_sha256_add(&s, VIEW_LIT("notice\n"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		digest_sha256_add(&s, parts[i]);
		digest_sha256_add(&s, VIEW_LIT("\n"));
	}
	digest_sha256_add(
	    &s, view_sub(it->message.octets, it->own_n, it->message.octets.n));
	digest_sha256_end(&s, sum);
	memcpy(it->notice_key, sum, MSG_OUT_KEY_SIZE);
}

static void
compose(const struct delivery *d, const struct delivery_item *it,
    struct view sender, struct buf *out)
{
	const struct dsn_recipient to = { .address = it->m.recipient,
		.orcpt = it->m.dsn.orcpt,
		.action = action_of(it),
		.status = VIEW_LIT("2.0.0") };
	uint8_t chance[ID_BYTES];
	char id[2 * ID_BYTES + 1];
	struct dsn m = { .host = d->env->host,
		.to = sender,
		.envid = it->m.dsn.envid,
		.now = clock_wall_s(),
		.arrived = it->message.now,
		.zone = it->message.zone,
		.recipient = &to,
		.n = 1,
		.original = it->message.octets };

	/* not the key: two of one key are two reports */
	random_bytes(chance, sizeof(chance));
	digest_hex((struct view){ chance, sizeof(chance) }, id);
	m.id = view_str(id);
	dsn_put(&m, out);
}

/* ---- sending ---- */

static bool
send_one(struct delivery *d, size_t item)
{
	const struct delivery_item *it = &d->item[item];
	AUTO_BUF struct buf address = BUF_INIT(MSG_OUT_ADDRESS_MAX);
	const struct view to =
	    submit_address(it->m.sender, d->env->host, &address);
	struct msg_out_submit m = { .kind = MSG_OUT_NOTICE, .to = &to, .n = 1 };
	AUTO_BUF struct buf text = BUF_INIT(DSN_MAX(1));
	AUTO_CLOSE int fd = -1;

	memcpy(m.key, it->notice_key, sizeof(m.key));
	compose(d, it, to, &text);
	fd = submit_sealed(buf_view(&text));
	return fd != -1 && delivery_submit(d, &m, item, DELIVERY_NOTICE_AT, fd);
}

static size_t
waiting(const struct delivery *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->item[i].notice == DELIVERY_NOTICE_WAITS;
	return n;
}

/* False: no answer will come any more. */
static bool
send_all(struct delivery *d, uint64_t ms)
{
	size_t asked = 0;

	delivery_submit_begin(d, ms);
	for (size_t i = 0; i < d->n; i++) {
		if (d->item[i].notice != DELIVERY_NOTICE_WAITS)
			continue;
		if (!send_one(d, i))
			return false;
		asked++;
	}
	return delivery_hear(d, asked);
}
_Static_assert(DELIVERY_BATCH <= MSG_OUT_PENDING_MAX, "all at once");

void
delivery_notice_taken(
    struct delivery *d, struct delivery_item *it, const struct msg_out_taken *m)
{
	if (it->notice != DELIVERY_NOTICE_WAITS || m->result == MSG_OUT_LATER)
		return;
	if (m->result != MSG_OUT_QUEUED)
		log_say(d->env->log, LOG_PROBLEMS, "notice", "%.*s",
		    (int)m->text.n, (const char *)m->text.p);
	it->notice = DELIVERY_NOTICE_DONE;
}

void
delivery_notice_send(struct delivery *d)
{
	uint64_t now = clock_mono_ms(), end = now + DELIVERY_NOTICE_MS;

	for (; waiting(d) > 0 && !d->deaf && now < end; now = clock_mono_ms()) {
		if (!send_all(d, end - now))
			d->stop = d->deaf = true;
		else if (waiting(d) > 0)
			(void)poll(NULL, 0, DELIVERY_NOTICE_AGAIN_MS);
	}
	if (waiting(d) > 0)
		log_say(d->env->log, LOG_FAILURES, "notice",
		    "%zu senders are not told: mail cannot be sent now",
		    waiting(d));
}
