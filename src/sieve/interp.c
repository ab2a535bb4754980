/*
 * The interpreter walks the checked tree. Errors are sticky: whoever notices one
 * calls interp_fail() and returns anything; each command and test looks at
 * in->failed before it goes on.
 */

#include "sieve/interp_impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "base/utf8.h"

#define NO_MEMORY "the run needs too much memory"

void *
interp_alloc(struct interp *in, size_t size)
{
	void *p = in->failed ? NULL : arena_alloc(in->arena, size);

	if (p == NULL)
		interp_fail(in, NULL, NO_MEMORY);
	return p;
}

struct view
interp_copy(struct interp *in, struct view v)
{
	uint8_t *p;

	if (v.n == 0 || (p = interp_alloc(in, v.n)) == NULL)
		return (struct view){ (const uint8_t *)"", 0 };
	memcpy(p, v.p, v.n);
	return (struct view){ p, v.n };
}

void *
interp_state(struct interp *in, const struct ext *e, size_t size)
{
	void **place = &in->states[ext_number(e)];

	if (*place == NULL)
		*place = interp_alloc(in, size);
	return *place;
}

void
interp_fail(
    struct interp *in, const struct script_node *n, const char *fmt, ...)
{
	struct sieve_error *e = &in->result->error;
	va_list ap;

	if (in->failed)
		return;
	in->failed = true;
	if (n == NULL)
		n = in->node;
	e->line = n != NULL ? n->line : 1;
	e->column = n != NULL ? n->column : 1;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	script_clean(e->text);
	if (in->result->end == SIEVE_DONE)
		in->result->end = SIEVE_FAILED;
}

bool
interp_cost(struct interp *in, uint64_t cost)
{
	in->cost += cost;
	if (in->cost > SIEVE_COST_MAX)
		interp_fail(in, NULL, "the script takes too long");
	return !in->failed;
}

/* ---- strings and variables ---- */

static struct view
part_text(struct interp *in, const struct script_part *p)
{
	switch (p->kind) {
	case SCRIPT_PART_TEXT:
		return p->text;
	case SCRIPT_PART_VARIABLE:
		return interp_variable(in, p->index);
	case SCRIPT_PART_MATCH:
		if (p->index < in->n_matches)
			return in->matches[p->index];
		break;
	case SCRIPT_PART_OTHER:
		if (p->ext->space_get != NULL)
			return p->ext->space_get(in, p->text);
		break;
	}
	return (struct view){ (const uint8_t *)"", 0 };
}

struct view
interp_text(struct interp *in, const struct script_text *t)
{
	struct view *parts;
	size_t n = 0, used = 0;
	uint8_t *p;

	if (t->parts == NULL)
		return t->v;
	if (t->n_parts == 1)
		return part_text(in, t->parts);
	if ((parts = interp_alloc(in, t->n_parts * sizeof(*parts))) == NULL)
		return (struct view){ (const uint8_t *)"", 0 };
	for (size_t i = 0; i < t->n_parts; i++) {
		parts[i] = part_text(in, &t->parts[i]);
		n += parts[i].n;
	}
	if (!interp_cost(in, n / 64) || (p = interp_alloc(in, n + 1)) == NULL)
		return (struct view){ (const uint8_t *)"", 0 };
	for (size_t i = 0; i < t->n_parts; i++) {
		if (parts[i].n > 0)
			memcpy(p + used, parts[i].p, parts[i].n);
		used += parts[i].n;
	}
	return (struct view){ p, n };
}

struct view
interp_string(struct interp *in, const struct script_arg *arg)
{
	if (arg == NULL)
		return (struct view){ NULL, 0 };
	return interp_text(in, &arg->texts[0]);
}

struct view
interp_variable(struct interp *in, unsigned slot)
{
	return *in->frame->slots[slot];
}

size_t
interp_variable_max(struct interp *in)
{
	struct view v = interp_setting(in, "sieve_variables_max_variable_size");
	uint64_t max;

	return v.n > 0 && num_parse(v, SIEVE_VARIABLE_MAX, &max)
	    ? (size_t)max
	    : SIEVE_VARIABLE_MAX;
}

void
interp_set_variable(struct interp *in, unsigned slot, struct view v)
{
	*in->frame->slots[slot] = utf8_cut(v, interp_variable_max(in));
}

