#ifndef IMAP_REPLY_H
#define IMAP_REPLY_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"
#include "base/why.h"
#include "imap/value.h"

/*
 * One reply of a server as a value, for the client's side (RFC 9051 section
 * 7). Framing is frame_feed() with FRAME_REPLY; what the data mean is read
 * from the generic tree. Lenient where servers are known to deviate
 * (docs/violations.md): spaces doubled, missing or at the end, missing text,
 * eight-bit octets, "[" in the middle of an atom, lists without spaces between
 * their members.
 */
enum reply_kind {
	REPLY_CONTINUE, /* "+ text" */
	REPLY_STATUS,   /* OK NO BAD BYE PREAUTH, tagged or not */
	REPLY_DATA,     /* every other untagged one */
};

enum reply_condition {
	REPLY_OK,
	REPLY_NO,
	REPLY_BAD,
	REPLY_BYE,
	REPLY_PREAUTH
};

struct reply {
	enum reply_kind kind;
	struct view tag; /* n 0 for untagged ("*") and CONTINUE */

	/* STATUS. */
	enum reply_condition condition;
	struct view code; /* "UIDNEXT", as written; n 0 when there is none */
	struct value
	    code_args; /* always a list: what follows in the brackets */

	/* DATA: "* 12 FETCH (...)" has number 12, name FETCH, one arg. */
	bool has_number;
	uint32_t number;
	struct view name;  /* as written; compare by view_eq_ci() */
	struct value args; /* always a list: what follows the name */

	/* DATA called SEARCH or SORT: its numbers, in order, without the cost
	 * of a tree; args has what is not a number. NULL and 0 for others. */
	const uint32_t *numbers;
	size_t n_numbers;

	/* STATUS and CONTINUE: the text for people, without the code. */
	struct view text;
};

enum reply_result {
	REPLY_PARSED = 0,
	REPLY_MALFORMED, /* cannot be read; w says where */
	REPLY_LIMIT, /* LIMITS_REPLY_DEPTH, LIMITS_REPLY_VALUES or the arena */
};

/* text as frame_text() gave it, must outlive out; out is complete on
 * REPLY_PARSED, else undefined; w as for command_parse(). */
enum reply_result reply_parse(struct view text, struct arena *a,
    struct reply *out, struct why *w) A_MUST_USE;

/*
 * In a list of alternating names and values (FETCH items, STATUS items, ID),
 * the value after the atom or string called name (any case), or NULL.
 */
const struct value *reply_find(const struct value *list, struct view name)
    A_MUST_USE;

#endif
