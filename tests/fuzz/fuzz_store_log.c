#include <stdlib.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/log_frame.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SALT 0x12345678

/* Walk all of it as recovery does: it must end, move on, and stay inside. */
static size_t
walk_all(struct view segment, bool shallow)
{
	struct log_walk w;
	struct log_commit c;
	size_t n = 0;

	log_walk_init(&w, segment, SALT, 0, 0);
	w.chained = false;
	w.shallow = shallow;
	for (;;) {
		uint64_t at = w.at;
		enum log_walk_result r = log_walk_next(&w, &c);

		if (r == LOG_WALK_END)
			break;
		if (r == LOG_WALK_BREAK) {
			if (w.at != at)
				abort(); /* left alone on a break */
			w.chained = false;
			if (!log_walk_skip(&w)) {
				if (w.at != segment.n)
					abort();
				break;
			}
			if (w.at < at || w.chained)
				abort();
			continue;
		}
		if (w.at != at + c.bytes || w.at > segment.n || c.at != at ||
		    c.records.p != segment.p + at + LOG_BEGIN_SIZE ||
		    c.records.n + LOG_BEGIN_SIZE + LOG_END_SIZE != c.bytes ||
		    c.id < segment.p || c.id + 16 > segment.p + segment.n)
			abort();
		n++;
	}
	return n;
}

/* Frame the bytes as one commit into out; its size. */
static size_t
frame(struct view records, uint8_t *out, uint64_t claim)
{
	static const uint8_t id[16] = { 1 };
	struct log_commit c = { .bytes = claim, .id = id, .count = 1 };
	size_t n = LOG_BEGIN_SIZE + records.n + LOG_END_SIZE;

	log_begin_put(&c, SALT, out);
	if (records.n > 0)
		memcpy(out + LOG_BEGIN_SIZE, records.p, records.n);
	log_end_put(&c, out + LOG_BEGIN_SIZE + records.n);
	log_end_put_crc(
	    crc32c(log_crc_start(SALT), (struct view){ out, n - 4 }),
	    out + LOG_BEGIN_SIZE + records.n);
	return n;
}

/* Whatever is in it, a commit is found as it was written, also behind rubbish,
 * and not when a bit of it is wrong. */
static void
round_trip(struct view in)
{
	size_t rubbish = in.n / 3, n = in.n - rubbish, whole, k;
	AUTO_FREE uint8_t *b =
	    xmalloc(in.n + LOG_BEGIN_SIZE + LOG_END_SIZE + 1);

	memcpy(b, in.p, rubbish);
	whole = frame(view_sub(in, rubbish, n), b + rubbish,
	    LOG_BEGIN_SIZE + n + LOG_END_SIZE);
	struct view segment = { b, rubbish + whole };
	struct log_walk w;

	if (walk_all(segment, false) == 0)
		abort();
	log_walk_init(&w, segment, SALT, rubbish, 0);
	struct log_commit c;
	if (log_walk_next(&w, &c) != LOG_WALK_COMMIT ||
	    log_walk_next(&w, &c) != LOG_WALK_END)
		abort();
	k = rubbish + (in.p[0] * 257u + in.p[in.n - 1]) % whole;
	b[k] ^= (uint8_t)(1 << in.p[0] % 8);
	log_walk_init(&w, segment, SALT, rubbish, 0);
	if (log_walk_next(&w, &c) != LOG_WALK_BREAK)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size };
	struct log_head h;
	unsigned copies;

	walk_all(in, false);
	walk_all(in, true);
	if (log_head_read(in, &h, &copies) == LOG_HEAD_OK &&
	    (copies == 0 || size < LOG_DATA))
		abort();
	if (size >= 10) {
		/* a BEGIN that checks and claims any length */
		AUTO_FREE uint8_t *b =
		    xmalloc(size + LOG_BEGIN_SIZE + LOG_END_SIZE);
		uint64_t claim;
		size_t n;

		memcpy(&claim, data, sizeof(claim));
		n = frame(in, b, data[8] % 2 == 0 ? claim : claim % 1000);
		walk_all((struct view){ b, n }, true);
		walk_all((struct view){ b, n }, false);
		round_trip(in);
	}
	return 0;
}
