/*
 * BODY and BODYSTRUCTURE. The order of everything is that of the ABNF
 * (RFC 9051 section 9: body, body-type-1part, body-ext-mpart ...).
 */

#include "mail/structure.h"

#include "mail/encoded.h"
#include "mail/envelope.h"

struct writer {
	struct view msg;
	enum structure_form form;
	struct arena *a;
	struct buf *out;
	bool joined; /* parameters are */
};

/* What the pieces of one parameter may need. */
#define JOINED_MAX ((size_t)1 << 20)

static void put_body(const struct writer *w, const struct mime_part *p);

static void
space(const struct writer *w)
{
	buf_put_byte(w->out, ' ');
}

/* "baz" of "baz*0", "baz*0*" and "baz*"; "baz" itself is whole. */
static struct view
base_of(struct view name)
{
	const uint8_t *star = name.n > 0 ? memchr(name.p, '*', name.n) : NULL;

	return star != NULL ? view_sub(name, 0, (size_t)(star - name.p)) : name;
}

static bool
is_piece(const struct mime_param *p, struct view base)
{
	return p->name.n > base.n && view_eq_ci(base_of(p->name), base);
}

/* The value of all pieces called base*, as they stood in the field. */
static bool
join(const struct mime_param *list, struct view base, bool *extended,
    struct buf *out)
{
	AUTO_BUF struct buf field = BUF_INIT(JOINED_MAX);

	*extended = false;
	for (const struct mime_param *p = list; p != NULL; p = p->next) {
		if (!is_piece(p, base))
			continue;
		*extended |= p->name.p[p->name.n - 1] == '*';
		buf_put_str(&field, ";");
		buf_put(&field, p->name);
		buf_put_str(&field, "=\"");
		for (size_t i = 0; i < p->value.n; i++) {
			if (p->value.p[i] == '"' || p->value.p[i] == '\\')
				buf_put_byte(&field, '\\');
			buf_put_byte(&field, p->value.p[i]);
		}
		buf_put_byte(&field, '"');
	}
	return !field.failed &&
	    encoded_param_decode(buf_view(&field), base, out) && !out->failed;
}

/* False: it was told with an earlier piece. */
static bool
put_param(const struct writer *w, const struct mime_param *list,
    const struct mime_param *p, const char *sep)
{
	AUTO_BUF struct buf joined = BUF_INIT(JOINED_MAX);
	struct view base = base_of(p->name), name = p->name, value = p->value;
	bool extended;

	if (w->joined && is_piece(p, base) &&
	    join(list, base, &extended, &joined)) {
		while (!is_piece(list, base))
			list = list->next;
		if (list != p)
			return false;
		name = view_sub(p->name, 0, base.n + extended);
		value = buf_view(&joined);
	}
	buf_put_str(w->out, sep);
	envelope_put_nstring(name, w->out);
	space(w);
	envelope_put_nstring(value, w->out);
	return true;
}

/* body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
 * more: what stands behind the others, or "" */
static void
put_params(const struct writer *w, const struct mime_param *p, const char *more)
{
	const char *sep = "(";

	if (p == NULL && *more == '\0') {
		buf_put(w->out, VIEW_LIT("NIL"));
		return;
	}
	for (const struct mime_param *list = p; p != NULL; p = p->next)
		if (put_param(w, list, p, sep))
			sep = " ";
	if (*more != '\0')
		buf_put_str(w->out, sep);
	buf_put_str(w->out, more);
	buf_put_byte(w->out, ')');
}

/* Text that does not name its charset is us-ascii (RFC 2045 section 5.2), and
 * the common servers say so for it. */
static void
put_type_params(const struct writer *w, const struct mime_part *p)
{
	bool unsaid = mime_is(p, "text", NULL) &&
	    mime_param_find(p->params, VIEW_LIT("charset")) == NULL;

	put_params(w, p->params, unsaid ? "\"charset\" \"us-ascii\"" : "");
}

/* body-fields = params SP id SP desc SP enc SP octets */
static void
put_fields(const struct writer *w, const struct mime_part *p)
{
	put_type_params(w, p);
	space(w);
	envelope_put_nstring(p->id, w->out);
	space(w);
	envelope_put_nstring(p->description, w->out);
	space(w);
	envelope_put_nstring(
	    p->encoding_name.p != NULL ? p->encoding_name : VIEW_LIT("7bit"),
	    w->out);
	space(w);
	buf_put_dec(w->out, p->body_n);
}

/* body-fld-dsp SP body-fld-lang SP body-fld-loc */
static void
put_common_ext(const struct writer *w, const struct mime_part *p)
{
	const char *sep = "(";

	space(w);
	if (p->disposition.p != NULL) {
		buf_put_byte(w->out, '(');
		envelope_put_nstring(p->disposition, w->out);
		space(w);
		put_params(w, p->disposition_params, "");
		buf_put_byte(w->out, ')');
	} else
		buf_put(w->out, VIEW_LIT("NIL"));
	space(w);
	for (const struct mime_param *l = p->languages; l != NULL;
	     l = l->next, sep = " ") {
		buf_put_str(w->out, sep);
		envelope_put_nstring(l->value, w->out);
	}
	buf_put_str(w->out, p->languages != NULL ? ")" : "NIL");
	space(w);
	envelope_put_nstring(p->location, w->out);
}

/* body-type-mpart */
static void
put_multipart(const struct writer *w, const struct mime_part *p)
{
	for (const struct mime_part *c = p->child; c != NULL; c = c->next)
		put_body(w, c);
	space(w);
	envelope_put_nstring(p->subtype, w->out);
	if (w->form == STRUCTURE_BODY)
		return;
	space(w);
	put_params(w, p->params, "");
	put_common_ext(w, p);
}

/* envelope SP body SP lines of body-type-msg */
static void
put_message(const struct writer *w, const struct mime_part *p)
{
	struct envelope e;

	space(w);
	envelope_read(mime_header(w->msg, p->child), w->a, &e);
	envelope_write(&e, w->a, w->out);
	space(w);
	put_body(w, p->child);
	space(w);
	buf_put_dec(w->out, p->lines);
}

/* body-type-1part */
static void
put_single(const struct writer *w, const struct mime_part *p)
{
	envelope_put_nstring(p->type, w->out);
	space(w);
	envelope_put_nstring(p->subtype, w->out);
	space(w);
	put_fields(w, p);
	if (p->kind == MIME_MESSAGE)
		put_message(w, p);
	else if (mime_is(p, "text", NULL)) {
		space(w);
		buf_put_dec(w->out, p->lines);
	}
	if (w->form == STRUCTURE_BODY)
		return;
	space(w);
	envelope_put_nstring(p->md5, w->out);
	put_common_ext(w, p);
}

static void
put_body(const struct writer *w, const struct mime_part *p)
{
	buf_put_byte(w->out, '(');
	if (p->kind == MIME_MULTIPART)
		put_multipart(w, p);
	else
		put_single(w, p);
	buf_put_byte(w->out, ')');
}

void
structure_write(struct view msg, const struct mime_part *root,
    enum structure_form form, struct arena *a, struct buf *out)
{
	struct writer w = { msg, form, a, out, false };

	put_body(&w, root);
}

void
structure_write_joined(struct view msg, const struct mime_part *root,
    enum structure_form form, struct arena *a, struct buf *out)
{
	struct writer w = { msg, form, a, out, true };

	put_body(&w, root);
}
