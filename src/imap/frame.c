/*
 * The framer: a state machine over lines and literals.
 *
 * The text it collects is what was on the wire, but announcements of inline
 * literals lose their "+" and external literals become a mark of FRAME_MARK
 * bytes. Such a mark is at most four times as long as the shortest
 * announcement, which bounds the buf. Literals are announced only at the end
 * of a line and of the present line: "seg" keeps the content of a literal from
 * being read as one.
 */

#include "imap/frame.h"

#include <assert.h>

#include "base/num.h"
#include "imap/limits.h"

enum state {
	STATE_START,        /* nothing collected */
	STATE_LINE,         /* collecting a line */
	STATE_DECIDE,       /* the caller has to say what to do */
	STATE_INLINE,       /* collecting a literal */
	STATE_EXTERNAL,     /* the caller takes a literal */
	STATE_DROP_LINE,    /* swallowing a line */
	STATE_DROP_LITERAL, /* swallowing a literal */
};

/* What a swallowed line ends in: ["{" digits "+" "}" CR], step by step. */
enum tail {
	TAIL_OTHER,
	TAIL_BRACE,
	TAIL_DIGITS,
	TAIL_PLUS,
	TAIL_SYNC,   /* "{n}" */
	TAIL_NOSYNC, /* "{n+}" */
	TAIL_SYNC_CR,
	TAIL_NOSYNC_CR,
};

#define MARK_FACTOR 4  /* FRAME_MARK over "{0}" LF, rounded up */
#define KEEP_MAX 16384 /* bytes of buf kept from command to command */

_Static_assert(FRAME_MARK <= MARK_FACTOR * 4, "the text buf holds all marks");

void
frame_init(
    struct frame *f, enum frame_role role, size_t line_max, size_t literal_max)
{
	*f = (struct frame){ .role = role };
	frame_limits(f, line_max, literal_max);
}

void
frame_fini(struct frame *f)
{
	buf_fini(&f->text);
}

void
frame_limits(struct frame *f, size_t line_max, size_t literal_max)
{
	assert(f->state == STATE_START && line_max > 0 && literal_max > 0);
	f->line_max = line_max;
	f->literal_max = literal_max;
	buf_fini(&f->text);
	buf_init(&f->text, MARK_FACTOR * line_max + literal_max);
}

void
frame_reset(struct frame *f)
{
	f->state = STATE_START;
	frame_limits(f, f->line_max, f->literal_max);
}

struct view
frame_text(const struct frame *f)
{
	return buf_view(&f->text);
}

uint64_t
frame_dropped(const struct frame *f)
{
	return f->dropped;
}

bool
frame_idle(const struct frame *f)
{
	return f->state == STATE_START;
}

static void
start(struct frame *f)
{
	if (f->text.cap > KEEP_MAX)
		buf_fini(&f->text);
	buf_clear(&f->text);
	f->line_n = f->literal_n = f->seg = 0;
	f->left = f->dropped = 0;
	f->bad = FRAME_MORE;
	f->state = STATE_LINE;
}

/* One octet of a swallowed line. */
static void
tail_octet(struct frame *f, uint8_t c)
{
	bool digits = f->tail == TAIL_DIGITS;

	if (c == '{') {
		f->tail = TAIL_BRACE;
		f->tail_size = 0;
	} else if ((digits || f->tail == TAIL_BRACE) && c >= '0' && c <= '9') {
		f->tail = TAIL_DIGITS;
		if (__builtin_mul_overflow(
			f->tail_size, (uint64_t)10, &f->tail_size) ||
		    __builtin_add_overflow(
			f->tail_size, (uint64_t)(c - '0'), &f->tail_size))
			f->tail_size = UINT64_MAX;
	} else if (digits && c == '+') {
		f->tail = TAIL_PLUS;
	} else if (digits && c == '}') {
		f->tail = TAIL_SYNC;
	} else if (f->tail == TAIL_PLUS && c == '}') {
		f->tail = TAIL_NOSYNC;
	} else if (c == '\r' && f->tail == TAIL_SYNC) {
		f->tail = TAIL_SYNC_CR;
	} else if (c == '\r' && f->tail == TAIL_NOSYNC) {
		f->tail = TAIL_NOSYNC_CR;
	} else {
		f->tail = TAIL_OTHER;
	}
}

