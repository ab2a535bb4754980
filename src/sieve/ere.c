/*
 * Three steps: a recursive descent makes a tree, the tree becomes a program of
 * a few instructions, and Thompson's construction runs it: a list of threads,
 * all at the same place of the text, each with the groups it has seen. A place
 * of the program is on the list once, so a step costs what the program is long.
 */
#include "sieve/ere.h"

#include <unicase.h>
#include <unictype.h>

#include "base/mem.h"
#include "base/utf8.h"

enum node_kind {
	NODE_EMPTY,
	NODE_CHAR,
	NODE_ANY,
	NODE_SET,
	NODE_ASSERT,
	NODE_CAT,
	NODE_ALT,
	NODE_REPEAT,
	NODE_GROUP,
};

enum assertion {
	AT_START,
	AT_END,
	AT_WORD_EDGE,
	AT_NO_EDGE,
	AT_WORD_START,
	AT_WORD_END,
};

enum class_kind {
	CLASS_ALPHA,
	CLASS_DIGIT,
	CLASS_ALNUM,
	CLASS_UPPER,
	CLASS_LOWER,
	CLASS_SPACE,
	CLASS_BLANK,
	CLASS_PUNCT,
	CLASS_PRINT,
	CLASS_GRAPH,
	CLASS_CNTRL,
	CLASS_XDIGIT,
	CLASS_WORD,
};

struct range {
	struct range *next;
	bool is_class;
	enum class_kind class;
	uint32_t lo, hi;
};

struct set {
	struct range *ranges;
	bool negated;
};

struct node {
	enum node_kind kind;
	enum assertion at;
	uint32_t cp;
	struct set *set;
	struct node *a, *b;
	unsigned min, max; /* max 0: no end */
	unsigned group;
};

enum op {
	OP_CHAR,
	OP_ANY,
	OP_SET,
	OP_ASSERT,
	OP_SPLIT, /* x before y */
	OP_JUMP,
	OP_SAVE,
	OP_MATCH,
};

struct inst {
	enum op op;
	uint32_t x, y; /* targets; or code point, slot, assertion */
	const struct set *set;
};

struct ere {
	struct inst *code;
	size_t n;
	size_t slots; /* two a group that has a value */
	enum ere_case fold;
};

struct parser {
	struct view in;
	struct arena *a;
	const char *error;
	bool over;
	unsigned depth, groups;
};

static uint32_t
take_char(struct view *in)
{
	uint32_t cp;

	if (!utf8_take(in, &cp)) {
		cp = 0x110000u + in->p[0];
		view_skip(in, 1);
	}
	return cp;
}

static struct node *
fail(struct parser *p, const char *text)
{
	if (p->error == NULL)
		p->error = text;
	return NULL;
}

static struct node *
limit(struct parser *p, const char *text)
{
	p->over = true;
	return fail(p, text);
}

static struct node *
node_new(struct parser *p, enum node_kind kind)
{
	struct node *n = arena_alloc(p->a, sizeof(*n));

	if (n == NULL)
		return limit(p, "the expression is too large");
	n->kind = kind;
	return n;
}

static struct node *
node_pair(struct parser *p, enum node_kind kind, struct node *a, struct node *b)
{
	struct node *n = node_new(p, kind);

	if (n != NULL) {
		n->a = a;
		n->b = b;
	}
	return n;
}

static struct range *
set_add(struct parser *p, struct set *s)
{
	struct range *r = arena_alloc(p->a, sizeof(*r));

	if (r == NULL) {
		(void)limit(p, "the expression is too large");
		return NULL;
	}
	r->next = s->ranges;
	s->ranges = r;
	return r;
}

static bool
class_find(struct view name, enum class_kind *out)
{
	static const char *const names[] = {
		[CLASS_ALPHA] = "alpha",
		[CLASS_DIGIT] = "digit",
		[CLASS_ALNUM] = "alnum",
		[CLASS_UPPER] = "upper",
		[CLASS_LOWER] = "lower",
		[CLASS_SPACE] = "space",
		[CLASS_BLANK] = "blank",
		[CLASS_PUNCT] = "punct",
		[CLASS_PRINT] = "print",
		[CLASS_GRAPH] = "graph",
		[CLASS_CNTRL] = "cntrl",
		[CLASS_XDIGIT] = "xdigit",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq(name, view_str(names[i]))) {
			*out = (enum class_kind)i;
			return true;
		}
	return false;
}

