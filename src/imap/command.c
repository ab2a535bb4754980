/*
 * One table: name, states, forms, parser of the arguments. Which states allow
 * a command is looked at before its arguments are, so what can be reached
 * before login is exactly the rows that say NONE.
 */

#include "imap/command.h"

#include <assert.h>

#include "imap/cmd.h"
#include "imap/limits.h"

#define NONE COMMAND_STATE_NONE
#define SELECTED COMMAND_STATE_SELECTED
#define LOGGED_IN (COMMAND_STATE_AUTH | COMMAND_STATE_SELECTED)
#define ANY (NONE | LOGGED_IN)

enum form { FORM_PLAIN = 1, FORM_BOTH = 3, FORM_UID = 2 };

/* In the order of enum command_kind. */
static const struct row {
	struct view name;
	enum command_kind kind;
	unsigned states;
	enum form forms;
	cmd_fn *args; /* NULL: there are none */
} rows[] = {
	{ VIEW_LIT("CAPABILITY"), COMMAND_CAPABILITY, ANY, FORM_PLAIN, NULL },
	{ VIEW_LIT("NOOP"), COMMAND_NOOP, ANY, FORM_PLAIN, NULL },
	{ VIEW_LIT("LOGOUT"), COMMAND_LOGOUT, ANY, FORM_PLAIN, NULL },
	{ VIEW_LIT("ID"), COMMAND_ID, ANY, FORM_PLAIN, cmd_id },
	{ VIEW_LIT("STARTTLS"), COMMAND_STARTTLS, NONE, FORM_PLAIN, NULL },
	{ VIEW_LIT("AUTHENTICATE"), COMMAND_AUTHENTICATE, NONE, FORM_PLAIN,
	    cmd_authenticate },
	{ VIEW_LIT("LOGIN"), COMMAND_LOGIN, NONE, FORM_PLAIN, cmd_login },
	{ VIEW_LIT("ENABLE"), COMMAND_ENABLE, LOGGED_IN, FORM_PLAIN,
	    cmd_enable },
	{ VIEW_LIT("SELECT"), COMMAND_SELECT, LOGGED_IN, FORM_PLAIN,
	    cmd_select },
	{ VIEW_LIT("EXAMINE"), COMMAND_EXAMINE, LOGGED_IN, FORM_PLAIN,
	    cmd_select },
	{ VIEW_LIT("CREATE"), COMMAND_CREATE, LOGGED_IN, FORM_PLAIN,
	    cmd_create },
	{ VIEW_LIT("DELETE"), COMMAND_DELETE, LOGGED_IN, FORM_PLAIN,
	    cmd_mailbox },
	{ VIEW_LIT("RENAME"), COMMAND_RENAME, LOGGED_IN, FORM_PLAIN,
	    cmd_rename },
	{ VIEW_LIT("SUBSCRIBE"), COMMAND_SUBSCRIBE, LOGGED_IN, FORM_PLAIN,
	    cmd_mailbox },
	{ VIEW_LIT("UNSUBSCRIBE"), COMMAND_UNSUBSCRIBE, LOGGED_IN, FORM_PLAIN,
	    cmd_mailbox },
	{ VIEW_LIT("LIST"), COMMAND_LIST, LOGGED_IN, FORM_PLAIN, cmd_list },
	{ VIEW_LIT("LSUB"), COMMAND_LSUB, LOGGED_IN, FORM_PLAIN, cmd_lsub },
	{ VIEW_LIT("NAMESPACE"), COMMAND_NAMESPACE, LOGGED_IN, FORM_PLAIN,
	    NULL },
	{ VIEW_LIT("STATUS"), COMMAND_STATUS, LOGGED_IN, FORM_PLAIN,
	    cmd_status },
	{ VIEW_LIT("APPEND"), COMMAND_APPEND, LOGGED_IN, FORM_PLAIN,
	    cmd_append },
	{ VIEW_LIT("IDLE"), COMMAND_IDLE, LOGGED_IN, FORM_PLAIN, NULL },
	{ VIEW_LIT("GETMETADATA"), COMMAND_GETMETADATA, LOGGED_IN, FORM_PLAIN,
	    cmd_getmetadata },
	{ VIEW_LIT("SETMETADATA"), COMMAND_SETMETADATA, LOGGED_IN, FORM_PLAIN,
	    cmd_setmetadata },
	{ VIEW_LIT("CHECK"), COMMAND_CHECK, SELECTED, FORM_PLAIN, NULL },
	{ VIEW_LIT("CLOSE"), COMMAND_CLOSE, SELECTED, FORM_PLAIN, NULL },
	{ VIEW_LIT("UNSELECT"), COMMAND_UNSELECT, SELECTED, FORM_PLAIN, NULL },
	{ VIEW_LIT("EXPUNGE"), COMMAND_EXPUNGE, SELECTED, FORM_BOTH,
	    cmd_expunge },
	{ VIEW_LIT("SEARCH"), COMMAND_SEARCH, SELECTED, FORM_BOTH, cmd_search },
	{ VIEW_LIT("SORT"), COMMAND_SORT, SELECTED, FORM_BOTH, cmd_sort },
	{ VIEW_LIT("THREAD"), COMMAND_THREAD, SELECTED, FORM_BOTH, cmd_thread },
	{ VIEW_LIT("FETCH"), COMMAND_FETCH, SELECTED, FORM_BOTH, cmd_fetch },
	{ VIEW_LIT("STORE"), COMMAND_STORE, SELECTED, FORM_BOTH, cmd_store },
	{ VIEW_LIT("COPY"), COMMAND_COPY, SELECTED, FORM_BOTH, cmd_copy },
	{ VIEW_LIT("MOVE"), COMMAND_MOVE, SELECTED, FORM_BOTH, cmd_copy },
};

