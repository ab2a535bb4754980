#include "store/log_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/record.h"

/*
 * Writing and recovering. The invariant all of it serves: whoever holds the
 * lock and has called log_recover() stands behind the last whole END, everything
 * before it is durable, and nothing is behind it. So every commit may claim its
 * own beginning as a position known synced, and a whole commit behind a break
 * proves that the break is damage and not a torn tail.
 *
 * The successor of segment N is N + 1, always: the last segment is never
 * removed. That makes "was there a roll?" one stat().
 */

int
log_result(int r)
{
	switch (r) {
	case ENGINE_OK:
		return 0;
	case ENGINE_NOT_FOUND:
		return -ENOENT;
	case ENGINE_RACED:
		return -EAGAIN;
	case ENGINE_BROKEN:
		return -EIO;
	case ENGINE_LOCKED:
		return STORE_LOCKED;
	case -ENOSPC:
	case -EDQUOT:
		return STORE_FULL;
	default:
		return r;
	}
}

static void
facts_raise(struct log_facts *a, const struct log_facts *b)
{
	if (a->modseq < b->modseq)
		a->modseq = b->modseq;
	if (a->mailbox < b->mailbox)
		a->mailbox = b->mailbox;
	if (a->uidvalidity < b->uidvalidity)
		a->uidvalidity = b->uidvalidity;
}

/* --- opening, lock, facts --- */

int
log_open_engine(
    struct engine *e, unsigned flags, struct store_log **out, struct why *w)
{
	struct store_log *l = xcalloc(1, sizeof(*l));

	(void)w;
	l->e = e;
	l->read_only = (flags & LOG_READ_ONLY) != 0;
	l->bound = LOG_SEGMENT_BOUND;
	*out = l;
	return 0;
}

int
log_open(int dirfd, unsigned flags, struct store_log **out, struct why *w)
{
	struct engine *e;
	int r = engine_file(dirfd, (flags & LOG_CREATE) != 0, &e, w);

	if (r == ENGINE_NOT_FOUND)
		return STORE_NOT_FOUND;
	if (r != 0)
		return log_result(r);
	return log_open_engine(e, flags, out, w);
}

void
log_close(struct store_log **l)
{
	if (*l == NULL)
		return;
	(*l)->e->ops->close((*l)->e);
	free(*l);
	*l = NULL;
}

void
log_set_bound(struct store_log *l, uint64_t bytes)
{
	l->bound = bytes;
}

int
log_lock(struct store_log *l, unsigned timeout_ms, struct why *w)
{
	return log_result(l->e->ops->lock(l->e, timeout_ms, w));
}

void
log_unlock(struct store_log *l)
{
	l->e->ops->unlock(l->e);
}

void
log_set_facts(struct store_log *l, const struct log_facts *f)
{
	facts_raise(&l->facts, f);
}

void
log_get_facts(const struct store_log *l, struct log_facts *f)
{
	*f = l->facts;
}

/* Is nothing, or room, behind at? A commit begins with a frame that is not
 * zero, and is written from its front on. */
static bool
ends_at(struct store_log *l, const struct engine_info *i, uint64_t at)
{
	uint8_t frame[RECORD_FRAME] = { 0 };
	uint64_t n = i->size - at;

	if (i->size <= at)
		return i->size == at;
	return l->e->ops->read(l->e, ENGINE_SEGMENT, i->number, at, frame,
		   n < sizeof(frame) ? (size_t)n : sizeof(frame), NULL) == 0 &&
	    bytes_get64(frame) == 0;
}

/* A segment is sealed before its successor gets its first commit, so its end
 * and the seal tell all that happens from now on. But a power cut may have lost
 * the seal, so the first time the successor itself is looked for. */
bool
log_may_have_grown(struct store_log *l, const struct log_tail *tail)
{
	const struct engine_ops *ops = l->e->ops;
	uint64_t n = tail->at.segment;
	struct engine_info i;

	if (ops->stat(l->e, ENGINE_SEGMENT, n, &i, NULL) != 0 ||
	    !ends_at(l, &i, tail->at.offset) || i.sealed)
		return true;
	if (l->looked_at == n)
		return false;
	if (ops->stat(l->e, ENGINE_SEGMENT, n + 1, &i, NULL) !=
	    ENGINE_NOT_FOUND)
		return true;
	l->looked_at = n;
	return false;
}

/* --- new segments --- */

static uint32_t
new_salt(void)
{
	uint32_t salt;

	do
		random_bytes(&salt, sizeof(salt));
	while (salt == 0);
	return salt;
}

