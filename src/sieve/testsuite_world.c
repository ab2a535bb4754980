#include "sieve/testsuite_world.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "mail/address.h"
#include "mail/header.h"
#include "sieve/spam_header.h"
#include "sieve/tidy.h"

#define ARENA_MAX ((size_t)256 << 20)

void
world_init(struct world *w, const struct testsuite_host *host)
{
	*w = (struct world){ .arena = arena_new(ARENA_MAX), .host = host };
	w->sent_last = &w->sent;
	(void)world_mailbox(w, VIEW_LIT("INBOX"), true);
}

void
world_fini(struct world *w)
{
	for (struct world_script *s = w->scripts; s != NULL; s = s->next)
		sieve_free(&s->program);
	for (struct world_result *r = w->results; r != NULL; r = r->next)
		sieve_result_fini(&r->r);
	arena_free(&w->arena);
}

static bool
same_name(struct view a, struct view b)
{
	const struct view inbox = VIEW_LIT("INBOX");

	if (a.n != b.n)
		return false;
	if (view_starts_ci(a, inbox) && view_starts_ci(b, inbox) &&
	    (a.n == inbox.n || a.p[inbox.n] == '.' || a.p[inbox.n] == '/')) {
		view_skip(&a, inbox.n);
		view_skip(&b, inbox.n);
	}
	return view_eq(a, b);
}

struct world_mailbox *
world_mailbox(struct world *w, struct view name, bool create)
{
	struct world_mailbox *m;
	size_t n = 0;

	for (m = w->mailboxes; m != NULL; m = m->next, n++)
		if (same_name(m->name, name))
			return m;
	if (!create || n >= TESTSUITE_MAILBOXES_MAX || name.n == 0 ||
	    memmem(name.p, name.n, "//", 2) != NULL ||
	    (m = arena_alloc(w->arena, sizeof(*m))) == NULL)
		return NULL;
	m->name = name;
	m->last = &m->first;
	m->next = w->mailboxes;
	w->mailboxes = m;
	return m;
}

void
world_error(struct world *w, const char *fmt, ...)
{
	struct sieve_error *e;
	va_list ap;

	if (w->errors.n == SIEVE_ERRORS_MAX)
		return;
	e = &w->errors.e[w->errors.n++];
	*e = (struct sieve_error){ .line = 1, .column = 1 };
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
}

struct view
world_setting(const struct world *w, const char *key)
{
	for (const struct world_pair *p = w->settings; p != NULL; p = p->next)
		if (view_eq(p->key, view_str(key)))
			return p->value;
	return (struct view){ NULL, 0 };
}

void
world_set(struct world *w, struct world_pair **list, struct view mailbox,
    struct view key, struct view value)
{
	struct world_pair *p;
	size_t n = 0;

	for (p = *list; p != NULL; p = p->next, n++)
		if (view_eq(p->key, key) && same_name(p->mailbox, mailbox) &&
		    (p->mailbox.p == NULL) == (mailbox.p == NULL)) {
			p->value = value;
			return;
		}
	if (n >= TESTSUITE_SETTINGS_MAX ||
	    (p = arena_alloc(w->arena, sizeof(*p))) == NULL)
		return;
	*p = (struct world_pair){ *list, mailbox, key, value };
	*list = p;
}

const struct sieve_program *
world_compile(struct world *w, struct view path)
{
	static const struct sieve_options options = { .test = true };
	struct world_script *s;
	struct view text;
	size_t n = 0;

	w->errors.n = 0;
	w->more_errors = false;
	for (s = w->scripts; s != NULL; s = s->next, n++)
		if (view_eq(s->path, path))
			return s->program;
	if (!w->host->read(w->host->ctx, path, w->arena, &text)) {
		world_error(w, "there is no script %.*s", (int)path.n,
		    (const char *)path.p);
		return NULL;
	}
	if (n >= TESTSUITE_SCRIPTS_MAX ||
	    (s = arena_alloc(w->arena, sizeof(*s))) == NULL)
		return NULL;
	if (!tidy_lines(text, w->arena, &text))
		return NULL;
	if (!sieve_compile(text, &options, &s->program, &w->errors)) {
		w->more_errors = true;
		return NULL;
	}
	s->path = path;
	s->next = w->scripts;
	w->scripts = s;
	return s->program;
}

/* ---- the calls of a run ---- */

static bool
call_mailbox_exists(void *ctx, struct view mailbox)
{
	return world_mailbox(ctx, mailbox, false) != NULL;
}

static bool
call_metadata(void *ctx, struct view mailbox, struct view entry,
    struct arena *a, struct view *out)
{
	const struct world *w = ctx;

