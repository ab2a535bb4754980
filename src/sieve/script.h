#ifndef SIEVE_SCRIPT_H
#define SIEVE_SCRIPT_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"
#include "sieve/sieve.h"

/*
 * A script as a tree (RFC 5228 section 8.2). The parser makes it, the checker
 * (sieve/checker.h) fills in what the names mean, and from then on it is
 * constant. All of it lives in the program's arena.
 */

struct ext;
struct ext_command;
struct ext_tag;
struct compare_how;

/* A piece of a string with variables (RFC 5229 section 3). */
enum script_part_kind {
	SCRIPT_PART_TEXT,     /* constant */
	SCRIPT_PART_VARIABLE, /* index: a slot of the program's variables */
	SCRIPT_PART_MATCH,    /* index: a match variable */
	SCRIPT_PART_OTHER,    /* text: a name, in the name space of ext */
};

struct script_part {
	enum script_part_kind kind;
	struct view text;
	unsigned index;
	const struct ext *ext;
};

struct script_text {
	struct view v; /* as after escapes and encoded-character */
	const struct script_part *parts; /* NULL: constant, v is the text */
	size_t n_parts;
	uint32_t hash; /* letter_hash() of a constant */
};

enum script_arg_kind {
	SCRIPT_NUMBER,
	SCRIPT_STRING, /* one, without brackets */
	SCRIPT_LIST,   /* in brackets, perhaps empty */
	SCRIPT_TAG,
};

struct script_arg {
	enum script_arg_kind kind;
	uint32_t line, column;
	uint64_t number;           /* SCRIPT_NUMBER */
	struct view tag;           /* SCRIPT_TAG, without ':' */
	struct script_text *texts; /* SCRIPT_STRING and SCRIPT_LIST */
	size_t n;                  /* of texts */
};

/* A tag of a checked command. */
struct script_tag {
	const struct ext_tag *def;
	const struct script_arg *at;    /* the tag itself */
	const struct script_arg *param; /* NULL: it has none */
	void *data;                     /* of def's check */
};

/* A command or a test. */
struct script_node {
	struct script_node *next; /* of the same block or list of tests */
	uint32_t line, column;
	struct view name;
	struct script_arg *args; /* as written */
	size_t n_args;
	struct script_node *tests;
	size_t n_tests;
	bool test_list; /* the tests stood in parentheses */
	struct script_node *block;
	bool has_block;

	/* By the checker. */
	const struct ext_command *def;
	const struct script_arg **arg; /* positional ones in the order of
	                                  def->args; NULL: an optional one that
	                                  was not given */
	struct script_tag *tags;       /* in the order of the script */
	size_t n_tags;
	struct compare_how *how; /* of tests with EXT_MATCH */
	uint64_t needs;    /* extensions (bits) that only ihave can give */
	const char *wrong; /* cannot be run, and why: with ihave that is
	                            said when it is reached */
	void *data;        /* of def's check */
};

/* The tag of a checked command that is def's; NULL: not given. */
static inline const struct script_tag *
script_tag(const struct script_node *n, const struct ext_tag *def)
{
	for (size_t i = 0; i < n->n_tags; i++)
		if (n->tags[i].def == def)
			return &n->tags[i];
	return NULL;
}

/*
 * Parse a script into commands. No name is looked at, not even require's.
 *
 * a       owner of the tree; texts without escapes are views into script
 * errors  added to; a syntax error ends the parse
 *
 * False on a syntax error, or past one of the limits of sieve.h.
 */
bool script_parse(struct view script, struct arena *a, struct script_node **out,
    struct sieve_errors *errors) A_MUST_USE;

/* Make a text what struct sieve_error promises: what is no UTF-8 becomes "?",
 * control characters become blanks. */
void script_clean(char *text);
/* Add an error, as far as there is room for it; the text is cleaned. */
void script_error(struct sieve_errors *errors, uint32_t line, uint32_t column,
    const char *fmt, ...) A_PRINTF(4, 5);

#endif
