#include "proc/child.h"
#include "session/managesieve.h"
#include "session/pop3.h"
#include "session/session.h"

static int
status_of(enum client_end end)
{
	switch (end) {
	case CLIENT_LOGOUT:
		return CHILD_REST;
	case CLIENT_GONE:
	case CLIENT_IDLE:
	case CLIENT_SHUTDOWN:
	case CLIENT_REFUSED:
		return CHILD_OK;
	case CLIENT_FAILED:
		break;
	}
	return CHILD_NO_ACCOUNT;
}

int
child_serve_imap(const struct session_env *env)
{
	return status_of(session_imap_run(env));
}

int
child_serve_pop3(const struct client_env *env, const struct pop3_settings *set)
{
	return status_of(pop3_run(env, set));
}

int
child_serve_managesieve(
    const struct client_env *env, const struct managesieve_settings *set)
{
	return status_of(managesieve_run(env, set));
}
