#include "proc/dsn.h"

#include "base/utf8.h"
#include "base/xtext.h"
#include "mail/date.h"
#include "mail/mime.h"

/*
 * Addresses are checked when they are taken, parameters hold printable text
 * alone and texts are made printable, so none can add a line here. What has more
 * than ASCII makes the report an internationalised one: the type of such an
 * address is utf-8 then.
 */

/* ---- parts ---- */

static void
put_date(const struct dsn *d, int64_t s, struct buf *out)
{
	date_format((struct date){ s, d->zone }, out);
}

static void
put_boundary(const struct dsn *d, struct buf *out)
{
	buf_put_str(out, "=_fumi_");
	buf_put(out, d->id);
}

/* 7bit is what is not said. */
static void
put_encoding(bool ascii, struct buf *out)
{
	if (!ascii)
		buf_put_str(out, "Content-Transfer-Encoding: 8bit\r\n");
}

static void
begin_part(const struct dsn *d, const char *type, bool ascii, struct buf *out)
{
	buf_put_str(out, "\r\n--");
	put_boundary(d, out);
	buf_put_str(out, "\r\nContent-Type: ");
	buf_put_str(out, type);
	buf_put_str(out, "\r\n");
	put_encoding(ascii, out);
	buf_put_str(out, "\r\n");
}

static bool
addresses_are_ascii(const struct dsn *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!utf8_ascii(d->recipient[i].address))
			return false;
	return true;
}

static bool
fields_are_ascii(const struct dsn *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!utf8_ascii(d->recipient[i].orcpt))
			return false;
	return addresses_are_ascii(d);
}

static bool
has_action(const struct dsn *d, enum dsn_action action)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->recipient[i].action == action)
			return true;
	return false;
}

/* ---- what comes back ---- */

/* The header of the original, whole lines only, so that no part of a field looks
 * like another. */
static struct view
header_of(struct view original)
{
	struct view h = view_sub(original, 0, DSN_HEADER_MAX);
	const uint8_t *end = h.n > 0 ? memmem(h.p, h.n, "\r\n\r\n", 4) : NULL;

	if (end != NULL)
		return (struct view){ h.p, (size_t)(end - h.p) + 2 };
	while (h.n > 0 && h.p[h.n - 1] != '\n')
		h.n--;
	return h;
}

/* The original, or its header. */
static struct view
quoted(const struct dsn *d, bool *full)
{
	*full = d->full && d->original.n <= DSN_FULL_MAX &&
	    has_action(d, DSN_FAILED);
	return *full ? d->original : header_of(d->original);
}

/* With UTF-8 in its header it is an internationalised message, which has a type
 * of its own (RFC 6532 section 3.7). */
static const char *
type_of(struct view v, bool full)
{
	struct view header = header_of(v);

	if (!full)
		return mime_type_of_header(v);
	return !utf8_ascii(header) && utf8_valid(header) ? "message/global"
							 : "message/rfc822";
}

/* ---- words ---- */

/* What a person reads of each action, the worst first. */
static const struct {
	enum dsn_action action;
	const char *subject, *name, *text;
} words[] = {
	{ DSN_FAILED, "Your message could not be delivered", "failed",
	    "Your message could not be delivered to the following recipients. "
	    "It is\r\nnot tried any further.\r\n" },
	{ DSN_RELAYED, "Your message was passed on", "relayed",
	    "Your message was passed on for the following recipients, to a "
	    "server that\r\ndoes not say whether it is delivered.\r\n" },
	{ DSN_EXPANDED, "Your message was passed on", "expanded",
	    "Your message was passed on for the following recipients, to "
	    "several\r\naddresses. You are not told of success any "
	    "further.\r\n" },
	{ DSN_DELIVERED, "Your message was delivered", "delivered",
	    "Your message was delivered to the following recipients.\r\n" },
};
#define WORDS (sizeof(words) / sizeof(words[0]))

