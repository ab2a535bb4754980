/*
 * A pattern is a row of segments with stars between. The first segment stands at
 * the start of the value, the last at its end, and each of the others is put as
 * far left as it goes: if any placing matches that one does, and it is what
 * matching as little as possible means. So there is no going back, and time is
 * at worst the value's length times the longest segment's.
 *
 * Where "?" is a character, the value is folded here, character by character,
 * and a table says which folded byte starts which.
 */

#include "sieve/glob.h"

#include "base/buf.h"
#include "base/utf8.h"

enum item_kind { ITEM_TEXT, ITEM_ONE };

struct item {
	enum item_kind kind;
	struct view text;
};

struct segment {
	const struct item *items;
	size_t n;
	size_t ones;  /* "?" in it */
	size_t bytes; /* of its texts, and one for each "?" */
};

struct glob {
	struct segment *segments; /* stars stand between them */
	size_t n;
	glob_fold_fn *fold;
	bool chars;
};

/* ---- making it ready ---- */

struct making {
	struct glob *g;
	struct item *items;
	size_t n_items;
	uint8_t *text; /* literal bytes so far, unfolded */
	size_t text_n;
	struct arena *a;
};

/* What was collected since the last wildcard becomes an item. */
static bool
end_text(struct making *m)
{
	struct segment *s = &m->g->segments[m->g->n - 1];
	struct item *item = &m->items[m->n_items];
	struct view text = { m->text, m->text_n };

	if (text.n == 0)
		return true;
	m->text += text.n;
	m->text_n = 0;
	if (m->g->fold != NULL && !m->g->fold(text, m->a, &text))
		return false;
	item->kind = ITEM_TEXT;
	item->text = text;
	m->n_items++;
	s->n++;
	s->bytes += text.n;
	return true;
}

static void
begin_segment(struct making *m)
{
	m->g->segments[m->g->n++].items = m->items + m->n_items;
}

static bool
take_char(struct making *m, struct view *in)
{
	uint8_t c = in->p[0];

	view_skip(in, 1);
	if (c == '*' || c == '?') {
		if (!end_text(m))
			return false;
		if (c == '*') {
			begin_segment(m);
			return true;
		}
		m->items[m->n_items++].kind = ITEM_ONE;
		m->g->segments[m->g->n - 1].n++;
		m->g->segments[m->g->n - 1].ones++;
		m->g->segments[m->g->n - 1].bytes++;
		return true;
	}
	if (c == '\\' && in->n > 0) {
		c = in->p[0];
		view_skip(in, 1);
	}
	m->text[m->text_n++] = c;
	return true;
}

struct glob *
glob_new(struct view pattern, glob_fold_fn *fold, bool chars, struct arena *a)
{
	struct making m = { .a = a };
	size_t wild = 0;

	for (size_t i = 0; i < pattern.n; i++)
		wild += pattern.p[i] == '*' || pattern.p[i] == '?';
	m.g = arena_alloc(a, sizeof(*m.g));
	m.items = arena_alloc(a, (2 * wild + 1) * sizeof(*m.items));
	m.text = arena_alloc(a, pattern.n + 1);
	if (m.g == NULL || m.items == NULL || m.text == NULL)
		return NULL;
	m.g->segments = arena_alloc(a, (wild + 1) * sizeof(*m.g->segments));
	if (m.g->segments == NULL)
		return NULL;
	m.g->fold = fold;
	m.g->chars = chars;
	begin_segment(&m);
	while (pattern.n > 0)
		if (!take_char(&m, &pattern))
			return NULL;
	return end_text(&m) ? m.g : NULL;
}

/* ---- matching ---- */

struct matching {
	struct view value;  /* as it came */
	struct view folded; /* what is compared */
	const uint32_t *at; /* of each folded byte: offset in value of the
	                       character it starts, or INSIDE; NULL: the same */
	uint64_t *steps, max;
	struct view *parts;
	size_t n_parts, max_parts;
};

#define INSIDE UINT32_MAX

static bool
is_boundary(const struct matching *m, size_t pos)
{
	return m->at == NULL || m->at[pos] != INSIDE;
}

static size_t
origin(const struct matching *m, size_t pos)
{
	return m->at == NULL ? pos : m->at[pos];
}

static void
capture(struct matching *m, size_t from, size_t to)
{
	size_t start = origin(m, from);

	if (m->parts != NULL && m->n_parts < m->max_parts)
		m->parts[m->n_parts] =
		    view_sub(m->value, start, origin(m, to) - start);
	m->n_parts++;
}

/* Does a segment stand at pos? *end: out; captures its "?" when told to. */
static bool
stands_at(struct matching *m, const struct segment *s, size_t pos, size_t *end,
    bool captures)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct item *item = &s->items[i];
		size_t from = pos;

		++*m->steps;
		if (item->kind == ITEM_TEXT) {
			if (m->folded.p == NULL ||
			    item->text.n > m->folded.n - pos)
				return false;
			*m->steps += item->text.n / 16;
			if (memcmp(m->folded.p + pos, item->text.p,
				item->text.n) != 0)
				return false;
			pos += item->text.n;
			if (!is_boundary(m, pos))
				return false;
			continue;
		}
		if (pos == m->folded.n)
			return false;
		for (pos++; !is_boundary(m, pos);)
			pos++;
		if (captures)
			capture(m, from, pos);
	}
	*end = pos;
	return true;
}

