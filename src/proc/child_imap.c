#include "proc/child.h"
#include "session/session.h"

int
child_serve_imap(const struct session_env *env)
{
	switch (session_imap_run(env)) {
	case SESSION_LOGOUT:
		return CHILD_REST;
	case SESSION_GONE:
	case SESSION_AUTOLOGOUT:
	case SESSION_SHUTDOWN:
	case SESSION_REFUSED:
		return CHILD_OK;
	case SESSION_FAILED:
		break;
	}
	return CHILD_NO_ACCOUNT;
}
