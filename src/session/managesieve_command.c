#include "session/managesieve_command.h"

#include "base/num.h"
#include "base/utf8.h"

/* ---- cutting ---- */

/*
 * A command goes on behind a line that ends in "{n+}" (RFC 5804 section 4). A
 * quoted string cannot have a line end in it, so the end of the line alone
 * tells. The text has the line ends inside a command as they came.
 */

void
managesieve_frame_init(struct managesieve_frame *f)
{
	*f = (struct managesieve_frame){ .text = BUF_INIT(MANAGESIEVE_LINE +
					     MANAGESIEVE_LITERALS) };
}

void
managesieve_frame_fini(struct managesieve_frame *f)
{
	buf_fini(&f->text);
}

static void
reset(struct managesieve_frame *f)
{
	if (f->text.cap > 4 * MANAGESIEVE_LINE)
		buf_fini(&f->text);
	buf_clear(&f->text);
	f->line_n = f->literal_n = f->tail_n = 0;
	f->left = f->dropped = 0;
	f->bad = MANAGESIEVE_MORE;
	f->given = false;
}

bool
managesieve_idle(const struct managesieve_frame *f)
{
	return f->given || (f->line_n == 0 && f->dropped == 0);
}

struct view
managesieve_text(const struct managesieve_frame *f)
{
	struct view v = buf_view(&f->text);

	if (v.n > 0 && v.p[v.n - 1] == '\n')
		v.n--;
	if (v.n > 0 && v.p[v.n - 1] == '\r')
		v.n--;
	return v;
}

/* From here on the command is only swallowed. */
static void
spoil(struct managesieve_frame *f, enum managesieve_cut bad)
{
	if (f->bad == MANAGESIEVE_MORE)
		f->bad = bad;
	buf_clear(&f->text);
}

static void
remember_tail(struct managesieve_frame *f, struct view v)
{
	size_t keep = sizeof(f->tail) - (v.n < sizeof(f->tail) ? v.n : 0);

	if (v.n >= sizeof(f->tail)) {
		memcpy(f->tail, v.p + v.n - sizeof(f->tail), sizeof(f->tail));
		f->tail_n = sizeof(f->tail);
		return;
	}
	if (f->tail_n > keep) {
		memmove(f->tail, f->tail + f->tail_n - keep, keep);
		f->tail_n = keep;
	}
	if (v.n > 0)
		memcpy(f->tail + f->tail_n, v.p, v.n);
	f->tail_n += v.n;
}

/* Does the line announce a literal? */
static bool
announced(const struct managesieve_frame *f, uint64_t *n)
{
	struct view v = { f->tail, f->tail_n };

	if (v.n > 0 && v.p[v.n - 1] == '\n')
		v.n--;
	if (v.n > 0 && v.p[v.n - 1] == '\r')
		v.n--;
	if (v.n < 4 || v.p[v.n - 1] != '}' || v.p[v.n - 2] != '+')
		return false;
	v.n -= 2;
	for (size_t i = v.n; i > 0; i--)
		if (v.p[i - 1] == '{')
			return num_parse(
			    view_sub(v, i, SIZE_MAX), UINT32_MAX, n);
	return false;
}

static void
take_octets(struct managesieve_frame *f, struct view *in)
{
	struct view v =
	    view_sub(*in, 0, f->left < in->n ? (size_t)f->left : in->n);

	if (f->bad == MANAGESIEVE_MORE)
		buf_put(&f->text, v);
	else
		f->dropped += v.n;
	f->left -= v.n;
	view_skip(in, v.n);
}

/* A literal begins; false: it may not be as long as that. */
static bool
begin_literal(struct managesieve_frame *f, uint64_t n)
{
	f->left = n;
	f->tail_n = 0;
	if (n > MANAGESIEVE_LITERALS - f->literal_n)
		spoil(f, MANAGESIEVE_TOO_LARGE);
	else
		f->literal_n += (size_t)n;
	return f->bad == MANAGESIEVE_MORE || f->dropped + n <= MANAGESIEVE_DROP;
}

