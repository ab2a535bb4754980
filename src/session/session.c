#include <assert.h>
#include <stdlib.h>

#include "imap/limits.h"
#include "imap/response.h"
#include "session/capability.h"
#include "session/hub.h"
#include "session/imap_event.h"
#include "session/imap_metadata.h"
#include "session/internal.h"
#include "store/metadata.h"

/*
 * The life of a session: read a command, do it, answer. Everything here blocks
 * when it must; there is one client in this process and nobody else waits.
 */

/* What each command does, and what news its answer may bring. */
static const struct {
	session_fn *run;
	enum session_tell tell;
} table[COMMAND_KINDS] = {
	[COMMAND_CAPABILITY] = { imap_capability, SESSION_TELL_ALL },
	[COMMAND_NOOP] = { imap_noop, SESSION_TELL_ALL },
	[COMMAND_CHECK] = { imap_noop, SESSION_TELL_ALL },
	[COMMAND_LOGOUT] = { imap_logout, SESSION_TELL_NOTHING },
	[COMMAND_ID] = { imap_id, SESSION_TELL_ALL },
	[COMMAND_ENABLE] = { imap_enable, SESSION_TELL_ALL },
	[COMMAND_NAMESPACE] = { imap_namespace, SESSION_TELL_ALL },
	[COMMAND_SELECT] = { imap_select, SESSION_TELL_NOTHING },
	[COMMAND_EXAMINE] = { imap_select, SESSION_TELL_NOTHING },
	[COMMAND_CLOSE] = { imap_close, SESSION_TELL_NOTHING },
	[COMMAND_UNSELECT] = { imap_unselect, SESSION_TELL_NOTHING },
	[COMMAND_CREATE] = { imap_create, SESSION_TELL_ALL },
	[COMMAND_DELETE] = { imap_delete, SESSION_TELL_ALL },
	[COMMAND_RENAME] = { imap_rename, SESSION_TELL_ALL },
	[COMMAND_SUBSCRIBE] = { imap_subscribe, SESSION_TELL_ALL },
	[COMMAND_UNSUBSCRIBE] = { imap_subscribe, SESSION_TELL_ALL },
	[COMMAND_LIST] = { imap_list, SESSION_TELL_ALL },
	[COMMAND_LSUB] = { imap_list, SESSION_TELL_ALL },
	[COMMAND_STATUS] = { imap_status, SESSION_TELL_ALL },
	[COMMAND_APPEND] = { imap_append, SESSION_TELL_ALL },
	[COMMAND_IDLE] = { imap_idle, SESSION_TELL_ALL },
	[COMMAND_GETMETADATA] = { imap_getmetadata, SESSION_TELL_ALL },
	[COMMAND_SETMETADATA] = { imap_setmetadata, SESSION_TELL_ALL },
	[COMMAND_EXPUNGE] = { imap_expunge, SESSION_TELL_ALL },
	[COMMAND_SEARCH] = { imap_search, SESSION_TELL_NO_EXPUNGE },
	[COMMAND_SORT] = { imap_sort, SESSION_TELL_NO_EXPUNGE },
	[COMMAND_THREAD] = { imap_thread, SESSION_TELL_NO_EXPUNGE },
	[COMMAND_FETCH] = { imap_fetch, SESSION_TELL_NO_EXPUNGE },
	[COMMAND_STORE] = { imap_store, SESSION_TELL_NO_EXPUNGE },
	[COMMAND_COPY] = { imap_copy, SESSION_TELL_ALL },
	[COMMAND_MOVE] = { imap_copy, SESSION_TELL_ALL },
};

/* ---- one command ---- */

/* An answer outside any command's function. */
static void
answer_early(struct session *s, struct view tag, enum response_condition c,
    const char *text)
{
	response_status(&s->c.out.b, tag, c, NULL, text);
	if (c == RESPONSE_BAD && ++s->st.bads > SESSION_BADS_MAX)
		session_bye(s, CLIENT_REFUSED, NULL, "Too many bad commands");
}

static void
run_command(struct session *s, const struct command *c)
{
	bool uid_form = c->uid && c->kind != COMMAND_EXPUNGE;

	s->cmd = c;
	s->tell = table[c->kind].tell;
	if (uid_form && s->tell == SESSION_TELL_NO_EXPUNGE)
		s->tell = SESSION_TELL_ALL;
	s->answered = s->vanished = false;
	client_limit_cpu(&s->c);
	assert(table[c->kind].run != NULL);
	table[c->kind].run(s, c);
	s->cmd = NULL;
	event_run(s);
	message_release(s->c.account);
}

/* FUMI_ROUNDTRIP: nothing of the state may live outside its struct. */
static void
round_trip(struct session *s)
{
	AUTO_BUF struct buf b = BUF_INIT(STATE_MAX);

	state_encode(&s->st, &b);
	state_fini(&s->st);
	s->own = s->polled = 0; /* these only save work */
	if (b.failed || !state_decode(buf_view(&b), &s->st))
		session_bye(
		    s, CLIENT_FAILED, NULL, "State does not round-trip");
}

