#include "proc/submit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/fd.h"
#include "proc/msg_control.h"
#include "session/hub.h"
#include "session/xmit.h"

_Static_assert((int)HUB_QUEUED == (int)MSG_OUT_QUEUED &&
	(int)HUB_LATER == (int)MSG_OUT_LATER &&
	(int)FILTER_SUBMISSION == (int)MSG_OUT_SUBMISSION &&
	XMIT_TO_MAX == MSG_OUT_RECIPIENTS_MAX &&
	XMIT_ADDRESS_MAX == MSG_OUT_ADDRESS_MAX,
    "so are those of the session");
_Static_assert((int)FILTER_REDIRECT == (int)MSG_OUT_REDIRECT &&
	(int)FILTER_NOTIFY == (int)MSG_OUT_NOTIFY &&
	FILTER_KEY_SIZE == MSG_OUT_KEY_SIZE,
    "the filter's numbers are those of out");

int
submit_sealed(struct view octets)
{
	AUTO_CLOSE int fd =
	    memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1 || fd_write(fd, octets) != 0 ||
	    fcntl(fd, F_ADD_SEALS, MSG_CONTROL_SEALS) != 0)
		return -1;
	return fd_take(&fd);
}

bool
submit_can_leave(const struct filter_out *o)
{
	bool good = o->n >= 1 && o->n <= MSG_OUT_RECIPIENTS_MAX &&
	    (o->sender.n == 0 || msg_out_address_ok(o->sender));

	for (size_t i = 0; good && i < o->n; i++)
		good = msg_out_address_ok(o->to[i]);
	return good;
}

struct view
submit_address(struct view v, struct view host, struct buf *b)
{
	if (!msg_out_address_local(v))
		return v;
	buf_put(b, v);
	buf_put_byte(b, '@');
	buf_put(b, host);
	return b->failed ? v : buf_view(b);
}

bool
submit_await(int hub, short events, uint64_t until)
{
	struct pollfd p = { .fd = hub, .events = events };
	uint64_t now;
	int r;

	do {
		now = clock_mono_ms();
		if (now >= until)
			return false;
		r = poll(&p, 1, (int)(until - now));
	} while (r == -1 && errno == EINTR);
	return r == 1;
}

/* Whether there is room is asked first: the socket may be one that blocks. */
bool
submit_put(int hub, const struct buf *b, int fd, uint64_t until)
{
	int r;

	do
		r = submit_await(hub, POLLOUT, until)
		    ? fd_send(hub, buf_view(b), fd)
		    : -ETIMEDOUT;
	while (r == -EAGAIN);
	return r == 0;
}

bool
submit_send(int hub, const struct msg_out_submit *m, int fd, uint64_t until)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);

	msg_out_submit_put(&b, MSG_OUT_SUBMIT, m);
	return submit_put(hub, &b, fd, until);
}

bool
submit_out(int hub, uint64_t number, const struct filter_out *o, uint64_t until)
{
	AUTO_CLOSE int fd = -1;
	struct msg_out_submit m = { .number = number,
		.kind = (uint8_t)o->kind,
		.sender = o->sender,
		.to = o->to,
		.n = (uint32_t)o->n };

	if (!submit_can_leave(o) || (fd = submit_sealed(o->octets)) == -1)
		return false;
	memcpy(m.key, o->key, sizeof(m.key));
	return submit_send(hub, &m, fd, until);
}
