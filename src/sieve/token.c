/*
 * Tokens. The reader moves over the script once; the column, which only errors
 * need, is counted along with it from token to token, so that a long line costs
 * no more than its length.
 */

#include "sieve/token.h"

#include "sieve/sieve.h"

static bool
is_name(uint8_t c)
{
	return token_is_name_start(c) || token_is_digit(c);
}

void
token_init(struct token_reader *r, struct view script, struct arena *a)
{
	/* A byte order mark, as some editors write it. */
	if (view_starts(script, VIEW_LIT("\xef\xbb\xbf")))
		view_skip(&script, 3);
	*r = (struct token_reader){
		.rest = script, .a = a, .line = 1, .column = 1
	};
	r->counted = script.p;
}

/* Count the characters up to where the reader is. */
static void
count_column(struct token_reader *r)
{
	for (; r->counted < r->rest.p; r->counted++)
		if ((*r->counted & 0xc0) != 0x80)
			r->column++;
}

/* The bytes before p hold a line end, the last one just before start. */
static void
new_line(struct token_reader *r, const uint8_t *start)
{
	r->line++;
	r->column = 1;
	r->counted = start;
}

static bool
bad(struct token *t, const char *text)
{
	t->kind = TOKEN_BAD;
	t->why = text;
	return false;
}

/* Bytes of a line end at the start of v: 0, 1 or 2. */
static size_t
line_end(struct view v)
{
	if (v.n > 0 && v.p[0] == '\n')
		return 1;
	return v.n > 1 && v.p[0] == '\r' && v.p[1] == '\n' ? 2 : 0;
}

/* Skip n bytes, which may hold line ends. */
static void
skip(struct token_reader *r, size_t n)
{
	const uint8_t *p = r->rest.p, *end = p + n;
	const uint8_t *nl;

	view_skip(&r->rest, n);
	while (p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p = nl + 1;
		new_line(r, p);
	}
}

/* Bytes up to the next line end or the end. */
static size_t
line_size(struct view v)
{
	const uint8_t *nl = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;

	return nl == NULL ? v.n : (size_t)(nl - v.p);
}

/* hash-comment, without its line end */
static bool
skip_hash_comment(struct token_reader *r, struct token *t)
{
	size_t n = line_size(r->rest);

	if (n > 0 && memchr(r->rest.p, '\0', n) != NULL)
		return bad(t, "a NUL byte is not allowed");
	view_skip(&r->rest, n);
	return true;
}

/* bracket-comment; the reader is at its slash */
static bool
skip_bracket_comment(struct token_reader *r, struct token *t)
{
	struct view in = view_sub(r->rest, 2, SIZE_MAX);
	const uint8_t *end = in.n > 0 ? memmem(in.p, in.n, "*/", 2) : NULL;

	if (end == NULL)
		return bad(t, "this comment has no end; \"*/\" is missing");
	if (memchr(in.p, '\0', (size_t)(end - in.p)) != NULL)
		return bad(t, "a NUL byte is not allowed");
	skip(r, (size_t)(end - r->rest.p) + 2);
	return true;
}

/* white-space; false: t says what is wrong */
static bool
skip_white_space(struct token_reader *r, struct token *t)
{
	for (size_t n; r->rest.n > 0;) {
		uint8_t c = r->rest.p[0];

		if (c == ' ' || c == '\t') {
			view_skip(&r->rest, 1);
		} else if ((n = line_end(r->rest)) > 0) {
			view_skip(&r->rest, n);
			new_line(r, r->rest.p);
		} else if (c == '#') {
			if (!skip_hash_comment(r, t))
				return false;
		} else if (c == '/' && r->rest.n > 1 && r->rest.p[1] == '*') {
			count_column(r);
			t->line = r->line;
			t->column = r->column;
			if (!skip_bracket_comment(r, t))
				return false;
			t->line = 0;
		} else {
			break;
		}
	}
	return true;
}

