#include "messages.h"

#include "proc/msg_auth.h"
#include "proc/msg_control.h"
#include "proc/msg_deliver.h"
#include "proc/msg_fork.h"
#include "proc/msg_grant.h"
#include "proc/msg_hand.h"
#include "proc/msg_lmtp.h"
#include "proc/msg_master.h"
#include "proc/msg_out.h"
#include "proc/msg_session.h"

/* n bytes of c, n at most 8192. */
static struct view
fill(size_t n, char c)
{
	static uint8_t bytes[26][8192];
	uint8_t *p = bytes[(unsigned)(c - 'a') % 26];

	memset(p, c, n);
	return (struct view){ p, n };
}

static struct view
few(bool most, size_t max, char c)
{
	return fill(most ? max : 3, c);
}

static struct msg_client
client(bool tls)
{
	struct msg_client c = {
		.remote_port = 40000, .local_port = 143, .tls = tls
	};

	memset(c.remote.b, 1, sizeof(c.remote.b));
	memset(c.local.b, 2, sizeof(c.local.b));
	return c;
}

static struct msg_login
login(bool most)
{
	return (struct msg_login){ .tag = few(most, MSG_TAG_MAX, 'b'),
		.command = few(most, MSG_COMMAND_MAX, 'c'),
		.final = few(most, MSG_FINAL_MAX, 'd'),
		.mechanisms = few(most, MSG_OFFER_MAX, 'e'),
		.utf8 = true };
}

static struct view
path(bool most)
{
	static uint8_t p[511];

	memset(p, 'p', sizeof(p));
	p[255] = '/';
	return (struct view){ p, most ? sizeof(p) : 1 };
}

static void
auth_start_sample(struct buf *out, bool most)
{
	struct msg_auth_start m = { .id = { 7, 3 },
		.service = 1,
		.login_command = true,
		.final_in_ok = true,
		.mech = few(most, MSG_AUTH_MECH_MAX, 'A'),
		.has_initial = true,
		.initial = few(most, MSG_AUTH_RESPONSE_MAX, 'b'),
		.client = client(true),
		.exporter = fill(most ? MSG_AUTH_EXPORTER_SIZE : 0, 'c'),
		.endpoint = few(most, MSG_AUTH_ENDPOINT_MAX, 'd') };

	(void)most;
	msg_auth_start_put(out, &m);
}

static bool
auth_start_again(struct wire *w, struct buf *out)
{
	struct msg_auth_start m;

	if (!msg_auth_start_get(w, &m))
		return false;
	msg_auth_start_put(out, &m);
	return true;
}

static void
auth_continue_sample(struct buf *out, bool most)
{
	struct msg_auth_continue m = { .id = { 7, 3 },
		.response = few(most, MSG_AUTH_RESPONSE_MAX, 'b') };

	(void)most;
	msg_auth_continue_put(out, &m);
}

static bool
auth_continue_again(struct wire *w, struct buf *out)
{
	struct msg_auth_continue m;

	if (!msg_auth_continue_get(w, &m))
		return false;
	msg_auth_continue_put(out, &m);
	return true;
}

static void
auth_cancel_sample(struct buf *out, bool most)
{
	struct msg_auth_id m = { 7, 3 };

	(void)most;
	msg_auth_cancel_put(out, &m);
}

static bool
auth_cancel_again(struct wire *w, struct buf *out)
{
	struct msg_auth_id m;

	if (!msg_auth_cancel_get(w, &m))
		return false;
	msg_auth_cancel_put(out, &m);
	return true;
}

static void
auth_challenge_sample(struct buf *out, bool most)
{
	struct msg_auth_challenge m = { .id = { 7, 3 },
		.challenge = few(most, MSG_AUTH_CHALLENGE_MAX, 'b') };

	(void)most;
	msg_auth_challenge_put(out, &m);
}

static bool
auth_challenge_again(struct wire *w, struct buf *out)
{
	struct msg_auth_challenge m;

	if (!msg_auth_challenge_get(w, &m))
		return false;
	msg_auth_challenge_put(out, &m);
	return true;
}

static void
auth_fail_sample(struct buf *out, bool most)
{
	struct msg_auth_fail m = { .id = { 7, 3 },
		.code = MSG_AUTH_EXPIRED,
		.text = few(most, MSG_TEXT_MAX, 'b') };

	(void)most;
	msg_auth_fail_put(out, &m);
}

static bool
auth_fail_again(struct wire *w, struct buf *out)
{
	struct msg_auth_fail m;

	if (!msg_auth_fail_get(w, &m))
		return false;
	msg_auth_fail_put(out, &m);
	return true;
}

static void
auth_ok_sample(struct buf *out, bool most)
{
	struct msg_auth_ok m = { .id = { 7, 3 },
		.grant = { 9 },
		.account = few(most, MSG_ACCOUNT_MAX, 'b'),
		.final = few(most, MSG_FINAL_MAX, 'c') };

	(void)most;
	msg_auth_ok_put(out, &m);
}

static bool
auth_ok_again(struct wire *w, struct buf *out)
{
	struct msg_auth_ok m;

	if (!msg_auth_ok_get(w, &m))
		return false;
	msg_auth_ok_put(out, &m);
	return true;
}

static void
auth_offer_sample(struct buf *out, bool most)
{
	struct msg_auth_offer m = { .tls = few(most, MSG_AUTH_OFFER_MAX, 'b'),
		.plain = few(most, MSG_AUTH_OFFER_MAX, 'c'),
		.loopback = few(most, MSG_AUTH_OFFER_MAX, 'd'),
		.login_loopback = true };

	(void)most;
	msg_auth_offer_put(out, &m);
}

