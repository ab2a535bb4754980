/* RFC 5233: ":user" and ":detail", parted by the first "+" of a local part. */

#include "sieve/ext_list.h"
#include "sieve/letter.h"

#define SEPARATOR '+'

/* Offset of the separator; the length when there is none. */
static size_t
user_size(struct view local)
{
	const uint8_t *p =
	    local.n > 0 ? memchr(local.p, SEPARATOR, local.n) : NULL;

	return p == NULL ? local.n : (size_t)(p - local.p);
}

static bool
part_user(const struct letter_address *a, struct view *out)
{
	*out = view_sub(a->local, 0, user_size(a->local));
	return !a->broken;
}

static bool
part_detail(const struct letter_address *a, struct view *out)
{
	size_t n = user_size(a->local);

	*out = view_sub(a->local, n + 1, SIZE_MAX);
	return !a->broken && n < a->local.n;
}

static const struct ext_part parts[] = {
	{ .name = "user", .get = part_user },
	{ .name = "detail", .get = part_detail },
};

const struct ext ext_subaddress = {
	.name = "subaddress",
	.parts = parts,
	.n_parts = EXT_COUNT(parts),
};
