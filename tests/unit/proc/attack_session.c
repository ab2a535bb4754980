#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acts.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/num.h"
#include "proc/child.h"
#include "session/hub.h"
#include "session/session.h"

/*
 * In place of the code of sessions, behind the same walls: one forbidden act,
 * named by the bytes that came with the hand-over:
 *
 *   ACT FILE FOLDER SOCKET PORT PID LF
 *   @HEX LF        send these bytes to the hub, instead of an act
 *   @HEX+fd LF     the same with a descriptor
 *
 * The answer to the client is "failed" or "succeeded"; killed, there is none.
 */
#define WORDS 6

static size_t
words(char *text, char **out)
{
	size_t n = 0;

	for (char *save, *w = strtok_r(text, " \n", &save);
	     w != NULL && n < WORDS; w = strtok_r(NULL, " \n", &save))
		out[n++] = w;
	return n;
}

static int
number(const char *s)
{
	uint64_t v = 0;

	return num_parse(view_str(s), INT32_MAX, &v) ? (int)v : 0;
}

static const char *
forge(const struct client_env *env, char *hex)
{
	uint8_t bytes[4096];
	char *plus = strchr(hex, '+');
	size_t n;
	int r;

	if (plus != NULL)
		*plus = '\0';
	n = strlen(hex) / 2;
	if (n > sizeof(bytes) || !digest_unhex(view_str(hex), bytes, n))
		return "bad hex\n";
	r = fd_send(
	    env->hub, (struct view){ bytes, n }, plus != NULL ? env->dir : -1);
	/* a hub that takes it as an offence has closed the socket */
	if (r == 0) {
		char c;

		r = recv(env->hub, &c, 1, 0) == 0 ? -1 : 0;
	}
	return r == 0 ? "succeeded\n" : "failed\n";
}

static const char *
try(const struct client_env *env, char *text)
{
	char *w[WORDS];
	struct acts_target t = { .log = SANDBOX_LOG_FD, .known = CHILD_FD_DIR };

	if (text[0] == '@') {
		text[strcspn(text, "\n")] = '\0';
		return forge(env, text + 1);
	}
	if (words(text, w) != WORDS)
		return "bad words\n";
	(void)snprintf(t.file, sizeof(t.file), "%s", w[1]);
	(void)snprintf(t.folder, sizeof(t.folder), "%s", w[2]);
	(void)snprintf(t.sock, sizeof(t.sock), "%s", w[3]);
	t.port = number(w[4]);
	t.pid = number(w[5]);
	for (size_t i = 0; i < acts_count; i++)
		if (strcmp(acts[i].name, w[0]) == 0)
			return acts[i].succeeds(&t) ? "succeeded\n"
						    : "failed\n";
	return "unknown act\n";
}

int
child_serve_pop3(const struct client_env *env, const struct pop3_settings *set)
{
	(void)env;
	(void)set;
	return CHILD_NO_START;
}

int
child_serve_managesieve(
    const struct client_env *env, const struct managesieve_settings *set)
{
	(void)env;
	(void)set;
	return CHILD_NO_START;
}

int
child_serve_imap(const struct session_env *session)
{
	const struct client_env *env = &session->client;
	char text[CLIENT_UNREAD_MAX + 1];
	const char *answer;

	memcpy(text, env->unread.p, env->unread.n);
	text[env->unread.n] = '\0';
	hub_ready(env->hub);
	answer = try(env, text);
	return write(env->out, answer, strlen(answer)) > 0 ? 0 : 1;
}