/* Undo escapes and make every line end CRLF; in has n bytes more at most. */
static bool
rewrite_quoted(
    struct token_reader *r, struct view in, size_t n, struct view *out)
{
	uint8_t *p = arena_alloc(r->a, in.n + n + 1);
	size_t used = 0;

	if (p == NULL)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\\')
			i++;
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			p[used++] = '\r';
		p[used++] = in.p[i];
	}
	*out = (struct view){ p, used };
	return true;
}

/* Is every CR followed by LF? */
static bool
has_stray_cr(struct view v)
{
	for (const uint8_t *p = v.p, *end = p + v.n;
	     p < end && (p = memchr(p, '\r', (size_t)(end - p))) != NULL; p++)
		if (p + 1 == end || p[1] != '\n')
			return true;
	return false;
}

static bool
check_string(struct view v, struct token *t)
{
	if (v.n > 0 && memchr(v.p, '\0', v.n) != NULL)
		return bad(t, "a NUL byte is not allowed in a string");
	if (v.n > 0 && has_stray_cr(v))
		return bad(t, "a CR without LF is not allowed in a string");
	return true;
}

static bool
finish_string(struct token *t, struct view v)
{
	t->text = v;
	t->kind = TOKEN_STRING;
	if (v.n > SIEVE_STRING_MAX)
		return bad(t, "this string is too long");
	return true;
}

/* quoted-string */
static bool
take_quoted(struct token_reader *r, struct token *t)
{
	struct view in = view_sub(r->rest, 1, SIZE_MAX);
	size_t i = 0, lines = 0;
	bool escapes = false;
	struct view v;

	for (; i < in.n && in.p[i] != '"'; i++) {
		if (in.p[i] == '\\') {
			escapes = true;
			if (++i == in.n)
				break;
		}
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			lines++;
	}
	if (i >= in.n)
		return bad(t, "this string has no end; '\"' is missing");
	v = view_sub(in, 0, i);
	if (!check_string(v, t))
		return false;
	if ((escapes || lines > 0) && !rewrite_quoted(r, v, lines, &v))
		return bad(t, "the script is too large");
	skip(r, i + 2);
	return finish_string(t, v);
}

/* The lines of a multi-line up to the one that is a dot; *end is behind it. */
static bool
find_dot(struct view in, size_t *n, size_t *lines, size_t *end)
{
	struct view v = in;

	for (*lines = 0; v.n > 0; ++*lines) {
		size_t size = line_size(v);

		if (size == v.n)
			return false;
		if (v.p[0] == '.' &&
		    (size == 1 || (size == 2 && v.p[1] == '\r'))) {
			*n = in.n - v.n;
			*end = *n + size + 1;
			return true;
		}
		view_skip(&v, size + 1);
	}
	return false;
}

/* Lines with CRLF, one dot of two at their start taken away. */
static bool
rewrite_lines(
    struct token_reader *r, struct view in, size_t lines, struct view *out)
{
	uint8_t *p = arena_alloc(r->a, in.n + lines + 1);
	size_t used = 0;

	if (p == NULL)
		return false;
	while (in.n > 0) {
		size_t size = line_size(in);
		struct view line = view_sub(in, 0, size);

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n > 1 && line.p[0] == '.' && line.p[1] == '.')
			view_skip(&line, 1);
		if (line.n > 0)
			memcpy(p + used, line.p, line.n);
		used += line.n;
		p[used++] = '\r';
		p[used++] = '\n';
		view_skip(&in, size + 1);
	}
	*out = (struct view){ p, used };
	return true;
}

