#include "cli/dotqmail.h"

/*
 * A line is known by its first octet. What dot-qmail(5) calls an mbox line or a
 * maildir line begins with a dot or a slash; "fumi:" can be no address, since an
 * address has no colon outside quotes, so it takes nothing away from qmail's
 * files.
 */

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool
is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* Up to LF, which is dropped with the spaces and tabs before it. */
static struct view
take_line(struct view *in)
{
	const uint8_t *end = memchr(in->p, '\n', in->n);
	struct view v =
	    view_sub(*in, 0, end != NULL ? (size_t)(end - in->p) : in->n);

	view_skip(in, end != NULL ? v.n + 1 : v.n);
	while (v.n > 0 && is_blank(v.p[v.n - 1]))
		v.n--;
	return v;
}

/* text behind n octets; it must not be empty. */
static bool
instruct(
    struct dotqmail_line *out, enum dotqmail_kind kind, struct view v, size_t n)
{
	out->kind = kind;
	out->text = view_sub(v, n, v.n);
	return out->text.n > 0;
}

/* v is not empty. */
static bool
parse(struct view v, struct dotqmail_line *out)
{
	const struct view fumi = VIEW_LIT("fumi:");

	if (memchr(v.p, '\0', v.n) != NULL)
		return false;
	switch (v.p[0]) {
	case '|':
		return instruct(out, DOTQMAIL_PROGRAM, v, 1);
	case '&':
		return instruct(out, DOTQMAIL_FORWARD, v, 1);
	case '.':
	case '/':
		return instruct(out,
		    v.p[v.n - 1] == '/' ? DOTQMAIL_MAILDIR : DOTQMAIL_MBOX, v,
		    0);
	case '+':
		out->kind = DOTQMAIL_LIST;
		out->text = view_sub(v, v.n, 0);
		return view_eq(v, VIEW_LIT("+list"));
	default:
		if (view_starts(v, fumi))
			return instruct(out, DOTQMAIL_FUMI, v, fumi.n);
		return is_alnum(v.p[0]) &&
		    instruct(out, DOTQMAIL_FORWARD, v, 0);
	}
}

enum dotqmail_result
dotqmail_next(struct dotqmail *q, struct dotqmail_line *out)
{
	if (q->file.n > DOTQMAIL_FILE_MAX)
		return DOTQMAIL_LIMIT;
	while (q->file.n > 0) {
		struct view v = take_line(&q->file);

		q->line++;
		if (v.n == 0 && q->line == 1)
			return DOTQMAIL_BLANK;
		if (v.n > DOTQMAIL_LINE_MAX)
			return DOTQMAIL_LIMIT;
		if (v.n == 0 || v.p[0] == '#')
			continue;
		if (q->taken == DOTQMAIL_LINES_MAX)
			return DOTQMAIL_LIMIT;
		if (!parse(v, out))
			return DOTQMAIL_UNKNOWN;
		out->line = q->line;
		q->taken++;
		return DOTQMAIL_OK;
	}
	return DOTQMAIL_END;
}

/* ---- names ---- */

static uint8_t
safe(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c | 0x20;
	return c == '.' || c == '/' ? ':' : c;
}

/* Where the part that the i-th "default" stands for begins: behind the i-th dash
 * from the right; 0 behind the last of them. False: there are fewer. */
static bool
find_default(struct view ext, unsigned i, size_t *at)
{
	for (*at = ext.n; *at > 0; (*at)--)
		if (ext.p[*at - 1] == '-' && i-- == 0)
			return true;
	return i == 0;
}

bool
dotqmail_name(struct view dash, struct view ext, unsigned i,
    char out[DOTQMAIL_NAME_MAX + 1], size_t *at)
{
	AUTO_BUF struct buf b = BUF_INIT(DOTQMAIL_NAME_MAX);

	*at = ext.n;
	if (i > 0 && (dash.n == 0 || !find_default(ext, i - 1, at)))
		return false;
	if ((dash.n > 0 && memchr(dash.p, '/', dash.n) != NULL) ||
	    (ext.n > 0 && memchr(ext.p, '\0', ext.n) != NULL))
		return false;
	out[0] = '\0';
	buf_put_str(&b, ".qmail");
	buf_put(&b, dash);
	for (size_t k = 0; k < *at; k++)
		buf_put_byte(&b, safe(ext.p[k]));
	if (i > 0)
		buf_put_str(&b, "default");
	if (b.failed)
		return true;
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
	return true;
}

void
dotqmail_put_clean(struct buf *b, struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		buf_put_byte(
		    b, v.p[i] == '\n' || v.p[i] == '\0' ? '_' : v.p[i]);
}
