#include "session/filter.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/random.h"
#include "mail/header.h"
#include "session/filter_inside.h"
#include "session/reply.h"
#include "store/mailbox.h"

/*
 * A plan is made in two steps: the scripts run, one after the other while an
 * implicit keep is in force, then what they answered is put into places and
 * messages that leave. All results are kept until the plan ends, since the views
 * in it point into them.
 */
#define PLAN_ARENA ((size_t)16 << 20)
#define TO_MAX 64 /* recipients of a notification */
#define NOTE_S (365 * 86400ll)
#define REPLY_BYTES (8 * REPLY_MAX)

/* ---- life ---- */

static char *
user_address(const struct filter_env *e)
{
	bool has_domain =
	    e->user.n > 0 && memchr(e->user.p, '@', e->user.n) != NULL;
	size_t n = e->user.n + (has_domain ? 0 : e->host.n + 1);
	char *out = xcalloc(1, n + 1);

	memcpy(out, e->user.p, e->user.n);
	if (has_domain)
		return out;
	out[e->user.n] = '@';
	memcpy(out + e->user.n + 1, e->host.p, e->host.n);
	return out;
}

struct filter *
filter_new(const struct filter_env *env)
{
	struct filter *f = xcalloc(1, sizeof(*f));

	f->env = *env;
	f->user = user_address(env);
	f->scripts = scripts_new(env->dir, NULL);
	f->memory = memory_new(env->dir);
	return f;
}

void
filter_free(struct filter **f)
{
	if (*f == NULL)
		return;
	filter_script_fini(*f);
	filter_made_forget(*f);
	scripts_free(&(*f)->scripts);
	memory_free(&(*f)->memory);
	free((*f)->user);
	free(*f);
	*f = NULL;
}

static void
log_text(
    struct filter *f, enum log_level level, const char *event, const char *text)
{
	if (f->env.log != NULL)
		log_say(f->env.log, level, event, "%s", text);
}

/* ---- what scripts ask ---- */

static bool
mailbox_exists(void *ctx, struct view mailbox)
{
	const struct filter_inside *in = ctx;
	struct mailbox_row row;

	return mailbox_find(in->filter->env.account, mailbox, &row) == 0 &&
	    !row.noselect;
}

static uint32_t
use_bit(struct view use)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} uses[] = { { "\\All", STORE_USE_ALL },
		{ "\\Archive", STORE_USE_ARCHIVE },
		{ "\\Drafts", STORE_USE_DRAFTS },
		{ "\\Flagged", STORE_USE_FLAGGED },
		{ "\\Junk", STORE_USE_JUNK }, { "\\Sent", STORE_USE_SENT },
		{ "\\Trash", STORE_USE_TRASH },
		{ "\\Important", STORE_USE_IMPORTANT } };

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (view_eq_ci(use, view_str(uses[i].name)))
			return uses[i].bit;
	return 0;
}

/* The first mailbox with the use, in the arena; false: there is none. */
static bool
find_use(struct filter *f, struct view use, struct arena *a, struct view *name)
{
	AUTO_ARENA struct arena *scratch = arena_new((size_t)64 << 20);
	struct mailbox_entry *all;
	uint32_t bit = use_bit(use);
	const char *copy;
	size_t n;

	if (bit == 0 || mailbox_list(f->env.account, scratch, &all, &n) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((all[i].row.uses & bit) == 0 || all[i].row.noselect)
			continue;
		if (a == NULL)
			return true;
		if ((copy = arena_strdup(a, all[i].name)) == NULL)
			return false;
		*name = view_str(copy);
		return true;
	}
	return false;
}

static bool
special_use(void *ctx, struct view mailbox, struct view use)
{
	const struct filter_inside *in = ctx;
	struct mailbox_row row;

	if (mailbox.p == NULL)
		return find_use(in->filter, use, NULL, NULL);
	return mailbox_find(in->filter->env.account, mailbox, &row) == 0 &&
	    (row.uses & use_bit(use)) != 0;
}

