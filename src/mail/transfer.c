/*
 * Content-Transfer-Encodings. The decoders are machines that take one byte at
 * a time, with a fast path over runs of plain data, so that the result cannot
 * depend on how the body was cut into pieces.
 */

#include "mail/transfer.h"

#include <assert.h>

#include "base/num.h"

#define SIZE_PIECE 4096 /* transfer_size() works in pieces of this */

/* Values of d->state. */
enum { QP_TEXT = 0, QP_BLANKS, QP_EQ, QP_HEX, QP_EQ_BLANK, QP_EQ_CR };
enum { B64_DATA = 0, B64_PAD, B64_DONE };
enum { UU_BEFORE = 0, UU_DATA, UU_AFTER, UU_LONG };

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Values of base64 digits; 64: a blank or line end, 65: "=", 66: an error. */
#define B64_SPACE 64
#define B64_EQUALS 65
#define B64_BAD 66
#define X8 66, 66, 66, 66, 66, 66, 66, 66
#define X16 X8, X8
#define X128 X16, X16, X16, X16, X16, X16, X16, X16
static const uint8_t base64_values[256] = { X8, 66, 64, 64, 66, 66, 64, 66, 66,
	X16, 64, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 62, 66, 66, 66, 63, 52,
	53, 54, 55, 56, 57, 58, 59, 60, 61, 66, 66, 66, 65, 66, 66, 66, 0, 1, 2,
	3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
	23, 24, 25, 66, 66, 66, 66, 66, 66, 26, 27, 28, 29, 30, 31, 32, 33, 34,
	35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 66,
	66, 66, 66, 66, X128 };

static const struct {
	const char *name;
	enum transfer kind;
} names[] = {
	{ "7bit", TRANSFER_7BIT },
	{ "8bit", TRANSFER_8BIT },
	{ "binary", TRANSFER_BINARY },
	{ "quoted-printable", TRANSFER_QP },
	{ "base64", TRANSFER_BASE64 },
	{ "x-uuencode", TRANSFER_UUENCODE },
	{ "x-uue", TRANSFER_UUENCODE },
	{ "uuencode", TRANSFER_UUENCODE },
	{ "uue", TRANSFER_UUENCODE },
	{ "7-bit", TRANSFER_7BIT },
	{ "8-bit", TRANSFER_8BIT },
};

/* CFWS and quotes in front of the token. */
static void
skip_cfws(struct view *v)
{
	int depth = 0;

	for (; v->n > 0; view_skip(v, 1)) {
		uint8_t c = v->p[0];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' &&
		    c != '\n' && c != '"')
			return;
	}
}

enum transfer
transfer_parse(struct view value)
{
	struct view v = value;
	size_t n = 0;

	skip_cfws(&v);
	while (n < v.n && v.p[n] > ' ' && v.p[n] < 0x7f &&
	    memchr("();\",", v.p[n], 5) == NULL)
		n++;
	v = view_sub(v, 0, n);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq_ci(v, view_str(names[i].name)))
			return names[i].kind;
	return n == 0 ? TRANSFER_7BIT : TRANSFER_UNKNOWN;
}

const char *
transfer_name(enum transfer t)
{
	switch (t) {
	case TRANSFER_7BIT:
		return "7bit";
	case TRANSFER_8BIT:
		return "8bit";
	case TRANSFER_BINARY:
	case TRANSFER_UNKNOWN:
		return "binary";
	case TRANSFER_QP:
		return "quoted-printable";
	case TRANSFER_BASE64:
		return "base64";
	case TRANSFER_UUENCODE:
		return "x-uuencode";
	}
	assert(false);
	return "";
}

void
transfer_init(struct transfer_decoder *d, enum transfer kind)
{
	*d = (struct transfer_decoder){ .kind = kind };
}

/* The bytes of a quantum that ended early with have digits. */
static uint8_t *
base64_tail(struct transfer_decoder *d, uint8_t *o)
{
	if (d->have >= 2)
		*o++ = (uint8_t)(d->have == 2 ? d->bits >> 4 : d->bits >> 10);
	if (d->have == 3)
		*o++ = (uint8_t)(d->bits >> 2);
	d->bits = 0;
	d->have = 0;
	return o;
}

