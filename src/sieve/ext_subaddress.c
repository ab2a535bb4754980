/* RFC 5233: ":user" and ":detail", parted by the first "+" of a local part, or
 * what the site has instead (recipient_delimiter, struct sieve_calls). */

#include "sieve/ext_list.h"
#include "sieve/interp.h"

static struct view
separators(const struct interp *in)
{
	struct view v;

	if (in->calls->setting != NULL &&
	    in->calls->setting(
		in->env.ctx, VIEW_LIT("recipient_delimiter"), &v))
		return v;
	return VIEW_LIT("+");
}

/* Offset of the separator; the length when there is none. */
static size_t
user_size(const struct interp *in, struct view local)
{
	struct view set = separators(in);
	size_t n = 0;

	while (n < local.n &&
	    (set.n == 0 || memchr(set.p, local.p[n], set.n) == NULL))
		n++;
	return n;
}

static bool
part_user(struct interp *in, const struct letter_address *a, struct view *out)
{
	*out = view_sub(a->local, 0, user_size(in, a->local));
	return !a->broken;
}

static bool
part_detail(struct interp *in, const struct letter_address *a, struct view *out)
{
	size_t n = user_size(in, a->local);

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