/* "[:" name ":]" / "[=" char "=]" / "[." char ".]"; *in behind the "[" and
 * its mark. The name, or an empty view. */
static struct view
take_inner(struct view *in, uint8_t mark)
{
	for (size_t i = 0; i + 1 < in->n; i++)
		if (in->p[i] == mark && in->p[i + 1] == ']') {
			struct view name = view_sub(*in, 0, i);

			view_skip(in, i + 2);
			return name;
		}
	return (struct view){ NULL, 0 };
}

/* One end of a range: a character, or "[.x.]" and "[=x=]" with one inside. */
static bool
take_end(struct parser *p, uint32_t *cp)
{
	struct view name;

	if (p->in.n >= 2 && p->in.p[0] == '[' &&
	    (p->in.p[1] == '.' || p->in.p[1] == '=')) {
		uint8_t mark = p->in.p[1];

		view_skip(&p->in, 2);
		name = take_inner(&p->in, mark);
		if (name.n == 0)
			return fail(p, "invalid collating symbol") != NULL;
		*cp = take_char(&name);
		if (name.n != 0)
			return fail(p, "invalid collating symbol") != NULL;
		return true;
	}
	*cp = take_char(&p->in);
	return true;
}

static bool
take_class(struct parser *p, struct set *s)
{
	struct view name;
	struct range *r;
	enum class_kind k;

	view_skip(&p->in, 2);
	name = take_inner(&p->in, ':');
	if (!class_find(name, &k))
		return fail(p, "unknown character class") != NULL;
	if ((r = set_add(p, s)) == NULL)
		return false;
	r->is_class = true;
	r->class = k;
	return true;
}

static bool
take_range(struct parser *p, struct set *s)
{
	struct range *r;
	uint32_t lo, hi;

	if (p->in.n >= 2 && p->in.p[0] == '[' && p->in.p[1] == ':')
		return take_class(p, s);
	if (!take_end(p, &lo))
		return false;
	hi = lo;
	if (p->in.n >= 2 && p->in.p[0] == '-' && p->in.p[1] != ']') {
		view_skip(&p->in, 1);
		if (!take_end(p, &hi))
			return false;
		if (hi < lo)
			return fail(p, "a range ends before its start") != NULL;
	}
	if ((r = set_add(p, s)) == NULL)
		return false;
	r->lo = lo;
	r->hi = hi;
	return true;
}

/* bracket = "[" [ "^" ] 1*item "]"; a "]" that comes first is an item. */
static struct node *
take_bracket(struct parser *p)
{
	struct node *n = node_new(p, NODE_SET);
	struct set *s = arena_alloc(p->a, sizeof(*s));
	bool first = true;

	if (n == NULL || s == NULL)
		return limit(p, "the expression is too large");
	if (p->in.n > 0 && p->in.p[0] == '^') {
		s->negated = true;
		view_skip(&p->in, 1);
	}
	for (;; first = false) {
		if (p->in.n == 0)
			return fail(p, "'[' without ']'");
		if (p->in.p[0] == ']' && !first)
			break;
		if (!take_range(p, s))
			return NULL;
	}
	view_skip(&p->in, 1);
	n->set = s;
	return n;
}

static struct node *
assertion_new(struct parser *p, enum assertion at)
{
	struct node *n = node_new(p, NODE_ASSERT);

	if (n != NULL)
		n->at = at;
	return n;
}

static struct node *
class_new(struct parser *p, enum class_kind k, bool negated)
{
	struct node *n = node_new(p, NODE_SET);
	struct set *s = arena_alloc(p->a, sizeof(*s));
	struct range *r;

	if (n == NULL || s == NULL)
		return limit(p, "the expression is too large");
	if ((r = set_add(p, s)) == NULL)
		return NULL;
	r->is_class = true;
	r->class = k;
	s->negated = negated;
	n->set = s;
	return n;
}

static struct node *
char_new(struct parser *p, uint32_t cp)
{
	struct node *n = node_new(p, NODE_CHAR);

	if (n != NULL)
		n->cp = cp;
	return n;
}

