#include "base/clock.h"
#include "imap/response.h"
#include "mail/charset.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/transfer.h"
#include "session/fetch.h"

/*
 * BODY[...] and BINARY[...] (RFC 9051 section 6.4.5). Where a part lies comes
 * from the summary; its octets go out from the map of the log, or by sendfile
 * when they are many.
 */
#define FILE_MIN (256 * 1024)      /* octets from which sendfile is used */
#define DECODE_PIECE (64 * 1024)   /* octets decoded at a time */
#define DECODE_WHOLE (1024 * 1024) /* up to this a part is decoded at once */

/* ---- finding ---- */

/* For a message whose summary has no index. */
static bool
find_by_parsing(struct fetch *f, const struct fetchitem *it, struct view msg,
    struct summary_part *out)
{
	const struct mime_part *p;

	arena_free(&f->tree);
	f->tree = arena_new(MIME_ARENA_MAX);
	p = mime_parse(msg, f->tree);
	if (p == NULL || (p = mime_find(p, it->parts, it->n_parts)) == NULL)
		return false;
	*out = (struct summary_part){ .header = p->header,
		.header_n = p->header_n,
		.body = p->body,
		.body_n = p->body_n,
		.lines = p->lines,
		.encoding = p->encoding,
		.is_multipart = p->kind == MIME_MULTIPART,
		.is_message = p->kind == MIME_MESSAGE };
	if (out->is_message) {
		out->message_header = p->child->header;
		out->message_header_n = p->child->header_n;
		out->message_body = p->child->body;
		out->message_body_n = p->child->body_n;
	}
	return true;
}

static bool
find_part(struct fetch *f, const struct fetchitem *it,
    const struct fetch_message *m, struct summary_part *out)
{
	if ((m->sum.flags & SUMMARY_PARTIAL) != 0)
		return find_by_parsing(f, it, m->body->octets, out);
	return summary_part(&m->sum, it->parts, it->n_parts, out);
}

/* Where a section's octets are; for HEADER.FIELDS those of the whole header.
 * False: there is no such section in this message. */
static bool
locate(struct fetch *f, const struct fetchitem *it,
    const struct fetch_message *m, struct view *out)
{
	struct view msg = m->body->octets;
	struct summary_part part;

	if (it->n_parts == 0) {
		struct view header = view_sub(msg, 0, m->sum.header_n);

		if (it->text == FETCHITEM_TEXT_NONE)
			*out = msg;
		else if (it->text == FETCHITEM_TEXT_TEXT)
			*out = view_sub(msg, header.n, SIZE_MAX);
		else
			*out = header;
		return true;
	}
	if (!find_part(f, it, m, &part))
		return false;
	switch (it->text) {
	case FETCHITEM_TEXT_NONE:
		*out = view_sub(msg, part.body, part.body_n);
		return true;
	case FETCHITEM_TEXT_MIME:
		*out = view_sub(msg, part.header, part.header_n);
		return true;
	case FETCHITEM_TEXT_TEXT:
		*out = view_sub(msg, part.message_body, part.message_body_n);
		return part.is_message;
	case FETCHITEM_TEXT_HEADER:
	case FETCHITEM_TEXT_HEADER_FIELDS:
	case FETCHITEM_TEXT_HEADER_FIELDS_NOT:
		*out =
		    view_sub(msg, part.message_header, part.message_header_n);
		return part.is_message;
	}
	return false;
}

static struct view
partial(const struct fetchitem *it, struct view v)
{
	if (!it->partial)
		return v;
	return view_sub(v, it->offset < v.n ? it->offset : v.n,
	    it->length < v.n ? it->length : v.n);
}

/* ---- BODY[...] ---- */

/* An ordinary literal can hold every octet but NUL, which becomes 0x80 so that
 * nothing shifts (docs/violations.md). */
static void
put_without_nul(struct fetch *f, struct view v)
{
	struct buf *b = &f->s->c.out.b;

	while (v.n > 0) {
		struct view piece = view_sub(v, 0, DECODE_PIECE);
		uint8_t *p = buf_reserve(b, piece.n);

		if (p == NULL)
			return;
		for (size_t i = 0; i < piece.n; i++)
			p[i] = piece.p[i] == '\0' ? 0x80 : piece.p[i];
		b->n += piece.n;
		view_skip(&v, piece.n);
		output_turn(&f->s->c.out);
	}
}

