#include "store/log_frame.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/record.h"

/*
 * Fields are at fixed offsets, big-endian. A BEGIN carries the length of its
 * commit and a CRC of its own, so that commits behind a damage are found again
 * by their BEGIN, quickly and whatever octets a message is made of: both CRCs
 * start from the segment's random salt, which nobody outside knows.
 */

#define HEAD_FORMAT 1
#define HEAD_SIZE 128
#define HEAD_COPY (LOG_DATA / 2) /* where the second copy is */
#define BEGIN_PAYLOAD (LOG_BEGIN_SIZE - RECORD_FRAME)
#define END_PAYLOAD (LOG_END_SIZE - RECORD_FRAME)
#define KEPT_FLAGS LOG_HAS_DROP

_Static_assert(HEAD_COPY % 4096 == 0, "copies are in different blocks");

static const uint8_t magic[8] = { 'f', 'u', 'm', 'i', 'l', 'o', 'g', '\n' };

/* --- header --- */

void
log_head_put(const struct log_head *h, uint8_t out[LOG_DATA])
{
	memset(out, 0, LOG_DATA);
	memcpy(out, magic, sizeof(magic));
	bytes_put32(out + 8, HEAD_FORMAT);
	bytes_put32(out + 12, LOG_DATA);
	bytes_put64(out + 16, h->number);
	bytes_put64(out + 24, h->pred);
	bytes_put64(out + 32, h->pred_end);
	bytes_put32(out + 40, h->pred_crc);
	bytes_put32(out + 44, h->salt);
	bytes_put64(out + 48, h->facts.modseq);
	bytes_put32(out + 56, h->facts.mailbox);
	bytes_put32(out + 60, h->facts.uidvalidity);
	bytes_put32(out + HEAD_SIZE - 4,
	    crc32c(0, (struct view){ out, HEAD_SIZE - 4 }));
	memcpy(out + HEAD_COPY, out, HEAD_SIZE);
}

static enum log_head_result
copy_read(const uint8_t *p, struct log_head *h)
{
	if (memcmp(p, magic, sizeof(magic)) != 0 ||
	    bytes_get32(p + HEAD_SIZE - 4) !=
		crc32c(0, (struct view){ p, HEAD_SIZE - 4 }))
		return LOG_HEAD_BAD;
	if (bytes_get32(p + 8) != HEAD_FORMAT ||
	    bytes_get32(p + 12) != LOG_DATA)
		return LOG_HEAD_NEWER;
	*h = (struct log_head){
		.number = bytes_get64(p + 16),
		.pred = bytes_get64(p + 24),
		.pred_end = bytes_get64(p + 32),
		.pred_crc = bytes_get32(p + 40),
		.salt = bytes_get32(p + 44),
		.facts = { .modseq = bytes_get64(p + 48),
		    .mailbox = bytes_get32(p + 56),
		    .uidvalidity = bytes_get32(p + 60) },
	};
	return LOG_HEAD_OK;
}

enum log_head_result
log_head_read(struct view in, struct log_head *h, unsigned *copies)
{
	struct log_head second = { 0 };
	enum log_head_result a, b;

	*copies = 0;
	*h = (struct log_head){ 0 };
	if (in.n < LOG_DATA)
		return LOG_HEAD_BAD;
	a = copy_read(in.p, h);
	b = copy_read(in.p + HEAD_COPY, &second);
	*copies = (a == LOG_HEAD_OK ? 1 : 0) | (b == LOG_HEAD_OK ? 2 : 0);
	if (a == LOG_HEAD_OK)
		return LOG_HEAD_OK;
	if (b == LOG_HEAD_OK)
		*h = second;
	return a == LOG_HEAD_BAD ? b : a;
}

/* --- commits --- */

static void
frame_put(uint8_t *p, enum record_type type, uint32_t payload)
{
	bytes_put32(p, payload);
	bytes_put32(p + 4, (uint32_t)type << 24);
}

static bool
frame_is(struct view in, enum record_type type, size_t size)
{
	return in.n >= size && bytes_get32(in.p) == size - RECORD_FRAME &&
	    bytes_get32(in.p + 4) == (uint32_t)type << 24;
}

uint32_t
log_crc_start(uint32_t salt)
{
	uint8_t b[4];

	bytes_put32(b, salt);
	return crc32c(0, (struct view){ b, 4 });
}

void
log_begin_put(
    const struct log_commit *c, uint32_t salt, uint8_t out[LOG_BEGIN_SIZE])
{
	frame_put(out, RECORD_BEGIN, BEGIN_PAYLOAD);
	bytes_put64(out + 8, c->bytes);
	bytes_put32(out + 16, c->prev_crc);
	bytes_put32(out + 20, c->flags & KEPT_FLAGS);
	bytes_put32(out + 24, 0);
	bytes_put32(
	    out + 28, crc32c(log_crc_start(salt), (struct view){ out, 28 }));
}

