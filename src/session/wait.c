#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "imap/response.h"
#include "session/hub.h"
#include "session/internal.h"

/* Without a hub somebody must look whether the account changed. */
#define LOOK_MS 250

void
session_bye(
    struct session *s, enum session_end end, const char *code, const char *text)
{
	if (s->ending)
		return;
	response_status(&s->out.b, VIEW_LIT(""), RESPONSE_BYE, code, text);
	s->end = end;
	s->ending = true;
}

static enum session_event
ended(struct session *s, enum session_end end)
{
	if (!s->ending) {
		s->end = end;
		s->ending = true;
	}
	(void)output_flush(&s->out);
	return SESSION_EVENT_END;
}

/* Read once. False: there was nothing after all. */
static bool
read_input(struct session *s, enum session_event *e)
{
	ssize_t r = read(s->env->in, s->input_bytes, SESSION_INPUT);

	if (r == -1 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (r <= 0) {
		*e = ended(s, SESSION_GONE);
		return true;
	}
	s->input = (struct view){ s->input_bytes, (size_t)r };
	*e = SESSION_EVENT_INPUT;
	return true;
}

/* How long poll() may sleep, up to the autologout. */
static int
sleep_ms(const struct session *s, uint64_t until, bool news)
{
	uint64_t now = clock_mono_ms();
	uint64_t left = until > now ? until - now : 0;

	if (news && s->env->hub == -1 && left > LOOK_MS)
		return LOOK_MS;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* What the hub has said. True when the session is to end now. */
static bool
heard_stop(struct session *s, bool between, bool *news)
{
	char text[HUB_TEXT_MAX + 1];

	switch (hub_take(s->env->hub, text)) {
	case HUB_NOTHING:
		return false;
	case HUB_NEWS:
		*news = true;
		return false;
	case HUB_STOP:
		break;
	}
	s->stop = true;
	if (between)
		session_bye(s, SESSION_SHUTDOWN, NULL, text);
	return between;
}

bool
session_heard_writing(void *ctx)
{
	struct session *s = ctx;

	(void)heard_stop(s, false, &s->changed);
	return s->stop;
}

static uint64_t
limit_ms(const struct session *s)
{
	return s->env->autologout_ms != 0 ? s->env->autologout_ms
					  : SESSION_AUTOLOGOUT_MS;
}

enum session_event
session_wait(struct session *s, bool between, bool news)
{
	uint64_t until = clock_mono_ms() + limit_ms(s);
	struct pollfd p[2] = { { .fd = s->env->in, .events = POLLIN },
		{ .fd = s->env->hub, .events = POLLIN } };

	if (s->input.n > 0)
		return SESSION_EVENT_INPUT;
	if ((between ? output_rest(&s->out) : output_flush(&s->out)) != 0)
		return ended(s, SESSION_GONE);
	if (s->stop && between) { /* heard while that went out */
		session_bye(s, SESSION_SHUTDOWN, NULL, "Server is going down");
		return ended(s, SESSION_SHUTDOWN);
	}
	for (;;) {
		bool heard = s->changed;
		enum session_event e;
		int r;

		s->changed = false;
		if (news && heard)
			return SESSION_EVENT_NEWS;
		if (s->stop)
			p[1].fd = -1; /* it has said its last */
		r = poll(p, 2, sleep_ms(s, until, news));
		if (r == -1 && errno != EINTR)
			return ended(s, SESSION_GONE);
		if (r > 0 && p[1].revents != 0 &&
		    heard_stop(s, between, &heard))
			return ended(s, SESSION_SHUTDOWN);
		if (r > 0 && p[0].revents != 0 && read_input(s, &e))
			return e;
		if (news && (heard || (r == 0 && s->env->hub == -1)))
			return SESSION_EVENT_NEWS;
		if (clock_mono_ms() >= until) {
			session_bye(s, SESSION_AUTOLOGOUT, NULL,
			    "Autologout: idle for too long");
			return ended(s, SESSION_AUTOLOGOUT);
		}
	}
}