static bool
seen(void *ctx, const struct sieve_duplicate *d)
{
	const struct filter_inside *in = ctx;
	struct memory_key k = memory_key(MEMORY_DUPLICATE, d->handle, d->id);

	return memory_has(in->filter->memory, &k, in->m->now);
}

static const char *
cause_name(enum filter_cause cause)
{
	switch (cause) {
	case FILTER_APPEND:
		return "APPEND";
	case FILTER_COPY:
		return "COPY";
	case FILTER_FLAG:
		return "FLAG";
	case FILTER_DELIVERY:
	case FILTER_BY_HAND:
		break;
	}
	return NULL;
}

static bool
put_flags(const struct filter_message *m, struct arena *a, struct view *out)
{
	AUTO_BUF struct buf b = BUF_INIT(65536);
	const char *copy;

	for (size_t i = 0; i < m->n_changed; i++) {
		if (i > 0)
			buf_put_byte(&b, ' ');
		buf_put(&b, m->changed[i]);
	}
	if ((copy = arena_strdup(a, buf_view(&b))) == NULL)
		return false;
	*out = view_str(copy);
	return true;
}

/* RFC 6785 section 4.1; nothing of it elsewhere. */
static bool
environment(void *ctx, struct view name, struct arena *a, struct view *out)
{
	const struct filter_inside *in = ctx;
	const char *cause = cause_name(in->m->cause);

	if (view_eq_ci(name, VIEW_LIT("vnd.dovecot.default-mailbox")))
		*out = VIEW_LIT("INBOX");
	else if (view_eq_ci(name, VIEW_LIT("vnd.dovecot.username")))
		*out = in->filter->env.user;
	else if (cause == NULL)
		return false;
	else if (view_eq_ci(name, VIEW_LIT("imap.cause")))
		*out = view_str(cause);
	else if (view_eq_ci(name, VIEW_LIT("imap.mailbox")))
		*out = in->m->mailbox;
	else if (view_eq_ci(name, VIEW_LIT("imap.user")))
		*out = in->m->imap_user;
	else if (view_eq_ci(name, VIEW_LIT("imap.email")))
		*out = view_str(in->filter->user);
	else if (view_eq_ci(name, VIEW_LIT("imap.changedflags")))
		return put_flags(in->m, a, out);
	else
		return false;
	return true;
}

static const struct sieve_calls calls = {
	.mailbox_exists = mailbox_exists,
	.special_use = special_use,
	.seen = seen,
	.script = filter_script_include,
	.environment = environment,
};

/* ---- parts of a plan ---- */

struct filter_place *
filter_add_place(struct filter_plan *p)
{
	p->places =
	    xrealloc(p->places, p->n_places + 1, sizeof(struct filter_place));
	p->places[p->n_places] = (struct filter_place){ 0 };
	return &p->places[p->n_places++];
}

static struct filter_out *
add_out(struct filter_plan *p)
{
	p->outs = xrealloc(p->outs, p->n_outs + 1, sizeof(struct filter_out));
	p->outs[p->n_outs] = (struct filter_out){ 0 };
	return &p->outs[p->n_outs++];
}

static struct buf *
add_buf(struct filter_inside *in, const uint8_t *source, size_t max)
{
	in->bufs = xrealloc(in->bufs, in->n_bufs + 1, sizeof(struct buf));
	in->sources = xrealloc(in->sources, in->n_bufs + 1, sizeof(uint8_t *));
	buf_init(&in->bufs[in->n_bufs], max);
	in->sources[in->n_bufs] = source;
	return &in->bufs[in->n_bufs++];
}

static void
remember(struct filter_inside *in, struct memory_key key, int64_t expires)
{
	in->remember = xrealloc(
	    in->remember, in->n_remember + 1, sizeof(struct filter_remember));
	in->remember[in->n_remember++] =
	    (struct filter_remember){ key, expires };
	memory_pending(in->filter->memory, &key);
}

