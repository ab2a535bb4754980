#include "cli/maildir_name.h"

#include "store/types.h"

unsigned
maildir_name_flags(struct view name, uint32_t *keywords)
{
	static const struct {
		uint8_t letter;
		unsigned flag;
	} letters[] = { { 'D', STORE_DRAFT }, { 'F', STORE_FLAGGED },
		{ 'R', STORE_ANSWERED }, { 'S', STORE_SEEN },
		{ 'T', STORE_DELETED } };
	const uint8_t *info = memrchr(name.p, ':', name.n);
	unsigned r = 0;

	*keywords = 0;
	if (info == NULL)
		return 0;
	view_skip(&name, (size_t)(info + 1 - name.p));
	if (!view_starts(name, VIEW_LIT("2,")))
		return 0; /* ":1," is an experiment, the others undefined */
	for (size_t i = 2; i < name.n; i++) {
		for (size_t k = 0; k < sizeof(letters) / sizeof(letters[0]);
		     k++)
			if (name.p[i] == letters[k].letter)
				r |= letters[k].flag;
		if (name.p[i] >= 'a' && name.p[i] <= 'z')
			*keywords |= 1u << (name.p[i] - 'a');
	}
	return r;
}

bool
maildir_name_folder(struct view name, uint8_t *out, size_t *n)
{
	if (name.n < 2 || name.p[0] != '.' || name.p[1] == '.')
		return false;
	for (size_t i = 1; i < name.n; i++) {
		if (name.p[i] == '/' ||
		    (name.p[i] == '.' &&
			(i + 1 == name.n || name.p[i + 1] == '.')))
			return false;
		out[i - 1] = name.p[i] == '.' ? '/' : name.p[i];
	}
	*n = name.n - 1;
	return true;
}
