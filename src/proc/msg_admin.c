#include "proc/msg_admin.h"

#include <assert.h>

static void
put_secret(struct buf *b, const struct msg_admin_secret *m)
{
	assert(m->password.n <= MSG_ADMIN_PASSWORD_MAX &&
	    m->sha256.n <= MSG_ADMIN_SCRAM_MAX &&
	    m->sha1.n <= MSG_ADMIN_SCRAM_MAX);
	wire_put_bytes(b, m->password);
	wire_put_bytes(b, m->sha256);
	wire_put_bytes(b, m->sha1);
}

/* Stored forms are C strings at both ends: no NUL. */
static struct view
take_text(struct wire *w, size_t max)
{
	struct view v = wire_bytes(w, max);

	if (v.n > 0 && memchr(v.p, '\0', v.n) != NULL)
		w->ok = false;
	return w->ok ? v : (struct view){ NULL, 0 };
}

static void
take_secret(struct wire *w, struct msg_admin_secret *m)
{
	m->password = take_text(w, MSG_ADMIN_PASSWORD_MAX);
	m->sha256 = take_text(w, MSG_ADMIN_SCRAM_MAX);
	m->sha1 = take_text(w, MSG_ADMIN_SCRAM_MAX);
}

static void
put_name(struct buf *b, enum msg_admin_type type, struct view name)
{
	assert(name.n <= MSG_ACCOUNT_MAX);
	wire_put_u32(b, type);
	wire_put_bytes(b, name);
}

void
msg_admin_add_put(struct buf *b, const struct msg_admin_add *m)
{
	put_name(b, MSG_ADMIN_ADD, m->name);
	msg_bool_put(b, m->has_uid);
	wire_put_u32(b, m->uid);
	wire_put_u32(b, m->gid);
	put_secret(b, &m->secret);
}

bool
msg_admin_add_get(struct wire *w, struct msg_admin_add *m)
{
	m->name = msg_account_get(w);
	m->has_uid = msg_bool_get(w);
	m->uid = wire_u32(w);
	m->gid = wire_u32(w);
	take_secret(w, &m->secret);
	return wire_end(w) && (m->has_uid || (m->uid == 0 && m->gid == 0));
}

void
msg_admin_remove_put(struct buf *b, struct view name)
{
	put_name(b, MSG_ADMIN_REMOVE, name);
}

bool
msg_admin_remove_get(struct wire *w, struct view *name)
{
	*name = msg_account_get(w);
	return wire_end(w);
}

void
msg_admin_set_secret_put(struct buf *b, const struct msg_admin_set_secret *m)
{
	put_name(b, MSG_ADMIN_SECRET, m->name);
	put_secret(b, &m->secret);
}

bool
msg_admin_set_secret_get(struct wire *w, struct msg_admin_set_secret *m)
{
	m->name = msg_account_get(w);
	take_secret(w, &m->secret);
	return wire_end(w);
}

void
msg_admin_disable_put(struct buf *b, const struct msg_admin_disable *m)
{
	put_name(b, MSG_ADMIN_DISABLE, m->name);
	msg_bool_put(b, m->disabled);
}

bool
msg_admin_disable_get(struct wire *w, struct msg_admin_disable *m)
{
	m->name = msg_account_get(w);
	m->disabled = msg_bool_get(w);
	return wire_end(w);
}

void
msg_admin_services_put(struct buf *b, const struct msg_admin_services *m)
{
	put_name(b, MSG_ADMIN_SERVICES, m->name);
	wire_put_u32(b, m->services);
}

bool
msg_admin_services_get(struct wire *w, struct msg_admin_services *m)
{
	m->name = msg_account_get(w);
	m->services = wire_u32(w);
	return wire_end(w);
}

void
msg_admin_plain_put(struct buf *b, enum msg_admin_type type)
{
	wire_put_u32(b, type);
}

void
msg_admin_result_put(struct buf *b, const struct msg_admin_result *m)
{
	assert(m->text.n <= MSG_TEXT_MAX);
	wire_put_u32(b, MSG_ADMIN_RESULT);
	wire_put_u32(b, m->index);
	wire_put_u8(b, m->code);
	wire_put_bytes(b, m->text);
}

bool
msg_admin_result_get(struct wire *w, struct msg_admin_result *m)
{
	m->index = wire_u32(w);
	m->code = wire_u8(w);
	m->text = msg_text_get(w);
	return wire_end(w) && m->code <= MSG_ADMIN_FAILED;
}

void
msg_admin_list_put(struct buf *b, struct view after)
{
	put_name(b, MSG_ADMIN_LIST, after);
}

bool
msg_admin_list_get(struct wire *w, struct view *after)
{
	*after = take_text(w, MSG_ACCOUNT_MAX);
	return wire_end(w);
}

void
msg_admin_row_put(struct buf *b, const struct msg_admin_row *m)
{
	assert(m->path.n <= MSG_ADMIN_PATH_MAX);
	put_name(b, MSG_ADMIN_ROW, m->name);
	wire_put_u32(b, m->uid);
	wire_put_u32(b, m->gid);
	wire_put_bytes(b, m->path);
	msg_bool_put(b, m->disabled);
	wire_put_u32(b, m->services);
	wire_put_u64(b, m->created);
}

bool
msg_admin_row_get(struct wire *w, struct msg_admin_row *m)
{
	m->name = msg_account_get(w);
	m->uid = wire_u32(w);
	m->gid = wire_u32(w);
	m->path = take_text(w, MSG_ADMIN_PATH_MAX);
	m->disabled = msg_bool_get(w);
	m->services = wire_u32(w);
	m->created = wire_u64(w);
	return wire_end(w);
}