static bool
auth_offer_again(struct wire *w, struct buf *out)
{
	struct msg_auth_offer m;

	if (!msg_auth_offer_get(w, &m))
		return false;
	msg_auth_offer_put(out, &m);
	return true;
}

static void
grant_grant_sample(struct buf *out, bool most)
{
	struct msg_grant m = { .id = { 1, 2 },
		.gate = 1,
		.conn = 7,
		.generation = 3,
		.service = 1,
		.account = few(most, MSG_ACCOUNT_MAX, 'b'),
		.uid = 1000,
		.gid = 1000,
		.path = path(most),
		.sessions_max = 1,
		.memory_max = 1,
		.cpu_max_s = 1,
		.expires_ms = 99 };

	(void)most;
	msg_grant_put(out, &m);
}

static bool
grant_grant_again(struct wire *w, struct buf *out)
{
	struct msg_grant m;

	if (!msg_grant_get(w, &m))
		return false;
	msg_grant_put(out, &m);
	return true;
}

static void
grant_disconnect_sample(struct buf *out, bool most)
{
	struct msg_grant_disconnect m = { few(most, MSG_ACCOUNT_MAX, 'b'),
		few(most, MSG_TEXT_MAX, 'c') };

	(void)most;
	msg_grant_disconnect_put(out, &m);
}

static bool
grant_disconnect_again(struct wire *w, struct buf *out)
{
	struct msg_grant_disconnect m;

	if (!msg_grant_disconnect_get(w, &m))
		return false;
	msg_grant_disconnect_put(out, &m);
	return true;
}

static void
grant_lookup_sample(struct buf *out, bool most)
{
	struct msg_grant_lookup m = { 5, few(most, MSG_ACCOUNT_MAX, 'b') };

	(void)most;
	msg_grant_lookup_put(out, &m);
}

static bool
grant_lookup_again(struct wire *w, struct buf *out)
{
	struct msg_grant_lookup m;

	if (!msg_grant_lookup_get(w, &m))
		return false;
	msg_grant_lookup_put(out, &m);
	return true;
}

static void
grant_looked_sample(struct buf *out, bool most)
{
	struct msg_grant_looked m = { .request = 5,
		.answer = MSG_GRANT_DENIED,
		.grant = { 1 },
		.text = few(most, MSG_TEXT_MAX, 'b') };

	(void)most;
	msg_grant_looked_put(out, &m);
}

static bool
grant_looked_again(struct wire *w, struct buf *out)
{
	struct msg_grant_looked m;

	if (!msg_grant_looked_get(w, &m))
		return false;
	msg_grant_looked_put(out, &m);
	return true;
}

static void
hand_over_sample(struct buf *out, bool most)
{
	struct msg_hand_over m = { .conn = 7,
		.generation = 3,
		.service = 1,
		.grant = { 4 },
		.login = login(most),
		.unread = few(most, MSG_UNREAD_MAX, 'd'),
		.client = client(false),
		.direct = true };

	(void)most;
	msg_hand_over_put(out, &m);
}

static bool
hand_over_again(struct wire *w, struct buf *out)
{
	struct msg_hand_over m;

	if (!msg_hand_over_get(w, &m))
		return false;
	msg_hand_over_put(out, &m);
	return true;
}

static void
hand_gone_sample(struct buf *out, bool most)
{
	struct msg_hand_id m = { 7, 3 };

	(void)most;
	msg_hand_gone_put(out, &m);
}

static bool
hand_gone_again(struct wire *w, struct buf *out)
{
	struct msg_hand_id m;

	if (!msg_hand_id_get(w, &m))
		return false;
	msg_hand_gone_put(out, &m);
	return true;
}

static void
hand_ended_sample(struct buf *out, bool most)
{
	struct msg_hand_id m = { 7, 3 };

	(void)most;
	msg_hand_ended_put(out, &m);
}

static bool
hand_ended_again(struct wire *w, struct buf *out)
{
	struct msg_hand_id m;

	if (!msg_hand_id_get(w, &m))
		return false;
	msg_hand_ended_put(out, &m);
	return true;
}

static void
hand_started_sample(struct buf *out, bool most)
{
	struct msg_hand_started m = { { 7, 3 }, 42 };

	(void)most;
	msg_hand_started_put(out, &m);
}

static bool
hand_started_again(struct wire *w, struct buf *out)
{
	struct msg_hand_started m;

	if (!msg_hand_started_get(w, &m))
		return false;
	msg_hand_started_put(out, &m);
	return true;
}

static void
hand_refused_sample(struct buf *out, bool most)
{
	struct msg_hand_refused m = { { 7, 3 }, MSG_HAND_LIMIT,
		few(most, MSG_TEXT_MAX, 'b') };

	(void)most;
	msg_hand_refused_put(out, &m);
}

static bool
hand_refused_again(struct wire *w, struct buf *out)
{
	struct msg_hand_refused m;

	if (!msg_hand_refused_get(w, &m))
		return false;
	msg_hand_refused_put(out, &m);
	return true;
}

static void
fork_fork_sample(struct buf *out, bool most)
{
	struct msg_fork m = { { 1 }, 1, 42 };

	(void)most;
	msg_fork_put(out, &m);
}

static bool
fork_fork_again(struct wire *w, struct buf *out)
{
	struct msg_fork m;

	if (!msg_fork_get(w, &m))
		return false;
	msg_fork_put(out, &m);
	return true;
}

static void
fork_kill_sample(struct buf *out, bool most)
{
	(void)most;
	msg_fork_kill_put(out, 42);
}

