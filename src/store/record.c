#include "store/record.h"

#include <assert.h>

#include "base/bytes.h"

/*
 * Encoding and decoding go through base/wire.h; only what comes a hundred
 * thousand times in one record (entries, runs) is stored and loaded directly.
 */

size_t
record_open(struct buf *b, enum record_type type)
{
	size_t at = b->n;

	wire_put_u32(b, 0);
	wire_put_u32(b, (uint32_t)type << 24);
	return at;
}

void
record_close(struct buf *b, size_t at)
{
	if (b->failed)
		return;
	assert(b->n - at >= RECORD_FRAME);
	assert(b->n - at - RECORD_FRAME <= RECORD_MAX + RECORD_BODY_HEAD);
	bytes_put32(b->p + at, (uint32_t)(b->n - at - RECORD_FRAME));
}

bool
record_take(struct view *in, uint8_t *type, struct view *payload)
{
	struct wire w = wire_read(*in);
	uint32_t n = wire_u32(&w);
	uint32_t kind = wire_u32(&w);

	*payload = wire_raw(&w, n);
	if (!w.ok || (kind & 0xffffff) != 0)
		return false;
	*type = (uint8_t)(kind >> 24);
	*in = w.in;
	return true;
}

void
record_body_head_put(struct buf *b, const struct record_body *r)
{
	size_t at = record_open(b, RECORD_BODY);
	size_t n = RECORD_BODY_HEAD + r->summary.n + r->octets.n;

	assert(n <= UINT32_MAX && r->octets.n == (r->in_file ? 0 : r->size));
	wire_put_u64(b, r->number);
	buf_put(b, (struct view){ r->digest, sizeof r->digest });
	wire_put_u64(b, r->size);
	wire_put_u32(b, (uint32_t)r->summary.n);
	wire_put_u32(b, (uint32_t)r->in_file << 24);
	buf_put(b, r->summary);
	if (!b->failed)
		bytes_put32(b->p + at, (uint32_t)n);
}

void
record_body_put(struct buf *b, const struct record_body *r)
{
	record_body_head_put(b, r);
	buf_put(b, r->octets);
}

bool
record_body_head_read(struct view head, struct record_body *r)
{
	const uint8_t *p = head.p;
	uint32_t where;

	if (head.n != RECORD_BODY_HEAD)
		return false;
	where = bytes_get32(p + 52);
	*r = (struct record_body){
		.number = bytes_get64(p),
		.size = bytes_get64(p + 40),
		.summary.n = bytes_get32(p + 48),
		.in_file = where != 0,
	};
	memcpy(r->digest, p + 8, sizeof r->digest);
	return r->number != 0 && (where & 0xfeffffff) == 0 &&
	    r->size <= STORE_MESSAGE_MAX;
}

bool
record_body_read(struct view payload, struct record_body *r)
{
	if (!record_body_head_read(view_sub(payload, 0, RECORD_BODY_HEAD), r))
		return false;
	view_skip(&payload, RECORD_BODY_HEAD);
	if (r->summary.n > payload.n)
		return false;
	r->summary = view_sub(payload, 0, r->summary.n);
	view_skip(&payload, r->summary.n);
	r->octets = payload;
	return r->octets.n == (r->in_file ? 0 : r->size);
}

size_t
record_message_open(struct buf *b, const struct record_message *r)
{
	size_t at = record_open(b, RECORD_MESSAGE);

	wire_put_u64(b, r->version);
	wire_put_u32(b, r->mailbox);
	wire_put_u32(b, r->first);
	wire_put_u32(b, r->saved);
	wire_put_u32(b, r->n);
	return at;
}

void
record_entry_put(struct buf *b, const struct record_entry *e)
{
	uint8_t *p = buf_reserve(b, RECORD_ENTRY);

	if (p == NULL)
		return;
	bytes_put64(p, e->body);
	bytes_put64(p + 8, e->thread);
	bytes_put64(p + 16, (uint64_t)e->date);
	bytes_put32(p + 24, e->size);
	bytes_put32(p + 28, (uint32_t)(uint16_t)e->zone << 16);
	b->n += RECORD_ENTRY;
}

