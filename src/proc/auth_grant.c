#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "proc/auth.h"
#include "proc/settings.h"

/*
 * What a success gives: a grant to hub and forker, always before the answer to
 * whoever has asked, so that no answer is ahead of it.
 */
static void
set_owner(const struct auth *a, const struct directory_account *account,
    struct msg_grant *m)
{
	m->uid = account->uid;
	m->gid = account->gid;
	if (a->uid_rule == SETTINGS_UID_VMAIL ||
	    a->uid_rule == SETTINGS_UID_SERVER) {
		m->uid = a->fixed_uid;
		m->gid = a->fixed_gid;
	}
}

static void
set_limits(const struct auth *a, const struct directory_account *account,
    struct msg_grant *m)
{
	m->sessions_max = account->sessions_max != 0 ? account->sessions_max
						     : a->sessions_max;
	m->memory_max =
	    account->memory_max != 0 ? account->memory_max : a->memory_max;
	m->cpu_max_s =
	    account->cpu_max_s != 0 ? account->cpu_max_s : a->cpu_max_s;
}

bool
auth_grant(struct auth *a, const struct directory_account *account,
    struct msg_grant *m)
{
	AUTO_BUF struct buf b = peer_msg();

	random_bytes(m->id, sizeof(m->id));
	m->account = view_str(account->name);
	m->path = view_str(account->path);
	m->expires_ms = clock_mono_ms() + MSG_GRANT_LIFE_MS;
	set_owner(a, account, m);
	set_limits(a, account, m);
	msg_grant_put(&b, m);
	return peer_send(&a->forker, &b, -1) == 0 && peer_sent(&a->forker) &&
	    peer_send(&a->hub, &b, -1) == 0 && peer_sent(&a->hub);
}

/* ---- the end of an account's sessions ---- */

static int
send_disconnect(struct auth *a, const char *name, const char *text)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_grant_disconnect m = { view_str(name), view_str(text) };

	msg_grant_disconnect_put(&b, &m);
	return peer_send(&a->hub, &b, -1);
}

void
auth_disconnect(struct auth *a, const char *name, const char *text)
{
	struct auth_gone *g;

	if (!peer_is_open(&a->hub))
		return; /* no sessions without a hub */
	if (a->gone == NULL && send_disconnect(a, name, text) == 0)
		return;
	g = xcalloc(1, sizeof(*g));
	memcpy(g->name, name, strlen(name));
	g->text = text;
	*a->gone_last = g;
	a->gone_last = &g->next;
}

static void
drop_first(struct auth *a)
{
	struct auth_gone *g = a->gone;

	a->gone = g->next;
	if (a->gone == NULL)
		a->gone_last = &a->gone;
	free(g);
}

void
auth_disconnect_forget(struct auth *a)
{
	while (a->gone != NULL)
		drop_first(a);
}

void
auth_disconnect_more(void *auth)
{
	struct auth *a = auth;

	while (a->gone != NULL &&
	    send_disconnect(a, a->gone->name, a->gone->text) == 0)
		drop_first(a);
}

/* ---- deliveries ---- */

/* Who is at the other end of the socket? */
static bool
caller_of(int fd, uint32_t *uid)
{
	struct ucred c;
	socklen_t n = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) != 0 ||
	    n != sizeof(c) || c.uid == (uid_t)-1)
		return false;
	*uid = c.uid;
	return true;
}

static bool
may_deliver(
    const struct auth *a, uint32_t uid, const struct directory_account *to)
{
	if (uid == 0 || uid == geteuid() || uid == to->uid)
		return true;
	for (size_t i = 0; i < a->deliver_uids; i++)
		if (uid == a->deliver_uid[i])
			return true;
	return false;
}

/* The answer; its text, and the grant's id when it is yes. */
static enum msg_grant_answer
look_up(struct auth *a, const struct msg_grant_lookup *m, int fd,
    uint8_t id[MSG_GRANT_SIZE], const char **text)
{
	struct msg_grant grant = { .service = MSG_SERVICE_DELIVERY };
	struct directory_account account;
	struct why w = { "" };
	enum directory_result r;
	uint32_t uid;

	*text = "no such account";
	r = directory_find(a->dir, m->account, &account, &w);
	explicit_bzero(&account.secret, sizeof(account.secret));
	if (r == DIRECTORY_UNKNOWN)
		return MSG_GRANT_UNKNOWN;
	*text = "the directory of accounts cannot be read";
	if (r != DIRECTORY_OK) {
		log_why(a->log, LOG_FAILURES, "lookup", &w);
		return MSG_GRANT_TRY_LATER;
	}
	*text = "not allowed to deliver to that account";
	if (!caller_of(fd, &uid) || !may_deliver(a, uid, &account))
		return MSG_GRANT_DENIED;
	*text = "the account is disabled";
	if (account.disabled)
		return MSG_GRANT_DENIED;
	*text = "the server is starting";
	if (!auth_grant(a, &account, &grant))
		return MSG_GRANT_TRY_LATER;
	memcpy(id, grant.id, sizeof(grant.id));
	explicit_bzero(&grant, sizeof(grant));
	*text = "";
	return MSG_GRANT_YES;
}

static bool
on_lookup(void *ctx, struct wire *w, int *fd)
{
	struct auth *a = ctx;
	AUTO_BUF struct buf b = peer_msg();
	struct msg_grant_lookup m;
	struct msg_grant_looked answer = { 0 };
	const char *text;

	if (!msg_grant_lookup_get(w, &m))
		return false;
	answer.request = m.request;
	answer.answer = (uint8_t)look_up(a, &m, *fd, answer.grant, &text);
	answer.text = view_str(text);
	msg_grant_looked_put(&b, &answer);
	/* a hub that does not read waits for its own time-out */
	(void)!peer_send(&a->hub, &b, -1);
	return true;
}

/* State 1 begins at GO: before that the directory is not open. */
const struct peer_rule auth_hub_rules[] = {
	{ MSG_GRANT_LOOKUP, 1, MSG_GRANT_LOOKUP_MAX, PEER_FD, on_lookup },
};
const size_t auth_hub_rules_n =
    sizeof(auth_hub_rules) / sizeof(auth_hub_rules[0]);
