/*
 * Address lists. The reader walks over lexemes and collects the span of bytes
 * that a name, a local part or a domain covers; only at its end is the span
 * cleaned (quotes, comments, folding), and only when there is something to
 * clean does that take memory. No lexeme is read more than twice, so time is
 * linear whatever is sent.
 */

#include "mail/address.h"

#include "mail/cfws.h"

#define LITERAL_MAX 256 /* bytes of a domain-literal */

enum lexeme { LEX_END, LEX_BLANK, LEX_COMMENT, LEX_QUOTED, LEX_TEXT, LEX_CHAR };

struct parser {
	struct view in;
	struct arena *a;
	struct address *first, **tail;
	size_t n;
	bool in_group;
	bool full;
	bool no_quotes; /* an open quote never closes: they are text now */
};

static bool
is_text(uint8_t c)
{
	switch (c) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
	case '(':
	case '"':
	case ',':
	case ';':
	case ':':
	case '<':
	case '>':
	case '@':
	case '[':
	case '.':
		return false;
	default:
		return true;
	}
}

/* Size of the comment at p; what is not closed reaches to the end. */
static size_t
comment_size(struct view v)
{
	size_t depth = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\')
			i++;
		else if (v.p[i] == '(')
			depth++;
		else if (v.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return v.n;
}

/* Size of the quoted string at p, 0 when it does not end. */
static size_t
quoted_size(struct view v)
{
	for (size_t i = 1; i < v.n; i++) {
		if (v.p[i] == '\\')
			i++;
		else if (v.p[i] == '"')
			return i + 1;
	}
	return 0;
}

/* What stands at the start of v, and how long it is. */
static enum lexeme
lex(struct view v, bool *no_quotes, size_t *n)
{
	*n = 1;
	if (v.n == 0)
		return LEX_END;
	if (cfws_is_blank(v.p[0])) {
		while (*n < v.n && cfws_is_blank(v.p[*n]))
			(*n)++;
		return LEX_BLANK;
	}
	if (v.p[0] == '(') {
		*n = comment_size(v);
		return LEX_COMMENT;
	}
	if (v.p[0] == '"' && !*no_quotes) {
		if ((*n = quoted_size(v)) > 0)
			return LEX_QUOTED;
		*no_quotes = true;
		*n = 1;
	}
	if (v.p[0] == '"' || is_text(v.p[0])) {
		while (*n < v.n && is_text(v.p[*n]))
			(*n)++;
		return LEX_TEXT;
	}
	return LEX_CHAR;
}

/* Text between quotes or parentheses, without quoted-pairs and line ends. */
static size_t
put_unescaped(struct view v, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n)
			i++;
		if (v.p[i] != '\r' && v.p[i] != '\n')
			out[n++] = v.p[i];
	}
	return n;
}

static bool
is_clean(struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (c == '"' || c == '(' || c == '\\' || c == '\r' ||
		    c == '\n' || c == '\t' ||
		    (c == ' ' && i > 0 && v.p[i - 1] == ' '))
			return false;
	}
	return true;
}

static struct view
trim(struct view v)
{
	while (v.n > 0 && cfws_is_blank(v.p[0]))
		view_skip(&v, 1);
	while (v.n > 0 && cfws_is_blank(v.p[v.n - 1]))
		v.n--;
	return v;
}

/*
 * Undo quotes, drop comments, fold blanks to one (or none, inside addresses).
 * The result may be empty but is never NULL; what the arena cannot hold is.
 */
static struct view
clean(struct parser *ps, struct view span, bool keep_blanks)
{
	struct view v = trim(span);
	bool no_quotes = ps->no_quotes, blank = false;
	size_t n, len = 0;
	uint8_t *out;

	if (is_clean(v) && (keep_blanks || memchr(v.p, ' ', v.n) == NULL))
		return v;
	if ((out = arena_alloc(ps->a, v.n)) == NULL) {
		ps->full = true;
		return (struct view){ v.p, 0 };
	}
	for (; v.n > 0; view_skip(&v, n)) {
		enum lexeme l = lex(v, &no_quotes, &n);

		if (l == LEX_BLANK || l == LEX_COMMENT) {
			blank = keep_blanks && len > 0;
			continue;
		}
		if (blank)
			out[len++] = ' ';
		blank = false;
		if (l == LEX_QUOTED)
			len += put_unescaped(view_sub(v, 1, n - 2), out + len);
		else {
			memcpy(out + len, v.p, n);
			len += n;
		}
	}
	return (struct view){ out, len };
}

static void
add(struct parser *ps, struct address d)
{
	struct address *p;

	if (ps->full || ps->n >= ADDRESS_MAX ||
	    (p = arena_alloc(ps->a, sizeof(*p))) == NULL) {
		ps->full = true;
		return;
	}
	*p = d;
	p->next = NULL;
	*ps->tail = p;
	ps->tail = &p->next;
	ps->n++;
}

