/*
 * The parser knows the generic grammar only (RFC 5228 section 8.2): commands of
 * arguments, tests and blocks. What is collected in a list whose length is not
 * known before is kept in the parser and copied when it is whole.
 */

#include "sieve/script.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "sieve/token.h"

#define ARGS_MAX 64 /* of one command; more are an error */

struct script_reader {
	struct token_reader in;
	struct token t; /* the next token */
	struct arena *a;
	struct sieve_errors *errors;
	unsigned blocks, tests; /* how deep in */
	bool stop;              /* nothing more can be read */
	bool failed;            /* an error was told in a block */
	struct script_arg args[ARGS_MAX];
	struct script_text texts[SIEVE_LIST_MAX];
};

void
script_clean(char *text)
{
	uint8_t *p = (uint8_t *)text;
	struct view rest = view_str(text);

	while (rest.n > 0) {
		size_t n = rest.n;
		uint32_t c;

		if (!utf8_take(&rest, &c)) {
			*p = '?';
			view_skip(&rest, 1);
		} else if (c < ' ' || c == 0x7f) {
			*p = ' ';
		} else if ((c >= 0x80 && c < 0xa0) || c == 0x2028 ||
		    c == 0x2029) { /* controls and line ends of Unicode */
			memset(p, ' ', n - rest.n);
		}
		p += n - rest.n;
	}
}

void
script_error(struct sieve_errors *errors, uint32_t line, uint32_t column,
    const char *fmt, ...)
{
	struct sieve_error *e;
	va_list ap;

	if (errors->n == SIEVE_ERRORS_MAX)
		return;
	e = &errors->e[errors->n++];
	e->line = line;
	e->column = column;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	script_clean(e->text);
}

static bool
fail(struct script_reader *r, const char *text)
{
	if (r->t.kind == TOKEN_BAD)
		text = r->t.why;
	else if (r->t.kind == TOKEN_END)
		text = "the script ends in the middle of a command";
	script_error(r->errors, r->t.line, r->t.column, "%s", text);
	return false;
}

static void *
alloc(struct script_reader *r, size_t n, size_t size)
{
	void *p = arena_alloc(r->a, n * size);

	if (p == NULL)
		fail(r, "the script is too large");
	return p;
}

static bool
is_sign(const struct script_reader *r, uint8_t sign)
{
	return r->t.kind == TOKEN_SIGN && r->t.sign == sign;
}

static void
next(struct script_reader *r)
{
	token_next(&r->in, &r->t);
}

/* "[" string *("," string) "]", behind the bracket */
static bool
take_list(struct script_reader *r, struct script_arg *arg)
{
	size_t n = 0;

	for (;; next(r)) {
		if (r->t.kind != TOKEN_STRING)
			return fail(r, "a string must stand here");
		if (n == SIEVE_LIST_MAX)
			return fail(r, "this list has too many strings");
		r->texts[n++] = (struct script_text){ .v = r->t.text };
		next(r);
		if (!is_sign(r, ','))
			break;
	}
	if (!is_sign(r, ']'))
		return fail(r, "',' or ']' must follow a string of a list");
	next(r);
	if ((arg->texts = alloc(r, n, sizeof(*arg->texts))) == NULL)
		return false;
	memcpy(arg->texts, r->texts, n * sizeof(*arg->texts));
	arg->n = n;
	arg->kind = SCRIPT_LIST;
	return true;
}

/* argument = string-list / number / tag */
static bool
take_arg(struct script_reader *r, struct script_arg *arg)
{
	*arg = (struct script_arg){ .line = r->t.line, .column = r->t.column };
	if (r->t.kind == TOKEN_STRING) {
		arg->kind = SCRIPT_STRING;
		arg->texts = alloc(r, 1, sizeof(*arg->texts));
		if (arg->texts == NULL)
			return false;
		arg->texts[0].v = r->t.text;
		arg->n = 1;
	} else if (r->t.kind == TOKEN_NUMBER) {
		arg->kind = SCRIPT_NUMBER;
		arg->number = r->t.number;
	} else if (r->t.kind == TOKEN_TAG) {
		arg->kind = SCRIPT_TAG;
		arg->tag = r->t.text;
	} else {
		next(r);
		return take_list(r, arg);
	}
	next(r);
	return true;
}

static bool
is_arg(const struct script_reader *r)
{
	return r->t.kind == TOKEN_STRING || r->t.kind == TOKEN_NUMBER ||
	    r->t.kind == TOKEN_TAG || is_sign(r, '[');
}

static bool
take_args(struct script_reader *r, struct script_node *node)
{
	size_t n = 0;

	while (is_arg(r)) {
		if (n == ARGS_MAX)
			return fail(r, "this command has too many arguments");
		if (!take_arg(r, &r->args[n++]))
			return false;
	}
	if (n == 0)
		return true;
	if ((node->args = alloc(r, n, sizeof(*node->args))) == NULL)
		return false;
	memcpy(node->args, r->args, n * sizeof(*node->args));
	node->n_args = n;
	return true;
}

