#ifndef IMAP_VALUE_H
#define IMAP_VALUE_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * The generic tree: what every IMAP datum is made of, whatever it means.
 * Replies come out as such trees (imap/reply.h), and those arguments of
 * commands whose meaning belongs to an extension (RFC 4466 tagged-ext-val).
 */
enum value_kind {
	VALUE_NIL,    /* unquoted NIL; text is "NIL" as it was written */
	VALUE_ATOM,   /* also numbers, "\Seen", "BODY[HEADER.FIELDS (To)]<0>" */
	VALUE_STRING, /* quoted or literal; text is the content */
	VALUE_EXTERNAL, /* literal kept by the caller, see imap/frame.h */
	VALUE_LIST,     /* parenthesised */
};

struct value {
	enum value_kind kind;
	struct view text;    /* NIL, ATOM, STRING */
	struct value *items; /* LIST: an array of n, in order; else NULL */
	size_t n;
	uint32_t handle; /* EXTERNAL: what frame_external() was given */
	uint64_t size;   /* EXTERNAL: octets */
	bool literal8;   /* STRING, EXTERNAL: was written with "~" */
};

/* An extension's named argument: "(CONDSTORE QRESYNC (1 2))" are two. */
struct value_param {
	struct view name;          /* as written; compare by view_eq_ci() */
	const struct value *value; /* NULL when there was none */
};

/* Generic named arguments, in order, as written; n 0 when there were none. */
struct value_params {
	const struct value_param *p;
	size_t n;
};

/* v as astring: NIL (a name like any other here), ATOM and STRING. False for
 * a list or an external literal. */
bool value_astring(const struct value *v, struct view *out) A_MUST_USE;
/* v as nstring: a STRING gives its text, NIL gives p NULL; tolerates an atom.
 * False for a list or an external literal. */
bool value_nstring(const struct value *v, struct view *out) A_MUST_USE;
/* v as number up to max; only an ATOM all of digits. */
bool value_number(const struct value *v, uint64_t max, uint64_t *out)
    A_MUST_USE;
/* Is v the atom name (any case)? */
bool value_is_atom(const struct value *v, struct view name) A_MUST_USE;
/* Item i of a list, NULL when v is no list or has not so many. */
const struct value *value_item(const struct value *v, size_t i) A_MUST_USE;

#endif