/* Octets of the message itself, as a literal. */
static void
put_octets(struct fetch *f, const struct fetch_message *m, struct view v)
{
	struct output *o = &f->s->c.out;

	response_literal_head(&o->b, v.n);
	if ((m->sum.flags & SUMMARY_HAS_NUL) != 0)
		put_without_nul(f, v);
	else if (v.n >= FILE_MIN && m->body->fd >= 0)
		output_file(o, m->body->fd,
		    m->body->offset + (uint64_t)(v.p - m->body->octets.p), v.n);
	else
		output_lend(o, v);
}

/* Does a field of that name begin at p? Blanks before the colon are allowed, as
 * header_next() allows them. */
static bool
is_field(const uint8_t *p, const uint8_t *end, struct view name)
{
	if ((size_t)(end - p) <= name.n || (p[0] ^ name.p[0]) & 0x1f ||
	    !view_eq_ci((struct view){ p, name.n }, name))
		return false;
	p += name.n;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p < end && *p == ':';
}

/* The end of the field that begins at p: behind its line end and those of its
 * folded lines. */
static const uint8_t *
field_end(const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));

		if (nl == NULL)
			return end;
		p = nl + 1;
		if (p < end && *p != ' ' && *p != '\t')
			return p;
	}
	return end;
}

/* What header_filter() does, for a header that has only fields in it and
 * without copying: adjacent fields become one piece. Pieces found; more than
 * there is room for is 0. */
#define PIECES 32
static size_t
common_pieces(
    const struct fetchitem *it, struct view common, struct view out[PIECES])
{
	const uint8_t *p = common.p, *end = p + common.n;
	size_t n = 0;

	while (p < end && *p != '\r' && *p != '\n') {
		const uint8_t *next = field_end(p, end);
		bool hit = false;

		for (size_t i = 0; i < it->n_fields && !hit; i++)
			hit = is_field(p, next, it->fields[i]);
		if (hit && n > 0 && out[n - 1].p + out[n - 1].n == p) {
			out[n - 1].n += (size_t)(next - p);
		} else if (hit) {
			if (n == PIECES)
				return 0;
			out[n++] = (struct view){ p, (size_t)(next - p) };
		}
		p = next;
	}
	return n;
}

/* The usual case, HEADER.FIELDS of common fields. False: nothing was put. */
static bool
put_common(
    struct fetch *f, const struct fetchitem *it, const struct fetch_message *m)
{
	struct buf *b = &f->s->c.out.b;
	struct view piece[PIECES];
	size_t n = common_pieces(it, m->sum.common, piece), size = 2;

	if (n == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		size += piece[i].n;
	response_literal_head(b, size);
	for (size_t i = 0; i < n; i++)
		buf_put(b, piece[i]);
	buf_put(b, VIEW_LIT("\r\n"));
	return true;
}

static void
put_fields(struct fetch *f, const struct fetch_plan *p,
    const struct fetch_message *m, struct view header)
{
	const struct fetchitem *it = p->item;
	const bool common = p->common && (m->sum.flags & SUMMARY_PARTIAL) == 0;
	struct view v;

	if (common && !it->partial && (m->sum.flags & SUMMARY_HAS_NUL) == 0 &&
	    put_common(f, it, m))
		return;
	buf_clear(&f->scratch);
	header_filter(common ? m->sum.common : header, it->fields, it->n_fields,
	    it->text == FETCHITEM_TEXT_HEADER_FIELDS_NOT, &f->scratch);
	v = partial(it, buf_view(&f->scratch));
	response_literal_head(&f->s->c.out.b, v.n);
	if ((m->sum.flags & SUMMARY_HAS_NUL) != 0)
		put_without_nul(f, v);
	else
		buf_put(&f->s->c.out.b, v);
	output_turn(&f->s->c.out);
}

void
fetch_section(
    struct fetch *f, const struct fetch_plan *p, const struct fetch_message *m)
{
	const struct fetchitem *it = p->item;
	struct view v = { 0 };

