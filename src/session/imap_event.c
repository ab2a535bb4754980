#include "session/imap_event.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "session/filter.h"
#include "session/hub.h"
#include "session/internal.h"
#include "store/metadata.h"

/*
 * What has happened stands in groups: messages of one mailbox to which the same
 * was done. Each group is run in batches, in the order of session/filter.h; the
 * message is there already, so that is all there is to lose.
 */
#define LIST_ARENA ((size_t)128 << 20) /* names of all mailboxes */
#define GROUPS_LOOKED_AT 64            /* from the end, for one that is alike */

struct event_group {
	enum filter_cause cause;
	uint32_t mailbox;
	struct store_flags changed;
	struct uidset set;
};

/* What a change of flags that is not committed yet will do to a message. */
struct event_flags {
	uint32_t uid;
	struct store_flags changed;
};

struct event_queue {
	struct filter *filter;
	struct event_group *group;
	size_t n, cap;
	struct event_flags *flags; /* in the order of UIDs */
	size_t n_flags, flags_cap;
	uint64_t number; /* of the last message that was to leave */
	bool is_deaf;    /* the hub did not answer: nothing leaves any more */
	uint64_t cost;   /* of this command's scripts */
};

/* A message and what is to be done with it. */
struct event_item {
	const struct message_row *row;
	struct filter_message message;
	struct filter_plan plan;
	bool planned;
};

struct event_batch {
	struct session *s;
	const struct event_group *group;
	struct view mailbox; /* its name */
	struct arena *arena; /* of the batch */
	struct event_item item[EVENT_BATCH];
	size_t n;
};

/* ---- is there a script? ---- */

static struct filter *
filter_of(struct session *s)
{
	const struct session_events *v = s->env->events;
	struct filter_env e = { .dir = s->c.env->dir,
		.account = s->c.account,
		.user = s->c.env->user,
		.host = v->host,
		.globals = v->globals,
		.disabled = v->disabled,
		.n_disabled = v->n_disabled,
		.delimiters = v->delimiters,
		.log = s->c.log };

	if (s->events == NULL)
		s->events = xcalloc(1, sizeof(*s->events));
	if (s->events->filter == NULL)
		s->events->filter = filter_new(&e);
	return s->events->filter;
}

/* The name of the mailbox's script; n 0: it has none. The entry of the server is
 * looked at only when the mailbox has none (RFC 6785 section 2.3.1). */
static struct view
script_of(struct session *s, uint32_t mailbox, struct arena *a)
{
	const struct view entry = VIEW_LIT(EVENT_ENTRY);
	struct view name = { NULL, 0 };
	int r;

	if (!s->env->events->users)
		return name;
	r = metadata_get(s->c.account, mailbox, entry, a, &name);

	if (r == STORE_NOT_FOUND)
		r = metadata_get(s->c.account, 0, entry, a, &name);
	if (r != 0 && r != STORE_NOT_FOUND)
		(void)session_failed(s, "annotations", r);
	return r == 0 ? name : (struct view){ NULL, 0 };
}

static bool
is_wanted(struct session *s, uint32_t mailbox)
{
	AUTO_ARENA struct arena *a = NULL;

	if (s->env->events == NULL)
		return false;
	if (s->env->events->globals.n > 0 &&
	    filter_has_event_scripts(filter_of(s)))
		return true;
	a = arena_new(4 * METADATA_VALUE_MAX);
	return script_of(s, mailbox, a).n > 0;
}

/* ---- what has happened ---- */

static bool
same_flags(const struct store_flags *a, const struct store_flags *b)
{
	return a->system == b->system && a->keywords[0] == b->keywords[0] &&
	    a->keywords[1] == b->keywords[1];
}

static struct event_group *
group_of(struct session *s, enum filter_cause cause, uint32_t mailbox,
    const struct store_flags *changed)
{
	struct event_queue *q;
	size_t i;

	(void)filter_of(s);
	q = s->events;
	for (i = q->n; i > 0 && q->n - i < GROUPS_LOOKED_AT; i--)
		if (q->group[i - 1].cause == cause &&
		    q->group[i - 1].mailbox == mailbox &&
		    same_flags(&q->group[i - 1].changed, changed))
			return &q->group[i - 1];
	if (q->n == q->cap) {
		q->cap = q->cap == 0 ? 4 : 2 * q->cap;
		q->group = xrealloc(q->group, q->cap, sizeof(*q->group));
	}
	q->group[q->n] = (struct event_group){
		.cause = cause, .mailbox = mailbox, .changed = *changed
	};
	return &q->group[q->n++];
}

static const struct store_flags no_flags;

void
event_appended(
    struct session *s, uint32_t mailbox, const uint32_t *uid, size_t n)
{
	struct event_group *g;

