#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"
#include "mail/transfer.h"

/* Past a limit a message is still read: a multipart or message becomes a leaf,
 * further parts belong to the body of the last one, further parameters are
 * dropped. */
#define MIME_DEPTH_MAX 50     /* containers inside one another */
#define MIME_PARTS_MAX 10000  /* parts of a message, containers included */
#define MIME_PARAMS_MAX 64    /* of one field */
#define MIME_BOUNDARY_MAX 250 /* bytes; a longer one is cut there */
#define MIME_LANGUAGES_MAX 32

/* Enough for any message within the limits but those made to fill it. */
#define MIME_ARENA_MAX ((size_t)64 << 20)

struct mime_param {
	const struct mime_param *next;
	struct view name;  /* as written */
	struct view value; /* quotes and quoted-pairs undone, unfolded */
};

enum mime_kind { MIME_LEAF = 0, MIME_MULTIPART, MIME_MESSAGE };

/*
 * A part of a message. Texts are views into the message, into the arena or of
 * constants; p == NULL: the field is absent. Offsets count from the start of
 * the view given to mime_parse().
 */
struct mime_part {
	struct mime_part *parent; /* NULL at the root */
	struct mime_part *next;   /* next part of the same multipart */
	struct mime_part *child;  /* first part of a multipart, or the root part
	                             of the message in a message/rfc822 */
	enum mime_kind kind;
	uint32_t n_children;

	struct view type, subtype; /* never NULL; "text", "plain" by default */
	const struct mime_param *params; /* NULL: none */
	struct view id, description, md5, location;
	struct view encoding_name; /* as written without comments; NULL: none */
	enum transfer encoding;
	struct view disposition; /* type; NULL: no disposition */
	const struct mime_param *disposition_params;
	const struct mime_param *languages; /* only value is set */

	size_t header,
	    header_n;        /* with the empty line, as far as there is one */
	size_t body, body_n; /* without the line end before a boundary */
	uint32_t lines;      /* line ends in the body */
};

/*
 * Parse a whole message (RFC 2045, 2046, 5322; boundaries as Dovecot and Cyrus
 * read them: see docs/violations.md). Nothing is refused.
 *
 * msg  borrowed as long as the result is used
 * a    owner of the tree; MIME_ARENA_MAX is a good limit for it
 *
 * Returns the root, or NULL only when the arena is full at the start; when it
 * becomes full later the rest stays a leaf and further parameters are dropped.
 * O(msg.n) time.
 */
struct mime_part *mime_parse(struct view msg, struct arena *a) A_MUST_USE;

/* What stands in a part. */
static inline struct view
mime_header(struct view msg, const struct mime_part *p)
{
	return view_sub(msg, p->header, p->header_n);
}

static inline struct view
mime_body(struct view msg, const struct mime_part *p)
{
	return view_sub(msg, p->body, p->body_n);
}

/*
 * Find a part by its IMAP section numbers (RFC 9051 section 6.4.5).
 *
 * path  n numbers, "4.2.1" is {4, 2, 1}; n 0: the root
 *
 * In a message that is no multipart, 1 is its only part. NULL: no such part.
 * The part found for a message/rfc822 is that part; its HEADER and TEXT are
 * those of part->child.
 */
const struct mime_part *mime_find(
    const struct mime_part *root, const uint32_t *path, size_t n) A_MUST_USE;

/* The first parameter called name (ASCII case ignored); NULL: none. */
const struct mime_param *mime_param_find(
    const struct mime_param *list, struct view name) A_MUST_USE;

/* Without a tree: does a header say that its part is text, as one without a
 * Content-Type does? *charset: the parameter as it is written, borrowed; n 0:
 * none. */
bool mime_header_is_text(struct view header, struct view *charset) A_MUST_USE;

/* What a header is as a part of a report: message/global-headers when there is
 * UTF-8 in it (RFC 6533 section 4.3), else text/rfc822-headers (RFC 6522), whose
 * charset nobody knows when it is no ASCII (RFC 1428). */
const char *mime_type_of_header(struct view header);

/* True when type and subtype are these, ASCII case ignored; a NULL subtype
 * stands for any. */
bool mime_is(const struct mime_part *p, const char *type, const char *subtype)
    A_MUST_USE;

#endif
