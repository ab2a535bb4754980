#include "sieve/editheader.h"

#include "mail/header.h"

/* Room for a header of n bytes with spare bytes in front of it. */
static uint8_t *
make(struct editheader *e, size_t n, struct arena *a)
{
	uint8_t *p = arena_alloc(a, EDITHEADER_ROOM + n);

	if (p == NULL)
		return NULL;
	e->room = EDITHEADER_ROOM;
	e->header = (struct view){ p + EDITHEADER_ROOM, n };
	return p + EDITHEADER_ROOM;
}

static uint8_t *
append(uint8_t *to, struct view v)
{
	if (v.n > 0)
		memcpy(to, v.p, v.n);
	return to + v.n;
}

/* Put a field at an offset, on a line of its own. */
static bool
insert(struct editheader *e, struct view header, size_t at, struct view field,
    struct arena *a, struct view *out)
{
	bool open = at > 0 && header.p[at - 1] != '\n';
	struct view end = open ? VIEW_LIT("\r\n") : VIEW_LIT("");
	uint8_t *p = make(e, header.n + end.n + field.n, a);

	if (p == NULL)
		return false;
	p = append(p, view_sub(header, 0, at));
	p = append(p, end);
	p = append(p, field);
	(void)append(p, view_sub(header, at, header.n));
	*out = e->header;
	return true;
}

/* Where the fields end: at the empty line or the end. */
static size_t
fields_end(struct view header)
{
	struct view rest = header;
	struct header_field f;

	while (header_next(&rest, &f))
		continue;
	return header.n - rest.n;
}

bool
editheader_add(struct editheader *e, struct view header, struct view field,
    bool last, struct arena *a, struct view *out)
{
	uint8_t *p;

	if (last)
		return insert(e, header, fields_end(header), field, a, out);
	if (e->header.p != header.p || e->header.n != header.n ||
	    e->room < field.n)
		return insert(e, header, 0, field, a, out);
	/* nobody has seen the bytes before it */
	memcpy(&p, &e->header.p, sizeof(p));
	p -= field.n;
	memcpy(p, field.p, field.n);
	e->room -= field.n;
	e->header = (struct view){ p, e->header.n + field.n };
	*out = e->header;
	return true;
}

bool
editheader_delete(struct editheader *e, struct view header,
    const struct view *gone, size_t n, struct arena *a, struct view *out)
{
	size_t left = header.n, at = 0;
	uint8_t *p;

	for (size_t i = 0; i < n; i++)
		left -= gone[i].n;
	if ((p = make(e, left, a)) == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t from = (size_t)(gone[i].p - header.p);

		p = append(p, view_sub(header, at, from - at));
		at = from + gone[i].n;
	}
	(void)append(p, view_sub(header, at, header.n));
	*out = e->header;
	return true;
}
