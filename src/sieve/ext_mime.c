/*
 * RFC 5703 section 4: ":mime" for header, address and exists, which then ask
 * the part a foreverypart loop is at, ":anychild", and for header what of a
 * Content-Type or Content-Disposition is meant.
 */
#include "base/buf.h"
#include "mail/cfws.h"
#include "mail/encoded.h"
#include "sieve/checker.h"
#include "sieve/ext.h"
#include "sieve/mime_loop.h"

enum {
	TAG_MIME,
	TAG_ANYCHILD,
	TAG_TYPE,
	TAG_SUBTYPE,
	TAG_CONTENTTYPE,
	TAG_PARAM
};

static bool
check_with_mime(struct checker *c, struct script_node *n, struct script_tag *t)
{
	for (size_t i = 0; i < n->n_args; i++)
		if (n->args[i].kind == SCRIPT_TAG &&
		    view_eq_ci(n->args[i].tag, VIEW_LIT("mime")))
			return true;
	return checker_error_arg(c, t->at, "tag :%s needs :mime", t->def->name);
}

/* Values on their way into a struct letter_values. */
struct gathered {
	struct letter_value **v;
	size_t n, cap;
};

static void
add(struct interp *in, struct gathered *g, struct letter_value *v)
{
	if (v == NULL)
		return;
	if (g->n == g->cap) {
		size_t cap = g->cap > 0 ? 2 * g->cap : 8;
		struct letter_value **more =
		    interp_alloc(in, cap * sizeof(*more));

		if (more == NULL)
			return;
		if (g->n > 0)
			memcpy(more, g->v, g->n * sizeof(*more));
		g->v = more;
		g->cap = cap;
	}
	g->v[g->n++] = v;
}

static void
collect(struct interp *in, const struct mime_part *p, struct view name,
    struct gathered *g)
{
	struct view rest = letter_part_header(interp_message(in), p);
	struct header_field f;

	if (!interp_cost(in, rest.n / 64 + 1))
		return;
	while (header_next(&rest, &f)) {
		struct letter_value *v;

		if (!view_eq_ci(f.name, name))
			continue;
		if ((v = interp_alloc(in, sizeof(*v))) == NULL)
			return;
		v->name = f.name;
		v->raw = f.value;
		add(in, g, v);
	}
}

static const struct ext_tag tags[];

/* The part after p, depth first, in the tree below top. */
static const struct mime_part *
next_part(const struct mime_part *p, const struct mime_part *top)
{
	if (p->child != NULL)
		return p->child;
	while (p != top && p->next == NULL)
		p = p->parent;
	return p == top ? NULL : p->next;
}

static bool
part_fields(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct view name, struct letter_values *out)
{
	bool all = script_tag(n, &tags[TAG_ANYCHILD]) != NULL;
	struct gathered g = { .n = 0 };
	const struct mime_part *top;

	(void)t;
	if (!all && mime_loop_depth(in) == 0)
		return false;
	top = mime_loop_part(in);
	for (const struct mime_part *p = top; p != NULL && !in->failed;
	     p = all ? next_part(p, top) : NULL)
		collect(in, p, name, &g);
	*out = (struct letter_values){ .v = g.v, .n = g.n };
	return true;
}

/* token of RFC 2045 section 5.1 */
static struct view
take_token(struct view *in)
{
	size_t n = 0;
	struct view v;

	cfws_skip(in);
	while (n < in->n && in->p[n] > ' ' && in->p[n] < 0x7f &&
	    memchr("()<>@,;:\\\"/[]?=", in->p[n], 15) == NULL)
		n++;
	v = view_sub(*in, 0, n);
	view_skip(in, n);
	cfws_skip(in);
	return v;
}

struct content {
	struct view type, subtype; /* n 0: none */
	struct view params;
};

static bool
read_content(const struct letter_value *v, struct content *out)
{
	struct view rest = v->raw;

	*out = (struct content){ .type = take_token(&rest) };
	if (view_eq_ci(v->name, VIEW_LIT("Content-Disposition"))) {
		out->params = rest;
		return out->type.n > 0;
	}
	if (!view_eq_ci(v->name, VIEW_LIT("Content-Type")) || rest.n == 0 ||
	    rest.p[0] != '/')
		return false;
	view_skip(&rest, 1);
	out->subtype = take_token(&rest);
	out->params = rest;
	return out->type.n > 0 && out->subtype.n > 0;
}

static struct view
join(struct interp *in, struct view a, struct view b)
{
	uint8_t *p = interp_alloc(in, a.n + 1 + b.n);

	if (p == NULL)
		return (struct view){ NULL, 0 };
	memcpy(p, a.p, a.n);
	p[a.n] = '/';
	memcpy(p + a.n + 1, b.p, b.n);
	return (struct view){ p, a.n + 1 + b.n };
}

/* What the option t makes of one field: no text, or one. */
static struct view
option_text(
    struct interp *in, const struct script_tag *t, const struct content *c)
{
	if (t->def == &tags[TAG_SUBTYPE])
		return c->subtype;
	if (t->def == &tags[TAG_CONTENTTYPE] && c->subtype.n > 0)
		return join(in, c->type, c->subtype);
	return c->type;
}

static void
add_params(struct interp *in, const struct script_tag *t,
    const struct content *c, struct gathered *g)
{
	for (size_t i = 0; i < t->param->n; i++) {
		AUTO_BUF struct buf b = BUF_INIT(4 * c->params.n + 16);

		if (!interp_cost(in, c->params.n / 64 + 1))
			return;
		if (encoded_param_decode(
			c->params, interp_text(in, &t->param->texts[i]), &b))
			add(in, g,
			    letter_made(
				in->letter, interp_copy(in, buf_view(&b))));
	}
}

static void
pick_option(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct letter_values *v)
{
	struct gathered g = { .n = 0 };
	struct content c;
	struct view text;

	(void)n;
	for (size_t i = 0; i < v->n; i++) {
		if (!read_content(v->v[i], &c))
			continue;
		if (t->def == &tags[TAG_PARAM]) {
			add_params(in, t, &c, &g);
			continue;
		}
		text = option_text(in, t, &c);
		add(in, &g, letter_made(in->letter, text));
	}
	*v = (struct letter_values){ .v = g.v, .n = g.n };
}

static const struct ext_tag tags[] = {
	[TAG_MIME] = { .name = "mime",
	    .commands = "header address exists",
	    .fields = part_fields },
	[TAG_ANYCHILD] = { .name = "anychild",
	    .commands = "header address exists",
	    .check = check_with_mime },
	[TAG_TYPE] = { .name = "type",
	    .commands = "header",
	    .group = "option",
	    .check = check_with_mime,
	    .pick = pick_option },
	[TAG_SUBTYPE] = { .name = "subtype",
	    .commands = "header",
	    .group = "option",
	    .check = check_with_mime,
	    .pick = pick_option },
	[TAG_CONTENTTYPE] = { .name = "contenttype",
	    .commands = "header",
	    .group = "option",
	    .check = check_with_mime,
	    .pick = pick_option },
	[TAG_PARAM] = { .name = "param",
	    .commands = "header",
	    .param = EXT_STRINGS,
	    .group = "option",
	    .check = check_with_mime,
	    .pick = pick_option },
};

const struct ext ext_mime = {
	.name = "mime",
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
