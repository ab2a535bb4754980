/* RFC 5703 section 6: enclose. */
#include "base/buf.h"
#include "base/digest.h"
#include "mail/date.h"
#include "sieve/checker.h"
#include "sieve/ext.h"
#include "sieve/interp.h"
#include "sieve/replace.h"
#include "sieve/tidy.h"

enum { TAG_SUBJECT, TAG_HEADERS };

static bool
check_headers(struct checker *c, struct script_node *n, struct script_tag *t)
{
	(void)n;
	for (size_t i = 0; i < t->param->n; i++)
		if (t->param->texts[i].parts == NULL &&
		    !tidy_is_field_name(t->param->texts[i].v))
			return checker_error_arg(
			    c, t->param, "a field name is invalid");
	return true;
}

static const struct ext_tag tags[] = {
	[TAG_SUBJECT] = { .name = "subject",
	    .commands = "enclose",
	    .param = EXT_STRING },
	[TAG_HEADERS] = { .name = "headers",
	    .commands = "enclose",
	    .param = EXT_STRINGS,
	    .check = check_headers },
};

/* What redirect sends on: "This action does not affect messages that are
 * forwarded via a redirect action." */
struct enclosed {
	bool is;
	struct letter *before; /* the message that was enclosed first */
	size_t from_action;    /* redirects from this one on get it */
};

extern const struct ext ext_enclose;

static bool
is_listed(struct interp *in, const struct script_tag *t, struct view name)
{
	for (size_t i = 0; t != NULL && i < t->param->n; i++)
		if (view_eq_ci(name, interp_text(in, &t->param->texts[i])))
			return true;
	return false;
}

static void
put_raw(const struct header_field *f, struct buf *out)
{
	buf_put(out, f->raw);
	if (out->n > 0 && out->p[out->n - 1] != '\n')
		buf_put_str(out, "\r\n");
}

/* Subject is given, copied or taken over; Date and From copied or made. */
static void
put_fields(struct interp *in, const struct script_node *n, struct buf *out)
{
	const struct script_tag *subject = script_tag(n, &tags[TAG_SUBJECT]);
	const struct script_tag *headers = script_tag(n, &tags[TAG_HEADERS]);
	struct view rest = letter_header(interp_message(in));
	struct view value, field, user = in->env.to;
	bool date = false, from = false;
	struct header_field f;

	while (header_next(&rest, &f)) {
		bool is_subject = view_eq_ci(f.name, VIEW_LIT("Subject"));

		if (f.name.n == 0 ||
		    view_starts_ci(f.name, VIEW_LIT("Content-")) ||
		    view_eq_ci(f.name, VIEW_LIT("MIME-Version")) ||
		    (is_subject && subject != NULL) ||
		    !(is_subject || is_listed(in, headers, f.name)))
			continue;
		date |= view_eq_ci(f.name, VIEW_LIT("Date"));
		from |= view_eq_ci(f.name, VIEW_LIT("From"));
		put_raw(&f, out);
	}
	if (subject != NULL &&
	    tidy_line(interp_string(in, subject->param), in->arena, &value) &&
	    tidy_field(VIEW_LIT("Subject"), value, in->arena, &field))
		buf_put(out, field);
	if (!date) {
		buf_put_str(out, "Date: ");
		date_format((struct date){ .seconds = in->env.now,
				.zone_minutes = in->env.zone_minutes },
		    out);
		buf_put_str(out, "\r\n");
	}
	if (in->env.n_addresses > 0)
		user = in->env.addresses[0];
	if (!from && user.n > 0) {
		buf_put_str(out, "From: <");
		buf_put(out, user);
		buf_put_str(out, ">\r\n");
	}
}

/* A boundary that the message does not have in it. */
static void
put_boundary(const struct letter *l, struct buf *out)
{
	uint8_t sum[DIGEST_SHA256_SIZE];
	char hex[2 * DIGEST_SHA256_SIZE + 1];
	struct digest_sha256 d;

	digest_sha256_init(&d);
	digest_sha256_add(&d, letter_header(l));
	digest_sha256_add(&d, letter_body(l));
	digest_sha256_end(&d, sum);
	digest_hex((struct view){ sum, 16 }, hex);
	buf_put_str(out, "=_");
	buf_put_str(out, hex);
}

static void
put_message(struct interp *in, const struct script_node *n, struct view text,
    struct buf *out)
{
	AUTO_BUF struct buf boundary = BUF_INIT(80);

	put_boundary(interp_message(in), &boundary);
	put_fields(in, n, out);
	buf_put_str(out,
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed;\r\n boundary=\"");
	buf_put(out, buf_view(&boundary));
	buf_put_str(out, "\"\r\n\r\n--");
	buf_put(out, buf_view(&boundary));
	buf_put_str(out, "\r\n");
	replace_put_text(text, out);
	buf_put_str(out, "\r\n--");
	buf_put(out, buf_view(&boundary));
	buf_put_str(out, "\r\nContent-Type: message/rfc822\r\n\r\n");
	buf_put(out, letter_header(interp_message(in)));
	buf_put(out, letter_body(interp_message(in)));
	buf_put_str(out, "\r\n--");
	buf_put(out, buf_view(&boundary));
	buf_put_str(out, "--\r\n");
}

static enum ext_flow
run_enclose(struct interp *in, const struct script_node *n)
{
	AUTO_BUF struct buf b = BUF_INIT(REPLACE_MAX);
	struct enclosed *s = interp_state(in, &ext_enclose, sizeof(*s));
	struct view text;

	if (s == NULL ||
	    !interp_cost(in, letter_size(interp_message(in)) / 64 + 1))
		return EXT_STOP;
	if (!tidy_lines(interp_string(in, n->arg[0]), in->arena, &text)) {
		interp_fail(in, n, "the run needs too much memory");
		return EXT_STOP;
	}
	put_message(in, n, text, &b);
	if (b.failed) {
		interp_fail(in, n, "the run needs too much memory");
		return EXT_STOP;
	}
	if (!s->is)
		*s = (struct enclosed){ true, interp_message(in),
			in->n_actions };
	interp_edit(in, interp_copy(in, buf_view(&b)));
	return EXT_NEXT;
}

static void
finish(struct interp *in)
{
	struct enclosed *s = interp_state(in, &ext_enclose, sizeof(*s));

	if (s == NULL || !s->is)
		return;
	for (size_t i = s->from_action; i < in->n_actions; i++) {
		struct sieve_action *a = &in->actions[i];

		if (a->kind != SIEVE_REDIRECT)
			continue;
		a->message = letter_octets(s->before);
		a->edited = a->message.p != in->env.message.p ||
		    a->message.n != in->env.message.n;
	}
}

static const struct ext_command commands[] = {
	{ .name = "enclose", .args = "s", .run = run_enclose },
};

const struct ext ext_enclose = {
	.name = "enclose",
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
	.finish = finish,
};