static uint8_t *
base64_byte(struct transfer_decoder *d, uint8_t c, uint8_t *o)
{
	uint8_t v = base64_values[c];

	if (v == B64_SPACE)
		return o;
	if (v == B64_EQUALS) {
		if (d->state == B64_PAD) {
			d->state = B64_DONE;
			return o;
		}
		if (d->have < 2 || d->state == B64_DONE)
			d->errors++;
		d->state = d->have == 2 ? B64_PAD : B64_DONE;
		return base64_tail(d, o);
	}
	if (v == B64_BAD) {
		d->errors++;
		return o;
	}
	if (d->state != B64_DATA) { /* data after the padding */
		d->errors++;
		d->state = B64_DATA;
	}
	d->bits = d->bits << 6 | v;
	if (++d->have < 4)
		return o;
	*o++ = (uint8_t)(d->bits >> 16);
	*o++ = (uint8_t)(d->bits >> 8);
	*o++ = (uint8_t)d->bits;
	d->bits = 0;
	d->have = 0;
	return o;
}

/* At most in.n + 3 bytes at o. */
static uint8_t *
base64_put(struct transfer_decoder *d, struct view in, uint8_t *o)
{
	const uint8_t *p = in.p, *e = in.p + in.n;

	while (p < e) {
		while (e - p >= 4 && d->have == 0 && d->state == B64_DATA) {
			uint32_t a = base64_values[p[0]];
			uint32_t b = base64_values[p[1]];
			uint32_t c = base64_values[p[2]];
			uint32_t f = base64_values[p[3]];

			if ((a | b | c | f) >= 64)
				break;
			*o++ = (uint8_t)(a << 2 | b >> 4);
			*o++ = (uint8_t)(b << 4 | c >> 2);
			*o++ = (uint8_t)(c << 6 | f);
			p += 4;
		}
		if (p < e)
			o = base64_byte(d, *p++, o);
	}
	return o;
}

/* What was held turns out to be plain text. */
static uint8_t *
qp_flush(struct transfer_decoder *d, uint8_t *o)
{
	memcpy(o, d->held, d->held_n);
	o += d->held_n;
	d->held_n = 0;
	d->state = QP_TEXT;
	return o;
}

static uint8_t *
qp_hold(struct transfer_decoder *d, uint8_t c, uint8_t state, uint8_t *o)
{
	if (d->held_n == sizeof(d->held)) {
		o = qp_flush(d, o);
		d->errors += state != QP_BLANKS;
		state = QP_BLANKS;
	}
	d->held[d->held_n++] = c;
	d->state = state;
	return o;
}

static void
qp_drop(struct transfer_decoder *d)
{
	d->held_n = 0;
	d->state = QP_TEXT;
}

static uint8_t *qp_byte(struct transfer_decoder *d, uint8_t c, uint8_t *o);

/* Not an escape after all: all of it stays. */
static uint8_t *
qp_broken(struct transfer_decoder *d, uint8_t c, uint8_t *o)
{
	d->errors++;
	o = qp_flush(d, o);
	return qp_byte(d, c, o);
}

/* After "=": a digit, a soft line break, blanks in front of one. */
static uint8_t *
qp_after_equals(struct transfer_decoder *d, uint8_t c, uint8_t *o)
{
	if (d->state == QP_EQ && num_hex(c) >= 0)
		return qp_hold(d, c, QP_HEX, o);
	if (c == '\n') {
		qp_drop(d);
		return o;
	}
	if (c == '\r' && d->state != QP_EQ_CR)
		return qp_hold(d, c, QP_EQ_CR, o);
	if ((c == ' ' || c == '\t') && d->state != QP_EQ_CR)
		return qp_hold(d, c, QP_EQ_BLANK, o);
	return qp_broken(d, c, o);
}

