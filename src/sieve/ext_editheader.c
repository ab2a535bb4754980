/* RFC 5293: addheader and deleteheader. */
#include "sieve/checker.h"
#include "sieve/compare.h"
#include "sieve/editheader.h"
#include "sieve/ext.h"
#include "sieve/interp.h"
#include "sieve/tidy.h"

extern const struct ext ext_editheader;

static const struct ext_tag tags[];
enum { TAG_INDEX, TAG_LAST, TAG_ADD_LAST };

#define NAME_SHOWN 80

static int
shown(struct view v)
{
	return (int)(v.n < NAME_SHOWN ? v.n : NAME_SHOWN);
}

/* Is name among the words of a list? */
static bool
is_listed(struct view list, struct view name)
{
	while (list.n > 0) {
		const uint8_t *end = memchr(list.p, ' ', list.n);
		size_t n = end != NULL ? (size_t)(end - list.p) : list.n;

		if (view_eq_ci(view_sub(list, 0, n), name))
			return true;
		view_skip(&list, n < list.n ? n + 1 : n);
	}
	return false;
}

/* May the site's settings forbid it? Not for Subject (RFC 5293 section 6). */
static bool
is_forbidden(struct interp *in, const char *setting, struct view name)
{
	return !view_eq_ci(name, VIEW_LIT("Subject")) &&
	    (is_listed(
		 interp_setting(in, "sieve_editheader_protected"), name) ||
		is_listed(interp_setting(in, setting), name));
}

/* RFC 5293 section 6: these tell a message's way, so they stay. */
static bool
is_protected(struct view name)
{
	return view_eq_ci(name, VIEW_LIT("Received")) ||
	    view_eq_ci(name, VIEW_LIT("Auto-Submitted"));
}

static bool
is_value(struct view v)
{
	return v.n <= EDITHEADER_VALUE_MAX &&
	    (v.n == 0 || memchr(v.p, 0, v.n) == NULL);
}

static bool
check_name(struct checker *c, const struct script_arg *arg)
{
	struct view v = arg->texts[0].v;

	if (checker_is_constant(arg) && !tidy_is_field_name(v))
		return checker_error_arg(c, arg,
		    "the field name \"%.*s\" is invalid", shown(v),
		    (const char *)v.p);
	return true;
}

/* For messages: what stands before the first NUL. */
static int
before_nul(struct view v)
{
	int n = 0;

	while (n < shown(v) && v.p[n] != '\0')
		n++;
	return n;
}

static bool
check_addheader(struct checker *c, struct script_node *n)
{
	struct view v = n->arg[1]->texts[0].v;

	if (!check_name(c, n->arg[0]))
		return false;
	if (checker_is_constant(n->arg[1]) && !is_value(v))
		return checker_error_arg(c, n->arg[1],
		    "the value \"%.*s\" of a header field is invalid",
		    before_nul(v), (const char *)v.p);
	return true;
}

static bool
check_deleteheader(struct checker *c, struct script_node *n)
{
	if (script_tag(n, &tags[TAG_LAST]) != NULL &&
	    script_tag(n, &tags[TAG_INDEX]) == NULL)
		return checker_error_node(c, n, "tag :last needs :index");
	return check_name(c, n->arg[0]);
}

static struct editheader *
edits_of(struct interp *in)
{
	return interp_state(in, &ext_editheader, sizeof(struct editheader));
}

static bool
good_name(struct interp *in, const struct script_node *n, struct view name)
{
	if (tidy_is_field_name(name))
		return true;
	interp_fail(in, n, "the field name \"%.*s\" is invalid", shown(name),
	    (const char *)name.p);
	return false;
}

