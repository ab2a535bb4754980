/* Names of flags. */

#include "imap/flags.h"

static const struct {
	const char *name;
	enum flags_bit bit;
} names[] = {
	{ "\\Answered", FLAGS_ANSWERED },
	{ "\\Flagged", FLAGS_FLAGGED },
	{ "\\Deleted", FLAGS_DELETED },
	{ "\\Seen", FLAGS_SEEN },
	{ "\\Draft", FLAGS_DRAFT },
	{ "\\Recent", FLAGS_RECENT },
};

unsigned
flags_system(struct view name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq_ci(name, view_str(names[i].name)))
			return names[i].bit;
	return 0;
}

const char *
flags_name(enum flags_bit bit)
{
	size_t i = 0;

	while (i + 1 < sizeof(names) / sizeof(names[0]) && names[i].bit != bit)
		i++;
	return names[i].name;
}