	(void)a;
	for (const struct world_pair *p = w->metadata; p != NULL; p = p->next)
		if ((p->mailbox.p == NULL) == (mailbox.p == NULL) &&
		    same_name(p->mailbox, mailbox) &&
		    view_eq_ci(p->key, entry)) {
			*out = p->value;
			return true;
		}
	return false;
}

/* Personal scripts are in the folder "included", global ones in
 * "included-global". */
static enum sieve_script_result
call_script(
    void *ctx, struct view name, bool global, const struct sieve_program **out)
{
	struct world *w = ctx;
	AUTO_BUF struct buf path = BUF_INIT(1024);
	struct sieve_errors kept = w->errors;
	struct view text;
	char *p;

	buf_put_str(&path, global ? "included-global/" : "included/");
	buf_put(&path, name);
	if (name.n < 6 ||
	    !view_eq(view_sub(name, name.n - 6, 6), VIEW_LIT(".sieve")))
		buf_put_str(&path, ".sieve");
	if (path.failed ||
	    (p = arena_strdup(w->arena, buf_view(&path))) == NULL)
		return SIEVE_SCRIPT_FAILED;
	if (!w->host->read(w->host->ctx, view_str(p), w->arena, &text))
		return SIEVE_SCRIPT_MISSING;
	*out = world_compile(w, view_str(p));
	if (*out == NULL)
		return SIEVE_SCRIPT_BROKEN;
	w->errors = kept;
	return SIEVE_SCRIPT_OK;
}

static bool
call_spam(void *ctx, unsigned *percent)
{
	return spam_header_percent(ctx, percent);
}

static bool
call_virus(void *ctx, unsigned *value)
{
	return spam_header_virus(ctx, value);
}

/* vnd.dovecot.environment: its config items are settings "sieve_env_NAME". */
static bool
call_environment(void *ctx, struct view name, struct arena *a, struct view *out)
{
	const struct view config = VIEW_LIT("vnd.dovecot.config.");
	char key[128];
	int n;

	(void)a;
	if (view_eq_ci(name, VIEW_LIT("vnd.dovecot.default-mailbox")))
		*out = VIEW_LIT("INBOX");
	else if (view_eq_ci(name, VIEW_LIT("vnd.dovecot.username")))
		*out = VIEW_LIT("user");
	else if (view_starts_ci(name, config)) {
		view_skip(&name, config.n);
		n = snprintf(key, sizeof(key), "sieve_env_%.*s", (int)name.n,
		    (const char *)name.p);
		if (n < 0 || (size_t)n >= sizeof(key))
			return false;
		*out = world_setting(ctx, key);
		return out->p != NULL;
	} else {
		return false;
	}
	return true;
}

/* The setting PREFIX NAME; p NULL: there is none. */
static struct view
setting_of(const struct world *w, const char *prefix, struct view name)
{
	AUTO_BUF struct buf key = BUF_INIT(256);

	buf_put_str(&key, prefix);
	buf_put_byte(&key, ' ');
	buf_put(&key, name);
	buf_put_byte(&key, '\0');
	return key.failed ? (struct view){ NULL, 0 }
			  : world_setting(w, (const char *)key.p);
}

static bool
call_special_use(void *ctx, struct view mailbox, struct view use)
{
	struct view v = setting_of(ctx, TESTSUITE_USE, use);

	return v.n > 0 && (mailbox.p == NULL || same_name(v, mailbox));
}

static bool
call_has_list(void *ctx, struct view list)
{
	return setting_of(ctx, TESTSUITE_LIST, list).p != NULL;
}

/* The next word of a list. */
static bool
take_member(struct view *rest, struct view *out)
{
	size_t n = 0;

	while (rest->n > 0 && rest->p[0] == ' ')
		view_skip(rest, 1);
	while (n < rest->n && rest->p[n] != ' ')
		n++;
	*out = view_sub(*rest, 0, n);
	view_skip(rest, n);
	return n > 0;
}

static bool
call_in_list(void *ctx, struct view list, struct view value)
{
	struct view rest = setting_of(ctx, TESTSUITE_LIST, list), member;

	while (take_member(&rest, &member))
		if (view_eq_ci(member, value))
			return true;
	return false;
}

static bool
call_seen(void *ctx, const struct sieve_duplicate *d)
{
	const struct world *w = ctx;

	for (const struct world_pair *p = w->seen; p != NULL; p = p->next)
		if (view_eq(p->mailbox, d->handle) && view_eq(p->key, d->id))
			return true;
	return false;
}

