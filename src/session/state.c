#include "session/state.h"

/* The wire form begins with its number, so that a session of a newer program
 * that is given an older state refuses it instead of misreading it. */
#define STATE_FORMAT 2

void
state_unselect(struct session_state *st)
{
	st->mailbox = st->uidvalidity = 0;
	st->read_only = false;
	st->told_flags = st->told_expunges = 0;
	st->told_uidnext = st->told_recent = st->told_keywords = 0;
	uidmap_fini(&st->map);
	uidset_fini(&st->recent);
	uidset_fini(&st->saved);
}

void
state_fini(struct session_state *st)
{
	state_unselect(st);
	*st = (struct session_state){ 0 };
}

void
state_encode(const struct session_state *st, struct buf *out)
{
	wire_put_u8(out, STATE_FORMAT);
	wire_put_u32(out, st->enabled);
	wire_put_u8(out, st->id_given);
	wire_put_u32(out, st->bads);
	wire_put_u64(out, st->told_metadata);
	wire_put_u32(out, st->mailbox);
	wire_put_u32(out, st->uidvalidity);
	wire_put_u8(out, st->read_only);
	wire_put_u64(out, st->told_flags);
	wire_put_u64(out, st->told_expunges);
	wire_put_u32(out, st->told_uidnext);
	wire_put_u32(out, st->told_recent);
	wire_put_u32(out, st->told_keywords);
	uidmap_encode(&st->map, out);
	uidset_encode(&st->recent, out);
	uidset_encode(&st->saved, out);
}

static bool
wire_bool(struct wire *w)
{
	uint8_t v = wire_u8(w);

	if (v > 1)
		w->ok = false;
	return v == 1;
}

/* What no session can have come to. */
static bool
is_sane(const struct session_state *st)
{
	if (st->mailbox == 0)
		return st->map.n == 0 && st->recent.n == 0 && st->saved.n == 0;
	return st->told_uidnext > uidmap_last(&st->map) &&
	    st->told_keywords <= STORE_KEYWORDS_MAX;
}

bool
state_decode(struct view in, struct session_state *st)
{
	struct wire w = wire_read(in);

	if (wire_u8(&w) != STATE_FORMAT)
		return false;
	st->enabled = wire_u32(&w);
	st->id_given = wire_bool(&w);
	st->bads = wire_u32(&w);
	st->told_metadata = wire_u64(&w);
	st->mailbox = wire_u32(&w);
	st->uidvalidity = wire_u32(&w);
	st->read_only = wire_bool(&w);
	st->told_flags = wire_u64(&w);
	st->told_expunges = wire_u64(&w);
	st->told_uidnext = wire_u32(&w);
	st->told_recent = wire_u32(&w);
	st->told_keywords = wire_u32(&w);
	if (!uidmap_decode(&w, &st->map) || !uidset_decode(&w, &st->recent) ||
	    !uidset_decode(&w, &st->saved) || !wire_end(&w) || !is_sane(st)) {
		state_fini(st);
		return false;
	}
	return true;
}
