/*
 * Match types, comparators and address parts: the tags that all tests which
 * compare have in common. Keys that are constant are made ready here, so that a
 * run has only values to fold.
 */

#include "sieve/checker_impl.h"
#include "sieve/compare.h"

#define NAME_SHOWN 40
#define SHOW(v)                                                                \
	(int)((v).n < NAME_SHOWN ? (v).n : NAME_SHOWN), (const char *)(v).p

static const struct ext_match *
find_match(const struct checker *c, struct view name, const struct ext **ext)
{
	for (size_t i = 0; ext_all[i] != NULL; i++)
		for (size_t k = 0; k < ext_all[i]->n_matches; k++)
			if (ext_usable(ext_all[i], c->options) &&
			    view_eq_ci(
				name, view_str(ext_all[i]->matches[k].name))) {
				*ext = ext_all[i];
				return &ext_all[i]->matches[k];
			}
	return NULL;
}

static const struct ext_part *
find_part(const struct checker *c, struct view name, const struct ext **ext)
{
	for (size_t i = 0; ext_all[i] != NULL; i++)
		for (size_t k = 0; k < ext_all[i]->n_parts; k++)
			if (ext_usable(ext_all[i], c->options) &&
			    view_eq_ci(
				name, view_str(ext_all[i]->parts[k].name))) {
				*ext = ext_all[i];
				return &ext_all[i]->parts[k];
			}
	return NULL;
}

static const struct ext_comparator *
find_comparator(
    const struct checker *c, struct view name, const struct ext **ext)
{
	for (size_t i = 0; ext_all[i] != NULL; i++)
		for (size_t k = 0; k < ext_all[i]->n_comparators; k++)
			if (ext_usable(ext_all[i], c->options) &&
			    view_eq(name,
				view_str(ext_all[i]->comparators[k].name))) {
				*ext = ext_all[i];
				return &ext_all[i]->comparators[k];
			}
	return NULL;
}

static bool
twice(struct checker *c, const struct script_arg *at, const char *what)
{
	return checker_error_arg(c, at, "only one %s can be given", what);
}

static bool
enabled(struct checker *c, struct script_node *n, const struct script_arg *at,
    const struct ext *e)
{
	if (!checker_enabled(c, e))
		return checker_missing(c, n, at->line, at->column,
		    "\":%.*s\" can only be used after require \"%s\"",
		    SHOW(at->tag), e->name);
	c->uses |= ext_bit(e);
	return true;
}

/* ":comparator" <comparator-name: string> */
static bool
take_comparator(struct checker *c, struct script_node *n, size_t *i)
{
	const struct script_arg *at = &n->args[*i], *name = at + 1;
	const struct ext *e = NULL;

	if (n->how->comparator != NULL)
		return twice(c, at, "comparator");
	if (*i + 1 == n->n_args || name->kind != SCRIPT_STRING)
		return checker_error_arg(
		    c, at, "a string must follow \":comparator\"");
	if (!checker_is_constant(name))
		return checker_error_arg(
		    c, name, "the name of a comparator must be constant");
	n->how->comparator = find_comparator(c, name->texts[0].v, &e);
	if (n->how->comparator == NULL)
		return checker_missing(c, n, name->line, name->column,
		    "there is no comparator \"%.*s\"", SHOW(name->texts[0].v));
	if (!checker_enabled(c, e))
		return checker_missing(c, n, name->line, name->column,
		    "this comparator can only be used after require \"%s\"",
		    e->name);
	c->uses |= ext_bit(e);
	*i += 2;
	return true;
}

static bool
take_relation(struct checker *c, struct script_node *n, size_t *i)
{
	static const char names[][3] = { "gt", "ge", "lt", "le", "eq", "ne" };
	const struct script_arg *arg = &n->args[*i];

	if (*i < n->n_args && arg->kind == SCRIPT_STRING &&
	    checker_is_constant(arg))
		for (unsigned k = 0; k < EXT_COUNT(names); k++)
			if (view_eq_ci(arg->texts[0].v, view_str(names[k]))) {
				n->how->relation = (enum compare_relation)k;
				++*i;
				return true;
			}
	return checker_error_arg(c, arg - 1,
	    "\"gt\", \"ge\", \"lt\", \"le\", \"eq\" or \"ne\" must follow "
	    "\":%s\"",
	    n->how->match->name);
}

