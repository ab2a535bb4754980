/*
 * RFC 2047 and RFC 2231. Adjacent encoded-words of one charset are gathered
 * as bytes and converted together, since many mailers cut characters and
 * ISO-2022-JP states between words.
 */

#include "mail/encoded.h"

#include "base/num.h"
#include "mail/cfws.h"
#include "mail/charset.h"
#include "mail/header.h"
#include "mail/transfer.h"

/* =?charset*language?encoding?text?= */
struct word {
	struct view charset;
	uint8_t encoding; /* 'b' or 'q' */
	struct view text;
	size_t n; /* of the whole */
};

/* Characters up to the next '?', none of them a blank unless allowed. */
static bool
take_piece(struct view *in, size_t max, bool blanks, struct view *out)
{
	size_t n = 0;

	while (n < in->n && n <= max && in->p[n] != '?') {
		if (!blanks && in->p[n] <= ' ')
			return false;
		n++;
	}
	if (n == in->n || n > max)
		return false;
	*out = view_sub(*in, 0, n);
	view_skip(in, n + 1);
	return true;
}

/* encoded-word (RFC 2047 section 2); blanks inside Q text are let pass, and a
 * '?' in Q text too when no "=" follows it. */
static bool
take_word(struct view v, struct word *w)
{
	struct view in = v, encoding, piece;
	const uint8_t *star;

	if (!view_starts(in, VIEW_LIT("=?")))
		return false;
	view_skip(&in, 2);
	if (!take_piece(&in, 2 * CHARSET_NAME_MAX, false, &w->charset) ||
	    w->charset.n == 0 || !take_piece(&in, 1, false, &encoding) ||
	    encoding.n != 1)
		return false;
	w->encoding = encoding.p[0] | 0x20;
	if (w->encoding != 'b' && w->encoding != 'q')
		return false;
	if ((star = memchr(w->charset.p, '*', w->charset.n)) != NULL)
		w->charset.n = (size_t)(star - w->charset.p);
	w->text = (struct view){ in.p, 0 };
	do {
		if (!take_piece(&in, in.n, w->encoding == 'q', &piece))
			return false;
		w->text.n = (size_t)(piece.p + piece.n - w->text.p);
	} while (w->encoding == 'q' && in.n > 0 && in.p[0] != '=' &&
	    in.p[0] > ' ' && w->text.n < 1000);
	if (in.n == 0 || in.p[0] != '=')
		return false;
	w->n = (size_t)(in.p + 1 - v.p);
	return true;
}

size_t
encoded_word(struct view v)
{
	struct word w;

	return take_word(v, &w) ? w.n : 0;
}

/* Bytes in which an escape character and two digits stand for one. */
static void
put_escaped(struct view v, uint8_t escape, bool underscores, struct buf *out)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		int high, low;

		if (c == escape && i + 2 < v.n &&
		    (high = num_hex(v.p[i + 1])) >= 0 &&
		    (low = num_hex(v.p[i + 2])) >= 0) {
			c = (uint8_t)(high << 4 | low);
			i += 2;
		} else if (c == '_' && underscores)
			c = ' ';
		buf_put_byte(out, c);
	}
}

static void
word_bytes(const struct word *w, struct buf *raw)
{
	if (w->encoding == 'q')
		put_escaped(w->text, '=', true, raw);
	else /* what is broken in it is skipped */
		(void)!transfer_decode(TRANSFER_BASE64, w->text, raw);
}

/* A run of adjacent words in one charset. */
struct run {
	struct view charset; /* p NULL: no run */
	struct buf raw;
};

static void
flush(struct run *r, struct buf *out)
{
	if (r->charset.p != NULL &&
	    charset_to_utf8(r->charset, buf_view(&r->raw), out) != CHARSET_OK)
		charset_put_guess(buf_view(&r->raw), out);
	r->charset = (struct view){ NULL, 0 };
	buf_clear(&r->raw);
}