struct view
interp_get(struct interp *in, const struct script_part *target)
{
	return part_text(in, target);
}

void
interp_set(struct interp *in, const struct script_part *target, struct view v)
{
	if (target->kind == SCRIPT_PART_VARIABLE)
		interp_set_variable(in, target->index, v);
	else if (target->kind == SCRIPT_PART_OTHER &&
	    target->ext->space_set != NULL)
		target->ext->space_set(
		    in, target->text, utf8_cut(v, interp_variable_max(in)));
}

void
interp_bind(struct interp *in, unsigned slot, struct view *place)
{
	in->frame->slots[slot] = place;
}

struct view
interp_setting(struct interp *in, const char *name)
{
	struct view v = { NULL, 0 };

	if (in->calls->setting == NULL ||
	    !in->calls->setting(in->env.ctx, view_str(name), &v))
		v.n = 0;
	return v;
}

/* ---- commands and tests ---- */

bool
interp_check_memory(struct interp *in)
{
	if (arena_refused(in->arena))
		interp_fail(in, NULL, NO_MEMORY);
	return !in->failed;
}

/* May this node be run at all? */
static bool
may_run(struct interp *in, const struct script_node *n)
{
	in->node = n;
	if (!interp_cost(in, 1))
		return false;
	if (n->wrong != NULL)
		interp_fail(in, n, "%s", n->wrong);
	else if ((n->needs & ~in->frame->enabled) != 0)
		interp_fail(in, n,
		    "\"%s\" is used, or one of its tags, before ihave has "
		    "said that it is there",
		    n->def->name);
	return !in->failed;
}

enum ext_flow
interp_block(struct interp *in, const struct script_node *first)
{
	for (const struct script_node *n = first; n != NULL; n = n->next) {
		enum ext_flow flow;

		if (!may_run(in, n))
			return EXT_STOP;
		if (n->def->run == NULL)
			continue;
		flow = n->def->run(in, n);
		if (!interp_check_memory(in))
			return EXT_STOP;
		if (flow != EXT_NEXT)
			return flow;
	}
	return EXT_NEXT;
}

bool
interp_test(struct interp *in, const struct script_node *test)
{
	bool yes;

	if (!may_run(in, test))
		return false;
	yes = test->def->test(in, test);
	return interp_check_memory(in) && yes;
}

bool
interp_has(const struct interp *in, const char *extension)
{
	const struct ext *e = ext_find(view_str(extension));

	return e != NULL && (in->frame->enabled & ext_bit(e)) != 0;
}

unsigned
interp_depth(const struct interp *in)
{
	return in->frame->depth;
}

static bool
frame_init(struct interp *in, struct interp_frame *f,
    const struct sieve_program *p, struct interp_frame *up)
{
	const struct ext *wrong =
	    in->env.imap_event ? ext_for_delivery(p->required) : NULL;
	struct view *values;

	if (wrong != NULL) {
		interp_fail(
		    in, p->first, "\"%s\" is for new mail alone", wrong->name);
		return false;
	}
	*f = (struct interp_frame){
		.up = up,
		.p = p,
		.enabled = p->required,
		.depth = up != NULL ? up->depth + 1 : 0,
	};
	if (p->n_variables == 0)
		return true;
	f->slots = interp_alloc(in, p->n_variables * sizeof(*f->slots));
	values = interp_alloc(in, p->n_variables * sizeof(*values));
	if (f->slots == NULL || values == NULL)
		return false;
	for (size_t i = 0; i < p->n_variables; i++)
		f->slots[i] = &values[i];
	return true;
}

enum ext_flow
interp_call(struct interp *in, const struct script_node *n,
    const struct sieve_program *p)
{
	struct view matches[SIEVE_MATCHES_MAX];
	size_t n_matches = in->n_matches;
	struct interp_frame f, *up = in->frame;
	enum ext_flow flow;

	if (up->depth == SIEVE_INCLUDE_MAX) {
		interp_fail(in, n, "scripts are included too deep");
		return EXT_STOP;
	}
	if (!frame_init(in, &f, p, up))
		return EXT_STOP;
	memcpy(matches, in->matches, sizeof(matches));
	in->n_matches = 0;
	in->frame = &f;
	flow = interp_block(in, p->first);
	in->frame = up;
	memcpy(in->matches, matches, sizeof(matches));
	in->n_matches = n_matches;
	return in->failed || flow == EXT_STOP ? EXT_STOP : EXT_NEXT;
}

