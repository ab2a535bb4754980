/* APPEND of one or many messages. */

#include "imap/cmd.h"
#include "imap/datetime.h"
#include "imap/limits.h"

/* date-time = DQUOTE ... DQUOTE */
static bool
take_date(struct lexer *lx, struct command_message *m)
{
	struct view v;

	if (!lexer_string(lx, &v))
		return false;
	if (!datetime_parse(v, &m->date, &m->zone))
		return lexer_fail(lx, COMMAND_BAD, "malformed date-time");
	m->has_date = true;
	return true;
}

/* literal / literal8, in the text or with the caller */
static bool
take_octets(struct lexer *lx, struct command_message *m)
{
	struct frame_mark mark;

	if (frame_take_mark(&lx->in, &mark)) {
		m->external = true;
		m->handle = mark.handle;
		m->size = mark.size;
		m->literal8 = mark.literal8;
		return true;
	}
	m->literal8 = lexer_try(lx, '~');
	if (!lexer_literal(lx, &m->text))
		return false;
	m->size = m->text.n;
	if (!m->literal8 && m->text.n > 0 &&
	    memchr(m->text.p, 0, m->text.n) != NULL)
		return lexer_fail(lx, COMMAND_BAD, "NUL in a literal");
	return true;
}

/* append-data = literal / literal8 / "UTF8" SP "(" literal8 ")" */
static bool
take_data(struct lexer *lx, struct command_message *m)
{
	m->utf8 = lexer_try_word(lx, VIEW_LIT("UTF8"));
	if (!m->utf8)
		return take_octets(lx, m);
	if (!lexer_sp(lx) || !lexer_char(lx, '(') || !take_octets(lx, m))
		return false;
	if (!m->literal8)
		return lexer_fail(lx, COMMAND_BAD, "expected a literal8");
	return lexer_char(lx, ')');
}

/* append-message = [SP flag-list] [SP date-time] SP append-data */
static bool
take_message(struct lexer *lx, struct command_message *m)
{
	if (!lexer_sp(lx))
		return false;
	if (lexer_peek(lx) == '(' &&
	    (!lexer_flags(lx, false, &m->flags) || !lexer_sp(lx)))
		return false;
	if (lexer_peek(lx) == '"' && (!take_date(lx, m) || !lexer_sp(lx)))
		return false;
	return take_data(lx, m);
}

/* append = "APPEND" SP mailbox 1*append-message (RFC 3502) */
bool
cmd_append(struct lexer *lx, struct command *out)
{
	struct command_append *u = &out->u.append;
	struct command_message *m = NULL;
	size_t cap = 0;

	if (!lexer_sp(lx) || !lexer_mailbox(lx, &u->mailbox))
		return false;
	do {
		m = lexer_grow(
		    lx, m, u->n, &cap, sizeof(*m), LIMITS_APPEND, "messages");
		if (m == NULL || !take_message(lx, &m[u->n]))
			return false;
		u->n++;
		u->messages = m;
	} while (lx->in.n > 1 && lx->in.p[0] == ' ' && lx->in.p[1] != ' ');
	return true;
}
