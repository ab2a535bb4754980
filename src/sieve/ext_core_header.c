/* RFC 5228 section 5: header, exists, address, envelope. */

#include "sieve/checker.h"
#include "sieve/compare.h"
#include "sieve/ext_list.h"
#include "sieve/interp.h"

/* header <header-names: string-list> <key-list: string-list> */
static bool
test_header(struct interp *in, const struct script_node *n)
{
	struct letter_values v;
	struct compare c;

	compare_begin(&c, in, n);
	interp_values(in, n, n->arg[0], &v);
	for (size_t i = 0; i < v.n; i++)
		if (compare_field(&c, in->letter, v.v[i]))
			break;
	return compare_end(&c);
}

/* exists <header-names: string-list> */
static bool
test_exists(struct interp *in, const struct script_node *n)
{
	for (size_t i = 0; i < n->arg[0]->n; i++)
		if (!interp_cost(in, 1) ||
		    interp_fields(in, n, &n->arg[0]->texts[i]).n == 0)
			return false;
	return true;
}

/* ---- address ---- */

/* Fields with addresses in them: RFC 5322's, and those in use. */
static const char *const address_fields[] = {
	"from",
	"to",
	"cc",
	"bcc",
	"sender",
	"reply-to",
	"resent-from",
	"resent-to",
	"resent-cc",
	"resent-bcc",
	"resent-sender",
	"resent-reply-to",
	"content-from", /* of a part: RFC 5703 section 4.3 */
	"return-path",
	"delivered-to",
	"x-delivered-to",
	"original-to",
	"x-original-to",
	"envelope-to",
	"x-envelope-to",
	"x-envelope-from",
	"apparently-to",
	"x-apparently-to",
	"x-apparently-from",
	"errors-to",
	"x-errors-to",
	"disposition-notification-to",
	"return-receipt-to",
	"x-confirm-reading-to",
	"mail-followup-to",
	"mail-reply-to",
	"x-forwarded-to",
	"x-forwarded-for",
	"x-sender",
	"x-rcpt-to",
	"x-real-to",
	"abuse-reports-to",
	"x-complaints-to",
	"x-report-abuse-to",
	"x-beenthere",
	"x-mailing-list",
};

static bool
is_address_field(struct view name)
{
	for (size_t i = 0; i < EXT_COUNT(address_fields); i++)
		if (view_eq_ci(name, view_str(address_fields[i])))
			return true;
	return false;
}

static bool
check_address(struct checker *c, struct script_node *n)
{
	const struct script_arg *names = n->arg[0];

	for (size_t i = 0; i < names->n; i++) {
		struct view v = names->texts[i].v;

		if (names->texts[i].parts == NULL && !is_address_field(v))
			return checker_error_arg(c, names,
			    "\"%.*s\" is no header field with addresses; use "
			    "the test \"header\"",
			    (int)(v.n < 60 ? v.n : 60), (const char *)v.p);
	}
	return true;
}

static bool
is_counting(const struct script_node *n)
{
	return (n->how->match->flags & EXT_COUNTS) != 0;
}

/* Show an address, if it has the part that is asked for. */
static bool
show_address(struct compare *c, const struct script_node *n,
    const struct letter_address *a)
{
	struct view part;

	if (is_counting(n))
		return compare_value(c, a->all);
	return compare_part(c, a, &part) && compare_value(c, part);
}

/* address <header-list: string-list> <key-list: string-list> */
static bool
test_address(struct interp *in, const struct script_node *n)
{
	struct letter_values v;
	struct compare c;

	compare_begin(&c, in, n);
	interp_values(in, n, n->arg[0], &v);
	for (size_t i = 0; i < v.n && !c.matched && !in->failed; i++) {
		const struct letter_address *a;

		if (v.v[i]->name.p != NULL && !is_address_field(v.v[i]->name))
			continue;
		for (a = letter_addresses(in->letter, v.v[i]); a != NULL;
		     a = a->next)
			if (show_address(&c, n, a))
				break;
	}
	return compare_end(&c);
}

/* ---- envelope ---- */

enum envelope_part { PART_FROM, PART_TO, PART_AUTH, PART_UNKNOWN };

static enum envelope_part
envelope_part(struct view name)
{
	static const char *const names[] = { "from", "to", "auth" };

	for (unsigned i = 0; i < PART_UNKNOWN; i++)
		if (view_eq_ci(name, view_str(names[i])))
			return (enum envelope_part)i;
	return PART_UNKNOWN;
}

