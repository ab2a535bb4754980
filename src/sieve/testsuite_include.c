/*
 * What a test file learns by compiling a script that includes others: whether
 * they go round in a circle, and whether they are too many or too deep. At
 * delivery that is found when the script runs (RFC 6609 section 3.2).
 */
#include "base/buf.h"
#include "base/num.h"
#include "sieve/include.h"
#include "sieve/program.h"
#include "sieve/testsuite_world.h"

struct walk {
	struct world *w;
	const struct sieve_program *stack[SIEVE_INCLUDE_MAX];
	size_t depth, count;
	uint64_t max_depth, max_count;
};

static uint64_t
limit(const struct world *w, const char *key, uint64_t most)
{
	struct view v = world_setting(w, key);
	uint64_t n;

	return v.n > 0 && num_parse(v, most, &n) ? n : most;
}

static bool
has_tag(const struct script_node *n, const char *name)
{
	for (size_t i = 0; i < n->n_tags; i++)
		if (view_eq(view_str(n->tags[i].def->name), view_str(name)))
			return true;
	return false;
}

static bool
is_open(const struct walk *k, const struct sieve_program *p)
{
	for (size_t i = 0; i < k->depth; i++)
		if (k->stack[i] == p)
			return true;
	return false;
}

static bool
told(struct walk *k, struct view name, const char *what)
{
	world_error(k->w, "the script '%.*s' %s",
	    (int)(name.n < 80 ? name.n : 80), (const char *)name.p, what);
	return false;
}

static bool walk_block(struct walk *k, const struct script_node *first);

static bool
walk_include(struct walk *k, const struct script_node *n)
{
	struct view name = n->arg[0]->texts[0].v;
	const struct sieve_program *p;

	if (world_calls.script(k->w, name, has_tag(n, "global"), &p) !=
	    SIEVE_SCRIPT_OK)
		return true; /* that is for the run */
	if (is_open(k, p))
		return has_tag(n, "once") || told(k, name, "includes itself");
	if (k->depth >= k->max_depth || k->depth == SIEVE_INCLUDE_MAX)
		return told(k, name, "is included too deep");
	if (k->count++ >= k->max_count)
		return told(k, name, "is one too many");
	k->stack[k->depth++] = p;
	if (!walk_block(k, p->first))
		return told(k, name, "cannot be included");
	k->depth--;
	return true;
}

static bool
walk_block(struct walk *k, const struct script_node *first)
{
	for (const struct script_node *n = first; n != NULL; n = n->next) {
		if (n->def != NULL &&
		    view_eq(view_str(n->def->name), VIEW_LIT("include")) &&
		    !walk_include(k, n))
			return false;
		if (n->has_block && !walk_block(k, n->block))
			return false;
	}
	return true;
}

bool
world_check_includes(struct world *w, const struct sieve_program *p)
{
	struct walk k = { .w = w };

	k.max_depth =
	    limit(w, "sieve_include_max_nesting_depth", SIEVE_INCLUDE_MAX);
	k.max_count =
	    limit(w, "sieve_include_max_includes", INCLUDE_SCRIPTS_MAX);
	return walk_block(&k, p->first);
}
