#ifndef TESTS_IMAP_DUMP_H
#define TESTS_IMAP_DUMP_H

/* A parsed command as one line of text, for tables of wanted results and for
 * comparing two parses. */

#include "imap/command.h"
#include "imap/response.h"

/* v for a TAP line: what is not printable is "?"; valid until the next call. */
static inline const char *
dump_safe(struct view v)
{
	static char text[512];
	size_t i;

	for (i = 0; i < v.n && i + 1 < sizeof(text); i++)
		text[i] = v.p[i] < 0x20 || v.p[i] > 0x7e ? '?' : (char)v.p[i];
	text[i] = '\0';
	return text;
}

static inline void
dump_text(struct buf *b, struct view v)
{
	buf_put_byte(b, '<');
	buf_put(b, v);
	buf_put_byte(b, '>');
}

static inline void
dump_set(struct buf *b, const struct seqset *s)
{
	if (s->saved)
		buf_put_str(b, " $");
	for (size_t i = 0; i < s->n; i++)
		buf_printf(b, "%s%u-%u", i == 0 ? " " : ",", s->ranges[i].lo,
		    s->ranges[i].hi);
}

static inline void
dump_mailbox(struct buf *b, const struct command_mailbox *m)
{
	buf_put_str(b, m->inbox ? " !" : " ");
	dump_text(b, m->name);
}

static inline void
dump_value(struct buf *b, const struct value *v)
{
	switch (v->kind) {
	case VALUE_NIL:
		buf_put_str(b, "NIL");
		break;
	case VALUE_ATOM:
		buf_put(b, v->text);
		break;
	case VALUE_STRING:
		buf_put_str(b, v->literal8 ? "~" : "");
		dump_text(b, v->text);
		break;
	case VALUE_EXTERNAL:
		buf_printf(b, "#%u/%ju", v->handle, (uintmax_t)v->size);
		break;
	case VALUE_LIST:
		buf_put_byte(b, '(');
		for (size_t i = 0; i < v->n; i++) {
			if (i > 0)
				buf_put_byte(b, ' ');
			dump_value(b, &v->items[i]);
		}
		buf_put_byte(b, ')');
		break;
	}
}

static inline void
dump_params(struct buf *b, const struct value_params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		buf_put_byte(b, ' ');
		buf_put(b, ps->p[i].name);
		if (ps->p[i].value == NULL)
			continue;
		buf_put_byte(b, '=');
		dump_value(b, ps->p[i].value);
	}
}

static inline void
dump_flags(struct buf *b, const struct flags *f)
{
	buf_put_byte(b, ' ');
	response_flags(b, f->system, f->keywords, f->n);
}

static inline void
dump_key(struct buf *b, const struct searchkey *k)
{
	static const char *const names[] = { "all", "and", "or", "not", "flags",
		"keyword", "seq", "uid", "larger", "smaller", "date", "older",
		"younger", "header", "body", "text" };

	buf_put_str(b, names[k->kind]);
	switch (k->kind) {
	case SEARCHKEY_ALL:
		break;
	case SEARCHKEY_AND:
	case SEARCHKEY_OR:
	case SEARCHKEY_NOT:
		buf_put_byte(b, '(');
		for (size_t i = 0; i < k->n; i++) {
			if (i > 0)
				buf_put_byte(b, ' ');
			dump_key(b, &k->keys[i]);
		}
		buf_put_byte(b, ')');
		break;
	case SEARCHKEY_FLAGS:
		buf_printf(b, ":%u/%u", k->u.flags.set, k->u.flags.clear);
		break;
	case SEARCHKEY_KEYWORD:
		buf_put_str(b, k->u.keyword.absent ? "-" : "+");
		buf_put(b, k->u.keyword.name);
		break;
	case SEARCHKEY_SEQ:
	case SEARCHKEY_UID:
		dump_set(b, &k->u.set);
		break;
	case SEARCHKEY_LARGER:
	case SEARCHKEY_SMALLER:
	case SEARCHKEY_OLDER:
	case SEARCHKEY_YOUNGER:
		buf_printf(b, ":%ju", (uintmax_t)k->u.number);
		break;
	case SEARCHKEY_DATE:
		buf_printf(b, "%s%c%d", k->u.date.sent ? "-sent" : "",
		    "<=>"[k->u.date.when], (int)k -> u.date.days);
		break;
	case SEARCHKEY_HEADER:
		dump_text(b, k->u.header.field);
		dump_text(b, k->u.header.string);
		break;
	case SEARCHKEY_BODY:
	case SEARCHKEY_TEXT:
		dump_text(b, k->u.string);
		break;
	}
}

