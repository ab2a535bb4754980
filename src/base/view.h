#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes: never freed, never NUL-terminated, any octet allowed.
 * Valid only as long as the buffer it was cut from is not touched. */
struct view {
	const uint8_t *p;
	size_t n; /* bytes */
};

#define VIEW_LIT(s) ((struct view){ (const uint8_t *)("" s), sizeof(s) - 1 })

/* Drop the first n bytes. n must not exceed v->n. */
static inline void
view_skip(struct view *v, size_t n)
{
	if (n > 0) /* an empty view may have no address to count from */
		v->p += n;
	v->n -= n;
}

static inline bool
view_eq(struct view a, struct view b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The bytes of a NUL-terminated string of ours, without the NUL. */
static inline struct view
view_str(const char *s)
{
	return (struct view){ (const uint8_t *)s, strlen(s) };
}

/* The part of v from offset at, at most n bytes; clipped to what v has. */
static inline struct view
view_sub(struct view v, size_t at, size_t n)
{
	if (at > v.n)
		at = v.n;
	if (n > v.n - at)
		n = v.n - at;
	return (struct view){ at > 0 ? v.p + at : v.p, n };
}

static inline bool
view_ends(struct view v, struct view suffix)
{
	return v.n >= suffix.n &&
	    view_eq(view_sub(v, v.n - suffix.n, suffix.n), suffix);
}

static inline bool
view_starts(struct view v, struct view prefix)
{
	return v.n >= prefix.n && view_eq(view_sub(v, 0, prefix.n), prefix);
}

/* ASCII case-insensitive compare, as IMAP atoms want (RFC 9051 section 9). */
static inline bool
view_eq_ci(struct view a, struct view b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		uint8_t x = a.p[i], y = b.p[i];

		if (x >= 'A' && x <= 'Z')
			x |= 0x20;
		if (y >= 'A' && y <= 'Z')
			y |= 0x20;
		if (x != y)
			return false;
	}
	return true;
}

static inline bool
view_starts_ci(struct view v, struct view prefix)
{
	return v.n >= prefix.n && view_eq_ci(view_sub(v, 0, prefix.n), prefix);
}

/* Is it one of n words of ours, as view_eq_ci() compares? */
static inline bool
view_is_one_of_ci(struct view v, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (view_eq_ci(v, view_str(words[i])))
			return true;
	return false;
}

#endif
