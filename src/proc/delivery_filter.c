#include <assert.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "proc/delivery_item.h"
#include "proc/msg_out.h"
#include "proc/msg_session.h"
#include "proc/submit.h"
#include "store/mailbox.h"

/*
 * What the account's rules say of each message, and handing over what is to
 * leave, before anything is stored: session/filter.h says why in that order.
 * While out writes, the hub may send other things; they wait in the stash and
 * are read when the turn is over. A turn that was not answered in time is the
 * process's last: the next one starts with an empty line to the hub.
 *
 * A message that has handed something to out is never refused for good any more
 * (delivery_item.left): whatever goes wrong then, it is tried again, and what
 * leaves is known by its key. What can refuse it for good comes before: its
 * size, the rules themselves.
 */
#define SUBMIT_MS 60000 /* so long out may take for all of a turn */

_Static_assert((int)FILTER_REDIRECT == (int)MSG_OUT_REDIRECT &&
	(int)FILTER_VACATION == (int)MSG_OUT_VACATION &&
	(int)FILTER_REJECT == (int)MSG_OUT_REJECT &&
	(int)FILTER_NOTIFY == (int)MSG_OUT_NOTIFY &&
	FILTER_KEY_SIZE == MSG_OUT_KEY_SIZE &&
	FILTER_TEXT_LINES_MAX == MSG_DELIVER_LINES_MAX &&
	FILTER_TEXT_LINE_MAX == MSG_DELIVER_LINE_MAX &&
	FILTER_TEXT_MAX == MSG_DELIVER_TEXT_MAX,
    "the filter's numbers are those of out");

/* ---- plans ---- */

static struct filter *
filter_of(struct delivery *d)
{
	struct filter_env e = { .dir = d->env->dir,
		.account = d->account,
		.user = d->env->account,
		.host = d->env->host,
		.globals = d->env->globals,
		.disabled = d->env->disabled,
		.n_disabled = d->env->n_disabled,
		.delimiters = d->env->delimiters,
		.log = d->env->log };

	if (d->filter == NULL)
		d->filter = filter_new(&e);
	return d->filter;
}

static void
refuse(struct delivery_item *it, bool for_good)
{
	it->failed = it->plan.text;
	it->status = for_good ? "5.7.1" : "4.3.0";
	it->for_good = for_good;
}

void
delivery_filter_end(struct delivery_item *it)
{
	if (it->planned)
		filter_plan_fini(&it->plan);
	it->planned = false;
}

/* Mail for user+detail that no script has filed. */
static void
to_detail(struct delivery *d, struct delivery_item *it)
{
	struct mailbox_row row;

	if (!d->env->detail_mailbox || it->m.detail.n == 0 ||
	    mailbox_find(d->account, it->m.detail, &row) != 0 || row.noselect)
		return;
	for (size_t i = 0; i < it->plan.n_places; i++)
		if (it->plan.places[i].implicit)
			it->plan.places[i].mailbox = it->m.detail;
}

bool
delivery_filter_plan(
    struct delivery *d, struct delivery_item *it, int64_t now, int16_t zone)
{
	struct filter *f = filter_of(d);

	it->message = (struct filter_message){ .octets = spool_view(it->spool),
		.sender = { it->m.sender.n > 0 ? it->m.sender.p
					       : (const uint8_t *)"",
		    it->m.sender.n },
		.recipient = it->m.recipient,
		.orcpt = it->m.dsn.orcpt,
		.auth = { it->m.auth.n > 0 ? it->m.auth.p : NULL,
		    it->m.auth.n },
		.delivered_to = it->m.recipient.n > 0,
		.mailbox = d->env->mailbox,
		.now = now,
		.zone = zone,
		.can_refuse = true };
	filter_plan(f, &it->message, &it->plan);
	it->planned = true;
	delivery_notice_name(it);
	if (it->plan.waits || delivery_done_waits(d, it)) {
		delivery_filter_end(it);
		return false;
	}
	switch (it->plan.fate) {
	case FILTER_ACCEPT:
		to_detail(d, it);
		break;
	case FILTER_REFUSE:
		refuse(it, true);
		break;
	case FILTER_LATER:
		refuse(it, false);
		break;
	}
	return true;
}

/* ---- what leaves ---- */

/* The octets of the last one; several redirects of one message share them. */
struct shared {
	struct view octets;
	int fd;
};

static int
share(struct shared *s, struct view octets)
{
	if (s->fd >= 0 && s->octets.p == octets.p && s->octets.n == octets.n)
		return s->fd;
	fd_close(&s->fd);
	s->octets = octets;
	return s->fd = submit_sealed(octets);
}

