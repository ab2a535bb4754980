/*
 * BODY and BODYSTRUCTURE. The order of everything is that of the ABNF
 * (RFC 9051 section 9: body, body-type-1part, body-ext-mpart ...).
 */

#include "mail/structure.h"

#include "mail/envelope.h"

struct writer {
	struct view msg;
	enum structure_form form;
	struct arena *a;
	struct buf *out;
};

static void put_body(const struct writer *w, const struct mime_part *p);

static void
space(const struct writer *w)
{
	buf_put_byte(w->out, ' ');
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
	for (; p != NULL; p = p->next, sep = " ") {
		buf_put_str(w->out, sep);
		envelope_put_nstring(p->name, w->out);
		space(w);
		envelope_put_nstring(p->value, w->out);
	}
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
	struct writer w = { msg, form, a, out };

	put_body(&w, root);
}
