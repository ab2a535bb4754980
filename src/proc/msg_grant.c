#include "proc/msg_grant.h"

#include <assert.h>

void
msg_grant_put(struct buf *b, const struct msg_grant *m)
{
	assert(m->account.n > 0 && m->account.n <= MSG_ACCOUNT_MAX);
	assert(msg_grant_path_ok(m->path));
	assert(m->sessions_max > 0 && m->memory_max > 0 && m->cpu_max_s > 0);
	wire_put_u32(b, MSG_GRANT_GRANT);
	msg_id_put(b, m->id);
	wire_put_u32(b, m->gate);
	wire_put_u64(b, m->conn);
	wire_put_u32(b, m->generation);
	wire_put_u8(b, m->service);
	wire_put_bytes(b, m->account);
	wire_put_u32(b, m->uid);
	wire_put_u32(b, m->gid);
	wire_put_bytes(b, m->path);
	wire_put_u32(b, m->sessions_max);
	wire_put_u64(b, m->memory_max);
	wire_put_u32(b, m->cpu_max_s);
	wire_put_u64(b, m->expires_ms);
}

/* name [ "/" name ]; a name is 1..255 bytes, no "/", no control characters, and
 * does not start with "." */
bool
msg_grant_path_ok(struct view path)
{
	size_t start = 0, slashes = 0;

	if (path.n == 0 || path.n > MSG_GRANT_PATH_MAX)
		return false;
	for (size_t i = 0; i <= path.n; i++) {
		if (i < path.n && path.p[i] != '/') {
			if (path.p[i] < ' ' || path.p[i] == 0x7f)
				return false;
			continue;
		}
		if (i == start || i - start > 255 || path.p[start] == '.')
			return false;
		slashes += i < path.n;
		start = i + 1;
	}
	return slashes <= 1;
}

static bool
grant_ok(const struct msg_grant *m)
{
	if (msg_service_name(m->service) == NULL)
		return false;
	if (m->service == MSG_SERVICE_DELIVERY
		? m->gate != 0 || m->conn != 0 || m->generation != 0
		: m->gate == 0 || m->generation == 0)
		return false;
	return msg_grant_path_ok(m->path) && m->sessions_max > 0 &&
	    m->memory_max > 0 && m->cpu_max_s > 0 && m->uid != UINT32_MAX &&
	    m->gid != UINT32_MAX;
}

bool
msg_grant_get(struct wire *w, struct msg_grant *m)
{
	msg_id_get(w, m->id);
	m->gate = wire_u32(w);
	m->conn = wire_u64(w);
	m->generation = wire_u32(w);
	m->service = wire_u8(w);
	m->account = msg_account_get(w);
	m->uid = wire_u32(w);
	m->gid = wire_u32(w);
	m->path = wire_bytes(w, MSG_GRANT_PATH_MAX);
	m->sessions_max = wire_u32(w);
	m->memory_max = wire_u64(w);
	m->cpu_max_s = wire_u32(w);
	m->expires_ms = wire_u64(w);
	return wire_end(w) && grant_ok(m);
}

void
msg_grant_disconnect_put(struct buf *b, const struct msg_grant_disconnect *m)
{
	assert(m->account.n > 0 && m->account.n <= MSG_ACCOUNT_MAX);
	assert(m->text.n <= MSG_TEXT_MAX);
	wire_put_u32(b, MSG_GRANT_DISCONNECT);
	wire_put_bytes(b, m->account);
	wire_put_bytes(b, m->text);
}

bool
msg_grant_disconnect_get(struct wire *w, struct msg_grant_disconnect *m)
{
	m->account = msg_account_get(w);
	m->text = msg_text_get(w);
	return wire_end(w);
}

void
msg_grant_lookup_put(struct buf *b, const struct msg_grant_lookup *m)
{
	assert(m->account.n > 0 && m->account.n <= MSG_ACCOUNT_MAX);
	wire_put_u32(b, MSG_GRANT_LOOKUP);
	wire_put_u64(b, m->request);
	wire_put_bytes(b, m->account);
}

bool
msg_grant_lookup_get(struct wire *w, struct msg_grant_lookup *m)
{
	m->request = wire_u64(w);
	m->account = msg_account_get(w);
	return wire_end(w);
}

void
msg_grant_looked_put(struct buf *b, const struct msg_grant_looked *m)
{
	assert(m->text.n <= MSG_TEXT_MAX);
	wire_put_u32(b, MSG_GRANT_LOOKED);
	wire_put_u64(b, m->request);
	wire_put_u8(b, m->answer);
	msg_id_put(b, m->grant);
	wire_put_bytes(b, m->text);
}

bool
msg_grant_looked_get(struct wire *w, struct msg_grant_looked *m)
{
	m->request = wire_u64(w);
	m->answer = wire_u8(w);
	msg_id_get(w, m->grant);
	m->text = msg_text_get(w);
	return wire_end(w) && m->answer <= MSG_GRANT_TRY_LATER;
}