/* Part of a line; true when it ends here. */
static bool
take_line(struct managesieve_frame *f, struct view *in)
{
	const uint8_t *end = memchr(in->p, '\n', in->n);
	struct view v =
	    view_sub(*in, 0, end != NULL ? (size_t)(end - in->p) + 1 : in->n);

	view_skip(in, v.n);
	remember_tail(f, v);
	if (v.n > MANAGESIEVE_LINE - f->line_n) {
		f->line_n = MANAGESIEVE_LINE;
		spoil(f, MANAGESIEVE_TOO_LONG);
	} else
		f->line_n += v.n;
	if (f->bad == MANAGESIEVE_MORE)
		buf_put(&f->text, v);
	else
		f->dropped += v.n;
	return end != NULL;
}

enum managesieve_cut
managesieve_feed(struct managesieve_frame *f, struct view *in)
{
	uint64_t n;

	if (f->given)
		reset(f);
	while (in->n > 0) {
		if (f->left > 0) {
			take_octets(f, in);
			continue;
		}
		if (!take_line(f, in)) {
			if (f->dropped > MANAGESIEVE_DROP)
				return MANAGESIEVE_FLOOD;
			break;
		}
		if (announced(f, &n)) {
			if (!begin_literal(f, n))
				return MANAGESIEVE_FLOOD;
			continue;
		}
		f->given = true;
		return f->bad == MANAGESIEVE_MORE ? MANAGESIEVE_DONE : f->bad;
	}
	return MANAGESIEVE_MORE;
}

/* ---- reading ---- */

/* What stands behind a command: s a string, n a number, ? what follows may be
 * missing, * anything. */
static const struct {
	const char *name;
	enum managesieve_verb verb;
	const char *arguments;
} table[] = {
	{ "AUTHENTICATE", MANAGESIEVE_AUTHENTICATE, "*" },
	{ "CAPABILITY", MANAGESIEVE_CAPABILITY, "" },
	{ "CHECKSCRIPT", MANAGESIEVE_CHECKSCRIPT, "s" },
	{ "DELETESCRIPT", MANAGESIEVE_DELETESCRIPT, "s" },
	{ "GETSCRIPT", MANAGESIEVE_GETSCRIPT, "s" },
	{ "HAVESPACE", MANAGESIEVE_HAVESPACE, "sn" },
	{ "LISTSCRIPTS", MANAGESIEVE_LISTSCRIPTS, "" },
	{ "LOGOUT", MANAGESIEVE_LOGOUT, "" },
	{ "NOOP", MANAGESIEVE_NOOP, "?s" },
	{ "PUTSCRIPT", MANAGESIEVE_PUTSCRIPT, "ss" },
	{ "RENAMESCRIPT", MANAGESIEVE_RENAMESCRIPT, "ss" },
	{ "SETACTIVE", MANAGESIEVE_SETACTIVE, "s" },
	{ "STARTTLS", MANAGESIEVE_STARTTLS, "" },
};

static bool
take_blanks(struct view *in)
{
	bool any = in->n > 0 && in->p[0] == ' ';

	while (in->n > 0 && in->p[0] == ' ')
		view_skip(in, 1);
	return any;
}

/* literal-c2s = "{" number "+}" CRLF *OCTET */
static bool
take_literal(struct view *in, struct view *out)
{
	struct view v = *in;
	uint64_t n;

	if (v.n == 0 || v.p[0] != '{')
		return false;
	view_skip(&v, 1);
	if (!num_take(&v, UINT32_MAX, &n) || !view_starts(v, VIEW_LIT("+}")))
		return false;
	view_skip(&v, 2);
	if (v.n > 0 && v.p[0] == '\r')
		view_skip(&v, 1);
	if (v.n == 0 || v.p[0] != '\n' || n > v.n - 1)
		return false;
	view_skip(&v, 1);
	*out = view_sub(v, 0, (size_t)n);
	view_skip(&v, (size_t)n);
	*in = v;
	return true;
}