/* What follows a backslash. */
static struct node *
take_escape(struct parser *p)
{
	uint32_t cp;

	if (p->in.n == 0)
		return fail(p, "a backslash at the end");
	cp = take_char(&p->in);
	switch (cp) {
	case 'w':
		return class_new(p, CLASS_WORD, false);
	case 'W':
		return class_new(p, CLASS_WORD, true);
	case 's':
		return class_new(p, CLASS_SPACE, false);
	case 'S':
		return class_new(p, CLASS_SPACE, true);
	case 'b':
		return assertion_new(p, AT_WORD_EDGE);
	case 'B':
		return assertion_new(p, AT_NO_EDGE);
	case '<':
		return assertion_new(p, AT_WORD_START);
	case '>':
		return assertion_new(p, AT_WORD_END);
	default:
		if (cp >= '1' && cp <= '9')
			return fail(p, "back-references are not supported");
		return char_new(p, cp);
	}
}

static struct node *take_alternatives(struct parser *p);

/* "(" ERE ")", behind the "(". */
static struct node *
take_group(struct parser *p)
{
	unsigned group = ++p->groups;
	struct node *inner, *n;

	if (++p->depth > ERE_DEPTH_MAX)
		return limit(p, "too many parentheses inside one another");
	if ((inner = take_alternatives(p)) == NULL)
		return NULL;
	p->depth--;
	if (p->in.n == 0)
		return fail(p, "'(' without ')'");
	view_skip(&p->in, 1);
	if ((n = node_pair(p, NODE_GROUP, inner, NULL)) != NULL)
		n->group = group;
	return n;
}

static struct node *
take_atom(struct parser *p)
{
	uint32_t cp = take_char(&p->in);

	switch (cp) {
	case '(':
		return take_group(p);
	case '[':
		return take_bracket(p);
	case '\\':
		return take_escape(p);
	case '.':
		return node_new(p, NODE_ANY);
	case '^':
		return assertion_new(p, AT_START);
	case '$':
		return assertion_new(p, AT_END);
	case '*':
	case '+':
	case '?':
	case '{':
		return fail(p, "nothing to repeat");
	default:
		return char_new(p, cp);
	}
}

static bool
take_count(struct view *in, unsigned *out)
{
	unsigned v = 0;
	size_t i;

	for (i = 0; i < in->n && in->p[i] >= '0' && in->p[i] <= '9'; i++) {
		v = v * 10 + (in->p[i] - '0');
		if (v > ERE_REPEAT_MAX)
			return false;
	}
	if (i == 0)
		return false;
	view_skip(in, i);
	*out = v;
	return true;
}

/* "m}" / "m,}" / "m,n}", behind the "{". none: out; no end was given. */
static bool
take_interval(struct view *in, unsigned *min, unsigned *max, bool *none)
{
	*none = false;
	if (!take_count(in, min))
		return false;
	*max = *min;
	if (in->n > 0 && in->p[0] == ',') {
		view_skip(in, 1);
		if (in->n > 0 && in->p[0] == '}')
			*none = true;
		else if (!take_count(in, max) || *max < *min)
			return false;
	}
	if (in->n == 0 || in->p[0] != '}')
		return false;
	view_skip(in, 1);
	return true;
}

/* atom *( "*" / "+" / "?" / interval ) */
static struct node *
take_repeated(struct parser *p)
{
	struct node *n = take_atom(p), *r;

	while (n != NULL && p->in.n > 0) {
		unsigned min = 0, max = 1;
		uint8_t c = p->in.p[0];
		bool none = c != '?';

		if (c != '*' && c != '+' && c != '?' && c != '{')
			break;
		view_skip(&p->in, 1);
		if (c == '+')
			min = 1;
		if (c == '{' && !take_interval(&p->in, &min, &max, &none))
			return fail(p, "invalid repetition in '{}'");
		if ((r = node_pair(p, NODE_REPEAT, n, NULL)) == NULL)
			return NULL;
		r->min = min;
		r->max = none ? 0 : max;
		if (!none && max == 0) /* "{0}" */
			r->kind = NODE_EMPTY;
		n = r;
	}
	return n;
}

static struct node *
take_branch(struct parser *p)
{
	struct node *n = NULL, *next;

	while (p->in.n > 0 && p->in.p[0] != '|' &&
	    !(p->in.p[0] == ')' && p->depth > 0)) {
		if (p->in.p[0] == ')')
			return fail(p, "')' without '('");
		if ((next = take_repeated(p)) == NULL)
			return NULL;
		if ((n = n == NULL ? next : node_pair(p, NODE_CAT, n, next)) ==
		    NULL)
			return NULL;
	}
	return n != NULL ? n : node_new(p, NODE_EMPTY);
}

