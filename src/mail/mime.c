/*
 * MIME structure in one pass over the lines of a message.
 *
 * The reader goes down into parts with a stack of the boundaries that are
 * open. Every line that begins with "--" is compared with that stack, in
 * headers as well as in bodies; a hit of an outer boundary ends all parts
 * inside, however they were meant to end. Nothing is looked at twice, so time
 * is linear; the depth of the stack is bounded.
 */

#include "mail/mime.h"

#include "base/utf8.h"
#include "mail/cfws.h"
#include "mail/encoded.h"
#include "mail/header.h"

/* A boundary line. */
struct hit {
	int level; /* index into the stack; -1: the end of the message */
	bool close;
	bool own_end; /* the line end in front of it is its own */
	size_t start; /* of the line */
};

struct parser {
	struct view msg;
	struct arena *a;
	size_t pos;     /* start of a line, or the end */
	size_t hit_end; /* of the last boundary line */
	uint64_t lines; /* line ends before pos */
	uint32_t parts;
	int depth;      /* boundaries on the stack */
	int nested;     /* containers around pos */
	bool full;      /* no more containers: arena or parts are used up */
	struct hit hit; /* the last one found */
	struct view stack[MIME_DEPTH_MAX];
};

/* Where a body ends, and how many line ends are in it. */
struct extent {
	size_t n;
	uint64_t lines;
};

static const struct view text_type = { (const uint8_t *)"text", 4 };
static const struct view plain_type = { (const uint8_t *)"plain", 5 };
static const struct view message_type = { (const uint8_t *)"message", 7 };
static const struct view rfc822_type = { (const uint8_t *)"rfc822", 6 };
static const struct view application_type = { (const uint8_t *)"application",
	11 };
static const struct view octet_type = { (const uint8_t *)"octet-stream", 12 };

/* RFC 2045 section 5.2: what a part without Content-Type is. */
static const struct mime_param default_charset = {
	.name = { (const uint8_t *)"charset", 7 },
	.value = { (const uint8_t *)"us-ascii", 8 },
};

static bool
is_blank_or_end(struct view v, size_t at)
{
	return at >= v.n || cfws_is_blank(v.p[at]);
}

/*
 * Which boundary a line (without its "--") is. The whole line is wanted first,
 * from the inside out: boundary, then "--" or nothing, then blanks. Failing
 * that, the longest boundary the line begins with.
 */
static int
match_boundary(const struct parser *ps, struct view line, bool *close)
{
	int best = -1;

	for (int i = ps->depth - 1; i >= 0; i--) {
		struct view b = ps->stack[i];
		bool dashes;

		if (!view_starts(line, b))
			continue;
		dashes = view_starts(view_sub(line, b.n, 2), VIEW_LIT("--"));
		if (is_blank_or_end(line, b.n) ||
		    (dashes && is_blank_or_end(line, b.n + 2))) {
			*close = dashes;
			return i;
		}
		if (best < 0 || ps->stack[best].n < b.n) {
			best = i;
			*close = dashes;
		}
	}
	return best;
}

/* Size of the line at pos with its end; lines is counted up by the caller. */
static size_t
line_size(const struct parser *ps, bool *ended)
{
	struct view v = view_sub(ps->msg, ps->pos, ps->msg.n);
	const uint8_t *e = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;

	*ended = e != NULL;
	return e != NULL ? (size_t)(e - v.p) + 1 : v.n;
}

/* True when the line at pos, n bytes, is a boundary; it is then in hit. */
static bool
is_boundary(struct parser *ps, size_t n)
{
	struct view line = view_sub(ps->msg, ps->pos, n);
	bool close = false;
	int level;

	if (ps->depth == 0 || n < 3 || line.p[0] != '-' || line.p[1] != '-')
		return false;
	view_skip(&line, 2);
	if ((level = match_boundary(ps, line, &close)) < 0)
		return false;
	ps->hit = (struct hit){ level, close, ps->pos != ps->hit_end, ps->pos };
	ps->hit_end = ps->pos + n;
	return true;
}