static void
put_plain(struct view v, struct buf *out)
{
	size_t start = 0;

	for (size_t i = 0; i <= v.n; i++) {
		if (i < v.n && v.p[i] != '\r' && v.p[i] != '\n')
			continue;
		if (i > start)
			charset_put_guess(view_sub(v, start, i - start), out);
		start = i + 1;
	}
}

static bool
all_blank(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!cfws_is_blank(v.p[i]))
			return false;
	return true;
}

/* Nothing to decode, nothing to replace. */
static bool
is_simple(struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if ((c < ' ' && c != '\t') || c > '~' ||
		    (c == '=' && i + 1 < v.n && v.p[i + 1] == '?'))
			return false;
	}
	return true;
}

/* Offset of the next word in v, v.n when there is none. */
static size_t
find_word(struct view v, struct word *w)
{
	size_t at = 0;

	while (at < v.n) {
		const uint8_t *e = memchr(v.p + at, '=', v.n - at);

		if (e == NULL)
			break;
		at = (size_t)(e - v.p);
		if (take_word(view_sub(v, at, v.n), w) &&
		    charset_is_known(w->charset))
			return at;
		at++;
	}
	return v.n;
}

void
encoded_decode(struct view text, struct buf *out)
{
	struct view v = header_trim(text);
	struct run r = { .charset = { NULL, 0 } };
	struct word w;

	if (is_simple(v)) {
		buf_put(out, v);
		return;
	}
	buf_init(&r.raw, v.n + 100);
	while (v.n > 0) {
		size_t at = find_word(v, &w);
		struct view before = view_sub(v, 0, at);

		if (r.charset.p == NULL || at == v.n || !all_blank(before)) {
			flush(&r, out);
			put_plain(before, out);
		}
		view_skip(&v, at);
		if (v.n == 0)
			break;
		if (r.charset.p != NULL && !view_eq_ci(r.charset, w.charset))
			flush(&r, out);
		r.charset = w.charset;
		word_bytes(&w, &r.raw);
		view_skip(&v, w.n);
	}
	flush(&r, out);
	buf_fini(&r.raw);
}

/* Quoted value; without an end it reaches to the next ';' or the end. */
static struct view
take_quoted(struct view *in)
{
	struct view v = *in, out;
	size_t n = 1;

	while (n < v.n && v.p[n] != '"')
		n += v.p[n] == '\\' ? 2 : 1;
	if (n < v.n) {
		out = view_sub(v, 1, n - 1);
		view_skip(in, n + 1);
		return out;
	}
	n = 1;
	while (n < v.n && v.p[n] != ';')
		n++;
	out = header_trim(view_sub(v, 1, n - 1));
	view_skip(in, n);
	return out;
}

/* An unquoted value: up to ';' or a comment, inner blanks included since
 * mailers forget the quotes of file names. */
static struct view
take_bare(struct view *in)
{
	size_t n = 0;
	struct view v = *in;

	while (n < v.n && v.p[n] != ';' &&
	    !(v.p[n] == '(' && n > 0 && cfws_is_blank(v.p[n - 1])))
		n++;
	view_skip(in, n);
	return header_trim(view_sub(v, 0, n));
}

static void
skip_to_semicolon(struct view *in)
{
	while (in->n > 0 && in->p[0] != ';')
		view_skip(in, 1);
}

bool
encoded_next_param(struct view *rest, struct encoded_param *out)
{
	struct view v = *rest;
	size_t n;

	for (;;) {
		cfws_skip(&v);
		while (v.n > 0 && v.p[0] == ';') {
			view_skip(&v, 1);
			cfws_skip(&v);
		}
		if (v.n == 0)
			break;
		for (n = 0; n < v.n && v.p[n] != '=' && v.p[n] != ';' &&
		     !cfws_is_blank(v.p[n]) && v.p[n] != '(';)
			n++;
		out->name = view_sub(v, 0, n);
		view_skip(&v, n);
		cfws_skip(&v);
		if (n == 0 || v.n == 0 || v.p[0] != '=') {
			skip_to_semicolon(&v); /* no parameter: skip it */
			continue;
		}
		view_skip(&v, 1);
		cfws_skip(&v);
		out->quoted = v.n > 0 && v.p[0] == '"';
		out->value = out->quoted ? take_quoted(&v) : take_bare(&v);
		*rest = v;
		return true;
	}
	*rest = v;
	return false;
}

