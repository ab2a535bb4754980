#include "session/filter.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "session/filter_inside.h"
#include "session/reply.h"
#include "store/mailbox.h"
#include "store/metadata.h"

/*
 * A plan is made in two steps: the scripts run, one after the other while an
 * implicit keep is in force, then what they answered is put into places and
 * messages that leave. All results are kept until the plan ends, since the views
 * in it point into them.
 */
#define PLAN_ARENA ((size_t)16 << 20)
#define NOTE_S (365 * 86400ll)

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

void
filter_log(
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

/* /private entries are the account's owner's, who is the user of the script (RFC
 * 5490 section 3.3). What cannot be read now puts the message off, like a script
 * that cannot (section 5). */
static bool
metadata(void *ctx, struct view mailbox, struct view entry, struct arena *a,
    struct view *out)
{
	struct filter_inside *in = ctx;
	struct account *account = in->filter->env.account;
	struct mailbox_row row = { .id = 0 };
	int r = mailbox.p != NULL ? mailbox_find(account, mailbox, &row) : 0;

	if (r == 0)
		r = metadata_get(account, row.id, entry, a, out);
	/* no room in the arena is an error of the run, which notices */
	if (r != 0 && r != STORE_NOT_FOUND && r != STORE_BAD_NAME &&
	    r != -ENOMEM)
		in->metadata_failed = true;
	return r == 0;
}

uint32_t
filter_use(struct view use)
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
bool
filter_find_use(
    struct filter *f, struct view use, struct arena *a, struct view *name)
{
	AUTO_ARENA struct arena *scratch = arena_new((size_t)64 << 20);
	struct mailbox_entry *all;
	uint32_t bit = filter_use(use);
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
		return filter_find_use(in->filter, use, NULL, NULL);
	return mailbox_find(in->filter->env.account, mailbox, &row) == 0 &&
	    (row.uses & filter_use(use)) != 0;
}

/*
 * The scripts of one plan are one execution: the same question has one answer,
 * whatever another of them has asked before (RFC 7352 section 3). What a plan
 * before this one has seen counts when its message is delivered: "true" for a
 * message whose twin then fails would lose both. Messages of an IMAP event are
 * in their mailbox, and done by one commit.
 */
static bool
seen(void *ctx, const struct sieve_duplicate *d)
{
	struct filter_inside *in = ctx;
	struct memory_key k = memory_key(MEMORY_DUPLICATE, d->handle, d->id);
	struct filter_asked *a;

	if (in->m->cause == FILTER_BY_HAND)
		return false;
	for (size_t i = 0; i < in->n_asked; i++)
		if (memcmp(&in->asked[i].key, &k, sizeof(k)) == 0)
			return in->asked[i].answer;
	in->asked = xrealloc(in->asked, in->n_asked + 1, sizeof(*a));
	a = &in->asked[in->n_asked++];
	a->key = k;
	a->answer = memory_has(in->filter->memory, &k, in->m->now);
	in->waits |= in->m->cause == FILTER_DELIVERY &&
	    memory_only_pending(in->filter->memory, &k, in->m->now);
	return a->answer;
}

const char *
filter_cause_name(enum filter_cause cause)
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

static bool
is_empty_elsewhere(struct view name)
{
	return view_eq_ci(name, VIEW_LIT("imap.user")) ||
	    view_eq_ci(name, VIEW_LIT("imap.email")) ||
	    view_eq_ci(name, VIEW_LIT("imap.changedflags"));
}

/* RFC 6785 section 4; what it wants to be empty elsewhere is. */
static bool
environment(void *ctx, struct view name, struct arena *a, struct view *out)
{
	const struct filter_inside *in = ctx;
	const char *cause = filter_cause_name(in->m->cause);

	if (view_eq_ci(name, VIEW_LIT("vnd.dovecot.default-mailbox")))
		*out = VIEW_LIT("INBOX");
	else if (view_eq_ci(name, VIEW_LIT("vnd.dovecot.username")))
		*out = in->filter->env.user;
	else if (cause == NULL && is_empty_elsewhere(name))
		*out = VIEW_LIT("");
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

static bool
setting(void *ctx, struct view name, struct view *out)
{
	const struct filter_inside *in = ctx;
	const char *delimiters = in->filter->env.delimiters;

	if (delimiters == NULL ||
	    !view_eq(name, VIEW_LIT("recipient_delimiter")))
		return false;
	*out = view_str(delimiters);
	return true;
}

static const struct sieve_calls calls = {
	.mailbox_exists = mailbox_exists,
	.special_use = special_use,
	.metadata = metadata,
	.seen = seen,
	.script = filter_script_include,
	.environment = environment,
	.setting = setting,
};

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

/* What a run is told; kept: the message as the scripts before have left it, or
 * NULL: as it came. */
static void
fill_env(struct filter_inside *in, const struct sieve_action *kept,
    const struct view *own, struct sieve_env *e)
{
	const struct filter_message *m = in->m;
	struct filter *f = in->filter;

	*e = (struct sieve_env){ .message =
				     kept != NULL ? kept->message : m->octets,
		.version = kept != NULL ? kept->version : 0,
		.from = m->sender.p != NULL || m->cause == FILTER_BY_HAND
		    ? m->sender
		    : (struct view){ (const uint8_t *)"", 0 },
		.to = m->recipient.n > 0 ? m->recipient : view_str(f->user),
		.auth = m->auth,
		.addresses = own,
		.n_addresses = 1,
		.flags = in->flags_known ? in->flags.v : m->flags,
		.n_flags = in->flags_known ? in->flags.n : m->n_flags,
		.now = m->now,
		.zone_minutes = m->zone,
		.host = f->env.host,
		.remote_host = m->remote_host,
		.remote_ip = m->remote_ip,
		.calls = &calls,
		.ctx = in };
	e->imap_event = filter_is_event(in);
	if (e->imap_event || m->cause == FILTER_BY_HAND)
		e->phase = VIEW_LIT("post");
}

/*
 * Run one, and do all it says but its implicit keep. False: nothing more is to
 * run (no implicit keep, or it failed). *kept: in/out; the implicit keep; NULL:
 * none.
 */
static bool
run_one(struct filter_plan *p, const struct sieve_program *program,
    struct view name, const struct sieve_action **kept)
{
	struct filter_inside *in = p->inside;
	const struct view own = view_str(in->filter->user);
	struct sieve_result *r;
	struct sieve_env e;

	in->results =
	    xrealloc(in->results, in->n_results + 1, sizeof(*in->results));
	r = &in->results[in->n_results];
	fill_env(in, *kept, &own, &e);
	sieve_run(program, &e, r);
	in->n_results++;
	p->cost += r->cost;
	*kept = implicit(r);
	if (in->waits) {
		p->fate = FILTER_LATER;
		return false;
	}
	if (in->metadata_failed) {
		filter_log(in->filter, LOG_FAILURES, "annotations",
		    account_why(in->filter->env.account));
		p->fate = FILTER_LATER;
		return false;
	}
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
			filter_remember_add(
			    in, k, in->m->now + (int64_t)d->seconds);
	}
	for (size_t i = 0; i < r->n_actions; i++)
		if (&r->actions[i] != *kept)
			filter_act(p, &r->actions[i]);
	if (*kept == NULL)
		return false;
	if ((*kept)->u.keep.flags_known) {
		in->flags = (*kept)->u.keep.flags;
		in->flags_known = true;
	}
	return true;
}

struct chain {
	struct filter_plan *p;
	const struct sieve_action *kept; /* by the last that ran; NULL: none */
	bool any;                        /* a script has run */
};

static bool
chain_run(
    struct chain *c, const struct sieve_program *program, struct view name)
{
	if (program == NULL)
		return true;
	c->any = true;
	return run_one(c->p, program, name, &c->kept);
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
	struct reply_env e = filter_reply_env(in, (struct view){ NULL, 0 });
	struct filter_place *place;
	struct buf *b;

	if (f->error.line == 0 || memory_has(f->memory, &f->note, in->m->now))
		return;
	b = filter_add_buf(in, NULL, FILTER_REPLY_BYTES);
	reply_broken(&e, view_str(f->active_name), &f->error, b);
	place = filter_add_place(p);
	place->mailbox = VIEW_LIT("INBOX");
	place->octets = buf_view(b);
	filter_remember_add(in, f->note, in->m->now + NOTE_S);
}

static void
run_account(struct chain *c)
{
	struct filter *f = c->p->inside->filter;

	filter_script_look(f);
	if (f->unreadable) {
		c->p->fate = FILTER_LATER;
		return;
	}
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

	if (!filter_script_compile(
		in->filter, in->m->script, &program, &errors)) {
		c->p->error = errors.e[0];
		return;
	}
	(void)chain_run(c, program, VIEW_LIT("given"));
	filter_script_retire(in->filter, &program);
}

static void
run_event(struct chain *c)
{
	struct filter *f = c->p->inside->filter;

	filter_script_globals(f);
	if (!chain_globals(c, FILTER_EVENT_BEFORE) ||
	    (f->event_wanted &&
		!chain_run(c, f->event, view_str(f->event_name))))
		return;
	(void)chain_globals(c, FILTER_EVENT_AFTER);
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

	p->waits = p->inside->waits;
	if (p->fate == FILTER_LATER) {
		drop_all(p);
		p->text = "The rules cannot be read now";
		return;
	}
	if (p->fate == FILTER_REFUSE) { /* a notification's :fcc, at most */
		p->n_places = 0;
		return;
	}
	if (failed || !c->any) /* the message as it came */
		filter_keep(p, NULL, NULL);
	else if (c->kept != NULL)
		filter_keep(p, c->kept, &c->kept->u.keep);
	filter_vacation(p);
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
	struct chain c = { .p = out };

	*out = (struct filter_plan){ .arena = arena_new(PLAN_ARENA),
		.inside = in };
	in->filter = f;
	in->m = m;
	f->plans++;
	if (m->script.n > 0)
		run_given(&c);
	else if (m->cause == FILTER_DELIVERY)
		run_account(&c);
	else if (filter_is_event(in))
		run_event(&c);
	finish_plan(out, &c);
}

void
filter_done(struct filter *f, struct filter_plan *p)
{
	struct filter_inside *in = p->inside;

	for (size_t i = 0; i < in->n_remember; i++) {
		const struct filter_remember *r = &in->remember[i];

		/* a reply that could not be sent is due at the next occasion */
		if (r->out == 0 || !p->outs[r->out - 1].refused)
			(void)memory_add(
			    f->memory, &r->key, r->expires, in->m->now);
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
	free(in->asked);
	free(in);
	free(p->places);
	free(p->outs);
	arena_free(&p->arena);
	*p = (struct filter_plan){ 0 };
}
