#include <stdlib.h>

#include "base/digest.h"
#include "base/mem.h"
#include "session/filter_inside.h"
#include "store/message.h"

/*
 * IMAP events (RFC 6785): which script runs, and what becomes of a message that
 * is in its mailbox already. Flags are changed by their difference to what the
 * script has seen, so that what another session changed meanwhile stays.
 */

/* ---- scripts ---- */

bool
filter_has_event_scripts(struct filter *f)
{
	filter_script_globals(f);
	for (struct filter_script *s = f->globals; s != NULL; s = s->next)
		if (s->where == FILTER_EVENT_BEFORE ||
		    s->where == FILTER_EVENT_AFTER)
			return true;
	return false;
}

static void
log_missing(struct filter *f, struct view name, int r)
{
	struct log_line l;

	if (f->env.log == NULL)
		return;
	log_begin(
	    &l, f->env.log, r < 0 ? LOG_FAILURES : LOG_PROBLEMS, "imapsieve");
	log_view(&l, "name", name);
	log_str(&l, "why",
	    r < 0                        ? scripts_why(f->scripts)
		: r == SCRIPTS_TOO_LARGE ? "the script is too large"
					 : "there is no such script");
	log_end(&l);
}

static void
compile(struct filter *f, struct view name, struct view text)
{
	uint8_t digest[DIGEST_SHA256_SIZE];
	struct sieve_errors errors;

	digest_sha256(text, digest);
	if (f->event_known &&
	    memcmp(digest, f->event_digest, sizeof(digest)) == 0)
		return;
	filter_script_retire(f, &f->event);
	free(f->event_name);
	f->event_name = xcalloc(1, name.n + 1);
	memcpy(f->event_name, name.p, name.n);
	memcpy(f->event_digest, digest, sizeof(digest));
	f->event_known = true;
	if (!filter_script_compile(f, text, &f->event, &errors))
		filter_script_broken(f, name, &errors.e[0]);
}

bool
filter_event_script(struct filter *f, struct view name)
{
	AUTO_BUF struct buf text = BUF_INIT(SCRIPTS_SIZE_MAX + 4096);
	int r;

	f->event_wanted = false;
	if (name.n > 0) {
		if ((r = scripts_get(f->scripts, name, &text)) == SCRIPTS_OK)
			compile(f, name, buf_view(&text));
		else
			log_missing(f, name, r);
		f->event_wanted = r == SCRIPTS_OK && f->event != NULL;
	}
	return f->event_wanted || filter_has_event_scripts(f);
}

/* ---- what is to be done ---- */

bool
filter_event_stores(const struct filter_plan *p)
{
	for (size_t i = 0; i < p->n_places; i++)
		if (!p->places[i].keep || p->places[i].flags_known)
			return true;
	return p->cancel_keep;
}

static void
log_not_filed(struct filter *f, const struct filter_place *l)
{
	struct log_line line;

	if (f->env.log == NULL)
		return;
	log_begin(&line, f->env.log, LOG_PROBLEMS, "imapsieve");
	log_view(&line, "mailbox", l->mailbox);
	log_str(&line, "why", "it cannot be filed there: kept");
	log_end(&line);
}

/* A copy; 0, an outcome when it cannot be had, or a negative errno. */
static int
file_copy(struct filter_place *l, struct tx *t, const struct message_row *row)
{
	uint64_t body = row->body;
	struct store_flags flags;
	int r;

	if (l->id == 0)
		return STORE_NOT_FOUND;
	if ((r = filter_place_flags(t, l, &flags)) != 0)
		return r;
	if (!l->original && (r = tx_body(t, l->spool, &body)) != 0)
		return r;
	return tx_message(
	    t, l->id, body, &flags, row->date, row->zone, &l->uid);
}

static bool
is_empty(const struct store_flags *f)
{
	return f->system == 0 && f->keywords[0] == 0 && f->keywords[1] == 0;
}

/* The flags of a that are not in b. */
static struct store_flags
without(const struct store_flags *a, const struct store_flags *b)
{
	return (struct store_flags){
		.system = (uint16_t)(a->system & ~b->system),
		.keywords = { a->keywords[0] & ~b->keywords[0],
		    a->keywords[1] & ~b->keywords[1] },
	};
}

/* A message in its mailbox. */
struct target {
	struct tx *t;
	uint32_t mailbox, uid;
};

static int
change(const struct target *m, enum tx_flags_how how, struct store_flags flags)
{
	const struct uid_run run = { m->uid, m->uid };
	struct uid_run *changed = NULL, *modified = NULL;
	size_t n_changed, n_modified;
	int r;

	if (is_empty(&flags))
		return 0;
	r = tx_flags(m->t, m->mailbox, &run, 1, how, &flags, 0, &changed,
	    &n_changed, &modified, &n_modified);
	free(changed);
	free(modified);
	return r;
}

int
filter_change_flags(struct filter_plan *p, const struct filter_place *l,
    struct tx *t, uint32_t mailbox, uint32_t uid)
{
	const struct target m = { t, mailbox, uid };
	const struct filter_message *msg = p->inside->m;
	const struct sieve_flags shown = { msg->flags, msg->n_flags };
	struct filter_place before = { .keep = true };
	struct store_flags had, wanted;
	int r;

	filter_set_flags(p, &before, &shown);
	if ((r = filter_place_flags(t, &before, &had)) != 0 ||
	    (r = filter_place_flags(t, l, &wanted)) != 0 ||
	    (r = change(&m, TX_FLAGS_ADD, without(&wanted, &had))) != 0)
		return r;
	return change(&m, TX_FLAGS_REMOVE, without(&had, &wanted));
}

/* The mailboxes of the copies, each once for the message: into, as
 * filter_places_join() has it. 0, or a negative errno. */
static int
find_places(struct filter *f, struct filter_plan *p, struct tx *t, size_t *into)
{
	filter_made_begin(f, t);
	for (size_t i = 0; i < p->n_places; i++) {
		struct filter_place *l = &p->places[i];
		int r = l->keep ? 0 : filter_place_mailbox(f, t, l, &l->id);

		if (r < 0)
			return r;
		if (r > 0)
			l->id = 0;
		into[i] = i;
	}
	filter_places_join(p, into);
	return 0;
}

int
filter_event_store(struct filter *f, struct filter_plan *p, struct tx *t,
    uint32_t mailbox, uint32_t uid)
{
	const struct target m = { t, mailbox, uid };
	const struct store_flags deleted = { .system = STORE_DELETED };
	AUTO_FREE size_t *into = xcalloc(p->n_places + 1, sizeof(*into));
	bool all = true;
	struct message_row row;
	size_t n;
	int r = message_rows(f->env.account, mailbox, uid, uid, &row, 1, &n);

	if (r != 0 || n == 0)
		return r < 0 ? r : 0;
	if ((r = find_places(f, p, t, into)) != 0)
		return r;
	for (size_t i = 0; i < p->n_places; i++) {
		struct filter_place *l = &p->places[i];

		if (into[i] != i)
			continue;
		if (!l->keep)
			r = file_copy(l, t, &row);
		else
			r = l->flags_known
			    ? filter_change_flags(p, l, t, mailbox, uid)
			    : 0;
		if (r < 0)
			return r;
		if (r > 0 && !l->keep)
			log_not_filed(f, l);
		all = all && r == 0;
	}
	r = p->cancel_keep && all ? change(&m, TX_FLAGS_ADD, deleted) : 0;
	return r < 0 ? r : 0;
}