void
world_remember(struct world *w, bool done)
{
	for (struct world_result *r = w->results; r != NULL; r = r->next) {
		for (size_t i = 0; r->pending && done && i < r->r.n_seen; i++)
			world_set(w, &w->seen,
			    r->r.seen[i].handle.n > 0 ? r->r.seen[i].handle
						      : VIEW_LIT(""),
			    r->r.seen[i].id, VIEW_LIT(""));
		r->pending = false;
	}
}

static bool
call_setting(void *ctx, struct view name, struct view *out)
{
	char key[128];

	if (name.n >= sizeof(key))
		return false;
	memcpy(key, name.p, name.n);
	key[name.n] = '\0';
	*out = world_setting(ctx, key);
	return out->n > 0;
}

const struct sieve_calls world_calls = {
	.setting = call_setting,
	.environment = call_environment,
	.mailbox_exists = call_mailbox_exists,
	.metadata = call_metadata,
	.script = call_script,
	.spam = call_spam,
	.virus = call_virus,
	.special_use = call_special_use,
	.seen = call_seen,
	.has_list = call_has_list,
	.in_list = call_in_list,
};

/* ---- carrying out ---- */

static bool
store(struct world *w, const struct sieve_mailbox *to, struct sieve_flags flags,
    struct view octets)
{
	struct view used = to->special_use.p != NULL
	    ? setting_of(w, TESTSUITE_USE, to->special_use)
	    : (struct view){ NULL, 0 };
	struct world_mailbox *m =
	    world_mailbox(w, used.n > 0 ? used : to->name, to->create);
	struct world_mail *mail;

	if (m == NULL && memmem(to->name.p, to->name.n, "//", 2) != NULL) {
		world_error(w,
		    "failed to store into mailbox '%.*s': it is no "
		    "name of a mailbox",
		    (int)(to->name.n < 100 ? to->name.n : 100),
		    (const char *)to->name.p);
		return false;
	}
	if (m == NULL) {
		world_error(w,
		    "failed to store into mailbox '%.*s': it does not exist",
		    (int)(to->name.n < 100 ? to->name.n : 100),
		    (const char *)to->name.p);
		return false;
	}
	if (w->mails++ >= TESTSUITE_MAILS_MAX ||
	    (mail = arena_alloc(w->arena, sizeof(*mail))) == NULL)
		return false;
	mail->octets = octets;
	mail->flags = flags;
	*m->last = mail;
	m->last = &mail->next;
	return true;
}

/* The setting that says who sends what an action sends; NULL: there is none. */
static const char *
sender_setting(enum sieve_kind kind)
{
	switch (kind) {
	case SIEVE_REDIRECT:
		return "sieve_redirect_envelope_from";
	case SIEVE_NOTIFY:
		return "sieve_notify_mailto_envelope_from";
	case SIEVE_KEEP:
	case SIEVE_FILEINTO:
	case SIEVE_DISCARD:
	case SIEVE_REJECT:
	case SIEVE_VACATION:
		break;
	}
	return NULL;
}

/* Settings of the test file may put another sender into the envelope: sender,
 * recipient, orig_recipient, user_email, or an address in <>. */
static struct view
set_sender(struct world *w, const struct sieve_env *env,
    const struct sieve_action *a, struct view sender)
{
	const char *key = sender_setting(a->kind);
	struct view v;

	if (key == NULL || env->from.n == 0)
		return sender;
	v = header_trim(world_setting(w, key));
	if (v.n >= 2 && v.p[0] == '<')
		return world_path(w, v);
	if (view_eq(v, VIEW_LIT("sender")))
		return env->from;
	if (view_eq(v, VIEW_LIT("recipient")))
		return env->to;
	if (view_eq(v, VIEW_LIT("orig_recipient")))
		return w->orig_to;
	if (view_eq(v, VIEW_LIT("user_email")))
		return w->user.n > 0 ? w->user : env->to;
	return sender;
}

void
world_send(
    struct world *w, const struct sieve_env *env, const struct sieve_action *a)
{
	const struct testsuite_mail *t = NULL;
	struct world_mail *mail;

	if (w->host->send != NULL)
		t = w->host->send(w->host->ctx, env, a, w->arena);
	for (; t != NULL; t = t->next) {
		if (w->mails++ >= TESTSUITE_MAILS_MAX ||
		    (mail = arena_alloc(w->arena, sizeof(*mail))) == NULL)
			return;
		mail->octets = t->octets;
		mail->sender = set_sender(w, env, a, t->sender);
		mail->recipient = t->recipient;
		*w->sent_last = mail;
		w->sent_last = &mail->next;
	}
}