static bool
fork_kill_again(struct wire *w, struct buf *out)
{
	uint64_t v;

	if (!msg_fork_kill_get(w, &v))
		return false;
	msg_fork_kill_put(out, v);
	return true;
}

static void
fork_forked_sample(struct buf *out, bool most)
{
	struct msg_forked m = { 42, 1000 };

	(void)most;
	msg_forked_put(out, &m);
}

static bool
fork_forked_again(struct wire *w, struct buf *out)
{
	struct msg_forked m;

	if (!msg_forked_get(w, &m))
		return false;
	msg_forked_put(out, &m);
	return true;
}

static void
fork_failed_sample(struct buf *out, bool most)
{
	struct msg_fork_failed m = { 42, MSG_FORK_SYSTEM, 12 };

	(void)most;
	msg_fork_failed_put(out, &m);
}

static bool
fork_failed_again(struct wire *w, struct buf *out)
{
	struct msg_fork_failed m;

	if (!msg_fork_failed_get(w, &m))
		return false;
	msg_fork_failed_put(out, &m);
	return true;
}

static void
fork_exited_sample(struct buf *out, bool most)
{
	struct msg_fork_exited m = { 42, 1000, 9 };

	(void)most;
	msg_fork_exited_put(out, &m);
}

static bool
fork_exited_again(struct wire *w, struct buf *out)
{
	struct msg_fork_exited m;

	if (!msg_fork_exited_get(w, &m))
		return false;
	msg_fork_exited_put(out, &m);
	return true;
}

static void
session_start_sample(struct buf *out, bool most)
{
	struct msg_session_start m = { .session = 42,
		.login = login(most),
		.unread = few(most, MSG_UNREAD_MAX, 'd'),
		.client = client(true),
		.modseq = 9 };

	(void)most;
	msg_session_start_put(out, &m);
}

static bool
session_start_again(struct wire *w, struct buf *out)
{
	struct msg_session_start m;

	if (!msg_session_start_get(w, &m))
		return false;
	msg_session_start_put(out, &m);
	return true;
}

static void
session_ready_sample(struct buf *out, bool most)
{
	(void)most;
	msg_session_ready_put(out);
}

static bool
session_ready_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_session_ready_put(out);
	return true;
}

static void
session_watch_sample(struct buf *out, bool most)
{
	(void)most;
	msg_session_watch_put(out);
}

static bool
session_watch_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_session_watch_put(out);
	return true;
}

static void
session_committed_sample(struct buf *out, bool most)
{
	(void)most;
	msg_session_committed_put(out, 42);
}

static bool
session_committed_again(struct wire *w, struct buf *out)
{
	uint64_t v;

	if (!msg_session_modseq_get(w, &v))
		return false;
	msg_session_committed_put(out, v);
	return true;
}

static void
session_changed_sample(struct buf *out, bool most)
{
	(void)most;
	msg_session_changed_put(out, 42);
}

static bool
session_changed_again(struct wire *w, struct buf *out)
{
	uint64_t v;

	if (!msg_session_modseq_get(w, &v))
		return false;
	msg_session_changed_put(out, v);
	return true;
}

static void
session_state_sample(struct buf *out, bool most)
{
	(void)most;
	msg_session_state_put(out, MSG_SESSION_IDLE);
}

static bool
session_state_again(struct wire *w, struct buf *out)
{
	uint8_t v;

	if (!msg_session_state_get(w, &v))
		return false;
	msg_session_state_put(out, v);
	return true;
}

/* ---- delivery ---- */

/* n bytes, CR LF at the end of each line of 64. */
static struct view
lines(size_t n)
{
	static uint8_t p[MSG_DELIVER_TRACE_MAX];

	memset(p, 'T', n);
	for (size_t i = 64; i <= n; i += 64) {
		p[i - 2] = '\r';
		p[i - 1] = '\n';
	}
	return (struct view){ p, n };
}

static struct view
octets(bool most)
{
	static uint8_t p[MSG_DELIVER_INLINE_MAX];

	return (struct view){ p, most ? sizeof(p) : 5 };
}

static struct msg_deliver_dsn
dsn(bool most)
{
	static uint8_t orcpt[MSG_DELIVER_XTEXT_MAX];

	memset(orcpt, 'x', sizeof(orcpt));
	orcpt[1] = ';';
	return (struct msg_deliver_dsn){ .ret = MSG_DELIVER_RET_HDRS,
		.notify = MSG_DELIVER_SUCCESS | MSG_DELIVER_DELAY,
		.envid = few(most, MSG_DELIVER_ENVID_MAX, 'e'),
		.orcpt = { orcpt, most ? sizeof(orcpt) : 3 } };
}

/* Lines as long as they may be, and the whole as well. */
static struct view
answer_text(bool most)
{
	static uint8_t p[MSG_DELIVER_TEXT_MAX];

	memset(p, 'b', sizeof(p));
	for (size_t i = MSG_DELIVER_LINE_MAX; i < sizeof(p);
	     i += MSG_DELIVER_LINE_MAX + 1)
		p[i] = '\n';
	return (struct view){ p, most ? sizeof(p) : 3 };
}

static void
deliver_sample(struct buf *out, bool most)
{
	struct msg_deliver m = { .delivery = 5,
		.sender = few(most, MSG_DELIVER_ADDRESS_MAX, 'b'),
		.recipient = few(most, MSG_DELIVER_ADDRESS_MAX, 'c'),
		.detail = few(most, MSG_DELIVER_DETAIL_MAX, 'd'),
		.has_detail = true,
		.utf8 = true,
		.lmtp = true,
		.dsn = dsn(most),
		.auth = few(most, MSG_DELIVER_XTEXT_MAX, 'g'),
		.trace = lines(most ? MSG_DELIVER_TRACE_MAX : 64),
		.octets = octets(most) };

	msg_deliver_put(out, &m);
}