	if (n == 0 || !is_wanted(s, mailbox))
		return;
	g = group_of(s, FILTER_APPEND, mailbox, &no_flags);
	for (size_t i = 0; i < n; i++)
		uidset_add(&g->set, uid[i], uid[i]);
}

void
event_copied(struct session *s, uint32_t mailbox, uint32_t first, uint64_t n)
{
	if (n > 0 && is_wanted(s, mailbox))
		uidset_add(&group_of(s, FILTER_COPY, mailbox, &no_flags)->set,
		    first, first + (uint32_t)(n - 1));
}

void
event_seen(struct session *s, const struct uid_run *runs, size_t n)
{
	const struct store_flags seen = { .system = STORE_SEEN };

	if (n > 0 && is_wanted(s, s->st.mailbox))
		uidset_add_runs(
		    &group_of(s, FILTER_FLAG, s->st.mailbox, &seen)->set, runs,
		    n);
}

/* The flags of one that has had `had` that will be other ones. */
static struct store_flags
difference(const struct store_flags *had, enum tx_flags_how how,
    const struct store_flags *f)
{
	struct store_flags out = *f;

	switch (how) {
	case TX_FLAGS_SET:
		out.system ^= had->system;
		for (size_t i = 0; i < 2; i++)
			out.keywords[i] ^= had->keywords[i];
		break;
	case TX_FLAGS_ADD:
		out.system &= (uint16_t)~had->system;
		for (size_t i = 0; i < 2; i++)
			out.keywords[i] &= ~had->keywords[i];
		break;
	case TX_FLAGS_REMOVE:
		out.system &= had->system;
		for (size_t i = 0; i < 2; i++)
			out.keywords[i] &= had->keywords[i];
		break;
	}
	return out;
}

static void
remember_flags(struct event_queue *q, uint32_t uid, struct store_flags changed)
{
	if (same_flags(&changed, &no_flags))
		return;
	if (q->n_flags == q->flags_cap) {
		q->flags_cap = q->flags_cap == 0 ? 16 : 2 * q->flags_cap;
		q->flags = xrealloc(q->flags, q->flags_cap, sizeof(*q->flags));
	}
	q->flags[q->n_flags++] = (struct event_flags){ uid, changed };
}

void
event_flagging(struct session *s, const struct uidset *set,
    enum tx_flags_how how, const struct store_flags *flags)
{
	struct session_rows rows;

	if (s->events != NULL)
		s->events->n_flags = 0;
	if (!is_wanted(s, s->st.mailbox))
		return;
	(void)filter_of(s);
	rows_init(&rows, s, set);
	while (rows_next(&rows) == 0 && rows.n > 0)
		for (size_t i = 0; i < rows.n; i++)
			remember_flags(s->events, rows.row[i].uid,
			    difference(&rows.row[i].flags, how, flags));
	rows_fini(&rows);
}

void
event_flagged(struct session *s, const struct uid_run *runs, size_t n)
{
	struct event_queue *q = s->events;
	size_t run = 0;

	for (size_t i = 0; q != NULL && i < q->n_flags; i++) {
		const struct event_flags *f = &q->flags[i];

		while (run < n && runs[run].hi < f->uid)
			run++;
		if (run < n && runs[run].lo <= f->uid)
			uidset_add(&group_of(s, FILTER_FLAG, s->st.mailbox,
				       &f->changed)
					->set,
			    f->uid, f->uid);
	}
	if (q != NULL)
		q->n_flags = 0;
}

/* ---- plans ---- */

/* Names of flags for a script, in the arena. */
static size_t
name_flags(struct session *s, const struct store_flags *f, struct arena *a,
    const struct view **out)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} system[] = { { STORE_ANSWERED, "\\Answered" },
		{ STORE_FLAGGED, "\\Flagged" }, { STORE_DELETED, "\\Deleted" },
		{ STORE_SEEN, "\\Seen" }, { STORE_DRAFT, "\\Draft" } };
	const size_t systems = sizeof(system) / sizeof(system[0]);
	struct view *v =
	    arena_alloc(a, (systems + STORE_KEYWORDS_MAX) * sizeof(*v));
	size_t n = 0;

	*out = v;
	if (v == NULL)
		return 0;
	for (size_t i = 0; i < systems; i++)
		if ((f->system & system[i].bit) != 0)
			v[n++] = view_str(system[i].name);
	for (unsigned k = 0; k < STORE_KEYWORDS_MAX; k++) {
		struct view name;
		const char *copy;

		if ((f->keywords[k / 64] >> (k % 64) & 1) == 0 ||
		    (name = session_keyword_name(s, k)).n == 0 ||
		    (copy = arena_strdup(a, name)) == NULL)
			continue;
		v[n++] = (struct view){ (const uint8_t *)copy, name.n };
	}
	return n;
}

