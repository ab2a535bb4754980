#include "proc/out_dsn.h"

/*
 * What a server has replied is the reason that is given; its enhanced status
 * code, where there is one, is the status.
 */

static bool
is_told(const struct out_item *i, const struct out_recipient *r)
{
	return (r->state == OUT_FAILED && msg_deliver_dsn_failure(&i->dsn)) ||
	    r->state == OUT_RELAYED;
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* An enhanced status code (RFC 3463) at the start of the text, or the general
 * one of the failure. */
static struct view
status_of(const struct out_recipient *r)
{
	struct view v = { r->text, r->text_n };
	size_t n = 0, dots = 0;

	if (r->state == OUT_RELAYED)
		return VIEW_LIT("2.0.0");
	/* "550 5.1.1 no such user" */
	if (v.n > 4 && is_digit(v.p[0]) && v.p[3] == ' ')
		view_skip(&v, 4);
	while (n < v.n && n < 9 && (is_digit(v.p[n]) || v.p[n] == '.')) {
		dots += v.p[n] == '.';
		n++;
	}
	if (dots == 2 && n >= 5 && (v.p[0] == '4' || v.p[0] == '5') &&
	    v.p[n - 1] != '.' && (n == v.n || v.p[n] == ' '))
		return view_sub(v, 0, n);
	return r->code >= 500 ? VIEW_LIT("5.0.0") : VIEW_LIT("4.4.7");
}

void
out_dsn(const struct out_dsn *d, struct buf *out)
{
	struct dsn_recipient to[MSG_OUT_RECIPIENTS_MAX];
	struct dsn m = { .id = view_str(d->item->id),
		.host = d->host,
		.to = d->item->sender,
		.envid = d->item->dsn.envid,
		.now = d->now,
		.arrived = d->item->created_s,
		.zone = d->zone,
		.recipient = to,
		.original = d->original,
		.full = d->item->dsn.ret == MSG_DELIVER_RET_FULL };

	for (uint32_t i = 0; i < d->item->n; i++) {
		const struct out_recipient *r = &d->item->to[i];
		bool failed = r->state == OUT_FAILED;

		if (!is_told(d->item, r))
			continue;
		to[m.n++] = (struct dsn_recipient){ .address = r->address,
			.orcpt = d->item->dsn.orcpt,
			.action = failed ? DSN_FAILED : DSN_RELAYED,
			.status = status_of(r),
			.text = { r->text, failed ? r->text_n : 0 },
			.smtp = failed && r->code != 0,
			.remote = d->remote };
	}
	dsn_put(&m, out);
}

bool
out_dsn_wanted(const struct out_item *i)
{
	if (i->sender.n == 0 || i->kind == MSG_OUT_BOUNCE)
		return false;
	for (uint32_t k = 0; k < i->n; k++)
		if (is_told(i, &i->to[k]))
			return true;
	return false;
}

size_t
out_dsn_quotes(const struct out_item *i)
{
	size_t most =
	    i->dsn.ret == MSG_DELIVER_RET_FULL ? DSN_FULL_MAX : DSN_HEADER_MAX;

	return i->size < most ? (size_t)i->size : most;
}