static uint64_t
count_lines(struct view v)
{
	uint64_t total = 0;

	for (size_t i = 0; i < v.n;) {
		size_t n = v.n - i < 192 ? v.n - i : 192;
		uint8_t c = 0;

		for (size_t k = 0; k < n; k++)
			c = (uint8_t)(c + (v.p[i + k] == '\n'));
		total += c;
		i += n;
	}
	return total;
}

/* Go on to the next boundary line or the end; pos is then after that line. */
static void
scan(struct parser *ps)
{
	ps->hit = (struct hit){ -1, false, false, ps->msg.n };
	if (ps->depth == 0) {
		ps->lines += count_lines(view_sub(ps->msg, ps->pos, ps->msg.n));
		ps->pos = ps->msg.n;
		return;
	}
	while (ps->pos < ps->msg.n) {
		bool ended;
		size_t n = line_size(ps, &ended);
		bool found = is_boundary(ps, n);

		ps->pos += n;
		ps->lines += ended;
		if (found)
			return;
	}
	ps->hit.start = ps->msg.n;
}

/*
 * The body from body on up to the last hit; the line end before a boundary
 * belongs to it (RFC 2046 section 5.1.1), unless it already ends a boundary
 * line. before: lines at the body's start. */
static struct extent
body_extent(const struct parser *ps, size_t body, uint64_t before)
{
	struct extent x = { 0, ps->lines - before };
	size_t end = ps->hit.start;

	if (ps->hit.level >= 0 && ps->pos > ps->hit.start &&
	    ps->msg.p[ps->pos - 1] == '\n')
		x.lines -= x.lines > 0; /* the boundary's own */
	if (ps->hit.own_end && end > body && ps->msg.p[end - 1] == '\n') {
		end--;
		x.lines -= x.lines > 0;
		if (end > body && ps->msg.p[end - 1] == '\r')
			end--;
	}
	x.n = end > body ? end - body : 0;
	return x;
}

/* RFC 2045 section 5.1: what may stand in a token, and bytes above 127. */
static bool
is_token(uint8_t c)
{
	return c > ' ' && c != 0x7f &&
	    memchr("()<>@,;:\\\"/[]?=", c, 15) == NULL;
}

static struct view
take_token(struct view *v)
{
	struct view t;
	size_t n = 0;

	cfws_skip(v);
	while (n < v->n && is_token(v->p[n]))
		n++;
	t = view_sub(*v, 0, n);
	view_skip(v, n);
	cfws_skip(v);
	return t;
}

/* Without quoted-pairs and line ends; in place when there are none. */
static struct view
plain_text(struct parser *ps, struct view v, bool quoted)
{
	uint8_t *out;
	size_t n = 0;

	if (memchr(v.p, '\n', v.n) == NULL &&
	    (!quoted || memchr(v.p, '\\', v.n) == NULL))
		return v;
	if ((out = arena_alloc(ps->a, v.n)) == NULL)
		return v;
	for (size_t i = 0; i < v.n; i++) {
		if (quoted && v.p[i] == '\\' && i + 1 < v.n)
			i++;
		if (v.p[i] != '\r' && v.p[i] != '\n')
			out[n++] = v.p[i];
	}
	return (struct view){ out, n };
}

static struct view
field_text(struct parser *ps, struct view value)
{
	return plain_text(ps, header_trim(value), false);
}

static const struct mime_param *
take_params(struct parser *ps, struct view v)
{
	const struct mime_param *first = NULL, **tail = &first;
	struct mime_param *p;
	struct encoded_param e;

	for (int i = 0; i < MIME_PARAMS_MAX && encoded_next_param(&v, &e);
	     i++) {
		if ((p = arena_alloc(ps->a, sizeof(*p))) == NULL)
			break;
		p->name = e.name;
		p->value = plain_text(ps, e.value, e.quoted);
		*tail = p;
		tail = &p->next;
	}
	return first;
}

