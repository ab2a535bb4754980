/* RFC 5230, vacation, and RFC 6131, vacation-seconds. */
#include "base/buf.h"
#include "base/digest.h"
#include "base/num.h"
#include "base/utf8.h"
#include "mail/encoded.h"
#include "sieve/checker.h"
#include "sieve/ext.h"
#include "sieve/interp.h"
#include "sieve/tidy.h"
#include "sieve/vacation.h"

#define DAY 86400

enum { TAG_DAYS, TAG_SUBJECT, TAG_FROM, TAG_ADDRESSES, TAG_MIME, TAG_HANDLE };

static const struct ext_tag tags[] = {
	[TAG_DAYS] = { .name = "days",
	    .commands = "vacation",
	    .param = EXT_NUMBER,
	    .group = "period" },
	[TAG_SUBJECT] = { .name = "subject",
	    .commands = "vacation",
	    .param = EXT_STRING },
	[TAG_FROM] = { .name = "from",
	    .commands = "vacation",
	    .param = EXT_STRING,
	    .check = checker_tag_address },
	[TAG_ADDRESSES] = { .name = "addresses",
	    .commands = "vacation",
	    .param = EXT_STRINGS },
	[TAG_MIME] = { .name = "mime", .commands = "vacation" },
	[TAG_HANDLE] = { .name = "handle",
	    .commands = "vacation",
	    .param = EXT_STRING },
};

static const struct ext_tag seconds_tag[] = {
	{ .name = "seconds",
	    .commands = "vacation",
	    .param = EXT_NUMBER,
	    .group = "period" },
};

static uint64_t
period(const struct script_node *n)
{
	const struct script_tag *days = script_tag(n, &tags[TAG_DAYS]);
	const struct script_tag *seconds = script_tag(n, &seconds_tag[0]);
	uint64_t d = VACATION_DAYS_DEFAULT;

	if (seconds != NULL)
		return seconds->param->number < VACATION_DAYS_MAX * DAY
		    ? seconds->param->number
		    : VACATION_DAYS_MAX * DAY;
	if (days != NULL)
		d = days->param->number;
	if (d < VACATION_DAYS_MIN)
		d = VACATION_DAYS_MIN;
	if (d > VACATION_DAYS_MAX)
		d = VACATION_DAYS_MAX;
	return d * DAY;
}

/* The user's addresses: those of the envelope and the account, and the
 * script's. */
static struct view *
own_addresses(struct interp *in, const struct script_node *n, size_t *count)
{
	const struct script_tag *t = script_tag(n, &tags[TAG_ADDRESSES]);
	size_t more = t != NULL ? t->param->n : 0, at = 0;
	struct view *own;

	*count = 0;
	own = interp_alloc(in, (1 + in->env.n_addresses + more) * sizeof(*own));
	if (own == NULL)
		return NULL;
	if (in->env.to.n > 0)
		own[at++] = in->env.to;
	for (size_t i = 0; i < in->env.n_addresses; i++)
		own[at++] = in->env.addresses[i];
	for (size_t i = 0; i < more; i++) {
		struct view v = interp_text(in, &t->param->texts[i]);

		if (!interp_cost(in, 1 + v.n))
			return NULL;
		if (!tidy_is_address(v, in->arena, &own[at]))
			own[at] = v;
		at++;
	}
	*count = at;
	return own;
}

/* At most so many characters, an ellipsis counted. */
static struct view
shorten(struct interp *in, struct view v)
{
	struct view set =
	    interp_setting(in, "sieve_vacation_max_subject_codepoints");
	uint64_t max = VACATION_SUBJECT_MAX;
	struct view rest = v;
	uint32_t cp;
	size_t last = 0;
	uint8_t *p;

	if (set.n > 0 &&
	    (!num_parse(set, VACATION_SUBJECT_MAX, &max) || max == 0))
		max = VACATION_SUBJECT_MAX;
	for (size_t i = 0; i < max; i++) {
		if (rest.n == 0)
			return v;
		last = v.n - rest.n;
		if (!utf8_take(&rest, &cp))
			view_skip(&rest, 1);
	}
	if (rest.n == 0 || (p = interp_alloc(in, last + 3)) == NULL)
		return v;
	memcpy(p, v.p, last);
	memcpy(p + last, "\xe2\x80\xa6", 3);
	return (struct view){ p, last + 3 };
}

/* The template with the message's subject in it. */
static struct view
fill(struct interp *in, struct view pattern, struct view subject)
{
	AUTO_BUF struct buf b = BUF_INIT(pattern.n + 64 * (subject.n + 1));

	while (pattern.n > 0) {
		size_t n = view_starts(pattern, VIEW_LIT("%{subject}")) ? 10
		    : view_starts(pattern, VIEW_LIT("%$"))              ? 2
									: 0;

		if (n > 0)
			buf_put(&b, subject);
		else
			buf_put_byte(&b, pattern.p[0]);
		view_skip(&pattern, n > 0 ? n : 1);
	}
	return b.failed ? subject : interp_copy(in, buf_view(&b));
}

/* Some people write encoded-words where UTF-8 is meant. */
static struct view
decoded(struct interp *in, struct view v)
{
	AUTO_BUF struct buf b = BUF_INIT(4 * v.n + 16);

	if (v.n == 0 || memmem(v.p, v.n, "=?", 2) == NULL)
		return v;
	encoded_decode(v, &b);
	return b.failed ? v : interp_copy(in, buf_view(&b));
}