static bool
deliver_again(struct wire *w, struct buf *out)
{
	struct msg_deliver m;

	if (!msg_deliver_get(w, &m))
		return false;
	msg_deliver_put(out, &m);
	return true;
}

static void
delivered_sample(struct buf *out, bool most)
{
	struct msg_delivered m = { 5, MSG_DELIVER_TEMPORARY, 0, 9,
		view_str(most ? "4.999.999" : "4.3.1"), answer_text(most) };

	msg_delivered_put(out, &m);
}

static bool
delivered_again(struct wire *w, struct buf *out)
{
	struct msg_delivered m;

	if (!msg_delivered_get(w, &m))
		return false;
	msg_delivered_put(out, &m);
	return true;
}

#define DELIVER_PLAIN(name, type)                                              \
	static void name##_sample(struct buf *out, bool most)                  \
	{                                                                      \
		(void)most;                                                    \
		msg_deliver_plain_put(out, type);                              \
	}                                                                      \
	static bool name##_again(struct wire *w, struct buf *out)              \
	{                                                                      \
		if (!wire_end(w))                                              \
			return false;                                          \
		msg_deliver_plain_put(out, type);                              \
		return true;                                                   \
	}
DELIVER_PLAIN(deliver_channel, MSG_DELIVER_CHANNEL)
DELIVER_PLAIN(deliver_taken, MSG_DELIVER_TAKEN)
DELIVER_PLAIN(deliver_left, MSG_DELIVER_LEFT)

/* ---- lmtp ---- */

static void
lmtp_find_sample(struct buf *out, bool most)
{
	struct msg_lmtp_find m = { 7, few(most, MSG_LMTP_LOCAL_MAX, 'b'),
		few(most, MSG_LMTP_DOMAIN_MAX, 'c') };

	msg_lmtp_find_put(out, &m);
}

static bool
lmtp_find_again(struct wire *w, struct buf *out)
{
	struct msg_lmtp_find m;

	if (!msg_lmtp_find_get(w, &m))
		return false;
	msg_lmtp_find_put(out, &m);
	return true;
}

static void
lmtp_found_sample(struct buf *out, bool most)
{
	struct msg_lmtp_found m = { 7, MSG_LMTP_YES,
		few(most, MSG_ACCOUNT_MAX, 'b'), true, 3 };

	msg_lmtp_found_put(out, &m);
}

static bool
lmtp_found_again(struct wire *w, struct buf *out)
{
	struct msg_lmtp_found m;

	if (!msg_lmtp_found_get(w, &m))
		return false;
	msg_lmtp_found_put(out, &m);
	return true;
}

static void
lmtp_ask_sample(struct buf *out, bool most)
{
	struct msg_lmtp_ask m = { 7, few(most, MSG_ACCOUNT_MAX, 'b') };

	msg_lmtp_ask_put(out, &m);
}

static bool
lmtp_ask_again(struct wire *w, struct buf *out)
{
	struct msg_lmtp_ask m;

	if (!msg_lmtp_ask_get(w, &m))
		return false;
	msg_lmtp_ask_put(out, &m);
	return true;
}

static void
lmtp_asked_sample(struct buf *out, bool most)
{
	struct msg_lmtp_asked m = { 7, MSG_LMTP_TRY_LATER, { 1 } };

	(void)most;
	msg_lmtp_asked_put(out, &m);
}

static bool
lmtp_asked_again(struct wire *w, struct buf *out)
{
	struct msg_lmtp_asked m;

	if (!msg_lmtp_asked_get(w, &m))
		return false;
	msg_lmtp_asked_put(out, &m);
	return true;
}

static void
lmtp_open_sample(struct buf *out, bool most)
{
	struct msg_lmtp_open m = { 7, { 1 } };

	(void)most;
	msg_lmtp_open_put(out, &m);
}

static bool
lmtp_open_again(struct wire *w, struct buf *out)
{
	struct msg_lmtp_open m;

	if (!msg_lmtp_open_get(w, &m))
		return false;
	msg_lmtp_open_put(out, &m);
	return true;
}

#define LMTP_REQUEST(name)                                                     \
	static void lmtp_##name##_sample(struct buf *out, bool most)           \
	{                                                                      \
		(void)most;                                                    \
		msg_lmtp_##name##_put(out, 7);                                 \
	}                                                                      \
	static bool lmtp_##name##_again(struct wire *w, struct buf *out)       \
	{                                                                      \
		uint64_t request;                                              \
                                                                               \
		if (!msg_lmtp_request_get(w, &request))                        \
			return false;                                          \
		msg_lmtp_##name##_put(out, request);                           \
		return true;                                                   \
	}
LMTP_REQUEST(opened)
LMTP_REQUEST(refused)

static void
lmtp_changed_sample(struct buf *out, bool most)
{
	(void)most;
	msg_lmtp_changed_put(out);
}

static bool
lmtp_changed_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_lmtp_changed_put(out);
	return true;
}

/* The text is put from a string, so it needs one. */
static void
session_shutdown_sample(struct buf *out, bool most)
{
	char text[MSG_TEXT_MAX + 1] = { 0 };

	memset(text, 's', most ? MSG_TEXT_MAX : 3);
	msg_session_shutdown_put(out, text);
}

static bool
session_shutdown_again(struct wire *w, struct buf *out)
{
	char text[MSG_TEXT_MAX + 1] = { 0 };
	struct view v;

	if (!msg_session_shutdown_get(w, &v))
		return false;
	if (v.n > 0)
		memcpy(text, v.p, v.n);
	msg_session_shutdown_put(out, text);
	return true;
}

