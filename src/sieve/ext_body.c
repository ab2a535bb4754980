/* RFC 5173: body. */

#include "sieve/checker.h"
#include "sieve/compare.h"
#include "sieve/ext_list.h"
#include "sieve/html.h"
#include "sieve/interp.h"

enum { TAG_RAW, TAG_CONTENT, TAG_TEXT };

static const struct ext_tag tags[] = {
	[TAG_RAW] = { .name = "raw", .commands = "body", .group = "body" },
	[TAG_CONTENT] = { .name = "content",
	    .commands = "body",
	    .param = EXT_STRINGS,
	    .group = "body" },
	[TAG_TEXT] = { .name = "text", .commands = "body", .group = "body" },
};

/* Does the message have the empty line after which its body starts? */
static bool
has_body(const struct letter *l)
{
	struct view h = letter_header(l);

	if (h.n == 0 || h.p[h.n - 1] != '\n')
		return false;
	h.n--;
	if (h.n > 0 && h.p[h.n - 1] == '\r')
		h.n--;
	return h.n == 0 || h.p[h.n - 1] == '\n';
}

/* What ":content" names (RFC 5173 section 5.2). */
struct wanted {
	bool none;                 /* it can match nothing */
	struct view type, subtype; /* n 0: any */
};

static struct wanted
parse_type(struct view v)
{
	const uint8_t *p = v.n > 0 ? memchr(v.p, '/', v.n) : NULL;
	struct wanted w = { .type = v };

	if (p == NULL)
		return w;
	w.type.n = (size_t)(p - v.p);
	w.subtype = view_sub(v, w.type.n + 1, SIZE_MAX);
	w.none = w.type.n == 0 || w.subtype.n == 0 ||
	    memchr(w.subtype.p, '/', w.subtype.n) != NULL;
	return w;
}

static bool
is_wanted(const struct wanted *w, const struct mime_part *p)
{
	return !w->none && (w->type.n == 0 || view_eq_ci(w->type, p->type)) &&
	    (w->subtype.n == 0 || view_eq_ci(w->subtype, p->subtype));
}

/* A header without the line that ends it. */
static struct view
without_empty_line(struct view h)
{
	size_t n = h.n;

	if (n > 0 && h.p[n - 1] == '\n')
		n -= n > 1 && h.p[n - 2] == '\r' ? 2 : 1;
	return n == 0 || h.p[n - 1] == '\n' ? view_sub(h, 0, n) : h;
}

/* v without the line at its end, the delimiter, and the line end before that. */
static struct view
without_last_line(struct view v)
{
	if (v.n > 0 && v.p[v.n - 1] == '\n')
		v.n--;
	while (v.n > 0 && v.p[v.n - 1] != '\n')
		v.n--;
	if (v.n > 0)
		v.n--;
	if (v.n > 0 && v.p[v.n - 1] == '\r')
		v.n--;
	return v;
}

/* v behind its first two line ends: of the last part, and of the delimiter. */
static struct view
behind_delimiter(struct view v)
{
	for (int i = 0; i < 2; i++) {
		const uint8_t *nl = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;

		view_skip(&v, nl == NULL ? v.n : (size_t)(nl + 1 - v.p));
	}
	return v;
}

/* Show a text of a part; the letter keeps it, and its folded form. */
static bool
show(struct compare *c, struct letter *l, const void *thing, unsigned number,
    struct view text)
{
	struct letter_value *v = letter_kept(l, thing, number, text);

	return v != NULL ? compare_field(c, l, v) : compare_value(c, text);
}

/* The prologue and the epilogue of a multipart are two values. */
static bool
show_multipart(struct compare *c, struct letter *l, const struct mime_part *p)
{
	struct view body = letter_part_body(l, p);
	const struct mime_part *last = p->child;

	if (last == NULL)
		return show(c, l, p, 0, body);
	if (show(c, l, p, 0,
		without_last_line(view_sub(body, 0, last->header - p->body))))
		return true;
	while (last->next != NULL)
		last = last->next;
	view_skip(&body, last->body + last->body_n - p->body);
	return show(c, l, p, 1, behind_delimiter(body));
}

