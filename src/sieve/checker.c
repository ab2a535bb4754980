/*
 * The checker walks the tree once. Where a script may use ihave (RFC 5463), a
 * name that is not enabled is no error of the script but of the run that gets
 * there; the node then has no definition but says what is wrong.
 */

#include "sieve/checker_impl.h"

#include <stdarg.h>
#include <stdio.h>

#include "sieve/ext_list.h"
#include "sieve/tidy.h"

#define NAME_SHOWN 40 /* bytes of a name in an error */
#define SHOW(v)                                                                \
	(int)((v).n < NAME_SHOWN ? (v).n : NAME_SHOWN), (const char *)(v).p

struct arena *
checker_arena(struct checker *c)
{
	return c->p->arena;
}

static bool A_PRINTF(4, 0) vtell(struct checker *c, uint32_t line,
    uint32_t column, const char *fmt, va_list ap)
{
	char text[sizeof(c->errors->e[0].text)];

	vsnprintf(text, sizeof(text), fmt, ap);
	script_error(c->errors, line, column, "%s", text);
	return false;
}

bool
checker_error(
    struct checker *c, uint32_t line, uint32_t column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtell(c, line, column, fmt, ap);
	va_end(ap);
	return false;
}

void *
checker_alloc(struct checker *c, size_t size)
{
	void *p = arena_alloc(c->p->arena, size);

	if (p == NULL)
		checker_error(c, c->node->line, c->node->column,
		    "the script is too large");
	return p;
}

bool
checker_missing(struct checker *c, struct script_node *n, uint32_t line,
    uint32_t column, const char *fmt, ...)
{
	char text[sizeof(c->errors->e[0].text)];
	va_list ap;

	va_start(ap, fmt);
	if (!c->ihave) {
		vtell(c, line, column, fmt, ap);
	} else {
		vsnprintf(text, sizeof(text), fmt, ap);
		n->wrong = arena_strdup(c->p->arena, view_str(text));
		if (n->wrong == NULL)
			n->wrong = "the script is too large";
	}
	va_end(ap);
	return false;
}

bool
checker_has(const struct checker *c, const char *extension)
{
	const struct ext *e = ext_find(view_str(extension));

	return e != NULL && checker_enabled(c, e);
}

bool
checker_knows(const struct checker *c, struct view extension)
{
	const struct ext *e = ext_find(extension);

	return e != NULL && ext_usable(e, c->options);
}

bool
checker_require(struct checker *c, struct view extension)
{
	const struct ext *e = ext_find(extension);

	if (e == NULL || !ext_usable(e, c->options))
		return false;
	c->enabled |= ext_bit(e);
	if (e->needs != NULL)
		return checker_require(c, view_str(e->needs));
	return true;
}

bool
checker_tag_address(
    struct checker *c, struct script_node *n A_UNUSED, struct script_tag *t)
{
	if (checker_is_constant(t->param) &&
	    !tidy_is_address(t->param->texts[0].v, checker_arena(c), NULL))
		return checker_error_arg(c, t->param,
		    "the address given to :%s is invalid", t->def->name);
	return true;
}

const struct script_node *
checker_parent(const struct checker *c, unsigned level)
{
	return level < c->n_parents ? c->parents[c->n_parents - 1 - level]
				    : NULL;
}

/* Is it the name, in any case? Most are not by their first letter. */
static bool
is_name(const char *name, struct view v)
{
	return v.n > 0 && (name[0] | 0x20) == (v.p[0] | 0x20) &&
	    view_eq_ci(v, view_str(name));
}

/* The definition of that name in one table; NULL: none. */
static const struct ext_command *
in_table(const struct ext_command *table, size_t n, struct view name)
{
	for (size_t i = 0; i < n; i++)
		if (is_name(table[i].name, name))
			return &table[i];
	return NULL;
}