/* Content-Type (RFC 2045 section 5.1). What has no type and subtype counts as
 * not there; the parameters may follow without their ';'. */
static void
set_type(struct parser *ps, struct mime_part *p, struct view value)
{
	struct view v = value, type, subtype;

	type = take_token(&v);
	if (type.n == 0)
		return;
	if (v.n == 0 || v.p[0] != '/')
		return;
	view_skip(&v, 1);
	subtype = take_token(&v);
	if (subtype.n == 0)
		return;
	p->type = type;
	p->subtype = subtype;
	p->params = take_params(ps, v);
}

static void
set_encoding(struct mime_part *p, struct view value)
{
	struct view v = value;

	if (v.n > 0)
		cfws_skip(&v);
	if (v.n > 0 && v.p[0] == '"')
		view_skip(&v, 1);
	v = take_token(&v);
	if (v.n == 0)
		return;
	p->encoding_name = v;
	p->encoding = transfer_parse(v);
}

static void
set_disposition(struct parser *ps, struct mime_part *p, struct view value)
{
	struct view v = value, type = take_token(&v);

	if (type.n == 0)
		return;
	p->disposition = type;
	p->disposition_params = take_params(ps, v);
}

/* Content-Language = Language-Tag *("," Language-Tag) (RFC 3282) */
static void
set_languages(struct parser *ps, struct mime_part *p, struct view value)
{
	const struct mime_param **tail = &p->languages;
	struct mime_param *l;
	struct view v = value;

	for (int i = 0; i < MIME_LANGUAGES_MAX && v.n > 0; i++) {
		struct view tag = take_token(&v);

		if (tag.n > 0) {
			if ((l = arena_alloc(ps->a, sizeof(*l))) == NULL)
				return;
			l->value = tag;
			*tail = l;
			tail = &l->next;
		}
		while (v.n > 0 && v.p[0] != ',')
			view_skip(&v, 1);
		if (v.n > 0)
			view_skip(&v, 1);
	}
}

/* One "Content-..." field; of those that are there twice the first counts. */
static void
set_field(
    struct parser *ps, struct mime_part *p, struct view name, struct view value)
{
	view_skip(&name, 8);
	if (view_eq_ci(name, VIEW_LIT("type")) && p->type.p == NULL)
		set_type(ps, p, value);
	else if (view_eq_ci(name, VIEW_LIT("transfer-encoding")) &&
	    p->encoding_name.p == NULL)
		set_encoding(p, value);
	else if (view_eq_ci(name, VIEW_LIT("disposition")) &&
	    p->disposition.p == NULL)
		set_disposition(ps, p, value);
	else if (view_eq_ci(name, VIEW_LIT("id")) && p->id.p == NULL)
		p->id = field_text(ps, value);
	else if (view_eq_ci(name, VIEW_LIT("description")) &&
	    p->description.p == NULL)
		p->description = field_text(ps, value);
	else if (view_eq_ci(name, VIEW_LIT("md5")) && p->md5.p == NULL)
		p->md5 = field_text(ps, value);
	else if (view_eq_ci(name, VIEW_LIT("location")) &&
	    p->location.p == NULL)
		p->location = field_text(ps, value);
	else if (view_eq_ci(name, VIEW_LIT("language")) && p->languages == NULL)
		set_languages(ps, p, value);
}

static void
read_fields(struct parser *ps, struct mime_part *p, bool digest)
{
	struct view header = mime_header(ps->msg, p);
	struct header_field f;

	while (header_next(&header, &f))
		if (f.name.n > 8 && (f.name.p[0] | 0x20) == 'c' &&
		    view_starts_ci(f.name, VIEW_LIT("content-")))
			set_field(ps, p, f.name, f.value);
	if (p->type.p != NULL)
		return;
	p->type = digest ? message_type : text_type;
	p->subtype = digest ? rfc822_type : plain_type;
	if (!digest)
		p->params = &default_charset;
}

