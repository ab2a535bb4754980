/*
 * Three ways to an answer, the cheapest that is certain:
 *
 *   1. The bytes are plain ASCII in a charset where that means itself
 *      (scan_is_plain()), nothing is encoded: one scan in place decides.
 *   2. The bytes are not plain, but the charset keeps ASCII bytes for ASCII
 *      and the needle is ASCII: a hit in place is a hit. A miss is not certain,
 *      since folding makes ASCII of full-width letters and the like.
 *   3. Everything is decoded, folded and compared, large parts in pieces with
 *      the tail of the last piece kept.
 */

#include "search/match.h"

#include <assert.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "mail/address.h"
#include "mail/charset.h"
#include "mail/encoded.h"
#include "mail/fold.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/transfer.h"
#include "search/may.h"

/* What a charset lets us conclude without decoding. */
enum charset_class {
	CLASS_GUESS, /* none named, or unknown: plain text is ASCII */
	CLASS_CLEAN, /* ASCII bytes are ASCII wherever they stand */
	CLASS_PLAIN, /* only when all is plain */
	CLASS_OTHER, /* never: UTF-7, UTF-16 and what we do not know */
};

#define CONVERTERS 8
#define FILTERS 4
#define FILTER_FROM 256 /* bytes of a text that is worth making a filter */
#define PIECE ((size_t)64 << 10)

struct converter {
	char name[CHARSET_NAME_MAX];
	size_t n;
	struct charset *charset;
};

struct matcher {
	struct buf whole, decoded, utf8, folded;
	struct converter converters[CONVERTERS];
	unsigned next; /* converter to be replaced */
	struct filter {
		struct view needle;
		struct may *may;
	} filters[FILTERS]; /* of the needles met first */
};

struct matcher *
matcher_new(void)
{
	struct matcher *x = xcalloc(1, sizeof(*x));

	buf_init(&x->whole, MATCH_TEXT_MAX);
	buf_init(&x->decoded, MATCH_TEXT_MAX);
	buf_init(&x->utf8, MATCH_TEXT_MAX);
	buf_init(&x->folded, MATCH_TEXT_MAX);
	return x;
}

void
matcher_free(struct matcher **m)
{
	if (*m == NULL)
		return;
	buf_fini(&(*m)->whole);
	buf_fini(&(*m)->decoded);
	buf_fini(&(*m)->utf8);
	buf_fini(&(*m)->folded);
	for (size_t i = 0; i < CONVERTERS; i++)
		charset_close(&(*m)->converters[i].charset);
	for (size_t i = 0; i < FILTERS; i++)
		may_free(&(*m)->filters[i].may);
	mem_free(m);
}

/* --- what is looked for --- */

bool
match_needle_init(struct match_needle *n, struct view text, struct arena *a)
{
	AUTO_BUF struct buf b;
	char *p;

	*n = (struct match_needle){ .ascii = true };
	buf_init(&b, MATCH_TEXT_MAX);
	fold_text(text, &b);
	if (b.failed || (p = arena_strdup(a, buf_view(&b))) == NULL)
		return false;
	n->folded = (struct view){ (const uint8_t *)p, b.n };
	for (size_t i = 0; i < b.n; i++) {
		n->ascii &= b.p[i] < 0x80;
		n->blank |= b.p[i] == ' ' || b.p[i] == '\t' || b.p[i] == '\r' ||
		    b.p[i] == '\n';
	}
	if (n->ascii && b.n > 0)
		scan_init(&n->scan, n->folded);
	return true;
}

static bool
is_address_field(struct view name)
{
	static const char *const names[] = { "from", "to", "cc", "bcc",
		"reply-to", "sender" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq(name, view_str(names[i])))
			return true;
	return false;
}

bool
match_field_init(struct match_field *f, struct view name, struct arena *a)
{
	uint8_t *p = arena_alloc(a, name.n + 2);

	*f = (struct match_field){ 0 };
	if (p == NULL)
		return false;
	*p++ = '\n';
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];

		if (c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r')
			return true;
		p[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
	}
	f->name = (struct view){ p, name.n };
	f->common = header_is_common(name);
	f->address = is_address_field(f->name);
	scan_init(&f->scan, (struct view){ p - 1, name.n + 1 });
	return true;
}

/* --- the message --- */

