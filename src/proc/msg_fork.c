#include "proc/msg_fork.h"

void
msg_fork_put(struct buf *b, const struct msg_fork *m)
{
	wire_put_u32(b, MSG_FORK_FORK);
	msg_id_put(b, m->grant);
	wire_put_u8(b, m->service);
	wire_put_u64(b, m->session);
}

bool
msg_fork_get(struct wire *w, struct msg_fork *m)
{
	msg_id_get(w, m->grant);
	m->service = wire_u8(w);
	m->session = wire_u64(w);
	return wire_end(w) && m->session != 0 &&
	    msg_service_name(m->service) != NULL;
}

void
msg_fork_kill_put(struct buf *b, uint64_t session)
{
	wire_put_u32(b, MSG_FORK_KILL);
	wire_put_u64(b, session);
}

bool
msg_fork_kill_get(struct wire *w, uint64_t *session)
{
	*session = wire_u64(w);
	return wire_end(w) && *session != 0;
}

void
msg_fork_forget_put(struct buf *b, const uint8_t grant[MSG_GRANT_SIZE])
{
	wire_put_u32(b, MSG_FORK_FORGET);
	msg_id_put(b, grant);
}

bool
msg_fork_forget_get(struct wire *w, uint8_t grant[MSG_GRANT_SIZE])
{
	msg_id_get(w, grant);
	return wire_end(w);
}

void
msg_forked_put(struct buf *b, const struct msg_forked *m)
{
	wire_put_u32(b, MSG_FORK_FORKED);
	wire_put_u64(b, m->session);
	wire_put_u32(b, m->pid);
}

bool
msg_forked_get(struct wire *w, struct msg_forked *m)
{
	m->session = wire_u64(w);
	m->pid = wire_u32(w);
	return wire_end(w) && m->session != 0 && m->pid != 0;
}

void
msg_fork_failed_put(struct buf *b, const struct msg_fork_failed *m)
{
	wire_put_u32(b, MSG_FORK_FAILED);
	wire_put_u64(b, m->session);
	wire_put_u8(b, m->why);
	wire_put_u32(b, m->err);
}

bool
msg_fork_failed_get(struct wire *w, struct msg_fork_failed *m)
{
	m->session = wire_u64(w);
	m->why = wire_u8(w);
	m->err = wire_u32(w);
	return wire_end(w) && m->session != 0 && m->why >= MSG_FORK_NO_GRANT &&
	    m->why <= MSG_FORK_LIMIT && m->err < 4096;
}

void
msg_fork_exited_put(struct buf *b, const struct msg_fork_exited *m)
{
	wire_put_u32(b, MSG_FORK_EXITED);
	wire_put_u64(b, m->session);
	wire_put_u32(b, m->pid);
	wire_put_u32(b, m->status);
}

bool
msg_fork_exited_get(struct wire *w, struct msg_fork_exited *m)
{
	m->session = wire_u64(w);
	m->pid = wire_u32(w);
	m->status = wire_u32(w);
	return wire_end(w) && m->session != 0;
}