/* Where the next place is, from pos on, that a segment may stand at; past the
 * end of the value: none. */
static size_t
next_place(struct matching *m, const struct segment *s, size_t pos)
{
	const uint8_t *p;

	if (s->n > 0 && s->items[0].kind == ITEM_TEXT) {
		p = pos < m->folded.n
		    ? memmem(m->folded.p + pos, m->folded.n - pos,
			  s->items[0].text.p, s->items[0].text.n)
		    : NULL;
		if (p == NULL)
			return m->folded.n + 1;
		*m->steps += ((size_t)(p - m->folded.p) - pos) / 16;
		pos = (size_t)(p - m->folded.p);
	}
	++*m->steps;
	return pos;
}

/* The leftmost place of a segment, from pos on. */
static bool
find_segment(struct matching *m, const struct segment *s, size_t *pos)
{
	size_t end;

	for (;; ++*pos) {
		*pos = next_place(m, s, *pos);
		if (*pos > m->folded.n || *m->steps > m->max)
			return false;
		if (is_boundary(m, *pos) && stands_at(m, s, *pos, &end, false))
			return true;
	}
}

/* The place at which a segment would end the value. */
static bool
last_place(struct matching *m, const struct segment *s, size_t *pos)
{
	*pos = m->folded.n;
	for (size_t i = s->n; i-- > 0;) {
		size_t n =
		    s->items[i].kind == ITEM_TEXT ? s->items[i].text.n : 1;

		if (n > *pos)
			return false;
		*pos -= n;
		while (s->items[i].kind == ITEM_ONE && !is_boundary(m, *pos))
			--*pos;
	}
	return is_boundary(m, *pos);
}

static bool
match_segments(struct matching *m, const struct glob *g)
{
	size_t pos, end, place;

	m->n_parts = 0;
	capture(m, 0, m->folded.n);
	if (!stands_at(m, &g->segments[0], 0, &pos, true))
		return false;
	for (size_t i = 1; i < g->n; i++) {
		const struct segment *s = &g->segments[i];

		place = pos;
		if (i + 1 < g->n ? !find_segment(m, s, &place)
				 : !last_place(m, s, &place) || place < pos)
			return false;
		capture(m, pos, place);
		if (!stands_at(m, s, place, &end, true))
			return false;
		pos = end;
	}
	return pos == m->folded.n;
}

/* Put a folded character, or a run of those that fold to a byte each. */
static void
put_folded(struct view folded, bool each, uint32_t offset, struct buf *text,
    struct buf *at)
{
	buf_put(text, folded);
	for (size_t i = 0; i < folded.n; i++) {
		uint32_t v = each ? offset + (uint32_t)i : INSIDE;

		if (i == 0)
			v = offset;
		buf_put(at, (struct view){ (uint8_t *)&v, sizeof(v) });
	}
}

/* Fold a value character by character, runs of ASCII at once; false: too much
 * memory. */
static bool
fold_chars(struct matching *m, const struct glob *g, struct arena *scratch,
    struct buf *text, struct buf *at)
{
	struct view rest = m->value;

	while (rest.n > 0) {
		uint32_t offset = (uint32_t)(m->value.n - rest.n);
		size_t run = utf8_ascii_run(rest);
		struct view c = rest, folded;
		uint32_t cp;

		if (run > 0)
			view_skip(&rest, run);
		else if (!utf8_take(&rest, &cp))
			view_skip(&rest, 1);
		c.n -= rest.n;
		folded = c;
		if (g->fold != NULL && !g->fold(c, scratch, &folded))
			return false;
		put_folded(folded, run > 0, offset, text, at);
	}
	m->folded = buf_view(text);
	return true;
}

#define FOLD_GROWTH_MAX 64 /* bytes a byte of a character can become */

static bool
match_chars(struct matching *m, const struct glob *g)
{
	size_t max = (m->value.n + 1) * FOLD_GROWTH_MAX;
	AUTO_BUF struct buf text = BUF_INIT(max);
	AUTO_BUF struct buf at = BUF_INIT(max * sizeof(uint32_t));
	AUTO_ARENA struct arena *scratch = arena_new(max);
	uint32_t end = (uint32_t)m->value.n;

	*m->steps += m->value.n > GLOB_CHARS_MAX ? m->max + 1 : m->value.n * 8;
	if (m->value.n >= INSIDE || *m->steps > m->max ||
	    !fold_chars(m, g, scratch, &text, &at))
		return false;
	buf_put(&at, (struct view){ (uint8_t *)&end, sizeof(end) });
	if (text.failed || at.failed)
		return false;
	m->at = (const uint32_t *)(const void *)at.p;
	return match_segments(m, g);
}

bool
glob_match(const struct glob *g, struct view value, struct view folded,
    uint64_t *steps, uint64_t max, struct view *parts, size_t max_parts,
    size_t *n)
{
	struct matching m = {
		.value = value,
		.folded = folded,
		.steps = steps,
		.max = max,
		.parts = parts,
		.max_parts = max_parts,
	};
	bool ok = g->chars ? match_chars(&m, g) : match_segments(&m, g);

	*n = m.n_parts < max_parts ? m.n_parts : max_parts;
	return ok;
}