static void
tail_octets(struct frame *f, struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		tail_octet(f, v.p[i]);
}

/* SP, then "OK" and so on: the reply line v is for people, but for what is in
 * the brackets of its code. */
static bool
is_for_people(struct view v)
{
	static const struct view words[] = { VIEW_LIT("OK"), VIEW_LIT("NO"),
		VIEW_LIT("BAD"), VIEW_LIT("BYE"), VIEW_LIT("PREAUTH") };
	const uint8_t *sp = v.n > 0 ? memchr(v.p, ' ', v.n) : NULL;

	if (v.n > 0 && v.p[0] == '+')
		return true;
	if (sp == NULL)
		return false;
	view_skip(&v, (size_t)(sp - v.p) + 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct view rest = view_sub(v, words[i].n, v.n);

		if (!view_starts_ci(v, words[i]) || rest.n < 2 ||
		    rest.p[0] != ' ')
			continue;
		return rest.p[1] != '[' || memchr(rest.p, ']', rest.n) != NULL;
	}
	return false;
}

/* Does a literal follow the swallowed line without our asking? */
static bool
tail_goes_on(const struct frame *f)
{
	switch ((enum tail)f->tail) {
	case TAIL_NOSYNC:
	case TAIL_NOSYNC_CR:
		return true;
	case TAIL_SYNC:
	case TAIL_SYNC_CR:
		return f->role == FRAME_REPLY &&
		    !is_for_people(buf_view(&f->text));
	case TAIL_OTHER:
	case TAIL_BRACE:
	case TAIL_DIGITS:
	case TAIL_PLUS:
		break;
	}
	return false;
}

/* The present line is not wanted any more. More of it may be in text. */
static void
drop(struct frame *f, enum frame_result bad)
{
	f->bad = bad;
	f->state = STATE_DROP_LINE;
	f->tail = TAIL_OTHER;
	tail_octets(f, view_sub(buf_view(&f->text), f->seg, f->text.n));
}

/*
 * literal = "{" number64 ["+"] "}" CRLF, literal8 = "~" and the same: is it
 * what the present line, now without its end, ends in? Then cut it off and
 * note it.
 */
static bool
take_announcement(struct frame *f)
{
	struct view v = view_sub(buf_view(&f->text), f->seg, f->text.n);
	struct view digits;
	uint64_t n;
	size_t i;

	if (v.n < 3 || v.p[v.n - 1] != '}')
		return false;
	for (i = v.n - 1; i > 0 && v.p[i] != '{'; i--)
		continue;
	digits = view_sub(v, i + 1, v.n - i - 2);
	f->literal = (struct frame_literal){ .sync = true };
	if (v.p[i] != '{' || digits.n == 0)
		return false;
	if (digits.p[digits.n - 1] == '+') {
		digits.n--;
		f->literal.sync = false;
	}
	for (size_t j = 0; j < digits.n; j++)
		if (digits.p[j] < '0' || digits.p[j] > '9')
			return false;
	if (digits.n == 0)
		return false;
	if (f->role == FRAME_REPLY) {
		if (is_for_people(buf_view(&f->text)))
			return false;
		f->literal.sync = false;
	}
	f->literal.size = num_parse(digits, UINT64_MAX, &n) ? n : UINT64_MAX;
	if (i > 0 && v.p[i - 1] == '~') {
		f->literal.literal8 = true;
		i--;
	}
	f->text.n = f->seg + i;
	return true;
}

/* The line is whole; text ends in its LF. */
static enum frame_result
line_end(struct frame *f, bool literals)
{
	f->text.n--;
	if (f->text.n > f->seg && f->text.p[f->text.n - 1] == '\r')
		f->text.n--;
	if (literals && take_announcement(f)) {
		f->state = STATE_DECIDE;
		return FRAME_LITERAL;
	}
	f->state = STATE_START;
	return FRAME_DONE;
}

