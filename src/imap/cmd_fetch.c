/* FETCH: items by table, sections, and the label each will be answered by. */

#include "imap/cmd.h"
#include "imap/limits.h"

enum shape {
	SHAPE_PLAIN,   /* nothing follows */
	SHAPE_SECTION, /* "[" section "]" [partial] */
	SHAPE_SIZE,    /* "[" section "]" */
};

/* A name may stand twice, with and without brackets. */
static const struct item_row {
	struct view name;
	enum fetchitem_kind kind;
	enum shape shape;
	bool peek;
	enum fetchitem_text text;
	const char *label; /* without the section */
} item_rows[] = {
	{ VIEW_LIT("FLAGS"), FETCHITEM_FLAGS, SHAPE_PLAIN, false, 0, "FLAGS" },
	{ VIEW_LIT("UID"), FETCHITEM_UID, SHAPE_PLAIN, false, 0, "UID" },
	{ VIEW_LIT("INTERNALDATE"), FETCHITEM_INTERNALDATE, SHAPE_PLAIN, false,
	    0, "INTERNALDATE" },
	{ VIEW_LIT("ENVELOPE"), FETCHITEM_ENVELOPE, SHAPE_PLAIN, false, 0,
	    "ENVELOPE" },
	{ VIEW_LIT("BODYSTRUCTURE"), FETCHITEM_BODYSTRUCTURE, SHAPE_PLAIN,
	    false, 0, "BODYSTRUCTURE" },
	{ VIEW_LIT("BODY"), FETCHITEM_BODY, SHAPE_PLAIN, false, 0, "BODY" },
	{ VIEW_LIT("BODY"), FETCHITEM_SECTION, SHAPE_SECTION, false, 0,
	    "BODY" },
	{ VIEW_LIT("BODY.PEEK"), FETCHITEM_SECTION, SHAPE_SECTION, true, 0,
	    "BODY" },
	{ VIEW_LIT("RFC822"), FETCHITEM_SECTION, SHAPE_PLAIN, false,
	    FETCHITEM_TEXT_NONE, "RFC822" },
	{ VIEW_LIT("RFC822.HEADER"), FETCHITEM_SECTION, SHAPE_PLAIN, true,
	    FETCHITEM_TEXT_HEADER, "RFC822.HEADER" },
	{ VIEW_LIT("RFC822.SIZE"), FETCHITEM_RFC822_SIZE, SHAPE_PLAIN, false, 0,
	    "RFC822.SIZE" },
	{ VIEW_LIT("RFC822.TEXT"), FETCHITEM_SECTION, SHAPE_PLAIN, false,
	    FETCHITEM_TEXT_TEXT, "RFC822.TEXT" },
	{ VIEW_LIT("BINARY"), FETCHITEM_BINARY, SHAPE_SECTION, false, 0,
	    "BINARY" },
	{ VIEW_LIT("BINARY.PEEK"), FETCHITEM_BINARY, SHAPE_SECTION, true, 0,
	    "BINARY" },
	{ VIEW_LIT("BINARY.SIZE"), FETCHITEM_BINARY_SIZE, SHAPE_SIZE, true, 0,
	    "BINARY.SIZE" },
};

/* The longest a label can get: what the command's text can hold. */
#define LABEL_MAX (2 * (LIMITS_LINE + LIMITS_LITERAL))

/* header-fld-name = astring ; of characters a field name can have */
static bool
take_field(struct lexer *lx, struct view *out)
{
	if (!lexer_astring(lx, out))
		return false;
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] < 0x20 || out->p[i] > 0x7e || out->p[i] == ':')
			return lexer_fail(
			    lx, COMMAND_BAD, "not the name of a header field");
	return out->n > 0 ||
	    lexer_fail(lx, COMMAND_BAD, "empty name of a header field");
}

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static bool
take_fields(struct lexer *lx, struct fetchitem *out)
{
	struct view *f = NULL;
	size_t cap = 0;

	if (!lexer_sp(lx) || !lexer_char(lx, '('))
		return false;
	do {
		f = lexer_grow(lx, f, out->n_fields, &cap, sizeof(*f),
		    LIMITS_HEADER_FIELDS, "header fields");
		if (f == NULL || !take_field(lx, &f[out->n_fields]))
			return false;
		out->n_fields++;
		out->fields = f;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')');
}

static const struct {
	struct view name;
	enum fetchitem_text text;
} texts[] = {
	{ VIEW_LIT("HEADER"), FETCHITEM_TEXT_HEADER },
	{ VIEW_LIT("HEADER.FIELDS"), FETCHITEM_TEXT_HEADER_FIELDS },
	{ VIEW_LIT("HEADER.FIELDS.NOT"), FETCHITEM_TEXT_HEADER_FIELDS_NOT },
	{ VIEW_LIT("TEXT"), FETCHITEM_TEXT_TEXT },
	{ VIEW_LIT("MIME"), FETCHITEM_TEXT_MIME },
};

