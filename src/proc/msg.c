#include "proc/msg.h"

#include <assert.h>

const char *
msg_service_name(uint8_t service)
{
	static const char *const names[] = { NULL, "imap", "pop3", "sieve",
		"lmtp", "delivery" };

	return service < sizeof(names) / sizeof(names[0]) ? names[service]
							  : NULL;
}

void
msg_bool_put(struct buf *b, bool v)
{
	wire_put_u8(b, v);
}

bool
msg_bool_get(struct wire *w)
{
	uint8_t v = wire_u8(w);

	if (v > 1)
		w->ok = false;
	return w->ok && v == 1;
}

void
msg_id_put(struct buf *b, const uint8_t id[MSG_GRANT_SIZE])
{
	buf_put(b, (struct view){ id, MSG_GRANT_SIZE });
}

void
msg_id_get(struct wire *w, uint8_t id[MSG_GRANT_SIZE])
{
	struct view v = wire_raw(w, MSG_GRANT_SIZE);

	memset(id, 0, MSG_GRANT_SIZE);
	if (v.n == MSG_GRANT_SIZE)
		memcpy(id, v.p, MSG_GRANT_SIZE);
}

struct view
msg_word_get(struct wire *w, size_t max)
{
	struct view v = wire_bytes(w, max);

	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] > '~')
			w->ok = false;
	if (v.n == 0)
		w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}

struct view
msg_line_get(struct wire *w, size_t max)
{
	struct view v = wire_bytes(w, max);

	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] == 0x7f)
			w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}

void
msg_client_put(struct buf *b, const struct msg_client *c)
{
	buf_put(b, (struct view){ c->remote.b, sizeof(c->remote.b) });
	buf_put(b, (struct view){ c->local.b, sizeof(c->local.b) });
	wire_put_u16(b, c->remote_port);
	wire_put_u16(b, c->local_port);
	msg_bool_put(b, c->tls);
}

static bool
is_printable(struct view v, uint8_t from)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < from || v.p[i] > '~')
			return false;
	return true;
}

void
msg_login_put(struct buf *b, const struct msg_login *l)
{
	assert(l->tag.n <= MSG_TAG_MAX && l->command.n <= MSG_COMMAND_MAX);
	assert(l->final.n <= MSG_FINAL_MAX && l->mechanisms.n <= MSG_OFFER_MAX);
	wire_put_bytes(b, l->tag);
	wire_put_bytes(b, l->command);
	wire_put_bytes(b, l->final);
	wire_put_bytes(b, l->mechanisms);
	msg_bool_put(b, l->password);
	msg_bool_put(b, l->starttls);
	msg_bool_put(b, l->utf8);
	wire_put_u8(b, l->language);
}

struct msg_login
msg_login_get(struct wire *w)
{
	struct msg_login l;

	l.tag = wire_bytes(w, MSG_TAG_MAX);
	l.command = msg_word_get(w, MSG_COMMAND_MAX);
	l.final = wire_bytes(w, MSG_FINAL_MAX);
	l.mechanisms = wire_bytes(w, MSG_OFFER_MAX);
	l.password = msg_bool_get(w);
	l.starttls = msg_bool_get(w);
	l.utf8 = msg_bool_get(w);
	l.language = wire_u8(w);
	if (!is_printable(l.tag, '!') || !is_printable(l.mechanisms, ' '))
		w->ok = false;
	return w->ok ? l : (struct msg_login){ .utf8 = false };
}

static void
take_address(struct wire *w, struct netaddr *out)
{
	struct view v = wire_raw(w, sizeof(out->b));

	if (v.n == sizeof(out->b))
		memcpy(out->b, v.p, sizeof(out->b));
}

struct msg_client
msg_client_get(struct wire *w)
{
	struct msg_client c = { 0 };

	take_address(w, &c.remote);
	take_address(w, &c.local);
	c.remote_port = wire_u16(w);
	c.local_port = wire_u16(w);
	c.tls = msg_bool_get(w);
	return c;
}

void
msg_text_put(struct buf *b, const char *text)
{
	uint8_t out[MSG_TEXT_MAX];
	size_t n = 0;

	for (; text[n] != '\0' && n < sizeof(out); n++)
		out[n] =
		    text[n] >= ' ' && text[n] <= '~' ? (uint8_t)text[n] : '?';
	wire_put_bytes(b, (struct view){ out, n });
}

struct view
msg_text_get(struct wire *w)
{
	struct view v = wire_bytes(w, MSG_TEXT_MAX);

	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] > '~')
			w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}

struct view
msg_account_get(struct wire *w)
{
	struct view v = wire_bytes(w, MSG_ACCOUNT_MAX);

	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] == 0x7f)
			w->ok = false;
	if (v.n == 0)
		w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}
