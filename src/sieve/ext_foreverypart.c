/*
 * RFC 5703 sections 3 and 7: foreverypart, break, extracttext.
 *
 * A loop knows where it is by the numbers of the parts on the way there, not by
 * pointers: the message may be edited meanwhile, and is then parsed anew.
 */
#include "base/utf8.h"
#include "sieve/checker.h"
#include "sieve/ext.h"
#include "sieve/html.h"
#include "sieve/mime_loop.h"
#include "sieve/modify.h"

struct loop {
	uint32_t path[MIME_DEPTH_MAX + 2]; /* from 0 */
	size_t n, top;                /* of path; of the part it began at */
	const struct mime_part *root; /* of part's tree */
	const struct mime_part *part;
	bool skip; /* does not go into this part */
};

struct loops {
	struct loop stack[MIME_LOOPS_MAX];
	size_t n;
	size_t base; /* of them not of the script that runs */
	const struct script_node *leaving; /* the loop a break is for */
};

extern const struct ext ext_foreverypart;
extern const struct ext ext_extracttext;

static const struct ext_tag name_tags[] = {
	{ .name = "name",
	    .commands = "foreverypart break",
	    .param = EXT_STRING },
};

static struct loops *
loops_of(struct interp *in)
{
	return interp_state(in, &ext_foreverypart, sizeof(struct loops));
}

static bool
is_fresh(const struct interp *in, const struct loop *l)
{
	return l->part != NULL && l->root == letter_mime(interp_message(in));
}

/* Find the part again in the message as it is now. */
static void
locate(struct interp *in, struct loop *l)
{
	const struct mime_part *p = letter_mime(interp_message(in));

	for (size_t i = 0; i < l->n && p != NULL; i++) {
		p = p->child;
		for (uint32_t k = 0; k < l->path[i] && p != NULL; k++)
			p = p->next;
	}
	l->part = p;
	l->root = letter_mime(interp_message(in));
}

const struct mime_part *
mime_loop_part(struct interp *in)
{
	struct loops *s = loops_of(in);
	struct loop *l;

	if (s == NULL || s->n == 0)
		return letter_mime(interp_message(in));
	l = &s->stack[s->n - 1];
	if (!is_fresh(in, l))
		locate(in, l);
	return l->part;
}

size_t
mime_loop_depth(struct interp *in)
{
	struct loops *s = loops_of(in);

	return s != NULL ? s->n : 0;
}

void
mime_loop_skip(struct interp *in)
{
	struct loops *s = loops_of(in);

	for (size_t i = 0; s != NULL && i < s->n; i++)
		if (i + 1 == s->n)
			s->stack[i].skip = true;
}

/* Move to the next part, depth first; false behind the last. */
static bool
advance(struct loop *l)
{
	const struct mime_part *p = l->part;

	if (p == NULL)
		return false;
	if (!l->skip && p->child != NULL &&
	    l->n < sizeof(l->path) / sizeof(l->path[0])) {
		l->path[l->n++] = 0;
		l->part = p->child;
		return true;
	}
	l->skip = false;
	while (l->n > l->top) {
		if (p->next != NULL) {
			l->path[l->n - 1]++;
			l->part = p->next;
			return true;
		}
		l->n--;
		if ((p = p->parent) == NULL)
			return false;
	}
	return false;
}

/* The outermost loop begins at the message, one inside at the parts of the
 * part the other is at; but the first one of an included script at that part
 * itself, which is its message. */
static bool
begin(struct interp *in, struct loops *s)
{
	struct loop *l = &s->stack[s->n];

	*l = (struct loop){ .n = 0 };
	if (s->n > 0) {
		if (mime_loop_part(in) == NULL)
			return false;
		*l = s->stack[s->n - 1];
		l->top = l->n;
		l->skip = false;
		return s->n++ == s->base || advance(l);
	}
	s->n++;
	locate(in, l);
	return l->part != NULL;
}

static enum ext_flow
run_foreverypart(struct interp *in, const struct script_node *n)
{
	enum ext_flow flow = EXT_NEXT;
	struct loops *s = loops_of(in);
	struct loop *l;
	bool more;

	if (s == NULL)
		return EXT_STOP;
	if (s->n == MIME_LOOPS_MAX) {
		interp_fail(in, n,
		    "foreverypart loops are nested deeper than %d",
		    MIME_LOOPS_MAX);
		return EXT_STOP;
	}
	l = &s->stack[s->n];
	for (more = begin(in, s); more && !in->failed; more = advance(l)) {
		if (!interp_cost(in, 1) ||
		    (flow = interp_block(in, n->block)) != EXT_NEXT)
			break;
		if (!is_fresh(in, l))
			locate(in, l);
	}
	if (s->n > 0 && l == &s->stack[s->n - 1])
		s->n--;
	if (flow == EXT_BREAK && s->leaving == n) {
		s->leaving = NULL;
		flow = EXT_NEXT;
	}
	return flow;
}

/* The part the innermost loop is at as a message. */
static struct letter *
narrow(struct interp *in)
{
	const struct mime_part *p = mime_loop_part(in);
	struct letter *l = p != NULL
	    ? letter_new(letter_part_octets(interp_message(in), p), in->arena)
	    : NULL;

	if (l == NULL) {
		interp_fail(in, NULL, "the run needs too much memory");
		return interp_message(in);
	}
	return l;
}