/* Make segment number behind *tail (segment 0: nothing is before it) and move
 * *tail to its start. An engine's result. */
static int
segment_make(struct store_log *l, uint64_t number, unsigned flags,
    struct log_tail *tail, struct why *w)
{
	struct log_facts facts = { .modseq = tail->modseq };
	struct log_head h = { .number = number,
		.salt = new_salt(),
		.pred = tail->at.segment,
		.pred_end = tail->at.offset,
		.pred_crc = tail->crc };
	AUTO_FREE uint8_t *bytes = xmalloc(LOG_DATA);
	int r;

	facts_raise(&l->facts, &facts);
	h.facts = l->facts;
	log_head_put(&h, bytes);
	r = l->e->ops->create(
	    l->e, number, (struct view){ bytes, LOG_DATA }, flags, w);
	if (r != 0)
		return r;
	*tail = (struct log_tail){ .at = { number, LOG_DATA },
		.crc = tail->crc,
		.modseq = h.facts.modseq };
	l->tail_number = number;
	l->tail_salt = h.salt;
	return 0;
}

/* Never write to the segment of *tail again: go on in a new one. */
static int
seal(struct store_log *l, struct log_tail *tail, struct why *w)
{
	uint64_t old = tail->at.segment;
	int r = segment_make(l, old + 1, ENGINE_EMERGENCY, tail, w);

	if (r == 0)
		l->e->ops->seal(l->e, old);
	return r;
}

/* --- recovery --- */

void
log_chain_fini(struct log_chain *c)
{
	free(c->s);
	*c = (struct log_chain){ 0 };
}

static int
head_load(struct store_log *l, struct log_chain_segment *s, struct why *w)
{
	AUTO_FREE uint8_t *bytes = xmalloc(LOG_DATA);
	int r;

	s->state = LOG_HEAD_BAD;
	if (s->size < LOG_DATA)
		return 0;
	r = l->e->ops->read(
	    l->e, ENGINE_SEGMENT, s->number, 0, bytes, LOG_DATA, w);
	if (r == -EIO || r == -ENODATA)
		return 0;
	if (r != 0)
		return log_result(r);
	s->state = log_head_read(
	    (struct view){ bytes, LOG_DATA }, &s->head, &s->copies);
	if (s->state == LOG_HEAD_OK && s->head.number != s->number)
		s->state = LOG_HEAD_BAD;
	if (s->state == LOG_HEAD_NEWER)
		return why(w, -ENOTSUP, "log/%016llx.seg: of a newer fumi",
		    (unsigned long long)s->number);
	if (s->state == LOG_HEAD_OK)
		facts_raise(&l->facts, &s->head.facts);
	return 0;
}

/* By reading, so that it is not mapped: a torn commit may be cut there now. */
static void
find_room(struct store_log *l, struct log_chain_segment *s)
{
	uint8_t piece[16384];
	uint64_t at = s->size;
	size_t n = 0;

	while (n == 0 && at > LOG_DATA) {
		n = sizeof(piece);
		if (n > at - LOG_DATA)
			n = (size_t)(at - LOG_DATA);
		at -= n;
		if (l->e->ops->read(l->e, ENGINE_SEGMENT, s->number, at, piece,
			n, NULL) != 0)
			return;
		while (n > 0 && piece[n - 1] == 0)
			n--;
	}
	s->room = at + n;
}

int
log_chain_load(
    struct store_log *l, uint64_t from, struct log_chain *c, struct why *w)
{
	AUTO_FREE struct engine_info *list = NULL;
	size_t n;
	int r = l->e->ops->list(l->e, ENGINE_SEGMENT, &list, &n, w);

	*c = (struct log_chain){ 0 };
	if (r != 0)
		return log_result(r);
	c->s = xcalloc(n + 1, sizeof(*c->s));
	for (size_t i = 0; i < n; i++) {
		struct log_chain_segment *s = &c->s[c->n];

		if (list[i].number < from)
			continue;
		s->number = list[i].number;
		s->size = s->end = list[i].size;
		s->sealed = list[i].sealed;
		if ((r = head_load(l, s, w)) != 0)
			return r;
		c->n++;
		s->room = UINT64_MAX;
		if (i + 1 == n)
			find_room(l, s);
		if (c->n == 1 || s->state != LOG_HEAD_OK ||
		    s->head.pred != s[-1].number)
			continue;
		if (s->head.pred_end < s[-1].end)
			s[-1].end = s->head.pred_end;
		else
			s[-1].missing = s->head.pred_end - s[-1].end;
	}
	return 0;
}

