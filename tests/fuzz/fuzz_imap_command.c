/*
 * A stream of commands as a server sees it: framed in pieces, literals kept
 * inline, outside or refused, and parsed. The first octet chooses.
 */

#include <stdlib.h>

#include "imap/command.h"
#include "imap/frame.h"
#include "imap/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_reason(const struct why *w)
{
	size_t n = strnlen(w->text, sizeof(w->text));

	check(n > 0 && n < sizeof(w->text));
	for (size_t i = 0; i < n; i++)
		check(w->text[i] >= 0x20 && w->text[i] <= 0x7e);
}

static void
check_mailbox(const struct command_mailbox *m)
{
	check(m->name.n <= LIMITS_MAILBOX && m->raw.n <= LIMITS_MAILBOX);
	check(m->inbox == view_eq(m->name, VIEW_LIT("INBOX")));
	check(m->name.n == 0 || memchr(m->name.p, 0, m->name.n) == NULL);
}

static void
check_set(const struct seqset *s)
{
	check(s->saved ? s->n == 0 : s->n >= 1 && s->n <= LIMITS_SEQSET);
}

static size_t
count_keys(const struct searchkey *k, unsigned depth)
{
	size_t n = 1;

	check(depth <= LIMITS_DEPTH + 1);
	check((k->kind == SEARCHKEY_AND) <= (k->n >= 1));
	check((k->kind == SEARCHKEY_OR) <= (k->n == 2));
	check((k->kind == SEARCHKEY_NOT) <= (k->n == 1));
	for (size_t i = 0; i < k->n; i++)
		n += count_keys(&k->keys[i], depth + 1);
	return n;
}

static void
check_items(const struct command_fetch *f)
{
	check(f->n >= 1 && f->n <= LIMITS_FETCH_ITEMS);
	for (size_t i = 0; i < f->n; i++) {
		const struct fetchitem *item = &f->items[i];

		check(
		    item->label.n > 0 && item->n_parts <= LIMITS_SECTION_PARTS);
		check(item->n_fields <= LIMITS_HEADER_FIELDS);
		check(!item->partial || item->length >= 1);
		for (size_t j = 0; j < item->label.n; j++)
			check(item->label.p[j] >= 0x20 &&
			    item->label.p[j] <= 0x7e);
	}
}

static void
check_metadata(const struct command *c)
{
	const struct command_getmetadata *g = &c->u.getmetadata;
	const struct command_setmetadata *s = &c->u.setmetadata;

	if (c->kind == COMMAND_GETMETADATA) {
		check_mailbox(&g->mailbox);
		check(g->n >= 1 && g->n <= LIMITS_METADATA);
		check(g->server == (g->mailbox.raw.n == 0));
	} else {
		check_mailbox(&s->mailbox);
		check(s->n >= 1 && s->n <= LIMITS_METADATA);
		check(s->server == (s->mailbox.raw.n == 0));
	}
}

static void
check_command(const struct command *c, enum command_state state)
{
	check(c->tag.n >= 1 && c->tag.n <= LIMITS_TAG);
	check(c->kind < COMMAND_KINDS);
	check((command_states(c->kind) & state) != 0);
	if (c->kind == COMMAND_SELECT || c->kind == COMMAND_EXAMINE)
		check_mailbox(&c->u.select.mailbox);
	if (c->kind == COMMAND_LIST || c->kind == COMMAND_LSUB)
		for (size_t i = 0; i < c->u.list.n; i++)
			check_mailbox(&c->u.list.patterns[i]);
	if (c->kind == COMMAND_GETMETADATA || c->kind == COMMAND_SETMETADATA)
		check_metadata(c);
	if (c->kind == COMMAND_SEARCH)
		check(
		    count_keys(&c->u.search.key, 0) <= LIMITS_SEARCH_KEYS + 1);
	if (c->kind == COMMAND_FETCH) {
		check_set(&c->u.fetch.set);
		check_items(&c->u.fetch);
	}
	if (c->kind == COMMAND_COPY || c->kind == COMMAND_MOVE) {
		check_set(&c->u.copy.set);
		check_mailbox(&c->u.copy.mailbox);
	}
	if (c->kind == COMMAND_STORE)
		check(
		    (c->u.store.flags.system & ~(unsigned)FLAGS_STORABLE) == 0);
	if (c->kind == COMMAND_APPEND)
		check(c->u.append.n >= 1 && c->u.append.n <= LIMITS_APPEND);
}

static void
parse(struct view text, enum command_state state, bool utf8)
{
	AUTO_ARENA struct arena *a = arena_new(LIMITS_ARENA);
	const struct command_opts opts = { state, utf8 };
	struct command c;
	struct why w = { "" };

	if (command_parse(text, &opts, a, &c, &w) == COMMAND_OK)
		check_command(&c, state);
	else
		check_reason(&w);
}

static void
decide(struct frame *f, struct view *in, unsigned how)
{
	bool message = frame_is_message(frame_text(f));

	if ((message || (how & 4) != 0) && f->literal.size <= in->n &&
	    frame_external(f, how)) {
		view_skip(in, (size_t)f->literal.size);
		return;
	}
	if ((how & 8) != 0 || !frame_inline(f))
		frame_refuse(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size };
	unsigned how = size > 0 ? data[0] : 0;
	enum command_state state = (enum command_state)(1u << (how & 3) % 3);
	size_t piece = how & 16 ? 1 : how & 32 ? 7 : size;
	struct frame f;

	if (size == 0)
		return 0;
	view_skip(&in, 1);
	frame_init(&f, FRAME_COMMAND, 4096, 4096);
	while (in.n > 0) {
		struct view now = view_sub(in, 0, piece), from = now;
		enum frame_result r = frame_feed(&f, &now);

		check(now.n <= from.n && now.p + now.n == from.p + from.n);
		check(r != FRAME_MORE || now.n == 0);
		check(frame_text(&f).n <= 4 * 4096 + 4096);
		view_skip(&in, from.n - now.n);
		if (r == FRAME_DONE)
			parse(frame_text(&f), state, (how & 64) != 0);
		if (r == FRAME_LITERAL)
			decide(&f, &in, how);
		if (r != FRAME_MORE && r != FRAME_LITERAL)
			check(frame_idle(&f));
	}
	frame_fini(&f);
	/* Also what no framer made: marks and NULs anywhere. */
	parse((struct view){ data + 1, size - 1 }, state, false);
	return 0;
}
