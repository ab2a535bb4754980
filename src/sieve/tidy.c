#include "sieve/tidy.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "mail/address.h"
#include "mail/header.h"

/* Encoded-words: "=?utf-8?B?", at most 45 bytes of text, "?=": 75 bytes with
 * what stands around them (RFC 2047 section 2). */
#define WORD_TEXT_MAX 45

static bool
keep(const struct buf *b, struct arena *a, struct view *out)
{
	char *p = b->failed ? NULL : arena_strdup(a, buf_view(b));

	if (p == NULL)
		return false;
	*out = (struct view){ (const uint8_t *)p, b->n };
	return true;
}

bool
tidy_lines(struct view v, struct arena *a, struct view *out)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * v.n + 1);

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\r' || v.p[i] == '\n') {
			buf_put(&b, VIEW_LIT("\r\n"));
			if (v.p[i] == '\r' && i + 1 < v.n && v.p[i + 1] == '\n')
				i++;
		} else {
			buf_put_byte(&b, v.p[i]);
		}
	}
	return keep(&b, a, out);
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
tidy_line(struct view v, struct arena *a, struct view *out)
{
	AUTO_BUF struct buf b = BUF_INIT(v.n + 1);
	size_t from;
	bool line_end;

	for (size_t i = 0; i < v.n;) {
		if (v.p[i] == '\0') {
			i++;
			continue;
		}
		if (!is_blank(v.p[i])) {
			buf_put_byte(&b, v.p[i++]);
			continue;
		}
		line_end = false;
		for (from = i; i < v.n && is_blank(v.p[i]); i++)
			line_end |= v.p[i] == '\r' || v.p[i] == '\n';
		if (i == v.n || b.n == 0)
			continue;
		if (line_end)
			buf_put_byte(&b, ' ');
		else
			buf_put(&b, view_sub(v, from, i - from));
	}
	return keep(&b, a, out);
}

bool
tidy_is_field_name(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] == ':' || v.p[i] >= 0x7f)
			return false;
	return v.n > 0;
}

/* atom / quoted-string have become plain text; but no control and no blank
 * around may be in a local part that we accept, and none of the rest either in
 * a domain. */
static bool
is_domain(struct view v)
{
	if (v.n == 0 || v.p[0] == '.' || v.p[v.n - 1] == '.')
		return false;
	if (v.p[0] == '[')
		return v.n > 2 && v.p[v.n - 1] == ']';
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (c < 0x80 && c != '-' && c != '.' && c != '_' &&
		    !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z'))
			return false;
		if (c == '.' && v.p[i - 1] == '.')
			return false;
	}
	return utf8_valid(v);
}

static bool
is_local(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] == 0x7f)
			return false;
	return v.n > 0 && utf8_valid(v);
}

/* Does text, when its quoted strings, comments and <> are left out, have the
 * commas that n mailboxes need, and no group and nothing unbalanced? The
 * tolerant address parser would swallow all of that. */
static bool
has_shape(struct view v, size_t n)
{
	size_t commas = 0, depth = 0;
	bool quoted = false, angle = false;

	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (c == '\\' && (quoted || depth > 0)) {
			i++;
		} else if (c == '"' && depth == 0) {
			quoted = !quoted;
		} else if (quoted) {
			continue;
		} else if (c == '(') {
			depth++;
		} else if (c == ')') {
			if (depth-- == 0)
				return false;
		} else if (depth > 0) {
			continue;
		} else if (c == '<' || c == '>') {
			if (angle != (c == '>'))
				return false;
			angle = c == '<';
		} else if (c == ',' && !angle) {
			commas++;
		} else if (c == ';' || (c == ':' && !angle)) {
			return false;
		}
	}
	return !quoted && !angle && depth == 0 && commas + 1 == n;
}

static bool
parse(struct view v, struct arena *a, struct address **out, size_t *n)
{
	*n = 0;
	*out = address_parse(v, a);
	for (const struct address *d = *out; d != NULL; d = d->next, (*n)++)
		if (address_is_group_start(d) || address_is_group_end(d) ||
		    d->adl.n > 0 || !is_local(d->mailbox) ||
		    !is_domain(d->host))
			return false;
	return *n > 0 && has_shape(v, *n);
}

bool
tidy_is_address(struct view v, struct arena *a, struct view *spec)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * v.n + 4);
	struct address *d;
	size_t n;

	if (!parse(v, a, &d, &n) || n != 1)
		return false;
	if (spec == NULL)
		return true;
	address_put_spec(d, &b);
	return keep(&b, a, spec);
}