/* To each member of an external list. */
static void
send_to_list(
    struct world *w, const struct sieve_env *env, const struct sieve_action *a)
{
	struct view rest = setting_of(w, TESTSUITE_LIST, a->u.redirect.address);
	struct sieve_action one = *a;

	one.u.redirect.list = false;
	while (take_member(&rest, &one.u.redirect.address))
		world_send(w, env, &one);
}

bool
world_act(
    struct world *w, const struct sieve_env *env, const struct sieve_action *a)
{
	static const struct sieve_mailbox inbox = {
		.name = { (const uint8_t *)"INBOX", 5 },
		.create = true,
	};

	switch (a->kind) {
	case SIEVE_KEEP:
		return store(w, &inbox, a->u.keep.flags, a->message);
	case SIEVE_FILEINTO:
		return store(w, &a->u.fileinto.mailbox,
		    a->u.fileinto.mailbox.flags, a->message);
	case SIEVE_DISCARD:
		return true;
	case SIEVE_REDIRECT:
		if (a->u.redirect.list) {
			send_to_list(w, env, a);
			return true;
		}
		world_send(w, env, a);
		return true;
	case SIEVE_REJECT:
	case SIEVE_VACATION:
	case SIEVE_NOTIFY:
		world_send(w, env, a);
		return true;
	}
	return false;
}

static bool
first_address(
    struct world *w, struct view message, const char *name, struct view *out)
{
	struct header_field f;
	const struct address *d;
	uint8_t *p;

	if (!header_find(view_sub(message, 0, header_size(message)),
		view_str(name), &f) ||
	    (d = address_parse(f.value, w->arena)) == NULL || d->host.n == 0 ||
	    (p = arena_alloc(w->arena, d->mailbox.n + 1 + d->host.n)) == NULL)
		return false;
	memcpy(p, d->mailbox.p, d->mailbox.n);
	p[d->mailbox.n] = '@';
	memcpy(p + d->mailbox.n + 1, d->host.p, d->host.n);
	*out = (struct view){ p, d->mailbox.n + 1 + d->host.n };
	return true;
}

/* "@domain" *( "," "@domain" ) ":" in front of a mailbox (RFC 5321 section
 * 4.1.2), to be ignored; false: what stands there is something else. */
static bool
skip_route(struct world *w, struct view *v)
{
	AUTO_BUF struct buf b = BUF_INIT(1024);
	const uint8_t *colon;
	size_t n;

	if (v->n == 0 || v->p[0] != '@')
		return true;
	if ((colon = memchr(v->p, ':', v->n)) == NULL)
		return false;
	n = (size_t)(colon - v->p);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && v->p[i] == '@' && v->p[i - 1] != ',')
			return false;
		if (v->p[i] == '@')
			buf_put_byte(&b, 'x');
		buf_put_byte(&b, v->p[i]);
	}
	view_skip(v, n + 1);
	return !b.failed && tidy_is_address_list(buf_view(&b), w->arena);
}

/* Postmaster and the like may stand without a domain. */
static bool
is_local_part(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!(v.p[i] >= '0' && v.p[i] <= '9') &&
		    !((v.p[i] | 0x20) >= 'a' && (v.p[i] | 0x20) <= 'z') &&
		    v.p[i] != '-' && v.p[i] != '.' && v.p[i] != '_')
			return false;
	return v.n > 0;
}

struct view
world_path(struct world *w, struct view path)
{
	const struct view none = { NULL, 0 };
	struct view v = path;

	if (v.n >= 2 && v.p[0] == '<' && v.p[v.n - 1] == '>')
		v = view_sub(v, 1, v.n - 2);
	if (v.n == 0)
		return VIEW_LIT("");
	if (is_local_part(v))
		return v;
	if (!skip_route(w, &v) || v.n == 0 || memchr(v.p, '<', v.n) != NULL ||
	    memchr(v.p, '>', v.n) != NULL || memchr(v.p, ' ', v.n) != NULL ||
	    !tidy_is_address(v, w->arena, &v))
		return none;
	return v;
}

void
world_envelope(struct world *w, struct view message, struct sieve_env *env)
{
	if (!first_address(w, message, "Envelope-To", &env->to) &&
	    !first_address(w, message, "To", &env->to))
		env->to = VIEW_LIT("recipient@example.com");
	if (!first_address(w, message, "Return-Path", &env->from) &&
	    !first_address(w, message, "Sender", &env->from) &&
	    !first_address(w, message, "From", &env->from))
		env->from = VIEW_LIT("sender@example.com");
}