static bool
check_envelope(struct checker *c, struct script_node *n)
{
	const struct script_arg *parts = n->arg[0];

	for (size_t i = 0; i < parts->n; i++) {
		struct view v = parts->texts[i].v;

		if (parts->texts[i].parts == NULL &&
		    envelope_part(v) == PART_UNKNOWN)
			return checker_missing(c, n, parts->line, parts->column,
			    "the envelope has no part \"%.*s\"",
			    (int)(v.n < 60 ? v.n : 60), (const char *)v.p);
	}
	return true;
}

static struct view
envelope_value(const struct interp *in, enum envelope_part part)
{
	switch (part) {
	case PART_FROM:
		return in->env.from;
	case PART_TO:
		return in->env.to;
	case PART_AUTH:
		return in->env.auth;
	case PART_UNKNOWN:
		break;
	}
	return (struct view){ NULL, 0 };
}

/* An envelope address in its parts, without a source route, local part without
 * quotes. */
static struct letter_address
split_address(struct view v)
{
	struct letter_address a = { .all = v };
	const uint8_t *p;

	if (v.n > 0 && v.p[0] == '@' && (p = memchr(v.p, ':', v.n)) != NULL)
		view_skip(&v, (size_t)(p + 1 - v.p));
	a.all = v;
	a.local = v;
	p = v.n > 0 ? memrchr(v.p, '@', v.n) : NULL;
	a.broken = p == NULL || p == v.p || p + 1 == v.p + v.n;
	if (p != NULL) {
		a.local.n = (size_t)(p - v.p);
		a.domain = view_sub(v, a.local.n + 1, SIZE_MAX);
	}
	if (a.local.n > 1 && a.local.p[0] == '"' &&
	    a.local.p[a.local.n - 1] == '"')
		a.local = view_sub(a.local, 1, a.local.n - 2);
	return a;
}

/* Show a part; the null sender is the empty string, whatever is asked for, and
 * counts as none (RFC 5231 section 4.2). */
static bool
show_envelope(struct compare *c, const struct script_node *n,
    enum envelope_part part, struct view v)
{
	struct letter_address a;

	if (v.p == NULL)
		return false;
	if (v.n == 0)
		return !is_counting(n) && compare_value(c, v);
	a = split_address(v);
	if (part == PART_AUTH) /* a user's name: it need not be an address */
		a.broken = false;
	return show_address(c, n, &a);
}

/* envelope <envelope-part: string-list> <key-list: string-list> */
static bool
test_envelope(struct interp *in, const struct script_node *n)
{
	struct compare c;

	if (in->env.imap_event) /* RFC 6785 section 4.6 */
		interp_fail(in, n, "there is no envelope in an IMAP event");
	compare_begin(&c, in, n);
	for (size_t i = 0; i < n->arg[0]->n && !in->failed; i++) {
		struct view name = interp_text(in, &n->arg[0]->texts[i]);
		enum envelope_part part = envelope_part(name);

		if (part == PART_UNKNOWN)
			interp_fail(in, n, "the envelope has no part \"%.*s\"",
			    (int)(name.n < 60 ? name.n : 60),
			    (const char *)name.p);
		else if (show_envelope(&c, n, part, envelope_value(in, part)))
			break;
	}
	return compare_end(&c);
}

static const struct ext_command tests[] = {
	{
	    .name = "header",
	    .args = "ll",
	    .flags = EXT_MATCH,
	    .test = test_header,
	},
	{ .name = "exists", .args = "l", .test = test_exists },
	{
	    .name = "address",
	    .args = "ll",
	    .flags = EXT_MATCH | EXT_ADDRESS,
	    .check = check_address,
	    .test = test_address,
	},
};

static const struct ext_command envelope[] = {
	{
	    .name = "envelope",
	    .args = "ll",
	    .flags = EXT_MATCH | EXT_ADDRESS,
	    .check = check_envelope,
	    .test = test_envelope,
	},
};

const struct ext ext_core_header = {
	.flags = EXT_CORE | EXT_UNLISTED,
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
};

const struct ext ext_envelope = {
	.name = "envelope",
	.tests = envelope,
	.n_tests = EXT_COUNT(envelope),
};