bool
delivery_submit(struct delivery *d, struct msg_out_submit *m, size_t item,
    size_t at, int fd)
{
	m->number = (uint64_t)d->turns << 32 | (uint64_t)item << 16 | at;
	return submit_send(d->env->hub, m, fd, d->submit_end_ms);
}

/*
 * What the sender wants to be told goes along with a redirect (RFC 3461 section
 * 5.2.7): all of it when that is the only thing that happens to the message,
 * else without SUCCESS, of which this server speaks itself.
 */
static struct msg_deliver_dsn
dsn_of(const struct delivery_item *it, const struct filter_out *o)
{
	struct msg_deliver_dsn dsn = it->m.dsn;

	if (o->kind != FILTER_REDIRECT)
		return (struct msg_deliver_dsn){ 0 };
	if (it->alone || (dsn.notify & MSG_DELIVER_SUCCESS) == 0)
		return dsn;
	dsn.notify &= (uint8_t)~MSG_DELIVER_SUCCESS;
	if (dsn.notify == 0)
		dsn.notify = MSG_DELIVER_NEVER;
	return dsn;
}

static bool
submit(struct delivery *d, size_t item, size_t at, struct shared *s)
{
	const struct filter_out *o = &d->item[item].plan.outs[at];
	int fd = share(s, o->octets);
	struct msg_out_submit m = { .kind = (uint8_t)o->kind,
		.sender = o->sender,
		.dsn = dsn_of(&d->item[item], o),
		.utf8 = d->item[item].m.utf8,
		.to = o->to,
		.n = (uint32_t)o->n };

	if (fd == -1)
		return false;
	memcpy(m.key, o->key, sizeof(m.key));
	return delivery_submit(d, &m, item, at, fd);
}

/* A rejection in words that only a mail of its own can say, and nothing else. */
static bool
is_rejected(const struct filter_plan *p)
{
	return p->n_outs == 1 && p->outs[0].kind == FILTER_REJECT &&
	    p->n_places == 0;
}

/* It cannot be sent: what then becomes of the message. */
static void
not_sent(struct delivery *d, struct delivery_item *it, size_t at, bool later)
{
	enum filter_kind kind = it->plan.outs[at].kind;

	/* better in other words than not at all (RFC 5429 section 2.2) */
	if (!later && is_rejected(&it->plan)) {
		it->plan.text = "The recipient's rules refuse this message";
		refuse(it, true);
		return;
	}
	if (later && (kind == FILTER_REDIRECT || kind == FILTER_REJECT)) {
		it->failed = "Mail that the rules send on cannot be sent now";
		it->status = "4.3.0";
		it->for_good = false;
		return;
	}
	filter_refused(d->filter, &it->plan, at);
}

/* Item and out of a number; the numbers are ours, but they come from there. */
static struct delivery_item *
item_of(struct delivery *d, uint64_t number, size_t *at)
{
	uint64_t item = number >> 16 & 0xffff;

	*at = (size_t)(number & 0xffff);
	return number >> 32 == d->turns && item < d->n &&
		d->item[item].planned &&
		(*at < d->item[item].plan.n_outs || *at == DELIVERY_NOTICE_AT)
	    ? &d->item[item]
	    : NULL;
}

/* False: it answers nothing of this turn. */
static bool
answered(struct delivery *d, struct wire *w)
{
	struct delivery_item *it;
	struct msg_out_taken m;
	size_t at;

	if (!msg_out_taken_get(w, &m))
		return false;
	if (m.number == ((uint64_t)d->turns << 32 | DELIVERY_DONE_AT)) {
		delivery_done_taken(d, &m);
		return true;
	}
	if ((it = item_of(d, m.number, &at)) == NULL)
		return false;
	if (at == DELIVERY_NOTICE_AT) {
		delivery_notice_taken(d, it, &m);
		return true;
	}
	if (m.result == MSG_OUT_QUEUED) {
		it->left = true;
		return true;
	}
	log_say(d->env->log, LOG_PROBLEMS, "submit", "%.*s", (int)m.text.n,
	    (const char *)m.text.p);
	not_sent(d, it, at, m.result == MSG_OUT_LATER);
	return true;
}

static void
stash(struct delivery *d, const uint8_t *p, size_t n, int *fd)
{
	struct delivery_stash *s = xcalloc(1, sizeof(*s) + n);

	memcpy(s->p, p, n);
	s->n = n;
	s->fd = fd_take(fd);
	TAILQ_INSERT_TAIL(&d->stash, s, link);
}

/* One message of the hub; 1: an answer of this turn, 0: something else, -1: the
 * hub is gone, or the turn has taken too long. */
