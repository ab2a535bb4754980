/*
 * RFC 5232: flags. A set of flags is a list of words; in a variable it is their
 * text with blanks between.
 */

#include "sieve/checker_impl.h"
#include "sieve/compare.h"
#include "sieve/ext_list.h"
#include "sieve/interp.h"

#define FLAG_SIZE_MAX 250 /* bytes; a longer word is no flag */

struct flag_set {
	struct view *v; /* SIEVE_FLAGS_MAX */
	size_t n;
};

/* ---- sets ---- */

/* Take the next word of a text. */
static bool
take_word(struct view *in, struct view *out)
{
	size_t n = 0;

	while (in->n > 0 && in->p[0] == ' ')
		view_skip(in, 1);
	while (n < in->n && in->p[n] != ' ')
		n++;
	*out = view_sub(*in, 0, n);
	view_skip(in, n);
	return n > 0;
}

static bool
is_atom(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f ||
		    memchr("(){%*\"\\]", v.p[i], 8) != NULL)
			return false;
	return v.n > 0;
}

/* A flag that IMAP can set (RFC 9051 section 9): a keyword, or a system flag
 * other than \Recent. */
static bool
is_flag(struct view v)
{
	static const char *const system[] = { "\\Answered", "\\Flagged",
		"\\Deleted", "\\Seen", "\\Draft" };

	if (v.n == 0 || v.n > FLAG_SIZE_MAX)
		return false;
	if (v.p[0] != '\\')
		return is_atom(v);
	for (size_t i = 0; i < EXT_COUNT(system); i++)
		if (view_eq_ci(v, view_str(system[i])))
			return true;
	return false;
}

static size_t
find(const struct flag_set *s, struct view flag)
{
	size_t i = 0;

	while (i < s->n && !view_eq_ci(s->v[i], flag))
		i++;
	return i;
}

static void
add(struct flag_set *s, struct view flag)
{
	if (is_flag(flag) && s->n < SIEVE_FLAGS_MAX && find(s, flag) == s->n)
		s->v[s->n++] = flag;
}

static void
take_away(struct flag_set *s, struct view flag)
{
	size_t i = find(s, flag);

	if (i < s->n) {
		memmove(s->v + i, s->v + i + 1, (s->n - i - 1) * sizeof(*s->v));
		s->n--;
	}
}

static void
change(struct interp *in, struct flag_set *s, struct view text,
    void (*f)(struct flag_set *, struct view))
{
	struct view word;

	while (take_word(&text, &word) && interp_cost(in, 1 + s->n / 8))
		f(s, word);
}

static void
change_all(struct interp *in, struct flag_set *s, const struct script_arg *arg,
    void (*f)(struct flag_set *, struct view))
{
	for (size_t i = 0; i < arg->n && !in->failed; i++)
		change(in, s, interp_text(in, &arg->texts[i]), f);
}

/* An empty set; false: the run has failed. */
static bool
new_set(struct interp *in, struct flag_set *s)
{
	s->n = 0;
	s->v = interp_alloc(in, SIEVE_FLAGS_MAX * sizeof(*s->v));
	return s->v != NULL;
}

/* ---- setflag, addflag, removeflag ---- */

static bool
find_targets(struct checker *c, const struct script_arg *arg,
    struct script_part *targets)
{
	for (size_t i = 0; i < arg->n; i++) {
		if (arg->texts[i].parts != NULL)
			return checker_error_arg(
			    c, arg, "the name of a variable must be constant");
		if (!checker_target(c, arg, arg->texts[i].v, &targets[i]))
			return false;
	}
	return true;
}

/* The variables as targets, in n->data; NULL: none are given. */
static bool
keep_targets(struct checker *c, struct script_node *n)
{
	const struct script_arg *arg = n->arg[0];

	if (arg == NULL)
		return true;
	if (!checker_has(c, "variables"))
		return checker_error_arg(c, arg,
		    "the name of a variable can only be given after require "
		    "\"variables\"");
	n->data = checker_alloc(c, arg->n * sizeof(struct script_part));
	return n->data != NULL && find_targets(c, arg, n->data);
}

static void
set_variable(struct interp *in, const struct script_part *target,
    const struct flag_set *s)
{
	size_t n = 0;
	uint8_t *p;

	for (size_t i = 0; i < s->n; i++)
		n += s->v[i].n + 1;
	if ((p = interp_alloc(in, n + 1)) == NULL)
		return;
	n = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (i > 0)
			p[n++] = ' ';
		memcpy(p + n, s->v[i].p, s->v[i].n);
		n += s->v[i].n;
	}
	interp_set(in, target, (struct view){ p, n });
}

/* The set as it is now; false: the run has failed. */
static bool
current(struct interp *in, const struct script_part *target, struct flag_set *s)
{
	if (!new_set(in, s))
		return false;
	if (target != NULL)
		change(in, s, interp_get(in, target), add);
	else
		for (size_t i = 0; i < in->flags.n; i++)
			add(s, in->flags.v[i]);
	return !in->failed;
}

static void
store(struct interp *in, const struct script_part *target,
    const struct flag_set *s)
{
	if (in->failed)
		return;
	if (target != NULL) {
		set_variable(in, target, s);
		return;
	}
	in->flags = (struct sieve_flags){ s->v, s->n };
	in->has_flags = true;
}

