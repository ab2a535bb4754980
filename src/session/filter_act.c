#include <errno.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"
#include "mail/header.h"
#include "session/filter_inside.h"
#include "session/reply.h"
#include "sieve/vacation.h"

/*
 * What scripts have answered, put into places and messages that leave.
 */
#define TO_MAX 64 /* recipients of a notification */

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

struct buf *
filter_add_buf(struct filter_inside *in, const uint8_t *source, size_t max)
{
	in->bufs = xrealloc(in->bufs, in->n_bufs + 1, sizeof(struct buf));
	in->sources = xrealloc(in->sources, in->n_bufs + 1, sizeof(uint8_t *));
	buf_init(&in->bufs[in->n_bufs], max);
	in->sources[in->n_bufs] = source;
	return &in->bufs[in->n_bufs++];
}

void
filter_remember_add(
    struct filter_inside *in, struct memory_key key, int64_t expires)
{
	in->remember = xrealloc(
	    in->remember, in->n_remember + 1, sizeof(struct filter_remember));
	in->remember[in->n_remember++] =
	    (struct filter_remember){ .key = key, .expires = expires };
	memory_pending(in->filter->memory, &key);
}

struct reply_env
filter_reply_env(struct filter_inside *in, struct view original)
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
		    !view_eq_ci(f.name, VIEW_LIT("Original-Recipient")) &&
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

static bool
same_act(const struct filter_out *a, const struct filter_out *b)
{
	bool same = a->kind == b->kind && a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = view_eq(a->to[i], b->to[i]);
	return same;
}

/* The last one, o, gets its key. Several of a kind may go to the same with
 * different texts; texts have dates and numbers, so these are told apart by
 * their order, which is the same when the message is brought again. */
