/*
 * A letter is a header and a body, in one piece or in two: what is known of the
 * body (the MIME tree, decoded texts) belongs to all letters that share it, and
 * only what needs the message in one piece has it copied.
 *
 * Fields are sorted by a hash of their name, then by name, then by place: one
 * binary search finds all of a name side by side, and whoever chooses the names
 * can make that no slower than a sort.
 */

#include "sieve/letter.h"

#include <stdlib.h>

#include "base/mem.h"
#include "mail/address.h"
#include "mail/charset.h"
#include "mail/encoded.h"

enum have { HAVE_TEXT = 1, HAVE_FOLDED = 2, HAVE_ADDRESSES = 4 };

struct field_key {
	uint32_t hash;
	struct letter_value *v;
};

struct kept {
	const void *thing;
	struct letter_value *values[2];
	struct view text; /* of letter_part_text() */
	bool has_text;
};

/* Of all letters with one body whose Content- fields are the same. */
struct shared {
	struct view body;
	bool parsed;
	struct view octets; /* that the tree's offsets count in; p NULL: not
	                       known yet */
	const struct mime_part *root;
	struct kept *kept; /* open addressing by the thing's address */
	size_t kept_mask, kept_left;
	struct letter_value *value; /* of the body */
	/* the last copy made: whole, the header it is a copy of, and the bytes
	 * in front of it that are ours */
	struct view copy, copied;
	size_t room;
};

struct letter {
	struct view header;
	struct view octets; /* of a whole one */
	bool whole;         /* it is in one piece */
	struct shared *shared;
	struct arena *a;
	struct field_key *keys;       /* sorted */
	struct letter_value **sorted; /* the same values, for slices */
	size_t n;
	bool indexed;
};

struct letter *
letter_new(struct view octets, struct arena *a)
{
	struct letter *l = arena_alloc(a, sizeof(*l));
	struct shared *s = arena_alloc(a, sizeof(*s));

	if (l == NULL || s == NULL)
		return NULL;
	l->octets = octets;
	l->whole = true;
	l->header = view_sub(octets, 0, header_size(octets));
	l->shared = s;
	l->a = a;
	s->octets = octets;
	s->body = view_sub(octets, l->header.n, octets.n);
	return l;
}

/* The next field of a header that MIME reads; false: there is none. */
static bool
next_content(struct view *header, struct header_field *f)
{
	while (header_next(header, f))
		if (view_starts_ci(f->name, VIEW_LIT("Content-")))
			return true;
	return false;
}

static bool
same_content(struct view a, struct view b)
{
	struct header_field x, y;

	while (next_content(&a, &x))
		if (!next_content(&b, &y) || !view_eq(x.raw, y.raw))
			return false;
	return !next_content(&b, &y);
}

struct letter *
letter_with_header(struct letter *l, struct view header, struct arena *a)
{
	struct letter *out = arena_alloc(a, sizeof(*out));
	struct shared *s = l->shared;

	if (out == NULL)
		return NULL;
	if (!same_content(l->header, header)) {
		if ((s = arena_alloc(a, sizeof(*s))) == NULL)
			return NULL;
		s->body = l->shared->body;
		s->copy = l->shared->copy;
		s->copied = l->shared->copied;
		s->room = l->shared->room;
	}
	out->header = header;
	out->shared = s;
	out->a = a;
	return out;
}

/* Is b a with more in front, in the same place? */
static bool
grew(struct view a, struct view b)
{
	return a.p != NULL && b.n >= a.n && a.p + a.n == b.p + b.n;
}

/* Room for a header and the body, and spare bytes in front. */
static uint8_t *
make_copy(struct letter *l)
{
	struct shared *s = l->shared;
	size_t n = letter_size(l);
	uint8_t *p = arena_alloc(l->a, LETTER_ROOM + n);

	if (p == NULL)
		return NULL;
	p += LETTER_ROOM;
	if (s->body.n > 0)
		memcpy(p + l->header.n, s->body.p, s->body.n);
	s->room = LETTER_ROOM;
	s->copy = (struct view){ p + l->header.n, s->body.n };
	s->copied = view_sub(l->header, l->header.n, 0);
	return p;
}