void
match_message_init(
    struct match_message *m, struct view octets, struct view summary)
{
	m->octets = octets;
	m->has_summary = summary.n > 0 && summary_read(summary, &m->summary) &&
	    m->summary.header_n <= octets.n;
	m->header_n =
	    m->has_summary ? (size_t)m->summary.header_n : header_size(octets);
}

static struct view
message_header(const struct match_message *m)
{
	return view_sub(m->octets, 0, m->header_n);
}

/* Where the fields called f are found with the least to read. */
static struct view
field_source(const struct match_message *m, const struct match_field *f)
{
	if (f->common && m->has_summary &&
	    (m->summary.flags & SUMMARY_PARTIAL) == 0)
		return m->summary.common;
	return message_header(m);
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* The value of a field whose ':' stands before at, folding included. */
static struct view
value_at(struct view header, size_t at)
{
	size_t end = at;

	for (;;) {
		const uint8_t *e = end < header.n
		    ? memchr(header.p + end, '\n', header.n - end)
		    : NULL;

		if (e == NULL)
			return view_sub(header, at, header.n);
		end = (size_t)(e - header.p);
		if (end + 1 >= header.n || !is_blank(header.p[end + 1]))
			return view_sub(header, at, end - at);
		end++;
	}
}

/* The next field of that name from *at on. */
static bool
next_value(const struct match_field *f, struct view header, size_t *at,
    struct view *value)
{
	bool first = *at == 0 && view_starts_ci(header, f->name);

	for (;; first = false) {
		size_t k = 0, p;

		if (!first &&
		    !scan_find(&f->scan, view_sub(header, *at, header.n), &k))
			return false;
		p = *at + k + (first ? 0 : 1) + f->name.n;
		*at = p;
		while (p < header.n && is_blank(header.p[p]))
			p++;
		if (p >= header.n || header.p[p] != ':')
			continue;
		*value = value_at(header, p + 1);
		return true;
	}
}

/* --- texts of the header --- */

static bool
folded_has(const struct matcher *x, const struct match_needle *n)
{
	return fold_find(buf_view(&x->folded), n->folded) <= x->folded.n;
}

/* The filter of the needle; NULL when there is none. */
static const struct may *
filter_of(struct matcher *x, size_t size, const struct match_needle *n)
{
	for (size_t i = 0; i < FILTERS; i++) {
		struct filter *f = &x->filters[i];

		if (f->may != NULL && f->needle.p == n->folded.p)
			return f->may;
		if (f->may != NULL)
			continue;
		if (size < FILTER_FROM)
			return NULL;
		f->needle = n->folded;
		f->may = may_new(n->folded, n->ascii);
		return f->may;
	}
	return NULL;
}

/* UTF-8, whole. */
static bool
utf8_has(struct matcher *x, struct view text, const struct match_needle *n)
{
	const struct may *may;
	size_t at;

	if (n->folded.n == 0)
		return true;
	if (n->ascii && scan_find(&n->scan, text, &at))
		return true;
	may = filter_of(x, text.n, n);
	if (may != NULL && !may_hold(may, text))
		return false;
	buf_clear(&x->folded);
	fold_text(text, &x->folded);
	return !x->folded.failed && folded_has(x, n);
}

static bool
has_encoded_word(struct view v)
{
	return v.n > 1 && memmem(v.p, v.n, "=?", 2) != NULL;
}

/* Tabs to spaces; false when there are none. */
static bool
blank_tabs(struct buf *b)
{
	bool any = false;

	for (size_t i = 0; i < b->n; i++)
		if (b->p[i] == '\t') {
			b->p[i] = ' ';
			any = true;
		}
	return any;
}

/* One field, or its value. Where a line goes on after a tab, a space is found
 * too: which of the two stands there is the writer's mail program's choice. */
static bool
value_has(struct matcher *x, struct view v, const struct match_needle *n)
{
	size_t at;

	if (n->folded.n == 0)
		return true;
	v = header_trim(v);
	if (scan_is_plain(v) && !has_encoded_word(v) &&
	    (v.n == 0 || memchr(v.p, '\n', v.n) == NULL))
		return n->ascii && scan_find(&n->scan, v, &at);
	buf_clear(&x->decoded);
	encoded_decode(view_sub(v, 0, MATCH_FIELD_MAX), &x->decoded);
	if (x->decoded.failed)
		return false;
	return utf8_has(x, buf_view(&x->decoded), n) ||
	    (n->blank && blank_tabs(&x->decoded) &&
		utf8_has(x, buf_view(&x->decoded), n));
}

/* Can the addresses read otherwise than the text of the field? */
static bool
is_odd_address(struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '(' || v.p[i] == '\\')
			return true;
		if (v.p[i] == '@' &&
		    ((i > 0 && is_blank(v.p[i - 1])) ||
			(i + 1 < v.n && is_blank(v.p[i + 1]))))
			return true;
	}
	return false;
}

