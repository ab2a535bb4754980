#include <stdlib.h>

#include "session/managesieve_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A string put is read back as it was. */
static void
round_trip(struct view v)
{
	AUTO_BUF struct buf b = BUF_INIT((size_t)8 << 20);
	AUTO_ARENA struct arena *a = arena_new(MANAGESIEVE_LINE);
	struct managesieve_command c;

	buf_put_str(&b, "GETSCRIPT ");
	managesieve_put_string(&b, v);
	if (b.p[10] == '{') /* a server's literal is none of a client's */
		return;
	if (managesieve_parse(buf_view(&b), a, &c) != MANAGESIEVE_OK ||
	    c.strings != 1 || !view_eq(c.string[0], v))
		abort();
}

static void
one_command(struct view text)
{
	AUTO_ARENA struct arena *a = arena_new(MANAGESIEVE_LINE);
	struct managesieve_command c;

	if (text.n > MANAGESIEVE_LINE + MANAGESIEVE_LITERALS)
		abort();
	if (managesieve_parse(text, a, &c) != MANAGESIEVE_OK)
		return;
	if (c.strings > 2)
		abort();
	for (size_t i = 0; i < c.strings; i++)
		round_trip(c.string[i]);
}

static uint64_t
all_commands(const uint8_t *data, size_t size, size_t piece)
{
	struct managesieve_frame f;
	uint64_t sum = 0;

	managesieve_frame_init(&f);
	for (size_t i = 0; i < size; i += piece) {
		struct view in = { data + i,
			piece < size - i ? piece : size - i };
		enum managesieve_cut r;

		while ((r = managesieve_feed(&f, &in)) != MANAGESIEVE_MORE) {
			struct view text = managesieve_text(&f);

			sum = sum * 31 + (uint64_t)r + text.n;
			if (r == MANAGESIEVE_FLOOD) {
				managesieve_frame_fini(&f);
				return sum;
			}
			if (!managesieve_idle(&f))
				abort();
			if (r == MANAGESIEVE_DONE)
				one_command(text);
		}
		if (in.n != 0)
			abort();
	}
	managesieve_frame_fini(&f);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (all_commands(data, size, 1) != all_commands(data, size, size))
		abort();
	return 0;
}
