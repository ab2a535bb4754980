#include "proc/auth.h"
#include "proc/msg_lmtp.h"
#include "proc/settings.h"

/*
 * What the LMTP front end asks: whose an address is, and a grant for the
 * delivery process of an account. The address as it was written comes first, so
 * that an account or alias may have the delimiter in its name; then the part
 * before the first delimiter; then, where the domain is this machine's own, the
 * same without a domain; then who is postmaster.
 */

/* Found, unknown, or DIRECTORY_FAILED. */
static enum directory_result
find_name(struct auth *a, struct view local, struct view domain,
    struct directory_account *out)
{
	AUTO_BUF struct buf b = BUF_INIT(NAME_MAX_BYTES * 2);
	struct why w = { "" };
	enum directory_result r;

	buf_put(&b, local);
	if (domain.n > 0) {
		buf_put_byte(&b, '@');
		buf_put(&b, domain);
	}
	/* a quoted "a@b" is not the address a@b */
	if (b.failed || local.n == 0 || memchr(local.p, '@', local.n) != NULL)
		return DIRECTORY_UNKNOWN;
	r = directory_find(a->dir, buf_view(&b), out, &w);
	explicit_bzero(&out->secret, sizeof(out->secret));
	if (r != DIRECTORY_OK && r != DIRECTORY_UNKNOWN)
		log_why(a->log, LOG_FAILURES, "find", &w);
	return r;
}

/* Bytes before the first delimiter, the local part has more than these; 0: there
 * is none. */
static size_t
before_delimiter(const struct auth *a, struct view local)
{
	const char *set =
	    conf_str(a->conf, "delivery", NULL, "recipient-delimiter");

	for (size_t i = 1; i < local.n; i++)
		if (local.p[i] != '\0' && strchr(set, local.p[i]) != NULL)
			return i;
	return 0;
}

static enum directory_result
find_split(struct auth *a, struct view local, struct view domain,
    struct directory_account *out, struct msg_lmtp_found *m)
{
	enum directory_result r = find_name(a, local, domain, out);
	size_t n = before_delimiter(a, local);

	if (r != DIRECTORY_UNKNOWN || n == 0)
		return r;
	m->has_detail = true;
	m->detail = (uint32_t)(local.n - n - 1);
	return find_name(a, view_sub(local, 0, n), domain, out);
}

static bool
is_own_domain(const struct auth *a, struct view domain)
{
	const char *const *own;
	char host[SETTINGS_HOST_SIZE];
	size_t n;

	own = conf_list(a->conf, "delivery", NULL, "local-domains", &n);
	for (size_t i = 0; i < n; i++)
		if (view_eq_ci(domain, view_str(own[i])))
			return true;
	return view_eq_ci(domain, settings_host(a->conf, host));
}

static enum directory_result
find(struct auth *a, const struct msg_lmtp_find *q,
    struct directory_account *out, struct msg_lmtp_found *m)
{
	static const struct view none;
	struct view postmaster =
	    view_str(conf_str(a->conf, "delivery", NULL, "postmaster"));
	enum directory_result r = find_split(a, q->local, q->domain, out, m);

	if (r == DIRECTORY_UNKNOWN && q->domain.n > 0 &&
	    is_own_domain(a, q->domain)) {
		m->has_detail = false;
		m->detail = 0;
		r = find_split(a, q->local, none, out, m);
	}
	/* RFC 5321 section 4.5.1 */
	if (r == DIRECTORY_UNKNOWN && postmaster.n > 0 &&
	    view_eq_ci(q->local, VIEW_LIT("postmaster"))) {
		struct why w = { "" };

		m->has_detail = false;
		m->detail = 0;
		r = directory_find(a->dir, postmaster, out, &w);
		explicit_bzero(&out->secret, sizeof(out->secret));
	}
	return r;
}

static uint8_t
answer_of(enum directory_result r, const struct directory_account *account)
{
	if (r == DIRECTORY_UNKNOWN)
		return MSG_LMTP_UNKNOWN;
	if (r != DIRECTORY_OK)
		return MSG_LMTP_TRY_LATER;
	return account->disabled ? MSG_LMTP_DISABLED : MSG_LMTP_YES;
}

static bool
on_find(void *ctx, struct wire *w, int *fd)
{
	struct auth *a = ctx;
	AUTO_BUF struct buf b = peer_msg();
	struct directory_account account = { 0 };
	struct msg_lmtp_find q;
	struct msg_lmtp_found m = { 0 };

	(void)fd;
	if (!msg_lmtp_find_get(w, &q))
		return false;
	m.request = q.request;
	m.answer = answer_of(find(a, &q, &account, &m), &account);
	if (m.answer == MSG_LMTP_YES) {
		m.account = view_str(account.name);
	} else {
		m.has_detail = false;
		m.detail = 0;
	}
	msg_lmtp_found_put(&b, &m);
	return peer_send(&a->lmtp, &b, -1) == 0;
}

static bool
on_ask(void *ctx, struct wire *w, int *fd)
{
	struct auth *a = ctx;
	AUTO_BUF struct buf b = peer_msg();
	struct msg_grant grant = { .service = MSG_SERVICE_DELIVERY };
	struct directory_account account = { 0 };
	struct msg_lmtp_ask q;
	struct msg_lmtp_asked m = { 0 };
	struct why why = { "" };

	(void)fd;
	if (!msg_lmtp_ask_get(w, &q))
		return false;
	m.request = q.request;
	m.answer = answer_of(
	    directory_find(a->dir, q.account, &account, &why), &account);
	explicit_bzero(&account.secret, sizeof(account.secret));
	if (m.answer == MSG_LMTP_YES && !auth_grant(a, &account, &grant))
		m.answer = MSG_LMTP_TRY_LATER;
	if (m.answer == MSG_LMTP_YES)
		memcpy(m.grant, grant.id, sizeof(m.grant));
	explicit_bzero(&grant, sizeof(grant));
	msg_lmtp_asked_put(&b, &m);
	return peer_send(&a->lmtp, &b, -1) == 0;
}

void
auth_lmtp_changed(struct auth *a)
{
	AUTO_BUF struct buf b = peer_msg();

	if (!peer_is_open(&a->lmtp))
		return;
	msg_lmtp_changed_put(&b);
	/* one that does not read has old answers for some seconds */
	(void)!peer_send(&a->lmtp, &b, -1);
}

const struct peer_rule auth_lmtp_rules[] = {
	{ MSG_LMTP_FIND, 1, MSG_LMTP_FIND_MAX, PEER_NO_FD, on_find },
	{ MSG_LMTP_ASK, 1, MSG_LMTP_ASK_MAX, PEER_NO_FD, on_ask },
};
const size_t auth_lmtp_rules_n =
    sizeof(auth_lmtp_rules) / sizeof(auth_lmtp_rules[0]);