static struct reply_env
reply_env(struct filter_inside *in, struct view original)
{
	if (in->unique == 0)
		in->unique = (random_u64() >> 8) + 1;
	return (struct reply_env){ .host = in->filter->env.host,
		.user = view_str(in->filter->user),
		.original = original,
		.now = in->m->now,
		.zone = in->m->zone,
		.unique = in->unique++ };
}

/* ---- keys ---- */

/* All of the message but what we have put in front, which differs each time it
 * is brought: fields up to and with the first Received. */
static void
digest_base(struct filter_inside *in)
{
	struct view rest = in->m->octets, at = rest;
	struct header_field f;
	struct digest_sha256 d;

	while (header_next(&rest, &f)) {
		bool received = view_eq_ci(f.name, VIEW_LIT("Received"));

		if (!received && !view_eq_ci(f.name, VIEW_LIT("Return-Path")) &&
		    !view_eq_ci(f.name, VIEW_LIT("Delivered-To")))
			break;
		at = rest;
		if (received)
			break;
	}
	digest_sha256_init(&d);
	digest_sha256_add(&d, in->m->sender);
	digest_sha256_add(&d, VIEW_LIT("\n"));
	digest_sha256_add(&d, at);
	digest_sha256_end(&d, in->base);
	in->has_base = true;
}

static void
set_key(struct filter_inside *in, struct filter_out *o)
{
	const uint8_t kind = (uint8_t)o->kind;
	uint8_t sum[DIGEST_SHA256_SIZE];
	struct digest_sha256 d;

	if (!in->has_base)
		digest_base(in);
	digest_sha256_init(&d);
	digest_sha256_add(&d, (struct view){ in->base, sizeof(in->base) });
	digest_sha256_add(&d, (struct view){ &kind, 1 });
	for (size_t i = 0; i < o->n; i++) {
		digest_sha256_add(&d, o->to[i]);
		digest_sha256_add(&d, VIEW_LIT("\n"));
	}
	digest_sha256_end(&d, sum);
	memcpy(o->key, sum, sizeof(o->key));
}

/* ---- places ---- */

static const struct {
	const char *name;
	uint16_t bit;
} system_flags[] = { { "\\Seen", STORE_SEEN }, { "\\Answered", STORE_ANSWERED },
	{ "\\Flagged", STORE_FLAGGED }, { "\\Deleted", STORE_DELETED },
	{ "\\Draft", STORE_DRAFT } };

static void
set_flags(struct filter_plan *p, struct filter_place *place,
    const struct sieve_flags *flags)
{
	struct view *words =
	    arena_alloc(p->arena, (flags->n + 1) * sizeof(struct view));

	for (size_t i = 0; i < flags->n; i++) {
		uint16_t bit = 0;

		for (size_t k = 0;
		     k < sizeof(system_flags) / sizeof(system_flags[0]); k++)
			if (view_eq_ci(
				flags->v[i], view_str(system_flags[k].name)))
				bit = system_flags[k].bit;
		place->flags |= bit;
		if (bit == 0 && words != NULL && flags->v[i].n > 0 &&
		    flags->v[i].p[0] != '\\')
			words[place->n_keywords++] = flags->v[i];
	}
	place->keywords = words;
}

static void
set_octets(const struct filter_inside *in, struct filter_place *place,
    struct view octets)
{
	place->octets = octets;
	place->original =
	    octets.p == in->m->octets.p && octets.n == in->m->octets.n;
}

static void
set_mailbox(struct filter_plan *p, struct filter_place *place,
    const struct sieve_mailbox *m)
{
	struct filter *f = p->inside->filter;

	place->mailbox = m->name;
	place->create = m->create;
	if (m->special_use.p != NULL)
		(void)find_use(f, m->special_use, p->arena, &place->mailbox);
	set_flags(p, place, &m->flags);
}

static void
keep(struct filter_plan *p, struct view octets, const struct sieve_keep *k)
{
	struct filter_place *place = filter_add_place(p);
	const struct filter_message *m = p->inside->m;

	place->mailbox = m->mailbox.n > 0 ? m->mailbox : VIEW_LIT("INBOX");
	place->keep = true;
	place->implicit = k == NULL || k->implicit;
	set_octets(p->inside, place, octets);
	if (k == NULL)
		return;
	place->flags_known = k->flags_known;
	set_flags(p, place, &k->flags);
}

