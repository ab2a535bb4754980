#include "proc/out_item.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/mem.h"

#define MAGIC VIEW_LIT("fumiout2")
#define MAGIC_OLD VIEW_LIT("fumiout1") /* without a sum of the octets */
#define MAGIC_STATE VIEW_LIT("fumiost1")

void
out_recipient_text(struct out_recipient *r, struct view text)
{
	size_t n = text.n < OUT_QUEUE_TEXT_MAX ? text.n : OUT_QUEUE_TEXT_MAX;

	for (size_t i = 0; i < n; i++)
		r->text[i] =
		    text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
	r->text_n = (uint8_t)n;
}
_Static_assert(OUT_QUEUE_TEXT_MAX <= UINT8_MAX, "its length is a byte");

/* ---- heads ---- */

static void
put_head(
    struct buf *b, const struct msg_out_submit *m, int64_t now, uint64_t size)
{
	struct view rest = m->packed, v;

	wire_put_u64(b, (uint64_t)now);
	wire_put_u64(b, size);
	wire_put_u8(b, m->kind);
	wire_put_bytes(b, m->account);
	wire_put_bytes(b, m->sender);
	buf_put(b, (struct view){ m->key, sizeof(m->key) });
	wire_put_u32(b, m->n);
	for (uint32_t i = 0; i < m->n; i++) {
		if (m->to != NULL)
			v = m->to[i];
		else if (!msg_out_next(&rest, &v))
			break;
		wire_put_bytes(b, v);
	}
	msg_deliver_dsn_put(b, &m->dsn);
	msg_bool_put(b, m->utf8);
}

static bool
get_recipients(struct wire *w, struct out_item *i)
{
	i->n = wire_u32(w);
	if (!w->ok || i->n < 1 || i->n > MSG_OUT_RECIPIENTS_MAX)
		return false;
	i->to = xcalloc(i->n, sizeof(*i->to));
	for (uint32_t k = 0; k < i->n; k++) {
		i->to[k].address = wire_bytes(w, MSG_OUT_ADDRESS_MAX);
		if (!w->ok || !msg_out_address_ok(i->to[k].address))
			return false;
	}
	/* an older fumi ends here, or behind the wishes */
	if (w->in.n > 0)
		i->dsn = msg_deliver_dsn_get(w);
	if (w->in.n > 0)
		i->utf8 = msg_bool_get(w);
	return wire_end(w);
}

void
out_item_free(struct out_item **i)
{
	if (*i == NULL)
		return;
	free((*i)->to);
	free(*i);
	*i = NULL;
}

/* NULL: it is no head. */
static struct out_item *
get_head(const char *id, struct view head)
{
	struct out_item *i = xcalloc(1, sizeof(*i) + head.n);
	struct wire w;
	struct view key;

	memcpy(i->head, head.p, head.n);
	(void)snprintf(i->id, sizeof(i->id), "%s", id);
	w = wire_read((struct view){ i->head, head.n });
	i->created_s = i->next_s = (int64_t)wire_u64(&w);
	i->size = wire_u64(&w);
	i->kind = wire_u8(&w);
	i->account = wire_bytes(&w, MSG_ACCOUNT_MAX);
	i->sender = wire_bytes(&w, MSG_OUT_ADDRESS_MAX);
	key = wire_raw(&w, MSG_OUT_KEY_SIZE);
	if (key.n == MSG_OUT_KEY_SIZE)
		memcpy(i->key, key.p, key.n);
	if (!get_recipients(&w, i) || msg_out_kind_name(i->kind) == NULL ||
	    (i->sender.n > 0 && !msg_out_address_ok(i->sender))) {
		out_item_free(&i);
		return NULL;
	}
	return i;
}

void
out_item_put(
    struct buf *b, const struct msg_out_submit *m, int64_t now, uint64_t size)
{
	AUTO_BUF struct buf head = BUF_INIT(OUT_QUEUE_HEAD_MAX);

	put_head(&head, m, now, size);
	buf_put(b, MAGIC);
	wire_put_bytes(b, buf_view(&head));
	wire_put_u32(b, crc32c(0, buf_view(&head)));
	assert(!head.failed && !b->failed);
}

struct out_item *
out_item_get(const char *id, struct view v)
{
	bool summed = view_starts(v, MAGIC);
	struct out_item *i;
	struct wire w;
	uint32_t n, sum;

	if (!summed && !view_starts(v, MAGIC_OLD))
		return NULL;
	view_skip(&v, MAGIC.n);
	w = wire_read(v);
	n = wire_u32(&w);
	v = n <= OUT_QUEUE_HEAD_MAX ? wire_raw(&w, n)
				    : (struct view){ NULL, 0 };
	sum = wire_u32(&w);
	if (!w.ok || v.n == 0 || sum != crc32c(0, v) ||
	    (i = get_head(id, v)) == NULL)
		return NULL;
	i->offset = MAGIC.n + 4 + v.n + 4;
	i->summed = summed;
	return i;
}

/* ---- state ---- */

void
out_item_put_state(struct buf *b, const struct out_item *i)
{
	buf_put(b, MAGIC_STATE);
	wire_put_u32(b, i->attempts);
	wire_put_u64(b, (uint64_t)i->next_s);
	wire_put_u32(b, i->n);
	for (uint32_t k = 0; k < i->n; k++) {
		const struct out_recipient *r = &i->to[k];

		wire_put_u8(b, r->state);
		wire_put_u16(b, r->code);
		wire_put_bytes(b, (struct view){ r->text, r->text_n });
	}
	wire_put_u32(b, crc32c(0, buf_view(b)));
}

static bool
get_states(struct wire *w, struct out_item *i)
{
	uint32_t attempts = wire_u32(w);
	int64_t next = (int64_t)wire_u64(w);

	if (wire_u32(w) != i->n)
		return false;
	for (uint32_t k = 0; k < i->n && w->ok; k++) {
		i->to[k].state = wire_u8(w);
		i->to[k].code = wire_u16(w);
		out_recipient_text(
		    &i->to[k], wire_bytes(w, OUT_QUEUE_TEXT_MAX));
		if (i->to[k].state > OUT_RELAYED || i->to[k].code > 599)
			return false;
	}
	if (!wire_end(w))
		return false;
	i->attempts = attempts;
	i->next_s = next;
	return true;
}

static void
forget_states(struct out_item *i)
{
	for (uint32_t k = 0; k < i->n; k++) {
		i->to[k].state = OUT_WAITING;
		i->to[k].code = 0;
		i->to[k].text_n = 0;
	}
}

bool
out_item_get_state(struct out_item *i, struct view v)
{
	struct wire w, sum;

	if (v.n < 4)
		return false;
	sum = wire_read(view_sub(v, v.n - 4, 4));
	v = view_sub(v, 0, v.n - 4);
	if (wire_u32(&sum) != crc32c(0, v) || !view_starts(v, MAGIC_STATE))
		return false;
	view_skip(&v, MAGIC_STATE.n);
	w = wire_read(v);
	if (get_states(&w, i))
		return true;
	forget_states(i);
	return false;
}
