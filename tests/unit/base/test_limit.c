#include "base/limit.h"
#include "tap.h"

static struct view
key(uint32_t *n)
{
	return (struct view){ (const uint8_t *)n, sizeof(*n) };
}

static void
test_level(void)
{
	struct limit *l = limit_new(10, 1000);
	struct view a = VIEW_LIT("a");

	tap_ok(limit_level(l, a, 0) == 0, "nobody");
	tap_ok(limit_charge(l, a, 1, 100) == 1, "charge");
	tap_ok(limit_charge(l, a, 2, 100) == 3, "more");
	tap_ok(limit_level(l, a, 1099) == 3, "it drains");
	tap_ok(limit_level(l, a, 1100) == 2, "by one");
	tap_ok(limit_level(l, a, 3100) == 0, "to nothing");
	tap_ok(limit_level(l, VIEW_LIT("b"), 100) == 0, "another is not it");
	tap_ok(limit_charge(l, a, UINT32_MAX, 3100) == LIMIT_LEVEL_MAX &&
		limit_charge(l, a, 1, 3100) == LIMIT_LEVEL_MAX,
	    "never above the maximum");
	limit_forgive(l, a);
	tap_ok(limit_level(l, a, 3100) == 0, "forgiven");
	tap_ok(limit_take(l, a, 3, 3, 5000), "a burst at the limit");
	tap_ok(!limit_take(l, a, 1, 3, 5000), "one past it");
	tap_ok(limit_take(l, a, 1, 3, 6000), "later again");
	tap_ok(!limit_take(l, a, 4, 3, 90000), "more than a burst, never");
	limit_free(&l);
	limit_free(&l);
}

static void
test_hold(void)
{
	struct limit *l = limit_new(3, 1000);
	struct view a = VIEW_LIT("a");

	tap_ok(!limit_hold(l, a, 0), "none allowed");
	tap_ok(limit_hold(l, a, 2) && limit_hold(l, a, 2), "two of two");
	tap_ok(!limit_hold(l, a, 2) && limit_held(l, a) == 2, "not three");
	limit_drop(l, a);
	tap_ok(limit_held(l, a) == 1 && limit_hold(l, a, 2), "dropped one");
	tap_ok(
	    limit_hold(l, VIEW_LIT("b"), 1) && limit_hold(l, VIEW_LIT("c"), 1),
	    "the table is full of holders");
	tap_ok(!limit_hold(l, VIEW_LIT("d"), 1), "no room for another");
	tap_ok(limit_charge(l, VIEW_LIT("d"), 5, 0) == 5 &&
		limit_level(l, VIEW_LIT("d"), 0) == 0,
	    "nor for a charge, which is answered all the same");
	limit_drop(l, VIEW_LIT("c"));
	tap_ok(limit_hold(l, VIEW_LIT("d"), 1), "room again");
	tap_ok(limit_held(l, VIEW_LIT("c")) == 0, "c is forgotten");
	limit_free(&l);
}

static void
test_flood(void)
{
	struct limit *l = limit_new(100, 1000);
	uint32_t bad = 0, i;

	(void)limit_charge(l, key(&bad), 1000, 0);
	if (!limit_hold(l, VIEW_LIT("held"), 1))
		tap_ok(0, "hold");
	for (i = 1; i < 100000; i++)
		(void)limit_charge(l, key(&i), 1, 0);
	tap_ok(limit_count(l) == 100, "a flood does not grow it");
	tap_ok(limit_level(l, key(&bad), 0) == 1000, "the worst is remembered");
	tap_ok(limit_held(l, VIEW_LIT("held")) == 1, "and who holds");
	limit_free(&l);
}

int
main(void)
{
	test_level();
	test_hold();
	test_flood();
	tap_ok(limit_delay_ms(0, 0, 100, 1000) == 0, "no delay");
	tap_ok(limit_delay_ms(2, 2, 100, 1000) == 0, "grace");
	tap_ok(limit_delay_ms(3, 2, 100, 1000) == 100, "first");
	tap_ok(limit_delay_ms(5, 2, 100, 1000) == 400, "doubled");
	tap_ok(limit_delay_ms(UINT32_MAX, 0, 100, 1000) == 1000, "bounded");
	tap_ok(limit_delay_ms(UINT32_MAX, 0, 0, 1000) == 0, "of nothing");
	tap_ok(limit_delay_ms(5, 0, 5000, 1000) == 1000, "first above most");
	return tap_done();
}