static void
control_deliver_sample(struct buf *out, bool most)
{
	struct msg_control_deliver m = { 5, few(most, MSG_ACCOUNT_MAX, 'b'),
		few(most, MSG_CONTROL_SENDER_MAX, 'c'),
		few(most, MSG_CONTROL_SENDER_MAX, 'd'),
		few(most, MSG_CONTROL_DETAIL_MAX, 'e'), true };

	msg_control_deliver_put(out, &m);
}

static bool
control_deliver_again(struct wire *w, struct buf *out)
{
	struct msg_control_deliver m;

	if (!msg_control_deliver_get(w, &m))
		return false;
	msg_control_deliver_put(out, &m);
	return true;
}

static void
control_result_sample(struct buf *out, bool most)
{
	struct msg_control_result m = { 5, 1, 0, few(most, MSG_TEXT_MAX, 'b') };

	(void)most;
	msg_control_result_put(out, &m);
}

static bool
control_result_again(struct wire *w, struct buf *out)
{
	struct msg_control_result m;

	if (!msg_control_result_get(w, &m))
		return false;
	msg_control_result_put(out, &m);
	return true;
}

static void
control_row_sample(struct buf *out, bool most)
{
	struct msg_control_row m = { .session = 42,
		.pid = 1000,
		.service = 1,
		.state = 1,
		.age_ms = 9,
		.account = few(most, MSG_ACCOUNT_MAX, 'b'),
		.remote = { { 1 } },
		.remote_port = 4,
		.tls = true };

	(void)most;
	msg_control_row_put(out, &m);
}

static bool
control_row_again(struct wire *w, struct buf *out)
{
	struct msg_control_row m;

	if (!msg_control_row_get(w, &m))
		return false;
	msg_control_row_put(out, &m);
	return true;
}

static void
control_list_sample(struct buf *out, bool most)
{
	(void)most;
	msg_control_plain_put(out, MSG_CONTROL_LIST);
}

static bool
control_list_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_control_plain_put(out, MSG_CONTROL_LIST);
	return true;
}

static void
control_end_sample(struct buf *out, bool most)
{
	(void)most;
	msg_control_plain_put(out, MSG_CONTROL_END);
}

static bool
control_end_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_control_plain_put(out, MSG_CONTROL_END);
	return true;
}

static void
control_denied_sample(struct buf *out, bool most)
{
	(void)most;
	msg_control_plain_put(out, MSG_CONTROL_DENIED);
}

static bool
control_denied_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_control_plain_put(out, MSG_CONTROL_DENIED);
	return true;
}

static void
master_peer_sample(struct buf *out, bool most)
{
	struct msg_master_peer m = { MSG_PROCESS_GATE, 1 };

	(void)most;
	msg_master_peer_put(out, &m);
}

static bool
master_peer_again(struct wire *w, struct buf *out)
{
	struct msg_master_peer m;

	if (!msg_master_peer_get(w, &m))
		return false;
	msg_master_peer_put(out, &m);
	return true;
}

static void
master_listener_sample(struct buf *out, bool most)
{
	struct msg_master_listener m = { .kind = MSG_LISTENER_IMAP,
		.implicit = true,
		.name = few(most, MSG_LISTENER_NAME_MAX, 'b') };

	(void)most;
	msg_master_listener_put(out, &m);
}

static bool
master_listener_again(struct wire *w, struct buf *out)
{
	struct msg_master_listener m;

	if (!msg_master_listener_get(w, &m))
		return false;
	msg_master_listener_put(out, &m);
	return true;
}

static void
master_certificate_sample(struct buf *out, bool most)
{
	struct msg_master_certificate m = { 1, 2, 3 };

	(void)most;
	msg_master_certificate_put(out, &m);
}

static bool
master_certificate_again(struct wire *w, struct buf *out)
{
	struct msg_master_certificate m;

	if (!msg_master_certificate_get(w, &m))
		return false;
	msg_master_certificate_put(out, &m);
	return true;
}

static void
master_certified_sample(struct buf *out, bool most)
{
	char text[MSG_TEXT_MAX + 1];

	memset(text, 'x', MSG_TEXT_MAX);
	text[MSG_TEXT_MAX] = '\0';
	msg_master_certified_put(out, 7, most ? text : NULL);
}

static bool
master_certified_again(struct wire *w, struct buf *out)
{
	struct msg_master_certified m;
	char text[MSG_TEXT_MAX + 1];

	if (!msg_master_certified_get(w, &m))
		return false;
	if (m.text.n > 0)
		memcpy(text, m.text.p, m.text.n);
	text[m.text.n] = '\0';
	msg_master_certified_put(out, m.generation, m.good ? NULL : text);
	return true;
}

static void
master_ready_sample(struct buf *out, bool most)
{
	(void)most;
	msg_master_plain_put(out, MSG_MASTER_READY);
}

static bool
master_ready_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_master_plain_put(out, MSG_MASTER_READY);
	return true;
}

static void
master_settled_sample(struct buf *out, bool most)
{
	(void)most;
	msg_master_plain_put(out, MSG_MASTER_SETTLED);
}

static bool
master_settled_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_master_plain_put(out, MSG_MASTER_SETTLED);
	return true;
}

static void
master_go_sample(struct buf *out, bool most)
{
	(void)most;
	msg_master_plain_put(out, MSG_MASTER_GO);
}

static bool
master_go_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_master_plain_put(out, MSG_MASTER_GO);
	return true;
}

static void
master_reload_sample(struct buf *out, bool most)
{
	(void)most;
	msg_master_plain_put(out, MSG_MASTER_RELOAD);
}