int
log_chain_walk(struct store_log *l, const struct log_chain_segment *s,
    const struct log_tail *known, struct log_walk *out, bool *fresh,
    struct why *w)
{
	struct view v = { NULL, 0 };
	uint64_t at = LOG_DATA, end = s->end;
	uint32_t crc = s->head.pred_crc;
	int r = 0;

	*fresh = false;
	if (known != NULL && known->at.segment == s->number) {
		at = known->at.offset;
		crc = known->crc;
	}
	/* an END may end in zeros */
	if (s->room < end && end - s->room > LOG_END_SIZE)
		end = s->room + LOG_END_SIZE;
	if (s->state == LOG_HEAD_OK && end > at) {
		*fresh = !l->e->ops->mapped(l->e, ENGINE_SEGMENT, s->number);
		r = l->e->ops->map(
		    l->e, ENGINE_SEGMENT, s->number, 0, end, &v, NULL, w);
	}
	log_walk_init(out, v, s->head.salt, at, crc);
	out->room = s->room;
	return log_result(r);
}

bool
log_is_end(struct store_log *l, const struct log_tail *known)
{
	uint8_t bytes[LOG_END_SIZE];
	uint64_t at = known->at.offset, modseq;
	uint32_t crc;

	if (at == LOG_DATA) {
		struct log_chain_segment s = { .number = known->at.segment,
			.size = LOG_DATA };

		return head_load(l, &s, NULL) == 0 && s.state == LOG_HEAD_OK &&
		    s.head.pred_crc == known->crc &&
		    s.head.facts.modseq == known->modseq;
	}
	return at >= LOG_DATA + LOG_BEGIN_SIZE + LOG_END_SIZE &&
	    l->e->ops->read(l->e, ENGINE_SEGMENT, known->at.segment,
		at - LOG_END_SIZE, bytes, LOG_END_SIZE, NULL) == 0 &&
	    log_end_read((struct view){ bytes, LOG_END_SIZE }, &crc, &modseq) &&
	    crc == known->crc && modseq == known->modseq;
}

/* Does the log end at known? Needs nothing but two stat(), and one read where
 * there is room. */
static bool
is_at_end(struct store_log *l, const struct log_tail *known)
{
	const struct engine_ops *ops = l->e->ops;
	struct engine_info i;

	return l->tail_number == known->at.segment &&
	    ops->stat(l->e, ENGINE_SEGMENT, known->at.segment, &i, NULL) == 0 &&
	    ends_at(l, &i, known->at.offset) && !i.sealed &&
	    ops->stat(l->e, ENGINE_SEGMENT, known->at.segment + 1, &i, NULL) ==
	    ENGINE_NOT_FOUND;
}

/* Is there a whole commit behind the break at which w stands? Moves *tail to
 * the last one. */
static bool
is_damage(struct log_walk *w, struct log_tail *tail)
{
	uint64_t broken_at = w->at;
	bool found = false;
	struct log_commit c;

	while (log_walk_skip(w))
		while (log_walk_next(w, &c) == LOG_WALK_COMMIT) {
			if (c.synced.segment == tail->at.segment &&
			    c.synced.offset > broken_at)
				found = true;
			if (found) {
				tail->at.offset = w->at;
				tail->crc = c.crc;
				tail->modseq = c.modseq;
			}
		}
	return found;
}

struct finding {
	bool is_damaged; /* below a synced position: may not be written */
	bool is_torn;    /* there is something behind the end */
};

/* Find the end of the last segment. */
static int
find_end(struct store_log *l, const struct log_chain_segment *s,
    const struct log_tail *known, struct log_tail *tail, struct finding *f,
    struct why *w)
{
	enum log_walk_result r;
	struct log_walk walk;
	struct log_commit c;
	bool fresh;
	int err;

	*f = (struct finding){ 0 };
	*tail = (struct log_tail){ .at = { s->number, LOG_DATA },
		.crc = s->head.pred_crc,
		.modseq = s->head.facts.modseq };
	if (known != NULL && known->at.segment == s->number)
		*tail = *known;
	if (s->state != LOG_HEAD_OK) {
		f->is_damaged = true;
		tail->at.offset = s->size;
		tail->modseq = l->facts.modseq;
		return 0;
	}
	l->checked_segment = s->number;
	l->checked_from = tail->at.offset;
	if ((err = log_chain_walk(l, s, known, &walk, &fresh, w)) != 0)
		return err;
	while ((r = log_walk_next(&walk, &c)) == LOG_WALK_COMMIT) {
		tail->at.offset = walk.at;
		tail->crc = c.crc;
		tail->modseq = c.modseq;
	}
	l->checked_to = tail->at.offset;
	if (r == LOG_WALK_BREAK)
		f->is_damaged = is_damage(&walk, tail);
	f->is_torn = r == LOG_WALK_BREAK;
	return 0;
}

