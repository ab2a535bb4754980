/* RFC 5435: notify, and RFC 5436: by mailto. */
#include "base/utf8.h"
#include "sieve/checker.h"
#include "sieve/compare.h"
#include "sieve/ext.h"
#include "sieve/interp.h"
#include "sieve/mailto.h"
#include "sieve/tidy.h"
#include "sieve/vacation.h"

enum { TAG_FROM, TAG_IMPORTANCE, TAG_OPTIONS, TAG_MESSAGE, TAG_ENCODEURL };

/* "1", "2" or "3"; 0: none of them. */
static unsigned
importance(struct view v)
{
	return v.n == 1 && v.p[0] >= '1' && v.p[0] <= '3' ? v.p[0] - '0' : 0;
}

static bool
check_importance(struct checker *c, struct script_node *n, struct script_tag *t)
{
	(void)n;
	if (checker_is_constant(t->param) &&
	    importance(t->param->texts[0].v) == 0)
		return checker_error_arg(c, t->param,
		    "the importance must be \"1\", \"2\" or \"3\"");
	return true;
}

static bool
is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* option = l-d *l-d-p "=" value (RFC 5435 section 3.4) */
static bool
is_option(struct view v)
{
	size_t n = 0;

	if (v.n == 0 || !is_letter(v.p[0]))
		return false;
	while (n < v.n &&
	    (is_letter(v.p[n]) || v.p[n] == '.' || v.p[n] == '-' ||
		v.p[n] == '_'))
		n++;
	if (n == v.n || v.p[n] != '=')
		return false;
	for (; n < v.n; n++)
		if (v.p[n] == '\r' || v.p[n] == '\n' || v.p[n] == '\0')
			return false;
	return true;
}

static bool
check_options(struct checker *c, struct script_node *n, struct script_tag *t)
{
	(void)n;
	for (size_t i = 0; i < t->param->n; i++)
		if (t->param->texts[i].parts == NULL &&
		    !is_option(t->param->texts[i].v))
			return checker_error_arg(c, t->param,
			    "an option must be \"name=value\" on one line");
	return true;
}