static int
hear(struct delivery *d, uint8_t *p)
{
	AUTO_CLOSE int fd = -1;
	struct wire w;
	ssize_t n;

	if (!submit_await(d->env->hub, POLLIN, d->submit_end_ms))
		return -1;
	n = fd_recv(d->env->hub, p, MSG_MAX, &fd);
	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	w = wire_read((struct view){ p, (size_t)n });
	switch (wire_u32(&w)) {
	case MSG_OUT_SUBMITTED:
		return answered(d, &w);
	case MSG_SESSION_CHANGED: /* every commit looks at the log anyway */
		return 0;
	default:
		stash(d, p, (size_t)n, &fd);
		return 0;
	}
}

/* Answers to `asked` of them; without the hub nobody will answer the rest, nor
 * hear of us. */
bool
delivery_hear(struct delivery *d, size_t asked)
{
	AUTO_FREE uint8_t *p = asked > 0 ? xmalloc(MSG_MAX) : NULL;

	while (asked > 0) {
		int r = hear(d, p);

		if (r < 0)
			return false;
		asked -= (size_t)r;
	}
	return true;
}

static void
fail_all(struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct delivery_item *it = &d->item[i];

		for (size_t k = 0;
		     it->planned && it->failed == NULL && k < it->plan.n_outs;
		     k++)
			not_sent(d, it, k, true);
	}
}

void
delivery_submit_begin(struct delivery *d, uint64_t ms)
{
	d->turns++;
	d->submit_end_ms = clock_mono_ms() + ms;
}

/* One redirect, and no copy but of what was sent. */
static bool
is_alone(const struct filter_plan *p)
{
	size_t redirects = 0;

	for (size_t i = 0; i < p->n_outs; i++)
		redirects += p->outs[i].kind == FILTER_REDIRECT;
	for (size_t i = 0; i < p->n_places; i++)
		if (!p->places[i].reply)
			return false;
	return redirects == 1;
}

static struct view
complete(struct delivery *d, struct arena *a, struct view v)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_OUT_ADDRESS_MAX);
	struct view full = submit_address(v, d->env->host, &b);
	uint8_t *p;

	if (full.p == v.p || (p = arena_alloc(a, full.n)) == NULL)
		return v;
	memcpy(p, full.p, full.n);
	return (struct view){ p, full.n };
}

/* Addresses get a domain where they have none. False: there is one that cannot
 * stand in an envelope. */
static bool
set_addresses(struct delivery *d, struct filter_plan *p, struct filter_out *o)
{
	struct view *to = arena_alloc(p->arena, o->n * sizeof(*to));

	o->sender = complete(d, p->arena, o->sender);
	for (size_t i = 0; to != NULL && i < o->n; i++)
		to[i] = complete(d, p->arena, o->to[i]);
	if (to != NULL)
		o->to = to;
	return submit_can_leave(o);
}

/* Is what the plan sends on still to be sent? */
static bool
leaves(const struct delivery_item *it)
{
	return it->failed == NULL || it->plan.fate == FILTER_REFUSE;
}

/* All of one item, in portions, since the hub takes so many at once; false:
 * out or the hub is not there. */
static bool
submit_item(struct delivery *d, size_t i, struct shared *s, size_t *asked)
{
	struct delivery_item *it = &d->item[i];
	bool good = true;

	it->alone = is_alone(&it->plan);
	/* what is refused may add a place, but nothing that leaves */
	for (size_t k = 0; good && leaves(it) && k < it->plan.n_outs; k++) {
		/* RFC 3461 section 5.2.6 (b) */
		if (it->plan.outs[k].dsn &&
		    !msg_deliver_dsn_failure(&it->m.dsn))
			continue;
		if (!set_addresses(d, &it->plan, &it->plan.outs[k])) {
			log_say(d->env->log, LOG_PROBLEMS, "submit",
			    "an address cannot stand in an envelope");
			not_sent(d, it, k, false);
			continue;
		}
		good = submit(d, i, k, s);
		if (good && ++*asked == MSG_OUT_PENDING_MAX) {
			good = delivery_hear(d, *asked);
			*asked = 0;
		}
	}
	return good;
}

void
delivery_filter_submit(struct delivery *d)
{
	struct shared s = { .fd = -1 };
	size_t asked = 0;
	bool good = !d->deaf;

	delivery_submit_begin(d, SUBMIT_MS);
	for (size_t i = 0; good && i < d->n; i++)
		if (d->item[i].planned)
			good = submit_item(d, i, &s, &asked);
	fd_close(&s.fd);
	if (!good || !delivery_hear(d, asked)) {
		fail_all(d);
		/* what comes late is nobody's */
		d->stop = d->deaf = true;
	}
}
