#include "mail/cfws.h"

void
cfws_skip(struct view *in)
{
	size_t depth = 0;

	for (; in->n > 0; view_skip(in, 1)) {
		uint8_t c = in->p[0];

		if (depth > 0 && c == '\\' && in->n > 1)
			view_skip(in, 1);
		else if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !cfws_is_blank(c))
			return;
	}
}
