/* What a hostile server says: framed, parsed, and every string of the tree
 * inside the text or the arena, the tree within its limits. */

#include <stdlib.h>

#include "imap/frame.h"
#include "imap/limits.h"
#include "imap/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* How many values; touches every octet. */
static size_t
walk(const struct value *v, unsigned depth, unsigned *sum)
{
	size_t n = 1;

	check(depth <= LIMITS_REPLY_DEPTH + 1);
	check(v->kind == VALUE_LIST || v->n == 0);
	for (size_t i = 0; i < v->text.n; i++)
		*sum += v->text.p[i];
	for (size_t i = 0; i < v->n; i++)
		n += walk(&v->items[i], depth + 1, sum);
	return n;
}

static void
parse(struct view text)
{
	AUTO_ARENA struct arena *a = arena_new(16 << 20);
	struct why w = { "" };
	struct reply r;
	unsigned sum = 0;

	switch (reply_parse(text, a, &r, &w)) {
	case REPLY_PARSED:
		check(r.kind != REPLY_DATA || r.name.n > 0);
		check(r.kind == REPLY_STATUS || r.tag.n == 0);
		check(r.args.kind == VALUE_LIST);
		check(r.code_args.kind == VALUE_LIST);
		check(walk(&r.args, 0, &sum) + walk(&r.code_args, 0, &sum) <=
		    LIMITS_REPLY_VALUES + 2);
		check(r.text.n <= text.n);
		(void)!reply_find(&r.args, VIEW_LIT("UID"));
		break;
	case REPLY_MALFORMED:
	case REPLY_LIMIT:
		check(w.text[0] != '\0');
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size };
	struct frame f;

	frame_init(&f, FRAME_REPLY, 65536, 65536);
	while (in.n > 0) {
		switch (frame_feed(&f, &in)) {
		case FRAME_MORE:
			check(in.n == 0);
			break;
		case FRAME_DONE:
			parse(frame_text(&f));
			break;
		case FRAME_LITERAL:
			check(!f.literal.sync);
			if (!frame_inline(&f))
				frame_refuse(&f);
			break;
		case FRAME_TOO_LONG:
		case FRAME_NUL:
			break;
		}
	}
	frame_fini(&f);
	parse((struct view){ data, size });
	return 0;
}