static void
fileinto(struct filter_plan *p, const struct sieve_action *a)
{
	struct filter_place *place = filter_add_place(p);

	set_octets(p->inside, place, a->message);
	set_mailbox(p, place, &a->u.fileinto.mailbox);
}

/* A copy of what was sent (RFC 8580). */
static void
fcc(struct filter_plan *p, const struct sieve_mailbox *m, struct view octets)
{
	struct filter_place *place;

	if (m->name.p == NULL)
		return;
	place = filter_add_place(p);
	place->octets = octets;
	set_mailbox(p, place, m);
}

/* ---- what leaves ---- */

static struct view *
one_address(struct filter_plan *p, struct view address)
{
	struct view *to = arena_alloc(p->arena, sizeof(*to));

	if (to != NULL)
		*to = address;
	return to;
}

/* The message as it is sent on; the same for all redirects of it. */
static struct view
redirected(struct filter_inside *in, struct view message)
{
	struct reply_env e = reply_env(in, message);
	struct buf *b;

	for (size_t i = 0; i < in->n_bufs; i++)
		if (in->sources[i] == message.p)
			return buf_view(&in->bufs[i]);
	b = add_buf(in, message.p, message.n + 4096);
	reply_redirect(&e, b);
	return buf_view(b);
}

static void
redirect(struct filter_plan *p, const struct sieve_action *a)
{
	struct filter_inside *in = p->inside;
	const struct sieve_redirect *r = &a->u.redirect;
	struct view user = view_str(in->filter->user);
	struct filter_out *o;

	if (r->list || view_eq_ci(r->address, user) ||
	    reply_is_loop(a->message, user, in->m->delivered_to)) {
		log_text(in->filter, LOG_PROBLEMS, "redirect",
		    r->list ? "external lists are not served"
			    : "it would come back to the user: kept");
		if (!r->copy)
			keep(p, a->message, NULL);
		return;
	}
	o = add_out(p);
	o->kind = FILTER_REDIRECT;
	o->sender = in->m->sender;
	o->octets = redirected(in, a->message);
	o->to = one_address(p, r->address);
	o->n = o->to != NULL;
	o->keep_if_refused = !r->copy;
	set_key(in, o);
}

static void
vacation(struct filter_plan *p, const struct sieve_action *a)
{
	struct filter_inside *in = p->inside;
	const struct sieve_vacation *v = &a->u.vacation;
	struct memory_key k = memory_key(MEMORY_VACATION, v->handle, v->to);
	struct reply_env e = reply_env(in, in->m->octets);
	struct filter_out *o;
	struct buf *b;

	if (v->seconds > 0 && memory_has(in->filter->memory, &k, in->m->now))
		return;
	b = add_buf(in, NULL, REPLY_BYTES);
	reply_vacation(&e, v, b);
	o = add_out(p);
	o->kind = FILTER_VACATION;
	o->octets = buf_view(b);
	o->to = one_address(p, v->to);
	o->n = o->to != NULL;
	set_key(in, o);
	if (v->seconds > 0)
		remember(in, k, in->m->now + (int64_t)v->seconds);
	fcc(p, &v->fcc, o->octets);
}

static void
notify(struct filter_plan *p, const struct sieve_action *a)
{
	struct filter_inside *in = p->inside;
	const struct sieve_notify *n = &a->u.notify;
	struct reply_env e = reply_env(in, in->m->octets);
	struct view *to = arena_alloc(p->arena, TO_MAX * sizeof(struct view));
	struct filter_out *o;
	struct buf *b;
	size_t n_to;

	if (to == NULL || !reply_may_notify(in->m->octets))
		return;
	b = add_buf(in, NULL, REPLY_BYTES);
	if (!reply_notify(&e, n, p->arena, to, TO_MAX, &n_to, b))
		return;
	o = add_out(p);
	o->kind = FILTER_NOTIFY;
	/* RFC 5436 section 2.7: null stays null */
	if (in->m->sender.n > 0)
		o->sender = view_str(in->filter->user);
	o->octets = buf_view(b);
	o->to = to;
	o->n = n_to;
	set_key(in, o);
	fcc(p, &n->fcc, o->octets);
}