	/* what is not there is empty, as the common servers have it */
	if (!locate(f, it, m, &v))
		buf_put_str(&f->s->c.out.b, "\"\"");
	else if (it->n_fields > 0)
		put_fields(f, p, m, v);
	else
		put_octets(f, m, partial(it, v));
}

/* ---- BINARY[...] ---- */

/* A literal8 only where there is a NUL (RFC 3516 section 4.3). */
static void
put_decoded(struct output *o, struct view v)
{
	if (v.n > 0 && memchr(v.p, '\0', v.n) != NULL)
		response_literal8_head(&o->b, v.n);
	else
		response_literal_head(&o->b, v.n);
	output_lend(o, v);
}

/* A part as BINARY knows it. */
struct binary {
	struct view octets; /* as they stand in the message */
	enum transfer encoding;
	bool lines; /* text whose lines end with CRLF (section 7.5.2) */
};

/* Is a line end in that charset the octet of ASCII? In UTF-16 it is not. */
static bool
has_ascii_lines(struct view charset)
{
	AUTO_BUF struct buf b = BUF_INIT(64);

	return charset_to_utf8(charset, VIEW_LIT("a\n"), &b) == CHARSET_OK &&
	    view_eq(buf_view(&b), VIEW_LIT("a\n"));
}

/* False: there is no such part. */
static bool
find_binary(struct fetch *f, const struct fetchitem *it,
    const struct fetch_message *m, struct binary *out)
{
	struct view msg = m->body->octets, charset;
	struct summary_part part;

	*out = (struct binary){ .octets = msg };
	if (it->n_parts == 0)
		return true;
	if (!find_part(f, it, m, &part))
		return false;
	out->octets = view_sub(msg, part.body, part.body_n);
	out->encoding = part.encoding;
	out->lines = !part.is_multipart && !part.is_message &&
	    mime_header_is_text(
		view_sub(msg, part.header, part.header_n), &charset) &&
	    has_ascii_lines(charset);
	return true;
}

/* What has been seen of the line ends of a text. */
struct ends {
	uint64_t alone; /* LF without CR */
	bool odd;       /* NUL, or CR without LF: these are no lines */
	bool cr;        /* the last octet is CR */
};

static void
look(struct ends *e, struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		e->alone += c == '\n' && !e->cr;
		e->odd |= c == '\0' || (e->cr && c != '\n');
		e->cr = c == '\r';
	}
}

/* LF alone becomes CRLF. e: what stood before b; in/out */
static void
put_crs(struct buf *b, struct ends *e)
{
	const bool cr = e->cr;
	const size_t n = b->n;

	e->alone = 0;
	look(e, buf_view(b));
	if (e->alone == 0 || buf_reserve(b, e->alone) == NULL)
		return;
	b->n = n + e->alone;
	for (size_t i = n, to = b->n; to > i;) {
		b->p[--to] = b->p[--i];
		if (b->p[i] == '\n' && !(i > 0 ? b->p[i - 1] == '\r' : cr))
			b->p[--to] = '\r';
	}
}

/* A part on its way out, some octets at a time. */
struct decoding {
	struct transfer_decoder d;
	struct view rest;
};

static struct decoding
decoding_of(const struct binary *b)
{
	struct decoding x = { .rest = b->octets };

	transfer_init(&x.d, b->encoding);
	return x;
}

/* The next piece alone in out; false: it is the last. */
static bool
next_piece(struct decoding *x, size_t most, struct buf *out)
{
	struct view piece = view_sub(x->rest, 0, most);

	buf_clear(out);
	view_skip(&x->rest, piece.n);
	transfer_put(&x->d, piece, out);
	if (x->rest.n == 0)
		transfer_end(&x->d, out);
	return x->rest.n > 0;
}

/* The size of what goes out. What proves to have no lines loses b->lines. */
static uint64_t
decoded_size(struct fetch *f, struct binary *b)
{
	struct decoding x = decoding_of(b);
	struct ends e = { 0 };
	uint64_t size = 0;
	bool more = true;

	if (!b->lines)
		return transfer_size(b->encoding, b->octets, NULL);
	while (more) {
		more = next_piece(&x, DECODE_PIECE, &f->scratch);
		size += f->scratch.n;
		look(&e, buf_view(&f->scratch));
	}
	b->lines = !e.odd && !e.cr;
	return b->lines ? size + e.alone : size;
}