/* section-text = section-msgtext / "MIME" */
static bool
take_text(struct lexer *lx, struct fetchitem *out)
{
	struct view name;

	if (!lexer_atom(lx, "a section", &name))
		return false;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (view_eq_ci(name, texts[i].name))
			out->text = texts[i].text;
	switch (out->text) {
	case FETCHITEM_TEXT_HEADER:
	case FETCHITEM_TEXT_TEXT:
		return true;
	case FETCHITEM_TEXT_HEADER_FIELDS:
	case FETCHITEM_TEXT_HEADER_FIELDS_NOT:
		return take_fields(lx, out);
	case FETCHITEM_TEXT_MIME:
		return out->n_parts > 0 ||
		    lexer_fail(lx, COMMAND_BAD, "MIME of no part");
	case FETCHITEM_TEXT_NONE:
		break;
	}
	return lexer_fail(lx, COMMAND_BAD, "unknown section");
}

/* nz-number *("." nz-number), as far as digits go; "." before text is taken
 * and told by more */
static bool
take_parts(struct lexer *lx, struct fetchitem *out, bool *more)
{
	uint32_t *p = NULL;
	size_t cap = 0;
	uint64_t n;
	int c = lexer_peek(lx);

	for (*more = true; c >= '0' && c <= '9'; c = lexer_peek(lx)) {
		if (c == '0')
			return lexer_fail(
			    lx, COMMAND_BAD, "part numbers begin with 1 to 9");
		p = lexer_grow(lx, p, out->n_parts, &cap, sizeof(*p),
		    LIMITS_SECTION_PARTS, "section parts");
		if (p == NULL || !lexer_number(lx, 1, UINT32_MAX, &n))
			return false;
		p[out->n_parts++] = (uint32_t)n;
		out->parts = p;
		if (!(*more = lexer_try(lx, '.')))
			return true;
	}
	return true;
}

/* section = "[" [section-spec] "]"
 * section-spec = section-msgtext / (section-part ["." section-text])
 * BINARY has section-part only (RFC 3516 section 7), and takes all. */
static bool
take_section(struct lexer *lx, struct fetchitem *out)
{
	bool more;

	if (!lexer_char(lx, '['))
		return false;
	if (lexer_try(lx, ']'))
		return true;
	if (!take_parts(lx, out, &more))
		return false;
	return (!more || take_text(lx, out)) && lexer_char(lx, ']');
}

/* partial = "<" number64 "." nz-number64 ">"
 * Without the second number it reaches to the end. */
static bool
take_partial(struct lexer *lx, struct fetchitem *out)
{
	out->partial = lexer_try(lx, '<');
	if (!out->partial)
		return true;
	out->length = INT64_MAX;
	if (!lexer_number(lx, 0, INT64_MAX, &out->offset) ||
	    (lexer_try(lx, '.') &&
		!lexer_number(lx, 1, INT64_MAX, &out->length)))
		return false;
	return lexer_char(lx, '>');
}

/* A field name in a label: as an atom, else quoted. */
static void
label_field(struct buf *b, struct view v)
{
	bool atom = true;

	for (size_t i = 0; i < v.n; i++)
		atom = atom && (lexer_class[v.p[i]] & LEXER_ASTRING) != 0;
	if (atom) {
		buf_put(b, v);
		return;
	}
	buf_put_byte(b, '"');
	for (size_t i = 0; i < v.n; i++) {
		if ((lexer_class[v.p[i]] & LEXER_ESCAPE) != 0)
			buf_put_byte(b, '\\');
		buf_put_byte(b, v.p[i]);
	}
	buf_put_byte(b, '"');
}

static void
label_section(struct buf *b, const struct fetchitem *item)
{
	buf_put_byte(b, '[');
	for (size_t i = 0; i < item->n_parts; i++) {
		if (i > 0)
			buf_put_byte(b, '.');
		buf_put_dec(b, item->parts[i]);
	}
	if (item->n_parts > 0 && item->text != FETCHITEM_TEXT_NONE)
		buf_put_byte(b, '.');
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].text == item->text)
			buf_put(b, texts[i].name);
	for (size_t i = 0; i < item->n_fields; i++) {
		buf_put_str(b, i == 0 ? " (" : " ");
		label_field(b, item->fields[i]);
	}
	buf_put_str(b, item->n_fields > 0 ? ")]" : "]");
	if (!item->partial)
		return;
	buf_put_byte(b, '<');
	buf_put_dec(b, item->offset);
	buf_put_byte(b, '>');
}

