#include "proc/conn.h"
#include "tap.h"

/* Every state, every pair of events, in both orders. */
static bool
apply(struct conn *c, enum conn_event e)
{
	return conn_event(c, e, c->generation) == CONN_MOVED;
}

/* The events that lead to each state from the beginning. */
static void
go_to(struct conn *c, enum conn_state s)
{
	static const struct {
		size_t n;
		enum conn_event e[6];
	} path[CONN_STATES] = {
		[CONN_PRELOGIN] = { 1, { CONN_ON_LOGIN } },
		[CONN_STARTING] = { 2, { CONN_ON_LOGIN, CONN_ON_HANDOVER } },
		[CONN_LIVE] = { 3,
		    { CONN_ON_LOGIN, CONN_ON_HANDOVER, CONN_ON_STARTED } },
		[CONN_PARKING] = { 4,
		    { CONN_ON_LOGIN, CONN_ON_HANDOVER, CONN_ON_STARTED,
			CONN_ON_PARK } },
		[CONN_PARKED] = { 5,
		    { CONN_ON_LOGIN, CONN_ON_HANDOVER, CONN_ON_STARTED,
			CONN_ON_PARK, CONN_ON_PARKED } },
		[CONN_WAKING] = { 6,
		    { CONN_ON_LOGIN, CONN_ON_HANDOVER, CONN_ON_STARTED,
			CONN_ON_PARK, CONN_ON_PARKED, CONN_ON_WAKE } },
		[CONN_CLOSING] = { 1, { CONN_ON_GONE } },
	};

	conn_init(c);
	for (size_t i = 0; i < path[s].n; i++)
		if (!apply(c, path[s].e[i]))
			tap_ok(0, "%s leads towards %s",
			    conn_event_name(path[s].e[i]), conn_state_name(s));
	tap_ok(c->state == s, "%s is reached", conn_state_name(s));
}

static bool
newer(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

/* What must hold after any event, whatever the answer was. */
static bool
sane(const struct conn *before, const struct conn *after, enum conn_result r)
{
	if (after->generation == 0 ||
	    !newer(after->generation, before->generation))
		return false;
	if (r != CONN_MOVED)
		return after->state == before->state &&
		    after->generation == before->generation;
	/* nothing leaves closing, and only a wake leaves parked, but for the
	 * client's own end */
	if (before->state == CONN_CLOSING)
		return after->state == CONN_CLOSING;
	if (before->state == CONN_PARKED)
		return after->state == CONN_WAKING ||
		    after->state == CONN_CLOSING;
	return true;
}

/* x then y, where y was sent by somebody who had not heard of x: it carries
 * the generation of before. */
static bool
crossed(const struct conn *start, enum conn_event x, enum conn_event y,
    struct conn *end)
{
	struct conn c = *start, mid;
	enum conn_result r1 = conn_event(&c, x, start->generation), r2;

	mid = c;
	if (!sane(start, &mid, r1))
		return false;
	r2 = conn_event(&c, y, start->generation);
	*end = c;
	if (!sane(&mid, &c, r2))
		return false;
	/* a message of an older turn changes nothing */
	return mid.generation == start->generation || r2 == CONN_STALE;
}

static void
pairs(enum conn_state s)
{
	struct conn start, xy, yx;
	unsigned bad = 0;

	go_to(&start, s);
	for (unsigned x = 0; x < CONN_EVENTS; x++)
		for (unsigned y = 0; y < CONN_EVENTS; y++) {
			enum conn_event ex = (enum conn_event)x,
					ey = (enum conn_event)y;

			if (crossed(&start, ex, ey, &xy) &&
			    crossed(&start, ey, ex, &yx))
				continue;
			bad++;
			printf("# %s: %s against %s\n", conn_state_name(s),
			    conn_event_name(ex), conn_event_name(ey));
		}
	tap_ok(bad == 0, "%s: every pair of events in both orders",
	    conn_state_name(s));
}

/* The client's end always wins, whatever crosses it within one turn. */
static void
gone_wins(enum conn_state s)
{
	unsigned bad = 0;

	for (unsigned e = 0; e < CONN_EVENTS; e++) {
		struct conn c;

		go_to(&c, s);
		(void)!conn_event(&c, (enum conn_event)e, c.generation);
		(void)!conn_event(&c, CONN_ON_GONE, c.generation);
		bad += c.state != CONN_CLOSING;
	}
	tap_ok(bad == 0, "%s: gone ends it after anything", conn_state_name(s));
}

static const struct {
	enum conn_state from;
	enum conn_event event;
	enum conn_result want;
	enum conn_state to;
} moves[] = {
	{ CONN_PRELOGIN, CONN_ON_LOGIN, CONN_MOVED, CONN_PRELOGIN },
	{ CONN_PRELOGIN, CONN_ON_HANDOVER, CONN_MOVED, CONN_STARTING },
	{ CONN_PRELOGIN, CONN_ON_STARTED, CONN_WRONG, CONN_PRELOGIN },
	{ CONN_STARTING, CONN_ON_STARTED, CONN_MOVED, CONN_LIVE },
	{ CONN_STARTING, CONN_ON_REFUSED, CONN_MOVED, CONN_PRELOGIN },
	{ CONN_STARTING, CONN_ON_HANDOVER, CONN_WRONG, CONN_STARTING },
	{ CONN_LIVE, CONN_ON_ENDED, CONN_MOVED, CONN_CLOSING },
	{ CONN_LIVE, CONN_ON_PARK, CONN_MOVED, CONN_PARKING },
	{ CONN_LIVE, CONN_ON_REFUSED, CONN_WRONG, CONN_LIVE },
	{ CONN_PARKING, CONN_ON_BUSY, CONN_MOVED, CONN_LIVE },
	{ CONN_PARKING, CONN_ON_PARKED, CONN_MOVED, CONN_PARKED },
	{ CONN_PARKED, CONN_ON_WAKE, CONN_MOVED, CONN_WAKING },
	{ CONN_PARKED, CONN_ON_ENDED, CONN_WRONG, CONN_PARKED },
	{ CONN_WAKING, CONN_ON_AWAKE, CONN_MOVED, CONN_LIVE },
	{ CONN_WAKING, CONN_ON_REFUSED, CONN_MOVED, CONN_CLOSING },
	{ CONN_CLOSING, CONN_ON_STARTED, CONN_MOVED, CONN_CLOSING },
};

static void
stale(void)
{
	struct conn c;
	uint32_t old;

	go_to(&c, CONN_PRELOGIN);
	old = c.generation;
	tap_ok(apply(&c, CONN_ON_LOGIN) && c.generation != old,
	    "a login begins a new generation");
	tap_ok(conn_event(&c, CONN_ON_GONE, old) == CONN_STALE,
	    "the old one's messages are dropped");
	c.generation = UINT32_MAX;
	tap_ok(apply(&c, CONN_ON_LOGIN) && c.generation == 1,
	    "generations wrap past 0");
}

int
main(void)
{
	for (unsigned s = 0; s < CONN_STATES; s++) {
		pairs((enum conn_state)s);
		gone_wins((enum conn_state)s);
	}
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		struct conn c;

		go_to(&c, moves[i].from);
		tap_ok(conn_event(&c, moves[i].event, c.generation) ==
			    moves[i].want &&
			c.state == moves[i].to,
		    "%s: %s leads to %s", conn_state_name(moves[i].from),
		    conn_event_name(moves[i].event), conn_state_name(c.state));
	}
	stale();
	return tap_done();
}
