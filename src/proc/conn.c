#include "proc/conn.h"

#include <stddef.h>

/*
 * One row for each event: the state it leads to from each state, and whether it
 * begins a new generation. The generation is looked at first: a message of an
 * older turn is dropped whatever it says.
 */
#define NO (-1) /* cannot happen there */

struct row {
	const char *name;
	bool turn; /* begins a new generation */
	short to[CONN_STATES];
};

#define PRE CONN_PRELOGIN
#define STA CONN_STARTING
#define LIV CONN_LIVE
#define PKG CONN_PARKING
#define PKD CONN_PARKED
#define WAK CONN_WAKING
#define CLO CONN_CLOSING

/* clang-format off */
static const struct row rows[CONN_EVENTS] = {
	/*                                  PRE  STA  LIV  PKG  PKD  WAK  CLO */
	[CONN_ON_LOGIN]    = { "login",    true,  { PRE, NO,  NO,  NO,  NO,  NO,  NO } },
	[CONN_ON_HANDOVER] = { "handover", false, { STA, NO,  NO,  NO,  NO,  NO,  NO } },
	[CONN_ON_STARTED]  = { "started",  false, { NO,  LIV, NO,  NO,  NO,  NO,  CLO } },
	[CONN_ON_REFUSED]  = { "refused",  false, { NO,  PRE, NO,  NO,  NO,  CLO, CLO } },
	[CONN_ON_PARK]     = { "park",     false, { NO,  NO,  PKG, NO,  NO,  NO,  CLO } },
	[CONN_ON_BUSY]     = { "busy",     false, { NO,  NO,  NO,  LIV, NO,  NO,  CLO } },
	[CONN_ON_PARKED]   = { "parked",   true,  { NO,  NO,  NO,  PKD, NO,  NO,  CLO } },
	[CONN_ON_WAKE]     = { "wake",     true,  { NO,  NO,  NO,  NO,  WAK, NO,  CLO } },
	[CONN_ON_AWAKE]    = { "awake",    false, { NO,  NO,  NO,  NO,  NO,  LIV, CLO } },
	[CONN_ON_ENDED]    = { "ended",    false, { NO,  NO,  CLO, CLO, NO,  CLO, CLO } },
	[CONN_ON_GONE]     = { "gone",     false, { CLO, CLO, CLO, CLO, CLO, CLO, CLO } },
};
/* clang-format on */

static uint32_t
next_generation(uint32_t g)
{
	return g == UINT32_MAX ? 1 : g + 1;
}

void
conn_init(struct conn *c)
{
	*c = (struct conn){ CONN_PRELOGIN, 1 };
}

enum conn_result
conn_event(struct conn *c, enum conn_event event, uint32_t generation)
{
	const struct row *r = &rows[event];
	int to = r->to[c->state];

	if (generation != c->generation)
		return CONN_STALE;
	if (to == NO)
		return CONN_WRONG;
	if (r->turn && to != CONN_CLOSING)
		c->generation = next_generation(c->generation);
	c->state = (enum conn_state)to;
	return CONN_MOVED;
}

const char *
conn_state_name(enum conn_state state)
{
	static const char *const names[CONN_STATES] = { "prelogin", "starting",
		"live", "parking", "parked", "waking", "closing" };

	return (size_t)state < CONN_STATES ? names[state] : "?";
}

const char *
conn_event_name(enum conn_event event)
{
	return (size_t)event < CONN_EVENTS ? rows[event].name : "?";
}
