/*
 * SORT and THREAD (RFC 5256 section 5). The keys are those of SEARCH; the
 * charset stands before them without a word and must be there.
 */

#include "imap/cmd.h"
#include "imap/limits.h"

static const struct {
	struct view name;
	enum command_sort_key key;
} sort_keys[] = {
	{ VIEW_LIT("ARRIVAL"), COMMAND_SORT_ARRIVAL },
	{ VIEW_LIT("CC"), COMMAND_SORT_CC },
	{ VIEW_LIT("DATE"), COMMAND_SORT_DATE },
	{ VIEW_LIT("FROM"), COMMAND_SORT_FROM },
	{ VIEW_LIT("SIZE"), COMMAND_SORT_SIZE },
	{ VIEW_LIT("SUBJECT"), COMMAND_SORT_SUBJECT },
	{ VIEW_LIT("TO"), COMMAND_SORT_TO },
};

/* sort-criterion = ["REVERSE" SP] sort-key */
static bool
take_criterion(struct lexer *lx, struct command_sort_criterion *out)
{
	out->reverse = lexer_try_word(lx, VIEW_LIT("REVERSE"));
	if (out->reverse && !lexer_sp(lx))
		return false;
	for (size_t i = 0; i < sizeof(sort_keys) / sizeof(sort_keys[0]); i++) {
		if (!lexer_try_word(lx, sort_keys[i].name))
			continue;
		out->key = sort_keys[i].key;
		return true;
	}
	return lexer_fail(lx, COMMAND_BAD, "unknown sort key");
}

/* SP charset 1*(SP search-key) */
static bool
take_criteria(struct lexer *lx, struct view *charset, struct searchkey *key)
{
	return lexer_sp(lx) && lexer_astring(lx, charset) && lexer_sp(lx) &&
	    cmd_search_keys(lx, key);
}

/* sort = "SORT" SP "(" sort-criterion *(SP sort-criterion) ")" SP criteria */
bool
cmd_sort(struct lexer *lx, struct command *out)
{
	struct command_sort *u = &out->u.sort;

	if (!lexer_sp(lx) || !lexer_char(lx, '('))
		return false;
	do {
		if (u->n == LIMITS_SORT)
			return lexer_too_many(lx, LIMITS_SORT, "sort keys");
		if (!take_criterion(lx, &u->by[u->n++]))
			return false;
	} while (lexer_try(lx, ' '));
	return lexer_char(lx, ')') && take_criteria(lx, &u->charset, &u->key);
}

/* thread = "THREAD" SP thread-alg SP criteria */
bool
cmd_thread(struct lexer *lx, struct command *out)
{
	struct command_thread *u = &out->u.thread;

	if (!lexer_sp(lx))
		return false;
	if (lexer_try_word(lx, VIEW_LIT("ORDEREDSUBJECT")))
		u->algorithm = COMMAND_THREAD_ORDEREDSUBJECT;
	else if (lexer_try_word(lx, VIEW_LIT("REFERENCES")))
		u->algorithm = COMMAND_THREAD_REFERENCES;
	else
		return lexer_fail(
		    lx, COMMAND_BAD, "unknown threading algorithm");
	return take_criteria(lx, &u->charset, &u->key);
}
