/* RFC 5703 section 5: replace. */
#include "base/buf.h"
#include "base/utf8.h"
#include "mail/transfer.h"
#include "sieve/checker.h"
#include "sieve/ext.h"
#include "sieve/mime_loop.h"
#include "sieve/replace.h"
#include "sieve/tidy.h"

enum { TAG_MIME, TAG_SUBJECT, TAG_FROM };

static bool
check_from(struct checker *c, struct script_node *n, struct script_tag *t)
{
	(void)n;
	if (checker_is_constant(t->param) &&
	    !tidy_is_address_list(t->param->texts[0].v, checker_arena(c)))
		return checker_error_arg(
		    c, t->param, "the address given to :from is invalid");
	return true;
}

static const struct ext_tag tags[] = {
	[TAG_MIME] = { .name = "mime", .commands = "replace" },
	[TAG_SUBJECT] = { .name = "subject",
	    .commands = "replace",
	    .param = EXT_STRING },
	[TAG_FROM] = { .name = "from",
	    .commands = "replace",
	    .param = EXT_STRING,
	    .check = check_from },
};

static bool
fits_7bit(struct view v)
{
	size_t line = 0;

	for (size_t i = 0; i < v.n; i++) {
		line = v.p[i] == '\n' ? 0 : line + 1;
		if (line > REPLACE_LINE_MAX || v.p[i] == '\0')
			return false;
	}
	return utf8_ascii(v);
}

void
replace_put_text(struct view text, struct buf *out)
{
	buf_put_str(out,
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: ");
	if (fits_7bit(text)) {
		buf_put_str(out, "7bit\r\n\r\n");
		buf_put(out, text);
	} else {
		buf_put_str(out, "quoted-printable\r\n\r\n");
		transfer_put_qp(text, true, out);
	}
}

static bool
is_mime_field(struct view name)
{
	return view_starts_ci(name, VIEW_LIT("Content-")) ||
	    view_eq_ci(name, VIEW_LIT("MIME-Version"));
}

/* A field as it was, under the name "Original-..." (RFC 5703 section 5). */
static void
put_original(const char *name, const struct header_field *f, struct buf *out)
{
	buf_put_str(out, name);
	buf_put_byte(out, ':');
	buf_put(out, f->value);
	buf_put_str(out, "\r\n");
}

/* The fields that stay when the whole message is replaced. */
static void
put_old_fields(struct view header, bool subject, bool from, struct buf *out)
{
	struct header_field f;

	while (header_next(&header, &f)) {
		if (is_mime_field(f.name))
			continue;
		if (subject && view_eq_ci(f.name, VIEW_LIT("Subject")))
			put_original("Original-Subject", &f, out);
		else if (from && view_eq_ci(f.name, VIEW_LIT("From")))
			put_original("Original-From", &f, out);
		else
			buf_put(out, f.raw);
	}
	if (out->n > 0 && out->p[out->n - 1] != '\n')
		buf_put_str(out, "\r\n");
}

static void
put_new_field(struct interp *in, const char *name, const struct script_tag *t,
    struct buf *out)
{
	struct view field, value;

	if (t != NULL &&
	    tidy_line(interp_string(in, t->param), in->arena, &value) &&
	    tidy_field(view_str(name), value, in->arena, &field))
		buf_put(out, field);
}

/* entity: fields and body. */
static void
put_message(struct interp *in, const struct script_node *n, struct view entity,
    struct buf *out)
{
	const struct script_tag *subject = script_tag(n, &tags[TAG_SUBJECT]);
	const struct script_tag *from = script_tag(n, &tags[TAG_FROM]);
	struct view rest = view_sub(entity, 0, header_size(entity));
	struct header_field f;

	if (from != NULL &&
	    !tidy_is_address_list(interp_string(in, from->param), in->arena))
		from = NULL;
	put_old_fields(letter_header(interp_message(in)), subject != NULL,
	    from != NULL, out);
	put_new_field(in, "Subject", subject, out);
	put_new_field(in, "From", from, out);
	buf_put_str(out, "MIME-Version: 1.0\r\n");
	while (header_next(&rest, &f))
		if (view_starts_ci(f.name, VIEW_LIT("Content-"))) {
			buf_put(out, f.raw);
			if (out->p != NULL && out->p[out->n - 1] != '\n')
				buf_put_str(out, "\r\n");
		}
	buf_put_str(out, "\r\n");
	buf_put(out, view_sub(entity, header_size(entity), entity.n));
}

/* Put text in the place of a part. */
static bool
splice(struct interp *in, const struct mime_part *p, struct view text)
{
	struct view header = letter_header(interp_message(in));
	struct view body = letter_body(interp_message(in));
	size_t start = letter_mime(interp_message(in))->body;
	size_t from = p->header - start, to = p->body + p->body_n - start;
	uint8_t *out;

	out = arena_alloc(in->arena, header.n + body.n - (to - from) + text.n);
	if (out == NULL)
		return false;
	memcpy(out, header.p, header.n);
	memcpy(out + header.n, body.p, from);
	if (text.n > 0)
		memcpy(out + header.n + from, text.p, text.n);
	memcpy(out + header.n + from + text.n, body.p + to, body.n - to);
	interp_edit(
	    in, (struct view){ out, header.n + body.n - (to - from) + text.n });
	return true;
}

/* Put a message with that entity in the place of the message. */
static bool
replace_all(struct interp *in, const struct script_node *n, struct view entity)
{
	AUTO_BUF struct buf whole = BUF_INIT(REPLACE_MAX);

	put_message(in, n, entity, &whole);
	if (whole.failed || in->failed)
		return false;
	interp_edit(in, interp_copy(in, buf_view(&whole)));
	return true;
}

static enum ext_flow
run_replace(struct interp *in, const struct script_node *n)
{
	AUTO_BUF struct buf entity = BUF_INIT(REPLACE_MAX);
	const struct mime_part *p = mime_loop_part(in);
	struct view text;

	if (!tidy_lines(interp_string(in, n->arg[0]), in->arena, &text) ||
	    p == NULL ||
	    !interp_cost(in, letter_size(interp_message(in)) / 64 + 1)) {
		interp_fail(in, n, "the run needs too much memory");
		return EXT_STOP;
	}
	if (script_tag(n, &tags[TAG_MIME]) != NULL)
		buf_put(&entity, text);
	else
		replace_put_text(text, &entity);
	if (entity.failed ||
	    !(p->parent == NULL ? replace_all(in, n, buf_view(&entity))
				: splice(in, p, buf_view(&entity))))
		interp_fail(in, n, "the run needs too much memory");
	mime_loop_skip(in);
	return EXT_NEXT;
}

static const struct ext_command commands[] = {
	{ .name = "replace", .args = "s", .run = run_replace },
};

const struct ext ext_replace = {
	.name = "replace",
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