static void
plan(struct event_batch *b, const struct message_row *row, struct view octets)
{
	struct event_item *it = &b->item[b->n++];
	struct session *s = b->s;
	const struct view user = s->c.env->user;
	struct filter_message *m = &it->message;

	*it = (struct event_item){ .row = row, .planned = true };
	*m = (struct filter_message){ .octets = octets,
		.now = clock_wall_s(),
		.cause = b->group->cause,
		.mailbox = b->mailbox,
		.imap_user = user.n > 0 ? user : VIEW_LIT("") };
	m->zone = clock_zone(m->now);
	m->n_flags = name_flags(s, &row->flags, b->arena, &m->flags);
	m->n_changed = name_flags(s, &b->group->changed, b->arena, &m->changed);
	client_limit_cpu(&s->c); /* its own limit is the cost of the run */
	filter_plan(s->events->filter, m, &it->plan);
	s->events->cost += it->plan.cost + EVENT_COST_EACH;
}

static void
drop(struct event_item *it)
{
	if (it->planned)
		filter_plan_fini(&it->plan);
	it->planned = false;
}

/* Before any lock: what scripts have made of messages. */
static void
spool(struct event_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (session_failed(b->s, "spool",
			filter_spool(b->s->events->filter, &b->item[i].plan)))
			drop(&b->item[i]);
}

/* ---- what leaves ---- */

struct asked {
	uint64_t number;
	struct event_item *item; /* NULL: it has been answered */
	size_t out;
};

static void
not_sent(
    struct event_batch *b, struct event_item *it, size_t out, const char *text)
{
	log_say(b->s->c.log, LOG_PROBLEMS, "submit", "%s", text);
	filter_refused(b->s->events->filter, &it->plan, out);
}

static size_t
answered(struct event_batch *b, struct asked *asked, size_t n,
    const struct hub_answer *answer)
{
	for (size_t i = 0; i < n; i++) {
		if (asked[i].item == NULL || asked[i].number != answer->number)
			continue;
		if (answer->result != 0)
			not_sent(b, asked[i].item, asked[i].out, answer->text);
		asked[i].item = NULL;
		return 1;
	}
	return 0;
}

/* Answers to all n; what the hub says besides is remembered. */
static void
hear_all(struct event_batch *b, struct asked *asked, size_t n, uint64_t until)
{
	struct session *s = b->s;
	char text[HUB_TEXT_MAX + 1];
	size_t left = n;

	while (left > 0 && !s->events->is_deaf) {
		struct hub_answer answer;
		enum hub_news news =
		    hub_wait(s->c.env->hub, until, text, &answer);

		if (answer.said)
			left -= answered(b, asked, n, &answer);
		else if (news == HUB_STOP && s->c.stop)
			s->events->is_deaf = true; /* it is gone */
		else if (clock_mono_ms() >= until)
			s->events->is_deaf = true;
		s->c.changed |= news == HUB_NEWS;
		s->c.stop |= news == HUB_STOP;
	}
	for (size_t i = 0; i < n; i++)
		if (asked[i].item != NULL)
			not_sent(b, asked[i].item, asked[i].out,
			    "The server has not answered");
}

/* False: it will not be sent, and that has been dealt with. */
static bool
ask(struct event_batch *b, struct event_item *it, size_t out, uint64_t until,
    struct asked *asked)
{
	struct session *s = b->s;
	struct event_queue *q = s->events;

	*asked = (struct asked){ ++q->number, it, out };
	if (s->env->events->submit == NULL || s->c.env->hub == -1 || q->is_deaf)
		not_sent(b, it, out, "No mail can leave from here");
	else if (!s->env->events->submit(
		     s->c.env->hub, q->number, &it->plan.outs[out], until))
		not_sent(b, it, out, "The server does not take it");
	else
		return true;
	return false;
}

static void
submit(struct event_batch *b)
{
	uint64_t until = clock_mono_ms() + EVENT_SUBMIT_MS;
	struct asked asked[EVENT_PENDING];
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct event_item *it = &b->item[i];

		for (size_t k = 0; it->planned && k < it->plan.n_outs; k++) {
			n += ask(b, it, k, until, &asked[n]);
			if (n == EVENT_PENDING) {
				hear_all(b, asked, n, until);
				n = 0;
			}
		}
	}
	hear_all(b, asked, n, until);
}

/* ---- what stays ---- */

static int
store_all(struct event_batch *b, struct tx *t)
{
	int r = 0;

	for (size_t i = 0; i < b->n && r == 0; i++)
		if (b->item[i].planned)
			r = filter_event_store(b->s->events->filter,
			    &b->item[i].plan, t, b->group->mailbox,
			    b->item[i].row->uid);
	return r;
}

