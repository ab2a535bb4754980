#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * The configuration file. Strict: every line is understood or is an error with
 * file and line, and all errors are collected, not just the first.
 *
 *   file     = *( line LF )                  UTF-8, no control but tab and CRLF
 *   line     = [ header / setting ] [ comment ]      starts in the first column
 *   header   = "[" section [ " " name ] "]"  name: letters, digits, . _ @ -
 *   setting  = key "=" value                         blanks around "=" allowed
 *   value    = bare / quoted                 for a list: values with "," between
 *   bare     = to the end of the line, or to blank and "#"; no quotes inside
 *   quoted   = DQUOTE ... DQUOTE             with \" \\ \n \t
 *   comment  = "#" ...                       (these may be indented)
 *
 * Lines are never continued: an indented setting and a "\" at the end of a bare
 * value are errors. A section or key that comes twice in a file is an error.
 */
#define CONF_FILE_MAX (1024 * 1024) /* bytes of one file */
#define CONF_LINE_MAX 4096          /* bytes of one line */
#define CONF_ERRORS_MAX 50          /* errors kept; more are only counted */
#define CONF_NAME_MAX 64            /* bytes of the name of a section */
#define CONF_LIST_MAX 256           /* items of one list */
#define CONF_NAMED_MAX 1024         /* named sections in all */

enum conf_type {
	CONF_BOOL,     /* yes no on off true false */
	CONF_INT,      /* decimal, min..max */
	CONF_SIZE,     /* bytes; K M G T (1024 each), min..max */
	CONF_DURATION, /* ms; unit ms s m h d w required but for 0, min..max */
	CONF_STRING,   /* any text; min..max bytes when max > 0 */
	CONF_PATH,     /* absolute, or empty */
	CONF_LIST,     /* strings; min..max items when max > 0 */
	CONF_ENUM,     /* one of names */
};

enum conf_flags {
	CONF_REQUIRED = 1, /* must be in the file (in each section of the kind
	                    * that is there; a plain section always is) */
	CONF_SECRET = 2,   /* conf_show() hides the value */
	CONF_RESTART = 4,  /* takes effect when the program is started anew */
};

struct conf_setting {
	const char *section; /* of conf_section */
	const char *key;
	enum conf_type type;
	const char *def; /* as it would stand in the file; NULL: empty, 0, no */
	uint64_t min, max;
	const char *const *names; /* CONF_ENUM: ends with NULL */
	unsigned flags;
	const char *meaning; /* one or more plain sentences */
};

struct conf_section {
	const char *section;
	bool named; /* [section NAME], any number of them */
	const char *meaning;
};

/* The one table of a program; all of it static. */
struct conf_schema {
	const struct conf_section *sections;
	size_t section_count;
	const struct conf_setting *settings; /* those of a section together */
	size_t setting_count;
};

struct conf_error {
	const char *file; /* as given to conf_read(); "" for none */
	unsigned line;    /* from 1; 0: the file as a whole */
	const char *text; /* valid UTF-8, no control characters */
};

struct conf;

/* Everything at its default. schema must outlive it; a default that does not
 * fit its own setting is asserted. Never NULL. */
struct conf *conf_new(const struct conf_schema *schema);
void conf_free(struct conf **c);
#define AUTO_CONF __attribute__((cleanup(conf_free)))

/*
 * Read one text or file on top of what is there (a later file overrides an
 * earlier one). True when it had no error; a line with an error has no effect.
 * file  name for messages; copied
 */
bool conf_read(struct conf *c, struct view text, const char *file) A_MUST_USE;
/* A file that cannot be read, or is too long, is an error of line 0. */
bool conf_read_file(struct conf *c, const char *path) A_MUST_USE;
/* One setting from elsewhere (a command line); value as it stands in
 * a file behind the "=".
 * name NULL for a plain section. origin is for messages. */
bool conf_set(struct conf *c, const char *section, const char *name,
    const char *key, struct view value, const char *origin) A_MUST_USE;
/* After the last read: are all CONF_REQUIRED there? False adds the errors. */
bool conf_check(struct conf *c) A_MUST_USE;

/* Record an error of the caller's own checks, at the line of that setting (or
 * at none when it is at its default). */
void conf_fail(struct conf *c, const char *section, const char *name,
    const char *key, const char *fmt, ...) A_PRINTF(5, 6);

/* The errors in the order found; *n at most CONF_ERRORS_MAX. They live as long
 * as c. */
const struct conf_error *conf_errors(const struct conf *c, size_t *n);
/* All that were found, those that were not kept included. */
size_t conf_error_count(const struct conf *c);
/* "file:line: text" lines, and how many more there were. */
void conf_errors_put(const struct conf *c, struct buf *out);

/*
 * The value in force. section and key must be in the schema with that type,
 * and name be NULL for a plain section (asserted); a name that is not in the
 * file yields defaults. Strings live as long as c.
 */
bool conf_bool(const struct conf *c, const char *section, const char *name,
    const char *key);
/* CONF_INT, CONF_SIZE (bytes), CONF_DURATION (ms). */
uint64_t conf_num(const struct conf *c, const char *section, const char *name,
    const char *key);
/* CONF_STRING, CONF_PATH, CONF_ENUM; never NULL. */
const char *conf_str(const struct conf *c, const char *section,
    const char *name, const char *key);
/* CONF_ENUM: index into names. */
size_t conf_enum(const struct conf *c, const char *section, const char *name,
    const char *key);
/* CONF_LIST: *n items. */
const char *const *conf_list(const struct conf *c, const char *section,
    const char *name, const char *key, size_t *n);
/* Is it in a file (not merely at its default)? */
bool conf_given(const struct conf *c, const char *section, const char *name,
    const char *key);
/* Name of the i-th section of this kind in the order read; NULL: no more. */
const char *conf_name(const struct conf *c, const char *section, size_t i);

/*
 * Of what has changed, that which a running program cannot take over: settings
 * with CONF_RESTART whose values differ, as "[section NAME] key, …", and those
 * named sections with such settings that are only in one of the two, without a
 * key. Nothing when there is none. Both are of one schema (asserted).
 */
void conf_restart_put(
    const struct conf *running, const struct conf *now, struct buf *out);

/* Every setting in force with meaning and default, as a file that reads back to
 * the same values (hidden ones are comments), unless quoting made a line longer
 * than CONF_LINE_MAX. */
void conf_show(const struct conf *c, struct buf *out);
/* The part of a manual page (mdoc) that describes every section and setting,
 * to follow a .Sh line. */
void conf_man(const struct conf_schema *schema, struct buf *out);

#endif
