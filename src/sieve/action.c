/*
 * The list of actions. It is kept free of repeats as it grows (RFC 5228 section
 * 2.10.3): a mailbox gets a version of the message once, and an address once.
 * Of repeats the last is carried out, in the place of the first: with the flags
 * given last (RFC 5232 section 3) and the fields as they are then, which RFC 5293
 * section 7 leaves to us.
 */

#include "sieve/interp_impl.h"

static bool
is_inbox(struct view name)
{
	return view_eq_ci(name, VIEW_LIT("INBOX"));
}

static bool
same_bytes(struct view a, struct view b)
{
	return a.p == b.p && a.n == b.n;
}

/* Do both put the same message into the same mailbox? What an IMAP event is about
 * is kept where it is, and fileinto makes another (RFC 6785 section 3.3). */
static bool
same_mailbox(const struct interp *in, const struct sieve_action *a,
    const struct sieve_action *b)
{
	const struct sieve_mailbox *x, *y;

	if (a->kind == SIEVE_KEEP && b->kind == SIEVE_KEEP)
		return true;
	if (a->kind == SIEVE_KEEP)
		return !in->env.imap_event &&
		    b->u.fileinto.mailbox.special_use.p == NULL &&
		    is_inbox(b->u.fileinto.mailbox.name);
	if (b->kind == SIEVE_KEEP)
		return same_mailbox(in, b, a);
	x = &a->u.fileinto.mailbox;
	y = &b->u.fileinto.mailbox;
	if ((x->special_use.p == NULL) != (y->special_use.p == NULL) ||
	    !view_eq_ci(x->special_use, y->special_use))
		return false;
	return is_inbox(x->name) ? is_inbox(y->name)
				 : view_eq(x->name, y->name);
}

static bool
is_stored(const struct sieve_action *a)
{
	return a->kind == SIEVE_KEEP || a->kind == SIEVE_FILEINTO;
}

/* Addresses are the same when their domains differ in case only. */
static bool
same_address(struct view a, struct view b)
{
	const uint8_t *at = a.n > 0 ? memrchr(a.p, '@', a.n) : NULL;
	size_t local = at == NULL ? a.n : (size_t)(at - a.p);

	return view_eq(view_sub(a, 0, local), view_sub(b, 0, local)) &&
	    view_eq_ci(
		view_sub(a, local, SIZE_MAX), view_sub(b, local, SIZE_MAX));
}

static bool
same_action(const struct interp *in, const struct sieve_action *a,
    const struct sieve_action *b)
{
	if (a->version != b->version)
		return false;
	if (is_stored(a) && is_stored(b))
		return same_mailbox(in, a, b);
	if (a->kind != b->kind)
		return false;
	if (a->kind == SIEVE_REDIRECT)
		return a->u.redirect.list == b->u.redirect.list &&
		    same_address(a->u.redirect.address, b->u.redirect.address);
	return a->kind == SIEVE_DISCARD;
}

static struct sieve_flags
flags_of(const struct sieve_action *a)
{
	return a->kind == SIEVE_KEEP ? a->u.keep.flags
				     : a->u.fileinto.mailbox.flags;
}

/* What b wants beyond a, which is there already. */
static void
merge(struct sieve_action *a, const struct sieve_action *b)
{
	a->message = b->message;
	a->edited = b->edited;
	if (a->kind == SIEVE_FILEINTO) {
		a->u.fileinto.mailbox.flags = flags_of(b);
		if (b->kind == SIEVE_FILEINTO) {
			a->u.fileinto.mailbox.create |=
			    b->u.fileinto.mailbox.create;
			a->u.fileinto.copy &= b->u.fileinto.copy;
		}
	} else if (a->kind == SIEVE_KEEP) {
		a->u.keep.flags = flags_of(b);
		a->u.keep.flags_known |=
		    b->kind == SIEVE_FILEINTO || b->u.keep.flags_known;
	} else if (a->kind == SIEVE_REDIRECT) {
		a->u.redirect.copy &= b->u.redirect.copy;
	}
}

/* Which kinds must not stand in one run. */
static const char *
conflict(enum sieve_kind a, enum sieve_kind b)
{
	if (a == SIEVE_VACATION && b == SIEVE_VACATION)
		return "vacation can be used only once";
	if (a == SIEVE_REJECT && b == SIEVE_REJECT)
		return "a message can be rejected only once";
	if (b == SIEVE_REJECT &&
	    (a == SIEVE_KEEP || a == SIEVE_FILEINTO || a == SIEVE_REDIRECT))
		return "a message cannot be both rejected and delivered";
	if (a == SIEVE_VACATION && b == SIEVE_REJECT)
		return "a message cannot be both rejected and answered by "
		       "vacation";
	return NULL;
}