/* Make what was found fit to go on from. */
static int
mend(struct store_log *l, const struct log_chain_segment *s,
    const struct log_tail *known, const struct finding *f,
    struct log_tail *tail, struct why *w)
{
	const struct engine_ops *ops = l->e->ops;
	bool names = known == NULL || known->at.segment != s->number;
	int r = 0;

	if (l->read_only)
		return 0;
	if (f->is_torn && !f->is_damaged && !s->sealed)
		r = ops->cut(l->e, s->number, tail->at.offset, w);
	if (r == 0)
		r = ops->sync(l->e, s->number, names, w);
	if (r == ENGINE_BROKEN) {
		/* what is there must not be built on, nor be lost: it stays
		 * where it is, and the next one goes on behind it */
		int sealed = seal(l, tail, w);

		return sealed == 0 ? -EIO : log_result(sealed);
	}
	if (r != 0)
		return log_result(r);
	if (!f->is_damaged && !s->sealed)
		return 0;
	r = seal(l, tail, w);
	return r == ENGINE_BROKEN || r == ENGINE_RACED ? STORE_DAMAGED
						       : log_result(r);
}

/* There is not a single segment: the account is new. */
static int
first_segment(struct store_log *l, struct log_tail *tail, struct why *w)
{
	int r;

	if (l->read_only)
		return STORE_NOT_FOUND;
	*tail = (struct log_tail){ 0 };
	if ((r = segment_make(l, 1, 0, tail, w)) == 0)
		r = l->e->ops->sync(l->e, 1, true, w);
	return log_result(r);
}

/* Positions beyond all that a log can have are no positions. */
#define FAR ((uint64_t)1 << 32)

bool
log_is_lost(const struct log_tail *was, const struct log_tail *tail)
{
	return was->modseq > tail->modseq && was->at.offset < FAR &&
	    was->at.segment - tail->at.segment < FAR &&
	    (was->at.segment > tail->at.segment ||
		was->at.offset > tail->at.offset);
}

static int
recover(struct store_log *l, const struct log_tail *known,
    const struct log_tail *was, struct log_tail *tail, struct why *w)
{
	AUTO_CHAIN struct log_chain c = { 0 };
	const struct log_chain_segment *last;
	struct finding f;
	int r;

	if (known != NULL && is_at_end(l, known)) {
		*tail = *known;
		return 0;
	}
	r = log_chain_load(l, known == NULL ? 1 : known->at.segment, &c, w);
	if (r != 0)
		return r;
	if (known != NULL &&
	    (c.n == 0 || c.s[0].number != known->at.segment ||
		known->at.offset > c.s[0].end || !log_is_end(l, known)))
		return -ESTALE;
	if (c.n == 0) {
		r = first_segment(l, tail, w);
		if (r != 0 || was == NULL || !log_is_lost(was, tail))
			return r;
		*tail = *was;
		return log_result(seal(l, tail, w));
	}
	last = &c.s[c.n - 1];
	if ((r = find_end(l, last, known, tail, &f, w)) != 0)
		return r;
	if (was != NULL && !l->read_only && log_is_lost(was, tail)) {
		f.is_damaged = true;
		*tail = *was;
	}
	l->tail_number = last->number;
	l->tail_salt = last->head.salt;
	if (known != NULL && known->at.segment == last->number &&
	    known->at.offset == tail->at.offset && !f.is_torn &&
	    !f.is_damaged && !last->sealed)
		return 0;
	for (size_t i = 0; i + 1 < c.n && !l->read_only; i++)
		if (!c.s[i].sealed)
			l->e->ops->seal(l->e, c.s[i].number);
	return mend(l, last, known, &f, tail, w);
}

int
log_recover(struct store_log *l, const struct log_tail *known,
    struct log_tail *tail, struct why *w)
{
	return recover(l, known, NULL, tail, w);
}

int
log_recover_after(struct store_log *l, const struct log_tail *was,
    struct log_tail *tail, struct why *w)
{
	return recover(l, NULL, was, tail, w);
}

/* --- appending --- */