/* Who defines a command (or test) of that name; what is enabled wins. */
static const struct ext_command *
find_command(const struct checker *c, struct view name, bool test,
    const struct ext **ext)
{
	const struct ext_command *found = NULL;

	for (size_t i = 0; ext_all[i] != NULL; i++) {
		const struct ext *e = ext_all[i];
		const struct ext_command *d = test
		    ? in_table(e->tests, e->n_tests, name)
		    : in_table(e->commands, e->n_commands, name);

		if (d == NULL || !ext_usable(e, c->options))
			continue;
		if (found == NULL || (c->enabled >> i & 1) != 0) {
			found = d;
			*ext = e;
		}
	}
	return found;
}

static bool
find_definition(struct checker *c, struct script_node *n, bool test)
{
	const char *what = test ? "test" : "command";
	const struct ext *e = NULL;
	const struct ext_command *d = find_command(c, n->name, test, &e);

	if (d == NULL) {
		if (find_command(c, n->name, !test, &e) != NULL)
			return checker_error_node(c, n,
			    "\"%.*s\" is a %s, not a %s", SHOW(n->name),
			    test ? "command" : "test", what);
		return checker_missing(c, n, n->line, n->column,
		    "there is no %s \"%.*s\"", what, SHOW(n->name));
	}
	if (!checker_enabled(c, e))
		return checker_missing(c, n, n->line, n->column,
		    "\"%s\" can only be used after require \"%s\"", d->name,
		    e->name);
	c->uses |= ext_bit(e);
	n->def = d;
	return true;
}

/* Is name one of the words of a list with blanks between? */
static bool
in_words(const char *words, struct view name)
{
	struct view v = view_str(words);

	while (v.n > 0) {
		const uint8_t *end = memchr(v.p, ' ', v.n);
		size_t n = end == NULL ? v.n : (size_t)(end - v.p);

		if (view_eq_ci(view_sub(v, 0, n), name))
			return true;
		view_skip(&v, end == NULL ? n : n + 1);
	}
	return false;
}

static const struct ext_tag *
find_tag(const struct checker *c, const struct script_node *n, struct view name,
    const struct ext **ext)
{
	const struct ext_tag *found = NULL;

	for (size_t i = 0; ext_all[i] != NULL; i++) {
		const struct ext *e = ext_all[i];

		if (!ext_usable(e, c->options))
			continue;
		for (size_t k = 0; k < e->n_tags; k++) {
			const struct ext_tag *t = &e->tags[k];

			if (!is_name(t->name, name) ||
			    !in_words(t->commands, view_str(n->def->name)))
				continue;
			if (found == NULL || (c->enabled >> i & 1) != 0) {
				found = t;
				*ext = e;
			}
		}
	}
	return found;
}

/* Is arg what the parameter of a tag, or a positional argument, must be? */
static bool
is_param(const struct script_arg *arg, enum ext_param param)
{
	switch (param) {
	case EXT_NONE:
		return false;
	case EXT_NUMBER:
		return arg->kind == SCRIPT_NUMBER;
	case EXT_STRING:
		return arg->kind == SCRIPT_STRING;
	case EXT_STRINGS:
		return arg->kind == SCRIPT_STRING || arg->kind == SCRIPT_LIST;
	}
	return false;
}

static const char *
param_name(enum ext_param param)
{
	switch (param) {
	case EXT_NONE:
		return "nothing";
	case EXT_NUMBER:
		return "a number";
	case EXT_STRING:
		return "a string";
	case EXT_STRINGS:
		return "a string or a list of strings";
	}
	return "";
}

/* Does a tag given before exclude this one? */
static bool
excludes(const struct ext_tag *a, const struct ext_tag *b)
{
	return a == b ||
	    (a->group != NULL && b->group != NULL &&
		view_eq(view_str(a->group), view_str(b->group)));
}