static enum ext_flow
run_addheader(struct interp *in, const struct script_node *n)
{
	struct editheader *e = edits_of(in);
	struct view name = interp_string(in, n->arg[0]);
	struct view value = interp_string(in, n->arg[1]), field, out;

	if (e == NULL || !good_name(in, n, name))
		return EXT_STOP;
	if (is_forbidden(in, "sieve_editheader_forbid_add", name))
		return EXT_NEXT;
	if (!is_value(value)) {
		interp_fail(in, n,
		    "the value \"%.*s\" of a header field is "
		    "invalid",
		    before_nul(value), (const char *)value.p);
		return EXT_STOP;
	}
	if (!tidy_field(name, value, in->arena, &field) ||
	    !editheader_add(e, letter_header(interp_message(in)), field,
		script_tag(n, &tags[TAG_ADD_LAST]) != NULL, in->arena, &out)) {
		interp_fail(in, n, "the run needs too much memory");
		return EXT_STOP;
	}
	interp_edit_header(in, out);
	return EXT_NEXT;
}

/* Is the field number i (from 1) of n one that :index and :last mean? */
static bool
is_meant(const struct script_node *n, size_t i, size_t count)
{
	const struct script_tag *index = script_tag(n, &tags[TAG_INDEX]);

	if (index == NULL)
		return true;
	if (script_tag(n, &tags[TAG_LAST]) != NULL)
		i = count - i + 1;
	return i == index->param->number;
}

static bool
value_matches(
    struct interp *in, const struct script_node *n, struct letter_value *v)
{
	struct compare c;

	if (n->arg[1] == NULL)
		return true;
	compare_begin(&c, in, n);
	(void)!compare_field(&c, interp_message(in), v);
	return compare_end(&c);
}

/* The raw fields to go; the letter has its values in the same order. */
static size_t
find_fields(struct interp *in, const struct script_node *n, struct view name,
    struct letter_values l, struct view *gone)
{
	struct view rest = letter_header(interp_message(in));
	struct header_field f;
	size_t n_gone = 0, i = 0;

	while (i < l.n && header_next(&rest, &f)) {
		if (!view_eq_ci(f.name, name))
			continue;
		if (is_meant(n, i + 1, l.n) && value_matches(in, n, l.v[i]))
			gone[n_gone++] = f.raw;
		i++;
	}
	return n_gone;
}

static enum ext_flow
run_deleteheader(struct interp *in, const struct script_node *n)
{
	struct editheader *e = edits_of(in);
	struct view name = interp_string(in, n->arg[0]), out, *gone;
	struct letter_values l;
	size_t n_gone;

	if (e == NULL || !good_name(in, n, name))
		return EXT_STOP;
	if (is_protected(name) ||
	    is_forbidden(in, "sieve_editheader_forbid_delete", name))
		return EXT_NEXT;
	l = letter_fields(interp_message(in), name);
	if (l.n == 0 || (gone = interp_alloc(in, l.n * sizeof(*gone))) == NULL)
		return EXT_NEXT;
	n_gone = find_fields(in, n, name, l, gone);
	if (n_gone == 0 || in->failed)
		return EXT_NEXT;
	if (!editheader_delete(e, letter_header(interp_message(in)), gone,
		n_gone, in->arena, &out)) {
		interp_fail(in, n, "the run needs too much memory");
		return EXT_STOP;
	}
	interp_edit_header(in, out);
	return EXT_NEXT;
}

static const struct ext_tag tags[] = {
	[TAG_INDEX] = { .name = "index",
	    .commands = "deleteheader",
	    .param = EXT_NUMBER },
	[TAG_LAST] = { .name = "last", .commands = "deleteheader" },
	[TAG_ADD_LAST] = { .name = "last", .commands = "addheader" },
};

static const struct ext_command commands[] = {
	{ .name = "addheader",
	    .args = "ss",
	    .check = check_addheader,
	    .run = run_addheader },
	{ .name = "deleteheader",
	    .args = "s?l",
	    .flags = EXT_MATCH,
	    .check = check_deleteheader,
	    .run = run_deleteheader },
};

const struct ext ext_editheader = {
	.name = "editheader",
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
