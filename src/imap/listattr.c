/* Names of mailbox attributes. */

#include "imap/listattr.h"

static const struct {
	const char *name;
	enum listattr bit;
} names[] = {
	{ "\\NonExistent", LISTATTR_NONEXISTENT },
	{ "\\Noinferiors", LISTATTR_NOINFERIORS },
	{ "\\Noselect", LISTATTR_NOSELECT },
	{ "\\HasChildren", LISTATTR_HASCHILDREN },
	{ "\\HasNoChildren", LISTATTR_HASNOCHILDREN },
	{ "\\Marked", LISTATTR_MARKED },
	{ "\\Unmarked", LISTATTR_UNMARKED },
	{ "\\Subscribed", LISTATTR_SUBSCRIBED },
	{ "\\Remote", LISTATTR_REMOTE },
	{ "\\All", LISTATTR_ALL },
	{ "\\Archive", LISTATTR_ARCHIVE },
	{ "\\Drafts", LISTATTR_DRAFTS },
	{ "\\Flagged", LISTATTR_FLAGGED },
	{ "\\Junk", LISTATTR_JUNK },
	{ "\\Sent", LISTATTR_SENT },
	{ "\\Trash", LISTATTR_TRASH },
	{ "\\Important", LISTATTR_IMPORTANT },
};

unsigned
listattr_bit(struct view name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_eq_ci(name, view_str(names[i].name)))
			return names[i].bit;
	return 0;
}

const char *
listattr_name(enum listattr bit)
{
	size_t i = 0;

	while (i + 1 < sizeof(names) / sizeof(names[0]) && names[i].bit != bit)
		i++;
	return names[i].name;
}
