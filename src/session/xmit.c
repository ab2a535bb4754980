#include "session/xmit.h"

#include "mail/address.h"
#include "mail/date.h"
#include "mail/header.h"

/*
 * Fields are copied as they are; nothing is folded or decoded, so what was
 * signed stays so.
 */
#define SPEC_MAX (4 * XMIT_ADDRESS_MAX) /* bytes of one that is too long */

/* A block of a resending has each once (RFC 5322 section 3.6.6). */
static unsigned
resent_bit(struct view name)
{
	static const char *const names[] = { "Resent-Date", "Resent-From",
		"Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc",
		"Resent-Message-ID", "Resent-Reply-To" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq_ci(name, view_str(names[i])))
			return 1u << i;
	return 0;
}

/* Trace fields stand in front of what was there before (section 3.6.7). */
static bool
is_trace(struct view name)
{
	static const char *const names[] = { "Received", "Return-Path" };

	return view_is_one_of_ci(name, names, 2);
}

/* The header up to the end of the newest block of resent fields, which is the
 * first one: each resending puts its own in front. */
static struct view
newest_block(struct view header)
{
	struct view rest = header;
	struct header_field f;
	unsigned seen = 0;

	while (header_next(&rest, &f)) {
		unsigned bit = resent_bit(f.name);

		if ((seen & bit) != 0 || (seen != 0 && is_trace(f.name)))
			return view_sub(
			    header, 0, (size_t)(f.raw.p - header.p));
		seen |= bit;
	}
	return header;
}

static bool
is_recipients(struct view name, bool resent)
{
	static const char *const plain[] = { "To", "Cc", "Bcc" };
	static const char *const again[] = { "Resent-To", "Resent-Cc",
		"Resent-Bcc" };

	return view_is_one_of_ci(name, resent ? again : plain, 3);
}

static bool
is_dropped(struct view name)
{
	static const char *const names[] = { "Bcc", "Resent-Bcc",
		"Return-Path" };

	return view_is_one_of_ci(name, names, 3);
}

/* ---- recipients ---- */

/* As in msg_out_address_ok() (proc/msg_out.h). */
static bool
can_be_sent_to(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] == '<' || v.p[i] == '>' ||
		    v.p[i] == 0x7f)
			return false;
	return v.n <= XMIT_ADDRESS_MAX;
}

static bool
is_known(const struct xmit *x, struct view v)
{
	for (size_t i = 0; i < x->n; i++)
		if (view_eq(x->to[i], v))
			return true;
	return false;
}

static struct view
domain_of(struct view address)
{
	const uint8_t *at = memrchr(address.p, '@', address.n);

	if (at != NULL)
		view_skip(&address, (size_t)(at + 1 - address.p));
	return address;
}

static enum xmit_result
add_address(const struct xmit_env *e, const struct address *d, struct arena *a,
    struct xmit *x)
{
	AUTO_BUF struct buf b = BUF_INIT(SPEC_MAX);
	struct address whole = *d;
	const char *copy;

	/* a group's start or end, or an empty one */
	if (d->mailbox.n == 0 || address_is_group_start(d))
		return XMIT_OK;
	if (whole.host.n == 0)
		whole.host = domain_of(e->user);
	address_put_spec(&whole, &b);
	if (b.failed || !can_be_sent_to(buf_view(&b)))
		return XMIT_ADDRESS;
	if (is_known(x, buf_view(&b)))
		return XMIT_OK;
	if (x->n == XMIT_TO_MAX)
		return XMIT_MANY;
	if ((copy = arena_strdup(a, buf_view(&b))) == NULL)
		return XMIT_TOO_LARGE;
	x->to[x->n++] = view_str(copy);
	return XMIT_OK;
}

static enum xmit_result
add_recipients(const struct xmit_env *e, struct view value, struct arena *a,
    struct xmit *x)
{
	enum xmit_result r = XMIT_OK;

	for (const struct address *d = address_parse(value, a);
	     d != NULL && r == XMIT_OK; d = d->next)
		r = add_address(e, d, a, x);
	return r;
}

static enum xmit_result
find_recipients(const struct xmit_env *e, struct view header, struct arena *a,
    struct xmit *x)
{
	struct header_field f;
	struct view rest = header;
	enum xmit_result r = XMIT_OK;
	bool resent = false;

	while (header_next(&rest, &f))
		resent = resent || is_recipients(f.name, true);
	rest = resent ? newest_block(header) : header;
	while (r == XMIT_OK && header_next(&rest, &f))
		if (is_recipients(f.name, resent))
			r = add_recipients(e, f.value, a, x);
	return r == XMIT_OK && x->n == 0 ? XMIT_NOBODY : r;
}

/* ---- the header that is sent ---- */

static void
put_date(const struct xmit_env *e, struct buf *out)
{
	date_format((struct date){ e->now, e->zone }, out);
	buf_put_str(out, "\r\n");
}

static void
put_received(const struct xmit_env *e, struct buf *out)
{
	buf_put_str(out, "Received: ");
	if (e->remote.n > 0) {
		buf_put_str(out, "from [");
		if (memchr(e->remote.p, ':', e->remote.n) != NULL)
			buf_put_str(out, "IPv6:");
		buf_put(out, e->remote);
		buf_put_str(out, "] ");
	}
	buf_put_str(out, "by ");
	buf_put(out, e->host);
	buf_put_str(out, " (POP3 XTND XMIT);\r\n\t");
	put_date(e, out);
}

static void
put_missing(const struct xmit_env *e, struct view header, struct xmit *x,
    struct buf *out)
{
	struct header_field f;
	bool date = header_find(header, VIEW_LIT("Date"), &f);
	bool id = header_find(header, VIEW_LIT("Message-ID"), &f);

	x->is_named = date && id;
	if (!date) {
		buf_put_str(out, "Date: ");
		put_date(e, out);
	}
	if (!header_find(header, VIEW_LIT("From"), &f)) {
		buf_put_str(out, "From: <");
		buf_put(out, e->user);
		buf_put_str(out, ">\r\n");
	}
	if (id)
		return;
	buf_printf(out, "Message-ID: <%llx.%llx@", (unsigned long long)e->now,
	    (unsigned long long)e->unique);
	buf_put(out, e->host);
	buf_put_str(out, ">\r\n");
}

static void
put_fields(struct view header, struct buf *out)
{
	struct header_field f;

	while (header_next(&header, &f)) {
		if (is_dropped(f.name))
			continue;
		buf_put(out, f.raw);
		if (f.raw.p[f.raw.n - 1] != '\n')
			buf_put_str(out, "\r\n");
	}
}

/* Without what is no field: it would end the header for others. */
static struct view
fields_of(struct view header)
{
	struct view rest = header;
	struct header_field f;

	while (header_next(&rest, &f))
		if (f.name.n == 0)
			return view_sub(
			    header, 0, (size_t)(f.raw.p - header.p));
	return header;
}

bool
xmit_is_header(struct view line, bool first)
{
	struct header_field f;

	if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return !first;
	return header_next(&line, &f) && f.name.n > 0;
}

enum xmit_result
xmit_header(const struct xmit_env *e, struct view header, struct arena *a,
    struct xmit *out, struct buf *octets)
{
	enum xmit_result r;

	*out = (struct xmit){ .n = 0 };
	header = fields_of(header);
	if ((r = find_recipients(e, header, a, out)) != XMIT_OK)
		return r;
	put_received(e, octets);
	put_missing(e, header, out, octets);
	put_fields(header, octets);
	buf_put_str(octets, "\r\n");
	return octets->failed ? XMIT_TOO_LARGE : XMIT_OK;
}
