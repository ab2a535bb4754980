#include <assert.h>

#include "imap/response.h"
#include "session/internal.h"

/* IDLE (RFC 9051 section 6.3.13): news are told as they come. */

/* The line that ends it. */
static void
ended_by(struct session *s, struct view line)
{
	if (view_eq_ci(line, VIEW_LIT("DONE")))
		session_ok(s, NULL);
	else
		session_bad(s, "Expected DONE");
}

void
imap_idle(struct session *s, const struct command *c)
{
	enum frame_result r = FRAME_MORE;
	struct command kept = *c;
	char *tag = arena_strdup(s->arena, c->tag);

	/* The tag stands in the framer's text, which the line after will take. */
	assert(tag != NULL);
	kept.tag.p = (const uint8_t *)tag;
	s->cmd = &kept;
	response_continue(&s->c.out.b, VIEW_LIT("idling"));
	while (r == FRAME_MORE) {
		updates_tell(s, SESSION_TELL_ALL);
		message_release(s->c.account);
		if (s->c.ending)
			return;
		switch (session_wait(s, true, true)) {
		case SESSION_EVENT_INPUT:
			r = frame_line(&s->frame, &s->c.input);
			break;
		case SESSION_EVENT_NEWS:
			break;
		case SESSION_EVENT_END:
			return;
		}
	}
	ended_by(s, r == FRAME_DONE ? frame_text(&s->frame) : VIEW_LIT(""));
}