static bool
make_label(struct lexer *lx, struct fetchitem *item)
{
	AUTO_BUF struct buf b = { .max = LABEL_MAX };
	uint8_t *p;

	buf_put(&b, item->label);
	label_section(&b, item);
	if (b.failed)
		return lexer_fail(lx, COMMAND_LIMIT, "section too long");
	if ((p = lexer_alloc(lx, b.n)) == NULL)
		return false;
	memcpy(p, b.p, b.n);
	item->label = (struct view){ p, b.n };
	return true;
}

/* Letters, digits and dots; a "[" would be an ATOM-CHAR. */
static struct view
take_item_name(struct lexer *lx)
{
	struct view v = { lx->in.p, 0 };

	while (v.n < lx->in.n && lx->in.p[v.n] != '[' &&
	    (lexer_class[lx->in.p[v.n]] & LEXER_ATOM) != 0)
		v.n++;
	view_skip(&lx->in, v.n);
	return v;
}

/* fetch-att */
static bool
take_item(struct lexer *lx, struct fetchitem *out)
{
	struct view at = lx->in, name = take_item_name(lx);
	bool bracket = lexer_peek(lx) == '[';

	for (size_t i = 0; i < sizeof(item_rows) / sizeof(item_rows[0]); i++) {
		const struct item_row *row = &item_rows[i];

		if (!view_eq_ci(name, row->name) ||
		    bracket != (row->shape != SHAPE_PLAIN))
			continue;
		out->kind = row->kind;
		out->peek = row->peek;
		out->text = row->text;
		if (bracket && !take_section(lx, out))
			return false;
		if (row->shape == SHAPE_SECTION && !take_partial(lx, out))
			return false;
		out->label = view_str(row->label);
		return !bracket || make_label(lx, out);
	}
	lx->in = at; /* for the position */
	return lexer_fail(lx, COMMAND_BAD, "unknown FETCH item");
}

/* "(" fetch-att *(SP fetch-att) ")" behind the "(" */
static bool
take_items(struct lexer *lx, struct command_fetch *u)
{
	struct fetchitem *items = NULL;
	size_t cap = 0;

	do {
		items = lexer_grow(lx, items, u->n, &cap, sizeof(*items),
		    LIMITS_FETCH_ITEMS, "FETCH items");
		if (items == NULL || !take_item(lx, &items[u->n]))
			return false;
		u->n++;
		u->items = items;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')');
}

/* What the macros stand for, in answering order (RFC 9051 section 6.4.5). */
static const struct fetchitem macro_items[] = {
	{ .kind = FETCHITEM_FLAGS, .label = VIEW_LIT("FLAGS") },
	{ .kind = FETCHITEM_INTERNALDATE, .label = VIEW_LIT("INTERNALDATE") },
	{ .kind = FETCHITEM_RFC822_SIZE, .label = VIEW_LIT("RFC822.SIZE") },
	{ .kind = FETCHITEM_ENVELOPE, .label = VIEW_LIT("ENVELOPE") },
	{ .kind = FETCHITEM_BODY, .label = VIEW_LIT("BODY") },
};

static const struct {
	struct view name;
	size_t n; /* the first n of macro_items */
} macros[] = {
	{ VIEW_LIT("FAST"), 3 },
	{ VIEW_LIT("ALL"), 4 },
	{ VIEW_LIT("FULL"), 5 },
};

static bool
try_macro(struct lexer *lx, struct command_fetch *u)
{
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		if (!lexer_try_word(lx, macros[i].name))
			continue;
		u->items = macro_items;
		u->n = macros[i].n;
		return true;
	}
	return false;
}

static bool
take_one_item(struct lexer *lx, struct command_fetch *u)
{
	struct fetchitem *item = lexer_alloc(lx, sizeof(*item));

	if (item == NULL || !take_item(lx, item))
		return false;
	u->items = item;
	u->n = 1;
	return true;
}

/* fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att /
 *         "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers] */
bool
cmd_fetch(struct lexer *lx, struct command *out)
{
	struct command_fetch *u = &out->u.fetch;

	if (!lexer_sp(lx) || !lexer_seqset(lx, &u->set) || !lexer_sp(lx))
		return false;
	if (lexer_try(lx, '(') ? !take_items(lx, u)
			       : !try_macro(lx, u) && !take_one_item(lx, u))
		return false;
	if (!view_starts(lx->in, VIEW_LIT(" (")))
		return true;
	return lexer_sp(lx) && lexer_params(lx, &u->modifiers);
}
