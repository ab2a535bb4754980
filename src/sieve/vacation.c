#include "sieve/vacation.h"

#include "mail/address.h"
#include "mail/cfws.h"
#include "mail/header.h"

static bool
is_robot(struct view from)
{
	static const char *const names[] = { "MAILER-DAEMON", "LISTSERV",
		"majordomo", "noreply", "no-reply" };
	const struct view owner = VIEW_LIT("owner-");
	const struct view request = VIEW_LIT("-request");
	struct view local = from;

	for (size_t i = from.n; i-- > 0;)
		if (from.p[i] == '@') {
			local.n = i;
			break;
		}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq_ci(local, view_str(names[i])))
			return true;
	return view_starts_ci(local, owner) ||
	    (local.n >= request.n &&
		view_eq_ci(
		    view_sub(local, local.n - request.n, request.n), request));
}

/* The first word of a structured field's value. */
static struct view
first_word(struct view v)
{
	size_t n = 0;

	cfws_skip(&v);
	while (n < v.n && !cfws_is_blank(v.p[n]) && v.p[n] != ';' &&
	    v.p[n] != ',' && v.p[n] != '(')
		n++;
	return view_sub(v, 0, n);
}

static bool
is_automatic(const struct header_field *f)
{
	return view_eq_ci(f->name, VIEW_LIT("Auto-Submitted")) &&
	    !view_eq_ci(first_word(f->value), VIEW_LIT("no"));
}

static bool
is_bulk(const struct header_field *f)
{
	static const char *const words[] = { "bulk", "junk", "list" };

	return view_eq_ci(f->name, VIEW_LIT("Precedence")) &&
	    view_is_one_of_ci(first_word(f->value), words, 3);
}

static bool
is_list(const struct header_field *f)
{
	static const char *const names[] = { "List-Id", "List-Help",
		"List-Subscribe", "List-Unsubscribe", "List-Post", "List-Owner",
		"List-Archive" };

	return view_is_one_of_ci(
	    f->name, names, sizeof(names) / sizeof(names[0]));
}

/* Exchange's "All", or a list with "OOF" in it. */
static bool
is_suppressed(const struct header_field *f)
{
	static const char *const words[] = { "All", "OOF" };
	struct view rest = f->value;

	if (!view_eq_ci(f->name, VIEW_LIT("X-Auto-Response-Suppress")))
		return false;
	while (rest.n > 0) {
		size_t n = 0;

		while (n < rest.n && rest.p[n] != ',')
			n++;
		if (view_is_one_of_ci(
			header_trim(view_sub(rest, 0, n)), words, 2))
			return true;
		view_skip(&rest, n < rest.n ? n + 1 : n);
	}
	return false;
}

static enum vacation_verdict
look(const struct header_field *f)
{
	if (is_automatic(f))
		return VACATION_AUTOMATIC;
	if (is_list(f))
		return VACATION_LIST;
	if (is_bulk(f))
		return VACATION_BULK;
	if (is_suppressed(f))
		return VACATION_SUPPRESSED;
	return VACATION_REPLY;
}

static bool
is_spec(const struct address *d, struct view spec)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * d->mailbox.n + d->host.n + 4);

	if (d->host.n == 0 || d->mailbox.n == 0 ||
	    d->mailbox.n + 1 + d->host.n > spec.n)
		return false;
	address_put_spec(d, &b);
	return view_eq_ci(buf_view(&b), spec);
}

/* Fields in which the user must be named. */
static bool
is_to(struct view name)
{
	static const char *const names[] = { "To", "Cc", "Bcc", "Resent-To",
		"Resent-Cc", "Resent-Bcc" };

	return view_is_one_of_ci(name, names, sizeof(names) / sizeof(names[0]));
}

static bool
find_own(const struct address *list, const struct view *own, size_t n,
    struct view *named)
{
	for (; list != NULL; list = list->next)
		for (size_t i = 0; i < n; i++)
			if (is_spec(list, own[i])) {
				*named = own[i];
				return true;
			}
	return false;
}

enum vacation_verdict
vacation_decide(struct view header, struct view from, const struct view *own,
    size_t n, struct arena *a, struct view *named)
{
	struct view rest = header;
	struct header_field f;
	bool is_named = false;

	if (from.n == 0)
		return VACATION_NO_SENDER;
	if (is_robot(from))
		return VACATION_ROBOT;
	for (size_t i = 0; i < n; i++)
		if (view_eq_ci(from, own[i]))
			return VACATION_SELF;
	while (header_next(&rest, &f)) {
		enum vacation_verdict v = look(&f);

		if (v != VACATION_REPLY)
			return v;
		if (!is_named && is_to(f.name))
			is_named =
			    find_own(address_parse(f.value, a), own, n, named);
	}
	return is_named ? VACATION_REPLY : VACATION_NOT_NAMED;
}

enum vacation_verdict
vacation_veto(struct view header)
{
	enum vacation_verdict v = VACATION_REPLY;
	struct header_field f;

	while (v == VACATION_REPLY && header_next(&header, &f))
		v = look(&f);
	return v;
}

bool
vacation_is_automatic(struct view header)
{
	struct header_field f;

	while (header_next(&header, &f))
		if (is_automatic(&f))
			return true;
	return false;
}