/* The header from pos on, with its empty line; a boundary ends it too. True
 * when a body follows. */
static bool
take_header(struct parser *ps, struct mime_part *p)
{
	p->header = ps->pos;
	while (ps->pos < ps->msg.n) {
		bool ended;
		size_t n = line_size(ps, &ended);
		const uint8_t *l = ps->msg.p + ps->pos;
		bool empty = l[0] == '\n' || (n == 2 && l[0] == '\r' && ended);

		if (is_boundary(ps, n)) {
			p->header_n = ps->pos - p->header;
			p->body = ps->pos;
			ps->pos += n;
			ps->lines += ended;
			return false;
		}
		ps->pos += n;
		ps->lines += ended;
		if (empty)
			break;
	}
	p->header_n = ps->pos - p->header;
	p->body = ps->pos;
	return true;
}

static struct mime_part *
new_part(struct parser *ps, struct mime_part *parent)
{
	struct mime_part *p;

	if (ps->parts >= MIME_PARTS_MAX ||
	    (p = arena_alloc(ps->a, sizeof(*p))) == NULL) {
		ps->full = true;
		return NULL;
	}
	ps->parts++;
	p->parent = parent;
	p->header = p->body = ps->pos;
	return p;
}

bool
mime_is(const struct mime_part *p, const char *type, const char *subtype)
{
	return view_eq_ci(p->type, view_str(type)) &&
	    (subtype == NULL || view_eq_ci(p->subtype, view_str(subtype)));
}

const struct mime_param *
mime_param_find(const struct mime_param *list, struct view name)
{
	while (list != NULL && !view_eq_ci(list->name, name))
		list = list->next;
	return list;
}

/* The boundary, or an empty view. */
static struct view
boundary_of(const struct mime_part *p)
{
	const struct mime_param *b =
	    mime_param_find(p->params, VIEW_LIT("boundary"));

	if (b == NULL)
		return (struct view){ NULL, 0 };
	return view_sub(b->value, 0, MIME_BOUNDARY_MAX);
}

/* What a container that is not to be opened is instead. */
static void
degrade(struct mime_part *p)
{
	p->kind = MIME_LEAF;
	p->type = application_type;
	p->subtype = octet_type;
	p->params = NULL;
}

static void take_part(struct parser *ps, struct mime_part *p, bool digest);

/* An empty text, so that a multipart always has a part (RFC 9051 section 9:
 * body-type-mpart has 1*body). */
static void
add_empty_part(struct parser *ps, struct mime_part *p)
{
	struct mime_part *c = new_part(ps, p);

	if (c == NULL) {
		degrade(p);
		return;
	}
	c->type = text_type;
	c->subtype = plain_type;
	c->params = &default_charset;
	c->header = c->body = p->body;
	p->child = c;
	p->n_children = 1;
}

/* Parts between this boundary's lines; the preamble has been scanned. */
static void
take_children(struct parser *ps, struct mime_part *p, int level)
{
	bool digest = mime_is(p, "multipart", "digest");
	struct mime_part **tail = &p->child;

	while (ps->hit.level == level && !ps->hit.close) {
		struct mime_part *c = new_part(ps, p);

		if (c == NULL) { /* the rest belongs to this container only */
			ps->depth = level;
			scan(ps);
			return;
		}
		*tail = c;
		tail = &c->next;
		p->n_children++;
		take_part(ps, c, digest);
	}
	ps->depth = level;
	if (ps->hit.level == level)
		scan(ps); /* the epilogue */
}

static void
take_multipart(struct parser *ps, struct mime_part *p, struct view boundary)
{
	int level = ps->depth;

	p->kind = MIME_MULTIPART;
	ps->stack[ps->depth++] = boundary;
	ps->nested++;
	scan(ps);
	take_children(ps, p, level);
	ps->nested--;
	ps->depth = level;
	if (p->child == NULL)
		add_empty_part(ps, p);
}

