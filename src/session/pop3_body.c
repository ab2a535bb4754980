#include <errno.h>

#include "base/utf8.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "session/pop3_inside.h"

/*
 * Messages go out of the map of the log as they are: only where a line begins
 * with a dot a second one is put between (RFC 1939 section 3). What lies
 * between two such places is lent to the output, not copied.
 */
#define LEND_MAX (1u << 20) /* bytes lent at once */

void
pop3_forget(struct pop3 *p)
{
	if (p->have == 0)
		return;
	(void)output_flush(&p->c.out); /* it was lent from them */
	message_release(p->c.account);
	p->have = 0;
}

static bool
fail(struct pop3 *p, int r)
{
	struct log_line l;

	log_begin(&l, p->c.log, LOG_FAILURES, "retr");
	log_view(&l, "user", p->c.env->user);
	log_i64(&l, "result", r);
	log_str(&l, "why", account_why(p->c.account));
	log_end(&l);
	pop3_err(p, POP3_TEXT_LOST);
	return false;
}

/* Look up the body of message i, and those behind it when more commands wait:
 * they are likely about these. */
static int
look_up(struct pop3 *p, size_t i)
{
	size_t n = p->c.input.n > 0 ? POP3_WINDOW : 1;
	uint64_t number[POP3_WINDOW];
	int r;

	if (i - p->first < p->have && i >= p->first)
		return 0;
	pop3_forget(p);
	if (n > p->n - i)
		n = p->n - i;
	for (size_t k = 0; k < n; k++)
		number[k] = p->m[i + k].body;
	if ((r = message_bodies(p->c.account, number, n, p->body)) != 0)
		return r;
	p->first = i;
	p->have = n;
	return 0;
}

/* ---- sending ---- */

/* Lend a piece that has no dots to double. */
static void
put_plain(struct output *o, struct view v)
{
	while (v.n > 0 && o->error == 0) {
		struct view part = view_sub(v, 0, LEND_MAX);

		output_lend(o, part);
		output_turn(o);
		view_skip(&v, part.n);
	}
}

/* Octets that begin at the start of a line. */
static void
put_stuffed(struct pop3 *p, struct view v)
{
	struct output *o = &p->c.out;
	size_t at;

	if (v.n > 0 && v.p[0] == '.')
		buf_put_byte(&o->b, '.');
	while (o->error == 0 && scan_find(&p->dot, v, &at)) {
		put_plain(o, view_sub(v, 0, at + 1));
		buf_put_byte(&o->b, '.');
		view_skip(&v, at + 1);
	}
	put_plain(o, v);
}

/* ".", at the start of a line. */
static void
put_end(struct output *o, struct view last)
{
	/* a client looks for CR LF "." CR LF, also behind a bare LF */
	if (last.n > 0 &&
	    (last.n < 2 || memcmp(last.p + last.n - 2, "\r\n", 2) != 0))
		buf_put_str(&o->b, "\r\n");
	buf_put_str(&o->b, ".\r\n");
	output_turn(o);
}

/* The first lines of a body. */
static struct view
first_lines(struct view body, uint64_t lines)
{
	struct view rest = body;

	for (; lines > 0 && rest.n > 0; lines--) {
		const uint8_t *end = memchr(rest.p, '\n', rest.n);

		view_skip(
		    &rest, end != NULL ? (size_t)(end - rest.p) + 1 : rest.n);
	}
	return view_sub(body, 0, body.n - rest.n);
}

/* ---- surrogates ---- */

/* Other 8-bit text is no UTF-8 string: it goes out as it came
 * (docs/violations.md). */
static bool
is_utf8_header(struct view header)
{
	return !utf8_ascii(header) && utf8_valid(header);
}

/* May there be a header, of the message or of a part, with UTF-8 that this
 * client has not asked for? v: what of the message is sent, nothing else of it
 * need be read. */
static bool
may_need_surrogate(struct pop3 *p, const struct message_body *b, struct view v)
{
	struct summary_part part;
	struct summary sum;

	if (p->set->utf8)
		return false;
	if (summary_read(b->summary, &sum) &&
	    (sum.flags & SUMMARY_HAS_8BIT) == 0 &&
	    summary_part(&sum, NULL, 0, &part) && !part.is_multipart &&
	    !part.is_message)
		return false;
	return !utf8_ascii(v);
}

/* In the order of the message. */
static const struct mime_part *
next_part(const struct mime_part *part)
{
	if (part->child != NULL)
		return part->child;
	while (part != NULL && part->next == NULL)
		part = part->parent;
	return part != NULL ? part->next : NULL;
}

/* A message, or its beginning, its headers as surrogates. */
static void
put_surrogates(struct pop3 *p, struct view message)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	AUTO_BUF struct buf b = BUF_INIT(OUTPUT_MAX);
	const struct mime_part *part = mime_parse(message, a);
	size_t at = 0;

	for (; part != NULL && p->c.out.error == 0; part = next_part(part)) {
		struct view header = mime_header(message, part);

		if (!is_utf8_header(header))
			continue;
		put_stuffed(p, view_sub(message, at, part->header - at));
		buf_clear(&b);
		pop3_surrogate(header, &b);
		put_stuffed(p, buf_view(&b));
		if (b.n >= OUTPUT_LEND) /* it was lent */
			(void)output_flush(&p->c.out);
		at = part->header + header.n;
	}
	message = view_sub(message, at, SIZE_MAX);
	put_stuffed(p, message);
	put_end(&p->c.out, message.n > 0 ? message : buf_view(&b));
}

/* ---- messages ---- */

/* Octets of the header and of the first lines of the body. */
static size_t
top_size(const struct message_body *b, uint64_t lines)
{
	struct summary sum;
	size_t n = summary_read(b->summary, &sum) && sum.header_n <= b->octets.n
	    ? (size_t)sum.header_n
	    : header_size(b->octets);

	return n + first_lines(view_sub(b->octets, n, SIZE_MAX), lines).n;
}

static void
put_message(struct pop3 *p, const struct message_body *b, uint64_t lines)
{
	struct view v = b->octets;

	if (lines != UINT64_MAX)
		v.n = top_size(b, lines);
	if (may_need_surrogate(p, b, v)) {
		put_surrogates(p, v);
		return;
	}
	put_stuffed(p, v);
	put_end(&p->c.out, v);
}

bool
pop3_send(struct pop3 *p, size_t i, uint64_t lines)
{
	struct buf *out = &p->c.out.b;
	const struct message_body *b;
	int r = look_up(p, i);

	if (r != 0)
		return fail(p, r);
	b = &p->body[i - p->first];
	if (b->octets.p == NULL && b->lost)
		return fail(p, -EIO);
	if (b->octets.p == NULL) {
		pop3_err(p, POP3_TEXT_GONE);
		return false;
	}
	buf_put_str(out, "+OK ");
	if (lines == UINT64_MAX) {
		buf_put_dec(out, p->m[i].size);
		buf_put_str(out, " octets\r\n");
	} else {
		buf_put_str(out, pop3_text(POP3_TEXT_TOP, p->language));
		buf_put_str(out, "\r\n");
	}
	put_message(p, b, lines);
	return true;
}