/* ERE = branch *( "|" branch ) */
static struct node *
take_alternatives(struct parser *p)
{
	struct node *n = take_branch(p), *next;

	while (n != NULL && p->in.n > 0 && p->in.p[0] == '|') {
		view_skip(&p->in, 1);
		if ((next = take_branch(p)) == NULL)
			return NULL;
		n = node_pair(p, NODE_ALT, n, next);
	}
	return n;
}

/* Place for one more instruction; false past the limit. */
static bool
emit(struct ere *e, enum op op, uint32_t x, uint32_t y, const struct set *set)
{
	if (e->n == ERE_PROGRAM_MAX)
		return false;
	e->code[e->n++] = (struct inst){ .op = op, .x = x, .y = y, .set = set };
	return true;
}

static bool emit_node(struct ere *e, const struct node *n);

static bool
emit_alt(struct ere *e, const struct node *n)
{
	size_t split = e->n, jump;

	if (!emit(e, OP_SPLIT, (uint32_t)split + 1, 0, NULL) ||
	    !emit_node(e, n->a))
		return false;
	jump = e->n;
	if (!emit(e, OP_JUMP, 0, 0, NULL))
		return false;
	e->code[split].y = (uint32_t)e->n;
	if (!emit_node(e, n->b))
		return false;
	e->code[jump].x = (uint32_t)e->n;
	return true;
}

/* a{m,n}: m times a, then n - m times an optional one, or a loop. */
static bool
emit_repeat(struct ere *e, const struct node *n)
{
	size_t split, start = e->n;

	for (unsigned i = 0; i < n->min; i++) {
		if (!emit_node(e, n->a))
			return false;
		if (e->n == start)
			return true; /* nothing, however often */
	}
	if (n->max == 0) {
		split = e->n;
		if (!emit(e, OP_SPLIT, (uint32_t)split + 1, 0, NULL) ||
		    !emit_node(e, n->a) ||
		    !emit(e, OP_JUMP, (uint32_t)split, 0, NULL))
			return false;
		e->code[split].y = (uint32_t)e->n;
		return true;
	}
	for (unsigned i = n->min; i < n->max; i++) {
		split = e->n;
		if (!emit(e, OP_SPLIT, (uint32_t)split + 1, 0, NULL) ||
		    !emit_node(e, n->a))
			return false;
		e->code[split].y = (uint32_t)e->n;
	}
	return true;
}

static bool
emit_group(struct ere *e, const struct node *n)
{
	if (n->group >= ERE_GROUPS_MAX)
		return emit_node(e, n->a);
	return emit(e, OP_SAVE, n->group * 2, 0, NULL) && emit_node(e, n->a) &&
	    emit(e, OP_SAVE, n->group * 2 + 1, 0, NULL);
}

static bool
emit_node(struct ere *e, const struct node *n)
{
	switch (n->kind) {
	case NODE_EMPTY:
		return true;
	case NODE_CHAR:
		return emit(e, OP_CHAR, n->cp, 0, NULL);
	case NODE_ANY:
		return emit(e, OP_ANY, 0, 0, NULL);
	case NODE_SET:
		return emit(e, OP_SET, 0, 0, n->set);
	case NODE_ASSERT:
		return emit(e, OP_ASSERT, n->at, 0, NULL);
	case NODE_CAT: /* a long chain leans to the left */
		return emit_node(e, n->a) && emit_node(e, n->b);
	case NODE_ALT:
		return emit_alt(e, n);
	case NODE_REPEAT:
		return emit_repeat(e, n);
	case NODE_GROUP:
		return emit_group(e, n);
	}
	return false;
}

enum ere_result
ere_compile(struct view pattern, enum ere_case fold, struct arena *a,
    struct ere **out, const char **error)
{
	struct parser p = { .in = pattern, .a = a };
	AUTO_FREE struct inst *code = NULL;
	struct ere build = { .fold = fold }, *e;
	const struct node *root;

