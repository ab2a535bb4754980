#include "sieve/html.h"

#include "base/buf.h"
#include "base/num.h"
#include "base/utf8.h"

struct reader {
	struct view in;
	struct buf out;
	bool blank; /* one is due before the next character */
};

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static void
put(struct reader *r, struct view v)
{
	if (r->blank && r->out.n > 0 && r->out.p[r->out.n - 1] != '\n')
		buf_put_byte(&r->out, ' ');
	r->blank = false;
	buf_put(&r->out, v);
}

static void
end_line(struct reader *r)
{
	r->blank = false;
	if (r->out.n > 0 && r->out.p[r->out.n - 1] != '\n')
		buf_put(&r->out, VIEW_LIT("\r\n"));
}

/* Offset of needle in v, ASCII case ignored; v.n when it is not in it. */
static size_t
find_ci(struct view v, struct view needle)
{
	for (size_t i = 0; i + needle.n <= v.n; i++)
		if (view_eq_ci(view_sub(v, i, needle.n), needle))
			return i;
	return v.n;
}

static bool
is_block(struct view name)
{
	static const char *const names[] = { "p", "div", "br", "li", "tr", "h1",
		"h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "title",
		"blockquote", "pre", "hr", "section", "article", "header",
		"footer", "dt", "dd" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq_ci(name, view_str(names[i])))
			return true;
	return false;
}

/* Skip to the ">" of a tag; quoted values may have one in them. */
static void
skip_tag(struct view *in)
{
	uint8_t quote = 0;

	while (in->n > 0) {
		uint8_t c = in->p[0];

		view_skip(in, 1);
		if (quote != 0)
			quote = c == quote ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '>')
			return;
	}
}

/* "<" has been seen at the start of r->in. */
static void
tag(struct reader *r)
{
	struct view name, rest = r->in;
	bool closing = false;
	size_t n = 0;

	if (view_starts(rest, VIEW_LIT("<!--"))) {
		n = find_ci(rest, VIEW_LIT("-->"));
		view_skip(&r->in, n + 3 < rest.n ? n + 3 : rest.n);
		return;
	}
	view_skip(&rest, 1);
	if (rest.n > 0 && rest.p[0] == '/') {
		closing = true;
		view_skip(&rest, 1);
	}
	while (n < rest.n && ((rest.p[n] | 0x20) >= 'a' || rest.p[n] >= '0') &&
	    ((rest.p[n] | 0x20) <= 'z') && rest.p[n] != '<' && rest.p[n] != '>')
		n++;
	if (n == 0 && !(rest.n > 0 && (rest.p[0] == '!' || rest.p[0] == '?'))) {
		put(r, VIEW_LIT("<"));
		view_skip(&r->in, 1);
		return;
	}
	name = view_sub(rest, 0, n);
	r->in = rest;
	skip_tag(&r->in);
	if (is_block(name))
		end_line(r);
	if (closing)
		return;
	if (view_eq_ci(name, VIEW_LIT("script")))
		view_skip(&r->in, find_ci(r->in, VIEW_LIT("</script")));
	else if (view_eq_ci(name, VIEW_LIT("style")))
		view_skip(&r->in, find_ci(r->in, VIEW_LIT("</style")));
}

static const struct {
	const char *name;
	const char *text;
} references[] = {
	{ "amp", "&" },
	{ "lt", "<" },
	{ "gt", ">" },
	{ "quot", "\"" },
	{ "apos", "'" },
	{ "nbsp", " " },
	{ "copy", "\xc2\xa9" },
	{ "reg", "\xc2\xae" },
	{ "laquo", "\xc2\xab" },
	{ "raquo", "\xc2\xbb" },
	{ "auml", "\xc3\xa4" },
	{ "ouml", "\xc3\xb6" },
	{ "uuml", "\xc3\xbc" },
	{ "Auml", "\xc3\x84" },
	{ "Ouml", "\xc3\x96" },
	{ "Uuml", "\xc3\x9c" },
	{ "szlig", "\xc3\x9f" },
	{ "eacute", "\xc3\xa9" },
	{ "egrave", "\xc3\xa8" },
	{ "ndash", "-" },
	{ "mdash", "-" },
	{ "hellip", "..." },
	{ "euro", "\xe2\x82\xac" },
};

static bool
number_reference(struct reader *r, struct view name)
{
	uint8_t out[UTF8_MAX];
	uint64_t v = 0;
	size_t n;

	view_skip(&name, 1);
	if (name.n > 0 && (name.p[0] | 0x20) == 'x') {
		for (size_t i = 1; i < name.n && v <= 0x10ffff; i++) {
			int digit = num_hex(name.p[i]);

			if (digit < 0)
				return false;
			v = v * 16 + (unsigned)digit;
		}
	} else if (!num_parse(name, 0x10ffff, &v)) {
		return false;
	}
	if (v < 0x20 || (n = utf8_put((uint32_t)v, out)) == 0)
		return false;
	put(r, (struct view){ out, n });
	return true;
}

/* "&" has been seen at the start of r->in. */
static void
reference(struct reader *r)
{
	struct view name = view_sub(r->in, 1, 10);
	bool known = false;
	size_t n = 0;

	while (n < name.n && name.p[n] != ';')
		n++;
	if (n < name.n && n > 0) {
		name.n = n;
		if (name.p[0] == '#')
			known = number_reference(r, name);
		for (size_t i = 0;
		     !known && i < sizeof(references) / sizeof(references[0]);
		     i++)
			if (view_eq(name, view_str(references[i].name))) {
				put(r, view_str(references[i].text));
				known = true;
			}
	}
	if (known) {
		view_skip(&r->in, n + 2);
		return;
	}
	put(r, VIEW_LIT("&"));
	view_skip(&r->in, 1);
}

static size_t
plain_run(struct view v)
{
	size_t n = 0;

	while (n < v.n && v.p[n] != '<' && v.p[n] != '&' && !is_blank(v.p[n]))
		n++;
	return n;
}

struct view
html_text(struct view html, struct arena *a)
{
	/* an end of line takes two bytes where a tag took three or more */
	struct reader r = { .in = html, .out = BUF_INIT(html.n + 1) };
	struct view out = { NULL, 0 };
	size_t n;

	while (r.in.n > 0) {
		if (r.in.p[0] == '<') {
			tag(&r);
		} else if (r.in.p[0] == '&') {
			reference(&r);
		} else if (is_blank(r.in.p[0])) {
			r.blank = true;
			view_skip(&r.in, 1);
		} else {
			n = plain_run(r.in);
			put(&r, view_sub(r.in, 0, n));
			view_skip(&r.in, n);
		}
	}
	if (!r.out.failed) {
		out.p = (const uint8_t *)arena_strdup(a, buf_view(&r.out));
		out.n = out.p != NULL ? r.out.n : 0;
	}
	buf_fini(&r.out);
	return out;
}
