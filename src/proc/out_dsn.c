#include "proc/out_dsn.h"

#include "mail/date.h"

/*
 * Addresses are checked when they are taken and texts made printable, so
 * neither can add a line here. Those in UTF-8 make the report an
 * internationalised one (RFC 6533): the type of an address is then utf-8.
 */

static void
put_date(struct buf *out, int64_t s, int zone)
{
	date_format((struct date){ s, zone }, out);
}

static bool
is_ascii(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] >= 0x80)
			return false;
	return true;
}

static void
put_boundary(const struct out_dsn *d, struct buf *out)
{
	buf_put_str(out, "=_fumi_");
	buf_put_str(out, d->item->id);
}

static void
put_top(const struct out_dsn *d, struct buf *out)
{
	buf_put_str(out, "From: \"Mail Delivery System\" <MAILER-DAEMON@");
	buf_put(out, d->host);
	buf_put_str(out, ">\r\nTo: <");
	buf_put(out, d->item->sender);
	buf_put_str(out,
	    ">\r\nSubject: Your message could not be delivered"
	    "\r\nDate: ");
	put_date(out, d->now, d->zone);
	buf_printf(out, "\r\nMessage-ID: <%s.dsn@", d->item->id);
	buf_put(out, d->host);
	buf_put_str(out,
	    ">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"");
	put_boundary(d, out);
	buf_put_str(out, "\"\r\n\r\n");
}

static void
begin_part(const struct out_dsn *d, const char *type, struct buf *out)
{
	buf_put_str(out, "\r\n--");
	put_boundary(d, out);
	buf_put_str(out, "\r\nContent-Type: ");
	buf_put_str(out, type);
	buf_put_str(out, "\r\n");
}

static void
put_words(const struct out_dsn *d, struct buf *out)
{
	begin_part(d, "text/plain; charset=utf-8", out);
	buf_put_str(out,
	    "Content-Transfer-Encoding: 8bit\r\n\r\n"
	    "This is the mail system at ");
	buf_put(out, d->host);
	buf_put_str(out,
	    ".\r\n\r\nYour message could not be delivered to the following "
	    "recipients. It is\r\nnot tried any further.\r\n");
	for (uint32_t i = 0; i < d->item->n; i++) {
		const struct out_recipient *r = &d->item->to[i];

		if (r->state != OUT_FAILED)
			continue;
		buf_put_str(out, "\r\n<");
		buf_put(out, r->address);
		buf_put_str(out, ">:\r\n    ");
		buf_put(out, (struct view){ r->text, r->text_n });
		buf_put_str(out, "\r\n");
	}
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

static void
put_recipient(
    const struct out_dsn *d, const struct out_recipient *r, struct buf *out)
{
	buf_put_str(out, "\r\nFinal-Recipient: ");
	buf_put_str(out, is_ascii(r->address) ? "rfc822; " : "utf-8; ");
	buf_put(out, r->address);
	buf_put_str(out, "\r\nAction: failed\r\nStatus: ");
	buf_put(out, status_of(r));
	if (r->code != 0) {
		buf_put_str(out, "\r\nDiagnostic-Code: smtp; ");
		buf_put(out, (struct view){ r->text, r->text_n });
	}
	buf_put_str(out, "\r\nLast-Attempt-Date: ");
	put_date(out, d->now, d->zone);
	buf_put_str(out, "\r\n");
}

static void
put_report(const struct out_dsn *d, struct buf *out)
{
	bool ascii = true;

	for (uint32_t i = 0; i < d->item->n; i++)
		ascii = ascii && is_ascii(d->item->to[i].address);
	begin_part(d,
	    ascii ? "message/delivery-status"
		  : "message/global-delivery-status\r\n"
		    "Content-Transfer-Encoding: 8bit",
	    out);
	buf_put_str(out, "\r\nReporting-MTA: dns; ");
	buf_put(out, d->host);
	buf_put_str(out, "\r\nArrival-Date: ");
	put_date(out, d->item->created_s, d->zone);
	buf_put_str(out, "\r\n");
	for (uint32_t i = 0; i < d->item->n; i++)
		if (d->item->to[i].state == OUT_FAILED)
			put_recipient(d, &d->item->to[i], out);
}

/* Whole lines only, so that no part of a field looks like another. */
static struct view
whole_lines(struct view header)
{
	size_t n =
	    header.n < OUT_DSN_HEADER_MAX ? header.n : OUT_DSN_HEADER_MAX;

	while (n > 0 && header.p[n - 1] != '\n')
		n--;
	return view_sub(header, 0, n);
}

void
out_dsn(const struct out_dsn *d, struct buf *out)
{
	struct view header = whole_lines(d->header);

	put_top(d, out);
	buf_put_str(out, "This is a report in MIME format.\r\n");
	put_words(d, out);
	put_report(d, out);
	begin_part(d,
	    is_ascii(header) ? "text/rfc822-headers"
			     : "text/rfc822-headers; charset=utf-8\r\n"
			       "Content-Transfer-Encoding: 8bit",
	    out);
	buf_put_str(out, "\r\n");
	buf_put(out, header);
	buf_put_str(out, "\r\n--");
	put_boundary(d, out);
	buf_put_str(out, "--\r\n");
}

bool
out_dsn_wanted(const struct out_item *i)
{
	if (i->sender.n == 0 || i->kind == MSG_OUT_BOUNCE)
		return false;
	for (uint32_t k = 0; k < i->n; k++)
		if (i->to[k].state == OUT_FAILED)
			return true;
	return false;
}