bool
record_message_read(struct view payload, struct record_message *r)
{
	struct wire w = wire_read(payload);

	r->version = wire_u64(&w);
	r->mailbox = wire_u32(&w);
	r->first = wire_u32(&w);
	r->saved = wire_u32(&w);
	r->n = wire_u32(&w);
	r->entries = w.in;
	return w.ok && r->mailbox != 0 && r->first != 0 && r->n != 0 &&
	    (uint64_t)r->first + r->n - 1 <= UINT32_MAX &&
	    r->entries.n == (size_t)r->n * RECORD_ENTRY;
}

struct record_entry
record_entry(const struct record_message *r, uint32_t i)
{
	const uint8_t *p = r->entries.p + (size_t)i * RECORD_ENTRY;

	return (struct record_entry){
		.body = bytes_get64(p),
		.thread = bytes_get64(p + 8),
		.date = (int64_t)bytes_get64(p + 16),
		.size = bytes_get32(p + 24),
		.zone = (int16_t)(bytes_get32(p + 28) >> 16),
	};
}

static void
put_runs(struct buf *b, const struct uid_run *runs, size_t n)
{
	uint8_t *p;

	wire_put_u32(b, (uint32_t)n);
	if ((p = buf_reserve(b, n * 8)) == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		bytes_put32(p + i * 8, runs[i].lo);
		bytes_put32(p + i * 8 + 4, runs[i].hi);
	}
	b->n += n * 8;
}

/* At least one run, sorted and disjoint. */
static struct view
take_runs(struct wire *w, uint32_t *n)
{
	struct view v;
	uint32_t last = 0;

	*n = wire_u32(w);
	v = wire_raw(w, (size_t)*n * 8);
	if (*n == 0)
		w->ok = false;
	for (uint32_t i = 0; w->ok && i < *n; i++) {
		struct uid_run r = record_run(v, i);

		if (r.lo <= last || r.hi < r.lo)
			w->ok = false;
		last = r.hi;
	}
	return v;
}

struct uid_run
record_run(struct view runs, uint32_t i)
{
	const uint8_t *p = runs.p + (size_t)i * 8;

	return (struct uid_run){ bytes_get32(p), bytes_get32(p + 4) };
}

size_t
record_state_open(struct buf *b, uint64_t version, uint32_t mailbox)
{
	size_t at = record_open(b, RECORD_STATE);

	wire_put_u64(b, version);
	wire_put_u32(b, mailbox);
	return at;
}

void
record_group_put(struct buf *b, const struct store_flags *flags,
    const struct uid_run *runs, size_t n)
{
	wire_put_u16(b, flags->system);
	wire_put_u16(b, 0);
	wire_put_u64(b, flags->keywords[0]);
	wire_put_u64(b, flags->keywords[1]);
	put_runs(b, runs, n);
}

static bool
take_group(struct wire *w, struct record_group *g)
{
	uint16_t zero;

	memset(g, 0, sizeof *g);
	g->flags.system = wire_u16(w);
	zero = wire_u16(w);
	g->flags.keywords[0] = wire_u64(w);
	g->flags.keywords[1] = wire_u64(w);
	g->runs = take_runs(w, &g->n);
	return w->ok && zero == 0;
}

bool
record_state_read(struct view payload, struct record_state *r)
{
	struct wire w = wire_read(payload);
	struct record_group g;

	r->version = wire_u64(&w);
	r->mailbox = wire_u32(&w);
	r->rest = w;
	if (!w.ok || r->mailbox == 0 || w.in.n == 0)
		return false;
	while (w.in.n > 0)
		if (!take_group(&w, &g))
			return false;
	return true;
}

bool
record_state_next(struct record_state *r, struct record_group *g)
{
	return r->rest.in.n > 0 && take_group(&r->rest, g);
}

void
record_expunge_put(struct buf *b, const struct record_expunge *r,
    const struct uid_run *runs, size_t n)
{
	size_t at = record_open(b, RECORD_EXPUNGE);

	wire_put_u64(b, r->version);
	wire_put_u64(b, (uint64_t)r->time);
	wire_put_u32(b, r->mailbox);
	put_runs(b, runs, n);
	record_close(b, at);
}

bool
record_expunge_read(struct view payload, struct record_expunge *r)
{
	struct wire w = wire_read(payload);

	r->version = wire_u64(&w);
	r->time = (int64_t)wire_u64(&w);
	r->mailbox = wire_u32(&w);
	r->runs = take_runs(&w, &r->n);
	return wire_end(&w) && r->mailbox != 0;
}

