/* RFC 5235: spamtest, spamtestplus and virustest. What the checkers found comes
 * from the caller. */
#include "base/num.h"
#include "sieve/compare.h"
#include "sieve/ext.h"
#include "sieve/interp.h"

static const struct ext_tag percent[] = {
	{ .name = "percent", .commands = "spamtest" },
};

/* One number as the value; with :count, one value when there is a verdict. */
static bool
compare_number(
    struct interp *in, const struct script_node *n, unsigned v, bool tested)
{
	uint8_t digits[NUM_DEC_MAX];
	struct compare c;

	compare_begin(&c, in, n);
	if (tested || (c.how->match->flags & EXT_COUNTS) == 0)
		(void)!compare_value(&c, /* captures outlive this */
		    interp_copy(
			in, (struct view){ digits, num_dec(v, digits) }));
	return compare_end(&c);
}

static bool
test_spam(struct interp *in, const struct script_node *n)
{
	unsigned value = 0;
	bool tested =
	    in->calls->spam != NULL && in->calls->spam(in->env.ctx, &value);

	if (!tested)
		return compare_number(in, n, 0, false);
	if (value > 100)
		value = 100;
	/* RFC 5235 section 3.2.1: 1 is clear, 10 is spam */
	if (script_tag(n, &percent[0]) == NULL)
		value = 1 + value * 9 / 100;
	return compare_number(in, n, value, true);
}

static bool
test_virus(struct interp *in, const struct script_node *n)
{
	unsigned value = 0;
	bool tested =
	    in->calls->virus != NULL && in->calls->virus(in->env.ctx, &value);

	if (value > 5)
		value = 5;
	return compare_number(in, n, tested ? value : 0, tested);
}

static const struct ext_command spam[] = {
	{ .name = "spamtest",
	    .args = "s",
	    .flags = EXT_MATCH,
	    .test = test_spam },
};

static const struct ext_command virus[] = {
	{ .name = "virustest",
	    .args = "s",
	    .flags = EXT_MATCH,
	    .test = test_virus },
};

const struct ext ext_spamtest = {
	.name = "spamtest",
	.tests = spam,
	.n_tests = EXT_COUNT(spam),
};

const struct ext ext_spamtestplus = {
	.name = "spamtestplus",
	.needs = "spamtest",
	.tags = percent,
	.n_tags = EXT_COUNT(percent),
};

const struct ext ext_virustest = {
	.name = "virustest",
	.tests = virus,
	.n_tests = EXT_COUNT(virus),
};
