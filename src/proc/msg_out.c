#include "proc/msg_out.h"

#include <assert.h>

const char *
msg_out_kind_name(uint8_t kind)
{
	static const char *const names[] = { NULL, "redirect", "forward",
		"vacation", "reject", "notify", "bounce", "submission",
		"notice" };

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}

/* Octets of a quoted string that is all of the local part; 0: it is none. */
static size_t
quoted_local(struct view v)
{
	size_t i = 1;

	if (v.n == 0 || v.p[0] != '"')
		return 0;
	while (i < v.n && v.p[i] != '"')
		i += v.p[i] == '\\' ? 2 : 1;
	return i < v.n && (i + 1 == v.n || v.p[i + 1] == '@') ? i + 1 : 0;
}

/* Octets of the local part: up to the last "@". */
static size_t
local_part(struct view v)
{
	size_t n = quoted_local(v), at = v.n;

	for (size_t i = n; i < v.n; i++)
		if (v.p[i] == '@')
			at = i;
	return at;
}

static bool
is_free_of_blanks(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == ' ' || v.p[i] == '<' || v.p[i] == '>')
			return false;
	return true;
}

bool
msg_out_address_ok(struct view v)
{
	size_t quoted = quoted_local(v), at = local_part(v);

	if (v.n > MSG_OUT_ADDRESS_MAX || at == 0 || at + 1 >= v.n ||
	    (quoted > 0 && at != quoted))
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] == 0x7f)
			return false;
	return is_free_of_blanks(view_sub(v, quoted, v.n));
}

bool
msg_out_address_local(struct view v)
{
	return v.n > 0 && local_part(v) == v.n;
}

static struct view
take_address(struct wire *w)
{
	struct view v = wire_bytes(w, MSG_OUT_ADDRESS_MAX);

	if (!msg_out_address_ok(v))
		w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}

static struct view
take_address_or_none(struct wire *w)
{
	struct wire peek = *w;

	if (wire_u32(&peek) == 0 && peek.ok) {
		*w = peek;
		return (struct view){ NULL, 0 };
	}
	return take_address(w);
}

static bool
is_kind(uint8_t kind)
{
	return msg_out_kind_name(kind) != NULL;
}

/* ---- submissions ---- */

static void
put_recipients(struct buf *b, const struct msg_out_submit *m)
{
	struct view rest = m->packed, v;

	wire_put_u32(b, m->n);
	for (uint32_t i = 0; m->to != NULL && i < m->n; i++) {
		assert(msg_out_address_ok(m->to[i]));
		wire_put_bytes(b, m->to[i]);
	}
	while (m->to == NULL && msg_out_next(&rest, &v))
		wire_put_bytes(b, v);
}

void
msg_out_submit_put(
    struct buf *b, enum msg_out_type type, const struct msg_out_submit *m)
{
	assert(type == MSG_OUT_SUBMIT || type == MSG_OUT_TAKE);
	assert(is_kind(m->kind) && m->kind != MSG_OUT_BOUNCE);
	assert(m->n >= 1 && m->n <= MSG_OUT_RECIPIENTS_MAX);
	assert(m->sender.n == 0 || msg_out_address_ok(m->sender));
	wire_put_u32(b, type);
	wire_put_u64(b, m->number);
	if (type == MSG_OUT_TAKE)
		wire_put_bytes(b, m->account);
	wire_put_u8(b, m->kind);
	buf_put(b, (struct view){ m->key, sizeof(m->key) });
	wire_put_bytes(b, m->sender);
	msg_deliver_dsn_put(b, &m->dsn);
	msg_bool_put(b, m->utf8);
	put_recipients(b, m);
}

bool
msg_out_next(struct view *packed, struct view *out)
{
	struct wire w = wire_read(*packed);

	*out = wire_bytes(&w, MSG_OUT_ADDRESS_MAX);
	if (!w.ok)
		return false;
	*packed = w.in;
	return true;
}

static void
get_recipients(struct wire *w, struct msg_out_submit *m)
{
	m->n = wire_u32(w);
	m->to = NULL;
	m->packed = w->in;
	if (m->n < 1 || m->n > MSG_OUT_RECIPIENTS_MAX)
		w->ok = false;
	for (uint32_t i = 0; w->ok && i < m->n; i++)
		(void)take_address(w);
}

bool
msg_out_submit_get(
    struct wire *w, enum msg_out_type type, struct msg_out_submit *m)
{
	struct view key;

	m->number = wire_u64(w);
	m->account = type == MSG_OUT_TAKE ? msg_account_get(w)
					  : (struct view){ NULL, 0 };
	m->kind = wire_u8(w);
	key = wire_raw(w, sizeof(m->key));
	if (key.n == sizeof(m->key))
		memcpy(m->key, key.p, sizeof(m->key));
	m->sender = take_address_or_none(w);
	m->dsn = msg_deliver_dsn_get(w);
	m->utf8 = msg_bool_get(w);
	get_recipients(w, m);
	return wire_end(w) && is_kind(m->kind) && m->kind != MSG_OUT_BOUNCE;
}