_Static_assert(
    sizeof(rows) / sizeof(rows[0]) == COMMAND_KINDS, "a row a kind, in order");

const char *
command_name(enum command_kind kind)
{
	assert(kind < COMMAND_KINDS && rows[kind].kind == kind);
	return (const char *)rows[kind].name.p;
}

unsigned
command_states(enum command_kind kind)
{
	assert(kind < COMMAND_KINDS && rows[kind].kind == kind);
	return rows[kind].states;
}

/* tag = 1*<any ASTRING-CHAR except "+"> */
static bool
take_tag(struct lexer *lx, struct view *out)
{
	struct view v = lexer_run(lx, LEXER_ASTRING);

	if (v.n == 0 || memchr(v.p, '+', v.n) != NULL ||
	    (lx->in.n > 0 && lx->in.p[0] != ' '))
		return lexer_fail(lx, COMMAND_BAD, "expected a tag");
	if (v.n > LIMITS_TAG)
		return lexer_fail(
		    lx, COMMAND_BAD, "tag longer than %d bytes", LIMITS_TAG);
	*out = v;
	return lexer_sp(lx);
}

static bool
state_fail(struct lexer *lx, const struct row *row, enum command_state state)
{
	const char *say = "not allowed now";

	switch (state) {
	case COMMAND_STATE_NONE:
		say = "log in first";
		break;
	case COMMAND_STATE_AUTH:
		say = row->states == SELECTED ? "select a mailbox first"
					      : "already logged in";
		break;
	case COMMAND_STATE_SELECTED:
		say = "already logged in";
		break;
	}
	return lexer_fail(
	    lx, COMMAND_STATE, "%s: %s", (const char *)row->name.p, say);
}

/* ["UID" SP] name */
static const struct row *
take_name(struct lexer *lx, enum command_state state, bool *uid)
{
	enum form form;

	*uid = lexer_try_word(lx, VIEW_LIT("UID"));
	if (*uid && !lexer_sp(lx))
		return NULL;
	form = *uid ? FORM_UID : FORM_PLAIN;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((rows[i].forms & form) == 0 ||
		    !lexer_try_word(lx, rows[i].name))
			continue;
		if ((rows[i].states & state) != 0)
			return &rows[i];
		(void)state_fail(lx, &rows[i], state);
		return NULL;
	}
	(void)lexer_fail(lx, COMMAND_UNKNOWN, "unknown command");
	return NULL;
}

/* Nothing, or only spaces. */
static bool
take_end(struct lexer *lx)
{
	struct view end = lx->in;

	while (end.n > 0 && end.p[0] == ' ')
		view_skip(&end, 1);
	if (end.n == 0) {
		lx->in = end;
		return true;
	}
	return lexer_fail(lx, COMMAND_BAD, "more arguments than expected");
}

/* command = tag SP (...) CRLF */
static bool
take_command(struct lexer *lx, enum command_state state, struct command *out)
{
	const struct row *row;

	if (!take_tag(lx, &out->tag) ||
	    (row = take_name(lx, state, &out->uid)) == NULL)
		return false;
	out->kind = row->kind;
	if (row->args != NULL && !row->args(lx, out))
		return false;
	return take_end(lx);
}

enum command_result
command_parse(struct view text, const struct command_opts *opts,
    struct arena *a, struct command *out, struct why *w)
{
	struct lexer lx = { .in = text,
		.start = text.p,
		.arena = a,
		.why = w,
		.utf8 = opts->utf8,
		.depth_max = LIMITS_DEPTH,
		.values_max = LIMITS_VALUES };

	*out = (struct command){ .kind = COMMAND_NOOP };
	if (!take_command(&lx, opts->state, out))
		assert(lx.result != COMMAND_OK);
	return lx.result;
}