static bool
take_tag(struct checker *c, struct script_node *n, size_t *i)
{
	const struct script_arg *at = &n->args[*i];
	const struct ext *e = NULL;
	const struct ext_tag *t = find_tag(c, n, at->tag, &e);
	struct script_tag *out = &n->tags[n->n_tags];

	if (t == NULL)
		return checker_missing(c, n, at->line, at->column,
		    "\"%s\" has no tag \":%.*s\"", n->def->name, SHOW(at->tag));
	if (!checker_enabled(c, e))
		return checker_missing(c, n, at->line, at->column,
		    "\":%s\" can only be used after require \"%s\"", t->name,
		    e->name);
	for (size_t k = 0; k < n->n_tags; k++)
		if (n->tags[k].def == t)
			return checker_error_arg(
			    c, at, "\":%s\" is given twice", t->name);
		else if (excludes(n->tags[k].def, t))
			return checker_error_arg(c, at,
			    "\":%s\" cannot stand beside \":%s\"", t->name,
			    n->tags[k].def->name);
	c->uses |= ext_bit(e);
	*out = (struct script_tag){ .def = t, .at = at };
	++*i;
	if (t->param != EXT_NONE) {
		if (*i == n->n_args || !is_param(&n->args[*i], t->param))
			return checker_error_arg(c, at,
			    "%s must follow \":%s\"", param_name(t->param),
			    t->name);
		out->param = &n->args[(*i)++];
	}
	n->n_tags++;
	return true;
}

static enum ext_param
letter_param(char c)
{
	return c == 's' ? EXT_STRING : c == 'n' ? EXT_NUMBER : EXT_STRINGS;
}

/* Give the n_given arguments that are no tags their places. */
static bool
place_args(struct checker *c, struct script_node *n,
    const struct script_arg **given, size_t n_given)
{
	const char *p = n->def->args == NULL ? "" : n->def->args;
	size_t needed = 0, all = 0, spare, used = 0;

	for (const char *q = p; *q != '\0'; q++) {
		if (*q == '?')
			continue;
		all++;
		needed += q == p || q[-1] != '?';
	}
	if (n_given < needed)
		return checker_error_node(c, n,
		    "\"%s\" needs %zu argument%s, not %zu", n->def->name,
		    needed, needed == 1 ? "" : "s", n_given);
	if (n_given > all)
		return checker_error_arg(c, given[all],
		    "\"%s\" takes %zu argument%s, not %zu", n->def->name, all,
		    all == 1 ? "" : "s", n_given);
	spare = n_given - needed;
	n->arg = checker_alloc(c, (all + 1) * sizeof(const void *));
	if (n->arg == NULL)
		return false;
	for (size_t i = 0; *p != '\0'; p++, i++) {
		if (*p == '?') {
			p++;
			if (spare == 0)
				continue;
			spare--;
		}
		if (!is_param(given[used], letter_param(*p)))
			return checker_error_arg(c, given[used],
			    "%s must stand here, as argument %zu of \"%s\"",
			    param_name(letter_param(*p)), used + 1,
			    n->def->name);
		n->arg[i] = given[used++];
	}
	return true;
}

static bool
check_args(struct checker *c, struct script_node *n)
{
	const struct script_arg **given =
	    checker_alloc(c, (n->n_args + 1) * sizeof(const void *));
	size_t n_given = 0;

	n->tags = checker_alloc(c, (n->n_args + 1) * sizeof(*n->tags));
	if (given == NULL || n->tags == NULL)
		return false;
	if ((n->def->flags & EXT_REQUIRE) == 0)
		for (size_t i = 0; i < n->n_args; i++)
			if (!checker_texts(c, &n->args[i]))
				return false;
	for (size_t i = 0; i < n->n_args;) {
		enum checker_tag r;

		if (n->args[i].kind != SCRIPT_TAG) {
			given[n_given++] = &n->args[i++];
			continue;
		}
		r = checker_match_tag(c, n, &i);
		if (r == CHECKER_TAG_BAD ||
		    (r == CHECKER_TAG_NO && !take_tag(c, n, &i)))
			return false;
	}
	return place_args(c, n, given, n_given);
}

