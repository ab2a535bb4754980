#ifndef SIEVE_EXT_H
#define SIEVE_EXT_H

#include "sieve/script.h"

/*
 * The registry. Each extension is one file with one constant table of what it
 * adds to the language; ext.c lists the tables. Nothing else in the folder knows
 * which extensions there are.
 */

struct checker;
struct interp;
struct compare;
struct letter_address;
struct letter_values;

/* What follows a command in its block. */
enum ext_flow {
	EXT_NEXT = 0,
	EXT_STOP,   /* the whole run ends (stop, error) */
	EXT_RETURN, /* this script ends (RFC 6609 section 3.3) */
	EXT_BREAK,  /* a loop ends (RFC 5703 section 3.2) */
};

enum ext_param {
	EXT_NONE = 0,
	EXT_NUMBER,
	EXT_STRING,
	EXT_STRINGS, /* one string or a list */
};

/* A tagged argument, of the extension's own commands or of others'. */
struct ext_tag {
	const char *name; /* without ':' */
	const char
	    *commands; /* names of the commands and tests it may stand at,
	                         a blank between */
	enum ext_param param;
	/* Tags of one command in the same group exclude each other; NULL: only
	 * itself. */
	const char *group;
	/* Compile time; may be NULL. False: an error has been told. */
	bool (*check)(
	    struct checker *c, struct script_node *n, struct script_tag *t);
	/* Of tags of actions, run time; may be NULL: change the action that is
	 * about to be added (interp_act()). Called in the order of the script.
	 * On failure call interp_fail(). */
	void (*apply)(struct interp *in, const struct script_node *n,
	    const struct script_tag *t, struct sieve_action *a);
	/* Of modifiers of set (RFC 5229 section 4.1), run time; may be NULL: the
	 * value changed. Higher precedence comes first; two of one precedence
	 * should be in one group. */
	struct view (*modify)(struct interp *in, const struct script_node *n,
	    const struct script_tag *t, struct view value);
	unsigned precedence;
	/* Of tags of the tests that read header fields (header, address,
	 * exists, date); may be NULL: give the values of the fields called name
	 * instead of the message's own (":mime"). False: leave it to the
	 * message. */
	bool (*fields)(struct interp *in, const struct script_node *n,
	    const struct script_tag *t, struct view name,
	    struct letter_values *out);
	/* Of the same; may be NULL: leave only some of these (":index"). */
	void (*pick)(struct interp *in, const struct script_node *n,
	    const struct script_tag *t, struct letter_values *v);
};

enum ext_tests {
	EXT_NO_TESTS = 0,
	EXT_ONE_TEST,
	EXT_TEST_LIST,
};

enum ext_command_flag {
	EXT_MATCH = 1,      /* takes match types and ":comparator"; the last
	                     positional argument are the keys */
	EXT_ADDRESS = 2,    /* takes address parts */
	EXT_OWN_KEYS = 4,   /* with EXT_MATCH: the keys are no argument */
	EXT_NO_CAPTURE = 8, /* with EXT_MATCH: never sets match variables */
	EXT_REQUIRE = 16, /* may stand before require, and its strings are taken
	                     as written: require itself */
};

/* A command or test. */
struct ext_command {
	const char *name;
	/* Positional arguments: 's' one string, 'l' strings (one or a list), 'n'
	 * a number; '?' before it: may be left out, when there are fewer
	 * arguments than letters. NULL: none. */
	const char *args;
	enum ext_tests tests;
	bool block;     /* takes one, and must have it */
	unsigned flags; /* enum ext_command_flag */
	/* Compile time, after the arguments and tests have been checked; may be
	 * NULL. False: an error has been told. */
	bool (*check)(struct checker *c, struct script_node *n);
	/* Run time; a command has run, a test has test. After interp_fail()
	 * their answer does not matter. */
	enum ext_flow (*run)(struct interp *in, const struct script_node *n);
	bool (*test)(struct interp *in, const struct script_node *n);
};

/*
 * A match type (":regex"). A constant list of keys is made ready once, at
 * compile time; one with variables for each test.
 */