static void
take_message(struct parser *ps, struct mime_part *p)
{
	struct mime_part *c = new_part(ps, p);

	if (c == NULL) {
		degrade(p);
		scan(ps);
		return;
	}
	p->kind = MIME_MESSAGE;
	p->child = c;
	p->n_children = 1;
	ps->nested++;
	take_part(ps, c, false);
	ps->nested--;
}

static void
take_body(struct parser *ps, struct mime_part *p)
{
	bool multipart = mime_is(p, "multipart", NULL);
	bool message =
	    mime_is(p, "message", "rfc822") || mime_is(p, "message", "global");
	struct view boundary = boundary_of(p);

	if (!multipart && !message) {
		scan(ps);
	} else if (ps->nested >= MIME_DEPTH_MAX || ps->full) {
		degrade(p);
		scan(ps);
	} else if (message) {
		take_message(ps, p);
	} else if (boundary.n > 0) {
		take_multipart(ps, p, boundary);
	} else {
		p->kind = MIME_MULTIPART;
		add_empty_part(ps, p);
		scan(ps);
	}
}

/* One part from pos on; when it returns, hit is what ended it. */
static void
take_part(struct parser *ps, struct mime_part *p, bool digest)
{
	bool more;
	uint64_t before;
	struct extent x;

	ps->hit = (struct hit){ -1, false, false, ps->msg.n };
	more = take_header(ps, p);
	read_fields(ps, p, digest);
	before = ps->lines;
	if (!more) { /* ended inside its header: no body */
		if (mime_is(p, "multipart", NULL) ||
		    mime_is(p, "message", "rfc822") ||
		    mime_is(p, "message", "global"))
			degrade(p);
		return;
	}
	take_body(ps, p);
	x = body_extent(ps, p->body, before);
	p->body_n = x.n;
	p->lines = x.lines > UINT32_MAX ? UINT32_MAX : (uint32_t)x.lines;
}

struct mime_part *
mime_parse(struct view msg, struct arena *a)
{
	struct parser ps = { .msg = msg, .a = a };
	struct mime_part *root = new_part(&ps, NULL);

	if (root != NULL)
		take_part(&ps, root, false);
	return root;
}

const struct mime_part *
mime_find(const struct mime_part *root, const uint32_t *path, size_t n)
{
	const struct mime_part *p = root;

	for (size_t i = 0; i < n && p != NULL; i++) {
		uint32_t k = path[i];

		if (i > 0 && p->kind == MIME_MESSAGE)
			p = p->child;
		else if (i > 0 && p->kind == MIME_LEAF)
			return NULL;
		if (p->kind != MIME_MULTIPART) {
			if (k != 1)
				return NULL;
			continue; /* 1 is the only part of such a message */
		}
		for (p = p->child; p != NULL && k > 1; k--)
			p = p->next;
		if (k == 0)
			return NULL;
	}
	return p;
}

bool
mime_header_is_text(struct view header, struct view *charset)
{
	struct header_field f;
	struct encoded_param p;
	struct view v;
	const uint8_t *semi;

	*charset = (struct view){ 0 };
	if (!header_find(header, VIEW_LIT("content-type"), &f))
		return true;
	v = header_trim(f.value);
	if (!view_starts_ci(v, VIEW_LIT("text/")))
		return false;
	if ((semi = memchr(v.p, ';', v.n)) == NULL)
		return true;
	view_skip(&v, (size_t)(semi - v.p));
	while (charset->n == 0 && encoded_next_param(&v, &p))
		if (view_eq_ci(p.name, VIEW_LIT("charset")))
			*charset = p.value;
	return true;
}

const char *
mime_type_of_header(struct view header)
{
	if (utf8_ascii(header))
		return "text/rfc822-headers";
	return utf8_valid(header) ? "message/global-headers"
				  : "text/rfc822-headers; charset=unknown-8bit";
}
