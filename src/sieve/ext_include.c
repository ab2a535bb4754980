/* RFC 6609: include, return, global. */
#include "sieve/include.h"

#include "base/utf8.h"
#include "sieve/checker.h"
#include "sieve/ext.h"
#include "sieve/interp.h"
#include "sieve/mime_loop.h"

enum { TAG_PERSONAL, TAG_GLOBAL, TAG_ONCE, TAG_OPTIONAL };

static const struct ext_tag tags[] = {
	[TAG_PERSONAL] = { .name = "personal",
	    .commands = "include",
	    .group = "location" },
	[TAG_GLOBAL] = { .name = "global",
	    .commands = "include",
	    .group = "location" },
	[TAG_ONCE] = { .name = "once", .commands = "include" },
	[TAG_OPTIONAL] = { .name = "optional", .commands = "include" },
};

struct global {
	struct global *next;
	struct view name;
	struct view value;
};

struct includes {
	const struct sieve_program *all[INCLUDE_SCRIPTS_MAX];
	size_t n;
	const struct sieve_program *stack[SIEVE_INCLUDE_MAX];
	size_t depth;
	struct global *globals;
	size_t n_globals;
};

extern const struct ext ext_include;

static struct includes *
includes_of(struct interp *in)
{
	return interp_state(in, &ext_include, sizeof(struct includes));
}

/* sieve-name of RFC 5804 section 1.6, and no "/", which other servers refuse. */
static bool
is_script_name(struct view v)
{
	uint32_t c;

	if (v.n == 0 || v.n > INCLUDE_NAME_MAX)
		return false;
	while (v.n > 0)
		if (!utf8_take(&v, &c) || c < 0x20 || c == '/' ||
		    (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029)
			return false;
	return true;
}

static bool
check_include(struct checker *c, struct script_node *n)
{
	if (!checker_is_constant(n->arg[0]))
		return checker_error_arg(
		    c, n->arg[0], "the name of a script must be constant");
	if (!is_script_name(n->arg[0]->texts[0].v))
		return checker_error_arg(
		    c, n->arg[0], "that is no name of a script");
	return true;
}

static bool
is_in(const struct sieve_program *const *list, size_t n,
    const struct sieve_program *p)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == p)
			return true;
	return false;
}

static void
fail_name(struct interp *in, const struct script_node *n, const char *what)
{
	struct view v = n->arg[0]->texts[0].v;

	interp_fail(in, n, "the script \"%.*s\" %s",
	    (int)(v.n < 100 ? v.n : 100), (const char *)v.p, what);
}

/* The script to include; NULL: none, or the run has failed. */
static const struct sieve_program *
find(struct interp *in, const struct script_node *n)
{
	const struct sieve_program *p = NULL;
	bool global = script_tag(n, &tags[TAG_GLOBAL]) != NULL;
	enum sieve_script_result r = SIEVE_SCRIPT_MISSING;

	if (in->calls->script != NULL)
		r = in->calls->script(
		    in->env.ctx, n->arg[0]->texts[0].v, global, &p);
	switch (r) {
	case SIEVE_SCRIPT_OK:
		return p;
	case SIEVE_SCRIPT_MISSING:
		if (script_tag(n, &tags[TAG_OPTIONAL]) == NULL)
			fail_name(in, n, "does not exist");
		return NULL;
	case SIEVE_SCRIPT_BROKEN:
		fail_name(in, n, "has errors");
		return NULL;
	case SIEVE_SCRIPT_FAILED:
		fail_name(in, n, "cannot be had at the moment");
		in->result->end = SIEVE_TEMPORARY;
		return NULL;
	}
	return NULL;
}

static bool
may_enter(struct interp *in, const struct script_node *n, struct includes *s,
    const struct sieve_program *p)
{
	if (script_tag(n, &tags[TAG_ONCE]) != NULL && is_in(s->all, s->n, p))
		return false;
	if (is_in(s->stack, s->depth, p)) {
		fail_name(in, n, "includes itself");
		return false;
	}
	if (s->depth == SIEVE_INCLUDE_MAX) {
		interp_fail(in, n, "scripts are included deeper than %d",
		    SIEVE_INCLUDE_MAX);
		return false;
	}
	if (s->n == INCLUDE_SCRIPTS_MAX) {
		interp_fail(in, n, "more than %d scripts are included",
		    INCLUDE_SCRIPTS_MAX);
		return false;
	}
	return true;
}

