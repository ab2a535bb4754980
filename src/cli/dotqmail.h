#ifndef CLI_DOTQMAIL_H
#define CLI_DOTQMAIL_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * The language of .qmail files (dot-qmail(5) of qmail): bytes in, instructions
 * out, no I/O. cli/qmail_local.h carries them out.
 */
#define DOTQMAIL_FILE_MAX (256 * 1024) /* bytes of one file */
#define DOTQMAIL_LINE_MAX 8192         /* bytes of one line */
#define DOTQMAIL_LINES_MAX 4096        /* instructions of one file */
#define DOTQMAIL_NAME_MAX 255          /* bytes of a file's name */

enum dotqmail_kind {
	DOTQMAIL_PROGRAM, /* "|command": text is the command for sh -c */
	DOTQMAIL_FORWARD, /* "&address", or one that begins with a letter or
	                   * digit: text is the address */
	DOTQMAIL_MBOX,    /* "/…" or "./…": text is the path */
	DOTQMAIL_MAILDIR, /* the same with a slash at the end */
	DOTQMAIL_FUMI,    /* "fumi:MAILBOX": into the user's account; text is
	                   * the name of the mailbox */
	DOTQMAIL_LIST,    /* "+list": from here on only forwards */
};

struct dotqmail_line {
	enum dotqmail_kind kind;
	struct view text; /* in the file; without spaces and tabs at its end;
	                   * has no NUL, is not empty but for LIST */
	unsigned line;    /* from 1 */
};

enum dotqmail_result {
	DOTQMAIL_OK = 0,
	DOTQMAIL_END,     /* no more instructions */
	DOTQMAIL_BLANK,   /* the first line is blank */
	DOTQMAIL_UNKNOWN, /* a line that is no instruction */
	DOTQMAIL_LIMIT,   /* file, line or number of lines too large */
};

/* Walks a file. Zero it but for file. */
struct dotqmail {
	struct view file; /* what is left */
	unsigned line;    /* the last one taken */
	unsigned taken;   /* instructions so far */
};

/*
 * The next instruction; comments and blank lines are passed over. After
 * anything but DOTQMAIL_OK, q->line is the line that stopped it.
 */
enum dotqmail_result dotqmail_next(
    struct dotqmail *q, struct dotqmail_line *out) A_MUST_USE;

/*
 * The i-th name to try for a recipient: .qmail<dash><ext>, then for every dash
 * in ext from the right .qmail<dash><part>default, last .qmail<dash>default
 * (those only when dash is not empty). In ext capitals become small and dots
 * become colons.
 *
 * at  out; where in ext the part begins that "default" stands for, or ext.n for
 *     the first name
 * False when there is no i-th. A slash in ext becomes a colon too. A name that
 * would be longer than DOTQMAIL_NAME_MAX is that of no file: out is "", and those
 * behind it may do. A slash in dash, or a NUL, is in no names at all.
 */
bool dotqmail_name(struct view dash, struct view ext, unsigned i,
    char out[DOTQMAIL_NAME_MAX + 1], size_t *at) A_MUST_USE;

/* Octets of an address as they may stand in a header line: line feeds and NULs
 * become "_". */
void dotqmail_put_clean(struct buf *b, struct view v);

#endif