static bool
show_part(struct compare *c, struct letter *l, const struct mime_part *p)
{
	switch (p->kind) {
	case MIME_MULTIPART:
		return show_multipart(c, l, p);
	case MIME_MESSAGE:
		if (p->child != NULL)
			return show(c, l, p, 0,
			    without_empty_line(
				letter_part_header(l, p->child)));
		break;
	case MIME_LEAF:
		break;
	}
	return show(c, l, p, 0, letter_part_text(l, p));
}

/* The part after p in the order of the message; NULL: p is the last. */
static const struct mime_part *
next_part(const struct mime_part *p)
{
	if (p->child != NULL)
		return p->child;
	while (p != NULL && p->next == NULL)
		p = p->parent;
	return p == NULL ? NULL : p->next;
}

static void
show_parts(
    struct interp *in, struct compare *c, const struct wanted *wanted, size_t n)
{
	const struct mime_part *p = letter_mime(in->letter);

	for (; p != NULL && interp_cost(in, 1 + n / 8); p = next_part(p)) {
		size_t i = 0;

		while (i < n && !is_wanted(&wanted[i], p))
			i++;
		if (i < n && show_part(c, in->letter, p))
			break;
	}
}

/* The text of an HTML part, made once in a run. */
struct read_html {
	struct read_html *next;
	const struct mime_part *part;
	struct view text;
};

static struct view
html_of(struct interp *in, const struct mime_part *p)
{
	struct read_html **all = interp_state(in, &ext_body, sizeof(*all)), *h;

	if (all == NULL)
		return (struct view){ NULL, 0 };
	for (h = *all; h != NULL; h = h->next)
		if (h->part == p)
			return h->text;
	if (!interp_cost(in, p->body_n / 64) ||
	    (h = interp_alloc(in, sizeof(*h))) == NULL)
		return (struct view){ NULL, 0 };
	h->part = p;
	h->text = html_text(letter_part_text(in->letter, p), in->arena);
	h->next = *all;
	*all = h;
	return h->text;
}

/* ":text" (RFC 5173 section 5.3): what a person reads of the text parts. */
static void
show_texts(struct interp *in, struct compare *c)
{
	const struct mime_part *p = letter_mime(in->letter);

	for (; p != NULL && interp_cost(in, 1); p = next_part(p)) {
		bool html = mime_is(p, "text", "html") ||
		    mime_is(p, "application", "xhtml+xml");
		bool done = false;

		if (p->kind != MIME_LEAF || p->encoding == TRANSFER_UNKNOWN)
			continue;
		if (html)
			done = show(c, in->letter, p, 1, html_of(in, p));
		else if (mime_is(p, "text", NULL))
			done = show(c, in->letter, p, 0,
			    letter_part_text(in->letter, p));
		if (done)
			break;
	}
}

static void
show_content(
    struct interp *in, struct compare *c, const struct script_arg *types)
{
	struct wanted *wanted = interp_alloc(in, types->n * sizeof(*wanted));

	if (wanted == NULL)
		return;
	for (size_t i = 0; i < types->n; i++) {
		struct view v = interp_text(in, &types->texts[i]);

		if (!interp_cost(in, 1 + v.n / 64))
			return;
		wanted[i] = parse_type(v);
	}
	show_parts(in, c, wanted, types->n);
}

/* body [COMPARATOR] [MATCH-TYPE] [BODY-TRANSFORM] <key-list: string-list> */
static bool
test_body(struct interp *in, const struct script_node *n)
{
	const struct script_tag *content = script_tag(n, &tags[TAG_CONTENT]);
	struct compare c;

	if (!has_body(in->letter))
		return false;
	compare_begin(&c, in, n);
	if (script_tag(n, &tags[TAG_RAW]) != NULL)
		(void)!show(
		    &c, in->letter, in->letter, 0, letter_body(in->letter));
	else if (content != NULL)
		show_content(in, &c, content->param);
	else
		show_texts(in, &c);
	return compare_end(&c);
}

static const struct ext_command tests[] = {
	{
	    .name = "body",
	    .args = "l",
	    .flags = EXT_MATCH | EXT_NO_CAPTURE,
	    .test = test_body,
	},
};

const struct ext ext_body = {
	.name = "body",
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