/* multi-line; the reader is behind "text:" */
static bool
take_multi_line(struct token_reader *r, struct token *t)
{
	size_t n, lines, end;
	struct view v;

	while (r->rest.n > 0 && (r->rest.p[0] == ' ' || r->rest.p[0] == '\t'))
		view_skip(&r->rest, 1);
	if (r->rest.n > 0 && r->rest.p[0] == '#') {
		if (!skip_hash_comment(r, t))
			return false;
	} else if (line_end(r->rest) == 2) {
		view_skip(&r->rest, 1);
	}
	if (line_end(r->rest) != 1)
		return bad(t, "a new line must follow \"text:\"");
	skip(r, 1);
	if (!find_dot(r->rest, &n, &lines, &end))
		return bad(t,
		    "this text has no end; a line with only a dot "
		    "is missing");
	v = view_sub(r->rest, 0, n);
	if (!check_string(v, t))
		return false;
	if (!rewrite_lines(r, v, lines, &v))
		return bad(t, "the script is too large");
	skip(r, end);
	return finish_string(t, v);
}

/* identifier, or the "text:" of a multi-line */
static bool
take_name(struct token_reader *r, struct token *t)
{
	size_t n = 1;

	while (n < r->rest.n && is_name(r->rest.p[n]))
		n++;
	t->text = view_sub(r->rest, 0, n);
	t->kind = TOKEN_NAME;
	view_skip(&r->rest, n);
	if (r->rest.n > 0 && r->rest.p[0] == ':' &&
	    view_eq_ci(t->text, VIEW_LIT("text"))) {
		view_skip(&r->rest, 1);
		return take_multi_line(r, t);
	}
	return true;
}

/* tag = ":" identifier */
static bool
take_tag(struct token_reader *r, struct token *t)
{
	size_t n = 1;

	if (r->rest.n < 2 || !token_is_name_start(r->rest.p[1]))
		return bad(t, "a name must follow ':'");
	while (n < r->rest.n && is_name(r->rest.p[n]))
		n++;
	t->text = view_sub(r->rest, 1, n - 1);
	t->kind = TOKEN_TAG;
	view_skip(&r->rest, n);
	return true;
}

static unsigned
quantifier(uint8_t c)
{
	switch (c | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	default:
		return 0;
	}
}

/* number = 1*DIGIT [ QUANTIFIER ] */
static bool
take_number(struct token_reader *r, struct token *t)
{
	unsigned shift = 0;
	size_t n = 0;
	uint64_t v = 0;

	for (; n < r->rest.n && token_is_digit(r->rest.p[n]); n++) {
		uint64_t digit = r->rest.p[n] - '0';

		if (v > (SIEVE_NUMBER_MAX - digit) / 10)
			return bad(t, "this number is too large");
		v = v * 10 + digit;
	}
	if (n < r->rest.n && (shift = quantifier(r->rest.p[n])) > 0)
		n++;
	if (v > SIEVE_NUMBER_MAX >> shift)
		return bad(t, "this number is too large");
	if (n < r->rest.n && is_name(r->rest.p[n]))
		return bad(
		    t, "only K, M or G may follow the digits of a number");
	t->number = v << shift;
	t->kind = TOKEN_NUMBER;
	view_skip(&r->rest, n);
	return true;
}

void
token_next(struct token_reader *r, struct token *out)
{
	*out = (struct token){ .kind = TOKEN_END };
	if (!skip_white_space(r, out)) {
		if (out->line == 0) {
			count_column(r);
			out->line = r->line;
			out->column = r->column;
		}
		return;
	}
	count_column(r);
	out->line = r->line;
	out->column = r->column;
	if (r->rest.n == 0)
		return;
	if (r->rest.p[0] == '"') {
		take_quoted(r, out);
	} else if (r->rest.p[0] == ':') {
		take_tag(r, out);
	} else if (token_is_digit(r->rest.p[0])) {
		take_number(r, out);
	} else if (token_is_name_start(r->rest.p[0])) {
		take_name(r, out);
	} else if (memchr("[](){},;", r->rest.p[0], 8) != NULL) {
		out->kind = TOKEN_SIGN;
		out->sign = r->rest.p[0];
		view_skip(&r->rest, 1);
	} else {
		bad(out, "this character cannot stand here");
	}
}
