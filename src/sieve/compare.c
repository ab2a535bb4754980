/*
 * Keys are folded once (at compile time, when they are constant), values when
 * they are shown; what then remains is equality, order and search of bytes.
 */

#include "sieve/compare.h"

#include "base/num.h"
#include "base/utf8.h"
#include "sieve/interp.h"

/* Longer values are folded in memory of their own, not the run's; those that a
 * letter keeps may have more. */
#define FOLD_KEPT_MAX 1024
#define FOLD_LETTER_MAX ((size_t)4 << 20)
#define FOLD_STACK_MAX 128

static bool
fold(const struct compare_how *how, struct view v, struct arena *a,
    struct view *out)
{
	if (how->comparator->fold != NULL)
		return how->comparator->fold(v, a, out);
	*out = v;
	return true;
}

void *
compare_prepare(const struct compare_how *how, struct view key, struct arena *a,
    const char **why)
{
	struct view folded, *out;

	if (!fold(how, key, a, &folded))
		return NULL;
	if (how->match->prepare != NULL)
		return how->match->prepare(how, key, folded, a, why);
	if ((out = arena_alloc(a, sizeof(*out))) != NULL)
		*out = folded;
	return out;
}

void
compare_begin_keys(struct compare *c, struct interp *in,
    const struct script_node *n, const struct script_text *keys, size_t n_keys)
{
	void **prepared = interp_alloc(in, n_keys * sizeof(void *));

	*c = (struct compare){ .in = in, .node = n, .how = n->how };
	for (size_t i = 0; prepared != NULL && !in->failed && i < n_keys; i++) {
		const char *why = "there is no memory left for this run";
		struct view key = interp_text(in, &keys[i]);

		interp_cost(in, 1 + key.n / 64);
		prepared[i] = compare_prepare(n->how, key, in->arena, &why);
		if (prepared[i] == NULL)
			interp_fail(in, n, "%s", why);
	}
	c->keys = prepared;
	c->n = in->failed ? 0 : n_keys;
}

void
compare_begin(struct compare *c, struct interp *in, const struct script_node *n)
{
	if (n->how->keys == NULL) {
		compare_begin_keys(c, in, n, n->how->given, n->how->n);
		return;
	}
	*c = (struct compare){
		.in = in,
		.node = n,
		.how = n->how,
		.keys = n->how->keys,
		.n = n->how->n,
	};
}

static bool
show(struct compare *c, struct view value, struct view folded)
{
	if (!interp_cost(c->in, c->n * (1 + value.n / 64)))
		return true;
	for (size_t i = 0; i < c->n && !c->in->failed; i++)
		if (c->how->match->match(c, c->keys[i], value, folded)) {
			c->matched = true;
			return true;
		}
	return c->in->failed;
}

/* i;ascii-casemap of what is short enough for the stack. */
static bool
show_short(struct compare *c, struct view value)
{
	uint8_t folded[FOLD_STACK_MAX];

	for (size_t i = 0; i < value.n; i++) {
		uint8_t b = value.p[i];

		folded[i] = b >= 'a' && b <= 'z' ? (uint8_t)(b - 0x20) : b;
	}
	return show(c, value, (struct view){ folded, value.n });
}

/* Folding character by character takes as long for a byte of what comes out as
 * comparing does for 64. False: the run has failed. */
static bool
fold_value(
    struct compare *c, struct view value, struct arena *a, struct view *out)
{
	bool by_chars = c->how->comparator->chars && !utf8_ascii(value);

	if (!interp_cost(c->in, by_chars ? value.n : value.n / 64))
		return false;
	if (!fold(c->how, value, a, out)) {
		interp_fail(
		    c->in, c->node, "there is no memory left for this run");
		return false;
	}
	return !by_chars || out->n <= value.n ||
	    interp_cost(c->in, out->n - value.n);
}

bool
compare_value(struct compare *c, struct view value)
{
	AUTO_ARENA struct arena *scratch = NULL;
	struct arena *a = c->in->arena;
	struct view folded;

	c->count++;
	if ((c->how->match->flags & EXT_COUNTS) != 0 || c->in->failed)
		return c->in->failed;
	if (c->how->casemap && value.n <= FOLD_STACK_MAX)
		return show_short(c, value);
	if (value.n > FOLD_KEPT_MAX)
		a = scratch = arena_new(SIEVE_RUN_MAX);
	return !fold_value(c, value, a, &folded) || show(c, value, folded);
}

/* The same for a comparator of characters: the letter keeps what came out. */
static bool
compare_chars(struct compare *c, struct view text, struct letter_value *v)
{
	c->count++;
	if (v->by_chars.p == NULL &&
	    !fold_value(c, text, c->in->arena, &v->by_chars))
		return true;
	return show(c, text, v->by_chars);
}

bool
compare_field(struct compare *c, struct letter *l, struct letter_value *v)
{
	struct view text = letter_text(l, v);

	if ((c->how->match->flags & EXT_COUNTS) != 0 || c->in->failed)
		return compare_value(c, text);
	if (c->how->comparator->chars && text.n <= FOLD_LETTER_MAX)
		return compare_chars(c, text, v);
	if (!c->how->casemap)
		return compare_value(c, text);
	c->count++;
	return show(c, text, letter_folded(l, v));
}

bool
compare_end(struct compare *c)
{
	uint8_t digits[NUM_DEC_MAX];
	struct view v;

	if (c->in->failed)
		return false;
	if ((c->how->match->flags & EXT_COUNTS) != 0) {
		v = (struct view){ digits, num_dec(c->count, digits) };
		return show(c, v, v) && c->matched;
	}
	return c->matched;
}

static int
octet_order(struct view a, struct view b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (r != 0)
		return r < 0 ? -1 : 1;
	return a.n < b.n ? -1 : a.n > b.n;
}

bool
compare_holds(const struct compare *c, struct view value, struct view key)
{
	const struct ext_comparator *by = c->how->comparator;
	int r =
	    by->order != NULL ? by->order(value, key) : octet_order(value, key);

	switch (c->how->relation) {
	case COMPARE_GT:
		return r > 0;
	case COMPARE_GE:
		return r >= 0;
	case COMPARE_LT:
		return r < 0;
	case COMPARE_LE:
		return r <= 0;
	case COMPARE_EQ:
		return r == 0;
	case COMPARE_NE:
		return r != 0;
	}
	return false;
}

void
compare_capture(struct compare *c, const struct view *parts, size_t n)
{
	struct interp *in = c->in;

	if (n > SIEVE_MATCHES_MAX)
		n = SIEVE_MATCHES_MAX;
	memcpy(in->matches, parts, n * sizeof(*parts));
	in->n_matches = n;
}

bool
compare_part(
    const struct compare *c, const struct letter_address *a, struct view *out)
{
	return c->how->part->get(c->in, a, out);
}
