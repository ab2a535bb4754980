#include "proc/peer.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"

/*
 * Sending never blocks: what the kernel does not take waits in a bounded list
 * with its own copy of the bytes and of the descriptor. Receiving takes whole
 * messages into a buffer on the stack, so an idle peer costs its struct alone.
 */
struct peer_waiting {
	struct peer_waiting *next;
	int fd;
	size_t n;
	uint8_t bytes[];
};

#define PUMP_MAX 65536 /* messages; a peer that sends faster than we read */

struct buf
peer_msg(void)
{
	struct buf b;

	buf_init(&b, MSG_MAX);
	return b;
}

void
peer_init(struct peer *p, const char *name, const struct peer_rule *rules,
    size_t n_rules, void *ctx, void (*lost)(void *ctx, const char *why))
{
	*p = (struct peer){ .name = name,
		.rules = rules,
		.n_rules = n_rules,
		.ctx = ctx,
		.lost = lost,
		.fd = -1,
		.last = &p->first };
}

static void
drop_first(struct peer *p)
{
	struct peer_waiting *w = p->first;

	p->first = w->next;
	if (p->first == NULL)
		p->last = &p->first;
	p->waiting--;
	p->waiting_bytes -= w->n;
	fd_close(&w->fd);
	free(w);
}

void
peer_close(struct peer *p)
{
	if (p->fd < 0)
		return;
	loop_fd_del(&p->watch);
	fd_close(&p->fd);
	while (p->first != NULL)
		drop_first(p);
	p->closes++;
}

static void
lose(struct peer *p, const char *why)
{
	void (*lost)(void *, const char *) = p->lost;
	void *ctx = p->ctx;

	peer_close(p);
	lost(ctx, why);
}

static void on_ready(void *ctx, unsigned events);

int
peer_open(struct peer *p, struct loop *loop, int fd, unsigned state)
{
	AUTO_CLOSE int mine = fd;
	int r;

	peer_close(p);
	if ((r = fd_nonblock(mine, true)) != 0)
		return r;
	r = loop_fd_add(loop, &p->watch, mine, LOOP_READ, on_ready, p);
	if (r != 0)
		return r;
	p->loop = loop;
	p->state = state;
	p->fd = fd_take(&mine);
	p->closes++;
	return 0;
}

static int
wait_for_room(struct peer *p, const struct buf *msg, int pass)
{
	struct peer_waiting *w;
	int fd = -1, r;

	if (p->waiting >= PEER_QUEUE_MAX ||
	    msg->n > PEER_QUEUE_BYTES - p->waiting_bytes)
		return -ENOBUFS;
	r = loop_fd_set(&p->watch, LOOP_READ | LOOP_WRITE);
	if (r != 0)
		return r;
	if (pass >= 0 && (fd = fcntl(pass, F_DUPFD_CLOEXEC, 0)) == -1)
		return -errno;
	w = xmalloc(sizeof(*w) + msg->n);
	w->next = NULL;
	w->fd = fd;
	w->n = msg->n;
	memcpy(w->bytes, msg->p, msg->n);
	*p->last = w;
	p->last = &w->next;
	p->waiting++;
	p->waiting_bytes += msg->n;
	return 0;
}

int
peer_try(struct peer *p, const struct buf *msg, int pass)
{
	int r;

	assert(!msg->failed && msg->n >= MSG_TYPE_SIZE);
	if (p->fd < 0)
		return -ENOTCONN;
	if (p->waiting > 0)
		return wait_for_room(p, msg, pass);
	r = fd_send(p->fd, buf_view(msg), pass);
	if (r == -EAGAIN || r == -ENOBUFS || r == -ETOOMANYREFS)
		return wait_for_room(p, msg, pass);
	return r;
}

int
peer_send(struct peer *p, const struct buf *msg, int pass)
{
	int r = peer_try(p, msg, pass);

	/* the loop will find that it is gone, and tell lost() */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static bool
send_waiting(struct peer *p)
{
	while (p->first != NULL) {
		struct peer_waiting *w = p->first;
		int r = fd_send(p->fd, (struct view){ w->bytes, w->n }, w->fd);

		if (r == -EAGAIN || r == -ENOBUFS || r == -ETOOMANYREFS)
			return true;
		if (r != 0)
			return false;
		drop_first(p);
	}
	if (loop_fd_set(&p->watch, LOOP_READ) != 0)
		return false;
	if (p->drained != NULL)
		p->drained(p->ctx);
	return true;
}

static const struct peer_rule *
rule_of(const struct peer *p, uint32_t type)
{
	for (size_t i = 0; i < p->n_rules; i++)
		if (p->rules[i].type == type)
			return &p->rules[i];
	return NULL;
}

bool
peer_dispatch(struct peer *p, struct view msg, int *fd, const char **why)
{
	struct wire w = wire_read(msg);
	uint32_t type = wire_u32(&w);
	const struct peer_rule *r = rule_of(p, type);

	*why = NULL;
	if (!w.ok || r == NULL)
		*why = "unknown message";
	else if ((r->states & p->state) == 0)
		*why = "message out of turn";
	else if (w.in.n > r->max)
		*why = "message too long";
	else if ((*fd >= 0) != (r->fd == PEER_FD))
		*why =
		    *fd >= 0 ? "unexpected descriptor" : "descriptor missing";
	else if (!r->handle(p->ctx, &w, fd))
		*why = "bad message";
	return *why == NULL;
}

/* One message: true while there may be more and p is still the same. */
static bool
read_one(struct peer *p)
{
	uint8_t in[MSG_MAX];
	AUTO_CLOSE int fd = -1;
	unsigned closes = p->closes;
	const char *why;
	ssize_t n = fd_recv(p->fd, in, sizeof(in), &fd);

	if (n == -EAGAIN || n == -EINTR)
		return false;
	if (n <= 0) {
		lose(p, n == -EMSGSIZE ? "message too long" : "closed");
		return false;
	}
	if (!peer_dispatch(p, (struct view){ in, (size_t)n }, &fd, &why)) {
		if (p->closes == closes)
			lose(p, why);
		return false;
	}
	return p->closes == closes;
}

static void
on_ready(void *ctx, unsigned events)
{
	struct peer *p = ctx;

	if ((events & LOOP_WRITE) != 0 && !send_waiting(p)) {
		lose(p, "cannot send");
		return;
	}
	if ((events & (LOOP_READ | LOOP_HUP)) == 0 || p->fd < 0)
		return;
	for (int i = 0; i < PEER_TURN && read_one(p); i++)
		;
}

void
peer_pump(struct peer *p)
{
	for (int i = 0; i < PUMP_MAX && p->fd >= 0 && read_one(p); i++)
		;
}