/* "name <mailbox@host>, ..." of an address list. */
static void
put_addresses(struct view value, struct buf *out)
{
	AUTO_ARENA struct arena *a = arena_new(MATCH_TEXT_MAX);

	for (const struct address *d = address_parse(value, a); d != NULL;
	     d = d->next) {
		if (d->name.n > 0) {
			encoded_decode(d->name, out);
			buf_put_byte(out, ' ');
		}
		if (d->mailbox.n == 0)
			continue;
		buf_put_byte(out, '<');
		charset_put_guess(d->mailbox, out);
		buf_put_byte(out, '@');
		charset_put_guess(d->host, out);
		buf_put_str(out, ">, ");
	}
}

static bool
addresses_have(struct matcher *x, struct view v, const struct match_needle *n)
{
	if (!is_odd_address(v))
		return false;
	buf_clear(&x->decoded);
	put_addresses(view_sub(v, 0, MATCH_FIELD_MAX), &x->decoded);
	return !x->decoded.failed && utf8_has(x, buf_view(&x->decoded), n);
}

bool
match_header(struct matcher *x, const struct match_message *m,
    const struct match_field *f, const struct match_needle *n)
{
	struct view header, value;
	size_t at = 0;

	if (f->name.n == 0)
		return false;
	header = field_source(m, f);
	while (next_value(f, header, &at, &value)) {
		if (value_has(x, value, n))
			return true;
		if (f->address && addresses_have(x, value, n))
			return true;
	}
	return false;
}

/* A whole header section. */
static bool
section_has(struct matcher *x, struct view header, const struct match_needle *n)
{
	struct header_field f;
	size_t at;

	if (scan_is_plain(header) && !has_encoded_word(header)) {
		if (!n->ascii)
			return false;
		if (scan_find(&n->scan, header, &at))
			return true;
		if (!n->blank) /* else it may be cut by folding */
			return false;
	}
	while (header_next(&header, &f))
		if (value_has(x, f.raw, n))
			return true;
	return false;
}

/* --- texts of parts --- */

static enum charset_class
classify(struct view name)
{
	static const char *const clean[] = { "utf-8", "utf8", "iso-8859-",
		"iso8859-", "iso_8859-", "windows-125", "cp125", "koi8-",
		"euc-", "latin" };
	static const char *const plain[] = { "iso-2022-", "shift_jis",
		"shift-jis", "x-sjis", "sjis", "cp932", "windows-31j", "gb",
		"big5", "ks_c_5601", "cp949", "tis-620", "windows-874" };

	if (name.n == 0 || view_eq_ci(name, VIEW_LIT("us-ascii")) ||
	    view_eq_ci(name, VIEW_LIT("ascii")))
		return CLASS_GUESS;
	for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++)
		if (view_starts_ci(name, view_str(clean[i])))
			return CLASS_CLEAN;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (view_starts_ci(name, view_str(plain[i])))
			return CLASS_PLAIN;
	return CLASS_OTHER;
}

/* A converter from the charset, NULL when there is none. */
static struct charset *
converter(struct matcher *x, struct view name)
{
	struct converter *c;

	if (name.n > CHARSET_NAME_MAX)
		return NULL;
	for (size_t i = 0; i < CONVERTERS; i++) {
		c = &x->converters[i];
		if (c->charset != NULL &&
		    view_eq_ci(
			(struct view){ (const uint8_t *)c->name, c->n }, name))
			return c->charset;
	}
	c = &x->converters[x->next++ % CONVERTERS];
	charset_close(&c->charset);
	if (charset_open(name, &c->charset) != CHARSET_OK) {
		c->charset = NULL;
		return NULL;
	}
	memcpy(c->name, name.p, name.n);
	c->n = name.n;
	return c->charset;
}