	*out = NULL;
	*error = "the expression is too large";
	if (pattern.n > ERE_PATTERN_MAX)
		return ERE_LIMIT;
	root = take_alternatives(&p);
	if (root == NULL) {
		*error = p.error;
		return p.over ? ERE_LIMIT : ERE_BAD;
	}
	build.code = code = xcalloc(ERE_PROGRAM_MAX, sizeof(*code));
	build.slots =
	    2 * (p.groups < ERE_GROUPS_MAX ? p.groups + 1 : ERE_GROUPS_MAX);
	if (!emit_node(&build, root) || !emit(&build, OP_MATCH, 0, 0, NULL) ||
	    (e = arena_alloc(a, sizeof(*e))) == NULL)
		return ERE_LIMIT;
	*e = build;
	if ((e->code = arena_alloc(a, e->n * sizeof(*code))) == NULL)
		return ERE_LIMIT;
	memcpy(e->code, code, e->n * sizeof(*code));
	*out = e;
	*error = NULL;
	return ERE_OK;
}

size_t
ere_cost(const struct ere *e)
{
	size_t n = e->n;

	for (size_t i = 0; i < e->n; i++)
		if (e->code[i].op == OP_SET)
			for (const struct range *r = e->code[i].set->ranges;
			     r != NULL; r = r->next)
				n++;
	return n;
}

static bool
is_alpha(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return c < 0x110000 && uc_is_alpha(c);
}

static bool
is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

static bool
in_class(enum class_kind k, uint32_t c)
{
	if (c >= 0x110000)
		return false;
	switch (k) {
	case CLASS_ALPHA:
		return is_alpha(c);
	case CLASS_DIGIT:
		return is_digit(c);
	case CLASS_ALNUM:
		return is_alpha(c) || is_digit(c);
	case CLASS_WORD:
		return is_alpha(c) || is_digit(c) || c == '_';
	case CLASS_UPPER:
		return uc_is_upper(c);
	case CLASS_LOWER:
		return uc_is_lower(c);
	case CLASS_SPACE:
		return uc_is_space(c);
	case CLASS_BLANK:
		return uc_is_blank(c);
	case CLASS_PUNCT:
		return uc_is_punct(c);
	case CLASS_PRINT:
		return uc_is_print(c);
	case CLASS_GRAPH:
		return uc_is_graph(c);
	case CLASS_CNTRL:
		return uc_is_cntrl(c);
	case CLASS_XDIGIT:
		return uc_is_xdigit(c);
	}
	return false;
}

static bool
in_ranges(const struct set *s, uint32_t c)
{
	for (const struct range *r = s->ranges; r != NULL; r = r->next)
		if (r->is_class ? in_class(r->class, c)
				: c >= r->lo && c <= r->hi)
			return true;
	return false;
}

/* The letter in the other case, or c. */
static uint32_t
swap_case(uint32_t c, enum ere_case fold)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return fold == ERE_EXACT ? c : c ^ 0x20;
	if (fold != ERE_UNICODE || c < 0x80 || c >= 0x110000)
		return c;
	return uc_tolower(c) != c ? uc_tolower(c) : uc_toupper(c);
}

static bool
in_set(const struct set *s, uint32_t c, enum ere_case fold)
{
	return (in_ranges(s, c) || in_ranges(s, swap_case(c, fold))) !=
	    s->negated;
}

static bool
accepts(const struct ere *e, const struct inst *i, uint32_t c)
{
	switch (i->op) {
	case OP_CHAR:
		return c == i->x || swap_case(c, e->fold) == i->x;
	case OP_ANY:
		return true;
	case OP_SET:
		return in_set(i->set, c, e->fold);
	case OP_ASSERT:
	case OP_SPLIT:
	case OP_JUMP:
	case OP_SAVE:
	case OP_MATCH:
		break;
	}
	return false;
}

struct threads {
	uint32_t *pc; /* in the order of their claims */
	size_t *slot; /* slots a thread; an offset + 1, 0: none */
	uint32_t *mark;
	size_t n;
};

struct machine {
	const struct ere *e;
	struct view text;
	uint32_t generation;
	bool word_before, word_after;
	size_t at;
	struct threads now, next;
	size_t *slot; /* of the thread that is being added */
};

static void
threads_init(struct threads *t, const struct ere *e)
{
	t->pc = xcalloc(e->n, sizeof(*t->pc));
	t->slot = xcalloc(e->n * e->slots, sizeof(*t->slot));
	t->mark = xcalloc(e->n, sizeof(*t->mark));
	t->n = 0;
}

static void
threads_fini(struct threads *t)
{
	mem_free(&t->pc);
	mem_free(&t->slot);
	mem_free(&t->mark);
}