/* The frames around the records, and all of them as the engine wants it. */
struct framed {
	uint8_t begin[LOG_BEGIN_SIZE], end[LOG_END_SIZE];
	struct view few[8];
	struct view *parts; /* n_parts + 2; few or malloc'd */
	size_t n;
	struct log_commit c;
};

static void
framed_fini(struct framed *f)
{
	if (f->parts != f->few)
		free(f->parts);
}

static void
frame(struct framed *f, const struct view *parts, size_t n, uint32_t salt,
    const struct log_tail *tail)
{
	uint32_t crc = log_crc_start(salt);

	f->n = n + 2;
	f->parts = f->few;
	if (f->n > sizeof(f->few) / sizeof(f->few[0]))
		f->parts = xcalloc(f->n, sizeof(*f->parts));
	f->c.prev_crc = tail->crc;
	f->c.synced = tail->at;
	log_begin_put(&f->c, salt, f->begin);
	log_end_put(&f->c, f->end);
	f->parts[0] = (struct view){ f->begin, LOG_BEGIN_SIZE };
	for (size_t i = 0; i < n; i++)
		f->parts[i + 1] = parts[i];
	f->parts[n + 1] = (struct view){ f->end, LOG_END_SIZE - 4 };
	for (size_t i = 0; i < f->n; i++)
		crc = crc32c(crc, f->parts[i]);
	log_end_put_crc(crc, f->end);
	f->parts[n + 1].n = LOG_END_SIZE;
	f->c.crc = crc;
}

/* Go on in a new segment when the commit would make this one too long. Without
 * room for a new one, an emergency stays in the old one. */
static int
roll(struct store_log *l, uint64_t bytes, unsigned flags, struct log_tail *tail,
    struct why *w)
{
	uint64_t old = tail->at.segment;
	int r;

	if (tail->at.offset == LOG_DATA || tail->at.offset + bytes <= l->bound)
		return 0;
	r = segment_make(l, old + 1, 0, tail, w);
	if (r == 0) {
		l->e->ops->seal(l->e, old);
		l->ended = old;
	}
	if ((r == -ENOSPC || r == -EDQUOT) && (flags & LOG_EMERGENCY) != 0)
		return 0;
	return log_result(r);
}

/* After a failed sync nothing of the commit may ever appear: its segment ends
 * before it, says the successor's header; should that fail too, cut it. */
static int
disown(struct store_log *l, const struct log_tail *tail, struct why *w)
{
	struct log_tail t = *tail;

	if (seal(l, &t, NULL) == 0 ||
	    l->e->ops->cut(l->e, tail->at.segment, tail->at.offset, NULL) == 0)
		return -EIO;
	return why(w, -ENOTRECOVERABLE, "log/%016llx.seg",
	    (unsigned long long)tail->at.segment);
}

int
log_append(struct store_log *l, struct log_tail *tail, const struct view *parts,
    size_t n_parts, uint32_t count, uint64_t modseq,
    const uint8_t commit_id[16], unsigned flags, struct log_position *first,
    struct why *w)
{
	__attribute__((cleanup(framed_fini))) struct framed f;
	struct log_tail t = *tail;
	int r;

	assert(!l->read_only && modseq >= t.modseq);
	f.c = (struct log_commit){ .bytes = LOG_BEGIN_SIZE + LOG_END_SIZE,
		.flags = flags,
		.count = count,
		.modseq = modseq,
		.id = commit_id };
	f.parts = f.few;
	for (size_t i = 0; i < n_parts; i++)
		f.c.bytes += parts[i].n;
	assert(f.c.bytes > LOG_BEGIN_SIZE + LOG_END_SIZE);
	if ((r = roll(l, f.c.bytes, flags, &t, w)) != 0)
		return r;
	assert(l->tail_number == t.at.segment);
	frame(&f, parts, n_parts, l->tail_salt, &t);
	r = l->e->ops->append(l->e, t.at.segment, t.at.offset, f.parts, f.n,
	    (flags & LOG_EMERGENCY) != 0 ? ENGINE_EMERGENCY : 0, w);
	if (r == ENGINE_BROKEN)
		return disown(l, &t, w);
	if (r != 0)
		return log_result(r);
	*first =
	    (struct log_position){ t.at.segment, t.at.offset + LOG_BEGIN_SIZE };
	*tail = (struct log_tail){
		.at = { t.at.segment, t.at.offset + f.c.bytes },
		.crc = f.c.crc,
		.modseq = modseq,
	};
	return 0;
}
