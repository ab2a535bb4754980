#include "cli/sieve_mail.h"

#include "base/buf.h"
#include "mail/header.h"
#include "session/reply.h"

static struct testsuite_mail *
mail_new(struct arena *a, struct view sender, struct view recipient,
    const struct buf *octets)
{
	struct testsuite_mail *m = arena_alloc(a, sizeof(*m));
	char *copy = arena_strdup(a, buf_view(octets));

	if (m == NULL || copy == NULL || octets->failed)
		return NULL;
	m->sender = sender;
	m->recipient = recipient;
	m->octets = (struct view){ (const uint8_t *)copy, octets->n };
	return m;
}

/* The sender a notification names: only its own, never the null sender's
 * opposite (RFC 5436 section 2.3). */
static struct view
notify_sender(const struct sieve_env *env, const struct sieve_notify *n)
{
	if (env->from.n == 0)
		return VIEW_LIT("");
	return n->from.p != NULL ? n->from : VIEW_LIT("postmaster@localhost");
}

static struct testsuite_mail *
notify(const struct sieve_env *env, const struct reply_env *e,
    const struct sieve_notify *n, struct arena *a, struct buf *b)
{
	struct view to[SIEVE_MAIL_TO_MAX];
	struct testsuite_mail *first = NULL, **last = &first;
	size_t count;

	if (!reply_may_notify(env->message) ||
	    !reply_notify(e, n, a, to, SIEVE_MAIL_TO_MAX, &count, b))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		*last = mail_new(a, notify_sender(env, n), to[i], b);
		if (*last == NULL)
			break;
		last = &(*last)->next;
	}
	return first;
}

struct testsuite_mail *
sieve_mail(void *ctx, const struct sieve_env *env,
    const struct sieve_action *action, struct arena *a)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * REPLY_MAX + action->message.n);
	struct reply_env e = {
		.host = VIEW_LIT("localhost"),
		.user = env->n_addresses > 0 ? env->addresses[0] : env->to,
		.original = env->message,
		.now = env->now,
		.zone = env->zone_minutes,
		.unique = 1,
	};

	(void)ctx;
	switch (action->kind) {
	case SIEVE_REDIRECT:
		e.original = action->message;
		if (reply_is_loop(e.original, e.user, true))
			return NULL;
		reply_redirect(&e, &b);
		return mail_new(a, env->from, action->u.redirect.address, &b);
	case SIEVE_REJECT:
		if (env->from.n == 0)
			return NULL;
		reply_reject(&e, &action->u.reject, env->from, env->to,
		    (struct view){ NULL, 0 }, &b);
		return mail_new(a, VIEW_LIT(""), env->from, &b);
	case SIEVE_VACATION:
		reply_vacation(&e, &action->u.vacation, &b);
		return mail_new(a, VIEW_LIT(""), action->u.vacation.to, &b);
	case SIEVE_NOTIFY:
		return notify(env, &e, &action->u.notify, a, &b);
	case SIEVE_KEEP:
	case SIEVE_FILEINTO:
	case SIEVE_DISCARD:
		break;
	}
	return NULL;
}
