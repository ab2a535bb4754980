#include "session/line.h"

void
line_init(struct line *l, size_t max)
{
	*l = (struct line){ .held = BUF_INIT(max) };
}

void
line_fini(struct line *l)
{
	buf_fini(&l->held);
}

bool
line_idle(const struct line *l)
{
	return l->held.n == 0 && !l->dropping;
}

/* Keep what has come of a line, or give the line up. */
static void
hold(struct line *l, struct view v)
{
	if (l->dropping || v.n > l->held.max - l->held.n) {
		l->dropping = true;
		buf_clear(&l->held);
		return;
	}
	buf_put(&l->held, v);
}

enum line_result
line_take(struct line *l, struct view *in, struct view *out)
{
	const uint8_t *end;
	struct view v;

	/* what was given out from held has been used by now */
	if (l->held.n > 0 && l->held.p[l->held.n - 1] == '\n')
		buf_clear(&l->held);
	end = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
	v = view_sub(*in, 0, end != NULL ? (size_t)(end - in->p) + 1 : in->n);
	view_skip(in, v.n);
	if (end == NULL) {
		hold(l, v);
		return LINE_MORE;
	}
	if (!line_idle(l) || v.n > l->held.max) {
		hold(l, v);
		if (l->dropping) {
			l->dropping = false;
			return LINE_TOO_LONG;
		}
		v = buf_view(&l->held);
	}
	v.n--;
	if (v.n > 0 && v.p[v.n - 1] == '\r')
		v.n--;
	*out = v;
	return LINE_DONE;
}