static void
put_top(const struct dsn *d, struct buf *out)
{
	size_t w = 0;
	bool full;

	while (w + 1 < WORDS && !has_action(d, words[w].action))
		w++;
	buf_put_str(out, "From: \"Mail Delivery System\" <MAILER-DAEMON@");
	buf_put(out, d->host);
	buf_put_str(out, ">\r\nTo: <");
	buf_put(out, d->to);
	buf_put_str(out, ">\r\nSubject: ");
	buf_put_str(out, words[w].subject);
	buf_put_str(out, "\r\nDate: ");
	put_date(d, d->now, out);
	buf_put_str(out, "\r\nMessage-ID: <");
	buf_put(out, d->id);
	buf_put_str(out, ".dsn@");
	buf_put(out, d->host);
	buf_put_str(out,
	    ">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"");
	put_boundary(d, out);
	buf_put_str(out, "\"\r\n");
	/* no part has more than the whole says (RFC 2045 section 6.4) */
	put_encoding(fields_are_ascii(d) && utf8_ascii(quoted(d, &full)), out);
	buf_put_str(out, "\r\nThis is a report in MIME format.\r\n");
}

static void
put_words_for(const struct dsn *d, size_t w, struct buf *out)
{
	if (!has_action(d, words[w].action))
		return;
	buf_put_str(out, "\r\n");
	buf_put_str(out, words[w].text);
	for (size_t i = 0; i < d->n; i++) {
		const struct dsn_recipient *r = &d->recipient[i];

		if (r->action != words[w].action)
			continue;
		buf_put_str(out, "\r\n<");
		buf_put(out, r->address);
		buf_put_str(out, r->text.n > 0 ? ">:\r\n    " : ">");
		buf_put(out, r->text);
		buf_put_str(out, "\r\n");
	}
}

static void
put_words(const struct dsn *d, struct buf *out)
{
	bool ascii = addresses_are_ascii(d);

	begin_part(d,
	    ascii ? "text/plain; charset=us-ascii"
		  : "text/plain; charset=utf-8",
	    ascii, out);
	buf_put_str(out, "This is the mail system at ");
	buf_put(out, d->host);
	buf_put_str(out, ".\r\n");
	for (size_t w = 0; w < WORDS; w++)
		put_words_for(d, w, out);
}

/* ---- fields ---- */

static const char *
name_of(enum dsn_action action)
{
	for (size_t w = 0; w < WORDS; w++)
		if (words[w].action == action)
			return words[w].name;
	return "failed";
}

/* A name, or an address as a literal (RFC 5321 section 4.1.3). */
static void
put_mta(struct view name, struct buf *out)
{
	bool v6 = memchr(name.p, ':', name.n) != NULL, v4 = true;

	for (size_t i = 0; i < name.n; i++)
		v4 = v4 &&
		    (name.p[i] == '.' ||
			(name.p[i] >= '0' && name.p[i] <= '9'));
	buf_put_str(out, v6 ? "[IPv6:" : v4 ? "[" : "");
	buf_put(out, name);
	buf_put_str(out, v6 || v4 ? "]" : "");
}

static void
put_server(const struct dsn_recipient *r, struct buf *out)
{
	if (r->smtp) {
		buf_put_str(out, "Diagnostic-Code: smtp; ");
		buf_put(out, r->text);
		buf_put_str(out, "\r\n");
	}
	if (r->remote.n > 0) {
		buf_put_str(out, "Remote-MTA: dns; ");
		put_mta(r->remote, out);
		buf_put_str(out, "\r\n");
	}
}

static void
put_recipient(
    const struct dsn *d, const struct dsn_recipient *r, struct buf *out)
{
	buf_put_str(out, "\r\n");
	xtext_put_recipient(r->orcpt, out);
	buf_put_str(out, "Final-Recipient: ");
	buf_put_str(out, utf8_ascii(r->address) ? "rfc822; " : "utf-8; ");
	buf_put(out, r->address);
	buf_put_str(out, "\r\nAction: ");
	buf_put_str(out, name_of(r->action));
	buf_put_str(out, "\r\nStatus: ");
	buf_put(out, r->status);
	buf_put_str(out, "\r\n");
	put_server(r, out);
	buf_put_str(out, "Last-Attempt-Date: ");
	put_date(d, d->now, out);
	buf_put_str(out, "\r\n");
}

static void
put_fields(const struct dsn *d, struct buf *out)
{
	bool ascii = fields_are_ascii(d);

	begin_part(d,
	    ascii ? "message/delivery-status"
		  : "message/global-delivery-status",
	    ascii, out);
	if (d->envid.n > 0) {
		buf_put_str(out, "Original-Envelope-Id: ");
		xtext_undo(d->envid, out);
		buf_put_str(out, "\r\n");
	}
	buf_put_str(out, "Reporting-MTA: dns; ");
	buf_put(out, d->host);
	buf_put_str(out, "\r\nArrival-Date: ");
	put_date(d, d->arrived, out);
	buf_put_str(out, "\r\n");
	for (size_t i = 0; i < d->n; i++)
		put_recipient(d, &d->recipient[i], out);
}

/* ---- the original ---- */

static void
put_original(const struct dsn *d, struct buf *out)
{
	bool full;
	struct view v = quoted(d, &full);

	begin_part(d, type_of(v, full), utf8_ascii(v), out);
	buf_put(out, v);
}

void
dsn_put(const struct dsn *d, struct buf *out)
{
	put_top(d, out);
	put_words(d, out);
	put_fields(d, out);
	put_original(d, out);
	buf_put_str(out, "\r\n--");
	put_boundary(d, out);
	buf_put_str(out, "--\r\n");
}