static bool
check_shape(struct checker *c, const struct script_node *n)
{
	const struct ext_command *d = n->def;

	switch (d->tests) {
	case EXT_NO_TESTS:
		if (n->n_tests > 0)
			return checker_error_node(c, n->tests,
			    "\"%s\" takes no test; perhaps ';' is missing "
			    "before this",
			    d->name);
		break;
	case EXT_ONE_TEST:
		if (n->n_tests != 1 || n->test_list)
			return checker_error_node(c, n,
			    "\"%s\" needs one test, without parentheses",
			    d->name);
		break;
	case EXT_TEST_LIST:
		if (n->n_tests == 0)
			return checker_error_node(
			    c, n, "\"%s\" needs tests in parentheses", d->name);
		break;
	}
	if (d->block && !n->has_block)
		return checker_error_node(c, n,
		    "\"%s\" needs a block of commands in braces", d->name);
	if (!d->block && n->has_block)
		return checker_error_node(
		    c, n, "\"%s\" takes no block; it ends with ';'", d->name);
	return true;
}

/* Run the checks that the definitions of a node and its tags bring along. */
static bool
own_checks(struct checker *c, struct script_node *n)
{
	for (size_t i = 0; i < n->n_tags; i++)
		if (n->tags[i].def->check != NULL &&
		    !n->tags[i].def->check(c, n, &n->tags[i]))
			return false;
	return n->def->check == NULL || n->def->check(c, n);
}

static bool check_test(struct checker *c, struct script_node *n);

static bool
check_tests(struct checker *c, struct script_node *n)
{
	bool ok = true;

	for (struct script_node *t = n->tests; t != NULL; t = t->next)
		ok &= check_test(c, t);
	return ok;
}

/* A node without its block. The tests come in the middle, as an ihave among
 * them counts for what follows. */
static bool
check_node(struct checker *c, struct script_node *n, bool test)
{
	bool ok = true, shape;

	c->node = n;
	c->uses = 0;
	if (!find_definition(c, n, test)) {
		n->def = NULL;
		return n->wrong != NULL;
	}
	/* what is missing is not told where something else stands */
	shape = check_shape(c, n);
	if ((!shape && n->n_args == 0) || !check_args(c, n) || !shape ||
	    ((n->def->flags & EXT_MATCH) != 0 && n->wrong == NULL &&
		!checker_match(c, n))) {
		n->def = n->wrong != NULL ? NULL : n->def;
		ok = n->wrong != NULL;
	}
	n->needs = c->uses & ~c->p->required;
	if (n->wrong != NULL)
		return ok;
	if (n->def->tests != EXT_NO_TESTS) /* else that has been told */
		if (n->def->tests != EXT_NO_TESTS)
			ok &= check_tests(c, n);
	c->node = n;
	c->uses = 0;
	if (!ok || !own_checks(c, n))
		return ok && n->wrong != NULL;
	n->needs |= c->uses & ~c->p->required;
	return true;
}

static bool
check_test(struct checker *c, struct script_node *n)
{
	return check_node(c, n, true);
}

static void
check_block(struct checker *c, struct script_node *first)
{
	const struct script_node *previous = NULL;

	for (struct script_node *n = first; n != NULL; n = n->next) {
		c->previous = previous;
		check_node(c, n, false);
		previous = n;
		if (n->block == NULL || n->wrong != NULL)
			continue;
		c->parents[c->n_parents++] = n;
		check_block(c, n->block);
		c->n_parents--;
	}
}

void
checker_run(struct checker *c, struct script_node *first)
{
	c->first = first;
	for (size_t i = 0; ext_all[i] != NULL; i++)
		if ((ext_all[i]->flags & EXT_CORE) != 0)
			c->enabled |= UINT64_C(1) << i;
	c->p->required = c->enabled;
	check_block(c, first);
}