static inline void
dump_item(struct buf *b, const struct fetchitem *f)
{
	buf_printf(b, " %d%s:", (int)f->kind, f->peek ? "p" : "");
	buf_put(b, f->label);
	if (f->text != FETCHITEM_TEXT_NONE || f->n_parts > 0 || f->n_fields > 0)
		buf_printf(
		    b, "/%d/%zu/%zu", (int)f->text, f->n_parts, f->n_fields);
	if (f->partial)
		buf_printf(
		    b, "@%ju+%ju", (uintmax_t)f->offset, (uintmax_t)f->length);
}

static inline void
dump_message(struct buf *b, const struct command_message *m)
{
	dump_flags(b, &m->flags);
	if (m->has_date)
		buf_printf(b, " %jd%+d", (intmax_t)m->date, m->zone);
	buf_printf(b, " %s%s%ju", m->utf8 ? "utf8" : "", m->literal8 ? "~" : "",
	    (uintmax_t)m->size);
	if (m->external)
		buf_printf(b, "#%u", m->handle);
	else
		dump_text(b, m->text);
}

static inline void
dump_list(struct buf *b, const struct command_list *l)
{
	buf_printf(b, "%s s%u r%u i%u", l->extended ? " ext" : "", l->selects,
	    l->returns, l->status);
	dump_mailbox(b, &l->reference);
	for (size_t i = 0; i < l->n; i++)
		dump_mailbox(b, &l->patterns[i]);
	for (size_t i = 0; i < l->n_entries; i++) {
		buf_put_str(b, " m");
		dump_text(b, l->entries[i]);
	}
}

static inline void
dump_search(struct buf *b, const struct command_search *s)
{
	if (s->has_return)
		buf_printf(b, " r%u", s->returns);
	if (s->charset.n > 0)
		dump_text(b, s->charset);
	buf_put_byte(b, ' ');
	dump_key(b, &s->key);
}

static inline void
dump_store(struct buf *b, const struct command_store *s)
{
	dump_set(b, &s->set);
	dump_params(b, &s->modifiers);
	buf_printf(b, " %c%s", "=+-"[s->mode], s -> silent ? "s" : "");
	dump_flags(b, &s->flags);
}

static inline void
dump_place(struct buf *b, const struct command_mailbox *m, bool server)
{
	if (server)
		buf_put_str(b, " server");
	else
		dump_mailbox(b, m);
}

static inline void
dump_getmetadata(struct buf *b, const struct command_getmetadata *g)
{
	dump_place(b, &g->mailbox, g->server);
	buf_printf(b, " d%d", (int)g->depth);
	if (g->has_maxsize)
		buf_printf(b, " m%u", g->maxsize);
	for (size_t i = 0; i < g->n; i++)
		dump_text(b, g->entries[i]);
}

static inline void
dump_setmetadata(struct buf *b, const struct command_setmetadata *s)
{
	dump_place(b, &s->mailbox, s->server);
	for (size_t i = 0; i < s->n; i++) {
		const struct command_annotation *a = &s->annotations[i];

		buf_put_byte(b, ' ');
		buf_put(b, a->entry);
		buf_put_byte(b, '=');
		if (a->value.p == NULL)
			buf_put_str(b, "NIL");
		else
			dump_text(b, a->value);
	}
}