/* The words from the parser's place on up to a character that ends them. */
struct words {
	struct view span;    /* from the first to the last lexeme */
	struct view comment; /* the last comment, with its parentheses */
	uint8_t end;         /* the character that ended it; 0: end of text */
	bool any;            /* a word, not only comments */
};

static void
words_extend(struct words *w, struct view lexeme)
{
	if (w->span.p == NULL)
		w->span.p = lexeme.p;
	w->span.n = (size_t)(lexeme.p + lexeme.n - w->span.p);
	w->any = true;
}

/* Words, dots and domain-literals; stops in front of any of stop. */
static struct words
take_words(struct parser *ps, const char *stop)
{
	struct words w = { 0 };
	size_t n;

	for (; ps->in.n > 0; view_skip(&ps->in, n)) {
		enum lexeme l = lex(ps->in, &ps->no_quotes, &n);
		uint8_t c = ps->in.p[0];

		if (l == LEX_CHAR && c != 0 && strchr(stop, c) != NULL) {
			w.end = c;
			return w;
		}
		if (l == LEX_COMMENT)
			w.comment = view_sub(ps->in, 0, n);
		else if (l != LEX_BLANK)
			words_extend(&w, view_sub(ps->in, 0, n));
	}
	return w;
}

/* domain-literal; one that is not closed soon is only its bracket. */
static size_t
literal_size(struct view v)
{
	size_t max = v.n < LITERAL_MAX ? v.n : LITERAL_MAX;
	const uint8_t *e = memchr(v.p, ']', max);

	return e != NULL ? (size_t)(e - v.p) + 1 : 1;
}

/* A domain ends where a second word begins: "a@b junk". */
static struct words
take_domain(struct parser *ps, const char *stop)
{
	struct words w = { 0 };
	bool dot = true, blank = false;
	size_t n;

	for (; ps->in.n > 0; view_skip(&ps->in, n)) {
		enum lexeme l = lex(ps->in, &ps->no_quotes, &n);
		uint8_t c = ps->in.p[0];

		if (l == LEX_CHAR && c == '[') {
			n = literal_size(ps->in);
		} else if (l == LEX_CHAR && c != '.' &&
		    strchr(stop, c) != NULL) {
			w.end = c;
			return w;
		} else if (l == LEX_COMMENT || l == LEX_BLANK) {
			if (l == LEX_COMMENT)
				w.comment = view_sub(ps->in, 0, n);
			blank = true;
			continue;
		}
		if (c != '.' && blank && !dot)
			break;
		dot = c == '.';
		blank = false;
		words_extend(&w, view_sub(ps->in, 0, n));
	}
	return w;
}

/* What follows an address up to the next separator; a comment may name it. */
static void
skip_rest(struct parser *ps, struct view *comment)
{
	struct words w = take_words(ps, ",;");

	if (w.comment.p != NULL)
		*comment = w.comment;
}

static struct view
comment_text(struct parser *ps, struct view comment)
{
	struct view v = view_sub(comment, 1, comment.n);
	uint8_t *out;

	if (v.n > 0 && v.p[v.n - 1] == ')')
		v.n--;
	v = trim(v);
	if (is_clean(v) || v.n == 0)
		return v;
	if ((out = arena_alloc(ps->a, v.n)) == NULL)
		return (struct view){ v.p, 0 };
	return (struct view){ out, put_unescaped(v, out) };
}

static void
finish(struct parser *ps, struct address d, struct view comment)
{
	if (d.name.n == 0 && comment.p != NULL)
		d.name = comment_text(ps, comment);
	if (d.name.n == 0)
		d.name = (struct view){ NULL, 0 };
	add(ps, d);
}

/* obs-route = *("," / CFWS) "@" domain *("," ["@" domain]) ":" */
static void
take_route(struct parser *ps, struct address *d)
{
	size_t n = 0;

	if (ps->in.n == 0 || ps->in.p[0] != '@')
		return;
	while (n < ps->in.n && memchr(":<>\"", ps->in.p[n], 4) == NULL)
		n++;
	if (n == ps->in.n || ps->in.p[n] != ':')
		return;
	d->adl = clean(ps, view_sub(ps->in, 0, n), false);
	view_skip(&ps->in, n + 1);
}

static void
skip_blanks(struct parser *ps)
{
	while (ps->in.n > 0 && cfws_is_blank(ps->in.p[0]))
		view_skip(&ps->in, 1);
}

/* angle-addr = "<" [obs-route] addr-spec ">" */
static void
take_angle(struct parser *ps, struct address d, struct view comment)
{
	struct words w;

	view_skip(&ps->in, 1);
	skip_blanks(ps);
	take_route(ps, &d);
	w = take_words(ps, "@>,;");
	d.mailbox = w.any ? clean(ps, w.span, false) : VIEW_LIT("");
	d.host = VIEW_LIT("");
	if (w.end == '@') {
		view_skip(&ps->in, 1);
		w = take_domain(ps, ">,;");
		if (w.any)
			d.host = clean(ps, w.span, false);
	}
	if (ps->in.n > 0 && ps->in.p[0] != ',' && ps->in.p[0] != ';')
		skip_rest(ps, &comment);
	finish(ps, d, comment);
}

