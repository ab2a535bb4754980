#include "session/hub.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/wire.h"

#define MESSAGE_MAX (4 + 8 + 1 + 4 + HUB_TEXT_MAX)

static void
send_message(int fd, const struct buf *b)
{
	/* a lost one is found by the hub's own look at the log */
	if (fd >= 0 && !b->failed)
		(void)!send(fd, b->p, b->n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
hub_ready(int fd)
{
	AUTO_BUF struct buf b = BUF_INIT(MESSAGE_MAX);

	wire_put_u32(&b, HUB_READY);
	send_message(fd, &b);
}

void
hub_committed(int fd, uint64_t modseq)
{
	AUTO_BUF struct buf b = BUF_INIT(MESSAGE_MAX);

	wire_put_u32(&b, HUB_COMMITTED);
	wire_put_u64(&b, modseq);
	send_message(fd, &b);
}

static void
stop_text(struct view v, char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n && n < HUB_TEXT_MAX; i++) {
		bool plain = v.p[i] >= ' ' && v.p[i] < 0x7f;

		text[n++] = plain ? (char)v.p[i] : '?';
	}
	text[n] = '\0';
}

static enum hub_news
understand(struct view msg, char *text, struct hub_answer *answer)
{
	struct wire w = wire_read(msg);
	struct view v;

	switch (wire_u32(&w)) {
	case HUB_CHANGED:
		(void)wire_u64(&w);
		return wire_end(&w) ? HUB_NEWS : HUB_NOTHING;
	case HUB_SHUTDOWN:
		v = wire_bytes(&w, HUB_TEXT_MAX);
		if (!wire_end(&w))
			return HUB_NOTHING;
		stop_text(v, text);
		return HUB_STOP;
	case HUB_SUBMITTED:
		answer->number = wire_u64(&w);
		answer->result = wire_u8(&w);
		v = wire_bytes(&w, HUB_TEXT_MAX);
		answer->said = wire_end(&w);
		stop_text(v, answer->text);
		return HUB_NOTHING;
	}
	return HUB_NOTHING;
}

/* One message, if there is one. */
static bool
take_one(int fd, char *text, struct hub_answer *answer, enum hub_news *news)
{
	uint8_t p[MESSAGE_MAX];
	ssize_t r;

	do
		r = recv(fd, p, sizeof(p), MSG_DONTWAIT);
	while (r == -1 && errno == EINTR);
	*news = HUB_NOTHING;
	if (r == -1 && errno == EAGAIN)
		return false;
	if (r > 0) {
		*news = understand((struct view){ p, (size_t)r }, text, answer);
		return true;
	}
	stop_text(VIEW_LIT("Server is going down"), text);
	*news = HUB_STOP;
	return true;
}

enum hub_news
hub_take(int fd, char *text)
{
	enum hub_news news = HUB_NOTHING, one;
	struct hub_answer late;

	if (fd < 0)
		return HUB_NOTHING;
	while (take_one(fd, text, &late, &one)) {
		if (one == HUB_STOP)
			return HUB_STOP;
		if (one == HUB_NEWS)
			news = HUB_NEWS;
	}
	return news;
}

enum hub_news
hub_wait(int fd, uint64_t until, char *text, struct hub_answer *answer)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now = clock_mono_ms();
	enum hub_news news = HUB_NOTHING;

	answer->said = false;
	if (fd < 0)
		return HUB_NOTHING;
	if (now < until && poll(&p, 1, (int)(until - now)) == 1)
		(void)take_one(fd, text, answer, &news);
	return news;
}