/* A text part on its way to the form that is compared. */
struct stream {
	struct matcher *x;
	const struct match_needle *n;
	struct charset *charset; /* NULL: guess */
};

/* Bytes that can be converted before the next piece is there. */
static size_t
ripe_bytes(const struct stream *s, bool last)
{
	const struct buf *b = &s->x->decoded;
	const uint8_t *e;

	if (last || s->charset != NULL || b->n >= MATCH_WHOLE_MAX)
		return b->n;
	e = b->n > 0 ? memrchr(b->p, '\n', b->n) : NULL;
	return e != NULL ? (size_t)(e - b->p) + 1 : 0;
}

static void
convert(struct stream *s, bool last)
{
	struct matcher *x = s->x;
	size_t n = ripe_bytes(s, last);
	struct view v = view_sub(buf_view(&x->decoded), 0, n);

	if (s->charset != NULL)
		charset_put(s->charset, v, &x->utf8);
	else
		charset_put_guess(v, &x->utf8);
	if (s->charset != NULL && last)
		charset_end(s->charset, &x->utf8);
	buf_consume(&x->decoded, n);
}

/* Fold what has been converted and look at it. */
static bool
compare(struct stream *s, bool last)
{
	struct matcher *x = s->x;
	struct view all = buf_view(&x->utf8);
	size_t keep = s->n->folded.n > 0 ? s->n->folded.n - 1 : 0;
	size_t n = last ? all.n : fold_cut(all);

	if (n == 0 && all.n > MATCH_WHOLE_MAX)
		n = utf8_cut(all, all.n - UTF8_MAX).n;
	fold_text(view_sub(all, 0, n), &x->folded);
	buf_consume(&x->utf8, n);
	if (folded_has(x, s->n))
		return true;
	if (x->folded.n > keep)
		buf_consume(&x->folded, x->folded.n - keep);
	return false;
}

/* Decode, convert, fold and compare in pieces. */
static bool
stream_has(struct stream *s, struct view raw, enum transfer encoding)
{
	struct matcher *x = s->x;
	struct transfer_decoder d;
	bool last;

	transfer_init(&d, encoding);
	if (s->charset != NULL) /* a text before may have ended early */
		charset_end(s->charset, &x->utf8);
	buf_clear(&x->decoded);
	buf_clear(&x->utf8);
	buf_clear(&x->folded);
	do {
		struct view piece = view_sub(raw, 0, PIECE);

		view_skip(&raw, piece.n);
		last = raw.n == 0;
		transfer_put(&d, piece, &x->decoded);
		if (last)
			transfer_end(&d, &x->decoded);
		convert(s, last);
		if (compare(s, last))
			return true;
	} while (!last && !x->decoded.failed && !x->utf8.failed &&
	    !x->folded.failed);
	return false;
}

static bool
is_identity(enum transfer t)
{
	switch (t) {
	case TRANSFER_7BIT:
	case TRANSFER_8BIT:
	case TRANSFER_BINARY:
	case TRANSFER_UNKNOWN:
		return true;
	case TRANSFER_QP:
	case TRANSFER_BASE64:
	case TRANSFER_UUENCODE:
		break;
	}
	return false;
}

/* 1: yes, 0: no, -1: not certain; text without transfer encoding. */
static int
in_place(
    struct view text, enum charset_class class, const struct match_needle *n)
{
	bool plain = class != CLASS_OTHER && scan_is_plain(text);
	size_t at;

	if (plain)
		return n->ascii && scan_find(&n->scan, text, &at);
	if (class == CLASS_CLEAN && n->ascii && scan_find(&n->scan, text, &at))
		return 1;
	return -1;
}

/* Is the charset one whose valid text needs no conversion? */
static bool
is_utf8(struct view charset)
{
	return charset.n == 0 || view_eq_ci(charset, VIEW_LIT("utf-8")) ||
	    view_eq_ci(charset, VIEW_LIT("utf8"));
}