/* quoted = DQUOTE *1024QUOTED-CHAR DQUOTE */
static bool
take_quoted(struct view *in, struct arena *a, struct view *out)
{
	struct view v = *in;
	uint8_t *p;
	size_t n = 0;

	if (v.n == 0 || v.p[0] != '"')
		return false;
	view_skip(&v, 1);
	if ((p = arena_alloc(a, MANAGESIEVE_QUOTED)) == NULL)
		return false;
	while (v.n > 0 && v.p[0] != '"') {
		if (v.p[0] == '\\')
			view_skip(&v, 1);
		if (v.n == 0 || v.p[0] == '\0' || v.p[0] == '\r' ||
		    v.p[0] == '\n' || n == MANAGESIEVE_QUOTED)
			return false;
		p[n++] = v.p[0];
		view_skip(&v, 1);
	}
	if (v.n == 0)
		return false;
	view_skip(&v, 1);
	*out = (struct view){ p, n };
	*in = v;
	return true;
}

static bool
take_string(struct view *in, struct arena *a, struct managesieve_command *c)
{
	struct view v;

	if (!take_quoted(in, a, &v) && !take_literal(in, &v))
		return false;
	c->string[c->strings++] = v;
	return true;
}

/* A number is not written with zeros in front. */
static bool
take_number(struct view *in, struct managesieve_command *c)
{
	uint64_t n;

	if (in->n > 1 && in->p[0] == '0' && in->p[1] >= '0' && in->p[1] <= '9')
		return false;
	if (!num_take(in, UINT32_MAX, &n))
		return false;
	c->number = (uint32_t)n;
	return true;
}

static bool
take_arguments(const char *what, struct view *in, struct arena *a,
    struct managesieve_command *c)
{
	for (; *what != '\0'; what++) {
		if (*what == '*') {
			view_skip(in, in->n);
			return true;
		}
		if (*what == '?') {
			struct view rest = *in;

			(void)take_blanks(&rest);
			if (rest.n == 0)
				break;
			continue;
		}
		if (!take_blanks(in) ||
		    !(*what == 's' ? take_string(in, a, c)
				   : take_number(in, c)))
			return false;
	}
	(void)take_blanks(in);
	return in->n == 0;
}

enum managesieve_result
managesieve_parse(
    struct view text, struct arena *a, struct managesieve_command *c)
{
	struct view word = text;

	for (word.n = 0; word.n < text.n && text.p[word.n] != ' ';)
		word.n++;
	view_skip(&text, word.n);
	*c = (struct managesieve_command){ .verb = MANAGESIEVE_NOOP };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (view_eq_ci(word, view_str(table[i].name))) {
			c->verb = table[i].verb;
			return take_arguments(table[i].arguments, &text, a, c)
			    ? MANAGESIEVE_OK
			    : MANAGESIEVE_ARGUMENTS;
		}
	return MANAGESIEVE_UNKNOWN;
}

/* ---- writing ---- */

static bool
can_be_quoted(struct view v)
{
	size_t n = v.n;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\0' || v.p[i] == '\r' || v.p[i] == '\n')
			return false;
		n += v.p[i] == '"' || v.p[i] == '\\';
	}
	return n <= MANAGESIEVE_QUOTED && utf8_valid(v);
}

void
managesieve_put_string(struct buf *b, struct view v)
{
	if (!can_be_quoted(v)) {
		buf_printf(b, "{%zu}\r\n", v.n);
		buf_put(b, v);
		return;
	}
	buf_put_byte(b, '"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_put_byte(b, '\\');
		buf_put_byte(b, v.p[i]);
	}
	buf_put_byte(b, '"');
}