bool
tidy_is_address_list(struct view v, struct arena *a)
{
	struct address *d;
	size_t n;

	return parse(v, a, &d, &n);
}

/* Is there more than blanks on the last line? Only then may it end here. */
static bool
can_end(const struct buf *b)
{
	for (size_t i = b->n; i > 0 && b->p[i - 1] != '\n'; i--)
		if (!is_blank(b->p[i - 1]))
			return true;
	return false;
}

/* The words from the first that is not ASCII to the last, as one text. */
static void
put_words(struct buf *b, struct view v, size_t *column)
{
	bool first = true;

	while (v.n > 0) {
		struct view piece = utf8_cut(v, WORD_TEXT_MAX);
		size_t size = 12 + (piece.n + 2) / 3 * 4;

		if (!first || (*column + size > TIDY_LINE_MAX && can_end(b))) {
			if (first && b->p[b->n - 1] == ' ')
				b->n--;
			buf_put(b, VIEW_LIT("\r\n "));
			*column = 1;
		}
		buf_put(b, VIEW_LIT("=?utf-8?B?"));
		base64_encode(piece, b);
		buf_put(b, VIEW_LIT("?="));
		*column += size;
		view_skip(&v, piece.n);
		first = false;
	}
}

static struct view
take_word(struct view *rest)
{
	size_t i = 0;

	while (i < rest->n && rest->p[i] != ' ' && rest->p[i] != '\t')
		i++;
	while (i < rest->n && (rest->p[i] == ' ' || rest->p[i] == '\t'))
		i++;
	return view_sub(*rest, 0, i);
}

/* How many bytes at the start of rest are words that are not ASCII, with what
 * stands between them, but not the blanks behind the last. */
static size_t
foreign(struct view rest)
{
	size_t at = 0, end = 0;

	while (at < rest.n) {
		struct view left = view_sub(rest, at, rest.n), w;

		w = take_word(&left);
		if (utf8_ascii(w))
			break;
		end = at + w.n;
		while (end > at &&
		    (rest.p[end - 1] == ' ' || rest.p[end - 1] == '\t'))
			end--;
		at += w.n;
	}
	return end;
}

static void
put_line(struct buf *b, struct view line, size_t *column)
{
	while (line.n > 0) {
		size_t n = foreign(line);
		struct view w = n > 0 ? view_sub(line, 0, n) : take_word(&line);

		if (n > 0) {
			put_words(b, w, column);
		} else {
			/* folding must leave a blank in front of the word */
			if (*column + w.n > TIDY_LINE_MAX && can_end(b) &&
			    (b->p[b->n - 1] == ' ' || b->p[b->n - 1] == '\t')) {
				uint8_t blank = b->p[b->n - 1];

				b->n--;
				buf_put(b, VIEW_LIT("\r\n"));
				buf_put_byte(b, blank);
				*column = 1;
			}
			buf_put(b, w);
			*column += w.n;
		}
		view_skip(&line, w.n);
	}
}

bool
tidy_field(
    struct view name, struct view value, struct arena *a, struct view *out)
{
	AUTO_BUF struct buf b = BUF_INIT(TIDY_FIELD_SIZE(name.n, value.n) + 64);
	size_t column = name.n + 2;
	bool first = true;

	while (value.n > 0 && is_blank(value.p[value.n - 1]))
		value.n--;
	while (value.n > 0 && is_blank(value.p[0]))
		view_skip(&value, 1);
	buf_put(&b, name);
	buf_put(&b, VIEW_LIT(": "));
	while (value.n > 0) {
		struct view line = { value.p, 0 };

		while (line.n < value.n && value.p[line.n] != '\r' &&
		    value.p[line.n] != '\n')
			line.n++;
		view_skip(&value, line.n);
		while (
		    value.n > 0 && (value.p[0] == '\r' || value.p[0] == '\n'))
			view_skip(&value, 1);
		if (header_trim(line).n == 0)
			continue;
		if (!first) {
			buf_put(&b, VIEW_LIT("\r\n"));
			if (line.p[0] != ' ' && line.p[0] != '\t')
				buf_put_byte(&b, ' ');
			column = 1;
		}
		put_line(&b, line, &column);
		first = false;
	}
	buf_put(&b, VIEW_LIT("\r\n"));
	return keep(&b, a, out);
}