static void
decode_whole(
    struct fetch *f, const struct fetchitem *it, const struct binary *b)
{
	struct decoding x = decoding_of(b);
	struct ends e = { 0 };

	/* broken places are skipped: as far as it can be read it is shown */
	(void)next_piece(&x, SIZE_MAX, &f->scratch);
	if (b->lines)
		look(&e, buf_view(&f->scratch));
	if (e.alone > 0 && !e.odd && !e.cr)
		put_crs(&f->scratch, &e);
	put_decoded(&f->s->c.out, partial(it, buf_view(&f->scratch)));
	(void)output_flush(&f->s->c.out); /* scratch may have been lent */
}

/* What of a decoded piece belongs to the window [from, to) of the whole, when
 * at octets came before it. */
static struct view
window(struct view v, uint64_t at, uint64_t from, uint64_t to)
{
	uint64_t lo = from > at ? from - at : 0;
	uint64_t hi = to > at ? to - at : 0;

	if (lo > v.n)
		lo = v.n;
	if (hi > v.n)
		hi = v.n;
	return view_sub(v, lo, hi > lo ? hi - lo : 0);
}

/* Large parts: the size by one pass, the octets by another. */
static void
decode_pieces(struct fetch *f, const struct fetchitem *it, struct binary *b)
{
	uint64_t size = decoded_size(f, b), at = 0;
	uint64_t from = 0, to = size;
	struct decoding x = decoding_of(b);
	struct ends e = { 0 };
	struct output *o = &f->s->c.out;

	if (it->partial) {
		from = it->offset < size ? it->offset : size;
		to = it->length < size - from ? from + it->length : size;
	}
	response_literal8_head(&o->b, to - from);
	for (bool more = true; more && at < to && o->error == 0;) {
		more = next_piece(&x, DECODE_PIECE, &f->scratch);
		if (b->lines)
			put_crs(&f->scratch, &e);
		buf_put(&o->b, window(buf_view(&f->scratch), at, from, to));
		at += f->scratch.n;
		output_turn(o);
	}
}

/* BINARY[...HEADER] and the like: nothing there is encoded. */
static void
binary_text(
    struct fetch *f, const struct fetch_plan *p, const struct fetch_message *m)
{
	const struct fetchitem *it = p->item;
	bool size_only = it->kind == FETCHITEM_BINARY_SIZE;
	struct view v = { 0 };

	if (!locate(f, it, m, &v)) {
		buf_put_str(&f->s->c.out.b, size_only ? "0" : "\"\"");
	} else if (it->n_fields > 0 && !size_only) {
		put_fields(f, p, m, v);
	} else if (it->n_fields > 0) {
		buf_clear(&f->scratch);
		header_filter(v, it->fields, it->n_fields,
		    it->text == FETCHITEM_TEXT_HEADER_FIELDS_NOT, &f->scratch);
		buf_put_dec(&f->s->c.out.b, f->scratch.n);
	} else if (size_only) {
		buf_put_dec(&f->s->c.out.b, v.n);
	} else {
		put_decoded(&f->s->c.out, partial(it, v));
	}
}

void
fetch_binary(
    struct fetch *f, const struct fetch_plan *p, const struct fetch_message *m)
{
	const struct fetchitem *it = p->item;
	bool size_only = it->kind == FETCHITEM_BINARY_SIZE;
	struct binary b;

	if (it->text != FETCHITEM_TEXT_NONE)
		binary_text(f, p, m);
	else if (!find_binary(f, it, m, &b))
		buf_put_str(&f->s->c.out.b, size_only ? "0" : "\"\"");
	else if (size_only)
		buf_put_dec(&f->s->c.out.b, decoded_size(f, &b));
	else if (b.octets.n > DECODE_WHOLE)
		decode_pieces(f, it, &b);
	else
		decode_whole(f, it, &b);
}

bool
fetch_is_unknown(
    struct fetch *f, const struct fetchitem *it, const struct fetch_message *m)
{
	struct summary_part part;

	return (it->kind == FETCHITEM_BINARY ||
		   it->kind == FETCHITEM_BINARY_SIZE) &&
	    it->text == FETCHITEM_TEXT_NONE && it->n_parts > 0 &&
	    find_part(f, it, m, &part) && part.encoding == TRANSFER_UNKNOWN;
}