void
msg_out_taken_put(
    struct buf *b, enum msg_out_type type, const struct msg_out_taken *m)
{
	assert(m->text.n <= MSG_TEXT_MAX);
	assert(type == MSG_OUT_TAKEN || type == MSG_OUT_SUBMITTED);
	wire_put_u32(b, type);
	wire_put_u64(b, m->number);
	wire_put_u8(b, m->result);
	wire_put_bytes(b, m->text);
}

bool
msg_out_taken_get(struct wire *w, struct msg_out_taken *m)
{
	m->number = wire_u64(w);
	m->result = wire_u8(w);
	m->text = msg_text_get(w);
	return wire_end(w) && m->result <= MSG_OUT_REFUSED;
}

/* ---- what is done ---- */

static bool
are_keys(struct view v)
{
	return v.n > 0 && v.n % MSG_OUT_KEY_SIZE == 0 &&
	    v.n <= MSG_OUT_KEYS_MAX * MSG_OUT_KEY_SIZE;
}

void
msg_out_done_put(
    struct buf *b, enum msg_out_type type, const struct msg_out_done *m)
{
	assert(type == MSG_OUT_DONE || type == MSG_OUT_FORGET);
	assert(are_keys(m->keys));
	wire_put_u32(b, type);
	wire_put_u64(b, m->number);
	if (type == MSG_OUT_FORGET)
		wire_put_bytes(b, m->account);
	wire_put_bytes(b, m->keys);
}

bool
msg_out_done_get(struct wire *w, enum msg_out_type type, struct msg_out_done *m)
{
	m->number = wire_u64(w);
	m->account = type == MSG_OUT_FORGET ? msg_account_get(w)
					    : (struct view){ NULL, 0 };
	m->keys = wire_bytes(w, MSG_OUT_KEYS_MAX * MSG_OUT_KEY_SIZE);
	return wire_end(w) && are_keys(m->keys);
}

/* ---- questions ---- */

static struct view
take_id(struct wire *w)
{
	struct view v = wire_bytes(w, MSG_OUT_ID_MAX);

	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') ||
			(v.p[i] >= 'a' && v.p[i] <= 'z')))
			w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}

void
msg_out_question_put(struct buf *b, const struct msg_out_question *m)
{
	assert(m->id.n <= MSG_OUT_ID_MAX);
	wire_put_u32(b, MSG_OUT_ASK);
	wire_put_u64(b, m->number);
	wire_put_u8(b, m->ask);
	wire_put_bytes(b, m->id);
}

bool
msg_out_question_get(struct wire *w, struct msg_out_question *m)
{
	m->number = wire_u64(w);
	m->ask = wire_u8(w);
	m->id = take_id(w);
	return wire_end(w) && m->ask >= MSG_OUT_LIST &&
	    m->ask <= MSG_OUT_REMOVE &&
	    (m->ask != MSG_OUT_REMOVE || m->id.n > 0);
}

void
msg_out_row_put(struct buf *b, const struct msg_out_row *m)
{
	assert(m->id.n <= MSG_OUT_ID_MAX && m->text.n <= MSG_TEXT_MAX);
	wire_put_u32(b, MSG_OUT_ROW);
	wire_put_u64(b, m->number);
	wire_put_bytes(b, m->id);
	wire_put_u8(b, m->kind);
	wire_put_bytes(b, m->account);
	wire_put_bytes(b, m->sender);
	wire_put_bytes(b, m->recipient);
	wire_put_u32(b, m->recipients);
	wire_put_u64(b, m->size);
	wire_put_u64(b, m->created_s);
	wire_put_u64(b, m->next_s);
	wire_put_u32(b, m->attempts);
	wire_put_bytes(b, m->text);
}

/* A bounce has no account. */
static struct view
take_account_or_none(struct wire *w)
{
	struct wire peek = *w;

	if (wire_u32(&peek) == 0 && peek.ok) {
		*w = peek;
		return (struct view){ NULL, 0 };
	}
	return msg_account_get(w);
}

bool
msg_out_row_get(struct wire *w, struct msg_out_row *m)
{
	m->number = wire_u64(w);
	m->id = take_id(w);
	m->kind = wire_u8(w);
	m->account = take_account_or_none(w);
	m->sender = take_address_or_none(w);
	m->recipient = take_address_or_none(w);
	m->recipients = wire_u32(w);
	m->size = wire_u64(w);
	m->created_s = wire_u64(w);
	m->next_s = wire_u64(w);
	m->attempts = wire_u32(w);
	m->text = msg_text_get(w);
	return wire_end(w) && is_kind(m->kind) && m->id.n > 0;
}

void
msg_out_end_put(struct buf *b, const struct msg_out_end *m)
{
	wire_put_u32(b, MSG_OUT_END);
	wire_put_u64(b, m->number);
	wire_put_u32(b, m->count);
	msg_bool_put(b, m->more);
}

bool
msg_out_end_get(struct wire *w, struct msg_out_end *m)
{
	m->number = wire_u64(w);
	m->count = wire_u32(w);
	m->more = msg_bool_get(w);
	return wire_end(w);
}
