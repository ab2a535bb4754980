#include "proc/msg_master.h"

#include <assert.h>

const char *
msg_process_name(uint32_t process)
{
	static const char *const names[MSG_PROCESS_KINDS] = { "master", "auth",
		"hub", "forker", "gate", "lmtp", "out" };

	return process < MSG_PROCESS_KINDS ? names[process] : NULL;
}

void
msg_master_peer_put(struct buf *b, const struct msg_master_peer *m)
{
	wire_put_u32(b, MSG_MASTER_PEER);
	wire_put_u8(b, m->process);
	wire_put_u32(b, m->number);
}

bool
msg_master_peer_get(struct wire *w, struct msg_master_peer *m)
{
	m->process = wire_u8(w);
	m->number = wire_u32(w);
	if (!wire_end(w) || msg_process_name(m->process) == NULL)
		return false;
	return m->process == MSG_PROCESS_GATE
	    ? m->number >= 1 && m->number <= MSG_GATES_MAX
	    : m->number == 0;
}

void
msg_master_listener_put(struct buf *b, const struct msg_master_listener *m)
{
	assert(m->name.n > 0 && m->name.n <= MSG_LISTENER_NAME_MAX);
	wire_put_u32(b, MSG_MASTER_LISTENER);
	wire_put_u8(b, m->kind);
	msg_bool_put(b, m->implicit);
	msg_bool_put(b, m->proxied);
	wire_put_bytes(b, m->name);
}

bool
msg_master_listener_get(struct wire *w, struct msg_master_listener *m)
{
	m->kind = wire_u8(w);
	m->implicit = msg_bool_get(w);
	m->proxied = msg_bool_get(w);
	m->name = msg_word_get(w, MSG_LISTENER_NAME_MAX);
	return wire_end(w) &&
	    ((m->kind >= MSG_LISTENER_IMAP && m->kind <= MSG_LISTENER_LMTP) ||
		m->kind == MSG_LISTENER_CONTROL ||
		m->kind == MSG_LISTENER_ADMIN);
}

void
msg_master_certificate_put(
    struct buf *b, const struct msg_master_certificate *m)
{
	assert(m->index < m->count && m->count <= MSG_CERTIFICATES_MAX);
	wire_put_u32(b, MSG_MASTER_CERTIFICATE);
	wire_put_u32(b, m->index);
	wire_put_u32(b, m->count);
	wire_put_u32(b, m->generation);
}

bool
msg_master_certificate_get(struct wire *w, struct msg_master_certificate *m)
{
	m->index = wire_u32(w);
	m->count = wire_u32(w);
	m->generation = wire_u32(w);
	return wire_end(w) && m->index < m->count &&
	    m->count <= MSG_CERTIFICATES_MAX;
}

void
msg_master_certified_put(struct buf *b, uint32_t generation, const char *text)
{
	wire_put_u32(b, MSG_MASTER_CERTIFIED);
	wire_put_u32(b, generation);
	msg_bool_put(b, text == NULL);
	msg_text_put(b, text != NULL ? text : "");
}

bool
msg_master_certified_get(struct wire *w, struct msg_master_certified *m)
{
	m->generation = wire_u32(w);
	m->good = msg_bool_get(w);
	m->text = msg_text_get(w);
	return wire_end(w) && (!m->good || m->text.n == 0);
}

void
msg_master_script_put(
    struct buf *b, uint8_t where, struct view name, struct view text)
{
	assert(name.n > 0 && name.n <= MSG_MASTER_SCRIPT_NAME_MAX);
	wire_put_u8(b, where);
	wire_put_bytes(b, name);
	wire_put_bytes(b, text);
}

void
msg_master_plain_put(struct buf *b, enum msg_master_type type)
{
	wire_put_u32(b, type);
}
