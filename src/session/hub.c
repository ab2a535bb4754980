#include "session/hub.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/wire.h"

#define MESSAGE_MAX (4 + 4 + HUB_TEXT_MAX)

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
understand(struct view msg, char *text)
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
	}
	return HUB_NOTHING;
}

enum hub_news
hub_take(int fd, char *text)
{
	enum hub_news news = HUB_NOTHING;
	uint8_t p[MESSAGE_MAX];

	if (fd < 0)
		return HUB_NOTHING;
	for (;;) {
		ssize_t r = recv(fd, p, sizeof(p), MSG_DONTWAIT);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1 && errno == EAGAIN)
			return news;
		if (r <= 0) {
			stop_text(VIEW_LIT("Server is going down"), text);
			return HUB_STOP;
		}
		switch (understand((struct view){ p, (size_t)r }, text)) {
		case HUB_STOP:
			return HUB_STOP;
		case HUB_NEWS:
			news = HUB_NEWS;
			break;
		case HUB_NOTHING:
			break;
		}
	}
}
