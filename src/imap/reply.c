/*
 * Replies of servers. The frame of a reply (tag, name, number, code) is read
 * here, its data by the generic reader of value.c. Only what cannot be given a
 * meaning at all is malformed.
 */

#include "imap/reply.h"

#include "base/num.h"
#include "imap/lexer.h"
#include "imap/limits.h"

/* A run without space, "(" and control characters. */
static struct view
take_word(struct lexer *lx)
{
	struct view v = { lx->in.p, 0 };

	while (v.n < lx->in.n && lx->in.p[v.n] > 0x20 && lx->in.p[v.n] != '(')
		v.n++;
	view_skip(&lx->in, v.n);
	return v;
}

static void
skip_spaces(struct lexer *lx)
{
	while (lexer_try(lx, ' '))
		continue;
}

/* "[" name [SP args] "]"; what is no code is the beginning of the text. */
static bool
take_code(struct lexer *lx, struct reply *out)
{
	struct lexer at = *lx;

	out->code_args = (struct value){ .kind = VALUE_LIST };
	if (!lexer_try(lx, '['))
		return true;
	lx->in_code = true;
	for (out->code.p = lx->in.p; lx->in.n > 0 && lx->in.p[0] > 0x20 &&
	     lx->in.p[0] != ']' && lx->in.p[0] != '(';
	     view_skip(&lx->in, 1))
		out->code.n++;
	if (out->code.n > 0 && lexer_values(lx, ']', &out->code_args) &&
	    lexer_try(lx, ']')) {
		lx->in_code = false;
		skip_spaces(lx);
		return true;
	}
	if (lx->result == COMMAND_LIMIT)
		return false;
	*lx = at;
	out->code.n = 0;
	out->code_args = (struct value){ .kind = VALUE_LIST };
	return true;
}

/* resp-text = ["[" resp-text-code "]" SP] text */
static bool
take_text(struct lexer *lx, struct reply *out)
{
	skip_spaces(lx);
	if (!take_code(lx, out))
		return false;
	out->text = lx->in;
	view_skip(&lx->in, lx->in.n);
	return true;
}

static bool
is_condition(struct view word, enum reply_condition *out)
{
	static const struct {
		struct view word;
		enum reply_condition condition;
	} all[] = {
		{ VIEW_LIT("OK"), REPLY_OK },
		{ VIEW_LIT("NO"), REPLY_NO },
		{ VIEW_LIT("BAD"), REPLY_BAD },
		{ VIEW_LIT("BYE"), REPLY_BYE },
		{ VIEW_LIT("PREAUTH"), REPLY_PREAUTH },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!view_eq_ci(word, all[i].word))
			continue;
		*out = all[i].condition;
		return true;
	}
	return false;
}

/* *(SP number), into an array of its own */
static bool
take_numbers(struct lexer *lx, struct reply *out)
{
	struct view v;
	uint32_t *p;
	size_t n = 1;
	uint64_t num;

	for (size_t i = 0; i < lx->in.n; i++)
		n += lx->in.p[i] == ' ';
	if ((p = lexer_alloc(lx, n * sizeof(*p))) == NULL)
		return false;
	out->numbers = p;
	for (;;) {
		skip_spaces(lx);
		v = lx->in;
		if (!num_take(&v, UINT32_MAX, &num) ||
		    (v.n > 0 && v.p[0] != ' '))
			return true;
		p[out->n_numbers++] = (uint32_t)num;
		lx->in = v;
	}
}

/* [number SP] name *(SP value) */
static bool
take_data(struct lexer *lx, struct view word, struct reply *out)
{
	uint64_t n;

	out->kind = REPLY_DATA;
	out->has_number = num_parse(word, UINT32_MAX, &n);
	if (out->has_number) {
		out->number = (uint32_t)n;
		skip_spaces(lx);
		word = take_word(lx);
	}
	out->name = word;
	if (word.n == 0)
		return lexer_fail(lx, COMMAND_BAD, "reply without a name");
	if ((view_eq_ci(word, VIEW_LIT("SEARCH")) ||
		view_eq_ci(word, VIEW_LIT("SORT"))) &&
	    !take_numbers(lx, out))
		return false;
	return lexer_values(lx, -1, &out->args);
}

/* response = continue-req / response-data / response-done */
static bool
take_reply(struct lexer *lx, struct reply *out)
{
	struct view word;

	skip_spaces(lx);
	word = take_word(lx);
	if (word.n > 0 && word.p[0] == '+') {
		out->kind = REPLY_CONTINUE;
		lx->in.n += word.n - 1; /* "+text" is let in */
		lx->in.p -= word.n - 1;
		return take_text(lx, out);
	}
	if (word.n == 0)
		return lexer_fail(lx, COMMAND_BAD, "reply without a tag");
	if (!view_eq(word, VIEW_LIT("*")))
		out->tag = word;
	skip_spaces(lx);
	word = take_word(lx);
	if (is_condition(word, &out->condition)) {
		out->kind = REPLY_STATUS;
		return take_text(lx, out);
	}
	if (out->tag.n > 0)
		return lexer_fail(
		    lx, COMMAND_BAD, "tagged reply without a condition");
	return take_data(lx, word, out);
}

enum reply_result
reply_parse(struct view text, struct arena *a, struct reply *out, struct why *w)
{
	struct lexer lx = { .in = text,
		.start = text.p,
		.arena = a,
		.why = w,
		.lenient = true,
		.depth_max = LIMITS_REPLY_DEPTH,
		.values_max = LIMITS_REPLY_VALUES };

	*out = (struct reply){ .args = { .kind = VALUE_LIST },
		.code_args = { .kind = VALUE_LIST } };
	if (take_reply(&lx, out))
		return REPLY_PARSED;
	return lx.result == COMMAND_LIMIT ? REPLY_LIMIT : REPLY_MALFORMED;
}

const struct value *
reply_find(const struct value *list, struct view name)
{
	if (list->kind != VALUE_LIST)
		return NULL;
	for (size_t i = 0; i + 1 < list->n; i += 2) {
		struct view v;

		if (value_astring(&list->items[i], &v) && view_eq_ci(v, name))
			return &list->items[i + 1];
	}
	return NULL;
}
