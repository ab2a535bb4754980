#include "imap/response.h"
#include "session/internal.h"

static void
put_bye(struct session *s, const char *code, const char *text)
{
	response_status(&s->c.out.b, VIEW_LIT(""), RESPONSE_BYE, code, text);
}

void
session_bye(
    struct session *s, enum client_end end, const char *code, const char *text)
{
	if (s->c.ending)
		return;
	put_bye(s, code, text);
	client_end(&s->c, end);
}

enum session_event
session_wait(struct session *s, bool between, bool news)
{
	struct client *c = &s->c;

	if (client_wait(c, between, news)) {
		c->changed = false;
		return c->input.n > 0 ? SESSION_EVENT_INPUT
				      : SESSION_EVENT_NEWS;
	}
	if (c->end == CLIENT_IDLE)
		put_bye(s, NULL, "Autologout: idle for too long");
	else if (c->end == CLIENT_SHUTDOWN)
		put_bye(s, NULL, c->stop_text);
	(void)output_flush(&c->out);
	return SESSION_EVENT_END;
}
