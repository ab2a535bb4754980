#include "sieve/vacation.h"

#include "base/hash.h"
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

/* Fields in which the user must be named. */
static bool
is_to(struct view name)
{
	static const char *const names[] = { "To", "Cc", "Bcc", "Resent-To",
		"Resent-Cc", "Resent-Bcc" };

	return view_is_one_of_ci(name, names, sizeof(names) / sizeof(names[0]));
}

/* ---- is the user named? ---- */

/* One of the user's addresses. */
struct own {
	struct view key; /* in lower case */
	struct view as_given;
};

static void
fold(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] =
		    p[i] >= 'A' && p[i] <= 'Z' ? (uint8_t)(p[i] + 0x20) : p[i];
}

/* A script may give thousands, and a message name as many. What the arena has no
 * room for is left out. */
static struct hash *
own_table(const struct view *own, size_t n, struct arena *a)
{
	struct hash *h = hash_new(n + 1);
	struct own *o = arena_alloc(a, (n + 1) * sizeof(*o));

	for (size_t i = 0; o != NULL && i < n; i++) {
		uint8_t *key = arena_alloc(a, own[i].n + 1);

		if (key == NULL || own[i].n == 0)
			continue;
		memcpy(key, own[i].p, own[i].n);
		fold(key, own[i].n);
		o[i] = (struct own){ { key, own[i].n }, own[i] };
		(void)!hash_put(h, o[i].key, &o[i]); /* the first of a name */
	}
	return h;
}

static const struct own *
find_own(const struct hash *own, const struct address *list)
{
	for (; list != NULL; list = list->next) {
		AUTO_BUF struct buf b =
		    BUF_INIT(2 * list->mailbox.n + list->host.n + 4);
		const struct own *o;

		if (list->host.n == 0 || list->mailbox.n == 0)
			continue;
		address_put_spec(list, &b);
		fold(b.p, b.n);
		if ((o = hash_get(own, buf_view(&b))) != NULL)
			return o;
	}
	return NULL;
}

static enum vacation_verdict
look_at(struct view header, const struct hash *own, struct arena *a,
    struct view *named)
{
	const struct own *found = NULL;
	struct header_field f;

	while (header_next(&header, &f)) {
		enum vacation_verdict v = look(&f);

		if (v != VACATION_REPLY)
			return v;
		if (found == NULL && is_to(f.name))
			found = find_own(own, address_parse(f.value, a));
	}
	if (found == NULL)
		return VACATION_NOT_NAMED;
	*named = found->as_given;
	return VACATION_REPLY;
}

enum vacation_verdict
vacation_decide(struct view header, struct view from, const struct view *own,
    size_t n, struct arena *a, struct view *named)
{
	enum vacation_verdict v;
	struct hash *h;

	if (from.n == 0)
		return VACATION_NO_SENDER;
	if (is_robot(from))
		return VACATION_ROBOT;
	for (size_t i = 0; i < n; i++)
		if (view_eq_ci(from, own[i]))
			return VACATION_SELF;
	h = own_table(own, n, a);
	v = look_at(header, h, a, named);
	hash_free(&h);
	return v;
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
