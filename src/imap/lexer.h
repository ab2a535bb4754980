#ifndef IMAP_LEXER_H
#define IMAP_LEXER_H

#include "imap/command.h"
#include "imap/frame.h"

/*
 * The tokens of RFC 9051 section 9, for the parsers of this folder only.
 *
 * A lexer is a cursor over one whole command (or reply). The command language
 * never needs to look back, so a rule that fails ends the command: it says why
 * by lexer_fail(), the first failure stays, and false goes all the way up.
 * Rules that only look whether something is there say so ("try").
 */
struct lexer {
	struct view in;       /* the rest */
	const uint8_t *start; /* of the text, for positions */
	struct arena *arena;
	struct why *why;
	enum command_result result; /* COMMAND_OK until something failed */
	bool utf8;                  /* command_opts.utf8 */
	bool lenient;               /* reading a reply */
	bool in_code;               /* lenient: "]" ends an atom */
	bool no_brackets;           /* lenient: no "]" to come any more */
	unsigned depth;             /* lists or search keys open */
	unsigned depth_max;
	size_t values; /* made so far */
	size_t values_max;
	size_t keys; /* search keys made so far */
};

enum lexer_class {
	LEXER_ATOM = 1,      /* ATOM-CHAR */
	LEXER_RESP = 2,      /* resp-specials, in ASTRING-CHAR too */
	LEXER_WILD = 4,      /* list-wildcards */
	LEXER_ESCAPE = 8,    /* quoted-specials */
	LEXER_UNQUOTED = 16, /* NUL, CR, LF: cannot be quoted */
	LEXER_HIGH = 32,     /* 0x80 and above */
};
#define LEXER_ASTRING (LEXER_ATOM | LEXER_RESP)
extern const uint8_t lexer_class[256];

/* Always false. The text gets the position behind it. */
bool lexer_fail(struct lexer *lx, enum command_result r, const char *fmt, ...)
    A_PRINTF(3, 4);
/* COMMAND_LIMIT: more than max of what. */
bool lexer_too_many(struct lexer *lx, size_t max, const char *what);
/* Zeroed memory from the arena; NULL after lexer_fail(). */
void *lexer_alloc(struct lexer *lx, size_t size) A_MUST_USE;
/*
 * Room for element n of an array of elements of size bytes: p itself or a
 * larger copy. cap is the array's; NULL after lexer_fail() when n == max.
 */
void *lexer_grow(struct lexer *lx, void *p, size_t n, size_t *cap, size_t size,
    size_t max, const char *what) A_MUST_USE;

/* The next octet, -1 at the end. */
static inline int
lexer_peek(const struct lexer *lx)
{
	return lx->in.n > 0 ? lx->in.p[0] : -1;
}

/* Try: take c if it is next. */
static inline bool
lexer_try(struct lexer *lx, char c)
{
	if (lexer_peek(lx) != (uint8_t)c)
		return false;
	view_skip(&lx->in, 1);
	return true;
}

/* Try: take the word, any case, if it is next and no ASTRING-CHAR follows. */
bool lexer_try_word(struct lexer *lx, struct view word) A_MUST_USE;
/* Exactly this octet. */
bool lexer_char(struct lexer *lx, char c) A_MUST_USE;
bool lexer_sp(struct lexer *lx) A_MUST_USE;
/* A run of octets of these classes, possibly empty. */
struct view lexer_run(struct lexer *lx, unsigned classes) A_MUST_USE;
/* 1*ATOM-CHAR; what: the word for it in the reason. */
bool lexer_atom(struct lexer *lx, const char *what, struct view *out)
    A_MUST_USE;
/* quoted / literal, also astring. Content is in the text, or in the arena when
 * something was escaped. */
bool lexer_string(struct lexer *lx, struct view *out) A_MUST_USE;
bool lexer_astring(struct lexer *lx, struct view *out) A_MUST_USE;
/* "{n}" CRLF and n octets, at the "{". */
bool lexer_literal(struct lexer *lx, struct view *out) A_MUST_USE;
bool lexer_number(struct lexer *lx, uint64_t min, uint64_t max, uint64_t *out)
    A_MUST_USE;
/* sequence-set / "$" */
bool lexer_seqset(struct lexer *lx, struct seqset *out) A_MUST_USE;
/* mailbox; and list-mailbox, which may hold wildcards. */
bool lexer_mailbox(struct lexer *lx, struct command_mailbox *out) A_MUST_USE;
bool lexer_list_mailbox(
    struct lexer *lx, bool wild, struct command_mailbox *out) A_MUST_USE;
/* flag-list; with bare also flag *(SP flag). */
bool lexer_flags(struct lexer *lx, bool bare, struct flags *out) A_MUST_USE;
/* A list of status items, "(" ... ")". */
bool lexer_status_items(struct lexer *lx, unsigned *out) A_MUST_USE;
/* One generic value; the values inside a list up to the closer. */
bool lexer_value(struct lexer *lx, struct value *out) A_MUST_USE;
/* "(" name [SP value] *(SP ...) ")" of RFC 4466. */
bool lexer_params(struct lexer *lx, struct value_params *out) A_MUST_USE;
/* The values up to the octet close, or to the end of the text when close is
 * -1; the closer is not taken. */
bool lexer_values(struct lexer *lx, int close, struct value *out) A_MUST_USE;

#endif