static int
commit(struct event_batch *b)
{
	bool any = false;
	struct tx *t;
	int r;

	for (size_t i = 0; i < b->n; i++)
		any |=
		    b->item[i].planned && filter_event_stores(&b->item[i].plan);
	if (!any)
		return 0;
	if ((r = tx_begin(b->s->c.account, &t)) != 0)
		return r;
	if ((r = store_all(b, t)) != 0) {
		tx_abort(&t);
		return r;
	}
	return session_commit(b->s, &t, NULL);
}

static void
log_lost(struct session *s, int r)
{
	struct log_line l;

	(void)session_failed(s, "imapsieve", r);
	log_begin(&l, s->c.log, LOG_PROBLEMS, "imapsieve");
	log_i64(&l, "result", r);
	log_str(&l, "why", "what scripts wanted could not be stored");
	log_end(&l);
}

/* All that was planned is done, and nothing is left of it. */
static void
finish(struct event_batch *b)
{
	int r;

	spool(b);
	submit(b);
	if ((r = commit(b)) != 0)
		log_lost(b->s, r);
	for (size_t i = 0; i < b->n; i++)
		if (r == 0 && b->item[i].planned)
			filter_done(b->s->events->filter, &b->item[i].plan);
	for (size_t i = 0; i < b->n; i++)
		drop(&b->item[i]);
	b->n = 0;
	message_release(b->s->c.account);
}

/* ---- running ---- */

/* The batch as far as it goes; how many of the n rows that are. */
static size_t
run_batch(struct event_batch *b, const struct message_row *row, size_t n)
{
	AUTO_ARENA struct arena *a = arena_new((size_t)16 << 20);
	struct message_body body[EVENT_BATCH];
	uint64_t number[EVENT_BATCH], bytes = 0;
	size_t taken = 0;

	b->arena = a;
	while (taken < n && (taken == 0 || bytes < EVENT_BATCH_BYTES)) {
		number[taken] = row[taken].body;
		bytes += row[taken++].size;
	}
	if (session_failed(b->s, "bodies",
		message_bodies(b->s->c.account, number, taken, body)))
		return taken;
	for (size_t i = 0; i < taken; i++)
		if (body[i].octets.p != NULL &&
		    b->s->events->cost < EVENT_COST_MAX)
			plan(b, &row[i], body[i].octets);
	finish(b);
	return taken;
}

static void
run_rows(struct event_batch *b, const struct uid_run *run)
{
	struct message_row row[EVENT_BATCH];
	uint32_t lo = run->lo;
	size_t n;

	do {
		size_t at = 0;

		if (message_rows(b->s->c.account, b->group->mailbox, lo,
			run->hi, row, EVENT_BATCH, &n) != 0)
			return; /* the mailbox is gone */
		while (at < n)
			at += run_batch(b, row + at, n - at);
		if (n > 0)
			lo = row[n - 1].uid + 1;
	} while (n == EVENT_BATCH && lo != 0 && lo <= run->hi &&
	    b->s->events->cost < EVENT_COST_MAX);
}

static bool
name_of(struct session *s, uint32_t mailbox, struct arena *a, struct view *out)
{
	struct mailbox_entry *all;
	size_t n;

	if (session_failed(
		s, "mailboxes", mailbox_list(s->c.account, a, &all, &n)))
		return false;
	for (size_t i = 0; i < n; i++)
		if (all[i].row.id == mailbox) {
			*out = all[i].name;
			return true;
		}
	return false;
}

static void
run_group(struct session *s, const struct event_group *g)
{
	AUTO_ARENA struct arena *a = arena_new(LIST_ARENA);
	AUTO_FREE struct event_batch *b = NULL;
	struct view mailbox;

	if (!filter_event_script(filter_of(s), script_of(s, g->mailbox, a)) ||
	    !name_of(s, g->mailbox, a, &mailbox))
		return;
	b = xcalloc(1, sizeof(*b));
	b->s = s;
	b->group = g;
	b->mailbox = mailbox;
	for (size_t i = 0; i < g->set.n && s->events->cost < EVENT_COST_MAX;
	     i++)
		run_rows(b, &g->set.run[i]);
}

static void
forget(struct event_queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		uidset_fini(&q->group[i].set);
	q->n = q->n_flags = 0;
}

void
event_run(struct session *s)
{
	struct event_queue *q = s->events;

	if (q == NULL || q->n == 0)
		return;
	/* the client need not wait for scripts */
	(void)output_flush(&s->c.out);
	q->cost = 0;
	for (size_t i = 0; i < q->n; i++)
		run_group(s, &q->group[i]);
	if (q->cost >= EVENT_COST_MAX)
		log_say(s->c.log, LOG_PROBLEMS, "imapsieve",
		    "the scripts of a command took too long");
	forget(q);
}

void
event_fini(struct session *s)
{
	struct event_queue *q = s->events;

	if (q == NULL)
		return;
	forget(q);
	filter_free(&q->filter);
	free(q->group);
	free(q->flags);
	free(q);
	s->events = NULL;
}