/* The pieces of one parameter, by number. */
struct section {
	uint32_t number;
	bool extended;
	struct encoded_param param;
};

static void
put_unquoted(const struct encoded_param *p, struct buf *out)
{
	for (size_t i = 0; i < p->value.n; i++) {
		uint8_t c = p->value.p[i];

		if (c == '\\' && p->quoted && i + 1 < p->value.n)
			c = p->value.p[++i];
		if (c != '\r' && c != '\n')
			buf_put_byte(out, c);
	}
}

/* "*", "*N" or "*N*" after the name; plain: nothing after it. */
static bool
parse_suffix(struct view v, struct section *s, bool *plain)
{
	*plain = v.n == 0;
	s->number = 0;
	s->extended = v.n > 0 && v.p[v.n - 1] == '*';
	if (*plain || v.n == 1)
		return *plain || s->extended;
	if (v.p[0] != '*')
		return false;
	v = view_sub(v, 1, v.n - 1 - s->extended);
	if (v.n == 0 || v.n > 4)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		s->number = s->number * 10 + (v.p[i] - '0');
	}
	return true;
}

/* charset'language'text: cut the first two off. */
static struct view
take_charset(struct view *value)
{
	const uint8_t *a = memchr(value->p, '\'', value->n), *b;
	struct view charset = { NULL, 0 };
	size_t n;

	if (a == NULL)
		return charset;
	n = (size_t)(a - value->p);
	b = memchr(a + 1, '\'', value->n - n - 1);
	if (b == NULL)
		return charset;
	charset = view_sub(*value, 0, n);
	view_skip(value, (size_t)(b - value->p) + 1);
	return charset;
}

/* Sections 0, 1, 2 ... up to the first that is missing. */
static void
join(struct section *s, size_t n, size_t total, struct buf *out)
{
	struct view charset = { NULL, 0 };
	AUTO_BUF struct buf raw;

	buf_init(&raw, total + 1);
	for (uint32_t want = 0; want < n; want++) {
		size_t i = 0;

		while (i < n && s[i].number != want)
			i++;
		if (i == n)
			break;
		if (want == 0 && s[i].extended)
			charset = take_charset(&s[i].param.value);
		if (s[i].extended)
			put_escaped(s[i].param.value, '%', false, &raw);
		else
			put_unquoted(&s[i].param, &raw);
	}
	if (charset.n == 0 ||
	    charset_to_utf8(charset, buf_view(&raw), out) != CHARSET_OK)
		charset_put_guess(buf_view(&raw), out);
}

static void
put_plain_param(const struct encoded_param *p, struct buf *out)
{
	AUTO_BUF struct buf raw;

	buf_init(&raw, p->value.n + 1);
	put_unquoted(p, &raw);
	encoded_decode(buf_view(&raw), out);
}

bool
encoded_param_decode(struct view params, struct view name, struct buf *out)
{
	struct section s[ENCODED_PARAMS_MAX];
	struct encoded_param p, plain = { .name = { NULL, 0 } };
	size_t n = 0, total = params.n;
	bool is_plain, first = false;

	for (size_t i = 0;
	     i < ENCODED_PARAMS_MAX && encoded_next_param(&params, &p); i++) {
		if (!view_starts_ci(p.name, name))
			continue;
		s[n].param = p;
		if (!parse_suffix(
			view_sub(p.name, name.n, p.name.n), &s[n], &is_plain))
			continue;
		if (!is_plain) {
			first |= s[n].number == 0;
			n++;
		} else if (plain.name.p == NULL)
			plain = p;
	}
	if (first)
		join(s, n, total, out);
	else if (plain.name.p != NULL)
		put_plain_param(&plain, out);
	else
		return false;
	return true;
}