static bool
holds(const struct machine *m, enum assertion at)
{
	switch (at) {
	case AT_START:
		return m->at == 0;
	case AT_END:
		return m->at == m->text.n;
	case AT_WORD_EDGE:
		return m->word_before != m->word_after;
	case AT_NO_EDGE:
		return m->word_before == m->word_after;
	case AT_WORD_START:
		return !m->word_before && m->word_after;
	case AT_WORD_END:
		return m->word_before && !m->word_after;
	}
	return false;
}

/* Add the thread at pc with m->slot, and all it leads to without a character.
 * As deep as the program is long at most. */
static void
add(struct machine *m, struct threads *t, uint32_t pc)
{
	const struct inst *i = &m->e->code[pc];
	size_t saved;

	if (t->mark[pc] == m->generation)
		return;
	t->mark[pc] = m->generation;
	switch (i->op) {
	case OP_JUMP:
		add(m, t, i->x);
		return;
	case OP_SPLIT:
		add(m, t, i->x);
		add(m, t, i->y);
		return;
	case OP_SAVE:
		saved = m->slot[i->x];
		m->slot[i->x] = m->at + 1;
		add(m, t, pc + 1);
		m->slot[i->x] = saved;
		return;
	case OP_ASSERT:
		if (holds(m, (enum assertion)i->x))
			add(m, t, pc + 1);
		return;
	case OP_CHAR:
	case OP_ANY:
	case OP_SET:
	case OP_MATCH:
		t->pc[t->n] = pc;
		memcpy(t->slot + t->n * m->e->slots, m->slot,
		    m->e->slots * sizeof(*m->slot));
		t->n++;
		return;
	}
}

/* Is what stands at *rest part of a word? */
static bool
word_at(struct view rest)
{
	return rest.n > 0 && in_class(CLASS_WORD, take_char(&rest));
}

/* Let every thread take the character c between from and m->at. best: the match
 * found so far; no thread that began later is of use, and each further one of
 * the same beginning is longer. */
static bool
step(struct machine *m, size_t from, uint32_t c, size_t *best, bool found)
{
	size_t slots = m->e->slots;
	bool more = from < m->text.n;

	m->generation++;
	m->next.n = 0;
	for (size_t i = 0; i < m->now.n; i++) {
		const struct inst *in = &m->e->code[m->now.pc[i]];
		size_t *slot = m->now.slot + i * slots;

		if (found && slot[0] > best[0])
			continue;
		if (in->op == OP_MATCH) {
			memcpy(best, slot, slots * sizeof(*best));
			best[1] = from + 1;
			found = true;
		} else if (more && accepts(m->e, in, c)) {
			memcpy(m->slot, slot, slots * sizeof(*slot));
			add(m, &m->next, m->now.pc[i] + 1);
		}
	}
	return found;
}

static bool
search(struct machine *m, size_t *best)
{
	struct view rest = m->text;
	struct threads swap;
	bool found = false;
	uint32_t c = 0;
	size_t from;

	m->word_after = word_at(rest);
	m->generation = 1;
	do {
		if (!found) { /* a match may also begin here */
			memset(m->slot, 0, m->e->slots * sizeof(*m->slot));
			m->slot[0] = m->at + 1;
			add(m, &m->now, 0);
		}
		from = m->at;
		if (rest.n > 0)
			c = take_char(&rest);
		m->at = m->text.n - rest.n;
		m->word_before = m->word_after;
		m->word_after = word_at(rest);
		found = step(m, from, c, best, found);
		swap = m->now;
		m->now = m->next;
		m->next = swap;
	} while (from < m->text.n && !(found && m->now.n == 0));
	return found;
}

bool
ere_match(const struct ere *e, struct view text, struct view *group)
{
	struct machine m = { .e = e, .text = text };
	size_t slot[2 * ERE_GROUPS_MAX] = { 0 };
	size_t best[2 * ERE_GROUPS_MAX] = { 0 };
	bool found;

	m.slot = slot;
	threads_init(&m.now, e);
	threads_init(&m.next, e);
	found = search(&m, best);
	threads_fini(&m.now);
	threads_fini(&m.next);
	for (size_t i = 0; found && group != NULL && i < ERE_GROUPS_MAX; i++) {
		group[i] = (struct view){ NULL, 0 };
		if (best[2 * i] > 0 && best[2 * i + 1] > 0)
			group[i] = view_sub(text, best[2 * i] - 1,
			    best[2 * i + 1] - best[2 * i]);
	}
	return found;
}