static bool
is_unreserved(uint8_t c)
{
	return is_letter(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* RFC 5435 section 6: percent-encoding; a character's bytes stay together when
 * the variable is full. */
static struct view
modify_encodeurl(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct view v)
{
	static const char hex[] = "0123456789ABCDEF";
	uint8_t *p = interp_alloc(in, 3 * v.n + 1);
	size_t at = 0, max = interp_variable_max(in);

	(void)n;
	(void)t;
	if (p == NULL || !interp_cost(in, v.n / 64))
		return v;
	while (v.n > 0) {
		struct view c = v, rest = v;
		uint32_t cp;

		c.n = utf8_take(&rest, &cp) ? v.n - rest.n : 1;
		if (at + (is_unreserved(c.p[0]) ? 1 : 3 * c.n) > max)
			break;
		if (is_unreserved(c.p[0]))
			p[at++] = c.p[0];
		for (size_t i = 0; i < c.n && !is_unreserved(c.p[0]); i++) {
			p[at++] = '%';
			p[at++] = hex[c.p[i] >> 4];
			p[at++] = hex[c.p[i] & 15];
		}
		view_skip(&v, c.n);
	}
	return (struct view){ p, at };
}

static const struct ext_tag tags[] = {
	[TAG_ENCODEURL] = { .name = "encodeurl",
	    .commands = "set extracttext",
	    .group = "precedence 15",
	    .modify = modify_encodeurl,
	    .precedence = 15 },
	[TAG_FROM] = { .name = "from",
	    .commands = "notify",
	    .param = EXT_STRING,
	    .check = checker_tag_address },
	[TAG_IMPORTANCE] = { .name = "importance",
	    .commands = "notify",
	    .param = EXT_STRING,
	    .check = check_importance },
	[TAG_OPTIONS] = { .name = "options",
	    .commands = "notify",
	    .param = EXT_STRINGS,
	    .check = check_options },
	[TAG_MESSAGE] = { .name = "message",
	    .commands = "notify",
	    .param = EXT_STRING },
};

static bool
check_notify(struct checker *c, struct script_node *n)
{
	struct mailto *m = checker_alloc(c, sizeof(*m));
	const char *text;

	if (m == NULL)
		return false;
	if (checker_is_constant(n->arg[0]) &&
	    !mailto_parse(n->arg[0]->texts[0].v, checker_arena(c), m, &text))
		return checker_error_arg(c, n->arg[0], "%s", text);
	return true;
}

/* Can notifications go that way? */
static bool
is_method(struct interp *in, struct view uri)
{
	struct mailto *m;
	const char *text;

	if (!interp_cost(in, uri.n / 64 + 1))
		return false;
	if (in->calls->notify_valid != NULL)
		return in->calls->notify_valid(in->env.ctx, uri);
	m = interp_alloc(in, sizeof(*m));
	return m != NULL && mailto_parse(uri, in->arena, m, &text);
}

static const struct view *
options(struct interp *in, const struct script_tag *t)
{
	struct view *v = interp_alloc(in, (t->param->n + 1) * sizeof(*v));

	for (size_t i = 0; v != NULL && i < t->param->n; i++)
		v[i] = interp_text(in, &t->param->texts[i]);
	return v;
}

/* The notifications of this run that say the same. */
static void
set_before(struct interp *in, struct sieve_notify *y)
{
	struct view *v = interp_alloc(in, (in->n_actions + 1) * sizeof(*v));

	for (size_t i = 0; v != NULL && i < in->n_actions; i++) {
		const struct sieve_action *a = &in->actions[i];

		if (a->kind == SIEVE_NOTIFY &&
		    view_eq(a->u.notify.message, y->message))
			v[y->n_before++] = a->u.notify.method;
	}
	y->before = v;
}

static enum ext_flow
run_notify(struct interp *in, const struct script_node *n)
{
	const struct script_tag *from = script_tag(n, &tags[TAG_FROM]);
	const struct script_tag *level = script_tag(n, &tags[TAG_IMPORTANCE]);
	const struct script_tag *opt = script_tag(n, &tags[TAG_OPTIONS]);
	const struct script_tag *text = script_tag(n, &tags[TAG_MESSAGE]);
	struct sieve_action a = { .kind = SIEVE_NOTIFY };
	struct sieve_notify *y = &a.u.notify;

	y->method = interp_string(in, n->arg[0]);
	if (!is_method(in, y->method)) {
		interp_fail(in, n, "no notification can be sent by that URI");
		return EXT_STOP;
	}
	/* a machine must not be told by another (RFC 5436 section 2.7) */
	if (vacation_is_automatic(
		view_sub(in->env.message, 0, header_size(in->env.message))))
		return EXT_NEXT;
	if (from != NULL) {
		y->from = interp_string(in, from->param);
		if (!tidy_is_address(y->from, in->arena, NULL))
			y->from = (struct view){ NULL, 0 };
	}
	y->importance = 2;
	if (level != NULL)
		y->importance = importance(interp_string(in, level->param));
	if (y->importance == 0)
		y->importance = 2;
	if (opt != NULL) {
		y->options = options(in, opt);
		y->n_options = y->options != NULL ? opt->param->n : 0;
	}
	if (text != NULL &&
	    !tidy_lines(interp_string(in, text->param), in->arena, &y->message))
		interp_fail(in, n, "the run needs too much memory");
	set_before(in, y);
	if (!in->failed)
		interp_act(in, n, &a);
	return EXT_NEXT;
}

static bool
test_valid(struct interp *in, const struct script_node *n)
{
	for (size_t i = 0; i < n->arg[0]->n; i++)
		if (!is_method(in, interp_text(in, &n->arg[0]->texts[i])))
			return false;
	return true;
}

/* RFC 5435 section 5: the one capability there is, and whether a mailbox is
 * read just now nobody knows (RFC 5436 section 2.8). */
static bool
test_capability(struct interp *in, const struct script_node *n)
{
	struct compare c;

	if (!is_method(in, interp_string(in, n->arg[0])) ||
	    !view_eq_ci(interp_string(in, n->arg[1]), VIEW_LIT("online")))
		return false;
	compare_begin(&c, in, n);
	(void)!compare_value(&c, VIEW_LIT("maybe"));
	return compare_end(&c);
}

static const struct ext_command commands[] = {
	{ .name = "notify",
	    .args = "s",
	    .check = check_notify,
	    .run = run_notify },
};

static const struct ext_command tests[] = {
	{ .name = "valid_notify_method", .args = "l", .test = test_valid },
	{ .name = "notify_method_capability",
	    .args = "ssl",
	    .flags = EXT_MATCH,
	    .test = test_capability },
};

const struct ext ext_enotify = {
	.name = "enotify",
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