/* A text without transfer encoding, of at most MATCH_WHOLE_MAX bytes. */
static bool
text_has(struct matcher *x, struct view text, struct view charset,
    struct charset *c, const struct match_needle *n)
{
	if (is_utf8(charset) && utf8_valid(text) &&
	    (text.n == 0 || memchr(text.p, 0x1b, text.n) == NULL))
		return utf8_has(x, text, n);
	buf_clear(&x->utf8);
	if (c != NULL) {
		charset_end(c, &x->utf8); /* of a text before */
		buf_clear(&x->utf8);
		charset_put(c, text, &x->utf8);
		charset_end(c, &x->utf8);
	} else {
		charset_put_guess(text, &x->utf8);
	}
	return !x->utf8.failed && utf8_has(x, buf_view(&x->utf8), n);
}

/* A text part: its octets as they are in the message. */
static bool
part_has(struct matcher *x, struct view raw, enum transfer encoding,
    struct view charset, const struct match_needle *n)
{
	enum charset_class class = classify(charset);
	struct stream s = { .x = x, .n = n };
	int r;

	bool ok;

	if (!is_identity(encoding) && raw.n <= MATCH_WHOLE_MAX) {
		buf_clear(&x->whole);
		ok = transfer_decode(encoding, raw, &x->whole);
		(void)ok; /* what can be decoded is searched */
		return part_has(
		    x, buf_view(&x->whole), TRANSFER_BINARY, charset, n);
	}
	if (is_identity(encoding) && (r = in_place(raw, class, n)) >= 0)
		return r;
	if (class != CLASS_GUESS)
		s.charset = converter(x, charset);
	if (raw.n <= MATCH_WHOLE_MAX)
		return text_has(x, raw, charset, s.charset, n);
	return stream_has(&s, raw, encoding);
}

struct walk {
	struct matcher *x;
	const struct match_needle *n;
	struct view octets;
	bool headers;
};

static bool
leaf_has(const struct walk *w, const struct mime_part *p)
{
	const struct mime_param *c;

	if (!mime_is(p, "text", NULL) && !mime_is(p, "message", NULL))
		return false;
	c = mime_param_find(p->params, VIEW_LIT("charset"));
	return part_has(w->x, mime_body(w->octets, p), p->encoding,
	    c != NULL ? c->value : (struct view){ 0 }, w->n);
}

/* p and what is in it; depth is at most MIME_DEPTH_MAX. */
static bool
tree_has(const struct walk *w, const struct mime_part *p)
{
	if (p->parent != NULL && w->headers &&
	    section_has(w->x, mime_header(w->octets, p), w->n))
		return true;
	if (p->kind == MIME_LEAF)
		return leaf_has(w, p);
	for (const struct mime_part *c = p->child; c != NULL; c = c->next)
		if (tree_has(w, c))
			return true;
	return false;
}

/* 1, 0: a message of one text part does, does not; -1: it is another. */
static int
simple_has(struct matcher *x, const struct match_message *m,
    const struct match_needle *n)
{
	static const struct match_field type = { .common = true };
	struct summary_part p;
	struct view charset;

	if (!m->has_summary || !summary_part(&m->summary, NULL, 0, &p) ||
	    p.is_multipart || p.is_message ||
	    !mime_header_is_text(field_source(m, &type), &charset) ||
	    p.body > m->octets.n || p.body_n > m->octets.n - p.body)
		return -1;
	return part_has(
	    x, view_sub(m->octets, p.body, p.body_n), p.encoding, charset, n);
}

bool
match_text(struct matcher *x, const struct match_message *m, bool headers,
    const struct match_needle *n)
{
	AUTO_ARENA struct arena *a = NULL;
	struct walk w = { x, n, m->octets, headers };
	const struct mime_part *root;
	int r;

	if (n->folded.n == 0)
		return true;
	if (headers && section_has(x, message_header(m), n))
		return true;
	if ((r = simple_has(x, m, n)) >= 0)
		return r;
	a = arena_new(MIME_ARENA_MAX);
	root = mime_parse(m->octets, a);
	return root != NULL && tree_has(&w, root);
}

bool
match_sent_day(const struct match_message *m, int64_t *day)
{
	struct header_field f;
	struct date d;

	if (m->has_summary) {
		if ((m->summary.flags & SUMMARY_HAS_DATE) == 0)
			return false;
		*day = date_day(m->summary.sent);
		return true;
	}
	if (!header_find(message_header(m), VIEW_LIT("date"), &f) ||
	    !date_parse(f.value, &d))
		return false;
	*day = date_day(d);
	return true;
}