static void
set_key(struct filter_plan *p, struct filter_out *o)
{
	struct filter_inside *in = p->inside;
	const uint8_t kind = (uint8_t)o->kind;
	uint8_t sum[DIGEST_SHA256_SIZE];
	struct digest_sha256 d;
	uint8_t before[sizeof(uint32_t)];
	uint32_t n = 0;

	for (const struct filter_out *b = p->outs; b != o; b++) {
		if (!same_act(b, o))
			continue;
		if (b->octets.p == o->octets.p) {
			memcpy(o->key, b->key, sizeof(o->key));
			return;
		}
		n++;
	}
	if (filter_is_event(in)) /* nobody repeats one */
		return;
	if (!in->has_base)
		digest_base(in);
	digest_sha256_init(&d);
	digest_sha256_add(&d, (struct view){ in->base, sizeof(in->base) });
	digest_sha256_add(&d, (struct view){ &kind, 1 });
	for (size_t i = 0; i < o->n; i++) {
		digest_sha256_add(&d, o->to[i]);
		digest_sha256_add(&d, VIEW_LIT("\n"));
	}
	memcpy(before, &n, sizeof(n));
	if (n > 0)
		digest_sha256_add(&d, (struct view){ before, sizeof(before) });
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

void
filter_set_flags(struct filter_plan *p, struct filter_place *place,
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

int
filter_name_flags(struct account *account, const struct store_flags *flags,
    struct arena *a, const struct view **out, size_t *n)
{
	const size_t systems = sizeof(system_flags) / sizeof(system_flags[0]);
	struct view name,
	    *v = arena_alloc(a, (systems + STORE_KEYWORDS_MAX) * sizeof(*v));

	*out = v;
	*n = 0;
	for (size_t i = 0; v != NULL && i < systems; i++)
		if ((flags->system & system_flags[i].bit) != 0)
			v[(*n)++] = view_str(system_flags[i].name);
	for (unsigned k = 0; v != NULL && k < STORE_KEYWORDS_MAX; k++) {
		const char *copy;
		int r;

		if ((flags->keywords[k / 64] >> (k % 64) & 1) == 0)
			continue;
		r = account_keyword_name(account, k, &name);
		if (r < 0)
			return r;
		if (r > 0 || (copy = arena_strdup(a, name)) == NULL)
			continue;
		v[(*n)++] = (struct view){ (const uint8_t *)copy, name.n };
	}
	return v != NULL ? 0 : -ENOMEM;
}

/* The message as an action has it; NULL: as it came. */
static void
set_octets(const struct filter_inside *in, struct filter_place *place,
    const struct sieve_action *a)
{
	place->octets = a != NULL ? a->message : in->m->octets;
	place->original = place->octets.p == in->m->octets.p &&
	    place->octets.n == in->m->octets.n;
	place->same = a != NULL ? a->version + 1 : 1;
}

static void
set_mailbox(struct filter_plan *p, struct filter_place *place,
    const struct sieve_mailbox *m)
{
	struct filter *f = p->inside->filter;

	place->mailbox = m->name;
	place->create = m->create;
	if (m->special_use.p != NULL &&
	    !filter_find_use(f, m->special_use, p->arena, &place->mailbox))
		place->uses = filter_use(m->special_use);
	filter_set_flags(p, place, &m->flags);
}

void
filter_keep(struct filter_plan *p, const struct sieve_action *a,
    const struct sieve_keep *k)
{
	struct filter_place *place = filter_add_place(p);
	const struct filter_message *m = p->inside->m;

	place->mailbox = m->mailbox.n > 0 ? m->mailbox : VIEW_LIT("INBOX");
	place->keep = true;
	place->implicit = k == NULL || k->implicit;
	/* what a script made of it is not kept (RFC 6785 section 3.1) */
	set_octets(p->inside, place, filter_is_event(p->inside) ? NULL : a);
	if (k == NULL) {
		filter_set_flags(
		    p, place, &(struct sieve_flags){ m->flags, m->n_flags });
		return;
	}
	place->flags_known = k->flags_known || p->inside->flags_known;
	filter_set_flags(p, place, &k->flags);
}

static void
fileinto(struct filter_plan *p, const struct sieve_action *a)
{
	struct filter_place *place = filter_add_place(p);

	set_octets(p->inside, place, a);
	set_mailbox(p, place, &a->u.fileinto.mailbox);
}

/* A copy of what was sent (RFC 8580). */
static void
fcc(struct filter_plan *p, const struct sieve_mailbox *m, struct view octets)
{
	struct filter_place *place;

	if (m->name.p == NULL || p->inside->m->cause == FILTER_BY_HAND)
		return;
	place = filter_add_place(p);
	place->octets = octets;
	place->reply = true;
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
	struct reply_env e = filter_reply_env(in, message);
	struct buf *b;

	for (size_t i = 0; i < in->n_bufs; i++)
		if (in->sources[i] == message.p)
			return buf_view(&in->bufs[i]);
	b = filter_add_buf(in, message.p, message.n + 4096);
	reply_redirect(&e, b);
	return buf_view(b);
}

static void
redirect(struct filter_plan *p, const struct sieve_action *a)
{
	struct filter_inside *in = p->inside;
	const struct sieve_redirect *r = &a->u.redirect;
	struct view user = view_str(in->filter->user);
	bool event = filter_is_event(in);
	struct filter_out *o;

	/* an alias of the user's is known by the mail that comes to it */
	if (r->list || view_eq_ci(r->address, user) ||
	    view_eq_ci(r->address, in->m->recipient) ||
	    reply_is_loop(a->message, user, event || in->m->delivered_to)) {
		filter_log(in->filter, LOG_PROBLEMS, "redirect",
		    r->list ? "external lists are not served"
			    : "it would come back to the user: kept");
		if (!r->copy)
			filter_keep(p, a, NULL);
		return;
	}
	o = add_out(p);
	o->kind = FILTER_REDIRECT;
	/* the owner, where nobody has sent it (RFC 6785 section 3.4) */
	o->sender = event ? user : in->m->sender;
	o->octets = redirected(in, a->message);
	o->to = one_address(p, r->address);
	o->n = o->to != NULL;
	o->keep_if_refused = !r->copy;
	set_key(p, o);
}

static void
put_vacation(struct filter_plan *p, const struct sieve_vacation *v)
{
	struct filter_inside *in = p->inside;
	struct memory_key k = memory_key(MEMORY_VACATION, v->handle, v->to);
	struct reply_env e = filter_reply_env(in, in->m->octets);
	struct filter_out *o;
	struct buf *b;

	/* the run knew the message as the scripts before had made it */
	if (vacation_veto(in->m->octets) != VACATION_REPLY)
		return;
	if (v->seconds > 0 && memory_has(in->filter->memory, &k, in->m->now))
		return;
	b = filter_add_buf(in, NULL, FILTER_REPLY_BYTES);
	reply_vacation(&e, v, b);
	if (b->failed)
		return;
	o = add_out(p);
	o->kind = FILTER_VACATION;
	o->octets = buf_view(b);
	o->to = one_address(p, v->to);
	o->n = o->to != NULL;
	set_key(p, o);
	if (v->seconds > 0) {
		filter_remember_add(in, k, in->m->now + (int64_t)v->seconds);
		in->remember[in->n_remember - 1].out = p->n_outs;
	}
	fcc(p, &v->fcc, o->octets);
}

/* Scripts of a chain may not know of each other, but nobody is answered twice
 * (RFC 5230 section 4.7), or told that the user is away and that the message is
 * rejected (RFC 5429 section 2.4). */
void
filter_vacation(struct filter_plan *p)
{
	const struct sieve_action *a = p->inside->vacation;

	p->inside->vacation = NULL;
	if (a != NULL)
		put_vacation(p, &a->u.vacation);
}

static void
notify(struct filter_plan *p, const struct sieve_action *a)
{
	struct filter_inside *in = p->inside;
	const struct sieve_notify *n = &a->u.notify;
	struct reply_env e = filter_reply_env(in, in->m->octets);
	struct view *to = arena_alloc(p->arena, TO_MAX * sizeof(struct view));
	struct filter_out *o;
	struct buf *b;
	size_t n_to;

	if (to == NULL || !reply_may_notify(in->m->octets))
		return;
	b = filter_add_buf(in, NULL, FILTER_REPLY_BYTES);
	if (!reply_notify(&e, n, p->arena, to, TO_MAX, &n_to, b) || b->failed)
		return;
	o = add_out(p);
	o->kind = FILTER_NOTIFY;
	/* RFC 5436 section 2.7: null stays null */
	if (in->m->sender.n > 0 || filter_is_event(in))
		o->sender = view_str(in->filter->user);
	o->octets = buf_view(b);
	o->to = to;
	o->n = n_to;
	set_key(p, o);
	fcc(p, &n->fcc, o->octets);
}

/* The text of an answer, as it is written. */
struct answer {
	char *p;               /* FILTER_TEXT_MAX + 1 bytes */
	size_t n, line, lines; /* where the last line begins; lines before it */
	bool cut;
};

static void
end_line(struct answer *a)
{
	while (a->n > a->line && a->p[a->n - 1] == ' ')
		a->n--;
	if (a->lines + 1 == FILTER_TEXT_LINES_MAX || a->n == FILTER_TEXT_MAX) {
		a->cut = true;
		return;
	}
	a->p[a->n++] = '\n';
	a->line = a->n;
	a->lines++;
}

/* The line is full: what is behind its last blank goes on in the next one. */
static void
break_line(struct answer *a)
{
	char rest[FILTER_TEXT_LINE_MAX];
	size_t at = a->n, n;

	while (at > a->line && a->p[at - 1] != ' ')
		at--;
	n = at > a->line ? a->n - at : 0;
	memcpy(rest, a->p + a->n - n, n);
	a->n -= n;
	end_line(a);
	if (a->cut || a->n + n > FILTER_TEXT_MAX) {
		a->cut = true;
		return;
	}
	memcpy(a->p + a->n, rest, n);
	a->n += n;
}

static void
put_answer(struct answer *a, char c)
{
	if (a->n - a->line == FILTER_TEXT_LINE_MAX)
		break_line(a);
	if (!a->cut && a->n == FILTER_TEXT_MAX)
		a->cut = true;
	if (!a->cut)
		a->p[a->n++] = c;
}

/*
 * Write the reason as lines of an answer (RFC 5429 section 2.5): lines that are
 * too long are broken at a blank, control characters are blanks. False: there is
 * none, or it has more than ASCII. What is too much is cut, and said so in *a.
 */
static bool
as_answer(struct filter_plan *p, struct view reason, struct answer *a)
{
	*a = (struct answer){ .p = arena_alloc(p->arena, FILTER_TEXT_MAX + 1) };
	reason = header_trim(reason);
	if (a->p == NULL || reason.n == 0 || !utf8_ascii(reason))
		return false;
	for (size_t i = 0; i < reason.n && !a->cut; i++) {
		uint8_t c = reason.p[i];

		if (c == '\r' && i + 1 < reason.n && reason.p[i + 1] == '\n')
			continue;
		if (c == '\n' || c == '\r')
			end_line(a);
		else
			put_answer(a, c < ' ' || c == 0x7f ? ' ' : (char)c);
	}
	a->p[a->n] = '\0';
	return true;
}

/* RFC 5429: ereject is said in the dialogue whenever that can be, reject when
 * the words can be said there as they are. */
static bool
refuse(struct filter_plan *p, const struct sieve_reject *r)
{
	struct answer a;
	bool words;

	if (!p->inside->m->can_refuse)
		return false;
	words = as_answer(p, r->reason, &a);
	if (!r->ereject && (!words || a.cut))
		return false;
	p->text = words ? a.p : "The recipient's rules refuse this message";
	p->fate = FILTER_REFUSE;
	return true;
}

/* Has nothing been done with the message yet? Notifications tell of it, whatever
 * becomes of it, and are sent (RFC 5435 section 7: they are compatible with all
 * actions). */
static bool
is_untouched(const struct filter_plan *p)
{
	for (size_t i = 0; i < p->n_places; i++)
		if (!p->places[i].reply)
			return false;
	for (size_t i = 0; i < p->n_outs; i++)
		if (p->outs[i].kind != FILTER_NOTIFY)
			return false;
	return true;
}

static void
reject(struct filter_plan *p, const struct sieve_action *a)
{
	struct filter_inside *in = p->inside;
	const struct sieve_reject *r = &a->u.reject;
	struct reply_env e = filter_reply_env(in, in->m->octets);
	struct filter_out *o;
	struct buf *b;

	in->vacation = NULL;
	if (is_untouched(p) && refuse(p, r))
		return;
	/* neither DSN nor MDN may answer the null sender; any other hears of
	 * it, be it a list or a machine (RFC 5429 sections 2.1.2 and 2.2.1) */
	if (in->m->sender.n == 0) {
		filter_log(in->filter, LOG_MAJOR, "reject",
		    "nobody can be told: the sender is null");
		return;
	}
	b = filter_add_buf(in, NULL, FILTER_REPLY_BYTES);
	reply_reject(&e, r, in->m->sender,
	    in->m->recipient.n > 0 ? in->m->recipient
				   : view_str(in->filter->user),
	    in->m->orcpt, b);
	if (b->failed) { /* nobody would know of it */
		filter_keep(p, NULL, NULL);
		return;
	}
	o = add_out(p);
	o->kind = FILTER_REJECT;
	o->octets = buf_view(b);
	o->to = one_address(p, in->m->sender);
	o->n = o->to != NULL;
	o->keep_if_refused = true; /* nobody would know of it */
	o->dsn = r->ereject;
	set_key(p, o);
}

void
filter_act(struct filter_plan *p, const struct sieve_action *a)
{
	switch (a->kind) {
	case SIEVE_KEEP:
		filter_keep(p, a, &a->u.keep);
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
		if (p->inside->vacation == NULL)
			p->inside->vacation = a;
		return;
	case SIEVE_NOTIFY:
		notify(p, a);
		return;
	}
}