static bool
may_add(struct interp *in, const struct script_node *n, enum sieve_kind kind)
{
	const char *text = NULL;

	for (size_t i = 0; i < in->n_actions && text == NULL; i++) {
		text = conflict(in->actions[i].kind, kind);
		if (text == NULL)
			text = conflict(kind, in->actions[i].kind);
	}
	if (text == NULL && in->n_actions == SIEVE_ACTIONS_MAX)
		text = "the total number of actions exceeds policy limit";
	if (text == NULL && kind == SIEVE_REDIRECT &&
	    in->n_redirects == SIEVE_REDIRECTS_MAX)
		text = "the number of redirect actions exceeds policy limit";
	if (text != NULL)
		interp_fail(in, n, "%s", text);
	return text == NULL;
}

/* Add it to the list, which grows by doubling. */
static void
add(struct interp *in, const struct sieve_action *a)
{
	size_t n = in->n_actions;

	if (n == in->actions_cap) {
		size_t cap = n == 0 ? 4 : n * 2;
		struct sieve_action *p = interp_alloc(in, cap * sizeof(*p));

		if (p == NULL)
			return;
		if (n > 0)
			memcpy(p, in->actions, n * sizeof(*p));
		in->actions = p;
		in->actions_cap = cap;
	}
	in->actions[in->n_actions++] = *a;
}

static bool
cancels_keep(const struct sieve_action *a)
{
	switch (a->kind) {
	case SIEVE_KEEP:
	case SIEVE_DISCARD:
	case SIEVE_REJECT:
		return true;
	case SIEVE_FILEINTO:
		return !a->u.fileinto.copy;
	case SIEVE_REDIRECT:
		return !a->u.redirect.copy;
	case SIEVE_VACATION:
	case SIEVE_NOTIFY:
		return false;
	}
	return false;
}

/* Flags that hold unless :flags says others. */
static void
default_flags(const struct interp *in, struct sieve_action *a)
{
	if (a->kind == SIEVE_FILEINTO) {
		a->u.fileinto.mailbox.flags = in->flags;
	} else if (a->kind == SIEVE_KEEP) {
		a->u.keep.flags = in->flags;
		a->u.keep.flags_known = in->has_flags;
	}
}

void
interp_act(
    struct interp *in, const struct script_node *n, struct sieve_action *a)
{
	a->line = n->line;
	if (a->message.p == NULL) {
		a->message = letter_octets(interp_message(in));
		a->edited = !same_bytes(a->message, in->env.message);
	}
	a->version = in->version;
	default_flags(in, a);
	for (size_t i = 0; i < n->n_tags && !in->failed; i++)
		if (n->tags[i].def->apply != NULL)
			n->tags[i].def->apply(in, n, &n->tags[i], a);
	if (!interp_cost(in, in->n_actions / 2))
		return;
	if (cancels_keep(a))
		in->keep_cancelled = true;
	for (size_t i = 0; i < in->n_actions; i++)
		if (same_action(in, &in->actions[i], a)) {
			merge(&in->actions[i], a);
			return;
		}
	if (!may_add(in, n, a->kind))
		return;
	in->n_redirects += a->kind == SIEVE_REDIRECT;
	add(in, a);
}

/* The implicit keep, unless the message goes there already. */
static void
implicit_keep(struct interp *in)
{
	struct sieve_action a = { .kind = SIEVE_KEEP };

	a.u.keep.implicit = true;
	a.message = letter_octets(interp_message(in));
	a.edited = !same_bytes(a.message, in->env.message);
	a.version = in->version;
	default_flags(in, &a);
	for (size_t i = 0; i < in->n_actions; i++)
		if (same_action(in, &in->actions[i], &a)) {
			merge(&in->actions[i], &a);
			return;
		}
	add(in, &a);
}

/* After a failure: the message as it came, and room for that even when the
 * arena is full. */
static void
only_keep(struct interp *in)
{
	struct sieve_action *a = in->kept;

	*a = (struct sieve_action){
		.kind = SIEVE_KEEP,
		.message = in->env.message,
		.version = in->env.version,
	};
	a->u.keep.implicit = true;
	a->u.keep.flags =
	    (struct sieve_flags){ in->env.flags, in->env.n_flags };
	in->result->actions = a;
	in->result->n_actions = 1;
	in->result->implicit_keep = true;
}

void
interp_finish(struct interp *in)
{
	struct sieve_result *r = in->result;

	if (!in->failed && !in->keep_cancelled)
		implicit_keep(in);
	if (!interp_check_memory(in)) {
		only_keep(in);
		return;
	}
	r->implicit_keep = !in->keep_cancelled;
	r->actions = in->actions;
	r->n_actions = in->n_actions;
	r->seen = in->seen;
	r->n_seen = in->n_seen;
}
