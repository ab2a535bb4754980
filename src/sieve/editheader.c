#include "sieve/editheader.h"

#include "mail/header.h"

/* Room for a message of n bytes with spare bytes in front of it. */
static uint8_t *
make(struct editheader *e, size_t n, struct arena *a)
{
	uint8_t *p = arena_alloc(a, EDITHEADER_ROOM + n);

	if (p == NULL)
		return NULL;
	e->room = EDITHEADER_ROOM;
	e->message = (struct view){ p + EDITHEADER_ROOM, n };
	return p + EDITHEADER_ROOM;
}

static uint8_t *
append(uint8_t *to, struct view v)
{
	if (v.n > 0)
		memcpy(to, v.p, v.n);
	return to + v.n;
}

bool
editheader_splice(struct editheader *e, struct view message, size_t at,
    size_t n, struct view text, struct arena *a, struct view *out)
{
	uint8_t *p = make(e, message.n - n + text.n, a);

	if (p == NULL)
		return false;
	p = append(p, view_sub(message, 0, at));
	p = append(p, text);
	(void)append(p, view_sub(message, at + n, message.n));
	*out = e->message;
	return true;
}

/* Where the fields end: at the empty line or the end. */
static size_t
fields_end(struct view message)
{
	struct view rest = message;
	struct header_field f;

	while (header_next(&rest, &f))
		continue;
	return message.n - rest.n;
}

static bool
add_last(struct editheader *e, struct view message, struct view field,
    struct arena *a, struct view *out)
{
	size_t at = fields_end(message);
	struct view whole;

	if (at == 0 || message.p[at - 1] == '\n')
		return editheader_splice(e, message, at, 0, field, a, out);
	return editheader_splice(
		   e, message, at, 0, VIEW_LIT("\r\n"), a, &whole) &&
	    editheader_splice(e, whole, at + 2, 0, field, a, out);
}

bool
editheader_add(struct editheader *e, struct view message, struct view field,
    bool last, struct arena *a, struct view *out)
{
	uint8_t *p;

	if (last)
		return add_last(e, message, field, a, out);
	if (e->message.p != message.p || e->message.n != message.n ||
	    e->room < field.n)
		return editheader_splice(e, message, 0, 0, field, a, out);
	/* nobody has seen the bytes before it */
	memcpy(&p, &e->message.p, sizeof(p));
	p -= field.n;
	memcpy(p, field.p, field.n);
	e->room -= field.n;
	e->message = (struct view){ p, e->message.n + field.n };
	*out = e->message;
	return true;
}

bool
editheader_delete(struct editheader *e, struct view message,
    const struct view *gone, size_t n, struct arena *a, struct view *out)
{
	size_t left = message.n, at = 0;
	uint8_t *p;

	for (size_t i = 0; i < n; i++)
		left -= gone[i].n;
	if ((p = make(e, left, a)) == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t from = (size_t)(gone[i].p - message.p);

		p = append(p, view_sub(message, at, from - at));
		at = from + gone[i].n;
	}
	(void)append(p, view_sub(message, at, message.n));
	*out = e->message;
	return true;
}