static void
take_plain(struct parser *ps, const struct words *local)
{
	struct address d = { .mailbox = VIEW_LIT(""), .host = VIEW_LIT("") };
	struct view comment = local->comment;
	struct words w;

	if (local->any)
		d.mailbox = clean(ps, local->span, local->end != '@');
	if (local->end == '@') {
		view_skip(&ps->in, 1);
		w = take_domain(ps, ",;<");
		if (w.any)
			d.host = clean(ps, w.span, false);
		if (w.comment.p != NULL)
			comment = w.comment;
		skip_rest(ps, &comment);
	}
	finish(ps, d, comment);
}

/* What looked like an address is a name when an address in angles follows, as
 * mailing lists write it: ann@example.org <list@example.net>. */
static bool
take_name_with_at(struct parser *ps, struct view from, struct words *w)
{
	struct view to = ps->in;

	ps->in = from;
	*w = take_words(ps, ",;<");
	if (w->end == '<')
		return true;
	ps->in = to;
	return false;
}

/* Up to the next separator, which the caller takes. */
static void
take_address(struct parser *ps)
{
	struct view from = ps->in;
	struct words w = take_words(ps, ps->in_group ? ",;<@" : ",;<@:"), name;

	if (w.end == '@' && take_name_with_at(ps, from, &name))
		w = name;
	if (w.end == '<') {
		struct address d = { 0 };

		if (w.any)
			d.name = clean(ps, w.span, true);
		take_angle(ps, d, w.comment);
	} else if (w.end == ':') {
		view_skip(&ps->in, 1);
		add(ps,
		    (struct address){ .mailbox = w.any ? clean(ps, w.span, true)
						       : VIEW_LIT("") });
		ps->in_group = true;
	} else if (w.any || w.end == '@')
		take_plain(ps, &w);
}

static void
end_group(struct parser *ps)
{
	if (ps->in_group)
		add(ps, (struct address){ 0 });
	ps->in_group = false;
}

struct address *
address_parse(struct view value, struct arena *a)
{
	struct parser ps = { .in = value, .a = a };

	ps.tail = &ps.first;
	while (ps.in.n > 0 && !ps.full) {
		take_address(&ps);
		if (ps.in.n == 0)
			break;
		if (ps.in.p[0] == ';') {
			view_skip(&ps.in, 1);
			end_group(&ps);
		} else if (ps.in.p[0] == ',')
			view_skip(&ps.in, 1);
	}
	end_group(&ps);
	return ps.first;
}

/* ---- writing ---- */

static bool
is_atext(uint8_t c)
{
	static const char specials[] = "()<>[]:;@\\,.\"";

	return c > ' ' && c != 0x7f &&
	    memchr(specials, c, sizeof(specials) - 1) == NULL;
}

/* atom *("." atom) */
static bool
is_dot_atom(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!is_atext(v.p[i]) &&
		    (v.p[i] != '.' || i == 0 || i + 1 == v.n ||
			v.p[i - 1] == '.'))
			return false;
	return v.n > 0;
}

static void
put_local(struct view v, struct buf *out)
{
	if (is_dot_atom(v)) {
		buf_put(out, v);
		return;
	}
	buf_put_byte(out, '"');
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (c == '"' || c == '\\')
			buf_put_byte(out, '\\');
		buf_put_byte(out, c < ' ' || c == 0x7f ? (uint8_t)' ' : c);
	}
	buf_put_byte(out, '"');
}

/* With its "@". */
static void
put_host(struct view v, struct buf *out)
{
	buf_put_byte(out, '@');
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] > ' ' && v.p[i] != 0x7f && v.p[i] != '<' &&
		    v.p[i] != '>')
			buf_put_byte(out, v.p[i]);
}

void
address_put_spec(const struct address *d, struct buf *out)
{
	put_local(d->mailbox, out);
	put_host(d->host, out);
}

/* A quoted-string and nothing else. */
static bool
is_quoted(struct view v)
{
	if (v.n < 2 || v.p[0] != '"' || v.p[v.n - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] < ' ' || v.p[i] == 0x7f)
			return false;
		if (v.p[i] == '\\' && ++i + 1 == v.n)
			return false;
	}
	return true;
}

void
address_put_path(struct view text, struct buf *out)
{
	const uint8_t *at = text.n > 0 ? memrchr(text.p, '@', text.n) : NULL;
	const size_t n = at != NULL ? (size_t)(at - text.p) : text.n;
	const struct view local = view_sub(text, 0, n);

	if (text.n == 0)
		return;
	if (is_quoted(local))
		buf_put(out, local);
	else
		put_local(local, out);
	if (at != NULL)
		put_host(view_sub(text, n + 1, text.n), out);
}