struct mime_loop_outside
mime_loop_enter(struct interp *in)
{
	struct loops *s = loops_of(in);
	struct mime_loop_outside o = { .base = s != NULL ? s->base : 0 };
	const struct mime_part *p;

	if (s == NULL || s->n == s->base)
		return o;
	p = mime_loop_part(in);
	s->base = s->n;
	if (p == NULL || p->parent == NULL)
		return o;
	o.narrowed = true;
	o.outermost = in->whole == NULL;
	in->whole = interp_message(in);
	in->narrow = narrow;
	in->letter = narrow(in);
	return o;
}

void
mime_loop_leave(struct interp *in, struct mime_loop_outside o)
{
	struct loops *s = loops_of(in);

	if (s != NULL)
		s->base = o.base;
	if (!o.narrowed)
		return;
	if (o.outermost) {
		in->letter = in->whole;
		in->whole = NULL;
	} else {
		in->letter = narrow(in);
	}
}

static bool
check_foreverypart(struct checker *c, struct script_node *n)
{
	unsigned depth = 0;

	for (unsigned i = 0; checker_parent(c, i) != NULL; i++) {
		const struct script_node *p = checker_parent(c, i);

		depth += p != n && p->def == n->def;
	}
	if (depth >= MIME_LOOPS_MAX)
		return checker_error_node(c, n,
		    "foreverypart loops are nested deeper than %d",
		    MIME_LOOPS_MAX);
	return true;
}

static struct view
name_of(const struct script_node *n)
{
	const struct script_tag *t = script_tag(n, &name_tags[0]);

	return t != NULL ? t->param->texts[0].v : (struct view){ NULL, 0 };
}

static bool
is_loop(const struct script_node *n)
{
	return view_eq_ci(n->name, VIEW_LIT("foreverypart"));
}

static bool
check_break(struct checker *c, struct script_node *n)
{
	struct view name = name_of(n);
	bool inside = false;

	for (unsigned i = 0; checker_parent(c, i) != NULL; i++) {
		const struct script_node *p = checker_parent(c, i);

		if (!is_loop(p))
			continue;
		inside = true;
		if (script_tag(n, &name_tags[0]) == NULL ||
		    (script_tag(p, &name_tags[0]) != NULL &&
			view_eq(name_of(p), name))) {
			/* the run only compares the address */
			memcpy(&n->data, &p, sizeof(p));
			return true;
		}
	}
	return inside
	    ? checker_error_node(
		  c, n, "no foreverypart around here has that name")
	    : checker_error_node(c, n, "break stands outside of foreverypart");
}

static enum ext_flow
run_break(struct interp *in, const struct script_node *n)
{
	struct loops *s = loops_of(in);

	if (s == NULL)
		return EXT_STOP;
	s->leaving = n->data;
	return EXT_BREAK;
}

static const struct ext_command loop_commands[] = {
	{ .name = "foreverypart",
	    .block = true,
	    .check = check_foreverypart,
	    .run = run_foreverypart },
	{ .name = "break", .check = check_break, .run = run_break },
};

const struct ext ext_foreverypart = {
	.name = "foreverypart",
	.commands = loop_commands,
	.n_commands = EXT_COUNT(loop_commands),
	.tags = name_tags,
	.n_tags = EXT_COUNT(name_tags),
};

static const struct ext_tag text_tags[] = {
	{ .name = "first", .commands = "extracttext", .param = EXT_NUMBER },
};

static bool
check_extracttext(struct checker *c, struct script_node *n)
{
	struct script_part *target = checker_alloc(c, sizeof(*target));
	bool inside = false;

	if (!checker_has(c, "foreverypart") || !checker_has(c, "variables"))
		return checker_error_node(
		    c, n, "extracttext also needs foreverypart and variables");
	for (unsigned i = 0; checker_parent(c, i) != NULL; i++)
		inside |= is_loop(checker_parent(c, i));
	if (!inside)
		return checker_error_node(
		    c, n, "extracttext stands outside of foreverypart");
	n->data = target;
	if (target == NULL)
		return false;
	if (!checker_is_constant(n->arg[0]))
		return checker_error_arg(
		    c, n->arg[0], "the name of a variable must be constant");
	return checker_target(c, n->arg[0], n->arg[0]->texts[0].v, target);
}

/* The first max characters. */
static struct view
first_of(struct view v, uint64_t max)
{
	struct view rest = v;
	uint32_t cp;

	while (rest.n > 0 && max > 0) {
		if (!utf8_take(&rest, &cp))
			view_skip(&rest, 1);
		max--;
	}
	return view_sub(v, 0, v.n - rest.n);
}

static enum ext_flow
run_extracttext(struct interp *in, const struct script_node *n)
{
	const struct script_tag *first = script_tag(n, &text_tags[0]);
	const struct mime_part *p;
	struct view text = { NULL, 0 };

	p = mime_loop_part(in);
	if (p != NULL && p->kind == MIME_LEAF && mime_is(p, "text", NULL)) {
		if (!interp_cost(in, p->body_n / 64 + 1))
			return EXT_STOP;
		text = letter_part_text(interp_message(in), p);
		if (mime_is(p, "text", "html"))
			text = html_text(text, in->arena);
	}
	if (first != NULL)
		text = first_of(text, first->param->number);
	interp_set(in, n->data, modify_text(in, n, text));
	return EXT_NEXT;
}

static const struct ext_command text_commands[] = {
	{ .name = "extracttext",
	    .args = "s",
	    .check = check_extracttext,
	    .run = run_extracttext },
};

const struct ext ext_extracttext = {
	.name = "extracttext",
	.commands = text_commands,
	.n_commands = EXT_COUNT(text_commands),
	.tags = text_tags,
	.n_tags = EXT_COUNT(text_tags),
};
