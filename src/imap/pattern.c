/*
 * Pattern matching by keeping the set of all places of the pattern that the
 * name so far can have reached: place j says that the first j octets of the
 * pattern match it. Each octet of the name is looked at once, so there is
 * nothing to try again.
 */

#include "imap/pattern.h"

#include "imap/limits.h"

struct match_places {
	struct view pattern;
	bool at[LIMITS_MAILBOX + 1];
};

static bool
is_wild(uint8_t c)
{
	return c == '*' || c == '%';
}

/* Wildcards match nothing too. */
static void
match_skip_wild(struct match_places *m)
{
	for (size_t j = 0; j < m->pattern.n; j++)
		if (m->at[j] && is_wild(m->pattern.p[j]))
			m->at[j + 1] = true;
}

static bool
match_begin(struct match_places *m, struct view pattern)
{
	if (pattern.n > LIMITS_MAILBOX)
		return false;
	m->pattern = pattern;
	memset(m->at, 0, pattern.n + 1);
	m->at[0] = true;
	match_skip_wild(m);
	return true;
}

static uint8_t
upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? c - 0x20 : c;
}

/* The next octet of the name. False when no place is left. */
static bool
match_octet(struct match_places *m, uint8_t c, bool any_case)
{
	bool alive = false;

	for (size_t j = m->pattern.n + 1; j-- > 0;) {
		uint8_t here = j < m->pattern.n ? m->pattern.p[j] : 0;
		uint8_t before = j > 0 ? m->pattern.p[j - 1] : 0;
		bool stay = j < m->pattern.n &&
		    (here == '*' || (here == '%' && c != '/'));
		bool step = j > 0 && !is_wild(before) &&
		    (any_case ? upper(before) == upper(c) : before == c);

		m->at[j] = (m->at[j] && stay) || (step && m->at[j - 1]);
		alive = alive || m->at[j];
	}
	if (alive)
		match_skip_wild(m);
	return alive;
}

static bool
match_octets(struct match_places *m, struct view name)
{
	struct view inbox = VIEW_LIT("INBOX");
	size_t any_case = view_starts_ci(name, inbox) &&
		(name.n == inbox.n || name.p[inbox.n] == '/')
	    ? inbox.n
	    : 0;

	for (size_t i = 0; i < name.n; i++)
		if (!match_octet(m, name.p[i], i < any_case))
			return false;
	return true;
}

bool
pattern_match(struct view pattern, struct view name)
{
	struct match_places m;

	return match_begin(&m, pattern) && match_octets(&m, name) &&
	    m.at[pattern.n];
}

bool
pattern_below(struct view pattern, struct view parent)
{
	struct match_places m;

	if (!match_begin(&m, pattern) || !match_octets(&m, parent) ||
	    !match_octet(&m, '/', false))
		return false;
	for (size_t j = 0; j < pattern.n; j++)
		if (m.at[j])
			return true;
	return false;
}
