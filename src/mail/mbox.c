#include "mail/mbox.h"

#include "base/num.h"
#include "mail/date.h"
#include "mail/header.h"

/*
 * A line-oriented reader: find where the next message begins, then look into
 * the header for what only an mbox writes there.
 */

/* The first line of v with its end. */
static struct view
line_of(struct view v)
{
	const uint8_t *lf = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;

	return view_sub(v, 0, lf != NULL ? (size_t)(lf + 1 - v.p) : v.n);
}

static struct view
without_end(struct view line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\n')
		line.n--;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Is there a time of day in it? */
static bool
has_time(struct view line)
{
	for (size_t i = 0; i + 5 <= line.n; i++)
		if (is_digit(line.p[i]) && is_digit(line.p[i + 1]) &&
		    line.p[i + 2] == ':' && is_digit(line.p[i + 3]) &&
		    is_digit(line.p[i + 4]))
			return true;
	return false;
}

static bool
is_from(struct view line)
{
	return view_starts(line, VIEW_LIT("From ")) && has_time(line);
}

bool
mbox_is(struct view v)
{
	return is_from(line_of(v));
}

/* Behind "From sender ": the date, in whatever form. */
static void
read_from(struct mbox_message *m)
{
	struct view v = m->from;
	const uint8_t *space;
	struct date d;

	view_skip(&v, 5);
	if ((space = v.n > 0 ? memchr(v.p, ' ', v.n) : NULL) == NULL)
		return;
	view_skip(&v, (size_t)(space - v.p));
	if ((m->has_date = date_parse(v, &d)))
		m->date = d.seconds;
}

static unsigned
flags_of(struct view value, const char *letters, const unsigned *flags)
{
	unsigned r = 0;

	for (size_t i = 0; i < value.n; i++)
		for (size_t k = 0; letters[k] != '\0'; k++)
			if (value.p[i] == (uint8_t)letters[k])
				r |= flags[k];
	return r;
}

static bool
is_status(struct view name)
{
	return view_eq_ci(name, VIEW_LIT("Status")) ||
	    view_eq_ci(name, VIEW_LIT("X-Status"));
}

static unsigned
read_flags(struct view header)
{
	static const unsigned status[] = { MBOX_SEEN, MBOX_OLD };
	static const unsigned x[] = { MBOX_ANSWERED, MBOX_FLAGGED, MBOX_DELETED,
		MBOX_DRAFT };
	struct header_field f;
	unsigned r = 0;

	while (header_next(&header, &f)) {
		if (view_eq_ci(f.name, VIEW_LIT("Status")))
			r |= flags_of(f.value, "RO", status);
		else if (view_eq_ci(f.name, VIEW_LIT("X-Status")))
			r |= flags_of(f.value, "AFDT", x);
	}
	return r;
}

/* Where the message ends that starts at v: before the empty line in front of
 * the next "From " line, or at the end. */
static size_t
scan_end(struct view v, size_t from)
{
	struct view rest = view_sub(v, from, v.n);
	size_t empty = 0; /* bytes of the empty line right before rest */

	while (rest.n > 0) {
		struct view line = line_of(rest);

		if (empty > 0 && is_from(line))
			return v.n - rest.n - empty;
		empty = without_end(line).n == 0 ? line.n : 0;
		view_skip(&rest, line.n);
	}
	return v.n - empty;
}

/* The end by Content-Length, when what is there says that it is right. */
static bool
length_end(struct view v, size_t header, size_t *end)
{
	struct header_field f;
	struct view rest, line;
	uint64_t n;

	if (!header_find(
		view_sub(v, 0, header), VIEW_LIT("Content-Length"), &f) ||
	    !num_parse(header_trim(f.value), SIZE_MAX, &n) || n > v.n - header)
		return false;
	rest = view_sub(v, header + (size_t)n, v.n);
	line = line_of(rest);
	if (rest.n > 0 && without_end(line).n == 0) {
		view_skip(&rest, line.n);
		line = line_of(rest);
	}
	if (rest.n > 0 && !is_from(line))
		return false;
	*end = header + (size_t)n;
	return true;
}

bool
mbox_next(struct view *in, enum mbox_quoting q, struct mbox_message *out)
{
	struct view v = *in, line = line_of(v);
	size_t header, end;

	if (!is_from(line))
		return false;
	*out = (struct mbox_message){ .from = without_end(line) };
	view_skip(&v, line.n);
	header = header_size(v);
	if (q != MBOX_CL || !length_end(v, header, &end))
		end = scan_end(v, 0);
	out->text = view_sub(v, 0, end);
	view_skip(&v, end);
	for (line = line_of(v); v.n > 0 && without_end(line).n == 0;
	     line = line_of(v))
		view_skip(&v, line.n);
	read_from(out);
	out->flags = read_flags(view_sub(out->text, 0, header));
	*in = v;
	return true;
}

/* A line of an mbox without the ">" that its writer put before "From ". */
static struct view
unquoted(struct view line)
{
	struct view rest = line;

	while (rest.n > 0 && rest.p[0] == '>')
		view_skip(&rest, 1);
	return rest.n < line.n && view_starts(rest, VIEW_LIT("From "))
	    ? view_sub(line, 1, line.n)
	    : line;
}

/* An export puts X-UIDL first, and Status behind it; anywhere else it may be the
 * message's own. */
static bool
has_uidl(struct view header)
{
	struct header_field f;

	return header_next(&header, &f) &&
	    view_eq_ci(f.name, VIEW_LIT("X-UIDL")) &&
	    header_next(&header, &f) && view_eq_ci(f.name, VIEW_LIT("Status"));
}

static void
put_header(struct view header, enum mbox_quoting q, struct buf *out)
{
	struct header_field f;

	if (has_uidl(header))
		(void)!header_next(&header, &f);
	while (header_next(&header, &f)) {
		if (is_status(f.name) ||
		    (q == MBOX_CL &&
			view_eq_ci(f.name, VIEW_LIT("Content-Length"))))
			continue;
		buf_put(out, q == MBOX_RD ? unquoted(f.raw) : f.raw);
	}
	buf_put(out, header); /* the empty line */
}

void
mbox_text(const struct mbox_message *m, enum mbox_quoting q, struct buf *out)
{
	size_t header = header_size(m->text);
	struct view body = view_sub(m->text, header, m->text.n);

	put_header(view_sub(m->text, 0, header), q, out);
	if (q != MBOX_RD) {
		buf_put(out, body);
		return;
	}
	while (body.n > 0) {
		struct view line = line_of(body);

		buf_put(out, unquoted(line));
		view_skip(&body, line.n);
	}
}