static bool
take_match(struct checker *c, struct script_node *n, size_t *i,
    const struct ext_match *m, const struct ext *e)
{
	const struct script_arg *at = &n->args[*i];

	if (n->how->match != NULL)
		return twice(c, at, "match type");
	if (!enabled(c, n, at, e))
		return false;
	n->how->match = m;
	++*i;
	return (m->flags & EXT_RELATION) == 0 || take_relation(c, n, i);
}

static bool
take_part(struct checker *c, struct script_node *n, size_t *i,
    const struct ext_part *p, const struct ext *e)
{
	const struct script_arg *at = &n->args[*i];

	if (n->how->part != NULL)
		return twice(c, at, "address part");
	if (!enabled(c, n, at, e))
		return false;
	n->how->part = p;
	++*i;
	return true;
}

enum checker_tag
checker_match_tag(struct checker *c, struct script_node *n, size_t *i)
{
	struct view name = n->args[*i].tag;
	const struct ext_match *m;
	const struct ext_part *p;
	const struct ext *e = NULL;
	bool ok;

	if ((n->def->flags & EXT_MATCH) == 0)
		return CHECKER_TAG_NO;
	if (n->how == NULL &&
	    (n->how = checker_alloc(c, sizeof(*n->how))) == NULL)
		return CHECKER_TAG_BAD;
	if (view_eq_ci(name, VIEW_LIT("comparator")))
		ok = take_comparator(c, n, i);
	else if ((m = find_match(c, name, &e)) != NULL)
		ok = take_match(c, n, i, m, e);
	else if ((n->def->flags & EXT_ADDRESS) != 0 &&
	    (p = find_part(c, name, &e)) != NULL)
		ok = take_part(c, n, i, p, e);
	else
		return CHECKER_TAG_NO;
	return ok ? CHECKER_TAG_DONE : CHECKER_TAG_BAD;
}

/* The argument that has the keys; NULL: none. */
static const struct script_arg *
keys_of(const struct script_node *n)
{
	const struct script_arg *keys = NULL;
	size_t i = 0;

	if ((n->def->flags & EXT_OWN_KEYS) != 0)
		return NULL;
	for (const char *p = n->def->args; *p != '\0'; p++)
		if (*p != '?')
			keys = n->arg[i++];
	return keys;
}

bool
checker_keys(struct checker *c, const struct script_arg *at,
    const struct script_text *keys, size_t n, struct compare_how *how)
{
	how->given = keys;
	how->n = n;
	for (size_t i = 0; i < n; i++)
		if (keys[i].parts != NULL)
			return true;
	if ((how->keys = checker_alloc(c, (n + 1) * sizeof(void *))) == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *why = "the script is too large";

		how->keys[i] =
		    compare_prepare(how, keys[i].v, checker_arena(c), &why);
		if (how->keys[i] == NULL)
			return checker_error_arg(c, at, "%s", why);
	}
	return true;
}

/* RFC 5228 section 2.7.3; but in test files "string" compares octets, as those
 * who write them expect. */
static struct view
default_comparator(const struct checker *c, const struct script_node *n)
{
	if (checker_has(c, "vnd.dovecot.testsuite") &&
	    view_eq(view_str(n->def->name), VIEW_LIT("string")))
		return VIEW_LIT("i;octet");
	return VIEW_LIT("i;ascii-casemap");
}

bool
checker_match(struct checker *c, struct script_node *n)
{
	const struct script_arg *keys;
	const struct ext *e = NULL;
	struct compare_how *how;

	if (n->how == NULL &&
	    (n->how = checker_alloc(c, sizeof(*n->how))) == NULL)
		return false;
	how = n->how;
	if (how->match == NULL)
		how->match = find_match(c, VIEW_LIT("is"), &e);
	if (how->comparator == NULL)
		how->comparator =
		    find_comparator(c, default_comparator(c, n), &e);
	if (how->part == NULL)
		how->part = find_part(c, VIEW_LIT("all"), &e);
	if (how->comparator->order != NULL &&
	    (how->match->flags & EXT_SUBSTRING) != 0)
		return checker_error_node(c, n,
		    "comparator \"%s\" cannot be used with \":%s\"",
		    how->comparator->name, how->match->name);
	how->captures = checker_has(c, "variables") &&
	    (n->def->flags & EXT_NO_CAPTURE) == 0;
	how->casemap = view_eq(
	    view_str(how->comparator->name), VIEW_LIT("i;ascii-casemap"));
	keys = keys_of(n);
	return keys == NULL || checker_keys(c, keys, keys->texts, keys->n, how);
}