/* ---- the message ---- */

/* cost: bytes that were copied for it. */
static void
set_letter(struct interp *in, struct letter *l, size_t cost)
{
	if (!interp_cost(in, cost / 64))
		return;
	if (l == NULL) {
		interp_fail(in, NULL, NO_MEMORY);
	} else if (in->whole == NULL) {
		in->letter = l;
	} else {
		in->whole = l;
		in->letter = in->narrow(in);
	}
}

void
interp_edit(struct interp *in, struct view octets)
{
	in->version++;
	set_letter(in, letter_new(octets, in->arena), octets.n);
}

void
interp_edit_header(struct interp *in, struct view header)
{
	struct letter *l = interp_message(in);

	set_letter(in, letter_with_header(l, header, in->arena), header.n);
}

struct letter_values
interp_fields(struct interp *in, const struct script_node *n,
    const struct script_text *name)
{
	struct view v = interp_text(in, name);
	struct letter_values out;

	for (size_t i = 0; i < n->n_tags; i++)
		if (n->tags[i].def->fields != NULL &&
		    n->tags[i].def->fields(in, n, &n->tags[i], v, &out))
			return out;
	if (name->parts == NULL && name->hash != 0)
		return letter_fields_hashed(in->letter, v, name->hash);
	interp_cost(in, v.n / 16);
	return letter_fields(in->letter, v);
}

static void
pick(struct interp *in, const struct script_node *n, struct letter_values *v)
{
	for (size_t i = 0; i < n->n_tags && !in->failed; i++)
		if (n->tags[i].def->pick != NULL)
			n->tags[i].def->pick(in, n, &n->tags[i], v);
}

/* a and then b. */
static void
append(struct interp *in, struct letter_values *a, struct letter_values b)
{
	struct letter_value **v;

	if (a->n == 0) {
		*a = b;
		return;
	}
	if (b.n == 0 ||
	    (v = interp_alloc(in, (a->n + b.n) * sizeof(void *))) == NULL)
		return;
	memcpy(v, a->v, a->n * sizeof(void *));
	memcpy(v + a->n, b.v, b.n * sizeof(void *));
	*a = (struct letter_values){ v, a->n + b.n };
}

void
interp_values(struct interp *in, const struct script_node *n,
    const struct script_arg *names, struct letter_values *out)
{
	*out = (struct letter_values){ NULL, 0 };
	for (size_t i = 0; i < names->n && !in->failed; i++) {
		append(in, out, interp_fields(in, n, &names->texts[i]));
		if (!interp_cost(in, 1 + out->n / 64))
			break;
	}
	pick(in, n, out);
	if (in->failed)
		out->n = 0;
}

/* ---- a run ---- */

static void
finish(struct interp *in)
{
	for (size_t i = 0; ext_all[i] != NULL && interp_check_memory(in); i++)
		if (ext_all[i]->finish != NULL)
			ext_all[i]->finish(in);
	interp_finish(in);
}

void
sieve_run(const struct sieve_program *p, const struct sieve_env *env,
    struct sieve_result *out)
{
	static const struct sieve_calls no_calls;
	struct interp in = {
		.env = *env,
		.calls = env->calls != NULL ? env->calls : &no_calls,
		.arena = arena_new(SIEVE_RUN_MAX),
		.version = env->version,
		.result = out,
	};
	struct interp_frame f;

	*out = (struct sieve_result){ .arena = in.arena };
	in.kept = arena_alloc(in.arena, sizeof(*in.kept));
	in.letter = letter_new(env->message, in.arena);
	in.flags = (struct sieve_flags){ env->flags, env->n_flags };
	assert(in.kept != NULL && in.letter != NULL); /* far from the limit */
	if (frame_init(&in, &f, p, NULL)) {
		in.frame = &f;
		/* Stop and return are as good as the end here. */
		(void)!interp_block(&in, p->first);
	}
	finish(&in);
	out->cost = in.cost;
}

void
sieve_result_fini(struct sieve_result *r)
{
	arena_free(&r->arena);
	*r = (struct sieve_result){ 0 };
}