/* RFC 5230 section 4.4: "Auto: " and the message's subject. */
static struct view
subject(struct interp *in, const struct script_node *n)
{
	const struct script_tag *t = script_tag(n, &tags[TAG_SUBJECT]);
	struct view v = VIEW_LIT("Automated reply"), old, pattern;
	struct letter *message = interp_message(in);
	struct letter_values l;

	if (t != NULL) {
		if (!tidy_line(interp_string(in, t->param), in->arena, &v))
			interp_fail(in, n, "the run needs too much memory");
		return shorten(in, decoded(in, v));
	}
	l = letter_fields(message, VIEW_LIT("Subject"));
	if (l.n == 0) {
		old = interp_setting(in, "sieve_vacation_default_subject");
		return old.n > 0 ? shorten(in, old) : v;
	}
	pattern = interp_setting(in, "sieve_vacation_default_subject_template");
	if (pattern.n == 0)
		pattern = VIEW_LIT("Auto: %$");
	return shorten(in, fill(in, pattern, letter_text(message, l.v[0])));
}

/* The text of an argument as it stands in the script. */
static struct view
as_written(const struct script_arg *arg)
{
	return arg != NULL ? arg->texts[0].v : (struct view){ NULL, 0 };
}

/* Replies are the same when their handle is, or, without one, all that the
 * script says in them, before variables have been filled in (RFC 5230 section
 * 4.2). */
static struct view
handle(struct interp *in, const struct script_node *n,
    const struct sieve_vacation *v)
{
	const struct script_tag *t = script_tag(n, &tags[TAG_HANDLE]);
	const struct script_tag *s = script_tag(n, &tags[TAG_SUBJECT]);
	const struct script_tag *f = script_tag(n, &tags[TAG_FROM]);
	struct view part[4] = { as_written(s != NULL ? s->param : NULL),
		as_written(f != NULL ? f->param : NULL),
		v->mime ? VIEW_LIT("mime") : VIEW_LIT("text"),
		as_written(n->arg[0]) };
	uint8_t sum[DIGEST_SHA256_SIZE];
	struct digest_sha256 d;
	struct view given;
	uint8_t *p;

	if (t != NULL) {
		given = interp_string(in, t->param);
		if ((p = interp_alloc(in, given.n + 1)) == NULL)
			return (struct view){ NULL, 0 };
		p[0] = '=';
		if (given.n > 0)
			memcpy(p + 1, given.p, given.n);
		return (struct view){ p, given.n + 1 };
	}
	digest_sha256_init(&d);
	for (size_t i = 0; i < 4; i++) {
		digest_sha256_add(&d, part[i]);
		digest_sha256_add(&d, (struct view){ (const uint8_t *)"", 1 });
	}
	digest_sha256_end(&d, sum);
	if ((p = interp_alloc(in, 2 * sizeof(sum) + 2)) == NULL)
		return (struct view){ NULL, 0 };
	p[0] = '#';
	digest_hex((struct view){ sum, sizeof(sum) }, (char *)p + 1);
	return (struct view){ p, 2 * sizeof(sum) + 1 };
}

extern const struct ext ext_vacation;

/* RFC 5230 section 4.7: only once, whether there was a reply or not. */
static bool
is_first(struct interp *in, const struct script_node *n)
{
	bool *used = interp_state(in, &ext_vacation, sizeof(*used));

	if (used == NULL)
		return false;
	if (*used)
		interp_fail(in, n, "vacation can be used only once");
	*used = true;
	return !in->failed;
}

static bool
deserves(
    struct interp *in, const struct view *own, size_t n, struct view *named)
{
	struct view message = in->env.message;
	enum vacation_verdict v =
	    vacation_veto(view_sub(message, 0, header_size(message)));

	/* no edit takes the marks of a machine's mail away; else the header as
	 * it is now counts (RFC 5293 section 7) */
	if (v != VACATION_REPLY ||
	    !interp_cost(in, n + letter_header(interp_message(in)).n))
		return false;
	v = vacation_decide(letter_header(interp_message(in)), in->env.from,
	    own, n, in->arena, named);
	if (v == VACATION_NOT_NAMED && n > 0 &&
	    view_eq_ci(
		interp_setting(in, "sieve_vacation_dont_check_recipient"),
		VIEW_LIT("yes"))) {
		*named = own[0];
		return true;
	}
	return v == VACATION_REPLY;
}

static enum ext_flow
run_vacation(struct interp *in, const struct script_node *n)
{
	const struct script_tag *from = script_tag(n, &tags[TAG_FROM]);
	struct sieve_action a = { .kind = SIEVE_VACATION };
	struct sieve_vacation *v = &a.u.vacation;
	struct view *own, named;
	size_t n_own;

	if (!is_first(in, n))
		return EXT_STOP;
	own = own_addresses(in, n, &n_own);
	if (own == NULL || !deserves(in, own, n_own, &named))
		return EXT_NEXT;
	v->seconds = period(n);
	v->mime = script_tag(n, &tags[TAG_MIME]) != NULL;
	v->to = in->env.from;
	v->from = named;
	if (from != NULL &&
	    tidy_is_address(interp_string(in, from->param), in->arena, NULL))
		v->from = interp_string(in, from->param);
	v->subject = subject(in, n);
	if (!tidy_lines(interp_string(in, n->arg[0]), in->arena, &v->reason)) {
		interp_fail(in, n, "the run needs too much memory");
		return EXT_STOP;
	}
	v->handle = handle(in, n, v);
	if (!in->failed)
		interp_act(in, n, &a);
	return EXT_NEXT;
}

static const struct ext_command commands[] = {
	{ .name = "vacation", .args = "s", .run = run_vacation },
};

const struct ext ext_vacation = {
	.name = "vacation",
	.flags = EXT_DELIVERY,
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};

const struct ext ext_vacation_seconds = {
	.name = "vacation-seconds",
	.flags = EXT_DELIVERY,
	.needs = "vacation",
	.tags = seconds_tag,
	.n_tags = EXT_COUNT(seconds_tag),
};