void
log_end_put(const struct log_commit *c, uint8_t out[LOG_END_SIZE])
{
	frame_put(out, RECORD_END, END_PAYLOAD);
	memcpy(out + 8, c->id, 16);
	bytes_put64(out + 24, c->modseq);
	bytes_put64(out + 32, c->synced.segment);
	bytes_put64(out + 40, c->synced.offset);
	bytes_put32(out + 48, c->count);
}

void
log_end_put_crc(uint32_t crc, uint8_t out[LOG_END_SIZE])
{
	bytes_put32(out + LOG_END_SIZE - 4, crc);
}

bool
log_end_read(struct view in, uint32_t *crc, uint64_t *modseq)
{
	if (!frame_is(in, RECORD_END, LOG_END_SIZE))
		return false;
	*crc = bytes_get32(in.p + LOG_END_SIZE - 4);
	*modseq = bytes_get64(in.p + 24);
	return true;
}

static bool
begin_read(struct view in, uint32_t salt, struct log_commit *c)
{
	if (!frame_is(in, RECORD_BEGIN, LOG_BEGIN_SIZE) ||
	    bytes_get32(in.p + 28) !=
		crc32c(log_crc_start(salt), (struct view){ in.p, 28 }))
		return false;
	c->bytes = bytes_get64(in.p + 8);
	c->prev_crc = bytes_get32(in.p + 16);
	c->flags = bytes_get32(in.p + 20);
	return c->bytes >= LOG_BEGIN_SIZE + LOG_END_SIZE;
}

/* The commit at the start of in; its CRC is not checked. */
static bool
commit_read(struct view in, uint32_t salt, struct log_commit *c)
{
	const uint8_t *end;

	if (!begin_read(in, salt, c) || c->bytes > in.n)
		return false;
	end = in.p + c->bytes - LOG_END_SIZE;
	if (!log_end_read(
		(struct view){ end, LOG_END_SIZE }, &c->crc, &c->modseq))
		return false;
	c->id = end + 8;
	c->synced.segment = bytes_get64(end + 32);
	c->synced.offset = bytes_get64(end + 40);
	c->count = bytes_get32(end + 48);
	c->records = view_sub(
	    in, LOG_BEGIN_SIZE, c->bytes - LOG_BEGIN_SIZE - LOG_END_SIZE);
	return true;
}

static bool
commit_checks(struct view in, uint32_t salt, const struct log_commit *c)
{
	return crc32c(log_crc_start(salt), view_sub(in, 0, c->bytes - 4)) ==
	    c->crc;
}

void
log_walk_init(struct log_walk *w, struct view segment, uint32_t salt,
    uint64_t at, uint32_t crc)
{
	*w = (struct log_walk){ .segment = segment,
		.salt = salt,
		.at = at,
		.crc = crc,
		.chained = true,
		.room = UINT64_MAX };
}

enum log_walk_result
log_walk_next(struct log_walk *w, struct log_commit *c)
{
	struct view in = view_sub(w->segment, w->at, SIZE_MAX);

	if (in.n == 0 || w->at >= w->room)
		return LOG_WALK_END;
	*c = (struct log_commit){ .at = w->at };
	if (!commit_read(in, w->salt, c) ||
	    (w->chained && c->prev_crc != w->crc) ||
	    (!w->shallow && !commit_checks(in, w->salt, c)))
		return LOG_WALK_BREAK;
	w->at += c->bytes;
	w->crc = c->crc;
	w->chained = true;
	return LOG_WALK_COMMIT;
}

bool
log_walk_skip(struct log_walk *w)
{
	uint8_t frame[RECORD_FRAME];
	/* a commit that only does not follow on may stand right here */
	struct view in = view_sub(w->segment, w->at, SIZE_MAX);
	struct log_commit c;

	frame_put(frame, RECORD_BEGIN, BEGIN_PAYLOAD);
	while (in.n >= LOG_BEGIN_SIZE) {
		const uint8_t *p = memmem(in.p, in.n, frame, sizeof(frame));

		if (p == NULL)
			break;
		view_skip(&in, (size_t)(p - in.p));
		if (commit_read(in, w->salt, &c) &&
		    commit_checks(in, w->salt, &c)) {
			w->at = (uint64_t)(in.p - w->segment.p);
			w->chained = false;
			return true;
		}
		view_skip(&in, 1);
	}
	w->at = w->segment.n;
	return false;
}