static uint8_t *
qp_byte(struct transfer_decoder *d, uint8_t c, uint8_t *o)
{
	switch (d->state) {
	case QP_EQ:
	case QP_EQ_BLANK:
	case QP_EQ_CR:
		return qp_after_equals(d, c, o);
	case QP_HEX:
		if (num_hex(c) < 0)
			return qp_broken(d, c, o);
		*o++ = (uint8_t)(num_hex(d->held[1]) << 4 | num_hex(c));
		qp_drop(d);
		return o;
	default:
		break;
	}
	if (c == ' ' || c == '\t')
		return qp_hold(d, c, QP_BLANKS, o);
	if (c == '\r' || c == '\n')
		qp_drop(d); /* blanks at the end of a line are not data */
	else
		o = qp_flush(d, o);
	if (c == '=')
		return qp_hold(d, c, QP_EQ, o);
	*o++ = c;
	return o;
}

static uint8_t *
qp_put(struct transfer_decoder *d, struct view in, uint8_t *o)
{
	const uint8_t *p = in.p, *e = in.p + in.n;

	while (p < e) {
		if (d->state == QP_TEXT)
			while (p<e && * p> ' ' && *p != '=')
				*o++ = *p++;
		if (p < e)
			o = qp_byte(d, *p++, o);
	}
	return o;
}

/* "M..." : the first character tells how many bytes follow. */
static uint8_t *
uu_data_line(struct transfer_decoder *d, uint8_t *o)
{
	size_t want = d->held_n > 0 ? (d->held[0] - 32) & 63 : 0;
	size_t at = 1;

	if (want == 0) { /* "`" or an empty line, then "end" */
		d->state = UU_AFTER;
		return o;
	}
	for (; want > 0 && at < d->held_n; at += 4) {
		size_t n = want < 3 ? want : 3;
		uint32_t v = 0;

		for (size_t i = at; i < at + 4; i++) {
			uint8_t c = i < d->held_n ? d->held[i] : ' ';

			d->errors += c < 32 || c > 96;
			v = v << 6 | ((uint32_t)(c - 32) & 63);
		}
		for (size_t i = 0; i < n; i++)
			*o++ = (uint8_t)(v >> (16 - 8 * i));
		want -= n;
	}
	d->errors += want > 0;
	return o;
}

static uint8_t *
uu_line(struct transfer_decoder *d, uint8_t *o)
{
	struct view line = { d->held, d->held_n };

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		d->held_n = (uint8_t)--line.n;
	if (d->state == UU_BEFORE && view_starts(line, VIEW_LIT("begin ")))
		d->state = UU_DATA;
	else if (d->state == UU_DATA && view_eq(line, VIEW_LIT("end")))
		d->state = UU_AFTER;
	else if (d->state == UU_DATA)
		o = uu_data_line(d, o);
	d->held_n = 0;
	return o;
}

static uint8_t *
uu_put(struct transfer_decoder *d, struct view in, uint8_t *o)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\n')
			o = uu_line(d, o);
		else if (d->held_n < sizeof(d->held))
			d->held[d->held_n++] = in.p[i];
		else
			d->errors += d->state == UU_DATA;
	}
	return o;
}

void
transfer_put(struct transfer_decoder *d, struct view in, struct buf *out)
{
	uint8_t *o, *e;

	if (in.n == 0)
		return;
	if ((o = buf_reserve(out, in.n + sizeof(d->held))) == NULL)
		return;
	switch (d->kind) {
	case TRANSFER_BASE64:
		e = base64_put(d, in, o);
		break;
	case TRANSFER_QP:
		e = qp_put(d, in, o);
		break;
	case TRANSFER_UUENCODE:
		e = uu_put(d, in, o);
		break;
	case TRANSFER_7BIT:
	case TRANSFER_8BIT:
	case TRANSFER_BINARY:
	case TRANSFER_UNKNOWN:
	default:
		memcpy(o, in.p, in.n);
		e = o + in.n;
		break;
	}
	out->n += (size_t)(e - o);
}

/* "=" at the very end is a soft line break whose line end was cut off with
 * the boundary. */
static uint8_t *
qp_end(struct transfer_decoder *d, uint8_t *o)
{
	if (d->state == QP_HEX) {
		d->errors++;
		return qp_flush(d, o);
	}
	qp_drop(d);
	return o;
}

