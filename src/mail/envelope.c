/*
 * ENVELOPE. Values are only cut out and quoted, never decoded: that is the
 * client's part, and IMAP wants the bytes of the message.
 */

#include "mail/envelope.h"

#include "mail/address.h"
#include "mail/header.h"

/* In the order of enum envelope_field. */
static const struct {
	struct view name;
	bool address;
} fields[ENVELOPE_FIELDS] = {
	{ { (const uint8_t *)"Date", 4 }, false },
	{ { (const uint8_t *)"Subject", 7 }, false },
	{ { (const uint8_t *)"From", 4 }, true },
	{ { (const uint8_t *)"Sender", 6 }, true },
	{ { (const uint8_t *)"Reply-To", 8 }, true },
	{ { (const uint8_t *)"To", 2 }, true },
	{ { (const uint8_t *)"Cc", 2 }, true },
	{ { (const uint8_t *)"Bcc", 3 }, true },
	{ { (const uint8_t *)"In-Reply-To", 11 }, false },
	{ { (const uint8_t *)"Message-ID", 10 }, false },
};

/* What a quoted string cannot hold as it is. */
enum content { CONTENT_PLAIN, CONTENT_QUOTE, CONTENT_FOLD, CONTENT_LITERAL };

static int
field_of(struct view name)
{
	if (name.n < 2 || name.n > 11)
		return -1;
	for (int i = 0; i < ENVELOPE_FIELDS; i++)
		if (fields[i].name.n == name.n &&
		    view_eq_ci(fields[i].name, name))
			return i;
	return -1;
}

/* "old, new" */
static struct view
join(struct view old, struct view more, struct arena *a)
{
	uint8_t *p = arena_alloc(a, old.n + more.n + 2);

	if (p == NULL)
		return old;
	memcpy(p, old.p, old.n);
	memcpy(p + old.n, ", ", 2);
	memcpy(p + old.n + 2, more.p, more.n);
	return (struct view){ p, old.n + more.n + 2 };
}

void
envelope_read(struct view header, struct arena *a, struct envelope *out)
{
	struct header_field f;
	size_t joined = 0;

	*out = (struct envelope){ 0 };
	while (header_next(&header, &f)) {
		int i = field_of(f.name);
		struct view v;

		if (i < 0)
			continue;
		v = header_trim(f.value);
		if (out->value[i].p == NULL)
			out->value[i] = v;
		else if (fields[i].address && joined++ < ENVELOPE_JOIN_MAX)
			out->value[i] = join(out->value[i], v, a);
	}
}

static enum content
content_of(struct view v)
{
	enum content r = CONTENT_PLAIN;

	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (c >= ' ' && c != '"' && c != '\\' && c < 0x7f)
			continue;
		if (c >= 0x80)
			return CONTENT_LITERAL;
		if ((c == '"' || c == '\\') && r == CONTENT_PLAIN)
			r = CONTENT_QUOTE;
		else if (c == '\r' || c == '\n' || c == 0)
			r = CONTENT_FOLD;
	}
	return r;
}

/* Line ends go, NUL becomes "?"; in quotes, '"' and '\' are escaped. */
static size_t
put_clean(struct view v, bool quoted, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (c == '\r' || c == '\n')
			continue;
		if (quoted && (c == '"' || c == '\\'))
			out[n++] = '\\';
		out[n++] = c != 0 ? c : '?';
	}
	return n;
}

static void
put_quoted(struct view v, struct buf *out)
{
	uint8_t *p = buf_reserve(out, v.n * 2 + 2);
	size_t n;

	if (p == NULL)
		return;
	p[0] = '"';
	n = put_clean(v, true, p + 1);
	p[n + 1] = '"';
	out->n += n + 2;
}

static void
put_literal(struct view v, struct buf *out)
{
	size_t n = v.n;
	uint8_t *p;

	for (size_t i = 0; i < v.n; i++)
		n -= v.p[i] == '\r' || v.p[i] == '\n';
	buf_put_byte(out, '{');
	buf_put_dec(out, n);
	buf_put(out, VIEW_LIT("}\r\n"));
	if ((p = buf_reserve(out, n)) != NULL)
		out->n += put_clean(v, false, p);
}

void
envelope_put_nstring(struct view text, struct buf *out)
{
	enum content c;

	if (text.p == NULL) {
		buf_put(out, VIEW_LIT("NIL"));
		return;
	}
	c = content_of(text);
	if (c == CONTENT_LITERAL || text.n > ENVELOPE_QUOTED_MAX)
		put_literal(text, out);
	else if (c == CONTENT_PLAIN) {
		buf_put_byte(out, '"');
		buf_put(out, text);
		buf_put_byte(out, '"');
	} else
		put_quoted(text, out);
}

static void
put_addresses(const struct address *d, struct buf *out)
{
	if (d == NULL) {
		buf_put(out, VIEW_LIT("NIL"));
		return;
	}
	buf_put_byte(out, '(');
	for (; d != NULL; d = d->next) {
		buf_put_byte(out, '(');
		envelope_put_nstring(d->name, out);
		buf_put_byte(out, ' ');
		envelope_put_nstring(d->adl, out);
		buf_put_byte(out, ' ');
		envelope_put_nstring(d->mailbox, out);
		buf_put_byte(out, ' ');
		envelope_put_nstring(d->host, out);
		buf_put_byte(out, ')');
	}
	buf_put_byte(out, ')');
}

/* Sender and Reply-To: From's, where theirs is missing or says nothing. */
static void
put_originator(const struct envelope *e, enum envelope_field f,
    const struct address *from, struct arena *a, struct buf *out)
{
	struct address *d = NULL;

	if (e->value[f].p != NULL)
		d = address_parse(e->value[f], a);
	put_addresses(d != NULL ? d : from, out);
}

void
envelope_write(const struct envelope *e, struct arena *a, struct buf *out)
{
	const struct address *from = NULL;

	if (e->value[ENVELOPE_FROM].p != NULL)
		from = address_parse(e->value[ENVELOPE_FROM], a);
	buf_put_byte(out, '(');
	for (int i = 0; i < ENVELOPE_FIELDS; i++) {
		if (i > 0)
			buf_put_byte(out, ' ');
		if (i == ENVELOPE_FROM)
			put_addresses(from, out);
		else if (i == ENVELOPE_SENDER || i == ENVELOPE_REPLY_TO)
			put_originator(e, (enum envelope_field)i, from, a, out);
		else if (fields[i].address && e->value[i].p != NULL)
			put_addresses(address_parse(e->value[i], a), out);
		else if (fields[i].address)
			buf_put(out, VIEW_LIT("NIL"));
		else
			envelope_put_nstring(e->value[i], out);
	}
	buf_put_byte(out, ')');
}