/* setflag [<variablename: string>] <list-of-flags: string-list> */
static enum ext_flow
run_setflag(struct interp *in, const struct script_node *n)
{
	struct flag_set s;

	if (new_set(in, &s)) {
		change_all(in, &s, n->arg[1], add);
		store(in, n->data, &s);
	}
	return EXT_NEXT;
}

/* addflag [<variablename: string>] <list-of-flags: string-list> */
static enum ext_flow
run_addflag(struct interp *in, const struct script_node *n)
{
	struct flag_set s;

	if (current(in, n->data, &s)) {
		change_all(in, &s, n->arg[1], add);
		store(in, n->data, &s);
	}
	return EXT_NEXT;
}

/* removeflag [<variablename: string>] <list-of-flags: string-list> */
static enum ext_flow
run_removeflag(struct interp *in, const struct script_node *n)
{
	struct flag_set s;

	if (current(in, n->data, &s)) {
		change_all(in, &s, n->arg[1], take_away);
		store(in, n->data, &s);
	}
	return EXT_NEXT;
}

static const struct ext_command commands[] = {
	{
	    .name = "setflag",
	    .args = "?sl",
	    .check = keep_targets,
	    .run = run_setflag,
	},
	{
	    .name = "addflag",
	    .args = "?sl",
	    .check = keep_targets,
	    .run = run_addflag,
	},
	{
	    .name = "removeflag",
	    .args = "?sl",
	    .check = keep_targets,
	    .run = run_removeflag,
	},
};

/* ---- hasflag ---- */

/* Keys are words too: "b A" is ["b", "A"]. */
static size_t
count_words(struct view text)
{
	struct view word;
	size_t n = 0;

	while (take_word(&text, &word))
		n++;
	return n;
}

static bool
check_hasflag(struct checker *c, struct script_node *n)
{
	const struct script_arg *arg = n->arg[1];
	struct script_text *keys;
	size_t words = 0, used = 0;

	if (!keep_targets(c, n))
		return false;
	for (size_t i = 0; i < arg->n; i++) {
		if (arg->texts[i].parts != NULL)
			return true; /* how->n stays 0: see hasflag_begin() */
		words += count_words(arg->texts[i].v);
	}
	if ((keys = checker_alloc(c, (words + 1) * sizeof(*keys))) == NULL)
		return false;
	for (size_t i = 0; i < arg->n; i++)
		for (struct view text = arg->texts[i].v;
		     take_word(&text, &keys[used].v);)
			used++;
	return checker_keys(c, arg, keys, used, n->how);
}

static void
hasflag_begin(struct compare *c, struct interp *in, const struct script_node *n)
{
	const struct script_arg *arg = n->arg[1];
	struct script_text *keys;
	struct view *texts;
	size_t words = 0, used = 0;

	if (n->how->keys != NULL) {
		compare_begin(c, in, n);
		return;
	}
	texts = interp_alloc(in, arg->n * sizeof(*texts));
	for (size_t i = 0; texts != NULL && i < arg->n; i++) {
		texts[i] = interp_text(in, &arg->texts[i]);
		words += count_words(texts[i]);
	}
	keys = interp_alloc(in, (words + 1) * sizeof(*keys));
	for (size_t i = 0; keys != NULL && texts != NULL && i < arg->n; i++)
		while (take_word(&texts[i], &keys[used].v))
			used++;
	compare_begin_keys(c, in, n, keys, keys == NULL ? 0 : used);
}

/* hasflag [MATCH-TYPE] [COMPARATOR] [<variable-list>] <list-of-flags> */
static bool
test_hasflag(struct interp *in, const struct script_node *n)
{
	const struct script_part *targets = n->data;
	size_t n_targets = n->arg[0] != NULL ? n->arg[0]->n : 1;
	struct flag_set s;
	struct compare c;

	hasflag_begin(&c, in, n);
	for (size_t i = 0; i < n_targets && !c.matched; i++) {
		if (!current(in, targets != NULL ? &targets[i] : NULL, &s))
			break;
		for (size_t k = 0; k < s.n; k++)
			if (compare_value(&c, s.v[k]))
				break;
	}
	return compare_end(&c);
}

static const struct ext_command tests[] = {
	{
	    .name = "hasflag",
	    .args = "?ll",
	    .flags = EXT_MATCH | EXT_OWN_KEYS,
	    .check = check_hasflag,
	    .test = test_hasflag,
	},
};

/* ---- ":flags" ---- */

static void
apply_flags(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct sieve_action *a)
{
	struct flag_set s;
	struct sieve_flags flags;

	(void)n;
	if (!new_set(in, &s))
		return;
	change_all(in, &s, t->param, add);
	flags = (struct sieve_flags){ s.v, s.n };
	if (a->kind == SIEVE_KEEP) {
		a->u.keep.flags = flags;
		a->u.keep.flags_known = true;
	} else if (a->kind == SIEVE_FILEINTO) {
		a->u.fileinto.mailbox.flags = flags;
	}
}

static const struct ext_tag tags[] = {
	{
	    .name = "flags",
	    .commands = "keep fileinto",
	    .param = EXT_STRINGS,
	    .apply = apply_flags,
	},
};

const struct ext ext_imap4flags = {
	.name = "imap4flags",
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};