void
transfer_end(struct transfer_decoder *d, struct buf *out)
{
	uint8_t *o = buf_reserve(out, sizeof(d->held)), *e = o;

	if (o == NULL)
		return;
	if (d->kind == TRANSFER_BASE64) {
		d->errors += d->have > 0 || d->state == B64_PAD;
		e = base64_tail(d, o);
	} else if (d->kind == TRANSFER_QP)
		e = qp_end(d, o);
	else if (d->kind == TRANSFER_UUENCODE) {
		if (d->held_n > 0)
			e = uu_line(d, o);
		d->errors += d->state != UU_AFTER;
	}
	out->n += (size_t)(e - o);
}

bool
transfer_decode(enum transfer kind, struct view in, struct buf *out)
{
	struct transfer_decoder d;

	transfer_init(&d, kind);
	transfer_put(&d, in, out);
	transfer_end(&d, out);
	return d.errors == 0;
}

uint64_t
transfer_size(enum transfer kind, struct view in, bool *ok)
{
	uint8_t space[SIZE_PIECE +
	    2 * sizeof(((struct transfer_decoder *)0)->held)];
	struct buf b = {
		.p = space, .cap = sizeof(space), .max = sizeof(space)
	};
	struct transfer_decoder d;
	uint64_t n = 0;

	transfer_init(&d, kind);
	if (kind != TRANSFER_BASE64 && kind != TRANSFER_QP &&
	    kind != TRANSFER_UUENCODE) {
		if (ok != NULL)
			*ok = true;
		return in.n;
	}
	for (; in.n > 0; b.n = 0) {
		struct view piece = view_sub(in, 0, SIZE_PIECE);

		transfer_put(&d, piece, &b);
		n += b.n;
		view_skip(&in, piece.n);
	}
	transfer_end(&d, &b);
	if (ok != NULL)
		*ok = d.errors == 0;
	return n + b.n;
}

/* Digits for up to 3 bytes. */
static void
put_quantum(struct view in, struct buf *out)
{
	uint32_t v = (uint32_t)in.p[0] << 16 |
	    (in.n > 1 ? (uint32_t)in.p[1] << 8 : 0) | (in.n > 2 ? in.p[2] : 0);
	uint8_t d[4];

	for (int i = 0; i < 4; i++)
		d[i] = (uint8_t)base64_digits[v >> (18 - 6 * i) & 63];
	if (in.n < 3)
		d[3] = '=';
	if (in.n < 2)
		d[2] = '=';
	buf_put(out, (struct view){ d, 4 });
}

void
transfer_put_base64_plain(struct view in, struct buf *out)
{
	for (; in.n > 0; view_skip(&in, in.n < 3 ? in.n : 3))
		put_quantum(view_sub(in, 0, 3), out);
}

void
transfer_put_base64(struct view in, struct buf *out)
{
	const size_t line = 57; /* bytes in 76 digits */

	for (; in.n > 0; view_skip(&in, in.n < line ? in.n : line)) {
		transfer_put_base64_plain(view_sub(in, 0, line), out);
		buf_put(out, VIEW_LIT("\r\n"));
	}
}

static bool
at_line_end(struct view in)
{
	return in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n';
}

/* A byte that stands for itself here; blanks only inside a line. */
static bool
qp_plain(struct view in, bool text)
{
	uint8_t c = in.p[0];

	if (c == ' ' || c == '\t')
		return in.n > 1 &&
		    !(text && at_line_end(view_sub(in, 1, in.n)));
	return c > ' ' && c < 0x7f && c != '=';
}

void
transfer_put_qp(struct view in, bool text, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t col = 0;

	for (; in.n > 0; view_skip(&in, 1)) {
		bool plain = qp_plain(in, text);

		if (text && at_line_end(in)) {
			buf_put(out, VIEW_LIT("\r\n"));
			view_skip(&in, 1);
			col = 0;
			continue;
		}
		if (col + (plain ? 1 : 3) > 75) {
			buf_put(out, VIEW_LIT("=\r\n"));
			col = 0;
		}
		col += plain ? 1 : 3;
		if (plain)
			buf_put_byte(out, in.p[0]);
		else {
			buf_put_byte(out, '=');
			buf_put_byte(out, (uint8_t)hex[in.p[0] >> 4]);
			buf_put_byte(out, (uint8_t)hex[in.p[0] & 15]);
		}
	}
}
