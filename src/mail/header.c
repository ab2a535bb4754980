/*
 * Header sections. One scan by line ends; nothing is copied and nothing is
 * refused: a caller that adds up the raw pieces always gets the whole header.
 */

#include "mail/header.h"

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* An empty line stands at p. */
static bool
at_empty_line(const uint8_t *p, size_t n)
{
	return (n > 0 && p[0] == '\n') ||
	    (n > 1 && p[0] == '\r' && p[1] == '\n');
}

/* Bytes up to and with the next line end, or all. */
static size_t
line_size(const uint8_t *p, size_t n)
{
	const uint8_t *e = n > 0 ? memchr(p, '\n', n) : NULL;

	return e != NULL ? (size_t)(e - p) + 1 : n;
}

size_t
header_size(struct view msg)
{
	size_t at = 0;

	while (at < msg.n) {
		size_t n = line_size(msg.p + at, msg.n - at);
		bool empty = at_empty_line(msg.p + at, msg.n - at);

		at += n;
		if (empty)
			break;
	}
	return at;
}

/* field-name, blanks before the colon allowed (RFC 5322 section 4.5); a blank
 * inside means that it is something else, as a From_ line is. */
static bool
split_name(struct view line, struct header_field *out)
{
	const uint8_t *colon = memchr(line.p, ':', line.n);
	size_t n;

	if (colon == NULL)
		return false;
	n = (size_t)(colon - line.p);
	out->value = view_sub(line, n + 1, line.n);
	while (n > 0 && is_blank(line.p[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++)
		if (is_blank(line.p[i]))
			return false;
	out->name = view_sub(line, 0, n);
	return n > 0;
}

/* Without one line end. */
static struct view
drop_line_end(struct view v)
{
	if (v.n > 0 && v.p[v.n - 1] == '\n') {
		v.n--;
		if (v.n > 0 && v.p[v.n - 1] == '\r')
			v.n--;
	}
	return v;
}

bool
header_next(struct view *rest, struct header_field *out)
{
	struct view v = *rest;
	size_t first, n;

	if (v.n == 0 || at_empty_line(v.p, v.n))
		return false;
	first = n = line_size(v.p, v.n);
	while (n < v.n && is_blank(v.p[n]))
		n += line_size(v.p + n, v.n - n);
	out->raw = view_sub(v, 0, n);
	if (split_name(drop_line_end(view_sub(v, 0, first)), out)) {
		size_t at = (size_t)(out->value.p - v.p);

		out->value = drop_line_end(view_sub(v, at, n - at));
	} else {
		out->name = (struct view){ v.p, 0 };
		out->value = drop_line_end(out->raw);
	}
	view_skip(rest, n);
	return true;
}

bool
header_find(struct view header, struct view name, struct header_field *out)
{
	while (header_next(&header, out))
		if (out->name.n == name.n && view_eq_ci(out->name, name))
			return true;
	return false;
}

struct view
header_trim(struct view v)
{
	while (
	    v.n > 0 && (is_blank(v.p[0]) || v.p[0] == '\r' || v.p[0] == '\n'))
		view_skip(&v, 1);
	while (v.n > 0 &&
	    (is_blank(v.p[v.n - 1]) || v.p[v.n - 1] == '\r' ||
		v.p[v.n - 1] == '\n'))
		v.n--;
	return v;
}

void
header_unfold(struct view value, struct buf *out)
{
	struct view v = header_trim(value);

	while (v.n > 0) {
		size_t n = line_size(v.p, v.n);

		buf_put(out, drop_line_end(view_sub(v, 0, n)));
		view_skip(&v, n);
	}
}

static bool
is_one_of(struct view name, const struct view *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name.n == names[i].n && view_eq_ci(name, names[i]))
			return true;
	return false;
}

void
header_filter(struct view header, const struct view *names, size_t n, bool not,
    struct buf *out)
{
	struct header_field f;

	while (header_next(&header, &f)) {
		bool listed = f.name.n > 0 && is_one_of(f.name, names, n);

		if (listed == not )
			continue;
		buf_put(out, f.raw);
		if (f.raw.p[f.raw.n - 1] != '\n')
			buf_put(out, VIEW_LIT("\r\n"));
	}
	buf_put(out, VIEW_LIT("\r\n"));
}