static enum ext_flow
run_include(struct interp *in, const struct script_node *n)
{
	struct includes *s = includes_of(in);
	const struct sieve_program *p;
	struct mime_loop_outside outside;
	enum ext_flow flow;

	if (s == NULL || (p = find(in, n)) == NULL || !may_enter(in, n, s, p))
		return EXT_NEXT;
	s->all[s->n++] = p;
	s->stack[s->depth++] = p;
	outside = mime_loop_enter(in);
	flow = interp_call(in, n, p);
	mime_loop_leave(in, outside);
	s->depth--;
	return flow;
}

static enum ext_flow
run_return(struct interp *in, const struct script_node *n)
{
	(void)in;
	(void)n;
	return EXT_RETURN;
}

/* variable-name (RFC 5229 section 3) without name space. */
static bool
is_identifier(struct view v)
{
	if (v.n == 0 || v.n > SIEVE_NAME_MAX ||
	    (v.p[0] >= '0' && v.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] != '_' && !(v.p[i] >= '0' && v.p[i] <= '9') &&
		    !(v.p[i] >= 'a' && v.p[i] <= 'z') &&
		    !(v.p[i] >= 'A' && v.p[i] <= 'Z'))
			return false;
	return true;
}

/* The slots of the names of a global command. */
static bool
check_global(struct checker *c, struct script_node *n)
{
	const struct script_arg *names = n->arg[0];
	unsigned *slots;

	if (!checker_has(c, "variables"))
		return checker_error_node(
		    c, n, "global also needs variables to be required");
	if ((slots = checker_alloc(c, (names->n + 1) * sizeof(*slots))) == NULL)
		return false;
	for (size_t i = 0; i < names->n; i++) {
		if (names->texts[i].parts != NULL ||
		    !is_identifier(names->texts[i].v))
			return checker_error_arg(
			    c, names, "that is no name for a global variable");
		if (!checker_global(c, names, names->texts[i].v, &slots[i]))
			return false;
	}
	n->data = slots;
	return true;
}

static struct global *
global_find(struct interp *in, struct view name)
{
	struct includes *s = includes_of(in);
	struct global *g;

	if (s == NULL)
		return NULL;
	for (g = s->globals; g != NULL; g = g->next)
		if (view_eq_ci(g->name, name))
			return g;
	if (s->n_globals == INCLUDE_GLOBALS_MAX ||
	    (g = interp_alloc(in, sizeof(*g))) == NULL)
		return NULL;
	g->name = name;
	g->next = s->globals;
	s->globals = g;
	s->n_globals++;
	return g;
}

static enum ext_flow
run_global(struct interp *in, const struct script_node *n)
{
	const unsigned *slots = n->data;

	for (size_t i = 0; i < n->arg[0]->n; i++) {
		struct global *g = global_find(in, n->arg[0]->texts[i].v);

		if (g == NULL) {
			interp_fail(in, n, "there are more than %d globals",
			    INCLUDE_GLOBALS_MAX);
			return EXT_STOP;
		}
		interp_bind(in, slots[i], &g->value);
	}
	return EXT_NEXT;
}

static bool
space_check(struct checker *c, struct view name, bool write)
{
	(void)c;
	(void)write;
	return is_identifier(name);
}

static struct view
space_get(struct interp *in, struct view name)
{
	struct global *g = global_find(in, name);

	return g != NULL ? g->value : (struct view){ NULL, 0 };
}

static void
space_set(struct interp *in, struct view name, struct view value)
{
	struct global *g = global_find(in, name);

	if (g != NULL)
		g->value = value;
}

static const struct ext_command commands[] = {
	{ .name = "include",
	    .args = "s",
	    .check = check_include,
	    .run = run_include },
	{ .name = "return", .run = run_return },
	{ .name = "global",
	    .args = "l",
	    .check = check_global,
	    .run = run_global },
};

const struct ext ext_include = {
	.name = "include",
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
	.space = "global",
	.space_check = space_check,
	.space_get = space_get,
	.space_set = space_set,
};