/* One line of ASCII for the answer; false: it cannot be said so. */
static bool
as_answer(struct view reason, char *out, size_t size)
{
	size_t n = 0;

	reason = header_trim(reason);
	for (size_t i = 0; i < reason.n; i++) {
		uint8_t c = reason.p[i];

		if (c >= 0x80 || n + 1 == size)
			return false;
		if (c > ' ' && c < 0x7f)
			out[n++] = (char)c;
		else if (n > 0 && out[n - 1] != ' ')
			out[n++] = ' ';
	}
	out[n] = '\0';
	return n > 0;
}

static bool
is_one_line(struct view reason)
{
	reason = header_trim(reason);
	return reason.n == 0 || memchr(reason.p, '\n', reason.n) == NULL;
}

/* RFC 5429: ereject is said in the dialogue whenever that can be, reject when
 * the words can be said there as they are. */
static bool
refuse(struct filter_plan *p, const struct sieve_reject *r)
{
	if (!p->inside->m->can_refuse)
		return false;
	if (as_answer(r->reason, p->text, sizeof(p->text)) &&
	    (r->ereject || is_one_line(r->reason))) {
		p->fate = FILTER_REFUSE;
		return true;
	}
	if (!r->ereject)
		return false;
	(void)memcpy(p->text, "The recipient's rules refuse this message", 42);
	p->fate = FILTER_REFUSE;
	return true;
}

static void
reject(struct filter_plan *p, const struct sieve_action *a)
{
	struct filter_inside *in = p->inside;
	const struct sieve_reject *r = &a->u.reject;
	struct reply_env e = reply_env(in, in->m->octets);
	struct filter_out *o;
	struct buf *b;

	if (p->n_places == 0 && p->n_outs == 0 && refuse(p, r))
		return;
	/* neither DSN nor MDN may answer the null sender, nor a machine */
	if (in->m->sender.n == 0) {
		log_text(in->filter, LOG_MAJOR, "reject",
		    "nobody can be told: the sender is null");
		return;
	}
	b = add_buf(in, NULL, REPLY_BYTES);
	reply_reject(&e, r, in->m->sender,
	    in->m->recipient.n > 0 ? in->m->recipient
				   : view_str(in->filter->user),
	    b);
	o = add_out(p);
	o->kind = FILTER_REJECT;
	o->octets = buf_view(b);
	o->to = one_address(p, in->m->sender);
	o->n = o->to != NULL;
	o->keep_if_refused = true; /* nobody would know of it */
	set_key(in, o);
}

static void
act(struct filter_plan *p, const struct sieve_action *a)
{
	switch (a->kind) {
	case SIEVE_KEEP:
		keep(p, a->message, &a->u.keep);
		return;
	case SIEVE_FILEINTO:
		fileinto(p, a);
		return;
	case SIEVE_REDIRECT:
		redirect(p, a);
		return;
	case SIEVE_DISCARD:
		return;
	case SIEVE_REJECT:
		reject(p, a);
		return;
	case SIEVE_VACATION:
		vacation(p, a);
		return;
	case SIEVE_NOTIFY:
		notify(p, a);
		return;
	}
}

/* ---- running ---- */

static void
log_failed(struct filter *f, struct view name, const struct sieve_error *e)
{
	struct log_line l;

	if (f->env.log == NULL)
		return;
	log_begin(&l, f->env.log, LOG_FAILURES, "script-failed");
	log_view(&l, "name", name);
	log_u64(&l, "line", e->line);
	log_u64(&l, "column", e->column);
	log_str(&l, "text", e->text);
	log_end(&l);
}

