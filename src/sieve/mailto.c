#include "sieve/mailto.h"

#include "base/digest.h"
#include "base/utf8.h"
#include "sieve/tidy.h"

/* qchar of RFC 6068 section 2 and "%" for pct-encoded. */
static bool
is_uri_char(uint8_t c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9'))
		return true;
	return c > ' ' && c < 0x7f &&
	    memchr("-._~!$'()*+,;:@%/", c, 17) != NULL;
}

/* Undo percent-encoding. */
static bool
decode(struct view v, struct arena *a, struct view *out)
{
	uint8_t *p = arena_alloc(a, v.n + 1);
	size_t n = 0;

	if (p == NULL)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (!is_uri_char(v.p[i]))
			return false;
		if (v.p[i] != '%') {
			p[n++] = v.p[i];
			continue;
		}
		if (v.n - i < 3 ||
		    !digest_unhex(view_sub(v, i + 1, 2), &p[n], 1) ||
		    p[n] == '\0')
			return false;
		n++;
		i += 2;
	}
	*out = (struct view){ p, n };
	return utf8_valid(*out);
}

/* Add addresses to a list. */
static bool
join(struct view *list, struct view more, struct arena *a)
{
	uint8_t *p;

	if (!tidy_line(more, a, &more))
		return false;
	if (more.n == 0)
		return true;
	if (list->n == 0) {
		*list = more;
		return true;
	}
	if ((p = arena_alloc(a, list->n + 2 + more.n)) == NULL)
		return false;
	memcpy(p, list->p, list->n);
	memcpy(p + list->n, ", ", 2);
	memcpy(p + list->n + 2, more.p, more.n);
	*list = (struct view){ p, list->n + 2 + more.n };
	return true;
}

static bool
is_ours(struct view name)
{
	static const char *const names[] = { "From", "Sender", "Date",
		"Message-ID", "Received", "Return-Path", "Reply-To",
		"In-Reply-To", "References", "Auto-Submitted", "MIME-Version",
		"Content-Type", "Content-Transfer-Encoding",
		"Content-Disposition", "X-Sieve", "Delivered-To" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq_ci(name, view_str(names[i])))
			return true;
	return view_starts_ci(name, VIEW_LIT("Resent-")) ||
	    view_starts_ci(name, VIEW_LIT("List-"));
}

static bool
put_field(
    struct mailto *m, struct view name, struct view value, struct arena *a)
{
	if (view_eq_ci(name, VIEW_LIT("to")))
		return join(&m->to, value, a);
	if (view_eq_ci(name, VIEW_LIT("cc")))
		return join(&m->cc, value, a);
	if (view_eq_ci(name, VIEW_LIT("bcc")))
		return join(&m->bcc, value, a);
	if (view_eq_ci(name, VIEW_LIT("body"))) {
		m->body = value;
		return true;
	}
	if (!tidy_line(value, a, &value))
		return false;
	if (view_eq_ci(name, VIEW_LIT("subject"))) {
		m->subject = value;
		return true;
	}
	if (is_ours(name))
		return true;
	if (m->n == MAILTO_FIELDS_MAX)
		return false;
	m->field[m->n++] =
	    (struct mailto_field){ .name = name, .value = value };
	return true;
}

static struct view
take_until(struct view *rest, uint8_t c)
{
	struct view v;
	size_t n = 0;

	while (n < rest->n && rest->p[n] != c)
		n++;
	v = view_sub(*rest, 0, n);
	view_skip(rest, n < rest->n ? n + 1 : n);
	return v;
}

/* hfields = "?" hfield *( "&" hfield ), behind the "?" */
static bool
take_fields(
    struct view rest, struct arena *a, struct mailto *m, const char **why)
{
	while (rest.n > 0) {
		struct view value = take_until(&rest, '&'), name;

		name = take_until(&value, '=');
		*why = "the URI has an invalid field name";
		if (!decode(name, a, &name) || !tidy_is_field_name(name))
			return false;
		*why = "the URI has an invalid field value";
		if (!decode(value, a, &value) || !put_field(m, name, value, a))
			return false;
	}
	return true;
}

static bool
is_list(struct view v, struct arena *a)
{
	return v.n == 0 || tidy_is_address_list(v, a);
}

bool
mailto_parse(
    struct view uri, struct arena *a, struct mailto *out, const char **why)
{
	struct view to;

	*out = (struct mailto){ .n = 0 };
	*why = "the URI is no mailto: URI";
	if (!view_starts_ci(uri, VIEW_LIT("mailto:")))
		return false;
	view_skip(&uri, 7);
	to = take_until(&uri, '?');
	*why = "the URI has an invalid recipient";
	if (!decode(to, a, &to) || !join(&out->to, to, a))
		return false;
	if (!take_fields(uri, a, out, why))
		return false;
	*why = "the URI has an invalid recipient";
	if (!is_list(out->to, a) || !is_list(out->cc, a) ||
	    !is_list(out->bcc, a))
		return false;
	*why = "the URI has no recipient";
	return out->to.n + out->cc.n + out->bcc.n > 0;
}
