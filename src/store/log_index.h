#ifndef STORE_LOG_INDEX_H
#define STORE_LOG_INDEX_H

#include "base/attrs.h"
#include "base/buf.h"
#include "store/log.h"

/*
 * The index of a finished segment, log/<n>.idx: all of its records but for the
 * summaries and octets of bodies, so that a view is built anew without reading
 * those (docs/format.md has the bytes). A cache: it is never synced, may be
 * missing or rubbish at any time, and is then made again from the segment.
 *
 * It is believed only when it names the segment's number and random salt, the
 * place where the segment's successor says it ends and the CRC of the END
 * there, when that END stands in the segment, and when its own CRC, which
 * starts with that salt, is right. It is made only of a segment all of whose
 * CRCs were found right at that time.
 *
 * That a rebuild then does not check the segment's CRCs again takes nothing
 * away: all of a finished segment was durable before its successor got its
 * first commit (or else a sync had failed, which no reading mends), so nothing
 * in it can be torn, and a rebuild need not find its end. What goes bad on the
 * disk later is found by verify, which always reads the segments, as it is of
 * everything below the position of a view that is in use. The last segment,
 * where a commit may be torn, has no index; it is always read and checked whole.
 *
 * Nothing here does I/O; what is read is not trusted.
 */

#define LOG_INDEX_HEAD 64  /* bytes before the entries */
#define LOG_INDEX_ENTRY 16 /* bytes before the payload of an entry */
/* A segment whose index would be longer has none. */
#define LOG_INDEX_MAX ((size_t)256 << 20)

struct log_index {
	struct log_tail end; /* of the segment, which at.segment names */
	uint32_t salt;       /* of the segment */
	bool has_drop;       /* one of its records is a RECORD_DROP */
};

/* Begin one in b, whose maximum should be LOG_INDEX_MAX; what was in it goes. */
void log_index_start(struct buf *b);
/* Add the record, in the order of the log; a RECORD_BODY that does not parse is
 * left out, since it says nothing. */
void log_index_add(struct buf *b, const struct log_record *r);
/* Fill in the head: b is the whole file now. False when b was too small. */
bool log_index_finish(struct buf *b, const struct log_index *i) A_MUST_USE;

/* in: the first bytes of the file. Is there a head that checks? Says nothing
 * of the entries. */
bool log_index_head(struct view in, struct log_index *out) A_MUST_USE;
/* in: the whole file. Are the head and all entries right? entries: out, for
 * log_index_take(). */
bool log_index_read(struct view in, struct log_index *out, struct view *entries)
    A_MUST_USE;
/*
 * The next record; false at the end, with an empty view left, or at an entry
 * that cannot be, with *entries left alone. Of r type, payload, at and modseq
 * are set, the last to that of the last commit, and is_brief.
 */
bool log_index_take(struct view *entries, const struct log_index *i,
    struct log_record *r) A_MUST_USE;

#endif
