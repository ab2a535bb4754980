#ifndef SIEVE_TOKEN_H
#define SIEVE_TOKEN_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"

/* The tokens of a script (RFC 5228 section 8.1). */
enum token_kind {
	TOKEN_END,    /* of the script */
	TOKEN_NAME,   /* identifier */
	TOKEN_TAG,    /* text without ':' */
	TOKEN_NUMBER, /* its K, M or G multiplied out */
	TOKEN_STRING, /* quoted or multi-line */
	TOKEN_SIGN,   /* one of [ ] ( ) { } , ; */
	TOKEN_BAD,    /* why says what is wrong */
};

struct token {
	enum token_kind kind;
	uint32_t line, column; /* where it starts, from 1 */
	struct view text;      /* of names, tags and strings; a string's escapes
	                          are undone and its line ends are CRLF */
	uint64_t number;
	uint8_t sign;
	const char *why; /* constant */
};

/* What names are made of (RFC 5228 section 8.1). */
static inline bool
token_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool
token_is_name_start(uint8_t c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

/* Where in a script the reader is. */
struct token_reader {
	struct view rest;
	struct arena *a;        /* of strings that had to be rewritten */
	uint32_t line;          /* of rest */
	uint32_t column;        /* of counted, in characters */
	const uint8_t *counted; /* up to here the column was counted */
};

/* script: borrowed as long as texts are used. */
void token_init(struct token_reader *r, struct view script, struct arena *a);
/*
 * Take the next token. White space and comments are skipped. Line ends are CRLF
 * or LF. After TOKEN_END and TOKEN_BAD there is nothing more to take.
 */
void token_next(struct token_reader *r, struct token *out);

#endif
