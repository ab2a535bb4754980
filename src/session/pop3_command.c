#include "session/pop3_command.h"

#include "base/num.h"

/* What may stand behind a command. */
enum arguments {
	NONE,
	NUMBER,
	MAYBE_NUMBER,
	NUMBER_LINES,
	MAYBE_RANGE,
	WORD_XMIT,
	ANYTHING,
};

static const struct {
	const char *name;
	enum pop3_verb verb;
	enum arguments arguments;
} table[] = {
	{ "RETR", POP3_RETR, NUMBER },
	{ "DELE", POP3_DELE, NUMBER },
	{ "LIST", POP3_LIST, MAYBE_NUMBER },
	{ "UIDL", POP3_UIDL, MAYBE_NUMBER },
	{ "TOP", POP3_TOP, NUMBER_LINES },
	{ "STAT", POP3_STAT, NONE },
	{ "NOOP", POP3_NOOP, NONE },
	{ "RSET", POP3_RSET, NONE },
	{ "QUIT", POP3_QUIT, NONE },
	{ "CAPA", POP3_CAPA, NONE },
	{ "LANG", POP3_LANG, MAYBE_RANGE },
	{ "XTND", POP3_XMIT, WORD_XMIT },
	{ "USER", POP3_BEFORE, ANYTHING },
	{ "PASS", POP3_BEFORE, ANYTHING },
	{ "APOP", POP3_BEFORE, ANYTHING },
	{ "AUTH", POP3_BEFORE, ANYTHING },
	{ "STLS", POP3_BEFORE, ANYTHING },
	{ "UTF8", POP3_BEFORE, ANYTHING },
};

/* The next word and the blanks behind it; empty at the end. */
static struct view
take_word(struct view *in)
{
	struct view word = { in->p, 0 };

	while (word.n < in->n && in->p[word.n] != ' ')
		word.n++;
	view_skip(in, word.n);
	while (in->n > 0 && in->p[0] == ' ')
		view_skip(in, 1);
	return word;
}

static bool
take_number(struct view *in, struct pop3_command *c)
{
	uint64_t v;

	if (!num_parse(take_word(in), UINT32_MAX, &v))
		return false;
	c->number = (uint32_t)v;
	c->has_number = true;
	return true;
}

static bool
take_arguments(enum arguments what, struct view *in, struct pop3_command *c)
{
	switch (what) {
	case NONE:
		return true;
	case NUMBER:
		return take_number(in, c);
	case MAYBE_NUMBER:
		return in->n == 0 || take_number(in, c);
	case NUMBER_LINES:
		return take_number(in, c) &&
		    num_parse(take_word(in), UINT64_MAX, &c->lines);
	case MAYBE_RANGE:
		c->range = take_word(in);
		return true;
	case WORD_XMIT:
		return view_eq_ci(take_word(in), VIEW_LIT("XMIT"));
	case ANYTHING:
		view_skip(in, in->n);
		return true;
	}
	return false;
}

enum pop3_result
pop3_command_parse(struct view line, struct pop3_command *c)
{
	struct view word = take_word(&line);

	*c = (struct pop3_command){ .verb = POP3_BEFORE };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!view_eq_ci(word, view_str(table[i].name)))
			continue;
		c->verb = table[i].verb;
		if (!take_arguments(table[i].arguments, &line, c) || line.n > 0)
			return c->verb == POP3_XMIT ? POP3_UNKNOWN
						    : POP3_ARGUMENTS;
		return POP3_OK;
	}
	return POP3_UNKNOWN;
}