static void
command(struct session *s)
{
	AUTO_ARENA struct arena *a = arena_new(LIMITS_ARENA);
	struct command_opts opts = { .state = s->st.mailbox != 0
		    ? COMMAND_STATE_SELECTED
		    : COMMAND_STATE_AUTH,
		.utf8 = session_utf8(s) };
	struct view text = frame_text(&s->frame);
	struct command c;
	struct why w;

	s->arena = a;
	switch (command_parse(text, &opts, a, &c, &w)) {
	case COMMAND_OK:
		s->st.bads = 0;
		run_command(s, &c);
		break;
	case COMMAND_BAD:
	case COMMAND_UNKNOWN:
	case COMMAND_STATE:
		answer_early(s, c.tag, RESPONSE_BAD, w.text);
		break;
	case COMMAND_LIMIT:
		response_status(
		    &s->c.out.b, c.tag, RESPONSE_NO, "LIMIT", w.text);
		break;
	}
	append_forget(s);
	s->arena = NULL;
	if (s->env->round_trip && !s->c.ending)
		round_trip(s);
}

/* Is a value of SETMETADATA announced that no annotation can have? */
static bool
is_long_annotation(const struct session *s)
{
	struct view v = frame_text(&s->frame);

	view_skip(&v, frame_tag(v).n);
	return s->frame.literal.size > METADATA_VALUE_MAX &&
	    view_starts_ci(v, VIEW_LIT(" SETMETADATA "));
}

/* A literal that is not a message: it goes into the command's text. */
static void
inline_literal(struct session *s)
{
	struct view tag = frame_tag(frame_text(&s->frame));
	bool sync = s->frame.literal.sync;

	if (s->frame.literal.size == UINT64_MAX && !sync) {
		session_bye(s, CLIENT_REFUSED, NULL, "Literal too large");
		return;
	}
	if (is_long_annotation(s)) {
		response_statusf(
		    &s->c.out.b, tag, RESPONSE_NO, IMAP_METADATA_MAXSIZE);
		frame_refuse(&s->frame);
		return;
	}
	if (!frame_inline(&s->frame)) {
		response_status(&s->c.out.b, tag, RESPONSE_NO, "LIMIT",
		    "Literal too large");
		frame_refuse(&s->frame);
		return;
	}
	if (sync)
		response_continue(&s->c.out.b, VIEW_LIT("OK"));
}

/* Take commands out of the input until more is needed or it is over. */
static void
take_input(struct session *s)
{
	while (!s->c.ending) {
		switch (frame_feed(&s->frame, &s->c.input)) {
		case FRAME_MORE:
			if (frame_dropped(&s->frame) > SESSION_REFUSED_MAX)
				session_bye(s, CLIENT_REFUSED, NULL,
				    "Too much was sent that was refused");
			return;
		case FRAME_LITERAL:
			if (frame_is_message(frame_text(&s->frame)))
				append_literal(s);
			else
				inline_literal(s);
			break;
		case FRAME_DONE:
			command(s);
			break;
		case FRAME_TOO_LONG:
			append_forget(s);
			answer_early(s, frame_tag(frame_text(&s->frame)),
			    RESPONSE_BAD, "Command line too long");
			break;
		case FRAME_NUL:
			append_forget(s);
			answer_early(s, frame_tag(frame_text(&s->frame)),
			    RESPONSE_BAD, "NUL in a command line");
			break;
		}
		output_turn(&s->c.out);
		client_check(&s->c);
	}
}

/* ---- beginning and end ---- */

static void
first_word(struct session *s)
{
	const struct session_env *env = s->env;
	bool preauth = env->client.first == CLIENT_PREAUTH;
	const char *names[CAPABILITY_MAX];
	size_t n = capability_list(
	    env->events != NULL ? env->events->capability : NULL, names);

	if (env->state.n > 0)
		return;
	if (preauth)
		response_begin(&s->c.out.b, VIEW_LIT(""), RESPONSE_PREAUTH);
	else
		response_begin(&s->c.out.b, env->tag, RESPONSE_OK);
	response_capability_code(&s->c.out.b, names, n);
	buf_put_str(
	    &s->c.out.b, preauth ? "fumi is ready\r\n" : "Logged in\r\n");
}

static bool
begin(struct session *s)
{
	const struct session_env *env = s->env;

	client_begin(&s->c, &env->client, SESSION_AUTOLOGOUT_MS);
	frame_init(&s->frame, FRAME_COMMAND, LIMITS_LINE, LIMITS_LITERAL);
	if (env->state.n > 0 && !state_decode(env->state, &s->st))
		return false;
	return client_account(&s->c) == 0;
}

static enum client_end
finish(struct session *s)
{
	append_forget(s);
	event_fini(s);
	frame_fini(&s->frame);
	session_forget_keywords(s);
	free(s->flag_text);
	free(s->spool);
	state_fini(&s->st);
	return client_finish(&s->c);
}

static void
serve(struct session *s)
{
	while (!s->c.ending) {
		if (session_wait(s, frame_idle(&s->frame), false) ==
		    SESSION_EVENT_INPUT)
			take_input(s);
		if (s->c.stop && frame_idle(&s->frame) && s->c.input.n == 0)
			session_bye(s, CLIENT_SHUTDOWN, NULL, s->c.stop_text);
	}
}

enum client_end
session_imap_run(const struct session_env *env)
{
	struct session s = { .env = env };

	if (!begin(&s)) {
		/* after a login the gate still has the client, and answers */
		if (env->client.first == CLIENT_PREAUTH)
			session_bye(&s, CLIENT_FAILED, "UNAVAILABLE",
			    "The account cannot be opened");
		client_end(&s.c, CLIENT_FAILED);
		return finish(&s);
	}
	hub_ready(env->client.hub);
	first_word(&s);
	serve(&s);
	return finish(&s);
}