/* The implicit keep of a result that ended well; NULL: it is not in force. */
static const struct sieve_action *
implicit(const struct sieve_result *r)
{
	return r->implicit_keep && r->n_actions > 0 &&
		r->actions[r->n_actions - 1].kind == SIEVE_KEEP
	    ? &r->actions[r->n_actions - 1]
	    : NULL;
}

/* What a run is told; message: as the scripts before have left it. */
static void
fill_env(struct filter_inside *in, struct view message, const struct view *own,
    struct sieve_env *e)
{
	const struct filter_message *m = in->m;
	struct filter *f = in->filter;

	*e = (struct sieve_env){ .message = message,
		.from = m->sender.p != NULL
		    ? m->sender
		    : (struct view){ (const uint8_t *)"", 0 },
		.to = m->recipient.n > 0 ? m->recipient : view_str(f->user),
		.auth = m->auth,
		.addresses = own,
		.n_addresses = 1,
		.flags = m->flags,
		.n_flags = m->n_flags,
		.now = m->now,
		.zone_minutes = m->zone,
		.host = f->env.host,
		.remote_host = m->remote_host,
		.remote_ip = m->remote_ip,
		.calls = &calls,
		.ctx = in };
	if (cause_name(m->cause) != NULL || m->cause == FILTER_BY_HAND)
		e->phase = VIEW_LIT("post");
}

/*
 * Run one, and do all it says but its implicit keep. False: nothing more is to
 * run (no implicit keep, or it failed). *kept: the implicit keep; NULL: none.
 */
static bool
run_one(struct filter_plan *p, const struct sieve_program *program,
    struct view name, struct view *message, const struct sieve_action **kept)
{
	struct filter_inside *in = p->inside;
	const struct view own = view_str(in->filter->user);
	struct sieve_result *r;
	struct sieve_env e;

	in->results =
	    xrealloc(in->results, in->n_results + 1, sizeof(*in->results));
	r = &in->results[in->n_results];
	fill_env(in, *message, &own, &e);
	sieve_run(program, &e, r);
	in->n_results++;
	*kept = implicit(r);
	if (r->end != SIEVE_DONE) {
		log_failed(in->filter, name, &r->error);
		p->error = r->error;
		if (r->end == SIEVE_TEMPORARY)
			p->fate = FILTER_LATER;
		return false;
	}
	for (size_t i = 0; i < r->n_seen; i++) {
		const struct sieve_duplicate *d = &r->seen[i];
		struct memory_key k =
		    memory_key(MEMORY_DUPLICATE, d->handle, d->id);

		if (d->last || !memory_has(in->filter->memory, &k, in->m->now))
			remember(in, k, in->m->now + (int64_t)d->seconds);
	}
	for (size_t i = 0; i < r->n_actions; i++)
		if (&r->actions[i] != *kept)
			act(p, &r->actions[i]);
	if (*kept == NULL)
		return false;
	*message = (*kept)->message;
	return true;
}

struct chain {
	struct filter_plan *p;
	struct view message;
	const struct sieve_action *kept;
	bool any; /* a script has run */
};

static bool
chain_run(
    struct chain *c, const struct sieve_program *program, struct view name)
{
	if (program == NULL)
		return true;
	c->any = true;
	return run_one(c->p, program, name, &c->message, &c->kept);
}

static bool
chain_globals(struct chain *c, enum filter_where where)
{
	struct filter *f = c->p->inside->filter;

	for (struct filter_script *s = f->globals; s != NULL; s = s->next)
		if (s->where == where &&
		    !chain_run(c, filter_script_program(f, s), s->name))
			return false;
	return true;
}

/* The user hears once of a text that is broken. */
static void
note_broken(struct filter_plan *p)
{
	struct filter_inside *in = p->inside;
	struct filter *f = in->filter;
	struct reply_env e = reply_env(in, (struct view){ NULL, 0 });
	struct filter_place *place;
	struct buf *b;

	if (f->error.line == 0 || memory_has(f->memory, &f->note, in->m->now))
		return;
	b = add_buf(in, NULL, REPLY_BYTES);
	reply_broken(&e, view_str(f->active_name), &f->error, b);
	place = filter_add_place(p);
	place->mailbox = VIEW_LIT("INBOX");
	place->octets = buf_view(b);
	remember(in, f->note, in->m->now + NOTE_S);
}