enum ext_match_flag {
	EXT_SUBSTRING = 1, /* needs a comparator with substring operations */
	EXT_RELATION = 2,  /* a relation follows the tag, as with ":value" */
	EXT_COUNTS = 4,    /* it is the number of values that is compared; match
	                      gets it in decimal */
};

struct ext_match {
	const char *name; /* without ':' */
	unsigned flags;   /* enum ext_match_flag */
	/* The key made ready, in a; key is as written, folded is the same after
	 * the comparator's fold; both live as long as a. NULL: *why says what is
	 * wrong with it (a constant), or is left alone when the arena is full.
	 * A prepare of NULL: the key is a struct view, folded. */
	void *(*prepare)(const struct compare_how *how, struct view key,
	    struct view folded, struct arena *a, const char **why);
	/* Does value match? folded is the same after the comparator's fold
	 * (value itself when it has none). With variables (c->how->captures) it
	 * tells what the wildcards stand for by compare_capture(). */
	bool (*match)(struct compare *c, const void *key, struct view value,
	    struct view folded);
};

/* A comparator (RFC 4790); required as "comparator-" and its name, but for
 * those of the core. */
struct ext_comparator {
	const char *name;
	/* Text in a form in which equal is equal bytes and order is the order
	 * of bytes; NULL: as it is. False: the arena is full. */
	bool (*fold)(struct view text, struct arena *a, struct view *out);
	/* -1, 0 or 1; NULL: by the bytes of the folded form. With it there are
	 * no substring operations (:contains and :matches). */
	int (*order)(struct view a, struct view b);
	bool chars; /* "?" is a character of UTF-8, else an octet; fold then
	               folds each character for itself */
};

/* An address part (":detail"). */
struct ext_part {
	const char *name; /* without ':' */
	/* False: this address has no such part; n 0 is a part too. */
	bool (*get)(struct interp *in, const struct letter_address *a,
	    struct view *out);
};

enum ext_flag {
	EXT_CORE = 1,     /* part of the language: need not be required */
	EXT_DELIVERY = 2, /* for new mail alone: a run for an IMAP event with
	                     it fails (RFC 6785 section 3.11) */
	EXT_TEST = 4,     /* only with sieve_options.test */
	EXT_UNLISTED = 8, /* can be required but is not told */
	EXT_SYNTAX = 16,  /* changes how strings are read: ihave cannot give it
	                     (RFC 5463 section 4) */
};

struct ext {
	const char *name; /* as required; NULL: only parts of the core */
	unsigned flags;   /* enum ext_flag */
	const char
	    *needs; /* another that is required along with it; may be NULL */
	const struct ext_command *commands;
	size_t n_commands;
	const struct ext_command *tests;
	size_t n_tests;
	const struct ext_tag *tags;
	size_t n_tags;
	const struct ext_match *matches;
	size_t n_matches;
	const struct ext_comparator *comparators; /* "comparator-" names */
	size_t n_comparators;
	const struct ext_part *parts;
	size_t n_parts;
	/* Name space of variables (RFC 5229 section 3): ${space.name}. Compile
	 * time: may a script name this variable, to be read or (write) set?
	 * Run time: its value, and setting it. */
	const char *space;
	bool (*space_check)(struct checker *c, struct view name, bool write);
	struct view (*space_get)(struct interp *in, struct view name);
	void (*space_set)(
	    struct interp *in, struct view name, struct view value);
	/* When a run ends without error, before the implicit keep; may be NULL. */
	void (*finish)(struct interp *in);
};

#define EXT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* All of them; NULL at the end, at most EXT_MAX. The index in it is the
 * extension's number, and 1 << number its bit. */
extern const struct ext *const ext_all[];
#define EXT_MAX 64

/* The extension of that name, whatever its flags; NULL: there is none. */
const struct ext *ext_find(struct view name) A_MUST_USE;
unsigned ext_number(const struct ext *e) A_MUST_USE;
/* May it be required under these options (NULL: the default)? */
bool ext_usable(const struct ext *e, const struct sieve_options *options)
    A_MUST_USE;
static inline uint64_t
ext_bit(const struct ext *e)
{
	return UINT64_C(1) << ext_number(e);
}
/* One of bits that is EXT_DELIVERY; NULL: none is. */
const struct ext *ext_for_delivery(uint64_t bits) A_MUST_USE;

#endif
