#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "store/log_frame.h"
#include "store/log_index.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The entries of what was read: inside the file, one behind the other. */
static size_t
take_all(struct view file, struct view entries, const struct log_index *i)
{
	const uint8_t *end = file.p + file.n;
	struct log_record r;
	size_t n = 0;

	if (entries.p + entries.n != end || entries.n > file.n)
		abort();
	for (struct view was = entries; log_index_take(&entries, i, &r);
	     was = entries, n++)
		if (r.payload.p != was.p + LOG_INDEX_ENTRY ||
		    r.payload.p + r.payload.n != entries.p ||
		    entries.p + entries.n != end || !r.is_brief ||
		    r.at.segment != i->end.at.segment ||
		    r.at.offset < LOG_DATA || r.at.offset > i->end.at.offset)
			abort();
	return n;
}

/* The bytes as the entries of a file whose CRCs are right. */
static void
with_crc(struct view in)
{
	AUTO_FREE uint8_t *p = xmalloc(in.n + LOG_INDEX_HEAD);
	AUTO_BUF struct buf head = BUF_INIT(LOG_INDEX_HEAD);
	struct log_index i = { .end = { .at = { 3, 1 << 20 } }, .salt = 5 },
			 out;
	struct view file = { p, in.n + LOG_INDEX_HEAD }, entries;

	log_index_start(&head);
	if (!log_index_finish(&head, &i))
		abort();
	memcpy(p, head.p, LOG_INDEX_HEAD);
	memcpy(p + LOG_INDEX_HEAD, in.p, in.n);
	bytes_put64(p + 48, in.n);
	bytes_put32(p + 56, crc32c(log_crc_start(5), in));
	bytes_put32(p + 60, crc32c(log_crc_start(5), (struct view){ p, 60 }));
	if (!log_index_read(file, &out, &entries) ||
	    out.end.at.offset != i.end.at.offset)
		abort();
	take_all(file, entries, &out);
}

/* Records as they stand in a segment, through an index and back. */
static void
round_trip(struct view in)
{
	AUTO_BUF struct buf b = BUF_INIT(LOG_INDEX_MAX);
	struct log_index i = { .end = { .at = { 9, LOG_DATA + in.n } } }, out;
	struct log_record r = { .at = { 9, LOG_DATA } };
	struct view left = in, entries;
	struct record_body body;
	size_t n = 0;

	log_index_start(&b);
	while (record_take(&left, &r.type, &r.payload)) {
		r.at.offset = LOG_DATA + (uint64_t)(r.payload.p - in.p);
		log_index_add(&b, &r);
		n +=
		    r.type != RECORD_BODY || record_body_read(r.payload, &body);
	}
	if (!log_index_finish(&b, &i) ||
	    !log_index_read(buf_view(&b), &out, &entries) ||
	    take_all(buf_view(&b), entries, &out) != n)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size }, entries;
	struct log_index i;

	if (log_index_read(in, &i, &entries)) {
		if (!log_index_head(in, &i))
			abort();
		take_all(in, entries, &i);
	}
	if (size == 0)
		return 0;
	with_crc(in);
	round_trip(in);
	return 0;
}