static void
run_account(struct chain *c)
{
	struct filter *f = c->p->inside->filter;

	filter_script_look(f);
	filter_script_globals(f);
	if (!chain_globals(c, FILTER_BEFORE) ||
	    !chain_run(c, f->active,
		view_str(f->active_name != NULL ? f->active_name : "")))
		return;
	(void)chain_globals(c, FILTER_AFTER);
}

/* The one script of m, compiled for this plan. */
static void
run_given(struct chain *c)
{
	struct filter_inside *in = c->p->inside;
	struct sieve_program *program;
	struct sieve_errors errors;

	if (!filter_script_compile(in->filter, in->m->script,
		cause_name(in->m->cause) != NULL, &program, &errors)) {
		c->p->error = errors.e[0];
		return;
	}
	(void)chain_run(c, program, VIEW_LIT("given"));
	filter_script_retire(in->filter, &program);
}

/* Places for nothing when it is refused or deferred. */
static void
drop_all(struct filter_plan *p)
{
	p->n_places = 0;
	p->n_outs = 0;
}

static void
finish_plan(struct filter_plan *p, struct chain *c)
{
	bool failed = p->error.line != 0;

	if (p->fate == FILTER_LATER) {
		drop_all(p);
		(void)memcpy(p->text, "The rules cannot be read now", 29);
		return;
	}
	if (failed || !c->any) /* the message as it came */
		keep(p, p->inside->m->octets, NULL);
	else if (c->kept != NULL)
		keep(p, c->message, &c->kept->u.keep);
	p->cancel_keep = !failed && c->any;
	for (size_t i = 0; i < p->n_places; i++)
		p->cancel_keep = p->cancel_keep && !p->places[i].keep;
	if (p->inside->m->cause == FILTER_DELIVERY && p->fate == FILTER_ACCEPT)
		note_broken(p);
}

void
filter_plan(
    struct filter *f, const struct filter_message *m, struct filter_plan *out)
{
	struct filter_inside *in = xcalloc(1, sizeof(*in));
	struct chain c = { .p = out, .message = m->octets };

	*out = (struct filter_plan){ .arena = arena_new(PLAN_ARENA),
		.inside = in };
	in->filter = f;
	in->m = m;
	f->plans++;
	if (m->script.n > 0)
		run_given(&c);
	else if (m->cause == FILTER_DELIVERY)
		run_account(&c);
	finish_plan(out, &c);
}

void
filter_done(struct filter *f, struct filter_plan *p)
{
	struct filter_inside *in = p->inside;

	for (size_t i = 0; i < in->n_remember; i++) {
		const struct filter_remember *r = &in->remember[i];

		(void)memory_add(f->memory, &r->key, r->expires, in->m->now);
		memory_forget_pending(f->memory, &r->key);
	}
	in->n_remember = 0;
}

void
filter_plan_fini(struct filter_plan *p)
{
	struct filter_inside *in = p->inside;

	if (in == NULL)
		return;
	for (size_t i = 0; i < in->n_remember; i++)
		memory_forget_pending(in->filter->memory, &in->remember[i].key);
	for (size_t i = 0; i < p->n_places; i++)
		spool_free(&p->places[i].spool);
	for (size_t i = 0; i < in->n_bufs; i++)
		buf_fini(&in->bufs[i]);
	for (size_t i = 0; i < in->n_results; i++)
		sieve_result_fini(&in->results[i]);
	/* the transaction is over: its address may be another's next */
	filter_made_forget(in->filter);
	in->filter->plans--;
	if (in->filter->plans == 0)
		while (in->filter->n_retired > 0)
			sieve_free(
			    &in->filter->retired[--in->filter->n_retired]);
	free(in->results);
	free(in->bufs);
	free(in->sources);
	free(in->remember);
	free(in);
	free(p->places);
	free(p->outs);
	arena_free(&p->arena);
	*p = (struct filter_plan){ 0 };
}