static enum frame_result
feed_line(struct frame *f, struct view *in, bool literals)
{
	const uint8_t *lf = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
	size_t n = lf != NULL ? (size_t)(lf - in->p) + 1 : in->n;
	struct view chunk = view_sub(*in, 0, n);
	const uint8_t *nul = n > 0 ? memchr(chunk.p, 0, n) : NULL;
	enum frame_result bad = FRAME_MORE;

	if (nul != NULL) {
		chunk.n = (size_t)(nul - chunk.p);
		bad = FRAME_NUL;
	}
	if (chunk.n > f->line_max - f->line_n) {
		chunk.n = f->line_max - f->line_n;
		bad = FRAME_TOO_LONG;
	}
	buf_put(&f->text, chunk);
	f->line_n += chunk.n;
	view_skip(in, chunk.n);
	if (bad != FRAME_MORE) {
		drop(f, bad);
		return FRAME_MORE;
	}
	return lf != NULL ? line_end(f, literals) : FRAME_MORE;
}

static void
feed_inline(struct frame *f, struct view *in)
{
	struct view v =
	    view_sub(*in, 0, f->left > in->n ? in->n : (size_t)f->left);

	buf_put(&f->text, v);
	view_skip(in, v.n);
	f->left -= v.n;
	if (f->left == 0) {
		f->seg = f->text.n;
		f->state = STATE_LINE;
	}
}

static enum frame_result
drop_line(struct frame *f, struct view *in, bool literals)
{
	const uint8_t *lf = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
	size_t n = lf != NULL ? (size_t)(lf - in->p) : in->n;
	enum frame_result bad = f->bad;

	tail_octets(f, view_sub(*in, 0, n));
	if (lf != NULL)
		n++;
	view_skip(in, n);
	f->dropped += n;
	if (lf == NULL)
		return FRAME_MORE;
	if (literals && tail_goes_on(f)) {
		f->left = f->tail_size;
		f->state = STATE_DROP_LITERAL;
		return FRAME_MORE;
	}
	f->state = STATE_START;
	return bad;
}

static void
drop_literal(struct frame *f, struct view *in)
{
	size_t n = f->left > in->n ? in->n : (size_t)f->left;

	view_skip(in, n);
	f->dropped += n;
	f->left -= n;
	if (f->left == 0) {
		f->tail = TAIL_OTHER;
		f->state = STATE_DROP_LINE;
	}
}

/* One turn of the machine; FRAME_MORE does not mean that in is empty. */
static enum frame_result
turn(struct frame *f, struct view *in, bool literals)
{
	switch ((enum state)f->state) {
	case STATE_START:
		start(f);
		break;
	case STATE_EXTERNAL:
		f->state = STATE_LINE;
		break;
	case STATE_LINE:
		return feed_line(f, in, literals);
	case STATE_INLINE:
		feed_inline(f, in);
		break;
	case STATE_DROP_LINE:
		return drop_line(f, in, literals);
	case STATE_DROP_LITERAL:
		drop_literal(f, in);
		break;
	case STATE_DECIDE:
		assert(f->state != STATE_DECIDE); /* decide first */
	}
	return FRAME_MORE;
}

static enum frame_result
feed(struct frame *f, struct view *in, bool literals)
{
	while (in->n > 0) {
		enum frame_result r = turn(f, in, literals);

		if (r != FRAME_MORE)
			return r;
	}
	return FRAME_MORE;
}

enum frame_result
frame_feed(struct frame *f, struct view *in)
{
	return feed(f, in, true);
}

enum frame_result
frame_line(struct frame *f, struct view *in)
{
	return feed(f, in, false);
}

bool
frame_inline(struct frame *f)
{
	assert(f->state == STATE_DECIDE);
	if (f->literal.size > f->literal_max - f->literal_n)
		return false;
	buf_printf(&f->text, "%s{%ju}\r\n", f->literal.literal8 ? "~" : "",
	    (uintmax_t)f->literal.size);
	f->left = f->literal.size;
	f->literal_n += (size_t)f->literal.size;
	f->seg = f->text.n;
	f->state = f->left > 0 ? STATE_INLINE : STATE_LINE;
	return true;
}