static struct script_node *
new_node(struct script_reader *r)
{
	struct script_node *node = alloc(r, 1, sizeof(*node));

	if (node == NULL)
		return NULL;
	node->line = r->t.line;
	node->column = r->t.column;
	node->name = r->t.text;
	next(r);
	return node;
}

static bool take_tests(struct script_reader *r, struct script_node *node);

/* test = identifier arguments */
static struct script_node *
take_test(struct script_reader *r)
{
	struct script_node *node;

	if (r->t.kind != TOKEN_NAME) {
		fail(r, "a test must stand here");
		return NULL;
	}
	if (r->tests == SIEVE_NESTING_MAX) {
		fail(r, "tests are nested too deep");
		return NULL;
	}
	if ((node = new_node(r)) == NULL)
		return NULL;
	r->tests++;
	if (!take_args(r, node) || !take_tests(r, node))
		return NULL;
	r->tests--;
	return node;
}

/* [ test / test-list ] ; test-list = "(" test *("," test) ")" */
static bool
take_tests(struct script_reader *r, struct script_node *node)
{
	struct script_node **tail = &node->tests;

	if (r->t.kind == TOKEN_NAME) {
		if ((*tail = take_test(r)) == NULL)
			return false;
		node->n_tests = 1;
		return true;
	}
	if (!is_sign(r, '('))
		return true;
	node->test_list = true;
	do {
		next(r);
		if ((*tail = take_test(r)) == NULL)
			return false;
		tail = &(*tail)->next;
		node->n_tests++;
	} while (is_sign(r, ','));
	if (!is_sign(r, ')'))
		return fail(r, "',' or ')' must follow a test of a list");
	next(r);
	return true;
}

static bool take_commands(struct script_reader *r, struct script_node **out);

/* block = "{" commands "}" */
static bool
take_block(struct script_reader *r, struct script_node *node)
{
	bool ok;

	if (r->blocks == SIEVE_NESTING_MAX)
		return fail(r, "blocks are nested too deep");
	r->blocks++;
	next(r);
	ok = take_commands(r, &node->block);
	if (!is_sign(r, '}'))
		return r->stop ? false
			       : fail(r, "'}' or a command must stand here");
	r->blocks--;
	next(r);
	node->has_block = true;
	r->failed |= !ok;
	return true;
}

/* command = identifier arguments (";" / block) */
static struct script_node *
take_command(struct script_reader *r)
{
	struct script_node *node = new_node(r);

	if (node == NULL || !take_args(r, node) || !take_tests(r, node))
		return NULL;
	if (is_sign(r, '{'))
		return take_block(r, node) ? node : NULL;
	if (!is_sign(r, ';')) {
		fail(r, "';' or '{' is missing before this");
		return NULL;
	}
	next(r);
	return node;
}

/* Behind a syntax error: go to where a command may begin, behind the next ';'
 * (but among tests it ends nothing) or block, or in front of the '}' of the block around. False: there is no
 * such place. */
static bool
recover(struct script_reader *r)
{
	bool in_tests = r->tests > 0;
	unsigned depth = 0;

	r->tests = 0;
	for (;; next(r)) {
		if (r->t.kind == TOKEN_END || r->t.kind == TOKEN_BAD)
			return false;
		if (is_sign(r, '{'))
			depth++;
		else if (is_sign(r, '}') && depth == 0)
			return true;
		else if ((is_sign(r, '}') && --depth == 0) ||
		    (is_sign(r, ';') && depth == 0 && !in_tests))
			break;
	}
	next(r);
	return true;
}

/* commands = *command; after an error the others are read for theirs. */
static bool
take_commands(struct script_reader *r, struct script_node **out)
{
	struct script_node **tail = out;
	bool ok = true;

	while (r->t.kind == TOKEN_NAME) {
		unsigned blocks = r->blocks;

		if ((*tail = take_command(r)) != NULL) {
			tail = &(*tail)->next;
			continue;
		}
		ok = false;
		if (r->t.kind == TOKEN_BAD || r->stop || !recover(r)) {
			r->stop = true;
			return false;
		}
		r->blocks = blocks;
	}
	return ok;
}

/* start = commands */
bool
script_parse(struct view script, struct arena *a, struct script_node **out,
    struct sieve_errors *errors)
{
	AUTO_FREE struct script_reader *r = xmalloc(sizeof(*r));

	r->a = a;
	r->errors = errors;
	r->blocks = r->tests = 0;
	r->stop = r->failed = false;
	token_init(&r->in, script, a);
	next(r);
	*out = NULL;
	if (!take_commands(r, out))
		return false;
	if (r->t.kind != TOKEN_END)
		return fail(r, "a command must stand here");
	return !r->failed;
}