static inline void
dump_command(struct buf *b, const struct command *c)
{
	buf_put(b, c->tag);
	buf_printf(b, " %s%s", c->uid ? "UID " : "", command_name(c->kind));
	switch (c->kind) {
	case COMMAND_ID:
		for (size_t i = 0; i < c->u.id.n; i++) {
			buf_put_byte(b, ' ');
			response_string(b, c->u.id.fields[i].name, false);
			buf_put_byte(b, '=');
			response_nstring(b, c->u.id.fields[i].value, false);
		}
		break;
	case COMMAND_AUTHENTICATE:
		dump_text(b, c->u.authenticate.mechanism);
		if (c->u.authenticate.has_initial)
			dump_text(b, c->u.authenticate.initial);
		break;
	case COMMAND_LOGIN:
		dump_text(b, c->u.login.user);
		dump_text(b, c->u.login.password);
		break;
	case COMMAND_ENABLE:
		for (size_t i = 0; i < c->u.enable.n; i++)
			dump_text(b, c->u.enable.capabilities[i]);
		break;
	case COMMAND_SELECT:
	case COMMAND_EXAMINE:
		dump_mailbox(b, &c->u.select.mailbox);
		dump_params(b, &c->u.select.params);
		break;
	case COMMAND_CREATE:
		dump_mailbox(b, &c->u.create.mailbox);
		buf_printf(b, " u%u%s", c->u.create.use,
		    c->u.create.unknown_use ? "?" : "");
		break;
	case COMMAND_DELETE:
	case COMMAND_SUBSCRIBE:
	case COMMAND_UNSUBSCRIBE:
		dump_mailbox(b, &c->u.mailbox);
		break;
	case COMMAND_RENAME:
		dump_mailbox(b, &c->u.rename.from);
		dump_mailbox(b, &c->u.rename.to);
		break;
	case COMMAND_LIST:
	case COMMAND_LSUB:
		dump_list(b, &c->u.list);
		break;
	case COMMAND_STATUS:
		dump_mailbox(b, &c->u.status.mailbox);
		buf_printf(b, " i%u", c->u.status.items);
		break;
	case COMMAND_GETMETADATA:
		dump_getmetadata(b, &c->u.getmetadata);
		break;
	case COMMAND_SETMETADATA:
		dump_setmetadata(b, &c->u.setmetadata);
		break;
	case COMMAND_APPEND:
		dump_mailbox(b, &c->u.append.mailbox);
		for (size_t i = 0; i < c->u.append.n; i++)
			dump_message(b, &c->u.append.messages[i]);
		break;
	case COMMAND_EXPUNGE:
		if (c->uid)
			dump_set(b, &c->u.set);
		break;
	case COMMAND_SEARCH:
		dump_search(b, &c->u.search);
		break;
	case COMMAND_SORT:
		for (size_t i = 0; i < c->u.sort.n; i++)
			buf_printf(b, " %s%d",
			    c->u.sort.by[i].reverse ? "-" : "",
			    (int)c->u.sort.by[i].key);
		dump_text(b, c->u.sort.charset);
		dump_key(b, &c->u.sort.key);
		break;
	case COMMAND_THREAD:
		buf_printf(b, " %d", (int)c->u.thread.algorithm);
		dump_text(b, c->u.thread.charset);
		dump_key(b, &c->u.thread.key);
		break;
	case COMMAND_FETCH:
		dump_set(b, &c->u.fetch.set);
		for (size_t i = 0; i < c->u.fetch.n; i++)
			dump_item(b, &c->u.fetch.items[i]);
		dump_params(b, &c->u.fetch.modifiers);
		break;
	case COMMAND_STORE:
		dump_store(b, &c->u.store);
		break;
	case COMMAND_COPY:
	case COMMAND_MOVE:
		dump_set(b, &c->u.copy.set);
		dump_mailbox(b, &c->u.copy.mailbox);
		break;
	case COMMAND_CAPABILITY:
	case COMMAND_NOOP:
	case COMMAND_LOGOUT:
	case COMMAND_STARTTLS:
	case COMMAND_NAMESPACE:
	case COMMAND_IDLE:
	case COMMAND_CHECK:
	case COMMAND_CLOSE:
	case COMMAND_UNSELECT:
	case COMMAND_KINDS:
		break;
	}
}

#endif