void
record_mailbox_put(struct buf *b, const struct record_mailbox *r)
{
	size_t at = record_open(b, RECORD_MAILBOX);

	wire_put_u64(b, r->version);
	wire_put_u32(b, r->id);
	wire_put_u32(b, r->parent);
	wire_put_u32(b, r->uidvalidity);
	wire_put_u32(b, r->uses);
	wire_put_u8(b, (uint8_t)r->state);
	wire_put_u8(b, r->format);
	wire_put_u16(b, 0);
	wire_put_u32(b, r->quota_root);
	wire_put_u32(b, r->alias);
	buf_put(b, r->name);
	record_close(b, at);
}

bool
record_mailbox_read(struct view payload, struct record_mailbox *r)
{
	struct wire w = wire_read(payload);
	uint8_t state;
	uint16_t zero;

	r->version = wire_u64(&w);
	r->id = wire_u32(&w);
	r->parent = wire_u32(&w);
	r->uidvalidity = wire_u32(&w);
	r->uses = wire_u32(&w);
	state = wire_u8(&w);
	r->format = wire_u8(&w);
	zero = wire_u16(&w);
	r->quota_root = wire_u32(&w);
	r->alias = wire_u32(&w);
	r->name = w.in;
	r->state = (enum record_mailbox_state)state;
	return w.ok && r->id != 0 && r->id != r->parent && zero == 0 &&
	    state <= RECORD_MAILBOX_DELETED && r->name.n >= 1 &&
	    r->name.n <= STORE_LEAF_MAX;
}

void
record_keyword_put(struct buf *b, const struct record_keyword *r)
{
	size_t at = record_open(b, RECORD_KEYWORD);

	wire_put_u64(b, r->version);
	wire_put_u32(b, r->number);
	buf_put(b, r->name);
	record_close(b, at);
}

bool
record_keyword_read(struct view payload, struct record_keyword *r)
{
	struct wire w = wire_read(payload);

	r->version = wire_u64(&w);
	r->number = wire_u32(&w);
	r->name = w.in;
	return w.ok && r->number < STORE_KEYWORDS_MAX && r->name.n >= 1 &&
	    r->name.n <= STORE_KEYWORD_MAX;
}

void
record_kv_put(
    struct buf *b, enum record_type type, const struct record_entry_kv *r)
{
	size_t at = record_open(b, type);

	wire_put_u64(b, r->version);
	wire_put_bytes(b, r->key);
	wire_put_u8(b, r->set);
	buf_put(b, r->value);
	record_close(b, at);
}

bool
record_kv_read(struct view payload, struct record_entry_kv *r)
{
	struct wire w = wire_read(payload);
	uint8_t set;

	r->version = wire_u64(&w);
	r->key = wire_bytes(&w, RECORD_KEY_MAX);
	set = wire_u8(&w);
	r->set = set != 0;
	r->value = w.in;
	return w.ok && r->key.n >= 1 && set <= 1 &&
	    r->value.n <= RECORD_VALUE_MAX && (r->set || r->value.n == 0);
}

void
record_counters_put(struct buf *b, const struct record_counters *r)
{
	size_t at = record_open(b, RECORD_COUNTERS);

	wire_put_u64(b, r->version);
	wire_put_u32(b, r->mailbox);
	wire_put_u32(b, r->uidnext);
	wire_put_u64(b, r->highestmodseq);
	wire_put_u64(b, r->floor);
	record_close(b, at);
}

bool
record_counters_read(struct view payload, struct record_counters *r)
{
	struct wire w = wire_read(payload);

	r->version = wire_u64(&w);
	r->mailbox = wire_u32(&w);
	r->uidnext = wire_u32(&w);
	r->highestmodseq = wire_u64(&w);
	r->floor = wire_u64(&w);
	return wire_end(&w);
}

void
record_drop_put(struct buf *b, uint64_t segment)
{
	size_t at = record_open(b, RECORD_DROP);

	wire_put_u64(b, segment);
	record_close(b, at);
}

bool
record_drop_read(struct view payload, uint64_t *segment)
{
	struct wire w = wire_read(payload);

	*segment = wire_u64(&w);
	return wire_end(&w) && *segment != 0;
}