/* NUL, literal8, handle and size, high octets first, and a "}". */
bool
frame_external(struct frame *f, uint32_t handle)
{
	uint8_t m[FRAME_MARK] = { 0, f->literal.literal8 };

	assert(f->state == STATE_DECIDE);
	for (size_t i = 0; i < 4; i++)
		m[2 + i] = (uint8_t)(handle >> (24 - 8 * i));
	for (size_t i = 0; i < 8; i++)
		m[6 + i] = (uint8_t)(f->literal.size >> (56 - 8 * i));
	m[14] = '}';
	buf_put(&f->text, (struct view){ m, sizeof(m) });
	f->seg = f->text.n;
	f->state = STATE_EXTERNAL;
	return !f->text.failed;
}

bool
frame_take_mark(struct view *in, struct frame_mark *out)
{
	if (in->n < FRAME_MARK || in->p[0] != 0 || in->p[14] != '}')
		return false;
	*out = (struct frame_mark){ .literal8 = in->p[1] != 0 };
	for (size_t i = 0; i < 4; i++)
		out->handle = out->handle << 8 | in->p[2 + i];
	for (size_t i = 0; i < 8; i++)
		out->size = out->size << 8 | in->p[6 + i];
	view_skip(in, FRAME_MARK);
	return true;
}

void
frame_refuse(struct frame *f)
{
	assert(f->state == STATE_DECIDE || f->state == STATE_EXTERNAL);
	f->bad = FRAME_MORE; /* swallow in silence */
	f->dropped = 0;
	f->tail = TAIL_OTHER;
	f->left = f->literal.size;
	if (f->literal.sync && f->role == FRAME_COMMAND)
		f->state = STATE_START;
	else
		f->state = f->left > 0 ? STATE_DROP_LITERAL : STATE_DROP_LINE;
}

/* Skip a word and the space behind it. */
static bool
skip_word(struct view *v, struct view *word)
{
	const uint8_t *sp = v->n > 0 ? memchr(v->p, ' ', v->n) : NULL;

	if (sp == NULL)
		return false;
	*word = view_sub(*v, 0, (size_t)(sp - v->p));
	view_skip(v, word->n + 1);
	return true;
}

/* Skip to the next space, if there is one. */
static bool
skip_atom(struct view *v)
{
	const uint8_t *sp = v->n > 0 ? memchr(v->p, ' ', v->n) : NULL;

	if (sp != NULL)
		view_skip(v, (size_t)(sp - v->p));
	return sp != NULL;
}

/* Skip an astring of which all is there; no space need follow. */
static bool
skip_astring(struct view *v)
{
	struct view lit = *v;
	uint64_t n;

	if (v->n > 0 && v->p[0] == '"') {
		for (size_t i = 1; i < v->n; i++) {
			if (v->p[i] == '"') {
				view_skip(v, i + 1);
				return true;
			}
			if (v->p[i] == '\\')
				i++;
		}
		return false;
	}
	if (v->n == 0 || v->p[0] != '{')
		return skip_atom(v);
	view_skip(&lit, 1);
	if (!num_take(&lit, lit.n, &n) || !view_starts(lit, VIEW_LIT("}\r\n")))
		return false;
	view_skip(&lit, 3);
	if (n > lit.n)
		return false;
	*v = view_sub(lit, (size_t)n, lit.n);
	return true;
}

bool
frame_is_message(struct view text)
{
	struct view w, url = VIEW_LIT("URL ");

	if (!skip_word(&text, &w)) /* the tag */
		return false;
	if (!skip_word(&text, &w))
		return false;
	if (view_eq_ci(w, VIEW_LIT("UID")) && !skip_word(&text, &w))
		return false;
	if (view_eq_ci(w, VIEW_LIT("REPLACE"))) {
		if (!skip_word(&text, &w))
			return false;
	} else if (!view_eq_ci(w, VIEW_LIT("APPEND"))) {
		return false;
	}
	if (!skip_astring(&text) || text.n == 0 || text.p[0] != ' ')
		return false;
	return text.n < url.n ||
	    !view_eq_ci(view_sub(text, text.n - url.n, url.n), url);
}

struct view
frame_tag(struct view text)
{
	size_t n = 0;

	while (n < text.n && n <= LIMITS_TAG && text.p[n] > ' ' &&
	    text.p[n] < 0x7f && memchr("(){%*\"\\+", text.p[n], 8) == NULL)
		n++;
	if (n > LIMITS_TAG || n == text.n || text.p[n] != ' ')
		n = 0;
	return view_sub(text, 0, n);
}