static bool
master_reload_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_master_plain_put(out, MSG_MASTER_RELOAD);
	return true;
}

static void
master_stop_sample(struct buf *out, bool most)
{
	(void)most;
	msg_master_plain_put(out, MSG_MASTER_STOP);
}

static bool
master_stop_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_master_plain_put(out, MSG_MASTER_STOP);
	return true;
}

static void
master_log_sample(struct buf *out, bool most)
{
	(void)most;
	msg_master_plain_put(out, MSG_MASTER_LOG);
}

static bool
master_log_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_master_plain_put(out, MSG_MASTER_LOG);
	return true;
}

static void
master_directory_sample(struct buf *out, bool most)
{
	(void)most;
	msg_master_plain_put(out, MSG_MASTER_DIRECTORY);
}

static bool
master_directory_again(struct wire *w, struct buf *out)
{
	if (!wire_end(w))
		return false;
	msg_master_plain_put(out, MSG_MASTER_DIRECTORY);
	return true;
}

/* An address of as many bytes as may be, or a short one. */
static struct view
out_address(bool most)
{
	static uint8_t p[MSG_OUT_ADDRESS_MAX];

	memset(p, 'o', sizeof(p));
	p[1] = '@';
	return (struct view){ p, most ? sizeof(p) : 3 };
}

static void
out_sample(enum msg_out_type type, struct buf *out, bool most)
{
	struct view to[MSG_OUT_RECIPIENTS_MAX];
	struct msg_out_submit m = { .number = 7,
		.account = few(most, MSG_ACCOUNT_MAX, 'b'),
		.kind = MSG_OUT_SUBMISSION,
		.key = { 1, 2 },
		.sender = out_address(most),
		.dsn = dsn(most),
		.utf8 = most,
		.to = to,
		.n = most ? MSG_OUT_RECIPIENTS_MAX : 1 };

	for (uint32_t i = 0; i < m.n; i++)
		to[i] = out_address(most);
	msg_out_submit_put(out, type, &m);
}

static bool
out_again(enum msg_out_type type, struct wire *w, struct buf *out)
{
	struct msg_out_submit m;

	if (!msg_out_submit_get(w, type, &m))
		return false;
	msg_out_submit_put(out, type, &m);
	return true;
}

static void
out_submit_sample(struct buf *out, bool most)
{
	out_sample(MSG_OUT_SUBMIT, out, most);
}

static bool
out_submit_again(struct wire *w, struct buf *out)
{
	return out_again(MSG_OUT_SUBMIT, w, out);
}

static void
out_take_sample(struct buf *out, bool most)
{
	out_sample(MSG_OUT_TAKE, out, most);
}

static bool
out_take_again(struct wire *w, struct buf *out)
{
	return out_again(MSG_OUT_TAKE, w, out);
}

static void
done_sample(enum msg_out_type type, struct buf *out, bool most)
{
	struct msg_out_done m = { .number = 7,
		.account = few(most, MSG_ACCOUNT_MAX, 'b'),
		.keys = few(true, MSG_OUT_KEY_SIZE, 'k') };
	static uint8_t many[MSG_OUT_KEYS_MAX * MSG_OUT_KEY_SIZE];

	if (most)
		m.keys = (struct view){ many, sizeof(many) };
	msg_out_done_put(out, type, &m);
}

static bool
done_again(enum msg_out_type type, struct wire *w, struct buf *out)
{
	struct msg_out_done m;

	if (!msg_out_done_get(w, type, &m))
		return false;
	msg_out_done_put(out, type, &m);
	return true;
}

static void
out_done_sample(struct buf *out, bool most)
{
	done_sample(MSG_OUT_DONE, out, most);
}

static bool
out_done_again(struct wire *w, struct buf *out)
{
	return done_again(MSG_OUT_DONE, w, out);
}

static void
out_forget_sample(struct buf *out, bool most)
{
	done_sample(MSG_OUT_FORGET, out, most);
}

static bool
out_forget_again(struct wire *w, struct buf *out)
{
	return done_again(MSG_OUT_FORGET, w, out);
}

static void
out_taken_sample(struct buf *out, bool most)
{
	struct msg_out_taken m = { 7, MSG_OUT_REFUSED,
		few(most, MSG_TEXT_MAX, 'b') };

	msg_out_taken_put(out, MSG_OUT_TAKEN, &m);
}

static bool
out_taken_again(struct wire *w, struct buf *out)
{
	struct msg_out_taken m;

	if (!msg_out_taken_get(w, &m))
		return false;
	msg_out_taken_put(out, MSG_OUT_TAKEN, &m);
	return true;
}

static void
out_submitted_sample(struct buf *out, bool most)
{
	struct msg_out_taken m = { 7, MSG_OUT_LATER,
		few(most, MSG_TEXT_MAX, 'b') };

	msg_out_taken_put(out, MSG_OUT_SUBMITTED, &m);
}

static bool
out_submitted_again(struct wire *w, struct buf *out)
{
	struct msg_out_taken m;

	if (!msg_out_taken_get(w, &m))
		return false;
	msg_out_taken_put(out, MSG_OUT_SUBMITTED, &m);
	return true;
}

static void
out_ask_sample(struct buf *out, bool most)
{
	struct msg_out_question m = { 7, MSG_OUT_REMOVE,
		few(most, MSG_OUT_ID_MAX, 'b') };

	msg_out_question_put(out, &m);
}

static bool
out_ask_again(struct wire *w, struct buf *out)
{
	struct msg_out_question m;

	if (!msg_out_question_get(w, &m))
		return false;
	msg_out_question_put(out, &m);
	return true;
}

