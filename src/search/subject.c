/*
 * The procedure of RFC 5256 section 2.1, step by step, on a view that gets
 * shorter from both ends. Loops end because each turn removes something.
 */

#include "search/subject.h"

#include "mail/encoded.h"
#include "mail/fold.h"

static bool
is_wsp(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static void
skip_wsp(struct view *v)
{
	while (v->n > 0 && is_wsp(v->p[0]))
		view_skip(v, 1);
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP */
static bool
take_blob(struct view *in)
{
	struct view v = *in;

	if (v.n == 0 || v.p[0] != '[')
		return false;
	view_skip(&v, 1);
	while (v.n > 0 && v.p[0] != '[' && v.p[0] != ']')
		view_skip(&v, 1);
	if (v.n == 0 || v.p[0] != ']')
		return false;
	view_skip(&v, 1);
	skip_wsp(&v);
	*in = v;
	return true;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool
take_refwd(struct view *in)
{
	struct view v = *in;

	if (view_starts_ci(v, VIEW_LIT("fwd")))
		view_skip(&v, 3);
	else if (view_starts_ci(v, VIEW_LIT("fw")) ||
	    view_starts_ci(v, VIEW_LIT("re")))
		view_skip(&v, 2);
	else
		return false;
	skip_wsp(&v);
	if (v.n > 0 && v.p[0] == '[' && !take_blob(&v))
		return false;
	if (v.n == 0 || v.p[0] != ':')
		return false;
	view_skip(&v, 1);
	*in = v;
	return true;
}

/* subj-leader = (*subj-blob subj-refwd) / WSP */
static bool
take_leader(struct view *in, bool *reply)
{
	struct view v = *in;

	if (v.n > 0 && is_wsp(v.p[0])) {
		view_skip(in, 1);
		return true;
	}
	while (take_blob(&v))
		continue;
	if (!take_refwd(&v))
		return false;
	*reply = true;
	*in = v;
	return true;
}

/* subj-trailer = "(fwd)" / WSP */
static bool
drop_trailer(struct view *v, bool *reply)
{
	if (v->n > 0 && is_wsp(v->p[v->n - 1])) {
		v->n--;
		return true;
	}
	if (v->n < 5 ||
	    !view_eq_ci(view_sub(*v, v->n - 5, 5), VIEW_LIT("(fwd)")))
		return false;
	v->n -= 5;
	*reply = true;
	return true;
}

/* Steps 3 to 5. */
static void
drop_prefixes(struct view *v, bool *reply)
{
	for (;;) {
		struct view w = *v;

		if (take_leader(v, reply))
			continue;
		if (!take_blob(&w) || w.n == 0)
			return;
		*v = w;
	}
}

/* Step 6: "[fwd:" subject "]". */
static bool
drop_forward(struct view *v, bool *reply)
{
	if (!view_starts_ci(*v, VIEW_LIT("[fwd:")) || v->p[v->n - 1] != ']')
		return false;
	view_skip(v, 5);
	v->n--;
	*reply = true;
	return true;
}

/* Step 1: tabs and runs of spaces become one space, in place. */
static void
squeeze(struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		uint8_t c = b->p[i] == '\t' ? ' ' : b->p[i];

		if (c != ' ' || n == 0 || b->p[n - 1] != ' ')
			b->p[n++] = c;
	}
	b->n = n;
}

void
subject_fold(struct view text, struct buf *out)
{
	size_t from = out->n;

	fold_text(text, out);
	for (size_t i = from; i < out->n; i++)
		if (out->p[i] >= 'a' && out->p[i] <= 'z')
			out->p[i] &= (uint8_t)~0x20;
}

void
subject_base(struct view value, struct buf *out, bool *reply)
{
	AUTO_BUF struct buf b;
	bool is_reply = false;
	struct view v;

	buf_init(&b, SUBJECT_MAX * 8);
	encoded_decode(view_sub(value, 0, SUBJECT_MAX), &b);
	squeeze(&b);
	v = buf_view(&b);
	do {
		while (drop_trailer(&v, &is_reply))
			continue;
		drop_prefixes(&v, &is_reply);
	} while (drop_forward(&v, &is_reply));
	subject_fold(v, out);
	if (reply != NULL)
		*reply = is_reply;
}