struct view
letter_octets(struct letter *l)
{
	struct shared *s = l->shared;
	size_t more;
	uint8_t *p;

	if (l->whole)
		return l->octets;
	if (!grew(s->copied, l->header) ||
	    l->header.n - s->copied.n > s->room) {
		if ((p = make_copy(l)) == NULL)
			return (struct view){ NULL, 0 };
		s->room += l->header.n;
	}
	/* nobody has seen the bytes in front of the copy */
	more = l->header.n - s->copied.n;
	memcpy(&p, &s->copy.p, sizeof(p));
	p -= more;
	if (more > 0)
		memcpy(p, l->header.p, more);
	s->room -= more;
	s->copy = (struct view){ p, s->copy.n + more };
	s->copied = l->header;
	l->octets = s->copy;
	l->whole = true;
	return l->octets;
}

size_t
letter_size(const struct letter *l)
{
	return l->header.n + l->shared->body.n;
}

struct view
letter_header(const struct letter *l)
{
	return l->header;
}

struct view
letter_body(const struct letter *l)
{
	return l->shared->body;
}

static uint8_t
upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 0x20) : c;
}

uint32_t
letter_hash(struct view name)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ upper(name.p[i])) * 16777619U;
	return h;
}

/* Order of names of one hash, ASCII case ignored. */
static int
name_order(struct view a, struct view b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	for (size_t i = 0; i < a.n; i++) {
		uint8_t x = upper(a.p[i]), y = upper(b.p[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

static int
key_order(const void *pa, const void *pb)
{
	const struct field_key *a = pa, *b = pb;
	int r;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if ((r = name_order(a->v->name, b->v->name)) != 0)
		return r;
	return a->v < b->v ? -1 : a->v > b->v;
}

static size_t
count_fields(struct view header)
{
	struct header_field f;
	size_t n = 0;

	while (n < LETTER_FIELDS_MAX && header_next(&header, &f))
		n += f.name.n > 0;
	return n;
}

static void
index_fields(struct letter *l)
{
	struct view rest = l->header;
	struct header_field f;
	size_t max = count_fields(rest);
	struct letter_value *values;

	l->indexed = true;
	values = arena_alloc(l->a, (max + 1) * sizeof(*values));
	l->keys = arena_alloc(l->a, (max + 1) * sizeof(*l->keys));
	l->sorted = arena_alloc(l->a, (max + 1) * sizeof(void *));
	if (values == NULL || l->keys == NULL || l->sorted == NULL)
		return;
	while (l->n < max && header_next(&rest, &f)) {
		if (f.name.n == 0)
			continue;
		values[l->n].name = f.name;
		values[l->n].raw = f.value;
		l->keys[l->n].hash = letter_hash(f.name);
		l->keys[l->n].v = &values[l->n];
		l->n++;
	}
	qsort(l->keys, l->n, sizeof(*l->keys), key_order);
	for (size_t i = 0; i < l->n; i++)
		l->sorted[i] = l->keys[i].v;
}

struct letter_values
letter_fields_hashed(struct letter *l, struct view name, uint32_t hash)
{
	size_t lo = 0, hi, n = 0;

	if (!l->indexed)
		index_fields(l);
	for (hi = l->n; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->keys[mid].hash < hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* Other names of the same hash come by chance, or by ill will. */
	while (lo < l->n && l->keys[lo].hash == hash &&
	    name_order(l->sorted[lo]->name, name) < 0)
		lo++;
	while (lo + n < l->n && l->keys[lo + n].hash == hash &&
	    name_order(l->sorted[lo + n]->name, name) == 0)
		n++;
	return (struct letter_values){ n > 0 ? l->sorted + lo : NULL, n };
}

struct letter_values
letter_fields(struct letter *l, struct view name)
{
	return letter_fields_hashed(l, name, letter_hash(name));
}

struct letter_value *
letter_made(struct letter *l, struct view text)
{
	struct letter_value *v = arena_alloc(l->a, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->raw = v->text = text;
	v->have = HAVE_TEXT;
	return v;
}

/* The bytes of b in the arena; empty when it is full. */
static struct view
keep(struct letter *l, const struct buf *b)
{
	uint8_t *p = b->n > 0 ? arena_alloc(l->a, b->n) : NULL;

	if (p == NULL)
		return (struct view){ NULL, 0 };
	memcpy(p, b->p, b->n);
	return (struct view){ p, b->n };
}

/* Is there nothing to decode or unfold in it? */
static bool
is_plain(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] >= 0x80 || v.p[i] == '\n' || v.p[i] == '\0' ||
		    v.p[i] == '\r' ||
		    (v.p[i] == '=' && i + 1 < v.n && v.p[i + 1] == '?'))
			return false;
	return true;
}

struct view
letter_text(struct letter *l, struct letter_value *v)
{
	struct view raw;

	if ((v->have & HAVE_TEXT) != 0)
		return v->text;
	v->have |= HAVE_TEXT;
	raw = header_trim(v->raw);
	if (is_plain(raw)) {
		v->text = raw;
	} else {
		AUTO_BUF struct buf b = BUF_INIT(raw.n * 4 + 64);

		encoded_decode(raw, &b);
		v->text = keep(l, &b);
	}
	return v->text;
}

struct view
letter_folded(struct letter *l, struct letter_value *v)
{
	struct view text = letter_text(l, v);
	uint8_t *p;

	if ((v->have & HAVE_FOLDED) != 0)
		return v->folded;
	v->have |= HAVE_FOLDED;
	if (text.n == 0 || (p = arena_alloc(l->a, text.n)) == NULL)
		return v->folded;
	for (size_t i = 0; i < text.n; i++)
		p[i] = upper(text.p[i]);
	v->folded = (struct view){ p, text.n };
	return v->folded;
}

static struct view
join(struct letter *l, struct view local, struct view domain)
{
	uint8_t *p = arena_alloc(l->a, local.n + 1 + domain.n);

	if (p == NULL)
		return (struct view){ NULL, 0 };
	if (local.n > 0)
		memcpy(p, local.p, local.n);
	p[local.n] = '@';
	memcpy(p + local.n + 1, domain.p, domain.n);
	return (struct view){ p, local.n + 1 + domain.n };
}

/* local@domain: as it stands in the message when it does so in one piece. */
static struct view
whole(struct letter *l, struct view local, struct view domain)
{
	if (local.n > 0 && local.p + local.n + 1 == domain.p &&
	    local.p[local.n] == '@')
		return (struct view){ local.p, local.n + 1 + domain.n };
	return join(l, local, domain);
}

static bool
fill_address(
    struct letter *l, const struct address *d, struct letter_address *out)
{
	out->local = d->mailbox;
	out->domain = d->host;
	out->broken = d->host.n == 0 || d->mailbox.n == 0;
	out->all = d->host.n == 0 ? d->mailbox : whole(l, d->mailbox, d->host);
	return out->all.p != NULL;
}

const struct letter_address *
letter_addresses(struct letter *l, struct letter_value *v)
{
	const struct letter_address **tail = &v->addresses;

	if ((v->have & HAVE_ADDRESSES) != 0)
		return v->addresses;
	v->have |= HAVE_ADDRESSES;
	for (const struct address *d = address_parse(v->raw, l->a); d != NULL;
	     d = d->next) {
		struct letter_address *out;

		if (address_is_group_start(d) || address_is_group_end(d))
			continue;
		if ((out = arena_alloc(l->a, sizeof(*out))) == NULL ||
		    !fill_address(l, d, out))
			break;
		*tail = out;
		tail = &out->next;
	}
	return v->addresses;
}

const struct mime_part *
letter_mime(struct letter *l)
{
	struct shared *s = l->shared;

	if (!s->parsed) {
		s->parsed = true;
		if (s->octets.p == NULL)
			s->octets = letter_octets(l);
		if (s->octets.p != NULL || l->whole)
			s->root = mime_parse(s->octets, l->a);
	}
	return s->root;
}

struct view
letter_part_header(const struct letter *l, const struct mime_part *p)
{
	return p->parent == NULL ? l->header
				 : mime_header(l->shared->octets, p);
}

struct view
letter_part_body(const struct letter *l, const struct mime_part *p)
{
	return mime_body(l->shared->octets, p);
}

struct view
letter_part_octets(const struct letter *l, const struct mime_part *p)
{
	return view_sub(
	    l->shared->octets, p->header, p->body + p->body_n - p->header);
}

static size_t
count_parts(const struct mime_part *p)
{
	size_t n = 0;

	for (; p != NULL; p = p->next)
		n += 1 + count_parts(p->child);
	return n;
}

/* Where what is kept of a part stands; NULL: no room. */
static struct kept *
kept_place(struct letter *l, const void *thing)
{
	struct shared *s = l->shared;
	size_t i;

	if (s->kept == NULL) {
		size_t n = count_parts(letter_mime(l)), size = 4;

		while (size < n * 2)
			size *= 2;
		s->kept = arena_alloc(l->a, size * sizeof(*s->kept));
		if (s->kept == NULL)
			return NULL;
		s->kept_mask = size - 1;
		s->kept_left = size / 2;
	}
	i = ((uintptr_t)thing / sizeof(struct mime_part)) & s->kept_mask;
	while (s->kept[i].thing != NULL && s->kept[i].thing != thing)
		i = (i + 1) & s->kept_mask;
	if (s->kept[i].thing == NULL) {
		if (s->kept_left == 0)
			return NULL;
		s->kept_left--;
		s->kept[i].thing = thing;
	}
	return &s->kept[i];
}

struct letter_value *
letter_kept(
    struct letter *l, const void *thing, unsigned number, struct view text)
{
	struct letter_value **place = &l->shared->value;

	if (thing != l) {
		struct kept *k = kept_place(l, thing);

		if (k == NULL)
			return NULL;
		place = &k->values[number];
	}
	if (*place == NULL)
		*place = letter_made(l, text);
	return *place;
}

static void
put_charset(const struct mime_part *p, struct view raw, struct buf *out)
{
	const struct mime_param *c =
	    mime_param_find(p->params, VIEW_LIT("charset"));

	if (c == NULL || view_eq_ci(c->value, VIEW_LIT("us-ascii")))
		charset_put_guess(raw, out);
	else if (charset_to_utf8(c->value, raw, out) != CHARSET_OK)
		charset_put_utf8(raw, out);
}

static struct view
decode_part(struct letter *l, const struct mime_part *p)
{
	struct view body = letter_part_body(l, p);
	AUTO_BUF struct buf raw = BUF_INIT(body.n + 256);
	AUTO_BUF struct buf text = BUF_INIT(body.n * 4 + 256);

	if (p->encoding != TRANSFER_7BIT && p->encoding != TRANSFER_8BIT &&
	    p->encoding != TRANSFER_BINARY) {
		/* What is broken is decoded as far as it goes. */
		(void)!transfer_decode(p->encoding, body, &raw);
		body = buf_view(&raw);
	}
	if (!mime_is(p, "text", NULL))
		return raw.n > 0 ? keep(l, &raw) : body;
	put_charset(p, body, &text);
	return keep(l, &text);
}

struct view
letter_part_text(struct letter *l, const struct mime_part *p)
{
	struct kept *k = kept_place(l, p);

	if (k == NULL)
		return (struct view){ NULL, 0 };
	if (!k->has_text) {
		k->has_text = true;
		k->text = decode_part(l, p);
	}
	return k->text;
}