static void
out_row_sample(struct buf *out, bool most)
{
	struct msg_out_row m = { .number = 7,
		.id = few(most, MSG_OUT_ID_MAX, 'b'),
		.kind = MSG_OUT_BOUNCE,
		.account = few(most, MSG_ACCOUNT_MAX, 'c'),
		.sender = out_address(most),
		.recipient = out_address(most),
		.recipients = 3,
		.size = 4096,
		.created_s = 1,
		.next_s = 2,
		.attempts = 5,
		.text = few(most, MSG_TEXT_MAX, 'd') };

	msg_out_row_put(out, &m);
}

static bool
out_row_again(struct wire *w, struct buf *out)
{
	struct msg_out_row m;

	if (!msg_out_row_get(w, &m))
		return false;
	msg_out_row_put(out, &m);
	return true;
}

static void
out_end_sample(struct buf *out, bool most)
{
	struct msg_out_end m = { 7, 200, most };

	msg_out_end_put(out, &m);
}

static bool
out_end_again(struct wire *w, struct buf *out)
{
	struct msg_out_end m;

	if (!msg_out_end_get(w, &m))
		return false;
	msg_out_end_put(out, &m);
	return true;
}

const struct message messages[] = {
	{ "auth", "start", MSG_AUTH_START, MSG_AUTH_START_MAX,
	    auth_start_sample, auth_start_again },
	{ "auth", "continue", MSG_AUTH_CONTINUE, MSG_AUTH_CONTINUE_MAX,
	    auth_continue_sample, auth_continue_again },
	{ "auth", "cancel", MSG_AUTH_CANCEL, MSG_AUTH_CANCEL_SIZE,
	    auth_cancel_sample, auth_cancel_again },
	{ "auth", "challenge", MSG_AUTH_CHALLENGE, MSG_AUTH_CHALLENGE_SIZE_MAX,
	    auth_challenge_sample, auth_challenge_again },
	{ "auth", "fail", MSG_AUTH_FAIL, MSG_AUTH_FAIL_MAX, auth_fail_sample,
	    auth_fail_again },
	{ "auth", "ok", MSG_AUTH_OK, MSG_AUTH_OK_MAX, auth_ok_sample,
	    auth_ok_again },
	{ "auth", "offer", MSG_AUTH_OFFER, MSG_AUTH_OFFER_SIZE_MAX,
	    auth_offer_sample, auth_offer_again },
	{ "grant", "grant", MSG_GRANT_GRANT, MSG_GRANT_GRANT_MAX,
	    grant_grant_sample, grant_grant_again },
	{ "grant", "disconnect", MSG_GRANT_DISCONNECT, MSG_GRANT_DISCONNECT_MAX,
	    grant_disconnect_sample, grant_disconnect_again },
	{ "grant", "lookup", MSG_GRANT_LOOKUP, MSG_GRANT_LOOKUP_MAX,
	    grant_lookup_sample, grant_lookup_again },
	{ "grant", "looked", MSG_GRANT_LOOKED, MSG_GRANT_LOOKED_MAX,
	    grant_looked_sample, grant_looked_again },
	{ "hand", "over", MSG_HAND_HANDOVER, MSG_HAND_OVER_MAX,
	    hand_over_sample, hand_over_again },
	{ "hand", "gone", MSG_HAND_GONE, MSG_HAND_ID_SIZE, hand_gone_sample,
	    hand_gone_again },
	{ "hand", "ended", MSG_HAND_ENDED, MSG_HAND_ID_SIZE, hand_ended_sample,
	    hand_ended_again },
	{ "hand", "started", MSG_HAND_STARTED, MSG_HAND_STARTED_SIZE,
	    hand_started_sample, hand_started_again },
	{ "hand", "refused", MSG_HAND_REFUSED, MSG_HAND_REFUSED_MAX,
	    hand_refused_sample, hand_refused_again },
	{ "fork", "fork", MSG_FORK_FORK, MSG_FORK_SIZE, fork_fork_sample,
	    fork_fork_again },
	{ "fork", "kill", MSG_FORK_KILL, MSG_FORK_KILL_SIZE, fork_kill_sample,
	    fork_kill_again },
	{ "fork", "forked", MSG_FORK_FORKED, MSG_FORKED_SIZE,
	    fork_forked_sample, fork_forked_again },
	{ "fork", "failed", MSG_FORK_FAILED, MSG_FORK_FAILED_SIZE,
	    fork_failed_sample, fork_failed_again },
	{ "fork", "exited", MSG_FORK_EXITED, MSG_FORK_EXITED_SIZE,
	    fork_exited_sample, fork_exited_again },
	{ "session", "start", MSG_SESSION_START, MSG_SESSION_START_MAX,
	    session_start_sample, session_start_again },
	{ "session", "ready", MSG_SESSION_READY, 0, session_ready_sample,
	    session_ready_again },
	{ "session", "watch", MSG_SESSION_WATCH, 0, session_watch_sample,
	    session_watch_again },
	{ "session", "committed", MSG_SESSION_COMMITTED,
	    MSG_SESSION_MODSEQ_SIZE, session_committed_sample,
	    session_committed_again },
	{ "session", "changed", MSG_SESSION_CHANGED, MSG_SESSION_MODSEQ_SIZE,
	    session_changed_sample, session_changed_again },
	{ "session", "state", MSG_SESSION_STATE, MSG_SESSION_STATE_SIZE,
	    session_state_sample, session_state_again },
	{ "session", "shutdown", MSG_SESSION_SHUTDOWN, MSG_SESSION_SHUTDOWN_MAX,
	    session_shutdown_sample, session_shutdown_again },
	{ "deliver", "channel", MSG_DELIVER_CHANNEL, 0, deliver_channel_sample,
	    deliver_channel_again },
	{ "deliver", "taken", MSG_DELIVER_TAKEN, 0, deliver_taken_sample,
	    deliver_taken_again },
	{ "deliver", "left", MSG_DELIVER_LEFT, 0, deliver_left_sample,
	    deliver_left_again },
	{ "deliver", "deliver", MSG_DELIVER_DELIVER, MSG_DELIVER_MAX,
	    deliver_sample, deliver_again },
	{ "deliver", "delivered", MSG_DELIVER_DELIVERED, MSG_DELIVERED_MAX,
	    delivered_sample, delivered_again },
	{ "lmtp", "find", MSG_LMTP_FIND, MSG_LMTP_FIND_MAX, lmtp_find_sample,
	    lmtp_find_again },
	{ "lmtp", "found", MSG_LMTP_FOUND, MSG_LMTP_FOUND_MAX,
	    lmtp_found_sample, lmtp_found_again },
	{ "lmtp", "ask", MSG_LMTP_ASK, MSG_LMTP_ASK_MAX, lmtp_ask_sample,
	    lmtp_ask_again },
	{ "lmtp", "asked", MSG_LMTP_ASKED, MSG_LMTP_ASKED_SIZE,
	    lmtp_asked_sample, lmtp_asked_again },
	{ "lmtp", "open", MSG_LMTP_OPEN, MSG_LMTP_OPEN_SIZE, lmtp_open_sample,
	    lmtp_open_again },
	{ "lmtp", "opened", MSG_LMTP_OPENED, MSG_LMTP_REQUEST_SIZE,
	    lmtp_opened_sample, lmtp_opened_again },
	{ "lmtp", "refused", MSG_LMTP_REFUSED, MSG_LMTP_REQUEST_SIZE,
	    lmtp_refused_sample, lmtp_refused_again },
	{ "lmtp", "changed", MSG_LMTP_CHANGED, 0, lmtp_changed_sample,
	    lmtp_changed_again },
	{ "control", "deliver", MSG_CONTROL_DELIVER, MSG_CONTROL_DELIVER_MAX,
	    control_deliver_sample, control_deliver_again },
	{ "control", "result", MSG_CONTROL_RESULT, MSG_CONTROL_RESULT_MAX,
	    control_result_sample, control_result_again },
	{ "control", "row", MSG_CONTROL_ROW, MSG_CONTROL_ROW_MAX,
	    control_row_sample, control_row_again },
	{ "control", "list", MSG_CONTROL_LIST, 0, control_list_sample,
	    control_list_again },
	{ "control", "end", MSG_CONTROL_END, 0, control_end_sample,
	    control_end_again },
	{ "control", "denied", MSG_CONTROL_DENIED, 0, control_denied_sample,
	    control_denied_again },
	{ "out", "submit", MSG_OUT_SUBMIT, MSG_OUT_SUBMIT_MAX,
	    out_submit_sample, out_submit_again },
	{ "out", "take", MSG_OUT_TAKE, MSG_OUT_SUBMIT_MAX, out_take_sample,
	    out_take_again },
	{ "out", "done", MSG_OUT_DONE, MSG_OUT_DONE_MAX, out_done_sample,
	    out_done_again },
	{ "out", "forget", MSG_OUT_FORGET, MSG_OUT_DONE_MAX, out_forget_sample,
	    out_forget_again },
	{ "out", "taken", MSG_OUT_TAKEN, MSG_OUT_TAKEN_MAX, out_taken_sample,
	    out_taken_again },
	{ "out", "submitted", MSG_OUT_SUBMITTED, MSG_OUT_TAKEN_MAX,
	    out_submitted_sample, out_submitted_again },
	{ "out", "ask", MSG_OUT_ASK, MSG_OUT_ASK_MAX, out_ask_sample,
	    out_ask_again },
	{ "out", "row", MSG_OUT_ROW, MSG_OUT_ROW_MAX, out_row_sample,
	    out_row_again },
	{ "out", "end", MSG_OUT_END, MSG_OUT_END_SIZE, out_end_sample,
	    out_end_again },
	{ "master", "peer", MSG_MASTER_PEER, MSG_MASTER_PEER_SIZE,
	    master_peer_sample, master_peer_again },
	{ "master", "listener", MSG_MASTER_LISTENER, MSG_MASTER_LISTENER_MAX,
	    master_listener_sample, master_listener_again },
	{ "master", "certificate", MSG_MASTER_CERTIFICATE,
	    MSG_MASTER_CERTIFICATE_SIZE, master_certificate_sample,
	    master_certificate_again },
	{ "master", "certified", MSG_MASTER_CERTIFIED, MSG_MASTER_CERTIFIED_MAX,
	    master_certified_sample, master_certified_again },
	{ "master", "ready", MSG_MASTER_READY, 0, master_ready_sample,
	    master_ready_again },
	{ "master", "settled", MSG_MASTER_SETTLED, 0, master_settled_sample,
	    master_settled_again },
	{ "master", "go", MSG_MASTER_GO, 0, master_go_sample, master_go_again },
	{ "master", "reload", MSG_MASTER_RELOAD, 0, master_reload_sample,
	    master_reload_again },
	{ "master", "stop", MSG_MASTER_STOP, 0, master_stop_sample,
	    master_stop_again },
	{ "master", "log", MSG_MASTER_LOG, 0, master_log_sample,
	    master_log_again },
	{ "master", "directory", MSG_MASTER_DIRECTORY, 0,
	    master_directory_sample, master_directory_again },
};
const size_t messages_count = sizeof(messages) / sizeof(messages[0]);
