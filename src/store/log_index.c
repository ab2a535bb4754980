#include "store/log_index.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/log_frame.h"
#include "store/record.h"

/*
 * Head and entries have a CRC each: who only wants to know whether the segment
 * holds a DROP reads the head alone.
 */

#define FORMAT 1
#define HAS_DROP 1u

static const uint8_t magic[8] = { 'f', 'u', 'm', 'i', 'i', 'd', 'x', '\n' };

void
log_index_start(struct buf *b)
{
	static const uint8_t zero[LOG_INDEX_HEAD];

	buf_clear(b);
	buf_put(b, (struct view){ zero, sizeof zero });
}

void
log_index_add(struct buf *b, const struct log_record *r)
{
	struct view payload = r->payload;
	struct record_body body;
	uint8_t *p;

	if (r->type == RECORD_BODY) {
		if (!record_body_read(payload, &body))
			return;
		payload.n = RECORD_BODY_HEAD;
	}
	if ((p = buf_reserve(b, LOG_INDEX_ENTRY)) == NULL)
		return;
	bytes_put64(p, r->at.offset);
	bytes_put32(p + 8, (uint32_t)r->type << 24);
	bytes_put32(p + 12, (uint32_t)payload.n);
	b->n += LOG_INDEX_ENTRY;
	buf_put(b, payload);
}

bool
log_index_finish(struct buf *b, const struct log_index *i)
{
	struct view entries;
	uint8_t *p = b->p;

	if (b->failed)
		return false;
	entries = view_sub(buf_view(b), LOG_INDEX_HEAD, SIZE_MAX);
	memcpy(p, magic, sizeof magic);
	bytes_put32(p + 8, FORMAT);
	bytes_put32(p + 12, i->has_drop ? HAS_DROP : 0);
	bytes_put64(p + 16, i->end.at.segment);
	bytes_put64(p + 24, i->end.at.offset);
	bytes_put64(p + 32, i->end.modseq);
	bytes_put32(p + 40, i->end.crc);
	bytes_put32(p + 44, i->salt);
	bytes_put64(p + 48, entries.n);
	bytes_put32(p + 56, crc32c(log_crc_start(i->salt), entries));
	bytes_put32(p + 60,
	    crc32c(log_crc_start(i->salt),
		(struct view){ p, LOG_INDEX_HEAD - 4 }));
	return true;
}

bool
log_index_head(struct view in, struct log_index *out)
{
	const uint8_t *p = in.p;
	uint32_t salt, flags;

	if (in.n < LOG_INDEX_HEAD || memcmp(p, magic, sizeof magic) != 0)
		return false;
	salt = bytes_get32(p + 44);
	flags = bytes_get32(p + 12);
	if (bytes_get32(p + 60) !=
		crc32c(log_crc_start(salt),
		    (struct view){ p, LOG_INDEX_HEAD - 4 }) ||
	    bytes_get32(p + 8) != FORMAT || (flags & ~HAS_DROP) != 0)
		return false;
	*out = (struct log_index){
		.end = { .at = { bytes_get64(p + 16), bytes_get64(p + 24) },
		    .crc = bytes_get32(p + 40),
		    .modseq = bytes_get64(p + 32) },
		.salt = salt,
		.has_drop = (flags & HAS_DROP) != 0,
	};
	return true;
}

bool
log_index_read(struct view in, struct log_index *out, struct view *entries)
{
	if (!log_index_head(in, out))
		return false;
	*entries = view_sub(in, LOG_INDEX_HEAD, SIZE_MAX);
	return bytes_get64(in.p + 48) == entries->n &&
	    bytes_get32(in.p + 56) ==
	    crc32c(log_crc_start(out->salt), *entries);
}

bool
log_index_take(
    struct view *entries, const struct log_index *i, struct log_record *r)
{
	const uint8_t *p = entries->p;
	uint32_t type, n;
	uint64_t at;

	if (entries->n < LOG_INDEX_ENTRY)
		return false;
	at = bytes_get64(p);
	type = bytes_get32(p + 8);
	n = bytes_get32(p + 12);
	if ((type & 0xffffff) != 0 || n > entries->n - LOG_INDEX_ENTRY ||
	    at < LOG_DATA || at > i->end.at.offset)
		return false;
	*r = (struct log_record){
		.type = (uint8_t)(type >> 24),
		.payload = { p + LOG_INDEX_ENTRY, n },
		.at = { i->end.at.segment, at },
		.modseq = i->end.modseq,
		.is_brief = true,
	};
	view_skip(entries, LOG_INDEX_ENTRY + n);
	return true;
}
